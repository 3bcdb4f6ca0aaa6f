/* tests/support/count.h - what a piece of code has used: allocations and descriptors.
 *
 *     uint64_t before = mem_count();
 *     ... the warm path ...
 *     assert_int_equal(mem_count() - before, 0);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPPORT_COUNT_H
#define SUPPORT_COUNT_H

#include <dirent.h>
#include <stddef.h>

#include "base/mem.h"

/* Runs a statement and asserts that it allocates at most `most` times on this thread. */
#define assert_allocs(most, statement)                                                             \
    do {                                                                                           \
        uint64_t assert_allocs_before = mem_count();                                               \
        statement;                                                                                 \
        assert_in_range(mem_count() - assert_allocs_before, 0, most);                              \
    } while (0)

/* The number of open descriptors of this process: compare before and after a test. */
static inline int fd_count(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    if (!dir)
        return -1;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3; /* ".", ".." and the directory itself */
}

#endif
