// `atrium bench` against a server of ours: every scenario counts, and failures are told.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { execFile, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const bin = path.resolve(process.env.ATRIUM_BIN ?? "build/atrium");
let server, url;

before(async () => {
  server = spawn(bin, ["run", "bench/apps/bench.lua", "--port", "0", "--host", "127.0.0.1"], { stdio: ["ignore", "pipe", "inherit"] });
  url = await new Promise((done) => server.stdout.once("data", (d) => done(/http(:\/\/\S+)/.exec(d)[1])));
  url = `ws${url}`;
});
after(() => server.kill());

function bench(...args) {
  return new Promise((done) =>
    execFile(bin, ["bench", ...args], { timeout: 60000 }, (error, stdout, stderr) => done({ status: error?.code ?? 0, stdout, stderr })));
}

async function measure(scenario, ...args) {
  const got = await bench(scenario, url, "--warmup", "50", "--duration", "300", "--pid", String(server.pid), "--json", ...args);
  assert.equal(got.status, 0, got.stderr);
  const report = JSON.parse(got.stdout);
  assert.equal(report.error, null);
  assert.equal(report.errors, 0);
  assert.ok(report.server.privateBytes > 0);
  return report;
}

for (const protocol of ["socketio", "engine"])
  test(`echo over ${protocol}, several in flight`, async () => {
    const r = await measure("echo", "--protocol", protocol, "--connections", "5", "--in-flight", "3", "--size", "200");
    assert.ok(r.messages > 15 && r.messagesPerSecond > 0 && r.server.cpuSeconds > 0);
    const { p50, p90, p99, max } = r.latencyUs;
    assert.ok(p50 > 0 && p50 <= p90 && p90 <= p99 && p99 <= max);
  });

test("broadcast counts deliveries", async () => {
  const r = await measure("broadcast", "--connections", "20", "--in-flight", "4");
  assert.ok(r.messages >= 20, String(r.messages));
});

test("all: everyone hears everyone", async () => {
  const r = await measure("all", "--connections", "10", "--in-flight", "2");
  assert.ok(r.messages >= 100, String(r.messages));
  assert.ok(r.latencyUs.p50 > 0);
});

test("over TLS, whatever the certificate", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-bench-"));
  const pem = path.join(folder, "both.pem");
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pem, "-out", `${pem}.crt`,
    "-days", "2", "-subj", "/CN=somebody.example"], { stdio: "ignore" });
  fs.appendFileSync(pem, fs.readFileSync(`${pem}.crt`));
  const secure = spawn(bin, ["run", "bench/apps/bench.lua", "--port", "0", "--host", "127.0.0.1", "--tls-cert", pem], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const at = await new Promise((done) => secure.stdout.once("data", (d) => done(/https(:\/\/\S+)/.exec(d)[1])));
    const got = await bench("echo", `wss${at}`, "--warmup", "50", "--duration", "300", "--connections", "5", "--json");
    assert.equal(got.status, 0, got.stderr);
    assert.ok(JSON.parse(got.stdout).messages > 5);
  } finally {
    secure.kill();
    fs.rmSync(folder, { recursive: true });
  }
});

test("broadcast with some who do not read: the others get everything", async () => {
  const r = await measure("broadcast", "--connections", "20", "--in-flight", "4", "--stalled", "10");
  assert.equal(r.stalled, 2);
  assert.ok(r.messages >= 18, String(r.messages));
});

test("echo with pauses: fewer messages, and nobody is left without an answer", async () => {
  const r = await measure("echo", "--connections", "30", "--think", "100");
  assert.equal(r.stuck, 0);
  assert.ok(r.messages >= 30 && r.messages <= 30 * 5, String(r.messages));
  const wrong = await bench("broadcast", url, "--think", "100");
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--think goes with the scenario echo/);
});

test("idle holds connections", async () => {
  const r = await measure("idle", "--connections", "200");
  assert.equal(r.messages, 0);
  assert.ok(r.server.privateBytesPerConnection < 100000);
});

test("connect opens and closes over and over", async () => {
  const r = await measure("connect", "--connections", "5");
  assert.ok(r.messages > 5);
});

test("text and progress", async () => {
  const got = await bench("echo", url, "--warmup", "0", "--duration", "1200", "--connections", "2", "--progress");
  assert.equal(got.status, 0, got.stderr);
  assert.match(got.stdout, /messages in 1\.\d\d s: \d+ per second/);
  assert.match(got.stderr, /counting +2 connections, \d+ messages\/s/);
});

test("a server that is not there, and one that speaks no WebSocket there", async () => {
  const gone = await bench("echo", "ws://127.0.0.1:1", "--connections", "1");
  assert.equal(gone.status, 1);
  assert.match(gone.stderr, /connection 0 to 127\.0\.0\.1:1: /);
  const wrong = await bench("echo", `${url}/nothing`, "--connections", "1", "--json");
  assert.equal(wrong.status, 1);
  assert.match(JSON.parse(wrong.stdout).error, /connection 0 was lost/);
  assert.equal((await bench("dance", url)).status, 2);
});
