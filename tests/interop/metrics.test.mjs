/* /metrics: Prometheus's text format, figures that move with what clients do, a port of its own, none at
 * all.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { io } from "socket.io-client";
import { serve } from "./support/server.mjs";

/* Every sample by its name and labels; fails on a line that the format does not know. */
async function scrape(url) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^text\/plain; version=0\.0\.4/u);
  const samples = new Map();
  const families = new Map();
  for (const line of (await answer.text()).trimEnd().split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/u.exec(line);
    if (type) {
      assert.ok(!families.has(type[1]), `${type[1]} stands twice`);
      families.set(type[1], type[2]);
    } else if (!/^# HELP \S+ .+$/u.test(line)) {
      const sample = /^([a-z_]+)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? (\S+)$/u.exec(line);
      assert.ok(sample, line);
      const family = sample[1].replace(/_(bucket|sum|count)$/u, "");
      assert.ok(families.has(sample[1]) || families.get(family) === "histogram", line);
      samples.set(sample[1] + (sample[2] ?? ""), Number(sample[3]));
    }
  }
  return samples;
}

test("counters and gauges move with what clients do", async () => {
  const s = await serve("socketio.lua");
  const before = await scrape(`${s.url}/metrics`);
  const socket = io(s.url, { transports: ["websocket"] });
  await new Promise((done) => socket.once("connect", done));
  const during = await scrape(`${s.url}/metrics`);
  const moved = (name) => during.get(name) - before.get(name);
  assert.equal(moved('atrium_engine_sessions{transport="websocket"}'), 1);
  assert.equal(moved("atrium_socketio_sockets"), 1);
  assert.equal(moved('atrium_socketio_connects_total{result="ok"}'), 1);
  assert.ok(moved('atrium_net_bytes_total{direction="in"}') > 0);
  assert.ok(during.get("atrium_lua_memory_bytes") > 10_000);
  assert.ok(during.get("process_resident_memory_bytes") > 1_000_000);
  assert.equal(during.get('atrium_loop_busy_seconds_bucket{le="+Inf"}'), during.get("atrium_loop_busy_seconds_count"));
  socket.disconnect();
});

test("what is refused is counted by its reason", async () => {
  const s = await serve("socketio.lua");
  const before = await scrape(`${s.url}/metrics`);
  await new Promise((done) => {
    const raw = connect(s.port, "localhost", () => raw.write("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"));
    raw.resume().once("close", done);
  });
  await fetch(`${s.url}/socket.io/?EIO=4&transport=polling&sid=nobody`);
  const after = await scrape(`${s.url}/metrics`);
  const moved = (name) => after.get(name) - before.get(name);
  assert.equal(moved('atrium_http_errors_total{reason="malformed"}'), 1);
  assert.equal(moved('atrium_engine_errors_total{reason="refused"}'), 1);
});

test("another path, and none", async () => {
  const s = await serve("socketio.lua", { flags: ["--metrics", "/private/figures"] });
  assert.equal((await fetch(`${s.url}/metrics`)).status, 404);
  assert.ok((await scrape(`${s.url}/private/figures`)).size > 50);
  const none = await serve("socketio.lua", { flags: ["--metrics", ""] });
  assert.equal((await fetch(`${none.url}/metrics`)).status, 404);
});

test("a port of its own serves nothing else, and the main port no metrics", async () => {
  const free = await new Promise((done) => {
    const probe = createServer().listen(0, () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
  const s = await serve("socketio.lua", { flags: ["--metrics-port", String(free)] });
  assert.equal((await fetch(`${s.url}/metrics`)).status, 404);
  assert.ok((await scrape(`http://localhost:${free}/metrics`)).size > 50);
  assert.equal((await fetch(`http://localhost:${free}/healthz`)).status, 404);
});
