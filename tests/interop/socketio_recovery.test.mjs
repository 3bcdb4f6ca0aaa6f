// Socket.IO: connection state recovery, with real clients whose connections are cut.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { io } from "socket.io-client";
import { closeProxies, openProxy } from "../browser/support/proxy.mjs";
import { TRANSPORTS, order } from "./support/client.mjs";
import { metric } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until } from "./support/wait.mjs";

const server = await serve("recovery.lua", { flags: ["--connectionStateRecovery", "true"] });
const strict = await serve("recovery.lua", { flags: ["--connectionStateRecovery", '{"skipMiddlewares":false}'] });
const hasty = await serve("recovery.lua", { flags: ["--connectionStateRecovery", '{"maxDisconnectionDuration":1}'] });
const off = await serve("recovery.lua");

const SOON = { reconnectionDelay: 5, reconnectionDelayMax: 30, forceNew: true };
const open = new Set();

function create(url, options) {
  const socket = io(url, { transports: ["websocket"], ...SOON, ...options });
  open.add(socket);
  return socket;
}

async function connect(url, options) {
  const socket = create(url, options);
  await once(socket, "connect");
  return socket;
}

afterEach(async () => {
  for (const socket of open) {
    socket.disconnect();
    socket.io._close();
  }
  open.clear();
  await closeProxies();
  for (const each of [server, strict, hasty, off]) each.check();
});

async function tell(at, path, spec) {
  assert.equal((await fetch(`${at.url}/${path}`, { method: "POST", body: JSON.stringify(spec) })).status, 200);
}
const say = (spec, at = server) => tell(at, "say", spec);

/* What comes in under an event, offsets left out. */
function collect(socket, event) {
  const got = [];
  socket.on(event, (...args) => got.push(args.slice(0, -1)));
  return got;
}

async function cut(socket, proxy) {
  const gone = once(socket, "disconnect");
  await proxy.cut();
  await gone;
}

async function back(socket, proxy) {
  const here = once(socket, "connect");
  await proxy.restore();
  await here;
}

describe("coming back", () => {
  for (const [name, transports] of Object.entries(TRANSPORTS)) {
    test(`id, rooms, data and what was missed: ${name}`, async () => {
      const proxy = await openProxy(server.port);
      const socket = await connect(proxy.url, { transports });
      const news = collect(socket, "news");
      assert.equal(socket.recovered, false);
      await order(socket, "join", "red", "blue");
      await order(socket, "leave", "blue");
      await order(socket, "remember", "this");
      const before = await order(socket, "state");
      assert.equal(before.recovered, false);
      await say({ event: "news", args: [0] });
      await until(() => news.length === 1);
      await cut(socket, proxy);
      await say({ event: "news", args: [1] });
      await say({ event: "news", args: [2], to: ["red"] });
      await say({ event: "news", args: [3], to: ["blue"] });
      await say({ event: "news", args: [4], to: [before.id] });
      await say({ event: "news", args: [5], to: ["red", "blue"], except: ["green"] });
      await say({ event: "news", args: [6], except: ["red"] });
      await say({ event: "news", args: [7], volatile: true });
      await say({ event: "news", bytes: "\u0001binary" });
      await back(socket, proxy);
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, before.id);
      const after = await order(socket, "state");
      const { time, ...rest } = after;
      assert.deepEqual(rest, { id: before.id, recovered: true, rooms: [before.id, "red"].sort(), value: "this", same: true, asked: before.asked });
      assert.ok(time >= before.time);
      assert.deepEqual(news.slice(0, 5), [[0], [1], [2], [4], [5]]);
      assert.equal(news[5][0].bytes.toString(), "\u0001binary");
      assert.equal(news.length, 6);
    });
  }

  test("before the first event", async () => {
    const proxy = await openProxy(server.port);
    const socket = await connect(proxy.url);
    const news = collect(socket, "news");
    const { id } = socket;
    await cut(socket, proxy);
    await say({ event: "news", args: [1] });
    await back(socket, proxy);
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    await until(() => news.length === 1);
  });

  test("in front of an old connection that is still open", async () => {
    const old = await connect(server.url, { reconnection: false });
    const socket = create(server.url, { auth: { pid: old._pid } });
    const [[reason]] = await Promise.all([once(old, "disconnect"), once(socket, "connect")]);
    assert.equal(reason, "transport close");
    const state = await order(socket, "state");
    assert.equal(state.recovered, true);
  });

  test("only one of two", async () => {
    const proxy = await openProxy(server.port);
    const lost = await connect(proxy.url, { reconnection: false });
    const { id, _pid: pid } = lost;
    await cut(lost, proxy);
    const both = [0, 1].map(() => create(server.url, { auth: { pid } }));
    await Promise.all(both.map((socket) => once(socket, "connect")));
    const states = await Promise.all(both.map((socket) => order(socket, "state")));
    assert.deepEqual(states.map((state) => state.recovered).sort(), [false, true]);
    assert.equal(states.filter((state) => state.id === id).length, 1);
    assert.ok(both.every((socket) => socket.connected));
  });

  test("acknowledgements have no offset among their arguments", async () => {
    const socket = await connect(server.url);
    let args;
    socket.on("question", (...all) => {
      args = all.length;
      all.at(-1)("answer");
    });
    assert.deepEqual(await order(socket, "ask", "question"), ["answer"]);
    assert.equal(args, 1);
  });

  test("past the middlewares, or through them again", async () => {
    for (const [at, again] of [[server, 0], [strict, 1]]) {
      const proxy = await openProxy(at.port);
      const socket = await connect(proxy.url);
      const before = await order(socket, "state");
      await order(socket, "remember", "this");
      await cut(socket, proxy);
      await back(socket, proxy);
      const after = await order(socket, "state");
      assert.equal(after.recovered, true);
      assert.equal(after.value, "this");
      assert.equal(after.asked - before.asked, again);
    }
  });

  test("after a middleware has refused", async () => {
    const proxy = await openProxy(strict.port);
    const auth = { refuse: false };
    const socket = await connect(proxy.url, { auth });
    await order(socket, "remember", "this");
    const { id } = socket;
    await cut(socket, proxy);
    auth.refuse = true;
    const refused = once(socket, "connect_error");
    await proxy.restore();
    assert.equal((await refused)[0].message, "refused");
    auth.refuse = false;
    socket.connect();
    await once(socket, "connect");
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    assert.equal((await order(socket, "state")).value, "this");
  });
});

describe("a fresh session", () => {
  test("without the setting", async () => {
    const proxy = await openProxy(off.port);
    const socket = await connect(proxy.url);
    const { id } = socket;
    assert.equal(socket._pid, undefined);
    await cut(socket, proxy);
    await back(socket, proxy);
    assert.ok(!socket.recovered);
    assert.notEqual(socket.id, id);
  });

  test("for who was away for too long", async () => {
    const proxy = await openProxy(hasty.port);
    const socket = await connect(proxy.url);
    await order(socket, "remember", "this");
    await cut(socket, proxy);
    await until(async () => (await metric(hasty, "atrium_socketio_recovery_expired_total")) >= 1);
    await back(socket, proxy);
    assert.equal(socket.recovered, false);
    assert.equal((await order(socket, "state")).value, undefined);
  });

  test("for who was disconnected on purpose", async () => {
    const socket = await connect(server.url);
    const { id } = socket;
    socket.disconnect().connect();
    await once(socket, "connect");
    assert.equal(socket.recovered, false);
    assert.notEqual(socket.id, id);
    const ended = once(socket, "disconnect");
    socket.emit("order", "leave_politely", () => {});
    await ended;
    socket.connect();
    await once(socket, "connect");
    assert.equal(socket.recovered, false);
  });

  test("for a session nobody knows", async () => {
    const socket = await connect(server.url, { auth: { pid: "x".repeat(20), offset: "y" } });
    assert.equal(socket.recovered, false);
    assert.equal((await order(socket, "state")).recovered, false);
  });
});

/* Everything arrives once, in order, however often and whenever connections end. */
test("exactly once under random cuts", async () => {
  const N = 900;
  const proxies = await Promise.all(Object.keys(TRANSPORTS).map(() => openProxy(server.port)));
  const clients = await Promise.all(Object.values(TRANSPORTS).map((transports, i) => connect(proxies[i].url, { transports })));
  const got = clients.map((socket) => collect(socket, "n"));
  const ids = clients.map((socket) => socket.id);
  await Promise.all(clients.map((socket) => order(socket, "join", "counted")));
  await tell(server, "count", { to: N, ids });
  const done = () => got.every((list) => list.length && list.at(-1)[0] >= N);
  let cuts = 0;
  while (!done() && cuts < 60) {
    const proxy = proxies[Math.floor(Math.random() * proxies.length)];
    await sleep(Math.random() * 40);
    await proxy.cut();
    cuts++;
    await sleep(Math.random() * 20);
    await proxy.restore();
  }
  await until(() => done() && clients.every((socket) => socket.connected), "the last number");
  const all = Array.from({ length: N }, (_, i) => [i + 1]);
  for (const [i, list] of got.entries()) {
    assert.equal(clients[i].id, ids[i]);
    assert.deepEqual(list, all);
  }
  assert.ok(cuts > 5);
});
