/* api/store.c - the application's store: opened when it is first used.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "cluster/kv.h"
#include "store/centre.h"
#include "store/memory.h"

struct app_store {
    struct app_store_place place;
    struct store *store;         /* NULL: not used yet */
    struct store_memory *memory; /* NULL: it is the centre's */
    bool warned;                 /* that the centre does not answer */
};

struct asked {
    atr_app *app;
    struct app_store *of;
    atr_store_fn fn;
    void *user;
};

/* Without who runs the process: where `atrium centre` is by default. */
static int usual_path(void *user, char out[STORE_PATH_MAX], char *why)
{
    const char *home = getenv("ATRIUM_HOME"), *user_home = getenv("HOME");

    (void)user;
    if ((!home || !*home) && (!user_home || !*user_home))
        return err_why(why, ATR_EUNKNOWN, "neither ATRIUM_HOME nor HOME is set");
    if (home && *home)
        snprintf(out, STORE_PATH_MAX, "%s/centre/centre.sock", home);
    else
        snprintf(out, STORE_PATH_MAX, "%s/.atrium/centre/centre.sock", user_home);
    return 0;
}

static struct app_store *store_part(atr_app *app)
{
    if (!app->store) {
        app->store = mem_zalloc(sizeof *app->store);
        app->store->place = (struct app_store_place){ .name = "atrium", .path = usual_path };
    }
    return app->store;
}

void app_place_store(atr_app *app, const struct app_store_place *p)
{
    store_part(app)->place = *p;
}

static bool is_centre(atr_app *app, bool shared)
{
    char kind[16];

    settings_text(&app->settings, SET_store, kind, sizeof kind);
    return !strcmp(kind, "centre") || (!strcmp(kind, "auto") && shared);
}

static int open_centre(atr_app *app, struct app_store *s, char *why)
{
    char path[STORE_PATH_MAX], space[160];
    int err = s->place.path(s->place.user, path, why);

    if (err < 0)
        return err;
    settings_text(&app->settings, SET_storeName, space, sizeof space);
    struct store_centre_options o = { .path = path,
                                      .space = str_of(*space ? space : s->place.name),
                                      .start = s->place.start,
                                      .user = s->place.user };
    o.space.n = o.space.n < 128 ? o.space.n : 128;
    s->store = store_centre_open(&app->loop, &o);
    return 0;
}

static struct app_store *open_store(atr_app *app)
{
    struct app_store *s = store_part(app);
    char why[ATR_WHY_MAX] = "";

    if (s->store)
        return s;
    if (is_centre(app, s->place.shared)) {
        if (open_centre(app, s, why) < 0) {
            log_event(LOG_ERROR, "store-failed", "%s", why);
            return NULL;
        }
        return s;
    }
    s->memory = store_memory_new(&app->loop, NULL, 0);
    s->store = store_memory_open(s->memory);
    return s;
}

static void count(struct store_figures *f, int err)
{
    f->waiting--;
    if (err == 0)
        f->done++;
    else if (err == ATR_ELIMIT)
        f->refused++;
    else if (err == ATR_ETIMEOUT)
        f->timeouts++;
    else
        f->failed++;
}

void app_store_measure(atr_app *app)
{
    if (app->store && app->store->store)
        app->store_figures.losses = app->store->store->stats.losses;
}

static void arrived(void *user, const struct store_answer *a)
{
    struct asked q = *(struct asked *)user;
    char why[ATR_WHY_MAX] = "";
    const struct store_record *r = &a->r;

    mem_free(user);
    count(&q.app->store_figures, a->err);
    /* Once per trouble: the log would be full of it. */
    bool silent = a->err == ATR_ETIMEOUT && !q.of->memory && !store_centre_ready(q.of->store, why);
    if (silent && !q.of->warned)
        log_event(LOG_ERROR, "store-unreachable", "%s", why);
    if (silent || a->err == 0)
        q.of->warned = silent;
    if (!q.fn)
        return;
    const atr_store_result out = { .value = str_out(r->value),
                                   .owner = str_out(r->owner),
                                   .version = r->version,
                                   .epoch = r->epoch,
                                   .ttl_ms = r->ttl_ms,
                                   .number = r->number };
    q.fn(q.user, a->err, &out);
}

int atr_store(atr_app *app, const atr_store_request *given, atr_store_fn fn, void *user)
{
    static const enum store_op ops[] = {
        [ATR_STORE_GET] = STORE_KV_GET,        [ATR_STORE_SET] = STORE_KV_SET,
        [ATR_STORE_DEL] = STORE_KV_DEL,        [ATR_STORE_INCR] = STORE_KV_INCR,
        [ATR_STORE_EXPIRE] = STORE_KV_EXPIRE,  [ATR_STORE_ACQUIRE] = STORE_LEASE_ACQUIRE,
        [ATR_STORE_RENEW] = STORE_LEASE_RENEW, [ATR_STORE_RELEASE] = STORE_LEASE_RELEASE,
        [ATR_STORE_HOLDER] = STORE_LEASE_GET,
    };
    atr_store_request r;
    struct app_store *s;

    SIZED_COPY(&r, given);
    if ((unsigned)r.op >= sizeof ops / sizeof *ops)
        return ATR_EUNKNOWN;
    if (app->ending || !(s = open_store(app)))
        return ATR_ECLOSED;
    struct asked *q = mem_alloc(sizeof *q);
    *q = (struct asked){ app, s, fn, user };
    app->store_figures.waiting++;
    struct store_request request = { .op = ops[r.op],
                                     .r = { .key = str_in(r.key),
                                            .value = str_in(r.value),
                                            .owner = str_in(r.owner),
                                            .ttl_ms = r.ttl_ms,
                                            .flags = r.flags,
                                            .version = r.version,
                                            .number = r.number,
                                            .fence = str_in(r.fence),
                                            .fence_epoch = r.fence_epoch } };
    if (r.op == ATR_STORE_RENEW || r.op == ATR_STORE_RELEASE)
        request.r.epoch = r.epoch;
    if (r.op == ATR_STORE_INCR && !r.number)
        request.r.number = 1;
    (void)store_begin(s->store, &request, arrived, q);
    return 0;
}

void app_store_free(atr_app *app)
{
    struct app_store *s = app->store;

    app->ending = true;
    if (!s)
        return;
    if (s->store)
        store_close(s->store);
    store_memory_free(s->memory);
    mem_free(s);
    app->store = NULL;
}
