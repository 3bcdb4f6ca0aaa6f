/* The demonstration of the tutorial's last step: pages on several ports talk to each other, through workers that share
 * a bus and a database, and go on when one of the workers is killed. Then the same behind one port. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import net from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { alive, connect, until, withSuper } from "../chaos/support/super.mjs";
import { launch } from "./support/browser.mjs";

const script = join(resolve(fileURLToPath(import.meta.url), "../../.."), "examples/tutorial/tutorial.lua");
const PATIENCE = 40_000;
let browser;

before(async () => (browser = await launch()));
after(() => browser?.close());

const free = (port) => new Promise((done) => {
  const server = net.createServer().once("error", () => done(false)).listen(port, () => server.close(() => done(true)));
});

/* The first of so many free ports in a row, below those that the system gives to others. */
async function freePorts(count) {
  for (;;) {
    const base = 20000 + Math.floor(Math.random() * 10000);
    const all = await Promise.all(Array.from({ length: count }, (_, i) => free(base + i)));
    if (all.every(Boolean)) return base;
  }
}

/* A page of the chat, in a browser of its own. */
async function visit(t, url) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(url);
  return {
    page,
    async say(text) {
      await page.getByLabel("Message").fill(text);
      await page.getByLabel("Message").press("Enter");
    },
    texts: () => page.locator("#messages li").allTextContents(),
    sees: (text) => page.locator("#messages li", { hasText: text }).first().waitFor(),
    connected: () => page.waitForFunction("socket.connected"),
  };
}

async function converse(s, t, urls) {
  const pages = await Promise.all(urls.map((url) => visit(t, url)));
  const [ada, bob] = pages;
  await ada.say("from the first");
  for (const p of pages) await p.sees("from the first");
  await bob.say("from the second");
  for (const p of pages) await p.sees("from the second");
  for (let i = 0; i < 6; i++) await pages[i % pages.length].say(`line ${i}`).then(() => pages[0].sees(`line ${i}`));
  for (const p of pages) await p.sees("line 5");

  /* One worker dies in the middle of it. */
  const victim = (await s.of("tutorial"))[1];
  process.kill(victim.pid, "SIGKILL");
  await until("it dead", () => !alive(victim.pid));
  await ada.say("while one was away");
  for (const p of pages) await p.sees("while one was away");
  await s.online("tutorial", 3);
  for (const p of pages) await p.connected();
  await bob.say("after it came back");
  for (const p of pages) await p.sees("after it came back");

  const expected = ["from the first", "from the second", "line 0", "line 1", "line 2", "line 3", "line 4", "line 5", "while one was away", "after it came back"];
  for (const p of pages) assert.deepEqual(await p.texts(), expected);
  const instance = (await s.of("tutorial"))[1];
  assert.notEqual(instance.pid, victim.pid);
  assert.equal(instance.atrium.crashes, 1);

  /* Who comes later, to whichever worker, finds all of it in the database. */
  const late = await visit(t, urls.at(-1));
  await late.sees("after it came back");
  assert.deepEqual(await late.texts(), expected);
}

async function portEach(s, flags) {
  const base = await freePorts(3);
  await s.ok(["start", script, "-i", "3", "--port", String(base), ...flags], { CHAT_DB: join(s.folder, "chat.db") });
  await s.online("tutorial", 3);
  for (const i of [0, 1, 2]) await until("its port", () => s.log(`tutorial-out-${i}.log`).includes(`server running at http://localhost:${base + i}\n`));
  return [0, 1, 2].map((i) => `http://localhost:${base + i}`);
}

test("a port each: pages on two of them talk to each other", withSuper(async (s, t) => {
  await converse(s, t, (await portEach(s, ["--increment-var", "PORT"])).slice(0, 2));
}));

test("a port each in mode fork: one conversation as well", withSuper(async (s, t) => {
  const sockets = await Promise.all((await portEach(s, ["--exec-mode", "fork"])).map((url) => connect(t, url)));
  assert.ok((await s.list()).every((i) => i.pm2_env.exec_mode === "fork_mode"));
  const heard = sockets.map((socket) => new Promise((done) => socket.on("chat message", (text, id) => done([text, id]))));
  await sockets[1].emitWithAck("chat message", "to everybody", "offset-1");
  assert.deepEqual(await Promise.all(heard), Array(3).fill(["to everybody", 1]));
}));

test("one port for all", withSuper(async (s, t) => {
  const base = await freePorts(1);
  await s.ok(["start", script, "-i", "3", "--port", String(base)], { CHAT_DB: join(s.folder, "chat.db") });
  await s.online("tutorial", 3);
  for (const i of [0, 1, 2]) await until("its port", () => s.log(`tutorial-out-${i}.log`).includes(`server running at http://localhost:${base}\n`));
  await converse(s, t, Array(3).fill(`http://localhost:${base}`));
}));
