/* store/guest.c - see guest.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/guest.h"

#include "base/mem.h"

struct kept_answer {
    struct list in_guest;
    uint64_t seq;
    size_t len;
    char bytes[];
};

static struct kept_answer *kept_at(struct list *at)
{
    return container_of(at, struct kept_answer, in_guest);
}

bool guest_has_done(struct guest *g, uint64_t seq, struct buf *out)
{
    if (seq > g->latest)
        return false;
    for (struct list *at = g->kept.next; at != &g->kept; at = at->next)
        if (kept_at(at)->seq == seq)
            buf_append(out, kept_at(at)->bytes, kept_at(at)->len);
    return true;
}

void guest_keep(struct guest *g, uint64_t seq, str answer)
{
    struct kept_answer *k = mem_alloc(sizeof *k + answer.n);

    k->seq = seq;
    k->len = answer.n;
    memcpy(k->bytes, answer.p, answer.n);
    list_append(&g->kept, &k->in_guest);
    g->kept_count++;
    g->latest = seq;
}

static void drop_first(struct guest *g)
{
    struct kept_answer *k = kept_at(g->kept.next);

    list_remove(&k->in_guest);
    g->kept_count--;
    mem_free(k);
}

void guest_acknowledged(struct guest *g, uint64_t seq)
{
    while (!list_empty(&g->kept) && kept_at(g->kept.next)->seq <= seq)
        drop_first(g);
}

void guest_drop_kept(struct guest *g)
{
    while (!list_empty(&g->kept))
        drop_first(g);
}

void guest_write(const struct guest *g, struct buf *out)
{
    for (const struct list *at = g->kept.next; at != &g->kept; at = at->next) {
        const struct kept_answer *k = container_of(at, const struct kept_answer, in_guest);

        buf_append(out, k->bytes, k->len);
    }
}

int guest_read(struct guest *g, uint64_t latest, str answers)
{
    struct wire_answer a;
    uint64_t before = 0;

    while (answers.n) {
        str whole = answers;

        if (wire_read_answer(&answers, &a) < 0 || a.seq <= before || a.seq > latest)
            return ATR_EDATABASE;
        before = a.seq;
        guest_keep(g, a.seq, str_n(whole.p, whole.n - answers.n));
    }
    g->latest = latest;
    return 0;
}
