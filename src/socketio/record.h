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
/* The number of the latest packet that is kept, once all up to it were sent to those who are here.
 */
uint64_t sio_recovery_last(const struct sio_recovery *r);

/* --- For cluster_session.c: records that cross servers --- */

/* Appends all that makes a record; its namespace and pid are the caller's to write. */
void sio_record_write(const struct sio_record *rec, struct buf *out);
/* A saved record of that pid, which is new here; one that was live lost its connection now. NULL:
 * there is no sense in what was written. */
struct sio_reader;
struct sio_record *sio_record_read(struct sio_recovery *r, str pid, struct sio_reader *in);
/* The saved record of a pid, its connection cut if it had one. NULL: there is none. Callbacks run.
 */
struct sio_record *sio_record_take(struct sio_namespace *n, str pid);
/* Somebody else has it now. */
void sio_record_release(struct sio_record *rec);

#endif
