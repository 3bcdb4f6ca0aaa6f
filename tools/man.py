#!/usr/bin/env python3
"""tools/man.py MARKDOWN PAGE [--check] - writes the list of settings into the manual page.

MARKDOWN is the table that `atrium config --markdown` prints. With --check nothing is written; the exit status says
whether the page is as it should be.
"""
import pathlib
import re
import sys
import textwrap

BEGIN, END = '.\\" begin settings\n', '.\\" end settings\n'
ROW = re.compile(r"^\| `(\w+)` \| `(.*?)` \| (.*) \|$", re.M)


def quoted(text):
    """An argument of a macro, whatever is in it."""
    return '"' + text.replace("\\", "\\e").replace('"', "\\(dq") + '"'


def lines(text):
    """Text, of which no line may begin as a macro does."""
    for line in textwrap.wrap(text.replace("\\", "\\e"), 76, break_long_words=False, break_on_hyphens=False):
        yield ("\\&" if line[0] in ".'" else "") + line + "\n"


def items(markdown):
    rows = ROW.findall(markdown)
    if not rows:
        sys.exit("no settings in " + sys.argv[1])
    out = '.Bl -tag -width "pingInterval"\n'
    for name, default, meaning in rows:
        out += f".It Cm {name} Pq {quoted(default)}\n" if default != '""' else f".It Cm {name}\n"
        out += "".join(lines(meaning))
    return out + ".El\n"


def main():
    page = pathlib.Path(sys.argv[2])
    text = page.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + items(pathlib.Path(sys.argv[1]).read_text()) + END + after
    if "--check" in sys.argv:
        sys.exit(text != wanted and "the manual page is behind: run `make docs`")
    page.write_text(wanted)


if __name__ == "__main__":
    main()
