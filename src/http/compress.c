/* http/compress.c - whole bodies through zlib, and the reading of Accept-Encoding.
 *
 * A compressor costs a quarter of a megabyte and much time to set up, so each thread keeps one per
 * coding and resets it between bodies.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/compress.h"

#include <zlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "http/zlib_memory.h"

enum { WINDOW_BITS = 15, GZIP_WRAP = 16, MEM_LEVEL = 8 };

/* One element of Accept-Encoding: "gzip;q=0.8" (RFC 9110 12.5.3). Zero, however it is spelt, is the
 * only weight that matters to us. */
static bool refused(str parameters)
{
    str part;

    while (str_cut(&parameters, ';', &part)) {
        part = str_trim(part);
        if (part.n < 2 || (part.p[0] | 0x20) != 'q' || part.p[1] != '=')
            continue;
        for (size_t i = 2; i < part.n; i++)
            if (part.p[i] != '0' && part.p[i] != '.')
                return false;
        return true;
    }
    return false;
}

enum http_coding http_coding_of(str accept_encoding)
{
    enum { UNSAID, YES, NO } gzip = UNSAID, deflate = UNSAID, others = UNSAID;
    str element, name;

    while (str_cut(&accept_encoding, ',', &element)) {
        if (!str_cut(&element, ';', &name))
            continue;
        name = str_trim(name);
        bool no = refused(element);
        if (str_ieq(name, STR("gzip")) || str_ieq(name, STR("x-gzip")))
            gzip = no ? NO : YES;
        else if (str_ieq(name, STR("deflate")))
            deflate = no ? NO : YES;
        else if (str_eq(name, STR("*")))
            others = no ? NO : YES;
    }
    if (gzip == YES || (gzip == UNSAID && others == YES))
        return HTTP_GZIP;
    if (deflate == YES || (deflate == UNSAID && others == YES))
        return HTTP_DEFLATE;
    return HTTP_IDENTITY;
}

const char *http_coding_name(enum http_coding c)
{
    return c == HTTP_GZIP ? "gzip" : c == HTTP_DEFLATE ? "deflate" : "identity";
}

/* One per coding; zalloc set once it is in use. */
static _Thread_local z_stream kept[HTTP_DEFLATE + 1];

static z_stream *compressor(enum http_coding c, int level)
{
    z_stream *z = &kept[c];
    int err;

    if (z->zalloc) {
        err = deflateReset(z);
        if (err == Z_OK)
            err = deflateParams(z, level, Z_DEFAULT_STRATEGY);
    } else {
        z->zalloc = zlib_alloc;
        z->zfree = zlib_free;
        /* "deflate" is the zlib format (RFC 9110 8.4.1.2). */
        err = deflateInit2(z, level, Z_DEFLATED, WINDOW_BITS + (c == HTTP_GZIP ? GZIP_WRAP : 0),
                           MEM_LEVEL, Z_DEFAULT_STRATEGY);
    }
    ASSERT(err == Z_OK);
    return z;
}

void http_compress(struct buf *out, enum http_coding c, str in, int level)
{
    ASSERT(c == HTTP_GZIP || c == HTTP_DEFLATE);
    ASSERT(in.n <= UINT32_MAX / 2);
    z_stream *z = compressor(c, level);
    size_t bound = deflateBound(z, in.n), before = out->len;

    z->next_in = (z_const Bytef *)(uintptr_t)in.p;
    z->avail_in = (uInt)in.n;
    z->next_out = buf_extend(out, bound);
    z->avail_out = (uInt)bound;
    int err = deflate(z, Z_FINISH);
    ASSERT(err == Z_STREAM_END);
    out->len = before + bound - z->avail_out;
}

void http_compress_trim(void)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (kept[i].zalloc) {
            (void)deflateEnd(&kept[i]);
            kept[i] = (z_stream){ 0 };
        }
}
