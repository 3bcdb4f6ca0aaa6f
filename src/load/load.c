/* load/load.c - the command `atrium bench`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/load.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "load/run.h"

int load_command(int argc, char **argv)
{
    struct load_options o;
    struct rlimit limit;
    char why[ATR_WHY_MAX] = "";
    int err;

    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        load_usage_text();
        return argc < 2 ? 2 : 0;
    }
    if (load_options_parse(&o, argc, argv, why) < 0) {
        fprintf(stderr, "atrium bench: %s\n", why);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* a lower limit shows when connections fail */
    }
    struct load_run *r = mem_alloc(sizeof *r);
    err = load_run(r, &o);
    load_report(r);
    if (err < 0)
        fprintf(stderr, "atrium bench: %s\n", r->why);
    mem_free(r);
    return err < 0 ? 1 : 0;
}
