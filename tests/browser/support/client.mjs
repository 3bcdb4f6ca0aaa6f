/* Bare Socket.IO clients of the chat: to see what is on the wire, and to have much said quickly. */
import { io } from "socket.io-client";

const PATIENCE = 40_000;
const open = new Set();

export function client(url, name, auth = {}, options = {}) {
  const token = `token0of0${name.toLowerCase()}0000`;
  const socket = io(url, { auth: { name, token, rooms: ["general"], ...auth }, forceNew: true, ...options });
  open.add(socket);
  socket.history = [];
  socket.live = [];
  socket.on("history", (batch) => socket.history.push(batch));
  socket.on("chat message", (message) => socket.live.push(message));
  return socket;
}

export function closeClients() {
  for (const socket of open) socket.close();
  open.clear();
}

/* The first argument of the next such event that accept takes. */
export function once(socket, event, accept = () => true) {
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`no ${event} within ${PATIENCE} ms`)), PATIENCE);
    const heard = (...args) => {
      if (!accept(...args)) return;
      clearTimeout(timer);
      socket.off(event, heard);
      done(args[0]);
    };
    socket.on(event, heard);
  });
}

export function say(socket, room, text, offset) {
  return socket.timeout(PATIENCE).emitWithAck("chat message", room, text, offset);
}

/* Says every text, at the pace the server allows. */
export async function sayAll(socket, room, texts) {
  for (const [i, text] of texts.entries())
    while (!(await say(socket, room, text, `${room} ${i}`)).ok) await new Promise((done) => setTimeout(done, 300));
}
