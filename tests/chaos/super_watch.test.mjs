// `watch` and `cron_restart`: real files, changed in the ways of editors, builds and deployments.
import assert from "node:assert/strict";
import { test } from "node:test";
import fs from "node:fs";
import path from "node:path";
import { alive, app, connect, portOf, sleep, until, withSuper } from "./support/super.mjs";

const reloads = (s) => [...s.read("home/super.log").matchAll(/files-changed .*path=(\S+)/g)].map((m) => path.basename(m[1]));

// Waits until the application was reloaded so often because of files, and runs.
async function renewed(s, name, count) {
  return until(() => `${count} reloads of ${name}`, async () => {
    const list = await s.of(name);
    return list.length && list.every((i) => i.atrium.watch_reloads === count && i.pm2_env.status === "online" && !i.atrium.successor && !i.atrium.leaving) && list;
  });
}

test("a changed file reloads an Atrium application; a broken one changes nothing for clients", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0", "--watch"]);
  const before = await s.online("chat", 2), port = await portOf(s, "chat");
  const held = await connect(t, `http://localhost:${port}`), id = held.id;
  let drops = 0;
  held.on("disconnect", () => drops++);
  s.write("chat.lua", app.replace("ack(me)", "ack('new ' .. me)"));
  const after = await renewed(s, "chat", 1);
  assert.ok(after.every((i, n) => i.pid !== before[n].pid && i.atrium.reloads === 1 && i.atrium.crashes === 0));
  const socket = await connect(t, `http://localhost:${port}`);
  assert.match(await socket.emitWithAck("who"), /^new [01]$/);
  // Who was there before is there still, and has the new program.
  assert.match(await held.emitWithAck("who"), /^new [01]$/);
  assert.equal(held.id, id);
  assert.equal(drops, 0);
  // As editors save: another file takes its name.
  fs.renameSync(s.write("chat.lua.tmp", "this is no Lua"), path.join(s.folder, "chat.lua"));
  await until("the reload that failed", async () => /reload-failed/.test(s.read("home/super.log")));
  assert.match(await socket.emitWithAck("who"), /^new [01]$/);
  await until("settled", async () => (await s.of("chat")).every((i) => !i.atrium.successor));
  assert.deepEqual((await s.of("chat")).map((i) => i.pid), after.map((i) => i.pid));
  s.write("chat.lua", app);
  const repaired = await until("both new", async () => {
    const list = await s.online("chat", 2);
    return list.every((i, n) => i.pid !== after[n].pid && !i.atrium.leaving) && list;
  });
  assert.ok(repaired.every((i) => i.atrium.crashes === 0));
}));

test("what is watched, and what is not: new folders, names, patterns, what the application writes itself", withSuper(async (s) => {
  s.write("site/app.lua", "local f = io.open('state.log', 'a') f:write('x') f:close() f = io.open('chat.db-wal', 'a') f:write('x') f:close()");
  s.write("site/atrium.json", { apps: [{ script: "app.lua", port: 0, watch: [".", "../shared/**/*.lua"], ignore_watch: ["tmp", "views/gen"], watch_delay: 100 }] });
  for (const f of ["site/.git/HEAD", "site/node_modules/x/index.js", "site/tmp/a", "site/views/gen/a.html", "shared/deep/x.lua"]) s.write(f, "");
  await s.ok(["start", "site/atrium.json"]);
  await s.online("app", 1);
  for (const f of ["site/.git/HEAD", "site/node_modules/x/index.js", "site/tmp/a", "site/lib/tmp/a", "site/views/gen/a.html", "shared/deep/x.txt", "site/out.log", "site/chat.db"]) s.write(f, "changed");
  fs.mkdirSync(path.join(s.folder, "site/empty"));
  await sleep(500);
  assert.deepEqual(reloads(s), []);
  s.write("site/views/page.html", "new");
  await renewed(s, "app", 1);
  s.write("shared/deep/x.lua", "-- changed");
  await renewed(s, "app", 2);
  s.write("site/views/page.html", "changed");
  await renewed(s, "app", 3);
  fs.renameSync(path.join(s.folder, "site/views"), path.join(s.folder, "gone"));
  await renewed(s, "app", 4);
  s.write("gone/page.html", "nobody looks");
  // Many changes at once are one.
  for (let i = 0; i < 200; i++) s.write(`site/assets/${i % 20}/${i}.css`, "x");
  await renewed(s, "app", 5);
  await sleep(300);
  assert.deepEqual(reloads(s).slice(0, 4), ["page.html", "x.lua", "page.html", "views"]);
  assert.match(s.read("home/super.log"), /files-changed .*site\/assets/);
  assert.equal(reloads(s).length, 5);
}));

test("other programs are restarted; what was stopped stays so; what had failed is started; flags", withSuper(async (s) => {
  s.write("echo.py", "import time\nprint('one', flush=True)\ntime.sleep(1000)\n");
  await s.ok(["start", "echo.py", "--watch=echo.py", "--ignore-watch", "a b", "--watch-delay", "50ms", "--max-restarts", "1", "--min-uptime", "1h"]);
  const [first] = await s.online("echo", 1);
  await until("its first line", () => s.log("echo-out.log") === "one\n");
  s.write("other.py", "");
  s.write("echo.py", "import time\nprint('two', flush=True)\ntime.sleep(1000)\n");
  const [second] = await renewed(s, "echo", 1);
  assert.notEqual(second.pid, first.pid);
  assert.ok(!alive(first.pid));
  await until("its line", () => s.log("echo-out.log") === "one\ntwo\n");
  await s.ok(["stop", "echo"]);
  s.write("echo.py", "raise SystemExit(1)\n");
  await until("the change seen", () => reloads(s).length === 2);
  assert.equal((await s.of("echo"))[0].pm2_env.status, "stopped");
  await s.start(["start", "echo"]).done;
  await until("errored", async () => (await s.of("echo"))[0].pm2_env.status === "errored");
  s.write("echo.py", "import time\nprint('three', flush=True)\ntime.sleep(1000)\n");
  await s.online("echo", 1);
  // The next supervisor watches on, and the counters are as they were.
  const pid = s.superPid(), count = (await s.of("echo"))[0].atrium.watch_reloads;
  process.kill(pid, "SIGKILL");
  await until("the supervisor dead", () => !alive(pid));
  await s.online("echo", 1);
  s.write("echo.py", "import time\nprint('four', flush=True)\ntime.sleep(1000)\n");
  await renewed(s, "echo", count + 1);
}));

test("cron_restart: an interval; a mistake is named; an application that writes its own files is slowed down", withSuper(async (s) => {
  s.write("timed.lua", "");
  await s.fails(["start", "timed.lua", "--cron", "99 * * * *"], /cron_restart.*must be a time such as/);
  await s.ok(["start", "timed.lua", "--port", "0", "--cron", "1s"]);
  const [first] = await s.of("timed");
  const later = await until("two reloads", async () => {
    const [i] = await s.of("timed");
    return i.atrium.timed_reloads >= 2 && i.pm2_env.status === "online" && i;
  });
  assert.notEqual(later.pid, first.pid);
  assert.equal(later.atrium.crashes, 0);
  await s.ok(["delete", "timed"]);
  s.write("self/self.lua", "local f = io.open('state.txt', 'w') f:write('x') f:close()");
  await s.ok(["start", "self.lua", "--port", "0", "--watch", "--watch-delay", "10ms", "--cwd", "self"]);
  await until("it slowed down", () => /watch-slowed .*state\.txt.*ignore_watch/.test(s.read("home/super.log")));
  const [i] = await s.online("self", 1);
  assert.equal(i.atrium.watch_reloads, 10);
}));
