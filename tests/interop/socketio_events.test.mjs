// Socket.IO: events, acknowledgements, binary, listeners for everything, order.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe } from "node:test";
import { TRANSPORTS, collect, order, order_all, scenario, settled } from "./support/client.mjs";
import { lag } from "./support/lag.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";

const server = await serve("socketio.lua");
const slow = await lag(server, 25);

/* A scenario over each choice of transports. */
function everywhere(name, fn) {
  for (const [over, transports] of Object.entries(TRANSPORTS))
    scenario(server, `${name} (${over})`, async ({ connect, ...rest }) => fn(await connect("/", { transports }), { connect, ...rest }));
}

async function echoes(socket, ...args) {
  const echo = once(socket, "echo");
  socket.emit("echo", ...args);
  assert.deepEqual(await echo, args);
}

describe("arguments", () => {
  everywhere("any JSON, there and back", async (socket) => {
    await echoes(socket);
    await echoes(socket, null);
    await echoes(socket, true, false);
    await echoes(socket, 0, -1, 1.5, 1e21, -2.5e-7, 2 ** 53, 123456789012, 0.1);
    await echoes(socket, "", "text", "with \"quotes\", \\ and \n\t\u0000\u001e\u2028");
    await echoes(socket, [], {}, [[]], [{}], { a: [] });
    await echoes(socket, [1, [2, [3, [null]]]], { a: { b: { c: [{ d: null }] } } });
    await echoes(socket, [null, null], [1, null, 3], { "": 0, "1": 1, "a b": 2, "ключ": 3 });
    await echoes(socket, null, null, "after two nulls", null);
    await echoes(socket, ...Array.from({ length: 150 }, (_, i) => i));
  });

  everywhere("text of every kind", async (socket) => {
    for (const text of ["Grüße", "世界", "👩‍👩‍👧‍👦🙂", "עברית", "\ufeff\u00ad\u200d", "a\u0300", "\u{10ffff}", "\x7f\x80\xff", "\ud7ff\ue000"])
      await echoes(socket, text, { [text]: text });
  });

  scenario(server, "event names of every kind", async ({ connect }) => {
    const socket = await connect();
    for (const name of ["chat message", "", "with \"quotes\"", "значок", "a/b,c[1]", "error", "connection", "🙂"]) {
      const heard = once(socket, name);
      await order(socket, "publish", { to: [socket.id] }, name, "hi");
      assert.deepEqual(await heard, ["hi"], name);
    }
  });

  scenario(server, "numbers keep their value", async ({ connect }) => {
    const socket = await connect();
    for (const n of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON, 1 / 3, 5e-324, 4.35, 100, 1e15, 1e16, 1e300])
      assert.equal(await order(socket, "slow", 0, n), n);
  });

  scenario(server, "events of one connection stay in order", async ({ connect }) => {
    const socket = await connect();
    const got = collect(socket, "echo");
    for (let i = 0; i < 2000; i++) socket.emit("echo", i);
    await settled(socket);
    assert.deepEqual(got, Array.from({ length: 2000 }, (_, i) => i));
  });

  scenario(server, "send() and the event \"message\"", async ({ connect }) => {
    const socket = await connect();
    const heard = once(socket, "message");
    await order(socket, "send", {}, "message", "hello");
    assert.deepEqual(await heard, ["hello"]);
  });
});

describe("large messages", () => {
  everywhere("of more than 64 KB, and nearly maxHttpBufferSize", async (socket) => {
    for (const n of [65_000, 66_000, 130_000, 999_900]) {
      const echo = once(socket, "echo");
      socket.emit("echo", "é".repeat(n / 2));
      const [text] = await echo;
      assert.ok(text === "é".repeat(n / 2), `${n} bytes`);
    }
  });

  everywhere("larger ones from the server", async (socket) => {
    const big = once(socket, "big");
    await order(socket, "large", "big", 3_000_000);
    assert.equal((await big)[0].length, 3_000_000);
  });

  scenario(server, "beyond maxHttpBufferSize the connection closes, and the next one works", async ({ connect }) => {
    for (const transports of [["websocket"], ["polling"]]) {
      const socket = await connect("/", { transports, reconnection: false });
      const lost = once(socket, "disconnect");
      socket.emit("echo", "x".repeat(1_100_000));
      const [reason, details] = await lost;
      assert.match(reason, /^transport (close|error)$/u);
      if (transports[0] === "websocket") assert.equal(details?.context?.code ?? 1009, 1009);
      else assert.equal(details?.description ?? 413, 413);
    }
    await echoes(await connect(), "fine");
  });
});

describe("binary", () => {
  everywhere("nested, both ways", async (socket) => {
    const blob = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const echo = once(socket, "echo");
    socket.emit("echo", blob, { a: [blob, { b: Buffer.from("deep") }], text: "and text" }, "last", Buffer.alloc(0));
    const [first, second, third, fourth] = await echo;
    assert.deepEqual(Buffer.from(first), blob);
    assert.deepEqual(Buffer.from(second.a[0]), blob);
    assert.equal(Buffer.from(second.a[1].b).toString(), "deep");
    assert.equal(second.text, "and text");
    assert.equal(third, "last");
    assert.equal(fourth.byteLength ?? fourth.length, 0);
  });

  everywhere("made by the server", async (socket) => {
    const heard = once(socket, "blob");
    await order(socket, "binary", "blob");
    const [object, last] = await heard;
    assert.deepEqual([...Buffer.from(object.a)], [0, 1, 255]);
    assert.equal(Buffer.from(object.b[0]).length, 0);
    assert.equal(object.b[1], "text");
    assert.equal(Buffer.from(last).toString(), "last");
  });

  everywhere("in acknowledgements, both ways", async (socket) => {
    const answer = await within(socket.emitWithAck("reflect", { at: [Buffer.from("there and back")] }), "the ack");
    assert.equal(Buffer.from(answer.at[0]).toString(), "there and back");
    socket.on("give me", (n, ack) => ack(Buffer.alloc(n, 7)));
    const [[reply]] = await order_all(socket, "ask", "give me", 1000);
    assert.deepEqual(Buffer.from(reply), Buffer.alloc(1000, 7));
  });

  scenario(server, "typed arrays and buffers of every kind", async ({ connect }) => {
    const socket = await connect();
    const bytes = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const value of [bytes, bytes.buffer, new DataView(bytes.buffer, 2, 4), new Uint16Array(bytes.buffer)]) {
      const want = value instanceof ArrayBuffer ? bytes : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      assert.deepEqual([...Buffer.from(await socket.emitWithAck("reflect", value))], [...want]);
    }
  });

  scenario(server, "ten attachments pass, large ones too, and text around them keeps its place", async ({ connect }) => {
    const socket = await connect();
    const got = collect(socket, "echo");
    socket.emit("echo", "before");
    socket.emit("echo", Array.from({ length: 10 }, (_, i) => Buffer.alloc(50_000, i)));
    socket.emit("echo", "after");
    await settled(socket);
    assert.equal(got[0], "before");
    assert.deepEqual(got[1].map((b) => [b.length, b[0], b[49_999]]), Array.from({ length: 10 }, (_, i) => [50_000, i, i]));
    assert.equal(got[2], "after");
  });

  scenario(server, "a placeholder that is plain data stays plain data", async ({ connect }) => {
    const socket = await connect();
    assert.deepEqual(await socket.emitWithAck("reflect", { _placeholder: true, num: 0 }), { _placeholder: true, num: 0 });
  });

  scenario(server, "to a room", async ({ many }) => {
    const [a, b] = await many(2);
    const room = `binary ${a.id}`;
    await Promise.all([order(a, "join", room), order(b, "join", room)]);
    const heard = [once(a, "blob"), once(b, "blob")];
    await order(a, "publish", { to: [room] }, "blob", Buffer.from("for all"));
    for (const one of heard) assert.equal(Buffer.from((await one)[0]).toString(), "for all");
  });
});

describe("acknowledgements", () => {
  everywhere("of the server, with no, one and many arguments", async (socket) => {
    for (const args of [[], [1], [null], ["a", { b: [2] }, null, false]])
      assert.deepEqual(await within(new Promise((done) => socket.emit("reflect", ...args, (...back) => done(back))), "the ack"), args);
  });

  everywhere("of the client", async (socket) => {
    socket.on("sum", (a, b, ack) => ack(a + b, "more"));
    assert.equal((await order(socket, "ask", "sum", 2, 3))[0], 5);
    socket.on("later", (ack) => setTimeout(ack, 30, "late"));
    assert.equal((await order(socket, "ask", "later"))[0], "late");
  });

  scenario(server, "nothing, null and an empty list are told apart", async ({ connect }) => {
    const socket = await connect();
    assert.deepEqual(await order_all(socket, "nothing"), []);
    assert.deepEqual(await order_all(socket, "null"), [null]);
    assert.deepEqual(await order_all(socket, "empty"), [[]]);
  });

  scenario(server, "come back as they are ready, each to its own", async ({ connect }) => {
    const socket = await connect();
    const done = [];
    await Promise.all([60, 5, 30].map(async (ms) => done.push(await order(socket, "slow", ms, ms))));
    assert.deepEqual(done, [5, 30, 60]);
  });

  scenario(server, "the client's timeout, and a late answer that is dropped", async ({ connect }) => {
    const socket = await connect();
    await assert.rejects(socket.timeout(30).emitWithAck("order", "slow", 150, "late"), /timed out/u);
    const answers = [];
    socket.timeout(30).emit("order", "slow", 150, "late", (...args) => answers.push(args));
    await sleep(300);
    assert.equal(answers.length, 1);
    assert.match(answers[0][0].message, /timed out/u);
  });

  scenario(server, "the server's timeout, and a late answer that is dropped", async ({ connect }) => {
    const socket = await connect();
    socket.on("in time", (ack) => ack("yes"));
    socket.on("never", () => {});
    socket.on("too late", (ack) => setTimeout(ack, 200, "too late"));
    assert.deepEqual(await order_all(socket, "ask_within", 5000, "in time"), [true, "yes"]);
    for (const event of ["never", "too late"]) {
      const [ok, message] = await order_all(socket, "ask_within", 50, event);
      assert.equal(ok, false);
      assert.match(message, /operation has timed out/u);
    }
    assert.deepEqual(await order(socket, "ask_callback", 5000, "in time"), { err: null, reply: "yes" });
    const late = await order(socket, "ask_callback", 50, "too late");
    assert.match(late.err, /operation has timed out/u);
    await sleep(250);
    await echoes(socket, "unharmed");
  });

  scenario(server, "count once", async ({ connect }) => {
    const socket = await connect();
    const answers = [];
    socket.emit("twice", (answer) => answers.push(answer));
    await settled(socket);
    assert.deepEqual(answers, ["first"]);
  });

  scenario(server, "of clients that answer what nobody asked are ignored", async ({ connect }) => {
    const socket = await connect();
    for (const packet of ["43999[1]", "430[]"]) socket.io.engine.transport.ws.send(packet);
    await echoes(socket, "unharmed");
  });

  scenario(server, "a client that leaves before it answers ends the wait", async ({ connect }) => {
    const [leaver, stayer] = [await connect("/", { reconnection: false }), await connect()];
    leaver.on("never", () => leaver.disconnect());
    leaver.emit("order", "ask_within", 60_000, "never", () => {});
    await once(leaver, "disconnect");
    await echoes(stayer, "unharmed");
  });
});

describe("acknowledgements of many", () => {
  scenario(server, "all answers are gathered", async ({ many }) => {
    const sockets = await many(3);
    const room = `many ${sockets[0].id}`;
    await Promise.all(sockets.map((s, i) => {
      s.on("vote", (n, ack) => ack(n + i));
      return order(s, "join", room);
    }));
    const { err, replies } = await order(sockets[0], "ask_all", { to: [room], timeout: 5000 }, "vote", 10);
    assert.equal(err, null);
    assert.deepEqual(replies.sort(), [10, 11, 12]);
    assert.deepEqual((await order(sockets[1], "ask_all_with_ack", { to: [room], timeout: 5000 }, "vote", 20)).sort(), [20, 21, 22]);
  });

  scenario(server, "on a timeout: the error, and the answers that came", async ({ many }) => {
    const sockets = await many(3);
    const room = `some ${sockets[0].id}`;
    await Promise.all(sockets.map((s, i) => {
      s.on("vote", (ack) => i && ack(i));
      return order(s, "join", room);
    }));
    const { err, replies } = await order(sockets[0], "ask_all", { to: [room], timeout: 150 }, "vote");
    assert.match(err, /timed out/u);
    assert.deepEqual(replies.sort(), [1, 2]);
  });

  scenario(server, "of nobody: no error, no answers", async ({ connect }) => {
    const socket = await connect();
    assert.deepEqual(await order(socket, "ask_all", { to: ["nobody is here"], timeout: 5000 }, "vote"), { err: null, replies: [] });
  });

  scenario(server, "who leaves is not waited for longer than the timeout", async ({ many }) => {
    const [asker, leaver] = await many(2, "/", { reconnection: false });
    const room = `leaving ${asker.id}`;
    await order(leaver, "join", room);
    leaver.on("vote", () => leaver.disconnect());
    const { replies } = await order(asker, "ask_all", { to: [room], timeout: 300 }, "vote");
    assert.deepEqual(replies, []);
  });
});

describe("listeners for everything", () => {
  scenario(server, "onAny, prependAny, onAnyOutgoing, prependAnyOutgoing, and off", async ({ connect }) => {
    const socket = await connect();
    await order(socket, "watch");
    await echoes(socket, 1);
    await order(socket, "publish", { to: [socket.id] }, "news", 2);
    const log = await order(socket, "unwatch");
    const seen = log.filter(([, event]) => event === "echo" || event === "news");
    assert.deepEqual(seen, [
      ["before", "echo"], ["in", "echo", 1], ["before out", "echo"], ["out", "echo", 1],
      ["before out", "news"], ["out", "news", 2],
    ]);
    const before = log.length;
    await echoes(socket, 3);
    assert.equal((await order(socket, "unwatch")).length, before);
  });

  scenario(server, "socket middleware: passes, waits, changes, refuses with data", async ({ connect }) => {
    const socket = await connect();
    const passed = collect(socket, "passed");
    const refused = once(socket, "refused");
    await order(socket, "guard");
    socket.emit("slow", 1);
    socket.emit("change", "original");
    socket.emit("forbidden");
    assert.deepEqual(await refused, ["not this", { code: 7 }]);
    await until(() => passed.length === 2);
    assert.deepEqual(passed.toSorted(), [1, "changed"]);
  });
});

describe("volatile", () => {
  scenario(server, "arrives when the way is clear", async ({ connect }) => {
    for (const transports of [["websocket"], ["polling"]]) {
      const socket = await connect("/", { transports });
      const heard = collect(socket, "v");
      await until(async () => {
        await order(socket, "slow", 20);
        socket.emit("order", "send", { volatile: true }, "v", "hi", () => {});
        await settled(socket);
        return heard.length > 0;
      });
    }
  });

  scenario(server, "of two in one go only the first", async ({ connect }) => {
    const socket = await connect();
    const heard = collect(socket, "v");
    await order(socket, "burst", { volatile: true }, "v", 5);
    await settled(socket);
    assert.deepEqual(heard, [1]);
  });

  scenario(server, "none is queued behind a normal one", async ({ connect }) => {
    const socket = await connect();
    const heard = collect(socket, "n");
    await order(socket, "burst", {}, "n", 5);
    await settled(socket);
    assert.deepEqual(heard, [1, 2, 3, 4, 5]);
  });

  scenario(server, "is kept for nobody who is not polling", async ({ connect }) => {
    const [poller, other] = [await connect("/", { transports: ["polling"] }), await connect()];
    const heard = collect(poller, "v");
    const room = `volatile ${poller.id}`;
    await order(poller, "join", room);
    for (let i = 0; i < 50; i++) other.emit("order", "publish", { volatile: true, to: [room] }, "v", i, () => {});
    await settled(other, poller);
    assert.ok(heard.length < 50);
  });
});

describe("order across an upgrade", () => {
  scenario(slow, "1000 events each way while polling becomes WebSocket: none lost, none doubled, none out of order", async ({ create }) => {
    for (let round = 0; round < 3; round++) {
      const socket = create("/", { transports: ["polling", "websocket"] });
      const [echoed, sent] = [collect(socket, "echo"), 1000];
      const bursts = collect(socket, "burst");
      await once(socket, "connect");
      const upgraded = once(socket.io.engine, "upgrade");
      assert.equal(socket.io.engine.transport.name, "polling");
      let acked = 0;
      for (let i = 0; i < sent; i++) {
        socket.emit("echo", i);
        if (i % 100 === 0) socket.emit("order", "burst", {}, "burst", 100, () => acked++);
        if (i % 20 === 0) await sleep(1);
      }
      await upgraded;
      await until(() => echoed.length >= sent && acked === 10);
      await settled(socket);
      assert.deepEqual(echoed, Array.from({ length: sent }, (_, i) => i));
      assert.deepEqual(bursts, Array.from({ length: 1000 }, (_, i) => (i % 100) + 1));
      assert.equal(socket.io.engine.transport.name, "websocket");
      socket.disconnect();
    }
  });

  scenario(slow, "binary events keep their parts together", async ({ create }) => {
    const socket = create("/", { transports: ["polling", "websocket"] });
    const echoed = collect(socket, "echo");
    await once(socket, "connect");
    const upgraded = once(socket.io.engine, "upgrade");
    for (let i = 0; i < 300; i++) {
      socket.emit("echo", { n: i, a: Buffer.from([i & 255]), b: Buffer.from(String(i)) });
      if (i % 20 === 0) await sleep(1);
    }
    await upgraded;
    await until(() => echoed.length >= 300);
    echoed.forEach((e, i) => assert.deepEqual([e.n, e.a[0], Buffer.from(e.b).toString()], [i, i & 255, String(i)]));
  });
});
