#ifndef INTR_H
#define INTR_H

/*
 * What the parts of this platform are to each other and to its drivers. The stack sees platform.h
 * alone.
 */

#include <sys/types.h>

/* The functions of platform.c call these, in this order. Those with a result return 0 or -1. */
int intr_init(void);
int intr_run(void);
void intr_stop(void);
void intr_shutdown(void);
/* In a child that fork has made. */
void intr_forked(void);

/* The thread that takes the interrupts, as gettid names it, or 0 when it does not run. */
pid_t intr_thread_id(void);
/* Returns a device's interrupt number that nobody has registered yet, or 0 when all are taken. */
unsigned int intr_free_irq(void);
/* From now on fd raises irq when it can be read, and reading it does not block. Returns 0, or -1
 * with errno. */
int intr_watch(int fd, unsigned int irq);

int timer_init(void);
int timer_run(void);
void timer_shutdown(void);

int sched_init(void);

#endif
