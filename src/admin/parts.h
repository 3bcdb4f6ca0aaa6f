/* admin/parts.h - what the files of this layer share: the observer and its parts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_PARTS_H
#define ADMIN_PARTS_H

#include "admin/admin.h"
#include "admin/attempts.h"
#include "admin/sessions.h"

struct aside;

/* A kind of what the page draws over time, counted by the engine. */
enum admin_figure {
    ADMIN_RAW_CONNECTION,
    ADMIN_PACKETS_IN,
    ADMIN_BYTES_IN,
    ADMIN_PACKETS_OUT,
    ADMIN_BYTES_OUT,
    ADMIN_RAW_DISCONNECTION, /* by reason, from here on */
    ADMIN_FIGURES = ADMIN_RAW_DISCONNECTION + EIO_SERVER_SHUTTING_DOWN + 1
};

enum {
    ADMIN_SAMPLES = 2,    /* seconds between two server_stats */
    ADMIN_CHECKS_MAX = 16 /* passwords under way */
};

struct admin_sample {
    int64_t at_ms; /* Unix time, a whole second */
    uint64_t counts[ADMIN_FIGURES];
};

struct admin {
    struct sio_events events; /* ours: io->events points here */
    const struct sio_events *inner;
    struct sio_server *io;
    struct sio_namespace *nsp;
    struct eio_events inner_engine; /* what the engine's callbacks were */
    struct admin_options options;
    struct arena strings; /* of options */
    str (*describe)(void *user, struct sio_socket *s);
    void *describe_user;
    bool watching; /* namespaces are watched: somebody looks */

    struct admin_sessions sessions;
    struct admin_attempts attempts;
    struct aside *checks; /* passwords being looked at */

    struct list peers;   /* of struct admin_peer: administrators */
    struct buf out;      /* scratch of feed.c */
    struct list pending; /* of struct admin_left: rooms left, to be told behind a disconnection */
    struct map changes;  /* of struct admin_seen, by a socket's ref */
    struct list touched; /* those of them whose data may have changed */

    uint64_t opened_ms;
    uint64_t closed[EIO_SERVER_SHUTTING_DOWN + 1]; /* connections, by reason */
    uint64_t counted[ADMIN_FIGURES];               /* as of the latest sample */
    struct admin_sample samples[ADMIN_SAMPLES];
    unsigned sample_count;
    struct timer tick;
    struct admin_stats stats;
};

static inline struct admin *admin_of(const struct sio_server *io)
{
    return container_of(io->events, struct admin, events);
}

/* --- gate.c: who gets in --- */

/* Decides, now or later, about a socket that asks for the namespace. */
void admin_gate(struct admin *a, struct sio_socket *s, sio_decision d);

/* --- feed.c: what administrators are told --- */

struct admin_peer {
    struct list link; /* in admin->peers */
    uint64_t socket;  /* its ref */
    bool stale;       /* it missed something */
};

void admin_peer_add(struct admin *a, struct sio_socket *s);
void admin_peer_remove(struct admin *a, const struct sio_socket *s);

/* A message to all administrators is built in between; false: nobody could take it, and it is
 * counted as dropped. Between the two nothing else may be sent. */
bool admin_feed_begin(struct admin *a, struct buf *b, str event);
/* The same for what has changed about s: the object's other members are to follow, and its end. */
bool admin_update_begin(struct admin *a, struct buf *b, const struct sio_socket *s);
/* Ends with the time when dated. attachments belong to placeholders in what was written. */
void admin_feed_end(struct admin *a, struct buf *b, bool dated, const struct sio_data *attached);

void admin_tell_socket(struct admin *a, struct sio_socket *s); /* socket_connected */
void admin_tell_transport(struct admin *a, struct sio_socket *s);
void admin_tell_gone(struct admin *a, struct sio_socket *s, const char *reason);
void admin_tell_room(struct admin *a, const struct sio_namespace *n, str room,
                     const struct sio_socket *s, bool joined);
void admin_tell_event(struct admin *a, const struct sio_socket *s, const struct sio_data *data,
                      bool received);

/* To one who has just come: what can be done, and who is there. */
void admin_send_config(struct admin *a, struct sio_socket *s);
void admin_send_sockets(struct admin *a, struct sio_socket *s);
/* The latter again to those who missed something and can take it. */
void admin_resync(struct admin *a);

/* --- describe.c --- */

/* Appends the object that stands for s; with its handshake, rooms, data. */
void admin_describe(const struct admin *a, struct sio_socket *s, struct buf *b);
/* The text of its data; "{}": none. */
str admin_data(const struct admin *a, struct sio_socket *s);

/* --- changes.c: data that changes --- */

/* Whatever runs next may change the data of s: looks now, and when the next figures go out. */
void admin_touch(struct admin *a, struct sio_socket *s);
void admin_changes_look(struct admin *a);
void admin_changes_forget(struct admin *a, const struct sio_socket *s);
void admin_changes_clear(struct admin *a);

/* --- stats.c: figures --- */

void admin_stats_start(struct admin *a);
void admin_stats_stop(struct admin *a);

/* --- command.c: what administrators do --- */

void admin_command(struct admin *a, str event_token, const struct sio_data *data);

#endif
