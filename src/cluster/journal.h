/* cluster/journal.h - values that survive the process that wrote them: a map from keys to bytes in
 * shared memory, written by one process and read by whoever looks after it when it has died.
 *
 * The memory has two halves. What is put is appended to the one in use; when that is full, what is
 * still valid is copied to the other, which then is the one in use, and the first gives its pages
 * back.
 *
 * Invariants
 *   - a record counts once the length of its half says so, which is written last; a half counts
 *     once `active` names it: death at any instruction loses at most the put under way;
 *   - a reader relies on nothing: every length is checked against the half's bounds.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_JOURNAL_H
#define CLUSTER_JOURNAL_H

#include <stdatomic.h>

#include "base/map.h"
#include "cluster/board.h"

struct journal_head; /* in shared memory */

/* The writer's view. */
struct journal {
    const struct board *board; /* NULL: closed */
    struct journal_head *head;
    size_t half_bytes;
    struct map records; /* key to struct journal_record: the valid ones */
    size_t live_bytes;
    struct {
        uint64_t puts, removals, compactions, refused;
    } stats;
};

/* Empties the journal of a slot of this process and opens it. 0 or a negated errno. */
int journal_open(struct journal *j, const struct board *b, unsigned slot) MUST_CHECK;
void journal_close(struct journal *j); /* idempotent; the values stay until the slot's next user */

/* Puts a value, instead of the one before: the parts, one behind the other. ATR_ELIMIT when the
 * journal is full: the key then has no value. */
int journal_put(struct journal *j, str key, const str *parts, size_t count) MUST_CHECK;
void journal_remove(struct journal *j, str key); /* no value is fine */
/* A value, until the next put or removal; p == NULL: none. */
str journal_get(const struct journal *j, str key);

/* Of a slot whose process has died: calls fn for each value. Returns 0 or a negated errno. */
int journal_each(const struct board *b, unsigned slot, void (*fn)(void *arg, str key, str value),
                 void *arg);

#endif
