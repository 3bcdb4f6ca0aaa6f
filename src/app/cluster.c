/* app/cluster.c - see cluster.h.
 *
 * What a worker leaves when it ends, killed or not, is for the others: they notice its death, one
 * of them claims its slot, and the sessions in its journal are that one's until their clients come
 * back. If there is no other, it is the next one to start.
 *
 * Start reading at cluster_join().
 *
 * SPDX-License-Identifier: MIT
 */
#include "app/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/io.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "socketio/cluster_session.h"

enum {
    BEAT_MS = 1000,
    GREET_MS = 2000 /* for the others to answer, before this worker takes clients */
};

struct estate {
    struct list link; /* in cluster->estates */
    char *key, *value;
    size_t key_n, value_n;
};

/* --- The others --- */

static void take_over(struct cluster *c, str key, str value)
{
    if (c->app->io)
        sio_cluster_inherit(&c->app->io->server, key, value);
}

static void on_value(void *arg, str key, str value)
{
    struct cluster *c = arg;
    struct estate *e;

    if (c->serving) {
        take_over(c, key, value);
        return;
    }
    e = mem_alloc(sizeof *e);
    *e = (struct estate){ .key = mem_dup(key.p, key.n),
                          .value = mem_dup(value.p, value.n),
                          .key_n = key.n,
                          .value_n = value.n };
    list_init(&e->link);
    list_append(&c->estates, &e->link);
    atomic_fetch_add(&c->board.slots[c->peers.slot].estates, 1);
}

/* Its homes go with its slot: who asks for a session of it learns that there is none, at once. */
static void on_inherit(void *user, unsigned slot, uint32_t generation)
{
    struct cluster *c = user;
    int err = journal_each(&c->board, slot, on_value, c);

    c->inherited++;
    log_event(err < 0 ? LOG_ERROR : LOG_INFO, "worker-inherited", "slot=%u.%u result=%s", slot,
              generation, err < 0 ? err_name(err) : "ok");
}

static void settle_estates(struct cluster *c, bool take)
{
    while (!list_empty(&c->estates)) {
        struct estate *e = container_of(c->estates.next, struct estate, link);

        list_remove(&e->link);
        if (take)
            take_over(c, str_n(e->key, e->key_n), str_n(e->value, e->value_n));
        mem_free(e->key);
        mem_free(e->value);
        mem_free(e);
    }
    if (c->peers.folder)
        atomic_store(&c->board.slots[c->peers.slot].estates, 0);
}

/* One who died and is not missed yet, or a worker that takes over as soon as it serves. */
static bool is_settled(void *arg, unsigned slot)
{
    struct cluster *c = arg;
    const struct board_slot *s = &c->board.slots[slot];
    uint32_t pid = atomic_load(&s->pid);

    if (slot == c->peers.slot)
        return true;
    return atomic_load(&s->estates) == 0 &&
           (peers_here(&c->peers, slot) || !board_dead(&c->board, slot, pid));
}

static bool settling(void *user)
{
    struct cluster *c = user;

    return !board_each(&c->board, is_settled, c);
}

static void on_peer(void *user, unsigned slot, uint32_t generation, bool here)
{
    struct cluster *c = user;

    log_event(LOG_DEBUG, here ? "worker-joined" : "worker-left", "slot=%u.%u", slot, generation);
    if (c->bus.peers)
        ring_bus_on_peer(&c->bus, slot, generation, here);
}

static void on_message(void *user, unsigned slot, uint8_t kind, str data, const int *fds,
                       size_t fd_count)
{
    struct cluster *c = user;

    if (handover_on_message(&c->handover, slot, kind, fds, fd_count))
        return;
    if (handover_comes_from(&c->handover, slot)) /* the session it is about may be on its way */
        (void)bus_catch_up(&c->bus.base);
    if (sticky_on_message(&c->sticky, slot, kind, data, fds, fd_count))
        return;
    if (c->bus.peers)
        (void)ring_bus_on_message(&c->bus, slot, kind, data);
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
}

static bool is_known(void *arg, unsigned slot)
{
    struct cluster *c = arg;
    const struct board_slot *s = &c->board.slots[slot];

    return slot == c->peers.slot || peers_here(&c->peers, slot) ||
           atomic_load(&s->state) != BOARD_SERVING;
}

/* Those that serve know this worker before it has a session, and it knows them. One that does not
 * answer is stuck: it learns of us in time. */
static void greet(struct cluster *c)
{
    uint64_t deadline = clock_mono_ms() + GREET_MS;

    while (clock_mono_ms() < deadline) {
        if (board_each(&c->board, is_known, c) || loop_turn(&c->app->loop, 10) < 0)
            return;
    }
}

/* --- Its own slot --- */

static struct board_slot *own_slot(const struct cluster *c)
{
    return &c->board.slots[c->peers.slot];
}

static enum sticky_balance balance_of(const atr_app *app)
{
    str name = settings_json(&app->settings, SET_loadBalancing);

    if (str_eq(name, STR("\"round-robin\"")))
        return STICKY_ROUND_ROBIN;
    return str_eq(name, STR("\"random\"")) ? STICKY_RANDOM : STICKY_LEAST_CONNECTION;
}

static void beat(struct cluster *c, uint64_t late_ms)
{
    struct board_slot *s = own_slot(c);
    struct loop *l = &c->app->loop;

    atomic_store_explicit(&s->beat_ms, l->now_ms, memory_order_relaxed);
    atomic_store_explicit(&s->connections, c->app->http.streams_open, memory_order_relaxed);
    atomic_store_explicit(&s->lag_us, late_ms * 1000, memory_order_relaxed);
    c->sticky.balance = balance_of(c->app); /* scripts may change settings */
    sticky_beat(&c->sticky);
    loop_timer(l, &c->beat, BEAT_MS);
    c->beat_due_ms = c->beat.at_ms;
}

static void on_beat(struct timer *t)
{
    struct cluster *c = container_of(t, struct cluster, beat);
    uint64_t now_ms = c->app->loop.now_ms;

    beat(c, now_ms > c->beat_due_ms ? now_ms - c->beat_due_ms : 0);
}

/* --- Figures --- */

struct giving {
    void (*fn)(void *user, const atr_metric *m);
    void *user;
};

static void give(const struct giving *g, atr_metric_kind kind, const char *name, const char *labels,
                 const char *help, uint64_t value)
{
    g->fn(g->user, &(atr_metric){ .kind = kind,
                                  .name = name,
                                  .suffix = "",
                                  .labels = labels,
                                  .help = help,
                                  .value = (double)value });
}

static void give_sticky(const struct giving *g, const struct sticky_stats *s)
{
    static const char *const placed = "New sessions that came to this worker";
    static const char *const moved = "Requests that belong to a session of another worker";

    give(g, ATR_COUNTER, "atrium_sticky_placed_total", "where=\"here\"", placed, s->placed_here);
    give(g, ATR_COUNTER, "atrium_sticky_placed_total", "where=\"elsewhere\"", placed,
         s->placed_elsewhere);
    give(g, ATR_COUNTER, "atrium_sticky_requests_total", "how=\"passed\"", moved, s->passed);
    give(g, ATR_COUNTER, "atrium_sticky_requests_total", "how=\"relayed\"", moved, s->relayed);
    give(g, ATR_COUNTER, "atrium_sticky_requests_total", "how=\"returned\"", moved, s->returned);
    give(g, ATR_COUNTER, "atrium_sticky_received_total", "how=\"passed\"",
         "Requests that other workers sent here", s->passed_in);
    give(g, ATR_COUNTER, "atrium_sticky_received_total", "how=\"relayed\"",
         "Requests that other workers sent here", s->relayed_in);
    give(g, ATR_COUNTER, "atrium_sticky_shared_total", "direction=\"out\"",
         "Connections given to another worker as they were accepted", s->shared);
    give(g, ATR_COUNTER, "atrium_sticky_shared_total", "direction=\"in\"",
         "Connections given to another worker as they were accepted", s->shared_in);
    give(g, ATR_COUNTER, "atrium_sticky_relay_failures_total", "",
         "Relayed requests whose worker went away (502)", s->relay_failures);
    give(g, ATR_GAUGE, "atrium_sticky_relays", "kind=\"request\"", "What is relayed right now",
         s->waiting);
    give(g, ATR_GAUGE, "atrium_sticky_relays", "kind=\"websocket\"", "What is relayed right now",
         s->pipes);
}

static void give_bus(const struct giving *g, const struct ring_bus_stats *s)
{
    static const char *const notes = "Notes between workers";

    give(g, ATR_COUNTER, "atrium_bus_notes_total", "what=\"published\"", notes, s->published);
    give(g, ATR_COUNTER, "atrium_bus_notes_total", "what=\"taken\"", notes, s->taken);
    give(g, ATR_COUNTER, "atrium_bus_notes_total", "what=\"skipped\"", notes, s->skipped);
    give(g, ATR_COUNTER, "atrium_bus_notes_total", "what=\"missed\"", notes, s->missed);
    give(g, ATR_COUNTER, "atrium_bus_told_total", "direction=\"out\"",
         "Large answers, or parts of them, told beside what all share", s->told);
    give(g, ATR_COUNTER, "atrium_bus_told_total", "direction=\"in\"",
         "Large answers, or parts of them, told beside what all share", s->heard);
}

static void give_handover(const struct giving *g, const struct handover_stats *s)
{
    static const char *const moved = "Open connections that moved between workers";
    static const char *const failed = "Open connections that should have moved, and were lost";

    give(g, ATR_COUNTER, "atrium_handover_connections_total", "direction=\"out\"", moved, s->given);
    give(g, ATR_COUNTER, "atrium_handover_connections_total", "direction=\"in\"", moved, s->taken);
    give(g, ATR_COUNTER, "atrium_handover_failures_total", "why=\"lost\"", failed, s->lost);
    give(g, ATR_COUNTER, "atrium_handover_failures_total", "why=\"refused\"", failed, s->refused);
    give(g, ATR_COUNTER, "atrium_handover_failures_total", "why=\"left\"", failed, s->left);
    give(g, ATR_COUNTER, "atrium_handover_batches_total", "what=\"sent\"",
         "Batches of connections that moved together", s->batches);
    give(g, ATR_COUNTER, "atrium_handover_batches_total", "what=\"late\"",
         "Batches of connections that moved together", s->late);
    give(g, ATR_COUNTER, "atrium_handover_bytes_total", "", "Bytes that described them", s->bytes);
}

static bool count_peer(void *arg, unsigned slot, uint32_t generation)
{
    (void)slot, (void)generation;
    ++*(uint64_t *)arg;
    return true;
}

static void give_all(void *user, void (*fn)(void *fn_user, const atr_metric *m), void *fn_user)
{
    struct cluster *c = user;
    struct giving g = { fn, fn_user };
    uint64_t workers = 1;

    if (!c->app)
        return;
    peers_each(&c->peers, count_peer, &workers);
    give(&g, ATR_GAUGE, "atrium_cluster_workers", "",
         "Workers of the application, this one included", workers);
    give(&g, ATR_COUNTER, "atrium_cluster_inherited_total", "",
         "Workers that ended and whose sessions this one took over", c->inherited);
    give_sticky(&g, &c->sticky.stats);
    give_bus(&g, &c->bus.stats);
    give_handover(&g, &c->handover.stats);
}

/* --- Life --- */

static struct cluster *cluster_of(struct app_cluster *joined)
{
    return container_of(joined, struct cluster, joined);
}

static void on_closing(struct app_cluster *joined)
{
    struct cluster *c = cluster_of(joined);

    c->peers.declines = true;
    sticky_hurry(&c->sticky);
    atomic_store(&own_slot(c)->state, BOARD_DRAINING);
}

static void on_ending(struct app_cluster *joined)
{
    on_closing(joined);
    sticky_stop(&cluster_of(joined)->sticky);
}

static void cluster_close(struct cluster *c)
{
    struct loop *l = &c->app->loop;

    settle_estates(c, false);
    loop_timer_stop(l, &c->beat);
    sticky_close(&c->sticky);
    handover_part(&c->handover);
    exchange_fini(&c->exchange);
    if (c->bus.peers)
        c->bus.base.ops->close(&c->bus.base);
    journal_close(&c->journal);
    peers_close(&c->peers);
    board_close(&c->board);
    if (c->folder_fd >= 0)
        close(c->folder_fd);
    (void)loop_turn(l, 0); /* links that closed are freed */
    c->app = NULL;
}

static void on_ended(struct app_cluster *joined)
{
    cluster_close(cluster_of(joined));
}

/* A socket's address holds 107 bytes; by a descriptor of the folder it is short. */
static int open_folder(struct cluster *c, const char *path, char out[32], char *why)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_why(why, -errno, "cannot make the folder %s: %s", path, strerror(errno));
    c->folder_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (c->folder_fd < 0)
        return err_why(why, -errno, "cannot open the folder %s: %s", path, strerror(errno));
    (void)snprintf(out, 32, "/proc/self/fd/%d", c->folder_fd);
    return 0;
}

int cluster_join(struct cluster *c, atr_app *app, const struct cluster_options *o, char *why)
{
    static const struct peers_events events = { on_peer, on_inherit, on_message };
    char folder[32];
    int err;

    *c = (struct cluster){
        .joined = { .exchange = &c->exchange,
                    .journal = &c->journal,
                    .places = &c->sticky.places,
                    .on_closing = on_closing,
                    .on_ending = on_ending,
                    .on_ended = on_ended },
        .app = app,
        .folder_fd = -1,
    };
    list_init(&c->estates);
    timer_init(&c->beat, on_beat);
    if ((err = board_open(&c->board, o->board_fd, why)) < 0 ||
        (err = open_folder(c, o->folder, folder, why)) < 0 ||
        (err = peers_open(&c->peers, &app->loop, &c->board, folder, o->instance, &events, c, why)) <
            0)
        goto fail;
    if ((err = journal_open(&c->journal, &c->board, c->peers.slot)) < 0) {
        err_why(why, err, "cannot map the journal: %s", strerror(-err));
        goto fail;
    }
    exchange_init(&c->exchange, &app->loop);
    ring_bus_open(&c->bus, &c->peers, &exchange_events, &c->exchange);
    exchange_use(&c->exchange, &c->bus.base);
    handover_join(&c->handover, c);
    c->exchange.settling = settling;
    c->exchange.settling_user = c;
    if ((err = sticky_open(&c->sticky, &c->peers, &app->http, why)) < 0)
        goto fail;
    c->peers.bequeaths = true;
    beat(c, 0);
    greet(c);
    app_join(app, &c->joined);
    atr_app_add_metrics(app, give_all, c);
    return 0;
fail:
    cluster_close(c);
    return err;
}

void cluster_serve(struct cluster *c)
{
    c->serving = true;
    settle_estates(c, true);
    beat(c, 0);
    atomic_store(&own_slot(c)->port, c->app->port);
    atomic_store(&own_slot(c)->state, BOARD_SERVING);
}
