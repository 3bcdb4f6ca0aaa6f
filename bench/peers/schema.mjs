// How fast @colyseus/schema encodes: the changes of apps/schema.c. Usage: schema.mjs SCENARIO SECONDS
import { ArraySchema, Encoder, MapSchema, Schema, StateView, defineTypes, view } from "@colyseus/schema";

const PLAYERS = 100, NUMBERS = 1000, VIEWS = 20, BATCH = 64, CHANCES = 1 << 16;
Encoder.BUFFER_SIZE = 256 * 1024;

class Player extends Schema {}
defineTypes(Player, { x: "number", y: "number", name: "string", hp: "int16", secret: "number" });
view()(Player.prototype, "secret");
class State extends Schema {}
defineTypes(State, { tick: "uint32", players: { map: Player }, list: { array: "number" } });

// Drawn beforehand: they are not what is measured.
const places = new Float64Array(CHANCES), somebody = new Uint16Array(CHANCES), numbers_of = new Uint16Array(CHANCES), values = new Uint16Array(CHANCES);
for (let i = 0, seed = 1; i < CHANCES; i++) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  places[i] = ((seed >>> 8) % 10000) / 8;
  somebody[i] = (seed >>> 8) % PLAYERS;
  numbers_of[i] = (seed >>> 8) % (NUMBERS - 1);
  values[i] = (seed >>> 8) % 1000;
}
let chance = 0, tick = 0, bytes = 0;
const next = () => chance++ & (CHANCES - 1);

const state = new State();
const players = [];
state.players = new MapSchema();
state.list = new ArraySchema();
function put_player(i) {
  const p = (players[i] = new Player());
  p.x = places[next()];
  p.y = places[next()];
  p.name = "somebody";
  p.hp = 100;
  p.secret = i;
  state.players.set(`session${i}`, p);
}
for (let i = 0; i < PLAYERS; i++) put_player(i);
for (let i = 0; i < NUMBERS; i++) state.list.push(values[next()]);
const encoder = new Encoder(state);
encoder.encode();
encoder.discardChanges();

function patch() {
  bytes += encoder.encode({ offset: 0 }).length;
  encoder.discardChanges();
}
function move(p) {
  p.x = places[next()];
  p.y = places[next()];
}
function some_move() {
  state.tick = ++tick;
  for (let i = 0; i < PLAYERS / 10; i++) move(players[somebody[next()]]);
  patch();
}

let views;
const scenarios = {
  "all-move"() {
    state.tick = ++tick;
    for (let i = 0; i < PLAYERS; i++) move(players[i]);
    patch();
  },
  "some-move": some_move,
  "come-and-go"() {
    const i = somebody[next()];
    state.players.delete(`session${i}`);
    patch();
    put_player(i);
    some_move();
  },
  numbers() {
    for (let i = 0; i < 10; i++) state.list[numbers_of[next()]] = values[next()];
    state.list.pop();
    state.list.push(values[next()]);
    patch();
  },
  whole() {
    bytes += encoder.encodeAll({ offset: 0 }).length;
  },
  views() {
    if (!views) {
      views = Array.from({ length: VIEWS }, (_, v) => {
        const made = new StateView();
        for (let i = 0; i < 10; i++) made.add(players[(v * 10 + i) % PLAYERS]);
        return made;
      });
    }
    for (let i = 0; i < PLAYERS / 10; i++) {
      const p = players[somebody[next()]];
      move(p);
      p.secret = values[next()];
    }
    const it = { offset: 0 };
    encoder.encode(it);
    const shared = it.offset;
    for (const one of views) {
      it.offset = shared;
      bytes += encoder.encodeView(one, shared, it).length;
    }
    encoder.discardChanges();
  },
};

const [name, seconds] = process.argv.slice(2);
const run = scenarios[name];
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
// Compilers are given half a second.
for (const until = cpu() + Math.min(0.5, seconds); cpu() < until; ) run();
bytes = 0;
let ticks = 0, begin = cpu(), now;
do {
  for (let i = 0; i < BATCH; i++) run();
  ticks += BATCH;
  now = cpu();
} while (now - begin < seconds);
console.log(JSON.stringify({ ticks, cpu: now - begin, bytes }));
