/* app/handover_take.c - the new worker's side of a hand-over.
 *
 * What comes over the link waits until its batch's note is met on the bus. A note that is met
 * before its connections have come waits for them, within the bus's callback: the old worker is in
 * the middle of sending them, and nothing behind the note may be looked at before they are here.
 *
 * Start reading at on_note().
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "api/engine.h"
#include "api/handover.h"
#include "app/cluster.h"
#include "app/handover_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/handover.h"
#include "socketio/handover.h"

enum { LATE_MS = 5000 }; /* for the connections of a batch to come, from its note on */

/* A worker that gives to this one. */
struct arrival {
    struct list link; /* in handover->arrivals */
    struct handover *h;
    struct link *from; /* NULL: it has ended */
    struct bus_node node;
    struct list items; /* of struct item, in their order */
    unsigned holds;    /* while not 0, it stays though its link has closed */
    bool done;         /* nothing more comes */
    bool partly;       /* a batch has begun to come */
    uint32_t whole;    /* batches that have come in full */
    uint64_t at;       /* the note of the latest */
    uint64_t passed;   /* notes up to this number were met, or missed */
};

/* A connection on its way. */
struct item {
    struct list link;
    uint64_t at; /* the number of its batch's note */
    int fd;      /* -1: none */
    uint8_t kind;
    size_t n;
    char frozen[];
};

/* --- Items --- */

static struct item *first_item(const struct arrival *a)
{
    return list_empty(&a->items) ? NULL : container_of(a->items.next, struct item, link);
}

static void add_item(struct arrival *a, str data, const int *fds, size_t fd_count)
{
    struct item *i = mem_alloc(sizeof *i + data.n);

    *i = (struct item){
        .at = a->at, .fd = fd_count ? fds[0] : -1, .kind = (uint8_t)data.p[0], .n = data.n - 1
    };
    memcpy(i->frozen, data.p + 1, i->n);
    list_init(&i->link);
    list_append(&a->items, &i->link);
}

static void thaw(struct arrival *a, struct item *i)
{
    struct handover_stats *stats = &a->h->stats;
    struct atr_app *app = a->h->cluster->app;
    str frozen = { i->frozen, i->n };
    int err = ATR_EUNKNOWN;
    size_t used;

    if (i->kind == HANDOVER_SOCKETIO && app->io)
        err = sio_server_thaw(&app->io->server, frozen, i->fd, a->node);
    else if (i->kind == HANDOVER_ENGINE)
        err = engines_thaw(app, frozen, i->fd);
    else if (i->kind == HANDOVER_WEBSOCKET)
        err = gateway_conn_thaw(&app->gateway, frozen, &used, i->fd);
    else if (i->fd >= 0)
        close(i->fd);
    if (err == 0) {
        stats->taken++;
        return;
    }
    stats->refused++;
    log_event(LOG_WARN, "connection-refused", "from=%u error=%s", a->node.number, err_name(err));
}

static void thaw_passed(struct arrival *a)
{
    struct item *i;

    while ((i = first_item(a)) && i->at <= a->passed) {
        list_remove(&i->link);
        thaw(a, i);
        mem_free(i);
    }
}

static void drop(struct arrival *a)
{
    struct link *l = a->from;
    struct item *i;

    list_remove(&a->link);
    a->from = NULL;
    if (l)
        link_close(l, 0);
    while ((i = first_item(a))) {
        list_remove(&i->link);
        if (i->fd >= 0)
            close(i->fd);
        mem_free(i);
    }
    mem_free(a);
}

/* --- The link --- */

static void say(struct arrival *a, enum handover_message what, const void *data, size_t n)
{
    struct buf b = { 0 };

    if (!a->from)
        return;
    buf_byte(&b, (uint8_t)what);
    buf_append(&b, data, n);
    (void)link_send(a->from, buf_str(&b), NULL, 0);
    buf_free(&b);
}

/* Two that leave at the same time must not give to each other. */
static void take_state(struct arrival *a, str json)
{
    if (a->h->bequest) {
        link_close(a->from, 0);
        return;
    }
    if (json.n && handover_restore(a->h->cluster->app, json) < 0)
        log_event(LOG_ERROR, "restore-failed", "hint=%s",
                  "the state that the old worker saved was not restored");
    say(a, HANDOVER_READY, NULL, 0);
}

static void take_noted(struct arrival *a, str number)
{
    if (number.n != sizeof a->at)
        return;
    memcpy(&a->at, number.p, sizeof a->at);
    a->partly = true;
}

/* Thaws what is behind its time: its note was missed, or it was waited for in vain. */
static void catch_up(struct arrival *a)
{
    thaw_passed(a);
    if (!a->partly && a->at <= a->passed)
        say(a, HANDOVER_TAKEN, &a->whole, sizeof a->whole);
}

static void take_batch(struct arrival *a, str number)
{
    if (number.n != sizeof a->whole)
        return;
    memcpy(&a->whole, number.p, sizeof a->whole);
    a->partly = false;
    catch_up(a);
}

/* One that has ended, and of which nothing waits. */
static void drop_if_over(struct arrival *a)
{
    if (!a->from && !a->holds && list_empty(&a->items))
        drop(a);
}

static void on_message(struct link *l, str data, const int *fds, size_t fd_count)
{
    struct arrival *a = l->owner;
    str rest = data.n ? str_n(data.p + 1, data.n - 1) : data;
    size_t used = 0;

    switch (data.n ? data.p[0] : 0) {
    case HANDOVER_BEGIN:
        take_state(a, rest);
        break;
    case HANDOVER_NOTED:
        take_noted(a, rest);
        break;
    case HANDOVER_ITEM:
        if (rest.n)
            add_item(a, rest, fds, used = fd_count ? 1 : 0);
        break;
    case HANDOVER_BATCH:
        take_batch(a, rest);
        break;
    case HANDOVER_DONE:
        a->done = true;
        break;
    }
    while (used < fd_count)
        close(fds[used++]);
}

/* What has come is thawed when its note is met: that was published before. */
static void on_close(struct link *l, int err)
{
    struct arrival *a = l->owner;

    (void)err;
    if (!a->from)
        return;
    a->from = NULL;
    thaw_passed(a);
    drop_if_over(a);
}

static const struct link_events link_events = { on_message, on_close, NULL };

/* --- Notes --- */

static struct arrival *find(const struct handover *h, unsigned slot)
{
    for (struct list *at = h->arrivals.next; at != &h->arrivals; at = at->next) {
        struct arrival *a = container_of(at, struct arrival, link);
        if (a->node.number == slot)
            return a;
    }
    return NULL;
}

static bool on_head(void *user, const struct bus_message *m)
{
    return find(user, m->from) != NULL;
}

static void wait_for(struct arrival *a, uint32_t batch)
{
    uint64_t until = clock_mono_ms() + LATE_MS, now;

    while (a->from && a->whole < batch && (now = clock_mono_ms()) < until)
        (void)link_wait(a->from, (int)(until - now));
    if (a->whole < batch)
        a->h->stats.late++;
}

static void on_note(void *user, const struct bus_message *m, struct msg *body)
{
    struct arrival *a = find(user, m->from);
    uint32_t batch;

    (void)body;
    if (!a || m->head.n != sizeof batch)
        return;
    memcpy(&batch, m->head.p, sizeof batch);
    a->holds++;
    wait_for(a, batch);
    a->holds--;
    a->passed = m->number;
    thaw_passed(a);
    say(a, HANDOVER_TAKEN, &batch, sizeof batch);
    drop_if_over(a);
}

/* Notes were lost, perhaps some of these: what has come, or comes yet, must not wait for them. Its
 * clients have a gap, like all others here. */
static void on_missed(void *user, uint64_t count)
{
    struct handover *h = user;
    struct list *at, *after;

    (void)count;
    list_each(at, after, &h->arrivals)
    {
        struct arrival *a = container_of(at, struct arrival, link);

        a->passed = h->cluster->bus.cursor;
        catch_up(a);
        drop_if_over(a);
    }
}

const struct bus_events handover_notes = { on_head, on_note, on_missed, NULL };

/* --- Life --- */

bool handover_on_message(struct handover *h, unsigned slot, uint8_t kind, const int *fds,
                         size_t fd_count)
{
    struct arrival *a = find(h, slot);

    if (kind == HANDOVER_PEERS_FENCE)
        (void)peers_send(&h->cluster->peers, slot, HANDOVER_PEERS_FENCED, STR(""), NULL, 0);
    if (kind == HANDOVER_PEERS_FENCED)
        handover_fenced(h);
    if (kind != HANDOVER_PEERS_LINK)
        return kind == HANDOVER_PEERS_FENCE || kind == HANDOVER_PEERS_FENCED;
    if (a && !a->from) /* of one that was there before, and whose notes were lost */
        drop(a);
    a = mem_zalloc(sizeof *a);
    *a = (struct arrival){ .h = h, .node = { (uint16_t)slot, 0 } };
    a->node.generation = atomic_load(&h->cluster->board.slots[slot].generation);
    list_init(&a->items);
    list_init(&a->link);
    if (fd_count != 1 || find(h, slot)) {
        for (size_t i = 0; i < fd_count; i++)
            close(fds[i]);
        mem_free(a);
    } else if (!(a->from = link_new(&h->cluster->app->loop, fds[0], &link_events, a))) {
        mem_free(a);
    } else {
        list_append(&h->arrivals, &a->link);
    }
    return true;
}

bool handover_arriving(const struct handover *h)
{
    for (struct list *at = h->arrivals.next; at != &h->arrivals; at = at->next) {
        const struct arrival *a = container_of(at, struct arrival, link);
        if (a->from && !a->done)
            return true;
    }
    return false;
}

bool handover_comes_from(const struct handover *h, unsigned slot)
{
    return find(h, slot) != NULL;
}

void handover_drop_arrivals(struct handover *h)
{
    while (!list_empty(&h->arrivals))
        drop(container_of(h->arrivals.next, struct arrival, link));
}

void handover_join(struct handover *h, struct cluster *c)
{
    struct exchange_user user = {
        .first = HANDOVER_NOTE, .count = HANDOVER_NOTES, .events = &handover_notes, .user = h
    };

    *h = (struct handover){ .cluster = c };
    list_init(&h->arrivals);
    exchange_add(&c->exchange, &user);
}

void handover_part(struct handover *h)
{
    if (!h->cluster)
        return;
    handover_drop_bequest(h);
    handover_drop_arrivals(h);
    exchange_remove(&h->cluster->exchange, HANDOVER_NOTE);
    h->cluster = NULL;
}
