/* api/admin.c - the Admin UI's namespace: instrumented by a call or by the setting "admin".
 *
 * Both are one thing: a call sets the setting with the rank of a script, and what is in force
 * counts. It is read once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/admin.h"
#include "api/io.h"
#include "api/shapes.h"
#include "base/err.h"
#include "base/log.h"
#include "proto/json.h"

static str describe(void *user, struct sio_socket *s)
{
    atr_io *io = user;

    return io->describe ? str_in(io->describe(io->describe_user, socket_out(s))) : (str){ 0 };
}

static void warn(const struct admin_options *o)
{
    if (!o->auth)
        log_event(LOG_WARN, "admin-open", "namespace=%.*s hint=%s", STR_ARG(o->namespace_name),
                  "anybody may look at and command this server; see the setting admin");
}

static void instrument(atr_io *io)
{
    struct arena strings = { 0 };
    struct admin_options o;

    /* checked when set */
    if (shapes_admin(settings_json(&io->app->settings, SET_admin), &strings, &o, NULL) > 0) {
        warn(&o);
        io->admin = admin_open(&io->server, &o);
        admin_describe_with(io->admin, describe, io);
        (void)namespace_wrap(io, admin_namespace(io->admin));
    }
    arena_free(&strings);
}

int atr_io_instrument(atr_io *io, atr_str options_json, char *why)
{
    int err;

    if (io->admin)
        return err_why(why, ATR_ESTATE, "admin: the server is instrumented already");
    err = atr_app_set(io->app, ATR_STR("admin"), options_json, ATR_SCRIPT, why);
    if (err < 0)
        return err;
    instrument(io);
    return 0;
}

void admin_apply_settings(atr_app *app)
{
    if (json_type_of(settings_json(&app->settings, SET_admin)) == JSON_FALSE)
        return;
    if (!atr_app_io(app)->admin)
        instrument(app->io);
}

void atr_io_on_describe(atr_io *io, atr_str (*fn)(void *user, atr_socket *s), void *user)
{
    io->describe = fn;
    io->describe_user = user;
}
