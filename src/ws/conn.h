/* ws/conn.h - a WebSocket connection (RFC 6455), server side: messages, ping, close.
 *
 * Lives inside its owner (embedded) and owns the stream. Whole messages are delivered; fragments
 * are gathered up to message_bytes_max. Text is checked as UTF-8 as it arrives (fail fast).
 *
 * A frame that lies whole in the read buffer is delivered in place, without a copy.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WS_CONN_H
#define WS_CONN_H

#include "base/msg.h"
#include "net/stream.h"
#include "proto/ws_frame.h"

struct http_request;
struct ws_conn;
struct ws_deflate;
struct ws_deflate_terms;
struct ws_linger;
struct rates_guard;

struct ws_events {
    /* One whole message; data may be changed in place and is valid until the callback returns. Not
     * called once a close frame was sent or received, nor while the stream is paused. */
    void (*on_message)(struct ws_conn *w, bool binary, uint8_t *data, size_t n);
    /* A pong arrived (payload borrowed). May be NULL. */
    void (*on_pong)(struct ws_conn *w, str payload);
    /* The connection is over: exactly once. code: the close code of the side that spoke first
     * (1005: its frame had none, 1006: no close frame at all); ours says which side that was, and
     * is true as well when we refused what came (1002, 1007, 1009). reason: the peer's, borrowed.
     * The stream is gone; free the owner through loop_doom(). */
    void (*on_close)(struct ws_conn *w, unsigned code, str reason, bool ours);
    void (*on_drain)(struct ws_conn *w); /* as stream's; may be NULL */
    /* Of a guarded one. Each frame is a message to it, taken before it is looked into; beyond what
     * it allows the connection fails with 1008. */
    struct rates_guard *(*guard)(struct ws_conn *w);
};

/* A message so far, of which fragments or bytes are missing. */
struct ws_partial {
    uint32_t len, cap;
    uint32_t utf8;       /* validation state of a text */
    uint32_t frame_left; /* bytes to come of the frame that is being gathered; 0: none is */
    uint8_t mask[4];     /* of that frame */
    uint8_t mask_at;     /* where in the mask its next byte stands */
    uint8_t op;          /* WS_TEXT or WS_BINARY */
    uint8_t class;       /* of the slab */
    bool frame_fin;      /* the frame is the last of the message */
    uint8_t data[];
};

struct ws_conn {
    struct stream *stream; /* NULL before and after: a zeroed ws_conn is a closed one */
    const struct ws_events *events;
    struct ws_partial *partial; /* NULL: no message gathers */
    uint32_t message_bytes_max;
    uint8_t pongs; /* queued during the current read */
    bool close_sent : 1, close_received : 1, closing_ours : 1;
    bool heard : 1;      /* bytes came in; the owner may clear it, to tell the quiet ones */
    bool tethered : 1;   /* another process has the peer's connection (net/tether.h) */
    bool guarded : 1;    /* the owner's to set: events->guard gives what it is held to */
    uint16_t close_code; /* what was sent or received first; 1005: an empty frame */
    union {
        struct msg *pong; /* until close_sent: answers the newest ping that could not be answered
                             yet; NULL: none */
        struct ws_linger *linger; /* from then on: bounds the wait for the peer's close frame; NULL:
                                     not waiting */
    };
    struct ws_deflate *deflate; /* permessage-deflate; NULL: not agreed on */
};

struct ws_stats { /* of this thread */
    uint64_t opened, messages_in, bytes_in, protocol_errors, encoding_errors, too_big, rate_limited;
    uint64_t deflated, deflated_shared;  /* messages compressed; sent again without compressing */
    uint64_t deflated_from, deflated_to; /* bytes of those compressed, before and after */
    uint64_t inflated;
};
extern _Thread_local struct ws_stats ws_stats;

/* Checks that a request is a well-formed WebSocket handshake (4.2.1). Returns 0, or the status to
 * answer with: 400, 405, 426 (wrong version: then Sec-WebSocket-Version: 13 belongs in the answer).
 */
int ws_handshake_check(const struct http_request *r, const char **why);

/* Starts on a stream whose handshake is done (or left out: tests). Bytes kept by the stream are
 * delivered from the loop, not from within this call. */
void ws_conn_open(struct ws_conn *w, struct stream *s, uint32_t message_bytes_max,
                  const struct ws_events *events);

/* Answers 101 (extra: further header lines, each ended by CRLF, may be empty; protocol: the
 * sub-protocol chosen, or empty) and takes the request's stream over. Bytes that came behind the
 * request are delivered from the loop, not from within this call. */
void ws_conn_accept(struct ws_conn *w, struct http_request *r, str extra, str protocol,
                    uint32_t message_bytes_max, const struct ws_events *events);

/* Compresses from now on, as agreed in the handshake: right after ws_conn_accept(). */
void ws_conn_deflate(struct ws_conn *w, const struct ws_deflate_terms *terms);

/* A message ready for the wire: frame header and payload copied once. */
struct msg *ws_msg(enum ws_op op, str payload);
/* The same with room for n payload bytes, to be filled in by the caller at data + head. */
struct msg *ws_msg_reserve(enum ws_op op, size_t n);
/* A close frame; code 0: an empty one. A reason too long for the frame is cut between characters.
 */
struct msg *ws_msg_close(unsigned code, str reason);

void ws_deflate_send(struct ws_conn *w, struct msg *m); /* internal */

/* Sends a message made by ws_msg(), compressed where that was agreed on. Borrows it. */
static inline void ws_conn_send(struct ws_conn *w, struct msg *m)
{
    if (!w->stream || w->close_sent)
        return;
    if (w->deflate)
        ws_deflate_send(w, m);
    else
        stream_send(w->stream, m);
}
/* At most WS_CONTROL_MAX bytes of payload. */
void ws_conn_ping(struct ws_conn *w, str payload);

/* Starts the closing handshake: code 0 sends an empty close frame. What is queued still goes out,
 * what comes in is dropped. The peer has linger_ms to take that and to answer, then the connection
 * is cut; on_close comes then. linger_ms 0 does not wait: on_close runs in this call. */
void ws_conn_close(struct ws_conn *w, unsigned code, str reason, unsigned linger_ms);
/* Cuts at once, no frame. on_close runs in this call with 1006. */
void ws_conn_abort(struct ws_conn *w);

#endif
