// TLS: https and wss, certificates by name, of clients and renewed while running, and peers that do not speak it.
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer, connect as tcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect as tls } from "node:tls";
import { io } from "socket.io-client";
import { serve } from "./support/server.mjs";
import { once, sleep, until, within } from "./support/wait.mjs";

const folder = mkdtempSync(join(tmpdir(), "atrium-tls-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name) => join(folder, name);

function openssl(...args) {
  execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

/* name.crt and name.key, signed by the authority, or by itself. */
function certificate(name, { cn = name, authority = "ca", san = `DNS:${cn}` } = {}) {
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`, "-subj", `/CN=${cn}`, "-out", `${name}.csr`);
  writeFileSync(file("extensions"), `subjectAltName=${san}\n`);
  const signed = authority ? ["-CA", `${authority}.crt`, "-CAkey", `${authority}.key`, "-CAcreateserial"] : ["-signkey", `${name}.key`];
  openssl("x509", "-req", "-in", `${name}.csr`, ...signed, "-days", "2", "-extfile", "extensions", "-out", `${name}.crt`);
}

openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=Test authority");
certificate("server", { cn: "localhost" });
certificate("chat", { cn: "chat.test" });
certificate("star", { cn: "games", san: "DNS:*.games.test" });
certificate("ann");
certificate("eve", { authority: null });
const ca = readFileSync(file("ca.crt"));
const own = (name) => ({ cert: readFileSync(file(`${name}.crt`)), key: readFileSync(file(`${name}.key`)) });
const basic = ["--tls-cert", file("server.crt"), "--tls-key", file("server.key")];

/* A request on a connection of its own: { status, text, socket }. */
function get(url, options = {}) {
  return within(
    new Promise((done, fail) => {
      const r = request(url, { ca, agent: false, ...options }, (res) => {
        let text = "";
        res.setEncoding("utf8").on("data", (part) => (text += part)).on("end", () => done({ status: res.statusCode, text, socket: res.socket }));
      });
      r.on("error", fail).end();
    }),
    url,
  );
}

/* A TLS connection that has shaken hands; what the certificate says and what was agreed. */
async function handshake(server, options = {}) {
  const socket = tls({ port: server.port, host: "localhost", ca, servername: "localhost", ...options });
  await new Promise((done, fail) => socket.once("secureConnect", done).once("error", fail));
  const seen = { cn: socket.getPeerCertificate().subject.CN, serial: socket.getPeerCertificate().serialNumber, alpn: socket.alpnProtocol, version: socket.getProtocol() };
  socket.destroy();
  return seen;
}

async function client(t, server, options = {}) {
  const socket = io(server.url, { ca, forceNew: true, reconnection: false, ...options });
  t.after(() => socket.disconnect());
  await within(
    new Promise((done, fail) => {
      socket.once("connect", done);
      socket.once("connect_error", fail);
    }),
    "a connection",
  );
  return socket;
}

const ask = (socket, ...args) => within(new Promise((done) => socket.emit(...args, done)), args[0]);

describe("https and wss", async () => {
  const server = await serve("tls.lua", { flags: basic });

  test("a route is served, and knows", async () => {
    const answer = await get(`${server.url}/who`);
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text), { secure: true, clientCert: null });
  });

  for (const [name, transports] of Object.entries({ polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] }))
    test(`Socket.IO over TLS: ${name}`, async (t) => {
      const socket = await client(t, server, { transports });
      if (name === "upgrade" && socket.io.engine.transport.name !== "websocket") await once(socket.io.engine, "upgrade");
      const who = await ask(socket, "who");
      assert.equal(who.secure, true);
      assert.equal(who.clientCert, null);
      assert.deepEqual(who.allowed, { secure: true, clientCert: null });
      if (name !== "upgrade") assert.equal(who.transport, name);
      for (const n of [1, 1000, 16_383, 16_384, 16_385, 70_000, 900_000]) {
        const text = "x".repeat(n);
        assert.ok((await ask(socket, "echo", text)) === text, `${n} characters`);
      }
      const bytes = Buffer.alloc(100_000, 7);
      assert.ok(bytes.equals(await ask(socket, "echo", bytes)));
    });

  test("many messages both ways at once", async (t) => {
    const socket = await client(t, server, { transports: ["websocket"] });
    const all = await Promise.all(Array.from({ length: 2000 }, (_, i) => ask(socket, "echo", `${i}:${"y".repeat(i)}`)));
    all.forEach((text, i) => assert.ok(text.startsWith(`${i}:`)));
  });

  test("ALPN: http/1.1 is chosen, others alone are refused", async () => {
    assert.equal((await handshake(server, { ALPNProtocols: ["h2", "http/1.1"] })).alpn, "http/1.1");
    assert.equal((await handshake(server)).alpn, false);
    await assert.rejects(handshake(server, { ALPNProtocols: ["h2"] }), /no application protocol/u);
  });

  test("TLS 1.2 and 1.3 are spoken, older ones are not", async () => {
    assert.equal((await handshake(server)).version, "TLSv1.3");
    assert.equal((await handshake(server, { maxVersion: "TLSv1.2" })).version, "TLSv1.2");
    await assert.rejects(handshake(server, { minVersion: "TLSv1.1", maxVersion: "TLSv1.1" }));
  });

  test("sessions resume by ticket", async () => {
    const first = tls({ port: server.port, host: "localhost", ca, servername: "localhost" });
    const [session] = await once(first, "session");
    first.destroy();
    const second = tls({ port: server.port, host: "localhost", ca, servername: "localhost", session });
    await once(second, "secureConnect");
    assert.equal(second.isSessionReused(), true);
    second.destroy();
  });
});

describe("strangers", async () => {
  const server = await serve("tls.lua", { flags: [...basic, "--tls-handshake-timeout", "300"] });

  /* What comes until the server closes. */
  function say(bytes) {
    return within(
      new Promise((done) => {
        const socket = tcp(server.port, "localhost");
        const parts = [];
        socket.on("data", (part) => parts.push(part)).on("error", () => {}).on("close", () => done(Buffer.concat(parts)));
        if (bytes) socket.write(bytes);
      }),
      "the end",
    );
  }

  test("plain HTTP is told what is spoken here", async () => {
    const answer = (await say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")).toString();
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/u);
    assert.match(answer, /https:\/\//u);
  });

  test("garbage gets an alert, and the end", async () => {
    const answer = await say(Buffer.from("160301000501000000010000000000", "hex"));
    assert.equal(answer[0], 0x15);
    await say(Buffer.alloc(5000, 0xff));
  });

  test("a handshake that stands still is ended", async () => {
    assert.equal((await say("")).length, 0);
    assert.equal((await say(Buffer.from("1603010100", "hex"))).length, 0); /* a record that does not come */
  });

  test("a client that leaves in the middle leaves nothing behind", async () => {
    for (let i = 0; i < 20; i++) {
      const socket = tls({ port: server.port, host: "localhost", ca, servername: "localhost" });
      socket.on("error", () => {});
      await sleep(i);
      socket.destroy();
    }
    assert.equal((await get(`${server.url}/who`)).status, 200);
  });
});

describe("names", async () => {
  const sni = { "chat.test": { cert: file("chat.crt"), key: file("chat.key") }, "*.games.test": { cert: file("star.crt"), key: file("star.key") } };
  const server = await serve("tls.lua", { flags: [...basic, "--tls-sni", JSON.stringify(sni)] });

  test("the name that is asked for chooses the certificate", async () => {
    assert.equal((await handshake(server)).cn, "localhost");
    assert.equal((await handshake(server, { servername: "chat.test" })).cn, "chat.test");
    assert.equal((await handshake(server, { servername: "one.games.test" })).cn, "games");
    assert.equal((await handshake(server, { servername: "other.test", checkServerIdentity: () => {} })).cn, "localhost");
  });
});

describe("certificates of clients", async () => {
  const flags = (mode) => [...basic, "--tls-ca", file("ca.crt"), "--tls-client-cert", mode];
  const asking = await serve("tls.lua", { flags: flags("request") });
  const insisting = await serve("tls.lua", { flags: flags("require") });

  test("request: whoever shows one is named, everyone is let in", async (t) => {
    const who = async (options) => JSON.parse((await get(`${asking.url}/who`, options)).text).clientCert;
    assert.equal(await who(), null);
    assert.deepEqual(await who(own("ann")), { subject: "CN=ann", verified: true });
    assert.deepEqual(await who(own("eve")), { subject: "CN=eve", verified: false });
    for (const transports of [["polling"], ["websocket"]]) {
      const socket = await client(t, asking, { ...own("ann"), transports });
      assert.deepEqual((await ask(socket, "who")).clientCert, { subject: "CN=ann", verified: true });
      assert.deepEqual((await ask(socket, "who")).allowed.clientCert, { subject: "CN=ann", verified: true });
    }
  });

  test("require: no handshake without a good one", async (t) => {
    await assert.rejects(get(`${insisting.url}/who`));
    await assert.rejects(get(`${insisting.url}/who`, own("eve")));
    const socket = await client(t, insisting, { ...own("ann"), transports: ["websocket"] });
    assert.equal((await ask(socket, "who")).clientCert.verified, true);
  });
});

describe("renewal", async () => {
  function install(name) {
    for (const end of ["crt", "key"]) {
      copyFileSync(file(`${name}.${end}`), file(`live.${end}.new`));
      renameSync(file(`live.${end}.new`), file(`live.${end}`));
    }
  }
  install("server");
  certificate("renewed", { cn: "localhost" });
  const live = ["--tls-cert", file("live.crt"), "--tls-key", file("live.key")];

  for (const [how, interval] of [["SIGHUP", 0], ["changed files", 50]])
    test(`by ${how}: new handshakes see it, connections stay`, async (t) => {
      install("server");
      const server = await serve("tls.lua", { flags: [...live, "--tls-reload-interval", String(interval)] });
      const sockets = await Promise.all(Array.from({ length: 20 }, (_, i) => client(t, server, { transports: [i % 2 ? "polling" : "websocket"] })));
      let dropped = 0;
      for (const socket of sockets) socket.on("disconnect", () => dropped++);
      const before = (await handshake(server)).serial;
      install("renewed");
      if (!interval) process.kill(server.pid, "SIGHUP");
      await until(async () => (await handshake(server)).serial !== before, "the new certificate");
      for (const socket of sockets.filter((s) => s.io.engine.transport.name === "websocket")) assert.equal(await ask(socket, "echo", "still here"), "still here");
      for (const socket of sockets) assert.equal(await ask(socket, "echo", "all of us"), "all of us");
      assert.equal(dropped, 0);
      await server.stop();
    });

  test("what cannot be read changes nothing, and is told once", async () => {
    install("server");
    const server = await serve("tls.lua", { flags: [...live, "--tls-reload-interval", "30"] });
    const before = (await handshake(server)).serial;
    writeFileSync(file("live.crt"), "-----BEGIN CERT");
    await until(() => server.stderr.includes("tls-reload-failed"), "the complaint");
    await sleep(300);
    assert.equal(server.stderr.match(/tls-reload-failed/gu).length, 1);
    assert.equal((await handshake(server)).serial, before);
    install("renewed");
    await until(async () => (await handshake(server)).serial !== before, "the new certificate");
    await server.stop();
  });
});

test("with tlsPort both are spoken, each on its port", async (t) => {
  const probe = createServer().listen(0);
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  const server = await serve("tls.lua", { flags: [...basic, "--tls-port", String(port)] });
  assert.equal(server.scheme, "http");
  assert.deepEqual(JSON.parse(await (await fetch(`${server.url}/who`)).text()), { secure: false, clientCert: null });
  assert.equal(JSON.parse((await get(`https://localhost:${port}/who`)).text).secure, true);
  const socket = await client(t, { url: `https://localhost:${port}` }, { transports: ["websocket"] });
  assert.equal((await ask(socket, "who")).secure, true);
});

describe("mistakes are named at the start", () => {
  const binary = process.env.ATRIUM_BIN ?? "build/atrium";
  for (const [flags, says] of [
    [["--tls-cert", file("absent.crt")], /absent\.crt: No such file/u],
    [["--tls-cert", file("server.crt"), "--tls-key", file("ann.key")], /does not belong to/u],
    [["--tls-port", "1"], /"tlsPort" needs "tlsCert"/u],
    [["--tls-client-cert", "maybe"], /none, request or require/u],
    [["--tls-min-version", "1.1"], /must be 1\.2 or 1\.3/u],
    [["--tls-sni", '{"a":{"crt":"x"}}'], /has no member "crt"/u],
    [["--tls-sni", '{"a":{}}'], /must be an object with cert and key/u],
  ])
    test(flags.join(" ").replaceAll(folder, "."), () => {
      try {
        execFileSync(binary, ["run", join(import.meta.dirname, "apps/tls.lua"), "--port", "0", ...flags], { stdio: ["ignore", "pipe", "pipe"], timeout: 20_000 });
        assert.fail("it started");
      } catch (e) {
        assert.match(e.stderr?.toString() ?? String(e), says);
      }
    });
});
