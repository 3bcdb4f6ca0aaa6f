/* super/call.h - one request of the control socket, until it is answered.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_CALL_H
#define SUPER_CALL_H

#include "super/targets.h"

struct control;
struct control_conn;

struct call {
    struct list in_control;
    struct control *control;
    struct control_conn *conn; /* NULL: nobody waits for the answer */
    uint32_t *ids;             /* of instances that must be settled first */
    size_t id_count;
    bool judges;  /* an instance that does not run then is a failure */
    bool reloads; /* so is one that was not reloaded */
    bool last;    /* answered when the supervisor ends */
};

/* Answers {"v","ok":true, members}; members is JSON without braces, or empty. Frees the call. */
void call_answer(struct call *c, str members);
void call_refuse(struct call *c, const char *why);
/* Answers when the targets are settled. */
void call_wait(struct call *c, const struct targets *t);

/* Does a request. The call is answered, or waits, afterwards. */
void request_run(struct call *c, struct supervisor *s, str request);

#endif
