/* api/socket.c - sockets: who they are, what they say, the rooms they are in.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/io.h"

#include "api/request.h"
#include "base/mem.h"
#include "net/drain.h"
#include "proto/http1_kept.h"
#include "proto/json.h"

atr_ref atr_socket_ref(const atr_socket *s)
{
    return socket_in(s)->ref;
}

atr_socket *atr_socket_find(atr_io *io, atr_ref ref)
{
    return socket_out(sio_socket_find(&io->server, ref));
}

atr_socket *atr_namespace_socket(atr_namespace *n, atr_str id)
{
    return socket_out(sio_namespace_socket(n->inner, str_in(id)));
}

atr_str atr_socket_id(const atr_socket *s)
{
    return str_out(sio_socket_id(socket_in(s)));
}

atr_namespace *atr_socket_namespace(const atr_socket *s)
{
    return namespace_of(socket_in(s));
}

void atr_socket_set_user(atr_socket *s, void *user)
{
    socket_in(s)->user = user;
}

void *atr_socket_user(const atr_socket *s)
{
    return socket_in(s)->user;
}

int atr_socket_connected(const atr_socket *s)
{
    return sio_socket_alive(socket_in(s));
}

/* --- Handshake --- */

atr_str atr_socket_auth(const atr_socket *s)
{
    const struct sio_socket *in = socket_in(s);

    return (atr_str){ in->auth, in->auth_len };
}

atr_str atr_socket_header(const atr_socket *s, atr_str name)
{
    return str_out(http1_kept_header(sio_socket_handshake(socket_in(s))->head, str_in(name)));
}

void atr_socket_headers(const atr_socket *s, void (*fn)(void *arg, atr_str name, atr_str value),
                        void *arg)
{
    head_each_header(sio_socket_handshake(socket_in(s))->head, fn, arg);
}

void atr_socket_query(const atr_socket *s, void (*fn)(void *arg, atr_str name, atr_str value),
                      void *arg)
{
    str url = http1_kept_target(sio_socket_handshake(socket_in(s))->head);
    ptrdiff_t mark = str_find(url, '?');

    if (mark >= 0)
        query_each(str_n(url.p + mark + 1, url.n - (size_t)mark - 1), fn, arg);
}

atr_str atr_socket_address(const atr_socket *s)
{
    return str_out(sio_socket_handshake(socket_in(s))->address);
}

atr_str atr_socket_url(const atr_socket *s)
{
    return str_out(http1_kept_target(sio_socket_handshake(socket_in(s))->head));
}

int64_t atr_socket_issued(const atr_socket *s)
{
    return sio_socket_handshake(socket_in(s))->issued_ms;
}

int atr_socket_secure(const atr_socket *s)
{
    return sio_socket_handshake(socket_in(s))->secure;
}

atr_str atr_socket_client_cert(const atr_socket *s, int *verified)
{
    const struct sio_handshake *h = sio_socket_handshake(socket_in(s));

    if (verified)
        *verified = h->client_verified;
    return str_out(sio_handshake_client_cert(h));
}

const char *atr_socket_transport(const atr_socket *s)
{
    return eio_session_on_websocket(sio_socket_session(socket_in(s))) ? "websocket" : "polling";
}

int atr_socket_protocol(const atr_socket *s)
{
    return sio_socket_session(socket_in(s))->eio3 ? 3 : 4;
}

atr_str atr_socket_connection_id(const atr_socket *s)
{
    return str_out(eio_session_sid(sio_socket_session(socket_in(s))));
}

size_t atr_socket_buffered(const atr_socket *s)
{
    struct eio_session *session = sio_socket_session(socket_in(s));
    size_t bytes = eio_session_queued(session);

    if (bytes > 0) /* who is told so may wait for on_drain */
        eio_session_watch_drain(session);
    return bytes;
}

void atr_socket_pause(atr_socket *s)
{
    eio_session_hold(sio_socket_session(socket_in(s)));
}

void atr_socket_resume(atr_socket *s)
{
    eio_session_release(sio_socket_session(socket_in(s)));
}

/* --- Events --- */

struct sio_data data_in(const atr_data *d)
{
    return (struct sio_data){ str_in(d->json), (const str *)d->attachments, d->attachment_count };
}

/* Applications make their JSON by hand: what goes out must be an array that clients can decode. */
static int check_array(const atr_data *d)
{
    if (json_type_of(str_in(d->json)) != JSON_ARRAY)
        return ATR_ESYNTAX;
    return d->attachment_count
               ? sio_placeholders_check(str_in(d->json), (uint32_t)d->attachment_count)
               : 0;
}

int event_check(const atr_data *d)
{
    struct sio_data in = data_in(d);

    return sio_event_check(&in);
}

int atr_socket_emit(atr_socket *s, const atr_data *data, unsigned flags)
{
    struct rewritten r;
    int err = rewrite(&io_of(socket_in(s))->replacer, data, &r);

    drain_forget();
    if (err == 0)
        err = event_check(&r.data);
    if (err == 0) {
        struct sio_data in = data_in(&r.data);
        err = sio_socket_emit(socket_in(s), &in, flags);
    }
    rewrite_end(&r);
    return err;
}

/* Between sio_ack_fn and atr_ack_fn. */
struct ack_bridge {
    atr_io *io;
    atr_ack_fn fn;
    void *user;
};

static void ack_arrived(void *user, int err, const struct sio_data *reply)
{
    struct ack_bridge b = *(struct ack_bridge *)user;

    mem_free(user);
    if (err < 0) {
        b.fn(b.user, err, NULL);
        return;
    }
    atr_data out = data_out(reply);
    struct rewritten r;
    err = rewrite(&b.io->reviver, &out, &r);
    b.fn(b.user, err, err < 0 ? NULL : &r.data);
    rewrite_end(&r);
}

int atr_socket_emit_with_ack(atr_socket *s, const atr_data *data, unsigned flags,
                             uint32_t timeout_ms, atr_ack_fn fn, void *user)
{
    atr_io *io = io_of(socket_in(s));
    struct rewritten r;
    int err = rewrite(&io->replacer, data, &r);

    drain_forget();
    if (err == 0)
        err = event_check(&r.data);
    if (err == 0) {
        struct sio_data in = data_in(&r.data);
        struct ack_bridge *b = mem_alloc(sizeof *b);
        *b = (struct ack_bridge){ io, fn, user };
        if ((err = sio_socket_emit_ack(socket_in(s), &in, flags, timeout_ms, ack_arrived, b)) < 0)
            mem_free(b);
    }
    rewrite_end(&r);
    return err;
}

int atr_socket_ack(atr_socket *s, int64_t ack, const atr_data *reply)
{
    struct rewritten r;
    int err = ack < 0 ? ATR_ESTATE : check_array(reply);

    if (err < 0)
        return err;
    if ((err = rewrite(&io_of(socket_in(s))->replacer, reply, &r)) == 0) {
        struct sio_data in = data_in(&r.data);
        err = sio_socket_ack(socket_in(s), ack, &in);
    }
    rewrite_end(&r);
    return err;
}

/* --- Rooms --- */

int atr_socket_join(atr_socket *s, atr_str room)
{
    return sio_socket_join(socket_in(s), str_in(room));
}

void atr_socket_leave(atr_socket *s, atr_str room)
{
    sio_socket_leave(socket_in(s), str_in(room));
}

int atr_socket_in(const atr_socket *s, atr_str room)
{
    return sio_socket_in(socket_in(s), str_in(room));
}

struct room_walk {
    void (*fn)(void *arg, atr_str room);
    void *arg;
};

static void give_room(void *arg, str room)
{
    struct room_walk *w = arg;

    w->fn(w->arg, str_out(room));
}

void atr_socket_rooms(const atr_socket *s, void (*fn)(void *arg, atr_str room), void *arg)
{
    struct room_walk w = { fn, arg };

    sio_socket_rooms(socket_in(s), give_room, &w);
}

void atr_socket_disconnect(atr_socket *s, int close)
{
    sio_socket_disconnect(socket_in(s), close);
}

void atr_socket_reject(atr_socket *s)
{
    sio_socket_reject(socket_in(s));
}

/* --- Recovery --- */

int atr_socket_recovered(const atr_socket *s)
{
    return socket_in(s)->recovered;
}

int atr_socket_handed_over(const atr_socket *s)
{
    return socket_in(s)->handed_over;
}

int atr_socket_keep(atr_socket *s, void *kept)
{
    return sio_socket_keep(socket_in(s), kept);
}

void *atr_socket_kept(atr_socket *s)
{
    return sio_socket_kept(socket_in(s));
}
