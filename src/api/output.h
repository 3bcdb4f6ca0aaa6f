/* api/output.h - the options that say what becomes of output that a client does not take: overflow,
 * maxBufferedBytes, highWaterMark, blockTimeout. Of the whole server, of a namespace, of an engine,
 * of a WebSocket endpoint.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_OUTPUT_H
#define API_OUTPUT_H

#include "api/settings.h"
#include "net/pressure.h"
#include "proto/json.h"

/* Which of them were given. */
enum { OUTPUT_OVERFLOW = 1, OUTPUT_BYTES = 2, OUTPUT_HIGH_WATER = 4, OUTPUT_BLOCK = 8 };

/* Reads one option: 1, or 0 when it is none of these, or a negative code and the sentence in why.
 */
int output_option(const struct json_iter *it, struct pressure_policy *o, unsigned *given,
                  char *why);
int output_check_overflow(str json, char *why);
void output_of_settings(const struct settings *s, struct pressure_policy *o);
/* What of the base holds beside what was given; the base's bound is never exceeded. */
void output_merge(struct pressure_policy *out, const struct pressure_policy *base,
                  const struct pressure_policy *own, unsigned given);

#endif
