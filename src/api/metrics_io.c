/* api/metrics_io.c - figures of engines, of Socket.IO, and of its Admin UI.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/admin.h"
#include "api/io.h"
#include "api/metrics.h"
#include "socketio/recovery.h"

static void give_engine(const struct metric_walk *w, const struct eio_stats *e)
{
    GAUGE("engine_sessions", "transport=\"polling\"", "Open Engine.IO sessions", e->polling_open);
    GAUGE("engine_sessions", "transport=\"websocket\"", "Open Engine.IO sessions",
          e->websocket_open);
    COUNTER("engine_opened", "", "Engine.IO sessions opened", e->opened);
    COUNTER("engine_closed", "", "Engine.IO sessions closed", e->closed);
    COUNTER("engine_handed_over", "direction=\"in\"", "Sessions between processes", e->thawed);
    COUNTER("engine_handed_over", "direction=\"out\"", "Sessions between processes", e->frozen);
    COUNTER("engine_upgrades", "result=\"ok\"", "Upgrades to WebSocket", e->upgrades);
    COUNTER("engine_upgrades", "result=\"failed\"", "Upgrades to WebSocket", e->upgrade_failures);
    COUNTER("engine_packets", "direction=\"in\"", "Engine.IO packets", e->packets_in);
    COUNTER("engine_packets", "direction=\"out\"", "Engine.IO packets", e->packets_out);
    COUNTER("engine_messages", "direction=\"in\"", "Engine.IO messages", e->messages_in);
    COUNTER("engine_messages", "direction=\"out\"", "Engine.IO messages", e->messages_out);
    COUNTER("engine_message_bytes", "direction=\"in\"", "Bytes of Engine.IO messages", e->bytes_in);
    COUNTER("engine_message_bytes", "direction=\"out\"", "Bytes of Engine.IO messages",
            e->bytes_out);
    COUNTER("engine_errors", "reason=\"ping_timeout\"", "Sessions or requests refused",
            e->ping_timeouts);
    COUNTER("engine_errors", "reason=\"parse\"", "Sessions or requests refused", e->parse_errors);
    COUNTER("engine_errors", "reason=\"too_large\"", "Sessions or requests refused", e->too_large);
    COUNTER("engine_errors", "reason=\"overlap\"", "Sessions or requests refused", e->overlaps);
    COUNTER("engine_errors", "reason=\"refused\"", "Sessions or requests refused", e->refused);
    COUNTER("engine_errors", "reason=\"rate\"", "Sessions or requests refused", e->rate_limited);
    COUNTER("engine_errors", "reason=\"max_sessions\"", "Sessions or requests refused",
            e->sessions_full);
    COUNTER("engine_errors", "reason=\"queue_overflow\"", "Sessions or requests refused",
            e->queue_overflows);
}

static void give_recovery(const struct metric_walk *w, const struct sio_stats *s)
{
    static const char *const help = "Clients that asked to come back, by what became of it";

    COUNTER("socketio_recoveries", "result=\"ok\"", help, s->recoveries);
    COUNTER("socketio_recoveries", "result=\"unknown\"", help, s->recovery_unknown);
    COUNTER("socketio_recoveries", "result=\"gap\"", help, s->recovery_gaps);
    COUNTER("socketio_recovery_packets", "", "Packets that they had missed", s->recovery_packets);
    COUNTER("socketio_recovery_saved", "", "Sockets that lost their connection", s->recovery_saved);
    COUNTER("socketio_recovery_expired", "", "Of these, those that were forgotten",
            s->recovery_expired);
    COUNTER("socketio_recovery_moved", "direction=\"in\"", "Sessions that crossed servers",
            s->recovery_inherited);
    COUNTER("socketio_recovery_moved", "direction=\"out\"", "Sessions that crossed servers",
            s->recovery_given);
    COUNTER("socketio_recovery_evicted", "", "Old connections cut by who came back",
            s->recovery_evicted);
}

/* What there is right now. */
static void give_sizes(const struct metric_walk *w, const struct sio_server *io)
{
    uint64_t rooms = 0, records = 0;
    const struct sio_namespace *n;

    for (uint32_t at = 0; (n = map_next(&io->namespaces, &at));) {
        rooms += n->hub.groups.count;
        records += n->recovery ? n->recovery->by_pid.count : 0;
    }
    GAUGE("socketio_namespaces", "", "Namespaces, parents left out", io->namespaces.count);
    GAUGE("socketio_rooms", "", "Rooms with members, those of single sockets left out", rooms);
    GAUGE("socketio_recovery_sessions", "",
          "Sessions kept for recovery: of sockets that live, and of those that may come back",
          records);
}

static void give_handover(const struct metric_walk *w, const struct sio_stats *s)
{
    static const char *const help = "Connections that went on in another server",
                             *const tail =
                                 "What was done to sockets from the server that they had left";

    COUNTER("socketio_handed_over", "direction=\"in\"", help, s->handed_in);
    COUNTER("socketio_handed_over", "direction=\"out\"", help, s->handed_out);
    COUNTER("socketio_handover_failures", "", "Of those that came, lost ones",
            s->handover_failures);
    COUNTER("socketio_tail", "direction=\"in\"", tail, s->tail_in);
    COUNTER("socketio_tail", "direction=\"out\"", tail, s->tail_out);
}

static void give_socketio(const struct metric_walk *w, const struct sio_stats *s)
{
    GAUGE("socketio_sockets", "", "Connected sockets of all namespaces", s->sockets_open);
    COUNTER("socketio_msgpack_clients", "", "Connections that have spoken MessagePack",
            s->msgpack_clients);
    COUNTER("socketio_connects", "result=\"ok\"", "Connections to namespaces", s->connects);
    COUNTER("socketio_connects", "result=\"refused\"", "Connections to namespaces",
            s->connect_errors);
    COUNTER("socketio_connects", "result=\"timeout\"", "Connections to namespaces",
            s->connect_timeouts);
    COUNTER("socketio_events", "direction=\"in\"", "Events", s->events_in);
    COUNTER("socketio_events", "direction=\"out\"", "Events", s->events_out);
    COUNTER("socketio_acks", "direction=\"in\"", "Acknowledgements", s->acks_in);
    COUNTER("socketio_acks", "direction=\"out\"", "Acknowledgements", s->acks_out);
    COUNTER("socketio_ack_timeouts", "", "Acknowledgements that did not come in time",
            s->ack_timeouts);
    COUNTER("socketio_broadcasts", "", "Events sent to many", s->broadcasts);
    COUNTER("socketio_deliveries", "", "Of these, copies to sockets", s->deliveries);
    COUNTER("socketio_drops", "reason=\"volatile\"", "Packets not sent", s->volatile_dropped);
    COUNTER("socketio_errors", "reason=\"protocol\"", "Connections closed for what they sent",
            s->protocol_errors);
    COUNTER("socketio_errors", "reason=\"limit\"", "Connections closed for what they sent",
            s->limits_hit);
    COUNTER("socketio_limits", "limit=\"rooms\"", "What went beyond maxRooms, maxNamespaces",
            s->rooms_full);
    COUNTER("socketio_limits", "limit=\"namespaces\"", "What went beyond maxRooms, maxNamespaces",
            s->namespaces_full);
    give_recovery(w, s);
    give_handover(w, s);
}

static void give_admin(const struct metric_walk *w, const struct admin_stats *s)
{
    COUNTER("admin_logins", "result=\"ok\"", "Administrators who asked to come in", s->logins);
    COUNTER("admin_logins", "result=\"session\"", "Administrators who asked to come in",
            s->session_logins);
    COUNTER("admin_logins", "result=\"refused\"", "Administrators who asked to come in",
            s->refused);
    COUNTER("admin_logins", "result=\"throttled\"", "Administrators who asked to come in",
            s->throttled);
    COUNTER("admin_commands", "result=\"ok\"", "What administrators ordered", s->commands);
    COUNTER("admin_commands", "result=\"refused\"", "What administrators ordered",
            s->commands_refused);
    COUNTER("admin_dropped", "", "Events that a slow administrator missed", s->dropped);
    COUNTER("admin_resyncs", "", "Lists of sockets sent to make up for it", s->resyncs);
    COUNTER("admin_left_out", "", "Sockets that did not fit into such a list", s->left_out);
}

void metrics_of_io(const struct metric_walk *w, const atr_app *app)
{
    struct eio_stats engines;
    uint64_t waiting;

    io_sum_stats(app, &engines, &waiting);
    give_engine(w, &engines);
    GAUGE("engine_waiting", "", "Requests that wait for the application to decide", waiting);
    if (!app->io)
        return;
    give_socketio(w, &app->io->server.stats);
    give_sizes(w, &app->io->server);
    if (app->io->admin)
        give_admin(w, admin_stats(app->io->admin));
}
