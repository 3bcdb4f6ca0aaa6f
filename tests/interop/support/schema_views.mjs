/* A state with tagged fields and views of it that change at random, and what each view's client is to see: worked out here
 * from the rules in proto/schema_view.h, top down, without regard to how the encoder does it.
 *
 * SPDX-License-Identifier: MIT
 */
const ALL = -1;

export const VIEW_TYPES = [
  ["Card", { n: "number", secret: "number", hint: "string", perk: "uint8" }],
  ["Unit", { x: "number", items: { array: "Card" }, marks: { map: "number" }, hidden: "number", bag: { map: "Card" } }],
  ["Player", { name: "string", hp: "int16", hand: { array: "Card" }, notes: { array: "string" }, target: { ref: "Card" }, pool: { set: "Card" } }],
  [
    "State",
    {
      tick: "uint32",
      priv: "number",
      players: { map: "Player" },
      units: { map: "Unit" },
      table: { array: "Card" },
      deck: { array: "Card" },
      lead: { ref: "Player" },
      choice: { collection: "Unit" },
      numbers: { array: "number" },
    },
  ],
];

export const VIEW_TAGS = {
  Card: { secret: ALL, hint: 1, perk: 2 },
  Unit: { hidden: ALL, bag: ALL },
  Player: { hand: ALL, notes: ALL, target: ALL, pool: 4 },
  State: { priv: ALL, units: ALL, deck: ALL, lead: ALL, choice: ALL, numbers: ALL },
};

const raw = (value) => value?.$raw ?? value;
const is_object = (value) => typeof value === "object" && value !== null;
const values_of = (container) => (container.items instanceof Map ? [...container.items.values()] : container.items).map(raw);

/* What hangs in an object: [child, tag of the field]. */
function edges(object) {
  if (object.$values)
    return [...object.$values].filter(([, value]) => is_object(value)).map(([name, value]) => [raw(value), VIEW_TAGS[object.constructor.$name]?.[name] ?? 0]);
  return values_of(object).filter(is_object).map((child) => [child, 0]);
}

function reach(from, follow, seen = new Set()) {
  if (seen.has(from)) return seen;
  seen.add(from);
  for (const [child, tag] of edges(from)) if (follow(tag)) reach(child, follow, seen);
  return seen;
}

export function open_view(driver, number) {
  const marks = new Map(); // object -> bits; ALL is bit 31
  const on_way = new Set(); // what something was added in
  driver.say(`view ${number}`);
  const bits = (tag) => (tag === ALL ? 2 ** 31 : tag);
  const walk = (object, tag, add) => {
    for (const child of reach(object, (t) => !add || t <= 0 || (tag !== ALL && (t & tag) !== 0))) {
      const old = marks.get(child) ?? 0;
      const now = add ? (old | bits(tag)) >>> 0 : (old & ~bits(tag)) >>> 0;
      if (now) marks.set(child, now);
      else marks.delete(child);
      if (!add) on_way.delete(child);
    }
  };
  return {
    number,
    add(object, tag = ALL) {
      walk(raw(object), tag, true);
      driver.say(`vadd ${number} ${raw(object).$id} ${tag}`);
    },
    remove(object, tag = ALL) {
      walk(raw(object), tag, false);
      driver.say(`vremove ${number} ${raw(object).$id} ${tag}`);
    },
    /* What is no longer in the state is no longer in views. */
    settle(state) {
      const there = reach(state, () => true);
      for (const object of [...marks.keys()]) if (!there.has(object)) marks.delete(object);
      const everyone = reach(state, (tag) => tag === 0);
      for (const object of [...on_way]) if (!there.has(object) || everyone.has(object)) on_way.delete(object);
      for (const object of there) if (!everyone.has(object) && this.revealed(object, everyone, new Map())) on_way.add(object);
    },
    revealed(object, everyone, known) {
      if (everyone.has(object)) return false;
      if (!known.has(object))
        known.set(object, marks.has(object) || on_way.has(object) || edges(object).some(([child]) => this.revealed(child, everyone, known)));
      return known.get(object);
    },
    json(state) {
      const known = new Map();
      const everyone = reach(state, (tag) => tag === 0);
      const revealed = (object) => this.revealed(object, everyone, known);
      const shows = (object) => (everyone.has(object) ? marks.has(object) : revealed(object));
      const of = (value, tag) => {
        if (!is_object(value)) return value;
        const object = raw(value);
        if (object.$values) {
          const out = {};
          const mark = marks.get(object) ?? 0;
          for (const [name, inner] of object.$values) {
            const t = VIEW_TAGS[object.constructor.$name]?.[name] ?? 0;
            if (t === 0 || (t === ALL ? mark : mark & t) || (is_object(inner) && revealed(raw(inner)))) out[name] = of(inner, t);
          }
          return out;
        }
        const picked = tag !== 0 && !everyone.has(object);
        const keep = (inner) => !picked || !is_object(inner) || shows(raw(inner));
        if (object.items instanceof Map) return Object.fromEntries([...object.items].filter(([, v]) => keep(v)).map(([k, v]) => [k, of(v, 0)]));
        return object.items.filter(keep).map((inner) => of(inner, 0));
      };
      return of(state, 0);
    },
    size: () => marks.size,
  };
}

export function open_view_state({ classes, lib }, next) {
  const below = (n) => next() % n;
  const pick = (list) => list[below(list.length)];
  const s = new classes.State();
  const { MapSchema, ArraySchema, SetSchema, CollectionSchema } = lib;
  const key = () => `k${below(8)}`;
  const all = (type) => [...reach(s, () => true)].filter((o) => o instanceof type);
  const card = () => {
    const there = all(classes.Card);
    if (there.length && below(4) === 0) return pick(there);
    const c = new classes.Card();
    (c.n = below(100)), (c.secret = below(100));
    if (below(2)) c.hint = `h${below(50)}`;
    if (below(2)) c.perk = below(200);
    return c;
  };
  const unit = () => {
    const there = all(classes.Unit);
    if (there.length && below(4) === 0) return pick(there);
    const u = new classes.Unit();
    (u.x = below(100)), (u.hidden = below(100));
    if (below(2)) (u.items = new ArraySchema()), u.items.push(card());
    if (below(2)) (u.marks = new MapSchema()), u.marks.set(key(), below(9));
    if (below(2)) (u.bag = new MapSchema()), u.bag.set(key(), card());
    return u;
  };
  const player = () => {
    const there = all(classes.Player);
    if (there.length && below(4) === 0) return pick(there);
    const p = new classes.Player();
    (p.name = `p${below(50)}`), (p.hp = below(100));
    if (below(2)) (p.hand = new ArraySchema()), p.hand.push(card(), card());
    if (below(2)) (p.notes = new ArraySchema()), p.notes.push("x");
    if (below(3) === 0) p.pool = new SetSchema();
    return p;
  };
  const change_map = (map, make) => {
    const there = [...map.keys()];
    if (below(10) < 6 || !there.length) map.set(key(), make());
    else if (below(8)) map.delete(pick(there));
    else map.clear();
  };
  const change_array = (array, make) => {
    const n = array.length, roll = below(9);
    if (roll < 3) array.push(make());
    else if (roll < 4) array.unshift(make());
    else if (roll < 6) n && array.splice(below(n), 1);
    else if (roll < 7) n && (array[below(n)] = make());
    else if (roll < 8) array.reverse();
    else n > 1 && array.move(below(n), below(n));
  };
  const change_set = (set, make) => {
    const there = [...set.values()];
    if (below(3) || !there.length) set.add(make());
    else set.delete(pick(there));
  };
  (s.players = new MapSchema()), (s.units = new MapSchema()), (s.table = new ArraySchema()), (s.deck = new ArraySchema());
  (s.choice = new CollectionSchema()), (s.numbers = new ArraySchema());
  const with_object = (type, fn) => {
    const list = all(type);
    if (list.length) fn(pick(list));
  };
  const changes = [
    () => ((s.tick = below(1e6)), (s.priv = below(1000))),
    () => change_map(s.players, player),
    () => change_map(s.units, unit),
    () => change_map(s.units, unit),
    () => change_array(s.table, card),
    () => change_array(s.deck, card),
    () => change_array(s.numbers, () => below(5)),
    () => change_set(s.choice, unit),
    () => (s.lead = below(3) ? player() : undefined),
    () => with_object(classes.Card, (c) => ((c.n = below(100)), (c.secret = below(100)), below(2) && (c.hint = below(3) ? `h${below(50)}` : undefined))),
    () => with_object(classes.Unit, (u) => ((u.x = below(100)), (u.hidden = below(100)))),
    () => with_object(classes.Unit, (u) => (u.items ? change_array(u.items, card) : (u.items = new ArraySchema()))),
    () => with_object(classes.Unit, (u) => (u.bag ? change_map(u.bag, card) : (u.bag = new MapSchema()))),
    () => with_object(classes.Unit, (u) => (u.marks ? change_map(u.marks, () => below(9)) : (u.marks = new MapSchema()))),
    () => with_object(classes.Player, (p) => (p.hand && below(6) ? change_array(p.hand, card) : (p.hand = new ArraySchema()))),
    () => with_object(classes.Player, (p) => (p.notes ? change_array(p.notes, () => `n${below(9)}`) : (p.notes = new ArraySchema()))),
    () => with_object(classes.Player, (p) => (p.target = below(3) ? card() : undefined)),
    () => with_object(classes.Player, (p) => (p.pool ? change_set(p.pool, card) : (p.pool = new SetSchema()))),
  ];
  return {
    s,
    change: () => pick(changes)(),
    /* Something is added to the view, or removed. */
    look(view) {
      const type = pick([classes.Card, classes.Card, classes.Unit, classes.Unit, classes.Player, classes.State]);
      if (type === classes.State && below(4)) return;
      const tag = pick([ALL, ALL, ALL, 1, 2, 3, 4, 7]);
      with_object(type, (object) => (below(3) ? view.add(object, tag) : view.remove(object, tag)));
    },
  };
}
