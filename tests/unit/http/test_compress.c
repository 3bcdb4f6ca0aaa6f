/* tests/unit/http/test_compress.c - codings: chosen by the client's word, undone to the same bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <zlib.h>

#include "test.h"

#include "base/mem.h"
#include "base/random.h"
#include "http/compress.h"

static void chooses_by_accept_encoding(void **state)
{
    static const struct {
        const char *text;
        enum http_coding want;
    } cases[] = {
        { "", HTTP_IDENTITY },
        { "identity", HTTP_IDENTITY },
        { "br", HTTP_IDENTITY },
        { "gzip", HTTP_GZIP },
        { "GZIP", HTTP_GZIP },
        { "x-gzip", HTTP_GZIP },
        { "deflate", HTTP_DEFLATE },
        { "deflate, gzip;q=0.1", HTTP_GZIP },
        { "gzip;q=0", HTTP_IDENTITY },
        { "gzip; Q=0.000", HTTP_IDENTITY },
        { "gzip;q=0.001", HTTP_GZIP },
        { "gzip;q=0, deflate", HTTP_DEFLATE },
        { "*", HTTP_GZIP },
        { "*;q=0", HTTP_IDENTITY },
        { "gzip;q=0, *", HTTP_DEFLATE },
        { "*;q=0, gzip", HTTP_GZIP },
        { "gzip, *;q=0", HTTP_GZIP },
        { "br;q=1.0, gzip;q=0.8, *;q=0.1", HTTP_GZIP },
        { "gzipped, notdeflate", HTTP_IDENTITY },
        { ",, ;q=1,", HTTP_IDENTITY },
        { " \tdeflate\t ", HTTP_DEFLATE },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (http_coding_of(str_of(cases[i].text)) != cases[i].want)
            fail_msg("'%s'", cases[i].text);
    assert_int_equal(http_coding_of((str){ 0 }), HTTP_IDENTITY);
    assert_string_equal(http_coding_name(HTTP_GZIP), "gzip");
    assert_string_equal(http_coding_name(HTTP_DEFLATE), "deflate");
}

static void round_trip(enum http_coding coding, str in, int level)
{
    struct buf out = { 0 };
    uint8_t *back = mem_alloc(in.n + 1);
    z_stream z = { .next_out = back, .avail_out = (uInt)in.n + 1 };

    buf_add(&out, STR("in front"));
    http_compress(&out, coding, in, level);
    assert_memory_equal(out.data, "in front", 8);
    z.next_in = out.data + 8;
    z.avail_in = (uInt)out.len - 8;
    /* 16 and more: gzip only; 15: zlib only. */
    assert_int_equal(inflateInit2(&z, coding == HTTP_GZIP ? 31 : 15), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, in.n);
    if (in.n)
        assert_memory_equal(back, in.p, in.n);
    inflateEnd(&z);
    mem_free(back);
    buf_free(&out);
}

static void undoes_to_the_same(void **state)
{
    static uint8_t noise[100000], even[300000];
    (void)state;

    random_bytes(noise, sizeof noise);
    for (int level = 1; level <= 9; level += 4)
        for (int coding = HTTP_GZIP; coding <= HTTP_DEFLATE; coding++) {
            round_trip((enum http_coding)coding, STR(""), level);
            round_trip((enum http_coding)coding, STR("x"), level);
            round_trip((enum http_coding)coding, str_n(noise, sizeof noise), level);
            round_trip((enum http_coding)coding, str_n(even, sizeof even), level);
        }
    http_compress_trim();
    round_trip(HTTP_GZIP, STR("after"), 6);
    http_compress_trim();
}

/* The compressor is kept: only the output may grow. */
static void warm_compression_allocates_nothing(void **state)
{
    struct buf out = { 0 };
    uint64_t before;
    (void)state;

    http_compress(&out, HTTP_GZIP, STR("some text, some text"), 4);
    before = mem_count();
    for (int i = 0; i < 10; i++) {
        buf_clear(&out);
        http_compress(&out, HTTP_GZIP, STR("some text, some text"), 4);
    }
    assert_int_equal(mem_count(), before);
    buf_free(&out);
    http_compress_trim();
}

TEST_MAIN(cmocka_unit_test(chooses_by_accept_encoding), cmocka_unit_test(undoes_to_the_same),
          cmocka_unit_test(warm_compression_allocates_nothing))
