/* Starts the chat on a free port with a database of its own, and stops it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = resolve(fileURLToPath(import.meta.url), "../../../..");
const binary = resolve(root, process.env.ATRIUM_BIN ?? "build/atrium");
const script = join(root, "examples/chat/chat.lua");
const START_MS = 20_000;

export class Server {
  #child = null;
  #folder = null;
  stderr = "";
  port = 0;

  get url() {
    return `http://localhost:${this.port}`;
  }

  get database() {
    return join(this.#folder, "chat.db");
  }

  /* A second start takes the same port and database: a server that was restarted. */
  async start() {
    this.#folder ??= await mkdtemp(join(tmpdir(), "atrium-chat-"));
    const child = spawn(binary, ["run", script, "--port", String(this.port)], {
      cwd: this.#folder,
      env: { ...process.env, CHAT_DB: this.database },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stderr.on("data", (text) => (this.stderr += text));
    this.port = await new Promise((found, failed) => {
      const timer = setTimeout(() => failed(new Error(`no URL within ${START_MS} ms\n${this.stderr}`)), START_MS);
      createInterface(child.stdout).on("line", (line) => {
        const match = line.match(/http:\/\/localhost:(\d+)/u);
        if (match) {
          clearTimeout(timer);
          found(Number(match[1]));
        }
      });
      child.once("error", failed);
      child.once("exit", (code) => failed(new Error(`ended with ${code} before it listened\n${this.stderr}`)));
    });
    return this;
  }

  /* Ends it at once, as a crash would, or in good order. */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("close", done));
    child.kill(signal);
    const code = await ended;
    if (signal === "SIGTERM") assert.equal(code, 0, `the server ended with ${code}\n${this.stderr}`);
  }

  /* Also fails for what went wrong inside: errors of handlers, findings of sanitizers. */
  async close() {
    await this.stop();
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
    assert.doesNotMatch(this.stderr, /traceback|Sanitizer|runtime error/u);
  }
}

export async function startServer() {
  return new Server().start();
}
