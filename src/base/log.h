/* base/log.h - one line per fact: level, event, key=value pairs. Only app, super, proxy, api and
 * cmd call this; other layers report to their owners.
 *
 * The sink may be replaced (an embedder's callback). Values with spaces or quotes are quoted. As
 * JSON a line is one object: time (RFC 3339, UTC), level, event, then each key; numbers stay
 * numbers; a value without a key is called "text".
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

typedef void (*log_sink)(void *user, enum log_level level, const char *line);

void log_set_sink(log_sink sink, void *user); /* NULL: stderr */
void log_set_level(enum log_level least);
enum log_level log_get_level(void);
enum log_format { LOG_TEXT, LOG_JSON };
void log_set_format(enum log_format format);

/* log_event(LOG_INFO, "listening", "port=%d host=%s", 3000, "::"). No newline. */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from keys and values; a field without a key is its value alone. */
void log_fields(enum log_level level, const char *event, const str (*fields)[2], size_t count);

/* Lines written so far at that level. */
uint64_t log_count(enum log_level level);

const char *log_level_name(enum log_level level);
int log_level_parse(const char *name); /* a level, or ATR_EUNKNOWN */

#endif
