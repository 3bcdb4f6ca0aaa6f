/* base/err.c - from codes to names, texts and sentences.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct row {
    const char *name, *text;
} rows[] = {
#define X(name, text) { "ATR_E" #name, text },
    ATR_ERRORS(X)
#undef X
};

/* The row of one of our own codes, or NULL. */
static const struct row *row_of(int code)
{
    if (code <= ATR_ERROR_BASE || code >= ATR_ERROR_END)
        return NULL;
    return &rows[code - ATR_ERROR_BASE - 1];
}

const char *err_name(int code)
{
    const struct row *row = row_of(code);
    const char *name = NULL;

    if (row)
        return row->name;
    if (code >= 0)
        return "OK";
    if (code > ATR_ERROR_BASE)
        name = strerrorname_np(-code);
    return name ? name : "ATR_E?";
}

const char *err_text(int code)
{
    const struct row *row = row_of(code);
    const char *text = NULL;

    if (row)
        return row->text;
    if (code >= 0)
        return "success";
    if (code > ATR_ERROR_BASE)
        text = strerrordesc_np(-code);
    return text ? text : "unknown error";
}

int err_why(char *why, int code, const char *format, ...)
{
    va_list args;

    if (!why)
        return code;
    va_start(args, format);
    vsnprintf(why, ATR_WHY_MAX, format, args);
    va_end(args);
    return code;
}

int err_wrap(char *why, int code, const char *format, ...)
{
    char inner[ATR_WHY_MAX];
    va_list args;
    size_t n;

    if (!why)
        return code;
    snprintf(inner, sizeof inner, "%s", why);
    va_start(args, format);
    vsnprintf(why, ATR_WHY_MAX, format, args);
    va_end(args);
    n = strlen(why);
    snprintf(why + n, ATR_WHY_MAX - n, ": %s", inner);
    return code;
}
