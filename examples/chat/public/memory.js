/* What this browser remembers: names used here with the secret that proves each, rooms, what was read.
 *
 * A name belongs to a secret token that only the server sees, so a second tab with another name is another
 * person, and the same name is the same person again. Storage may be refused: then the page just forgets.
 */
const NAMES_KEPT = 8;

function read(store, key, otherwise) {
  try {
    return JSON.parse(window[store].getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(store, key, value) {
  try {
    if (value === null) window[store].removeItem(key);
    else window[store].setItem(key, JSON.stringify(value));
  } catch { /* full or refused */ }
}

export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

const keyOf = (name) => name.toLowerCase();

/* The last name chosen in this browser, to be offered again. */
export const lastName = () => String(read("localStorage", "chat.name", ""));

/* The name this tab is in with: a reload goes straight back. */
export const tabName = () => read("sessionStorage", "chat.name", null);

/* The token of name, made on first use. */
export function tokenOf(name) {
  const known = new Map(read("localStorage", "chat.tokens", []));
  const token = known.get(keyOf(name)) ?? randomId();
  known.delete(keyOf(name));
  known.set(keyOf(name), token);                      /* last used, last forgotten */
  write("localStorage", "chat.tokens", [...known].slice(-NAMES_KEPT));
  return token;
}

export function rememberName(name, token) {
  const known = new Map(read("localStorage", "chat.tokens", []).filter(([, t]) => t !== token));
  known.set(keyOf(name), token);
  write("localStorage", "chat.tokens", [...known].slice(-NAMES_KEPT));
  write("localStorage", "chat.name", name);
  write("sessionStorage", "chat.name", name);
}

export const forgetTab = () => write("sessionStorage", "chat.name", null);

/* { rooms: [name], current, readTo: { room: id } } of the person with this token. */
export const placeOf = (token) => ({ rooms: [], current: null, readTo: {}, ...read("localStorage", `chat.place.${token.slice(0, 8)}`, {}) });
export const keepPlace = (token, place) => write("localStorage", `chat.place.${token.slice(0, 8)}`, place);

/* Messages not yet confirmed: a reload sends them again, and the server drops what it had got. */
export const outbox = () => read("sessionStorage", "chat.outbox", []);
export const keepOutbox = (list) => write("sessionStorage", "chat.outbox", list.length ? list : null);
