/* super/logs.h - the supervisor's end of the logs: a named pipe per stream, read by the logger.
 *
 * The logger (logger.h) is a process of its own, which outlives the supervisor: it goes on writing
 * when that is dead. And when the logger dies nothing is lost either: a pipe is kept open here, and
 * has a name, so that the next logger reads on where the last one stopped.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_LOGS_H
#define SUPER_LOGS_H

#include "net/link.h"

struct service;
struct supervisor;

struct logs {
    struct supervisor *supervisor;
    struct link *link; /* NULL: no logger */
    struct watch pidfd;
    pid_t pid; /* 0: none */
    uint64_t start_ticks;
    char *socket;
    struct list streams; /* of struct log_stream */
    struct timer retry;
    uint64_t serial, loggers; /* loggers: started so far */
};

void logs_init(struct logs *l, struct supervisor *s);
void logs_close(struct logs *l); /* the logger ends by itself when the last stream has */

/* Two pipes to write to (the caller's, close-on-exec) for a process of the instance's number. */
int logs_open(struct logs *l, const struct service *s, unsigned number, int out[2], char *why)
    __attribute__((warn_unused_result));

bool logs_know(const struct logs *l, const char *fifo); /* whether that pipe is one of ours */
void logs_reopen(struct logs *l);                       /* every file: it may have been moved */
void logs_flush(struct logs *l, const char *path);      /* empties a file */

/* Where an instance's output goes. error: standard error. "" when nowhere. */
void logs_path(const struct service *s, unsigned number, bool error, char *out, size_t size);

void logs_write(const struct logs *l, struct buf *out);
void logs_adopt(struct logs *l, str record);

#endif
