/* base/clock.h - the two clocks. The hot path reads loop->now_ms instead.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
uint64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* Unix time */

#endif
