#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "bench.h"
#include "sim.h"

/*
 * Threads of tasks, each waiting for its turn
 */
struct sim_thread {
    pthread_t thread;
    sem_t turn;
    struct task *task;
};

static struct sim_thread *thread_new(struct task *task)
{
    struct sim_thread *thread = calloc(1, sizeof(*thread));

    if (!thread || sem_init(&thread->turn, 0, 0) == -1) {
        sim_wrong("out of memory");
    }
    thread->task = task;
    return thread;
}

static void wait_for_turn(struct sim_thread *thread)
{
    while (sem_wait(&thread->turn) == -1) {
        ;
    }
}

static void *thread_main(void *arg)
{
    struct sim_thread *thread = arg;

    sim_catch_overflow();
    wait_for_turn(thread);
    sim_task_run(thread->task);
    return NULL;
}

struct sim_thread *sim_thread_self(void)
{
    struct sim_thread *thread = thread_new(NULL);

    thread->thread = pthread_self();
    return thread;
}

struct sim_thread *sim_thread_start(struct task *task)
{
    struct sim_thread *thread = thread_new(task);

    if (pthread_create(&thread->thread, NULL, thread_main, thread)) {
        sim_wrong("the bench cannot start a thread");
    }
    return thread;
}

void sim_thread_switch(struct sim_thread *from, struct sim_thread *to, int ends)
{
    sem_post(&to->turn);
    if (!ends) {
        wait_for_turn(from);
    }
}

int sim_thread_is_self(const struct sim_thread *thread)
{
    return pthread_equal(thread->thread, pthread_self());
}

void sim_thread_kill(const struct sim_thread *thread, int sig)
{
    pthread_kill(thread->thread, sig);
}

void sim_thread_detach(struct sim_thread *thread)
{
    pthread_detach(thread->thread);
}

void sim_thread_join(struct sim_thread *thread)
{
    pthread_join(thread->thread, NULL);
    sem_destroy(&thread->turn);
    free(thread);
}
