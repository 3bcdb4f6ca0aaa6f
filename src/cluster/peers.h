/* cluster/peers.h - the workers of a board that know each other: a link between any two, a bell to
 * wake each, and the news of who came and who died.
 *
 * A worker takes a slot, listens on a socket named after it in a folder that only its user may
 * enter, then connects to everybody who has a slot; whoever comes later connects to it. The two
 * then tell each other who they are, and hand over their bells (eventfds). A link that is lost
 * between two that live is made again within a second or two. A death is noticed through a pidfd;
 * one of those who notice it frees the slot (board_bury), and is told that it was the one: what the
 * dead one served is its to look after (on_inherit).
 *
 * Start reading at peers_open().
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_PEERS_H
#define CLUSTER_PEERS_H

#include "cluster/board.h"
#include "net/link.h"

struct peer;

struct peers_events {
    /* A worker came, or has gone. */
    void (*on_peer)(void *user, unsigned slot, uint32_t generation, bool here);
    /* A worker has died, and this one is to look after what it leaves: called before its slot and
     * its journal are free, after on_peer. May be NULL. */
    void (*on_inherit)(void *user, unsigned slot, uint32_t generation);
    /* A message on a link: its first byte is its kind, PEERS_KIND_BUS or above. Descriptors are
     * the callee's. */
    void (*on_message)(void *user, unsigned slot, uint8_t kind, str data, const int *fds,
                       size_t fd_count);
};

enum { PEERS_KIND_HELLO = 1, PEERS_KIND_BUS = 8 /* src/bus */, PEERS_KIND_USER = 16 };

struct peers {
    struct loop *loop;
    struct board *board;
    const struct peers_events *events;
    void *user;
    char *folder;
    unsigned slot;
    uint32_t generation;
    int bell;                /* mine: whoever writes to it wakes me */
    struct watch bell_watch; /* on bell */
    struct link_listener listener;
    struct peer *by_slot[BOARD_SLOTS]; /* NULL: nobody that is known */
    struct list all;                   /* of struct peer, strangers included */
    struct buf scratch;
    uint64_t inherited;
    struct timer look_again; /* for those without a link */
    /* The owner's. bequeaths: peers_close() leaves the slot to who notices the process's end.
     * declines: this one is about to end, and leaves the dead to others. */
    bool bequeaths, declines;
    bool closing;
};

/* Takes a slot and makes itself known. folder must exist. On failure p is closed, why says. */
int peers_open(struct peers *p, struct loop *l, struct board *b, const char *folder,
               uint32_t instance, const struct peers_events *events, void *user,
               char *why) MUST_CHECK;
void peers_close(struct peers *p); /* leaves; idempotent */

/* Wakes a peer that sleeps. */
void peers_ring(struct peers *p, unsigned slot);
/* Wakes all that sleep. */
void peers_ring_all(struct peers *p);
/* Sends a message to one, as link_send(); ATR_ECLOSED: it is not there. */
int peers_send(struct peers *p, unsigned slot, uint8_t kind, str data, const int *fds,
               size_t fd_count);
/* Bytes that wait for one to take them. */
size_t peers_queued(const struct peers *p, unsigned slot);
/* Calls fn for each that is known; fn returns false to stop, and must not close anything. */
void peers_each(const struct peers *p, bool (*fn)(void *arg, unsigned slot, uint32_t generation),
                void *arg);
bool peers_here(const struct peers *p, unsigned slot);

#endif
