/* The store as scripts use it, in the process's memory: values, conditions, counters, leases, fences, mistakes.
 * What every store does is in tests/conform/store_suite.h; one that several workers share in tests/chaos/store.test.mjs.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./support/server.mjs";

const server = new Server("store.lua");
before(() => server.start());
after(() => server.stop());

// [ok, results...]: of pcall.
async function raw(...order) {
  const response = await fetch(`${server.url}/ask`, { method: "POST", body: JSON.stringify(order) });
  assert.equal(response.status, 200);
  return response.json();
}
async function ask(...order) {
  const [ok, ...results] = await raw(...order);
  assert.equal(ok, true, results[0]);
  return results;
}
async function fails(says, ...order) {
  const [ok, message] = await raw(...order);
  assert.equal(ok, false);
  assert.match(message, says);
}

test("values are what JSON carries", async () => {
  for (const value of ["text", 5, -1.5, true, false, ["a", 1], { a: { b: [1] } }, "", null]) {
    const [version] = await ask("set", "k", value);
    const [got, at] = await ask("get", "k");
    assert.deepEqual(got, value);
    assert.equal(at, version);
  }
  assert.deepEqual(await ask("del", "k"), [1, null, null]);
  assert.deepEqual(await ask("get", "k"), [null, null, null]);
  assert.equal((await ask("del", "k"))[0], 0);
});

test("conditions", async () => {
  const [version] = await ask("set", "c", 1, { ifAbsent: true });
  assert.deepEqual((await ask("set", "c", 2, { ifAbsent: true })).slice(0, 2), [null, "exists"]);
  assert.deepEqual((await ask("set", "c", 2, { ifVersion: version + 1 })).slice(0, 2), [null, "changed"]);
  const [next] = await ask("set", "c", 2, { ifVersion: version });
  assert.ok(next > version);
  assert.deepEqual((await ask("del", "c", { ifVersion: version })).slice(0, 2), [null, "changed"]);
  assert.equal((await ask("del", "c", { ifVersion: next }))[0], 1);
});

test("counters, and prefixes", async () => {
  assert.equal((await ask("incr", "n:1"))[0], 1);
  assert.equal((await ask("incr", "n:1", 10))[0], 11);
  assert.equal((await ask("incr", "n:1", -20))[0], -9);
  assert.equal((await ask("get", "n:1"))[0], -9);
  await ask("set", "n:2", 40);
  assert.equal((await ask("incr", "n:2", 2))[0], 42);
  await ask("set", "n:3", "40");
  await fails(/store: a value has the wrong type/, "incr", "n:3");
  assert.equal((await ask("del", "n:", { prefix: true }))[0], 3);
});

test("times to live", async () => {
  await ask("set", "t", 1, { ttl: 100 });
  assert.equal((await ask("expire", "t", 600000))[0], true);
  await new Promise((done) => setTimeout(done, 200));
  assert.equal((await ask("get", "t"))[0], 1);
  assert.equal((await ask("expire", "t", 10))[0], true);
  while ((await ask("get", "t"))[0] !== null) await new Promise((done) => setTimeout(done, 10));
  assert.equal((await ask("expire", "t", 10))[0], false);
});

test("leases and fences", async () => {
  const [epoch] = await ask("lease", "l", 60000);
  assert.ok(epoch > 0);
  const [owner, at, left] = await ask("holder", "l");
  assert.equal(at, epoch);
  assert.ok(left > 0 && left <= 60000);
  assert.deepEqual((await ask("lease", "l", 60000)).slice(0, 2), [null, owner]); // each call is an owner of its own
  assert.equal((await ask("renew", "l"))[0], true);
  assert.ok((await ask("fenced", "l", "f", "mine"))[0] > 0);
  assert.equal((await ask("release", "l"))[0], true);
  assert.equal((await ask("release", "l"))[0], false);
  assert.equal((await ask("renew", "l", 1000))[0], false);
  assert.deepEqual((await ask("fenced", "l", "f", "late")).slice(0, 2), [null, "fenced"]);
  assert.equal((await ask("get", "f"))[0], "mine");
  assert.deepEqual(await ask("holder", "l"), [null, null, null]);
  const [mine] = await ask("lease", "l", 60000, "me");
  assert.ok(mine > epoch);
  assert.equal((await ask("lease", "l", 60000, "me"))[0], mine);
});

test("mistakes are named", async () => {
  await fails(/store: the key is a number, not a string/, "get", 5);
  await fails(/store: there is no option tll/, "set", "k", 1, { tll: 5 });
  await fails(/store: ttl is not a whole number from 0 on/, "set", "k", 1, { ttl: -1 });
  await fails(/store: ttl is not a whole number from 0 on/, "set", "k", 1, { ttl: "soon" });
  await fails(/store: a fence is a lease/, "set", "k", 1, { fence: "l" });
  await fails(/store: an increment of 0/, "incr", "k", 0);
  await fails(/store: a value is out of range/, "lease", "l2", 0);
  await fails(/store: a configured limit was reached/, "get", "k".repeat(1025));
});
