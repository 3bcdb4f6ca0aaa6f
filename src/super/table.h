/* super/table.h - `atrium list`: instances as a table for people.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_TABLE_H
#define SUPER_TABLE_H

#include <stdio.h>

#include "base/str.h"

/* list: as report_all() wrote it. colour: for a terminal. */
void table_print(FILE *out, str list, bool colour);
/* `atrium describe`: one instance, a row per fact. */
void table_describe(FILE *out, str instance);

/* The same facts for other views: "3m", "24.1mb", and the colour of a status (an SGR sequence).
 * What n bytes at out do not hold is cut. */
void table_duration(char *out, size_t n, int64_t ms);
void table_bytes(char *out, size_t n, int64_t bytes);
const char *table_colour(const char *status);

#endif
