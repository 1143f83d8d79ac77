#ifndef INTR_H
#define INTR_H

/*
 * Functions shared by the parts of platform/linux and its drivers. The stack includes platform.h
 * alone.
 */

#include <sys/types.h>

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

#endif
