/* api/websocket.c - plain WebSocket endpoints and their channels.
 *
 * An atr_ws is a struct gateway_conn. Start reading at atr_websocket_new() and read_option().
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/decision.h"
#include "api/request.h"
#include "api/shapes.h"
#include "base/mem.h"
#include "api/output.h"
#include "gateway/channel.h"
#include "net/drain.h"
#include "proto/http1_kept.h"
#include "proto/json.h"

struct atr_websocket {
    struct gateway_endpoint endpoint;
    struct gateway_events events; /* those that there are handlers for */
    struct list link;             /* in app->websockets */
    struct arena strings;
    atr_app *app;
    atr_websocket_handlers handlers;
    void *user;
};

static struct gateway_conn *conn_in(const atr_ws *ws)
{
    return (struct gateway_conn *)(uintptr_t)ws;
}

static atr_ws *conn_out(struct gateway_conn *c)
{
    return (atr_ws *)c;
}

static atr_websocket *websocket_of(const struct gateway_conn *c)
{
    return container_of(gateway_conn_endpoint(c), atr_websocket, endpoint);
}

/* --- What the layer below tells --- */

static void on_handshake(struct gateway_endpoint *e, gateway_handshake hs, struct http_request *r)
{
    atr_websocket *w = container_of(e, atr_websocket, endpoint);

    w->handlers.on_upgrade(w->user, (atr_request *)r, decision_of_upgrade(w->app, e->gateway, hs));
}

static void on_open(struct gateway_conn *c, struct http_request *r)
{
    atr_websocket *w = websocket_of(c);

    w->handlers.on_open(w->user, conn_out(c), (atr_request *)r);
}

static void on_message(struct gateway_conn *c, bool binary, uint8_t *data, size_t n)
{
    atr_websocket *w = websocket_of(c);

    if (w->handlers.on_message)
        w->handlers.on_message(w->user, conn_out(c), (atr_str){ (char *)data, n }, binary);
}

static void on_pong(struct gateway_conn *c, str payload)
{
    atr_websocket *w = websocket_of(c);

    w->handlers.on_pong(w->user, conn_out(c), str_out(payload));
}

static void on_close(struct gateway_conn *c, unsigned code, str reason)
{
    atr_websocket *w = websocket_of(c);

    if (w->handlers.on_close)
        w->handlers.on_close(w->user, conn_out(c), code, str_out(reason));
}

static void on_drain(struct gateway_conn *c)
{
    atr_websocket *w = websocket_of(c);

    w->handlers.on_drain(w->user, conn_out(c));
}

static void on_freeze(struct gateway_conn *c, struct buf *state)
{
    atr_websocket *w = websocket_of(c);
    atr_writer *writer = atr_writer_new();
    atr_data d;

    w->handlers.on_hand_over(w->user, conn_out(c), writer);
    d = atr_writer_data(writer);
    buf_append(state, d.json.p, d.json.n);
    atr_writer_free(writer);
}

static void on_thaw(struct gateway_conn *c, str state)
{
    atr_websocket *w = websocket_of(c);

    /* It comes from another process, whatever that may have been. */
    if (state.n && json_check(state, JSON_DEPTH) < 0)
        state = STR("");
    w->handlers.on_handed_over(w->user, conn_out(c), str_out(state));
}

static struct gateway_events events_for(const atr_websocket_handlers *h)
{
    return (struct gateway_events){
        .on_handshake = h->on_upgrade ? on_handshake : NULL,
        .on_open = h->on_open ? on_open : NULL,
        .on_message = on_message,
        .on_pong = h->on_pong ? on_pong : NULL,
        .on_close = on_close,
        .on_drain = h->on_drain ? on_drain : NULL,
        .on_freeze = h->on_hand_over ? on_freeze : NULL,
        .on_thaw = h->on_handed_over ? on_thaw : NULL,
    };
}

/* --- Options --- */

static const struct number_option {
    str name;
    size_t at;
    int64_t min, max;
} numbers[] = {
    { { STR_PARTS("maxPayload") },
      offsetof(struct gateway_options, message_bytes_max),
      1,
      1 << 30 },
    { { STR_PARTS("pingInterval") },
      offsetof(struct gateway_options, ping_interval_ms),
      0,
      86400000 },
    { { STR_PARTS("idleTimeout") },
      offsetof(struct gateway_options, idle_timeout_ms),
      0,
      86400000 },
    { { STR_PARTS("maxConnections") },
      offsetof(struct gateway_options, connections_max),
      0,
      100000000 },
};

static int read_number(const struct number_option *n, str value, struct gateway_options *o,
                       char *why)
{
    int64_t number;

    if (json_integer(value, &number) < 0 || number < n->min || number > n->max)
        return err_why(why, ATR_ERANGE, "option \"%.*s\" must be an integer between %lld and %lld",
                       STR_ARG(n->name), (long long)n->min, (long long)n->max);
    memcpy((char *)o + n->at, &(uint32_t){ (uint32_t)number }, sizeof(uint32_t));
    return 0;
}

/* RFC 9110, 5.6.2. */
static bool is_token(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]{}", s.p[i]))
            return false;
    return s.n > 0;
}

static int read_protocols(str value, struct gateway_options *o, struct arena *strings, char *why)
{
    struct json_iter it;
    struct buf scratch = { 0 };
    str *list, one;
    int err = 0;

    if (json_type_of(value) != JSON_ARRAY)
        return err_why(why, ATR_ETYPE, "option \"protocols\" must be a list of texts");
    list = arena_alloc(strings, (json_count(value) + 1) * sizeof *list);
    o->protocols = list;
    json_iter_init(&it, value);
    while (err == 0 && json_iter_next(&it)) {
        buf_clear(&scratch);
        if (json_string(it.value, &scratch, &one) < 0 || !is_token(one))
            err = err_why(why, ATR_ESYNTAX, "option \"protocols\": %.*s is no name of a protocol",
                          STR_ARG(it.value));
        else
            list[o->protocol_count++] = arena_copy(strings, one);
    }
    buf_free(&scratch);
    return err;
}

static int read_option(const struct json_iter *it, struct gateway_options *o, struct arena *strings,
                       char *why)
{
    enum json_type type = json_type_of(it->value);
    unsigned given = 0;
    int known = output_option(it, &o->output, &given, why);

    if (known)
        return known < 0 ? known : 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (json_string_is(it->key, numbers[i].name))
            return read_number(&numbers[i], it->value, o, why);
    if (json_string_is(it->key, STR("protocols")))
        return read_protocols(it->value, o, strings, why);
    if (json_string_is(it->key, STR("perMessageDeflate")))
        return shapes_deflate(it->value, &o->deflate, why);
    if (!json_string_is(it->key, STR("keepHandshake")))
        return err_why(why, ATR_EUNKNOWN, "a WebSocket endpoint has no option %.*s",
                       STR_ARG(it->key));
    if (type != JSON_TRUE && type != JSON_FALSE)
        return err_why(why, ATR_ETYPE, "option \"keepHandshake\" must be true or false");
    o->keep_head = type == JSON_TRUE;
    return 0;
}

static int read_options(str json, struct gateway_options *o, struct arena *strings, char *why)
{
    struct json_iter it;
    int err = 0;

    *o = GATEWAY_OPTIONS_DEFAULT;
    if (json.n == 0)
        return 0;
    if (json_check(json, JSON_DEPTH) < 0 || json_type_of(json) != JSON_OBJECT)
        return err_why(why, ATR_ETYPE, "the options of a WebSocket endpoint must be an object");
    json_iter_init(&it, json);
    while (err == 0 && json_iter_next(&it))
        err = read_option(&it, o, strings, why);
    return err;
}

/* --- Endpoints --- */

static void end(atr_websocket *w)
{
    list_remove(&w->link);
    arena_free(&w->strings);
    mem_free(w);
}

atr_websocket *atr_websocket_new(atr_app *app, atr_str path, atr_str options_json,
                                 const atr_websocket_handlers *h, void *user, char *why)
{
    atr_websocket *w = mem_zalloc(sizeof *w);
    struct gateway_options o;
    struct gateway_endpoint *e = &w->endpoint;

    w->app = app;
    w->user = user;
    SIZED_COPY(&w->handlers, h);
    list_init(&w->link);
    if (read_options(str_in(options_json), &o, &w->strings, why) < 0)
        goto fail;
    w->events = events_for(&w->handlers);
    gateway_endpoint_init(e, &app->gateway, &o, &w->events, w);
    if (http_router_add(&app->router, STR("*"), str_in(path), &e->handler) < 0) {
        (void)err_why(why, ATR_ESYNTAX, "bad path \"%.*s\"", (int)path.n, path.p);
        goto fail;
    }
    e->path = arena_copy(&w->strings, str_in(path));
    list_append(&app->websockets, &w->link);
    return w;
fail:
    end(w);
    return NULL;
}

void websockets_free(atr_app *app)
{
    gateway_fini(&app->gateway);
    while (!list_empty(&app->websockets))
        end(container_of(app->websockets.next, atr_websocket, link));
}

size_t atr_websocket_count(const atr_websocket *w)
{
    return w->endpoint.open;
}

struct walk {
    void (*fn)(void *arg, atr_str s);
    void *arg;
};

static void give(void *arg, str s)
{
    struct walk *w = arg;

    w->fn(w->arg, str_out(s));
}

static bool give_on(void *arg, str s)
{
    give(arg, s);
    return true;
}

void atr_ws_offered(const atr_request *r, void (*fn)(void *arg, atr_str protocol), void *arg)
{
    struct walk w = { fn, arg };

    gateway_offered((const struct http_request *)r, give_on, &w);
}

/* --- Connections --- */

atr_ref atr_ws_ref(const atr_ws *ws)
{
    return conn_in(ws)->id;
}

atr_ws *atr_ws_find(atr_app *app, atr_ref ref)
{
    return id_get(&app->gateway.conns, ref);
}

atr_websocket *atr_ws_websocket(const atr_ws *ws)
{
    return websocket_of(conn_in(ws));
}

void *atr_ws_user(const atr_ws *ws)
{
    return conn_in(ws)->user;
}

void atr_ws_set_user(atr_ws *ws, void *user)
{
    conn_in(ws)->user = user;
}

int atr_ws_send(atr_ws *ws, atr_str data, int binary)
{
    return atr_ws_send_key(ws, data, binary, (atr_str){ 0 });
}

int atr_ws_send_key(atr_ws *ws, atr_str data, int binary, atr_str key)
{
    drain_forget();
    return gateway_conn_send(conn_in(ws), str_in(data), binary, str_in(key));
}

void atr_ws_pause(atr_ws *ws)
{
    gateway_conn_hold(conn_in(ws));
}

void atr_ws_resume(atr_ws *ws)
{
    gateway_conn_release(conn_in(ws));
}

int atr_ws_ping(atr_ws *ws, atr_str payload)
{
    return gateway_conn_ping(conn_in(ws), str_in(payload));
}

int atr_ws_close(atr_ws *ws, unsigned code, atr_str reason)
{
    return gateway_conn_close(conn_in(ws), code, str_in(reason));
}

void atr_ws_abort(atr_ws *ws)
{
    gateway_conn_abort(conn_in(ws));
}

size_t atr_ws_buffered(const atr_ws *ws)
{
    struct gateway_conn *c = conn_in(ws);
    size_t bytes = gateway_conn_queued(c);

    if (bytes > 0) /* who is told so may wait for on_drain */
        gateway_conn_watch_drain(c);
    return bytes;
}

atr_str atr_ws_address(const atr_ws *ws)
{
    struct stream *s = conn_in(ws)->ws.stream;
    uint16_t port;

    if (!s)
        return (atr_str){ 0 };
    if (gateway_conn_client(conn_in(ws)))
        return atr_text(gateway_conn_client(conn_in(ws)));
    char *text = arena_alloc(&s->loop->scratch, 64);
    stream_peer(s, text, &port);
    return str_out(str_of(text));
}

atr_str atr_ws_url(const atr_ws *ws)
{
    str head = gateway_conn_head(conn_in(ws));

    return head.p ? str_out(http1_kept_target(head)) : (atr_str){ 0 };
}

atr_str atr_ws_header(const atr_ws *ws, atr_str name)
{
    str head = gateway_conn_head(conn_in(ws));

    return head.p ? str_out(http1_kept_header(head, str_in(name))) : (atr_str){ 0 };
}

void atr_ws_headers(const atr_ws *ws, void (*fn)(void *arg, atr_str name, atr_str value), void *arg)
{
    str head = gateway_conn_head(conn_in(ws));

    if (head.p)
        head_each_header(head, fn, arg);
}

void atr_ws_query(const atr_ws *ws, void (*fn)(void *arg, atr_str name, atr_str value), void *arg)
{
    str query = str_in(atr_ws_url(ws)), path;

    (void)str_cut(&query, '?', &path);
    if (query.n)
        query_each(query, fn, arg);
}

/* --- Channels --- */

int atr_ws_subscribe(atr_ws *ws, atr_str channel)
{
    return gateway_subscribe(conn_in(ws), str_in(channel));
}

int atr_ws_unsubscribe(atr_ws *ws, atr_str channel)
{
    return gateway_unsubscribe(conn_in(ws), str_in(channel));
}

int atr_ws_subscribed(const atr_ws *ws, atr_str channel)
{
    return gateway_subscribed(conn_in(ws), str_in(channel));
}

void atr_ws_channels(const atr_ws *ws, void (*fn)(void *arg, atr_str channel), void *arg)
{
    struct walk w = { fn, arg };

    gateway_channels(conn_in(ws), give, &w);
}

int64_t atr_publish(atr_app *app, atr_str channel, atr_str data, int binary, const atr_ws *except)
{
    return atr_publish_key(app, channel, data, binary, (atr_str){ 0 }, except);
}

int64_t atr_publish_key(atr_app *app, atr_str channel, atr_str data, int binary, atr_str key,
                        const atr_ws *except)
{
    drain_forget();
    return gateway_publish(&app->gateway, str_in(channel), str_in(data), binary, str_in(key),
                           except ? conn_in(except) : NULL);
}

size_t atr_channel_count(const atr_app *app, atr_str channel)
{
    return gateway_subscribers(&app->gateway, str_in(channel));
}
