/* tests/unit/engineio/test_request.c - queries. Refusals are tested through the server.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "engineio/request.h"

static struct eio_query parse(const char *query)
{
    struct eio_query q;

    memset(&q, 0xff, sizeof q);
    eio_query_parse(&q, str_of(query));
    return q;
}

static void a_usual_query(void **state)
{
    struct eio_query q = parse("EIO=4&transport=polling&t=P1f_xyz&sid=AAbcdefghijklmnopq-_");
    (void)state;

    assert_true(q.version4);
    assert_int_equal(q.transport, EIO_POLLING);
    assert_false(q.base64);
    assert_str(str_n(q.sid, q.sid_len), "AAbcdefghijklmnopq-_");
}

static void absence_is_told(void **state)
{
    struct eio_query q = parse("");
    (void)state;

    assert_false(q.version4);
    assert_int_equal(q.transport, 0);
    assert_int_equal(q.sid_len, 0);
    assert_false(q.base64);
    q = parse("EIO&transport&sid&b64");
    assert_false(q.version4);
    assert_int_equal(q.transport, 0);
    assert_int_equal(q.sid_len, 0);
    assert_false(q.base64);
    assert_int_equal(parse("sid=").sid_len, 0); /* as in JavaScript, empty is absent */
    assert_false(parse("b64=").base64);
}

/* EIO must be exactly "4". */
static void versions(void **state)
{
    (void)state;
    assert_true(parse("EIO=4").version4);
    assert_true(parse("EIO=%34").version4);
    assert_false(parse("EIO=3").version4);
    assert_false(parse("EIO=04").version4);
    assert_false(parse("EIO=4 ").version4);
    assert_false(parse("EIO=4+").version4);
    assert_false(parse("EIO=44").version4);
    assert_false(parse("EIO=abc").version4);
    assert_false(parse("eio=4").version4);
}

static void transports(void **state)
{
    (void)state;
    assert_int_equal(parse("transport=websocket").transport, EIO_WEBSOCKET);
    assert_int_equal(parse("transport=%77ebsocket").transport, EIO_WEBSOCKET);
    assert_int_equal(parse("transport=webtransport").transport, 0);
    assert_int_equal(parse("transport=Polling").transport, 0);
    assert_int_equal(parse("transport=constructor").transport, 0);
    assert_int_equal(parse("transport=%zz").transport, 0);
}

static void the_last_of_a_name_counts(void **state)
{
    (void)state;
    assert_true(parse("EIO=3&EIO=4").version4);
    assert_false(parse("EIO=4&EIO=3").version4);
    assert_int_equal(parse("transport=polling&transport=websocket").transport, EIO_WEBSOCKET);
    assert_int_equal(parse("sid=abc&sid=").sid_len, 0);
}

/* What is too long to be a sid is cut, but never to the length of one. */
static void long_sids_stay_unknown(void **state)
{
    struct eio_query q;
    char text[5000];
    (void)state;

    for (size_t n = EIO_SID_MAX + 1; n < sizeof text - 5; n = n * 2 + 1) {
        memcpy(text, "sid=", 4);
        memset(text + 4, 'a', n);
        text[4 + n] = 0;
        q = parse(text);
        assert_int_equal(q.sid_len, EIO_SID_MAX + 1);
    }
    q = parse("sid=%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61");
    assert_int_equal(q.sid_len, EIO_SID_LEN);
}

TEST_MAIN(cmocka_unit_test(a_usual_query), cmocka_unit_test(absence_is_told),
          cmocka_unit_test(versions), cmocka_unit_test(transports),
          cmocka_unit_test(the_last_of_a_name_counts), cmocka_unit_test(long_sids_stay_unknown))
