/* tests/unit/http/client.h - a server in this process and raw clients of it, driven by one loop.
 *
 * Nothing waits for the clock: a helper turns the loop until what it wants has happened, and fails
 * the test when that takes too many turns.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "test.h"

#include "http/router.h"
#include "http/server.h"

enum { SITE_TURNS_MAX = 5000 };

struct site {
    struct loop loop;
    struct http_server server;
    struct http_router router;
};

void site_open(struct site *t, const struct http_limits *limits); /* NULL: the defaults */
void site_close(struct site *t); /* and checks that no connection is left */
void site_turns(struct site *t, int n);
/* Turns until the condition holds. */
#define site_until(site, condition)                                                                \
    do {                                                                                           \
        for (int until_turns = 0; until_turns < SITE_TURNS_MAX && !(condition); until_turns++)     \
            site_turns(site, 1);                                                                   \
        assert_true(condition);                                                                    \
    } while (0)

struct client {
    struct site *site;
    int fd;
    struct buf in; /* received and not taken */
    bool ended;    /* the server closed */
    struct http_head head;
    struct buf body, whole; /* of the last response */
};

void client_open(struct client *c, struct site *t);
void client_close(struct client *c);
void client_send(struct client *c, str bytes);
#define client_say(c, literal) client_send(c, STR(literal))
/* Turns until a whole response is there; returns its status. 0: the server closed instead.
 * method: "HEAD" has no body. */
unsigned client_response(struct client *c, const char *method);
unsigned client_get(struct client *c, const char *target, const char *headers);
str client_header(const struct client *c, const char *name);
/* Turns until the server has closed. */
void client_until_ended(struct client *c);

#endif
