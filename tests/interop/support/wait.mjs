/* Waiting for what will happen, with a limit so generous that only what never happens reaches it.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";

const LIMIT_MS = 15_000;

export function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

export function within(promise, what, ms = LIMIT_MS) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* The arguments of the next event of that name. */
export function once(emitter, event, ms) {
  return within(new Promise((done) => emitter.once(event, (...args) => done(args))), `"${event}"`, ms);
}

/* The arguments of the next n events of that name. */
export function several(emitter, event, n, ms) {
  return within(
    new Promise((done) => {
      const all = [];
      emitter.on(event, function take(...args) {
        all.push(args);
        if (all.length < n) return;
        emitter.off(event, take);
        done(all);
      });
    }),
    `${n} of "${event}"`,
    ms,
  );
}

/* Resolves once fn() is true (or resolves to true). */
export async function until(fn, what = "a condition", ms = LIMIT_MS) {
  const end = Date.now() + ms;
  while (!(await fn())) {
    assert.ok(Date.now() < end, `waited ${ms} ms for ${what}`);
    await sleep(10);
  }
}
