/* tests/support/rng.h - random numbers that are the same in every run.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPPORT_RNG_H
#define SUPPORT_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state; /* the seed; any value */
};

static inline uint64_t rng_u64(struct rng *r)
{
    uint64_t x = r->state += 0x9e3779b97f4a7c15u; /* splitmix64 */

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* A number below n, which is not 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return rng_u64(r) % n;
}

static inline void rng_fill(struct rng *r, void *out, size_t n)
{
    unsigned char *p = out;

    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)rng_u64(r);
}

#endif
