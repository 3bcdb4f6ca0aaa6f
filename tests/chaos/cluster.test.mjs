// Several workers are one server: what is said in one is heard in all, and who loses its worker comes back to another one
// as who it was, with exactly what it missed.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { io } from "socket.io-client";
import { alive, sleep, until, withSuper } from "./support/super.mjs";
import { figures, pidOf, workers } from "./support/workers.mjs";

const text = readFileSync(new URL("apps/cluster.lua", import.meta.url), "utf8");
const TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]];

const order = (socket, ...args) => new Promise((done) => socket.emit("order", ...args, done));

// A client that keeps what it hears under "n" and "event".
async function client(t, site, options = {}) {
  const socket = io(site.url, { transports: ["websocket"], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200, timeout: 60000, ...options });
  t.after(() => (socket.disconnect(), socket.io._close()));
  socket.numbers = [];
  socket.events = [];
  socket.on("n", (n) => socket.numbers.push(n));
  socket.on("event", (value, ack) => {
    socket.events.push(value);
    if (typeof ack === "function") ack(`${socket.me} ${value}`);
  });
  await new Promise((done) => socket.once("connect", done));
  socket.me = await order(socket, "who");
  return socket;
}

// `each` clients of each worker, by worker.
async function clients(t, site, count, each, options) {
  const all = Array.from({ length: count }, () => []);
  const found = await Promise.all(Array.from({ length: count * each }, (_, i) => client(t, site, { transports: TRANSPORTS[i % 3], ...options })));
  for (const socket of found) all[socket.me].push(socket);
  // A worker that was held up for a moment has got fewer: some more connect until each has enough.
  while (all.some((of) => of.length < each)) {
    const socket = await client(t, site, options);
    all[socket.me].push(socket);
  }
  return all.map((of) => of.slice(0, each));
}

// What was said before an answer to the asker has been heard by it; by others soon.
const settles = (what, fn) => until(() => `${what}`, fn);

test("events, rooms, except, broadcast, volatile and local ones", withSuper(async (s, t) => {
  const site = await workers(s, 3, { text }), [[a, a2], [b, b2], [c, c2]] = await clients(t, site, 3, 2);
  const all = [a, a2, b, b2, c, c2];
  await order(a, "join", "red");
  await order(b, "join", "red", "blue");
  await order(c, "join", "blue");
  const heard = async (value, who) => {
    await settles(`${value} at all`, () => who.every((socket) => socket.events.includes(value)));
    // What comes behind it in the one order of all has come: so nobody else will hear it.
    const end = `behind ${value}`;
    await order(a2, "emit", {}, "event", end);
    await settles(end, () => all.every((socket) => socket.events.includes(end)));
    for (const socket of all) assert.equal(socket.events.filter((e) => e === value).length, who.includes(socket) ? 1 : 0, `${value} at ${all.indexOf(socket)}`);
  };
  await order(a, "emit", {}, "event", "everybody");
  await heard("everybody", all);
  await order(c2, "emit", { to: ["red"] }, "event", "red");
  await heard("red", [a, b]);
  await order(c2, "emit", { to: ["red", "blue"] }, "event", "red or blue");
  await heard("red or blue", [a, b, c]);
  await order(a2, "emit", { to: ["red", "blue"], except: ["red"] }, "event", "blue alone");
  await heard("blue alone", [c]);
  await order(b, "emit", { broadcast: true }, "event", "all but b");
  await heard("all but b", [a, a2, b2, c, c2]);
  await order(b, "emit", { broadcast: true, to: ["blue"] }, "event", "blue but b");
  await heard("blue but b", [c]);
  await order(c, "emit", { except: [a.id, c2.id] }, "event", "but two");
  await heard("but two", [a2, b, b2, c]);
  await order(b, "emit", { here: true }, "event", "b's worker");
  await heard("b's worker", [b, b2]);
  await order(a, "emit", { to: [c2.id] }, "event", "c2 alone");
  await heard("c2 alone", [c2]);
}));

test("one order for all clients, whoever sends", withSuper(async (s, t) => {
  const site = await workers(s, 3, { text }), all = (await clients(t, site, 3, 3)).flat();
  const EACH = 200;
  for (let i = 0; i < EACH; i++) for (const [k, socket] of all.entries()) socket.emit("say", {}, k * EACH + i);
  await settles("everything", () => all.every((socket) => socket.numbers.length === all.length * EACH));
  for (const socket of all) assert.deepEqual(socket.numbers, all[0].numbers);
  for (const k of all.keys()) {
    const of = all[0].numbers.filter((n) => Math.floor(n / EACH) === k);
    assert.deepEqual(of, of.toSorted((x, y) => x - y));
  }
}));

test("fetchSockets, socketsJoin, socketsLeave, disconnectSockets", withSuper(async (s, t) => {
  const site = await workers(s, 3, { text }), groups = await clients(t, site, 3, 2, { query: { agent: "test" } }), all = groups.flat();
  const [[a], [b, b2], [c]] = groups;
  await order(b, "remember", { nested: [1, "two"] });
  await order(b, "join", "red");
  const fetched = await order(a, "fetch", {});
  assert.deepEqual(fetched.map((one) => one.id).sort(), all.map((socket) => socket.id).sort());
  assert.ok(fetched.every((one) => one.agent === "test"));
  assert.deepEqual(await order(c, "fetch", { to: ["red"] }), [{ id: b.id, rooms: [b.id, "red"].sort(), value: { nested: [1, "two"] }, agent: "test" }]);
  assert.deepEqual((await order(c, "fetch", { to: ["red", c.id], except: ["red"] })).map((one) => one.id), [c.id]);
  assert.deepEqual(await order(c, "fetch", { to: ["nobody"] }), []);
  await order(c, "emit_to_fetched", { to: ["red"] }, "event", "to one");
  await settles("to one", () => b.events.includes("to one"));

  await order(a, "socketsJoin", { to: ["red", c.id] }, ["green", "yellow"]);
  await settles("two in green", async () => (await order(b2, "fetch", { to: ["green"] })).length === 2);
  assert.deepEqual((await order(a, "state")).rooms, [a.id]);
  assert.deepEqual((await order(c, "state")).rooms, [c.id, "green", "yellow"].sort());
  assert.deepEqual(await order(b2, "rooms"), [...all.map((socket) => socket.id), "red", "green", "yellow"].sort());
  await order(c, "socketsLeave", { to: ["green"] }, "green");
  await settles("nobody in green", async () => (await order(a, "fetch", { to: ["green"] })).length === 0);

  const gone = Promise.all([b, c].map((socket) => new Promise((done) => socket.once("disconnect", done))));
  await order(a, "disconnectSockets", { to: ["yellow"] }, false);
  assert.deepEqual(await gone, ["io server disconnect", "io server disconnect"]);
  const closed = new Promise((done) => b2.once("disconnect", done));
  await order(a, "disconnectSockets", { to: [b2.id] }, true);
  assert.match(await closed, /transport|io server disconnect/u);
  assert.equal((await order(a, "fetch", { except: ["nobody"] })).length, all.length - 3); // and none comes back by itself
}));

test("answers larger than what the workers share", withSuper(async (s, t) => {
  const site = await workers(s, 2, { text }), [[a], [b, b2, b3]] = (await clients(t, site, 2, 3));
  for (const socket of [b, b2, b3]) await order(socket, "remember", "x".repeat(900000));
  const fetched = await order(a, "fetchSizes", {});
  assert.deepEqual(fetched.filter((size) => size === 900000).length, 3);
  const long = (i) => `${i} ${"long ".repeat(100)}`;
  for (const [k, socket] of [b, b2, b3].entries()) await order(socket, "join", ...Array.from({ length: 60 }, (_, i) => long(100 * k + i)));
  assert.ok((await order(a, "roomCount")) >= 180);
}));

test("acknowledgements of a broadcast; events between servers, and their answers", withSuper(async (s, t) => {
  const site = await workers(s, 3, { text }), groups = await clients(t, site, 3, 2), all = groups.flat();
  const [[a], [b], [c]] = groups;
  const { answers } = await order(a, "ask", {}, "event", "well?");
  assert.deepEqual(answers.toSorted(), all.map((socket) => `${socket.me} well?`).toSorted());
  await order(b, "join", "red");
  await order(c, "join", "red");
  assert.deepEqual((await order(a, "ask", { to: ["red"] }, "event", "red?")).answers.toSorted(), ["1 red?", "2 red?"]);
  c.off("event");
  assert.match((await order(a, "ask", { to: ["red"], timeout: 300 }, "event", "c?")).error, /timed out/u);

  for (const socket of [a, b, c]) assert.equal(await order(socket, "count"), 3);
  await order(a, "side", "news");
  for (const socket of [b, c]) await settles("the news", async () => (await order(socket, "heard")).some((one) => one.value === "news"));
  assert.ok(!(await order(a, "heard")).some((one) => one.value === "news"));
  assert.deepEqual((await order(b, "sideAsk", "this")).answers.toSorted(), ["0 heard this", "2 heard this"]);
  assert.match((await order(b, "sideAsk", "silence")).error, /timed out|timeout/u);
}));

test("a worker that dies is not waited for", withSuper(async (s, t) => {
  const site = await workers(s, 3, { text }), [[a], , [c]] = await clients(t, site, 3, 1);
  const victim = await pidOf(s, site.name, 2);
  process.kill(victim, "SIGSTOP"); // it will not answer
  const asked = order(a, "sideAsk", "this");
  await sleep(300);
  process.kill(victim, "SIGKILL");
  const { error } = await asked;
  assert.match(error, /gone|has (left|died)|closed/u);
  await until("c back", () => c.connected);
  await s.online(site.name, 3);
  await settles("three again", async () => (await order(a, "count")) === 3);
  assert.equal((await order(a, "sideAsk", "again")).answers.length, 2);
}));

// --- Recovery ---

// Says numbers through any worker, until told to stop; those of which nobody knows whether they were said are put aside.
function speak(site) {
  const said = [], unsure = new Set();
  let going = true;
  const done = (async () => {
    for (let n = 1; going; n++) {
      try {
        const answer = await fetch(`${site.url}/say/${n}`, { method: "POST", headers: { connection: "close" } });
        assert.equal(answer.status, 200);
        said.push(n);
      } catch {
        unsure.add(n);
      }
    }
  })();
  return { said, unsure, stop: () => ((going = false), done) };
}

async function heardAll(all, { said, unsure }) {
  const last = said.at(-1);
  await settles(() => `${last} at all: ${all.map((socket) => socket.numbers.at(-1))}`, () => all.every((socket) => socket.numbers.includes(last)));
  for (const socket of all) {
    const sure = socket.numbers.filter((n) => !unsure.has(n));
    assert.deepEqual(sure, said, `a client that came back ${socket.recoveries} times`);
    const twice = socket.numbers.filter((n, i) => socket.numbers.indexOf(n) !== i);
    assert.deepEqual(twice, []);
  }
}

async function prepare(all) {
  for (const [i, socket] of all.entries()) {
    socket.recoveries = 0;
    socket.lost = [];
    await order(socket, "join", "room", `of ${i}`);
    await order(socket, "remember", { i, text: `client ${i}` });
    socket.first = socket.id;
    socket.on("connect", () => (socket.recovered ? socket.recoveries++ : socket.lost.push(socket.id)));
  }
}

async function areWhoTheyWere(all) {
  for (const [i, socket] of all.entries()) {
    assert.deepEqual(socket.lost, []);
    assert.equal(socket.id, socket.first);
    const state = await order(socket, "state");
    assert.deepEqual(state.rooms, [socket.first, "room", `of ${i}`].sort());
    assert.deepEqual(state.value, { i, text: `client ${i}` });
  }
}

const recovering = (s, count, more = []) => workers(s, count, { text, flags: ["--connection-state-recovery", "true", ...more] });

test("clients of a worker killed with SIGKILL come back to others: rooms, data, exactly what they missed", withSuper(async (s, t) => {
  const site = await recovering(s, 3), groups = await clients(t, site, 3, 8), all = groups.flat();
  await prepare(all);
  const speaking = speak(site);
  await settles("some numbers", () => all.every((socket) => socket.numbers.length > 20));
  process.kill(await pidOf(s, site.name, 1), "SIGKILL");
  await settles("all back", () => groups[1].every((socket) => socket.recoveries + socket.lost.length > 0 && socket.connected));
  const more = speaking.said.length + 50;
  await settles("more numbers", () => speaking.said.length > more);
  await speaking.stop();
  await heardAll(all, speaking);
  await areWhoTheyWere(all);
  assert.ok(groups[1].every((socket) => socket.recoveries === 1));
  assert.equal((await figures(site, 3))("atrium_cluster_inherited_total"), 1);
}));

test("eight workers killed one after the other, under traffic", withSuper(async (s, t) => {
  const site = await recovering(s, 3), groups = await clients(t, site, 3, 6), all = groups.flat();
  await prepare(all);
  const speaking = speak(site);
  for (let kill = 0; kill < 8; kill++) {
    const pid = await pidOf(s, site.name, kill * 7 % 3);
    await sleep(100);
    process.kill(pid, "SIGKILL");
    await until("it dead", () => !alive(pid));
    await s.online(site.name, 3);
    await settles("all connected", () => all.every((socket) => socket.connected));
  }
  await speaking.stop();
  await heardAll(all, speaking);
  await areWhoTheyWere(all);
  assert.ok(all.reduce((sum, socket) => sum + socket.recoveries, 0) > 16);
}));

// Without the time to move its connections a worker closes them.
test("clients of workers that leave in good order come back in the same way", withSuper(async (s, t) => {
  const site = await recovering(s, 3, ["--handover-timeout", "0"]), all = (await clients(t, site, 3, 5)).flat();
  await prepare(all);
  const speaking = speak(site);
  await settles("some numbers", () => all.every((socket) => socket.numbers.length > 20));
  await s.ok(["reload", site.name]);
  await s.ok(["scale", site.name, "2"]);
  await s.online(site.name, 2);
  await settles("all back", () => all.every((socket) => socket.connected && socket.recoveries + socket.lost.length > 0));
  await speaking.stop();
  await heardAll(all, speaking);
  await areWhoTheyWere(all);
}));

test("the only worker is killed: the next one takes over", withSuper(async (s, t) => {
  const site = await recovering(s, 1);
  const all = await Promise.all(Array.from({ length: 6 }, (_, i) => client(t, site, { transports: TRANSPORTS[i % 3] })));
  await prepare(all);
  for (const socket of all) socket.emit("say", {}, all.indexOf(socket));
  await settles("six numbers", () => all.every((socket) => socket.numbers.length === 6));
  process.kill(await pidOf(s, site.name, 0), "SIGKILL");
  await settles("all back", () => all.every((socket) => socket.connected && socket.recoveries + socket.lost.length === 1));
  await areWhoTheyWere(all);
  for (const socket of all) assert.equal(socket.numbers.length, 6);
}));

test("the supervisor dies; workers that the next one starts join the same cluster", withSuper(async (s, t) => {
  const site = await recovering(s, 2), [[a], [b]] = await clients(t, site, 2, 1), pid = s.superPid();
  s.note();
  process.kill(pid, "SIGKILL");
  await until("the supervisor dead", () => !alive(pid));
  await order(a, "emit", {}, "event", "without it");
  await settles("b hears", () => b.events.includes("without it"));
  await s.ok(["scale", site.name, "3"]);
  await s.online(site.name, 3);
  await settles("three servers", async () => (await order(a, "count")) === 3);
  let c;
  await until("a client of the new one", async () => (c = await client(t, site)).me === "2");
  await order(c, "emit", {}, "event", "from the new one");
  await settles("all hear", () => [a, b].every((socket) => socket.events.includes("from the new one")));
}));

test("what the workers share goes with them", withSuper(async (s) => {
  const folders = () => readdirSync(`${s.home}/run`).filter((name) => name.endsWith(".peers"));
  const site = await workers(s, 2, { text });
  assert.equal(folders().length, 1);
  process.kill(await pidOf(s, site.name, 0), "SIGKILL"); // its socket stays behind
  await s.online(site.name, 2);
  await s.ok(["delete", site.name]);
  await until("the folder gone", () => folders().length === 0);
  // Killed all together, and found by the next supervisor.
  await workers(s, 2, { text, name: "again" });
  assert.equal(folders().length, 1);
  s.note();
  const pids = [s.superPid(), ...(await s.of("again")).map((i) => i.pid)];
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until("all dead", () => !pids.some(alive));
  const [old] = folders();
  await s.ok(["list"]);
  await until("the old folder gone", () => !folders().includes(old));
}));

test("workers on ports of their own share everything but new sessions", withSuper(async (s, t) => {
  s.write("app.lua", text);
  await s.ok(["start", "app.lua", "-i", "2", "--port", String(20000 + Math.floor(Math.random() * 6000) * 2), "--increment-var", "PORT"]);
  await s.online("app", 2);
  const ports = await Promise.all([0, 1].map((i) => until("the port", () => s.log(`app-out-${i}.log`).match(/localhost:(\d+)/u)?.[1])));
  assert.notEqual(ports[0], ports[1]);
  const [a, a2, b, b2] = await Promise.all([0, 0, 1, 1].map((i) => client(t, { url: `http://localhost:${ports[i]}` }, { transports: ["polling", "websocket"] })));
  assert.deepEqual([a.me, a2.me, b.me, b2.me], ["0", "0", "1", "1"]);
  await order(a, "emit", {}, "event", "both ports");
  await settles("all hear", () => [a, a2, b, b2].every((socket) => socket.events.includes("both ports")));
}));
