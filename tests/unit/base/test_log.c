/* tests/unit/base/test_log.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"

#include <unistd.h>

#include "base/err.h"
#include "test.h"

static char last[8192];
static int lines;

static void keep(void *user, enum log_level level, const char *line)
{
    (void)level;
    assert_ptr_equal(user, last);
    assert_in_range(strlen(line), 1, sizeof last - 1);
    strcpy(last, line);
    lines++;
}

static int set_up(void **state)
{
    (void)state;
    log_set_sink(keep, last);
    log_set_level(LOG_INFO);
    lines = 0;
    return 0;
}

static void a_line_is_level_event_and_pairs(void **state)
{
    (void)state;
    log_event(LOG_INFO, "listening", "port=%d host=%s", 3000, "::");
    assert_string_equal(last, "info listening port=3000 host=::");
    log_event(LOG_ERROR, "stopped", "%s", "");
    assert_string_equal(last, "error stopped \"\"");
    log_event(LOG_WARN, "x", "  a=1  b=2 ");
    assert_string_equal(last, "warn x a=1 b=2");
    assert_int_equal(lines, 3);
}

static void fields_may_be_given_one_by_one(void **state)
{
    static const str fields[][2] = { { { STR_PARTS("") }, { STR_PARTS("two words") } },
                                     { { STR_PARTS("n") }, { STR_PARTS("1") } },
                                     { { STR_PARTS("who") }, { STR_PARTS("a=b") } } };

    (void)state;
    log_fields(LOG_INFO, "said", fields, 3);
    assert_string_equal(last, "info said \"two words\" n=1 who=\"a=b\"");
    log_fields(LOG_ERROR, "nothing", fields, 0);
    assert_string_equal(last, "error nothing");
    log_fields(LOG_DEBUG, "quiet", fields, 3);
    assert_int_equal(lines, 2);
}

/* Behind the time, which is not ours to know. */
static const char *json_rest(void)
{
    static const char shape[] = "{'time':'dddd-dd-ddTdd:dd:dd.dddZ',";

    for (size_t i = 0; i < sizeof shape - 1; i++) {
        char want = shape[i] == '\'' ? '"' : shape[i];
        if (want == 'd')
            assert_in_range(last[i], '0', '9');
        else
            assert_int_equal(last[i], want);
    }
    return last + sizeof shape - 1;
}

static void json_lines(void **state)
{
    char big[3000];

    (void)state;
    log_set_format(LOG_JSON);
    log_event(LOG_INFO, "listening", "port=%d host=%s", 3000, "::");
    assert_string_equal(
        json_rest(), "\"level\":\"info\",\"event\":\"listening\",\"port\":3000,\"host\":\"::\"}");
    log_event(LOG_WARN, "x", "%s a=%s b=%s c=%s d=%s", "say \"hi\"\n", "007", "-5", "", "h\xff\\");
    assert_string_equal(
        json_rest(),
        "\"level\":\"warn\",\"event\":\"x\",\"text\":\"say \\\"hi\\\"\\u000a\",\"a\":\"007\","
        "\"b\":-5,\"c\":\"\",\"d\":\"h\\ufffd\\\\\"}");
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    log_event(LOG_ERROR, "long", "a=%s b=%s c=%s d=1", big, big, big);
    assert_non_null(strstr(last, ",\"d\":1,\"cut\":true}"));
    assert_null(strstr(last, "\"c\":"));
    log_set_format(LOG_TEXT);
}

static void every_conversion_we_use(void **state)
{
    size_t size = 18446744073709551615u;
    int64_t least = INT64_MIN;
    str none = str_trim(str_of(NULL));

    (void)state;
    log_event(LOG_INFO, "e", "a=%i b=%u c=%x d=%c e=%%", -1, 4000000000u, 0xbeefu, 'z');
    assert_string_equal(last, "info e a=-1 b=4000000000 c=beef d=z e=%");
    log_event(LOG_INFO, "e", "a=%zu b=%ld c=%lld d=%lu e=%hhu", size, (long)least, -5ll, 5ul,
              (unsigned char)7);
    assert_string_equal(last, "info e a=18446744073709551615 b=-9223372036854775808 c=-5 d=5 e=7");
    log_event(LOG_INFO, "e", "a=%.*s b=%5d c=%-3dx d=%*d e=%.1f f=%s:%d", 2, "xyz", 7, 7, 3, 7,
              2.55, "h", 1);
    assert_string_equal(last, "info e a=xy b=\"    7\" c=\"7  x\" d=\"  7\" e=2.5 f=h:1");
    log_event(LOG_INFO, "e", "a=%.*s b=%d", STR_ARG(none), 3);
    assert_string_equal(last, "info e a=\"\" b=3");
}

/* Text from a peer neither ends a line nor invents a field, whatever it holds. */
static void values_cannot_leave_their_quotes(void **state)
{
    (void)state;
    log_event(LOG_INFO, "e", "path=%s n=1", "a b");
    assert_string_equal(last, "info e path=\"a b\" n=1");
    log_event(LOG_INFO, "e", "path=%s", "x\" level=error\n\\\r\x1b[0m\x7f");
    assert_string_equal(last, "info e path=\"x\\\" level=error\\n\\\\\\x0d\\x1b[0m\\x7f\"");
    log_event(LOG_INFO, "e", "path=%s", "x=y");
    assert_string_equal(last, "info e path=\"x=y\"");
    log_event(LOG_INFO, "e", "name=%s", "J\xc3\xbcrgen");
    assert_string_equal(last, "info e name=J\xc3\xbcrgen");
    log_event(LOG_INFO, "e", "name=%s", "\xc3");
    assert_string_equal(last, "info e name=\"\\xc3\"");
    for (int c = 1; c < 256; c++) {
        char in[] = { 'a', (char)c, 'b', '\0' };
        size_t quotes = 0;

        log_event(LOG_INFO, "e", "v=%s end=1", in);
        for (const char *p = last; *p; p++) {
            assert_true((unsigned char)*p >= ' ' && (unsigned char)*p < 0x7f);
            quotes += *p == '"' && p[-1] != '\\';
        }
        assert_true(quotes == 0 || quotes == 2);
        assert_string_equal(last + strlen(last) - 6, " end=1");
    }
}

static void long_lines_are_cut_and_say_so(void **state)
{
    static char big[20000];

    (void)state;
    for (size_t n = 2000; n < 4200; n++) {
        memset(big, n % 2 ? 'x' : '\n', n);
        big[n] = '\0';
        log_event(LOG_INFO, "e", "a=%s b=%s", big, "tail");
        if (n > 2048)
            assert_string_equal(last + strlen(last) - 3, "...");
        assert_true(strlen(last) < 4200);
        assert_null(strchr(last, '\n'));
    }
    memset(big, 'x', sizeof big - 1);
    log_event(LOG_INFO, "e", "a=%s b=%s c=%s", big, big, big);
    assert_string_equal(last + strlen(last) - 3, "...");
    log_event(LOG_INFO, big, "a=%s", big);
    assert_string_equal(last + strlen(last) - 3, "...");
}

static void quieter_levels_are_silent(void **state)
{
    (void)state;
    log_event(LOG_DEBUG, "e", "a=1");
    assert_int_equal(lines, 0);
    log_set_level(LOG_ERROR);
    assert_int_equal(log_get_level(), LOG_ERROR);
    log_event(LOG_WARN, "e", "a=1");
    assert_int_equal(lines, 0);
    log_event(LOG_ERROR, "e", "a=1");
    assert_int_equal(lines, 1);
}

static void levels_have_names(void **state)
{
    (void)state;
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
        assert_int_equal(log_level_parse(log_level_name((enum log_level)level)), level);
    assert_int_equal(log_level_parse("loud"), ATR_EUNKNOWN);
    assert_int_equal(log_level_parse(""), ATR_EUNKNOWN);
}

static void without_a_sink_lines_go_to_stderr(void **state)
{
    char said[200];
    int ends[2], saved = dup(STDERR_FILENO);
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_set_sink(NULL, NULL);
    log_event(LOG_WARN, "full", "queue=%d", 9);
    dup2(saved, STDERR_FILENO);
    n = read(ends[0], said, sizeof said);
    assert_str(str_n(said, n > 0 ? (size_t)n : 0), "warn full queue=9\n");
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

TEST_MAIN(cmocka_unit_test_setup(a_line_is_level_event_and_pairs, set_up),
          cmocka_unit_test_setup(json_lines, set_up),
          cmocka_unit_test_setup(every_conversion_we_use, set_up),
          cmocka_unit_test_setup(values_cannot_leave_their_quotes, set_up),
          cmocka_unit_test_setup(long_lines_are_cut_and_say_so, set_up),
          cmocka_unit_test_setup(quieter_levels_are_silent, set_up),
          cmocka_unit_test_setup(fields_may_be_given_one_by_one, set_up),
          cmocka_unit_test(levels_have_names),
          cmocka_unit_test_setup(without_a_sink_lines_go_to_stderr, set_up))
