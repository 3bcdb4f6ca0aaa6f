/* proto/schema_view_encode.c - what a view's client gets beside what all get.
 *
 * Nothing is recorded when objects are added to or removed from a view: each encoding finds out
 * what is visible, compares it with what the client has (struct schema_seen), and writes the
 * difference. First up, from what was added to the public objects above it, noting the edges that
 * lead back; then down along these. The cost is that of what the client sees, not of what there is.
 *
 * Start reading at encode().
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_pass.h"

#include "base/assert.h"

/* --- Up --- */

static void note_edge(struct schema_view *view, struct schema_node *holder,
                      struct schema_node *child)
{
    if (holder->edges != SCHEMA_NO_EDGE && view->edges[holder->edges].child == child)
        return; /* it hangs there twice */
    if (view->edge_count == view->edge_cap) {
        view->edge_cap = view->edge_cap ? view->edge_cap * 2 : 16;
        view->edges = mem_realloc(view->edges, view->edge_cap * sizeof *view->edges);
    }
    view->edges[view->edge_count] = (struct schema_edge){ child, holder->edges };
    holder->edges = view->edge_count++;
}

/* seen: of node, if it is at hand. */
static void climb(struct schema_pass *p, struct schema_node *node, struct schema_seen *seen)
{
    if (node->pass == p->stamp)
        return;
    node->pass = p->stamp;
    node->edges = SCHEMA_NO_EDGE;
    if (!seen)
        seen = schema_seen_get(p->view, node);
    if (node->shown)
        return; /* the way down begins here */
    seen->on_way = true;
    for (uint32_t i = 0; i < node->holder_count; i++) {
        struct schema_node *holder = node->holders ? node->holders[i] : node->holder;

        if (!holder->root)
            continue;
        climb(p, holder, NULL);
        note_edge(p->view, holder, node);
    }
}

/* --- Down: containers --- */

static void emit(struct schema_pass *p, struct schema_node *node, bool picked);

static void emit_child(struct schema_node *holder, struct schema_node *child, bool open, void *user)
{
    (void)holder, (void)open;
    if (!child->shown)
        emit(user, child, false);
}

static void emit_revealed(struct schema_pass *p, struct schema_node *container)
{
    if (container->pass != p->stamp)
        return;
    for (uint32_t i = container->edges; i != SCHEMA_NO_EDGE; i = p->view->edges[i].next)
        emit(p, p->view->edges[i].child, false);
}

/* A container that shows all that is in it. */
static void emit_whole(struct schema_pass *p, struct schema_node *node, struct schema_seen *seen)
{
    if (seen->whole) {
        if (node->queued)
            schema_out_container_changes(&p->out, node);
    } else {
        if (seen->stale || p->resumed)
            schema_pass_clear(p, node);
        if (schema_count(node) > 0) {
            schema_out_switch(&p->out, node);
            schema_out_container(&p->out, node);
        }
        seen->whole = true;
        seen->stale = false;
    }
    schema_each_child(node, emit_child, p);
}

/* --- Down: instances --- */

/* Which fields the client is to have through the view. */
static uint64_t wanted_fields(const struct schema_pass *p, const struct schema_struct *s,
                              uint32_t marks)
{
    const struct schema_type *type = s->node.type;
    uint64_t wanted = s->node.shown ? 0 : s->present & ~type->tagged;

    for (uint64_t left = s->present & type->tagged; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        int32_t tag = type->fields[i].spec.tag;

        if ((tag == SCHEMA_TAG ? marks : marks & (uint32_t)tag) ||
            ((type->objects >> i & 1) && schema_is_revealed(p, s->cells[i].node)))
            wanted |= SCHEMA_BIT(i);
    }
    return wanted;
}

/* Before another container comes to where the client has this one: see empty_first() of
 * schema_node.c. */
static void clear_replaced(struct schema_pass *p, uint32_t ref)
{
    schema_out_room(&p->out, 2 * SCHEMA_OP_MAX);
    *p->out.at++ = SCHEMA_SWITCH;
    p->out.at = schema_put_uint(p->out.at, ref);
    *p->out.at++ = SCHEMA_CLEAR;
    p->out.current = ref;
    p->out.started = true;
}

static bool is_replaced(const struct schema_struct *s, const struct schema_seen *seen, unsigned i)
{
    return (s->node.type->objects >> i & 1) && seen->refs[i] != s->cells[i].node->ref;
}

static void clear_all_replaced(struct schema_pass *p, const struct schema_struct *s,
                               const struct schema_seen *seen, uint64_t bits)
{
    for (bits &= s->node.type->objects; bits; bits &= bits - 1) {
        unsigned i = (unsigned)__builtin_ctzll(bits);
        const struct schema_spec *spec = &s->node.type->fields[i].spec;

        if (spec->kind > SCHEMA_REF && spec->child == SCHEMA_REF && is_replaced(s, seen, i))
            clear_replaced(p, seen->refs[i]);
    }
}

static void emit_fields(struct schema_pass *p, const struct schema_struct *s,
                        struct schema_seen *seen, uint64_t wanted)
{
    const struct schema_node *untold = NULL;

    clear_all_replaced(p, s, seen, wanted & seen->fields);
    for (uint64_t left = wanted | seen->fields; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        uint64_t bit = SCHEMA_BIT(i);
        bool object = s->node.type->objects & bit;
        uint8_t op = SCHEMA_ADD;

        if (!(wanted & bit))
            op = SCHEMA_DELETE;
        else if ((seen->fields & bit) && object)
            op = SCHEMA_DELETE_AND_ADD;
        if ((wanted & seen->fields & bit) && !(object ? is_replaced(s, seen, i) : s->dirty & bit))
            continue;
        schema_out_switch(&p->out, &s->node);
        schema_out_field(&p->out, s, i, op, &untold);
        if (object && op != SCHEMA_DELETE)
            seen->refs[i] = s->cells[i].node->ref;
    }
    seen->fields = wanted;
}

static void emit_instance(struct schema_pass *p, struct schema_node *node, struct schema_seen *seen)
{
    const struct schema_struct *s = schema_struct_of(node);
    const struct schema_type *type = node->type;
    uint64_t wanted = wanted_fields(p, s, seen->marks);

    if (!seen->refs && type->objects) {
        seen->refs = mem_zalloc(type->count * sizeof *seen->refs);
        p->view->bytes += type->count * sizeof *seen->refs;
    }
    emit_fields(p, s, seen, wanted);
    for (uint64_t left = wanted & type->objects; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        const struct schema_spec *spec = &type->fields[i].spec;

        if (!s->cells[i].node->shown)
            emit(p, s->cells[i].node, spec->tag != 0 && spec->kind > SCHEMA_REF);
    }
}

/* picked: it hangs in a tagged field, so of its objects it shows those that were added. */
static void emit(struct schema_pass *p, struct schema_node *node, bool picked)
{
    struct schema_seen *seen;

    if (node->emitted == p->stamp)
        return;
    node->emitted = p->stamp;
    seen = schema_seen_get(p->view, node);
    seen->pass = p->stamp;
    if (node->kind == SCHEMA_REF) {
        emit_instance(p, node, seen);
        return;
    }
    if (!picked || !schema_is_object(node->child_kind)) {
        emit_whole(p, node, seen);
        return;
    }
    schema_pass_pick(p, node, seen);
    emit_revealed(p, node);
}

/* An object that all see, where the way down begins. Containers among them have no fields. */
static void emit_public(struct schema_pass *p, struct schema_node *node, struct schema_seen *seen)
{
    const struct schema_type *type = node->type;

    seen->pass = p->stamp;
    if (node->kind != SCHEMA_REF)
        return;
    /* As it was: nothing hangs in its tagged fields, nothing was set, nothing added. */
    if (!(type->tagged & type->objects) && !node->queued && !p->view->changed && !p->all)
        return;
    emit_instance(p, node, seen);
}

/* --- The whole of it --- */

static void encode(struct schema_pass *p, struct buf *out)
{
    struct schema_view *view = p->view;
    struct list *l, *next;

    schema_out_begin(&p->out, view->root, out);
    p->stamp = schema_next_stamp(view->root->registry);
    view->edge_count = 0;
    for (l = view->order.next; l != &view->order; l = l->next) {
        struct schema_seen *seen = container_of(l, struct schema_seen, in_view);

        seen->on_way = seen->on_way && !seen->node->shown;
        if (seen->marks || seen->on_way)
            climb(p, seen->node, seen);
    }
    for (l = view->order.next; l != &view->order; l = l->next) {
        struct schema_seen *seen = container_of(l, struct schema_seen, in_view);

        if (seen->node->shown)
            emit_public(p, seen->node, seen);
    }
    for (l = view->order.next; l != &view->order; l = next) {
        struct schema_seen *seen = container_of(l, struct schema_seen, in_view);

        next = l->next;
        if (seen->pass == p->stamp && (seen->fields || !seen->node->shown))
            continue;
        if (seen->pass != p->stamp)
            schema_seen_forget(seen); /* out of sight */
        if (!seen->marks && !seen->on_way)
            schema_seen_drop(view, seen);
    }
    schema_out_end(&p->out);
    view->changed = false;
    view->patch = view->root->patch;
}

void schema_view_encode(struct schema_view *view, struct buf *out)
{
    struct schema_pass p = { .view = view };

    ASSERT(list_empty(&view->root->fallen)); /* schema_encode() comes first */
    if (!view->begun)
        return;
    if (!view->changed && list_empty(&view->root->dirty)) {
        view->patch = view->root->patch;
        return;
    }
    encode(&p, out);
}

int schema_view_encode_all(struct schema_view *view, bool resumed, struct buf *out)
{
    struct schema_pass p = { .view = view, .all = true, .resumed = resumed };

    if (schema_changed(view->root))
        return ATR_ESTATE;
    for (struct list *l = view->order.next; l != &view->order; l = l->next)
        schema_seen_forget(container_of(l, struct schema_seen, in_view));
    encode(&p, out);
    view->begun = true;
    view->patch = view->root->patch - 1; /* the next patch is still to come */
    return 0;
}
