/* The chat page: one Socket.IO connection, the rooms it is in, and what the person does.
 *
 * Start reading at enter(), then connection(). room.js holds what is known of a room, log.js and panels.js show it.
 *
 * How nothing is lost or doubled:
 *   - every emit waits for an acknowledgement and is repeated (options retries and ackTimeout); a message carries a
 *     clientOffset that stays the same in every repeat, so the server stores it once;
 *   - after a cut, auth.serverOffset tells for each room the last message seen, and the server replays the rest.
 */
import { Room } from "./room.js";
import { Log } from "./log.js";
import * as memory from "./memory.js";
import * as panels from "./panels.js";
import { lengthOf, nameList } from "./text.js";

const $ = (id) => document.getElementById(id);
const NAME_MAX = 24, ROOM_MAX = 32, TEXT_MAX = 2000;
const TYPING_SHOWN = 5000, TYPING_SENT = 2000;
const HOME = "general";
const UNANSWERED = "The server did not answer.";

const me = { id: null, name: "", token: "" };
const rooms = new Map();
const joining = new Map();          /* rooms asked for; what they say already arrives */
let current = null;                 /* the room on screen */
let listed = [];                    /* every room the server told of: { name, people } */
let socket = null;
let entering = false;
let asked = null;                   /* the room in the page's address, until we are in */
const run = memory.randomId().slice(0, 12);
let sent = 0;

const log = new Log({
  earlier: showEarlier,
  retry: (offset) => withPending(offset, deliver),
  discard: (offset) => withPending(offset, (room, p) => {
    room.pending = room.pending.filter((other) => other !== p);
    outboxChanged();
    log.render();
    $("draft").focus();
  }),
  read: markRead,
});

/* ---- entering ---- */

function showView(view) {
  document.body.dataset.view = view;
  $("entry").inert = view !== "entry";
  $("chat").inert = view !== "chat";
}

function showEntry(error = "") {
  entering = false;
  showView("entry");
  $("entry-name").value ||= me.name || memory.lastName();
  $("entry-error").textContent = error;
  $("entry-go").textContent = "Enter";
  $("entry-name").focus();
  $("entry-name").select();
}

function checkName(name) {
  if (!name) return "Choose a name first.";
  return lengthOf(name) > NAME_MAX ? `A name has at most ${NAME_MAX} characters.` : "";
}

function enter(name) {
  me.name = name;
  me.token = memory.tokenOf(name);
  me.id = null;
  rooms.clear();
  const place = memory.placeOf(me.token);
  for (const r of place.rooms.length ? place.rooms : [HOME]) addRoom(r);
  const wanted = roomInAddress();
  asked = wanted && !rooms.has(wanted) ? wanted : null;
  for (const [r, id] of Object.entries(place.readTo)) if (rooms.has(r)) rooms.get(r).readTo = id;
  for (const { room, ...p } of memory.outbox()) if (rooms.has(room)) rooms.get(room).pending.push({ ...p, state: "sending" });
  openRoom([wanted, place.current].find((r) => rooms.has(r)) ?? rooms.keys().next().value, false);
  panels.showYou(me);
  panels.showStatus("connecting");
  if (socket) socket.disconnect().connect();
  else connection();
  for (const room of rooms.values()) for (const p of room.pending) deliver(room, p);
}

/* ---- the connection ---- */

function credentials() {
  const serverOffset = {};
  for (const room of rooms.values()) if (room.offset !== null) serverOffset[room.name] = room.offset;
  return { name: me.name, token: me.token, rooms: [...rooms.keys()], serverOffset };
}

function connection() {
  socket = window.io({
    auth: (send) => send(credentials()),
    retries: 3,
    ackTimeout: 5000,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
  });

  socket.on("welcome", (you) => {
    Object.assign(me, you);
    memory.rememberName(me.name, me.token);
    panels.showYou(me);
    panels.showStatus("online");
    if (document.body.dataset.view !== "chat" || entering) {
      entering = false;
      showView("chat");
      $("draft").focus();
    }
    if (asked) joinRoom(asked);
    asked = null;
  });
  socket.on("disconnect", (reason) => {
    for (const room of rooms.values()) room.lost();
    lost(reason === "io server disconnect" ? "closed" : "reconnecting");
    showTyping();
  });
  socket.on("connect_error", (error) => {
    if (socket.active) return lost(me.id === null ? "connecting" : "reconnecting");
    memory.forgetTab();                               /* the server refused, and said why */
    showEntry(error.message);
  });
  window.addEventListener("offline", () => socket.connected || lost("offline"));
  window.addEventListener("online", tryNow);

  socket.on("rooms", (list) => {
    listed = list;
    showRooms();
  });
  socket.on("history", (batch) => inRoom(batch.room, (room) => {
    room.replay({ ...batch, messages: batch.messages.map(mark) });
    arrived(room);
  }));
  socket.on("chat message", (message) => inRoom(message.room, (room) => {
    room.typing.delete(message.user);
    if (room.receive(mark(message))) arrived(room);
  }));
  socket.on("members", (name, people) => inRoom(name, (room) => {
    room.people = new Map(people.map((p) => [p.id, p.name]));
  }));
  socket.on("joined", (name, person) => inRoom(name, (room) => room.people.set(person.id, person.name)));
  socket.on("left", (name, id) => inRoom(name, (room) => {
    room.people.delete(id);
    room.typing.delete(id);
  }));
  socket.on("renamed", (id, name) => {
    if (id === me.id) {
      me.name = name;
      memory.rememberName(name, me.token);
      panels.showYou(me);
    }
    for (const room of rooms.values()) if (room.people.has(id)) room.people.set(id, name);
    showPeople();
  });
  socket.on("typing", (name, id, who, on) => inRoom(name, (room) => {
    if (on && id !== me.id) room.typing.set(id, { name: who, until: Date.now() + TYPING_SHOWN });
    else room.typing.delete(id);
  }));
}

function lost(state) {
  if (state !== "closed" && !navigator.onLine) state = "offline";
  panels.showStatus(state);
  if (entering && state !== "closed") $("entry-error").textContent = "The chat cannot be reached. Still trying…";
}

/* Ends the wait before the next attempt. */
function tryNow() {
  if (!socket || socket.connected || document.body.dataset.view !== "chat") return;
  panels.showStatus(me.id === null ? "connecting" : "reconnecting");
  socket.disconnect().connect();
}

const mark = (message) => ({ ...message, mine: message.user === me.id });

/* Runs what for a room we are still in, then shows its people and typists if it is on screen. */
function inRoom(name, what) {
  const room = rooms.get(name) ?? joining.get(name);
  if (!room) return;
  what(room);
  if (room !== current) return;
  showPeople();
  showTyping();
}

/* ---- rooms ---- */

function addRoom(name) {
  if (!rooms.has(name)) rooms.set(name, new Room(name));
  return rooms.get(name);
}

/* As the server writes it. */
function roomName(text) {
  return text.trim().replace(/^#+/u, "").replace(/\s+/gu, "-").replace(/[A-Z]/gu, (c) => c.toLowerCase());
}

function checkRoom(name) {
  if (!name) return "Give the room a name.";
  if (lengthOf(name) > ROOM_MAX) return `A room name has at most ${ROOM_MAX} characters.`;
  return /[\x00-\x2c\x2f\x3a-\x5e\x60\x7b-\x7f]/u.test(name)
    ? "A room name has only letters, digits, dots, dashes and underscores." : "";
}

function roomInAddress() {
  try {
    return roomName(decodeURIComponent(location.hash.match(/^#\/(.+)$/u)?.[1] ?? "")) || null;
  } catch {
    return null;
  }
}

function openRoom(name, focus = true) {
  const room = addRoom(name);
  if (current && current !== room) {
    current.draft = $("draft").value;
    stopTyping();
    current.divider = null;
  }
  current = room;
  if (room.unread()) room.divider = room.readTo;
  history.replaceState(null, "", `#/${encodeURIComponent(name)}`);
  $("room-title").textContent = name;
  $("log").setAttribute("aria-label", `Messages in ${name}`);
  $("draft-label").textContent = `Message to ${name}`;
  $("draft").placeholder = `Message #${name}`;
  $("draft").value = room.draft;
  draftChanged();
  log.open(room);
  markRead();
  showRooms();
  showPeople();
  showTyping();
  keepPlace();
  if (focus) $("draft").focus();
}

/* Joins by name; the server has the last word on whether and how it may be written. */
function joinRoom(wanted) {
  const guess = roomName(wanted), wrong = checkRoom(guess);
  $("join-error").textContent = wrong;
  if (wrong) return;
  if (rooms.has(guess)) return joined(guess);
  joining.set(guess, new Room(guess));
  socket.emit("join", guess, (error, reply) => {
    const room = joining.get(guess);
    joining.delete(guess);
    if (error || reply.error) {
      $("join-error").textContent = error ? UNANSWERED : reply.error;
      if (!current) openRoom(HOME);
      return;
    }
    if (reply.room !== guess) return joinRoom(reply.room);
    if (room && !rooms.has(guess)) rooms.set(guess, room);
    joined(guess);
  });
}

function joined(name) {
  $("join-name").value = "";
  panels.closeDrawer(false);
  openRoom(name);
}

function leaveRoom() {
  const { name } = current;
  const names = [...rooms.keys()];
  rooms.delete(name);
  current = null;
  socket.emit("leave", name, () => {});
  outboxChanged();
  if (rooms.size) openRoom(names[names.indexOf(name) + 1] ?? names.at(-2));
  else if (socket.connected) joinRoom(HOME);
  else openRoom(HOME);                                /* auth.rooms takes us in when we are back */
}

function showRooms() {
  const others = listed.filter((r) => !rooms.has(r.name));
  panels.showRooms([...rooms.values()], others, current, (name) => {
    panels.closeDrawer(false);
    openRoom(name);
  }, joinRoom);
  $("leave").disabled = rooms.size === 1 && rooms.has(HOME);
  let unread = 0;
  for (const room of rooms.values()) unread += room.unread();
  document.title = `${unread ? `(${unread}) ` : ""}#${current?.name ?? HOME} · Atrium chat`;
}

const showPeople = () => current && panels.showPeople(current, me);

function keepPlace() {
  const readTo = {};
  for (const room of rooms.values()) if (room.readTo !== null) readTo[room.name] = room.readTo;
  memory.keepPlace(me.token, { rooms: [...rooms.keys()], current: current?.name ?? null, readTo });
}

/* ---- reading ---- */

function arrived(room) {
  if (room !== current) return showRooms();
  const reading = log.stick && !document.hidden;
  if (!reading && room.unread() > 0) room.divider ??= room.readTo;
  if (reading) room.trim();
  log.render();
  markRead();
}

/* What is on screen, with the person looking and at the end of it, counts as read. */
function markRead() {
  if (!current || document.hidden || !log.stick || current.readTo === null) return;
  if (current.lastId > current.readTo) {
    current.readTo = current.lastId;
    keepPlace();
  }
  showRooms();
}

function showEarlier() {
  const room = current, before = room.messages[0]?.id;
  if (!before) return;
  const button = $("earlier-button");
  button.textContent = "Fetching…";
  socket.emit("earlier", room.name, before, (error, reply) => {
    button.textContent = error || reply.error ? "That did not work. Try again" : "Show earlier messages";
    if (error || reply.error) return;
    log.stick = false;
    room.prepend(reply.messages.map(mark), reply.more);
    if (room === current) log.render();
    if (!room.more) $("log").focus({ preventScroll: true });
  });
}

/* ---- writing ---- */

function send() {
  const text = $("draft").value.trim();
  if (!text || lengthOf(text) > TEXT_MAX) return;
  const p = { clientOffset: `${run}-${sent++}`, text, at: Date.now(), state: "sending" };
  current.pending.push(p);
  current.divider = null;
  $("draft").value = "";
  draftChanged();
  stopTyping();
  outboxChanged();
  log.render();
  log.toEnd();
  deliver(current, p);
}

/* May be called again for the same message: its clientOffset lets the server store it once. */
function deliver(room, p) {
  p.state = "sending";
  p.error = undefined;
  if (room === current) log.render();
  socket.emit("chat message", room.name, p.text, p.clientOffset, (error, reply) => {
    if (error || reply.error) {
      p.state = "failed";
      p.error = error ? UNANSWERED : reply.error;
    } else {
      room.add({ id: reply.id, at: reply.at, user: me.id, name: me.name, text: p.text, clientOffset: p.clientOffset, mine: true });
    }
    outboxChanged();
    if (room === current) log.render();
    markRead();
  });
}

function withPending(offset, what) {
  const p = current.pending.find((other) => other.clientOffset === offset);
  if (p) what(current, p);
}

function outboxChanged() {
  memory.keepOutbox([...rooms.values()].flatMap((room) =>
    room.pending.map(({ clientOffset, text, at }) => ({ room: room.name, clientOffset, text, at }))));
}

let typingSent = 0;                 /* when we last said that we are typing; 0: we are not */

function draftChanged() {
  const draft = $("draft"), n = lengthOf(draft.value.trim());
  if (!CSS.supports("field-sizing", "content")) {
    draft.style.height = "auto";
    if (draft.scrollHeight) draft.style.height = `${draft.scrollHeight}px`;
  }
  const over = n - TEXT_MAX;
  $("counter").textContent = over > 0 ? `${over} too many` : over > -200 ? `${-over} left` : "";
  $("counter").classList.toggle("over", over > 0);
  $("send").setAttribute("aria-disabled", String(n === 0 || over > 0));
}

function sayTyping() {
  if (!$("draft").value.trim()) return stopTyping();
  if (!socket?.connected || Date.now() - typingSent < TYPING_SENT) return;
  typingSent = Date.now();
  socket.volatile.emit("typing", current.name, true);
}

function stopTyping() {
  if (typingSent && socket?.connected) socket.volatile.emit("typing", current.name, false);
  typingSent = 0;
}

function showTyping() {
  const names = current?.typists(Date.now()) ?? [];
  const text = names.length ? `${nameList(names)} ${names.length === 1 ? "is" : "are"} typing` : "";
  if ($("typing").textContent === text) return;
  $("typing").textContent = text;
  showPeople();
}

/* ---- what the person does ---- */

$("entry-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("entry-name").value.replace(/\s+/gu, " ").trim();
  const wrong = checkName(name);
  $("entry-error").textContent = wrong;
  if (wrong) return $("entry-name").focus();
  entering = true;
  $("entry-go").textContent = "Entering…";
  enter(name);
});
$("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  joinRoom($("join-name").value);
});
$("join-name").addEventListener("input", () => ($("join-error").textContent = ""));
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
  $("draft").focus();
});
$("draft").addEventListener("input", () => {
  draftChanged();
  sayTyping();
});
$("draft").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
$("leave").addEventListener("click", leaveRoom);
$("try-now").addEventListener("click", tryNow);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("log").focus();
});

$("rename-open").addEventListener("click", () => {
  $("rename-name").value = me.name;
  $("rename-error").textContent = "";
  $("rename").showModal();
  $("rename-name").select();
});
$("rename-cancel").addEventListener("click", () => $("rename").close());
$("rename-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("rename-name").value.replace(/\s+/gu, " ").trim();
  const wrong = checkName(name);
  $("rename-error").textContent = wrong;
  if (wrong) return;
  socket.emit("name", name, (error, reply) => {
    if (error || reply.error) $("rename-error").textContent = error ? UNANSWERED : reply.error;
    else $("rename").close();
  });
});

window.addEventListener("hashchange", () => {
  const name = roomInAddress();
  if (!name || document.body.dataset.view !== "chat" || name === current?.name) return;
  if (rooms.has(name)) openRoom(name);
  else joinRoom(name);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !current) return;
  log.render();                                       /* "Today" may have become "Yesterday" */
  markRead();
});
setInterval(showTyping, 1000);

panels.setUpDrawers();
panels.setUpTheme();
if (!window.io) {
  showView("entry");
  $("entry-form").inert = true;
  $("entry-error").textContent = "The Socket.IO client could not be loaded. Is the server still running? Load the page again.";
} else if (memory.tabName()) {
  showView("chat");
  enter(memory.tabName());
} else {
  showEntry();
}
