/* What the tests of bad input share: a good client to show that the server is well, and its counters.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { within } from "./wait.mjs";

/* A client that comes, is served and goes, over each transport. */
export async function well(server) {
  server.check();
  for (const transports of [["websocket"], ["polling"]]) {
    const socket = io(server.url, { transports, forceNew: true, reconnection: false });
    try {
      const answer = await within(
        new Promise((done, fail) => {
          socket.once("connect_error", fail);
          socket.emit("reflect", "how are you", 1, done);
        }),
        "a good client's answer",
      );
      assert.equal(answer, "how are you");
    } finally {
      socket.disconnect();
    }
  }
}

/* A counter or gauge by its name and labels. */
export async function metric(server, name) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  assert.ok(line, `no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

/* Runs fn(item) for all, a few at a time. */
export async function each(items, fn, together = 20) {
  const rest = [...items.entries()];
  await Promise.all(Array.from({ length: together }, async () => {
    for (let next; (next = rest.shift()); ) await fn(next[1], next[0]);
  }));
}
