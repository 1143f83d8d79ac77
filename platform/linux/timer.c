#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * Timers: functions that the stack wants called again and again, each at its own interval.
 *
 * Time is one more device: one timer of the kernel interrupts the thread that takes all interrupts,
 * with the number INTR_IRQ_TIMER. So a timer's handler runs beside the handlers of the devices,
 * never at the same time as one of them, and it may take locks like any other function.
 *
 * The kernel's timer rings once and is then set again, for the moment when the next of our timers
 * is due. That moment is a point in time and not a span from now: each timer is due a whole number
 * of intervals after the start, and the time that the handlers take does not add up. If the thread
 * comes late, by more than an interval even, the handler is called once and the points in time that
 * have passed are left out: it would be no use to call it several times in a row, since all would
 * see the same clock.
 *
 * The clock is the one that clock_now reads. It goes on evenly when somebody sets the time of day.
 * When nothing is registered the kernel's timer is never set, and the thread sleeps.
 */

#ifndef sigev_notify_thread_id /* older C libraries have the field, but not its name */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define NSEC_PER_SEC 1000000000ull

struct timer {
    struct timer *next;
    uint64_t interval; /* nanoseconds */
    uint64_t due;      /* a time of clock_now, or 0 at first: the interrupt thread's alone */
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
        errorf("running already, or not an interval");
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

/* Calls the handler if the timer is due. Returns when it is due next. */
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

/* Runs on the interrupt thread: at every tick, and once at the start. */
static int timer_isr(unsigned int irq, void *arg)
{
    struct itimerspec when = {0};
    uint64_t due, first = UINT64_MAX;
    struct timer *timer;

    (void)irq;
    (void)arg;
    if (!atomic_load(&running) || !timers) { /* somebody else's SIGALRM, or nothing to do */
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
    return timer_settime(kernel_timer, TIMER_ABSTIME, &when, NULL); /* if it is past: at once */
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
