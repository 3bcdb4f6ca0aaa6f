/* super/term.c - see term.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

/* The alternate screen, without a cursor and without wrapping of long lines; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[2J"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

static struct {
    struct termios before;
    volatile sig_atomic_t entered, stale; /* stale: what was drawn may not be there any more */
    struct buf drawn;                     /* the lines on the screen */
} term;

static void put(const char *text, size_t n)
{
    while (n) {
        ssize_t done = write(1, text, n);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (done > 0)
            text += done, n -= (size_t)done;
    }
}

static void go_raw(void)
{
    struct termios raw = term.before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* signals by keys stay */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(0, TCSADRAIN, &raw);
    put(ENTER, sizeof ENTER - 1);
    term.entered = term.stale = 1;
}

/* Also in signal handlers: nothing here is forbidden there. */
static void go_back(void)
{
    if (!term.entered)
        return;
    term.entered = 0;
    put(LEAVE, sizeof LEAVE - 1);
    (void)tcsetattr(0, TCSANOW, &term.before);
}

static void enter_again(void)
{
    if (!term.entered && tcgetpgrp(0) == getpgrp())
        go_raw();
}

/* Leaves the screen, then does what the signal does by itself. */
static void on_end(int signal)
{
    struct sigaction dflt = { .sa_handler = SIG_DFL };
    sigset_t set;
    int saved = errno;

    go_back();
    (void)sigaction(signal, &dflt, NULL);
    sigemptyset(&set);
    sigaddset(&set, signal);
    (void)raise(signal);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it ends, or stops */
    struct sigaction again = { .sa_handler = on_end };
    (void)sigaction(signal, &again, NULL);
    enter_again(); /* there may have been nobody to stop for */
    errno = saved;
}

static void on_continue(int signal)
{
    int saved = errno;

    (void)signal;
    enter_again();
    errno = saved;
}

static void on_resize(int signal)
{
    (void)signal;
    term.stale = 1;
}

int term_enter(void)
{
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGSEGV, SIGABRT };
    struct sigaction end = { .sa_handler = on_end }, more = { .sa_handler = on_continue };
    struct sigaction resize = { .sa_handler = on_resize };

    if (!isatty(0) || !isatty(1) || tcgetattr(0, &term.before) < 0)
        return -ENOTTY;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        (void)sigaction(ends[i], &end, NULL);
    (void)sigaction(SIGCONT, &more, NULL);
    (void)sigaction(SIGWINCH, &resize, NULL);
    go_raw();
    return 0;
}

void term_leave(void)
{
    go_back();
    buf_free(&term.drawn);
}

void term_size(unsigned *width, unsigned *height)
{
    struct winsize size = { 0 };

    (void)ioctl(1, TIOCGWINSZ, &size);
    *width = size.ws_col ? size.ws_col : 80;
    *height = size.ws_row ? size.ws_row : 24;
}

void term_draw(str lines)
{
    str before = term.stale ? (str){ 0 } : buf_str(&term.drawn), rest = lines, line, old;
    struct buf out = { 0 };

    if (term.stale)
        buf_add(&out, STR("\033[0m\033[2J"));
    term.stale = 0;
    for (unsigned row = 1; str_cut(&rest, '\n', &line); row++) {
        if (str_cut(&before, '\n', &old) && str_eq(line, old))
            continue;
        buf_format(&out, "\033[%u;1H", row);
        buf_add(&out, line);
        buf_add(&out, STR("\033[0m\033[K"));
    }
    put((const char *)out.data, out.len);
    buf_free(&out);
    buf_clear(&term.drawn);
    buf_add(&term.drawn, lines);
}

static bool readable(int wait_ms)
{
    struct pollfd in = { .fd = 0, .events = POLLIN };

    return poll(&in, 1, wait_ms) > 0;
}

static int read_byte(void)
{
    unsigned char c;

    return read(0, &c, 1) == 1 ? c : -1;
}

int term_key(int wait_ms)
{
    static const struct {
        char last;
        int key;
    } sequences[] = {
        { 'A', TERM_UP }, { 'B', TERM_DOWN }, { 'H', TERM_FIRST }, { 'F', TERM_LAST }
    };
    enum { SEQUENCE_MS = 50 };
    int c, last = 0;

    if (!readable(wait_ms))
        return TERM_NONE;
    if ((c = read_byte()) != 27)
        return c < 0 ? TERM_CLOSED : c;
    if (!readable(SEQUENCE_MS) || ((c = read_byte()) != '[' && c != 'O'))
        return 27; /* the key Escape */
    while (readable(SEQUENCE_MS) && (last = read_byte()) >= 0 && (last < '@' || last > '~'))
        ;
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++)
        if (sequences[i].last == last)
            return sequences[i].key;
    return TERM_NONE;
}
