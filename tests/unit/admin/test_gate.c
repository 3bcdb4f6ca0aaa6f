/* Who gets in, and what a stranger can cost.
 *
 * SPDX-License-Identifier: MIT
 */
#include "desk.h"

#include <pthread.h>

#include "net/aside.h"

#define JOIN(user, password) "40/admin,{\"username\":\"" user "\",\"password\":\"" password "\"}"

static struct desk d;

static int setup(void **state)
{
    (void)state;
    desk_open(&d, "{" DESK_AUTH "}", NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    desk_close(&d);
    return 0;
}

static void a_password_opens_and_gives_a_session(void **state)
{
    struct peer p, q;
    char again[128];
    const char *session;
    (void)state;

    peer_open(&p, &d.rig);
    peer_say(&p, JOIN("admin", "pw"));
    desk_await(&p, "[\"session\",\"");
    assert_true(strstr(desk_heard(&p), "[\"session\"") > strstr(desk_heard(&p), "40/admin,"));
    session = strstr(desk_heard(&p), "[\"session\",\"") + 12;
    (void)snprintf(again, sizeof again, "40/admin,{\"sessionId\":\"%.*s\"}", ADMIN_SESSION_LEN,
                   session);
    peer_open(&q, &d.rig);
    peer_say(&q, again);
    assert_told(&q, "config"); /* at once: nothing is hashed */
    assert_not_told(&q, "\"session\"");
    desk_forget(&q);
    peer_say(&q, "41/admin,");
    again[30] ^= 1;
    peer_say(&q, again);
    assert_told(&q, "44/admin,{\"message\":\"invalid credentials\"}");
    assert_int_equal(d.admin->stats.logins, 1);
    assert_int_equal(d.admin->stats.session_logins, 1);
    assert_int_equal(d.admin->stats.refused, 1);
    peer_close(&p);
    peer_close(&q);
    buf_clear(&d.rig.log);
}

static void everything_else_is_refused(void **state)
{
    static const char *const wrong[] = {
        "40/admin",
        "40/admin,{}",
        JOIN("admin", "pW"),
        JOIN("admin", ""),
        JOIN("Admin", "pw"),
        JOIN("admin", "pw\\u0000"), /* C would stop reading there */
        "40/admin,{\"username\":\"admin\"}",
        "40/admin,{\"username\":[\"admin\"],\"password\":\"pw\"}",
        "40/admin,{\"username\":\"admin\",\"password\":{\"a\":1}}",
        "40/admin,{\"sessionId\":\"\"}",
        "40/admin,{\"sessionId\":7}",
        "40/admin,{\"sessionId\":\"\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000"
        "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000"
        "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\"}",
    };
    struct peer p;
    (void)state;

    peer_open(&p, &d.rig);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        peer_say(&p, wrong[i]);
        desk_await(&p, "44/admin,{\"message\":\"invalid credentials\"}");
        desk_forget(&p);
        assert_int_equal(d.admin->stats.refused, i + 1);
    }
    assert_int_equal(d.admin->nsp->hub.count, 0);
    peer_close(&p);
    buf_clear(&d.rig.log);
}

/* What lies beyond the handful costs no hashing, and others are served meanwhile. */
static void attempts_are_limited(void **state)
{
    struct peer p, q;
    (void)state;

    peer_open(&p, &d.rig);
    peer_join(&q, &d.rig);
    for (int i = 0; i < 3 * ADMIN_ATTEMPTS; i++)
        peer_say(&p, JOIN("admin", "no"));
    peer_say(&q, "42[\"still here\"]");
    desk_await(&p, "too many attempts");
    while (d.admin->stats.refused < ADMIN_ATTEMPTS)
        assert_int_equal(loop_turn(&d.rig.loop, 10), 0);
    assert_int_equal(d.admin->stats.refused, ADMIN_ATTEMPTS);
    assert_int_equal(d.admin->stats.throttled, 2 * ADMIN_ATTEMPTS);
    peer_say(&p, JOIN("admin", "pw")); /* also the right one: who knows it waits */
    desk_forget(&p);
    assert_int_equal(d.admin->stats.throttled, 2 * ADMIN_ATTEMPTS + 1);
    buf_byte(&d.rig.log, '\0');
    assert_non_null(strstr((const char *)d.rig.log.data, "still here"));
    peer_close(&p);
    peer_close(&q);
    buf_clear(&d.rig.log);
}

/* Work of the test's own among the checks: the first waits for the test, the last ends it. */
struct marker {
    struct aside_job job;
    pthread_mutex_t *gate;
    bool done;
};

static void pass_gate(struct aside_job *j)
{
    struct marker *m = container_of(j, struct marker, job);

    pthread_mutex_lock(m->gate);
    pthread_mutex_unlock(m->gate);
}

static void note_done(struct aside_job *j, bool ran)
{
    container_of(j, struct marker, job)->done = ran;
}

static void who_leaves_meanwhile_is_not_decided_about(void **state)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct marker first = { .job = { .run = pass_gate, .done = note_done }, .gate = &gate },
                  last = first;
    struct peer p;
    (void)state;

    pthread_mutex_lock(&gate);
    assert_int_equal(aside_submit(d.admin->checks, &first.job), 0);
    peer_open(&p, &d.rig);
    peer_say(&p, JOIN("admin", "pw"));
    rig_settle(&d.rig);
    peer_close(&p);
    assert_int_equal(aside_submit(d.admin->checks, &last.job), 0);
    pthread_mutex_unlock(&gate);
    while (!last.done)
        assert_int_equal(loop_turn(&d.rig.loop, 100), 0);
    assert_int_equal(d.admin->stats.logins + d.admin->stats.refused, 0);
    buf_clear(&d.rig.log);
}

static void the_end_does_not_wait_for_all_checks(void **state)
{
    struct peer p;
    (void)state;

    peer_open(&p, &d.rig);
    for (int i = 0; i < 5; i++)
        peer_say(&p, JOIN("admin", "pw"));
    peer_close(&p);
    buf_clear(&d.rig.log);
} /* and teardown finds nothing left behind */

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(DESK_TEST(a_password_opens_and_gives_a_session), DESK_TEST(everything_else_is_refused),
          DESK_TEST(attempts_are_limited), DESK_TEST(who_leaves_meanwhile_is_not_decided_about),
          DESK_TEST(the_end_does_not_wait_for_all_checks))
