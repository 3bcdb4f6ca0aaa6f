/* What a bad line does: cut, silence, lost acknowledgements, a server that dies. Nothing may be lost or doubled. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Person, closeEveryone, launch } from "./support/browser.mjs";
import { client as connect, closeClients, once, say, sayAll } from "./support/client.mjs";
import { closeProxies, openProxy } from "./support/proxy.mjs";
import { startServer } from "./support/server.mjs";
import { until } from "../interop/support/wait.mjs";

let server, browser;

before(async () => {
  server = await startServer();
  browser = await launch();
});
afterEach(async () => {
  closeClients();
  await closeEveryone();
  await closeProxies();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const client = (name, auth, options) => connect(server.url, name, auth, options);

test("a cut connection is shown, restored, and followed by exactly the missed messages of each room", async () => {
  const proxy = await openProxy(server.port);
  const ada = await Person.enter(browser, proxy.url, "Ada");
  const bob = await Person.enter(browser, server.url, "Bob");
  await ada.join("side");
  await bob.join("side");
  await ada.switchTo("general");
  await bob.switchTo("general");
  await bob.say("before");
  await ada.sees("before");
  await ada.upgraded;

  await proxy.cut();
  await ada.status("reconnecting");
  await ada.page.getByText("The connection was lost").waitFor();
  const missed = Array.from({ length: 120 }, (_, i) => `missed ${i + 1}`);      /* more than a page of history */
  const scribe = client("Scribe");
  await once(scribe, "welcome");
  await sayAll(scribe, "general", missed);
  await bob.sees("missed 120");
  await bob.switchTo("side");
  await bob.say("missed aside 1");
  await bob.say("missed aside 2");
  await bob.sees("missed aside 2", "sent");
  await bob.switchTo("general");
  await ada.say("written while offline");
  await ada.sees("written while offline", "sending");

  await proxy.restore();
  await ada.hurry();
  await ada.status("online");
  await ada.sees("missed 120");
  await ada.sees("written while offline", "sent");
  await bob.sees("written while offline");
  const expected = ["before", ...missed, "written while offline"];
  assert.deepEqual(await ada.texts(), expected);
  assert.deepEqual(await bob.texts(), expected);
  await ada.page.getByRole("button", { name: "side, 2 unread messages" }).click();
  await ada.sees("missed aside 2");
  assert.deepEqual(await ada.texts(), ["missed aside 1", "missed aside 2"]);
  await bob.page.locator("#people-list").getByText("Ada").waitFor();
});

test("a returning client gets on the wire what it missed and nothing else", async () => {
  const bob = client("Wirebob", { rooms: ["wire", "wire2"] });
  const ada = client("Wireada", { rooms: ["wire", "wire2"] });
  await Promise.all([bob, ada].map((s) => once(s, "history", (h) => h.room === "wire2" && h.done)));
  for (let i = 0; i < 3; i++) await say(bob, "wire", `seen ${i}`, `a${i}`);
  await say(bob, "wire2", "seen too", "b0");
  const last = (room) => Math.max(0, ...ada.live.filter((m) => m.room === room).map((m) => m.id));
  while (ada.live.length < 4) await once(ada, "chat message");

  ada.disconnect();
  const missed = [];
  for (let i = 0; i < 450; i++) missed.push(bob.emitWithAck("chat message", i % 3 ? "wire" : "wire2", `missed ${i}`, `c${i}`).then((r) => [i, r]));
  const replies = await Promise.all(missed);
  const stored = replies.filter(([, r]) => r.ok).map(([i]) => i);      /* beyond the rate limit they are refused */
  assert.ok(stored.length >= 20 && replies.every(([, r]) => r.ok || /too fast/u.test(r.error)));

  const back = client("Wireada", { rooms: ["wire", "wire2"], serverOffset: { wire: last("wire"), wire2: last("wire2") } });
  await once(back, "history", (h) => h.room === "wire2" && h.done);
  assert.ok(back.history.every((h) => h.fresh === false));
  for (const room of ["wire", "wire2"]) {
    const texts = back.history.filter((h) => h.room === room).flatMap((h) => h.messages).map((m) => m.text);
    assert.deepEqual(texts, stored.filter((i) => (i % 3 ? "wire" : "wire2") === room).map((i) => `missed ${i}`));
  }
  assert.deepEqual(back.live, []);
});

test("a message whose acknowledgement was lost with the connection is repeated and stored once", async () => {
  const proxy = await openProxy(server.port);
  const ada = await Person.enter(browser, proxy.url, "Ada", { hash: "#/lost" });
  const bob = await Person.enter(browser, server.url, "Bob", { hash: "#/lost" });
  await bob.page.getByText("Here now · 2").waitFor();
  await bob.say("ready");
  await ada.sees("ready");
  await ada.upgraded;

  proxy.deaf = true;
  await ada.say("only once");
  await bob.sees("only once");
  await ada.sees("only once", "sending");
  assert.ok(proxy.swallowed > 0);
  await proxy.cut();
  await ada.status("reconnecting");
  await proxy.restore();
  await ada.hurry();
  await ada.sees("only once", "sent");
  await ada.say("and on");
  await bob.sees("and on");
  await ada.sees("and on", "sent");
  for (const person of [ada, bob]) assert.deepEqual(await person.texts(), ["ready", "only once", "and on"]);
  await bob.page.reload();
  await bob.sees("and on");
  assert.deepEqual(await bob.texts(), ["ready", "only once", "and on"]);
});

test("a message whose acknowledgement never came is repeated on the same connection and stored once", async () => {
  const proxy = await openProxy(server.port);
  const ada = await Person.enter(browser, proxy.url, "Ada", { hash: "#/timeout" });
  const bob = await Person.enter(browser, server.url, "Bob", { hash: "#/timeout" });
  await bob.page.getByText("Here now · 2").waitFor();
  await ada.say("ready");
  await ada.sees("ready", "sent");
  await ada.upgraded;

  proxy.deaf = true;
  await ada.say("again and again");
  await bob.sees("again and again");
  await ada.sees("again and again", "sending");
  proxy.deaf = false;
  await ada.sees("again and again", "sent");                    /* after ackTimeout, by the second try */
  for (const person of [ada, bob]) assert.deepEqual(await person.texts(), ["ready", "again and again"]);
});

test("the same clientOffset is one message per author, whoever else uses it", async () => {
  const ada = client("Repada", { rooms: ["repeat"] }), bob = client("Repbob", { rooms: ["repeat"] });
  await Promise.all([ada, bob].map((s) => once(s, "history")));
  const first = await say(ada, "repeat", "one", "same");
  const second = await say(ada, "repeat", "one", "same");
  const other = await say(bob, "repeat", "two", "same");
  assert.ok(first.ok && second.ok && other.ok);
  assert.equal(second.id, first.id);
  assert.notEqual(other.id, first.id);
  await until(() => ada.live.length > 1, "Bob's message");          /* on another connection than his acknowledgement */
  assert.deepEqual(ada.live.map((m) => m.text), ["one", "two"]);
});

test("a server that dies and comes back has every message, and the pages find it by themselves", async () => {
  const ada = await Person.enter(browser, server.url, "Ada", { hash: "#/phoenix" });
  const bob = await Person.enter(browser, server.url, "Bob", { hash: "#/phoenix" });
  await bob.page.getByText("Here now · 2").waitFor();
  await ada.say("before the crash");
  await bob.sees("before the crash");
  await server.stop("SIGKILL");
  await ada.status("reconnecting");
  await ada.say("during the crash");
  await ada.sees("during the crash", "sending");
  await server.start();
  await ada.sees("during the crash", "sent");
  await bob.sees("during the crash");
  const carol = await Person.enter(browser, server.url, "Carol", { hash: "#/phoenix" });
  await carol.sees("during the crash");
  for (const person of [ada, bob, carol])
    assert.deepEqual(await person.texts(), ["before the crash", "during the crash"]);
});

test("a message the server refuses says why, and can be deleted; one cut off by a reload is sent after it", async () => {
  const proxy = await openProxy(server.port);
  const ada = await Person.enter(browser, proxy.url, "Ada", { hash: "#/outbox" });
  await ada.page.getByRole("heading", { level: 1, name: "outbox" }).waitFor();
  await ada.upgraded;
  proxy.deaf = true;
  await ada.say("carried over");
  await ada.sees("carried over", "sending");
  proxy.deaf = false;
  await ada.page.reload();
  await ada.sees("carried over", "sent");
  assert.deepEqual(await ada.texts(), ["carried over"]);

  await ada.say("\u0001\u0002");                                 /* the page lets it pass, the server does not */
  const failed = ada.log.locator(".is-failed");
  await failed.getByText("Not sent. The message is empty.").waitFor();
  await failed.getByRole("button", { name: "Try again" }).click();
  await failed.getByText("Not sent. The message is empty.").waitFor();
  await failed.getByRole("button", { name: "Delete" }).click();
  await failed.waitFor({ state: "detached" });
  assert.deepEqual(await ada.texts(), ["carried over"]);
  await ada.page.reload();
  await ada.sees("carried over", "sent");
  assert.deepEqual(await ada.texts(), ["carried over"]);
});

test("nonsense from a client is answered with an error and harms nobody", async () => {
  const bob = client("Calm"), eve = client("Eve");
  await Promise.all([bob, eve].map((s) => once(s, "history")));
  const ask = (...args) => eve.timeout(40_000).emitWithAck(...args);
  for (const args of [
    ["chat message"], ["chat message", 1, 2, 3], ["chat message", "general"], ["chat message", "general", "", "x"],
    ["chat message", "general", "x".repeat(2001), "x"], ["chat message", "general", { a: 1 }, "x"],
    ["chat message", "general", "text", 5], ["chat message", "general", "text", "y".repeat(65)],
    ["chat message", "elsewhere", "text", "x"], ["chat message", ["general"], "text", "x"],
    ["join"], ["join", ""], ["join", null], ["join", "a b\u0000"], ["join", "x".repeat(33)], ["join", { toString: 1 }],
    ["name"], ["name", ""], ["name", " \u202e "], ["name", "n".repeat(25)], ["name", []],
    ["earlier"], ["earlier", "general"], ["earlier", "general", "x"], ["earlier", "elsewhere", 1],
  ]) {
    const reply = await ask(...args);
    assert.equal(typeof reply.error, "string", JSON.stringify(args));
  }
  eve.emit("typing");
  eve.emit("typing", {}, "x");
  eve.emit("no such event", 1);
  eve.emit("chat message", "general", "without an acknowledgement", "plain");
  await once(bob, "chat message", (m) => m.text === "without an acknowledgement");
  assert.equal((await say(bob, "general", "still here", "z")).ok, true);

  for (const auth of [{ name: "" }, { name: 5 }, { name: "n".repeat(25) }, { token: "short" }, { token: "x".repeat(65) }, { token: "'; DROP TABLE users; --" }, { name: "Calm" }]) {
    const refused = client("Mallory", auth, { reconnection: false });
    const error = await once(refused, "connect_error");
    assert.ok(error.message.length > 5, JSON.stringify(auth));
  }
  for (const auth of [{ rooms: "general" }, { rooms: [1, null, {}, "general"] }, { rooms: { a: 1 }, serverOffset: 7 },
    { serverOffset: { general: -1 } }, { serverOffset: { general: "x" } }, { serverOffset: { general: 1e300 } }, { serverOffset: { general: 0.5 } }]) {
    const odd = client("Odd", auth);
    await once(odd, "welcome");
    odd.close();
    await new Promise((done) => setTimeout(done, 50));
  }
});
