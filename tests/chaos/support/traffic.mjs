// Traffic that notices what is lost, doubled or out of order: real clients that say numbers and check those that they
// hear, while the test kills, reloads or scales the workers of apps/traffic.lua. README.md beside has the rules.
// SPDX-License-Identifier: MIT
import { io } from "socket.io-client";
import { sleep, until } from "./super.mjs";

const UNSURE = 1, SURE = 2; // of what was said: 0 is under way
const TROUBLE_MAX = 20;

export const app = new URL("../apps/traffic.lua", import.meta.url);

class Client {
  constructor(traffic, who, rooms, options) {
    this.traffic = traffic;
    this.who = who;
    this.rooms = rooms;
    this.targets = ["self", "id", ...rooms];
    this.said = [undefined]; // by number: where to
    this.state = [SURE];
    this.segments = []; // one for each session: what it heard, and from where on it had to
    this.lastSure = 0;
    this.socket = io(traffic.url, { forceNew: true, timeout: 60000, ...options, auth: { who, rooms } });
    this.socket.on("connect", () => this.arrived());
    this.socket.on("disconnect", (reason) => this.left(reason));
    this.socket.on("heard", (from, to, n) => this.heard(from, to, n));
  }

  get segment() {
    return this.segments.at(-1);
  }

  arrived() {
    const { socket, traffic } = this, { counts } = traffic;
    if (this.segments.length === 0) {
      this.segments.push({ from: [], streams: new Map() });
      return;
    }
    counts.returns++;
    const away = performance.now() - this.lostAt, late = away > traffic.durationMs;
    if (socket.recovered) counts.recovered++;
    else {
      if (late) counts.late++;
      else counts.refused++;
      traffic.refusals.push({ who: this.who, awayMs: Math.round(away), after: this.lostBy });
      // From here on it hears what is said later; what was said before may have passed it.
      this.segments.push({ from: traffic.clients.map((client) => client.said.length), streams: new Map() });
      this.lastSure = 0;
    }
  }

  left(reason) {
    const { disconnects } = this.traffic.counts;
    disconnects[reason] = (disconnects[reason] ?? 0) + 1;
    this.lostAt = performance.now();
    this.lostBy = reason;
  }

  heard(from, to, n) {
    const { traffic, segment } = this, key = `${from} ${to}`;
    let stream = segment.streams.get(key);
    if (!stream) segment.streams.set(key, (stream = []));
    traffic.counts.heard++;
    if (stream.length && n <= stream.at(-1)) {
      const twice = stream.includes(n);
      traffic.wrong(twice ? "doubles" : "reorders", () => `${this.who} heard ${n} of ${key} after ${stream.at(-1)}`);
      if (twice) return;
    }
    stream.push(n);
  }

  // Says one number and waits for the answer; it is unsure what became of it when the connection breaks meanwhile.
  async say() {
    const { socket, traffic, segments } = this, n = this.said.length, to = this.targets[n % this.targets.length];
    const whole = segments.length, begin = performance.now();
    this.said.push(to);
    this.state.push(0);
    traffic.counts.said++;
    try {
      const asked = socket.timeout(traffic.patienceMs);
      const [before, worker] = await new Promise((done, fail) => asked.emit("say", n, to, (err, ...answer) => (err ? fail(err) : done(answer))));
      this.state[n] = SURE;
      this.worker = worker;
      traffic.tookMs.push(performance.now() - begin);
      if (segments.length === whole) this.answered(n, before);
    } catch (err) {
      this.state[n] = UNSURE;
      traffic.counts.unsure++;
      if (/timed out/u.test(err.message)) traffic.wrong("gaps", () => `nobody answered ${this.who}, who said ${n}`);
    }
  }

  // What the server had of this client before: all of which it is sure, and nothing twice.
  answered(n, before) {
    const { traffic } = this;
    if (before >= n) traffic.wrong("doubles", () => `the server had ${before} of ${this.who} before ${n}`);
    else if (before < this.lastSure) traffic.wrong("gaps", () => `the server had forgotten that ${this.who} said ${this.lastSure}: it had ${before}`);
    this.lastSure = n;
  }

  async speak(pauseMs) {
    await sleep(Math.random() * pauseMs);
    while (!this.traffic.stopping) {
      // After a loss too: it may say something before it is told that it is somebody new.
      if (this.socket.connected) await this.say();
      await sleep(pauseMs / 2 + Math.random() * pauseMs);
    }
  }

  // The numbers of a stream that have to be there and are not, in its sessions; each was said for sure.
  gaps(from, to, report) {
    const { said, state } = this.traffic.clients[from], key = `${from} ${to}`;
    for (const [i, { from: begin, streams }] of this.segments.entries()) {
      const got = streams.get(key) ?? [], there = new Set(got);
      const first = begin[from] ?? 0, last = i === this.segments.length - 1 ? said.length - 1 : got.at(-1) ?? -1;
      const least = got.length ? Math.min(first, got[0]) : first;
      for (let n = Math.max(least, 1); n <= last; n++) if (said[n] === to && state[n] === SURE && !there.has(n)) report(n);
    }
  }

  missing(report) {
    for (const to of ["self", "id"]) this.gaps(this.who, to, (n) => report(this.who, to, n));
    for (const to of this.rooms) for (const { who, rooms } of this.traffic.clients) if (rooms.includes(to)) this.gaps(who, to, (n) => report(who, to, n));
  }
}

// A percentile of unsorted numbers.
const percentile = (numbers, p) => numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * p))] ?? 0;

export class Traffic {
  // `clients` of them, each in `roomsEach` of `rooms` rooms; transports: a list of lists, in turn. Ends with the test t, if
  // there is one; else by close(). durationMs: maxDisconnectionDuration; patienceMs: for an answer.
  static async start(t, url, { clients = 30, rooms = 6, roomsEach = 2, transports = [["websocket"]], durationMs = 120000, patienceMs = 60000, options = {} } = {}) {
    const traffic = new Traffic();
    Object.assign(traffic, { url, durationMs, patienceMs, clients: [], tookMs: [], troubles: [], refusals: [], stopping: false, speaking: Promise.resolve() });
    traffic.counts = { said: 0, unsure: 0, heard: 0, gaps: 0, doubles: 0, reorders: 0, disconnects: {}, returns: 0, recovered: 0, refused: 0, late: 0 };
    t?.after(() => traffic.close());
    for (let who = 0; who < clients; who++) {
      const mine = Array.from({ length: roomsEach }, (_, i) => `room ${(who + i * Math.ceil(rooms / roomsEach)) % rooms}`);
      const how = { transports: transports[who % transports.length], reconnectionDelay: 20, reconnectionDelayMax: 200, ...options };
      traffic.clients.push(new Client(traffic, who, [...new Set(mine)], how));
      if (who % 50 === 49) await until("the clients connected", () => traffic.connected());
    }
    await until("the clients connected", () => traffic.connected());
    return traffic;
  }

  connected() {
    return this.clients.every((client) => client.socket.connected);
  }

  wrong(what, text) {
    this.counts[what]++;
    if (this.troubles.length < TROUBLE_MAX) this.troubles.push(`${what}: ${text()}`);
  }

  // Each client says a number, waits for the answer and `pauseMs`, more or less, and so on until stop().
  speak(pauseMs = 50) {
    this.stopping = false;
    this.speaking = Promise.all(this.clients.map((client) => client.speak(pauseMs)));
  }

  // Says no more, and waits until what was said for sure is there, or does not come.
  async stop(patienceMs = 20000) {
    this.stopping = true;
    await this.speaking;
    await until("the clients connected", () => this.connected());
    const end = Date.now() + patienceMs;
    let missing;
    do {
      missing = [];
      for (const client of this.clients) client.missing((...what) => missing.push([client.who, ...what]));
      if (missing.length) await sleep(200);
    } while (missing.length && Date.now() < end);
    for (const [who, from, to, n] of missing) this.wrong("gaps", () => `${who} has not heard ${n} of ${from} to ${to}`);
  }

  // Everything that was counted, as what JSON can carry.
  report() {
    const { counts, tookMs } = this, timely = counts.returns - counts.late;
    return {
      clients: this.clients.length,
      ...counts,
      recoveredPerCent: timely ? Math.round((counts.recovered / timely) * 1e4) / 100 : 100,
      answerMs: { median: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99), longest: percentile(tookMs, 1) },
      troubles: this.troubles,
      refusals: this.refusals.slice(0, TROUBLE_MAX),
    };
  }

  close() {
    this.stopping = true;
    for (const { socket } of this.clients) {
      socket.disconnect();
      socket.io._close();
    }
  }
}
