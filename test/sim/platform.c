#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sim.h"

/*
 * The platform of the bench: platform.h on a virtual clock
 *
 * The baton. Every task (main, which is the behaviour's own function; the application threads that
 * it starts; the interrupt thread) is a real thread, with a real stack for debuggers and
 * sanitizers. But only the task that holds the baton runs; all others wait for their turn. So a run
 * is a sequence of tasks, the same one for the same seed, and a failure repeats. A task yields
 * where an interruption by another may matter: when it takes or releases a lock, reads the clock,
 * raises an interrupt, wakes a task or sleeps. The next task is drawn from the seed among all that
 * can run, so different seeds try different orders. Main keeps the baton until it waits: between
 * two waits of a script nothing else happens, and the script can inspect the stack.
 *
 * The clock. Computing takes no time, unless a test asks for it (wire_compute). When no task can
 * run, the clock jumps to the next event: a timer is due, a frame arrives, a sleep has its
 * deadline, a computation ends, or main has waited long enough. A minute of retransmissions takes
 * milliseconds. If there is no event, all tasks sleep for ever, and that is reported with the place
 * of each sleep.
 *
 * Interrupts. Raising one sets a bit and lets the interrupt thread run. That thread calls handlers
 * one after another, never two at once, as platform.h says. The clock raises INTR_IRQ_TIMER when a
 * timer is due, the wire INTR_IRQ_BASE for arrivals. INTR_IRQ_USER interrupts the sleeps of that
 * moment.
 *
 * Locks. Since one task runs at a time, a lock is only the name of its owner, and the list of what
 * its release wakes. The checks make it
 * useful: no task may take a lock twice, release another's, or sleep or end with one, and the order
 * of locks must have no cycle. Each order is remembered once seen, so two orders that could
 * deadlock fail even in a run that does not deadlock.
 */

#define INTR_MAX 65
#define HANDLERS_MAX 32
#define TIMERS_MAX 16
#define EDGES_MAX 512

/*
 * Wrong use
 */
void sim_wrong(const char *fmt, ...)
{
    char buf[1536];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    bench_fail(sim_shared->file, sim_shared->line, "%s", buf);
}

/*
 * Random numbers: one sequence for the bench, another for the stack, independent of each other
 */
static uint64_t bench_random;
static uint64_t stack_random;
static uint8_t given[4096];
static size_t given_num;
static size_t given_used;

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t sim_draw(uint32_t n)
{
    return (uint32_t)((next_random(&bench_random) >> 32) % n);
}

/* Some starts are shortly before milliseconds overflow 31 or 32 bits. */
static uint64_t draw_start(void)
{
    static const uint64_t ms[] = { 1000, INT32_MAX - 9000, UINT32_MAX - 9000, 86400000 };

    return (ms[sim_draw(4)] + sim_draw(8000)) * SIM_MS + sim_draw(1000000);
}

void sim_seed(uint64_t seed)
{
    bench_random = seed;
    stack_random = ~seed;
    sim_start = draw_start();
    sim_now = sim_start;
}

void sim_random_next(const void *bytes, size_t len)
{
    if (given_used == given_num) {
        given_used = given_num = 0;
    }
    if (given_num + len > sizeof(given)) {
        sim_wrong("sim_random_next: too many bytes");
    }
    memcpy(given + given_num, bytes, len);
    given_num += len;
}

void random_bytes(void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len--) {
        if (given_used < given_num) {
            *p++ = given[given_used++];
        } else {
            *p++ = (uint8_t)next_random(&stack_random);
        }
    }
}

uint16_t random16(void)
{
    uint16_t value;

    random_bytes(&value, sizeof(value));
    return value;
}

/*
 * Memory
 */
struct block {
    struct block *next;
    void *ptr;
    size_t size;
    unsigned long num; /* number of the allocation */
    const void *from;  /* the code behind the call of memory_alloc */
};

static struct block *blocks[4096];
static size_t in_use;
static size_t peak;
static unsigned long allocations;
static size_t bytes_in_use;
static size_t peak_bytes;
static unsigned long fail_countdown;

/* Freed blocks of at most KEPT_SIZE_MAX bytes, filled with FREED. They are freed after KEPT_MAX
 * others, and checked then, or at the end of the behaviour: no write to them is allowed. */
#define KEPT_SIZE_MAX (SIM_SANITIZED ? 0 : 4096) /* a sanitizer sees more of blocks really freed */
#define KEPT_MAX 1024
#define FREED 0xdd

static struct block *freed[KEPT_MAX];
static size_t num_freed; /* since the start */

/* Bytes behind each block, filled with FREED: a write to them is found when the block is freed. */
#define GUARD (SIM_SANITIZED ? 0 : 64)

/* The report names the code that allocated the block. */
static void blame(const struct block *block)
{
    sim_shared->allocation = block->num;
    sim_shared->frames[0] = (uintptr_t)block->from - 1; /* that of the call */
    sim_shared->frames[1] = 0;
}

static void guard_check(const struct block *block)
{
    const uint8_t *p = block->ptr;
    size_t i;

    for (i = block->size; i < block->size + GUARD; i++) {
        if (p[i] != FREED) {
            blame(block);
            sim_wrong("byte %zu of an allocation of %zu bytes was written (allocation no. %lu)", i,
                      block->size, block->num);
        }
    }
}

static void freed_check(const struct block *block)
{
    const uint8_t *p = block->ptr;
    size_t i;

    for (i = 0; i < block->size; i++) {
        if (p[i] != FREED) {
            blame(block);
            sim_wrong("byte %zu of %zu was written after memory_free (allocation no. %lu)", i,
                      block->size, block->num);
        }
    }
}

void sim_check_freed(void)
{
    size_t i;

    for (i = 0; i < KEPT_MAX; i++) {
        if (freed[i]) {
            freed_check(freed[i]);
        }
    }
}

static void block_free(struct block *block)
{
    struct block **place = &freed[num_freed % KEPT_MAX], *old = block;

    if (block->size <= KEPT_SIZE_MAX) {
        old = *place;
        *place = block;
        num_freed++;
    }
    if (old) {
        freed_check(old);
        free(old->ptr);
        free(old);
    }
}

static struct block **block_bucket(const void *ptr)
{
    return &blocks[((uintptr_t)ptr >> 4) % (sizeof(blocks) / sizeof(*blocks))];
}

void *memory_alloc(size_t size)
{
    struct block *block;
    struct block **bucket;

    allocations++;
    if (fail_countdown && --fail_countdown == 0) {
        sim_fault(FAULT_OTHER, "memory_alloc of %zu bytes failed (allocation no. %lu)", size,
                  allocations);
        errno = ENOMEM;
        return NULL;
    }
    block = malloc(sizeof(*block));
    if (!block) {
        return NULL;
    }
    block->ptr = calloc(1, size + GUARD ? size + GUARD : 1);
    if (!block->ptr) {
        free(block);
        return NULL;
    }
    memset((uint8_t *)block->ptr + size, FREED, GUARD);
    block->size = size;
    block->num = allocations;
    block->from = __builtin_return_address(0);
    bucket = block_bucket(block->ptr);
    block->next = *bucket;
    *bucket = block;
    if (++in_use > peak) {
        peak = in_use;
    }
    bytes_in_use += size;
    if (bytes_in_use > peak_bytes) {
        peak_bytes = bytes_in_use;
    }
    return block->ptr;
}

void memory_free(void *ptr)
{
    struct block **entry;
    struct block *block;

    if (!ptr) {
        return;
    }
    for (entry = block_bucket(ptr); *entry && (*entry)->ptr != ptr; entry = &(*entry)->next) {
        ;
    }
    block = *entry;
    if (!block) {
        sim_wrong("memory_free(%p): not from memory_alloc, or freed twice", ptr);
    }
    guard_check(block);
    *entry = block->next;
    memset(ptr, FREED, block->size); /* a later read finds garbage */
    in_use--;
    bytes_in_use -= block->size;
    block_free(block);
}

size_t memory_in_use(void)
{
    return in_use;
}

size_t memory_peak(void)
{
    return peak;
}

size_t memory_peak_bytes(int restart)
{
    size_t bytes = peak_bytes;

    if (restart) {
        peak_bytes = bytes_in_use;
    }
    return bytes;
}

void sim_fail_alloc(unsigned long k)
{
    fail_countdown = k;
}

unsigned long sim_allocs(void)
{
    return allocations;
}

void sim_describe_memory(char *buf, size_t size)
{
    const struct block *block, *first = NULL;
    size_t i, len = 0, num = 0;

    *buf = '\0';
    for (i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
        for (block = blocks[i]; block && num < 4 && len < size; block = block->next, num++) {
            len += (size_t)snprintf(buf + len, size - len, "%s%zu bytes (allocation no. %lu)",
                                    len ? ", " : "", block->size, block->num);
            first = first && first->num < block->num ? first : block;
        }
    }
    if (first) {
        blame(first);
    }
}

/*
 * Clock
 */
uint64_t clock_now(void)
{
    sim_yield();
    return sim_now;
}

struct timeval clock_wall(void)
{
    uint64_t us = (sim_now - sim_start) / 1000;
    struct timeval tv;

    tv.tv_sec = (time_t)(1767262500 + us / 1000000); /* 2026-01-01, 10:15 */
    tv.tv_usec = (suseconds_t)(us % 1000000);
    return tv;
}

/*
 * Lock order: an edge means that a task took `to` while holding `from`
 */
struct edge {
    const lock_t *from;
    const lock_t *to;
    const char *from_name;
    const char *to_name;
    char task[32];
};

static struct edge edges[EDGES_MAX];
static size_t num_edges;

static void edges_forget(const lock_t *lock)
{
    size_t i, kept = 0;

    for (i = 0; i < num_edges; i++) {
        if (edges[i].from != lock && edges[i].to != lock) {
            edges[kept++] = edges[i];
        }
    }
    num_edges = kept;
}

static const struct edge *edge_find(const lock_t *from, const lock_t *to)
{
    size_t i;

    for (i = 0; i < num_edges; i++) {
        if (edges[i].from == from && edges[i].to == to) {
            return &edges[i];
        }
    }
    return NULL;
}

/* Is there a path from one lock to another? Writes it down, last edge first, with its task. */
static int edge_path(const lock_t *from, const lock_t *to, int depth, char *buf, size_t size)
{
    size_t i, len;

    for (i = 0; i < num_edges && depth < SIM_HELD_MAX; i++) {
        if (edges[i].from != from) {
            continue;
        }
        if (edges[i].to == to) {
            snprintf(buf, size, "%s, then %s (task %s)", edges[i].from_name, edges[i].to_name,
                     edges[i].task);
            return 1;
        }
        if (edge_path(edges[i].to, to, depth + 1, buf, size)) {
            len = strlen(buf);
            snprintf(buf + len, size - len, ", after %s", edges[i].from_name);
            return 1;
        }
    }
    return 0;
}

static void edge_add(const lock_t *from, const lock_t *to)
{
    char path[512];
    struct edge *edge;

    if (edge_find(from, to)) {
        return;
    }
    if (edge_path(to, from, 0, path, sizeof(path))) {
        sim_wrong("locks are taken in two orders, which can deadlock:\n"
                  "now %s, then %s (task %s)\nbefore %s",
                  from->name, to->name, sim_current->name, path);
    }
    if (num_edges == EDGES_MAX) {
        sim_wrong("the bench cannot remember more than %d pairs of locks", EDGES_MAX);
    }
    edge = &edges[num_edges++];
    edge->from = from;
    edge->to = to;
    edge->from_name = from->name;
    edge->to_name = to->name;
    snprintf(edge->task, sizeof(edge->task), "%s", sim_current->name);
}

/*
 * Locks
 */
void lock_init(lock_t *lock)
{
    edges_forget(lock);
    pthread_mutex_init(&lock->mutex, NULL);
    lock->owner = NULL;
    lock->woken = NULL;
    if (!lock->name) {
        lock->name = "a lock";
    }
}

static int lock_is_free(const struct task *task)
{
    return !task->lock->owner;
}

/* How often locks were taken, by the file that declares them */
#define FILES_MAX 32

static struct {
    const char *name;
    unsigned long taken;
} files[FILES_MAX];

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Returns the count of a file, which is added if need be. */
static unsigned long *lock_count(const char *name)
{
    size_t i = 0;

    while (i < FILES_MAX - 1 && files[i].name && strcmp(files[i].name, name) != 0) {
        i++;
    }
    files[i].name = name;
    return &files[i].taken;
}

unsigned long sim_locks_taken(const char *file)
{
    return *lock_count(file);
}

/* Takes the lock as soon as it is free. */
static void lock_take(lock_t *lock)
{
    struct task *self = sim_current;

    if (lock->owner) {
        self->lock = lock;
        sim_block("wants a lock", lock_is_free);
        self->lock = NULL;
    }
    if (self->nheld == SIM_HELD_MAX) {
        sim_wrong("task %s holds too many locks", self->name);
    }
    lock->owner = self;
    ++*lock_count(lock->name ? base_name(lock->name) : "");
    self->held[self->nheld++] = lock;
}

/* Wakes the sleepers that sched_task_wakeup has named under the lock. */
static void wake_queued(lock_t *lock);

static void lock_drop(lock_t *lock)
{
    struct task *self = sim_current;
    unsigned int i = 0;

    while (i < self->nheld && self->held[i] != lock) {
        i++;
    }
    for (self->nheld--; i < self->nheld; i++) {
        self->held[i] = self->held[i + 1];
    }
    lock->owner = NULL;
    wake_queued(lock);
}

static int peeking;

void sim_peek(int yes)
{
    peeking = yes;
}

void lock_acquire(lock_t *lock)
{
    unsigned int i;

    if (peeking) {
        return;
    }
    if (lock_held(lock)) {
        sim_wrong("task %s takes a lock that it holds already (%s)", sim_current->name, lock->name);
    }
    for (i = 0; i < sim_current->nheld; i++) {
        edge_add(sim_current->held[i], lock);
    }
    sim_yield();
    lock_take(lock);
}

void lock_release(lock_t *lock)
{
    if (peeking) {
        return;
    }
    if (!lock_held(lock)) {
        sim_wrong("task %s releases a lock that it does not hold (%s)", sim_current->name,
                  lock->name);
    }
    lock_drop(lock);
    sim_yield();
}

int lock_held(const lock_t *lock)
{
    return peeking || lock->owner == sim_current;
}

/*
 * Interrupts
 */
struct handler {
    unsigned int irq;
    int flags;
    intr_isr_t isr;
    void *arg;
};

struct timer {
    uint64_t interval;
    uint64_t next;
    int due;
    void (*func)(void);
};

static struct handler handlers[HANDLERS_MAX];
static size_t num_handlers;
static struct timer timers[TIMERS_MAX];
static size_t num_timers;
static struct timer_once *onces;
static unsigned char pending[INTR_MAX];
static unsigned int num_pending;
static unsigned int last = INTR_MAX; /* this interrupt waits for the others */
static unsigned int taken[INTR_MAX];
static struct task *intr_task;
static int stopping;

int sim_in_interrupt(void)
{
    return intr_task && sim_current == intr_task;
}

unsigned sim_intr_count(unsigned irq)
{
    return irq < INTR_MAX ? taken[irq] : 0;
}

int intr_register(unsigned int irq, intr_isr_t isr, int flags, void *arg)
{
    size_t i;

    if (sim_platform_state() != 1 || irq >= INTR_MAX || num_handlers == HANDLERS_MAX) {
        return -1;
    }
    if (irq == INTR_IRQ_TIMER) { /* the platform's own */
        return -1;
    }
    for (i = 0; i < num_handlers; i++) {
        if (handlers[i].irq == irq && !(handlers[i].flags & flags & INTR_IRQ_SHARED)) {
            return -1;
        }
    }
    handlers[num_handlers++] = (struct handler){ irq, flags, isr, arg };
    return 0;
}

static void intr_pend(unsigned int irq)
{
    if (!pending[irq]) {
        pending[irq] = 1;
        num_pending++;
    }
}

void sim_pend(unsigned int irq)
{
    if (sim_platform_state() == 2) {
        intr_pend(irq);
    }
}

void sim_pend_last(unsigned int irq)
{
    sim_pend(irq);
    last = irq;
}

int intr_raise(unsigned int irq)
{
    if (sim_platform_state() != 2 || irq >= INTR_MAX) {
        return -1;
    }
    intr_pend(irq);
    sim_yield();
    return 0;
}

/* Ends the present sleeps with EINTR. */
static void interrupt_sleepers(void)
{
    struct task *task;

    for (task = sim_tasks; task; task = task->next) {
        if (task->sleeps_on && !task->woken) {
            task->woken = 1;
            task->code = EINTR;
        }
    }
}

static int once_is_due(const struct timer_once *once)
{
    return once->deadline && once->deadline <= sim_now;
}

static void run_timers(void)
{
    struct timer_once *once;
    size_t i;

    for (i = 0; i < num_timers; i++) {
        if (timers[i].due) {
            timers[i].due = 0;
            timers[i].func();
        }
    }
    for (once = onces; once; once = once->next) {
        if (once_is_due(once)) {
            once->deadline = 0;
            once->handler();
        }
    }
}

static void intr_take(unsigned int irq)
{
    size_t i;

    pending[irq] = 0;
    num_pending--;
    taken[irq]++;
    if (irq == INTR_IRQ_USER) {
        interrupt_sleepers();
    }
    if (irq == INTR_IRQ_TIMER) {
        run_timers();
    }
    if (irq == INTR_IRQ_SOFT && sim_watch_batch) {
        sim_watch_batch();
    }
    for (i = 0; i < num_handlers; i++) {
        if (handlers[i].irq == irq) {
            handlers[i].isr(irq, handlers[i].arg);
        }
    }
}

static int intr_has_work(const struct task *task)
{
    (void)task;
    return num_pending || stopping;
}

static unsigned int intr_draw(void)
{
    unsigned int others = num_pending - (last < INTR_MAX && pending[last]);
    unsigned int n, irq;

    if (others == 0) { /* its turn has come */
        irq = last;
        last = INTR_MAX;
        return irq;
    }
    n = sim_draw(others) + 1;
    for (irq = 0; irq < INTR_MAX - 1; irq++) {
        if (pending[irq] && irq != last && --n == 0) {
            break;
        }
    }
    return irq;
}

static void intr_main(void *arg)
{
    (void)arg;
    while (!stopping) {
        if (num_pending) {
            intr_take(intr_draw());
            sim_yield();
        } else {
            sim_block("waits for interrupts", intr_has_work);
        }
    }
}

/*
 * Timers
 */
int timer_register(struct timeval interval, void (*handler)(void))
{
    int64_t ns = (int64_t)interval.tv_sec * 1000000000 + (int64_t)interval.tv_usec * 1000;

    if (sim_platform_state() != 1 || ns <= 0 || num_timers == TIMERS_MAX) {
        return -1;
    }
    timers[num_timers++] = (struct timer){ (uint64_t)ns, 0, 0, handler };
    return 0;
}

int timer_once_register(struct timer_once *timer, void (*handler)(void))
{
    if (sim_platform_state() != 1) {
        return -1;
    }
    *timer = (struct timer_once){ onces, 0, handler };
    onces = timer;
    return 0;
}

/* One that is due stays due until its handler is called: the clock asks again at each move. */
static void fire_onces(void)
{
    const struct timer_once *once;

    for (once = onces; sim_platform_state() == 2 && once; once = once->next) {
        if (once_is_due(once)) {
            intr_pend(INTR_IRQ_TIMER);
        }
    }
}

void timer_once_set(struct timer_once *timer, uint64_t deadline)
{
    timer->deadline = deadline;
    fire_onces();
    sim_yield();
}

void sim_clock_skip(uint64_t ns)
{
    struct task *task;
    size_t i;

    sim_now += ns;
    sim_start += ns;
    for (i = 0; i < num_timers; i++) {
        timers[i].next += ns;
    }
    for (task = sim_tasks; task; task = task->next) {
        task->deadline += task->deadline ? ns : 0;
        task->busy_until += task->busy_until ? ns : 0;
    }
    sim_line_skip(ns);
    fire_onces();
}

uint64_t sim_next_timer(void)
{
    uint64_t next = UINT64_MAX;
    const struct timer_once *once;
    size_t i;

    if (sim_platform_state() != 2) {
        return next;
    }
    for (i = 0; i < num_timers; i++) {
        if (timers[i].next < next) {
            next = timers[i].next;
        }
    }
    for (once = onces; once; once = once->next) {
        /* one that is due has raised its interrupt, and may wait for a task that computes */
        if (once->deadline && !once_is_due(once) && once->deadline < next) {
            next = once->deadline;
        }
    }
    return next;
}

void sim_fire_timers(void)
{
    size_t i;

    for (i = 0; sim_platform_state() == 2 && i < num_timers; i++) {
        if (timers[i].next <= sim_now) {
            timers[i].next += timers[i].interval;
            timers[i].due = 1;
            intr_pend(INTR_IRQ_TIMER);
        }
    }
    fire_onces();
}

/*
 * Start and stop
 */
unsigned int sim_generation;
static unsigned int state;
static int fail_init;
static int fail_run;
static int child;

unsigned sim_platform_state(void)
{
    return state;
}

void sim_be_child(int yes)
{
    child = yes;
}

int platform_is_child(void)
{
    return child;
}

void platform_set_child_hook(void (*func)(void))
{
    (void)func; /* no forks here */
}

void sim_fail_init(int yes)
{
    fail_init = yes;
}

void sim_fail_run(int yes)
{
    fail_run = yes;
}

int platform_init(void)
{
    if (state != 0) {
        sim_wrong("platform_init is called again before platform_shutdown");
    }
    if (fail_init) {
        errno = EAGAIN;
        return -1;
    }
    num_handlers = 0;
    num_timers = 0;
    onces = NULL;
    memset(pending, 0, sizeof(pending));
    num_pending = 0;
    last = INTR_MAX;
    sim_generation++;
    state = 1;
    return 0;
}

int platform_run(void)
{
    size_t i;

    if (state != 1) {
        sim_wrong("platform_run is called %s", state ? "again" : "before platform_init");
    }
    if (fail_run) {
        errno = EAGAIN;
        return -1;
    }
    for (i = 0; i < num_timers; i++) {
        timers[i].next = sim_now + timers[i].interval;
    }
    stopping = 0;
    state = 2;
    fire_onces();
    intr_task = sim_task_create("interrupt", intr_main, NULL);
    return 0;
}

static int joined(const struct task *task)
{
    return task->joins->done;
}

int platform_shutdown(void)
{
    struct task *self = sim_current;

    if (state == 0) {
        sim_wrong("platform_shutdown is called before platform_init");
    }
    if (state == 2) {
        if (sim_in_interrupt()) {
            sim_wrong("platform_shutdown is called on the interrupt thread, which it stops");
        }
        stopping = 1;
        self->joins = intr_task;
        sim_block("waits for the interrupt thread to end", joined);
        self->joins = NULL;
        sim_task_join(intr_task);
        intr_task = NULL;
    }
    state = 0;
    return 0;
}

/*
 * Sleeping and waking
 */
enum { DYING = 1, DESTROYED = 2 }; /* values of sched_task.dying; memory_free leaves another */

void sched_task_init(struct sched_task *task)
{
    memset(task, 0, sizeof(*task));
    pthread_cond_init(&task->cond, NULL);
}

static void check_sleep(const char *func, const lock_t *lock)
{
    const struct task *self = sim_current;

    if (!lock_held(lock)) {
        sim_wrong("%s: task %s does not hold the lock that it gives (%s)", func, self->name,
                  lock->name);
    }
    if (self->nheld > 1) {
        sim_wrong("%s: task %s would sleep while it holds another lock (%s)", func, self->name,
                  self->held[0] == lock ? self->held[1]->name : self->held[0]->name);
    }
}

/* Fails for a destroyed task, and for most freed ones. */
static void check_alive(const char *func, const struct sched_task *task)
{
    if (task->dying != 0 && task->dying != DYING) {
        sim_wrong("%s: the sched_task is destroyed (task %s)", func, sim_current->name);
    }
}

static int is_woken(const struct task *task)
{
    return task->woken || (task->deadline && sim_now >= task->deadline);
}

int sched_task_sleep(struct sched_task *task, lock_t *lock, uint64_t deadline)
{
    struct task *self = sim_current;
    int code;

    check_sleep("sched_task_sleep", lock);
    check_alive("sched_task_sleep", task);
    if (sim_in_interrupt()) {
        sim_wrong("the interrupt thread sleeps (%s)", lock->name);
    }
    if (task->dying) {
        errno = EBADF;
        return -1;
    }
    task->sleepers++;
    task->lock = lock;
    lock_drop(lock); /* first: it may wake others, but not this one */
    self->woken = 0;
    self->code = ETIMEDOUT;
    self->deadline = deadline;
    self->sleeps_on = task;
    self->lock = lock;
    sim_block("sleeps", is_woken);
    self->lock = NULL;
    self->sleeps_on = NULL;
    lock_take(lock);
    task->sleepers--;
    code = task->dying ? EBADF : self->code;
    if (code) {
        errno = code;
        return -1;
    }
    return 0;
}

static unsigned long wakeups; /* of sleepers */

unsigned long sim_wakeups(void)
{
    return wakeups;
}

static void wake(struct task *sleeper)
{
    sleeper->woken = 1;
    sleeper->code = 0;
    wakeups++;
}

static void wake_all(const struct sched_task *task)
{
    struct task *sleeper;

    for (sleeper = sim_tasks; sleeper; sleeper = sleeper->next) {
        if (sleeper->sleeps_on == task && !sleeper->woken) {
            wake(sleeper);
        }
    }
}

static void wake_one(const struct sched_task *task)
{
    struct task *sleeper, *chosen = NULL;
    uint32_t num = 0;

    for (sleeper = sim_tasks; sleeper; sleeper = sleeper->next) {
        if (sleeper->sleeps_on == task && !sleeper->woken && (++num == 1 || sim_draw(num) == 0)) {
            chosen = sleeper;
        }
    }
    if (chosen) {
        wake(chosen);
    }
}

static void check_wakeup(const char *func, const struct sched_task *task)
{
    const struct task *sleeper;

    check_alive(func, task);
    for (sleeper = sim_tasks; sleeper; sleeper = sleeper->next) {
        if (sleeper->sleeps_on == task && !lock_held(sleeper->lock)) {
            sim_wrong("%s: task %s does not hold the lock of the sleeper %s (%s)", func,
                      sim_current->name, sleeper->name, sleeper->lock->name);
        }
    }
}

#define WAKE_ALL UINT_MAX /* in place of a number of sleepers */

/* Puts the task into the list of its lock, whose release wakes. */
static void queue_wakes(struct sched_task *task, unsigned int wakes)
{
    if (task->sleepers > 0 && !task->dying) {
        if (task->wakes == 0) {
            task->next_woken = task->lock->woken;
            task->lock->woken = task;
        }
        task->wakes = wakes == WAKE_ALL || task->wakes == WAKE_ALL ? WAKE_ALL : task->wakes + wakes;
    }
    sim_yield();
}

static void unqueue(struct sched_task *task, lock_t *lock)
{
    struct sched_task **p = &lock->woken;

    while (*p && *p != task) {
        p = &(*p)->next_woken;
    }
    if (*p) {
        *p = task->next_woken;
        task->wakes = 0;
    }
}

static void wake_queued(lock_t *lock)
{
    struct sched_task *task;

    while ((task = lock->woken) != NULL) {
        check_alive("lock_release", task);
        lock->woken = task->next_woken;
        if (task->wakes == WAKE_ALL) {
            wake_all(task);
            task->wakes = 0;
        }
        for (; task->wakes > 0; task->wakes--) {
            wake_one(task);
        }
    }
}

void sched_task_wakeup(struct sched_task *task)
{
    check_wakeup("sched_task_wakeup", task);
    queue_wakes(task, WAKE_ALL);
}

void sched_task_wakeup_one(struct sched_task *task)
{
    check_wakeup("sched_task_wakeup_one", task);
    queue_wakes(task, 1);
}

static int have_left(const struct task *task)
{
    return !task->destroys->sleepers;
}

void sched_task_destroy(struct sched_task *task, lock_t *lock)
{
    check_sleep("sched_task_destroy", lock);
    if (task->dying != 0) {
        sim_wrong("sched_task_destroy: called twice (task %s)", sim_current->name);
    }
    task->dying = DYING;
    unqueue(task, lock);
    if (task->sleepers) {
        lock_drop(lock);
        wake_all(task);
        sim_current->destroys = task;
        sim_block("waits for sleepers to leave", have_left);
        sim_current->destroys = NULL;
        lock_take(lock);
    }
    task->dying = DESTROYED;
}
