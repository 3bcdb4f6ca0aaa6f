/* super/process.h - one running process of an instance: started or adopted, watched, stopped.
 *
 *   launching -> online -> leaving -> gone          any of them may skip to gone
 *
 * Launching ends when the process is ready: an Atrium worker says that it listens, or (wait_ready)
 * that it is ready; another program is ready at once, or (wait_ready) when it says so.
 *
 * Leaving goes in steps, each with its time: drain (Atrium workers only), SIGINT, SIGKILL to the
 * process and its descendants. A process is gone when its pidfd says so, never earlier.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_PROCESS_H
#define SUPER_PROCESS_H

#include "base/buf.h"
#include "net/link.h"

struct instance;
struct service;

enum process_phase { PROCESS_LAUNCHING, PROCESS_ONLINE, PROCESS_LEAVING, PROCESS_GONE };
enum process_step { STEP_NONE, STEP_DRAIN, STEP_INTERRUPT, STEP_KILL };

/* What an Atrium worker does with its clients when it leaves; or the pid of the worker that gets
 * them. */
enum process_heir { HEIR_NOBODY = 0, HEIR_THE_OTHERS = -1 };

/* Node's channel to its parent: a line of JSON per message. */
struct node_ipc {
    struct watch watch; /* fd -1: none */
    struct buf input;
};

struct process {
    struct list in_service; /* service->processes */
    struct service *service;
    struct instance *instance; /* NULL: it was replaced, and leaves */
    unsigned number;           /* of its instance, also once that is NULL */
    enum process_phase phase;
    enum process_step step;
    pid_t pid;
    uint64_t start_ticks;
    bool child; /* of ours: its exit status is told */
    struct watch pidfd;
    struct link *link; /* to an Atrium worker; NULL: none, or not connected */
    char *socket;      /* where that listens; NULL: not an Atrium worker */
    struct node_ipc ipc;
    struct timer deadline;  /* of the launch, or of the step */
    bool listening;         /* an Atrium worker: takes connections */
    bool reported;          /* has said how it is, and given back what it had */
    bool asks_board;        /* and waits for it */
    bool ready_once;        /* it was online */
    bool late;              /* it was said that it is not ready */
    char *complaint;        /* what it was refused; NULL */
    pid_t heir;             /* of its clients, once it leaves: or enum process_heir */
    const char *killed_for; /* "hang", "memory", "unready": why we ended it; NULL */
    uint64_t spawned_ms;
    int64_t spawned_wall_ms;
    uint64_t heard_ms; /* last sign of life of a worker whose loop runs; 0: none yet */
    uint64_t connections, lag_ms;
    uint64_t rss_bytes, cpu_ticks, sampled_ms;
    unsigned cpu_permille;
    struct loop_job reaper;
};

/* Starts a process for the instance, launching. NULL with the reason in why. */
struct process *process_spawn(struct instance *i, char *why);

/* Takes over one that runs already. NULL: it does not, or the pid is somebody else's by now. */
struct process *process_adopt(struct service *s, struct instance *i, str record);
void process_write(const struct process *p, struct buf *out); /* the record for that */

/* Begins to leave, unless it does already. */
void process_leave(struct process *p, pid_t heir);
/* It is leaving, and asks for so many ms more before it is interrupted. */
void process_lingers(struct process *p, uint64_t ms);
void process_kill(struct process *p);      /* skips to the last step */
void process_next_step(struct process *p); /* internal: the time of this one has passed */

/* Once a second. */
void process_tick(struct process *p, bool judge_silence);

void process_signal(struct process *p, int signal);
bool process_is_atrium(const struct process *p);
uint64_t process_uptime_ms(const struct process *p);

/* The one with that pid, ours or not; NULL: none. */
struct supervisor;
struct process *process_find(struct supervisor *s, pid_t pid);
void process_look(struct process *p); /* whether it is gone */

#endif
