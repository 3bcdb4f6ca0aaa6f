/* tests/unit/admin/desk.c - see desk.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "desk.h"

static struct desk *desk_of(struct rig *g)
{
    return container_of(g, struct desk, rig);
}

static void on_end(struct rig *g)
{
    admin_free(desk_of(g)->admin);
}

static str describe(void *user, struct sio_socket *s)
{
    const struct desk *d = user;

    return s->nsp == d->admin->nsp ? (str){ 0 } : str_of(d->data);
}

void desk_open(struct desk *d, const char *options, void (*change)(struct sio_options *o))
{
    struct arena strings = { 0 };
    struct admin_options o;

    *d = (struct desk){ 0 };
    rig_open(&d->rig, change);
    d->rig.on_end = on_end;
    assert_int_equal(admin_options_read(str_of(options), &strings, &o, NULL), 0);
    d->admin = admin_open(&d->rig.io, &o);
    arena_free(&strings); /* it has copies */
    admin_describe_with(d->admin, describe, d);
}

void desk_close(struct desk *d)
{
    rig_close(&d->rig);
    msg_trim();
}

void desk_sit(struct desk *d, struct peer *p)
{
    peer_open(p, &d->rig);
    peer_say(p, "40/admin");
    desk_await(p, "config");
    desk_forget(p);
    buf_clear(&d->rig.log);
}

const char *desk_heard(struct peer *p)
{
    rig_settle(p->rig);
    peer_hear(p);
    buf_byte(&p->heard, '\0');
    p->heard.len--;
    return (const char *)p->heard.data;
}

void desk_await(struct peer *p, const char *text)
{
    for (int i = 0; i < 20000; i++) {
        if (strstr(desk_heard(p), text))
            return;
        assert_int_equal(loop_turn(&p->rig->loop, 1), 0);
    }
    fail_msg("never told %s, but: %s", text, desk_heard(p));
}

void desk_forget(struct peer *p)
{
    (void)desk_heard(p);
    buf_clear(&p->heard);
}
