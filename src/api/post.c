/* api/post.c - calls that other threads hand to the application.
 *
 * A stack that posters push on with one compare-and-swap and the loop takes whole. Whoever pushes
 * on an empty stack writes the event descriptor, so a burst costs one wake-up. The descriptor is
 * read before the stack is taken: a push that comes after is announced anew.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/app.h"
#include "base/mem.h"

struct post {
    struct post *next;
    void (*fn)(void *user);
    void *user;
};

/* The stack, turned around: oldest first. */
static struct post *take(struct outside *o)
{
    struct post *newest = atomic_exchange_explicit(&o->posted, NULL, memory_order_acquire);
    struct post *oldest = NULL;

    while (newest) {
        struct post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void run(struct outside *o)
{
    struct post *next;

    for (struct post *p = take(o); p; p = next) {
        struct post it = *p;
        next = p->next;
        mem_free(p);
        it.fn(it.user);
    }
}

static void on_events(struct watch *w, uint32_t events)
{
    uint64_t count;

    (void)events;
    (void)!read(w->fd, &count, sizeof count); /* only to silence it */
    run(container_of(w, struct outside, posts));
}

int posts_init(atr_app *app)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), err;

    app->outside.posts.fd = -1;
    app->outside.posts.on_events = on_events;
    if (fd < 0)
        return -errno;
    if ((err = loop_watch(&app->loop, &app->outside.posts, fd, EPOLLIN)) < 0)
        close(fd);
    return err;
}

void posts_close(atr_app *app)
{
    int fd = app->outside.posts.fd;

    if (fd < 0)
        return;
    while (atomic_load_explicit(&app->outside.posted, memory_order_acquire))
        run(&app->outside); /* what posts post as well */
    loop_unwatch(&app->loop, &app->outside.posts);
    close(fd);
}

void atr_app_post(atr_app *app, void (*fn)(void *user), void *user)
{
    struct outside *o = &app->outside;
    struct post *p = mem_alloc(sizeof *p);
    struct post *below = atomic_load_explicit(&o->posted, memory_order_relaxed);
    const uint64_t one = 1;

    *p = (struct post){ .fn = fn, .user = user };
    do
        p->next = below;
    while (!atomic_compare_exchange_weak_explicit(&o->posted, &below, p, memory_order_release,
                                                  memory_order_relaxed));
    /* p may be gone by now. A full counter, the only failure, is a wake-up already. */
    if (!below)
        (void)!write(o->posts.fd, &one, sizeof one);
}
