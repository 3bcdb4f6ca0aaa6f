/* docs/man/atrium.1: well written, and what the program says of itself.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { root } from "./support/blocks.mjs";

const bin = resolve(root, process.env.ATRIUM_BIN ?? "build/atrium");
const page = join(root, "docs/man/atrium.1");
const source = readFileSync(page, "utf8");

function run(command, ...args) {
  const done = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  assert.equal(done.error, undefined);
  assert.equal(done.status, 0, done.stdout + done.stderr);
  return done.stdout + done.stderr;
}

/* The words that stand behind a macro, of the lines between two headings. */
function words(macro, from, to) {
  const part = source.split(`.Sh ${from}\n`)[1].split(`.Sh ${to}\n`)[0];
  return [...part.matchAll(new RegExp(`^\\.It ${macro} (\\S+)`, "gmu"))].map((match) => match[1]);
}

test("mandoc finds nothing to say", () => assert.equal(run("mandoc", "-Tlint", page), ""));

test("man shows it", () => {
  const text = run("mandoc", "-Tascii", page).replace(/.\x08/gu, "");
  assert.match(text, /ATRIUM\(1\)/u);
  assert.match(text, /SIGHUP/u);
});

test("it lists the commands of `atrium help`", () => {
  const listed = [...run(bin, "help").matchAll(/^ {2}atrium (\w+)/gmu)].map((match) => match[1]);
  assert.ok(listed.length > 3);
  assert.deepEqual(words("Cm", "DESCRIPTION", "SETTINGS").sort(), listed.sort());
});

test("it lists the options and scenarios of `atrium bench`", () => {
  const help = run(bin, "bench", "--help");
  const options = [...help.matchAll(/^ {2}--([\w-]+)/gmu)].map((match) => match[1]);
  const scenarios = [...help.matchAll(/^ {2}([a-z]+) {2,}/gmu)].map((match) => match[1]);
  assert.ok(options.length > 5 && scenarios.length > 3);
  assert.deepEqual(words("Fl Fl", "BENCHMARKS", "SIGNALS"), options);
  assert.deepEqual(words("Cm", "BENCHMARKS", "SIGNALS"), scenarios);
});

test("it lists the settings of `atrium config`, with their defaults", () => {
  const table = mkdtempSync(join(tmpdir(), "atrium-man-"));
  try {
    run("sh", "-c", `${bin} config --markdown > ${table}/settings.md`);
    run("/usr/bin/python3", "tools/man.py", `${table}/settings.md`, page, "--check");
  } finally {
    rmSync(table, { recursive: true });
  }
});
