// Commands of the supervisor as people type them: files of applications, instances, ports, scaling, PM2's other
// names, mistakes.
import assert from "node:assert/strict";
import { test } from "node:test";
import fs from "node:fs";
import path from "node:path";
import { alive, app, connect, portOf, until, withSuper } from "../chaos/support/super.mjs";

const quiet = "local a = require 'atrium' print(os.getenv('PORT'), os.getenv('NODE_APP_INSTANCE'), os.getenv('COLOUR'))";

test("the seed of @socket.io/pm2: a Node program in cluster mode gets one clear sentence; as Atrium's it runs", withSuper(async (s) => {
  s.write("worker.js", "");
  const file = `module.exports = {
  apps : [{
    script : "worker.js",
    instances : "max",
    exec_mode : "cluster"
  }]
}`;
  s.write("ecosystem.config.js", file);
  await s.fails(["start", "ecosystem.config.js"], /worker\.js: exec_mode cluster is for applications of Atrium.*exec_mode fork/);
  s.write("worker.lua", app);
  s.write("ecosystem.config.js", file.replace("worker.js", "worker.lua"));
  await s.ok(["start"], { PM2_PORT: "0" });
  const list = await s.list();
  assert.ok(list.length >= 1);
  assert.ok(list.every((i) => i.name === "worker" && i.pm2_env.exec_mode === "cluster_mode" && i.pm2_env.status === "online"));
  assert.match(await s.ok(["env", "0"]), /^PORT=0$/m);
}));

test("the seed of Colyseus: a port each by NODE_APP_INSTANCE, in fork mode, chosen environment", withSuper(async (s) => {
  s.write("lib/index.js", "console.log(Number(process.env.PORT) + Number(process.env.NODE_APP_INSTANCE), process.env.NODE_ENV); setInterval(() => {}, 1000)");
  s.write("ecosystem.config.js", `
    const os = require('os');
    module.exports = {
      apps: [{
        port        : 3000,
        name        : "colyseus",
        script      : "lib/index.js",
        watch       : true,
        instances   : os.cpus().length > 2 ? 3 : os.cpus().length,
        exec_mode   : 'fork',
        env: { DEBUG: "colyseus:errors", NODE_ENV: "production" },
        env_staging: { NODE_ENV: "staging" },
      }]
    }`);
  await s.ok(["start", "ecosystem.config.js", "--env", "staging"]);
  const list = await s.of("colyseus");
  assert.ok(list.every((i) => i.pm2_env.exec_mode === "fork_mode"));
  for (const i of list) {
    const n = i.atrium.instance, file = list.length > 1 ? `colyseus-out-${n}.log` : "colyseus-out.log";
    await until(`its line in ${file}`, () => s.log(file).trim() === `${3000 + n} staging`);
  }
}));

test("atrium.yaml: settings and applications in one file; a Node program beside an Atrium one", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  s.write("server.cjs", "require('http').createServer((q, r) => r.end('node')).listen(0, '127.0.0.1', function () { console.log('port ' + this.address().port); process.send('ready'); })");
  s.write("atrium.yaml", `
pingInterval: 20000
apps:
  - script: chat.lua
    instances: 2
    port: 0
    max_memory_restart: 1G
  - name: legacy
    script: ./server.cjs
    wait_ready: true
    listen_timeout: 60s
    env:
      COLOUR: blue
`);
  await s.ok(["start"]);
  await s.online("chat", 2);
  await s.online("legacy", 1);
  const socket = await connect(t, `http://localhost:${await portOf(s, "chat")}`);
  assert.match(await socket.emitWithAck("who"), /^[01]$/);
  const port = s.log("legacy-out.log").match(/port (\d+)/)[1];
  assert.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), "node");
  assert.match(await s.ok(["env", "legacy"]), /^COLOUR=blue$/m);
  await s.ok(["reload", "atrium.yaml"]);
  const list = await s.list();
  assert.ok(list.every((i) => i.pm2_env.restart_time === 1));
}));

test("instances: numbers are the smallest free ones, ports grow, scaling up and down", withSuper(async (s) => {
  s.write("app.lua", quiet);
  const env = async (id) => (await s.ok(["env", String(id)])).match(/^(PORT|NODE_APP_INSTANCE|SHARD)=.*$/gm).sort();
  await s.ok(["start", "app.lua", "-i", "2", "--increment-var", "PORT", "--port", "21110", "--name", "grow"]);
  assert.deepEqual(await env(0), ["NODE_APP_INSTANCE=0", "PORT=21110"]);
  assert.deepEqual(await env(1), ["NODE_APP_INSTANCE=1", "PORT=21111"]);
  await s.ok(["scale", "grow", "+1"]);
  assert.deepEqual(await env(2), ["NODE_APP_INSTANCE=2", "PORT=21112"]);
  await s.ok(["delete", "0"]);
  await s.ok(["scale", "grow", "3"]);
  assert.deepEqual((await s.of("grow")).map((i) => [i.atrium.instance, i.pm_id]), [[0, 3], [1, 1], [2, 2]]);
  const [, , last] = await s.of("grow");
  await s.ok(["scale", "grow", "-1"]);
  assert.deepEqual((await s.of("grow")).map((i) => i.atrium.instance), [0, 1]);
  await until("the last one gone", () => !alive(last.pid));
  await s.fails(["scale", "grow", "-2"], /1 to 1000/);
  await s.fails(["scale", "grow", "many"], /N, \+N, -N or max/);
  await s.ok(["delete", "grow"]);
  // fork: a port each without being asked; another variable may grow as well
  s.write("fork.json", { name: "forks", script: "app.lua", exec_mode: "fork", instances: 2, port: "21120", increment_var: "SHARD", instance_var: "NUMBER", env: { SHARD: 5 } });
  await s.ok(["start", "fork.json"]);
  const second = (await s.of("forks"))[1];
  const words = await s.ok(["env", String(second.pm_id)]);
  for (const word of ["PORT=21121", "NUMBER=1", "SHARD=6"]) assert.match(words, new RegExp(`^${word}$`, "m"));
  assert.doesNotMatch(words, /NODE_APP_INSTANCE/);
}));

test("stop, start, restart, delete by name, id, namespace and all; PM2's other names", withSuper(async (s) => {
  s.write("a.lua", "");
  s.write("b.lua", "");
  s.write("apps.yml", "apps:\n  - { script: a.lua, port: 0, namespace: left }\n  - { script: b.lua, port: 0, autostart: false }\n");
  await s.ok(["start", "apps.yml"]);
  const status = async () => (await s.list()).map((i) => `${i.name} ${i.pm2_env.status} ${i.pm2_env.restart_time}`);
  assert.deepEqual(await status(), ["a online 0", "b stopped 0"]);
  await s.ok(["start", "b"]);
  assert.deepEqual(await status(), ["a online 0", "b online 0"]);
  await s.ok(["restart", "left"]);
  assert.deepEqual(await status(), ["a online 1", "b online 0"]);
  await s.ok(["gracefulReload", "1"]);
  assert.deepEqual(await status(), ["a online 1", "b online 1"]);
  await s.ok(["stop", "all"]);
  assert.deepEqual(await status(), ["a stopped 1", "b stopped 1"]);
  assert.deepEqual((await s.list()).map((i) => i.pid), [0, 0]);
  await s.ok(["restart", "a"]);
  await s.ok(["startOrReload", "apps.yml"]);
  assert.deepEqual(await status(), ["a online 3", "b stopped 1"]);
  await s.ok(["reset", "all"]);
  assert.deepEqual(await status(), ["a online 0", "b stopped 0"]);
  assert.match(await s.ok(["ls"]), /│ id +│ name +│.*\n.*\n│ 0 +│ a +│ cluster +│/);
  assert.match(await s.ok(["show", "a"]), /pm_exec_path +.*a\.lua/);
  assert.equal((await s.ok(["pid", "a"])).trim(), String((await s.of("a"))[0].pid));
  assert.equal(Number(await s.ok(["pid"])), s.superPid());
  assert.equal(await s.ok(["ping"]), "pong\n");
  await s.ok(["del", "a"]);
  assert.deepEqual(await status(), ["b stopped 0"]);
}));

test("start of what runs already, and other mistakes", withSuper(async (s) => {
  s.write("chat.lua", "");
  await s.fails(["list", "--frobnicate", "x", "-q"], /unknown flag -q/);
  await s.fails(["start", "gone.lua"], /script .*gone\.lua is not there/);
  await s.fails(["start"], /no atrium\.yaml or ecosystem file/);
  await s.fails(["stop", "chat"], /no supervisor runs/);
  await s.fails(["ping"], /no supervisor runs/);
  assert.match(await s.ok(["list"]), /│ id │/);
  await s.ok(["start", "chat.lua", "--port", "0"]);
  await s.fails(["start", "chat.lua"], /chat runs already/);
  await s.fails(["stop", "chatt"], /no application called "chatt"; did you mean "chat"/);
  await s.fails(["stop", "17"], /no process with id 17/);
  await s.fails(["stop"], /stop what/);
  await s.fails(["start", "other.lua", "--instanzes", "3"], /unknown key "instanzes"; did you mean "instances"/);
  s.write("other.lua", "");
  await s.fails(["start", "other.lua", "--max-memory-restart", "lots"], /"max_memory_restart" must be bytes, or a size such as "300M"/);
  s.write("e.json", { apps: [{ script: "other.lua" }, { script: "other.lua", max_restart: 3 }] });
  await s.fails(["start", "e.json"], /e\.json: apps\[1\]: unknown key "max_restart"; did you mean "max_restarts"/);
  s.write("e.json", { apps: [{ script: "other.lua", uid: "www" }] });
  await s.fails(["start", "e.json"], /"uid" is a key of PM2 that Atrium does not have: .*supervisor/);
  s.write("e.json", { apps: [{ script: "other.lua" }, { script: "sub/other.lua" }] });
  s.write("sub/other.lua", "");
  await s.fails(["start", "e.json"], /two applications are called "other"/);
  await s.fails(["start", "e.json", "--env", "staging"], /no application has env_staging/);
  s.write("e.json", "{ apps: [] }");
  await s.fails(["start", "e.json"], /e\.json is not valid JSON/);
  s.write("bad.config.js", "module.exports = {{");
  await s.fails(["start", "bad.config.js"], /bad\.config\.js failed/);
  s.write("ok.config.mjs", "export default { apps: [{ script: 'other.lua', port: 0 }] };");
  await s.fails(["start", "ok.config.mjs"], /node is not installed/, { PATH: "/nowhere" });
  await s.ok(["start", "ok.config.mjs"]);
  s.write("none.txt", "");
  await s.fails(["start", "none.txt"], /may not be executed, and its ending names no interpreter/);
  await s.fails(["signal", "SIGFOO", "chat"], /no signal called "SIGFOO"/);
  await s.fails(["logs", "nobody"], /no application or id called "nobody"/);
}));

test("a port that is taken: the worker says so, and start too", withSuper(async (s) => {
  const net = await import("node:net");
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  s.write("chat.lua", "");
  await s.fails(["start", "chat.lua", "--max-restarts", "1", "--port", String(server.address().port), "--", "--host", "127.0.0.1"], /chat 0: port \d+ is already in use on 127\.0\.0\.1/);
  await until("the reason in its log", () => /already in use/.test(s.log("chat-error.log")));
  server.close();
}));

test("save and resurrect; kill stops everything", withSuper(async (s) => {
  s.write("chat.lua", "");
  await s.fails(["resurrect"], /nothing was saved/);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  await s.ok(["start", "chat.lua", "--name", "other", "--port", "0"]);
  await s.ok(["stop", "other"]);
  await s.ok(["dump"]);
  const before = await s.list();
  assert.equal(await s.ok(["kill"]), "stopped\n");
  await until("all gone", () => !before.some((i) => i.pid && alive(i.pid)));
  assert.deepEqual(await s.list(), []);
  await s.ok(["resurrect"]);
  const after = await s.list();
  assert.deepEqual(after.map((i) => `${i.name} ${i.pm2_env.status}`), ["chat online", "chat online", "other stopped"]);
}));

test("signals reach processes; the environment of the shell is kept until --update-env", withSuper(async (s) => {
  s.write("trap.sh", "trap 'echo usr2' USR2\necho $COLOUR\nwhile :; do sleep 0.05; done");
  await s.ok(["start", "trap.sh"], { COLOUR: "red" });
  await until("its colour", () => s.log("trap-out.log") === "red\n");
  await s.ok(["sendSignal", "SIGUSR2", "trap"]);
  await until("its signal", () => s.log("trap-out.log").includes("usr2"));
  await s.ok(["restart", "trap"], { COLOUR: "blue" });
  await until("the same colour", () => s.log("trap-out.log").endsWith("red\n"));
  await s.ok(["restart", "trap", "--update-env"], { COLOUR: "blue" });
  await until("the other colour", () => s.log("trap-out.log").endsWith("blue\n"));
}));

test("commands, command lines and interpreters of any kind", withSuper(async (s) => {
  s.write("hello.py", "import time, sys, os\nprint('python', *sys.argv[1:], flush=True)\ntime.sleep(1000)");
  s.write("tool", "#!/bin/sh\necho tool $1; exec sleep 1000");
  fs.chmodSync(path.join(s.folder, "tool"), 0o755);
  await s.ok(["start", "hello.py", "--", "-x", "two words"]);
  await s.ok(["start", "./tool", "--", "arg"]);
  await s.ok(["start", "sleep", "--name", "sleeper", "--", "1000"]);
  await s.ok(["start", "echo from a shell; exec sleep 1000", "--name", "line"]);
  await until("python", () => s.log("hello-out.log") === "python -x two words\n");
  await until("tool", () => s.log("tool-out.log") === "tool arg\n");
  await until("line", () => s.log("line-out.log") === "from a shell\n");
  await s.online("sleeper", 1);
}));

test("shutdown_with_message: a Node program is asked by message", withSuper(async (s) => {
  s.write("polite.js", "process.on('message', (m) => { console.log('got ' + m); process.exit(0); }); process.on('SIGINT', () => console.log('SIGINT')); process.send('ready'); setInterval(() => {}, 1000);");
  await s.ok(["start", "polite.js", "--shutdown-with-message", "--wait-ready", "--kill-timeout", "60s", "--listen-timeout", "60s"]);
  await s.ok(["stop", "polite"]);
  await until("its line", () => s.log("polite-out.log") === "got shutdown\n");
}));

test("a folder whose sockets' paths are longer than an address", withSuper(async (s, t) => {
  s.home = path.join(s.folder, "h".repeat(100), "home");
  s.env.ATRIUM_HOME = s.home;
  fs.mkdirSync(path.dirname(s.home));
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  const list = await s.online("chat", 2);
  list.forEach((i) => s.pids.add(i.pid));
  const file = path.join(s.home, "logs/chat-out-0.log");
  const port = await until("its port", () => fs.existsSync(file) && fs.readFileSync(file, "utf8").match(/localhost:(\d+)/)?.[1]);
  const socket = await connect(t, `http://localhost:${port}`);
  assert.match(await socket.emitWithAck("who"), /^[01]$/);
  const pid = Number(await s.ok(["pid"]));
  process.kill(pid, "SIGKILL");
  await until("the supervisor dead", () => !alive(pid));
  assert.deepEqual((await s.online("chat", 2)).map((i) => i.pid), list.map((i) => i.pid));
}));

test("what others may write to is refused as ATRIUM_HOME", withSuper(async (s) => {
  fs.mkdirSync(s.home);
  fs.chmodSync(s.home, 0o777);
  await s.fails(["list"], /may be written by others: chmod 700/);
  fs.chmodSync(s.home, 0o700);
  assert.match(await s.ok(["list"]), /│ id │/);
}));

test("docs/supervisor-keys.md is what the program prints", withSuper(async (s) => {
  assert.equal(fs.readFileSync("docs/supervisor-keys.md", "utf8"), await s.ok(["keys"]), "run make docs");
}));
