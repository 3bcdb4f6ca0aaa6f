/* api/json.c - the public reader and writer of JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "atrium/json.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "proto/json.h"
#include "proto/sio_packet.h"

static str in(atr_str s)
{
    return (str){ s.p, s.n };
}

static atr_str out(str s)
{
    return (atr_str){ s.p, s.n };
}

int atr_json_check(atr_str text)
{
    return json_check(in(text), JSON_DEPTH);
}

atr_json_type atr_json_typeof(atr_str value)
{
    static_assert((int)ATR_JSON_OBJECT == (int)JSON_OBJECT, "both enumerations have one order");
    return (atr_json_type)json_type_of(in(value));
}

atr_str atr_json_at(atr_str array, size_t index)
{
    return out(json_at(in(array), index));
}

atr_str atr_json_get(atr_str object, atr_str name)
{
    return out(json_get(in(object), in(name)));
}

size_t atr_json_count(atr_str container)
{
    return json_count(in(container));
}

int atr_json_number(atr_str value, double *number)
{
    return json_number(in(value), number);
}

int atr_json_integer(atr_str value, int64_t *number)
{
    return json_integer(in(value), number);
}

int atr_json_string(atr_str value, char *text, size_t size)
{
    struct buf scratch = { 0 };
    str plain;
    int err = json_string(in(value), &scratch, &plain);

    if (err == 0 && plain.n >= size)
        err = ATR_ELIMIT;
    if (err == 0) {
        if (plain.n)
            memcpy(text, plain.p, plain.n);
        text[plain.n] = 0;
        err = (int)plain.n;
    }
    buf_free(&scratch);
    return err;
}

int64_t atr_json_attachment(atr_str value)
{
    return sio_placeholder(in(value));
}

struct atr_writer {
    struct buf text;
    struct buf closers; /* one closing character per open container */
    atr_str *attachments;
    size_t attachment_count, attachment_cap;
    bool comma; /* a value stands before this place */
};

atr_writer *atr_writer_new(void)
{
    return mem_zalloc(sizeof(atr_writer));
}

void atr_writer_free(atr_writer *w)
{
    if (!w)
        return;
    buf_free(&w->text);
    buf_free(&w->closers);
    mem_free(w->attachments);
    mem_free(w);
}

void atr_writer_reset(atr_writer *w)
{
    buf_clear(&w->text);
    buf_clear(&w->closers);
    w->attachment_count = 0;
    w->comma = false;
}

/* Where a value or key begins. */
static struct buf *place(atr_writer *w)
{
    if (w->comma)
        buf_byte(&w->text, ',');
    w->comma = true;
    return &w->text;
}

static void open_container(atr_writer *w, char opener, char closer)
{
    buf_byte(place(w), (uint8_t)opener);
    buf_byte(&w->closers, (uint8_t)closer);
    w->comma = false;
}

void atr_write_array(atr_writer *w)
{
    open_container(w, '[', ']');
}

void atr_write_object(atr_writer *w)
{
    open_container(w, '{', '}');
}

void atr_write_end(atr_writer *w)
{
    ASSERT(w->closers.len > 0);
    buf_byte(&w->text, w->closers.data[--w->closers.len]);
    w->comma = true;
}

void atr_write_key(atr_writer *w, atr_str name)
{
    json_write_string(place(w), in(name));
    buf_byte(&w->text, ':');
    w->comma = false;
}

void atr_write_string(atr_writer *w, atr_str s)
{
    json_write_string(place(w), in(s));
}

void atr_write_number(atr_writer *w, double n)
{
    json_write_number(place(w), n);
}

void atr_write_integer(atr_writer *w, int64_t n)
{
    json_write_integer(place(w), n);
}

void atr_write_bool(atr_writer *w, int truth)
{
    buf_add(place(w), truth ? STR("true") : STR("false"));
}

void atr_write_null(atr_writer *w)
{
    buf_add(place(w), STR("null"));
}

void atr_write_json(atr_writer *w, atr_str text)
{
    buf_add(place(w), in(text));
}

void atr_write_bytes(atr_writer *w, atr_str bytes)
{
    if (w->attachment_count == w->attachment_cap) {
        w->attachment_cap = w->attachment_cap ? w->attachment_cap * 2 : 4;
        w->attachments = mem_realloc(w->attachments, w->attachment_cap * sizeof *w->attachments);
    }
    buf_format(place(w), "{\"_placeholder\":true,\"num\":%zu}", w->attachment_count);
    w->attachments[w->attachment_count++] = bytes;
}

void atr_write_event(atr_writer *w, atr_str name)
{
    atr_writer_reset(w);
    atr_write_array(w);
    atr_write_string(w, name);
}

atr_data atr_writer_data(const atr_writer *w)
{
    return (atr_data){ out(buf_str(&w->text)), w->attachments, w->attachment_count };
}
