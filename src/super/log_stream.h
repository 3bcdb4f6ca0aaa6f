/* super/log_stream.h - one pipe that the logger reads, and how its lines are written.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_LOG_STREAM_H
#define SUPER_LOG_STREAM_H

#include "base/buf.h"
#include "net/loop.h"

struct log_file;

struct log_stream {
    struct list link;
    struct loop *loop;
    struct watch watch;
    char *fifo, *app, *date;
    unsigned instance;
    bool error, json, echo;
    struct log_file *file; /* NULL: none is written */
    struct buf partial;    /* of a line whose end has not come */
    /* The last writer has gone, and all is written. The stream is freed behind it. */
    void (*on_end)(struct log_stream *s);
    void *owner;
    struct loop_job reaper;
};

/* message: {"fifo","app","instance","error","json","echo","date","file","max","keep"}. NULL: the
 * pipe is not there any more. Calls nothing yet. */
struct log_stream *log_stream_open(struct loop *l, struct list *files, str message);
/* Reads what is there: call it once when the stream is set up. */
void log_stream_read(struct log_stream *s);

#endif
