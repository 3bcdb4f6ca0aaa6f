/* What the pages under docs/ show is run: each application with each of its clients (see support/blocks.mjs).
 *
 * SPDX-License-Identifier: MIT
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { until } from "../interop/support/wait.mjs";
import { blocks, cases, pages, parts, root, text, where } from "./support/blocks.mjs";
import { client, elsewhere, folder, printed, server, write } from "./support/programs.mjs";

const PROGRAMS = ["lua", "js", "html", "py", "sh"];
const STRICT = /^docs\/(clients|coming-from)\//u;

/* One server, one client: each prints what the page says. */
async function play(one, program, visitor) {
  const place = folder();
  const other = await elsewhere();
  const here = (text) => text.replaceAll("localhost:8080", `localhost:${other.port}`);
  try {
    for (const file of one.file) write(place.path, file.rest, here(file.text));
    const host = await server({ ...program, text: here(program.text) }, place.path).start();
    try {
      const log = one.log[0]?.text.trim().split("\n");
      const said = () => printed(host).length >= log.length;
      if (visitor) await client(visitor, { path: place.path, port: host.port, other, wanted: one.output[0]?.text, enough: log && said });
      if (log) {
        await until(said, `${where(program)} to print:\n${host.stdout}`);
        assert.deepEqual(printed(host), log, where(program));
      }
    } finally {
      await host.stop();
    }
  } finally {
    other.close();
    place.remove();
  }
}

/* operations.test.mjs has the rest. */
const played = (page) => cases(page).filter((one) => one.server.length + one.client.length && !one.proxy.length);

/* Mostly waiting, and each in a folder and on ports of its own: several at once. */
describe("cases", { concurrency: 4 }, () => {
  for (const page of pages()) {
    for (const one of played(page)) {
      const visitors = [...one.client, ...one.file.filter((file) => file.words.includes("open"))];
      for (const program of one.server)
        for (const visitor of visitors.length ? visitors : [null])
          test(`${page} ${one.name}: ${program.lang} server at line ${program.line}, ${visitor ? `${visitor.lang} client at line ${visitor.line}` : "alone"}`, async () => {
            await play(one, program, visitor);
          });
    }
    test(`${page}: every program is run, or says that it is not`, () => {
      for (const block of blocks(page).filter(({ lang }) => STRICT.test(page) && PROGRAMS.includes(lang)))
        assert.ok(block.words.includes("untested") || parts(block).length, `${where(block)} is not run`);
      for (const one of played(page)) {
        assert.ok(one.server.length, `${page}: the case ${one.name} has no server`);
        assert.ok(one.output.length <= 1 && one.log.length <= 1, `${page}: the case ${one.name} has several outputs`);
        assert.ok(one.output.length || one.log.length, `${page}: nobody looks at what ${one.name} does`);
      }
    });
  }
});

/* What is not run must at least be read without complaint. */
const binary = resolve(root, process.env.ATRIUM_BIN ?? "build/atrium");
const every = (lang) => pages().flatMap((page) => blocks(page)).filter((block) => block.lang === lang);

function atrium(t, ...args) {
  const place = folder();
  t.after(place.remove);
  return (name, text) => {
    const file = write(place.path, name, text);
    return spawnSync(binary, [...args, file], { cwd: place.path, encoding: "utf8", timeout: 60_000 });
  };
}

test("every block of Lua compiles", (t) => {
  const check = atrium(t, "config");
  const found = every("lua");
  assert.ok(found.length > 30);
  for (const block of found) {
    const done = check("block.lua", `do return end\n${block.text}`);
    assert.equal(done.status, 0, `${where(block)}: ${done.stderr}`);
  }
});

test("every block of YAML is a file of settings", (t) => {
  const check = atrium(t, "config", "--config");
  const found = every("yaml");
  assert.ok(found.length > 3);
  for (const block of found) {
    const done = check("atrium.yaml", block.text);
    assert.equal(done.status, 0, `${where(block)}: ${done.stderr}`);
  }
});

/* As GitHub makes them out of headings. */
function anchors(page) {
  const headings = text(page).replace(/^```[^]*?^```$/gmu, "").match(/^#+ .+$/gmu) ?? [];
  return headings.map((line) => line.replace(/^#+ /u, "").toLowerCase().replace(/[^\w\- ]/gu, "").replaceAll(" ", "-"));
}

test("every link of the pages leads somewhere", () => {
  for (const page of pages())
    for (const [, target] of text(page).replace(/^```[^]*?^```$/gmu, "").matchAll(/\]\(([^)\s]+)\)/gu)) {
      if (/^\w+:/u.test(target)) continue;
      const [file, anchor] = target.split("#");
      const there = file ? relative(root, resolve(root, page, "..", file)) : page;
      assert.ok(existsSync(join(root, there)), `${page}: there is no ${target}`);
      if (anchor) assert.ok(anchors(there).includes(anchor), `${page}: ${there} has no #${anchor}`);
    }
});
