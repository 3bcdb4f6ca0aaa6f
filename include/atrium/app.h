/* atrium/app.h - an application: its life, settings, loop, timers and log.
 *
 * A program creates an application, registers what it serves, listens and runs:
 *
 *     int err;
 *     atr_app *app = atr_app_new(&err);
 *     ... atr_namespace_on(...), atr_http_route(...) ...
 *     atr_app_listen(app, NULL, 3000, why);
 *     atr_app_run(app);
 *     atr_app_free(app);
 *
 * A shared object for `atrium run app.so` is given one that is created, run and freed for it: see
 * atr_main().
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_APP_H
#define ATRIUM_APP_H

#include "atrium/json.h"
#include "atrium/types.h"

/* Marks what a shared object exports to the program: see atr_main(). */
#define ATR_EXPORT ATR_API

#ifdef __cplusplus
extern "C" {
#endif

/* --- Versions. The macros are those of the header, the function that of the library. --- */
#define ATR_VERSION       "0.1.0"
#define ATR_VERSION_MAJOR 0
#define ATR_VERSION_MINOR 1
#define ATR_VERSION_PATCH 0

/* Counts the breaks of binary compatibility. What was compiled under one number runs with every
 * library of that number that is at least as new. It is also the number in the soname. */
#define ATR_ABI 0

ATR_API const char *atr_version(void); /* "MAJOR.MINOR.PATCH", for ever valid */

/* Of any code a function returned: its name ("ATR_ECLOSED", "EPIPE") and a text for people. Never
 * NULL, for ever valid. */
ATR_API const char *atr_error_name(int code);
ATR_API const char *atr_error_text(int code);

/* --- Life --- */
/* Creates an application with nothing listening yet. On failure returns NULL and puts a negated
 * errno in *err (err may be NULL). The caller frees it with atr_app_free(). */
ATR_API atr_app *atr_app_new(int *err);

/* Closes every connection without ceremony, runs their callbacks, then frees app and all that
 * belongs to it: namespaces, sockets, engines, endpoints, timers, databases. NULL is fine. Not from
 * a callback of app. */
ATR_API void atr_app_free(atr_app *app);

/* Calls fn(user) as the last act of atr_app_free(), when no other callback can come any more: the
 * place to free what callbacks used. Replaces the one before; NULL removes it. fn must not use app.
 */
ATR_API void atr_app_on_free(atr_app *app, void (*fn)(void *user), void *user);

/* --- Settings. Names are those of docs/settings.md ("pingInterval", "cors", ...); values are JSON.
 * Each value remembers where it came from, and one of lower rank never replaces one of higher:
 * default < script < file < environment < flag. A C application's own values are ATR_SCRIPT. --- */
typedef enum atr_source { ATR_DEFAULT, ATR_SCRIPT, ATR_FILE, ATR_ENVIRONMENT, ATR_FLAG } atr_source;

/* Sets a setting, also while running. Returns 0, also when a value of higher rank stays in force;
 * or ATR_EUNKNOWN (why names the nearest setting), ATR_ETYPE, ATR_ERANGE; ATR_ESYNTAX,
 * ATR_EENCODING or ATR_ELIMIT when json is not valid JSON. The text is copied. */
ATR_API int atr_app_set(atr_app *app, atr_str name, atr_str json, atr_source source, char *why);

/* Calls fn for each setting: json is the value in force, help one line of text. */
ATR_API void atr_app_settings(atr_app *app,
                              void (*fn)(void *user, const char *name, atr_str json,
                                         atr_source source, const char *help),
                              void *user);

/* --- Listening --- */
/* Listens for HTTP, Engine.IO, Socket.IO and WebSocket on one port. host NULL: all addresses; port
 * 0: any free one. The arguments decide, not the settings "host" and "port". Returns the port, or a
 * negative code with the reason in why: ATR_ESTATE when it listens already, a negated errno such as
 * -EADDRINUSE. With the setting "tlsCert" the port speaks TLS; with "tlsPort" as well, that port
 * does, and this one is plain. */
ATR_API int atr_app_listen(atr_app *app, const char *host, uint16_t port, char *why);

/* The port atr_app_listen() returned; 0: not listening. */
ATR_API int atr_app_port(const atr_app *app);
/* The port that speaks TLS; 0: none does. */
ATR_API int atr_app_tls_port(const atr_app *app);
/* What to put into a browser: "http://localhost:3000". Valid as long as app; "" until listening. */
ATR_API const char *atr_app_url(const atr_app *app);
/* Calls fn(user) once the application listens, in the next turn of the loop; at once in that turn
 * when it does already. Replaces the one before; NULL removes it. */
ATR_API void atr_app_on_listening(atr_app *app, void (*fn)(void *user), void *user);

/* Reads the certificates again, under the tls settings of now. Handshakes that begin later use
 * them; connections stay. On failure (reason in why) all stays as it was. ATR_ESTATE when the
 * application does not listen with TLS. Files that change are noticed by themselves, see
 * "tlsReloadInterval". */
ATR_API int atr_app_reload_tls(atr_app *app, char *why);

/* --- Running --- */
/* Turns the loop until atr_app_stop() or the end of atr_app_close(). Returns 0, or a negated errno
 * when waiting failed. May be called again. Not from a callback of app. */
ATR_API int atr_app_run(atr_app *app);

/* Lets atr_app_run() return after the turn under way, or at once when it is called next. From a
 * signal handler or another thread use atr_app_handle_signals() or atr_app_post(). */
ATR_API void atr_app_stop(atr_app *app);

/* Says that the application is ready to serve: for a supervisor that waits for it (wait_ready in
 * docs/supervisor.md). Without one, and from the second time on, it does nothing. */
ATR_API void atr_app_ready(atr_app *app);

/* Closes listeners and connections in good order (clients are told, and reconnect elsewhere), then
 * stops as by atr_app_stop(); at the latest after grace_ms. A second call changes nothing. */
ATR_API void atr_app_close(atr_app *app, uint32_t grace_ms);
/* Whether atr_app_close() or atr_app_free() has begun. */
ATR_API int atr_app_closing(const atr_app *app);

/* --- Reloads. Under a supervisor, clients of a process that is replaced go on in the one that
 * takes its place (docs/cluster.md). --- */
/* What the application keeps in memory may go along. save is asked in the old process before any
 * client moves: it writes one JSON value, or nothing. restore gets it in the new one before the
 * first of them comes; it is not called when nothing was saved. Each returns 0 or a negative code,
 * which is logged and stops nothing. Replaces those before; NULL: none. */
ATR_API void atr_app_on_handover(atr_app *app, int (*save)(void *user, atr_writer *w),
                                 int (*restore)(void *user, atr_str json), void *user);
/* Asked in the old process, when its clients have moved: how many handlers still run for them. It
 * ends when there are none, or after a while. Replaces the one before; NULL: none. */
ATR_API void atr_app_on_busy(atr_app *app, size_t (*fn)(void *user), void *user);

/* Handles SIGTERM and SIGINT as `atrium run` does: the first closes with the grace of the setting
 * "shutdownTimeout", the second stops at once; with TLS, SIGHUP reads the certificates again. The
 * signals are blocked in the calling thread, so call it before other threads are started. Ends with
 * atr_app_free(). Returns 0, also when called again, or a negated errno. */
ATR_API int atr_app_handle_signals(atr_app *app);

/* The one function for other threads: calls fn(user) on the application's thread, in its next turn,
 * in the order of the posts of each thread. What is still posted when app is freed is called by
 * atr_app_free(); no thread may post from then on. */
ATR_API void atr_app_post(atr_app *app, void (*fn)(void *user), void *user);

/* --- In a foreign loop, instead of atr_app_run(): poll the descriptor for reading
 * (level-triggered; it stays the same as long as app lives, and must not be closed), and turn when
 * it is ready or when the timeout has passed. Ask for the timeout anew before each wait: it is 0
 * when calls from outside of a turn have left output to be sent. --- */
ATR_API int atr_app_fd(const atr_app *app);
ATR_API int atr_app_timeout(const atr_app *app); /* milliseconds; -1: no limit */
/* One turn, which waits at most timeout_ms (0: not at all; -1: until something happens). Returns 0
 * or a negated errno. Not from a callback of app. */
ATR_API int atr_app_turn(atr_app *app, int timeout_ms);

/* Milliseconds of a clock that never goes back, read once per turn. */
ATR_API uint64_t atr_app_now(const atr_app *app);

/* --- Timers --- */
/* Calls fn(user) after delay_ms and, when repeat_ms > 0, every repeat_ms from then on; never early,
 * never inside this call. A timer that does not repeat is gone before its call. Returns its name.
 */
ATR_API atr_ref atr_timer_start(atr_app *app, uint32_t delay_ms, uint32_t repeat_ms,
                                void (*fn)(void *user), void *user);
/* Its callback does not run any more. A stale ref, or 0, is a no-op. */
ATR_API void atr_timer_stop(atr_app *app, atr_ref timer);

/* --- Clients that do not keep up: the policy "block" ---
 * A connection is backed up from the moment when more than "highWaterMark" bytes wait for it until
 * nothing waits any more. Whether the latest emit, send or publish met one that is backed up, under
 * the policy "block". */
ATR_API int atr_must_wait(const atr_app *app);
/* Waits for those connections, for at most timeout_ms (0: the setting or option "blockTimeout").
 * Returns 0 when there are none, or 1: fn is then called exactly once and never inside this call,
 * with 0 when each of them has drained or gone, with ATR_ETIMEOUT, or with ATR_ECLOSED by
 * atr_app_free(). To stop whom you serve meanwhile: atr_socket_pause() and its kin. */
ATR_API int atr_wait_drain(atr_app *app, uint32_t timeout_ms, void (*fn)(void *user, int err),
                           void *user);

/* --- Log: one line per fact, `level event text`. One sink and one level per process, whatever the
 * number of applications. --- */
enum atr_log_level { ATR_LOG_DEBUG, ATR_LOG_INFO, ATR_LOG_WARN, ATR_LOG_ERROR };

/* Writes a line, unless the setting "logLevel" asks for less. text may be NULL. */
ATR_API void atr_log(atr_app *app, int level, const char *event, const char *text);
/* The same from keys and values: `level event key=value ...`. */
ATR_API void atr_log_fields(atr_app *app, int level, const char *event, const atr_str (*fields)[2],
                            size_t count);
/* Lines go to fn, without a newline, instead of stderr; NULL: stderr again. */
ATR_API void atr_log_to(void (*fn)(void *user, int level, const char *line), void *user);

/* Counts an error of a handler (atrium_handler_errors_total). */
ATR_API void atr_handler_failed(atr_app *app);

/* --- Metrics --- */
typedef enum atr_metric_kind { ATR_COUNTER, ATR_GAUGE, ATR_HISTOGRAM } atr_metric_kind;

/* One figure, under Prometheus's conventions: rows of one name follow each other. */
typedef struct atr_metric {
    const char *name;   /* "atrium_engine_sessions" */
    const char *suffix; /* of a histogram "_bucket", "_sum" or "_count"; else "" */
    const char *labels; /* "transport=\"polling\""; "" for none */
    const char *help;   /* one line for people */
    atr_metric_kind kind;
    double value;
} atr_metric;

/* Adds figures of the application's own to what the setting "metrics" serves: give is asked at each
 * request, and calls fn (with fn_user) once per row, rows of one name together. A name that is on
 * the page already is left out. */
typedef void (*atr_metric_source)(void *user, void (*fn)(void *fn_user, const atr_metric *m),
                                  void *fn_user);
ATR_API void atr_app_add_metrics(atr_app *app, atr_metric_source give, void *user);

/* Calls fn for each figure of every layer. */
ATR_API void atr_app_metrics(atr_app *app, void (*fn)(void *user, const atr_metric *m), void *user);

/* --- Applications for `atrium run app.so` ---
 *
 *     #include <atrium/atrium.h>
 *     ATR_MODULE;
 *     int atr_main(atr_app *app, char *why) { ...; return 0; }
 *
 *     cc -shared -fPIC $(pkg-config --cflags atrium) -o app.so app.c
 *
 * The program reads the settings, calls atr_main(), listens, and runs. atr_main() registers what
 * the application serves; it neither listens nor runs. A negative return ends the program with the
 * sentence that atr_main() put into why (ATR_WHY_BYTES), or with the code's text. The object is not
 * linked with libatrium (it may be, to no effect): it uses the program's. */
ATR_EXPORT int atr_main(atr_app *app, char *why); /* defined by the application */

#ifdef __cplusplus
}
#define ATR_MODULE_C extern "C"
#else
#define ATR_MODULE_C extern
#endif

/* The ABI that an application was compiled under, for the program to compare. */
#define ATR_MODULE                                                                                 \
    ATR_MODULE_C ATR_EXPORT const unsigned atr_module_abi;                                         \
    const unsigned atr_module_abi = ATR_ABI

#endif
