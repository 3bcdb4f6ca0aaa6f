/* tests/unit/super/test_monit_view.c - a view of any size, of anything that logs may hold.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <locale.h>
#include <stdio.h>

#include "base/buf.h"
#include "super/monit_view.h"

static struct buf list;

static void describe(unsigned count)
{
    buf_clear(&list);
    buf_byte(&list, '[');
    for (unsigned i = 0; i < count; i++)
        buf_format(
            &list,
            "%s{\"pid\":%u,\"name\":\"app-%u-%s\",\"pm_id\":%u,\"monit\":{\"memory\":5000000,"
            "\"cpu\":12.5},\"pm2_env\":{\"status\":\"%s\",\"exec_mode\":\"cluster_mode\"},"
            "\"atrium\":{\"instance\":%u,\"connections\":7,\"trouble\":\"bell \\u0007 "
            "\\u001b[2J\"}}",
            i ? "," : "", 100 + i, i, i % 2 ? "" : "with a name that is far too long for it", i,
            i % 3 ? "online" : "errored", i);
    buf_byte(&list, ']');
}

/* Lines as a terminal has them: without colours; checks that nothing else is in them. */
static unsigned measure(str line)
{
    unsigned columns = 0;

    for (size_t i = 0; i < line.n; i++) {
        uint8_t c = (uint8_t)line.p[i];

        if (c == 27) {
            assert_true(i + 2 < line.n && line.p[i + 1] == '[');
            while (line.p[i] != 'm')
                assert_true(++i < line.n);
            continue;
        }
        assert_true(c >= ' ' && c != 0x7f);
        columns += (c & 0xc0) != 0x80;
    }
    return columns;
}

static void view(size_t selected, const char *out, unsigned width, unsigned height, struct buf *b)
{
    struct monit_facts f = { .list = buf_str(&list),
                             .selected = selected,
                             .out = str_of(out),
                             .error = STR("an error\n"),
                             .note = "a note",
                             .home = "/home" };
    str rest, line;
    unsigned n = 0;

    buf_clear(b);
    monit_view(&f, width, height, b);
    for (rest = buf_str(b); str_cut(&rest, '\n', &line); n++)
        if (measure(line) > width)
            fail_msg("%ux%u: wider: %.*s", width, height, STR_ARG(line));
    assert_int_equal(n, height);
}

static void any_size(void **state)
{
    struct buf b = { 0 };

    (void)state;
    for (unsigned count = 0; count < 40; count += 13) {
        describe(count);
        for (unsigned height = 3; height < 60; height++)
            for (unsigned width = 1; width < 200; width += 33)
                view(count ? count - 1 : 0, "one\ntwo\nthree\n", width, height, &b);
    }
    buf_free(&b);
}

static void the_selected_one_is_always_there(void **state)
{
    struct buf b = { 0 };
    char id[32];

    (void)state;
    describe(100);
    for (size_t n = 0; n < 100; n += 9) {
        view(n, "", 120, 24, &b);
        (void)snprintf(id, sizeof id, "\033[7m %zu ", n);
        assert_true(str_search(buf_str(&b), str_of(id)) >= 0);
    }
    buf_free(&b);
}

static void logs_cannot_touch_the_screen(void **state)
{
    struct buf b = { 0 };

    (void)state;
    describe(1);
    /* Sequences, control characters, bytes that are no UTF-8, and characters without width. */
    view(0,
         "\033[2J\033[31mred\033[0m\033[1;1H\033]0;title\007\r\b\n\xff\xc0\xaf\xe0\x80\x80\xf5 "
         "x\n\tte\xcc\x81st",
         100, 30, &b);
    assert_true(str_search(buf_str(&b), STR("red]0;title\033[0m")) >= 0);
    assert_true(str_search(buf_str(&b), STR("???")) >= 0);
    assert_true(str_search(buf_str(&b), STR("    te\xcc\x81st")) >= 0);
    assert_true(str_search(buf_str(&b), STR("\033[2J")) < 0);
    buf_free(&b);
}

static void the_newest_lines_are_seen(void **state)
{
    struct buf b = { 0 }, many = { 0 };

    (void)state;
    describe(1);
    for (int i = 0; i < 1000; i++)
        buf_format(&many, "line %d\n", i);
    buf_byte(&many, 0);
    view(0, (const char *)many.data, 80, 24, &b);
    assert_true(str_search(buf_str(&b), STR("line 999")) >= 0);
    assert_true(str_search(buf_str(&b), STR("an error")) >= 0);
    buf_free(&b);
    buf_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_size),
        cmocka_unit_test(the_selected_one_is_always_there),
        cmocka_unit_test(logs_cannot_touch_the_screen),
        cmocka_unit_test(the_newest_lines_are_seen),
    };
    int status;

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    status = cmocka_run_group_tests_name("super/monit_view", tests, NULL, NULL);
    buf_free(&list);
    return status;
}
