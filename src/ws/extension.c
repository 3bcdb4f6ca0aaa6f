/* ws/extension.c - the negotiation of permessage-deflate: RFC 6455 9.1 for the grammar, RFC 7692 7
 * for its meaning.
 *
 * A header that breaks the grammar fails the handshake. An offer that follows it but asks for what
 * we do not know, or cannot give, is declined; the next one may do.
 *
 * Start reading at ws_deflate_agree().
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/deflate.h"
#include "http/server.h"
#include "ws/deflate.h"

enum { QUOTED_MAX = 64 }; /* a longer value is none that we know */

/* --- Grammar --- */

struct parameter {
    str name, value; /* value.p == NULL: none */
    char unquoted[QUOTED_MAX];
};

static bool token_char(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr(others, c));
}

static void skip_space(str *s)
{
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = str_n(s->p + 1, s->n - 1);
}

static bool take_char(str *s, char c)
{
    skip_space(s);
    if (!s->n || s->p[0] != c)
        return false;
    *s = str_n(s->p + 1, s->n - 1);
    return true;
}

static bool take_token(str *s, str *token)
{
    size_t n = 0;

    skip_space(s);
    while (n < s->n && token_char(s->p[n]))
        n++;
    *token = str_n(s->p, n);
    *s = str_n(s->p + n, s->n - n);
    return n > 0;
}

/* 9.1: what is between the quotes must be a token once its escapes are gone. */
static bool take_quoted(str *s, struct parameter *p)
{
    size_t n = 0;

    while (s->n && s->p[0] != '"') {
        if (s->p[0] == '\\')
            *s = str_n(s->p + 1, s->n - 1);
        if (!s->n || !token_char(s->p[0]))
            return false;
        if (n < QUOTED_MAX)
            p->unquoted[n++] = s->p[0];
        *s = str_n(s->p + 1, s->n - 1);
    }
    p->value = str_n(p->unquoted, n);
    return n > 0 && take_char(s, '"');
}

/* `; name` or `; name=value`, the semicolon taken already. */
static bool take_parameter(str *s, struct parameter *p)
{
    p->value = (str){ 0 };
    if (!take_token(s, &p->name))
        return false;
    if (!take_char(s, '='))
        return true;
    return take_char(s, '"') ? take_quoted(s, p) : take_token(s, &p->value);
}

/* --- Offers (RFC 7692 7.1) --- */

struct offer {
    bool good; /* so far: nothing unknown, doubled or out of range */
    bool server_no_context_takeover, client_no_context_takeover;
    bool client_bits_known; /* client_max_window_bits was there, with or without a value */
    uint8_t server_bits, client_bits; /* 0: not given */
};

/* 7.1.2: a decimal number from 8 to 15 without leading zeroes; 0 when it is none. */
static uint8_t bits_of(str value)
{
    if (value.n == 1 && (value.p[0] == '8' || value.p[0] == '9'))
        return (uint8_t)(value.p[0] - '0');
    if (value.n == 2 && value.p[0] == '1' && value.p[1] >= '0' && value.p[1] <= '5')
        return (uint8_t)(10 + value.p[1] - '0');
    return 0;
}

static bool note_flag(bool *flag, const struct parameter *p)
{
    if (*flag || p->value.p)
        return false;
    *flag = true;
    return true;
}

static bool note(struct offer *o, const struct parameter *p)
{
    if (str_ieq(p->name, STR("server_no_context_takeover")))
        return note_flag(&o->server_no_context_takeover, p);
    if (str_ieq(p->name, STR("client_no_context_takeover")))
        return note_flag(&o->client_no_context_takeover, p);
    if (str_ieq(p->name, STR("server_max_window_bits"))) {
        if (o->server_bits || !p->value.p)
            return false;
        return (o->server_bits = bits_of(p->value)) != 0;
    }
    if (str_ieq(p->name, STR("client_max_window_bits"))) {
        if (o->client_bits_known)
            return false;
        o->client_bits_known = true;
        return !p->value.p || (o->client_bits = bits_of(p->value)) != 0;
    }
    return false;
}

static uint8_t least(uint8_t a, uint8_t b)
{
    return a && a < b ? a : b;
}

static bool accept_offer(struct ws_deflate_terms *t, const struct offer *offer,
                         const struct ws_deflate_options *o)
{
    if (!offer->good || (offer->server_bits && offer->server_bits < DEFLATE_BITS_MIN))
        return false; /* zlib cannot keep to 256 bytes */
    if (o->client_max_window_bits < 15 && !offer->client_bits_known)
        return false; /* 7.1.2.2: such a client does not understand the answer */
    *t = (struct ws_deflate_terms){
        .server_no_context_takeover =
            o->server_no_context_takeover || offer->server_no_context_takeover,
        .client_no_context_takeover =
            o->client_no_context_takeover || offer->client_no_context_takeover,
        .server_bits = least(offer->server_bits, o->server_max_window_bits),
        .client_bits = least(offer->client_bits, o->client_max_window_bits),
        .level = o->level,
        .mem_level = o->mem_level,
        .threshold = o->threshold,
    };
    t->say_server_bits = offer->server_bits || o->server_max_window_bits < 15;
    t->say_client_bits = offer->client_bits || o->client_max_window_bits < 15;
    return true;
}

/* One extension with its parameters. *ours: it is permessage-deflate, and offer says how. */
static bool take_extension(str *s, bool *ours, struct offer *offer)
{
    struct parameter p;
    str name;

    if (!take_token(s, &name))
        return false;
    *ours = str_ieq(name, STR("permessage-deflate"));
    *offer = (struct offer){ .good = true };
    while (take_char(s, ';')) {
        if (!take_parameter(s, &p))
            return false;
        offer->good = offer->good && note(offer, &p);
    }
    return true;
}

/* One header: RFC 9110 5.6.1 allows empty elements of a list. */
static int look(struct ws_deflate_terms *t, str value, const struct ws_deflate_options *o,
                bool *agreed)
{
    struct offer offer;
    bool ours;

    for (skip_space(&value); value.n; skip_space(&value)) {
        if (take_char(&value, ','))
            continue;
        if (!take_extension(&value, &ours, &offer))
            return ATR_ESYNTAX;
        skip_space(&value);
        if (value.n && value.p[0] != ',')
            return ATR_ESYNTAX;
        if (ours && !*agreed)
            *agreed = accept_offer(t, &offer, o);
    }
    return 0;
}

int ws_deflate_agree(struct ws_deflate_terms *t, const struct http_request *r,
                     const struct ws_deflate_options *o)
{
    const struct http_head *h = &r->head;
    bool agreed = false;
    int err;

    if (!o->enabled)
        return 0;
    for (uint32_t i = 0; i < h->header_count; i++)
        if (str_ieq(h->headers[i].name, STR("Sec-WebSocket-Extensions")) &&
            (err = look(t, h->headers[i].value, o, &agreed)) < 0)
            return err;
    return agreed;
}

void ws_deflate_answer(struct buf *out, const struct ws_deflate_terms *t)
{
    buf_add(out, STR("Sec-WebSocket-Extensions: permessage-deflate"));
    if (t->server_no_context_takeover)
        buf_add(out, STR("; server_no_context_takeover"));
    if (t->client_no_context_takeover)
        buf_add(out, STR("; client_no_context_takeover"));
    if (t->say_server_bits)
        buf_format(out, "; server_max_window_bits=%u", t->server_bits);
    if (t->say_client_bits)
        buf_format(out, "; client_max_window_bits=%u", t->client_bits);
    buf_add(out, STR("\r\n"));
}
