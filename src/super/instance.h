/* super/instance.h - one numbered place of an application: what should run there, what does, and
 * what happened so far.
 *
 * `wanted` is what people asked for; `state` follows from that and from what processes do. While an
 * instance is reloaded it has two processes: `now` serves, `next` is to replace it as soon as it is
 * ready. A process that was replaced belongs to the service alone, until it has left.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_INSTANCE_H
#define SUPER_INSTANCE_H

#include "super/policy.h"
#include "super/process.h"

/* The name is PM2's. */
#define INSTANCE_STATES(X)                                                                         \
    X(STOPPED, "stopped")                                                                          \
    X(LAUNCHING, "launching")                                                                      \
    X(ONLINE, "online")                                                                            \
    X(STOPPING, "stopping")                                                                        \
    X(WAITING, "waiting restart")                                                                  \
    X(ERRORED, "errored")

enum instance_state {
#define X(name, text) INSTANCE_##name,
    INSTANCE_STATES(X)
#undef X
};

struct instance {
    struct list in_service;
    struct service *service;
    uint32_t id;     /* of this supervisor and those before it */
    unsigned number; /* NODE_APP_INSTANCE */
    enum instance_state state;
    bool wanted, removing;
    bool restarting;    /* stops only to be started again */
    bool reload_wanted; /* its turn comes */
    bool reload_failed; /* the last one; trouble says why */
    struct process *now, *next;
    struct history history;
    struct timer restart; /* while waiting */
    uint64_t restarts, hangs, memory_restarts, unready, crashes, reloads;
    uint64_t no_reload_before_ms; /* after one that failed, for those nobody asked for */
    int64_t created_wall_ms;
    int exit_code;   /* of the last exit; -1: none yet, unknown, or by a signal */
    int exit_signal; /* 0: none */
    char *trouble;   /* the last thing that went wrong, a sentence; NULL */
};

struct instance *instance_new(struct service *s, uint32_t id, unsigned number);

void instance_start(struct instance *i);
void instance_stop(struct instance *i);
void instance_restart(struct instance *i);
/* Frees it, at once or when its processes have gone; heir: as for process_leave(). */
void instance_remove(struct instance *i, pid_t heir);
/* Asks for it; service_go_on() does it. A program that is not Atrium's is restarted. */
void instance_reload(struct instance *i);
void instance_reset(struct instance *i); /* counters */

/* --- Called by its processes --- */
void instance_process_ready(struct instance *i, struct process *p);
void instance_process_unready(struct instance *i, struct process *p); /* it is late */
void instance_over_memory(struct instance *i);
void instance_process_gone(struct instance *i, struct process *p, const struct exit_fact *f,
                           int signal);

/* Whether nothing that was asked for is still under way. */
bool instance_settled(const struct instance *i);
const char *instance_state_name(enum instance_state s);
void instance_trouble(struct instance *i, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void instance_write(const struct instance *i, struct buf *out); /* for the state file */
struct instance *instance_read(struct service *s, str record);
/* Finds its processes again, or starts what is missing. */
void instance_adopt(struct instance *i, str record);

#endif
