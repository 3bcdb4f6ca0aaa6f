/* proto/json_writer.c - quoted strings as JSON.stringify writes them.
 *
 * Escaped are the quote, the backslash and the control characters, nothing else: not '/', not
 * U+007F, not U+2028. Text is copied in runs as long as they come.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "proto/json_scan.h"

static bool continues(const uint8_t *p, const uint8_t *end, uint8_t low, uint8_t high)
{
    return p < end && *p >= low && *p <= high;
}

/* The length of the UTF-8 sequence at p, which starts with a byte above 0x7f (RFC 3629, 4).
 * Negative when it is ill formed: then as many bytes make up one U+FFFD (Unicode 3.9, maximal
 * subparts). */
static int sequence(const uint8_t *p, const uint8_t *end)
{
    uint8_t first = *p, low = 0x80, high = 0xbf;
    int more;

    if (first < 0xc2 || first > 0xf4)
        return -1;
    more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (first == 0xe0)
        low = 0xa0; /* overlong */
    else if (first == 0xed)
        high = 0x9f; /* surrogates */
    else if (first == 0xf0)
        low = 0x90; /* overlong */
    else if (first == 0xf4)
        high = 0x8f; /* above U+10FFFF */
    for (int i = 1; i <= more; i++) {
        if (!continues(p + i, end, low, high))
            return -i;
        low = 0x80, high = 0xbf;
    }
    return more + 1;
}

/* The end of the run at p that is copied as it is. */
static const char *run(const char *p, const char *end)
{
    while (p < end) {
        if (end - p >= JSON_WORD) {
            uint64_t x = json_load(p), stops = json_stops(x) | (x & JSON_EACH(0x80));
            if (!stops) {
                p += JSON_WORD;
                continue;
            }
            p += json_stop_at(stops);
        }
        uint8_t c = (uint8_t)*p;
        if (c & 0x80) {
            int n = sequence((const uint8_t *)p, (const uint8_t *)end);
            if (n < 0)
                return p;
            p += n;
        } else if (c == '"' || c == '\\' || c < 0x20) {
            return p;
        } else {
            p++;
        }
    }
    return end;
}

/* Writes what stands for the byte or bytes at p; returns what comes behind them. */
static const char *escape(struct buf *b, const char *p, const char *end)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };
    uint8_t c = (uint8_t)*p;

    if (c & 0x80) {
        buf_add(b, STR("\xef\xbf\xbd"));
        return p - sequence((const uint8_t *)p, (const uint8_t *)end);
    }
    if (c >= 0x20) {
        buf_append(b, (char[]){ '\\', *p }, 2);
    } else if (letters[c]) {
        buf_append(b, (char[]){ '\\', letters[c] }, 2);
    } else {
        buf_append(b, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
    }
    return p + 1;
}

void json_write_string(struct buf *b, str s)
{
    const char *p = s.p, *end = json_end_of(s);

    buf_byte(b, '"');
    while (p < end) {
        const char *stop = run(p, end);
        if (stop > p)
            buf_append(b, p, (size_t)(stop - p));
        p = stop < end ? escape(b, stop, end) : end;
    }
    buf_byte(b, '"');
}
