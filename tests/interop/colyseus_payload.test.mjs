/* Payloads of Colyseus' clients: what their packer writes, with records for objects, as plain MessagePack.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Packr, Unpackr } from "@colyseus/msgpackr";
import { chance } from "./support/chance.mjs";
import { open_driver } from "./support/schema_state.mjs";

const driver = open_driver(process.env.ATRIUM_BUILD ?? "build");
after(async () => assert.equal(await driver.close(), 0, "the driver ends well"));

/* Reads no records: what it finds is plain. */
const plain_reader = new Unpackr({ useRecords: false, mapsAsObjects: true });

async function comes_through(value) {
  const packed = new Packr().pack(value);
  const plain = await driver.bytes(`plain ${packed.toString("hex")}`);
  assert.deepEqual(plain_reader.unpack(plain), JSON.parse(JSON.stringify(value)));
  return [packed, plain];
}

test("objects of clients arrive", async () => {
  const [packed, plain] = await comes_through({ x: 64, y: 3.5 });
  assert.equal(packed.subarray(0, 2).toString("hex"), "d472", "the packer writes a record");
  assert.equal(plain[0], 0x82, "which became a map");
  await comes_through({});
  await comes_through([{ a: 1 }, { a: 2 }, { a: 127 }, { b: { a: 3 } }]);
  await comes_through({ d4: "\u00d4r@", long: "x".repeat(300), list: [1, 64, 127, 128, -1, 2 ** 40, 0.1] });
  await comes_through(Array.from({ length: 200 }, (_, i) => ({ [`k${i % 90}`]: i })));
});

test("values at random", async (t) => {
  const next = chance(11);
  const below = (n) => next() % n;
  const make = (depth) => {
    const roll = below(depth > 0 ? 10 : 6);
    if (roll < 2) return below(2) ? below(300) : next() / 8;
    if (roll < 4) return ["", "r@", "\u00d4r@", "x".repeat(below(50)), `s${below(99)}`][below(5)];
    if (roll < 5) return below(2) === 0;
    if (roll < 6) return null;
    if (roll < 8) return Array.from({ length: below(6) }, () => make(depth - 1));
    return Object.fromEntries(Array.from({ length: below(5) }, () => [`k${below(8)}`, make(depth - 1)]));
  };
  let bytes = 0;
  for (let i = 0; i < 1500; i++) bytes += (await comes_through(make(5)))[0].length;
  t.diagnostic(`${bytes} bytes in 1500 values`);
});
