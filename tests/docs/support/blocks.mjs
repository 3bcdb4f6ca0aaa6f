/* The fenced code blocks of docs/, and which of them belong together.
 *
 * The first word behind a fence is the language, for the eye; what follows is for the tests:
 *
 *   lua server=NAME    an application; js server=NAME the same one for Node
 *   js client=NAME     a client of it (also py, sh, and html: a page, with `elsewhere` one of another origin)
 *   html file=NAME:F   a file F that lies beside the application (any language)
 *   text output=NAME   what each client of NAME prints
 *   text log=NAME      what each server of NAME prints
 *   nginx proxy=NAME:P a configuration of the program P in front of NAME; unit=, image=: of systemd, of a container
 *   untested           shown only
 *
 * Blocks of one name make a case, whatever page or order.
 *
 * SPDX-License-Identifier: MIT
 */
import { readFileSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(fileURLToPath(import.meta.url), "../../../..");
const FENCE = /^```(\S*) *(.*)$/u;
const ROLES = ["server", "client", "file", "output", "log", "proxy", "unit", "image"];

/* Every page under docs/, and the README. */
export function pages() {
  const all = readdirSync(join(root, "docs"), { recursive: true }).filter((name) => name.endsWith(".md"));
  return ["README.md", ...all.map((name) => join("docs", name)).sort()];
}

export function text(page) {
  return readFileSync(join(root, page), "utf8");
}

/* { page, line, lang, words, text }: words are those behind the language, line is the fence's. */
export function blocks(page) {
  const found = [];
  let open = null;
  for (const [at, line] of text(page).split("\n").entries()) {
    const fence = line.match(FENCE);
    if (!open && fence) found.push((open = { page, line: at + 1, lang: fence[1], words: fence[2].split(/\s+/u).filter(Boolean), text: "" }));
    else if (line === "```") open = null;
    else if (open) open.text += `${line}\n`;
  }
  if (open) throw new Error(`${page}:${open.line}: the block does not end`);
  return found;
}

/* { role, name, rest } of each word that gives the block a part in a case. */
export function parts(block) {
  return block.words.filter((word) => word.includes("=")).map((word) => {
    const [, role, name, rest] = word.match(/^(\w+)=([\w.-]+)(?::(.+))?$/u) ?? [];
    if (!ROLES.includes(role)) throw new Error(`${block.page}:${block.line}: what is "${word}"?`);
    return { role, name, rest };
  });
}

/* The cases of one page: name, servers, clients, files, output, log. */
export function cases(page) {
  const all = new Map();
  for (const block of blocks(page))
    for (const { role, name, rest } of parts(block)) {
      if (!all.has(name)) all.set(name, { page, name, server: [], client: [], file: [], output: [], log: [], proxy: [], unit: [], image: [] });
      all.get(name)[role].push({ ...block, rest });
    }
  return [...all.values()];
}

export function where(block) {
  return `${relative(root, join(root, block.page))}:${block.line}`;
}
