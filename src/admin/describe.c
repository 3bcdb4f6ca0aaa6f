/* admin/describe.c - a socket as administrators see it.
 *
 * Headers are shown as they came, cookies and tokens included: the page is for those who run the
 * server. What a client gave as auth is not shown.
 *
 * SPDX-License-Identifier: MIT
 */
#include <time.h>

#include "admin/parts.h"
#include "proto/http1.h"
#include "proto/http1_kept.h"
#include "proto/json.h"

/* What is shown of a session's id, which is a secret as a whole. */
static str client_id(const struct eio_session *s)
{
    enum { SHOWN = 12 };
    str sid = eio_session_sid(s);

    sid.n = sid.n >= EIO_SID_LEN ? SHOWN : sid.n / 2;
    return sid;
}

static void write_member(struct buf *b, str name, str value)
{
    if (b->data[b->len - 1] != '{')
        buf_byte(b, ',');
    json_write_string(b, name);
    buf_byte(b, ':');
    json_write_string(b, value);
}

static void write_headers(struct buf *b, str head)
{
    str rest = http1_kept_headers(head), name, value;
    char lower[256];

    buf_byte(b, '{');
    while (http1_kept_next(&rest, &name, &value)) {
        if (name.n > sizeof lower)
            continue;
        for (size_t i = 0; i < name.n; i++)
            lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 32 : name.p[i]);
        write_member(b, str_n(lower, name.n), value);
    }
    buf_byte(b, '}');
}

/* Percent-decoded in scratch; as it stands when that cannot be done. */
static str plain(struct arena *scratch, str escaped)
{
    char *out = arena_alloc(scratch, escaped.n + 1);
    ptrdiff_t n = http1_unescape(out, escaped, true);

    return n < 0 ? escaped : str_n(out, (size_t)n);
}

static void write_query(struct buf *b, str url, struct arena *scratch)
{
    ptrdiff_t mark = str_find(url, '?');
    str rest = mark < 0 ? (str){ 0 } : str_n(url.p + mark + 1, url.n - (size_t)mark - 1);
    str name, value;

    buf_byte(b, '{');
    while (http1_query_next(&rest, &name, &value))
        write_member(b, plain(scratch, name), plain(scratch, value));
    buf_byte(b, '}');
}

/* As JavaScript prints a date, in a process whose time zone is UTC. */
static void write_time_text(struct buf *b, int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    char text[96];
    struct tm t;

    gmtime_r(&seconds, &t);
    (void)strftime(text, sizeof text,
                   "\"%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)\"", &t);
    buf_add(b, str_of(text));
}

/* Behind a proxy, what the proxy says. */
static str address_of(const struct sio_handshake *h)
{
    str said = http1_kept_header(h->head, STR("cf-connecting-ip"));

    if (!said.n)
        said = http1_kept_header(h->head, STR("x-forwarded-for"));
    return said.n ? said : h->address;
}

static void write_handshake(struct buf *b, const struct sio_handshake *h, struct arena *scratch)
{
    str url = http1_kept_target(h->head);

    buf_add(b, STR("{\"address\":"));
    json_write_string(b, address_of(h));
    buf_add(b, STR(",\"headers\":"));
    write_headers(b, h->head);
    buf_add(b, STR(",\"query\":"));
    write_query(b, url, scratch);
    buf_add(b, STR(",\"issued\":"));
    json_write_integer(b, h->issued_ms);
    buf_add(b, h->secure ? STR(",\"secure\":true,\"time\":") : STR(",\"secure\":false,\"time\":"));
    write_time_text(b, h->issued_ms);
    buf_add(b, STR(",\"url\":"));
    json_write_string(b, url);
    buf_add(b, http1_kept_header(h->head, STR("origin")).p ? STR(",\"xdomain\":true}")
                                                           : STR(",\"xdomain\":false}"));
}

static void write_room(void *arg, str room)
{
    struct buf *b = arg;

    if (b->data[b->len - 1] != '[')
        buf_byte(b, ',');
    json_write_string(b, room);
}

str admin_data(const struct admin *a, struct sio_socket *s)
{
    str data = a->describe ? a->describe(a->describe_user, s) : (str){ 0 };

    return data.n ? data : STR("{}");
}

void admin_describe(const struct admin *a, struct sio_socket *s, struct buf *b)
{
    const struct eio_session *session = sio_socket_session(s);

    buf_add(b, STR("{\"id\":"));
    json_write_string(b, sio_socket_id(s));
    buf_add(b, STR(",\"clientId\":"));
    json_write_string(b, client_id(session));
    buf_add(b, eio_session_on_websocket(session) ? STR(",\"transport\":\"websocket\",\"nsp\":")
                                                 : STR(",\"transport\":\"polling\",\"nsp\":"));
    json_write_string(b, s->nsp->name);
    buf_add(b, STR(",\"data\":"));
    buf_add(b, admin_data(a, s));
    buf_add(b, STR(",\"handshake\":"));
    write_handshake(b, sio_socket_handshake(s), &a->io->engine.loop->scratch);
    buf_add(b, STR(",\"rooms\":["));
    sio_socket_rooms(s, write_room, b);
    buf_add(b, STR("]}"));
}
