/* tests/unit/script/test_hot_path.c - what a warm echo through a script costs in memory, and a
 * connected socket in Lua's heap.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

static const char app[] =
    "local io = require 'atrium'.io\n"
    "io:on('connection', function(socket)\n"
    "  socket:on('echo', function(...) socket:emit('echo', ...) end)\n"
    "  socket:on('all', function(x) io:emit('all', x) end)\n"
    "  socket:on('join', function(room, ack) socket:join(room) ack('ok') end)\n"
    "  socket:on('name', function(name) socket.data.name = name end)\n"
    "  socket:on('disconnect', function() end)\n"
    "end)\n";

static void a_warm_echo_allocates_nothing_outside_lua(void **state)
{
    static const char event[] = "42[\"echo\",\"0123456789abcdef0123456789abcdef\",{\"a\":[1,2.5]}]";
    struct rig r;
    uint64_t before;

    (void)state;
    rig_open(&r, app);
    int fd = rig_client(&r, "");
    for (int i = 0; i < 200; i++) {
        rig_send(fd, event);
        rig_expect(&r, fd, event);
    }
    before = mem_count();
    for (int i = 0; i < 200; i++) {
        rig_send(fd, event);
        rig_expect(&r, fd, event);
    }
    assert_int_equal(mem_count(), before);
    close(fd);
    rig_close(&r);
}

static size_t heap(struct rig *r)
{
    lua_gc(r->script->L, LUA_GCCOLLECT, 0);
    lua_gc(r->script->L, LUA_GCCOLLECT, 0);
    return script_memory(r->script);
}

enum { CLIENTS = 512, BYTES_MAX = 700 };

/* Connects CLIENTS sockets and lets them go. Returns what each held in Lua's heap. */
static size_t wave(struct rig *r)
{
    static int fds[CLIENTS];
    size_t before = heap(r), each;

    for (int i = 0; i < CLIENTS; i++)
        fds[i] = rig_client(r, "");
    each = (heap(r) - before) / CLIENTS;
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    while (atr_namespace_count(atr_io_of(atr_app_io(r->app), ATR_STR("/"))) > 0)
        rig_turn(r);
    return each;
}

static void a_socket_is_small(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, app);
    size_t each = wave(&r);
    print_message("# %zu bytes of Lua heap per socket with five handlers\n", each);
    assert_in_range(each, 1, BYTES_MAX);
    /* The tables keep their places for the next wave; beyond that nothing is left. */
    size_t settled = heap(&r);
    (void)wave(&r);
    assert_in_range(heap(&r), 1, settled + 1024);
    rig_close(&r);
}

/* Coroutines are reused: as many handlers as ever ran at once, not as many as ever ran. */
static void tasks_are_reused(void **state)
{
    struct rig r;
    int tasks = 0;

    (void)state;
    rig_open(&r, app);
    int fd = rig_client(&r, "");
    for (int i = 0; i < 100; i++) {
        rig_send(fd, "42[\"echo\"]");
        rig_expect(&r, fd, "42[\"echo\"]");
    }
    for (struct list *at = r.script->tasks.next; at != &r.script->tasks; at = at->next)
        tasks++;
    assert_in_range(tasks, 1, 2);
    close(fd);
    rig_close(&r);
}

TEST_MAIN(cmocka_unit_test(a_warm_echo_allocates_nothing_outside_lua),
          cmocka_unit_test(a_socket_is_small), cmocka_unit_test(tasks_are_reused))
