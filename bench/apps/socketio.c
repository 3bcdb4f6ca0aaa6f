/* bench/apps/socketio.c - what the load generator wants of a Socket.IO server, in C: five handlers.
 *
 * Prints its address. The setting pingInterval comes from the environment's PING_INTERVAL.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve.h"

static void on_echo(void *user, atr_socket *s, const atr_event *e)
{
    (void)user;
    (void)atr_socket_emit(s, &e->data, 0);
}

static void on_broadcast(void *everyone, atr_socket *s, const atr_event *e)
{
    (void)s;
    (void)atr_emit(everyone, NULL, &e->data);
}

static void on_nothing(void *user, atr_socket *s, const atr_event *e)
{
    (void)user, (void)s, (void)e;
}

int main(void)
{
    char why[ATR_WHY_BYTES] = "no application";
    atr_app *app = atr_app_new(NULL);
    atr_namespace *everyone = app ? atr_io_of(atr_app_io(app), ATR_STR("/")) : NULL;

    if (everyone) {
        atr_namespace_on(everyone, ATR_STR("echo"), on_echo, NULL);
        atr_namespace_on(everyone, ATR_STR("broadcast"), on_broadcast, everyone);
        atr_namespace_on(everyone, ATR_STR("one"), on_nothing, NULL);
        atr_namespace_on(everyone, ATR_STR("two"), on_nothing, NULL);
        atr_namespace_on(everyone, ATR_STR("three"), on_nothing, NULL);
    }
    return serve(app, why);
}
