/* load/scenarios.c - what connections do to the server: echo, broadcast, all, idle, connect.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/clock.h"
#include "load/run.h"

/* --- echo: every connection keeps in_flight messages under way --- */

static void echo_send(struct load_run *r, struct load_client *c, uint32_t count, uint64_t now_us)
{
    for (uint32_t i = 0; i < count; i++) {
        c->sent_us[c->sent++ % r->options->in_flight] = now_us;
        load_client_send(c, r->wire.echo);
    }
}

/* --- resting, with --think --- */

enum { STUCK_MS = 2000 };

static void rest_until(struct load_run *r, struct load_client *c, uint64_t due_ms)
{
    struct load_rest *q = &r->rest;
    uint32_t at = (q->first + q->count++) % r->options->connections;

    q->queue[at] = (struct load_resting){ due_ms, c };
    if (q->count == 1)
        loop_timer(&r->loop, &q->timer, due_ms > r->loop.now_ms ? due_ms - r->loop.now_ms : 0);
}

void load_on_rested(struct timer *t)
{
    struct load_run *r = container_of(t, struct load_run, rest.timer);
    struct load_rest *q = &r->rest;
    uint64_t now_ms = r->loop.now_ms, now_us = clock_mono_us();

    while (q->count && q->queue[q->first].due_ms <= now_ms) {
        struct load_client *c = q->queue[q->first].client;

        q->first = (q->first + 1) % r->options->connections;
        q->count--;
        echo_send(r, c, 1, now_us);
    }
    if (q->count)
        loop_timer(&r->loop, t, q->queue[q->first].due_ms - now_ms);
}

uint32_t load_echo_stuck(const struct load_run *r)
{
    uint64_t now_us = clock_mono_us();
    uint32_t stuck = 0;

    for (uint32_t i = 0; i < r->options->connections; i++) {
        const struct load_client *c = &r->clients[i];
        stuck += c->sent != c->received && now_us - c->sent_us[0] > STUCK_MS * 1000;
    }
    return stuck;
}

/* Evenly over the first pause, so that they do not all speak at once. */
static void echo_start_resting(struct load_run *r)
{
    uint64_t pause = r->options->think_ms, count = r->options->connections;

    for (uint32_t i = 0; i < count; i++) {
        r->clients[i].received = 0;
        rest_until(r, &r->clients[i], r->loop.now_ms + pause * i / count);
    }
}

static void echo_start(struct load_run *r)
{
    uint64_t now_us = clock_mono_us();

    if (r->options->think_ms) {
        echo_start_resting(r);
        return;
    }

    for (uint32_t i = 0; i < r->options->connections; i++) {
        r->clients[i].received = 0;
        echo_send(r, &r->clients[i], r->options->in_flight, now_us);
    }
}

static void echo_messages(struct load_run *r, struct load_client *c, uint32_t count)
{
    uint64_t now_us = clock_mono_us();

    if (c->received > c->sent) {
        load_fail(r, "connection %u received more than it sent", c->index);
        return;
    }
    for (uint32_t i = c->received - count; i != c->received; i++)
        histogram_add(&r->latency, now_us - c->sent_us[i % r->options->in_flight], 1);
    r->messages += count;
    if (r->options->think_ms)
        rest_until(r, c, r->loop.now_ms + r->options->think_ms);
    else
        echo_send(r, c, count, now_us);
}

static void nothing(struct load_run *r, struct load_client *c)
{
    (void)r;
    (void)c;
}

const struct load_scenario load_echo = {
    .name = "echo", .start = echo_start, .on_ready = nothing, .on_messages = echo_messages
};

/* --- broadcast: the first connection keeps in_flight rounds under way; a round is over when every
 * connection has received it; but for those that stall, which stop reading before the first --- */

static void broadcast_send(struct load_run *r, uint64_t now_us)
{
    struct load_client *sender = &r->clients[0];
    uint32_t slot = (uint32_t)(r->rounds % r->options->in_flight);

    r->round_left[slot] = r->options->connections - r->stalled;
    sender->sent_us[slot] = now_us;
    r->rounds++;
    load_client_send(sender, r->wire.broadcast);
}

static void broadcast_start(struct load_run *r)
{
    uint64_t now_us = clock_mono_us();

    for (uint32_t i = 0; i < r->options->connections; i++) {
        r->clients[i].received = 0;
        if (r->clients[i].stalled)
            load_client_stall(&r->clients[i]);
    }
    for (uint32_t i = 0; i < r->options->in_flight; i++)
        broadcast_send(r, now_us);
}

static void broadcast_messages(struct load_run *r, struct load_client *c, uint32_t count)
{
    uint64_t now_us = clock_mono_us();
    uint32_t finished = 0;

    for (uint32_t i = c->received - count; i != c->received; i++) {
        uint32_t slot = i % r->options->in_flight;
        if (r->round_left[slot] == 0) {
            load_fail(r, "connection %u received a message too many", c->index);
            return;
        }
        if (--r->round_left[slot] == 0)
            finished++;
        histogram_add(&r->latency, now_us - r->clients[0].sent_us[slot], 1);
    }
    r->messages += count;
    while (finished--)
        broadcast_send(r, now_us);
}

const struct load_scenario load_broadcast = { .name = "broadcast",
                                              .start = broadcast_start,
                                              .on_ready = nothing,
                                              .on_messages = broadcast_messages };

/* --- all: every connection keeps in_flight messages to everyone under way; a round of one is over
 * when it has received as many messages as there are connections. All advance together: nobody can
 * be a round ahead of the slowest. --- */

static void all_send(struct load_run *r, struct load_client *c, uint64_t now_us)
{
    c->sent_us[c->sent++ % r->options->in_flight] = now_us;
    r->rounds++;
    load_client_send(c, r->wire.broadcast);
}

static void all_start(struct load_run *r)
{
    uint64_t now_us = clock_mono_us();

    for (uint32_t i = 0; i < r->options->connections; i++) {
        struct load_client *c = &r->clients[i];
        c->sent = c->received = 0;
        c->round_left = r->options->connections;
        for (uint32_t k = 0; k < r->options->in_flight; k++)
            all_send(r, c, now_us);
    }
}

static void all_messages(struct load_run *r, struct load_client *c, uint32_t count)
{
    uint64_t now_us = clock_mono_us();

    /* Both count modulo 2^32; nobody is that far behind. */
    if ((int32_t)((uint32_t)r->rounds - c->received) < 0) {
        load_fail(r, "connection %u received a message too many", c->index);
        return;
    }
    r->messages += count;
    for (; count >= c->round_left; c->round_left = r->options->connections) {
        count -= c->round_left;
        histogram_add(&r->latency, now_us - c->sent_us[c->sent % r->options->in_flight], 1);
        all_send(r, c, now_us); /* into the slot of the round that is over */
    }
    c->round_left -= count;
}

const struct load_scenario load_all = {
    .name = "all", .start = all_start, .on_ready = nothing, .on_messages = all_messages
};

/* --- idle: connections are held; heartbeats are answered by the client --- */

static void idle_start(struct load_run *r)
{
    (void)r;
}

static void idle_messages(struct load_run *r, struct load_client *c, uint32_t count)
{
    (void)c;
    r->messages += count;
}

const struct load_scenario load_idle = {
    .name = "idle", .start = idle_start, .on_ready = nothing, .on_messages = idle_messages
};

/* --- connect: each connection is closed when it is ready, and opened anew --- */

static void connect_again(struct load_run *r, struct load_client *c)
{
    int err;

    load_client_close(c);
    if ((err = load_client_open(c, &r->wire, c->index)) < 0)
        load_fail(r, "connection %u: %s", c->index, err_text(err));
    else
        c->sent_us[0] = clock_mono_us();
}

static void connect_start(struct load_run *r)
{
    for (uint32_t i = 0; i < r->options->connections; i++)
        connect_again(r, &r->clients[i]);
}

static void connect_ready(struct load_run *r, struct load_client *c)
{
    histogram_add(&r->latency, clock_mono_us() - c->sent_us[0], 1);
    r->messages++;
    if (r->phase == LOAD_WARMING || r->phase == LOAD_COUNTING)
        connect_again(r, c);
}

const struct load_scenario load_connect = { .name = "connect",
                                            .start = connect_start,
                                            .on_ready = connect_ready,
                                            .on_messages = idle_messages };
