/* The browser client of Socket.IO 2 in Chromium, on a page from another origin: by scripts and forms (JSONP), by requests that carry
 * bytes, and with an upgrade. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../interop/support/server.mjs";
import { launch } from "./support/browser.mjs";

const bundle = readFileSync(fileURLToPath(import.meta.resolve("socket.io-client-v2/dist/socket.io.js")));
const PATIENCE = 40_000;
let site, browser;

before(async () => {
  site = createServer((req, res) => {
    const script = req.url === "/client.js";
    res.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    res.end(script ? bundle : '<!doctype html><title>v2</title><link rel="icon" href="data:,"><script src="/client.js"></script>');
  }).listen(0, "127.0.0.1");
  await new Promise((done) => site.once("listening", done));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  site?.closeAllConnections();
  site?.close();
});

/* On the page: everything there and back, text beyond ASCII, newlines and bytes, and what the connection was. */
function converse([url, options]) {
  const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0")).join("");
  return new Promise((done, fail) => {
    const socket = window.io(url, { forceNew: true, reconnection: false, ...options });
    const got = [];
    for (const event of ["error", "connect_error", "disconnect"]) socket.on(event, (e) => fail(new Error(`${event}: ${e}`)));
    const ask = () =>
      socket.emit("reflect", "Grüße 🙂 \n\\n \u2028 </script>", { deep: [Uint8Array.of(0, 4, 255).buffer] }, (text, value) => {
        got.push(text, hex(value.deep[0]));
        socket.off("disconnect");
        done({ got, transport: socket.io.engine.transport.name, id: socket.id });
        socket.close();
      });
    socket.on("echo", (...args) => {
      got.push(args.length, ...args.slice(0, 2), hex(args[2]));
      if (options.transports.length === 1 || socket.io.engine.transport.name === "websocket") ask();
      else socket.io.engine.once("upgrade", ask);
    });
    socket.on("connect", () => socket.emit("echo", "a\nb\\nc", "世界 \u2029", Uint8Array.of(9, 8, 7, 128).buffer));
  });
}

/* Runs it against a server with those flags; answers: [resource type, method, content type] of what the server said. */
async function visit(flags, options) {
  const server = await new Server("socketio.lua", { flags: ["--allow-eio3", "true", ...flags] }).start();
  const context = await browser.newContext();
  const page = await context.newPage();
  const answers = [];
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.stack));
  page.on("response", async (response) => {
    if (response.url().startsWith(server.url))
      answers.push([response.request().resourceType(), response.request().method(), response.headers()["content-type"]].join(" "));
  });
  try {
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    const result = await page.evaluate(converse, [server.url, options]);
    assert.deepEqual(result.got, [3, "a\nb\\nc", "世界 \u2029", "09080780", "Grüße 🙂 \n\\n \u2028 </script>", "0004ff"]);
    assert.deepEqual(faults, []);
    return { ...result, answers };
  } finally {
    await context.close();
    await server.stop();
  }
}

const cors = () => ["--cors", JSON.stringify({ origin: `http://127.0.0.1:${site.address().port}`, credentials: true })];

test("JSONP reaches a server of another origin without CORS", async () => {
  const { transport, answers } = await visit([], { transports: ["polling"], forceJSONP: true });
  assert.equal(transport, "polling");
  assert.ok(answers.includes("script GET text/plain; charset=UTF-8"), answers.join("\n"));
  assert.ok(answers.includes("document POST text/html"), answers.join("\n"));
});

test("JSONP upgrades to WebSocket", async () => {
  const { transport, answers } = await visit([], { transports: ["polling", "websocket"], forceJSONP: true });
  assert.equal(transport, "websocket");
  assert.ok(answers.includes("script GET text/plain; charset=UTF-8"), answers.join("\n"));
});

test("polling carries bytes both ways", async () => {
  const { transport, answers } = await visit(cors(), { transports: ["polling"] });
  assert.equal(transport, "polling");
  assert.ok(answers.includes("xhr GET application/octet-stream"), answers.join("\n"));
});

test("polling upgrades to WebSocket", async () => {
  const { transport } = await visit(cors(), { transports: ["polling", "websocket"] });
  assert.equal(transport, "websocket");
});

test("WebSocket alone", async () => {
  const { transport, answers } = await visit([], { transports: ["websocket"] });
  assert.equal(transport, "websocket");
  assert.deepEqual(answers.filter((a) => !a.startsWith("websocket")), []);
});
