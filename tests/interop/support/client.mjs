/* socket.io-client against apps/socketio.lua.
 *
 * SPDX-License-Identifier: MIT
 */
import { test } from "node:test";
import { io } from "socket.io-client";
import { until, within } from "./wait.mjs";

export const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], both: ["polling", "websocket"] };

/* A test with sockets, which are closed when it ends. Each has a connection of its own unless it says otherwise. */
export function scenario(server, name, fn) {
  test(name, async (t) => {
    const open = [];
    const create = (namespace = "/", options = {}) => {
      const socket = io(server.url + namespace, { forceNew: true, transports: ["websocket"], ...options });
      open.push(socket);
      return socket;
    };
    const connect = async (namespace, options) => {
      const socket = create(namespace, options);
      await within(
        new Promise((done, fail) => {
          socket.once("connect", done);
          socket.once("connect_error", fail);
        }),
        "a connection",
      );
      return socket;
    };
    try {
      await fn({ t, create, connect, many: (n, ...args) => Promise.all(Array.from({ length: n }, () => connect(...args))) });
    } finally {
      for (const socket of open) {
        socket.disconnect();
        socket.io._close();
      }
      server.check();
    }
  });
}

/* What the server answers to an order of apps/socketio.lua: its first value, or all. */
export function order(socket, ...args) {
  return within(new Promise((done) => socket.emit("order", ...args, done)), `the answer to "${args[0]}"`);
}

export function order_all(socket, ...args) {
  return within(new Promise((done) => socket.emit("order", ...args, (...values) => done(values))), `the answer to "${args[0]}"`);
}

/* Everything that comes in under that event, as lists of arguments, and a way to know that all has come: what the
 * server sends to one socket arrives in order, so the answer to an order is the last. */
export function collect(socket, event) {
  const got = [];
  socket.on(event, (...args) => got.push(args.length === 1 ? args[0] : args));
  return got;
}

export async function settled(...sockets) {
  await Promise.all(sockets.map((socket) => order(socket, "nothing")));
}

/* What the server knows of a socket that has gone, once it has. */
export async function gone(server, id) {
  let state;
  await until(async () => (state = await (await fetch(`${server.url}/gone/${id}`)).json())?.reason, `the end of ${id}`);
  return state;
}
