// Measures Atrium beside its peers: server and load generator on one CPU, closed loop, one run of each in
// turn, medians and quartiles of the pairs' ratios, per CPU-second of the server. Usage:
//   run.mjs PROGRAM [--pairs N] [--duration MS] [--only WORD] [--json FILE]
import { spawn, execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const program = path.resolve(process.argv[2] ?? "build/atrium");
const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const pairs = Number(option("pairs", 5));
const duration = option("duration", "3000");
const only = option("only", "");

// Both sides of a pair stay on this CPU: where they run decides a factor of two.
const cpu = String((await import("node:os")).cpus().length - 1);

const servers = {
  atrium: [program, "run", path.join(here, "apps/bench.lua"), "--port", "0", "--host", "127.0.0.1", "--log-level", "warn"],
  "atrium in C": [path.join(path.dirname(program), "bench/bench-raw")],
  "atrium in C, publishing": [path.join(path.dirname(program), "bench/bench-raw"), "publish"],
  "atrium in Lua": [program, "run", path.join(here, "apps/raw.lua"), "--port", "0", "--host", "127.0.0.1", "--log-level", "warn"],
  floor: [path.join(path.dirname(program), "bench/floor")],
  "socket.io on Node": [process.execPath, path.join(here, "peers/socketio.mjs")],
  "ws on Node": [process.execPath, path.join(here, "peers/ws.mjs")],
};

const rate = { of: (r) => r.server.messagesPerCpuSecond, ratio: (ours, theirs) => ours / theirs, unit: "messages per CPU-second" };
const bytes = { of: (r) => r.server.privateBytesPerConnection, ratio: (ours, theirs) => theirs / ours, unit: "private bytes per connection" };

const rows = [
  { name: "echo, Socket.IO, Lua handler, 32 B, 100 connections", peer: "socket.io on Node", measure: rate,
    args: ["echo", "--connections", "100", "--size", "32"], target: 4 },
  { name: "broadcast, Socket.IO, 100 B to 1,000, 1 in flight", peer: "socket.io on Node", measure: rate,
    args: ["broadcast", "--connections", "1000", "--size", "100"], target: 2.5 },
  { name: "broadcast, Socket.IO, 100 B to 1,000, 16 in flight", peer: "socket.io on Node", measure: rate,
    args: ["broadcast", "--connections", "1000", "--size", "100", "--in-flight", "16"], target: 15 },
  { name: "echo, bare Engine.IO in Lua against bare ws, 32 B, 100 connections", peer: "ws on Node", measure: rate,
    args: ["echo", "--connections", "100", "--size", "32"], protocols: ["engine", "ws"] },
  { name: "connect and leave, Socket.IO, 50 at a time", peer: "socket.io on Node", measure: rate,
    args: ["connect", "--connections", "50"] },
  { name: "idle, Socket.IO, five handlers, 10,000 connections", peer: "socket.io on Node", measure: bytes,
    args: ["idle", "--connections", "10000"], most: 2048 },
  ...[
    ["raw WebSocket echo, 64 connections, 20 bytes", "", ["echo", "--connections", "64", "--size", "20"], 0.93],
    ["publish to 1,000 raw subscribers, 1 in flight", ", publishing", ["broadcast", "--connections", "1000", "--size", "20"], 0.9],
    ["publish to 1,000 raw subscribers, 16 in flight", ", publishing",
      ["broadcast", "--connections", "1000", "--size", "20", "--in-flight", "16"], 0.9],
  ].flatMap(([name, mode, args, target]) => [
    { name: `${name}, C handler`, us: `atrium in C${mode}`, peer: "floor", measure: rate, args, protocols: ["ws", "ws"], target },
    { name: `${name}, C handler`, us: `atrium in C${mode}`, peer: "ws on Node", measure: rate, args, protocols: ["ws", "ws"] },
    { name: `${name}, Lua handler`, us: "atrium in Lua", peer: "ws on Node", measure: rate, args, protocols: ["ws", "ws"] },
  ]),
  { name: "idle, raw WebSocket, C handler, 15,000 connections", us: "atrium in C", peer: "ws on Node", measure: bytes,
    args: ["idle", "--connections", "15000"], protocols: ["ws", "ws"], most: 300 },
].filter((row) => row.name.includes(only));

function start(name) {
  const child = spawn("taskset", ["-c", cpu, ...servers[name]], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}`)));
    child.stdout.on("data", (text) => {
      const found = /http:\/\/[^\s:]+:(\d+)/.exec(text);
      if (found) resolve({ child, url: `ws://127.0.0.1:${found[1]}` });
    });
  });
}

async function stop(child) {
  child.removeAllListeners("exit");
  const gone = new Promise((done) => child.once("exit", done));
  child.kill("SIGKILL");
  await gone;
}

// One run against a fresh server. taskset becomes the server, so its pid is the server's.
async function measure(name, args, protocol) {
  const { child, url } = await start(name);
  try {
    const all = ["-c", cpu, program, "bench", ...args, url, "--protocol", protocol, "--pid", String(child.pid),
      "--warmup", "1500", "--duration", duration, "--json"];
    return await new Promise((resolve, reject) =>
      execFile("taskset", all, (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve(JSON.parse(stdout)))),
    );
  } finally {
    await stop(child);
  }
}

function quartiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => {
    const where = (sorted.length - 1) * share, low = Math.floor(where);
    return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (where - low);
  };
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) };
}

const plain = (n) => Math.round(n).toLocaleString("en-US");
const times = (n) => (n < 10 ? n.toFixed(2) : n.toFixed(1));

const results = [];
for (const row of rows) {
  const [ourProtocol, theirProtocol] = row.protocols ?? ["socketio", "socketio"];
  const ours = [], theirs = [], ratios = [];
  for (let i = 0; i < pairs; i++) {
    const a = row.measure.of(await measure(row.us ?? "atrium", row.args, ourProtocol));
    const b = row.measure.of(await measure(row.peer, row.args, theirProtocol));
    ours.push(a);
    theirs.push(b);
    ratios.push(row.measure.ratio(a, b));
    process.stderr.write(`${row.name}: ${plain(a)} against ${plain(b)}: ${times(ratios.at(-1))}x\n`);
  }
  results.push({ name: row.name, peer: row.peer, unit: row.measure.unit, target: row.target, most: row.most,
    ours: quartiles(ours), theirs: quartiles(theirs), ratio: quartiles(ratios), pairs });
}

console.log(`\nMedians of ${pairs} interleaved pairs, server and generator on one CPU; ratio with quartiles.\n`);
console.log("| what | Atrium | peer | ratio | wanted |");
console.log("|---|---|---|---|---|");
for (const r of results) {
  const wanted = r.target ? `${r.target}x` : r.most ? `at most ${plain(r.most)}` : "";
  console.log(`| ${r.name} (${r.unit}) | ${plain(r.ours.median)} | ${plain(r.theirs.median)} (${r.peer}) | ` +
    `${times(r.ratio.median)}x (${times(r.ratio.q1)} to ${times(r.ratio.q3)}) | ${wanted} |`);
}
if (option("json")) fs.writeFileSync(option("json"), JSON.stringify(results, null, 2) + "\n");
