/* tests/unit/api/test_rewrite.c - a replacer and a reviver in C: what they see, what becomes of
 * what they write, and what happens when they will not have it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "world.h"

static char said[1024]; /* what handlers and rewriters were given */
static atr_socket *last;

static void note(const char *what, atr_str text)
{
    size_t n = strlen(said);

    (void)snprintf(said + n, sizeof said - n, "%s%s:%.*s", n ? " " : "", what, (int)text.n, text.p);
}

static void on_connection(void *user, atr_socket *s)
{
    last = s;
    ((struct world *)user)->connected++;
}

static void on_event(void *user, atr_socket *s, const atr_event *e)
{
    (void)user;
    note("event", e->name);
    note("data", e->data.json);
    if (e->data.attachment_count)
        note("bytes", e->data.attachments[0]);
    if (e->ack >= 0)
        assert_int_equal(atr_socket_ack(s, e->ack, &(atr_data){ ATR_STR("[\"yes\"]"), NULL, 0 }),
                         0);
}

static void on_disconnect(void *user, atr_socket *s, const char *reason, const char *description)
{
    (void)user, (void)s, (void)description;
    note("left", atr_text(reason));
}

/* Doubles the list: [...] becomes ["seen",...]; what holds "no" is refused, what holds "as is"
 * stays, what holds "broken" becomes no JSON. */
static int rewrite(void *user, const atr_data *data, atr_writer *w)
{
    char text[256];

    note(user, data->json);
    (void)snprintf(text, sizeof text, "%.*s", (int)data->json.n, data->json.p);
    if (strstr(text, "\"no\""))
        return ATR_ERANGE;
    if (strstr(text, "\"as is\""))
        return 0;
    atr_write_array(w);
    atr_write_string(w, ATR_STR("seen"));
    for (size_t i = 0; i < atr_json_count(data->json); i++)
        atr_write_json(w, atr_json_at(data->json, i));
    if (!strstr(text, "\"broken\""))
        atr_write_end(w);
    return 1;
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    char why[ATR_WHY_BYTES];
    atr_namespace_handlers h = ATR_NAMESPACE_HANDLERS_INIT;
    atr_io *io;
    int err;

    w->app = atr_app_new(&err);
    h.on_connection = on_connection;
    h.on_event = on_event;
    h.on_disconnect = on_disconnect;
    io = atr_app_io(w->app);
    atr_namespace_handle(atr_io_of(io, ATR_STR("/")), &h, w);
    err = atr_app_listen(w->app, "127.0.0.1", 0, why);
    assert_true(err > 0);
    w->port = (uint16_t)err;
    *state = w;
    connect_client(w);
    said[0] = '\0';
    return 0;
}

static void settle(struct world *w)
{
    for (int i = 0; i < 50; i++)
        turn(w);
}

/* The texts that came, without what frames add. */
static const char *heard(struct world *w)
{
    static char out[1024];
    char in[1024];
    size_t n = 0;
    ssize_t got;

    settle(w);
    got = recv(w->fds[0], in, sizeof in, MSG_DONTWAIT);
    for (ssize_t i = 0; i + 2 <= got; i += 2 + in[i + 1]) {
        if ((in[i] & 15) != 1)
            break;
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s", n ? " " : "", in[i + 1],
                              in + i + 2);
    }
    out[n] = '\0';
    return out;
}

#define assert_said(want)                                                                          \
    do {                                                                                           \
        assert_string_equal(said, want);                                                           \
        said[0] = '\0';                                                                            \
    } while (0)

static atr_data data_of(const char *json)
{
    return (atr_data){ atr_text(json), NULL, 0 };
}

static void what_goes_out_is_replaced(void **state)
{
    struct world *w = *state;
    atr_io *io = atr_app_io(w->app);
    atr_namespace *n = atr_io_of(io, ATR_STR("/"));
    atr_str bytes = ATR_STR("abc");
    atr_data binary = { ATR_STR("[\"b\",{\"_placeholder\":true,\"num\":0}]"), &bytes, 1 };
    char in[64];

    atr_io_set_replacer(io, rewrite, (void *)(uintptr_t) "out");
    assert_int_equal(atr_socket_emit(last, &(atr_data){ ATR_STR("[\"x\",1]"), NULL, 0 }, 0), 0);
    assert_int_equal(atr_emit(n, NULL, &(atr_data){ ATR_STR("[\"as is\"]"), NULL, 0 }), 0);
    assert_string_equal(heard(w), "42[\"seen\",\"x\",1] 42[\"as is\"]");
    assert_said("out:[\"x\",1] out:[\"as is\"]");

    atr_data no = data_of("[\"no\"]"), broken = data_of("[\"broken\"]");
    assert_int_equal(atr_emit(n, NULL, &no), ATR_ERANGE);
    assert_int_equal(atr_socket_emit(last, &no, 0), ATR_ERANGE);
    assert_int_equal(atr_socket_emit(last, &broken, 0), ATR_ESYNTAX);
    assert_string_equal(heard(w), "");

    assert_int_equal(atr_socket_emit(last, &binary, 0), 0); /* its attachment goes along */
    settle(w);
    assert_int_equal(recv(w->fds[0], in, 2, 0), 2);
    size_t n_text = (size_t)in[1];
    assert_int_equal(recv(w->fds[0], in, n_text, 0), n_text);
    assert_memory_equal(in, "451-[\"seen\",\"b\",", 16);
    assert_int_equal(recv(w->fds[0], in, sizeof in, 0), 5);
    assert_memory_equal(in + 2, "abc", 3);

    said[0] = '\0';
    send_frame(w->fds[0], "427[\"ask\"]");
    assert_string_equal(heard(w), "437[\"seen\",\"yes\"]");
    assert_said("event:ask data:[\"ask\"] out:[\"yes\"]");
    atr_io_set_replacer(io, NULL, NULL);
    assert_int_equal(atr_emit(n, NULL, &no), 0);
    assert_string_equal(heard(w), "42[\"no\"]");
}

static void answered(void *user, int err, const atr_data *reply)
{
    (void)user;
    assert_true(err < 0 ? !reply : reply != NULL);
    if (err < 0)
        note("failed", err == ATR_ERANGE ? ATR_STR("range") : ATR_STR("?"));
    else
        note("answer", reply->json);
}

static void all_answered(void *user, int err, const atr_answers *a)
{
    (void)user;
    assert_int_equal(err, 0);
    for (size_t i = 0; i < a->count; i++)
        note("one", a->items[i].json);
}

static void what_comes_in_is_revived(void **state)
{
    struct world *w = *state;
    atr_io *io = atr_app_io(w->app);
    atr_namespace *n = atr_io_of(io, ATR_STR("/"));
    atr_data q = data_of("[\"q\"]");

    atr_io_set_reviver(io, rewrite, (void *)(uintptr_t) "in");
    send_frame(w->fds[0], "42[\"x\",{\"k\":[]}]");
    send_frame(w->fds[0], "42[\"as is\",2]");
    settle(w);
    assert_said("in:[\"x\",{\"k\":[]}] event:seen data:[\"seen\",\"x\",{\"k\":[]}] "
                "in:[\"as is\",2] event:as is data:[\"as is\",2]");

    for (int i = 0; i < 2; i++)
        assert_int_equal(atr_socket_emit_with_ack(last, &q, 0, 0, answered, NULL), 0);
    assert_string_equal(heard(w), "420[\"q\"] 421[\"q\"]");
    send_frame(w->fds[0], "430[5]");
    send_frame(w->fds[0], "431[\"no\"]");
    settle(w);
    assert_said("in:[5] answer:[\"seen\",5] in:[\"no\"] failed:range");

    for (int i = 0; i < 3; i++)
        assert_int_equal(atr_emit_with_ack(n, NULL, &q, 0, all_answered, NULL), 0);
    (void)heard(w);
    send_frame(w->fds[0], "432[5,6]");
    send_frame(w->fds[0], "433[\"no\"]");
    send_frame(w->fds[0], "434[\"as is\"]");
    settle(w);
    assert_said("in:[5] one:\"seen\" in:[\"no\"] one:null in:[\"as is\"] one:\"as is\"");
}

/* It closes whom it came from, and nobody else. */
static void what_is_refused_closes_its_sender(void **state)
{
    struct world *w = *state;
    atr_io *io = atr_app_io(w->app);
    atr_namespace *n = atr_io_of(io, ATR_STR("/"));

    connect_client(w);
    atr_io_set_reviver(io, rewrite, (void *)(uintptr_t) "in");
    send_frame(w->fds[1], "42[\"no\"]");
    settle(w);
    assert_said("in:[\"no\"] left:forced close");
    assert_int_equal(atr_namespace_count(n), 1);
    connect_client(w);
    said[0] = '\0';
    send_frame(w->fds[2], "42[\"broken\"]");
    settle(w);
    assert_said("in:[\"broken\"] left:forced close");
    send_frame(w->fds[0], "42[\"as is\"]");
    settle(w);
    assert_said("in:[\"as is\"] event:as is data:[\"as is\"]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TEST_MAIN(TEST(what_goes_out_is_replaced), TEST(what_comes_in_is_revived),
          TEST(what_is_refused_closes_its_sender))
