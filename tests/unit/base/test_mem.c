/* tests/unit/base/test_mem.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/mem.h"

#include <fcntl.h>
#include <unistd.h>

#include "count.h"
#include "test.h"

static void memory_is_zeroed_copied_and_grown(void **state)
{
    static const char zeros[100];
    char *p = mem_zalloc(100), *copy;

    (void)state;
    assert_memory_equal(p, zeros, 100);
    memcpy(p, "hello", 5);
    copy = mem_dup(p, 5);
    p = mem_realloc(p, 100000);
    assert_memory_equal(p, "hello", 5);
    assert_memory_equal(copy, "hello", 5);
    mem_free(p);
    mem_free(copy);
}

static void nothing_is_something_too(void **state)
{
    void *p;

    (void)state;
    mem_free(NULL);
    mem_free(mem_alloc(0));
    mem_free(mem_zalloc(0));
    mem_free(mem_dup(NULL, 0));
    p = mem_realloc(NULL, 0);
    assert_non_null(p);
    p = mem_realloc(p, 0);
    assert_non_null(p);
    mem_free(p);
}

static void each_allocation_counts_once(void **state)
{
    uint64_t before = mem_count();
    void *p = mem_alloc(10);

    (void)state;
    assert_int_equal(mem_count() - before, 1);
    p = mem_realloc(p, 20);
    assert_int_equal(mem_count() - before, 2);
    mem_free(p);
    assert_int_equal(mem_count() - before, 2);
    mem_free(mem_zalloc(1));
    mem_free(mem_dup("x", 1));
    assert_int_equal(mem_count() - before, 4);
}

/* The helper of the other tests tells the truth. */
static void descriptors_are_counted(void **state)
{
    int before = fd_count();
    int fd = open("/dev/null", O_RDONLY);

    (void)state;
    assert_true(before >= 0);
    assert_int_equal(fd_count(), before + 1);
    close(fd);
    assert_int_equal(fd_count(), before);
}

TEST_MAIN(cmocka_unit_test(memory_is_zeroed_copied_and_grown),
          cmocka_unit_test(nothing_is_something_too), cmocka_unit_test(each_allocation_counts_once),
          cmocka_unit_test(descriptors_are_counted))
