// Sessions stay with their worker and requests find it: several real workers behind one port, no proxy, no cookie; and
// behind one that keeps its connections, and over TLS, and when a worker is killed.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { io } from "socket.io-client";
import { Wire, frame, TEXT } from "../interop/support/wire.mjs";
import { sleep, until, withSuper } from "./support/super.mjs";
import { Session, figures, nginx, pidOf, sessionOfEach, workers } from "./support/workers.mjs";

const WORKERS = 4;
const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], both: ["polling", "websocket"] };

// Clients that talk while they connect, upgrade and stay; nobody may lose the connection, or be answered by another
// worker than before. Gives how many sessions each worker has.
async function crowd(t, url, transports, count, options = {}) {
  const per = {}, trouble = [];
  const sockets = Array.from({ length: count }, () => io(url, { transports, forceNew: true, reconnection: false, timeout: 60000, ...options }));
  t.after(() => sockets.forEach((socket) => (socket.disconnect(), socket.io._close())));
  await Promise.all(sockets.map(async (socket, i) => {
    await new Promise((done, fail) => socket.once("connect", done).once("connect_error", (e) => fail(new Error(`client ${i}: ${e.message} ${e.description ?? ""}`))));
    socket.on("disconnect", (reason, details) => trouble.push(`client ${i}: ${reason} ${details?.description ?? ""}`));
    let mine;
    for (let round = 0; round < 5; round++) {
      const text = `${i}/${round} ${"x".repeat(i % 7 * 300)}`;
      const [who, back] = await new Promise((done) => socket.emit("say", text, (...all) => done(all)));
      assert.equal(back, text);
      mine ??= who;
      assert.equal(who, mine);
      await sleep(i % 5 * 20);
    }
    per[mine] = (per[mine] ?? 0) + 1;
    if (transports.length === 2) await until(`the upgrade of ${i}`, () => socket.io.engine.transport.name === "websocket");
  }));
  assert.deepEqual(trouble, []);
  return per;
}

// How far apart the workers may be: all decide at once, and one that gets no time to run for a moment says late what it has.
function assertBalanced(per, count, tolerance) {
  const share = count / WORKERS;
  for (let i = 0; i < WORKERS; i++) assert.ok(Math.abs((per[i] ?? 0) - share) <= tolerance * share, `${JSON.stringify(per)}: ${share} each`);
}

// A worker that got no time to learn of the others keeps what comes to it.
const acquainted = (site) => until("all to know each other", async () => (await figures(site, WORKERS))("atrium_cluster_workers") === WORKERS * WORKERS);

for (const [name, transports] of Object.entries(TRANSPORTS))
  test(`200 clients, ${name}: none loses its session, and the workers share them`, withSuper(async (s, t) => {
    const site = await workers(s, WORKERS);
    await acquainted(site);
    assertBalanced(await crowd(t, site.url, transports, 200), 200, 0.4);
    const of = await figures(site, WORKERS);
    assert.equal(of("atrium_engine_sessions"), 200);
    assert.equal(of("atrium_engine_opened_total"), 200);
    assert.ok(of('atrium_sticky_requests_total{how="passed"}') > 0);
    assert.equal(of('atrium_sticky_requests_total{how="returned"}'), 0);
    assert.equal(of('atrium_sticky_requests_total{how="passed"}'), of('atrium_sticky_received_total{how="passed"}'));
  }));

for (const [policy, tolerance] of [["round-robin", 0.2], ["random", 0.8]])
  test(`new sessions by ${policy}`, withSuper(async (s, t) => {
    const site = await workers(s, WORKERS, { flags: ["--load-balancing", policy] });
    await acquainted(site);
    assertBalanced(await crowd(t, site.url, ["polling"], 120), 120, tolerance);
  }));

test("a worker that lost its sessions gets the new ones", withSuper(async (s, t) => {
  const site = await workers(s, WORKERS);
  await crowd(t, site.url, ["websocket"], 40);
  process.kill(await pidOf(s, site.name, 2), "SIGKILL");
  await s.online(site.name, WORKERS);
  await acquainted(site);
  const per = await crowd(t, site.url, ["websocket"], 10);
  assert.ok(per[2] >= 8, JSON.stringify(per));
}));

for (const [name, transports] of Object.entries(TRANSPORTS))
  test(`behind nginx, which keeps connections: ${name}`, withSuper(async (s, t) => {
    const site = await workers(s, WORKERS), proxy = await nginx(t, s, site.port, 8);
    assertBalanced(await crowd(t, proxy.url, transports, 60), 60, 0.5);
    const of = await figures(site, WORKERS);
    assert.equal(of("atrium_engine_sessions"), 60);
    if (name !== "websocket") assert.ok(of('atrium_sticky_requests_total{how="relayed"}') > 0);
    assert.equal(of("atrium_sticky_relay_failures_total"), 0);
    assert.doesNotMatch(proxy.stderr(), /prematurely|error/u);
  }));

test("behind nginx, workers leave: all sessions live on", withSuper(async (s, t) => {
  const site = await workers(s, WORKERS), proxy = await nginx(t, s, site.port, 8), trouble = [], per = {};
  const sockets = Array.from({ length: 40 }, () => io(proxy.url, { transports: ["polling"], forceNew: true, reconnection: false, timeout: 60000 }));
  t.after(() => sockets.forEach((socket) => (socket.disconnect(), socket.io._close())));
  let going = true;
  const talking = Promise.all(sockets.map(async (socket, i) => {
    await new Promise((done) => socket.once("connect", done));
    socket.on("disconnect", (reason, details) => trouble.push(`client ${i} of ${socket.me}: ${reason} ${details?.description ?? ""}`));
    [socket.me] = await new Promise((done) => socket.emit("say", "x", (...all) => done(all)));
    per[socket.me] = (per[socket.me] ?? 0) + 1;
    // Some talk all the time, others wait with a GET for the next ping.
    while (going && socket.connected) {
      if (i % 2) await Promise.race([new Promise((done) => socket.emit("say", "x", done)), new Promise((done) => socket.once("disconnect", done))]);
      await sleep(20 + i);
    }
  }));
  await until("all to talk", () => Object.values(per).reduce((a, b) => a + b, 0) === sockets.length);
  await sleep(300);
  await s.ok(["scale", site.name, "2"]);
  await s.online(site.name, 2);
  await sleep(500);
  assert.deepEqual(trouble, []);
  assert.ok(sockets.every((socket) => socket.connected));
  going = false;
  await talking;
}));

test("a head cut in every place", withSuper(async (s) => {
  const site = await workers(s, WORKERS), [session] = await sessionOfEach(site, WORKERS);
  const post = session.post("4cut");
  for (let cut = 1; cut < post.length; cut++) {
    const wire = await Wire.to(site.port);
    wire.write(post.slice(0, cut));
    await new Promise((done) => setTimeout(done, cut % 4));
    wire.write(post.slice(cut)).write(session.get());
    assert.equal((await wire.response()).body, "ok", `cut at ${cut}`);
    assert.equal((await wire.response()).body, "4cut");
    wire.destroy();
  }
  const wire = await Wire.to(site.port);
  await wire.drip(post);
  assert.equal((await wire.response()).body, "ok");
  wire.destroy();
}));

test("pipelined requests for sessions of several workers, over one connection", withSuper(async (s) => {
  const site = await workers(s, WORKERS), all = await sessionOfEach(site, WORKERS);
  for (let round = 0; round < 12; round++) {
    const wire = await Wire.to(site.port), order = all.map((_, i) => all[(i + round) % WORKERS]);
    // Two at first: one moves the connection, or stays; the other is relayed.
    wire.write(order[0].post("4one") + order[1].post("4two", { chunks: ["4t", "w", "o"] }) + order[0].get() + order[1].get());
    for (const want of ["ok", "ok", "4one", "4two"]) assert.equal((await wire.response()).body, want);
    wire.write(order.map((session, i) => session.post(`4${i}`)).join("") + order.map((session) => session.get()).join(""));
    for (const _ of order) assert.equal((await wire.response()).body, "ok");
    for (const i of order.keys()) assert.equal((await wire.response()).body, `4${i}`);
    wire.destroy();
  }
  const of = await figures(site, WORKERS);
  assert.ok(of('atrium_sticky_requests_total{how="passed"}') > 0 && of('atrium_sticky_requests_total{how="relayed"}') > 0);
}));

test("bodies: with a length, in chunks, large ones, and what is expected first", withSuper(async (s) => {
  const site = await workers(s, WORKERS), all = await sessionOfEach(site, WORKERS), large = "x".repeat(300000);
  const wire = await Wire.to(site.port); // by the second session it has moved, or will not any more
  for (const session of [...all, ...all]) {
    await session.echo(wire, "short");
    await session.echo(wire, "chunks", { chunks: ["4", "chun", "ks"] });
    await session.echo(wire, large);
    for (const how of [{}, { chunks: ["4expected"] }]) {
      const [head, body] = session.post("4expected", { ...how, lines: ["Expect: 100-continue"] }).split(/(?<=\r\n\r\n)(.*)/su);
      wire.write(head);
      assert.equal((await wire.response()).status, 100);
      wire.write(body);
      assert.equal((await wire.response()).body, "ok"); // and no second 100
      wire.write(session.get());
      assert.equal((await wire.response()).body, "4expected");
    }
  }
  wire.destroy();
}));

test("a GET that waits is answered wherever it came to; one that leaves ends its session", withSuper(async (s) => {
  const site = await workers(s, WORKERS), all = await sessionOfEach(site, WORKERS);
  for (const session of all) {
    const waiting = [];
    for (let i = 0; i < 6; i++) {
      const get = await Wire.to(site.port), post = await Wire.to(site.port);
      get.write(session.get());
      await sleep(20);
      post.write(session.post(`4${i}`));
      assert.equal((await post.response()).body, "ok");
      assert.equal((await get.response()).body, `4${i}`);
      waiting.push(get, post);
    }
    waiting.forEach((wire) => wire.destroy());
    const get = await Wire.to(site.port);
    get.write(session.get());
    await sleep(50);
    get.destroy();
    await until("the session's end", async () => {
      const wire = await Wire.to(site.port);
      wire.write(session.post("4still there?"));
      const { status } = await wire.response();
      wire.destroy();
      return status === 400;
    });
  }
}));

function certificate(folder) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { cwd: folder, stdio: "pipe" });
  return ["--tls-cert", path.join(folder, "cert.pem"), "--tls-key", path.join(folder, "key.pem")];
}

test("over TLS requests and WebSockets are relayed", withSuper(async (s, t) => {
  const flags = certificate(s.folder);
  s.write("app.lua", (await import("./support/workers.mjs")).app);
  await s.ok(["start", "app.lua", "-i", String(WORKERS), "--port", "0", "--", ...flags]);
  await s.online("app", WORKERS);
  const port = Number((await until("the port", () => s.log("app-out-0.log").match(/https:\/\/localhost:(\d+)/u)))[1]);
  const site = { port, to: { port, secure: true } }, url = `https://localhost:${port}`;
  // They stay where their connection is, so the connections are shared.
  assertBalanced(await crowd(t, url, ["websocket"], 40, { rejectUnauthorized: false }), 40, 0.4);
  for (const transports of Object.values(TRANSPORTS)) await crowd(t, url, transports, 30, { rejectUnauthorized: false });
  // Upgrades by hand, until one was of another worker's session; much both ways.
  const text = "y".repeat(40000);
  for (let i = 0; i < 12; i++) {
    const session = await Session.open(site), wire = await session.websocket();
    wire.write(frame(TEXT, "2probe"));
    assert.equal(await wire.text(), "3probe");
    wire.write(frame(TEXT, "5"));
    for (let k = 0; k < 20; k++) wire.write(frame(TEXT, `4${k} ${text}`));
    for (let k = 0; k < 20; k++) assert.equal(await wire.text(), `4${k} ${text}`);
    wire.destroy();
  }
  const wire = await Wire.to(site.to);
  for (const session of [await Session.open(site), await Session.open(site), await Session.open(site)]) await session.echo(wire);
  wire.destroy();
  await until("the pipes' end, and their figures", async () => {
    const texts = await Promise.all(Array.from({ length: 20 }, async () => {
      const one = await Wire.to(site.to);
      one.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
      const { body } = await one.response();
      one.destroy();
      return body;
    }));
    return texts.some((body) => /atrium_sticky_requests_total\{how="relayed"\} [1-9]/u.test(body));
  });
}));

test("a worker killed with requests under way: each ends, by an answer or by the connection's end", withSuper(async (s, t) => {
  const site = await workers(s, WORKERS), all = await sessionOfEach(site, WORKERS), victim = all[1];
  // Waiting at the victim itself, passed to it, and relayed from connections that have moved before.
  const waiting = [];
  for (let i = 0; i < 24; i++) {
    const session = i < 1 ? victim : await Session.open(site), wire = await Wire.to(site.port);
    if (i % 2) await all[i % 3 ? 0 : 2].echo(wire);
    wire.write(session.get());
    waiting.push({ wire, session });
  }
  const crowdUrl = site.url, sockets = Array.from({ length: 20 }, (_, i) => io(crowdUrl, { transports: Object.values(TRANSPORTS)[i % 3], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 500 }));
  t.after(() => sockets.forEach((socket) => (socket.disconnect(), socket.io._close())));
  await until("20 clients", () => sockets.every((socket) => socket.connected));
  await sleep(200);
  process.kill(await pidOf(s, site.name, victim.owner), "SIGKILL");
  for (const { wire, session } of waiting) {
    if (session.owner !== victim.owner) continue;
    const answer = await wire.response().catch(() => null);
    assert.ok(answer === null || answer.status === 502, `${answer?.status}`);
  }
  // The others were not touched, unless their connection was in the worker that died.
  for (const { wire, session } of waiting) {
    if (session.owner !== victim.owner && !wire.ended) {
      const post = await Wire.to(site.port);
      post.write(session.post("4on it goes"));
      const { status } = await post.response();
      post.destroy();
      if (status === 200) assert.equal((await wire.response().catch(() => ({ body: "4on it goes" }))).body, "4on it goes");
    }
    wire.destroy();
  }
  await until("all clients back", () => sockets.every((socket) => socket.connected));
  for (const socket of sockets) assert.equal((await new Promise((done) => socket.emit("say", "x", (...all) => done(all))))[1], "x");
  // What asks for a session of the dead is told so, at once.
  await s.online(site.name, WORKERS);
  for (let i = 0; i < 8; i++) {
    const wire = await Wire.to(site.port);
    wire.write(victim.get());
    assert.equal((await wire.response()).status, 400);
    wire.destroy();
  }
}));
