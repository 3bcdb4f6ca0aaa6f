/* tests/unit/super/test_apps_file.c - files of applications become descriptions that can be used.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/json.h"
#include "super/apps_file.h"

static char folder[] = "/tmp/atrium-apps-XXXXXX", why[ATR_WHY_MAX];

static int begin(void **state)
{
    char path[64];

    (void)state;
    if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("sub", 0700) < 0)
        return -1;
    for (const char *const *name =
             (const char *const[]){ "app.lua", "sub/server.js", "tool", "x.1.lua", "lib.so", NULL };
         *name; name++) {
        FILE *f = fopen(*name, "w");
        if (!f)
            return -1;
        fclose(f);
    }
    (void)snprintf(path, sizeof path, "%s:/usr/bin:/bin", folder);
    setenv("PATH", path, 1);
    FILE *node = fopen("node", "w");
    if (!node)
        return -1;
    fclose(node);
    return chmod("node", 0700);
}

static int end(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static int finish(struct spec *s, const char *json)
{
    why[0] = 0;
    spec_init(s);
    assert_int_equal(spec_read(s, str_of(json), why), 0);
    return apps_finish(s, folder, why);
}

static void is_path(const char *actual, const char *below)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s%s", folder, below);
    assert_string_equal(actual, path);
}

static void an_atrium_application(void **state)
{
    struct spec s;

    (void)state;
    assert_int_equal(finish(&s, "{\"script\":\"./app.lua\",\"out_file\":\"logs//./a.log\"}"), 0);
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "app");
    is_path(spec_text(&s, SPEC_KEY_script), "/app.lua");
    is_path(spec_text(&s, SPEC_KEY_cwd), "");
    is_path(spec_text(&s, SPEC_KEY_out_file), "/logs/a.log");
    assert_true(spec_is_atrium(&s));
    assert_string_equal(spec_text(&s, SPEC_KEY_exec_mode), "cluster");
    spec_fini(&s);
    assert_int_equal(finish(&s, "{\"script\":\"x.1.lua\",\"exec_mode\":\"fork\"}"), 0);
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "x.1");
    assert_string_equal(spec_text(&s, SPEC_KEY_exec_mode), "fork");
    spec_fini(&s);
    assert_int_equal(finish(&s, "{\"script\":\"lib.so\"}"), 0);
    assert_true(spec_is_atrium(&s));
    spec_fini(&s);
}

static void another_program(void **state)
{
    struct spec s;

    (void)state;
    assert_int_equal(finish(&s, "{\"script\":\"server.js\",\"cwd\":\"sub\"}"), 0);
    is_path(spec_text(&s, SPEC_KEY_script), "/sub/server.js");
    is_path(spec_text(&s, SPEC_KEY_interpreter), "/node");
    assert_string_equal(spec_text(&s, SPEC_KEY_exec_mode), "fork");
    spec_fini(&s);
    assert_int_equal(finish(&s, "{\"script\":\"sleep\",\"args\":[\"5\"]}"), 0);
    assert_string_equal(spec_text(&s, SPEC_KEY_interpreter), "none");
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "sleep");
    spec_fini(&s);
    assert_int_equal(finish(&s, "{\"script\":\"sleep 5; true\"}"), 0);
    assert_string_equal(spec_text(&s, SPEC_KEY_script), "/bin/sh");
    assert_str(spec_json(&s, SPEC_KEY_args), "[\"-c\",\"sleep 5; true\"]");
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "sleep");
    spec_fini(&s);
}

static void refused(const char *json, const char *says)
{
    struct spec s;

    assert_true(finish(&s, json) < 0);
    if (!strstr(why, says))
        fail_msg("\"%s\" does not say \"%s\"", why, says);
    spec_fini(&s);
}

static void what_cannot_be_started(void **state)
{
    (void)state;
    refused("{}", "\"script\" is missing");
    refused("{\"script\":\"gone.lua\"}", "gone.lua is not there");
    refused("{\"script\":\"tool\"}", "may not be executed");
    refused("{\"script\":\"app.lua\",\"cwd\":\"nowhere\"}", "nowhere");
    refused("{\"script\":\"app.lua\",\"cwd\":\"tool\"}", "not a folder");
    refused("{\"script\":\"app.lua\",\"interpreter\":\"klingon\"}", "klingon is not installed");
    refused("{\"script\":\"sub/server.js\",\"exec_mode\":\"cluster\"}", "exec_mode fork");
    refused("{\"script\":\"app.lua\",\"name\":\"all\"}", "cannot be \"all\"");
    refused("{\"script\":\"app.lua\",\"name\":\"12\"}", "cannot be \"12\"");
    refused("{\"script\":\"app.lua\",\"name\":\"a\\nb\"}", "control character");
}

static void documents(void **state)
{
    struct apps_context c = { .folder = folder };
    struct apps a;

    (void)state;
    assert_int_equal(apps_read(&a,
                               STR("{\"apps\":[{\"script\":\"a\"},{\"script\":\"b\"}],\"port\":1}"),
                               &c, why),
                     0);
    assert_int_equal(a.count, 2);
    apps_fini(&a);
    assert_int_equal(apps_read(&a, STR("{\"apps\":{\"script\":\"a\"}}"), &c, why), 0);
    assert_int_equal(a.count, 1);
    apps_fini(&a);
    assert_int_equal(apps_read(&a, STR("[{\"script\":\"a\"}]"), &c, why), 0);
    apps_fini(&a);
    assert_int_equal(apps_read(&a, STR("{\"script\":\"a\",\"name\":\"b\"}"), &c, why), 0);
    assert_string_equal(spec_text(a.list, SPEC_KEY_name), "b");
    apps_fini(&a);
    assert_true(apps_read(&a, STR("{\"port\":1}"), &c, why) < 0);
    assert_non_null(strstr(why, "no application"));
    assert_true(apps_read(&a, STR("{\"apps\":[]}"), &c, why) < 0);
    assert_true(apps_read(&a, STR("{\"apps\":[{},7]}"), &c, why) < 0);
    assert_non_null(strstr(why, "apps[1]"));
    c.env_name = "x";
    assert_true(apps_read(&a, STR("{\"apps\":[{}]}"), &c, why) < 0);
    assert_non_null(strstr(why, "env_x"));
    assert_int_equal(apps_read(&a, STR("{\"apps\":[{},{\"env_x\":{\"A\":1}}]}"), &c, why), 0);
    assert_str(json_get(spec_json(&a.list[1], SPEC_KEY_env), STR("A")), "\"1\"");
    apps_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(an_atrium_application),
                                        cmocka_unit_test(another_program),
                                        cmocka_unit_test(what_cannot_be_started),
                                        cmocka_unit_test(documents) };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
