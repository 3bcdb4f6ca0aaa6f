/* engineio/request.c - query parameters, and the one place where requests are refused.
 *
 * A refused upgrade is answered before any 101, in the form engine.io writes it: status 400
 * whatever the code, and the message alone as text. Other refusals are JSON that clients compare
 * byte for byte.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/request.h"

#include <stdio.h>

#include "engineio/cors.h"
#include "proto/json.h"

static str error_text(enum eio_error code)
{
    static const char *const texts[] = {
        [EIO_ERROR_TRANSPORT] = "Transport unknown",
        [EIO_ERROR_SID] = "Session ID unknown",
        [EIO_ERROR_METHOD] = "Bad handshake method",
        [EIO_ERROR_REQUEST] = "Bad request",
        [EIO_ERROR_FORBIDDEN] = "Forbidden",
        [EIO_ERROR_VERSION] = "Unsupported protocol version",
    };

    return str_of(texts[code]);
}

static uint8_t transport_named(str name)
{
    if (str_eq(name, STR("polling")))
        return EIO_POLLING;
    return str_eq(name, STR("websocket")) ? EIO_WEBSOCKET : 0;
}

static void query_set(struct eio_query *q, str name, str value)
{
    if (str_eq(name, STR("EIO"))) {
        q->version4 = str_eq(value, STR("4"));
    } else if (str_eq(name, STR("transport"))) {
        q->transport = transport_named(value);
    } else if (str_eq(name, STR("b64"))) {
        q->base64 = value.n > 0;
    } else if (str_eq(name, STR("sid"))) {
        q->sid_len = (uint8_t)(value.n < sizeof q->sid ? value.n : sizeof q->sid);
        memcpy(q->sid, value.p, q->sid_len);
    }
}

void eio_query_parse(struct eio_query *q, str query)
{
    char plain[3 * sizeof q->sid];
    str name, value;
    ptrdiff_t n;

    *q = (struct eio_query){ 0 };
    while (http1_query_next(&query, &name, &value)) {
        /* No value that means anything here is long, so longer ones need no decoding. */
        if (value.n > 0 && value.n <= sizeof plain && (n = http1_unescape(plain, value, true)) >= 0)
            value = str_n(plain, (size_t)n);
        if (value.n == 0)
            value = STR("");
        query_set(q, name, value);
    }
}

bool eio_request_upgrades(const struct http_request *r)
{
    return r->head.upgrade &&
           http1_has_token(http1_header(&r->head, STR("upgrade")), STR("websocket"));
}

struct buf *eio_answer_head(struct eio_server *e, const struct http_request *r)
{
    buf_clear(&e->head);
    eio_cors_headers(&e->head, &e->options.cors, &r->head);
    return &e->head;
}

void eio_headers_hook(struct eio_server *e, struct http_request *r, struct buf *head, bool initial)
{
    str name, value;

    /* Our lines first; of those set before only what we have no line for. */
    http_preset_yield(r, buf_str(head), false);
    for (size_t at = 0; http_preset_next(r, &at, &name, &value);)
        buf_format(head, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
    http_preset_swap(r, head);
    buf_clear(head);
    e->hooks.on_headers(e, r, initial);
    http_preset_swap(r, head);
}

void eio_answer_empty(struct eio_server *e, struct http_request *r, unsigned status, bool close)
{
    http_respond(r, &(struct http_response){
                        .status = status,
                        .headers = buf_str(eio_answer_head(e, r)),
                        .close = close,
                    });
}

static void tell(struct eio_server *e, struct http_request *r, enum eio_error code, str message,
                 const char *context)
{
    char text[256];

    e->stats.refused++;
    if (!e->events->on_error)
        return;
    (void)snprintf(text, sizeof text, "%.*s", STR_ARG(message));
    e->events->on_error(e, r, code, text, context);
}

static void answer_text(struct eio_server *e, struct http_request *r, unsigned status, str text)
{
    struct buf *head = eio_answer_head(e, r);

    if (status == 426)
        buf_add(head, STR("Sec-WebSocket-Version: 13\r\n"));
    else if (status == 429)
        buf_add(head, STR("Retry-After: 1\r\n"));
    http_respond(r, &(struct http_response){
                        .status = status,
                        .type = STR("text/html"),
                        .headers = buf_str(head),
                        .body = text,
                        .close = true,
                    });
}

static void answer_json(struct eio_server *e, struct http_request *r, unsigned status,
                        enum eio_error code, str message)
{
    struct buf *head;

    buf_clear(&e->body);
    buf_format(&e->body, "{\"code\":%d,\"message\":", (int)code);
    json_write_string(&e->body, message);
    buf_byte(&e->body, '}');
    head = eio_answer_head(e, r);
    if (status == 429)
        buf_add(head, STR("Retry-After: 1\r\n"));
    http_respond(r, &(struct http_response){
                        .status = status,
                        .type = STR("application/json"),
                        .headers = buf_str(head),
                        .body = buf_str(&e->body),
                    });
}

void eio_refuse(struct eio_server *e, struct http_request *r, enum eio_error code, str message,
                const char *context)
{
    if (message.n == 0)
        message = error_text(code);
    tell(e, r, code, message, context);
    if (eio_request_upgrades(r))
        answer_text(e, r, 400, message);
    else
        answer_json(e, r, code == EIO_ERROR_FORBIDDEN ? 403 : 400, code, message);
}

void eio_refuse_busy(struct eio_server *e, struct http_request *r, const char *context)
{
    str message = error_text(EIO_ERROR_REQUEST);

    tell(e, r, EIO_ERROR_REQUEST, message, context);
    if (eio_request_upgrades(r))
        answer_text(e, r, 503, message);
    else
        answer_json(e, r, 503, EIO_ERROR_REQUEST, message);
}

void eio_refuse_rate(struct eio_server *e, struct http_request *r)
{
    str message = error_text(EIO_ERROR_REQUEST);

    e->stats.refused++;
    e->stats.rate_limited++;
    if (eio_request_upgrades(r))
        answer_text(e, r, 429, message);
    else
        answer_json(e, r, 429, EIO_ERROR_REQUEST, message);
}

void eio_refuse_upgrade(struct eio_server *e, struct http_request *r, unsigned status, str why)
{
    tell(e, r, EIO_ERROR_REQUEST, error_text(EIO_ERROR_REQUEST), "TRANSPORT_HANDSHAKE_ERROR");
    answer_text(e, r, status, why);
}
