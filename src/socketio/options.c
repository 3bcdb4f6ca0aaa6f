/* socketio/options.c - the defaults.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/options.h"

#include "proto/json.h"

void sio_options_default(struct sio_options *o)
{
    *o = (struct sio_options){
        .parser = SIO_PARSER_AUTO,
        .connect_timeout_ms = 45000,
        .attachments_max = 10,
        .json_depth_max = JSON_DEPTH,
        .namespaces_max = 64,
        .recovery = { .skip_middlewares = true,
                      .duration_ms = 120000,
                      .bytes_max = (size_t)64 << 20 },
    };
    eio_options_default(&o->engine);
    o->engine.path = STR("/socket.io/");
}
