/* super/spec_parts.h - what the files of spec.h share among themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_SPEC_PARTS_H
#define SUPER_SPEC_PARTS_H

#include "super/spec.h"

struct spec_row {
    str name;
    enum spec_kind kind;
    const char *dflt; /* JSON */
    int64_t min, max; /* of a number; max also of a text's length */
    const char *help;
};
extern const struct spec_row spec_rows[SPEC_KEY_COUNT];

/* The key called so; SPEC_KEY_COUNT: none; -1: one of PM2 that may stand there. */
int spec_find(str name);
/* Says what is wrong with a name that is none; returns ATR_EUNKNOWN. */
int spec_unknown(str name, char *why);

/* A value being read. */
struct spec_reading {
    const struct spec_row *key;
    str json;
    struct buf normal, scratch; /* normal: what is kept; the caller frees both */
    str text;                   /* of a string */
    int64_t number;
    char *why;
};
int spec_read_value(struct spec_reading *r) MUST_CHECK;

#endif
