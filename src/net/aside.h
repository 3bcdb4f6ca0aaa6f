/* net/aside.h - work that would hold up the loop, done on a thread of its own.
 *
 * Jobs run one after the other, in order; each comes back to the loop when it has run. The thread
 * starts with the first job, so who never has one pays nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_ASIDE_H
#define NET_ASIDE_H

#include "net/loop.h"

/* Embedded in whatever is to be done; must live until done has been called. */
struct aside_job {
    struct aside_job *next;
    void (*run)(struct aside_job *j); /* on the thread: touches nothing but the job */
    /* On the loop, exactly once. ran: false when aside_close() came first. May submit and free. */
    void (*done)(struct aside_job *j, bool ran);
};

struct aside;

/* name: of the thread, at most 15 characters. most: jobs under way at once. */
struct aside *aside_open(struct loop *l, const char *name, uint32_t most);
/* ATR_ELIMIT when `most` are under way, or the error of making the thread. */
int aside_submit(struct aside *a, struct aside_job *j) MUST_CHECK;
/* Waits for the job that is running, gives all others up, frees. Not from within a callback. */
void aside_close(struct aside *a);

#endif
