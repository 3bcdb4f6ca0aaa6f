/* super/supervisor.h - the one process that keeps applications alive: what it holds.
 *
 *   supervisor -> services (an application each) -> instances (a number each) -> processes
 *
 * It is on no client's way, and may die at any time: what it has to know again is in
 * run/state.json, which is written before whatever it tells of is let run. A file per noun:
 * service.h, instance.h, process.h, logs.h, control.h, state.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_SUPERVISOR_H
#define SUPER_SUPERVISOR_H

#include "net/loop.h"
#include "super/control.h"
#include "super/home.h"
#include "super/logs.h"
#include "super/notify.h"

enum {
    SUPER_PROTOCOL = 1,  /* of the control socket */
    SUPER_EXIT_TAKEN = 3 /* the status of a supervisor that found another one */
};

enum supervisor_mode {
    SUPERVISOR_DAEMON,
    SUPERVISOR_FOREGROUND, /* --no-daemon: logs to our own output, and ends with the last one */
    SUPERVISOR_SERVICE     /* of a service manager: takes over from another one, and at first starts
                              what was saved */
};

struct supervisor {
    struct loop loop;
    struct home home;
    struct list services; /* of struct service */
    struct logs logs;
    struct control control;
    struct timer tick;      /* each second: looks at every process */
    uint64_t ticked_ms;     /* when it last did */
    struct loop_job settle; /* queued when the state file is out of date */
    struct watch signals;
    struct notify notify;
    uint32_t next_id; /* of the next instance */
    int64_t started_wall_ms;
    bool foreground; /* --no-daemon */
    bool service;    /* of a service manager */
    bool ending;     /* everything is being stopped, then this process ends */
    int exit_status; /* foreground: what an application ended with, 0 if all were well */
    uint64_t adopted, saves_failed;
};

/* Takes the folder for this process: a descriptor that holds it, or ATR_EEXISTS. */
int supervisor_lock(const struct home *home, char *why);

/* Runs until it is told to end; the exit status. request (JSON of a control message, or NULL) is
 * what to do first. */
int supervisor_run(const struct home *home, enum supervisor_mode mode, const char *request);

/* Something changed that the state file tells. */
void supervisor_changed(struct supervisor *s);
void supervisor_reopen_logs(struct supervisor *s); /* its own too */
/* Stops every application, then ends. */
void supervisor_end(struct supervisor *s);

#endif
