/* store/book_lease.c - leases, and the nodes that they may be bound to.
 *
 * A lease that nobody holds is not there: epochs are revisions of the whole book, so there is
 * nothing to remember of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "cluster/lease.h"
#include "store/book_parts.h"

/* --- Leases --- */

/* Out of everything but the table. */
static void lease_free(struct lease *l)
{
    struct book *b = l->book;

    b->bytes -= l->bytes;
    timer_stop(&b->timers, &l->expiry);
    list_remove(&l->in_node);
    mem_free(l);
}

/* Nobody holds it any more. */
static void vacate(struct lease *l)
{
    struct book *b = l->book;
    str name = { mem_dup(l->name.p, l->name.n + 1), l->name.n };

    book_del(b, BOOK_LEASES, l->name, 0);
    map_remove(&b->leases, l->name);
    lease_free(l);
    book_news(b, TOPIC_LEASE, name);
    mem_free((void *)(uintptr_t)name.p);
}

static void on_lease_expiry(struct timer *t)
{
    struct lease *l = container_of(t, struct lease, expiry);

    l->book->stats.expired++;
    vacate(l);
}

static void describe(const struct lease *l, struct store_record *r)
{
    r->owner = l->owner;
    r->value = l->value;
    r->epoch = l->epoch;
    r->ttl_ms = l->node ? book_left(l->book, &l->node->expiry) : book_left(l->book, &l->expiry);
    if (l->node) {
        r->node = l->node->in_book.key;
        r->node_epoch = l->node->epoch;
    }
}

static struct lease *lease_new(struct book *b, const struct store_record *q, struct node *n,
                               uint64_t epoch)
{
    size_t texts = q->key.n + q->owner.n + q->value.n;
    struct lease *l = mem_zalloc(sizeof *l + texts + 1);
    char *at = (char *)(l + 1);

    *l = (struct lease){ .book = b, .node = n, .epoch = epoch, .ttl_ms = q->ttl_ms };
    l->owner = book_copy(&at, q->owner);
    l->value = book_copy(&at, q->value);
    l->name = book_copy(&at, q->key);
    l->bytes = texts + BOOK_OVERHEAD;
    b->bytes += l->bytes;
    timer_init(&l->expiry, on_lease_expiry);
    list_init(&l->in_node);
    if (n)
        list_append(&n->leases, &l->in_node);
    else
        book_timer(b, &l->expiry, l->ttl_ms);
    map_put(&b->leases, l->name, l);
    return l;
}

void book_lease_acquire(struct book *b, const struct store_record *q)
{
    struct lease *l = map_get(&b->leases, q->key);
    struct node *n = q->node.n ? book_node(b, q->node, q->node_epoch) : NULL;

    if (q->node.n ? !n : !q->ttl_ms) {
        book_fail(b, q->node.n ? ATR_EFENCED : ATR_ERANGE);
        return;
    }
    if (l) {
        describe(l, &b->out.r);
        if (!str_eq(l->owner, q->owner) || l->node != n)
            book_fail(b, ATR_EEXISTS);
        else if (!n)
            book_timer(b, &l->expiry, l->ttl_ms = q->ttl_ms);
        return;
    }
    if (book_fail(b, book_room_for(b, q->key.n + q->owner.n + q->value.n + BOOK_OVERHEAD)) < 0)
        return;
    l = lease_new(b, q, n, book_next_revision(b));
    book_put(b, BOOK_LEASES,
             &(struct store_record){ .key = l->name,
                                     .owner = l->owner,
                                     .value = l->value,
                                     .epoch = l->epoch,
                                     .ttl_ms = l->ttl_ms,
                                     .node = q->node,
                                     .node_epoch = q->node_epoch });
    describe(l, &b->out.r);
    book_news(b, TOPIC_LEASE, l->name);
}

static struct lease *held(struct book *b, const struct store_record *q)
{
    struct lease *l = map_get(&b->leases, q->key);

    if (l && l->epoch == q->epoch)
        return l;
    b->stats.fenced++;
    book_fail(b, ATR_EFENCED);
    return NULL;
}

void book_lease_renew(struct book *b, const struct store_record *q)
{
    struct lease *l = held(b, q);

    if (!l)
        return;
    if (!l->node && !q->ttl_ms) {
        book_fail(b, ATR_ERANGE);
        return;
    }
    if (!l->node) /* not written down: it begins anew after a restart */
        book_timer(b, &l->expiry, l->ttl_ms = q->ttl_ms);
    describe(l, &b->out.r);
}

void book_lease_release(struct book *b, const struct store_record *q)
{
    struct lease *l = held(b, q);

    if (l)
        vacate(l);
}

void book_lease_get(struct book *b, const struct store_record *q)
{
    struct lease *l = map_get(&b->leases, q->key);

    b->out.wait = q->wait_ms && (l ? l->epoch : 0) == q->epoch;
    if (l)
        describe(l, &b->out.r);
}

int book_lease_load(struct book *b, const struct store_record *r)
{
    struct node *n = r->node.n ? book_node(b, r->node, r->node_epoch) : NULL;

    if (map_get(&b->leases, r->key) || (r->node.n ? !n : !r->ttl_ms))
        return ATR_EDATABASE;
    (void)lease_new(b, r, n, r->epoch);
    return 0;
}

/* --- Nodes --- */

struct node *book_node(struct book *b, str id, uint64_t epoch)
{
    struct tree_node *at = tree_get(&b->nodes, id);
    struct node *n = at ? container_of(at, struct node, in_book) : NULL;

    return n && n->epoch == epoch ? n : NULL;
}

static void node_free(struct node *n)
{
    struct book *b = n->book;

    b->bytes -= n->bytes;
    timer_stop(&b->timers, &n->expiry);
    tree_remove(&b->nodes, &n->in_book);
    mem_free(n);
}

static void die(struct node *n)
{
    struct book *b = n->book;

    book_rooms_orphan(b, n);
    while (!list_empty(&n->leases))
        vacate(container_of(n->leases.next, struct lease, in_node));
    book_del(b, BOOK_NODES, n->in_book.key, 0);
    node_free(n);
}

static void on_node_expiry(struct timer *t)
{
    struct node *n = container_of(t, struct node, expiry);

    n->book->stats.expired++;
    die(n);
}

static struct node *node_new(struct book *b, const struct store_record *q, uint64_t epoch)
{
    size_t texts = q->key.n + q->address.n + q->value.n;
    struct node *n = mem_zalloc(sizeof *n + texts);
    char *at = (char *)(n + 1);

    n->book = b;
    n->epoch = epoch;
    n->ttl_ms = q->ttl_ms;
    n->in_book.key = book_copy(&at, q->key);
    n->address = book_copy(&at, q->address);
    n->metadata = book_copy(&at, q->value);
    n->bytes = texts + BOOK_OVERHEAD;
    b->bytes += n->bytes;
    list_init(&n->leases);
    list_init(&n->rooms);
    timer_init(&n->expiry, on_node_expiry);
    book_timer(b, &n->expiry, n->ttl_ms);
    tree_add(&b->nodes, &n->in_book);
    return n;
}

void book_node_join(struct book *b, const struct store_record *q)
{
    struct tree_node *before = tree_get(&b->nodes, q->key);

    if (!q->ttl_ms || !q->key.n) {
        book_fail(b, ATR_ERANGE);
        return;
    }
    if (book_fail(b, book_room_for(b, q->key.n + q->address.n + q->value.n + BOOK_OVERHEAD)) < 0)
        return;
    if (before)
        die(container_of(before, struct node, in_book));
    struct node *n = node_new(b, q, book_next_revision(b));
    book_put(b, BOOK_NODES,
             &(struct store_record){ .key = n->in_book.key,
                                     .address = n->address,
                                     .value = n->metadata,
                                     .epoch = n->epoch,
                                     .ttl_ms = n->ttl_ms });
    b->out.r.epoch = n->epoch;
}

static struct node *alive(struct book *b, const struct store_record *q)
{
    struct node *n = book_node(b, q->key, q->epoch);

    if (!n) {
        b->stats.fenced++;
        book_fail(b, ATR_EFENCED);
    }
    return n;
}

void book_node_beat(struct book *b, const struct store_record *q)
{
    struct node *n = alive(b, q);

    if (n)
        book_timer(b, &n->expiry, n->ttl_ms);
}

void book_node_leave(struct book *b, const struct store_record *q)
{
    struct node *n = alive(b, q);

    if (n)
        die(n);
}

void book_node_list(struct book *b, const struct store_record *q)
{
    str last = q->after;

    for (struct tree_node *at = last.n ? tree_after(&b->nodes, last) : tree_from(&b->nodes, last);
         at; at = tree_after(&b->nodes, at->key)) {
        const struct node *n = container_of(at, const struct node, in_book);

        if (!book_item(b, q,
                       &(struct store_record){ .key = at->key,
                                               .address = n->address,
                                               .value = n->metadata,
                                               .epoch = n->epoch,
                                               .count = n->room_count,
                                               .ttl_ms = book_left(b, &n->expiry) })) {
            b->out.r.flags |= STORE_MORE;
            b->out.r.after = last;
            return;
        }
        last = at->key;
    }
}

int book_node_load(struct book *b, const struct store_record *r)
{
    if (!r->ttl_ms || tree_get(&b->nodes, r->key))
        return ATR_EDATABASE;
    (void)node_new(b, r, r->epoch);
    return 0;
}

void book_leases_free(struct book *b)
{
    struct tree_node *n;
    struct lease *l;

    for (uint32_t at = 0; (l = map_next(&b->leases, &at));)
        lease_free(l);
    while ((n = tree_from(&b->nodes, (str){ 0 })))
        node_free(container_of(n, struct node, in_book));
    map_free(&b->leases);
}
