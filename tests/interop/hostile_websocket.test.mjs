// Bad WebSocket frames, bad Engine.IO and Socket.IO packets, cut anywhere; each gets its close and its counter.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { chance } from "./support/chance.mjs";
import { Polling, SEPARATOR, onWebsocket, query } from "./support/engine.mjs";
import { each, metric, well } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { until } from "./support/wait.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, frame, upgradeHead } from "./support/wire.mjs";

const server = await serve("hostile.lua");
const PATH = "/engine.io/";

/* The code of the close frame that comes, once everything before it was read over; null: none came. */
async function closed(wire) {
  try {
    for (;;) {
      const got = await wire.frame();
      if (got.opcode === CLOSE) return got.payload.length >= 2 ? got.payload.readUInt16BE() : 1005;
    }
  } catch (error) {
    assert.match(error.message, /^closed before/u);
    return null;
  } finally {
    wire.destroy();
  }
}

function cases(name, counter, list) {
  describe(name, () => {
    let count;
    before(async () => (count = await metric(server, counter)));
    for (const [what, code, ...bytes] of list) {
      test(what, async () => {
        const wire = await onWebsocket(server, PATH);
        wire.write(Buffer.concat(bytes));
        assert.equal(await closed(wire), code);
      });
    }
    after(async () => {
      const now = await metric(server, counter);
      assert.ok(now - count >= list.length, `${now - count} of ${list.length} were counted`);
      await well(server);
    });
  });
}

const bad = (opcode, payload, options) => frame(opcode, payload, options);
cases("frames against the protocol: 1002", 'atrium_ws_errors_total{reason="protocol"}', [
  ["no mask", 1002, bad(TEXT, "4hi", { mask: false })],
  ["no mask on a ping", 1002, bad(PING, "", { mask: false })],
  ["RSV1", 1002, bad(TEXT, "4hi", { rsv: 4 })],
  ["RSV2", 1002, bad(TEXT, "4hi", { rsv: 2 })],
  ["RSV3", 1002, bad(BINARY, "4hi", { rsv: 1 })],
  ["RSV1 on a control frame", 1002, bad(PING, "", { rsv: 4 })],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`opcode ${opcode}`, 1002, bad(opcode, "x")]),
  ["a ping in fragments", 1002, bad(PING, "x", { fin: false })],
  ["a close in fragments", 1002, bad(CLOSE, "", { fin: false })],
  ["a ping of 126 bytes", 1002, bad(PING, "x".repeat(126))],
  ["a close of 126 bytes", 1002, bad(CLOSE, Buffer.alloc(126, 3))],
  ["a continuation of nothing", 1002, bad(CONTINUATION, "x")],
  ["a continuation of nothing, to be continued", 1002, bad(CONTINUATION, "x", { fin: false })],
  ["a message inside another", 1002, bad(TEXT, "4a", { fin: false }), bad(TEXT, "4b")],
  ["a binary message inside a text", 1002, bad(TEXT, "4a", { fin: false }), bad(BINARY, "b")],
  ["a length in more bytes than it needs", 1002, bad(TEXT, "4hi", { wide: 16 })],
  ["a length in many more", 1002, bad(TEXT, "4hi", { wide: 64 })],
  ["a close of one byte", 1002, bad(CLOSE, [3])],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535].map((code) => [`a close with code ${code}`, 1002, bad(CLOSE, [code >> 8, code & 255])]),
]);

cases("text that is no UTF-8: 1007", 'atrium_ws_errors_total{reason="encoding"}', [
  ["a lone continuation byte", 1007, bad(TEXT, [0x34, 0x80])],
  ["an overlong slash", 1007, bad(TEXT, [0x34, 0xc0, 0xaf])],
  ["an overlong slash of three", 1007, bad(TEXT, [0x34, 0xe0, 0x80, 0xaf])],
  ["a surrogate", 1007, bad(TEXT, [0x34, 0xed, 0xa0, 0x80])],
  ["beyond U+10FFFF", 1007, bad(TEXT, [0x34, 0xf4, 0x90, 0x80, 0x80])],
  ["0xFE and 0xFF", 1007, bad(TEXT, [0x34, 0xfe, 0xff])],
  ["a character cut off", 1007, bad(TEXT, [0x34, 0xe2, 0x82])],
  ["cut off in the last fragment", 1007, bad(TEXT, [0x34, 0xe2], { fin: false }), bad(CONTINUATION, [0x82])],
  ["broken across fragments", 1007, bad(TEXT, [0x34, 0xe2], { fin: false }), bad(CONTINUATION, [0x28, 0xa1])],
  ["far into a long message", 1007, bad(TEXT, Buffer.concat([Buffer.from(`4${"x".repeat(70_000)}`), Buffer.of(0xff)]))],
  ["in the reason of a close", 1007, bad(CLOSE, [0x03, 0xe8, 0xff])],
]);

cases("sizes: 1009", 'atrium_ws_errors_total{reason="too_big"}', [
  ["one frame", 1009, bad(BINARY, "", { length: 1_000_001 })],
  ["one frame of four gigabytes and some", 1009, bad(BINARY, "", { length: 2 ** 32 + 1 })],
  ["one frame of 2^52", 1009, bad(TEXT, "", { length: 2 ** 52 })],
  ["fragments", 1009, bad(BINARY, Buffer.alloc(600_000), { fin: false }), bad(CONTINUATION, Buffer.alloc(600_000))],
  ["fragments, as soon as it is known", 1009, bad(BINARY, Buffer.alloc(600_000), { fin: false }), bad(CONTINUATION, "", { length: 600_000, fin: false })],
  ["many small fragments", 1009, ...Array.from({ length: 1100 }, (_, i) => bad(i ? CONTINUATION : BINARY, Buffer.alloc(1000), { fin: false }))],
]);

describe("frames, continued", () => {
  test("a length with its highest bit set", async () => {
    const wire = await onWebsocket(server, PATH);
    wire.write(Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, 0xff), Buffer.alloc(4)]));
    assert.ok([1002, 1009].includes(await closed(wire)));
  });

  test("nothing is read behind a close frame", async () => {
    const wire = await onWebsocket(server, PATH);
    wire.write(Buffer.concat([frame(CLOSE, [3, 232]), frame(TEXT, "4too late"), frame(TEXT, "abc")]));
    assert.equal(await closed(wire), 1000);
  });

  test("a frame cut off at every byte, then the end", async () => {
    const bytes = Buffer.concat([frame(TEXT, "4hello"), frame(BINARY, Buffer.alloc(200)), frame(PING, "x"), frame(TEXT, "4a", { fin: false }), frame(CONTINUATION, "b")]);
    await each(Array.from({ length: bytes.length }, (_, i) => i), async (at) => {
      const wire = await onWebsocket(server, PATH);
      wire.write(bytes.subarray(0, at));
      if (at % 2) wire.finish();
      await new Promise(setImmediate);
      wire.destroy();
    });
    await until(async () => (await metric(server, 'atrium_engine_sessions{transport="websocket"}')) === 0, "sessions to be gone");
    await well(server);
  });

  test("a conversation cut in two at every byte, from the handshake on, is understood the same", async () => {
    const bytes = Buffer.concat([
      Buffer.from(upgradeHead(`${PATH}?${query("websocket")}`)), frame(TEXT, "4one"), frame(PING, "p"), frame(BINARY, Buffer.alloc(130, 7)),
      frame(TEXT, "4t", { fin: false }), frame(CONTINUATION, "wo é"), frame(TEXT, "4three"), frame(CLOSE, [3, 232]),
    ]);
    await each(Array.from({ length: bytes.length - 1 }, (_, i) => i + 1), async (at) => {
      const wire = await Wire.to(server.port);
      wire.write(bytes.subarray(0, at));
      await new Promise(setImmediate);
      wire.write(bytes.subarray(at));
      assert.equal((await wire.response()).status, 101);
      await wire.text();
      assert.equal(await wire.text(), "4one");
      const rest = [await wire.frame(), await wire.frame()].sort((a, b) => a.opcode - b.opcode);
      assert.deepEqual(rest.map((f) => [f.opcode, f.payload.toString()]), [[BINARY, "\x07".repeat(130)], [PONG, "p"]]);
      assert.equal(await wire.text(), "4two é");
      assert.equal(await wire.text(), "4three");
      assert.equal(await closed(wire), 1000);
    });
  });
});

describe("floods", () => {
  test("10,000 pings are answered, others served meanwhile", async () => {
    const wire = await onWebsocket(server, PATH);
    wire.write(Buffer.concat(Array.from({ length: 10_000 }, (_, i) => frame(PING, String(i)))));
    await well(server);
    for (let i = 0, last = -1; last < 9999; i++) {
      const got = await wire.frame();
      assert.equal(got.opcode, PONG);
      assert.ok(Number(got.payload) > last, "answers keep the order of the pings");
      last = Number(got.payload);
    }
    wire.destroy();
  });

  test("pings whose answers nobody reads cost nothing but the connection", async () => {
    const wire = await onWebsocket(server, PATH);
    wire.socket.pause();
    const some = Buffer.concat(Array.from({ length: 1000 }, () => frame(PING, "x".repeat(125))));
    for (let i = 0; i < 100 && !wire.ended; i++) wire.write(some);
    await well(server);
    assert.ok((await metric(server, "atrium_net_queued_bytes")) < 32 << 20);
    wire.destroy();
  });

  test("echoes that nobody reads close the connection at the limit", async () => {
    const wire = await onWebsocket(server, PATH);
    wire.socket.pause();
    const overflows = await metric(server, 'atrium_engine_errors_total{reason="queue_overflow"}');
    const big = frame(TEXT, `4${"x".repeat(900_000)}`);
    for (let i = 0; i < 40 && !wire.socket.destroyed; i++) wire.write(big);
    await until(async () => (await metric(server, 'atrium_engine_errors_total{reason="queue_overflow"}')) > overflows, "the limit");
    wire.destroy();
    await until(async () => (await metric(server, "atrium_net_queued_bytes")) < 1 << 20, "memory back");
    await well(server);
  });

  test("100,000 empty fragments", async () => {
    const wire = await onWebsocket(server, PATH);
    wire.write(frame(TEXT, "4", { fin: false }));
    const some = Buffer.concat(Array.from({ length: 10_000 }, () => frame(CONTINUATION, "", { fin: false })));
    for (let i = 0; i < 10; i++) wire.write(some);
    wire.write(frame(CONTINUATION, "end"));
    await well(server);
    assert.equal(await wire.text(), "4end");
    wire.destroy();
  });

  test("100,000 separators in one payload end the session at the first", async () => {
    const s = await Polling.to(server, PATH);
    const answer = await s.post(SEPARATOR.repeat(100_000));
    assert.equal(answer.status, 400);
    await s.gone();
  });

  test("100,000 messages in one payload come back", async () => {
    const s = await Polling.to(server, PATH);
    const payload = Array.from({ length: 50_000 }, () => "4x").join(SEPARATOR);
    await s.send(payload);
    assert.equal(await s.poll(), payload);
  });

  test("a connection per namespace, as many as one may join", async () => {
    const wire = await onWebsocket(server, "/socket.io/");
    for (let i = 0; i < 5000; i++) wire.write(frame(TEXT, `40/nowhere-${i},`));
    await well(server);
    wire.destroy();
  });
});

describe("packets changed at random", () => {
  const good = [
    "40", '40{"a":1}', "40/chat,", "41", '42["echo",1,{"a":[null,"x"]}]', '421["reflect","x"]', '451-["echo",{"_placeholder":true,"num":0}]', '43-1[]',
    '4612-["x"]', "2", "3", "3probe", "2probe", "5", "6", "1", '44{"message":"x"}', "bAQID", '42/chat,7["echo"]', '42["echo","\\ud83d\\ude42\\u0000"]', "4", "",
  ];
  const junk = ['"', "\\", "{", "}", "[", "]", ",", "-", "/", "0", "9", "\u0000", "\u001e", "é", "🙂", "_placeholder", "1e999", "-", ":"];

  function mutate(random, text) {
    const chars = [...text];
    for (let n = random() % 3; n >= 0; n--) {
      const at = random() % (chars.length + 1), what = random() % 4;
      if (what === 0) chars.splice(at, 1);
      else if (what === 1) chars.splice(at, 0, junk[random() % junk.length]);
      else if (what === 2) chars[at] = junk[random() % junk.length];
      else chars.splice(at, random() % 4, ...chars.slice(random() % (chars.length + 1)));
    }
    return chars.join("");
  }

  for (const seed of [1, 2, 3]) {
    test(`over WebSocket, seed ${seed}`, async () => {
      const random = chance(seed);
      const conversations = Array.from({ length: 300 }, () =>
        Array.from({ length: 1 + (random() % 6) }, () => (random() % 8 ? mutate(random, good[random() % good.length]) : Buffer.alloc(random() % 40, random() & 255))));
      await each(conversations, async (packets) => {
        const wire = await onWebsocket(server, "/socket.io/");
        wire.write(frame(TEXT, "40"));
        wire.write(Buffer.concat(packets.map((p) => (typeof p === "string" ? frame(TEXT, p) : frame(BINARY, p)))));
        wire.write(frame(CLOSE, [3, 232]));
        await closed(wire);
      });
      await well(server);
    });
  }

  test("over polling", async () => {
    const random = chance(104729);
    const payloads = Array.from({ length: 300 }, () => Array.from({ length: 1 + (random() % 5) }, () => mutate(random, good[random() % good.length])).join(SEPARATOR));
    await each(payloads, async (payload) => {
      const s = await Polling.to(server, "/socket.io/");
      const post = await s.post(`40${SEPARATOR}${payload}`);
      assert.ok([200, 400].includes(post.status), `${post.status}`);
      await post.arrayBuffer();
      await s.post("1").then((answer) => answer.arrayBuffer());
    });
    await well(server);
  });

  test("over bare TCP: heads changed at random", async () => {
    const random = chance(15485863);
    const heads = [`GET ${PATH}?${query("polling")} HTTP/1.1\r\nHost: x\r\n\r\n`, upgradeHead(`${PATH}?${query("websocket")}`), "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"];
    await each(Array.from({ length: 600 }, () => mutate(random, heads[random() % heads.length])), async (bytes) => {
      const wire = await Wire.to(server.port);
      wire.write(bytes);
      wire.finish();
      await wire.rest();
      wire.destroy();
    });
    await well(server);
  });
});
