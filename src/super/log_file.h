/* super/log_file.h - a file that lines are appended to, by one or several streams; put aside by
 * size.
 *
 * Opened with O_APPEND, so that somebody may empty it meanwhile. What cannot be written (a full
 * disk) is dropped and counted: nobody waits for a disk, and nobody's program ends for its log.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_LOG_FILE_H
#define SUPER_LOG_FILE_H

#include "base/list.h"
#include "base/str.h"

struct log_file {
    struct list link;
    char *path;
    int fd; /* -1: could not be opened; tried again */
    unsigned users;
    uint64_t bytes, bytes_max; /* 0: never put aside */
    uint64_t dropped;          /* lines */
    unsigned keep;
    bool failing; /* that was said */
};

/* The one of that path in files, or a new one; a user more. */
struct log_file *log_file_use(struct list *files, const char *path);
void log_file_leave(struct log_file *f); /* a user less; frees it with the last */

void log_file_append(struct log_file *f, str lines); /* whole lines */
void log_file_reopen(struct log_file *f);
void log_file_empty(struct log_file *f);

#endif
