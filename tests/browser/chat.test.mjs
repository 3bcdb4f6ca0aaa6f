/* What two people do with each other: talk, type, change names and rooms, come back later. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Person, closeEveryone, launch } from "./support/browser.mjs";
import { client, closeClients, once, sayAll } from "./support/client.mjs";
import { startServer } from "./support/server.mjs";

let server, browser;

before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

async function pair(a, b, options) {
  return Promise.all([Person.enter(browser, server.url, a, options), Person.enter(browser, server.url, b, options)]);
}
afterEach(closeClients);
afterEach(closeEveryone);

test("two pages talk to each other, each message once and in order", async () => {
  const [ada, bob] = await pair("Ada", "Bob");
  await ada.say("Hello Bob");
  await ada.sees("Hello Bob", "sent");
  await bob.sees("Hello Bob");
  await bob.say("Hello Ada");
  await ada.sees("Hello Ada");
  for (let i = 0; i < 5; i++) await ada.say(`line ${i}`);
  await bob.sees("line 4");
  const expected = ["Hello Bob", "Hello Ada", "line 0", "line 1", "line 2", "line 3", "line 4"];
  assert.deepEqual(await bob.texts(), expected);
  await ada.sees("line 4", "sent");
  assert.deepEqual(await ada.texts(), expected);
  assert.equal(await bob.log.locator(".who:visible").first().textContent(), "Ada");
});

test("text is shown as it was written, never as markup", async () => {
  const [eve, bob] = await pair("Eve <b>", "Bob");
  const text = '<img src=x onerror="document.title=1"> & <script>1</script>\nhttp://localhost/path?a=1.';
  await eve.draft.fill(text);
  await eve.draft.press("Enter");
  await bob.log.getByText("<script>1</script>").waitFor();
  assert.equal((await bob.texts()).at(-1), text);
  assert.equal(await bob.log.locator("img, script").count(), 0);
  const link = bob.log.getByRole("link", { name: "http://localhost/path?a=1" });
  assert.equal(await link.getAttribute("href"), "http://localhost/path?a=1");
  assert.match(await link.getAttribute("rel"), /noopener/u);
});

test("typing shows while it lasts and ends with the message", async () => {
  const [ada, bob] = await pair("Ada", "Bob");
  await ada.draft.pressSequentially("thinking");
  await bob.page.getByText("Ada is typing").waitFor();
  assert.equal(await ada.typing.textContent(), "");
  await ada.draft.press("Enter");
  await bob.sees("thinking");
  await bob.page.locator("#typing:empty").waitFor({ state: "attached" });
  await ada.draft.pressSequentially("no");
  await bob.page.getByText("Ada is typing").waitFor();
  await ada.draft.fill("");
  await bob.page.locator("#typing:empty").waitFor({ state: "attached" });
});

test("rooms keep conversations apart and mark what is unread", async () => {
  const [ada, bob] = await pair("Ada", "Bob");
  await ada.join("Tea Room", "tea-room");
  await bob.page.getByRole("button", { name: /^Join tea-room/u }).click();
  await bob.page.getByRole("heading", { level: 1, name: "tea-room" }).waitFor();
  await ada.page.locator("#people-list").getByText("Bob").waitFor();

  await ada.say("milk first");
  await bob.sees("milk first");
  await bob.switchTo("general");
  assert.ok(!(await bob.texts()).includes("milk first"));
  await ada.say("or last");
  await ada.say("or never");
  await bob.page.getByRole("button", { name: "tea-room, 2 unread messages" }).waitFor();
  assert.match(await bob.page.title(), /^\(2\)/u);
  await bob.switchTo("tea-room");
  assert.deepEqual(await bob.texts(), ["milk first", "or last", "or never"]);
  assert.equal(await bob.log.locator(".divider.new").count(), 1);
  await bob.page.getByRole("button", { name: "tea-room", exact: true }).waitFor();
  assert.doesNotMatch(await bob.page.title(), /^\(/u);

  await bob.page.getByRole("button", { name: "Leave this room" }).click();
  await bob.page.getByRole("heading", { level: 1, name: "general" }).waitFor();
  await ada.page.locator("#people-list .person").nth(1).waitFor({ state: "detached" });
  assert.deepEqual(await ada.page.locator("#people-list .person-name").allTextContents(), ["Ada"]);
});

test("a room in the address is opened; a bad room name is explained", async () => {
  const ada = await Person.enter(browser, server.url, "Ada", { hash: "#/garden" });
  await ada.page.getByRole("heading", { level: 1, name: "garden" }).waitFor();
  await ada.page.getByText("Nobody has spoken yet").waitFor();
  for (const [bad, why] of [["", /Give the room a name/u], ["a/b", /only letters/u], ["x".repeat(40), /at most 32/u]]) {
    await ada.page.getByLabel("Join or start a room").fill(bad);
    await ada.page.getByLabel("Join or start a room").press("Enter");
    await ada.page.locator("#join-error").getByText(why).waitFor();
  }
  await ada.page.getByRole("heading", { level: 1, name: "garden" }).waitFor();
});

test("who is here follows people coming, going and changing names", async () => {
  const [ada, bob] = await pair("Ada", "Bob", { hash: "#/presence" });
  const here = ada.page.locator("#people-list .person-name");
  await ada.page.getByText("Here now · 2").waitFor();
  assert.deepEqual(await here.allTextContents(), ["Ada", "Bob"]);

  await bob.page.getByRole("button", { name: "Change your name" }).click();
  await bob.page.getByLabel("New name").fill("ada");
  await bob.page.getByRole("button", { name: "Save" }).click();
  await bob.page.getByText("Someone here is already called ada").waitFor();
  await bob.page.getByLabel("New name").fill("Roberta");
  await bob.page.getByRole("button", { name: "Save" }).click();
  await ada.page.locator("#people-list").getByText("Roberta").waitFor();
  await bob.say("it is me");
  await ada.sees("it is me");
  assert.equal(await ada.log.locator(".who:visible").last().textContent(), "Roberta");

  await bob.page.reload();
  await bob.settled();
  assert.equal(await bob.page.locator("#you-name").textContent(), "Roberta");
  await bob.close();
  await ada.page.getByText("Here now · 1").waitFor();
  await ada.page.getByText("Only you so far").waitFor();
});

test("a name in use is refused at the door; a second tab with the same name is the same person", async () => {
  const ada = await Person.enter(browser, server.url, "Ada");
  const other = await Person.open(browser, server.url);
  await other.page.getByLabel("Your name", { exact: true }).fill("ADA");
  await other.page.getByRole("button", { name: "Enter" }).click();
  await other.page.getByText("Someone here is already called ADA").waitFor();
  await other.comeIn("Grace");
  await ada.page.locator("#people-list").getByText("Grace").waitFor();

  const tab = await ada.context.newPage();
  await tab.goto(server.url);
  assert.equal(await tab.getByLabel("Your name", { exact: true }).inputValue(), "Ada");
  await tab.getByRole("button", { name: "Enter" }).click();
  await tab.getByRole("textbox", { name: /^Message to/u }).fill("from my other tab");
  await tab.getByRole("textbox", { name: /^Message to/u }).press("Enter");
  const bubble = await ada.sees("from my other tab");
  assert.equal(await bubble.locator("xpath=ancestor::li[contains(@class, 'mine')]").count(), 1);
  assert.equal(await ada.page.locator("#people-list .person-name", { hasText: "Ada" }).count(), 1);
});

test("history is there after a reload and for newcomers, and goes back page by page", async () => {
  const scribe = client(server.url, "Scribe", { rooms: ["archive"] });
  await once(scribe, "history");
  const all = Array.from({ length: 69 }, (_, i) => `entry ${i + 1}`);
  await sayAll(scribe, "archive", all);
  const ada = await Person.enter(browser, server.url, "Ada", { hash: "#/archive" });
  await ada.sees("entry 69");
  await ada.say("entry 70");
  all.push("entry 70");
  await ada.sees("entry 70", "sent");
  assert.deepEqual(await ada.texts(), all.slice(-51));

  await ada.page.reload();
  await ada.sees("entry 70", "sent");
  await ada.page.getByRole("heading", { level: 1, name: "archive" }).waitFor();
  assert.deepEqual(await ada.texts(), all.slice(-50));
  await ada.page.getByRole("button", { name: "Show earlier messages" }).click();
  await ada.sees("entry 1");
  assert.deepEqual(await ada.texts(), all);
  await ada.page.getByText("This is where #archive begins").waitFor({ state: "attached" });

  const bob = await Person.enter(browser, server.url, "Bob", { hash: "#/archive" });
  await bob.sees("entry 70");
  assert.deepEqual(await bob.texts(), all.slice(-50));
});

test("the reading position is kept when others write, and a button leads to what is new", async () => {
  const [ada, bob] = await pair("Ada", "Bob", { hash: "#/archive" });
  await bob.sees("entry 70");
  await bob.log.evaluate((log) => (log.scrollTop = 200));
  const top = () => bob.log.evaluate((log) => log.scrollTop);
  await bob.page.getByRole("button", { name: "Latest messages" }).waitFor();
  const was = await top();
  await ada.say("down here");
  await ada.say("and here");
  await bob.page.getByRole("button", { name: "2 new messages" }).waitFor();
  assert.equal(await top(), was);
  await bob.page.getByRole("button", { name: "2 new messages" }).click();
  await bob.page.locator("#jump").waitFor({ state: "hidden" });
  await bob.log.getByText("and here").waitFor();
  await ada.say("one more");                                    /* at the end again: it follows by itself */
  await bob.sees("one more");
  await bob.page.waitForFunction(() => {
    const log = document.getElementById("log");
    return log.scrollHeight - log.scrollTop - log.clientHeight < 2;
  });
});
