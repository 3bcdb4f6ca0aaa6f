/* super/monit.c - see monit.h. It looks once a second, and asks for the list as any other command
 * does; a reload that a key asks for is a command of its own, so that the view goes on meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/monit.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/monit_view.h"
#include "super/proc.h"
#include "super/tail.h"
#include "super/term.h"

enum { LOOK_MS = 1000, NOTE_MS = 10000 };

struct monit {
    const struct cli *cli;
    struct buf answer; /* the last one that was good */
    size_t selected, count;
    char note[ATR_WHY_MAX];
    uint64_t note_until_ms;
    pid_t reload; /* the command under way; 0: none */
    int says;     /* what it complains of */
    char name[120];
};

static void note(struct monit *m, const char *text)
{
    (void)snprintf(m->note, sizeof m->note, "%.*s", (int)strcspn(text, "\n"), text);
    m->note_until_ms = clock_mono_ms() + NOTE_MS;
}

static str list_of(const struct monit *m)
{
    return json_get(buf_str(&m->answer), STR("list"));
}

static str selected(const struct monit *m)
{
    struct json_iter it;
    size_t n = 0;

    json_iter_init(&it, list_of(m));
    while (json_iter_next(&it))
        if (n++ == m->selected)
            return it.value;
    return (str){ 0 };
}

static void look(struct monit *m)
{
    char why[ATR_WHY_MAX] = "";
    struct buf answer = { 0 };

    if (cli_ask_list(m->cli, &answer, why) < 0) {
        note(m, why);
        buf_free(&answer);
    } else {
        buf_free(&m->answer);
        m->answer = answer;
    }
    m->count = json_count(list_of(m));
    if (m->selected >= m->count)
        m->selected = m->count ? m->count - 1 : 0;
}

static void read_log(const struct monit *m, const char *key, unsigned n, struct buf *out)
{
    char *path = field_get_text(json_get(selected(m), STR("pm2_env")), key);

    if (path && *path)
        tail_last(path, n, out);
    mem_free(path);
}

static void draw(struct monit *m)
{
    struct buf out = { 0 }, error = { 0 }, lines = { 0 };
    unsigned width, height;

    term_size(&width, &height);
    read_log(m, "pm_out_log_path", height, &out);
    read_log(m, "pm_err_log_path", height, &error);
    struct monit_facts f = { .list = list_of(m),
                             .selected = m->selected,
                             .out = buf_str(&out),
                             .error = buf_str(&error),
                             .note = m->note,
                             .home = m->cli->home.path };
    monit_view(&f, width, height, &lines);
    term_draw(buf_str(&lines));
    buf_free(&out);
    buf_free(&error);
    buf_free(&lines);
}

/* --- Reloading --- */

static void reload(struct monit *m)
{
    char *name = field_get_text(selected(m), "name");
    int says[2];

    if (!name || m->reload || pipe2(says, O_CLOEXEC | O_NONBLOCK) < 0) {
        note(m, name ? "one at a time: a reload is under way" : "there is nothing to reload");
        mem_free(name);
        return;
    }
    (void)snprintf(m->name, sizeof m->name, "%s", name);
    if ((m->reload = fork()) == 0) {
        int null = open("/dev/null", O_RDWR);

        (void)dup2(null, 0);
        (void)dup2(null, 1);
        (void)dup2(says[1], 2);
        (void)setpgid(0, 0); /* it goes on when this one is ended by a key */
        (void)execl(proc_own_program(), "atrium", "reload", name, (char *)NULL);
        _exit(127);
    }
    close(says[1]);
    m->says = says[0];
    if (m->reload < 0) {
        close(says[0]);
        m->reload = 0;
    }
    (void)snprintf(m->note, sizeof m->note, "reloading %s ...", m->name);
    m->note_until_ms = UINT64_MAX;
    mem_free(name);
}

static void look_after_reload(struct monit *m)
{
    char text[ATR_WHY_MAX];
    int status;
    ssize_t n;

    if (!m->reload || waitpid(m->reload, &status, WNOHANG) != m->reload)
        return;
    m->reload = 0;
    n = read(m->says, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    close(m->says);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        (void)snprintf(text, sizeof text, "%s was reloaded", m->name);
    str says = str_of(text);
    note(m, str_starts(says, STR("atrium: ")) ? text + 8 : says.n ? text : "the reload was ended");
}

/* --- The loop --- */

/* False: the end. */
static bool take_key(struct monit *m, int key)
{
    size_t last = m->count ? m->count - 1 : 0;

    if (key == 'q' || key == TERM_CLOSED)
        return false;
    if ((key == TERM_DOWN || key == 'j') && m->selected < last)
        m->selected++;
    else if ((key == TERM_UP || key == 'k') && m->selected > 0)
        m->selected--;
    else if (key == TERM_FIRST || key == 'g')
        m->selected = 0;
    else if (key == TERM_LAST || key == 'G')
        m->selected = last;
    else if (key == 'r')
        reload(m);
    return true;
}

int monit_run(const struct cli *c)
{
    struct monit m = { .cli = c };
    uint64_t due = 0, now;
    bool more = true;

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* how wide characters are */
    if (term_enter() < 0)
        return cli_fail("monit needs a terminal; \"atrium list\" and \"atrium jlist\" need none");
    while (more) {
        if ((now = clock_mono_ms()) >= due) {
            look(&m);
            due = clock_mono_ms() + LOOK_MS;
        }
        look_after_reload(&m);
        if (now > m.note_until_ms)
            m.note[0] = 0;
        draw(&m);
        now = clock_mono_ms();
        more = take_key(&m, term_key(due > now ? (int)(due - now) : 0));
    }
    term_leave();
    if (m.reload)
        close(m.says);
    buf_free(&m.answer);
    return 0;
}
