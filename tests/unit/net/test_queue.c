/* tests/unit/net/test_queue.c - the ring against a plain array.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>

#include "net/queue.h"

enum { STEPS = 20000, MESSAGES = 4096 };

static struct msg *numbered(uint32_t i)
{
    struct msg *m = msg_new(1 + i % 7);

    for (uint32_t k = 0; k < m->len; k++)
        m->data[k] = (uint8_t)(i + k);
    return m;
}

/* What queue_gather() describes is what was pushed and not consumed. */
static void check(const struct stream_queue *q, struct msg **all, uint32_t from, uint32_t to,
                  size_t skip)
{
    struct iovec iov[16];
    size_t bytes, sum = 0;
    int n = queue_gather(q, iov, 16, &bytes);

    assert_int_equal(n, to - from < 16 ? to - from : 16);
    for (int i = 0; i < n; i++) {
        const struct msg *m = all[from + (uint32_t)i];
        assert_ptr_equal(iov[i].iov_base, m->data + skip);
        assert_int_equal(iov[i].iov_len, m->len - skip);
        sum += iov[i].iov_len;
        skip = 0;
    }
    assert_int_equal(bytes, sum);
}

/* Any mixture of pushing and consuming, with growth and wrapping in between. */
static void ring_behaves_like_an_array(void **state)
{
    static struct msg *all[MESSAGES];
    struct stream_queue *q = NULL;
    uint32_t from = 0, to = 0;
    size_t skip = 0, queued = 0;
    (void)state;

    srand(7);
    for (int step = 0; step < STEPS && to < MESSAGES; step++) {
        if (!q || rand() % 5 < 3) {
            all[to] = numbered(to);
            queued += all[to]->len;
            q = queue_push(q, all[to++]);
        } else {
            size_t n = 1 + (size_t)rand() % (queued < 20 ? queued : 20);
            uint32_t before = from;
            uint32_t done = queue_consume(q, n);
            queued -= n;
            for (skip += n; from < to && skip >= all[from]->len; from++)
                skip -= all[from]->len;
            assert_int_equal(done, from - before);
        }
        assert_int_equal(q->count, to - from);
        if (q->count == 0) {
            queue_free(q);
            q = NULL;
            continue;
        }
        assert_int_equal(q->offset, skip);
        check(q, all, from, to, skip);
    }
    queue_free(q);
    for (uint32_t i = 0; i < to; i++) {
        assert_int_equal(all[i]->refs, 1);
        msg_unref(all[i]);
    }
}

static void free_accepts_nothing(void **state)
{
    (void)state;
    queue_free(NULL);
}

TEST_MAIN(cmocka_unit_test(ring_behaves_like_an_array), cmocka_unit_test(free_accepts_nothing))
