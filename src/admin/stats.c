/* admin/stats.c - server_stats: figures of the server, every two seconds while somebody looks.
 *
 * Node counts each packet into a bucket per second; here the engine counts, and a second is the
 * difference between two looks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/parts.h"
#include "base/mem.h"
#include "proto/json.h"

enum { SECOND_MS = 1000, NAMESPACES_MAX = 1000 };

static void count(const struct admin *a, uint64_t now[ADMIN_FIGURES])
{
    const struct eio_stats *e = &a->io->engine.stats;

    now[ADMIN_RAW_CONNECTION] = e->opened;
    now[ADMIN_PACKETS_IN] = e->messages_in;
    now[ADMIN_BYTES_IN] = e->bytes_in;
    now[ADMIN_PACKETS_OUT] = e->messages_out;
    now[ADMIN_BYTES_OUT] = e->bytes_out;
    for (int i = 0; i <= EIO_SERVER_SHUTTING_DOWN; i++)
        now[ADMIN_RAW_DISCONNECTION + i] = a->closed[i];
}

static void take_sample(struct admin *a)
{
    struct admin_sample *s = &a->samples[a->sample_count++];
    int64_t wall_ms = a->io->engine.loop->wall_ms;
    uint64_t now[ADMIN_FIGURES];

    count(a, now);
    s->at_ms = wall_ms - wall_ms % SECOND_MS;
    for (int i = 0; i < ADMIN_FIGURES; i++)
        s->counts[i] = now[i] - a->counted[i];
    memcpy(a->counted, now, sizeof now);
}

static void write_sample(struct buf *b, const struct admin_sample *s)
{
    static const char *const types[] = { "rawConnection", "packetsIn", "bytesIn",
                                         "packetsOut",    "bytesOut",  "rawDisconnection" };

    for (int i = 0; i < ADMIN_FIGURES; i++) {
        int type = i < ADMIN_RAW_DISCONNECTION ? i : ADMIN_RAW_DISCONNECTION;

        if (!s->counts[i])
            continue;
        if (b->data[b->len - 1] != '[')
            buf_byte(b, ',');
        buf_format(b, "{\"timestamp\":%lld,\"type\":\"%s\",", (long long)s->at_ms, types[type]);
        if (type == ADMIN_RAW_DISCONNECTION)
            buf_format(b, "\"subType\":\"%s\",",
                       eio_reason_text((enum eio_reason)(i - ADMIN_RAW_DISCONNECTION)));
        buf_format(b, "\"count\":%llu}", (unsigned long long)s->counts[i]);
    }
}

static int by_number(const void *x, const void *y)
{
    const struct sio_namespace *const *a = x, *const *b = y;

    return (*a)->number < (*b)->number ? -1 : (*a)->number > (*b)->number;
}

/* The oldest first; of very many, some. */
static void write_namespaces(struct buf *b, const struct sio_server *io)
{
    uint32_t found = 0, at = 0;
    struct sio_namespace **all = mem_alloc((io->namespaces.count + 1) * sizeof *all);

    while ((all[found] = map_next(&io->namespaces, &at)))
        found++;
    qsort(all, found, sizeof(struct sio_namespace *), by_number);
    for (uint32_t i = 0; i < found && i < NAMESPACES_MAX; i++) {
        buf_add(b, i ? STR(",{\"name\":") : STR("{\"name\":"));
        json_write_string(b, all[i]->name);
        buf_format(b, ",\"socketsCount\":%u}", all[i]->hub.count);
    }
    mem_free(all);
}

static str host_name(char out[256])
{
    out[0] = out[255] = '\0';
    (void)gethostname(out, 255);
    return str_of(out);
}

/* One of several on a machine says which. */
static void write_server_id(struct buf *b, const struct admin *a, str host)
{
    char text[300];

    (void)snprintf(text, sizeof text, "%.*s#%d", STR_ARG(host), (int)getpid());
    if (a->options.server_id.n)
        json_write_string(b, a->options.server_id);
    else
        json_write_string(b, a->io->cluster ? str_of(text) : host);
}

static void tell_stats(struct admin *a)
{
    const struct eio_stats *e = &a->io->engine.stats;
    char text[256];
    str host = host_name(text);
    struct buf b;

    if (!admin_feed_begin(a, &b, STR("server_stats")))
        return;
    buf_add(&b, STR("{\"serverId\":"));
    write_server_id(&b, a, host);
    buf_add(&b, STR(",\"hostname\":"));
    json_write_string(&b, host);
    buf_format(&b, ",\"pid\":%d,\"uptime\":", (int)getpid());
    json_write_number(&b, (double)(a->io->engine.loop->now_ms - a->opened_ms) / 1000);
    buf_format(&b, ",\"clientsCount\":%llu,\"pollingClientsCount\":%llu,\"aggregatedEvents\":[",
               (unsigned long long)(e->polling_open + e->websocket_open),
               (unsigned long long)e->polling_open);
    for (unsigned i = 0; i < a->sample_count; i++)
        write_sample(&b, &a->samples[i]);
    buf_add(&b, STR("],\"namespaces\":["));
    write_namespaces(&b, a->io);
    buf_add(&b, STR("]}"));
    admin_feed_end(a, &b, false, NULL);
}

static void on_tick(struct timer *t)
{
    struct admin *a = container_of(t, struct admin, tick);

    loop_timer(a->io->engine.loop, &a->tick, SECOND_MS);
    take_sample(a);
    if (a->sample_count < ADMIN_SAMPLES)
        return;
    tell_stats(a);
    a->sample_count = 0;
    if (!a->options.development)
        return;
    admin_resync(a);
    admin_changes_look(a);
}

void admin_stats_start(struct admin *a)
{
    count(a, a->counted);
    a->sample_count = 0;
    timer_init(&a->tick, on_tick);
    loop_timer(a->io->engine.loop, &a->tick, SECOND_MS);
}

void admin_stats_stop(struct admin *a)
{
    loop_timer_stop(a->io->engine.loop, &a->tick);
}
