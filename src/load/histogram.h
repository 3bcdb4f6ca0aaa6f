/* load/histogram.h - latencies in log-linear buckets: 1 us resolution below 64 us, then within 1.6
 * per cent.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BITS = 6, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS };

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count, max;
};

void histogram_add(struct histogram *h, uint64_t us, uint64_t times);
/* The value that `share` (0 to 1) of all values do not exceed; 0 when empty. */
uint64_t histogram_at(const struct histogram *h, double share);

#endif
