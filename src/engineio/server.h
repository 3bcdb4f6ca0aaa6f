/* engineio/server.h - an Engine.IO server: sessions over long-polling and WebSocket under a path.
 *
 * Embed struct eio_session at the start of your own object; the server allocates session_bytes for
 * each. Source: Engine.IO protocol revision 4, and 3 for those who ask for it if allow_eio3 is set;
 * behaviour of engine.io 6.6 where the document is silent.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_SERVER_H
#define ENGINEIO_SERVER_H

#include "base/id.h"
#include "base/map.h"
#include "engineio/options.h"
#include "http/server.h"
#include "ws/conn.h"

/* SID_LEN: of ids that we make; SID_MAX: of those that the application makes. */
enum { EIO_SID_LEN = 20, EIO_SID_MAX = 128, EIO_MSGS_MAX = 1 << 16 };

struct eio_server;
struct eio_session;

/* Why a session ended; texts are Socket.IO's disconnect reasons. */
enum eio_reason {
    EIO_TRANSPORT_CLOSE,
    EIO_TRANSPORT_ERROR,
    EIO_PING_TIMEOUT,
    EIO_PARSE_ERROR,
    EIO_FORCED_CLOSE,
    EIO_FORCED_SERVER_CLOSE,
    EIO_SERVER_SHUTTING_DOWN
};
const char *eio_reason_text(enum eio_reason r);

/* A request that waits for a decision of the owner. Dies when decided, or when the client leaves
 * (the later decision is then a no-op: keep the id, not a pointer). */
typedef uint64_t eio_handshake;

struct eio_events {
    size_t session_bytes; /* sizeof the owner's struct, which starts with struct eio_session */
    /* allowRequest. NULL: everyone. Must lead to exactly one eio_server_decide(), now or later. */
    void (*on_handshake)(struct eio_server *e, eio_handshake hs, struct http_request *r);
    /* The session exists and may be sent to. r is its first request (headers, query, address): copy
     * what is to be kept. */
    void (*on_open)(struct eio_session *s, struct http_request *r);
    /* data may be changed in place, valid until the callback returns. */
    void (*on_message)(struct eio_session *s, bool binary, uint8_t *data, size_t n);
    /* Exactly once. The memory lives until the end of the iteration. */
    void (*on_close)(struct eio_session *s, enum eio_reason reason, const char *description);
    void (*on_upgrade)(struct eio_session *s); /* polling became websocket; may be NULL */
    /* Nothing waits to be sent any more, after the session was backed up, the kernel had refused
     * some or eio_session_watch_drain() was called. May be NULL. */
    void (*on_drain)(struct eio_session *s);
    /* A request was refused: code 0-5 and the name of the context. May be NULL. */
    void (*on_error)(struct eio_server *e, struct http_request *r, int code, const char *message,
                     const char *context);
};

/* What an owner may do to each request. NULL, all of them at first: nothing, at no cost. */
struct eio_hooks {
    /* Middlewares: any request, before it is verified. Must lead to exactly one
     * eio_server_decide(), whose message is not used, or eio_server_answer(). */
    void (*on_request)(struct eio_server *e, eio_handshake hs, struct http_request *r);
    /* A session needs an id. Must lead to one eio_server_name(), or eio_server_decide(): true is
     * for an id of ours, false refuses. */
    void (*on_generate_id)(struct eio_server *e, eio_handshake hs, struct http_request *r);
    /* An answer to a GET or POST of polling, or a 101, is about to go out with the lines that
     * http_preset_next() gives, and those may be changed. initial: it opens a session. May call
     * anything but what answers r. */
    void (*on_headers)(struct eio_server *e, struct http_request *r, bool initial);
    void *user;
};

/* The owner's, of a server that serves an application together with others: who serves which
 * session. Places are numbers of the owner's. */
enum { EIO_HERE = -1 };
struct eio_places {
    /* An id by which locate() will know this server's session. */
    void (*make_sid)(struct eio_places *p, char out[EIO_SID_LEN]);
    /* The place where a session is that is not here; with an empty sid, where the session should
     * begin that r asks for. r->arrived: another place has sent it here, so going on from here it
     * must not come back. EIO_HERE: nobody else's affair. */
    int (*locate)(struct eio_places *p, str sid, const struct http_request *r);
    /* Has r answered at that place, of which nothing but the head was used yet: by
     * http_hand_over(), or by taking its place as r->handler. False: serve it here. */
    bool (*elsewhere)(struct eio_places *p, int place, struct http_request *r);
    /* A session began here (1), or ended (-1). */
    void (*count)(struct eio_places *p, int change);
};

struct eio_stats {
    uint64_t opened, closed, polling_open, websocket_open, upgrades, upgrade_failures;
    uint64_t frozen, thawed; /* sessions that went to another process, that came from one */
    /* Messages that are not empty, and their bytes without packet types. */
    uint64_t messages_in, messages_out, bytes_in, bytes_out;
    uint64_t packets_in, packets_out, ping_timeouts, parse_errors, too_large, overlaps, refused,
        queue_overflows, rate_limited, sessions_full;
};

/* When a client is pinged, and given up. It was told so by its handshake. */
struct eio_pace {
    uint32_t interval_ms, timeout_ms;
};

struct eio_server {
    struct loop *loop;
    struct eio_options options; /* may change between requests; strings belong to the owner */
    const struct eio_events *events;
    struct eio_hooks hooks;      /* the owner's to set, at any time */
    struct eio_places *places;   /* the same, before there are sessions; NULL: it is alone */
    struct http_handler handler; /* mount this at options.path */
    struct map sessions;         /* by sid; closed ones are not in it */
    struct id_table waiting;     /* internal: requests that wait for a decision */
    struct list all;             /* of struct eio_session, also closed ones not yet freed */
    struct list surplus;         /* internal: WebSockets being turned away */
    struct msg *ping, *pong, *probe_pong; /* shared by all sessions */
    struct buf head, body;                /* internal: scratch of answers */
    struct rates *rates;                  /* what clients may do per second; NULL: anything */
    struct eio_pace *paces; /* other than the options': of sessions that began in other servers */
    uint32_t pace_count;
    uint64_t *streams_open; /* counts the WebSockets of thawed sessions, too; NULL: nobody counts */
    struct eio_stats stats;
    void *owner;
    bool closing;
};

enum eio_state { EIO_STATE_OPEN, EIO_STATE_CLOSING, EIO_STATE_CLOSED };

/* Output of a polling session, its pending GET and POST, and an upgrade under way: exists only
 * while the session polls or upgrades. */
struct eio_polling;

struct eio_session {
    struct eio_server *server;
    struct list link; /* in server->all */
    union {
        /* The next ping, the pong's deadline (eio3: the next ping's), the end of an orderly close.
         */
        struct timer heartbeat;
        struct loop_job reap; /* once closed */
    };
    struct ws_conn ws;                 /* ws.stream is NULL while polling */
    struct eio_polling *polling;       /* NULL on WebSocket */
    struct pressure *pressure;         /* NULL unless backed up */
    struct rates_guard *guard;         /* NULL: no limits per second */
    uint8_t state;                     /* enum eio_state */
    uint8_t close_reason;              /* enum eio_reason, while closing */
    bool awaiting_pong, pong_extended; /* both always set where the client pings (eio3) */
    bool eio3;                         /* protocol 3 */
    bool base64;                       /* b64=1 on WebSocket: binary goes as text, "b" + base64 */
    bool overflowed;                   /* closing because output was not taken */
    bool doomed : 1;                   /* internal */
    bool was_held : 1;                 /* since the latest ping */
    uint8_t pace;                      /* 0: as the options say; else of server->paces, from 1 on */
    uint8_t sid_len;
    uint16_t holds;        /* while not 0, the peer is not read from */
    char sid[EIO_SID_LEN]; /* of a longer one: a pointer to it; see eio_session_sid() */
};

/* path and the other strings of options must outlive the server. */
void eio_server_init(struct eio_server *e, struct loop *l, const struct eio_options *o,
                     const struct eio_events *events, void *owner);
void eio_server_fini(struct eio_server *e); /* every session has closed */
/* Decides what waits. A handshake that is not allowed: 403 with {"code":4,"message":message}. */
void eio_server_decide(struct eio_server *e, eio_handshake hs, bool allow, const char *message);
/* The id that on_generate_id asked for: copied. ATR_ESYNTAX when it is no id (1 to EIO_SID_MAX
 * visible characters of ASCII but '"', ',', ';' and '\\'), ATR_EEXISTS when a session has it: the
 * handshake is refused then. ATR_ECLOSED: the client left. */
int eio_server_name(struct eio_server *e, eio_handshake hs, str sid);
/* A middleware answers the request itself. ATR_ECLOSED: the client left, or it is decided;
 * ATR_ESTATE: it is no middleware's. */
int eio_server_answer(struct eio_server *e, eio_handshake hs, const struct http_response *res);
/* Whether it still waits for its decision, and the request: NULL when not. */
bool eio_handshake_open(const struct eio_server *e, eio_handshake hs);
struct http_request *eio_waiting_request(const struct eio_server *e, eio_handshake hs);
/* Closes every session with the reason, refuses new ones. */
void eio_server_close(struct eio_server *e, enum eio_reason reason);
/* Closes up to *n sessions, oldest first, and takes them off *n. Returns how many stay open. */
size_t eio_server_close_some(struct eio_server *e, enum eio_reason reason, size_t *n);

/* Queues one packet made of n messages (the first one text or binary, further ones its
 * attachments), built by ws_msg() or, for sessions of protocol 3, by eio_msg_typed(). Borrows them.
 * Returns 0, ATR_ECLOSED, or ATR_ELIMIT when the queue overflowed (the session is then closed with
 * transport error). No policy drops it. */
int eio_session_send(struct eio_session *s, struct msg *const *msgs, size_t n);
/* The same under a policy (options.output, or one of the owner's), which may drop what it queues:
 * ATR_ELIMIT then means as well that the packet was dropped. */
int eio_session_send_parcel(struct eio_session *s, const struct parcel *p,
                            const struct pressure_policy *policy);
/* A binary message in the form that sessions with eio3 need on WebSocket, and only they may be
 * sent: what goes to many of them is made once. From ws_msg() each makes its own. */
struct msg *eio_msg_typed(str bytes);
/* Something waits, and on_drain is wanted when nothing does any more. */
void eio_session_watch_drain(struct eio_session *s);
/* Stops reading from the peer, but for what is being delivered, until released as often. Heartbeats
 * do not count meanwhile. */
void eio_session_hold(struct eio_session *s);
void eio_session_release(struct eio_session *s);
/* Whether something sent now would leave at once: the volatile rule. */
bool eio_session_writable(const struct eio_session *s);
size_t eio_session_queued(const struct eio_session *s); /* bytes */
/* discard: cut without flushing. on_close runs in this call or, when output is flushed first,
 * later. */
void eio_session_close(struct eio_session *s, enum eio_reason reason, bool discard);
static inline bool eio_session_on_websocket(const struct eio_session *s)
{
    return s->polling == NULL;
}
static inline str eio_session_sid(const struct eio_session *s)
{
    const char *p = s->sid;

    if (s->sid_len > EIO_SID_LEN)
        memcpy(&p, s->sid, sizeof p);
    return (str){ p, s->sid_len };
}

#endif
