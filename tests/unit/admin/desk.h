/* tests/unit/admin/desk.h - a server with administrators: the rig of socketio, instrumented.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_ADMIN_DESK_H
#define UNIT_ADMIN_DESK_H

#include "rig.h"

#include "admin/parts.h"

/* The hash of "pw", of the least cost. */
#define DESK_AUTH                                                                                  \
    "\"auth\":{\"type\":\"basic\",\"username\":\"admin\",\"password\":"                            \
    "\"$2a$04$MAa1MvBkJ6Yl7TIUhUI07.f9s19aoDWFZ6pPvX58Q.F9ZOfj8T0Rm\"}"

struct desk {
    struct rig rig;
    struct admin *admin;
    const char *data; /* what every socket's data is; NULL: none */
};

/* options: JSON. Ends with desk_close(). */
void desk_open(struct desk *d, const char *options, void (*change)(struct sio_options *o));
void desk_close(struct desk *d);

/* Joins the administrators without being asked for anything; has heard nothing yet. */
void desk_sit(struct desk *d, struct peer *p);

/* Turns until p has heard text (among other things). */
void desk_await(struct peer *p, const char *text);
/* What p has heard so far and not forgotten, terminated. */
const char *desk_heard(struct peer *p);
#define assert_told(p, text)                                                                       \
    do {                                                                                           \
        if (!strstr(desk_heard(p), text))                                                          \
            fail_msg("not told %s, but: %s", text, desk_heard(p));                                 \
    } while (0)
#define assert_not_told(p, text) assert_null(strstr(desk_heard(p), text))
void desk_forget(struct peer *p);

#endif
