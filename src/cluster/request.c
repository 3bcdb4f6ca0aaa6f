/* cluster/request.c - see request.h.
 *
 * Heads. Of a question: what, the asker's generation, its id. Of an answer: the same id, the
 * answerer's generation, and whether it could not be sent or more of it follows. All of one
 * machine's bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/request.h"

#include "base/assert.h"
#include "base/mem.h"

enum { QUESTION = BUS_KIND_REQUEST, ANSWER = BUS_KIND_REQUEST + 1 };

struct head {
    uint64_t id;
    uint32_t generation;    /* of who wrote it */
    uint16_t what, padding; /* of an answer: UNSENT, MORE or 0 */
};

enum { UNSENT = 1 /* it cannot be, or not to its end */, MORE = 2 };
enum {
    IN_ORDER_MAX = 64 * 1024, /* a larger answer is told beside the bus's order */
    ANSWERS_MAX = 256 << 20   /* bytes of all answers to one question: who has more is missing */
};

/* Somebody who was asked. */
struct asked {
    struct bus_node node;
    bool settled; /* has answered, or gone */
};

struct request {
    struct requests *in;
    struct list link;
    uint64_t id;
    uint16_t what;
    const struct request_events *events;
    void *user;
    struct timer timeout;
    struct loop_job ended; /* nobody is left to wait for; told from the loop */
    uint32_t count, waiting, missing;
    size_t bytes; /* of the answers so far */
    struct asked asked[];
};

/* A question or an answer that waits for its turn. */
struct received {
    struct list link;
    uint16_t kind, from;
    struct head head;
    struct msg *body;
};

/* An answer that waits. */
struct given {
    struct list link;
    struct request_from to;
    size_t n;
    char answer[];
};

/* --- Asking --- */

static void request_end(struct request *r, int err)
{
    const struct request_events *events = r->events;
    void *user = r->user;
    uint32_t missing = r->missing + r->waiting;

    id_remove(&r->in->open, r->id);
    list_remove(&r->link);
    loop_timer_stop(r->in->loop, &r->timeout);
    list_remove(&r->ended.link);
    if (err == ATR_ETIMEOUT)
        r->in->stats.timeouts++;
    if (missing)
        r->in->stats.partial++;
    mem_free(r);
    events->on_end(user, err, missing);
}

static void on_timeout(struct timer *t)
{
    request_end(container_of(t, struct request, timeout), ATR_ETIMEOUT);
}

static void on_ended(struct loop_job *job)
{
    struct request *r = container_of(job, struct request, ended);

    request_end(r, r->missing ? ATR_ECLOSED : 0);
}

struct gather {
    struct request *r;
    uint16_t to;
    uint32_t cap;
};

static bool gather(void *arg, struct bus_node node)
{
    struct gather *g = arg;

    if (g->to != BUS_TO_ALL && g->to != node.number)
        return true;
    if (g->r->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 8;
        g->r = mem_realloc(g->r, sizeof *g->r + g->cap * sizeof *g->r->asked);
    }
    g->r->asked[g->r->count++] = (struct asked){ node, false };
    return g->to == BUS_TO_ALL;
}

int request_ask(struct requests *q, uint16_t to, uint16_t what, str question, uint32_t timeout_ms,
                const struct request_events *events, void *user)
{
    struct gather g = { mem_zalloc(sizeof *g.r), to, 0 };
    struct bus_node self = bus_self(q->bus);
    struct head head = { .generation = self.generation, .what = what };
    struct bus_note note = { .kind = QUESTION, .to = to, .parts = &question, .part_count = 1 };
    struct request *r;
    uint64_t number;
    int err;

    q->bus->ops->nodes(q->bus, gather, &g);
    r = g.r;
    r->in = q;
    r->what = what;
    r->events = events;
    r->user = user;
    r->waiting = r->count;
    list_init(&r->link);
    timer_init(&r->timeout, on_timeout);
    loop_job_init(&r->ended, on_ended);
    r->id = head.id = id_add(&q->open, r);
    list_append(&q->asked, &r->link);
    if (to != BUS_TO_ALL && r->count == 0)
        r->missing = 1; /* it has gone */
    note.head = str_n(&head, sizeof head);
    if (r->count && (err = bus_publish(q->bus, &note, &number)) < 0) {
        id_remove(&q->open, r->id);
        list_remove(&r->link);
        mem_free(r);
        return err;
    }
    q->stats.asked++;
    /* Somebody may have gone while the bus let us see what precedes. */
    if (r->waiting == 0)
        loop_defer(q->loop, &r->ended);
    else
        loop_timer(q->loop, &r->timeout, timeout_ms);
    return 0;
}

static void settle(struct request *r, struct asked *a, bool answered)
{
    a->settled = true;
    r->waiting--;
    r->missing += !answered;
    if (r->waiting == 0)
        loop_defer(r->in->loop, &r->ended);
}

void requests_on_node(struct requests *q, struct bus_node node, bool here)
{
    struct list *at, *next;

    if (here)
        return;
    list_each(at, next, &q->asked)
    {
        struct request *r = container_of(at, struct request, link);
        for (uint32_t i = 0; i < r->count; i++) {
            if (!r->asked[i].settled && bus_same_node(r->asked[i].node, node))
                settle(r, &r->asked[i], false);
        }
    }
}

static void take_answer(struct requests *q, const struct received *in)
{
    struct request *r = id_get(&q->open, in->head.id);
    struct bus_node node = { in->from, in->head.generation };

    for (uint32_t i = 0; r && i < r->count; i++) {
        struct asked *a = &r->asked[i];
        bool unsent = in->head.what == UNSENT;
        if (a->settled || !bus_same_node(a->node, node))
            continue;
        r->bytes += in->body->len;
        unsent = unsent || r->bytes > ANSWERS_MAX;
        if (in->head.what != MORE || unsent)
            settle(r, a, !unsent);
        if (unsent)
            return;
        q->stats.answers++;
        if (r->events->on_answer)
            r->events->on_answer(r->user, node, msg_payload(in->body));
        return;
    }
}

/* --- Answering --- */

static int put_off(struct requests *q, struct request_from to, str answer)
{
    struct given *g = mem_alloc(sizeof *g + answer.n);

    *g = (struct given){ .to = to, .n = answer.n };
    if (answer.n)
        memcpy(g->answer, answer.p, answer.n);
    list_init(&g->link);
    list_append(&q->outbox, &g->link);
    loop_defer(q->loop, &q->job);
    return 0;
}

void request_decline(struct requests *q, struct request_from to)
{
    struct head head = { .id = to.id, .generation = bus_self(q->bus).generation, .what = UNSENT };
    struct bus_note note = { .kind = ANSWER,
                             .to = to.node.number,
                             .head = str_n(&head, sizeof head) };
    uint64_t number;

    q->stats.unsent++;
    (void)!bus_publish(q->bus, &note, &number); /* else the asker waits for all of its time */
}

int request_answer_part(struct requests *q, struct request_from to, str part, bool last)
{
    struct head head = { .id = to.id,
                         .generation = bus_self(q->bus).generation,
                         .what = last ? 0 : MORE };
    int err = bus_tell(q->bus, &(struct bus_note){ .kind = ANSWER,
                                                   .to = to.node.number,
                                                   .head = str_n(&head, sizeof head),
                                                   .parts = &part,
                                                   .part_count = 1 });

    if (err == 0)
        q->stats.answered += last;
    else if (err != ATR_ELIMIT)
        request_decline(q, to);
    return err;
}

static int publish_answer(struct requests *q, struct request_from to, str answer)
{
    struct head head = { .id = to.id, .generation = bus_self(q->bus).generation };
    struct bus_note note = { .kind = ANSWER,
                             .to = to.node.number,
                             .head = str_n(&head, sizeof head),
                             .parts = &answer,
                             .part_count = 1 };
    bool told = answer.n > IN_ORDER_MAX && bus_tell(q->bus, &note) == 0;
    uint64_t number;
    int err = told ? 0 : bus_publish(q->bus, &note, &number);

    if (err == 0)
        q->stats.answered++;
    else
        request_decline(q, to);
    return err;
}

int request_answer(struct requests *q, struct request_from to, str answer)
{
    return q->delivering ? put_off(q, to, answer) : publish_answer(q, to, answer);
}

static void send_given(struct requests *q)
{
    while (!list_empty(&q->outbox)) {
        struct given *g = container_of(q->outbox.next, struct given, link);

        list_remove(&g->link);
        (void)!publish_answer(q, g->to, str_n(g->answer, g->n)); /* the asker learns of it */
        mem_free(g);
    }
}

static void ask_here(struct requests *q, const struct received *in)
{
    q->handler->on_question(q->user, in->head.what,
                            (struct request_from){ { in->from, in->head.generation }, in->head.id },
                            msg_payload(in->body));
}

static void run(struct loop_job *job)
{
    struct requests *q = container_of(job, struct requests, job);
    struct list batch;

    send_given(q);
    list_take(&batch, &q->inbox);
    while (!list_empty(&batch)) {
        struct received *in = container_of(batch.next, struct received, link);

        list_remove(&in->link);
        if (in->kind == ANSWER)
            take_answer(q, in);
        else
            ask_here(q, in);
        msg_unref(in->body);
        mem_free(in);
    }
}

bool requests_on_head(struct requests *q, const struct bus_message *m)
{
    struct head head;

    if (m->head.n != sizeof head)
        return false;
    memcpy(&head, m->head.p, sizeof head);
    return m->kind == QUESTION || id_get(&q->open, head.id);
}

void requests_on_message(struct requests *q, const struct bus_message *m, struct msg *body)
{
    struct received *in, now = { .kind = m->kind, .from = m->from, .body = body };

    memcpy(&now.head, m->head.p, sizeof now.head);
    if (m->kind == QUESTION && q->handler->at_once && q->handler->at_once(q->user, now.head.what)) {
        q->delivering = true;
        ask_here(q, &now);
        q->delivering = false;
        return;
    }
    in = mem_alloc(sizeof *in);
    *in = now;
    (void)msg_ref(body);
    list_init(&in->link);
    list_append(&q->inbox, &in->link);
    loop_defer(q->loop, &q->job);
}

/* --- Life --- */

void requests_init(struct requests *q, struct bus *bus, struct loop *loop,
                   const struct request_handler *handler, void *user)
{
    *q = (struct requests){ .bus = bus, .loop = loop, .handler = handler, .user = user };
    list_init(&q->asked);
    list_init(&q->inbox);
    list_init(&q->outbox);
    loop_job_init(&q->job, run);
}

void requests_drop(struct requests *q, uint16_t first, uint16_t count)
{
    struct list *at, *next, ending;

    list_init(&ending);
    list_each(at, next, &q->asked)
    {
        uint16_t what = container_of(at, struct request, link)->what;

        if (what < first || what - first >= count)
            continue;
        list_remove(at);
        list_append(&ending, at);
    }
    while (!list_empty(&ending))
        request_end(container_of(ending.next, struct request, link), ATR_ECLOSED);
}

void requests_fini(struct requests *q)
{
    while (!list_empty(&q->asked))
        request_end(container_of(q->asked.next, struct request, link), ATR_ECLOSED);
    while (!list_empty(&q->inbox)) {
        struct received *in = container_of(q->inbox.next, struct received, link);
        list_remove(&in->link);
        msg_unref(in->body);
        mem_free(in);
    }
    while (!list_empty(&q->outbox)) {
        struct given *g = container_of(q->outbox.next, struct given, link);
        list_remove(&g->link);
        mem_free(g);
    }
    list_remove(&q->job.link);
    id_table_free(&q->open);
}
