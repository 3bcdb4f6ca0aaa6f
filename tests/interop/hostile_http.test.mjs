// Bad HTTP: what intermediaries disagree on is refused, closed and counted.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Polling, query } from "./support/engine.mjs";
import { each, metric, well } from "./support/hostile.mjs";
import { serve } from "./support/server.mjs";
import { until } from "./support/wait.mjs";
import { Wire, upgradeHead } from "./support/wire.mjs";

const server = await serve("hostile.lua");
const SMUGGLED = "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n";

/* Exactly one answer, of that status, and the end; what was hidden behind is not answered. */
async function refused(bytes, status = 400) {
  const wire = await Wire.to(server.port);
  wire.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  const got = (await wire.rest()).toString("latin1");
  wire.destroy();
  const heads = got.match(/HTTP\/1\.[01] \d+/gu) ?? [];
  assert.equal(heads.length, 1, `one answer, not ${JSON.stringify(got)}`);
  assert.ok([status].flat().includes(Number(heads[0].slice(9))), `${JSON.stringify(got)}`);
  assert.match(got, /\r\nconnection: close\r\n/iu);
  assert.doesNotMatch(got, /smuggled/u);
}

/* Each case is a test; together they are counted. */
function cases(name, list) {
  describe(name, () => {
    let malformed;
    before(async () => (malformed = await metric(server, 'atrium_http_errors_total{reason="malformed"}')));
    for (const [what, bytes, status] of list) test(what, () => refused(bytes, status));
    after(async () => {
      const now = await metric(server, 'atrium_http_errors_total{reason="malformed"}');
      assert.ok(now - malformed >= list.length, `${now - malformed} of ${list.length} were counted`);
      await well(server);
    });
  });
}

const post = (...lines) => ["POST /echo HTTP/1.1", "Host: x", ...lines, "", ""].join("\r\n");
const get = (...lines) => ["GET /hello HTTP/1.1", "Host: x", ...lines, "", ""].join("\r\n");

cases("lengths", [
  ["twice the same", `${post("Content-Length: 3", "Content-Length: 3")}abc${SMUGGLED}`],
  ["twice, differing", `${post("Content-Length: 3", "Content-Length: 0")}abc${SMUGGLED}`],
  ["a list of the same", `${post("Content-Length: 3, 3")}abc${SMUGGLED}`],
  ["a list", `${post("Content-Length: 3,0")}abc${SMUGGLED}`],
  ["empty", `${post("Content-Length:")}${SMUGGLED}`],
  ["with a sign", `${post("Content-Length: +3")}abc${SMUGGLED}`],
  ["negative", `${post("Content-Length: -3")}abc${SMUGGLED}`],
  ["hexadecimal", `${post("Content-Length: 0x3")}abc${SMUGGLED}`],
  ["with an exponent", `${post("Content-Length: 1e1")}0123456789${SMUGGLED}`],
  ["with a fraction", `${post("Content-Length: 3.0")}abc${SMUGGLED}`],
  ["with an underscore", `${post("Content-Length: 1_0")}0123456789${SMUGGLED}`],
  ["two numbers", `${post("Content-Length: 3 4")}abcd${SMUGGLED}`],
  ["trailing rubbish", `${post("Content-Length: 3x")}abc${SMUGGLED}`],
  ["beyond 64 bits", `${post("Content-Length: 18446744073709551619")}abc${SMUGGLED}`],
  ["beyond all bits", `${post(`Content-Length: ${"9".repeat(100)}`)}abc${SMUGGLED}`],
  ["with a vertical tab", `${post("Content-Length: \x0b3")}abc${SMUGGLED}`],
  ["with a no-break space", `${post("Content-Length: \xa03")}abc${SMUGGLED}`],
]);

cases("transfer codings", [
  ["with a length", `${post("Content-Length: 4", "Transfer-Encoding: chunked")}0\r\n\r\n${SMUGGLED}`],
  ["with a length behind it", `${post("Transfer-Encoding: chunked", "Content-Length: 4")}0\r\n\r\n${SMUGGLED}`],
  ["twice", `${post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["chunked twice in a list", `${post("Transfer-Encoding: chunked, chunked")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["chunked not last", `${post("Transfer-Encoding: chunked, identity")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["identity", `${post("Transfer-Encoding: identity")}${SMUGGLED}`, [400, 501]],
  ["identity, chunked", `${post("Transfer-Encoding: identity, chunked")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["gzip, chunked", `${post("Transfer-Encoding: gzip, chunked")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["unknown", `${post("Transfer-Encoding: xchunked")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["a prefix of it", `${post("Transfer-Encoding: chunk")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["in quotes", `${post('Transfer-Encoding: "chunked"')}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["with a parameter", `${post("Transfer-Encoding: chunked;q=1")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["empty", `${post("Transfer-Encoding:")}${SMUGGLED}`, [400, 501]],
  ["with a comma in front", `${post("Transfer-Encoding: ,chunked")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["with a vertical tab", `${post("Transfer-Encoding: \x0bchunked")}0\r\n\r\n${SMUGGLED}`, [400, 501]],
  ["with a NUL", `${post("Transfer-Encoding: chunked\x00")}0\r\n\r\n${SMUGGLED}`],
  ["white space before the colon", `${post("Transfer-Encoding : chunked")}0\r\n\r\n${SMUGGLED}`],
  ["a tab before the colon", `${post("Transfer-Encoding\t: chunked")}0\r\n\r\n${SMUGGLED}`],
  ["on a folded line", `${post("Transfer-Encoding:", " chunked")}0\r\n\r\n${SMUGGLED}`],
  ["on a folded line of another field", `${post("X-One: 1", " Transfer-Encoding: chunked")}${SMUGGLED}`],
  ["folded in front", `POST /echo HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: x\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ["in HTTP/1.0", `POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
]);

const chunked = post("Transfer-Encoding: chunked");
cases("chunks", [
  ["a size with 0x", `${chunked}0x3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a negative size", `${chunked}-3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a size with a sign", `${chunked}+3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a space before the size", `${chunked} 3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["no size", `${chunked}\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["no number", `${chunked}g\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a size beyond 64 bits", `${chunked}10000000000000003\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a size of many zeros", `${chunked}${"0".repeat(40)}3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a size ended by LF", `${chunked}3\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a size ended by CR", `${chunked}3\rabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["data ended by LF", `${chunked}3\r\nabc\n0\r\n\r\n${SMUGGLED}`],
  ["data longer than said", `${chunked}3\r\nabcd\r\n0\r\n\r\n${SMUGGLED}`],
  ["data shorter than said", `${chunked}5\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["data ended by two other bytes", `${chunked}3\r\nabcXX0\r\n\r\n${SMUGGLED}`],
  ["the last chunk ended by LF", `${chunked}3\r\nabc\r\n0\n\n${SMUGGLED}`],
  ["the body ended by LF", `${chunked}3\r\nabc\r\n0\r\n\n${SMUGGLED}`],
  ["the body ended by CR and something", `${chunked}3\r\nabc\r\n0\r\n\rX${SMUGGLED}`],
  ["an extension with a NUL", `${chunked}3;\x00\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["an extension with LF", `${chunked}3;a\nb\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["an extension with CR", `${chunked}3;a\rb\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
  ["a trailer with LF", `${chunked}0\r\nX: a\nY: b\r\n\r\n${SMUGGLED}`],
  ["a trailer with a NUL", `${chunked}0\r\nX: a\x00\r\n\r\n${SMUGGLED}`],
]);

cases("lines", [
  ["ended by LF", `GET /hello HTTP/1.1\nHost: x\n\n${SMUGGLED}`],
  ["the first ended by LF", `GET /hello HTTP/1.1\nHost: x\r\n\r\n${SMUGGLED}`],
  ["a field ended by LF", `GET /hello HTTP/1.1\r\nHost: x\nX: y\r\n\r\n${SMUGGLED}`],
  ["the head ended by LF", `GET /hello HTTP/1.1\r\nHost: x\r\n\n${SMUGGLED}`],
  ["ended by CR", `GET /hello HTTP/1.1\rHost: x\r\r${SMUGGLED}`],
  ["CR in a value", get("X: a\rb")],
  ["CR CR LF", `GET /hello HTTP/1.1\r\nHost: x\r\r\n\r\n${SMUGGLED}`],
  ["a NUL in a value", get("X: a\x00b")],
  ["DEL in a value", get("X: a\x7fb")],
  ["a NUL in a name", get("X\x00Y: a")],
  ["folding", get("X: a", " b")],
  ["folding with a tab", get("X: a", "\tb")],
  ["a field without its colon", get("Nonsense")],
  ["a field without its name", get(": value")],
  ["a space in a name", get("X Y: a")],
  ["a separator in a name", get("X(Y): a")],
  ["a letter beyond ASCII in a name", get("X\xe9: a")],
  ["white space before the colon", get("X : a")],
  ["an empty line, then a space", `\r\n GET /hello HTTP/1.1\r\nHost: x\r\n\r\n`],
]);

cases("request lines", [
  ["two spaces", `GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["two spaces before the version", `GET /hello  HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["a space in front", ` GET /hello HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["a space behind", `GET /hello HTTP/1.1 \r\nHost: x\r\n\r\n`],
  ["tabs", `GET\t/hello\tHTTP/1.1\r\nHost: x\r\n\r\n`],
  ["no version", `GET /hello\r\nHost: x\r\n\r\n`, [400, 505]],
  ["a space in the target", `GET /he llo HTTP/1.1\r\nHost: x\r\n\r\n`, [400, 505]],
  ["no target", `GET HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["no method", ` /hello HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["a method with a separator", `G@T /hello HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["a method in quotes", `"GET" /hello HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["a target that does not begin with a slash", `GET hello HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["a NUL in the target", `GET /he\x00llo HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["a control character in the target", `GET /he\x01llo HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["HTTP/2.0", `GET /hello HTTP/2.0\r\nHost: x\r\n\r\n`, 505],
  ["HTTP/0.9", `GET /hello HTTP/0.9\r\nHost: x\r\n\r\n`, [400, 505]],
  ["HTTP/1.10", `GET /hello HTTP/1.10\r\nHost: x\r\n\r\n`, [400, 505]],
  ["HTTP/01.1", `GET /hello HTTP/01.1\r\nHost: x\r\n\r\n`, [400, 505]],
  ["http/1.1", `GET /hello http/1.1\r\nHost: x\r\n\r\n`, [400, 505]],
  ["HTTP/1,1", `GET /hello HTTP/1,1\r\nHost: x\r\n\r\n`, [400, 505]],
  ["another protocol", `GET /hello SIP/2.0\r\nHost: x\r\n\r\n`, [400, 505]],
  ["TLS where none is spoken", Buffer.from("16030100c8010000c4030300000000000000000000000000", "hex")],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 505]],
  ["bytes at random", Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 73 + 41) & 255))],
]);

cases("hosts", [
  ["none", "GET /hello HTTP/1.1\r\n\r\n"],
  ["two", get("Host: y")],
  ["two the same", get("Host: x")],
  ["a list", "GET /hello HTTP/1.1\r\nHost: a, b\r\n\r\n"],
  ["with a path", "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["with a user", "GET /hello HTTP/1.1\r\nHost: u@a\r\n\r\n"],
  ["with a space", "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["another than the target's", "GET http://one.test/hello HTTP/1.1\r\nHost: two.test\r\n\r\n"],
]);

describe("sizes", () => {
  test("a head beyond maxHeaderSize is 431, in one field or in many", async () => {
    await refused(get(`X: ${"x".repeat(20_000)}`), 431);
    await refused(get(...Array.from({ length: 500 }, (_, i) => `X-${i}: ${"x".repeat(40)}`)), 431);
    await refused(get(...Array.from({ length: 101 }, (_, i) => `X-${i}: y`)), 431);
  });
  test("so is one that never ends", () => refused(`GET /hello HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(100_000)}`, 431));
  test("a target that is too long is 414", () => refused(`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, [414, 431]));
  test("a body beyond maxBodySize is 413", async () => {
    for (const bytes of [`${post("Content-Length: 2000000")}abc`, `${chunked}1e8480\r\n${"x".repeat(2_000_000)}\r\n0\r\n\r\n`]) {
      const wire = await Wire.to(server.port);
      wire.write(bytes);
      assert.equal((await wire.response()).status, 413);
      wire.destroy();
    }
  });
  test("extensions and trailers without end", async () => {
    await refused(`${chunked}3;${"x".repeat(100_000)}\r\nabc\r\n0\r\n\r\n`, [400, 413, 431]);
    await refused(`${chunked}0\r\n${"X: y\r\n".repeat(20_000)}\r\n`, [400, 413, 431]);
    await refused(`${chunked}${"1;x=y\r\na\r\n".repeat(20_000)}0\r\n\r\n`, [400, 413, 431]);
  });
  test("the server is well", () => well(server));
});

describe("cut and merged", () => {
  const conversation = [
    `${post("Content-Length: 5")}hello`, `${chunked}3;ext="v"\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n`, get("X-Y: z"), "\r\n",
    get("Connection: close"),
  ].join("");
  const answers = ["hello", "abc0123456789", "hello", "hello"];

  test("a conversation cut at every byte is understood the same", async () => {
    await each(Array.from({ length: conversation.length - 1 }, (_, i) => i + 1), async (at) => {
      const wire = await Wire.to(server.port);
      wire.write(conversation.slice(0, at));
      await new Promise(setImmediate);
      wire.write(conversation.slice(at));
      const got = [];
      for (let i = 0; i < answers.length; i++) got.push((await wire.response()).body);
      assert.deepEqual(got, answers, `cut at ${at}`);
      assert.equal((await wire.rest()).length, 0);
    });
  });

  test("and byte by byte", async () => {
    const wire = await Wire.to(server.port);
    await wire.drip(conversation);
    for (const answer of answers) assert.equal((await wire.response()).body, answer);
    assert.equal((await wire.rest()).length, 0);
  });

  test("cut off at every byte, it leaves nothing behind", async () => {
    await each(Array.from({ length: conversation.length }, (_, i) => i), async (at) => {
      const wire = await Wire.to(server.port);
      wire.write(conversation.slice(0, at));
      if (at % 2) wire.finish();
      await new Promise(setImmediate);
      wire.destroy();
    });
    await until(async () => (await metric(server, "atrium_http_connections")) <= 5, "connections to be gone");
    await well(server);
  });

  test("hundreds of pipelined requests in one segment", async () => {
    const wire = await Wire.to(server.port);
    wire.write(get().repeat(1000));
    for (let i = 0; i < 1000; i++) assert.equal((await wire.response()).body, "hello");
    wire.destroy();
  });

  test("pipelining without reading is bounded", async () => {
    const wire = await Wire.to(server.port);
    wire.socket.pause();
    for (let i = 0; i < 200; i++) wire.write(get().repeat(1000));
    await well(server);
    wire.destroy();
  });
});

describe("upgrades with something wrong", () => {
  const path = `/engine.io/?${query("websocket")}`;
  for (const [name, bytes] of [
    ["a body", upgradeHead(path, "Content-Length: 5") + "hello"],
    ["a chunked body", upgradeHead(path, "Transfer-Encoding: chunked") + "0\r\n\r\n"],
    ["HTTP/1.0", upgradeHead(path).replace("HTTP/1.1", "HTTP/1.0")],
    ["two keys", upgradeHead(path, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")],
    ["POST", upgradeHead(path).replace("GET", "POST")],
    ["no Connection", upgradeHead(path).replace("Connection: Upgrade\r\n", "")],
    ["another protocol", upgradeHead(path).replace("Upgrade: websocket", "Upgrade: h2c")],
  ]) {
    test(name, async () => {
      const wire = await Wire.to(server.port);
      wire.write(bytes);
      const answer = await wire.response();
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`);
      wire.destroy();
    });
  }

  test("a query that is no query", async () => {
    for (const bad of ["?EIO=4&transport=polling&sid=%", "?%zz=1&EIO=4&transport=polling&sid=x", "?=&&=&EIO=4&EIO=5&transport=polling", `?${"a=1&".repeat(3000)}`, "?EIO[]=4&transport=polling"]) {
      const answer = await fetch(`${server.url}/engine.io/${bad}`);
      assert.equal(answer.status, 400, bad);
    }
    await (await Polling.to(server, "/engine.io/")).alive();
  });
});
