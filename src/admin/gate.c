/* admin/gate.c - who gets in: a session from before, or username and password.
 *
 * Passwords are checked on a thread, since that takes a tenth of a second by design. What a
 * stranger can pile up is bounded three times: attempts per address, checks under way, sessions. A
 * wrong username costs the same check as a right one, so that time tells nothing about it.
 *
 * Start reading at admin_gate().
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/parts.h"
#include "admin/password.h"
#include "base/mem.h"
#include "net/aside.h"
#include "proto/json.h"

struct check {
    struct aside_job job;
    struct admin *admin;
    const char *hash;
    sio_decision decision;
    uint64_t socket;
    bool right_user, matches;
    size_t password_len, address_len;
    char text[]; /* the password, terminated; the address */
};

static str address_of(const struct check *c)
{
    return str_n(c->text + c->password_len + 1, c->address_len);
}

static void decide(struct admin *a, sio_decision d, const char *error)
{
    sio_decide(a->io, d, !error, str_of(error), (str){ 0 });
}

static void turn_away(struct admin *a, sio_decision d)
{
    a->stats.refused++;
    decide(a, d, "invalid credentials");
}

static void run(struct aside_job *j)
{
    struct check *c = container_of(j, struct check, job);

    c->matches = password_matches(c->text, c->hash);
}

/* The session is told when the socket has connected, unless further middlewares take their time:
 * the page starts to listen only then. (Node tells it before, and so the page of 0.5.1 forgets it.)
 */
static void let_in(struct admin *a, const struct check *c)
{
    struct sio_socket *s;
    struct buf b = { 0 };

    admin_attempt_forgive(&a->attempts, address_of(c));
    a->stats.logins++;
    decide(a, c->decision, NULL);
    if (!(s = sio_socket_find(a->io, c->socket)))
        return;
    buf_add(&b, STR("[\"session\","));
    json_write_string(&b, admin_session_new(&a->sessions, a->io->engine.loop->now_ms));
    buf_byte(&b, ']');
    (void)sio_socket_emit(s, &(struct sio_data){ .json = buf_str(&b) }, 0);
    buf_free(&b);
}

static void done(struct aside_job *j, bool ran)
{
    struct check *c = container_of(j, struct check, job);
    struct admin *a = c->admin;

    if (ran && sio_decision_open(a->io, c->decision)) {
        if (c->matches && c->right_user)
            let_in(a, c);
        else
            turn_away(a, c->decision);
    }
    explicit_bzero(c->text, c->password_len);
    mem_free(c);
}

static struct check *check_new(struct admin *a, const struct sio_socket *s, sio_decision d,
                               str password)
{
    str address = sio_socket_handshake(s)->address;
    struct check *c = mem_alloc(sizeof *c + password.n + 1 + address.n);

    *c = (struct check){ .job = { .run = run, .done = done },
                         .admin = a,
                         .hash = a->options.password,
                         .decision = d,
                         .socket = s->ref,
                         .password_len = password.n,
                         .address_len = address.n };
    if (password.n)
        memcpy(c->text, password.p, password.n);
    c->text[password.n] = 0;
    if (address.n)
        memcpy(c->text + password.n + 1, address.p, address.n);
    return c;
}

static void check_password(struct admin *a, struct sio_socket *s, sio_decision d, str username,
                           str password)
{
    struct check *c = check_new(a, s, d, password);

    c->right_user = admin_same(username, a->options.username);
    if (aside_submit(a->checks, &c->job) < 0) {
        a->stats.throttled++;
        decide(a, d, "too many attempts");
        mem_free(c);
    }
}

/* A text of the client's auth; p == NULL: there is none. Its characters may go to scratch. */
static str text_of(str auth, str name, struct buf *scratch)
{
    str text;

    return json_string(json_get(auth, name), scratch, &text) < 0 ? (str){ 0 } : text;
}

void admin_gate(struct admin *a, struct sio_socket *s, sio_decision d)
{
    str auth = { s->auth, s->auth_len };
    uint64_t now_ms = a->io->engine.loop->now_ms;
    struct buf scratch[3] = { 0 };
    str session = text_of(auth, STR("sessionId"), &scratch[0]);
    str username = text_of(auth, STR("username"), &scratch[1]);
    str password = text_of(auth, STR("password"), &scratch[2]);

    if (session.p && admin_session_known(&a->sessions, session, now_ms)) {
        a->stats.session_logins++;
        decide(a, d, NULL);
    } else if (!username.p || !password.p || password.n > PASSWORD_BYTES_MAX ||
               str_find(password, '\0') >= 0) {
        turn_away(a, d); /* no password that could be right */
    } else if (!admin_attempt(&a->attempts, sio_socket_handshake(s)->address, now_ms)) {
        a->stats.throttled++;
        decide(a, d, "too many attempts");
    } else {
        check_password(a, s, d, username, password);
    }
    for (int i = 0; i < 3; i++) {
        if (scratch[i].len)
            explicit_bzero(scratch[i].data, scratch[i].len);
        buf_free(&scratch[i]);
    }
}
