/* api/broadcast.c - what is said to, or done with, many sockets.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/io.h"

#include "api/request.h"
#include "base/assert.h"
#include "base/mem.h"
#include "net/drain.h"
#include "proto/json.h"

struct sio_target target_in(const atr_target *t)
{
    if (!t)
        return (struct sio_target){ 0 };
    return (struct sio_target){ .rooms = (const str *)t->rooms,
                                .room_count = t->room_count,
                                .except = (const str *)t->except,
                                .except_count = t->except_count,
                                .sender = socket_in(t->sender),
                                .flags = t->flags };
}

int atr_emit(atr_namespace *n, const atr_target *target, const atr_data *data)
{
    struct sio_target t = target_in(target);
    struct rewritten r;
    int err = rewrite(&n->io->replacer, data, &r);

    drain_forget();
    if (err == 0)
        err = event_check(&r.data);
    if (err == 0) {
        struct sio_data d = data_in(&r.data);
        err = sio_emit(n->inner, &t, &d);
    }
    rewrite_end(&r);
    return err;
}

struct answers_bridge {
    atr_io *io;
    void (*fn)(void *user, int err, const atr_answers *answers);
    void *user;
};

/* The first argument of one answer, as the list that it was the first of. */
static void revive_one(const struct rewriter *by, const atr_data *item, struct rewritten *out)
{
    atr_writer *w = atr_writer_new();
    atr_data list = *item;

    atr_write_array(w);
    atr_write_json(w, item->json);
    atr_write_end(w);
    list.json = atr_writer_data(w).json;
    if (rewrite(by, &list, out) < 0) {
        out->data.json = ATR_STR("null");
    } else if (out->data.json.p != list.json.p) {
        out->data.json = str_out(json_at(str_in(out->data.json), 0));
        if (!out->data.json.p)
            out->data.json = ATR_STR("null");
    } else {
        out->data.json = item->json;
    }
    atr_writer_free(w);
}

static void revive_all(const struct answers_bridge *b, int err, const atr_answers *a)
{
    struct rewritten *each = mem_alloc(a->count * sizeof *each);
    atr_data *items = mem_alloc(a->count * sizeof *items);
    atr_answers out = { items, a->count, a->expected };

    for (size_t i = 0; i < a->count; i++) {
        revive_one(&b->io->reviver, &a->items[i], &each[i]);
        items[i] = each[i].data;
    }
    b->fn(b->user, err, &out);
    for (size_t i = 0; i < a->count; i++)
        rewrite_end(&each[i]);
    mem_free(items);
    mem_free(each);
}

static void answers_arrived(void *user, int err, const struct sio_answers *a)
{
    /* struct sio_data and atr_data have one layout, as str and atr_str have. */
    static_assert(sizeof(struct sio_data) == sizeof(atr_data) &&
                      offsetof(struct sio_data, attachments) == offsetof(atr_data, attachments) &&
                      offsetof(struct sio_data, attachment_count) ==
                          offsetof(atr_data, attachment_count),
                  "struct sio_data and atr_data have one layout");
    struct answers_bridge b = *(struct answers_bridge *)user;
    atr_answers out = { (const atr_data *)a->items, a->count, a->expected };

    mem_free(user);
    if (b.io->reviver.fn)
        revive_all(&b, err, &out);
    else
        b.fn(b.user, err, &out);
}

int atr_emit_with_ack(atr_namespace *n, const atr_target *target, const atr_data *data,
                      uint32_t timeout_ms,
                      void (*fn)(void *user, int err, const atr_answers *answers), void *user)
{
    struct sio_target t = target_in(target);
    struct rewritten r;
    int err = rewrite(&n->io->replacer, data, &r);

    drain_forget();
    if (err == 0)
        err = event_check(&r.data);
    if (err == 0) {
        struct sio_data d = data_in(&r.data);
        struct answers_bridge *b = mem_alloc(sizeof *b);
        *b = (struct answers_bridge){ n->io, fn, user };
        if ((err = sio_emit_ack(n->inner, &t, &d, timeout_ms, answers_arrived, b)) < 0)
            mem_free(b);
    }
    rewrite_end(&r);
    return err;
}

void atr_sockets_join(atr_namespace *n, const atr_target *target, const atr_str *rooms,
                      size_t count)
{
    struct sio_target t = target_in(target);

    sio_sockets_join(n->inner, &t, (const str *)rooms, count);
}

void atr_sockets_leave(atr_namespace *n, const atr_target *target, const atr_str *rooms,
                       size_t count)
{
    struct sio_target t = target_in(target);

    sio_sockets_leave(n->inner, &t, (const str *)rooms, count);
}

void atr_disconnect_sockets(atr_namespace *n, const atr_target *target, int close)
{
    struct sio_target t = target_in(target);

    sio_disconnect_sockets(n->inner, &t, close);
}

struct socket_walk {
    void (*fn)(void *arg, atr_socket *s);
    void *arg;
};

static void give_socket(void *arg, struct sio_socket *s)
{
    struct socket_walk *w = arg;

    w->fn(w->arg, socket_out(s));
}

void atr_each_socket(atr_namespace *n, const atr_target *target,
                     void (*fn)(void *arg, atr_socket *s), void *arg)
{
    struct sio_target t = target_in(target);
    struct socket_walk w = { fn, arg };

    sio_each(n->inner, &t, give_socket, &w);
}

void atr_each_room(atr_namespace *n, void (*fn)(void *arg, atr_str room, size_t members), void *arg)
{
    struct hub_group *g;

    for (uint32_t at = 0; (g = map_next(&n->inner->hub.groups, &at));)
        fn(arg, str_out(hub_group_name(g)), g->count);
}
