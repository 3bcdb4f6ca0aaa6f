/* base/mem.c - the C library's allocator, checked and counted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local uint64_t allocations;

static __attribute__((noreturn, cold)) void out_of_memory(size_t n)
{
    fprintf(stderr, "out of memory: %zu bytes were asked for\n", n);
    abort();
}

void *mem_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);

    if (!p)
        out_of_memory(n);
    allocations++;
    return p;
}

void *mem_zalloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (!p)
        out_of_memory(n);
    allocations++;
    return p;
}

void *mem_realloc(void *p, size_t n)
{
    void *moved = realloc(p, n ? n : 1);

    if (!moved)
        out_of_memory(n);
    allocations++;
    return moved;
}

void *mem_dup(const void *p, size_t n)
{
    void *copy = mem_alloc(n);

    if (n)
        memcpy(copy, p, n);
    return copy;
}

void mem_free(void *p)
{
    free(p);
}

uint64_t mem_count(void)
{
    return allocations;
}
