/* unit/proto/test_json_writer.c - quoted strings as JSON.stringify writes them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/json.h"

#include "exact.h"

static void write_exact(struct buf *b, str s)
{
    str copy = exact_copy(s);

    buf_clear(b);
    json_write_string(b, copy);
    free((void *)copy.p);
}

static void writes_strings(void **state)
{
    static const struct {
        str s, want;
    } cases[] = {
        { TEXT(""), TEXT("\"\"") },
        { TEXT("plain"), TEXT("\"plain\"") },
        { TEXT("\"\\/"), TEXT("\"\\\"\\\\/\"") },
        { TEXT("\b\t\n\f\r"), TEXT("\"\\b\\t\\n\\f\\r\"") },
        { TEXT("\x00\x01\x0b\x1f\x7f"), TEXT("\"\\u0000\\u0001\\u000b\\u001f\x7f\"") },
        { TEXT("\xe2\x80\xa8\xc3\xa9"), TEXT("\"\xe2\x80\xa8\xc3\xa9\"") },
        { TEXT("\xf0\x9f\x98\x80"), TEXT("\"\xf0\x9f\x98\x80\"") },
        { TEXT("0123456789abcdef\n0123456789abcdef"),
          TEXT("\"0123456789abcdef\\n0123456789abcdef\"") },
        /* what is not UTF-8: one replacement for each maximal part */
        { TEXT("\x80"), TEXT("\"\xef\xbf\xbd\"") },
        { TEXT("a\xff"
               "b"),
          TEXT("\"a\xef\xbf\xbd"
               "b\"") },
        { TEXT("\xc0\xaf"), TEXT("\"\xef\xbf\xbd\xef\xbf\xbd\"") },
        { TEXT("\xe2\x82"), TEXT("\"\xef\xbf\xbd\"") },
        { TEXT("\xe2\x82z"), TEXT("\"\xef\xbf\xbdz\"") },
        { TEXT("\xe2\""), TEXT("\"\xef\xbf\xbd\\\"\"") },
        { TEXT("\xf0\x9f\x98"), TEXT("\"\xef\xbf\xbd\"") },
        { TEXT("\xf0\x9f\x98\xc3\xa9"), TEXT("\"\xef\xbf\xbd\xc3\xa9\"") },
        { TEXT("\xed\xa0\x80"), TEXT("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
        { TEXT("\xf5\x80"), TEXT("\"\xef\xbf\xbd\xef\xbf\xbd\"") },
        { TEXT("\xe0\x80"), TEXT("\"\xef\xbf\xbd\xef\xbf\xbd\"") },
        { TEXT("\xf4\x90"), TEXT("\"\xef\xbf\xbd\xef\xbf\xbd\"") },
    };
    struct buf b = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_exact(&b, cases[i].s);
        if (!str_eq(buf_str(&b), cases[i].want))
            print_error("%zu: %.*s\n", i, (int)b.len, b.data);
        assert_true(str_eq(buf_str(&b), cases[i].want));
        assert_int_equal(json_check(buf_str(&b), 0), 0);
    }
    buf_free(&b);
}

/* Every code point is written so that it is JSON, and reads back as it was. */
static void every_character_survives(void **state)
{
    struct buf b = { 0 }, scratch = { 0 };
    uint8_t text[12];
    str got;
    (void)state;

    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x1000 ? 1 : 251) {
        size_t n = 0;
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        if (c < 0x80)
            text[n++] = (uint8_t)c;
        else if (c < 0x800)
            text[n++] = (uint8_t)(0xc0 | c >> 6);
        else if (c < 0x10000)
            text[n++] = (uint8_t)(0xe0 | c >> 12), text[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
        else
            text[n++] = (uint8_t)(0xf0 | c >> 18), text[n++] = (uint8_t)(0x80 | (c >> 12 & 63)),
            text[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
        if (c >= 0x80)
            text[n++] = (uint8_t)(0x80 | (c & 63));
        for (size_t pad = 0; pad < 8; pad++) { /* at every place of a word */
            char padded[32];
            memset(padded, 'x', sizeof padded);
            memcpy(padded + pad, text, n);
            write_exact(&b, str_n(padded, pad + n + 8));
            assert_int_equal(json_check(buf_str(&b), 0), 0);
            buf_clear(&scratch);
            assert_int_equal(json_string(buf_str(&b), &scratch, &got), 0);
            assert_true(str_eq(got, str_n(padded, pad + n + 8)));
        }
    }
    buf_free(&b);
    buf_free(&scratch);
}

static void any_bytes_become_json(void **state)
{
    struct buf b = { 0 };
    uint32_t x = 2463534242u; /* xorshift: the same bytes every time */
    (void)state;

    for (int i = 0; i < 20000; i++) {
        char bytes[24];
        size_t n = (size_t)i % sizeof bytes;
        for (size_t k = 0; k < n; k++) {
            x ^= x << 13, x ^= x >> 17, x ^= x << 5;
            bytes[k] = (char)(x & 0x100 ? x | 0x80 : x & 0x3f); /* mostly what needs care */
        }
        write_exact(&b, str_n(bytes, n));
        assert_int_equal(json_check(buf_str(&b), 0), 0);
    }
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(writes_strings), cmocka_unit_test(every_character_survives),
          cmocka_unit_test(any_bytes_become_json))
