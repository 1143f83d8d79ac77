#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <stdlib.h>
#include <ucontext.h>

#include "bench.h"
#include "sim.h"

/*
 * Fibers in place of the bench's thread.c, since a fuzzer begins and ends thousands of runs a
 * second. Each fiber has a stack, and the sanitizer is told of every switch.
 */
#define STACK_SIZE (256 * 1024)

struct sim_thread {
    struct sim_thread *next; /* in the list of ended fibers, for reuse */
    struct task *task;
    ucontext_t context;
    int errnum;
    const void *stack;
    size_t stack_size;
    uint8_t *own_stack; /* NULL: the program's first stack */
};

static struct sim_thread *ended;
static struct sim_thread *now; /* the running fiber */
static struct sim_thread *last; /* the one before it */

/* Ends a switch to self. Only now the address of the program's first stack is known. */
static void arrived(struct sim_thread *self, void *fake_stack)
{
    const void *bottom;
    size_t size;

    __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
    if (!last->own_stack) {
        last->stack = bottom;
        last->stack_size = size;
    }
    now = self;
}

static void fiber_main(void)
{
    struct sim_thread *self = now;

    arrived(self, NULL);
    sim_task_run(self->task);
}

struct sim_thread *sim_thread_self(void)
{
    now = calloc(1, sizeof(*now));
    return now;
}

static struct sim_thread *fiber_new(void)
{
    struct sim_thread *fiber = ended;

    if (fiber) {
        ended = fiber->next;
        ASAN_UNPOISON_MEMORY_REGION(fiber->own_stack, STACK_SIZE);
        return fiber;
    }
    fiber = calloc(1, sizeof(*fiber));
    if (!fiber || !(fiber->own_stack = malloc(STACK_SIZE))) {
        sim_wrong("the fuzzer has no memory");
    }
    fiber->stack = fiber->own_stack;
    fiber->stack_size = STACK_SIZE;
    return fiber;
}

struct sim_thread *sim_thread_start(struct task *task)
{
    struct sim_thread *fiber = fiber_new();

    fiber->task = task;
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->own_stack;
    fiber->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&fiber->context, fiber_main, 0);
    return fiber;
}

void sim_thread_switch(struct sim_thread *from, struct sim_thread *to, int ends)
{
    void *fake_stack = NULL;

    from->errnum = errno;
    last = from;
    now = to;
    __sanitizer_start_switch_fiber(ends ? NULL : &fake_stack, to->stack, to->stack_size);
    swapcontext(&from->context, &to->context);
    arrived(from, fake_stack);
    errno = from->errnum;
}

void sim_thread_detach(struct sim_thread *thread)
{
    (void)thread;
}

void sim_thread_join(struct sim_thread *thread)
{
    thread->next = ended;
    ended = thread;
}
