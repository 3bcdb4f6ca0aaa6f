/* unit/proto/test_schema_state.c - a state and its patches: values, places, limits, memory.
 *
 * That real decoders arrive at the same state is tests/interop/schema.test.mjs.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>

#include "count.h"
#include "hex.h"
#include "proto/schema.h"

enum { A, TITLE, PLAYER, PLAYERS, LIST, NUMBERS, SET, SMALL, BIG };
enum { X, NAME, FRIEND, BAG };

/* The types of all tests, and a state of them whose containers are there. */
struct fixture {
    struct schema_registry *registry;
    struct schema_type *player, *state;
    struct schema_node *node;
    struct schema_root *root;
    struct buf out;
};

static struct schema_spec of(enum schema_kind kind, enum schema_kind child,
                             struct schema_type *type)
{
    return (struct schema_spec){ .kind = kind, .child = child, .type = type };
}

static void field(struct schema_type *type, const char *name, struct schema_spec spec)
{
    assert_true(schema_field(type, str_of(name), &spec) >= 0);
}

static void set(struct schema_node *node, unsigned index, struct schema_value value)
{
    assert_int_equal(schema_set(node, index, value), 0);
}

/* A container for that field; the state holds it. */
static struct schema_node *put_container(struct schema_node *node, unsigned index)
{
    struct schema_node *container =
        schema_new_container(schema_field_spec(schema_type_of(node), index));

    set(node, index, schema_object(container));
    schema_drop(container);
    return container;
}

static void begin_with(struct fixture *f, const struct schema_limits *limits)
{
    *f = (struct fixture){ .registry = schema_registry_new() };
    f->player = schema_define(f->registry, STR("Player"), NULL);
    f->state = schema_define(f->registry, STR("State"), NULL);
    field(f->player, "x", of(SCHEMA_NUMBER, SCHEMA_NONE, NULL));
    field(f->player, "name", of(SCHEMA_STRING, SCHEMA_NONE, NULL));
    field(f->player, "friend", of(SCHEMA_REF, SCHEMA_NONE, f->player));
    field(f->player, "bag", of(SCHEMA_ARRAY, SCHEMA_REF, f->player));
    field(f->state, "a", of(SCHEMA_NUMBER, SCHEMA_NONE, NULL));
    field(f->state, "title", of(SCHEMA_STRING, SCHEMA_NONE, NULL));
    field(f->state, "player", of(SCHEMA_REF, SCHEMA_NONE, f->player));
    field(f->state, "players", of(SCHEMA_MAP, SCHEMA_REF, f->player));
    field(f->state, "list", of(SCHEMA_ARRAY, SCHEMA_REF, f->player));
    field(f->state, "numbers", of(SCHEMA_ARRAY, SCHEMA_NUMBER, NULL));
    field(f->state, "set", of(SCHEMA_SET, SCHEMA_STRING, NULL));
    field(f->state, "small", of(SCHEMA_UINT8, SCHEMA_NONE, NULL));
    field(f->state, "big", of(SCHEMA_BIGINT64, SCHEMA_NONE, NULL));
    f->node = schema_new(f->state);
    assert_int_equal(schema_root_new(f->node, limits, &f->root), 0);
}

static void begin(struct fixture *f)
{
    begin_with(f, NULL);
}

static void end(struct fixture *f)
{
    schema_root_free(f->root);
    schema_drop(f->node);
    schema_registry_free(f->registry);
    buf_free(&f->out);
}

static str patch(struct fixture *f)
{
    buf_clear(&f->out);
    schema_encode(f->root, &f->out);
    schema_commit(f->root);
    return buf_str(&f->out);
}

static struct schema_node *new_player(struct fixture *f, double x)
{
    struct schema_node *p = schema_new(f->player);

    set(p, X, schema_number(x));
    return p;
}

static void test_only_what_changed_is_sent(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_hex(patch(&f), "");
    set(f.node, A, schema_number(1));
    set(f.node, A, schema_number(2));
    set(f.node, TITLE, schema_text(STR("hi")));
    assert_true(schema_changed(f.root));
    assert_hex(patch(&f), "8002 81a26869");
    assert_false(schema_changed(f.root));
    set(f.node, A, schema_number(2)); /* as it is */
    set(f.node, TITLE, schema_text(STR("hi")));
    assert_false(schema_changed(f.root));
    set(f.node, TITLE, (struct schema_value){ 0 });
    assert_hex(patch(&f), "41");
    set(f.node, TITLE, schema_text(STR("ab")));
    set(f.node, TITLE, (struct schema_value){ 0 });
    assert_hex(patch(&f), ""); /* nobody saw it */
    end(&f);
}

static void test_values_of_other_kinds_are_refused(void **state)
{
    struct fixture f;
    struct schema_node *map;

    (void)state;
    begin(&f);
    set(f.node, SMALL, schema_number(7));
    assert_int_equal(schema_set(f.node, A, schema_text(STR("1"))), ATR_ETYPE);
    assert_int_equal(schema_set(f.node, TITLE, schema_number(1)), ATR_ETYPE);
    assert_int_equal(schema_set(f.node, TITLE, schema_text(STR("\xff"))), ATR_EENCODING);
    assert_int_equal(schema_set(f.node, SMALL, schema_number(256)), ATR_ERANGE);
    assert_int_equal(schema_set(f.node, SMALL, schema_number(-1)), ATR_ERANGE);
    assert_int_equal(schema_set(f.node, SMALL, schema_number((double)NAN)), ATR_ERANGE);
    assert_int_equal(schema_set(f.node, BIG, schema_number(1e18)), ATR_ERANGE);
    assert_int_equal(schema_set(f.node, BIG, schema_unsigned(UINT64_MAX)), ATR_ERANGE);
    assert_int_equal(schema_set(f.node, PLAYER, schema_object(f.node)), ATR_ETYPE);
    assert_int_equal(schema_set(f.node, 99, schema_number(1)), ATR_EUNKNOWN);
    map = put_container(f.node, PLAYERS);
    assert_int_equal(schema_map_set(map, STR("k"), schema_number(1)), ATR_ETYPE);
    assert_int_equal(schema_map_set(map, STR("\xff"), schema_object(f.node)), ATR_EENCODING);
    assert_int_equal(schema_array_push(map, schema_number(1)), ATR_ETYPE);
    assert_int_equal(schema_set(f.node, LIST, schema_object(map)), ATR_ETYPE);
    set(f.node, SMALL, schema_number(8.9)); /* cut off */
    assert_true(schema_get(f.node, SMALL).number == 8);
    set(f.node, BIG, schema_integer(INT64_MIN));
    assert_true(schema_get(f.node, BIG).integer == INT64_MIN);
    end(&f);
}

static void test_what_hangs_in_itself_is_refused(void **state)
{
    struct fixture f;
    struct schema_node *a, *b, *c, *bag;

    (void)state;
    begin(&f);
    a = new_player(&f, 1), b = new_player(&f, 2), c = new_player(&f, 3);
    assert_int_equal(schema_set(a, FRIEND, schema_object(a)), ATR_EREFUSED);
    set(a, FRIEND, schema_object(b));
    bag = put_container(b, BAG);
    assert_int_equal(schema_array_push(bag, schema_object(c)), 0);
    assert_int_equal(schema_set(c, FRIEND, schema_object(a)), ATR_EREFUSED);
    set(f.node, PLAYER, schema_object(a));
    assert_int_equal(schema_set(c, FRIEND, schema_object(a)), ATR_EREFUSED);
    assert_int_equal(schema_root_nodes(f.root), 5);
    set(f.node, PLAYER, (struct schema_value){ 0 });
    (void)patch(&f);
    assert_int_equal(schema_root_nodes(f.root), 1);
    schema_drop(a), schema_drop(b), schema_drop(c);
    end(&f);
}

static void test_depth_has_a_limit_that_shrinks_with_the_tree(void **state)
{
    struct fixture f;
    struct schema_node *first, *last;

    (void)state;
    begin(&f);
    first = last = new_player(&f, 0);
    for (int i = 1; i < SCHEMA_DEPTH_MAX; i++) {
        struct schema_node *next = new_player(&f, i);

        assert_int_equal(schema_set(last, FRIEND, schema_object(next)), 0);
        last = next;
        schema_drop(next);
    }
    set(f.node, PLAYER, schema_object(first));
    assert_int_equal(schema_root_nodes(f.root), SCHEMA_DEPTH_MAX + 1);
    {
        struct schema_node *more = new_player(&f, 1);

        assert_int_equal(schema_set(last, FRIEND, schema_object(more)), ATR_ELIMIT);
        /* Shorter at the end, it may begin elsewhere. */
        set(first, FRIEND, (struct schema_value){ 0 });
        set(more, FRIEND, schema_object(first));
        set(f.node, PLAYER, schema_object(more));
        schema_drop(more);
    }
    (void)patch(&f);
    assert_int_equal(schema_root_nodes(f.root), 3);
    schema_drop(first);
    end(&f);
}

/* Each hangs twice in the one above: 2^30 ways lead to the last. Walks come to each object once. */
static void test_many_ways_lead_to_one(void **state)
{
    struct fixture f;
    struct schema_node *first, *last;

    (void)state;
    begin(&f);
    first = last = new_player(&f, 0);
    for (int i = 1; i <= 30; i++) {
        struct schema_node *next = new_player(&f, i), *bag = put_container(last, BAG);

        assert_int_equal(schema_array_push(bag, schema_object(next)), 0);
        assert_int_equal(schema_array_push(bag, schema_object(next)), 0);
        last = next;
        schema_drop(next);
    }
    set(f.node, PLAYER, schema_object(first));
    assert_int_equal(schema_root_nodes(f.root), 1 + 31 + 30);
    set(last, NAME, schema_text(STR("deep")));
    assert_true(patch(&f).n > 0);
    buf_clear(&f.out);
    assert_int_equal(schema_encode_all(f.root, &f.out), 0);
    assert_int_equal(schema_set(last, FRIEND, schema_object(first)), ATR_EREFUSED);
    set(f.node, PLAYER, (struct schema_value){ 0 });
    (void)patch(&f);
    assert_int_equal(schema_root_nodes(f.root), 1);
    schema_drop(first);
    end(&f);
}

static void test_what_moves_keeps_its_number(void **state)
{
    struct fixture f;
    struct schema_node *map, *list, *p;
    uint32_t ref;

    (void)state;
    begin(&f);
    map = put_container(f.node, PLAYERS);
    list = put_container(f.node, LIST);
    p = new_player(&f, 5);
    assert_int_equal(schema_map_set(map, STR("a"), schema_object(p)), 0);
    assert_hex(patch(&f), "8301 8402 ff01 8000a16103 ff03 8005");
    ref = schema_ref(p);
    assert_int_equal(schema_map_set(map, STR("a"), (struct schema_value){ 0 }), 0);
    assert_int_equal(schema_array_push(list, schema_object(p)), 0);
    set(p, X, schema_number(6));
    assert_hex(patch(&f), "ff01 4000 ff02 800003 ff03 8006");
    assert_int_equal(schema_ref(p), ref);

    assert_int_equal(schema_array_remove(list, 0, 1), 0);
    assert_true(schema_attached(f.node));
    assert_false(schema_attached(p));
    assert_hex(patch(&f), "ff02 0a");
    assert_int_equal(schema_ref(p), 0);
    assert_int_equal(schema_array_push(list, schema_object(p)), 0); /* clients have forgotten it */
    assert_hex(patch(&f), "ff02 800004 ff04 8006");
    schema_drop(p);
    end(&f);
}

static void test_a_container_has_one_place(void **state)
{
    struct fixture f;
    struct schema_node *a, *b, *bag;

    (void)state;
    begin(&f);
    a = new_player(&f, 1), b = new_player(&f, 2);
    bag = put_container(a, BAG);
    assert_int_equal(schema_set(b, BAG, schema_object(bag)), ATR_ESTATE);
    schema_hold(bag);
    set(a, BAG, (struct schema_value){ 0 });
    set(b, BAG, schema_object(bag));
    schema_drop(bag);
    schema_drop(a), schema_drop(b);
    end(&f);
}

static void test_two_states_share_nothing(void **state)
{
    struct fixture f;
    struct schema_node *other, *p;
    struct schema_root *root = NULL;

    (void)state;
    begin(&f);
    other = schema_new(f.state);
    assert_int_equal(schema_root_new(other, NULL, &root), 0);
    assert_int_equal(schema_root_new(other, NULL, &root), ATR_ESTATE);
    p = new_player(&f, 1);
    set(f.node, PLAYER, schema_object(p));
    assert_int_equal(schema_set(other, PLAYER, schema_object(p)), ATR_ESTATE);
    schema_drop(p);
    schema_drop(other);
    schema_root_free(root);
    end(&f);
}

static void test_limits_of_a_state(void **state)
{
    struct schema_limits limits = { .nodes_max = 3, .bytes_max = 2000 };
    struct fixture f;
    struct schema_node *map, *p;
    char big[2000];
    size_t before;

    (void)state;
    begin_with(&f, &limits);
    map = put_container(f.node, PLAYERS);
    p = new_player(&f, 1);
    assert_int_equal(schema_map_set(map, STR("a"), schema_object(p)), 0);
    schema_drop(p);
    p = new_player(&f, 2);
    assert_int_equal(schema_map_set(map, STR("b"), schema_object(p)), ATR_ELIMIT);
    assert_int_equal(schema_count(map), 1);
    schema_drop(p);
    memset(big, 'x', sizeof big);
    before = schema_root_bytes(f.root);
    assert_int_equal(schema_set(f.node, TITLE, schema_text(str_n(big, sizeof big))), ATR_ELIMIT);
    assert_int_equal(schema_root_bytes(f.root), before);
    set(f.node, TITLE, schema_text(str_n(big, 100)));
    assert_true(schema_root_bytes(f.root) >= before + 100);
    set(f.node, TITLE, (struct schema_value){ 0 });
    assert_int_equal(schema_root_bytes(f.root), before);
    assert_int_equal(schema_map_set(map, STR("a"), (struct schema_value){ 0 }), 0);
    (void)patch(&f);
    assert_int_equal(schema_root_nodes(f.root), 2);
    end(&f);
}

static void test_a_whole_state_fits_between_patches(void **state)
{
    struct fixture f;
    struct schema_node *map, *p;

    (void)state;
    begin(&f);
    map = put_container(f.node, PLAYERS);
    p = new_player(&f, 1);
    assert_int_equal(schema_map_set(map, STR("a"), schema_object(p)), 0);
    schema_drop(p);
    assert_int_equal(schema_encode_all(f.root, &f.out), ATR_ESTATE);
    (void)patch(&f);
    buf_clear(&f.out);
    assert_int_equal(schema_encode_all(f.root, &f.out), 0);
    assert_hex(buf_str(&f.out), "8301 ff01 8000a16102 ff02 8001");
    buf_clear(&f.out);
    assert_int_equal(schema_encode_resumed(f.root, &f.out), 0);
    assert_hex(buf_str(&f.out), "8301 ff01 0a 8000a16102 ff02 8001");
    end(&f);
}

static void test_arrays_are_patched(void **state)
{
    struct fixture f;
    struct schema_node *n;

    (void)state;
    begin(&f);
    n = put_container(f.node, NUMBERS);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(schema_array_push(n, schema_number(i * 10)), 0);
    assert_hex(patch(&f), "8501 ff01 80000a 800114 80021e");
    assert_int_equal(schema_array_remove(n, 0, 1), 0);
    assert_int_equal(schema_array_push(n, schema_number(40)), 0);
    assert_hex(patch(&f), "ff01 4000 800328");
    assert_int_equal(schema_array_insert(n, 0, schema_number(5)), 0);
    assert_hex(patch(&f), "ff01 800005");
    assert_int_equal(schema_array_insert(n, 0, schema_number(5)), 0); /* equal to the first */
    assert_hex(patch(&f), "ff01 000005 000105 000214 00031e 800428");
    schema_array_reverse(n);
    assert_hex(patch(&f), "ff01 0f");
    schema_clear(n);
    assert_int_equal(schema_array_push(n, schema_number(7)), 0);
    assert_hex(patch(&f), "ff01 0a 800007");
    assert_int_equal(schema_array_set(n, 1, schema_number(1)), ATR_ERANGE);
    assert_int_equal(schema_array_remove(n, 0, 2), ATR_ERANGE);
    assert_int_equal(schema_array_insert(n, 2, schema_number(1)), ATR_ERANGE);
    end(&f);
}

static void test_warm_patches_allocate_nothing(void **state)
{
    struct fixture f;
    struct schema_node *map, *players[16];
    char key[8];

    (void)state;
    begin(&f);
    map = put_container(f.node, PLAYERS);
    for (int i = 0; i < 16; i++) {
        players[i] = new_player(&f, 0);
        (void)snprintf(key, sizeof key, "p%d", i);
        assert_int_equal(schema_map_set(map, str_of(key), schema_object(players[i])), 0);
    }
    (void)patch(&f);
    for (int round = 0; round < 3; round++) {
        assert_allocs(round ? 0 : 4, {
            for (int i = 0; i < 16; i++)
                set(players[i], X, schema_number(round * 100 + i + 0.25));
            (void)patch(&f);
        });
        assert_int_equal(f.out.len, 16 * (2 + 6));
    }
    for (int i = 0; i < 16; i++)
        schema_drop(players[i]);
    end(&f);
}

TEST_MAIN(cmocka_unit_test(test_only_what_changed_is_sent),
          cmocka_unit_test(test_values_of_other_kinds_are_refused),
          cmocka_unit_test(test_what_hangs_in_itself_is_refused),
          cmocka_unit_test(test_depth_has_a_limit_that_shrinks_with_the_tree),
          cmocka_unit_test(test_many_ways_lead_to_one),
          cmocka_unit_test(test_what_moves_keeps_its_number),
          cmocka_unit_test(test_a_container_has_one_place),
          cmocka_unit_test(test_two_states_share_nothing), cmocka_unit_test(test_limits_of_a_state),
          cmocka_unit_test(test_a_whole_state_fits_between_patches),
          cmocka_unit_test(test_arrays_are_patched),
          cmocka_unit_test(test_warm_patches_allocate_nothing))
