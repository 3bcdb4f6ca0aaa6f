/* tests/unit/base/test_sha1.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sha1.h"

#include "base/base64.h"
#include "base/mem.h"
#include "test.h"

static void assert_digest(const void *in, size_t n, const char *hex)
{
    uint8_t digest[20], *copy = mem_dup(in, n);
    char text[41];

    sha1(digest, copy, n);
    for (int i = 0; i < 20; i++)
        snprintf(text + i * 2, 3, "%02x", digest[i]);
    assert_string_equal(text, hex);
    mem_free(copy);
}

/* RFC 3174 section 7.3 and the empty message. */
static void the_vectors_of_the_rfc(void **state)
{
    char *million = mem_alloc(1000000), digits[641];

    (void)state;
    memset(million, 'a', 1000000);
    for (int i = 0; i < 80; i++)
        memcpy(digits + (ptrdiff_t)i * 8, "01234567", 8);
    assert_digest("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_digest("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                  "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    assert_digest(million, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    assert_digest(digits, 640, "dea356a2cddd90c7a7ecedc5ebb563934f460452");
    mem_free(million);
}

/* The lengths at which the padding needs another block; digests from sha1sum(1). */
static void the_edges_of_the_padding(void **state)
{
    char as[128];

    (void)state;
    memset(as, 'a', sizeof as);
    assert_digest(as, 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    assert_digest(as, 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    assert_digest(as, 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
    assert_digest(as, 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    assert_digest(as, 65, "11655326c708d70319be2610e8a57d9a5b959d3b");
}

/* RFC 6455 section 1.3: what this function is here for. */
static void the_handshake_of_the_websocket_rfc(void **state)
{
    str in = STR("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    uint8_t digest[20];
    char text[28];

    (void)state;
    sha1(digest, in.p, in.n);
    base64_encode(text, digest, 20);
    assert_memory_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28);
}

TEST_MAIN(cmocka_unit_test(the_vectors_of_the_rfc), cmocka_unit_test(the_edges_of_the_padding),
          cmocka_unit_test(the_handshake_of_the_websocket_rfc))
