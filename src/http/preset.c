/* http/preset.c - header lines that are set on a request before its answer is made.
 *
 * They are kept as text, as they will go out: there are few, and they are looked through once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "http/conn.h"
#include "proto/http1_kept.h"

/* Cuts the first line off; false: there is none. */
static bool next_line(str *lines, str *line, str *name, str *value)
{
    *line = *lines;
    if (lines->n == 0 || !http1_kept_next(lines, name, value))
        return false;
    line->n -= lines->n;
    return true;
}

static void remove_name(struct buf *lines, str wanted)
{
    str rest = buf_str(lines), line, name, value;
    size_t kept = 0;

    while (next_line(&rest, &line, &name, &value)) {
        if (str_ieq(name, wanted))
            continue;
        memmove(lines->data + kept, line.p, line.n);
        kept += line.n;
    }
    lines->len = kept;
}

bool http_preset_allowed(str name)
{
    static const str own[] = {
        { "connection", 10 }, { "content-length", 14 },    { "date", 4 },
        { "keep-alive", 10 }, { "transfer-encoding", 17 }, { "upgrade", 7 }
    };

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (str_ieq(name, own[i]))
            return false;
    return !str_istarts(name, STR("sec-websocket-"));
}

void http_preset_add(struct http_request *r, str name, str value)
{
    if (!r->preset)
        r->preset = mem_zalloc(sizeof *r->preset);
    buf_add(r->preset, name);
    buf_add(r->preset, STR(": "));
    buf_add(r->preset, value);
    buf_add(r->preset, STR("\r\n"));
}

void http_preset(struct http_request *r, str name, str value)
{
    if (r->preset)
        remove_name(r->preset, name);
    if (value.p)
        http_preset_add(r, name, value);
}

bool http_preset_next(const struct http_request *r, size_t *at, str *name, str *value)
{
    str lines, line;
    size_t len = r->preset ? r->preset->len : 0;

    if (*at >= len)
        return false;
    lines = str_n((char *)r->preset->data + *at, len - *at);
    if (!next_line(&lines, &line, name, value))
        return false;
    *at += line.n;
    return true;
}

void http_preset_yield(struct http_request *r, str lines, bool type)
{
    str line, name, value;

    if (!r->preset)
        return;
    while (next_line(&lines, &line, &name, &value))
        remove_name(r->preset, name);
    if (type)
        remove_name(r->preset, STR("content-type"));
}

void http_preset_swap(struct http_request *r, struct buf *lines)
{
    struct buf before;

    if (!r->preset)
        r->preset = mem_zalloc(sizeof *r->preset);
    before = *r->preset;
    *r->preset = *lines;
    *lines = before;
}

void http_preset_free(struct http_request *r)
{
    if (!r->preset)
        return;
    buf_free(r->preset);
    mem_free(r->preset);
    r->preset = NULL;
}
