/* proto/schema_primitive.c - see schema_primitive.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_primitive.h"

#include <math.h>

#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1 */
#define FLOAT32_MAX      3.4028235e38
#define FLOAT32_ERROR    1e-4

uint8_t *schema_put_int(uint8_t *to, int32_t n)
{
    if (n >= 0)
        return schema_put_uint(to, (uint32_t)n);
    if (n >= -0x20) {
        *to = (uint8_t)n;
        return to + 1;
    }
    *to = n >= INT8_MIN ? 0xd0 : n >= INT16_MIN ? 0xd1 : 0xd2;
    return schema_put_le(to + 1, (uint32_t)n, n >= INT8_MIN ? 1 : n >= INT16_MIN ? 2 : 4);
}

static bool is_int32(double n)
{
    return n >= INT32_MIN && n <= INT32_MAX && n == (double)(int32_t)n;
}

static double bounded(double n)
{
    if (isnan(n))
        return 0;
    return isinf(n) ? copysign(SAFE_INTEGER_MAX, n) : n;
}

static bool fits_float32(double n)
{
    return fabs(n) <= FLOAT32_MAX && fabs((double)(float)n - n) < FLOAT32_ERROR;
}

double schema_number_seen(double n)
{
    n = bounded(n);
    return !is_int32(n) && fits_float32(n) ? (double)(float)n : n;
}

uint8_t *schema_put_float(uint8_t *to, double n)
{
    float small = (float)n;
    uint64_t bits;
    uint32_t low;

    if (fabs((double)small - n) < FLOAT32_ERROR && fabs(n) <= FLOAT32_MAX) {
        *to = 0xca;
        memcpy(&low, &small, sizeof low);
        return schema_put_le(to + 1, low, sizeof low);
    }
    n = bounded(n);
    if (n == 0) /* it was none */
        return schema_put_int(to, 0);
    *to = 0xcb;
    memcpy(&bits, &n, sizeof bits);
    return schema_put_le(to + 1, bits, sizeof bits);
}

void schema_write_uint(struct buf *out, uint32_t n)
{
    uint8_t bytes[SCHEMA_NUMBER_MAX];

    buf_append(out, bytes, (size_t)(schema_put_uint(bytes, n) - bytes));
}

void schema_write_number(struct buf *out, double n)
{
    uint8_t bytes[SCHEMA_NUMBER_MAX];

    buf_append(out, bytes, (size_t)(schema_put_number(bytes, n) - bytes));
}

void schema_write_text(struct buf *out, str s)
{
    uint8_t head[SCHEMA_TEXT_HEAD_MAX];

    buf_append(out, head, (size_t)(schema_put_text_head(head, s.n) - head));
    buf_add(out, s);
}

static uint64_t little_endian(const char *p, size_t width)
{
    uint64_t le = 0;

    memcpy(&le, p, width);
    return le64toh(le);
}

/* How the bytes behind a prefix from ca to d3 are to be read. */
static double number_of(uint8_t prefix, const char *p, size_t width)
{
    uint64_t bits = little_endian(p, width);
    unsigned shift = 64 - 8 * (unsigned)width;
    uint32_t low = (uint32_t)bits;
    double number;
    float small;

    if (prefix == 0xca) {
        memcpy(&small, &low, sizeof small);
        return (double)small;
    }
    if (prefix == 0xcb) {
        memcpy(&number, &bits, sizeof number);
        return number;
    }
    if (prefix < 0xd0)
        return (double)bits;
    return (double)((int64_t)(bits << shift) >> shift);
}

enum parse schema_read_number(str *in, double *out)
{
    static const uint8_t widths[] = { 4, 8, 1, 2, 4, 8, 1, 2, 4, 8 }; /* of ca to d3 */
    uint8_t prefix;
    size_t width;

    if (in->n == 0)
        return PARSE_MORE;
    prefix = (uint8_t)*in->p;
    if (prefix < 0x80 || prefix >= 0xe0) {
        *out = prefix < 0x80 ? prefix : (int8_t)prefix;
        *in = str_n(in->p + 1, in->n - 1);
        return PARSE_DONE;
    }
    if (prefix < 0xca || prefix > 0xd3)
        return PARSE_BAD;
    width = widths[prefix - 0xca];
    if (in->n - 1 < width)
        return PARSE_MORE;
    *out = number_of(prefix, in->p + 1, width);
    *in = str_n(in->p + 1 + width, in->n - 1 - width);
    return PARSE_DONE;
}

enum parse schema_read_uint(str *in, uint32_t max, uint32_t *out)
{
    str rest = *in;
    double n;
    enum parse answer = schema_read_number(&rest, &n);

    if (answer != PARSE_DONE)
        return answer;
    if (!(n >= 0 && n <= max) || n != floor(n))
        return PARSE_BAD;
    *in = rest;
    *out = (uint32_t)n;
    return PARSE_DONE;
}

enum parse schema_read_text(str *in, str *out)
{
    size_t head = 1, n;
    uint8_t prefix;

    if (in->n == 0)
        return PARSE_MORE;
    prefix = (uint8_t)*in->p;
    if (prefix >= 0xa0 && prefix < 0xc0) {
        n = prefix & 0x1f;
    } else if (prefix >= 0xd9 && prefix <= 0xdb) {
        size_t width = (size_t)1 << (prefix - 0xd9);

        if (in->n - 1 < width)
            return PARSE_MORE;
        n = (size_t)little_endian(in->p + 1, width);
        head += width;
    } else {
        return PARSE_BAD;
    }
    if (in->n - head < n)
        return PARSE_MORE;
    *out = str_n(in->p + head, n);
    *in = str_n(in->p + head + n, in->n - head - n);
    return PARSE_DONE;
}
