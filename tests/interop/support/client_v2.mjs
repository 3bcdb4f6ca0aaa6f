/* socket.io-client 2 against apps/socketio.lua.
 *
 * SPDX-License-Identifier: MIT
 */
import { test } from "node:test";
import io from "socket.io-client-v2";
import { within } from "./wait.mjs";

/* As scenario() of client.mjs, with clients of version 2. */
export function scenario_v2(server, name, fn, transports = ["websocket"]) {
  test(name, async () => {
    const open = [];
    const create = (namespace = "/", options = {}) => {
      const socket = io(server.url + namespace, { forceNew: true, transports, reconnection: false, ...options });
      open.push(socket);
      return socket;
    };
    const connect = async (namespace, options) => {
      const socket = create(namespace, options);
      await within(
        new Promise((done, fail) => {
          socket.once("connect", done);
          for (const event of ["error", "connect_error"]) socket.once(event, (e) => fail(e instanceof Error ? e : new Error(JSON.stringify(e))));
        }),
        "a connection",
      );
      return socket;
    };
    try {
      await fn({ create, connect });
    } finally {
      for (const socket of open) {
        socket.disconnect();
        socket.io.close();
      }
      server.check();
    }
  });
}
