// `atrium centre`: what can be wrong with its file and its places is said in one sentence, and nothing is removed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const bin = path.resolve(process.env.ATRIUM_BIN ?? "build/atrium");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-centre-"));
const home = path.join(folder, "home");
const running = new Set();
process.on("exit", () => {
  for (const pid of running) try { process.kill(pid, "SIGKILL"); } catch { /* gone */ }
  fs.rmSync(folder, { recursive: true, force: true });
});

const env = { ...process.env, ATRIUM_HOME: home };
const at = (name) => path.join(folder, name);
const places = (name) => ["--path", at(`${name}.db`), "--listen", at(`${name}.sock`)];

function run(...args) {
  return spawnSync(bin, ["centre", ...args], { env, encoding: "utf8", timeout: 60000 });
}

function fails(args, says, status = 1) {
  const done = run(...args);
  assert.equal(done.status, status, done.stderr);
  assert.match(done.stderr, says);
  if (status !== 2) assert.equal(done.stderr.trim().split("\n").length, 1, done.stderr);
  assert.equal(done.stdout, "");
}

// A centre that listens. stop() ends it in good order.
async function start(...args) {
  const child = spawn(bin, ["centre", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child.pid);
  let said = "", complained = "";
  child.stderr.on("data", (data) => { complained += data; });
  const ended = new Promise((done) => child.once("exit", (code, signal) => {
    running.delete(child.pid);
    done({ code, signal, complained });
  }));
  await Promise.race([ended, new Promise((done) => child.stdout.on("data", (data) => {
    said += data;
    if (said.includes("listening")) done();
  }))]);
  assert.match(said, /keeps .* and is listening on /, complained);
  return { child, said, ended, stop: (signal = "SIGTERM") => (child.kill(signal), ended) };
}

// A file of a centre that has ended, changed by hand.
async function made(name, change) {
  const centre = await start(...places(name));
  assert.equal((await centre.stop()).code, 0);
  const bytes = fs.readFileSync(at(`${name}.db`));
  change(bytes);
  fs.writeFileSync(at(`${name}.db`), bytes);
  return bytes;
}

test("help, and words that are none", () => {
  const help = run("--help");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /Usage: atrium centre/);
  fails(["--nonsense", "1"], /unknown flag "--nonsense"/, 2);
  fails(["--path"], /"--path" wants a value/, 2);
  fails(["--sync", "maybe"], /normal or full/, 2);
  fails(["--linger=x"], /number of seconds/, 2);
  fails(["--max-bytes=10"], /1048576/, 2);
});

test("it lives in ATRIUM_HOME, once", async () => {
  const centre = await start();
  assert.ok(centre.said.includes(path.join(home, "centre", "centre.db")), centre.said);
  assert.equal(fs.statSync(path.join(home, "centre", "centre.sock")).mode & 0o777, 0o600);
  assert.equal(fs.statSync(path.join(home, "centre", "centre.db")).mode & 0o777, 0o600);
  fails([], /centre\.db is in use by another centre/, 3);
  fails(["--path", at("second.db")], /centre\.sock/, 3); // another file, but the same socket
  const { code, complained } = await centre.stop();
  assert.equal(complained, "");
  assert.equal(code, 0);
  assert.ok(!fs.existsSync(path.join(home, "centre", "centre.sock")));
});

test("after a kill the next one starts where the first one was", async () => {
  const first = await start(...places("killed"));
  assert.equal((await first.stop("SIGKILL")).signal, "SIGKILL");
  const second = await start(...places("killed"));
  assert.equal((await second.stop("SIGINT")).code, 0);
});

test("a file that is no database", () => {
  fs.writeFileSync(at("text.db"), "Dear diary, ".repeat(1000));
  fails(places("text"), /text\.db.*not a database/);
  assert.equal(fs.readFileSync(at("text.db"), "utf8"), "Dear diary, ".repeat(1000));
});

test("a file that is damaged", async () => {
  const before = await made("damaged", (bytes) => bytes.fill(0xa5, 4096, 4096 + 16));
  fails(places("damaged"), /damaged\.db/);
  assert.deepEqual(fs.readFileSync(at("damaged.db")), before);
});

test("a file that is cut", async () => {
  await made("cut", () => {});
  fs.truncateSync(at("cut.db"), 4096 * 3);
  fails(places("cut"), /cut\.db/);
  assert.equal(fs.statSync(at("cut.db")).size, 4096 * 3);
});

test("a database of somebody else", async () => {
  const before = await made("theirs", (bytes) => bytes.writeUInt32BE(0x12345678, 68));
  fails(places("theirs"), /theirs\.db is a database, but not one of a centre/);
  assert.deepEqual(fs.readFileSync(at("theirs.db")), before);
});

test("a file of a newer Atrium", async () => {
  await made("newer", (bytes) => bytes.writeUInt32BE(99, 60));
  fails(places("newer"), /newer\.db was written by a newer Atrium \(schema 99; this one knows \d+\)/);
});

test("places that cannot be", () => {
  fails(["--path", at("nowhere/x.db"), "--listen", at("x.sock")], /nowhere\/x\.db.*No such file/i);
  fs.mkdirSync(at("folder.db"));
  fails(places("folder"), /folder\.db/);
  fails(["--path", at("y.db"), "--listen", at("nowhere/y.sock")], /nowhere\/y\.sock/);
  if (process.getuid() === 0) return; // whom no mode stops
  fs.mkdirSync(at("closed"), { mode: 0o500 });
  fails(places("closed/x"), /closed\/x\.db.*Permission denied/i);
});

test("one that lingers ends by itself", async () => {
  const centre = await start(...places("linger"), "--linger", "1");
  assert.equal((await centre.ended).code, 0);
});

test("one in the background is nobody's child", async () => {
  const done = run(...places("back"), "--background", "--linger", "1");
  assert.equal(done.status, 0);
  assert.match(done.stdout, /is listening on/); // the pipe is open until it ends
  assert.ok(!fs.existsSync(at("back.sock")));
});
