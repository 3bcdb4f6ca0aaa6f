/* super/date_format.h - times in the words of PM2's log_date_format: YYYY-MM-DD HH:mm:ss.SSS Z.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_DATE_FORMAT_H
#define SUPER_DATE_FORMAT_H

#include "base/buf.h"

/* Appends wall_ms (Unix time) in local time. Known words: YYYY YY MMM MM DD ddd HH hh mm ss SSS A a
 * Z ZZ X x; [text] stands for itself; all else too. */
void date_format(struct buf *out, const char *format, int64_t wall_ms);

#endif
