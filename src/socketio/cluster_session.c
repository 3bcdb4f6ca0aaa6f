/* socketio/cluster_session.c - see cluster_session.h.
 *
 * A journal's value, and an answer to who asks for a session: a version, the namespace's name, then
 * what sio_record_write() writes. An empty answer: it is not here.
 *
 * Start reading at sio_session_fetch() and sio_session_give().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster_session.h"

#include "base/mem.h"
#include "proto/json.h"
#include "socketio/cluster_parts.h"
#include "socketio/connect.h"
#include "socketio/record.h"

enum {
    VERSION = 1,
    FETCH_TIMEOUT_MS = 2000,
    /* Who keeps a session may have died a moment ago, and not have been inherited yet. */
    RECENT_MS = 2000,   /* since the death */
    PATIENCE_MS = 1300, /* for the session to turn up then */
    SETTLING_MS = 8000, /* the same, while it is known that somebody is to take over */
    PAUSE_MS = 40,      /* before the second try; each pause is twice the one before */
    PAUSE_MS_MAX = 320,
    SWEEP_MS = 100,  /* between looks at some of the data that handlers may have changed late */
    SWEEP_PARTS = 10 /* all of it is looked at in so many */
};

struct sio_sessions {
    struct sio_cluster *c;
    struct journal *journal;
    struct list touched; /* of struct sio_record */
    struct loop_job look;
    struct timer sweep;
    uint32_t swept;       /* slots of io->sockets up to here */
    struct list fetching; /* of struct fetch */
    uint64_t lost_ms;     /* when a server was last found to have gone; 0: never */
};

static struct sio_sessions *sessions_of(const struct sio_server *io)
{
    return io->cluster ? io->cluster->sessions : NULL;
}

/* --- The journal --- */

static void write_session(struct sio_record *rec, struct buf *out)
{
    buf_byte(out, VERSION);
    sio_write_str(out, rec->in->nsp->name);
    sio_record_write(rec, out);
}

void sio_session_changed(struct sio_record *rec)
{
    struct sio_sessions *s = sessions_of(rec->in->nsp->server);
    struct buf value = { 0 };
    str part;

    if (!s || !s->journal)
        return;
    write_session(rec, &value);
    part = buf_str(&value);
    if (journal_put(s->journal, str_n(rec->pid, SIO_ID_LEN), &part, 1) < 0)
        rec->in->nsp->server->stats.limits_hit++; /* it dies with the server, if that dies */
    buf_free(&value);
}

void sio_session_forgotten(const struct sio_record *rec)
{
    struct sio_sessions *s = sessions_of(rec->in->nsp->server);

    if (s && s->journal && !rec->in->nsp->server->closing) /* else somebody inherits it */
        journal_remove(s->journal, str_n(rec->pid, SIO_ID_LEN));
}

/* Whether the data is other than what was last written down; it is then noted. */
static bool data_changed(struct sio_socket *socket, struct sio_record *rec)
{
    const struct sio_events *events = socket->nsp->server->events;
    struct buf json = { 0 };
    bool changed;

    if (!events->on_freeze)
        return false;
    events->on_freeze(socket, &json);
    changed = !str_eq(buf_str(&json), str_n(rec->frozen, rec->frozen_n));
    if (changed) {
        mem_free(rec->frozen);
        rec->frozen = json.len ? mem_dup(json.data, json.len) : NULL;
        rec->frozen_n = (uint32_t)json.len;
    }
    buf_free(&json);
    return changed;
}

void sio_session_settle(struct sio_socket *socket)
{
    struct sio_record *rec = sio_record_of(socket);

    if (!rec || !sessions_of(socket->nsp->server))
        return;
    list_remove(&rec->touched);
    if (data_changed(socket, rec) && rec->state == SIO_RECORD_LIVE)
        sio_session_changed(rec);
}

static void look(struct loop_job *job)
{
    struct sio_sessions *s = container_of(job, struct sio_sessions, look);

    while (!list_empty(&s->touched)) {
        struct sio_record *rec = container_of(s->touched.next, struct sio_record, touched);

        list_remove(&rec->touched);
        if (rec->socket && rec->state == SIO_RECORD_LIVE)
            sio_session_settle(rec->socket);
    }
}

void sio_session_touched(struct sio_socket *socket)
{
    struct sio_record *rec = sio_record_of(socket);
    struct sio_sessions *s = sessions_of(socket->nsp->server);

    /* Who has yet to arrive has told nobody here what its data is. */
    if (!rec || !s || socket->arriving || !list_empty(&rec->touched))
        return;
    list_append(&s->touched, &rec->touched);
    loop_before_flush(s->c->io->engine.loop, &s->look);
}

/* Handlers that wait change data long after the event that began them. */
static void on_sweep(struct timer *t)
{
    struct sio_sessions *s = container_of(t, struct sio_sessions, sweep);
    struct sio_server *io = s->c->io;
    uint32_t part = io->sockets.cap / SWEEP_PARTS + 1;

    for (uint32_t i = 0; i < part && io->sockets.cap; i++, s->swept++) {
        struct sio_socket *socket = io->sockets.slots[s->swept % io->sockets.cap].object;

        if (socket && sio_socket_connected(socket))
            sio_session_touched(socket);
    }
    loop_timer(io->engine.loop, t, SWEEP_MS);
}

/* --- Taking over --- */

/* Makes a session that was written elsewhere one that may come back here. */
static struct sio_record *adopt(struct sio_server *io, str pid, str value)
{
    struct sio_reader r = { value.p, value.p + value.n, false };
    uint8_t version = sio_read_u8(&r);
    str nsp = sio_read_str(&r);
    struct sio_namespace *n = r.broken ? NULL : map_get(&io->namespaces, nsp);
    struct sio_record *rec;

    if (version != VERSION || !n || io->closing || pid.n != SIO_ID_LEN)
        return NULL;
    sio_recovery_start(n);
    if (!n->recovery || map_get(&n->recovery->by_pid, pid))
        return NULL; /* it is here already */
    if (!(rec = sio_record_read(n->recovery, pid, &r))) {
        io->cluster->stats.malformed++;
        return NULL;
    }
    sio_session_changed(rec);
    return rec;
}

void sio_cluster_inherit(struct sio_server *io, str pid, str value)
{
    if (adopt(io, pid, value))
        io->stats.recovery_inherited++;
}

/* --- Asking for one --- */

struct fetch {
    struct list link;
    struct sio_sessions *s;
    uint64_t ticket;
    struct timer pause;
    uint64_t began_ms, pause_ms;
    bool found;
    struct buf question;
    char pid[SIO_ID_LEN];
};

/* s is NULL once the server has left its cluster. */
static void fetch_end(struct fetch *f)
{
    struct sio_server *io = f->s ? f->s->c->io : NULL;
    uint64_t ticket = f->ticket;

    if (!io) {
        buf_free(&f->question);
        mem_free(f);
        return;
    }
    list_remove(&f->link);
    loop_timer_stop(io->engine.loop, &f->pause);
    buf_free(&f->question);
    mem_free(f);
    sio_connect_resumed(io, ticket);
}

static void on_answer(void *user, struct bus_node from, str answer)
{
    struct fetch *f = user;

    (void)from;
    if (answer.n == 0 || !f->s)
        return;
    f->found = true;
    (void)adopt(f->s->c->io, str_n(f->pid, SIO_ID_LEN), answer);
}

static const struct request_events fetch_events;

static void ask(struct fetch *f)
{
    struct sio_cluster *c = f->s->c;

    if (request_ask(&c->exchange->requests, BUS_TO_ALL, SIO_ASK_SESSION, buf_str(&f->question),
                    FETCH_TIMEOUT_MS, &fetch_events, f) < 0)
        fetch_end(f);
}

/* Nobody had it; whether somebody may have it soon. */
static bool is_to_come(const struct fetch *f, uint32_t missing)
{
    const struct sio_sessions *s = f->s;
    uint64_t now = s->c->io->engine.loop->now_ms, waited = now - f->began_ms;

    if (waited > SETTLING_MS)
        return false;
    if (exchange_settling(s->c->exchange))
        return true;
    return waited <= PATIENCE_MS && (missing || (s->lost_ms && now - s->lost_ms <= RECENT_MS));
}

static void on_end(void *user, int err, uint32_t missing)
{
    struct fetch *f = user;
    struct sio_sessions *s = f->s;

    (void)err;
    if (f->found || !s || s->c->io->closing || !is_to_come(f, missing)) {
        fetch_end(f);
        return;
    }
    loop_timer(s->c->io->engine.loop, &f->pause, f->pause_ms);
    f->pause_ms = f->pause_ms < PAUSE_MS_MAX ? f->pause_ms * 2 : PAUSE_MS_MAX;
}

static const struct request_events fetch_events = { on_answer, on_end };

void sio_sessions_lost(struct sio_cluster *c)
{
    if (c->sessions)
        c->sessions->lost_ms = c->io->engine.loop->now_ms;
}

static void on_pause(struct timer *t)
{
    ask(container_of(t, struct fetch, pause));
}

/* The pid that a CONNECT's payload names; false: none. */
static bool pid_of(str auth, char out[SIO_ID_LEN])
{
    struct buf scratch = { 0 };
    str value = auth.n ? json_get(auth, STR("pid")) : (str){ 0 }, text = { 0 };
    bool good = value.p && json_string(value, &scratch, &text) == 0 && text.n == SIO_ID_LEN;

    if (good)
        memcpy(out, text.p, SIO_ID_LEN);
    buf_free(&scratch);
    return good;
}

bool sio_session_elsewhere(const struct sio_namespace *n, str auth)
{
    char pid[SIO_ID_LEN];

    return sessions_of(n->server) && pid_of(auth, pid) &&
           !(n->recovery && map_get(&n->recovery->by_pid, str_n(pid, SIO_ID_LEN)));
}

void sio_session_fetch(struct sio_namespace *n, str auth, uint64_t ticket)
{
    struct sio_sessions *s = sessions_of(n->server);
    struct fetch *f = mem_alloc(sizeof *f);
    char pid[SIO_ID_LEN];

    (void)pid_of(auth, pid);
    *f = (struct fetch){
        .s = s, .ticket = ticket, .began_ms = s->c->io->engine.loop->now_ms, .pause_ms = PAUSE_MS
    };
    memcpy(f->pid, pid, SIO_ID_LEN);
    timer_init(&f->pause, on_pause);
    list_init(&f->link);
    list_append(&s->fetching, &f->link);
    sio_cluster_write(s->c, n, NULL);
    sio_write_str(&f->question, buf_str(&s->c->head));
    sio_write_str(&f->question, str_n(pid, SIO_ID_LEN));
    ask(f);
}

/* A server that closes keeps nothing but its journal. */
static void give_from_journal(struct sio_cluster *c, struct request_from from, str pid)
{
    struct journal *j = c->sessions ? c->sessions->journal : NULL;
    str value = j ? journal_get(j, pid) : (str){ 0 };

    request_answer(&c->exchange->requests, from, value.n ? value : STR(""));
    if (!value.n)
        return;
    c->io->stats.recovery_given++;
    journal_remove(j, pid);
}

void sio_session_give(struct sio_cluster *c, struct request_from from, struct sio_namespace *n,
                      struct sio_reader *r)
{
    str pid = sio_read_str(r);
    struct sio_record *rec;
    struct buf value = { 0 };

    if (c->io->closing) {
        give_from_journal(c, from, pid);
        return;
    }
    rec = r->broken || !n->recovery ? NULL : sio_record_find(n, NULL, pid);

    if (rec)
        write_session(rec, &value);
    /* One that is too large to be given away waits on, here. */
    if (request_answer(&c->exchange->requests, from, buf_str(&value)) == 0 && rec) {
        c->io->stats.recovery_given++;
        sio_record_release(rec);
    }
    buf_free(&value);
}

/* --- Life --- */

void sio_sessions_open(struct sio_server *io, struct journal *journal)
{
    struct sio_sessions *s = mem_zalloc(sizeof *s);

    s->c = io->cluster;
    s->journal = journal;
    list_init(&s->touched);
    list_init(&s->fetching);
    loop_job_init(&s->look, look);
    timer_init(&s->sweep, on_sweep);
    io->cluster->sessions = s;
    if (journal)
        loop_timer(io->engine.loop, &s->sweep, SWEEP_MS);
}

void sio_sessions_free(struct sio_cluster *c)
{
    struct sio_sessions *s = c->sessions;

    if (!s)
        return;
    loop_timer_stop(c->io->engine.loop, &s->sweep);
    list_remove(&s->look.link);
    while (!list_empty(&s->touched))
        list_remove(s->touched.next);
    while (!list_empty(&s->fetching)) {
        struct fetch *f = container_of(s->fetching.next, struct fetch, link);
        bool waits = timer_running(&f->pause);

        list_remove(&f->link);
        loop_timer_stop(c->io->engine.loop, &f->pause);
        f->s = NULL;
        if (waits) /* else its request ends yet, and it with that */
            fetch_end(f);
    }
    c->sessions = NULL;
    mem_free(s);
}
