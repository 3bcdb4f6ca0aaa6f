/* tests/unit/sticky/workers.h - several workers in one process, each with a loop, a port, an engine
 * and its place on one board; what is asked of one may be answered by another.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_STICKY_WORKERS_H
#define UNIT_STICKY_WORKERS_H

#include "rig.h"
#include "sticky/sticky.h"

enum { WORKERS = 3 };

struct worker {
    struct rig rig;
    struct board board;
    struct peers peers;
    struct sticky sticky;
    bool open;
};
extern struct worker workers[WORKERS];

/* All of them serve, and know each other. */
void workers_open(void);
void workers_close(void); /* and checks that nothing is left */
void worker_close(int i);
/* Turns all of them until nothing is under way. */
void workers_settle(void);
void worker_state(int i, enum board_state state);
void worker_port(int i, uint32_t port); /* as the board has it; 0 at first */
uint64_t worker_sessions(int i);

/* A session of that worker, whoever has to be asked for it. */
const char *session_of(int i);

int workers_setup(void **state);
int workers_teardown(void **state);
#define WORKERS_TEST(f) cmocka_unit_test_setup_teardown(f, workers_setup, workers_teardown)

#endif
