// Socket.IO: rooms, chains of to/in/except, broadcasts, and acting on many sockets.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe } from "node:test";
import { TRANSPORTS, collect, gone, order, scenario, settled } from "./support/client.mjs";
import { serve } from "./support/server.mjs";
import { once, until } from "./support/wait.mjs";

const server = await serve("socketio.lua");

/* Five sockets in a namespace of their own. Rooms: red has a and b, blue has b and c; d and e are in none. */
let number = 1000;
function cast(name, fn, transports = Object.values(TRANSPORTS)) {
  scenario(server, name, async ({ connect, create }) => {
    const namespace = `/room-${number++}`;
    const sockets = await Promise.all([0, 1, 2, 3, 4].map((i) => connect(namespace, { transports: transports[i % transports.length] })));
    const [a, b, c] = sockets;
    const names = new Map(sockets.map((s, i) => [s.id, "abcde"[i]]));
    await Promise.all([order(a, "join", "red"), order(b, "join", ["red", "blue"]), order(c, "join", "blue")]);
    const got = sockets.map((s) => collect(s, "news"));
    /* Who heard it, once all who could have. */
    const heard = async () => {
      await settled(...sockets);
      const who = got.map((list, i) => "abcde"[i].repeat(list.length)).join("");
      for (const list of got) list.length = 0;
      return who;
    };
    await fn({ sockets, names, heard, got, namespace, connect, create });
  });
}

describe("who hears what", () => {
  const cases = [
    ["publish", {}, "abcde", "io.emit"],
    ["publish", { to: ["red"] }, "ab", "io.to"],
    ["publish", { in_: ["blue"] }, "bc", "io.in"],
    ["publish", { to: ["red", "blue"] }, "abc", "to.to is a union, each hears it once"],
    ["publish", { rooms: ["red", "blue"] }, "abc", "a list of rooms"],
    ["publish", { to: ["nobody"] }, "", "an empty room"],
    ["publish", { to: ["red", "nobody"] }, "ab", "an empty room among others"],
    ["publish", { except: ["red"] }, "cde", "io.except"],
    ["publish", { except: ["red", "blue"] }, "de", "except.except"],
    ["publish", { to: ["red"], except: ["blue"] }, "a", "to.except"],
    ["publish", { to: ["red"], except: ["red"] }, "", "to and except the same"],
    ["publish", { local_: true, to: ["red"] }, "ab", "io.local"],
    ["publish", { volatile: true, to: ["nobody"] }, "", "volatile to nobody"],
    ["publish", { compress: false, to: ["blue"] }, "bc", "compress(false)"],
    ["send", {}, "a", "socket.emit"],
    ["send", { broadcast: true }, "bcde", "socket.broadcast"],
    ["send", { to: ["red"] }, "b", "socket.to leaves the sender out"],
    ["send", { to: ["blue"] }, "bc", "socket.to of a room it is not in"],
    ["send", { in_: ["red", "blue"] }, "bc", "socket.in of two rooms"],
    ["send", { except: ["blue"] }, "de", "socket.except"],
    ["send", { broadcast: true, except: ["red"] }, "cde", "socket.broadcast.except"],
    ["send", { broadcast: true, local_: true }, "bcde", "socket.broadcast.local"],
    ["send", { rooms: ["red", "blue"], except: ["red"] }, "c", "socket.to(list).except"],
  ];
  cast("each operator", async ({ sockets: [a], heard, got }) => {
    for (const [from, spec, who, name] of cases) {
      await order(a, from, spec, "news", { n: 1 });
      assert.equal(await heard(), who, name);
    }
    void got;
  });

  cast("ids are rooms", async ({ sockets: [a, b, c, d], heard }) => {
    await order(a, "publish", { to: [d.id] }, "news");
    assert.equal(await heard(), "d");
    await order(a, "publish", { to: ["blue"], except: [b.id] }, "news");
    assert.equal(await heard(), "c");
    await order(a, "send", { to: [c.id, d.id] }, "news");
    assert.equal(await heard(), "cd");
    await order(a, "send", { to: [a.id] }, "news");
    assert.equal(await heard(), "");
  });

  cast("everyone gets the same, in the same order", async ({ sockets, got }) => {
    const [a, b] = sockets;
    for (let i = 0; i < 100; i++) {
      a.emit("order", "publish", {}, "news", `a ${i}`, () => {});
      b.emit("order", "publish", {}, "news", `b ${i}`, () => {});
    }
    await settled(...sockets);
    await until(() => got.every((list) => list.length === 200), "200 each");
    for (const list of got) assert.deepEqual(list, got[0]);
    assert.deepEqual(got[0].filter((text) => text[0] === "a"), Array.from({ length: 100 }, (_, i) => `a ${i}`));
  });

  cast("a broadcast with an answer wanted reaches only its target", async ({ sockets, names }) => {
    const [a] = sockets;
    for (const s of sockets) s.on("who", (ack) => ack(names.get(s.id)));
    assert.deepEqual((await order(a, "ask_all_with_ack", { to: ["red", "blue"], timeout: 5000 }, "who")).sort(), ["a", "b", "c"]);
    assert.deepEqual(await order(a, "ask_all_with_ack", { to: ["red"], except: ["blue"], timeout: 5000 }, "who"), ["a"]);
  });
});

describe("membership", () => {
  cast("join, leave, rooms", async ({ sockets: [a, b], heard }) => {
    assert.deepEqual(await order(a, "rooms"), [a.id, "red"].sort());
    assert.deepEqual(await order(b, "rooms"), [b.id, "red", "blue"].sort());
    await order(a, "leave", "red");
    await order(a, "leave", "never joined");
    await order(a, "publish", { to: ["red"] }, "news");
    assert.equal(await heard(), "b");
    await order(a, "join", "red");
    await order(a, "join", "red");
    await order(a, "publish", { to: ["red"] }, "news");
    assert.equal(await heard(), "ab");
  });

  cast("create-room, join-room, leave-room, delete-room", async ({ sockets: [a, b], connect, namespace }) => {
    await order(a, "watch_rooms", "seen");
    await order(a, "join", ["seen 1", "other"]);
    await order(b, "join", "seen 1");
    await order(b, "join", "seen 1");
    await order(a, "leave", "seen 1");
    assert.deepEqual(await order(a, "room_news"), [
      ["create-room", "seen 1"],
      ["join-room", "seen 1", a.id],
      ["join-room", "seen 1", b.id],
      ["leave-room", "seen 1", a.id],
    ]);
    const { id } = b;
    b.disconnect();
    let told = [];
    await until(async () => (told = told.concat(await order(a, "room_news"))).length >= 2);
    assert.deepEqual(told, [["leave-room", "seen 1", id], ["delete-room", "seen 1"]]);
    const later = await connect(namespace);
    await order(later, "join", "seen 2");
    assert.equal((await order(a, "room_news")).length, 2);
  });
  cast("room names of every kind", async ({ sockets: [a, b], heard }) => {
    for (const room of ["", " ", "комната", "__proto__", "a,b", "x".repeat(1000), "1", "/", "🙂"]) {
      await order(a, "join", room);
      assert.ok((await order(a, "rooms")).includes(room));
      await order(b, "publish", { to: [room] }, "news");
      assert.equal(await heard(), "a", JSON.stringify(room));
      await order(a, "leave", room);
    }
  });

  cast("who leaves the server leaves its rooms", async ({ sockets: [a, b, c], heard, connect, namespace }) => {
    b.disconnect();
    await gone(server, b.id ?? "").catch(() => {});
    await until(async () => (await order(a, "fetch", {})).length === 4);
    const fresh = await connect(namespace);
    await order(fresh, "join", "red");
    const got = collect(fresh, "news");
    await order(a, "publish", { to: ["red"] }, "news");
    await settled(a, c, fresh);
    assert.equal(got.length, 1);
    void heard;
  }, [["websocket"]]);

  cast("rooms belong to a namespace", async ({ sockets: [a], heard, connect }) => {
    const other = await connect("/chat");
    const got = collect(other, "news");
    await order(other, "join", "red");
    await order(a, "publish", { to: ["red"] }, "news");
    assert.equal(await heard(), "ab");
    await settled(other);
    assert.equal(got.length, 0);
  });

  scenario(server, "many rooms, many members", async ({ many }) => {
    const sockets = await many(30, `/room-${number++}`);
    await Promise.all(sockets.map((s, i) => order(s, "join", Array.from({ length: 50 }, (_, r) => `r${(i + r) % 60}`))));
    const got = sockets.map((s) => collect(s, "news"));
    for (let r = 0; r < 60; r++) sockets[0].emit("order", "publish", { to: [`r${r}`] }, "news", r, () => {});
    await settled(...sockets);
    await settled(...sockets);
    got.forEach((list, i) => assert.deepEqual(list.toSorted((x, y) => x - y), Array.from({ length: 50 }, (_, r) => (i + r) % 60).sort((x, y) => x - y)));
  });
});

describe("acting on many", () => {
  cast("fetchSockets: ids, rooms, data, handshake", async ({ sockets: [a, b, c], connect, namespace }) => {
    const agent = await connect(namespace, { extraHeaders: { "X-Agent": "007" } });
    await order(b, "name", "Ben");
    const red = await order(a, "fetch", { in_: ["red"] });
    assert.deepEqual(red.map((s) => s.id), [a.id, b.id].sort());
    assert.equal(red.find((s) => s.id === b.id).name, "Ben");
    assert.deepEqual(red.find((s) => s.id === b.id).rooms, [b.id, "red", "blue"].sort());
    assert.deepEqual((await order(a, "fetch", { to: ["red", "blue"], except: ["red"] })).map((s) => s.id), [c.id]);
    assert.equal((await order(a, "fetch", {})).length, 6);
    assert.equal((await order(a, "fetch", { to: [agent.id] }))[0].agent, "007");
    assert.deepEqual(await order(a, "fetch", { to: ["nobody"] }), []);
  });

  cast("socketsJoin and socketsLeave", async ({ sockets: [a], heard }) => {
    await order(a, "move", { in_: ["red"] }, ["green", "yellow"]);
    await order(a, "publish", { to: ["green"] }, "news");
    assert.equal(await heard(), "ab");
    await order(a, "move", { except: ["red", "blue"] }, "green");
    await order(a, "publish", { to: ["green"] }, "news");
    assert.equal(await heard(), "abde");
    await order(a, "remove", {}, ["green", "red"]);
    await order(a, "publish", { to: ["green", "red"] }, "news");
    assert.equal(await heard(), "");
    await order(a, "publish", { to: ["yellow"] }, "news");
    assert.equal(await heard(), "ab");
  });

  cast("disconnectSockets", async ({ sockets: [a, b, c, d, e] }) => {
    const lost = [b, c].map((s) => once(s, "disconnect"));
    const ids = [b.id, c.id];
    await order(a, "kick", { in_: ["blue"] });
    for (const one of lost) assert.equal((await one)[0], "io server disconnect");
    for (const id of ids) assert.equal((await gone(server, id)).reason, "server namespace disconnect");
    assert.deepEqual((await order(a, "fetch", {})).map((s) => s.id), [a.id, d.id, e.id].sort());
  });

  cast("disconnectSockets(true) takes the connection along", async ({ sockets: [a, b], namespace }) => {
    const other = b.io.socket("/chat");
    await once(other, "connect");
    const { id } = other;
    const lost = [once(b, "disconnect"), once(other, "disconnect")];
    await order(a, "kick", { to: [b.id] }, true);
    for (const one of lost) assert.equal((await one)[0], "io server disconnect");
    assert.equal((await gone(server, id)).reason, "server namespace disconnect");
    void namespace;
  });

  cast("one who kicks everybody is not answered, but the server lives", async ({ sockets, connect, namespace }) => {
    const lost = sockets.map((s) => once(s, "disconnect"));
    sockets[0].emit("order", "kick", {}, false, () => {});
    for (const one of lost) await one;
    const fresh = await connect(namespace);
    assert.deepEqual((await order(fresh, "fetch", {})).map((s) => s.id), [fresh.id]);
  });
});
