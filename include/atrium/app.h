/* atrium/app.h - an application: its loop, listener, settings, timers and log.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_APP_H
#define ATRIUM_APP_H

#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ATR_VERSION "0.1.0"
ATR_API const char *atr_version(void);
ATR_API const char *atr_error_text(int code);

/* Creates an application with nothing listening yet. On failure returns NULL and puts a negative
 * code in *err. Free it with atr_app_free(). */
ATR_API atr_app *atr_app_new(int *err);

/* Closes every connection without ceremony, runs their callbacks, frees app. NULL is fine. */
ATR_API void atr_app_free(atr_app *app);

/* --- Settings. Names are those of docs/settings.md ("pingInterval", "cors", ...); values are JSON.
 * Each value remembers where it came from, and one of lower rank never replaces one of higher:
 * default < script < file < environment < flag. --- */
typedef enum atr_source { ATR_DEFAULT, ATR_SCRIPT, ATR_FILE, ATR_ENVIRONMENT, ATR_FLAG } atr_source;

/* ATR_EUNKNOWN (why names the nearest setting), ATR_ETYPE, ATR_ERANGE. Returns 0 also when a value
 * of higher rank stays in force. why has room for ATR_WHY_BYTES; NULL is fine. */
ATR_API int atr_app_set(atr_app *app, atr_str name, atr_str json, atr_source source, char *why);

/* Walks all settings: json is the value in force. */
ATR_API void atr_app_settings(atr_app *app,
                              void (*fn)(void *user, const char *name, atr_str json,
                                         atr_source source, const char *help),
                              void *user);

/* --- Running --- */
/* Listens for HTTP, Engine.IO and Socket.IO. host NULL: all addresses; port 0: any free one.
 * Returns the port, or a negative code with the reason in why (ATR_WHY_BYTES). With the setting
 * "tlsCert" the port speaks TLS; with "tlsPort" as well, that port does, and this one is plain. */
ATR_API int atr_app_listen(atr_app *app, const char *host, uint16_t port, char *why);
/* The port that speaks TLS; 0: none does. */
ATR_API int atr_app_tls_port(const atr_app *app);
/* Reads the certificates again, under the tls settings of now. Handshakes that begin later use
 * them; connections stay. On failure (reason in why, ATR_WHY_BYTES, NULL is fine) all stays as it
 * was. ATR_ESTATE when the application does not listen with TLS. Files that change are noticed by
 * themselves, see "tlsReloadInterval". */
ATR_API int atr_app_reload_tls(atr_app *app, char *why);

/* Runs until atr_app_stop(). Returns 0 or a negative code. */
ATR_API int atr_app_run(atr_app *app);
/* Asks the loop to stop; legal in a signal handler's flag check, not in the handler itself. */
ATR_API void atr_app_stop(atr_app *app);
/* Closes listeners and connections in good order (clients are told, and reconnect elsewhere), then
 * stops; at the latest after grace_ms. */
ATR_API void atr_app_close(atr_app *app, uint32_t grace_ms);

/* For a foreign loop: poll this descriptor for reading, and turn when it is ready or when
 * atr_app_timeout() milliseconds (-1: no limit) have passed. */
ATR_API int atr_app_fd(const atr_app *app);
ATR_API int atr_app_timeout(const atr_app *app);
/* One iteration, waiting at most timeout_ms (0: not at all; -1: until something happens). */
ATR_API int atr_app_turn(atr_app *app, int timeout_ms);

/* Milliseconds of a clock that never goes back, read once per iteration. */
ATR_API uint64_t atr_app_now(const atr_app *app);

/* --- Timers --- */
/* Calls fn after delay_ms and, when repeat_ms > 0, every repeat_ms from then on. A timer that does
 * not repeat is gone after its call. */
ATR_API atr_ref atr_timer_start(atr_app *app, uint32_t delay_ms, uint32_t repeat_ms,
                                void (*fn)(void *user), void *user);
ATR_API void atr_timer_stop(atr_app *app, atr_ref timer); /* a stale ref is a no-op */

/* --- Log: one line, `level event text`. level: 0 debug, 1 info, 2 warning, 3 error. --- */
ATR_API void atr_log(atr_app *app, int level, const char *event, const char *text);
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
 * request, and calls fn (with fn_user) once per row, rows of one name together. */
typedef void (*atr_metric_source)(void *user, void (*fn)(void *fn_user, const atr_metric *m),
                                  void *fn_user);
ATR_API void atr_app_add_metrics(atr_app *app, atr_metric_source give, void *user);

/* Walks the figures of every layer; strings are borrowed. */
ATR_API void atr_app_metrics(atr_app *app, void (*fn)(void *user, const atr_metric *m), void *user);

#ifdef __cplusplus
}
#endif

#endif
