/* http/file_pull.c - pieces of a file, read straight into the messages that are sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/file_pull.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"

enum { PIECE_BYTES = 64 * 1024 };

struct file_pull {
    struct http_pull pull;
    int fd;
    uint64_t at, end;
};

static void on_drain(struct http_pull *base, struct http_request *r)
{
    struct file_pull *p = container_of(base, struct file_pull, pull);
    uint64_t left = p->end - p->at;
    size_t want = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, have = 0;
    struct msg *m = msg_new(want);

    while (have < want) {
        ssize_t n = pread(p->fd, m->data + have, want - have, (off_t)(p->at + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* it became shorter: giving nothing cuts the connection */
        have += (size_t)n;
    }
    p->at += have;
    if (have == want)
        http_respond_piece_msg(r, m); /* the last one frees p */
    msg_unref(m);
}

static void on_done(struct http_pull *base, bool complete)
{
    struct file_pull *p = container_of(base, struct file_pull, pull);

    (void)complete;
    close(p->fd);
    mem_free(p);
}

void file_pull_start(struct http_request *r, const struct http_response *res, int fd,
                     uint64_t first, uint64_t end)
{
    struct file_pull *p = mem_alloc(sizeof *p);

    *p = (struct file_pull){
        .pull = { .on_drain = on_drain, .on_done = on_done }, .fd = fd, .at = first, .end = end
    };
    http_respond_stream(r, res, end - first, &p->pull);
}
