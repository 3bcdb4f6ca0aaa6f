/* super/policy.c - see policy.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/policy.h"

#include "super/spec.h"

static uint32_t backoff(struct history *h, uint32_t first_ms, uint64_t chance)
{
    uint32_t wait = h->backoff_ms ? h->backoff_ms + h->backoff_ms / 2 : first_ms;

    if (wait > POLICY_BACKOFF_MAX_MS && first_ms <= POLICY_BACKOFF_MAX_MS)
        wait = POLICY_BACKOFF_MAX_MS;
    else if (wait > first_ms && first_ms > POLICY_BACKOFF_MAX_MS)
        wait = first_ms;
    h->backoff_ms = wait;
    return wait - wait / 4 + (uint32_t)(chance % (wait / 2 + 1)); /* 75 to 125 per cent */
}

enum verdict policy_exit(const struct spec *s, struct history *h, const struct exit_fact *f,
                         uint64_t chance, uint32_t *delay_ms)
{
    uint32_t max = (uint32_t)spec_number(s, SPEC_KEY_max_restarts);
    uint32_t first = (uint32_t)spec_number(s, SPEC_KEY_exp_backoff_restart_delay);

    if (!spec_number(s, SPEC_KEY_autorestart) ||
        (f->known && f->code >= 0 && spec_stops_at(s, f->code)))
        return VERDICT_STOPPED;
    if (f->uptime_ms >= POLICY_CALM_MS)
        h->backoff_ms = 0;
    if (f->uptime_ms >= (uint64_t)spec_number(s, SPEC_KEY_min_uptime)) {
        h->unstable = 0;
        if (!first)
            h->backoff_ms = 0;
    } else if (++h->unstable >= max && max) {
        return VERDICT_ERRORED;
    }
    *delay_ms = (uint32_t)spec_number(s, SPEC_KEY_restart_delay);
    if (!first && h->unstable && !spec_given(s, SPEC_KEY_restart_delay) &&
        !spec_given(s, SPEC_KEY_exp_backoff_restart_delay))
        first = POLICY_LOOP_MS;
    if (first)
        *delay_ms = backoff(h, first, chance);
    return VERDICT_RESTART;
}

unsigned policy_free_number(const unsigned *taken, size_t count)
{
    unsigned number = 0;

    for (size_t i = 0; i < count; i++)
        if (taken[i] == number) {
            number++;
            i = (size_t)-1; /* look again from the start: the list is not sorted */
        }
    return number;
}
