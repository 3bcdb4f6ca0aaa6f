// Starting the program: what people mistype prints one clear sentence and exits non-zero; settings come from
// flag, environment, file and script, in that order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const bin = path.resolve(process.env.ATRIUM_BIN ?? "build/atrium");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "atrium-cli-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

function write(name, text) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}
const empty = write("empty.lua", "");

// Runs a command that must end by itself.
function run(args, env = {}) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([k]) => !/^(ATRIUM_|PORT$)/.test(k)));
  return spawnSync(bin, args, { cwd: folder, env: { ...clean, ...env }, encoding: "utf8", timeout: 20000 });
}

// One sentence on stderr, status 1 (2 for a wrong command line).
function fails(args, says, status = 1, env = {}) {
  const done = run(args, env);
  assert.equal(done.status, status, done.stderr);
  assert.match(done.stderr, says);
  if (status === 1) assert.equal(done.stderr.trim().split("\n").length, 1, done.stderr);
  assert.equal(done.stdout, "");
}

function settings(args, env) {
  const done = run(["config", ...args], env);
  assert.equal(done.status, 0, done.stderr);
  return Object.fromEntries(done.stdout.trim().split("\n").map((line) => {
    const [name, value, source] = line.trim().split(/\s{1,}(?=\S+$)|(?<=^\S+)\s+/);
    return [name, { value: value.trim(), source }];
  }));
}

test("a port that is taken is named", async () => {
  const server = net.createServer().listen(0);
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  fails(["run", empty, "--port", String(port)], new RegExp(`${port}.*in use`));
  server.close();
});

test("a script that cannot be read is named", () => fails(["run", "nowhere.lua"], /nowhere\.lua/));
test("no script", () => fails(["run"], /which script/));
test("two scripts", () => fails(["run", empty, "other.lua"], /one script at a time/));
test("a script with a syntax error names file and line", () => {
  fails(["run", write("bad.lua", "local x = 1\nlocal y = = 2\n")], /bad\.lua:2/);
});
test("a script that raises names file and line", () => {
  fails(["run", write("raise.lua", "\n\nerror('no database')\n")], /raise\.lua:3: no database/);
});
test("an unknown flag suggests the nearest", () => fails(["run", empty, "--ping-intervall", "5"], /did you mean "pingInterval"/));
test("a flag without a value", () => fails(["run", empty, "--port"], /--port needs a value/));
test("a value out of range", () => fails(["run", empty, "--port", "99999"], /"port" must be between 0 and 65535/));
test("a value of the wrong type", () => fails(["run", empty, "--port", "http"], /"port".*not.*/));
test("a host that is no address", () => fails(["run", empty, "--port", "0", "--host", "256.1.1.1"], /256\.1\.1\.1/));
test("capitals in a row are one word of an environment variable", () => {
  assert.deepEqual(settings([], { ATRIUM_ALLOW_EIO3: "true" }).allowEIO3, { value: "true", source: "environment" });
});
test("an environment variable is named", () => fails(["run", empty], /ATRIUM_PING_TIMEOUT.*whole number/, 1, { ATRIUM_PING_TIMEOUT: "\"x\"" }));
test("a script's unknown setting names the nearest", () => {
  fails(["run", write("set.lua", "require('atrium').io:configure{ pingTimeoutt = 5 }\n")], /set\.lua:1.*did you mean "pingTimeout"/);
});

test("a config file: unknown setting with line and nearest name", () => {
  fails(["run", empty, "--config", write("a.yaml", "port: 0\nping_interval: 5\n")], /a\.yaml:2.*did you mean "pingInterval"/);
});
test("a config file: bad YAML", () => fails(["run", empty, "--config", write("b.yaml", "port: [1\n")], /b\.yaml:\d/));
test("a config file: a list", () => fails(["run", empty, "--config", write("c.yaml", "- port\n")], /c\.yaml:1.*mapping/));
test("a config file: a key twice", () => fails(["run", empty, "--config", write("d.yaml", "port: 1\nport: 2\n")], /d\.yaml:2.*twice/));
test("a config file: keys of later versions are refused", () => {
  for (const key of ["servers", "bus"])
    fails(["run", empty, "--config", write("e.yaml", `${key}: []\n`)], new RegExp(`e\\.yaml:1.*"${key}" is not supported`));
});
test("a config file that is not there", () => fails(["run", empty, "--config", "gone.yaml"], /gone\.yaml/));

test("an unknown command prints the usage", () => fails(["frobnicate"], /unknown command "frobnicate"[^]*Usage/, 2));
test("no command prints the usage", () => fails([], /Usage/, 2));
test("version and help", () => {
  assert.match(run(["--version"]).stdout, /^atrium \d+\.\d+\.\d+\n$/);
  assert.match(run(["help"]).stdout, /atrium run/);
});

test("config prints each value with its source, by rank", () => {
  const script = write("conf.lua", "require('atrium').io:configure{ pingInterval=1000, pingTimeout=1000, upgradeTimeout=1000, connectTimeout=1000 }\n");
  const file = write("conf.yaml", "pingInterval: 2000\npingTimeout: 2000\nupgradeTimeout: 2000\ncors: { origin: [http://a, http://b] }\n");
  const got = settings([script, "--config", file, "--ping-interval=4000"], { ATRIUM_PING_INTERVAL: "3000", ATRIUM_PING_TIMEOUT: "3000", PORT: "8123" });
  assert.deepEqual(got.pingInterval, { value: "4000", source: "flag" });
  assert.deepEqual(got.pingTimeout, { value: "3000", source: "environment" });
  assert.deepEqual(got.upgradeTimeout, { value: "2000", source: "file" });
  assert.deepEqual(got.connectTimeout, { value: "1000", source: "script" });
  assert.deepEqual(got.maxHttpBufferSize, { value: "1000000", source: "default" });
  assert.deepEqual(got.port, { value: "8123", source: "environment" });
  assert.deepEqual(got.cors, { value: '{"origin":["http://a","http://b"]}', source: "file" });
});

test("atrium.yaml in the folder is read without being named", () => {
  const file = write("atrium.yaml", "pingInterval: 777\n");
  assert.deepEqual(settings([]).pingInterval, { value: "777", source: "file" });
  fs.unlinkSync(file);
});

test("SIGTERM ends a server with status 0, and the port it printed answered", async () => {
  const child = spawn(bin, ["run", empty, "--port", "0"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((done) => child.stdout.once("data", (d) => done(String(d))));
  const url = line.match(/http:\/\/localhost:\d+/)[0];
  const answer = await fetch(`${url}/healthz`);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { status: "ok" });
  child.kill("SIGTERM");
  assert.equal(await new Promise((done) => child.once("exit", (code) => done(code))), 0);
});

test("docs/settings.md is what the table says", () => {
  assert.equal(fs.readFileSync("docs/settings.md", "utf8"), run(["config", "--markdown"]).stdout, "run `make docs`");
});

test("limits per second and trusted proxies that are none", () => {
  const config = (flag, value) => ["config", `--${flag}`, value];
  fails(config("rate-limit", "true"), /"rateLimit" must be false or an object/);
  fails(config("rate-limit", '{"connects":1}'), /"rateLimit" has no member "connects"/);
  fails(config("rate-limit", '{"messages":0}'), /"messages" must be a whole number from 1 to 1000000000/);
  fails(config("address-rate-limit", '{"burst":3601}'), /"burst" must be a whole number from 1 to 3600/);
  fails(config("trust-proxy", "10.0.0.1/8"), /"10\.0\.0\.1\/8" is no address/);
  fails(config("trust-proxy", "10.0.0.1, everyone"), /"everyone" is no address/);
  fails(config("trust-proxy", "true"), /trustProxy/);
  for (const good of ["10.0.0.0/8, ::1", '["10.0.0.0/8"]', ""]) assert.equal(run(config("trust-proxy", good)).status, 0, good);
});
