// Workers die by SIGKILL at any moment, under traffic: who is told `recovered` has missed nothing and has nothing twice.
// ATRIUM_CHAOS_KILLS=200 kills as many (8 by default); the summary is printed, and written as JSON to ATRIUM_CHAOS_JSON.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { sleep, until, withSuper } from "./support/super.mjs";
import { Traffic, app } from "./support/traffic.mjs";
import { workers } from "./support/workers.mjs";

const KILLS = Number(process.env.ATRIUM_CHAOS_KILLS ?? 8), CLIENTS = Number(process.env.ATRIUM_CHAOS_CLIENTS ?? 24), WORKERS = 3;
const TRANSPORTS = [["websocket"], ["polling", "websocket"], ["polling"]];

// Why servers did not take clients for who they were. Figures die with a worker: so they are asked for whenever a client
// has been refused.
class Reasons {
  constructor(site, traffic) {
    Object.assign(this, { site, traffic, refused: 0, seen: new Map() });
  }

  async look() {
    const { refused, late } = this.traffic.counts;
    if (this.refused === refused + late) return;
    this.refused = refused + late;
    for (let i = 0; i < 8 * WORKERS; i++) {
      const text = await fetch(`${this.site.url}/metrics`, { headers: { connection: "close" } }).then((answer) => answer.text(), () => "");
      const worker = text.match(/^process_start_time_seconds (\S+)/mu)?.[1];
      if (worker) this.seen.set(worker, [...text.matchAll(/^atrium_socketio_recoveries_total\{result="(\w+)"\} (\d+)/gmu)]);
    }
  }

  sums() {
    const sums = {};
    for (const [, result, count] of [...this.seen.values()].flat()) if (result !== "ok" && count > 0) sums[result] = (sums[result] ?? 0) + Number(count);
    return sums;
  }
}

test(`${KILLS} workers killed at random, under traffic`, withSuper(async (s, t) => {
  // The client never leaves an upgrade whose WebSocket fails when polling has stopped for it; a missing ping ends that.
  const flags = ["--connection-state-recovery", "true", "--ping-interval", "2000", "--ping-timeout", "3000"];
  const site = await workers(s, WORKERS, { text: readFileSync(app, "utf8"), flags, options: ["--min-uptime", "0"] });
  const traffic = await Traffic.start(t, site.url, { clients: CLIENTS, transports: TRANSPORTS });
  const reasons = new Reasons(site, traffic);
  traffic.speak();
  await until("some answers", () => traffic.counts.said > CLIENTS * 10);
  for (let kills = 0; kills < KILLS;) {
    const victims = await until("a worker online", async () => {
      const online = (await s.of(site.name)).filter((i) => i.pm2_env.status === "online");
      return online.length && online;
    });
    await reasons.look();
    await sleep(Math.random() * 500);
    try {
      process.kill(victims[Math.floor(Math.random() * victims.length)].pid, "SIGKILL");
      kills++;
    } catch (err) {
      if (err.code !== "ESRCH") throw err; // the one before, and nobody had noticed yet
    }
  }
  await s.online(site.name, WORKERS);
  await until("the clients connected", () => traffic.connected());
  await sleep(500);
  await traffic.stop();
  await reasons.look();
  const report = { kills: KILLS, ...traffic.report(), reasons: reasons.sums() };
  t.diagnostic(JSON.stringify(report));
  if (process.env.ATRIUM_CHAOS_JSON) appendFileSync(process.env.ATRIUM_CHAOS_JSON, `${JSON.stringify(report)}\n`);
  const { gaps, doubles, reorders, returns } = report;
  assert.deepEqual({ gaps, doubles, reorders }, { gaps: 0, doubles: 0, reorders: 0 }, report.troubles.join("\n"));
  assert.ok(returns >= KILLS, `${returns} came back`);
  assert.ok(report.recoveredPerCent >= 99, JSON.stringify(report.refusals));
}));
