/* load/usage.h - what a process has used: CPU time of all its threads, private memory (Linux
 * /proc).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_USAGE_H
#define LOAD_USAGE_H

#include <stdint.h>

struct usage {
    double cpu_seconds;     /* user and system, every thread */
    uint64_t private_bytes; /* resident and not shared with other processes */
};

/* 0, or -errno when the process cannot be read. */
int usage_read(uint32_t pid, struct usage *out) __attribute__((warn_unused_result));

#endif
