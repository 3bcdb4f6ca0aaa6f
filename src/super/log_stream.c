/* super/log_stream.c - see log_stream.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/log_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/date_format.h"
#include "super/fields.h"
#include "super/log_file.h"

/* A longer line is cut: a program that never ends one must not fill our memory. */
enum { LINE_BYTES_MAX = 64 * 1024, BATCH = 16 };

static void write_json(struct log_stream *s, struct buf *out, str line)
{
    struct buf time = { 0 };

    date_format(&time, s->date && *s->date ? s->date : "YYYY-MM-DDTHH:mm:ss.SSSZ", clock_wall_ms());
    buf_byte(&time, 0);
    buf_add(out, STR("{\"message\":"));
    json_write_string(out, line);
    field_text(out, "timestamp", (const char *)time.data);
    field_text(out, "type", s->error ? "err" : "out");
    field_number(out, "process_id", s->instance);
    field_text(out, "app_name", s->app);
    buf_add(out, STR("}\n"));
    buf_free(&time);
}

static void write_line(struct log_stream *s, struct buf *out, str line)
{
    if (s->json) {
        write_json(s, out, line);
        return;
    }
    if (s->date && *s->date) {
        date_format(out, s->date, clock_wall_ms());
        buf_add(out, STR(": "));
    }
    buf_add(out, line);
    buf_byte(out, '\n');
}

/* Writes everything up to the last line's end; with `all` the rest too. */
static void write_lines(struct log_stream *s, bool all)
{
    struct buf out = { 0 };
    size_t used = 0;
    ptrdiff_t end;

    while (s->partial.len) {
        str rest = str_n(s->partial.data + used, s->partial.len - used);
        if ((end = str_find(rest, '\n')) < 0 && rest.n && (all || rest.n >= LINE_BYTES_MAX)) {
            write_line(s, &out, rest);
            used += rest.n;
        }
        if (end < 0)
            break;
        write_line(s, &out, str_n(rest.p, (size_t)end));
        used += (size_t)end + 1;
    }
    buf_consume(&s->partial, used);
    if (out.len && s->file)
        log_file_append(s->file, buf_str(&out));
    for (size_t at = 0; s->echo && at < out.len;) {
        ssize_t n = write(s->error ? 2 : 1, out.data + at, out.len - at);
        if (n <= 0 && errno != EINTR)
            break;
        at += n > 0 ? (size_t)n : 0;
    }
    buf_free(&out);
}

static void reap(struct loop_job *job)
{
    struct log_stream *s = container_of(job, struct log_stream, reaper);

    if (s->file)
        log_file_leave(s->file);
    buf_free(&s->partial);
    mem_free(s->fifo);
    mem_free(s->app);
    mem_free(s->date);
    mem_free(s);
}

static void end(struct log_stream *s)
{
    int fd = s->watch.fd;

    write_lines(s, true);
    loop_unwatch(s->loop, &s->watch);
    close(fd);
    (void)unlink(s->fifo);
    list_remove(&s->link);
    loop_doom(s->loop, &s->reaper);
    s->on_end(s);
}

void log_stream_read(struct log_stream *s)
{
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = read(s->watch.fd, s->loop->read_buffer, LOOP_READ_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) { /* nobody has it open for writing */
            end(s);
            return;
        }
        buf_append(&s->partial, s->loop->read_buffer, (size_t)n);
        write_lines(s, false);
    }
}

static void on_events(struct watch *w, uint32_t events)
{
    (void)events;
    log_stream_read(container_of(w, struct log_stream, watch));
}

struct log_stream *log_stream_open(struct loop *l, struct list *files, str m)
{
    char *fifo = field_get_text(m, "fifo"), *path = field_get_text(m, "file");
    struct log_stream *s = mem_zalloc(sizeof *s);
    int fd = fifo ? open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

    loop_job_init(&s->reaper, reap);
    s->loop = l;
    s->fifo = fifo;
    s->watch = (struct watch){ .fd = -1, .on_events = on_events };
    if (fd < 0 || loop_watch(l, &s->watch, fd, EPOLLIN) < 0) {
        if (fd >= 0)
            close(fd);
        mem_free(path);
        reap(&s->reaper);
        return NULL;
    }
    s->app = field_get_text(m, "app");
    s->date = field_get_text(m, "date");
    s->instance = (unsigned)field_get_number(m, "instance", 0);
    s->error = field_get_bool(m, "error");
    s->json = field_get_bool(m, "json");
    s->echo = field_get_bool(m, "echo");
    if (path && *path) {
        s->file = log_file_use(files, path);
        s->file->bytes_max = (uint64_t)field_get_number(m, "max", 0);
        s->file->keep = (unsigned)field_get_number(m, "keep", 0);
    }
    mem_free(path);
    return s;
}
