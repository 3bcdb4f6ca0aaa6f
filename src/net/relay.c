/* net/relay.c - see relay.h.
 *
 * Invariant: an end that is paused waits for the other's on_drain; one that has said its last byte
 * while it was paused is looked after by the job.
 *
 * Start reading at on_data().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/relay.h"

#include <sys/socket.h>

static int side_of(const struct relay *r, const struct stream *s)
{
    return r->ends[1] == s;
}

/* Lets both go. What is queued is written first. */
static void finish(struct relay *r)
{
    struct stream *ends[2] = { r->ends[0], r->ends[1] };

    r->ends[0] = r->ends[1] = NULL;
    list_remove(&r->job.link);
    for (int side = 0; side < 2; side++) {
        if (r->whole[side])
            ends[side]->ended = ends[side]->drained = true; /* as far as we are concerned */
        stream_end_detached(ends[side]);
    }
    r->on_done(r);
}

static size_t on_data(struct stream *s, uint8_t *data, size_t n)
{
    struct relay *r = s->owner;
    int side = side_of(r, s);
    struct stream *to = r->ends[!side];

    r->bytes[side] += n;
    if (r->muted[!side])
        return n;
    stream_write(to, str_n((char *)data, n));
    /* Of an end that says no more there is not more to come than the kernel holds. */
    if (to->queued_bytes > RELAY_QUEUE_BYTES && !r->last[side]) {
        stream_pause(s);
        stream_tell_drain(to);
    }
    return n;
}

/* Nobody tells when all has been read of an end that has said its last byte already. */
static void on_job(struct loop_job *job)
{
    struct relay *r = container_of(job, struct relay, job);

    for (int side = 0; side < 2; side++) {
        if (r->last[side] && r->ends[side]->drained) {
            finish(r);
            return;
        }
    }
    loop_defer(r->loop, job);
}

static void on_end(struct stream *s)
{
    struct relay *r = s->owner;

    if (!s->paused) {
        finish(r);
        return;
    }
    r->last[side_of(r, s)] = true;
    stream_resume(s);
    loop_defer(r->loop, &r->job);
}

static void on_drain(struct stream *s)
{
    struct relay *r = s->owner;

    stream_resume(r->ends[!side_of(r, s)]);
}

static void on_close(struct stream *s, int err)
{
    (void)err;
    if (s->owner)
        finish(s->owner);
}

void relay_join(struct relay *r, struct loop *l, struct stream *a, struct stream *b)
{
    static const struct stream_events events = {
        .on_data = on_data, .on_end = on_end, .on_close = on_close, .on_drain = on_drain
    };

    r->loop = l;
    r->ends[0] = a;
    r->ends[1] = b;
    loop_job_init(&r->job, on_job);
    for (int side = 0; side < 2; side++) {
        stream_give(r->ends[side], &events, r);
        stream_resume(r->ends[side]);
    }
}

bool relay_end_output(struct relay *r, int side)
{
    struct stream *s = r->ends[side];

    if (stream_has_queue(s))
        return false;
    r->muted[side] = true;
    (void)shutdown(s->watch.fd, SHUT_WR);
    return true;
}

void relay_close(struct relay *r)
{
    list_remove(&r->job.link);
    for (int side = 0; side < 2; side++) {
        struct stream *s = r->ends[side];

        r->ends[side] = NULL;
        if (!s)
            continue;
        s->owner = NULL;
        stream_close(s, ATR_ECLOSED);
    }
}
