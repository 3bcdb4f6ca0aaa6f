// Measures Atrium beside its peers. A round runs every contestant of a row once, in an order that rotates; a
// figure is per CPU-second of the server's process, a ratio is taken within a round, and what is printed is
// the median over the rounds with quartiles. Usage:
//   run.mjs BUILD [options]
//     --rounds N         rounds per row (15; idle rows, which hardly vary: 2)
//     --only A,B         rows whose id is A, or whose name holds it; handover: reloads under traffic (handover.mjs);
//                        schema: state encoding alone (schema.mjs)
//     --duration MS      measured per run (1500), after --warmup MS (500)
//     --ping-interval MS heartbeat of the idle Socket.IO row, which lasts as long (25000)
//     --restart N        servers are started anew after N rounds (8): what a compiler happens to decide varies
//     --cpu N            where servers and generator run (the last CPU)
//     --json FILE        everything that was measured; --from FILE prints the tables of such a file again
//     --publish          puts the tables into docs/performance.md and README.md
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { handover, printHandover } from "./handover.mjs";
import { Bench } from "./measure.mjs";
import { choose } from "./rows.mjs";
import { printSchema, schema } from "./schema.mjs";
import { insert, print, summary } from "./table.mjs";

const IDLE_ROUNDS = 2;

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
}

function describe() {
  const { model } = os.cpus()[0];
  return `${new Date().toISOString().slice(0, 10)}, Linux ${os.release()}, ${os.cpus().length} CPUs (${model.trim()}), load ${os.loadavg()[1].toFixed(1)}`;
}

// One round: the order rotates, so that nobody always follows the same neighbour.
async function round(bench, row, number, failures) {
  const results = {};
  for (let i = 0; i < row.contestants.length; i++) {
    const name = row.contestants[(i + number) % row.contestants.length];
    try {
      results[name] = await bench.run(row, name);
    } catch (error) {
      failures.push(`${row.id}, ${name}, round ${number + 1}: ${error.message.trim()}`);
    }
  }
  return results;
}

async function measure(bench, row, failures) {
  const asked = option("rounds");
  const rounds = Number(asked ?? 15), restart = Number(option("restart", 8));
  const count = Math.min(rounds, row.most ?? (row.fresh ? IDLE_ROUNDS : rounds));
  for (let i = 0; i < count; i++) {
    if (i % restart === 0) await bench.stopAll();
    const results = await round(bench, row, i, failures);
    row.rounds.push(results);
    const shown = row.measures.map((m) => Object.entries(results).map(([name, r]) => `${name} ${m.of(r).toFixed(m.digits ?? 0)}`).join(", "));
    process.stderr.write(`${row.id} ${i + 1}/${count}: ${shown.join("; ")}\n`);
  }
  await bench.stopAll();
}

const only = (option("only") ?? "").split(",").filter(Boolean);
const rows = choose(only).map((row) => ({ ...row, rounds: [] }));
const failures = [];
let machine = describe(), moved = null, encoded = null;

function keep() {
  if (option("json")) fs.writeFileSync(option("json"), JSON.stringify({ machine, rows: Object.fromEntries(rows.map((r) => [r.id, r.rounds])), handover: moved, schema: encoded }) + "\n");
}

if (option("from")) {
  const saved = JSON.parse(fs.readFileSync(option("from")));
  machine = saved.machine;
  moved = saved.handover;
  encoded = saved.schema;
  for (const row of rows) row.rounds = saved.rows[row.id] ?? [];
} else {
  const bench = new Bench({
    build: path.resolve(process.argv[2] ?? "build"),
    cpu: option("cpu", String(os.cpus().length - 1)),
    warmup: Number(option("warmup", 500)),
    duration: Number(option("duration", 1500)),
    pingInterval: Number(option("ping-interval", 25000)),
  });
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
  for (const row of rows) {
    await measure(bench, row, failures);
    keep();
  }
  if (only.length === 0 || only.includes("handover")) {
    moved = await handover({ build: process.argv[2] ?? "build" }).catch((error) => void failures.push(`handover: ${error.message.trim()}`));
    if (moved?.felt.error) failures.push(`handover: ${moved.felt.error}`);
    keep();
  }
  if (only.length === 0 || only.includes("schema")) {
    encoded = await schema({ build: process.argv[2] ?? "build", rounds: Number(option("rounds", 7)) }).catch((error) => void failures.push(`schema: ${error.message.trim()}`));
    keep();
  }
}

const caption = `${machine}. Server and generator on one CPU, closed loop; medians of interleaved rounds.`;
const tables = [caption, print(rows), ...(moved ? [printHandover(moved)] : []), ...(encoded ? [printSchema(encoded)] : [])].join("\n\n");
console.log(tables);
if (process.argv.includes("--publish"))
  for (const [file, text] of [["docs/performance.md", tables], ["README.md", summary(rows)]]) {
    const at = path.join(import.meta.dirname, "..", file);
    fs.writeFileSync(at, insert(fs.readFileSync(at, "utf8"), text));
  }
for (const failure of failures) console.log(`\nFailed: ${failure}`);
process.exitCode = failures.length ? 1 : 0;
