/* socketio/record.h - what recovery.c and record.c need of each other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_RECORD_H
#define SOCKETIO_RECORD_H

#include "socketio/recovery.h"

/* FOREIGN: well formed, but of another server or of a namespace that was cleaned up. */
enum sio_offset_kind { SIO_OFFSET_NONE, SIO_OFFSET_FOREIGN, SIO_OFFSET_OURS };
enum sio_offset_kind sio_offset_read(const struct sio_recovery *r, str text, uint64_t *out);

/* What was sent longer ago than this has reached whoever is still connected. */
uint64_t sio_heartbeat_ms(const struct sio_server *io);
/* There is something to forget by and by. */
void sio_recovery_clean_later(struct sio_recovery *r);
/* Forgets a saved record. true: its namespace was cleaned up, r with it. */
bool sio_record_drop(struct sio_record *rec);

#endif
