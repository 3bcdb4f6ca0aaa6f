/* tests/unit/script/test_event.c - events on their way through a script, seen from the wire.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <unistd.h>

/* What comes goes back: values keep their types, arrays their brackets, null its place. */
static void values_survive_a_round_trip(void **state)
{
    static const char *const args[] = {
        "",
        ",1",
        ",[]",
        ",{}",
        ",[[]],[{}]",
        ",null",
        ",null,null,1,null",
        ",[null]",
        ",{\"a\":null}",
        ",true,false",
        ",-1.5,1e+21,9007199254740991,0.1",
        ",\"\",\"\\u0000\\u001f\\\"\\\\/\xc3\xa9\xf0\x9f\x98\x80\"",
        ",[1,[2,[3,[4,[5]]]]]",
        ",{\"1\":1}",
        ",{\"\":{\"\":[]}}",
    };
    struct rig r;
    char packet[256];

    (void)state;
    rig_open(&r, "require 'atrium'.io:on('connection', function(s)"
                 " s:on('x', function(...) s:emit('x', ...) end) end)");
    int fd = rig_client(&r, "");
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        snprintf(packet, sizeof packet, "42[\"x\"%s]", args[i]);
        rig_send(fd, packet);
        rig_expect(&r, fd, packet);
    }
    rig_send(fd, "42[ \"x\" , { \"a\" : [ 1 , 2 ] } ]"); /* space is not kept */
    rig_expect(&r, fd, "42[\"x\",{\"a\":[1,2]}]");
    rig_send(fd, "42[\"x\",12345678901234567890]"); /* numbers are doubles, as in JavaScript */
    rig_expect(&r, fd, "42[\"x\",12345678901234567000]");
    close(fd);
    rig_close(&r);
}

static void attachments_are_bytes_both_ways(void **state)
{
    struct rig r;
    char in[64];

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "atrium.io:on('connection', function(s)\n"
                 "  s:on('b', function(b, t)\n"
                 "    assert(#b == 3 and b == atrium.bytes '\\0\\1\\255' and b ~= '\\0\\1\\255')\n"
                 "    assert(b:byte(3) == 255 and b:sub(2, 2):tostring() == '\\1')\n"
                 "    assert(t.deep[1] == atrium.bytes '')\n"
                 "    s:emit('b', { b }, b, atrium.bytes '')\n"
                 "  end)\n"
                 "end)");
    int fd = rig_client(&r, "");
    rig_send(fd, "452-[\"b\",{\"_placeholder\":true,\"num\":0},"
                 "{\"deep\":[{\"num\":1,\"_placeholder\":true}]}]");
    rig_send_binary(fd, STR("\0\1\377"));
    rig_send_binary(fd, STR(""));
    rig_expect(&r, fd,
               "453-[\"b\",[{\"_placeholder\":true,\"num\":0}],{\"_placeholder\":true,\"num\":1},"
               "{\"_placeholder\":true,\"num\":2}]");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rig_frame(&r, fd, in, sizeof in), 3);
        assert_memory_equal(in, "\0\1\377", 3);
    }
    assert_int_equal(rig_frame(&r, fd, in, sizeof in), 0);
    /* In an event without attachments a placeholder is just an object. */
    rig_send(fd, "42[\"b\",{\"_placeholder\":true,\"num\":0}]");
    rig_catch_log();
    for (int i = 0; i < 20; i++)
        rig_turn(&r);
    assert_non_null(strstr(rig_log(), "handler-error"));
    close(fd);
    rig_close(&r);
}

static void an_acknowledgement_goes_once(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local kept\n"
                 "require 'atrium'.io:on('connection', function(s)\n"
                 "  s:on('a', function(x, ack) ack(x, {}, 'y') ack('again') end)\n"
                 "  s:on('none', function(...) s:emit('count', select('#', ...)) end)\n"
                 "  s:on('keep', function(ack) kept = ack end)\n"
                 "  s:on('late', function() kept() kept(1) end)\n"
                 "end)");
    int fd = rig_client(&r, "");
    rig_send(fd, "427[\"a\",[1]]");
    rig_expect(&r, fd, "437[[1],{},\"y\"]");
    rig_send(fd, "42[\"none\",1]"); /* nobody asks: no function is given */
    rig_expect(&r, fd, "42[\"count\",1]");
    rig_send(fd, "429007199254740993[\"keep\"]"); /* beyond a double */
    rig_send(fd, "42[\"late\"]");
    rig_expect(&r, fd, "439007199254740993[]");
    rig_expect_silence(&r, fd);
    close(fd);
    rig_close(&r);
}

static void names_may_be_anything(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "require 'atrium'.io:on('connection', function(s)\n"
                 "  for i = 1, 5000 do s:on('n' .. i, function(x) s:emit('r' .. i, x) end) end\n"
                 "  s:on(7, function() s:emit('seven') end)\n"
                 "  s:on('join', function() s:emit('joined') end)\n"
                 "  s:on('error', function() s:emit('failed') end)\n"
                 "  s:on('\\0', function() s:emit(8) end)\n"
                 "end)");
    int fd = rig_client(&r, "");
    rig_send(fd, "42[7]");
    rig_expect(&r, fd, "42[\"seven\"]");
    rig_send(fd, "42[\"7\"]");
    rig_expect(&r, fd, "42[\"seven\"]");
    rig_send(fd, "42[\"join\"]"); /* the name of a method */
    rig_expect(&r, fd, "42[\"joined\"]");
    rig_send(fd, "42[\"error\"]");
    rig_expect(&r, fd, "42[\"failed\"]");
    rig_send(fd, "42[\"\\u0000\"]");
    rig_expect(&r, fd, "42[8]");
    rig_send(fd, "42[\"n1\",1]");
    rig_expect(&r, fd, "42[\"r1\",1]");
    rig_send(fd, "42[\"n5000\",2]"); /* beyond SCRIPT_NAMES_MAX */
    rig_expect(&r, fd, "42[\"r5000\",2]");
    rig_send(fd, "42[\"unheard of\",1]");
    rig_expect_silence(&r, fd);
    close(fd);
    rig_close(&r);
}

static void listeners_come_and_go(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "require 'atrium'.io:on('connection', function(s)\n"
                 "  local function a() s:emit('a') end\n"
                 "  local function b() s:emit('b') end\n"
                 "  s:on('x', a) s:once('x', b) s:on('x', a) s:once('y', b)\n"
                 "  s:on('off', function(n)\n"
                 "    if n == 1 then s:off('x', a) elseif n == 2 then s:off('x') else s:off() end\n"
                 "  end)\n"
                 "  s:on('count', function(ack) ack(s:listenerCount('x'), #s:listeners('y')) end)\n"
                 "end)");
    int fd = rig_client(&r, "");
    rig_send(fd, "421[\"count\"]");
    rig_expect(&r, fd, "431[3,1]");
    rig_send(fd, "42[\"x\"]");
    rig_expect(&r, fd, "42[\"a\"]");
    rig_expect(&r, fd, "42[\"b\"]");
    rig_expect(&r, fd, "42[\"a\"]");
    rig_send(fd, "42[\"y\"]");
    rig_send(fd, "42[\"y\"]");
    rig_expect(&r, fd, "42[\"b\"]");
    rig_send(fd, "42[\"x\"]"); /* the one that ran once is gone */
    rig_expect(&r, fd, "42[\"a\"]");
    rig_expect(&r, fd, "42[\"a\"]");
    rig_send(fd, "42[\"off\",1]"); /* one of two equal ones */
    rig_send(fd, "422[\"count\"]");
    rig_expect(&r, fd, "432[1,0]");
    rig_send(fd, "42[\"off\",2]");
    rig_send(fd, "423[\"count\"]");
    rig_expect(&r, fd, "433[0,0]");
    rig_send(fd, "42[\"off\",3]"); /* all, of every event */
    rig_send(fd, "424[\"count\"]");
    rig_expect_silence(&r, fd);
    close(fd);
    rig_close(&r);
}

/* A handler that waits holds up neither later events nor other sockets. */
static void waiting_blocks_nobody(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local atrium = require 'atrium'\n"
                 "atrium.io:on('connection', function(s)\n"
                 "  s:on('slow', function(ms, ack) atrium.sleep(ms) ack('slow') end)\n"
                 "  s:on('fast', function(ack) ack('fast') end)\n"
                 "end)");
    int one = rig_client(&r, ""), other = rig_client(&r, "");
    rig_send(one, "421[\"slow\",60]");
    rig_send(one, "422[\"slow\",20]");
    rig_send(one, "423[\"fast\"]");
    rig_expect(&r, one, "433[\"fast\"]");
    rig_send(other, "421[\"fast\"]");
    rig_expect(&r, other, "431[\"fast\"]");
    rig_expect(&r, one, "432[\"slow\"]");
    rig_expect(&r, one, "431[\"slow\"]");
    close(one);
    close(other);
    rig_close(&r);
}

static void too_many_arguments_are_dropped(void **state)
{
    static char packet[20000];
    struct rig r;
    size_t at;

    (void)state;
    rig_open(&r, "require 'atrium'.io:on('connection', function(s)"
                 " s:on('n', function(...) s:emit('n', select('#', ...)) end) end)");
    int fd = rig_client(&r, "");
    for (int count = VALUE_ARGS_MAX; count <= VALUE_ARGS_MAX + 1; count++) {
        at = (size_t)snprintf(packet, sizeof packet, "42[\"n\"");
        for (int i = 0; i < count; i++)
            at += (size_t)snprintf(packet + at, sizeof packet - at, ",[1]");
        snprintf(packet + at, sizeof packet - at, "]");
        rig_send(fd, packet);
    }
    rig_expect(&r, fd, "42[\"n\",1000]");
    rig_expect_silence(&r, fd);
    close(fd);
    rig_close(&r);
}

TEST_MAIN(cmocka_unit_test(values_survive_a_round_trip),
          cmocka_unit_test(attachments_are_bytes_both_ways),
          cmocka_unit_test(an_acknowledgement_goes_once), cmocka_unit_test(names_may_be_anything),
          cmocka_unit_test(listeners_come_and_go), cmocka_unit_test(waiting_blocks_nobody),
          cmocka_unit_test(too_many_arguments_are_dropped))
