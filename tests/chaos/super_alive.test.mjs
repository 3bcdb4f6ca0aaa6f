// Applications stay up: what crashes, hangs, grows or never becomes ready is noticed, counted and
// replaced; what cannot live is left to rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { alive, app, connect, portOf, sleep, until, withSuper } from "./support/super.mjs";

test("a worker killed with SIGKILL is replaced under the same number, on the same port", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  const before = await s.online("chat", 2), port = await portOf(s, "chat");
  process.kill(before[1].pid, "SIGKILL");
  const after = await until("another process", async () => {
    const now = await s.of("chat");
    return now[1].pid && now[1].pid !== before[1].pid && now[1].pm2_env.status === "online" && now;
  });
  assert.equal(after[0].pid, before[0].pid);
  assert.equal(after[1].atrium.instance, 1);
  assert.equal(after[1].pm2_env.restart_time, 1);
  assert.equal(after[1].atrium.crashes, 1);
  assert.match(after[1].atrium.trouble, /signal 9/);
  const socket = await connect(t, `http://localhost:${port}`);
  assert.match(await socket.emitWithAck("who"), /^[01]$/);
}));

test("a stopped (SIGSTOP) worker and one in an endless loop are killed and replaced", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "--port", "0", "--hang-timeout", "3s"]);
  const [first] = await s.online("chat", 1), port = await portOf(s, "chat", 0, "chat-out.log");
  process.kill(first.pid, "SIGSTOP");
  const second = await until("the stopped one replaced", async () => {
    const [i] = await s.of("chat");
    return i.pid && i.pid !== first.pid && i.pm2_env.status === "online" && i;
  });
  assert.equal(second.atrium.hangs, 1);
  assert.ok(!alive(first.pid));
  const socket = await connect(t, `http://localhost:${port}`);
  socket.emit("hang");
  const third = await until("the busy one replaced", async () => {
    const [i] = await s.of("chat");
    return i.pid && i.pid !== second.pid && i.pm2_env.status === "online" && i;
  });
  assert.equal(third.atrium.hangs, 2);
  assert.equal(await socket.emitWithAck("who"), "0");
}));

test("a worker above max_memory_restart is replaced while the port stays open", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  // A sanitizer's shadow memory counts too: the limit is put above what the process has at rest.
  await s.ok(["start", "chat.lua", "--port", "0"]);
  const [rest] = await until("a sample", async () => {
    const list = await s.of("chat");
    return list[0].monit.memory && list;
  });
  const limit = rest.monit.memory + 100 * 1024 * 1024;
  await s.ok(["delete", "chat"]);
  await s.ok(["start", "chat.lua", "--port", "0", "--max-memory-restart", String(limit)]);
  const [first] = await s.online("chat", 1), port = await portOf(s, "chat", 0, "chat-out.log");
  const socket = await connect(t, `http://localhost:${port}`);
  socket.emit("grow"), socket.emit("grow"), socket.emit("grow");
  const second = await until("it replaced", async () => {
    const [i] = await s.of("chat");
    return i.pid && i.pid !== first.pid && i.pm2_env.status === "online" && i;
  });
  assert.equal(second.atrium.memory_restarts, 1);
  assert.equal(second.atrium.crashes, 0);
  await until("the old one gone", () => !alive(first.pid));
  await until("the client back", () => socket.connected);
  assert.equal(await socket.emitWithAck("who"), "0");
}));

test("a crash loop ends in errored, and start names the exit; restart tries again", withSuper(async (s) => {
  s.write("bad.lua", "print('try') os.exit(3)");
  await s.fails(["start", "bad.lua", "--max-restarts", "4", "--min-uptime", "1h"], /bad 0: exited with code 3/);
  let [i] = await s.of("bad");
  assert.equal(i.pm2_env.status, "errored");
  assert.equal(i.pid, 0);
  assert.equal(i.pm2_env.unstable_restarts, 4);
  assert.equal(i.pm2_env.restart_time, 3);
  await until("four tries in the log", () => s.log("bad-out.log") === "try\n".repeat(4));
  await sleep(300);
  assert.equal(s.log("bad-out.log"), "try\n".repeat(4));
  s.write("bad.lua", "print('well')");
  await s.ok(["restart", "bad", "--update-env"], { PORT: "0" });
  [i] = await s.online("bad", 1);
  assert.ok(i.pid);
}));

test("back-off: restarts wait, and longer each time", withSuper(async (s) => {
  s.write("bad.sh", "echo try; exit 1");
  await s.start(["start", "bad.sh", "--exp-backoff-restart-delay", "200", "--max-restarts", "5", "--min-uptime", "1h"]).done;
  await until("errored", async () => (await s.of("bad"))[0].pm2_env.status === "errored");
  const waits = [...s.read("home/super.log").matchAll(/restart-waits .*ms=(\d+)/g)].map((m) => Number(m[1]));
  const bases = [200, 300, 450, 675];
  assert.equal(waits.length, 4);
  waits.forEach((ms, n) => assert.ok(ms >= bases[n] * 0.74 && ms <= bases[n] * 1.26, `${waits}`));
}));

test("a crash loop backs off by itself; the counters of describe tell reasons apart", withSuper(async (s) => {
  s.write("bad.sh", "echo try; exit 1");
  await s.start(["start", "bad.sh", "--max-restarts", "6", "--min-uptime", "1h"]).done;
  await until("errored", async () => (await s.of("bad"))[0].pm2_env.status === "errored");
  const waits = [...s.read("home/super.log").matchAll(/restart-waits .*ms=(\d+)/g)].map((m) => Number(m[1]));
  const bases = [50, 75, 112, 168, 252];
  assert.equal(waits.length, 5);
  waits.forEach((ms, n) => assert.ok(ms >= bases[n] * 0.74 && ms <= bases[n] * 1.26, `${waits}`));
  const text = await s.ok(["describe", "bad"]);
  for (const [key, value] of Object.entries({ status: "errored", restart_time: 5, unstable_restarts: 6, crashes: 6, hangs: 0, memory_restarts: 0, unready: 0, reloads: 0, watch_reloads: 0, timed_reloads: 0 }))
    assert.match(text, new RegExp(`^  ${key} +${value}$`, "m"));
  await s.ok(["reset", "bad"]);
  assert.match(await s.ok(["describe", "bad"]), /^  crashes +0$/m);
}));

test("another program above max_memory_restart is restarted, and counted", withSuper(async (s) => {
  s.write("grow.py", "import sys, time\nprint('up', flush=True)\nhoard = b'x' * (200 << 20)\ntime.sleep(1000)");
  await s.ok(["start", "grow.py", "--max-memory-restart", "150M"]);
  const [first] = await s.of("grow");
  const second = await until("another process", async () => {
    const [i] = await s.of("grow");
    return i.pid && i.pid !== first.pid && i;
  });
  assert.ok(second.atrium.memory_restarts >= 1);
  assert.equal(second.atrium.crashes, 0);
  assert.match(s.read("home/super.log"), /memory-limit app=grow .*max=157286400/);
}));

test("an application that never listens is told, given hang_timeout more, and replaced", withSuper(async (s) => {
  s.write("stuck.lua", "print('try') while true do end");
  await s.start(["start", "stuck.lua", "--listen-timeout", "300", "--hang-timeout", "500", "--max-restarts", "2", "--port", "0"]).done;
  await until("errored", async () => (await s.of("stuck"))[0].pm2_env.status === "errored");
  const [i] = await s.of("stuck");
  assert.equal(i.atrium.unready, 2);
  assert.equal(s.log("stuck-out.log"), "try\n".repeat(2));
  assert.match(s.read("home/super.log"), /not-ready .*it did not listen within 300 ms/);
}));

test("exit codes: stop_exit_codes and autorestart decide", withSuper(async (s) => {
  s.write("seven.sh", "exit 7");
  s.write("once.sh", "exit 0");
  s.write("apps.json", { apps: [
    { script: "seven.sh", stop_exit_codes: [7, 9] },
    { script: "once.sh", autorestart: false },
  ] });
  await s.start(["start", "apps.json"]).done;
  const [seven] = await s.of("seven"), [once] = await s.of("once");
  assert.equal(seven.pm2_env.status, "stopped");
  assert.equal(seven.pm2_env.exit_code, 7);
  assert.equal(seven.pm2_env.restart_time, 0);
  assert.equal(once.pm2_env.status, "stopped");
  assert.equal(once.pm2_env.exit_code, 0);
}));

test("wait_ready: a Lua application is online when it says so; one that never does is replaced and counted", withSuper(async (s) => {
  s.write("slow.lua", "local a = require 'atrium' a.timer.after(300, function() print('ready') a.ready() end)");
  await s.ok(["start", "slow.lua", "--wait-ready", "--listen-timeout", "60s", "--port", "0"]);
  assert.match(s.log("slow-out.log") + (await until("its line", () => s.log("slow-out.log"))), /ready/);
  await s.online("slow", 1);
  s.write("never.lua", "");
  await s.fails(["start", "never.lua", "--wait-ready", "--listen-timeout", "1s", "--max-restarts", "2", "--port", "0"],
    /never 0: it did not say that it is ready within 1000 ms/);
  const [i] = await s.of("never");
  assert.equal(i.pm2_env.status, "errored");
  assert.equal(i.atrium.unready, 2);
}));

test("a process that ignores SIGINT is killed with its children after kill_timeout", withSuper(async (s) => {
  s.write("stubborn.sh", "trap '' INT TERM\n(trap '' INT TERM; echo child $BASHPID; while :; do sleep 0.1; done) &\nsetsid sleep 1000 &\necho other $!\nwhile :; do sleep 0.1; done\n");
  await s.ok(["start", "stubborn.sh", "--kill-timeout", "500"]);
  const pids = await until("both children", () => {
    const found = s.log("stubborn-out.log").match(/\d+/g);
    return found?.length === 2 && found.map(Number);
  });
  pids.forEach((pid) => s.pids.add(pid));
  const [i] = await s.of("stubborn");
  await s.ok(["stop", "stubborn"]);
  assert.match(s.read("home/super.log"), /process-killed/);
  await until("all gone", () => ![i.pid, ...pids].some(alive));
}));

test("reload: the old worker goes on when the new one fails; else clients notice nothing", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  const before = await s.online("chat", 2), port = await portOf(s, "chat");
  const socket = await connect(t, `http://localhost:${port}`);
  let drops = 0;
  socket.on("disconnect", () => drops++);
  s.write("chat.lua", "error('broken release')");
  await s.fails(["reload", "chat"], /chat 0: the new process exited with code 1 before it was ready; the old one goes on.*chat 1: not reloaded/);
  assert.deepEqual((await s.online("chat", 2)).map((i) => i.pid), before.map((i) => i.pid));
  assert.match(await socket.emitWithAck("who"), /^[01]$/);
  assert.equal(drops, 0);
  s.write("chat.lua", app.replace("ack(me)", "ack('new ' .. me)"));
  await s.ok(["reload", "chat"]);
  const after = await s.online("chat", 2);
  assert.ok(after.every((i, n) => i.pid !== before[n].pid && i.atrium.instance === n && i.atrium.reloads === 1));
  await until("the old ones gone", () => !before.some((i) => alive(i.pid)));
  await until("the client back", () => socket.connected);
  assert.match(await socket.emitWithAck("who"), /^new [01]$/);
  assert.equal(drops, 0);
}));

test("an overlapping reload, a scale and a kill leave the right number of workers", withSuper(async (s) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "3", "--port", "0"]);
  const all = [s.start(["reload", "chat"]), s.start(["reload", "chat"]), s.start(["scale", "chat", "4"]), s.start(["reload", "chat"])];
  process.kill((await s.of("chat"))[1].pid, "SIGKILL");
  await Promise.all(all.map((c) => c.done));
  const now = await s.online("chat", 4);
  assert.deepEqual(now.map((i) => i.atrium.instance), [0, 1, 2, 3]);
  await until("nobody else", async () => (await s.of("chat")).every((i) => i.atrium.leaving === 0));
  const known = new Set((await s.of("chat")).map((i) => i.pid));
  await until("every other process gone", () => [...s.pids].filter((pid) => alive(pid)).length === known.size + 2);
}));
