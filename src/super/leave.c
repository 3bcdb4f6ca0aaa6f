/* super/leave.c - how a process is ended: asked, told, forced.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>

#include "base/log.h"
#include "super/fields.h"
#include "super/node_ipc.h"
#include "super/proc.h"
#include "super/process.h"
#include "super/service.h"
#include "super/supervisor.h"

enum { KILL_AGAIN_MS = 1000, LINGER_MS_MAX = 3600000 };

static uint64_t spec_ms(const struct process *p, enum spec_key k)
{
    return (uint64_t)spec_number(&p->service->spec, k);
}

void process_signal(struct process *p, int signal)
{
    bool tree = !p->socket && spec_number(&p->service->spec, SPEC_KEY_treekill);

    /* It leads a process group of its own. */
    if (!tree || kill(-p->pid, signal) < 0)
        (void)kill(p->pid, signal);
}

static uint64_t drain(struct process *p)
{
    struct buf b = { 0 };

    buf_byte(&b, '{');
    field_text(&b, "type", "drain");
    field_number(&b, "ms", (int64_t)spec_ms(p, SPEC_KEY_drain_timeout));
    field_number(&b, "heir", p->heir);
    buf_byte(&b, '}');
    (void)link_send(p->link, buf_str(&b), NULL, 0); /* unheard, the time passes */
    buf_free(&b);
    return spec_ms(p, SPEC_KEY_drain_timeout);
}

static uint64_t interrupt(struct process *p)
{
    if (!spec_number(&p->service->spec, SPEC_KEY_shutdown_with_message) ||
        node_ipc_send(&p->ipc, STR("\"shutdown\"\n")) < 0)
        process_signal(p, SIGINT);
    return spec_ms(p, SPEC_KEY_kill_timeout);
}

static uint64_t force(struct process *p)
{
    if (spec_number(&p->service->spec, SPEC_KEY_treekill)) {
        (void)proc_signal_descendants(p->pid, SIGKILL);
        (void)kill(-p->pid, SIGKILL);
    }
    (void)kill(p->pid, SIGKILL);
    return KILL_AGAIN_MS; /* new children may have come meanwhile */
}

static void enter(struct process *p, enum process_step step)
{
    uint64_t ms;

    p->step = step;
    p->phase = PROCESS_LEAVING;
    if (step == STEP_DRAIN)
        ms = drain(p);
    else if (step == STEP_INTERRUPT)
        ms = interrupt(p);
    else
        ms = force(p);
    loop_timer(&p->service->supervisor->loop, &p->deadline, ms);
}

void process_next_step(struct process *p)
{
    if (p->step == STEP_INTERRUPT)
        log_event(LOG_WARN, "process-killed", "app=%s instance=%u pid=%d hint=%s",
                  service_name(p->service), p->number, (int)p->pid,
                  "it did not end within kill_timeout");
    enter(p, p->step < STEP_KILL ? p->step + 1 : STEP_KILL);
}

void process_lingers(struct process *p, uint64_t ms)
{
    if (p->step == STEP_DRAIN && p->phase == PROCESS_LEAVING)
        loop_timer(&p->service->supervisor->loop, &p->deadline,
                   ms < LINGER_MS_MAX ? ms : LINGER_MS_MAX);
}

void process_leave(struct process *p, pid_t heir)
{
    bool drains = p->link && p->listening && spec_ms(p, SPEC_KEY_drain_timeout);

    if (p->phase >= PROCESS_LEAVING)
        return;
    p->heir = heir;
    enter(p, drains ? STEP_DRAIN : STEP_INTERRUPT);
}

void process_kill(struct process *p)
{
    if (p->phase != PROCESS_GONE && p->step < STEP_KILL)
        enter(p, STEP_KILL);
}
