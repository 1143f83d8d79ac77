#include <assert.h>
#include <errno.h>
#include <time.h>

#include "platform.h"

#include "intr.h"

/*
 * Sleeping and waking: how a thread of the program waits for what the interrupt thread will bring.
 *
 * A thread wants to read, and nothing has come. It must not look again and again; it must sleep
 * until somebody who has brought something wakes it. A typical sequence, with `lock` guarding the
 * queue:
 *
 *     lock_acquire(&lock);                              lock_acquire(&lock);
 *     while (queue is empty)                            put something into the queue
 *         if (sched_task_sleep(&task, &lock, 0) == -1)  sched_task_wakeup(&task);
 *             give up;                                  lock_release(&lock);
 *     take something out; lock_release(&lock);
 *
 * The danger is in the gap: the reader sees an empty queue, the other one fills it and wakes
 * nobody, since nobody sleeps yet, and then the reader goes to sleep for ever. Two locks close the
 * gap, as in the kernel xv6. The reader holds `lock` from its look at the queue on. Sleeping takes
 * sched_mutex before it gives `lock` back, and keeps it until it really sleeps, which
 * pthread_cond_wait does in one step. Whoever wakes needs both, and so comes either before the look
 * or after the sleep has begun.
 *
 * What has come for one, a connection or a datagram, wakes one. If all woke, a thousand would ask
 * for the lock to find nothing. It may be taken by another, who came just then and did not have to
 * sleep; then the one who was woken sleeps again. Nor is it left when an interruption reaches him
 * before he has taken it: that one reaches all sleepers, and whoever comes later looks first.
 *
 * An interruption by the user does not know the locks of all the sleepers. It needs sched_mutex
 * alone, and for that reason counts: each sleep compares the number that it saw at the start with
 * the one at the end. Nothing is kept for calls that begin later.
 *
 * Destroying a task wakes its sleepers, too, and waits until the last one has got `lock` back and
 * read its result. After that nobody knows of the task, and its memory may be used again.
 */

#define NSEC_PER_SEC 1000000000ull

/* Guards all fields of all tasks, and the list. Taken after the sleepers' lock. */
static pthread_mutex_t sched_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sched_task *sleeping; /* tasks with sleepers */

void sched_task_init(struct sched_task *task)
{
    pthread_condattr_t attr;

    *task = (struct sched_task){.sleepers = 0};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&task->cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* Adds a sleeper. Caller must hold sched_mutex. */
static void sched_task_enter(struct sched_task *task)
{
    assert(pthread_mutex_trylock(&sched_mutex) == EBUSY);
    if (task->sleepers++ > 0) {
        return;
    }
    task->next = sleeping;
    sleeping = task;
}

/* Removes a sleeper. Caller must hold sched_mutex. */
static void sched_task_leave(struct sched_task *task)
{
    struct sched_task **p;

    assert(pthread_mutex_trylock(&sched_mutex) == EBUSY);
    if (--task->sleepers > 0) {
        return;
    }
    for (p = &sleeping; *p != task; p = &(*p)->next) {
        continue;
    }
    *p = task->next;
    if (task->dying) { /* sched_task_destroy waits for this */
        pthread_cond_broadcast(&task->cond);
    }
}

/* Waits, with sched_mutex released meanwhile. Returns 0, or ETIMEDOUT. */
static int sched_task_wait(struct sched_task *task, uint64_t deadline)
{
    struct timespec ts;

    if (!deadline) {
        return pthread_cond_wait(&task->cond, &sched_mutex);
    }
    ts.tv_sec = (time_t)(deadline / NSEC_PER_SEC);
    ts.tv_nsec = (long)(deadline % NSEC_PER_SEC);
    return pthread_cond_timedwait(&task->cond, &sched_mutex, &ts);
}

int sched_task_sleep(struct sched_task *task, lock_t *lock, uint64_t deadline)
{
    unsigned int interrupts;
    int err;

    assert(lock_held(lock));
    pthread_mutex_lock(&sched_mutex);
    if (task->dying) {
        pthread_mutex_unlock(&sched_mutex);
        errno = EBADF;
        return -1;
    }
    assert(task->sleepers == 0 || task->lock == lock);
    task->lock = lock;
    sched_task_enter(task);
    interrupts = task->interrupts;
    lock_release(lock);
    err = sched_task_wait(task, deadline);
    pthread_mutex_unlock(&sched_mutex);

    lock_acquire(lock); /* before sched_mutex: the lock order; still counted as a sleeper */
    pthread_mutex_lock(&sched_mutex);
    if (task->dying) {
        err = EBADF;
    } else if (task->interrupts != interrupts) {
        err = EINTR;
    }
    sched_task_leave(task);
    pthread_mutex_unlock(&sched_mutex);
    if (!err) {
        return 0;
    }
    errno = err;
    return -1;
}

void sched_task_wakeup(struct sched_task *task)
{
    pthread_mutex_lock(&sched_mutex);
    if (task->sleepers) {
        assert(lock_held(task->lock));
        pthread_cond_broadcast(&task->cond);
    }
    pthread_mutex_unlock(&sched_mutex);
}

void sched_task_wakeup_one(struct sched_task *task)
{
    pthread_mutex_lock(&sched_mutex);
    if (task->sleepers) {
        assert(lock_held(task->lock));
        pthread_cond_signal(&task->cond);
    }
    pthread_mutex_unlock(&sched_mutex);
}

void sched_task_destroy(struct sched_task *task, lock_t *lock)
{
    assert(lock_held(lock));
    pthread_mutex_lock(&sched_mutex);
    task->dying = 1;
    if (task->sleepers == 0) { /* then lock stays held all the time */
        pthread_cond_destroy(&task->cond);
        pthread_mutex_unlock(&sched_mutex);
        return;
    }
    assert(task->lock == lock);
    pthread_cond_broadcast(&task->cond);
    lock_release(lock); /* the sleepers need it to leave */
    while (task->sleepers > 0) {
        pthread_cond_wait(&task->cond, &sched_mutex);
    }
    pthread_cond_destroy(&task->cond);
    pthread_mutex_unlock(&sched_mutex);
    lock_acquire(lock);
}

/* Handler of INTR_IRQ_USER: interrupts all sleepers. */
static int sched_isr(unsigned int irq, void *arg)
{
    struct sched_task *task;

    (void)irq;
    (void)arg;
    pthread_mutex_lock(&sched_mutex);
    for (task = sleeping; task; task = task->next) {
        task->interrupts++;
        pthread_cond_broadcast(&task->cond);
    }
    pthread_mutex_unlock(&sched_mutex);
    return 0;
}

/* Registers the interruption. Sleeping works without it, before platform_init and after the end. */
int sched_init(void)
{
    return intr_register(INTR_IRQ_USER, sched_isr, INTR_IRQ_SHARED, NULL);
}
