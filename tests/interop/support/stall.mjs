/* Clients that stop reading, and what is to be said of what they get once they read again.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";

/* A socket.io-client on WebSocket whose TCP socket is no longer read from. */
export function stall(socket) {
  socket.io.engine.transport.ws._socket.pause();
}

export function resume(socket) {
  socket.io.engine.transport.ws._socket.resume();
}

/* Numbers that came in: what was on its way, in order and without a gap; then, unless nothing was dropped, one gap;
 * then the newest up to the last, without a gap. Returns how many of the first and of the second. */
export function one_gap(numbers, last) {
  assert.equal(numbers[0], 1);
  assert.equal(numbers.at(-1), last);
  const gaps = numbers.map((n, i) => (i && n !== numbers[i - 1] + 1 ? i : 0)).filter(Boolean);
  assert.equal(gaps.length, 1, `gaps at ${gaps.map((i) => `${numbers[i - 1]} to ${numbers[i]}`)}`);
  assert.ok(numbers[gaps[0]] > numbers[gaps[0] - 1], "the order is kept");
  return { first: gaps[0], second: numbers.length - gaps[0] };
}

/* [name, number] pairs of names that came in turn: what was on its way, complete; then the newest of each name, once,
 * in the order they were sent. */
export function newest_of_each(pairs, names, last) {
  let complete = 0;
  while (complete < pairs.length && pairs[complete][1] === complete + 1) complete++;
  const rest = pairs.slice(complete);
  assert.deepEqual(rest, Array.from({ length: names.length }, (_, i) => last - names.length + 1 + i).map((n) => [names[n % names.length], n]));
  return complete;
}

/* Names which the numbers of pairs do not tell. */
export function all_in_order(numbers, last) {
  assert.deepEqual(numbers, Array.from({ length: last }, (_, i) => i + 1));
}
