/* proto/schema_view_pick.c - containers of which a view shows some objects, those that were added.
 *
 * A map's client gets what came and went, entry by entry. The others keep the order: what is new at
 * the end is added, all else is written anew, since decoders of schema 3 and 4 do not let go of
 * what is removed by its reference.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_pass.h"

/* Whether a container that shows some shows it: an object of the public only if it was itself
 * added. */
static bool is_picked(const struct schema_pass *p, const struct schema_node *node)
{
    return node->shown ? schema_view_has(p->view, node) : node->pass == p->stamp;
}

void schema_pass_clear(struct schema_pass *p, struct schema_node *node)
{
    schema_out_switch(&p->out, node);
    schema_out_clear(&p->out);
    if (p->resumed && node->kind >= SCHEMA_SET)
        schema_list_of(node)->next_index += schema_count(node);
}

static uint64_t mixed(uint32_t ref)
{
    uint64_t x = (ref + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);

    return x ^ x >> 29;
}

/* Whether the client has just what is revealed in there. Objects that hang in it twice make this
 * say no, which costs a look. */
static bool shows_the_same(const struct schema_pass *p, const struct schema_node *node,
                           const struct schema_seen *seen)
{
    uint64_t sum = 0;
    uint32_t count = 0;

    if (node->queued || p->view->changed || p->all)
        return false;
    for (uint32_t i = 0; i < seen->shown_count; i++)
        sum += mixed(seen->shown[i].ref);
    if (node->pass == p->stamp) {
        for (uint32_t i = node->edges; i != SCHEMA_NO_EDGE; i = p->view->edges[i].next, count++)
            sum -= mixed(p->view->edges[i].child->ref);
    }
    return count == seen->shown_count && sum == 0;
}

/* What the client had goes to the view's spare list, and the spare is filled anew: no allocation
 * when warm. */
static void take_spare(struct schema_view *view, struct schema_seen *seen)
{
    struct schema_shown *shown = seen->shown;
    uint32_t cap = seen->shown_cap;

    seen->shown = view->spare;
    seen->shown_cap = view->spare_cap;
    seen->shown_count = 0;
    view->spare = shown;
    view->spare_cap = cap;
}

/* Both what the client has and the order are by index. */
static void emit_picked_map(struct schema_pass *p, struct schema_map *m, struct schema_seen *seen)
{
    struct schema_view *view = p->view;
    uint32_t had_count = m->cleared || p->resumed ? 0 : seen->shown_count, at = 0;
    const struct schema_shown *had;

    if ((m->cleared && seen->shown_count > 0) || p->resumed)
        schema_pass_clear(p, &m->node);
    take_spare(view, seen);
    had = view->spare;
    for (uint32_t i = 0; i <= m->used; i++) {
        const struct schema_entry *e = i < m->used ? m->order[i] : NULL;
        uint8_t op = SCHEMA_ADD;

        if (i < m->used && (!e || e->gone || !is_picked(p, e->cell.node)))
            continue;
        for (; at < had_count && (!e || had[at].index < e->index); at++) {
            schema_out_switch(&p->out, &m->node);
            schema_out_item(&p->out, &m->node, SCHEMA_DELETE, had[at].index,
                            (union schema_cell){ 0 });
        }
        if (!e)
            break;
        if (at < had_count && had[at].index == e->index)
            op = had[at++].ref == e->cell.node->ref ? SCHEMA_DELETE : SCHEMA_DELETE_AND_ADD;
        if (op != SCHEMA_DELETE) {
            schema_out_switch(&p->out, &m->node);
            schema_out_entry(&p->out, &m->node, e, op);
        }
        schema_seen_show(p->view, seen, (struct schema_shown){ e->index, e->cell.node->ref });
    }
}

static const union schema_cell *items_of(const struct schema_node *node)
{
    return node->kind == SCHEMA_ARRAY ? schema_array_of(node)->items : schema_list_of(node)->items;
}

/* Whether the client has the first of what is revealed, in order: then the rest can be added. */
static bool has_the_first(const struct schema_pass *p, const struct schema_node *node,
                          const struct schema_seen *seen)
{
    const union schema_cell *items = items_of(node);
    uint32_t at = 0;

    for (uint32_t i = 0; at < seen->shown_count && i < schema_count(node); i++) {
        if (!is_picked(p, items[i].node))
            continue;
        if (items[i].node->ref != seen->shown[at].ref)
            return false;
        at++;
    }
    return at == seen->shown_count;
}

/* Arrays, sets, collections: the client's own is shorter, so places are counted in it. */
static void emit_picked_items(struct schema_pass *p, struct schema_node *node,
                              struct schema_seen *seen)
{
    const union schema_cell *items = items_of(node);
    uint32_t had, revealed = 0;

    if (p->resumed || !has_the_first(p, node, seen)) {
        schema_out_switch(&p->out, node);
        schema_out_clear(&p->out);
        seen->shown_count = 0;
    }
    had = seen->shown_count;
    for (uint32_t i = 0; i < schema_count(node); i++) {
        uint32_t index = node->kind == SCHEMA_ARRAY ? revealed : seen->next_index;

        if (!is_picked(p, items[i].node) || revealed++ < had)
            continue;
        schema_out_switch(&p->out, node);
        schema_out_item(&p->out, node, SCHEMA_ADD, index, items[i]);
        seen->next_index++;
        schema_seen_show(p->view, seen, (struct schema_shown){ .ref = items[i].node->ref });
    }
}

void schema_pass_pick(struct schema_pass *p, struct schema_node *node, struct schema_seen *seen)
{
    if (shows_the_same(p, node, seen))
        return;
    if (node->kind == SCHEMA_MAP)
        emit_picked_map(p, schema_map_of(node), seen);
    else
        emit_picked_items(p, node, seen);
}
