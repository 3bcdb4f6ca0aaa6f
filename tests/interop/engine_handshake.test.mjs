// Engine.IO: opening a session, and every way to be refused one.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KEYS, Polling, onWebsocket, query, refused } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { Wire, frame, upgradeHead, TEXT } from "./support/wire.mjs";

const server = await serve("engine.lua", { expectErrors: true });

async function ask(method, target, headers = {}) {
  const wire = await Wire.to(server.port);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  wire.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${lines.join("")}\r\n`);
  const answer = await wire.response({ head: method === "HEAD" });
  wire.destroy();
  return answer;
}

describe("opening a session", () => {
  test("over polling: the five keys, the limits in force, the headers", async () => {
    const answer = await ask("GET", "/echo/?EIO=4&transport=polling&t=abc");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.equal(Number(answer.headers["content-length"]), answer.body.length);
    assert.equal(answer.headers["set-cookie"], undefined);
    assert.equal(answer.headers["access-control-allow-origin"], undefined);
    assert.match(answer.body, /^0\{"sid":"[\w-]{20}","upgrades":\["websocket"\],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000\}$/u);
  });

  test("over WebSocket: nothing to upgrade to, no cookie", async () => {
    const wire = await onWebsocket(server, "/cookie/");
    assert.deepEqual(Object.keys(wire.open), KEYS);
    assert.match(wire.sid, /^[\w-]{20}$/u);
    assert.deepEqual(wire.open.upgrades, []);
    assert.equal(wire.answer.headers["set-cookie"], undefined);
    assert.equal(wire.answer.headers["sec-websocket-extensions"], undefined);
    wire.destroy();
  });

  test("ids are 20 characters and differ", async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => Polling.to(server)));
    assert.equal(new Set(all.map((s) => s.sid)).size, 50);
  });

  test("each engine has its own limits", async () => {
    assert.equal((await Polling.to(server, "/small/")).open.maxPayload, 100);
    const beat = (await Polling.to(server, "/beat/")).open;
    assert.deepEqual([beat.pingInterval, beat.pingTimeout], [300, 200]);
  });

  test("a path of several segments", async () => {
    await (await Polling.to(server, "/deep/down/path/")).alive();
  });

  test("addTrailingSlash: false serves the path without its slash", async () => {
    await (await Polling.to(server, "/bare")).alive();
  });

  test("the path without its slash, and unknown paths, are not found", async () => {
    for (const target of ["/echo", "/nowhere/", "/", "/engine.io/"])
      assert.equal((await ask("GET", `${target}?${query("polling")}`)).status, 404, target);
  });

  test("an upgrade on an unknown path gets no WebSocket", async () => {
    const wire = await Wire.to(server.port);
    wire.write(upgradeHead(`/nowhere/?${query("websocket")}`));
    assert.equal((await wire.response()).status, 404);
    wire.destroy();
  });

  test("allowUpgrades: false, and polling alone, advertise no upgrade", async () => {
    assert.deepEqual((await Polling.to(server, "/stay/")).open.upgrades, []);
    assert.deepEqual((await Polling.to(server, "/polling/")).open.upgrades, []);
  });

  test("the first sub-protocol that is offered is taken", async () => {
    const wire = await onWebsocket(server, "/echo/", "Sec-WebSocket-Protocol: chat.v2, chat.v1");
    assert.equal(wire.answer.headers["sec-websocket-protocol"], "chat.v2");
    wire.destroy();
  });

  test("permessage-deflate is not taken", async () => {
    const wire = await onWebsocket(server, "/echo/", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits");
    assert.equal(wire.answer.headers["sec-websocket-extensions"], undefined);
    wire.destroy();
  });
});

describe("refusals", () => {
  const bodies = [
    '{"code":0,"message":"Transport unknown"}', '{"code":1,"message":"Session ID unknown"}',
    '{"code":2,"message":"Bad handshake method"}', '{"code":3,"message":"Bad request"}',
    '{"code":4,"message":"Forbidden"}', '{"code":5,"message":"Unsupported protocol version"}',
  ];

  async function refuses(code, method, target, { headers, path = "/echo", context } = {}) {
    const answer = await ask(method, target, headers);
    assert.equal(answer.status, code === 4 ? 403 : 400);
    assert.equal(answer.headers["content-type"], "application/json");
    if (method !== "HEAD") assert.equal(answer.body, bodies[code]);
    const told = await refused(server, path);
    assert.equal(told.code, code);
    assert.equal(told.message, JSON.parse(bodies[code]).message);
    if (context) assert.equal(told.context, context);
  }

  const strange = "x".repeat(20);
  const cases = [
    [0, "GET", "/echo/?EIO=4", "no transport"],
    [0, "GET", "/echo/?EIO=4&transport=abc", "an unknown transport"],
    [0, "GET", "/echo/?EIO=4&transport=", "an empty transport"],
    [0, "GET", "/echo/?EIO=4&transport=webtransport", "webtransport over HTTP"],
    [0, "GET", "/echo/?EIO=4&transport=__proto__", "a transport named like a property"],
    [0, "GET", "/websocket/?EIO=4&transport=polling", "a transport that is switched off", "/websocket"],
    [0, "GET", "/polling/?EIO=4&transport=websocket", "the other transport switched off", "/polling"],
    [1, "GET", `/echo/?EIO=4&transport=polling&sid=${strange}`, "an unknown session"],
    [1, "POST", `/echo/?EIO=4&transport=polling&sid=${strange}`, "a POST to an unknown session"],
    [1, "GET", "/echo/?EIO=4&transport=polling&sid=__proto__", "a session named like a property"],
    [1, "GET", "/echo/?EIO=4&transport=polling&sid=constructor", "another one"],
    [1, "GET", `/echo/?EIO=4&transport=polling&sid=${strange.repeat(100)}`, "a session id without end"],
    [2, "POST", "/echo/?EIO=4&transport=polling", "a handshake by POST"],
    [2, "PUT", "/echo/?EIO=4&transport=polling", "a handshake by PUT"],
    [2, "DELETE", "/echo/?EIO=4&transport=polling", "a handshake by DELETE"],
    [2, "HEAD", "/echo/?EIO=4&transport=polling", "a handshake by HEAD"],
    [2, "OPTIONS", "/echo/?EIO=4&transport=polling", "a preflight where CORS is off"],
    [3, "GET", "/echo/?EIO=4&transport=websocket", "a WebSocket without its upgrade"],
    [5, "GET", "/echo/?transport=polling", "no version"],
    [5, "GET", "/echo/?EIO=3&transport=polling", "version 3"],
    [5, "GET", "/echo/?EIO=abc&transport=polling", "a version that is no number"],
    [5, "GET", "/echo/?EIO=04&transport=polling", "a version written otherwise"],
  ];
  for (const [code, method, target, name, path] of cases)
    test(`code ${code}: ${name}`, () => refuses(code, method, target, { path }));

  test("code 1: a session that has closed", async () => {
    const s = await Polling.to(server);
    await s.send("1");
    await s.gone();
    await refuses(1, "GET", s.target);
  });

  test("code 3: polling a session that began on WebSocket", async () => {
    const wire = await onWebsocket(server);
    await refuses(3, "GET", `/echo/?${query("polling", wire.sid)}`, { context: "TRANSPORT_MISMATCH" });
    wire.write(frame(TEXT, "4still here"));
    assert.equal(await wire.text(), "4still here");
    wire.destroy();
  });

  test("code 3: another version than the session's", async () => {
    const s = await Polling.to(server);
    await refuses(3, "GET", s.target.replace("EIO=4", "EIO=3"), { context: "PROTOCOL_MISMATCH" });
    await s.alive();
  });

  test("code 4: allowRequest says no, at once", () =>
    refuses(4, "GET", `/allow/?${query("polling")}`, { headers: { "X-Word": "no" }, path: "/allow" }));
  test("code 4: allowRequest says no, later", () =>
    refuses(4, "GET", `/allow/late/?${query("polling")}`, { headers: { "X-Word": "no" }, path: "/allow/late" }));

  test("code 4: allowRequest says why", async () => {
    const answer = await ask("GET", `/allow/?${query("polling")}`, { "X-Word": "reason" });
    assert.equal(answer.status, 403);
    assert.equal(answer.body, '{"code":4,"message":"not today"}');
  });

  test("an allowRequest that raises lets nobody in", async () => {
    const answer = await ask("GET", `/allow/?${query("polling")}`, { "X-Word": "raise" });
    assert.equal(answer.status, 403);
    assert.equal(JSON.parse(answer.body).code, 4);
  });

  test("allowRequest says yes, at once and later; is asked once per session", async () => {
    for (const path of ["/allow/", "/allow/late/"]) {
      const s = await Polling.to(server, path, { "X-Word": "yes" });
      const answer = await fetch(s.url, { method: "POST", body: "4hi", headers: { "X-Word": "no" } });
      assert.equal(answer.status, 200);
      (await onWebsocket(server, path)).destroy();
    }
  });

  test("a client that leaves while allowRequest waits is forgotten", async () => {
    const wire = await Wire.to(server.port);
    wire.write(`GET /allow/late/?${query("polling")} HTTP/1.1\r\nHost: x\r\n\r\n`);
    wire.destroy();
    await (await Polling.to(server, "/allow/late/")).alive();
  });
});

describe("refused upgrades are answered before the 101, as text", () => {
  const cases = [
    ["Transport unknown", "/echo/?EIO=4&transport=abc"],
    ["Session ID unknown", `/echo/?EIO=4&transport=websocket&sid=${"y".repeat(20)}`],
    ["Unsupported protocol version", "/echo/?transport=websocket"],
    ["Unsupported protocol version", "/echo/?EIO=3&transport=websocket"],
    ["Transport unknown", "/polling/?EIO=4&transport=websocket"],
    ["Forbidden", "/allow/?EIO=4&transport=websocket", "X-Word: no"],
    ["Forbidden", "/allow/late/?EIO=4&transport=websocket", "X-Word: no"],
    ["not today", "/allow/?EIO=4&transport=websocket", "X-Word: reason"],
  ];
  for (const [message, target, ...lines] of cases) {
    test(`${message}: ${target}`, async () => {
      const wire = await Wire.to(server.port);
      wire.write(upgradeHead(target, ...lines));
      const answer = await wire.response();
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.connection, "close");
      assert.equal(answer.headers["content-type"], "text/html");
      assert.equal(Number(answer.headers["content-length"]), message.length);
      assert.equal(answer.body, message);
      assert.equal((await wire.rest()).length, 0);
    });
  }

  test("a handshake without a key, or with a bad one", async () => {
    for (const key of ["", "Sec-WebSocket-Key: short\r\n"]) {
      const wire = await Wire.to(server.port);
      wire.write(`GET /echo/?${query("websocket")} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${key}\r\n`);
      assert.equal((await wire.response()).status, 400);
    }
  });

  test("another version of WebSocket is told which one is spoken", async () => {
    const wire = await Wire.to(server.port);
    wire.write(upgradeHead(`/echo/?${query("websocket")}`).replace("Version: 13", "Version: 12"));
    const answer = await wire.response();
    assert.ok(answer.status === 426 || answer.status === 400);
    assert.match(answer.headers["sec-websocket-version"] ?? "", /13/u);
  });
});

describe("the session cookie", () => {
  test("cookie: true", async () => {
    const s = await Polling.to(server, "/cookie/");
    assert.equal(s.answer.headers.get("set-cookie"), `io=${s.sid}; Path=/; HttpOnly; SameSite=Lax`);
    await s.send("4hi");
    const next = await s.get();
    assert.equal(next.headers.get("set-cookie"), null);
  });

  test("with every option", async () => {
    const s = await Polling.to(server, "/named/");
    assert.equal(s.answer.headers.get("set-cookie"),
      `route=${s.sid}; Max-Age=60; Domain=a.test; Path=/app; Secure; SameSite=Strict`);
  });
});

describe("CORS", () => {
  async function preflight(path, headers) {
    const answer = await ask("OPTIONS", `${path}?${query("polling")}`, headers);
    assert.equal(answer.status, 204);
    assert.equal(answer.headers["content-length"], "0");
    return answer.headers;
  }

  async function handshake(path, headers) {
    const answer = await ask("GET", `${path}?${query("polling")}`, headers);
    assert.equal(answer.status, 200);
    return answer.headers;
  }

  test("any origin", async () => {
    for (const headers of [{}, { Origin: "http://x.test" }]) {
      const got = await handshake("/cors/any/", headers);
      assert.equal(got["access-control-allow-origin"], "*");
      assert.equal(got.vary, undefined);
      assert.equal(got["access-control-allow-credentials"], undefined);
    }
    const got = await preflight("/cors/any/", { Origin: "http://x.test", "Access-Control-Request-Headers": "x-a, x-b" });
    assert.equal(got["access-control-allow-origin"], "*");
    assert.equal(got["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
    assert.equal(got["access-control-allow-headers"], "x-a, x-b");
    assert.match(got.vary, /Access-Control-Request-Headers/u);
  });

  test("one origin is named to everybody; credentials", async () => {
    for (const headers of [{}, { Origin: "http://one.test" }, { Origin: "http://x.test" }]) {
      const got = await handshake("/cors/one/", headers);
      assert.equal(got["access-control-allow-origin"], "http://one.test");
      assert.equal(got["access-control-allow-credentials"], "true");
      assert.equal(got.vary, "Origin");
    }
    const got = await preflight("/cors/one/", { Origin: "http://one.test" });
    assert.equal(got["access-control-allow-credentials"], "true");
  });

  test("a list of origins: the one that asks is named, others are not", async () => {
    assert.equal((await handshake("/cors/list/", { Origin: "http://two.test" }))["access-control-allow-origin"], "http://two.test");
    const got = await handshake("/cors/list/", { Origin: "http://x.test" });
    assert.equal(got["access-control-allow-origin"], undefined);
    assert.equal(got.vary, "Origin");
    assert.equal(got["access-control-expose-headers"], "X-Three");
    const pre = await preflight("/cors/list/", { Origin: "http://one.test" });
    assert.equal(pre["access-control-allow-origin"], "http://one.test");
    assert.equal(pre["access-control-allow-methods"], "GET,POST");
    assert.equal(pre["access-control-allow-headers"], "X-One,X-Two");
    assert.equal(pre["access-control-max-age"], "600");
  });

  test("on every answer: polls, posts, refusals, the 101", async () => {
    const s = await Polling.to(server, "/cors/any/");
    for (const answer of [await s.post("4hi"), await s.get(), await s.post("1"), await s.get()])
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    const wire = await onWebsocket(server, "/cors/any/", "Origin: http://x.test");
    assert.equal(wire.answer.headers["access-control-allow-origin"], "*");
    wire.destroy();
  });

  test("a WebSocket of another origin is not refused: that is allowRequest's part", async () => {
    (await onWebsocket(server, "/cors/one/", "Origin: http://x.test")).destroy();
  });
});
