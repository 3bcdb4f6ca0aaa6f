/* tests/unit/super/test_worker.c - the worker's end, with the test as its supervisors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/listener.h"
#include "super/fields.h"
#include "super/home.h"
#include "super/worker.h"

static struct loop loop;
static struct worker worker;
static char folder[32], path[64], why[ATR_WHY_MAX];
static uint32_t drained_ms;
static pid_t heir;

static void on_drain(struct worker *w, uint32_t ms, pid_t to)
{
    (void)w;
    drained_ms = ms;
    heir = to;
}

static uint64_t connections(struct worker *w)
{
    (void)w;
    return 42;
}

/* --- A supervisor: remembers what it was told last of each type --- */

struct boss {
    struct link *link;
    char status[512], heartbeat[512], listen[512], listener[512], board[512];
    int fd; /* that came last */
    unsigned listeners;
    bool knew_status; /* when the board came */
};

static void keep(char *to, str json)
{
    (void)snprintf(to, 512, "%.*s", STR_ARG(json));
}

static void told(struct link *l, str json, const int *fds, size_t count)
{
    struct boss *b = l->owner;

    if (field_is(json, "type", "status"))
        keep(b->status, json);
    else if (field_is(json, "type", "heartbeat"))
        keep(b->heartbeat, json);
    else if (field_is(json, "type", "listen"))
        keep(b->listen, json);
    else if (field_is(json, "type", "listener"))
        keep(b->listener, json), b->listeners++;
    else if (field_is(json, "type", "board"))
        keep(b->board, json), b->knew_status = b->status[0] != 0;
    if (count) {
        if (b->fd >= 0)
            close(b->fd);
        b->fd = fds[0];
    }
}

static void lost(struct link *l, int err)
{
    (void)err;
    ((struct boss *)l->owner)->link = NULL;
}

static const struct link_events boss_events = { .on_message = told, .on_close = lost };

static void tell(struct boss *b, const char *json, int fd)
{
    assert_int_equal(link_send(b->link, str_of(json), &fd, fd >= 0), 0);
}

static void arrive(struct boss *b)
{
    int err;

    *b = (struct boss){ .fd = -1 };
    b->link = link_connect(&loop, path, &boss_events, b, &err);
    assert_non_null(b->link);
    tell(b, "{\"type\":\"hello\",\"from\":\"supervisor\"}", -1);
}

static void leave(struct boss *b)
{
    if (b->link)
        link_close(b->link, 0);
    if (b->fd >= 0)
        close(b->fd);
}

static void turn_until(const char *text, const char *says)
{
    for (int i = 0; i < 3000 && !strstr(text, says); i++)
        assert_int_equal(loop_turn(&loop, 10), 0);
    if (!strstr(text, says))
        fail_msg("\"%s\" does not say %s", text, says);
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/atrium-worker-XXXXXX");
    drained_ms = 0;
    heir = 0;
    if (!mkdtemp(folder) || loop_init(&loop) < 0)
        return -1;
    (void)snprintf(path, sizeof path, "%s/w.sock", folder);
    worker = (struct worker){ .on_drain = on_drain, .connections = connections };
    return worker_open(&worker, &loop, home_listen(path, SOCK_SEQPACKET), "chat", 3, why);
}

static int end(void **state)
{
    (void)state;
    worker_close(&worker);
    (void)loop_turn(&loop, 0);
    loop_fini(&loop);
    return rmdir(folder); /* the socket's file is gone */
}

static void every_supervisor_is_told_the_same(void **state)
{
    struct boss one, two;

    (void)state;
    arrive(&one);
    turn_until(one.status, "\"name\":\"chat\",\"instance\":3");
    assert_non_null(strstr(one.status, "\"listening\":false,\"ready\":false"));
    worker_listening(&worker);
    turn_until(one.status, "\"listening\":true,\"ready\":false");
    worker_ready(&worker);
    leave(&one);
    arrive(&two);
    turn_until(two.status, "\"listening\":true,\"ready\":true,\"draining\":false");
    turn_until(two.heartbeat, "\"connections\":42");
    tell(&two, "{\"type\":\"drain\",\"ms\":700,\"heir\":1234}", -1);
    turn_until(two.status, "\"draining\":true");
    assert_int_equal(drained_ms, 700);
    assert_int_equal(heir, 1234);
    worker_lingers(&worker, 60000);
    turn_until(two.status, "\"lingers\":60000");
    leave(&two);
}

static void listening_sockets_are_lent_kept_and_given_back(void **state)
{
    int lent = listener_bind("127.0.0.1", 0, why), got;
    struct boss one, two;

    (void)state;
    assert_true(lent >= 0);
    arrive(&one);
    turn_until(one.status, "chat");
    tell(&one, "{\"type\":\"listener\"}", lent); /* the answer waits already */
    close(lent);
    assert_true((got = worker_listen(&worker, NULL, 8000, why)) >= 0);
    close(got);
    turn_until(one.listen, "\"host\":\"\",\"port\":8000");
    assert_true((got = worker_listen(&worker, "", 8000, why)) >= 0); /* without asking again */
    close(got);
    leave(&one);
    arrive(&two);
    turn_until(two.listener, "\"host\":\"\",\"port\":8000");
    assert_true(two.fd >= 0);
    leave(&two);
}

/* Before the status: a supervisor that has heard that knows whether there is a board. */
static void the_board_is_lent_kept_and_given_back(void **state)
{
    int lent = memfd_create("board", MFD_CLOEXEC), got;
    const char *folder_of_it;
    struct boss one, two;
    struct stat mine, theirs;

    (void)state;
    arrive(&one);
    turn_until(one.status, "chat");
    tell(&one, "{\"type\":\"listener\"}", lent); /* not what is asked for: a late answer */
    tell(&one, "{\"type\":\"board\",\"folder\":\"/run/x\"}", lent);
    assert_true((got = worker_board(&worker, &folder_of_it, why)) >= 0);
    assert_string_equal(folder_of_it, "/run/x");
    assert_int_equal(fstat(lent, &mine), 0);
    assert_int_equal(fstat(got, &theirs), 0);
    assert_int_equal(mine.st_ino, theirs.st_ino);
    close(got);
    close(lent);
    turn_until(one.board, "{\"type\":\"board\"}");
    assert_true((got = worker_board(&worker, &folder_of_it, why)) >= 0); /* without asking again */
    close(got);
    leave(&one);
    arrive(&two);
    turn_until(two.status, "chat");
    assert_string_equal(two.board, "{\"type\":\"board\"}");
    assert_false(two.knew_status);
    assert_int_equal(fstat(two.fd, &theirs), 0);
    assert_int_equal(mine.st_ino, theirs.st_ino);
    leave(&two);
}

static void a_refusal_has_its_reason(void **state)
{
    struct boss one;

    (void)state;
    arrive(&one);
    turn_until(one.status, "chat");
    tell(&one, "{\"type\":\"listener\",\"code\":-98,\"error\":\"port 80 is taken\"}", -1);
    assert_int_equal(worker_listen(&worker, NULL, 80, why), -98);
    assert_string_equal(why, "port 80 is taken");
    leave(&one);
}

static void what_is_not_ours_ends_the_connection(void **state)
{
    struct boss one;

    (void)state;
    arrive(&one);
    turn_until(one.status, "chat");
    tell(&one, "{\"type\":", -1);
    for (int i = 0; i < 1000 && one.link; i++)
        assert_int_equal(loop_turn(&loop, 10), 0);
    assert_null(one.link);
    leave(&one);
    arrive(&one); /* the worker goes on */
    turn_until(one.status, "chat");
    tell(&one, "{\"type\":\"unheard of\"}", -1);
    tell(&one, "{}", -1);
    tell(&one, "[1]", -1);
    one.status[0] = 0;
    worker_ready(&worker);
    turn_until(one.status, "\"ready\":true");
    leave(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_supervisor_is_told_the_same, begin, end),
        cmocka_unit_test_setup_teardown(listening_sockets_are_lent_kept_and_given_back, begin, end),
        cmocka_unit_test_setup_teardown(the_board_is_lent_kept_and_given_back, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_has_its_reason, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_ours_ends_the_connection, begin, end)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
