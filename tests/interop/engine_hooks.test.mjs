/* What an application does to the requests of its engines: middlewares, headers, ids, the initial
 * packet. What is expected is what engine.io 6.6.11 was seen to do, but where a comment says otherwise.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Socket as Engine } from "engine.io-client";
import { io } from "socket.io-client";
import { Polling, onWebsocket, query } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { Wire, frame, upgradeHead, TEXT } from "./support/wire.mjs";

const server = await serve("hooks.lua", { expectErrors: true });
const main = "/socket.io/";
const start = `${main}?${query("polling")}`;

async function told() {
  return (await fetch(`${server.url}/log`)).json();
}

const ask = (target, order, options = {}) => fetch(server.url + target, { ...options, headers: order ? { "X-Order": order } : {} });

async function upgrade(target, ...lines) {
  const wire = await Wire.to(server.port);
  wire.write(upgradeHead(target, ...lines));
  return [await wire.response(), wire];
}

describe("middlewares", () => {
  test("see every request, in order, and set headers of every answer", async () => {
    await told();
    const s = await Polling.to(server, main);
    assert.equal(s.answer.headers.get("x-first"), "1");
    assert.equal(s.answer.headers.get("x-second"), "12");
    assert.equal(s.answer.headers.get("x-gone"), null);
    assert.equal((await s.post("40")).headers.get("x-second"), "12");
    assert.equal((await s.get()).headers.get("x-second"), "12");
    const wire = await s.websocket();
    assert.equal(wire.answer.headers["x-second"], "12");
    wire.destroy();
    const middlewares = (await told()).log.filter((line) => !line.includes("headers"));
    assert.deepEqual(middlewares, ["GET polling", "POST polling", "GET polling", "GET websocket"].flatMap((line) => [`first ${line}`, `second ${line}`]));
  });

  test("the engine's own headers win, a list is several lines", async () => {
    const s = await Polling.to(server, main);
    assert.equal(s.answer.headers.get("content-type"), "text/plain; charset=UTF-8");
    assert.match(s.answer.headers.getSetCookie().join(), /^io=[\w-]{20}; Path=\/; HttpOnly; SameSite=Lax$/u);
    assert.deepEqual((await s.post("40")).headers.getSetCookie(), ["a=1", "b=2"]);
  });

  test("a refusal is 400, code 3, told as MIDDLEWARE_FAILURE, with the headers set so far", async () => {
    await told();
    for (const order of ["refuse", "raise", "header"]) {
      const answer = await ask(start, order);
      assert.equal(answer.status, 400, order);
      assert.equal(await answer.text(), '{"code":3,"message":"Bad request"}');
      assert.equal(answer.headers.get("x-first"), "1");
      assert.equal(answer.headers.get("x-second"), null);
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    }
    const failed = { code: 3, message: "Bad request", context: "MIDDLEWARE_FAILURE" };
    assert.deepEqual((await told()).errors, [failed, failed, failed]);
    assert.match(server.stderr, /the middleware is broken/u);
    assert.match(server.stderr, /"Content-Length\\?" is not valid, or not yours to set/u);
  });

  test("a refused upgrade, a refused POST: the session lives", async () => {
    const s = await Polling.to(server, main);
    const [answer, wire] = await upgrade(`${main}?${query("websocket", s.sid)}`, "X-Order: refuse");
    assert.equal(answer.status, 400);
    assert.equal(answer.body, "Bad request");
    wire.destroy();
    assert.equal((await s.post("40", { headers: { "X-Order": "refuse" } })).status, 400);
    await s.send("40");
    assert.match(await s.poll(), /^40/u);
  });

  test("may wait, before a body has come and after", async () => {
    const s = await Polling.to(server, main, { "X-Order": "late" });
    assert.equal(s.answer.headers.get("x-late"), "1");
    assert.equal((await s.post("40", { headers: { "X-Order": "late" } })).status, 200);
    assert.match(await s.poll(), /^40/u);
    const slow = await Wire.to(server.port);
    const text = s.request('42["echo"]', "X-Order: late");
    slow.write(text.slice(0, -3));
    await new Promise((done) => setTimeout(done, 100));
    slow.write(text.slice(-3));
    assert.equal((await slow.response()).status, 200);
    slow.destroy();
    const [answer, wire] = await upgrade(`${main}?${query("websocket")}`, "X-Order: late");
    assert.equal(answer.status, 101);
    assert.equal(answer.headers["x-late"], "1");
    wire.destroy();
  });

  test("an error that is found behind them has their headers too", async () => {
    const answer = await ask(`${main}?${query("polling", "nobody")}`);
    assert.equal(await answer.text(), '{"code":1,"message":"Session ID unknown"}');
    assert.equal(answer.headers.get("x-second"), "12");
  });

  test("may answer themselves; an upgrade too (there the connection is cut)", async () => {
    await told();
    const answer = await ask(start, "answer");
    assert.equal(answer.status, 418);
    assert.equal(await answer.text(), "a teapot");
    assert.equal(answer.headers.get("x-first"), "1");
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    const [refused, wire] = await upgrade(`${main}?${query("websocket")}`, "X-Order: answer");
    assert.equal(refused.status, 418);
    await wire.rest();
    assert.deepEqual((await told()).errors, []);
  });

  test("a body larger than the limit is refused while one waits", async () => {
    const s = await Polling.to(server, main);
    const answer = await s.post("4".repeat(1_000_001), { headers: { "X-Order": "never" } });
    assert.equal(answer.status, 413);
    await s.send("40");
  });

  test("a client that leaves while one waits is forgotten", async () => {
    const s = await Polling.to(server, main);
    for (const text of [s.getRequest("X-Order: never"), s.request("40", "X-Order: never"), upgradeHead(start, "X-Order: late")]) {
      const wire = await Wire.to(server.port);
      wire.write(text);
      await new Promise((done) => setTimeout(done, 20));
      wire.destroy();
    }
    await s.send("40");
    assert.match(await s.poll(), /^40/u);
  });

  test("a preflight is answered before them", async () => {
    await told();
    assert.equal((await ask(start, "refuse", { method: "OPTIONS" })).status, 204);
    assert.deepEqual((await told()).log, []);
  });
});

describe("headers", () => {
  test("initial_headers once per session, headers for each answer and the 101", async () => {
    await told();
    const s = await Polling.to(server, main);
    assert.equal(s.answer.headers.get("x-initial"), "a, b");
    assert.equal(s.answer.headers.get("x-type"), "text/plain; charset=UTF-8");
    const posted = await s.post("40");
    assert.equal(posted.headers.get("x-initial"), null);
    assert.equal(posted.headers.get("x-type"), "text/html");
    await s.get();
    const wire = await s.websocket();
    assert.equal(wire.answer.headers["x-initial"], undefined);
    assert.equal(wire.answer.headers["x-type"], "not/this");
    wire.destroy();
    (await onWebsocket(server, main)).destroy();
    const lines = (await told()).log.filter((line) => line.includes("headers"));
    assert.deepEqual(lines, [
      "initial_headers GET polling", "headers GET polling", "headers POST polling", "headers GET polling", "headers GET websocket",
      "initial_headers GET websocket", "headers GET websocket",
    ]);
  });

  test("are not told of refusals", async () => {
    await told();
    await ask(`${main}?EIO=4`);
    assert.ok(!(await told()).log.some((line) => line.includes("headers")));
  });

  test("may be replaced in any case of letters, and removed; what frames the answer may not", async () => {
    const answer = await ask(start, "length");
    assert.equal(answer.headers.get("cache-control"), "no-store, private");
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
    assert.equal(Number(answer.headers.get("content-length")), (await answer.text()).length);
    assert.match(server.stderr, /"Content-Length\\?" is not valid/u);
  });

  test("a listener that is called once", async () => {
    assert.equal((await Polling.to(server, "/plain/")).answer.headers.get("x-once"), "1");
    assert.equal((await Polling.to(server, "/plain/")).answer.headers.get("x-once"), null);
  });

  test("a listener may close the session whose answer it is, and send to it", async () => {
    for (const order of ["raise", "send", "close"]) {
      const headers = { "X-Order": order };
      const s = await Polling.to(server, "/rude/", headers);
      await s.post("4one", { headers });
      const answer = await s.get({ headers });
      assert.equal(answer.status, order === "close" ? 400 : 200, order);
      const [upgraded, wire] = await upgrade(`/rude/?${query("websocket", s.sid)}`, `X-Order: ${order}`);
      assert.equal(upgraded.status, order === "close" ? 400 : 101, order);
      wire.destroy();
    }
    const s = await Polling.to(server, "/rude/");
    const waiting = s.get({ headers: { "X-Order": "close" } });
    await s.send("4one");
    assert.equal((await waiting).status, 200);
    await s.gone();
    const pending = await Polling.to(server, "/rude/");
    const wire = await pending.websocket();
    const held = pending.get({ headers: { "X-Order": "close" } });
    await new Promise((done) => setTimeout(done, 50));
    wire.write(frame(TEXT, "2probe"));
    assert.equal((await held).status, 200);
    await pending.gone();
    wire.destroy();
  });
});

describe("ids", () => {
  const open = `/named/?${query("polling")}`;
  let count = 0;

  async function named(id, order) {
    await fetch(`${server.url}/next/${encodeURIComponent(id)}`);
    return ask(open, order);
  }

  const good = { "20 characters": "x".repeat(20), "a UUID": "0193c1a5-6f3e-7b9e-8a1b-2f6d3c4b5a69", short: "1", long: "y".repeat(128), strange: "a:b/c+d=e~f" };
  for (const [name, id] of Object.entries(good))
    test(`generateId: ${name}`, async () => {
      const answer = await named(id);
      const body = await answer.text();
      assert.equal(JSON.parse(body.slice(1).split("\x1e")[0]).sid, id);
      assert.equal(answer.headers.getSetCookie()[0], `io=${encodeURIComponent(id)}; Path=/; HttpOnly; SameSite=Lax`);
      const s = new Polling(server, "/named/", { sid: encodeURIComponent(id) }, answer);
      await s.alive();
      const wire = await s.websocket();
      wire.write(frame(TEXT, "2probe"));
      assert.equal(await wire.text(), "3probe");
      wire.write(frame(TEXT, "5")).write(frame(TEXT, "4over WebSocket"));
      assert.equal(await wire.text(), "4over WebSocket");
      wire.destroy();
    });

  test("may wait, and serve the real client on both transports", async () => {
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      const id = `client-${++count}`;
      await fetch(`${server.url}/next/${id}`);
      const client = new Engine(`${server.url}`, { path: "/named/", transports, extraHeaders: { "X-Order": "late" } });
      const messages = [];
      client.on("message", (data) => messages.push(data));
      await new Promise((done, fail) => client.once("open", done).once("error", fail));
      assert.equal(client.id, id);
      client.send("echo");
      await new Promise((done) => client.on("message", () => messages.includes("echo") && done()));
      assert.deepEqual(messages, ["hello", "echo"]);
      client.close();
    }
  });

  /* engine.io lets a second session take the first one's id over, and hands out empty ids. */
  const bad = { raise: "raise", nothing: "nothing", empty: " ", "too long": "z".repeat(129), "not printable": "a\nb", quoted: 'a"b' };
  for (const [name, id] of Object.entries(bad))
    test(`refused with code 3, ID_GENERATION_ERROR: ${name}`, async () => {
      await told();
      const answer = await named(id);
      assert.equal(answer.status, 400);
      assert.equal(await answer.text(), '{"code":3,"message":"Bad request"}');
      const [refused, wire] = await upgrade(`/named/?${query("websocket")}`);
      assert.equal(refused.status, 400);
      wire.destroy();
      const failed = { code: 3, message: "Bad request", context: "ID_GENERATION_ERROR" };
      assert.deepEqual((await told()).errors, [failed, failed]);
    });

  test("an id that is in use is refused, and may be used again when its session has ended", async () => {
    const first = await named("twice");
    await told();
    assert.equal((await named("twice")).status, 400);
    assert.equal((await told()).errors[0].context, "ID_GENERATION_ERROR");
    assert.match(server.stderr, /is the id of an open session/u);
    const s = new Polling(server, "/named/", { sid: "twice" }, first);
    await s.send("1");
    assert.equal((await named("twice")).status, 200);
  });

  test("taken back: ids are the server's again", async () => {
    assert.match((await Polling.to(server, "/plain/")).sid, /^[\w-]{20}$/u);
  });
});

describe("initialPacket", () => {
  test("follows the open packet: in its payload, and as a message of its own", async () => {
    await fetch(`${server.url}/next/greeted`);
    const body = await (await ask(`/named/?${query("polling")}`)).text();
    assert.match(body, /^0\{"sid":"greeted",.*\}\x1e4hello$/u);
    await fetch(`${server.url}/next/greeted-too`);
    const wire = await onWebsocket(server, "/named/");
    assert.equal(await wire.text(), "4hello");
    wire.destroy();
  });

  test("as a flag, for Socket.IO's engine", async () => {
    const other = await serve("engine.lua", { flags: ["--initial-packet", "hi"] });
    assert.equal((await other.stop(), 0), 0);
    const chat = await serve("socketio.lua", { flags: ["--initial-packet", "hi"] });
    const body = await (await fetch(chat.url + start)).text();
    assert.match(body, /\x1e4hi$/u);
  });
});

test("socket.io-client works through all of it", async () => {
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    const socket = io(server.url, { transports, extraHeaders: { "X-Order": "late" } });
    assert.equal(await socket.timeout(20_000).emitWithAck("echo", transports.join()), transports.join());
    socket.disconnect();
  }
});

