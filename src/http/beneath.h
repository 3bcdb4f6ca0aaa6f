/* http/beneath.h - opening what lies beneath a folder, and nothing else. Internal to the http
 * layer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_BENEATH_H
#define HTTP_BENEATH_H

/* Opens `path` (relative; "" is the folder itself) for reading. Symbolic links are followed as long
 * as they stay beneath the folder. Returns a descriptor or a negative errno. */
int beneath_open(int folder, const char *path);

/* The way without openat2(2), for kernels and sandboxes that lack it: no link is followed at all.
 */
int beneath_walk(int folder, const char *path);

#endif
