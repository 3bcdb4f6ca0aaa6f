/* proto/schema_container.h - what maps, arrays, sets and collections share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_SCHEMA_CONTAINER_H
#define PROTO_SCHEMA_CONTAINER_H

#include "proto/schema_internal.h"

/* Checks a value for a container, and that there is room for it and `more` bytes. */
int schema_item_make(struct schema_node *container, struct schema_value value, size_t more,
                     union schema_cell *out) MUST_CHECK;
/* It is in the container from now on: it counts, and hangs there. */
void schema_item_added(struct schema_node *container, union schema_cell cell);
/* It no longer is: texts are freed. */
void schema_item_removed(struct schema_node *container, union schema_cell cell);
/* Makes room for `count` items in all. */
void schema_items_reserve(struct schema_node *container, union schema_cell **items, uint32_t *cap,
                          uint32_t count);

void schema_map_clear(struct schema_map *m);
void schema_array_clear(struct schema_array *a);
void schema_list_clear(struct schema_list *l);

#endif
