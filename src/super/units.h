/* super/units.h - durations ("10s"), sizes ("300M") and counts of instances ("max") as numbers.
 *
 * Pure. Each returns 0, ATR_ESYNTAX or ATR_ERANGE.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_UNITS_H
#define SUPER_UNITS_H

#include "base/err.h"
#include "base/str.h"

/* Digits with ms, s, m or h behind; none: milliseconds. */
int units_ms(str s, int64_t max, int64_t *out) MUST_CHECK;
/* Digits with K, M or G (powers of 1024) behind; none: bytes. */
int units_bytes(str s, int64_t max, int64_t *out) MUST_CHECK;
/* "max", or digits with or without a minus; max becomes 0. */
int units_instances(str s, int64_t max, int64_t *out) MUST_CHECK;

#endif
