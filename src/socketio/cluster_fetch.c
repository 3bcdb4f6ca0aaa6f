/* socketio/cluster_fetch.c - another server asks which sockets there are: they are described page
 * by page, so that ten thousand of them neither hold up the loop nor fill the memory.
 *
 * Who is meant is settled when the question comes; who leaves before its page is left out.
 *
 * Start reading at sio_cluster_describe().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"
#include "socketio/cluster_parts.h"
#include "socketio/gather.h"

enum {
    PAGE_BYTES = 128 * 1024,
    PAGE_SOCKETS = 256, /* described in one iteration */
    AGAIN_MS = 5,       /* when the asker has not taken what it was sent */
    PATIENCE_MS = 60000
};

struct describing {
    struct list link; /* in cluster->describing */
    struct sio_cluster *c;
    struct request_from to;
    uint64_t *refs;
    uint32_t count, at, on_page;
    struct buf page, one; /* page: a count, then that many */
    struct timer again;
    uint64_t began_ms;
};

static void describing_free(struct describing *d)
{
    list_remove(&d->link);
    loop_timer_stop(d->c->io->engine.loop, &d->again);
    buf_free(&d->page);
    buf_free(&d->one);
    mem_free(d->refs);
    mem_free(d);
}

static void describe(struct describing *d, struct sio_socket *s)
{
    struct sio_data data;

    buf_clear(&d->one);
    d->c->io->events->on_describe(s, &d->one);
    data = (struct sio_data){ .json = buf_str(&d->one) };
    sio_write_data(&d->page, &data);
    d->on_page++;
}

static void write_page(struct describing *d)
{
    sio_write_u32(&d->page, 0);
    for (int i = 0; d->at < d->count && i < PAGE_SOCKETS && d->page.len < PAGE_BYTES; i++) {
        struct sio_socket *s = sio_socket_find(d->c->io, d->refs[d->at++]);

        if (s && sio_socket_connected(s) && d->c->io->events->on_describe)
            describe(d, s);
    }
    memcpy(d->page.data, &d->on_page, sizeof d->on_page);
}

static void on_again(struct timer *t)
{
    struct describing *d = container_of(t, struct describing, again);
    struct loop *loop = d->c->io->engine.loop;
    struct requests *requests = &d->c->exchange->requests;
    int err;

    if (d->page.len == 0)
        write_page(d);
    err = request_answer_part(requests, d->to, buf_str(&d->page), d->at == d->count);
    if (err == ATR_ELIMIT && loop->now_ms - d->began_ms < PATIENCE_MS) {
        loop_timer(loop, t, AGAIN_MS);
        return;
    }
    if (err == ATR_ELIMIT)
        request_decline(requests, d->to);
    if (err < 0 || d->at == d->count) {
        describing_free(d);
        return;
    }
    buf_clear(&d->page);
    d->on_page = 0;
    loop_timer(loop, t, 0);
}

void sio_cluster_describe(struct sio_cluster *c, struct request_from to, struct sio_namespace *n,
                          const struct sio_target *t)
{
    struct describing *d = mem_zalloc(sizeof *d);
    struct sio_gathered all;

    sio_gather(n, t, &all);
    *d = (struct describing){
        .c = c, .to = to, .count = all.count, .began_ms = c->io->engine.loop->now_ms
    };
    list_init(&d->link);
    list_append(&c->describing, &d->link);
    timer_init(&d->again, on_again);
    d->refs = mem_alloc(all.count * sizeof *d->refs + 1);
    for (uint32_t i = 0; i < all.count; i++)
        d->refs[i] = all.sockets[i]->ref;
    sio_gathered_free(&all);
    write_page(d);
    if (d->at < d->count) {
        loop_timer(c->io->engine.loop, &d->again, 0);
        return;
    }
    (void)request_answer(&c->exchange->requests, to, buf_str(&d->page));
    describing_free(d);
}

void sio_cluster_describe_no_more(struct sio_cluster *c)
{
    while (!list_empty(&c->describing)) {
        struct describing *d = container_of(c->describing.next, struct describing, link);

        request_decline(&c->exchange->requests, d->to);
        describing_free(d);
    }
}
