/* tests/unit/store/test_centre_server.c - the centre, killed again and again while two clients
 * write; guests that speak badly; a file that can no longer be written.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/centre_server.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/kv.h"
#include "cluster/lease.h"
#include "cluster/log.h"
#include "rng.h"
#include "store/centre.h"
#include "store/wire.h"
#include "test.h"

enum { GIVE_UP_MS = 60000 };

static struct loop loop;
static char folder[64], file[96], path[96];
static pid_t child;
static rlim_t file_bytes_max; /* of the next centre's files; 0: any */

static void on_failed(void *user, int err, const char *why)
{
    (void)user, (void)err;
    _exit(strstr(why, "cannot write") ? 7 : 3);
}

static void serve(void)
{
    struct centre_options o = { .path = file, .listen = path, .on_failed = on_failed };
    static struct loop own;
    struct centre *centre;
    char why[ATR_WHY_MAX] = "";

    if (loop_init(&own) < 0 || centre_open(&centre, &own, &o, why) < 0) {
        fprintf(stderr, "# %s\n", why);
        _exit(2);
    }
    if (file_bytes_max) {
        signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){ file_bytes_max, file_bytes_max });
    }
    (void)loop_run(&own);
    _exit(0);
}

static void start(void)
{
    fflush(stdout);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve();
}

static int end(int signal)
{
    int status;

    if (signal)
        kill(child, signal);
    assert_int_equal(waitpid(child, &status, 0), child);
    child = 0;
    return status;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/atrium-centre-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/c.db", folder);
    snprintf(path, sizeof path, "%s/c.sock", folder);
    file_bytes_max = 0;
    start();
    return loop_init(&loop);
}

static int tear_down(void **state)
{
    struct dirent *e;
    DIR *d;

    (void)state;
    if (child)
        (void)end(SIGKILL);
    assert_non_null(d = opendir(folder));
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(folder);
    (void)loop_turn(&loop, 0);
    loop_fini(&loop);
    return 0;
}

static struct store *open_store(const char *space)
{
    struct store *s =
        store_centre_open(&loop,
                          &(struct store_centre_options){ .path = path, .space = str_of(space) });

    s->deadline_ms = GIVE_UP_MS;
    return s;
}

/* --- One who writes without pause, and knows what he was told --- */

struct writer {
    struct store *store;
    int number, under_way;
    bool stop, acquiring;
    uint64_t increments, appends, epochs, last_epoch;
};

static void more(struct writer *w);

static void on_increment(void *user, const struct store_answer *a)
{
    struct writer *w = user;

    assert_int_equal(a->err, 0);
    assert_int_equal(a->r.number, ++w->increments); /* each once, in order */
    w->under_way--;
    more(w);
}

static void on_append(void *user, const struct store_answer *a)
{
    struct writer *w = user;

    assert_int_equal(a->err, 0);
    w->appends++;
    w->under_way--;
    more(w);
}

static void on_epoch(void *user, const struct store_answer *a)
{
    struct writer *w = user;

    assert_int_equal(a->err, 0);
    assert_true(a->r.epoch > w->last_epoch);
    w->last_epoch = a->r.epoch;
    w->epochs++;
    w->under_way--;
    w->acquiring = false;
    lease_release(w->store, STR("lease"), a->r.epoch, NULL, NULL);
    more(w);
}

static uint64_t appended[2];

static void more(struct writer *w)
{
    char text[32], name[16];

    snprintf(name, sizeof name, "w%d", w->number);
    while (!w->stop && w->under_way < 30) {
        snprintf(text, sizeof text, "%d %llu", w->number,
                 (unsigned long long)++appended[w->number]);
        kv_incr(w->store, str_of(name), 1, NULL, on_increment, w);
        log_append(w->store, STR("log"), str_of(text), &(struct log_terms){ .entries = 1000000 },
                   on_append, w);
        w->under_way += 2;
        if (w->number == 0 && !w->acquiring) {
            w->acquiring = true;
            lease_acquire(w->store, STR("lease"), STR("me"),
                          &(struct lease_terms){ .ttl_ms = 60000 }, on_epoch, w);
            w->under_way++;
        }
    }
}

struct read { /* what is left to be read */
    uint64_t next, by[2];
    bool done;
};

static void on_entries(void *user, const struct store_answer *a)
{
    struct read *r = user;
    struct store_record item;

    assert_int_equal(a->err, 0);
    assert_int_equal(a->r.flags & LOG_LOST, 0);
    for (str at = a->items; store_next(&at, &item);) {
        char text[32];
        int who;
        unsigned long long n;

        assert_int_equal(item.offset, r->next++);
        snprintf(text, sizeof text, "%.*s", STR_ARG(item.value));
        assert_int_equal(sscanf(text, "%d %llu", &who, &n), 2);
        assert_int_equal(n, ++r->by[who]); /* none is missing, none is twice */
    }
    r->done = true;
}

static void everything_acknowledged_survives_kills(void **state)
{
    struct writer writers[2] = { { .number = 0 }, { .number = 1 } };
    struct rng rng = { 42 };
    struct read read = { .next = 1 };
    uint64_t until;

    (void)state;
    appended[0] = appended[1] = 0;
    for (int i = 0; i < 2; i++) {
        writers[i].store = open_store("kills");
        more(&writers[i]);
    }
    for (int kills = 0; kills < 12; kills++) {
        uint64_t before = writers[0].increments + writers[1].increments;

        /* Some more is answered, and then it dies at any moment. */
        until = clock_mono_ms() + GIVE_UP_MS;
        while (writers[0].increments + writers[1].increments < before + 100 &&
               clock_mono_ms() < until)
            assert_int_equal(loop_turn(&loop, 5), 0);
        assert_true(writers[0].increments + writers[1].increments >= before + 100);
        for (uint64_t turns = rng_below(&rng, 20); turns; turns--)
            assert_int_equal(loop_turn(&loop, 0), 0);
        assert_true(WIFSIGNALED(end(SIGKILL)));
        for (uint64_t turns = rng_below(&rng, 3); turns; turns--)
            assert_int_equal(loop_turn(&loop, 5), 0);
        start();
    }
    writers[0].stop = writers[1].stop = true;
    until = clock_mono_ms() + GIVE_UP_MS;
    while (writers[0].under_way + writers[1].under_way && clock_mono_ms() < until)
        assert_int_equal(loop_turn(&loop, 5), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(writers[i].under_way, 0);
        assert_int_equal(writers[i].increments, appended[i]);
        assert_int_equal(writers[i].appends, appended[i]);
    }
    assert_true(writers[0].store->stats.losses + writers[1].store->stats.losses > 0);
    assert_true(writers[0].epochs > 0);
    assert_true(writers[0].store->stats.resent + writers[1].store->stats.resent > 0);
    while (read.next <= appended[0] + appended[1]) {
        read.done = false;
        log_read(writers[0].store, STR("log"), &(struct log_from){ .offset = read.next },
                 on_entries, &read);
        while (!read.done)
            assert_int_equal(loop_turn(&loop, 5), 0);
    }
    assert_int_equal(read.by[0], appended[0]);
    assert_int_equal(read.by[1], appended[1]);
    print_message("# %llu increments, %llu resent, %llu epochs\n",
                  (unsigned long long)(appended[0] + appended[1]),
                  (unsigned long long)(writers[0].store->stats.resent +
                                       writers[1].store->stats.resent),
                  (unsigned long long)writers[0].epochs);
    for (int i = 0; i < 2; i++)
        store_close(writers[i].store);
}

/* --- Others --- */

static int last_err, answers;
static struct store_record last;
static char value[64];

static void note(void *user, const struct store_answer *a)
{
    (void)user;
    answers++;
    last_err = a->err;
    last = a->r;
    snprintf(value, sizeof value, "%.*s", (int)(a->r.value.n < 60 ? a->r.value.n : 60),
             a->r.value.p ? a->r.value.p : "");
}

static int wait_for(int count)
{
    uint64_t until = clock_mono_ms() + GIVE_UP_MS;

    while (answers < count && clock_mono_ms() < until)
        assert_int_equal(loop_turn(&loop, 5), 0);
    assert_int_equal(answers, count);
    return last_err;
}

static void applications_are_apart(void **state)
{
    struct store *a = open_store("a"), *b = open_store("b");

    (void)state;
    answers = 0;
    kv_set(a, STR("k"), STR("of a"), NULL, note, NULL);
    assert_int_equal(wait_for(1), 0);
    kv_get(b, STR("k"), note, NULL);
    assert_int_equal(wait_for(2), ATR_EUNKNOWN);
    kv_set(b, STR("k"), STR("of b"), NULL, note, NULL);
    assert_int_equal(wait_for(3), 0);
    (void)end(SIGKILL);
    start();
    kv_get(a, STR("k"), note, NULL);
    assert_int_equal(wait_for(4), 0);
    assert_string_equal(value, "of a");
    store_close(a);
    store_close(b);
}

/* Without a centre operations wait, and end by their deadlines. */
static void nobody_answers(void **state)
{
    struct store *s;
    char why[ATR_WHY_MAX] = "";

    (void)state;
    (void)end(SIGKILL);
    s = open_store("a");
    s->deadline_ms = 50;
    answers = 0;
    kv_get(s, STR("k"), note, NULL);
    assert_int_equal(wait_for(1), ATR_ETIMEOUT);
    assert_false(store_centre_ready(s, why));
    assert_non_null(strstr(why, path));
    s->deadline_ms = GIVE_UP_MS;
    kv_set(s, STR("k"), STR("v"), NULL, note, NULL);
    start();
    assert_int_equal(wait_for(2), 0);
    assert_true(store_centre_ready(s, why));
    store_close(s);
}

static int lost;

static void on_message(struct link *l, str data, const int *fds, size_t count)
{
    (void)l, (void)data, (void)fds, (void)count;
}
static void on_close(struct link *l, int err)
{
    (void)l;
    lost = err ? err : 1;
}
static const struct link_events events = { .on_message = on_message, .on_close = on_close };

/* Whoever does not speak as we do is cut off, and nobody else notices. */
static void bad_guests_are_cut_off(void **state)
{
    static const str bad[] = { { STR_PARTS("GET / HTTP/1.1\r\n\r\n") },
                               { STR_PARTS("") },
                               { STR_PARTS("\x00\x00\x00\x80") },              /* no id */
                               { STR_PARTS("\x00\x06\x01\x81\x00\xc4\x01k") }, /* no hello */
                               { STR_PARTS("\x00\x00\x00\x83\x00\xc4\x01"
                                           "a\x02\xc4\x10"
                                           "0123456789abcdef\x14\x63") } };
    struct store *s = open_store("a");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int err = 0;
        uint64_t until = clock_mono_ms() + GIVE_UP_MS;

        answers = 0;
        kv_set(s, STR("k"), STR("v"), NULL, note, NULL);
        assert_int_equal(wait_for(1), 0);
        lost = 0;
        struct link *l = link_connect(&loop, path, &events, NULL, &err);
        assert_non_null(l);
        assert_int_equal(link_send(l, bad[i].n ? bad[i] : STR("\xc1"), NULL, 0), 0);
        while (!lost && clock_mono_ms() < until)
            assert_int_equal(loop_turn(&loop, 5), 0);
        assert_int_equal(lost, ATR_ECLOSED);
    }
    assert_int_equal(s->stats.losses, 0);
    store_close(s);
}

/* The disk is full: the centre ends, what it had acknowledged is there, and what waits is done when
 * there is room again. */
static void a_file_that_cannot_be_written(void **state)
{
    static char big[100000];
    struct store *s = open_store("a");
    int acknowledged = 0, status;
    char key[16];

    (void)state;
    answers = 0;
    kv_set(s, STR("first"), STR("v"), NULL, note, NULL);
    assert_int_equal(wait_for(1), 0);
    (void)end(SIGKILL);
    file_bytes_max = 1 << 20;
    start();
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        kv_set(s, str_of(key), str_n(big, sizeof big), NULL, note, NULL);
    }
    do {
        assert_int_equal(loop_turn(&loop, 5), 0);
    } while (waitpid(child, &status, WNOHANG) == 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    acknowledged = answers;
    assert_true(acknowledged < 101);
    file_bytes_max = 0;
    start();
    assert_int_equal(wait_for(101), 0);
    assert_int_equal(kv_list(s, STR("k"), STR(""), 0, KV_COUNT, note, NULL) != NULL, 1);
    assert_int_equal(wait_for(102), 0);
    assert_int_equal(last.number, 100);
    store_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TEST_MAIN(TEST(everything_acknowledged_survives_kills), TEST(applications_are_apart),
          TEST(nobody_answers), TEST(bad_guests_are_cut_off), TEST(a_file_that_cannot_be_written))
