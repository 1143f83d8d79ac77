#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * Timers: the interrupt thread calls each registered handler, at its own interval or at a deadline.
 *
 * Time is one more device. A single timer of the kernel raises INTR_IRQ_TIMER when the next handler
 * is due. So handlers of timers and devices run one at a time, and may take locks.
 *
 *   timer_register        adds a periodic timer, timer_once_register a one-shot one; the lists are
 *                         fixed while the thread runs, so they need no lock
 *   timer_once_set        sets a deadline, and the kernel's timer if that is the first to come
 *   timer_run             creates the kernel's timer and raises the first interrupt
 *   timer_isr             calls the handlers that are due, then sets the kernel's timer for what
 *                         comes next
 *   timer_shutdown        deletes the kernel's timer and the lists
 *
 * A periodic handler is due a whole number of intervals after the start, so the time that handlers
 * take does not add up. If it is late by more than an interval, it is called once and the missed
 * calls are left out: all of them would see the same clock. The clock is clock_now's, which does
 * not change with the time of day. Without a registered timer the kernel's is never set.
 *
 * No deadline is lost. `mutex` guards the deadlines and `armed`, the time to which the kernel's
 * timer is set. A deadline before it sets it anew, by a call of the kernel in the thread that sets;
 * the interrupt thread wakes only when it is due. A later one, or none, leaves it: timer_isr then
 * finds nothing due, and sets it for what comes next. A deadline that is set while timer_isr runs
 * is seen when it looks for the next, or is before `armed`, which it has set.
 *
 * However often deadlines move, one signal is pending at most: the kernel's timer has one, and
 * SIGALRM does not queue.
 */

#ifndef sigev_notify_thread_id /* older C libraries have the field, but not its name */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define NSEC_PER_SEC 1000000000ull

struct timer {
    struct timer *next;
    uint64_t interval; /* nanoseconds */
    uint64_t due;      /* a time of clock_now, 0 at first; used by the interrupt thread alone */
    void (*handler)(void);
};

static struct timer *timers;     /* fixed while the thread runs */
static struct timer_once *onces; /* the same; their deadlines are guarded by the mutex */

/* Guards what follows, and all deadlines. No lock is taken with it held. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static timer_t kernel_timer;
static int running;    /* kernel_timer exists */
static uint64_t armed; /* kernel_timer is set to this time; UINT64_MAX: not at all */

static int timer_is_running(void)
{
    int yes;

    pthread_mutex_lock(&mutex);
    yes = running;
    pthread_mutex_unlock(&mutex);
    return yes;
}

int timer_register(struct timeval interval, void (*handler)(void))
{
    int64_t usec = (int64_t)interval.tv_sec * 1000000 + interval.tv_usec;
    struct timer *timer;

    if (timer_is_running() || usec <= 0) {
        errorf("running already, or bad interval");
        return -1;
    }
    timer = memory_alloc(sizeof(*timer));
    if (!timer) {
        errorf("memory_alloc() failure");
        return -1;
    }
    timer->interval = (uint64_t)usec * 1000;
    timer->handler = handler;
    timer->next = timers;
    timers = timer;
    infof("registered, interval=%lld.%06ld", (long long)interval.tv_sec, (long)interval.tv_usec);
    return 0;
}

/* Calls the handler if it is due. Returns the next time at which it is due. */
static uint64_t timer_check(struct timer *timer)
{
    uint64_t now = clock_now();

    if (timer->due == 0) {
        timer->due = now + timer->interval;
    } else if (now >= timer->due) {
        timer->due += ((now - timer->due) / timer->interval + 1) * timer->interval;
        timer->handler();
    }
    return timer->due;
}

/* Sets the kernel's timer, which raises the interrupt at once if that time is past. Caller must
 * hold the mutex. */
static void timer_arm(uint64_t deadline)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(deadline / NSEC_PER_SEC),
                                           .tv_nsec = (long)(deadline % NSEC_PER_SEC)}};

    armed = deadline;
    timer_settime(kernel_timer, TIMER_ABSTIME, &when, NULL);
}

int timer_once_register(struct timer_once *timer, void (*handler)(void))
{
    if (timer_is_running()) {
        errorf("running already");
        return -1;
    }
    *timer = (struct timer_once){.next = onces, .handler = handler};
    onces = timer;
    return 0;
}

void timer_once_set(struct timer_once *timer, uint64_t deadline)
{
    if (platform_is_child()) {
        return;
    }
    pthread_mutex_lock(&mutex);
    timer->deadline = deadline;
    if (running && deadline && deadline < armed) {
        timer_arm(deadline);
    }
    pthread_mutex_unlock(&mutex);
}

/* Turns the timer off if it is due, and calls its handler. */
static void timer_once_check(struct timer_once *timer)
{
    uint64_t now = clock_now();
    int due;

    pthread_mutex_lock(&mutex);
    due = timer->deadline && timer->deadline <= now;
    if (due) {
        timer->deadline = 0;
    }
    pthread_mutex_unlock(&mutex);
    if (due) {
        timer->handler();
    }
}

/* Sets the kernel's timer for the first of the next periodic call, if any, and all deadlines. */
static void timer_arm_next(uint64_t first)
{
    const struct timer_once *once;

    pthread_mutex_lock(&mutex);
    for (once = onces; once; once = once->next) {
        if (once->deadline && once->deadline < first) {
            first = once->deadline;
        }
    }
    if (first != UINT64_MAX) {
        timer_arm(first);
    } else {
        armed = UINT64_MAX;
    }
    pthread_mutex_unlock(&mutex);
}

/* Handler of INTR_IRQ_TIMER: at each expiry of the kernel's timer, and once at the start. */
static int timer_isr(unsigned int irq, void *arg)
{
    uint64_t due, first = UINT64_MAX;
    struct timer *timer;
    struct timer_once *once;

    (void)irq;
    (void)arg;
    if (!timer_is_running()) { /* a SIGALRM from outside */
        return 0;
    }
    for (timer = timers; timer; timer = timer->next) {
        due = timer_check(timer);
        if (due < first) {
            first = due;
        }
    }
    for (once = onces; once; once = once->next) {
        timer_once_check(once);
    }
    timer_arm_next(first);
    return 0;
}

int timer_init(void)
{
    return intr_register(INTR_IRQ_TIMER, timer_isr, 0, NULL);
}

int timer_run(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = INTR_IRQ_TIMER};

    event.sigev_notify_thread_id = intr_thread_id();
    if (timer_create(CLOCK_MONOTONIC, &event, &kernel_timer) == -1) {
        errorf("timer_create: %s", strerror(errno));
        return -1;
    }
    pthread_mutex_lock(&mutex);
    running = 1;
    armed = UINT64_MAX;
    pthread_mutex_unlock(&mutex);
    return intr_raise(INTR_IRQ_TIMER);
}

/* The interrupt thread must have ended. */
void timer_shutdown(void)
{
    struct timer *timer;

    pthread_mutex_lock(&mutex); /* other threads may still set deadlines */
    if (running) {
        timer_delete(kernel_timer);
    }
    running = 0;
    pthread_mutex_unlock(&mutex);
    onces = NULL;
    while ((timer = timers) != NULL) {
        timers = timer->next;
        memory_free(timer);
    }
}
