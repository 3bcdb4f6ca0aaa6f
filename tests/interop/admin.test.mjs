// The Admin UI's server side: what administrators see and do, with socket.io-client in the page's place.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { hostname } from "node:os";
import { describe, test } from "node:test";
import { instrument } from "@socket.io/admin-ui";
import bcrypt from "bcryptjs";
import { Server } from "socket.io";
import { scenario } from "./support/client.mjs";
import { serve } from "./support/server.mjs";
import { once, until, within } from "./support/wait.mjs";

const COMMANDS = ["EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"];
const password = bcrypt.hashSync("pw", 5);
const auth = { type: "basic", username: "admin", password };
const RIGHT = { username: "admin", password: "pw" };

const set = (options) => ({ flags: ["--admin", JSON.stringify(options)] });

/* Everything that is told to an administrator, from before the first packet. */
function listen(socket) {
  const told = [];
  socket.onAny((...args) => told.push(args));
  return told;
}

/* The next event of that name which fits; earlier ones count. */
async function heard(told, event, fits = () => true) {
  let found;
  await until(() => (found = told.find(([name, ...args]) => name === event && fits(...args))), `"${event}"`);
  return found.slice(1);
}

async function refused(socket) {
  const [error] = await once(socket, "connect_error");
  return error.message;
}

async function counter(server, name) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ").at(-1));
}

const answer = (socket, ...args) => within(socket.emitWithAck(...args), `the answer to "${args[0]}"`);

describe("who gets in", async () => {
  const server = await serve("admin.lua", { env: { INSTRUMENT: JSON.stringify({ auth }) } });

  scenario(server, "the right password gives a session, which opens without one", async ({ create }) => {
    const boss = create("/admin", { auth: RIGHT });
    const told = listen(boss);
    await once(boss, "connect");
    const [session] = await heard(told, "session");
    assert.deepEqual(await heard(told, "config"), [{ supportedFeatures: [...COMMANDS, "AGGREGATED_EVENTS", "ALL_EVENTS"] }]);
    const again = create("/admin", { auth: { sessionId: session } });
    await once(again, "connect");
    assert.equal(await refused(create("/admin", { auth: { sessionId: `${session.slice(0, -1)}~` } })), "invalid credentials");
    assert.equal(await counter(server, 'atrium_admin_logins_total{result="ok"}'), 1);
    assert.equal(await counter(server, 'atrium_admin_logins_total{result="session"}'), 1);
  });

  scenario(server, "anything else is refused, and other namespaces do not notice", async ({ create, connect }) => {
    for (const wrong of [undefined, {}, { ...RIGHT, password: "PW" }, { ...RIGHT, username: "root" }, { ...RIGHT, password: 7 }])
      assert.equal(await refused(create("/admin", { auth: wrong })), "invalid credentials");
    const other = await connect("/");
    assert.deepEqual(await answer(other, "echo", 1), 1);
  });

  scenario(server, "a flood of attempts is cut off, while others are served", async ({ create, connect }) => {
    const other = await connect("/");
    const answers = Array.from({ length: 60 }, () => refused(create("/admin", { auth: { ...RIGHT, password: "guess" } })));
    assert.deepEqual(await answer(other, "echo", 2), 2);
    const all = await Promise.all(answers);
    const cut = all.filter((message) => message === "too many attempts").length;
    assert.ok(cut >= 50, "few are looked at");
    assert.equal(all.filter((message) => message === "invalid credentials").length, 60 - cut);
    assert.equal(await refused(create("/admin", { auth: RIGHT })), "too many attempts");
  });
});

describe("what is seen", async () => {
  const server = await serve("admin.lua", set({ auth: false, serverId: "the one" }));
  let number = 0;

  async function watched(connect, create, options) {
    const boss = create("/admin", options);
    const told = listen(boss);
    await once(boss, "connect");
    await heard(told, "all_sockets");
    const namespace = `/dynamic-${number++}`;
    const socket = await connect(namespace, { query: { token: "a b" } });
    return { boss, told, namespace, socket, mine: (nsp, id) => nsp === namespace && id === socket.id };
  }

  scenario(server, "sockets that come, with all that is known of them, and go", async ({ connect, create }) => {
    const { told, namespace, socket } = await watched(connect, create);
    const [seen, when] = await heard(told, "socket_connected", ({ id }) => id === socket.id);
    const { handshake, id } = seen;
    assert.deepEqual({ ...seen, clientId: seen.clientId.length, handshake: 0 }, {
      id: socket.id, clientId: 12, transport: "websocket", nsp: namespace, data: {}, handshake: 0, rooms: [socket.id],
    });
    assert.ok(Math.abs(new Date(when) - Date.now()) < 60_000 && /Z$/u.test(when));
    assert.match(handshake.address, /127\.0\.0\.1$|^::1$/u);
    assert.equal(handshake.headers.upgrade, "websocket");
    assert.deepEqual(handshake.query, { token: "a b", EIO: "4", transport: "websocket" });
    assert.equal(handshake.url, "/socket.io/?token=a%20b&EIO=4&transport=websocket");
    assert.equal(new Date(handshake.time).getTime(), Math.floor(handshake.issued / 1000) * 1000);
    assert.equal(handshake.secure || handshake.xdomain, false);
    assert.deepEqual((await heard(told, "room_joined", (nsp, room) => room === socket.id)).slice(0, 3), [namespace, socket.id, socket.id]);
    socket.disconnect();
    const gone = await heard(told, "socket_disconnected", (nsp, who) => who === id);
    assert.deepEqual(gone.slice(0, 3), [namespace, id, "client namespace disconnect"]);
    await heard(told, "room_left", (nsp, room) => room === id);
  });

  scenario(server, "rooms, events both ways, binary ones too", async ({ connect, create }) => {
    const { told, namespace, socket, mine } = await watched(connect, create);
    const other = await connect(namespace);
    await answer(socket, "join", "a room");
    await heard(told, "room_joined", (nsp, room, id) => room === "a room" && mine(nsp, id));
    await answer(socket, "leave", "a room");
    await heard(told, "room_left", (nsp, room, id) => room === "a room" && mine(nsp, id));
    socket.emit("echo", { a: [1] }, Buffer.from("bytes"));
    await heard(told, "event_received", (nsp, id, [name, first, second]) =>
      mine(nsp, id) && name === "echo" && first.a[0] === 1 && Buffer.from(second).toString() === "bytes");
    await heard(told, "event_sent", (nsp, id, [name, , second]) => mine(nsp, id) && name === "echo" && Buffer.from(second).toString() === "bytes");
    assert.deepEqual(await answer(socket, "echo", "with an answer"), "with an answer");
    await heard(told, "event_received", (nsp, id, args) => mine(nsp, id) && args.length === 2 && args[1] === "with an answer");
    const main = await connect("/");
    main.emit("everyone", "news", 1);
    await heard(told, "event_sent", (nsp, id, args) => nsp === "/" && id === main.id && args[0] === "news");
    assert.ok(!told.some(([event, nsp]) => event.startsWith("event_") && nsp === "/admin"), "nothing about themselves");
    assert.ok(other.connected);
  });

  scenario(server, "data of sockets as it changes, as far as it can be shown", async ({ connect, create }) => {
    const { told, socket } = await watched(connect, create);
    const data = (fits) => heard(told, "socket_updated", (update) => update.id === socket.id && update.data && fits(update.data));
    await answer(socket, "remember", "name", "Ada");
    await data(({ name }) => name === "Ada");
    await answer(socket, "remember later", 7);
    await data(({ later }) => later === 7);
    await answer(socket, "remember odd things");
    const [{ data: odd }] = await data(({ good }) => good === 1);
    assert.deepEqual([odd.name, odd.fn, odd.long], ["Ada", "(function)", "(too large to be shown)"]);
    assert.match(odd.bytes, /bytes/u);
    assert.match(odd.self, /cycle/u);
    const main = await connect("/");
    await heard(told, "socket_connected", ({ id, data: { early } }) => id === main.id && early);
  });

  scenario(server, "the upgrade to WebSocket", async ({ connect, create }) => {
    const { told } = await watched(connect, create);
    const socket = await connect("/", { transports: ["polling", "websocket"] });
    await heard(told, "socket_connected", ({ id, transport }) => id === socket.id && transport === "polling");
    await heard(told, "socket_updated", ({ id, nsp, transport }) => id === socket.id && nsp === "/" && transport === "websocket");
  });

  scenario(server, "who was there before, over polling as well", async ({ connect, create, many }) => {
    const sockets = await many(5, "/");
    await answer(sockets[0], "join", "early");
    const { told } = await watched(connect, create, { transports: ["polling"] });
    const [all] = await heard(told, "all_sockets");
    for (const { id } of sockets) assert.ok(all.some((one) => one.id === id && one.nsp === "/"));
    assert.deepEqual(all.find(({ id }) => id === sockets[0].id).rooms.sort(), ["early", sockets[0].id].sort());
    assert.ok(all.some(({ nsp, transport }) => nsp === "/admin" && transport === "polling"));
  });

  scenario(server, "figures, every two seconds", async ({ connect, create }) => {
    const { told, namespace, socket } = await watched(connect, create);
    socket.emit("echo", "x".repeat(10_000));
    await once(socket, "echo");
    const sum = (type) => told.filter(([event]) => event === "server_stats").flatMap(([, stats]) => stats.aggregatedEvents)
      .filter((event) => event.type === type).reduce((total, { count }) => total + count, 0);
    await until(() => sum("bytesIn") >= 10_000 && sum("bytesOut") >= 20_000 && sum("packetsIn") >= 2 && sum("rawConnection") >= 1, "traffic in the figures");
    const [stats] = await heard(told, "server_stats", ({ namespaces }) => namespaces.some(({ name }) => name === namespace));
    assert.deepEqual([stats.serverId, stats.hostname, stats.pid], ["the one", hostname(), server.pid]);
    assert.ok(stats.uptime > 0 && stats.clientsCount >= 2 && stats.pollingClientsCount === 0);
    assert.deepEqual(stats.namespaces.find(({ name }) => name === namespace), { name: namespace, socketsCount: 1 });
    assert.equal(stats.namespaces[0].name, "/");
    for (const { timestamp } of stats.aggregatedEvents) assert.equal(timestamp % 1000, 0);
    socket.io.engine.close();
    await until(() => sum("rawDisconnection") >= 1, "the end of a connection");
    assert.ok(told.some(([event, { aggregatedEvents } = {}]) => event === "server_stats" &&
      aggregatedEvents.some(({ type, subType }) => type === "rawDisconnection" && subType === "transport close")));
  });

  scenario(server, "the application may listen there, too", async ({ create }) => {
    const boss = create("/admin");
    await once(boss, "connect");
    assert.equal(await answer(boss, "own"), "heard");
  });
});

describe("what is done", async () => {
  const server = await serve("admin.lua", set({ auth: false }));

  scenario(server, "emit, join, leave and disconnect, for all, a room or one", async ({ connect }) => {
    const boss = await connect("/admin");
    const [a, b, c] = [await connect("/"), await connect("/"), await connect("/dynamic-x")];
    const got = [];
    for (const [name, socket] of Object.entries({ a, b, c })) socket.onAny((event, ...args) => got.push([name, event, ...args]));
    const done = async (count) => {
      await until(() => got.length >= count, "what was ordered");
      for (const socket of [a, b, c]) if (socket.connected) await answer(socket, "echo", 0);
      return got.splice(0).sort();
    };
    boss.emit("emit", "/", null, "all", 1, { a: 2 });
    assert.deepEqual(await done(2), [["a", "all", 1, { a: 2 }], ["b", "all", 1, { a: 2 }]]);
    boss.emit("join", "/", "room", b.id);
    boss.emit("emit", "/", "room", "some", Buffer.from("bytes"));
    assert.deepEqual(await done(1), [["b", "some", Buffer.from("bytes")]]);
    boss.emit("join", "/", "room");
    boss.emit("leave", "/", "room", b.id);
    boss.emit("emit", "/", "room", "others");
    assert.deepEqual(await done(1), [["a", "others"]]);
    boss.emit("emit", "/dynamic-x", undefined, "there");
    assert.deepEqual(await done(1), [["c", "there"]]);
    const ends = [once(a, "disconnect"), once(c.io, "close")];
    boss.emit("_disconnect", "/", false, a.id);
    boss.emit("_disconnect", "/dynamic-x", true);
    assert.equal((await ends[0])[0], "io server disconnect");
    await ends[1];
    assert.ok(b.connected);
    boss.emit("leave", "/", "room");
    boss.emit("emit", "/", "room", "nobody");
    assert.deepEqual(await done(0), []);
  });

  scenario(server, "what makes no sense changes nothing", async ({ connect }) => {
    const boss = await connect("/admin");
    const other = await connect("/");
    boss.emit("emit", "/nowhere", null, "x");
    boss.emit("emit", "/", null, "disconnect");
    boss.emit("emit", "/");
    boss.emit("join", {}, [], 7);
    boss.emit("_disconnect", null);
    await until(async () => (await counter(server, 'atrium_admin_commands_total{result="refused"}')) === 5, "refusals");
    assert.ok(boss.connected && other.connected);
    assert.equal(await refused(await connect("/").then((s) => s.io.socket("/nowhere"))), "Invalid namespace");
  });
});

describe("read-only", async () => {
  const server = await serve("admin.lua", set({ auth: false, readonly: true }));

  scenario(server, "looks, and does nothing", async ({ connect, create }) => {
    const other = await connect("/");
    const boss = create("/admin");
    const told = listen(boss);
    await once(boss, "connect");
    assert.deepEqual(await heard(told, "config"), [{ supportedFeatures: ["AGGREGATED_EVENTS", "ALL_EVENTS"] }]);
    await heard(told, "all_sockets", (all) => all.some(({ id }) => id === other.id));
    const got = [];
    other.onAny((...args) => got.push(args));
    boss.emit("emit", "/", null, "x");
    boss.emit("join", "/", "room");
    boss.emit("leave", "/", other.id);
    boss.emit("_disconnect", "/", true);
    await until(async () => (await counter(server, 'atrium_admin_commands_total{result="refused"}')) === 4, "refusals");
    assert.equal(await answer(other, "echo", "alive"), "alive");
    assert.deepEqual(got, []);
  });
});

describe("production", async () => {
  const server = await serve("admin.lua", set({ auth, mode: "production", namespaceName: "/boss" }));

  scenario(server, "figures and commands, but no sockets, rooms or events", async ({ connect, create }) => {
    const boss = create("/boss", { auth: RIGHT });
    const told = listen(boss);
    await once(boss, "connect");
    assert.deepEqual(await heard(told, "config"), [{ supportedFeatures: [...COMMANDS, "AGGREGATED_EVENTS"] }]);
    const other = await connect("/");
    await answer(other, "join", "room");
    boss.emit("emit", "/", "room", "hello");
    await once(other, "hello");
    other.disconnect();
    const [stats] = await heard(told, "server_stats", ({ aggregatedEvents }) => aggregatedEvents.some(({ type }) => type === "rawDisconnection"));
    assert.equal(stats.serverId, hostname());
    assert.deepEqual([...new Set(told.map(([event]) => event))].sort(), ["config", "server_stats", "session"]);
  });
});

describe("with connection state recovery", async () => {
  const server = await serve("admin.lua", { flags: ["--connectionStateRecovery", "true", ...set({ auth }).flags] });

  scenario(server, "administrators ask anew: the middleware is not skipped", async ({ create, connect }) => {
    const boss = create("/admin", { auth: RIGHT });
    const told = listen(boss);
    await once(boss, "connect");
    const [session] = await heard(told, "session");
    boss.auth = { sessionId: session };
    boss.io.engine.close();
    told.length = 0;
    await once(boss, "connect");
    assert.ok(!boss.recovered);
    await heard(told, "all_sockets");
    const other = await connect("/");
    other.io.engine.close();
    await once(other, "connect");
    assert.equal(other.recovered, true);
  });
});

/* Node's own server, with the same application. */
async function startNode(t) {
  const http = createServer();
  const io = new Server(http);
  instrument(io, { auth: false, mode: "development", serverId: "the one" });
  io.use((socket, next) => {
    socket.data.early = true;
    next();
  });
  io.on("connection", (socket) => {
    socket.on("join", (room, ack) => (socket.join(room), ack()));
    socket.on("leave", (room, ack) => (socket.leave(room), ack()));
    socket.on("remember", (name, value, ack) => ((socket.data[name] = value), ack()));
    socket.on("echo", (...args) => (typeof args.at(-1) === "function" ? args.pop()(...args) : socket.emit("echo", ...args)));
  });
  await new Promise((done) => http.listen(0, done));
  t.after(() => io.close());
  return { url: `http://localhost:${http.address().port}`, check() {} };
}

/* One visit, as administrators see it: without what differs from one run to the next, and without the figures. */
async function visit({ url }, { io }) {
  const boss = io(`${url}/admin`, { forceNew: true, transports: ["websocket"] });
  const told = listen(boss);
  await once(boss, "connect");
  await heard(told, "all_sockets");
  const socket = io(url, { forceNew: true, transports: ["polling", "websocket"], extraHeaders: { "X-Mine": "Yes" }, query: { q: "é&" } });
  await once(socket, "connect");
  const [id, adminId] = [socket.id, boss.id];
  await heard(told, "socket_updated", ({ transport }) => transport === "websocket");
  await answer(socket, "join", "a \"room\"");
  await answer(socket, "remember", "name", "Ada");
  await answer(socket, "echo", [1, { two: null }], "é");
  socket.emit("echo", Buffer.from("bytes"), true);
  await once(socket, "echo");
  await answer(socket, "leave", "a \"room\"");
  boss.emit("join", "/", "other", id);
  boss.emit("emit", "/", "other", "hello", 1.5);
  await once(socket, "hello");
  boss.emit("_disconnect", "/", false, id);
  await once(socket, "disconnect");
  await heard(told, "room_left", (nsp, room) => room === id);
  boss.disconnect();
  socket.disconnect();
  const plain = (value) => JSON.parse(JSON.stringify(value).replaceAll(id, "<socket>").replaceAll(adminId, "<admin>"), (key, found) => {
    if (["clientId", "issued", "time", "sec-websocket-key", "host", "t", "address", "connection"].includes(key)) return typeof found;
    if (key === "url") return found.replace(/&t=[^&]*/u, "");
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u.test(found) ? "<time>" : found;
  });
  return told.filter(([event]) => event !== "server_stats").map(plain);
}

test("what administrators are told is what Node tells them", async (t) => {
  const [client, node, atrium] = await Promise.all([import("socket.io-client"), startNode(t), serve("admin.lua", set({ auth: false }))]);
  const ours = await visit(atrium, client);
  const theirs = (await visit(node, client))
    /* The first administrator is not told of his own room. */
    .filter(([event, nsp]) => !(event === "room_joined" && nsp === "/admin"));
  const byText = (list) => list.map((item) => JSON.stringify(item)).sort();
  const sorted = (value) => JSON.parse(JSON.stringify(value, (_, v) => (v && typeof v === "object" && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort()) : v)));
  assert.deepEqual(byText(sorted(ours)), byText(sorted(theirs)));
});
