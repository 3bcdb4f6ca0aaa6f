// Applications in Lua: what fails, what waits, what the library gives, as clients notice it.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe } from "node:test";
import { collect, scenario } from "./support/client.mjs";
import { apps, serve } from "./support/server.mjs";
import { once, until, within } from "./support/wait.mjs";

const server = await serve("lua.lua", { expectErrors: true });

function ask(socket, event, ...args) {
  return within(new Promise((done) => socket.emit(event, ...args, (...values) => done(values))), `the answer to "${event}"`);
}

/* The line of the script that is marked "fails: <mark>". */
const lines = fs.readFileSync(path.join(apps, "lua.lua"), "utf8").split("\n");
function line(mark) {
  return lines.findIndex((text) => text.endsWith(`-- fails: ${mark}`)) + 1;
}

describe("an error in a handler", () => {
  for (const [event, mark, message] of [
    ["raise", "raise", "on purpose"], ["raise deep", "deep", "deep inside"], ["raise late", "late", "after a wait"],
    ["raise in timer", "timer", "in a timer"], ["raise in ack", "ack", "in an ack"], ["index nil", "index", "attempt to index"],
    ["emit function", "encode", "function"],
  ]) {
    scenario(server, `${event}: prints file, line and traceback, and harms nobody`, async ({ many }) => {
      const [one, other] = await many(2);
      one.on("please ack", (ack) => ack());
      const before = server.stderr.length;
      one.emit(event);
      const place = new RegExp(`lua\\.lua:${line(mark)}: .*${message}`, "u");
      await until(() => place.test(server.stderr.slice(before)) && /stack traceback:/u.test(server.stderr.slice(before)), `${place} in ${server.stderr.slice(before)}`);
      for (const socket of [one, other]) assert.deepEqual(await ask(socket, "ping", 1), [1]);
    });
  }

  scenario(server, "the traceback names the functions on the way", async ({ connect }) => {
    const socket = await connect();
    const before = server.stderr.length;
    socket.emit("raise deep");
    await ask(socket, "ping");
    await until(() => (server.stderr.slice(before).match(/lua\.lua:\d+: in function '?deep/gu) ?? []).length >= 3);
  });

  for (const event of ["raise table", "raise nil", "overflow", "endless string", "emit cycle", "emit mixed", "emit nan", "emit reserved", "bad argument"]) {
    scenario(server, `${event}: nothing is sent, nobody harmed`, async ({ many }) => {
      const [one, other] = await many(2);
      const never = collect(one, "never");
      const before = server.stderr.length;
      one.emit(event);
      assert.deepEqual(await ask(one, "ping", 1), [1]);
      assert.deepEqual(await ask(other, "ping", 2), [2]);
      assert.equal(never.length, 0);
      await until(() => server.stderr.length > before, "a word about it");
    });
  }

  scenario(server, "text that is no UTF-8 is mended, so that it does not cost the client its connection", async ({ connect }) => {
    const socket = await connect();
    const heard = once(socket, "text");
    socket.emit("emit bad text");
    assert.deepEqual(await heard, ["a\ufffdb"]);
  });

  scenario(server, "in one listener does not keep the next from running", async ({ create }) => {
    await once(create("/raises"), "welcome");
    await server.said(new RegExp(`lua\\.lua:${line("connection")}: at the door`, "u"));
  });

  scenario(server, "while a client leaves, or many at once", async ({ connect }) => {
    const socket = await connect();
    await ask(socket, "raise when leaving");
    socket.disconnect();
    await server.said(/while leaving/u);
    const other = await connect();
    for (let i = 0; i < 500; i++) other.emit("raise");
    assert.deepEqual(await ask(other, "ping", 1), [1]);
  });
});

describe("waiting", () => {
  scenario(server, "a handler that waits blocks neither others nor its own client", async ({ many }) => {
    const [one, other] = await many(2);
    const done = [];
    const slow = ask(one, "wait", 300, "slow").then(() => done.push("slow"));
    await ask(one, "ping", 1).then(() => done.push("own"));
    for (let i = 0; i < 10; i++) await ask(other, "ping", i);
    done.push("other");
    await slow;
    assert.deepEqual(done, ["own", "other", "slow"]);
  });

  scenario(server, "thousands wait at once, each for its own time", async ({ connect }) => {
    const socket = await connect();
    const answers = await Promise.all(Array.from({ length: 3000 }, (_, i) => ask(socket, "wait", i % 50, i)));
    assert.deepEqual(answers, Array.from({ length: 3000 }, (_, i) => [i]));
  });

  scenario(server, "a slow query delays nobody's echo", async ({ many }) => {
    const [one, other] = await many(2);
    const started = Date.now();
    let finished = false, took;
    const query = ask(one, "slow query", 2_000_000).then((answer) => {
      finished = true;
      took = Date.now() - started;
      return answer;
    });
    let echoes = 0;
    while (!finished) {
      await ask(other, "ping", echoes);
      echoes++;
    }
    assert.deepEqual(await query, [2_000_000]);
    assert.ok(took > 100, `the query was meant to take its time, not ${took} ms`);
    assert.ok(echoes > 20, `${echoes} echoes in ${took} ms`);
  });

  scenario(server, "a client that leaves while its handler waits harms nobody", async ({ connect }) => {
    for (let i = 0; i < 20; i++) {
      const socket = await connect("/", { reconnection: false });
      socket.emit("wait", 20, "gone", () => {});
      socket.emit("slow query", 1000, () => {});
      socket.disconnect();
    }
    assert.deepEqual(await ask(await connect(), "wait", 50, "fine"), ["fine"]);
  });

  scenario(server, "a socket that has gone can be used, to no effect", async ({ many }) => {
    const [one, ghost] = await many(2, "/", { reconnection: false });
    const { id } = ghost;
    ghost.on("go", () => ghost.disconnect());
    const [ok, connected, same] = await ask(one, "haunt", id);
    assert.deepEqual([ok, connected, same], [false, false, id]);
    assert.deepEqual(await ask(one, "ping", 1), [1]);
  });
});

describe("the library", () => {
  scenario(server, "modules beside the script, by require", async ({ connect }) => {
    const socket = await connect();
    assert.deepEqual(await ask(socket, "join words", "a", "b", "c"), ["a+b+c"]);
    assert.deepEqual(await ask(socket, "require again"), [true]);
    const [ok, why] = await ask(socket, "require broken");
    assert.equal(ok, false);
    assert.match(why, /broken\.lua:2: this module is broken/u);
    const [found, where] = await ask(socket, "require missing");
    assert.equal(found, false);
    assert.match(where, /module 'parts\.missing' not found/u);
  });

  scenario(server, "C modules of the system, by require", async ({ connect }) => {
    const [text, same_null] = await ask(await connect(), "cjson", '{"a":[1,null]}');
    assert.deepEqual(JSON.parse(text), { a: [1, null], again: [1, 2, 3] });
    assert.equal(same_null, true);
  });

  scenario(server, "JSON: both ways, and what is none", async ({ connect }) => {
    const socket = await connect();
    const text = '{"a":[1,2.5,[],{}],"b":null,"c":"ü🙂\\n","d":true}';
    const [value, again] = await ask(socket, "json", text);
    assert.deepEqual(value, JSON.parse(text));
    assert.deepEqual(JSON.parse(again), JSON.parse(text));
    for (const bad of ["", "{", "[1,]", "nul", "01", '"\\x"', "1 2", "NaN"]) assert.equal((await ask(socket, "json error", bad))[0], false, bad);
  });

  scenario(server, "tables become what they are: objects, arrays, null", async ({ connect }) => {
    assert.deepEqual(await ask(await connect(), "shapes"), [{}, [], [1, 2], ["a"], { a: 1 }, null, 1, 1.5, 2 ** 53, true, "text", [[{}]]]);
  });

  scenario(server, "what arrives has its type", async ({ connect }) => {
    assert.deepEqual(await ask(await connect(), "types", 1, "a", true, null, [], {}, Buffer.from("x")),
      [["number", "string", "boolean", "null", "table", "table", "userdata"]]);
  });

  scenario(server, "bytes", async ({ connect }) => {
    const [length, first, part, text, equal, longer, type] = await ask(await connect(), "bytes", Buffer.from("abcd"));
    assert.deepEqual([length, first, text, equal, type], [4, 97, "abcd", true, "userdata"]);
    assert.equal(Buffer.from(part).toString(), "bc");
    assert.equal(Buffer.from(longer).toString(), "abcd!");
  });

  scenario(server, "timers", async ({ connect }) => {
    const [log, count] = await ask(await connect(), "timers");
    assert.equal(count, 3);
    assert.deepEqual(log.toSorted(), ["after 30", "after 5", "three times"]);
    assert.ok(log.indexOf("after 5") < log.indexOf("after 30"));
  });

  scenario(server, "the log: one line each, at its level", async ({ connect }) => {
    await ask(await connect(), "log");
    await server.said(/^info .*things happened.*count=3/mu);
    await server.said(/^warn careful .*what=.*this and that/mu);
    assert.doesNotMatch(server.stderr, /not shown/u);
  });

  scenario(server, "where it runs", async ({ connect }) => {
    const [url, dir, version] = await ask(await connect(), "about");
    assert.equal(url, server.url);
    assert.equal(path.resolve(dir), apps);
    assert.match(version, /^\d+\.\d+\.\d+$/u);
  });
});

describe("SQLite", () => {
  scenario(server, "rows, parameters and types", async ({ connect }) => {
    const socket = await connect();
    await ask(socket, "sql exec", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c REAL)");
    assert.deepEqual(await ask(socket, "sql exec", "INSERT INTO t (b, c) VALUES (?, ?), (?, ?)", "x'; DROP TABLE t; --", 1.5, "ü🙂", 2), [2]);
    assert.deepEqual(await ask(socket, "sql", "SELECT * FROM t ORDER BY a"), [true, [{ a: 1, b: "x'; DROP TABLE t; --", c: 1.5 }, { a: 2, b: "ü🙂", c: 2 }]]);
    assert.deepEqual(await ask(socket, "sql", "SELECT a FROM t WHERE c > ? LIMIT ?", 1.7, 10), [true, [{ a: 2 }]]);
    assert.deepEqual(await ask(socket, "sql", "SELECT a FROM t WHERE a > 100"), [true, []]);
  });

  scenario(server, "blobs are bytes, text is text", async ({ connect }) => {
    const [blob, type, text] = await ask(await connect(), "sql blob", Buffer.from([0, 255, 1]));
    assert.deepEqual([...Buffer.from(blob)], [0, 255, 1]);
    assert.deepEqual([type, text], ["blob", "text"]);
  });

  scenario(server, "errors are errors of the call, with SQLite's words", async ({ connect }) => {
    const socket = await connect();
    const [ok, why] = await ask(socket, "sql", "SELECT * FROM nowhere");
    assert.equal(ok, false);
    assert.match(why, /no such table: nowhere/u);
    assert.match((await ask(socket, "sql", "SELEC 1"))[1], /syntax error/u);
    assert.deepEqual(await ask(socket, "ping", 1), [1]);
  });

  scenario(server, "many queries at once keep their order", async ({ connect }) => {
    assert.deepEqual(await ask(await connect(), "sql together", 500), [Array.from({ length: 500 }, (_, i) => i + 1)]);
  });
});
