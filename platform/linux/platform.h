#ifndef PLATFORM_H
#define PLATFORM_H

/*
 * platform.h: the contract between the stack and the machine.
 *
 * The stack gets memory, locks, time, random numbers, interrupts, timers and sleep only from here.
 * Two platforms implement it: platform/linux, and test/sim with a virtual clock. Each section names
 * the step of the course that needs it first.
 *
 * Life cycle, driven by net_init, net_run and net_shutdown:
 *
 *     platform_init()       then intr_register and timer_register
 *     platform_run()        starts the interrupt thread; then intr_raise, and no registration
 *     platform_shutdown()   ends the interrupt thread, forgets the registrations
 *
 * All other functions work before, between and after these.
 *
 * Threads: application threads call the stack and may sleep. One interrupt thread runs all handlers
 * of interrupts and timers, one at a time. A handler may take locks, wake threads and raise
 * interrupts, but not sleep. In a signal handler, intr_raise alone is allowed.
 */

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "api.h"

MICROPS_BEGIN

/*
 * Step 00: memory
 */

/* Allocates size bytes, all zero; size may be 0. Returns NULL (ENOMEM) when there is no memory. */
void *memory_alloc(size_t size);
/* Frees memory of memory_alloc; ptr may be NULL. */
void memory_free(void *ptr);
/* Returns the number of allocations not freed: 0 after net_shutdown. */
size_t memory_in_use(void);

MICROPS_END

/*
 * Step 00: start and stop
 *
 * Called in this order, by one thread at a time, and never on the interrupt thread. Each returns 0,
 * or -1 with errno when the machine refuses. platform_init may follow platform_shutdown again.
 */
int platform_init(void);
int platform_run(void);
int platform_shutdown(void);

/*
 * Step 00: locks
 *
 * Not recursive. A thread that sleeps holds only the lock that it passes to sched_task_sleep. A
 * thread is not cancelled (pthread_cancel) while it holds a lock (step 37).
 */
typedef struct {
    pthread_mutex_t mutex;
    _Atomic(const void *) owner; /* identifies the thread that holds it; NULL: none */
    const char *name;            /* the file that declares it */
    struct sched_task *woken;    /* tasks to wake when it is released (step 47) */
} lock_t;

#define LOCK_INITIALIZER { PTHREAD_MUTEX_INITIALIZER, NULL, __FILE__, NULL }

void lock_init(lock_t *lock);
void lock_acquire(lock_t *lock);
void lock_release(lock_t *lock);
/* Does the calling thread hold the lock? For assertions. In a forked child: always. */
int lock_held(const lock_t *lock);

/*
 * Step 00: the console, to which the log goes. It never waits for the reader.
 */
#define CONSOLE_WRITE_MAX 4096 /* bytes in a write: a pipe takes them whole, or not at all */

/* Between these two, the thread has the console to itself: other threads and forks wait, and it is
 * not cancelled. May be taken with any lock held; no lock is taken with it held. Not recursive. */
void console_acquire(void);
void console_release(void);
/* Writes the bytes that the console takes at once. Returns their number, 0 on failure. Caller must
 * have acquired the console. */
size_t console_write(const char *text, size_t len);

/*
 * Step 00: clock
 */

/* Returns nanoseconds since an arbitrary start; never 0, never less than before. Protocols use no
 * other time. */
uint64_t clock_now(void);
/* Returns the time of day, for log lines alone. */
struct timeval clock_wall(void);

/*
 * Step 00: unpredictable random numbers. These functions cannot fail.
 */
uint16_t random16(void);
void random_bytes(void *buf, size_t len);

MICROPS_BEGIN

/*
 * Step 11: interrupts
 *
 * The interrupt thread calls the handlers, one at a time. Each raise is followed by a call of the
 * number's handlers that begins after it; several raises may share one call.
 *
 * On Linux the stack owns SIGUSR1, SIGUSR2, SIGALRM and SIGIO from net_init to net_shutdown: a
 * program must not change their actions. Sent from outside the stack they are harmless, in any
 * thread, and SIGUSR2 acts as INTR_IRQ_USER. No thread's signal mask is changed. All other signals
 * are the program's, and their handlers run in its threads. They do not interrupt a call that
 * sleeps in the stack; to do so, a handler calls intr_raise(INTR_IRQ_USER).
 */
#define INTR_IRQ_SOFT  SIGUSR1 /* work deferred by another interrupt (step 15) */
#define INTR_IRQ_USER  SIGUSR2 /* the user interrupts all sleeping threads (step 19) */
#define INTR_IRQ_TIMER SIGALRM /* a timer is due (step 13) */
#define INTR_IRQ_BASE  (SIGRTMIN + 1) /* this number to 64: devices */

#define INTR_IRQ_SHARED 0x0001 /* a flag: the number may have other handlers with this flag */

/* A handler. Its result is ignored. */
typedef int (*intr_isr_t)(unsigned int irq, void *arg);

/* Registers isr(irq, arg) as handler of interrupt irq, after platform_init and before platform_run.
 * Returns 0, or -1: irq is invalid, or taken and not shared; no memory; too early or too late. */
int intr_register(unsigned int irq, intr_isr_t isr, int flags, void *arg);
/* Raises interrupt irq, from any thread or signal handler. Returns 0, or -1: irq is invalid, or the
 * interrupt thread does not run. */
int intr_raise(unsigned int irq);

MICROPS_END

/*
 * Step 13: timers
 */

/* Registers handler, before platform_run. The interrupt thread calls it every interval, the first
 * time one interval after platform_run. Calls missed during a delay are left out. Returns 0, or -1:
 * interval not above 0, no memory, too late. */
int timer_register(struct timeval interval, void (*handler)(void));

/*
 * Step 47: one-shot timers
 *
 * A deadline instead of an interval. The memory belongs to the caller, who keeps it until
 * platform_shutdown; the fields belong to the platform.
 */
struct timer_once {
    struct timer_once *next; /* the list of registered ones */
    uint64_t deadline;       /* a time of clock_now; 0: off */
    void (*handler)(void);
};

/* Registers a timer, which is off, before platform_run. Returns 0, or -1: too late. */
int timer_once_register(struct timer_once *timer, void (*handler)(void));
/* Sets the timer to a time of clock_now, in place of an earlier setting, or turns it off (0). At
 * the deadline, or at once if that is past (the process may have been stopped), the interrupt
 * thread turns the timer off and calls the handler. So what is set once a call has begun has a call
 * of its own. For any thread, a handler's included, with any locks held: the platform's own ranks
 * last. Not in a signal handler. */
void timer_once_set(struct timer_once *timer, uint64_t deadline);

/*
 * Step 19: sleeping and waking
 *
 * Threads sleep on a task until a condition holds. A lock guards the condition, the same one for
 * all sleepers of the task. It is held from the check of the condition to the sleep, and by the
 * thread that wakes: so no wake-up is lost. From step 47 on, what is woken under the lock is woken
 * when the lock is released: so no thread wakes into a wait for it. A sleep is a cancellation point
 * (pthread_cancel), the only one in a user's call (step 37): a thread cancelled there has left the
 * task and released the lock.
 */
struct sched_task {
    pthread_cond_t cond;
    struct sched_task *next; /* the list of tasks with sleepers */
    lock_t *lock;            /* the sleepers' lock */
    unsigned int sleepers;
    unsigned int interrupts; /* number of INTR_IRQ_USER while there were sleepers */
    int dying;
    struct sched_task *next_woken; /* the lock's list `woken` */
    unsigned int wakes;      /* sleepers to wake then; 0: not in the list, UINT_MAX: all */
};

void sched_task_init(struct sched_task *task);
/* Wakes all sleepers, whose calls fail with EBADF, and returns when they have left the task. Caller
 * must hold their lock, which is released meanwhile, but only if there are sleepers. */
void sched_task_destroy(struct sched_task *task, lock_t *lock);
/* Releases lock, sleeps until woken or until deadline, and takes lock again. deadline is a time of
 * clock_now, 0 for none. Returns 0 when woken, perhaps spuriously: check the condition again.
 * Returns -1 with ETIMEDOUT, with EINTR (INTR_IRQ_USER came during the sleep), or with EBADF (the
 * task is destroyed: release lock, and use neither the task nor its owner). Caller must hold lock,
 * and no other. */
int sched_task_sleep(struct sched_task *task, lock_t *lock, uint64_t deadline);
/* Wakes all sleepers, as soon as the caller releases their lock, which it must hold; also in a
 * sleep, or in sched_task_destroy. */
void sched_task_wakeup(struct sched_task *task);
/* Wakes one sleeper, likewise: for an event that only one can use, if all sleepers of the task wait
 * for such events. Caller must hold their lock. */
void sched_task_wakeup_one(struct sched_task *task);
/* A thread that is cancelled in a sleep between these two runs func(arg), without the lock, to undo
 * its unfinished call. Use both in the same block. */
#define sched_undo_begin(func, arg) pthread_cleanup_push(func, arg)
#define sched_undo_end() pthread_cleanup_pop(0)

/*
 * Step 37: processes
 *
 * In a child forked while the platform is initialized, the stack is down and stays so. It has only
 * the thread that called fork: no interrupt thread, and no thread that would release a lock or
 * complete a change. So locks do nothing there, and guarded data may be inconsistent: check
 * platform_is_child before using it.
 */

/* Is this process such a child? */
int platform_is_child(void);
/* Sets the function to call in each such child, before fork returns there. The last call counts. */
void platform_set_child_hook(void (*func)(void));

#endif
