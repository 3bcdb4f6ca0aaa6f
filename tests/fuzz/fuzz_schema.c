/* fuzz/fuzz_schema.c - any bytes as changes of a state.
 *
 * Whatever is done in whatever order: nothing crashes or leaks, a patch follows exactly when
 * something changed, two whole states in a row are the same, and the counts come out even.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_view.h"

#include "fuzz.h"

enum { OBJECTS = 12, VIEWS = 2 };
enum { X, NAME, FRIEND, BAG, NAMED, TAGS, NUMBERS, FIELDS };

struct state {
    const uint8_t *at, *end;
    struct schema_registry *registry;
    struct schema_type *type, *heir;
    struct schema_root *root;
    struct schema_node *objects[OBJECTS]; /* held; the first is the root's */
    struct schema_view *views[VIEWS];
};

static uint8_t next(struct state *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

static void declare(struct state *s)
{
    s->registry = schema_registry_new();
    s->type = schema_define(s->registry, STR("Node"), NULL);
    {
        const struct schema_spec specs[] = {
            { .kind = SCHEMA_NUMBER },
            { .kind = SCHEMA_STRING, .tag = SCHEMA_TAG },
            { .kind = SCHEMA_REF, .type = s->type, .tag = SCHEMA_TAG },
            { .kind = SCHEMA_ARRAY, .child = SCHEMA_REF, .type = s->type },
            { .kind = SCHEMA_MAP, .child = SCHEMA_REF, .type = s->type },
            { .kind = SCHEMA_SET, .child = SCHEMA_STRING },
            { .kind = SCHEMA_ARRAY, .child = SCHEMA_NUMBER },
        };
        static const char *const names[] = { "x", "name", "friend", "bag", "named", "tags", "n" };

        for (int i = 0; i < FIELDS; i++)
            ASSERT(schema_field(s->type, str_of(names[i]), &specs[i]) == i);
    }
    s->heir = schema_define(s->registry, STR("Heir"), s->type);
}

static struct schema_node *object(struct state *s)
{
    return s->objects[next(s) % OBJECTS];
}

static struct schema_node *container(struct state *s, struct schema_node *node, unsigned index)
{
    struct schema_value there = schema_get(node, index);
    struct schema_node *made;

    if (there.kind == SCHEMA_VALUE_NODE)
        return there.node;
    made = schema_new_container(schema_field_spec(s->type, index));
    if (schema_set(node, index, schema_object(made)) < 0) {
        schema_drop(made);
        return NULL;
    }
    schema_drop(made);
    return made;
}

static void change_array(struct state *s, struct schema_node *array, struct schema_value value)
{
    uint32_t at = next(s), count = schema_count(array);

    if (count > 40)
        schema_clear(array);
    at = count ? at % (count + 1) : at % 2;
    switch (next(s) % 6) {
    case 0:
        (void)(schema_array_push(array, value) == 0);
        break;
    case 1:
        (void)(schema_array_insert(array, at, value) == 0);
        break;
    case 2:
        (void)(schema_array_set(array, at, value) == 0);
        break;
    case 3:
        (void)(schema_array_remove(array, at, next(s) % 3) == 0);
        break;
    case 4:
        (void)(schema_array_move(array, at, next(s) % 8) == 0);
        break;
    default:
        schema_array_reverse(array);
    }
}

static void change(struct state *s)
{
    struct schema_node *node = object(s), *c;
    unsigned field = next(s) % (FIELDS + 1);
    str key = str_n(&"abcdefgh"[next(s) % 8], 1);
    struct schema_value none = { 0 };
    int err = 0;

    switch (field) {
    case X:
        err = schema_set(node, X, schema_number(next(s)));
        break;
    case NAME:
        err = schema_set(node, NAME, next(s) % 4 ? schema_text(key) : none);
        break;
    case FRIEND:
        err = schema_set(node, FRIEND, next(s) % 4 ? schema_object(object(s)) : none);
        break;
    case BAG:
        if ((c = container(s, node, BAG)))
            change_array(s, c, schema_object(object(s)));
        break;
    case NAMED:
        if ((c = container(s, node, NAMED)))
            err = schema_map_set(c, key, next(s) % 3 ? schema_object(object(s)) : none);
        if (c && next(s) % 16 == 0)
            schema_clear(c);
        break;
    case TAGS:
        if ((c = container(s, node, TAGS)))
            err = next(s) % 3 ? schema_list_add(c, schema_text(key))
                              : schema_list_remove(c, schema_text(key));
        break;
    case NUMBERS:
        if ((c = container(s, node, NUMBERS)))
            change_array(s, c, schema_number(next(s) % 4));
        break;
    default: /* a new object for an old one, which lives on where it hangs */
        field = next(s) % (OBJECTS - 1) + 1;
        schema_drop(s->objects[field]);
        s->objects[field] = schema_new(next(s) % 2 ? s->type : s->heir);
    }
    (void)err;
}

/* Something is added to a view, or removed. */
static void change_view(struct state *s)
{
    static const int32_t tags[] = { SCHEMA_TAG, 1, 2, 3 };
    struct schema_view *view = s->views[next(s) % VIEWS];
    struct schema_node *node = object(s);
    int32_t tag = tags[next(s) % 4];

    switch (next(s) % 8) {
    case 0:
        schema_view_clear(view);
        break;
    case 1:
    case 2:
        schema_view_remove(view, node, tag);
        break;
    default:
        if (schema_view_add(view, node, tag) == 0)
            ASSERT(schema_attached(node) && schema_view_has(view, node));
        else
            ASSERT(!schema_attached(node));
    }
}

/* Patches go to the views, or to some of them: the others have to begin anew. */
static void patch_views(struct state *s, struct buf *out)
{
    for (int i = 0; i < VIEWS; i++) {
        bool begun = schema_view_has_begun(s->views[i]);

        buf_clear(out);
        if (next(s) % 8 == 0)
            continue;
        schema_view_encode(s->views[i], out);
        ASSERT(begun || out->len == 0);
        ASSERT(!begun || !schema_view_changed(s->views[i]));
    }
}

static void whole_views(struct state *s, struct buf *one, struct buf *two)
{
    for (int i = 0; i < VIEWS; i++) {
        buf_clear(one), buf_clear(two);
        if (schema_view_has_begun(s->views[i]) && next(s) % 4)
            continue;
        ASSERT(schema_view_encode_all(s->views[i], false, one) == 0);
        ASSERT(schema_view_encode_all(s->views[i], false, two) == 0);
        ASSERT(one->len == two->len);
        buf_clear(two);
        schema_view_encode(s->views[i], two);
        ASSERT(two->len == 0);
    }
}

static void look(struct state *s)
{
    static struct buf patch, one, two;
    bool changed = schema_changed(s->root);

    buf_clear(&patch), buf_clear(&one), buf_clear(&two);
    if (changed)
        ASSERT(schema_encode_all(s->root, &one) == ATR_ESTATE && one.len == 0);
    schema_encode(s->root, &patch);
    ASSERT(changed || patch.len == 0);
    patch_views(s, &one);
    schema_commit(s->root);
    ASSERT(!schema_changed(s->root));
    buf_clear(&one);
    ASSERT(schema_encode_all(s->root, &one) == 0 && schema_encode_all(s->root, &two) == 0);
    ASSERT(str_eq(buf_str(&one), buf_str(&two)));
    whole_views(s, &one, &two);
    buf_clear(&patch);
    schema_encode(s->root, &patch);
    ASSERT(patch.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *in = fuzz_copy(data, n);
    struct state s = { .at = in, .end = in + n };

    declare(&s);
    for (int i = 0; i < OBJECTS; i++)
        s.objects[i] = schema_new(s.type);
    ASSERT(schema_root_new(s.objects[0], &(struct schema_limits){ .nodes_max = 60 }, &s.root) == 0);
    for (int i = 0; i < VIEWS; i++)
        s.views[i] = schema_view_new(s.root);
    while (s.at < s.end) {
        uint8_t what = next(&s) % 8;

        if (what == 0)
            look(&s);
        else if (what == 1)
            change_view(&s);
        else
            change(&s);
        ASSERT(schema_root_nodes(s.root) <= 60);
    }
    look(&s);
    for (int i = 0; i < OBJECTS; i++)
        schema_drop(s.objects[i]);
    for (int i = 0; i < VIEWS; i++)
        schema_view_free(s.views[i]);
    schema_root_free(s.root);
    schema_registry_free(s.registry);
    free(in);
    return 0;
}
