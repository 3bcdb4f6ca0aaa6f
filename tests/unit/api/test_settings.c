/* tests/unit/api/test_settings.c - settings: ranks, checks, suggestions, shapes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "api/settings.h"
#include "api/shapes.h"
#include "base/err.h"

static int set(struct settings *s, const char *name, const char *json, atr_source source, char *why)
{
    return settings_set(s, SETTING_APP, str_of(name), str_of(json), source, why);
}

static void defaults_are_valid(void **state)
{
    struct settings s;
    char why[ATR_WHY_MAX];

    (void)state;
    settings_init(&s);
    for (enum setting_name n = 0; n < SETTINGS_COUNT; n++) {
        struct settings other;
        settings_init(&other);
        why[0] = 0;
        int err = settings_set(&other, SETTING_APP, str_of(settings_name(n)), settings_json(&s, n),
                               ATR_FLAG, why);
        if (err != 1)
            print_error("%s: %s\n", settings_name(n), why);
        assert_int_equal(err, 1);
        assert_int_equal(settings_number(&s, n), settings_number(&other, n));
        settings_fini(&other);
    }
    settings_fini(&s);
}

static void higher_rank_stays(void **state)
{
    struct settings s;
    char why[ATR_WHY_MAX] = "";

    (void)state;
    settings_init(&s);
    assert_int_equal(set(&s, "pingInterval", "100", ATR_SCRIPT, why), 1);
    assert_int_equal(set(&s, "pingInterval", "200", ATR_FLAG, why), 1);
    assert_int_equal(set(&s, "pingInterval", "300", ATR_ENVIRONMENT, why), 0);
    assert_int_equal(set(&s, "pingInterval", "400", ATR_FILE, why), 0);
    assert_int_equal(set(&s, "pingInterval", "500", ATR_SCRIPT, why), 0);
    assert_int_equal(settings_number(&s, SET_pingInterval), 200);
    assert_int_equal(s.values[SET_pingInterval].source, ATR_FLAG);
    assert_int_equal(set(&s, "pingInterval", "600", ATR_FLAG, why), 1);
    assert_int_equal(settings_number(&s, SET_pingInterval), 600);
    settings_fini(&s);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *name, *json, *says;
        int err;
    } cases[] = {
        { "pingIntervall", "1", "did you mean \"pingInterval\"", ATR_EUNKNOWN },
        { "zzzzzzzzzzzzzz", "1", "unknown setting \"zzzzzzzzzzzzzz\"", ATR_EUNKNOWN },
        { "pingInterval", "\"fast\"", "must be a whole number", ATR_ETYPE },
        { "pingInterval", "1.5", "must be a whole number", ATR_ETYPE },
        { "pingInterval", "5", "between 10 and", ATR_ERANGE },
        { "port", "65536", "between 0 and 65535", ATR_ERANGE },
        { "allowUpgrades", "1", "must be true or false", ATR_ETYPE },
        { "path", "\"chat\"", "must begin with a slash", ATR_ERANGE },
        { "path", "5", "must be a text", ATR_ETYPE },
        { "logLevel", "\"loud\"", "debug, info, warn or error", ATR_ERANGE },
        { "transports", "[\"carrier-pigeon\"]", "carrier-pigeon", ATR_EUNKNOWN },
        { "transports", "[]", "list of transports", ATR_ETYPE },
        { "cors", "{\"origins\":\"*\"}", "no member", ATR_EUNKNOWN },
        { "cors", "{\"origin\":\"a\\r\\nb\"}", "origin must be", ATR_ETYPE },
        { "cors", "{\"maxAge\":-1}", "out of range", ATR_ERANGE },
        { "cookie", "{\"name\":\"\"}", "plain text", ATR_ETYPE },
        { "cookie", "{\"name\":\"a;b\"}", "plain text", ATR_ETYPE },
        { "httpCompression", "{\"threshold\":-1}", "out of range", ATR_ERANGE },
        { "connectionStateRecovery", "1", "true, false or an object", ATR_ETYPE },
        { "connectionStateRecovery", "{\"max\":1}", "no member", ATR_EUNKNOWN },
        { "connectionStateRecovery", "{\"skipMiddlewares\":1}", "true or false", ATR_ETYPE },
        { "connectionStateRecovery", "{\"maxBuffered\":4095}", "out of range", ATR_ERANGE },
        { "connectionStateRecovery", "{\"maxDisconnectionDuration\":-1}", "out of range",
          ATR_ERANGE },
        { "tlsClientCert", "\"yes\"", "none, request or require", ATR_ERANGE },
        { "tlsMinVersion", "1.1", "1.2 or 1.3", ATR_ERANGE },
        { "tlsSni", "[]", "must be an object", ATR_ETYPE },
        { "tlsSni", "{\"a\":1}", "with cert and key", ATR_ETYPE },
        { "tlsSni", "{\"a\":{\"cert\":1}}", "must be a file name", ATR_ETYPE },
        { "tlsSni", "{\"a\":{\"pem\":\"x\"}}", "has no member", ATR_EUNKNOWN },
        { "perMessageDeflate", "1", "true, false or an object", ATR_ETYPE },
        { "perMessageDeflate", "{\"windowBits\":9}", "no member", ATR_EUNKNOWN },
        { "perMessageDeflate", "{\"serverMaxWindowBits\":8}", "from 9 to 15", ATR_ERANGE },
        { "perMessageDeflate", "{\"level\":true}", "from 1 to 9", ATR_ERANGE },
        { "perMessageDeflate", "{\"clientNoContextTakeover\":1}", "true or false", ATR_ETYPE },
        { "port", "3000 3001", "not valid JSON", ATR_ESYNTAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings s;
        char why[ATR_WHY_MAX] = "";
        settings_init(&s);
        int err = set(&s, cases[i].name, cases[i].json, ATR_FLAG, why);
        if (err != cases[i].err || !strstr(why, cases[i].says))
            print_error("%s = %s: %d \"%s\"\n", cases[i].name, cases[i].json, err, why);
        assert_int_equal(err, cases[i].err);
        assert_non_null(strstr(why, cases[i].says));
        settings_fini(&s);
    }
}

static void engines_know_engine_options_only(void **state)
{
    struct settings s;
    char why[ATR_WHY_MAX] = "";

    (void)state;
    settings_init(&s);
    assert_int_equal(
        settings_set(&s, SETTING_ENGINE, STR("pingTimeout"), STR("200"), ATR_SCRIPT, why), 1);
    assert_int_equal(settings_set(&s, SETTING_ENGINE, STR("port"), STR("80"), ATR_SCRIPT, why),
                     ATR_EUNKNOWN);
    settings_fini(&s);
}

static void recovery_becomes_options(void **state)
{
    struct sio_recovery_options o;

    (void)state;
    assert_int_equal(shapes_recovery(STR("false"), &o, NULL), 0);
    assert_false(o.enabled);
    assert_int_equal(shapes_recovery(STR("true"), &o, NULL), 0);
    assert_true(o.enabled && o.skip_middlewares);
    assert_int_equal(o.duration_ms, 120000);
    assert_int_equal(o.bytes_max, 64 << 20);
    assert_int_equal(shapes_recovery(STR("{\"maxDisconnectionDuration\":5000,"
                                         "\"skipMiddlewares\":false,\"maxBuffered\":8192}"),
                                     &o, NULL),
                     0);
    assert_true(o.enabled && !o.skip_middlewares);
    assert_int_equal(o.duration_ms, 5000);
    assert_int_equal(o.bytes_max, 8192);
}

static void shapes_become_options(void **state)
{
    struct settings s;
    struct arena strings = { 0 };
    struct eio_options o;
    char why[ATR_WHY_MAX] = "";

    (void)state;
    settings_init(&s);
    shapes_engine_options(&s, &strings, &o);
    assert_str(o.path, "/socket.io/");
    assert_false(o.cors.enabled);
    assert_false(o.cookie.enabled);
    assert_int_equal(o.transports, EIO_POLLING | EIO_WEBSOCKET);
    assert_int_equal(o.compress_min, 1024);

    assert_int_equal(set(&s, "path", "\"/x/\"", ATR_FLAG, why), 1);
    assert_int_equal(set(&s, "addTrailingSlash", "false", ATR_FLAG, why), 1);
    assert_int_equal(set(&s, "transports", "\"websocket\"", ATR_FLAG, why), 1);
    assert_int_equal(set(&s, "httpCompression", "false", ATR_FLAG, why), 1);
    assert_int_equal(set(&s, "cors",
                         "{\"origin\":[\"http://a\",\"http://"
                         "b\"],\"credentials\":true,\"methods\":[\"GET\",\"POST\"]}",
                         ATR_FLAG, why),
                     1);
    assert_int_equal(set(&s, "cookie",
                         "{\"name\":\"sid\",\"path\":false,\"sameSite\":\"Strict\",\"maxAge\":60}",
                         ATR_FLAG, why),
                     1);
    shapes_engine_options(&s, &strings, &o);
    assert_str(o.path, "/x");
    assert_int_equal(o.transports, EIO_WEBSOCKET);
    assert_int_equal(o.compress_min, UINT32_MAX);
    assert_true(o.cors.enabled && o.cors.credentials && !o.cors.any_origin &&
                !o.cors.single_origin);
    assert_int_equal(o.cors.origin_count, 2);
    assert_str(o.cors.origins[1], "http://b");
    assert_str(o.cors.methods, "GET,POST");
    assert_true(o.cookie.enabled && o.cookie.http_only);
    assert_str(o.cookie.name, "sid");
    assert_int_equal(o.cookie.path.n, 0);
    assert_str(o.cookie.same_site, "Strict");
    assert_int_equal(o.cookie.max_age, 60);
    settings_fini(&s);
    arena_free(&strings);
}

TEST_MAIN(cmocka_unit_test(defaults_are_valid), cmocka_unit_test(higher_rank_stays),
          cmocka_unit_test(mistakes_are_named), cmocka_unit_test(engines_know_engine_options_only),
          cmocka_unit_test(recovery_becomes_options), cmocka_unit_test(shapes_become_options))
