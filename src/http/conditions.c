/* http/conditions.c - what the client has already, and which part it wants.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/conditions.h"

#include "http/date.h"

bool etag_listed(str list, str etag)
{
    /* Tags may hold commas, so the list is walked by its quotes (8.8.3). */
    while ((list = str_trim(list)).n > 0) {
        if (list.p[0] == '*')
            return true;
        if (list.p[0] == ',') {
            list = str_n(list.p + 1, list.n - 1);
            continue;
        }
        if (str_starts(list, STR("W/")))
            list = str_n(list.p + 2, list.n - 2);
        if (list.n == 0 || list.p[0] != '"')
            return false;
        ptrdiff_t end = str_find(str_n(list.p + 1, list.n - 1), '"');
        if (end < 0)
            return false;
        size_t n = (size_t)end + 2;
        if (str_eq(str_n(list.p, n), etag))
            return true;
        list = str_n(list.p + n, list.n - n);
    }
    return false;
}

bool http_not_modified(const struct http_head *h, str etag, int64_t modified_s)
{
    str match = http1_header(h, STR("if-none-match"));
    int64_t since;

    if (match.p)
        return etag_listed(match, etag);
    return http_date_read(http1_header(h, STR("if-modified-since")), &since) && modified_s <= since;
}

/* 13.1.5: only a strong match will do. A date is taken as strong when it is the same one. */
static bool if_range_holds(const struct http_head *h, str etag, int64_t modified_s)
{
    str condition = http1_header(h, STR("if-range"));
    int64_t at;

    if (!condition.p)
        return true;
    if (http_date_read(condition, &at))
        return at == modified_s;
    return str_eq(condition, etag);
}

enum http_range http_range_of(const struct http_head *h, uint64_t size, str etag,
                              int64_t modified_s, uint64_t *first, uint64_t *last)
{
    str range = http1_header(h, STR("range")), from;
    uint64_t a = 0, b = 0;

    if (!str_istarts(range, STR("bytes=")) || !str_eq(h->method, STR("GET")) ||
        !if_range_holds(h, etag, modified_s))
        return HTTP_RANGE_NONE;
    range = str_trim(str_n(range.p + 6, range.n - 6));
    if (str_find(range, '-') < 0 || !str_cut(&range, '-', &from))
        return HTTP_RANGE_NONE;
    if (from.n == 0) { /* the last so many bytes */
        if (str_to_u64(range, UINT64_MAX, &b) != 0)
            return HTTP_RANGE_NONE;
        if (b == 0 || size == 0)
            return HTTP_RANGE_UNSATISFIABLE;
        *first = b < size ? size - b : 0;
        *last = size - 1;
        return HTTP_RANGE_ONE;
    }
    if (str_to_u64(from, UINT64_MAX, &a) != 0)
        return HTTP_RANGE_NONE;
    if (range.n == 0)
        b = UINT64_MAX;
    else if (str_to_u64(range, UINT64_MAX, &b) != 0 || b < a)
        return HTTP_RANGE_NONE;
    if (a >= size)
        return HTTP_RANGE_UNSATISFIABLE;
    *first = a;
    *last = b < size ? b : size - 1;
    return HTTP_RANGE_ONE;
}
