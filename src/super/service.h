/* super/service.h - a supervised application: its description, its instances, what they share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SUPER_SERVICE_H
#define SUPER_SERVICE_H

#include "super/instance.h"
#include "super/renewal.h"
#include "super/spec.h"

struct supervisor;

/* A listening socket that workers borrow: opened once, so that connections that nobody has accepted
 * yet survive any of them. */
struct shared_listener {
    struct list in_service;
    char *host;
    uint16_t port; /* as asked for */
    int number;    /* of the instance it is for; -1: for all */
    int fd;
};

struct service {
    struct list in_supervisor;
    struct supervisor *supervisor;
    struct spec spec;
    char *shell;           /* variables of the command that started it, a JSON object */
    struct list instances; /* by number */
    struct list processes; /* all of them, also those that leave */
    struct list listeners;
    int board; /* of its workers (cluster/board.h): made when first asked for; -1: none */
    struct renewal renewal;
    bool removing;
};

struct service *service_new(struct supervisor *s, const struct spec *spec, str shell);
void service_update(struct service *s, const struct spec *spec,
                    str shell);       /* for what starts next */
void service_free(struct service *s); /* once nothing of it runs */
struct service *service_find(struct supervisor *s, str name);
const char *service_name(const struct service *s);

/* So many instances, new ones started when `start`. */
void service_scale(struct service *s, unsigned count, bool start);
unsigned service_count(const struct service *s); /* without those being removed */
void service_remove(struct service *s);

/* Something ended or became ready: what waited for it goes on. May free s. */
void service_go_on(struct service *s);
void service_reload_next(struct service *s); /* internal: the next of those that want to be */

/* A descriptor to lend to p, which stays ours; or a negative code. */
int service_lend(struct service *s, const struct process *p, const char *host, uint16_t port,
                 char *why);
/* One that a worker gave back to a supervisor that has none: ours from now on. */
void service_take_back(struct service *s, const struct process *p, const char *host, uint16_t port,
                       int fd);

/* The same of the board, which is made here when no worker has one. */
void service_take_board(struct service *s, int fd);
/* Gives it to those that wait for it, once it is known whether there is one already. */
void service_answer_boards(struct service *s);

/* How many CPUs this process may use. */
unsigned service_cpus(void);

/* The environment of an instance, and its arguments: NULL-terminated, for words_free(). */
char **service_environment(const struct service *s, unsigned number);
char **service_arguments(const struct service *s, unsigned number, const char **program);
void words_free(char **words);

void service_write(const struct service *s, struct buf *out, bool running);
int service_read(struct supervisor *s, str record, bool running, char *why);

#endif
