/* socketio/connect.c - a CONNECT on its way: which namespace, then its middlewares (2.2).
 *
 * A connect first looks for its namespace, asking parent after parent when none has the name, and
 * then has a connecting socket, for which middleware after middleware decides. The record exists
 * only while a decision is owed: a namespace without middlewares takes clients in at once.
 *
 * Invariants
 *   - k->decision names k in io->decisions exactly while it is waited for;
 *   - a decision given from within the question is noted and acted upon when the question returns,
 *     so that a chain of any length takes no stack;
 *   - a dead record is in no list; callbacks up the stack find k->dead.
 *
 * Start reading at sio_connect().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/connect.h"

#include "base/mem.h"
#include "proto/json.h"
#include "socketio/cluster_session.h"
#include "socketio/encode.h"
#include "socketio/lifecycle.h"
#include "socketio/recovery.h"
#include "socketio/v2.h"

enum verdict { OPEN, YES, NO };

struct sio_connect {
    sio_decision decision; /* 0: nothing is waited for */
    struct sio_client *client;
    struct sio_connect *next;     /* the client's */
    struct sio_socket *socket;    /* NULL while the namespace is looked for */
    struct sio_namespace *parent; /* being asked, while the namespace is looked for */
    uint32_t at, count;           /* middlewares that have said yes, and that there are */
    uint8_t verdict;              /* enum verdict: the answer to the question being asked */
    bool asking;                  /* the question is on the stack */
    bool dead;
    str auth; /* while the namespace is looked for; both in text */
    str nsp;
    char text[];
};

static struct sio_server *server_of(const struct sio_connect *k)
{
    return sio_client_server(k->client);
}

static struct sio_connect *connect_new(struct sio_client *c, str nsp, str auth)
{
    struct sio_connect *k = mem_zalloc(sizeof *k + nsp.n + auth.n);

    memcpy(k->text, nsp.p, nsp.n);
    if (auth.n)
        memcpy(k->text + nsp.n, auth.p, auth.n);
    k->nsp = (str){ k->text, nsp.n };
    k->auth = (str){ k->text + nsp.n, auth.n };
    k->client = c;
    k->next = c->connects;
    c->connects = k;
    return k;
}

static void connect_free(struct sio_connect *k)
{
    struct sio_connect **at = &k->client->connects;

    if (k->dead)
        return;
    k->dead = true;
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    id_remove(&server_of(k)->decisions, k->decision);
    if (!k->socket)
        k->client->memberships--;
    sio_bury(&server_of(k)->graves, k);
}

void sio_connect_forget(struct sio_client *c, const struct sio_socket *s)
{
    for (struct sio_connect *k = c->connects; k; k = k->next) {
        if (k->socket == s) {
            connect_free(k);
            return;
        }
    }
}

void sio_connects_drop(struct sio_client *c)
{
    while (c->connects)
        connect_free(c->connects);
}

bool sio_connect_known(const struct sio_client *c, str nsp)
{
    for (const struct sio_connect *k = c->connects; k; k = k->next)
        if (str_eq(k->nsp, nsp))
            return true;
    for (const struct sio_socket *s = c->sockets; s; s = s->next)
        if (s->state <= SIO_SOCKET_CONNECTED && str_eq(s->nsp->name, nsp))
            return true;
    return false;
}

static void send_refusal(struct sio_client *c, str nsp, str json)
{
    struct sio_data data = { .json = json };
    struct sio_outgoing p = {
        .type = SIO_CONNECT_ERROR, .nsp = nsp, .id = SIO_NO_ID, .data = &data
    };

    sio_client_server(c)->stats.connect_errors++;
    (void)sio_send(c, &p); /* who cannot be told is on his way out */
}

/* 44: the body as Node prints it. */
static void refuse(struct sio_client *c, str nsp, str message, str data_json)
{
    struct buf body = { 0 };

    buf_add(&body, STR("{\"message\":"));
    json_write_string(&body, message);
    if (data_json.n) {
        buf_add(&body, STR(",\"data\":"));
        buf_add(&body, data_json);
    }
    buf_byte(&body, '}');
    send_refusal(c, nsp, buf_str(&body));
    buf_free(&body);
}

/* The same to a client of Socket.IO 2; only what middlewares say is bare. */
static void refuse_v2(struct sio_client *c, str nsp, str message, str data_json)
{
    struct buf body = { 0 };

    sio_v2_refusal(&body, message, data_json);
    send_refusal(c, nsp, buf_str(&body));
    buf_free(&body);
}

static struct sio_namespace *parent_after(const struct sio_server *io, const struct list *at)
{
    return at->next == &io->parents ? NULL : container_of(at->next, struct sio_namespace, link);
}

/* The namespace is found: its middlewares are next. */
static void enter(struct sio_connect *k, struct sio_namespace *n, struct sio_record *rec)
{
    k->client->memberships--; /* the socket counts itself */
    k->socket =
        rec ? sio_socket_resume(rec, k->client, k->auth) : sio_socket_new(n, k->client, k->auth);
    k->count = n->middleware_count;
}

static void ask(struct sio_connect *k)
{
    struct sio_server *io = server_of(k);

    k->verdict = OPEN;
    k->asking = true;
    k->decision = id_add(&io->decisions, k);
    if (k->socket)
        io->events->on_middleware(k->socket, k->socket->nsp->middlewares[k->at], k->decision);
    else
        io->events->on_parent_match(k->parent, k->parent->matcher, k->nsp, k->auth, k->decision);
    k->asking = false;
}

/* The parent being asked has said yes. */
static void found(struct sio_connect *k)
{
    struct sio_server *io = server_of(k);
    /* Another client may have had it created meanwhile. */
    struct sio_namespace *n = map_get(&io->namespaces, k->nsp);

    if (!n)
        n = sio_namespace_child(k->parent, k->nsp);
    if (!k->dead)          /* on_namespace was told */
        enter(k, n, NULL); /* nobody was there to come back */
}

/* Acts upon the verdict. false: there is nothing left to ask. */
static bool proceed(struct sio_connect *k)
{
    if (k->socket) {
        if (k->verdict == YES)
            k->at++;
    } else if (k->verdict == YES) {
        found(k);
    } else {
        k->parent = parent_after(server_of(k), &k->parent->link);
        if (!k->parent) {
            refuse(k->client, k->nsp, STR("Invalid namespace"), (str){ 0 });
            connect_free(k);
        }
    }
    if (!k->dead && k->socket && k->at == k->count) {
        struct sio_socket *s = k->socket;

        connect_free(k);
        sio_socket_accept(s);
    }
    return !k->dead;
}

/* Asks until somebody needs time, or all is decided. */
static void run(struct sio_connect *k)
{
    do {
        ask(k);
        if (k->dead || k->verdict == OPEN)
            return;
    } while (proceed(k));
}

/* A middleware has said no. */
static void turn_away(struct sio_connect *k, str message, str data)
{
    struct sio_client *c = k->client;
    struct sio_socket *s = k->socket;

    connect_free(k);
    (sio_is_v2(c) ? refuse_v2 : refuse)(c, s->nsp->name, message, data);
    sio_socket_abandon(s);
}

void sio_decide(struct sio_server *io, sio_decision d, bool ok, str message, str data_json)
{
    struct sio_connect *k = id_get(&io->decisions, d);

    if (!k)
        return;
    id_remove(&io->decisions, d);
    k->decision = 0;
    if (!ok && k->socket) {
        turn_away(k, message, data_json);
        return;
    }
    k->verdict = ok ? YES : NO;
    if (!k->asking && proceed(k))
        run(k);
}

bool sio_decision_open(const struct sio_server *io, sio_decision d)
{
    return id_get(&io->decisions, d) != NULL;
}

/* As one who comes back, if the session is here; else as somebody new. */
static void connect_here(struct sio_client *c, str nsp, str auth)
{
    struct sio_server *io = sio_client_server(c);
    struct sio_namespace *n = map_get(&io->namespaces, nsp);
    struct sio_record *rec = NULL;
    struct sio_connect *k;

    if (c->memberships >= io->options.namespaces_max) {
        io->stats.limits_hit++;
        io->stats.namespaces_full++;
        refuse(c, nsp, STR("Too many namespaces"), (str){ 0 });
        return;
    }
    if (n && n->recovery && !sio_is_v2(c)) {
        rec = sio_record_claim(n, c, auth);
        if (c->closing)
            return;
        n = map_get(&io->namespaces, nsp); /* callbacks ran, or its last record went */
    }
    if (n)
        sio_namespace_announce(n); /* it may have come with a socket that was handed over */
    if (n && (n->middleware_count == 0 || (rec && io->options.recovery.skip_middlewares))) {
        sio_socket_accept(rec ? sio_socket_resume(rec, c, auth) : sio_socket_new(n, c, auth));
        return;
    }
    if (!n && list_empty(&io->parents)) {
        refuse(c, nsp, STR("Invalid namespace"), (str){ 0 });
        return;
    }
    k = connect_new(c, nsp, auth);
    c->memberships++;
    if (n)
        enter(k, n, rec);
    else
        k->parent = parent_after(io, &io->parents);
    run(k);
}

void sio_connect(struct sio_client *c, str nsp, str auth)
{
    struct sio_server *io = sio_client_server(c);
    struct sio_namespace *n = io->cluster && auth.n ? map_get(&io->namespaces, nsp) : NULL;
    struct sio_connect *k;

    if (!n || !io->options.recovery.enabled || sio_is_v2(c) ||
        c->memberships >= io->options.namespaces_max || !sio_session_elsewhere(n, auth)) {
        connect_here(c, nsp, auth);
        return;
    }
    k = connect_new(c, nsp, auth);
    c->memberships++;
    k->decision = id_add(&io->decisions, k);
    sio_session_fetch(n, auth, k->decision);
}

void sio_connect_resumed(struct sio_server *io, uint64_t ticket)
{
    struct sio_connect *k = id_get(&io->decisions, ticket);

    if (!k)
        return; /* the client has left: the session waits for it here */
    connect_free(k);
    connect_here(k->client, k->nsp, k->auth);
}
