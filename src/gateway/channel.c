/* gateway/channel.c - see channel.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "gateway/channel.h"

static struct gateway *gateway_of(const struct gateway_conn *c)
{
    return gateway_conn_endpoint(c)->gateway;
}

/* A closed connection's member is gone: the memory serves to free it. */
static bool has_member(const struct gateway_conn *c)
{
    return c->ws.stream != NULL;
}

int gateway_subscribe(struct gateway_conn *c, str channel)
{
    if (!gateway_conn_is_open(c))
        return ATR_ECLOSED;
    return hub_join(&gateway_of(c)->channels, &c->member, channel);
}

int gateway_unsubscribe(struct gateway_conn *c, str channel)
{
    return has_member(c) ? hub_leave(&gateway_of(c)->channels, &c->member, channel) : 0;
}

bool gateway_subscribed(const struct gateway_conn *c, str channel)
{
    return has_member(c) && hub_in(&gateway_of(c)->channels, &c->member, channel);
}

void gateway_channels(const struct gateway_conn *c, void (*fn)(void *arg, str channel), void *arg)
{
    if (!has_member(c))
        return;
    for (uint32_t i = 0; i < c->member.group_count; i++)
        fn(arg, hub_group_name(c->member.groups[i].group));
}

uint32_t gateway_subscribers(const struct gateway *g, str channel)
{
    const struct hub_group *group = hub_group(&g->channels, channel);

    return group ? group->count : 0;
}

struct delivery {
    struct parcel parcel;
    int64_t count;
};

static void deliver(void *arg, struct hub_member *m)
{
    struct delivery *d = arg;

    if (gateway_conn_queue(container_of(m, struct gateway_conn, member), &d->parcel) == 0)
        d->count++;
}

int64_t gateway_publish(struct gateway *g, str channel, str data, bool binary, str key,
                        struct gateway_conn *except)
{
    struct hub_target target = { .groups = &channel,
                                 .group_count = 1,
                                 .sender = except ? &except->member : NULL };
    struct delivery d = { 0 };
    struct msg *m;

    if (data.n > UINT32_MAX - WS_HEAD_MAX)
        return ATR_ELIMIT;
    g->stats.publishes++;
    if (!hub_group(&g->channels, channel))
        return 0;
    m = ws_msg(binary ? WS_BINARY : WS_TEXT, data);
    d.parcel = parcel_of(&m, 1);
    d.parcel.droppable = true;
    d.parcel.space = key.n ? GATEWAY_KEY : GATEWAY_CHANNEL;
    d.parcel.key = key.n ? key : channel;
    (void)hub_each(&g->channels, &target, deliver, &d);
    msg_unref(m);
    g->stats.deliveries += (uint64_t)d.count;
    return d.count;
}
