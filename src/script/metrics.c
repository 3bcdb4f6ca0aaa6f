/* script/metrics.c - what a script uses, among the application's metrics.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/state.h"

static void give(void *user, void (*fn)(void *fn_user, const atr_metric *m), void *fn_user)
{
    const struct script *s = user;

    fn(fn_user, &(atr_metric){ .kind = ATR_GAUGE,
                               .name = "atrium_lua_memory_bytes",
                               .suffix = "",
                               .labels = "",
                               .help = "Memory of the Lua heap",
                               .value = (double)script_memory(s) });
    fn(fn_user, &(atr_metric){ .kind = ATR_COUNTER,
                               .name = "atrium_lua_errors_total",
                               .suffix = "",
                               .labels = "",
                               .help = "Errors of Lua handlers",
                               .value = (double)script_errors(s) });
    fn(fn_user, &(atr_metric){ .kind = ATR_GAUGE,
                               .name = "atrium_lua_tasks",
                               .suffix = "",
                               .labels = "",
                               .help = "Handlers of scripts that wait for something",
                               .value = (double)(s->task_count - s->idle_count) });
}

void metrics_open(struct script *s)
{
    atr_app_add_metrics(s->app, give, s);
}
