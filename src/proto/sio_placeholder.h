/* proto/sio_placeholder.h - recognising placeholders during a walk over JSON; shared by the sio_*.c
 * files only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SIO_PLACEHOLDER_H
#define PROTO_SIO_PLACEHOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { SIO_NO_NUMBER = -1 };

/* What is known of an object: a placeholder once both are set. */
struct sio_candidate {
    bool marked; /* _placeholder is true */
    int64_t num; /* SIO_NO_NUMBER: absent, or not an index */
};

#define SIO_CANDIDATE ((struct sio_candidate){ .num = SIO_NO_NUMBER })

/* Takes in a member whose value starts at p. Containers and strings are not even stepped over: the
 * time it takes must not grow with how deep they nest. */
void sio_candidate_learn(struct sio_candidate *c, str key, const char *p, const char *end);

#endif
