// What clients feel of a reload, and what moving their connections costs: many connections with some traffic each, two
// workers, reloads one after the other, and the program replaced by another copy of itself. Usage:
//   handover.mjs BUILD [--connections N (10000)] [--reloads N (20)] [--protocol P (socketio)] [--json FILE]
// Both cores are used: this is about pauses, not about the rate.
import { execFile, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const THINK_MS = 1000, PAUSE_MS = 1500, TICKS = 100;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const option = (name, otherwise) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : otherwise);

// Times of a process in seconds: its own, and those of children that it has waited for.
function times(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ").map(Number);
  return { own: (fields[11] + fields[12]) / TICKS, children: (fields[13] + fields[14]) / TICKS };
}

class Site {
  constructor(build) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-handover-"));
    this.program = path.join(path.resolve(build), "atrium");
    this.env = { ...process.env, ATRIUM_HOME: path.join(this.folder, "home") };
    fs.copyFileSync(path.join(import.meta.dirname, "apps", "bench.lua"), path.join(this.folder, "bench.lua"));
    process.once("exit", () => this.close());
  }

  run(...args) {
    return new Promise((done, fail) =>
      execFile(this.program, args, { cwd: this.folder, env: this.env, timeout: 120000 }, (error, stdout, stderr) => (error ? fail(new Error(stderr || error.message)) : done(stdout))));
  }

  async pids() {
    return JSON.parse(await this.run("jlist")).map((i) => i.pid);
  }

  async start() {
    await this.run("start", "bench.lua", "-i", "2", "--port", "0", "--listen-timeout", "60000", "--merge-logs");
    const log = path.join(this.folder, "home/logs/bench-out.log");
    for (;;) {
      const found = fs.existsSync(log) && /http:\/\/[^\s:]+:(\d+)/.exec(fs.readFileSync(log, "utf8"));
      if (found) return (this.url = `ws://127.0.0.1:${found[1]}`);
      await sleep(50);
    }
  }

  // Returns once those that were there before have ended.
  async replaced(by) {
    const before = await this.pids();
    await by();
    while (before.some((pid) => fs.existsSync(`/proc/${pid}`))) await sleep(20);
  }

  // CPU seconds of all workers that there are or were, as the supervisor knows them.
  async cpu() {
    const supervisor = Number((await this.run("pid")).trim()), pids = await this.pids();
    return times(supervisor).children + pids.reduce((sum, pid) => sum + times(pid).own, 0);
  }

  // The generator, in the background: its report comes at the end.
  load(scenario, connections, ms, more = []) {
    const args = ["bench", scenario, this.url, "--connections", String(connections), "--warmup", "2000", "--duration", String(ms), "--json", ...more];
    const child = spawn(this.program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let out = "", err = "";
    child.stdout.on("data", (d) => (out += d));
    child.stderr.on("data", (d) => (err += d));
    const done = new Promise((end, fail) => child.on("close", () => (out ? end(JSON.parse(out)) : fail(new Error(err)))));
    return { child, done };
  }

  // How many connections the workers have.
  async connections() {
    return JSON.parse(await this.run("jlist")).reduce((sum, i) => sum + (i.atrium?.connections ?? 0), 0);
  }

  close() {
    try {
      execFileSync(this.program, ["kill"], { env: this.env, stdio: "ignore" });
    } catch {}
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

// CPU of both workers for each connection that moved: a reload with them, less one without.
async function cost(site, count, protocol) {
  const reload = async () => {
    const before = await site.cpu();
    await site.replaced(() => site.run("reload", "bench"));
    await sleep(200);
    return (await site.cpu()) - before;
  };
  const none = await reload();
  const { child, done } = site.load("idle", count, 3600000, ["--protocol", protocol]);
  done.catch(() => {});
  while ((await site.connections()) < count) await sleep(200);
  await sleep(1000);
  const all = [];
  for (let i = 0; i < 3; i++) all.push(await reload());
  child.kill("SIGKILL");
  return { none, all, microseconds: ((all.sort((a, b) => a - b)[1] - none) / count) * 1e6 };
}

async function pauses(site, count, protocol, reloads) {
  const other = path.join(site.folder, "atrium");
  const { done } = site.load("echo", count, (reloads + 1) * 3500 + 5000, ["--protocol", protocol, "--think", String(THINK_MS)]);
  fs.copyFileSync(site.program, other);
  fs.chmodSync(other, 0o755);
  while ((await site.connections()) < count) await sleep(200);
  await sleep(3000);
  const calm = Date.now();
  for (let i = 0; i < reloads; i++) {
    await site.replaced(() => site.run("reload", "bench"));
    await sleep(PAUSE_MS);
    process.stderr.write(`reload ${i + 1}/${reloads}, ${Date.now() - calm} ms\n`);
  }
  site.program = other;
  await site.replaced(() => site.run("update"));
  return done;
}

export async function handover({ build, connections = 10000, reloads = 20, protocol = "socketio" }) {
  const site = new Site(build);
  await site.start();
  const moved = await cost(site, connections, protocol);
  await sleep(1000);
  const felt = await pauses(site, connections, protocol, reloads);
  site.close();
  return { connections, reloads, protocol, moved, felt };
}

export function printHandover({ connections, reloads, protocol, moved, felt }) {
  const ms = (us) => (us / 1000).toFixed(1), { p50, p99, max } = felt.latencyUs;
  return [
    `| ${connections.toLocaleString("en-US")} ${protocol} connections, a message each second, ${reloads} reloads and an update | | wanted | |`,
    "| --- | --- | --- | --- |",
    `| connections lost, or without an answer | ${felt.errors + felt.stuck}${felt.error ? `: ${felt.error}` : ""} | 0 | ${felt.errors + felt.stuck ? "no" : "yes"} |`,
    `| messages answered | ${felt.messages.toLocaleString("en-US")} | | |`,
    `| time to the answer, p50 / p99 / longest (ms) | ${ms(p50)} / ${ms(p99)} / ${ms(max)} | p99 100, longest 500 | ${p99 <= 1e5 && max <= 5e5 ? "yes" : "no"} |`,
    `| CPU for each connection that moved, both workers (us) | ${moved.microseconds.toFixed(1)} | 60 | ${moved.microseconds <= 60 ? "yes" : "no"} |`,
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) {
  const result = await handover({
    build: process.argv[2] ?? "build",
    connections: Number(option("connections", 10000)),
    reloads: Number(option("reloads", 20)),
    protocol: option("protocol", "socketio"),
  });
  if (option("json")) fs.writeFileSync(option("json"), `${JSON.stringify(result)}\n`);
  console.log(printHandover(result));
  process.exitCode = result.felt.error ? 1 : 0;
}
