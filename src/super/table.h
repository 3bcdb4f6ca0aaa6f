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

#endif
