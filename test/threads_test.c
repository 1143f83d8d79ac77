/*
 * The Linux platform with real threads: the one test in which the thread sanitizer can find a race.
 * It needs no privilege: the only device is the loopback.
 *
 *     make SAN=thread && build/thread/test/threads_test.exe [PART-OF-A-TEXT]
 *
 * SEED=N gives other random choices. The order of threads is the scheduler's, and not repeatable.
 */

#define _GNU_SOURCE /* environ, RUSAGE_THREAD */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "driver/loopback.h"
#include "intr.h"
#include "ip.h"
#include "net.h"
#include "netstat.h"
#include "platform.h"
#include "udp.h"
#include "util.h"

#include "sock.h"
#include "tcp.h"

#define MSEC 1000000ull /* nanoseconds */
#define TIME_LIMIT 60    /* seconds for all tests */
#define REPORT_MAX 5     /* failed checks that one test reports */

#define PAIRS 4          /* of application threads */
#define UDP_ROUNDS 200   /* datagrams of each client */
#define UDP_SIZE_MAX 1400
#define UDP_PORT 7000
#define TCP_ROUNDS 8     /* connections of each client */
#define TCP_SIZE_MAX 20000
#define TCP_PORT 7

#define STORM_MS 1000 /* that each storm lasts */
#define STORM_THREADS 9
#define SLOTS 12      /* sockets shared by all */
#define PORTS 4       /* for all, from TCP_PORT on */
#define ENDS 20       /* shutdowns while threads sleep in calls */

static int list;                 /* list the tests, run none */
static const char *only;         /* part of the titles of the tests to run */
static uint64_t seed = 1;
static atomic_uint drawers;      /* threads that have drawn */
static _Atomic(const char *) current;
static atomic_int passed, failed;
static atomic_int test_failed; /* checks of the current test */

/*
 * Reporting
 */

/* Fails the current test unless cond holds. For any thread. Returns cond. */
#define check(cond) check_at(!!(cond), #cond, __LINE__)

static int check_at(int cond, const char *expr, int line)
{
    if (!cond && atomic_fetch_add(&test_failed, 1) < REPORT_MAX) {
        printf("  %s:%d: expected: %s (errno: %s)\n", __FILE__, line, expr, strerror(errno));
    }
    return cond;
}

/* Returns a number below n: each thread has a sequence of its own, from the seed (splitmix64). */
static unsigned int draw(unsigned int n)
{
    static _Thread_local uint64_t state;
    uint64_t x;

    while (state == 0) {
        state = seed + ((uint64_t)atomic_fetch_add(&drawers, 1) << 32);
    }
    x = state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (unsigned int)((x ^ x >> 31) % n);
}

static void run_test(const char *text, void (*func)(void))
{
    if (only && !strstr(text, only)) {
        return;
    }
    if (list) {
        printf("platform %s\n", text);
        passed++;
        return;
    }
    current = text;
    test_failed = 0;
    func();
    if (test_failed) {
        printf("  again: SEED=%llu test/threads_test.exe '%s'\n", (unsigned long long)seed, text);
    }
    printf("%s platform %s\n", test_failed ? "FAIL" : "ok", text);
    fflush(stdout);
    if (test_failed) {
        failed++;
    } else {
        passed++;
    }
}

static void sleep_ms(unsigned int ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&ts, &ts) == -1 && errno == EINTR) { /* some tests send signals */
        continue;
    }
}

static void *watchdog_main(void *arg)
{
    (void)arg;
    sleep_ms(TIME_LIMIT * 1000);
    printf("FAIL platform %s: still not done after %d seconds\n", current, TIME_LIMIT);
    printf("%d passed, %d failed\n", passed, failed + 1);
    fflush(stdout);
    _exit(1);
}

static pthread_t start(void *(*func)(void *arg), void *arg)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, func, arg) != 0) {
        printf("FAIL platform %s: pthread_create failed\n", current);
        exit(1);
    }
    return thread;
}

/* Starts n threads with one argument. */
static void start_all(pthread_t *threads, size_t n, void *(*func)(void *arg), void *arg)
{
    size_t i;

    for (i = 0; i < n; i++) {
        threads[i] = start(func, arg);
    }
}

static void join_all(const pthread_t *threads, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
}

/*
 * Start and stop
 */

static size_t dir_count(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;

    while (dir && readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

/* Are there n threads? Waits, as a joined thread may still be listed for a moment. */
static int tasks_are(size_t n)
{
    int i;

    for (i = 0; i < 100 && dir_count("/proc/self/task") != n; i++) {
        sleep_ms(10);
    }
    return dir_count("/proc/self/task") == n;
}

/* The start has two parts, so that a test can register devices and interrupts in between. */
static void stack_init(void)
{
    struct net_device *dev;

    check(net_init() == 0);
    dev = loopback_init();
    check(dev && ip_iface_register(dev, ip_iface_alloc("127.0.0.1", "255.0.0.0")) == 0);
}

static void stack_start(void)
{
    stack_init();
    check(net_run() == 0);
}

static void stack_stop(void)
{
    check(net_shutdown() == 0);
    check(memory_in_use() == 0);
}

static void test_order(void)
{
    check(platform_run() == -1);
    check(platform_shutdown() == -1);
    check(platform_init() == 0);
    check(platform_init() == -1);
    check(platform_shutdown() == 0);
    check(platform_init() == 0);
    check(platform_run() == 0);
    check(platform_run() == -1);
    check(platform_init() == -1);
    check(platform_shutdown() == 0);
    check(platform_shutdown() == -1);
    check(memory_in_use() == 0);
}

static void test_nothing_left(void)
{
    size_t tasks = dir_count("/proc/self/task"), fds = dir_count("/proc/self/fd");
    sigset_t mask;
    int i;

    for (i = 0; i < 3; i++) {
        stack_start();
        check(tasks_are(tasks + 1));
        stack_stop();
        check(tasks_are(tasks));
        check(dir_count("/proc/self/fd") == fds);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (i = 1; i <= SIGRTMAX; i++) {
        check(sigismember(&mask, i) != 1); /* main unblocked all at the start */
    }
}

/* Signals must not end the process while there is no interrupt thread. */
static void test_late_signal(void)
{
    check(platform_init() == 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGIO);
    check(platform_shutdown() == 0);
}

/* Signals that the stack uses. */
static const int stack_signals[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGIO};

/* A thread older than the stack does not block its signals: they must not end the process. */
static void *old_thread_main(void *arg)
{
    while (!atomic_load((atomic_int *)arg)) {
        sleep_ms(1);
    }
    return NULL;
}

static void test_old_thread(void)
{
    static atomic_int end;
    pthread_t thread = start(old_thread_main, &end);
    size_t i;

    stack_start();
    for (i = 0; i < countof(stack_signals); i++) {
        check(pthread_kill(thread, stack_signals[i]) == 0);
    }
    sleep_ms(20);
    check(pthread_kill(thread, 0) == 0);
    atomic_store(&end, 1);
    pthread_join(thread, NULL);
    stack_stop();
}

/* Starts a program and copies its mask of blocked signals. Without a shell, which would unblock
 * them. */
static void signals_of_program(char *text, size_t size)
{
    static char *const argv[] = {"grep", "SigBlk", "/proc/self/status", NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;
    ssize_t n;

    check(pipe(ends) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    check(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    n = read(ends[0], text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    check(n > 0 && waitpid(pid, NULL, 0) == pid);
}

/* Are the stack's signals at their defaults, and unblocked? */
static int signals_are_default(void)
{
    struct sigaction action;
    sigset_t mask;
    size_t i;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (i = 0; i < countof(stack_signals); i++) {
        sigaction(stack_signals[i], NULL, &action);
        if (action.sa_handler != SIG_DFL || sigismember(&mask, stack_signals[i])) {
            return 0;
        }
    }
    return 1;
}

/* Waits for the child. Returns whether its status is 0. */
static int ends_well(pid_t pid)
{
    int status;

    return pid != -1 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_started_program(void)
{
    char before[64], after[64];
    pid_t pid;

    signals_of_program(before, sizeof(before));
    stack_start();
    signals_of_program(after, sizeof(after));
    check(strcmp(before, after) == 0);
    pid = fork();
    if (pid == 0) {
        _exit(!signals_are_default());
    }
    check(ends_well(pid));
    stack_stop();
    check(signals_are_default());
}

/*
 * Interrupts and timers
 */

static atomic_int isr_count, isr_nested, isr_running;
static pthread_t isr_thread;

static int counting_isr(unsigned int irq, void *arg)
{
    (void)irq;
    if (atomic_fetch_add(&isr_running, 1) > 0) {
        atomic_store(&isr_nested, 1);
    }
    isr_thread = pthread_self();
    atomic_fetch_add((atomic_int *)arg, 1);
    atomic_fetch_sub(&isr_running, 1);
    return 0;
}

/* Waits up to about a second. Returns whether the counter has reached n. */
static int reaches(atomic_int *counter, int n)
{
    int i;

    for (i = 0; i < 1000 && atomic_load(counter) < n; i++) {
        sleep_ms(1);
    }
    return atomic_load(counter) >= n;
}

static void raising_handler(int signo)
{
    (void)signo;
    intr_raise(INTR_IRQ_BASE);
}

static void *raising_main(void *arg)
{
    int i;

    (void)arg;
    for (i = 0; i < 100; i++) {
        intr_raise(INTR_IRQ_BASE);
    }
    return NULL;
}

static void test_interrupts(void)
{
    pthread_t threads[PAIRS];

    isr_count = isr_nested = 0;
    signal(SIGTERM, raising_handler);
    check(intr_register(INTR_IRQ_BASE, counting_isr, 0, &isr_count) == -1);
    stack_init();
    check(intr_register(INTR_IRQ_BASE, counting_isr, 0, &isr_count) == 0);
    check(intr_register(INTR_IRQ_BASE, counting_isr, INTR_IRQ_SHARED, &isr_count) == -1);
    check(intr_register(SIGTERM, counting_isr, 0, &isr_count) == -1);
    check(intr_raise(INTR_IRQ_BASE) == -1);
    check(net_run() == 0);
    check(intr_register(INTR_IRQ_BASE + 1, counting_isr, 0, &isr_count) == -1);
    start_all(threads, countof(threads), raising_main, NULL);
    join_all(threads, countof(threads));
    check(reaches(&isr_count, 1));
    isr_count = 0;
    raise(SIGTERM);
    check(reaches(&isr_count, 1));
    stack_stop();
    check(!isr_nested);
    check(!pthread_equal(isr_thread, pthread_self()));
    check(intr_raise(INTR_IRQ_BASE) == -1);
    signal(SIGTERM, SIG_DFL);
}

static void *endless_raising_main(void *arg)
{
    while (!atomic_load((atomic_int *)arg)) {
        intr_raise(INTR_IRQ_SOFT);
        intr_raise(INTR_IRQ_BASE);
    }
    return NULL;
}

/* An interrupt may be raised while the platform starts or stops. */
static void test_raising_at_the_end(void)
{
    static atomic_int end;
    pthread_t threads[PAIRS];
    size_t i;
    int round;

    for (round = 0; round < 100; round++) {
        check(platform_init() == 0);
        for (i = 0; i < countof(threads) && round == 0; i++) { /* they inherit the mask */
            threads[i] = start(endless_raising_main, &end);
        }
        check(platform_run() == 0);
        check(platform_shutdown() == 0);
    }
    atomic_store(&end, 1);
    join_all(threads, countof(threads));
    check(memory_in_use() == 0);
}

/* Interrupts arrive even if no signal can be queued; SIGIO means any device. */
static void test_full_signal_queue(void)
{
    static atomic_int first, second;
    struct rlimit limit, none;

    getrlimit(RLIMIT_SIGPENDING, &limit);
    none = limit;
    none.rlim_cur = 0;
    stack_init();
    check(intr_register(INTR_IRQ_BASE, counting_isr, 0, &first) == 0);
    check(intr_register(INTR_IRQ_BASE + 1, counting_isr, 0, &second) == 0);
    check(net_run() == 0);
    setrlimit(RLIMIT_SIGPENDING, &none);
    check(intr_raise(INTR_IRQ_BASE) == 0);
    check(reaches(&first, 1));
    kill(getpid(), SIGIO);
    check(reaches(&second, 1));
    setrlimit(RLIMIT_SIGPENDING, &limit);
    stack_stop();
}

static atomic_int slow_isr_runs, slow_isr_ends;

/* A driver that is slow to read. */
static int slow_isr(unsigned int irq, void *arg)
{
    (void)irq;
    (void)arg;
    atomic_store(&slow_isr_runs, 1);
    while (!atomic_load(&slow_isr_ends)) {
        sleep_ms(1);
    }
    return 0;
}

/* Returns the signals queued for this user, those of other programs included. */
static int queued_signals(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    int n = -1;

    if (!file) {
        check(file != NULL);
        return 0;
    }
    while (n == -1 && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "SigQ: %d", &n) != 1) {
            n = -1;
        }
    }
    fclose(file);
    check(n != -1);
    return n;
}

#define FLOOD 200 /* frames: a kernel socket queues that many */

/* The number of pending signals does not grow with that of frames. */
static void test_flood_of_signals(void)
{
    int ends[2], before, i;

    slow_isr_runs = slow_isr_ends = 0;
    stack_init();
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    check(intr_register(INTR_IRQ_BASE, slow_isr, 0, NULL) == 0);
    check(net_run() == 0);
    check(intr_watch(ends[0], (unsigned int)INTR_IRQ_BASE) == 0);
    check(reaches(&slow_isr_runs, 1));
    before = queued_signals();
    for (i = 0; i < FLOOD; i++) {
        check(write(ends[1], "x", 1) == 1);
        check(intr_raise(INTR_IRQ_BASE) == 0);
    }
    check(queued_signals() - before < FLOOD / 4);
    atomic_store(&slow_isr_ends, 1);
    stack_stop();
    close(ends[0]);
    close(ends[1]);
}

static atomic_int bytes_read;

static int reading_isr(unsigned int irq, void *arg)
{
    char buf[16];
    ssize_t n;

    (void)irq;
    while ((n = read(*(int *)arg, buf, sizeof(buf))) > 0) {
        atomic_fetch_add(&bytes_read, (int)n);
    }
    return 0;
}

/* Sends each byte once the last one is read, while the interrupt thread is about to wait. */
static void test_no_lost_interrupt(void)
{
    int ends[2], i;

    bytes_read = 0;
    stack_init();
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    check(intr_register(INTR_IRQ_BASE, reading_isr, 0, &ends[0]) == 0);
    check(net_run() == 0);
    check(intr_watch(ends[0], (unsigned int)INTR_IRQ_BASE) == 0);
    for (i = 0; i < 10000 && !test_failed; i++) {
        check(write(ends[1], "x", 1) == 1);
        while (atomic_load(&bytes_read) <= i) {
            if (draw(1000) == 0 && !check(reaches(&bytes_read, i + 1))) {
                break;
            }
        }
    }
    stack_stop();
    close(ends[0]);
    close(ends[1]);
}

/* A device in a flood: raises its interrupt again. */
static int busy_isr(unsigned int irq, void *arg)
{
    (void)arg;
    intr_raise(INTR_IRQ_SOFT);
    return intr_raise(irq);
}

static void *soft_raising_main(void *arg)
{
    while (!atomic_load((atomic_int *)arg)) {
        intr_raise(INTR_IRQ_SOFT);
    }
    return NULL;
}

static atomic_int ticks;

static void tick(void)
{
    atomic_fetch_add(&ticks, 1);
}

/* A busy device or softirq does not starve other devices and the timer. */
static void test_turns(void)
{
    static atomic_int end, other;
    pthread_t thread;

    ticks = 0;
    stack_init();
    check(intr_register(INTR_IRQ_BASE, busy_isr, 0, NULL) == 0);
    check(intr_register(INTR_IRQ_BASE + 1, counting_isr, 0, &other) == 0);
    check(timer_register((struct timeval){.tv_usec = 10000}, tick) == 0);
    check(net_run() == 0);
    thread = start(soft_raising_main, &end);
    check(intr_raise(INTR_IRQ_BASE) == 0);
    check(intr_raise(INTR_IRQ_BASE + 1) == 0);
    check(reaches(&other, 1));
    check(reaches(&ticks, 5));
    atomic_store(&end, 1);
    pthread_join(thread, NULL);
    stack_stop();
}

static atomic_int waiting, waiting_at_tick; /* work of a device, and what the timer saw of it */

static int deferring_isr(unsigned int irq, void *arg)
{
    (void)irq;
    (void)arg;
    return intr_raise(INTR_IRQ_SOFT);
}

static int working_isr(unsigned int irq, void *arg)
{
    (void)irq;
    (void)arg;
    atomic_store(&waiting, 0);
    return 0;
}

static void looking_tick(void)
{
    atomic_fetch_or(&waiting_at_tick, atomic_load(&waiting));
    tick();
}

/* The thread is late, here because of a slow driver: a device has work, and a timer is due. */
static void test_work_before_timers(void)
{
    slow_isr_runs = slow_isr_ends = waiting_at_tick = 0;
    check(platform_init() == 0);
    check(intr_register(INTR_IRQ_BASE, slow_isr, 0, NULL) == 0);
    check(intr_register(INTR_IRQ_BASE + 1, deferring_isr, 0, NULL) == 0);
    check(intr_register(INTR_IRQ_SOFT, working_isr, 0, NULL) == 0);
    check(timer_register((struct timeval){.tv_usec = 10000}, looking_tick) == 0);
    check(platform_run() == 0);
    check(intr_raise(INTR_IRQ_BASE) == 0);
    check(reaches(&slow_isr_runs, 1));
    atomic_store(&waiting, 1);
    check(intr_raise(INTR_IRQ_BASE + 1) == 0);
    sleep_ms(30);
    ticks = 0;
    atomic_store(&slow_isr_ends, 1);
    check(reaches(&ticks, 1));
    check(platform_shutdown() == 0);
    check(!atomic_load(&waiting_at_tick));
}

static void test_timer(void)
{
    int n;

    ticks = 0;
    stack_init();
    check(timer_register((struct timeval){.tv_usec = 10000}, tick) == 0);
    check(timer_register((struct timeval){0}, tick) == -1);
    check(net_run() == 0);
    check(timer_register((struct timeval){.tv_sec = 1}, tick) == -1);
    sleep_ms(205);
    stack_stop();
    n = ticks;
    check(n >= 10 && n <= 24);
    sleep_ms(30);
    check(ticks == n);
}

/*
 * One-shot timers
 */

static struct timer_once once;
static _Atomic uint64_t once_due;   /* the deadline to be met */
static _Atomic uint64_t once_early; /* nanoseconds before a deadline, at most: 0 */
static _Atomic uint64_t once_last;  /* time of the last call */
static atomic_int onces;            /* calls */

static void once_handler(void)
{
    uint64_t now = clock_now(), due = atomic_load(&once_due);

    if (now < due && due - now > atomic_load(&once_early)) {
        atomic_store(&once_early, due - now);
    }
    atomic_store(&once_last, now);
    atomic_fetch_add(&onces, 1);
}

/* Sets the timer to ms from now. */
static void set_once(unsigned int ms)
{
    atomic_store(&once_due, clock_now() + ms * MSEC);
    timer_once_set(&once, atomic_load(&once_due));
}

static void once_start(void)
{
    once_early = 0;
    onces = 0;
    stack_init();
    check(timer_once_register(&once, once_handler) == 0);
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

#define ONCE_ROUNDS 15

/* Deadlines are met within 10 ms: half of them, since other programs may have the processor. */
static void test_once(void)
{
    uint64_t late[ONCE_ROUNDS];
    int i;

    once_start();
    set_once(20);
    check(net_run() == 0);
    check(timer_once_register(&once, once_handler) == -1);
    check(reaches(&onces, 1));
    for (i = 0; i < ONCE_ROUNDS; i++) {
        set_once(900); /* moved to an earlier time */
        set_once(1 + draw(20));
        check(reaches(&onces, i + 2));
        late[i] = once_last - once_due;
    }
    qsort(late, countof(late), sizeof(*late), compare_times);
    check(late[countof(late) / 2] < 10 * MSEC);
    check(once_early == 0);
    set_once(0); /* past, when it is set */
    check(reaches(&onces, ONCE_ROUNDS + 2));
    set_once(30);
    timer_once_set(&once, 0);
    sleep_ms(60);
    check(onces == ONCE_ROUNDS + 2);
    set_once(30);
    stack_stop();
    sleep_ms(60);
    check(onces == ONCE_ROUNDS + 2);
}

#define MOVES 500 /* of each thread */

static void *moving_main(void *arg)
{
    lock_t *any = arg;
    int i;

    for (i = 0; i < MOVES; i++) {
        lock_acquire(any);
        timer_once_set(&once, clock_now() + 1 + draw(2000) * 1000);
        lock_release(any);
        if (draw(50) == 0) {
            sleep_ms(1);
        }
    }
    return NULL;
}

/* The last of many deadlines, set by many threads, has its call; at most a signal is pending. */
static void test_moved_once(void)
{
    static lock_t any = LOCK_INITIALIZER;
    pthread_t threads[PAIRS];
    int before, n, i;

    once_start();
    check(net_run() == 0);
    for (i = 0; i < 10; i++) {
        start_all(threads, countof(threads), moving_main, &any);
        join_all(threads, countof(threads));
        set_once(3); /* a call that was due already may come before */
        for (n = 0; n < 1000 && once_last < once_due; n++) {
            sleep_ms(1);
        }
        check(n < 1000);
    }
    before = queued_signals();
    for (i = 0; i < 1000; i++) {
        set_once(0);
    }
    check(queued_signals() - before <= 4);
    stack_stop();
}

/* A process that was stopped at the deadline meets it when it goes on. */
static void test_stopped_once(void)
{
    pid_t parent = getpid(), child;

    once_start();
    check(net_run() == 0);
    set_once(50);
    child = fork();
    if (child == 0) { /* it stops the parent over the deadline */
        kill(parent, SIGSTOP);
        sleep_ms(200);
        kill(parent, SIGCONT);
        _exit(0);
    }
    check(child > 0);
    while (waitpid(child, NULL, 0) == -1 && errno == EINTR) {
        continue;
    }
    check(reaches(&onces, 1));
    check(once_early == 0);
    stack_stop();
}

/*
 * Sleeping and waking
 */

static lock_t lock = LOCK_INITIALIZER;
static struct sched_task task;
static atomic_int sleepers;

/* Sleeps once, at most *arg milliseconds if not 0. Returns the errno, or NULL if woken. */
static void *sleeper_main(void *arg)
{
    unsigned int ms = *(unsigned int *)arg;
    intptr_t err;

    lock_acquire(&lock);
    atomic_fetch_add(&sleepers, 1);
    err = sched_task_sleep(&task, &lock, ms ? clock_now() + ms * MSEC : 0) == -1 ? errno : 0;
    lock_release(&lock);
    return (void *)err;
}

/* Starts n threads and returns once they sleep: each counts itself with the lock held, and releases
 * it by sleeping. */
static void start_sleepers(pthread_t *threads, size_t n, unsigned int *ms)
{
    sleepers = 0;
    start_all(threads, n, sleeper_main, ms);
    check(reaches(&sleepers, (int)n));
    lock_acquire(&lock);
    lock_release(&lock);
}

#define WAKE_ROUNDS 20

static atomic_int slept; /* rounds */
static int switches[WAKE_ROUNDS];

static void *counting_sleeper_main(void *arg)
{
    struct rusage before, after;
    int i;

    (void)arg;
    lock_acquire(&lock);
    for (i = 0; i < WAKE_ROUNDS; i++) {
        getrusage(RUSAGE_THREAD, &before);
        atomic_store(&slept, i + 1);
        sched_task_sleep(&task, &lock, 0);
        getrusage(RUSAGE_THREAD, &after);
        switches[i] = (int)(after.ru_nvcsw - before.ru_nvcsw);
    }
    lock_release(&lock);
    return NULL;
}

/* A woken thread does not run into the lock of its waker: it leaves the processor once for each
 * sleep. The waker keeps the lock for a millisecond after the wake-up. */
static void test_wakeup_at_release(void)
{
    pthread_t thread;
    int i, once_only = 0;

    sched_task_init(&task);
    atomic_store(&slept, 0);
    thread = start(counting_sleeper_main, NULL);
    for (i = 0; i < WAKE_ROUNDS; i++) {
        check(reaches(&slept, i + 1));
        lock_acquire(&lock);
        sched_task_wakeup(&task);
        sleep_ms(1);
        lock_release(&lock);
    }
    pthread_join(thread, NULL);
    for (i = 0; i < WAKE_ROUNDS; i++) {
        once_only += switches[i] == 1;
    }
    check(once_only > WAKE_ROUNDS / 2);
    lock_acquire(&lock);
    sched_task_destroy(&task, &lock);
    lock_release(&lock);
}

#define LIVES 300 /* of a task */

static atomic_int lives_end;
static int living; /* the task exists; guarded by the lock */

static void *waking_main(void *arg)
{
    (void)arg;
    while (!atomic_load(&lives_end)) {
        lock_acquire(&lock);
        if (living) {
            sched_task_wakeup(&task);
            sched_task_wakeup_one(&task);
        }
        lock_release(&lock);
        if (draw(4) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void *living_sleeper_main(void *arg)
{
    (void)arg;
    lock_acquire(&lock);
    while (living) {
        atomic_fetch_add(&sleepers, 1);
        if (sched_task_sleep(&task, &lock, draw(2) ? clock_now() + draw(50) * 1000 : 0) == -1 &&
            errno == EBADF) {
            break;
        }
    }
    lock_release(&lock);
    return NULL;
}

/* Tasks are destroyed while others wake them: none is used afterwards. */
static void test_destroyed_while_woken(void)
{
    pthread_t wakers[2], thread[2];
    int i;

    atomic_store(&lives_end, 0);
    living = 0;
    start_all(wakers, countof(wakers), waking_main, NULL);
    for (i = 0; i < LIVES; i++) {
        sleepers = 0;
        lock_acquire(&lock);
        sched_task_init(&task);
        living = 1;
        lock_release(&lock);
        start_all(thread, countof(thread), living_sleeper_main, NULL);
        check(reaches(&sleepers, 1 + (int)draw(5)));
        lock_acquire(&lock);
        living = 0;
        sched_task_destroy(&task, &lock);
        memset(&task, 0x55, sizeof(task));
        lock_release(&lock);
        join_all(thread, countof(thread));
    }
    atomic_store(&lives_end, 1);
    join_all(wakers, countof(wakers));
}

static void destroy_task(void)
{
    lock_acquire(&lock);
    sched_task_destroy(&task, &lock);
    lock_release(&lock);
}

static int join(pthread_t thread)
{
    void *ret;

    pthread_join(thread, &ret);
    return (int)(intptr_t)ret;
}

static void test_interruption(void)
{
    unsigned int ever = 0, ms = 50;
    pthread_t threads[PAIRS];
    size_t i;

    stack_start();
    sched_task_init(&task);
    start_sleepers(threads, countof(threads), &ever);
    check(intr_raise(INTR_IRQ_USER) == 0);
    for (i = 0; i < countof(threads); i++) {
        check(join(threads[i]) == EINTR);
    }
    check(intr_raise(INTR_IRQ_USER) == 0); /* without sleepers, so forgotten */
    sleep_ms(20);
    start_sleepers(threads, 1, &ms);
    check(join(threads[0]) == ETIMEDOUT);
    destroy_task();
    stack_stop();
}

static void test_deadline(void)
{
    uint64_t begin = clock_now();
    unsigned int ms = 30;
    pthread_t thread;

    sched_task_init(&task);
    start_sleepers(&thread, 1, &ms);
    check(join(thread) == ETIMEDOUT);
    check(clock_now() - begin >= ms * MSEC);
    lock_acquire(&lock);
    check(sched_task_sleep(&task, &lock, clock_now() - MSEC) == -1 && errno == ETIMEDOUT);
    check(lock_held(&lock));
    sched_task_destroy(&task, &lock);
    lock_release(&lock);
}

static void test_destroy(void)
{
    pthread_t threads[PAIRS];
    unsigned int ever = 0;
    size_t i;
    int round;

    for (round = 0; round < 50; round++) {
        sched_task_init(&task);
        start_sleepers(threads, countof(threads), &ever);
        lock_acquire(&lock);
        if (round % 2) { /* the sleepers are woken, and have not left */
            sched_task_wakeup(&task);
        }
        sched_task_destroy(&task, &lock);
        check(task.sleepers == 0);
        memset(&task, 0xff, sizeof(task));
        lock_release(&lock);
        for (i = 0; i < countof(threads); i++) {
            check(join(threads[i]) == EBADF);
        }
    }
}

static int turn; /* guarded by lock */

/* Waits for its turn, then passes it on. */
static void *player_main(void *arg)
{
    int me = *(int *)arg, i;

    lock_acquire(&lock);
    for (i = 0; i < 2000; i++) {
        while (turn != me) {
            sched_task_sleep(&task, &lock, 0);
        }
        turn = !turn;
        sched_task_wakeup(&task);
    }
    lock_release(&lock);
    return NULL;
}

static void test_wakeups(void)
{
    static int ids[] = {0, 1};
    pthread_t threads[2];
    size_t i;

    sched_task_init(&task);
    for (i = 0; i < 2; i++) {
        threads[i] = start(player_main, &ids[i]);
    }
    join_all(threads, 2);
    destroy_task();
}

static unsigned int produced, consumed; /* guarded by lock */

static int consuming_isr(unsigned int irq, void *arg)
{
    (void)irq;
    (void)arg;
    lock_acquire(&lock);
    consumed = produced;
    sched_task_wakeup(&task);
    lock_release(&lock);
    return 0;
}

/* Produces one unit, and waits for the softirq to consume it. */
static void *producer_main(void *arg)
{
    unsigned int mine;
    int i, err = 0;

    (void)arg;
    for (i = 0; i < 1000 && !err; i++) {
        lock_acquire(&lock);
        mine = ++produced;
        lock_release(&lock);
        intr_raise(INTR_IRQ_SOFT);
        lock_acquire(&lock);
        while (consumed < mine && !err) {
            err = sched_task_sleep(&task, &lock, clock_now() + 1000 * MSEC);
        }
        lock_release(&lock);
    }
    check(!err);
    return NULL;
}

static void test_softirq(void)
{
    pthread_t threads[PAIRS];

    produced = consumed = 0;
    sched_task_init(&task);
    check(platform_init() == 0);
    check(intr_register(INTR_IRQ_SOFT, consuming_isr, 0, NULL) == 0);
    check(platform_run() == 0);
    start_all(threads, countof(threads), producer_main, NULL);
    join_all(threads, countof(threads));
    check(platform_shutdown() == 0);
    destroy_task();
}

/*
 * Eight threads and the loopback
 */

static atomic_int clients;  /* still running */
static atomic_int disturbing;

/* Interrupts sleeping threads, and wakes the interrupt thread for nothing, at random moments. */
static void *disturber_main(void *arg)
{
    (void)arg;
    while (atomic_load(&disturbing)) {
        sleep_ms(1 + draw(4));
        intr_raise(draw(4) ? INTR_IRQ_USER : INTR_IRQ_SOFT);
    }
    return NULL;
}

/* Fills buf with data that differs for each client and round. */
static void fill(uint8_t *buf, size_t len, int client, int round)
{
    size_t i;

    for (i = 0; i < len; i++) {
        buf[i] = (uint8_t)(i * 7 + i / 251 + (size_t)client * 31 + (size_t)round * 13);
    }
}

static ip_endp_t endpoint(uint16_t port)
{
    ip_endp_t endp = {.port = hton16(port)};

    check(ip_addr_pton("127.0.0.1", &endp.addr) == 0);
    return endp;
}

static struct sockaddr_in address(uint16_t port)
{
    ip_endp_t endp = endpoint(port);

    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = endp.port,
        .sin_addr.s_addr = endp.addr,
    };
}

/* Runs PAIRS clients, numbered from 0, each against one thread of a server. */
static void run_pairs(void *(*server)(void *arg), void *(*client)(void *arg), void (*end)(void))
{
    static int ids[PAIRS];
    pthread_t servers[PAIRS], threads[PAIRS], disturber;
    int i;

    clients = PAIRS;
    disturbing = 1;
    for (i = 0; i < PAIRS; i++) {
        ids[i] = i;
        servers[i] = start(server, &ids[i]);
        threads[i] = start(client, &ids[i]);
    }
    disturber = start(disturber_main, NULL);
    for (i = 0; i < PAIRS; i++) {
        pthread_join(threads[i], NULL);
        atomic_fetch_sub(&clients, 1);
    }
    if (end) {
        end();
    }
    join_all(servers, PAIRS);
    atomic_store(&disturbing, 0);
    pthread_join(disturber, NULL);
}

/* Echoes until the clients have finished. Opens and binds anew every 40 datagrams. */
static void *udp_server_main(void *arg)
{
    uint8_t buf[UDP_SIZE_MAX];
    ip_endp_t local, remote;
    ssize_t len;
    int desc, i;

    local = endpoint((uint16_t)(UDP_PORT + *(int *)arg));
    while (atomic_load(&clients) > 0) {
        desc = udp_cmd_open();
        check(desc >= 0 && udp_cmd_bind(desc, &local) == 0);
        for (i = 0; i < 40 && atomic_load(&clients) > 0; i++) {
            len = udp_cmd_recvfrom(desc, buf, sizeof(buf), &remote);
            if (len >= 0) {
                check(udp_cmd_sendto(desc, buf, (size_t)len, &remote) == len);
            } else {
                check(errno == EINTR || errno == ECONNREFUSED); /* a client has closed */
            }
        }
        check(udp_cmd_close(desc) == 0);
    }
    return NULL;
}

/* Sends a datagram until its echo arrives; an interruption serves as timeout. */
static void udp_exchange(int desc, const uint8_t *data, size_t len, const ip_endp_t *server)
{
    uint8_t buf[UDP_SIZE_MAX];
    ip_endp_t remote;
    ssize_t n = -1;

    do {
        if (n == -1) {
            check(udp_cmd_sendto(desc, data, len, server) == (ssize_t)len);
        }
        n = udp_cmd_recvfrom(desc, buf, sizeof(buf), &remote);
        check(n >= 0 || errno == EINTR || errno == ECONNREFUSED);
    } while (!test_failed && (n < 1 || buf[0] != data[0])); /* or an earlier echo, received twice */
    check(n == (ssize_t)len && memcmp(buf, data, len) == 0);
    check(remote.addr == server->addr && remote.port == server->port);
}

static void *udp_client_main(void *arg)
{
    int id = *(int *)arg, desc = -1, round;
    ip_endp_t server = endpoint((uint16_t)(UDP_PORT + id));
    uint8_t data[UDP_SIZE_MAX];
    size_t len;

    for (round = 0; round < UDP_ROUNDS && !test_failed; round++) {
        if (round % 20 == 0) {
            check(desc == -1 || udp_cmd_close(desc) == 0);
            desc = udp_cmd_open();
            check(desc >= 0);
        }
        len = 1 + draw(sizeof(data));
        fill(data, len, id, round);
        udp_exchange(desc, data, len, &server);
    }
    check(udp_cmd_close(desc) == 0);
    return NULL;
}

static void test_udp(void)
{
    stack_start();
    run_pairs(udp_server_main, udp_client_main, NULL);
    stack_stop();
}

static void *receiver_main(void *arg)
{
    uint8_t buf[16];
    ssize_t n;

    do {
        n = udp_cmd_recvfrom(*(int *)arg, buf, sizeof(buf), NULL);
    } while (n >= 0 || errno == EINTR);
    check(errno == EBADF);
    return NULL;
}

static void test_close(void)
{
    pthread_t thread;
    int desc, i;

    stack_start();
    for (i = 0; i < 50; i++) {
        desc = udp_cmd_open();
        check(desc >= 0);
        thread = start(receiver_main, &desc);
        sleep_ms((unsigned int)i % 3);
        check(udp_cmd_close(desc) == 0);
        pthread_join(thread, NULL);
    }
    stack_stop();
}

static void test_shutdown(void)
{
    pthread_t threads[PAIRS];
    int descs[PAIRS], i;

    stack_start();
    for (i = 0; i < PAIRS; i++) {
        descs[i] = udp_cmd_open();
        threads[i] = start(receiver_main, &descs[i]);
    }
    sleep_ms(20);
    stack_stop();
    join_all(threads, PAIRS);
}

static int listener;

static int tcp_send_all(int id, const uint8_t *data, size_t len)
{
    size_t done = 0;
    ssize_t n;

    while (done < len) {
        n = sock_send(id, data + done, len - done);
        if (n == -1 && errno != EINTR) {
            return -1;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Echoes a stream to its end. */
static void tcp_echo(int id)
{
    uint8_t buf[2000];
    ssize_t n;

    do {
        n = sock_recv(id, buf, sizeof(buf));
        if (n > 0) {
            check(tcp_send_all(id, buf, (size_t)n) == 0);
        }
    } while (n > 0 || (n == -1 && errno == EINTR));
    check(n == 0);
    check(sock_close(id) == 0);
}

/* Serves one connection after another until the listener is closed. */
static void *tcp_server_main(void *arg)
{
    int id;

    (void)arg;
    while ((id = sock_accept(listener, NULL, NULL)) >= 0 || errno == EINTR) {
        if (id >= 0) {
            tcp_echo(id);
        }
    }
    check(errno == EBADF);
    return NULL;
}

/* Returns a connected socket. An interrupted connect continues: tries again with a new socket. */
static int tcp_connect(void)
{
    struct sockaddr_in addr = address(TCP_PORT);
    int id, ret;

    for (;;) {
        id = sock_open(PF_INET, SOCK_STREAM, 0);
        check(id >= 0);
        ret = sock_connect(id, (struct sockaddr *)&addr, sizeof(addr));
        if (ret == 0 || !check(errno == EINTR)) {
            return id;
        }
        check(sock_close(id) == 0);
    }
}

static void *tcp_client_main(void *arg)
{
    int client = *(int *)arg, round, id;
    uint8_t *data = malloc(TCP_SIZE_MAX), *echo = malloc(TCP_SIZE_MAX);
    size_t len, done;
    ssize_t n;

    for (round = 0; round < TCP_ROUNDS && !test_failed; round++) {
        len = 1 + draw(TCP_SIZE_MAX);
        fill(data, len, client, round);
        id = tcp_connect();
        check(tcp_send_all(id, data, len) == 0);
        for (done = 0; done < len; done += n > 0 ? (size_t)n : 0) {
            n = sock_recv(id, echo + done, len - done);
            if (n == 0 || (n == -1 && errno != EINTR)) {
                break;
            }
        }
        check(done == len && memcmp(data, echo, len) == 0);
        check(sock_close(id) == 0);
    }
    free(data);
    free(echo);
    return NULL;
}

static void tcp_end(void)
{
    check(sock_close(listener) == 0);
}

static void test_tcp(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = hton16(TCP_PORT)};

    stack_start();
    listener = sock_open(PF_INET, SOCK_STREAM, 0);
    check(sock_bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
    check(sock_listen(listener, PAIRS) == 0);
    run_pairs(tcp_server_main, tcp_client_main, tcp_end);
    stack_stop();
}

#define LISTENERS 500 /* opened and closed while clients connect */

static atomic_int listening; /* more listeners follow */

static void *comer_main(void *arg)
{
    ip_endp_t server = {.port = hton16(TCP_PORT)};
    int desc;

    ip_addr_pton("127.0.0.1", &server.addr);
    while (listening) {
        desc = tcp_cmd_open(NULL, &server, 1);
        if (desc != -1) {
            check(tcp_cmd_close(desc) == 0);
        }
    }
    return arg;
}

static int listen_once(void)
{
    ip_endp_t local = {.addr = IP_ADDR_ANY, .port = hton16(TCP_PORT)};
    int desc = tcp_cmd_socket();

    check(desc != -1);
    check(tcp_cmd_bind(desc, &local) == 0);
    check(tcp_cmd_listen(desc, 100) == 0);
    return desc;
}

/* Closing a listener must close its pending connections, whatever arrives at that time. */
static void test_listeners(void)
{
    pthread_t comers[2 * PAIRS];
    int n;

    stack_start();
    listening = 1;
    start_all(comers, countof(comers), comer_main, NULL);
    for (n = 0; n < LISTENERS; n++) {
        int desc = listen_once();

        usleep(200);
        check(tcp_cmd_close(desc) == 0);
    }
    listening = 0;
    n = listen_once(); /* so that every connect ends */
    join_all(comers, countof(comers));
    check(tcp_cmd_close(n) == 0);
    stack_stop();
}

/*
 * Storms: calls, packets and signals at random moments
 */

static void *(*storm_func)(void *arg);
static atomic_int storming;            /* cleared at the end */
static atomic_int storm_threads;       /* still running */
static const uint8_t zeros[2 * TCP_RCV_BUF_SIZE]; /* to send */
static atomic_int connected, accepted; /* connections: at least one of each */

/* Raises interrupts, or sends their signals to the process, as other programs may: one or many. */
static void storm_signal(void)
{
    static const int signals[] = {INTR_IRQ_SOFT, INTR_IRQ_USER, INTR_IRQ_TIMER};
    unsigned int n = draw(4) ? 1 : draw(50);

    while (n-- > 0) {
        switch (draw(6)) {
        case 0:
            intr_raise(INTR_IRQ_BASE);
            break;
        case 1:
            kill(getpid(), SIGIO);
            break;
        case 2:
            kill(getpid(), signals[draw(countof(signals))]);
            break;
        default:
            intr_raise(INTR_IRQ_USER);
            break;
        }
    }
}

static void *signaller_main(void *arg)
{
    while (atomic_load(&storming)) {
        storm_signal();
        if (draw(20) == 0) {
            netstat_print();
        }
        usleep(draw(draw(20) ? 2000 : 100000));
    }
    return arg;
}

/* One of a few ports, for all threads. */
static uint16_t storm_port(void)
{
    return (uint16_t)(TCP_PORT + draw(PORTS));
}

/* Sends datagrams to the ports of the storm, open or not. */
static void *flooder_main(void *arg)
{
    int id = sock_open(PF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in addr;
    unsigned int n;

    while (atomic_load(&storming)) {
        for (n = draw(20); n > 0; n--) {
            addr = address(storm_port());
            sock_sendto(id, zeros, draw(UDP_SIZE_MAX), (struct sockaddr *)&addr, sizeof(addr));
        }
        usleep(draw(500));
    }
    check(sock_close(id) == 0);
    return arg;
}

static void *storm_main(void *arg)
{
    storm_func(arg);
    atomic_fetch_sub(&storm_threads, 1);
    return NULL;
}

/* Runs func in STORM_THREADS threads, each with its number as argument. At the end of the storm,
 * interrupts sleeping threads until all have ended. */
static void storm(void *(*func)(void *arg))
{
    static int ids[STORM_THREADS];
    pthread_t threads[STORM_THREADS], signaller, flooder;
    int i;

    storm_func = func;
    storming = 1;
    storm_threads = STORM_THREADS;
    connected = accepted = 0;
    for (i = 0; i < STORM_THREADS; i++) {
        ids[i] = i;
        threads[i] = start(storm_main, &ids[i]);
    }
    signaller = start(signaller_main, NULL);
    flooder = start(flooder_main, NULL);
    for (i = 0; i < 10 && !(i > 0 && connected && accepted); i++) { /* longer on a slow machine */
        sleep_ms(STORM_MS);
    }
    storming = 0;
    while (atomic_load(&storm_threads) > 0) {
        intr_raise(INTR_IRQ_USER);
        sleep_ms(1);
    }
    join_all(threads, STORM_THREADS);
    pthread_join(signaller, NULL);
    pthread_join(flooder, NULL);
    check(connected > 0 && accepted > 0);
}

static void storm_stack_start(void)
{
    stack_init();
    check(intr_register(INTR_IRQ_BASE, counting_isr, 0, &isr_count) == 0);
    check(net_run() == 0);
}

/*
 * Calls at random
 */

static atomic_int slots[SLOTS]; /* sockets that all threads use; -1: none */

/* Puts a socket into a random slot, and closes the one there before. */
static int slot_put(int id)
{
    int old;

    if (id == -1) {
        return -1;
    }
    old = atomic_exchange(&slots[draw(SLOTS)], id);
    return old == -1 ? 0 : sock_close(old);
}

static int counted_accept(int id)
{
    int peer = sock_accept(id, NULL, NULL);

    if (peer != -1) {
        atomic_fetch_add(&accepted, 1);
    }
    return peer;
}

static int counted_connect(int id, const struct sockaddr_in *addr)
{
    int ret = sock_connect(id, (const struct sockaddr *)addr, sizeof(*addr));

    if (ret == 0) {
        atomic_fetch_add(&connected, 1);
    }
    return ret;
}

/* Makes a random call on a socket of any type in any state, perhaps closed, perhaps with other
 * threads asleep in it. */
static ssize_t random_call(int id)
{
    struct sockaddr_in addr = address(storm_port());
    struct sockaddr *sa = (struct sockaddr *)&addr;
    socklen_t len = sizeof(addr);
    uint8_t buf[UDP_SIZE_MAX];

    switch (draw(13)) {
    case 0:
        return slot_put(sock_open(PF_INET, draw(4) ? SOCK_STREAM : SOCK_DGRAM, 0));
    case 1:
        return draw(4) ? 0 : sock_close(id);
    case 2:
        return sock_bind(id, sa, len);
    case 3:
        return sock_listen(id, 1 + (int)draw(3));
    case 4:
        return slot_put(counted_accept(id));
    case 5:
    case 6:
        return counted_connect(id, &addr);
    case 7:
        return sock_send(id, zeros, draw(UDP_SIZE_MAX));
    case 8:
        return sock_recv(id, buf, sizeof(buf));
    case 9:
        return sock_shutdown(id, SHUT_RD + (int)draw(3));
    case 10:
        return draw(2) ? sock_getsockname(id, sa, &len) : sock_getpeername(id, sa, &len);
    case 11:
        return sock_sendto(id, zeros, draw(UDP_SIZE_MAX), sa, len);
    default:
        return sock_recvfrom(id, buf, sizeof(buf), sa, &len);
    }
}

/* Does POSIX permit this errno for these calls, with memory, a network and valid arguments? */
static int is_usual(int err)
{
    static const int usual[] = {
        EBADF, EINTR, EINVAL, EOPNOTSUPP, EMFILE, EADDRINUSE, EDESTADDRREQ, EALREADY, EISCONN,
        ENOTCONN, ECONNREFUSED, ECONNRESET, ECONNABORTED, EPIPE,
    };
    size_t i;

    for (i = 0; i < countof(usual); i++) {
        if (err == usual[i]) {
            return 1;
        }
    }
    return 0;
}

static void *random_caller_main(void *arg)
{
    while (atomic_load(&storming)) {
        check(random_call(atomic_load(&slots[draw(SLOTS)])) != -1 || is_usual(errno));
        usleep(draw(500)); /* else no socket stays open long enough to connect */
    }
    return arg;
}

static void test_random_calls(void)
{
    size_t i;

    storm_stack_start();
    for (i = 0; i < SLOTS; i++) {
        slots[i] = -1;
    }
    storm(random_caller_main);
    stack_stop(); /* closes the open sockets */
}

/*
 * Streams that end early
 */

#define TAG_LEN sizeof(uint32_t)

static atomic_int busy[STORM_THREADS]; /* sockets in use; -1: none, or taken to be closed */
static atomic_int storm_listener;

/* A stream begins with its tag, which determines the bytes behind it: no two are alike. */
struct stream {
    uint32_t tag;
    int known;  /* the tag is given, not read from the stream */
    size_t pos; /* of the next byte */
};

static uint8_t stream_byte(const struct stream *stream)
{
    uint32_t x = (stream->tag ^ (uint32_t)stream->pos * 0x9e3779b1) * 0x85ebca6b;

    return (uint8_t)((stream->pos < TAG_LEN ? stream->tag << 8 * stream->pos : x) >> 24);
}

static void stream_fill(struct stream *stream, uint8_t *buf, size_t len)
{
    for (; len > 0; len--, stream->pos++) {
        *buf++ = stream_byte(stream);
    }
}

/* Are these the stream's next bytes? */
static int stream_check(struct stream *stream, const uint8_t *buf, size_t len)
{
    int same = 1;

    for (; len > 0; len--, stream->pos++, buf++) {
        if (!stream->known && stream->pos < TAG_LEN) {
            stream->tag |= (uint32_t)*buf << (24 - 8 * stream->pos);
        }
        same &= *buf == stream_byte(stream);
    }
    return same;
}

/* Does this thread's stream go on after a call that returned n? If not, checks the reason. */
static int stream_goes_on(ssize_t n, int me)
{
    if (n > 0) {
        return 1;
    }
    if (n == -1 && errno == EINTR) {
        return storming;
    }
    check(n == 0 || errno == ECONNRESET || errno == EPIPE ||
          (errno == EBADF && atomic_load(&busy[me]) == -1));
    return 0;
}

static void stream_close(int me)
{
    int id = atomic_exchange(&busy[me], -1);

    check(id == -1 || sock_close(id) == 0);
}

/* Sends the stream up to end. Returns 0, or -1 if it ended early. */
static int stream_send(struct stream *stream, int id, int me, size_t end)
{
    struct stream next;
    uint8_t buf[2000];
    size_t len;
    ssize_t n;

    while (stream->pos < end) {
        len = 1 + draw(sizeof(buf));
        len = len < end - stream->pos ? len : end - stream->pos;
        next = *stream;
        stream_fill(&next, buf, len);
        n = sock_send(id, buf, len);
        if (!stream_goes_on(n, me)) {
            return -1;
        }
        stream->pos += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Sends a stream and compares the echo, perhaps only a part of it. */
static void stream_client(int id, int me)
{
    struct stream out = {.tag = draw(UINT32_MAX)}, in = {.tag = out.tag, .known = 1};
    size_t len = 1 + draw(TCP_SIZE_MAX), end = draw(2) ? len : draw((unsigned int)len);
    uint8_t buf[2000];
    ssize_t n = 0;

    if (stream_send(&out, id, me, len) == -1) {
        return;
    }
    while (in.pos < end && stream_goes_on(n = sock_recv(id, buf, sizeof(buf)), me)) {
        check(n == -1 || stream_check(&in, buf, (size_t)n));
    }
}

/* Echoes a stream, perhaps only a part of it. */
static void stream_server(int id, int me)
{
    struct stream in = {0}, out = {0};
    uint8_t buf[2000];
    ssize_t n = 0;

    while (draw(50) && stream_goes_on(n = sock_recv(id, buf, sizeof(buf)), me)) {
        if (n == -1) {
            continue;
        }
        check(stream_check(&in, buf, (size_t)n));
        out.tag = in.tag;
        if (in.pos >= TAG_LEN && stream_send(&out, id, me, in.pos) == -1) {
            return;
        }
    }
}

static void stream_connect(int me)
{
    struct sockaddr_in addr = address(TCP_PORT);
    int id = sock_open(PF_INET, SOCK_STREAM, 0);

    check(id != -1);
    atomic_store(&busy[me], id);
    if (counted_connect(id, &addr) == 0) {
        stream_client(id, me);
    } else {
        check(is_usual(errno));
    }
    stream_close(me);
}

static void stream_accept(int me)
{
    int id = counted_accept(storm_listener);

    if (id == -1) {
        check(errno == EINTR || errno == EBADF);
        return;
    }
    atomic_store(&busy[me], id);
    stream_server(id, me);
    stream_close(me);
}

static int listen_at(uint16_t port, int backlog)
{
    struct sockaddr_in addr = address(port);
    int id = sock_open(PF_INET, SOCK_STREAM, 0);

    check(id != -1);
    check(sock_bind(id, (struct sockaddr *)&addr, sizeof(addr)) == 0);
    check(sock_listen(id, backlog) == 0);
    return id;
}

/* Closes the socket of another thread, perhaps during a call. */
static void stream_disturb(void)
{
    usleep(draw(5000));
    stream_close((int)draw(STORM_THREADS));
    if (draw(10) == 0) {
        check(sock_close(storm_listener) == 0);
        storm_listener = listen_at(TCP_PORT, STORM_THREADS);
    }
}

static void *streamer_main(void *arg)
{
    int me = *(int *)arg;

    while (atomic_load(&storming)) {
        if (me == 0) {
            stream_disturb();
        } else if (me % 2) {
            stream_connect(me);
        } else {
            stream_accept(me);
        }
    }
    return arg;
}

/* Wherever a stream ends, the bytes received are those sent, and none of another stream. */
static void test_broken_streams(void)
{
    size_t i;

    storm_stack_start();
    for (i = 0; i < countof(busy); i++) {
        busy[i] = -1;
    }
    storm_listener = listen_at(TCP_PORT, STORM_THREADS);
    storm(streamer_main);
    check(sock_close(storm_listener) == 0);
    stack_stop();
}

/*
 * The end of the stack while threads sleep in every call
 */

#define END_CALLS 6

static int datagrams, idle_listener, stream; /* sockets that receive nothing */

/* Makes a call that sleeps without end. */
static ssize_t sleep_in_call(int call)
{
    struct sockaddr_in full = address(TCP_PORT); /* its backlog is full */
    ip_endp_t local = endpoint(TCP_PORT + 2);
    uint8_t byte;
    int id;

    switch (call) {
    case 0:
        return sock_recvfrom(datagrams, &byte, sizeof(byte), NULL, NULL);
    case 1:
        return sock_accept(idle_listener, NULL, NULL);
    case 2:
        return tcp_cmd_open(&local, NULL, 0);
    case 3:
        id = sock_open(PF_INET, SOCK_STREAM, 0);
        return sock_connect(id, (struct sockaddr *)&full, sizeof(full));
    case 4:
        return sock_recv(stream, &byte, sizeof(byte));
    default:
        return sock_send(stream, zeros, sizeof(zeros));
    }
}

static void *sleeping_caller_main(void *arg)
{
    ssize_t n;

    do {
        n = sleep_in_call(*(int *)arg);
    } while (n > 0); /* a part was sent */
    check(n == -1 && errno == EBADF);
    return NULL;
}

static int task_sleeps(const char *tid)
{
    char path[64], state = '?';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", tid);
    file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
            state = '?';
        }
        fclose(file);
    }
    return state == 'S';
}

/* Do all threads but the caller sleep? */
static int all_sleep(void)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    int running = 0;

    while ((entry = readdir(dir)) != NULL) {
        running += entry->d_name[0] != '.' && !task_sleeps(entry->d_name);
    }
    closedir(dir);
    return running == 1;
}

static void wait_until_all_sleep(void)
{
    int times = 0;

    while (times < 5) { /* a thread may also wait for a lock */
        sleep_ms(1);
        times = all_sleep() ? times + 1 : 0;
    }
}

static void open_sleepers_sockets(void)
{
    struct sockaddr_in addr = address(TCP_PORT);

    listen_at(TCP_PORT, 1);
    stream = sock_open(PF_INET, SOCK_STREAM, 0);
    check(sock_connect(stream, (struct sockaddr *)&addr, sizeof(addr)) == 0);
    idle_listener = listen_at(TCP_PORT + 1, 1);
    datagrams = sock_open(PF_INET, SOCK_DGRAM, 0);
}

/* Shuts the stack down while threads sleep in calls, with datagrams and signals pending. */
static void end_while_asleep(void)
{
    struct sockaddr_in nobody = address(TCP_PORT + 3);
    static int calls[END_CALLS];
    pthread_t threads[END_CALLS];
    unsigned int n;
    int sender, i;

    storm_stack_start();
    open_sleepers_sockets();
    sender = sock_open(PF_INET, SOCK_DGRAM, 0);
    for (i = 0; i < END_CALLS; i++) {
        calls[i] = i;
        threads[i] = start(sleeping_caller_main, &calls[i]);
    }
    wait_until_all_sleep();
    for (n = draw(50); n > 0; n--) {
        sock_sendto(sender, zeros, draw(UDP_SIZE_MAX), (struct sockaddr *)&nobody, sizeof(nobody));
        kill(getpid(), SIGIO);
    }
    check(net_shutdown() == 0);
    join_all(threads, END_CALLS);
    check(memory_in_use() == 0);
}

static void test_ends(void)
{
    int i;

    for (i = 0; i < ENDS; i++) {
        end_while_asleep();
    }
}

/*
 * The log on a full pipe in place of stderr
 */

#define LOG_THREADS 8
#define LOG_LINES 2000 /* of each */
#define LOG_BLOCK 3    /* lines that stay together */

static atomic_int logging;

static void discard(const char *text)
{
    (void)text;
}

/* Puts a pipe in place of stderr. Returns its end to read from, and the old stderr in old. */
static int log_to_pipe(int *old)
{
    int fds[2];

    check(pipe(fds) == 0);
    *old = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    check(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    log_set_sink(NULL);
    return fds[0];
}

static void log_back(int fd, int old)
{
    log_set_sink(discard);
    dup2(old, STDERR_FILENO);
    close(old);
    close(fd);
}

static void *log_blocks(void *arg)
{
    int i, j, number = *(int *)arg;

    for (i = 0; i < LOG_LINES / LOG_BLOCK; i++) {
        log_begin();
        for (j = 0; j < LOG_BLOCK; j++) {
            log_text("thread=%d, part=%d\n", number, j);
        }
        log_end();
    }
    return NULL;
}

/* Checks that blocks are whole, and that lines and missing lines add up. */
static void check_blocks(FILE *f)
{
    char line[256];
    int number, part, whole = 0, missing = 0, last = -1, next = 0;

    while (fgets(line, sizeof(line), f)) {
        if (strstr(line, "lines of the log are missing")) {
            missing += atoi(line);
        } else if (check(sscanf(line, "thread=%d, part=%d", &number, &part) == 2)) {
            check(part == next && (part == 0 || number == last));
            last = number;
            next = (part + 1) % LOG_BLOCK;
            whole++;
        }
    }
    check(next == 0 && missing > 0);
    check(whole + missing == LOG_THREADS * (LOG_LINES / LOG_BLOCK) * LOG_BLOCK + LOG_BLOCK);
}

static void *read_slowly(void *arg)
{
    static char buf[1 << 20];
    size_t len = 0;
    ssize_t n = 1;
    FILE *f;

    while (n > 0 || atomic_load(&logging)) {
        sleep_ms(1);
        n = read(*(int *)arg, buf + len, 4096 < sizeof(buf) - len ? 4096 : sizeof(buf) - len);
        len += n > 0 ? (size_t)n : 0;
    }
    f = fmemopen(buf, len, "r");
    check_blocks(f);
    fclose(f);
    return NULL;
}

static void test_log_threads(void)
{
    int fd, old, i, numbers[LOG_THREADS];
    pthread_t threads[LOG_THREADS], reader;
    static int last = LOG_THREADS;

    fd = log_to_pipe(&old);
    atomic_store(&logging, 1);
    for (i = 0; i < LOG_THREADS; i++) {
        numbers[i] = i;
        threads[i] = start(log_blocks, &numbers[i]);
    }
    sleep_ms(20); /* until the pipe is full */
    reader = start(read_slowly, &fd);
    join_all(threads, LOG_THREADS);
    sleep_ms(200);
    log_begin();
    for (i = 0; i < LOG_BLOCK; i++) {
        log_text("thread=%d, part=%d\n", last, i);
    }
    log_end();
    atomic_store(&logging, 0);
    pthread_join(reader, NULL);
    log_back(fd, old);
}

static void *log_for_ever(void *arg)
{
    while (atomic_load(&logging)) {
        errorf("again");
    }
    return arg;
}

static void *log_and_test_cancel(void *arg)
{
    for (;;) {
        errorf("again");
        pthread_testcancel();
    }
    return arg;
}

static void test_log_cancelled(void)
{
    int fd, old, i;
    pthread_t thread;

    fd = log_to_pipe(&old);
    for (i = 0; i < 50; i++) {
        thread = start(log_and_test_cancel, NULL);
        sleep_ms(1);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        errorf("the log is free");
    }
    log_back(fd, old);
}

/* A forked child can log, although other threads of its parent were logging. */
static void test_log_forked(void)
{
    int fd, old, i, status;
    pthread_t threads[2];
    pid_t pid;

    fd = log_to_pipe(&old);
    atomic_store(&logging, 1);
    start_all(threads, 2, log_for_ever, NULL);
    for (i = 0; i < 100; i++) {
        pid = fork();
        if (pid == 0) {
            alarm(10);
            signal(SIGALRM, SIG_DFL);
            errorf("the child logs");
            _exit(0);
        }
        check(waitpid(pid, &status, 0) == pid && status == 0);
    }
    atomic_store(&logging, 0);
    join_all(threads, 2);
    log_back(fd, old);
}

static void *hold_stderr(void *arg)
{
    flockfile(stderr);
    atomic_store(&logging, 2);
    while (atomic_load(&logging)) {
        sleep_ms(1);
    }
    funlockfile(stderr);
    return arg;
}

static void test_log_beside_stdio(void)
{
    int fd, old;
    pthread_t thread;

    fd = log_to_pipe(&old);
    atomic_store(&logging, 1);
    thread = start(hold_stderr, NULL);
    while (atomic_load(&logging) != 2) {
        sleep_ms(1);
    }
    errorf("not held up");
    atomic_store(&logging, 0);
    pthread_join(thread, NULL);
    log_back(fd, old);
}

/*
 * Cancelled threads, the program's own signals, and forked children
 */

static void *cancelled_caller_main(void *arg)
{
    sleep_in_call(*(int *)arg);
    return NULL;
}

/* A thread cancelled in a call leaves no lock held, and frees what the call allocated. */
static void test_cancelled_sleepers(void)
{
    static int calls[END_CALLS];
    pthread_t threads[END_CALLS];
    size_t before;
    void *ret;
    int i, round;

    stack_start();
    open_sleepers_sockets();
    for (round = 0; round < 10; round++) {
        wait_until_all_sleep();
        before = memory_in_use();
        for (i = 0; i < END_CALLS; i++) {
            calls[i] = i == 3 || i == 5 ? 4 : i; /* connect would leave its socket open */
            threads[i] = start(cancelled_caller_main, &calls[i]);
        }
        wait_until_all_sleep();
        for (i = 0; i < END_CALLS; i++) {
            check(pthread_cancel(threads[i]) == 0);
        }
        for (i = 0; i < END_CALLS; i++) {
            check(pthread_join(threads[i], &ret) == 0 && ret == PTHREAD_CANCELED);
        }
        wait_until_all_sleep();
        check(memory_in_use() == before);
    }
    check(sock_close(datagrams) == 0 && sock_close(idle_listener) == 0 && sock_close(stream) == 0);
    stack_stop();
}

/* Sends without ever sleeping in the stack. */
static void *cancelled_sender_main(void *arg)
{
    struct sockaddr_in nobody = address(TCP_PORT + 3);
    int id = *(int *)arg;

    for (;;) {
        sock_sendto(id, zeros, 10, (struct sockaddr *)&nobody, sizeof(nobody));
        pthread_testcancel();
    }
    return NULL;
}

static void test_cancelled_senders(void)
{
    pthread_t threads[PAIRS];
    int id, round;
    size_t i;

    stack_start();
    id = sock_open(PF_INET, SOCK_DGRAM, 0);
    for (round = 0; round < 50; round++) {
        start_all(threads, countof(threads), cancelled_sender_main, &id);
        usleep(draw(2000));
        for (i = 0; i < countof(threads); i++) {
            pthread_cancel(threads[i]);
        }
        join_all(threads, countof(threads));
    }
    check(sock_close(id) == 0);
    stack_stop();
}

static atomic_int handled, received;

static void counting_handler(int signo)
{
    (void)signo;
    atomic_fetch_add(&handled, 1);
}

static void interrupting_handler(int signo)
{
    (void)signo;
    intr_raise(INTR_IRQ_USER);
}

static void *sleeping_receiver_main(void *arg)
{
    char byte;
    ssize_t n = sock_recvfrom(*(int *)arg, &byte, 1, NULL, NULL);

    atomic_store(&received, n == -1 ? -errno : (int)n);
    return NULL;
}

/* A handler of the program ends a sleeping call only by raising INTR_IRQ_USER. */
static void test_own_handlers(void)
{
    struct sigaction own = {.sa_handler = counting_handler}; /* without SA_RESTART */
    struct sigaction ending = {.sa_handler = interrupting_handler};
    pthread_t thread;
    int id, i;

    stack_start();
    handled = received = 0;
    sigaction(SIGWINCH, &own, NULL);
    sigaction(SIGHUP, &ending, NULL);
    id = sock_open(PF_INET, SOCK_DGRAM, 0);
    thread = start(sleeping_receiver_main, &id);
    wait_until_all_sleep();
    for (i = 1; i <= 10; i++) {
        pthread_kill(thread, SIGWINCH);
        check(reaches(&handled, i));
    }
    sleep_ms(20);
    check(received == 0);
    pthread_kill(thread, SIGHUP);
    pthread_join(thread, NULL);
    check(received == -EINTR);
    signal(SIGWINCH, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    stack_stop();
}

static int device_fd = -1; /* of a device with a descriptor, such as a TAP */

static int file_open(struct net_device *dev)
{
    (void)dev;
    device_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return device_fd == -1 ? -1 : 0;
}

static int file_close(struct net_device *dev)
{
    (void)dev;
    return close(device_fd);
}

/* Returns the exit status of a forked child: 0, or the number of the check that failed. */
static int child_checks(int id, int acceptor)
{
    struct sockaddr_in addr = address(TCP_PORT);
    char byte;

    if (sock_recvfrom(id, &byte, 1, NULL, NULL) != -1 || errno != ENETDOWN) {
        return 1;
    }
    if (sock_sendto(id, "x", 1, (struct sockaddr *)&addr, sizeof(addr)) != -1 ||
        errno != ENETDOWN) {
        return 2;
    }
    if (sock_accept(acceptor, NULL, NULL) != -1 || errno != ENETDOWN) {
        return 3;
    }
    if (sock_open(PF_INET, SOCK_STREAM, 0) != -1 || errno != ENETDOWN || sock_close(id) != -1) {
        return 4;
    }
    if (fcntl(device_fd, F_GETFD) != -1) {
        return 5;
    }
    netstat_print();
    if (net_shutdown() != -1 || errno != ENETDOWN || net_init() != -1 || errno != ENETDOWN) {
        return 6;
    }
    return 0;
}

/* Forks children one after another while other threads hold the stack's locks at times. */
static void make_children(int id, int acceptor)
{
    pid_t pid;
    int i;

    for (i = 0; i < 50; i++) {
        pid = fork();
        if (pid == 0) {
            alarm(10); /* ends the child if a call hangs */
            _exit(child_checks(id, acceptor));
        }
        check(ends_well(pid));
    }
}

static void test_forked_child(void)
{
    static const struct net_device_ops ops = {.open = file_open, .close = file_close};
    struct net_device *dev;
    pthread_t threads[PAIRS];
    int id, acceptor;
    size_t i;

    stack_init();
    dev = net_device_alloc();
    dev->ops = &ops;
    check(net_device_register(dev) == 0 && net_run() == 0);
    id = sock_open(PF_INET, SOCK_DGRAM, 0);
    acceptor = listen_at(TCP_PORT, 1);
    start_all(threads, countof(threads), cancelled_sender_main, &id);
    make_children(id, acceptor);
    for (i = 0; i < countof(threads); i++) {
        pthread_cancel(threads[i]);
        pthread_join(threads[i], NULL);
    }
    check(fcntl(device_fd, F_GETFD) != -1); /* the parent's is still open */
    stack_stop();
}

int main(int argc, char **argv)
{
    sigset_t none;

    list = argc == 2 && strcmp(argv[1], "-l") == 0;
    only = argc > 1 && !list ? argv[1] : NULL;
    if (argc > 2 || (only && *only == '-')) {
        fprintf(stderr, "usage: %s [-l] [PART OF A TEXT]\n", argv[0]);
        return 2;
    }
    if (getenv("SEED")) {
        seed = strtoull(getenv("SEED"), NULL, 0);
    }
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    pthread_detach(start(watchdog_main, NULL));
    if (!getenv("MICROPS_LOG")) { /* errors are part of the tests */
        log_set_level("error");
        log_set_sink(discard);
    }
    run_test("starts, runs and stops in this order only", test_order);
    run_test("leaves no thread, descriptor or memory behind, nor a signal blocked [M-11]",
             test_nothing_left);
    run_test("survives signals while there is no interrupt thread", test_late_signal);
    run_test("survives its signals in a thread older than the stack", test_old_thread);
    run_test("leaves no signal blocked in a program that it starts", test_started_program);
    run_test("takes interrupts one at a time, from any thread or handler", test_interrupts);
    run_test("lets interrupts be raised while it stops", test_raising_at_the_end);
    run_test("asks every device when the signal queue is full [M-10]", test_full_signal_queue);
    run_test("keeps few signals pending in a flood of frames [M-10]", test_flood_of_signals);
    run_test("loses no frame that arrives when it is about to wait", test_no_lost_interrupt);
    run_test("gives each interrupt its turn in a flood of one", test_turns);
    run_test("does the work of devices before timers that are late", test_work_before_timers);
    run_test("calls a timer at its interval, and not after the shutdown", test_timer);
    run_test("meets the deadlines of a one-shot timer", test_once);
    run_test("calls a one-shot timer that many threads move", test_moved_once);
    run_test("calls a one-shot timer at once after a stop of the process", test_stopped_once);
    run_test("interrupts the present sleepers, and no later one", test_interruption);
    run_test("wakes a sleeper at its deadline, not before", test_deadline);
    run_test("wakes a thread when the lock is released, not into a wait", test_wakeup_at_release);
    run_test("destroys tasks that are being woken", test_destroyed_while_woken);
    run_test("destroys a task once the last sleeper has left", test_destroy);
    run_test("loses no wake-up", test_wakeups);
    run_test("loses no softirq", test_softirq);
    run_test("echoes UDP between eight threads", test_udp);
    run_test("wakes a receiver when its endpoint is closed", test_close);
    run_test("wakes receivers at the shutdown", test_shutdown);
    run_test("echoes TCP between eight threads [M-5]", test_tcp);
    run_test("closes listeners while clients connect", test_listeners);
    run_test("survives random calls and signals [T-35]", test_random_calls);
    run_test("mixes up no streams, wherever they end", test_broken_streams);
    run_test("shuts down while threads sleep in every call", test_ends);
    run_test("logs from eight threads into a full pipe, and counts missing lines",
             test_log_threads);
    run_test("leaves the log unlocked if a logging thread is cancelled", test_log_cancelled);
    run_test("logs in a child forked while the parent's threads log", test_log_forked);
    run_test("logs while another thread holds stdio's lock on stderr", test_log_beside_stdio);
    run_test("leaves no lock or memory behind if a sleeper is cancelled", test_cancelled_sleepers);
    run_test("leaves no lock or memory behind if a sender is cancelled", test_cancelled_senders);
    run_test("sleeps on after a handler of the program has run", test_own_handlers);
    run_test("is down in a forked child, even if a lock was held", test_forked_child);
    if (passed + failed == 0) {
        fprintf(stderr, "%s: no test has '%s' in its text: -l lists them\n", argv[0], only);
        return 2;
    }
    if (!list) {
        printf("%d passed, %d failed\n", passed, failed);
    }
    return failed > 0;
}
