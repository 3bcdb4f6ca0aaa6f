// permessage-deflate (RFC 7692) with the clients that people use.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { Polling } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { once, several, within } from "./support/wait.mjs";
import { CLOSE, TEXT, frame, websocket } from "./support/wire.mjs";

const PATH = "/socket.io/?EIO=4&transport=websocket";
const text = JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ user: `user ${i}`, says: "hello everybody in the room" })));
const noise = randomBytes(20_000);

async function client(t, server, options = {}) {
  const socket = io(server.url, { forceNew: true, reconnection: false, transports: ["websocket"], perMessageDeflate: { threshold: 0 }, ...options });
  t.after(() => socket.disconnect());
  await once(socket, "connect");
  return socket;
}

const ask = (socket, ...args) => within(new Promise((done) => socket.emit(...args, done)), args[0]);
const wire = (socket) => socket.io.engine.transport.ws;
/* Bytes that have come in over a client's socket. */
const came = (socket) => wire(socket)._socket.bytesRead;

/* Messages of many sizes there and back, one after the other and all at once. */
async function exercise(socket) {
  for (const n of [0, 1, 16, 125, 126, 1023, 1024, 1025, 4096, 16_384, 65_535, 65_536, 200_000]) {
    const part = text.repeat(10).slice(0, n);
    assert.ok((await ask(socket, "echo", part)) === part, `text of ${n}`);
    const bytes = Buffer.concat(Array(10).fill(noise)).subarray(0, n);
    assert.ok(bytes.equals(await ask(socket, "echo", bytes)), `binary of ${n}`);
  }
  const all = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(socket, "echo", text.slice(i))));
  all.forEach((value, i) => assert.ok(value === text.slice(i)));
}

test("off by default", async (t) => {
  const server = await serve("deflate.lua");
  const socket = await client(t, server);
  assert.equal(wire(socket).extensions, "");
  const before = came(socket);
  assert.ok((await ask(socket, "echo", text)) === text);
  assert.ok(came(socket) - before > text.length);
  const raw = await websocket(server.port, PATH);
  raw.write(Buffer.from([0xc1, 0x80, 0, 0, 0, 0]));
  await raw.text();
  const last = await raw.frame();
  assert.deepEqual([last.opcode, last.payload.readUInt16BE(0)], [CLOSE, 1002]);
  raw.destroy();
});

test("compress(false): polling answers to one and to all are not compressed unless another packet is", async () => {
  const server = await serve("deflate.lua");
  const s = await Polling.to(server, "/socket.io/");
  const poll = async () => {
    const answer = await s.get({ headers: { "Accept-Encoding": "gzip" } });
    return { coding: answer.headers.get("content-encoding"), packets: (await answer.text()).split("\x1e") };
  };
  const want = `42["said",${JSON.stringify(text)}]`;
  await s.send("40");
  await poll();
  for (const to of ["to me", "to all"]) {
    for (const [on, coding] of [[true, "gzip"], [false, null]]) {
      await s.send(`42${JSON.stringify([to, on, text])}`);
      const got = await poll();
      assert.deepEqual([got.coding, got.packets.length], [coding, 1], `${to}, ${on}`);
      assert.ok(got.packets[0] === want);
    }
  }
  await s.send(["to me", "to all", "to me"].map((to, i) => `42${JSON.stringify([to, i === 1, text])}`).join("\x1e"));
  const mixed = await poll();
  assert.deepEqual([mixed.coding, mixed.packets.length], ["gzip", 3]);
});

describe("every combination of contexts and windows", () => {
  const settings = [true, { serverNoContextTakeover: false }, { serverNoContextTakeover: false, clientNoContextTakeover: true, level: 1, memLevel: 1 }, { serverMaxWindowBits: 9, clientMaxWindowBits: 9, threshold: 0, serverNoContextTakeover: false }, { serverMaxWindowBits: 10, level: 9 }];
  const offers = [{}, { serverNoContextTakeover: true, clientNoContextTakeover: true }, { serverMaxWindowBits: 10, clientMaxWindowBits: 10 }, { clientMaxWindowBits: 8 }];
  for (const setting of settings)
    test(JSON.stringify(setting), async (t) => {
      const server = await serve("deflate.lua", { flags: ["--per-message-deflate", JSON.stringify(setting)] });
      for (const offer of offers) {
        const socket = await client(t, server, { perMessageDeflate: { threshold: 0, ...offer } });
        assert.match(wire(socket).extensions, /^permessage-deflate/u);
        await exercise(socket);
      }
    });
});

describe("compressed", async () => {
  const server = await serve("deflate.lua", { flags: ["--per-message-deflate", "true"] });

  test("large messages shrink, small ones are left alone", async (t) => {
    const socket = await client(t, server);
    let before = came(socket);
    assert.ok((await ask(socket, "echo", text)) === text);
    assert.ok(came(socket) - before < text.length / 10, `${came(socket) - before} bytes for ${text.length}`);
    before = came(socket);
    await ask(socket, "echo", "x".repeat(900));
    assert.ok(came(socket) - before > 900);
  });

  test("the flag compress(false) concerns polling alone", async (t) => {
    const socket = await client(t, server);
    const before = came(socket);
    socket.emit("plain", text);
    assert.ok((await once(socket, "plain"))[0] === text);
    assert.ok(came(socket) - before < text.length / 10);
  });

  test("a broadcast reaches those who compress and those who do not", async (t) => {
    const with_ = await Promise.all([1, 2, 3].map(() => client(t, server)));
    const without = await Promise.all([1, 2].map(() => client(t, server, { perMessageDeflate: false })));
    const polling = await client(t, server, { transports: ["polling"] });
    const sockets = [...with_, ...without, polling];
    for (const socket of without) assert.equal(wire(socket).extensions, "");
    const heard = sockets.map((socket) => several(socket, "all", 20));
    for (let i = 0; i < 20; i++) with_[0].emit("all", i, text, noise);
    for (const all of await Promise.all(heard))
      all.forEach(([i, says, bytes], at) => {
        assert.equal(i, at);
        assert.ok(says === text);
        assert.ok(noise.equals(Buffer.from(bytes)));
      });
  });

  test("polling first, compressed after the upgrade", async (t) => {
    const socket = await client(t, server, { transports: ["polling", "websocket"] });
    if (socket.io.engine.transport.name !== "websocket") await once(socket.io.engine, "upgrade");
    assert.match(wire(socket).extensions, /^permessage-deflate/u);
    await exercise(socket);
  });

  test("a bomb is cut off: 1009", async () => {
    const ws = new WebSocket(server.ws + PATH, { perMessageDeflate: { threshold: 0 } });
    await once(ws, "message");
    ws.send(Buffer.alloc(50_000_000));
    const [code] = await once(ws, "close");
    assert.equal(code, 1009);
  });

  test("fragments", async (t) => {
    const ws = new WebSocket(server.ws + PATH, { perMessageDeflate: { threshold: 0 } });
    t.after(() => ws.terminate());
    await once(ws, "message");
    const connected = once(ws, "message");
    ws.send("40");
    await connected;
    const whole = `421${JSON.stringify(["echo", text])}`;
    const answer = once(ws, "message");
    for (let at = 0; at < whole.length; at += 1000) ws.send(whole.slice(at, at + 1000), { fin: at + 1000 >= whole.length });
    assert.equal((await answer)[0].toString(), `431${JSON.stringify([text])}`);
  });

  test("what is no DEFLATE is refused: 1007", async () => {
    const raw = await websocket(server.port, PATH, "Sec-WebSocket-Extensions: permessage-deflate");
    await raw.text();
    const bad = frame(TEXT, [0xff, 0xff, 0xff]);
    bad[0] |= 0x40;
    raw.write(bad);
    const last = await raw.frame();
    assert.deepEqual([last.opcode, last.payload.readUInt16BE(0)], [CLOSE, 1007]);
    raw.destroy();
  });
});

describe("plain WebSocket endpoints", async () => {
  const server = await serve("deflate.lua");

  async function open(t, path, options) {
    const ws = new WebSocket(server.ws + path, { perMessageDeflate: { threshold: 0 }, ...options });
    t.after(() => ws.terminate());
    await once(ws, "open");
    return ws;
  }

  async function echo(ws, data) {
    const answer = once(ws, "message");
    ws.send(data);
    const [got, binary] = await answer;
    assert.equal(binary, typeof data !== "string");
    assert.ok(Buffer.from(data).equals(got));
  }

  test("only where the endpoint wants it", async (t) => {
    assert.equal((await open(t, "/off")).extensions, "");
    assert.equal((await open(t, "/shared", { perMessageDeflate: false })).extensions, "");
    assert.equal((await open(t, "/shared")).extensions, "permessage-deflate");
    assert.equal((await open(t, "/own")).extensions, "permessage-deflate");
  });

  for (const path of ["/off", "/shared", "/own"])
    test(`${path}: all sizes come back, pings between them`, async (t) => {
      const ws = await open(t, path);
      for (const n of [1, 125, 126, 1000, 1024, 5000, 65_535, 65_536, 100_000]) {
        await echo(ws, text.repeat(8).slice(0, n));
        await echo(ws, Buffer.concat(Array(6).fill(noise)).subarray(0, n));
      }
      if (path === "/shared") await once(ws, "ping");
    });

  test("a context is carried over", async (t) => {
    const ws = await open(t, "/own");
    const piece = noise.subarray(0, 3000);
    await echo(ws, piece);
    const before = ws._socket.bytesRead;
    await echo(ws, piece);
    assert.ok(ws._socket.bytesRead - before < 100);
  });

  test("what is published reaches all of them", async (t) => {
    for (const path of ["/shared", "/own"]) {
      const sockets = await Promise.all([{}, {}, { perMessageDeflate: false }].map((options) => open(t, path, options)));
      const heard = sockets.map((ws) => several(ws, "message", 5));
      for (let i = 0; i < 5; i++) sockets[0].send(`*${i}${text.slice(0, 20_000)}`);
      for (const all of await Promise.all(heard)) all.forEach(([data], i) => assert.ok(data.toString() === `*${i}${text.slice(0, 20_000)}`));
    }
  });

  test("the limit is of what comes out: 1009", async (t) => {
    const ws = await open(t, "/own");
    ws.send(Buffer.alloc(100_001));
    const [code] = await once(ws, "close");
    assert.equal(code, 1009);
  });

  test("a malformed offer fails the handshake", async () => {
    for (const [path, status] of [["/shared", 400], ["/off", 101]]) {
      const got = await new Promise((done) => {
        const ws = new WebSocket(server.ws + path, { perMessageDeflate: false, headers: { "Sec-WebSocket-Extensions": "permessage-deflate; =" } });
        ws.on("open", () => done(101) || ws.terminate()).on("unexpected-response", (_, res) => done(res.statusCode) || ws.terminate()).on("error", () => {});
      });
      assert.equal(got, status);
    }
  });
});
