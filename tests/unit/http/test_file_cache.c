/* tests/unit/http/test_file_cache.c - one state of a file, within the bound, oldest out first.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "http/file_cache.h"

static const struct file_stamp now = { 1, 2, 3, 4 };

/* A message of n bytes that the test holds a reference of too. */
static struct msg *held(size_t n)
{
    return msg_ref(msg_new(n));
}

static void keeps_one_state(void **state)
{
    struct file_stamp changed[] = {
        { 9, 2, 3, 4 }, { 1, 9, 3, 4 }, { 1, 2, 9, 4 }, { 1, 2, 3, 9 }
    };
    struct file_cache c;
    struct file_entry *e;
    struct msg *m;
    (void)state;

    file_cache_init(&c, 10000);
    for (size_t i = 0; i < 4; i++) {
        m = held(100);
        e = file_cache_get(&c, STR("a"), now);
        assert_null(e->plain);
        file_cache_put(&c, e, &e->plain, m);
        assert_ptr_equal(file_cache_get(&c, STR("a"), now)->plain, m);
        assert_null(file_cache_get(&c, STR("a"), changed[i])->plain);
        assert_int_equal(m->refs, 1);
        msg_unref(m);
        assert_null(file_cache_get(&c, STR("a"), now)->plain);
    }
    file_cache_free(&c);
}

static void drops_the_oldest(void **state)
{
    struct msg *a = held(3000), *b = held(3000), *z = held(3000), *large = held(20000);
    struct file_cache c;
    struct file_entry *e;
    (void)state;

    file_cache_init(&c, 8000);
    e = file_cache_get(&c, STR("a"), now);
    file_cache_put(&c, e, &e->plain, a);
    e = file_cache_get(&c, STR("b"), now);
    file_cache_put(&c, e, &e->gzip, b);
    (void)file_cache_get(&c, STR("a"), now); /* used again: b is the oldest */
    e = file_cache_get(&c, STR("z"), now);
    file_cache_put(&c, e, &e->plain, z);
    assert_int_equal(a->refs, 2);
    assert_int_equal(b->refs, 1);
    assert_int_equal(z->refs, 2);
    assert_true(c.bytes <= c.bytes_max);
    /* What is in use stays, even when it alone is too large; the next use makes room. */
    e = file_cache_get(&c, STR("large"), now);
    file_cache_put(&c, e, &e->plain, large);
    assert_int_equal(a->refs, 1);
    assert_int_equal(large->refs, 2);
    (void)file_cache_get(&c, STR("a"), now);
    assert_int_equal(large->refs, 1);
    assert_true(c.bytes <= c.bytes_max);
    file_cache_free(&c);
    assert_int_equal(c.bytes, 0);
    msg_unref(a);
    msg_unref(b);
    msg_unref(z);
    msg_unref(large);
}

/* Names alone cost something, so they are bounded too. */
static void bounds_names(void **state)
{
    struct file_cache c;
    char name[32];
    (void)state;

    file_cache_init(&c, 4096);
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(name, sizeof name, "name%d", i);
        (void)file_cache_get(&c, str_n(name, (size_t)n), now);
        assert_true(c.bytes <= c.bytes_max);
    }
    assert_true(c.by_path.count < 100);
    file_cache_free(&c);
}

TEST_MAIN(cmocka_unit_test(keeps_one_state), cmocka_unit_test(drops_the_oldest),
          cmocka_unit_test(bounds_names))
