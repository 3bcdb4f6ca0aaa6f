/* net/coalesce.c - recognising that streams flushed one after the other hold the same messages.
 *
 * A queue is known by the pointers it holds. Three stages keep what is not a broadcast cheap: a
 * first sight only remembers the oldest message (`hint`), a second sight of that remembers the
 * sequence
 * (`seen`), a sequence met again is concatenated (`built`). A built one stays while others pass by,
 * so the few streams that also hold an answer of their own do not disturb it.
 *
 * Invariants
 *   - every message that is compared by address is held by a reference, so an address names the
 * same message as long as it is remembered;
 *   - nothing is remembered beyond the iteration: the references go in its reap phase.
 *
 * Start reading at coalesce().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/coalesce.h"

#include "base/assert.h"
#include "base/mem.h"

/* Beyond this a flush costs more than its pieces do. */
enum { COALESCE_BYTES_MAX = 128 * 1024, COALESCE_COUNT_MAX = 4096 };

struct sequence {
    struct msg **msgs; /* NULL until first used; kept for reuse */
    uint32_t count, cap;
};

static _Thread_local struct cache {
    struct msg *hint; /* NULL: none */
    struct sequence seen, built;
    uint8_t *text; /* of built */
    size_t text_len, text_cap;
    struct loop_job forget;
    bool armed; /* forget is queued */
} cache;

/* The queue's messages are up to two runs of its ring. */
static uint32_t head_run(const struct stream_queue *q)
{
    uint32_t to_end = q->cap - q->first;
    return q->count < to_end ? q->count : to_end;
}

static bool sequence_is(const struct sequence *s, const struct stream_queue *q)
{
    uint32_t run = head_run(q);

    return s->count == q->count && s->msgs[0] == queue_front(q) &&
           memcmp(s->msgs, q->ring + q->first, run * sizeof *s->msgs) == 0 &&
           memcmp(s->msgs + run, q->ring, (q->count - run) * sizeof *s->msgs) == 0;
}

static void sequence_clear(struct sequence *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        msg_unref(s->msgs[i]);
    s->count = 0;
}

static void sequence_set(struct sequence *s, const struct stream_queue *q)
{
    uint32_t run = head_run(q);

    sequence_clear(s);
    if (s->cap < q->count) {
        s->cap = q->count < 64 ? 64 : q->count * 2;
        s->msgs = mem_realloc(s->msgs, s->cap * sizeof *s->msgs);
    }
    s->count = q->count;
    memcpy(s->msgs, q->ring + q->first, run * sizeof *s->msgs);
    memcpy(s->msgs + run, q->ring, (q->count - run) * sizeof *s->msgs);
    for (uint32_t i = 0; i < s->count; i++)
        msg_ref(s->msgs[i]);
}

static void forget(struct loop_job *job)
{
    (void)job;
    cache.armed = false;
    if (cache.hint)
        msg_unref(cache.hint);
    cache.hint = NULL;
    sequence_clear(&cache.seen);
    sequence_clear(&cache.built);
}

static void remember(struct loop *l, const struct stream_queue *q)
{
    if (cache.hint == queue_front(q)) {
        sequence_set(&cache.seen, q);
        return;
    }
    if (cache.hint)
        msg_unref(cache.hint);
    cache.hint = msg_ref(queue_front(q));
    if (cache.armed)
        return;
    cache.armed = true;
    loop_job_init(&cache.forget, forget);
    loop_doom(l, &cache.forget);
}

/* What was seen becomes what is built. */
static void build(size_t bytes)
{
    struct sequence s = cache.seen;

    cache.seen = cache.built;
    cache.built = s;
    sequence_clear(&cache.seen);
    if (cache.text_cap < bytes) {
        mem_free(cache.text);
        cache.text_cap = bytes < 4096 ? 4096 : bytes;
        cache.text = mem_alloc(cache.text_cap);
    }
    cache.text_len = 0;
    for (uint32_t i = 0; i < s.count; i++) {
        memcpy(cache.text + cache.text_len, s.msgs[i]->data, s.msgs[i]->len);
        cache.text_len += s.msgs[i]->len;
    }
}

str coalesce_known(const struct stream_queue *q)
{
    return sequence_is(&cache.built, q) ? str_n(cache.text, cache.text_len) : (str){ 0 };
}

str coalesce(struct loop *l, const struct stream_queue *q, size_t bytes)
{
    ASSERT(q->offset == 0); /* a message partly written cannot be shared */
    if (q->count < 2 || q->count > COALESCE_COUNT_MAX || bytes > COALESCE_BYTES_MAX)
        return (str){ 0 };
    if (!sequence_is(&cache.built, q)) {
        if (!sequence_is(&cache.seen, q)) {
            remember(l, q);
            return (str){ 0 };
        }
        build(bytes);
    }
    return str_n(cache.text, cache.text_len);
}

void coalesce_trim(void)
{
    if (cache.armed)
        list_remove(&cache.forget.link);
    forget(NULL);
    mem_free(cache.seen.msgs);
    mem_free(cache.built.msgs);
    mem_free(cache.text);
    cache = (struct cache){ 0 };
}
