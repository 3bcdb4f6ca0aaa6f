/* cluster/board.h - the shared memory of the workers of one application on one machine: who is
 * there, who serves which session, and the ring of what they tell each other.
 *
 * One memfd, made by the supervisor and mapped by every worker, so it outlives each of them. Laid
 * out as head, homes, slots, ring head and index, ring bytes, journals; what nobody has touched
 * takes no memory.
 *
 * A *slot* is a place in the load page: a process takes a free one and gives it back; one whose
 * process has died may be taken at once. Everything in a slot is written by its process alone,
 * except the taking itself. A *home* is the number that the first two bytes of a session id name
 * (net/sid.h): `homes` says which slot serves the sessions that were begun under it, so sessions
 * may move while their ids stay.
 *
 * Invariants
 *   - a slot belongs to the process whose pid is in it, and to one taking of it: `generation` grows
 *     with each, so (slot, generation) names a worker for ever;
 *   - nothing here is trusted to be right when read from another process: numbers are checked to be
 *     in bounds before they are used.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_BOARD_H
#define CLUSTER_BOARD_H

#include "cluster/ring.h"

enum {
    BOARD_SLOTS = 1024, /* processes at once, those included that hand over */
    BOARD_HOMES = 65536,
    BOARD_NO_SLOT = 0xffff
};

enum board_state {
    BOARD_FREE,     /* nobody, or somebody who died */
    BOARD_STARTING, /* takes no new sessions yet */
    BOARD_SERVING,
    BOARD_DRAINING /* takes no new sessions any more */
};

/* Two cache lines: one that is written each second, one that is written often. */
struct board_slot {
    _Atomic uint32_t pid; /* 0: free */
    _Atomic uint32_t generation;
    _Atomic uint32_t state;   /* enum board_state */
    uint32_t instance;        /* NODE_APP_INSTANCE */
    _Atomic uint64_t beat_ms; /* CLOCK_MONOTONIC of its latest sign of life */
    _Atomic uint64_t connections, sessions, lag_us;
    _Atomic uint64_t coming;  /* sessions that others have sent to begin there, on their way */
    _Atomic uint64_t estates; /* sessions of the dead that it has yet to take over */
    _Atomic uint32_t asleep;  /* waits in the kernel: a bell is wanted; see board_sleep() */
    _Atomic uint32_t port;    /* where it accepts clients; 0: not yet */
    _Atomic uint64_t cursor;  /* the latest number of the ring that it has dealt with */
    uint64_t reserved_three[6];
};

struct board_options {
    uint64_t ring_bytes;    /* rounded up to a power of two; 0: 16 MiB */
    uint64_t ring_entries;  /* the same; 0: one for each 256 bytes */
    uint64_t journal_bytes; /* of each slot, rounded up to whole pages; 0: 64 MiB */
};

struct board_head;

struct board {
    int fd; /* -1: closed */
    struct board_head *head;
    _Atomic uint16_t *homes;
    struct board_slot *slots;
    struct ring ring;
};

/* Makes the memory. Returns its descriptor (close-on-exec), or a negated errno with why. */
int board_create(const struct board_options *o, char *why) MUST_CHECK;
/* Maps it; takes fd. On failure (not a board, one of another version) b is closed, why says. */
int board_open(struct board *b, int fd, char *why) MUST_CHECK;
void board_close(struct board *b); /* idempotent; a zeroed board with fd -1 is a closed one */

/* --- Slots --- */
/* Takes a slot for this process, in state STARTING. Returns its number or ATR_ELIMIT. */
int board_take(struct board *b, uint32_t instance, uint64_t now_ms) MUST_CHECK;
void board_leave(struct board *b, unsigned slot); /* gives this process's slot back */
/* Whether the process of a slot has ended, as far as the kernel says; false when it is not pid's.
 */
bool board_dead(const struct board *b, unsigned slot, uint32_t pid);
/* Takes the place of a process that has ended, which several may notice at once: returns whether it
 * was this call that did. Its homes and its journal are this process's to look after, until
 * board_free(). If this process ends before, its pid in the slot tells. */
bool board_claim(struct board *b, unsigned slot, uint32_t pid);
void board_free(struct board *b, unsigned slot);
/* Whether that taking of a slot still holds. */
bool board_is(const struct board *b, unsigned slot, uint32_t generation);
/* How many sessions a worker serves, or is about to. */
uint64_t board_load(const struct board *b, unsigned slot);
/* One of those that are on their way has come, or will not. */
void board_came(struct board *b, unsigned slot);
/* Calls fn for each slot that is taken; fn returns false to stop. Returns whether none did. */
bool board_each(const struct board *b, bool (*fn)(void *arg, unsigned slot), void *arg);

/* --- Homes --- */
/* A home whose sessions nobody serves, now served by slot; -1: all are taken. */
int board_settle(struct board *b, unsigned slot);
/* The slot that serves a home, BOARD_NO_SLOT: nobody. */
unsigned board_home(const struct board *b, unsigned home);
/* What one slot serves is served by another from now on; to BOARD_NO_SLOT: by nobody. */
void board_move_homes(struct board *b, unsigned from, unsigned to);

/* --- Sleeping. Before a worker waits it says so, then looks once more whether something came; who
 * publishes rings the bell of those who sleep. So none sleeps through an entry, and no bell is rung
 * for nothing. --- */
/* True: nothing has come, the worker may wait. */
bool board_sleep(struct board *b, unsigned slot, uint64_t cursor);
void board_wake(struct board *b, unsigned slot);
/* Of another worker: whether its bell is to be rung now. At most one caller is told so. */
bool board_rouse(struct board *b, unsigned slot);

/* --- Journals: memory of a slot for what is to survive its process (cluster/journal.h). --- */
uint64_t board_journal_bytes(const struct board *b);
/* Maps the journal of a slot, NULL with errno on failure. Unmap with board_unmap_journal(). */
void *board_map_journal(const struct board *b, unsigned slot);
void board_unmap_journal(const struct board *b, void *journal);

#endif
