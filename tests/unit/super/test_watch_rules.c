/* tests/unit/super/test_watch_rules.c - which files are watched.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "super/watch_rules.h"

static bool fits(const char *pattern, const char *path)
{
    return watch_pattern_fits(str_of(pattern), str_of(path));
}

static void patterns(void **state)
{
    (void)state;
    assert_true(fits("src", "src"));
    assert_true(fits("src", "src/a/b.lua"));
    assert_true(fits("./src/", "src/a.lua"));
    assert_false(fits("src", "srcs/a.lua"));
    assert_false(fits("src", "lib/src"));
    assert_true(fits("src/*.lua", "src/a.lua"));
    assert_false(fits("src/*.lua", "src/sub/a.lua"));
    assert_true(fits("src/**/*.lua", "src/a.lua"));
    assert_true(fits("src/**/*.lua", "src/x/y/a.lua"));
    assert_false(fits("src/**/*.lua", "src/x/y/a.txt"));
    assert_true(fits("**/tmp", "a/b/tmp/c"));
    assert_false(fits("**/tmp", "a/b/tmpc"));
    assert_true(fits("**/a/**/b", "x/a/y/a/z/b"));
    assert_true(fits("[ab]?.lua", "b1.lua"));
    assert_false(fits("src/deep/file", "src/deep"));
    assert_false(fits("x", ""));
}

static struct watch_rules rules;

static void describe(const char *json)
{
    char why[ATR_WHY_MAX] = "";
    struct spec s;

    spec_init(&s);
    if (spec_read(&s, str_of(json), why) < 0)
        fail_msg("%s", why);
    watch_rules_init(&rules, &s, "/app/home");
    spec_fini(&s);
}

static bool file(const char *path)
{
    return !watch_rules_leave_out(&rules, path, false);
}

static bool folder(const char *path)
{
    return !watch_rules_leave_out(&rules, path, true);
}

static void true_is_the_working_folder_without_what_nobody_edits(void **state)
{
    (void)state;
    describe("{\"cwd\":\"/app\",\"watch\":true,\"out_file\":\"/app/out.txt\"}");
    assert_int_equal(rules.root_count, 1);
    assert_string_equal(rules.roots[0].path, "/app");
    assert_true(file("/app/app.lua"));
    assert_true(folder("/app/src"));
    assert_true(file("/app/src/x.html"));
    assert_false(folder("/app/.git"));
    assert_false(file("/app/src/.app.lua.swp"));
    assert_false(folder("/app/node_modules"));
    assert_false(folder("/app/lib/node_modules"));
    assert_false(file("/app/chat.db"));
    assert_false(file("/app/chat.db-wal"));
    assert_false(file("/app/logs/x.log.3"));
    assert_false(file("/app/app.lua~"));
    assert_false(folder("/app/home"));
    assert_false(file("/app/home/run/state.json"));
    assert_false(file("/app/out.txt"));
    assert_false(file("/app/out-3.txt"));
    assert_false(file("/app/out-3.txt.1"));
    assert_true(file("/app/output.txt"));
    assert_false(file("/apple/x.lua"));
    watch_rules_fini(&rules);
}

static void lists_name_files_folders_and_patterns(void **state)
{
    (void)state;
    describe("{\"cwd\":\"/app\",\"watch\":[\"main.lua\",\"./src\",\"../.shared/lib\",\"views/**/"
             "*.html\","
             "\"chat.db\"]}");
    assert_int_equal(rules.root_count, 5);
    assert_string_equal(rules.roots[2].path, "/.shared/lib");
    assert_string_equal(rules.roots[3].path, "/app/views");
    assert_true(file("/app/main.lua"));
    assert_false(file("/app/other.lua"));
    assert_true(file("/app/src/deep/x.lua"));
    assert_true(file("/.shared/lib/x.lua")); /* only what is below counts */
    assert_false(file("/.shared/lib/.git/x"));
    assert_true(folder("/app/views/deep"));
    assert_true(file("/app/views/deep/x.html"));
    assert_false(file("/app/views/deep/x.css"));
    assert_true(file("/app/chat.db")); /* named, so wanted */
    watch_rules_fini(&rules);
}

static void ignored_names_and_paths(void **state)
{
    (void)state;
    describe("{\"cwd\":\"/app\",\"watch\":true,\"ignore_watch\":[\"tmp\",\"src/gen\",\"*.css\",\"/"
             "app/abs\","
             "\"docs/**/*.png\",\"build/\"]}");
    assert_false(folder("/app/tmp"));
    assert_false(folder("/app/deep/tmp"));
    assert_false(file("/app/src/gen/x.lua"));
    assert_true(file("/app/lib/src/gen/x.lua"));
    assert_false(file("/app/views/x.css"));
    assert_false(file("/app/abs/x.lua"));
    assert_false(file("/app/docs/a/b.png"));
    assert_true(file("/app/docs/a/b.md"));
    assert_false(folder("/app/deep/build"));
    assert_false(folder("/app/.git")); /* as before */
    watch_rules_fini(&rules);
}

static void flags(void **state)
{
    char why[ATR_WHY_MAX];
    struct spec s;

    (void)state;
    spec_init(&s);
    assert_false(watch_rules_wanted(&s));
    assert_int_equal(spec_set_flag(&s, STR("watch"), STR("true"), why), 0);
    assert_true(watch_rules_wanted(&s));
    assert_int_equal(spec_set_flag(&s, STR("watch"), STR("src 'two words'"), why), 0);
    assert_true(str_eq(spec_json(&s, SPEC_KEY_watch), STR("[\"src\",\"two words\"]")));
    assert_int_equal(spec_set_flag(&s, STR("ignore-watch"), STR("tmp logs"), why), 0);
    assert_true(str_eq(spec_json(&s, SPEC_KEY_ignore_watch), STR("[\"tmp\",\"logs\"]")));
    assert_int_equal(spec_set_flag(&s, STR("watch"), STR("'open"), why), ATR_ESYNTAX);
    assert_int_equal(spec_set_flag(&s, STR("watch"), STR("false"), why), 0);
    assert_false(watch_rules_wanted(&s));
    spec_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(true_is_the_working_folder_without_what_nobody_edits),
        cmocka_unit_test(lists_name_files_folders_and_patterns),
        cmocka_unit_test(ignored_names_and_paths),
        cmocka_unit_test(flags),
    };

    return cmocka_run_group_tests_name("super/watch_rules", tests, NULL, NULL);
}
