// Clients of Socket.IO 2 (allowEIO3): the real ones, alone and beside those of version 4, and the wire by hand.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import eio from "engine.io-client-v3";
import { TRANSPORTS, collect, gone, order, scenario, settled } from "./support/client.mjs";
import { scenario_v2 } from "./support/client_v2.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";
import { websocket } from "./support/wire.mjs";

const flags = ["--allow-eio3", "true"];
const server = await serve("socketio.lua", { flags });
const strict = await serve("socketio.lua");
const quick = await serve("socketio.lua", { flags: [...flags, "--ping-interval", "150", "--ping-timeout", "2000"] });
const recovering = await serve("socketio.lua", { flags: [...flags, "--connection-state-recovery", "true"] });
const bare = await serve("engine.lua");

const BYTES = Buffer.from([0, 4, 255, 1]);
const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (v?.type === "Buffer" ? Buffer.from(v.data).toString("hex") : v)));

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describe(`the client of version 2, ${name}`, () => {
    const scene = (title, fn) => scenario_v2(server, title, fn, transports);

    scene("events and acknowledgements both ways", async ({ connect }) => {
      const a = await connect();
      const echo = once(a, "echo");
      a.emit("echo", 1, "zwei 世界 🙂", { three: [null, true, 4.5] }, "\u2028\n\u0000");
      assert.deepEqual(await echo, [1, "zwei 世界 🙂", { three: [null, true, 4.5] }, "\u2028\n\u0000"]);
      assert.deepEqual(await new Promise((done) => a.emit("reflect", 1, [2], (...args) => done(args))), [1, [2]]);
      a.on("question", (text, answer) => answer(`${text}!`, 2));
      assert.deepEqual(await order(a, "ask", "question", "why"), ["why!", 2]);
    });

    scene("binary both ways, deep and several, in events and acknowledgements", async ({ connect }) => {
      const a = await connect();
      const value = { a: BYTES, b: [Buffer.alloc(0), "text", { c: Buffer.from("more") }] };
      const echo = once(a, "echo");
      a.emit("echo", value, BYTES);
      assert.deepEqual(plain(await echo), plain([value, BYTES]));
      const [reflected] = await within(new Promise((done) => a.emit("reflect", value, (...args) => done(args))), "the answer");
      assert.deepEqual(plain(reflected), plain(value));
      const made = once(a, "made");
      await order(a, "binary", "made");
      assert.deepEqual(plain(await made), plain([{ a: Buffer.from([0, 1, 255]), b: [Buffer.alloc(0), "text"] }, Buffer.from("last")]));
      a.on("bytes", (answer) => answer(BYTES));
      const [back] = await order(a, "ask", "bytes");
      assert.deepEqual(Buffer.from(back), BYTES);
    });

    scene("many messages stay in order", async ({ connect }) => {
      const a = await connect();
      const got = collect(a, "echo");
      for (let i = 0; i < 300; i++) a.emit("echo", i, i % 10 ? "x" : BYTES);
      await until(() => got.length === 300, "300 echoes");
      assert.deepEqual(got.map(([i]) => i), Array.from({ length: 300 }, (_, i) => i));
    });

    scene("large messages", async ({ connect }) => {
      const a = await connect();
      const large = once(a, "large");
      await order(a, "large", "large", 700_000);
      assert.equal((await large)[0].length, 700_000);
      const echo = once(a, "echo");
      a.emit("echo", Buffer.alloc(300_000, 7));
      assert.deepEqual(Buffer.from((await echo)[0]), Buffer.alloc(300_000, 7));
    });

    scene("namespaces on one connection, each left by itself", async ({ connect }) => {
      const a = await connect();
      const chat = a.io.socket("/chat");
      await once(chat, "connect");
      assert.equal(await order(chat, "handshake").then((h) => h.nsp), "/chat");
      const id = a.io.engine.id;
      assert.equal(a.id, id);
      assert.equal(chat.id, `/chat#${id}`);
      assert.deepEqual(await order(a, "rooms"), [id]);
      assert.deepEqual(await order(chat, "rooms"), [`/chat#${id}`]);
      chat.disconnect();
      assert.equal((await gone(server, encodeURIComponent(`/chat#${id}`))).reason, "client namespace disconnect");
      const echo = once(a, "echo");
      a.emit("echo", "still here");
      assert.deepEqual(await echo, ["still here"]);
    });

    scene("the namespace's query is the auth, the connection's stays the query", async ({ connect }) => {
      const a = await connect("/chat", { query: { token: "a b&ü", n: 1 } });
      const h = await order(a, "handshake");
      assert.deepEqual(h.auth, { token: "a b&ü", n: "1" });
      assert.equal(h.query.token, "a b&ü");
      assert.equal(h.query.EIO, "3");
      const main = await connect("/", { query: { token: "x" } });
      assert.deepEqual((await order(main, "handshake")).auth, {});
    });

    scene("connects again by itself when the server drops it, not when told to leave", async ({ connect }) => {
      const a = await connect("/", { reconnection: true, reconnectionDelay: 10 });
      const first = a.id;
      const again = once(a, "reconnect");
      a.io.engine.close();
      await again;
      await until(() => a.connected, "a connection");
      assert.notEqual(a.id, first);
      const left = once(a, "disconnect");
      a.emit("leave me", false);
      assert.deepEqual(await left, ["io server disconnect"]);
    });

    scene("reasons that the server is given", async ({ connect }) => {
      const [a, b, c] = [await connect(), await connect(), await connect()];
      const ids = [a.id, b.id, c.id];
      a.disconnect();
      b.io.engine.close();
      const closed = once(c, "disconnect");
      c.emit("leave me", true);
      assert.deepEqual(await closed, ["io server disconnect"]);
      assert.equal((await gone(server, ids[0])).reason, "client namespace disconnect");
      assert.equal((await gone(server, ids[1])).reason, "transport close");
      assert.equal((await gone(server, ids[2])).reason, "server namespace disconnect");
    });

    scenario_v2(quick, "keeps itself alive by its pings", async ({ connect }) => {
      const a = await connect();
      let pongs = 0;
      a.on("pong", () => pongs++);
      await until(() => pongs >= 5, "five pongs");
      assert.equal(a.connected, true);
      assert.deepEqual(await order(a, "rooms"), [a.id]);
    }, transports);
  });
}

describe("refusals", () => {
  const refused = async (socket) => (await once(socket, "error"))[0];

  scenario_v2(server, "an unknown namespace", async ({ create }) => {
    assert.deepEqual(await refused(create("/nowhere")), { message: "Invalid namespace" });
  });

  scenario_v2(server, "a middleware's message is bare, and so is its data", async ({ create }) => {
    assert.equal(await refused(create("/gate", { query: { word: "text" } })), "wrong word");
    assert.deepEqual(await refused(create("/gate", { query: { word: "table" } })), { retry: false, after: [1, 2] });
  });

  scenario_v2(server, "who is let in has passed the middlewares", async ({ create }) => {
    const a = create("/gate");
    const [steps, rooms] = await once(a, "let in");
    assert.deepEqual(steps, ["first", "second"]);
    assert.ok(rooms.includes("seen by the gate"));
  });

  scenario_v2(server, "dynamic namespaces, by pattern and by function with the query", async ({ connect, create }) => {
    const a = await connect("/room-1");
    assert.equal((await order(a, "handshake")).nsp, "/room-1");
    await connect("/own/ann", { query: { owner: "ann" } });
    assert.deepEqual(await refused(create("/own/bob", { query: { owner: "ann" } })), { message: "Invalid namespace" });
  });

  scenario_v2(strict, "where it is not allowed", async ({ create }) => {
    await once(create("/"), "connect_error");
    await once(create("/", { transports: ["polling"] }), "connect_error");
  });
});

describe("beside clients of version 4", () => {
  for (const [name, transports] of Object.entries(TRANSPORTS)) {
    const scene = (title, fn) =>
      scenario(server, `${title}, ${name}`, ({ connect }) =>
        within(
          new Promise((done, fail) => {
            cast(connect, transports).then(({ cast: people, end }) => fn(people).then(done, fail).finally(end), fail);
          }),
          title,
        ),
      );

    scene("one room, text and binary", async ({ old, recent }) => {
      for (const socket of [old, recent]) await order(socket, "join", "mixed");
      const heard = [old, recent].map((s) => once(s, "news"));
      await order(old, "publish", { to: ["mixed"] }, "news", "text", { deep: [BYTES] }, Buffer.from("b"));
      for (const news of heard) assert.deepEqual(plain(await news), plain(["text", { deep: [BYTES] }, Buffer.from("b")]));
      const from = once(recent, "news");
      const back = collect(old, "news");
      await order(old, "send", { broadcast: true }, "news", BYTES);
      assert.deepEqual(Buffer.from((await from)[0]), BYTES);
      await settled(old);
      assert.deepEqual(back, []);
      const to = once(old, "news");
      await order(recent, "send", { to: [old.id] }, "news", "by id");
      assert.deepEqual(await to, ["by id"]);
    });

    scene("told apart by the connection's protocol", async ({ old, recent }) => {
      assert.deepEqual([(await order(old, "handshake")).protocol, (await order(recent, "handshake")).protocol], [3, 4]);
    });

    scene("a question to all", async ({ old, recent }) => {
      for (const [i, socket] of [old, recent].entries()) {
        await order(socket, "join", "asked");
        socket.on("which", (answer) => answer(i ? "four" : "two"));
      }
      assert.deepEqual((await order(recent, "ask_all_with_ack", { to: ["asked"], timeout: 10_000 }, "which")).sort(), ["four", "two"]);
    });

    scene("both are found, moved and disconnected", async ({ old, recent }) => {
      for (const [i, socket] of [old, recent].entries()) {
        await order(socket, "join", "all");
        await order(socket, "name", i ? "four" : "two");
      }
      const found = await order(recent, "fetch", { in_: ["all"] });
      assert.deepEqual(found.map((s) => [s.id, s.name]).sort(), [[old.id, "two"], [recent.id, "four"]].sort());
      await order(recent, "move", { in_: ["all"] }, "elsewhere");
      assert.deepEqual(await order(old, "rooms"), [old.id, "all", "elsewhere"].sort());
      const left = once(old, "disconnect");
      await order(recent, "kick", { in_: [old.id] }, false);
      assert.deepEqual(await left, ["io server disconnect"]);
    });
  }

  scenario(recovering, "where recovery is on: no second coming, no offsets", async ({ connect }) => {
    const { cast: { old, recent }, end } = await cast(connect, ["websocket"], recovering);
    try {
      const heard = [old, recent].map((s) => once(s, "news"));
      await order(old, "publish", {}, "news", "all");
      assert.deepEqual(await heard[0], ["all"]);
      assert.equal((await heard[1]).length, 2);
      const echo = once(old, "echo");
      old.emit("echo", "one");
      assert.deepEqual(await echo, ["one"]);
    } finally {
      end();
    }
  });

  async function cast(connect, transports, at = server) {
    const { default: io } = await import("socket.io-client-v2");
    const old = io(at.url, { forceNew: true, transports, reconnection: false });
    await once(old, "connect");
    return { cast: { old, recent: await connect("/", { transports }) }, end: () => old.close() };
  }
});

describe("engine.io-client 3, on a bare engine", () => {
  const open = async (options) => {
    const socket = eio(`${bare.ws}`, { path: "/old/", ...options });
    await once(socket, "open");
    return socket;
  };

  for (const [name, transports] of Object.entries(TRANSPORTS))
    for (const forceBase64 of [false, true])
      test(`text and binary, ${name}${forceBase64 ? ", base64" : ""}`, async () => {
        const socket = await open({ transports, forceBase64 });
        const got = [];
        socket.on("message", (data) => got.push(typeof data === "object" ? Buffer.from(data) : data));
        socket.send("Grüße 🙂");
        socket.send(BYTES);
        socket.send("");
        socket.send(Buffer.alloc(0));
        socket.send("last");
        await until(() => got.at(-1) === "last", "the last echo");
        assert.deepEqual(got, ["Grüße 🙂", BYTES, undefined, Buffer.alloc(0), "last"]); /* undefined: what it makes of an empty text */
        socket.close();
      });

  test("it has protocol 3", async () => {
    const socket = await open({ transports: ["websocket"] });
    socket.send("!protocol");
    assert.deepEqual(await once(socket, "message"), ["protocol 3"]);
    socket.close();
  });

  test("upgrades while messages are on their way", async () => {
    const socket = await open({ transports: ["polling", "websocket"] });
    const got = [];
    socket.on("message", (data) => got.push(data));
    const upgraded = once(socket, "upgrade");
    for (let i = 0; i < 200; i++) {
      socket.send(String(i));
      if (i % 20 === 0) await sleep(1);
    }
    await upgraded;
    await until(() => got.length === 200, "200 echoes");
    assert.deepEqual(got, Array.from({ length: 200 }, (_, i) => String(i)));
    assert.equal(socket.transport.name, "websocket");
    socket.close();
  });
});

describe("on the wire", () => {
  const target = (transport, sid, more = "") => `/socket.io/?EIO=3&transport=${transport}${sid ? `&sid=${sid}` : ""}${more}`;
  const ask = async (method, path, body, headers) => {
    const answer = await fetch(server.url + path, { method, body, headers });
    return { status: answer.status, type: answer.headers.get("content-type"), headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  };
  const session = async (more = "") => {
    const open = (await ask("GET", target("polling", null, more))).body.toString();
    const sid = open.match(/sid\\*":\\*"([\w-]+)/u)[1];
    const s = { open, sid, path: target("polling", sid, more) };
    s.get = async () => (await ask("GET", s.path)).body.toString();
    s.post = (body, headers) => ask("POST", s.path, body, headers);
    s.say = async (text) => {
      assert.equal((await s.post(`${text.length + 1}:4${text}`)).status, 200);
      return s.get();
    };
    return s;
  };

  test("the main namespace comes without asking, behind the open packet", async () => {
    const s = await session();
    const [length, text] = s.open.split(/:(.*)/su);
    assert.equal(Number(length), text.length);
    assert.deepEqual(Object.keys(JSON.parse(text.slice(1))), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
    assert.equal(await s.get(), "2:40");
    assert.equal(await s.say('2["echo","é🙂"]'), '16:42["echo","é🙂"]');
  });

  test("namespaces, with their query in every packet or none", async () => {
    const s = await session();
    await s.get();
    assert.equal(await s.say("0/chat?a=b"), "8:40/chat,");
    assert.equal(await s.say('2/chat?c=d,7["reflect",1]'), "12:43/chat,7[1]");
    assert.equal(await s.say('2/chat,8["reflect",1]'), "12:43/chat,8[1]");
    assert.equal(await s.say("0/none"), '39:44/none,{"message":"Invalid namespace"}');
    assert.equal(await s.say("0/gate?word=text"), '20:44/gate,"wrong word"');
    const data = await s.say("0/gate?word=table");
    assert.deepEqual(JSON.parse(data.replace("37:44/gate,", "")), { retry: false, after: [1, 2] });
  });

  test("bytes: as they are, in base64 for who asks, and posted in either form", async () => {
    const text = '451-["echo",{"_placeholder":true,"num":0}]';
    const packet = (mark, data) => Buffer.concat([Buffer.from([mark, ...String(data.length).split("").map(Number), 255]), data]);
    const whole = Buffer.concat([packet(0, Buffer.from(text)), packet(1, Buffer.from([4, 9, 8]))]);
    const s = await session();
    await s.get();
    assert.equal((await s.post(whole, { "Content-Type": "application/octet-stream" })).status, 200);
    const answer = await ask("GET", s.path);
    assert.equal(answer.type, "application/octet-stream");
    assert.deepEqual(answer.body, whole);
    const b64 = await session("&b64=1");
    await b64.get();
    assert.equal((await b64.post(`${text.length}:${text}6:b4CQg=`)).status, 200);
    assert.equal(await b64.get(), `${text.length}:${text}6:b4CQg=`);
  });

  test("a session keeps its protocol", async () => {
    const s = await session();
    const other = s.path.replace("EIO=3", "EIO=4");
    for (const [method, path] of [["GET", other], ["POST", other], ["GET", s.path.replace("EIO=3&", "EIO=4&")]])
      assert.deepEqual((await ask(method, path)).body.toString(), '{"code":3,"message":"Bad request"}');
    const wire = await websocket(server.port, target("websocket", s.sid).replace("EIO=3", "EIO=4")).catch((error) => error);
    assert.match(String(wire.message ?? wire), /400/u);
    assert.equal(await s.get(), "2:40");
  });

  for (const [what, body, headers] of [
    ["no length", "abc"],
    ["a length too long", "9:4abc"],
    ["a length too short", "3:4abc"],
    ["an empty body", ""],
    ["an unknown type", "1:7"],
    ["bad base64", "5:b4*=="],
    ["a pong", "1:3"],
    ["a malformed packet", "3:42["],
    ["no Socket.IO packet", "2:49"],
    ["an event for a namespace that was not joined", '14:42/chat,["x"]'],
    ["a binary body that ends early", Buffer.from([0, 9, 255, 52]), { "Content-Type": "application/octet-stream" }],
    ["a binary body without marks", Buffer.from("6:4hello"), { "Content-Type": "application/octet-stream" }],
  ])
    test(`${what} ends the session`, async () => {
      const s = await session();
      await s.get();
      await s.post(body, headers);
      let answer;
      await until(async () => (answer = await ask("GET", s.path)).status === 400, "the end");
      assert.equal(answer.body.toString(), '{"code":1,"message":"Session ID unknown"}');
    });

  test("silence ends the session after interval and timeout, told by 1", async () => {
    const deadly = await serve("socketio.lua", { flags: [...flags, "--ping-interval", "100", "--ping-timeout", "100"] });
    const wire = await websocket(deadly.port, target("websocket"));
    const open = JSON.parse((await wire.text()).slice(1));
    assert.equal(await wire.text(), "40");
    wire.text().catch(() => {}); /* no ping comes */
    assert.equal((await gone(deadly, open.sid)).reason, "ping timeout");
  });
});

describe("JSONP", () => {
  const get = async (path) => {
    const answer = await fetch(server.url + path, { headers: { "User-Agent": "Mozilla/4.0 (compatible;MSIE 8.0)" } });
    return { headers: answer.headers, status: answer.status, text: await answer.text() };
  };
  /* What a browser would make of the script. */
  const run = (script, index) => {
    const got = [];
    new Function("___eio", script)({ [index]: (payload) => got.push(payload) });
    assert.equal(got.length, 1);
    return got[0];
  };
  const form = (body) => ({ method: "POST", body: new URLSearchParams({ d: body.replaceAll("\\n", "\\\\n").replaceAll("\n", "\\n") }) });

  for (const version of [3, 4])
    test(`protocol ${version}: scripts out, forms in`, async () => {
      const pack = (...packets) => (version === 3 ? packets.map((p) => `${p.length}:${p}`).join("") : packets.join("\x1e"));
      const base = `/socket.io/?EIO=${version}&transport=polling&j=7`;
      const opened = await get(base);
      assert.equal(opened.headers.get("content-type"), "text/plain; charset=UTF-8");
      assert.equal(opened.headers.get("x-xss-protection"), "0");
      assert.equal(opened.headers.get("cache-control"), "no-store");
      const sid = run(opened.text, 7).match(/"sid":"([^"]+)"/u)[1];
      const path = `${base}&sid=${sid}`;
      if (version === 4) assert.equal((await fetch(server.url + path, form("40"))).status, 200);
      assert.match(run((await get(path)).text, 7), version === 3 ? /^2:40$/u : /^40\{"sid":"[\w-]{20}"\}$/u);
      const nasty = '42["echo","a\\nb \\\\n \u2028\u2029 </script> é🙂"]';
      const posted = await fetch(server.url + path, form(pack(nasty)));
      assert.deepEqual([posted.status, posted.headers.get("content-type"), await posted.text()], [200, "text/html", "ok"]);
      const answer = await get(path);
      assert.doesNotMatch(answer.text, /[\u2028\u2029]/u);
      assert.equal(run(answer.text, 7), pack(nasty));
      const text = '451-["echo",{"_placeholder":true,"num":0}]';
      await fetch(server.url + path, form(pack(text, version === 3 ? "b4CQg=" : "bCQg=")));
      assert.equal(run((await get(path)).text, 7), pack(text, version === 3 ? "b4CQg=" : "bCQg="));
      const bad = await fetch(server.url + path, { method: "POST", body: "no form" });
      assert.equal(bad.status, 400);
      assert.equal((await get(path)).text, '{"code":1,"message":"Session ID unknown"}');
    });
});
