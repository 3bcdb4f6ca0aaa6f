// State encoding alone: proto/schema beside @colyseus/schema 5 on the same changes (apps/schema.c, peers/schema.mjs), each
// in a process of its own, one after the other in an order that alternates. A figure is ticks per CPU-second, a ratio is
// taken within a round. Usage:
//   schema.mjs BUILD [--rounds N (7)] [--seconds S (1)]
import { execFile } from "node:child_process";
import path from "node:path";
import { quartiles } from "./table.mjs";

const here = import.meta.dirname;
const option = (name, otherwise) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : otherwise);
const WANTED = 5;

const SCENARIOS = {
  "all-move": "100 players in a map, all move",
  "some-move": "one in ten moves",
  "come-and-go": "one leaves, one comes, one in ten moves (two patches)",
  numbers: "an array of 1,000 numbers: ten change, one goes, one comes",
  whole: "the whole state, for a client that joins",
  views: "one in ten moves; 20 clients with views of ten players each",
};

const run = (program, args) =>
  new Promise((done, fail) => execFile(program, args, { timeout: 600000 }, (error, stdout) => (error ? fail(error) : done(JSON.parse(stdout.trim().split("\n").pop())))));

export async function schema({ build, rounds = 7, seconds = 1, say = (line) => process.stderr.write(`${line}\n`) }) {
  const contestants = {
    atrium: (scenario) => run(path.resolve(build, "bench/bench-schema"), [scenario, String(seconds)]),
    node: (scenario) => run(path.join(here, "node_modules/node-22/bin/node"), [path.join(here, "peers/schema.mjs"), scenario, String(seconds)]),
  };
  const results = [];
  for (const [scenario, title] of Object.entries(SCENARIOS)) {
    const of = { atrium: [], node: [] }, ratios = [], sizes = {};
    for (let i = 0; i < rounds; i++) {
      const order = Object.keys(contestants);
      if (i % 2) order.reverse();
      const rate = {};
      for (const name of order) {
        const { ticks, cpu, bytes } = await contestants[name](scenario);
        of[name].push((rate[name] = ticks / cpu));
        sizes[name] = bytes / ticks;
      }
      ratios.push(rate.atrium / rate.node);
    }
    const result = { scenario, title, atrium: quartiles(of.atrium).median, node: quartiles(of.node).median, ratio: quartiles(ratios), sizes };
    say(`schema, ${scenario}: ${Math.round(result.atrium)} to ${Math.round(result.node)} ticks per CPU-second, ${result.ratio.median.toFixed(1)} times`);
    results.push(result);
  }
  return { rounds, results };
}

export function printSchema({ rounds, results }) {
  const plain = (n) => Number(n.toPrecision(4)).toLocaleString("en-US");
  return [
    `| State encoding, ticks per CPU-second (medians of ${rounds} rounds) | Atrium | @colyseus/schema 5 | ratio (quartiles) | bytes a tick | wanted |`,
    "| --- | --- | --- | --- | --- | --- |",
    ...results.map(
      ({ title, atrium, node, ratio, sizes }) =>
        `| ${title} | ${plain(atrium)} | ${plain(node)} | ${ratio.median.toFixed(1)} (${ratio.q1.toFixed(1)} to ${ratio.q3.toFixed(1)}) | ` +
        `${Math.round(sizes.atrium)} and ${Math.round(sizes.node)} | ${WANTED}: ${ratio.median >= WANTED ? "yes" : "no"} |`,
    ),
  ].join("\n");
}

if (process.argv[1] === import.meta.filename)
  console.log(printSchema(await schema({ build: process.argv[2] ?? "build", rounds: Number(option("rounds", 7)), seconds: Number(option("seconds", 1)) })));
