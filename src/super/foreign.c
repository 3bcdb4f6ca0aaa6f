/* super/foreign.c - see foreign.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/foreign.h"

#include "base/str.h"

static const struct foreign {
    const char *names; /* parted by spaces */
    const char *instead;
} foreign[] = {
    { "install module:install uninstall module:uninstall module:update module:generate "
      "module:publish publish package logrotate",
      "there are no modules; logs are rotated by size (log_max_size, log_keep), metrics are at "
      "/metrics" },
    { "set get conf multiset unset",
      "there is no store of settings; write them into atrium.yaml (\"atrium config\" lists them), "
      "or give flags to \"atrium start\"" },
    { "plus link unlink register login logout monitor unmonitor open interact interactor",
      "there is no cloud service; \"atrium monit\" is a live view, /metrics is for Prometheus" },
    { "deploy pull forward backward",
      "bring the files onto the machine with git or rsync; \"atrium reload NAME\" puts them in "
      "force, or --watch does" },
    { "serve expose",
      "\"atrium run app.lua\" where app.lua says atrium.static(\"/\", \"folder\")" },
    { "ecosystem init create examples",
      "write atrium.yaml by hand: apps: with script, instances, ...; docs/supervisor-keys.md and "
      "\"atrium keys\" list the keys" },
    { "attach", "\"atrium logs NAME --follow\" shows what a process prints; nothing can be typed "
                "into it" },
    { "send",
      "processes read no terminal; \"atrium signal SIGNAL NAME\", or an event or a route of "
      "the application" },
    { "trigger", "there are no custom actions; a route or an event of the application, or \"atrium "
                 "signal SIGNAL NAME\"" },
    { "backup", "\"atrium save\" writes dump.json in ATRIUM_HOME: copy that file" },
    { "cleardump", "\"atrium save\" writes what runs now; or remove dump.json in ATRIUM_HOME" },
    { "deepUpdate", "\"atrium update\", once the new program is in the place of the old one" },
    { "report slist sysinfos sysmonit prettylist",
      "\"atrium jlist\" is the state of everything as JSON, \"atrium list\" for people; the "
      "supervisor's log is super.log in ATRIUM_HOME" },
    { "autoinstall", "\"atrium start FILE\" in the folder of the application" },
    { "profile:cpu profile:mem",
      "perf record -p $(atrium pid NAME) and heaptrack look into a process; /metrics has its "
      "figures" },
    { "web", "\"atrium jlist\" gives the same as JSON, /metrics figures for Prometheus" },
    { "reloadAll", "\"atrium reload all\"" },
    { "restartAll", "\"atrium restart all\"" },
    { "stopAll", "\"atrium stop all\"" },
    { "deleteAll", "\"atrium delete all\"" },
    { "install-otel uninstall-otel", "/metrics is for Prometheus, and an OpenTelemetry collector "
                                     "reads it" },
};

const char *foreign_instead(const char *command)
{
    str rest, one;

    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        rest = str_of(foreign[i].names);
        while (str_cut(&rest, ' ', &one))
            if (str_eq(one, str_of(command)))
                return foreign[i].instead;
    }
    return NULL;
}
