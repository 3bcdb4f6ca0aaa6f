/* engineio/cookie.c - Set-Cookie (RFC 6265 section 4.1) with the attributes in the order that the
 * npm package `cookie` writes them, so that what a proxy's rules match stays the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/cookie.h"

/* Options say "lax" or "Lax", `true` means strict; the wire has a capital. Others pass as they are.
 */
static str same_site_name(str value)
{
    static const str names[] = { { "Lax", 3 }, { "Strict", 6 }, { "None", 4 } };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_ieq(value, names[i]))
            return names[i];
    return str_ieq(value, STR("true")) ? names[1] : value;
}

static void add_attribute(struct buf *out, const char *name, str value)
{
    if (value.n == 0)
        return;
    buf_add(out, STR("; "));
    buf_add(out, str_of(name));
    buf_byte(out, '=');
    buf_add(out, value);
}

/* As encodeURIComponent() has it: ids of the application may hold more than letters. */
static void add_escaped(struct buf *out, str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            memchr("-_.!~*'()", c, 9))
            buf_byte(out, c);
        else
            buf_format(out, "%%%02X", c);
    }
}

void eio_cookie_header(struct buf *out, const struct eio_cookie *cookie, str sid)
{
    if (!cookie->enabled)
        return;
    buf_add(out, STR("Set-Cookie: "));
    buf_add(out, cookie->name);
    buf_byte(out, '=');
    add_escaped(out, sid);
    if (cookie->max_age >= 0)
        buf_format(out, "; Max-Age=%lld", (long long)cookie->max_age);
    add_attribute(out, "Domain", cookie->domain);
    add_attribute(out, "Path", cookie->path);
    if (cookie->http_only)
        buf_add(out, STR("; HttpOnly"));
    if (cookie->secure)
        buf_add(out, STR("; Secure"));
    add_attribute(out, "SameSite", same_site_name(cookie->same_site));
    buf_add(out, STR("\r\n"));
}
