/* base/random.c - getrandom(2), a few hundred bytes at a time.
 *
 * Each thread has a buffer of its own. Bytes are erased as they are given out, so that a later leak
 * of memory tells nothing about names already in use. A fork makes the child's buffer stale:
 * otherwise parent and child would give out the same session ids.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"

enum { POOL_BYTES = 512 };

struct pool {
    uint8_t bytes[POOL_BYTES];
    size_t left;    /* the last `left` bytes are fresh */
    uint32_t forks; /* the value of `forks` when it was filled */
};
static _Thread_local struct pool pool;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t forks; /* changes only in a child that has a single thread */

static void on_fork_child(void)
{
    forks++;
}

static void watch_forks(void)
{
    int err = pthread_atfork(NULL, NULL, on_fork_child);

    ASSERT(err == 0);
}

static void from_kernel(uint8_t *out, size_t n)
{
    while (n) {
        ssize_t got = getrandom(out, n, 0);

        ASSERT(got > 0 || errno == EINTR); /* no other failure with flags 0 and a valid buffer */
        if (got > 0) {
            out += got;
            n -= (size_t)got;
        }
    }
}

static void refill(void)
{
    pthread_once(&once, watch_forks);
    from_kernel(pool.bytes, sizeof pool.bytes);
    pool.left = sizeof pool.bytes;
    pool.forks = forks;
}

void random_bytes(void *out, size_t n)
{
    uint8_t *fresh;

    if (n > sizeof pool.bytes) {
        from_kernel(out, n);
        return;
    }
    if (n == 0)
        return;
    if (pool.left < n || pool.forks != forks)
        refill();
    fresh = pool.bytes + (sizeof pool.bytes - pool.left);
    memcpy(out, fresh, n);
    memset(fresh, 0, n);
    pool.left -= n;
}

uint64_t random_u64(void)
{
    uint64_t n;

    random_bytes(&n, sizeof n);
    return n;
}

void random_name(char *out, size_t n)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    random_bytes(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[(unsigned char)out[i] % 64];
}
