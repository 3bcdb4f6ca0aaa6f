/* load/options.c - the command line of `atrium bench`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char *const scenarios[] = { "echo", "broadcast", "all", "idle", "connect" };
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };
static const char *const protocols[] = { "ws", "engine", "socketio" };

static const struct number_option {
    const char *name;
    size_t at;
    uint32_t min, max;
    const char *help;
} numbers[] = {
    { "connections", offsetof(struct load_options, connections), 1, 1000000,
      "connections to open (100)" },
    { "size", offsetof(struct load_options, size), 1, 1 << 24, "bytes of payload (32)" },
    { "in-flight", offsetof(struct load_options, in_flight), 1, 4096,
      "unanswered messages per sender (1)" },
    { "think", offsetof(struct load_options, think_ms), 0, 3600000,
      "ms between an answer and the next message (0); echo, one in flight" },
    { "stalled", offsetof(struct load_options, stalled), 0, 99,
      "per cent of the connections that do not read (0); broadcast only" },
    { "warmup", offsetof(struct load_options, warmup_ms), 0, 3600000,
      "ms that are not counted (1000)" },
    { "duration", offsetof(struct load_options, duration_ms), 1, 86400000,
      "ms that are counted (5000)" },
    { "pid", offsetof(struct load_options, pid), 1, UINT32_MAX,
      "the server's process: report its CPU and memory, with its descendants'" },
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

const char *load_protocol_name(enum load_protocol p)
{
    return protocols[p];
}

void load_usage_text(void)
{
    printf(
        "Usage: atrium bench SCENARIO URL [options]\n\n"
        "Keeps a server busy in a closed loop and reports what it did.\n\n"
        "  echo       each connection sends a message and waits for it to come back\n"
        "  broadcast  one connection sends, all must receive\n"
        "  all        every connection sends, all must receive\n"
        "  idle       opens connections and holds them\n"
        "  connect    opens and closes connections over and over\n\n"
        "URL is ws://host:port/path, path by default that of the protocol. With wss:// any "
        "certificate will do.\n\n"
        "  --protocol P      socketio (default), engine (bare Engine.IO), ws (plain WebSocket)\n");
    for (size_t i = 0; i < NUMBERS; i++)
        printf("  --%-12s N  %s\n", numbers[i].name, numbers[i].help);
    printf("  --json            one JSON object on stdout\n"
           "  --progress        a line per second on stderr\n\n"
           "A Socket.IO server under test answers event \"echo\" with the same event and argument "
           "to the\n"
           "sender, and \"broadcast\" to everyone. A bare one echoes messages, and sends those "
           "that begin\n"
           "with \"*\" to everyone.\n");
}

/* Index of name in list, or -1. */
static int index_of(const char *name, const char *const *list, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0)
            return i;
    return -1;
}

static int parse_url(struct load_options *o, const char *url, char *why)
{
    str rest = str_of(url), authority, path, host, port;
    uint64_t number;

    o->secure = str_starts(rest, STR("wss://"));
    if (!o->secure && !str_starts(rest, STR("ws://")))
        return err_why(why, ATR_ESYNTAX, "the URL must begin with ws:// or wss://, not %s", url);
    size_t scheme = o->secure ? 6 : 5;
    rest = str_n(rest.p + scheme, rest.n - scheme);
    ptrdiff_t slash = str_find(rest, '/');
    authority = slash < 0 ? rest : str_n(rest.p, (size_t)slash);
    path = slash < 0 ? STR("") : str_n(rest.p + slash, rest.n - (size_t)slash);
    number = o->secure ? 443 : 80;
    port = authority;
    (void)str_cut(&port, ':', &host);
    if (port.p && str_to_u64(port, 65535, &number) < 0)
        return err_why(why, ATR_ERANGE, "%s has no valid port", url);
    if (host.n == 0 || host.n >= sizeof o->host || path.n >= sizeof o->path)
        return err_why(why, ATR_ESYNTAX, "%s has no valid host and path", url);
    memcpy(o->host, host.p, host.n);
    memcpy(o->path, path.p, path.n);
    o->port = (uint16_t)number;
    return 0;
}

static void default_path(struct load_options *o)
{
    static const char *const paths[] = { "/", "/engine.io/?EIO=4&transport=websocket",
                                         "/socket.io/?EIO=4&transport=websocket" };

    if (!*o->path)
        strcpy(o->path, paths[o->protocol]);
}

static int parse_option(struct load_options *o, const char *name, const char *value, char *why)
{
    uint64_t number;
    int at;

    if (strcmp(name, "protocol") == 0) {
        if (!value || (at = index_of(value, protocols, 3)) < 0)
            return err_why(why, ATR_EUNKNOWN, "--protocol must be socketio, engine or ws");
        o->protocol = (enum load_protocol)at;
        return 0;
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        if (strcmp(name, numbers[i].name) != 0)
            continue;
        if (!value || str_to_u64(str_of(value), numbers[i].max, &number) < 0 ||
            number < numbers[i].min)
            return err_why(why, ATR_ERANGE, "--%s must be between %u and %u", name, numbers[i].min,
                           numbers[i].max);
        memcpy((char *)o + numbers[i].at, &(uint32_t){ (uint32_t)number }, sizeof(uint32_t));
        return 0;
    }
    return err_why(why, ATR_EUNKNOWN, "unknown option --%s; see atrium bench --help", name);
}

uint32_t load_options_stalled(const struct load_options *o)
{
    uint64_t percent = (uint64_t)o->connections * o->stalled;

    return (uint32_t)((percent + 99) / 100);
}

static int check_stalled(const struct load_options *o, char *why)
{
    if (o->stalled && strcmp(o->scenario, "broadcast") != 0)
        return err_why(why, ATR_ESTATE, "--stalled goes with the scenario broadcast");
    if (load_options_stalled(o) >= o->connections)
        return err_why(why, ATR_ERANGE, "--stalled leaves nobody who reads");
    return 0;
}

static int check_think(const struct load_options *o, char *why)
{
    if (o->think_ms && (strcmp(o->scenario, "echo") != 0 || o->in_flight != 1))
        return err_why(why, ATR_ESTATE, "--think goes with the scenario echo, one in flight");
    return 0;
}

int load_options_parse(struct load_options *o, int argc, char **argv, char *why)
{
    int err;

    *o = (struct load_options){ .protocol = LOAD_SOCKETIO,
                                .connections = 100,
                                .size = 32,
                                .in_flight = 1,
                                .warmup_ms = 1000,
                                .duration_ms = 5000 };
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--json") == 0)
            o->json = true;
        else if (strcmp(arg, "--progress") == 0)
            o->progress = true;
        else if (strncmp(arg, "--", 2) == 0) {
            if ((err = parse_option(o, arg + 2, i + 1 < argc ? argv[i + 1] : NULL, why)) < 0)
                return err;
            i++;
        } else if (!o->scenario) {
            int at = index_of(arg, scenarios, SCENARIOS);
            if (at < 0)
                return err_why(why, ATR_EUNKNOWN,
                               "unknown scenario %s: echo, broadcast, all, idle or connect", arg);
            o->scenario = scenarios[at];
        } else if (!*o->host) {
            if ((err = parse_url(o, arg, why)) < 0)
                return err;
        } else {
            return err_why(why, ATR_ESYNTAX, "what is %s for? See atrium bench --help", arg);
        }
    }
    if (!o->scenario || !*o->host)
        return err_why(why, ATR_ESYNTAX,
                       "a scenario and a URL are needed; see atrium bench --help");
    default_path(o);
    if ((err = check_think(o, why)) < 0)
        return err;
    return check_stalled(o, why);
}
