// The supervisor dies (SIGKILL): clients notice nothing, logs go on, and the next one adopts what runs.
import assert from "node:assert/strict";
import { test } from "node:test";
import fs from "node:fs";
import { alive, app, connect, portOf, sleep, until, withSuper } from "./support/super.mjs";

async function killSuper(s) {
  const pid = s.superPid();
  s.note();
  process.kill(pid, "SIGKILL");
  await until("the supervisor dead", () => !alive(pid));
  return pid;
}

test("clients stay connected and served; the next supervisor adopts workers, counters and listeners", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  let before = await s.online("chat", 2);
  const port = await portOf(s, "chat");
  process.kill(before[1].pid, "SIGKILL");
  before = await until("replaced", async () => {
    const now = await s.of("chat");
    return now[1].pm2_env.status === "online" && now[1].pid !== before[1].pid && now;
  });
  const socket = await connect(t, `http://localhost:${port}`);
  let drops = 0;
  socket.on("disconnect", () => drops++);
  const who = await socket.emitWithAck("who");
  const old = await killSuper(s);

  for (let n = 0; n < 20; n++) assert.equal(await socket.emitWithAck("who"), who);
  const other = await connect(t, `http://localhost:${port}`); // the port is open without a supervisor, too
  assert.match(await other.emitWithAck("who"), /^[01]$/);
  socket.emit("print", "said while nobody supervises");
  await until("the line in the log", () => s.log(`chat-out-${who}.log`).includes("said while nobody supervises"));

  const after = await s.online("chat", 2); // a list is enough: there is something to adopt
  assert.notEqual(s.superPid(), old);
  assert.deepEqual(after.map((i) => i.pid), before.map((i) => i.pid));
  assert.deepEqual(after.map((i) => i.pm2_env.restart_time), [0, 1]);
  assert.ok(after.every((i, n) => i.pm2_env.pm_uptime === before[n].pm2_env.pm_uptime));
  socket.emit("print", "said to the next one");
  await until("the line in the log", () => s.log(`chat-out-${who}.log`).includes("said to the next one"));
  assert.equal(drops, 0);

  // The listening socket came back from a worker: what is started now shares it.
  await s.ok(["scale", "chat", "3"]);
  await s.online("chat", 3);
  assert.equal(await portOf(s, "chat", 2), port);
  // And who dies now is noticed, though it is no child of this supervisor.
  process.kill(before[0].pid, "SIGKILL");
  await until("replaced", async () => {
    const now = await s.of("chat");
    return now[0].pid && now[0].pid !== before[0].pid && now[0].pm2_env.status === "online";
  });
  assert.equal(await portOf(s, "chat", 0), port);
}));

test("a worker that dies while there is no supervisor is started by the next, on the same port", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  const before = await s.online("chat", 2), port = await portOf(s, "chat");
  await killSuper(s);
  process.kill(before[0].pid, "SIGKILL");
  await until("dead", () => !alive(before[0].pid));
  const after = await s.online("chat", 2);
  assert.notEqual(after[0].pid, before[0].pid);
  assert.equal(after[1].pid, before[1].pid);
  assert.equal(after[0].pm2_env.restart_time, 1);
  await until("its line", () => s.log("chat-out-0.log").match(/listening/g).length === 2);
  assert.equal(await portOf(s, "chat", 0), port);
  const socket = await connect(t, `http://localhost:${port}`);
  assert.match(await socket.emitWithAck("who"), /^[01]$/);
}));

test("any program is adopted: a Node server goes on answering, and is supervised again", withSuper(async (s) => {
  s.write("server.js", `
    const http = require("http");
    const server = http.createServer((q, r) => r.end("node " + process.env.NODE_APP_INSTANCE));
    server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
  `);
  await s.ok(["start", "server.js", "--name", "web"]);
  const [web] = await s.online("web", 1);
  const port = await until("its port", () => s.log("web-out.log").match(/port (\d+)/)?.[1]);
  await killSuper(s);
  await sleep(200);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), "node 0");
  const [again] = await s.online("web", 1);
  assert.equal(again.pid, web.pid);
  process.kill(web.pid, "SIGKILL");
  await until("replaced", async () => {
    const [i] = await s.of("web");
    return i.pid && i.pid !== web.pid && i.pm2_env.status === "online";
  });
}));

test("a supervisor killed in the middle of everything leaves nothing that the next does not know of", withSuper(async (s) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "-i", "3", "--port", "0"]);
  await s.online("chat", 3);
  for (let round = 0; round < 8; round++) {
    const busy = [s.start(["reload", "chat"]), s.start(["scale", "chat", String(2 + (round % 3))])];
    await sleep(20 + 37 * round);
    await killSuper(s);
    await Promise.all(busy.map((c) => c.done));
    await s.list();
  }
  await s.ok(["scale", "chat", "2"]);
  const now = await s.online("chat", 2);
  await until("nobody leaving", async () => (await s.of("chat")).every((i) => i.atrium.leaving === 0 && !i.atrium.successor));
  // Every process of this home: nothing else runs under its name.
  const mine = fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/environ`, "latin1").includes(`ATRIUM_HOME=${s.home}\0`) &&
        /\0worker\0/.test(fs.readFileSync(`/proc/${pid}/cmdline`, "latin1")) && alive(Number(pid));
    } catch {
      return false;
    }
  }).map(Number).sort();
  assert.deepEqual(mine, now.map((i) => i.pid).sort());
}));

test("SIGQUIT ends the supervisor alone", withSuper(async (s) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "--port", "0"]);
  const [before] = await s.online("chat", 1), pid = s.superPid();
  process.kill(pid, "SIGQUIT");
  await until("it ended", () => !alive(pid));
  assert.ok(alive(before.pid));
  const [after] = await s.online("chat", 1);
  assert.equal(after.pid, before.pid);
}));

test("the logger dies: another one goes on, and no program notices", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "--port", "0"]);
  const port = await portOf(s, "chat", 0, "chat-out.log"), [i] = await s.online("chat", 1);
  const socket = await connect(t, `http://localhost:${port}`);
  const logger = s.state().logs.pid;
  process.kill(logger, "SIGKILL");
  socket.emit("print", "said while nobody writes");
  await until("the line", () => s.log("chat-out.log").includes("said while nobody writes"));
  assert.notEqual(s.state().logs.pid, logger);
  s.note();
  assert.ok(alive(i.pid) && socket.connected);
  assert.equal((await s.of("chat"))[0].pid, i.pid);
}));
