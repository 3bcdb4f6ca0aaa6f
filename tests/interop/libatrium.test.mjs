/* libatrium as its users have it: `make install` into a folder of its own, programs compiled with what
 * pkg-config says and nothing else, driven by socket.io-client.
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { once, until, within } from "./support/wait.mjs";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const build = resolve(root, process.env.ATRIUM_BUILD ?? "build");
const folder = mkdtempSync(join(tmpdir(), "libatrium-"));
const dest = join(folder, "dest");
after(() => rmSync(folder, { recursive: true, force: true }));

/* A build with sanitizers makes a library that needs their runtime first: programs are linked alike. */
const options = Object.fromEntries(
  JSON.parse(readFileSync(join(build, "meson-info/intro-buildoptions.json"), "utf8")).map((o) => [o.name, o.value]),
);
const compiler = options.b_sanitize === "none" ? ["cc"] : ["clang", `-fsanitize=${options.b_sanitize}`];
const strict = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

execFileSync("make", ["-s", "install", `BUILD=${build}`, `PREFIX=${options.prefix}`, `DESTDIR=${dest}`], { cwd: root });
const prefix = join(dest, options.prefix);
const env = { ...process.env, PKG_CONFIG_PATH: join(prefix, options.libdir, "pkgconfig"), LD_LIBRARY_PATH: join(prefix, options.libdir) };

function pkgConfig(...args) {
  return execFileSync("pkg-config", [...args, "atrium"], { env, encoding: "utf8" }).trim().split(/\s+/u);
}

function compile(out, source, ...flags) {
  const done = spawnSync(compiler[0], [...compiler.slice(1), ...strict, "-o", join(folder, out), source, ...flags], { env, encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  return join(folder, out);
}

function source(name, text) {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/* Starts a program that prints its URL; it must end with status 0 when it is told to. */
async function start(t, file, args, extra = {}) {
  const child = spawn(file, args, { cwd: folder, env: { ...env, ...extra }, stdio: ["ignore", "pipe", "pipe"] });
  const program = { stdout: "", stderr: "", url: "" };
  const ended = new Promise((done) => child.once("close", (code, signal) => done(signal ?? code)));
  child.stderr.on("data", (text) => (program.stderr += text));
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => (program.stdout += `${line}\n`));
  program.stop = async () => {
    child.kill("SIGTERM");
    assert.equal(await within(ended, "its end"), 0, program.stderr);
    assert.doesNotMatch(program.stderr, /Sanitizer|runtime error/u);
  };
  t.after(async () => {
    if (child.exitCode === null) child.kill("SIGKILL");
    await ended;
  });
  program.url = await within(
    Promise.race([
      new Promise((found) => lines.on("line", (line) => /http:\/\/localhost:\d+/u.test(line) && found(line.match(/http:\/\/localhost:\d+/u)[0]))),
      ended.then((code) => assert.fail(`ended with ${code}\n${program.stderr}`)),
    ]),
    "its URL",
  );
  return program;
}

async function client(t, url, auth = {}, options = {}) {
  const socket = io(url, { auth, forceNew: true, reconnection: false, ...options });
  socket.messages = [];
  socket.on("chat message", (...args) => socket.messages.push(args));
  t.after(() => socket.disconnect());
  await once(socket, "connect");
  return socket;
}

function say(socket, ...args) {
  return within(socket.emitWithAck("chat message", ...args), "an answer");
}

test("what is installed", () => {
  const lib = join(prefix, options.libdir);
  for (const file of ["libatrium.so", "libatrium.so.0", "libatrium.a", "pkgconfig/atrium.pc"]) assert.ok(existsSync(join(lib, file)), file);
  assert.deepEqual(
    readdirSync(join(prefix, "include/atrium")).sort(),
    readdirSync(join(root, "include/atrium")).filter((name) => name.endsWith(".h")).sort(),
  );
  assert.ok(existsSync(join(prefix, "bin/atrium")));
  assert.ok(existsSync(join(prefix, "share/man/man1/atrium.1")));
  assert.ok(existsSync(join(prefix, "share/atrium/client/socket.io.js")));
  assert.deepEqual(pkgConfig("--libs").filter((flag) => flag.startsWith("-l")), ["-latrium"]);
  assert.match(execFileSync("pkg-config", ["--modversion", "atrium"], { env, encoding: "utf8" }), /^\d+\.\d+\.\d+\n$/u);
});

/* The tutorial's chat, once with each library. */
for (const kind of ["shared", "static"]) {
  const link = () =>
    kind === "shared"
      ? pkgConfig("--cflags", "--libs")
      : [...pkgConfig("--cflags"), join(prefix, options.libdir, "libatrium.a"), ...pkgConfig("--static", "--libs").filter((flag) => flag !== "-latrium")];
  const chat = async (t, database) => {
    const file = compile(`chat-${kind}`, join(root, "examples/chat.c"), ...link());
    return start(t, file, ["0", join(folder, database), join(root, "examples/page")], { ATRIUM_CLIENT_DIR: join(prefix, "share/atrium/client") });
  };

  test(`chat.c, ${kind}: a page, the client, rooms, acknowledgements, history without gap or repeat`, async (t) => {
    const server = await chat(t, `${kind}.db`);
    assert.match(await (await fetch(`${server.url}/`)).text(), /socket\.io\.js/u);
    assert.equal((await fetch(`${server.url}/socket.io/socket.io.js`)).status, 200);

    const ann = await client(t, server.url);
    const bob = await client(t, server.url, { room: "lobby" }, { transports: ["polling"] });
    const eve = await client(t, server.url, { room: "elsewhere" });
    await say(ann, "hello \"you\" \u{1f600}", "ann-1");
    await until(() => ann.messages.length === 1 && bob.messages.length === 1, "the message");
    assert.deepEqual(ann.messages, [["hello \"you\" \u{1f600}", 1]]);
    assert.deepEqual(bob.messages, ann.messages);

    await say(ann, "hello \"you\" \u{1f600}", "ann-1"); /* a repeat is answered, and that is all */
    await say(eve, "alone", "eve-1");
    await say(bob, "second", "bob-1");
    await until(() => ann.messages.length === 2, "the second message");
    assert.equal(ann.messages[1][0], "second");
    assert.deepEqual(eve.messages.map(([text]) => text), ["alone"]);

    const late = await client(t, server.url, { serverOffset: ann.messages[0][1] });
    await until(() => late.messages.length === 1, "what was missed");
    assert.deepEqual(late.messages, [ann.messages[1]]);

    bob.emit("chat message", { not: "text" }, "bob-2"); /* not understood: nobody hears of it */
    bob.emit("chat message", "no offset");
    await say(bob, "third", "bob-3");
    await until(() => late.messages.length === 2 && ann.messages.length === 3, "the third message");
    assert.deepEqual(late.messages[1], ann.messages[2]);
    await server.stop();
    assert.equal(server.stderr.replace(/^info closing.*\n/u, ""), "");

    const again = await chat(t, `${kind}.db`); /* the history outlives the server */
    const back = await client(t, again.url);
    await until(() => back.messages.length === 3, "the history");
    assert.deepEqual(back.messages, ann.messages);
    await again.stop();
  });
}

test("the shared library finds the browser client beside itself", async (t) => {
  const file = compile("chat-beside", join(root, "examples/chat.c"), ...pkgConfig("--cflags", "--libs"));
  const server = await start(t, file, ["0", ":memory:", join(root, "examples/page")]);
  assert.equal((await fetch(`${server.url}/socket.io/socket.io.min.js`)).status, 200);
  await server.stop();
});

/* --- atrium run app.so --- */
const atrium = join(prefix, "bin/atrium");

function object(name, text, ...flags) {
  return compile(`${name}.so`, source(`${name}.c`, text), "-shared", "-fPIC", ...pkgConfig("--cflags"), ...flags);
}

const ECHO = `#include <atrium/atrium.h>
#include <stdio.h>
ATR_MODULE;
static void on_echo(void *user, atr_socket *s, const atr_event *e)
{
    atr_data reply = { .json = ATR_STR("[\\"echoed\\"]") };
    (void)user;
    atr_socket_emit(s, &e->data, 0);
    if (e->ack >= 0)
        atr_socket_ack(s, e->ack, &reply);
}
static void on_listening(void *app) { printf("module: %s\\n", atr_app_url(app)), fflush(stdout); }
static void on_free(void *user) { (void)user, printf("freed\\n"), fflush(stdout); }
int atr_main(atr_app *app, char *why)
{
    atr_app_on_listening(app, on_listening, app);
    atr_app_on_free(app, on_free, NULL);
    atr_namespace_on(atr_io_of(atr_app_io(app), ATR_STR("/")), ATR_STR("echo"), on_echo, NULL);
    return atr_app_set(app, ATR_STR("pingInterval"), ATR_STR("1234"), ATR_SCRIPT, why);
}
`;

for (const [kind, flags] of [["alone", () => []], ["linked with libatrium", () => pkgConfig("--libs")]]) {
  test(`a shared object, ${kind}, is an application`, async (t) => {
    const app = object("echo", ECHO, ...flags());
    const server = await start(t, atrium, ["run", app, "--port", "0"]);
    const socket = await client(t, server.url, {}, { transports: ["websocket"] });
    const echo = once(socket, "echo");
    assert.equal(await within(socket.emitWithAck("echo", 1, Buffer.from([0, 255])), "an answer"), "echoed");
    assert.deepEqual(await echo, [1, Buffer.from([0, 255])]);
    await until(() => server.stdout.includes(`module: ${server.url}`), "the module's line");
    await server.stop();
    assert.match(server.stdout, /^freed$/mu);
    const config = execFileSync(atrium, ["config", app], { env, encoding: "utf8" });
    assert.match(config, /pingInterval +1234 +script/u);
  });
}

function refused(file, says) {
  const done = spawnSync(atrium, ["run", file, "--port", "0"], { cwd: folder, env, encoding: "utf8", timeout: 20_000 });
  assert.equal(done.status, 1, done.stderr);
  assert.match(done.stderr, says);
  assert.equal(done.stderr.trim().split("\n").length, 1, done.stderr);
}

test("objects that are no application are refused with their reason", () => {
  const main = "int atr_main(atr_app *app, char *why) { (void)app; ";
  const header = "#include <atrium/atrium.h>\n#include <stdio.h>\n";
  refused(object("stranger", "int x;\n"), /stranger\.so is no Atrium application.*"atr_module_abi".*ATR_MODULE/u);
  refused(object("mainless", `${header}ATR_MODULE;\n`), /mainless\.so has no function atr_main/u);
  refused(object("old", `const unsigned atr_module_abi = 4711;\n${header}${main} (void)why; return 0; }\n`), /old\.so was compiled for ABI 4711.*ABI 0/u);
  refused(object("needy", `${header}ATR_MODULE;\nvoid atr_not_yet(void);\n${main} (void)why; atr_not_yet(); return 0; }\n`), /needy\.so.*undefined symbol: atr_not_yet/u);
  refused(object("worded", `${header}ATR_MODULE;\n${main} snprintf(why, ATR_WHY_BYTES, "no database"); return -1; }\n`), /worded\.so: no database/u);
  refused(object("terse", `${header}ATR_MODULE;\n${main} (void)why; return ATR_ETIMEOUT; }\n`), /terse\.so: operation has timed out/u);
  refused(object("typo", `${header}ATR_MODULE;\n${main} return atr_app_set(app, ATR_STR("pingIntervall"), ATR_STR("1"), ATR_SCRIPT, why); }\n`), /typo\.so.*did you mean "pingInterval"/u);
  refused(source("text.so", "not an object\n"), /cannot load .*text\.so/u);
  refused("nowhere.so", /cannot load nowhere\.so/u);
});

test("the first program of docs/c-api.md compiles, and says what the page says", async (t) => {
  const page = readFileSync(join(root, "docs/c-api.md"), "utf8");
  const text = page.match(/```c\n(#include[^]*?)```/u)[1];
  assert.ok(text.trim().split("\n").length <= 25);
  const server = await start(t, compile("first", source("first.c", text), ...pkgConfig("--cflags", "--libs")), []);
  const socket = await client(t, server.url);
  socket.emit("chat message", "to everyone");
  await until(() => socket.messages.length === 1, "the message");
  assert.deepEqual(socket.messages, [["to everyone"]]);
  await server.stop();
});
