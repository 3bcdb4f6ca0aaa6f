/* super/targets.c - see targets.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/targets.h"

#include "base/mem.h"
#include "proto/json.h"
#include "super/supervisor.h"

void targets_add(struct targets *t, struct instance *i)
{
    for (size_t n = 0; n < t->count; n++)
        if (t->list[n] == i)
            return;
    if (i->removing)
        return;
    t->list = mem_realloc(t->list, (t->count + 1) * sizeof *t->list);
    t->list[t->count++] = i;
}

void targets_add_service(struct targets *t, struct service *s)
{
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next)
        targets_add(t, container_of(at, struct instance, in_service));
}

void targets_free(struct targets *t)
{
    mem_free(t->list);
    *t = (struct targets){ 0 };
}

/* Whether the instance is meant. */
static bool means(const struct instance *i, str name)
{
    uint64_t id;

    if (str_eq(name, STR("all")) || str_eq(name, str_of(service_name(i->service))))
        return true;
    if (str_to_u64(name, UINT32_MAX, &id) == 0)
        return i->id == id;
    return str_eq(name, str_of(spec_text(&i->service->spec, SPEC_KEY_namespace)));
}

static int nobody(struct supervisor *s, str name, char *why)
{
    size_t best = SIZE_MAX;
    const char *nearest = NULL;
    uint64_t id;

    if (str_to_u64(name, UINT32_MAX, &id) == 0)
        return err_why(why, ATR_EUNKNOWN, "there is no process with id %.*s", STR_ARG(name));
    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        const char *known = service_name(container_of(at, struct service, in_supervisor));
        size_t d = str_distance(name, str_of(known));
        if (d < best)
            best = d, nearest = known;
    }
    if (nearest && str_is_near(name, best))
        return err_why(why, ATR_EUNKNOWN,
                       "there is no application called \"%.*s\"; did you mean \"%s\"?",
                       STR_ARG(name), nearest);
    return err_why(why, ATR_EUNKNOWN, "there is no application called \"%.*s\"", STR_ARG(name));
}

static int find_one(struct targets *t, struct supervisor *s, str name, char *why)
{
    bool found = str_eq(name, STR("all"));

    for (struct list *at = s->services.next; at != &s->services; at = at->next) {
        struct service *service = container_of(at, struct service, in_supervisor);

        found |= str_eq(name, str_of(service_name(service)));
        for (struct list *in = service->instances.next; in != &service->instances; in = in->next) {
            struct instance *i = container_of(in, struct instance, in_service);
            if (!means(i, name))
                continue;
            found = true;
            targets_add(t, i);
        }
    }
    return found ? 0 : nobody(s, name, why);
}

int targets_find(struct targets *t, struct supervisor *s, str names, char *why)
{
    struct buf scratch = { 0 };
    struct json_iter it;
    int err = 0;
    str name;

    *t = (struct targets){ 0 };
    json_iter_init(&it, names);
    while (err == 0 && json_iter_next(&it)) {
        buf_clear(&scratch);
        if ((err = json_string(it.value, &scratch, &name)) == 0)
            err = find_one(t, s, name, why);
        else
            (void)err_why(why, err, "a target must be a text");
    }
    buf_free(&scratch);
    if (err < 0)
        targets_free(t);
    return err;
}
