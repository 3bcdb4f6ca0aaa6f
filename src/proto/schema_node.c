/* proto/schema_node.c - objects and where they hang: holders, roots, what leaves and comes back.
 *
 * See schema_internal.h for the words. Recursion goes down the tree, which is at most
 * SCHEMA_DEPTH_MAX deep: every edge is checked against it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_seen.h"

#include "base/assert.h"

void schema_node_init(struct schema_node *node, unsigned kind, size_t bytes)
{
    node->kind = (uint8_t)kind;
    node->handles = 1;
    node->bytes = bytes;
    list_init(&node->in_dirty);
    list_init(&node->in_fallen);
}

struct schema_node *schema_hold(struct schema_node *node)
{
    node->handles++;
    return node;
}

enum schema_kind schema_kind_of(const struct schema_node *node)
{
    return (enum schema_kind)node->kind;
}

struct schema_type *schema_type_of(const struct schema_node *node)
{
    return node->type;
}

uint32_t schema_ref(const struct schema_node *node)
{
    return node->ref;
}

bool schema_attached(const struct schema_node *node)
{
    return node->root && (node->live > 0 || node == node->root->node);
}

/* --- Memory --- */

int schema_room(const struct schema_node *node, size_t bytes)
{
    const struct schema_root *root = node->root;

    if (root && root->limits.bytes_max && bytes > root->limits.bytes_max - root->bytes)
        return ATR_ELIMIT;
    return 0;
}

void schema_account(struct schema_node *node, ptrdiff_t bytes)
{
    node->bytes += (size_t)bytes;
    if (node->root)
        node->root->bytes += (size_t)bytes;
}

static void forget(struct schema_node *node)
{
    node->known = false;
    if (node->kind == SCHEMA_REF)
        schema_struct_forget(schema_struct_of(node));
    else if (node->kind == SCHEMA_MAP)
        schema_map_forget(schema_map_of(node));
    else if (node->kind == SCHEMA_ARRAY)
        schema_array_forget(schema_array_of(node));
    else
        schema_list_forget(schema_list_of(node));
}

static void remove_holder(struct schema_node *child, struct schema_node *holder)
{
    if (!child->holders) {
        ASSERT(child->holder == holder);
        child->holder = NULL;
        child->holder_count = 0;
        return;
    }
    for (uint32_t i = 0;; i++) {
        ASSERT(i < child->holder_count);
        if (child->holders[i] != holder)
            continue;
        child->holders[i] = child->holders[--child->holder_count];
        return;
    }
}

static void add_holder(struct schema_node *child, struct schema_node *holder)
{
    if (child->holder_count == 0 && !child->holders) {
        child->holder = holder;
        child->holder_count = 1;
        return;
    }
    if (!child->holders) {
        child->holder_cap = 4;
        child->holders = mem_alloc(child->holder_cap * sizeof(struct schema_node *));
        child->holders[0] = child->holder;
    } else if (child->holder_count == child->holder_cap) {
        child->holder_cap *= 2;
        child->holders =
            mem_realloc(child->holders, child->holder_cap * sizeof(struct schema_node *));
    }
    child->holders[child->holder_count++] = holder;
}

static void free_if_unused(struct schema_node *node);

static void let_go(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)open, (void)user;
    remove_holder(child, holder);
    free_if_unused(child);
}

static void free_if_unused(struct schema_node *node)
{
    if (node->handles > 0 || node->holder_count > 0 || node->root)
        return;
    schema_each_child(node, let_go, NULL);
    mem_free(node->holders);
    if (node->kind == SCHEMA_REF)
        schema_struct_free(schema_struct_of(node));
    else if (node->kind == SCHEMA_MAP)
        schema_map_free(schema_map_of(node));
    else if (node->kind == SCHEMA_ARRAY)
        schema_array_free(schema_array_of(node));
    else
        schema_list_free(schema_list_of(node));
}

void schema_drop(struct schema_node *node)
{
    if (!node)
        return;
    ASSERT(node->handles > 0);
    node->handles--;
    free_if_unused(node);
}

/* --- Lists of the root --- */

void schema_queue(struct schema_node *node)
{
    node->queued = true;
    list_append(&node->root->dirty, &node->in_dirty);
}

/* To the end, so that what introduces it comes first. */
static void queue_last(struct schema_node *node)
{
    list_remove(&node->in_dirty);
    schema_queue(node);
}

void schema_fall(struct schema_node *node)
{
    if (node->fallen || node == node->root->node)
        return;
    node->fallen = true;
    list_append(&node->root->fallen, &node->in_fallen);
}

/* --- Coming and going --- */

static void gain(struct schema_node *child, struct schema_root *root, bool public);
static void show(struct schema_node *node);

static void gain_child(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)user;
    gain(child, holder->root, open && holder->shown);
}

static void show_child(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)holder, (void)user;
    if (open && ++child->published == 1 && !child->shown)
        show(child);
}

/* To clients it is another object from now on. */
static void renumber(struct schema_node *node)
{
    struct schema_root *root = node->root;

    forget(node);
    node->ref = root->next_ref++;
    if (root->view_count == 0)
        return;
    schema_views_forget(root, node);
    for (uint32_t i = 0; i < node->holder_count; i++) {
        struct schema_node *holder = node->holders ? node->holders[i] : node->holder;

        if (holder->root)
            schema_touch(holder);
        if (holder->root && holder->kind != SCHEMA_REF)
            schema_views_stale(root, holder);
    }
}

static void show(struct schema_node *node)
{
    if (node->known) /* to views */
        renumber(node);
    node->shown = true;
    queue_last(node);
    schema_each_child(node, show_child, NULL);
}

static void requeue_child(struct schema_node *holder, struct schema_node *child, bool open,
                          void *user);

static void requeue_tree(struct schema_node *node, uint64_t stamp)
{
    if (node->known || !node->root || node->stamp == stamp)
        return;
    node->stamp = stamp;
    queue_last(node);
    schema_each_child(node, requeue_child, &stamp);
}

static void requeue_child(struct schema_node *holder, struct schema_node *child, bool open,
                          void *user)
{
    (void)holder, (void)open;
    requeue_tree(child, *(uint64_t *)user);
}

/* What clients were not told of yet has to come behind the change that tells them, wherever that
 * is by now; and what hangs in it behind it. */
static void requeue(struct schema_node *node)
{
    if (!node->known && node->root)
        requeue_tree(node, schema_next_stamp(node->root->registry));
}

void schema_adopt(struct schema_node *node, struct schema_root *root)
{
    node->root = root;
    node->ref = root->next_ref++;
    node->shown = node->published > 0 || node == root->node;
    root->count++;
    root->bytes += node->bytes;
    schema_queue(node);
    schema_each_child(node, gain_child, NULL);
}

static void gain(struct schema_node *child, struct schema_root *root, bool public)
{
    child->live++;
    child->published += public;
    if (!child->root) {
        schema_adopt(child, root);
        return;
    }
    if (child->published > 0 && !child->shown)
        show(child);
    requeue(child);
}

static void lose(struct schema_node *child, bool public)
{
    child->live--;
    child->published -= public;
    if (child->live == 0 || child->published == 0)
        schema_fall(child);
    else
        requeue(child);
}

void schema_edge_add(struct schema_node *holder, struct schema_node *child, bool open)
{
    add_holder(child, holder);
    if (holder->root)
        gain(child, holder->root, open && holder->shown);
}

void schema_edge_remove(struct schema_node *holder, struct schema_node *child, bool open)
{
    remove_holder(child, holder);
    if (holder->root)
        lose(child, open && holder->shown);
    else
        free_if_unused(child);
}

static void hide_child(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)holder, (void)user;
    if (open && --child->published == 0)
        schema_fall(child);
}

static void lose_child(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)holder, (void)open, (void)user;
    if (--child->live == 0)
        schema_fall(child);
}

static void look_for_survivor(struct schema_node *holder, struct schema_node *child, bool open,
                              void *user)
{
    (void)holder, (void)open;
    if (child->live > 0 && child->known)
        *(bool *)user = true;
}

/* When a field's container is replaced, decoders of schema 3 let go of what hangs in it twice: what
 * also hangs elsewhere would be lost to them. So it is emptied first; also when it has changed, as
 * for clients there may be something in it that is not any more. */
static void empty_first(struct schema_root *root, struct schema_node *node, bool public)
{
    bool survivor = node->queued;

    if (!public || !node->known || node->kind == SCHEMA_REF || !schema_is_object(node->child_kind))
        return;
    schema_each_child(node, look_for_survivor, &survivor);
    if (!survivor)
        return;
    buf_byte(&root->preamble, SCHEMA_SWITCH);
    schema_write_uint(&root->preamble, node->ref);
    buf_byte(&root->preamble, SCHEMA_CLEAR);
}

static void leave(struct schema_root *root, struct schema_node *node, bool public)
{
    schema_each_child(node, lose_child, NULL);
    empty_first(root, node, public);
    if (root->view_count > 0)
        schema_views_drop(root, node);
    forget(node);
    list_remove(&node->in_dirty);
    node->queued = false;
    root->count--;
    root->bytes -= node->bytes;
    node->root = NULL;
    node->ref = 0;
    free_if_unused(node);
}

static void settle(struct schema_root *root, struct schema_node *node)
{
    bool public = node->shown;

    list_remove(&node->in_fallen);
    node->fallen = false;
    if (node->published == 0 && public) {
        node->shown = false;
        schema_each_child(node, hide_child, NULL);
    }
    if (node->live == 0) {
        leave(root, node, public);
    } else if (public && !node->shown) {
        renumber(node); /* clients forget it, and views that have it learn of it as something new */
        requeue(node);
    }
}

void schema_settle(struct schema_root *root)
{
    while (!list_empty(&root->fallen))
        settle(root, container_of(root->fallen.next, struct schema_node, in_fallen));
}
