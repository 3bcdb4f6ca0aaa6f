/* proto/schema_map.c - maps from texts to values, in the order of insertion.
 *
 * On the wire each key has an index. A key that is removed and comes back before the next patch
 * keeps its own, so its entry stays (gone) until then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/schema_container.h"

#include "base/utf8.h"

static str key_of(const struct schema_entry *e)
{
    return (str){ e->key, e->key_len };
}

static void journal(struct schema_map *m, struct schema_entry *e)
{
    if (!m->node.known || e->queued)
        return; /* the first time all entries are sent */
    if (m->journaled == m->journal_cap) {
        m->journal_cap = m->journal_cap ? m->journal_cap * 2 : 8;
        m->journal = mem_realloc(m->journal, m->journal_cap * sizeof *m->journal);
    }
    m->journal[m->journaled++] = e;
    e->queued = true;
}

static void compact(struct schema_map *m)
{
    uint32_t to = 0;

    for (uint32_t i = 0; i < m->used; i++) {
        if (!m->order[i])
            continue;
        m->order[to] = m->order[i];
        m->order[to]->at = to;
        to++;
    }
    m->used = to;
}

static void append(struct schema_map *m, struct schema_entry *e)
{
    if (m->used == m->cap && m->keys.count <= m->used / 2)
        compact(m);
    if (m->used == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 8;
        m->order = mem_realloc(m->order, m->cap * sizeof *m->order);
    }
    e->at = m->used;
    m->order[m->used++] = e;
}

static void free_entry(struct schema_map *m, struct schema_entry *e)
{
    (void)map_remove(&m->keys, key_of(e));
    m->order[e->at] = NULL;
    schema_account(&m->node, -(ptrdiff_t)(sizeof *e + e->key_len));
    mem_free(e);
}

static int add(struct schema_map *m, str key, struct schema_value value)
{
    struct schema_entry *e;
    union schema_cell made;
    size_t bytes = sizeof *e + key.n;
    int err;

    if (key.n > UINT16_MAX || m->next_index == UINT32_MAX)
        return ATR_ELIMIT;
    if (!utf8_valid(key.p, key.n))
        return ATR_EENCODING;
    if ((err = schema_item_make(&m->node, value, bytes, &made)) < 0)
        return err;
    e = mem_zalloc(bytes);
    e->cell = made;
    e->index = m->next_index++;
    e->key_len = (uint32_t)key.n;
    if (key.n)
        memcpy(e->key, key.p, key.n);
    (void)map_put(&m->keys, key_of(e), e);
    append(m, e);
    m->count++;
    schema_account(&m->node, (ptrdiff_t)bytes);
    journal(m, e);
    schema_item_added(&m->node, made);
    return 0;
}

static int change(struct schema_map *m, struct schema_entry *e, struct schema_value value)
{
    unsigned kind = m->node.child_kind;
    union schema_cell made, old = e->cell;
    int err;

    if (!e->gone && schema_is_object(kind) && value.kind == SCHEMA_VALUE_NODE &&
        value.node == old.node)
        return 0;
    if ((err = schema_item_make(&m->node, value, 0, &made)) < 0)
        return err;
    if (!e->gone && schema_cells_equal(kind, old, made)) {
        schema_cell_free(kind, made);
        return 0;
    }
    journal(m, e);
    schema_item_added(&m->node, made);
    if (e->gone)
        m->count++;
    else
        schema_item_removed(&m->node, old);
    e->gone = false;
    e->cell = made;
    return 0;
}

static void remove_entry(struct schema_map *m, struct schema_entry *e)
{
    union schema_cell old = e->cell;

    if (e->gone)
        return;
    m->count--;
    if (m->node.known && e->known) {
        journal(m, e);
        e->gone = e->dropped = true;
    } else if (e->queued) {
        e->gone = true; /* the journal points to it */
    } else {
        free_entry(m, e);
    }
    schema_item_removed(&m->node, old);
}

int schema_map_set(struct schema_node *map, str key, struct schema_value value)
{
    struct schema_map *m = schema_map_of(map);
    struct schema_entry *e;

    if (map->kind != SCHEMA_MAP)
        return ATR_ETYPE;
    e = map_get(&m->keys, key);
    if (value.kind != SCHEMA_VALUE_NONE)
        return e ? change(m, e, value) : add(m, key, value);
    if (e)
        remove_entry(m, e);
    return 0;
}

struct schema_value schema_map_get(const struct schema_node *map, str key)
{
    const struct schema_entry *e;

    if (map->kind != SCHEMA_MAP)
        return (struct schema_value){ 0 };
    e = map_get(&schema_map_of(map)->keys, key);
    return e && !e->gone ? schema_cell_value(map->child_kind, e->cell) : (struct schema_value){ 0 };
}

bool schema_map_next(const struct schema_node *map, uint32_t *at, str *key,
                     struct schema_value *value)
{
    const struct schema_map *m = schema_map_of(map);

    if (map->kind != SCHEMA_MAP)
        return false;
    while (*at < m->used) {
        const struct schema_entry *e = m->order[(*at)++];

        if (!e || e->gone)
            continue;
        *key = key_of(e);
        *value = schema_cell_value(map->child_kind, e->cell);
        return true;
    }
    return false;
}

void schema_map_clear(struct schema_map *m)
{
    bool told = m->node.known;

    if (m->count == 0)
        return;
    /* Entries first leave the map, then let go of what they hold. */
    m->node.known = false;
    m->journaled = 0;
    for (uint32_t i = 0; i < m->used; i++) {
        struct schema_entry *e = m->order[i];

        if (!e)
            continue;
        e->queued = false;
        if (e->gone)
            free_entry(m, e);
        else
            remove_entry(m, e);
    }
    m->used = 0;
    m->next_index = 0;
    m->node.known = told;
    m->cleared = told;
}

/* Clients have what is there, and have forgotten what is gone. */
void schema_map_sent(struct schema_map *m)
{
    if (!m->node.known) {
        for (uint32_t i = 0; i < m->used; i++) {
            if (m->order[i])
                m->order[i]->known = true;
        }
    }
    for (uint32_t i = 0; i < m->journaled; i++) {
        struct schema_entry *e = m->journal[i];

        e->queued = e->dropped = false;
        e->known = true;
        if (e->gone)
            free_entry(m, e);
    }
    m->journaled = 0;
    m->cleared = false;
}

void schema_map_forget(struct schema_map *m)
{
    schema_map_sent(m);
    for (uint32_t i = 0; i < m->used; i++) {
        if (m->order[i])
            m->order[i]->known = false;
    }
}

void schema_map_free(struct schema_map *m)
{
    for (uint32_t i = 0; i < m->used; i++) {
        struct schema_entry *e = m->order[i];

        if (!e)
            continue;
        if (!e->gone)
            schema_cell_free(m->node.child_kind, e->cell);
        mem_free(e);
    }
    map_free(&m->keys);
    mem_free(m->order);
    mem_free(m->journal);
    mem_free(m);
}
