#define _GNU_SOURCE /* F_SETOWN_EX, gettid */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * Interrupts: how the machine tells the stack that something has happened.
 *
 * In a kernel, a device that has received a frame interrupts the processor: it drops what it does
 * and runs the function that the driver has registered for this device's interrupt number. A
 * program has no such hardware, but signals come close. They have numbers, they arrive at any
 * moment, and the kernel sends one for a file that can be read if it is asked to (O_ASYNC).
 *
 * A true signal handler would run in the middle of whatever some thread does, perhaps while it
 * holds the very lock that the handler needs. Hence nobody is really interrupted: one thread of
 * ours, in which all signals are blocked and stay pending, does nothing but wait for them with
 * sigwaitinfo and call what is registered. All of this runs in ordinary context, may take locks,
 * and never runs twice at the same time.
 *
 * An interrupt that has been raised and not yet taken is a bit in `raised`, one for each number;
 * what the signal does is end the wait. Timer and user have signals of their own, all devices share
 * SIGIO. A signal for each device could say which one it was, but only real-time signals are left
 * for that, and those queue up, one for each frame. The queue is not ours alone:
 * RLIMIT_SIGPENDING counts for all programs of the user. A stranger who sends frames faster than we
 * read them could fill it, and then other programs start no timer. SIGIO is pending once or not at
 * all, whatever comes. So many interrupts may become one; a handler must therefore take all that
 * has come, not one frame, and SIGIO asks every device.
 *
 * Nothing gets lost. Whoever raises an interrupt sets the bit first and then sends a signal, and
 * the thread looks at the bits before it waits: a signal that is sent in between stays pending and
 * ends the wait at once. The same holds for a frame that comes when its driver has just found
 * nothing more to read. If there are bits already, no signal is needed: whoever has set the first
 * one sends it, or is the thread itself, which is not waiting then.
 *
 * Nobody is kept waiting by one who always has more to do. The thread takes the signals that have
 * come, each once, then calls the handlers for all bits, each once, and looks again.
 *
 * A signal for the whole process (kill) may come to any thread that does not block it, also to one
 * that is older than the stack. By default it would end the process: so there is a handler, and it
 * raises the interrupt. Nobody's signal mask is changed, and a program that this one starts
 * inherits nothing.
 */

struct irq_entry {
    struct irq_entry *next;
    unsigned int irq;
    int flags;
    intr_isr_t isr;
    void *arg;
};

static struct irq_entry *irqs; /* fixed while the thread runs */

#define IRQ_MAX 64 /* an interrupt is a bit of one word */
#define IRQ_BIT(irq) (UINT64_C(1) << ((irq) - 1))
#define IRQ_DEVICES (~UINT64_C(0) << (INTR_IRQ_BASE - 1))
#define IRQ_OTHERS (IRQ_BIT(INTR_IRQ_SOFT) | IRQ_BIT(INTR_IRQ_USER) | IRQ_BIT(INTR_IRQ_TIMER))

#define WAKE INTR_IRQ_SOFT /* the signal that ends a wait; the bits tell the interrupts */

static _Atomic uint64_t raised; /* interrupts to be taken */

static const int numbers[] = {INTR_IRQ_SOFT, INTR_IRQ_USER, INTR_IRQ_TIMER, SIGIO};
static sigset_t signals;        /* the same, as a set */
static struct sigaction old_actions[countof(numbers)];
static int initialized;

static pthread_t thread;
static sem_t started;           /* thread_id is set */
static atomic_int thread_id;
static atomic_int running;      /* signals may be sent to the thread */
static atomic_int raising;      /* threads in intr_raise */
static atomic_int stopping;
static _Thread_local int in_interrupt; /* is this the interrupt thread? */

/*
 * Registering
 */

/* Returns the bits of irq: all devices' for SIGIO, 0 for an invalid number. */
static uint64_t irq_bits(unsigned int irq)
{
    if (irq == SIGIO) {
        return IRQ_DEVICES;
    }
    return 1 <= irq && irq <= IRQ_MAX ? IRQ_BIT(irq) & (IRQ_DEVICES | IRQ_OTHERS) : 0;
}

/* Returns the first entry for irq, or NULL. */
static const struct irq_entry *irq_find(unsigned int irq)
{
    const struct irq_entry *entry;

    for (entry = irqs; entry; entry = entry->next) {
        if (entry->irq == irq) {
            return entry;
        }
    }
    return NULL;
}

int intr_register(unsigned int irq, intr_isr_t isr, int flags, void *arg)
{
    const struct irq_entry *other = irq_find(irq);
    struct irq_entry *entry;

    if (!initialized || atomic_load(&running)) {
        errorf("irq=%u: only between platform_init() and platform_run()", irq);
        return -1;
    }
    if (!irq_bits(irq) || irq == SIGIO) {
        errorf("irq=%u: not an interrupt number", irq);
        return -1;
    }
    if (other && !(other->flags & flags & INTR_IRQ_SHARED)) {
        errorf("irq=%u: taken, and not shared", irq);
        return -1;
    }
    entry = memory_alloc(sizeof(*entry));
    if (!entry) {
        errorf("memory_alloc() failure");
        return -1;
    }
    *entry = (struct irq_entry){.next = irqs, .irq = irq, .flags = flags, .isr = isr, .arg = arg};
    irqs = entry;
    debugf("registered, irq=%u, flags=0x%04x", irq, (unsigned int)flags);
    return 0;
}

unsigned int intr_free_irq(void)
{
    unsigned int irq;

    for (irq = (unsigned int)INTR_IRQ_BASE; irq <= IRQ_MAX; irq++) {
        if (!irq_find(irq)) {
            return irq;
        }
    }
    errorf("no interrupt number is left");
    return 0;
}

/*
 * Raising, in any thread and in signal handlers
 */

/* Sets bits. If they are the first, wakes the interrupt thread, unless this is it. */
static void intr_set(uint64_t bits)
{
    if (!atomic_fetch_or(&raised, bits) && !in_interrupt) {
        pthread_kill(thread, WAKE);
    }
}

int intr_raise(unsigned int irq)
{
    uint64_t bits = irq_bits(irq);
    int ret = -1;

    if (!bits || !atomic_load(&running)) {
        return -1;
    }
    /* intr_stop waits until raising is 0, so the thread does not end before its signal is sent. */
    atomic_fetch_add(&raising, 1);
    if (atomic_load(&running)) {
        intr_set(bits);
        ret = 0;
    }
    atomic_fetch_sub(&raising, 1);
    return ret;
}

/* The action of the signals in the program's threads. */
static void intr_caught(int signo)
{
    int errnum = errno;

    intr_raise((unsigned int)signo);
    errno = errnum;
}

int intr_watch(int fd, unsigned int irq)
{
    struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = intr_thread_id()};
    int flags;

    if (fcntl(fd, F_SETOWN_EX, &owner) == -1) { /* first: without an owner, SIGIO is lost */
        return -1;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK | O_ASYNC) == -1) {
        return -1;
    }
    return intr_raise(irq); /* for frames received before */
}

/*
 * The thread
 */

/* Waits for a signal, unless a bit is set, and sets the bits of all pending signals. Takes each
 * signal once, so a frequent one does not keep the thread here. */
static void intr_wait(void)
{
    static const struct timespec no_time;
    sigset_t rest = signals;
    int signo;

    signo = atomic_load(&raised) ? sigtimedwait(&rest, NULL, &no_time) : sigwaitinfo(&rest, NULL);
    while (signo > 0) {
        if (signo != WAKE) {
            atomic_fetch_or(&raised, irq_bits((unsigned int)signo));
        }
        sigdelset(&rest, signo);
        signo = sigtimedwait(&rest, NULL, &no_time);
    }
}

/* Calls what is registered for the interrupts that have been raised. */
static void intr_take(void)
{
    uint64_t bits = atomic_exchange(&raised, 0);
    const struct irq_entry *entry;

    for (entry = irqs; entry; entry = entry->next) {
        if (bits & IRQ_BIT(entry->irq)) {
            entry->isr(entry->irq, entry->arg);
        }
    }
}

static void *intr_main(void *arg)
{
    (void)arg;
    in_interrupt = 1;
    atomic_store(&thread_id, (int)gettid());
    sem_post(&started);
    while (!atomic_load(&stopping)) {
        intr_wait();
        intr_take();
    }
    return NULL;
}

/* Starts the thread with all signals blocked: the program's handlers run in the program's threads.
 * Signals of faults are not blocked, because they cannot stay pending. */
static int intr_create(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t all, mask;
    size_t i;
    int err;

    sigfillset(&all);
    for (i = 0; i < countof(faults); i++) {
        sigdelset(&all, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    err = pthread_create(&thread, NULL, intr_main, NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return err;
}

pid_t intr_thread_id(void)
{
    return (pid_t)atomic_load(&thread_id);
}

/*
 * Start and stop
 */

int intr_init(void)
{
    struct sigaction action = {.sa_handler = intr_caught, .sa_flags = SA_RESTART};
    size_t i;

    sigemptyset(&signals);
    for (i = 0; i < countof(numbers); i++) {
        sigaddset(&signals, numbers[i]);
        sigaction(numbers[i], &action, &old_actions[i]);
    }
    initialized = 1;
    return 0;
}

int intr_run(void)
{
    int err;

    atomic_store(&stopping, 0);
    sem_init(&started, 0, 0);
    err = intr_create();
    if (err) {
        errorf("pthread_create: %s", strerror(err));
        errno = err;
        sem_destroy(&started);
        return -1;
    }
    while (sem_wait(&started) == -1) { /* EINTR */
        continue;
    }
    sem_destroy(&started);
    atomic_store(&running, 1);
    return 0;
}

void intr_stop(void)
{
    if (!atomic_load(&running)) {
        return;
    }
    atomic_store(&running, 0);
    while (atomic_load(&raising) > 0) {
        sched_yield();
    }
    atomic_store(&stopping, 1);
    pthread_kill(thread, WAKE);
    pthread_join(thread, NULL);
    atomic_store(&thread_id, 0);
    atomic_store(&raised, 0);
}

void intr_shutdown(void)
{
    struct irq_entry *entry;
    struct sigaction now;
    size_t i;

    while ((entry = irqs) != NULL) {
        irqs = entry->next;
        memory_free(entry);
    }
    for (i = 0; i < countof(numbers); i++) {
        sigaction(numbers[i], NULL, &now);
        if (now.sa_handler == intr_caught) { /* else the program has its own since */
            sigaction(numbers[i], &old_actions[i], NULL);
        }
    }
    initialized = 0;
}
