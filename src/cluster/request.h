/* cluster/request.h - questions between nodes, and their answers.
 *
 * A question goes to one node or to all others. It ends exactly once: when everybody asked has
 * answered, when the time is over, or when those who have not answered are gone; then it says who
 * is missing, and what came before stays valid. Nobody waits for a node that has died.
 *
 * Small answers go in the bus's order. Larger ones are told beside it, if need be in parts, so that
 * they are no burden to others; who asked gets what came of one that is not finished in time.
 *
 * Questions that come in are answered from a job of the loop, in their order, so answering may run
 * application code, and may take its time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_REQUEST_H
#define CLUSTER_REQUEST_H

#include "base/id.h"
#include "base/list.h"
#include "cluster/bus.h"
#include "net/loop.h"

/* Who is to be answered: may be kept. */
struct request_from {
    struct bus_node node;
    uint64_t id;
};

struct request_handler {
    /* A question of kind `what`. Must lead to one request_answer() at most; none at all makes the
     * asker wait for its whole time. */
    void (*on_question)(void *user, uint16_t what, struct request_from from, str question);
    /* Whether such questions are given within the bus's callback, where they stand in its order: as
     * there, nothing may be published then nor application code run, but request_answer() may be
     * called. Others come from a job. NULL: all do. */
    bool (*at_once)(void *user, uint16_t what);
};

/* Answers come one by one, one in parts part by part; then the end: err 0, ATR_ETIMEOUT or
 * ATR_ECLOSED (somebody has gone meanwhile, or had more to answer than the bus takes), and how many
 * of those asked have not answered. Neither runs inside the call that asked. */
struct request_events {
    void (*on_answer)(void *user, struct bus_node from, str answer); /* may be NULL */
    void (*on_end)(void *user, int err, uint32_t missing);
};

struct requests {
    struct bus *bus;
    struct loop *loop;
    const struct request_handler *handler;
    void *user;
    struct id_table open; /* of struct request */
    struct list asked;    /* all of open */
    struct list inbox;    /* of what came and waits for the job */
    struct list outbox;   /* answers that wait for it: they were given within the bus's callback */
    bool delivering;      /* inside of that */
    struct loop_job job;
    struct {
        uint64_t asked, answered, answers, timeouts, partial;
        uint64_t unsent; /* answers that the bus did not take */
    } stats;
};

void requests_init(struct requests *q, struct bus *bus, struct loop *loop,
                   const struct request_handler *handler, void *user);
void requests_fini(struct requests *q); /* open ones end with ATR_ECLOSED, before it returns */
/* Ends those about `first` and the count - 1 kinds behind it in the same way: who asked goes. */
void requests_drop(struct requests *q, uint16_t first, uint16_t count);

/* Asks `to`, a node's number, or everybody else with BUS_TO_ALL. The question is copied. Returns 0,
 * and then on_end is called once; or what the bus says. Nobody there: it ends at once (from the
 * loop), with err 0. */
int request_ask(struct requests *q, uint16_t to, uint16_t what, str question, uint32_t timeout_ms,
                const struct request_events *events, void *user) MUST_CHECK;
/* Answers. One who is gone is not told. 0, also when the answer has to wait, or what the bus says:
 * the asker then learns that this node has not answered. */
int request_answer(struct requests *q, struct request_from to, str answer);
/* Answers in parts, of which the asker is told one by one; `last` ends the answer. 0; ATR_ELIMIT:
 * not now, the same part is to be tried again later; or why it will not be: then it is declined. */
int request_answer_part(struct requests *q, struct request_from to, str part, bool last) MUST_CHECK;
/* The asker learns that this node has not answered, or not to the end. */
void request_decline(struct requests *q, struct request_from to);

/* For the owner of the bus, who passes on what is of BUS_KIND_REQUEST..+1. */
static inline bool requests_kind(uint16_t kind)
{
    return kind == BUS_KIND_REQUEST || kind == BUS_KIND_REQUEST + 1;
}
bool requests_on_head(struct requests *q, const struct bus_message *m);
void requests_on_message(struct requests *q, const struct bus_message *m, struct msg *body);
void requests_on_node(struct requests *q, struct bus_node node, bool here);

#endif
