/* store/book_rooms.c - rooms: whose they are, what is said of them, what becomes of them when their
 * node dies. See book_rooms.h.
 *
 * Start reading at book_room_put().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "store/book_rooms.h"

enum { SCAN_MAX = 10000 };

struct room_entry *book_room_find(struct book *b, str id)
{
    return map_get(&b->room_ids, id);
}

static void room_free(struct room_entry *r)
{
    struct book *b = r->book;

    book_tickets_void(r);
    book_room_unindex(r);
    if (r->node)
        r->node->room_count--;
    list_remove(&r->in_node);
    timer_stop(&b->timers, &r->orphan);
    tree_remove(&b->rooms, &r->in_rooms);
    map_remove(&b->room_ids, r->id);
    b->bytes -= r->bytes;
    mem_free(r->texts);
    mem_free(r);
}

static void remove_room(struct room_entry *r)
{
    book_del(r->book, BOOK_ROOMS, r->id, 0);
    room_free(r);
}

static void on_orphan(struct timer *t)
{
    remove_room(container_of(t, struct room_entry, orphan));
}

static void orphan(struct room_entry *r)
{
    if (r->node)
        r->node->room_count--;
    r->node = NULL;
    list_remove(&r->in_node);
    book_timer(r->book, &r->orphan, SEATS_ORPHAN_MS);
    r->book->stats.orphaned++;
}

void book_rooms_orphan(struct book *b, struct node *n)
{
    (void)b;
    while (!list_empty(&n->rooms)) {
        struct room_entry *r = container_of(n->rooms.next, struct room_entry, in_node);

        orphan(r);
        book_room_reindex(r);
    }
}

static struct room_entry *room_new(struct book *b, const struct store_record *q, uint64_t born)
{
    size_t key = q->type.n + 1 + q->key.n;
    struct room_entry *r = mem_zalloc(sizeof *r + key);
    char *at = (char *)(r + 1);

    r->book = b;
    r->born = born;
    r->type = book_copy(&at, q->type);
    *at++ = '\0';
    r->id = book_copy(&at, q->key);
    r->in_rooms.key = str_n(r + 1, key);
    r->bytes = key + 2 * BOOK_OVERHEAD;
    b->bytes += r->bytes;
    list_init(&r->in_node);
    list_init(&r->tickets);
    timer_init(&r->orphan, on_orphan);
    tree_add(&b->rooms, &r->in_rooms);
    map_put(&b->room_ids, r->id, r);
    return r;
}

/* Everything that room_put() says, but `taken`. */
static void describe(struct room_entry *r, const struct store_record *q, struct node *n)
{
    size_t texts = q->node.n + q->fence.n + q->filter.n + q->value.n;
    char *memory = mem_alloc(texts ? texts : 1), *at = memory;

    if (r->bucket)
        book_room_unindex(r);
    r->book->bytes += texts - (r->node_id.n + r->fence.n + r->filter.n + r->metadata.n);
    r->bytes += texts - (r->node_id.n + r->fence.n + r->filter.n + r->metadata.n);
    r->node_id = book_copy(&at, q->node);
    r->fence = book_copy(&at, q->fence);
    r->filter = book_copy(&at, q->filter);
    r->metadata = book_copy(&at, q->value);
    mem_free(r->texts);
    r->texts = memory;
    r->node_epoch = q->node_epoch;
    r->fence_epoch = q->fence_epoch;
    r->max = q->max;
    r->flags = q->flags & (ROOM_LOCKED | ROOM_PRIVATE | ROOM_UNLISTED);
    if (r->node != n) {
        if (r->node)
            r->node->room_count--;
        list_remove(&r->in_node);
        r->node = n;
        if (n) {
            list_append(&n->rooms, &r->in_node);
            n->room_count++;
        }
    }
    timer_stop(&r->book->timers, &r->orphan);
    book_room_index(r);
}

void book_room_keep(const struct room_entry *r)
{
    book_put(r->book, BOOK_ROOMS,
             &(struct store_record){ .key = r->id,
                                     .type = r->type,
                                     .node = r->node_id,
                                     .node_epoch = r->node_epoch,
                                     .filter = r->filter,
                                     .value = r->metadata,
                                     .max = r->max,
                                     .taken = r->clients,
                                     .flags = r->flags,
                                     .fence = r->fence,
                                     .fence_epoch = r->fence_epoch,
                                     .version = r->version,
                                     .epoch = r->born });
}

/* --- Putting and dropping --- */

/* Whether node n may have the room that is there. */
static int may_take(const struct room_entry *r, const struct store_record *q, const struct node *n)
{
    bool guarded = r->fence.n && str_eq(r->fence, q->fence);

    if (r->fence.n && (r->node == n || !r->node || guarded) &&
        (!guarded || q->fence_epoch < r->fence_epoch))
        return ATR_EFENCED;
    if (r->node && r->node != n && !(guarded && q->fence_epoch > r->fence_epoch))
        return ATR_EEXISTS;
    return str_eq(r->type, q->type) ? 0 : ATR_ESTATE;
}

static int check_put(struct book *b, const struct store_record *q, struct room_entry *r,
                     struct node *n)
{
    int err;

    if (!q->key.n || !seats_filter_valid(q->filter))
        return ATR_ERANGE;
    if (!n) {
        b->stats.fenced++;
        return ATR_EFENCED;
    }
    if ((err = book_fence(b, q)) < 0 || (r && (err = may_take(r, q, n)) < 0))
        return err;
    return book_room_for(b, q->key.n + q->type.n + q->node.n + q->fence.n + q->filter.n +
                                q->value.n + 2 * BOOK_OVERHEAD);
}

void book_room_put(struct book *b, const struct store_record *q)
{
    struct node *n = book_node(b, q->node, q->node_epoch);
    struct room_entry *r = book_room_find(b, q->key);

    if (book_fail(b, check_put(b, q, r, n)) < 0)
        return;
    uint64_t version = book_next_revision(b);
    if (!r)
        r = room_new(b, q, version);
    describe(r, q, n);
    r->version = version;
    if (q->flags & ROOM_SET_TAKEN) {
        r->taken += q->taken - r->clients;
        r->clients = q->taken;
    }
    book_room_reindex(r);
    book_room_keep(r);
    b->out.r.version = r->version;
    b->out.r.taken = r->taken;
}

struct room_entry *book_room_own(struct book *b, str id, const struct store_record *q)
{
    struct room_entry *r = book_room_find(b, id);

    if (r && r->node && r->node == book_node(b, q->node, q->node_epoch))
        return r;
    book_fail(b, ATR_EUNKNOWN);
    return NULL;
}

void book_room_drop(struct book *b, const struct store_record *q)
{
    struct room_entry *r = book_room_own(b, q->key, q);

    if (r)
        remove_room(r);
}

void book_room_show(const struct room_entry *r, struct store_record *out)
{
    out->type = r->type;
    out->node = r->node_id;
    out->node_epoch = r->node_epoch;
    out->address = r->node ? r->node->address : (str){ 0 };
    out->epoch = r->fence_epoch;
    out->value = r->metadata;
    out->max = r->max;
    out->taken = r->taken;
    out->version = r->version;
    out->flags = r->flags | (r->node ? 0 : ROOM_ORPHANED);
}

/* --- Listing --- */

static bool is_wanted(const struct room_entry *r, const struct store_record *q)
{
    if (!(q->flags & ROOM_HIDDEN) && (!r->node || r->flags & (ROOM_PRIVATE | ROOM_UNLISTED)))
        return false;
    if (q->flags & ROOM_FREE && !book_room_takes(r))
        return false;
    return (!q->node.n || str_eq(q->node, r->node_id)) && seats_filter_has(r->filter, q->filter);
}

static bool list_room(struct book *b, const struct store_record *q, const struct room_entry *r)
{
    struct store_record item = { .key = r->id, .filter = r->filter };

    book_room_show(r, &item);
    return book_item(b, q, &item);
}

void book_room_list(struct book *b, const struct store_record *q)
{
    struct room_entry *r = q->key.n ? book_room_find(b, q->key) : NULL;
    str prefix = { 0 }, last = q->after;
    unsigned scanned = 0;

    if (q->key.n) {
        if (r && is_wanted(r, q) && (!q->type.n || str_eq(q->type, r->type)))
            (void)list_room(b, q, r);
        return;
    }
    if (q->type.n) {
        buf_add(&b->out.text, q->type);
        buf_byte(&b->out.text, '\0');
        prefix = buf_str(&b->out.text);
    }
    struct tree_node *at =
        str_cmp(last, prefix) > 0 ? tree_after(&b->rooms, last) : tree_from(&b->rooms, prefix);
    for (; at && str_starts(at->key, prefix); at = tree_after(&b->rooms, at->key)) {
        r = container_of(at, struct room_entry, in_rooms);
        if (++scanned > SCAN_MAX || (is_wanted(r, q) && !list_room(b, q, r))) {
            b->out.r.flags |= STORE_MORE;
            b->out.r.after = last;
            return;
        }
        last = at->key;
    }
}

/* --- Loading, freeing --- */

int book_room_load(struct book *b, const struct store_record *r)
{
    struct node *n = book_node(b, r->node, r->node_epoch);

    if (book_room_find(b, r->key) || !seats_filter_valid(r->filter))
        return ATR_EDATABASE;
    struct room_entry *room = room_new(b, r, r->epoch);
    describe(room, r, n);
    room->version = r->version;
    room->clients = room->taken = r->taken;
    if (!n)
        orphan(room);
    book_room_reindex(room);
    return 0;
}

void book_rooms_free(struct book *b)
{
    struct tree_node *n;

    while ((n = tree_from(&b->rooms, (str){ 0 })))
        room_free(container_of(n, struct room_entry, in_rooms));
    map_free(&b->room_ids);
    map_free(&b->tickets);
    map_free(&b->types);
}
