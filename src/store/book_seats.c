/* store/book_seats.c - seats: a ticket holds some of a room until it is confirmed, cancelled or too
 * old. See book_rooms.h.
 *
 * Start reading at book_seat_reserve().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "base/random.h"
#include "store/book_rooms.h"

enum { TICKET_CHARS = 20 };

/* --- Tickets --- */

static void ticket_free(struct ticket *t)
{
    struct book *b = t->room->book;

    b->bytes -= t->bytes;
    timer_stop(&b->timers, &t->expiry);
    list_remove(&t->in_room);
    map_remove(&b->tickets, t->id);
    mem_free(t);
}

/* Its seats are free again. */
static void ticket_void(struct ticket *t)
{
    struct room_entry *r = t->room;

    book_del(r->book, BOOK_TICKETS, t->id, 0);
    r->taken -= t->count;
    ticket_free(t);
    book_room_reindex(r);
}

static void on_ticket_expiry(struct timer *timer)
{
    struct ticket *t = container_of(timer, struct ticket, expiry);

    t->room->book->stats.void_tickets++;
    ticket_void(t);
}

static struct ticket *ticket_new(struct room_entry *r, const struct store_record *q)
{
    struct ticket *t = mem_zalloc(sizeof *t + q->key.n + q->value.n);
    char *at = (char *)(t + 1);

    t->room = r;
    t->count = q->count;
    t->ttl_ms = q->ttl_ms;
    t->id = book_copy(&at, q->key);
    t->value = book_copy(&at, q->value);
    t->bytes = t->id.n + t->value.n + BOOK_OVERHEAD;
    r->book->bytes += t->bytes;
    r->taken += t->count;
    list_init(&t->in_room);
    list_append(&r->tickets, &t->in_room);
    timer_init(&t->expiry, on_ticket_expiry);
    book_timer(r->book, &t->expiry, t->ttl_ms);
    map_put(&r->book->tickets, t->id, t);
    return t;
}

void book_tickets_void(struct room_entry *r)
{
    struct book *b = r->book;

    while (!list_empty(&r->tickets)) {
        struct ticket *t = container_of(r->tickets.next, struct ticket, in_room);

        book_del(b, BOOK_TICKETS, t->id, 0);
        b->stats.void_tickets++;
        ticket_free(t);
    }
}

/* --- Seats --- */

static struct room_entry *given_room(struct book *b, const struct store_record *q, uint64_t count)
{
    struct room_entry *r = book_room_find(b, q->room);

    if (!r)
        book_fail(b, ATR_EUNKNOWN);
    else if (!r->node || r->flags & ROOM_LOCKED)
        book_fail(b, ATR_ESTATE);
    else if (book_room_space(r) < count)
        book_fail(b, ATR_ELIMIT);
    return b->out.err ? NULL : r;
}

void book_seat_reserve(struct book *b, const struct store_record *q)
{
    uint64_t count = q->count ? q->count : 1;
    char id[TICKET_CHARS];

    if (count > SEATS_COUNT_MAX || q->flags >= SEAT_ORDERS || !seats_filter_valid(q->filter) ||
        q->value.n > STORE_NAME_BYTES_MAX) {
        book_fail(b, ATR_ERANGE);
        return;
    }
    if (book_fail(b, book_room_for(b, TICKET_CHARS + q->value.n + BOOK_OVERHEAD)) < 0)
        return;
    struct room_entry *r = q->room.n ? given_room(b, q, count) : book_room_choose(b, q, count);
    if (!r)
        return;
    random_name(id, sizeof id);
    struct store_record made = { .key = str_n(id, sizeof id),
                                 .room = r->id,
                                 .value = q->value,
                                 .count = count,
                                 .ttl_ms = q->ttl_ms ? q->ttl_ms : SEATS_TICKET_MS };
    struct ticket *t = ticket_new(r, &made);
    book_room_reindex(r);
    book_put(b, BOOK_TICKETS, &made);
    book_room_show(r, &b->out.r);
    b->out.r.key = t->id;
    b->out.r.room = r->id;
}

void book_seat_confirm(struct book *b, const struct store_record *q)
{
    struct ticket *t = map_get(&b->tickets, q->key);
    struct room_entry *r = t ? t->room : NULL;

    if (!t || !str_eq(r->id, q->room)) {
        book_fail(b, ATR_EUNKNOWN);
        return;
    }
    if (q->epoch < r->fence_epoch) {
        b->stats.fenced++;
        book_fail(b, ATR_EFENCED);
        return;
    }
    buf_add(&b->out.text, t->value);
    b->out.r.value = buf_str(&b->out.text);
    b->out.r.room = r->id;
    b->out.r.count = t->count;
    b->out.r.taken = r->taken;
    r->clients += t->count;
    book_del(b, BOOK_TICKETS, t->id, 0);
    ticket_free(t);
    book_room_keep(r);
}

void book_seat_cancel(struct book *b, const struct store_record *q)
{
    struct ticket *t = map_get(&b->tickets, q->key);

    if (!t)
        book_fail(b, ATR_EUNKNOWN);
    else
        ticket_void(t);
}

void book_seat_leave(struct book *b, const struct store_record *q)
{
    struct room_entry *r = book_room_own(b, q->key, q);

    if (!r)
        return;
    uint64_t left = q->count < r->clients ? q->count : r->clients;
    r->clients -= left;
    r->taken -= left;
    book_room_reindex(r);
    book_room_keep(r);
    b->out.r.taken = r->taken;
}

int book_ticket_load(struct book *b, const struct store_record *r)
{
    struct room_entry *room = book_room_find(b, r->room);

    if (!room || !r->ttl_ms || map_get(&b->tickets, r->key))
        return ATR_EDATABASE;
    (void)ticket_new(room, r);
    book_room_reindex(room);
    return 0;
}
