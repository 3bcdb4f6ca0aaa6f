/* net/address.h - addresses of peers, as 16 bytes: IPv4 in its mapped form (RFC 4291 2.5.5.2).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { ADDRESS_BYTES = 16, ADDRESS_TEXT_MAX = 64 };

struct address {
    uint8_t bytes[ADDRESS_BYTES];
};

/* "10.0.0.0/8": those whose first bits are these. */
struct address_range {
    struct address first;
    uint8_t bits; /* of 128 */
};

/* The peer of a connected socket; false: it has no IP address. */
bool address_of_peer(int fd, struct address *out);
/* "1.2.3.4", "::1", "[::1]", also with ":port" behind (of IPv6 then in brackets). ATR_ESYNTAX. */
int address_parse(struct address *out, str text);
/* The usual text; IPv4 in dots. */
void address_text(const struct address *a, char out[ADDRESS_TEXT_MAX]);
bool address_is_ipv4(const struct address *a);

/* "10.0.0.0/8", "::1". ATR_ESYNTAX; bits beyond the prefix must be zero. */
int address_range_parse(struct address_range *out, str text);
bool address_in(const struct address *a, const struct address_range *ranges, size_t count);

#endif
