/* script/event.h - the callbacks that bring events and connections of a namespace into the script.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_EVENT_H
#define SCRIPT_EVENT_H

#include "script/state.h"

/* Fills h. outgoing: also for what is sent, which costs a call per recipient. */
void event_handlers(atr_namespace_handlers *h, bool outgoing);

#endif
