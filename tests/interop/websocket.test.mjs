// Plain WebSocket endpoints: handshakes, messages, channels, limits, silence, closing.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import WebSocket from "ws";
import { serve } from "./support/server.mjs";
import { once, sleep, until } from "./support/wait.mjs";
import { BINARY, CLOSE, KEY, PING, PONG, TEXT, frame, upgradeHead, websocket, Wire } from "./support/wire.mjs";

const server = await serve("websocket.lua", { expectErrors: true });

async function state() {
  return (await fetch(`${server.url}/state`)).json();
}

async function client(path, ...rest) {
  const ws = new WebSocket(`${server.ws}${path}`, ...rest);
  ws.inbox = [];
  ws.on("message", (data, binary) => ws.inbox.push(binary ? data : data.toString()));
  await once(ws, "open");
  return ws;
}

async function next(ws) {
  await until(() => ws.inbox.length, "a message");
  return ws.inbox.shift();
}

async function ask(ws, text) {
  ws.send(text);
  return next(ws);
}

/* Answers to a request that is not let in. */
async function refusal(lines) {
  const wire = await Wire.to(server.port);
  wire.write([...lines, "", ""].join("\r\n"));
  const answer = await wire.response();
  wire.destroy();
  return answer;
}

const GOOD = ["Host: localhost", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${KEY}`];
const without = (name) => GOOD.filter((line) => !line.startsWith(name));

describe("handshakes (RFC 6455, 4.2)", () => {
  test("a plain request is told what is spoken here: 426", async () => {
    const answer = await refusal(["GET /echo HTTP/1.1", "Host: localhost"]);
    assert.equal(answer.status, 426);
    assert.equal(answer.headers["sec-websocket-version"], "13");
    assert.equal(answer.headers.upgrade, "websocket");
  });

  test("another version: 426 with the version that is spoken (4.4)", async () => {
    for (const line of ["Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 14", "Sec-WebSocket-Version: x"]) {
      const answer = await refusal(["GET /echo HTTP/1.1", ...without("Sec-WebSocket-Version"), line]);
      assert.equal(answer.status, 426, line);
      assert.equal(answer.headers["sec-websocket-version"], "13");
    }
    assert.equal((await refusal(["GET /echo HTTP/1.1", ...without("Sec-WebSocket-Version")])).status, 426);
  });

  test("malformed ones: 400", async () => {
    for (const lines of [
      without("Connection"), without("Sec-WebSocket-Key"),
      [...without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: c2hvcnQ="],
      [...without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: not base64 at all!!"],
      [...without("Upgrade"), "Upgrade: h2c"],
    ]) assert.equal((await refusal(["GET /echo HTTP/1.1", ...lines])).status, 400, lines.join());
    assert.equal((await refusal(["GET /echo HTTP/1.0", ...GOOD])).status, 400);
  });

  test("another method: 405 with Allow", async () => {
    const answer = await refusal(["POST /echo HTTP/1.1", ...GOOD, "Content-Length: 0"]);
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.allow, "GET");
  });

  test("another path: 404", async () => {
    for (const path of ["/nowhere", "/echo/", "/echoes", "/ech"])
      assert.equal((await refusal([`GET ${path} HTTP/1.1`, ...GOOD])).status, 404, path);
  });

  test("header names and tokens in any case, tokens among others", async () => {
    const wire = await Wire.to(server.port);
    wire.write(["GET /echo HTTP/1.1", "host: localhost", "connection: keep-alive, UPGRADE", "upgrade: WebSocket",
      "sec-websocket-version: 13", `sec-websocket-key: ${KEY}`, "", ""].join("\r\n"));
    assert.equal((await wire.response()).status, 101);
    wire.destroy();
  });

  test("a pipelined request before it, frames right behind it", async () => {
    const wire = await Wire.to(server.port);
    wire.write(Buffer.concat([Buffer.from("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), Buffer.from(upgradeHead("/echo")), frame(TEXT, "early")]));
    assert.equal((await wire.response()).status, 200);
    assert.equal((await wire.response()).status, 101);
    assert.equal(await wire.text(), "early");
    wire.destroy();
  });

  test("the request reaches onOpen; paths with captures", async () => {
    const ws = await client("/hello?name=ann%20lee", { headers: { "X-Word": "w" } });
    assert.equal(await next(ws), "hello ann lee w");
    const room = await client("/rooms/a%20b");
    assert.equal(await next(room), "/rooms/a b");
    ws.terminate();
    room.terminate();
  });

  test("the same key twice is not answered as a different one", async () => {
    const wire = await websocket(server.port, "/echo");
    assert.equal(wire.answer.headers["sec-websocket-extensions"], undefined);
    assert.equal(wire.answer.headers["sec-websocket-protocol"], undefined);
    wire.destroy();
  });
});

describe("who may come in", () => {
  const status = async (word) => {
    const answer = await refusal(["GET /allow HTTP/1.1", ...GOOD, `X-Word: ${word}`]);
    return [answer.status, answer.body];
  };

  test("refused: 403, with the reason that was given", async () => {
    assert.deepEqual(await status("no"), [403, "Forbidden"]);
    assert.deepEqual(await status("reason"), [403, "not today"]);
    assert.deepEqual(await status("late"), [403, "late"]);
  });

  test("an error in the hook refuses, and says nothing of itself", async () => {
    assert.deepEqual(await status("raise"), [403, "Forbidden"]);
    await server.said(/the gate is broken/u);
  });

  test("let in", async () => {
    const ws = await client("/allow");
    assert.equal(await ask(ws, "hi"), "hi");
    ws.terminate();
  });

  test("the client leaves while it is decided upon", async () => {
    const wire = await Wire.to(server.port);
    wire.write(upgradeHead("/allow", "X-Word: late"));
    wire.destroy();
    await sleep(60);
    server.check();
  });

  test("maxConnections: 503, until one has left", async () => {
    const ws = await client("/one");
    assert.equal((await refusal(["GET /one HTTP/1.1", ...GOOD])).status, 503);
    ws.close();
    await once(ws, "close");
    await until(async () => {
      const wire = await Wire.to(server.port);
      wire.write(upgradeHead("/one"));
      const answer = await wire.response();
      wire.destroy();
      return answer.status === 101;
    });
  });
});

describe("sub-protocols (RFC 6455, 4.2.2 and 11.3.4)", () => {
  test("the first that the client offers and the endpoint speaks", async () => {
    const ws = await client("/protocols", ["other", "chat.v1", "chat.v2"]);
    assert.equal(ws.protocol, "chat.v1");
    ws.terminate();
  });

  test("offered in several headers", async () => {
    const wire = await websocket(server.port, "/protocols", "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: chat.v2");
    assert.equal(wire.answer.headers["sec-websocket-protocol"], "chat.v2");
    wire.destroy();
  });

  test("none in common, or none offered: no header in the answer", async () => {
    for (const lines of [["Sec-WebSocket-Protocol: other"], ["Sec-WebSocket-Protocol: Chat.V1"], []]) {
      const wire = await websocket(server.port, "/protocols", ...lines);
      assert.equal(wire.answer.headers["sec-websocket-protocol"], undefined);
      wire.destroy();
    }
  });

  test("chosen by the hook; one that was not offered refuses", async () => {
    const wire = await websocket(server.port, "/allow", "X-Word: choose", "Sec-WebSocket-Protocol: one, two");
    assert.equal(wire.answer.headers["sec-websocket-protocol"], "two");
    wire.destroy();
    const answer = await refusal(["GET /allow HTTP/1.1", ...GOOD, "X-Word: wrong", "Sec-WebSocket-Protocol: one"]);
    assert.equal(answer.status, 403);
  });
});

describe("messages", () => {
  test("text and binary, empty ones too, in order", async () => {
    const ws = await client("/echo");
    ws.send("text");
    ws.send(Buffer.from([0, 255, 1]));
    ws.send("");
    ws.send(Buffer.alloc(0));
    ws.send("žluťoučký 🙂");
    assert.equal(await next(ws), "text");
    assert.deepEqual([...(await next(ws))], [0, 255, 1]);
    assert.equal(await next(ws), "");
    assert.equal((await next(ws)).length, 0);
    assert.equal(await next(ws), "žluťoučký 🙂");
    ws.terminate();
  });

  test("the lengths around each form of header", async () => {
    const ws = await client("/echo", { maxPayload: 0 });
    for (const n of [1, 125, 126, 127, 65535, 65536, 65537, 1_000_000]) {
      const text = "x".repeat(n);
      assert.ok((await ask(ws, text)) === text, `${n} characters`);
    }
    ws.terminate();
  });

  test("a connection keeps what the script puts into it", async () => {
    const [a, b] = [await client("/echo"), await client("/echo")];
    assert.equal(await ask(a, "!count"), "1");
    assert.equal(await ask(a, "!count"), "2");
    assert.equal(await ask(b, "!count"), "1");
    assert.notEqual(await ask(a, "!id"), await ask(b, "!id"));
    a.terminate();
    b.terminate();
  });

  test("handlers may wait; errors in one do not end the connection", async () => {
    const ws = await client("/echo");
    ws.send("!later");
    ws.send("first");
    assert.equal(await next(ws), "first");
    assert.equal(await next(ws), "later");
    ws.send("!raise");
    assert.equal(await ask(ws, "still here"), "still here");
    await server.said(/on purpose/u);
    ws.terminate();
  });

  test("text that is no UTF-8 is not sent as such", async () => {
    const ws = await client("/echo");
    assert.equal(await ask(ws, "!badly"), "true");
    ws.terminate();
  });

  test("the peer's address", async () => {
    const ws = await client("/echo");
    assert.match(await ask(ws, "!address"), /^(::1|::ffff:127\.0\.0\.1|127\.0\.0\.1)$/u);
    ws.terminate();
  });

  test("a message too large: 1009, before it is there", async () => {
    const wire = await websocket(server.port, "/small");
    wire.write(frame(TEXT, "", { length: 101 }));
    assert.equal((await wire.frame()).payload.readUInt16BE(), 1009);
    const other = await client("/small");
    assert.equal(await ask(other, "x".repeat(100)), "x".repeat(100));
    other.send("x".repeat(101));
    assert.equal((await once(other, "close"))[0], 1009);
  });

  test("pings both ways", async () => {
    const ws = await client("/echo");
    ws.send("!ping are you there");
    assert.equal((await once(ws, "ping"))[0].toString(), "are you there");
    ws.ping("and you");
    assert.equal((await once(ws, "pong"))[0].toString(), "and you");
    ws.terminate();
    const pong = await client("/pong");
    pong.pong("unasked");
    assert.equal(await next(pong), "pong unasked");
    pong.terminate();
  });
});

describe("channels", () => {
  test("subscribe, publish to others and to all, unsubscribe", async () => {
    const [a, b, c] = [await client("/echo"), await client("/echo"), await client("/plain")];
    assert.equal(await ask(a, "!join news"), "true");
    assert.equal(await ask(a, "!join news"), "false");
    assert.equal(await ask(b, "!join news"), "true");
    assert.equal(await ask(a, "!join more"), "true");
    assert.equal(await ask(a, "!channels"), "more,news");
    assert.equal(await ask(b, "!subscribers news"), "2");
    assert.equal(await ask(a, "!others news hello"), "to 1");
    assert.equal(await next(b), "hello");
    b.send("!all news everyone");
    assert.equal(await next(b), "everyone");
    assert.equal(await next(b), "to 2");
    assert.equal(await next(a), "everyone");
    assert.equal(await ask(b, "!leave news"), "true");
    assert.equal(await ask(b, "!leave news"), "false");
    assert.equal(await ask(b, "!all news for a"), "to 1");
    assert.equal(await next(a), "for a");
    assert.equal(await ask(b, "!all empty nobody"), "to 0");
    b.send("!bytes news");
    assert.deepEqual([...(await next(a))], [0, 1, 2, 255]);
    assert.equal(await next(b), "to 1");
    assert.equal(c.inbox.length, 0);
    a.terminate();
    await until(async () => (await ask(b, "!subscribers news")) === "0");
    b.terminate();
    c.terminate();
  });

  test("who leaves leaves its channels, before onClose", async () => {
    const ws = await client("/echo");
    const id = await ask(ws, "!id");
    await ask(ws, "!join a");
    ws.close(3000, "bye");
    await once(ws, "close");
    await until(async () => (await state()).closed.some((c) => c.id === id));
    const end = (await state()).closed.find((c) => c.id === id);
    assert.deepEqual(end, { id, code: 3000, reason: "bye", open: false, channels: [] });
    const gone = await (await fetch(`${server.url}/gone/${id}`)).json();
    assert.deepEqual(gone, { open: false, sent: false, joined: false, left: false, pinged: false, buffered: 0, id, closed: true });
  });

  test("many subscribers get each message once, in order", async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => client("/echo")));
    for (const ws of all) assert.equal(await ask(ws, "!join crowd"), "true");
    for (let i = 0; i < 20; i++) all[i].send(`!others crowd ${i}`);
    for (const [k, ws] of all.entries()) {
      const wanted = (k < 20 ? 19 : 20) + (k < 20 ? 1 : 0);
      await until(() => ws.inbox.length >= wanted, `${wanted} messages at ${k}, has ${ws.inbox.length}`);
      const got = ws.inbox.filter((text) => !text.startsWith("to "));
      assert.deepEqual(new Set(got), new Set(Array.from({ length: 20 }, (_, i) => String(i)).filter((i) => Number(i) !== k)));
      assert.equal(got.length, k < 20 ? 19 : 20);
      ws.terminate();
    }
  });
});

describe("peers that do not read", () => {
  test("overflow disconnects, others go on", async () => {
    const wire = await websocket(server.port, "/cut");
    const other = await client("/echo");
    wire.socket.pause();
    wire.write(frame(TEXT, "!id"));
    wire.write(frame(TEXT, "!flood 20000"));
    assert.equal(await ask(other, "alive"), "alive");
    wire.socket.resume();
    await wire.rest();
    await until(async () => (await state()).closed.some((c) => c.code === 1006 && c.reason === "output queue overflow"));
    other.terminate();
  });

  test("overflow drops where that is wanted, and drains", async () => {
    const wire = await websocket(server.port, "/drop");
    wire.socket.pause();
    for (let i = 0; i < 200; i++) {
      wire.write(frame(TEXT, "!flood 100"));
      await sleep(2);
    }
    wire.socket.resume();
    await until(async () => (await state()).drained > 0, "onDrain");
    wire.write(frame(TEXT, "after"));
    let whole = 0;
    for (let text; (text = await wire.text()) !== "after"; ) if (text === "x".repeat(1000)) whole++;
    assert.ok(whole > 65 && whole < 20000, `${whole} of 20000 arrived`);
    wire.destroy();
  });
});

describe("silence", () => {
  test("a quiet peer is pinged, and lives as long as it answers", async () => {
    const ws = await client("/beat");
    const id = await ask(ws, "!id");
    let pings = 0;
    ws.on("ping", () => pings++);
    await until(() => pings >= 6, "six pings");
    assert.equal(ws.readyState, WebSocket.OPEN);
    await until(async () => (await state()).pongs[id] >= 5, "five pongs");
    ws.terminate();
  });

  test("one that does not answer is closed with 1001", async () => {
    const wire = await websocket(server.port, "/beat");
    assert.equal((await wire.frame()).opcode, PING);
    const end = await wire.frame();
    assert.equal(end.opcode, CLOSE);
    assert.equal(end.payload.readUInt16BE(), 1001);
    assert.equal(end.payload.subarray(2).toString(), "idle timeout");
    wire.destroy();
  });

  test("without pings: closed when it says nothing, not when it does", async () => {
    const wire = await websocket(server.port, "/quiet");
    for (let i = 0; i < 15; i++) {
      await sleep(100);
      wire.write(frame(PING, "x"));
      assert.equal((await wire.frame()).opcode, PONG);
    }
    const end = await wire.frame();
    assert.equal(end.payload.readUInt16BE(), 1001);
    wire.write(frame(CLOSE, [3, 233]));
    await wire.rest();
    await until(async () => (await state()).closed.some((c) => c.code === 1001 && c.reason === "idle timeout"));
  });
});

describe("the end", () => {
  test("the server closes: what was said before goes out, nothing after", async () => {
    const ws = await client("/echo");
    ws.send("!close 4001 enough");
    const [code, reason] = await once(ws, "close");
    assert.deepEqual([code, reason.toString()], [4001, "enough"]);
    assert.deepEqual(ws.inbox, ["last words"]);
  });

  test("codes that must not be sent are refused", async () => {
    const ws = await client("/echo");
    assert.equal(await ask(ws, "!codes"), "9");
    ws.terminate();
  });

  test("the client vanishes: 1006", async () => {
    const ws = await client("/echo");
    const id = await ask(ws, "!id");
    ws.terminate();
    await until(async () => (await state()).closed.some((c) => c.id === id));
    assert.equal((await state()).closed.find((c) => c.id === id).code, 1006);
  });

  test("an empty close frame: 1005", async () => {
    const wire = await websocket(server.port, "/echo");
    wire.write(frame(TEXT, "!id"));
    const id = await wire.text();
    wire.write(frame(CLOSE));
    const answer = await wire.frame();
    assert.deepEqual([answer.opcode, answer.payload.length], [CLOSE, 0]);
    assert.equal((await wire.rest()).length, 0);
    await until(async () => (await state()).closed.some((c) => c.id === id));
    assert.equal((await state()).closed.find((c) => c.id === id).code, 1005);
  });

  test("mistakes in options are named", async () => {
    const { errors } = await state();
    assert.match(errors[0], /bad path "no-slash"/u);
    assert.match(errors[1], /"maxPayload" must be an integer between 1 and/u);
    assert.match(errors[2], /no option "nonsense"/u);
    assert.match(errors[3], /unknown option onMesage/u);
    assert.match(errors[4], /"a b" is no name of a protocol/u);
    assert.match(errors[5], /"overflow" must be/u);
    assert.match(errors[6], /onOpen must be a function/u);
    assert.match(errors[7], /a table of options expected/u);
  });

  test("a server that ends tells everyone: 1001", async () => {
    const other = await serve("websocket.lua", { expectErrors: true });
    const ws = new WebSocket(`${other.ws}/echo`);
    await once(ws, "open");
    const closed = once(ws, "close");
    await other.stop();
    const [code, reason] = await closed;
    assert.deepEqual([code, reason.toString()], [1001, "server shutting down"]);
  });
});

test("frames that arrive byte by byte", async () => {
  const wire = await Wire.to(server.port);
  await wire.drip(upgradeHead("/echo"));
  assert.equal((await wire.response()).status, 101);
  await wire.drip(Buffer.concat([frame(TEXT, "slow"), frame(BINARY, "bytes"), frame(PING, "p"), frame(TEXT, "y".repeat(130))]));
  assert.equal(await wire.text(), "slow");
  assert.equal((await wire.frame()).payload.toString(), "bytes");
  assert.equal((await wire.frame()).opcode, PONG);
  assert.equal(await wire.text(), "y".repeat(130));
  wire.destroy();
});
