/* fuzz/fuzz_frozen.c - any bytes as the state of an object.
 *
 * What opens is whole: its size is within the input, its fields lie in it, and written again field
 * by field it reads the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proto/frozen.h"

#include "fuzz.h"

static bool within(str part, str whole)
{
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void write_again(const struct frozen *f)
{
    static struct buf out;
    struct frozen_writer w;
    struct frozen again;
    size_t used;

    buf_clear(&out);
    frozen_begin(&w, &out, f->version);
    for (uint32_t i = 0; i < f->count; i++) {
        msgpack_write_string(&out, f->fields[i].key);
        buf_add(&out, f->fields[i].value);
        w.count++;
    }
    frozen_end(&w);
    if (w.count > FROZEN_FIELDS_MAX) { /* the version stands there twice */
        ASSERT(frozen_open(&again, buf_str(&out), &used) == ATR_ELIMIT);
        return;
    }
    ASSERT(frozen_open(&again, buf_str(&out), &used) == 0);
    ASSERT(used == out.len && again.count == f->count + 1 && again.version == f->version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = { fuzz_copy(data, n), n };
    struct msgpack_reader r;
    struct frozen f;
    size_t used;

    if (frozen_open(&f, in, &used) == 0) {
        ASSERT(used <= n && f.version > 0);
        for (uint32_t i = 0; i < f.count; i++) {
            ASSERT(within(f.fields[i].key, in) && within(f.fields[i].value, in));
        }
        (void)frozen_uint(&f, "n", 0);
        (void)frozen_array(&f, "l", &r);
        (void)frozen_bytes(&f, "b");
        write_again(&f);
    }
    free((void *)in.p);
    return 0;
}
