/* tests/unit/ws/test_extension.c - the negotiation of permessage-deflate: RFC 6455 9.1, RFC 7692 7.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>

#include "http/server.h"
#include "ws/deflate.h"

/* What we answer to those headers: the line, "none", or "malformed". */
static const char *answer(const char *headers, const struct ws_deflate_options *o)
{
    static char out[256];
    struct http_request *r = calloc(1, sizeof *r);
    struct ws_deflate_terms t = { 0 };
    struct buf head = { 0 }, line = { 0 };
    enum http_bad bad;
    int agreed;

    buf_format(&head, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
    assert_int_equal(http1_request((char *)head.data, head.len, 0, 16384, &r->head, &bad),
                     PARSE_DONE);
    agreed = ws_deflate_agree(&t, r, o);
    if (agreed > 0)
        ws_deflate_answer(&line, &t);
    (void)snprintf(out, sizeof out, "%.*s",
                   agreed > 0   ? (int)line.len - 2
                   : agreed < 0 ? 9
                                : 4,
                   agreed > 0   ? (char *)line.data
                   : agreed < 0 ? "malformed"
                                : "none");
    if (agreed > 0)
        assert_memory_equal(line.data + line.len - 2, "\r\n", 2);
    buf_free(&line);
    buf_free(&head);
    free(r);
    return out;
}

#define EXT     "Sec-WebSocket-Extensions: "
#define DEFLATE EXT "permessage-deflate"
#define NONE    "none"
#define BAD     "malformed"
#define NO_SCT  "; server_no_context_takeover"
#define NO_CCT  "; client_no_context_takeover"

struct offer_case {
    const char *headers, *answer;
};

static void offers_are_answered(void **state)
{
    struct ws_deflate_options o = WS_DEFLATE_OPTIONS_DEFAULT;
    static const struct offer_case cases[] = {
        { "", NONE },
        { EXT "\r\n", NONE },
        { EXT "x-webkit-deflate-frame\r\n", NONE },
        { EXT "permessage-bzip2; a=b, x\r\n", NONE },
        { DEFLATE "\r\n", DEFLATE },
        { EXT "PerMessage-Deflate\r\n", DEFLATE },
        /* what browsers and ws offer */
        { DEFLATE "; client_max_window_bits\r\n", DEFLATE },
        /* 7.1.1.1, 7.1.1.2 */
        { DEFLATE NO_SCT "\r\n", DEFLATE NO_SCT },
        { DEFLATE NO_CCT "\r\n", DEFLATE NO_CCT },
        { DEFLATE NO_CCT NO_SCT "\r\n", DEFLATE NO_SCT NO_CCT },
        { DEFLATE NO_SCT "=1\r\n", NONE },
        { DEFLATE NO_SCT NO_SCT "\r\n", NONE },
        { DEFLATE NO_CCT "=\"x\"\r\n", NONE },
        { DEFLATE NO_CCT NO_CCT "\r\n", NONE },
        /* 7.1.2.1 */
        { DEFLATE "; server_max_window_bits=15\r\n", DEFLATE "; server_max_window_bits=15" },
        { DEFLATE "; server_max_window_bits=9\r\n", DEFLATE "; server_max_window_bits=9" },
        { DEFLATE "; server_max_window_bits=\"10\"\r\n", DEFLATE "; server_max_window_bits=10" },
        { DEFLATE "; server_max_window_bits=\"1\\0\"\r\n", DEFLATE "; server_max_window_bits=10" },
        { DEFLATE "; server_max_window_bits=8\r\n", NONE }, /* zlib cannot */
        { DEFLATE "; server_max_window_bits\r\n", NONE },
        { DEFLATE "; server_max_window_bits=7\r\n", NONE },
        { DEFLATE "; server_max_window_bits=16\r\n", NONE },
        { DEFLATE "; server_max_window_bits=010\r\n", NONE },
        { DEFLATE "; server_max_window_bits=1e1\r\n", NONE },
        { DEFLATE "; server_max_window_bits=+9\r\n", NONE },
        { DEFLATE "; server_max_window_bits=9; server_max_window_bits=9\r\n", NONE },
        /* 7.1.2.2 */
        { DEFLATE "; client_max_window_bits=8\r\n", DEFLATE "; client_max_window_bits=8" },
        { DEFLATE "; client_max_window_bits=12\r\n", DEFLATE "; client_max_window_bits=12" },
        { DEFLATE "; client_max_window_bits=7\r\n", NONE },
        { DEFLATE "; client_max_window_bits=08\r\n", NONE },
        { DEFLATE "; client_max_window_bits; client_max_window_bits\r\n", NONE },
        { DEFLATE "; client_max_window_bits; client_max_window_bits=9\r\n", NONE },
        /* 7.1: unknown parameters decline the offer, and the next one is looked at (7.1.3) */
        { DEFLATE "; unknown\r\n", NONE },
        { DEFLATE "; unknown, permessage-deflate" NO_CCT "\r\n", DEFLATE NO_CCT },
        { DEFLATE "; server_max_window_bits=10, permessage-deflate\r\n",
          DEFLATE "; server_max_window_bits=10" },
        { DEFLATE "; server_max_window_bits=8,permessage-deflate\r\n", DEFLATE },
        { EXT "a\r\n" DEFLATE "\r\n", DEFLATE },
        { DEFLATE "; unknown\r\n" EXT "b\r\n" DEFLATE "\r\n", DEFLATE },
        /* RFC 6455 9.1: the grammar */
        { EXT ", permessage-deflate ,,\r\n", DEFLATE },
        { EXT "permessage-deflate  ;\tclient_max_window_bits = 10\r\n",
          DEFLATE "; client_max_window_bits=10" },
        { DEFLATE ";\r\n", BAD },
        { DEFLATE "; =1\r\n", BAD },
        { DEFLATE "; a=\r\n", BAD },
        { DEFLATE "; a=\"\"\r\n", BAD },
        { DEFLATE "; a=\"b\r\n", BAD },
        { DEFLATE "; a=\"b c\"\r\n", BAD },
        { DEFLATE "; a=b c\r\n", BAD },
        { DEFLATE " b\r\n", BAD },
        { DEFLATE "\r\n" EXT "=\r\n", BAD },
        { EXT "(permessage-deflate)\r\n", BAD },
        { EXT "a; b=\"\\\r\n", BAD },
    };
    (void)state;

    o.server_no_context_takeover = false;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(answer(cases[i].headers, &o), cases[i].answer) != 0)
            fail_msg("%s -> %s", cases[i].headers, answer(cases[i].headers, &o));
}

static void the_server_has_wishes(void **state)
{
    struct ws_deflate_options o = WS_DEFLATE_OPTIONS_DEFAULT;
    (void)state;

    assert_string_equal(answer(DEFLATE "\r\n", &o), DEFLATE NO_SCT); /* one compression for all */
    o.client_no_context_takeover = true;
    assert_string_equal(answer(DEFLATE "\r\n", &o), DEFLATE NO_SCT NO_CCT);
    o.client_no_context_takeover = o.server_no_context_takeover = false;
    o.server_max_window_bits = 11;
    assert_string_equal(answer(DEFLATE "\r\n", &o), DEFLATE "; server_max_window_bits=11");
    assert_string_equal(answer(DEFLATE "; server_max_window_bits=12\r\n", &o),
                        DEFLATE "; server_max_window_bits=11");
    assert_string_equal(answer(DEFLATE "; server_max_window_bits=10\r\n", &o),
                        DEFLATE "; server_max_window_bits=10");
    o.server_max_window_bits = 15;
    o.client_max_window_bits = 10;
    assert_string_equal(answer(DEFLATE "\r\n", &o), NONE);
    assert_string_equal(answer(DEFLATE "; client_max_window_bits\r\n", &o),
                        DEFLATE "; client_max_window_bits=10");
    assert_string_equal(answer(DEFLATE "; client_max_window_bits=9\r\n", &o),
                        DEFLATE "; client_max_window_bits=9");
    assert_string_equal(answer(DEFLATE "; client_max_window_bits=15\r\n", &o),
                        DEFLATE "; client_max_window_bits=10");
    o.enabled = false;
    assert_string_equal(answer(DEFLATE "\r\n", &o), NONE);
    assert_string_equal(answer(DEFLATE ";;;\r\n", &o), NONE);
}

TEST_MAIN(cmocka_unit_test(offers_are_answered), cmocka_unit_test(the_server_has_wishes))
