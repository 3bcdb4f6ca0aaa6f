/* What stands around the conversation: rooms, people, connection state, drawers on narrow screens, theme. */
import { colourOf, initials, plural } from "./text.js";

const $ = (id) => document.getElementById(id);
const clone = (id) => $(id).content.firstElementChild.cloneNode(true);

/* Brings list in line with items by key, keeping elements (and so keyboard focus) that stay. */
function syncList(list, items, key, make, update) {
  const old = new Map([...list.children].map((node) => [node.dataset.key, node]));
  let next = list.firstChild;
  for (const item of items) {
    const k = String(key(item));
    let node = old.get(k);
    if (!node) {
      node = make(item);
      node.dataset.key = k;
    }
    old.delete(k);
    update(node, item);
    if (node === next) next = next.nextSibling;
    else list.insertBefore(node, next);
  }
  for (const node of old.values()) node.remove();
}

function setBadge(badge, count, more) {
  badge.hidden = count === 0;
  badge.textContent = count === 0 ? "" : count > 99 || more ? `${Math.min(count, 99)}+` : String(count);
}

/* joined: Room[]; others: [{ name, people }] */
export function showRooms(joined, others, current, open, join) {
  syncList($("rooms"), joined, (r) => r.name, (r) => {
    const node = clone("t-room");
    node.querySelector(".room-name").textContent = r.name;
    node.querySelector(".room").addEventListener("click", () => open(r.name));
    return node;
  }, (node, r) => {
    const button = node.querySelector(".room");
    const unread = r.unread();
    if (r === current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    button.classList.toggle("unread", unread > 0);
    button.setAttribute("aria-label", unread ? `${r.name}, ${plural(unread, "unread message", "unread messages")}` : r.name);
    setBadge(node.querySelector(".badge"), r === current ? 0 : unread, r.more && unread === r.messages.length);
  });
  syncList($("others"), others, (r) => r.name, (r) => {
    const node = clone("t-room");
    node.querySelector(".room").classList.add("open");
    node.querySelector(".room-name").textContent = r.name;
    node.querySelector(".room").addEventListener("click", () => join(r.name));
    return node;
  }, (node, r) => {
    const people = node.querySelector(".badge");
    people.hidden = false;
    people.textContent = r.people ? `${r.people} here` : "empty";
    node.querySelector(".room").setAttribute("aria-label", `Join ${r.name}, ${plural(r.people, "person", "people")} there`);
  });
  $("others-empty").hidden = others.length > 0;

  const elsewhere = joined.reduce((n, r) => n + (r === current ? 0 : r.unread()), 0);
  $("menu-badge").hidden = elsewhere === 0;
  $("open-side-text").textContent = elsewhere ? `Rooms, ${plural(elsewhere, "unread message", "unread messages")}` : "Rooms";
}

export function showPeople(room, me) {
  const people = [...room.people].map(([id, name]) => ({ id, name }));
  people.sort((a, b) => (b.id === me.id) - (a.id === me.id) || a.name.localeCompare(b.name));
  syncList($("people-list"), people, (p) => p.id, () => clone("t-person"), (node, p) => {
    node.className = `person ${colourOf(p.id)}`;
    node.querySelector(".avatar").textContent = initials(p.name);
    node.querySelector(".person-name").textContent = p.name;
    node.querySelector(".person-note").textContent = p.id === me.id ? "you" : room.typing.has(p.id) ? "typing" : "";
  });
  $("people-count").textContent = String(people.length);
  $("people-title").textContent = people.length ? `Here now · ${people.length}` : "Here now";
  $("people-empty").hidden = people.length !== 1;
}

export function showYou(me) {
  $("you-name").textContent = me.name;
  $("you-avatar").textContent = initials(me.name);
  $("you-avatar").className = `avatar ${colourOf(me.id ?? 0)}`;
}

const STATUS = {
  connecting: ["Connecting…", ""],
  online: ["Connected", ""],
  reconnecting: ["Reconnecting…", "The connection was lost. Trying to get it back…"],
  offline: ["Offline", "You are offline. What you write is kept and sent when you are back."],
  closed: ["Disconnected", "The server ended the connection."],
};

export function showStatus(state) {
  const [short, long] = STATUS[state];
  document.body.dataset.connection = state;
  $("status-text").textContent = short;
  $("notice").hidden = !long;
  $("notice-text").textContent = long;
  $("try-now").textContent = state === "closed" ? "Connect again" : "Try now";
}

/* On narrow screens the two side panels are drawers: one at a time, Escape closes, focus stays inside. */
const DRAWERS = {
  side: { opener: $("open-side"), narrow: matchMedia("(max-width: 719.98px)") },
  people: { opener: $("open-people"), narrow: matchMedia("(max-width: 1119.98px)") },
};
let opened = null;

function applyDrawers() {
  for (const [name, { opener, narrow }] of Object.entries(DRAWERS)) {
    if (opened === name && !narrow.matches) opened = null;
    $(name).inert = narrow.matches && opened !== name;
    opener.setAttribute("aria-expanded", String(opened === name));
    $(name).classList.toggle("is-open", opened === name);
  }
  $("open-people").disabled = !DRAWERS.people.narrow.matches;
  $("main").inert = opened !== null;
  document.querySelector(".skip").inert = opened !== null;
  if (opened === "people") $("side").inert = true;
  document.body.classList.toggle("has-drawer", opened !== null);
}

export function closeDrawer(refocus = true) {
  if (!opened) return;
  const { opener } = DRAWERS[opened];
  opened = null;
  applyDrawers();
  if (refocus) opener.focus();
}

export function setUpDrawers() {
  for (const [name, { opener, narrow }] of Object.entries(DRAWERS)) {
    opener.addEventListener("click", () => {
      opened = name;
      applyDrawers();
      $(name).querySelector(".drawer-close").focus();
    });
    narrow.addEventListener("change", applyDrawers);
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-action=close-drawer]")) closeDrawer();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened) closeDrawer();
  });
  applyDrawers();
}

export function setUpTheme() {
  const buttons = document.querySelectorAll("[data-action=theme]");
  const show = () => {
    const dark = window.chatTheme.current === "dark";
    for (const button of buttons) {
      button.querySelector("use").setAttribute("href", dark ? "#i-sun" : "#i-moon");
      button.setAttribute("aria-label", dark ? "Switch to the light theme" : "Switch to the dark theme");
    }
  };
  for (const button of buttons)
    button.addEventListener("click", () => {
      window.chatTheme.toggle();
      show();
    });
  window.chatTheme.system.addEventListener("change", show);
  show();
}
