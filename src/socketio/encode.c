/* socketio/encode.c - packets to messages ready for any transport.
 *
 * Invariants
 *   - a message is built in one piece: the head is put together in scratch that the server keeps,
 * so that the size is known and the JSON is copied once;
 *   - the scratch is not used across a send, whose callbacks may encode.
 *
 * Start reading at sio_encode().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/encode.h"

#include "base/mem.h"
#include "proto/json.h"
#include "socketio/recovery.h"
#include "socketio/v2.h"
#include "ws/conn.h"

int sio_event_check(const struct sio_data *d)
{
    str name = json_at(d->json, 0);
    enum json_type type = json_type_of(name);

    if (json_type_of(d->json) != JSON_ARRAY || (type != JSON_STRING && type != JSON_NUMBER))
        return ATR_ESYNTAX;
    if (type == JSON_STRING && sio_event_reserved(name))
        return ATR_ESYNTAX;
    return d->attachment_count ? sio_placeholders_check(d->json, (uint32_t)d->attachment_count) : 0;
}

/* Engine.IO's packet type in front of Socket.IO's (socketio.md 1.3): every text is a message. */
enum { MESSAGE = '4' };

static enum sio_type type_on_wire(const struct sio_outgoing *p, size_t attachments)
{
    if (attachments == 0)
        return p->type;
    return p->type == SIO_EVENT ? SIO_BINARY_EVENT : SIO_BINARY_ACK;
}

str sio_array_opened(str json)
{
    while (json.p[json.n - 1] != ']')
        json.n--;
    json.n--;
    return json;
}

static uint8_t *put(uint8_t *at, str s)
{
    if (s.n)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

static struct msg *text(struct sio_server *io, const struct sio_outgoing *p, size_t attachments,
                        str offset)
{
    str json = p->data ? p->data->json : (str){ 0 };
    size_t more = offset.n ? offset.n + sizeof ",\"\"]" - 1 : 0;
    struct msg *m;
    uint8_t *at;

    if (more)
        json = sio_array_opened(json);

    buf_clear(&io->head);
    buf_byte(&io->head, MESSAGE);
    sio_packet_head(&io->head, type_on_wire(p, attachments), (uint32_t)attachments, p->nsp, p->id);
    m = ws_msg_reserve(WS_TEXT, io->head.len + json.n + more);
    at = put(m->data + m->head, buf_str(&io->head));
    at = put(at, json);
    if (more) {
        at = put(at, STR(",\""));
        at = put(at, offset);
        put(at, STR("\"]"));
    }
    return m;
}

/* Whether messages, whose lengths are 32 bits, can hold it. */
static bool fits(const struct sio_outgoing *p)
{
    const size_t most = UINT32_MAX / 2;

    if (!p->data)
        return true;
    if (p->data->json.n > most || p->data->attachment_count >= EIO_MSGS_MAX)
        return false;
    for (size_t i = 0; i < p->data->attachment_count; i++) {
        if (p->data->attachments[i].n > most)
            return false;
    }
    return true;
}

static void add_texts(struct sio_server *io, const struct sio_outgoing *p, bool v2,
                      struct sio_frames *f)
{
    size_t attachments = p->data ? p->data->attachment_count : 0;

    if (1 + attachments > SIO_FRAMES_FEW)
        f->msgs = mem_alloc((1 + attachments) * sizeof(struct msg *));
    f->msgs[f->count++] = text(io, p, attachments, v2 ? (str){ 0 } : p->offset);
    for (size_t i = 0; i < attachments; i++)
        f->msgs[f->count++] = v2 ? eio_msg_typed(p->data->attachments[i])
                                 : ws_msg(WS_BINARY, p->data->attachments[i]);
}

int sio_encode(struct sio_server *io, const struct sio_outgoing *p, enum sio_form form,
               struct sio_frames *f)
{
    int err = 0;

    f->msgs = f->few;
    f->count = 0;
    if (!fits(p)) {
        io->stats.limits_hit++;
        return ATR_ELIMIT;
    }
    /* Recent clients refuse more (2.3): sent all the same, but not unnoticed. */
    if (p->data && p->data->attachment_count > io->options.attachments_max)
        io->stats.limits_hit++;
    if (form != SIO_FORM_MSGPACK)
        add_texts(io, p, form == SIO_FORM_V2, f);
    else if ((err = sio_pack(io, p, f->msgs)) == 0)
        f->count = 1;
    else
        io->stats.limits_hit++;
    for (size_t i = 0; i < f->count && (p->flags & SIO_NO_COMPRESS); i++)
        f->msgs[i]->incompressible = 1;
    return err;
}

/* `","OFFSET"]` becomes `]`. */
static struct msg *unstamped(const struct msg *m)
{
    const size_t end = sizeof ",\"\"]" - 1 + SIO_OFFSET_LEN;
    str text = msg_payload(m);
    struct msg *bare;

    if (text.n < end) /* no sense in it */
        return NULL;
    bare = ws_msg_reserve(WS_TEXT, text.n - end + 1);
    put(put(bare->data + bare->head, str_n(text.p, text.n - end)), STR("]"));
    return bare;
}

void sio_frames_v2(const struct sio_frames *f, bool stamped, struct sio_frames *out)
{
    struct msg *bare = stamped ? unstamped(f->msgs[0]) : NULL;

    *out = (struct sio_frames){ .msgs = out->few, .count = f->count };
    if (f->count > SIO_FRAMES_FEW)
        out->msgs = mem_alloc(f->count * sizeof *out->msgs);
    out->msgs[0] = bare ? bare : msg_ref(f->msgs[0]);
    for (size_t i = 1; i < f->count; i++)
        out->msgs[i] = eio_msg_typed(msg_payload(f->msgs[i]));
    for (size_t i = 0; i < f->count; i++)
        out->msgs[i]->incompressible = f->msgs[0]->incompressible;
}

void sio_frames_free(struct sio_frames *f)
{
    for (size_t i = 0; i < f->count; i++)
        msg_unref(f->msgs[i]);
    if (f->msgs != f->few)
        mem_free(f->msgs);
}

/* The first element of an event's array, as it stands in the packet's text. */
static str event_in(const struct msg *m, const struct sio_namespace *n)
{
    str text = msg_payload(m);
    ptrdiff_t name = n->name.n > 1 ? str_search(text, n->name) : -1, array;

    if (name >= 0) /* it may hold a bracket */
        text = str_n(text.p + name + n->name.n, text.n - (size_t)name - n->name.n);
    array = str_find(text, '[');
    return array < 0 ? (str){ 0 } : json_at(str_n(text.p + array, text.n - (size_t)array), 0);
}

str sio_key(const struct sio_namespace *n, const struct sio_data *data,
            const struct sio_frames *texts)
{
    if (sio_output(n)->overflow != OVERFLOW_KEEP_LATEST)
        return (str){ 0 };
    if (data)
        return json_at(data->json, 0);
    return texts ? event_in(texts->msgs[0], n) : (str){ 0 };
}

struct parcel sio_parcel(const struct sio_namespace *n, const struct sio_frames *f, int64_t id,
                         str key)
{
    struct parcel p = parcel_of(f->msgs, f->count);

    p.droppable = id == SIO_NO_ID;
    p.space = n->number;
    p.key = key;
    return p;
}

int sio_send(struct sio_client *c, const struct sio_outgoing *p)
{
    struct sio_server *io = sio_client_server(c);
    struct sio_frames f;
    int err;

    /* 2.3: a packet goes or does not go, text and attachments together. */
    if ((p->flags & SIO_VOLATILE) && !sio_client_idle(c)) {
        io->stats.volatile_dropped++;
        return 0;
    }
    if ((err = sio_encode(io, p, sio_client_form(c), &f)) < 0)
        return err;
    if (p->of) {
        struct parcel parcel = sio_parcel(p->of, &f, p->id, sio_key(p->of, p->data, NULL));
        err = eio_session_send_parcel(&c->session, &parcel, sio_output(p->of));
    } else {
        err = eio_session_send(&c->session, f.msgs, f.count);
    }
    sio_frames_free(&f);
    return err;
}
