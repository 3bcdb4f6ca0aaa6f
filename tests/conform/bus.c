/* tests/conform/bus.c - what every bus must do. Linked with a backend: see bus_nodes.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "bus_nodes.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/slab.h"
#include "test.h"

struct node nodes[NODES_MAX];

enum { KIND = BUS_KIND_ROOMS };

/* --- What nodes do with what they hear --- */

static bool on_head(void *user, const struct bus_message *m)
{
    struct node *n = user;

    if (requests_kind(m->kind))
        return requests_on_head(&n->requests, m);
    return !n->refuse || !str_starts(m->head, str_of(n->refuse));
}

static void on_message(void *user, const struct bus_message *m, struct msg *body)
{
    struct node *n = user;
    struct heard *h;

    if (requests_kind(m->kind)) {
        requests_on_message(&n->requests, m, body);
        return;
    }
    assert_true(n->heard_count < 4096);
    h = &n->heard[n->heard_count++];
    str b = msg_payload(body);
    assert_int_equal(b.n, m->body_bytes);
    *h = (struct heard){ .number = m->number, .kind = m->kind, .from = m->from };
    snprintf(h->text, sizeof h->text, "%.*s/%.*s", STR_ARG(m->head), (int)(b.n < 64 ? b.n : 64),
             b.p);
}

static void on_missed(void *user, uint64_t count)
{
    ((struct node *)user)->missed += count;
}

static void on_node(void *user, struct bus_node node, bool here)
{
    struct node *n = user;

    n->here += here ? 1 : -1;
    requests_on_node(&n->requests, node, here);
}

const struct bus_events node_events = { on_head, on_message, on_missed, on_node };

/* Echoes; "silence" is not answered. */
static void on_question(void *user, uint16_t what, struct request_from from, str question)
{
    struct node *n = user;
    char answer[64];

    if (what == 2)
        return;
    if (what == 3) {
        size_t bytes = 256 << 20;
        char *huge = mem_alloc(bytes);

        request_answer(&n->requests, from, str_n(huge, bytes));
        mem_free(huge);
        return;
    }
    if (what == 4 || what == 5) { /* in parts; the second never ends its answer */
        int err = request_answer_part(&n->requests, from, STR("one"), false);

        assert_int_equal(err, 0);
        if (what == 4)
            err = request_answer_part(&n->requests, from, STR("two"), true);
        else
            request_decline(&n->requests, from);
        assert_int_equal(err, 0);
        return;
    }
    int len = snprintf(answer, sizeof answer, "%.*s from %td", STR_ARG(question), n - nodes);
    request_answer(&n->requests, from, str_n(answer, (size_t)len));
}

static const struct request_handler handler = { .on_question = on_question };

void turn_all(int times)
{
    for (int k = 0; k < times; k++)
        for (int i = 0; i < NODES_MAX; i++)
            if (nodes[i].bus)
                assert_int_equal(loop_turn(&nodes[i].loop, 0), 0);
}

static void start(int i)
{
    nodes[i] = (struct node){ 0 };
    assert_int_equal(loop_init(&nodes[i].loop), 0);
    backend_open(i);
    requests_init(&nodes[i].requests, nodes[i].bus, &nodes[i].loop, &handler, &nodes[i]);
}

static void stop(int i)
{
    if (!nodes[i].bus)
        return;
    requests_fini(&nodes[i].requests);
    backend_close(i);
    nodes[i].bus = NULL;
    (void)loop_turn(&nodes[i].loop, 0);
    loop_fini(&nodes[i].loop);
}

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        start(i);
        turn_all(2);
    }
    turn_all(4);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < NODES_MAX; i++)
        stop(i);
    backend_fini();
    slab_trim();
    return 0;
}

static uint64_t say(int i, uint16_t to, const char *head, const char *body)
{
    str part = str_of(body);
    struct bus_note note = {
        .kind = KIND, .to = to, .head = str_of(head), .parts = &part, .part_count = 1
    };
    uint64_t number = 0;

    assert_int_equal(bus_publish(nodes[i].bus, &note, &number), 0);
    return number;
}

static uint16_t number_of(int i)
{
    return bus_self(nodes[i].bus).number;
}

/* --- The suite --- */

static void test_nodes_know_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(nodes[i].here, 2);
    start(3);
    turn_all(4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(nodes[i].here, 3);
    stop(3);
    turn_all(4);
    for (int i = 0; i < 3; i++)
        assert_int_equal(nodes[i].here, 2);
}

static void test_a_note_reaches_all_others(void **state)
{
    (void)state;
    say(0, BUS_TO_ALL, "room", "hello");
    turn_all(3);
    assert_int_equal(nodes[0].heard_count, 0);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(nodes[i].heard_count, 1);
        assert_string_equal(nodes[i].heard[0].text, "room/hello");
        assert_int_equal(nodes[i].heard[0].from, number_of(0));
        assert_int_equal(nodes[i].heard[0].kind, KIND);
    }
}

static void test_a_note_to_one(void **state)
{
    (void)state;
    say(0, number_of(2), "", "for you");
    turn_all(3);
    assert_int_equal(nodes[1].heard_count, 0);
    assert_int_equal(nodes[2].heard_count, 1);
    assert_string_equal(nodes[2].heard[0].text, "/for you");
}

static void test_bodies_come_to_those_who_want_them(void **state)
{
    (void)state;
    nodes[1].refuse = "secret";
    say(0, BUS_TO_ALL, "secret", "x");
    say(0, BUS_TO_ALL, "open", "y");
    turn_all(3);
    assert_int_equal(nodes[1].heard_count, 1);
    assert_string_equal(nodes[1].heard[0].text, "open/y");
    assert_int_equal(nodes[2].heard_count, 2);
}

/* Two nodes that publish by turns: a third hears each in its order; of an ordered bus all agree. */
static void test_order(void **state)
{
    char text[16];

    (void)state;
    for (int k = 0; k < 500; k++) {
        snprintf(text, sizeof text, "%d", k);
        say(k % 2, BUS_TO_ALL, "n", text);
        if (k % 7 == 0)
            turn_all(1);
    }
    turn_all(4);
    assert_int_equal(nodes[2].heard_count, 500);
    int next[2] = { 0, 1 };
    for (int k = 0; k < 500; k++) {
        int got = atoi(nodes[2].heard[k].text + 2), who = got % 2;
        assert_int_equal(nodes[2].heard[k].from, number_of(who));
        assert_int_equal(got, next[who]);
        next[who] += 2;
        if (nodes[2].heard[k].number)
            assert_int_equal(nodes[2].heard[k].number, nodes[2].heard[0].number + (uint64_t)k);
    }
    assert_int_equal(nodes[0].heard_count, 250);
    assert_int_equal(nodes[1].heard_count, 250);
}

/* Who publishes on an ordered bus has seen all that precedes. */
static void test_publishing_catches_up(void **state)
{
    (void)state;
    if (!nodes[0].bus->ops->epoch(nodes[0].bus))
        skip();
    say(0, BUS_TO_ALL, "", "first");
    say(1, BUS_TO_ALL, "", "second");
    assert_int_equal(nodes[1].heard_count, 1);
    assert_string_equal(nodes[1].heard[0].text, "/first");
    assert_int_equal(nodes[0].heard_count, 0);
    turn_all(2);
    assert_string_equal(nodes[0].heard[0].text, "/second");
}

/* So has who asks for it. */
static void test_catching_up(void **state)
{
    uint64_t number;

    (void)state;
    if (!nodes[0].bus->ops->epoch(nodes[0].bus)) {
        assert_int_equal(bus_catch_up(nodes[0].bus), 0);
        return;
    }
    say(0, BUS_TO_ALL, "", "first");
    number = say(0, BUS_TO_ALL, "", "second");
    assert_int_equal(bus_catch_up(nodes[1].bus), number);
    assert_int_equal(nodes[1].heard_count, 2);
    assert_int_equal(bus_catch_up(nodes[1].bus), number);
    assert_int_equal(bus_catch_up(nodes[0].bus), number);
    turn_all(2);
    assert_int_equal(nodes[1].heard_count, 2);
    assert_int_equal(nodes[0].heard_count, 0);
}

static bool want_all(void *arg, const struct bus_message *m)
{
    (void)arg;
    (void)m;
    return true;
}

static void keep_text(void *arg, const struct bus_message *m, struct msg *body)
{
    str b = msg_payload(body);

    snprintf(arg, 64, "%.*s/%.*s", STR_ARG(m->head), STR_ARG(b));
}

static void stamp(uint8_t *at, uint64_t number)
{
    *at = (uint8_t)('a' + number % 26);
}

static void test_history(void **state)
{
    uint64_t first, last, number;
    char text[64] = "";

    (void)state;
    if (!nodes[0].bus->ops->epoch(nodes[0].bus))
        skip();
    number = say(0, BUS_TO_ALL, "h", "kept");
    nodes[1].bus->ops->range(nodes[1].bus, &first, &last);
    assert_int_equal(last, number);
    assert_true(first <= last);
    assert_true(nodes[1].bus->ops->read(nodes[1].bus, number, want_all, keep_text, text));
    assert_string_equal(text, "h/kept");
    assert_false(nodes[1].bus->ops->read(nodes[1].bus, last + 1, want_all, keep_text, text));

    str part = STR("at ?");
    struct bus_note note = { .kind = KIND,
                             .to = BUS_TO_ALL,
                             .head = STR("s"),
                             .parts = &part,
                             .part_count = 1,
                             .stamp = stamp,
                             .stamp_at = 3 };
    assert_int_equal(bus_publish(nodes[0].bus, &note, &number), 0);
    assert_true(nodes[2].bus->ops->read(nodes[2].bus, number, want_all, keep_text, text));
    assert_int_equal(text[5], 'a' + number % 26);
}

/* A node that does not turn for long is told how much it missed, and stops nobody. */
static void test_a_slow_node_is_told(void **state)
{
    static char big[8000];
    str part = { big, sizeof big };
    struct bus_note note = { .kind = KIND, .to = BUS_TO_ALL, .parts = &part, .part_count = 1 };
    uint64_t number;
    int sent = 0;

    (void)state;
    if (!nodes[0].bus->ops->epoch(nodes[0].bus))
        skip();
    for (; sent < 500; sent++) {
        assert_int_equal(bus_publish(nodes[0].bus, &note, &number), 0);
        assert_int_equal(loop_turn(&nodes[2].loop, 0), 0);
    }
    turn_all(10);
    assert_int_equal(nodes[2].missed, 0);
    assert_int_equal(nodes[2].heard_count, sent);
    assert_true(nodes[1].missed > 0);
    assert_int_equal(nodes[1].heard_count + nodes[1].missed, sent);
}

static void test_too_large(void **state)
{
    size_t n = 256 << 20;
    char *huge = mem_alloc(n);
    str part = { huge, n };
    struct bus_note note = { .kind = KIND, .to = BUS_TO_ALL, .parts = &part, .part_count = 1 };
    uint64_t number = 7;

    (void)state;
    assert_int_equal(bus_publish(nodes[0].bus, &note, &number), ATR_ELIMIT);
    assert_int_equal(number, 7);
    part.n = 1;
    note.head = str_n(huge, BUS_HEAD_MAX + 1);
    assert_int_equal(bus_publish(nodes[0].bus, &note, &number), ATR_ELIMIT);
    assert_int_equal(number, 7);
    turn_all(2);
    assert_int_equal(nodes[1].heard_count, 0);
    mem_free(huge);
}

static int tell(int i, uint16_t to, const char *head, str body)
{
    struct bus_note note = {
        .kind = KIND, .to = to, .head = str_of(head), .parts = &body, .part_count = 1
    };

    return bus_tell(nodes[i].bus, &note);
}

/* To one alone, in their order; not part of the history. */
static void test_telling(void **state)
{
    uint64_t number = say(0, BUS_TO_ALL, "", "a note");

    (void)state;
    turn_all(2);
    for (int k = 0; k < 20; k++)
        assert_int_equal(tell(0, number_of(1), "head", k % 2 ? STR("odd") : STR("even")), 0);
    turn_all(3);
    assert_int_equal(nodes[2].heard_count, 1);
    assert_int_equal(nodes[1].heard_count, 21);
    for (size_t k = 1; k < 21; k++) {
        assert_string_equal(nodes[1].heard[k].text, k % 2 ? "head/even" : "head/odd");
        assert_int_equal(nodes[1].heard[k].number, 0);
        assert_int_equal(nodes[1].heard[k].from, number_of(0));
    }
    if (nodes[0].bus->ops->epoch(nodes[0].bus))
        assert_int_equal(bus_catch_up(nodes[0].bus), number);
    nodes[2].refuse = "head";
    assert_int_equal(tell(0, number_of(2), "head", STR("unwanted")), 0);
    turn_all(3);
    assert_int_equal(nodes[2].heard_count, 1);
}

/* What is on its way is bounded; a large one goes all the same, alone. */
static void test_telling_much(void **state)
{
    enum { BYTES = 1 << 20 };
    uint16_t gone = number_of(2);
    char *large = mem_zalloc(BUS_TOLD_MAX + 1);
    int sent = 0, err = 0;

    (void)state;
    while ((err = tell(0, number_of(1), "", str_n(large, BYTES))) == 0 && sent < 1000)
        sent++;
    assert_int_equal(err, ATR_ELIMIT);
    assert_true(sent > 0);
    turn_all(200);
    assert_int_equal(nodes[1].heard_count, sent);
    assert_int_equal(tell(0, number_of(1), "", str_n(large, BUS_TOLD_MAX / 2)), 0);
    turn_all(600);
    assert_int_equal(nodes[1].heard_count, sent + 1);
    assert_int_equal(tell(0, number_of(1), "", str_n(large, BUS_TOLD_MAX + 1)), ATR_ELIMIT);
    stop(2);
    turn_all(3);
    assert_int_equal(tell(0, gone, "", STR("x")), ATR_ECLOSED);
    mem_free(large);
}

/* --- Requests --- */

struct asking {
    char answers[256];
    int count, ended, err;
    uint32_t missing;
};

static void on_answer(void *user, struct bus_node from, str answer)
{
    struct asking *a = user;

    (void)from;
    assert_int_equal(a->ended, 0);
    a->count++;
    strncat(a->answers, answer.p, answer.n);
    strcat(a->answers, ";");
}

static void on_end(void *user, int err, uint32_t missing)
{
    struct asking *a = user;

    a->ended++;
    a->err = err;
    a->missing = missing;
}

static const struct request_events asking_events = { on_answer, on_end };

static void test_asks_all(void **state)
{
    struct asking a = { 0 };

    (void)state;
    assert_int_equal(
        request_ask(&nodes[0].requests, BUS_TO_ALL, 1, STR("who"), 60000, &asking_events, &a), 0);
    assert_int_equal(a.ended, 0);
    turn_all(6);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.missing, 0);
    assert_int_equal(a.count, 2);
    assert_non_null(strstr(a.answers, "who from 1;"));
    assert_non_null(strstr(a.answers, "who from 2;"));
}

static void test_answers_in_parts(void **state)
{
    struct asking a = { 0 }, b = { 0 };

    (void)state;
    assert_int_equal(
        request_ask(&nodes[0].requests, BUS_TO_ALL, 4, STR(""), 60000, &asking_events, &a), 0);
    assert_int_equal(
        request_ask(&nodes[0].requests, number_of(1), 5, STR(""), 60000, &asking_events, &b), 0);
    turn_all(6);
    assert_int_equal(a.count, 4);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.missing, 0);
    assert_int_equal(b.ended, 1);
    assert_int_equal(b.err, ATR_ECLOSED);
    assert_int_equal(b.missing, 1);
}

static void test_asks_one(void **state)
{
    struct asking a = { 0 };

    (void)state;
    assert_int_equal(
        request_ask(&nodes[0].requests, number_of(2), 1, STR("you"), 60000, &asking_events, &a), 0);
    turn_all(6);
    assert_string_equal(a.answers, "you from 2;");
    assert_int_equal(a.ended, 1);
}

static void test_nobody_to_ask(void **state)
{
    struct asking a = { 0 }, b = { 0 };
    uint16_t gone = number_of(1);

    (void)state;
    stop(1);
    stop(2);
    turn_all(4);
    assert_int_equal(
        request_ask(&nodes[0].requests, BUS_TO_ALL, 1, STR("who"), 60000, &asking_events, &a), 0);
    assert_int_equal(
        request_ask(&nodes[0].requests, gone, 1, STR("who"), 60000, &asking_events, &b), 0);
    assert_int_equal(a.ended + b.ended, 0);
    turn_all(3);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.missing, 0);
    assert_int_equal(b.ended, 1);
    assert_int_equal(b.err, ATR_ECLOSED);
    assert_int_equal(b.missing, 1);
}

/* Who goes without an answer is not waited for; what came counts. */
static void test_one_goes_without_an_answer(void **state)
{
    struct asking a = { 0 };

    (void)state;
    assert_int_equal(
        request_ask(&nodes[0].requests, BUS_TO_ALL, 1, STR("q"), 60000, &asking_events, &a), 0);
    stop(2);
    turn_all(6);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.err, ATR_ECLOSED);
    assert_int_equal(a.missing, 1);
    assert_string_equal(a.answers, "q from 1;");
}

static void test_time_is_over(void **state)
{
    struct asking a = { 0 };

    (void)state;
    assert_int_equal(
        request_ask(&nodes[0].requests, BUS_TO_ALL, 2, STR("silence"), 20, &asking_events, &a), 0);
    for (int i = 0; i < 1000 && !a.ended; i++)
        assert_int_equal(loop_turn(&nodes[0].loop, 50), 0);
    assert_int_equal(a.err, ATR_ETIMEOUT);
    assert_int_equal(a.missing, 2);
    assert_int_equal(a.count, 0);
}

/* Nobody waits for an answer that cannot be sent. */
static void test_an_answer_is_too_large(void **state)
{
    struct asking a = { 0 };

    (void)state;
    assert_int_equal(request_ask(&nodes[0].requests, number_of(1), 3, STR("much"), 60000,
                                 &asking_events, &a),
                     0);
    turn_all(4);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.err, ATR_ECLOSED);
    assert_int_equal(a.missing, 1);
    assert_int_equal(a.count, 0);
    assert_int_equal(nodes[1].requests.stats.unsent, 1);
}

static void test_closing_ends_questions(void **state)
{
    struct asking a = { 0 };

    (void)state;
    assert_int_equal(request_ask(&nodes[0].requests, BUS_TO_ALL, 2, STR("silence"), 60000,
                                 &asking_events, &a),
                     0);
    stop(0);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.err, ATR_ECLOSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(TEST(test_nodes_know_each_other), TEST(test_a_note_reaches_all_others),
          TEST(test_a_note_to_one), TEST(test_bodies_come_to_those_who_want_them), TEST(test_order),
          TEST(test_publishing_catches_up), TEST(test_catching_up), TEST(test_history),
          TEST(test_a_slow_node_is_told), TEST(test_too_large), TEST(test_telling),
          TEST(test_telling_much), TEST(test_asks_all), TEST(test_asks_one),
          TEST(test_answers_in_parts), TEST(test_nobody_to_ask),
          TEST(test_one_goes_without_an_answer), TEST(test_time_is_over),
          TEST(test_an_answer_is_too_large), TEST(test_closing_ends_questions))
