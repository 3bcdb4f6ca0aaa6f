/* hub/hub.h - groups of members and fan-out over them: the rooms of one namespace.
 *
 * Membership is arrays on both sides with back-indices: finding one's place takes the shorter of
 * the two, the rest of joining and leaving is O(1); a fan-out walks memory in order and allocates
 * nothing. A group exists while it has members.
 *
 * A fan-out's callback may queue output but not change membership: collect first when you must.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/map.h"
#include "base/str.h"

#define HUB_NOWHERE UINT32_MAX

struct hub_group;

struct hub_member_group {
    struct hub_group *group;
    uint32_t at; /* my index in the group's members */
};

/* Embedded in whatever is grouped. */
struct hub_member {
    struct hub_member_group *groups; /* NULL while in none */
    uint32_t group_count, group_cap;
    uint32_t at;   /* my index in hub->members; HUB_NOWHERE while in no hub */
    uint32_t mark; /* the last fan-out that saw me */
};

struct hub_group_member {
    struct hub_member *member;
    uint32_t at; /* index in the member's groups */
};

struct hub_group {
    struct hub_group_member *members;
    uint32_t count, cap;
    uint32_t name_len;
    char name[];
};

/* Told about the life of groups, when the change is done; any may be NULL. They may change
 * membership themselves. */
struct hub_events {
    void (*on_create)(void *user, str group);
    void (*on_delete)(void *user, str group);
    void (*on_join)(void *user, str group, struct hub_member *m);
    void (*on_leave)(void *user, str group, struct hub_member *m);
};

struct hub {
    struct hub_member **members; /* everyone who entered */
    uint32_t count, cap;
    uint32_t mark;     /* of the latest fan-out that had to mark */
    uint32_t walking;  /* fan-outs on the stack: membership must not change */
    struct map groups; /* name to struct hub_group */
    /* A member that answers to a name of its own (its id) as if it were in a group of that name;
     * NULL: nobody. */
    struct hub_member *(*named)(void *user, str name);
    struct hub_events events;
    void *user;
};

/* named may be NULL. */
void hub_init(struct hub *h, struct hub_member *(*named)(void *user, str name), void *user);
void hub_fini(struct hub *h); /* arrays; members must have left */

void hub_member_init(struct hub_member *m); /* before anything else */
/* Becomes one of everyone. Groups may be joined before. */
void hub_enter(struct hub *h, struct hub_member *m);
void hub_exit(struct hub *h, struct hub_member *m); /* leaves every group too; safe twice */
/* 1 when it joined (or left), 0 when it was in (or was not) already. */
int hub_join(struct hub *h, struct hub_member *m, str group);
int hub_leave(struct hub *h, struct hub_member *m, str group);
/* In the group itself: names of its own do not count. */
bool hub_in(const struct hub *h, const struct hub_member *m, str group);
struct hub_group *hub_group(const struct hub *h, str name); /* NULL: no such group */
static inline str hub_group_name(const struct hub_group *g)
{
    return (str){ g->name, g->name_len };
}

struct hub_target {
    const str *groups; /* none: everyone */
    size_t group_count;
    const str *except;
    size_t except_count;
    struct hub_member *sender; /* left out as well; may be NULL */
};

/* Calls fn once for each member in any of the target's groups and in none of its exceptions; both
 * may also name members by names of their own. Returns how many. fn must not change membership, nor
 * start a fan-out of the same hub. */
uint32_t hub_each(struct hub *h, const struct hub_target *t,
                  void (*fn)(void *arg, struct hub_member *m), void *arg);

#endif
