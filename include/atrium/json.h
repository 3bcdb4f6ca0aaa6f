/* atrium/json.h - reading and writing the JSON that events carry, without a tree.
 *
 * A value is its text: reading returns slices of the text given, which live as long as it does.
 * Reading functions expect text that came out of Atrium (it is valid by then); check any other with
 * atr_json_check() first. No value, p == NULL, is of type ATR_JSON_NONE and may be given to all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ATRIUM_JSON_H
#define ATRIUM_JSON_H

#include "atrium/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum atr_json_type {
    ATR_JSON_NONE,
    ATR_JSON_NULL,
    ATR_JSON_FALSE,
    ATR_JSON_TRUE,
    ATR_JSON_NUMBER,
    ATR_JSON_STRING,
    ATR_JSON_ARRAY,
    ATR_JSON_OBJECT
} atr_json_type;

/* Whether text is one valid JSON value in UTF-8: 0, ATR_ESYNTAX, ATR_EENCODING or ATR_ELIMIT (too
 * deep). */
ATR_API int atr_json_check(atr_str text);
ATR_API atr_json_type atr_json_typeof(atr_str value); /* by its first character */
/* The text of an element, or of the last member of that name; p == NULL when there is none. */
ATR_API atr_str atr_json_at(atr_str array, size_t index);
ATR_API atr_str atr_json_get(atr_str object, atr_str name);
ATR_API size_t atr_json_count(atr_str container); /* elements or members; of other values 0 */
/* 0, or ATR_ETYPE when value is no number; as integer also when it has a fraction, ATR_ERANGE when
 * it exceeds 64 bits. *out is written on success only. */
ATR_API int atr_json_number(atr_str value, double *out);
ATR_API int atr_json_integer(atr_str value, int64_t *out);
/* Copies the unescaped characters, terminated, into out (at most size bytes). Returns the length,
 * or ATR_ETYPE when value is no string, ATR_ELIMIT when it does not fit. */
ATR_API int atr_json_string(atr_str value, char *out, size_t size);
/* The number of the attachment that stands here, an index into atr_data.attachments; or -1. */
ATR_API int64_t atr_json_attachment(atr_str value);

/* --- A writer: commas come by themselves.
 *
 *     atr_write_event(w, ATR_STR("chat message"));
 *     atr_write_string(w, text);
 *     atr_write_end(w);
 *     atr_data d = atr_writer_data(w);
 *
 * It belongs to no application; keep one and use it again. What is written is copied, but for
 * bytes. Calls must make one well-formed value: keys in objects only, an end for each begin (an end
 * too many ends the process). --- */
typedef struct atr_writer atr_writer;
ATR_API atr_writer *atr_writer_new(void);     /* never NULL; free it with atr_writer_free() */
ATR_API void atr_writer_free(atr_writer *w);  /* NULL is fine */
ATR_API void atr_writer_reset(atr_writer *w); /* empties it */
ATR_API void atr_write_array(atr_writer *w);
ATR_API void atr_write_object(atr_writer *w);
ATR_API void atr_write_end(atr_writer *w); /* closes the innermost array or object */
ATR_API void atr_write_key(atr_writer *w, atr_str name);
ATR_API void atr_write_string(atr_writer *w, atr_str s); /* what is not UTF-8 becomes U+FFFD */
ATR_API void atr_write_number(atr_writer *w, double n);  /* not finite: null */
ATR_API void atr_write_integer(atr_writer *w, int64_t n);
ATR_API void atr_write_bool(atr_writer *w, int truth);
ATR_API void atr_write_null(atr_writer *w);
ATR_API void atr_write_json(atr_writer *w, atr_str text);   /* valid JSON as it is */
ATR_API void atr_write_bytes(atr_writer *w, atr_str bytes); /* an attachment; bytes are borrowed */
/* Resets w, opens the array of an event and writes its name; atr_write_end() closes it. */
ATR_API void atr_write_event(atr_writer *w, atr_str name);
/* What was written; valid until the next call with w. */
ATR_API atr_data atr_writer_data(const atr_writer *w);

#ifdef __cplusplus
}
#endif

#endif
