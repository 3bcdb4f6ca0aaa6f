// Socket.IO: a replacer and a reviver in Lua, as JSON.stringify() and JSON.parse() call theirs, with clients of either parser.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import msgpack from "socket.io-msgpack-parser";
import { scenario } from "./support/client.mjs";
import { metric } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { once, within } from "./support/wait.mjs";

const server = await serve("rewrite.lua", { expectErrors: true });
const ask = (socket, ...args) => within(new Promise((done) => socket.emit(...args, (...reply) => done(reply))), args[0]);

for (const [name, options] of [["the usual parser", {}], ["MessagePack", { parser: msgpack }], ["polling", { transports: ["polling"] }]]) {
  describe(`with ${name}`, () => {
    scenario(server, "values go through the reviver and the replacer, in events, broadcasts and acknowledgements", async ({ connect }) => {
      const [socket, other] = [await connect("/", options), await connect("/", options)];
      const echo = once(socket, "echo");
      const args = [1, null, "text", { money: 5 }, [{ money: 6 }, [true]], { deep: { money: 7, password: "x" } }, Buffer.from("abc")];
      socket.emit("echo", ...args);
      assert.deepEqual(await echo, [...args.slice(0, 5), { deep: { money: 7 } }, args[6]]);
      const news = [once(socket, "news"), once(other, "news")];
      socket.emit("everyone", { money: 8 }, { password: 1, kept: 2 });
      for (const got of news) assert.deepEqual(await got, [{ money: 8 }, { kept: 2 }]);
      assert.deepEqual(await ask(socket, "double", { money: 21 }), [{ money: 42 }, [[{ money: 1 }]], { open: 1 }]);
    });

    scenario(server, "nil leaves members out, and is null in lists", async ({ connect }) => {
      const socket = await connect("/", options);
      const said = once(socket, "said");
      socket.emit("unsayable");
      assert.deepEqual(await said, ["a function", [1, null, 3], null]);
      const echo = once(socket, "echo");
      socket.emit("echo", { forget: 1, kept: [{ forget: [2] }] });
      assert.deepEqual(await echo, [{ kept: [{}] }]);
    });

    scenario(server, "answers are revived too; an error is the asker's", async ({ connect }) => {
      const socket = await connect("/", options);
      socket.on("question", (ack) => ack({ money: 3 }));
      assert.deepEqual(await ask(socket, "ask"), [true, 3]);
      assert.deepEqual(await ask(socket, "ask all"), [[3]]);
      socket.off("question").on("question", (ack) => ack("raise"));
      assert.deepEqual(await ask(socket, "ask"), [false, " the input is not well formed"]);
      assert.deepEqual(await ask(socket, "ask all"), [[null]]);
      assert.ok(socket.connected);
    });
  });
}

describe("the order of calls", () => {
  /* What Node's functions are given, lists counted from 1. */
  const keys = (walk) => {
    const got = [];
    walk(function (key, value) {
      got.push(Array.isArray(this) ? Number(key) + 1 : key);
      return value;
    });
    return got;
  };

  scenario(server, "the replacer's: from outside to inside", async ({ connect }) => {
    const socket = await connect("/");
    const sent = once(socket, "x");
    socket.emit("keys out");
    await sent;
    const [seen] = await ask(socket, "seen");
    const want = keys((fn) => JSON.stringify(["x", { a: { b: [1] } }], fn));
    assert.deepEqual(seen.slice(0, want.length), want);
  });

  scenario(server, "the reviver's: from inside to outside", async ({ connect }) => {
    const socket = await connect("/");
    await ask(socket, "watch");
    await ask(socket, "double", { money: 1 });
    const [seen] = await ask(socket, "seen");
    const first = keys((fn) => JSON.stringify([], fn)); // of the answer to "watch"
    const want = keys((fn) => JSON.parse('["double",{"money":1}]', fn));
    assert.deepEqual(seen.slice(first.length, first.length + want.length), want);
  });

  scenario(server, "what the script holds stays as it is", async ({ connect }) => {
    const socket = await connect("/");
    const held = once(socket, "held");
    assert.deepEqual(await ask(socket, "original"), [true, "kept"]);
    assert.deepEqual(await held, [{ list: [{ money: 5 }] }]);
  });
});

describe("errors", () => {
  scenario(server, "the replacer's are raised by the emit", async ({ connect }) => {
    const socket = await connect("/");
    assert.deepEqual(await ask(socket, "fail"), [false, " not this, outside"]);
  });

  for (const value of ["raise", "wait", "not a list"])
    scenario(server, `the reviver's close the sender, are counted, and nobody else notices: ${value}`, async ({ connect }) => {
      const [bad, good] = [await connect("/", { reconnection: false }), await connect("/")];
      const count = async () => [await metric(server, 'atrium_socketio_errors_total{reason="protocol"}'), await metric(server, "atrium_handler_errors_total")];
      const before = await count();
      const gone = once(bad, "disconnect");
      bad.emit("echo", value);
      await gone;
      assert.deepEqual(await count(), before.map((n) => n + 1));
      assert.deepEqual(await ask(good, "double", { money: 2 }), [{ money: 4 }, [[{ money: 1 }]], { open: 1 }]);
    });

  test("they are logged with their place", () => {
    assert.match(server.stderr, /script-error "[^"]*rewrite\.lua:\d+: not this"/u);
    assert.match(server.stderr, /cannot wait/u);
  });
});
