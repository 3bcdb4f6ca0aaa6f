/* api/decision.h - the decisions that applications owe, whichever layer asked.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_DECISION_H
#define API_DECISION_H

#include "api/app.h"

/* What atr_decide() will settle: exactly one of the servers is set. */
atr_decision decision_of_handshake(atr_app *app, struct eio_server *engine, eio_handshake hs);
/* The same of a middleware of its: see engine_hooks_pass(). */
struct engine_middleware;
atr_decision decision_of_middleware(atr_app *app, struct eio_server *engine, eio_handshake hs,
                                    const struct engine_middleware *m);
atr_decision decision_of_upgrade(atr_app *app, struct gateway *gateway, gateway_handshake hs);
atr_decision decision_of_socket(atr_app *app, struct sio_server *io, sio_decision d);

#endif
