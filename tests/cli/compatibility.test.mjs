// docs/compatibility.md: the rows are there, and the tests they name exist.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const rows = readFileSync(resolve(root, "docs/compatibility.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| \d/u.test(line))
  .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
const STATES = /^(yes|partly \(.+\)|no|not meant|one node|client only)$/u;

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/* A test's name as its file writes it: a string's beginning and end, or a whole word of C that stands in the list. */
function names(file, name) {
  const text = readFileSync(resolve(root, "tests", file), "utf8");
  if (!file.endsWith(".c")) return [JSON.stringify(name), `\`${name}\``].some((written) => text.includes(written));
  return text.includes(`static void ${name}(void **state)`) && new RegExp(`TEST\\(${name}\\)|cmocka_unit_test\\w*\\(\\s*${name}\\b`, "u").test(text);
}

test("every row is there once, in order", () => {
  assert.deepEqual(rows.map(([number]) => Number(number)), [...range(1, 83), ...range(90, 92), 96, ...range(99, 104)]);
});

for (const [number, feature, state, named] of rows) {
  test(`${number} ${feature}`, () => {
    assert.match(state, STATES);
    const match = named.match(/^`([\w./]+)`: (.+)$/u);
    assert.equal(Boolean(match), /^(yes|partly)/u.test(state), "a test is named exactly when there is something to test");
    if (match) assert.ok(names(match[1], match[2]), `${match[1]} has no test "${match[2]}"`);
  });
}
