/* socketio/handshake.c - what is kept of a connection's first request, in one exact allocation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/client.h"

#include "base/mem.h"

struct kept {
    struct sio_handshake handshake;
    char text[]; /* the head, then the address */
};

struct sio_handshake *sio_handshake_new(struct http_request *r, int64_t now_ms)
{
    str head = r->head_text, address = http_peer(r);
    struct kept *k = mem_alloc(sizeof *k + head.n + address.n);

    memcpy(k->text, head.p, head.n);
    if (address.n)
        memcpy(k->text + head.n, address.p, address.n);
    k->handshake = (struct sio_handshake){
        .head = { k->text, head.n },
        .address = { k->text + head.n, address.n },
        .issued_ms = now_ms,
        .secure = r->secure,
    };
    return &k->handshake;
}
