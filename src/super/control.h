/* super/control.h - the control socket: requests of commands, and their answers.
 *
 * A connection carries one request and one answer, JSON objects both:
 *
 *   {"v":1,"command":"restart","targets":["chat"]}
 *   {"v":1,"ok":true,"list":[...]}      {"v":1,"ok":false,"error":"..."}
 *
 * An answer comes when what was asked for has happened, or has failed. Only processes of the same
 * user (or root) are heard.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_CONTROL_H
#define SUPER_CONTROL_H

#include "net/link.h"

struct supervisor;

struct control {
    struct supervisor *supervisor;
    struct watch watch;   /* fd -1: not listening */
    struct list conns;    /* of struct control_conn */
    struct list calls;    /* of struct call: requests under way */
    struct loop_job look; /* queued when one may be finished */
};

int control_open(struct control *c, struct supervisor *s, char *why)
    __attribute__((warn_unused_result));
void control_close(struct control *c);

/* Something changed that a request may wait for. */
void control_changed(struct control *c);

/* Does a request that came over no connection; failures are logged. */
void control_do(struct control *c, str request);

#endif
