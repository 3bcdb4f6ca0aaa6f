/* super/proc.h - what /proc says about processes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_PROC_H
#define SUPER_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct proc_facts {
    uint64_t start_ticks; /* since boot: with the pid, the name of a process for ever */
    uint64_t cpu_ticks;   /* used so far, all threads */
    uint64_t rss_bytes;
    pid_t parent;
    char state; /* R, S, T, Z, ... */
};

/* 0, or -ESRCH when there is no such process. */
int proc_read(pid_t pid, struct proc_facts *f) MUST_CHECK;

/* Sends the signal to every descendant of pid, whatever process group it is in. Returns how many.
 */
int proc_signal_descendants(pid_t pid, int signal);

/* A name of this boot of the machine; "" when there is none. */
void proc_boot_id(char out[64]);

/* The program's own file, to be started again: where it is now, even if another was put there. */
const char *proc_own_program(void);

#endif
