// Conformance of plain WebSockets: the ground of the Autobahn test suite's groups 1 to 7, 9 and 10, case by case and
// strictly (no answer counts as "acceptable though not exact"). Each case is a connection of its own to the running
// program, which echoes. Sections are those of RFC 6455. The same over TLS: autobahn_tls.test.mjs.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { serve } from "./support/server.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, websocket } from "./support/wire.mjs";

const secure = process.env.CONFORMANCE_OVER === "tls";

/* Flags for a certificate that is good for this run only. */
function certificate() {
  const folder = mkdtempSync(join(tmpdir(), "atrium-conformance-"));
  after(() => rmSync(folder, { recursive: true }));
  const [crt, key] = [join(folder, "own.crt"), join(folder, "own.key")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", crt,
    "-days", "2", "-subj", "/CN=localhost"], { stdio: "ignore" });
  return ["--tls-cert", crt, "--tls-key", key];
}

const server = await serve("websocket.lua", { expectErrors: true, flags: secure ? certificate() : [] });

const open = () => websocket({ port: server.port, secure }, "/echo");
const close = (code, reason = "") => frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));

/* The next frame is exactly this one. */
async function gets(wire, opcode, payload = "") {
  const got = await wire.frame();
  assert.deepEqual([got.fin, got.rsv, got.opcode], [true, 0, opcode], `opcode ${opcode}, not ${got.opcode}: ${got.payload.subarray(0, 50).toString("latin1")}`);
  assert.ok(got.payload.equals(Buffer.from(payload)), `${got.payload.length} bytes, not those expected`);
}

/* 5.5.1: a close frame with this code, nothing behind it, and the server ends the connection by itself. */
async function fails(wire, code) {
  const got = await wire.frame();
  assert.equal(got.opcode, CLOSE, `opcode ${got.opcode}: ${got.payload.subarray(0, 50)}`);
  assert.equal(got.payload.length >= 2 ? got.payload.readUInt16BE() : "no code", code);
  await ends(wire);
}

async function ends(wire) {
  assert.equal((await wire.rest()).length, 0, "nothing follows a close frame (5.5.1)");
  wire.destroy();
}

/* A close in good order proves that nothing else was answered before. */
async function closes(wire) {
  wire.write(close(1000));
  await gets(wire, CLOSE, [0x03, 0xe8]);
  await ends(wire);
}

/* data in pieces of n bytes, each a segment of its own as far as the kernel goes along. */
async function chopped(wire, data, n) {
  for (let at = 0; at < data.length; at += n) {
    await new Promise((done) => wire.socket.write(data.subarray(at, at + n), done));
    if (n < 64) await new Promise(setImmediate);
  }
}

describe("1 framing (5.2)", () => {
  const sizes = [0, 125, 126, 127, 128, 65535, 65536];
  for (const [group, opcode, fill] of [[1, TEXT, "*"], [2, BINARY, "\xfe"]]) {
    for (const [i, size] of sizes.entries())
      test(`1.${group}.${i + 1} ${size} bytes`, async () => {
        const wire = await open(), data = Buffer.alloc(size, fill, "latin1");
        wire.write(frame(opcode, data));
        await gets(wire, opcode, data);
        await closes(wire);
      });
    test(`1.${group}.8 65536 bytes in pieces of 997`, async () => {
      const wire = await open(), data = Buffer.alloc(65536, fill, "latin1");
      await chopped(wire, frame(opcode, data), 997);
      await gets(wire, opcode, data);
      await closes(wire);
    });
  }
});

describe("2 pings and pongs (5.5.2, 5.5.3)", () => {
  for (const [name, payload] of [
    ["2.1 without payload", ""], ["2.2 with text", "Hello, world!"], ["2.3 with bytes", [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]],
    ["2.4 of 125 bytes", Buffer.alloc(125, 0xfe)],
  ]) test(`${name}: answered alike`, async () => {
    const wire = await open();
    wire.write(frame(PING, payload));
    await gets(wire, PONG, payload);
    await closes(wire);
  });

  test("2.5 of 126 bytes: 1002 (5.5)", async () => {
    const wire = await open();
    wire.write(frame(PING, Buffer.alloc(126, 0xfe)));
    await fails(wire, 1002);
  });

  test("2.6 of 125 bytes, byte by byte", async () => {
    const wire = await open(), payload = Buffer.alloc(125, 0xfe);
    await chopped(wire, frame(PING, payload), 1);
    await gets(wire, PONG, payload);
    await closes(wire);
  });

  for (const [name, payload] of [["2.7 unasked pong", ""], ["2.8 unasked pong with payload", "unsolicited pong payload"]])
    test(`${name}: not answered`, async () => {
      const wire = await open();
      wire.write(frame(PONG, payload));
      await closes(wire);
    });

  test("2.9 unasked pong, then a ping", async () => {
    const wire = await open();
    wire.write(Buffer.concat([frame(PONG, "unsolicited pong payload"), frame(PING, "ping payload")]));
    await gets(wire, PONG, "ping payload");
    await closes(wire);
  });

  test("2.10 ten pings, ten pongs in order", async () => {
    const wire = await open();
    wire.write(Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(PING, `payload-${i}`))));
    for (let i = 0; i < 10; i++) await gets(wire, PONG, `payload-${i}`);
    await closes(wire);
  });

  test("2.11 the same, byte by byte", async () => {
    const wire = await open();
    await chopped(wire, Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(PING, `payload-${i}`))), 1);
    for (let i = 0; i < 10; i++) await gets(wire, PONG, `payload-${i}`);
    await closes(wire);
  });
});

describe("3 reserved bits (5.2): 1002 without an extension", () => {
  const hello = "Hello, world!";

  test("3.1 RSV=1 on the first frame", async () => {
    const wire = await open();
    wire.write(frame(TEXT, hello, { rsv: 1 }));
    await fails(wire, 1002);
  });

  test("3.2 RSV=2 on the second text, then a ping", async () => {
    const wire = await open();
    wire.write(Buffer.concat([frame(TEXT, hello), frame(TEXT, hello, { rsv: 2 }), frame(PING)]));
    await gets(wire, TEXT, hello);
    await fails(wire, 1002);
  });

  test("3.3 the same with RSV=3, frame by frame", async () => {
    const wire = await open();
    for (const one of [frame(TEXT, hello), frame(TEXT, hello, { rsv: 3 }), frame(PING)]) await chopped(wire, one, one.length);
    await gets(wire, TEXT, hello);
    await fails(wire, 1002);
  });

  test("3.4 the same with RSV=4, byte by byte", async () => {
    const wire = await open();
    await chopped(wire, Buffer.concat([frame(TEXT, hello), frame(TEXT, hello, { rsv: 4 }), frame(PING)]), 1);
    await gets(wire, TEXT, hello);
    await fails(wire, 1002);
  });

  for (const [name, opcode, payload, rsv] of [
    ["3.5 RSV=5 on binary", BINARY, [0, 255, 254, 253, 252, 251, 0, 255], 5], ["3.6 RSV=6 on a ping", PING, hello, 6], ["3.7 RSV=7 on a close", CLOSE, "", 7],
  ]) test(name, async () => {
    const wire = await open();
    wire.write(frame(opcode, payload, { rsv }));
    await fails(wire, 1002);
  });
});

describe("4 opcodes that are not defined (5.2): 1002", () => {
  const hello = "Hello, world!";
  for (const [group, codes] of [[1, [3, 4, 5, 6, 7]], [2, [11, 12, 13, 14, 15]]])
    for (const [i, opcode] of codes.entries())
      test(`4.${group}.${i + 1} opcode ${opcode}`, async () => {
        const wire = await open(), alone = i < 2, bad = frame(opcode, i % 2 ? "reserved" : "");
        const all = Buffer.concat(alone ? [bad] : [frame(TEXT, hello), bad, frame(PING)]);
        if (i === 4) await chopped(wire, all, 1);
        else wire.write(all);
        if (!alone) await gets(wire, TEXT, hello);
        await fails(wire, 1002);
      });
});

describe("5 fragments (5.4)", () => {
  const first = (text, opcode = TEXT) => frame(opcode, text, { fin: false });
  const more = (text) => frame(CONTINUATION, text, { fin: false });
  const last = (text) => frame(CONTINUATION, text);

  /* name, frames, answers as [opcode, payload], a close code at the end or none */
  const cases = [
    ["5.1 a ping in two fragments", [first("fragment1", PING), last("fragment2")], [], 1002],
    ["5.2 a pong in two fragments", [first("fragment1", PONG), last("fragment2")], [], 1002],
    ["5.3 a text in two", [first("fragment1"), last("fragment2")], [[TEXT, "fragment1fragment2"]]],
    ["5.6 a ping in between", [first("fragment1"), frame(PING, "ping payload"), last("fragment2")], [[PONG, "ping payload"], [TEXT, "fragment1fragment2"]]],
    ["5.9 a continuation of nothing", [last("non-continuation payload"), frame(TEXT, "Hello, world!")], [], 1002],
    ["5.12 a continuation of nothing, not final", [more("non-continuation payload"), frame(TEXT, "Hello, world!")], [], 1002],
    ["5.15 a continuation after the message ended", [first("fragment1"), last("fragment2"), more("fragment3"), frame(TEXT, "fragment4")],
      [[TEXT, "fragment1fragment2"]], 1002],
    ["5.16 continuations of nothing, final or not", [more("fragment1"), first("fragment2"), last("fragment3")], [], 1002],
    ["5.17 a final continuation of nothing before fragments", [last("fragment1"), first("fragment2"), last("fragment3")], [], 1002],
    ["5.18 two texts begun", [first("fragment1"), frame(TEXT, "fragment2")], [], 1002],
    ["5.19 five fragments with pings between", [first("fragment1"), more("fragment2"), frame(PING, "pongme 1!"), more("fragment3"), more("fragment4"),
      frame(PING, "pongme 2!"), last("fragment5")],
      [[PONG, "pongme 1!"], [PONG, "pongme 2!"], [TEXT, "fragment1fragment2fragment3fragment4fragment5"]]],
  ];

  /* Autobahn's numbers differ by how the bytes are cut: at once, frame by frame, byte by byte. */
  const again = { "5.3": ["5.4", "5.5"], "5.6": ["5.7", "5.8"], "5.9": ["5.10", "5.11"], "5.12": ["5.13", "5.14"], "5.19": ["5.20", "5.20b"] };

  for (const [name, frames, answers, code] of cases) {
    const [number, ...words] = name.split(" ");
    const ways = [[number, "at once"], ...(again[number] ?? []).map((n, i) => [n, ["frame by frame", "byte by byte"][i]])];
    for (const [n, way] of ways)
      test(`${n} ${words.join(" ")}, ${way}`, async () => {
        const wire = await open(), all = Buffer.concat(frames);
        if (way === "at once") wire.write(all);
        else if (way === "byte by byte") await chopped(wire, all, 1);
        else for (const one of frames) await chopped(wire, one, one.length);
        for (const [opcode, payload] of answers) await gets(wire, opcode, payload);
        if (code) await fails(wire, code);
        else await closes(wire);
      });
  }
});

describe("6 UTF-8 (5.6, 8.1)", () => {
  const kosme = "Hello-µ@ßöäüàá-UTF-8!!";

  test("6.1.1 an empty text", async () => {
    const wire = await open();
    wire.write(frame(TEXT));
    await gets(wire, TEXT);
    await closes(wire);
  });

  test("6.1.2 three empty fragments", async () => {
    const wire = await open();
    wire.write(Buffer.concat([frame(TEXT, "", { fin: false }), frame(CONTINUATION, "", { fin: false }), frame(CONTINUATION)]));
    await gets(wire, TEXT);
    await closes(wire);
  });

  test("6.1.3 empty fragments around one with text", async () => {
    const wire = await open();
    wire.write(Buffer.concat([frame(TEXT, "", { fin: false }), frame(CONTINUATION, "middle frame payload", { fin: false }), frame(CONTINUATION)]));
    await gets(wire, TEXT, "middle frame payload");
    await closes(wire);
  });

  /* data as frames of n bytes of payload */
  const fragments = (data, n) => {
    const list = [];
    for (let at = 0; at < data.length; at += n)
      list.push(frame(at ? CONTINUATION : TEXT, data.subarray(at, at + n), { fin: at + n >= data.length }));
    return Buffer.concat(list.length ? list : [frame(TEXT)]);
  };

  for (const [name, text, n] of [["6.2.1 one frame", kosme, 1000], ["6.2.2 two fragments", kosme, 15], ["6.2.3 an octet per frame", kosme, 1], ["6.2.4 an octet per frame", "κόσμε", 1]])
    test(name, async () => {
      const wire = await open();
      wire.write(fragments(Buffer.from(text), n));
      await gets(wire, TEXT, text);
      await closes(wire);
    });

  const surrogate = Buffer.from("cebae1bdb9cf83cebcceb5eda080656469746564", "hex");
  test("6.3.1 a surrogate in a text", async () => {
    const wire = await open();
    wire.write(frame(TEXT, surrogate));
    await fails(wire, 1007);
  });

  test("6.3.2 the same, an octet per frame", async () => {
    const wire = await open();
    wire.write(fragments(surrogate, 1));
    await fails(wire, 1007);
  });

  /* Fail fast: the refusal comes before what would complete the frame or the message was sent. */
  test("6.4.1 refused with the fragment that is bad, before the message ends", async () => {
    const wire = await open();
    wire.write(frame(TEXT, Buffer.from("cebae1bdb9cf83cebcceb5", "hex"), { fin: false }));
    wire.write(frame(CONTINUATION, Buffer.from("f4908080", "hex"), { fin: false }));
    await fails(wire, 1007);
  });

  test("6.4.2 refused with the second octet of a code point beyond U+10FFFF", async () => {
    const wire = await open();
    wire.write(frame(TEXT, Buffer.from("cebae1bdb9cf83cebcceb5f4", "hex"), { fin: false }));
    wire.write(frame(CONTINUATION, [0x90], { fin: false }));
    await fails(wire, 1007);
  });

  for (const [name, octets] of [["6.4.3 a bad code point in a frame that is not whole", "f4908080"], ["6.4.4 its second octet", "f490"]])
    test(name, async () => {
      const wire = await open(), text = Buffer.from("cebae1bdb9cf83cebcceb5f4908080656469746564", "hex");
      const whole = frame(TEXT, text), head = whole.length - text.length;
      wire.write(whole.subarray(0, head + 11));
      wire.write(whole.subarray(head + 11, head + 11 + octets.length / 2));
      await fails(wire, 1007);
    });

  test("6.4 by octets: every prefix of a bad text is refused exactly at the octet that makes it bad", async () => {
    for (const [text, at] of [["cebaeda080", 3], ["f08080", 1], ["c080", 0], ["61ff", 1], ["e0809f", 1], ["f4908080", 1], ["80", 0], ["e282", -1]]) {
      const bytes = Buffer.from(text, "hex"), wire = await open();
      const whole = frame(TEXT, Buffer.concat([bytes, Buffer.from("more")])), head = whole.length - bytes.length - 4;
      for (let i = 0; i < bytes.length && i !== at; i++) await chopped(wire, whole.subarray(i ? head + i : 0, head + i + 1), 100);
      if (at < 0) { /* not bad so far: a ping cannot interrupt a frame, so ask by finishing it wrongly */
        wire.write(whole.subarray(head + bytes.length, head + bytes.length + 1));
        await fails(wire, 1007);
        continue;
      }
      await new Promise((done) => setTimeout(done, 20));
      assert.equal(wire.pending.length, 0, `${text} was refused too early`);
      wire.write(whole.subarray(at ? head + at : 0, head + at + 1));
      await fails(wire, 1007);
    }
  });

  const valid = {
    "6.5.2": "68656c6c6f24776f726c64", "6.5.3": "68656c6c6fc2a2776f726c64", "6.5.4": "68656c6c6fe282ac776f726c64", "6.5.5": "68656c6c6ff0a4ada2776f726c64",
    "6.6.2": "ceba", "6.6.5": "cebae1bdb9", "6.6.7": "cebae1bdb9cf83", "6.6.9": "cebae1bdb9cf83cebc", "6.6.11": "cebae1bdb9cf83cebcceb5",
    "6.7.1": "00", "6.7.2": "c280", "6.7.3": "e0a080", "6.7.4": "f0908080",
    "6.9.1": "7f", "6.9.2": "dfbf", "6.9.3": "efbfbf", "6.9.4": "f48fbfbf",
    "6.11.1": "ed9fbf", "6.11.2": "ee8080", "6.11.3": "efbfbd", "6.11.4": "f48fbfbf",
    "6.22.1": "efbfbe", "6.22.2": "efbfbf", "6.22.3": "f09fbfbe", "6.22.4": "f09fbfbf", "6.22.5": "f0afbfbe", "6.22.6": "f0afbfbf",
    "6.22.7": "f0bfbfbe", "6.22.8": "f0bfbfbf", "6.22.9": "f18fbfbe", "6.22.10": "f18fbfbf", "6.22.11": "f19fbfbe", "6.22.12": "f19fbfbf",
    "6.22.13": "f1afbfbe", "6.22.14": "f1afbfbf", "6.22.15": "f1bfbfbe", "6.22.16": "f1bfbfbf", "6.22.17": "f28fbfbe", "6.22.18": "f28fbfbf",
    "6.22.19": "f29fbfbe", "6.22.20": "f29fbfbf", "6.22.21": "f2afbfbe", "6.22.22": "f2afbfbf", "6.22.23": "f2bfbfbe", "6.22.24": "f2bfbfbf",
    "6.22.25": "f38fbfbe", "6.22.26": "f38fbfbf", "6.22.27": "f39fbfbe", "6.22.28": "f39fbfbf", "6.22.29": "f3afbfbe", "6.22.30": "f3afbfbf",
    "6.22.31": "f3bfbfbe", "6.22.32": "f3bfbfbf", "6.22.33": "f48fbfbe", "6.22.34": "f48fbfbf",
    "6.23.1": "efbfb9", "6.23.2": "efbfba", "6.23.3": "efbfbb", "6.23.4": "efbfbc", "6.23.5": "efbfbd", "6.23.6": "efbfbe", "6.23.7": "efbfbf",
  };
  const invalid = {
    "6.6.1": "ce", "6.6.3": "cebae1", "6.6.4": "cebae1bd", "6.6.6": "cebae1bdb9cf", "6.6.8": "cebae1bdb9cf83ce", "6.6.10": "cebae1bdb9cf83cebcce",
    "6.8.1": "f888808080", "6.8.2": "fc8480808080",
    "6.10.1": "f7bfbfbf", "6.10.2": "fbbfbfbfbf", "6.10.3": "fdbfbfbfbfbf",
    "6.11.5": "f4908080",
    "6.12.1": "80", "6.12.2": "bf", "6.12.3": "80bf", "6.12.4": "80bf80", "6.12.5": "80bf80bf", "6.12.6": "80bf80bf80", "6.12.7": "80bf80bf80bf",
    "6.12.8": Array.from({ length: 64 }, (_, i) => (0x80 + i).toString(16)).join(""),
    "6.13.1": Array.from({ length: 32 }, (_, i) => (0xc0 + i).toString(16) + "20").join(""),
    "6.13.2": Array.from({ length: 16 }, (_, i) => (0xe0 + i).toString(16) + "20").join(""),
    "6.13.3": Array.from({ length: 8 }, (_, i) => (0xf0 + i).toString(16) + "20").join(""),
    "6.13.4": "f820f920fa20fb20", "6.13.5": "fc20fd20",
    "6.14.1": "c0", "6.14.2": "e080", "6.14.3": "f08080", "6.14.4": "f8808080", "6.14.5": "fc80808080", "6.14.6": "df", "6.14.7": "efbf", "6.14.8": "f7bfbf",
    "6.14.9": "fbbfbfbf", "6.14.10": "fdbfbfbfbf",
    "6.15.1": "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf",
    "6.16.1": "fe", "6.16.2": "ff", "6.16.3": "fefeffff",
    "6.17.1": "c0af", "6.17.2": "e080af", "6.17.3": "f08080af", "6.17.4": "f8808080af", "6.17.5": "fc80808080af",
    "6.18.1": "c1bf", "6.18.2": "e09fbf", "6.18.3": "f08fbfbf", "6.18.4": "f887bfbfbf", "6.18.5": "fc83bfbfbfbf",
    "6.19.1": "c080", "6.19.2": "e08080", "6.19.3": "f0808080", "6.19.4": "f880808080", "6.19.5": "fc8080808080",
    "6.20.1": "eda080", "6.20.2": "edadbf", "6.20.3": "edae80", "6.20.4": "edafbf", "6.20.5": "edb080", "6.20.6": "edbe80", "6.20.7": "edbfbf",
    "6.21.1": "eda080edb080", "6.21.2": "eda080edbfbf", "6.21.3": "edadbfedb080", "6.21.4": "edadbfedbfbf", "6.21.5": "edae80edb080",
    "6.21.6": "edae80edbfbf", "6.21.7": "edafbfedb080", "6.21.8": "edafbfedbfbf",
  };

  test("6.5.1 an empty and a one-octet text after another", async () => {
    const wire = await open();
    wire.write(Buffer.concat([frame(TEXT, "a"), frame(TEXT, ""), frame(TEXT, "b")]));
    for (const text of ["a", "", "b"]) await gets(wire, TEXT, text);
    await closes(wire);
  });

  for (const [number, hex] of Object.entries(valid))
    test(`${number} valid: ${hex}`, async () => {
      const wire = await open(), text = Buffer.from(hex, "hex");
      wire.write(frame(TEXT, text));
      await gets(wire, TEXT, text);
      wire.write(fragments(text, 1));
      await gets(wire, TEXT, text);
      await closes(wire);
    });

  for (const [number, hex] of Object.entries(invalid))
    test(`${number} invalid: ${hex.slice(0, 40)}`, async () => {
      const text = Buffer.from(hex, "hex");
      for (const bytes of [frame(TEXT, text), fragments(text, 1)]) {
        const wire = await open();
        wire.write(bytes);
        await fails(wire, 1007);
      }
    });
});

describe("7 closing (5.5.1, 7)", () => {
  const quiet = async (wire, code) => {
    await gets(wire, CLOSE, code ? [code >> 8, code & 255] : "");
    await ends(wire);
  };

  test("7.1.1 a message, then a close", async () => {
    const wire = await open();
    wire.write(Buffer.concat([frame(TEXT, "Hello World!"), close(1000)]));
    await gets(wire, TEXT, "Hello World!");
    await quiet(wire, 1000);
  });

  for (const [name, after] of [
    ["7.1.2 a second close", close(1000)], ["7.1.3 a ping behind it", frame(PING, "too late")], ["7.1.4 a text behind it", frame(TEXT, "too late")],
  ]) test(`${name} is not answered`, async () => {
    const wire = await open();
    wire.write(Buffer.concat([close(1000), after]));
    await quiet(wire, 1000);
  });

  test("7.1.5 a close between fragments ends the message unfinished", async () => {
    const wire = await open();
    wire.write(Buffer.concat([frame(TEXT, "fragment1", { fin: false }), close(1000), frame(CONTINUATION, "fragment2")]));
    await quiet(wire, 1000);
  });

  test("7.1.6 256 KiB, a text, a close, a ping: all that came before the close is answered, nothing else", async () => {
    const wire = await open(), large = Buffer.alloc(256 * 1024, "BAsd7&jh23");
    wire.write(Buffer.concat([frame(TEXT, large), frame(TEXT, "Hello World!"), close(1000), frame(PING, "too late")]));
    await gets(wire, TEXT, large);
    await gets(wire, TEXT, "Hello World!");
    await quiet(wire, 1000);
  });

  test("7.3.1 a close without payload", async () => {
    const wire = await open();
    wire.write(frame(CLOSE));
    await quiet(wire, 0);
  });

  test("7.3.2 a close with one byte: 1002", async () => {
    const wire = await open();
    wire.write(frame(CLOSE, "a"));
    await fails(wire, 1002);
  });

  test("7.3.3 a code, no reason", async () => {
    const wire = await open();
    wire.write(close(1000));
    await quiet(wire, 1000);
  });

  for (const [name, reason] of [["7.3.4 with a reason", "Hello World!"], ["7.3.5 with a reason of 123 bytes", "*".repeat(123)]])
    test(name, async () => {
      const wire = await open();
      wire.write(close(1000, reason));
      await quiet(wire, 1000);
    });

  test("7.3.6 126 bytes of payload: 1002", async () => {
    const wire = await open();
    wire.write(close(1000, "*".repeat(124)));
    await fails(wire, 1002);
  });

  test("7.5.1 a reason that is no UTF-8: 1007", async () => {
    const wire = await open();
    wire.write(close(1000, Buffer.from("cebae1bdb9cf83cebcceb5eda080656469746564", "hex")));
    await fails(wire, 1007);
  });

  for (const [i, code] of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].entries())
    test(`7.7.${i + 1} code ${code} is answered alike (7.4)`, async () => {
      const wire = await open();
      wire.write(close(code));
      await quiet(wire, code);
    });

  for (const [i, code] of [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].entries())
    test(`7.9.${i + 1} code ${code}: 1002 (7.4)`, async () => {
      const wire = await open();
      wire.write(close(code));
      await fails(wire, 1002);
    });

  for (const [i, code] of [5000, 65535].entries())
    test(`7.13.${i + 1} code ${code}: 1002`, async () => {
      const wire = await open();
      wire.write(close(code));
      await fails(wire, 1002);
    });

  test("7.13 the code 1015 never travels: 1002 (7.4.1)", async () => {
    const wire = await open();
    wire.write(close(1015));
    await fails(wire, 1002);
  });
});

describe("9 large messages and many", () => {
  const KB = 1024, MB = 1024 * KB;
  const filled = (n) => Buffer.alloc(n, "BAsd7&jh23");

  for (const [group, opcode] of [[1, TEXT], [2, BINARY]])
    for (const [i, size] of [64 * KB, 256 * KB, 1 * MB, 4 * MB, 8 * MB, 16 * MB].entries())
      test(`9.${group}.${i + 1} ${size / KB} KiB in one frame`, async () => {
        const wire = await open(), data = filled(size);
        wire.write(frame(opcode, data));
        await gets(wire, opcode, data);
        await closes(wire);
      });

  for (const [group, opcode] of [[3, TEXT], [4, BINARY]])
    for (const [i, piece] of [64, 256, 1 * KB, 4 * KB, 16 * KB, 64 * KB, 256 * KB, 1 * MB, 4 * MB].entries())
      test(`9.${group}.${i + 1} 4 MiB in fragments of ${piece} bytes`, async () => {
        const wire = await open(), data = filled(4 * MB), list = [];
        for (let at = 0; at < data.length; at += piece)
          list.push(frame(at ? CONTINUATION : opcode, data.subarray(at, at + piece), { fin: at + piece >= data.length }));
        wire.write(Buffer.concat(list));
        await gets(wire, opcode, data);
        await closes(wire);
      });

  for (const [group, opcode] of [[5, TEXT], [6, BINARY]])
    for (const [i, piece] of [64, 128, 256, 512, 1 * KB, 2 * KB].entries())
      test(`9.${group}.${i + 1} 1 MiB in segments of ${piece} bytes`, async () => {
        const wire = await open(), data = filled(1 * MB);
        await chopped(wire, frame(opcode, data), piece);
        await gets(wire, opcode, data);
        await closes(wire);
      });

  for (const [group, opcode] of [[7, TEXT], [8, BINARY]])
    for (const [i, size] of [0, 16, 64, 256, 1 * KB, 4 * KB].entries())
      test(`9.${group}.${i + 1} a thousand messages of ${size} bytes, one after the other`, async () => {
        const wire = await open(), data = filled(size), one = frame(opcode, data);
        for (let k = 0; k < 1000; k++) {
          wire.write(one);
          await gets(wire, opcode, data);
        }
        await closes(wire);
      });
});

describe("10 fragmented by the sender, whatever the limits", () => {
  test("10.1.1 65536 bytes in fragments of 1300", async () => {
    const wire = await open(), data = Buffer.alloc(65536, "*"), list = [];
    for (let at = 0; at < data.length; at += 1300)
      list.push(frame(at ? CONTINUATION : TEXT, data.subarray(at, at + 1300), { fin: at + 1300 >= data.length }));
    wire.write(Buffer.concat(list));
    await gets(wire, TEXT, data);
    await closes(wire);
  });
});

describe("masking (5.1, 5.3) and lengths (5.2)", () => {
  for (const [name, bad] of [
    ["a frame that is not masked: 1002", frame(TEXT, "bare", { mask: false })],
    ["a control frame that is not masked: 1002", frame(PING, "bare", { mask: false })],
    ["16 bits for a length of 7: 1002", frame(TEXT, "short", { wide: 16 })],
    ["64 bits for a length of 16: 1002", frame(TEXT, "x".repeat(200), { wide: 64 })],
  ]) test(name, async () => {
    const wire = await open();
    wire.write(bad);
    await fails(wire, 1002);
  });

  test("a length with the highest bit set", async () => {
    const wire = await open();
    wire.write(Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]));
    await fails(wire, 1002);
  });
});
