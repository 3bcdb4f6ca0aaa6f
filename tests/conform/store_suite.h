/* tests/conform/store_suite.h - what every store must do: what the files of the suite share. Each
 * is a program of its own, linked with a backend (store_nodes.h):
 *
 *   store_calls.c   operations in general: order, closing, deadlines, limits
 *   store_kv.c      keys
 *   store_lease.c   leases, nodes and fences
 *   store_log.c     logs
 *   store_seats.c   rooms and seats
 *   store_crash.c   what outlives whatever holds the data
 *
 * Every test begins with STORES objects on fresh data, s[]. An operation is asked for with
 * ASK(call(..., T)), which is its error; the rest of its answer is then in `got`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFORM_STORE_SUITE_H
#define CONFORM_STORE_SUITE_H

#include "cluster/kv.h"
#include "cluster/lease.h"
#include "cluster/log.h"
#include "cluster/seats.h"
#include "store_nodes.h"
#include "test.h"

enum { STORES = 3, GIVE_UP_MS = 60000 };

extern struct store *s[STORES]; /* NULL: the test has closed it */

/* --- Asking, and waiting for the answer --- */

struct got {
    int times, err;
    struct store_record r;
    uint32_t count;
    struct buf memory; /* r's bytes, then the items' */
};
extern struct got got;

/* Takes an answer; user is a struct got. */
void take(void *user, const struct store_answer *a);
struct store_record item(const struct got *g, uint32_t index);
void turn(void);
/* Until it was answered so many times, and no more. */
void wait_for(const struct got *g, int times);

/* The error of one operation, which is begun with `T`. */
#define T take, &got
#define ASK(call)                                                                                  \
    (got.times = 0, (void)(call), assert_int_equal(got.times, 0), wait_for(&got, 1), got.err)

#define TTL(ms) (&(struct kv_write){ .ttl_ms = (ms) })

/* --- What tests of several files do --- */

extern const struct lease_terms second; /* held for that long */

uint64_t acquire(int i, const char *name, const char *owner); /* for a second; the epoch */
uint64_t join(int i, const char *id);                         /* a node's epoch */
uint64_t append(const char *name, const char *entry, const struct log_terms *t); /* the offset */
int read_from(const char *name, uint64_t generation, uint64_t offset);

/* Nodes "a" on s[0] and "b" on s[1]. */
extern uint64_t nodes_epoch[2];
void join_both(void);
void beat_both(void);
/* A room of type "battle" of node "a". */
int put(const char *id, uint64_t max, str filter, uint64_t flags);
int reserve(enum seat_order order, str filter, uint64_t count);
uint64_t taken(const char *id);

int set_up(void **state);
int tear_down(void **state);

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
