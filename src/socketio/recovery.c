/* socketio/recovery.c - what a recovering namespace keeps: its stream, its records, its offsets.
 *
 * Invariants
 *   - a record is in by_pid as long as it exists; it is in saved, by the time of its loss, exactly
 *     while it is saved;
 *   - what is owed is exact: a client has every packet that went to it, up to its offset, and none
 *     after, because every event carries one and a connection keeps their order. A client without
 *     an offset of ours has none since it joined: the cursor serves (an offset older than that is
 *     from a session before, which clients do not forget);
 *   - nobody is told less than it missed: when packets that may be owed were dropped, the session
 *     is not recovered.
 *
 * Whoever answers pings has what was sent a whole heartbeat earlier. So what is older than the loss
 * by more than that is not needed, and "older than the log" alone refuses nobody.
 *
 * Start reading at sio_stamp_make() and, in record_claim.c, sio_record_claim().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/recovery.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "socketio/cluster_history.h"
#include "socketio/cluster_session.h"
#include "socketio/lifecycle.h"
#include "socketio/record.h"

enum { CLEAN_MS_MIN = 1000 };

static struct loop *loop_of(const struct sio_recovery *r)
{
    return r->nsp->server->engine.loop;
}

/* A pong that is late extends its deadline once (engine.io 6.6.10). */
uint64_t sio_heartbeat_ms(const struct sio_server *io)
{
    const struct eio_options *o = &io->engine.options;

    return (uint64_t)o->ping_interval_ms + 2 * (uint64_t)o->ping_timeout_ms;
}

static uint64_t away_ms(const struct sio_recovery *r)
{
    return r->nsp->server->options.recovery.duration_ms;
}

/* --- Forgetting --- */

static void clean(struct sio_recovery *r)
{
    uint64_t now = loop_of(r)->now_ms;
    uint64_t keep = away_ms(r) + sio_heartbeat_ms(r->nsp->server);

    while (!list_empty(&r->saved)) {
        struct sio_record *rec = container_of(r->saved.next, struct sio_record, link);

        if (rec->ended_ms + away_ms(r) > now)
            break;
        if (sio_record_drop(rec))
            return; /* the namespace went with its last one */
    }
    hub_stream_expire(&r->stream, now > keep ? now - keep : 0);
    if (r->by_pid.count == 0)
        hub_stream_clear(&r->stream);
    if (!list_empty(&r->saved) || r->stream.count)
        sio_recovery_clean_later(r);
}

static void on_clean(struct timer *t)
{
    clean(container_of(t, struct sio_recovery, cleaner));
}

void sio_recovery_clean_later(struct sio_recovery *r)
{
    uint64_t due = away_ms(r) / 4;

    if (!timer_running(&r->cleaner))
        loop_timer(loop_of(r), &r->cleaner, due > CLEAN_MS_MIN ? CLEAN_MS_MIN : due + 1);
}

/* --- Life --- */

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_abcdefghijklmnopqrstuvwxyz";

/* All servers that share a history have its epoch. */
static void make_epoch(struct sio_recovery *r)
{
    struct sio_server *io = r->nsp->server;
    uint64_t shared;

    r->shared = sio_has_history(io);
    if (!r->shared) {
        random_name(r->epoch, sizeof r->epoch);
        return;
    }
    shared = io->cluster->exchange->bus->ops->epoch(io->cluster->exchange->bus);
    for (size_t i = 0; i < sizeof r->epoch; i++)
        r->epoch[i] = digits[shared >> (6 * i) & 63];
}

uint64_t sio_recovery_last(const struct sio_recovery *r)
{
    return r->shared ? sio_history_seen(r->nsp) : r->stream.last;
}

void sio_recovery_start(struct sio_namespace *n)
{
    const struct sio_recovery_options *o = &n->server->options.recovery;
    struct sio_recovery *r;

    if (n->recovery || n->forgetful || !o->enabled)
        return;
    r = mem_zalloc(sizeof *r);
    r->nsp = n;
    list_init(&r->saved);
    hub_stream_init(&r->stream, o->bytes_max);
    timer_init(&r->cleaner, on_clean);
    make_epoch(r);
    n->recovery = r;
}

void sio_recovery_close(struct sio_namespace *n)
{
    struct sio_recovery *r = n->recovery;

    while (r && !list_empty(&r->saved)) {
        if (sio_record_drop(container_of(r->saved.next, struct sio_record, link)))
            return;
    }
}

void sio_recovery_free(struct sio_namespace *n)
{
    struct sio_recovery *r = n->recovery;

    if (!r)
        return;
    ASSERT(r->by_pid.count == 0);
    loop_timer_stop(loop_of(r), &r->cleaner);
    hub_stream_fini(&r->stream);
    map_free(&r->by_pid);
    n->recovery = NULL;
    mem_free(r);
}

/* --- Offsets: the epoch, then eight digits of base 64 --- */

enum { NUMBER_LEN = SIO_OFFSET_LEN - SIO_EPOCH_LEN };

/* Also under the lock of the bus's history. */
static void write_number(uint8_t *at, uint64_t number)
{
    for (int i = NUMBER_LEN - 1; i >= 0; i--, number >>= 6)
        at[i] = (uint8_t)digits[number & 63];
}

static void write_offset(const struct sio_recovery *r, uint64_t number, char *out)
{
    memcpy(out, r->epoch, SIO_EPOCH_LEN);
    write_number((uint8_t *)out + SIO_EPOCH_LEN, number);
}

enum sio_offset_kind sio_offset_read(const struct sio_recovery *r, str text, uint64_t *out)
{
    uint64_t number = 0;

    if (text.n != SIO_OFFSET_LEN)
        return SIO_OFFSET_NONE;
    for (size_t i = 0; i < text.n; i++) {
        const char *at = memchr(digits, text.p[i], sizeof digits - 1);

        if (!at)
            return SIO_OFFSET_NONE;
        if (i >= SIO_EPOCH_LEN)
            number = number << 6 | (uint64_t)(at - digits);
    }
    if (memcmp(text.p, r->epoch, SIO_EPOCH_LEN) != 0)
        return SIO_OFFSET_FOREIGN;
    *out = number;
    return SIO_OFFSET_OURS;
}

/* --- What is sent --- */

/* The number of the latest packet that went to anybody here. */
static uint64_t told(const struct sio_recovery *r)
{
    return r->shared ? r->nsp->server->cluster->told : r->stream.last;
}

/* Whoever is sent something now has all before. What is not kept says how far that goes; a socket
 * that is connecting has yet to be told what it missed. */
void sio_stamp_make(const struct sio_namespace *n, const struct sio_socket *s, unsigned flags,
                    struct sio_stamp *out)
{
    const struct sio_recovery *r = n->recovery;
    const struct sio_record *rec = s ? sio_record_of(s) : NULL;
    bool joining = rec && rec->state == SIO_RECORD_JOINING;

    out->keep = !(flags & SIO_VOLATILE) && !joining;
    write_offset(r, joining ? rec->after : told(r) + out->keep, out->text);
}

/* Whom it went to, as others are told; the sender counts as an exception, by name. */
static int publish(struct sio_namespace *n, const struct hub_audience *to, unsigned flags,
                   const struct sio_frames *f, size_t stamp_at, uint64_t *number)
{
    enum { FEW = 8 };
    str few[FEW], *except = few;
    struct sio_target t = { .rooms = to->groups, .room_count = to->group_count, .flags = flags };
    int err;

    if (to->only.n)
        return sio_history_sent(n, to->only, f, write_number, stamp_at, number);
    if (to->except_count + 1 > FEW)
        except = mem_alloc((to->except_count + 1) * sizeof *except);
    for (size_t i = 0; i < to->except_count; i++)
        except[i] = to->except[i];
    t.except = except;
    t.except_count = to->except_count;
    if (to->sender.n)
        except[t.except_count++] = to->sender;
    err = sio_cluster_cast(n, &t, f, write_number, stamp_at, number);
    if (except != few)
        mem_free(except);
    return err;
}

/* The packet's text ends with the offset, a quote and a bracket. */
static int keep_shared(struct sio_namespace *n, struct sio_stamp *stamp, struct sio_frames *f,
                       const struct hub_audience *to, unsigned flags)
{
    struct msg *text = f->msgs[0];
    size_t at = text->len - (NUMBER_LEN + sizeof "\"]" - 1);
    uint64_t number;
    int err = publish(n, to, flags, f, at, &number);

    if (err < 0)
        return err;
    write_number(text->data + at, number);
    write_number((uint8_t *)stamp->text + SIO_EPOCH_LEN, number);
    return 0;
}

int sio_stamp_keep(struct sio_namespace *n, struct sio_stamp *stamp, struct sio_frames *f,
                   const struct hub_audience *to, unsigned flags)
{
    struct sio_recovery *r = n->recovery;

    if (!stamp->keep)
        return 0;
    if (r->shared)
        return keep_shared(n, stamp, f, to, flags);
    hub_stream_add(&r->stream, loop_of(r)->now_ms, f->msgs, f->count, to);
    sio_recovery_clean_later(r);
    return 0;
}

void sio_recovery_moved(const struct sio_socket *s, str room, bool joined)
{
    struct sio_record *rec = sio_record_of(s);

    if (!rec || rec->state != SIO_RECORD_LIVE) /* while it joins: see note_moves() */
        return;
    if (rec->in->shared) {
        sio_history_moved(s->nsp, sio_socket_id(s), room, joined);
        sio_session_changed(rec);
        return;
    }
    hub_stream_moved(&rec->in->stream, loop_of(rec->in)->now_ms, sio_socket_id(s), room, joined);
    sio_recovery_clean_later(rec->in);
}
