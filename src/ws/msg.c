/* ws/msg.c - building messages that are WebSocket frames ready for the wire.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"
#include "ws/conn.h"

struct msg *ws_msg_reserve(enum ws_op op, size_t n)
{
    size_t head = ws_frame_head_size(n);
    struct msg *m = msg_new(head + n);

    (void)ws_frame_head(m->data, op, true, n);
    m->head = (uint8_t)head;
    m->binary = op == WS_BINARY;
    return m;
}

struct msg *ws_msg(enum ws_op op, str payload)
{
    struct msg *m = ws_msg_reserve(op, payload.n);

    if (payload.n)
        memcpy(m->data + m->head, payload.p, payload.n);
    return m;
}

/* The longest prefix of at most `max` bytes that does not end within a UTF-8 character. */
static str cut_text(str text, size_t max)
{
    if (text.n <= max)
        return text;
    while (max > 0 && ((uint8_t)text.p[max] & 0xc0) == 0x80)
        max--;
    return str_n(text.p, max);
}

struct msg *ws_msg_close(unsigned code, str reason)
{
    struct msg *m;
    uint8_t *p;

    if (code == 0)
        return ws_msg(WS_CLOSE, STR(""));
    ASSERT(ws_close_code_valid(code));
    reason = cut_text(reason, WS_CONTROL_MAX - 2);
    m = ws_msg_reserve(WS_CLOSE, 2 + reason.n);
    p = m->data + m->head;
    p[0] = (uint8_t)(code >> 8); /* 5.5.1: the code in network byte order, then the reason */
    p[1] = (uint8_t)code;
    if (reason.n)
        memcpy(p + 2, reason.p, reason.n);
    return m;
}
