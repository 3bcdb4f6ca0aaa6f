/* api/app.h - what is behind the public handles: the application and what it owns.
 *
 * A handle is the internal object itself where a layer below has one (atr_socket is struct
 * sio_socket, atr_request is struct http_request), cast at this boundary and nowhere else.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_APP_H
#define API_APP_H

#include "api/outside.h"
#include "api/settings.h"
#include "atrium/atrium.h"
#include "base/arena.h"
#include "base/id.h"
#include "gateway/endpoint.h"
#include "http/router.h"
#include "net/loop.h"
#include "socketio/server.h"

struct app_store;
struct client_bundle;
struct eio_places;
struct exchange;
struct journal;
struct prometheus;

/* What became of queries; waiting: those without an answer yet. */
struct sqlite_stats {
    uint64_t done, failed, refused, waiting;
};

/* The same of operations of the store; losses: of the connection to the centre. */
struct store_figures {
    uint64_t done, failed, refused, timeouts, waiting, losses;
};

struct atr_app {
    struct loop loop;
    struct http_server http;
    struct http_router router;
    struct settings settings;
    struct rates rates;            /* what clients may do per second */
    struct address_range *proxies; /* trustProxy */
    struct app_cluster *cluster;   /* of the owner: the application's other servers; NULL: alone */
    atr_io *io;                    /* NULL until first asked for */
    struct list engines;           /* of atr_engine */
    struct gateway gateway;        /* what plain WebSocket endpoints share */
    struct list websockets;        /* of atr_websocket */
    struct list routes;            /* of struct route */
    struct list folders;           /* of struct folder */
    struct list databases;         /* of atr_sqlite */
    struct sqlite_stats sqlite;
    struct app_store *store; /* of store.c; NULL: not used yet */
    struct store_figures store_figures;
    struct id_table timers;    /* of atr_timer */
    struct id_table requests;  /* of struct http_request, those of routes */
    struct id_table decisions; /* of struct decision */
    struct list open_decisions;
    struct tls_context *tls;       /* NULL: nothing listens with TLS */
    struct timer tls_watch;        /* looks whether certificates have changed */
    struct list metric_sources;    /* of struct metric_source */
    struct prometheus *prometheus; /* NULL until listening */
    struct timer grace;            /* bounds atr_app_close() */
    struct timer closed;           /* looks whether connections are gone while closing */
    struct outside outside;
    uint64_t handler_errors;
    uint64_t slow_told_ms; /* when a handler was last said to be slow; 0: none was */
    uint16_t port;         /* 0 until listening */
    uint16_t tls_port;     /* 0: none speaks TLS; else it may be the same */
    struct drain *drain;   /* NULL: not draining */
    struct {
        int (*save)(void *user, atr_writer *w);
        int (*restore)(void *user, atr_str json);
        void *user;
        size_t (*busy)(void *user);
        void *busy_user;
    } handover;                   /* of handover.h; NULL: none */
    void (*on_ready)(void *user); /* of atr_app_ready(): whoever runs the process. NULL: nobody */
    void *ready_user;
    bool ready;
    bool closing;
    bool ending; /* its store is closed */
};

/* Copies a struct that the caller sized: members it does not know are zero. 0 stands for the size
 * of the first version, which is this one until it is released; then it becomes a constant here. */
#define SIZED_COPY(to, from) sized_copy(to, sizeof *(to), from, (from)->size)
static inline void sized_copy(void *to, size_t now, const void *from, size_t given)
{
    memset(to, 0, now);
    memcpy(to, from, given && given < now ? given : now);
}

static inline str str_in(atr_str s)
{
    return (str){ s.p, s.n };
}
static inline atr_str str_out(str s)
{
    return (atr_str){ s.p, s.n };
}

/* The other servers of an application, as who runs it reaches them. */
struct app_cluster {
    struct exchange *exchange;
    struct journal *journal;   /* for what is to survive this process; NULL: nothing does */
    struct eio_places *places; /* who serves which session; NULL: sessions are each server's own */
    /* No new session is to begin here any more. May be called again. */
    void (*on_closing)(struct app_cluster *c);
    /* atr_app_free() is about to end what is left. */
    void (*on_ending)(struct app_cluster *c);
    /* All that used these has gone; the loop goes next. */
    void (*on_ended)(struct app_cluster *c);
};

/* Joins them. Before the application makes anything; c must live until on_ended. */
void app_join(atr_app *app, struct app_cluster *c);

/* Puts changed settings in force for everything that exists. */
void app_apply_settings(atr_app *app);

/* Takes no connection and no session any more, closes those there are over at most ms, at a pace
 * (they are told, and reconnect elsewhere), then closes as atr_app_close() does. A second call, or
 * one while closing, changes nothing. */
void app_drain(atr_app *app, uint32_t ms);
void drain_free(atr_app *app);

/* Each part frees what it holds; called by atr_app_free() in this order. */
void io_free(atr_io *io);
void engines_free(atr_app *app);
void websockets_free(atr_app *app);
void http_parts_free(atr_app *app);
void databases_free(atr_app *app);
void app_store_measure(atr_app *app); /* brings store_figures up to date */
void app_store_free(atr_app *app);    /* ends what waits for it */
void decisions_free(atr_app *app);
void timers_free(atr_app *app);

void io_apply_settings(atr_io *io);
/* Instruments the io if the setting "admin" says so and nobody has yet. */
void admin_apply_settings(atr_app *app);
void io_refuse_new(atr_app *app); /* engines and plain WebSockets take nobody any more */
/* Closes up to n sessions and connections; the number of those that are left. */
size_t io_close_some(atr_app *app, size_t n);
void io_close_all(atr_app *app);  /* the io, every bare engine and every plain WebSocket */
bool io_idle(const atr_app *app); /* no session or connection of theirs is left */
struct eio_stats;
/* Sums the figures of the io and of every bare engine. */
void io_sum_stats(const atr_app *app, struct eio_stats *sum,
                  uint64_t *waiting); /* waiting: requests that wait for a decision */

#endif
