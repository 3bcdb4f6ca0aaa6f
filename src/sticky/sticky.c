/* sticky/sticky.c - see sticky.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sticky/sticky.h"

#include <unistd.h>

#include "base/assert.h"
#include "cluster/sid.h"
#include "sticky/parts.h"

static_assert((int)SID_LEN == (int)EIO_SID_LEN, "an id of the cluster's is one of the engine's");

static struct sticky *sticky_of(struct eio_places *p)
{
    return container_of(p, struct sticky, places);
}

static void make_sid(struct eio_places *p, char out[EIO_SID_LEN])
{
    sid_make(out, sticky_of(p)->home);
}

static int locate_session(const struct sticky *s, str sid)
{
    int home = sid_home(sid);
    unsigned slot =
        home == SID_NO_HOME ? BOARD_NO_SLOT : board_home(s->peers->board, (unsigned)home);

    if (slot == s->peers->slot && s->heir != BOARD_NO_SLOT)
        slot = s->heir;
    return slot != s->peers->slot && peers_here(s->peers, slot) ? (int)slot : EIO_HERE;
}

/* What speaks TLS would be relayed for good: it stays, as long as this worker takes sessions. */
static int place_session(struct sticky *s, const struct http_request *r)
{
    const struct board_slot *own = &s->peers->board->slots[s->peers->slot];
    bool stays = r->secure && atomic_load(&own->state) == BOARD_SERVING;
    unsigned slot = stays ? s->peers->slot : sticky_choose(s);

    if (slot != s->peers->slot)
        return (int)slot;
    s->stats.placed_here++;
    return EIO_HERE;
}

static int locate(struct eio_places *p, str sid, const struct http_request *r)
{
    struct sticky *s = sticky_of(p);

    if (r->arrived && s->heir == BOARD_NO_SLOT)
        return EIO_HERE; /* who sent it knew where it belongs */
    return sid.n ? locate_session(s, sid) : place_session(s, r);
}

static bool begins_session(const struct http_request *r)
{
    str rest = r->head.query, name, value;

    while (http1_query_next(&rest, &name, &value))
        if (str_eq(name, STR("sid")) && value.n)
            return false;
    return true;
}

static bool elsewhere(struct eio_places *p, int place, struct http_request *r)
{
    struct sticky *s = sticky_of(p);
    unsigned slot = (unsigned)place;
    bool begins = begins_session(r);

    if (s->stopped || !peers_here(s->peers, slot))
        return false;
    if (begins) {
        s->stats.placed_elsewhere++;
        sticky_sent(s, slot);
    }
    if (http_may_hand_over(r) &&
        (http_moves(r) == 0 || r->head.upgrade || s->heir != BOARD_NO_SLOT))
        sticky_pass(s, slot, begins, r);
    else
        sticky_relay(s, slot, begins, r);
    return true;
}

static void count(struct eio_places *p, int change)
{
    struct sticky *s = sticky_of(p);

    s->sessions += (uint64_t)(int64_t)change;
    if (s->open)
        atomic_store_explicit(&s->peers->board->slots[s->peers->slot].sessions, s->sessions,
                              memory_order_relaxed);
    if (change > 0 && s->due > 0) { /* it counts as a session now, not as one on its way */
        s->due--;
        sticky_arrived(s);
    }
}

bool sticky_on_message(struct sticky *s, unsigned slot, uint8_t kind, str data, const int *fds,
                       size_t fd_count)
{
    (void)slot;
    if (kind < STICKY_KIND_PASS || kind >= STICKY_KINDS_END)
        return false;
    if (!s->open || s->stopped || fd_count != 1) {
        for (size_t i = 0; i < fd_count; i++)
            close(fds[i]);
    } else if (kind == STICKY_KIND_PASS) {
        sticky_take_passed(s, data, fds[0]);
    } else if (kind == STICKY_KIND_SHARE) {
        sticky_take_shared(s, data, fds[0]);
    } else {
        sticky_take_relayed(s, data, fds[0]);
    }
    return true;
}

int sticky_open(struct sticky *s, struct peers *p, struct http_server *http, char *why)
{
    int home = board_settle(p->board, p->slot);

    *s = (struct sticky){
        .places = { make_sid, locate, elsewhere, count }, .peers = p, .http = http, .last = p->slot,
        .heir = BOARD_NO_SLOT
    };
    list_init(&s->passing);
    list_init(&s->relayed);
    list_init(&s->pipes);
    if (home < 0)
        return err_why(why, ATR_ELIMIT, "no home is left on the board for this worker's sessions");
    s->home = (unsigned)home;
    s->open = true;
    http->share = sticky_share;
    http->share_user = s;
    return 0;
}

void sticky_stop(struct sticky *s)
{
    if (!s->open || s->stopped)
        return;
    s->stopped = true;
    s->http->share = NULL;
    sticky_drop_passing(s);
    sticky_drop_relayed(s);
}

bool sticky_busy(const struct sticky *s)
{
    return s->open && (!list_empty(&s->passing) || !list_empty(&s->relayed));
}

void sticky_move(struct sticky *s, unsigned heir)
{
    s->heir = heir;
}

void sticky_close(struct sticky *s)
{
    sticky_stop(s);
    s->open = false;
}
