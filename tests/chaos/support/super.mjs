// A supervisor of its own: ATRIUM_HOME in a temporary folder, the program run as people run it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export const bin = path.resolve(process.env.ATRIUM_BIN ?? "build/atrium");
export const nodeBin = process.execPath;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Waits until fn() gives something, or fails; what is said by `what` when it never does.
export async function until(what, fn, ms = 60000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await fn();
    if (got) return got;
    assert.ok(Date.now() < end, `in ${ms} ms not: ${typeof what === "function" ? what() : what}`);
    await sleep(50);
  }
}

export function alive(pid) {
  try {
    // A zombie answers to kill(pid, 0), too.
    return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

export class Super {
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-super-"));
    this.home = path.join(this.folder, "home");
    this.pids = new Set(); // whatever was ever seen
    const clean = Object.entries(process.env).filter(([k]) => !/^(ATRIUM_|PM2_|PORT$|NODE_)/.test(k));
    this.env = { ...Object.fromEntries(clean), ATRIUM_HOME: this.home, PATH: `${path.dirname(nodeBin)}:${process.env.PATH}` };
  }

  write(name, text) {
    const file = path.join(this.folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, typeof text === "string" ? text : JSON.stringify(text));
    return file;
  }

  read(name) {
    try {
      return fs.readFileSync(path.join(this.folder, name), "utf8");
    } catch {
      return "";
    }
  }

  // Runs a command to its end; {status, stdout, stderr}.
  run(args, env = {}) {
    const done = spawnSync(bin, args, { cwd: this.folder, env: { ...this.env, ...env }, encoding: "utf8", timeout: 120000 });
    if (args[0] !== "kill") this.note();
    return done;
  }

  // The same without holding up the event loop, on which clients live. options: env, program: another than bin.
  start(args, options = {}) {
    const child = spawn(options.program ?? bin, args, { cwd: this.folder, env: { ...this.env, ...options.env }, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "", stderr = "";
    child.stdout.on("data", (d) => (stdout += d));
    child.stderr.on("data", (d) => (stderr += d));
    child.done = new Promise((end) => child.on("close", (status, signal) => end({ status, signal, stdout, stderr })));
    child.text = () => stdout + stderr;
    return child;
  }

  async ok(args, env = {}) {
    const done = await this.start(args, { env }).done;
    this.note();
    assert.equal(done.status, 0, `atrium ${args.join(" ")}: ${done.stderr}\n${this.read("home/super.log")}`);
    return done.stdout;
  }

  async fails(args, says, env = {}) {
    const done = await this.start(args, { env }).done;
    this.note();
    assert.notEqual(done.status, 0, done.stdout);
    assert.match(done.stderr, says);
    return done;
  }

  async list() {
    const list = JSON.parse(await this.start(["jlist"]).done.then((d) => d.stdout || "[]"));
    for (const i of list) if (i.pid) this.pids.add(i.pid);
    return list;
  }

  // One application's instances, by number.
  async of(name) {
    return (await this.list()).filter((i) => i.name === name).sort((a, b) => a.atrium.instance - b.atrium.instance);
  }

  async online(name, count) {
    let seen;
    return until(() => `${count} of ${name} online: ${JSON.stringify(seen?.map((i) => i.pm2_env.status))}\n${this.read("home/super.log")}`, async () => {
      seen = await this.of(name);
      return seen.length === count && seen.every((i) => i.pm2_env.status === "online") && seen;
    });
  }

  state() {
    try {
      return JSON.parse(this.read("home/run/state.json"));
    } catch {
      return { services: [] };
    }
  }

  // Remembers every process that the supervisor knows of.
  note() {
    const state = this.state();
    for (const s of state.services) {
      for (const p of [...s.leaving, ...s.instances.flatMap((i) => [i.now, i.next])]) if (p?.pid) this.pids.add(p.pid);
    }
    if (state.logs?.pid) this.pids.add(state.logs.pid);
    const pid = this.superPid();
    if (pid) this.pids.add(pid);
  }

  superPid() {
    return Number(this.read("home/super.pid").trim()) || 0;
  }

  log(name) {
    return this.read(`home/logs/${name}`);
  }

  // Ends everything, and fails when something is left.
  async close() {
    this.note();
    const done = await this.start(["kill"]).done;
    const left = () => [...this.pids].filter(alive);
    const end = Date.now() + 30000;
    while (left().length && Date.now() < end) await sleep(50);
    const names = left().map((pid) => `${pid} ${fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")}`);
    for (const pid of left()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {}
    }
    const log = this.read("home/super.log");
    const logs = path.join(this.home, "logs");
    const errors = fs.existsSync(logs) ? fs.readdirSync(logs).filter((f) => /error/.test(f)).map((f) => fs.readFileSync(path.join(logs, f), "utf8")).join("") : "";
    fs.rmSync(this.folder, { recursive: true, force: true });
    assert.deepEqual(names, [], `left behind (kill: ${done.status} ${done.stderr})\n${log}`);
    assert.doesNotMatch(log + errors + done.stderr, /Sanitizer|runtime error:/);
  }
}

// Runs a test with a supervisor of its own, and leaves nothing behind.
export function withSuper(fn) {
  return async (t) => {
    const s = new Super();
    let failure;
    try {
      await fn(s, t);
    } catch (e) {
      failure = e;
      e.message += `\n--- super.log\n${s.read("home/super.log")}`;
    }
    try {
      await s.close();
    } catch (e) {
      failure ??= e;
    }
    if (failure) throw failure;
  };
}

// A chat that answers, and can be told to do what goes wrong in real programs.
export const app = `
local atrium = require "atrium"
local io = atrium.io
local me = os.getenv("NODE_APP_INSTANCE")
local hoard = {}
print("instance " .. tostring(me) .. " port " .. tostring(os.getenv("PORT")))
io:on("connection", function(socket)
  socket:on("who", function(ack) ack(me) end)
  socket:on("hang", function() while true do end end)
  socket:on("exit", function(code) os.exit(code) end)
  socket:on("grow", function() hoard[#hoard + 1] = ("x"):rep(64 * 1024 * 1024) .. #hoard end)
  socket:on("print", function(text) print(text) end)
end)
`;

// Connects to a port; closed by t.after.
export async function connect(t, url, options = {}) {
  const { io } = await import("socket.io-client");
  const socket = io(url, { transports: ["websocket"], forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500, ...options });
  t.after(() => socket.close());
  await new Promise((done, fail) => {
    socket.once("connect", done);
    if (options.reconnection === false) socket.once("connect_error", fail);
  });
  return socket;
}

// The port that instances of an application say they listen on.
export async function portOf(s, name, instance = 0, file = `${name}-out-${instance}.log`) {
  const found = await until(() => `the port in ${file}: ${s.log(file)}`, () => s.log(file).match(/listening on http:\/\/localhost:(\d+)/g));
  return Number(found.at(-1).match(/(\d+)$/)[1]);
}
