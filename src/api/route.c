/* api/route.c - routes and static folders: what an application serves over plain HTTP.
 *
 * A request of a route has a ref from its first callback until it is answered or its client leaves;
 * the ref is kept in the request's user pointer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/response.h"
#include "base/buf.h"
#include "base/mem.h"
#include "http/static_files.h"

struct route {
    struct list link; /* in app->routes */
    struct http_handler handler;
    atr_app *app;
    void (*fn)(void *user, atr_request *r);
    void *user;
};

struct folder {
    struct list link; /* in app->folders */
    struct static_files *files;
};

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct route *route = container_of(h, struct route, handler);

    r->user = (void *)(uintptr_t)id_add(&route->app->requests, r);
    route->fn(route->user, (atr_request *)r);
}

static void forget(atr_app *app, struct http_request *r)
{
    id_remove(&app->requests, (uint64_t)(uintptr_t)r->user);
    r->user = NULL;
}

static void on_abort(struct http_handler *h, struct http_request *r)
{
    forget(container_of(h, struct route, handler)->app, r);
}

static bool is_route(const struct http_request *r)
{
    return r->handler && r->handler->on_request == on_request;
}

int atr_http_route(atr_app *app, atr_str method, atr_str pattern,
                   void (*fn)(void *user, atr_request *r), void *user)
{
    int err;

    if (method.n == 0)
        return ATR_ESYNTAX;
    struct route *route = mem_zalloc(sizeof *route);
    *route = (struct route){ .app = app, .fn = fn, .user = user };
    route->handler =
        (struct http_handler){ .user = route, .on_request = on_request, .on_abort = on_abort };
    list_init(&route->link);
    if ((err = http_router_add(&app->router, str_in(method), str_in(pattern), &route->handler)) <
        0) {
        mem_free(route);
        return err;
    }
    list_append(&app->routes, &route->link);
    return 0;
}

int atr_http_static(atr_app *app, atr_str prefix, const char *dir, unsigned max_age_seconds,
                    char *why)
{
    struct static_files *files;
    int err = static_files_new(str_in(prefix), dir, max_age_seconds, &files, why);

    if (err < 0)
        return err;
    if ((err = http_router_fallback(&app->router, str_in(prefix), static_files_handler(files))) <
        0) {
        static_files_free(files);
        return err_why(why, err, "the URL prefix \"%.*s\" is taken", (int)prefix.n, prefix.p);
    }
    struct folder *f = mem_alloc(sizeof *f);
    f->files = files;
    list_init(&f->link);
    list_append(&app->folders, &f->link);
    return 0;
}

atr_ref atr_request_ref(const atr_request *request)
{
    const struct http_request *r = (const struct http_request *)request;

    return is_route(r) ? (atr_ref)(uintptr_t)r->user : 0;
}

atr_request *atr_request_find(atr_app *app, atr_ref ref)
{
    return id_get(&app->requests, ref);
}

atr_str atr_request_param(const atr_request *request, atr_str name)
{
    const struct http_request *r = (const struct http_request *)request;
    struct buf scratch = { 0 };

    if (!is_route(r))
        return (atr_str){ 0 };
    const atr_app *app = container_of(r->handler, struct route, handler)->app;
    str value = http_router_param(&app->router, r, str_in(name), &scratch);
    if (value.p)
        value = arena_copy(&http_request_loop(r)->scratch, value);
    buf_free(&scratch);
    return str_out(value);
}

int atr_respond(atr_request *request, const atr_response *res)
{
    struct http_request *r = (struct http_request *)request;
    struct http_response out;
    struct buf headers = { 0 };
    int err;

    if (!is_route(r) || r->answered)
        return ATR_ESTATE;
    if ((err = response_read(res, &headers, &out)) == 0) {
        forget(container_of(r->handler, struct route, handler)->app, r);
        http_respond(r, &out);
    }
    buf_free(&headers);
    return err;
}

void http_parts_free(atr_app *app)
{
    while (!list_empty(&app->routes)) {
        struct route *route = container_of(app->routes.next, struct route, link);
        list_remove(&route->link);
        mem_free(route);
    }
    while (!list_empty(&app->folders)) {
        struct folder *f = container_of(app->folders.next, struct folder, link);
        list_remove(&f->link);
        static_files_free(f->files);
        mem_free(f);
    }
}
