// Several workers behind one port, told apart by what they say; and a reverse proxy in front of them.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { Wire, websocket } from "../../interop/support/wire.mjs";
import { portOf, until } from "./super.mjs";

// A Socket.IO server and a bare engine; both say which worker they are.
export const app = `
local atrium = require "atrium"
local io = atrium.io
local me = os.getenv("NODE_APP_INSTANCE")
io:on("connection", function(socket)
  socket:on("say", function(value, ack) ack(me, value) end)
end)
local engine = atrium.engine { path = "/echo" }
engine:on("connection", function(socket)
  socket:send(me)
  socket:on("message", function(data) socket:send(data) end)
end)
atrium.http:get("/who", function() return me end)
`;

// Starts `count` of them, with options of the supervisor and flags of their own; {port, url}.
export async function workers(s, count, { text = app, name = "app", options = [], flags = [], port = 0 } = {}) {
  s.write(`${name}.lua`, text);
  await s.ok(["start", `${name}.lua`, "-i", String(count), "--port", String(port), ...options, "--", ...flags]);
  await s.online(name, count);
  const bound = await portOf(s, name, 0, count === 1 ? `${name}-out.log` : undefined);
  return { name, port: bound, url: `http://localhost:${bound}` };
}

export async function pidOf(s, name, instance) {
  return (await s.of(name)).find((i) => i.atrium.instance === Number(instance)).pid;
}

const request = (method, target, lines = [], body = "") => [`${method} ${target} HTTP/1.1`, "Host: localhost", ...lines, "", body].join("\r\n");

// Sums of figures over all workers: each is asked until every one has answered.
export async function figures(site, count) {
  const seen = new Map();
  await until(() => `${count} workers' figures: ${[...seen.keys()]}`, async () => {
    const wire = await Wire.to(site.port);
    wire.write(request("GET", "/who"));
    const who = (await wire.response()).body;
    wire.write(request("GET", "/metrics"));
    seen.set(who, (await wire.response()).body);
    wire.destroy();
    return seen.size === count;
  });
  return (name) =>
    [...seen.values()]
      .flatMap((text) => text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`)))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

// A session of the bare engine, by hand: every request may come to any worker.
export class Session {
  // From a connection of its own, or over `wire`.
  static async open(site, wire) {
    const session = new Session(), own = wire ?? (await Wire.to(site.to ?? site.port));
    session.site = site;
    own.write(request("GET", "/echo/?EIO=4&transport=polling"));
    const answer = await own.response();
    assert.equal(answer.status, 200, answer.body);
    session.sid = JSON.parse(answer.body.slice(1)).sid;
    own.write(session.get());
    session.owner = (await own.response()).body.slice(1);
    assert.match(session.owner, /^\d+$/);
    if (!wire) own.destroy();
    return session;
  }

  get target() {
    return `/echo/?EIO=4&transport=polling&sid=${this.sid}`;
  }

  get(...lines) {
    return request("GET", this.target, lines);
  }

  // As chunks, when there are some.
  post(body, { chunks, lines = [] } = {}) {
    if (!chunks) return request("POST", this.target, [`Content-Length: ${Buffer.byteLength(body)}`, ...lines], body);
    const parts = chunks.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
    return request("POST", this.target, ["Transfer-Encoding: chunked", ...lines], `${parts}0\r\n\r\n`);
  }

  // Says it and hears it again, over a connection.
  async echo(wire, text = `hello ${Math.random()}`, how = {}) {
    wire.write(this.post(`4${text}`, how)).write(this.get());
    assert.equal((await wire.response()).body, "ok");
    assert.equal((await wire.response()).body, `4${text}`);
  }

  websocket() {
    return websocket(this.site.to ?? this.site.port, `/echo/?EIO=4&transport=websocket&sid=${this.sid}`);
  }
}

// One session of each worker, in the workers' order; the rest is left to itself.
export async function sessionOfEach(site, count) {
  const found = new Map();
  await until(() => `a session of each: ${[...found.keys()]}`, async () => {
    const session = await Session.open(site);
    if (!found.has(session.owner)) found.set(session.owner, session);
    return found.size === count;
  });
  return [...found.keys()].sort().map((key) => found.get(key));
}

async function freePort() {
  const listener = net.createServer().listen(0, "127.0.0.1");
  await new Promise((done) => listener.once("listening", done));
  const { port } = listener.address();
  await new Promise((done) => listener.close(done));
  return port;
}

// nginx in front of the workers, with few connections that it keeps: each carries what comes.
export async function nginx(t, s, backend, keepalive) {
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort(), folder = path.join(s.folder, `nginx-${port}`);
    fs.mkdirSync(folder);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ");
    const conf = s.write(`nginx-${port}/conf`, `
      ${process.getuid() === 0 ? "user root;" : ""} daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr;
      events { worker_connections 4096; }
      http {
        access_log off; ${temporary}
        map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
        upstream workers { server 127.0.0.1:${backend}; keepalive ${keepalive}; }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://workers; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 120s;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
          }
        }
      }`);
    const child = spawn("/usr/sbin/nginx", ["-p", folder, "-e", "stderr", "-c", conf], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "", over = false;
    child.stderr.on("data", (data) => (stderr += data));
    child.once("error", (error) => (over = String(error)));
    const ended = new Promise((done) => child.once("close", (code) => done((over ||= `ended with ${code}`))));
    const answers = () => fetch(`http://127.0.0.1:${port}/who`).then((answer) => answer.status === 200, () => false);
    await until(() => `nginx: ${stderr}`, async () => over || (await answers()));
    if (!over) {
      t.after(() => (child.kill(), ended));
      return { port, url: `http://127.0.0.1:${port}`, stderr: () => stderr };
    }
    assert.match(stderr, /in use/u, `${over}: ${stderr}`);
  }
  throw new Error("no free port");
}
