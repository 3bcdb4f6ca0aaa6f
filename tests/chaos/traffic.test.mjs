// The checker of support/traffic.mjs notices what it is there for: applications that lose, double and swap.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sleep, until, withSuper } from "./support/super.mjs";
import { Traffic, app } from "./support/traffic.mjs";
import { pidOf, workers } from "./support/workers.mjs";

const text = readFileSync(app, "utf8"), flags = ["--connection-state-recovery", "true"];
// What goes wrong, by whose number it is: 16 and 20 go to the speaker itself, 18 to the four of a room.
const faults = `
  local held
  local function emit(op, who, to, n)
    if who == 0 and n == 16 then return end -- lost
    if who == 2 and n == 16 then held = true return end
    op:emit("heard", who, to, n)
    if who == 1 and n == 18 then op:emit("heard", who, to, n) end
    if held and n == 20 then held = op:emit("heard", who, to, 16) and nil end
  end`;
function faulty() {
  const replaced = [
    ["  socket:on(\"say\"", `${faults}\n  socket:on("say"`],
    ['socket:emit("heard", who, to, n)', "emit(socket, who, to, n)"],
    ['io:to(to == "id" and socket.id or to):emit("heard", who, to, n)', 'emit(io:to(to == "id" and socket.id or to), who, to, n)'],
    ["socket.data.said = n", "if who ~= 4 or n ~= 20 then socket.data.said = n end"],
    ["ack(before, me)", "if who ~= 3 or n ~= 20 then ack(before, me) end"],
  ];
  return replaced.reduce((all, [from, to]) => (assert.ok(all.includes(from), from), all.replace(from, to)), text);
}

async function run(s, t, { text: of = text, flags: with_ = flags, meanwhile = async () => {}, ...options }) {
  const site = await workers(s, 2, { text: of, flags: with_ }), traffic = await Traffic.start(t, site.url, { clients: 8, rooms: 4, ...options });
  traffic.speak(5);
  await until("some answers", () => traffic.clients.every((client) => client.said.length > 30));
  await meanwhile(site, traffic);
  await traffic.stop(600);
  return traffic.report();
}

test("nothing is wrong", withSuper(async (s, t) => {
  const { gaps, doubles, reorders, returns, troubles } = await run(s, t, {});
  assert.deepEqual({ gaps, doubles, reorders, returns, troubles }, { gaps: 0, doubles: 0, reorders: 0, returns: 0, troubles: [] });
}));

test("lost, doubled, out of order, not answered, forgotten", withSuper(async (s, t) => {
  const { gaps, doubles, reorders, troubles } = await run(s, t, { text: faulty(), patienceMs: 4000 });
  assert.deepEqual({ gaps, doubles, reorders }, { gaps: 3, doubles: 4, reorders: 1 }, troubles.join("\n"));
  for (const what of [/^gaps: 0 has not heard 16 of 0 to self$/u, /^gaps: nobody answered 3, who said 20$/u, /^gaps: the server had forgotten that 4 said 20/u,
    /^doubles: .* heard 18 of 1 room /u, /^reorders: 2 heard 16 of 2 self after 20$/u])
    assert.ok(troubles.some((text) => what.test(text)), `${what}: ${troubles.join("\n")}`);
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
