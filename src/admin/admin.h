/* admin/admin.h - the official Admin UI's server side (@socket.io/admin-ui 0.5): a namespace in
 * which administrators see what goes on in a Socket.IO server, and act on it.
 *
 * It stands between the server and the server's owner: it takes the place of the owner's table of
 * callbacks (struct sio_events), looks, and passes everything on. A server without it is as it was.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "base/arena.h"
#include "socketio/server.h"

struct admin;

struct admin_options {
    str namespace_name; /* "/admin" */
    str server_id;      /* the host's name */
    bool auth;          /* username and password are asked for */
    str username;
    const char *password; /* bcrypt hash, terminated */
    bool readonly;        /* administrators look, but do nothing */
    bool development;     /* every socket, room and event; else figures alone */
};

/* Reads the options of instrument() from a JSON object that was checked; texts go to strings. On
 * failure a sentence is in why. */
int admin_options_read(str json, struct arena *strings, struct admin_options *out,
                       char *why) MUST_CHECK;

struct admin_stats {
    uint64_t logins, session_logins;     /* by password; by the session that a login gave */
    uint64_t refused;                    /* wrong credentials */
    uint64_t throttled;                  /* attempts that came too fast to be looked at */
    uint64_t commands, commands_refused; /* refused: read-only, or no sense in it */
    uint64_t dropped;  /* events that an administrator did not take fast enough, and so missed */
    uint64_t resyncs;  /* all sockets sent once more to one who had missed some */
    uint64_t left_out; /* sockets that did not fit into such a list */
};

/* Instruments io, once; options are copied. The namespace is made if it is not there. */
struct admin *admin_open(struct sio_server *io, const struct admin_options *o);
/* After sio_server_fini(). NULL is fine. */
void admin_free(struct admin *a);

/* What is shown as a socket's data: fn gives the text of a JSON object, or nothing; borrowed until
 * the next call. NULL: sockets have none. */
void admin_describe_with(struct admin *a, str (*fn)(void *user, struct sio_socket *s), void *user);

const struct admin_stats *admin_stats(const struct admin *a);
struct sio_namespace *admin_namespace(const struct admin *a);

#endif
