/* socketio/record.h - what recovery.c and the files of records need of each other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_RECORD_H
#define SOCKETIO_RECORD_H

#include "socketio/recovery.h"

struct sio_reader;

/* FOREIGN: well formed, but of another server or of a namespace that was cleaned up. */
enum sio_offset_kind { SIO_OFFSET_NONE, SIO_OFFSET_FOREIGN, SIO_OFFSET_OURS };
enum sio_offset_kind sio_offset_read(const struct sio_recovery *r, str text, uint64_t *out);

/* What was sent longer ago than this has reached whoever is still connected. */
uint64_t sio_heartbeat_ms(const struct sio_server *io);
/* There is something to forget by and by. */
void sio_recovery_clean_later(struct sio_recovery *r);

static inline str sio_record_pid(const struct sio_record *rec)
{
    return str_n(rec->pid, SIO_ID_LEN);
}
static inline struct sio_server *sio_record_server(const struct sio_record *rec)
{
    return rec->in->nsp->server;
}

/* --- Records that wait --- */

/* Among those that wait, in the order of their loss, which is also that of their end: the time that
 * they are given is one for all. The oldest are dropped when there are too many. */
void sio_record_wait(struct sio_record *rec);
/* One that waits does so no more; its state is the caller's. */
void sio_record_unsave(struct sio_record *rec);
/* Forgets a saved record. true: its namespace was cleaned up, r with it. */
bool sio_record_drop(struct sio_record *rec);
/* The same: somebody else has it now. */
void sio_record_release(struct sio_record *rec);
/* The saved record of that pid, once a connection that still holds it is cut, unless that is c.
 * NULL: there is none. c NULL: another server asks. Callbacks run. */
struct sio_record *sio_record_find(struct sio_namespace *n, const struct sio_client *c, str pid);

/* The next of its rooms, *at begins at 0; false: there are no more. Not of one that is live. */
bool sio_record_room(const struct sio_record *rec, size_t *at, str *room);
void sio_record_forget_rooms(struct sio_record *rec);

/* The number of the latest packet that is kept, once all up to it were sent to those who are here.
 */
uint64_t sio_recovery_last(const struct sio_recovery *r);

/* --- Records that cross servers --- */

/* Appends all that makes a record; its namespace and pid are the caller's to write. */
void sio_record_write(const struct sio_record *rec, struct buf *out);
/* A saved record of that pid, which is new here; one that was live lost its connection now. NULL:
 * there is no sense in what was written. */
struct sio_record *sio_record_read(struct sio_recovery *r, str pid, struct sio_reader *in);

#endif
