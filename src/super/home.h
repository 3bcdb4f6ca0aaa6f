/* super/home.h - the folder of a supervisor: ATRIUM_HOME, by default ~/.atrium.
 *
 * One supervisor per folder. Everything in it is for its user alone (mode 0700), since whoever
 * reaches the control socket can run programs as that user.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_HOME_H
#define SUPER_HOME_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/err.h"

enum { HOME_PATH_MAX = 4096 };

struct home {
    char path[HOME_PATH_MAX]; /* absolute */
};

/* Finds it, and makes it with its folders logs and run when it is not there. */
int home_open(struct home *h, char *why) MUST_CHECK;

/* path/name in out (HOME_PATH_MAX bytes); longer ones are cut, and then do not exist. */
const char *home_file(const struct home *h, const char *name, char *out);

/* The address of a socket in the folder. An address holds 107 bytes; a longer path is reached
 * through a descriptor of its folder, which *folder_fd is then (else -1): close it after use. */
int home_address(const char *path, struct sockaddr_un *a, int *folder_fd) MUST_CHECK;

/* A connected socket to path, close-on-exec; or a negative errno. type as for socket(). */
int home_connect(const char *path, int type) MUST_CHECK;
/* A listening one, mode 0600. What stands at path is replaced. */
int home_listen(const char *path, int type) MUST_CHECK;

/* Whether the peer of a local socket is the same user, or root. */
bool home_peer_allowed(int fd);

/* Writes a file in one step: readers see the old one or the new one. Mode 0600. */
int home_write(const char *path, str text) MUST_CHECK;
/* Appends the file to out. */
int home_read(const char *path, struct buf *out) MUST_CHECK;

/* Removes a folder with the files in it. */
void home_remove(const char *path);

/* A name as part of a file's name: what is not of [A-Za-z0-9._-] becomes a dash. */
void home_clean_name(const char *name, char *out, size_t size);

#endif
