/* engineio/polling.h - the long-polling transport of one session: its GET, its POST, its queue.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_POLLING_H
#define ENGINEIO_POLLING_H

#include "engineio/request.h"
#include "engineio/session.h"

/* What http_request.user points at: the first member of one of two things. */
enum eio_holder { EIO_HOLDER_WAITING, EIO_HOLDER_POLLING };

enum eio_probe {
    EIO_PROBE_NONE,    /* no WebSocket, or one that is being closed */
    EIO_PROBE_OPEN,    /* a WebSocket with our sid; nothing said yet */
    EIO_PROBE_ANSWERED /* 3probe went out: GETs are answered at once until 5 comes */
};

/* The body of a POST, being taken apart (body.h). */
struct eio_body {
    str rest; /* p == NULL: nothing is left */
    bool eio3, binary;
};

struct eio_polling {
    uint8_t holder;  /* EIO_HOLDER_POLLING; first */
    uint8_t probe;   /* enum eio_probe */
    bool delivering; /* post's packets are being handed out */
    bool noop_due;   /* by eio_polling_noop_later() */
    bool waited;     /* something was queued while no GET was there */
    bool text_only;  /* b64=1: the client cannot take bytes (eio3) */
    struct eio_session *session;
    struct http_request *get;  /* waits for output; NULL: none */
    struct http_request *post; /* its body is coming in, or delivered; NULL: none */
    struct loop_job flush;     /* answers the GET once this iteration's output is gathered */
    struct loop_job go_on; /* hands out the rest of the POST once the session is read from again */
    struct eio_body rest;  /* of the POST: packets yet to be handed out */
    struct timer upgrade;  /* bounds a probe */
    char *jsonp;           /* digits: the client's function ___eio[...]; NULL: no JSONP */
    struct msg **queue;    /* a reference each */
    uint32_t count, cap;
    size_t bytes;
};

/* Of a session that polls; nothing waits yet. */
struct eio_polling *eio_polling_new(struct eio_session *s);
/* Opens a session for the GET r and answers it with the open packet. */
void eio_polling_open(struct eio_server *e, struct http_request *r, const struct eio_query *q,
                      str sid);
/* Frees p, which was released; does not need the server any more. */
void eio_polling_free(struct eio_polling *p);

void eio_polling_get(struct eio_polling *p, struct http_request *r);
/* The head of a POST, then (unless refused) its whole body. */
void eio_polling_post(struct eio_polling *p, struct http_request *r);
void eio_polling_body(struct eio_polling *p, struct http_request *r);
/* The session is read from again: the rest of a POST is handed out, from the loop. */
void eio_polling_go_on(struct eio_polling *p);
/* The client of the pending GET or POST left. */
void eio_polling_abort(struct eio_polling *p, struct http_request *r);

/* Whether n messages more still fit EIO_MSGS_MAX; then queues them. */
bool eio_polling_has_room(const struct eio_polling *p, size_t n);
void eio_polling_send(struct eio_polling *p, struct msg *const *msgs, size_t n);

/* Answers a pending GET at once, with 6 when nothing is queued. */
void eio_polling_noop(struct eio_polling *p);
/* The same from the loop. */
void eio_polling_noop_later(struct eio_polling *p);
/* Answers a pending GET with the queue and one more packet ('1' or '6'), or with the packet alone
 * if the queue is to stay (it moves to a WebSocket); a POST still coming in is refused. */
void eio_polling_release(struct eio_polling *p, char last, bool with_queue);

#endif
