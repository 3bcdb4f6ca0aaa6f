/* tests/unit/api/test_hot_path.c - what a warm server allocates: nothing per echo, nothing per
 * recipient.
 *
 * SPDX-License-Identifier: MIT
 */
#include "world.h"

static void on_connection(void *user, atr_socket *s)
{
    (void)s;
    ((struct world *)user)->connected++;
}

static void on_event(void *user, atr_socket *s, const atr_event *e)
{
    (void)user;
    if (e->name.n == 4)
        assert_int_equal(atr_socket_emit(s, &e->data, 0), 0);
    else if (e->name.n == 3)
        assert_int_equal(atr_socket_emit_text(s, "text", "0123456789abcdef"), 0);
    else
        assert_int_equal(atr_emit(atr_socket_namespace(s), NULL, &e->data), 0);
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    char why[ATR_WHY_BYTES];
    atr_namespace_handlers h = ATR_NAMESPACE_HANDLERS_INIT;
    int err;

    w->app = atr_app_new(&err);
    h.on_connection = on_connection;
    h.on_event = on_event;
    atr_namespace_handle(atr_io_of(atr_app_io(w->app), ATR_STR("/")), &h, w);
    err = atr_app_listen(w->app, "127.0.0.1", 0, why);
    assert_true(err > 0);
    w->port = (uint16_t)err;
    *state = w;
    return 0;
}

static void echo_once(struct world *w, int fd)
{
    static const char event[] = "42[\"echo\",\"0123456789abcdef0123456789abcdef\"]";
    char in[256];

    send_frame(fd, event);
    size_t n = receive(w, fd, in, sizeof in, sizeof event - 1 + 2);
    assert_int_equal(n, sizeof event - 1 + 2);
    assert_memory_equal(in + 2, event, sizeof event - 1);
}

static void a_warm_echo_allocates_nothing(void **state)
{
    struct world *w = *state;

    connect_client(w);
    for (int i = 0; i < 20; i++)
        echo_once(w, w->fds[0]);
    uint64_t before = mem_count();
    for (int i = 0; i < 1000; i++)
        echo_once(w, w->fds[0]);
    assert_int_equal(mem_count() - before, 0);
}

static void ask_for_text(struct world *w, int fd)
{
    static const char answer[] = "42[\"text\",\"0123456789abcdef\"]";
    char in[256];

    send_frame(fd, "42[\"say\"]");
    assert_int_equal(receive(w, fd, in, sizeof in, sizeof answer - 1 + 2), sizeof answer - 1 + 2);
    assert_memory_equal(in + 2, answer, sizeof answer - 1);
}

static void a_plain_text_allocates_nothing(void **state)
{
    struct world *w = *state;

    connect_client(w);
    for (int i = 0; i < 20; i++)
        ask_for_text(w, w->fds[0]);
    uint64_t before = mem_count();
    for (int i = 0; i < 200; i++)
        ask_for_text(w, w->fds[0]);
    assert_int_equal(mem_count() - before, 0);
}

static void broadcast_once(struct world *w)
{
    static const char event[] = "42[\"all of you\",\"0123456789abcdef\"]";
    char in[256];

    send_frame(w->fds[0], event);
    for (int i = 0; i < w->count; i++)
        assert_int_equal(receive(w, w->fds[i], in, sizeof in, sizeof event - 1 + 2),
                         sizeof event - 1 + 2);
}

static void a_broadcast_allocates_nothing_per_recipient(void **state)
{
    struct world *w = *state;

    while (w->count < CLIENTS_MAX) {
        connect_client(w);
        if (w->count != 10 && w->count != CLIENTS_MAX)
            continue;
        for (int i = 0; i < 5; i++)
            broadcast_once(w);
        uint64_t before = mem_count();
        for (int i = 0; i < 50; i++)
            broadcast_once(w);
        assert_true(mem_count() - before <= 2 * 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_warm_echo_allocates_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plain_text_allocates_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broadcast_allocates_nothing_per_recipient, setup,
                                        teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
