/* fuzz/fuzz_store_wire.c - any bytes as what guests and the centre say to each other.
 *
 * What is read, written again, is read as the same; what cannot be read is not consumed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/wire.h"

#include "fuzz.h"

static void requests(str in)
{
    struct wire_request q, again;
    struct buf once = { 0 }, record = { 0 };
    uint64_t number;

    (void)!wire_read_number(&in, &number);
    for (str before = in; wire_read_request(&in, &q) == 0; before = in) {
        ASSERT(in.n < before.n);
        buf_clear(&once);
        buf_clear(&record);
        store_record_write(&record, &q.r);
        wire_write_request(&once, (unsigned)q.op, q.seq, buf_str(&record));
        str copy = buf_str(&once);
        ASSERT(wire_read_request(&copy, &again) == 0 && copy.n == 0);
        ASSERT(again.seq == q.seq && (unsigned)again.op == (unsigned)q.op);
    }
    buf_free(&once);
    buf_free(&record);
}

static void answers(str in)
{
    struct wire_answer a, again;
    struct buf once = { 0 };

    for (str before = in; wire_read_answer(&in, &a) == 0; before = in) {
        ASSERT(in.n < before.n && a.err <= 0);
        buf_clear(&once);
        wire_write_answer(&once, &a);
        str copy = buf_str(&once);
        ASSERT(wire_read_answer(&copy, &again) == 0 && copy.n == 0);
        ASSERT(again.seq == a.seq && again.err == a.err && again.count == a.count &&
               str_eq(again.body, a.body));
    }
    buf_free(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = { fuzz_copy(data, n), n };

    requests(in);
    answers(in);
    free((void *)(uintptr_t)in.p);
    return 0;
}
