/* Words from data: initials, colours, times, days, links. Pure functions; nothing here touches state.
 *
 * Whatever another person wrote reaches the page as text nodes only, never as markup.
 */

const graphemes = "Segmenter" in Intl ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;

function first(word) {
  if (!graphemes) return [...word][0] ?? "";
  for (const { segment } of graphemes.segment(word)) return segment;
  return "";
}

/* One or two letters that stand for a name: "Ada Lovelace" is AL. */
export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const letters = words.length > 1 ? first(words[0]) + first(words.at(-1)) : first(words[0] ?? name);
  return letters.toLocaleUpperCase();
}

/* The same person has the same of eight colours everywhere. */
export function colourOf(id) {
  return `c${((Math.imul(id, 5) % 8) + 8) % 8}`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const thisYear = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const anyYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export const timeText = (at) => clock.format(at);
export const fullTime = (at) => full.format(at);

/* A key that is equal for two moments of the same local day. */
export function dayKey(at) {
  const d = new Date(at);
  return `${d.getFullYear()}-${d.getMonth() + 1}-${d.getDate()}`;
}

export function dayText(at) {
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (dayKey(at) === dayKey(today)) return "Today";
  if (dayKey(at) === dayKey(yesterday)) return "Yesterday";
  return (new Date(at).getFullYear() === today.getFullYear() ? thisYear : anyYear).format(at);
}

export const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;

/* "Ada", "Ada and Bob", "Ada, Bob and 2 others" */
export function nameList(names) {
  if (names.length <= 1) return names.join("");
  if (names.length === 2) return `${names[0]} and ${names[1]}`;
  return `${names[0]}, ${names[1]} and ${plural(names.length - 2, "other", "others")}`;
}

const address = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/giu;

/* Puts text into node, web addresses as links that tell their target nothing. */
export function fillText(node, text) {
  const parts = [];
  let done = 0;
  for (const match of text.matchAll(address)) {
    const link = document.createElement("a");
    link.href = match[0];
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    link.textContent = match[0];
    parts.push(text.slice(done, match.index), link);
    done = match.index + match[0].length;
  }
  node.replaceChildren(...parts, text.slice(done));
}

/* Length as the server counts it: in code points, not UTF-16 units. */
export function lengthOf(text) {
  let n = 0;
  for (const _ of text) n++;
  return n;
}
