/* store/centre.h - the store of a machine, as a worker has it: a client of the centre.
 *
 * While the centre is not there, operations wait for it, within their deadlines; what was sent and
 * not answered is sent again to the next one. An application sees a restart of the centre as an
 * answer that takes longer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_CENTRE_H
#define STORE_CENTRE_H

#include "cluster/store.h"

struct store_centre_options {
    const char *path; /* of the centre's socket */
    str space;        /* the application */
    /* There is no centre at the path: somebody may start one. At most once a second. NULL: nobody.
     */
    void (*start)(void *user);
    void *user;
};

/* Connects from the loop. For store_close(). */
struct store *store_centre_open(struct loop *l, const struct store_centre_options *o);

/* Whether the centre answers; else, in why, what is wrong with it. */
bool store_centre_ready(const struct store *s, char *why);

#endif
