/* gateway/channel.h - publish and subscribe: named channels of the connections of all endpoints.
 *
 * A publish is encoded once and allocates nothing per subscriber. A channel exists while somebody
 * is subscribed to it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef GATEWAY_CHANNEL_H
#define GATEWAY_CHANNEL_H

#include "gateway/conn.h"

/* 1: subscribed; 0: was already; ATR_ECLOSED. */
int gateway_subscribe(struct gateway_conn *c, str channel);
/* 1: unsubscribed; 0: was not subscribed. */
int gateway_unsubscribe(struct gateway_conn *c, str channel);
bool gateway_subscribed(const struct gateway_conn *c, str channel);
/* fn must not subscribe nor unsubscribe c. */
void gateway_channels(const struct gateway_conn *c, void (*fn)(void *arg, str channel), void *arg);
/* How many are subscribed. */
uint32_t gateway_subscribers(const struct gateway *g, str channel);

/* Sends data to every subscriber but `except` (may be NULL). key: what it replaces where the policy
 * is OVERFLOW_KEEP_LATEST; empty: what was published to the channel. Returns to how many it was
 * queued, or ATR_ELIMIT when data is too large for a message. No callback runs in this call. */
int64_t gateway_publish(struct gateway *g, str channel, str data, bool binary, str key,
                        struct gateway_conn *except);

#endif
