/* The codecs of Colyseus against its SDKs of three generations: a server of a few lines, all of whose frames come from
 * proto/colyseus_message.h and proto/schema.h. Each SDK joins with the JOIN_ROOM for all and with that of its own
 * generation, gets the state, a patch and a message, sends one and leaves.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import http from "node:http";
import { after, test } from "node:test";
import { WebSocketServer } from "ws";
import { open_driver, open_library } from "./support/schema_state.mjs";
import { until, within } from "./support/wait.mjs";

const JOIN_ROOM = 10, LEAVE_ROOM = 12, ROOM_DATA = 13, ROOM_STATE = 14, ROOM_STATE_PATCH = 15;
const SDKS = { 16: "sdk16", 17: "sdk17", 18: "sdk18" };
const SEAT = { name: "arena", sessionId: "sess12345", roomId: "room12345", processId: "proc12345" };

const driver = open_driver(process.env.ATRIUM_BUILD ?? "build");
const { classes, lib, json } = open_library(driver, [
  ["Player", { x: "number", tags: { array: "string" } }],
  ["State", { players: { map: "Player" }, score: { map: "number" }, tick: "uint32" }],
]);
const state = new classes.State();
state.players = new lib.MapSchema();
state.score = new lib.MapSchema();
state.score.set("a", 5);
const player = new classes.Player();
player.tags = new lib.ArraySchema("hi");
state.players.set("me", player);
driver.say(`root ${state.$id}`);
driver.say("commit");

const framed = (code, bytes) => Buffer.concat([Buffer.from([code]), bytes]);
const received = []; // payloads of messages

function answer(request, response) {
  request.resume().on("end", () => {
    const seat = JSON.stringify({ ...SEAT, room: { ...SEAT, clients: 1, maxClients: null, locked: false } });
    response.writeHead(200, { "content-type": "application/json", "content-length": seat.length });
    response.end(seat);
  });
}

async function on_message(socket, data) {
  if (data[0] === JOIN_ROOM) {
    socket.send(framed(ROOM_STATE, await driver.bytes("all")));
    state.tick = (state.tick ?? 0) + 1;
    player.x = state.tick / 2;
    socket.send(framed(ROOM_STATE_PATCH, await driver.bytes("patch")));
  } else if (data[0] === ROOM_DATA) {
    received.push(await driver.ask(`plain ${data.subarray(1 + 5).toString("hex")}`)); /* behind the type "move" */
    socket.send(Buffer.from("0da463686174a26f6b", "hex")); /* "chat", "ok" */
  } else if (data[0] === LEAVE_ROOM) {
    socket.close(4000);
  }
}

const server = http.createServer(answer);
const sockets = new WebSocketServer({ server });
sockets.on("connection", async (socket, request) => {
  socket.on("message", (data) => on_message(socket, Buffer.from(data)));
  socket.send(await driver.bytes(`join ${/v=(\d+)/.exec(request.url)?.[1] ?? 0} token1234`));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const url = `http://127.0.0.1:${server.address().port}`;
after(async () => {
  for (const socket of sockets.clients) socket.terminate();
  server.close();
  assert.equal(await driver.close(), 0, "the driver ends well");
});

/* What SDKs up to 0.17 say about a form that is not theirs. */
function hushed(fn) {
  const { warn } = console;
  console.warn = () => {};
  return fn().finally(() => (console.warn = warn));
}

for (const [generation, sdk] of Object.entries(SDKS)) {
  for (const form of [0, generation]) {
    test(`SDK 0.${generation}, ${form ? "its own" : "the common"} JOIN_ROOM`, () =>
      hushed(async () => {
        const { Client } = await import(sdk);
        const room = await within(new Client(url + (form ? `/?v=${form}` : "")).joinOrCreate("arena", {}), "the room");
        assert.equal(room.reconnectionToken, `${SEAT.roomId}:token1234`);
        const messages = [];
        room.onMessage("chat", (message) => messages.push(message));
        await until(() => room.state?.tick > 0 && room.state.tick === state.tick, "the state and its patch");
        assert.deepEqual(room.state.toJSON(), json(state));
        const before = received.length;
        room.send("move", { x: 64, y: { z: 1 } });
        await until(() => messages.length === 1, "a message");
        assert.deepEqual(messages, ["ok"]);
        assert.deepEqual(received.slice(before), ["82a178cc40a17981a17a01"], "maps of records");
        const code = await within(new Promise((done) => (room.onLeave(done), room.leave())), "the end");
        assert.equal(code, 4000);
      }));
  }
}
