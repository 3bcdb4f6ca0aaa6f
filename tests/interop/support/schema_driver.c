/* interop/support/schema_driver.c - a state of proto/schema.h at the other end of a pipe.
 *
 * Reads commands, a line each, and changes a state as they say; prints what tests ask for: types,
 * patches and whole states, in hexadecimal digits. A command that fails prints "error NAME" instead
 * of nothing. Objects have the numbers that the test gives them. See schema_state.mjs, which speaks
 * to it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "proto/colyseus_message.h"
#include "proto/schema_view.h"

enum { WORDS_MAX = 8, TYPES_MAX = 256, VIEWS_MAX = 64 };

static struct schema_registry *registry;
static struct schema_type *types[TYPES_MAX];
static unsigned type_count;
static struct schema_node **nodes;
static size_t node_cap;
static struct schema_root *root;
static struct schema_view *views[VIEWS_MAX];

static struct schema_type *type_named(const char *name)
{
    for (unsigned i = 0; i < type_count; i++) {
        if (str_eq(schema_type_name(types[i]), str_of(name)))
            return types[i];
    }
    return NULL;
}

static struct schema_node **slot(const char *number)
{
    size_t i = strtoul(number, NULL, 10), old = node_cap;

    if (i >= node_cap) {
        node_cap = i * 2 + 64;
        nodes = mem_realloc(nodes, node_cap * sizeof *nodes);
        memset(nodes + old, 0, (node_cap - old) * sizeof *nodes);
    }
    return &nodes[i];
}

static struct schema_node *node_of(const char *number)
{
    struct schema_node *node = *slot(number);

    ASSERT(node);
    return node;
}

/* Digits become bytes in place. */
static str unhex(char *digits)
{
    size_t n = strlen(digits) / 2;

    for (size_t i = 0; i < n; i++) {
        char pair[3] = { digits[2 * i], digits[2 * i + 1], 0 };

        digits[i] = (char)strtoul(pair, NULL, 16);
    }
    return str_n(digits, n);
}

static struct schema_value value_of(char *word)
{
    char *rest = word + 2;

    switch (*word) {
    case 'n':
        return schema_number(strtod(rest, NULL));
    case 'i':
        return schema_integer(strtoll(rest, NULL, 10));
    case 'u':
        return schema_unsigned(strtoull(rest, NULL, 10));
    case 'b':
        return schema_boolean(*rest == '1');
    case 't':
        return schema_text(unhex(rest));
    case 'o':
        return schema_object(node_of(rest));
    default:
        return (struct schema_value){ 0 };
    }
}

static uint32_t index_of(const char *word)
{
    return (uint32_t)strtoul(word, NULL, 10);
}

static struct schema_spec spec_of(char **w)
{
    return (struct schema_spec){ .kind = schema_kind_named(str_of(w[0])),
                                 .child = schema_kind_named(str_of(w[1])),
                                 .type = type_named(w[2]) };
}

static int do_type(char **w)
{
    ASSERT(type_count < TYPES_MAX);
    types[type_count++] = schema_define(registry, str_of(w[1]), type_named(w[2]));
    return 0;
}

static int do_field(char **w)
{
    struct schema_spec spec = spec_of(w + 3);
    int index;

    spec.tag = (int32_t)strtol(w[6], NULL, 10);
    index = schema_field(type_named(w[1]), str_of(w[2]), &spec);
    return index < 0 ? index : 0;
}

static int do_new(char **w)
{
    *slot(w[1]) = schema_new(type_named(w[2]));
    return 0;
}

static int do_container(char **w)
{
    struct schema_spec spec = spec_of(w + 2);

    *slot(w[1]) = schema_new_container(&spec);
    return 0;
}

static int do_drop(char **w)
{
    schema_drop(node_of(w[1]));
    *slot(w[1]) = NULL;
    return 0;
}

static int do_root(char **w)
{
    return schema_root_new(node_of(w[1]), NULL, &root);
}

static int do_set(char **w)
{
    struct schema_value value = value_of(w[3]);

    if (value.kind == SCHEMA_VALUE_NUMBER)
        return schema_set_number(node_of(w[1]), index_of(w[2]), value.number);
    return schema_set(node_of(w[1]), index_of(w[2]), value);
}

static int do_map_set(char **w)
{
    return schema_map_set(node_of(w[1]), unhex(w[2] + 2), value_of(w[3]));
}

static int do_array_set(char **w)
{
    return schema_array_set(node_of(w[1]), index_of(w[2]), value_of(w[3]));
}

static int do_insert(char **w)
{
    return schema_array_insert(node_of(w[1]), index_of(w[2]), value_of(w[3]));
}

static int do_remove(char **w)
{
    return schema_array_remove(node_of(w[1]), index_of(w[2]), index_of(w[3]));
}

static int do_move(char **w)
{
    return schema_array_move(node_of(w[1]), index_of(w[2]), index_of(w[3]));
}

static int do_reverse(char **w)
{
    schema_array_reverse(node_of(w[1]));
    return 0;
}

static int do_permute(char **w)
{
    struct schema_node *array = node_of(w[1]);
    uint32_t count = schema_count(array), *order = mem_zalloc((count + 1) * sizeof *order);
    char *at = w[2];
    int err;

    for (uint32_t i = 0; i < count; i++, at += *at == ',')
        order[i] = (uint32_t)strtoul(at, &at, 10);
    err = schema_array_permute(array, order);
    mem_free(order);
    return err;
}

static int do_add(char **w)
{
    return schema_list_add(node_of(w[1]), value_of(w[2]));
}

static int do_take(char **w)
{
    return schema_list_remove(node_of(w[1]), value_of(w[2]));
}

static int do_clear(char **w)
{
    schema_clear(node_of(w[1]));
    return 0;
}

static void print(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        (void)printf("%02x", b->data[i]);
    (void)printf("\n");
    (void)fflush(stdout);
}

static int do_types(char **w)
{
    struct buf b = { 0 };

    schema_reflect(root, index_of(w[1]), &b);
    print(&b);
    buf_free(&b);
    return 0;
}

static int do_patch(char **w)
{
    struct buf b = { 0 };

    (void)w;
    schema_encode(root, &b);
    schema_commit(root);
    print(&b);
    buf_free(&b);
    return 0;
}

static int do_encode(char **w)
{
    struct buf b = { 0 };

    (void)w;
    schema_encode(root, &b);
    print(&b);
    buf_free(&b);
    return 0;
}

static struct schema_view **view_of(const char *number)
{
    size_t i = strtoul(number, NULL, 10);

    ASSERT(i < VIEWS_MAX);
    return &views[i];
}

static int do_view(char **w)
{
    *view_of(w[1]) = schema_view_new(root);
    return 0;
}

static int do_view_free(char **w)
{
    schema_view_free(*view_of(w[1]));
    *view_of(w[1]) = NULL;
    return 0;
}

static int do_view_add(char **w)
{
    return schema_view_add(*view_of(w[1]), node_of(w[2]), (int32_t)strtol(w[3], NULL, 10));
}

static int do_view_remove(char **w)
{
    schema_view_remove(*view_of(w[1]), node_of(w[2]), (int32_t)strtol(w[3], NULL, 10));
    return 0;
}

static int do_view_encode(char **w)
{
    struct buf b = { 0 };
    int err = 0;

    if (strcmp(w[0], "vencode") == 0)
        schema_view_encode(*view_of(w[1]), &b);
    else
        err = schema_view_encode_all(*view_of(w[1]), strcmp(w[0], "vresumed") == 0, &b);
    if (err == 0)
        print(&b);
    buf_free(&b);
    return err;
}

static int do_commit(char **w)
{
    (void)w;
    schema_commit(root);
    return 0;
}

static int do_all(char **w)
{
    struct buf b = { 0 };
    int err = *w[0] == 'r' ? schema_encode_resumed(root, &b) : schema_encode_all(root, &b);

    if (err == 0)
        print(&b);
    buf_free(&b);
    return err;
}

static int do_count(char **w)
{
    (void)w;
    (void)printf("%u %zu\n", schema_root_nodes(root), schema_root_bytes(root));
    (void)fflush(stdout);
    return 0;
}

static int do_plain(char **w)
{
    struct buf scratch = BUF_MAX(1 << 22), b = { 0 };
    str out;
    int err = colyseus_plain(unhex(w[1]), 64, &scratch, &out);

    if (err == 0) {
        buf_add(&b, out);
        print(&b);
    }
    buf_free(&scratch);
    buf_free(&b);
    return err;
}

/* join GENERATION TOKEN: the frame, with the types. */
static int do_join(char **w)
{
    unsigned generation = index_of(w[1]);
    struct buf types_of_it = { 0 }, b = { 0 };

    schema_reflect(root, generation, &types_of_it);
    colyseus_write_join(&b, &(struct colyseus_join){
                                .generation = (enum colyseus_generation)generation,
                                .token = str_of(w[2]),
                                .serializer = STR("schema"),
                                .reflection = buf_str(&types_of_it),
                            });
    print(&b);
    buf_free(&types_of_it);
    buf_free(&b);
    return 0;
}

static int do_reset(char **w)
{
    (void)w;
    for (size_t i = 0; i < node_cap; i++) {
        schema_drop(nodes[i]);
        nodes[i] = NULL;
    }
    for (size_t i = 0; i < VIEWS_MAX; i++) {
        schema_view_free(views[i]);
        views[i] = NULL;
    }
    schema_root_free(root);
    root = NULL;
    schema_registry_free(registry);
    registry = schema_registry_new();
    type_count = 0;
    return 0;
}

static const struct command {
    const char *name;
    int (*run)(char **words);
} commands[] = {
    { "type", do_type },
    { "field", do_field },
    { "new", do_new },
    { "container", do_container },
    { "drop", do_drop },
    { "root", do_root },
    { "set", do_set },
    { "mapset", do_map_set },
    { "arrayset", do_array_set },
    { "insert", do_insert },
    { "remove", do_remove },
    { "move", do_move },
    { "reverse", do_reverse },
    { "permute", do_permute },
    { "add", do_add },
    { "take", do_take },
    { "clear", do_clear },
    { "types", do_types },
    { "patch", do_patch },
    { "commit", do_commit },
    { "all", do_all },
    { "resumed", do_all },
    { "count", do_count },
    { "reset", do_reset },
    { "plain", do_plain },
    { "join", do_join },
    { "encode", do_encode },
    { "view", do_view },
    { "vfree", do_view_free },
    { "vadd", do_view_add },
    { "vremove", do_view_remove },
    { "vencode", do_view_encode },
    { "vall", do_view_encode },
    { "vresumed", do_view_encode },
};

static void run(char *line)
{
    static char none[] = "-";
    char *words[WORDS_MAX], *save = NULL;
    int n = 0;

    for (char *w = strtok_r(line, " \n", &save); w && n < WORDS_MAX;
         w = strtok_r(NULL, " \n", &save))
        words[n++] = w;
    for (int i = n; i < WORDS_MAX; i++)
        words[i] = none;
    for (size_t i = 0; n > 0 && i < sizeof commands / sizeof *commands; i++) {
        int err;

        if (strcmp(commands[i].name, words[0]) != 0)
            continue;
        if ((err = commands[i].run(words)) < 0) {
            (void)printf("error %s\n", err_name(err));
            (void)fflush(stdout);
        }
        return;
    }
    (void)fprintf(stderr, "no such command: %s\n", n > 0 ? words[0] : "");
    exit(1);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;

    registry = schema_registry_new();
    while (getline(&line, &cap, stdin) > 0)
        run(line);
    free(line);
    (void)do_reset(NULL);
    schema_registry_free(registry);
    mem_free(nodes);
    return 0;
}
