/* http/file_cache.c - least recently used goes first.
 *
 * Invariant: bytes is the sum of the messages and the fixed cost of all entries; it exceeds
 * bytes_max at most by the entry in use.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/file_cache.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

struct file_stamp file_stamp_of(const struct stat *st)
{
    return (struct file_stamp){ .device = st->st_dev,
                                .inode = st->st_ino,
                                .bytes = (uint64_t)st->st_size,
                                .modified_ns = st->st_mtim.tv_sec * INT64_C(1000000000) +
                                               st->st_mtim.tv_nsec };
}

static bool same(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->modified_ns == b->modified_ns;
}

static size_t cost(const struct file_entry *e)
{
    return sizeof *e + e->path.n + (e->plain ? e->plain->len : 0) + (e->gzip ? e->gzip->len : 0);
}

static void drop(struct file_cache *c, struct file_entry *e)
{
    c->bytes -= cost(e);
    list_remove(&e->link);
    map_remove(&c->by_path, e->path);
    if (e->plain)
        msg_unref(e->plain);
    if (e->gzip)
        msg_unref(e->gzip);
    mem_free(e);
}

/* Drops the oldest until the rest fits, but never the one in use, which is the newest. */
static void shrink(struct file_cache *c)
{
    while (c->bytes > c->bytes_max && c->recent.prev != c->recent.next)
        drop(c, container_of(c->recent.prev, struct file_entry, link));
}

void file_cache_init(struct file_cache *c, size_t bytes_max)
{
    *c = (struct file_cache){ .bytes_max = bytes_max };
    list_init(&c->recent);
}

void file_cache_free(struct file_cache *c)
{
    while (!list_empty(&c->recent))
        drop(c, container_of(c->recent.next, struct file_entry, link));
    map_free(&c->by_path);
}

/* Moves e to the front. */
static struct file_entry *use(struct file_cache *c, struct file_entry *e)
{
    list_remove(&e->link);
    list_append(c->recent.next, &e->link); /* before the first */
    return e;
}

struct file_entry *file_cache_get(struct file_cache *c, str path, struct file_stamp stamp)
{
    struct file_entry *e = map_get(&c->by_path, path);
    char *text;

    if (e && same(&e->stamp, &stamp))
        return use(c, e);
    if (e)
        drop(c, e);
    e = mem_zalloc(sizeof *e + path.n);
    text = (char *)(e + 1);
    memcpy(text, path.p, path.n);
    e->stamp = stamp;
    e->path = str_n(text, path.n);
    list_init(&e->link);
    map_put(&c->by_path, e->path, e);
    c->bytes += cost(e);
    use(c, e);
    shrink(c);
    return e;
}

void file_cache_put(struct file_cache *c, struct file_entry *e, struct msg **slot, struct msg *m)
{
    ASSERT(*slot == NULL);
    ASSERT(c->recent.next == &e->link);
    *slot = m;
    c->bytes += m->len;
    shrink(c);
}
