// Socket.IO v5 packet by packet: what is written, what is accepted, what closes the connection.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Polling, SEPARATOR, onWebsocket } from "./support/engine.mjs";
import { serve } from "./support/server.mjs";
import { BINARY, CLOSE, TEXT, frame } from "./support/wire.mjs";

const server = await serve("suite.lua");
const PATH = "/socket.io/";

/* Pings are answered and read over. */
async function next(wire) {
  for (;;) {
    const got = await wire.frame();
    if (got.opcode === TEXT && got.payload.toString() === "2") wire.write(frame(TEXT, "3"));
    else return got.opcode === TEXT ? got.payload.toString() : got;
  }
}

function say(wire, ...packets) {
  wire.write(Buffer.concat(packets.map((p) => (typeof p === "string" ? frame(TEXT, p) : frame(BINARY, p)))));
}

async function hears(wire, ...packets) {
  for (const want of packets) {
    const got = await next(wire);
    if (typeof want === "string") assert.equal(got, want);
    else if (want instanceof RegExp) assert.match(got, want);
    else assert.deepEqual([got.opcode, ...got.payload], [BINARY, ...want]);
  }
}

async function closes(wire) {
  const got = await next(wire);
  assert.equal(got.opcode, CLOSE, `an end, not ${got}`);
  wire.destroy();
}

/* In the main namespace. */
async function joined() {
  const wire = await onWebsocket(server, PATH);
  say(wire, "40");
  await hears(wire, /^40\{"sid":"[\w-]{20}"\}$/u, '42["auth",{}]');
  return wire;
}

describe("CONNECT", () => {
  for (const [name, packet, reply, auth] of [
    ["main", "40", /^40\{"sid":"[\w-]{20}"\}$/u, '42["auth",{}]'],
    ["main with auth", '40{"token":"123"}', /^40\{"sid":"[\w-]{20}"\}$/u, '42["auth",{"token":"123"}]'],
    ["main by name", "40/,", /^40\{"sid":"[\w-]{20}"\}$/u, '42["auth",{}]'],
    ["another", "40/custom,", /^40\/custom,\{"sid":"[\w-]{20}"\}$/u, '42/custom,["auth",{}]'],
    ["another without its comma", "40/custom", /^40\/custom,\{"sid":"[\w-]{20}"\}$/u, '42/custom,["auth",{}]'],
    ["another with auth", '40/custom,{"token":"abc"}', /^40\/custom,\{"sid":"[\w-]{20}"\}$/u, '42/custom,["auth",{"token":"abc"}]'],
  ]) {
    test(name, async () => {
      const wire = await onWebsocket(server, PATH);
      say(wire, packet);
      await hears(wire, reply, auth);
      wire.destroy();
    });
  }

  test("a namespace that does not exist: refused, and the connection stays", async () => {
    const wire = await onWebsocket(server, PATH);
    say(wire, "40/random");
    await hears(wire, '44/random,{"message":"Invalid namespace"}');
    say(wire, "40");
    await hears(wire, /^40\{/u, /^42\["auth"/u);
    wire.destroy();
  });

  test("two in one segment", async () => {
    const wire = await onWebsocket(server, PATH);
    say(wire, "40", "40/custom,");
    const got = [await next(wire), await next(wire), await next(wire), await next(wire)].sort();
    assert.match(got.join(" "), /40\/custom,\{.*40\{.*42\/custom,\["auth",\{\}\] 42\["auth",\{\}\]/u);
    wire.destroy();
  });

  test("the same one twice before the first is answered, as a client that reconnects may: no reason to close", async () => {
    const wire = await onWebsocket(server, PATH);
    say(wire, "40/custom,", "40/custom,", "40");
    let got = "";
    while (!/40\{.*42\["auth"/u.test(got)) got += await next(wire);
    assert.match(got, /40\/custom,\{/u);
    say(wire, '42["message",1]');
    await hears(wire, '42["message-back",1]');
    wire.destroy();
  });

  test("auth is an object or nothing", async () => {
    for (const packet of ['40"text"', "40[1]", "40nonsense", "40{", "40true"]) {
      const wire = await onWebsocket(server, PATH);
      say(wire, packet);
      await closes(wire);
    }
  });

  test("over polling", async () => {
    const s = await Polling.to(server, PATH);
    await s.send('40{"a":1}');
    let got = await s.poll();
    if (!got.includes("auth")) got += SEPARATOR + (await s.poll());
    assert.match(got, /^40\{"sid":"[\w-]{20}"\}\x1e42\["auth",\{"a":1\}\]$/u);
    await s.send(['42["message",1]', '452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', "bAQI=", "bAwQ="].join(SEPARATOR));
    assert.equal(await s.poll(), ['42["message-back",1]', '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', "bAQI=", "bAwQ="].join(SEPARATOR));
  });

  test("a second CONNECT to a namespace that was joined closes", async () => {
    const wire = await joined();
    say(wire, "40");
    await closes(wire);
  });
});

describe("DISCONNECT", () => {
  test("leaves the namespace, keeps the connection", async () => {
    const wire = await joined();
    say(wire, "41", "40/custom,");
    await hears(wire, /^40\/custom,/u, /^42\/custom,/u);
    say(wire, "40");
    await hears(wire, /^40\{/u, /^42\["auth"/u);
    wire.destroy();
  });

  test("of another namespace keeps the main one", async () => {
    const wire = await joined();
    say(wire, "40/custom,");
    await hears(wire, /^40\/custom,/u, /^42\/custom,/u);
    say(wire, "41/custom,", '42["message",1]');
    await hears(wire, '42["message-back",1]');
    wire.destroy();
  });

  test("the main one by its name, as one client writes it", async () => {
    const wire = await joined();
    say(wire, "41/,", "40");
    await hears(wire, /^40\{/u, /^42/u);
    wire.destroy();
  });

  test("of the last namespace leaves a connection that still answers", async () => {
    const wire = await joined();
    say(wire, "41");
    assert.equal(await wire.text(), "2");
    wire.destroy();
  });
});

describe("EVENT and ACK", () => {
  test("text", async () => {
    const wire = await joined();
    say(wire, '42["message",1,"2",{"3":[true]}]');
    await hears(wire, '42["message-back",1,"2",{"3":[true]}]');
    wire.destroy();
  });

  test("with white space, escapes and a name that is written otherwise", async () => {
    const wire = await joined();
    say(wire, '42[ "mess\\u0061ge" , "\\u00e9" ]');
    await hears(wire, '42["message-back","é"]');
    wire.destroy();
  });

  test("attachments, in any place", async () => {
    const wire = await joined();
    say(wire, '452-["message",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]', [1, 2, 3], [4, 5, 6]);
    await hears(wire, '452-["message-back",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]', [1, 2, 3], [4, 5, 6]);
    wire.destroy();
  });

  test("an acknowledgement has the id, without leading zeros", async () => {
    const wire = await joined();
    say(wire, '42456["message-with-ack",1,"2"]', '42007["message-with-ack"]', '420["message-with-ack",null]');
    await hears(wire, '43456[1,"2"]', "437[]", "430[null]");
    wire.destroy();
  });

  test("a binary acknowledgement", async () => {
    const wire = await joined();
    say(wire, '452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', [1], [2]);
    await hears(wire, '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', [1], [2]);
    wire.destroy();
  });

  test("events nobody listens to, a number as name, bare data of acks: ignored", async () => {
    const wire = await joined();
    say(wire, '42["nobody"]', "42[7,1]", '42["error",1]', '42["connection",1]', "43999[1]", '4212["nobody"]', '42["message",1]');
    await hears(wire, '42["message-back",1]');
    wire.destroy();
  });

  test("of several keys of a name the last counts", async () => {
    const wire = await joined();
    say(wire, '42["message",{"a":1,"a":2}]');
    await hears(wire, '42["message-back",{"a":2}]');
    wire.destroy();
  });
});

describe("what closes the connection", () => {
  const cases = {
    "an unknown type": ["4abc"], "type 7": ["47"], "an empty message": ["4"], "text that is not JSON": ["42{["],
    "an object instead of a list": ["42{}"], "an empty list": ["42[]"], "a name that is an object": ["42[{}]"],
    "a name that is null": ["42[null]"], "rubbish behind": ['42["message"]x'], "a bad id": ['42abc["message-with-ack",1,"2"]'],
    "a reserved name: connect": ['42["connect"]'], "a reserved name: disconnecting": ['42["disconnecting"]'],
    "a reserved name: connect_error": ['42["connect_error"]'], "a reserved name: newListener": ['42["newListener"]'],
    "a reserved name, written otherwise": ['42["\\u0064isconnect"]'],
    "an ack that is no list": ["431{}"], "CONNECT_ERROR from a client": ['44{"message":"x"}'],
    "an event for a namespace that was not joined": ['42/custom,["message"]'],
    "an event for one that does not exist": ['42/nowhere,["message"]'],
    "text where an attachment is due": ['451-["message",{"_placeholder":true,"num":0}]', '42["message",1]'],
    "an attachment that nobody announced": [[1, 2, 3]],
    "a placeholder out of range": ['451-["message",{"_placeholder":true,"num":1}]', [1]],
    "a placeholder that is no number": ['451-["message",{"_placeholder":true,"num":"0"}]', [1]],
    "a negative placeholder": ['451-["message",{"_placeholder":true,"num":-1}]', [1]],
    "eleven attachments": ['4511-["message"]'], "attachments without end": ['45999999999999-["message"]'],
    "attachments without their dash": ['451["message"]'],
    "bad UTF-8 escapes": ['42["\\uZZZZ"]'], "control characters in text": ['42["message","\u0001"]'],
    "a DISCONNECT with data": ["41{}"],
  };
  for (const [name, packets] of Object.entries(cases)) {
    test(name, async () => {
      const wire = await joined();
      say(wire, ...packets);
      await closes(wire);
    });
  }

  test("an event before CONNECT", async () => {
    const wire = await onWebsocket(server, PATH);
    say(wire, '42["message",1]');
    await closes(wire);
  });

  test("after DISCONNECT", async () => {
    const wire = await joined();
    say(wire, "41", '42["message",1]');
    await closes(wire);
  });

  test("JSON deeper than the limit; as deep as the limit passes", async () => {
    const deep = (n) => `42["message",${"[".repeat(n)}${"]".repeat(n)}]`;
    const wire = await joined();
    say(wire, deep(200));
    await hears(wire, deep(200).replace("message", "message-back"));
    for (const n of [300, 100_000, 400_000]) {
      const other = await joined();
      say(other, deep(n));
      await closes(other);
    }
    wire.destroy();
  });
});
