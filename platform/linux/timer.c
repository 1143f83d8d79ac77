#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * Timers: the interrupt thread calls each registered handler at its own interval.
 *
 * Time is one more device. A single timer of the kernel raises INTR_IRQ_TIMER when the next handler
 * is due. So handlers of timers and devices run one at a time, and may take locks.
 *
 *   timer_register   adds a timer; the list is fixed while the thread runs, so it needs no lock
 *   timer_run        creates the kernel's timer and raises the first interrupt
 *   timer_isr        calls the handlers that are due, then sets the kernel's timer for the next
 *   timer_shutdown   deletes the kernel's timer and the list
 *
 * A handler is due a whole number of intervals after the start, so the time that handlers take does
 * not add up. If it is late by more than an interval, it is called once and the missed calls are
 * left out: all of them would see the same clock. The clock is clock_now's, which does not change
 * with the time of day. Without a registered timer the kernel's is never set.
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

static struct timer *timers; /* fixed while the thread runs */
static timer_t kernel_timer;
static atomic_int running;   /* kernel_timer exists */

int timer_register(struct timeval interval, void (*handler)(void))
{
    int64_t usec = (int64_t)interval.tv_sec * 1000000 + interval.tv_usec;
    struct timer *timer;

    if (atomic_load(&running) || usec <= 0) {
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

/* Handler of INTR_IRQ_TIMER: at each expiry of the kernel's timer, and once at the start. */
static int timer_isr(unsigned int irq, void *arg)
{
    struct itimerspec when = {0};
    uint64_t due, first = UINT64_MAX;
    struct timer *timer;

    (void)irq;
    (void)arg;
    if (!atomic_load(&running) || !timers) { /* a SIGALRM from outside, or nothing to do */
        return 0;
    }
    for (timer = timers; timer; timer = timer->next) {
        due = timer_check(timer);
        if (due < first) {
            first = due;
        }
    }
    when.it_value.tv_sec = (time_t)(first / NSEC_PER_SEC);
    when.it_value.tv_nsec = (long)(first % NSEC_PER_SEC);
    return timer_settime(kernel_timer, TIMER_ABSTIME, &when, NULL); /* at once if past */
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
    atomic_store(&running, 1);
    return intr_raise(INTR_IRQ_TIMER);
}

/* The interrupt thread must have ended. */
void timer_shutdown(void)
{
    struct timer *timer;

    if (atomic_load(&running)) {
        timer_delete(kernel_timer);
    }
    atomic_store(&running, 0);
    while ((timer = timers) != NULL) {
        timers = timer->next;
        memory_free(timer);
    }
}
