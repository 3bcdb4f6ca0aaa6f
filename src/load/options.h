/* load/options.h - what a run is asked to do.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum load_protocol { LOAD_WS, LOAD_ENGINE, LOAD_SOCKETIO };

struct load_options {
    const char *scenario; /* echo, broadcast, all, idle, connect */
    enum load_protocol protocol;
    char host[256], path[512];
    uint16_t port;
    uint32_t connections; /* 100 */
    uint32_t size;        /* bytes of payload, 32 */
    uint32_t in_flight;   /* unanswered messages per sender, 1 */
    uint32_t think_ms;    /* between an answer and the next message of an echo, 0 */
    uint32_t stalled;     /* per cent of the connections of a broadcast that do not read, 0 */
    uint32_t warmup_ms;   /* 1000: not counted */
    uint32_t duration_ms; /* 5000 */
    uint32_t pid;         /* of the server; 0: its usage is not read */
    bool secure;          /* wss:// */
    bool json, progress;
};

/* How many connections stall: the last ones, at least one when any are asked for. */
uint32_t load_options_stalled(const struct load_options *o);
/* Fills o from the command line. A sentence in why on failure. */
int load_options_parse(struct load_options *o, int argc, char **argv, char *why) MUST_CHECK;
void load_usage_text(void);
const char *load_protocol_name(enum load_protocol p);

#endif
