#ifndef PLATFORM_H
#define PLATFORM_H

/*
 * What the stack asks of the machine. Two platforms keep this contract: platform/linux, and
 * test/sim with its virtual clock. The sections are headed by the step of the course that needs
 * them first.
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

/* Allocates size bytes, all zero. Returns NULL when there is no memory (ENOMEM). */
void *memory_alloc(size_t size);
/* Gives back what memory_alloc returned; NULL is allowed. */
void memory_free(void *ptr);
/* How many allocations have not been given back: 0 after net_shutdown. */
size_t memory_in_use(void);

MICROPS_END

/*
 * Step 00: start and stop
 *
 * net_init calls platform_init before anything else here is used, net_run calls platform_run,
 * net_shutdown calls platform_shutdown. Each returns 0, or -1 with errno when the machine refuses.
 * After platform_shutdown no interrupt and no timer comes any more; memory, locks, clock, and
 * waking of sleepers still work.
 */
int platform_init(void);
int platform_run(void);
int platform_shutdown(void);

/*
 * Step 00: locks. Not recursive; never held across a call that sleeps, but for the one that is
 * handed to it. A thread that holds one is not cancelled until it has released it (step 37).
 */
typedef struct {
    pthread_mutex_t mutex;
    _Atomic(const void *) owner; /* names the thread that holds it; NULL if none does */
    const char *name;            /* the file that declares it */
} lock_t;

#define LOCK_INITIALIZER { PTHREAD_MUTEX_INITIALIZER, NULL, __FILE__ }

void lock_init(lock_t *lock);
void lock_acquire(lock_t *lock);
void lock_release(lock_t *lock);
/* Does the calling thread hold the lock? For assertions. */
int lock_held(const lock_t *lock);

/*
 * Step 00: the console, to which the log goes. Nothing there waits for somebody who reads.
 */
#define CONSOLE_WRITE_MAX 4096 /* bytes that it takes whole, or not at all */

/* Between these two no other thread writes, none is cancelled, and no fork goes on. */
void console_acquire(void);
void console_release(void);
/* Writes what it takes at once. Returns the number of bytes. */
size_t console_write(const char *text, size_t len);

/*
 * Step 00: clock
 */

/* Nanoseconds that never go back, from an arbitrary start: the only time that protocols know. */
uint64_t clock_now(void);
/* The time of day, for the log line alone. */
struct timeval clock_wall(void);

/*
 * Step 00: random numbers that nobody can guess
 */
uint16_t random16(void);
void random_bytes(void *buf, size_t len);

MICROPS_BEGIN

/*
 * Step 11: interrupts
 *
 * One thread takes them all, one after another: handlers never run at the same time as each other.
 *
 * On Linux the stack has SIGUSR1, SIGUSR2, SIGALRM and SIGIO for itself, from net_init to
 * net_shutdown: leave them alone. Sent by somebody else, they do no harm, in whatever thread, and
 * SIGUSR2 is INTR_IRQ_USER. No thread's signal mask is changed. All other signals are the
 * program's, and their handlers run in its own threads. A call that sleeps in the stack is not
 * interrupted by them: it sleeps on when the handler has returned. A handler that is to end it
 * calls intr_raise(INTR_IRQ_USER), the one function here that is made for handlers.
 */
#define INTR_IRQ_SOFT  SIGUSR1 /* work that an interrupt put off (step 15) */
#define INTR_IRQ_USER  SIGUSR2 /* the user interrupts whoever sleeps (step 19) */
#define INTR_IRQ_TIMER SIGALRM /* the tick of the timers (step 13) */
#define INTR_IRQ_BASE  (SIGRTMIN + 1) /* the first number for devices */

#define INTR_IRQ_SHARED 0x0001 /* other handlers may have the same number */

typedef int (*intr_isr_t)(unsigned int irq, void *arg);

/* Registers isr for interrupts numbered irq, before net_run. Returns 0, or -1 (not shared, no
 * memory). */
int intr_register(unsigned int irq, intr_isr_t isr, int flags, void *arg);
/* Raises interrupt irq; any thread may. Raised twice before it is taken, it may come once. Returns
 * 0 or -1. */
int intr_raise(unsigned int irq);

MICROPS_END

/*
 * Step 13: timers
 */

/* Calls handler on the interrupt thread every interval, from net_run to net_shutdown. Register
 * before net_run. */
int timer_register(struct timeval interval, void (*handler)(void));

/*
 * Step 19: sleeping and waking
 *
 * A task is what threads sleep on: they wait until what its lock guards has changed. Between the
 * check of a condition and the sleep the lock is held, so no waking is lost. All sleepers of a task
 * wake together, or one alone, when there is something for one. A sleep is a cancellation point
 * (pthread_cancel), and the only one in a user's call (step 37): who is cancelled there leaves, and
 * the lock is released.
 */
struct sched_task {
    pthread_cond_t cond;
    struct sched_task *next; /* the list of all tasks somebody sleeps on */
    const lock_t *lock;      /* the one that the sleepers gave */
    unsigned int sleepers;
    unsigned int interrupts; /* how often INTR_IRQ_USER came while somebody slept */
    int dying;
};

void sched_task_init(struct sched_task *task);
/* Wakes the sleepers, whose calls fail with EBADF, and returns when they have left. Needs the lock
 * that they gave, and gives it up only while there are some. */
void sched_task_destroy(struct sched_task *task, lock_t *lock);
/* Releases the lock, sleeps until woken, and takes the lock again. deadline is a time of clock_now,
 * 0 for none. Returns 0 when woken (perhaps for nothing: check the condition again), or -1 with
 * errno set: EINTR by INTR_IRQ_USER, ETIMEDOUT, or EBADF because the task is destroyed: then touch
 * nothing and leave. */
int sched_task_sleep(struct sched_task *task, lock_t *lock, uint64_t deadline);
/* Wakes whoever sleeps on the task. The caller must hold the lock that the sleepers gave. */
void sched_task_wakeup(struct sched_task *task);
/* The same for one of them, where all sleep for the same and what has come is for one. */
void sched_task_wakeup_one(struct sched_task *task);
/* Between these two, which stand in one block, a thread that is cancelled in a sleep calls
 * func(arg) as it leaves, without the lock: to take back what it has begun. */
#define sched_undo_begin(func, arg) pthread_cleanup_push(func, arg)
#define sched_undo_end() pthread_cleanup_pop(0)

/*
 * Step 37: processes
 *
 * In a child that fork makes while the platform is initialized, the stack is down and stays so:
 * only the thread that called fork is there, nobody takes interrupts, and what other threads were
 * about to change is half changed. Locks are free for all there, since their holders may not exist:
 * so whoever looks at what they guard asks first.
 */

/* Is this such a child? */
int platform_is_child(void);
/* Lets func be called in each such child, before fork returns there. The latest func counts. */
void platform_set_child_hook(void (*func)(void));

#endif
