#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sim.h"

/*
 * The baton and the clock: see the essay in platform.c.
 */

struct task *sim_current;
struct task *sim_tasks;
struct task *sim_main;
uint64_t sim_now;
uint64_t sim_start;
uint32_t sim_patience;

/* The condition that main waits for while other tasks run. */
static struct {
    int waiting;
    uint64_t until;
    int (*enough)(const void *arg);
    const void *arg;
} pause_;

static void task_add(struct task *task)
{
    struct task **end = &sim_tasks;

    while (*end) {
        end = &(*end)->next;
    }
    *end = task;
}

static struct task *task_new(const char *name)
{
    struct task *task = calloc(1, sizeof(*task));

    if (!task) {
        sim_wrong("out of memory");
    }
    snprintf(task->name, sizeof(task->name), "%s", name);
    task_add(task);
    return task;
}

void sim_baton_init(void)
{
    sim_main = task_new("main");
    sim_main->thread = sim_thread_self();
    sim_current = sim_main;
}

void sim_forget(void)
{
    sim_tasks = NULL;
    pause_.waiting = 0;
}

/*
 * Choice of the next task
 */
static int could_run(const struct task *task)
{
    if (task->done || (task == sim_main && pause_.waiting)) {
        return 0;
    }
    return !task->ready || task->ready(task);
}

static struct task *draw_task(void)
{
    struct task *task, *chosen = NULL;
    uint32_t num = 0;

    for (task = sim_tasks; task; task = task->next) {
        if (could_run(task) && (++num == 1 || sim_draw(num) == 0)) {
            chosen = task;
        }
    }
    return chosen;
}

static int main_has_enough(void)
{
    if (!pause_.waiting) {
        return 0;
    }
    return sim_now >= pause_.until || (pause_.enough && pause_.enough(pause_.arg));
}

static void stuck(const char *what)
{
    char buf[1024];

    sim_describe_tasks(buf, sizeof(buf), 6);
    sim_wrong("%s\n%s", what, buf);
}

static uint64_t next_event(void)
{
    uint64_t next = sim_next_timer();
    struct task *task;

    if (sim_actor && sim_actor->next() < next) {
        next = sim_actor->next();
    }
    if (sim_next_arrival() < next) {
        next = sim_next_arrival();
    }
    if (pause_.waiting && pause_.until < next) {
        next = pause_.until;
    }
    for (task = sim_tasks; task; task = task->next) {
        if (task->ready && task->joins) {
            continue;
        }
        if (task->ready && task->lock && !task->sleeps_on) {
            stuck("deadlock: no task can run");
        }
        if (task->sleeps_on && task->deadline && task->deadline < next) {
            next = task->deadline;
        }
        if (task->busy_until && task->busy_until < next) {
            next = task->busy_until;
        }
    }
    return next;
}

/* No task can run: moves the clock to the next moment at which one can. */
static void move_clock(void)
{
    uint64_t next = next_event();

    if (next == UINT64_MAX) {
        stuck("deadlock: all sleep, and nothing will ever wake them");
    }
    if (next > sim_start + SIM_LIMIT) {
        stuck("no end after 20000 seconds of virtual time");
    }
    if (next > sim_now) {
        sim_now = next;
    }
    sim_shared->ms = (sim_now - sim_start) / SIM_MS;
    sim_fire_timers();
    sim_deliver();
    if (sim_actor && sim_actor->next() <= sim_now) {
        sim_actor->act();
    }
}

static void hand_over(struct task *self)
{
    struct task *next;

    while (!(next = draw_task())) {
        if (main_has_enough()) {
            next = sim_main;
            break;
        }
        move_clock();
    }
    if (next == self) {
        return;
    }
    sim_current = next;
    memcpy(sim_shared->task, next->name, sizeof(next->name));
    sim_thread_switch(self->thread, next->thread, self->done);
}

void sim_yield(void)
{
    if (sim_current != sim_main && (sim_patience < 2 || sim_draw(sim_patience) == 0)) {
        hand_over(sim_current);
    }
}

void sim_block(const char *why, int (*ready)(const struct task *task))
{
    struct task *self = sim_current;

    self->ready = ready;
    self->why = why;
    hand_over(self);
    self->ready = NULL;
    self->why = NULL;
}

static int has_computed(const struct task *task)
{
    return sim_now >= task->busy_until;
}

void sim_compute(uint64_t ns)
{
    if (ns) {
        sim_current->busy_until = sim_now + ns;
        sim_block("computes", has_computed);
        sim_current->busy_until = 0;
    }
}

void sim_wait(uint64_t until, int (*enough)(const void *arg), const void *arg)
{
    if (sim_current != sim_main) {
        sim_wrong("task %s called a function that waits: only the behaviour's own function may",
                  sim_current->name);
    }
    if (sim_main->nheld) {
        sim_wrong("the bench waits while main holds a lock (%s)", sim_main->held[0]->name);
    }
    pause_.waiting = 1;
    pause_.until = until;
    pause_.enough = enough;
    pause_.arg = arg;
    hand_over(sim_main);
    pause_.waiting = 0;
}

/*
 * Beginning and end of a task
 */
void sim_task_run(struct task *self)
{
    self->func(self->arg);
    if (self->nheld) {
        sim_wrong("task %s ends while it holds a lock (%s)", self->name, self->held[0]->name);
    }
    self->done = 1;
    hand_over(self);
}

struct task *sim_task_create(const char *name, void (*func)(void *arg), void *arg)
{
    struct task *task = task_new(name);

    task->func = func;
    task->arg = arg;
    task->thread = sim_thread_start(task);
    return task;
}

void sim_task_join(struct task *task)
{
    struct task **entry = &sim_tasks;

    sim_thread_join(task->thread);
    while (*entry != task) {
        entry = &(*entry)->next;
    }
    *entry = task->next;
    free(task);
}

struct task *task_start(const char *name, void (*func)(void *arg), void *arg)
{
    struct task *task = sim_task_create(name, func, arg);

    sim_thread_detach(task->thread);
    settle();
    return task;
}

int task_done(const struct task *task)
{
    return task->done;
}

static int is_done(const void *arg)
{
    return ((const struct task *)arg)->done;
}

void bench_task_join(struct task *task, long ms, const char *file, int line)
{
    char buf[512];

    sim_doing(file, line, "task_join(%s, %ld)", task->name, ms);
    sim_wait(sim_now, NULL, NULL);
    if (!task->done) {
        sim_wait(sim_now + (uint64_t)ms * SIM_MS, is_done, task);
    }
    if (!task->done) {
        sim_describe_tasks(buf, sizeof(buf), 4);
        bench_fail(file, line, "task %s has not ended within %ld ms\n%s", task->name, ms, buf);
    }
}

/*
 * Time
 */
void advance(long ms)
{
    sim_wait(sim_now + (uint64_t)ms * SIM_MS, NULL, NULL);
}

void settle(void)
{
    sim_wait(sim_now, NULL, NULL);
}

uint64_t now_ms(void)
{
    return (sim_now - sim_start) / SIM_MS;
}

/*
 * Reports of tasks
 */
static void describe(const struct task *task, char *buf, size_t size)
{
    const struct task *owner;
    unsigned int i;
    size_t len;

    len = (size_t)snprintf(buf, size, "task %s %s", task->name,
                           task->why ? task->why : "can run");
    if (task->lock) {
        len += (size_t)snprintf(buf + len, size - len, " (%s", task->lock->name);
        owner = task->lock->owner;
        if (!task->sleeps_on && owner) {
            len += (size_t)snprintf(buf + len, size - len, ", held by %s", owner->name);
        }
        len += (size_t)snprintf(buf + len, size - len, ")");
    }
    for (i = 0; i < task->nheld && len < size; i++) {
        len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : ", holds ",
                                task->held[i]->name);
    }
}

void sim_describe_tasks(char *buf, size_t size, int max)
{
    const struct task *task;
    char line[256];
    size_t len = 0;

    *buf = '\0';
    for (task = sim_tasks; task && max; task = task->next) {
        if (task->done || (task == sim_main && !task->why)) {
            continue;
        }
        describe(task, line, sizeof(line));
        len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "\n" : "", line);
        if (len >= size) {
            return;
        }
        max--;
    }
}
