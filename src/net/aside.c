/* net/aside.c - the queues between a loop and its thread.
 *
 * Invariants
 *   - a job is in todo, in the thread's hands, or in over; both queues are the mutex's;
 *   - the bell is rung exactly when `over` was empty, so a burst costs one wake-up;
 *   - `under_way` counts submitted jobs whose done has not been called: the loop's alone.
 *
 * Start reading at thread_main() and deliver().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/aside.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

struct queue {
    struct aside_job *first, *last;
};

struct aside {
    struct loop *loop;
    struct watch bell; /* an eventfd; fd -1 until the thread exists */
    char name[16];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work;     /* todo or closing changed */
    struct queue todo, over; /* under the mutex, like closing */
    bool closing;
    uint32_t under_way, most;
};

static void push(struct queue *q, struct aside_job *j)
{
    j->next = NULL;
    if (q->last)
        q->last->next = j;
    else
        q->first = j;
    q->last = j;
}

static struct aside_job *pop(struct queue *q)
{
    struct aside_job *j = q->first;

    if (j && !(q->first = j->next))
        q->last = NULL;
    return j;
}

/* The next job, when there is one; NULL: closing. Called with the mutex held. */
static struct aside_job *next_job(struct aside *a)
{
    while (!a->todo.first && !a->closing)
        pthread_cond_wait(&a->work, &a->mutex);
    return a->closing ? NULL : pop(&a->todo);
}

static void *thread_main(void *arg)
{
    struct aside *a = arg;
    struct aside_job *j;
    const uint64_t one = 1;

    pthread_mutex_lock(&a->mutex);
    while ((j = next_job(a))) {
        pthread_mutex_unlock(&a->mutex);
        j->run(j);
        pthread_mutex_lock(&a->mutex);
        bool first = !a->over.first;
        push(&a->over, j);
        if (first)
            (void)!write(a->bell.fd, &one, sizeof one); /* a full counter is a wake-up already */
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

/* One at a time: a callback may submit. */
static void deliver(struct aside *a, struct queue *q, bool ran)
{
    struct aside_job *j;

    for (;;) {
        pthread_mutex_lock(&a->mutex);
        j = pop(q);
        pthread_mutex_unlock(&a->mutex);
        if (!j)
            return;
        a->under_way--;
        j->done(j, ran);
    }
}

static void on_bell(struct watch *w, uint32_t events)
{
    struct aside *a = container_of(w, struct aside, bell);
    uint64_t rings;

    (void)events;
    (void)!read(w->fd, &rings, sizeof rings); /* only to silence it */
    deliver(a, &a->over, true);
}

struct aside *aside_open(struct loop *l, const char *name, uint32_t most)
{
    struct aside *a = mem_zalloc(sizeof *a);

    a->loop = l;
    a->most = most;
    a->bell = (struct watch){ .fd = -1, .on_events = on_bell };
    for (size_t i = 0; i < sizeof a->name - 1 && name[i]; i++)
        a->name[i] = name[i];
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->work, NULL);
    return a;
}

static int start(struct aside *a)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), err;
    sigset_t all, old;

    if (fd < 0)
        return -errno;
    if ((err = loop_watch(a->loop, &a->bell, fd, EPOLLIN)) < 0) {
        close(fd);
        return err;
    }
    sigfillset(&all); /* signals are the loop's business */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&a->thread, NULL, thread_main, a);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err == 0) {
        pthread_setname_np(a->thread, a->name);
        return 0;
    }
    loop_unwatch(a->loop, &a->bell);
    close(fd);
    return -err;
}

int aside_submit(struct aside *a, struct aside_job *j)
{
    int err;

    if (a->under_way >= a->most)
        return ATR_ELIMIT;
    if (a->bell.fd < 0 && (err = start(a)) < 0)
        return err;
    a->under_way++;
    pthread_mutex_lock(&a->mutex);
    push(&a->todo, j);
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->mutex);
    return 0;
}

void aside_close(struct aside *a)
{
    int fd = a->bell.fd;

    if (fd >= 0) {
        pthread_mutex_lock(&a->mutex);
        a->closing = true;
        pthread_cond_signal(&a->work);
        pthread_mutex_unlock(&a->mutex);
        pthread_join(a->thread, NULL);
        loop_unwatch(a->loop, &a->bell);
        close(fd);
    }
    deliver(a, &a->over, false);
    deliver(a, &a->todo, false);
    ASSERT(a->under_way == 0);
    pthread_mutex_destroy(&a->mutex);
    pthread_cond_destroy(&a->work);
    mem_free(a);
}
