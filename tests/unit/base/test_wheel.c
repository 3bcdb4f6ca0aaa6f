/* tests/unit/base/test_wheel.c - the wheel against a plain array of times.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/wheel.h"

#include "base/mem.h"
#include "count.h"
#include "rng.h"
#include "test.h"

static struct wheel wheel;
static int fired;
static uint64_t fired_at;

static void on_fire(struct timer *t)
{
    (void)t;
    fired++;
    fired_at = wheel.now_ms;
}

/* Every delay around each level's edge, from several starts: not a millisecond early or late. */
static void timers_fire_at_their_millisecond(void **state)
{
    static const uint64_t starts[] = {
        0, 1, 63, 64, 4095, 1000003, (uint64_t)1 << 36, ((uint64_t)1 << 36) - 1, (uint64_t)1 << 60
    };
    struct timer t;

    (void)state;
    timer_init(&t, on_fire);
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        for (int bit = 0; bit < 60; bit++) {
            for (int off = -1; off <= 1; off++) {
                uint64_t delay = ((uint64_t)1 << bit) + (uint64_t)off;

                wheel_init(&wheel, starts[s]);
                fired = 0;
                timer_start(&wheel, &t, delay);
                assert_true(timer_running(&t));
                assert_int_equal(wheel.count, 1);
                if (delay > 0) {
                    wheel_advance(&wheel, starts[s] + delay - 1);
                    assert_int_equal(fired, 0);
                }
                wheel_advance(&wheel, starts[s] + delay);
                assert_int_equal(fired, 1);
                assert_false(timer_running(&t));
                assert_int_equal(wheel.count, 0);
                assert_int_equal(wheel_next(&wheel), -1);
                wheel_advance(&wheel, starts[s] + delay + 100000);
                assert_int_equal(fired, 1);
            }
        }
    }
}

/* A loop that sleeps as wheel_next() says wakes a handful of times, the last one on the dot. */
static void sleeping_as_told_meets_every_timer(void **state)
{
    struct rng rng = { 4 };
    struct timer t;

    (void)state;
    timer_init(&t, on_fire);
    for (int i = 0; i < 20000; i++) {
        uint64_t start = rng_u64(&rng) >> (1 + rng_below(&rng, 62));
        uint64_t delay = rng_u64(&rng) >> (2 + rng_below(&rng, 61));
        int waits = 0;

        wheel_init(&wheel, start);
        timer_start(&wheel, &t, delay);
        fired = 0;
        while (!fired) {
            int64_t wait = wheel_next(&wheel);

            assert_true(wait >= 0 && (waits == 0 || wait > 0));
            assert_true(++waits <= WHEEL_LEVELS + 1);
            wheel_advance(&wheel, wheel.now_ms + (uint64_t)wait);
        }
        assert_true(fired_at == start + delay);
    }
}

static void the_end_of_time_is_no_overflow(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, on_fire);
    wheel_init(&wheel, 1000);
    timer_start(&wheel, &t, UINT64_MAX);
    assert_true(t.at_ms == UINT64_MAX);
    assert_true(wheel_next(&wheel) > 0);
    fired = 0;
    wheel_advance(&wheel, UINT64_MAX - 1);
    assert_int_equal(fired, 0);
    wheel_advance(&wheel, UINT64_MAX);
    assert_int_equal(fired, 1);
}

static void stopping_is_exact_and_repeatable(void **state)
{
    struct timer t, other;

    (void)state;
    timer_init(&t, on_fire);
    timer_init(&other, on_fire);
    wheel_init(&wheel, 5000);
    timer_stop(&wheel, &t);
    timer_start(&wheel, &t, 100000);
    timer_start(&wheel, &other, 100001);
    timer_stop(&wheel, &t);
    timer_stop(&wheel, &t);
    assert_int_equal(wheel.count, 1);
    timer_stop(&wheel, &other);
    assert_int_equal(wheel.count, 0);
    assert_int_equal(wheel_next(&wheel), -1);
    fired = 0;
    wheel_advance(&wheel, 1000000);
    assert_int_equal(fired, 0);
}

static void restarting_moves_the_timer(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, on_fire);
    wheel_init(&wheel, 0);
    timer_start(&wheel, &t, 10);
    timer_start(&wheel, &t, 50);
    assert_int_equal(wheel.count, 1);
    fired = 0;
    wheel_advance(&wheel, 49);
    assert_int_equal(fired, 0);
    wheel_advance(&wheel, 50);
    assert_int_equal(fired, 1);
}

static void restart_at_once(struct timer *t)
{
    fired++;
    timer_start(&wheel, t, 0);
}

/* "At once" is the next turn: a callback that restarts itself does not hold up the loop. */
static void a_delay_of_zero_waits_for_the_next_turn(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, restart_at_once);
    wheel_init(&wheel, 7);
    fired = 0;
    timer_start(&wheel, &t, 0);
    assert_int_equal(wheel_next(&wheel), 0);
    for (int turn = 1; turn <= 5; turn++) {
        wheel_advance(&wheel, 7);
        assert_int_equal(fired, turn);
        assert_int_equal(wheel_next(&wheel), 0);
    }
    timer_stop(&wheel, &t);
    wheel_advance(&wheel, 8);
    assert_int_equal(fired, 5);
}

static void restart_in_ten(struct timer *t)
{
    fired++;
    assert_int_equal(wheel.now_ms, 1000);
    timer_start(&wheel, t, 10);
}

/* After a long pause a periodic timer fires once, and its next period counts from now. */
static void a_late_turn_does_not_fire_a_period_twice(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, restart_in_ten);
    wheel_init(&wheel, 0);
    fired = 0;
    timer_start(&wheel, &t, 10);
    wheel_advance(&wheel, 1000);
    assert_int_equal(fired, 1);
    assert_int_equal(t.at_ms, 1010);
    timer_stop(&wheel, &t);
}

static void time_that_goes_back_is_ignored(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, on_fire);
    wheel_init(&wheel, 100);
    timer_start(&wheel, &t, 10);
    fired = 0;
    wheel_advance(&wheel, 50);
    assert_int_equal(wheel.now_ms, 100);
    assert_int_equal(fired, 0);
    wheel_advance(&wheel, 110);
    assert_int_equal(fired, 1);
}

/* The model: what each timer is expected to do. Timers are on the heap and really freed, so that a
 * sanitized build notices a link into a timer that is gone. */
enum { MODEL_TIMERS = 60 };
static struct model {
    struct owned {
        struct timer timer;
        int index;
    } * timers[MODEL_TIMERS];
    uint64_t at[MODEL_TIMERS];
    bool running[MODEL_TIMERS];
    bool next_turn[MODEL_TIMERS]; /* started with delay 0 during the present advance */
    uint64_t last;                /* time of the timer that fired last in this advance */
    struct rng rng;
    int fired;
} model;

static void model_fire(struct timer *t);

static uint64_t model_delay(void)
{
    uint64_t delay = rng_u64(&model.rng) >> rng_below(&model.rng, 64);

    switch (rng_below(&model.rng, 4)) {
    case 0:
        return delay >> 20;
    case 1:
        return delay % 5;
    default:
        return delay % 10000;
    }
}

static void model_act(bool in_callback)
{
    int i = (int)rng_below(&model.rng, MODEL_TIMERS);
    struct owned *o = model.timers[i];
    uint64_t delay = model_delay();

    switch (rng_below(&model.rng, 5)) {
    case 0:
        timer_stop(&wheel, &o->timer);
        model.running[i] = false;
        break;
    case 1: /* free it, and put a fresh one in its place */
        timer_stop(&wheel, &o->timer);
        mem_free(o);
        model.timers[i] = o = mem_alloc(sizeof *o);
        timer_init(&o->timer, model_fire);
        o->index = i;
        model.running[i] = false;
        break;
    default:
        timer_start(&wheel, &o->timer, delay);
        model.running[i] = true;
        model.next_turn[i] = in_callback && delay == 0;
        model.at[i] = delay > UINT64_MAX - wheel.now_ms ? UINT64_MAX : wheel.now_ms + delay;
        break;
    }
}

static void model_fire(struct timer *t)
{
    int i = container_of(t, struct owned, timer)->index;

    assert_true(model.running[i]);
    assert_false(model.next_turn[i]);
    assert_false(timer_running(t));
    assert_true(model.at[i] <= wheel.now_ms); /* never early */
    assert_true(model.at[i] >= model.last);   /* in order of time */
    model.last = model.at[i];
    model.running[i] = false;
    model.fired++;
    for (uint64_t n = rng_below(&model.rng, 4); n > 0; n--)
        model_act(true); /* t itself may be freed here */
}

static void model_check(void)
{
    uint64_t count = 0, first = UINT64_MAX;
    int64_t next = wheel_next(&wheel);

    for (int i = 0; i < MODEL_TIMERS; i++) {
        assert_int_equal(timer_running(&model.timers[i]->timer), model.running[i]);
        if (!model.running[i])
            continue;
        count++;
        assert_true(model.at[i] > wheel.now_ms || model.next_turn[i]); /* never forgotten */
        first = model.at[i] < first ? model.at[i] : first;
    }
    assert_int_equal(wheel.count, count);
    if (count == 0)
        assert_int_equal(next, -1);
    else
        assert_true(next >= 0 && (uint64_t)next <= first - wheel.now_ms);
    if (count && first > wheel.now_ms)
        assert_true(next > 0); /* nobody spins */
}

static void random_operations_match_the_model(void **state)
{
    (void)state;
    model.rng.state = 5;
    wheel_init(&wheel, 123456789);
    for (int i = 0; i < MODEL_TIMERS; i++) {
        model.timers[i] = mem_alloc(sizeof *model.timers[i]);
        timer_init(&model.timers[i]->timer, model_fire);
        model.timers[i]->index = i;
    }
    for (int turn = 0; turn < 100000 && wheel.now_ms < (uint64_t)1 << 62; turn++) {
        for (uint64_t n = rng_below(&model.rng, 3); n > 0; n--)
            model_act(false);
        memset(model.next_turn, 0, sizeof model.next_turn);
        model.last = 0;
        if (turn % 3 == 0 && wheel_next(&wheel) >= 0)
            wheel_advance(&wheel, wheel.now_ms + (uint64_t)wheel_next(&wheel));
        else
            wheel_advance(&wheel, wheel.now_ms + model_delay() % 100000);
        model_check();
    }
    assert_true(model.fired > 10000);
    for (int i = 0; i < MODEL_TIMERS; i++) {
        timer_stop(&wheel, &model.timers[i]->timer);
        mem_free(model.timers[i]);
    }
    assert_int_equal(wheel.count, 0);
    assert_int_equal(wheel_next(&wheel), -1);
}

TEST_MAIN(cmocka_unit_test(timers_fire_at_their_millisecond),
          cmocka_unit_test(sleeping_as_told_meets_every_timer),
          cmocka_unit_test(the_end_of_time_is_no_overflow),
          cmocka_unit_test(stopping_is_exact_and_repeatable),
          cmocka_unit_test(restarting_moves_the_timer),
          cmocka_unit_test(a_delay_of_zero_waits_for_the_next_turn),
          cmocka_unit_test(a_late_turn_does_not_fire_a_period_twice),
          cmocka_unit_test(time_that_goes_back_is_ignored),
          cmocka_unit_test(random_operations_match_the_model))
