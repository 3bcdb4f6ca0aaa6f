/* admin/sessions.h - administrators who logged in, known by a secret for a day.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_SESSIONS_H
#define ADMIN_SESSIONS_H

#include <stdint.h>

#include "base/str.h"

enum {
    ADMIN_SESSIONS_MAX = 256, /* more drive out the oldest */
    ADMIN_SESSION_LEN = 32,
    ADMIN_SESSION_MS = 24 * 60 * 60 * 1000
};

struct admin_sessions {
    struct {
        char id[ADMIN_SESSION_LEN];
        uint64_t ends_ms; /* 0: none */
    } items[ADMIN_SESSIONS_MAX];
    uint32_t next; /* the oldest: where the next one goes */
};

/* A new session; its id is valid until ADMIN_SESSIONS_MAX more were made. */
str admin_session_new(struct admin_sessions *s, uint64_t now_ms);
/* Takes as long for a wrong id as for a right one. */
bool admin_session_known(const struct admin_sessions *s, str id, uint64_t now_ms);

/* Whether two texts are equal; how long it takes tells only their lengths. */
bool admin_same(str a, str b);

#endif
