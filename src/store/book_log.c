/* store/book_log.c - bounded logs: a ring of entries each.
 *
 * Invariants
 *   - entries have consecutive offsets; the last one's is next - 1;
 *   - the book's bytes count each entry with its overhead.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"
#include "base/mem.h"
#include "cluster/log.h"
#include "store/book_parts.h"

struct entry {
    uint64_t at_ms;
    uint32_t len;
    char bytes[];
};

struct log {
    struct book *book;
    struct entry **ring; /* cap is 0 or a power of two */
    uint32_t head, count, cap;
    uint64_t generation, next; /* next: the offset of the entry to come */
    uint64_t entries_max, bytes_max, age_ms, ttl_ms;
    size_t bytes; /* of the entries' values */
    struct timer expiry, oldest;
    str name;
};

static size_t size_of(const struct entry *e)
{
    return e->len + BOOK_OVERHEAD;
}

static struct entry *entry_at(const struct log *l, uint32_t index)
{
    return l->ring[(l->head + index) & (l->cap - 1)];
}

static uint64_t first_of(const struct log *l)
{
    return l->next - l->count;
}

static void drop_first(struct log *l)
{
    struct entry *e = entry_at(l, 0);

    l->head = (l->head + 1) & (l->cap - 1);
    l->count--;
    l->bytes -= e->len;
    l->book->bytes -= size_of(e);
    mem_free(e);
}

static void log_free(struct log *l)
{
    struct book *b = l->book;

    while (l->count)
        drop_first(l);
    b->bytes -= l->name.n + BOOK_OVERHEAD;
    timer_stop(&b->timers, &l->expiry);
    timer_stop(&b->timers, &l->oldest);
    mem_free(l->ring);
    mem_free(l);
}

static void keep(const struct log *l)
{
    book_put(l->book, BOOK_LOGS,
             &(struct store_record){ .key = l->name,
                                     .generation = l->generation,
                                     .offset = l->next,
                                     .count = l->entries_max,
                                     .bytes = l->bytes_max,
                                     .age_ms = l->age_ms,
                                     .ttl_ms = l->ttl_ms });
}

static void drop(struct log *l)
{
    struct book *b = l->book;

    book_del(b, BOOK_LOGS, l->name, 0);
    map_remove(&b->logs, l->name);
    log_free(l);
}

static void on_expiry(struct timer *t)
{
    struct log *l = container_of(t, struct log, expiry);

    l->book->stats.expired++;
    drop(l);
}

static bool too_old(const struct log *l)
{
    return l->age_ms && entry_at(l, 0)->at_ms + l->age_ms <= l->book->now_ms;
}

static void trim(struct log *l)
{
    uint32_t before = l->count;

    while (l->count &&
           ((l->count > 1 && (l->count > l->entries_max || l->bytes > l->bytes_max)) || too_old(l)))
        drop_first(l);
    if (l->count < before) {
        l->book->stats.trimmed += before - l->count;
        book_del(l->book, BOOK_ENTRIES, l->name, first_of(l));
        if (!l->count)
            keep(l); /* nothing else tells its next offset */
    }
    if (l->age_ms && l->count)
        book_timer(l->book, &l->oldest, entry_at(l, 0)->at_ms + l->age_ms - l->book->now_ms);
    else
        timer_stop(&l->book->timers, &l->oldest);
}

static void on_oldest(struct timer *t)
{
    trim(container_of(t, struct log, oldest));
}

static struct log *log_new(struct book *b, str name)
{
    struct log *l = mem_zalloc(sizeof *l + name.n);
    char *at = (char *)(l + 1);

    l->book = b;
    l->next = 1;
    l->name = book_copy(&at, name);
    timer_init(&l->expiry, on_expiry);
    timer_init(&l->oldest, on_oldest);
    map_put(&b->logs, l->name, l);
    b->bytes += name.n + BOOK_OVERHEAD;
    return l;
}

static void add_entry(struct log *l, str value, uint64_t at_ms)
{
    struct entry *e = mem_alloc(sizeof *e + value.n);

    if (l->count == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 8;
        struct entry **ring = mem_alloc(cap * sizeof *ring);

        for (uint32_t i = 0; i < l->count; i++)
            ring[i] = entry_at(l, i);
        mem_free(l->ring);
        l->ring = ring;
        l->head = 0;
        l->cap = cap;
    }
    *e = (struct entry){ .at_ms = at_ms, .len = (uint32_t)value.n };
    if (value.n)
        memcpy(e->bytes, value.p, value.n);
    l->ring[(l->head + l->count++) & (l->cap - 1)] = e;
    l->next++;
    l->bytes += value.n;
    l->book->bytes += size_of(e);
}

static uint64_t bound(uint64_t wanted, uint64_t usual, uint64_t most)
{
    if (!wanted)
        return usual;
    return wanted < most ? wanted : most;
}

/* Returns whether they are others than before. */
static bool set_bounds(struct log *l, const struct store_record *q)
{
    uint64_t entries = bound(q->count, LOG_ENTRIES, LOG_ENTRIES_MAX);
    uint64_t bytes = bound(q->bytes, LOG_BYTES, LOG_BYTES_MAX);
    bool changed = entries != l->entries_max || bytes != l->bytes_max || q->age_ms != l->age_ms ||
                   q->ttl_ms != l->ttl_ms;

    l->entries_max = entries;
    l->bytes_max = bytes;
    l->age_ms = q->age_ms;
    l->ttl_ms = q->ttl_ms;
    book_timer(l->book, &l->expiry, l->ttl_ms);
    return changed;
}

void book_log_append(struct book *b, const struct store_record *q)
{
    struct log *l = map_get(&b->logs, q->key);
    size_t more = q->value.n + BOOK_OVERHEAD + (l ? 0 : q->key.n + BOOK_OVERHEAD);

    if (book_fail(b, book_fence(b, q)) < 0 || book_fail(b, book_room_for(b, more)) < 0)
        return;
    if (!l) {
        l = log_new(b, q->key);
        l->generation = book_next_revision(b);
    }
    if (set_bounds(l, q))
        keep(l);
    add_entry(l, q->value, b->now_ms);
    book_put(b, BOOK_ENTRIES,
             &(struct store_record){
                 .key = l->name, .offset = l->next - 1, .value = q->value, .at_ms = b->now_ms });
    trim(l);
    b->out.r.offset = l->next - 1;
    b->out.r.generation = l->generation;
    book_news(b, TOPIC_LOG, l->name);
}

/* Where to begin, and whether something is lost. */
static uint64_t begin_at(struct log *l, const struct store_record *q, bool *lost)
{
    uint64_t first = first_of(l), from = q->offset ? q->offset : first;

    *lost = (q->generation && q->generation != l->generation) || from < first || from > l->next;
    return *lost ? first : from;
}

static void read_nothing(struct book *b, const struct store_record *q)
{
    bool lost = q->generation != 0 || q->offset > 1;

    b->out.wait = q->wait_ms && !lost;
    b->out.r.offset = b->out.r.first = 1;
    if (lost)
        b->out.r.flags = LOG_LOST;
}

void book_log_read(struct book *b, const struct store_record *q)
{
    struct log *l = map_get(&b->logs, q->key);
    struct store_record *r = &b->out.r;
    bool lost = false;

    if (!l) {
        read_nothing(b, q);
        return;
    }
    uint64_t at = begin_at(l, q, &lost);
    b->out.wait = q->wait_ms && !lost && at == l->next;
    if (lost)
        b->stats.lost_reads++;
    r->flags = lost ? LOG_LOST : 0;
    r->generation = l->generation;
    r->first = first_of(l);
    for (; at < l->next; at++) {
        const struct entry *e = entry_at(l, (uint32_t)(at - first_of(l)));
        uint64_t age = b->now_ms > e->at_ms ? b->now_ms - e->at_ms : 0;

        if (!book_item(b, q,
                       &(struct store_record){
                           .offset = at, .value = { e->bytes, e->len }, .age_ms = age })) {
            r->flags |= STORE_MORE;
            break;
        }
    }
    r->offset = at;
}

void book_log_drop(struct book *b, const struct store_record *q)
{
    struct log *l = map_get(&b->logs, q->key);

    if (book_fail(b, book_fence(b, q)) < 0 || !l)
        return;
    drop(l);
    b->out.r.number = 1;
}

int book_log_load(struct book *b, const struct store_record *r)
{
    struct log *l = map_get(&b->logs, r->key);

    if (l || !r->offset)
        return ATR_EDATABASE;
    l = log_new(b, r->key);
    l->generation = r->generation;
    l->next = r->offset;
    set_bounds(l, r);
    book_begin_at(b, r->generation);
    return 0;
}

int book_entry_load(struct book *b, const struct store_record *r)
{
    struct log *l = map_get(&b->logs, r->key);

    if (!l || (l->count ? r->offset != l->next : r->offset < 1))
        return ATR_EDATABASE;
    l->next = r->offset;
    add_entry(l, r->value, r->at_ms && r->at_ms < b->now_ms ? r->at_ms : b->now_ms);
    if (l->age_ms && l->count == 1)
        book_timer(b, &l->oldest, STORE_TTL_MS_MIN);
    return 0;
}

void book_logs_renumber(struct book *b)
{
    struct log *l;

    for (uint32_t at = 0; (l = map_next(&b->logs, &at));) {
        l->generation = book_next_revision(b);
        keep(l);
    }
}

void book_logs_free(struct book *b)
{
    struct log *l;

    for (uint32_t at = 0; (l = map_next(&b->logs, &at));)
        log_free(l);
    map_free(&b->logs);
}
