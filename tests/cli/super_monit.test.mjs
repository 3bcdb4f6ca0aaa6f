// monit in a real terminal (a pseudo-terminal): what a person sees, types, and finds afterwards.
import assert from "node:assert/strict";
import { test } from "node:test";
import { alive, app, bin, connect, portOf, until, withSuper } from "../chaos/support/super.mjs";
import { terminal } from "./support/screen.mjs";

const restored = { alternate: false, cursor: true, echo: true, canonical: true };

async function see(term, what, fits) {
  let seen;
  return until(() => `${what}:\n${seen?.text}`, async () => {
    seen = await term.screen();
    return fits(seen) && seen;
  });
}

test("processes with their figures, the logs of the selected one, a reload, another size", withSuper(async (s, t) => {
  s.write("chat.lua", `${app}\nprint("\\27[31mred\\27[0m \\9tab \\7 bell 漢字 " .. ("long "):rep(100))`);
  s.write("noise.py", "import sys, time\nfor i in range(100): print('noise', i, flush=True)\nprint('trouble ahead', file=sys.stderr, flush=True)\ntime.sleep(1000)");
  await s.ok(["start", "chat.lua", "-i", "2", "--port", "0"]);
  await s.ok(["start", "noise.py"]);
  const port = await portOf(s, "chat");
  await connect(t, `http://localhost:${port}`);
  const term = terminal(t, 110, 34, [bin, "monit"], { env: s.env });
  let seen = await see(term, "the list with a connection", (x) => /3 of 3 online, 1 connections/.test(x.text));
  assert.equal(seen.alternate, true);
  assert.equal(seen.cursor, false);
  assert.equal(seen.echo, false);
  assert.match(seen.text, /^ id\s+name\s+mode\s+inst\s+status\s+cpu\s+mem\s+conns\s+lag\s+↺\s+uptime$/m);
  assert.match(seen.text, /^ 0\s+chat\s+cluster\s+0\s+online\s+\d+\.\d%\s+\d+\.\dmb\s+[01]\s+\d+ms\s+0\s+\d+s$/m);
  assert.match(seen.text, /^ 2\s+noise\s+fork\s+0\s+online/m);
  assert.match(seen.text, /^── chat 0 ─+$/m);
  const pid = (await s.of("chat"))[0].pid;
  assert.match(seen.text, new RegExp(`^ pid ${pid} +namespace default$`, "m"));
  assert.match(seen.text, /^ script .*\/chat\.lua +by atrium$/m);
  assert.match(seen.text, /^── logs of chat 0 ─+$/m);
  assert.match(seen.text, /^red {5}tab {2}bell 漢字 long long/m);
  assert.match(seen.text, /^ q quit .* r reload/m);
  assert.ok(seen.lines.every((l) => [...l].length <= 110));
  // Keys: down to the Python program, whose last lines and errors are seen then.
  term.keys("j");
  term.keys("\\e[B");
  seen = await see(term, "the logs of noise", (x) => /^── logs of noise 0/m.test(x.text));
  assert.match(seen.text, /^noise 99\ntrouble ahead$/m);
  term.keys("k");
  await see(term, "chat 1", (x) => /^── logs of chat 1/m.test(x.text));
  // r: the application is reloaded while the view goes on.
  term.keys("r");
  await see(term, "it was reloaded", (x) => /chat was reloaded/.test(x.text));
  seen = await see(term, "counted", (x) => /^ restarts: 0 crashes, .* 1 reloads/m.test(x.text));
  assert.ok(!alive(pid));
  // A smaller window, a larger one.
  term.size(60, 12);
  seen = await see(term, "a small screen", (x) => x.lines.length === 12 && /^ q quit/.test(x.lines[11]) && /^── logs of chat 1/m.test(x.text));
  assert.ok(seen.lines.every((l) => [...l].length <= 60));
  term.size(10, 3);
  await see(term, "a tiny screen", (x) => /^Atrium/.test(x.lines[0]) && /^ q quit/.test(x.lines[2]));
  term.size(120, 40);
  await see(term, "a large screen", (x) => /^ restarts/m.test(x.text) && /^ q quit/.test(x.lines[39]));
  term.keys("q");
  seen = await see(term, "the end", (x) => x.status !== null);
  assert.equal(seen.status, 0);
  assert.deepEqual({ ...restored, ...seen, lines: 0, text: 0, status: 0 }, { ...restored, lines: 0, text: 0, status: 0 });
}));

test("the terminal is as it was after signals; a failed reload is told; without a supervisor, without a terminal", withSuper(async (s, t) => {
  s.write("chat.lua", app);
  await s.ok(["start", "chat.lua", "--port", "0"]);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    const term = terminal(t, 80, 24, [bin, "monit"], { env: s.env });
    await see(term, "the view", (x) => /1 of 1 online/.test(x.text));
    if (signal === "SIGINT") term.keys("\x03"); // Control-C
    else term.signal(signal);
    const seen = await see(term, "the end", (x) => x.status !== null);
    assert.equal(seen.status, { SIGTERM: -15, SIGINT: -2, SIGHUP: -1 }[signal]);
    for (const [k, v] of Object.entries(restored)) assert.equal(seen[k], v, `${signal} ${k}`);
  }
  // In a shell with job control: Control-Z stops it, fg brings it back.
  const shell = terminal(t, 80, 24, ["bash", "--norc", "--noprofile", "--noediting", "-i"], { env: { ...s.env, TERM: "dumb" } });
  await see(shell, "a prompt", (x) => /^bash\S*[#$]/m.test(x.text));
  shell.keys(`${bin} monit\r`);
  await see(shell, "the view", (x) => /1 of 1 online/.test(x.text));
  shell.keys("\x1a");
  await see(shell, "stopped", (x) => /Stopped/.test(x.text) && !x.alternate && x.cursor);
  shell.keys("fg\r");
  await see(shell, "the view again", (x) => /1 of 1 online/.test(x.text) && x.alternate && !x.echo);
  shell.keys("q");
  await see(shell, "a prompt again", (x) => /^bash\S*[#$]/m.test(x.text) && !x.alternate);
  shell.keys("exit\r");
  await see(shell, "the shell's end", (x) => x.status === 0);
  const term = terminal(t, 100, 24, [bin, "monit"], { env: s.env });
  await see(term, "the view", (x) => /1 of 1 online/.test(x.text));
  term.keys("\x1a"); // nobody could continue it
  await see(term, "the view", (x) => /1 of 1 online/.test(x.text) && x.alternate && !x.echo);
  s.write("chat.lua", "error('broken')");
  term.keys("r");
  await see(term, "the failure", (x) => /^ q quit {2}chat 0: the new process exited with code 1 before it was ready; the old one goes on/.test(x.lines.at(-1)));
  await s.ok(["kill"]);
  await see(term, "an empty list", (x) => /0 of 0 online/.test(x.text) && /nothing runs: atrium start FILE/.test(x.text));
  term.keys("q");
  assert.equal((await see(term, "the end", (x) => x.status !== null)).status, 0);
  await s.fails(["monit"], /monit needs a terminal; "atrium list"/);
}));
