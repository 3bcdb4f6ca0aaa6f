/* tests/unit/engineio/eio3.h - sessions of protocol 3, for the tests of what differs there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_ENGINEIO_EIO3_H
#define UNIT_ENGINEIO_EIO3_H

#include "rig.h"

static inline void allow(struct eio_options *o)
{
    o->allow_eio3 = true;
}

/* In a static buffer, one per call of a few. more: further parameters, with their '&'. */
static inline const char *url_of(const char *transport, const char *sid, const char *more)
{
    static char slots[8][200];
    static unsigned at;
    char *url = slots[at++ % 8];

    (void)snprintf(url, sizeof slots[0], "/engine.io/?EIO=3&transport=%s%s%s%s", transport,
                   sid ? "&sid=" : "", sid ? sid : "", more ? more : "");
    return url;
}

/* What stands behind "sid": in an open packet, however it is quoted. */
static inline const char *sid_in(str text)
{
    static char sids[4][EIO_SID_LEN + 1];
    static unsigned next;
    char *sid = sids[next++ % 4];
    ptrdiff_t at = str_search(text, STR("sid"));

    assert_true(at >= 0);
    at += 3;
    while (text.p[at] == '\\' || text.p[at] == '"' || text.p[at] == ':' || text.p[at] == '=')
        at++;
    memcpy(sid, text.p + at, EIO_SID_LEN);
    return sid;
}

/* The one in a URL. */
static inline const char *sid_of(const char *url)
{
    return sid_in(str_of(strchr(url, '?')));
}

/* Opens a polling session and returns its URL; more: of the query. */
static inline const char *polling3(struct client *c, const char *more)
{
    struct answer a = client_get(c, url_of("polling", NULL, more));

    assert_int_equal(a.status, 200);
    return url_of("polling", sid_in(a.body), more);
}

static inline void websocket3(struct client *c, const char *more)
{
    (void)websocket_connect(c, url_of("websocket", NULL, more), NULL);
    assert_true(str_starts(frame_next(c).data, STR("0{\"sid\":\"")));
}

#endif
