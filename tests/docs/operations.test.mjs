/* docs/operations.md: its proxies really stand in front of a server, its unit and its image have what they need.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { Agent } from "node:http";
import net from "node:net";
import { join, resolve } from "node:path";
import { io } from "socket.io-client";
import { once, sleep, until } from "../interop/support/wait.mjs";
import { metric } from "../interop/support/hostile.mjs";
import { cases, root, text } from "./support/blocks.mjs";
import { folder, server, write } from "./support/programs.mjs";

const all = cases("docs/operations.md");
const proxied = all.find((one) => one.name === "proxied");
const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], both: ["polling", "websocket"] };

const CLIENT = "127.0.0.2";

/* Each proxy: what a test has to add around the page's configuration, and how it is started. */
const PROXIES = {
  nginx: (conf, path) => {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${path}/${kind};`);
    const user = process.getuid() === 0 ? "user root;" : "";
    return {
      conf: `${user} daemon off; pid ${path}/pid; error_log stderr; events {} http { access_log off; ${temporary.join(" ")}\n${conf}}`,
      command: (file) => ["/usr/sbin/nginx", "-p", path, "-e", "stderr", "-c", file],
    };
  },
  haproxy: (conf) => ({ conf, command: (file) => ["/usr/sbin/haproxy", "-db", "-f", file] }),
};

async function freePort() {
  const listener = net.createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  await new Promise((done) => listener.close(done));
  return port;
}

const answers = (port) => fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => answer.status === 200, () => false);

/* A proxy on a port of its own. Somebody else may take the port first: then another one. */
async function start(block, path, backend) {
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    const here = block.text.replaceAll("127.0.0.1:3000", `127.0.0.1:${backend}`).replace(/listen 80;|bind :80/u, (line) => line.replace(/:?80/u, `127.0.0.1:${port}`));
    assert.ok(here.includes(String(port)) && here.includes(String(backend)), "the page's ports are not 80 and 3000 any more");
    const { conf, command } = PROXIES[block.rest](here, path);
    const [name, ...args] = command(write(path, `${block.rest}.conf`, conf));
    const child = spawn(name, args, { stdio: ["ignore", "ignore", "pipe"] });
    const proxy = { port, stderr: "", over: false };
    child.stderr.on("data", (data) => (proxy.stderr += data));
    child.once("error", (error) => (proxy.over = error.message));
    const ended = new Promise((done) => child.once("close", (code) => done((proxy.over ||= `ended with ${code}`))));
    await until(async () => proxy.over || (await answers(port)), `${block.rest}\n${proxy.stderr}`);
    if (!proxy.over) return Object.assign(proxy, { stop: () => (child.kill(), ended) });
    assert.match(proxy.stderr, /in use|cannot bind/iu, `${block.rest} ${proxy.over}`);
  }
  throw new Error("no free port");
}

for (const block of proxied.proxy)
  describe(block.rest, async () => {
    const place = folder();
    const sockets = [];
    let host, proxy;
    const connect = async (transports) => {
      /* From an address that the page does not trust, as the proxy's own is. */
      const agent = new Agent({ localAddress: CLIENT, keepAlive: true });
      const socket = io(`http://127.0.0.1:${proxy.port}`, { transports, agent, forceNew: true, extraHeaders: { "X-Forwarded-For": "6.6.6.6" } });
      sockets.push(socket);
      await once(socket, "connect");
      return socket;
    };
    const ready = (async () => {
      mkdirSync(join(place.path, "logs"));
      host = server(proxied.server[0], place.path);
      host.flags = ["--ping-interval", "300", "--ping-timeout", "10000"];
      await host.start();
      proxy = await start(block, place.path, host.port);
    })();
    after(async () => {
      for (const socket of sockets) socket.disconnect();
      await proxy?.stop();
      await host?.stop();
      place.remove();
    });

    for (const [name, transports] of Object.entries(TRANSPORTS))
      test(`${name}: small and large values, heartbeats, the client's address`, async () => {
        await ready;
        const socket = await connect(transports);
        const { engine } = socket.io;
        if (name === "both") await until(() => engine.transport.name === "websocket", "the upgrade");
        assert.equal(engine.transport.name, name === "polling" ? "polling" : "websocket");
        assert.equal(await socket.emitWithAck("who am I"), CLIENT);
        for (const value of ["hello", "x".repeat(500_000), Buffer.alloc(300_000, 7)])
          assert.deepEqual(await socket.emitWithAck("echo", value), value);
        let pings = 0;
        engine.on("ping", () => pings++);
        await until(() => pings >= 3, "heartbeats");
        assert.equal(await socket.emitWithAck("echo", "still here"), "still here");
      });

    test("the server counted no failed upgrade", async () => {
      await ready;
      assert.equal(await metric({ url: `http://localhost:${host.port}` }, 'atrium_engine_upgrades_total{result="failed"}'), 0);
    });

    test("clients come back when the server was restarted", async () => {
      await ready;
      const socket = await connect(["polling", "websocket"]);
      const gone = once(socket, "disconnect", 30_000);
      await host.stop();
      await gone;
      await sleep(50);
      await host.start();
      await once(socket, "connect", 60_000);
      assert.equal(await socket.emitWithAck("echo", "again"), "again");
    });
  });

test("systemd takes the unit", (t) => {
  const place = folder();
  const unit = all.find(({ unit }) => unit.length).unit[0];
  const program = resolve(root, process.env.ATRIUM_BIN ?? "build/atrium");
  write(place.path, "chat.service", unit.text.replace("/usr/local/bin/atrium", program));
  const done = spawnSync("systemd-analyze", ["verify", join(place.path, "chat.service")], { encoding: "utf8" });
  place.remove();
  if (done.error) return t.skip("no systemd-analyze");
  const said = (done.stdout + done.stderr).split("\n").filter((line) => line.includes("chat.service"));
  assert.deepEqual(said, []);
});

test("the image has the libraries that the program is linked with", () => {
  const image = all.find(({ image }) => image.length).image[0].text;
  const run = (...command) => spawnSync(command[0], command.slice(1), { encoding: "utf8" }).stdout;
  const wanted = [...run("readelf", "-d", resolve(root, process.env.ATRIUM_BIN ?? "build/atrium")).matchAll(/NEEDED.*\[(.+)\]/gu)].map((match) => match[1]);
  assert.ok(wanted.length > 4);
  const known = (name) => ["libc6", "libgcc-s1"].includes(name) || /san\d*$/u.test(name) || new RegExp(`\\s${name}\\s`, "u").test(image);
  for (const library of wanted) {
    const owners = run("dpkg-query", "-S", `*/${library}`).split("\n").map((line) => line.split(":")[0]);
    assert.ok(owners.some(known), `${library} is in ${owners}`);
  }
});

test("every metric and every event of the log that the page names is there", async () => {
  const page = text("docs/operations.md");
  const place = folder();
  const host = await server(proxied.server[0], place.path).start();
  try {
    const metrics = await (await fetch(`http://localhost:${host.port}/metrics`)).text();
    const named = [...page.matchAll(/`((?:atrium|process)_[a-z_]+(?:\{[^}]+\})?)`/gu)].map((match) => match[1]);
    assert.ok(named.length > 10);
    for (const name of named) assert.match(metrics, new RegExp(`^${name.replace(/[{}]/gu, "\\$&")}(?:_bucket|_sum|_count)?[ {]`, "mu"), name);
  } finally {
    await host.stop();
    place.remove();
  }
  const sources = spawnSync("grep", ["-rhoE", '"[a-z]+(-[a-z]+)+"|"(closing|stopping)"', "src"], { cwd: root, encoding: "utf8" }).stdout;
  const events = page.split("## Logs")[1].split("## When")[0].matchAll(/^\| (`.+`) \|/gmu);
  for (const [, cell] of events)
    for (const [, event] of cell.matchAll(/`([\w-]+)`/gu)) assert.ok(sources.includes(`"${event}"`), event);
});
