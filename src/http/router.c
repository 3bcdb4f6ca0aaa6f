/* http/router.c - matching of paths, in the order that router.h states.
 *
 * Tables are small (tens of rows) and walked from the front; a request costs a comparison per row.
 * They change rarely and never while a request is being routed.
 *
 * Start reading at http_router_find().
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/router.h"

#include "base/assert.h"
#include "base/mem.h"

struct http_mount {
    char *prefix; /* owned */
    size_t len;
    struct http_handler *handler;
};

struct http_rule {
    char *method, *pattern; /* owned */
    struct http_handler *handler;
};

/* --- Patterns --- */

/* Cuts the next segment off a path that begins with a slash; false at its end. "/" has one, empty,
 * segment; "/a/" has two. */
static bool next_segment(str *rest, str *segment)
{
    if (rest->n == 0 || rest->p[0] != '/')
        return false;
    *rest = str_n(rest->p + 1, rest->n - 1);
    ptrdiff_t end = str_find(*rest, '/');
    size_t n = end < 0 ? rest->n : (size_t)end;
    *segment = str_n(rest->p, n);
    *rest = str_n(rest->p + n, rest->n - n);
    return true;
}

static bool is_rest(str segment)
{
    return str_eq(segment, STR("*"));
}

static bool is_capture(str segment)
{
    return segment.n > 0 && segment.p[0] == ':';
}

static bool pattern_valid(str pattern)
{
    str segment;

    if (pattern.n == 0 || pattern.p[0] != '/')
        return false;
    while (next_segment(&pattern, &segment)) {
        if (is_rest(segment))
            return pattern.n == 0;
        if (str_find(segment, '*') >= 0 || (is_capture(segment) && segment.n == 1))
            return false;
    }
    return true;
}

/* Whether path fits the pattern. With name, *value is what was captured under it. */
static bool match(str pattern, str path, str name, str *value)
{
    str want, have;

    while (next_segment(&pattern, &want)) {
        if (is_rest(want)) {
            if (path.n == 0)
                return false;
            if (str_eq(name, want))
                *value = str_n(path.p + 1, path.n - 1);
            return true;
        }
        if (!next_segment(&path, &have))
            return false;
        if (!is_capture(want)) {
            if (!str_eq(want, have))
                return false;
        } else if (have.n == 0) {
            return false;
        } else if (str_eq(name, str_n(want.p + 1, want.n - 1))) {
            *value = have;
        }
    }
    return path.n == 0;
}

static bool rule_matches(const struct http_rule *rule, str path)
{
    return match(str_of(rule->pattern), path, (str){ 0 }, NULL);
}

/* RFC 9110 9.3.2: HEAD is GET without the body, which the response leaves out by itself. */
static bool method_matches(const struct http_rule *rule, str method)
{
    str want = str_of(rule->method);

    return str_eq(want, STR("*")) || str_eq(want, method) ||
           (str_eq(want, STR("GET")) && str_eq(method, STR("HEAD")));
}

/* --- Finding --- */

static struct http_handler *find_mount(const struct http_mount *mounts, size_t count, str path)
{
    for (size_t i = 0; i < count; i++)
        if (str_starts(path, str_n(mounts[i].prefix, mounts[i].len)))
            return mounts[i].handler;
    return NULL;
}

struct http_handler *http_router_find(void *router, struct http_request *r, unsigned *why_status)
{
    struct http_router *t = router;
    struct http_handler *h = find_mount(t->mounts, t->mount_count, r->head.path);
    str method = r->head.method;
    bool known = false;

    if (h)
        return h;
    for (size_t i = 0; i < t->rule_count; i++) {
        const struct http_rule *rule = &t->rules[i];
        if (!rule_matches(rule, r->head.path))
            continue;
        if (method_matches(rule, method)) {
            r->matched = rule->pattern;
            return rule->handler;
        }
        known = true;
    }
    h = find_mount(t->fallbacks, t->fallback_count, r->head.path);
    if (h && (str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"))))
        return h;
    if (h || known)
        return &t->deny;
    *why_status = 404;
    return NULL;
}

static bool lists(const struct buf *b, str method)
{
    return http1_has_token(buf_str(b), method);
}

static void list_method(struct buf *b, str method)
{
    if (lists(b, method))
        return;
    if (b->len > 0)
        buf_add(b, STR(", "));
    buf_add(b, method);
}

/* 405 owes the client the methods that would do (RFC 9110 15.5.6). */
static void on_deny(struct http_handler *h, struct http_request *r)
{
    const struct http_router *t = h->user;
    struct buf methods = { 0 }, line = { 0 };

    for (size_t i = 0; i < t->rule_count; i++)
        if (rule_matches(&t->rules[i], r->head.path))
            list_method(&methods, str_of(t->rules[i].method));
    if (find_mount(t->fallbacks, t->fallback_count, r->head.path))
        list_method(&methods, STR("GET"));
    if (lists(&methods, STR("GET")))
        list_method(&methods, STR("HEAD"));
    buf_add(&line, STR("Allow: "));
    buf_add(&line, buf_str(&methods));
    buf_add(&line, STR("\r\n"));
    http_respond(r, &(struct http_response){ .status = 405,
                                             .type = STR("text/plain; charset=utf-8"),
                                             .headers = buf_str(&line),
                                             .body = STR("Method Not Allowed") });
    buf_free(&methods);
    buf_free(&line);
}

str http_router_param(const struct http_router *t, const struct http_request *r, str name,
                      struct buf *scratch)
{
    str value = { 0 };

    (void)t;
    if (!r->matched || name.n == 0 || !match(str_of(r->matched), r->head.path, name, &value))
        return (str){ 0 };
    if (str_find(value, '%') < 0)
        return value;
    return http_unescaped(value, false, scratch);
}

/* --- Changing the tables --- */

static int mount(struct http_mount **mounts, size_t *count, str prefix, struct http_handler *h)
{
    size_t at = 0;

    for (size_t i = 0; i < *count; i++) {
        if (str_eq(str_n((*mounts)[i].prefix, (*mounts)[i].len), prefix))
            return ATR_EEXISTS;
        if ((*mounts)[i].len >= prefix.n)
            at = i + 1;
    }
    *mounts = mem_realloc(*mounts, (*count + 1) * sizeof **mounts);
    memmove(*mounts + at + 1, *mounts + at, (*count - at) * sizeof **mounts);
    (*mounts)[at] = (struct http_mount){ .prefix = str_dup(prefix), .len = prefix.n, .handler = h };
    (*count)++;
    return 0;
}

void http_router_init(struct http_router *t)
{
    *t = (struct http_router){ .deny = { .user = t, .on_head = on_deny } };
}

int http_router_mount(struct http_router *t, str prefix, struct http_handler *h)
{
    return mount(&t->mounts, &t->mount_count, prefix, h);
}

int http_router_fallback(struct http_router *t, str prefix, struct http_handler *h)
{
    return mount(&t->fallbacks, &t->fallback_count, prefix, h);
}

void http_router_unmount(struct http_router *t, str prefix)
{
    for (size_t i = 0; i < t->mount_count; i++) {
        struct http_mount *m = &t->mounts[i];
        if (!str_eq(str_n(m->prefix, m->len), prefix))
            continue;
        mem_free(m->prefix);
        t->mount_count--;
        memmove(m, m + 1, (t->mount_count - i) * sizeof *m);
        return;
    }
}

int http_router_add(struct http_router *t, str method, str pattern, struct http_handler *h)
{
    ASSERT(method.n > 0);
    if (!pattern_valid(pattern))
        return ATR_ESYNTAX;
    t->rules = mem_realloc(t->rules, (t->rule_count + 1) * sizeof *t->rules);
    t->rules[t->rule_count++] =
        (struct http_rule){ .method = str_dup(method), .pattern = str_dup(pattern), .handler = h };
    return 0;
}

static void free_mounts(struct http_mount *mounts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(mounts[i].prefix);
    mem_free(mounts);
}

void http_router_free(struct http_router *t)
{
    for (size_t i = 0; i < t->rule_count; i++) {
        mem_free(t->rules[i].method);
        mem_free(t->rules[i].pattern);
    }
    mem_free(t->rules);
    free_mounts(t->mounts, t->mount_count);
    free_mounts(t->fallbacks, t->fallback_count);
    *t = (struct http_router){ 0 };
}
