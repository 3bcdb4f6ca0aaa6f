/* hub/hub.h - groups of members and fan-out over them: the rooms of one namespace.
 *
 * Membership is arrays on both sides with back-indices: joining and leaving are O(1), a fan-out walks
 * memory in order and allocates nothing. A group exists while it has members.
 *
 * A fan-out's callback may queue output but not change membership: collect first when you must.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/map.h"
#include "base/str.h"

struct hub_group;

struct hub_member_group {
    struct hub_group *group;
    uint32_t at; /* my index in the group's members */
};

/* Embedded in whatever is grouped. */
struct hub_member {
    struct hub_member_group *groups; /* NULL while in none */
    uint32_t group_count, group_cap;
    uint32_t at;                     /* my index in hub->members; UINT32_MAX while in no hub */
    uint32_t mark;                   /* the last fan-out that saw me */
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

/* Told about the life of groups; any may be NULL. */
struct hub_events {
    void (*on_create)(void *user, str group);
    void (*on_delete)(void *user, str group);
    void (*on_join)(void *user, str group, struct hub_member *m);
    void (*on_leave)(void *user, str group, struct hub_member *m);
};

struct hub {
    struct hub_member **members; /* everyone */
    uint32_t count, cap, mark;
    struct map groups;           /* name to struct hub_group */
    /* A member that answers to a name of its own (its id) as if it were alone in a group of that
     * name; NULL: nobody. */
    struct hub_member *(*named)(void *user, str name);
    struct hub_events events;
    void *user;
};

void hub_init(struct hub *h, struct hub_member *(*named)(void *user, str name), void *user);
void hub_fini(struct hub *h); /* groups and arrays; members must have left */

void hub_enter(struct hub *h, struct hub_member *m);  /* m zeroed before the first time */
void hub_exit(struct hub *h, struct hub_member *m);   /* leaves every group too; safe twice */
/* 1 when it joined, 0 when it was in already. */
int hub_join(struct hub *h, struct hub_member *m, str group);
int hub_leave(struct hub *h, struct hub_member *m, str group);
bool hub_in(const struct hub *h, const struct hub_member *m, str group);
struct hub_group *hub_group(const struct hub *h, str name); /* NULL: no such group */
static inline str hub_group_name(const struct hub_group *g)
{
    return (str){ g->name, g->name_len };
}

struct hub_target {
    const str *groups;  /* none: everyone */
    size_t group_count;
    const str *except;
    size_t except_count;
    struct hub_member *sender; /* left out as well; may be NULL */
};

/* Calls fn once for each member in any of the target's groups and in none of its exceptions. Returns
 * how many. */
uint32_t hub_each(struct hub *h, const struct hub_target *t, void (*fn)(void *arg, struct hub_member *m), void *arg);

#endif
