// What a reload does to connections that are not plain Socket.IO: those over TLS, which cannot move but are relayed, and
// plain WebSockets.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { alive, until, withSuper } from "./support/super.mjs";
import { workers } from "./support/workers.mjs";

const pidsOf = async (s, site) => (await s.of(site.name)).map((i) => i.pid);

function certificate(folder) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { cwd: folder, stdio: "pipe" });
  return ["--tls-cert", path.join(folder, "cert.pem"), "--tls-key", path.join(folder, "key.pem")];
}

const echo = `
local io = require("atrium").io
io:on("connection", function(socket)
  socket:emit("hello", socket.handedOver, socket.recovered)
  socket:on("echo", function(value, ack) ack(value) end)
end)
`;

test("over TLS clients go over, the old workers relay them for tlsLinger, then they are sent away", withSuper(async (s, t) => {
  const LINGER = 8000, COUNT = 12, kinds = [["websocket"], ["polling", "websocket"], ["polling"]];
  s.write("tls.lua", echo);
  await s.ok(["start", "tls.lua", "-i", "2", "--port", "0", "--", ...certificate(s.folder), "--tls-linger", String(LINGER), "--connection-state-recovery", "true"]);
  await s.online("tls", 2);
  const port = (await until("the port", () => s.log("tls-out-0.log").match(/https:\/\/localhost:(\d+)/u)))[1];
  const clients = Array.from({ length: COUNT }, (_, i) => {
    const socket = io(`https://localhost:${port}`, { transports: kinds[i % 3], forceNew: true, rejectUnauthorized: false, reconnectionDelay: 50, reconnectionDelayMax: 300 });
    const c = { socket, polls: i % 3 === 2, hellos: [], ends: [] };
    socket.on("hello", (handedOver, recovered) => c.hellos.push([handedOver, recovered])).on("disconnect", (reason) => c.ends.push(reason));
    t.after(() => socket.disconnect());
    return c;
  });
  await until("all on their transports", () => clients.every(({ socket, polls }) => socket.connected && (socket.io.engine.transport.name === "polling") === polls));
  const old = await pidsOf(s, { name: "tls" }), text = "x".repeat(50000);
  // Twice: the second time what goes on is the far end of a relay.
  for (let reloads = 1; reloads <= 2; reloads++) {
    await s.ok(["reload", "tls"]);
    await until("they were handed over", () => clients.every(({ hellos }) => hellos.length === reloads + 1));
    // Both ways: the process that has the connection is not the one that answers.
    for (const c of clients) for (let k = 0; k < 5; k++) assert.equal(await c.socket.emitWithAck("echo", `${k}${text}`), `${k}${text}`);
    assert.deepEqual(clients.map((c) => [c.hellos[reloads], c.ends]), clients.map(() => [[true, true], []]));
    assert.ok(old.some(alive), "an old worker relays");
  }
  const fresh = await pidsOf(s, { name: "tls" });
  await until("the old workers have gone", () => !old.some(alive));
  // Who polls asks anew, and has nothing to come back for.
  await until("all are back", () => clients.every((c) => c.socket.connected && c.hellos.length === (c.polls ? 3 : 4)));
  for (const c of clients) assert.equal(await c.socket.emitWithAck("echo", "still there"), "still there");
  assert.deepEqual(clients.map((c) => c.ends), clients.map((c) => (c.polls ? [] : ["transport close"])));
  assert.deepEqual(clients.map((c) => c.hellos[3]), clients.map((c) => (c.polls ? undefined : [false, true])));
  assert.deepEqual(await pidsOf(s, { name: "tls" }), fresh);
}));

const channels = `
local atrium = require "atrium"
atrium.websocket("/ws", {
  perMessageDeflate = { serverNoContextTakeover = false, threshold = 0 },
  onOpen = function(ws)
    if not ws.handedOver then
      ws.data.count = 0
      ws:subscribe "all"
    end
    ws:send(tostring(ws.handedOver) .. " " .. ws.data.count .. " " .. ws:channels()[1])
  end,
  onMessage = function(ws, text)
    ws.data.count = ws.data.count + 1
    ws:send(ws.data.count .. " " .. text)
  end,
})
`;

test("plain WebSockets go over with channels, data and the windows of their compression", withSuper(async (s, t) => {
  const site = await workers(s, 1, { text: channels }), COUNT = 10, filler = "the same words again and again ".repeat(40);
  const clients = Array.from({ length: COUNT }, () => {
    const ws = new WebSocket(`ws://localhost:${site.port}/ws`, { perMessageDeflate: { threshold: 0, serverNoContextTakeover: false, clientNoContextTakeover: false } });
    const c = { ws, opens: [], answers: [], said: 0, ends: [] };
    ws.on("message", (data) => (/^(true|nil)/u.test(data) ? c.opens : c.answers).push(String(data))).on("close", (code) => c.ends.push(code)).on("error", (e) => c.ends.push(e.message));
    t.after(() => ws.terminate());
    return c;
  });
  await until("all open", () => clients.every((c) => c.opens.length === 1));
  let talking = true;
  const talks = clients.map(async (c) => {
    while (talking) {
      c.ws.send(`${++c.said} ${filler}`);
      const { said } = c;
      await until("an answer", () => c.answers.length === said || c.ends.length);
      if (c.ends.length) break;
    }
  });
  for (let i = 0; i < 3; i++) {
    const [pid] = await pidsOf(s, site), before = clients.map((c) => c.said);
    await until("some talk", () => clients.every((c, k) => c.said > before[k] + 3));
    await s.ok(["reload", site.name]);
    await until("the old worker has gone", () => !alive(pid));
    await until("they were handed over", () => clients.every((c) => c.opens.length === i + 2));
  }
  talking = false;
  await Promise.all(talks);
  for (const c of clients) {
    assert.deepEqual(c.ends, []);
    assert.deepEqual(c.answers, Array.from({ length: c.said }, (_, k) => `${k + 1} ${k + 1} ${filler}`));
    assert.equal(c.ws.extensions, "permessage-deflate");
    assert.equal(c.opens[0], "nil 0 all");
    for (const open of c.opens.slice(1)) assert.match(open, /^true \d+ all$/u);
  }
}));
