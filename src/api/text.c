/* api/text.c - events and answers of plain text, for those who need no writer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/io.h"

#include "proto/json.h"

/* The application's scratch, while it is in use: callbacks that run meanwhile find none and bring
 * their own, the larger of both is kept. */
static struct buf borrow(atr_app *app)
{
    struct buf b = app->outside.text;

    app->outside.text = (struct buf){ 0 };
    buf_clear(&b);
    return b;
}

static void give_back(atr_app *app, struct buf *b)
{
    struct buf *kept = &app->outside.text;

    if (kept->cap > b->cap) {
        buf_free(b);
        return;
    }
    buf_free(kept);
    *kept = *b;
}

/* ["event","text"]; either may be NULL. */
static atr_data array_of(struct buf *b, const char *event, const char *text)
{
    buf_byte(b, '[');
    if (event)
        json_write_string(b, str_of(event));
    if (event && text)
        buf_byte(b, ',');
    if (text)
        json_write_string(b, str_of(text));
    buf_byte(b, ']');
    return (atr_data){ .json = str_out(buf_str(b)) };
}

int atr_socket_emit_text(atr_socket *s, const char *event, const char *text)
{
    atr_app *app = namespace_of(socket_in(s))->io->app;
    struct buf b = borrow(app);
    atr_data d = array_of(&b, event, text);
    int err = atr_socket_emit(s, &d, 0);

    give_back(app, &b);
    return err;
}

int atr_emit_text(atr_namespace *n, const char *room, const char *event, const char *text)
{
    atr_app *app = n->io->app;
    struct buf b = borrow(app);
    atr_data d = array_of(&b, event, text);
    atr_str name = atr_text(room);
    atr_target to = { .rooms = &name, .room_count = room != NULL };
    int err = atr_emit(n, &to, &d);

    give_back(app, &b);
    return err;
}

int atr_socket_ack_text(atr_socket *s, int64_t ack, const char *text)
{
    atr_app *app = namespace_of(socket_in(s))->io->app;
    struct buf b = borrow(app);
    atr_data d = array_of(&b, NULL, text);
    int err = atr_socket_ack(s, ack, &d);

    give_back(app, &b);
    return err;
}

atr_str atr_event_arg(const atr_event *e, size_t index)
{
    return atr_json_at(e->data.json, index + 1);
}

int atr_event_text(const atr_event *e, size_t index, char *out, size_t size)
{
    atr_str value = atr_event_arg(e, index);

    return value.p ? atr_json_string(value, out, size) : ATR_ETYPE;
}
