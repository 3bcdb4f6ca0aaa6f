/* proto/http1_kept.c - see http1_kept.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/http1_kept.h"

str http1_kept_target(str head)
{
    str method, target;

    (void)str_cut(&head, ' ', &method);
    (void)str_cut(&head, ' ', &target);
    return target;
}

static bool next_line(str *head, str *line)
{
    if (!str_cut(head, '\n', line))
        return false;
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return line->n > 0;
}

bool http1_kept_next(str *rest, str *name, str *value)
{
    str line;

    if (!next_line(rest, &line))
        return false;
    *value = line;
    (void)str_cut(value, ':', name);
    *value = str_trim(*value);
    return true;
}

str http1_kept_headers(str head)
{
    str line;

    (void)next_line(&head, &line);
    return head;
}

str http1_kept_header(str head, str wanted)
{
    str rest = http1_kept_headers(head), name, value;

    while (http1_kept_next(&rest, &name, &value))
        if (str_ieq(name, wanted))
            return value;
    return (str){ 0 };
}
