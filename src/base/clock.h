/* base/clock.h - the clocks. The hot path reads loop->now_ms instead.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
uint64_t clock_mono_us(void);
uint64_t clock_boot_ms(void); /* CLOCK_BOOTTIME: goes on while the machine sleeps */
int64_t clock_wall_ms(void); /* Unix time */

#endif
