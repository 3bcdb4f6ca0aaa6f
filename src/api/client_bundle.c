/* api/client_bundle.c - see client_bundle.h.
 *
 * Files are read once, at mounting, and kept with a gzip form beside them: answers are copies of
 * memory, the loop never waits for a disk.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/client_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "engineio/cors.h"
#include "http/compress.h"
#include "http/conditions.h"

enum { FILE_BYTES_MAX = 16 << 20 };

static const struct bundle_name {
    const char *name;
    bool map;
} names[] = {
    { "socket.io.js", false },
    { "socket.io.js.map", true },
    { "socket.io.min.js", false },
    { "socket.io.min.js.map", true },
    { "socket.io.esm.min.js", false },
    { "socket.io.esm.min.js.map", true },
    { "socket.io.msgpack.min.js", false },
    { "socket.io.msgpack.min.js.map", true },
};
enum { NAMES = sizeof names / sizeof *names };

struct bundle_file {
    struct http_handler handler;
    struct client_bundle *bundle;
    char *mount; /* NULL: not there */
    struct buf plain, gzip;
    bool map;
};

struct client_bundle {
    struct http_router *router;
    const struct eio_cors *cors;
    char etag[80];
    struct bundle_file files[NAMES];
};

static int read_file(const char *folder, const char *name, struct buf *out)
{
    char path[PATH_MAX];
    struct stat st;
    int fd, err = 0;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -ENAMETOOLONG;
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
        err = -EINVAL;
    while (err == 0) {
        err = buf_reserve(out, 65536);
        ssize_t n = err < 0 ? -1 : read(fd, out->data + out->len, out->cap - out->len);
        if (n <= 0) {
            err = n < 0 ? -EIO : 1;
            break;
        }
        out->len += (size_t)n;
    }
    close(fd);
    return err < 0 ? err : 0;
}

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct bundle_file *f = container_of(h, struct bundle_file, handler);
    struct client_bundle *b = f->bundle;
    struct buf headers = { 0 };
    struct http_response res = { .status = 200, .body = buf_str(&f->plain) };

    eio_cors_headers(&headers, b->cors, &r->head);
    if (!str_eq(r->head.path, str_of(f->mount))) {
        http_respond_status(r, 404);
        goto done;
    }
    if (!str_eq(r->head.method, STR("GET")) && !str_eq(r->head.method, STR("HEAD"))) {
        http_respond_status(r, 405);
        goto done;
    }
    buf_format(&headers,
               "ETag: %s\r\nCache-Control: public, max-age=0\r\nVary: Accept-Encoding\r\n",
               b->etag);
    if (etag_listed(http1_header(&r->head, STR("if-none-match")), str_of(b->etag))) {
        res.status = 304;
        res.body = (str){ 0 };
    } else {
        res.type = f->map ? STR("application/json; charset=utf-8")
                          : STR("application/javascript; charset=utf-8");
        if (f->gzip.len &&
            http_coding_of(http1_header(&r->head, STR("accept-encoding"))) == HTTP_GZIP) {
            res.body = buf_str(&f->gzip);
            buf_add(&headers, STR("Content-Encoding: gzip\r\n"));
        }
    }
    res.headers = buf_str(&headers);
    http_respond(r, &res);
done:
    buf_free(&headers);
}

/* The entity tag is the client's version, as Socket.IO's is; "0" when the folder does not say it.
 */
static void read_version(struct client_bundle *b, const char *folder)
{
    struct buf version = { 0 };
    str v;

    (void)read_file(folder, "version", &version); /* absent: stays empty */
    v = buf_str(&version);
    while (v.n && (unsigned char)v.p[v.n - 1] <= ' ')
        v.n--;
    (void)snprintf(b->etag, sizeof b->etag, "\"%.*s\"", v.n && v.n < 64 ? (int)v.n : 1,
                   v.n && v.n < 64 ? v.p : "0");
    buf_free(&version);
}

static void add_file(struct client_bundle *b, size_t i, const char *folder, str path)
{
    struct bundle_file *f = &b->files[i];
    bool slash = path.n && path.p[path.n - 1] == '/';

    if (read_file(folder, names[i].name, &f->plain) < 0)
        return;
    http_compress(&f->gzip, HTTP_GZIP, buf_str(&f->plain), 6);
    f->handler = (struct http_handler){ .on_request = on_request };
    f->bundle = b;
    f->map = names[i].map;
    struct buf mount = { 0 };
    buf_format(&mount, "%.*s%s%s", STR_ARG(path), slash ? "" : "/", names[i].name);
    f->mount = str_dup(buf_str(&mount));
    buf_free(&mount);
    if (http_router_mount(b->router, str_of(f->mount), &f->handler) < 0) {
        mem_free(f->mount); /* taken by the application: it wins */
        f->mount = NULL;
    }
}

struct client_bundle *client_bundle_new(struct http_router *router, str path,
                                        const struct eio_cors *cors)
{
    char folder[PATH_MAX];

    if (!client_folder_find(folder))
        return NULL;
    struct client_bundle *b = mem_zalloc(sizeof *b);
    b->router = router;
    b->cors = cors;
    read_version(b, folder);
    for (size_t i = 0; i < NAMES; i++)
        add_file(b, i, folder, path);
    return b;
}

void client_bundle_free(struct client_bundle *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < NAMES; i++) {
        struct bundle_file *f = &b->files[i];
        if (f->mount)
            http_router_unmount(b->router, str_of(f->mount));
        mem_free(f->mount);
        buf_free(&f->plain);
        buf_free(&f->gzip);
    }
    mem_free(b);
}
