/* net/address.c - see address.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void set_ipv4(struct address *out, const void *four)
{
    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + sizeof mapped, four, 4);
}

bool address_is_ipv4(const struct address *a)
{
    return memcmp(a->bytes, mapped, sizeof mapped) == 0;
}

bool address_of_peer(int fd, struct address *out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
    } a;
    socklen_t len = sizeof a;

    if (getpeername(fd, &a.any, &len) < 0)
        return false;
    if (a.any.sa_family == AF_INET)
        set_ipv4(out, &a.in.sin_addr);
    else if (a.any.sa_family == AF_INET6)
        memcpy(out->bytes, &a.in6.sin6_addr, ADDRESS_BYTES);
    else
        return false;
    return true;
}

/* Cuts a port off "[v6]:port", "[v6]" and "v4:port"; a bare IPv6 address has colons of its own. */
static str without_port(str text)
{
    ptrdiff_t end = str_find(text, ']'), colon = str_find(text, ':');

    if (text.n > 0 && text.p[0] == '[' && end > 0)
        return str_n(text.p + 1, (size_t)end - 1);
    if (colon > 0 && str_find(str_n(text.p + colon + 1, text.n - (size_t)colon - 1), ':') < 0)
        return str_n(text.p, (size_t)colon);
    return text;
}

int address_parse(struct address *out, str text)
{
    char plain[ADDRESS_TEXT_MAX];
    uint8_t four[4];

    text = without_port(text);
    if (text.n == 0 || text.n >= sizeof plain || memchr(text.p, 0, text.n))
        return ATR_ESYNTAX;
    memcpy(plain, text.p, text.n);
    plain[text.n] = 0;
    if (inet_pton(AF_INET, plain, four) == 1)
        set_ipv4(out, four);
    else if (inet_pton(AF_INET6, plain, out->bytes) != 1)
        return ATR_ESYNTAX;
    return 0;
}

void address_text(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
    bool ipv4 = address_is_ipv4(a);

    if (!inet_ntop(ipv4 ? AF_INET : AF_INET6, a->bytes + (ipv4 ? sizeof mapped : 0), out,
                   ADDRESS_TEXT_MAX))
        out[0] = 0;
}

/* --- Ranges --- */

static bool same_prefix(const struct address *a, const struct address *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

static bool rest_is_zero(const struct address *a, unsigned bits)
{
    for (unsigned i = bits; i < 8 * ADDRESS_BYTES; i++)
        if (a->bytes[i / 8] & 0x80 >> i % 8)
            return false;
    return true;
}

int address_range_parse(struct address_range *out, str text)
{
    uint64_t bits = 128;
    str address;
    int err;

    (void)str_cut(&text, '/', &address);
    if (without_port(address).n != address.n) /* there are none in ranges */
        return ATR_ESYNTAX;
    if ((err = address_parse(&out->first, address)) < 0)
        return err;
    if (text.p) {
        bool ipv4 = address_is_ipv4(&out->first) && str_find(address, ':') < 0;
        if (str_to_u64(text, ipv4 ? 32 : 128, &bits) < 0)
            return ATR_ESYNTAX;
        bits += ipv4 ? 96 : 0;
    }
    out->bits = (uint8_t)bits;
    return rest_is_zero(&out->first, out->bits) ? 0 : ATR_ESYNTAX;
}

bool address_in(const struct address *a, const struct address_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (same_prefix(a, &ranges[i].first, ranges[i].bits))
            return true;
    return false;
}
