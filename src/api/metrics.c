/* api/metrics.c - every layer's counters and gauges under one roof, with names and helps.
 *
 * One row per figure: name, labels, help, where it is. Counters end in _total, as Prometheus wants
 * it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/metrics.h"

#include <stdio.h>

#include "base/log.h"
#include "net/pressure.h"
#include "net/tether.h"
#include "net/tls_stream.h"

/* A histogram of microseconds, as seconds: cumulative buckets by powers of two. */
static void give_histogram(const struct metric_walk *w, const char *name, const char *help,
                           const struct loop_histogram *h)
{
    atr_metric m = { .kind = ATR_HISTOGRAM, .name = name, .help = help, .suffix = "_bucket" };
    char labels[40];
    uint64_t count = 0;

    m.labels = labels;
    for (int i = 0; i < LOOP_BUCKETS; i++) {
        count += h->buckets[i];
        if (i < LOOP_BUCKETS - 1)
            (void)snprintf(labels, sizeof labels, "le=\"%.6f\"", (double)(1ull << i) / 1e6);
        else
            (void)snprintf(labels, sizeof labels, "le=\"+Inf\"");
        m.value = (double)count;
        w->fn(w->user, &m);
    }
    m.labels = "";
    m.suffix = "_sum";
    m.value = (double)h->sum_us / 1e6;
    w->fn(w->user, &m);
    m.suffix = "_count";
    m.value = (double)count;
    w->fn(w->user, &m);
}

static void give_loop(const struct metric_walk *w, const struct loop_stats *l)
{
    COUNTER("loop_iterations", "", "Iterations of the event loop", l->iterations);
    COUNTER("loop_events", "", "Readiness events dispatched", l->events);
    give_histogram(w, "atrium_loop_busy_seconds", "Length of an iteration, waiting excluded",
                   &l->busy);
    give_histogram(w, "atrium_loop_lag_seconds", "How late the loop woke for a due timer", &l->lag);
}

static void give_net(const struct metric_walk *w, const struct stream_stats *n)
{
    COUNTER("net_bytes", "direction=\"in\"", "Bytes of all connections", n->bytes_in);
    COUNTER("net_bytes", "direction=\"out\"", "Bytes of all connections", n->bytes_out);
    COUNTER("net_calls", "call=\"read\"", "System calls that move bytes", n->reads);
    COUNTER("net_calls", "call=\"write\"", "System calls that move bytes",
            n->writes - n->burst_writes + n->bursts);
    COUNTER("net_messages_out", "", "Messages written", n->messages_out);
    COUNTER("net_burst_writes", "", "Writes that shared a system call (io_uring)", n->burst_writes);
    COUNTER("net_coalesced", "", "Flushes served from a shared concatenation", n->coalesced);
    GAUGE("net_kept_bytes", "", "Bytes of input that wait for their rest", n->kept_bytes);
    GAUGE("net_queued_bytes", "", "Bytes of output that wait for the kernel", n->queued_bytes);
}

static void give_http(const struct metric_walk *w, const struct http_server *server)
{
    const struct http_stats *h = &server->stats;
    char labels[16];

    GAUGE("http_connections", "", "Open HTTP connections", h->connections_open);
    COUNTER("http_connections_accepted", "", "Connections accepted", h->connections);
    COUNTER("http_requests", "", "Well-formed requests", h->requests);
    for (int i = 2; i < HTTP_CLASSES; i++) {
        (void)snprintf(labels, sizeof labels, "class=\"%dxx\"", i);
        COUNTER("http_responses", labels, "Answers, by the first digit of their status",
                h->answers[i]);
    }
    COUNTER("http_upgrades", "", "Connections upgraded", h->upgrades);
    COUNTER("http_errors", "reason=\"malformed\"", "Requests refused or broken off",
            h->bad_requests);
    COUNTER("http_errors", "reason=\"timeout\"", "Requests refused or broken off", h->timeouts);
    COUNTER("http_errors", "reason=\"too_large\"", "Requests refused or broken off", h->too_large);
    COUNTER("http_errors", "reason=\"aborted\"", "Requests refused or broken off", h->aborted);
    COUNTER("http_errors", "reason=\"rate\"", "Requests refused or broken off", h->rate_limited);
    COUNTER("http_errors", "reason=\"max_connections\"", "Requests refused or broken off",
            h->refused);
    /* Out of descriptors or memory: the listener rests, then tries again. */
    COUNTER("http_errors", "reason=\"accept\"", "Requests refused or broken off",
            server->listener.refused + server->tls_listener.refused);
}

static void give_tls(const struct metric_walk *w)
{
    GAUGE("tls_connections", "", "Open TLS connections", tls_stats.open);
    COUNTER("tls_handshakes", "", "TLS handshakes completed", tls_stats.handshakes);
    COUNTER("tls_resumed", "", "Of these, by resumption", tls_stats.resumed);
    GAUGE("tls_tethers", "", "Of the open ones, those relayed for another process",
          tether_stats.open);
    COUNTER("tls_tethered", "", "TLS connections that were relayed for another process",
            tether_stats.made);
    COUNTER("tls_errors", "reason=\"handshake\"", "TLS connections that failed",
            tls_stats.handshake_failures - tls_stats.handshake_timeouts - tls_stats.plain_http);
    COUNTER("tls_errors", "reason=\"timeout\"", "TLS connections that failed",
            tls_stats.handshake_timeouts);
    COUNTER("tls_errors", "reason=\"plain_http\"", "TLS connections that failed",
            tls_stats.plain_http);
    COUNTER("tls_errors", "reason=\"breach\"", "TLS connections that failed", tls_stats.breaches);
    COUNTER("tls_reloads", "result=\"ok\"", "Reloads of certificates", tls_stats.reloads);
    COUNTER("tls_reloads", "result=\"failed\"", "Reloads of certificates",
            tls_stats.reload_failures);
}

static void give_websocket(const struct metric_walk *w, const struct gateway_stats *g)
{
    COUNTER("ws_opened", "", "WebSocket connections opened, whatever they carry", ws_stats.opened);
    COUNTER("ws_messages_in", "", "WebSocket messages received", ws_stats.messages_in);
    COUNTER("ws_bytes_in", "", "Bytes of WebSocket messages received", ws_stats.bytes_in);
    COUNTER("ws_errors", "reason=\"protocol\"", "WebSocket connections failed",
            ws_stats.protocol_errors);
    COUNTER("ws_errors", "reason=\"encoding\"", "WebSocket connections failed",
            ws_stats.encoding_errors);
    COUNTER("ws_errors", "reason=\"rate\"", "WebSocket connections failed", ws_stats.rate_limited);
    COUNTER("ws_errors", "reason=\"too_big\"", "WebSocket connections failed", ws_stats.too_big);
    COUNTER("ws_deflated", "", "WebSocket messages compressed", ws_stats.deflated);
    COUNTER("ws_deflate_shared", "", "Compressed messages sent again", ws_stats.deflated_shared);
    COUNTER("ws_deflate_bytes", "state=\"plain\"", "Bytes of messages compressed",
            ws_stats.deflated_from);
    COUNTER("ws_deflate_bytes", "state=\"packed\"", "Bytes of messages compressed",
            ws_stats.deflated_to);
    COUNTER("ws_inflated", "", "Compressed WebSocket messages received", ws_stats.inflated);
    GAUGE("websocket_connections", "", "Open connections of plain WebSocket endpoints", g->open);
    COUNTER("websocket_opened", "", "Connections of plain WebSocket endpoints", g->opened);
    COUNTER("websocket_handed_over", "direction=\"in\"", "Of these, between processes", g->thawed);
    COUNTER("websocket_handed_over", "direction=\"out\"", "Of these, between processes", g->frozen);
    COUNTER("websocket_refused", "", "Handshakes refused by the application", g->refused);
    COUNTER("websocket_messages", "direction=\"in\"", "Messages of plain WebSocket endpoints",
            g->messages_in);
    COUNTER("websocket_messages", "direction=\"out\"", "Messages of plain WebSocket endpoints",
            g->messages_out);
    COUNTER("websocket_publishes", "", "Messages published to channels", g->publishes);
    COUNTER("websocket_deliveries", "", "Of these, copies to subscribers", g->deliveries);
    COUNTER("websocket_pings", "", "Pings sent", g->pings);
    COUNTER("websocket_drops", "reason=\"idle\"", "Connections or messages given up",
            g->idle_timeouts);
    COUNTER("websocket_drops", "reason=\"rate\"", "Connections or messages given up",
            g->rate_limited);
    COUNTER("websocket_drops", "reason=\"max_connections\"", "Connections or messages given up",
            g->full);
    COUNTER("websocket_drops", "reason=\"overflow\"", "Connections or messages given up",
            g->overflow_disconnects);
    COUNTER("websocket_drops", "reason=\"overflow_message\"", "Connections or messages given up",
            g->overflow_drops);
}

static void give_drops(const struct metric_walk *w, const struct pressure_stats *p)
{
    static const char *const whys[PRESSURE_DROPS] = { "new", "oldest", "latest" };
    char labels[64];

    for (int o = OVERFLOW_DROP; o <= OVERFLOW_KEEP_LATEST; o++)
        for (int why = 0; why < PRESSURE_DROPS; why++) {
            bool can = why == PRESSURE_DROP_NEW ||
                       (why == PRESSURE_DROP_OLDEST && o > OVERFLOW_DROP) ||
                       o == OVERFLOW_KEEP_LATEST;
            if (!can)
                continue;
            (void)snprintf(labels, sizeof labels, "policy=\"%s\",reason=\"%s\"",
                           overflow_name((enum overflow)o), whys[why]);
            COUNTER("backpressure_drops", labels, "Packets dropped by a policy", p->drops[o][why]);
        }
}

static void give_pressure(const struct metric_walk *w, const struct pressure_stats *p)
{
    GAUGE("backpressure_connections", "", "Connections that are backed up", p->now);
    COUNTER("backpressure", "", "Times that a connection became backed up", p->times);
    GAUGE("backpressure_bytes", "", "Bytes of output that wait where a policy may drop them",
          p->bytes);
    GAUGE("engine_polling_bytes", "", "Bytes of output that wait for GETs", p->polling_bytes);
    give_drops(w, p);
    COUNTER("backpressure_dropped_bytes", "", "Bytes of the packets dropped", p->dropped_bytes);
    COUNTER("backpressure_disconnects", "", "Connections closed because they were not read from",
            p->disconnects);
    COUNTER("backpressure_waits", "", "Sends that waited for drain", p->waits);
    COUNTER("backpressure_wait_timeouts", "", "Of these, those that waited in vain",
            p->waits_timed_out);
    GAUGE("backpressure_paused", "", "Connections that are not read from meanwhile", p->held);
}

static void give_rates(const struct metric_walk *w, const struct rates *r)
{
    static const char *const help = "What was refused for coming too fast";

    COUNTER("rate_limited", "by=\"connection\",of=\"messages\"", help, r->refused[RATES_MESSAGES]);
    COUNTER("rate_limited", "by=\"connection\",of=\"bytes\"", help, r->refused[RATES_BYTES]);
    COUNTER("rate_limited", "by=\"address\",of=\"messages\"", help,
            r->refused[RATES_ADDRESS_MESSAGES]);
    COUNTER("rate_limited", "by=\"address\",of=\"bytes\"", help, r->refused[RATES_ADDRESS_BYTES]);
    COUNTER("rate_limited", "by=\"address\",of=\"connects\"", help, r->refused[RATES_CONNECTS]);
    COUNTER("rate_limited", "by=\"address\",of=\"handshakes\"", help, r->refused[RATES_SESSIONS]);
    GAUGE("rate_addresses", "", "Addresses that limits per second are kept for",
          r->addresses.count);
    COUNTER("rate_addresses_forgotten", "", "Of these, given up early for others to have room",
            r->forgotten);
}

static void give_sqlite(const struct metric_walk *w, const struct sqlite_stats *s)
{
    COUNTER("sqlite_queries", "result=\"ok\"", "Queries, by what became of them", s->done);
    COUNTER("sqlite_queries", "result=\"failed\"", "Queries, by what became of them", s->failed);
    COUNTER("sqlite_queries", "result=\"refused\"", "Queries, by what became of them", s->refused);
    GAUGE("sqlite_waiting", "", "Queries that are not answered yet", s->waiting);
}

static void give_store(const struct metric_walk *w, const struct store_figures *s)
{
    static const char help[] = "Operations of the store, by what became of them";

    COUNTER("store_operations", "result=\"ok\"", help, s->done);
    COUNTER("store_operations", "result=\"failed\"", help, s->failed);
    COUNTER("store_operations", "result=\"refused\"", help, s->refused);
    COUNTER("store_operations", "result=\"timeout\"", help, s->timeouts);
    GAUGE("store_waiting", "", "Operations of the store that are not answered yet", s->waiting);
    COUNTER("store_losses", "", "Times that the connection to the centre was lost", s->losses);
}

static void give_log(const struct metric_walk *w)
{
    static const char *const labels[] = { "level=\"debug\"", "level=\"info\"", "level=\"warn\"",
                                          "level=\"error\"" };

    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        COUNTER("log_lines", labels[i], "Lines written to the log", log_count((enum log_level)i));
}

void atr_app_metrics(atr_app *app, void (*fn)(void *user, const atr_metric *m), void *user)
{
    const struct metric_walk walk = { fn, user }, *w = &walk;

    metric_give(w, ATR_GAUGE, "atrium_info", "version=\"" ATR_VERSION "\"",
                "What runs here; always 1", 1);
    give_loop(w, &app->loop.stats);
    give_net(w, &stream_stats);
    give_http(w, &app->http);
    give_tls(w);
    give_pressure(w, &pressure_stats);
    give_websocket(w, &app->gateway.stats);
    give_rates(w, &app->rates);
    metrics_of_io(w, app);
    COUNTER("handler_errors", "", "Errors of the application's handlers", app->handler_errors);
    give_sqlite(w, &app->sqlite);
    app_store_measure(app);
    give_store(w, &app->store_figures);
    give_log(w);
}
