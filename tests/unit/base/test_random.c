/* tests/unit/base/test_random.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

/* Every bit of every byte takes both values, for requests of all sizes around the buffer's. */
static void every_byte_is_filled(void **state)
{
    static uint8_t bytes[1500], ones[1500], zeros[1500];
    static const size_t sizes[] = { 1, 7, 100, 511, 512, 513, 1500 };

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];

        memset(ones, 0, n);
        memset(zeros, 0, n);
        for (int i = 0; i < 64; i++) {
            random_bytes(bytes, n);
            for (size_t k = 0; k < n; k++) {
                ones[k] |= bytes[k];
                zeros[k] |= (uint8_t)~bytes[k];
            }
        }
        for (size_t k = 0; k < n; k++)
            assert_int_equal(ones[k] & zeros[k], 0xff); /* fails by chance once in 10^15 runs */
    }
    random_bytes(NULL, 0);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

static void numbers_do_not_repeat(void **state)
{
    enum { N = 20000 };
    static uint64_t numbers[N];

    (void)state;
    for (int i = 0; i < N; i++)
        numbers[i] = random_u64();
    qsort(numbers, N, 8, compare);
    for (int i = 1; i < N; i++)
        assert_true(numbers[i] != numbers[i - 1]);
}

static void names_use_their_whole_alphabet(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char name[21], seen[256] = { 0 };

    (void)state;
    for (int i = 0; i < 1000; i++) {
        name[20] = '!';
        random_name(name, 20);
        assert_int_equal(name[20], '!');
        for (int k = 0; k < 20; k++) {
            assert_non_null(memchr(alphabet, name[k], 64));
            seen[(unsigned char)name[k]] = 1;
        }
    }
    for (int k = 0; k < 64; k++)
        assert_int_equal(seen[(unsigned char)alphabet[k]], 1);
}

/* A forked worker must not give out the session ids of its parent, nor those of its sister. */
static void forks_go_their_own_ways(void **state)
{
    enum { CHILDREN = 3 };
    uint64_t got[CHILDREN + 1];
    int ends[2];

    (void)state;
    random_u64(); /* the buffer is full of bytes that a child could share */
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            uint64_t n = random_u64();

            _exit(write(ends[1], &n, sizeof n) == sizeof n ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(read(ends[0], &got[i], 8), 8);
    }
    close(ends[0]);
    close(ends[1]);
    got[CHILDREN] = random_u64();
    for (int i = 0; i <= CHILDREN; i++) {
        for (int k = 0; k < i; k++)
            assert_true(got[i] != got[k]);
    }
}

static void *one_number(void *out)
{
    *(uint64_t *)out = random_u64();
    return NULL;
}

static void threads_do_not_share_bytes(void **state)
{
    pthread_t threads[2];
    uint64_t got[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_number, &got[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(got[0] != got[1]);
}

TEST_MAIN(cmocka_unit_test(every_byte_is_filled), cmocka_unit_test(numbers_do_not_repeat),
          cmocka_unit_test(names_use_their_whole_alphabet),
          cmocka_unit_test(forks_go_their_own_ways), cmocka_unit_test(threads_do_not_share_bytes))
