/* proto/schema_view.c - which objects a view has; what it notes of them. Encoding is in
 * schema_view_encode.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_seen.h"

#include "base/assert.h"

/* --- Notes --- */

static str key_of(struct schema_node *const *node)
{
    return str_n(node, sizeof *node);
}

struct schema_seen *schema_seen_find(const struct schema_view *view, const struct schema_node *node)
{
    struct schema_node *key = (struct schema_node *)node;

    return map_get(&view->seen, key_of(&key));
}

struct schema_seen *schema_seen_get(struct schema_view *view, struct schema_node *node)
{
    struct schema_seen *seen = schema_seen_find(view, node);

    if (seen)
        return seen;
    seen = mem_zalloc(sizeof *seen);
    seen->node = node;
    (void)map_put(&view->seen, key_of(&seen->node), seen);
    list_append(&view->order, &seen->in_view);
    view->bytes += sizeof *seen;
    return seen;
}

void schema_seen_drop(struct schema_view *view, struct schema_seen *seen)
{
    (void)map_remove(&view->seen, key_of(&seen->node));
    list_remove(&seen->in_view);
    view->bytes -= sizeof *seen + seen->shown_cap * sizeof *seen->shown;
    if (seen->refs)
        view->bytes -= seen->node->type->count * sizeof *seen->refs;
    mem_free(seen->refs);
    mem_free(seen->shown);
    mem_free(seen);
}

void schema_seen_forget(struct schema_seen *seen)
{
    seen->fields = 0;
    seen->whole = seen->stale = false;
    seen->shown_count = 0;
}

void schema_seen_show(struct schema_view *view, struct schema_seen *seen, struct schema_shown shown)
{
    if (seen->shown_count == seen->shown_cap) {
        uint32_t cap = seen->shown_cap ? seen->shown_cap * 2 : 4;

        view->bytes += (cap - seen->shown_cap) * sizeof *seen->shown;
        seen->shown_cap = cap;
        seen->shown = mem_realloc(seen->shown, cap * sizeof *seen->shown);
    }
    seen->shown[seen->shown_count++] = shown;
}

void schema_views_drop(struct schema_root *root, struct schema_node *node)
{
    for (uint32_t i = 0; i < root->view_count; i++) {
        struct schema_seen *seen = schema_seen_find(root->views[i], node);

        if (seen)
            schema_seen_drop(root->views[i], seen);
    }
}

void schema_views_forget(struct schema_root *root, struct schema_node *node)
{
    for (uint32_t i = 0; i < root->view_count; i++) {
        struct schema_seen *seen = schema_seen_find(root->views[i], node);

        if (seen)
            schema_seen_forget(seen);
    }
}

void schema_views_stale(struct schema_root *root, struct schema_node *container)
{
    for (uint32_t i = 0; i < root->view_count; i++) {
        struct schema_seen *seen = schema_seen_find(root->views[i], container);

        if (seen && seen->whole) {
            seen->whole = false;
            seen->stale = true;
        }
    }
}

void schema_views_check(struct schema_root *root)
{
    for (uint32_t i = 0; i < root->view_count; i++) {
        if (root->views[i]->patch != root->patch)
            root->views[i]->begun = false;
    }
}

/* --- Views --- */

struct schema_view *schema_view_new(struct schema_root *root)
{
    struct schema_view *view = mem_zalloc(sizeof *view);

    view->root = root;
    list_init(&view->order);
    if (root->view_count == root->view_cap) {
        root->view_cap = root->view_cap ? root->view_cap * 2 : 4;
        root->views = mem_realloc(root->views, root->view_cap * sizeof(struct schema_view *));
    }
    root->views[root->view_count++] = view;
    return view;
}

static void drop_all(struct schema_view *view)
{
    while (!list_empty(&view->order))
        schema_seen_drop(view, container_of(view->order.next, struct schema_seen, in_view));
}

void schema_view_free(struct schema_view *view)
{
    struct schema_root *root;

    if (!view)
        return;
    root = view->root;
    for (uint32_t i = 0;; i++) {
        ASSERT(i < root->view_count);
        if (root->views[i] != view)
            continue;
        root->views[i] = root->views[--root->view_count];
        break;
    }
    drop_all(view);
    map_free(&view->seen);
    mem_free(view->edges);
    mem_free(view->spare);
    mem_free(view);
}

/* --- What is added and removed: an object and what hangs in it --- */

struct marking {
    struct schema_view *view;
    uint32_t marks;
    int32_t tag;
    uint64_t stamp;
    bool add;
};

static uint32_t marks_of(int32_t tag)
{
    return tag == SCHEMA_TAG ? SCHEMA_MARK : (uint32_t)tag & ~SCHEMA_MARK;
}

static void mark(struct marking *m, struct schema_node *node);

static void mark_children(struct marking *m, struct schema_node *node)
{
    if (node->kind == SCHEMA_REF) {
        struct schema_struct *s = schema_struct_of(node);

        for (uint64_t left = s->present & node->type->objects; left; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctzll(left);
            int32_t tag = node->type->fields[i].spec.tag;

            /* Removal reaches whatever may have been reached before. */
            if (tag > 0 && m->add && !(marks_of(tag) & m->marks))
                continue;
            mark(m, s->cells[i].node);
        }
    }
}

static void mark_child(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)holder, (void)open;
    mark(user, child);
}

static void mark(struct marking *m, struct schema_node *node)
{
    struct schema_seen *seen;

    if (node->stamp == m->stamp)
        return;
    node->stamp = m->stamp;
    if (m->add) {
        schema_seen_get(m->view, node)->marks |= m->marks;
    } else {
        seen = schema_seen_find(m->view, node);
        if (seen) {
            seen->marks &= ~m->marks;
            seen->on_way = false;
        }
    }
    if (node->kind == SCHEMA_REF)
        mark_children(m, node);
    else
        schema_each_child(node, mark_child, m);
}

static void mark_tree(struct schema_view *view, struct schema_node *node, int32_t tag, bool add)
{
    struct marking m = { view, marks_of(tag), tag, schema_next_stamp(view->root->registry), add };

    view->changed = true;
    mark(&m, node);
}

int schema_view_add(struct schema_view *view, struct schema_node *node, int32_t tag)
{
    if (node->root != view->root || !schema_attached(node))
        return ATR_ESTATE;
    if (tag < SCHEMA_TAG || tag == 0)
        return ATR_ETYPE;
    mark_tree(view, node, tag, true);
    return 0;
}

void schema_view_remove(struct schema_view *view, struct schema_node *node, int32_t tag)
{
    if (node->root == view->root)
        mark_tree(view, node, tag, false);
}

bool schema_view_has(const struct schema_view *view, const struct schema_node *node)
{
    const struct schema_seen *seen = schema_seen_find(view, node);

    return seen && seen->marks != 0;
}

static void forget_marks(struct schema_seen *seen)
{
    seen->marks = 0;
    seen->on_way = false;
}

void schema_view_clear(struct schema_view *view)
{
    for (struct list *l = view->order.next; l != &view->order; l = l->next)
        forget_marks(container_of(l, struct schema_seen, in_view));
    view->changed = true;
}

bool schema_view_changed(const struct schema_view *view)
{
    return view->changed;
}

bool schema_view_has_begun(const struct schema_view *view)
{
    return view->begun;
}

size_t schema_view_bytes(const struct schema_view *view)
{
    return view->bytes;
}
