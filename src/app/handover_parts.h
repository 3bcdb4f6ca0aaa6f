/* app/handover_parts.h - what the two sides of a hand-over agree on.
 *
 * A link's messages begin with a byte that says what they are:
 *
 *   to the new worker     BEGIN  its application's state as JSON; nothing: there is none
 *                         NOTED  the number of a note (8 bytes): what follows moves where that is
 *                         ITEM   a kind (enum handover_kind), the frozen connection; its descriptor
 *                         BATCH  a number (4 bytes): all its connections have been sent
 *                         DONE   no more will come, and ids of sessions lead to it
 *   to the old one        READY  batches may come; who is leaving itself closes the link instead
 *                         TAKEN  the number of a batch
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef APP_HANDOVER_PARTS_H
#define APP_HANDOVER_PARTS_H

#include "app/handover.h"

/* Among the messages of peers: an end of a link; and a question that each answers, behind all
 * that it had sent before. */
enum { HANDOVER_PEERS_LINK = 64, HANDOVER_PEERS_FENCE, HANDOVER_PEERS_FENCED };

enum handover_message {
    HANDOVER_BEGIN = 'B',
    HANDOVER_NOTED = 'N',
    HANDOVER_ITEM = 'I',
    HANDOVER_BATCH = 'E',
    HANDOVER_DONE = 'D',
    HANDOVER_READY = 'R',
    HANDOVER_TAKEN = 'T'
};

/* The note of a batch: its number is the head. */
enum { HANDOVER_NOTE = BUS_KIND_HANDOVER, HANDOVER_NOTES = 1 };

/* handover_give.c: a peer has answered. */
void handover_fenced(struct handover *h);
void handover_drop_bequest(struct handover *h);
void handover_drop_arrivals(struct handover *h);
extern const struct bus_events handover_notes; /* handover_take.c */

#endif
