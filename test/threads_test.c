/*
 * The Linux platform with real threads: the one test in which the thread sanitizer can find a race.
 * It needs no privilege: the only device is the loopback.
 *
 *     make SAN=thread && build/thread/test/threads_test.exe [PART-OF-A-TEXT]
 */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
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

static int list;                 /* list the tests, run none */
static const char *only;         /* part of the titles of the tests to run */
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
    size_t i;

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
    for (i = 0; i < countof(threads); i++) {
        threads[i] = start(raising_main, NULL);
    }
    for (i = 0; i < countof(threads); i++) {
        pthread_join(threads[i], NULL);
    }
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
    for (i = 0; i < countof(threads); i++) {
        pthread_join(threads[i], NULL);
    }
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
    size_t i;

    sleepers = 0;
    for (i = 0; i < n; i++) {
        threads[i] = start(sleeper_main, ms);
    }
    check(reaches(&sleepers, (int)n));
    lock_acquire(&lock);
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
    lock_acquire(&lock);
    sched_task_destroy(&task, &lock);
    lock_release(&lock);
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
    for (i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    lock_acquire(&lock);
    sched_task_destroy(&task, &lock);
    lock_release(&lock);
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
    size_t i;

    produced = consumed = 0;
    sched_task_init(&task);
    check(platform_init() == 0);
    check(intr_register(INTR_IRQ_SOFT, consuming_isr, 0, NULL) == 0);
    check(platform_run() == 0);
    for (i = 0; i < countof(threads); i++) {
        threads[i] = start(producer_main, NULL);
    }
    for (i = 0; i < countof(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    check(platform_shutdown() == 0);
    lock_acquire(&lock);
    sched_task_destroy(&task, &lock);
    lock_release(&lock);
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
        sleep_ms(1 + random16() % 4);
        intr_raise(random16() % 4 ? INTR_IRQ_USER : INTR_IRQ_SOFT);
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
    for (i = 0; i < PAIRS; i++) {
        pthread_join(servers[i], NULL);
    }
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
        len = 1 + random16() % sizeof(data);
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
    for (i = 0; i < PAIRS; i++) {
        pthread_join(threads[i], NULL);
    }
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
    ip_endp_t server = endpoint(TCP_PORT);
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_port = server.port,
        .sin_addr.s_addr = server.addr,
    };
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
        len = 1 + random16() % TCP_SIZE_MAX;
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
    size_t i;
    int n;

    stack_start();
    listening = 1;
    for (i = 0; i < countof(comers); i++) {
        comers[i] = start(comer_main, NULL);
    }
    for (n = 0; n < LISTENERS; n++) {
        int desc = listen_once();

        usleep(200);
        check(tcp_cmd_close(desc) == 0);
    }
    listening = 0;
    n = listen_once(); /* so that every connect ends */
    for (i = 0; i < countof(comers); i++) {
        pthread_join(comers[i], NULL);
    }
    check(tcp_cmd_close(n) == 0);
    stack_stop();
}

static void start_watchdog(void)
{
    sigset_t all, mask;

    sigfillset(&all); /* in a thread older than the platform its signals would end the process */
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pthread_detach(start(watchdog_main, NULL));
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void discard(const char *text)
{
    (void)text;
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
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    start_watchdog();
    if (!getenv("MICROPS_LOG")) { /* errors are part of the tests */
        log_set_level("error");
        log_set_sink(discard);
    }
    run_test("starts, runs and stops in this order only", test_order);
    run_test("leaves no thread, descriptor or memory behind, nor a signal blocked",
             test_nothing_left);
    run_test("survives a signal that nobody takes any more", test_late_signal);
    run_test("takes interrupts one after another, whoever raises them", test_interrupts);
    run_test("lets anybody raise interrupts while it stops", test_raising_at_the_end);
    run_test("asks every device if the signal queue is full", test_full_signal_queue);
    run_test("gives each interrupt its turn, whatever comes all the time", test_turns);
    run_test("calls a timer at its interval, and not after the end", test_timer);
    run_test("interrupts who sleeps, once, and forgets it", test_interruption);
    run_test("wakes at the deadline, not before", test_deadline);
    run_test("destroys a task when the last sleeper has left", test_destroy);
    run_test("loses no wake-up", test_wakeups);
    run_test("loses no softirq", test_softirq);
    run_test("echoes UDP between eight threads", test_udp);
    run_test("wakes a receiver when its endpoint is closed", test_close);
    run_test("wakes receivers at the shutdown", test_shutdown);
    run_test("echoes TCP between eight threads", test_tcp);
    run_test("closes a listener while clients come", test_listeners);
    if (passed + failed == 0) {
        fprintf(stderr, "%s: no test has '%s' in its text: -l lists them\n", argv[0], only);
        return 2;
    }
    if (!list) {
        printf("%d passed, %d failed\n", passed, failed);
    }
    return failed > 0;
}
