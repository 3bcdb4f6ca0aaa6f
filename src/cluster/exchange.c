/* cluster/exchange.c - see exchange.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/exchange.h"

#include "base/assert.h"
#include "base/mem.h"

static const struct exchange_user *find(const struct exchange *x, uint16_t kind)
{
    for (size_t i = 0; i < x->user_count; i++) {
        const struct exchange_user *u = &x->users[i];
        if (kind >= u->first && kind - u->first < u->count)
            return u;
    }
    return NULL;
}

static bool on_head(void *user, const struct bus_message *m)
{
    struct exchange *x = user;
    const struct exchange_user *u;

    if (requests_kind(m->kind))
        return requests_on_head(&x->requests, m);
    u = find(x, m->kind);
    return u && u->events->on_head(u->user, m);
}

static void on_message(void *user, const struct bus_message *m, struct msg *body)
{
    struct exchange *x = user;
    const struct exchange_user *u;

    if (requests_kind(m->kind)) {
        requests_on_message(&x->requests, m, body);
        return;
    }
    u = find(x, m->kind);
    u->events->on_message(u->user, m, body);
}

static void on_missed(void *user, uint64_t count)
{
    struct exchange *x = user;

    for (size_t i = 0; i < x->user_count; i++) {
        const struct exchange_user *u = &x->users[i];
        if (u->events->on_missed)
            u->events->on_missed(u->user, count);
    }
}

static void on_node(void *user, struct bus_node node, bool here)
{
    struct exchange *x = user;

    requests_on_node(&x->requests, node, here);
    for (size_t i = 0; i < x->user_count; i++) {
        const struct exchange_user *u = &x->users[i];
        if (u->events->on_node)
            u->events->on_node(u->user, node, here);
    }
}

const struct bus_events exchange_events = { on_head, on_message, on_missed, on_node };

/* A node without such a layer, or one that has yet to make it, has nothing; nobody waits for it. */
static void on_question(void *user, uint16_t what, struct request_from from, str question)
{
    const struct exchange_user *u = find(user, what);

    if (u && u->questions)
        u->questions->on_question(u->user, what, from, question);
    else
        (void)request_answer(&((struct exchange *)user)->requests, from, STR(""));
}

static bool at_once(void *user, uint16_t what)
{
    const struct exchange_user *u = find(user, what);

    return u && u->questions && u->questions->at_once && u->questions->at_once(u->user, what);
}

static const struct request_handler questions = { on_question, at_once };

void exchange_init(struct exchange *x, struct loop *loop)
{
    *x = (struct exchange){ .loop = loop };
}

void exchange_use(struct exchange *x, struct bus *bus)
{
    x->bus = bus;
    requests_init(&x->requests, bus, x->loop, &questions, x);
}

void exchange_fini(struct exchange *x)
{
    if (x->bus)
        requests_fini(&x->requests);
    mem_free(x->users);
    *x = (struct exchange){ 0 };
}

void exchange_add(struct exchange *x, const struct exchange_user *u)
{
    ASSERT(!find(x, u->first));
    x->users = mem_realloc(x->users, (x->user_count + 1) * sizeof *x->users);
    x->users[x->user_count++] = *u;
}

void exchange_remove(struct exchange *x, uint16_t first)
{
    for (size_t i = 0; i < x->user_count; i++) {
        struct exchange_user u = x->users[i];

        if (u.first != first)
            continue;
        x->users[i] = x->users[--x->user_count];
        if (x->bus)
            requests_drop(&x->requests, u.first, u.count);
        return;
    }
}
