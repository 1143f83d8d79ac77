#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * The Linux platform: start and stop, memory, locks, clock and random numbers.
 *
 * Data: variables that are neither atomic nor thread-local belong to the thread that starts and
 * stops the stack. No locks.
 * Limits: without random numbers from the kernel, the program is aborted.
 */

enum platform_state {
    PLATFORM_OFF,
    PLATFORM_INITIALIZED,
    PLATFORM_RUNNING,
};

static enum platform_state state;
static atomic_int child;          /* this process is a forked child, without a stack */
static void (*child_hook)(void);
static atomic_size_t memory_count; /* allocations not freed */

/* Its address identifies the thread. */
static _Thread_local char this_thread;

/*
 * Start and stop. Parts are shut down in reverse order.
 */

/* Called in every forked child, before fork returns there. */
static void platform_forked(void)
{
    if (state == PLATFORM_OFF || platform_is_child()) {
        return;
    }
    atomic_store(&child, 1);
    intr_forked();
    if (child_hook) {
        child_hook();
    }
}

int platform_is_child(void)
{
    return atomic_load_explicit(&child, memory_order_relaxed);
}

void platform_set_child_hook(void (*func)(void))
{
    child_hook = func;
}

int platform_init(void)
{
    static int prepared;

    if (platform_is_child()) {
        errorf("a forked child has no stack");
        errno = ENETDOWN;
        return -1;
    }
    if (state != PLATFORM_OFF) {
        errorf("already initialized");
        return -1;
    }
    if (!prepared && pthread_atfork(NULL, NULL, platform_forked) != 0) {
        errorf("pthread_atfork() failure");
        return -1;
    }
    prepared = 1;
    if (intr_init() == -1) {
        return -1;
    }
    if (timer_init() == -1) {
        intr_shutdown();
        return -1;
    }
    if (sched_init() == -1) {
        timer_shutdown();
        intr_shutdown();
        return -1;
    }
    state = PLATFORM_INITIALIZED;
    return 0;
}

int platform_run(void)
{
    if (state != PLATFORM_INITIALIZED || platform_is_child()) {
        errorf("not initialized, or running already");
        return -1;
    }
    if (intr_run() == -1) {
        return -1;
    }
    if (timer_run() == -1) {
        intr_stop();
        return -1;
    }
    state = PLATFORM_RUNNING;
    return 0;
}

int platform_shutdown(void)
{
    if (state == PLATFORM_OFF || platform_is_child()) {
        errorf("not initialized");
        return -1;
    }
    intr_stop(); /* first: the thread uses the other parts */
    timer_shutdown();
    intr_shutdown();
    state = PLATFORM_OFF;
    return 0;
}

/*
 * Memory
 */

void *memory_alloc(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);

    if (ptr) {
        atomic_fetch_add(&memory_count, 1);
    }
    return ptr;
}

void memory_free(void *ptr)
{
    if (!ptr) {
        return;
    }
    atomic_fetch_sub(&memory_count, 1);
    free(ptr);
}

size_t memory_in_use(void)
{
    return atomic_load(&memory_count);
}

/*
 * Locks
 *
 * Only the holder writes `owner`, but lock_held may read it at any time. It looks for the caller's
 * own address, which no other thread writes: so the answer is right, whatever other threads do
 * meanwhile.
 *
 * A cancelled thread (pthread_cancel) ends at its next cancellation point, such as write or
 * getrandom, and its locks would stay taken. So cancellation is disabled while a thread holds a
 * lock.
 */

static _Thread_local unsigned int locks_held;
static _Thread_local int cancel_state; /* before the first of them was taken */

void lock_init(lock_t *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
    atomic_init(&lock->owner, NULL);
    lock->name = "";
    lock->woken = NULL;
}

void lock_acquire(lock_t *lock)
{
    if (platform_is_child()) {
        return;
    }
    assert(!lock_held(lock));
    if (locks_held++ == 0) {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    }
    pthread_mutex_lock(&lock->mutex);
    atomic_store_explicit(&lock->owner, &this_thread, memory_order_relaxed);
}

void lock_release(lock_t *lock)
{
    struct sched_task *woken;

    if (platform_is_child()) {
        return;
    }
    assert(lock_held(lock));
    woken = lock->woken ? sched_wake_begin(lock) : NULL;
    atomic_store_explicit(&lock->owner, NULL, memory_order_relaxed);
    pthread_mutex_unlock(&lock->mutex);
    if (woken) {
        sched_wake_end(woken);
    }
    if (--locks_held == 0) {
        pthread_setcancelstate(cancel_state, NULL);
    }
}

int lock_held(const lock_t *lock)
{
    return platform_is_child() ||
           atomic_load_explicit(&lock->owner, memory_order_relaxed) == &this_thread;
}

/*
 * Clock
 */

uint64_t clock_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct timeval clock_wall(void)
{
    struct timeval tv;

    gettimeofday(&tv, NULL);
    return tv;
}

/*
 * Random numbers
 */

void random_bytes(void *buf, size_t len)
{
    uint8_t *p = buf;
    ssize_t n;

    while (len > 0) {
        n = getrandom(p, len, 0);
        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }
            errorf("getrandom: no random numbers, can't go on");
            abort();
        }
        p += n;
        len -= (size_t)n;
    }
}

uint16_t random16(void)
{
    uint16_t value;

    random_bytes(&value, sizeof(value));
    return value;
}
