#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <time.h>

#include "platform.h"

#include "intr.h"

/*
 * Sleeping and waking: how a thread waits for an event that another thread causes, such as received
 * data. A typical sequence, with `lock` guarding a queue:
 *
 *     lock_acquire(&lock);                              lock_acquire(&lock);
 *     while (the queue is empty)                        put an entry into the queue
 *         if (sched_task_sleep(&task, &lock, 0) == -1)  sched_task_wakeup(&task);
 *             release the lock, return -1               lock_release(&lock);
 *     take an entry; lock_release(&lock);
 *
 * Data: a task is its user's from sched_task_init to sched_task_destroy. Tasks with sleepers are in
 * the list `sleeping`.
 * Locks: the user's `lock` guards the condition; sched_mutex guards all tasks and the list, and is
 * taken after `lock`; wake_mutex guards what is about to be woken, and is taken last.
 *
 * No wake-up is lost between the check of the queue and the sleep. The sleeper holds `lock` from
 * its check on. sched_task_sleep takes sched_mutex before it releases `lock`, as the kernel xv6
 * does, and pthread_cond_wait releases sched_mutex and sleeps in one step. A waking thread needs
 * both locks: it comes before the check, or after the sleep has begun.
 *
 * A thread that wakes at once would run into `lock`, which its waker still holds: two switches of
 * threads for nothing. So a wake-up puts the task into the list lock->woken, which `lock` guards,
 * and lock_release wakes when `lock` is free. It uses the tasks without `lock` then: it holds
 * wake_mutex from before the release to the last of them. sched_task_destroy takes its task out of
 * the list, under wake_mutex: so the task is not being woken either. Later wake-ups of it do
 * nothing. A woken thread takes sched_mutex, which its waker does not hold, unless that begins to
 * sleep itself.
 *
 * An event for one thread (a connection, a datagram) wakes one: if all woke, a thousand would take
 * `lock` for nothing. A thread that did not sleep may take the event first; then the woken one
 * sleeps again. If an interruption comes first, it wakes all sleepers, and the event waits in the
 * queue for the next caller, which checks before it sleeps.
 *
 * INTR_IRQ_USER interrupts all sleepers. sched_isr finds them under sched_mutex, where it may not
 * take their locks. So it counts, and a sleep compares the count at its beginning and at its end.
 * Later calls are not interrupted.
 *
 * sched_task_destroy wakes the sleepers and waits until the last one has `lock` back and has read
 * its result. Then no thread uses the task, and its memory may be freed.
 *
 * A thread may be cancelled (pthread_cancel) in its sleep. Then pthread_cond_wait does not return:
 * it takes sched_mutex again and calls sched_task_cancelled. The thread leaves the task and ends
 * without any lock.
 */

#define NSEC_PER_SEC 1000000000ull

/* Guards all other fields of all tasks, and the list. Taken after the sleepers' lock. */
static pthread_mutex_t sched_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sched_task *sleeping; /* tasks with sleepers */

#define WAKE_ALL UINT_MAX /* in place of a number of sleepers */

/* Guards next_woken and wakes of all tasks. Taken after sched_mutex. */
static pthread_mutex_t wake_mutex = PTHREAD_MUTEX_INITIALIZER;

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

/* Called when the thread is cancelled in sched_task_wait; it holds sched_mutex then. */
static void sched_task_cancelled(void *task)
{
    sched_task_leave(task);
    pthread_mutex_unlock(&sched_mutex);
}

/* Waits, with sched_mutex released meanwhile. Returns 0, or ETIMEDOUT. */
static int sched_task_wait(struct sched_task *task, uint64_t deadline)
{
    struct timespec ts = {.tv_sec = (time_t)(deadline / NSEC_PER_SEC),
                          .tv_nsec = (long)(deadline % NSEC_PER_SEC)};
    int err;

    pthread_cleanup_push(sched_task_cancelled, task);
    if (deadline) {
        err = pthread_cond_timedwait(&task->cond, &sched_mutex, &ts);
    } else {
        err = pthread_cond_wait(&task->cond, &sched_mutex);
    }
    pthread_cleanup_pop(0);
    return err;
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

/* Puts the task into its lock's list. Caller must hold that lock, and sched_mutex. */
static void sched_task_queue(struct sched_task *task, unsigned int wakes)
{
    lock_t *lock = task->lock;

    assert(lock_held(lock));
    pthread_mutex_lock(&wake_mutex);
    if (task->wakes == 0) {
        task->next_woken = lock->woken;
        lock->woken = task;
    }
    if (wakes == WAKE_ALL || task->wakes == WAKE_ALL) {
        task->wakes = WAKE_ALL;
    } else {
        task->wakes += wakes;
    }
    pthread_mutex_unlock(&wake_mutex);
}

/* Takes the task out of the list. If it is being woken, waits for that. Caller must hold lock. */
static void sched_task_unqueue(struct sched_task *task, lock_t *lock)
{
    struct sched_task **p = &lock->woken;

    assert(lock_held(lock));
    pthread_mutex_lock(&wake_mutex);
    while (*p && *p != task) {
        p = &(*p)->next_woken;
    }
    if (*p) {
        *p = task->next_woken;
        task->wakes = 0;
    }
    pthread_mutex_unlock(&wake_mutex);
}

struct sched_task *sched_wake_begin(lock_t *lock)
{
    struct sched_task *woken = lock->woken;

    pthread_mutex_lock(&wake_mutex);
    lock->woken = NULL;
    return woken;
}

void sched_wake_end(struct sched_task *woken)
{
    for (; woken; woken = woken->next_woken) {
        if (woken->wakes == WAKE_ALL) {
            pthread_cond_broadcast(&woken->cond);
            woken->wakes = 0;
        }
        for (; woken->wakes > 0; woken->wakes--) {
            pthread_cond_signal(&woken->cond);
        }
    }
    pthread_mutex_unlock(&wake_mutex);
}

/* That there are sleepers is seen under sched_mutex: so each of them waits for its signal already.
 * A dying task has woken them all. */
static void sched_task_wake(struct sched_task *task, unsigned int wakes)
{
    pthread_mutex_lock(&sched_mutex);
    if (task->sleepers > 0 && !task->dying) {
        sched_task_queue(task, wakes);
    }
    pthread_mutex_unlock(&sched_mutex);
}

void sched_task_wakeup(struct sched_task *task)
{
    sched_task_wake(task, WAKE_ALL);
}

void sched_task_wakeup_one(struct sched_task *task)
{
    sched_task_wake(task, 1);
}

void sched_task_destroy(struct sched_task *task, lock_t *lock)
{
    int cancel_state;

    assert(lock_held(lock));
    pthread_mutex_lock(&sched_mutex);
    task->dying = 1;
    sched_task_unqueue(task, lock);
    if (task->sleepers == 0) { /* then lock stays held all the time */
        pthread_cond_destroy(&task->cond);
        pthread_mutex_unlock(&sched_mutex);
        return;
    }
    assert(task->lock == lock);
    lock_release(lock); /* the sleepers need it to leave */
    pthread_cond_broadcast(&task->cond);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state); /* or the task is never freed */
    while (task->sleepers > 0) {
        pthread_cond_wait(&task->cond, &sched_mutex);
    }
    pthread_cond_destroy(&task->cond);
    pthread_mutex_unlock(&sched_mutex);
    pthread_setcancelstate(cancel_state, NULL);
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
