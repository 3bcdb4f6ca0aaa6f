/* tests/unit/socketio/test_partial.c - gathering attachments: copies, order, blocks given back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>

#include "base/slab.h"
#include "count.h"
#include "socketio/partial.h"

static struct sio_packet packet_of(char *text, uint32_t attachments)
{
    struct sio_packet p = { .type = SIO_BINARY_EVENT, .attachments = attachments, .id = 7 };

    p.data = str_of(text);
    p.event = (str){ text + 1, 3 };
    return p;
}

static void keeps_copies(void **state)
{
    char *text = strdup("[\"e\",{\"_placeholder\":true,\"num\":0}]"), *piece = strdup("piece");
    struct sio_packet packet = packet_of(text, 3);
    struct sio_partial *p = sio_partial_new(&packet, 99);
    (void)state;

    memset(text, '?', strlen(text));
    free(text);
    assert_str(p->packet.data, "[\"e\",{\"_placeholder\":true,\"num\":0}]");
    assert_str(p->packet.event, "\"e\"");
    assert_int_equal(p->packet.id, 7);
    assert_int_equal(p->socket, 99);
    assert_false(sio_partial_add(p, str_of(piece)));
    memset(piece, '?', 5);
    free(piece);
    assert_false(sio_partial_add(p, STR("")));
    assert_true(sio_partial_add(p, STR("last")));
    assert_str(p->attachments[0], "piece");
    assert_int_equal(p->attachments[1].n, 0);
    assert_str(p->attachments[2], "last");
    sio_partial_free(p);
}

/* Every number of attachments, of sizes from the slab and beyond, given up at every point. */
static void gives_all_blocks_back(void **state)
{
    static const size_t sizes[] = { 0, 1, 31, 4096, 5000, 100000 };
    char *big = calloc(1, 100000);
    char text[] = "[\"e\"]";
    (void)state;

    for (uint32_t n = 1; n <= 12; n++) {
        for (uint32_t stop = 0; stop <= n; stop++) {
            struct sio_packet packet = packet_of(text, n);
            struct sio_partial *p = sio_partial_new(&packet, 1);

            for (uint32_t i = 0; i < stop; i++)
                assert_int_equal(sio_partial_add(p, str_n(big, sizes[i % 6])), i + 1 == n);
            sio_partial_free(p);
        }
    }
    sio_partial_free(NULL);
    free(big);
    slab_trim();
}

static void warm_packets_allocate_nothing(void **state)
{
    char text[] = "[\"e\",1]";
    struct sio_packet packet = packet_of(text, 2);
    (void)state;

    for (int i = 0; i < 3; i++) {
        assert_allocs(i ? 0 : 100, {
            struct sio_partial *p = sio_partial_new(&packet, 1);

            (void)sio_partial_add(p, STR("some bytes"));
            (void)sio_partial_add(p, STR("more"));
            sio_partial_free(p);
        });
    }
    slab_trim();
}

TEST_MAIN(cmocka_unit_test(keeps_copies), cmocka_unit_test(gives_all_blocks_back),
          cmocka_unit_test(warm_packets_allocate_nothing))
