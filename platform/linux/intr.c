#define _GNU_SOURCE /* F_SETSIG, F_SETOWN_EX, gettid */

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
 * moment, and the kernel sends one for a file that can be read if it is asked to (O_ASYNC). So an
 * interrupt number is a signal number here.
 *
 * A true signal handler would run in the middle of whatever some thread does, perhaps while it
 * holds the very lock that the handler needs. Hence nobody is really interrupted: the signals are
 * blocked in every thread, so they stay pending, and one thread of ours does nothing but wait for
 * them with sigwaitinfo and call what is registered. All of this runs in ordinary context, may take
 * locks, and never runs twice at the same time.
 *
 * A new thread inherits the mask of the one that creates it. That is why intr_init blocks the
 * signals first thing, before the program has made any threads: in a thread where one of them is
 * not blocked, it ends the process.
 *
 * Nothing gets lost. A signal that comes while a handler runs stays pending, and a later wait takes
 * it. Most signals are pending once or not at all, so many interrupts may become one; a
 * handler must therefore take all that has come, not one frame. Real-time signals, which devices
 * use, queue up; when the queue is full the kernel sends SIGIO in their place, and then every
 * device is asked.
 *
 * The softirq is work that an interrupt has put off. It is a flag, softirq_pending, which the loop
 * looks at before it waits again; only another thread has to send a signal, to end a wait that may
 * have begun. Whoever sets the flag has queued his work before, and the loop clears it before it
 * calls the handler: work that is queued too late for this call of the handler finds the flag down
 * and sets it for the next one.
 */

struct irq_entry {
    struct irq_entry *next;
    unsigned int irq;
    int flags;
    intr_isr_t isr;
    void *arg;
};

static struct irq_entry *irqs; /* fixed while the thread runs */

static sigset_t signals;       /* those that the thread takes */
static sigset_t old_mask;      /* of the thread that called intr_init */
static pthread_t init_thread;

static pthread_t thread;
static sem_t started;          /* thread_id is there */
static atomic_int thread_id;
static atomic_int running;     /* signals may be sent to the thread */
static atomic_int raising;     /* threads that are about to send one */
static atomic_int stopping;

static atomic_int softirq_pending;
static _Thread_local int in_interrupt; /* is this the thread? */

/*
 * Registering
 */

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

    if (atomic_load(&running) || sigismember(&signals, (int)irq) != 1) {
        errorf("irq=%u: running already, or not a number for interrupts", irq);
        return -1;
    }
    if (other && !(other->flags & flags & INTR_IRQ_SHARED)) {
        errorf("irq=%u: taken, and not to be shared", irq);
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
    int irq;

    for (irq = INTR_IRQ_BASE; irq <= SIGRTMAX; irq++) {
        if (!irq_find((unsigned int)irq)) {
            return (unsigned int)irq;
        }
    }
    errorf("no interrupt number is left");
    return 0;
}

/*
 * Raising: any thread does it, and signal handlers too
 */

static int intr_send(unsigned int irq)
{
    int err;

    if (irq == INTR_IRQ_SOFT) {
        if (atomic_exchange(&softirq_pending, 1) || in_interrupt) {
            return 0;
        }
    }
    err = pthread_kill(thread, (int)irq);
    if (err == EAGAIN) { /* the queue of real-time signals is full: as the kernel does it */
        err = pthread_kill(thread, SIGIO);
    }
    return err;
}

int intr_raise(unsigned int irq)
{
    int err = ESRCH;

    if (!atomic_load(&running)) {
        return -1;
    }
    /* intr_stop waits for those in here, so the thread does not end before its signal is sent. */
    atomic_fetch_add(&raising, 1);
    if (atomic_load(&running)) {
        err = intr_send(irq);
    }
    atomic_fetch_sub(&raising, 1);
    return err ? -1 : 0;
}

int intr_watch(int fd, unsigned int irq)
{
    struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = intr_thread_id()};
    int flags;

    /* The signal and who gets it come first: the default is a SIGIO to nobody. */
    if (fcntl(fd, F_SETSIG, (int)irq) == -1 || fcntl(fd, F_SETOWN_EX, &owner) == -1) {
        return -1;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK | O_ASYNC) == -1) {
        return -1;
    }
    return intr_raise(irq); /* for what has come before */
}

/*
 * The thread
 */

/* Calls what is registered for the numbers from first to last. */
static void intr_call(unsigned int first, unsigned int last)
{
    const struct irq_entry *entry;

    for (entry = irqs; entry; entry = entry->next) {
        if (first <= entry->irq && entry->irq <= last) {
            entry->isr(entry->irq, entry->arg);
        }
    }
}

static void intr_handle(int signo)
{
    switch (signo) {
    case -1: /* sigwaitinfo was disturbed, or there was nothing to take */
        break;
    case INTR_IRQ_SOFT: /* it has ended the wait; the flag says the rest */
        break;
    case SIGIO: /* some device's, but the kernel cannot say which */
        intr_call((unsigned int)INTR_IRQ_BASE, (unsigned int)SIGRTMAX);
        break;
    default:
        intr_call((unsigned int)signo, (unsigned int)signo);
        break;
    }
}

/* Takes the next signal, or returns -1 if there is none and the softirq is due. Of several the
 * kernel gives the lowest number, and one that comes all the time would keep the others waiting:
 * so what has had its turn waits until the rest have had theirs. */
static int intr_wait(sigset_t *turn)
{
    static const struct timespec no_time;
    int signo = sigtimedwait(turn, NULL, &no_time);

    if (signo == -1) {
        *turn = signals;
        if (atomic_load(&softirq_pending)) {
            signo = sigtimedwait(&signals, NULL, &no_time);
        } else {
            signo = sigwaitinfo(&signals, NULL);
        }
    }
    if (signo != -1) {
        sigdelset(turn, signo);
    }
    return signo;
}

static void *intr_main(void *arg)
{
    sigset_t turn = signals;

    (void)arg;
    in_interrupt = 1;
    atomic_store(&thread_id, (int)gettid());
    sem_post(&started);
    while (!atomic_load(&stopping)) {
        intr_handle(intr_wait(&turn));
        if (atomic_exchange(&softirq_pending, 0)) {
            intr_call(INTR_IRQ_SOFT, INTR_IRQ_SOFT);
        }
    }
    return NULL;
}

/* Starts the thread with every signal blocked, so that the program's handlers run in the program's
 * threads. What a fault raises is left alone, for it cannot wait. */
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
    int irq, err;

    sigemptyset(&signals);
    sigaddset(&signals, INTR_IRQ_SOFT);
    sigaddset(&signals, INTR_IRQ_USER);
    sigaddset(&signals, INTR_IRQ_TIMER);
    sigaddset(&signals, SIGIO);
    for (irq = INTR_IRQ_BASE; irq <= SIGRTMAX; irq++) {
        sigaddset(&signals, irq);
    }
    err = pthread_sigmask(SIG_BLOCK, &signals, &old_mask);
    if (err) {
        errorf("pthread_sigmask: %s", strerror(err));
        return -1;
    }
    init_thread = pthread_self();
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
    pthread_kill(thread, INTR_IRQ_SOFT); /* any signal would do: it ends the wait */
    pthread_join(thread, NULL);
    atomic_store(&thread_id, 0);
    atomic_store(&softirq_pending, 0);
}

void intr_shutdown(void)
{
    static const struct timespec no_time;
    struct irq_entry *entry;

    while ((entry = irqs) != NULL) {
        irqs = entry->next;
        memory_free(entry);
    }
    if (pthread_equal(pthread_self(), init_thread)) {
        /* What the process has been sent meanwhile would end it when it is no longer blocked. */
        while (sigtimedwait(&signals, NULL, &no_time) > 0 || errno == EINTR) {
            continue;
        }
        pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
    }
    sigemptyset(&signals); /* from now on there is no number to register */
}
