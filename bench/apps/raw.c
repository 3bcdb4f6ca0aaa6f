/* bench/apps/raw.c - what the load generator wants of a plain WebSocket server, with a C handler.
 *
 * Echoes messages; when started with "publish", those that begin with "*" go to everyone. Prints
 * its address.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "serve.h"

#define EVERYONE ATR_STR("everyone")

static void on_open(void *user, atr_ws *ws, atr_request *r)
{
    (void)user, (void)r;
    (void)atr_ws_subscribe(ws, EVERYONE);
}

static void on_message(void *user, atr_ws *ws, atr_str data, int binary)
{
    if (data.n && *data.p == '*')
        (void)atr_publish(user, EVERYONE, data, binary, NULL);
    else
        (void)atr_ws_send(ws, data, binary);
}

int main(int argc, char **argv)
{
    int publish = argc > 1 && strcmp(argv[1], "publish") == 0;
    char why[ATR_WHY_BYTES] = "no application";
    atr_websocket_handlers h = ATR_WEBSOCKET_HANDLERS_INIT;
    atr_app *app = atr_app_new(NULL);

    h.on_open = publish ? on_open : NULL;
    h.on_message = on_message;
    if (app && !atr_websocket_new(app, ATR_STR("/"), (atr_str){ 0 }, &h, app, why)) {
        atr_app_free(app);
        app = NULL;
    }
    return serve(app, why);
}
