// Clients that do not read: what each policy promises them once they read again, and that nobody else is disturbed.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import { collect, scenario } from "./support/client.mjs";
import { onWebsocket, Polling, SEPARATOR } from "./support/engine.mjs";
import { metric } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { all_in_order, newest_of_each, one_gap, resume, stall } from "./support/stall.mjs";
import { until, within } from "./support/wait.mjs";
import { frame, TEXT, websocket } from "./support/wire.mjs";

const KB = 1024;
const BOUND = 1024 * KB, HIGH = 64 * KB; // of apps/backpressure.lua
const FILLER = "x".repeat(8 * KB);
const ROUND = 60; // events between two looks at whether the good client has all: less than the bound
const NAMES = ["alpha", "beta", "gamma"];
const LONG_MS = 120_000;

const server = await serve("backpressure.lua");

async function state(id) {
  return (await (await fetch(`${server.url}/state`)).json()).sockets[id] ?? {};
}

async function queued() {
  const all = ["net_queued_bytes", "backpressure_bytes", "engine_polling_bytes"].map((name) => metric(server, `atrium_${name}`));
  return (await Promise.all(all)).reduce((sum, one) => sum + one);
}

/* Floods until the connection that stalls has had its backlog dropped from for a while: past what the kernels hold. */
async function flood(good, { until: enough, names = false, filler = FILLER, order = "flood" }) {
  let last = 0, most = 0;
  for (let after = 0; after < 40; last += ROUND) {
    const args = order === "flood" ? [filler, names] : [filler];
    await within(good.emitWithAck(order, last + 1, last + ROUND, ...args), "the end of a flood", LONG_MS);
    most = Math.max(most, await queued());
    after += await enough() ? 1 : 0;
    assert.ok(last < 100_000, "it never backs up");
  }
  return { last, most };
}

const counter = (policy, reason) => `atrium_backpressure_drops_total{policy="${policy}",reason="${reason}"}`;

async function moved(name) {
  const before = await metric(server, name);
  return async () => (await metric(server, name)) > before;
}

describe("socket.io-client that stops reading", () => {
  scenario(server, "dropOldest: what was on its way, then the newest; everybody else gets all", async ({ connect }) => {
    const [good, other, slow] = [await connect("/oldest"), await connect("/oldest"), await connect("/oldest")];
    const [all, others, some] = [good, other, slow].map((socket) => collect(socket, "item"));
    stall(slow);
    const { last, most } = await flood(good, { until: await moved(counter("dropOldest", "oldest")) });
    assert.ok(most <= BOUND + 3 * ROUND * FILLER.length, `${most} bytes were queued`);
    assert.equal(await metric(server, "atrium_backpressure_connections"), 1);
    assert.deepEqual(all.map(([n]) => n), Array.from({ length: last }, (_, i) => i + 1));
    await until(() => others.length === last, "the others to have all");
    resume(slow);
    await until(() => some.at(-1)?.[0] === last, "the newest", LONG_MS);
    const { first, second } = one_gap(some.map(([n]) => n), last);
    const event = FILLER.length + 40;
    assert.ok(second * event <= BOUND && (second + 3) * event >= BOUND - HIGH, `${second} of the newest after ${first}`);
    await until(async () => (await metric(server, "atrium_backpressure_connections")) === 0, "the drain");
    assert.ok((await state(slow.id)).drains >= 1);
    assert.equal(await slow.emitWithAck("echo", "alive"), "alive");
  });

  scenario(server, "keepLatest: of each event, the newest", async ({ connect }) => {
    const [good, slow] = [await connect("/latest"), await connect("/latest")];
    const pairs = [], all = [];
    slow.onAny((name, n) => pairs.push([name, n]));
    good.onAny((name, n) => all.push(n));
    stall(slow);
    const { last } = await flood(good, { until: await moved(counter("keepLatest", "latest")), names: NAMES });
    all_in_order(all, last);
    resume(slow);
    await until(() => pairs.at(-1)?.[1] === last, "the newest", LONG_MS);
    assert.ok(newest_of_each(pairs, NAMES, last) < last - NAMES.length);
  });

  scenario(server, "keepLatest: a slow client is never more than its high-water mark behind", async ({ connect }) => {
    const [good, slow] = [await connect("/latest"), await connect("/latest")];
    const got = [];
    slow.on("other", () => got.push("other"));
    slow.on("item", (n) => got.push(n));
    stall(slow);
    const { last } = await flood(good, { until: await moved(counter("keepLatest", "latest")) });
    const { id } = good;
    assert.ok(id);
    await good.emitWithAck("flood", 1, 1, "", ["other"]);
    resume(slow);
    await until(() => got.at(-1) === "other", "the newest", LONG_MS);
    assert.equal(got.at(-2), last);
  });

  scenario(server, "drop: what does not fit is not sent", async ({ connect }) => {
    const [good, slow] = [await connect("/new"), await connect("/new")];
    const some = collect(slow, "item");
    stall(slow);
    const { last } = await flood(good, { until: await moved(counter("drop", "new")) });
    resume(slow);
    await until(async () => (await metric(server, "atrium_backpressure_connections")) === 0, "the drain", LONG_MS);
    assert.equal(await slow.emitWithAck("echo", "behind them"), "behind them");
    all_in_order(some.map(([n]) => n), some.length);
    assert.ok(some.length < last);
  });

  scenario(server, "disconnect: cut off; everybody else gets all", async ({ connect }) => {
    const [good, slow] = [await connect("/disconnect"), await connect("/disconnect", { reconnection: false })];
    const all = collect(good, "item"), some = collect(slow, "item");
    const { id } = slow;
    stall(slow);
    const { last } = await flood(good, { until: await moved("atrium_backpressure_disconnects_total") });
    await until(async () => (await state(id)).open === false, "its end");
    assert.equal((await state(id)).reason, "transport error");
    all_in_order(all.map(([n]) => n), last);
    resume(slow);
    await until(() => !slow.connected, "the client to notice", LONG_MS);
    all_in_order(some.map(([n]) => n), some.length);
    assert.equal(await metric(server, "atrium_backpressure_connections"), 0);
  });

  scenario(server, "a packet is dropped with all its attachments, or not at all", async ({ connect }) => {
    const [good, slow] = [await connect("/oldest"), await connect("/oldest")];
    const some = [], all = [];
    slow.on("blob", (i, filler, number) => some.push([i, filler.length, Number(number.toString())]));
    good.on("blob", (i) => all.push(i));
    stall(slow);
    const { last } = await flood(good, { until: await moved(counter("dropOldest", "oldest")), order: "blob" });
    resume(slow);
    await until(() => some.at(-1)?.[0] === last, "the newest", LONG_MS);
    one_gap(some.map(([i]) => i), last);
    for (const [i, length, number] of some) assert.deepEqual([length, number], [FILLER.length, i]);
    all_in_order(all, last);
  });

  scenario(server, "events that want an acknowledgement are not dropped: the connection is closed", async ({ connect }) => {
    const [good, slow] = [await connect("/oldest"), await connect("/oldest", { reconnection: false })];
    const { id } = slow;
    good.on("question", () => {});
    stall(slow);
    await flood(good, { until: async () => (await state(id)).open === false, order: "ask" });
    assert.equal((await state(id)).reason, "transport error");
    resume(slow);
  });

  scenario(server, "namespaces of one connection: each event under the policy of its own", async ({ connect }) => {
    const [good, slow] = [await connect("/small"), await connect("/small")];
    const goodToo = good.io.socket("/latest"), slowToo = slow.io.socket("/latest");
    await until(() => goodToo.connected && slowToo.connected, "both namespaces");
    const some = collect(slow, "item"), latest = collect(slowToo, "position");
    stall(slow);
    const { last } = await flood(good, { until: await moved(counter("dropOldest", "oldest")) });
    await goodToo.emitWithAck("flood", 1, 40, "", ["position"]);
    resume(slow);
    await until(() => some.at(-1)?.[0] === last && latest.length, "the newest", LONG_MS);
    const { second } = one_gap(some.map(([n]) => n), last);
    assert.ok(second * FILLER.length < 256 * KB, "its own bound");
    assert.deepEqual(latest.map(([n]) => n), [40]);
  });

  scenario(server, "a dynamic namespace has its parent's options", async ({ connect }) => {
    const [good, slow] = [await connect("/child-1"), await connect("/child-1")];
    const some = collect(slow, "item");
    stall(slow);
    const before = await queued();
    const quarter = FILLER.slice(0, KB);
    const { last, most } = await flood(good, { until: await moved(counter("dropOldest", "oldest")), filler: quarter });
    assert.ok(most - before <= 128 * KB + 3 * ROUND * quarter.length, `${most} bytes were queued`);
    resume(slow);
    await until(() => some.at(-1)?.[0] === last, "the newest", LONG_MS);
    one_gap(some.map(([n]) => n), last);
  });
});

describe("bufferedAmount and drain", () => {
  scenario(server, "who is told of queued bytes is told when they are gone", async ({ connect }) => {
    const socket = await connect("/");
    const got = collect(socket, "fill");
    stall(socket);
    socket.emit("fill", FILLER);
    await until(async () => (await state(socket.id)).filled >= 32 * KB, "bytes to wait", LONG_MS);
    const { drains } = await state(socket.id);
    resume(socket);
    await until(async () => (await state(socket.id)).drains > drains, "drain", LONG_MS);
    assert.ok(got.length > 0);
  });

  scenario(server, "a client cannot pretend it", async ({ connect }) => {
    const socket = await connect("/");
    socket.emit("drain", 1, 2, 3);
    assert.equal(await socket.emitWithAck("echo", "after it"), "after it");
    assert.equal((await state(socket.id)).drains, 0);
  });
});

describe("block", () => {
  const N = 640, BIG = "y".repeat(64 * KB);

  scenario(server, "the sender is not read from until all have drained; nothing is lost", async ({ connect }) => {
    const [sender, slow, good] = [await connect("/block"), await connect("/block"), await connect("/block")];
    const aside = await connect("/disconnect");
    const [own, late, all] = [sender, slow, good].map((socket) => collect(socket, "item"));
    stall(slow);
    for (let i = 1; i <= N; i++) sender.emit("shout", i, BIG);
    await until(async () => (await metric(server, "atrium_backpressure_paused")) === 1, "the sender to be paused", LONG_MS);
    const { ws } = sender.io.engine.transport;
    let before = -1;
    await until(async () => {
      const same = before === ws.bufferedAmount && all.length > 0;
      before = ws.bufferedAmount;
      for (let i = 0; i < 50; i++) await aside.emitWithAck("echo", i); // the others are served meanwhile
      return same;
    }, "the sender's system to take no more", LONG_MS);
    assert.ok(ws.bufferedAmount > 0, "TCP pushes back");
    assert.ok(all.length < N, `${all.length} of ${N} were handled`);
    assert.equal(await good.emitWithAck("echo", "me too"), "me too");
    assert.ok((await queued()) <= BOUND);
    resume(slow);
    await until(() => late.length === N && all.length === N && own.length === N, "everything", LONG_MS);
    for (const got of [own, late, all]) all_in_order(got.map(([n]) => n), N);
    await until(async () => (await metric(server, "atrium_backpressure_paused")) === 0, "the sender to be read from again");
    const { waits } = await (await fetch(`${server.url}/state`)).json();
    assert.ok(waits["/block"].drained > 0);
    assert.equal(waits["/block"].late, 0);
  });

  scenario(server, "a recipient that leaves wakes who waits for it", async ({ connect }) => {
    const [sender, slow] = [await connect("/block"), await connect("/block", { reconnection: false })];
    const own = collect(sender, "item");
    stall(slow);
    for (let i = 1; i <= N; i++) sender.emit("shout", i, BIG);
    await until(async () => (await metric(server, "atrium_backpressure_paused")) === 1, "the sender to be paused", LONG_MS);
    slow.io.engine.transport.ws._socket.destroy();
    await until(() => own.length === N, "everything", LONG_MS);
    all_in_order(own.map(([n]) => n), N);
  });

  scenario(server, "a sender that leaves while it waits", async ({ connect }) => {
    const [sender, slow, good] = [await connect("/block", { reconnection: false }), await connect("/block"), await connect("/block")];
    const late = collect(slow, "item"), all = collect(good, "item");
    stall(slow);
    for (let i = 1; i <= N; i++) sender.emit("shout", i, BIG);
    await until(async () => (await metric(server, "atrium_backpressure_paused")) === 1, "the sender to be paused", LONG_MS);
    const { id } = sender;
    sender.io.engine.transport.ws._socket.resetAndDestroy(); // a FIN would wait behind what is not read
    await until(async () => (await state(id)).open === false, "its end", LONG_MS);
    assert.equal(await metric(server, "atrium_backpressure_paused"), 0);
    resume(slow);
    await until(async () => (await metric(server, "atrium_backpressure_connections")) === 0, "the drain", LONG_MS);
    assert.equal(await good.emitWithAck("echo", "well"), "well");
    await until(() => late.length === all.length, "the same for both", LONG_MS);
    all_in_order(all.map(([n]) => n), all.length);
  });

  scenario(server, "two that block each other are freed by blockTimeout", async ({ connect }) => {
    const [one, two] = [await connect("/impatient"), await connect("/impatient")];
    const got = [collect(one, "item"), collect(two, "item")];
    stall(one);
    stall(two);
    const wait = async () => (await metric(server, "atrium_backpressure_wait_timeouts_total"));
    const before = await wait();
    let sent = 0;
    await until(async () => {
      if (sent < 400) for (let i = 0; i < 10; i++, sent++) (sent % 2 ? one : two).emit("shout", sent, BIG);
      return (await wait()) >= before + 4;
    }, "waits to end", LONG_MS);
    assert.ok((await state(one.id)).open && (await state(two.id)).open);
    resume(one);
    resume(two);
    await until(() => got.every((list) => list.length === sent), "everything", LONG_MS);
    for (const list of got) {
      for (const half of [0, 1]) {
        const numbers = list.map(([n]) => n).filter((n) => n % 2 === half);
        assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
      }
    }
  });
});

describe("polling", () => {
  /* Joins the namespace and hears of it. */
  async function join(nsp) {
    const polling = await Polling.to(server, "/socket.io/");
    await polling.send(`40${nsp},`);
    assert.match(await polling.poll(), new RegExp(`^40${nsp},`, "u"));
    return polling;
  }

  async function rest(polling, last) {
    const got = [];
    while (!got.some(({ n }) => n === last)) {
      for (const packet of (await polling.poll()).split(SEPARATOR)) {
        const found = /^42[^,]*,\["(\w+)",(\d+)/u.exec(packet);
        if (found) got.push({ name: found[1], n: Number(found[2]) });
      }
    }
    return got;
  }

  scenario(server, "a client that does not GET: dropOldest", async ({ connect }) => {
    const good = await connect("/oldest"), slow = await join("/oldest");
    const { last } = await flood(good, { until: await moved(counter("dropOldest", "oldest")) });
    const { first, second } = one_gap((await rest(slow, last)).map(({ n }) => n), last);
    const event = FILLER.length + 40;
    assert.ok(first * event >= HIGH && first * event < HIGH + 2 * event, `${first} were on their way`);
    assert.ok(second * event <= BOUND && (second + 3) * event >= BOUND - HIGH, `${second} of the newest`);
    await slow.send("41/oldest,");
    await slow.send("1");
  });

  scenario(server, "a client that does not GET: keepLatest", async ({ connect }) => {
    const good = await connect("/latest"), slow = await join("/latest");
    const { last } = await flood(good, { until: await moved(counter("keepLatest", "latest")), names: NAMES });
    newest_of_each((await rest(slow, last)).map(({ name, n }) => [name, n]), NAMES, last);
    await slow.send("1");
  });

  scenario(server, "a client that does not GET: disconnect", async ({ connect }) => {
    const good = await connect("/disconnect"), slow = await join("/disconnect");
    await flood(good, { until: await moved("atrium_backpressure_disconnects_total") });
    assert.equal((await slow.get()).status, 400);
  });

  scenario(server, "block: a POST is answered when what it says has been handled", async ({ connect }) => {
    const [slow, good] = [await connect("/block"), await connect("/block")];
    const all = collect(good, "item"), late = collect(slow, "item");
    const sender = await join("/block");
    const heard = [];
    let polling = true;
    const poll = (async () => {
      while (polling) for (const packet of (await sender.poll()).split(SEPARATOR)) heard.push(packet);
    })();
    stall(slow);
    let sent = 0, answered = 0;
    while (answered === sent) {
      const shouts = Array.from({ length: 10 }, () => `42/block,["shout",${++sent},"${"y".repeat(64 * KB)}"]`);
      const post = sender.send(shouts.join(SEPARATOR)).then(() => (answered += shouts.length));
      await Promise.race([post, until(async () => (await metric(server, "atrium_backpressure_paused")) === 1, "a pause", LONG_MS)]);
    }
    await until(() => all.length > sent - 10, "the first of the last POST", LONG_MS);
    assert.ok(all.length < sent);
    assert.equal(answered, sent - 10, "the last POST waits");
    resume(slow);
    await until(() => answered === sent && all.length === sent && late.length === sent, "everything", LONG_MS);
    all_in_order(all.map(([n]) => n), sent);
    all_in_order(late.map(([n]) => n), sent);
    await until(() => heard.filter((packet) => packet.startsWith("42/block,")).length === sent, "its own", LONG_MS);
    polling = false;
    await sender.send("41/block,");
    await sender.send("1");
    await poll.catch(() => {});
  });
});

describe("bare engines", () => {
  async function run(name, enough) {
    const good = await onWebsocket(server, `/engine-${name}/`), slow = await onWebsocket(server, `/engine-${name}/`);
    const numbers = [];
    slow.socket.pause();
    let last = 0;
    for (let after = 0; after < 20; after += (await enough()) ? 1 : 0) {
      good.write(frame(TEXT, `4flood ${last + 1} ${last + ROUND} ${FILLER.length}`));
      for (let i = 0; i < ROUND; i++) numbers.push(Number((await good.text()).slice(1).split(" ")[0]));
      last += ROUND;
    }
    all_in_order(numbers, last);
    return { slow, good, last };
  }

  async function read(wire, last) {
    const numbers = [];
    wire.socket.resume();
    while (numbers.at(-1) !== last) numbers.push(Number((await wire.text()).slice(1).split(" ")[0]));
    return numbers;
  }

  test("dropOldest", async () => {
    const { slow, good, last } = await run("oldest", await moved(counter("dropOldest", "oldest")));
    one_gap(await read(slow, last), last);
    await until(async () => (await state(slow.sid)).drained, "drain");
    good.destroy();
    slow.destroy();
  });

  test("keepLatest, by the keys that were given", async () => {
    const { slow, good, last } = await run("latest", await moved(counter("keepLatest", "latest")));
    const numbers = await read(slow, last);
    assert.deepEqual(numbers.slice(-3), [last - 2, last - 1, last]);
    newest_of_each(numbers.map((n) => [n % 3, n]), [0, 1, 2], last);
    good.destroy();
    slow.destroy();
  });

  test("disconnect", async () => {
    const { slow, good } = await run("disconnect", await moved("atrium_backpressure_disconnects_total"));
    slow.socket.resume();
    await slow.rest();
    good.destroy();
  });
});

describe("plain WebSocket endpoints", () => {
  async function run(name, enough, how = "all") {
    const [good, slow] = [await websocket(server.port, `/ws/${name}`), await websocket(server.port, `/ws/${name}`)];
    const numbers = [];
    slow.socket.pause();
    let last = 0;
    for (let after = 0; after < 20; after += (await enough()) ? 1 : 0) {
      good.write(frame(TEXT, `${how} ${last + 1} ${last + ROUND} ${FILLER.length}`));
      for (let text; !(text = await good.text()).startsWith("done"); ) numbers.push(Number(text.split(" ")[0]));
      last += ROUND;
    }
    all_in_order(numbers, last);
    return { slow, good, last };
  }

  async function read(wire, last) {
    const numbers = [];
    wire.socket.resume();
    while (numbers.at(-1) !== last) numbers.push(Number((await wire.text()).split(" ")[0]));
    return numbers;
  }

  function end(...wires) {
    for (const wire of wires) wire.destroy();
  }

  test("dropOldest", async () => {
    const { slow, good, last } = await run("oldest", await moved(counter("dropOldest", "oldest")));
    one_gap(await read(slow, last), last);
    await until(async () => (await state("ws oldest")).drains > 0, "onDrain");
    end(good, slow);
  });

  test("keepLatest, by channel: the newest", async () => {
    const { slow, good, last } = await run("latest", await moved(counter("keepLatest", "latest")));
    newest_of_each((await read(slow, last)).map((n) => [0, n]), [0], last);
    end(good, slow);
  });

  test("keepLatest, by the keys that were given", async () => {
    const { slow, good, last } = await run("latest", await moved(counter("keepLatest", "latest")), "keys");
    newest_of_each((await read(slow, last)).map((n) => [n % 3, n]), [0, 1, 2], last);
    end(good, slow);
  });

  test("drop", async () => {
    const { slow, good, last } = await run("new", await moved(counter("drop", "new")));
    slow.socket.resume();
    await until(async () => (await metric(server, "atrium_backpressure_connections")) === 0, "the drain", LONG_MS);
    slow.write(frame(TEXT, "all 1 0 1"));
    const numbers = [];
    for (let text; !(text = await slow.text()).startsWith("done"); ) numbers.push(Number(text.split(" ")[0]));
    all_in_order(numbers, numbers.length);
    assert.ok(numbers.length < last);
    end(good, slow);
  });

  test("disconnect", async () => {
    const { slow, good } = await run("disconnect", await moved("atrium_backpressure_disconnects_total"));
    await until(async () => (await state("ws disconnect")).code === 1006, "its end");
    slow.socket.resume();
    await slow.rest();
    end(good);
  });

  test("block: the publisher is not read from", async () => {
    const [good, slow] = [await websocket(server.port, "/ws/block"), await websocket(server.port, "/ws/block")];
    slow.socket.pause();
    let last = 0;
    while ((await metric(server, "atrium_backpressure_paused")) === 0) {
      last += ROUND;
      good.write(frame(TEXT, `all ${last - ROUND + 1} ${last} ${FILLER.length}`));
    }
    good.write(frame(TEXT, "all 1 0 1"));
    assert.ok((await queued()) <= BOUND);
    const numbers = await read(slow, last);
    all_in_order(numbers, last);
    const own = [];
    for (let text; (text = await good.text()) !== "done 0"; ) if (!text.startsWith("done")) own.push(Number(text.split(" ")[0]));
    all_in_order(own, last);
    end(good, slow);
  });
});

test("with connection state recovery, what was dropped is not missed", async () => {
  const other = await serve("backpressure.lua", { flags: ["--connection-state-recovery", "true"] });
  const open = (name) => io(other.url + name, { forceNew: true, transports: ["websocket"], reconnectionDelay: 10 });
  const [good, slow] = [open("/oldest"), open("/oldest")];
  try {
    await until(() => good.connected && slow.connected, "connections");
    const some = collect(slow, "item"), id = slow.id;
    stall(slow);
    const name = counter("dropOldest", "oldest");
    let last = 0;
    while ((await metric(other, name)) < 40) {
      await within(good.emitWithAck("flood", last + 1, last + ROUND, FILLER, false), "the end of a flood", LONG_MS);
      last += ROUND;
    }
    resume(slow);
    await until(() => some.at(-1)?.[0] === last, "the newest", LONG_MS);
    one_gap(some.map(([n]) => n), last);
    const before = some.length;
    slow.io.engine.close();
    await until(() => slow.connected && slow.recovered, "it to come back", LONG_MS);
    assert.equal(slow.id, id);
    await within(good.emitWithAck("flood", last + 1, last + 1, "", false), "one more");
    await until(() => some.at(-1)[0] === last + 1, "one more");
    assert.equal(some.length, before + 1, "nothing is repeated");
  } finally {
    good.disconnect();
    slow.disconnect();
  }
});

test("in the end nothing is queued, backed up or paused", async () => {
  await until(async () => (await queued()) < KB, "empty queues", LONG_MS);
  for (const gauge of ["connections", "bytes", "paused"]) assert.equal(await metric(server, `atrium_backpressure_${gauge}`), 0);
});
