/* Prometheus's text format 0.0.4, read strictly: a page that a scraper would take only in part is an error.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABELS = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/u;
const VALUE = /^([+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|Inf)|NaN)$/u;
const SUFFIXES = { counter: [""], gauge: [""], histogram: ["_bucket", "_sum", "_count"] };

function labelsOf(text, line) {
  const labels = new Map();
  for (let rest = text; rest; ) {
    const one = LABELS.exec(rest);
    assert.ok(one, `labels: ${line}`);
    assert.ok(!labels.has(one[1]), `a label twice: ${line}`);
    labels.set(one[1], one[2]);
    rest = rest.slice(one[0].length);
    assert.ok(rest || !one[3], `a comma too many: ${line}`);
  }
  return labels;
}

function number(text, line) {
  assert.match(text, VALUE, line);
  return Number(text.replace("Inf", "Infinity"));
}

/* 8: buckets count what is not larger, so they never fall, and the last one is all there is. */
function checkHistogram(name, family) {
  const buckets = family.samples.filter((s) => s.name === `${name}_bucket`);
  const bounds = buckets.map((s) => number(s.labels.get("le"), name));
  assert.ok(buckets.length > 1 && bounds.at(-1) === Infinity, `${name} has no +Inf`);
  for (let i = 1; i < buckets.length; i++) {
    assert.ok(bounds[i] > bounds[i - 1], `${name}: bounds`);
    assert.ok(buckets[i].value >= buckets[i - 1].value, `${name}: a bucket falls`);
  }
  const [sum, count] = ["_sum", "_count"].map((suffix) => family.samples.filter((s) => s.name === name + suffix));
  assert.deepEqual([sum.length, count.length], [1, 1], name);
  assert.equal(count[0].value, buckets.at(-1).value, name);
  assert.ok(sum[0].value >= 0, name);
}

function check(name, family) {
  assert.ok(family.samples.length > 0, `${name} has no samples`);
  if (family.type === "counter") assert.match(name, /_total$/u);
  else assert.doesNotMatch(name, /_total$/u);
  if (family.type === "histogram") checkHistogram(name, family);
  const labels = new Set(family.samples.map((s) => [...s.labels.keys()].filter((label) => label !== "le").join()));
  if (family.type !== "histogram") assert.equal(labels.size, 1, `${name}: samples with different labels`);
  for (const sample of family.samples) {
    assert.ok(Number.isFinite(sample.value), `${name}: ${sample.value}`);
    if (family.type !== "gauge") assert.ok(sample.value >= 0, name);
  }
}

/* Families by name: { type, help, samples: [{ name, labels, value, key }] }. */
export function parse(text) {
  const families = new Map();
  const keys = new Set();
  let current = null, name = null;
  assert.ok(text.endsWith("\n") && !text.includes("\r"), "lines end in a line feed");
  for (const line of text.slice(0, -1).split("\n")) {
    const help = new RegExp(`^# HELP (${NAME}) (\\S.*)$`, "u").exec(line);
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`, "u").exec(line);
    const sample = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, "u").exec(line);
    if (help) {
      assert.ok(!families.has(help[1]), `${help[1]} stands twice`);
      assert.doesNotMatch(help[2], /(^|[^\\])(\\\\)*\\([^\\n]|$)/u, `an escape that is none: ${line}`);
      name = help[1];
      families.set(name, (current = { help: help[2], type: null, samples: [] }));
    } else if (type) {
      assert.ok(current && type[1] === name && !current.type && !current.samples.length, `a type out of place: ${line}`);
      current.type = type[2];
    } else {
      assert.ok(sample && current?.type, `no line of the format: ${line}`);
      assert.ok(SUFFIXES[current.type].some((suffix) => sample[1] === name + suffix), `a sample of another family: ${line}`);
      const key = sample[1] + (sample[2] ? `{${sample[2]}}` : "");
      assert.ok(!keys.has(key), `twice: ${key}`);
      keys.add(key);
      current.samples.push({ name: sample[1], labels: labelsOf(sample[2] ?? "", line), value: number(sample[3], line), key });
    }
  }
  for (const [each, family] of families) check(each, family);
  return families;
}

export async function scrape(url) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  return parse(await answer.text());
}

/* The value of one sample, by its name and labels as they stand on the page. */
export function value(families, key) {
  for (const family of families.values()) {
    const sample = family.samples.find((one) => one.key === key);
    if (sample) return sample.value;
  }
  assert.fail(`no sample ${key}`);
}
