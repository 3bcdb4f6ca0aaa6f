/* store/centre_server_commit.c - commits of the centre, and the answers that wait for them. See
 * centre_server_parts.h.
 *
 * Start reading at centre_flush().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"
#include "store/centre_server_parts.h"

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

void centre_mark_ready(struct guest *g)
{
    if (list_empty(&g->in_ready))
        list_append(&g->space->centre->ready, &g->in_ready);
    loop_flush_later(g->space->centre->loop, &g->space->centre->flush);
}

void centre_answer(struct guest *g, const struct wire_answer *a)
{
    wire_write_answer(&g->out, a);
    centre_mark_ready(g);
}

static void fail(struct centre *c, int err, const char *why)
{
    c->failed = true;
    c->facts.commit_failures++;
    c->o.on_failed(c->o.user, err, why);
}

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
    centre_flush(c);
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

void centre_flush(struct centre *c)
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
