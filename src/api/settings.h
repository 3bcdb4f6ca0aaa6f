/* api/settings.h - every setting once: name, kind, default, range, help; and the values in force.
 *
 * The table below is the only place that names a setting: the parser, the range checks, `atrium
 * config`, command-line flags, environment variables and docs/settings.md all come from it. Values
 * are kept as the JSON they were given as, numbers and truth values decoded beside it; settings
 * with a shape of their own (cors, cookie, ...) are decoded by shapes.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_SETTINGS_H
#define API_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "atrium/app.h"
#include "base/str.h"

enum setting_kind {
    SETTING_COUNT, /* an integer within [min, max] */
    SETTING_BOOL,
    SETTING_TEXT,
    SETTING_SHAPE /* see shapes.h */
};

/* Who may set it: an option of Engine.IO applies to bare engines too. */
enum setting_scope { SETTING_APP, SETTING_IO, SETTING_ENGINE };

/* clang-format off */
/*    name                          kind   scope   default                        min  max         help */
#define SETTINGS(X)                                                                                                     \
    X(host,                         TEXT,  APP,    "\"\"",                        0,   0,          "address to listen on; empty: all addresses, IPv4 and IPv6") \
    X(port,                         COUNT, APP,    "3000",                        0,   65535,      "TCP port; 0 picks a free one") \
    X(logLevel,                     TEXT,  APP,    "\"info\"",                    0,   0,          "least level that is logged: debug, info, warn or error") \
    X(logFormat,                    TEXT,  APP,    "\"text\"",                    0,   0,          "form of a line of the log: text or json") \
    X(slowHandler,                  COUNT, APP,    "1000",                        0,   3600000,    "ms of work at one go after which a warning is logged: a handler that computes or loops holds up everybody; 0: never") \
    X(ioUring,                      BOOL,  APP,    "true",                        0,   0,          "write to many connections by one system call, where the kernel has io_uring and allows it") \
    X(handoverTimeout,              COUNT, APP,    "10000",                       0,   3600000,    "ms for the connections of a worker that is replaced to move to the next, and as long again for what it still has to do for them") \
    X(shutdownTimeout,              COUNT, APP,    "5000",                        0,   3600000,    "ms that connections get to finish after SIGTERM or SIGINT") \
    X(loadBalancing,                TEXT,  APP,    "\"least-connection\"",      0,   0,          "which of several workers a new session begins in: least-connection, round-robin or random") \
    X(store,                        TEXT,  APP,    "\"auto\"",                    0,   0,          "where the application's store is: memory (in the process), centre (in a process that all share, and its file), or auto: the centre under the supervisor, else memory") \
    X(storeName,                    TEXT,  APP,    "\"\"",                        0,   0,          "what the application's data are kept under in the centre; empty: the application's name") \
    X(maxConnections,               COUNT, APP,    "0",                           0,   100000000,  "open TCP connections; further ones get 503; 0: no limit") \
    X(rateLimit,                    SHAPE, APP,    "false",                       0,   0,          "what one connection may send per second: messages, bytes; burst: seconds' worth at once (5); beyond it the connection is closed (1008, 429); false: no limit") \
    X(addressRateLimit,             SHAPE, APP,    "false",                       0,   0,          "the same for all connections of one address (an IPv6 /64): messages, bytes, and connects: TCP connections, and handshakes, per second; further ones get 429") \
    X(trustProxy,                   SHAPE, APP,    "[]",                          0,   0,          "addresses, and ranges such as 10.0.0.0/8, of proxies whose X-Forwarded-For is believed: a list, or a text with commas") \
    X(maxHeaderSize,                COUNT, APP,    "16384",                       256, 1048576,    "bytes of an HTTP request's head; larger ones get 431") \
    X(maxBodySize,                  COUNT, APP,    "1048576",                     0,   1073741824, "bytes of an HTTP request's body for routes; larger ones get 413") \
    X(headersTimeout,               COUNT, APP,    "10000",                       10,  3600000,    "ms for a whole request head to arrive") \
    X(requestTimeout,               COUNT, APP,    "60000",                       10,  3600000,    "ms for a whole request body to arrive") \
    X(writeTimeout,                 COUNT, APP,    "30000",                       10,  3600000,    "ms without a client taking any byte of an HTTP answer") \
    X(keepAliveTimeout,             COUNT, APP,    "75000",                       10,  3600000,    "ms that a connection may idle between requests") \
    X(tlsCert,                      TEXT,  APP,    "\"\"",                        0,   0,          "PEM file of the server's certificate and those that lead to its root; empty: no TLS") \
    X(tlsKey,                       TEXT,  APP,    "\"\"",                        0,   0,          "PEM file of its key; empty: it is in the certificate's file") \
    X(tlsPort,                      COUNT, APP,    "0",                           0,   65535,      "port for https and wss beside the plain one; 0: port itself speaks TLS") \
    X(tlsSni,                       SHAPE, APP,    "{}",                          0,   0,          "further certificates by host name: {\"chat.example\": {\"cert\": file, \"key\": file}}; \"*.example\" covers one label") \
    X(tlsMinVersion,                SHAPE, APP,    "\"1.2\"",                     0,   0,          "oldest version of TLS that is spoken: 1.2 or 1.3") \
    X(tlsClientCert,                TEXT,  APP,    "\"none\"",                    0,   0,          "certificates of clients: none, request (shown to the application) or require") \
    X(tlsCa,                        TEXT,  APP,    "\"\"",                        0,   0,          "PEM file of the authorities of clients' certificates; empty: the system's") \
    X(tlsHandshakeTimeout,          COUNT, APP,    "10000",                       10,  3600000,    "ms that a TLS handshake may take") \
    X(tlsLinger,                    COUNT, APP,    "60000",                       0,   86400000,   "ms that a server which hands its clients over still relays those that speak TLS, whose connections cannot move; then they are closed with 1001, in turn") \
    X(tlsReloadInterval,            COUNT, APP,    "5000",                        0,   86400000,   "ms between looks whether a certificate's file has changed; 0: only on SIGHUP") \
    X(metrics,                      TEXT,  APP,    "\"/metrics\"",                0,   0,          "URL path of the metrics in Prometheus's text format; empty: not served") \
    X(metricsPort,                  COUNT, APP,    "0",                           0,   65535,      "port of its own for the metrics; 0: the main port") \
    X(serveClient,                  BOOL,  IO,     "true",                        0,   0,          "serve the browser client under path: socket.io.js, socket.io.min.js, socket.io.msgpack.min.js, ...") \
    X(parser,                       TEXT,  IO,     "\"auto\"",                    0,   0,          "wire of packets: default, msgpack (of socket.io-msgpack-parser), or auto: each connection as its first message is") \
    X(connectTimeout,               COUNT, IO,     "45000",                       1,   3600000,    "ms until a connection that joined no namespace is closed") \
    X(maxAttachments,               COUNT, IO,     "10",                          0,   65535,      "binary attachments of one packet from a client") \
    X(maxJsonDepth,                 COUNT, IO,     "256",                         1,   256,        "nesting of arrays and objects in a packet from a client") \
    X(maxRooms,                     COUNT, IO,     "0",                           0,   100000000,  "rooms that one socket may be in; 0: no limit") \
    X(maxNamespaces,                COUNT, IO,     "64",                          1,   100000000,  "namespaces that one connection may join") \
    X(cleanupEmptyChildNamespaces,  BOOL,  IO,     "false",                       0,   0,          "remove a dynamic namespace when its last socket has left") \
    X(connectionStateRecovery,      SHAPE, IO,     "false",                       0,   0,          "who lost the connection comes back with id, rooms, data and what was missed: true, or maxDisconnectionDuration, skipMiddlewares, maxBuffered (bytes per namespace)") \
    X(admin,                        SHAPE, IO,     "false",                       0,   0,          "the Admin UI's namespace, from the start: auth (false, or type \"basic\", username, password: a bcrypt hash), namespaceName (\"/admin\"), mode (\"development\" or \"production\"), readonly, serverId") \
    X(path,                         TEXT,  ENGINE, "\"/socket.io\"",              0,   0,          "URL path of the server") \
    X(addTrailingSlash,             BOOL,  ENGINE, "true",                        0,   0,          "the path ends in a slash") \
    X(pingInterval,                 COUNT, ENGINE, "25000",                       10,  86400000,   "ms between a pong and the next ping") \
    X(pingTimeout,                  COUNT, ENGINE, "20000",                       10,  86400000,   "ms that a pong may take") \
    X(upgradeTimeout,               COUNT, ENGINE, "10000",                       10,  3600000,    "ms that an upgrade to WebSocket may take") \
    X(maxHttpBufferSize,            COUNT, ENGINE, "1000000",                     1,   1073741824, "bytes of one incoming message; larger ones get 413 or close 1009") \
    X(maxBufferedBytes,             COUNT, ENGINE, "16777216",                    1024, 4294967295, "bytes of output queued for one connection; overflow says what happens beyond it") \
    X(overflow,                     SHAPE, ENGINE, "\"disconnect\"",              0,   0,          "what becomes of output that does not fit into maxBufferedBytes: disconnect (the connection is closed), drop (what is new), dropOldest, keepLatest (of each event's name), or block (who sends waits)") \
    X(highWaterMark,                COUNT, ENGINE, "65536",                       1,   4294967295, "queued bytes from which a connection counts as backed up, until nothing is queued: policies that drop begin there, senders under block wait; at most half of maxBufferedBytes") \
    X(blockTimeout,                 COUNT, ENGINE, "10000",                       1,   3600000,    "ms that a sender waits for connections that are backed up, under overflow block") \
    X(maxSessions,                  COUNT, ENGINE, "0",                           0,   100000000,  "sessions at once; further handshakes get 503; 0: no limit") \
    X(transports,                   SHAPE, ENGINE, "[\"polling\",\"websocket\"]", 0,   0,          "transports that clients may use") \
    X(allowUpgrades,                BOOL,  ENGINE, "true",                        0,   0,          "polling sessions may upgrade to WebSocket") \
    X(allowEIO3,                    BOOL,  ENGINE, "false",                       0,   0,          "serve clients of Socket.IO 2 too, which speak Engine.IO 3") \
    X(initialPacket,                TEXT,  ENGINE, "\"\"",                        0,   0,          "text message that is sent with the handshake; empty: none") \
    X(httpCompression,              SHAPE, ENGINE, "{\"threshold\":1024}",        0,   0,          "gzip or deflate for polling answers of at least threshold bytes; false: off") \
    X(perMessageDeflate,            SHAPE, ENGINE, "false",                       0,   0,          "compression of WebSocket messages: true, or threshold (1024), serverNoContextTakeover (true), clientNoContextTakeover (false), serverMaxWindowBits (15), clientMaxWindowBits (15), level (6), memLevel (8)") \
    X(cors,                         SHAPE, ENGINE, "false",                       0,   0,          "cross-origin answers: origin, methods, allowedHeaders, exposedHeaders, credentials, maxAge") \
    X(cookie,                       SHAPE, ENGINE, "false",                       0,   0,          "session cookie of the polling handshake: true, a name, or name, path, domain, httpOnly, secure, sameSite, maxAge")
/* clang-format on */

enum setting_name {
#define X(name, kind, scope, dflt, min, max, help) SET_##name,
    SETTINGS(X)
#undef X
        SETTINGS_COUNT
};

struct setting_value {
    char *json; /* NULL: the default */
    int64_t number;
    atr_source source;
};

struct settings {
    struct setting_value values[SETTINGS_COUNT];
};

void settings_init(struct settings *s);
void settings_fini(struct settings *s);

/* Returns 1 when the value is in force now, 0 when one of higher rank stays, or a negative code.
 * Names below `least` are unknown: SETTING_ENGINE for a bare engine. */
int settings_set(struct settings *s, enum setting_scope least, str name, str json,
                 atr_source source, char *why);

const char *settings_name(enum setting_name n);
const char *settings_help(enum setting_name n);
enum setting_kind settings_kind(enum setting_name n);
void settings_range(enum setting_name n, int64_t *min, int64_t *max); /* of a count */
str settings_json(const struct settings *s, enum setting_name n);
int64_t settings_number(const struct settings *s, enum setting_name n);
/* A text setting, terminated; valid until it is set again. */
const char *settings_text(struct settings *s, enum setting_name n, char *out, size_t size);

#endif
