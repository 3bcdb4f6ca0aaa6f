/* bus/ring_bus.c - see ring_bus.h.
 *
 * An entry's data is four bytes with the length of the head, the head, the body. What is told
 * begins with two bytes of its kind, and then is the same.
 *
 * Invariants
 *   - an entry is copied, and then asked whether it was whole, before anybody acts on it;
 *   - notes are delivered in the order of their numbers, one's own passed over; the cursor stands
 *     behind a note before its callbacks run.
 *
 * Start reading at take().
 *
 * SPDX-License-Identifier: MIT
 */
#include "bus/ring_bus.h"

#include "base/assert.h"
#include "base/mem.h"

enum {
    BATCH = 1024,          /* notes per iteration: clients have their turn too */
    BATCH_BYTES = 4 << 20, /* of bodies, likewise */
    HEAD_LENGTH_BYTES = 4,
    TOLD_QUEUE_MAX = 4 << 20 /* on its way to one node: more waits with who has it */
};

static_assert((int)RING_TO_ALL == (int)BUS_TO_ALL, "a note's addressee is an entry's");

static struct ring_bus *ring_bus_of(struct bus *b)
{
    return container_of(b, struct ring_bus, base);
}

static struct ring *ring_of(const struct ring_bus *r)
{
    return &r->peers->board->ring;
}

/* --- Reading --- */

/* Copies what the head of entry e says; false when it is no note of ours, or was overwritten. */
static bool read_head(struct ring_bus *r, uint64_t number, const struct ring_entry *e,
                      struct bus_message *m, str *body)
{
    str data = ring_data(ring_of(r), e);
    uint32_t n;

    if (data.n < HEAD_LENGTH_BYTES)
        return false;
    memcpy(&n, data.p, sizeof n);
    if (n > BUS_HEAD_MAX || n > data.n - HEAD_LENGTH_BYTES)
        return false;
    buf_clear(&r->head);
    buf_append(&r->head, data.p + HEAD_LENGTH_BYTES, n);
    *body = str_n(data.p + HEAD_LENGTH_BYTES + n, data.n - HEAD_LENGTH_BYTES - n);
    *m = (struct bus_message){ .number = number,
                               .time_ms = e->time_ms,
                               .kind = e->kind,
                               .from = e->origin,
                               .head = buf_str(&r->head),
                               .body_bytes = body->n };
    return ring_holds(ring_of(r), number);
}

/* Copies a body; NULL: it was overwritten. */
static struct msg *read_body(struct ring_bus *r, uint64_t number, str body)
{
    struct msg *m = msg_of(body);

    if (ring_holds(ring_of(r), number))
        return m;
    msg_unref(m);
    return NULL;
}

static void missed(struct ring_bus *r, uint64_t count)
{
    r->stats.missed += count;
    r->base.events->on_missed(r->base.user, count);
}

/* One entry that lies behind the cursor. Returns the bytes of the body that was taken. */
static size_t take(struct ring_bus *r, uint64_t number, const struct ring_entry *e)
{
    uint16_t to = e->to, origin = e->origin;
    struct bus_message m;
    struct msg *copy;
    str body;

    r->stats.seen++;
    if ((to != BUS_TO_ALL && to != r->peers->slot) || origin == r->peers->slot) {
        if (!ring_holds(ring_of(r), number))
            missed(r, 1);
        return 0;
    }
    if (!read_head(r, number, e, &m, &body)) {
        missed(r, 1);
        return 0;
    }
    if (!r->base.events->on_head(r->base.user, &m)) {
        r->stats.skipped++;
        return 0;
    }
    if (!(copy = read_body(r, number, body))) {
        missed(r, 1);
        return 0;
    }
    r->stats.taken++;
    r->base.events->on_message(r->base.user, &m, copy);
    msg_unref(copy);
    return m.body_bytes;
}

/* Deals with what lies behind the cursor, up to a number, within a batch if so wanted. */
static void catch_up(struct ring_bus *r, uint64_t upto, bool all)
{
    const struct ring_entry *e;
    size_t bytes = 0;
    uint64_t lost;

    ASSERT(!r->delivering);
    r->delivering = true;
    for (int i = 0; r->cursor < upto && (all || (i < BATCH && bytes < BATCH_BYTES)); i++) {
        enum ring_next what = ring_next(ring_of(r), &r->cursor, &e, &lost);

        if (what == RING_EMPTY)
            break;
        if (what == RING_MISSED)
            missed(r, lost);
        else
            bytes += take(r, r->cursor, e);
    }
    r->delivering = false;
}

/* --- The loop's inbox --- */

static void drain(struct loop_inbox *in)
{
    struct ring_bus *r = container_of(in, struct ring_bus, inbox);
    struct board *b = r->peers->board;

    board_wake(b, r->peers->slot);
    catch_up(r, UINT64_MAX, false);
    atomic_store_explicit(&b->slots[r->peers->slot].cursor, r->cursor, memory_order_relaxed);
}

static bool sleep_if_quiet(struct loop_inbox *in)
{
    struct ring_bus *r = container_of(in, struct ring_bus, inbox);

    return board_sleep(r->peers->board, r->peers->slot, r->cursor);
}

static void ring_bells(struct loop_job *job)
{
    peers_ring_all(container_of(job, struct ring_bus, bells)->peers);
}

/* --- The bus --- */

static int ring_publish_note(struct bus *b, const struct bus_note *n, uint64_t *number)
{
    enum { FEW = 16 };
    struct ring_bus *r = ring_bus_of(b);
    uint32_t head_n = (uint32_t)n->head.n;
    str few[FEW], *parts = few;
    struct ring_note note = { .origin = (uint16_t)r->peers->slot,
                              .to = n->to,
                              .kind = n->kind,
                              .time_ms = r->peers->loop->now_ms,
                              .part_count = n->part_count + 2,
                              .stamp = n->stamp,
                              .stamp_at = HEAD_LENGTH_BYTES + n->head.n + n->stamp_at };
    int err;

    ASSERT(!r->delivering);
    if (n->head.n > BUS_HEAD_MAX)
        return ATR_ELIMIT;
    if (note.part_count > FEW)
        parts = mem_alloc(note.part_count * sizeof *parts);
    parts[0] = str_n(&head_n, sizeof head_n);
    parts[1] = n->head;
    for (size_t i = 0; i < n->part_count; i++)
        parts[i + 2] = n->parts[i];
    note.parts = parts;
    err = ring_publish(ring_of(r), &note, number);
    if (parts != few)
        mem_free(parts);
    if (err < 0)
        return err;
    r->stats.published++;
    catch_up(r, *number - 1, true);
    if (r->cursor < *number) /* so many may have come since that it was passed already */
        r->cursor = *number;
    loop_flush_later(r->peers->loop, &r->bells);
    return 0;
}

/* One that is larger than the queue may be goes alone. */
static int ring_tell(struct bus *b, const struct bus_note *n)
{
    struct ring_bus *r = ring_bus_of(b);
    size_t queued = peers_queued(r->peers, n->to), bytes = n->head.n;
    uint32_t head_n = (uint32_t)n->head.n;
    int err;

    for (size_t i = 0; i < n->part_count; i++)
        bytes += n->parts[i].n;
    if (n->head.n > BUS_HEAD_MAX || bytes > BUS_TOLD_MAX ||
        (queued && queued + bytes > TOLD_QUEUE_MAX))
        return ATR_ELIMIT;
    buf_clear(&r->told);
    buf_append(&r->told, &n->kind, sizeof n->kind);
    buf_append(&r->told, &head_n, sizeof head_n);
    buf_add(&r->told, n->head);
    for (size_t i = 0; i < n->part_count; i++)
        buf_add(&r->told, n->parts[i]);
    err = peers_send(r->peers, n->to, PEERS_KIND_BUS, buf_str(&r->told), NULL, 0);
    buf_free(&r->told);
    r->stats.told += err == 0;
    return err;
}

bool ring_bus_on_message(struct ring_bus *r, unsigned slot, uint8_t kind, str data)
{
    struct bus_message m = { .from = (uint16_t)slot };
    struct msg *body;
    uint32_t n;

    if (kind != PEERS_KIND_BUS)
        return false;
    if (data.n < sizeof m.kind + sizeof n)
        return true;
    memcpy(&m.kind, data.p, sizeof m.kind);
    memcpy(&n, data.p + sizeof m.kind, sizeof n);
    data = str_n(data.p + sizeof m.kind + sizeof n, data.n - sizeof m.kind - sizeof n);
    if (n > BUS_HEAD_MAX || n > data.n)
        return true;
    m.head = str_n(data.p, n);
    m.body_bytes = data.n - n;
    r->stats.heard++;
    r->delivering = true;
    if (r->base.events->on_head(r->base.user, &m)) {
        body = msg_of(str_n(data.p + n, data.n - n));
        r->base.events->on_message(r->base.user, &m, body);
        msg_unref(body);
    }
    r->delivering = false;
    return true;
}

static uint64_t ring_catch_up(struct bus *b)
{
    struct ring_bus *r = ring_bus_of(b);

    catch_up(r, ring_last(ring_of(r)), true);
    return r->cursor;
}

static struct bus_node ring_self(const struct bus *b)
{
    const struct ring_bus *r = container_of(b, struct ring_bus, base);

    return (struct bus_node){ (uint16_t)r->peers->slot, r->peers->generation };
}

struct each {
    bool (*fn)(void *arg, struct bus_node node);
    void *arg;
};

static bool each_peer(void *arg, unsigned slot, uint32_t generation)
{
    const struct each *e = arg;

    return e->fn(e->arg, (struct bus_node){ (uint16_t)slot, generation });
}

static void ring_nodes(const struct bus *b, bool (*fn)(void *arg, struct bus_node node), void *arg)
{
    peers_each(container_of(b, struct ring_bus, base)->peers, each_peer, &(struct each){ fn, arg });
}

static uint64_t ring_epoch(const struct bus *b)
{
    return ring_of(container_of(b, struct ring_bus, base))->head->epoch;
}

static void ring_range(const struct bus *b, uint64_t *first, uint64_t *last)
{
    const struct ring *r = ring_of(container_of(b, struct ring_bus, base));

    *last = ring_last(r);
    *first = ring_first(r);
}

static bool ring_read(struct bus *b, uint64_t number,
                      bool (*want)(void *arg, const struct bus_message *m),
                      void (*on_body)(void *arg, const struct bus_message *m, struct msg *body),
                      void *arg)
{
    struct ring_bus *r = ring_bus_of(b);
    const struct ring_entry *e = ring_at(ring_of(r), number);
    struct bus_message m;
    struct msg *copy;
    str body;

    ASSERT(!r->delivering); /* the head's buffer is in use then */
    if (!e || !read_head(r, number, e, &m, &body))
        return false;
    if (!want(arg, &m))
        return true;
    if (!(copy = read_body(r, number, body)))
        return false;
    on_body(arg, &m, copy);
    msg_unref(copy);
    return true;
}

static void ring_close(struct bus *b)
{
    struct ring_bus *r = ring_bus_of(b);

    if (r->peers->loop->inbox == &r->inbox)
        r->peers->loop->inbox = NULL;
    list_remove(&r->bells.link);
    peers_ring_all(r->peers); /* what was published last */
    buf_free(&r->head);
}

static const struct bus_ops ring_ops = {
    .name = "ring",
    .publish = ring_publish_note,
    .tell = ring_tell,
    .self = ring_self,
    .nodes = ring_nodes,
    .catch_up = ring_catch_up,
    .epoch = ring_epoch,
    .range = ring_range,
    .read = ring_read,
    .close = ring_close,
};

void ring_bus_open(struct ring_bus *r, struct peers *peers, const struct bus_events *events,
                   void *user)
{
    *r = (struct ring_bus){ .base = { &ring_ops, events, user }, .peers = peers };
    r->cursor = ring_last(ring_of(r));
    r->inbox = (struct loop_inbox){ drain, sleep_if_quiet };
    loop_job_init(&r->bells, ring_bells);
    ASSERT(!peers->loop->inbox);
    peers->loop->inbox = &r->inbox;
}

void ring_bus_on_peer(struct ring_bus *r, unsigned slot, uint32_t generation, bool here)
{
    r->base.events->on_node(r->base.user, (struct bus_node){ (uint16_t)slot, generation }, here);
}
