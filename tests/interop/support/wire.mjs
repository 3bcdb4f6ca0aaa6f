/* Bare TCP connections that say exactly what a test wants, and read HTTP answers and WebSocket frames.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { within } from "./wait.mjs";

export class Wire {
  #socket;
  #bytes = Buffer.alloc(0);
  #wake = () => {};
  #ended = false;

  /* to: a port, or { port, secure: true } for TLS, whoever answers. */
  static async to(to) {
    const { port = to, secure = false } = Object(to);
    const wire = new Wire();
    const where = { port, host: "localhost" };
    const socket = secure ? tls.connect({ ...where, rejectUnauthorized: false }) : net.connect(where);
    socket.setNoDelay(true);
    wire.#socket = socket;
    socket.on("data", (data) => {
      wire.#bytes = Buffer.concat([wire.#bytes, data]);
      wire.#wake();
    });
    socket.on("error", () => {});
    socket.on("end", () => wire.#end());
    socket.on("close", () => wire.#end());
    await within(
      new Promise((done, fail) => {
        socket.once(secure ? "secureConnect" : "connect", done);
        socket.once("error", fail);
      }),
      "a connection",
    );
    return wire;
  }

  #end() {
    this.#ended = true;
    this.#wake();
  }

  get socket() {
    return this.#socket;
  }

  write(data) {
    this.#socket.write(data);
    return this;
  }

  /* One write per byte, each in a segment of its own as far as the kernel goes along. */
  async drip(data) {
    for (const byte of Buffer.from(data)) {
      await new Promise((done) => this.#socket.write(Buffer.of(byte), done));
      await new Promise(setImmediate);
    }
    return this;
  }

  destroy() {
    this.#socket.destroy();
  }

  /* Half-close: nothing more will be sent. */
  finish() {
    this.#socket.end();
  }

  async #more(what) {
    if (this.#ended) throw new Error(`closed before ${what}; there is ${JSON.stringify(this.#bytes.toString("latin1"))}`);
    await within(new Promise((done) => (this.#wake = done)), `${what}; there is ${JSON.stringify(this.#bytes.toString("latin1").slice(0, 500))}`);
  }

  #take(n) {
    const part = this.#bytes.subarray(0, n);
    this.#bytes = this.#bytes.subarray(n);
    return part;
  }

  async read(n) {
    while (this.#bytes.length < n) await this.#more(`${n} bytes`);
    return this.#take(n);
  }

  /* Everything until the other side closes. */
  async rest() {
    while (!this.#ended) await this.#more("the end");
    return this.#take(this.#bytes.length);
  }

  /* What is there now. */
  get pending() {
    return this.#bytes;
  }

  get ended() {
    return this.#ended;
  }

  async line() {
    let at;
    while ((at = this.#bytes.indexOf("\r\n")) < 0) await this.#more("a line");
    return this.#take(at + 2).toString("latin1").slice(0, -2);
  }

  /* The next HTTP answer: {status, reason, headers, raw (list of pairs), body}. head: of a HEAD request. */
  async response({ head = false } = {}) {
    const [version, status, ...reason] = (await this.line()).split(" ");
    assert.equal(version, "HTTP/1.1");
    const raw = [];
    for (let line; (line = await this.line()); ) {
      const at = line.indexOf(":");
      assert.ok(at > 0, `bad header line ${line}`);
      raw.push([line.slice(0, at), line.slice(at + 1).trim()]);
    }
    const headers = Object.fromEntries(raw.map(([name, value]) => [name.toLowerCase(), value]));
    const answer = { status: Number(status), reason: reason.join(" "), headers, raw, body: "" };
    if (head || answer.status < 200 || answer.status === 204 || answer.status === 304) return answer;
    if (headers["transfer-encoding"] === "chunked") {
      for (let size; (size = parseInt(await this.line(), 16)); ) {
        answer.body += (await this.read(size)).toString("utf8");
        await this.read(2);
      }
      await this.read(2);
    } else if (headers["content-length"] !== undefined) {
      answer.body = (await this.read(Number(headers["content-length"]))).toString("utf8");
    } else {
      answer.body = (await this.rest()).toString("utf8");
    }
    return answer;
  }

  /* The next WebSocket frame: {fin, opcode, payload}; servers do not mask. */
  async frame() {
    const [first, second] = await this.read(2);
    assert.equal(second & 0x80, 0, "servers do not mask (RFC 6455, 5.1)");
    let length = second & 0x7f;
    if (length === 126) length = (await this.read(2)).readUInt16BE();
    else if (length === 127) length = Number((await this.read(8)).readBigUInt64BE());
    return { fin: first >= 0x80, rsv: first & 0x70, opcode: first & 0x0f, payload: await this.read(length) };
  }

  /* The next frame's text. */
  async text() {
    const frame = await this.frame();
    assert.equal(frame.opcode, 1, `a text frame, not ${frame.opcode}: ${frame.payload}`);
    return frame.payload.toString();
  }
}

export const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/* A client's frame. Wrong ones are made by overriding: mask false, rsv, length (as declared). */
export function frame(opcode, payload = "", { fin = true, mask = true, rsv = 0, length, wide = 0 } = {}) {
  const data = Buffer.from(payload);
  const n = length ?? data.length;
  const form = wide || (n < 126 ? 7 : n < 65536 ? 16 : 64);
  const head = Buffer.alloc(form === 7 ? 2 : form === 16 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (form === 7 ? n : form === 16 ? 126 : 127);
  if (form === 16) head.writeUInt16BE(n, 2);
  if (form === 64) head.writeBigUInt64BE(BigInt(n), 2);
  if (!mask) return Buffer.concat([head, data]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, data.map((byte, i) => byte ^ key[i & 3])]);
}

export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/* The head of an upgrade; further header lines without their line ends. */
export function upgradeHead(path, ...lines) {
  return [
    `GET ${path} HTTP/1.1`, "Host: localhost", "Connection: Upgrade", "Upgrade: websocket",
    "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${KEY}`, ...lines, "", "",
  ].join("\r\n");
}

/* A WebSocket after its handshake, by hand. */
export async function websocket(port, path, ...lines) {
  const wire = await Wire.to(port);
  wire.write(upgradeHead(path, ...lines));
  const answer = await wire.response();
  assert.equal(answer.status, 101);
  assert.equal(answer.headers["sec-websocket-accept"], ACCEPT);
  wire.answer = answer;
  return wire;
}
