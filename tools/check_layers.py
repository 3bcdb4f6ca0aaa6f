#!/usr/bin/env python3
"""tools/check_layers.py ROOT - the dependency table of ARCHITECTURE.md, enforced.

Reads the table's rows `| folder | holds | may use |`, then every #include "..." of the sources: a folder
may include itself and what its row names, nothing else. Third-party headers belong to one layer each (the
table's second half). Prints each offence with file and line; exits 1 when there is any.
"""
import pathlib
import re
import sys

ROW = re.compile(r"^\|\s*`?([\w/]+)`?\s*\|[^|]*\|\s*([^|]*?)\s*\|\s*$")
LIBRARY_ROW = re.compile(r"^\|\s*`<([^>]+)>`\s*\|\s*`?([\w/]+)`?\s*\|\s*$")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def read_table(text):
    """Returns {folder: set of folders} and {third-party header: folder}."""
    allowed, libraries = {}, {}
    for line in text.splitlines():
        if m := LIBRARY_ROW.match(line):
            libraries[m[1]] = m[2]
        elif (m := ROW.match(line)) and ("/" in m[1]):
            allowed[m[1]] = set(re.findall(r"[\w/]+", m[2])) - {"all", "above", "libc"}
            if re.search(r"\ball\b", m[2]):
                allowed[m[1]] = None
    return allowed, libraries


def layer_of(path):
    parts = path.parts
    return "/".join(parts[:2]) if len(parts) > 1 else parts[0]


def name_of(folder):
    """How others include the folder: src/base is base, include/atrium is atrium."""
    return folder.split("/")[-1]


def check(root, allowed, libraries):
    offences = []
    by_name = {name_of(f): f for f in allowed if not f.startswith("cmd/")}
    files = sorted(p for top in ("src", "include", "cmd") for p in (root / top).rglob("*.[ch]"))
    for path in files:
        folder = layer_of(path.relative_to(root))
        where = path.relative_to(root)
        if folder not in allowed:
            offences.append(f"{where}: {folder} has no row in ARCHITECTURE.md")
            continue
        uses = allowed[folder]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = INCLUDE.match(line)
            if not m:
                continue
            if m[1] == "<":
                owner = libraries.get(m[2])
                if owner and owner != folder:
                    offences.append(f"{where}:{number}: <{m[2]}> belongs to {owner}")
                continue
            target = by_name.get(m[2].split("/")[0])
            if "/" not in m[2] or target is None:
                offences.append(f'{where}:{number}: "{m[2]}" names no layer')
            elif target != folder and uses is not None and name_of(target) not in uses:
                if not (m[2] == "atrium/error.h" and folder == "src/base"):
                    offences.append(f"{where}:{number}: {folder} may not use {target} ({m[2]})")
    return offences, len(files)


def main():
    root = pathlib.Path(sys.argv[1])
    allowed, libraries = read_table((root / "ARCHITECTURE.md").read_text())
    if len(allowed) < 5:
        sys.exit("ARCHITECTURE.md has no dependency table")
    offences, count = check(root, allowed, libraries)
    print("\n".join(offences) or f"{count} files, no upward include")
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
