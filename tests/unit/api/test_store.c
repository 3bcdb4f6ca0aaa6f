/* tests/unit/api/test_store.c - the store of an application in C: requests cross as they are, an
 * answer comes once and never inside the call, and an application that ends tells who waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "atrium/atrium.h"

#include <stdlib.h>

#include "api/app.h"
#include "test.h"

struct answer {
    int times, err;
    uint64_t version, epoch, ttl_ms;
    int64_t number;
    char value[64], owner[64];
};

static struct answer got;

static void on_answer(void *user, int err, const atr_store_result *r)
{
    struct answer *a = user;

    a->times++;
    a->err = err;
    a->version = r->version;
    a->epoch = r->epoch;
    a->ttl_ms = r->ttl_ms;
    a->number = r->number;
    snprintf(a->value, sizeof a->value, "%.*s", (int)r->value.n, r->value.p ? r->value.p : "");
    snprintf(a->owner, sizeof a->owner, "%.*s", (int)r->owner.n, r->owner.p ? r->owner.p : "");
}

static int ask(atr_app *app, atr_store_request r)
{
    r.size = sizeof r;
    got = (struct answer){ 0 };
    assert_int_equal(atr_store(app, &r, on_answer, &got), 0);
    assert_int_equal(got.times, 0);
    while (!got.times)
        assert_true(loop_turn(&app->loop, 1000) >= 0);
    assert_int_equal(got.times, 1);
    return got.err;
}

static void operations_cross_as_they_are(void **state)
{
    atr_app *app = atr_app_new(NULL);
    const atr_str key = ATR_STR("k");

    (void)state;
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_GET, .key = key }),
                     ATR_EUNKNOWN);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_SET,
                                                   .key = key,
                                                   .value = ATR_STR("v"),
                                                   .ttl_ms = 60000 }),
                     0);
    uint64_t version = got.version;
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_GET, .key = key }), 0);
    assert_string_equal(got.value, "v");
    assert_int_equal(got.version, version);
    assert_true(got.ttl_ms > 0 && got.ttl_ms <= 60000);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_SET,
                                                   .key = key,
                                                   .flags = ATR_STORE_IF_ABSENT }),
                     ATR_EEXISTS);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_SET,
                                                   .key = key,
                                                   .flags = ATR_STORE_IF_VERSION,
                                                   .version = version + 1 }),
                     ATR_ESTATE);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_EXPIRE, .key = key }), 0);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_GET, .key = key }), 0);
    assert_int_equal(got.ttl_ms, 0);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_INCR, .key = ATR_STR("n") }), 0);
    assert_int_equal(got.number, 1);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_DEL,
                                                   .key = ATR_STR(""),
                                                   .flags = ATR_STORE_PREFIX }),
                     0);
    assert_int_equal(got.number, 2);
    atr_app_free(app);
}

static void leases_have_epochs(void **state)
{
    atr_app *app = atr_app_new(NULL);
    const atr_str name = ATR_STR("l");

    (void)state;
    atr_store_request mine = {
        .op = ATR_STORE_ACQUIRE, .key = name, .owner = ATR_STR("a"), .ttl_ms = 60000
    };
    assert_int_equal(ask(app, mine), 0);
    uint64_t epoch = got.epoch;
    mine.owner = ATR_STR("b");
    assert_int_equal(ask(app, mine), ATR_EEXISTS);
    assert_string_equal(got.owner, "a");
    assert_int_equal(got.epoch, epoch);
    atr_store_request fenced = {
        .op = ATR_STORE_SET, .key = ATR_STR("k"), .fence = name, .fence_epoch = epoch
    };
    assert_int_equal(ask(app, fenced), 0);
    assert_int_equal(ask(app,
                         (atr_store_request){
                             .op = ATR_STORE_RENEW, .key = name, .epoch = epoch, .ttl_ms = 60000 }),
                     0);
    assert_int_equal(
        ask(app, (atr_store_request){ .op = ATR_STORE_RELEASE, .key = name, .epoch = epoch }), 0);
    assert_int_equal(ask(app, (atr_store_request){ .op = ATR_STORE_HOLDER, .key = name }), 0);
    assert_int_equal(got.epoch, 0);
    assert_int_equal(ask(app, fenced), ATR_EFENCED);
    assert_int_equal(ask(app, mine), 0);
    assert_true(got.epoch > epoch);
    atr_app_free(app);
}

/* Also where there is no centre, which nobody starts here. */
static void ending_tells_who_waits(void **state)
{
    const char *const stores[] = { "\"memory\"", "\"centre\"" };

    (void)state;
    assert_int_equal(setenv("ATRIUM_HOME", "/nowhere", 1), 0);
    for (int i = 0; i < 2; i++) {
        atr_app *app = atr_app_new(NULL);
        atr_store_request r = ATR_STORE_REQUEST_INIT;

        assert_int_equal(atr_app_set(app, ATR_STR("store"), atr_text(stores[i]), ATR_FLAG, NULL),
                         0);
        r.key = ATR_STR("k");
        got = (struct answer){ 0 };
        assert_int_equal(atr_store(app, &r, on_answer, &got), 0);
        assert_int_equal(atr_store(app, &r, NULL, NULL), 0);
        r.op = (atr_store_op)99;
        assert_int_equal(atr_store(app, &r, on_answer, &got), ATR_EUNKNOWN);
        assert_int_equal(got.times, 0);
        assert_int_equal(app->store_figures.waiting, 2);
        atr_app_free(app);
        assert_int_equal(got.times, 1);
        assert_true(got.err == ATR_ECLOSED || got.err == ATR_EUNKNOWN);
    }
}

static void the_setting_is_checked(void **state)
{
    atr_app *app = atr_app_new(NULL);
    char why[ATR_WHY_BYTES];

    (void)state;
    assert_int_equal(atr_app_set(app, ATR_STR("store"), ATR_STR("\"disk\""), ATR_FLAG, why),
                     ATR_ERANGE);
    assert_non_null(strstr(why, "auto, memory or centre"));
    atr_app_free(app);
}

TEST_MAIN(cmocka_unit_test(operations_cross_as_they_are), cmocka_unit_test(leases_have_epochs),
          cmocka_unit_test(ending_tells_who_waits), cmocka_unit_test(the_setting_is_checked))
