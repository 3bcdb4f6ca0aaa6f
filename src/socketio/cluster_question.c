/* socketio/cluster_question.c - see cluster_question.h.
 *
 * A question's body, behind the target: the asker's name for it, the time limit, the event. A note
 * of an answer has that name in its head, and whether there is one; its body is the answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/cluster_question.h"

#include "base/mem.h"
#include "socketio/cluster_parts.h"

/* --- The node that asks --- */

/* A question may end before those who were asked have said how many they are. */
struct counting {
    struct sio_server *io;
    struct sio_question_key key;
};

static void on_count(void *user, struct bus_node from, str answer)
{
    const struct counting *k = user;
    struct sio_reader r = { answer.p, answer.p + answer.n, false };
    uint32_t clients = sio_read_u32(&r);

    sio_question_expects(k->io, &k->key, from, clients);
}

static void on_counted(void *user, int err, uint32_t missing)
{
    struct counting *k = user;

    (void)err;
    sio_question_counted(k->io, &k->key, missing);
    mem_free(k);
}

static const struct request_events counting_events = { on_count, on_counted };

int sio_cluster_ask_nodes(struct sio_namespace *n, const struct sio_target *t,
                          const struct sio_data *data, uint32_t timeout_ms,
                          const struct sio_question_key *key)
{
    struct sio_cluster *c = n->server->cluster;
    struct counting *k = mem_alloc(sizeof *k);
    struct buf question = { 0 };
    int err;

    *k = (struct counting){ n->server, *key };
    sio_cluster_write(c, n, t);
    sio_write_str(&question, buf_str(&c->head));
    buf_add(&question, buf_str(&c->front));
    sio_write_u64(&question, key->nsp);
    sio_write_u64(&question, (uint64_t)key->id);
    sio_write_u32(&question, timeout_ms);
    sio_write_data(&question, data);
    err = request_ask(&c->exchange->requests, BUS_TO_ALL, SIO_ASK_CAST, buf_str(&question),
                      SIO_REQUEST_TIMEOUT_MS, &counting_events, k);
    buf_free(&question);
    if (err < 0)
        mem_free(k);
    return err;
}

void sio_cluster_answered(struct sio_cluster *c, const struct bus_message *m, str body)
{
    struct sio_reader r = { m->head.p, m->head.p + m->head.n, false };
    struct sio_reader b = { body.p, body.p + body.n, false };
    struct sio_question_key key = { 0 };
    struct bus_node node = { .number = m->from };
    struct sio_data data;
    str *attachments = NULL;
    bool answered;

    key.nsp = sio_read_u64(&r);
    key.id = (int64_t)sio_read_u64(&r);
    node.generation = sio_read_u32(&r);
    answered = sio_read_u8(&r);
    if (r.broken || (answered && sio_read_data(&b, &data, &attachments) < 0)) {
        c->stats.malformed++;
        return;
    }
    sio_question_heard(c->io, &key, node, answered ? &data : NULL);
    mem_free(attachments);
}

/* --- The node that is asked --- */

void sio_cluster_ask_clients(struct sio_cluster *c, struct request_from from,
                             struct sio_namespace *n, const struct sio_target *t,
                             struct sio_reader *r)
{
    struct sio_asker asker = { .node = from.node };
    struct sio_data data;
    uint32_t timeout_ms, clients = 0;
    str *attachments;

    asker.key.nsp = sio_read_u64(r);
    asker.key.id = (int64_t)sio_read_u64(r);
    timeout_ms = sio_read_u32(r);
    if (sio_read_data(r, &data, &attachments) < 0) {
        c->stats.malformed++;
        return;
    }
    c->delivering = true; /* listeners to what goes out are told from the job */
    clients = sio_question_for(n, t, &data, timeout_ms, &asker);
    c->delivering = false;
    request_answer(&c->exchange->requests, from, str_n(&clients, sizeof clients));
    mem_free(attachments);
}

void sio_cluster_tell_answer(struct sio_server *io, const struct sio_asker *asker,
                             const struct sio_data *data)
{
    struct sio_cluster *c = io->cluster;
    struct buf head = { 0 }, body = { 0 };
    struct bus_note note = { .kind = SIO_NOTE_ANSWERED, .to = asker->node.number, .part_count = 1 };
    uint64_t number;
    str part;

    if (!c)
        return;
    sio_write_u64(&head, asker->key.nsp);
    sio_write_u64(&head, (uint64_t)asker->key.id);
    sio_write_u32(&head, bus_self(c->exchange->bus).generation);
    buf_byte(&head, data != NULL);
    if (data)
        sio_write_data(&body, data);
    part = buf_str(&body);
    note.head = buf_str(&head);
    note.parts = &part;
    if (bus_publish(c->exchange->bus, &note, &number) < 0)
        io->stats.limits_hit++; /* an answer larger than the bus takes */
    buf_free(&head);
    buf_free(&body);
}
