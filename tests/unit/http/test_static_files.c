/* tests/unit/http/test_static_files.c - a folder made for the test, served over a real socket.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

#include "http/beneath.h"
#include "http/compress.h"
#include "http/static_files.h"

struct fixture {
    struct site site;
    struct client client;
    struct static_files *files;
    char top[32]; /* holds "www" and, beside it, "secret" */
};

static void make(const struct fixture *f, const char *name, str content)
{
    char path[128];
    int fd;

    snprintf(path, sizeof path, "%s/%s", f->top, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.p, content.n), (ssize_t)content.n);
    close(fd);
}

static void make_folder(const struct fixture *f, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", f->top, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link(const struct fixture *f, const char *name, const char *to)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", f->top, name);
    assert_int_equal(symlink(to, path), 0);
}

/* Sets the time of a file, in seconds. */
static void set_time(const struct fixture *f, const char *name, time_t at)
{
    struct timespec times[2] = { { .tv_sec = at }, { .tv_sec = at } };
    char path[128];

    snprintf(path, sizeof path, "%s/%s", f->top, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void start(struct fixture *f, const char *prefix)
{
    char dir[64], why[ATR_WHY_MAX];

    *f = (struct fixture){ .top = "/tmp/static_files_XXXXXX" };
    assert_non_null(mkdtemp(f->top));
    make_folder(f, "www");
    make_folder(f, "www/sub");
    make(f, "secret", STR("secret"));
    make(f, "www/index.html", STR("<p>top"));
    make(f, "www/sub/index.html", STR("<p>sub"));
    make(f, "www/a b.txt", STR("0123456789"));
    make(f, "www/.hidden", STR("hidden"));
    site_open(&f->site, NULL);
    snprintf(dir, sizeof dir, "%s/www", f->top);
    assert_int_equal(static_files_new(str_of(prefix), dir, 60, &f->files, why), 0);
    assert_int_equal(
        http_router_fallback(&f->site.router, str_of(prefix), static_files_handler(f->files)), 0);
    client_open(&f->client, &f->site);
}

static void finish(struct fixture *f)
{
    char command[64];

    client_close(&f->client);
    site_close(&f->site);
    static_files_free(f->files);
    http_compress_trim();
    snprintf(command, sizeof command, "rm -rf %s", f->top);
    assert_int_equal(system(command), 0);
}

static void serves_files(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, "/");
    assert_int_equal(client_get(&f.client, "/a%20b.txt", ""), 200);
    assert_str(buf_str(&f.client.body), "0123456789");
    assert_str(client_header(&f.client, "content-type"), "text/plain; charset=utf-8");
    assert_str(client_header(&f.client, "x-content-type-options"), "nosniff");
    assert_str(client_header(&f.client, "cache-control"), "public, max-age=60");
    assert_str(client_header(&f.client, "accept-ranges"), "bytes");
    assert_str(client_header(&f.client, "vary"), "Accept-Encoding");
    assert_int_equal(client_header(&f.client, "last-modified").n, 29);
    client_say(&f.client, "HEAD /a%20b.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "HEAD"), 200);
    assert_str(client_header(&f.client, "content-length"), "10");
    assert_int_equal(client_get(&f.client, "/a%20b.txt?v=1", ""), 200);
    client_say(&f.client, "POST /a%20b.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(client_response(&f.client, "POST"), 405);
    assert_str(client_header(&f.client, "allow"), "GET, HEAD");
    finish(&f);
}

static void serves_folders(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, "/");
    make_folder(&f, "www/empty");
    assert_int_equal(client_get(&f.client, "/", ""), 200);
    assert_str(buf_str(&f.client.body), "<p>top");
    assert_str(client_header(&f.client, "content-type"), "text/html; charset=utf-8");
    assert_int_equal(client_get(&f.client, "/sub/", ""), 200);
    assert_str(buf_str(&f.client.body), "<p>sub");
    assert_int_equal(client_get(&f.client, "/sub?a=b", ""), 301);
    assert_str(client_header(&f.client, "location"), "/sub/?a=b");
    assert_int_equal(client_get(&f.client, "/empty/", ""), 404);
    finish(&f);
}

static void cuts_the_prefix(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, "/pub/");
    assert_int_equal(client_get(&f.client, "/pub/sub/", ""), 200);
    assert_int_equal(client_get(&f.client, "/pub/", ""), 200);
    assert_int_equal(client_get(&f.client, "/publ", ""), 404);
    assert_int_equal(client_get(&f.client, "/index.html", ""), 404);
    finish(&f);
    start(&f, "/pub");
    assert_int_equal(client_get(&f.client, "/pub/sub/", ""), 200);
    assert_int_equal(client_get(&f.client, "/public", ""), 404);
    assert_int_equal(client_get(&f.client, "/pub", ""), 301);
    assert_str(client_header(&f.client, "location"), "/pub/");
    finish(&f);
}

/* Whatever is asked for, nothing from outside comes back. */
static void stays_beneath(void **state)
{
    static const char *const paths[] = { "/../secret",
                                         "/%2e%2e/secret",
                                         "/..%2fsecret",
                                         "/sub/../../secret",
                                         "/sub/%2E%2E/%2e./secret",
                                         "/./index.html",
                                         "/sub/..",
                                         "//index.html",
                                         "/sub//index.html",
                                         "//etc/passwd",
                                         "/%2fetc/passwd",
                                         "/.hidden",
                                         "/%2ehidden",
                                         "/index.html/",
                                         "/index.html%00",
                                         "/index.html%00.txt",
                                         "/%",
                                         "/%zz",
                                         "/out",
                                         "/out_abs",
                                         "/outdir/secret",
                                         "/proc/secret",
                                         "/none",
                                         "/fifo" };
    char fifo[64];
    struct fixture f;
    (void)state;

    start(&f, "/");
    make_link(&f, "www/out", "../secret");
    make_link(&f, "www/out_abs", "/etc/passwd");
    make_link(&f, "www/outdir", "..");
    make_link(&f, "www/proc", "/proc/self/cwd");
    make_link(&f, "www/in", "sub/index.html");
    snprintf(fifo, sizeof fifo, "%s/www/fifo", f.top);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (client_get(&f.client, paths[i], "") != 404)
            fail_msg("%s: %u", paths[i], f.client.head.status);
    assert_int_equal(client_get(&f.client, "/in", ""), 200); /* a link that stays */
    assert_str(buf_str(&f.client.body), "<p>sub");
    finish(&f);
}

static void long_paths(void **state)
{
    struct fixture f;
    char path[3000] = "/";
    (void)state;

    start(&f, "/");
    memset(path + 1, 'a', sizeof path - 2);
    assert_int_equal(client_get(&f.client, path, ""), 404);
    memset(path + 300, '\0', 1);
    assert_int_equal(client_get(&f.client, path, ""), 404);
    finish(&f);
}

static void conditions(void **state)
{
    char etag[64], lines[256];
    struct fixture f;
    (void)state;

    start(&f, "/");
    set_time(&f, "www/a b.txt", 784111777);
    assert_int_equal(client_get(&f.client, "/a%20b.txt", ""), 200);
    assert_str(client_header(&f.client, "last-modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
    snprintf(etag, sizeof etag, "%.*s", STR_ARG(client_header(&f.client, "etag")));
    snprintf(lines, sizeof lines, "If-None-Match: W/%s\r\n", etag);
    assert_int_equal(client_get(&f.client, "/a%20b.txt", lines), 304);
    assert_true(str_eq(client_header(&f.client, "etag"), str_of(etag)));
    assert_str(client_header(&f.client, "cache-control"), "public, max-age=60");
    assert_int_equal(client_get(&f.client, "/a%20b.txt",
                                "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
                     304);
    /* Other content is another state, with another tag. */
    make(&f, "www/a b.txt", STR("another text"));
    assert_int_equal(client_get(&f.client, "/a%20b.txt", lines), 200);
    assert_str(buf_str(&f.client.body), "another text");
    assert_false(str_eq(client_header(&f.client, "etag"), str_of(etag)));
    finish(&f);
}

static void ranges(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, "/");
    assert_int_equal(client_get(&f.client, "/a%20b.txt", "Range: bytes=2-4\r\n"), 206);
    assert_str(buf_str(&f.client.body), "234");
    assert_str(client_header(&f.client, "content-range"), "bytes 2-4/10");
    assert_int_equal(client_get(&f.client, "/a%20b.txt", "Range: bytes=-3\r\n"), 206);
    assert_str(buf_str(&f.client.body), "789");
    assert_int_equal(client_get(&f.client, "/a%20b.txt", "Range: bytes=10-\r\n"), 416);
    assert_str(client_header(&f.client, "content-range"), "bytes */10");
    assert_int_equal(client_get(&f.client, "/a%20b.txt", "Range: bytes=0-1,4-5\r\n"), 200);
    assert_int_equal(
        client_get(&f.client, "/a%20b.txt", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n"), 200);
    assert_str(buf_str(&f.client.body), "0123456789");
    finish(&f);
}

static void gzip_on_the_fly(void **state)
{
    static char script[5000];
    struct fixture f;
    char lines[128];
    (void)state;

    start(&f, "/");
    memset(script, 'x', sizeof script);
    make(&f, "www/s.js", str_n(script, sizeof script));
    make(&f, "www/s.png", str_n(script, sizeof script));
    for (int i = 0; i < 2; i++) { /* cold and warm */
        assert_int_equal(client_get(&f.client, "/s.js", "Accept-Encoding: gzip\r\n"), 200);
        assert_str(client_header(&f.client, "content-encoding"), "gzip");
        assert_str(client_header(&f.client, "vary"), "Accept-Encoding");
        assert_true(f.client.body.len < 200);
        assert_memory_equal(f.client.body.data, "\x1f\x8b", 2);
    }
    snprintf(lines, sizeof lines, "Accept-Encoding: gzip\r\nIf-None-Match: %.*s\r\n",
             STR_ARG(client_header(&f.client, "etag")));
    assert_int_equal(client_get(&f.client, "/s.js", lines), 304);
    snprintf(lines, sizeof lines, "If-None-Match: %.*s\r\n",
             STR_ARG(client_header(&f.client, "etag")));
    assert_int_equal(client_get(&f.client, "/s.js", lines), 200); /* the plain form is another */
    assert_int_equal(f.client.body.len, sizeof script);
    assert_int_equal(
        client_get(&f.client, "/s.js", "Accept-Encoding: gzip\r\nRange: bytes=0-9\r\n"), 206);
    assert_null(client_header(&f.client, "content-encoding").p);
    assert_str(buf_str(&f.client.body), "xxxxxxxxxx");
    assert_int_equal(client_get(&f.client, "/s.png", "Accept-Encoding: gzip\r\n"), 200);
    assert_null(client_header(&f.client, "content-encoding").p);
    assert_null(client_header(&f.client, "vary").p);
    finish(&f);
}

static void gzip_file_beside(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, "/");
    make(&f, "www/s.css", STR("plain"));
    make(&f, "www/s.css.gz", STR("made before"));
    set_time(&f, "www/s.css", 1000);
    set_time(&f, "www/s.css.gz", 1000);
    assert_int_equal(client_get(&f.client, "/s.css", "Accept-Encoding: gzip\r\n"), 200);
    assert_str(buf_str(&f.client.body), "made before");
    assert_str(client_header(&f.client, "content-encoding"), "gzip");
    assert_str(client_header(&f.client, "content-type"), "text/css; charset=utf-8");
    assert_int_equal(client_get(&f.client, "/s.css", ""), 200);
    assert_str(buf_str(&f.client.body), "plain");
    set_time(&f, "www/s.css", 1001); /* the file beside is out of date */
    assert_int_equal(client_get(&f.client, "/s.css", "Accept-Encoding: gzip\r\n"), 200);
    assert_str(buf_str(&f.client.body), "plain");
    assert_int_equal(client_get(&f.client, "/s.css.gz", "Accept-Encoding: gzip\r\n"), 200);
    assert_null(client_header(&f.client, "content-encoding").p);
    assert_str(client_header(&f.client, "content-type"), "application/gzip");
    finish(&f);
}

static void streams_large_files(void **state)
{
    enum { SIZE = 3000001 };
    static uint8_t content[SIZE];
    struct fixture f;
    (void)state;

    start(&f, "/");
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (uint8_t)(i * 31 >> 3);
    make(&f, "www/large.js", str_n(content, SIZE));
    assert_int_equal(client_get(&f.client, "/large.js", "Accept-Encoding: gzip\r\n"), 200);
    assert_int_equal(f.client.body.len, SIZE);
    assert_memory_equal(f.client.body.data, content, SIZE);
    assert_int_equal(client_get(&f.client, "/large.js", "Range: bytes=1000000-2999999\r\n"), 206);
    assert_int_equal(f.client.body.len, 2000000);
    assert_memory_equal(f.client.body.data, content + 1000000, 2000000);
    client_say(&f.client, "HEAD /large.js HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(client_response(&f.client, "HEAD"), 200);
    assert_int_equal(f.client.head.length, SIZE);
    finish(&f);
}

/* A file that becomes shorter while it is sent: the client sees that the answer is incomplete. */
static void cuts_when_a_file_shrinks(void **state)
{
    struct fixture f;
    char path[64];
    (void)state;

    start(&f, "/");
    make(&f, "www/large.bin", STR(""));
    snprintf(path, sizeof path, "%s/www/large.bin", f.top);
    assert_int_equal(truncate(path, 64 * 1024 * 1024), 0);
    client_say(&f.client, "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    site_until(&f.site, stream_stats.queued_bytes > 0 && f.site.server.stats.requests == 1);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(client_response(&f.client, "GET"), 0);
    finish(&f);
}

static void empty_files(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, "/");
    make(&f, "www/empty.txt", STR(""));
    assert_int_equal(client_get(&f.client, "/empty.txt", "Accept-Encoding: gzip\r\n"), 200);
    assert_str(client_header(&f.client, "content-length"), "0");
    assert_int_equal(client_get(&f.client, "/empty.txt", "Range: bytes=0-\r\n"), 416);
    finish(&f);
}

/* The way for kernels without openat2 is as strict, and follows no link at all. */
static void walks_beneath(void **state)
{
    struct fixture f;
    char dir[64];
    int folder, fd;
    (void)state;

    start(&f, "/");
    make_link(&f, "www/in", "sub/index.html");
    make_link(&f, "www/subdir", "sub");
    make_link(&f, "www/outdir", "..");
    snprintf(dir, sizeof dir, "%s/www", f.top);
    folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    int (*const ways[])(int, const char *) = { beneath_open, beneath_walk };
    for (size_t i = 0; i < 2; i++) {
        static const char *const good[] = { "", "index.html", "sub", "sub/index.html" };
        for (size_t k = 0; k < 4; k++) {
            assert_true((fd = ways[i](folder, good[k])) >= 0);
            close(fd);
        }
        assert_int_equal(ways[i](folder, "none"), -ENOENT);
        assert_int_equal(ways[i](folder, "none/x"), -ENOENT);
        assert_int_equal(ways[i](folder, "index.html/x"), -ENOTDIR);
        assert_int_equal(ways[i](folder, "../secret"), -EXDEV);
        assert_int_equal(ways[i](folder, "sub/../../secret"), -EXDEV);
        assert_true(ways[i](folder, "outdir/secret") < 0);
    }
    assert_true(beneath_walk(folder, "in") < 0);
    assert_true(beneath_walk(folder, "subdir/index.html") < 0);
    close(folder);
    finish(&f);
}

static void says_what_it_cannot_serve(void **state)
{
    struct static_files *files = NULL;
    char why[ATR_WHY_MAX];
    (void)state;

    assert_int_equal(static_files_new(STR("/"), "/none/such", 0, &files, why), -ENOENT);
    assert_non_null(strstr(why, "/none/such"));
    assert_null(files);
    static_files_free(NULL);
}

TEST_MAIN(cmocka_unit_test(serves_files), cmocka_unit_test(serves_folders),
          cmocka_unit_test(cuts_the_prefix), cmocka_unit_test(stays_beneath),
          cmocka_unit_test(long_paths), cmocka_unit_test(conditions), cmocka_unit_test(ranges),
          cmocka_unit_test(gzip_on_the_fly), cmocka_unit_test(gzip_file_beside),
          cmocka_unit_test(streams_large_files), cmocka_unit_test(cuts_when_a_file_shrinks),
          cmocka_unit_test(empty_files), cmocka_unit_test(walks_beneath),
          cmocka_unit_test(says_what_it_cannot_serve))
