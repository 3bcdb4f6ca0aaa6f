/* bench/apps/schema.c - how fast proto/schema encodes. The same changes as peers/schema.mjs makes.
 *
 * schema SCENARIO SECONDS prints {"ticks", "cpu" in seconds, "bytes"}: ticks of changes and the
 * patch of each, for that long.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/assert.h"
#include "proto/schema_view.h"

enum { PLAYERS = 100, NUMBERS = 1000, VIEWS = 20, BATCH = 64, CHANCES = 1 << 16 };
enum { X, Y, NAME, HP, SECRET };
enum { TICK, MAP, LIST };

static struct schema_registry *registry;
static struct schema_type *player_type;
static struct schema_node *state, *players[PLAYERS], *map, *list;
static struct schema_root *root;
static struct schema_view *views[VIEWS];
static struct buf out;
static uint32_t tick, chance;
static uint64_t bytes;
static double places[CHANCES]; /* drawn beforehand: they are not what is measured */
static uint16_t somebody[CHANCES], numbers_of[CHANCES], values[CHANCES];

static void draw(void)
{
    uint32_t seed = 1;

    for (int i = 0; i < CHANCES; i++) {
        seed = seed * 1664525 + 1013904223;
        places[i] = (seed >> 8) % 10000 / 8.0;
        somebody[i] = (uint16_t)((seed >> 8) % PLAYERS);
        numbers_of[i] = (uint16_t)((seed >> 8) % (NUMBERS - 1));
        values[i] = (uint16_t)((seed >> 8) % 1000);
    }
}

static uint32_t next(void)
{
    return chance++ % CHANCES;
}

static void set(struct schema_node *node, unsigned index, double n)
{
    ASSERT(schema_set_number(node, index, n) == 0);
}

static void put_player(int i)
{
    char key[16];

    players[i] = schema_new(player_type);
    set(players[i], X, places[next()]);
    set(players[i], Y, places[next()]);
    ASSERT(schema_set(players[i], NAME, schema_text(STR("somebody"))) == 0);
    set(players[i], HP, 100);
    set(players[i], SECRET, i);
    (void)snprintf(key, sizeof key, "session%d", i);
    ASSERT(schema_map_set(map, str_of(key), schema_object(players[i])) == 0);
    schema_drop(players[i]); /* the map holds it */
}

static void put_container(struct schema_type *type, unsigned index, struct schema_node **to)
{
    *to = schema_new_container(schema_field_spec(type, index));
    ASSERT(schema_set(state, index, schema_object(*to)) == 0);
    schema_drop(*to);
}

static void field(struct schema_type *type, const char *name, struct schema_spec spec)
{
    ASSERT(schema_field(type, str_of(name), &spec) >= 0);
}

static void build(void)
{
    struct schema_type *type;

    registry = schema_registry_new();
    player_type = schema_define(registry, STR("Player"), NULL);
    field(player_type, "x", (struct schema_spec){ .kind = SCHEMA_NUMBER });
    field(player_type, "y", (struct schema_spec){ .kind = SCHEMA_NUMBER });
    field(player_type, "name", (struct schema_spec){ .kind = SCHEMA_STRING });
    field(player_type, "hp", (struct schema_spec){ .kind = SCHEMA_INT16 });
    field(player_type, "secret", (struct schema_spec){ .kind = SCHEMA_NUMBER, .tag = SCHEMA_TAG });
    type = schema_define(registry, STR("State"), NULL);
    field(type, "tick", (struct schema_spec){ .kind = SCHEMA_UINT32 });
    field(type, "players",
          (struct schema_spec){ .kind = SCHEMA_MAP, .child = SCHEMA_REF, .type = player_type });
    field(type, "list", (struct schema_spec){ .kind = SCHEMA_ARRAY, .child = SCHEMA_NUMBER });
    state = schema_new(type);
    put_container(type, MAP, &map);
    put_container(type, LIST, &list);
    for (int i = 0; i < PLAYERS; i++)
        put_player(i);
    for (int i = 0; i < NUMBERS; i++)
        ASSERT(schema_array_push(list, schema_number(values[next()])) == 0);
    ASSERT(schema_root_new(state, NULL, &root) == 0);
    schema_commit(root);
}

static void patch(void)
{
    buf_clear(&out);
    schema_encode(root, &out);
    bytes += out.len;
    schema_commit(root);
}

static void move(int i)
{
    set(players[i], X, places[next()]);
    set(players[i], Y, places[next()]);
}

/* Everybody moves. */
static void all_move(void)
{
    set(state, TICK, ++tick);
    for (int i = 0; i < PLAYERS; i++)
        move(i);
    patch();
}

/* One in ten moves. */
static void some_move(void)
{
    set(state, TICK, ++tick);
    for (int i = 0; i < PLAYERS / 10; i++)
        move(somebody[next()]);
    patch();
}

/* Somebody leaves, somebody comes, one in ten moves. */
static void come_and_go(void)
{
    int i = somebody[next()];
    char key[16];

    (void)snprintf(key, sizeof key, "session%d", i);
    ASSERT(schema_map_set(map, str_of(key), (struct schema_value){ 0 }) == 0);
    patch();
    put_player(i);
    some_move();
}

/* A list of numbers: some change, one goes at its end and one comes. */
static void numbers(void)
{
    for (int i = 0; i < 10; i++)
        ASSERT(schema_array_set(list, numbers_of[next()], schema_number(values[next()])) == 0);
    ASSERT(schema_array_remove(list, schema_count(list) - 1, 1) == 0);
    ASSERT(schema_array_push(list, schema_number(values[next()])) == 0);
    patch();
}

/* The whole state, as for somebody who joins. */
static void whole(void)
{
    buf_clear(&out);
    ASSERT(schema_encode_all(root, &out) == 0);
    bytes += out.len;
}

/* One in ten moves; clients with views of ten each, whose secret changes. */
static void with_views(void)
{
    size_t shared;

    if (!views[0]) {
        for (int v = 0; v < VIEWS; v++) {
            views[v] = schema_view_new(root);
            for (int i = 0; i < 10; i++)
                ASSERT(schema_view_add(views[v], players[(v * 10 + i) % PLAYERS], SCHEMA_TAG) == 0);
            ASSERT(schema_view_encode_all(views[v], false, &out) == 0);
        }
    }
    for (int i = 0; i < PLAYERS / 10; i++) {
        int who = somebody[next()];

        move(who);
        set(players[who], SECRET, values[next()]);
    }
    buf_clear(&out);
    schema_encode(root, &out);
    shared = out.len;
    for (int v = 0; v < VIEWS; v++) {
        out.len = shared;
        schema_view_encode(views[v], &out);
        bytes += out.len;
    }
    schema_commit(root);
}

static const struct {
    const char *name;
    void (*tick)(void);
} scenarios[] = {
    { "all-move", all_move }, { "some-move", some_move }, { "come-and-go", come_and_go },
    { "numbers", numbers },   { "whole", whole },         { "views", with_views },
};

static double cpu(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    void (*run)(void) = NULL;
    double seconds, begin, now;
    uint64_t ticks = 0;

    for (size_t i = 0; argc == 3 && i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(argv[1], scenarios[i].name) == 0)
            run = scenarios[i].tick;
    }
    if (!run) {
        (void)fprintf(stderr, "usage: schema SCENARIO SECONDS\n");
        return 1;
    }
    seconds = strtod(argv[2], NULL);
    draw();
    build();
    for (int i = 0; i < BATCH; i++)
        run();
    bytes = 0;
    begin = cpu();
    do {
        for (int i = 0; i < BATCH; i++)
            run();
        ticks += BATCH;
        now = cpu();
    } while (now - begin < seconds);
    (void)printf("{\"ticks\":%llu,\"cpu\":%.6f,\"bytes\":%llu}\n", (unsigned long long)ticks,
                 now - begin, (unsigned long long)bytes);
    return 0;
}
