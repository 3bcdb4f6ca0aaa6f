/* net/tls_stream.c - handshake, records and close_notify beneath an ordinary stream.
 *
 * OpenSSL reads and writes the socket through a BIO of ours (send() must not raise SIGPIPE). All of
 * a stream's logic stays in stream.c; here are only its four system calls' counterparts, and the
 * events that TLS adds: a handshake, and input that has left the kernel already.
 *
 * Invariants
 *   - `blocked` is never set by the handshake alone: what waits behind it is written when it is
 *     done;
 *   - whatever OpenSSL still holds is fetched before the loop waits again, unless the stream is
 *     paused: epoll knows nothing of it (readable_inside());
 *   - after a fatal error nothing is asked of OpenSSL but to free the session.
 *
 * Start reading at on_events().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tls_stream.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/queue.h"
#include "net/stream_parts.h"

_Thread_local struct tls_stats tls_stats;

/* RECORD: the most that one record carries (RFC 8446 5.1); messages are gathered into records. */
enum { RECORD_BYTES = 16384, RECORD_MSGS = 256, DRAIN_READS = 16 };

struct tls_stream {
    struct stream stream; /* first: the two are freed as one */
    SSL *ssl;
    struct timer timer; /* of the handshake */
    int failed;         /* a fatal error that is to be told by the next read; 0: none */
    bool open;          /* the handshake is done */
    bool wants_out;     /* handshake or read: they go on when the socket can be written */
    bool wants_in;      /* write: it goes on when the socket was read */
    bool dry;           /* the last read wanted more than the socket had */
};

static struct tls_stream *of(const struct stream *s)
{
    return container_of(s, struct tls_stream, stream);
}

/* --- The socket, as OpenSSL sees it --- */

static int bio_result(BIO *bio, ssize_t n)
{
    BIO_clear_retry_flags(bio);
    return (int)n;
}

static int bio_read(BIO *bio, char *out, int n)
{
    const struct stream *s = BIO_get_data(bio);
    int got = bio_result(bio, recv(s->watch.fd, out, (size_t)n, 0));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    if (got == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return got;
}

static int bio_write(BIO *bio, const char *data, int n)
{
    const struct stream *s = BIO_get_data(bio);
    int took = bio_result(bio, send(s->watch.fd, data, (size_t)n, MSG_NOSIGNAL));

    if (took < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return took;
}

static long bio_control(BIO *bio, int command, long number, void *p)
{
    (void)number, (void)p;
    switch (command) {
    case BIO_CTRL_FLUSH: /* nothing is held back */
        return 1;
    case BIO_CTRL_EOF:
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:
        return 0;
    }
}

/* One per thread: made at the first use, it never changes. */
static BIO_METHOD *method(void)
{
    static _Thread_local BIO_METHOD *m;

    if (m)
        return m;
    m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    ASSERT(m);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_control);
    return m;
}

/* --- Results --- */

/* Translates what OpenSSL says of a call that did not succeed into an errno. */
static int error_of(struct tls_stream *t, int result)
{
    int system = errno;

    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return system ? system : ECONNRESET;
    default:
        return EPROTO;
    }
}

/* --- The handshake --- */

static void shake_later(struct tls_stream *t, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR)) {
        stream_close(&t->stream, ATR_ECLOSED); /* it would be reported for ever */
        return;
    }
    t->wants_out = SSL_want_write(t->ssl);
    stream_interest(&t->stream);
}

/* RFC 9112 does not say what to do; browsers show the text. What the client sent is read away, for
 * closing with unread input would reset the connection and the answer might be lost. */
static void answer_plain(struct stream *s)
{
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 44\r\n"
        "Connection: close\r\n\r\nThis port speaks TLS: use an https:// URL.\r\n";
    (void)send(s->watch.fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
}

static void part(struct stream *s)
{
    (void)shutdown(s->watch.fd, SHUT_WR);
    for (int i = 0; i < DRAIN_READS; i++)
        if (recv(s->watch.fd, s->loop->read_buffer, LOOP_READ_BYTES, 0) <= 0)
            break;
}

static void shake_failed(struct tls_stream *t, int error)
{
    struct stream *s = &t->stream;

    if (error == EPROTO) {
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
            tls_stats.plain_http++;
            answer_plain(s);
        }
        part(s); /* OpenSSL said why: the alert should arrive */
    }
    stream_close(s, error == EPROTO ? ATR_EPROTOCOL : error ? -error : ATR_ECLOSED);
}

static void shaken(struct tls_stream *t)
{
    struct stream *s = &t->stream;

    t->open = true;
    t->wants_out = false;
    loop_timer_stop(s->loop, &t->timer);
    tls_stats.handshakes++;
    tls_stats.resumed += SSL_session_reused(t->ssl) == 1;
    if (s->queue)
        stream_write_out(s);
    if (!s->closing)
        stream_interest(s);
}

static void shake(struct tls_stream *t, uint32_t events)
{
    int result, error;

    ERR_clear_error();
    errno = 0;
    if ((result = SSL_do_handshake(t->ssl)) == 1) {
        shaken(t);
        return;
    }
    error = error_of(t, result);
    if (error == EAGAIN)
        shake_later(t, events);
    else
        shake_failed(t, error);
}

static void on_timeout(struct timer *timer)
{
    struct tls_stream *t = container_of(timer, struct tls_stream, timer);

    tls_stats.handshake_timeouts++;
    stream_close(&t->stream, ATR_ETIMEOUT);
}

/* --- Events --- */

/* Whether reading would give something that epoll does not know of. */
static bool readable_inside(const struct tls_stream *t)
{
    const struct stream *s = &t->stream;

    if (!t->open || s->closing || s->paused || s->ending || s->drained)
        return false;
    return t->failed || (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) ||
           (!t->dry && SSL_has_pending(t->ssl));
}

static void go_on(struct tls_stream *t)
{
    if (readable_inside(t))
        loop_defer(t->stream.loop, &t->stream.offer);
}

static void on_events(struct watch *w, uint32_t events)
{
    struct tls_stream *t = container_of(w, struct tls_stream, stream.watch);
    struct stream *s = &t->stream;

    if (!t->open) {
        shake(t, events);
        t->dry = false;
        go_on(t); /* a request may have come with the last flight */
        return;
    }
    if (t->wants_in && (events & EPOLLIN))
        events |= EPOLLOUT;
    if (t->wants_out && (events & EPOLLOUT))
        events |= EPOLLIN;
    if ((events & EPOLLOUT) && !s->blocked)
        events &= ~(uint32_t)EPOLLOUT; /* it was asked for on behalf of reading */
    stream_on_events(w, events);
    go_on(t);
}

/* In place of the plain stream's: kept bytes are offered with what follows them. */
static void on_offer(struct loop_job *job)
{
    struct tls_stream *t = container_of(job, struct tls_stream, stream.offer);
    struct stream *s = &t->stream;

    if (!s->fault && readable_inside(t))
        stream_on_events(&s->watch, EPOLLIN);
    else
        stream_on_offer(job);
    go_on(t);
}

uint32_t tls_stream_interest(const struct stream *s, uint32_t plain)
{
    const struct tls_stream *t = of(s);
    uint32_t events = plain;

    if (!t->open)
        return t->wants_out ? (uint32_t)EPOLLOUT : (uint32_t)EPOLLIN;
    if (t->wants_in && s->blocked)
        events = (events & ~(uint32_t)EPOLLOUT) | (uint32_t)EPOLLIN;
    if (t->wants_out)
        events |= (uint32_t)EPOLLOUT;
    return events;
}

/* --- What stream.c calls --- */

/* Fills the buffer with as many records as there are, so that their messages are handled, and
 * answered, together. */
ssize_t tls_stream_read(struct stream *s, void *p, size_t n)
{
    struct tls_stream *t = of(s);
    bool wanted_out = t->wants_out;
    size_t got = 0, more;

    t->dry = t->wants_out = false;
    while (!t->failed && got < n && (got == 0 || SSL_has_pending(t->ssl))) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_read_ex(t->ssl, (uint8_t *)p + got, n - got, &more);
        if (result == 1) {
            got += more;
            continue;
        }
        int error = error_of(t, result);
        if (error == 0)
            break; /* the end; when it comes behind data the next read tells it */
        t->dry = error == EAGAIN;
        t->wants_out = t->dry && SSL_want_write(t->ssl);
        if (t->dry)
            break;
        t->failed = error;
        tls_stats.breaches += error == EPROTO;
    }
    if (t->wants_out != wanted_out)
        stream_interest(s); /* a KeyUpdate to be answered; rare */
    if (got > 0)
        return (ssize_t)got;
    errno = t->failed ? t->failed : t->dry ? EAGAIN : 0;
    return errno ? -1 : 0;
}

/* Messages in one record, without a copy when there is but one. What a refused call was given must
 * be given again: the queue's front does not change meanwhile, it only grows. */
static str next_record(const struct stream_queue *q)
{
    static _Thread_local uint8_t gathered[RECORD_BYTES];
    struct iovec iov[RECORD_MSGS];
    size_t bytes, len = 0;
    int n = queue_gather(q, iov, RECORD_MSGS, &bytes);

    if (n == 1 || iov[0].iov_len >= RECORD_BYTES)
        return str_n(iov[0].iov_base,
                     iov[0].iov_len < RECORD_BYTES ? iov[0].iov_len : (size_t)RECORD_BYTES);
    for (int i = 0; i < n && len < RECORD_BYTES; i++) {
        size_t part = iov[i].iov_len < RECORD_BYTES - len ? iov[i].iov_len : RECORD_BYTES - len;
        memcpy(gathered + len, iov[i].iov_base, part);
        len += part;
    }
    return str_n(gathered, len);
}

ssize_t tls_stream_write(struct stream *s, size_t *asked)
{
    struct tls_stream *t = of(s);
    str record = next_record(s->queue);
    size_t took;
    int result;

    *asked = record.n;
    errno = EAGAIN;
    if (!t->open)
        return -1; /* shaken() comes back to it */
    if (t->failed) {
        errno = t->failed;
        return -1;
    }
    ERR_clear_error();
    errno = 0;
    t->wants_in = false;
    if ((result = SSL_write_ex(t->ssl, record.p, record.n, &took)) == 1)
        return (ssize_t)took;
    errno = error_of(t, result);
    t->wants_in = errno == EAGAIN && SSL_want_read(t->ssl);
    if (errno == 0)
        errno = EPIPE;
    if (errno != EAGAIN)
        t->failed = errno;
    return -1;
}

bool tls_stream_finish(struct stream *s)
{
    struct tls_stream *t = of(s);

    if (!t->open)
        return false;
    if (t->failed)
        return true;
    ERR_clear_error();
    /* Where the socket is full the peer does without close_notify: the FIN follows. */
    (void)SSL_shutdown(t->ssl);
    return true;
}

void tls_stream_closed(struct stream *s)
{
    struct tls_stream *t = of(s);

    loop_timer_stop(s->loop, &t->timer);
    if (!t->open)
        tls_stats.handshake_failures++;
    tls_stats.open--;
}

void tls_stream_free(struct stream *s)
{
    SSL_free(of(s)->ssl);
}

/* --- Making --- */

struct stream *tls_stream_new(struct loop *l, int fd, struct tls_context *c,
                              const struct stream_events *events, void *owner)
{
    struct tls_stream *t = mem_zalloc(sizeof *t);
    uint32_t timeout_ms = tls_context_handshake_timeout(c);
    BIO *bio = BIO_new(method());

    ASSERT(bio);
    t->ssl = tls_context_session(c);
    ASSERT(t->ssl);
    tls_stats.open++;
    stream_init(&t->stream, l, fd, events, owner);
    t->stream.secure = true;
    t->stream.watch.on_events = on_events;
    t->stream.offer.run = on_offer;
    BIO_set_data(bio, &t->stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    if (tls_context_connects(c)) {
        SSL_set_connect_state(t->ssl);
        t->wants_out = true; /* a client speaks first */
        stream_interest(&t->stream);
    } else {
        SSL_set_accept_state(t->ssl);
    }
    timer_init(&t->timer, on_timeout);
    if (timeout_ms)
        loop_timer(l, &t->timer, timeout_ms);
    return &t->stream;
}

/* --- Questions --- */

/* At most TLS_SUBJECT_MAX bytes, whole UTF-8 characters, terminated. */
static size_t print_name(char *out, const X509_NAME *name)
{
    BIO *text = BIO_new(BIO_s_mem());
    const char *p;
    long n;

    ASSERT(text);
    X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    n = BIO_get_mem_data(text, &p);
    if (n > TLS_SUBJECT_MAX)
        for (n = TLS_SUBJECT_MAX; n > 0 && ((uint8_t)p[n] & 0xc0) == 0x80; n--)
            ;
    memcpy(out, p, (size_t)n);
    out[n] = 0;
    BIO_free(text);
    return (size_t)n;
}

size_t tls_stream_subject(const struct stream *s, char out[TLS_SUBJECT_MAX + 1], bool *verified)
{
    const X509 *cert = s->secure ? SSL_get0_peer_certificate(of(s)->ssl) : NULL;

    out[0] = 0;
    *verified = cert && SSL_get_verify_result(of(s)->ssl) == X509_V_OK;
    return cert ? print_name(out, X509_get_subject_name(cert)) : 0;
}

const char *tls_stream_version(const struct stream *s)
{
    return s->secure ? SSL_get_version(of(s)->ssl) : NULL;
}

const char *tls_stream_cipher(const struct stream *s)
{
    return s->secure ? SSL_get_cipher_name(of(s)->ssl) : NULL;
}
