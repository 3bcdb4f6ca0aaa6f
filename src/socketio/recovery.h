/* socketio/recovery.h - connection state recovery (2.6): who lost its connection may come back as
 * who it was, with its rooms, and is told what it missed.
 *
 * A namespace has a struct sio_recovery from its first socket on, if the option is set then; a
 * socket of such a namespace has a record, which outlives the socket. Without, there is nothing but
 * a NULL in the namespace.
 *
 * In a cluster whose bus has a history, that takes the place of the namespace's own stream, and
 * offsets are its numbers: see cluster_history.h and cluster_session.h.
 *
 * Every event carries an offset behind its arguments, which clients give back; but those that want
 * an acknowledgement, because there the last argument is the function that answers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_RECOVERY_H
#define SOCKETIO_RECOVERY_H

#include "hub/stream.h"
#include "socketio/encode.h"
#include "socketio/server.h"

enum { SIO_EPOCH_LEN = 3, SIO_OFFSET_LEN = SIO_EPOCH_LEN + 8 };

struct sio_recovery {
    struct sio_namespace *nsp;
    struct hub_stream stream;
    struct map by_pid;    /* records: of sockets that live, and of those that may come back */
    struct list saved;    /* of struct sio_record, without a connection; who left first is first */
    size_t saved_bytes;   /* a peer makes them grow, so they are bounded like the stream */
    struct timer cleaner; /* runs while there is something to forget */
    char epoch[SIO_EPOCH_LEN]; /* tells our offsets from those of a server before us */
    bool shared;               /* the bus's history serves, and stream stays empty */
};

enum sio_record_phase {
    SIO_RECORD_JOINING, /* its socket is connecting: nobody else may come back as it */
    SIO_RECORD_LIVE,
    SIO_RECORD_SAVED
};

struct sio_record {
    struct sio_recovery *in;
    struct sio_socket *socket; /* also when saved, until the socket's memory is given up */
    struct list link;          /* in saved; else linked to itself */
    void *data;                /* what the application left; NULL: nothing */
    uint64_t cursor;           /* entries up to here it is not owed, or has */
    uint64_t after;            /* while coming back: what it has by its own account */
    uint64_t joined_ms, ended_ms;
    uint64_t safe_ms; /* what was sent before had arrived when the connection was lost */
    char *rooms;      /* while there is no connected socket: lengths and names */
    size_t rooms_bytes;
    struct list touched; /* cluster_session.c: its data is to be looked at; else linked to itself */
    char *frozen;        /* JSON: its data when that was last looked at; NULL: none */
    uint32_t frozen_n;
    uint8_t state; /* enum sio_record_phase */
    char id[SIO_ID_LEN], pid[SIO_ID_LEN];
};

/* A socket whose namespace recovers: allocated instead of a plain one. */
struct sio_recoverable {
    struct sio_socket socket; /* first; socket.recoverable is set */
    struct sio_record *record;
};

static inline struct sio_record *sio_record_of(const struct sio_socket *s)
{
    return s->recoverable ? ((const struct sio_recoverable *)s)->record : NULL;
}

/* Of a namespace that gets a socket: makes it recover if that is set. */
void sio_recovery_start(struct sio_namespace *n);
void sio_recovery_free(struct sio_namespace *n);
/* Forgets who might come back: nobody can any more. */
void sio_recovery_close(struct sio_namespace *n);
/* Somebody is here or may come back: what is sent is to be kept. */
static inline bool sio_recovery_waits(const struct sio_namespace *n)
{
    return n->recovery && n->recovery->by_pid.count;
}

/* --- A socket's record --- */

void sio_record_new(struct sio_recovery *r, struct sio_socket *s); /* of a new one */
/* The record that a CONNECT asks for, its old connection cut if it was still there; NULL: none, a
 * fresh session is due. It is then nobody else's: sio_record_resume() must follow, in this
 * iteration. */
struct sio_record *sio_record_claim(struct sio_namespace *n, struct sio_client *c, str auth);
/* s becomes who the record says, in its rooms. */
void sio_record_resume(struct sio_record *rec, struct sio_socket *s);
/* s is about to be connected: sends what it missed. What is sent to its namespace from then on it
 * must get, so it is in the hub before anything else is done. */
void sio_record_joined(struct sio_socket *s);
/* It is in the hub. */
void sio_record_entered(struct sio_socket *s);
/* s has lost its connection and is still in its rooms: if the reason is one to come back from, the
 * record waits for that. */
void sio_record_save(struct sio_socket *s, const char *reason);
/* s will not connect: the record, if it was resumed, waits on. */
void sio_record_abandoned(struct sio_socket *s);
/* The socket's memory goes: the record of one that cannot come back goes with it. true: the record
 * stays, and stands for the socket among the namespace's population. */
bool sio_record_part(struct sio_socket *s);

/* s goes on in another server, and the record with it. */
void sio_record_move(struct sio_socket *s);
/* The record of a socket that comes from another server, live there and here; data: what
 * sio_socket_frozen() gives. None, when somebody else is known by that pid. */
struct sio_record_state {
    str pid, data;
    uint64_t cursor, joined_ms;
};
void sio_record_thaw(struct sio_socket *s, const struct sio_record_state *state);

/* --- What is sent --- */

/* Where an event without acknowledgement stands: its offset goes into text, to is told whether it
 * is to be kept. s NULL: a broadcast. */
struct sio_stamp {
    char text[SIO_OFFSET_LEN];
    bool keep;
};
void sio_stamp_make(const struct sio_namespace *n, const struct sio_socket *s, unsigned flags,
                    struct sio_stamp *out);
/* Keeps the packet that carries the stamp. Nothing may be stamped between the two. When history is
 * shared this tells the other servers, and the stamp and f (which nobody else holds yet) get the
 * number that only then is known. 0, or what the bus says. */
int sio_stamp_keep(struct sio_namespace *n, struct sio_stamp *stamp, struct sio_frames *f,
                   const struct hub_audience *to, unsigned flags) MUST_CHECK;
/* The socket joined or left a room. */
void sio_recovery_moved(const struct sio_socket *s, str room, bool joined);

#endif
