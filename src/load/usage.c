/* load/usage.c - see usage.h.
 *
 * CPU time comes from each thread's schedstat, in nanoseconds. A thread that ends takes its time
 * with it; so the process's total in clock ticks is a lower bound.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/usage.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH_MAX = 4 }; /* a supervisor, its workers, what they start */

static int read_threads(uint32_t pid, double *seconds)
{
    char path[64];
    struct dirent *entry;

    (void)snprintf(path, sizeof path, "/proc/%u/task", pid);
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    *seconds = 0;
    while ((entry = readdir(dir))) {
        char stat[320];
        uint64_t ns;
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(stat, sizeof stat, "/proc/%u/task/%s/schedstat", pid, entry->d_name);
        FILE *f = fopen(stat, "re");
        if (f && fscanf(f, "%" SCNu64, &ns) == 1)
            *seconds += (double)ns / 1e9;
        if (f)
            fclose(f);
    }
    closedir(dir);
    return 0;
}

static int read_ticks(uint32_t pid, double *seconds)
{
    char path[64], line[1024];
    uint64_t user = 0, system = 0;

    (void)snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    /* The name in parentheses may hold anything: fields are counted from the last one. */
    char *after = strrchr(line, ')');
    if (!after ||
        sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &system) != 2)
        return -EIO;
    *seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    return 0;
}

static int read_memory(uint32_t pid, uint64_t *bytes)
{
    char path[64], line[256];
    uint64_t kilobytes;

    (void)snprintf(path, sizeof path, "/proc/%u/smaps_rollup", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    *bytes = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Private_Clean: %" SCNu64, &kilobytes) == 1 ||
            sscanf(line, "Private_Dirty: %" SCNu64, &kilobytes) == 1)
            *bytes += kilobytes * 1024;
    fclose(f);
    return 0;
}

static int read_one(uint32_t pid, struct usage *out)
{
    struct usage u;
    double ticks;
    int err;

    if ((err = read_threads(pid, &u.cpu_seconds)) < 0 || (err = read_ticks(pid, &ticks)) < 0 ||
        (err = read_memory(pid, &u.private_bytes)) < 0)
        return err;
    if (ticks > u.cpu_seconds)
        u.cpu_seconds = ticks;
    *out = u;
    return 0;
}

/* Adds what the children have used that any of its threads began, and theirs. */
static void add_children(uint32_t pid, struct usage *sum, int depth)
{
    char path[64];
    struct dirent *entry;
    DIR *dir;

    (void)snprintf(path, sizeof path, "/proc/%u/task", pid);
    if (depth == 0 || !(dir = opendir(path)))
        return;
    while ((entry = readdir(dir))) {
        char list[320];
        uint32_t child;
        struct usage u;
        FILE *f;
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(list, sizeof list, "/proc/%u/task/%s/children", pid, entry->d_name);
        if (!(f = fopen(list, "re")))
            continue;
        while (fscanf(f, "%" SCNu32, &child) == 1) {
            if (read_one(child, &u) < 0)
                continue;
            sum->cpu_seconds += u.cpu_seconds;
            sum->private_bytes += u.private_bytes;
            add_children(child, sum, depth - 1);
        }
        fclose(f);
    }
    closedir(dir);
}

int usage_read(uint32_t pid, struct usage *out)
{
    struct usage u;
    int err = read_one(pid, &u);

    if (err < 0)
        return err;
    add_children(pid, &u, DEPTH_MAX);
    *out = u;
    return 0;
}
