/* super/service.c - see service.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "super/service.h"

#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cluster/board.h"
#include "net/listener.h"
#include "proto/json.h"
#include "super/fields.h"
#include "super/supervisor.h"
#include "super/worker_link.h"

unsigned service_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1; /* more than 1024 of them: nobody can say */
    return (unsigned)CPU_COUNT(&set);
}

const char *service_name(const struct service *s)
{
    return spec_text(&s->spec, SPEC_KEY_name);
}

/* --- The board --- */

/* Where its workers' sockets are: named after the memory, since two applications may look alike. */
static const char *board_folder(const struct service *s, char *out)
{
    char clean[32], name[80];
    struct stat st = { 0 };

    (void)fstat(s->board, &st);
    home_clean_name(service_name(s), clean, sizeof clean - 7);
    (void)snprintf(name, sizeof name, "run/%s.%llx.peers", clean, (unsigned long long)st.st_ino);
    return home_file(&s->supervisor->home, name, out);
}

static void drop_board(struct service *s)
{
    char folder[HOME_PATH_MAX];

    if (s->board < 0)
        return;
    home_remove(board_folder(s, folder)); /* with what workers that were killed have left in it */
    close(s->board);
    s->board = -1;
}

void service_take_board(struct service *s, int fd)
{
    if (s->board < 0)
        s->board = fd;
    else
        close(fd); /* all of them have the same */
}

/* One that was adopted, and has not said yet whether it has the board. */
static bool may_have_board(const struct service *s)
{
    for (struct list *at = s->processes.next; at != &s->processes; at = at->next) {
        const struct process *p = container_of(at, struct process, in_service);
        if (!p->child && p->link && !p->reported)
            return true;
    }
    return false;
}

void service_answer_boards(struct service *s)
{
    char why[ATR_WHY_MAX] = "", folder[HOME_PATH_MAX];
    int fd = s->board;

    for (struct list *at = s->processes.next; at != &s->processes; at = at->next) {
        struct process *p = container_of(at, struct process, in_service);

        if (!p->asks_board)
            continue;
        if (fd < 0 && may_have_board(s))
            return;
        if (fd < 0 && (fd = board_create(&(struct board_options){ 0 }, why)) >= 0)
            s->board = fd;
        worker_link_give_board(p, fd, fd < 0 ? why : board_folder(s, folder));
    }
}

/* --- Life --- */

struct service *service_new(struct supervisor *sup, const struct spec *spec, str shell)
{
    struct service *s = mem_zalloc(sizeof *s);

    s->supervisor = sup;
    spec_copy(&s->spec, spec);
    s->shell = str_dup(shell.n ? shell : STR("{}"));
    list_init(&s->instances);
    list_init(&s->processes);
    list_init(&s->listeners);
    s->board = -1;
    list_append(&sup->services, &s->in_supervisor);
    renewal_init(&s->renewal, s);
    return s;
}

void service_update(struct service *s, const struct spec *spec, str shell)
{
    if (spec) {
        spec_fini(&s->spec);
        spec_copy(&s->spec, spec);
        renewal_read(&s->renewal);
    }
    if (shell.n) {
        mem_free(s->shell);
        s->shell = str_dup(shell);
    }
    supervisor_changed(s->supervisor);
}

static void free_listener(struct shared_listener *l)
{
    list_remove(&l->in_service);
    close(l->fd);
    mem_free(l->host);
    mem_free(l);
}

void service_free(struct service *s)
{
    struct list *at, *after;

    list_remove(&s->in_supervisor);
    renewal_fini(&s->renewal);
    drop_board(s);
    list_each(at, after, &s->listeners)
    {
        free_listener(container_of(at, struct shared_listener, in_service));
    }
    spec_fini(&s->spec);
    mem_free(s->shell);
    mem_free(s);
}

struct service *service_find(struct supervisor *sup, str name)
{
    for (struct list *at = sup->services.next; at != &sup->services; at = at->next) {
        struct service *s = container_of(at, struct service, in_supervisor);
        if (!s->removing && str_eq(str_of(service_name(s)), name))
            return s;
    }
    return NULL;
}

unsigned service_count(const struct service *s)
{
    unsigned count = 0;

    for (struct list *at = s->instances.next; at != &s->instances; at = at->next)
        count += !container_of(at, struct instance, in_service)->removing;
    return count;
}

/* --- Scaling --- */

static void add_instance(struct service *s, bool start)
{
    size_t count = 0;
    unsigned *taken;

    /* Those that are leaving keep their numbers until they have left. */
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next)
        count++;
    taken = mem_alloc((count + 1) * sizeof *taken);
    count = 0;
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next)
        taken[count++] = container_of(at, struct instance, in_service)->number;
    struct instance *i =
        instance_new(s, s->supervisor->next_id++, policy_free_number(taken, count));
    mem_free(taken);
    if (start)
        instance_start(i);
}

void service_scale(struct service *s, unsigned count, bool start)
{
    struct list *at, *before;

    for (unsigned now = service_count(s); now < count; now++)
        add_instance(s, start);
    /* From the highest number down. */
    for (at = s->instances.prev, before = at->prev; at != &s->instances && service_count(s) > count;
         at = before, before = at->prev) {
        struct instance *i = container_of(at, struct instance, in_service);
        if (!i->removing)
            instance_remove(i, HEIR_THE_OTHERS);
    }
    supervisor_changed(s->supervisor);
}

void service_remove(struct service *s)
{
    struct list *at, *after;

    s->removing = true;
    list_each(at, after, &s->instances)
    {
        instance_remove(container_of(at, struct instance, in_service), HEIR_NOBODY);
    }
    service_go_on(s);
}

/* --- Listening sockets --- */

/* Whether somebody may still want it: an instance it is for (-1: any) that runs or will. */
static bool is_of_use(const struct service *s, int number)
{
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        const struct instance *i = container_of(at, struct instance, in_service);
        if ((number < 0 || (unsigned)number == i->number) &&
            (i->wanted || i->restarting || (i->now && i->now->phase < PROCESS_LEAVING)))
            return true;
    }
    return false;
}

static void tidy_listeners(struct service *s)
{
    struct list *at, *after;

    list_each(at, after, &s->listeners)
    {
        struct shared_listener *l = container_of(at, struct shared_listener, in_service);
        if (!is_of_use(s, l->number))
            free_listener(l);
    }
}

static int number_for(const struct service *s, const struct process *p)
{
    return strcmp(spec_text(&s->spec, SPEC_KEY_exec_mode), "cluster") == 0 ? -1 : (int)p->number;
}

static struct shared_listener *find_listener(struct service *s, int number, const char *host,
                                             uint16_t port)
{
    for (struct list *at = s->listeners.next; at != &s->listeners; at = at->next) {
        struct shared_listener *l = container_of(at, struct shared_listener, in_service);
        if (l->port == port && l->number == number && !strcmp(l->host, host))
            return l;
    }
    return NULL;
}

static struct shared_listener *add_listener(struct service *s, int number, const char *host,
                                            uint16_t port, int fd)
{
    struct shared_listener *l = mem_zalloc(sizeof *l);

    l->host = str_dup(str_of(host));
    l->port = port;
    l->number = number;
    l->fd = fd;
    list_append(&s->listeners, &l->in_service);
    return l;
}

int service_lend(struct service *s, const struct process *p, const char *host, uint16_t port,
                 char *why)
{
    int number = number_for(s, p), fd;
    struct shared_listener *l = find_listener(s, number, host, port);

    if (!l && (fd = listener_bind(host, port, why)) < 0)
        return fd;
    return (l ? l : add_listener(s, number, host, port, fd))->fd;
}

void service_take_back(struct service *s, const struct process *p, const char *host, uint16_t port,
                       int fd)
{
    int number = number_for(s, p);

    if (find_listener(s, number, host, port))
        close(fd);
    else
        (void)add_listener(s, number, host, port, fd);
}

/* --- Going on --- */

void service_go_on(struct service *s)
{
    struct supervisor *sup = s->supervisor;

    service_reload_next(s);
    tidy_listeners(s);
    if (!is_of_use(s, -1))
        drop_board(s);
    service_answer_boards(s);
    if (s->removing && list_empty(&s->instances) && list_empty(&s->processes))
        service_free(s);
    supervisor_changed(sup);
}

/* --- The state file, and the dump --- */

void service_write(const struct service *s, struct buf *out, bool running)
{
    buf_byte(out, '{');
    field_key(out, "spec");
    spec_write(&s->spec, out);
    field_json(out, "shell", str_of(s->shell));
    field_key(out, "instances");
    buf_byte(out, '[');
    for (struct list *at = s->instances.next; at != &s->instances; at = at->next) {
        struct instance *i = container_of(at, struct instance, in_service);
        if (i->removing && !running)
            continue;
        field_comma(out);
        if (running)
            instance_write(i, out);
        else
            buf_format(out, "{\"number\":%u,\"wanted\":%s}", i->number,
                       i->wanted ? "true" : "false");
    }
    buf_byte(out, ']');
    if (running) {
        field_bool(out, "removing", s->removing);
        renewal_write(&s->renewal, out);
        field_key(out, "leaving");
        buf_byte(out, '[');
        for (struct list *at = s->processes.next; at != &s->processes; at = at->next) {
            struct process *p = container_of(at, struct process, in_service);
            if (p->instance || !p->pid)
                continue;
            field_comma(out);
            process_write(p, out);
        }
        buf_byte(out, ']');
    }
    buf_byte(out, '}');
}

static void read_running(struct service *s, str record)
{
    struct json_iter it;

    s->removing = field_get_bool(record, "removing");
    json_iter_init(&it, json_get(record, STR("leaving")));
    while (json_iter_next(&it)) {
        struct process *p = process_adopt(s, NULL, it.value);
        if (p)
            process_leave(p, HEIR_NOBODY); /* it knows better, if it was told before */
    }
    if (s->removing)
        service_remove(s);
}

int service_read(struct supervisor *sup, str record, bool running, char *why)
{
    struct json_iter it;
    struct spec spec;
    int err;

    spec_init(&spec);
    err = spec_read(&spec, json_get(record, STR("spec")), why);
    struct service *s = err < 0 ? NULL : service_new(sup, &spec, json_get(record, STR("shell")));
    spec_fini(&spec);
    if (!s)
        return err;
    json_iter_init(&it, json_get(record, STR("instances")));
    while (json_iter_next(&it)) {
        struct instance *i = instance_read(s, it.value);
        if (running)
            instance_adopt(i, it.value);
        else if (i->wanted)
            instance_start(i);
    }
    if (running) {
        renewal_adopt(&s->renewal, record);
        read_running(s, record);
    }
    return 0;
}
