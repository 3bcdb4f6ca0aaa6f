/* store/memory.c - see memory.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/memory.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cluster/store_call.h"
#include "store/book.h"

enum { TICK_MS = 1000 }; /* at most this late after the machine slept */

struct store_memory {
    struct loop *loop;
    struct book *book;
    uint64_t (*clock_ms)(void);
    struct timer tick;
    unsigned opened;
};

struct memory_store { /* one that was opened */
    struct store base;
    struct store_memory *memory;
};

static void plan(struct store_memory *m)
{
    uint64_t due = book_due_ms(m->book), now = m->clock_ms();

    if (due == UINT64_MAX) {
        loop_timer_stop(m->loop, &m->tick);
        return;
    }
    uint64_t ms = due > now ? due - now : 0;
    loop_timer(m->loop, &m->tick, ms < TICK_MS ? ms : TICK_MS);
}

void store_memory_tick(struct store_memory *m)
{
    book_advance(m->book, m->clock_ms());
    plan(m);
}

static void on_tick(struct timer *t)
{
    store_memory_tick(container_of(t, struct store_memory, tick));
}

static void begin(struct store *s, struct store_call *c)
{
    struct store_memory *m = container_of(s, struct memory_store, base)->memory;
    str request = buf_str(&c->request);
    struct store_record q;

    if (store_record_read(&request, &q) < 0) {
        store_end(c, ATR_EPROTOCOL, (str){ 0 }, 0);
        return;
    }
    book_advance(m->book, m->clock_ms());
    book_run(m->book, s, c->seq, c->op, &q);
    plan(m);
}

static void on_answer(void *user, void *who, uint64_t seq, int err, str body, uint32_t count)
{
    struct store_call *c = store_find(who, seq);

    (void)user;
    if (c)
        store_end(c, err, body, count);
}

static void forget(struct store *s, struct store_call *c)
{
    book_forget(container_of(s, struct memory_store, base)->memory->book, s, c->seq);
}

static void close_store(struct store *s)
{
    struct memory_store *m = container_of(s, struct memory_store, base);

    m->memory->opened--;
    mem_free(m);
}

static const struct store_ops ops = {
    .name = "memory", .begin = begin, .forget = forget, .close = close_store
};

struct store_memory *store_memory_new(struct loop *l, uint64_t (*clock_ms)(void), size_t bytes_max)
{
    struct store_memory *m = mem_zalloc(sizeof *m);

    m->loop = l;
    m->clock_ms = clock_ms ? clock_ms : clock_boot_ms;
    m->book = book_new(&(struct book_options){
        .on_answer = on_answer, .user = m, .bytes_max = bytes_max, .now_ms = m->clock_ms() });
    timer_init(&m->tick, on_tick);
    return m;
}

void store_memory_free(struct store_memory *m)
{
    if (!m)
        return;
    ASSERT(m->opened == 0);
    loop_timer_stop(m->loop, &m->tick);
    book_free(m->book);
    mem_free(m);
}

struct store *store_memory_open(struct store_memory *m)
{
    struct memory_store *s = mem_zalloc(sizeof *s);

    store_init(&s->base, &ops, m->loop);
    s->memory = m;
    m->opened++;
    return &s->base;
}
