/* tests/unit/base/test_base64.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"

#include "base/err.h"
#include "base/mem.h"
#include "rng.h"
#include "test.h"

/* Exact-size copies, so that a sanitized build sees any byte too many. */
static ptrdiff_t decode(const char *text, size_t n, uint8_t *out)
{
    char *in = mem_dup(text, n);
    uint8_t *room = mem_alloc(n / 4 * 3 + 3);
    ptrdiff_t got = base64_decode(room, str_n(in, n));

    if (got > 0)
        memcpy(out, room, (size_t)got);
    mem_free(in);
    mem_free(room);
    return got;
}

/* RFC 4648 section 10. */
static void the_vectors_of_the_rfc(void **state)
{
    static const char *const vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t n = strlen(vectors[i][0]), size = strlen(vectors[i][1]);
        char text[16];
        uint8_t bytes[16];

        assert_int_equal(base64_encoded_size(n), size);
        base64_encode(text, vectors[i][0], n);
        assert_memory_equal(text, vectors[i][1], size);
        assert_int_equal(decode(text, size, bytes), n);
        assert_memory_equal(bytes, vectors[i][0], n);
    }
}

static void every_length_survives_the_round_trip(void **state)
{
    struct rng rng = { 9 };

    (void)state;
    for (size_t n = 0; n < 200; n++) {
        uint8_t *in = mem_alloc(n), out[200];
        size_t size = base64_encoded_size(n);
        char *text = mem_alloc(size);

        rng_fill(&rng, in, n);
        base64_encode(text, in, n);
        assert_int_equal(decode(text, size, out), n);
        assert_memory_equal(out, in, n);
        while (size && text[size - 1] == '=') /* no padding at all */
            size--;
        assert_int_equal(decode(text, size, out), n);
        assert_memory_equal(out, in, n);
        for (size_t i = 0; i < size; i++)
            text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        assert_int_equal(decode(text, size, out), n);
        assert_memory_equal(out, in, n);
        assert_int_equal(base64_decode((uint8_t *)text, str_n(text, size)), n); /* in place */
        assert_memory_equal(text, in, n);
        mem_free(in);
        mem_free(text);
    }
}

/* In every place of every length, exactly 66 characters are accepted. */
static void other_characters_are_refused(void **state)
{
    uint8_t out[16];

    (void)state;
    for (size_t n = 2; n <= 12; n++) {
        for (size_t at = 0; at < n && n % 4 != 1; at++) {
            for (int c = 0; c < 256; c++) {
                char text[13] = "AAAAAAAAAAAA";
                bool good = c && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789+/-_",
                                        c);
                bool padding = c == '=' && n % 4 == 0 && at == n - 1;

                text[at] = (char)c;
                assert_int_equal(decode(text, n, out) >= 0, good || padding);
            }
        }
    }
}

static void wrong_shapes_are_refused(void **state)
{
    static const char *const bad[] = {
        "A",     "=",      "==",       "===",    "====",  "A=",   "A==",
        "A===",  "AA=",    "AAA==",    "AAAAA",  "AA=A",  "=AAA", "AA==AAAA",
        "AAAA=", "AAAA==", "AAAA====", "AA==\n", "AA ==", " AAA"
    };
    uint8_t out[16];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(decode(bad[i], strlen(bad[i]), out), ATR_ESYNTAX);
}

TEST_MAIN(cmocka_unit_test(the_vectors_of_the_rfc),
          cmocka_unit_test(every_length_survives_the_round_trip),
          cmocka_unit_test(other_characters_are_refused),
          cmocka_unit_test(wrong_shapes_are_refused))
