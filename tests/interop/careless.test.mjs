// Applications that call things at the worst moment, and clients that leave then. Meant to be run under sanitizers.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe } from "node:test";
import WebSocket from "ws";
import { chance } from "./support/chance.mjs";
import { scenario } from "./support/client.mjs";
import { Polling, onWebsocket, query } from "./support/engine.mjs";
import { each, metric } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";
import { TEXT, Wire, frame } from "./support/wire.mjs";

const server = await serve("careless.lua", { expectErrors: true });
const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];

/* The server still serves, and what has gone is gone. */
async function fine(connect) {
  const socket = await connect();
  assert.equal(await within(socket.emitWithAck("alive"), "a sign of life"), "yes");
  server.check();
}

describe("inside a handler", () => {
  for (const what of ["disconnect", "close", "kick_all", "ack_gone", "ack_later", "ask_and_go", "ask_many_and_go", "throw_away"]) {
    scenario(server, `${what}: the client goes`, async ({ connect, create }) => {
      for (const transports of TRANSPORTS) {
        const socket = await connect("/", { transports, reconnection: false });
        const never = [];
        socket.on("never", (...args) => never.push(args));
        const lost = once(socket, "disconnect");
        socket.emit("do", what, () => never.push("an ack"));
        socket.emit("do", what, () => never.push("an ack"));
        await lost;
        assert.deepEqual(never, []);
      }
      await fine(connect);
      void create;
    });
  }

  for (const [what, answer] of [["ack_twice", 1], ["timer_storm", 1000], ["spawn_storm", 2000]]) {
    scenario(server, what, async ({ connect }) => {
      const socket = await connect();
      assert.equal(await within(socket.emitWithAck("do", what), "an answer"), answer);
      await fine(connect);
    });
  }

  for (const what of ["off", "listen_forever", "deep_emit"]) {
    scenario(server, what, async ({ connect }) => {
      const socket = await connect();
      socket.emit("do", what);
      if (what === "off") assert.equal(await within(socket.emitWithAck("do", "x"), "an answer"), "new");
      else assert.equal(await within(socket.emitWithAck("alive"), "an answer"), "yes");
      await fine(connect);
    });
  }

  scenario(server, "sockets that were kept after they had gone", async ({ connect }) => {
    for (let i = 0; i < 5; i++) {
      const socket = await connect("/", { reconnection: false });
      const lost = once(socket, "disconnect");
      socket.emit("do", "throw_away");
      await lost;
    }
    assert.ok((await (await connect()).emitWithAck("do", "use_kept")) >= 5);
    await fine(connect);
  });

  scenario(server, "a namespace made while running", async ({ connect, create }) => {
    const main = await connect();
    const name = await main.emitWithAck("do", "new_namespace");
    const socket = create(name, { reconnection: false });
    await once(socket, "disconnect");
    await fine(connect);
  });

  scenario(server, "an engine made while running, closed under its sessions", async ({ connect }) => {
    const main = await connect();
    const path = await main.emitWithAck("do", "new_engine");
    const wire = await onWebsocket(server, `${path}/`);
    wire.write(Buffer.concat([frame(TEXT, "4close"), frame(TEXT, "4close")]));
    assert.equal(await wire.text(), "4close");
    await wire.frame();
    wire.destroy();
    const s = await Polling.to(server, `${path}/`), other = await onWebsocket(server, `${path}/`);
    const poll = s.get();
    await sleep(20);
    await s.post("4all");
    await (await poll).text();
    await other.frame().catch(() => {});
    other.destroy();
    assert.ok((await fetch(`${server.url}${path}/?${query("polling")}`)).status >= 400);
    await fine(connect);
  });
});

describe("at the door", () => {
  scenario(server, "next() twice counts once", async ({ connect }) => {
    const socket = await connect("/next-twice");
    assert.equal(await socket.emitWithAck("alive"), "yes");
  });

  scenario(server, "next() late, and the client gone meanwhile", async ({ create, connect }) => {
    for (let i = 0; i < 10; i++) {
      const socket = create("/next-late", { transports: TRANSPORTS[i % 3], reconnection: false });
      await once(socket.io, "open");
      await sleep(i * 3);
      socket.io._close();
    }
    assert.equal(await (await connect("/next-late")).emitWithAck("alive"), "yes");
  });

  scenario(server, "next() never: the client waits, others do not", async ({ create, connect }) => {
    const waiting = create("/next-never"), lost = create("/parent-never");
    await fine(connect);
    assert.equal(waiting.connected || lost.connected, false);
  });

  for (const namespace of ["/disconnects-in-use", "/disconnects-then-waits", "/disconnects-at-the-door", "/kicks-at-the-door"]) {
    scenario(server, namespace.slice(1), async ({ create, connect }) => {
      for (const transports of TRANSPORTS) {
        const socket = create(namespace, { transports, reconnection: false });
        await within(new Promise((done) => {
          for (const event of ["disconnect", "connect_error", "connect"]) socket.once(event, done);
          socket.io.once("close", done);
        }), "an outcome");
        await sleep(10);
      }
      await fine(connect);
    });
  }

  for (const namespace of ["/raises-in-use", "/refuses-oddly", "/refuses-with-number", "/emits-in-use", "/parent-twice"]) {
    scenario(server, namespace.slice(1), async ({ create, connect }) => {
      const socket = create(namespace, { reconnection: false });
      await within(new Promise((done) => socket.once("connect", done).once("connect_error", done).once("disconnect", done)), "an outcome");
      await fine(connect);
    });
  }
});

describe("clients that leave at the worst moment", () => {
  scenario(server, "at random, in the middle of everything", async ({ connect }) => {
    const random = chance(77);
    const orders = ["disconnect", "close", "ack_later", "ask_and_go", "ask_many_and_go", "off", "listen_forever", "throw_away", "deep_emit", "spawn_storm", "use_kept"];
    const doors = ["/", "/", "/next-late", "/next-twice", "/disconnects-then-waits", "/emits-in-use", "/parent-twice", "/kicks-at-the-door"];
    await each(Array.from({ length: 300 }), async () => {
      const socket = new WebSocket(`${server.ws}/socket.io/?${query("websocket")}`);
      socket.on("error", () => {});
      await once(socket, "open");
      const name = doors[random() % doors.length];
      const prefix = name === "/" ? "" : `${name},`;
      socket.send(`40${prefix}`);
      if (random() % 2) await sleep(random() % 5);
      for (let n = random() % 4; n > 0 && socket.readyState === WebSocket.OPEN; n--)
        socket.send(`42${prefix}${n}["do","${orders[random() % orders.length]}"]`);
      if (random() % 2) await sleep(random() % 40);
      if (random() % 2) socket.terminate();
      else socket.close();
    }, 15);
    await fine(connect);
  });

  scenario(server, "while an HTTP handler waits", async ({ connect }) => {
    await each(Array.from({ length: 100 }, (_, i) => i), async (i) => {
      const wire = await Wire.to(server.port);
      wire.write(`GET /slow/${i % 10} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3));
      await sleep(i % 12);
      wire.destroy();
    });
    await fine(connect);
  });

  scenario(server, "and nothing of them is left", async ({ connect }) => {
    await fine(connect);
    await until(async () => (await metric(server, 'atrium_engine_sessions{transport="websocket"}')) <= 1, "WebSockets to be gone");
  });
});
