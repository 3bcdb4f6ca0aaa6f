/* The official Admin UI, as npm has it, in a browser: served from a port of its own, as users do. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";

const dist = join(dirname(createRequire(import.meta.url).resolve("@socket.io/admin-ui/package.json")), "ui/dist");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png" };
const PATIENCE = 40_000;

export async function servePage() {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://here").pathname);
    try {
      const body = await readFile(join(dist, path === "/" ? "index.html" : path));
      response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "text/html" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => new Promise((done) => server.close(done)) };
}

/* One administrator. */
export class Boss {
  faults = [];

  static async open(browser, url) {
    const boss = new Boss();
    boss.context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB" });
    boss.page = await boss.context.newPage();
    boss.page.setDefaultTimeout(PATIENCE);
    boss.page.on("pageerror", (error) => boss.faults.push(error.stack));
    await boss.page.goto(url);
    return boss;
  }

  /* Fills in the form; resolves when it was sent. */
  async connect(server, username, password) {
    await this.page.getByLabel("Server URL").fill(server);
    await this.page.getByLabel("Username").fill(username);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Connect" }).click();
  }

  /* The form is gone: connected. */
  async inside() {
    await this.page.getByLabel("Server URL").waitFor({ state: "hidden" });
  }

  /* One of the pages on the left. */
  async go(title) {
    await this.page.locator("nav").getByText(title, { exact: true }).click();
    await this.page.waitForFunction((wanted) => {
      const shown = document.querySelectorAll(".v-breadcrumbs");   /* two while one page gives way to the next */
      return shown.length === 1 && shown[0].textContent.trim() === wanted;
    }, title);
  }

  row(...texts) {
    return texts.reduce((rows, hasText) => rows.filter({ hasText }), this.page.locator("tbody tr")).first();
  }

  async sees(...texts) {
    await this.row(...texts).waitFor();
  }
}
