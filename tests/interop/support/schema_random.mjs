/* A state that changes at random, in all the ways that there are.
 *
 * SPDX-License-Identifier: MIT
 */
export const TYPES = [
  ["Item", { id: "uint16", qty: "int8", name: "string" }],
  ["Sword", { damage: "float32", sharp: "boolean" }, "Item"],
  [
    "Unit",
    {
      x: "number",
      y: "number",
      hp: "int16",
      name: "string",
      items: { array: "Item" },
      tags: { set: "string" },
      scores: { map: "number" },
      best: { ref: "Item" },
      by_name: { map: "Item" },
    },
  ],
  [
    "State",
    {
      tick: "uint32",
      big: "bigint64",
      huge: "biguint64",
      wide: "int64",
      exact: "float64",
      title: "string",
      units: { map: "Unit" },
      list: { array: "Unit" },
      numbers: { array: "number" },
      words: { array: "string" },
      lead: { ref: "Unit" },
      second: { ref: "Unit" },
      bag: { collection: "Item" },
      squad: { set: "Unit" },
      counters: { map: "uint8" },
      log: { collection: "int32" },
      /* So many fields that one is the twenty-first, whose operation can be taken for something else. */
      f16: "uint8",
      f17: "uint8",
      f18: "uint8",
      f19: "uint8",
      f20: { ref: "Unit" },
      f21: { ref: "Item" },
    },
  ],
];

/* next(): a number of 32 bits. */
export function open_random_state({ classes, lib }, next) {
  const below = (n) => next() % n;
  const pick = (list) => list[below(list.length)];
  const { MapSchema, ArraySchema, SetSchema, CollectionSchema } = lib;
  const s = new classes.State();
  const loose = []; // units and items that hang nowhere, perhaps
  const counts = {};

  const number = () => pick([0, 1, -1, 5, 127, 128, -33, 300, -40000, 70000, 0.5, -3.25, 1e10, 123456789.5, below(1000)]);
  const text = () => pick(["", "a", "é€", "x".repeat(below(40)), `n${below(100)}`, "😀"]);
  const key = () => `k${below(12)}`;

  function item() {
    if (loose.length && below(4) === 0) {
      const old = pick(loose);
      if (old instanceof classes.Item || old instanceof classes.Sword) return old;
    }
    const made = below(3) === 0 ? new classes.Sword() : new classes.Item();
    if (below(4)) made.id = below(60000);
    if (below(2)) made.name = text();
    return made;
  }
  function unit() {
    const there = [...s.units.values(), ...s.list.items, ...loose].filter((u) => u instanceof classes.Unit);
    if (there.length && below(3) === 0) return pick(there);
    const made = new classes.Unit();
    made.x = number();
    if (below(2)) made.name = text();
    if (below(2)) (made.items = new ArraySchema()), made.items.push(...Array.from({ length: below(3) }, item));
    if (below(3) === 0) made.tags = new SetSchema();
    if (below(3) === 0) made.scores = new MapSchema();
    if (below(4) === 0) made.best = made.items?.length ? made.items[0] : item();
    if (below(4) === 0) made.by_name = new MapSchema();
    return made;
  }
  const all_units = () => [...s.units.values(), ...s.list.items, ...s.squad.values(), ...(s.lead ? [s.lead] : [])];

  function change_array(array, make) {
    const n = array.length;
    switch (below(11)) {
      case 0:
      case 1:
        return array.push(...Array.from({ length: 1 + below(3) }, make));
      case 2:
        return n && array.pop();
      case 3:
        return n && array.shift();
      case 4:
        return n < 20 && array.unshift(...Array.from({ length: 1 + below(2) }, make));
      case 5:
        return n && (array[below(n)] = make());
      case 6:
        return array.splice(below(n + 1), below(3), ...Array.from({ length: below(3) }, make));
      case 7:
        return array.reverse();
      case 8:
        return array.permute(array.items.map((_, i) => [next(), i]).sort((a, b) => a[0] - b[0]).map((pair) => pair[1]));
      case 9:
        return n > 1 && array.move(below(n), below(n));
      default:
        return below(4) === 0 && array.clear();
    }
  }
  function change_map(map, make) {
    const there = [...map.keys()];
    const roll = below(12);
    if (roll < 6) map.set(key(), make());
    else if (roll < 10) there.length && map.delete(pick(there));
    else if (roll < 11) map.clear();
    else if (there.length) {
      const again = pick(there), value = map.get(again);
      map.delete(again);
      map.set(again, below(2) ? value : make());
    }
  }
  function change_set(set, make) {
    const there = [...set.values()];
    const roll = below(10);
    if (roll < 6) set.add(make());
    else if (roll < 9) there.length && set.delete(pick(there));
    else set.clear();
  }
  function change_item(it) {
    const roll = below(4);
    if (roll === 0) it.id = below(60000);
    else if (roll === 1) it.qty = below(256) - 128;
    else if (roll === 2) it.name = below(3) ? text() : undefined;
    else if (it instanceof classes.Sword) it.damage = below(1000) / 8;
  }

  const changes = {
    fields: () => {
      s.tick = below(1e9);
      if (below(2)) s.title = below(4) ? text() : undefined;
      if (below(3) === 0) (s.big = BigInt(next()) * -(2n ** 20n)), (s.huge = 2n ** 64n - BigInt(next()));
      if (below(3) === 0) (s.wide = -next() * 1000), (s.exact = next() / 7);
      s[`f${16 + below(4)}`] = below(256);
    },
    unit: () => {
      const u = pick(all_units());
      if (!u) return;
      const roll = below(10);
      if (roll < 3) u.x = number();
      else if (roll < 5) u.y = below(5) ? number() : undefined;
      else if (roll < 6) u.hp = below(60000) - 30000;
      else if (roll < 7) u.name = text();
      else if (roll < 8) u.best = below(3) ? item() : undefined;
      else if (roll < 9 && u.items?.length) change_item(pick(u.items.items));
      else if (u.by_name) change_map(u.by_name, item);
      else u.by_name = new MapSchema();
    },
    unit_items: () => {
      const u = pick(all_units());
      if (u?.items) change_array(u.items, item);
    },
    unit_tags: () => {
      const u = pick(all_units());
      if (u?.tags) change_set(u.tags, text);
      if (u?.scores) change_map(u.scores, number);
    },
    units: () => change_map(s.units, unit),
    list: () => change_array(s.list, unit),
    numbers: () => change_array(s.numbers, number),
    words: () => change_array(s.words, text),
    bag: () => change_set(s.bag, item),
    squad: () => change_set(s.squad, unit),
    counters: () => change_map(s.counters, () => below(256)),
    log: () => change_set(s.log, () => below(1e6) - 5e5),
    refs: () => {
      const name = pick(["lead", "second", "f20"]);
      s[name] = below(3) ? unit() : undefined;
      if (below(2)) s.f21 = below(3) ? item() : undefined;
    },
    swap: () => {
      const { lead, second } = s;
      (s.lead = second), (s.second = lead);
    },
    replace: () => {
      /* A container for another, with what was in the old one. */
      const u = pick(all_units());
      const roll = below(4);
      if (roll === 0 && u?.items) {
        const kept = u.items.items.filter(() => below(2));
        u.items = new ArraySchema();
        u.items.push(...kept, item());
      } else if (roll === 1) {
        const kept = s.list.items.filter(() => below(2));
        s.list = new ArraySchema();
        s.list.push(...kept);
      } else if (roll === 2) {
        const kept = [...s.units.keys()].filter(() => below(2)).map((k) => [k, s.units.get(k)]);
        s.units = new MapSchema();
        for (const [k, v] of kept) s.units.set(k, v);
      } else {
        s.numbers = new ArraySchema();
        s.numbers.push(number());
      }
    },
    take_out: () => {
      /* What is taken out may come back, soon or later, changed meanwhile. */
      const u = pick(all_units());
      if (u) loose.push(u);
      const it = pick(s.bag.items);
      if (it) loose.push(it);
      if (loose.length > 10) loose.shift();
      if (loose.length && below(2)) {
        const old = pick(loose);
        if (old instanceof classes.Unit) old.x = number();
        else change_item(old);
      }
    },
  };
  const names = Object.keys(changes);

  s.units = new MapSchema();
  s.list = new ArraySchema();
  s.numbers = new ArraySchema();
  s.words = new ArraySchema();
  s.bag = new CollectionSchema();
  s.squad = new SetSchema();
  s.counters = new MapSchema();
  s.log = new CollectionSchema();
  return {
    s,
    counts,
    change() {
      const name = pick(names);
      counts[name] = (counts[name] ?? 0) + 1;
      changes[name]();
    },
  };
}
