// startup: the unit, and the supervisor under a service manager. The test plays the manager: a socket for
// notifications, the signals that systemd sends.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import fs from "node:fs";
import path from "node:path";
import { alive, app, sleep, until, withSuper } from "../chaos/support/super.mjs";

// A datagram socket, which Node has not: what comes is printed, a line per message.
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print("bound", flush=True)
while True:
    print(s.recv(65536).decode().replace("\\n", " "), flush=True)
`;

async function manager(t, name) {
  const python = spawn("python3", ["-c", listener, name], { stdio: ["ignore", "pipe", "inherit"] });
  const m = { name, lines: [], count: (line) => m.lines.filter((l) => l === line).length };
  python.stdout.on("data", (d) => m.lines.push(...String(d).split("\n").filter(Boolean)));
  t.after(() => python.kill());
  await until("its socket", () => m.lines.includes("bound"));
  return m;
}

function service(s, m, env = {}) {
  const child = s.start(["supervisor", "--service"], { env: { NOTIFY_SOCKET: m.name, ...env } });
  s.pids.add(child.pid);
  return child;
}

const ready = (m, child) => until(() => `READY: ${m.lines}`, () => m.lines.includes(`READY=1 MAINPID=${child.pid}`));
const pids = async (s, name) => (await s.of(name)).map((i) => i.pid);

test("READY=1 when what was saved runs; WATCHDOG=1 while the loop turns; STOPPING=1", withSuper(async (s, t) => {
  const m = await manager(t, path.join(s.folder, "notify"));
  s.write("chat.lua", app);
  s.write("late.lua", "local a = require 'atrium' a.timer.after(700, function() print('ready now') a.ready() end)");
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  await s.ok(["start", "late.lua", "--wait-ready", "--listen-timeout", "60s", "--port", "0"]);
  await s.ok(["save"]);
  await s.ok(["kill"]);
  const child = service(s, m, { WATCHDOG_USEC: "400000" });
  await ready(m, child);
  assert.match(s.log("late-out.log"), /ready now\n$/);
  const list = await s.list();
  assert.deepEqual(list.map((i) => `${i.name} ${i.pm2_env.status}`), ["chat online", "chat online", "late online"]);
  // What is for the supervisor is not for the others.
  const logger = s.state().logs.pid;
  for (const pid of [...list.map((i) => i.pid), logger]) assert.doesNotMatch(fs.readFileSync(`/proc/${pid}/environ`, "latin1"), /NOTIFY_SOCKET|WATCHDOG/);
  await until("signs of life", () => m.count("WATCHDOG=1") >= 3);
  process.kill(child.pid, "SIGSTOP");
  await until("it stopped", () => /\) T /.test(fs.readFileSync(`/proc/${child.pid}/stat`, "latin1")));
  await sleep(200);
  const before = m.count("WATCHDOG=1");
  await sleep(1200);
  assert.equal(m.count("WATCHDOG=1"), before);
  process.kill(child.pid, "SIGCONT");
  await until("more of them", () => m.count("WATCHDOG=1") > before + 1);
  process.kill(child.pid, "SIGTERM");
  assert.equal((await child.done).status, 0);
  assert.equal(m.lines.filter((l) => l.startsWith("READY")).length, 1);
  await until("STOPPING", () => m.count("STOPPING=1") === 1);
  assert.ok(!list.some((i) => alive(i.pid)));
}));

test("a restart of the service (SIGQUIT) keeps workers; it takes over from a supervisor that a command started", withSuper(async (s, t) => {
  const m = await manager(t, `@atrium-test-${process.pid}`);
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  await s.ok(["start", "chat.lua", "--name", "other", "--port", "0"]);
  await s.ok(["save"]);
  await s.ok(["delete", "other"]);
  const workers = await pids(s, "chat"), daemon = s.superPid();
  const first = service(s, m);
  await ready(m, first);
  assert.ok(!alive(daemon));
  assert.equal(s.superPid(), first.pid);
  assert.deepEqual(await pids(s, "chat"), workers);
  process.kill(first.pid, "SIGQUIT");
  assert.equal((await first.done).status, 0);
  await until("STOPPING", () => m.count("STOPPING=1") === 1);
  assert.ok(workers.every(alive));
  const second = service(s, m);
  await ready(m, second);
  assert.deepEqual(await pids(s, "chat"), workers);
  await s.fails(["update"], /systemctl restart/);
  assert.deepEqual(await pids(s, "other"), []); // deleted, though it was saved
  process.kill(second.pid, "SIGKILL"); // as the watchdog does
  await second.done;
  const third = service(s, m);
  await ready(m, third);
  assert.deepEqual(await pids(s, "chat"), workers);
  assert.match(s.read("home/super.log"), /process-adopted/);
}));

test("a first start without anything saved is no failure", withSuper(async (s, t) => {
  const m = await manager(t, path.join(s.folder, "notify"));
  const child = service(s, m);
  await ready(m, child);
  assert.equal((await s.ok(["ping"])), "pong\n");
}));

test("the unit: written, verified, removed", withSuper(async (s) => {
  const units = path.join(s.folder, "units");
  s.env.ATRIUM_HOME = s.home;
  await s.ok(["startup", "--unit-dir", units, "--service-name", "chat"]);
  const file = path.join(units, "chat.service"), text = fs.readFileSync(file, "utf8");
  assert.ok(text.includes(`Environment="ATRIUM_HOME=${s.home}"`));
  for (const line of ["Type=notify", "KillMode=process", "KillSignal=SIGQUIT", "WatchdogSec=30", "Restart=on-failure", "WantedBy=multi-user.target"]) assert.ok(text.includes(`\n${line}\n`), line);
  assert.match(text, /^ExecStart="\/.*" supervisor --service$/m);
  assert.match(text, /^ExecStop=\/bin\/sh -c .* kill' "\/.*" %n$/m);
  const verify = (f) => {
    const done = spawnSync("systemd-analyze", ["verify", "--man=no", f], { encoding: "utf8" });
    if (done.error) return; // there is none
    assert.equal(done.stdout + done.stderr, "");
    assert.equal(done.status, 0);
  };
  verify(file);
  await s.ok(["unstartup", "--unit-dir", units, "--service-name", "chat"]);
  assert.ok(!fs.existsSync(file));
  await s.fails(["unstartup", "--unit-dir", units, "--service-name", "chat"], /chat\.service is not there/);
  // What systemd would take for something else.
  s.env.ATRIUM_HOME = path.join(s.folder, 'a "b" %h $HOME \\');
  await s.ok(["startup", "--user", "--unit-dir", units]);
  const user = fs.readFileSync(path.join(units, "atrium.service"), "utf8");
  assert.ok(user.includes(`Environment="ATRIUM_HOME=${s.folder}/a \\"b\\" %%h $$HOME \\\\"`), user);
  assert.doesNotMatch(user, /^User=/m);
  assert.match(user, /systemctl --user list-jobs/);
  assert.match(user, /WantedBy=default\.target/);
  verify(path.join(units, "atrium.service"));
  s.env.ATRIUM_HOME = s.home;
}));

// The line of ExecStop, with a systemctl of the test's own: which job is under way?
test("a stop of the service stops applications, a restart does not, nor an end by itself", withSuper(async (s) => {
  const units = path.join(s.folder, "units"), bin = path.join(s.folder, "bin");
  await s.ok(["startup", "--unit-dir", units, "--service-name", "chat"]);
  const stop = fs.readFileSync(path.join(units, "chat.service"), "utf8").match(/^ExecStop=\/bin\/sh -c '(.*)' "(.*)" %n$/m);
  s.write("bin/systemctl", `#!/bin/sh\necho "$@" >> ${s.folder}/asked\ncat ${s.folder}/job\n`);
  fs.chmodSync(path.join(bin, "systemctl"), 0o755);
  s.write("atrium", `#!/bin/sh\necho "$@" >> ${s.folder}/done\n`);
  fs.chmodSync(path.join(s.folder, "atrium"), 0o755);
  const run = (job, env) => {
    s.write("job", job);
    s.write("done", "");
    const done = spawnSync("/bin/sh", ["-c", stop[1].replaceAll("$$", "$"), path.join(s.folder, "atrium"), "chat.service"], { env: { PATH: `${bin}:${process.env.PATH}`, ...env } });
    assert.equal(done.status, 0);
    return s.read("done");
  };
  assert.equal(run("  77 chat.service stop running\n", { MAINPID: "5" }), "kill\n");
  assert.equal(run("  77 chat.service restart running\n", { MAINPID: "5" }), "");
  assert.equal(run("", {}), "");
  assert.equal(s.read("asked"), "list-jobs --no-legend chat.service\n".repeat(2));
}));

test("where it cannot be installed, it says so", withSuper(async (s) => {
  await s.fails(["startup", "upstart"], /only systemd/);
  await s.fails(["startup", "-u", "nobody-of-that-name"], /there is no user called "nobody-of-that-name"/);
  await s.fails(["startup", "--service-name", "../x", "--unit-dir", s.folder], /cannot be the name of a service/);
  if (!fs.existsSync("/run/systemd/system")) {
    const done = await s.fails(["startup"], /systemd does not run here: nothing was installed/);
    assert.match(done.stdout, /^Type=notify$/m);
  } else if (process.getuid() !== 0) {
    await s.fails(["startup"], /only root can do that: sudo .* startup -u /);
  }
}));
