/* net/uring.h - many sends in one system call, through io_uring.
 *
 * Internal to net. Nothing is asynchronous here: a send is asked never to wait, so the kernel has
 * done it, or said why not, when uring_run() returns. The ring is a list of calls, nothing more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_URING_H
#define NET_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct io_uring_sqe;
struct io_uring_cqe;

struct uring {
    int fd;
    unsigned entries, prepared; /* prepared: since the last run */
    unsigned *sq_head, *sq_tail, *cq_head, *cq_tail, cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    void *rings; /* one mapping holds both */
    size_t rings_bytes;
};

/* entries: the most sends of one run, a power of two. -errno where the kernel has no io_uring, does
 * not allow it, or has one that is too old (before 6.1: it does not tell when a send was cut short,
 * or does not know the flags). */
int uring_open(struct uring *u, unsigned entries) MUST_CHECK;
void uring_close(struct uring *u);

/* Prepares a send; p stays valid until the run. tag is its name in uring_next(). */
void uring_send(struct uring *u, int fd, const void *p, size_t n, uint32_t tag);
/* Sends what was prepared. Returns how many of the sends, from the first on, were made; the others
 * were not and are forgotten. */
unsigned uring_run(struct uring *u);
/* The next send of the last run that did not take all of its bytes: result is how many it took, or
 * -errno. False: there are no more, all others took everything. */
bool uring_next(struct uring *u, uint32_t *tag, int *result);

#endif
