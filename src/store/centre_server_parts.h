/* store/centre_server_parts.h - inside the centre: centre_server.c opens it and holds the books,
 * centre_server_visits.c has the connections and takes their requests, centre_server_commit.c
 * writes what they changed and sends the answers.
 *
 *   link message > take_request > book_run > on_answer (guest->out) > centre_flush: commit > send
 *
 * Invariants
 *   - a guest's `held` is sent after the commit under way, its `out` after the next one;
 *   - a change of a book, the answer to its operation and the guest's row are in one commit.
 *
 * Start reading at on_message() and centre_flush().
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_CENTRE_SERVER_PARTS_H
#define STORE_CENTRE_SERVER_PARTS_H

#include "store/centre_server.h"
#include "store/file.h"
#include "store/guest.h"

struct space { /* an application */
    struct centre *centre;
    struct book *book;
    struct map guests; /* id -> struct guest */
    str name;
};

struct visit { /* a connection */
    struct list in_centre;
    struct list in_stalled; /* has input that waits until it has read its answers; or self-linked */
    struct centre *centre;
    struct link *link;
    struct guest *guest; /* NULL: has not said hello */
    struct buf input;    /* whole requests */
};

struct centre {
    struct loop *loop;
    struct centre_options o;
    struct store_file *file;
    struct link_listener listener;
    struct map spaces;
    struct list visits, stalled;       /* of struct visit */
    struct list dirty, ready, holding; /* of guests */
    uint32_t visit_count, guest_count;
    struct loop_job flush, resume;
    struct timer tick;
    uint64_t first_revision; /* of a book that is new */
    bool committing, failed, closing;
    struct centre_facts facts;
    struct buf scratch;
};

/* --- centre_server.c --- */
/* The application's space, which is made when there is none; NULL: it may not be. */
struct space *centre_space(struct centre *c, str name);
/* The books' clock goes on to now. */
void centre_advance(struct centre *c);
/* When it has to go on next. */
void centre_plan(struct centre *c);

/* --- centre_server_visits.c --- */
struct guest *centre_guest_new(struct space *s, str id);
void centre_guest_free(struct guest *g);
void centre_on_accept(struct link_listener *listener, int fd);
void centre_on_resume(struct loop_job *job); /* stalled visits have their turn */

/* --- centre_server_commit.c --- */
/* There is something in the guest's `out`. */
void centre_mark_ready(struct guest *g);
void centre_answer(struct guest *g, const struct wire_answer *a);
/* Sends what may be sent; or commits first, and lets what follows gather. */
void centre_flush(struct centre *c);

#endif
