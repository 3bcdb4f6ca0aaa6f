/* script/cluster.h - the other servers of an application, as scripts see them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRIPT_CLUSTER_H
#define SCRIPT_CLUSTER_H

#include "script/namespace.h"

/* Adds the callbacks that are about other servers. */
void cluster_handlers(atr_namespace_handlers *h);

#endif
