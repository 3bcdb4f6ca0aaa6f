/* unit/proto/test_frozen.c - state on its way to another process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/frozen.h"
#include "exact.h"

static void write_sample(struct buf *b)
{
    struct frozen_writer w;
    struct buf *list;

    frozen_begin(&w, b, 3);
    frozen_put_uint(&w, "big", UINT64_MAX);
    frozen_put_bool(&w, "yes", true);
    frozen_put_bool(&w, "no", false);
    frozen_put_bytes(&w, "bytes", STR("a\0b"));
    frozen_put_bytes(&w, "empty", STR(""));
    list = frozen_put_value(&w, "list");
    msgpack_write_array(list, 2);
    msgpack_write_string(list, STR("one"));
    msgpack_write_uint(list, 2);
    frozen_end(&w);
}

static void test_what_is_written_is_read(void **state)
{
    struct msgpack_reader r;
    struct buf b = { 0 };
    struct frozen f;
    size_t used, whole;

    (void)state;
    write_sample(&b);
    whole = b.len;
    buf_add(&b, STR("behind"));
    assert_int_equal(frozen_open(&f, buf_str(&b), &used), 0);
    assert_int_equal(used, whole);
    assert_int_equal(f.version, 3);
    assert_true(frozen_uint(&f, "big", 0) == UINT64_MAX);
    assert_true(frozen_bool(&f, "yes"));
    assert_false(frozen_bool(&f, "no"));
    assert_true(str_eq(frozen_bytes(&f, "bytes"), STR("a\0b")));
    assert_non_null(frozen_bytes(&f, "empty").p);
    assert_int_equal(frozen_bytes(&f, "empty").n, 0);
    assert_int_equal(frozen_array(&f, "list", &r), 2);
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_STRING);
    assert_true(str_eq(r.bytes, STR("one")));
    assert_int_equal(msgpack_reader_next(&r), MSGPACK_UINT);
    buf_free(&b);
}

static void test_what_is_not_there_has_a_default(void **state)
{
    struct msgpack_reader r;
    struct buf b = { 0 };
    struct frozen f;
    size_t used;

    (void)state;
    write_sample(&b);
    assert_int_equal(frozen_open(&f, buf_str(&b), &used), 0);
    assert_int_equal(frozen_uint(&f, "absent", 7), 7);
    assert_int_equal(frozen_uint(&f, "yes", 7), 7); /* another type */
    assert_false(frozen_bool(&f, "absent"));
    assert_null(frozen_bytes(&f, "absent").p);
    assert_null(frozen_bytes(&f, "big").p);
    assert_null(frozen_value(&f, "lis").p);
    assert_int_equal(frozen_array(&f, "bytes", &r), 0);
    buf_free(&b);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    static const char no_version[] = "\x81\xa1x\x01", number[] = "\x05", list[] = "\x91\x01",
                      bad_key[] = "\x82\xa1v\x01\x01\x01", zero[] = "\x81\xa1v\x00";
    struct buf b = { 0 };
    struct frozen f;
    size_t used;

    (void)state;
    assert_int_equal(frozen_open(&f, STR(""), &used), ATR_ESYNTAX);
    assert_int_equal(frozen_open(&f, STR(no_version), &used), ATR_ESYNTAX);
    assert_int_equal(frozen_open(&f, STR(number), &used), ATR_ESYNTAX);
    assert_int_equal(frozen_open(&f, STR(list), &used), ATR_ESYNTAX);
    assert_int_equal(frozen_open(&f, STR(bad_key), &used), ATR_ESYNTAX);
    assert_int_equal(frozen_open(&f, STR(zero), &used), ATR_ESYNTAX);
    write_sample(&b);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(frozen_open(&f, str_n(b.data, n), &used), ATR_ESYNTAX);
    buf_free(&b);
}

static void test_too_many_fields_are_refused(void **state)
{
    struct frozen_writer w;
    struct buf b = { 0 };
    struct frozen f;
    size_t used;
    char key[8];

    (void)state;
    frozen_begin(&w, &b, 1);
    for (int i = 0; i < FROZEN_FIELDS_MAX; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        frozen_put_uint(&w, key, 1);
    }
    frozen_end(&w);
    assert_int_equal(frozen_open(&f, buf_str(&b), &used), ATR_ELIMIT);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_what_is_not_there_has_a_default),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
        cmocka_unit_test(test_too_many_fields_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
