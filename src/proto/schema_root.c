/* proto/schema_root.c - states: an object and everything that hangs on it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_internal.h"

#include "base/assert.h"

int schema_root_new(struct schema_node *node, const struct schema_limits *limits,
                    struct schema_root **out)
{
    struct schema_root *root;
    struct schema_measure m = { 0 };

    if (node->kind != SCHEMA_REF)
        return ATR_ETYPE;
    if (node->root || node->holder_count > 0)
        return ATR_ESTATE;
    root = mem_zalloc(sizeof *root);
    root->node = node;
    root->registry = node->type->registry;
    if (limits)
        root->limits = *limits;
    list_init(&root->dirty);
    list_init(&root->fallen);
    schema_types_number(root, node->type);
    m.root = root;
    m.stamp = schema_next_stamp(root->registry);
    schema_measure(node, &m);
    if (m.err == 0 && ((root->limits.nodes_max && m.count > root->limits.nodes_max) ||
                       (root->limits.bytes_max && m.bytes > root->limits.bytes_max)))
        m.err = ATR_ELIMIT;
    if (m.err < 0) {
        mem_free(root->ids);
        mem_free(root->types);
        mem_free(root);
        return m.err;
    }
    schema_hold(node);
    schema_adopt(node, root);
    *out = root;
    return 0;
}

void schema_root_free(struct schema_root *root)
{
    struct schema_node *node;

    if (!root)
        return;
    node = root->node;
    schema_settle(root);
    ASSERT(root->view_count == 0);
    root->node = NULL; /* it may fall now, and everything with it */
    node->published = 0;
    schema_fall(node);
    schema_settle(root);
    schema_drop(node);
    ASSERT(root->count == 0 && list_empty(&root->dirty));
    buf_free(&root->preamble);
    mem_free(root->ids);
    mem_free(root->types);
    mem_free(root->views);
    mem_free(root);
}

uint32_t schema_root_nodes(const struct schema_root *root)
{
    return root->count;
}

size_t schema_root_bytes(const struct schema_root *root)
{
    return root->bytes;
}
