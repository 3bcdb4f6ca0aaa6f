/* fuzz/replay.c - runs a fuzz target over its corpus, without a fuzzer and with any compiler.
 *
 * Each argument is a file or a folder of files. Every file is tried whole, cut off at every byte,
 * and with a fixed number of small mutations that are the same on every run: a test, not a search.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { FILE_BYTES_MAX = 1 << 16, PREFIXES_MAX = 4096, MUTATIONS = 2000, PATH_BYTES = 4096 };

static uint8_t input[FILE_BYTES_MAX + 1], mutant[FILE_BYTES_MAX + 1];

static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

/* Changes, drops, doubles or inserts a byte. Returns the new length. */
static size_t mutate(uint8_t *p, size_t n, uint32_t *x)
{
    static const uint8_t telling[] = "\0\x1e\x7f\x80\xc3\xed\xff\"\\[]{},:-+.09eEub/ \t\r\n";
    size_t at = n ? next_random(x) % n : 0;
    uint8_t byte = telling[next_random(x) % (sizeof telling - 1)];

    switch (next_random(x) % 4) {
    case 0:
        if (n > 0)
            p[at] = byte;
        return n;
    case 1:
        if (n > 0)
            p[at] ^= (uint8_t)(1u << next_random(x) % 8);
        return n;
    case 2:
        if (n == 0)
            return n;
        memmove(p + at, p + at + 1, n - at - 1);
        return n - 1;
    default:
        if (n == FILE_BYTES_MAX)
            return n;
        memmove(p + at + 1, p + at, n - at);
        p[at] = byte;
        return n + 1;
    }
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint32_t random = 2463534242u;
    size_t n;

    if (!file) {
        perror(path);
        return -1;
    }
    n = fread(input, 1, sizeof input, file);
    fclose(file);
    if (n > FILE_BYTES_MAX) {
        fprintf(stderr, "%s: longer than %d bytes\n", path, FILE_BYTES_MAX);
        return -1;
    }
    (void)LLVMFuzzerTestOneInput(input, n);
    for (size_t cut = 0; cut < n && cut < PREFIXES_MAX; cut++)
        (void)LLVMFuzzerTestOneInput(input, cut);
    for (int i = 0; i < MUTATIONS; i++) {
        size_t length = n;
        memcpy(mutant, input, n);
        for (uint32_t times = 1 + next_random(&random) % 4; times > 0; times--)
            length = mutate(mutant, length, &random);
        (void)LLVMFuzzerTestOneInput(mutant, length);
    }
    return 1;
}

/* Returns how many files were replayed, or -1. */
static int replay(const char *path)
{
    struct stat info;
    struct dirent *entry;
    int files = 0;
    DIR *folder;

    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
        return replay_file(path);
    if (!(folder = opendir(path))) {
        perror(path);
        return -1;
    }
    while (files >= 0 && (entry = readdir(folder))) {
        char name[PATH_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        files = replay_file(name) < 0 ? -1 : files + 1;
    }
    closedir(folder);
    return files;
}

int main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        int more = replay(argv[i]);
        if (more < 0)
            return 1;
        files += more;
    }
    printf("%d files replayed\n", files);
    return files > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
