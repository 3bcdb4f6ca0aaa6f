/* engineio/options.h - settings of an Engine.IO server, under Engine.IO's own names and defaults.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENGINEIO_OPTIONS_H
#define ENGINEIO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "net/pressure.h"
#include "ws/deflate.h"

enum { EIO_POLLING = 1, EIO_WEBSOCKET = 2 };

/* Cross-origin headers, with the meaning of the express `cors` package. */
struct eio_cors {
    bool enabled;
    bool any_origin;     /* origin: "*" */
    bool reflect_origin; /* origin: true */
    str *origins;        /* literal origins */
    size_t origin_count;
    bool single_origin; /* origin was one string: sent whatever the request's Origin is */
    bool credentials;
    str methods;         /* "GET,HEAD,PUT,PATCH,POST,DELETE" */
    str allowed_headers; /* empty: reflect Access-Control-Request-Headers */
    str exposed_headers;
    int32_t max_age; /* seconds; -1: not sent */
    bool preflight_continue;
    uint16_t options_status; /* 204 */
};

struct eio_cookie {
    bool enabled;
    str name; /* "io" */
    str path; /* "/"; empty: not sent */
    str domain;
    str same_site; /* "Lax" */
    bool http_only, secure;
    int64_t max_age; /* seconds; -1: not sent */
};

struct eio_options {
    str path; /* "/engine.io/", with the final slash unless add_trailing_slash is off */
    uint32_t ping_interval_ms;     /* 25000 */
    uint32_t ping_timeout_ms;      /* 20000 */
    uint32_t upgrade_timeout_ms;   /* 10000 */
    uint32_t message_bytes_max;    /* maxHttpBufferSize, 1000000 */
    uint32_t polling_close_ms;     /* 30000: wait for a GET to tell the close to */
    struct pressure_policy output; /* of what waits for a session: 16 MiB, then it is closed */
    uint32_t sessions_max;         /* 0: no limit */
    uint32_t compress_min;         /* httpCompression threshold, 1024; UINT32_MAX: off */
    uint8_t transports;            /* EIO_POLLING | EIO_WEBSOCKET */
    bool allow_upgrades;
    bool allow_eio3;    /* sessions of protocol 3: clients of Socket.IO 2 */
    str initial_packet; /* a text message that follows the open packet; empty: none */
    struct eio_cors cors;
    struct eio_cookie cookie;
    struct ws_deflate_options deflate; /* off */
};

/* Node's defaults. Strings are literals. */
void eio_options_default(struct eio_options *o);

#endif
