/* client/sqlite.c - the queues between a loop and the thread of one SQLite database.
 *
 * Invariants
 *   - every request accepted by sqlite_query() has its callback called exactly once, on the loop's
 *     thread, in order;
 *   - a request is in one place: todo (mutex), the thread's hands, done (mutex), or ready (the
 *     loop's);
 *   - `count` bounds all of them together;
 *   - memory of db is freed only with no callback of it on the stack.
 *
 * The thread takes all that waits at once and rings the eventfd only when `done` was empty, so a
 * burst costs few system calls.
 *
 * Start reading at thread_main() and deliver().
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "client/sqlite_run.h"

struct queue {
    struct sqlite_request *first, *last;
};

struct sqlite {
    struct loop *loop;
    struct watch watch; /* of the eventfd */
    int fd;             /* the eventfd; -1 when none could be had */
    char *path;
    struct sqlite_runner run; /* the thread's, but for `interrupted` */
    pthread_t thread;
    bool started; /* the thread exists: from the first request on */
    pthread_mutex_t mutex;
    pthread_cond_t work; /* todo or closing changed */
    pthread_cond_t over; /* exited changed */
    /* Under the mutex. */
    struct queue todo, done;
    bool closing, exited;
    /* The loop's. */
    struct queue ready;
    size_t count;
    bool delivering, closed, finish;
    void (*on_closed)(void *user);
    void *closed_user;
};

static void queue_push(struct queue *q, struct sqlite_request *r)
{
    r->next = NULL;
    if (q->last)
        q->last->next = r;
    else
        q->first = r;
    q->last = r;
}

static struct sqlite_request *queue_pop(struct queue *q)
{
    struct sqlite_request *r = q->first;

    if (r && !(q->first = r->next))
        q->last = NULL;
    return r;
}

static void queue_join(struct queue *to, struct queue *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    *from = (struct queue){ 0 };
}

static void ring(struct sqlite *db)
{
    uint64_t one = 1;

    while (write(db->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void finished(struct sqlite *db, struct sqlite_request *r)
{
    pthread_mutex_lock(&db->mutex);
    bool first = db->done.first == NULL;
    queue_push(&db->done, r);
    pthread_mutex_unlock(&db->mutex);
    if (first)
        ring(db);
}

static void *thread_main(void *arg)
{
    struct sqlite *db = arg;
    struct queue batch = { 0 };
    struct sqlite_request *r;

    for (;;) {
        pthread_mutex_lock(&db->mutex);
        while (!db->todo.first && !db->closing)
            pthread_cond_wait(&db->work, &db->mutex);
        queue_join(&batch, &db->todo);
        pthread_mutex_unlock(&db->mutex);
        if (!batch.first)
            break;
        while ((r = queue_pop(&batch))) {
            sqlite_runner_run(&db->run, r);
            finished(db, r);
        }
    }
    sqlite_runner_close(&db->run);
    pthread_mutex_lock(&db->mutex);
    db->exited = true;
    pthread_cond_signal(&db->over);
    pthread_mutex_unlock(&db->mutex);
    ring(db);
    return NULL;
}

static void request_free(struct sqlite_request *r)
{
    sqlite_request_clear(r);
    arena_free(&r->memory);
    mem_free(r);
}

static void db_free(struct sqlite *db)
{
    if (db->on_closed)
        db->on_closed(db->closed_user);
    ASSERT(!db->todo.first && !db->done.first && !db->ready.first);
    if (db->watch.fd >= 0)
        loop_unwatch(db->loop, &db->watch);
    if (db->fd >= 0)
        close(db->fd);
    pthread_mutex_destroy(&db->mutex);
    pthread_cond_destroy(&db->work);
    pthread_cond_destroy(&db->over);
    mem_free(db->path);
    mem_free(db);
}

/* Calls the callbacks of everything that is done. A callback may query and close. */
static void deliver(struct sqlite *db)
{
    struct sqlite_request *r;

    if (db->delivering)
        return;
    db->delivering = true;
    pthread_mutex_lock(&db->mutex);
    queue_join(&db->ready, &db->done);
    pthread_mutex_unlock(&db->mutex);
    while ((r = queue_pop(&db->ready))) {
        db->count--;
        r->fn(r->user, r->err, r->message, r->err ? NULL : &r->rows);
        request_free(r);
    }
    db->delivering = false;
}

/* Waits for the thread; after the grace it is told to give up. */
static void finish(struct sqlite *db)
{
    struct timespec until;

    if (!db->started)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SQLITE_CLOSE_GRACE_MS / 1000;
    pthread_mutex_lock(&db->mutex);
    while (!db->exited)
        if (pthread_cond_timedwait(&db->over, &db->mutex, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&db->mutex);
    /* The progress handler and the busy handler look at this: no need to touch the handle, which
     * the thread may be closing. */
    __atomic_store_n(&db->run.interrupted, 1, __ATOMIC_RELAXED);
    pthread_join(db->thread, NULL);
    db->started = false;
}

/* Ends a closed db whose thread has gone. */
static void settle(struct sqlite *db)
{
    if (db->delivering || !db->closed)
        return;
    pthread_mutex_lock(&db->mutex);
    bool over = db->exited || !db->started;
    pthread_mutex_unlock(&db->mutex);
    if (!over && !db->finish)
        return;
    finish(db);
    deliver(db);
    db_free(db);
}

static void on_bell(struct watch *w, uint32_t events)
{
    struct sqlite *db = container_of(w, struct sqlite, watch);
    uint64_t rings;

    (void)events;
    while (read(db->fd, &rings, sizeof rings) < 0 && errno == EINTR)
        ;
    deliver(db);
    settle(db);
}

struct sqlite *sqlite_open(struct loop *l, str path)
{
    struct sqlite *db = mem_zalloc(sizeof *db);
    pthread_condattr_t clock;

    db->loop = l;
    db->watch = (struct watch){ .fd = -1, .on_events = on_bell };
    db->fd = -1;
    db->path = str_dup(path);
    db->run.path = db->path;
    pthread_mutex_init(&db->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&db->work, NULL);
    pthread_cond_init(&db->over, &clock);
    pthread_condattr_destroy(&clock);
    return db;
}

void sqlite_on_closed(struct sqlite *db, void (*fn)(void *user), void *user)
{
    db->on_closed = fn;
    db->closed_user = user;
}

static int start(struct sqlite *db)
{
    sigset_t all, old;
    int err;

    if (db->started)
        return 0;
    if (db->fd < 0 && (db->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return -errno;
    if (db->watch.fd < 0 && (err = loop_watch(db->loop, &db->watch, db->fd, EPOLLIN)) < 0)
        return err;
    /* Signals are the loop's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&db->thread, NULL, thread_main, db);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        return -err;
    pthread_setname_np(db->thread, "sqlite");
    db->started = true;
    return 0;
}

static bool has_bytes(const struct sqlite_cell *c)
{
    return c->type == SQLITE_CELL_TEXT || c->type == SQLITE_CELL_BLOB;
}

static size_t step_bytes(const struct sqlite_step *s)
{
    size_t bytes = s->count * sizeof *s->params + s->sql.n + 1;

    for (size_t i = 0; i < s->count; i++)
        if (has_bytes(&s->params[i]))
            bytes += s->params[i].bytes.n;
    return bytes;
}

/* Copies n bytes to *at, and moves that on. */
static const char *put_bytes(char **at, const void *p, size_t n)
{
    char *copy = *at;

    if (n)
        memcpy(copy, p, n);
    *at += n;
    return copy;
}

/* The cells go to *cells, all else to *at. */
static struct sqlite_step step_copy(const struct sqlite_step *s, struct sqlite_cell **cells,
                                    char **at)
{
    struct sqlite_step copy = { .params = *cells, .count = s->count };

    for (size_t i = 0; i < s->count; i++) {
        (*cells)[i] = s->params[i];
        if (has_bytes(&s->params[i]))
            (*cells)[i].bytes.p = put_bytes(at, s->params[i].bytes.p, s->params[i].bytes.n);
    }
    *cells += s->count;
    copy.sql = (str){ put_bytes(at, s->sql.p, s->sql.n), s->sql.n };
    *(*at)++ = '\0';
    return copy;
}

/* One block: the request, the steps, their parameters, then the bytes and texts. */
static struct sqlite_request *request_new(const struct sqlite_step *steps, size_t count)
{
    size_t bytes = sizeof(struct sqlite_request) + count * sizeof *steps, cell_count = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += step_bytes(&steps[i]);
        cell_count += steps[i].count;
    }
    struct sqlite_request *r = mem_alloc(bytes);
    *r = (struct sqlite_request){ .steps = (struct sqlite_step *)(r + 1), .step_count = count };
    struct sqlite_cell *cells = (struct sqlite_cell *)(r->steps + count);
    char *at = (char *)(cells + cell_count);
    for (size_t i = 0; i < count; i++)
        r->steps[i] = step_copy(&steps[i], &cells, &at);
    return r;
}

/* Whether one more request may come: 0, or why not. */
static int admit(struct sqlite *db)
{
    if (db->closed)
        return ATR_ECLOSED;
    return db->count >= SQLITE_QUEUE_MAX ? ATR_ELIMIT : start(db);
}

static void submit(struct sqlite *db, struct sqlite_request *r, sqlite_fn fn, void *user)
{
    r->fn = fn;
    r->user = user;
    db->count++;
    pthread_mutex_lock(&db->mutex);
    bool first = db->todo.first == NULL;
    queue_push(&db->todo, r);
    if (first)
        pthread_cond_signal(&db->work);
    pthread_mutex_unlock(&db->mutex);
}

int sqlite_query(struct sqlite *db, str sql, const struct sqlite_cell *params, size_t count,
                 sqlite_fn fn, void *user)
{
    const struct sqlite_step step = { sql, params, count };
    int err;

    if ((err = admit(db)) < 0)
        return err;
    struct sqlite_request *r = request_new(&step, 1);
    r->sql = r->steps->sql;
    r->params = (struct sqlite_cell *)(uintptr_t)r->steps->params;
    r->param_count = count;
    r->steps = NULL;
    submit(db, r, fn, user);
    return 0;
}

int sqlite_transaction(struct sqlite *db, const struct sqlite_step *steps, size_t count,
                       sqlite_fn fn, void *user)
{
    int err;

    if ((err = admit(db)) < 0)
        return err;
    submit(db, request_new(steps, count), fn, user);
    return 0;
}

void sqlite_close(struct sqlite *db, bool now)
{
    db->closed = true;
    db->finish = db->finish || now;
    pthread_mutex_lock(&db->mutex);
    db->closing = true;
    pthread_cond_signal(&db->work);
    pthread_mutex_unlock(&db->mutex);
    if (now || !db->started)
        settle(db);
}
