/* api/rewrite.h - the application's replacer and reviver: what looks over the data of events and
 * acknowledgements on their way out and in.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef API_REWRITE_H
#define API_REWRITE_H

#include "atrium/io.h"

struct rewriter {
    atr_rewrite_fn fn; /* NULL: none, and nothing is done */
    void *user;
};

struct rewritten {
    atr_data data;
    atr_writer *w; /* what it lies in; NULL: it is the original */
};

/* 0, or a negative code: the rewriter's, or ATR_ESYNTAX and ATR_EPROTOCOL when it wrote no array
 * with attachments for its placeholders. End it with rewrite_end() in any case. */
int rewrite_slow(const struct rewriter *by, const atr_data *data, struct rewritten *out);

static inline int rewrite(const struct rewriter *by, const atr_data *data, struct rewritten *out)
{
    *out = (struct rewritten){ .data = *data };
    return by->fn ? rewrite_slow(by, data, out) : 0;
}

static inline void rewrite_end(struct rewritten *r)
{
    if (r->w)
        atr_writer_free(r->w);
}

#endif
