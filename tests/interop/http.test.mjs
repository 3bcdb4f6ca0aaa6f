// Plain HTTP beside the engines: files, routes, the browser client.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import WebSocket from "ws";
import { serve } from "./support/server.mjs";
import { once, sleep } from "./support/wait.mjs";
import { Wire } from "./support/wire.mjs";

const home = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-http-"));
const site = path.join(home, "site");
after(() => fs.rmSync(home, { recursive: true, force: true }));
const SECRET = "the secret outside the folder";
const big = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
const css = "body { margin: 0 }\n".repeat(200);

function write(name, content) {
  const file = path.join(site, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}
write("index.html", "<!doctype html><title>home</title>");
write("hello.txt", "0123456789");
write("style.css", css);
write("empty.txt", "");
write("big.bin", big);
write("sub/index.html", "<!doctype html><title>sub</title>");
write("sub/deep/page.html", "deep");
write("folder/only.txt", "no index here");
write("with space & ü.txt", "odd name");
write(".hidden", SECRET);
write(".git/config", SECRET);
write("packed.js", "packed();".repeat(100));
write("packed.js.gz", gzipSync("packed();".repeat(100)));
fs.writeFileSync(path.join(home, "secret.txt"), SECRET);
fs.symlinkSync(path.join(home, "secret.txt"), path.join(site, "link-out.txt"));
fs.symlinkSync(home, path.join(site, "folder-out"));
fs.symlinkSync("hello.txt", path.join(site, "link-in.txt"));

const server = await serve("http.lua", { env: { SITE: site }, expectErrors: true });

/* By hand, so that nobody tidies the target up, decodes the body or adds headers. */
async function ask(method, target, headers = {}, body = "") {
  const wire = await Wire.to(server.port);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  wire.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines}\r\n${body}`);
  const raw = await wire.rest();
  const at = raw.indexOf("\r\n\r\n");
  const [first, ...rest] = raw.subarray(0, at).toString("latin1").split("\r\n");
  const got = Object.fromEntries(rest.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]));
  return { status: Number(first.split(" ")[1]), headers: got, body: raw.subarray(at + 4), text: raw.subarray(at + 4).toString() };
}

describe("files", () => {
  test("a file, with its length, type, tag and date", async () => {
    const got = await ask("GET", "/files/hello.txt");
    assert.equal(got.status, 200);
    assert.equal(got.text, "0123456789");
    assert.equal(got.headers["content-length"], "10");
    assert.match(got.headers["content-type"], /^text\/plain/u);
    assert.match(got.headers.etag, /^(W\/)?"[^"]+"$/u);
    assert.ok(Math.abs(Date.parse(got.headers["last-modified"]) - Date.now()) < 600_000);
    assert.equal(got.headers["accept-ranges"], "bytes");
  });

  test("types by extension", async () => {
    const types = {
      html: "text/html", css: "text/css", js: /^(text|application)\/javascript/u, json: "application/json", svg: "image/svg+xml",
      png: "image/png", jpg: "image/jpeg", webp: "image/webp", woff2: "font/woff2", wasm: "application/wasm", ico: /^image\//u,
      txt: "text/plain", xml: /xml/u, mp4: "video/mp4", pdf: "application/pdf", mjs: /javascript/u, map: /json/u, webmanifest: /manifest/u,
      unheard: "application/octet-stream",
    };
    for (const [extension, type] of Object.entries(types)) {
      write(`types/x.${extension}`, "content");
      const got = (await ask("GET", `/files/types/x.${extension}`)).headers["content-type"];
      if (type instanceof RegExp) assert.match(got, type, extension);
      else assert.equal(got.split(";")[0], type, extension);
    }
  });

  test("folders give their index.html, or nothing", async () => {
    assert.match((await ask("GET", "/files/")).text, /home/u);
    assert.match((await ask("GET", "/files/sub/")).text, /sub/u);
    const bare = await ask("GET", "/files/sub");
    assert.ok(bare.status === 200 || bare.headers.location?.endsWith("/files/sub/"), `${bare.status}`);
    assert.equal((await ask("GET", "/files/folder/")).status, 404);
  });

  test("escaped names", async () => {
    const name = encodeURIComponent("with space & ü.txt");
    assert.equal((await ask("GET", `/files/${name}`)).text, "odd name");
    assert.equal((await ask("GET", "/files/%68ello.txt?v=1")).text, "0123456789");
    assert.equal((await ask("GET", "/files/link-in.txt")).text, "0123456789");
  });

  test("an empty file, and a large one whole", async () => {
    const empty = await ask("GET", "/files/empty.txt");
    assert.deepEqual([empty.status, empty.headers["content-length"], empty.text], [200, "0", ""]);
    const got = await ask("GET", "/files/big.bin");
    assert.ok(got.body.equals(big));
  });

  test("a slow reader of a large file delays nobody", async () => {
    const slow = await Wire.to(server.port);
    slow.socket.pause();
    slow.write("GET /files/big.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    for (let i = 0; i < 20; i++) assert.equal((await ask("GET", "/files/hello.txt")).text, "0123456789");
    slow.socket.resume();
    const raw = await slow.rest();
    assert.ok(raw.subarray(raw.indexOf("\r\n\r\n") + 4).equals(big));
  });

  test("HEAD has the headers of GET, and no body", async () => {
    for (const name of ["hello.txt", "big.bin", "sub/"]) {
      const [get, head] = [await ask("GET", `/files/${name}`), await ask("HEAD", `/files/${name}`)];
      assert.equal(head.body.length, 0);
      for (const field of ["content-length", "content-type", "etag", "last-modified"]) assert.equal(head.headers[field], get.headers[field]);
    }
  });

  test("what is not there, and what may not be done to it", async () => {
    assert.equal((await ask("GET", "/files/nothing.txt")).status, 404);
    assert.equal((await ask("HEAD", "/files/nothing.txt")).status, 404);
    for (const method of ["POST", "PUT", "DELETE"]) {
      const got = await ask(method, "/files/hello.txt", { "Content-Length": 0 });
      assert.ok([404, 405].includes(got.status), `${method} ${got.status}`);
      if (got.status === 405) assert.match(got.headers.allow, /GET/u);
    }
  });

  test("a changed file has another tag and its new content", async () => {
    write("changing.txt", "before");
    const before = await ask("GET", "/files/changing.txt");
    await sleep(20);
    write("changing.txt", "after!");
    const now = await ask("GET", "/files/changing.txt", { "If-None-Match": before.headers.etag });
    assert.deepEqual([now.status, now.text], [200, "after!"]);
    assert.notEqual(now.headers.etag, before.headers.etag);
  });
});

describe("conditions", () => {
  test("If-None-Match: the tag, in a list, weak, or any", async () => {
    const { etag } = (await ask("GET", "/files/hello.txt")).headers;
    const opaque = etag.replace(/^W\//u, "");
    for (const condition of [etag, `"x", ${etag}`, `W/${opaque}`, "*"]) {
      const got = await ask("GET", "/files/hello.txt", { "If-None-Match": condition });
      assert.deepEqual([got.status, got.text, got.headers.etag], [304, "", etag], condition);
    }
    assert.equal((await ask("GET", "/files/hello.txt", { "If-None-Match": '"other"' })).status, 200);
  });

  test("If-Modified-Since", async () => {
    const modified = (await ask("GET", "/files/hello.txt")).headers["last-modified"];
    assert.equal((await ask("GET", "/files/hello.txt", { "If-Modified-Since": modified })).status, 304);
    assert.equal((await ask("GET", "/files/hello.txt", { "If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT" })).status, 200);
    assert.equal((await ask("GET", "/files/hello.txt", { "If-Modified-Since": "yesterday" })).status, 200);
    const both = await ask("GET", "/files/hello.txt", { "If-Modified-Since": modified, "If-None-Match": '"other"' });
    assert.equal(both.status, 200, "the tag overrules the date");
  });
});

describe("ranges", () => {
  const whole = "0123456789";
  for (const [range, body, content] of [
    ["bytes=0-3", "0123", "bytes 0-3/10"], ["bytes=5-", "56789", "bytes 5-9/10"], ["bytes=-4", "6789", "bytes 6-9/10"],
    ["bytes=9-9", "9", "bytes 9-9/10"], ["bytes=0-999", whole, "bytes 0-9/10"], ["bytes=-999", whole, "bytes 0-9/10"],
  ]) {
    test(range, async () => {
      const got = await ask("GET", "/files/hello.txt", { Range: range });
      assert.deepEqual([got.status, got.text, got.headers["content-range"]], [206, body, content]);
      assert.equal(Number(got.headers["content-length"]), body.length);
    });
  }

  for (const range of ["bytes=10-", "bytes=99-100", "bytes=-0"]) {
    test(`${range} is 416`, async () => {
      const got = await ask("GET", "/files/hello.txt", { Range: range });
      assert.equal(got.status, 416);
      assert.equal(got.headers["content-range"], "bytes */10");
    });
  }

  for (const range of ["bytes=5-2", "bytes=a-b", "lines=0-1", "bytes=", "bytes=0-1,3-4"]) {
    test(`${range} is no single range: the whole file`, async () => {
      const got = await ask("GET", "/files/hello.txt", { Range: range });
      assert.deepEqual([got.status, got.text], [200, whole]);
    });
  }

  test("If-Range", async () => {
    const { etag } = (await ask("GET", "/files/hello.txt")).headers;
    const strong = !etag.startsWith("W/");
    assert.equal((await ask("GET", "/files/hello.txt", { Range: "bytes=0-3", "If-Range": etag })).status, strong ? 206 : 200);
    assert.equal((await ask("GET", "/files/hello.txt", { Range: "bytes=0-3", "If-Range": '"other"' })).status, 200);
  });

  test("of a large file", async () => {
    const got = await ask("GET", "/files/big.bin", { Range: "bytes=1000000-2500000" });
    assert.equal(got.status, 206);
    assert.ok(got.body.equals(big.subarray(1_000_000, 2_500_001)));
  });
});

describe("compression of files", () => {
  test("gzip when it is accepted and pays", async () => {
    const got = await ask("GET", "/files/style.css", { "Accept-Encoding": "gzip, deflate, br" });
    assert.equal(got.headers["content-encoding"], "gzip");
    assert.match(got.headers.vary, /Accept-Encoding/iu);
    assert.equal(Number(got.headers["content-length"]), got.body.length);
    assert.equal(gunzipSync(got.body).toString(), css);
  });

  test("not when it is refused or not asked for", async () => {
    for (const accept of [undefined, "identity", "gzip;q=0", "br"]) {
      const got = await ask("GET", "/files/style.css", accept ? { "Accept-Encoding": accept } : {});
      assert.equal(got.headers["content-encoding"], undefined, accept);
      assert.equal(got.text, css);
    }
  });

  test("the two forms have two tags", async () => {
    const plain = await ask("GET", "/files/style.css"), packed = await ask("GET", "/files/style.css", { "Accept-Encoding": "gzip" });
    assert.ok(plain.headers.etag !== packed.headers.etag || plain.headers.etag.startsWith("W/"));
    const again = await ask("GET", "/files/style.css", { "Accept-Encoding": "gzip", "If-None-Match": packed.headers.etag });
    assert.equal(again.status, 304);
  });

  test("a packed file that lies beside is used", async () => {
    const got = await ask("GET", "/files/packed.js", { "Accept-Encoding": "gzip" });
    assert.equal(got.headers["content-encoding"], "gzip");
    assert.match(got.headers["content-type"], /javascript/u);
    assert.equal(gunzipSync(got.body).toString(), "packed();".repeat(100));
  });

  test("what is compressed already is left alone", async () => {
    write("picture.png", big.subarray(0, 100_000));
    const got = await ask("GET", "/files/picture.png", { "Accept-Encoding": "gzip" });
    assert.equal(got.headers["content-encoding"], undefined);
  });
});

describe("nobody gets out of the folder", () => {
  for (const target of [
    "/files/../secret.txt", "/files/%2e%2e/secret.txt", "/files/%2E%2E%2Fsecret.txt", "/files/..%2fsecret.txt", "/files/.%2e/secret.txt",
    "/files/sub/../../secret.txt", "/files/sub/%2e%2e/%2e%2e/secret.txt", "/files/..\\secret.txt", "/files/..%5csecret.txt",
    "/files/%252e%252e/secret.txt", "/files/....//secret.txt", "/files//../secret.txt", `/files/${home}/secret.txt`, `/files/%2f${home.slice(1)}%2fsecret.txt`,
    "/files/%c0%ae%c0%ae/secret.txt", "/files/..%00/secret.txt", "/files/hello.txt%00/../../secret.txt", "/files/link-out.txt",
    "/files/folder-out/secret.txt", "/files/folder-out/", "/files/.hidden", "/files/%2ehidden", "/files/.git/config", "/files/sub/../.hidden",
    "/files/../../../../../../../../etc/passwd", "/files/%%", "/files/%zz", "/files;/../secret.txt", "/files/..;/secret.txt", "/files/...", "/files..",
    "/files/../http.lua", "http://localhost/files/../secret.txt", `/files/${"../".repeat(300)}etc/passwd`, `/files/${"a/".repeat(2000)}`,
  ]) {
    test(target.replace(home, "HOME").slice(0, 60), async () => {
      const got = await ask("GET", target);
      assert.ok([301, 302, 308, 400, 403, 404, 414].includes(got.status), `${got.status}`);
      assert.doesNotMatch(got.text, /secret|root:/u);
    });
  }

  test("the server is well", async () => assert.equal((await ask("GET", "/hello")).text, "hello"));
});

describe("routes", () => {
  test("text, with its type", async () => {
    const got = await ask("GET", "/hello");
    assert.deepEqual([got.status, got.text], [200, "hello"]);
    assert.match(got.headers["content-type"], /^text\/plain; charset=utf-8/iu);
    assert.match(got.headers.date, /GMT$/u);
  });

  test("parameters and query, unescaped", async () => {
    const got = JSON.parse((await ask("GET", "/users/a%20b%2Fc?x=1&y=two+words&z=%C3%BC&empty=&bare")).text);
    assert.deepEqual(got.params, { id: "a b/c" });
    assert.deepEqual(got.query, { x: "1", y: "two words", z: "ü", empty: "", bare: "" });
    assert.equal(got.url, "/users/a%20b%2Fc?x=1&y=two+words&z=%C3%BC&empty=&bare");
    assert.deepEqual(JSON.parse((await ask("GET", "/users/7/posts/9")).text), { id: "7", post: "9" });
    assert.deepEqual(JSON.parse((await ask("GET", "/rest/a/b/c")).text), { rest: "a/b/c" });
  });

  test("bodies: text, bytes, chunked, none", async () => {
    const post = (body, headers) => fetch(`${server.url}/echo`, { method: "POST", body, headers });
    assert.equal(await (await post("hello")).text(), "hello");
    assert.ok(Buffer.from(await (await post(big.subarray(0, 500_000))).arrayBuffer()).equals(big.subarray(0, 500_000)));
    assert.equal(await (await post("")).text(), "");
    assert.equal((await post("<p>", { "Content-Type": "text/html" })).headers.get("content-type"), "text/html");
    const stream = new ReadableStream({ start(c) { for (const part of ["a", "bc", "def"]) c.enqueue(Buffer.from(part)); c.close(); } });
    assert.equal(await (await fetch(`${server.url}/echo`, { method: "POST", body: stream, duplex: "half" })).text(), "abcdef");
  });

  test("JSON in and out", async () => {
    const got = await fetch(`${server.url}/json`, { method: "POST", body: '{"a":[1,{"b":null}],"ü":"🙂"}' });
    assert.match(got.headers.get("content-type"), /^application\/json/u);
    assert.deepEqual(await got.json(), { got: { a: [1, { b: null }], ü: "🙂" }, null: null, list: [] });
    const bad = await fetch(`${server.url}/json`, { method: "POST", body: "{" });
    assert.deepEqual([bad.status, await bad.text()], [400, "the body is not valid JSON"]);
  });

  test("methods: each its route, HEAD with GET, 405 with Allow for the others, 404 for the rest", async () => {
    for (const method of ["PUT", "DELETE", "PATCH"]) assert.equal((await ask(method, "/thing/7", { "Content-Length": 0 })).text, `${method.toLowerCase()} 7`);
    for (const method of ["GET", "POST", "OPTIONS"]) assert.equal((await ask(method, "/any", { "Content-Length": 0 })).text, method);
    const head = await ask("HEAD", "/hello");
    assert.deepEqual([head.status, head.headers["content-length"], head.text], [200, "5", ""]);
    const wrong = await ask("POST", "/hello", { "Content-Length": 0 });
    assert.equal(wrong.status, 405);
    assert.match(wrong.headers.allow, /GET/u);
    const thing = await ask("GET", "/thing/7");
    assert.equal(thing.status, 405);
    for (const method of ["PUT", "DELETE", "PATCH"]) assert.match(thing.headers.allow, new RegExp(method, "u"));
    assert.equal((await ask("GET", "/unknown")).status, 404);
    assert.equal((await ask("POST", "/unknown", { "Content-Length": 0 })).status, 404);
  });

  test("status, headers, redirects, types, bytes", async () => {
    for (const code of [201, 204, 400, 404, 418, 503]) assert.equal((await ask("GET", `/status/${code}`)).status, code);
    const got = await ask("GET", "/headers", { "X-Agent": "007", "x-mixed-CASE": "kept" });
    assert.deepEqual([got.headers["x-one"], got.headers["x-agent"], JSON.parse(got.text)["x-mixed-case"]], ["1", "007", "kept"]);
    const away = await ask("GET", "/redirect");
    assert.deepEqual([away.status, away.headers.location], [302, "/hello"]);
    assert.match((await ask("GET", "/html")).headers["content-type"], /^text\/html/u);
    const bytes = await ask("GET", "/bytes");
    assert.deepEqual([...bytes.body], [0, 1, 2, 255]);
    assert.equal(bytes.headers["content-type"], "application/octet-stream");
    assert.match((await ask("GET", "/address")).text, /^(::ffff:)?127\.0\.0\.1$|^::1$/u);
  });

  test("a header that would break out of its line is not sent", async () => {
    const got = await ask("GET", "/bad/header");
    assert.equal(got.status, 500);
    assert.equal(got.headers["x-two"], undefined);
  });

  test("large answers are gzipped for who accepts it", async () => {
    const got = await ask("GET", "/large/100000", { "Accept-Encoding": "gzip" });
    if (got.headers["content-encoding"]) assert.equal(gunzipSync(got.body).length, 100_000);
    else assert.equal(got.body.length, 100_000);
    assert.equal((await ask("GET", "/large/100000")).body.length, 100_000);
  });

  test("a handler that waits blocks nobody", async () => {
    const done = [];
    await Promise.all([ask("GET", "/late").then(() => done.push("late")), ask("GET", "/hello").then(() => done.push("hello"))]);
    assert.deepEqual(done, ["hello", "late"]);
  });

  test("a handler that raises answers 500 and says nothing of why; one that means it, its own status", async () => {
    const got = await ask("GET", "/raise");
    assert.equal(got.status, 500);
    assert.doesNotMatch(got.text, /broke|lua/u);
    await server.said(/http\.lua:\d+: something broke/u);
    const meant = await ask("GET", "/refuse");
    assert.deepEqual([meant.status, meant.text], [422, "not like this"]);
  });

  test("answering twice is an error of the handler, not of the client", async () => {
    assert.equal((await ask("GET", "/twice")).text, "once");
    await server.said(/answered already/u);
  });

  test("a client that leaves before the answer harms nobody", async () => {
    for (const target of ["/late", "/never"]) {
      const wire = await Wire.to(server.port);
      wire.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await sleep(10);
      wire.destroy();
    }
    await sleep(100);
    assert.equal((await ask("GET", "/hello")).text, "hello");
  });

  test("one connection carries many requests, until it is asked to close", async () => {
    const wire = await Wire.to(server.port);
    for (let i = 0; i < 50; i++) {
      wire.write("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
      assert.equal((await wire.response()).body, "hello");
    }
    wire.write("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const last = await wire.response();
    assert.equal(last.headers.connection, "close");
    assert.equal((await wire.rest()).length, 0);
  });

  test("HTTP/1.0 closes unless asked to stay", async () => {
    const wire = await Wire.to(server.port);
    wire.write("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert.equal((await wire.response()).body, "hello");
    wire.write("GET /hello HTTP/1.0\r\n\r\n");
    assert.match((await wire.rest()).toString(), /\r\n\r\nhello$/u);
  });

  test("pipelined requests of every kind are answered in order", async () => {
    const wire = await Wire.to(server.port);
    wire.write("GET /late HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /files/hello.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /unknown HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    const got = [];
    for (let i = 0; i < 5; i++) got.push((await wire.response()).body);
    assert.deepEqual([got[0], got[1], got[2], got[4]], ["late", "abc", "0123456789", "hello"]);
    wire.destroy();
  });

  test("/healthz", async () => {
    const got = await fetch(`${server.url}/healthz`);
    assert.equal(got.status, 200);
    assert.deepEqual(await got.json(), { status: "ok" });
  });
});

describe("the browser client", () => {
  const require = createRequire(import.meta.url);
  const dist = path.join(path.dirname(require.resolve("socket.io-client/package.json")), "dist");
  const { version } = require("socket.io-client/package.json");

  for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js", "socket.io.min.js.map"]) {
    test(`${name} is the package's file, byte for byte, plain and gzipped`, async () => {
      const want = fs.readFileSync(path.join(dist, name));
      const plain = await ask("GET", `/socket.io/${name}`);
      assert.equal(plain.status, 200);
      assert.ok(plain.body.equals(want));
      assert.match(plain.headers["content-type"], name.endsWith(".map") ? /json/u : /javascript/u);
      const packed = await ask("GET", `/socket.io/${name}`, { "Accept-Encoding": "gzip, deflate, br" });
      assert.equal(packed.headers["content-encoding"], "gzip");
      assert.ok(gunzipSync(packed.body).equals(want));
    });
  }

  test("its tag is the version; 304 for who has it", async () => {
    const got = await ask("GET", "/socket.io/socket.io.min.js?x=1");
    assert.equal(got.headers.etag, `"${version}"`);
    assert.equal(got.headers["cache-control"], "public, max-age=0");
    for (const tag of [`"${version}"`, `W/"${version}"`]) {
      const again = await ask("GET", "/socket.io/socket.io.min.js", { "If-None-Match": tag });
      assert.deepEqual([again.status, again.body.length], [304, 0]);
    }
    assert.equal((await ask("GET", "/socket.io/socket.io.min.js", { "If-None-Match": '"1.0.0"' })).status, 200);
  });

  test("runs: the file that is served connects to who served it", async () => {
    const file = path.join(home, "client.cjs");
    fs.writeFileSync(file, (await ask("GET", "/socket.io/socket.io.js")).body);
    globalThis.WebSocket = WebSocket; // the one thing of a browser that it needs
    const { io } = require(file);
    const socket = io(server.url, { transports: ["websocket"], forceNew: true });
    assert.deepEqual(await once(socket, "greeting"), ["hello from Lua"]);
    socket.disconnect();
  });

  test("serveClient: false serves none of it", async () => {
    const bare = await serve("http.lua", { env: { SITE: site }, flags: ["--serve-client=false"] });
    const got = await fetch(`${bare.url}/socket.io/socket.io.js`);
    assert.equal(got.status, 400);
    await bare.stop();
  });
});
