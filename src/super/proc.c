/* super/proc.c - see proc.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

static ssize_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, out, size - 1);
    close(fd);
    if (n >= 0)
        out[n] = 0;
    return n;
}

int proc_read(pid_t pid, struct proc_facts *f)
{
    unsigned long user, system, rss;
    unsigned long long start;
    char path[64], text[1024], state;
    const char *behind;
    int parent;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    /* The second field is the program's name in brackets, and may hold anything. */
    if (read_file(path, text, sizeof text) <= 0 || !(behind = strrchr(text, ')')) ||
        sscanf(
            behind + 1,
            " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %llu %*u "
            "%lu",
            &state, &parent, &user, &system, &start, &rss) != 6)
        return -ESRCH;
    *f = (struct proc_facts){ .start_ticks = start,
                              .cpu_ticks = user + system,
                              .rss_bytes = rss * (unsigned long)sysconf(_SC_PAGESIZE),
                              .parent = parent,
                              .state = state };
    return 0;
}

struct kin {
    pid_t pid, parent;
    bool descends;
};

static struct kin *list_all(size_t *count)
{
    DIR *folder = opendir("/proc");
    struct kin *all = NULL;
    struct dirent *entry;
    struct proc_facts f;
    size_t n = 0, cap = 0;

    while (folder && (entry = readdir(folder))) {
        pid_t pid = (pid_t)atoi(entry->d_name);

        if (pid <= 0 || proc_read(pid, &f) < 0)
            continue;
        if (n == cap)
            all = mem_realloc(all, (cap = cap ? 2 * cap : 256) * sizeof *all);
        all[n++] = (struct kin){ .pid = pid, .parent = f.parent };
    }
    if (folder)
        closedir(folder);
    *count = n;
    return all;
}

int proc_signal_descendants(pid_t pid, int signal)
{
    size_t count;
    struct kin *all = list_all(&count);
    bool more = true;
    int sent = 0;

    /* Generation by generation: the list is in no order. */
    while (more) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            bool descends = all[i].parent == pid;
            for (size_t j = 0; j < count && !descends; j++)
                descends = all[j].descends && all[j].pid == all[i].parent;
            if (!descends || all[i].descends)
                continue;
            all[i].descends = more = true;
            sent += kill(all[i].pid, signal) == 0;
        }
    }
    mem_free(all);
    return sent;
}

void proc_boot_id(char out[64])
{
    if (read_file("/proc/sys/kernel/random/boot_id", out, 64) <= 0)
        out[0] = 0;
    out[strcspn(out, "\n")] = 0;
}

const char *proc_own_program(void)
{
    static char path[4096];
    ssize_t n = path[0] ? 0 : readlink("/proc/self/exe", path, sizeof path - 1);
    char *deleted = strstr(path, " (deleted)");

    if (n > 0)
        path[n] = 0;
    if (n > 0 && (deleted = strstr(path, " (deleted)")))
        *deleted = 0; /* replaced while it ran */
    return path[0] && access(path, X_OK) == 0 ? path : "/proc/self/exe";
}
