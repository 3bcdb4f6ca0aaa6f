/* net/backlog.c - see backlog.h.
 *
 * Invariants
 *   - units before `oldest` may not be dropped: new ones come behind it, so it only moves on;
 *   - a key exists exactly while units have it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/backlog.h"

#include "base/assert.h"
#include "base/slab.h"

struct backlog_key {
    struct list units; /* of struct backlog_unit.same */
    uint32_t len;
    uint8_t class;
    char text[]; /* the space, then the key */
};

void backlog_init(struct backlog *b)
{
    *b = (struct backlog){ 0 };
    list_init(&b->units);
}

static struct backlog_unit *unit_of(struct list *link)
{
    return container_of(link, struct backlog_unit, link);
}

/* --- Keys --- */

static str key_text(char text[sizeof(uint64_t) + BACKLOG_KEY_MAX], uint64_t space, str key)
{
    size_t n = key.n < BACKLOG_KEY_MAX ? key.n : BACKLOG_KEY_MAX;

    memcpy(text, &space, sizeof space);
    memcpy(text + sizeof space, key.p, n);
    return (str){ text, sizeof space + n };
}

static struct backlog_key *key_find(struct backlog *b, uint64_t space, str key, bool make)
{
    char scratch[sizeof(uint64_t) + BACKLOG_KEY_MAX];
    str text = key_text(scratch, space, key);
    struct backlog_key *k = map_get(&b->keys, text);
    uint8_t class;

    if (k || !make)
        return k;
    k = slab_alloc(sizeof *k + text.n, &class);
    *k = (struct backlog_key){ .len = (uint32_t)text.n, .class = class };
    list_init(&k->units);
    memcpy(k->text, text.p, text.n);
    map_put(&b->keys, (str){ k->text, k->len }, k);
    return k;
}

static void key_leave(struct backlog *b, struct backlog_unit *u)
{
    struct backlog_key *k = u->key;

    if (!k)
        return;
    u->key = NULL;
    list_remove(&u->same);
    if (!list_empty(&k->units))
        return;
    (void)map_remove(&b->keys, (str){ k->text, k->len });
    slab_free(k, k->class);
}

/* --- Units --- */

void backlog_push(struct backlog *b, const struct parcel *p, uint8_t tag)
{
    uint8_t class;
    struct backlog_unit *u = slab_alloc(sizeof *u + p->count * sizeof *u->msgs, &class);

    ASSERT(p->bytes <= UINT32_MAX);
    *u = (struct backlog_unit){ .bytes = (uint32_t)p->bytes,
                                .count = p->count,
                                .class = class,
                                .tag = tag,
                                .droppable = p->droppable };
    list_init(&u->same);
    for (uint32_t i = 0; i < p->count; i++)
        u->msgs[i] = msg_ref(p->msgs[i]);
    list_append(&b->units, &u->link);
    b->bytes += u->bytes;
    b->count++;
    if (!u->droppable)
        return;
    b->droppable_bytes += u->bytes;
    if (!b->oldest)
        b->oldest = u;
    if (p->key.n) {
        u->key = key_find(b, p->space, p->key, true);
        list_append(&u->key->units, &u->same);
    }
}

/* The next one behind u that may be dropped. */
static struct backlog_unit *next_droppable(struct backlog *b, struct backlog_unit *u)
{
    struct list *at = u->link.next;

    while (at != &b->units && !unit_of(at)->droppable)
        at = at->next;
    return at == &b->units ? NULL : unit_of(at);
}

static void take_out(struct backlog *b, struct backlog_unit *u)
{
    if (b->oldest == u)
        b->oldest = next_droppable(b, u);
    list_remove(&u->link);
    key_leave(b, u);
    b->bytes -= u->bytes;
    b->count--;
    if (u->droppable)
        b->droppable_bytes -= u->bytes;
}

void backlog_unit_free(struct backlog_unit *u)
{
    for (uint32_t i = 0; i < u->count; i++)
        msg_unref(u->msgs[i]);
    slab_free(u, u->class);
}

struct backlog_unit *backlog_pop(struct backlog *b)
{
    struct backlog_unit *u;

    if (list_empty(&b->units))
        return NULL;
    u = unit_of(b->units.next);
    take_out(b, u);
    return u;
}

static void drop(struct backlog *b, struct backlog_unit *u, backlog_dropped tell)
{
    take_out(b, u);
    tell(u);
    backlog_unit_free(u);
}

bool backlog_drop_oldest(struct backlog *b, backlog_dropped tell)
{
    if (!b->oldest)
        return false;
    drop(b, b->oldest, tell);
    return true;
}

void backlog_drop_key(struct backlog *b, uint64_t space, str key, backlog_dropped tell)
{
    struct backlog_key *k = key_find(b, space, key, false);
    bool last = !k;

    while (!last) {
        struct backlog_unit *u = container_of(k->units.next, struct backlog_unit, same);

        last = u->same.next == &k->units; /* k goes with it */
        drop(b, u, tell);
    }
}

void backlog_fini(struct backlog *b)
{
    struct backlog_unit *u;

    while ((u = backlog_pop(b)))
        backlog_unit_free(u);
    map_free(&b->keys);
}
