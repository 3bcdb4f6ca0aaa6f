/* tests/unit/script/rig.h - a script in a real application, with raw WebSocket clients, all on one
 * thread: the test turns the loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_RIG_H
#define SCRIPT_RIG_H

#include "test.h"

#include <sys/types.h>

#include "atrium/atrium.h"
#include "script/script.h"
#include "script/state.h"

struct rig {
    atr_app *app;
    struct script *script;
    uint16_t port; /* 0: nobody has connected yet */
    char folder[64], path[96];
    char why[ATR_WHY_BYTES];
};

/* Writes the source to a file and runs it. The result is script_open()'s. */
int rig_try(struct rig *r, const char *source);
/* The same; the script must start. */
void rig_open(struct rig *r, const char *source);
void rig_close(struct rig *r);
void rig_turn(struct rig *r);

/* A plain connection; and what has come to it: bytes, 0 at the end, -1 when nothing is there. */
int rig_connect(struct rig *r);
ssize_t rig_receive(int fd, void *out, size_t size);
/* A client of the main namespace that has connected ("40" with auth behind it, and its answer). */
int rig_client(struct rig *r, const char *auth);
/* A client of an Engine.IO path whose open packet was read. */
int rig_engine_client(struct rig *r, const char *path);
void rig_send(int fd, const char *packet);
void rig_send_binary(int fd, str bytes);
/* The next frame's payload must be this. */
void rig_expect(struct rig *r, int fd, const char *packet);
/* Reads the next frame; its payload is terminated. Returns its length. */
size_t rig_frame(struct rig *r, int fd, char *out, size_t size);
/* Nothing is there to be read after a few turns. */
void rig_expect_silence(struct rig *r, int fd);

/* Handler errors are logged: keeps the lines of one test off the screen, and the last one at hand.
 */
void rig_catch_log(void);
const char *rig_log(void); /* all lines since the last call */

#endif
