/* api/metrics.h - how the parts of this layer give their figures.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "api/app.h"

/* Who is given the rows, one after the other, those of a family together. */
struct metric_walk {
    void (*fn)(void *user, const atr_metric *m);
    void *user;
};

static inline void metric_give(const struct metric_walk *w, atr_metric_kind kind, const char *name,
                               const char *labels, const char *help, uint64_t value)
{
    w->fn(w->user, &(atr_metric){ .kind = kind,
                                  .name = name,
                                  .suffix = "",
                                  .labels = labels,
                                  .help = help,
                                  .value = (double)value });
}

#define COUNTER(name, labels, help, value)                                                         \
    metric_give(w, ATR_COUNTER, "atrium_" name "_total", labels, help, (uint64_t)(value))
#define GAUGE(name, labels, help, value)                                                           \
    metric_give(w, ATR_GAUGE, "atrium_" name, labels, help, (uint64_t)(value))

/* metrics_io.c: of engines, Socket.IO, its Admin UI. */
void metrics_of_io(const struct metric_walk *w, const atr_app *app);
/* process.c: of the process, under the names that every exporter uses. */
void metrics_of_process(const struct metric_walk *w);

#endif
