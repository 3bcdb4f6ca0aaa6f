/* proto/parse.h - what every parser answers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_PARSE_H
#define PROTO_PARSE_H

enum parse {
    PARSE_DONE, /* a whole item was read; outputs are set */
    PARSE_MORE, /* a proper prefix of an item: nothing was consumed, nothing written */
    PARSE_BAD   /* no continuation can make it valid */
};

#endif
