/* load/histogram.c - see histogram.h.
 *
 * A value's bucket: its highest bit chooses the row, the HISTOGRAM_BITS bits below it the column.
 * Values below 2^HISTOGRAM_BITS have a bucket each.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/histogram.h"

static unsigned bucket_of(uint64_t v)
{
    if (v < 1u << HISTOGRAM_BITS)
        return (unsigned)v;
    unsigned shift = 63u - (unsigned)__builtin_clzll(v) - HISTOGRAM_BITS;
    return ((shift + 1) << HISTOGRAM_BITS) + (unsigned)((v >> shift) - (1u << HISTOGRAM_BITS));
}

/* The largest value of a bucket. */
static uint64_t top_of(unsigned bucket)
{
    if (bucket < 1u << HISTOGRAM_BITS)
        return bucket;
    unsigned shift = (bucket >> HISTOGRAM_BITS) - 1;
    uint64_t column = (bucket & ((1u << HISTOGRAM_BITS) - 1)) + (1u << HISTOGRAM_BITS);
    return ((column + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t us, uint64_t times)
{
    h->buckets[bucket_of(us)] += times;
    h->count += times;
    if (us > h->max)
        h->max = us;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)((double)h->count * share);

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > wanted || (seen && seen == h->count))
            return top_of(i) < h->max ? top_of(i) : h->max;
    }
    return 0;
}
