/* socketio/question.c - a broadcast that waits for the answers of all whom it reached (2.3).
 *
 * One packet with one id goes to all; ids come from the namespace's counter, so they never meet
 * those of single sockets. Who was asked is a sorted array of refs: an answer is matched by its
 * sender, and counts once.
 *
 * Clients of other nodes are asked by their nodes, which say how many they asked, then pass on each
 * answer; both may come in any order, so what is waited for is a difference.
 *
 * A question ends in exactly one way: all answered, timed out, nobody left to answer (without a
 * timeout, or when a node has died), or the server closed. One that is asked for another node has
 * no listener here: it passes on what it hears.
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
#include "socketio/cluster_question.h"
#include "socketio/encode.h"
#include "socketio/gather.h"

/* What a node's clients owe. */
struct owed {
    struct bus_node node;
    int64_t answers; /* below 0 while answers came before the number of those asked */
};

struct asked {
    uint64_t socket;
    bool settled; /* answered, or left */
};

struct sio_question {
    struct sio_question_key key; /* the map's */
    struct sio_server *io;
    sio_answers_fn fn;
    void *user;
    struct timer timeout;             /* not running: no limit */
    struct loop_job ended;            /* nobody is left to wait for; told from the loop */
    uint32_t asked_count, count, cap; /* of asked, and of items */
    int64_t expected, waiting;        /* clients everywhere */
    bool counting;                    /* other nodes have yet to say how many they asked */
    bool lost;                        /* a node went before its clients had answered */
    struct owed *owed;
    uint32_t owed_count;
    bool for_other; /* asked for another node */
    struct sio_asker asker;
    struct sio_data *items;
    void **blocks;        /* what each of items lies in */
    struct asked asked[]; /* by ref */
};

static str key_of(const struct sio_question_key *k)
{
    return str_n(k, sizeof *k);
}

static void question_free(struct sio_question *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        mem_free(q->blocks[i]);
    mem_free(q->items);
    mem_free(q->blocks);
    mem_free(q->owed);
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
    struct sio_answers answers = { q->items, q->count, (size_t)q->expected };

    withdraw(q);
    if (q->fn)
        q->fn(q->user, err, &answers);
    question_free(q);
}

static bool all_answered(const struct sio_question *q)
{
    return !q->counting && !q->lost && q->waiting == 0 && (q->for_other || q->count == q->expected);
}

/* Somebody left, or another node has said something: what follows is told from the loop. */
static void consider(struct sio_question *q)
{
    bool limited = timer_running(&q->timeout) && !q->lost;

    if (all_answered(q) || (!q->counting && q->waiting <= 0 && !limited))
        loop_defer(q->io->engine.loop, &q->ended);
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

    finish(q, all_answered(q) ? 0 : ATR_ECLOSED);
}

static int by_ref(const void *a, const void *b)
{
    uint64_t x = ((const struct asked *)a)->socket, y = ((const struct asked *)b)->socket;

    return (x > y) - (x < y);
}

static struct sio_question *question_new(struct sio_namespace *n, const struct sio_gathered *to)
{
    struct sio_question *q = mem_zalloc(sizeof *q + to->count * sizeof *q->asked);

    q->key = (struct sio_question_key){ n->number, n->next_ack++ };
    q->io = n->server;
    q->expected = q->waiting = q->asked_count = to->count;
    for (uint32_t i = 0; i < to->count; i++)
        q->asked[i].socket = to->sockets[i]->ref;
    qsort(q->asked, to->count, sizeof *q->asked, by_ref);
    timer_init(&q->timeout, on_timeout);
    loop_job_init(&q->ended, on_ended);
    return q;
}

/* Asks the sockets gathered. On failure nothing was sent, and q is gone. */
static int ask(struct sio_question *q, struct sio_namespace *n, const struct sio_gathered *to,
               const struct sio_target *t, const struct sio_data *data, uint32_t timeout_ms)
{
    struct sio_server *io = n->server;
    int err;

    map_put(&io->questions, key_of(&q->key), q);
    if (timeout_ms)
        loop_timer(io->engine.loop, &q->timeout, timeout_ms);
    if ((err = sio_broadcast_to(n, to, t, data, q->key.id)) < 0) {
        withdraw(q);
        question_free(q);
    }
    return err;
}

int sio_emit_ack(struct sio_namespace *n, const struct sio_target *t, const struct sio_data *data,
                 uint32_t timeout_ms, sio_answers_fn fn, void *user)
{
    struct sio_server *io = n->server;
    struct sio_gathered to;
    struct sio_question *q;
    struct sio_question_key key;
    int err;

    if (io->closing || n->gone)
        return ATR_ECLOSED;
    if (n->is_parent)
        return ATR_ESTATE;
    sio_gather(n, t, &to);
    q = question_new(n, &to);
    q->fn = fn;
    q->user = user;
    q->counting = sio_clustered(io, t ? t->flags : 0);
    key = q->key;
    err = ask(q, n, &to, t, data, timeout_ms);
    sio_gathered_free(&to);
    if (err < 0)
        return err;
    /* Listeners may have ended it meanwhile. */
    if (!(q = map_get(&io->questions, key_of(&key))))
        return 0;
    if (q->counting && sio_cluster_ask_nodes(n, t, data, timeout_ms, &key) < 0)
        sio_question_counted(io, &key, 0);
    else if (!q->counting && q->expected == 0)
        loop_defer(io->engine.loop, &q->ended);
    return 0;
}

uint32_t sio_question_for(struct sio_namespace *n, const struct sio_target *t,
                          const struct sio_data *data, uint32_t timeout_ms,
                          const struct sio_asker *asker)
{
    struct sio_gathered to;
    struct sio_question *q;
    uint32_t count;

    sio_gather(n, t, &to);
    count = to.count;
    if (count) {
        q = question_new(n, &to);
        q->for_other = true;
        q->asker = *asker;
        if (ask(q, n, &to, t, data, timeout_ms) < 0)
            count = 0;
    }
    sio_gathered_free(&to);
    return count;
}

static struct asked *find(struct sio_question *q, uint64_t socket)
{
    struct asked key = { .socket = socket };

    return bsearch(&key, q->asked, q->asked_count, sizeof key, by_ref);
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
    if (q->count == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 16;
        q->items = mem_realloc(q->items, q->cap * sizeof *q->items);
        q->blocks = mem_realloc(q->blocks, q->cap * sizeof *q->blocks);
    }
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

/* A client of this node that was asked has answered (data), or left. */
static void settle(struct sio_question *q, struct asked *who, const struct sio_data *data)
{
    who->settled = true;
    q->waiting--;
    if (q->for_other)
        sio_cluster_tell_answer(q->io, &q->asker, data);
    else if (data)
        keep(q, data);
}

void sio_question_answered(struct sio_socket *s, int64_t id, const struct sio_data *data)
{
    struct sio_question_key key = { s->nsp->number, id };
    struct sio_question *q = map_get(&s->nsp->server->questions, key_of(&key));
    struct asked *who = q ? find(q, s->ref) : NULL;

    if (!who || who->settled)
        return;
    settle(q, who, data);
    if (all_answered(q))
        finish(q, 0);
    else
        consider(q);
}

void sio_questions_each(const struct sio_socket *s, void (*each)(void *arg, int64_t id), void *arg)
{
    struct sio_server *io = s->nsp->server;
    struct sio_question *q;

    for (uint32_t at = 0; io->questions.count && (q = map_next(&io->questions, &at));) {
        const struct asked *who = q->key.nsp == s->nsp->number ? find(q, s->ref) : NULL;

        if (who && !who->settled)
            each(arg, q->key.id);
    }
}

void sio_questions_left(struct sio_socket *s)
{
    struct sio_server *io = s->nsp->server;
    struct sio_question *q;

    for (uint32_t at = 0; (q = map_next(&io->questions, &at));) {
        struct asked *who = q->key.nsp == s->nsp->number ? find(q, s->ref) : NULL;

        if (!who || who->settled)
            continue;
        settle(q, who, NULL);
        consider(q);
    }
}

/* --- Clients of other nodes --- */

static struct owed *owed_by(struct sio_question *q, struct bus_node node)
{
    for (uint32_t i = 0; i < q->owed_count; i++) {
        if (bus_same_node(q->owed[i].node, node))
            return &q->owed[i];
    }
    q->owed = mem_realloc(q->owed, (q->owed_count + 1) * sizeof *q->owed);
    q->owed[q->owed_count] = (struct owed){ .node = node };
    return &q->owed[q->owed_count++];
}

void sio_question_expects(struct sio_server *io, const struct sio_question_key *key,
                          struct bus_node node, uint32_t clients)
{
    struct sio_question *q = map_get(&io->questions, key_of(key));

    if (!q)
        return;
    owed_by(q, node)->answers += clients;
    q->expected += clients;
    q->waiting += clients;
}

void sio_question_counted(struct sio_server *io, const struct sio_question_key *key,
                          uint32_t missing)
{
    struct sio_question *q = map_get(&io->questions, key_of(key));

    if (!q)
        return;
    q->counting = false;
    q->lost = q->lost || missing;
    consider(q);
}

void sio_question_heard(struct sio_server *io, const struct sio_question_key *key,
                        struct bus_node node, const struct sio_data *data)
{
    struct sio_question *q = map_get(&io->questions, key_of(key));

    if (!q || q->for_other)
        return;
    owed_by(q, node)->answers--;
    q->waiting--;
    if (data)
        keep(q, data);
    consider(q);
}

void sio_questions_lost(struct sio_server *io, struct bus_node node)
{
    struct sio_question *q;

    for (uint32_t at = 0; (q = map_next(&io->questions, &at));) {
        if (q->for_other && bus_same_node(q->asker.node, node))
            loop_defer(io->engine.loop, &q->ended); /* there is nobody to tell */
        for (uint32_t i = 0; i < q->owed_count; i++) {
            if (!bus_same_node(q->owed[i].node, node) || q->owed[i].answers <= 0)
                continue;
            q->waiting -= q->owed[i].answers;
            q->owed[i].answers = 0;
            q->lost = true;
            consider(q);
        }
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
