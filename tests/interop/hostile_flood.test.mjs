// Too many, too slow, too long: limits hold, and others do not notice.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execSync } from "node:child_process";
import net from "node:net";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import { Polling, onWebsocket, query } from "./support/engine.mjs";
import { each, metric, well } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";
import { Wire, frame, upgradeHead, TEXT } from "./support/wire.mjs";

/* Descriptors that a process may have; Node and the server raise their own limit to it. */
const descriptors = Number(execSync("ulimit -Hn", { shell: "/bin/sh" }).toString().trim().replace("unlimited", "1e9"));

const patient = await serve("hostile.lua", { flags: ["--headers-timeout", "120000"] });
const hasty = await serve("hostile.lua", { flags: ["--headers-timeout", "300", "--request-timeout", "300", "--keep-alive-timeout", "300", "--write-timeout", "300"] });

describe("half-open connections", () => {
  /* Opens n connections that send `bytes` and then nothing. */
  async function open(server, n, bytes) {
    const sockets = [];
    await each(Array.from({ length: n }), async () => {
      const socket = net.connect({ port: server.port, host: "127.0.0.1" });
      await within(new Promise((done, fail) => socket.once("connect", done).once("error", fail)), "a connection", 60_000);
      socket.on("error", () => {});
      if (bytes) socket.write(bytes);
      sockets.push(socket);
    }, 100);
    return sockets;
  }

  test("5,000 that send nothing and 5,000 half heads: others are served as before, and all memory comes back", async (t) => {
    if (descriptors < 10_500) return t.skip(`only ${descriptors} descriptors are allowed here (ulimit -Hn)`);
    const client = io(patient.url, { transports: ["websocket"], forceNew: true });
    await once(client, "connect");
    const sockets = [...(await open(patient, 5000)), ...(await open(patient, 5000, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Half: a"))];
    await until(async () => (await metric(patient, "atrium_http_connections")) >= 10_000, "10,000 connections");
    for (let i = 0; i < 100; i++) assert.equal(await client.emitWithAck("reflect", i), i);
    await well(patient);
    for (const socket of sockets) socket.resetAndDestroy();
    await until(async () => (await metric(patient, "atrium_http_connections")) < 10, "all to be gone");
    assert.equal(await metric(patient, "atrium_net_kept_bytes"), 0);
    assert.equal(client.connected, true);
    client.disconnect();
    await well(patient);
  });

  test("1,000 bodies that never come whole", async () => {
    const sockets = await open(patient, 1000, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegun");
    await well(patient);
    for (const socket of sockets) socket.resetAndDestroy();
    await until(async () => (await metric(patient, "atrium_http_connections")) < 10, "all to be gone");
  });

  test("1,000 WebSockets that stop in the middle of a frame", async () => {
    const head = Buffer.concat([Buffer.from(upgradeHead(`/engine.io/?${query("websocket")}`)), frame(TEXT, `4${"x".repeat(1000)}`).subarray(0, 500)]);
    const sockets = await open(patient, 1000, head);
    await until(async () => (await metric(patient, 'atrium_engine_sessions{transport="websocket"}')) >= 1000, "the sessions");
    await well(patient);
    for (const socket of sockets) socket.resetAndDestroy();
    await until(async () => (await metric(patient, 'atrium_engine_sessions{transport="websocket"}')) === 0, "all to be gone");
  });

  test("3,000 sessions that are opened and never polled", async () => {
    await each(Array.from({ length: 3000 }), async () => {
      const wire = await Wire.to(patient.port);
      wire.write(`GET /engine.io/?${query("polling")} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await wire.rest();
      wire.destroy();
    }, 50);
    assert.ok((await metric(patient, 'atrium_engine_sessions{transport="polling"}')) >= 3000);
    await well(patient);
  });
});

describe("slow clients", { concurrency: true }, () => {
  const timeouts = () => metric(hasty, 'atrium_http_errors_total{reason="timeout"}');

  /* Sends a byte every 30 ms until the other side has had enough; what it said then. */
  async function slowly(bytes) {
    const wire = await Wire.to(hasty.port);
    for (const byte of bytes) {
      if (wire.ended) break;
      wire.write(byte);
      await sleep(30);
    }
    const got = (await wire.rest()).toString();
    wire.destroy();
    return got;
  }

  test("a head that comes byte by byte gets 408 and the end, whatever trickles in", async () => {
    const before = await timeouts();
    const got = await Promise.all(Array.from({ length: 20 }, () => slowly(`GET /hello HTTP/1.1\r\nHost: x\r\n${"X: y\r\n".repeat(500)}`)));
    for (const answer of got) assert.match(answer, /^HTTP\/1.1 408 [^]*connection: close/iu);
    assert.ok((await timeouts()) - before >= 20);
    await well(hasty);
  });

  test("so does a body", async () => {
    const got = await slowly(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${"x".repeat(1000)}`);
    assert.match(got, /^HTTP\/1.1 408 /u);
  });

  test("and the body of a poll, whose session ends", async () => {
    const s = await Polling.to(hasty, "/engine.io/");
    const wire = await Wire.to(hasty.port);
    wire.write(s.request("4never whole").slice(0, -5));
    await within(wire.rest(), "the end");
    wire.destroy();
    await s.gone();
  });

  test("who sends nothing is closed without a word, before a request and after one", async () => {
    const silent = await Wire.to(hasty.port);
    assert.equal((await silent.rest()).length, 0);
    const idle = await Wire.to(hasty.port);
    idle.write("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await idle.response()).body, "hello");
    assert.equal((await idle.rest()).length, 0);
  });

  test("a poll that waits, and a WebSocket that is quiet, are no slow clients", async () => {
    const s = await Polling.to(hasty, "/engine.io/");
    const wire = await onWebsocket(hasty, "/engine.io/");
    const poll = s.poll();
    await sleep(1000);
    wire.write(frame(TEXT, "4still here"));
    assert.equal(await wire.text(), "4still here");
    await s.send("4me too");
    assert.equal(await poll, "4me too");
    wire.destroy();
  });

  test("a handshake that stops half way is closed", async () => {
    const wire = await Wire.to(hasty.port);
    wire.write(upgradeHead(`/engine.io/?${query("websocket")}`).slice(0, -2));
    assert.match((await wire.rest()).toString(), /^HTTP\/1.1 408 /u);
  });
});

describe("limits that the settings set", () => {
  test("maxConnections: further ones get 503, until one goes", async () => {
    const server = await serve("hostile.lua", { flags: ["--max-connections", "5"] });
    const held = await Promise.all(Array.from({ length: 5 }, () => Wire.to(server.port)));
    for (const wire of held) {
      wire.write("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
      assert.equal((await wire.response()).status, 200);
    }
    const late = await Wire.to(server.port);
    late.write("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match((await late.rest()).toString(), /^HTTP\/1.1 503 /u);
    for (const wire of held) wire.destroy();
    await until(async () => {
      const again = await Wire.to(server.port);
      again.write("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      return /^HTTP\/1.1 200 /u.test((await again.rest()).toString());
    });
    await server.stop();
  });

  test("maxSessions: further handshakes get 503, until one ends", async () => {
    const server = await serve("hostile.lua", { flags: ["--max-sessions", "3"] });
    const held = await Promise.all([0, 1, 2].map(() => Polling.to(server, "/socket.io/")));
    assert.equal((await fetch(`${server.url}/socket.io/?${query("polling")}`)).status, 503);
    const wire = await Wire.to(server.port);
    wire.write(upgradeHead(`/socket.io/?${query("websocket")}`));
    assert.equal((await wire.response()).status, 503);
    await held[0].send("1");
    await Polling.to(server, "/socket.io/");
    await server.stop();
  });

  test("maxHeaderSize and maxBodySize", async () => {
    const server = await serve("hostile.lua", { flags: ["--max-header-size", "512", "--max-body-size", "1000"] });
    const ask = async (bytes) => {
      const wire = await Wire.to(server.port);
      wire.write(bytes);
      return (await wire.response()).status;
    };
    assert.equal(await ask(`GET /hello HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(400)}\r\n\r\n`), 200);
    assert.equal(await ask(`GET /hello HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(600)}\r\n\r\n`), 431);
    assert.equal(await ask(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${"y".repeat(1000)}`), 200);
    assert.equal(await ask(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n${"y".repeat(1001)}`), 413);
    await server.stop();
  });

  test("maxNamespaces, maxAttachments, maxJsonDepth", async () => {
    const server = await serve("hostile.lua", { flags: ["--max-namespaces", "1", "--max-attachments", "2", "--max-json-depth", "5"] });
    const client = async () => {
      const socket = io(server.url, { transports: ["websocket"], forceNew: true, reconnection: false });
      await once(socket, "connect");
      return socket;
    };
    const one = await client();
    assert.equal(await one.emitWithAck("reflect", 1), 1);
    assert.deepEqual(await one.emitWithAck("reflect", [[[1]]]), [[[1]]]);
    const lost = once(one, "disconnect");
    one.emit("reflect", [[[[[[1]]]]]]);
    await lost;
    const two = await client();
    const bits = await two.emitWithAck("reflect", [Buffer.from("a"), Buffer.from("b")]);
    assert.equal(bits.length, 2);
    const gone = once(two, "disconnect");
    two.emit("reflect", [Buffer.from("a"), Buffer.from("b"), Buffer.from("c")]);
    await gone;
    const three = await client();
    const outcome = within(new Promise((done) => {
      const more = three.io.socket("/another");
      more.once("connect_error", () => done("refused"));
      three.once("disconnect", () => done("closed"));
    }), "the limit");
    assert.match(await outcome, /refused|closed/u);
    three.disconnect();
    three.io._close();
    await server.stop();
  });

  test("maxBufferedBytes: who does not read is closed, who does is not", async () => {
    const server = await serve("hostile.lua", { flags: ["--max-buffered-bytes", "1000000"] });
    const reader = io(server.url, { transports: ["websocket"], forceNew: true });
    await once(reader, "connect");
    const wire = await onWebsocket(server, "/socket.io/");
    wire.write(frame(TEXT, "40"));
    await wire.text();
    wire.socket.pause();
    wire.write(frame(TEXT, '42["flood",20000]'));
    await until(async () => (await metric(server, 'atrium_engine_errors_total{reason="queue_overflow"}')) >= 1, "the overflow");
    assert.equal(await reader.emitWithAck("reflect", "fine"), "fine");
    await until(async () => (await metric(server, "atrium_net_queued_bytes")) === 0, "memory back");
    wire.destroy();
    reader.disconnect();
    await server.stop();
  });
});
