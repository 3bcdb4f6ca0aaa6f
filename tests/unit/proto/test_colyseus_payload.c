/* unit/proto/test_colyseus_payload.c - payloads of JavaScript's packer as plain MessagePack.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hex.h"
#include "proto/colyseus_message.h"
#include "proto/msgpack.h"

enum { DEPTH = 16 };

/* What @colyseus/msgpackr writes, and the same with maps. */
static const struct sample {
    const char *in, *out;
} samples[] = {
    /* {x: 64, y: 3.5} */
    { "d4724092a178a179cc40cb400c000000000000", "82 a178 cc40 a179 cb400c000000000000" },
    /* [{a: 1, b: "x"}, {a: 100, b: undefined}, {b: 1, a: 2}] */
    { "93 d4724092a161a162 01a178 40 cc64 d40000 d4724192a162a161 01 02",
      "93 82a16101a162a178 82a161cc64a162c0 82a16201a16102" },
    /* {a: {b: {c: 127}}, d: [{b: 5}]} */
    { "d4724092a161a164 d4724191a162 d4724291a163 cc7f 91 41 05",
      "82 a161 81 a162 81 a163 cc7f a164 91 81 a162 05" },
    { "d4724090", "80" },                              /* {} */
    { "d40000", "c0" },                                /* undefined */
    { "81a16bd4724091a17acc46", "81a16b 81a17acc46" }, /* new Map([["k", {z: 70}]]) */
    { "d4724091a164c403d47240", "81a164c403d47240" },  /* {d: bytes that look like a record} */
    { "93 d4724091a161 01 d4724091a162 02 40 03", "93 81a16101 81a16202 81a16203" }, /* redefined */
    { "92 41 d4724091a161 41", "92 41 81a161 41" }, /* 41 was not defined: a number */
};

static void test_records_become_maps(void **state)
{
    struct buf scratch = BUF_MAX(4096);

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        str in = hex_bytes(samples[i].in), out;

        assert_int_equal(colyseus_plain(in, DEPTH, &scratch, &out), 0);
        assert_hex(out, samples[i].out);
        for (str cut = { in.p, 0 }; cut.n < in.n; cut.n++)
            assert_int_equal(colyseus_plain(cut, DEPTH, &scratch, &out), ATR_ESYNTAX);
        free((void *)in.p);
    }
    buf_free(&scratch);
}

static void test_more_than_64_shapes(void **state)
{
    struct buf in = { 0 }, scratch = BUF_MAX(4096), expected = { 0 };
    str out;

    (void)state;
    msgpack_write_array(&in, 70);
    msgpack_write_array(&expected, 70);
    for (unsigned i = 0; i < 70; i++) {
        char key[8];
        int n = snprintf(key, sizeof key, "k%u", i);

        buf_append(&in, (uint8_t[]){ 0xd4, 0x72, (uint8_t)(0x40 + i % 64), 0x91 }, 4);
        msgpack_write_string(&in, str_n(key, (size_t)n));
        buf_append(&in, (uint8_t[]){ 0xcc, (uint8_t)i }, 2);
        msgpack_write_map(&expected, 1);
        msgpack_write_string(&expected, str_n(key, (size_t)n));
        buf_append(&expected, (uint8_t[]){ 0xcc, (uint8_t)i }, 2);
    }
    assert_int_equal(colyseus_plain(buf_str(&in), DEPTH, &scratch, &out), 0);
    assert_true(str_eq(out, buf_str(&expected)));
    buf_free(&in);
    buf_free(&expected);
    buf_free(&scratch);
}

static void test_what_is_plain_stays_where_it_is(void **state)
{
    struct buf scratch = BUF_MAX(64);
    str in = hex_bytes("82 a178 7f a179 92 c0 d6ff6553f100"), out;

    (void)state;
    assert_int_equal(colyseus_plain(in, DEPTH, &scratch, &out), 0);
    assert_ptr_equal(out.p, in.p);
    assert_int_equal(out.n, in.n);
    assert_int_equal(scratch.cap, 0);
    free((void *)in.p);
}

static void test_what_is_too_long_or_deep_is_refused(void **state)
{
    struct buf in = { 0 }, scratch = BUF_MAX(1000);
    char key[200];
    str out = STR("before");

    (void)state;
    /* One key of 200 bytes that 20 records repeat. */
    memset(key, 'k', sizeof key);
    msgpack_write_array(&in, 20);
    buf_add(&in, STR("\xd4\x72\x40\x91"));
    msgpack_write_string(&in, str_n(key, sizeof key));
    buf_byte(&in, 0);
    for (int i = 1; i < 20; i++)
        buf_append(&in, "\x40\x00", 2);
    assert_int_equal(colyseus_plain(buf_str(&in), DEPTH, &scratch, &out), ATR_ELIMIT);
    assert_true(scratch.len <= 1000);

    for (unsigned records = 0; records < 2; records++) {
        buf_clear(&in);
        for (unsigned i = 0; i < DEPTH; i++)
            buf_byte(&in, 0x91);
        buf_add(&in, records ? STR("\xd4\x72\x40\x91\xa1k\1") : STR("\x91\1"));
        assert_int_equal(colyseus_plain(buf_str(&in), DEPTH, &scratch, &out), ATR_ELIMIT);
        assert_int_equal(colyseus_plain(buf_str(&in), DEPTH + 1, &scratch, &out), 0);
        out = STR("before");
    }
    buf_free(&in);
    buf_free(&scratch);
}

static void test_what_is_no_value_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "c1",
        "0101",
        "d4724091010005" /* a key that is no text */,
        "92",
        "d47240 01 02",
        "d4724091a161 c1",
        "d4724091a16101 00" /* more behind it */,
        "d4724092a161",
        "d47240 dfffffffff",
    };
    struct buf scratch = BUF_MAX(64);
    str out = STR("before");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        str in = hex_bytes(bad[i]);

        assert_int_equal(colyseus_plain(in, DEPTH, &scratch, &out), ATR_ESYNTAX);
        assert_str(out, "before");
        free((void *)in.p);
    }
    buf_free(&scratch);
}

TEST_MAIN(cmocka_unit_test(test_records_become_maps), cmocka_unit_test(test_more_than_64_shapes),
          cmocka_unit_test(test_what_is_plain_stays_where_it_is),
          cmocka_unit_test(test_what_is_too_long_or_deep_is_refused),
          cmocka_unit_test(test_what_is_no_value_is_refused))
