/* How the page looks and is used: widths, contrast, keyboard, movement. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { contrasts, movement, overflow } from "./support/measure.mjs";
import { Person, closeEveryone, launch } from "./support/browser.mjs";
import { client, once } from "./support/client.mjs";
import { closeProxies, openProxy } from "./support/proxy.mjs";
import { startServer } from "./support/server.mjs";

const LONG = `https://example.org/${"a-very-long-address-without-a-break".repeat(4)} ${"W".repeat(120)}`;
const WIDE_NAME = "W".repeat(24);
let server, browser, extra;

/* Someone with the widest name allowed has written the longest words, in the room with the widest name. */
before(async () => {
  server = await startServer();
  browser = await launch();
  extra = client(server.url, WIDE_NAME, { rooms: ["general", "m".repeat(32), "quiet"] });
  await once(extra, "history");
  for (const [room, text] of [["general", "Short one"], ["general", LONG], ["m".repeat(32), LONG], ["quiet", "psst"]])
    assert.equal((await extra.emitWithAck("chat message", room, text, `${room}${text.length}`)).ok, true);
});
afterEach(closeEveryone);
afterEach(closeProxies);
after(async () => {
  extra?.close();
  await browser?.close();
  await server?.close();
});

/* Ada, in three rooms, with unread messages, a failed and a waiting one, on a line that is then cut. */
async function busyPage(options) {
  const proxy = await openProxy(server.port);
  const ada = await Person.enter(browser, proxy.url, "Ada", { hash: `#/${"m".repeat(32)}`, ...options });
  await ada.page.getByRole("heading", { level: 1, name: "m".repeat(32) }).waitFor();
  const words = `my own words ${Math.random()}`;
  await ada.say(words);
  await ada.sees(words, "sent");
  await ada.say("\u0001\u0002");
  await ada.page.getByText("Not sent. The message is empty.").first().waitFor();
  await extra.emitWithAck("chat message", "general", `news ${Math.random()}`, String(Math.random()));
  await ada.page.locator("#rooms .badge:not([hidden])").first().waitFor({ state: "attached" });
  extra.volatile.emit("typing", "m".repeat(32), true);
  await ada.page.locator("#typing:not(:empty)").waitFor();
  await ada.draft.fill("x".repeat(2010));
  return { ada, proxy };
}

async function assertReadable(person, where) {
  const { poor, measured } = await person.page.evaluate(contrasts, 4.5);
  assert.deepEqual(poor, [], where);
  assert.ok(measured > 3, `${where}: only ${measured} texts`);
}

async function assertFits(person, where) {
  assert.deepEqual(await person.page.evaluate(overflow), [], where);
}

for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of [[360, 640], [768, 1024], [1440, 900]]) {
    test(`${width} pixels, ${colorScheme}: nothing leaves the page sideways, all text has contrast`, async () => {
      const options = { viewport: { width, height }, colorScheme, reducedMotion: "reduce" };
      const door = await Person.open(browser, server.url, options);
      await door.page.getByRole("button", { name: "Enter" }).click();
      await door.page.getByText("Choose a name first").waitFor();
      await assertFits(door, "entry");
      await assertReadable(door, "entry");

      const { ada, proxy } = await busyPage(options);
      await assertFits(ada, "room");
      await assertReadable(ada, "room");
      if (width < 1120) {
        await ada.page.getByRole("button", { name: /people here/u }).click();
        await assertFits(ada, "people");
        await assertReadable(ada, "people");
        await ada.page.keyboard.press("Escape");
      }
      if (width < 720) {
        await ada.page.locator("#open-side").click();
        await assertFits(ada, "rooms");
        await assertReadable(ada, "rooms");
      }
      await ada.page.getByLabel("Join or start a room").fill("a/b");
      await ada.page.getByLabel("Join or start a room").press("Enter");
      await ada.page.locator("#join-error").getByText(/only letters/u).waitFor();
      await assertReadable(ada, "error");
      await ada.page.getByRole("button", { name: "Change your name" }).click();
      await ada.page.getByLabel("New name").fill(WIDE_NAME);
      await ada.page.getByRole("button", { name: "Save" }).click();
      await ada.page.getByText(`already called ${WIDE_NAME}`).waitFor();
      await assertFits(ada, "rename");
      await assertReadable(ada, "rename");
      await ada.page.keyboard.press("Escape");
      if (width < 720) await ada.page.keyboard.press("Escape");
      await proxy.cut();
      await ada.status("reconnecting");
      await ada.page.getByRole("button", { name: "Try now" }).waitFor();
      await assertFits(ada, "cut");
      await assertReadable(ada, "cut");
      assert.equal(await ada.page.evaluate(() => document.getAnimations().length), 0, "motion although asked for none");
    });
  }
}

test("the theme follows the system, can be switched, and is remembered without a flash", async () => {
  const ada = await Person.open(browser, server.url, { colorScheme: "dark" });
  const ground = () => ada.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const themed = (name) => ada.page.locator(`html[data-theme="${name}"]`).waitFor();
  const dark = await ground();
  await ada.page.emulateMedia({ colorScheme: "light" });
  await themed("light");
  const light = await ground();
  assert.notEqual(dark, light);
  await ada.page.getByRole("button", { name: "Switch to the dark theme" }).click();
  assert.equal(await ground(), dark);
  await ada.page.reload();
  assert.equal(await ground(), dark);
  assert.equal(await ada.page.evaluate(() => document.querySelector("script").src.endsWith("theme.js")), true);
  await ada.page.getByRole("button", { name: "Switch to the light theme" }).click();
  assert.equal(await ground(), light);
  await ada.page.emulateMedia({ colorScheme: "dark" });
  await themed("dark");
  assert.equal(await ground(), dark);
});

test("the whole chat works from the keyboard", async () => {
  const ada = await Person.open(browser, server.url);
  const bob = await Person.enter(browser, server.url, "Bob");
  const { page } = ada;
  const key = (k) => page.keyboard.press(k);
  const focused = () => page.evaluate(() => {
    const a = document.activeElement;
    return a.id || a.dataset.action || a.querySelector?.(".room-name")?.textContent || a.textContent.trim() || a.className;
  });
  const tabTo = async (what, back = false) => {
    for (let i = 0; i < 40; i++) {
      await key(back ? "Shift+Tab" : "Tab");
      if (await focused() === what) return;
    }
    assert.fail(`Tab never reached ${what}`);
  };

  await page.keyboard.type("Ada");                              /* the name field has the focus already */
  await key("Enter");
  await ada.draft.waitFor();
  await page.waitForFunction(() => document.activeElement.id === "draft");
  await page.keyboard.type("first line");
  await key("Shift+Enter");
  await page.keyboard.type("second line");
  await key("Enter");
  await bob.log.getByText("first line\nsecond line").waitFor();
  assert.equal(await focused(), "draft");

  await tabTo("join-name", true);
  await page.keyboard.type("keys");
  await key("Enter");
  await page.getByRole("heading", { level: 1, name: "keys" }).waitFor();
  assert.equal(await focused(), "draft");
  await tabTo("general", true);
  await key("Enter");
  await page.getByRole("heading", { level: 1, name: "general" }).waitFor();

  await tabTo("rename-open", true);
  await key("Enter");
  await page.waitForFunction(() => document.activeElement.id === "rename-name");
  await key("Escape");
  assert.equal(await focused(), "rename-open");
  await key("Enter");
  await page.keyboard.type("Ada the Second");
  await key("Enter");
  await page.locator("#you-name", { hasText: "Ada the Second" }).waitFor();
  assert.equal(await focused(), "rename-open");

  await tabTo("log");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "log");
});

test("the first stop is a link past the rooms; every stop is in reading order and shows the focus", async () => {
  const ada = await Person.enter(browser, server.url, "Ada");
  const { page } = ada;
  await page.reload();                                          /* straight back in, with the focus nowhere */
  await ada.settled();
  const stops = [];
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const a = document.activeElement;
      if (a === document.body) return null;
      const shows = (e) => getComputedStyle(e).outlineStyle !== "none" && parseFloat(getComputedStyle(e).outlineWidth) >= 2;
      const box = a.getBoundingClientRect();
      return {
        name: a.id || a.dataset.action || a.querySelector(".room-name")?.textContent || a.textContent.trim(),
        visible: shows(a) || shows(a.parentElement),
        inside: box.width > 0 && box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight,
      };
    });
    if (!stop) break;
    stops.push(stop);
  }
  for (const s of stops) assert.ok(s.visible && s.inside, JSON.stringify(s));
  const names = stops.map((s) => s.name);
  assert.equal(names[0], "Skip to the conversation");
  const order = ["theme", "general", "join-name", "rename-open", "log", "draft", "send"].map((n) => names.indexOf(n));
  assert.ok(order.every((at, i) => at >= 0 && (i === 0 || at > order[i - 1])), names.join(", "));

  await page.reload();
  await ada.settled();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "log");
});

test("on a narrow screen the drawers open, hold the focus and close from the keyboard", async () => {
  const ada = await Person.enter(browser, server.url, "Ada", { viewport: { width: 360, height: 640 } });
  const { page } = ada;
  for (const [opener, drawer] of [["open-side", "side"], ["open-people", "people"]]) {
    await page.locator(`#${opener}`).focus();
    await page.keyboard.press("Enter");
    await page.locator(`#${drawer}.is-open`).waitFor();
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate((d) => document.activeElement === document.body || !!document.activeElement.closest(`#${d}`), drawer);
      assert.ok(at, `${drawer}: Tab left the drawer`);
    }
    await page.keyboard.press("Escape");
    await page.locator(`#${drawer}.is-open`).waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.id), opener);
  }
  await page.locator("#open-side").click();
  await page.getByLabel("Join or start a room").fill("pocket");
  await page.getByLabel("Join or start a room").press("Enter");
  await page.getByRole("heading", { level: 1, name: "pocket" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "draft");
});

test("nothing jumps: not at the start, not when someone types, not when the line breaks", async () => {
  const proxy = await openProxy(server.port);
  const ada = await Person.open(browser, proxy.url);
  await ada.page.evaluate(movement);
  await ada.comeIn("Ada");
  await ada.upgraded;
  const boxes = () => ada.page.evaluate(() => ["composer", "log", "rooms", "room-title", "send"].map((id) => {
    const { x, y, width, height } = document.getElementById(id).getBoundingClientRect();
    return [id, x, y, id === "room-title" ? 0 : width, height].join(" ");
  }));
  const calm = await boxes();
  extra.volatile.emit("typing", "general", true);
  await ada.page.locator("#typing:not(:empty)").waitFor();
  assert.deepEqual(await boxes(), calm);
  await proxy.cut();
  await ada.status("reconnecting");
  assert.deepEqual(await boxes(), calm);
  await proxy.restore();
  await ada.hurry();
  await ada.status("online");
  assert.deepEqual(await boxes(), calm);
  const shifts = await ada.page.evaluate(() => window.layoutShifts);
  assert.ok(shifts < 0.02, `layout shifts add up to ${shifts}`);
});

test("the log is announced, its arrivals politely, and names its room", async () => {
  const ada = await Person.enter(browser, server.url, "Ada");
  const log = ada.page.locator("#log");
  assert.equal(await log.getAttribute("role"), "log");
  assert.equal(await log.getAttribute("aria-live"), "polite");
  await ada.join("quiet");
  assert.equal(await log.getAttribute("aria-label"), "Messages in quiet");
  await ada.page.locator('#log[aria-busy="false"]').waitFor();
  const snapshot = await ada.page.locator("body").ariaSnapshot();
  assert.doesNotMatch(snapshot, /button(?! ")/u, "a button without a name");
  for (const part of ["complementary \"Rooms and you\"", "main", "log \"Messages in quiet\"", "textbox \"Message to quiet\""])
    assert.ok(snapshot.includes(part), `${part} not in\n${snapshot}`);
});
