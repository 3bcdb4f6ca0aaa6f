/* cluster/sid.h - ids that say who serves what they name: a home (cluster/board.h) in the first two
 * bytes, thirteen random ones, as twenty characters of [A-Za-z0-9_-].
 *
 * The home is no secret; the rest is as long as what @socket.io/sticky and Engine.IO expect, and
 * cannot be guessed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_SID_H
#define CLUSTER_SID_H

#include "base/str.h"

enum { SID_LEN = 20, SID_NO_HOME = -1 };

/* home below BOARD_HOMES. Not terminated. */
void sid_make(char out[SID_LEN], unsigned home);
/* The home in an id; SID_NO_HOME when it is no id of that form. */
int sid_home(str sid);

#endif
