/* fuzz/fuzz_store_record.c - any bytes as records of the store, and as a filter of a room.
 *
 * A record that is read, written again, is read as the same; what is cut off the input is what it
 * took. A filter that is valid has all its own fields.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster/record.h"
#include "cluster/seats.h"

#include "fuzz.h"

static void as_filter(str in)
{
    bool valid = seats_filter_valid(in);

    if (in.n > 4096)
        return;
    ASSERT(seats_filter_has(in, in));
    if (valid)
        ASSERT(seats_filter_has(in, (str){ 0 }));
    else
        ASSERT(in.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct buf once, twice;
    str in = { fuzz_copy(data, n), n }, rest = in;
    struct store_record r, again;

    as_filter(in);
    while (rest.n) {
        str before = rest;

        if (store_record_read(&rest, &r) < 0) {
            ASSERT(rest.p == before.p && rest.n == before.n);
            break;
        }
        ASSERT(rest.n < before.n && rest.p + rest.n == in.p + in.n);
        buf_clear(&once);
        buf_clear(&twice);
        store_record_write(&once, &r);
        str copy = buf_str(&once);
        ASSERT(store_record_read(&copy, &again) == 0 && copy.n == 0);
        store_record_write(&twice, &again);
        ASSERT(str_eq(buf_str(&once), buf_str(&twice)));
    }
    free((void *)(uintptr_t)in.p);
    return 0;
}
