/* admin/attempts.h - how often an address may try a password: a handful at once, then one every few
 * seconds.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_ATTEMPTS_H
#define ADMIN_ATTEMPTS_H

#include "base/list.h"
#include "base/map.h"

enum {
    ADMIN_ATTEMPTS = 10,         /* at once */
    ADMIN_ATTEMPT_MS = 6000,     /* one more after */
    ADMIN_ATTEMPT_SOURCES = 1024 /* addresses remembered; more drive out the one quiet longest */
};

struct admin_attempts {
    struct map by_source;
    struct list recent; /* of struct source, the one quiet longest first */
};

void admin_attempts_init(struct admin_attempts *t);
void admin_attempts_free(struct admin_attempts *t);

/* Takes one attempt; false: none is left. All of an IPv6 /64 is one source. */
bool admin_attempt(struct admin_attempts *t, str address, uint64_t now_ms);
/* It was right: it does not count. */
void admin_attempt_forgive(struct admin_attempts *t, str address);

#endif
