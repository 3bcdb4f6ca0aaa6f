/* http/content_type.c - the table of media types.
 *
 * Texts are sent as UTF-8: whoever serves another encoding has a byte order mark or a declaration
 * in the file. Browsers insist on the types of scripts, style sheets, WebAssembly and manifests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/content_type.h"

#include <stddef.h>

static const struct content_type types[] = {
    { "html", "text/html; charset=utf-8", true },
    { "htm", "text/html; charset=utf-8", true },
    { "js", "text/javascript; charset=utf-8", true },
    { "mjs", "text/javascript; charset=utf-8", true },
    { "css", "text/css; charset=utf-8", true },
    { "json", "application/json; charset=utf-8", true },
    { "map", "application/json; charset=utf-8", true },
    { "webmanifest", "application/manifest+json; charset=utf-8", true },
    { "txt", "text/plain; charset=utf-8", true },
    { "md", "text/markdown; charset=utf-8", true },
    { "csv", "text/csv; charset=utf-8", true },
    { "xml", "application/xml; charset=utf-8", true },
    { "svg", "image/svg+xml", true },
    { "wasm", "application/wasm", true },
    { "ico", "image/x-icon", true },
    { "bmp", "image/bmp", true },
    { "ttf", "font/ttf", true },
    { "otf", "font/otf", true },
    { "glb", "model/gltf-binary", true },
    { "gltf", "model/gltf+json", true },
    { "png", "image/png", false },
    { "jpg", "image/jpeg", false },
    { "jpeg", "image/jpeg", false },
    { "gif", "image/gif", false },
    { "webp", "image/webp", false },
    { "avif", "image/avif", false },
    { "woff", "font/woff", false },
    { "woff2", "font/woff2", false },
    { "mp3", "audio/mpeg", false },
    { "ogg", "audio/ogg", false },
    { "wav", "audio/wav", false },
    { "m4a", "audio/mp4", false },
    { "mp4", "video/mp4", false },
    { "webm", "video/webm", false },
    { "pdf", "application/pdf", false },
    { "zip", "application/zip", false },
    { "gz", "application/gzip", false },
};

const struct content_type *content_type_of(str file_name)
{
    static const struct content_type unknown = { "", "application/octet-stream", false };
    size_t at = file_name.n;

    while (at > 0 && file_name.p[at - 1] != '.' && file_name.p[at - 1] != '/')
        at--;
    if (at == 0 || file_name.p[at - 1] == '/')
        return &unknown;
    str extension = str_n(file_name.p + at, file_name.n - at);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (str_ieq(extension, str_of(types[i].extension)))
            return &types[i];
    return &unknown;
}
