/* socketio/handshake.c - what is kept of a connection's first request, in one exact allocation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/client.h"

#include "base/mem.h"

struct kept {
    struct sio_handshake handshake;
    char text[]; /* the head, then the address, then the subject of the client's certificate */
};

/* Appends s to the text; returns where it lies now. */
static str keep(struct kept *k, size_t *len, str s)
{
    str there = { k->text + *len, s.n };

    if (s.n)
        memcpy(k->text + *len, s.p, s.n);
    *len += s.n;
    return there;
}

struct sio_handshake *sio_handshake_copy(const struct sio_handshake *h, str cert)
{
    struct kept *k = mem_alloc(sizeof *k + h->head.n + h->address.n + cert.n);
    size_t len = 0;

    k->handshake = *h;
    k->handshake.head = keep(k, &len, h->head);
    k->handshake.address = keep(k, &len, h->address);
    k->handshake.client_cert_len = (uint16_t)cert.n;
    (void)keep(k, &len, cert);
    return &k->handshake;
}

struct sio_handshake *sio_handshake_new(struct http_request *r, int64_t now_ms)
{
    bool verified;
    str cert = http_client_cert(r, &verified);
    struct sio_handshake h = {
        .head = r->head_text,
        .address = http_peer(r),
        .issued_ms = now_ms,
        .secure = r->secure,
        .client_verified = verified,
    };

    return sio_handshake_copy(&h, cert);
}

str sio_handshake_client_cert(const struct sio_handshake *h)
{
    return str_n(h->address.p + h->address.n, h->client_cert_len);
}
