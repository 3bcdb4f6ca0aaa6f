/* super/startup.c - see startup.h.
 *
 * The unit ends the supervisor by SIGQUIT and leaves all other processes alone (KillMode=process),
 * so that a restart of the service, by hand or by the watchdog, is noticed by nobody: the next
 * supervisor adopts what runs. A stop is to stop what runs, though, and systemd ends a service in
 * the same way for both; so ExecStop looks which of them it is. Without MAINPID the supervisor has
 * ended by itself, and there is nothing to stop.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/startup.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "super/proc.h"

enum { NAME_BYTES = 200 };

struct unit {
    bool of_user;             /* of the user's own manager */
    bool only_file;           /* --unit-dir: no manager is asked */
    char user[NAME_BYTES];    /* who it runs as */
    char home[HOME_PATH_MAX]; /* ATRIUM_HOME */
    char name[NAME_BYTES];    /* without .service */
    char folder[HOME_PATH_MAX - 300];
    char path[HOME_PATH_MAX];
};

/* A word of a unit's line. */
static void add_word(struct buf *b, const char *word)
{
    buf_byte(b, '"');
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            buf_byte(b, '\\');
        if (*word == '%' || *word == '$') /* specifiers, variables */
            buf_byte(b, (uint8_t)*word);
        buf_byte(b, (uint8_t)*word);
    }
    buf_byte(b, '"');
}

static void add_line(struct buf *b, const char *key, const char *program, const char *rest)
{
    buf_format(b, "%s=", key);
    add_word(b, program);
    buf_format(b, " %s\n", rest);
}

static void write_unit(const struct unit *u, struct buf *b)
{
    const char *program = proc_own_program();
    char variable[HOME_PATH_MAX + 16];

    buf_format(b,
               "# Written by atrium startup.\n"
               "[Unit]\n"
               "Description=Atrium supervisor of %s\n"
               "Documentation=man:atrium(1)\n",
               u->user);
    if (!u->of_user)
        buf_add(b, STR("After=network.target\n"));
    buf_add(b, STR("\n[Service]\nType=notify\nNotifyAccess=main\n"));
    if (!u->of_user)
        buf_format(b, "User=%s\n", u->user);
    (void)snprintf(variable, sizeof variable, "ATRIUM_HOME=%s", u->home);
    buf_add(b, STR("Environment="));
    add_word(b, variable);
    buf_byte(b, '\n');
    add_line(b, "ExecStart", program, "supervisor --service");
    add_line(b, "ExecReload", program, "reload all");
    buf_format(b,
               "# A stop stops the applications; a restart leaves them running.\n"
               "ExecStop=/bin/sh -c 'test -z \"$$MAINPID\" || systemctl%s list-jobs --no-legend "
               "\"$$1\" | grep -q \" restart \" || exec \"$$0\" kill' ",
               u->of_user ? " --user" : "");
    add_word(b, program);
    buf_format(b,
               " %%n\n"
               "KillMode=process\n"
               "KillSignal=SIGQUIT\n"
               "Restart=on-failure\n"
               "RestartSec=1\n"
               "WatchdogSec=30\n"
               "TimeoutStopSec=120\n"
               "LimitNOFILE=infinity\n"
               "\n[Install]\nWantedBy=%s\n",
               u->of_user ? "default.target" : "multi-user.target");
}

/* --- Whose, and where --- */

static int find_home(struct unit *u, const struct cli *c, const struct passwd *who, char *why)
{
    const char *given = getenv("ATRIUM_HOME"), *hp = cli_flag(c, "hp");
    bool own = given && *given == '/' && !hp && !cli_flag(c, "username");

    int n = own ? snprintf(u->home, sizeof u->home, "%s", given)
                : snprintf(u->home, sizeof u->home, "%s/.atrium", hp ? hp : who->pw_dir);
    if (n + 300 >= HOME_PATH_MAX || u->home[0] != '/' || strpbrk(u->home, "\n\r"))
        return err_why(why, -EINVAL, "\"%.100s\" cannot be ATRIUM_HOME", u->home);
    return 0;
}

static int find_place(struct unit *u, const struct cli *c, const struct passwd *who, char *why)
{
    const char *name = cli_flag(c, "service-name"), *to = cli_flag(c, "unit-dir");
    const char *config = getenv("XDG_CONFIG_HOME");
    bool xdg = config && *config == '/';
    int n;

    u->only_file = to;
    if (to)
        n = snprintf(u->folder, sizeof u->folder, "%s", to);
    else if (u->of_user)
        n = snprintf(u->folder, sizeof u->folder, "%s%s/systemd/user", xdg ? config : who->pw_dir,
                     xdg ? "" : "/.config");
    else
        n = snprintf(u->folder, sizeof u->folder, "/etc/systemd/system");
    if (n >= (int)sizeof u->folder)
        return err_why(why, -ENAMETOOLONG, "the folder's name is too long");
    if (name)
        n = snprintf(u->name, sizeof u->name, "%s", name);
    else
        n = snprintf(u->name, sizeof u->name, u->of_user ? "atrium" : "atrium-%s", u->user);
    if (n >= (int)sizeof u->name || !*u->name ||
        strspn(u->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "abcdefghijklmnopqrstuvwxyz"
                        "0123456789_.-") != (size_t)n)
        return err_why(why, -EINVAL, "\"%.100s\" cannot be the name of a service", u->name);
    (void)snprintf(u->path, sizeof u->path, "%s/%s.service", u->folder, u->name);
    return 0;
}

static int describe(struct unit *u, const struct cli *c, char *why)
{
    const char *sudo = getenv("SUDO_USER"), *given = cli_flag(c, "username");
    const struct passwd *who;
    int err;

    *u = (struct unit){ .of_user = cli_flag(c, "user") };
    for (size_t i = 0; i < c->word_count; i++)
        if (strcmp(c->words[i], "systemd"))
            return err_why(
                why, ATR_EUNKNOWN,
                "%s: only systemd is supported; a service of another system runs \"atrium "
                "supervisor --service\"",
                c->words[i]);
    if (u->of_user && given)
        return err_why(why, ATR_ESYNTAX, "--user is for oneself: use it without -u, or -u alone");
    if (!given && geteuid() == 0 && !u->of_user)
        given = sudo;
    if (!(who = given ? getpwnam(given) : getpwuid(geteuid())))
        return err_why(why, ATR_EUNKNOWN, "there is no user called \"%s\"", given ? given : "?");
    (void)snprintf(u->user, sizeof u->user, "%s", who->pw_name);
    if ((err = find_home(u, c, who, why)) < 0)
        return err;
    return find_place(u, c, who, why);
}

/* --- Installing --- */

static int systemctl(const struct unit *u, const char *verb, const char *unit)
{
    const char *words[] = { "systemctl", u->of_user ? "--user" : "--system", verb, unit, NULL };
    int status = 0;
    pid_t pid;

    (void)fflush(stdout);
    if ((pid = fork()) == 0) {
        (void)execvp("systemctl", (char *const *)(uintptr_t)words);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ATR_EREFUSED;
}

static int make_folders(const char *path)
{
    char part[HOME_PATH_MAX];

    for (size_t n = 1; path[n - 1]; n++)
        if (path[n] == '/' || !path[n]) {
            (void)snprintf(part, sizeof part, "%.*s", (int)n, path);
            if (mkdir(part, 0755) < 0 && errno != EEXIST)
                return -errno;
        }
    return 0;
}

static bool systemd_runs(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

/* Why it cannot be installed, in a sentence; the unit was printed then. */
static int refuse(const struct unit *u, const struct cli *c, char *why)
{
    bool adds = !strcmp(c->command, "startup");

    if (u->only_file)
        return 0;
    if (!systemd_runs())
        return err_why(why, ATR_ESTATE, "systemd does not run here: nothing was %s%s",
                       adds ? "installed" : "removed",
                       adds ? " (--unit-dir FOLDER writes the unit there)" : "");
    if (!u->of_user && geteuid() != 0)
        return err_why(why, -EPERM,
                       "only root can do that: sudo %s %s -u %s (or, for this user alone: atrium "
                       "%s --user)",
                       proc_own_program(), c->command, u->user, c->command);
    return 0;
}

static int install(const struct unit *u, str text, char *why)
{
    char unit[NAME_BYTES + 16];
    int err;

    if ((err = make_folders(u->folder)) < 0 || (err = home_write(u->path, text)) < 0 ||
        (err = chmod(u->path, 0644) < 0 ? -errno : 0) < 0)
        return err_why(why, err, "cannot write %s: %s", u->path, err_text(err));
    printf("written: %s\n", u->path);
    if (u->only_file)
        return 0;
    (void)snprintf(unit, sizeof unit, "%s.service", u->name);
    if (systemctl(u, "daemon-reload", NULL) < 0 || systemctl(u, "enable", unit) < 0)
        return err_why(why, ATR_EREFUSED, "systemctl refused; see above");
    printf("From now on %s starts what \"atrium save\" has saved when %s.\n"
           "\"systemctl%s start %s\" puts what runs now under it; nothing is interrupted.\n",
           u->name,
           u->of_user ? "its user logs in (or, after \"loginctl enable-linger\", when the machine "
                        "starts)"
                      : "the machine starts",
           u->of_user ? " --user" : "", u->name);
    return 0;
}

static int uninstall(const struct unit *u, char *why)
{
    char unit[NAME_BYTES + 16];

    (void)snprintf(unit, sizeof unit, "%s.service", u->name);
    if (access(u->path, F_OK) < 0)
        return err_why(why, -ENOENT, "%s is not there", u->path);
    if (!u->only_file)
        (void)systemctl(u, "disable", unit); /* what runs goes on */
    if (unlink(u->path) < 0)
        return err_why(why, -errno, "cannot remove %s: %s", u->path, err_text(-errno));
    if (!u->only_file)
        (void)systemctl(u, "daemon-reload", NULL);
    printf("removed: %s\n", u->path);
    return 0;
}

int startup_run(const struct cli *c)
{
    bool adds = !strcmp(c->command, "startup");
    char why[ATR_WHY_MAX] = "";
    struct buf text = { 0 };
    struct unit u;
    int err;

    if ((err = describe(&u, c, why)) < 0)
        return cli_fail(why);
    write_unit(&u, &text);
    if (adds && !u.only_file)
        (void)fwrite(text.data, 1, text.len, stdout);
    if ((err = refuse(&u, c, why)) == 0)
        err = adds ? install(&u, buf_str(&text), why) : uninstall(&u, why);
    buf_free(&text);
    (void)fflush(stdout);
    return err < 0 ? cli_fail(why) : 0;
}
