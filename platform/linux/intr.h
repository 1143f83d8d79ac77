#ifndef INTR_H
#define INTR_H

/*
 * Functions shared by the parts of platform/linux and its drivers. The stack includes platform.h
 * alone.
 */

#include <sys/types.h>

#include "platform.h"

/* Called by platform.c, in this order. Those with a result return 0 or -1. */
int intr_init(void);
int intr_run(void);
void intr_stop(void);
void intr_shutdown(void);
/* Called in a forked child. */
void intr_forked(void);

/* Returns the interrupt thread's ID (gettid), or 0 when it does not run. */
pid_t intr_thread_id(void);
/* Returns an unregistered interrupt number for a device, or 0 when all are taken. */
unsigned int intr_free_irq(void);
/* Makes fd raise irq when it becomes readable, and makes it non-blocking. Returns 0, or -1 with
 * errno. */
int intr_watch(int fd, unsigned int irq);

int timer_init(void);
int timer_run(void);
void timer_shutdown(void);

int sched_init(void);
/* The two halves of a release of a lock whose list `woken` is not empty: before the lock is free,
 * and after. Between them no other thread can wake or destroy a task. */
struct sched_task *sched_wake_begin(lock_t *lock);
void sched_wake_end(struct sched_task *woken);

#endif
