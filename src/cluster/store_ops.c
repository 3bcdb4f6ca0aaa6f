/* cluster/store_ops.c - the operations of kv.h, lease.h, log.h and seats.h that take more than a
 * line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/kv.h"
#include "cluster/lease.h"
#include "cluster/log.h"
#include "cluster/seats.h"

static struct store_call *kv_write(struct store *s, struct store_request *r,
                                   const struct kv_write *w, store_fn fn, void *user)
{
    if (w) {
        r->r.ttl_ms = w->ttl_ms;
        r->r.flags = w->flags;
        r->r.version = w->version;
        r->r.fence = w->fence;
        r->r.fence_epoch = w->fence_epoch;
    }
    return store_begin(s, r, fn, user);
}

struct store_call *kv_set(struct store *s, str key, str value, const struct kv_write *w,
                          store_fn fn, void *user)
{
    struct store_request r = { .op = STORE_KV_SET, .r = { .key = key, .value = value } };

    return kv_write(s, &r, w, fn, user);
}

struct store_call *kv_del(struct store *s, str key, const struct kv_write *w, store_fn fn,
                          void *user)
{
    struct store_request r = { .op = STORE_KV_DEL, .r = { .key = key } };

    return kv_write(s, &r, w, fn, user);
}

struct store_call *kv_incr(struct store *s, str key, int64_t by, const struct kv_write *w,
                           store_fn fn, void *user)
{
    struct store_request r = { .op = STORE_KV_INCR, .r = { .key = key, .number = by } };

    return kv_write(s, &r, w, fn, user);
}

struct store_call *lease_acquire(struct store *s, str name, str owner, const struct lease_terms *t,
                                 store_fn fn, void *user)
{
    struct store_request r = { .op = STORE_LEASE_ACQUIRE,
                               .r = { .key = name,
                                      .owner = owner,
                                      .ttl_ms = t->ttl_ms,
                                      .node = t->node,
                                      .node_epoch = t->node_epoch,
                                      .value = t->value } };

    return store_begin(s, &r, fn, user);
}

struct store_call *log_append(struct store *s, str name, str entry, const struct log_terms *t,
                              store_fn fn, void *user)
{
    struct store_request r = { .op = STORE_LOG_APPEND, .r = { .key = name, .value = entry } };

    if (t) {
        r.r.count = t->entries;
        r.r.bytes = t->bytes;
        r.r.age_ms = t->age_ms;
        r.r.ttl_ms = t->ttl_ms;
        r.r.fence = t->fence;
        r.r.fence_epoch = t->fence_epoch;
    }
    return store_begin(s, &r, fn, user);
}

struct store_call *log_read(struct store *s, str name, const struct log_from *from, store_fn fn,
                            void *user)
{
    struct store_request r = { .op = STORE_LOG_READ,
                               .r = { .key = name,
                                      .generation = from->generation,
                                      .offset = from->offset,
                                      .count = from->count,
                                      .bytes = from->bytes,
                                      .wait_ms = from->wait_ms } };

    return store_begin(s, &r, fn, user);
}

struct store_call *room_put(struct store *s, const struct room *room, store_fn fn, void *user)
{
    struct store_request r = { .op = STORE_ROOM_PUT,
                               .r = { .key = room->id,
                                      .type = room->type,
                                      .node = room->node,
                                      .node_epoch = room->node_epoch,
                                      .filter = room->filter,
                                      .value = room->metadata,
                                      .max = room->max,
                                      .flags = room->flags,
                                      .taken = room->taken,
                                      .fence = room->fence,
                                      .fence_epoch = room->fence_epoch } };

    return store_begin(s, &r, fn, user);
}

struct store_call *room_drop(struct store *s, str id, str node, uint64_t node_epoch, store_fn fn,
                             void *user)
{
    struct store_request r = { .op = STORE_ROOM_DROP,
                               .r = { .key = id, .node = node, .node_epoch = node_epoch } };

    return store_begin(s, &r, fn, user);
}

struct store_call *room_list(struct store *s, const struct room_query *q, store_fn fn, void *user)
{
    struct store_request r = { .op = STORE_ROOM_LIST,
                               .r = { .key = q->id,
                                      .type = q->type,
                                      .filter = q->filter,
                                      .node = q->node,
                                      .flags = q->flags,
                                      .after = q->after,
                                      .count = q->count } };

    return store_begin(s, &r, fn, user);
}

struct store_call *seat_reserve(struct store *s, const struct seat_wish *w, store_fn fn, void *user)
{
    struct store_request r = { .op = STORE_SEAT_RESERVE,
                               .r = { .room = w->room,
                                      .type = w->type,
                                      .filter = w->filter,
                                      .flags = (uint64_t)w->order,
                                      .count = w->count,
                                      .ttl_ms = w->ttl_ms,
                                      .value = w->value } };

    return store_begin(s, &r, fn, user);
}

/* --- Filters: per field two lengths of 16 bits, the name, the value. --- */

static void add_length(struct buf *b, size_t n)
{
    buf_byte(b, (uint8_t)(n >> 8));
    buf_byte(b, (uint8_t)n);
}

void seats_filter_add(struct buf *filter, str name, str value)
{
    name.n = name.n < UINT16_MAX ? name.n : UINT16_MAX;
    value.n = value.n < UINT16_MAX ? value.n : UINT16_MAX;
    add_length(filter, name.n);
    add_length(filter, value.n);
    buf_add(filter, name);
    buf_add(filter, value);
}

bool seats_filter_next(str *filter, str *name, str *value, bool *bad)
{
    const uint8_t *p = (const uint8_t *)filter->p;

    *bad = false;
    if (!filter->n)
        return false;
    *bad = true;
    if (filter->n < 4)
        return false;
    size_t name_n = (size_t)p[0] << 8 | p[1], value_n = (size_t)p[2] << 8 | p[3];
    if (filter->n - 4 < name_n + value_n)
        return false;
    *name = str_n(filter->p + 4, name_n);
    *value = str_n(filter->p + 4 + name_n, value_n);
    *filter = str_n(value->p + value_n, filter->n - 4 - name_n - value_n);
    *bad = false;
    return true;
}

static bool has_field(str filter, str name, str value)
{
    str n, v;
    bool bad;

    while (seats_filter_next(&filter, &n, &v, &bad))
        if (str_eq(n, name) && str_eq(v, value))
            return true;
    return false;
}

bool seats_filter_has(str filter, str wanted)
{
    str name, value;
    bool bad;

    if (str_eq(filter, wanted))
        return true;
    while (seats_filter_next(&wanted, &name, &value, &bad))
        if (!has_field(filter, name, value))
            return false;
    return !bad;
}

bool seats_filter_valid(str filter)
{
    str name, value;
    bool bad;
    int count = 0;

    while (seats_filter_next(&filter, &name, &value, &bad))
        if (++count > SEATS_FILTER_MAX)
            return false;
    return !bad;
}
