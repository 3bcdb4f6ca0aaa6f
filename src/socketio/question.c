/* socketio/question.c - a broadcast that waits for the answers of all whom it reached (2.3).
 *
 * One packet with one id goes to all; ids come from the namespace's counter, so they never meet
 * those of single sockets. Who was asked is a sorted array of refs: an answer is matched by its
 * sender, and counts once.
 *
 * A question ends in exactly one way: all answered, timed out, nobody left to answer (only without
 * a timeout), or the server closed.
 *
 * Start reading at sio_emit_ack().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/ack.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "proto/json.h"
#include "socketio/encode.h"
#include "socketio/gather.h"

struct question_key {
    uint64_t nsp; /* its number */
    int64_t id;
};

struct asked {
    uint64_t socket;
    bool settled; /* answered, or left */
};

struct sio_question {
    struct question_key key; /* the map's */
    struct sio_server *io;
    sio_answers_fn fn;
    void *user;
    struct timer timeout;  /* not running: no limit */
    struct loop_job ended; /* nobody is left to wait for; told from the loop */
    uint32_t expected, waiting, count;
    struct sio_data *items;
    void **blocks;        /* what each of items lies in */
    struct asked asked[]; /* by ref */
};

static str key_of(const struct question_key *k)
{
    return str_n(k, sizeof *k);
}

static void question_free(struct sio_question *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        mem_free(q->blocks[i]);
    mem_free(q->items);
    mem_free(q->blocks);
    mem_free(q);
}

/* Nothing finds it any more. */
static void withdraw(struct sio_question *q)
{
    map_remove(&q->io->questions, key_of(&q->key));
    loop_timer_stop(q->io->engine.loop, &q->timeout);
    list_remove(&q->ended.link);
}

static void finish(struct sio_question *q, int err)
{
    struct sio_answers answers = { q->items, q->count, q->expected };

    withdraw(q);
    q->fn(q->user, err, &answers);
    question_free(q);
}

static void on_timeout(struct timer *t)
{
    struct sio_question *q = container_of(t, struct sio_question, timeout);

    q->io->stats.ack_timeouts++;
    finish(q, ATR_ETIMEOUT);
}

static void on_ended(struct loop_job *job)
{
    struct sio_question *q = container_of(job, struct sio_question, ended);

    finish(q, q->count == q->expected ? 0 : ATR_ECLOSED);
}

static int by_ref(const void *a, const void *b)
{
    uint64_t x = ((const struct asked *)a)->socket, y = ((const struct asked *)b)->socket;

    return (x > y) - (x < y);
}

static struct sio_question *question_new(struct sio_namespace *n, const struct sio_gathered *to)
{
    struct sio_question *q = mem_zalloc(sizeof *q + to->count * sizeof *q->asked);

    q->key = (struct question_key){ n->number, n->next_ack++ };
    q->io = n->server;
    q->expected = q->waiting = to->count;
    for (uint32_t i = 0; i < to->count; i++)
        q->asked[i].socket = to->sockets[i]->ref;
    qsort(q->asked, to->count, sizeof *q->asked, by_ref);
    q->items = mem_alloc(to->count * sizeof *q->items);
    q->blocks = mem_alloc(to->count * sizeof *q->blocks);
    timer_init(&q->timeout, on_timeout);
    loop_job_init(&q->ended, on_ended);
    return q;
}

int sio_emit_ack(struct sio_namespace *n, const struct sio_target *t, const struct sio_data *data,
                 uint32_t timeout_ms, sio_answers_fn fn, void *user)
{
    struct sio_server *io = n->server;
    struct sio_gathered to;
    struct sio_question *q;
    int err;

    if (io->closing || n->gone)
        return ATR_ECLOSED;
    if (n->is_parent)
        return ATR_ESTATE;
    sio_gather(n, t, &to);
    q = question_new(n, &to);
    q->fn = fn;
    q->user = user;
    map_put(&io->questions, key_of(&q->key), q);
    if (timeout_ms)
        loop_timer(io->engine.loop, &q->timeout, timeout_ms);
    if (q->expected == 0)
        loop_defer(io->engine.loop, &q->ended);
    err = sio_broadcast_to(n, &to, t, data, q->key.id);
    sio_gathered_free(&to);
    if (err < 0) { /* nothing was sent */
        withdraw(q);
        question_free(q);
    }
    return err;
}

static struct asked *find(struct sio_question *q, uint64_t socket)
{
    struct asked key = { .socket = socket };

    return bsearch(&key, q->asked, q->expected, sizeof key, by_ref);
}

/* Keeps a copy: of the arguments only the first counts (2.3). */
static void keep(struct sio_question *q, const struct sio_data *data)
{
    str first = json_at(data->json, 0);
    size_t n = data->attachment_count, bytes = n * sizeof(str);
    str *slices;
    char *at;

    if (!first.p)
        first = STR("null");
    bytes += first.n;
    for (size_t i = 0; i < n; i++)
        bytes += data->attachments[i].n;
    slices = q->blocks[q->count] = mem_alloc(bytes);
    at = (char *)(slices + n);
    memcpy(at, first.p, first.n);
    q->items[q->count++] = (struct sio_data){ { at, first.n }, n ? slices : NULL, n };
    at += first.n;
    for (size_t i = 0; i < n; i++) {
        slices[i] = (str){ at, data->attachments[i].n };
        if (slices[i].n)
            memcpy(at, data->attachments[i].p, slices[i].n);
        at += slices[i].n;
    }
}

void sio_question_answered(struct sio_socket *s, int64_t id, const struct sio_data *data)
{
    struct sio_server *io = s->nsp->server;
    struct question_key key = { s->nsp->number, id };
    struct sio_question *q = map_get(&io->questions, key_of(&key));
    struct asked *who = q ? find(q, s->ref) : NULL;

    if (!who || who->settled)
        return;
    who->settled = true;
    q->waiting--;
    keep(q, data);
    if (q->count == q->expected)
        finish(q, 0);
    else if (q->waiting == 0 && !timer_running(&q->timeout))
        loop_defer(io->engine.loop, &q->ended);
}

void sio_questions_left(struct sio_socket *s)
{
    struct sio_server *io = s->nsp->server;
    struct sio_question *q;

    for (uint32_t at = 0; (q = map_next(&io->questions, &at));) {
        struct asked *who = q->key.nsp == s->nsp->number ? find(q, s->ref) : NULL;

        if (!who || who->settled)
            continue;
        who->settled = true;
        if (--q->waiting == 0 && !timer_running(&q->timeout))
            loop_defer(io->engine.loop, &q->ended);
    }
}

void sio_questions_close(struct sio_server *io)
{
    struct sio_question *q;

    for (uint32_t at = 0; (q = map_next(&io->questions, &at));)
        loop_defer(io->engine.loop, &q->ended);
}

void sio_questions_fini(struct sio_server *io)
{
    struct sio_question *q;

    ASSERT(io->closing); /* nobody may ask anew */
    for (uint32_t at = 0; (q = map_next(&io->questions, &at)); at = 0)
        finish(q, ATR_ECLOSED);
    map_free(&io->questions);
}
