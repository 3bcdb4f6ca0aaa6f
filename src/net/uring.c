/* net/uring.c - see uring.h. The interface of io_uring(7), without a library: of its many ways only
 * one is used.
 *
 * Invariants
 *   - between runs the submission queue is empty and every completion has been read or skipped;
 *   - only sends that fell short have a completion (IOSQE_CQE_SKIP_SUCCESS; MSG_WAITALL makes a
 *     short send count as failed), and those of a run are read before the next one, so that the
 * completion queue, of the same length, never overflows.
 *
 * Start reading at uring_run().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/uring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

static size_t sqes_bytes(const struct uring *u)
{
    return u->entries * sizeof *u->sqes;
}

static int map(struct uring *u, const struct io_uring_params *p)
{
    size_t sq = p->sq_off.array + p->sq_entries * sizeof(unsigned);
    size_t cq = p->cq_off.cqes + p->cq_entries * sizeof *u->cqes;
    uint8_t *base;

    u->rings_bytes = sq > cq ? sq : cq;
    base = mmap(NULL, u->rings_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd,
                IORING_OFF_SQ_RING);
    if (base == MAP_FAILED)
        return -errno;
    u->rings = base;
    u->sqes = mmap(NULL, sqes_bytes(u), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd,
                   IORING_OFF_SQES);
    if (u->sqes == MAP_FAILED) {
        u->sqes = NULL;
        return -errno;
    }
    u->sq_head = (void *)(base + p->sq_off.head);
    u->sq_tail = (void *)(base + p->sq_off.tail);
    u->cq_head = (void *)(base + p->cq_off.head);
    u->cq_tail = (void *)(base + p->cq_off.tail);
    u->cq_mask = p->cq_entries - 1;
    u->cqes = (void *)(base + p->cq_off.cqes);
    for (unsigned i = 0; i < u->entries; i++) /* slot i of the queue is always entry i */
        ((unsigned *)(void *)(base + p->sq_off.array))[i] = i;
    return 0;
}

/* Whether a send that finds too little room is told, with what it took: tried, since no feature
 * flag says so. */
static int probe(struct uring *u)
{
    static const uint8_t much[256 * 1024];
    int pair[2], err = -ENOSYS, result;
    uint32_t tag;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){ 16384 }, sizeof(int));
    uring_send(u, pair[0], much, 1, 7);
    uring_send(u, pair[0], much, sizeof much, 8);
    uring_send(u, pair[0], much, 1, 9);
    if (uring_run(u) == 3 && uring_next(u, &tag, &result) && tag == 8 && result > 0 &&
        result < (int)sizeof much && uring_next(u, &tag, &result) && tag == 9 &&
        result == -EAGAIN && !uring_next(u, &tag, &result))
        err = 0;
    close(pair[0]);
    close(pair[1]);
    return err;
}

int uring_open(struct uring *u, unsigned entries)
{
    struct io_uring_params p = { .flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                                          IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                 .cq_entries = entries };
    int err;

    *u = (struct uring){ .entries = entries };
    u->fd = (int)syscall(__NR_io_uring_setup, entries, &p); /* close-on-exec by nature */
    if (u->fd < 0)
        return -errno;
    ASSERT(p.sq_entries == entries);
    err = (p.features & IORING_FEAT_SINGLE_MMAP) && (p.features & IORING_FEAT_CQE_SKIP) ? map(u, &p)
                                                                                        : -ENOSYS;
    if (err < 0 || (err = probe(u)) < 0)
        uring_close(u);
    return err;
}

void uring_close(struct uring *u)
{
    if (u->sqes)
        (void)munmap(u->sqes, sqes_bytes(u));
    if (u->rings)
        (void)munmap(u->rings, u->rings_bytes);
    if (u->fd >= 0)
        close(u->fd);
    *u = (struct uring){ .fd = -1 };
}

void uring_send(struct uring *u, int fd, const void *p, size_t n, uint32_t tag)
{
    struct io_uring_sqe *e = &u->sqes[(*u->sq_tail + u->prepared) & (u->entries - 1)];

    ASSERT(u->prepared < u->entries);
    ASSERT(n <= UINT32_MAX);
    memset(e, 0, sizeof *e);
    e->opcode = IORING_OP_SEND;
    e->flags = IOSQE_CQE_SKIP_SUCCESS;
    e->fd = fd;
    e->addr = (uintptr_t)p;
    e->len = (uint32_t)n;
    e->msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;
    e->user_data = tag;
    u->prepared++;
}

unsigned uring_run(struct uring *u)
{
    unsigned asked = u->prepared, first = *u->sq_tail, taken;

    u->prepared = 0;
    __atomic_store_n(u->sq_tail, first + asked, __ATOMIC_RELEASE);
    (void)syscall(__NR_io_uring_enter, u->fd, asked, 0, 0, NULL, 0);
    /* The head says what was taken, also where the call returned an error. */
    taken = __atomic_load_n(u->sq_head, __ATOMIC_ACQUIRE) - first;
    if (taken < asked) /* out of memory, say; without a polling thread the tail may be taken back */
        __atomic_store_n(u->sq_tail, first + taken, __ATOMIC_RELEASE);
    return taken;
}

bool uring_next(struct uring *u, uint32_t *tag, int *result)
{
    unsigned at = *u->cq_head;

    if (at == __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE))
        return false;
    *tag = (uint32_t)u->cqes[at & u->cq_mask].user_data;
    *result = u->cqes[at & u->cq_mask].res;
    __atomic_store_n(u->cq_head, at + 1, __ATOMIC_RELEASE);
    return true;
}
