/* api/counters.c - every layer's counters under one roof.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/io.h"
#include "net/tls_stream.h"

void atr_app_counters(atr_app *app, void (*fn)(void *user, const char *name, uint64_t value),
                      void *user)
{
    const struct http_stats *h = &app->http.stats;
    const struct gateway_stats *g = &app->gateway.stats;

#define GIVE(prefix, from, field) fn(user, prefix #field, (uint64_t)(from)->field)
    GIVE("http.", h, connections);
    GIVE("http.", h, connections_open);
    GIVE("http.", h, requests);
    GIVE("http.", h, upgrades);
    GIVE("http.", h, bad_requests);
    GIVE("http.", h, timeouts);
    GIVE("http.", h, too_large);
    GIVE("http.", h, aborted);
    GIVE("http.", h, refused);
    GIVE("tls.", &tls_stats, handshakes);
    GIVE("tls.", &tls_stats, resumed);
    GIVE("tls.", &tls_stats, handshake_failures);
    GIVE("tls.", &tls_stats, handshake_timeouts);
    GIVE("tls.", &tls_stats, plain_http);
    GIVE("tls.", &tls_stats, breaches);
    GIVE("tls.", &tls_stats, open);
    GIVE("tls.", &tls_stats, reloads);
    GIVE("tls.", &tls_stats, reload_failures);
    GIVE("ws.", &ws_stats, opened);
    GIVE("ws.", &ws_stats, messages_in);
    GIVE("ws.", &ws_stats, bytes_in);
    GIVE("ws.", &ws_stats, protocol_errors);
    GIVE("ws.", &ws_stats, encoding_errors);
    GIVE("ws.", &ws_stats, too_big);
    GIVE("websocket.", g, opened);
    GIVE("websocket.", g, open);
    GIVE("websocket.", g, refused);
    GIVE("websocket.", g, messages_in);
    GIVE("websocket.", g, messages_out);
    GIVE("websocket.", g, publishes);
    GIVE("websocket.", g, deliveries);
    GIVE("websocket.", g, pings);
    GIVE("websocket.", g, idle_timeouts);
    GIVE("websocket.", g, overflow_disconnects);
    GIVE("websocket.", g, overflow_drops);
    GIVE("net.", &stream_stats, bytes_in);
    GIVE("net.", &stream_stats, bytes_out);
    GIVE("net.", &stream_stats, reads);
    GIVE("net.", &stream_stats, writes);
    GIVE("net.", &stream_stats, messages_out);
    GIVE("net.", &stream_stats, kept_bytes);
    GIVE("net.", &stream_stats, queued_bytes);
    GIVE("net.", &stream_stats, coalesced);
    if (app->io) {
        const struct eio_stats *e = &app->io->server.engine.stats;
        const struct sio_stats *s = &app->io->server.stats;
        GIVE("eio.", e, opened);
        GIVE("eio.", e, closed);
        GIVE("eio.", e, polling_open);
        GIVE("eio.", e, websocket_open);
        GIVE("eio.", e, upgrades);
        GIVE("eio.", e, upgrade_failures);
        GIVE("eio.", e, packets_in);
        GIVE("eio.", e, packets_out);
        GIVE("eio.", e, ping_timeouts);
        GIVE("eio.", e, parse_errors);
        GIVE("eio.", e, too_large);
        GIVE("eio.", e, overlaps);
        GIVE("eio.", e, refused);
        GIVE("eio.", e, queue_overflows);
        GIVE("sio.", s, connects);
        GIVE("sio.", s, connect_errors);
        GIVE("sio.", s, sockets_open);
        GIVE("sio.", s, events_in);
        GIVE("sio.", s, events_out);
        GIVE("sio.", s, acks_in);
        GIVE("sio.", s, acks_out);
        GIVE("sio.", s, broadcasts);
        GIVE("sio.", s, deliveries);
        GIVE("sio.", s, volatile_dropped);
        GIVE("sio.", s, protocol_errors);
        GIVE("sio.", s, ack_timeouts);
        GIVE("sio.", s, connect_timeouts);
        GIVE("sio.", s, limits_hit);
    }
    GIVE("script.", app, handler_errors);
#undef GIVE
}
