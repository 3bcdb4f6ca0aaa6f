/* store/centre_server.h - the centre: one process that holds the books of a machine's applications,
 * writes them to a file, and serves them to workers on a Unix socket.
 *
 * Operations take effect in memory as they arrive. What they change is committed in groups: while
 * one transaction is on its way to the file, the next gathers. An answer is sent when everything is
 * written that it could know of. So the centre may be killed at any moment: what was answered is in
 * the file, what was not is sent again by its guest (guest.h).
 *
 * When the file cannot be written the centre is over: it says why, and serves nobody what is not
 * written down.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_CENTRE_SERVER_H
#define STORE_CENTRE_SERVER_H

#include "net/link.h"
#include "store/book.h"

enum {
    CENTRE_CONNECTIONS_MAX = 1024,
    CENTRE_GUESTS_MAX = 4096,
    CENTRE_SPACES_MAX = 256,
    CENTRE_SPACE_NAME_MAX = 128,
    CENTRE_OUT_BYTES = 16 << 20, /* answers that a guest has not read: then its requests wait */
    CENTRE_INPUT_BYTES_MAX = 2 * STORE_CALL_BYTES_MAX, /* and when these are more, it is cut off */
    CENTRE_TICK_MS = 1000 /* how late it may notice that the machine slept */
};

struct centre_options {
    const char *path;           /* of the file */
    const char *listen;         /* of the socket */
    bool full;                  /* see store/file.h */
    size_t bytes_max;           /* of an application's book; 0: BOOK_BYTES_MAX */
    uint64_t (*clock_ms)(void); /* NULL: CLOCK_BOOTTIME */
    uint32_t tick_ms;           /* 0: CENTRE_TICK_MS */
    void (*on_failed)(void *user, int err, const char *why); /* it is over; may not close it */
    void *user;
};

struct centre;

/* Opens the file and listens. Turns the loop meanwhile. */
int centre_open(struct centre **out, struct loop *l, const struct centre_options *o,
                char *why) MUST_CHECK;
/* Takes no more requests, writes what is under way, answers nobody, frees. */
void centre_close(struct centre *c);

struct centre_facts {
    uint64_t connections, refused, requests, repeated, commits, commit_failures;
    uint32_t guests, spaces, connected;
};
void centre_facts(const struct centre *c, struct centre_facts *f);

#endif
