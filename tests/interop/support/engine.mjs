/* Engine.IO sessions by hand, on the paths that apps/engine.lua serves.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { until } from "./wait.mjs";
import { websocket } from "./wire.mjs";

export const SEPARATOR = "\x1e";
export const KEYS = ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"];

export function query(transport, sid) {
  return `EIO=4&transport=${transport}${sid ? `&sid=${sid}` : ""}`;
}

/* A session that polls. */
export class Polling {
  constructor(server, path, open, answer) {
    this.server = server;
    this.path = path;
    this.open = open;
    this.answer = answer;
    this.sid = open.sid;
  }

  static async to(server, path = "/echo/", headers = {}) {
    const answer = await fetch(`${server.url}${path}?${query("polling")}`, { headers });
    assert.equal(answer.status, 200);
    const body = await answer.text();
    assert.equal(body[0], "0");
    return new Polling(server, path, JSON.parse(body.slice(1)), answer);
  }

  get target() {
    return `${this.path}?${query("polling", this.sid)}`;
  }

  get url() {
    return `${this.server.url}${this.target}`;
  }

  get(options) {
    return fetch(this.url, options);
  }

  /* The body of the next GET. */
  async poll() {
    const answer = await this.get();
    assert.equal(answer.status, 200);
    return answer.text();
  }

  post(body, options = {}) {
    return fetch(this.url, { method: "POST", body, ...options });
  }

  async send(body) {
    const answer = await this.post(body);
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), "ok");
  }

  /* A POST as text, for a Wire. */
  request(body, ...lines) {
    return ["POST " + this.target + " HTTP/1.1", "Host: localhost", `Content-Length: ${Buffer.byteLength(body)}`, ...lines, "", body].join("\r\n");
  }

  getRequest(...lines) {
    return ["GET " + this.target + " HTTP/1.1", "Host: localhost", ...lines, "", ""].join("\r\n");
  }

  /* The second half of an upgrade, when the first is there. */
  websocket(...lines) {
    return websocket(this.server.port, `${this.path}?${query("websocket", this.sid)}`, ...lines);
  }

  ended(reason) {
    return ended(this.server, this.sid, reason);
  }

  async alive() {
    const round = `still here ${Math.random()}`;
    await this.send(`4${round}`);
    assert.equal(await this.poll(), `4${round}`);
  }

  /* The session is gone: its id is unknown. */
  async gone() {
    const answer = await this.get();
    assert.equal(answer.status, 400);
    assert.equal(await answer.text(), '{"code":1,"message":"Session ID unknown"}');
  }
}

export async function session(server, sid) {
  return (await fetch(`${server.url}/session/${sid}`)).json();
}

/* Waits until the server's side of the session has closed, with that reason. */
export async function ended(server, sid, reason) {
  let state;
  await until(async () => (state = await session(server, sid)).closed !== null, `the end of ${sid}`);
  assert.equal(state.closed, reason);
}

/* What an engine refused last, as its connection_error event told it. */
export async function refused(server, path) {
  return (await fetch(`${server.url}/refused?path=${path}`)).json();
}

/* A session on WebSocket, by hand; wire.sid and wire.open tell of it. */
export async function onWebsocket(server, path = "/echo/", ...lines) {
  const wire = await websocket(server.port, `${path}?${query("websocket")}`, ...lines);
  const open = await wire.text();
  assert.equal(open[0], "0");
  wire.open = JSON.parse(open.slice(1));
  wire.sid = wire.open.sid;
  return wire;
}
