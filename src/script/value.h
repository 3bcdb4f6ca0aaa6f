/* script/value.h - Lua values <-> what the wire carries: JSON text with attachments.
 *
 * Both ways take one pass. Encoding writes into a buffer that is kept, so a warm one allocates
 * nothing; attachments are borrowed from the Lua values, which must stay on a stack until the text
 * was used.
 *
 *   JSON null     atrium.null (a light userdata of NULL)
 *   array         the elements of a table marked by atrium.array(), as decoded arrays and results
 *                 of queries are; or a table with the keys 1..n and no other
 *   object        any other table; its keys are strings
 *   attachment    bytes (script/bytes.h)
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_VALUE_H
#define SCRIPT_VALUE_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "atrium/types.h"
#include "base/buf.h"
#include "proto/json.h"

enum {
    VALUE_ARGS_MAX = 1000,       /* arguments of one event that are decoded */
    VALUE_BYTES_MAX = 256 << 20, /* of one encoded value: more is a mistake */
    VALUE_KEEP_BYTES = 1 << 20,  /* an encoder's buffer above this is given back */
    VALUE_PATH_BYTES = 96
};

/* The metatables that tell arrays and bytes from other tables and userdata. */
struct value_types {
    const void *array, *bytes; /* as lua_topointer() gives them */
    int array_ref, bytes_ref;  /* in the registry */
};

struct encoder {
    const struct value_types *types;
    struct buf out;
    atr_str *attachments; /* NULL until the first */
    size_t attachment_count, attachment_cap;
    bool plain; /* bytes are an error: JSON text goes where no attachments do */
    /* After a failure: what could not be encoded, and where. */
    const char *what;
    char path[VALUE_PATH_BYTES];
};

/* Empties e for another value. */
void encoder_reset(struct encoder *e);
void encoder_free(struct encoder *e);

/* Appends the JSON of the value at idx. Returns 0, or -1 with e->what and e->path set. */
int encode_value(struct encoder *e, lua_State *L, int idx);
/* Appends the array of the values at first..last. */
int encode_args(struct encoder *e, lua_State *L, int first, int last);
/* Appends an event: the array of the name at first and the arguments up to last, which the path of
 * a failure counts from 1. */
int encode_event_args(struct encoder *e, lua_State *L, int first, int last);
/* Raises what the last failure was: "cannot encode function at [2].x". */
int encode_raise(struct encoder *e, lua_State *L);

static inline atr_data encoder_data(const struct encoder *e)
{
    return (
        atr_data){ { (const char *)e->out.data, e->out.len }, e->attachments, e->attachment_count };
}

struct decoder {
    const struct value_types *types;
    struct buf scratch;
};

void decoder_free(struct decoder *d);

/* Pushes the value of JSON text, which was checked; data (may be NULL) has its attachments. -1: it
 * was broken or too much for the stack; nothing is pushed then. May raise a Lua memory error. */
int decode_value(struct decoder *d, lua_State *L, str text, const atr_data *data);
/* Pushes the elements of data's array, without the first `skip` of them. Returns how many, or -1.
 */
int decode_args(struct decoder *d, lua_State *L, const atr_data *data, int skip);

#endif
