/* tests/conform/store_memory.c - the store in memory for the suite of stores.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_nodes.h"

#include "store/memory.h"

static struct store_memory *memory;
static uint64_t now_ms;

static uint64_t clock_ms(void)
{
    return now_ms;
}

void backend_start(void)
{
    now_ms = 1000000;
    memory = store_memory_new(&loop, clock_ms, 64 << 20);
}

struct store *backend_open(void)
{
    return store_memory_open(memory);
}

void backend_stop(void)
{
    store_memory_free(memory);
}

void backend_advance(uint64_t ms)
{
    now_ms += ms;
    store_memory_tick(memory);
}

const bool backend_crashes = false;

void backend_crash(void)
{
}
