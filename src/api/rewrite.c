/* api/rewrite.c - see rewrite.h.
 *
 * A writer for each: what was written has to live while handlers run, which may send.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/rewrite.h"

#include "api/io.h"
#include "proto/json.h"
#include "proto/sio_packet.h"

int rewrite_slow(const struct rewriter *by, const atr_data *data, struct rewritten *out)
{
    int err;

    out->w = atr_writer_new();
    if ((err = by->fn(by->user, data, out->w)) <= 0)
        return err;
    out->data = atr_writer_data(out->w);
    if (out->data.attachment_count == 0) {
        out->data.attachments = data->attachments;
        out->data.attachment_count = data->attachment_count;
    }
    if ((err = json_check(str_in(out->data.json), JSON_DEPTH)) < 0)
        return err;
    if (json_type_of(str_in(out->data.json)) != JSON_ARRAY)
        return ATR_ESYNTAX;
    return out->data.attachment_count ? sio_placeholders_check(str_in(out->data.json),
                                                               (uint32_t)out->data.attachment_count)
                                      : 0;
}

void atr_io_set_replacer(atr_io *io, atr_rewrite_fn fn, void *user)
{
    io->replacer = (struct rewriter){ fn, user };
}

void atr_io_set_reviver(atr_io *io, atr_rewrite_fn fn, void *user)
{
    io->reviver = (struct rewriter){ fn, user };
}
