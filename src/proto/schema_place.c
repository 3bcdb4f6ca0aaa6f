/* proto/schema_place.c - may an object hang there?
 *
 * Nothing hangs in itself, and nothing deeper than SCHEMA_DEPTH_MAX: all that goes down the tree
 * relies on it. Each object knows at least how high the tree below it is; where that is too much it
 * is counted anew, as it may have been higher once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_internal.h"

enum { REFS_KEPT = 1 << 20 }; /* references left for what gets a new one without being asked */

static void measure_child(struct schema_node *holder, struct schema_node *child, bool open,
                          void *user);

static void measure_here(struct schema_node *node, struct schema_measure *m)
{
    const struct schema_root *root = m->root;

    if (!root)
        return;
    if (!node->root) {
        m->count++;
        m->bytes += node->bytes;
    } else if (node->root != root) {
        m->err = ATR_ESTATE;
    }
    if (node->type && (node->type->serial >= root->ids_count || root->ids[node->type->serial] < 0))
        m->err = ATR_ETYPE; /* declared when clients had the types already */
}

void schema_measure(struct schema_node *node, struct schema_measure *m)
{
    unsigned outer = m->height;

    if (node->stamp == m->stamp)
        return;
    node->stamp = m->stamp;
    measure_here(node, m);
    if (node->height == 0)
        return;
    m->height = 0;
    schema_each_child(node, measure_child, m);
    node->height = (uint8_t)m->height;
    m->height = outer;
}

static void measure_child(struct schema_node *holder, struct schema_node *child, bool open,
                          void *user)
{
    struct schema_measure *m = user;

    (void)holder, (void)open;
    schema_measure(child, m);
    if (child->height + 1u > m->height)
        m->height = child->height + 1u;
}

/* Goes up from node: false when `child` is there. Leaves in each how deep it is. */
static bool climb(struct schema_node *node, const struct schema_node *child, uint64_t stamp)
{
    unsigned depth = 0;

    if (node == child)
        return false;
    if (node->stamp == stamp)
        return true;
    node->stamp = stamp;
    for (uint32_t i = 0; i < node->holder_count; i++) {
        struct schema_node *holder = node->holders ? node->holders[i] : node->holder;

        if (!climb(holder, child, stamp))
            return false;
        if (holder->depth + 1u > depth)
            depth = holder->depth + 1u;
    }
    node->depth = (uint8_t)depth;
    return true;
}

static void raise_to(struct schema_node *node, unsigned height)
{
    if (node->height >= height)
        return;
    node->height = (uint8_t)height;
    for (uint32_t i = 0; i < node->holder_count; i++)
        raise_to(node->holders ? node->holders[i] : node->holder, height + 1);
}

/* An object that is to come into a root, with all that hangs in it. */
static int check_room(struct schema_node *holder, struct schema_node *child,
                      struct schema_registry *registry)
{
    const struct schema_root *root = holder->root;
    struct schema_measure m = { .root = root, .stamp = schema_next_stamp(registry) };

    schema_measure(child, &m);
    if (m.err)
        return m.err;
    if (!root)
        return 0;
    if (root->limits.nodes_max && m.count > root->limits.nodes_max - root->count)
        return ATR_ELIMIT;
    if (m.count > UINT32_MAX - REFS_KEPT || root->next_ref > UINT32_MAX - REFS_KEPT - m.count)
        return ATR_ELIMIT;
    return schema_room(holder, m.bytes);
}

static int check_depth(struct schema_node *holder, struct schema_node *child,
                       struct schema_registry *registry)
{
    struct schema_measure m = { 0 };

    if (!climb(holder, child, schema_next_stamp(registry)))
        return ATR_EREFUSED;
    if (holder->depth + 1u + child->height <= SCHEMA_DEPTH_MAX)
        return 0;
    m.stamp = schema_next_stamp(registry);
    schema_measure(child, &m);
    return holder->depth + 1u + child->height <= SCHEMA_DEPTH_MAX ? 0 : ATR_ELIMIT;
}

int schema_edge_check(struct schema_node *holder, struct schema_node *child)
{
    struct schema_registry *registry =
        holder->type ? holder->type->registry : holder->child_type->registry;
    int err;

    if (child->kind != SCHEMA_REF && child->holder_count > 0)
        return ATR_ESTATE;
    if (child->root && child->root->node == child)
        return child->root == holder->root ? ATR_EREFUSED : ATR_ESTATE;
    if (child->root && holder->root && child->root != holder->root)
        return ATR_ESTATE;
    if ((!child->root || !holder->root) && (err = check_room(holder, child, registry)) < 0)
        return err;
    if ((err = check_depth(holder, child, registry)) < 0)
        return err;
    raise_to(holder, child->height + 1u);
    return 0;
}
