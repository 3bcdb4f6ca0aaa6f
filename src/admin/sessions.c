/* admin/sessions.c - see sessions.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/sessions.h"

#include "base/random.h"

bool admin_same(str a, str b)
{
    volatile unsigned char differs = a.n != b.n;

    for (size_t i = 0; i < a.n && i < b.n; i++)
        differs |= (unsigned char)(a.p[i] ^ b.p[i]);
    return !differs;
}

str admin_session_new(struct admin_sessions *s, uint64_t now_ms)
{
    uint32_t at = s->next;

    s->next = (at + 1) % ADMIN_SESSIONS_MAX;
    random_name(s->items[at].id, ADMIN_SESSION_LEN);
    s->items[at].ends_ms = now_ms + ADMIN_SESSION_MS;
    return str_n(s->items[at].id, ADMIN_SESSION_LEN);
}

bool admin_session_known(const struct admin_sessions *s, str id, uint64_t now_ms)
{
    bool known = false;

    for (uint32_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        bool valid = s->items[i].ends_ms > now_ms;

        known |= admin_same(str_n(s->items[i].id, ADMIN_SESSION_LEN), id) & valid;
    }
    return known;
}
