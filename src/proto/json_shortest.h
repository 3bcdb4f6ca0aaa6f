/* proto/json_shortest.h - the decimal that ECMAScript prints for a double; used by json_number.c
 * only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_JSON_SHORTEST_H
#define PROTO_JSON_SHORTEST_H

#include <stdint.h>

/* The powers of ten that a double holds exactly. */
enum { JSON_POWER_MAX = 22 };
extern const double json_powers[JSON_POWER_MAX + 1];

/* d.ddd times ten to the exponent; zeros may stand at the end. */
struct json_shortest {
    uint64_t digits; /* 1 to 17 of them */
    int exponent;
};

/* The fewest digits that read back as n, and of those the closest to it (ECMA-262, 6.1.6.1.20). n
 * is positive and finite. */
struct json_shortest json_shorten(double n);

#endif
