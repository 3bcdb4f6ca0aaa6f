// Socket.IO: coming, being refused, going, coming back.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Manager, io } from "socket.io-client";
import { TRANSPORTS, collect, gone, order, scenario } from "./support/client.mjs";
import { Polling, query } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";
import { CLOSE, TEXT, Wire, frame, websocket } from "./support/wire.mjs";

const server = await serve("socketio.lua", { expectErrors: true });
const hasty = await serve("socketio.lua", { flags: ["--connect-timeout", "200", "--ping-interval", "200", "--ping-timeout", "200"] });

describe("connecting", () => {
  for (const [name, transports] of Object.entries(TRANSPORTS)) {
    scenario(server, `over ${name}`, async ({ connect }) => {
      const socket = await connect("/", { transports });
      assert.match(socket.id, /^[\w-]{20}$/u);
      assert.deepEqual(await order(socket, "rooms"), [socket.id]);
      if (name === "both") await until(() => socket.io.engine.transport.name === "websocket");
      assert.equal((await order(socket, "handshake")).transport, transports.at(-1));
    });
  }

  scenario(server, "the socket's id is not the connection's", async ({ connect }) => {
    const socket = await connect();
    assert.notEqual(socket.id, socket.io.engine.id);
  });

  scenario(server, "the handshake: headers, query, auth, address and the rest", async ({ connect }) => {
    const before = Date.now();
    const socket = await connect("/", {
      query: { colour: "blue", "two words": "a b&c=d", empty: "" }, extraHeaders: { "X-Agent": "007", Origin: "http://x.test" },
      auth: { token: "abc", list: [1, { deep: null }] },
    });
    const h = await order(socket, "handshake");
    assert.equal(h.query.colour, "blue");
    assert.equal(h.query["two words"], "a b&c=d");
    assert.equal(h.query.empty, "");
    assert.equal(h.query.EIO, "4");
    assert.equal(h.query.transport, "websocket");
    assert.equal(h.headers["x-agent"], "007");
    assert.equal(h.headers.host, `localhost:${server.port}`);
    assert.deepEqual(h.auth, { token: "abc", list: [1, { deep: null }] });
    assert.match(h.address, /127\.0\.0\.1|::1/u);
    assert.match(h.url, /^\/socket\.io\/\?/u);
    assert.equal(h.secure, false);
    assert.equal(h.xdomain, true);
    assert.ok(Math.abs(h.issued - before) < 60_000);
    assert.ok(Math.abs(Date.parse(h.time.replace(/\(.*\)/u, "")) - before) < 60_000, h.time);
  });

  scenario(server, "auth by function; an empty one without auth", async ({ connect }) => {
    const socket = await connect("/", { auth: (answer) => answer({ token: "from a function" }) });
    assert.deepEqual((await order(socket, "handshake")).auth, { token: "from a function" });
    assert.deepEqual((await order(await connect(), "handshake")).auth ?? {}, {});
  });

  scenario(server, "auth belongs to a namespace, the query to the connection", async ({ connect }) => {
    const main = await connect("/", { auth: { who: "main" }, query: { one: "1" } });
    const chat = main.io.socket("/chat", { auth: { who: "chat" } });
    await once(chat, "connect");
    const h = await order(chat, "handshake");
    assert.deepEqual([h.auth, h.query.one, h.nsp], [{ who: "chat" }, "1", "/chat"]);
  });
});

describe("being refused", () => {
  async function refused(create, namespace, options) {
    const socket = create(namespace, options);
    const connected = collect(socket, "connect");
    const [error] = await once(socket, "connect_error");
    assert.ok(error instanceof Error);
    assert.equal(connected.length, 0);
    assert.equal(socket.connected, false);
    return error;
  }

  scenario(server, "a namespace that does not exist", async ({ create }) => {
    for (const namespace of ["/nowhere", "/room-x", "/room-1/more", "/chat2", "/own/a"])
      assert.equal((await refused(create, namespace)).message, "Invalid namespace");
  });

  scenario(server, "by middleware, with a text", async ({ create }) => {
    const error = await refused(create, "/gate", { auth: { word: "text" } });
    assert.equal(error.message, "wrong word");
    assert.equal(error.data, undefined);
  });

  scenario(server, "by middleware, with data", async ({ create }) => {
    const error = await refused(create, "/gate", { auth: { word: "table" } });
    assert.equal(error.message, "wrong word");
    assert.deepEqual(error.data, { retry: false, after: [1, 2] });
  });

  scenario(server, "by middleware that raises: no word of what went wrong inside", async ({ create }) => {
    const error = await refused(create, "/gate", { auth: { word: "raise" } });
    assert.doesNotMatch(error.message, /\.lua|traceback/u);
  });

  scenario(server, "a refused socket may try again with better words, on the same connection", async ({ connect }) => {
    const main = await connect();
    const engine = main.io.engine.id;
    const socket = main.io.socket("/gate", { auth: { word: "text" } });
    await once(socket, "connect_error");
    socket.auth = { word: "please" };
    socket.connect();
    await once(socket, "connect");
    assert.equal(socket.io.engine.id, engine);
    assert.equal(main.connected, true);
  });

  scenario(server, "one namespace refused, another on the same connection works", async ({ connect }) => {
    const main = await connect();
    const bad = main.io.socket("/nowhere");
    await once(bad, "connect_error");
    assert.deepEqual(await order(main, "rooms"), [main.id]);
  });
});

describe("middleware of a namespace", () => {
  scenario(server, "runs in order, may wait, sets data, joins rooms", async ({ create }) => {
    const socket = create("/gate");
    const [steps, rooms] = await once(socket, "let in");
    assert.deepEqual(steps, ["first", "second"]);
    assert.deepEqual(rooms, [socket.id, "seen by the gate"].sort());
  });

  scenario(server, "is not inherited by other namespaces, nor do they wait for it", async ({ connect }) => {
    const main = await connect();
    const gate = main.io.socket("/gate");
    const order_of = [];
    gate.on("connect", () => order_of.push("gate"));
    const chat = main.io.socket("/chat");
    chat.on("connect", () => order_of.push("chat"));
    await until(() => order_of.length === 2);
    assert.deepEqual(order_of, ["chat", "gate"]);
  });

  scenario(server, "a client that leaves meanwhile is forgotten, its rooms with it", async ({ create, connect }) => {
    const leaver = create("/gate");
    await once(leaver.io, "open");
    await sleep(5);
    leaver.io._close();
    const socket = await connect("/gate");
    await until(async () => (await order(socket, "fetch", {})).length === 1);
    assert.deepEqual((await order(socket, "fetch", { in_: ["seen by the gate"] })).map((s) => s.id), [socket.id]);
  });
});

describe("namespaces", () => {
  scenario(server, "several on one connection; events stay in theirs", async ({ connect }) => {
    const main = await connect();
    const chat = main.io.socket("/chat");
    await once(chat, "connect");
    assert.notEqual(chat.id, main.id);
    const [in_main, in_chat] = [collect(main, "news"), collect(chat, "news")];
    await order(chat, "publish", {}, "news", "for chat");
    await order(main, "publish", {}, "news", "for main");
    assert.deepEqual([in_main, in_chat], [["for main"], ["for chat"]]);
  });

  scenario(server, "io() twice shares a connection, forceNew does not", async ({ create }) => {
    const options = { forceNew: false, transports: ["websocket"], query: { once: String(Math.random()) } };
    const a = create("/", options), b = create("/chat", options), c = create("/chat", { ...options, forceNew: true });
    await Promise.all([a, b, c].map((s) => once(s, "connect")));
    assert.equal(a.io, b.io);
    assert.notEqual(a.io, c.io);
  });

  scenario(server, "leaving one keeps the others; it may be joined again", async ({ connect }) => {
    const main = await connect();
    const chat = main.io.socket("/chat");
    await once(chat, "connect");
    const first = chat.id;
    chat.disconnect();
    assert.equal((await gone(server, first)).reason, "client namespace disconnect");
    assert.deepEqual(await order(main, "rooms"), [main.id]);
    chat.connect();
    await once(chat, "connect");
    assert.notEqual(chat.id, first);
  });

  scenario(server, "by pattern: made for the first client, told of, with the parent's middleware and listeners", async ({ connect, create }) => {
    const socket = create("/room-101");
    assert.deepEqual(await once(socket, "welcome"), ["/room-101", "numbered"]);
    const other = create("/room-102");
    await once(other, "welcome");
    const main = await connect();
    const seen = await order(main, "seen");
    assert.equal(seen.filter((name) => name === "/room-101").length, 1);
    assert.ok(seen.includes("/room-102"));
    const [a, b] = [collect(socket, "news"), collect(other, "news")];
    await order(socket, "publish", {}, "news", 1);
    await order(socket, "parent", "news", 2);
    await order(other, "nothing");
    assert.deepEqual([a, b], [[1, 2], [2]]);
  });

  scenario(server, "by function, which sees the auth and may wait", async ({ create }) => {
    const socket = create("/own/ann", { auth: { owner: "ann" } });
    assert.deepEqual(await once(socket, "welcome"), ["/own/ann"]);
    const [error] = await once(create("/own/bob", { auth: { owner: "ann" } }), "connect_error");
    assert.equal(error.message, "Invalid namespace");
  });

  scenario(server, "names are literal, a query in them included", async ({ connect }) => {
    const main = await connect();
    const [error] = await once(main.io.socket("/chat?x=1"), "connect_error");
    assert.equal(error.message, "Invalid namespace");
    assert.equal(await order(main, "exists", "/chat"), 0);
  });
});

/* Reads until the server's close frame. */
async function closed(wire) {
  while ((await wire.frame()).opcode !== CLOSE);
  wire.destroy();
}

describe("going", () => {
  scenario(server, "socket.disconnect() of the client", async ({ connect }) => {
    const socket = await connect();
    const { id } = socket;
    await order(socket, "join", ["a", "b"]);
    const done = once(socket, "disconnect");
    socket.disconnect();
    assert.equal((await done)[0], "io client disconnect");
    const state = await gone(server, id);
    assert.equal(state.reason, "client namespace disconnect");
    assert.deepEqual(state.rooms_before, [id, "a", "b"].sort());
    assert.deepEqual(state.rooms_after, []);
  });

  for (const close of [false, true]) {
    scenario(server, `socket.disconnect(${close}) of the server; no reconnection`, async ({ connect }) => {
      const main = await connect("/", { reconnectionDelay: 10 });
      const chat = main.io.socket("/chat");
      await once(chat, "connect");
      const [id, chat_id] = [main.id, chat.id];
      const tries = collect(main.io, "reconnect_attempt"), other = collect(chat, "disconnect");
      const done = once(main, "disconnect");
      main.emit("leave me", close);
      assert.equal((await done)[0], "io server disconnect");
      assert.equal((await gone(server, id)).reason, "server namespace disconnect");
      if (close) {
        await until(() => other.length === 1);
        assert.equal((await gone(server, chat_id)).reason, "server namespace disconnect");
      } else {
        assert.deepEqual(await order(chat, "rooms"), [chat_id]);
      }
      await sleep(100);
      assert.equal(main.connected, false);
      assert.equal(tries.length, 0);
    });
  }

  scenario(server, "the connection closes, in order and cut", async ({ connect }) => {
    for (const cut of [(s) => s.io.engine.close(), (s) => s.io.engine.transport.ws.terminate()]) {
      const socket = await connect("/", { reconnection: false });
      const { id } = socket;
      const done = once(socket, "disconnect");
      cut(socket);
      assert.match((await done)[0], /^(forced close|transport close|transport error)$/u);
      assert.equal((await gone(server, id)).reason, "transport close");
    }
  });

  scenario(server, "a poll that is cut is a transport error", async () => {
    const session = await Polling.to(server, "/socket.io/");
    await session.send("40");
    const { sid } = JSON.parse((await session.poll()).slice(2));
    const wire = await Wire.to(server.port);
    wire.write(session.getRequest());
    await sleep(50);
    wire.destroy();
    assert.equal((await gone(server, sid)).reason, "transport error");
  });

  scenario(hasty, "a client that stops answering pings", async ({ connect }) => {
    const socket = await connect("/", { reconnection: false });
    const { id } = socket;
    /* The client's own timer ends at the same moment as the server's: only the server's may count here. */
    clearTimeout(socket.io.engine._pingTimeoutTimer);
    socket.io.engine._onPacket = () => {};
    socket.io.engine.transport.ws.onmessage = () => {};
    assert.equal((await gone(hasty, id)).reason, "ping timeout");
  });

  scenario(server, "a packet out of turn closes the connection", async ({ connect }) => {
    for (const [packet, reason] of [["44{}", /forced/u], ["4nonsense", /forced close/u], ["abc", /parse error/u], ["2", /transport error/u]]) {
      const socket = await connect("/", { reconnection: false });
      const { id } = socket;
      socket.io.engine.transport.ws.send(packet);
      await once(socket, "disconnect");
      assert.match((await gone(server, id)).reason, reason, packet);
    }
  });

  scenario(hasty, "who joins no namespace within connectTimeout is closed, who does is not", async ({ connect }) => {
    const idle = await websocket(hasty.port, `/socket.io/?${query("websocket")}`);
    const socket = await connect();
    await closed(idle);
    assert.equal(socket.connected, true);
    assert.deepEqual(await order(socket, "rooms"), [socket.id]);
  });

  scenario(hasty, "who asks only for a namespace that does not exist is closed as well", async () => {
    const wire = await websocket(hasty.port, `/socket.io/?${query("websocket")}`);
    wire.write(frame(TEXT, "40/nowhere,"));
    await wire.text();
    assert.equal(await wire.text(), '44/nowhere,{"message":"Invalid namespace"}');
    await closed(wire);
  });

  scenario(hasty, "a real client stays for many heartbeats, over each transport", async ({ connect }) => {
    await Promise.all(Object.values(TRANSPORTS).map(async (transports) => {
      const socket = await connect("/", { transports });
      const lost = collect(socket, "disconnect");
      for (let i = 0; i < 5; i++) await once(socket.io, "ping");
      assert.equal(lost.length, 0);
    }));
  });
});

describe("coming back", () => {
  test("after a restart of the server: a new socket, what was emitted meanwhile arrives", async () => {
    const mortal = await serve("socketio.lua");
    const manager = new Manager(mortal.url, { reconnectionDelay: 20, reconnectionDelayMax: 100, transports: ["polling", "websocket"] });
    const socket = manager.socket("/");
    await once(socket, "connect");
    const first = socket.id;
    const gone_away = once(socket, "disconnect");
    await mortal.stop();
    assert.match((await gone_away)[0], /^transport (close|error)$/u); // never "io server disconnect": that would be for good
    socket.emit("echo", "buffered");
    const echo = once(socket, "echo");
    const again = once(manager, "reconnect");
    await mortal.start();
    await again;
    assert.deepEqual(await echo, ["buffered"]);
    assert.notEqual(socket.id, first);
    socket.disconnect();
    await mortal.stop();
  });

  test("after a crash of the server", async () => {
    const mortal = await serve("socketio.lua");
    const socket = io(mortal.url, { reconnectionDelay: 20, reconnectionDelayMax: 100, transports: ["websocket"], forceNew: true });
    await once(socket, "connect");
    const lost = once(socket, "disconnect");
    await mortal.stop("SIGKILL");
    assert.match((await lost)[0], /^transport (close|error)$/u);
    const again = once(socket, "connect");
    await mortal.start();
    await again;
    socket.disconnect();
  });

  test("retries: each event is repeated until it is acknowledged, in order", async () => {
    const mortal = await serve("socketio.lua");
    const socket = io(mortal.url, {
      retries: 50, ackTimeout: 100, reconnectionDelay: 20, reconnectionDelayMax: 50, transports: ["websocket"], forceNew: true,
    });
    await once(socket, "connect");
    await mortal.stop("SIGKILL");
    const answers = [1, 2, 3].map((n) => socket.emitWithAck("reflect", n));
    await mortal.start();
    assert.deepEqual(await within(Promise.all(answers), "the answers"), [1, 2, 3]);
    socket.disconnect();
  });

  scenario(server, "the same socket may connect and disconnect many times", async ({ connect }) => {
    const socket = await connect();
    for (let i = 0; i < 20; i++) {
      socket.disconnect();
      socket.connect();
      await once(socket, "connect");
    }
    assert.deepEqual(await order(socket, "rooms"), [socket.id]);
  });
});
