/* cluster/board.c - see board.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/board.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

enum { VERSION = 1, PAGE = 4096 };
static const uint64_t MAGIC = 0x6472616f62727461; /* "atrboard" */

struct board_head {
    uint64_t magic, version;
    uint64_t bytes; /* of all that is mapped but the ring's and the journals' */
    uint64_t ring_at, ring_bytes, ring_entries;
    uint64_t journals_at, journal_bytes;
};

static_assert(sizeof(struct board_slot) == 128, "two cache lines");

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

static uint64_t power_of_two(uint64_t n)
{
    uint64_t p = PAGE;

    while (p < n)
        p *= 2;
    return p;
}

/* Where the parts lie, from the start of the memory. */
static size_t homes_at(void)
{
    return round_up(sizeof(struct board_head), 64);
}
static size_t slots_at(void)
{
    return homes_at() + BOARD_HOMES * sizeof(uint16_t);
}
static size_t ring_head_at(void)
{
    return slots_at() + BOARD_SLOTS * sizeof(struct board_slot);
}

static struct board_head head_of(const struct board_options *o)
{
    struct board_head h = { .magic = MAGIC, .version = VERSION };

    h.ring_bytes = power_of_two(o->ring_bytes ? o->ring_bytes : 16 << 20);
    h.ring_entries = power_of_two(o->ring_entries ? o->ring_entries : h.ring_bytes / 256);
    h.journal_bytes = round_up(o->journal_bytes ? o->journal_bytes : 64 << 20, 2 * PAGE);
    h.bytes = round_up(ring_head_at() + ring_head_bytes(h.ring_entries), PAGE);
    h.ring_at = h.bytes;
    h.journals_at = h.ring_at + h.ring_bytes;
    return h;
}

/* --- Making and mapping --- */

static int map_ring(struct board *b)
{
    const struct board_head *h = b->head;
    size_t n = h->ring_bytes;
    uint8_t *at = mmap(NULL, 2 * n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return -errno;
    for (int i = 0; i < 2; i++) {
        if (mmap(at + (size_t)i * n, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, b->fd,
                 (off_t)h->ring_at) == MAP_FAILED) {
            int err = -errno;
            munmap(at, 2 * n);
            return err;
        }
    }
    ring_view(&b->ring, (struct ring_head *)((uint8_t *)b->head + ring_head_at()), at);
    return 0;
}

int board_create(const struct board_options *o, char *why)
{
    struct board_head h = head_of(o);
    struct board b = { .fd = memfd_create("atrium-board", MFD_CLOEXEC) };
    uint8_t *base;
    int err;

    if (b.fd < 0)
        return err_why(why, -errno, "cannot make shared memory: %s", strerror(errno));
    if (ftruncate(b.fd, (off_t)(h.journals_at + BOARD_SLOTS * h.journal_bytes)) < 0 ||
        (base = mmap(NULL, h.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd, 0)) == MAP_FAILED) {
        err = err_why(why, -errno, "cannot size shared memory: %s", strerror(errno));
        close(b.fd);
        return err;
    }
    err = ring_create((struct ring_head *)(base + ring_head_at()), h.ring_bytes, h.ring_entries);
    for (size_t i = 0; i < BOARD_HOMES; i++)
        atomic_store(&((_Atomic uint16_t *)(base + homes_at()))[i], BOARD_NO_SLOT);
    memcpy(base, &h, sizeof h);
    munmap(base, h.bytes);
    if (err < 0) {
        close(b.fd);
        return err_why(why, err, "cannot make a lock in shared memory: %s", strerror(-err));
    }
    return b.fd;
}

/* Whether the memory behind fd is what board_create() makes. */
static int check(int fd, struct board_head *h, char *why)
{
    struct stat st;
    struct board_head same;

    if (pread(fd, h, sizeof *h, 0) != sizeof *h || h->magic != MAGIC)
        return err_why(why, ATR_ETYPE, "this is no board");
    if (h->version != VERSION)
        return err_why(why, ATR_ETYPE, "the board is of version %llu, this program's of %d",
                       (unsigned long long)h->version, VERSION);
    same = head_of(&(struct board_options){ h->ring_bytes, h->ring_entries, h->journal_bytes });
    if (memcmp(h, &same, sizeof same) != 0 || fstat(fd, &st) < 0 ||
        (uint64_t)st.st_size < h->journals_at + BOARD_SLOTS * h->journal_bytes)
        return err_why(why, ATR_ETYPE, "the board's sizes do not fit together");
    return 0;
}

int board_open(struct board *b, int fd, char *why)
{
    struct board_head h;
    void *base;
    int err;

    *b = (struct board){ .fd = fd };
    if ((err = check(fd, &h, why)) < 0)
        goto fail;
    base = mmap(NULL, h.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        err = err_why(why, -errno, "cannot map the board: %s", strerror(errno));
        goto fail;
    }
    b->head = base;
    b->homes = (_Atomic uint16_t *)((uint8_t *)base + homes_at());
    b->slots = (struct board_slot *)((uint8_t *)base + slots_at());
    if ((err = map_ring(b)) < 0) {
        err = err_why(why, err, "cannot map the board's ring: %s", strerror(-err));
        goto fail;
    }
    return 0;
fail:
    board_close(b);
    return err;
}

void board_close(struct board *b)
{
    if (b->ring.memory)
        munmap(b->ring.memory, 2 * b->head->ring_bytes);
    if (b->head)
        munmap(b->head, b->head->bytes);
    if (b->fd >= 0)
        close(b->fd);
    *b = (struct board){ .fd = -1 };
}

/* --- Slots --- */

int board_take(struct board *b, uint32_t instance, uint64_t now_ms)
{
    uint32_t self = (uint32_t)getpid();

    for (unsigned i = 0; i < BOARD_SLOTS; i++) {
        struct board_slot *s = &b->slots[i];
        uint32_t nobody = 0;

        if (!atomic_compare_exchange_strong(&s->pid, &nobody, self))
            continue;
        atomic_fetch_add(&s->generation, 1);
        s->instance = instance;
        atomic_store(&s->beat_ms, now_ms);
        atomic_store(&s->connections, 0);
        atomic_store(&s->sessions, 0);
        atomic_store(&s->coming, 0);
        atomic_store(&s->estates, 0);
        atomic_store(&s->port, 0);
        atomic_store(&s->lag_us, 0);
        atomic_store(&s->asleep, 0);
        atomic_store(&s->cursor, ring_last(&b->ring));
        atomic_store(&s->state, BOARD_STARTING);
        return (int)i;
    }
    return ATR_ELIMIT;
}

void board_free(struct board *b, unsigned slot)
{
    struct board_slot *s = &b->slots[slot];

    ASSERT(atomic_load(&s->pid) == (uint32_t)getpid());
    atomic_fetch_add(&s->generation, 1);
    atomic_store(&s->state, BOARD_FREE);
    board_move_homes(b, slot, BOARD_NO_SLOT);
    atomic_store(&s->pid, 0);
}

void board_leave(struct board *b, unsigned slot)
{
    ASSERT(slot < BOARD_SLOTS);
    if (atomic_load(&b->slots[slot].pid) == (uint32_t)getpid())
        board_free(b, slot);
}

bool board_is(const struct board *b, unsigned slot, uint32_t generation)
{
    return slot < BOARD_SLOTS && atomic_load(&b->slots[slot].pid) &&
           atomic_load(&b->slots[slot].generation) == generation;
}

bool board_dead(const struct board *b, unsigned slot, uint32_t pid)
{
    struct pollfd p = { .events = POLLIN };
    bool dead;

    if (slot >= BOARD_SLOTS || pid == 0 || atomic_load(&b->slots[slot].pid) != pid)
        return false;
    if ((p.fd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0)
        return errno == ESRCH;
    dead = poll(&p, 1, 0) == 1; /* a zombie, too */
    close(p.fd);
    return dead;
}

bool board_claim(struct board *b, unsigned slot, uint32_t pid)
{
    return slot < BOARD_SLOTS && pid &&
           atomic_compare_exchange_strong(&b->slots[slot].pid, &pid, (uint32_t)getpid());
}

bool board_each(const struct board *b, bool (*fn)(void *arg, unsigned slot), void *arg)
{
    for (unsigned i = 0; i < BOARD_SLOTS; i++) {
        if (atomic_load_explicit(&b->slots[i].pid, memory_order_acquire) && !fn(arg, i))
            return false;
    }
    return true;
}

uint64_t board_load(const struct board *b, unsigned slot)
{
    const struct board_slot *s = &b->slots[slot];

    return atomic_load_explicit(&s->sessions, memory_order_relaxed) +
           atomic_load_explicit(&s->coming, memory_order_relaxed);
}

void board_came(struct board *b, unsigned slot)
{
    _Atomic uint64_t *coming = &b->slots[slot].coming;
    uint64_t n = atomic_load(coming);

    while (n && !atomic_compare_exchange_weak(coming, &n, n - 1))
        ;
}

/* --- Homes --- */

int board_settle(struct board *b, unsigned slot)
{
    /* From a different place each time: a home that was left a moment ago rests. */
    uint32_t start = atomic_load(&b->slots[slot].generation) * 257 + slot;

    for (uint32_t i = 0; i < BOARD_HOMES; i++) {
        uint32_t home = (start + i) % BOARD_HOMES;
        uint16_t nobody = BOARD_NO_SLOT;

        if (atomic_compare_exchange_strong(&b->homes[home], &nobody, (uint16_t)slot))
            return (int)home;
    }
    return -1;
}

unsigned board_home(const struct board *b, unsigned home)
{
    unsigned slot = home < BOARD_HOMES ? atomic_load(&b->homes[home]) : BOARD_NO_SLOT;

    return slot < BOARD_SLOTS ? slot : BOARD_NO_SLOT;
}

void board_move_homes(struct board *b, unsigned from, unsigned to)
{
    for (uint32_t i = 0; i < BOARD_HOMES; i++) {
        uint16_t was = (uint16_t)from;

        if (atomic_load_explicit(&b->homes[i], memory_order_relaxed) == from)
            (void)atomic_compare_exchange_strong(&b->homes[i], &was, (uint16_t)to);
    }
}

/* --- Sleeping --- */

bool board_sleep(struct board *b, unsigned slot, uint64_t cursor)
{
    atomic_store(&b->slots[slot].asleep, 1); /* before the look: sequentially consistent */
    if (atomic_load(&b->ring.head->last) == cursor)
        return true;
    board_wake(b, slot);
    return false;
}

void board_wake(struct board *b, unsigned slot)
{
    atomic_store_explicit(&b->slots[slot].asleep, 0, memory_order_relaxed);
}

bool board_rouse(struct board *b, unsigned slot)
{
    struct board_slot *s = &b->slots[slot];

    atomic_thread_fence(memory_order_seq_cst); /* what was published, was before this look */
    return atomic_load_explicit(&s->asleep, memory_order_relaxed) && atomic_exchange(&s->asleep, 0);
}

/* --- Journals --- */

uint64_t board_journal_bytes(const struct board *b)
{
    return b->head->journal_bytes;
}

void *board_map_journal(const struct board *b, unsigned slot)
{
    void *at;

    ASSERT(slot < BOARD_SLOTS);
    at = mmap(NULL, b->head->journal_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd,
              (off_t)(b->head->journals_at + slot * b->head->journal_bytes));
    return at == MAP_FAILED ? NULL : at;
}

void board_unmap_journal(const struct board *b, void *journal)
{
    if (journal)
        munmap(journal, b->head->journal_bytes);
}
