// Socket.IO with other settings than the usual ones; shutting down; clients and networks that misbehave at random.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import { chance } from "./support/chance.mjs";
import { collect, scenario } from "./support/client.mjs";
import { metric, well } from "./support/hostile.mjs";
import { lag } from "./support/lag.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";

const server = await serve("options.lua");
const PATH = { path: "/live/chat" };

describe("settings from the script", () => {
  scenario(server, "path: clients find it there, over each transport, and nowhere else", async ({ connect }) => {
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      const socket = await connect("/", { ...PATH, transports });
      assert.deepEqual(await within(socket.emitWithAck("heard"), "an ack"), 0);
    }
    assert.equal((await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`)).status, 404);
  });

  test("the browser client is served beside it, with the same CORS", async () => {
    const got = await fetch(`${server.url}/live/chat/socket.io.min.js`, { headers: { Origin: "http://two.test" } });
    assert.equal(got.status, 200);
    assert.equal(got.headers.get("access-control-allow-origin"), "http://two.test");
    assert.equal(got.headers.get("access-control-allow-credentials"), "true");
    const require = createRequire(import.meta.url);
    const file = path.join(path.dirname(require.resolve("socket.io-client/package.json")), "dist/socket.io.min.js");
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(fs.readFileSync(file)));
  });

  scenario(server, "allowRequest, at once and later", async ({ connect, create }) => {
    await connect("/", { ...PATH, query: { word: "yes" } });
    await connect("/", { ...PATH, query: { word: "slowly" } });
    for (const word of ["no", "slowly no", "why"]) {
      for (const transports of [["polling"], ["websocket"]]) {
        const [error] = await once(create("/", { ...PATH, query: { word }, transports, reconnection: false }), "connect_error");
        if (transports[0] === "polling") assert.equal(error.description, 403);
      }
    }
    const told = (await (await fetch(`${server.url}/refused`)).json()).filter((one) => one.code === 4);
    assert.equal(told.length, 6);
    assert.deepEqual(told.map((one) => one.message).toSorted(), ["Forbidden", "Forbidden", "Forbidden", "Forbidden", "not today", "not today"]);
    assert.match(told[0].url, /^\/live\/chat\/\?/u);
  });

  test("cookie: a name alone", async () => {
    const got = await fetch(`${server.url}/live/chat/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await got.text()).slice(1));
    assert.equal(got.headers.get("set-cookie"), `route=${sid}; Path=/; HttpOnly; SameSite=Lax`);
  });

  scenario(server, "cleanupEmptyChildNamespaces: a child goes with its last socket and may come again", async ({ connect }) => {
    const main = await connect("/", PATH);
    for (let i = 0; i < 3; i++) {
      const [one, two] = [await connect("/child-7", PATH), await connect("/child-7", PATH)];
      one.disconnect();
      assert.equal(await two.emitWithAck("echo", "still here"), "still here");
      two.disconnect();
      await until(async () => (await metric(server, "atrium_socketio_sockets")) === 1, "both to be gone");
    }
    const made = await main.emitWithAck("namespaces");
    assert.deepEqual(made, ["/child-7", "/child-7", "/child-7"]);
  });

  scenario(server, "once and off, of the server's listeners", async ({ connect }) => {
    const socket = await connect("/", PATH);
    for (let i = 0; i < 3; i++) socket.emit("once").emit("off");
    const [heard, count] = await new Promise((done) => socket.emit("heard", (...values) => done(values)));
    assert.equal(heard, 101);
    assert.equal(count, 1);
  });
});

describe("shutting down", () => {
  test("clients are told to come back, not to stay away; the script hears why", async () => {
    const mortal = await serve("options.lua");
    const sockets = [["websocket"], ["polling"]].map((transports) =>
      io(mortal.url, { ...PATH, transports, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50 }));
    await Promise.all(sockets.map((s) => once(s, "connect")));
    const lost = sockets.map((s) => once(s, "disconnect"));
    await mortal.stop();
    for (const one of lost) assert.match((await one)[0], /^transport (close|error)$/u);
    assert.equal(mortal.stderr.match(/why=server-shutting-down/gu)?.length, 2, mortal.stderr);
    const back = sockets.map((s) => once(s, "connect"));
    await mortal.start();
    await Promise.all(back);
    for (const s of sockets) s.disconnect();
    await mortal.stop();
  });

  test("a client that neither reads nor closes does not hold it up for long", async () => {
    const mortal = await serve("options.lua", { flags: ["--shutdown-timeout", "500"] });
    const socket = io(mortal.url, { ...PATH, transports: ["websocket"], forceNew: true, reconnection: false });
    await once(socket, "connect");
    const { ws } = socket.io.engine.transport;
    ws._socket.pause();
    await mortal.stop();
    ws.terminate();
  });

  test("io:close(): sockets go, HTTP stays, nobody gets in", async () => {
    const closing = await serve("options.lua");
    const socket = io(closing.url, { ...PATH, transports: ["websocket"], forceNew: true, reconnection: false });
    await once(socket, "connect");
    const lost = once(socket, "disconnect");
    socket.emit("close server");
    assert.equal((await lost)[0], "transport close");
    assert.equal((await fetch(`${closing.url}/healthz`)).status, 200);
    assert.ok((await fetch(`${closing.url}/live/chat/?EIO=4&transport=polling`)).status >= 400);
    await closing.stop();
  });
});

describe("clients that do whatever comes to their mind", () => {
  for (const seed of [11, 22, 33]) {
    test(`seed ${seed}: each answer is the right one, each event arrives in order, nothing is left behind`, async () => {
      const host = await serve("socketio.lua");
      const slow = await lag(host, 5);
      const random = chance(seed);
      const transports = [["polling"], ["websocket"], ["polling", "websocket"]];
      await Promise.all(Array.from({ length: 30 }, async (_, who) => {
        for (let life = 0; life < 3; life++) {
          const socket = io((who % 2 ? slow : host).url + (who % 3 ? "/" : `/room-${who}`), { transports: transports[random() % 3], forceNew: true, reconnection: false });
          const echoed = collect(socket, "echo");
          let sent = 0, alive = true;
          socket.on("disconnect", () => (alive = false));
          await within(new Promise((done) => socket.once("connect", done).once("connect_error", done)), "a connection");
          for (let step = random() % 40; step > 0 && alive; step--) {
            switch (random() % 8) {
              case 0: socket.emit("echo", sent++); break;
              case 1: socket.emit("echo", sent++, Buffer.alloc(random() % 3000)); break;
              case 2: {
                const value = { n: random(), list: [null, "x".repeat(random() % 2000)] };
                const answer = await within(socket.emitWithAck("reflect", value).catch(() => null), "an ack or the end");
                if (alive) assert.deepEqual(answer, value);
                break;
              }
              case 3: socket.emit("order", "join", `r${random() % 5}`, () => {}); break;
              case 4: socket.emit("order", "send", { to: [`r${random() % 5}`] }, "noise", Buffer.alloc(10), () => {}); break;
              case 5: socket.emit("order", "slow", random() % 20, 1, () => {}); break;
              case 6: await sleep(random() % 10); break;
              default: if (random() % 10 === 0) socket.emit("leave me", random() % 2 === 0);
            }
          }
          echoed.forEach((value, i) => assert.equal(Array.isArray(value) ? value[0] : value, i));
          const end = random() % 3;
          if (end === 0) socket.disconnect();
          else if (end === 1) socket.io.engine.transport.ws?.terminate?.();
          socket.io._close();
        }
      }));
      await until(async () => (await metric(host, "atrium_socketio_sockets")) === 0, "all sockets to be gone");
      await until(async () => (await metric(host, 'atrium_engine_sessions{transport="websocket"}')) === 0, "WebSockets to be gone");
      await until(async () => (await metric(host, 'atrium_engine_sessions{transport="polling"}')) === 0, "polling sessions to be gone");
      assert.equal(await metric(host, "atrium_net_queued_bytes"), 0);
      await well(host);
      await host.stop();
    });
  }
});
