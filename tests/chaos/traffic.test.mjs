// The checker of support/traffic.mjs notices what it is there for: applications that lose, double and swap.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sleep, until, withSuper } from "./support/super.mjs";
import { Traffic, app } from "./support/traffic.mjs";
import { pidOf, workers } from "./support/workers.mjs";

const text = readFileSync(app, "utf8"), flags = ["--connection-state-recovery", "true"];
const changed = (from, to) => (assert.ok(text.includes(from), from), text.replaceAll(from, to));
const toSelf = 'socket:emit("heard", who, to, n)', toRoom = 'io:to(to == "id" and socket.id or to):emit("heard", who, to, n)';

async function run(s, t, { text: of = text, flags: with_ = flags, meanwhile = async () => {}, ...options }) {
  const site = await workers(s, 2, { text: of, flags: with_ }), traffic = await Traffic.start(t, site.url, { clients: 8, rooms: 4, ...options });
  traffic.speak(5);
  await until("some answers", () => traffic.counts.said > 500);
  await meanwhile(site, traffic);
  await traffic.stop(600);
  return traffic.report();
}

const WAYS = {
  "nothing is wrong": [{}, { gaps: 0, doubles: 0, reorders: 0 }],
  "lost on the way to one": [{ text: changed(toSelf, `if n % 40 ~= 0 then ${toSelf} end`) }, { doubles: 0, reorders: 0 }, "gaps"],
  "lost on the way to a room": [{ text: changed(toRoom, `if n % 42 ~= 6 then ${toRoom} end`) }, { doubles: 0, reorders: 0 }, "gaps"],
  "doubled": [{ text: changed(toRoom, `${toRoom} if n % 42 == 6 then ${toRoom} end`) }, { gaps: 0, reorders: 0 }, "doubles"],
  "out of order": [{ text: changed(toSelf, `if n % 16 ~= 0 then ${toSelf} else atrium.setTimeout(function() ${toSelf} end, 300) end`) }, { gaps: 0, doubles: 0 }, "reorders"],
  "not answered": [{ text: changed("ack(before, me)", "if n ~= 20 then ack(before, me) end"), patienceMs: 500 }, { doubles: 0, reorders: 0 }, "gaps"],
  "forgotten by the server": [{ text: changed("socket.data.said = n", "if n ~= 20 then socket.data.said = n end") }, { doubles: 0, reorders: 0 }, "gaps"],
};
for (const [name, [how, none, some]] of Object.entries(WAYS))
  test(name, withSuper(async (s, t) => {
    const report = await run(s, t, how);
    assert.deepEqual(Object.fromEntries(Object.keys(none).map((key) => [key, report[key]])), none, report.troubles.join("\n"));
    if (some) assert.ok(report[some] > 0, JSON.stringify(report));
    assert.equal(report.returns, 0);
  }));

test("who is not recovered is counted, and what it missed is no gap", withSuper(async (s, t) => {
  const kill = async (site, traffic) => {
    process.kill(await pidOf(s, site.name, 0), "SIGKILL");
    await until("some back", () => traffic.counts.returns > 0 && traffic.connected());
    await sleep(300);
  };
  const report = await run(s, t, { flags: [], meanwhile: kill });
  assert.deepEqual([report.gaps, report.doubles, report.reorders], [0, 0, 0], report.troubles.join("\n"));
  assert.ok(report.refused > 0 && report.recovered === 0 && report.recoveredPerCent === 0, JSON.stringify(report));
  assert.equal(report.refusals.length, report.refused);
  assert.ok(Object.keys(report.disconnects).length > 0);
}));
