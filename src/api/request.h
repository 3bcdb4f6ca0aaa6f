/* api/request.h - helpers on requests and heads that several files of this layer share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "atrium/types.h"
#include "base/str.h"
#include "socketio/server.h"

/* All headers of a request head kept as text, with names lower-cased. */
void head_each_header(str head, void (*fn)(void *arg, atr_str name, atr_str value), void *arg);

/* "a=1&b=2": unescaped names and values. A bad escape is given as it stands. */
void query_each(str query, void (*fn)(void *arg, atr_str name, atr_str value), void *arg);

struct sio_data data_in(const atr_data *d);
/* 0 when d can be sent as an event: an array with a name that is not reserved, all placeholders
 * there. */
int event_check(const atr_data *d);

#endif
