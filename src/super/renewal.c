/* super/renewal.c - see renewal.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/renewal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "super/fields.h"
#include "super/service.h"
#include "super/supervisor.h"

/* Changes that go on and on are not waited for longer than so many watch_delays. An application
 * that changes its own files would be renewed for ever: past so many in a minute it is slowed. */
enum { PATIENCE = 10, STORM_COUNT = 10, STORM_MS = 60000 };

static struct loop *loop_of(const struct renewal *r)
{
    return &r->service->supervisor->loop;
}

static void renew(struct service *s)
{
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        struct instance *i = container_of(at, struct instance, in_service);
        if (i->wanted || i->state == INSTANCE_ERRORED)
            instance_reload(i);
    }
    service_go_on(s);
}

static bool may(const struct renewal *r)
{
    return !r->service->removing && !r->service->supervisor->ending;
}

/* --- Files --- */

static bool leaves_out(void *owner, const char *path, bool folder)
{
    const struct renewal *r = owner;

    return watch_rules_leave_out(&r->rules, path, folder);
}

static void on_change(void *owner, const char *path)
{
    struct renewal *r = owner;
    uint64_t now = loop_of(r)->now_ms;
    uint64_t delay = (uint64_t)spec_number(&r->service->spec, SPEC_KEY_watch_delay), most;

    if (!r->changed) {
        r->changed = str_dup(str_of(path));
        r->changed_ms = now;
    }
    most = r->changed_ms + PATIENCE * delay;
    loop_timer(loop_of(r), &r->quiet, now >= most ? 0 : delay < most - now ? delay : most - now);
}

/* How long to wait because it was renewed so often; 0: not at all. */
static uint64_t storm_ms(struct renewal *r)
{
    uint64_t now = loop_of(r)->now_ms;

    if (now - r->window_ms >= STORM_MS) {
        r->window_ms = now;
        r->window_count = 0;
    }
    return r->window_count >= STORM_COUNT ? r->window_ms + STORM_MS - now : 0;
}

static void on_quiet(struct timer *t)
{
    struct renewal *r = container_of(t, struct renewal, quiet);
    uint64_t wait = storm_ms(r);
    char *path = r->changed;

    if (wait) {
        log_event(LOG_WARN, "watch-slowed", "app=%s path=%s wait_ms=%llu hint=%s",
                  service_name(r->service), path, (unsigned long long)wait,
                  "files change all the time; if the application writes them itself, name them in "
                  "ignore_watch");
        loop_timer(loop_of(r), t, wait);
        return;
    }
    r->changed = NULL;
    if (may(r)) {
        r->window_count++;
        r->by_files++;
        log_event(LOG_INFO, "files-changed", "app=%s path=%s", service_name(r->service), path);
        renew(r->service);
    }
    mem_free(path);
}

static void on_trouble(void *owner, int err, const char *why)
{
    const struct renewal *r = owner;

    (void)err;
    log_event(LOG_ERROR, "watch-incomplete", "app=%s hint=%s", service_name(r->service), why);
}

static const struct watcher_hooks hooks = { .leaves_out = leaves_out,
                                            .on_change = on_change,
                                            .on_trouble = on_trouble };

static void watch(struct renewal *r)
{
    char why[ATR_WHY_MAX] = "";

    if (!watch_rules_wanted(&r->service->spec))
        return;
    watch_rules_init(&r->rules, &r->service->spec, r->service->supervisor->home.path);
    if (!(r->files = watcher_new(loop_of(r), &hooks, r, why)))
        on_trouble(r, 0, why);
    for (size_t i = 0; r->files && i < r->rules.root_count; i++)
        if (watcher_add(r->files, r->rules.roots[i].path, why) < 0)
            on_trouble(r, 0, why);
    if (r->files)
        log_event(LOG_INFO, "watching", "app=%s folders=%zu", service_name(r->service),
                  watcher_folders(r->files));
}

static void unwatch(struct renewal *r)
{
    watcher_close(r->files);
    r->files = NULL;
    watch_rules_fini(&r->rules);
    loop_timer_stop(loop_of(r), &r->quiet);
    mem_free(r->changed);
    r->changed = NULL;
}

/* --- Time --- */

void renewal_tick(struct renewal *r)
{
    int64_t now = clock_wall_ms();

    if (r->due_ms < 0 || now < r->due_ms)
        return;
    r->due_ms = cron_next(&r->cron, now);
    if (!may(r))
        return;
    r->by_time++;
    log_event(LOG_INFO, "time-came", "app=%s cron_restart=%s", service_name(r->service),
              spec_text(&r->service->spec, SPEC_KEY_cron_restart));
    renew(r->service);
}

/* --- Life --- */

void renewal_init(struct renewal *r, struct service *s)
{
    *r = (struct renewal){ .service = s, .due_ms = -1 };
    timer_init(&r->quiet, on_quiet);
    renewal_read(r);
}

void renewal_read(struct renewal *r)
{
    str when = str_of(spec_text(&r->service->spec, SPEC_KEY_cron_restart));

    unwatch(r);
    watch(r);
    r->due_ms = cron_parse(&r->cron, when) > 0 ? cron_next(&r->cron, clock_wall_ms()) : -1;
}

void renewal_fini(struct renewal *r)
{
    unwatch(r);
}

void renewal_write(const struct renewal *r, struct buf *out)
{
    field_number(out, "watch_reloads", (int64_t)r->by_files);
    field_number(out, "timed_reloads", (int64_t)r->by_time);
}

void renewal_adopt(struct renewal *r, str record)
{
    r->by_files = (uint64_t)field_get_number(record, "watch_reloads", 0);
    r->by_time = (uint64_t)field_get_number(record, "timed_reloads", 0);
}
