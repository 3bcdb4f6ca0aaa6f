// `atrium start --no-daemon`: for containers. The process is the supervisor; its output the applications'.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { alive, app, bin, connect, until, withSuper } from "../chaos/support/super.mjs";

test("SIGTERM stops workers in good order and exits with 0; lines of all go to its output", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  const child = s.start(["start", "chat.lua", "-i", "2", "--port", "0", "--no-daemon"]);
  const port = await until(() => `both listening: ${child.text()}`, () => {
    const found = child.text().match(/listening on http:\/\/localhost:(\d+)/g);
    return found?.length === 2 && Number(found[0].match(/(\d+)$/)[1]);
  });
  const list = await s.online("chat", 2); // the same socket answers
  const socket = await connect(t, `http://localhost:${port}`, { reconnection: false });
  socket.emit("print", "a line of an application");
  await until("its line", () => child.text().includes("a line of an application\n"));
  const closed = new Promise((done) => socket.once("disconnect", (reason) => done(reason)));
  child.kill("SIGTERM");
  assert.equal(await closed, "transport close");
  const done = await child.done;
  assert.equal(done.status, 0, done.stderr);
  assert.ok(!list.some((i) => alive(i.pid)));
}));

test("the status is that of the application that ended; a mistake is 1", withSuper(async (s) => {
  s.write("five.sh", "echo last words; exit 5");
  let done = await s.start(["start", "five.sh", "--no-daemon", "--no-autorestart"]).done;
  assert.equal(done.status, 5, done.stderr);
  assert.match(done.stdout, /last words/);
  s.write("fine.sh", "exit 0");
  done = await s.start(["start", "fine.sh", "--no-daemon", "--no-autorestart"]).done;
  assert.equal(done.status, 0, done.stderr);
  done = await s.start(["start", "five.sh", "--no-daemon", "--max-restarts", "2"]).done;
  assert.equal(done.status, 5, done.stderr);
  assert.match(done.stderr, /crash-loop/);
  done = await s.start(["start", "gone.lua", "--no-daemon"]).done;
  assert.equal(done.status, 1);
  assert.match(done.stderr, /gone\.lua is not there/);
}));

test("a second supervisor in the same folder is refused", withSuper(async (s) => {
  s.write("chat.lua", "");
  const child = s.start(["start", "chat.lua", "--port", "0", "--no-daemon"]);
  await s.online("chat", 1);
  const done = await s.start(["start", "chat.lua", "--name", "b", "--no-daemon"]).done;
  assert.notEqual(done.status, 0);
  assert.match(done.stderr, /a supervisor runs already in .*pid \d+/);
  child.kill("SIGINT");
  assert.equal((await child.done).status, 0);
}));

test("as PID 1: orphans are reaped, signals forwarded, the end is orderly", withSuper(async (s, t) => {
  const unshare = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];
  if (spawnSync("unshare", [...unshare, "true"]).status !== 0) return t.skip("this machine gives no PID namespaces");
  // Two processes that outlive their parents: whoever is 1 inherits them.
  s.write("orphans.sh", "trap 'echo hup' HUP\n(setsid sh -c 'exit 3' & setsid sleep 0.2 &)\necho started\nwhile :; do sleep 0.05; done");
  const { spawn } = await import("node:child_process");
  const child = spawn("unshare", [...unshare, bin, "start", "orphans.sh", "--no-daemon"],
    { cwd: s.folder, env: s.env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (d) => (text += d));
  child.stderr.on("data", (d) => (text += d));
  const ended = new Promise((done) => child.on("close", (status) => done(status)));
  await until(() => `started: ${text}`, () => text.includes("started"));
  assert.match(text, /supervisor-started pid=1 /);
  // From outside, the first process of the namespace is the child of unshare.
  const pid1 = Number(spawnSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" }).stdout.trim());
  const zombies = () => spawnSync("ps", ["--ppid", String(pid1), "-o", "stat="], { encoding: "utf8" }).stdout.split("\n").filter((l) => /^Z/.test(l)).length;
  process.kill(pid1, "SIGHUP");
  await until(() => `hup: ${text}`, () => text.includes("hup\n"));
  await until("no zombie", () => zombies() === 0);
  process.kill(pid1, "SIGTERM");
  assert.equal(await ended, 0, text);
}));
