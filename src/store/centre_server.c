/* store/centre_server.c - see centre_server.h.
 *
 *   link message > take_request > book_run > on_answer (guest->out) > flush: commit > send
 *
 * Invariants
 *   - a guest's `held` is sent after the commit under way, its `out` after the next one;
 *   - a change of a book, the answer to its operation and the guest's row are in one commit.
 *
 * Start reading at on_message() and flush().
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/centre_server.h"

#include <errno.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cluster/store_call.h"
#include "store/file.h"
#include "store/guest.h"

struct space { /* an application */
    struct centre *centre;
    struct book *book;
    struct map guests; /* id -> struct guest */
    str name;
};

struct visit { /* a connection */
    struct list in_centre;
    struct list in_stalled; /* has input that waits until it has read its answers; or self-linked */
    struct centre *centre;
    struct link *link;
    struct guest *guest; /* NULL: has not said hello */
    struct buf input;    /* whole requests */
};

struct centre {
    struct loop *loop;
    struct centre_options o;
    struct store_file *file;
    struct link_listener listener;
    struct map spaces;
    struct list visits, stalled;       /* of struct visit */
    struct list dirty, ready, holding; /* of guests */
    uint32_t visit_count, guest_count;
    struct loop_job flush, resume;
    struct timer tick;
    uint64_t first_revision; /* of a book that is new */
    bool committing, failed, closing;
    struct centre_facts facts;
    struct buf scratch;
};

/* --- Guests --- */

static void on_away(struct timer *t);

static struct guest *guest_new(struct space *s, str id)
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

static void guest_free(struct guest *g)
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
    guest_free(g);
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

static void mark_ready(struct guest *g)
{
    if (list_empty(&g->in_ready))
        list_append(&g->space->centre->ready, &g->in_ready);
    loop_flush_later(g->space->centre->loop, &g->space->centre->flush);
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

/* --- Committing and answering --- */

static void send_messages(struct guest *g, struct buf *out)
{
    struct centre *c = g->space->centre;

    if (g->link && out->len && link_send(g->link, buf_str(out), NULL, 0) < 0)
        link_close(g->link, ATR_ELIMIT); /* it comes back, and asks again */
    if (!list_empty(&c->stalled))
        loop_defer(c->loop, &c->resume);
    buf_clear(out);
    if (out->cap > WIRE_MESSAGE_BYTES)
        buf_free(out);
}

static void answer(struct guest *g, const struct wire_answer *a)
{
    wire_write_answer(&g->out, a);
    mark_ready(g);
}

static void fail(struct centre *c, int err, const char *why)
{
    c->failed = true;
    c->facts.commit_failures++;
    c->o.on_failed(c->o.user, err, why);
}

static void flush(struct centre *c);

static void on_committed(void *user, int err, const char *why)
{
    struct centre *c = user;

    c->committing = false;
    if (err < 0) {
        fail(c, err, why);
        return;
    }
    c->facts.commits++;
    while (!list_empty(&c->holding)) {
        struct guest *g = container_of(c->holding.next, struct guest, in_holding);

        list_remove(&g->in_holding);
        send_messages(g, &g->held);
    }
    flush(c);
}

static void write_guests(struct centre *c)
{
    while (!list_empty(&c->dirty)) {
        struct guest *g = container_of(c->dirty.next, struct guest, in_dirty);

        list_remove(&g->in_dirty);
        buf_clear(&c->scratch);
        guest_write(g, &c->scratch);
        store_file_put(c->file, g->space->name, FILE_GUESTS,
                       &(struct store_record){ .key = str_n(g->id, WIRE_GUEST_BYTES),
                                               .offset = g->latest,
                                               .value = buf_str(&c->scratch) });
    }
}

/* Sends what may be sent; or commits first, and lets what follows gather. */
static void flush(struct centre *c)
{
    struct list *at, *after;

    if (c->committing || c->failed || c->closing)
        return;
    write_guests(c);
    c->committing = store_file_changed(c->file);
    list_each(at, after, &c->ready)
    {
        struct guest *g = container_of(at, struct guest, in_ready);

        list_remove(&g->in_ready);
        if (!c->committing) {
            send_messages(g, &g->out);
            continue;
        }
        ASSERT(!g->held.len);
        struct buf empty = g->held;
        g->held = g->out;
        g->out = empty;
        list_append(&c->holding, &g->in_holding);
    }
    if (c->committing)
        store_file_commit(c->file, on_committed, c);
}

static void on_flush(struct loop_job *job)
{
    flush(container_of(job, struct centre, flush));
}

/* --- Time --- */

static void plan(struct centre *c)
{
    uint64_t now = c->o.clock_ms(), due = UINT64_MAX;
    struct space *s;

    for (uint32_t at = 0; (s = map_next(&c->spaces, &at));)
        if (book_due_ms(s->book) < due)
            due = book_due_ms(s->book);
    if (due == UINT64_MAX) {
        loop_timer_stop(c->loop, &c->tick);
        return;
    }
    uint64_t ms = due > now ? due - now : 0;
    ms = ms < c->o.tick_ms ? ms : c->o.tick_ms;
    if (!timer_running(&c->tick) || c->tick.at_ms > c->loop->now_ms + ms)
        loop_timer(c->loop, &c->tick, ms);
}

static void advance(struct centre *c)
{
    uint64_t now = c->o.clock_ms();
    struct space *s;

    for (uint32_t at = 0; (s = map_next(&c->spaces, &at));)
        book_advance(s->book, now);
    loop_flush_later(c->loop, &c->flush);
}

static void on_tick(struct timer *t)
{
    struct centre *c = container_of(t, struct centre, tick);

    advance(c);
    plan(c);
}

/* --- Spaces --- */

static void on_put(void *user, enum book_table t, const struct store_record *r)
{
    struct space *s = user;

    store_file_put(s->centre->file, s->name, (int)t, r);
    store_file_revision(s->centre->file, book_revision(s->book));
    loop_flush_later(s->centre->loop, &s->centre->flush);
}

static void on_del(void *user, enum book_table t, str key, uint64_t offset)
{
    struct space *s = user;

    store_file_del(s->centre->file, s->name, (int)t, key, offset);
    loop_flush_later(s->centre->loop, &s->centre->flush);
}

static void on_answer(void *user, void *who, uint64_t seq, int err, str body, uint32_t count)
{
    (void)user;
    answer(who, &(struct wire_answer){ seq, err, count, body });
}

static struct space *space_new(struct centre *c, str name, uint64_t revision)
{
    static const struct book_keeper keeper = { on_put, on_del };
    struct space *s = mem_zalloc(sizeof *s + name.n);
    struct book_options o = { .on_answer = on_answer,
                              .keeper = &keeper,
                              .user = s,
                              .bytes_max = c->o.bytes_max,
                              .now_ms = c->o.clock_ms(),
                              .revision = revision };

    s->centre = c;
    s->name = str_n(memcpy(s + 1, name.p, name.n), name.n);
    s->book = book_new(&o);
    map_put(&c->spaces, s->name, s);
    return s;
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

static struct space *find_space(struct centre *c, str name)
{
    struct space *s = map_get(&c->spaces, name);

    if (s || c->spaces.count >= CENTRE_SPACES_MAX || !name.n || name.n > CENTRE_SPACE_NAME_MAX)
        return s;
    return space_new(c, name, c->first_revision);
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
    if (!(s = find_space(v->centre, q->r.key))) {
        refuse(v, ATR_ELIMIT, "the centre serves no more applications, or not of that name");
        return;
    }
    if (!(g = map_get(&s->guests, q->r.owner)) && v->centre->guest_count >= CENTRE_GUESTS_MAX) {
        refuse(v, ATR_ELIMIT, "the centre has too many clients");
        return;
    }
    if (!g)
        g = guest_new(s, q->r.owner);
    if (g->link)
        link_close(g->link, ATR_ECLOSED); /* which nobody reads any more */
    leave(g);
    loop_timer_stop(v->centre->loop, &g->away);
    g->link = v->link;
    v->guest = g;
    answer(g, &(struct wire_answer){ .body = STR("\x80") });
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
        mark_ready(g);
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

static void on_resume(struct loop_job *job)
{
    struct centre *c = container_of(job, struct centre, resume);
    struct list stalled;

    if (c->failed)
        return;
    advance(c);
    list_take(&stalled, &c->stalled);
    while (!list_empty(&stalled))
        resume(container_of(stalled.next, struct visit, in_stalled));
    plan(c);
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
    advance(c);
    acknowledge(l, acknowledged);
    if (!v->input.len)
        take_requests(l, &data);
    if (data.n && !l->closing)
        keep_input(v, data);
    acknowledge(l, acknowledged); /* the first message brings the guest */
    plan(c);
}

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

static void on_accept(struct link_listener *listener, int fd)
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

/* --- Opening and closing --- */

static int on_row(void *user, str name, int table, const struct store_record *r)
{
    struct centre *c = user;
    struct space *s = map_get(&c->spaces, name);

    if (!s)
        s = space_new(c, name, 0);
    if (table < BOOK_TABLES)
        return book_load(s->book, (enum book_table)table, r);
    if (r->key.n != WIRE_GUEST_BYTES || map_get(&s->guests, r->key))
        return ATR_EDATABASE;
    struct guest *g = guest_new(s, r->key);
    loop_timer(c->loop, &g->away, GUEST_AWAY_MS);
    return guest_read(g, r->offset, r->value);
}

static int open_file(struct centre *c, char *why)
{
    struct store_file_options o = {
        .path = c->o.path, .full = c->o.full, .on_row = on_row, .user = c
    };
    struct store_file_facts facts;
    struct space *s;
    int err;

    if ((err = store_file_open(&c->file, c->loop, &o, &facts, why)) < 0)
        return err;
    c->first_revision = facts.revision;
    for (uint32_t at = 0; (s = map_next(&c->spaces, &at));) {
        book_begin_at(s->book, facts.revision);
        if (facts.cut)
            book_logs_renumber(s->book);
    }
    return 0;
}

int centre_open(struct centre **out, struct loop *l, const struct centre_options *o, char *why)
{
    struct centre *c = mem_zalloc(sizeof *c);
    int err;

    *c = (struct centre){ .loop = l, .o = *o };
    c->o.clock_ms = o->clock_ms ? o->clock_ms : clock_boot_ms;
    c->o.tick_ms = o->tick_ms ? o->tick_ms : CENTRE_TICK_MS;
    c->listener.watch.fd = -1;
    list_init(&c->visits);
    list_init(&c->stalled);
    list_init(&c->dirty);
    list_init(&c->ready);
    list_init(&c->holding);
    loop_job_init(&c->flush, on_flush);
    loop_job_init(&c->resume, on_resume);
    timer_init(&c->tick, on_tick);
    if ((err = open_file(c, why)) < 0)
        goto fail;
    c->listener.on_accept = on_accept;
    c->listener.owner = c;
    if ((err = link_listen(&c->listener, l, o->listen, why)) < 0)
        goto fail;
    plan(c);
    *out = c;
    return 0;
fail:
    centre_close(c);
    return err;
}

static void space_free(struct space *s)
{
    struct guest *g;

    for (uint32_t at = 0; (g = map_next(&s->guests, &at));)
        guest_free(g);
    map_free(&s->guests);
    book_free(s->book);
    mem_free(s);
}

void centre_close(struct centre *c)
{
    struct space *s;

    if (!c)
        return;
    if (c->file)
        flush(c); /* what was taken is written if it can be, though nobody is told */
    c->closing = true;
    if (c->listener.watch.fd >= 0)
        link_listener_close(&c->listener);
    while (!list_empty(&c->visits))
        link_close(container_of(c->visits.next, struct visit, in_centre)->link, ATR_ECLOSED);
    store_file_close(c->file);
    loop_timer_stop(c->loop, &c->tick);
    list_remove(&c->flush.link);
    list_remove(&c->resume.link);
    for (uint32_t at = 0; (s = map_next(&c->spaces, &at));)
        space_free(s);
    map_free(&c->spaces);
    buf_free(&c->scratch);
    mem_free(c);
}

void centre_facts(const struct centre *c, struct centre_facts *f)
{
    *f = c->facts;
    f->guests = c->guest_count;
    f->spaces = c->spaces.count;
    f->connected = c->visit_count;
}
