/* socketio/cluster_ask.c - questions between servers: who is there, which rooms, events that are to
 * be answered.
 *
 * Whoever asks gets all answers in one go. A question's body begins with a target as in the head
 * of a note, in a piece of its own.
 *
 * Start reading at ask() and on_question().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster_parts.h"
#include "socketio/cluster_session.h"

#include "base/mem.h"
#include "proto/json.h"

/* --- Collecting answers --- */

/* What has come so far. The bytes of all answers lie in one buffer that grows, so what points into
 * it is made at the end. */
struct collecting {
    sio_collected_fn fn;
    void *user;
    bool lists;       /* an answer is a list of values; else it is one */
    struct buf bytes; /* values, as sio_write_data() writes them */
    size_t count;
};

static void on_answer(void *user, struct bus_node from, str answer)
{
    struct collecting *k = user;
    struct sio_reader r = { answer.p, answer.p + answer.n, false };
    uint32_t n = k->lists ? sio_read_u32(&r) : 1;

    (void)from;
    while (n-- && !r.broken) {
        const char *begin = r.at;
        struct sio_data d;
        str *attachments;

        if (sio_read_data(&r, &d, &attachments) < 0)
            return;
        mem_free(attachments);
        buf_append(&k->bytes, begin, (size_t)(r.at - begin));
        k->count++;
    }
}

static void on_end(void *user, int err, uint32_t missing)
{
    struct collecting *k = user;
    const char *bytes = k->count ? (const char *)k->bytes.data : "";
    struct sio_reader r = { bytes, bytes + k->bytes.len, false };
    struct sio_collected out = { .count = k->count, .missing = missing };
    str **blocks = mem_alloc(k->count * sizeof *blocks + 1);

    out.items = mem_alloc(k->count * sizeof *out.items + 1);
    for (size_t i = 0; i < k->count; i++)
        if (sio_read_data(&r, &out.items[i], &blocks[i]) < 0) /* it was read before */
            blocks[i] = NULL;
    k->fn(k->user, err, &out);
    for (size_t i = 0; i < k->count; i++)
        mem_free(blocks[i]);
    mem_free(blocks);
    mem_free(out.items);
    buf_free(&k->bytes);
    mem_free(k);
}

static const struct request_events collecting_events = { on_answer, on_end };

/* Nobody else is there: the answer is empty, but comes from the loop as any. */
struct alone {
    struct loop_job job;
    sio_collected_fn fn;
    void *user;
};

static void answer_alone(struct loop_job *job)
{
    struct alone *a = container_of(job, struct alone, job);
    struct sio_collected none = { 0 };

    a->fn(a->user, 0, &none);
    mem_free(a);
}

static int ask_nobody(struct sio_server *io, sio_collected_fn fn, void *user)
{
    struct alone *a = mem_alloc(sizeof *a);

    *a = (struct alone){ .fn = fn, .user = user };
    loop_job_init(&a->job, answer_alone);
    loop_defer(io->engine.loop, &a->job);
    return 0;
}

/* Asks all others about a target; data NULL: that is all. */
static int ask(struct sio_namespace *n, uint16_t what, const struct sio_target *t,
               const struct sio_data *data, uint32_t timeout_ms, bool lists, sio_collected_fn fn,
               void *user)
{
    struct sio_cluster *c = n->server->cluster;
    struct collecting *k;
    struct buf question = { 0 };
    int err;

    if (!c)
        return ask_nobody(n->server, fn, user);
    if (n->server->closing) /* what is open ends with the server */
        return ATR_ECLOSED;
    k = mem_zalloc(sizeof *k);
    *k = (struct collecting){ .fn = fn, .user = user, .lists = lists };
    sio_cluster_write(c, n, t);
    sio_write_str(&question, buf_str(&c->head));
    buf_add(&question, buf_str(&c->front));
    if (data)
        sio_write_data(&question, data);
    err = request_ask(&c->exchange->requests, BUS_TO_ALL, what, buf_str(&question),
                      timeout_ms ? timeout_ms : SIO_REQUEST_TIMEOUT_MS, &collecting_events, k);
    buf_free(&question);
    if (err < 0)
        mem_free(k);
    return err;
}

int sio_fetch(struct sio_namespace *n, const struct sio_target *t, uint32_t timeout_ms,
              sio_collected_fn fn, void *user)
{
    return ask(n, SIO_ASK_FETCH, t, NULL, timeout_ms, true, fn, user);
}

int sio_fetch_rooms(struct sio_namespace *n, uint32_t timeout_ms, sio_collected_fn fn, void *user)
{
    return ask(n, SIO_ASK_ROOMS, NULL, NULL, timeout_ms, false, fn, user);
}

int sio_server_side_ask(struct sio_namespace *n, const struct sio_data *data, uint32_t timeout_ms,
                        sio_collected_fn fn, void *user)
{
    return ask(n, SIO_ASK_SIDE, NULL, data, timeout_ms, false, fn, user);
}

/* --- Answering --- */

static void answer(struct sio_cluster *c, struct request_from to, const struct buf *bytes)
{
    request_answer(&c->exchange->requests, to, buf_str(bytes));
}

static void answer_rooms(struct sio_cluster *c, struct request_from to,
                         const struct sio_namespace *n)
{
    struct buf json = { 0 }, bytes = { 0 };
    struct hub_group *g;
    struct sio_socket *s;
    const char *comma = "";

    buf_byte(&json, '[');
    for (uint32_t at = 0; (g = map_next(&n->hub.groups, &at)); comma = ",") {
        buf_add(&json, str_of(comma));
        json_write_string(&json, hub_group_name(g));
    }
    for (uint32_t at = 0; (s = map_next(&n->by_id, &at));) {
        if (s->left_own_room)
            continue;
        buf_add(&json, str_of(comma));
        json_write_string(&json, sio_socket_id(s));
        comma = ",";
    }
    buf_byte(&json, ']');
    sio_write_data(&bytes, &(struct sio_data){ .json = buf_str(&json) });
    answer(c, to, &bytes);
    buf_free(&json);
    buf_free(&bytes);
}

void sio_server_side_answer(struct sio_server *io, const struct request_from *to,
                            const struct sio_data *data)
{
    struct buf bytes = { 0 };

    if (!io->cluster)
        return;
    sio_write_data(&bytes, data);
    answer(io->cluster, *to, &bytes);
    buf_free(&bytes);
}

static void answer_side(struct sio_cluster *c, struct request_from to, struct sio_namespace *n,
                        struct sio_reader *r)
{
    struct sio_data data;
    str *attachments;

    if (sio_read_data(r, &data, &attachments) < 0) {
        c->stats.malformed++;
        return;
    }
    if (c->io->events->on_server_side)
        c->io->events->on_server_side(n, &data, &to);
    mem_free(attachments);
}

/* A node that has no such namespace answers that it has nobody. */
static void answer_nothing(struct sio_cluster *c, uint16_t what, struct request_from to)
{
    struct buf bytes = { 0 };

    if (what == SIO_ASK_ROOMS)
        sio_write_data(&bytes, &(struct sio_data){ .json = STR("[]") });
    else if (what == SIO_ASK_SIDE)
        sio_write_data(&bytes, &(struct sio_data){ .json = STR("null") });
    else if (what != SIO_ASK_SESSION)
        sio_write_u32(&bytes, 0);
    answer(c, to, &bytes);
    buf_free(&bytes);
}

static void on_question(void *user, uint16_t what, struct request_from from, str question)
{
    struct sio_cluster *c = user;
    struct sio_reader r = { question.p, question.p + question.n, false };
    struct bus_message m = { .kind = what, .head = sio_read_str(&r) };
    str rest = str_n(r.at, (size_t)(r.end - r.at));
    struct sio_wire_target t;
    struct sio_reader head;
    struct sio_namespace *n;
    struct sio_target target;

    if (r.broken || (c->io->closing && what != SIO_ASK_SESSION) ||
        !(n = sio_cluster_read(c, &m, &rest, &head, &t))) {
        answer_nothing(c, what, from);
        return;
    }
    target = (struct sio_target){ .rooms = t.rooms,
                                  .room_count = t.room_count,
                                  .except = t.except,
                                  .except_count = t.except_count };
    r = (struct sio_reader){ rest.p, rest.p + rest.n, false };
    if (what == SIO_ASK_FETCH)
        sio_cluster_describe(c, from, n, &target);
    else if (what == SIO_ASK_ROOMS)
        answer_rooms(c, from, n);
    else if (what == SIO_ASK_SIDE)
        answer_side(c, from, n, &r);
    else if (what == SIO_ASK_SESSION)
        sio_session_give(c, from, n, &r);
    else if (what == SIO_ASK_CAST)
        sio_cluster_ask_clients(c, from, n, &target, &r);
    else
        answer_nothing(c, what, from);
    sio_wire_free(&t);
}

/* An event that is to be acknowledged has its place among all the others. */
static bool at_once(void *user, uint16_t what)
{
    (void)user;
    return what == SIO_ASK_CAST;
}

const struct request_handler sio_cluster_questions = { on_question, at_once };
