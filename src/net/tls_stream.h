/* net/tls_stream.h - a stream that speaks TLS: nothing but its making differs for its owner.
 *
 * The owner hears nothing of the handshake. What it sends meanwhile waits; what it is told first is
 * data, or that the stream closed because the handshake failed or took too long. A client that
 * speaks plain HTTP to us is answered 400 before the stream closes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_TLS_STREAM_H
#define NET_TLS_STREAM_H

#include "net/stream.h"
#include "net/tls_context.h"

struct tls_stats {                           /* of this thread */
    uint64_t handshakes, resumed;            /* completed; those that resumed a session */
    uint64_t handshake_failures;             /* all that did not complete */
    uint64_t handshake_timeouts, plain_http; /* of those: why */
    uint64_t breaches;                       /* broken records after the handshake */
    uint64_t open;                           /* streams right now, handshakes included */
    uint64_t reloads, reload_failures;       /* counted by whoever reloads */
};
extern _Thread_local struct tls_stats tls_stats;

/* As stream_new(); a server's stream, or a client's when the context is one. The context must
 * outlive the stream. */
struct stream *tls_stream_new(struct loop *l, int fd, struct tls_context *c,
                              const struct stream_events *events, void *owner)
    __attribute__((returns_nonnull));

enum { TLS_SUBJECT_MAX = 512 };

/* The client's certificate: its subject as RFC 2253 writes it, cut to TLS_SUBJECT_MAX bytes and
 * terminated, and whether it was verified. Returns the length; 0 and an empty text when the stream
 * is plain or the client showed no certificate (or one without a subject). */
size_t tls_stream_subject(const struct stream *s, char out[TLS_SUBJECT_MAX + 1], bool *verified);

/* The version ("TLSv1.3") and the cipher agreed upon; NULL for a plain stream. */
const char *tls_stream_version(const struct stream *s);
const char *tls_stream_cipher(const struct stream *s);

#endif
