/* proto/schema.h against the real decoders: states that are changed there arrive here.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { chance } from "./support/chance.mjs";
import { open_driver, open_library } from "./support/schema_state.mjs";
import { GENERATIONS, open_decoder } from "./support/schema_decoders.mjs";
import { TYPES, open_random_state } from "./support/schema_random.mjs";
import { VIEW_TAGS, VIEW_TYPES, open_view, open_view_state } from "./support/schema_views.mjs";

const GENERATION_NUMBERS = Object.keys(GENERATIONS).map(Number);
const driver = open_driver(process.env.ATRIUM_BUILD ?? "build");
after(async () => assert.equal(await driver.close(), 0, "the driver ends well"));

const vectors = JSON.parse(readFileSync(new URL("./support/schema_vectors.json", import.meta.url)));

/* As JSON can have it, in the notation of the vectors. */
function plain(value) {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string" && value.length > 200) return `'${value[0]}' x ${value.length}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

const same_bytes = (bytes, golden) =>
  golden === undefined ||
  (typeof golden === "string"
    ? bytes.toString("hex") === golden
    : bytes.length === golden.total_bytes && bytes.toString("hex").startsWith(golden.prefix));

/* Where the bytes are not those of JavaScript's encoder: decoders of all generations have to understand these, and need
 * not hear of what came and went. */
const OWN_BYTES = new Set(
  (
    "field-ops ref-swap map-add-delete-same-tick array-number-splice-insert array-number-splice-replace array-number-sort " +
    "array-number-pop-push array-number-push-pop array-number-splice-all array-schema-pop array-schema-shift " +
    "array-schema-splice-remove array-schema-splice-insert array-schema-sort array-schema-shift-shift set-string set-schema " +
    "collection-number mixed-tick"
  ).split(" "),
);

const UNUSUAL = { "number-NaN": 0, "number-Infinity": Number.MAX_SAFE_INTEGER, "number--Infinity": -Number.MAX_SAFE_INTEGER, "number-1.00000001": 1 };

for (const vector of vectors.filter((v) => v.steps)) {
  test(`golden: ${vector.id}`, async () => {
    const { classes, lib, json } = open_library(driver, vector.types);
    const s = new classes.State();
    const run = (code) => new Function("s", "C", "lib", code)(s, classes, lib);
    if (vector.init) run(vector.init);
    driver.say(`root ${s.$id}`);
    const shared = await driver.bytes("types 0");
    if (vector.handshake) assert.equal(await driver.ask("types 18"), vector.handshake);
    const first = await driver.bytes("patch");
    const clients = [];
    for (const generation of GENERATION_NUMBERS) {
      clients.push(open_decoder(generation, shared, true), open_decoder(generation, await driver.bytes(`types ${generation}`), false));
    }
    for (const client of clients) client.decode(first);
    for (const [i, step] of vector.steps.entries()) {
      run(vector.do[i]);
      const patch = await driver.bytes("patch");
      const all = await driver.bytes("all");
      const expected = vector.id in UNUSUAL ? { n: UNUSUAL[vector.id] } : json(s);
      if (step.json && !(vector.id in UNUSUAL)) assert.deepEqual(plain(expected), step.json, `step ${i}: what the vector says`);
      for (const client of clients) {
        client.decode(patch);
        const fresh = open_decoder(client.generation, shared, true);
        fresh.decode(all);
        for (const [what, state] of [["patched", client], ["whole", fresh]]) {
          const got = state.json();
          if (vector.id === "number-0.1") got.n = Math.round(got.n * 10) / 10;
          assert.deepEqual(plain(got), plain(expected), `step ${i}, generation ${client.generation}, ${what}`);
        }
      }
      const same = same_bytes(patch, step.patch) && same_bytes(all, step.full_after);
      if (!OWN_BYTES.has(vector.id)) assert.ok(same, `step ${i}: ${patch.toString("hex")} for ${step.patch}; ${all.toString("hex")} for ${step.full_after}`);
    }
  });
}

/* What the real encoder sends to a view's client, and what we do, arrive at the same. */
for (const vector of vectors.filter((v) => v.viewSteps)) {
  test(`golden: ${vector.id}`, async () => {
    const { classes, lib } = open_library(driver, vector.types, vector.views);
    const s = new classes.State();
    const run = (code, view) => new Function("s", "C", "lib", "view", code)(s, classes, lib, view);
    if (vector.init) run(vector.init);
    driver.say(`root ${s.$id}`);
    const shared = await driver.bytes("types 0");
    assert.equal(await driver.ask("types 18"), vector.handshake);
    driver.say("commit");
    const view = open_view(driver, 0);
    const pairs = [];
    for (const generation of GENERATION_NUMBERS) {
      const all = Buffer.concat([await driver.bytes("all"), await driver.bytes("vall 0")]);
      const ours = Object.assign(open_decoder(generation, shared, true), { name: "ours" });
      const theirs = Object.assign(open_decoder(generation, Buffer.from(generation === 18 ? vector.handshake : vector.handshake4, "hex"), false), { name: "theirs" });
      ours.decode(all);
      theirs.decode(Buffer.from(vector.init_full ?? "", "hex"));
      pairs.push([generation, ours, theirs]);
    }
    for (const [i, step] of vector.viewSteps.entries()) {
      const [change, look] = vector.view_do[i];
      run(change, view);
      run(look, view);
      const everyone = await driver.bytes("encode");
      assert.equal(everyone.toString("hex"), step.shared, `step ${i}: the part for all`);
      const own = await driver.bytes("vencode 0");
      driver.say("commit");
      const whole = Buffer.concat([await driver.bytes("all"), await driver.bytes("vall 0")]);
      for (const [generation, ours, theirs] of pairs) {
        ours.decode(Buffer.concat([everyone, own]), `step ${i}`);
        theirs.decode(Buffer.from(step.client_with_view, "hex"), `step ${i}`);
        const fresh = Object.assign(open_decoder(generation, shared, true), { name: "fresh" });
        fresh.decode(whole);
        assert.deepEqual(plain(ours.json()), plain(theirs.json()), `step ${i}, generation ${generation}`);
        assert.deepEqual(plain(fresh.json()), plain(theirs.json()), `step ${i}, generation ${generation}, whole`);
      }
    }
  });
}

/* --- At random --- */

const SECONDS = Number(process.env.ATRIUM_SCHEMA_SECONDS ?? 3);

function same_state(client, expected, where) {
  assert.deepEqual(plain(client.json()), expected, `${where}, generation ${client.generation}, ${client.name}`);
}

/* A state from this seed: patches to clients of all generations, which join and come back now and then. */
async function play(seed, patches, totals) {
  const library = open_library(driver, TYPES);
  const next = chance(seed);
  const random = open_random_state(library, next);
  driver.say(`root ${random.s.$id}`);
  const types = await driver.bytes("types 0");
  let clients = [];
  const join = (name, bytes) => {
    for (const generation of GENERATION_NUMBERS) {
      const client = Object.assign(open_decoder(generation, types, true), { name });
      client.decode(bytes);
      clients.push(client);
    }
  };
  join("first", await driver.bytes("patch"));
  for (let i = 0; i < patches; i++) {
    const where = `seed ${seed}, patch ${i}`;
    for (let n = 1 + (next() % 12); n > 0; n--) random.change(), totals.changes++;
    const patch = await driver.bytes("patch");
    const expected = plain(library.json(random.s));
    totals.patches++;
    for (const client of clients) {
      client.decode(patch, where);
      same_state(client, expected, where);
      totals.comparisons++;
    }
    if (next() % 8 === 0) {
      if (clients.length > 9) clients = clients.filter((client) => client.name === "first");
      join(`joined at ${i}`, await driver.bytes("all"));
      totals.joins += GENERATION_NUMBERS.length;
      for (const client of clients) same_state(client, expected, where);
    }
    if (next() % 16 === 0) {
      const bytes = await driver.bytes("resumed");
      for (const client of clients) {
        client.decode(bytes, `${where}, resumed`);
        same_state(client, expected, `${where}, resumed`);
      }
      totals.resumptions += clients.length;
    }
    const [objects] = (await driver.ask("count")).split(" ").map(Number);
    for (const client of clients) assert.equal(client.refs(), objects, `${where}, generation ${client.generation}, ${client.name}: objects`);
  }
}

test("random changes arrive in every generation, with clients that join late and come back", async (t) => {
  const totals = { seeds: 0, changes: 0, patches: 0, comparisons: 0, joins: 0, resumptions: 0 };
  const first = Number(process.env.ATRIUM_SCHEMA_SEED ?? 1);
  const until = Date.now() + SECONDS * 1000;
  do await play(first + totals.seeds++, 60, totals);
  while (Date.now() < until);
  t.diagnostic(JSON.stringify(totals));
});

/* --- Views --- */

const VIEWS = 3;

/* Clients of all generations in each view, and one without. What each sees is compared after every patch. */
async function play_views(seed, patches, totals) {
  const library = open_library(driver, VIEW_TYPES, VIEW_TAGS);
  const next = chance(seed);
  const random = open_view_state(library, next);
  driver.say(`root ${random.s.$id}`);
  const types = await driver.bytes("types 0");
  await driver.bytes("patch");
  const views = Array.from({ length: VIEWS }, (_, i) => open_view(driver, i));
  const clients = new Map();
  const join = async (view, resumed) => {
    const shared = await driver.bytes(resumed ? "resumed" : "all");
    const own = view ? await driver.bytes(`${resumed ? "vresumed" : "vall"} ${view.number}`) : Buffer.alloc(0);
    const old = clients.get(view);
    const now = resumed && old ? old : GENERATION_NUMBERS.map((g) => Object.assign(open_decoder(g, types, true), { name: view ? `view ${view.number}` : "no view" }));
    for (const client of now) client.decode(Buffer.concat([shared, own]), `seed ${seed}, ${resumed ? "resumed" : "joined"}`);
    clients.set(view, now);
    totals[resumed ? "resumptions" : "joins"] += now.length;
  };
  const nobody = { json: (state) => open_view({ say() {} }, 0).json(state) };
  const compare = (where) => {
    for (const [view, group] of clients) {
      const expected = plain((view ?? nobody).json(random.s));
      for (const client of group) same_state(client, expected, where), totals.comparisons++;
    }
  };
  for (const view of [null, ...views]) await join(view, false);
  for (let i = 0; i < patches; i++) {
    const where = `seed ${seed}, patch ${i}`;
    for (let n = next() % 10; n > 0; n--) random.change(), totals.changes++;
    for (const view of views) for (let n = next() % 3; n > 0; n--) random.look(view), totals.looks++;
    const shared = await driver.bytes("encode");
    for (const view of views) view.settle(random.s);
    for (const [view, group] of clients) {
      const own = view ? await driver.bytes(`vencode ${view.number}`) : Buffer.alloc(0);
      for (const client of group) client.decode(Buffer.concat([shared, own]), where);
    }
    driver.say("commit");
    totals.patches++;
    compare(where);
    if (next() % 10 === 0) {
      const view = [null, ...views][next() % (VIEWS + 1)];
      await join(view, next() % 2 === 0);
      compare(`${where}, joined`);
    }
  }
}

test("views show each client its part, in every generation", async (t) => {
  const totals = { seeds: 0, changes: 0, looks: 0, patches: 0, comparisons: 0, joins: 0, resumptions: 0 };
  const first = Number(process.env.ATRIUM_SCHEMA_SEED ?? 1);
  const until = Date.now() + SECONDS * 1000;
  do await play_views(first + totals.seeds++, 60, totals);
  while (Date.now() < until);
  t.diagnostic(JSON.stringify(totals));
});
