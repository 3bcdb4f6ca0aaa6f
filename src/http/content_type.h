/* http/content_type.h - the media type of a file, by its name. Internal to the http layer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_CONTENT_TYPE_H
#define HTTP_CONTENT_TYPE_H

#include <stdbool.h>

#include "base/str.h"

struct content_type {
    const char *extension; /* lower case, without the dot */
    const char *name;
    bool compressible;
};

/* "application/octet-stream" for names without a known extension. */
const struct content_type *content_type_of(str file_name);

#endif
