/* tests/unit/super/test_service_words.c - variables and arguments of an instance.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/mem.h"
#include "super/service.h"

/* A service that belongs to nobody: only its description and its shell are looked at. */
static struct service describe(const char *json, const char *shell)
{
    struct service s = { .shell = str_dup(str_of(shell)) };
    char why[ATR_WHY_MAX];

    spec_init(&s.spec);
    assert_int_equal(spec_read(&s.spec, str_of(json), why), 0);
    return s;
}

static void forget(struct service *s)
{
    spec_fini(&s->spec);
    mem_free(s->shell);
}

/* expected: words that must be there, NULL at the end, "!X" for a variable that must not. */
static void has(const char *json, const char *shell, unsigned number, const char *const *expected)
{
    struct service s = describe(json, shell);
    char **words = service_environment(&s, number);

    for (; *expected; expected++) {
        bool absent = **expected == '!', found = false;
        const char *word = *expected + absent;
        for (char **at = words; *at; at++)
            found |= absent ? !strncmp(*at, word, strlen(word)) && (*at)[strlen(word)] == '='
                            : !strcmp(*at, word);
        if (found == absent)
            fail_msg("%s with %s as %u: %s", json, shell, number, *expected);
    }
    words_free(words);
    forget(&s);
}
#define HAS(json, shell, number, ...)                                                              \
    has(json, shell, number, (const char *const[]){ __VA_ARGS__, NULL })

#define LUA(more) "{\"interpreter\":\"atrium\",\"script\":\"/a.lua\"" more "}"
#define NODE(more)                                                                                 \
    "{\"interpreter\":\"/bin/node\",\"exec_mode\":\"fork\",\"script\":\"/a.js\"" more "}"
#define CLUSTER ",\"exec_mode\":\"cluster\""
#define FORK    ",\"exec_mode\":\"fork\""

static void variables_of_the_shell_and_of_the_description(void **state)
{
    (void)state;
    HAS(LUA(CLUSTER ",\"env\":{\"A\":\"2\",\"GONE\":null}"),
        "{\"A\":\"1\",\"B\":\"x=y\",\"GONE\":\"z\"}", 3, "A=2", "B=x=y", "!GONE",
        "NODE_APP_INSTANCE=3", "!PORT");
    HAS(LUA(CLUSTER ",\"instance_var\":\"N\""), "{}", 0, "N=0", "!NODE_APP_INSTANCE");
}

static void one_port_or_a_port_each(void **state)
{
    (void)state;
    /* cluster: shared */
    HAS(LUA(CLUSTER ",\"port\":4000"), "{}", 2, "PORT=4000");
    HAS(LUA(CLUSTER), "{\"PM2_PORT\":\"8080\",\"PORT\":\"1\"}", 1, "PORT=8080");
    HAS(LUA(CLUSTER ",\"env\":{\"PORT\":9}"), "{\"PM2_PORT\":\"8080\"}", 1, "PORT=9");
    HAS(LUA(CLUSTER ",\"port\":3000,\"increment_var\":\"PORT\""), "{}", 2, "PORT=3002");
    HAS(LUA(CLUSTER ",\"instances\":2,\"increment_var\":\"PORT\""), "{}", 1, "PORT=3001");
    HAS(LUA(CLUSTER ",\"port\":0,\"increment_var\":\"PORT\""), "{}", 2, "PORT=0");
    /* fork, Atrium: a port each */
    HAS(LUA(FORK ",\"port\":4000"), "{}", 2, "PORT=4002");
    HAS(LUA(FORK ",\"instances\":2"), "{}", 0, "PORT=3000");
    HAS(LUA(FORK), "{}", 0, "!PORT");
    HAS(LUA(FORK), "{\"PORT\":\"5000\"}", 1, "PORT=5001");
    /* another program adds what it wants itself */
    HAS(NODE(",\"port\":3000"), "{}", 2, "PORT=3000", "NODE_APP_INSTANCE=2");
    HAS(NODE(",\"port\":3000,\"increment_var\":\"PORT\""), "{}", 2, "PORT=3002");
    HAS(NODE(""), "{\"PM2_PORT\":\"8080\"}", 2, "!PORT");
}

static void another_variable_grows(void **state)
{
    (void)state;
    HAS(NODE(",\"increment_var\":\"SHARD\",\"env\":{\"SHARD\":5}"), "{}", 2, "SHARD=7", "!PORT");
    HAS(NODE(",\"increment_var\":\"SHARD\",\"env\":{\"SHARD\":\"x\"}"), "{}", 2, "SHARD=x");
}

static void arguments(void **state)
{
    struct service s = describe(NODE(",\"args\":\"a 'b c'\",\"node_args\":\"--flag\""), "{}");
    const char *program;
    char **words = service_arguments(&s, 1, &program);

    (void)state;
    assert_string_equal(program, "/bin/node");
    assert_string_equal(words[0], "/bin/node");
    assert_string_equal(words[1], "--flag");
    assert_string_equal(words[2], "/a.js");
    assert_string_equal(words[3], "a");
    assert_string_equal(words[4], "b c");
    assert_null(words[5]);
    words_free(words);
    forget(&s);
    s = describe(LUA(",\"name\":\"chat\",\"args\":[\"--ping-interval\",300]"), "{}");
    words = service_arguments(&s, 7, &program);
    assert_string_equal(words[1], "worker");
    assert_string_equal(words[2], "chat");
    assert_string_equal(words[3], "7");
    assert_string_equal(words[4], "/a.lua");
    assert_string_equal(words[6], "300");
    assert_null(words[7]);
    words_free(words);
    forget(&s);
}

TEST_MAIN(cmocka_unit_test(variables_of_the_shell_and_of_the_description),
          cmocka_unit_test(one_port_or_a_port_each), cmocka_unit_test(another_variable_grows),
          cmocka_unit_test(arguments))
