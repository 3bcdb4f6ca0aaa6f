/* net/rates.c - see rates.h.
 *
 * Invariants
 *   - an address is in the table from its first use until it is forgotten; in `idle` exactly when
 *     no guard is of it;
 *   - of the idle ones whose buckets have run empty two are freed for each that comes, so they do
 *     not pile up; beyond RATES_IDLE_MAX the one unused for longest goes, empty or not.
 *
 * Time is the loop's: taking costs no system call.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/rates.h"

#include "base/assert.h"
#include "base/mem.h"

struct rates_address {
    struct list link; /* in rates->idle */
    struct address key;
    uint32_t guards;
    struct bucket connects, sessions, messages, bytes;
};

/* --- Buckets --- */

/* What is left of the level now. One thousandth of per_s is regained in a millisecond. */
static uint64_t level_at(const struct bucket *b, const struct rate *r, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - b->at_ms;

    if (r->per_s == 0 || passed_ms > b->level / r->per_s)
        return 0;
    return b->level - passed_ms * r->per_s;
}

bool bucket_take(struct bucket *b, const struct rate *r, uint64_t n, uint64_t now_ms)
{
    uint64_t level;

    if (r->per_s == 0 || n == 0)
        return true;
    level = level_at(b, r, now_ms);
    if (level + 1000 * (n < r->burst ? n : r->burst) > 1000 * r->burst)
        return false;
    b->level = level + 1000 * n;
    b->at_ms = now_ms;
    return true;
}

bool bucket_empty(const struct bucket *b, const struct rate *r, uint64_t now_ms)
{
    return level_at(b, r, now_ms) == 0;
}

/* --- The table --- */

static struct address key_of(const struct address *a)
{
    struct address key = *a;

    if (!address_is_ipv4(a))
        memset(key.bytes + ADDRESS_BYTES / 2, 0, ADDRESS_BYTES / 2);
    return key;
}

static str key_str(const struct address *key)
{
    return str_n((const char *)key->bytes, ADDRESS_BYTES);
}

static void forget(struct rates *r, struct rates_address *a)
{
    list_remove(&a->link);
    r->idle_count--;
    (void)map_remove(&r->addresses, key_str(&a->key));
    mem_free(a);
}

static bool unused(const struct rates *r, const struct rates_address *a)
{
    uint64_t now_ms = r->loop->now_ms;

    return bucket_empty(&a->connects, &r->limits[RATES_CONNECTS], now_ms) &&
           bucket_empty(&a->sessions, &r->limits[RATES_SESSIONS], now_ms) &&
           bucket_empty(&a->messages, &r->limits[RATES_ADDRESS_MESSAGES], now_ms) &&
           bucket_empty(&a->bytes, &r->limits[RATES_ADDRESS_BYTES], now_ms);
}

static void make_room(struct rates *r)
{
    struct rates_address *oldest;

    for (int i = 0; i < 2 && !list_empty(&r->idle); i++) {
        oldest = container_of(r->idle.next, struct rates_address, link);
        if (unused(r, oldest)) {
            forget(r, oldest);
        } else if (r->idle_count >= RATES_IDLE_MAX) {
            r->forgotten++;
            forget(r, oldest);
        }
    }
}

static void to_idle(struct rates *r, struct rates_address *a)
{
    list_append(&r->idle, &a->link);
    r->idle_count++;
}

/* The entry of an address, the one used last from now on. */
static struct rates_address *use(struct rates *r, const struct address *of)
{
    struct address key = key_of(of);
    struct rates_address *a = map_get(&r->addresses, key_str(&key));

    if (a) {
        if (a->guards == 0) {
            list_remove(&a->link);
            list_append(&r->idle, &a->link);
        }
        return a;
    }
    make_room(r);
    a = mem_zalloc(sizeof *a);
    a->key = key;
    list_init(&a->link);
    (void)map_put(&r->addresses, key_str(&a->key), a);
    to_idle(r, a);
    return a;
}

/* --- Taking --- */

static bool take(struct rates *r, enum rates_of what, struct bucket *b, uint64_t n)
{
    if (bucket_take(b, &r->limits[what], n, r->loop->now_ms))
        return true;
    r->refused[what]++;
    return false;
}

bool rates_connect(struct rates *r, const struct address *of, enum rates_of what)
{
    struct rates_address *a;

    ASSERT(what == RATES_CONNECTS || what == RATES_SESSIONS);
    if (!r->connects)
        return true;
    a = use(r, of);
    return take(r, what, what == RATES_CONNECTS ? &a->connects : &a->sessions, 1);
}

bool rates_take(struct rates_guard *g, uint64_t messages, uint64_t bytes)
{
    struct rates *r = g->rates;
    struct rates_address *a = g->address;

    if (take(r, RATES_MESSAGES, &g->messages, messages) && take(r, RATES_BYTES, &g->bytes, bytes) &&
        (!a || (take(r, RATES_ADDRESS_MESSAGES, &a->messages, messages) &&
                take(r, RATES_ADDRESS_BYTES, &a->bytes, bytes))))
        return true;
    g->exceeded = true;
    return false;
}

/* --- Guards --- */

struct rates_guard *rates_guard_new(struct rates *r, const struct address *of)
{
    struct rates_guard *g;

    if (!r->guards)
        return NULL;
    g = mem_zalloc(sizeof *g);
    g->rates = r;
    if (!of)
        return g;
    g->address = use(r, of);
    if (g->address->guards++ == 0) {
        list_remove(&g->address->link);
        r->idle_count--;
    }
    return g;
}

const struct address *rates_guard_address(const struct rates_guard *g)
{
    return g->address ? &g->address->key : NULL;
}

void rates_guard_free(struct rates_guard *g)
{
    if (!g)
        return;
    if (g->address && --g->address->guards == 0)
        to_idle(g->rates, g->address);
    mem_free(g);
}

/* --- Life --- */

void rates_set(struct rates *r, enum rates_of what, struct rate limit)
{
    r->limits[what] = limit;
    r->connects = r->limits[RATES_CONNECTS].per_s || r->limits[RATES_SESSIONS].per_s;
    r->guards = false;
    for (int i = RATES_MESSAGES; i <= RATES_ADDRESS_BYTES; i++)
        r->guards = r->guards || r->limits[i].per_s;
}

void rates_init(struct rates *r, struct loop *l)
{
    *r = (struct rates){ .loop = l };
    list_init(&r->idle);
}

void rates_fini(struct rates *r)
{
    while (!list_empty(&r->idle))
        forget(r, container_of(r->idle.next, struct rates_address, link));
    ASSERT(r->addresses.count == 0);
    map_free(&r->addresses);
}
