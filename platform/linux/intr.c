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
 * Interrupts: one thread that calls the handlers of devices, timers, the user and the softirq.
 *
 * Signals stand for a kernel's hardware interrupts: they have numbers, come at any time, and the
 * kernel sends one when a file becomes readable (O_ASYNC). A signal handler would run in the middle
 * of a thread's work, perhaps under the lock that it needs. So the interrupt thread blocks all
 * signals and waits for them with sigwaitinfo; interrupt handlers may take locks.
 *
 * Data
 *   irqs      the handlers, changed only while the thread does not run: no lock
 *   raised    atomic: a bit for each interrupt number that is raised and not yet taken
 *   numbers   the signals that the stack owns; old_actions are their former actions
 *
 * Life cycle
 *   intr_init       sets intr_caught as action of the signals
 *   intr_register   adds to irqs
 *   intr_run        starts the thread: intr_wait, intr_take, in a loop
 *   intr_stop       waits until other threads have left intr_raise, and ends the thread
 *   intr_shutdown   frees irqs, restores the actions
 *
 * No interrupt is lost. intr_raise sets the bit, then sends a signal. The thread checks the bits
 * before it waits; a signal sent in between stays pending and ends the wait. A bit is cleared
 * before its handlers are called, so a later raise sets it again. If a bit is set already, no
 * signal is needed: the thread that set it sends one, or is the interrupt thread, which is awake.
 *
 * Several raises may share one call, so a handler takes all received frames, not one. Devices share
 * SIGIO, which raises the interrupt of each. Real-time signals could tell devices apart, but one
 * queues for each frame, and RLIMIT_SIGPENDING counts them for all programs of the user: a flood
 * would leave other programs without timers. SIGIO is pending once.
 *
 * No interrupt starves. A round takes each pending signal once and calls each raised handler once.
 * The softirq's handler follows those of the devices, whose work it does, and timers come last: if
 * the machine was late, an acknowledgment that waits in a device is seen before its timeout.
 *
 * A signal sent to the process (kill) may reach any thread that does not block it. Its default
 * action would end the process; intr_caught raises the interrupt instead. No thread's signal mask
 * is changed, and a program started by this one inherits nothing.
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

/* Calls the handlers of those interrupts in bits that are raised. */
static void intr_take(uint64_t bits)
{
    const struct irq_entry *entry;

    bits &= atomic_fetch_and(&raised, ~bits);
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
        intr_take(IRQ_DEVICES);
        intr_take(IRQ_BIT(INTR_IRQ_SOFT)); /* the work that these have deferred */
        intr_take(IRQ_BIT(INTR_IRQ_USER) | IRQ_BIT(INTR_IRQ_TIMER));
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

/* Restores the actions of the signals, except where the program has set its own since. */
static void intr_restore_signals(void)
{
    struct sigaction now;
    size_t i;

    for (i = 0; i < countof(numbers); i++) {
        sigaction(numbers[i], NULL, &now);
        if (now.sa_handler == intr_caught) {
            sigaction(numbers[i], &old_actions[i], NULL);
        }
    }
}

void intr_shutdown(void)
{
    struct irq_entry *entry;

    while ((entry = irqs) != NULL) {
        irqs = entry->next;
        memory_free(entry);
    }
    intr_restore_signals();
    initialized = 0;
}

void intr_forked(void)
{
    atomic_store(&running, 0); /* the thread is the parent's */
    intr_restore_signals();
}
