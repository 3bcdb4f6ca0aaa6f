/* store/guest.h - a client of the centre, over all its connections: which of its operations have
 * taken effect, and what was answered.
 *
 * A guest that lost its connection, or the centre, sends again what was not answered. An operation
 * that has taken effect is then answered as before and not done twice. Answers are kept until the
 * guest says that it has them, and written down with what they are about, in one transaction.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_GUEST_H
#define STORE_GUEST_H

#include "net/link.h"
#include "store/book.h"
#include "store/wire.h"

enum {
    GUEST_AWAY_MS = 600000, /* forgotten after so long: more than any operation's deadline */
    GUEST_KEPT_MAX = 2 * STORE_CALLS_MAX
};

struct space; /* of centre_server_parts.h */

struct guest {
    struct space *space;
    struct list in_dirty;   /* has something to be written down; else self-linked */
    struct list in_ready;   /* has answers in out; else self-linked */
    struct list in_holding; /* has answers in held; else self-linked */
    struct link *link;      /* NULL: away */
    struct timer away;
    uint64_t latest;  /* number of its latest operation that changed something */
    struct list kept; /* of struct kept_answer, by number */
    uint32_t kept_count;
    struct buf held; /* answers that wait for the commit under way */
    struct buf out;  /* answers that wait for the next one */
    char id[WIRE_GUEST_BYTES];
};

/* Whether that operation has been done, and if its answer is kept: adds it to out. */
bool guest_has_done(struct guest *g, uint64_t seq, struct buf *out);
/* Keeps the answer (its bytes on the wire) of an operation that is done. */
void guest_keep(struct guest *g, uint64_t seq, str answer);
/* The guest has the answers up to that number. */
void guest_acknowledged(struct guest *g, uint64_t seq);

/* What is written down of it: latest, and the kept answers. */
void guest_write(const struct guest *g, struct buf *out);
int guest_read(struct guest *g, uint64_t latest, str answers) MUST_CHECK;
void guest_drop_kept(struct guest *g);

#endif
