/* api/engine_handover.c - sockets of bare engines that go on in another process.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <unistd.h>

#include "api/engine.h"
#include "base/mem.h"
#include "engineio/handover.h"
#include "proto/frozen.h"

enum { VERSION = 1 };

static void on_announce(struct loop_job *job)
{
    atr_engine *e = container_of(job, atr_engine, announce);
    struct buf refs = e->arrived;
    uint64_t ref;

    e->arrived = (struct buf){ 0 };
    for (size_t at = 0; at < refs.len; at += sizeof ref) {
        struct eio_session *s;

        memcpy(&ref, refs.data + at, sizeof ref);
        if ((s = id_get(&e->sockets, ref)))
            engine_announce(container_of(s, atr_engine_socket, session));
        if (id_get(&e->sockets, ref) == s && s)
            eio_session_release(s);
    }
    buf_free(&refs);
}

void engine_handover_init(atr_engine *e)
{
    loop_job_init(&e->announce, on_announce);
}

void engine_handover_free(atr_engine *e)
{
    list_remove(&e->announce.link);
    buf_free(&e->arrived);
}

void engines_each_session(atr_app *app, bool (*fn)(void *arg, struct eio_session *s), void *arg)
{
    struct list *at, *after;

    for (struct list *e = app->engines.next; e != &app->engines; e = e->next) {
        list_each(at, after, &container_of(e, atr_engine, link)->server.all)
        {
            struct eio_session *s = container_of(at, struct eio_session, link);

            if (s->state == EIO_STATE_OPEN && !fn(arg, s))
                return;
        }
    }
}

int engine_session_freeze(struct eio_session *s, struct buf *out, int *fd)
{
    atr_engine *e = s->server->owner;
    atr_engine_socket *socket = container_of(s, atr_engine_socket, session);
    size_t before = out->len;
    struct frozen_writer w;
    int err;

    if (!socket->announced)
        return -EAGAIN;
    frozen_begin(&w, out, VERSION);
    frozen_put_bytes(&w, "path", e->server.options.path);
    frozen_end(&w);
    if ((err = eio_session_freeze(s, out, fd)) < 0) {
        out->len = before;
        return err;
    }
    id_remove(&e->sockets, socket->ref);
    eio_session_bury(s);
    return 0;
}

static atr_engine *find(atr_app *app, str path)
{
    for (struct list *at = app->engines.next; at != &app->engines; at = at->next) {
        atr_engine *e = container_of(at, atr_engine, link);
        if (str_eq(e->server.options.path, path))
            return e;
    }
    return NULL;
}

static int give_up(int fd, int err)
{
    if (fd >= 0)
        close(fd);
    return err;
}

int engines_thaw(atr_app *app, str in, int fd)
{
    atr_engine_socket *socket;
    struct eio_session *s;
    struct frozen f;
    atr_engine *e;
    size_t used;

    if (frozen_open(&f, in, &used) < 0)
        return give_up(fd, ATR_ESYNTAX);
    if (!(e = find(app, frozen_bytes(&f, "path"))))
        return give_up(fd, ATR_EUNKNOWN);
    if (!(s = eio_session_thaw(&e->server, str_n(in.p + used, in.n - used), &used, fd)))
        return ATR_ESYNTAX;
    socket = container_of(s, atr_engine_socket, session);
    socket->handed_over = true;
    socket->ref = id_add(&e->sockets, s);
    buf_append(&e->arrived, &socket->ref, sizeof socket->ref);
    loop_defer(&app->loop, &e->announce);
    return 0;
}
