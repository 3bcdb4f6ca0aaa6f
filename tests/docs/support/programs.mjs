/* The programs that a case of the docs consists of: written into its folder, started, watched, ended.
 *
 * Short blocks leave out what every program begins with; the preludes here say what that is, and so do the pages.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { launch } from "../../browser/support/browser.mjs";
import { Server } from "../../interop/support/server.mjs";
import { until, within } from "../../interop/support/wait.mjs";
import { root, where } from "./blocks.mjs";

const PATIENCE_MS = 60_000;
const LUA = 'local atrium = require "atrium"; local io = atrium.io; ';
const NODE = 'import express from "express"; import { createServer } from "node:http"; import { Server } from "socket.io"; '
  + "const app = express(); const server = createServer(app); const io = new Server(server); ";
const CLIENT = 'import { io } from "socket.io-client"; const socket = io("http://localhost:3000"); ';

/* A folder in which `import "socket.io-client"` finds what the tests have. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "atrium-docs-"));
  symlinkSync(join(root, "tests/node_modules"), join(path, "node_modules"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function write(path, name, text) {
  const file = join(path, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/* Only a client that names a socket and makes none wants one. */
const prelude = (text, has, before) => (has.test(text) ? text : before + text);
const OWN_CLIENT = /const socket = |^(?![^]*\bsocket\b)/u;

/* A server for Node, with the same face as Server. */
class Peer {
  stdout = "";
  stderr = "";

  constructor(file, cwd) {
    this.file = file;
    this.cwd = cwd;
  }

  async start() {
    this.child = fork(this.file, { cwd: this.cwd, silent: true, execArgv: ["--import", join(root, "tests/docs/support/listen.mjs")] });
    this.child.stdout.on("data", (text) => (this.stdout += text));
    this.child.stderr.on("data", (text) => (this.stderr += text));
    const listening = new Promise((found, failed) => {
      this.child.once("message", ({ port }) => found(port));
      this.child.once("exit", (code) => failed(new Error(`ended with ${code}\n${this.stderr}`)));
    });
    this.port = await within(listening, "a Node server", PATIENCE_MS);
    return this;
  }

  async stop() {
    const ended = new Promise((done) => this.child.once("close", done));
    this.child.kill();
    await ended;
    assert.equal(this.stderr, "");
  }
}

export function server(block, path) {
  if (block.lang === "lua")
    return new Server(write(path, "app.lua", prelude(block.text, /require *\(?"atrium"/u, LUA)), { cwd: path });
  const listens = block.text.includes(".listen(") ? "" : "server.listen(3000);\n";
  return new Peer(write(path, "index.mjs", prelude(block.text, /from "socket\.io"/u, NODE) + listens), path);
}

/* What a server printed itself, as lines. */
export function printed({ stdout }) {
  return stdout.split("\n").filter((line) => line && !line.startsWith("Atrium "));
}

/* The beginning of what was expected, or all of it; anything else will not become right by waiting. */
function arrived(got, wanted, what) {
  assert.ok(wanted.startsWith(got), `${what} printed\n${got}\ninstead of\n${wanted}`);
  return got === wanted;
}

const COMMANDS = { js: [process.execPath, "client.mjs"], py: ["/usr/bin/python3", "client.py"], sh: ["sh", "-e", "client.sh"] };

/* Ends when it and the server have printed what was expected; by itself, when neither is to print. */
async function run_program(block, path, port, wanted, enough) {
  const complete = () => (!wanted || arrived(out, wanted, where(block))) && (!enough || enough()) && (wanted || enough);
  const text = block.lang === "js" ? prelude(block.text, OWN_CLIENT, CLIENT) : block.text;
  const [command, ...args] = COMMANDS[block.lang];
  write(path, args.at(-1), text.replaceAll("localhost:3000", `localhost:${port}`));
  const child = spawn(command, args, { cwd: path, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, PYTHONUNBUFFERED: "1" } });
  let out = "", err = "", over = null;
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  child.once("error", (error) => (over = error.message));
  child.once("close", (code) => (over ??= code));
  try {
    await until(() => over !== null || complete(), `${where(block)} to end:\n${out}${err}`, PATIENCE_MS);
    if (over !== null) {
      assert.equal(over, 0, `${where(block)} ended with ${over}\n${out}${err}`);
      assert.equal(out, wanted ?? out, where(block));
    }
  } finally {
    child.kill("SIGKILL");
  }
  return out;
}

/* A page that a test stands in for does not count as one of this machine, which may not connect to this machine. */
const STAND_IN = "--disable-features=LocalNetworkAccessChecks";

/* What a page prints in Chromium. */
async function run_page(block, url, wanted, enough = () => true) {
  const browser = await launch(STAND_IN);
  try {
    const page = await browser.newPage();
    let out = "";
    await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
    page.on("console", (message) => (out += `${message.text()}\n`));
    page.on("pageerror", (error) => (out += `${error.stack}\n`));
    if (!block.rest && !block.words.includes("elsewhere"))
      await page.route(url, (route) => route.fulfill({ contentType: "text/html", body: block.text.replaceAll("localhost:3000", new URL(url).host) }));
    await page.goto(url);
    await until(() => arrived(out, wanted, where(block)) && enough(), `the output of ${where(block)}`, PATIENCE_MS);
    return out;
  } finally {
    await browser.close();
  }
}

/* Somewhere else than the server: what a page of another origin comes from. */
export async function elsewhere() {
  const state = { page: "" };
  const http = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(state.page));
  await new Promise((done) => http.listen(0, done));
  return { port: http.address().port, show: (text) => (state.page = text), close: () => http.close() };
}

/* Runs a client block. A page is a file that the server has, or stands in for one at the server's origin, or comes from
 * elsewhere, which is localhost:8080 in the text of its case. */
export function client(block, { path, port, other, wanted, enough }) {
  if (block.lang !== "html") return run_program(block, path, port, wanted, enough);
  assert.ok(wanted, `${where(block)}: a page needs an output`);
  if (!block.words.includes("elsewhere")) return run_page(block, `http://localhost:${port}/`, wanted, enough);
  other.show(block.text.replaceAll("localhost:3000", `localhost:${port}`));
  return run_page(block, `http://localhost:${other.port}/`, wanted, enough);
}
