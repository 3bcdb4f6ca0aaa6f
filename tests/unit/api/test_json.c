/* tests/unit/api/test_json.c - the public JSON reader and writer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#include "atrium/json.h"

static void writer_places_commas(void **state)
{
    atr_writer *w = atr_writer_new();

    (void)state;
    atr_write_event(w, ATR_STR("chat \"message\""));
    atr_write_object(w);
    atr_write_key(w, ATR_STR("a"));
    atr_write_integer(w, -7);
    atr_write_key(w, ATR_STR("b"));
    atr_write_array(w);
    atr_write_end(w);
    atr_write_end(w);
    atr_write_bytes(w, ATR_STR("\x01\x02"));
    atr_write_number(w, 1.5);
    atr_write_bool(w, 1);
    atr_write_null(w);
    atr_write_json(w, ATR_STR("[1,2]"));
    atr_write_end(w);
    atr_data d = atr_writer_data(w);
    assert_str(str_n(d.json.p, d.json.n), "[\"chat "
                                          "\\\"message\\\"\",{\"a\":-7,\"b\":[]},{\"_placeholder\":"
                                          "true,\"num\":0},1.5,true,null,[1,2]]");
    assert_int_equal(atr_json_check(d.json), 0);
    assert_int_equal(d.attachment_count, 1);
    assert_int_equal(d.attachments[0].n, 2);

    atr_write_event(w, ATR_STR("again"));
    atr_write_end(w);
    d = atr_writer_data(w);
    assert_str(str_n(d.json.p, d.json.n), "[\"again\"]");
    assert_int_equal(d.attachment_count, 0);
    atr_writer_free(w);
    atr_writer_free(NULL);
}

static void reader_finds_and_types(void **state)
{
    atr_str text = ATR_STR(
        "[\"ev\",{\"n\":12,\"s\":\"h\\u00e9\",\"n\":13},{\"_placeholder\":true,\"num\":3},null]");
    atr_str object = atr_json_at(text, 1);
    char out[8];
    int64_t n = 0;

    (void)state;
    assert_int_equal(atr_json_count(text), 4);
    assert_int_equal(atr_json_typeof(object), ATR_JSON_OBJECT);
    assert_int_equal(atr_json_typeof(atr_json_at(text, 3)), ATR_JSON_NULL);
    assert_int_equal(atr_json_typeof(atr_json_at(text, 4)), ATR_JSON_NONE);
    assert_int_equal(atr_json_integer(atr_json_get(object, ATR_STR("n")), &n), 0);
    assert_int_equal(n, 13);
    assert_int_equal(atr_json_string(atr_json_get(object, ATR_STR("s")), out, sizeof out), 3);
    assert_string_equal(out, "h\xc3\xa9");
    assert_int_equal(atr_json_string(atr_json_get(object, ATR_STR("s")), out, 3), ATR_ELIMIT);
    assert_int_equal(atr_json_string(atr_json_get(object, ATR_STR("n")), out, sizeof out),
                     ATR_ETYPE);
    assert_int_equal(atr_json_attachment(atr_json_at(text, 2)), 3);
    assert_int_equal(atr_json_attachment(object), -1);
    assert_int_equal(atr_json_check(ATR_STR("[1,]")), ATR_ESYNTAX);
}

/* What one read did not find may be given to the next. */
static void no_value_is_a_value(void **state)
{
    static const atr_str others[] = { { NULL, 0 }, { "7", 1 }, { "\"s\"", 3 }, { "null", 4 } };
    char out[8] = "kept";
    double real = 7;
    int64_t n = 7;

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(atr_json_at(others[i], 0).p);
        assert_null(atr_json_get(others[i], ATR_STR("x")).p);
        assert_int_equal(atr_json_count(others[i]), 0);
        assert_int_equal(atr_json_attachment(others[i]), -1);
    }
    assert_int_equal(atr_json_typeof((atr_str){ NULL, 0 }), ATR_JSON_NONE);
    assert_int_equal(atr_json_number((atr_str){ NULL, 0 }, &real), ATR_ETYPE);
    assert_int_equal(atr_json_integer((atr_str){ NULL, 0 }, &n), ATR_ETYPE);
    assert_int_equal(atr_json_string((atr_str){ NULL, 0 }, out, sizeof out), ATR_ETYPE);
    assert_true(real == 7 && n == 7);
    assert_int_equal(atr_json_integer(ATR_STR("1.5"), &n), ATR_ETYPE);
    assert_int_equal(atr_json_integer(ATR_STR("99999999999999999999"), &n), ATR_ERANGE);
    assert_int_equal(n, 7);
    assert_int_equal(atr_json_check((atr_str){ NULL, 0 }), ATR_ESYNTAX);
}

static void numbers_that_json_lacks_become_null(void **state)
{
    atr_writer *w = atr_writer_new();

    (void)state;
    atr_write_array(w);
    atr_write_number(w, HUGE_VAL);
    atr_write_end(w);
    assert_int_equal(atr_writer_data(w).json.n, 6);
    assert_memory_equal(atr_writer_data(w).json.p, "[null]", 6);
    atr_writer_free(w);
}

TEST_MAIN(cmocka_unit_test(writer_places_commas), cmocka_unit_test(reader_finds_and_types),
          cmocka_unit_test(no_value_is_a_value),
          cmocka_unit_test(numbers_that_json_lacks_become_null))
