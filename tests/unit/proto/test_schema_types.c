/* unit/proto/test_schema_types.c - declaring types of a state, and telling clients of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hex.h"
#include "proto/schema.h"

static const struct schema_spec number = { .kind = SCHEMA_NUMBER },
                                text = { .kind = SCHEMA_STRING };

static int add(struct schema_type *type, const char *name, struct schema_spec spec)
{
    return schema_field(type, str_of(name), &spec);
}

static void test_kinds_have_names(void **state)
{
    (void)state;
    for (unsigned i = SCHEMA_NONE + 1; i < SCHEMA_KINDS; i++)
        assert_int_equal(schema_kind_named(schema_kind_name((enum schema_kind)i)), i);
    assert_int_equal(schema_kind_named(STR("int128")), SCHEMA_NONE);
    assert_int_equal(schema_kind_named(STR("")), SCHEMA_NONE);
}

static void test_heirs_have_their_parents_fields(void **state)
{
    struct schema_registry *r = schema_registry_new();
    struct schema_type *base = schema_define(r, STR("Base"), NULL), *heir;

    (void)state;
    assert_int_equal(add(base, "a", number), 0);
    heir = schema_define(r, STR("Heir"), base);
    assert_int_equal(add(heir, "b", text), 1);
    assert_int_equal(add(heir, "a", text), ATR_EEXISTS);
    assert_int_equal(add(base, "late", number), ATR_ESTATE);
    assert_int_equal(schema_field_count(heir), 2);
    assert_int_equal(schema_field_index(heir, STR("a")), 0);
    assert_int_equal(schema_field_index(base, STR("b")), ATR_EUNKNOWN);
    assert_str(schema_field_name(heir, 1), "b");
    assert_ptr_equal(schema_type_parent(heir), base);
    assert_str(schema_type_name(heir), "Heir");
    schema_registry_free(r);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    struct schema_registry *r = schema_registry_new(), *other = schema_registry_new();
    struct schema_type *type = schema_define(r, STR("T"), NULL);
    struct schema_type *foreign = schema_define(other, STR("F"), NULL);
    const struct schema_spec bad[] = {
        { .kind = SCHEMA_NONE },
        { .kind = SCHEMA_KINDS },
        { .kind = SCHEMA_REF },
        { .kind = SCHEMA_REF, .type = foreign },
        { .kind = SCHEMA_NUMBER, .type = type },
        { .kind = SCHEMA_NUMBER, .child = SCHEMA_NUMBER },
        { .kind = SCHEMA_MAP },
        { .kind = SCHEMA_MAP, .child = SCHEMA_ARRAY },
        { .kind = SCHEMA_MAP, .child = SCHEMA_REF },
        { .kind = SCHEMA_NUMBER, .tag = -2 },
    };
    char name[8];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(schema_field(type, STR("x"), &bad[i]), ATR_ETYPE);
    for (int i = 0; i < SCHEMA_FIELDS_MAX; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        assert_int_equal(add(type, name, number), i);
    }
    assert_int_equal(add(type, "more", number), ATR_ELIMIT);
    schema_registry_free(r);
    schema_registry_free(other);
}

static void test_types_that_cannot_be_reached_are_not_told(void **state)
{
    struct schema_registry *r = schema_registry_new();
    struct schema_type *other = schema_define(r, STR("Other"), NULL);
    struct schema_type *type = schema_define(r, STR("State"), NULL);
    struct schema_node *node = NULL, *late = NULL;
    struct schema_root *root = NULL;
    struct buf b = { 0 };

    (void)state;
    assert_int_equal(add(other, "secret", number), 0);
    assert_int_equal(add(type, "a", number), 0);
    assert_int_equal(add(type, "self", (struct schema_spec){ .kind = SCHEMA_REF, .type = type }),
                     1);
    node = schema_new(type);
    assert_int_equal(schema_root_new(node, NULL, &root), 0);
    schema_reflect(root, 18, &b);
    assert_hex(buf_str(&b), "8001 ff01 800002 ff02 8000 8203 ff03 800004 800105"
                            "ff04 80a161 81a66e756d626572 ff05 80a473656c66 81a3726566 8200");

    /* An heir that was declared behind their back cannot be explained to clients. */
    late = schema_new(schema_define(r, STR("Late"), type));
    assert_int_equal(schema_set(node, 1, schema_object(late)), ATR_ETYPE);
    schema_drop(late);
    schema_drop(node);
    schema_root_free(root);
    schema_registry_free(r);
    buf_free(&b);
}

static void test_containers_of_primitives_in_every_dialect(void **state)
{
    struct schema_registry *r = schema_registry_new();
    struct schema_type *type = schema_define(r, STR("State"), NULL);
    struct schema_root *root = NULL;
    struct schema_node *node;
    struct buf b = { 0 };

    (void)state;
    assert_int_equal(
        add(type, "m", (struct schema_spec){ .kind = SCHEMA_MAP, .child = SCHEMA_NUMBER }), 0);
    node = schema_new(type);
    assert_int_equal(schema_root_new(node, NULL, &root), 0);
    schema_reflect(root, 17, &b);
    assert_hex(buf_str(&b), "8001 ff01 800002 ff02 8000 8203 ff03 800004"
                            "ff04 80a16d 81aa6d61703a6e756d626572 82ff");
    buf_clear(&b);
    schema_reflect(root, 18, &b);
    assert_hex(buf_str(&b), "8001 ff01 800002 ff02 8000 8203 ff03 800004"
                            "ff04 80a16d 81a36d6170 82ff 83a66e756d626572");
    buf_clear(&b);
    schema_reflect(root, 0, &b);
    assert_hex(buf_str(&b),
               "ff00 8001 ff01 800002 ff02 8000 8203 ff03 800004"
               "ff04 80a16d 82ff 81aa6d61703a6e756d626572 83a66e756d626572 81a36d6170");
    schema_drop(node);
    schema_root_free(root);
    schema_registry_free(r);
    buf_free(&b);
}

TEST_MAIN(cmocka_unit_test(test_kinds_have_names),
          cmocka_unit_test(test_heirs_have_their_parents_fields),
          cmocka_unit_test(test_what_makes_no_sense_is_refused),
          cmocka_unit_test(test_types_that_cannot_be_reached_are_not_told),
          cmocka_unit_test(test_containers_of_primitives_in_every_dialect))
