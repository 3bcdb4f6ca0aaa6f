#!/usr/bin/env python3
"""Turns Lua sources into a C file that defines the table of script/embedded.h.

usage: embed.py OUTPUT SOURCE...

SPDX-License-Identifier: MIT
"""
import os
import sys


def array(index, data):
    rows = [data[i:i + 20] for i in range(0, len(data), 20)]
    lines = ["    " + ", ".join(str(byte) for byte in row) + "," for row in rows]
    return "static const unsigned char file%d[] = {\n%s\n};\n" % (index, "\n".join(lines))


def main():
    output, sources = sys.argv[1], sys.argv[2:]
    with open(output, "w", encoding="ascii") as out:
        out.write('#include "script/embedded.h"\n\n')
        for index, source in enumerate(sources):
            with open(source, "rb") as file:
                out.write(array(index, file.read()))
        out.write("\nconst struct embedded embedded_files[] = {\n")
        for index, source in enumerate(sources):
            name = os.path.basename(source)
            out.write('    { "@atrium/%s", file%d, sizeof file%d },\n' % (name, index, index))
        out.write("};\nconst size_t embedded_count = sizeof embedded_files / "
                  "sizeof *embedded_files;\n")


main()
