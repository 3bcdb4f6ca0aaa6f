// Socket.IO with socket.io-msgpack-parser: everything over it, beside clients of the usual parser, and packets that are wrong.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { encode } from "notepack.io";
import { io } from "socket.io-client";
import parser from "socket.io-msgpack-parser";
import WebSocket from "ws";
import { closeProxies, openProxy } from "../browser/support/proxy.mjs";
import { chance } from "./support/chance.mjs";
import { TRANSPORTS, collect, order, scenario, settled } from "./support/client.mjs";
import { Polling, onWebsocket } from "./support/engine.mjs";
import { metric, well } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";
import { BINARY, CLOSE, TEXT, frame } from "./support/wire.mjs";

const server = await serve("socketio.lua");
const values = await serve("msgpack.lua");
const PROTOCOL_ERRORS = 'atrium_socketio_errors_total{reason="protocol"}';

function everywhere(name, fn) {
  for (const [over, transports] of Object.entries(TRANSPORTS))
    scenario(server, `${name} (${over})`, async ({ connect, create, ...rest }) => {
      const packed = (options) => ({ parser, transports, ...options });
      await fn({
        connect: (namespace, options) => connect(namespace, packed(options)),
        create: (namespace, options) => create(namespace, packed(options)),
        plain: (namespace, options) => connect(namespace, { transports, ...options }),
        ...rest,
      });
    });
}

const bytes = (...list) => Buffer.from(list);

describe("what clients do", () => {
  everywhere("auth, and namespaces beside each other", async ({ connect }) => {
    const socket = await connect("/", { auth: { token: "é", list: [1, null] } });
    assert.deepEqual((await order(socket, "handshake")).auth, { token: "é", list: [1, null] });
    assert.deepEqual((await order(await connect("/"), "handshake")).auth, {});
    const chat = await connect("/chat");
    assert.equal((await order(chat, "handshake")).nsp, "/chat");
  });

  everywhere("connect errors, with data", async ({ create, connect }) => {
    const refused = create("/gate", { auth: { word: "table" } });
    const error = (await once(refused, "connect_error"))[0];
    assert.equal(error.message, "wrong word");
    assert.deepEqual(error.data, { retry: false, after: [1, 2] });
    assert.equal((await once(create("/nowhere"), "connect_error"))[0].message, "Invalid namespace");
    await connect("/room-1");
  });

  everywhere("events there and back, with binary within", async ({ connect }) => {
    const socket = await connect("/");
    for (const args of [
      [],
      ["text", "", "é漢字😀", 'a"b\\c\n'],
      [0, -1, 1.5, 2 ** 53, -(2 ** 40), 1e-7, true, false, null],
      [[], {}, [[{ deep: [1, { deeper: "x" }] }]]],
      [bytes(0, 1, 255), { k: [bytes(7), "x", bytes()] }],
      ["x".repeat(70_000), Buffer.alloc(70_000, 9)],
    ]) {
      const echo = once(socket, "echo");
      socket.emit("echo", ...args);
      assert.deepEqual(await echo, args);
    }
  });

  everywhere("acknowledgements both ways, with binary", async ({ connect }) => {
    const socket = await connect("/");
    socket.on("question", (value, ack) => ack({ back: value, more: bytes(4, 5) }));
    assert.deepEqual(await within(socket.emitWithAck("reflect", bytes(1, 2, 3)), "an answer"), bytes(1, 2, 3));
    assert.deepEqual(await order(socket, "ask", "question", 7), [{ back: 7, more: bytes(4, 5) }]);
    assert.equal(await order(socket, "null"), null);
    assert.equal(await order(socket, "ask_within", 20, "nobody answers"), false);
  });

  everywhere("a broadcast reaches those of either parser, rooms and exceptions as ever", async ({ connect, plain }) => {
    const sockets = [await connect("/"), await connect("/"), await plain("/"), await plain("/")];
    const room = `mixed ${sockets[0].id}`;
    const got = sockets.map((socket) => collect(socket, "news"));
    for (const socket of sockets) await order(socket, "join", room);
    await order(sockets[2], "publish", { to: [room], except: [sockets[3].id] }, "news", { n: 1 }, bytes(8, 9));
    await order(sockets[0], "send", { to: [room] }, "news", "from a sender");
    await settled(...sockets);
    const first = [{ n: 1 }, bytes(8, 9)];
    assert.deepEqual(got, [[first], [first, "from a sender"], [first, "from a sender"], ["from a sender"]]);
  });

  everywhere("answers of many are gathered from either parser", async ({ connect, plain }) => {
    const sockets = [await connect("/"), await plain("/")];
    const room = `asked ${sockets[0].id}`;
    for (const [i, socket] of sockets.entries()) {
      socket.on("vote", (ack) => ack(i));
      await order(socket, "join", room);
    }
    assert.deepEqual((await order(sockets[0], "ask_all_with_ack", { to: [room] }, "vote")).sort(), [0, 1]);
  });

  everywhere("of two volatile events in one go only the first arrives", async ({ connect }) => {
    const socket = await connect("/");
    const got = collect(socket, "gust");
    await order(socket, "burst", { volatile: true }, "gust", 5);
    await settled(socket);
    assert.ok(got.length === 0 || (got.length === 1 && got[0] === 1), `${got}`);
  });

  everywhere("leaving a namespace, from either side", async ({ connect }) => {
    const socket = await connect("/chat");
    const gone = once(socket, "disconnect");
    socket.emit("leave me", false);
    assert.equal((await gone)[0], "io server disconnect");
    socket.connect();
    await once(socket, "connect");
    socket.disconnect();
  });
});

describe("values", () => {
  const ask = (socket, ...args) => within(socket.emitWithAck(...args), args[0]);

  scenario(values, "dates are text, undefined is null or no member, what is binary is bytes", async ({ connect }) => {
    const socket = await connect("/", { parser });
    const date = new Date(1_700_000_000_123);
    assert.equal(await ask(socket, "reflect", date), date.toISOString());
    assert.equal(await ask(socket, "reflect", new Date(-1)), "1969-12-31T23:59:59.999Z");
    assert.deepEqual(await ask(socket, "members", { a: undefined, b: 1, c: null }), ["b", "c"]);
    assert.deepEqual(await ask(socket, "reflect", [undefined, 1]), [null, 1]);
    const eight = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(await ask(socket, "kinds", date, undefined, eight, eight.buffer, new Uint16Array(eight.buffer), {}, 1, "x"), ["string", "null", "bytes 8", "bytes 8", "bytes 8", "table", "number", "string"]);
    assert.deepEqual(Buffer.from(await ask(socket, "reflect", eight.buffer)), Buffer.from(eight));
  });
});

describe("connection state recovery", () => {
  test("what was missed, binary too, comes in the client's form; once each", async (t) => {
    const recovering = await serve("recovery.lua", { flags: ["--connectionStateRecovery", "true"] });
    const proxy = await openProxy(recovering.port);
    t.after(closeProxies);
    const socket = io(proxy.url, { parser, transports: ["websocket"], forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 30 });
    t.after(() => socket.disconnect());
    const say = (spec) => fetch(`${recovering.url}/say`, { method: "POST", body: JSON.stringify(spec) });
    const got = collect(socket, "news");
    await once(socket, "connect");
    const { id } = socket;
    await order(socket, "join", "red");
    await say({ event: "news", args: [0] });
    await until(() => got.length === 1);
    const gone = once(socket, "disconnect");
    await proxy.cut();
    await gone;
    for (const spec of [{ args: [{ one: [1] }] }, { to: ["red"], args: [2] }, { bytes: "ABC" }, { to: ["blue"], args: ["not this"] }]) await say({ event: "news", ...spec });
    const here = once(socket, "connect");
    await proxy.restore();
    await here;
    assert.ok(socket.recovered);
    assert.equal(socket.id, id);
    await order(socket, "state");
    assert.deepEqual(got.map((args) => args[0]), [0, { one: [1] }, 2, { bytes: Buffer.from("ABC") }]);
    socket.disconnect(); // before its server goes: it would try to come back
    await recovering.stop();
  });
});

describe("which parser", () => {
  const attempt = async (at, options) => {
    const socket = io(at.url, { forceNew: true, reconnection: false, transports: ["websocket"], ...options });
    try {
      return await within(
        new Promise((done) => {
          socket.once("connect", () => done("connected"));
          socket.io.once("close", () => done("closed"));
        }),
        "an outcome",
      );
    } finally {
      socket.disconnect();
    }
  };
  for (const [how, options] of [
    ["from the script", { env: { PARSER: "msgpack" } }],
    ["by flag", { flags: ["--parser", "msgpack"] }],
    ["from the environment", { env: { ATRIUM_PARSER: "msgpack" } }],
  ])
    test(`msgpack ${how}: clients of the usual parser are closed`, async () => {
      const one = await serve("msgpack.lua", options);
      assert.equal(await attempt(one, { parser }), "connected");
      assert.equal(await attempt(one, {}), "closed");
      await one.stop();
    });

  test("default: clients of MessagePack are closed; auto: both are served", async () => {
    const one = await serve("msgpack.lua", { env: { PARSER: "default" } });
    assert.equal(await attempt(one, {}), "connected");
    assert.equal(await attempt(one, { parser }), "closed");
    await one.stop();
    assert.equal(await attempt(values, {}), "connected");
    assert.equal(await attempt(values, { parser }), "connected");
  });

  test("the browser's bundle is served, and speaks it", async () => {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-msgpack-"));
    const file = path.join(home, "client.cjs");
    const answer = await fetch(`${values.url}/socket.io/socket.io.msgpack.min.js`);
    assert.equal(answer.status, 200);
    fs.writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
    globalThis.WebSocket = WebSocket; // the one thing of a browser that it needs
    const bundle = createRequire(import.meta.url)(file);
    const before = await metric(values, "atrium_socketio_msgpack_clients_total");
    const socket = bundle.io(values.url, { transports: ["websocket"], forceNew: true, auth: { from: "the bundle" } });
    assert.deepEqual(await once(socket, "auth"), [{ from: "the bundle" }]);
    assert.equal(await metric(values, "atrium_socketio_msgpack_clients_total"), before + 1);
    socket.disconnect();
    fs.rmSync(home, { recursive: true });
  });
});

describe("packets that are wrong close the connection that sent them", () => {
  const CONNECT = encode({ type: 0, nsp: "/" });
  const packet = (fields) => encode({ type: 2, data: ["echo"], nsp: "/", ...fields });
  const deep = (n) => Buffer.concat([Buffer.from("83a47479706502a36e7370a12fa464617461", "hex"), Buffer.from([0x92, 0xa1, 0x78]), Buffer.alloc(n, 0x91), Buffer.from([1])]);
  const bad = {
    empty: Buffer.alloc(0),
    "no map": encode(["a"]),
    "the byte that never is": bytes(0xc1),
    "cut off": packet().subarray(0, 12),
    "bytes behind": Buffer.concat([packet(), bytes(0)]),
    "an unknown type": packet({ type: 5 }),
    "a type that is no number": packet({ type: "2" }),
    "a fraction as type": packet({ type: 1.5 }),
    "no namespace": encode({ type: 2, data: ["x"] }),
    "a namespace that is no text": packet({ nsp: 7 }),
    "an event that is no array": packet({ data: { 0: "x" } }),
    "an event without a name": packet({ data: [] }),
    "a name that is an object": packet({ data: [{}] }),
    "a reserved name": packet({ data: ["disconnecting"] }),
    "an id that is text": packet({ id: "1" }),
    "an answer without data": encode({ type: 3, id: 0, nsp: "/" }),
    "a connect error": encode({ type: 4, data: { message: "x" }, nsp: "/" }),
    "another namespace's event": packet({ nsp: "/chat" }),
    "connecting twice": CONNECT,
    "eleven attachments": packet({ data: ["echo", ...Array(11).fill(bytes(1))] }),
    "too deep": deep(300),
    "an array of four milliards": Buffer.from("83a47479706502a36e7370a12fa464617461ddffffffff", "hex"),
    "a map of four milliards": Buffer.from("dfffffffffa4747970", "hex"),
    "text instead": null,
  };

  for (const [name, data] of Object.entries(bad)) {
    test(`over WebSocket: ${name}`, async () => {
      const before = await metric(server, PROTOCOL_ERRORS);
      const wire = await onWebsocket(server, "/socket.io/");
      wire.write(frame(BINARY, CONNECT));
      assert.equal((await wire.frame()).opcode, BINARY);
      await sleep(5); // a CONNECT in the same iteration would be let through
      wire.write(data ? frame(BINARY, data) : frame(TEXT, '42["echo"]'));
      assert.equal((await wire.frame()).opcode, CLOSE);
      wire.destroy();
      assert.equal(await metric(server, PROTOCOL_ERRORS), before + 1);
    });
    if (data?.length === 0) continue; // an empty packet is none of Engine.IO's there
    test(`over polling: ${name}`, async () => {
      const before = await metric(server, PROTOCOL_ERRORS);
      const s = await Polling.to(server, "/socket.io/");
      await s.send(`b${CONNECT.toString("base64")}`);
      assert.match(await s.poll(), /^b/u);
      await s.post(data ? `b${data.toString("base64")}` : '42["echo"]');
      await until(async () => (await s.get()).status === 400, "the end of the session");
      assert.equal(await metric(server, PROTOCOL_ERRORS), before + 1);
    });
  }

  test("changed at random (seed 54) nothing does harm, and others are served all the while", async () => {
    const next = chance(54);
    const good = packet({ data: ["echo", { a: [1, "two", bytes(3)] }, new Date(0), undefined, 1.5], id: 7 });
    for (let round = 0; round < 300; round++) {
      const wire = await onWebsocket(server, "/socket.io/");
      const data = Buffer.from(good);
      for (let i = 0; i < 1 + (round % 4); i++) data[next() % data.length] = next();
      wire.write(Buffer.concat([frame(BINARY, CONNECT), frame(BINARY, data)]));
      await wire.frame();
      if (round % 50 === 0) await well(server);
      wire.destroy();
    }
    await well(server);
  });
});
