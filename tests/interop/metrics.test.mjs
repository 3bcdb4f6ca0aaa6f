/* /metrics: a page that holds to the format, and every figure on it: each family is moved by what it counts, and
 * docs/metrics.md names them all and no other. A family that is taken out fails its scene.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect as tls } from "node:tls";
import bcrypt from "bcryptjs";
import { Socket as Engine } from "engine.io-client";
import { io } from "socket.io-client";
import parser from "socket.io-msgpack-parser";
import { WebSocket } from "ws";
import { closeProxies, openProxy } from "../browser/support/proxy.mjs";
import { Polling, onWebsocket, query } from "./support/engine.mjs";
import { parse, scrape, value } from "./support/exposition.mjs";
import { serve } from "./support/server.mjs";
import { stall } from "./support/stall.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";
import { Wire, frame, upgradeHead, websocket, BINARY, TEXT } from "./support/wire.mjs";

/* What does not move here: it is what it is, it takes a kernel that not everybody has, or several servers, or an
 * administrator who is behind by megabytes. */
const STILL = new Map([
  ["atrium_info", "always 1"],
  ["process_start_time_seconds", "the process starts once"],
  ["process_max_fds", "a limit"],
  ["process_open_fds", "only where the kernel tells it (Linux 6.2)"],
  ["atrium_net_burst_writes_total", "io_uring; unit/net/test_burst.c"],
  ["atrium_socketio_recovery_moved_total", "several servers; unit/socketio/test_cluster_session.c"],
  ["atrium_socketio_handed_over_total", "several servers; unit/socketio/test_handover.c"],
  ["atrium_socketio_handover_failures_total", "the same"],
  ["atrium_socketio_tail_total", "unit/socketio/test_tail.c"],
  ["atrium_tls_tethers", "several servers; unit/net/test_tether.c"],
  ["atrium_tls_tethered_total", "several servers; unit/net/test_tether.c"],
  ["atrium_engine_handed_over_total", "several servers; unit/engineio/test_handover.c"],
  ["atrium_websocket_handed_over_total", "several servers; unit/gateway/test_handover.c"],
  ["atrium_store_waiting", "answers from memory come in the same turn; unit/api/test_store.c"],
  ["atrium_store_losses_total", "a centre that dies; chaos/store.test.mjs"],
  ["atrium_admin_dropped_total", "unit/admin/test_feed.c"],
  ["atrium_admin_resyncs_total", "unit/admin/test_feed.c"],
  ["atrium_admin_left_out_total", "unit/admin/test_feed.c"],
]);

const moved = new Set();
const seen = new Set();

const values = (family) => new Map(family.samples.map((s) => [s.key, s.value]));
const differ = (a, b) => a.samples.length !== b.samples.length || b.samples.some((s) => values(a).get(s.key) !== s.value);

/* A server to which something is done. look() is a page in the middle of it, for gauges. Each family that is named has
 * moved by then or in the end: in one sample at least, or in just those that are named with their labels. */
function scene(title, app, flags, names, act, options = {}) {
  test(title, async () => {
    const server = await serve(app, { flags, expectErrors: true, ...options });
    const url = options.url?.(server) ?? `${server.url}/metrics`;
    const before = await scrape(url);
    const pages = [];
    const look = async () => {
      const page = await scrape(url);
      pages.push(page);
      return page;
    };
    /* Waits until the sample has that value, or one that fits. */
    const shows = (key, fits) => until(async () => {
      const now = value(await look(), key);
      return typeof fits === "function" ? fits(now) : now === fits;
    }, key, 60_000);
    await act({ server, look, shows, before });
    pages.push(await scrape(url));
    for (const page of pages)
      for (const family of page.keys()) seen.add(family);
    for (const name of names) {
      const family = name.split("{")[0];
      assert.ok(before.has(family), `${family} is not there`);
      const did = pages.some((page) => (name === family ? differ(before.get(family), page.get(family)) : value(before, name) !== value(page, name)));
      assert.ok(did, `${name} did not move`);
      moved.add(family);
    }
  });
}

const of = (family, label, ...all) => all.map((one) => `${family}{${label}="${one}"}`);

async function client(server, options = {}) {
  const socket = io(server.url, { transports: ["websocket"], forceNew: true, ...options });
  await once(socket, "connect");
  return socket;
}

const ask = (socket, ...args) => within(socket.emitWithAck(...args), args[0], 60_000);

scene("clients come and go, and talk", "metrics.lua", [], [
  "atrium_loop_iterations_total", "atrium_loop_events_total", "atrium_loop_busy_seconds", "atrium_loop_lag_seconds",
  ...of("atrium_net_bytes_total", "direction", "in", "out"), ...of("atrium_net_calls_total", "call", "read", "write"), "atrium_net_messages_out_total",
  "atrium_net_coalesced_total", "atrium_http_connections", "atrium_http_connections_accepted_total", "atrium_http_requests_total",
  ...of("atrium_http_responses_total", "class", "2xx", "3xx", "4xx", "5xx"), "atrium_http_upgrades_total", "atrium_ws_opened_total", "atrium_ws_messages_in_total", "atrium_ws_bytes_in_total",
  ...of("atrium_engine_sessions", "transport", "polling", "websocket"), "atrium_engine_opened_total", "atrium_engine_closed_total",
  ...of("atrium_engine_upgrades_total", "result", "ok"), ...of("atrium_engine_packets_total", "direction", "in", "out"),
  ...of("atrium_engine_messages_total", "direction", "in", "out"), ...of("atrium_engine_message_bytes_total", "direction", "in", "out"),
  "atrium_socketio_sockets", ...of("atrium_socketio_connects_total", "result", "ok", "refused"), ...of("atrium_socketio_events_total", "direction", "in", "out"),
  ...of("atrium_socketio_acks_total", "direction", "in", "out"), "atrium_socketio_ack_timeouts_total", "atrium_socketio_broadcasts_total", "atrium_socketio_deliveries_total",
  "atrium_socketio_rooms", "atrium_socketio_msgpack_clients_total", "process_cpu_seconds_total",
], async ({ server, shows }) => {
  const polling = await client(server, { transports: ["polling"] });
  await shows('atrium_engine_sessions{transport="polling"}', 1);
  const upgraded = await client(server, { transports: ["polling", "websocket"] });
  const [one, two, packed] = [await client(server), await client(server), await client(server, { parser })];
  await shows('atrium_engine_upgrades_total{result="ok"}', 1);
  const others = await Promise.all(Array.from({ length: 5 }, () => client(server)));
  await shows("atrium_socketio_sockets", 10);
  await ask(packed, "echo", "packed");
  one.on("question", () => {}); // and never answers
  assert.equal(await ask(one, "ask", 20), false);
  two.on("question", (ack) => ack("here"));
  assert.equal(await ask(two, "ask", 60_000), true);
  await ask(one, "all", 20, "x");
  assert.equal(await ask(one, "rooms", 2), 2);
  await shows("atrium_socketio_rooms", 2);
  const refused = io(server.url, { transports: ["websocket"], forceNew: true, auth: { refuse: true } });
  await once(refused, "connect_error");
  const { headers } = await fetch(`${server.url}/socket.io/socket.io.js`);
  assert.equal((await fetch(`${server.url}/socket.io/socket.io.js`, { headers: { "If-None-Match": headers.get("etag") } })).status, 304);
  assert.equal((await fetch(`${server.url}/nowhere`)).status, 404);
  assert.equal((await fetch(`${server.url}/broken`)).status, 500);
  assert.equal((await fetch(`${server.url}/socket.io/?${query("polling", "nobody")}`)).status, 400);
  for (const socket of [polling, upgraded, one, two, packed, refused, ...others]) socket.disconnect();
  await shows("atrium_socketio_sockets", 0);
  await shows("atrium_engine_closed_total", 11);
  await sleep(100); // a timer of the loop
}, { flags: ["--ping-interval", "50"], expectErrors: true });

scene("handlers, queries and the log", "metrics.lua", ["--log-level", "debug"], [
  "atrium_handler_errors_total", "atrium_lua_errors_total", "atrium_lua_memory_bytes", "atrium_lua_tasks",
  ...of("atrium_sqlite_queries_total", "result", "ok", "failed"), "atrium_sqlite_waiting", ...of("atrium_log_lines_total", "level", "error"),
  ...of("atrium_store_operations_total", "result", "ok", "failed", "refused"),
  "atrium_engine_waiting", "process_resident_memory_bytes", "process_virtual_memory_bytes",
], async ({ server, shows }) => {
  const socket = await client(server);
  socket.emit("fail");
  await shows("atrium_handler_errors_total", 1);
  const waits = ask(socket, "wait", 1000);
  await shows("atrium_lua_tasks", 1);
  await waits;
  assert.deepEqual(await ask(socket, "query", "SELECT 1"), [true, 1].at(0));
  assert.equal(await ask(socket, "query", "SELECT nothing"), false);
  for (const [key, done] of [["a", true], ["b", false], ["c".repeat(2000), false]]) assert.equal(await ask(socket, "count", key), done);
  const slow = ask(socket, "query", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n");
  await shows("atrium_sqlite_waiting", 1);
  await slow;
  const held = await Wire.to(server.port);
  held.write(`GET /held/?${query("polling")} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await shows("atrium_engine_waiting", 1);
  held.destroy();
  for (let i = 0; i < 20; i++) await ask(socket, "echo", "x".repeat(500_000));
  socket.disconnect();
});

scene("what waits", "metrics.lua", ["--max-buffered-bytes", "100000000"], [
  "atrium_net_kept_bytes", "atrium_net_queued_bytes", "atrium_engine_polling_bytes", ...of("atrium_socketio_drops_total", "reason", "volatile"),
], async ({ server, shows }) => {
  const half = await Wire.to(server.port);
  half.write("GET / HTTP/1.1\r\nX-Half: ");
  await shows("atrium_net_kept_bytes", (bytes) => bytes > 0);
  half.destroy();
  const deaf = await websocket(server.port, "/ws");
  deaf.socket.pause();
  deaf.write(frame(TEXT, "flood"));
  await shows("atrium_net_queued_bytes", (bytes) => bytes > 1_000_000);
  deaf.destroy();
  const s = await Polling.to(server, "/socket.io/");
  await s.send("40");
  await s.send('42["all",3,"text"]');
  await shows("atrium_engine_polling_bytes", (bytes) => bytes > 0);
  const socket = await client(server);
  await ask(socket, "shed", "x".repeat(500_000));
  socket.disconnect();
});

scene("HTTP that goes wrong", "metrics.lua", ["--headers-timeout", "300", "--request-timeout", "300", "--max-connections", "20"],
  of("atrium_http_errors_total", "reason", "malformed", "timeout", "too_large", "aborted", "max_connections"), async ({ server, shows }) => {
    const say = async (text) => (await Wire.to(server.port)).write(text);
    const wires = [await say("nonsense\r\n\r\n"), await say("GET /"), await say("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")];
    wires.push(await say(`POST /socket.io/?${query("polling", (await Polling.to(server, "/socket.io/")).sid)} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n`));
    const leaving = await say(`GET /held/?${query("polling")} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await shows("atrium_engine_waiting", 1);
    leaving.destroy();
    await shows('atrium_http_errors_total{reason="timeout"}', (n) => n > 0);
    await shows('atrium_http_errors_total{reason="aborted"}', (n) => n > 0);
    const big = await say(`POST /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    big.write(`${(2_000_000).toString(16)}\r\n${"x".repeat(2_000_000)}\r\n`);
    for (let i = 0; i < 30; i++) wires.push(await Wire.to(server.port));
    await sleep(50);
    for (const wire of [...wires, big]) wire.destroy();
    await sleep(50);
  });

scene("engines and Socket.IO that go wrong", "metrics.lua", ["--ping-interval", "100", "--ping-timeout", "2000", "--max-http-buffer-size", "1000", "--max-sessions", "6",
  "--connect-timeout", "4000", "--max-rooms", "3", "--max-namespaces", "1"], [
  ...of("atrium_engine_errors_total", "reason", "ping_timeout", "parse", "too_large", "overlap", "refused", "max_sessions"), ...of("atrium_engine_upgrades_total", "result", "failed"),
  ...of("atrium_socketio_connects_total", "result", "timeout"), ...of("atrium_socketio_errors_total", "reason", "protocol", "limit"), ...of("atrium_socketio_limits_total", "limit", "rooms", "namespaces"),
  ...of("atrium_ws_errors_total", "reason", "protocol", "encoding", "too_big"),
], async ({ server, shows }) => {
  const path = "/socket.io/";
  const bad = await Polling.to(server, path);
  assert.equal((await bad.post("")).status, 400);
  const big = await Polling.to(server, path);
  assert.equal((await big.post("4".repeat(2000))).status, 413);
  const both = await Polling.to(server, path);
  await Promise.all([both.get(), both.get()]);
  for (const wrong of [frame(3, "x"), frame(TEXT, Buffer.of(0xff)), frame(TEXT, "4".repeat(2000))]) {
    const wire = await onWebsocket(server, path);
    wire.write(wrong);
    await wire.frame();
    wire.destroy();
  }
  const probing = await Polling.to(server, path);
  const probe = await probing.websocket();
  probe.write(frame(TEXT, "no probe"));
  await shows('atrium_engine_upgrades_total{result="failed"}', (n) => n > 0);
  await shows('atrium_engine_errors_total{reason="ping_timeout"}', (n) => n > 0);
  await shows('atrium_engine_sessions{transport="polling"}', 0);
  new Engine(server.url, { path, transports: ["websocket"] }); // answers pings, and joins nothing
  await shows('atrium_socketio_connects_total{result="timeout"}', (n) => n > 0);
  const socket = await client(server);
  assert.equal(await ask(socket, "rooms", 9), 3);
  const other = socket.io.socket("/other");
  await once(other.connect(), "connect_error");
  const broken = await onWebsocket(server, path);
  broken.write(frame(TEXT, "4this is no packet"));
  await shows('atrium_socketio_errors_total{reason="protocol"}', (n) => n > 0);
  broken.destroy();
  const many = await Promise.all(Array.from({ length: 10 }, () => fetch(`${server.url}${path}?${query("polling")}`)));
  assert.ok(many.some((answer) => answer.status === 503));
  socket.disconnect();
});

scene("namespaces", "socketio.lua", ["--cleanup-empty-child-namespaces", "true"], ["atrium_socketio_namespaces"], async ({ server, shows }) => {
  const socket = io(`${server.url}/room-1`, { transports: ["websocket"], forceNew: true });
  await once(socket, "connect");
  await shows("atrium_socketio_namespaces", (n) => n > 1);
  socket.disconnect();
});

scene("endpoints", "metrics.lua", [], [
  "atrium_websocket_connections", "atrium_websocket_opened_total", "atrium_websocket_refused_total", ...of("atrium_websocket_messages_total", "direction", "in", "out"),
  "atrium_websocket_publishes_total", "atrium_websocket_deliveries_total", "atrium_websocket_pings_total", ...of("atrium_websocket_drops_total", "reason", "idle", "max_connections"),
], async ({ server, shows }) => {
  const open = async () => {
    const ws = new WebSocket(`${server.ws}/ws`);
    await once(ws, "open");
    return ws;
  };
  const [one, two] = [await open(), await open()];
  await shows("atrium_websocket_connections", 2);
  one.send("to all");
  await once(two, "message");
  const silent = await websocket(server.port, "/ws"); // answers no ping
  for (const [target, status] of [["/closed", 403], ["/ws", 503]]) {
    const wire = await Wire.to(server.port);
    wire.write(upgradeHead(target));
    assert.equal((await wire.response()).status, status);
    wire.destroy();
  }
  await shows('atrium_websocket_drops_total{reason="idle"}', 1);
  for (const ws of [one, two]) ws.terminate();
  silent.destroy();
});

scene("compression", "deflate.lua", ["--per-message-deflate", "true"], [
  "atrium_ws_deflated_total", "atrium_ws_deflate_shared_total", ...of("atrium_ws_deflate_bytes_total", "state", "plain", "packed"), "atrium_ws_inflated_total",
], async ({ server }) => {
  const all = await Promise.all([1, 2, 3].map(() => client(server, { perMessageDeflate: { threshold: 0 } })));
  const heard = all.map((socket) => once(socket, "all"));
  all[0].emit("all", "text ".repeat(1000));
  await Promise.all(heard);
  for (const socket of all) socket.disconnect();
});

scene("recovery", "recovery.lua", ["--connection-state-recovery", '{"maxDisconnectionDuration":1500,"maxBuffered":4096}'], [
  ...of("atrium_socketio_recoveries_total", "result", "ok", "unknown", "gap"), "atrium_socketio_recovery_packets_total", "atrium_socketio_recovery_saved_total",
  "atrium_socketio_recovery_expired_total", "atrium_socketio_recovery_evicted_total", "atrium_socketio_recovery_sessions",
], async ({ server, shows }) => {
  const say = (args) => fetch(`${server.url}/say`, { method: "POST", body: JSON.stringify({ event: "news", args }) });
  const wire = async (auth = "") => {
    const w = await onWebsocket(server, "/socket.io/");
    w.write(frame(TEXT, `40${auth}`));
    return [w, JSON.parse((await w.text()).slice(2))];
  };
  const offset = async (w) => {
    for (;;) {
      const text = await w.text();
      if (text.startsWith("42")) return JSON.parse(text.slice(2)).at(-1);
    }
  };
  const come = async () => {
    const [w, { pid }] = await wire();
    await say([0]);
    return [w, { pid, offset: await offset(w) }];
  };
  const back = (auth) => wire(JSON.stringify(auth));
  const [first, session] = await come();
  await shows("atrium_socketio_recovery_sessions", 1);
  first.destroy();
  await shows("atrium_socketio_recovery_saved_total", 1);
  await say([1]);
  const [second] = await back(session); // and is sent what it missed
  await shows('atrium_socketio_recoveries_total{result="ok"}', 1);
  const [, taken] = await come();
  const [third] = await back(taken); // while its old connection seems open
  await shows("atrium_socketio_recovery_evicted_total", 1);
  await back({ pid: "x".repeat(20), offset: session.offset });
  await shows('atrium_socketio_recoveries_total{result="unknown"}', (n) => n > 0);
  const [fourth, late] = await come();
  fourth.destroy();
  await shows("atrium_socketio_recovery_saved_total", (n) => n > 1);
  for (let i = 0; i < 20; i++) await say(["x".repeat(1000)]);
  await back(late);
  await shows('atrium_socketio_recoveries_total{result="gap"}', 1);
  for (const each of [second, third]) each.destroy();
  await shows("atrium_socketio_recovery_expired_total", (n) => n > 0);
});

scene("clients that do not read", "backpressure.lua", [], [
  "atrium_backpressure_connections", "atrium_backpressure_total", "atrium_backpressure_bytes", "atrium_backpressure_drops_total", "atrium_backpressure_dropped_bytes_total",
  "atrium_backpressure_disconnects_total", "atrium_backpressure_waits_total", "atrium_backpressure_wait_timeouts_total", "atrium_backpressure_paused",
  ...of("atrium_websocket_drops_total", "reason", "overflow", "overflow_message"), ...of("atrium_engine_errors_total", "reason", "queue_overflow"),
], async ({ server, look }) => {
  const filler = "x".repeat(8192);
  const sockets = [];
  const join = async (nsp) => {
    const socket = io(server.url + nsp, { transports: ["websocket"], forceNew: true, reconnection: false });
    sockets.push(socket);
    await once(socket, "connect");
    return socket;
  };
  /* Until the sample has grown past what the kernels hold. */
  const flood = async (nsp, key, order = "flood") => {
    const [good, slow] = [await join(nsp), await join(nsp)];
    stall(slow);
    const start = value(await look(), key);
    for (let i = 0; value(await look(), key) <= start; i += 60) {
      assert.ok(i < 60_000, `${key} does not grow`);
      if (order === "flood") await ask(good, order, i, i + 60, filler, false);
      else for (let k = 0; k < 60; k++) good.emit(order, i + k, filler);
      await sleep(5);
    }
  };
  await flood("/oldest", "atrium_backpressure_dropped_bytes_total");
  await flood("/disconnect", "atrium_backpressure_disconnects_total");
  await flood("/impatient", "atrium_backpressure_wait_timeouts_total", "shout");
  await flood("/block", "atrium_backpressure_paused", "shout");
  for (const [name, key] of [["disconnect", "overflow"], ["new", "overflow_message"]]) {
    const good = new WebSocket(`${server.ws}/ws/${name}`);
    await once(good, "open");
    const slow = await websocket(server.port, `/ws/${name}`);
    slow.socket.pause();
    const start = value(await look(), `atrium_websocket_drops_total{reason="${key}"}`);
    for (let i = 0; value(await look(), `atrium_websocket_drops_total{reason="${key}"}`) <= start; i += 60) {
      assert.ok(i < 60_000, `${key} does not grow`);
      good.send(`flood ${i} ${i + 60} 8192`);
      await sleep(5);
    }
    good.terminate();
    slow.destroy();
  }
  for (const socket of sockets) socket.io.engine.transport?.ws?._socket?.destroy();
});

scene("limits per second", "rates.lua", ["--rate-limit", '{"messages":1,"bytes":10000,"burst":20}', "--address-rate-limit", '{"messages":5,"bytes":20000,"connects":1,"burst":20}',
  "--trust-proxy", "127.0.0.1,::1", "--max-sessions", "1", "--keep-alive-timeout", "60000"], [
  "atrium_rate_limited_total", "atrium_rate_addresses", "atrium_rate_addresses_forgotten_total", ...of("atrium_ws_errors_total", "reason", "rate"),
  ...of("atrium_engine_errors_total", "reason", "rate"), ...of("atrium_websocket_drops_total", "reason", "rate"),
], async ({ server, shows }) => {
  const fast = await websocket(server.port, "/ws");
  for (let i = 0; i < 100; i++) fast.write(frame(BINARY, "x"));
  await shows('atrium_rate_limited_total{by="connection",of="messages"}', 1);
  fast.destroy();
  const wire = await Wire.to(server.port);
  const handshake = (i) => `GET /socket.io/?${query("polling")} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}\r\n\r\n`;
  for (let i = 0; i < 40; i++) wire.write(handshake(0));
  for (let i = 0; i < 40; i++) await wire.response();
  for (let i = 1; i < 18_000; i += 500) {
    wire.write(Array.from({ length: 500 }, (_, k) => handshake(i + k)).join(""));
    for (let k = 0; k < 500; k++) await wire.response();
  }
  wire.destroy();
});

scene("TCP connections too fast", "rates.lua", ["--address-rate-limit", '{"connects":1,"burst":20}', "--metrics-port", String(await freePort())], of("atrium_http_errors_total", "reason", "rate"),
  async ({ server, shows }) => {
    for (let i = 0; i < 40; i++) (await Wire.to(server.port)).destroy();
    await shows('atrium_http_errors_total{reason="rate"}', (n) => n > 0);
  }, { url: (server) => `http://localhost:${server.flags.at(-1)}/metrics` });

scene("administrators", "admin.lua", ["--admin", JSON.stringify({ auth: { type: "basic", username: "admin", password: bcrypt.hashSync("pw", 5) } })], [
  ...of("atrium_admin_logins_total", "result", "ok", "refused"), ...of("atrium_admin_commands_total", "result", "ok"),
], async ({ server, shows }) => {
  const enter = (password) => io(`${server.url}/admin`, { transports: ["websocket"], forceNew: true, auth: { username: "admin", password } });
  const wrong = enter("wrong");
  await once(wrong, "connect_error");
  const boss = enter("pw");
  await once(boss, "connect");
  boss.emit("emit", "/", null, "news", 1);
  await shows('atrium_admin_commands_total{result="ok"}', (n) => n > 0);
  for (const socket of [wrong, boss]) socket.disconnect();
});

{
  const folder = mkdtempSync(join(tmpdir(), "atrium-metrics-"));
  after(() => rmSync(folder, { recursive: true }));
  const openssl = (...args) => execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key", "-out", "cert", "-days", "2", "-subj", "/CN=localhost");
  const port = String(await freePort());
  scene("TLS", "tls.lua", ["--tls-cert", join(folder, "cert"), "--tls-key", join(folder, "key"), "--tls-reload-interval", "0", "--tls-handshake-timeout", "300", "--metrics-port", port], [
    "atrium_tls_connections", "atrium_tls_handshakes_total", "atrium_tls_resumed_total", ...of("atrium_tls_errors_total", "reason", "handshake", "timeout", "plain_http"),
    ...of("atrium_tls_reloads_total", "result", "ok", "failed"),
  ], async ({ server, shows }) => {
    const hello = (options) => new Promise((done) => {
      const socket = tls({ port: server.port, host: "localhost", rejectUnauthorized: false, ...options }, () => socket.write("GET /who HTTP/1.1\r\nHost: x\r\n\r\n"));
      socket.once("session", (session) => (socket.ticket = session));
      socket.once("data", () => done(socket));
    });
    const first = await hello();
    await shows("atrium_tls_connections", 1);
    await until(() => first.ticket, "a session");
    (await hello({ session: first.ticket })).destroy();
    first.destroy();
    for (const text of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05nonsense and more of it", ""]) (await Wire.to(server.port)).write(text);
    await shows('atrium_tls_errors_total{reason="timeout"}', (n) => n > 0);
    process.kill(server.pid, "SIGHUP");
    await shows('atrium_tls_reloads_total{result="ok"}', 1);
    writeFileSync(join(folder, "cert"), "no certificate");
    process.kill(server.pid, "SIGHUP");
    await shows('atrium_tls_reloads_total{result="failed"}', 1);
    assert.equal(value(await scrape(`http://localhost:${port}/metrics`), "atrium_tls_resumed_total"), 1);
  }, { url: () => `http://localhost:${port}/metrics` });
}

async function freePort() {
  const probe = createServer().listen(0);
  await once(probe, "listening");
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

describe("all of them", () => {
  const page = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ([^|]*) \| (.*) \|$/gmu)];

  test("moved in some scene, or for a reason not", () => {
    assert.deepEqual([...seen].filter((name) => !moved.has(name) && !STILL.has(name)), []);
    assert.deepEqual([...STILL.keys()].filter((name) => moved.has(name)), []);
  });

  test("stand in docs/metrics.md with type and labels, and nothing else does", async () => {
    const documented = new Map(rows.map(([, name, type, labels]) => [name, `${type} ${labels.replaceAll("`", "").trim()}`]));
    assert.equal(documented.size, rows.length, "a row stands twice");
    const server = await serve("admin.lua", { flags: ["--admin", '{"auth":false}'] });
    const there = await scrape(`${server.url}/metrics`);
    const optional = ["process_open_fds"];
    for (const [name, family] of there) {
      const labels = new Map();
      for (const [label, one] of family.samples.flatMap((s) => [...s.labels]))
        if (label !== "le") labels.set(label, (labels.get(label) ?? new Set()).add(label === "version" ? "" : one));
      const text = [...labels].map(([label, all]) => `${label} ${[...all].join(", ")}`.trim()).join("; ");
      assert.equal(documented.get(name), `${family.type} ${text}`, name);
    }
    assert.deepEqual([...documented.keys()].filter((name) => !there.has(name) && !optional.includes(name)), []);
  });
});

describe("the page", () => {
  test("another path, and none", async () => {
    const s = await serve("socketio.lua", { flags: ["--metrics", "/private/figures"] });
    assert.equal((await fetch(`${s.url}/metrics`)).status, 404);
    assert.ok((await scrape(`${s.url}/private/figures`)).size > 50);
    const none = await serve("socketio.lua", { flags: ["--metrics", ""] });
    assert.equal((await fetch(`${none.url}/metrics`)).status, 404);
  });

  test("a port of its own serves nothing else, and the main port no metrics", async () => {
    const free = await freePort();
    const s = await serve("socketio.lua", { flags: ["--metrics-port", String(free)] });
    assert.equal((await fetch(`${s.url}/metrics`)).status, 404);
    assert.ok((await scrape(`http://localhost:${free}/metrics`)).size > 50);
    assert.equal((await fetch(`http://localhost:${free}/healthz`)).status, 404);
  });

  test("the reader is strict", () => {
    const good = "# HELP a_total Help\n# TYPE a_total counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n";
    assert.equal(parse(good).get("a_total").samples.length, 2);
    const histogram = (...counts) => `# HELP h Help\n# TYPE h histogram\n${counts.map((n, i) => `h_bucket{le="${i === counts.length - 1 ? "+Inf" : i}"} ${n}\n`).join("")}h_sum 1\nh_count ${counts.at(-1)}\n`;
    assert.equal(parse(histogram(1, 1, 2)).size, 1);
    const bad = [
      good + good, good.slice(0, -1), good.replace("# HELP a_total Help\n", ""), good.replace("# TYPE a_total counter\n", ""), good.replace('"2"', '"1"'), good.replace('x="2"', 'y="2"'),
      good.replace("} 2", "} two"), good.replace('"2"}', '"2",}'), good.replaceAll("a_total", "a"), good + "b 1\n", good.replace("Help", "a \\x escape"), histogram(2, 1, 2),
      histogram(1, 1, 2).replace("h_count 2", "h_count 3"), histogram(1, 1, 2).replace("+Inf", "9"), good.replace("} 2", "} NaN"),
    ];
    bad.forEach((text, i) => assert.throws(() => parse(text), `${i}: ${text}`));
  });
});
