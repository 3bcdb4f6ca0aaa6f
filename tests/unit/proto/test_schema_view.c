/* unit/proto/test_schema_view.c - what views show beside what all see.
 *
 * That real decoders arrive at what each view is to see is tests/interop/schema.test.mjs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "count.h"
#include "hex.h"
#include "proto/schema_view.h"

enum { PUB, PRIV, UNITS };
enum { X, SECRET };

struct fixture {
    struct schema_registry *registry;
    struct schema_type *unit;
    struct schema_node *node, *units;
    struct schema_root *root;
    struct schema_view *view;
    struct buf all, own;
};

static void field(struct schema_type *type, const char *name, struct schema_spec spec)
{
    assert_true(schema_field(type, str_of(name), &spec) >= 0);
}

static void begin(struct fixture *f)
{
    struct schema_type *state;

    *f = (struct fixture){ .registry = schema_registry_new() };
    f->unit = schema_define(f->registry, STR("Unit"), NULL);
    state = schema_define(f->registry, STR("State"), NULL);
    field(f->unit, "x", (struct schema_spec){ .kind = SCHEMA_NUMBER });
    field(f->unit, "secret", (struct schema_spec){ .kind = SCHEMA_NUMBER, .tag = 2 });
    field(state, "pub", (struct schema_spec){ .kind = SCHEMA_NUMBER });
    field(state, "priv", (struct schema_spec){ .kind = SCHEMA_NUMBER, .tag = SCHEMA_TAG });
    field(state, "units",
          (struct schema_spec){
              .kind = SCHEMA_MAP, .child = SCHEMA_REF, .type = f->unit, .tag = SCHEMA_TAG });
    f->node = schema_new(state);
    f->units = schema_new_container(schema_field_spec(state, UNITS));
    assert_int_equal(schema_set(f->node, UNITS, schema_object(f->units)), 0);
    assert_int_equal(schema_root_new(f->node, NULL, &f->root), 0);
    schema_commit(f->root);
    f->view = schema_view_new(f->root);
    assert_int_equal(schema_view_encode_all(f->view, false, &f->own), 0);
    assert_int_equal(f->own.len, 0);
}

static void end(struct fixture *f)
{
    schema_view_free(f->view);
    schema_drop(f->units);
    schema_drop(f->node);
    schema_root_free(f->root);
    schema_registry_free(f->registry);
    buf_free(&f->all);
    buf_free(&f->own);
}

static void encode(struct fixture *f)
{
    buf_clear(&f->all);
    buf_clear(&f->own);
    schema_encode(f->root, &f->all);
    schema_view_encode(f->view, &f->own);
    schema_commit(f->root);
}

static void check(struct fixture *f, const char *all, const char *own)
{
    encode(f);
    assert_hex(buf_str(&f->all), all);
    assert_hex(buf_str(&f->own), own);
}

/* A unit in the map; the map holds it. */
static struct schema_node *put_unit(struct fixture *f, const char *key, double x)
{
    struct schema_node *unit = schema_new(f->unit);

    assert_int_equal(schema_set(unit, X, schema_number(x)), 0);
    assert_int_equal(schema_set(unit, SECRET, schema_number(x * 2)), 0);
    assert_int_equal(schema_map_set(f->units, str_of(key), schema_object(unit)), 0);
    schema_drop(unit);
    return unit;
}

static void set(struct schema_node *node, unsigned index, double n)
{
    assert_int_equal(schema_set(node, index, schema_number(n)), 0);
}

static void test_tagged_fields_show_where_their_object_was_added(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    set(f.node, PUB, 1), set(f.node, PRIV, 2);
    check(&f, "8001", "");
    assert_int_equal(schema_view_add(f.view, f.node, SCHEMA_TAG), 0);
    assert_true(schema_view_has(f.view, f.node));
    assert_true(schema_view_changed(f.view));
    check(&f, "", "ff00 8102 8201");
    set(f.node, PRIV, 5);
    check(&f, "", "ff00 8105");
    set(f.node, PUB, 6), set(f.node, PRIV, 7);
    check(&f, "8006", "ff00 8107");
    schema_view_remove(f.view, f.node, SCHEMA_TAG);
    check(&f, "", "ff00 41 42");
    set(f.node, PRIV, 8);
    check(&f, "", "");
    end(&f);
}

static void test_what_was_added_comes_with_what_it_hangs_in(void **state)
{
    struct schema_node *a, *b;
    struct fixture f;

    (void)state;
    begin(&f);
    a = put_unit(&f, "a", 1);
    b = put_unit(&f, "b", 2);
    assert_int_equal(schema_view_add(f.view, a, SCHEMA_TAG), 0);
    check(&f, "", "ff00 8201 ff01 8000a16102 ff02 8001");
    set(a, X, 10), set(b, X, 20);
    check(&f, "", "ff02 800a");
    assert_int_equal(schema_view_add(f.view, b, 2), 0);
    check(&f, "", "ff01 8001a16203 ff03 8014 8104");
    schema_view_remove(f.view, a, SCHEMA_TAG);
    check(&f, "", "ff01 4000");
    assert_int_equal(schema_map_set(f.units, STR("b"), (struct schema_value){ 0 }), 0);
    check(&f, "", "ff01 4001");
    end(&f);
}

static void test_a_view_begins_with_the_whole(void **state)
{
    struct schema_view *late;
    struct schema_node *a;
    struct fixture f;

    (void)state;
    begin(&f);
    a = put_unit(&f, "a", 1);
    late = schema_view_new(f.root);
    assert_int_equal(schema_view_add(late, a, 2), 0);
    assert_false(schema_view_has_begun(late));
    buf_clear(&f.own);
    schema_encode(f.root, &f.all);
    schema_view_encode(late, &f.own);
    assert_int_equal(f.own.len, 0);
    assert_int_equal(schema_view_encode_all(late, false, &f.own), ATR_ESTATE);
    schema_commit(f.root);
    assert_int_equal(schema_view_encode_all(late, false, &f.own), 0);
    assert_hex(buf_str(&f.own), "ff00 8201 ff01 8000a16102 ff02 8001 8102");
    assert_true(schema_view_has_begun(late));

    /* Left out of a patch it would go on wrongly. */
    set(a, X, 3);
    encode(&f);
    assert_false(schema_view_has_begun(late));
    buf_clear(&f.own);
    assert_int_equal(schema_view_encode_all(late, true, &f.own), 0);
    assert_hex(buf_str(&f.own), "ff00 8201 ff01 0a 8000a16102 ff02 8003 8102");
    schema_view_free(late);
    end(&f);
}

static void test_only_what_is_in_the_state_can_be_added(void **state)
{
    struct schema_node *loose;
    struct fixture f;

    (void)state;
    begin(&f);
    loose = schema_new(f.unit);
    assert_int_equal(schema_view_add(f.view, loose, SCHEMA_TAG), ATR_ESTATE);
    assert_int_equal(schema_view_add(f.view, f.node, 0), ATR_ETYPE);
    assert_int_equal(schema_view_add(f.view, f.node, -2), ATR_ETYPE);
    schema_view_remove(f.view, loose, SCHEMA_TAG);
    assert_false(schema_view_has(f.view, loose));
    schema_drop(loose);
    end(&f);
}

static void test_what_leaves_is_forgotten(void **state)
{
    struct schema_node *a;
    struct fixture f;
    size_t before = 0;

    (void)state;
    begin(&f);
    for (int i = 0; i < 50; i++) {
        a = put_unit(&f, "a", i);
        assert_int_equal(schema_view_add(f.view, a, SCHEMA_TAG), 0);
        encode(&f);
        assert_true(f.own.len > 0);
        if (i == 5)
            before = schema_view_bytes(f.view);
    }
    assert_int_equal(schema_view_bytes(f.view), before);
    schema_view_clear(f.view);
    encode(&f);
    assert_hex(buf_str(&f.own), "ff00 42");
    assert_true(schema_view_bytes(f.view) < before);
    end(&f);
}

static void test_warm_encodings_allocate_nothing(void **state)
{
    struct schema_node *units[8];
    struct fixture f;
    char key[8];

    (void)state;
    begin(&f);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(key, sizeof key, "u%d", i);
        units[i] = put_unit(&f, key, i);
        if (i % 2)
            assert_int_equal(schema_view_add(f.view, units[i], 2), 0);
    }
    encode(&f);
    for (int round = 0; round < 3; round++) {
        assert_allocs(round ? 0 : 2, {
            for (int i = 0; i < 8; i++)
                set(units[i], X, round * 20 + i + 20);
            encode(&f);
        });
        assert_int_equal(f.all.len, 0);
        assert_int_equal(f.own.len, 4 * 4);
    }
    end(&f);
}

TEST_MAIN(cmocka_unit_test(test_tagged_fields_show_where_their_object_was_added),
          cmocka_unit_test(test_what_was_added_comes_with_what_it_hangs_in),
          cmocka_unit_test(test_a_view_begins_with_the_whole),
          cmocka_unit_test(test_only_what_is_in_the_state_can_be_added),
          cmocka_unit_test(test_what_leaves_is_forgotten),
          cmocka_unit_test(test_warm_encodings_allocate_nothing))
