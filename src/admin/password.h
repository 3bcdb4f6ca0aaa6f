/* admin/password.h - bcrypt: is this a hash, and does this password match it?
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_PASSWORD_H
#define ADMIN_PASSWORD_H

#include "base/str.h"

/* Passwords longer than that match nothing. bcrypt itself looks at the first 72 bytes. */
enum { PASSWORD_BYTES_MAX = 1024, PASSWORD_COST_MAX = 15 };

/* $2a$, $2b$ or $2y$, then the cost. Returns the cost, or -1 when it is no such hash. */
int password_hash_cost(str hash);

/* Takes long, and means to: not on the loop. Both are terminated. */
bool password_matches(const char *password, const char *hash);

#endif
