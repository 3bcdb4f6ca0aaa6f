/* script/embedded.h - the parts of the library that are written in Lua (script/lua), compiled in by
 * tools/embed.py.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_EMBEDDED_H
#define SCRIPT_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name; /* for tracebacks: "@atrium/io.lua" */
    const unsigned char *text;
    size_t bytes;
};

extern const struct embedded embedded_files[]; /* in the order they are run */
extern const size_t embedded_count;

#endif
