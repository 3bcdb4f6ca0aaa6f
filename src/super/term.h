/* super/term.h - a terminal as a screen: drawn line by line, read key by key, left as it was.
 *
 * It is put back on term_leave(), and when the process is ended or stopped by a signal. The
 * sequences are those that every terminal of today has (ECMA-48, xterm's alternate screen); a
 * library for them would be loaded by each worker, which is the same program.
 *
 * One per process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_TERM_H
#define SUPER_TERM_H

#include <stdbool.h>

#include "base/buf.h"

enum term_key { TERM_NONE, TERM_UP = 256, TERM_DOWN, TERM_FIRST, TERM_LAST, TERM_CLOSED };

/* -ENOTTY when input or output is no terminal. */
int term_enter(void) MUST_CHECK;
void term_leave(void);

void term_size(unsigned *width, unsigned *height);

/* Shows the lines (parted by newlines) from the top; what has not changed is not written. */
void term_draw(str lines);

/* The next key: a character or one of those above. TERM_NONE when none came for so long, or the
 * screen has to be drawn again. */
int term_key(int wait_ms);

#endif
