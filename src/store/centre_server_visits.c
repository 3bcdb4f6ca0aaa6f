/* store/centre_server_visits.c - who visits the centre, and what they ask. A visit is a connection;
 * a guest outlives it, and is forgotten when it says goodbye or stays away. See
 * centre_server_parts.h.
 *
 * Start reading at on_message().
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "cluster/store_call.h"
#include "store/centre_server_parts.h"

/* --- Guests --- */

static void on_away(struct timer *t);

struct guest *centre_guest_new(struct space *s, str id)
{
    struct guest *g = mem_zalloc(sizeof *g);

    g->space = s;
    memcpy(g->id, id.p, WIRE_GUEST_BYTES);
    list_init(&g->in_dirty);
    list_init(&g->in_ready);
    list_init(&g->in_holding);
    list_init(&g->kept);
    timer_init(&g->away, on_away);
    map_put(&s->guests, str_n(g->id, WIRE_GUEST_BYTES), g);
    s->centre->guest_count++;
    return g;
}

void centre_guest_free(struct guest *g)
{
    struct centre *c = g->space->centre;

    book_forget(g->space->book, g, 0);
    loop_timer_stop(c->loop, &g->away);
    list_remove(&g->in_dirty);
    list_remove(&g->in_ready);
    list_remove(&g->in_holding);
    guest_drop_kept(g);
    buf_free(&g->held);
    buf_free(&g->out);
    c->guest_count--;
    mem_free(g);
}

/* It will not come back. */
static void forget_guest(struct guest *g)
{
    struct space *s = g->space;

    store_file_del(s->centre->file, s->name, FILE_GUESTS, str_n(g->id, WIRE_GUEST_BYTES), 0);
    map_remove(&s->guests, str_n(g->id, WIRE_GUEST_BYTES));
    centre_guest_free(g);
    loop_flush_later(s->centre->loop, &s->centre->flush);
}

static void on_away(struct timer *t)
{
    forget_guest(container_of(t, struct guest, away));
}

static void mark_dirty(struct guest *g)
{
    if (list_empty(&g->in_dirty))
        list_append(&g->space->centre->dirty, &g->in_dirty);
}

/* Its connection is no longer there, or is another. */
static void leave(struct guest *g)
{
    g->link = NULL;
    buf_free(&g->out);
    buf_free(&g->held);
    list_remove(&g->in_ready);
    list_remove(&g->in_holding);
    book_forget(g->space->book, g, 0); /* it will ask again */
    loop_timer(g->space->centre->loop, &g->away, GUEST_AWAY_MS);
}

/* --- Being asked --- */

static void refuse(struct visit *v, int err, const char *why)
{
    struct buf record = { 0 }, message = { 0 };

    store_record_write(&record, &(struct store_record){ .value = str_of(why) });
    wire_write_answer(&message, &(struct wire_answer){ 0, err, 0, buf_str(&record) });
    (void)link_send(v->link, buf_str(&message), NULL, 0); /* it is closed in any case */
    buf_free(&record);
    buf_free(&message);
    v->centre->facts.refused++;
    link_close(v->link, err);
}

/* What is wrong closes the link. */
static void hello(struct visit *v, const struct wire_request *q)
{
    struct space *s;
    struct guest *g;

    if (q->op != WIRE_HELLO || q->r.owner.n != WIRE_GUEST_BYTES) {
        link_close(v->link, ATR_ESYNTAX);
        return;
    }
    if (q->r.count != WIRE_VERSION) {
        refuse(v, ATR_EPROTOCOL, "the centre is of another version of Atrium");
        return;
    }
    if (!(s = centre_space(v->centre, q->r.key))) {
        refuse(v, ATR_ELIMIT, "the centre serves no more applications, or not of that name");
        return;
    }
    if (!(g = map_get(&s->guests, q->r.owner)) && v->centre->guest_count >= CENTRE_GUESTS_MAX) {
        refuse(v, ATR_ELIMIT, "the centre has too many clients");
        return;
    }
    if (!g)
        g = centre_guest_new(s, q->r.owner);
    if (g->link)
        link_close(g->link, ATR_ECLOSED); /* which nobody reads any more */
    leave(g);
    loop_timer_stop(v->centre->loop, &g->away);
    g->link = v->link;
    v->guest = g;
    centre_answer(g, &(struct wire_answer){ .body = STR("\x80") });
}

/* An operation that changes something is done once, however often it is sent. */
static void take_request(struct guest *g, const struct wire_request *q)
{
    enum store_op op = (enum store_op)q->op;
    struct centre *c = g->space->centre;
    size_t before = g->out.len;

    c->facts.requests++;
    if (store_op_reads(op)) {
        book_run(g->space->book, g, q->seq, op, &q->r);
        return;
    }
    if (guest_has_done(g, q->seq, &g->out)) {
        c->facts.repeated++;
        centre_mark_ready(g);
        return;
    }
    if (g->kept_count >= GUEST_KEPT_MAX) { /* it never acknowledges */
        link_close(g->link, ATR_ELIMIT);
        return;
    }
    book_run(g->space->book, g, q->seq, op, &q->r);
    ASSERT(g->out.len > before); /* nothing that changes something waits */
    guest_keep(g, q->seq, str_n(g->out.data + before, g->out.len - before));
    mark_dirty(g);
}

/* The row of what was kept is shortened by the next commit that concerns the guest. */
static void acknowledge(struct link *l, uint64_t seq)
{
    struct visit *v = l->owner;

    if (!l->closing && v->guest)
        guest_acknowledged(v->guest, seq);
}

/* Whether it has read enough of its answers to be given more. */
static bool has_room(const struct guest *g)
{
    return g->out.len + g->held.len + g->link->queued_bytes < CENTRE_OUT_BYTES;
}

/* Takes the requests that *data begins with, and cuts them off. */
static void take_requests(struct link *l, str *data)
{
    struct visit *v = l->owner;
    struct wire_request q;

    while (data->n && !l->closing) { /* v goes when it closes */
        if (v->guest && !has_room(v->guest))
            return;
        if (wire_read_request(data, &q) < 0)
            link_close(l, ATR_ESYNTAX);
        else if (!v->guest)
            hello(v, &q);
        else if (q.op == WIRE_BYE)
            link_close(l, 0);
        else
            take_request(v->guest, &q);
    }
}

static void keep_input(struct visit *v, str data)
{
    struct centre *c = v->centre;

    if (v->input.len + data.n > CENTRE_INPUT_BYTES_MAX) {
        link_close(v->link, ATR_ELIMIT);
        return;
    }
    buf_add(&v->input, data);
    if (list_empty(&v->in_stalled))
        list_append(&c->stalled, &v->in_stalled);
}

static void resume(struct visit *v)
{
    struct link *l = v->link;
    struct buf input = v->input;
    str data = buf_str(&input);

    list_remove(&v->in_stalled);
    v->input = (struct buf){ 0 };
    take_requests(l, &data);
    if (data.n && !l->closing)
        keep_input(v, data);
    buf_free(&input);
}

void centre_on_resume(struct loop_job *job)
{
    struct centre *c = container_of(job, struct centre, resume);
    struct list stalled;

    if (c->failed)
        return;
    centre_advance(c);
    list_take(&stalled, &c->stalled);
    while (!list_empty(&stalled))
        resume(container_of(stalled.next, struct visit, in_stalled));
    centre_plan(c);
}

static void on_message(struct link *l, str data, const int *fds, size_t fd_count)
{
    struct visit *v = l->owner;
    struct centre *c = v->centre;
    uint64_t acknowledged;

    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    if (c->failed)
        return;
    if (wire_read_number(&data, &acknowledged) < 0) {
        link_close(l, ATR_ESYNTAX);
        return;
    }
    centre_advance(c);
    acknowledge(l, acknowledged);
    if (!v->input.len)
        take_requests(l, &data);
    if (data.n && !l->closing)
        keep_input(v, data);
    acknowledge(l, acknowledged); /* the first message brings the guest */
    centre_plan(c);
}

/* --- Connections --- */

static void on_drain(struct link *l)
{
    struct visit *v = l->owner;

    if (!list_empty(&v->in_stalled))
        loop_defer(v->centre->loop, &v->centre->resume);
}

static void on_close(struct link *l, int err)
{
    struct visit *v = l->owner;
    struct guest *g = v->guest;

    if (g && g->link == l) {
        leave(g);
        if (!err && !v->centre->closing)
            forget_guest(g);
    }
    list_remove(&v->in_centre);
    list_remove(&v->in_stalled);
    v->centre->visit_count--;
    buf_free(&v->input);
    mem_free(v);
}

static const struct link_events events = { on_message, on_close, on_drain };

void centre_on_accept(struct link_listener *listener, int fd)
{
    struct centre *c = listener->owner;
    struct visit *v;

    c->facts.connections++;
    if (c->visit_count >= CENTRE_CONNECTIONS_MAX) {
        c->facts.refused++;
        close(fd);
        return;
    }
    v = mem_zalloc(sizeof *v);
    v->centre = c;
    if (!(v->link = link_new(c->loop, fd, &events, v))) {
        mem_free(v);
        return;
    }
    list_init(&v->in_centre);
    list_init(&v->in_stalled);
    list_append(&c->visits, &v->in_centre);
    c->visit_count++;
}
