/* atrium/atrium.h - the whole public API of libatrium.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_ATRIUM_H
#define ATRIUM_ATRIUM_H

#include "atrium/app.h"
#include "atrium/engine.h"
#include "atrium/error.h"
#include "atrium/http.h"
#include "atrium/io.h"
#include "atrium/json.h"
#include "atrium/sqlite.h"
#include "atrium/store.h"
#include "atrium/types.h"
#include "atrium/websocket.h"

#endif
