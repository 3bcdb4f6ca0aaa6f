/* proto/http1_chunk.c - chunked bodies (RFC 9112 7.1), strict and restartable at every byte.
 *
 * Extensions and trailers are read over and dropped. Both are bounded together over the whole body,
 * so that a peer cannot send megabytes of them around single bytes of data.
 *
 * Start reading at http1_chunk().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/http1.h"

#include "proto/http1_chars.h"

enum { SIZE_DIGITS_MAX = 16, EXTRA_BYTES_MAX = 16 * 1024 };

enum state {
    SIZE,      /* in the digits */
    EXTENSION, /* behind ';' */
    SIZE_LF,   /* behind the CR of the size line */
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the front of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF, /* behind the CR of the final empty line */
    END
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* chunk-size: digits only. No sign, no "0x", no white space, also not before an extension. */
static bool size_byte(struct http_chunks *c, char b)
{
    int digit = hex_digit(b);

    if (digit >= 0) {
        if (c->digits++ == SIZE_DIGITS_MAX)
            return false;
        c->left = c->left << 4 | (uint64_t)digit;
        return true;
    }
    if (c->digits == 0 || (b != ';' && b != '\r'))
        return false;
    c->state = b == ';' ? EXTENSION : SIZE_LF;
    return true;
}

/* The size line is complete. */
static void size_done(struct http_chunks *c)
{
    c->state = c->left > 0 ? DATA : TRAILER;
    c->digits = 0;
}

static bool extra_byte(struct http_chunks *c, char b, enum state lf)
{
    if (b == '\r') {
        c->state = (uint8_t)lf;
        return true;
    }
    return ++c->trailer_bytes <= EXTRA_BYTES_MAX && http1_is(b, HTTP1_VALUE);
}

/* A field line of the trailer section (7.1.2), shaped as in a head. */
static bool trailer_byte(struct http_chunks *c, char b)
{
    if (c->state == TRAILER && b == '\r') {
        c->state = LAST_LF;
        return true;
    }
    if (++c->trailer_bytes > EXTRA_BYTES_MAX)
        return false;
    if (c->state == TRAILER_NAME && b == ':') {
        c->state = TRAILER_VALUE;
        return true;
    }
    c->state = TRAILER_NAME;
    return http1_is(b, HTTP1_TOKEN);
}

static bool lf_byte(struct http_chunks *c, char b)
{
    if (b != '\n')
        return false;
    switch (c->state) {
    case SIZE_LF:
        size_done(c);
        break;
    case DATA_LF:
        c->state = SIZE;
        break;
    case TRAILER_LF:
        c->state = TRAILER;
        break;
    default:
        c->state = END;
    }
    return true;
}

/* Takes one byte that is not data. */
static bool step(struct http_chunks *c, char b)
{
    switch ((enum state)c->state) {
    case SIZE:
        return size_byte(c, b);
    case EXTENSION:
        return extra_byte(c, b, SIZE_LF);
    case DATA_CR:
        c->state = DATA_LF;
        return b == '\r';
    case TRAILER:
    case TRAILER_NAME:
        return trailer_byte(c, b);
    case TRAILER_VALUE:
        return extra_byte(c, b, TRAILER_LF);
    case SIZE_LF:
    case DATA_LF:
    case TRAILER_LF:
    case LAST_LF:
        return lf_byte(c, b);
    case DATA:
    case END:
        break;
    }
    return false;
}

enum parse http1_chunk(struct http_chunks *c, const char *in, size_t n, size_t *used, str *data,
                       bool *end)
{
    size_t at = 0;

    *data = (str){ 0 };
    *end = false;
    while (c->state != DATA && c->state != END && at < n)
        if (!step(c, in[at++]))
            return PARSE_BAD;
    if (c->state == DATA && at < n) {
        size_t take = n - at < c->left ? n - at : (size_t)c->left;
        *data = str_n(in + at, take);
        at += take;
        c->left -= take;
        if (c->left == 0)
            c->state = DATA_CR;
    }
    *used = at;
    *end = c->state == END;
    return data->n > 0 || *end ? PARSE_DONE : PARSE_MORE;
}
