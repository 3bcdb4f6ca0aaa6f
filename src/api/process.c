/* api/process.c - figures of the process, from the kernel.
 *
 * What cannot be had is left out. Open descriptors are those of a kernel that tells their number at
 * once (Linux 6.2): counting them would hold up the loop where there are very many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/metrics.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void give_real(const struct metric_walk *w, atr_metric_kind kind, const char *name,
                      const char *help, double value)
{
    w->fn(
        w->user,
        &(atr_metric){
            .kind = kind, .name = name, .suffix = "", .labels = "", .help = help, .value = value });
}

static void give_memory(const struct metric_walk *w)
{
    double page = (double)sysconf(_SC_PAGESIZE);
    unsigned long all, resident;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%lu %lu", &all, &resident) == 2) {
        give_real(w, ATR_GAUGE, "process_resident_memory_bytes", "Resident memory of the process",
                  (double)resident * page);
        give_real(w, ATR_GAUGE, "process_virtual_memory_bytes", "Address space of the process",
                  (double)all * page);
    }
    if (f)
        fclose(f);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void give_cpu(const struct metric_walk *w)
{
    struct rusage used;

    if (getrusage(RUSAGE_SELF, &used) == 0)
        give_real(w, ATR_COUNTER, "process_cpu_seconds_total", "CPU time, of the kernel's too",
                  seconds(used.ru_utime) + seconds(used.ru_stime));
}

/* When the process started, in ticks since the machine did: the 22nd field, of which the second is
 * a name that may hold anything. */
static bool start_ticks(unsigned long long *out)
{
    char text[1024], *at;
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = 0;
    at = strrchr(text, ')');
    return at && sscanf(at + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                        "%*d %*d %*d %llu",
                        out) == 1;
}

static void give_start(const struct metric_walk *w)
{
    struct timespec now, up;
    unsigned long long ticks;

    if (!start_ticks(&ticks) || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
        clock_gettime(CLOCK_BOOTTIME, &up) < 0)
        return;
    give_real(w, ATR_GAUGE, "process_start_time_seconds", "Unix time of the start of the process",
              (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9 +
                  (double)ticks / (double)sysconf(_SC_CLK_TCK));
}

static void give_descriptors(const struct metric_walk *w)
{
    struct rlimit max;
    struct stat open_now;

    if (stat("/proc/self/fd", &open_now) == 0 && open_now.st_size > 0)
        give_real(w, ATR_GAUGE, "process_open_fds", "Open descriptors", (double)open_now.st_size);
    if (getrlimit(RLIMIT_NOFILE, &max) == 0)
        give_real(w, ATR_GAUGE, "process_max_fds", "Descriptors that may be open",
                  (double)max.rlim_cur);
}

void metrics_of_process(const struct metric_walk *w)
{
    give_memory(w);
    give_cpu(w);
    give_start(w);
    give_descriptors(w);
}
