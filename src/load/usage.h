/* load/usage.h - what a process and its descendants have used: CPU time of all their threads,
 * private memory (Linux /proc). A descendant that ends takes its time with it.
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

/* 0, or -errno when the process itself cannot be read. */
int usage_read(uint32_t pid, struct usage *out) __attribute__((warn_unused_result));

#endif
