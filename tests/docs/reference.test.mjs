/* docs/lua-api.md names everything that an application can reach, in the section it belongs to.
 *
 * apps/surface.lua looks into the objects themselves. docs/c-api.md has tests/library/surface.py for the same.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { Socket } from "engine.io-client";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { Server } from "../interop/support/server.mjs";
import { until } from "../interop/support/wait.mjs";
import { root, text } from "./support/blocks.mjs";

const SECTIONS = {
  "atrium": ["atrium"],
  "timer": ["Timers", "atrium"],
  "timer object": ["Timers"],
  "log": ["Log"],
  "json": ["json"],
  "sqlite": ["sqlite"],
  "database": ["sqlite"],
  "store": ["store"],
  "lease": ["store"],
  "bytes": ["atrium"],
  "io": ["io", "Namespaces"],
  "io.engine": ["io", "Engine.IO"],
  "namespace": ["Namespaces"],
  "adapter": ["Namespaces"],
  "operator": ["Operators"],
  "operator of a socket": ["Operators"],
  "socket": ["Sockets"],
  "flagged socket": ["Sockets"],
  "engine": ["Engine.IO"],
  "engine socket": ["Engine.IO"],
  "websocket": ["WebSocket", "Channels"],
  "http": ["HTTP"],
  "request": ["HTTP"],
  "response": ["HTTP"],
};

const server = new Server(join(root, "tests/docs/apps/surface.lua"));
let kinds;
before(async () => {
  await server.start();
  const engine = new Socket(`ws://localhost:${server.port}`);
  const socket = io(server.url);
  const ws = new WebSocket(`${server.ws}/ws`);
  after(() => {
    engine.close();
    socket.disconnect();
    ws.terminate();
  });
  await until(async () => {
    kinds = await (await fetch(`${server.url}/surface`)).json();
    return Object.keys(SECTIONS).every((kind) => kinds[kind]);
  }, "objects of every kind");
});
after(() => server.stop());

/* The words in code spans of each section, those of its subsections apart. */
function documented() {
  const sections = new Map();
  for (const part of text("docs/lua-api.md").replace(/^```[^]*?^```$/gmu, "").split(/^#{2,3} /mu).slice(1)) {
    const [title, ...lines] = part.split("\n");
    const spans = lines.join("\n").match(/`[^`]+`/gu) ?? [];
    sections.set(title, new Set(spans.flatMap((span) => span.match(/\w+/gu) ?? [])));
  }
  return sections;
}

for (const [kind, titles] of Object.entries(SECTIONS))
  test(`${kind}: everything is named under ${titles.join(" or ")}`, () => {
    const sections = documented();
    for (const title of titles) assert.ok(sections.has(title), `docs/lua-api.md has no section ${title}`);
    const unnamed = kinds[kind].filter((name) => !titles.some((title) => sections.get(title).has(name)));
    assert.deepEqual(unnamed, []);
  });

test("there is no other kind", () => assert.deepEqual(Object.keys(kinds).sort(), Object.keys(SECTIONS).sort()));
