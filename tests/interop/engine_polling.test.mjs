// Engine.IO over long-polling: what is sent, what is answered, what ends a session.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync, inflateSync } from "node:zlib";
import { Polling, SEPARATOR, session } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { once, sleep } from "./support/wait.mjs";
import { Wire } from "./support/wire.mjs";

const server = await serve("engine.lua");

async function alive() {
  await (await Polling.to(server)).alive();
}

describe("messages", () => {
  test("a POST is answered ok, a GET brings the echo", async () => {
    const s = await Polling.to(server);
    const post = await s.post("4hello", { headers: { "Content-Type": "text/plain;charset=UTF-8" } });
    assert.equal(post.status, 200);
    assert.equal(post.headers.get("content-type"), "text/html");
    assert.equal(post.headers.get("content-length"), "2");
    assert.equal(post.headers.get("cache-control"), "no-store");
    assert.equal(await post.text(), "ok");
    const get = await s.get();
    assert.equal(get.headers.get("content-type"), "text/plain; charset=UTF-8");
    assert.equal(get.headers.get("cache-control"), "no-store");
    assert.equal(await get.text(), "4hello");
  });

  test("a GET waits for a message", async () => {
    const s = await Polling.to(server);
    const poll = s.poll();
    await sleep(100);
    await s.send("4at last");
    assert.equal(await poll, "4at last");
  });

  test("several packets in one payload, both ways, in order", async () => {
    const s = await Polling.to(server);
    const payload = Array.from({ length: 200 }, (_, i) => `4packet ${i}`).join(SEPARATOR);
    await s.send(payload);
    assert.equal(await s.poll(), payload);
  });

  test("text and binary together; binary travels as base64", async () => {
    const s = await Polling.to(server);
    const payload = ["4hello", "bAQIDBA==", "4", "b", "b/w=="].join(SEPARATOR);
    await s.send(payload);
    assert.equal(await s.poll(), payload);
  });

  test("every byte value survives", async () => {
    const s = await Polling.to(server);
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("base64");
    await s.send(`b${all}`);
    assert.equal(await s.poll(), `b${all}`);
  });

  test("text beyond ASCII", async () => {
    const s = await Polling.to(server);
    const text = "4Grüße, 世界, 🙂, \u2028 and \u0000";
    await s.send(text);
    assert.equal(await s.poll(), text);
  });

  test("pongs, noops, opens and upgrades of a client do no harm", async () => {
    const s = await Polling.to(server);
    await s.send(["3", "6", "0", "5", "4on"].join(SEPARATOR));
    assert.equal(await s.poll(), "4on");
  });

  test("a chunked POST", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    wire.write(`POST ${s.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n4he\r\n3;ext=1\r\nllo\r\n0\r\n\r\n`);
    const answer = await wire.response();
    assert.deepEqual([answer.status, answer.body], [200, "ok"]);
    assert.equal(await s.poll(), "4hello");
    wire.destroy();
  });

  test("Expect: 100-continue is answered", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    wire.write(s.request("", "Expect: 100-continue").replace("Content-Length: 0", "Content-Length: 3"));
    assert.equal((await wire.response()).status, 100);
    wire.write("4hi");
    assert.equal((await wire.response()).status, 200);
    assert.equal(await s.poll(), "4hi");
    wire.destroy();
  });

  test("pipelined requests are answered in order", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    wire.write(s.request("4one") + s.request("4two") + s.getRequest() + s.request("4three") + s.getRequest());
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push((await wire.response()).body);
    assert.deepEqual(answers, ["ok", "ok", `4one${SEPARATOR}4two`, "ok", "4three"]);
    wire.destroy();
  });

  test("a request byte by byte", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    await wire.drip(s.request("4drop"));
    assert.equal((await wire.response()).body, "ok");
    await wire.drip(s.getRequest());
    assert.equal((await wire.response()).body, "4drop");
    wire.destroy();
  });

  test("a large answer is gzipped or deflated when the client takes it", async () => {
    const s = await Polling.to(server);
    for (const [accept, decode] of [["gzip, deflate, br", gunzipSync], ["deflate", inflateSync]]) {
      await s.send("4!large 5000");
      const wire = await Wire.to(server.port);
      wire.write(s.getRequest(`Accept-Encoding: ${accept}`, "Connection: close"));
      const answer = await wire.rest();
      const at = answer.indexOf("\r\n\r\n");
      const head = answer.subarray(0, at).toString();
      assert.match(head, /content-encoding: (gzip|deflate)/iu);
      const length = /content-length: (\d+)/iu.exec(head);
      if (length) assert.equal(decode(answer.subarray(at + 4, at + 4 + Number(length[1]))).toString(), `4${"x".repeat(5000)}`);
    }
  });

  test("small answers, br alone, and httpCompression: false leave it as it is", async () => {
    const s = await Polling.to(server);
    await s.send("4small");
    assert.equal((await s.get({ headers: { "Accept-Encoding": "gzip" } })).headers.get("content-encoding"), null);
    await s.send("4!large 5000");
    assert.equal((await s.get({ headers: { "Accept-Encoding": "br" } })).headers.get("content-encoding"), null);
    const plain = await Polling.to(server, "/plain/");
    await plain.send("4!large 5000");
    assert.equal((await plain.get({ headers: { "Accept-Encoding": "gzip" } })).headers.get("content-encoding"), null);
  });

  test("Internet Explorer's script filter is told to stay quiet", async () => {
    const s = await Polling.to(server);
    await s.send("4hi");
    const headers = { "User-Agent": "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko" };
    assert.equal((await s.get({ headers })).headers.get("x-xss-protection"), "0");
  });
});

describe("overlapping requests", () => {
  test("a second GET ends the session: 1 for the first, 400 for the second", async () => {
    const s = await Polling.to(server);
    const first = await Wire.to(server.port), second = await Wire.to(server.port);
    first.write(s.getRequest());
    await sleep(50);
    second.write(s.getRequest());
    const one = await first.response(), two = await second.response();
    assert.deepEqual([one.status, one.body], [200, "1"]);
    assert.deepEqual([two.status, two.body], [400, ""]);
    await s.ended("transport error");
    await s.gone();
    first.destroy();
    second.destroy();
  });

  test("a second POST ends the session: 400, and the first is cut off", async () => {
    const s = await Polling.to(server);
    const first = await Wire.to(server.port), second = await Wire.to(server.port);
    first.write(s.request("4never whole").slice(0, -5));
    await sleep(50);
    second.write(s.request("4second"));
    const two = await second.response();
    assert.deepEqual([two.status, two.body], [400, ""]);
    assert.doesNotMatch((await first.rest()).toString(), /^HTTP\/1.1 200/u);
    await s.ended("transport error");
    await s.gone();
    second.destroy();
  });

  test("a GET and a POST at once are the normal case", async () => {
    const s = await Polling.to(server);
    for (let i = 0; i < 20; i++) {
      const [got] = await Promise.all([s.poll(), s.send(`4round ${i}`)]);
      assert.equal(got, `4round ${i}`);
    }
  });
});

describe("aborted requests", () => {
  test("a GET that is cut off ends the session", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    wire.write(s.getRequest());
    await sleep(50);
    assert.equal((await session(server, s.sid)).closed, null);
    wire.destroy();
    await s.ended("transport error");
    await s.gone();
  });

  test("a POST that is cut off ends the session", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    wire.write(s.request("4never whole").slice(0, -5));
    await sleep(50);
    wire.destroy();
    await s.ended("transport error");
    await s.gone();
  });

  test("a connection cut between requests ends nothing", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    wire.write(s.request("4hi"));
    await wire.response();
    wire.destroy();
    assert.equal(await s.poll(), "4hi");
  });
});

describe("the end of a session", () => {
  test("the client's close: a waiting GET gets 6, the POST ok", async () => {
    const s = await Polling.to(server);
    const poll = s.poll();
    await sleep(50);
    await s.send("1");
    assert.equal(await poll, "6");
    await s.ended("transport close");
    await s.gone();
  });

  test("the client's close without a GET", async () => {
    const s = await Polling.to(server);
    await s.send("1");
    await s.ended("transport close");
  });

  test("the server's close: a waiting GET gets 1", async () => {
    const s = await Polling.to(server);
    const poll = s.poll();
    await s.send("4!late close");
    assert.equal(await poll, "1");
    await s.ended("forced close");
    await s.gone();
  });

  test("the server's close waits for the next GET, and flushes first", async () => {
    const s = await Polling.to(server);
    await s.send("4!close");
    const last = await s.poll();
    if (last === "4last words") assert.equal(await s.poll(), "1");
    else assert.equal(last, `4last words${SEPARATOR}1`);
    await s.ended("forced close");
    await s.gone();
  });
});

describe("broken payloads end the session with 400", () => {
  const cases = {
    "not a packet": "abc", "an unknown type": "7", "the type after the last": "9x", "nothing": "",
    "an empty packet first": `${SEPARATOR}4a`, "bad base64": "b!!!!", "base64 of a bad length": "bA", "bytes that are not UTF-8": Buffer.from([0x34, 0xff, 0xfe]),
  };
  for (const [name, body] of Object.entries(cases)) {
    test(name, async () => {
      const s = await Polling.to(server);
      const answer = await s.post(body);
      assert.equal(answer.status, 400);
      assert.equal(await answer.text(), "");
      await s.ended("parse error");
      await s.gone();
      await alive();
    });
  }

  test("packets in front of the mistake were delivered, those behind it not", async () => {
    for (const tail of ["", `${SEPARATOR}4never`, "x", `${SEPARATOR}${SEPARATOR}4never`]) {
      const s = await Polling.to(server);
      const poll = s.poll();
      await sleep(20);
      const post = await s.post(tail === "x" ? `4first${SEPARATOR}x` : `4first${SEPARATOR}${tail}`);
      assert.equal(post.status, 400);
      assert.match(await poll, /^4first(\x1e1)?$/u);
      await s.gone();
    }
  });

  test("binary payloads of version 3 are refused", async () => {
    const s = await Polling.to(server);
    const answer = await s.post("4hi", { headers: { "Content-Type": "application/octet-stream" } });
    assert.deepEqual([answer.status, await answer.text()], [400, ""]);
    await s.ended("transport error");
    await s.gone();
  });

  test("a client that pings: the heartbeat goes the other way", async () => {
    const s = await Polling.to(server);
    await s.post("2");
    await s.ended("transport error");
    await s.gone();
  });
});

describe("limits", () => {
  test("a body at the limit passes, one byte more is 413, and the session lives", async () => {
    const s = await Polling.to(server, "/small/");
    const full = `4${"x".repeat(99)}`;
    await s.send(full);
    assert.equal(await s.poll(), full);
    const answer = await s.post(`${full}x`);
    assert.deepEqual([answer.status, await answer.text()], [413, ""]);
    await s.alive();
  });

  test("the same for a chunked body", async () => {
    const s = await Polling.to(server, "/small/");
    const head = `POST ${s.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const wire = await Wire.to(server.port);
    wire.write(`${head}64\r\n4${"x".repeat(99)}\r\n0\r\n\r\n`);
    assert.equal((await wire.response()).status, 200);
    wire.destroy();
    await s.poll();
    const long = await Wire.to(server.port);
    long.write(`${head}32\r\n4${"x".repeat(49)}\r\n33\r\n${"x".repeat(51)}\r\n0\r\n\r\n`);
    const answer = await long.response();
    assert.deepEqual([answer.status, answer.body], [413, ""]);
    long.destroy();
    await s.alive();
  });

  test("a body that only claims to be huge is refused before it comes", async () => {
    const s = await Polling.to(server);
    const wire = await Wire.to(server.port);
    wire.write(`POST ${s.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n4`);
    assert.equal((await wire.response()).status, 413);
    wire.destroy();
    await s.alive();
  });

  test("other methods than GET and POST get an error and end nothing", async () => {
    const s = await Polling.to(server);
    for (const method of ["PUT", "DELETE", "PATCH"]) {
      const answer = await fetch(s.url, { method });
      assert.equal(answer.status, 500);
      assert.equal(await answer.text(), "");
    }
    await s.alive();
  });
});

describe("heartbeat", { concurrency: true }, () => {
  test("a ping comes each interval, and pongs keep the session alive", async () => {
    const s = await Polling.to(server, "/beat/");
    for (let i = 0; i < 4; i++) {
      assert.equal(await s.poll(), "2");
      await s.send("3");
    }
    assert.equal((await session(server, s.sid)).closed, null);
  });

  test("without a pong the session ends, not earlier than it may", async () => {
    const s = await Polling.to(server, "/beat/");
    const started = Date.now();
    assert.equal(await s.poll(), "2");
    assert.equal(await s.poll(), "1");
    assert.ok(Date.now() - started >= 400);
    await s.ended("ping timeout");
    await s.gone();
  });

  test("messages alone are no pong, but buy time once", async () => {
    const s = await Polling.to(server, "/beat/");
    assert.equal(await s.poll(), "2");
    const talk = setInterval(() => s.post("4talk").catch(() => {}), 50);
    await s.ended("ping timeout");
    clearInterval(talk);
  });

  test("a client that never asks is dropped as well", async () => {
    const s = await Polling.to(server, "/beat/");
    await s.ended("ping timeout");
    await s.gone();
  });
});

test("engine.io-client speaks to it over polling alone", async () => {
  const { Socket } = await import("engine.io-client");
  const client = new Socket(server.url, { path: "/echo", transports: ["polling"] });
  await once(client, "open");
  const texts = Array.from({ length: 100 }, (_, i) => `text ${i}`);
  const got = [];
  client.on("message", (data) => got.push(data));
  for (const text of texts) client.send(text);
  client.send(Buffer.from([1, 2, 3]));
  while (got.length < 101) await once(client, "message");
  assert.deepEqual(got.slice(0, 100), texts);
  assert.deepEqual(Buffer.from(got[100]), Buffer.from([1, 2, 3]));
  const sid = client.id;
  const done = once(client, "close");
  client.close();
  await done;
  await new Polling(server, "/echo/", { sid }).ended("transport close");
});
