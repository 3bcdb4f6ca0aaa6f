/* rateLimit, addressRateLimit, trustProxy: what passes, what is refused and how, what is counted. Limits
 * are such that no test depends on how fast the machine is: what must pass is far below, what must not far
 * beyond what time gives back.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { Polling, query } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { until } from "./support/wait.mjs";
import { Wire, frame, upgradeHead, websocket, CLOSE, PING, TEXT } from "./support/wire.mjs";

const flag = (name, value) => [name, JSON.stringify(value)];

async function limited(by, of, server) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^atrium_rate_limited_total\\{by="${by}",of="${of}"\\} (\\d+)$`, "mu").exec(text)[1]);
}

async function ended(server) {
  let all = [];
  await until(async () => (all = all.concat(await (await fetch(`${server.url}/ends`)).json())).length > 0, "the end of a connection");
  return all;
}

/* The code of the close frame that comes in the end. */
async function closeCode(wire) {
  for (;;) {
    const got = await wire.frame();
    if (got.opcode === CLOSE) return got.payload.readUInt16BE(0);
  }
}

async function connectedWire(server) {
  const wire = await websocket(server.port, `/socket.io/?${query("websocket")}`);
  await wire.text();
  wire.write(frame(TEXT, "40"));
  while (!(await wire.text()).startsWith("40"));
  return wire;
}

describe("messages of a connection", () => {
  const flags = flag("--rate-limit", { messages: 1, burst: 50 });

  test("WebSocket: within the burst all pass, beyond it 1008", async () => {
    const server = await serve("rates.lua", { flags });
    const wire = await connectedWire(server);
    for (let i = 0; i < 40; i++) wire.write(frame(TEXT, `42${i}["echo",${i}]`));
    for (let i = 0; i < 40; ) if ((await wire.text()).startsWith(`43${i}`)) i++;
    for (let i = 0; i < 400; i++) wire.write(frame(TEXT, '42["echo",1]'));
    assert.equal(await closeCode(wire), 1008);
    assert.deepEqual(await ended(server), [["io", "transport error", "rate limit exceeded"]]);
    assert.equal(await limited("connection", "messages", server), 1);
    wire.destroy();
    const socket = io(server.url, { transports: ["websocket"] }); // the next one starts anew
    assert.equal(await socket.timeout(20_000).emitWithAck("echo", "a"), "a");
    socket.disconnect();
  });

  test("pings and fragments count as well", async () => {
    const server = await serve("rates.lua", { flags });
    for (const flood of [() => frame(PING, ""), (i) => frame(i ? 0 : TEXT, "", { fin: false })]) {
      const wire = await connectedWire(server);
      for (let i = 0; i < 400; i++) wire.write(flood(i));
      assert.equal(await closeCode(wire), 1008);
      wire.destroy();
    }
  });

  test("long-polling: 429, and the session has ended", async () => {
    const server = await serve("rates.lua", { flags });
    const s = await Polling.to(server, "/socket.io/");
    await s.send("40");
    await s.send(Array(40).fill('42["x"]').join("\x1e"));
    const answer = await s.post(Array(400).fill('42["x"]').join("\x1e"));
    assert.equal(answer.status, 429);
    await s.gone();
    assert.deepEqual(await ended(server), [["io", "transport error", "rate limit exceeded"]]);
    assert.equal(await limited("connection", "messages", server), 1);
  });

  test("a session that changes to WebSocket keeps what it has used", async () => {
    const server = await serve("rates.lua", { flags });
    const s = await Polling.to(server, "/socket.io/");
    await s.send("40");
    await s.send(Array(45).fill('42["x"]').join("\x1e"));
    const wire = await s.websocket();
    wire.write(frame(TEXT, "2probe"));
    assert.equal(await wire.text(), "3probe");
    wire.write(frame(TEXT, "5"));
    for (let i = 0; i < 40; i++) wire.write(frame(TEXT, '42["x"]'));
    assert.equal(await closeCode(wire), 1008);
    wire.destroy();
  });

  test("plain WebSocket endpoints", async () => {
    const server = await serve("rates.lua", { flags });
    const ws = new WebSocket(`${server.ws}/ws`);
    await new Promise((done) => ws.once("open", done));
    const code = new Promise((done) => ws.once("close", done));
    for (let i = 0; i < 400; i++) ws.send("x");
    assert.equal(await code, 1008);
    assert.deepEqual(await ended(server), [["ws", 1008, "rate limit exceeded"]]);
  });
});

describe("bytes of a connection", () => {
  const flags = flag("--rate-limit", { bytes: 1000, burst: 100 });

  test("WebSocket: refused by what the frame's head announces", async () => {
    const server = await serve("rates.lua", { flags });
    const wire = await connectedWire(server);
    wire.write(frame(TEXT, `42["x","${"y".repeat(90_000)}"]`)).write(frame(TEXT, '421["echo",1]'));
    while (!(await wire.text()).startsWith("431"));
    wire.write(frame(TEXT, `42["x","${"y".repeat(90_000)}"]`).subarray(0, 20));
    assert.equal(await closeCode(wire), 1008);
    assert.equal(await limited("connection", "bytes", server), 1);
    wire.destroy();
  });

  test("long-polling: by its Content-Length, or when its chunks are there", async () => {
    const server = await serve("rates.lua", { flags });
    for (const chunked of [false, true]) {
      const s = await Polling.to(server, "/socket.io/");
      await s.send(`40{"auth":"${"a".repeat(90_000)}"}`);
      const body = `42["${"y".repeat(90_000)}"]`;
      const wire = await Wire.to(server.port);
      if (chunked)
        wire.write(`POST ${s.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
      else wire.write(s.request(body).slice(0, -80_000));
      assert.equal((await wire.response()).status, 429);
      wire.destroy();
      await s.gone();
    }
    assert.equal(await limited("connection", "bytes", server), 2);
  });

  test("a message larger than the burst passes when nothing was used", async () => {
    const server = await serve("rates.lua", { flags: flag("--rate-limit", { bytes: 1000, burst: 1 }) });
    const ws = new WebSocket(`${server.ws}/ws`);
    await new Promise((done) => ws.once("message", done));
    ws.send("z".repeat(200_000));
    assert.equal((await new Promise((done) => ws.once("message", done))).length, 200_000);
    const code = new Promise((done) => ws.once("close", done));
    ws.send("and one more");
    assert.equal(await code, 1008);
  });
});

describe("addresses", () => {
  test("handshakes: 429 over polling, WebSocket and at endpoints, told to nobody", async () => {
    const server = await serve("rates.lua", { flags: [...flag("--address-rate-limit", { connects: 1, burst: 20 }), "--trust-proxy", "127.0.0.1,::1"] });
    const handshake = (address) => fetch(`${server.url}/socket.io/?${query("polling")}`, { headers: { "X-Forwarded-For": address } });
    let refused;
    for (let i = 0; i < 100 && !refused; i++) {
      const answer = await handshake("10.1.1.1");
      if (answer.status !== 200) refused = answer;
      else await answer.text();
    }
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal(await refused.text(), '{"code":3,"message":"Bad request"}');
    for (const target of [`/socket.io/?${query("websocket")}`, "/ws"]) {
      const wire = await Wire.to(server.port);
      for (let i = 0; i < 30; i++) await (await handshake("10.1.1.1")).text();
      wire.write(upgradeHead(target, "X-Forwarded-For: 10.1.1.1"));
      const answer = await wire.response();
      assert.equal(answer.status, 429, target);
      assert.equal(answer.headers["retry-after"], "1");
      wire.destroy();
    }
    assert.equal((await handshake("10.1.1.2")).status, 200);
    assert.ok((await limited("address", "handshakes", server)) >= 3);
    assert.equal(await limited("address", "connects", server), 0); // those of a proxy are not counted
  });

  test("TCP connections: 429, and the connection is closed", async () => {
    const server = await serve("rates.lua", { flags: flag("--address-rate-limit", { connects: 1, burst: 20 }) });
    const wires = [];
    let refused;
    for (let i = 0; i < 100 && !refused; i++) {
      const wire = await Wire.to(server.port);
      wires.push(wire);
      wire.write("GET /address HTTP/1.1\r\nHost: x\r\n\r\n");
      const answer = await wire.response();
      if (answer.status === 429) refused = answer;
    }
    assert.equal(refused.headers["connection"], "close");
    assert.equal(refused.headers["retry-after"], "1");
    const old = wires[0].write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); // who is connected stays so
    assert.match((await old.response()).body, /^atrium_rate_limited_total\{by="address",of="connects"\} [1-9]/mu);
    for (const wire of wires) wire.destroy();
  });

  test("messages and bytes of all connections together", async () => {
    for (const [of, limit, payload] of [["messages", { messages: 1, burst: 100 }, "x"], ["bytes", { bytes: 1000, burst: 100 }, "x".repeat(1000)]]) {
      const server = await serve("rates.lua", { flags: [...flag("--address-rate-limit", limit), "--trust-proxy", "127.0.0.1,::1"] });
      const open = async (address) => {
        const ws = new WebSocket(`${server.ws}/ws`, { headers: { "X-Forwarded-For": address } });
        ws.closed = new Promise((done) => ws.once("close", done));
        assert.equal(String(await new Promise((done) => ws.once("message", done))), address);
        return ws;
      };
      const [a, b, other] = [await open("10.2.2.2"), await open("10.2.2.2"), await open("10.3.3.3")];
      for (let i = 0; i < 80; i++) a.send(payload);
      for (let i = 0; i < 80; i++) b.send(payload);
      assert.equal(await Promise.race([a.closed, b.closed]), 1008);
      assert.ok((await limited("address", of, server)) > 0);
      other.send("still here");
      assert.equal(String(await new Promise((done) => other.once("message", done))), "still here");
      for (const ws of [a, b, other]) ws.terminate();
    }
  });
});

describe("trustProxy", () => {
  const seen = async (server, headers) => (await fetch(`${server.url}/address`, { headers })).text();

  test("off: X-Forwarded-For is what any client may claim", async () => {
    const server = await serve("rates.lua");
    assert.match(await seen(server, { "X-Forwarded-For": "9.9.9.9" }), /^(::1|(::ffff:)?127\.0\.0\.1)$/u);
  });

  test("the last entry that is no proxy's, over several lines, with ports; what is no address ends the walk", async () => {
    const server = await serve("rates.lua", { flags: ["--trust-proxy", "127.0.0.0/8, ::1, 10.0.0.0/8"] });
    const cases = [
      ["9.9.9.9", "9.9.9.9"], ["8.8.8.8, 9.9.9.9", "9.9.9.9"], ["9.9.9.9, 10.1.2.3, 10.4.5.6", "9.9.9.9"], ["9.9.9.9:1234,10.0.0.1", "9.9.9.9"],
      ["[2001:db8::7]:443", "2001:db8::7"], ["10.7.7.7", "10.7.7.7"], ["9.9.9.9, nonsense, 10.0.0.1", "10.0.0.1"],
    ];
    for (const [header, address] of cases) assert.equal(await seen(server, { "X-Forwarded-For": header }), address, header);
    for (const header of ["nonsense", "", "1.2.3"]) assert.match(await seen(server, { "X-Forwarded-For": header }), /^(::1|(::ffff:)?127\.0\.0\.1)$/u, header);
    const wire = await Wire.to(server.port);
    wire.write("GET /address HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9, 10.1.1.1\r\nX-Forwarded-For: 10.2.2.2\r\n\r\n");
    assert.equal((await wire.response()).body, "9.9.9.9");
    wire.write("GET /address HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.8\r\n\r\n"); // each request says anew
    assert.equal((await wire.response()).body, "9.9.9.8");
    wire.destroy();
  });

  test("handshakes and endpoints know the client by it", async () => {
    const server = await serve("rates.lua", { flags: ["--trust-proxy", "127.0.0.0/8, ::1"] });
    for (const transports of [["polling"], ["websocket"]]) {
      const socket = io(server.url, { transports, extraHeaders: { "X-Forwarded-For": "9.9.9.9" } });
      assert.equal(await new Promise((done) => socket.once("address", done)), "9.9.9.9");
      socket.disconnect();
    }
    const ws = new WebSocket(`${server.ws}/ws`, { headers: { "X-Forwarded-For": "9.9.9.9" } });
    assert.equal(String(await new Promise((done) => ws.once("message", done))), "9.9.9.9");
    ws.terminate();
  });
});
