/* api/prometheus.c - see prometheus.h. Text format 0.0.4.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/prometheus.h"

#include <math.h>
#include <stdio.h>

#include "api/metrics.h"
#include "base/mem.h"

/* A part of the program that has figures of its own. */
struct metric_source {
    struct list link; /* in app->metric_sources */
    atr_metric_source give;
    void *user;
};

struct prometheus {
    struct http_handler handler;
    struct http_server server; /* its own port; not used otherwise */
    atr_app *app;
    bool listening, routed;
    char path[256];
};

struct page {
    struct buf text;
    char family[128]; /* the name whose help was printed last */
    struct map seen;  /* names of families */
    struct arena names;
    bool skip; /* the family stands on the page already */
};

/* A family may stand on a page once: an application's figures must not spoil it for all. */
static void begin_family(struct page *p, const atr_metric *m)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    str name = arena_copy(&p->names, str_of(m->name));

    (void)snprintf(p->family, sizeof p->family, "%s", m->name);
    p->skip = map_get(&p->seen, name) != NULL;
    if (p->skip)
        return;
    (void)map_put(&p->seen, name, p);
    buf_format(&p->text, "# HELP %s ", m->name);
    for (const char *c = m->help; *c; c++) {
        if (*c == '\n' || *c == '\\')
            buf_byte(&p->text, '\\');
        buf_byte(&p->text, *c == '\n' ? 'n' : (uint8_t)*c);
    }
    buf_format(&p->text, "\n# TYPE %s %s\n", m->name, kinds[m->kind]);
}

static void print_metric(void *user, const atr_metric *m)
{
    struct page *p = user;

    if (strcmp(p->family, m->name) != 0)
        begin_family(p, m);
    if (p->skip)
        return;
    const char *open = *m->labels ? "{" : "", *close = *m->labels ? "}" : "";
    buf_format(&p->text, "%s%s%s%s%s ", m->name, m->suffix, open, m->labels, close);
    if (isnan(m->value))
        buf_add(&p->text, STR("NaN\n"));
    else if (isinf(m->value))
        buf_add(&p->text, m->value > 0 ? STR("+Inf\n") : STR("-Inf\n"));
    else
        buf_format(&p->text, "%.17g\n", m->value);
}

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct prometheus *prom = container_of(h, struct prometheus, handler);
    struct page page = { 0 };

    if (!str_eq(r->head.method, STR("GET")) && !str_eq(r->head.method, STR("HEAD"))) {
        http_respond_status(r, 405);
        return;
    }
    atr_app_metrics(prom->app, print_metric, &page);
    for (struct list *at = prom->app->metric_sources.next; at != &prom->app->metric_sources;
         at = at->next) {
        struct metric_source *s = container_of(at, struct metric_source, link);
        s->give(s->user, print_metric, &page);
    }
    metrics_of_process(&(struct metric_walk){ print_metric, &page });
    http_respond(r,
                 &(struct http_response){ .type = STR("text/plain; version=0.0.4; charset=utf-8"),
                                          .headers = STR("Cache-Control: no-store\r\n"),
                                          .body = buf_str(&page.text),
                                          .compress = true });
    buf_free(&page.text);
    map_free(&page.seen);
    arena_free(&page.names);
}

static struct http_handler *route(void *user, struct http_request *r, unsigned *why_status)
{
    struct prometheus *prom = user;

    *why_status = 404;
    return str_eq(r->head.path, str_of(prom->path)) ? &prom->handler : NULL;
}

static struct prometheus *create(atr_app *app)
{
    struct prometheus *prom = mem_zalloc(sizeof *prom);

    prom->app = app;
    prom->handler.on_request = on_request;
    settings_text(&app->settings, SET_metrics, prom->path, sizeof prom->path);
    return app->prometheus = prom;
}

/* May come again after a failure to listen. */
int prometheus_open(atr_app *app, const char *host, char *why)
{
    struct prometheus *prom = app->prometheus ? app->prometheus : create(app);
    uint16_t port = (uint16_t)settings_number(&app->settings, SET_metricsPort);
    int err;

    if (!*prom->path || prom->routed)
        return 0;
    if (port) {
        http_server_init(&prom->server, &app->loop, &app->http.limits, route, prom);
        if ((err = http_server_listen(&prom->server, host, port, why)) < 0)
            return err_wrap(why, err, "metricsPort");
        prom->listening = true;
        return 0;
    }
    /* An application's own route of that path was added earlier, and wins. */
    err = http_router_add(&app->router, STR("GET"), str_of(prom->path), &prom->handler);
    if (err < 0)
        return err_why(why, err, "setting \"metrics\": \"%s\" is no path", prom->path);
    prom->routed = true;
    return 0;
}

void prometheus_close(atr_app *app)
{
    struct prometheus *prom = app->prometheus;

    if (!prom || !prom->listening)
        return;
    prom->listening = false;
    http_server_abort(&prom->server);
}

void prometheus_free(atr_app *app)
{
    while (!list_empty(&app->metric_sources)) {
        struct metric_source *s =
            container_of(app->metric_sources.next, struct metric_source, link);
        list_remove(&s->link);
        mem_free(s);
    }
    mem_free(app->prometheus);
    app->prometheus = NULL;
}

void atr_app_add_metrics(atr_app *app, atr_metric_source give, void *user)
{
    struct metric_source *s = mem_alloc(sizeof *s);

    *s = (struct metric_source){ .give = give, .user = user };
    list_init(&s->link);
    list_append(&app->metric_sources, &s->link);
}
