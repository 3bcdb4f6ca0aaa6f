/* cluster/bus.h - what nodes tell each other: the interface that buses implement (src/bus) and that
 * the layers above use.
 *
 * A note goes to all other nodes of the application, or to one. It has a head, by which a node
 * tells whether the note concerns it, and a body, which nobody looks at who does not want it.
 *
 * Order: every node gets the notes of one node in the order they were published. A bus that is
 * *ordered* has one order for all nodes, its own notes included: bus_publish() first lets the node
 * see whatever precedes, so that who then acts on its own note acts in that order.
 *
 * Callbacks of a bus run in the loop's inbox phase, when something was told, and inside
 * bus_publish() and bus_catch_up(). So they must not publish, nor run application code: they queue
 * output, or put the rest off to a job.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_BUS_H
#define CLUSTER_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/msg.h"
#include "base/str.h"

enum {
    BUS_TO_ALL = 0xffff,
    BUS_NODES_MAX = 0xffff,
    BUS_HEAD_MAX = 16 * 1024,
    BUS_TOLD_MAX = 32 << 20
};

/* A node for ever: a number that is used again, and a count of its uses. */
struct bus_node {
    uint16_t number;
    uint32_t generation;
};

/* What a kind means is the owners' affair: each has a range of its own. */
enum bus_kinds {
    BUS_KIND_REQUEST = 0x0100, /* cluster/request.h */
    BUS_KIND_SOCKETIO = 0x0200,
    BUS_KIND_ROOMS = 0x0300,
    BUS_KIND_HANDOVER = 0x0400
};

/* To be published. */
struct bus_note {
    uint16_t kind, to; /* to: a node's number, or BUS_TO_ALL */
    str head;          /* of more than BUS_HEAD_MAX bytes the note is too large */
    const str *parts;  /* of the body */
    size_t part_count;
    /* When not NULL: writes the note's number into its body, at that byte of it, before anybody
     * can see the note. Only of buses that have a history. */
    void (*stamp)(uint8_t *at, uint64_t number);
    size_t stamp_at;
};

/* As it arrives; valid in the callback. */
struct bus_message {
    uint64_t number;  /* in the bus's order, from 1; 0: the bus numbers nothing */
    uint64_t time_ms; /* CLOCK_MONOTONIC, when it was published; 0: the bus does not say */
    uint16_t kind, from;
    str head;
    size_t body_bytes;
};

struct bus_events {
    /* A note of another node: whether its body is wanted. */
    bool (*on_head)(void *user, const struct bus_message *m);
    /* A note whose body was wanted; body is borrowed (its `head` and `binary` are 0). */
    void (*on_message)(void *user, const struct bus_message *m, struct msg *body);
    /* Notes that were lost to this node because it was too slow. */
    void (*on_missed)(void *user, uint64_t count);
    /* A node came, or has gone: left, or died. */
    void (*on_node)(void *user, struct bus_node node, bool here);
};

struct bus {
    const struct bus_ops *ops;
    const struct bus_events *events;
    void *user;
};

struct bus_ops { /* every slot is filled; no slot may block */
    const char *name;
    /* Returns 0 with the note's number (0: none), ATR_ELIMIT when it is too large, ATR_ECLOSED, or
     * what the bus says. */
    int (*publish)(struct bus *b, const struct bus_note *n, uint64_t *number);
    /* Sends a note to one node beside the order and the history, for what is large: there it is a
     * note like any, of number 0. Those that are told come in their order. Returns 0; ATR_ELIMIT
     * when there is on its way to that node as much as may be, or the note has more than
     * BUS_TOLD_MAX bytes; ATR_ECLOSED when it cannot be reached. */
    int (*tell)(struct bus *b, const struct bus_note *n);
    struct bus_node (*self)(const struct bus *b);
    /* Calls fn for each other node that is here; fn returns false to stop. */
    void (*nodes)(const struct bus *b, bool (*fn)(void *arg, struct bus_node node), void *arg);
    /* Lets the node see all that was published so far, as publishing does, and returns the number
     * up to which it has; 0 without a history. */
    uint64_t (*catch_up)(struct bus *b);
    /* Names the numbers of this bus, so that they are not taken for those of another; 0: the bus
     * keeps no history. */
    uint64_t (*epoch)(const struct bus *b);
    /* The oldest and the latest number of the history; of none, 1 and 0. */
    void (*range)(const struct bus *b, uint64_t *first, uint64_t *last);
    /* Reads the note of that number, of whatever node, its head through `want`. Returns whether it
     * was (still) there. on_body may be told nothing, when it was not wanted. */
    bool (*read)(struct bus *b, uint64_t number,
                 bool (*want)(void *arg, const struct bus_message *m),
                 void (*on_body)(void *arg, const struct bus_message *m, struct msg *body),
                 void *arg);
    void (*close)(struct bus *b);
};

MUST_CHECK static inline int bus_publish(struct bus *b, const struct bus_note *n, uint64_t *number)
{
    return b->ops->publish(b, n, number);
}
MUST_CHECK static inline int bus_tell(struct bus *b, const struct bus_note *n)
{
    return b->ops->tell(b, n);
}
static inline uint64_t bus_catch_up(struct bus *b)
{
    return b->ops->catch_up(b);
}
static inline struct bus_node bus_self(const struct bus *b)
{
    return b->ops->self(b);
}
static inline bool bus_same_node(struct bus_node a, struct bus_node b)
{
    return a.number == b.number && a.generation == b.generation;
}

#endif
