/* api/client_folder.c - where the browser client's files are.
 *
 * Installed trees may be moved, so places are looked for beside the program first and beside the
 * library next; the prefix of the build is the last resort, for programs that hold the static one.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/client_bundle.h"
#include "api/install_paths.h"

static bool is_there(const char *folder)
{
    char file[PATH_MAX + 32];

    (void)snprintf(file, sizeof file, "%s/socket.io.js", folder);
    return access(file, R_OK) == 0;
}

/* Looks for folder beside file, whose last part is cut off. */
static bool beside(char out[PATH_MAX], const char *file, const char *folder)
{
    const char *slash = strrchr(file, '/');

    return slash && snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - file), file, folder) < PATH_MAX &&
           is_there(out);
}

static bool beside_program(char out[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0)
        return false;
    self[n] = 0;
    return beside(out, self, "client") || beside(out, self, "../share/atrium/client");
}

static bool beside_library(char out[PATH_MAX])
{
    static const char here; /* whatever this is a part of */
    Dl_info info;

    /* lib, or lib/<architecture> */
    return dladdr(&here, &info) && info.dli_fname &&
           (beside(out, info.dli_fname, "../share/atrium/client") ||
            beside(out, info.dli_fname, "../../share/atrium/client"));
}

bool client_folder_find(char out[PATH_MAX])
{
    const char *named = getenv("ATRIUM_CLIENT_DIR");

    if (named && strlen(named) < PATH_MAX) {
        strcpy(out, named);
        return is_there(out);
    }
    if (beside_program(out) || beside_library(out))
        return true;
    strcpy(out, INSTALLED_CLIENT_DIR);
    return is_there(out);
}
