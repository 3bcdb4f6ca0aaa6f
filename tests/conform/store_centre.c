/* tests/conform/store_centre.c - the centre for the suite of stores: a process of its own, over a
 * real socket, with a real file, whose clock the suite moves through shared memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store_nodes.h"

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/centre.h"
#include "store/centre_server.h"
#include "test.h"

static char folder[64], file[96], path[96];
static _Atomic uint64_t *now_ms;
static pid_t child;

static uint64_t clock_ms(void)
{
    return atomic_load(now_ms);
}

static void on_failed(void *user, int err, const char *why)
{
    (void)user, (void)err;
    fprintf(stderr, "# %s\n", why);
    _exit(3);
}

/* The process of the centre. */
static void serve(void)
{
    struct centre_options o = { .path = file,
                                .listen = path,
                                .bytes_max = 64 << 20,
                                .clock_ms = clock_ms,
                                .tick_ms = 2,
                                .on_failed = on_failed };
    static struct loop own;
    struct centre *centre;
    char why[ATR_WHY_MAX] = "";

    if (loop_init(&own) < 0 || centre_open(&centre, &own, &o, why) < 0) {
        fprintf(stderr, "# %s\n", why);
        _exit(2);
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

static void end(void)
{
    int status;

    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* it did not end by itself */
}

void backend_start(void)
{
    strcpy(folder, "/tmp/atrium-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/centre.db", folder);
    snprintf(path, sizeof path, "%s/centre.sock", folder);
    if (!now_ms)
        now_ms =
            mmap(NULL, sizeof *now_ms, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(now_ms != MAP_FAILED);
    atomic_store(now_ms, 1000000);
    start();
}

struct store *backend_open(void)
{
    struct store *s =
        store_centre_open(&loop,
                          &(struct store_centre_options){ .path = path, .space = STR("suite") });

    s->deadline_ms = 60000;
    return s;
}

void backend_stop(void)
{
    struct dirent *e;
    DIR *d;

    end();
    assert_non_null(d = opendir(folder));
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(folder);
}

void backend_advance(uint64_t ms)
{
    atomic_fetch_add(now_ms, ms);
}

const bool backend_crashes = true;

void backend_crash(void)
{
    end();
    start();
}
