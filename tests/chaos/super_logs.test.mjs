// Logs: files per instance and merged, times, JSON, putting aside by size, opening again, emptying, reading.
import assert from "node:assert/strict";
import { test } from "node:test";
import fs from "node:fs";
import path from "node:path";
import { app, connect, portOf, until, withSuper } from "./support/super.mjs";

const talker = `trap 'exit 0' INT
echo "out $NODE_APP_INSTANCE"; echo "err $NODE_APP_INSTANCE" >&2
while :; do sleep 0.05; done`;

test("a file per instance and stream; merged; of one's own name", withSuper(async (s) => {
  s.write("talk.sh", talker);
  await s.ok(["start", "talk.sh", "-i", "2", "--name", "two"]);
  await s.ok(["start", "talk.sh", "-i", "2", "--name", "one", "--merge-logs"]);
  await s.ok(["start", "talk.sh", "--name", "own", "-o", "my/out.txt", "-e", "my/out.txt"]).catch(() => {});
  fs.mkdirSync(path.join(s.folder, "my"), { recursive: true });
  await s.ok(["restart", "own"]);
  const eventually = (file, text) => until(() => `${file}: ${s.read(file)}`, () => s.read(file).trim().split("\n").sort().join(" ") === text);
  await eventually("home/logs/two-out-0.log", "out 0");
  await eventually("home/logs/two-out-1.log", "out 1");
  await eventually("home/logs/two-error-1.log", "err 1");
  await eventually("home/logs/one-out.log", "out 0 out 1");
  await eventually("home/logs/one-error.log", "err 0 err 1");
  await until("both streams in one file", () => /out 0/.test(s.read("my/out.txt")) && /err 0/.test(s.read("my/out.txt")));
  await s.ok(["start", "talk.sh", "--name", "none", "--out", "/dev/null", "--error", "/dev/null"]);
  assert.ok(!fs.existsSync(path.join(s.home, "logs/none-out.log")));
}));

test("times before lines, and lines as JSON", withSuper(async (s) => {
  s.write("talk.sh", "echo plain; printf 'no end'; exec sleep 1000");
  await s.ok(["start", "talk.sh", "--log-date-format", "YYYY-MM-DD HH:mm:ss.SSS [at]"]);
  await until("a line with its time", () => /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} at: plain\n$/.test(s.log("talk-out.log")));
  await s.ok(["stop", "talk"]);
  await until("the line without an end", () => /at: no end\n$/.test(s.log("talk-out.log")));
  await s.ok(["start", "talk.sh", "--name", "json", "--log-type", "json"]);
  const line = JSON.parse(await until("a line", () => s.log("json-out.log").split("\n")[0]));
  assert.equal(line.message, "plain");
  assert.equal(line.type, "out");
  assert.equal(line.app_name, "json");
  assert.equal(line.process_id, 0);
  assert.ok(Math.abs(Date.parse(line.timestamp) - Date.now()) < 3600000);
}));

test("a large file is put aside; so many are kept; no line is lost", withSuper(async (s) => {
  s.write("many.sh", "trap 'exit 0' INT; for i in $(seq 1 2000); do echo \"line number $i of many\"; done; while :; do sleep 0.05; done");
  await s.ok(["start", "many.sh", "--log-max-size", "8K", "--log-keep", "3"]);
  const file = path.join(s.home, "logs/many-out.log");
  await until("the last line", () => s.log("many-out.log").includes("line number 2000 "));
  assert.ok(fs.existsSync(`${file}.1`) && fs.existsSync(`${file}.3`) && !fs.existsSync(`${file}.4`));
  const lines = [3, 2, 1, 0].flatMap((n) => fs.readFileSync(n ? `${file}.${n}` : file, "utf8").trim().split("\n"));
  const numbers = lines.map((l) => Number(l.match(/number (\d+) of/)[1]));
  assert.ok(numbers.every((n, at) => at === 0 || n === numbers[at - 1] + 1));
  assert.equal(numbers.at(-1), 2000);
}));

test("moved away and opened again on SIGUSR1 and by reloadLogs; emptied by flush", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "--port", "0"]);
  const socket = await connect(t, `http://localhost:${await portOf(s, "chat", 0, "chat-out.log")}`);
  const file = path.join(s.home, "logs/chat-out.log");
  const say = async (text, where = file) => {
    socket.emit("print", text);
    await until(`${text} in ${where}`, () => fs.existsSync(where) && fs.readFileSync(where, "utf8").includes(text));
  };
  fs.renameSync(file, `${file}.old`);
  await say("still the moved file", `${file}.old`);
  process.kill(s.superPid(), "SIGUSR1");
  await until("a new file", () => fs.existsSync(file));
  await say("the new file");
  fs.renameSync(file, `${file}.older`);
  await s.ok(["reloadLogs"]);
  await until("a new file", () => fs.existsSync(file));
  await say("the newest file");
  await s.ok(["flush"]);
  assert.equal(fs.readFileSync(file, "utf8"), "");
  await say("after the flush");
  assert.equal(fs.readFileSync(file, "utf8"), "after the flush\n");
}));

test("atrium logs: the last lines of each, one stream, JSON, following", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "--port", "0"]);
  const socket = await connect(t, `http://localhost:${await portOf(s, "chat", 0, "chat-out.log")}`);
  for (let n = 0; n < 30; n++) socket.emit("print", `line ${n}`);
  await until("all of them", () => s.log("chat-out.log").includes("line 29"));
  assert.equal(await s.ok(["logs", "chat", "--lines", "2", "--out"]), "chat-0 | line 28\nchat-0 | line 29\n");
  assert.equal(await s.ok(["logs", "--lines", "1", "--out", "--raw"]), "line 29\n");
  assert.deepEqual(JSON.parse(await s.ok(["logs", "0", "--lines", "1", "--out", "--json"])), { message: "line 29", type: "out", process_id: 0, app_name: "chat" });
  const follow = s.start(["logs", "chat", "--lines", "1", "--out", "--follow"]);
  await until("the last line", () => follow.text().includes("line 29"));
  socket.emit("print", "and more");
  await until("what came since", () => follow.text().includes("chat-0 | and more\n"));
  await s.ok(["flush", "chat"]);
  socket.emit("print", "from the start");
  await until("what came after", () => follow.text().includes("from the start\n"));
  follow.kill("SIGTERM");
  await follow.done;
}));
