/* The real page of the Admin UI against Atrium: logging in, what it shows, what its buttons do. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import bcrypt from "bcryptjs";
import { io } from "socket.io-client";
import { serve } from "../interop/support/server.mjs";
import { once } from "../interop/support/wait.mjs";
import { Boss, servePage } from "./support/admin.mjs";
import { launch } from "./support/browser.mjs";

const auth = { type: "basic", username: "admin", password: bcrypt.hashSync("pass word", 5) };
const flags = (options) => [
  "--cors", JSON.stringify({ origin: true, credentials: true }),
  "--admin", JSON.stringify({ auth, serverId: "the one", ...options }),
];
const [development, readonly, production] = await Promise.all([
  serve("admin.lua", { flags: flags({}) }),
  serve("admin.lua", { flags: flags({ readonly: true }) }),
  serve("admin.lua", { flags: flags({ mode: "production" }) }),
]);
let browser, page;
const open = [];

before(async () => ([browser, page] = await Promise.all([launch(), servePage()])));
after(async () => {
  for (const one of open) one.close();
  await browser?.close();
  await page?.close();
});

async function client(server, namespace = "/") {
  const socket = io(server.url + namespace, { forceNew: true, transports: ["websocket"] });
  open.push(socket);
  await once(socket, "connect");
  return socket;
}

async function login(server, password = "pass word") {
  const boss = await Boss.open(browser, page.url);
  await boss.connect(server.url, "admin", password);
  return boss;
}

async function leave(boss) {
  await boss.context.close();
  assert.deepEqual(boss.faults, []);
}

test("a wrong password is told apart, the right one opens, and a reload needs none", async () => {
  const boss = await login(development, "password");
  await boss.page.getByText("Invalid credentials").waitFor();
  await boss.page.getByLabel("Password").fill("pass word");
  await boss.page.getByRole("button", { name: "Connect" }).click();
  await boss.inside();
  await boss.page.reload();
  await boss.go("Servers");
  await boss.sees("the one");
  assert.equal(await boss.page.getByLabel("Server URL").isVisible(), false);
  await leave(boss);
});

test("servers, sockets, rooms, clients and events are shown, and follow", async () => {
  const early = await client(development);
  await early.emitWithAck("join", "kitchen");
  const boss = await login(development);
  await boss.inside();
  await boss.go("Sockets");
  await boss.sees(early.id, "127.0.0.1", "WebSocket");
  const late = await client(development);
  await boss.sees(late.id);
  await late.emitWithAck("join", "cellar");
  late.emit("echo", "some words");
  await boss.go("Rooms");
  await boss.sees("kitchen", "1");
  await boss.sees("cellar", "1");
  await boss.go("Events");
  await boss.sees(late.id, "Event name: echo");
  await boss.sees(late.id, "Room: cellar");
  await boss.go("Clients");
  await boss.page.locator("tbody tr").nth(2).waitFor();            /* early, late, the page */
  const gone = late.id;
  late.disconnect();
  await boss.go("Events");
  await boss.sees(gone, "client namespace disconnect");
  await boss.go("Sockets");
  await boss.row(gone).waitFor({ state: "detached" });
  await boss.go("Servers");
  await boss.sees("the one", "Healthy", String(development.pid));
  early.disconnect();
  await leave(boss);
});

test("a socket's details: request, data and rooms; joining a room there, leaving it, disconnecting", async () => {
  const guest = await client(development);
  await guest.emitWithAck("remember", "name", "Ada Lovelace");
  const { id } = guest;
  const boss = await login(development);
  await boss.inside();
  await boss.go("Sockets");
  await boss.row(guest.id).click();
  await boss.page.getByText("Ada Lovelace").waitFor();
  await boss.sees("upgrade", "websocket");
  await boss.sees("EIO", "4");
  await boss.page.getByLabel("Join a room").fill("library");
  await boss.page.locator("form button[type=submit]", { hasNotText: "Connect" }).click();
  await boss.sees("library");
  await guest.emitWithAck("remember", "name", "Grace Hopper");
  await boss.page.getByText("Grace Hopper").waitFor();
  await boss.go("Rooms");
  await boss.sees("library", "1");
  await boss.row("library").locator("button").first().click();     /* all of its sockets leave */
  await boss.go("Rooms");                                           /* the row was clicked as well, and led elsewhere */
  await boss.row("library").waitFor({ state: "detached" });
  await boss.go("Sockets");
  const end = once(guest, "disconnect");
  await boss.row(guest.id).locator("button").click();
  assert.deepEqual((await end)[0], "io server disconnect");
  await boss.go("Sockets");
  await boss.row(id).waitFor({ state: "detached" });
  await leave(boss);
});

test("read-only: everything is seen, and there is nothing to press", async () => {
  const guest = await client(readonly);
  const boss = await login(readonly);
  await boss.inside();
  await boss.go("Sockets");
  await boss.sees(guest.id);
  assert.equal(await boss.row(guest.id).locator("button").count(), 0);
  assert.ok(guest.connected);
  await leave(boss);
});

test("production: figures alone", async () => {
  const guest = await client(production);
  const boss = await login(production);
  await boss.inside();
  await boss.go("Servers");
  await boss.sees("the one", "Healthy");
  assert.equal(await boss.page.locator("nav").getByText("Sockets", { exact: true }).count(), 0);
  await boss.go("Dashboard");
  await boss.page.locator("canvas").first().waitFor();
  guest.emit("echo", "x");
  await boss.sees("/admin");
  await leave(boss);
});
