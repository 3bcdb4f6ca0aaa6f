/* tests/unit/api/test_prometheus.c - the page of figures stays one that a scraper takes, whatever
 * an application adds to it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
#include <math.h>
#include <sys/socket.h>
#include <unistd.h>

#include "atrium/atrium.h"
#include "base/buf.h"

enum { TURNS_MAX = 3000, TURN_MS = 5 };

static void row(void (*fn)(void *user, const atr_metric *m), void *user, const char *name,
                const char *labels, const char *help, double value)
{
    atr_metric m = { .name = name, .suffix = "", .labels = labels, .help = help, .value = value };

    m.kind = ATR_GAUGE;
    fn(user, &m);
}

static void give(void *user, void (*fn)(void *fn_user, const atr_metric *m), void *fn_user)
{
    (void)user;
    row(fn, fn_user, "mine", "of=\"a\"", "Two\nlines and a \\", 1.5);
    row(fn, fn_user, "mine", "of=\"b\"", "Two\nlines and a \\", NAN);
    row(fn, fn_user, "atrium_info", "version=\"mine\"", "Not mine to give", 2);
    row(fn, fn_user, "large", "", "Large", INFINITY);
    row(fn, fn_user, "small", "", "Small", -INFINITY);
    row(fn, fn_user, "mine", "of=\"c\"", "Comes again", 3);
}

/* The page, terminated, in static memory. */
static const char *page(atr_app *app, uint16_t port)
{
    static char text[256 * 1024];
    static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, ask, sizeof ask - 1, 0), sizeof ask - 1);
    for (int i = 0; i < TURNS_MAX; i++) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, MSG_DONTWAIT);
        if (got == 0)
            break;
        if (got > 0)
            n += (size_t)got;
        else
            assert_true(atr_app_turn(app, TURN_MS) >= 0);
    }
    text[n] = 0;
    close(fd);
    return text;
}

static int count(const char *text, const char *what)
{
    int n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void an_application_cannot_spoil_the_page(void **state)
{
    char why[ATR_WHY_BYTES];
    int err;
    atr_app *app = atr_app_new(&err);
    (void)state;

    atr_app_add_metrics(app, give, NULL);
    atr_app_add_metrics(app, give, NULL); /* the same once more */
    err = atr_app_listen(app, "127.0.0.1", 0, why);
    assert_true(err > 0);
    const char *text = page(app, (uint16_t)err);
    assert_non_null(strstr(text, "\n# HELP mine Two\\nlines and a \\\\\n# TYPE mine gauge\n"
                                 "mine{of=\"a\"} 1.5\nmine{of=\"b\"} NaN\n"));
    assert_non_null(strstr(text, "\nlarge +Inf\n"));
    assert_non_null(strstr(text, "\nsmall -Inf\n"));
    assert_int_equal(count(text, "# TYPE mine "), 1);
    assert_int_equal(count(text, "mine{of="), 2);
    assert_int_equal(count(text, "# TYPE atrium_info "), 1);
    assert_int_equal(count(text, "atrium_info{"), 1);
    assert_int_equal(count(text, "# TYPE large "), 1);
    assert_null(strstr(text, "atrium_socketio_")); /* nobody has asked for it */
    atr_app_free(app);
}

TEST_MAIN(cmocka_unit_test(an_application_cannot_spoil_the_page))
