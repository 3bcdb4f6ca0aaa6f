/* Headless Chromium, and the chat page as a person uses it. */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export function launch(...flags) {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...FLAGS, ...flags] });
}

const PATIENCE = 40_000;            /* for a machine that is busy with other things */
const everyone = new Set();

/* For afterEach: closes what a test left open, and fails it for what went wrong on any page. */
export async function closeEveryone() {
  const faults = [...everyone].flatMap((person) => person.faults);
  await Promise.all([...everyone].map((person) => person.close()));
  assert.deepEqual(faults, []);
}

/* One person in a browser of their own. Fails the test on script errors and on requests to other hosts. */
export class Person {
  faults = [];

  static async open(browser, url, options = {}) {
    const { hash = "", ...rest } = options;
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...rest });
    const person = new Person();
    person.context = context;
    everyone.add(person);
    person.page = await context.newPage();
    person.page.setDefaultTimeout(PATIENCE);
    person.#watch(url);
    await person.page.goto(url + hash);
    return person;
  }

  /* Opens the page and enters with a name. */
  static async enter(browser, url, name, options) {
    const person = await Person.open(browser, url, options);
    await person.comeIn(name);
    return person;
  }

  #watch(url) {
    this.page.on("pageerror", (error) => this.faults.push(`script error: ${error.stack}`));
    this.page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== url && protocol !== "data:") this.faults.push(`request to another host: ${request.url()}`);
    });
    this.page.on("console", (message) => {
      if (/Content Security Policy|\[violation\]/iu.test(message.text())) this.faults.push(message.text());
    });
    /* upgraded: this load of the page has moved from polling to WebSocket. */
    let done = () => {};
    const arm = () => (this.upgraded = new Promise((resolve) => (done = resolve)));
    arm();
    this.page.on("domcontentloaded", arm);
    this.page.on("websocket", (ws) => ws.on("framesent", ({ payload }) => payload === "5" && done()));
  }

  get draft() {
    return this.page.getByRole("textbox", { name: /^Message to/u });
  }
  get log() {
    return this.page.getByRole("log");
  }
  get typing() {
    return this.page.locator("#typing");
  }

  /* A name may be held a little longer by a page that was closed just now. */
  async comeIn(name) {
    const held = this.page.locator("#entry-error", { hasText: "already called" });
    await this.page.getByLabel("Your name", { exact: true }).fill(name);
    do {
      await this.page.getByRole("button", { name: "Enter" }).click();
      await this.draft.or(held).first().waitFor();
    } while (await held.isVisible());
    await this.settled();
    this.entered = true;
  }

  /* Connected, and the history of the room on screen is there. */
  async settled() {
    await this.page.waitForFunction(() =>
      document.body.dataset.connection === "online" &&
      !document.getElementById("blank-title").checkVisibility() || document.getElementById("blank-title").textContent.startsWith("Nobody"));
  }

  async say(text) {
    await this.draft.fill(text);
    await this.draft.press("Enter");
  }

  /* shown: how the server writes the name. */
  async join(room, shown = room) {
    await this.page.getByLabel("Join or start a room").fill(room);
    await this.page.getByRole("button", { name: "Join room" }).click();
    await this.page.getByRole("heading", { level: 1, name: shown }).waitFor();
    await this.settled();
  }

  roomButton(room) {
    return this.page.locator("#rooms .room", { has: this.page.locator(`.room-name:text-is("${room}")`) });
  }

  async switchTo(room) {
    await this.roomButton(room).click();
    await this.page.getByRole("heading", { level: 1, name: room }).waitFor();
  }

  /* Waits until text stands in the log in a message with the state, if one is given. */
  async sees(text, state) {
    const bubble = this.log.locator(".bubble", { has: this.page.locator(`.text:text-is("${text}")`) });
    await bubble.waitFor();
    if (state) await bubble.locator(`.state[data-state="${state}"]`).waitFor({ state: "attached" });
    return bubble;
  }

  async status(state) {
    await this.page.locator(`body[data-connection="${state}"]`).waitFor();
  }

  /* Presses "Try now", unless the page was faster. */
  async hurry() {
    await this.page.getByRole("button", { name: "Try now" }).click({ timeout: 1000 }).catch(() => {});
  }

  /* The texts of all messages on screen, in order. */
  texts() {
    return this.page.locator("#messages .text").allTextContents();
  }

  async close() {
    everyone.delete(this);
    /* Left in the middle of the upgrade, the server would hold the name until the ping timeout. */
    if (this.entered) await Promise.race([this.upgraded, new Promise((done) => setTimeout(done, 2000))]);
    await this.context.close();
  }
}
