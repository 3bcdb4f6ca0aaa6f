// The centre: what several workers share outlives every one of them, and the centre's own death is an answer that takes longer.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fs, { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { alive, until, withSuper } from "./support/super.mjs";
import { workers } from "./support/workers.mjs";

const text = readFileSync(new URL("../interop/apps/store.lua", import.meta.url), "utf8");

async function ask(site, ...order) {
  const response = await fetch(`${site.url}/ask`, { method: "POST", body: JSON.stringify(order), headers: { connection: "close" } });
  const [ok, ...results] = await response.json();
  assert.equal(ok, true, results[0]);
  return results;
}

// The centre of that home: it has its file's lock open.
function centrePid(home) {
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
      const locked = line[1] === "centre" && fs.readdirSync(`/proc/${pid}/fd`).some((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === path.join(home, "centre/centre.db.lock"));
      if (locked && alive(Number(pid))) return Number(pid);
    } catch { /* gone, or not ours */ }
  }
  return 0;
}

function endCentre(home) {
  const pid = centrePid(home);
  if (pid) process.kill(pid, "SIGTERM");
  return until("the centre ends", () => !pid || !alive(pid));
}

test("workers share one store, which survives them, the supervisor and itself", withSuper(async (s, t) => {
  t.after(() => endCentre(s.home));
  const site = await workers(s, 2, { text, options: [] });
  assert.equal(centrePid(s.home), 0, "a centre that nobody has asked for");
  const seen = new Set();
  await until("answers of both workers", async () => seen.add((await ask(site, "pid"))[0]).size === 2);

  // Both count the same number.
  await Promise.all(Array.from({ length: 40 }, () => ask(site, "incr", "n")));
  assert.equal((await ask(site, "get", "n"))[0], 40);
  const [epoch] = await ask(site, "lease", "l", 600000, "me");
  const first = centrePid(s.home);
  assert.ok(first > 0);

  // It dies, again and again, while they count: each is counted once.
  let stop = false, asked = 0;
  const counting = Promise.all(Array.from({ length: 4 }, async () => {
    while (!stop) {
      asked++;
      await ask(site, "incr", "m");
    }
  }));
  for (let kills = 0; kills < 3; kills++) {
    const before = asked;
    await until("some more", () => asked >= before + 20);
    process.kill(centrePid(s.home), "SIGKILL");
    await until("another centre", () => centrePid(s.home));
  }
  stop = true;
  await counting;
  assert.equal((await ask(site, "get", "m"))[0], asked);
  assert.notEqual(centrePid(s.home), first);
  const page = await (await fetch(`${site.url}/metrics`, { headers: { connection: "close" } })).text();
  assert.ok(Number(/^atrium_store_losses_total (\d+)$/m.exec(page)[1]) > 0, page);
  assert.equal((await ask(site, "get", "n"))[0], 40);
  assert.deepEqual((await ask(site, "holder", "l")).slice(0, 2), ["me", epoch]);
  assert.ok((await ask(site, "lease", "other", 1000))[0] > epoch);

  // A worker that is killed takes nothing along; the supervisor neither.
  process.kill([...seen][0], "SIGKILL");
  await s.online("app", 2);
  assert.equal((await ask(site, "incr", "n"))[0], 41);
  process.kill(s.superPid(), "SIGKILL");
  assert.equal((await ask(site, "incr", "n"))[0], 42);
  process.kill(centrePid(s.home), "SIGKILL"); // whoever needs one starts it
  assert.equal((await ask(site, "incr", "n"))[0], 43);
}));

test("memory is each worker's own; applications are apart", withSuper(async (s, t) => {
  t.after(() => endCentre(s.home));
  const own = await workers(s, 1, { text, name: "own", flags: ["--store", "memory"] });
  assert.equal((await ask(own, "incr", "n"))[0], 1);
  assert.equal(centrePid(s.home), 0);
  const one = await workers(s, 1, { text, name: "one" });
  const two = await workers(s, 1, { text, name: "two" });
  const same = await workers(s, 1, { text, name: "same", flags: ["--store-name", "one"] });
  assert.equal((await ask(one, "incr", "n", 5))[0], 5);
  assert.equal((await ask(two, "incr", "n"))[0], 1);
  assert.equal((await ask(same, "incr", "n"))[0], 6);
}));

test("a file that the centre does not understand: nobody is told what is not so, and it is said", withSuper(async (s, t) => {
  fs.mkdirSync(path.join(s.home, "centre"), { recursive: true });
  fs.writeFileSync(path.join(s.home, "centre/centre.db"), "not a database, ".repeat(1000));
  t.after(() => endCentre(s.home));
  const site = await workers(s, 1, { text });
  const response = await fetch(`${site.url}/ask`, { method: "POST", body: JSON.stringify(["incr", "n"]) });
  const [ok, message] = await response.json();
  assert.equal(ok, false);
  assert.match(message, /store: operation has timed out/);
  assert.match(s.read("home/centre/centre.log"), /centre\.db.*not a database/);
  await until("the log says it", () => /store-unreachable/.test(s.log("app-error.log")));
  fs.rmSync(path.join(s.home, "centre/centre.db"));
  assert.equal((await ask(site, "incr", "n"))[0], 1); // it is tried again and again
}));
