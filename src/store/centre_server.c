/* store/centre_server.c - see centre_server.h. The centre as a whole: its books, their clock,
 * opening and closing. What it does with requests is in centre_server_visits.c, with answers in
 * centre_server_commit.c.
 *
 * Start reading at centre_open(), then centre_server_parts.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/centre_server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/centre_server_parts.h"

/* --- Time --- */

void centre_plan(struct centre *c)
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

void centre_advance(struct centre *c)
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

    centre_advance(c);
    centre_plan(c);
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
    centre_answer(who, &(struct wire_answer){ seq, err, count, body });
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

struct space *centre_space(struct centre *c, str name)
{
    struct space *s = map_get(&c->spaces, name);

    if (s || c->spaces.count >= CENTRE_SPACES_MAX || !name.n || name.n > CENTRE_SPACE_NAME_MAX)
        return s;
    return space_new(c, name, c->first_revision);
}

/* --- Opening and closing --- */

static void on_flush(struct loop_job *job)
{
    centre_flush(container_of(job, struct centre, flush));
}

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
    struct guest *g = centre_guest_new(s, r->key);
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
    loop_job_init(&c->resume, centre_on_resume);
    timer_init(&c->tick, on_tick);
    if ((err = open_file(c, why)) < 0)
        goto fail;
    c->listener.on_accept = centre_on_accept;
    c->listener.owner = c;
    if ((err = link_listen(&c->listener, l, o->listen, why)) < 0)
        goto fail;
    centre_plan(c);
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
        centre_guest_free(g);
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
        centre_flush(c); /* what was taken is written if it can be, though nobody is told */
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
