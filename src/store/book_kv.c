/* store/book_kv.c - keys and values.
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "cluster/kv.h"
#include "store/book_parts.h"

struct key {
    struct tree_node in_book; /* its key is ours */
    struct book *book;
    struct timer expiry;
    uint64_t version, ttl_ms;
    str value; /* memory of its own, unless it fits into `small` */
    char small[24];
};

static struct key *find(struct book *b, str name)
{
    struct tree_node *n = tree_get(&b->keys, name);

    return n ? container_of(n, struct key, in_book) : NULL;
}

static size_t size_of(str name, str value)
{
    return name.n + value.n + BOOK_OVERHEAD;
}

static void set_value(struct key *k, str value)
{
    char *old = k->value.p == k->small ? NULL : (char *)(uintptr_t)k->value.p;

    k->book->bytes += value.n - k->value.n;
    if (value.n <= sizeof k->small) {
        char small[sizeof k->small] = { 0 };

        if (value.n)
            memcpy(small, value.p, value.n); /* which may be in k->small */
        memcpy(k->small, small, sizeof small);
        k->value = str_n(k->small, value.n);
    } else {
        k->value = str_n(mem_dup(value.p, value.n), value.n);
    }
    mem_free(old);
}

static void drop(struct key *k)
{
    struct book *b = k->book;

    b->bytes -= size_of(k->in_book.key, k->value);
    timer_stop(&b->timers, &k->expiry);
    tree_remove(&b->keys, &k->in_book);
    if (k->value.p != k->small)
        mem_free((void *)(uintptr_t)k->value.p);
    mem_free(k);
}

static void on_expiry(struct timer *t)
{
    struct key *k = container_of(t, struct key, expiry);

    k->book->stats.expired++;
    book_del(k->book, BOOK_KEYS, k->in_book.key, 0);
    drop(k);
}

static struct key *add(struct book *b, str name)
{
    struct key *k = mem_zalloc(sizeof *k + name.n);
    char *at = (char *)(k + 1);

    k->book = b;
    k->in_book.key = book_copy(&at, name);
    k->value = str_n(k->small, 0);
    timer_init(&k->expiry, on_expiry);
    tree_add(&b->keys, &k->in_book);
    b->bytes += size_of(name, k->value);
    return k;
}

static void keep(struct key *k)
{
    book_put(k->book, BOOK_KEYS,
             &(struct store_record){ .key = k->in_book.key,
                                     .value = k->value,
                                     .version = k->version,
                                     .ttl_ms = k->ttl_ms,
                                     .at_ms = k->ttl_ms ? k->expiry.at_ms : 0 });
}

static void set_ttl(struct key *k, uint64_t ttl_ms)
{
    k->ttl_ms = ttl_ms;
    book_timer(k->book, &k->expiry, ttl_ms);
}

static void describe(const struct key *k, struct store_record *r)
{
    r->version = k->version;
    r->ttl_ms = book_left(k->book, &k->expiry);
}

void book_kv_get(struct book *b, const struct store_record *q)
{
    struct key *k = find(b, q->key);

    if (!k) {
        book_fail(b, ATR_EUNKNOWN);
        return;
    }
    describe(k, &b->out.r);
    b->out.r.value = k->value;
}

/* Whether the request's conditions are met by k, which may be NULL. */
static int allowed(struct book *b, const struct store_record *q, const struct key *k)
{
    int err = book_fence(b, q);

    if (err < 0)
        return err;
    if (k)
        b->out.r.version = k->version;
    if (q->flags & KV_IF_ABSENT && k)
        return ATR_EEXISTS;
    if (q->flags & KV_IF_VERSION && (!k || k->version != q->version))
        return ATR_ESTATE;
    return 0;
}

void book_kv_set(struct book *b, const struct store_record *q)
{
    struct key *k = find(b, q->key);
    size_t had = k ? k->value.n : 0, more = k ? 0 : size_of(q->key, (str){ 0 });

    if (book_fail(b, allowed(b, q, k)) < 0)
        return;
    if (q->value.n + more > had && book_fail(b, book_room_for(b, q->value.n + more - had)) < 0)
        return;
    if (!k)
        k = add(b, q->key);
    set_value(k, q->value);
    k->version = book_next_revision(b);
    if (!(q->flags & KV_KEEP_TTL))
        set_ttl(k, q->ttl_ms);
    keep(k);
    b->out.r.version = k->version;
}

void book_kv_del(struct book *b, const struct store_record *q)
{
    struct key *k = find(b, q->key);
    struct tree_node *n;

    if (book_fail(b, allowed(b, q, k)) < 0)
        return;
    if (!(q->flags & KV_PREFIX)) {
        if (!k)
            return;
        book_del(b, BOOK_KEYS, k->in_book.key, 0);
        drop(k);
        b->out.r.number = 1;
        return;
    }
    while ((n = tree_from(&b->keys, q->key)) && str_starts(n->key, q->key)) {
        book_del(b, BOOK_KEYS, n->key, 0);
        drop(container_of(n, struct key, in_book));
        b->out.r.number++;
    }
}

/* The number that a value is: the digits that we would write. */
static bool number_of(str value, int64_t *out)
{
    char text[24] = "", again[24];
    int64_t n = 0;

    if (value.n == 0 || value.n >= sizeof text)
        return false;
    memcpy(text, value.p, value.n);
    if (sscanf(text, "%" SCNd64, &n) != 1)
        return false;
    snprintf(again, sizeof again, "%" PRId64, n);
    *out = n;
    return strcmp(text, again) == 0;
}

void book_kv_incr(struct book *b, const struct store_record *q)
{
    struct key *k = find(b, q->key);
    int64_t number = 0;
    char text[24];

    if (book_fail(b, allowed(b, q, k)) < 0)
        return;
    if (k && !number_of(k->value, &number)) {
        book_fail(b, ATR_ETYPE);
        return;
    }
    if (__builtin_add_overflow(number, q->number, &number)) {
        book_fail(b, ATR_ERANGE);
        return;
    }
    int len = snprintf(text, sizeof text, "%" PRId64, number);
    if (!k && book_fail(b, book_room_for(b, size_of(q->key, str_n(text, (size_t)len)))) < 0)
        return;
    if (!k)
        k = add(b, q->key);
    set_value(k, str_n(text, (size_t)len));
    k->version = book_next_revision(b);
    if (q->ttl_ms)
        set_ttl(k, q->ttl_ms);
    keep(k);
    b->out.r.version = k->version;
    b->out.r.number = number;
}

void book_kv_expire(struct book *b, const struct store_record *q)
{
    struct key *k = find(b, q->key);

    if (!k) {
        book_fail(b, ATR_EUNKNOWN);
        return;
    }
    set_ttl(k, q->ttl_ms);
    keep(k);
}

void book_kv_list(struct book *b, const struct store_record *q)
{
    str last = q->after;
    struct tree_node *n;

    n = str_cmp(last, q->key) > 0 ? tree_after(&b->keys, last) : tree_from(&b->keys, q->key);
    for (; n && str_starts(n->key, q->key); n = tree_after(&b->keys, n->key)) {
        const struct key *k = container_of(n, const struct key, in_book);
        struct store_record item = { .key = n->key };

        if (q->flags & KV_COUNT) {
            b->out.r.number++;
            continue;
        }
        describe(k, &item);
        if (!(q->flags & KV_KEYS))
            item.value = k->value;
        if (!book_item(b, q, &item)) {
            b->out.r.flags |= STORE_MORE;
            b->out.r.after = last;
            return;
        }
        last = n->key;
    }
}

int book_kv_load(struct book *b, const struct store_record *r)
{
    struct key *k = find(b, r->key);
    uint64_t left = r->at_ms > b->now_ms ? r->at_ms - b->now_ms : 1;

    if (!k)
        k = add(b, r->key);
    set_value(k, r->value);
    k->version = r->version;
    k->ttl_ms = r->ttl_ms;
    book_timer(b, &k->expiry, r->ttl_ms && r->at_ms ? left : r->ttl_ms);
    return 0;
}

void book_kv_free(struct book *b)
{
    struct tree_node *n;

    while ((n = tree_from(&b->keys, (str){ 0 })))
        drop(container_of(n, struct key, in_book));
}
