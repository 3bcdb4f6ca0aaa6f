/* engineio/options.c - the defaults of engine.io 6.6, which clients and guides take for granted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/options.h"

void eio_options_default(struct eio_options *o)
{
    *o = (struct eio_options){
        .path = STR("/engine.io/"),
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .upgrade_timeout_ms = 10000,
        .message_bytes_max = 1000000,
        .polling_close_ms = 30000,
        .output = PRESSURE_POLICY_DEFAULT,
        .sessions_max = 0,
        .compress_min = 1024,
        .transports = EIO_POLLING | EIO_WEBSOCKET,
        .allow_upgrades = true,
        .cors = {
            .methods = STR("GET,HEAD,PUT,PATCH,POST,DELETE"),
            .max_age = -1,
            .options_status = 204,
        },
        .cookie = {
            .name = STR("io"),
            .path = STR("/"),
            .same_site = STR("Lax"),
            .http_only = true,
            .max_age = -1,
        },
    };
}
