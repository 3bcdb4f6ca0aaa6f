/* hub/stream.c - see stream.h.
 *
 * Invariants
 *   - the ring holds the entries last - count + 1 to last, oldest first dropped;
 *   - an entry is one block: the record, its messages, the marks of its names, their characters;
 *   - names are compared by their hashes first: most entries are told apart from what a reader
 *     wants without a look at their characters.
 *
 * A reader's groups are known only as they are at the end. So the notes about it are undone from
 * the end back to where it starts, and done again on the way forward.
 *
 * Start reading at hub_stream_add() and hub_stream_each().
 *
 * SPDX-License-Identifier: MIT
 */
#include "hub/stream.h"

#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slab.h"

enum kind { PACKET, JOINED, LEFT };
enum { FIRST_CAP = 64 };

struct mark {
    uint32_t hash, len;
};

struct hub_entry {
    uint64_t at_ms;
    size_t bytes;
    uint32_t msg_count, group_count, except_count;
    uint8_t kind;  /* enum kind; of notes the group is the only one in groups */
    bool only;     /* the first name is the only one it went to (or that moved) */
    bool sender;   /* the first name is left out */
    uint8_t class; /* of the block */
    struct msg *msgs[];
};

/* A name with its hash; names of entries are read one behind the other. */
struct name {
    uint32_t hash;
    str text;
};

static struct name name_of(str text)
{
    return (struct name){ (uint32_t)map_hash(text), text };
}

static bool same(const struct name *a, const struct name *b)
{
    return a->hash == b->hash && str_eq(a->text, b->text);
}

/* --- Entries --- */

struct names {
    const struct mark *mark;
    const char *text;
};

static size_t first_names(const struct hub_entry *e)
{
    return e->only || e->sender;
}

static struct names names_of(const struct hub_entry *e)
{
    const struct mark *marks = (const struct mark *)(const void *)(e->msgs + e->msg_count);
    size_t count = first_names(e) + e->group_count + e->except_count;

    return (struct names){ marks, (const char *)(marks + count) };
}

static struct name next_name(struct names *at)
{
    struct name n = { at->mark->hash, { at->text, at->mark->len } };

    at->text += at->mark->len;
    at->mark++;
    return n;
}

struct writing {
    struct mark *mark;
    char *text;
};

static void put_name(struct writing *w, str name)
{
    *w->mark++ = (struct mark){ (uint32_t)map_hash(name), (uint32_t)name.n };
    if (name.n)
        memcpy(w->text, name.p, name.n);
    w->text += name.n;
}

static size_t text_bytes(const struct hub_audience *to)
{
    size_t n = to->only.n + to->sender.n;

    for (size_t i = 0; i < to->group_count; i++)
        n += to->groups[i].n;
    for (size_t i = 0; i < to->except_count; i++)
        n += to->except[i].n;
    return n;
}

static struct hub_entry *entry_new(enum kind kind, struct msg *const *msgs, size_t n,
                                   const struct hub_audience *to)
{
    bool only = to->only.n, sender = !only && to->sender.n;
    size_t names = only + sender + to->group_count + to->except_count, size;
    struct hub_entry *e;
    struct writing w;
    uint8_t class;

    size = sizeof *e + n * sizeof *msgs + names * sizeof(struct mark) + text_bytes(to);
    e = slab_alloc(size, &class);
    *e = (struct hub_entry){ .msg_count = (uint32_t)n,
                             .group_count = (uint32_t)to->group_count,
                             .except_count = (uint32_t)to->except_count,
                             .kind = (uint8_t)kind,
                             .only = only,
                             .sender = sender,
                             .class = class };
    e->bytes = (class == SLAB_BIG ? size : slab_size(class)) + sizeof e;
    for (size_t i = 0; i < n; i++) {
        e->msgs[i] = msg_ref(msgs[i]);
        e->bytes += sizeof *msgs[i] + msgs[i]->len;
    }
    w.mark = (struct mark *)(void *)(e->msgs + n);
    w.text = (char *)(w.mark + names);
    if (only || sender)
        put_name(&w, only ? to->only : to->sender);
    for (size_t i = 0; i < to->group_count; i++)
        put_name(&w, to->groups[i]);
    for (size_t i = 0; i < to->except_count; i++)
        put_name(&w, to->except[i]);
    return e;
}

static void entry_free(struct hub_entry *e)
{
    for (uint32_t i = 0; i < e->msg_count; i++)
        msg_unref(e->msgs[i]);
    slab_free(e, e->class);
}

/* --- The ring --- */

void hub_stream_init(struct hub_stream *s, size_t bytes_max)
{
    *s = (struct hub_stream){ .bytes_max = bytes_max };
}

void hub_stream_fini(struct hub_stream *s)
{
    hub_stream_clear(s);
}

static inline struct hub_entry **place(const struct hub_stream *s, uint64_t number)
{
    return &s->ring[number & (s->cap - 1)];
}

static inline uint64_t first_number(const struct hub_stream *s)
{
    return s->last - s->count + 1;
}

static void drop_first(struct hub_stream *s)
{
    struct hub_entry *e = *place(s, first_number(s));

    s->count--;
    s->bytes -= e->bytes;
    s->dropped_ms = e->at_ms;
    entry_free(e);
}

static void grow(struct hub_stream *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
    struct hub_entry **ring = mem_alloc(cap * sizeof(struct hub_entry *));

    for (uint64_t n = first_number(s); n <= s->last; n++)
        ring[n & (cap - 1)] = *place(s, n);
    mem_free(s->ring);
    s->ring = ring;
    s->cap = cap;
}

static void append(struct hub_stream *s, uint64_t now_ms, struct hub_entry *e)
{
    if (s->count == s->cap)
        grow(s);
    e->at_ms = now_ms;
    *place(s, ++s->last) = e;
    s->count++;
    s->bytes += e->bytes;
    while (s->bytes > s->bytes_max && s->count) {
        drop_first(s);
        s->dropped_for_want_bytes++;
    }
}

void hub_stream_add(struct hub_stream *s, uint64_t now_ms, struct msg *const *msgs, size_t n,
                    const struct hub_audience *to)
{
    append(s, now_ms, entry_new(PACKET, msgs, n, to));
}

void hub_stream_moved(struct hub_stream *s, uint64_t now_ms, str member, str group, bool joined)
{
    struct hub_audience a = { .only = member, .groups = &group, .group_count = 1 };

    append(s, now_ms, entry_new(joined ? JOINED : LEFT, NULL, 0, &a));
}

void hub_stream_expire(struct hub_stream *s, uint64_t before_ms)
{
    while (s->count && (*place(s, first_number(s)))->at_ms < before_ms)
        drop_first(s);
    if (s->count == 0)
        hub_stream_clear(s);
}

void hub_stream_clear(struct hub_stream *s)
{
    while (s->count)
        drop_first(s);
    mem_free(s->ring);
    s->ring = NULL;
    s->cap = 0;
}

uint64_t hub_stream_oldest(const struct hub_stream *s)
{
    return s->count ? (*place(s, first_number(s)))->at_ms : 0;
}

/* --- Reading --- */

bool hub_stream_holds(const struct hub_stream *s, uint64_t after, uint64_t since_ms)
{
    if (after > s->last)
        return false;
    return after + 1 >= first_number(s) || s->dropped_ms < since_ms;
}

/* The reader with its groups at one moment. */
struct view {
    struct name name;
    struct name *groups;
    size_t count, cap;
};

static bool in_group(const struct view *v, const struct name *group)
{
    for (size_t i = 0; i < v->count; i++) {
        if (same(&v->groups[i], group))
            return true;
    }
    return false;
}

static void set_in(struct view *v, const struct name *group, bool in)
{
    for (size_t i = 0; i < v->count; i++) {
        if (same(&v->groups[i], group)) {
            if (!in)
                v->groups[i] = v->groups[--v->count];
            return;
        }
    }
    if (!in)
        return;
    if (v->count == v->cap) {
        v->cap = v->cap * 2 + 8;
        v->groups = mem_realloc(v->groups, v->cap * sizeof *v->groups);
    }
    v->groups[v->count++] = *group;
}

/* Does or undoes a note, if it is about the reader. */
static void apply(struct view *v, const struct hub_entry *e, bool undo)
{
    struct names at = names_of(e);
    struct name who = next_name(&at), group = next_name(&at);

    if (same(&who, &v->name))
        set_in(v, &group, (e->kind == JOINED) != undo);
}

static bool went_to(const struct view *v, const struct hub_entry *e)
{
    struct names at = names_of(e);
    bool wanted = e->group_count == 0;

    if (first_names(e)) {
        struct name first = next_name(&at);

        if (same(&first, &v->name) != e->only)
            return false;
    }
    for (uint32_t i = 0; i < e->group_count; i++) {
        struct name group = next_name(&at);

        wanted = wanted || in_group(v, &group);
    }
    for (uint32_t i = 0; wanted && i < e->except_count; i++) {
        struct name group = next_name(&at);

        wanted = !in_group(v, &group);
    }
    return wanted;
}

static void view_init(struct view *v, const struct hub_reader *r)
{
    *v = (struct view){ .name = name_of(r->name) };
    for (size_t i = 0; i < r->group_count; i++) {
        struct name group = name_of(r->groups[i]);

        set_in(v, &group, true);
    }
}

size_t hub_stream_each(const struct hub_stream *s, uint64_t after, const struct hub_reader *r,
                       void (*fn)(void *arg, struct msg *const *msgs, size_t n), void *arg)
{
    uint64_t from = after + 1 > first_number(s) ? after + 1 : first_number(s);
    size_t found = 0;
    struct view v;

    if (s->count == 0)
        return 0;
    view_init(&v, r);
    for (uint64_t n = s->last; n >= from; n--) {
        const struct hub_entry *e = *place(s, n);

        if (e->kind != PACKET)
            apply(&v, e, true);
    }
    for (uint64_t n = from; n <= s->last; n++) {
        const struct hub_entry *e = *place(s, n);

        if (e->kind != PACKET) {
            apply(&v, e, false);
        } else if (went_to(&v, e)) {
            found++;
            if (fn)
                fn(arg, e->msgs, e->msg_count);
        }
    }
    mem_free(v.groups);
    return found;
}
