/* load/report.c - what a run prints.
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "load/run.h"
#include "proto/json.h"

struct figures {
    double seconds, per_second, cpu_seconds, per_cpu_second;
    int64_t bytes_per_connection;
};

static struct figures figures_of(const struct load_run *r)
{
    struct figures f = { .seconds = (double)(r->ended_us - r->started_us) / 1e6 };

    f.per_second = f.seconds > 0 ? (double)r->messages / f.seconds : 0;
    f.cpu_seconds = r->after.cpu_seconds - r->before.cpu_seconds;
    f.per_cpu_second = f.cpu_seconds > 0 ? (double)r->messages / f.cpu_seconds : 0;
    f.bytes_per_connection = (int64_t)(r->after.private_bytes - r->empty.private_bytes) /
                             (int64_t)r->options->connections;
    return f;
}

static void print_json(const struct load_run *r, const struct figures *f)
{
    const struct load_options *o = r->options;
    struct buf out = { 0 };

    buf_format(
        &out,
        "{\"scenario\":\"%s\",\"protocol\":\"%s\",\"connections\":%u,\"size\":%u,\"inFlight\":%u,"
        "\"seconds\":%.3f,\"messages\":%" PRIu64 ",\"messagesPerSecond\":%.0f,"
        "\"latencyUs\":{\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64
        ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 "}",
        o->scenario, load_protocol_name(o->protocol), o->connections, o->size, o->in_flight,
        f->seconds, r->messages, f->per_second, histogram_at(&r->latency, 0.5),
        histogram_at(&r->latency, 0.9), histogram_at(&r->latency, 0.99),
        histogram_at(&r->latency, 0.999), r->latency.max);
    if (r->stalled)
        buf_format(&out, ",\"stalled\":%u,\"stalledLost\":%u", r->stalled, r->stalled_lost);
    if (o->think_ms)
        buf_format(&out, ",\"stuck\":%u", r->stuck);
    if (o->pid)
        buf_format(&out,
                   ",\"server\":{\"cpuSeconds\":%.4f,\"messagesPerCpuSecond\":%.0f,"
                   "\"privateBytes\":%" PRIu64 ",\"privateBytesPerConnection\":%" PRId64 "}",
                   f->cpu_seconds, f->per_cpu_second, r->after.private_bytes,
                   f->bytes_per_connection);
    buf_format(&out, ",\"errors\":%" PRIu64 ",\"error\":", r->errors);
    if (*r->why)
        json_write_string(&out, str_of(r->why));
    else
        buf_add(&out, STR("null"));
    printf("%.*s}\n", (int)out.len, (char *)out.data);
    buf_free(&out);
}

static void print_text(const struct load_run *r, const struct figures *f)
{
    const struct load_options *o = r->options;

    printf("%s, %s, %u connections, %u bytes, %u in flight\n", o->scenario,
           load_protocol_name(o->protocol), o->connections, o->size, o->in_flight);
    printf("  %" PRIu64 " messages in %.2f s: %.0f per second\n", r->messages, f->seconds,
           f->per_second);
    if (r->latency.count)
        printf("  latency p50 %" PRIu64 " us, p90 %" PRIu64 " us, p99 %" PRIu64
               " us, p99.9 %" PRIu64 " us, max %" PRIu64 " us\n",
               histogram_at(&r->latency, 0.5), histogram_at(&r->latency, 0.9),
               histogram_at(&r->latency, 0.99), histogram_at(&r->latency, 0.999), r->latency.max);
    if (r->stalled)
        printf("  %u of the connections did not read; the server cut %u of them off\n", r->stalled,
               r->stalled_lost);
    if (r->stuck)
        printf("  %u connections have waited for an answer for more than 2 s\n", r->stuck);
    if (o->pid)
        printf("  server: %.2f CPU-seconds, %.0f messages per CPU-second, %.1f MB private, %" PRId64
               " bytes per connection\n",
               f->cpu_seconds, f->per_cpu_second, (double)r->after.private_bytes / 1e6,
               f->bytes_per_connection);
}

void load_report(const struct load_run *r)
{
    struct figures f = figures_of(r);

    if (r->options->json)
        print_json(r, &f);
    else if (!*r->why)
        print_text(r, &f);
}
