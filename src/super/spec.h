/* super/spec.h - the description of a supervised application: every key once.
 *
 * The table below is the only place that names a key: the parser, the range checks and
 * docs/supervisor.md come from it. Names and meanings are PM2's where PM2 has the key. Values are
 * kept as JSON in one normal form (a duration as milliseconds, a size as bytes, a list as an
 * array), so that a description can be written down and read again as it is.
 *
 * Pure: paths are texts here; apps_file.h makes them absolute.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_SPEC_H
#define SUPER_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum spec_kind {
    SPEC_TEXT,
    SPEC_BOOL,
    SPEC_COUNT,     /* a whole number, perhaps written as a text */
    SPEC_MS,        /* milliseconds, or "500ms", "10s", "5m", "1h" */
    SPEC_BYTES,     /* bytes, or "200K", "300M", "1G" */
    SPEC_INSTANCES, /* N; "max" or 0: one per CPU; -1: one less than that, and so on */
    SPEC_MODE,      /* fork or cluster */
    SPEC_LIST,      /* texts; a single text is cut at its spaces, as a shell does */
    SPEC_NAMES,     /* texts; a single text is one of them */
    SPEC_CODES,     /* exit codes: a number or a list */
    SPEC_WATCH,     /* true, false, or a list of paths */
    SPEC_ENV        /* an object of texts */
};

/* clang-format off */
/*    key                        kind       default                 min  max         help */
#define SPEC_KEYS(X)                                                                                                   \
    X(name,                      TEXT,      "\"\"",                 0,   100,        "what the application is called; by default the script's name without folder and ending") \
    X(namespace,                 TEXT,      "\"default\"",          0,   100,        "a group of applications; commands take its name too") \
    X(script,                    TEXT,      "\"\"",                 0,   4096,       "the program: a file (relative to cwd), a command of PATH, or a command line") \
    X(args,                      LIST,      "[]",                   0,   0,          "arguments of the script") \
    X(cwd,                       TEXT,      "\"\"",                 0,   4096,       "working folder; by default that of the file, else the one of the command") \
    X(interpreter,               TEXT,      "\"\"",                 0,   4096,       "what runs the script; by default chosen by its ending (.lua and .so: Atrium itself); none: nothing does") \
    X(interpreter_args,          LIST,      "[]",                   0,   0,          "arguments of the interpreter, before the script") \
    X(exec_mode,                 MODE,      "\"\"",                 0,   0,          "cluster: all instances share one port; fork: a port each. Atrium applications: cluster by default; other programs: always fork") \
    X(instances,                 INSTANCES, "1",                    0,   1000,       "how many processes; max or 0: one per CPU; -1: one less than that") \
    X(port,                      COUNT,     "null",                 0,   65535,      "becomes PORT; for an Atrium application in fork mode PORT is port plus the number of the instance") \
    X(env,                       ENV,       "{}",                   0,   0,          "environment variables, on top of those of the command that started it") \
    X(instance_var,              TEXT,      "\"NODE_APP_INSTANCE\"", 0,  256,        "variable that holds the instance's number: the smallest that is free") \
    X(increment_var,             TEXT,      "\"\"",                 0,   256,        "variable that grows by one per instance, such as PORT") \
    X(autostart,                 BOOL,      "true",                 0,   0,          "start with the supervisor; false: only described until it is started") \
    X(autorestart,               BOOL,      "true",                 0,   0,          "start again what ended by itself") \
    X(max_restarts,              COUNT,     "16",                   0,   1000000,    "exits in a row sooner than min_uptime, after which the instance is errored and rests; 0: never") \
    X(min_uptime,                MS,        "1000",                 0,   86400000,   "an exit sooner than this counts as unstable") \
    X(restart_delay,             MS,        "0",                    0,   86400000,   "wait before each restart; when neither this nor the next is given, there is one after early exits alone: 50 ms, growing as the next does") \
    X(exp_backoff_restart_delay, MS,        "0",                    0,   86400000,   "wait before the first restart; grows by half with each, up to 15 s, with a quarter of chance; starts anew after 30 s of uptime") \
    X(stop_exit_codes,           CODES,     "[]",                   0,   255,        "exit codes after which it is not started again") \
    X(max_memory_restart,        BYTES,     "0",                    0,   INT64_MAX,  "resident memory above which an instance is replaced; looked at each second; 0: no limit") \
    X(hang_timeout,              MS,        "10000",                0,   86400000,   "an Atrium worker that gives no sign of life for so long is killed and started again; 0: never") \
    X(wait_ready,                BOOL,      "false",                0,   0,          "ready only when the application says so: process.send('ready'), atrium.ready(), atr_app_ready()") \
    X(listen_timeout,            MS,        "3000",                 0,   86400000,   "how long it may take to be ready") \
    X(kill_timeout,              MS,        "1600",                 0,   86400000,   "between SIGINT and SIGKILL") \
    X(drain_timeout,             MS,        "5000",                 0,   86400000,   "how long an Atrium worker may take to close its connections, before SIGINT; 0: at once") \
    X(shutdown_with_message,     BOOL,      "false",                0,   0,          "ask a Node program by the message 'shutdown' instead of SIGINT") \
    X(treekill,                  BOOL,      "true",                 0,   0,          "signal a program's children too") \
    X(out_file,                  TEXT,      "\"\"",                 0,   4096,       "log of standard output; by default ATRIUM_HOME/logs/NAME-out.log; /dev/null: none") \
    X(error_file,                TEXT,      "\"\"",                 0,   4096,       "log of standard error; by default ATRIUM_HOME/logs/NAME-error.log") \
    X(merge_logs,                BOOL,      "false",                0,   0,          "all instances write into the same files; else -N is put before the ending when there are several") \
    X(log_date_format,           TEXT,      "\"\"",                 0,   100,        "time before each line, such as YYYY-MM-DD HH:mm:ss.SSS Z") \
    X(time,                      BOOL,      "false",                0,   0,          "log_date_format YYYY-MM-DDTHH:mm:ss") \
    X(log_type,                  TEXT,      "\"\"",                 0,   4,          "json: each line becomes an object of message, timestamp, type, process_id and app_name") \
    X(log_max_size,              BYTES,     "10485760",             0,   INT64_MAX,  "size at which a log file is put aside; 0: never") \
    X(log_keep,                  COUNT,     "10",                   0,   1000,       "how many files put aside are kept, as FILE.1, FILE.2, ...") \
    X(disable_logs,              BOOL,      "false",                0,   0,          "write no log files") \
    X(watch,                     WATCH,     "false",                0,   0,          "reload an Atrium application, restart another program, when files change: true (cwd), a path, or a list of them; *, ? and ** may stand in them") \
    X(ignore_watch,              NAMES,     "[]",                   0,   0,          "names (anywhere) or paths (from cwd) that are not watched, with *, ? and **; never watched are names that begin with a dot, node_modules, logs, SQLite files") \
    X(watch_delay,               MS,        "200",                  0,   86400000,   "how long files must be quiet before that") \
    X(cron_restart,              TEXT,      "\"\"",                 0,   100,        "reload (another program: restart) at times such as \"0 3 * * *\" (minute, hour, day, month, day of the week, local time), or every so long, such as \"12h\"")
/* clang-format on */

enum spec_key {
#define X(key, kind, dflt, min, max, help) SPEC_KEY_##key,
    SPEC_KEYS(X)
#undef X
        SPEC_KEY_COUNT
};

struct spec_value {
    char *json; /* NULL: the default */
    char *text; /* of TEXT and MODE: unescaped */
    int64_t number;
};

struct spec {
    struct spec_value values[SPEC_KEY_COUNT];
};

void spec_init(struct spec *s);
void spec_fini(struct spec *s);
void spec_copy(struct spec *to, const struct spec *from); /* `to` is not initialised */

/* Reads one key from JSON text. Aliases of PM2 ("error", "node_args", ...) are known. ATR_EUNKNOWN
 * (why names the nearest key, or what to use instead of a key of PM2), ATR_ETYPE, ATR_ERANGE. */
int spec_set(struct spec *s, str key, str json, char *why) MUST_CHECK;
/* The same from a flag: name without dashes before it ("max-memory-restart"), bare text. */
int spec_set_flag(struct spec *s, str name, str text, char *why) MUST_CHECK;
/* Whether a flag called so may stand without a value. */
bool spec_flag_is_bool(str name);

/* Reads an object of keys. Keys that begin with "env_" are left alone: spec_choose_env(). */
int spec_read(struct spec *s, str object, char *why) MUST_CHECK;
/* Puts the object's env_NAME over its env. 1: there is one; 0: there is none. */
int spec_choose_env(struct spec *s, str object, str name, char *why) MUST_CHECK;

/* Writes an object of what is not the default; spec_read() reads it back. */
void spec_write(const struct spec *s, struct buf *out);

const char *spec_key_name(enum spec_key k);
bool spec_given(const struct spec *s, enum spec_key k);
int64_t spec_number(const struct spec *s, enum spec_key k);   /* BOOL too: 0 or 1 */
const char *spec_text(const struct spec *s, enum spec_key k); /* never NULL */
str spec_json(const struct spec *s, enum spec_key k);
void spec_set_text(struct spec *s, enum spec_key k, str text);
void spec_set_json(struct spec *s, enum spec_key k, str json); /* of a list: in normal form */

/* Whether the exit code is among stop_exit_codes. */
bool spec_stops_at(const struct spec *s, int code);
/* instances as a count on a machine of so many CPUs: at least one. */
unsigned spec_instances(const struct spec *s, unsigned cpus);

/* Cuts a command line at its spaces as a shell does, quotes and backslashes included; appends a
 * JSON array. ATR_ESYNTAX: a quote is not closed. */
int spec_split(str line, struct buf *out) MUST_CHECK;

#endif
