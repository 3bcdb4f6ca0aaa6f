// Engine.IO over WebSocket, and the way there from polling.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Socket } from "engine.io-client";
import WebSocket from "ws";
import { Polling, SEPARATOR, ended, onWebsocket, query, session } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { once, several, sleep, until } from "./support/wait.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, upgradeHead, websocket, Wire } from "./support/wire.mjs";

const server = await serve("engine.lua");

/* The server is done with the connection: an empty close frame (unless another code is wanted), then the end. */
async function closes(wire, code) {
  const got = await wire.frame();
  assert.equal(got.opcode, CLOSE);
  assert.equal(got.payload.toString("hex"), code ? code.toString(16).padStart(4, "0") : "");
  wire.write(frame(CLOSE, got.payload));
  assert.equal((await wire.rest()).length, 0);
}

describe("messages", () => {
  test("text and binary: a text frame has the packet's type, a binary one nothing", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, "4hello"));
    assert.equal(await wire.text(), "4hello");
    wire.write(frame(BINARY, [0, 1, 254, 255]));
    const got = await wire.frame();
    assert.equal(got.opcode, BINARY);
    assert.deepEqual([...got.payload], [0, 1, 254, 255]);
    wire.destroy();
  });

  test("empty text and empty binary", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, "4"));
    assert.equal(await wire.text(), "4");
    wire.write(frame(BINARY, []));
    const got = await wire.frame();
    assert.deepEqual([got.opcode, got.payload.length], [BINARY, 0]);
    wire.destroy();
  });

  test("sizes around the three forms of length", async () => {
    const wire = await onWebsocket(server);
    for (const n of [0, 1, 123, 124, 125, 126, 127, 65533, 65534, 65535, 65536, 70000, 300000]) {
      const text = `4${"x".repeat(n)}`;
      wire.write(frame(TEXT, text));
      const got = await wire.text();
      assert.ok(got === text, `${n} characters`);
    }
    wire.destroy();
  });

  test("base64 in a text frame is binary", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, "bAQIDBA=="));
    const got = await wire.frame();
    assert.deepEqual([got.opcode, ...got.payload], [BINARY, 1, 2, 3, 4]);
    wire.destroy();
  });

  test("b64=1: binary goes out as base64 in text frames", async () => {
    const wire = await websocket(server.port, `/echo/?${query("websocket")}&b64=1`);
    await wire.text();
    wire.write(frame(TEXT, "bAQIDBA=="));
    assert.equal(await wire.text(), "bAQIDBA==");
    wire.write(frame(TEXT, "4text"));
    assert.equal(await wire.text(), "4text");
    wire.destroy();
  });

  test("a message in fragments, with a ping between them", async () => {
    const wire = await onWebsocket(server);
    wire.write(Buffer.concat([
      frame(TEXT, "4hel", { fin: false }), frame(PING, "are you there"), frame(CONTINUATION, "", { fin: false }), frame(CONTINUATION, "lo"),
    ]));
    const pong = await wire.frame();
    assert.deepEqual([pong.opcode, pong.payload.toString()], [PONG, "are you there"]);
    assert.equal(await wire.text(), "4hello");
    wire.destroy();
  });

  test("a character cut in two by fragments", async () => {
    const wire = await onWebsocket(server);
    const bytes = Buffer.from("4🙂");
    wire.write(frame(TEXT, bytes.subarray(0, 3), { fin: false }));
    wire.write(frame(CONTINUATION, bytes.subarray(3)));
    assert.equal(await wire.text(), "4🙂");
    wire.destroy();
  });

  test("many frames in one segment", async () => {
    const wire = await onWebsocket(server);
    wire.write(Buffer.concat(Array.from({ length: 500 }, (_, i) => frame(TEXT, `4number ${i}`))));
    for (let i = 0; i < 500; i++) assert.equal(await wire.text(), `4number ${i}`);
    wire.destroy();
  });

  test("a handshake and messages byte by byte", async () => {
    const wire = await Wire.to(server.port);
    await wire.drip(upgradeHead(`/echo/?${query("websocket")}`));
    assert.equal((await wire.response()).status, 101);
    await wire.text();
    await wire.drip(Buffer.concat([frame(TEXT, "4slow"), frame(BINARY, "binary"), frame(TEXT, `4${"y".repeat(130)}`)]));
    assert.equal(await wire.text(), "4slow");
    assert.equal((await wire.frame()).payload.toString(), "binary");
    assert.equal(await wire.text(), `4${"y".repeat(130)}`);
    wire.destroy();
  });

  test("frames right behind the handshake", async () => {
    const wire = await Wire.to(server.port);
    wire.write(Buffer.concat([Buffer.from(upgradeHead(`/echo/?${query("websocket")}`)), frame(TEXT, "4early"), frame(TEXT, "4bird")]));
    assert.equal((await wire.response()).status, 101);
    assert.equal((await wire.text())[0], "0");
    assert.equal(await wire.text(), "4early");
    assert.equal(await wire.text(), "4bird");
    wire.destroy();
  });

  test("a message of nearly maxHttpBufferSize", async () => {
    const wire = await onWebsocket(server);
    const text = `4${"z".repeat(999_999)}`;
    wire.write(frame(TEXT, text));
    assert.ok((await wire.text()) === text);
    wire.destroy();
  });
});

describe("the end", () => {
  test("the client's close packet closes at once", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, "1"));
    await closes(wire);
    await ended(server, wire.sid, "transport close");
  });

  test("the client's close frame is answered with its code", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(CLOSE, [0x03, 0xe8]));
    const got = await wire.frame();
    assert.deepEqual([got.opcode, ...got.payload], [CLOSE, 0x03, 0xe8]);
    assert.equal((await wire.rest()).length, 0);
    await ended(server, wire.sid, "transport close");
  });

  test("the client vanishes", async () => {
    const wire = await onWebsocket(server);
    wire.destroy();
    await ended(server, wire.sid, "transport close");
  });

  test("the server's close flushes first", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, "4!close"));
    assert.equal(await wire.text(), "4last words");
    await closes(wire);
    await ended(server, wire.sid, "forced close");
  });

  test("a bad packet", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, "abc"));
    await closes(wire);
    await ended(server, wire.sid, "parse error");
  });

  test("an empty frame is no packet", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, ""));
    await closes(wire);
    await ended(server, wire.sid, "parse error");
  });

  test("a ping packet goes the wrong way", async () => {
    const wire = await onWebsocket(server);
    wire.write(frame(TEXT, "2"));
    await closes(wire);
    await ended(server, wire.sid, "transport error");
  });

  test("an oversized message is closed with 1009 and no reason", async () => {
    const socket = new WebSocket(`${server.ws}/small/?${query("websocket")}`);
    const [open] = await once(socket, "message");
    socket.send(`4${"x".repeat(100)}`);
    const [code, reason] = await once(socket, "close");
    assert.equal(code, 1009);
    assert.equal(reason.length, 0);
    await ended(server, JSON.parse(open.toString().slice(1)).sid, "transport error");
  });

  test("a message at the limit passes", async () => {
    const wire = await onWebsocket(server, "/small/");
    wire.write(frame(TEXT, `4${"x".repeat(99)}`));
    assert.equal((await wire.text()).length, 100);
    wire.write(Buffer.concat([frame(TEXT, `4${"x".repeat(59)}`, { fin: false }), frame(CONTINUATION, "x".repeat(41))]));
    await closes(wire, 1009);
  });
});

describe("heartbeat", { concurrency: true }, () => {
  test("a ping comes each interval, and pongs keep the session alive", async () => {
    const wire = await onWebsocket(server, "/beat/");
    for (let i = 0; i < 4; i++) {
      assert.equal(await wire.text(), "2");
      wire.write(frame(TEXT, "3"));
    }
    assert.equal((await session(server, wire.sid)).closed, null);
    wire.destroy();
  });

  test("short intervals are kept", async () => {
    const wire = await onWebsocket(server, "/quick/");
    const end = Date.now() + 3000;
    for (let i = 0; i < 15; i++) {
      assert.equal(await wire.text(), "2");
      wire.write(frame(TEXT, "3"));
    }
    assert.ok(Date.now() < end, "15 pings of 50 ms each");
    wire.destroy();
  });

  test("pings come whatever else flows", async () => {
    const wire = await onWebsocket(server, "/beat/");
    const talk = setInterval(() => wire.write(frame(TEXT, "4talk")), 20);
    let got, pings = 0;
    while (pings < 3) {
      if ((got = await wire.text()) !== "2") continue;
      pings++;
      wire.write(frame(TEXT, "3"));
    }
    clearInterval(talk);
    wire.destroy();
  });

  test("without a pong the session ends, not earlier than it may", async () => {
    const started = Date.now();
    const wire = await onWebsocket(server, "/beat/");
    assert.equal(await wire.text(), "2");
    await closes(wire);
    assert.ok(Date.now() - started >= 400);
    await ended(server, wire.sid, "ping timeout");
  });

  test("a real client stays for many intervals", async () => {
    const client = new Socket(server.url, { path: "/beat", transports: ["websocket"] });
    await several(client, "ping", 5);
    assert.equal(client.readyState, "open");
    client.close();
  });
});

/* A session whose WebSocket has been probed. */
async function probed(path = "/echo/") {
  const s = await Polling.to(server, path);
  const wire = await s.websocket();
  wire.write(frame(TEXT, "2probe"));
  assert.equal(await wire.text(), "3probe");
  return [s, wire];
}

async function echoes(wire, text) {
  wire.write(frame(TEXT, `4${text}`));
  assert.equal(await wire.text(), `4${text}`);
}

describe("upgrade", () => {
  test("probe, 5, and the session goes on over the WebSocket", async () => {
    const [s, wire] = await probed();
    assert.equal(await s.poll(), "6");
    wire.write(frame(TEXT, "5"));
    await echoes(wire, "over here");
    assert.equal((await session(server, s.sid)).upgraded, true);
    wire.destroy();
    await s.ended("transport close");
  });

  test("no open packet is sent on the second transport", async () => {
    const s = await Polling.to(server);
    const wire = await s.websocket();
    await sleep(50);
    assert.equal(wire.pending.length, 0);
    wire.destroy();
  });

  test("a waiting GET is released by the probe", async () => {
    const s = await Polling.to(server);
    const poll = s.poll();
    await sleep(50);
    const wire = await s.websocket();
    wire.write(frame(TEXT, "2probe"));
    assert.equal(await wire.text(), "3probe");
    assert.equal(await poll, "6");
    wire.write(frame(TEXT, "5"));
    await echoes(wire, "done");
    wire.destroy();
  });

  test("every GET during the probe gets its noop", async () => {
    const [s, wire] = await probed();
    for (let i = 0; i < 20; i++) assert.equal(await s.poll(), "6");
    wire.write(frame(TEXT, "5"));
    await echoes(wire, "done");
    wire.destroy();
  });

  test("messages flow over polling during the probe", async () => {
    const [s, wire] = await probed();
    await s.send("4meanwhile");
    assert.equal(await s.poll(), "4meanwhile");
    wire.write(frame(TEXT, "5"));
    await echoes(wire, "done");
    wire.destroy();
  });

  test("a client need not poll while it probes", async () => {
    const [, wire] = await probed();
    wire.write(frame(TEXT, "5"));
    await echoes(wire, "done");
    wire.destroy();
  });

  test("what waited for a GET comes over the WebSocket, once and in order", async () => {
    const [s, wire] = await probed();
    await s.send(["4one", "4two", "bAQID"].join(SEPARATOR));
    wire.write(frame(TEXT, "5"));
    wire.write(frame(TEXT, "4three"));
    assert.equal(await wire.text(), "4one");
    assert.equal(await wire.text(), "4two");
    assert.deepEqual([...(await wire.frame()).payload], [1, 2, 3]);
    assert.equal(await wire.text(), "4three");
    wire.destroy();
  });

  test("messages right behind 5, in one segment", async () => {
    const s = await Polling.to(server);
    const wire = await s.websocket();
    wire.write(Buffer.concat([frame(TEXT, "2probe"), frame(TEXT, "5"), frame(TEXT, "4first"), frame(BINARY, [7]), frame(TEXT, "4third")]));
    assert.equal(await wire.text(), "3probe");
    assert.equal(await wire.text(), "4first");
    assert.deepEqual([...(await wire.frame()).payload], [7]);
    assert.equal(await wire.text(), "4third");
    wire.destroy();
  });

  test("a GET that waits when 5 comes is ended, and loses nothing", async () => {
    const s = await Polling.to(server);
    const wire = await s.websocket();
    const get = await Wire.to(server.port);
    wire.write(frame(TEXT, "2probe"));
    assert.equal(await wire.text(), "3probe");
    get.write(s.getRequest());
    wire.write(Buffer.concat([frame(TEXT, "5"), frame(TEXT, "4kept")]));
    const answer = await get.response();
    assert.ok((answer.status === 200 && /^[16]$/u.test(answer.body)) || answer.status === 400, `${answer.status} ${answer.body}`);
    assert.equal(await wire.text(), "4kept");
    get.destroy();
    wire.destroy();
  });

  test("polling after the upgrade is code 3, and the WebSocket works on", async () => {
    const [s, wire] = await probed();
    wire.write(frame(TEXT, "5"));
    await echoes(wire, "done");
    for (const answer of [await s.get(), await s.post("4hi")]) {
      assert.equal(answer.status, 400);
      assert.equal(await answer.text(), '{"code":3,"message":"Bad request"}');
    }
    await echoes(wire, "still");
    wire.destroy();
  });

  test("a second WebSocket is turned away, the first works on", async () => {
    const [s, wire] = await probed();
    const during = await s.websocket();
    await closes(during);
    wire.write(frame(TEXT, "5"));
    await echoes(wire, "done");
    const late = await s.websocket();
    await closes(late);
    await echoes(wire, "still");
    wire.destroy();
  });

  for (const [name, packet] of [["a message", "4hi"], ["another ping", "2hello"], ["rubbish", "abc"], ["a close", "1"]]) {
    test(`${name} instead of a probe closes that WebSocket alone`, async () => {
      const s = await Polling.to(server);
      const wire = await s.websocket();
      wire.write(frame(TEXT, packet));
      await closes(wire);
      await s.alive();
    });
  }

  test("a message before 5 closes that WebSocket alone", async () => {
    const [s, wire] = await probed();
    wire.write(frame(TEXT, "4too early"));
    await closes(wire);
    await s.alive();
  });

  test("a WebSocket lost during the probe leaves the session polling, and free to try again", async () => {
    const [s, wire] = await probed();
    wire.destroy();
    await until(async () => {
      const answer = await Promise.race([s.get(), sleep(100)]);
      if (!answer) {
        await s.send("4wake");
        return true;
      }
      return false;
    });
    const again = await s.websocket();
    again.write(frame(TEXT, "2probe"));
    assert.equal(await again.text(), "3probe");
    again.write(frame(TEXT, "5"));
    await echoes(again, "second try");
    again.destroy();
  });

  test("upgradeTimeout closes the probing WebSocket alone, whether it spoke or not", async () => {
    const [s, wire] = await probed("/hurry/");
    await closes(wire);
    await s.alive();
    const silent = await s.websocket();
    await closes(silent);
    await s.alive();
  });

  test("allowUpgrades: false refuses one that comes all the same", async () => {
    const s = await Polling.to(server, "/stay/");
    const wire = await Wire.to(server.port);
    wire.write(upgradeHead(`/stay/?${query("websocket", s.sid)}`));
    assert.equal((await wire.response()).status, 400);
    await s.alive();
  });

  test("heartbeats go on after an upgrade", async () => {
    const [, wire] = await probed("/beat/");
    wire.write(frame(TEXT, "5"));
    for (let i = 0; i < 3; i++) {
      assert.equal(await wire.text(), "2");
      wire.write(frame(TEXT, "3"));
    }
    wire.destroy();
  });

  test("a ping that was under way when the session was upgraded still counts", async () => {
    const s = await Polling.to(server, "/beat/");
    assert.equal(await s.poll(), "2");
    const wire = await s.websocket();
    wire.write(Buffer.concat([frame(TEXT, "2probe"), frame(TEXT, "5")]));
    assert.equal(await wire.text(), "3probe");
    await s.ended("ping timeout");
    wire.destroy();
  });
});

describe("engine.io-client", () => {
  test("upgrades, and what is sent around it arrives once and in order, both ways", async () => {
    for (let round = 0; round < 5; round++) {
      const client = new Socket(server.url, { path: "/echo" });
      const got = [];
      client.on("message", (data) => got.push(data));
      let sent = 0, upgraded = false;
      client.on("upgrade", () => (upgraded = true));
      client.on("close", (reason) => got.push(`closed: ${reason}`));
      await once(client, "open");
      client.send("!flood 200");
      while (!upgraded || sent < 500) {
        client.send(`n${sent++}`);
        if (sent % 10 === 0) await sleep(1);
        assert.ok(sent < 100_000, "upgrades in the end");
      }
      await until(() => got.length >= sent + 200, "all echoes");
      assert.deepEqual(got.slice(0, 200), Array.from({ length: 200 }, (_, i) => `flood ${i + 1}`));
      assert.deepEqual(got.slice(200), Array.from({ length: sent }, (_, i) => `n${i}`));
      assert.equal(client.transport.name, "websocket");
      client.close();
    }
  });

  test("many at once", async () => {
    const clients = Array.from({ length: 60 }, (_, i) =>
      new Socket(server.url, { path: "/echo", transports: i % 3 ? ["polling", "websocket"] : ["websocket"] }));
    await Promise.all(clients.map(async (client, i) => {
      await once(client, "open");
      const answer = once(client, "message");
      client.send(`client ${i}`);
      assert.deepEqual(await answer, [`client ${i}`]);
      const done = once(client, "close");
      client.close();
      await done;
    }));
  });

  test("is told of an unknown session", async () => {
    const client = new Socket(server.url, { path: "/echo", transports: ["polling"], query: { sid: "nobody" } });
    const [error] = await once(client, "error");
    assert.equal(error.description, 400);
  });
});
