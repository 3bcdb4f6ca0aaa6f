/* tests/unit/script/rig.c - see rig.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum { PATIENCE = 20000 }; /* turns; each waits up to a millisecond */

int rig_try(struct rig *r, const char *source)
{
    FILE *file;
    int err;

    *r = (struct rig){ .folder = "/tmp/atrium-script-XXXXXX" };
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->path, sizeof r->path, "%s/app.lua", r->folder);
    file = fopen(r->path, "w");
    assert_non_null(file);
    assert_true(fputs(source, file) >= 0);
    assert_int_equal(fclose(file), 0);
    r->app = atr_app_new(&err);
    assert_non_null(r->app);
    return script_open(r->app, r->path, &r->script, r->why);
}

void rig_open(struct rig *r, const char *source)
{
    if (rig_try(r, source) < 0)
        fail_msg("%s", r->why);
}

void rig_close(struct rig *r)
{
    script_close(r->script);
    atr_app_free(r->app);
    assert_int_equal(unlink(r->path), 0);
    assert_int_equal(rmdir(r->folder), 0);
}

void rig_turn(struct rig *r)
{
    assert_true(atr_app_turn(r->app, 1) >= 0);
}

static void read_exactly(struct rig *r, int fd, void *out, size_t n)
{
    size_t have = 0;

    for (int tries = 0; have < n && tries < PATIENCE; tries++) {
        ssize_t got = recv(fd, (char *)out + have, n - have, MSG_DONTWAIT);

        assert_int_not_equal(got, 0); /* the server has hung up */
        if (got > 0)
            have += (size_t)got;
        else
            rig_turn(r);
    }
    assert_int_equal(have, n);
}

size_t rig_frame(struct rig *r, int fd, char *out, size_t size)
{
    uint8_t head[4];
    size_t n;

    read_exactly(r, fd, head, 2);
    assert_int_equal(head[0] & 0x80, 0x80);
    n = head[1];
    if (n == 126) {
        read_exactly(r, fd, head + 2, 2);
        n = (size_t)head[2] << 8 | head[3];
    }
    assert_true(n < size && n != 127);
    read_exactly(r, fd, out, n);
    out[n] = '\0';
    return n;
}

static void send_frame(int fd, uint8_t op, const void *payload, size_t n)
{
    static uint8_t frame[65536];
    size_t head = n < 126 ? 6 : 8; /* the masking key is zero: the payload goes as it is */

    assert_true(head + n <= sizeof frame);
    memset(frame, 0, head);
    frame[0] = (uint8_t)(0x80 | op);
    frame[1] = (uint8_t)(0x80 | (n < 126 ? n : 126));
    if (n >= 126) {
        frame[2] = (uint8_t)(n >> 8);
        frame[3] = (uint8_t)n;
    }
    if (n)
        memcpy(frame + head, payload, n);
    assert_int_equal(send(fd, frame, head + n, MSG_NOSIGNAL), (ssize_t)(head + n));
}

void rig_send(int fd, const char *packet)
{
    send_frame(fd, 1, packet, strlen(packet));
}

void rig_send_binary(int fd, str bytes)
{
    send_frame(fd, 2, bytes.p, bytes.n);
}

void rig_expect(struct rig *r, int fd, const char *packet)
{
    static char got[65536];

    (void)rig_frame(r, fd, got, sizeof got);
    assert_string_equal(got, packet);
}

void rig_expect_silence(struct rig *r, int fd)
{
    char byte;

    for (int i = 0; i < 20; i++)
        rig_turn(r);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
}

int rig_connect(struct rig *r)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), port;

    if (!r->port) {
        port = atr_app_listen(r->app, "127.0.0.1", 0, r->why);
        assert_true(port > 0);
        r->port = (uint16_t)port;
    }
    to.sin_port = htons(r->port);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
    return fd;
}

ssize_t rig_receive(int fd, void *out, size_t size)
{
    return recv(fd, out, size, MSG_DONTWAIT);
}

static int upgrade(struct rig *r, const char *path)
{
    int fd = rig_connect(r);
    char head[512] = "", open_packet[512];
    size_t n;

    n = (size_t)snprintf(head, sizeof head,
                         "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
                         "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         "Sec-WebSocket-Version: 13\r\nX-Test: yes\r\n\r\n",
                         path);
    assert_int_equal(send(fd, head, n, 0), (ssize_t)n);
    for (n = 0; n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0; n++) {
        assert_true(n < sizeof head);
        read_exactly(r, fd, head + n, 1);
    }
    assert_memory_equal(head, "HTTP/1.1 101", 12);
    (void)rig_frame(r, fd, open_packet, sizeof open_packet);
    assert_int_equal(open_packet[0], '0');
    return fd;
}

int rig_client(struct rig *r, const char *auth)
{
    int fd = upgrade(r, "/socket.io/");
    char packet[1024];

    snprintf(packet, sizeof packet, "40%s", auth);
    rig_send(fd, packet);
    (void)rig_frame(r, fd, packet, sizeof packet);
    assert_memory_equal(packet, "40{\"sid\":\"", 10);
    return fd;
}

int rig_engine_client(struct rig *r, const char *path)
{
    return upgrade(r, path);
}

/* --- Log --- */

static char caught[16384];
static size_t caught_len;

static void on_line(void *user, enum log_level level, const char *line)
{
    size_t n = strlen(line);

    (void)user;
    (void)level;
    if (n + 2 > sizeof caught - caught_len)
        return;
    memcpy(caught + caught_len, line, n);
    caught_len += n;
    caught[caught_len++] = '\n';
    caught[caught_len] = '\0';
}

void rig_catch_log(void)
{
    caught_len = 0;
    caught[0] = '\0';
    log_set_sink(on_line, NULL);
}

const char *rig_log(void)
{
    caught_len = 0;
    return caught;
}
