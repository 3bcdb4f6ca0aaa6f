/* super/fields.h - JSON objects written and read member by member: the control protocol, the state
 * file, the messages between supervisor and workers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_FIELDS_H
#define SUPER_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Writers: put the comma before a member that is not the first of its container. */
void field_key(struct buf *b, const char *key);
void field_text(struct buf *b, const char *key, const char *text); /* NULL: null */
void field_number(struct buf *b, const char *key, int64_t n);
void field_bool(struct buf *b, const char *key, bool yes);
void field_json(struct buf *b, const char *key, str json);
void field_comma(struct buf *b); /* before an element of an array */

/* Readers of checked text. What is missing, or of another type, is the default. */
int64_t field_get_number(str object, const char *key, int64_t dflt);
bool field_get_bool(str object, const char *key);
char *field_get_text(str object, const char *key); /* a copy for mem_free(); NULL: no text */
bool field_is(str object, const char *key, const char *text);

#endif
