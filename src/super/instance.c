/* super/instance.c - see instance.h. Start reading at instance_start() and
 * instance_process_gone(); replacing a running process is in reload.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/instance.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/service.h"
#include "super/supervisor.h"

enum { LONG_WAIT_MS = 1000, LATE_CODE = 127 };

static const char *const state_names[] = {
#define X(name, text) text,
    INSTANCE_STATES(X)
#undef X
};

const char *instance_state_name(enum instance_state s)
{
    return state_names[s];
}

static struct loop *loop_of(const struct instance *i)
{
    return &i->service->supervisor->loop;
}

static void changed(struct instance *i)
{
    supervisor_changed(i->service->supervisor);
}

void instance_trouble(struct instance *i, const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    if (!i)
        return;
    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    mem_free(i->trouble);
    i->trouble = str_dup(buf_str(&text));
    buf_free(&text);
}

/* --- Starting --- */

static void ended(struct instance *i, const struct exit_fact *f);

static void launch(struct instance *i)
{
    struct exit_fact failed = { .known = true, .code = LATE_CODE };
    char why[ATR_WHY_MAX] = "";

    loop_timer_stop(loop_of(i), &i->restart);
    i->restarting = false;
    i->state = INSTANCE_LAUNCHING;
    if (!process_spawn(i, why)) {
        log_event(LOG_ERROR, "start-failed", "app=%s instance=%u %s", service_name(i->service),
                  i->number, why);
        instance_trouble(i, "%s", why);
        i->exit_code = LATE_CODE;
        ended(i, &failed);
    }
    changed(i);
}

static void on_restart(struct timer *t)
{
    struct instance *i = container_of(t, struct instance, restart);

    i->restarts++;
    launch(i);
}

struct instance *instance_new(struct service *s, uint32_t id, unsigned number)
{
    struct instance *i = mem_zalloc(sizeof *i);
    struct list *at = s->instances.prev;

    i->service = s;
    i->id = id;
    i->number = number;
    i->exit_code = -1;
    i->created_wall_ms = clock_wall_ms();
    timer_init(&i->restart, on_restart);
    while (at != &s->instances && container_of(at, struct instance, in_service)->number > number)
        at = at->prev;
    list_append(at->next, &i->in_service); /* behind the last one with a smaller number */
    return i;
}

static void free_instance(struct instance *i)
{
    loop_timer_stop(loop_of(i), &i->restart);
    list_remove(&i->in_service);
    mem_free(i->trouble);
    mem_free(i);
}

void instance_start(struct instance *i)
{
    if (i->removing)
        return;
    i->wanted = true;
    i->history = (struct history){ 0 };
    if (i->now && i->state == INSTANCE_STOPPING)
        i->restarting = true;
    else if (!i->now)
        launch(i);
    changed(i);
}

/* --- Stopping --- */

static void stop(struct instance *i, pid_t heir)
{
    loop_timer_stop(loop_of(i), &i->restart);
    i->reload_wanted = false;
    if (i->next)
        process_kill(i->next);
    i->state = i->now ? INSTANCE_STOPPING : INSTANCE_STOPPED;
    if (i->now)
        process_leave(i->now, heir);
}

void instance_stop(struct instance *i)
{
    i->wanted = i->restarting = false;
    stop(i, HEIR_NOBODY);
    changed(i);
}

void instance_restart(struct instance *i)
{
    if (i->removing)
        return;
    i->wanted = true;
    i->history = (struct history){ 0 };
    if (i->now) {
        stop(i, HEIR_NOBODY);
        i->restarting = true;
    } else {
        i->restarts++;
        launch(i);
    }
    changed(i);
}

void instance_remove(struct instance *i, pid_t heir)
{
    struct supervisor *s = i->service->supervisor;

    i->removing = true;
    i->wanted = i->restarting = false;
    stop(i, heir);
    if (!i->now && !i->next)
        free_instance(i);
    supervisor_changed(s);
}

void instance_reset(struct instance *i)
{
    i->restarts = i->hangs = i->memory_restarts = i->unready = i->crashes = i->reloads = 0;
    i->history = (struct history){ 0 };
    changed(i);
}

/* --- What processes tell --- */

void instance_process_ready(struct instance *i, struct process *p)
{
    struct process *old = i->now;

    p->phase = PROCESS_ONLINE;
    p->ready_once = true;
    loop_timer_stop(loop_of(i), &p->deadline);
    if (p == i->next) {
        i->now = p;
        i->next = NULL;
        i->reloads++;
        i->restarts++;
        if (old) {
            old->instance = NULL;
            process_leave(old, p->pid);
        }
        log_event(LOG_INFO, "reloaded", "app=%s instance=%u pid=%d", service_name(i->service),
                  i->number, (int)p->pid);
    }
    i->state = INSTANCE_ONLINE;
    changed(i);
    service_go_on(i->service);
}

static void be_late(struct instance *i, struct process *p, const char *what)
{
    i->unready++;
    instance_trouble(i, "%s within %lld ms (listen_timeout)", what,
                     (long long)spec_number(&i->service->spec, SPEC_KEY_listen_timeout));
    log_event(LOG_WARN, "not-ready", "app=%s instance=%u pid=%d hint=%s", service_name(i->service),
              i->number, (int)p->pid, i->trouble);
}

void instance_process_unready(struct instance *i, struct process *p)
{
    const struct spec *spec = &i->service->spec;
    uint64_t more = (uint64_t)spec_number(spec, SPEC_KEY_hang_timeout);

    if (p == i->next) {
        be_late(i, p, "the new process was not ready; the old one goes on: not ready");
        i->reload_failed = true;
    } else if (spec_number(spec, SPEC_KEY_wait_ready)) {
        be_late(i, p, "it did not say that it is ready");
    } else if (!p->late && more) { /* nobody else would serve if it were killed: let it try on */
        be_late(i, p, "it did not listen");
        p->late = true;
        loop_timer(loop_of(i), &p->deadline, more);
        return;
    } else if (!p->late) {
        be_late(i, p, "it did not listen");
        return;
    }
    p->killed_for = "unready";
    process_kill(p);
}

static void tell_end(struct instance *i, const struct exit_fact *f, int signal)
{
    i->exit_code = f->known ? f->code : -1;
    i->exit_signal = signal;
    if (i->now && i->now->killed_for)
        return; /* the sentence is there already, or the log has it */
    if (i->now && i->now->complaint)
        instance_trouble(i, "%s", i->now->complaint);
    else if (signal)
        instance_trouble(i, "ended by signal %d (%s) after %llu ms", signal, strsignal(signal),
                         (unsigned long long)f->uptime_ms);
    else if (f->known)
        instance_trouble(i, "exited with code %d after %llu ms", f->code,
                         (unsigned long long)f->uptime_ms);
    else
        instance_trouble(i, "ended while no supervisor was there to see how");
}

static void wait_for_restart(struct instance *i, uint32_t delay_ms)
{
    i->state = INSTANCE_WAITING;
    loop_timer(loop_of(i), &i->restart, delay_ms);
    if (delay_ms)
        log_event(LOG_INFO, "restart-waits", "app=%s instance=%u ms=%u", service_name(i->service),
                  i->number, delay_ms);
}

/* It ended by itself: what now? */
static void ended(struct instance *i, const struct exit_fact *f)
{
    const struct spec *spec = &i->service->spec;
    uint32_t delay_ms = 0;

    if (!f->known || f->code != 0)
        i->crashes++;
    switch (policy_exit(spec, &i->history, f, random_u64(), &delay_ms)) {
    case VERDICT_RESTART:
        wait_for_restart(i, delay_ms);
        return;
    case VERDICT_STOPPED:
        i->state = INSTANCE_STOPPED;
        break;
    case VERDICT_ERRORED:
        i->state = INSTANCE_ERRORED;
        log_event(LOG_ERROR, "crash-loop", "app=%s instance=%u exits=%u hint=%s",
                  service_name(i->service), i->number, i->history.unstable,
                  "it rests until it is started again; see its error log");
        break;
    }
    i->wanted = false;
    if (i->exit_code != 0 || i->state == INSTANCE_ERRORED)
        i->service->supervisor->exit_status = i->exit_code > 0 ? i->exit_code
                                              : i->exit_signal ? 128 + i->exit_signal
                                                               : 1;
}

/* The successor ended before it was ready. */
static void successor_gone(struct instance *i, const struct exit_fact *f, int signal)
{
    i->next = NULL;
    if (i->removing || !i->wanted || i->restarting)
        return;
    if (!i->reload_failed) {
        char how[64];

        (void)snprintf(how, sizeof how, signal ? "was ended by signal %d" : "exited with code %d",
                       signal ? signal : f->code);
        instance_trouble(i, "the new process %s before it was ready; the old one goes on", how);
    }
    i->reload_failed = true;
    log_event(LOG_ERROR, "reload-failed", "app=%s instance=%u hint=%s", service_name(i->service),
              i->number, i->trouble);
}

void instance_process_gone(struct instance *i, struct process *p, const struct exit_fact *given,
                           int signal)
{
    struct supervisor *s = i->service->supervisor;
    struct exit_fact f = *given;

    if (p == i->next) {
        successor_gone(i, &f, signal);
    } else {
        tell_end(i, &f, signal);
        i->now = i->next;
        i->next = NULL;
        if (!p->ready_once) /* it never served: that is early, however long it took */
            f.uptime_ms = 0;
        if (i->now) { /* the old one ended while it was being replaced */
            i->restarts++;
            i->state = INSTANCE_LAUNCHING;
        } else if (!i->wanted) {
            i->state = INSTANCE_STOPPED;
        } else if (i->restarting) {
            i->restarts++;
            launch(i);
        } else {
            ended(i, &f);
        }
    }
    if (i->removing && !i->now && !i->next)
        free_instance(i);
    supervisor_changed(s);
}

/* --- For others --- */

bool instance_settled(const struct instance *i)
{
    if (i->next || i->restarting || i->reload_wanted)
        return false;
    if (i->state == INSTANCE_WAITING)
        return i->restart.at_ms > loop_of(i)->now_ms + LONG_WAIT_MS;
    return i->wanted ? i->state == INSTANCE_ONLINE : !i->now;
}

/* Counters and what is wanted; the process's record beside it. */
void instance_write(const struct instance *i, struct buf *out)
{
    buf_byte(out, '{');
    field_number(out, "id", i->id);
    field_number(out, "number", i->number);
    field_bool(out, "wanted", i->wanted);
    field_bool(out, "errored", i->state == INSTANCE_ERRORED);
    field_bool(out, "restarting", i->restarting);
    field_number(out, "restarts", (int64_t)i->restarts);
    field_number(out, "crashes", (int64_t)i->crashes);
    field_number(out, "hangs", (int64_t)i->hangs);
    field_number(out, "memory_restarts", (int64_t)i->memory_restarts);
    field_number(out, "unready", (int64_t)i->unready);
    field_number(out, "reloads", (int64_t)i->reloads);
    field_number(out, "unstable", i->history.unstable);
    field_number(out, "backoff", i->history.backoff_ms);
    field_number(out, "created", i->created_wall_ms);
    if (i->trouble)
        field_text(out, "trouble", i->trouble);
    if (i->now) {
        field_key(out, "now");
        process_write(i->now, out);
    }
    if (i->next) {
        field_key(out, "next");
        process_write(i->next, out);
    }
    buf_byte(out, '}');
}

struct instance *instance_read(struct service *s, str r)
{
    struct instance *i =
        instance_new(s, (uint32_t)field_get_number(r, "id", s->supervisor->next_id++),
                     (unsigned)field_get_number(r, "number", 0));

    i->wanted = field_get_bool(r, "wanted");
    i->restarting = field_get_bool(r, "restarting");
    i->state = field_get_bool(r, "errored") ? INSTANCE_ERRORED : INSTANCE_STOPPED;
    i->restarts = (uint64_t)field_get_number(r, "restarts", 0);
    i->crashes = (uint64_t)field_get_number(r, "crashes", 0);
    i->hangs = (uint64_t)field_get_number(r, "hangs", 0);
    i->memory_restarts = (uint64_t)field_get_number(r, "memory_restarts", 0);
    i->unready = (uint64_t)field_get_number(r, "unready", 0);
    i->reloads = (uint64_t)field_get_number(r, "reloads", 0);
    i->history.unstable = (uint32_t)field_get_number(r, "unstable", 0);
    i->history.backoff_ms = (uint32_t)field_get_number(r, "backoff", 0);
    i->created_wall_ms = field_get_number(r, "created", i->created_wall_ms);
    i->trouble = field_get_text(r, "trouble");
    if (i->id >= s->supervisor->next_id)
        s->supervisor->next_id = i->id + 1;
    return i;
}

void instance_adopt(struct instance *i, str r)
{
    struct exit_fact unknown = { .code = -1 };
    str now = json_get(r, STR("now")), next = json_get(r, STR("next"));

    i->now = now.p ? process_adopt(i->service, i, now) : NULL;
    i->next = next.p ? process_adopt(i->service, i, next) : NULL;
    if (!i->now && i->next) {
        i->now = i->next;
        i->next = NULL;
    }
    if (i->now && (!i->wanted || i->restarting)) {
        stop(i, HEIR_NOBODY);
    } else if (i->now) {
        i->state = i->now->phase == PROCESS_ONLINE ? INSTANCE_ONLINE : INSTANCE_LAUNCHING;
    } else if (i->wanted) { /* from the loop, when everything has been read */
        if (now.p && !i->restarting) {
            log_event(LOG_WARN, "process-lost", "app=%s instance=%u", service_name(i->service),
                      i->number);
            tell_end(i, &unknown, 0);
            i->crashes++;
        }
        i->restarting = false;
        wait_for_restart(i, 0);
    }
}
