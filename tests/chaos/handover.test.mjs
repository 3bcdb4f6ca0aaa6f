// Reload, scale and update move open connections from worker to worker: clients notice nothing.
// ATRIUM_CHAOS_RELOADS (3) and ATRIUM_CHAOS_CLIENTS (24) make the first tests longer.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { alive, bin, sleep, until, withSuper } from "./support/super.mjs";
import { Traffic, app } from "./support/traffic.mjs";
import { figures, pidOf, workers } from "./support/workers.mjs";

const text = fs.readFileSync(app, "utf8"), recovery = ["--connection-state-recovery", "true"];
const ALL = [["websocket"], ["polling"], ["polling", "websocket"]];
const RELOADS = Number(process.env.ATRIUM_CHAOS_RELOADS ?? 3), CLIENTS = Number(process.env.ATRIUM_CHAOS_CLIENTS ?? 24);

// Nothing was lost, doubled, out of order; no answer failed to come; nobody had to come back.
function unharmed(report) {
  const { gaps, doubles, reorders, unsure, returns, disconnects } = report;
  assert.deepEqual({ gaps, doubles, reorders, unsure, returns, disconnects }, { gaps: 0, doubles: 0, reorders: 0, unsure: 0, returns: 0, disconnects: {} },
    `${report.troubles.join("\n")}\n${JSON.stringify(report)}`);
  assert.ok(report.said > 200 && report.heard > report.said, JSON.stringify(report));
}

// Some answers while nothing happens, then what happens, then some more.
async function during(traffic, what, pauseMs = 10) {
  traffic.speak(pauseMs);
  const more = async () => {
    const before = traffic.counts.heard;
    await until("more answers", () => traffic.counts.heard > before + 300);
  };
  await more();
  await what(more);
  await more();
  await traffic.stop();
  return traffic.report();
}

async function replaced(s, site, pids) {
  await until("the old workers have gone", () => !pids.some(alive));
  assert.ok((await s.online(site.name, pids.length)).every((i) => !pids.includes(i.pid)));
}

const pidsOf = async (s, site) => (await s.of(site.name)).map((i) => i.pid);

for (const flags of [[], recovery]) {
  test(`reloads under traffic${flags.length ? ", with recovery" : ""}`, withSuper(async (s, t) => {
    const site = await workers(s, 2, { text, flags }), traffic = await Traffic.start(t, site.url, { clients: CLIENTS, rooms: CLIENTS / 4, transports: CLIENTS > 1000 ? [["websocket"]] : ALL });
    const report = await during(traffic, async (more) => {
      for (let i = 0; i < RELOADS; i++) {
        const pids = await pidsOf(s, site);
        await s.ok(["reload", site.name]);
        await more();
        await replaced(s, site, pids);
      }
    }, CLIENTS > 100 ? CLIENTS * 2 : 10);
    if (RELOADS > 3) console.log(JSON.stringify(report));
    unharmed(report);
    const sum = await figures(site, 2);
    assert.ok(sum("atrium_handover_connections_total") > 0);
  }));
}

test("scaling down moves connections to those who stay", withSuper(async (s, t) => {
  const site = await workers(s, 3, { text }), traffic = await Traffic.start(t, site.url, { clients: 24, transports: ALL });
  unharmed(await during(traffic, async (more) => {
    const pids = await pidsOf(s, site);
    await s.ok(["scale", site.name, "1"]);
    await until("two have gone", () => pids.filter(alive).length === 1);
    await more();
  }));
}));

test("one worker alone is replaced likewise", withSuper(async (s, t) => {
  const site = await workers(s, 1, { text }), traffic = await Traffic.start(t, site.url, { clients: 12, transports: ALL });
  unharmed(await during(traffic, async () => {
    const pids = await pidsOf(s, site);
    await s.ok(["reload", site.name]);
    await replaced(s, site, pids);
  }));
}));

test("atrium update goes on in another program", withSuper(async (s, t) => {
  const site = await workers(s, 2, { text }), traffic = await Traffic.start(t, site.url, { clients: 24, transports: ALL });
  const folder = path.join(s.folder, "new"), program = path.join(folder, "atrium");
  fs.mkdirSync(folder);
  fs.copyFileSync(bin, program);
  unharmed(await during(traffic, async () => {
    const pids = await pidsOf(s, site), before = s.superPid();
    const done = await s.start(["update"], { program }).done;
    assert.equal(done.status, 0, done.stderr);
    s.note();
    assert.notEqual(s.superPid(), before);
    await replaced(s, site, pids);
    for (const pid of [s.superPid(), ...(await pidsOf(s, site))]) assert.equal(fs.readlinkSync(`/proc/${pid}/exe`), program);
  }));
}));

const stateful = `
local atrium = require "atrium"
local io = atrium.io
local count = 0
atrium.onHandover(function() return { count = count } end, function(saved) count = saved.count end)
io:on("connection", function(socket)
  socket:emit("hello", { handedOver = socket.handedOver, recovered = socket.recovered, data = socket.data, rooms = socket.rooms, count = count })
  socket:on("put", function(value, ack)
    count = count + 1
    socket.data.value = value
    socket:join("room of " .. value)
    ack(count)
  end)
  socket:on("slow", function(ms, ack)
    atrium.sleep(ms)
    socket:emit("from the tail", ms)
    ack("done")
  end)
  socket:on("ask me", function(ack)
    local answer = socket:emitWithAck("question", 7)
    ack(answer)
  end)
end)
`;

async function client(t, url, transports) {
  const socket = io(url, { forceNew: true, transports }), heard = [];
  t.after(() => socket.disconnect());
  socket.onAny((name, ...args) => heard.push([name, ...args]));
  await until("connected", () => socket.connected);
  return { socket, heard, of: (name) => heard.filter(([n]) => n === name).map(([, first]) => first) };
}

for (const transports of ALL) {
  test(`who was handed over is who it was, and what was begun ends: ${transports}`, withSuper(async (s, t) => {
    const site = await workers(s, 1, { text: stateful }), { socket, of } = await client(t, site.url, transports), { id } = socket;
    let reasons = [], release;
    socket.on("disconnect", (reason) => reasons.push(reason));
    assert.equal(await socket.emitWithAck("put", "x"), 1);
    const slow = socket.emitWithAck("slow", 1500);
    socket.on("question", (n, ack) => (release = () => ack(n * 6)));
    const asked = socket.emitWithAck("ask me");
    await until("the question", () => release);
    const [old] = await pidsOf(s, site);
    await s.ok(["reload", site.name]);
    await until("the new one's hello", () => of("hello").length === 2);
    assert.deepEqual(of("hello")[1], { handedOver: true, recovered: true, data: { value: "x" }, rooms: { [id]: true, "room of x": true }, count: 1 });
    release();
    assert.equal(await asked, 42);
    assert.equal(await slow, "done");
    assert.deepEqual(of("from the tail"), [1500]);
    assert.equal(await socket.emitWithAck("put", "y"), 2);
    await until("the old one has ended", () => !alive(old));
    assert.deepEqual([reasons, socket.id], [[], id]);
  }));
}

test("a successor that dies takes nobody else with it", withSuper(async (s, t) => {
  const site = await workers(s, 2, { text, flags: recovery }), traffic = await Traffic.start(t, site.url, { clients: 24 });
  const report = await during(traffic, async () => {
    await s.ok(["reload", site.name]);
    process.kill(await pidOf(s, site.name, 0), "SIGKILL");
    await s.online(site.name, 2);
    await sleep(300);
  });
  assert.deepEqual([report.gaps, report.doubles, report.reorders], [0, 0, 0], report.troubles.join("\n"));
}));

const busy = `
local atrium = require "atrium"
local io = atrium.io
io:on("connection", function(socket)
  socket:emit("hello", socket.handedOver)
  socket:on("hog", function(ms, ack)
    local till = os.time() + ms / 1000
    repeat until os.time() >= till
    ack()
  end)
end)
`;

test("who was busy while its successor started hands over all the same", withSuper(async (s, t) => {
  const site = await workers(s, 1, { text: busy }), { socket, of } = await client(t, site.url, ["websocket"]);
  const [old] = await pidsOf(s, site), reasons = [];
  socket.on("disconnect", (reason) => reasons.push(reason));
  // Longer than a new worker waits for others to greet it.
  const hogged = socket.emitWithAck("hog", 5000);
  await s.ok(["reload", site.name]);
  await hogged;
  await until("the old one has ended", () => !alive(old));
  await until("it was handed over", () => of("hello").length === 2);
  assert.deepEqual([of("hello"), reasons], [[false, true], []]);
}));

// The new worker comes to a halt when it is about to be given connections, and the old one's handler, which goes on, says
// more meanwhile than the workers' ring holds.
const noisy = `
local atrium = require "atrium"
local io = atrium.io
local function hog(seconds)
  local till = os.time() + seconds
  repeat until os.time() >= till
end
atrium.onHandover(function() return { any = true } end, function() atrium.setTimeout(function() hog(3) end, 0) end)
io:on("connection", function(socket)
  socket:emit("hello", socket.handedOver)
  socket:on("echo", function(value, ack) ack(value) end)
  socket:on("noise", function()
    atrium.sleep(1000)
    for i = 1, 500 do io:to("nobody"):emit("noise", string.rep("x", 65536)) end
  end)
end)
`;

test("connections whose note was lost to a worker that was too slow", withSuper(async (s, t) => {
  const site = await workers(s, 1, { text: noisy }), reasons = [];
  const clients = await Promise.all(Array.from({ length: 100 }, () => client(t, site.url, ["websocket"])));
  for (const { socket } of clients) socket.on("disconnect", (reason) => reasons.push(reason));
  clients[0].socket.emit("noise");
  const [old] = await pidsOf(s, site);
  await s.ok(["reload", site.name]);
  await until("they were handed over", () => clients.every(({ of }) => of("hello").length === 2));
  for (const { socket } of clients) assert.equal(await socket.emitWithAck("echo", "x"), "x");
  await until("the old one has ended", () => !alive(old));
  const sum = await figures(site, 1);
  assert.deepEqual([reasons, sum("atrium_handover_failures_total")], [[], 0]);
  assert.ok(sum('atrium_bus_notes_total{what="missed"}') > 0);
}));

const halting = `
local atrium = require "atrium"
atrium.onHandover(function() return { any = true } end, function()
  atrium.setTimeout(function()
    local till = os.time() + 2
    repeat until os.time() >= till
  end, 0)
end)
`;

test("an old worker that dies when all is on its way takes nobody with it", withSuper(async (s, t) => {
  const site = await workers(s, 2, { text: halting + text, flags: recovery }), traffic = await Traffic.start(t, site.url, { clients: 24 });
  unharmed(await during(traffic, async (more) => {
    const pids = await pidsOf(s, site), old = await pidOf(s, site.name, 0);
    const reloaded = s.ok(["reload", site.name]);
    await until("the new one is there", async () => (await pidOf(s, site.name, 0)) !== old);
    await sleep(300); // it has halted, with what it was sent
    process.kill(old, "SIGKILL");
    await reloaded;
    await more();
    await replaced(s, site, pids);
  }));
}));

const torrent = `
local atrium = require "atrium"
local function pour(send) for i = 1, 60 do send(i .. " " .. string.rep("x", 100000)) end end
atrium.io:on("connection", function(socket)
  socket:on("pour", function() pour(function(text) socket:emit("drop", text) end) end)
end)
atrium.websocket("/ws", { onMessage = function(ws) pour(function(text) ws:send(text) end) end })
`;

test("who does not read gets all that waits for it from the new worker", withSuper(async (s, t) => {
  const site = await workers(s, 1, { text: torrent }), readers = [], [old] = await pidsOf(s, site);
  for (let i = 0; i < 8; i++) {
    const ws = new WebSocket(`ws://localhost:${site.port}/ws`), plain = { got: [], ends: [], raw: () => ws._socket, begin: () => ws.send("pour") };
    ws.on("message", (data) => plain.got.push(parseInt(data, 10))).on("close", (code) => plain.ends.push(code));
    t.after(() => ws.terminate());
    const { socket } = await client(t, site.url, ["websocket"]), framed = { got: [], ends: [], raw: () => socket.io.engine.transport.ws._socket, begin: () => socket.emit("pour") };
    socket.on("drop", (data) => framed.got.push(parseInt(data, 10))).on("disconnect", (reason) => framed.ends.push(reason));
    await until("open", () => ws.readyState === WebSocket.OPEN);
    readers.push(plain, framed);
  }
  for (const { begin, raw } of readers) {
    begin();
    raw().pause();
  }
  await sleep(500);
  await s.ok(["reload", site.name]);
  await until("the old one has ended", () => !alive(old));
  for (const { raw } of readers) raw().resume();
  await until("all is there", () => readers.every(({ got, ends }) => got.length >= 60 || ends.length));
  const whole = Array.from({ length: 60 }, (_, i) => i + 1);
  for (const { got, ends } of readers) assert.deepEqual([got, ends], [whole, []]);
}));
