/* super/reload.c - replacing running processes by new ones, one instance after the other.
 *
 * The successor is started beside the old process and has listen_timeout to be ready. Only then
 * does the old one leave. When the successor is not ready in time, or ends, the old one goes on as
 * if nothing had been, and the instances behind it are not touched: a broken release reaches
 * nobody.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"
#include "super/apps_file.h"
#include "super/service.h"
#include "super/supervisor.h"

enum { CALM_MS = 30000 }; /* between replacements that nobody asked for */

void instance_reload(struct instance *i)
{
    struct service *s = i->service;

    if (i->removing)
        return;
    i->reload_failed = false;
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        struct instance *other = container_of(at, struct instance, in_service);
        other->reload_failed &= other->reload_wanted; /* failures of long ago mean nothing now */
    }
    if (!i->now) {
        instance_start(i);
        return;
    }
    i->wanted = true;
    i->reload_wanted = true;
}

static void reload_now(struct instance *i)
{
    char why[ATR_WHY_MAX] = "";

    i->reload_wanted = false;
    if (!spec_is_atrium(&i->service->spec) || !process_is_atrium(i->now)) {
        instance_restart(i); /* its port cannot be in two processes at once */
        return;
    }
    if (!process_spawn(i, why)) {
        i->reload_failed = true;
        instance_trouble(i, "the new process could not be started: %s; the old one goes on", why);
    }
    supervisor_changed(i->service->supervisor);
}

/* Those behind one that failed stay as they are. */
static void give_up(struct service *s, const struct instance *failed)
{
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        struct instance *i = container_of(at, struct instance, in_service);

        if (!i->reload_wanted)
            continue;
        i->reload_wanted = false;
        i->reload_failed = true;
        instance_trouble(i, "not reloaded, because instance %u could not be", failed->number);
    }
}

void service_reload_next(struct service *s)
{
    struct instance *first = NULL;

    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        struct instance *i = container_of(at, struct instance, in_service);

        if (i->next || i->restarting || i->state == INSTANCE_LAUNCHING)
            return; /* one at a time */
        if (i->reload_wanted && !i->now)
            i->reload_wanted = false; /* it will be started anew, or is not wanted any more */
        if (i->reload_wanted && !first)
            first = i;
    }
    if (!first)
        return;
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        struct instance *i = container_of(at, struct instance, in_service);
        if (i->reload_failed && !i->reload_wanted) {
            give_up(s, i);
            supervisor_changed(s->supervisor);
            return;
        }
    }
    reload_now(first);
}

void instance_over_memory(struct instance *i)
{
    uint64_t now = i->service->supervisor->loop.now_ms;

    if (i->next || i->reload_wanted || i->restarting || now < i->no_reload_before_ms)
        return;
    i->no_reload_before_ms = now + CALM_MS;
    i->memory_restarts++;
    log_event(LOG_WARN, "memory-limit", "app=%s instance=%u pid=%d bytes=%llu max=%lld",
              service_name(i->service), i->number, (int)i->now->pid,
              (unsigned long long)i->now->rss_bytes,
              (long long)spec_number(&i->service->spec, SPEC_KEY_max_memory_restart));
    instance_reload(i);
    service_reload_next(i->service);
}
