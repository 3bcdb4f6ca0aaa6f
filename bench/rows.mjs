// What is measured, who takes part, and what is wanted of the ratios. A row is one load; each of its measures
// becomes a line of the table.
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = path.join(here, "node_modules");
const bun = path.join(modules, "@oven/bun-linux-x64/bin/bun");
const peer = (file) => path.join(here, "peers", file);
const script = (build, file) => [path.join(build, "atrium"), "run", path.join(here, "apps", file), "--port", "0", "--host", "127.0.0.1", "--log-level", "warn"];

// How each contestant is started; `mode` is the row's. Keys are the columns of the tables.
const raw = {
  C: (build, mode) => [path.join(build, "bench/bench-raw"), ...mode],
  Lua: (build) => script(build, "raw.lua"),
  floor: (build) => [path.join(build, "bench/floor")],
  "Bun.serve": (build, mode) => [bun, peer("bun-ws.mjs"), ...mode],
  ws: () => [process.execPath, peer("ws.mjs")],
};
const socketio = {
  C: (build) => [path.join(build, "bench/bench-socketio")],
  Lua: (build) => script(build, "bench.lua"),
  Node: () => [process.execPath, peer("socketio.mjs")],
  "bun-engine": () => [bun, peer("bun-socketio.mjs")],
};

// The same server twice: what its clients feel when some of them do not read, and when all do.
const dropping = (build) => [...script(build, "bench.lua"), "--overflow", "dropOldest", "--max-buffered-bytes", String(1 << 18)];
const stalled = { "all read": dropping, "1 % stalled": dropping };

// An application of several workers, as people start it: the supervisor and its workers, all counted.
// Each worker says where it listens; a supervisor that is killed leaves its workers alive, so it is asked to go.
const workers = (count) => Object.assign(
  (build) => [path.join(build, "atrium"), "start", path.join(here, "apps/bench.lua"), "--no-daemon", "-i", String(count), "--port", "0", "--", "--host", "127.0.0.1"],
  { lines: count, signal: "SIGTERM" });
const cluster = { "1 worker": workers(1), "2 workers": workers(2), "Node, 2 workers": () => [process.execPath, peer("cluster.mjs"), "2"] };

// A ratio is ours to theirs, the larger the better; `wanted` are [ours, theirs, at least]. With most, what
// counts is our figure: [ours, at most].
const rate = { of: (r) => r.server.messagesPerCpuSecond, unit: "per CPU-second", ratio: (ours, theirs) => ours / theirs };
const bytes = { of: (r) => r.server.privateBytesPerConnection, unit: "bytes per connection", ratio: (ours, theirs) => theirs / ours };
const p99 = { of: (r) => r.latencyUs.p99, unit: "p99 in us", ratio: (ours, theirs) => theirs / ours };
const share = { of: (r) => (100 * r.server.cpuSeconds) / r.seconds, unit: "% of a core", ratio: (ours, theirs) => theirs / ours, digits: 2 };

const rows = [
  { id: "raw-echo", name: "raw WebSocket echo, 64 connections, 20 bytes", family: raw,
    args: ["echo", "--connections", "64", "--size", "20"],
    measures: [{ ...rate, wanted: [["C", "floor", 0.93], ["C", "Bun.serve"], ["C", "ws"], ["Lua", "ws"]] }] },
  ...[1, 16].map((flight) => (
    { id: `publish-${flight}`, name: `publish to 1,000 raw subscribers, ${flight} in flight`, family: raw, mode: ["publish"], without: ["Lua"],
      args: ["broadcast", "--connections", "1000", "--size", "20", "--in-flight", String(flight)],
      measures: [{ ...rate, wanted: [["C", "floor", 0.9], ["C", "Bun.serve"], ["C", "ws"]] }] })),
  ...[30, 50, 100].map((clients) => (
    { id: `all-${clients}`, name: `all to all, ${clients} raw clients`, family: raw, mode: ["publish"], without: ["Lua", "ws"],
      args: ["all", "--connections", String(clients), "--size", "20"],
      measures: [{ ...rate, wanted: [["C", "floor"], ["C", "Bun.serve"]] }] })),
  { id: "echo", name: "Socket.IO echo, 32 bytes, 100 connections", family: socketio,
    args: ["echo", "--connections", "100", "--size", "32"],
    measures: [{ ...rate, wanted: [["C", "Node", 6], ["C", "bun-engine", 2.5], ["Lua", "Node", 5], ["Lua", "bun-engine", 2]] }] },
  ...[[1, 3], [16, 25]].map(([flight, times]) => (
    { id: `broadcast-${flight}`, name: `Socket.IO broadcast, 100 bytes to 1,000, ${flight} in flight`, family: socketio,
      args: ["broadcast", "--connections", "1000", "--size", "100", "--in-flight", String(flight)],
      measures: [{ ...rate, wanted: [["C", "Node", times], ["Lua", "Node", times], ["Lua", "bun-engine"]] }] })),
  { id: "connect", name: "Socket.IO connections opened and closed, 50 at a time", family: socketio,
    args: ["connect", "--connections", "50"],
    measures: [{ ...rate, wanted: [["C", "Node"], ["Lua", "Node"], ["Lua", "bun-engine"]] }] },
  // Ten that do not read may hold 256 KiB each: 2,621 bytes per connection, beside what a connection costs.
  { id: "stalled", name: "Socket.IO broadcast, 1,000 bytes to 1,000, dropOldest at 256 KiB", family: stalled, fresh: true, most: 7, warmup: 8000, duration: 4000,
    args: ["broadcast", "--connections", "1000", "--size", "1000", "--in-flight", "4"], more: { "1 % stalled": ["--stalled", "1"] },
    measures: [
      { ...p99, wanted: [["1 % stalled", "all read", 0.9]] },
      { ...bytes, what: "memory of it", most: [["1 % stalled", 2621 + 1600]], wanted: [] }] },
  // What it costs that half of the recipients are another worker's. A ratio of 0.87 is 1.15 times the CPU per delivery.
  ...[1, 16].map((flight) => (
    { id: `cluster-broadcast-${flight}`, name: `Socket.IO broadcast of several workers, 100 bytes to 1,000, ${flight} in flight`, family: cluster, without: ["Node, 2 workers"],
      args: ["broadcast", "--connections", "1000", "--size", "100", "--in-flight", String(flight)],
      measures: [{ ...rate, wanted: [["2 workers", "1 worker", 0.87]] }] })),
  // Few recipients: what counts is the way between the workers.
  ...[["one", "broadcast"], ["all", "all"]].map(([who, scenario]) => (
    { id: `cluster-cross-${who}`, name: `messages across two workers, 100 bytes, 10 clients, ${who === "one" ? "one says" : "all say"}`, family: cluster, without: ["1 worker"],
      args: [scenario, "--connections", "10", "--size", "100", "--in-flight", "16"],
      measures: [{ ...rate, wanted: [["2 workers", "Node, 2 workers", 5]] }] })),
  // Each run of the following has a fresh server: what is left of earlier connections would count.
  { id: "idle-raw", name: "idle raw WebSocket, 15,000", family: raw, without: ["Lua", "floor"], fresh: true,
    args: ["idle", "--connections", "15000"],
    measures: [{ ...bytes, most: [["C", 300]], wanted: [["C", "Bun.serve"], ["C", "ws"]] }] },
  { id: "idle-tls", name: "idle raw WebSocket under TLS, 15,000", family: raw, without: ["Lua", "floor"], fresh: true, tls: true,
    args: ["idle", "--connections", "15000"],
    measures: [{ ...bytes, wanted: [["C", "Bun.serve"], ["C", "ws"]] }] },
  { id: "idle", name: "idle Socket.IO, five handlers, 15,000", family: socketio, fresh: true, heartbeat: true,
    args: ["idle", "--connections", "15000"],
    measures: [
      { ...bytes, most: [["C", 900], ["Lua", 1600]], wanted: [["C", "Node"], ["Lua", "Node"], ["Lua", "bun-engine"]] },
      { ...share, what: "heartbeats of 15,000", most: [["C", 1], ["Lua", 1]], wanted: [["Lua", "Node"]] }] },
];

// The rows whose id or name holds one of the words; all of them without words.
export function choose(words) {
  const some = words.length ? rows.filter((row) => words.some((word) => row.id === word || row.name.includes(word))) : rows;
  return some.map((row) => ({ ...row, contestants: Object.keys(row.family).filter((name) => !row.without?.includes(name)) }));
}

export const command = (row, name, build) => row.family[name](build, row.mode ?? []);
// How many lines say that it is there, and what ends it.
export const manners = (row, name) => ({ lines: 1, signal: "SIGKILL", ...row.family[name] });
export const protocol = (row) => (row.family === raw ? "ws" : "socketio");
