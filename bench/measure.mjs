// Starts servers and runs the load generator against them, all on one CPU: where they run decides a factor of two.
import { spawn, execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { command, manners, protocol } from "./rows.mjs";

const RUN_MS_MAX = 240000, NEW_WARMUP_MS = 3000;

// A certificate for the rows under TLS, in a temporary folder; removed when the process ends.
function certificate() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-bench-"));
  const [cert, key] = ["cert.pem", "key.pem"].map((file) => path.join(folder, file));
  process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
    "-days", "2", "-subj", "/CN=localhost"], { stdio: "ignore" });
  return { TLS_CERT: cert, TLS_KEY: key };
}

export class Bench {
  #servers = new Map(); // by contestant: { child, address, signal }
  #homes = []; // of supervisors
  #tls = null;

  constructor({ build, cpu, warmup, duration, pingInterval }) {
    Object.assign(this, { build, cpu, warmup, duration, pingInterval });
    process.once("exit", () => {
      this.#servers.forEach(({ child, signal }) => child.kill(signal));
      for (const home of this.#homes) fs.rmSync(home, { recursive: true, force: true });
    });
  }

  #environment(row) {
    if (row.tls) this.#tls ??= certificate();
    const interval = String(this.pingInterval);
    this.#homes.push(fs.mkdtempSync(path.join(os.tmpdir(), "atrium-bench-home-")));
    return { ...process.env, PING_INTERVAL: interval, ATRIUM_PING_INTERVAL: interval, ATRIUM_HOME: this.#homes.at(-1), ...(row.tls ? this.#tls : {}) };
  }

  // taskset becomes the server, so its pid is the server's.
  #start(row, name) {
    const { lines, signal } = manners(row, name);
    const child = spawn("taskset", ["-c", this.cpu, ...command(row, name, this.build)], { stdio: ["ignore", "pipe", "inherit"], env: this.#environment(row) });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => {
        this.#servers.delete(name);
        reject(new Error(`${name} ended with ${code}`));
      });
      let said = "";
      child.stdout.on("data", (text) => {
        const found = [...(said += text).matchAll(/http:\/\/([^\s:]+:\d+)\s/g)];
        if (found.length >= lines) resolve({ child, address: found[0][1], signal });
      });
    });
  }

  async #stop(name) {
    const { child, signal } = this.#servers.get(name);
    this.#servers.delete(name);
    child.removeAllListeners("exit");
    const gone = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await gone;
  }

  async stopAll() {
    for (const name of [...this.#servers.keys()]) await this.#stop(name);
  }

  // What the load generator reports of one run. A server is kept for the next run, unless the row wants fresh ones.
  async run(row, name) {
    const isNew = !this.#servers.has(name);
    if (isNew) this.#servers.set(name, await this.#start(row, name));
    const { child, address } = this.#servers.get(name);
    // A new server's code is not compiled yet: what is measured is a server that has been running.
    const warmup = row.warmup ?? (isNew && !row.fresh ? Math.max(this.warmup, NEW_WARMUP_MS) : this.warmup);
    const duration = row.duration ?? (row.heartbeat ? this.pingInterval : row.fresh ? 500 : this.duration);
    const args = ["-c", this.cpu, path.join(this.build, "atrium"), "bench", ...row.args, ...(row.more?.[name] ?? []), `${row.tls ? "wss" : "ws"}://${address}`,
      "--protocol", protocol(row), "--pid", String(child.pid), "--warmup", String(warmup), "--duration", String(duration), "--json"];
    try {
      return await new Promise((resolve, reject) =>
        execFile("taskset", args, { timeout: RUN_MS_MAX }, (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve(JSON.parse(stdout)))));
    } catch (error) {
      if (this.#servers.has(name) && !row.fresh) await this.#stop(name);
      throw error;
    } finally {
      if (row.fresh && this.#servers.has(name)) await this.#stop(name);
    }
  }
}
