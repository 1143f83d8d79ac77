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
 */

enum platform_state {
    PLATFORM_OFF,
    PLATFORM_INITIALIZED,
    PLATFORM_RUNNING,
};

static enum platform_state state;
static atomic_int child;          /* fork has made this process, and there is no stack in it */
static void (*child_hook)(void);
static atomic_size_t memory_count; /* allocations that have not been given back */

/* Its address tells one thread from another. */
static _Thread_local char this_thread;

/*
 * Start and stop: what was begun last ends first
 */

/* In a child, before fork returns. */
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
        errorf("the stack is the parent's, and a forked child has none");
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
    intr_stop(); /* the thread first, for it uses what goes next */
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
 * The owner is written by the thread that holds the mutex, but lock_held may read it at any moment.
 * Whatever it reads then, it finds itself there only if it wrote itself there: no other thread has
 * its address.
 *
 * A thread that is cancelled (pthread_cancel) ends at its next cancellation point, and write or
 * getrandom is one, too: a lock would stay taken for ever. So cancelling is put off as long as a
 * thread holds a lock.
 */

static _Thread_local unsigned int locks_held;
static _Thread_local int cancel_state; /* what it was when the first of these was taken */

void lock_init(lock_t *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
    atomic_init(&lock->owner, NULL);
    lock->name = "";
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
    if (platform_is_child()) {
        return;
    }
    assert(lock_held(lock));
    atomic_store_explicit(&lock->owner, NULL, memory_order_relaxed);
    pthread_mutex_unlock(&lock->mutex);
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
            errorf("getrandom: cannot go on without secrets");
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
