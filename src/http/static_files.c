/* http/static_files.c - requests for files: find, compare, answer.
 *
 * Each request opens the file and looks at it, so that what is served is what is there now;
 * contents of small files come from a cache that is checked against the file's stamp, so that a
 * warm request reads and compresses nothing. Large files are streamed and never compressed on the
 * fly.
 *
 * Start reading at on_head().
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/static_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/beneath.h"
#include "http/compress.h"
#include "http/conditions.h"
#include "http/content_type.h"
#include "http/date.h"
#include "http/file_cache.h"
#include "http/file_pull.h"

enum {
    PATH_BYTES = 1024,
    SMALL_BYTES = 256 * 1024, /* what is cached; and what is compressed: about 10 ms of the loop */
    SQUEEZE_MIN = 256,
    SQUEEZE_LEVEL = 6,
    CACHE_BYTES = 16 * 1024 * 1024
};

struct static_files {
    struct http_handler handler;
    int folder;
    unsigned max_age;
    struct file_cache cache;
    char *prefix; /* without its final slash; "" for all */
};

/* What a request is about. fd is owned and closed by serve(), unless a stream took it. */
struct found {
    int fd;
    char path[PATH_BYTES]; /* relative to the folder */
    struct file_stamp stamp;
    const struct content_type *type;
    bool gzip_file;    /* fd is the file.gz beside it */
    struct msg *bytes; /* the whole content, borrowed from the cache; NULL: to be streamed */
    bool gzip;         /* sent as gzip, in either way */
    char etag[48];
};

/* --- Finding --- */

/* Whether a decoded path has a segment that is empty, begins with a dot, or is not one name. */
static bool has_bad_segment(str path)
{
    bool front = true;

    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '\0' || (front && (path.p[i] == '.' || path.p[i] == '/')))
            return true;
        front = path.p[i] == '/';
    }
    return false;
}

/* The path within the folder, decoded. False: no file can have it. */
static bool relative_path(const struct static_files *s, str path, char out[PATH_BYTES])
{
    size_t prefix = strlen(s->prefix);

    if (!str_starts(path, str_of(s->prefix)))
        return false;
    path = str_n(path.p + prefix, path.n - prefix);
    if (path.n == 0 || path.p[0] != '/' || path.n >= PATH_BYTES - sizeof "index.html.gz")
        return false;
    ptrdiff_t n = http1_unescape(out, str_n(path.p + 1, path.n - 1), false);
    if (n < 0 || has_bad_segment(str_n(out, (size_t)n)))
        return false;
    out[n] = '\0';
    return true;
}

/* Opens f->path if it is a regular file. *folder says that it is a folder instead. */
static bool open_file(const struct static_files *s, struct found *f, bool *folder)
{
    struct stat st;

    *folder = false;
    if ((f->fd = beneath_open(s->folder, f->path)) < 0)
        return false;
    if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        f->stamp = file_stamp_of(&st);
        return true;
    }
    *folder = S_ISDIR(st.st_mode);
    close(f->fd);
    f->fd = -1;
    return false;
}

/* Prefers the file.gz beside the file, unless it is older: then it was forgotten. */
static void open_gzip_file(const struct static_files *s, struct found *f)
{
    struct found gz = { .fd = -1 };
    size_t n = strlen(f->path);
    bool folder;

    memcpy(gz.path, f->path, n);
    memcpy(gz.path + n, ".gz", sizeof ".gz");
    if (!open_file(s, &gz, &folder))
        return;
    if (gz.stamp.modified_ns < f->stamp.modified_ns) {
        close(gz.fd);
        return;
    }
    close(f->fd);
    f->fd = gz.fd;
    f->stamp = gz.stamp;
    memcpy(f->path + n, ".gz", sizeof ".gz");
    f->gzip_file = f->gzip = true;
}

/* --- Contents --- */

/* The whole file in a message; NULL when it cannot be read, or is just being changed. */
static struct msg *read_whole(const struct found *f)
{
    struct msg *m = msg_new((size_t)f->stamp.bytes);
    size_t have = 0;

    while (have < m->len) {
        ssize_t n = pread(f->fd, m->data + have, m->len - have, (off_t)have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            msg_unref(m);
            return NULL;
        }
        have += (size_t)n;
    }
    return m;
}

/* Makes the compressed form of an entry, or notes that it does not pay. */
static void squeeze(struct static_files *s, struct file_entry *e)
{
    struct buf b = { 0 };

    http_compress(&b, HTTP_GZIP, str_n(e->plain->data, e->plain->len), SQUEEZE_LEVEL);
    if (b.len < e->plain->len)
        file_cache_put(&s->cache, e, &e->gzip, msg_of(buf_str(&b)));
    else
        e->incompressible = true;
    buf_free(&b);
}

/* Decides what will be sent: from the cache when the file is small. */
static void load(struct static_files *s, struct found *f, bool want_gzip)
{
    struct file_entry *e;
    struct msg *m;

    if (f->stamp.bytes > SMALL_BYTES)
        return;
    e = file_cache_get(&s->cache, str_of(f->path), f->stamp);
    if (!e->plain) {
        if (!(m = read_whole(f)))
            return;
        file_cache_put(&s->cache, e, &e->plain, m);
    }
    f->bytes = e->plain;
    if (!want_gzip || f->gzip_file || f->stamp.bytes < SQUEEZE_MIN)
        return;
    if (!e->gzip && !e->incompressible)
        squeeze(s, e);
    if (e->gzip) {
        f->bytes = e->gzip;
        f->gzip = true;
    }
}

/* --- Answering --- */

static void answer_not_found(struct http_request *r)
{
    http_respond_status(r, 404);
}

/* A folder's URL ends with a slash, so that relative links in its index work. */
static void answer_redirect(struct http_request *r)
{
    struct buf b = { 0 };

    buf_add(&b, STR("Location: "));
    buf_add(&b, r->head.path);
    buf_byte(&b, '/');
    if (r->head.query.n) {
        buf_byte(&b, '?');
        buf_add(&b, r->head.query);
    }
    buf_add(&b, STR("\r\n"));
    http_respond(r, &(struct http_response){ .status = 301, .headers = buf_str(&b) });
    buf_free(&b);
}

static void write_headers(const struct static_files *s, const struct found *f, struct buf *b)
{
    char date[HTTP_DATE_LEN];

    http_date_write(date, f->stamp.modified_ns / 1000000000);
    buf_format(b, "ETag: %s\r\nLast-Modified: %.*s\r\nCache-Control: public, max-age=%u\r\n",
               f->etag, HTTP_DATE_LEN, date, s->max_age);
    buf_add(b, STR("X-Content-Type-Options: nosniff\r\n"));
    if (f->type->compressible)
        buf_add(b, STR("Vary: Accept-Encoding\r\n"));
}

/* 206, 416, or the whole. */
static void answer_content(struct http_request *r, struct found *f, struct buf *headers)
{
    uint64_t size = f->bytes ? f->bytes->len : f->stamp.bytes, first = 0, last = 0;
    struct http_response res = { .type = str_of(f->type->name) };
    enum http_range range = f->gzip
                                ? HTTP_RANGE_NONE
                                : http_range_of(&r->head, size, str_of(f->etag),
                                                f->stamp.modified_ns / 1000000000, &first, &last);

    if (range == HTTP_RANGE_UNSATISFIABLE) {
        buf_format(headers, "Content-Range: bytes */%llu\r\n", (unsigned long long)size);
        http_respond(r, &(struct http_response){ .status = 416, .headers = buf_str(headers) });
        return;
    }
    if (range == HTTP_RANGE_ONE) {
        buf_format(headers, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)first,
                   (unsigned long long)last, (unsigned long long)size);
        res.status = 206;
    }
    if (f->gzip)
        buf_add(headers, STR("Content-Encoding: gzip\r\n"));
    else
        buf_add(headers, STR("Accept-Ranges: bytes\r\n"));
    res.headers = buf_str(headers);
    if (!f->bytes) {
        file_pull_start(r, &res, f->fd, first, range == HTTP_RANGE_ONE ? last + 1 : size);
        f->fd = -1;
        return;
    }
    if (range == HTTP_RANGE_ONE)
        res.body = str_n(f->bytes->data + first, (size_t)(last - first) + 1);
    else
        res.shared = f->bytes;
    http_respond(r, &res);
}

static bool accepts_gzip(const struct http_request *r)
{
    /* A range is of the plain bytes: those are what a resumed download has the front of. */
    return !http1_header(&r->head, STR("range")).p &&
           http_coding_of(http1_header(&r->head, STR("accept-encoding"))) == HTTP_GZIP;
}

static void serve(struct static_files *s, struct http_request *r, struct found *f)
{
    bool want_gzip = f->type->compressible && accepts_gzip(r);
    struct buf headers = { 0 };

    if (want_gzip)
        open_gzip_file(s, f);
    load(s, f, want_gzip);
    snprintf(f->etag, sizeof f->etag, "\"%llx-%llx%s\"", (unsigned long long)f->stamp.modified_ns,
             (unsigned long long)f->stamp.bytes, f->gzip ? "-gz" : "");
    write_headers(s, f, &headers);
    if (http_not_modified(&r->head, str_of(f->etag), f->stamp.modified_ns / 1000000000))
        http_respond(r, &(struct http_response){ .status = 304, .headers = buf_str(&headers) });
    else
        answer_content(r, f, &headers);
    buf_free(&headers);
    if (f->fd >= 0)
        close(f->fd);
}

static void on_head(struct http_handler *h, struct http_request *r)
{
    struct static_files *s = h->user;
    struct found f = { .fd = -1 };
    bool folder;

    if (!str_eq(r->head.method, STR("GET")) && !str_eq(r->head.method, STR("HEAD"))) {
        http_respond(r, &(struct http_response){ .status = 405,
                                                 .headers = STR("Allow: GET, HEAD\r\n") });
        return;
    }
    if (str_eq(r->head.path, str_of(s->prefix))) {
        answer_redirect(r);
        return;
    }
    if (!relative_path(s, r->head.path, f.path)) {
        answer_not_found(r);
        return;
    }
    size_t n = strlen(f.path);
    if (n == 0 || f.path[n - 1] == '/')
        memcpy(f.path + n, "index.html", sizeof "index.html");
    if (open_file(s, &f, &folder)) {
        f.type = content_type_of(str_of(f.path));
        serve(s, r, &f);
    } else if (folder) {
        answer_redirect(r);
    } else {
        answer_not_found(r);
    }
}

/* --- Life --- */

int static_files_new(str prefix, const char *dir, unsigned max_age, struct static_files **out,
                     char *why)
{
    struct static_files *s;
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_why(why, -errno, "cannot serve files of '%s': %s", dir, strerror(errno));
    if (prefix.n > 0 && prefix.p[prefix.n - 1] == '/')
        prefix.n--;
    s = mem_zalloc(sizeof *s);
    s->handler = (struct http_handler){ .user = s, .on_head = on_head };
    s->folder = fd;
    s->max_age = max_age;
    s->prefix = str_dup(prefix);
    file_cache_init(&s->cache, CACHE_BYTES);
    *out = s;
    return 0;
}

struct http_handler *static_files_handler(struct static_files *f)
{
    return &f->handler;
}

void static_files_free(struct static_files *f)
{
    if (!f)
        return;
    file_cache_free(&f->cache);
    close(f->folder);
    mem_free(f->prefix);
    mem_free(f);
}
