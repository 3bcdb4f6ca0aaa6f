/* load/run.c - see run.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { OPEN_BATCH = 32, OPENING_MAX_MS = 120000 };

void load_fail(struct load_run *r, const char *format, ...)
{
    va_list args;

    if (!*r->why) {
        va_start(args, format);
        (void)vsnprintf(r->why, sizeof r->why, format, args);
        va_end(args);
    }
    r->phase = LOAD_DONE;
    loop_stop(&r->loop);
}

static struct load_run *run_of(const struct load_client *c)
{
    return container_of(c->wire, struct load_run, wire);
}

static void read_usage(struct load_run *r, struct usage *out)
{
    if (r->options->pid && usage_read(r->options->pid, out) < 0)
        load_fail(r, "the server's process %u cannot be read", r->options->pid);
}

static void begin_counting(struct load_run *r)
{
    r->phase = LOAD_COUNTING;
    r->messages = 0;
    r->last_messages = 0;
    memset(&r->latency, 0, sizeof r->latency);
    read_usage(r, &r->before);
    r->started_us = clock_mono_us();
    loop_timer(&r->loop, &r->phase_end, r->options->duration_ms);
}

static void on_phase_end(struct timer *t)
{
    struct load_run *r = container_of(t, struct load_run, phase_end);

    if (r->phase == LOAD_OPENING_ALL) {
        load_fail(r, "only %u of %u connections were ready in time", r->ready,
                  r->options->connections);
    } else if (r->phase == LOAD_WARMING) {
        begin_counting(r);
    } else {
        r->ended_us = clock_mono_us();
        read_usage(r, &r->after);
        if (r->options->think_ms)
            r->stuck = load_echo_stuck(r);
        r->phase = LOAD_DONE;
        loop_stop(&r->loop);
    }
}

static void on_tick(struct timer *t)
{
    struct load_run *r = container_of(t, struct load_run, tick);
    static const char *const phases[] = { "opening", "warming up", "counting", "done" };

    if (r->messages < r->last_messages)
        r->last_messages = 0;
    fprintf(stderr, "%-10s %u connections, %" PRIu64 " messages/s, p99 %" PRIu64 " us\n",
            phases[r->phase], r->ready, r->messages - r->last_messages,
            histogram_at(&r->latency, 0.99));
    r->last_messages = r->messages;
    loop_timer(&r->loop, &r->tick, 1000);
}

static void all_ready(struct load_run *r)
{
    r->phase = LOAD_WARMING;
    loop_timer(&r->loop, &r->phase_end, r->options->warmup_ms);
    r->scenario->start(r);
}

static void on_ready(struct load_client *c)
{
    struct load_run *r = run_of(c);

    r->ready++;
    if (r->phase != LOAD_OPENING_ALL)
        r->scenario->on_ready(r, c);
    else if (r->ready == r->options->connections)
        all_ready(r);
}

static void on_messages(struct load_client *c, uint32_t count)
{
    struct load_run *r = run_of(c);

    if (r->phase == LOAD_WARMING || r->phase == LOAD_COUNTING)
        r->scenario->on_messages(r, c, count);
}

static void on_lost(struct load_client *c)
{
    struct load_run *r = run_of(c);

    if (c->stalled && (r->phase == LOAD_WARMING || r->phase == LOAD_COUNTING)) {
        r->stalled_lost++; /* as a server may do with who does not read */
        return;
    }
    r->errors++;
    load_fail(r, "connection %u was lost after %u messages", c->index, c->received);
}

static const struct load_events events = { .on_ready = on_ready,
                                           .on_messages = on_messages,
                                           .on_lost = on_lost };

/* A batch per iteration, and never more than a batch ahead of the server. */
static void open_more(struct loop_job *job)
{
    struct load_run *r = container_of(job, struct load_run, open_more);
    uint32_t limit = r->ready + 4 * OPEN_BATCH;
    int err;

    for (int i = 0; i < OPEN_BATCH && r->opened < r->options->connections && r->opened < limit;
         i++) {
        struct load_client *c = &r->clients[r->opened];
        c->sent_us = r->sent_us + (size_t)r->opened * r->options->in_flight;
        c->stalled = r->opened >= r->options->connections - r->stalled;
        if ((err = load_client_open(c, &r->wire, r->opened)) < 0) {
            load_fail(r, "connection %u to %s:%u: %s", r->opened, r->options->host,
                      r->options->port, err_text(err));
            return;
        }
        r->opened++;
    }
    if (r->opened < r->options->connections && r->phase == LOAD_OPENING_ALL)
        loop_defer(&r->loop, &r->open_more);
}

static void close_all(struct load_run *r)
{
    for (uint32_t i = 0; i < r->opened; i++)
        load_client_close(&r->clients[i]);
    (void)loop_turn(&r->loop, 0); /* reap */
}

int load_run(struct load_run *r, const struct load_options *o)
{
    static const struct load_scenario *const all[] = { &load_echo, &load_broadcast, &load_all,
                                                       &load_idle, &load_connect };
    int err;

    *r = (struct load_run){ .options = o, .stalled = load_options_stalled(o) };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, o->scenario) == 0)
            r->scenario = all[i];
    if ((err = loop_init(&r->loop)) < 0)
        return err_why(r->why, err, "cannot make a loop: %s", err_text(err));
    r->loop.no_burst = true; /* clients write one by one, each for itself */
    r->clients = mem_zalloc(o->connections * sizeof *r->clients);
    r->sent_us = mem_zalloc((size_t)o->connections * o->in_flight * sizeof *r->sent_us);
    r->rest.queue = mem_zalloc(o->connections * sizeof *r->rest.queue);
    r->round_left = mem_zalloc(o->in_flight * sizeof *r->round_left);
    load_wire_init(&r->wire, &r->loop, o, &events);
    loop_job_init(&r->open_more, open_more);
    timer_init(&r->phase_end, on_phase_end);
    timer_init(&r->tick, on_tick);
    timer_init(&r->rest.timer, load_on_rested);
    loop_timer(&r->loop, &r->phase_end, OPENING_MAX_MS);
    if (o->progress)
        loop_timer(&r->loop, &r->tick, 1000);
    read_usage(r, &r->empty);
    loop_defer(&r->loop, &r->open_more);
    if (!*r->why)
        err = loop_run(&r->loop);
    loop_timer_stop(&r->loop, &r->tick);
    loop_timer_stop(&r->loop, &r->phase_end);
    loop_timer_stop(&r->loop, &r->rest.timer);
    close_all(r);
    load_wire_fini(&r->wire);
    loop_fini(&r->loop);
    mem_free(r->clients);
    mem_free(r->sent_us);
    mem_free(r->rest.queue);
    mem_free(r->round_left);
    return err < 0 ? err : *r->why ? ATR_ECLOSED : 0;
}
