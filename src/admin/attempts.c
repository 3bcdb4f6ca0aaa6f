/* admin/attempts.c - see attempts.h.
 *
 * Invariant: a source is in the map and in the list, or in neither.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/attempts.h"

#include <arpa/inet.h>

#include "base/mem.h"

enum { KEY_MAX = 64, NETWORK = 8 };

struct source {
    struct list link; /* in attempts->recent */
    uint64_t seen_ms; /* up to when `left` was brought up to date */
    uint32_t left;
    uint8_t key_len;
    char key[KEY_MAX];
};

void admin_attempts_init(struct admin_attempts *t)
{
    *t = (struct admin_attempts){ 0 };
    list_init(&t->recent);
}

static void forget(struct admin_attempts *t, struct source *s)
{
    map_remove(&t->by_source, str_n(s->key, s->key_len));
    list_remove(&s->link);
    mem_free(s);
}

void admin_attempts_free(struct admin_attempts *t)
{
    while (!list_empty(&t->recent))
        forget(t, container_of(t->recent.next, struct source, link));
    map_free(&t->by_source);
}

/* An address as it counts: of IPv6 the network, since whoever has one address there has them all.
 */
static uint8_t key_of(str address, char out[KEY_MAX])
{
    struct in6_addr v6;
    char text[KEY_MAX];

    if (address.n >= KEY_MAX)
        address.n = KEY_MAX - 1;
    if (address.n)
        memcpy(text, address.p, address.n);
    text[address.n] = 0;
    if (inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
        memcpy(out, &v6, NETWORK);
        return NETWORK;
    }
    memcpy(out, text, address.n);
    return (uint8_t)address.n;
}

static struct source *source_of(struct admin_attempts *t, str address, uint64_t now_ms)
{
    char key[KEY_MAX];
    uint8_t n = key_of(address, key);
    struct source *s = map_get(&t->by_source, str_n(key, n));

    if (s)
        return s;
    if (t->by_source.count >= ADMIN_ATTEMPT_SOURCES)
        forget(t, container_of(t->recent.next, struct source, link));
    s = mem_alloc(sizeof *s);
    *s = (struct source){ .seen_ms = now_ms, .left = ADMIN_ATTEMPTS, .key_len = n };
    memcpy(s->key, key, n);
    list_init(&s->link);
    map_put(&t->by_source, str_n(s->key, n), s);
    return s;
}

bool admin_attempt(struct admin_attempts *t, str address, uint64_t now_ms)
{
    struct source *s = source_of(t, address, now_ms);
    uint64_t more = (now_ms - s->seen_ms) / ADMIN_ATTEMPT_MS;

    list_remove(&s->link);
    list_append(&t->recent, &s->link);
    if (more >= ADMIN_ATTEMPTS - s->left) {
        s->left = ADMIN_ATTEMPTS;
        s->seen_ms = now_ms;
    } else {
        s->left += (uint32_t)more;
        s->seen_ms += more * ADMIN_ATTEMPT_MS;
    }
    if (s->left == 0)
        return false;
    s->left--;
    return true;
}

void admin_attempt_forgive(struct admin_attempts *t, str address)
{
    char key[KEY_MAX];
    uint8_t n = key_of(address, key);
    struct source *s = map_get(&t->by_source, str_n(key, n));

    if (s && s->left < ADMIN_ATTEMPTS)
        s->left++;
}
