/* proto/schema_encode_all.c - whole states: from the root down, an object's own operations before
 * those of what hangs in it, so that each reference is introduced before it is switched to.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_encode.h"

struct walk {
    struct schema_out out;
    uint64_t stamp;
    bool resumed;
};

static void walk_child(struct schema_node *holder, struct schema_node *child, bool open,
                       void *user);

static void walk_node(struct walk *w, struct schema_node *node)
{
    if (node->stamp == w->stamp)
        return;
    node->stamp = w->stamp;
    if (node->kind == SCHEMA_REF) {
        const struct schema_struct *s = schema_struct_of(node);
        uint64_t bits = s->present & ~node->type->tagged;

        if (bits) {
            schema_out_switch(&w->out, node);
            schema_out_fields(&w->out, s, bits, 0, 0);
        }
    } else if (schema_count(node) > 0 || w->resumed) {
        schema_out_switch(&w->out, node);
        if (w->resumed) {
            schema_out_clear(&w->out);
            if (node->kind >= SCHEMA_SET) /* this client gives its values new numbers */
                schema_list_of(node)->next_index += schema_count(node);
        }
        schema_out_container(&w->out, node);
    }
    schema_each_child(node, walk_child, w);
}

static void walk_child(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)holder;
    if (open)
        walk_node(user, child);
}

static int encode_whole(struct schema_root *root, bool resumed, struct buf *out)
{
    struct walk w = { .stamp = schema_next_stamp(root->registry), .resumed = resumed };

    if (schema_changed(root))
        return ATR_ESTATE;
    schema_out_begin(&w.out, root, out);
    w.out.started = true;
    walk_node(&w, root->node);
    schema_out_end(&w.out);
    return 0;
}

int schema_encode_all(struct schema_root *root, struct buf *out)
{
    return encode_whole(root, false, out);
}

int schema_encode_resumed(struct schema_root *root, struct buf *out)
{
    return encode_whole(root, true, out);
}
