/* http/file_cache.h - contents of small files, plain and compressed, within a bound. Internal to
 * the http layer.
 *
 * An entry is good for one state of a file only: its stamp is compared each time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_FILE_CACHE_H
#define HTTP_FILE_CACHE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/map.h"
#include "base/msg.h"

struct file_stamp {
    uint64_t device, inode, bytes;
    int64_t modified_ns;
};

struct file_entry {
    struct list link; /* in recent */
    struct file_stamp stamp;
    struct msg *plain;   /* NULL: not loaded */
    struct msg *gzip;    /* NULL: not made */
    bool incompressible; /* gzip was tried, and did not pay */
    str path;            /* behind the struct */
};

struct file_cache {
    struct map by_path;
    struct list recent; /* the latest used first */
    size_t bytes, bytes_max;
};

struct file_stamp file_stamp_of(const struct stat *st);

void file_cache_init(struct file_cache *c, size_t bytes_max);
void file_cache_free(struct file_cache *c);
/* The entry of path in that state, made (empty) when there is none. Valid until the next call. */
struct file_entry *file_cache_get(struct file_cache *c, str path, struct file_stamp stamp);
/* Puts m (its reference goes to the cache) into a slot of e, which is empty; others may be dropped.
 */
void file_cache_put(struct file_cache *c, struct file_entry *e, struct msg **slot, struct msg *m);

#endif
