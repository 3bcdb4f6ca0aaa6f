/* base/err.h - names and texts of error codes.
 *
 * Codes are declared in atrium/error.h, so that applications and layers share one list. A function
 * that fails returns one of them or a negated errno. Startup and settings errors also carry a
 * sentence in a caller's `char why[ATR_WHY_MAX]`, which names what was wrong and where.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#include "atrium/error.h"

#define ATR_WHY_MAX 512
#define MUST_CHECK  __attribute__((warn_unused_result))

/* The symbolic name ("ATR_ECLOSED", "EPIPE"); never NULL. */
const char *err_name(int code);

/* A short text for people; never NULL, valid for ever. */
const char *err_text(int code);

/* Writes a formatted sentence into why (ATR_WHY_MAX bytes; NULL is fine) and returns code. */
int err_why(char *why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence that is already in why. Returns code. */
int err_wrap(char *why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
