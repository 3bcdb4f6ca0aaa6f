/* Starts the program with one of tests/interop/apps, and stops it.
 *
 * A server that a test did not stop must live until the end, must end with status 0, and must have said
 * nothing that a sanitizer says; a script's errors count as failures unless the test expects them.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after } from "node:test";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = resolve(fileURLToPath(import.meta.url), "../../../..");
const binary = resolve(root, process.env.ATRIUM_BIN ?? "build/atrium");
const START_MS = 30_000;
const STOP_MS = 30_000;
const SANITIZER = /ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|assertion failed/iu;

export const apps = join(root, "tests/interop/apps");

export class Server {
  stdout = "";
  stderr = "";
  port = 0;
  scheme = "http";
  #child = null;
  #expectErrors;
  #died = null;

  /* An app of this folder, or a file's whole path. */
  constructor(app, { flags = [], env = {}, cwd, expectErrors = false } = {}) {
    this.script = resolve(apps, app);
    this.cwd = cwd;
    this.flags = flags;
    this.env = env;
    this.#expectErrors = expectErrors;
  }

  get url() {
    return `${this.scheme}://localhost:${this.port}`;
  }

  get ws() {
    return `${this.scheme.replace("http", "ws")}://localhost:${this.port}`;
  }

  get pid() {
    return this.#child.pid;
  }

  /* A second start takes the same port: a server that was restarted. */
  async start() {
    const child = spawn(binary, ["run", this.script, "--port", String(this.port), ...this.flags], {
      cwd: this.cwd,
      env: { ...process.env, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#died = null;
    child.stdout.on("data", (text) => (this.stdout += text));
    child.stderr.on("data", (text) => (this.stderr += text));
    child.once("exit", (code, signal) => (this.#died = signal ?? code));
    this.port = await new Promise((found, failed) => {
      const timer = setTimeout(() => failed(new Error(`no URL within ${START_MS} ms\n${this.stderr}`)), START_MS);
      createInterface(child.stdout).on("line", (line) => {
        const match = line.match(/(https?):\/\/localhost:(\d+)/u);
        if (!match) return;
        clearTimeout(timer);
        this.scheme = match[1];
        found(Number(match[2]));
      });
      child.once("error", failed);
      child.once("close", (code) => failed(new Error(`ended with ${code} before it listened\n${this.stderr}`)));
    });
    return this;
  }

  /* Ends it in good order and checks what it leaves behind; a kill ends it as a crash would. */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (!child) return;
    this.#child = null;
    const died = this.#died;
    if (died === null) {
      const ended = new Promise((done) => child.once("close", done));
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      child.kill(signal);
      await ended;
      clearTimeout(late);
    }
    assert.equal(died, null, `the server died (${died})\n${this.stderr}`);
    if (signal === "SIGTERM") assert.equal(this.#died, 0, `the server ended with ${this.#died}\n${this.stderr}`);
    this.check();
  }

  /* Fails when the server is gone or has complained. */
  check() {
    if (this.#child) assert.equal(this.#died, null, `the server died (${this.#died})\n${this.stderr}`);
    assert.doesNotMatch(this.stderr, SANITIZER);
    if (!this.#expectErrors) assert.doesNotMatch(this.stderr, /traceback/iu);
  }

  /* Resolves once stderr matches. */
  async said(pattern, ms = 10_000) {
    const end = Date.now() + ms;
    while (!pattern.test(this.stderr)) {
      assert.ok(Date.now() < end, `stderr does not say ${pattern}:\n${this.stderr}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}

/* Serves an app until the end of the file's (or suite's) tests. */
export async function serve(app, options) {
  const server = new Server(app, options);
  after(() => server.stop());
  return server.start();
}
