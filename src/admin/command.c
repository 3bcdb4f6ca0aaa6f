/* admin/command.c - what administrators do: emit, join, leave, _disconnect.
 *
 * The arguments are those of the page: a namespace, and a filter (a room, or the id of a socket) or
 * nothing for everyone. What makes no sense is counted and otherwise ignored, as in Node nobody
 * listens to it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/parts.h"
#include "proto/json.h"

enum { ARGS_MAX = 4, ROOMS_MAX = 16 };

struct command {
    struct admin *admin;
    const struct sio_data *data;
    str args[ARGS_MAX]; /* as JSON; p == NULL: absent */
    struct sio_namespace *nsp;
    struct arena *scratch;
};

/* The characters of a text, in the iteration's scratch; p == NULL when it is none. */
static str text_of(const struct command *c, str json)
{
    struct buf b = { 0 };
    str text;

    if (json_string(json, &b, &text) < 0)
        return (str){ 0 };
    text = arena_copy(c->scratch, text);
    buf_free(&b);
    return text.p ? text : STR("");
}

/* A room, or a list of rooms. Returns how many, or -1 when it is neither. Nothing is no room. */
static int rooms_of(const struct command *c, str json, str out[ROOMS_MAX])
{
    enum json_type type = json_type_of(json);
    struct json_iter it;
    int count = 0;

    if (type == JSON_STRING) {
        out[0] = text_of(c, json);
        return out[0].n > 0;
    }
    if (type != JSON_ARRAY)
        return !json.p || type == JSON_NULL ? 0 : -1;
    json_iter_init(&it, json);
    while (json_iter_next(&it)) {
        if (count == ROOMS_MAX || !(out[count] = text_of(c, it.value)).p)
            return -1;
        count++;
    }
    return count;
}

/* The rest of the arguments as an event: name and what follows. */
static str event_from(const struct command *c, size_t first, struct buf *b)
{
    struct json_iter it;
    size_t at = 0;

    buf_byte(b, '[');
    json_iter_init(&it, c->data->json);
    while (json_iter_next(&it)) {
        if (at++ < first)
            continue;
        if (at > first + 1)
            buf_byte(b, ',');
        buf_add(b, it.value);
    }
    buf_byte(b, ']');
    return buf_str(b);
}

/* emit(nsp, filter, event, ...) */
static bool run_emit(const struct command *c)
{
    str rooms[ROOMS_MAX];
    int count = rooms_of(c, c->args[1], rooms);
    struct buf b = { 0 };
    struct sio_data event = { event_from(c, 3, &b), c->data->attachments,
                              c->data->attachment_count };
    bool good = count >= 0 && json_type_of(c->args[2]) == JSON_STRING && !sio_event_check(&event);

    if (good)
        good = sio_emit(c->nsp, &(struct sio_target){ .rooms = rooms, .room_count = (size_t)count },
                        &event) == 0;
    buf_free(&b);
    return good;
}

/* join(nsp, room, filter), leave(nsp, room, filter) */
static bool run_move(const struct command *c, bool join)
{
    str rooms[ROOMS_MAX], filter[ROOMS_MAX];
    int room_count = rooms_of(c, c->args[1], rooms), count = rooms_of(c, c->args[2], filter);
    struct sio_target to = { .rooms = filter, .room_count = (size_t)count };

    if (room_count <= 0 || count < 0)
        return false;
    if (join)
        sio_sockets_join(c->nsp, &to, rooms, (size_t)room_count);
    else
        sio_sockets_leave(c->nsp, &to, rooms, (size_t)room_count);
    return true;
}

/* _disconnect(nsp, close, filter) */
static bool run_disconnect(const struct command *c)
{
    str filter[ROOMS_MAX];
    int count = rooms_of(c, c->args[2], filter);

    if (count < 0)
        return false;
    sio_disconnect_sockets(c->nsp,
                           &(struct sio_target){ .rooms = filter, .room_count = (size_t)count },
                           json_type_of(c->args[1]) == JSON_TRUE);
    return true;
}

/* With or without its slash, as everywhere; nothing is created. */
static struct sio_namespace *namespace_named(const struct command *c, str json)
{
    str name = text_of(c, json);

    if (!name.p)
        return NULL;
    if (!name.n || name.p[0] != '/') {
        char *with = arena_alloc(c->scratch, name.n + 1);

        with[0] = '/';
        memcpy(with + 1, name.p, name.n);
        name = str_n(with, name.n + 1);
    }
    return map_get(&c->admin->io->namespaces, name);
}

/* 1 when it was done, 0 when it could not be, -1 when it is no command of ours. */
static int run(struct command *c, str event)
{
    bool emit = json_string_is(event, STR("emit")), join = json_string_is(event, STR("join")),
         leave = json_string_is(event, STR("leave")),
         disconnect = json_string_is(event, STR("_disconnect"));

    if (!emit && !join && !leave && !disconnect)
        return -1;
    if (c->admin->options.readonly || !(c->nsp = namespace_named(c, c->args[0])))
        return 0;
    if (emit)
        return run_emit(c);
    return disconnect ? run_disconnect(c) : run_move(c, join);
}

void admin_command(struct admin *a, str event_token, const struct sio_data *data)
{
    struct command c = { .admin = a, .data = data, .scratch = &a->io->engine.loop->scratch };
    int did;

    for (size_t i = 0; i < ARGS_MAX; i++)
        c.args[i] = json_at(data->json, i + 1);
    did = run(&c, event_token);
    if (did > 0)
        a->stats.commands++;
    else if (did == 0)
        a->stats.commands_refused++;
}
