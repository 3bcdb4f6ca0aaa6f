/* tests/unit/super/test_spec.c - descriptions: reading, mistakes, writing them down again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/mem.h"
#include "proto/json.h"
#include "super/spec.h"

static char why[ATR_WHY_MAX];

static int read_spec(struct spec *s, const char *json)
{
    spec_init(s);
    why[0] = 0;
    assert_int_equal(json_check(str_of(json), JSON_DEPTH), 0);
    return spec_read(s, str_of(json), why);
}

static void refused(const char *json, int code, const char *says)
{
    struct spec s;

    assert_int_equal(read_spec(&s, json), code);
    if (!strstr(why, says))
        fail_msg("\"%s\" does not say \"%s\"", why, says);
    spec_fini(&s);
}

static void defaults_are_those_of_the_table(void **state)
{
    struct spec s;

    (void)state;
    assert_int_equal(read_spec(&s, "{}"), 0);
    assert_int_equal(spec_number(&s, SPEC_KEY_instances), 1);
    assert_int_equal(spec_number(&s, SPEC_KEY_max_restarts), 16);
    assert_int_equal(spec_number(&s, SPEC_KEY_min_uptime), 1000);
    assert_int_equal(spec_number(&s, SPEC_KEY_kill_timeout), 1600);
    assert_int_equal(spec_number(&s, SPEC_KEY_listen_timeout), 3000);
    assert_true(spec_number(&s, SPEC_KEY_autorestart));
    assert_string_equal(spec_text(&s, SPEC_KEY_instance_var), "NODE_APP_INSTANCE");
    assert_string_equal(spec_text(&s, SPEC_KEY_namespace), "default");
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "");
    assert_false(spec_given(&s, SPEC_KEY_port));
    assert_str(spec_json(&s, SPEC_KEY_env), "{}");
    spec_fini(&s);
}

static void every_kind_of_value(void **state)
{
    struct spec s;

    (void)state;
    assert_int_equal(read_spec(&s, "{\"name\":\"a\\u00e9\",\"instances\":\"max\",\"port\":\"3000\","
                                   "\"max_memory_restart\":\"300M\",\"min_uptime\":\"10s\","
                                   "\"args\":\"--one 'two words' \\\"3 \\\\\\\"x\\\\\\\"\\\"\","
                                   "\"node_args\":[\"-r\",7],\"stop_exit_codes\":[0,3],"
                                   "\"exec_mode\":\"cluster_mode\",\"watch\":[\"src\"],"
                                   "\"ignore_watch\":\"node_modules\",\"wait_ready\":true,"
                                   "\"env\":{\"A\":\"x\",\"B\":5,\"C\":true,\"D\":null,"
                                   "\"E\":{\"f\":1}}}"),
                     0);
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "a\xc3\xa9");
    assert_int_equal(spec_number(&s, SPEC_KEY_instances), 0);
    assert_int_equal(spec_number(&s, SPEC_KEY_port), 3000);
    assert_int_equal(spec_number(&s, SPEC_KEY_max_memory_restart), 300 << 20);
    assert_int_equal(spec_number(&s, SPEC_KEY_min_uptime), 10000);
    assert_str(spec_json(&s, SPEC_KEY_args), "[\"--one\",\"two words\",\"3 \\\"x\\\"\"]");
    assert_str(spec_json(&s, SPEC_KEY_interpreter_args), "[\"-r\",\"7\"]");
    assert_string_equal(spec_text(&s, SPEC_KEY_exec_mode), "cluster");
    assert_str(spec_json(&s, SPEC_KEY_watch), "[\"src\"]");
    assert_str(spec_json(&s, SPEC_KEY_ignore_watch), "[\"node_modules\"]");
    assert_true(spec_stops_at(&s, 3));
    assert_true(spec_stops_at(&s, 0));
    assert_false(spec_stops_at(&s, 1));
    assert_str(spec_json(&s, SPEC_KEY_env), "{\"A\":\"x\",\"B\":\"5\",\"C\":\"true\",\"D\":null,"
                                            "\"E\":\"{\\\"f\\\":1}\"}");
    spec_fini(&s);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refused("{\"instanzes\":2}", ATR_EUNKNOWN, "did you mean \"instances\"");
    refused("{\"exec_interpretr\":\"x\"}", ATR_EUNKNOWN, "did you mean \"exec_interpreter\"");
    refused("{\"zzzzzzzzzzzz\":2}", ATR_EUNKNOWN, "unknown key \"zzzzzzzzzzzz\"");
    refused("{\"uid\":\"www\"}", ATR_EUNKNOWN, "key of PM2");
    refused("{\"cron_restart\":\"* * * *\"}", ATR_ESYNTAX, "minute, hour, day");
    refused("{\"instances\":\"many\"}", ATR_ESYNTAX, "\"instances\" must be");
    refused("{\"instances\":1001}", ATR_ERANGE, "between -1000 and 1000");
    refused("{\"port\":70000}", ATR_ERANGE, "between 0 and 65535");
    refused("{\"max_memory_restart\":\"300Q\"}", ATR_ESYNTAX, "300M");
    refused("{\"min_uptime\":-5}", ATR_ERANGE, "min_uptime");
    refused("{\"autorestart\":\"yes\"}", ATR_ETYPE, "true or false");
    refused("{\"exec_mode\":\"spoon\"}", ATR_ERANGE, "fork or cluster");
    refused("{\"args\":\"'open\"}", ATR_ESYNTAX, "quote");
    refused("{\"args\":[{}]}", ATR_ETYPE, "list of texts");
    refused("{\"env\":[1]}", ATR_ETYPE, "object");
    refused("{\"env\":{\"A=B\":1}}", ATR_ETYPE, "A=B");
    refused("{\"env\":{\"A\":\"x\\u0000y\"}}", ATR_ETYPE, "zero character");
    refused("{\"stop_exit_codes\":[256]}", ATR_ETYPE, "0 to 255");
    refused("{\"script\":\"a\\u0000b\"}", ATR_ETYPE, "zero character");
    refused("{\"log_type\":\"xml\"}", ATR_ERANGE, "json");
    refused("[]", ATR_ETYPE, "object of keys");
}

static void keys_of_pm2_that_do_no_harm_may_stand(void **state)
{
    struct spec s;

    (void)state;
    assert_int_equal(read_spec(&s, "{\"vizion\":false,\"source_map_support\":true,\"pmx\":false,"
                                   "\"name\":null,\"env_staging\":{\"A\":1}}"),
                     0);
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "");
    spec_fini(&s);
}

static void an_environment_is_chosen(void **state)
{
    const char *json = "{\"env\":{\"A\":\"1\",\"B\":\"1\"},\"env_x\":{\"B\":2}}";
    struct spec s;

    (void)state;
    assert_int_equal(read_spec(&s, json), 0);
    assert_int_equal(spec_choose_env(&s, str_of(json), STR("y"), why), 0);
    assert_int_equal(spec_choose_env(&s, str_of(json), STR("x"), why), 1);
    str env = spec_json(&s, SPEC_KEY_env);
    assert_int_equal(json_check(env, 4), 0);
    assert_str(json_get(env, STR("A")), "\"1\"");
    assert_str(json_get(env, STR("B")), "\"2\"");
    spec_fini(&s);
}

static void what_is_written_is_read_back(void **state)
{
    struct buf first = { 0 }, second = { 0 };
    struct spec s, copy;

    (void)state;
    assert_int_equal(read_spec(&s,
                               "{\"script\":\"a \\\"b\\\"\",\"instances\":-1,\"env\":{\"A\":\"1\"},"
                               "\"stop_exit_codes\":4,\"args\":\"x y\",\"watch\":true,"
                               "\"log_max_size\":\"1K\",\"exec_mode\":\"fork\"}"),
                     0);
    spec_copy(&copy, &s);
    spec_write(&copy, &first);
    spec_fini(&copy);
    assert_int_equal(spec_read(&s, buf_str(&first), why), 0);
    spec_write(&s, &second);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    buf_free(&first);
    buf_free(&second);
    spec_fini(&s);
}

static void instances_by_the_number_of_cpus(void **state)
{
    static const struct {
        const char *json;
        unsigned cpus, count;
    } cases[] = { { "{\"instances\":3}", 8, 3 },  { "{\"instances\":\"max\"}", 8, 8 },
                  { "{\"instances\":0}", 2, 2 },  { "{\"instances\":-1}", 8, 7 },
                  { "{\"instances\":-1}", 1, 1 }, { "{\"instances\":\"-3\"}", 2, 1 } };
    struct spec s;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_spec(&s, cases[i].json), 0);
        assert_int_equal(spec_instances(&s, cases[i].cpus), cases[i].count);
        spec_fini(&s);
    }
}

static void flags_are_keys(void **state)
{
    struct spec s;

    (void)state;
    spec_init(&s);
    assert_int_equal(spec_set_flag(&s, STR("max-memory-restart"), STR("1G"), why), 0);
    assert_int_equal(spec_set_flag(&s, STR("wait-ready"), STR("true"), why), 0);
    assert_int_equal(spec_set_flag(&s, STR("name"), STR("7"), why), 0);
    assert_int_equal(spec_set_flag(&s, STR("stop-exit-codes"), STR("[1,2]"), why), 0);
    assert_int_equal(spec_set_flag(&s, STR("env"), STR("{\"A\":\"b\"}"), why), 0);
    assert_int_equal(spec_number(&s, SPEC_KEY_max_memory_restart), 1 << 30);
    assert_string_equal(spec_text(&s, SPEC_KEY_name), "7");
    assert_true(spec_stops_at(&s, 2));
    assert_true(spec_flag_is_bool(STR("wait-ready")));
    assert_false(spec_flag_is_bool(STR("instances")));
    assert_int_equal(spec_set_flag(&s, STR("wait-redy"), STR("true"), why), ATR_EUNKNOWN);
    spec_fini(&s);
}

TEST_MAIN(cmocka_unit_test(defaults_are_those_of_the_table), cmocka_unit_test(every_kind_of_value),
          cmocka_unit_test(mistakes_are_named),
          cmocka_unit_test(keys_of_pm2_that_do_no_harm_may_stand),
          cmocka_unit_test(an_environment_is_chosen),
          cmocka_unit_test(what_is_written_is_read_back),
          cmocka_unit_test(instances_by_the_number_of_cpus), cmocka_unit_test(flags_are_keys))
