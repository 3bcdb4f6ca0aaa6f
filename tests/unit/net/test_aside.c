/* tests/unit/net/test_aside.c - work on a thread: order, bounds, ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <pthread.h>

#include "base/mem.h"
#include "count.h"
#include "net/aside.h"

static struct loop loop;
static pthread_t main_thread;

static int setup(void **state)
{
    (void)state;
    main_thread = pthread_self();
    return loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    loop_fini(&loop);
    return 0;
}

struct task {
    struct aside_job job;
    struct aside *again; /* submit once more when done */
    pthread_mutex_t *gate;
    int number, times_run;
    bool elsewhere;
};

static char order[64];
static int given_up;

static void run(struct aside_job *j)
{
    struct task *t = container_of(j, struct task, job);

    if (t->gate) {
        pthread_mutex_lock(t->gate);
        pthread_mutex_unlock(t->gate);
    }
    t->elsewhere = !pthread_equal(pthread_self(), main_thread);
    t->times_run++;
}

static void done(struct aside_job *j, bool ran)
{
    struct task *t = container_of(j, struct task, job);
    struct aside *again = t->again;

    assert_true(pthread_equal(pthread_self(), main_thread));
    if (!ran) {
        given_up++;
        return;
    }
    assert_true(t->elsewhere);
    (void)snprintf(order + strlen(order), sizeof order - strlen(order), "%d", t->number);
    t->again = NULL;
    if (again)
        assert_int_equal(aside_submit(again, j), 0);
}

static struct task task(int number)
{
    return (struct task){ .job = { .run = run, .done = done }, .number = number };
}

static void jobs_run_elsewhere_and_come_back_in_order(void **state)
{
    struct aside *a = aside_open(&loop, "test", 8);
    struct task tasks[4];
    (void)state;

    order[0] = '\0';
    for (int i = 0; i < 4; i++) {
        tasks[i] = task(i);
        assert_int_equal(aside_submit(a, &tasks[i].job), 0);
        assert_string_equal(order, ""); /* never from within */
    }
    tasks[3].again = a;
    while (strlen(order) < 5)
        assert_int_equal(loop_turn(&loop, 1000), 0);
    assert_string_equal(order, "01233");
    assert_int_equal(tasks[3].times_run, 2);
    aside_close(a);
}

static void what_is_under_way_is_bounded(void **state)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct aside *a = aside_open(&loop, "test", 2);
    struct task tasks[3];
    (void)state;

    order[0] = '\0';
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 3; i++) {
        tasks[i] = task(i);
        tasks[i].gate = &gate;
        assert_int_equal(aside_submit(a, &tasks[i].job), i < 2 ? 0 : ATR_ELIMIT);
    }
    pthread_mutex_unlock(&gate);
    while (strlen(order) < 2)
        assert_int_equal(loop_turn(&loop, 1000), 0);
    assert_int_equal(aside_submit(a, &tasks[2].job), 0);
    while (strlen(order) < 3)
        assert_int_equal(loop_turn(&loop, 1000), 0);
    aside_close(a);
}

/* Every job is answered once, also those that nobody waited for; nothing is left behind. */
static void closing_gives_up_what_is_left(void **state)
{
    struct aside *a = aside_open(&loop, "test", 100);
    int fds = fd_count();
    struct task tasks[50];
    (void)state;

    order[0] = '\0';
    given_up = 0;
    for (int i = 0; i < 50; i++) {
        tasks[i] = task(1);
        assert_int_equal(aside_submit(a, &tasks[i].job), 0);
    }
    aside_close(a);
    assert_int_equal(given_up, 50);
    assert_int_equal(fd_count(), fds);
    aside_close(aside_open(&loop, "a name that is too long", 1)); /* never used */
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(LOOP_TEST(jobs_run_elsewhere_and_come_back_in_order),
          LOOP_TEST(what_is_under_way_is_bounded), LOOP_TEST(closing_gives_up_what_is_left))
