/* proto/schema_view.h - what one client sees beside that which all see.
 *
 * Fields with a tag, and what hangs in them, are left out of patches for all (the shared part). A
 * view says which of it a client gets, in a second part behind the shared one:
 *
 *   - an object that was added to the view shows its fields with SCHEMA_TAG, and those with a bit
 * of the tags that it was added with; so do the objects that hung in it then;
 *   - an object that hangs in a tagged field is there for the client when it was added, or when the
 *     field shows; with it, as far as needed, what it hangs in, which from then on stays until it
 * is removed itself;
 *   - a container in a tagged field shows those of its objects that were added; a container of
 *     primitives, and one that hangs in an untagged field of an object that is there, shows all.
 *
 * A view begins with schema_view_encode_all(), between two patches. From then on each
 * schema_encode() is followed by schema_view_encode() of every view that has begun, before
 * schema_commit(); a view that was left out has to begin anew.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_VIEW_H
#define PROTO_SCHEMA_VIEW_H

#include "proto/schema.h"

/* Before its root is freed, so is a view. */
struct schema_view *schema_view_new(struct schema_root *root) MUST_CHECK;
void schema_view_free(struct schema_view *view); /* NULL is fine */

/* tag: SCHEMA_TAG or bits. ATR_ESTATE: the object does not hang in the view's root. */
int schema_view_add(struct schema_view *view, struct schema_node *node, int32_t tag) MUST_CHECK;
/* The same tag as with add; what was not added is passed over. */
void schema_view_remove(struct schema_view *view, struct schema_node *node, int32_t tag);
bool schema_view_has(const struct schema_view *view, const struct schema_node *node);
/* Removes everything. */
void schema_view_clear(struct schema_view *view);

/* Appends what comes behind schema_encode()'s part; nothing when there is nothing. */
void schema_view_encode(struct schema_view *view, struct buf *out);
/* Appends what comes behind schema_encode_all()'s part (resumed: schema_encode_resumed()'s), and
 * begins. ATR_ESTATE while changes wait for schema_commit(). */
int schema_view_encode_all(struct schema_view *view, bool resumed, struct buf *out) MUST_CHECK;
/* Whether something was added or removed since it was last encoded. */
bool schema_view_changed(const struct schema_view *view);
bool schema_view_has_begun(const struct schema_view *view);
/* Memory that it takes beside its objects. */
size_t schema_view_bytes(const struct schema_view *view);

#endif
