#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "net.h"
#include "platform.h"
#include "sim.h"

/*
 * Tests the bench itself: the reports of behaviours that fail on purpose; the notation, read,
 * printed, and compared with bytes made by hand; and the simulated platform against platform.h.
 */

/*
 * Graders and failing behaviours, run in a process of their own
 */
static char output[65536];

static const char *capture_file = "/dev/null";

/* Runs bench_main with these behaviours and options (at most 6, then NULL), its output in output.
 * Returns its exit status. */
static int grade_apart(const struct behaviour *list, size_t num, const char *const *args)
{
    char *argv[8] = { (char *)(uintptr_t)"grader" };
    int argc = 1;
    size_t len = 0;
    ssize_t n;
    int fds[2], status;
    pid_t pid;

    while (args[argc - 1]) {
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
        argc++;
    }
    check(pipe(fds) == 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        sim_forget();
        status = bench_main(98, list, num, argc, argv);
        fflush(stdout);
        _exit(status);
    }
    close(fds[1]);
    while ((n = read(fds[0], output + len, sizeof(output) - 1 - len)) > 0) {
        len += (size_t)n;
    }
    output[len] = '\0';
    close(fds[0]);
    waitpid(pid, &status, 0);
    check(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run_apart(const struct behaviour *b, const char *seed)
{
    const char *args[] = { "-s", seed, "-w", capture_file, NULL };

    return grade_apart(b, 1, args);
}

/* Checks that the behaviour fails, and that its report contains part. */
static void must_fail(void (*func)(void), const char *part)
{
    struct behaviour b = { "on purpose", func };
    check(run_apart(&b, "1") != 0);
    if (strncmp(output, "FAIL 98 on purpose\n", 19) || !strstr(output, part)) {
        fail("the report lacks: %s\n%.300s", part, output);
    }
    check(strstr(output, "0 passed, 1 failed\n") != NULL);
}

/*
 * Locks
 */
static lock_t a = { .mutex = PTHREAD_MUTEX_INITIALIZER, .name = "a.c" };
static lock_t b = { .mutex = PTHREAD_MUTEX_INITIALIZER, .name = "b.c" };
static lock_t c = { .mutex = PTHREAD_MUTEX_INITIALIZER, .name = "c.c" };
static struct sched_task bed;

static void take_both(lock_t *first, lock_t *second)
{
    lock_acquire(first);
    lock_acquire(second);
    lock_release(second);
    lock_release(first);
}

static void lock_cycle(void)
{
    take_both(&a, &b);
    take_both(&b, &c);
    take_both(&c, &a);
}

static void lock_twice(void)
{
    lock_acquire(&a);
    lock_acquire(&a);
}

static void release_anothers(void)
{
    lock_release(&a);
}

static void holder(void *arg)
{
    (void)arg;
    lock_acquire(&a);
}

static void end_with_lock(void)
{
    task_start("holder", holder, NULL);
}

static void sleep_with_lock(void)
{
    sched_task_init(&bed);
    lock_acquire(&b);
    lock_acquire(&a);
    sched_task_sleep(&bed, &a, 0);
}

static void wake_without_lock(void)
{
    sched_task_init(&bed);
    sched_task_wakeup(&bed);
    check(1);
    lock_acquire(&b);
    sched_task_sleep(&bed, &a, 0);
}

static void test_locks(void)
{
    must_fail(lock_cycle,
              "now c.c, then a.c (task main)\n    before b.c, then c.c (task main), after a.c");
    must_fail(lock_twice, "takes a lock that it holds already (a.c)");
    must_fail(release_anothers, "releases a lock that it does not hold (a.c)");
    must_fail(end_with_lock, "task holder ends while it holds a lock (a.c)");
    must_fail(sleep_with_lock, "would sleep while it holds another lock (b.c)");
    must_fail(wake_without_lock, "does not hold the lock that it gives (a.c)");
}

/*
 * Tasks
 */
static void destroy_bed(void)
{
    sched_task_init(&bed);
    lock_acquire(&a);
    sched_task_destroy(&bed, &a);
}

static void sleep_on_destroyed(void)
{
    destroy_bed();
    sched_task_sleep(&bed, &a, 0);
}

static void wake_destroyed(void)
{
    destroy_bed();
    sched_task_wakeup(&bed);
}

static void wake_one_destroyed(void)
{
    destroy_bed();
    sched_task_wakeup_one(&bed);
}

static void destroy_twice(void)
{
    destroy_bed();
    sched_task_destroy(&bed, &a);
}

static void test_destroyed(void)
{
    must_fail(sleep_on_destroyed, "sched_task_sleep: the sched_task is destroyed (task main)");
    must_fail(wake_destroyed, "sched_task_wakeup: the sched_task is destroyed");
    must_fail(wake_one_destroyed, "sched_task_wakeup_one: the sched_task is destroyed");
    must_fail(destroy_twice, "sched_task_destroy: called twice");
    destroy_bed();
    sched_task_init(&bed); /* now it can be used again */
    sched_task_wakeup(&bed);
    check_error(sched_task_sleep(&bed, &a, clock_now() + SIM_SECOND), ETIMEDOUT);
    sched_task_destroy(&bed, &a);
    lock_release(&a);
}

/*
 * Behaviours that hang, crash or leak
 */
static void sleeper(void *arg)
{
    int *result = arg;

    lock_acquire(&a);
    *result = sched_task_sleep(&bed, &a, 0) == -1 ? errno : 0;
    lock_release(&a);
}

static void all_sleep(void)
{
    int result;

    sched_task_init(&bed);
    task_start("reader", sleeper, &result);
    lock_acquire(&a);
    sched_task_sleep(&bed, &a, 0);
}

static void outlives(void)
{
    static int result;

    sched_task_init(&bed);
    task_start("reader", sleeper, &result);
}

static void too_long(void)
{
    advance(21000L * 1000);
}

static void crash(void)
{
    sim_doing(__FILE__, __LINE__ + 1, "the last thing done");
    abort();
}

static void leave(void)
{
    _exit(0);
}

static void leak(void)
{
    check(memory_alloc(77) != NULL);
}

static void free_twice(void)
{
    static char *p;

    p = memory_alloc(10);
    memory_free(p);
    memory_free(p);
}

static void write_after_free(void)
{
    char *volatile p = memory_alloc(10);

    memory_free(p);
    p[3]++;
}

static void write_beyond(void)
{
    char *volatile p = memory_alloc(10);

    p[10] = 0;
    memory_free(p);
}

/* Checks the report's place of the code, if it can be known. */
static void must_name(const char *place)
{
    if (SIM_SANITIZED || system("command -v addr2line >/dev/null") == 0) {
        check_str(strstr(output, place) ? place : output, place);
    }
}

static void test_ends(void)
{
    must_fail(all_sleep,
              "nothing will ever wake them\n    task main sleeps (a.c)\n    task reader sleeps");
    must_fail(outlives, "after net_shutdown:\n    task reader sleeps (a.c)");
    must_fail(too_long, "no end after 20000 seconds of virtual time");
    must_fail(crash, ": the last thing done\n    crashed in task main: Aborted");
    must_fail(leave, "the process ended in task main with status 0");
    must_fail(leak, "1 allocations are left after net_shutdown: 77 bytes");
    must_fail(free_twice, "freed twice");
    if (!SIM_SANITIZED) {
        must_fail(leak, "(allocation no. 1)\n");
        must_name("    allocation no. 1 was made in leak, test/bench_selftest.c:");
        must_fail(write_after_free, "byte 3 of 10 was written after memory_free");
        must_fail(write_beyond, "byte 10 of an allocation of 10 bytes was written");
    }
}

/*
 * Checks
 */
static void check_false(void)
{
    check(1 + 1 == 3);
}

static void check_number(void)
{
    check_int(1 + 1, 3);
}

static void check_text(void)
{
    check_str("ab", "abc");
}

static void check_bytes(void)
{
    check_mem("abcd", "abxd", 4);
}

static int refuse(void)
{
    errno = ENOENT;
    return -1;
}

static void check_errno(void)
{
    check_error(refuse(), EBADF);
}

static int which; /* of compare's checks */

static void compare(void)
{
    int wait = 5, last = 3, desc = refuse();

    check_cmp(wait, >=, 5);
    check_cmp(wait, !=, last);
    check_range(wait, last, 5);
    check_ptr(&wait, &wait);
    switch (which) {
    case 0: check_cmp(wait, >=, 2 * last); break;
    case 1: check_cmp(wait, <, 5); break;
    case 2: check_cmp(desc, !=, -1); break;
    case 3: check_range(wait, last - 7, last); break;
    case 4: check_ptr(NULL, &wait); break;
    default: check_ptr(&last, &wait);
    }
}

/* Operands are shown; those that are numbers already, once. */
static void test_operands(void)
{
    static const char *const parts[] = {
        "    does not hold: wait >= 2 * last\n    wait is 5, 2 * last is 6\n",
        "    does not hold: wait < 5\n    wait is 5\n",
        "    does not hold: desc != -1\n    desc is -1 (errno is ENOENT)\n",
        "    wait\n    expected -4 to 3, got 5\n",
        "    NULL\n    expected &wait, got NULL\n",
        "    &last\n    expected &wait, got another pointer\n",
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        which = (int)i;
        must_fail(compare, parts[i]);
    }
}

static void test_checks(void)
{
    must_fail(check_false, "does not hold: 1 + 1 == 3");
    must_fail(check_number, "1 + 1\n    expected 3 (0x3), got 2 (0x2)");
    must_fail(check_text, "expected \"abc\"\n    got      \"ab\"");
    must_fail(check_bytes, "byte 2 of 4 expected 0x78, got 0x63");
    must_fail(check_errno, "expected -1 and EBADF, got -1 and ENOENT");
    check_error(refuse(), ENOENT);
}

/* A wire without a stack: its end returns every packet unchanged. */
static void mirror(void *wire, const struct packet *p)
{
    (void)wire;
    sim_wire_sent(p);
}

static void start_mirror(void)
{
    static char end;

    sim_wire_now = &end;
    sim_wire_send = mirror;
}

/*
 * Whole reports: below the line of the title
 */
static struct {
    uint64_t bad_ttl;
} stats;

enum { DROP_LINE = __LINE__ + 6 };

/* The stack, as far as it drops all packets. */
static void drop_packet(void *wire, const struct packet *p)
{
    (void)wire;
    drop(stats.bad_ttl, "ttl=%u", p->data[8]);
}

static void start_dropping(void)
{
    static char end;

    sim_wire_now = &end;
    sim_wire_send = drop_packet;
}

#define A_PACKET "IP 192.0.2.1 > 192.0.2.2 proto 253 'abcd'"

static void no_answer(void)
{
    start_dropping();
    bench_inject(A_PACKET, "ip.ttl=1, ip.tos=4", "here.c", 7);
    bench_expect(A_PACKET, 0, "here.c", 8);
}

static void fault_in_step(void)
{
    start_dropping();
    bench_inject(A_PACKET, "ip.ttl=1", "here.c", 7);
    bench_fail("here.c", 7, "what");
}

static void dropped_earlier(void)
{
    start_dropping();
    bench_inject(A_PACKET, "ip.ttl=1", "here.c", 7);
    sim_wire_send = mirror;
    bench_inject(A_PACKET, NULL, "here.c", 8);
    bench_expect(A_PACKET, 0, "here.c", 9);
    bench_fail("here.c", 10, "what");
}

static void no_memory(void)
{
    wire_faults(&(struct wire_faults){ .loss = 1000, .late_ms = 7 });
    sim_fail_alloc(2);
    memory_free(memory_alloc(3));
    memory_alloc(4);
    bench_fail("here.c", 7, "what");
}

static void unwritten(void)
{
    log_line('W', "arp.c", 88, "arp_resolve", "not written yet (step 13)");
    log_line('W', "arp.c", 99, "arp_insert", "not written yet (step 13)");
    log_line('W', "arp.c", 88, "arp_resolve", "not written yet (step 13)");
    bench_fail("here.c", 7, "what");
}

/* Much of everything. */
static void talkative(void)
{
    start_dropping();
    wire_faults(&(struct wire_faults){ .vary_ms = 1 });
    for (int i = 0; i < 9; i++) {
        printf("line %d\n", i);
        inject(A_PACKET);
    }
    advance(1);
    log_line('W', "arp.c", 88, "arp_resolve", "not written yet");
    bench_fail("here.c", 7, "one\ntwo\nthree\nfour\nfive");
}

/* Checks that the behaviour fails with exactly this report. */
static void must_report(void (*func)(void), const char *text)
{
    struct behaviour behaviour = { "on purpose", func };
    const char *got;
    size_t same;
    char *end;

    check_int(run_apart(&behaviour, "1"), 1);
    end = strstr(output, "    again: grader -s 1 -v 'on purpose'\n");
    if (!end) {
        fail("no end of a report: %.400s", output);
    }
    *end = '\0';
    got = output + strlen("FAIL 98 on purpose\n");
    for (same = 0; got[same] && got[same] == text[same]; same++) {
        ;
    }
    if (strcmp(got, text)) {
        fail("expected ...%.80s\ngot ...%.80s", text + same, got + same);
    }
}

static void test_reports(void)
{
    char text[512];

    snprintf(text, sizeof(text),
             "    here.c:8: expect(\"" A_PACKET "\")\n"
             "    nothing went out\n"
             "    fault: ip.ttl=1, ip.tos=4, in " A_PACKET "\n"
             "    dropped: bench_selftest.bad_ttl \"ttl=1\" (test/bench_selftest.c:%d)\n"
             "          0 ms in   " A_PACKET "\n",
             DROP_LINE);
    must_report(no_answer, text);
    must_report(no_memory,
                "    here.c:7\n    what\n"
                "    fault: wire: loss 1000, late_ms 7; "
                "memory_alloc of 4 bytes failed (allocation no. 2)\n");
    must_report(unwritten,
                "    here.c:7\n    what\n    not written yet: arp_resolve, arp_insert\n");
}

static void test_drops(void)
{
    must_fail(fault_in_step, "here.c:7: inject_with(\"ip.ttl=1\", \"" A_PACKET "\")\n"
                             "    what\n    dropped: bench_selftest.bad_ttl \"ttl=1\" (");
    must_fail(dropped_earlier, "what\n    dropped earlier: bench_selftest.bad_ttl \"ttl=1\" (");
}

static size_t lines_of(const char *text)
{
    size_t n = 0;

    while ((text = strchr(text, '\n'))) {
        text++;
        n++;
    }
    return n;
}

static void test_length(void)
{
    must_fail(talkative, "    four\n    fault: wire: vary_ms 1\n    dropped: ");
    check_int(lines_of(output), 14); /* with those of the capture and the sum */
    must_fail(talkative, "    not written yet: arp_resolve\n          ");
}

/*
 * Crashes and hangs, with the place if addr2line is installed
 */
static volatile int forever = 1;

static __attribute__((noinline)) void write_to_null(void)
{
    static int *volatile nowhere;

    *nowhere = 1;
    forever++; /* not a tail call */
}

static __attribute__((noinline)) int recurse(int n)
{
    volatile char big[512];

    big[0] = (char)n;
    return forever ? recurse(n + 1) + big[0] : 0;
}

static __attribute__((noinline)) void read_beyond(void)
{
    char *p = calloc(1, 9 + (size_t)forever);

    forever += p ? p[9 + forever] : 0;
    free(p);
}

static void spin(void *arg)
{
    (void)arg;
    while (forever) {
        ;
    }
}

static void crash_null(void)
{
    bench_inject_bytes("", 0, "here.c", 7);
}

static void null_wire(void *wire, const struct packet *p)
{
    (void)wire;
    (void)p;
    write_to_null();
}

static void crash_in_stack(void)
{
    start_dropping();
    sim_wire_send = null_wire;
    crash_null();
}

static void recursion(void *arg)
{
    (void)arg;
    recurse(1);
}

static void overflow(void)
{
    task_start("deep", recursion, NULL);
}

static void hang(void)
{
    time_limit(1);
    sim_doing(__FILE__, __LINE__ + 1, "task_start()");
    task_start("busy", spin, NULL);
    forever++; /* not a tail call */
}

static struct sched_task *volatile nowhere;

/* The step in progress has ended. */
enum { CRASH_LINE = __LINE__ + 8, WAIT_LINE = CRASH_LINE + 17 };

static void crash_after_step(void)
{
    start_mirror();
    bench_inject(A_PACKET, NULL, "here.c", 7);
    printf("printed before\n");
    debugf("logged before");
    sched_task_init(nowhere);
    forever++;
}

static void sleep_and_crash(void *arg)
{
    (void)arg;
    lock_acquire(&a);
    sched_task_sleep(&bed, &a, sim_now + SIM_SECOND);
    sched_task_init(nowhere);
    forever++;
}

static void crash_while_waiting(void)
{
    sched_task_init(&bed);
    task_start("sleeper", sleep_and_crash, NULL);
    advance(2000);
    forever++;
}

static void skip(void)
{
}

static void test_crash(void)
{
    if (SIM_SANITIZED) { /* the undefined-behaviour sanitizer's, or the address sanitizer's */
        must_fail(crash_in_stack, "    ");
        check(strstr(output, "null pointer of type 'int'") || strstr(output, ": SEGV on unknown"));
        must_fail(read_beyond, "AddressSanitizer: heap-buffer-overflow on address");
        must_name("    in read_beyond, test/bench_selftest.c:");
        return;
    }
    must_fail(crash_in_stack, "    crashed in task main: Segmentation fault, a NULL pointer\n    ");
    must_name("    in write_to_null, test/bench_selftest.c:");
    must_fail(overflow, "    crashed in task deep: Segmentation fault\n    ");
    must_name("    in recurse, test/bench_selftest.c:");
}

/* Not the step that was in progress last, and no other line of the test. */
static void test_crash_line(void)
{
    struct behaviour behaviour = { "on purpose", crash_after_step };
    char text[128];

    check_int(grade_apart(&behaviour, 1, (const char *const[]){ "-v", NULL }), 1);
    check(strstr(output, "\nprinted before\n") != NULL);
    check(strstr(output, "crash_after_step: logged before (") != NULL);
    snprintf(text, sizeof(text), "\n    test/bench_selftest.c:%d\n    crashed in", CRASH_LINE);
    if (!SIM_SANITIZED) {
        must_name(text);
        must_fail(crash_while_waiting, "    crashed in task sleeper: Segmentation fault");
        snprintf(text, sizeof(text), "\n    test/bench_selftest.c:%d\n    crashed in", WAIT_LINE);
        must_name(text);
    }
}

static void test_hang(void)
{
    static const struct behaviour list[] = {
        { "passes", skip }, { "hangs", hang }, { "is not run", skip }, { "nor is this", skip },
    };
    char text[128];

    time_limit(10); /* in which this behaviour waits */
    check_int(grade_apart(list, 4, (const char *const[]){ NULL }), 1);
    snprintf(text, sizeof(text), ": task_start()\n    no end after %d seconds of computing: "
             "task busy runs for ever\n", SIM_SANITIZED ? 6 : 1);
    check(strstr(output, text) != NULL);
    must_name("    in spin, test/bench_selftest.c:");
    check(strstr(output, "\none hangs: 2 not run\n1 passed, 3 failed\n") != NULL);
    check(strstr(output, "is not run\n") == NULL);
    check_int(grade_apart(list, 4, (const char *const[]){ "--all", NULL }), 1);
    check(strstr(output, "FAIL 98 is not run\n    not run\nFAIL 98 nor is this\n") != NULL);
}

/*
 * The notation
 */
static const char *const lines[] = {
    "ARP who-has 192.0.2.2 tell 192.0.2.1",
    "ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01",
    "ether 00:00:5e:00:53:90 > 00:00:5e:00:53:01 ARP who-has 192.0.2.2 tell 192.0.2.9",
    "type 0x88b5 len 60",
    "type 0x0806 hex 000108000604000300005e0053fec0000201000000000000c0000202",
    "type 0x0800 hex 4500000001",
    "IP 192.0.2.1 > 192.0.2.2 proto 253 len 4",
    "IP 192.0.2.1 > 192.0.2.2 proto 253 'a\\'b\\n\\\\'",
    "IP 192.0.2.1 > 192.0.2.2 mf offset 3 proto 253 len 8",
    "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 2 len 56",
    "IP 192.0.2.1 > 192.0.2.2 ICMP echo-reply id 1 seq 2 'x'",
    "IP 192.0.2.1 > 192.0.2.2 ICMP type 13 len 12",
    "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'",
    "UDP 192.0.2.1.5000 > 192.0.2.2.7 len 100",
    "TCP 192.0.2.9.1 > 192.0.2.2.7 S 5:5(0) win 512 <mss 1460,nop,wscale 7,sackOK,TS val 1 ecr 2>",
    "S 0:0(0) win 65535 <mss 1460>",
    "P. 1:11(10) ack 1 win 1000",
    "FP.U 11:14(3) ack 1 win 1000 urg 2 'abc'",
    ". 1:1(0) ack 1 win 1 <nop,nop,sack 5:9 12:14>",
};

static uint8_t bytes[SIM_FRAME_MAX];
static uint8_t other[SIM_FRAME_MAX];

static void test_lines(void)
{
    struct packet p = { bytes, 0, 0, 0 };
    char text[512];
    size_t i;

    connection('A', NULL, NULL, UINT32_MAX - 3);
    for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        sim_build(lines[i], DIR_IN, strncmp(lines[i], "IP", 2) ? 14 : 0, &p, NULL);
        sim_print(&p, DIR_IN, text, sizeof(text));
        check_str(text, lines[i]);
    }
}

static void test_bytes(void)
{
    static const uint8_t udp[] = {
        0x45, 0x00, 0x00, 0x21, 0x00, 0x05, 0x00, 0x00, 0x40, 0x11, 0xf6, 0xc3, 192, 0,
        2, 1, 192, 0, 2, 2,
        0x13, 0x88, 0x00, 0x07, 0x00, 0x0d, 0x24, 0x6f, 'h', 'e', 'l', 'l', 'o',
    };
    static const uint8_t tcp[] = {
        0x45, 0x00, 0x00, 0x2c, 0x00, 0x05, 0x00, 0x00, 0x40, 0x06, 0xf6, 0xc3, 192, 0,
        2, 1, 192, 0, 2, 2,
        0x13, 0x88, 0x00, 0x07, 0, 0, 0, 99, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff, 0x00, 0x31, 0, 0,
        2, 4, 5, 0xb4,
    };
    struct packet p = { bytes, 0, 0, 0 };

    sim_build("UDP 192.0.2.1.5000 > 192.0.2.2.7 id 5 'hello'", DIR_IN, 0, &p, NULL);
    check_int(p.len, sizeof(udp));
    check_mem(bytes, udp, sizeof(udp));
    connection('B', NULL, NULL, 99);
    sim_build("S 0:0(0) <mss 1460>", DIR_IN, 0, &p, NULL);
    check_int(p.len, sizeof(tcp));
    check_mem(bytes, tcp, 4); /* the bench chooses the id, which the checksum covers */
    check_mem(bytes + 6, tcp + 6, 4);
    check_mem(bytes + 12, tcp + 12, sizeof(tcp) - 12);
}

static void unreadable(void)
{
    struct packet p = { bytes, 0, 0, 0 };

    sim_build("IP 192.0.2.1 > 192.0.2.2 proto 253 lenn 4", DIR_IN, 0, &p, NULL);
}

static void bad_range(void)
{
    struct packet p = { bytes, 0, 0, 0 };

    sim_build("P. 1:11(9) ack 1", DIR_IN, 0, &p, NULL);
}

static void test_unreadable(void)
{
    must_fail(unreadable, "the line should end here");
    must_fail(bad_range, "END is not SEQ + LEN");
}

/* Faults, and the difference that the comparison with the good packet reports. */
static const struct {
    const char *faults;
    const char *difference;
} faults[] = {
    { "ip.total=0x3000", "ip.total (bytes 2-3) expected 0x0030, got 0x3000: swapped" },
    { "ip.sum=+1", "ip.sum (bytes 10-11) expected" },
    { "ip.version=6", "ip.version (byte 0) expected 4, got 6" },
    { "ip.ihl=4", "ip.ihl (byte 0) expected 5, got 4" },
    { "ip.src=10.0.0.1", "ip.src (bytes 12-15) expected 192.0.2.1, got 10.0.0.1" },
    { "ip.ttl=1", "" },
    { "ip.ttl=1, ip.df=1, ip.tos=4", "" },
    { "ip.mf=1", "ip.mf (bytes 6-7) expected 0, got 1" },
    { "icmp.seq=-1", "icmp.seq (bytes 6-7) expected 0x0002, got 0x0001" },
    { "icmp.sum=0", "icmp.sum (bytes 2-3) expected" },
    { "ip.options=94040000", "ip.ihl (byte 0) expected 5, got 6" },
    { "frame.len=+2", "frame: expected 48 bytes, got 50" },
    { "frame.len=12", "got 12" },
};

static void test_faults(void)
{
    static const char good[] = "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 2 len 20";
    struct packet p = { bytes, 0, 0, 0 }, want = { other, 0, 0, 0 };
    char diff[600];
    size_t i;
    int wrong;

    for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        sim_build(good, DIR_IN, 0, &p, NULL);
        check(sim_apply_faults(&p, faults[i].faults) == NULL);
        sim_build(good, DIR_IN, 0, &want, &p);
        sim_compare(&want, &p, diff, sizeof(diff));
        wrong = *faults[i].difference ? !strstr(diff, faults[i].difference) : *diff != '\0';
        if (wrong) {
            fail("%s: expected %s\ngot %s", faults[i].faults, faults[i].difference, diff);
        }
    }
    check_str(sim_apply_faults(&p, "ip.ttl=1, ip.nonsense=3"), "ip.nonsense=3");
    check_str(sim_apply_faults(&p, "udp.len=1"), "udp.len=1");
}

/*
 * The platform
 */
static int ticks;
static uint64_t tick_at[4];
static int in_interrupt;

static void tick(void)
{
    if (ticks < 4) {
        tick_at[ticks] = now_ms();
    }
    in_interrupt += sim_in_interrupt();
    ticks++;
}

static void test_timer(void)
{
    struct timeval interval = { 0, 250000 };

    check(timer_register(interval, tick) == -1);
    check(platform_init() == 0);
    check(timer_register(interval, tick) == 0);
    advance(1000);
    check_int(ticks, 0);
    check(platform_run() == 0);
    check(timer_register(interval, tick) == -1);
    advance(999);
    check_int(ticks, 3);
    check_int(tick_at[0], 1250);
    check_int(tick_at[2], 1750);
    advance(1);
    check_int(ticks, 4);
    check_int(in_interrupt, 4);
    check_int(sim_intr_count(INTR_IRQ_TIMER), 4);
    check(platform_shutdown() == 0);
    advance(1000);
    check_int(ticks, 4);
}

static struct timer_once once;
static uint64_t once_at;
static int onces;

static void once_handler(void)
{
    once_at = now_ms();
    in_interrupt += sim_in_interrupt();
    if (++onces == 3) { /* it may set itself again */
        timer_once_set(&once, clock_now() + 5 * SIM_MS);
    }
}

/* Moves the clock to 1 ms before the expected call, and to it. */
static void expect_once(int n, uint64_t at)
{
    advance((long)(at - now_ms()) - 1);
    check_int(onces, n - 1);
    advance(1);
    check_int(onces, n);
    check_int(once_at, at);
}

static void set_once(void *arg)
{
    lock_acquire(&a);
    timer_once_set(&once, clock_now() + *(uint64_t *)arg * SIM_MS);
    lock_release(&a);
}

static void test_once(void)
{
    uint64_t ms = 10;

    check(timer_once_register(&once, once_handler) == -1);
    check(platform_init() == 0);
    check(timer_once_register(&once, once_handler) == 0);
    timer_once_set(&once, clock_now() + 7 * SIM_MS);
    check(platform_run() == 0);
    check(timer_once_register(&once, once_handler) == -1);
    expect_once(1, 7);
    advance(100); /* once is once: now 107 */
    timer_once_set(&once, clock_now() + 50 * SIM_MS);
    advance(20);
    task_start("earlier", set_once, &ms); /* with a lock held */
    expect_once(2, 137);
    timer_once_set(&once, clock_now() + 10 * SIM_MS);
    advance(9);
    timer_once_set(&once, clock_now() + 10 * SIM_MS); /* later */
    expect_once(3, 156);
    expect_once(4, 161);
    timer_once_set(&once, clock_now() + 10 * SIM_MS);
    timer_once_set(&once, 0);
    advance(20);
    check_int(onces, 4);
    timer_once_set(&once, clock_now() - 1); /* past */
    settle();
    check_int(onces, 5);
    timer_once_set(&once, clock_now() + 1000 * SIM_SECOND);
    sim_clock_skip(1001 * SIM_SECOND); /* the process was stopped */
    settle();
    check_int(onces, 6);
    check_int(in_interrupt, 6);
    timer_once_set(&once, clock_now() + 10 * SIM_MS);
    check(platform_shutdown() == 0);
    advance(20);
    check_int(onces, 6);
}

static void start_platform(void)
{
    check(platform_init() == 0);
    check(platform_run() == 0);
    sched_task_init(&bed);
}

static void test_user_interrupt(void)
{
    int first = -1, second = -1;
    struct task *t1, *t2;

    start_platform();
    t1 = task_start("first", sleeper, &first);
    check(!task_done(t1));
    check(intr_raise(INTR_IRQ_USER) == 0);
    settle();
    check(task_done(t1));
    check_int(first, EINTR);
    t2 = task_start("second", sleeper, &second);
    advance(1000);
    check(!task_done(t2));
    lock_acquire(&a);
    sched_task_wakeup(&bed);
    lock_release(&a);
    task_join(t2, 0);
    check_int(second, 0);
    check(platform_shutdown() == 0);
}

static void test_wakeup_one(void)
{
    int codes[3] = { -1, -1, -1 };
    unsigned long before = sim_wakeups(), locks = sim_locks_taken("a.c");

    start_platform();
    for (int i = 0; i < 3; i++) {
        task_start("sleeper", sleeper, &codes[i]);
    }
    for (int i = 1; i <= 4; i++) { /* the fourth finds no sleeper */
        lock_acquire(&a);
        sched_task_wakeup_one(&bed);
        lock_release(&a);
        settle();
        check_int(codes[0] + codes[1] + codes[2], i < 3 ? i - 3 : 0);
    }
    check_int(sim_wakeups() - before, 3);
    check_int(sim_locks_taken("a.c") - locks, 10); /* a woken sleeper takes it again */
    check(platform_shutdown() == 0);
}

/* Wakes the sleepers, and gives them occasions to run before and after it releases the lock. */
static void slow_waker(void *arg)
{
    int *at_release = arg;

    lock_acquire(&a);
    sched_task_wakeup_one(&bed);
    sched_task_wakeup(&bed);
    for (int i = 0; i < 100; i++) {
        clock_now();
    }
    *at_release = (int)sim_wakeups();
    lock_release(&a);
}

/* A woken task does not run into the lock of its waker. */
static void test_wakeup_at_release(void)
{
    int codes[2] = { -1, -1 }, before = (int)sim_wakeups(), at_release = -1;

    start_platform();
    task_start("sleeper", sleeper, &codes[0]);
    task_start("another", sleeper, &codes[1]);
    task_start("waker", slow_waker, &at_release);
    check_int(at_release, before);
    check_int((int)sim_wakeups(), before + 2);
    check_int(codes[0] + codes[1], 0);
    task_start("sleeper", sleeper, &codes[0]); /* destroyed when it is about to be woken */
    lock_acquire(&a);
    sched_task_wakeup(&bed);
    sched_task_destroy(&bed, &a);
    memset(&bed, 0x55, sizeof(bed));
    lock_release(&a);
    settle();
    check_int(codes[0], EBADF);
    check(platform_shutdown() == 0);
}

static void test_destroy(void)
{
    int first = -1, second = -1;

    start_platform();
    task_start("first", sleeper, &first);
    task_start("second", sleeper, &second);
    lock_acquire(&a);
    check_int(bed.sleepers, 2);
    sched_task_destroy(&bed, &a);
    check(lock_held(&a));
    check_int(bed.sleepers, 0);
    lock_release(&a);
    settle();
    check_int(first, EBADF);
    check_int(second, EBADF);
    check(platform_shutdown() == 0);
}

static void test_deadline(void)
{
    start_platform();
    lock_acquire(&a);
    check_error(sched_task_sleep(&bed, &a, clock_now() + 5 * SIM_SECOND), ETIMEDOUT);
    check(lock_held(&a));
    lock_release(&a);
    check_int(now_ms(), 5000);
    check(platform_shutdown() == 0);
}

static void nap(void *arg)
{
    lock_acquire(&a);
    check_error(sched_task_sleep(&bed, &a, clock_now() + 5 * SIM_SECOND), ETIMEDOUT);
    lock_release(&a);
    *(uint64_t *)arg = now_ms();
}

/* The clock leaps by hours: no interval and no sleeper becomes due by it. */
static void test_skip(void)
{
    struct timeval interval = { 1, 0 };
    uint64_t before, end;

    check(platform_init() == 0);
    check(timer_register(interval, tick) == 0);
    check(platform_run() == 0);
    sched_task_init(&bed);
    task_start("nap", nap, &end);
    advance(1500);
    before = clock_now();
    sim_clock_skip(10000 * SIM_SECOND);
    settle();
    check_int(clock_now() - before, 10000 * SIM_SECOND);
    check_int(now_ms(), 1500);
    check_int(ticks, 1);
    advance(4000);
    check_int(ticks, 5);
    check_int(tick_at[1], 2000);
    check_int(end, 5000);
    check(platform_shutdown() == 0);
}

/* An interrupt handler that computes for 700 us on each of the things to do. */
static unsigned int to_do;
static uint64_t computed_at[4];
static unsigned int computed;

static int compute(unsigned int irq, void *arg)
{
    (void)irq;
    (void)arg;
    while (to_do > 0) {
        to_do--;
        sim_compute(700000);
        computed_at[computed++] = sim_now - sim_start;
    }
    return 0;
}

static void start_computing(void)
{
    check(platform_init() == 0);
    check(intr_register(INTR_IRQ_BASE, compute, 0, NULL) == 0);
    check(platform_run() == 0);
    sched_task_init(&bed);
    to_do = 2;
    check(intr_raise(INTR_IRQ_BASE) == 0);
}

/* Others run while a task computes, and what comes meanwhile is done in the same interrupt. */
static void test_compute(void)
{
    uint64_t end = 0;

    start_computing();
    task_start("nap", nap, &end);
    settle();
    check_int(computed, 0);
    advance(1);
    check_int(computed, 1);
    to_do++;
    check(intr_raise(INTR_IRQ_BASE) == 0);
    advance(2);
    check_int(computed, 3);
    for (unsigned int i = 0; i < 3; i++) {
        check_int(computed_at[i], (i + 1) * 700000);
    }
    check_int(sim_intr_count(INTR_IRQ_BASE), 2); /* the second finds nothing to do */
    advance(5000);
    check_int(end, 5000);
    check(platform_shutdown() == 0);
}

/* A leap of the clock ends no computation, and a shutdown waits for its end. */
static void test_compute_ends(void)
{
    start_computing();
    settle();
    sim_clock_skip(10000 * SIM_SECOND);
    advance(1);
    check_int(computed, 1);
    check_int(computed_at[0], 700000);
    check(platform_shutdown() == 0);
    check_int(computed, 2);
    check_int(sim_now - sim_start, 1400000);
}

/* A one-shot timer that is due while the interrupt thread computes waits for its end. */
static void test_compute_once(void)
{
    check(platform_init() == 0);
    check(timer_once_register(&once, once_handler) == 0);
    check(intr_register(INTR_IRQ_BASE, compute, 0, NULL) == 0);
    check(platform_run() == 0);
    to_do = 1;
    timer_once_set(&once, clock_now() + SIM_MS / 2);
    check(intr_raise(INTR_IRQ_BASE) == 0);
    advance(1);
    check_int(computed_at[0], 700000);
    check_int(onces, 1);
    check(platform_shutdown() == 0);
}

/* The bench looks at what a lock guards, whoever holds it. */
static void test_peek(void)
{
    static lock_t lock = LOCK_INITIALIZER, another = LOCK_INITIALIZER;

    lock_acquire(&lock);
    sim_peek(1);
    lock_acquire(&lock);
    check(lock_held(&another));
    lock_release(&lock);
    sim_peek(0);
    check(lock_held(&lock) && !lock_held(&another));
    lock_release(&lock);
}

static void test_memory(void)
{
    char *p = memory_alloc(3), *q;

    check(p && !p[0] && !p[1] && !p[2]);
    sim_fail_alloc(2);
    q = memory_alloc(3);
    check(q != NULL);
    check(memory_alloc(3) == NULL);
    check_int(memory_in_use(), 2);
    memory_free(q);
    memory_free(p);
    memory_free(NULL);
    check_int(memory_in_use(), 0);
    check_int(memory_peak(), 2);
}

static void test_random(void)
{
    uint8_t buf[3];

    sim_random_next("\x01\x02\x03\x04", 4);
    random_bytes(buf, 3);
    check_mem(buf, "\x01\x02\x03", 3);
    random_bytes(buf, 1);
    check_int(buf[0], 4);
}

/* Two tasks append letters to order, and yield to each other. */
static char order[64];

static void letters(void *arg)
{
    size_t i;

    for (i = 0; i < 8; i++) {
        lock_acquire(&a);
        strncat(order, arg, 1);
        lock_release(&a);
    }
}

static void interleave(void)
{
    static char x[] = "x", y[] = "y";

    sim_task_create("x", letters, x);
    sim_task_create("y", letters, y);
    settle();
    fail("order %s", order);
}

static void order_of(void (*func)(void), const char *seed, char *buf, size_t size)
{
    struct behaviour behaviour = { "on purpose", func };
    const char *at;

    run_apart(&behaviour, seed);
    at = strstr(output, "order ");
    check(at != NULL);
    snprintf(buf, size, "%.16s", at + 6);
}

/* Checks that the order that func reports depends on the seed alone. */
static void check_repeats(void (*func)(void))
{
    char one[17], again[17], two[17], three[17];

    order_of(func, "1", one, sizeof(one));
    order_of(func, "1", again, sizeof(again));
    order_of(func, "2", two, sizeof(two));
    order_of(func, "3", three, sizeof(three));
    check_int(strlen(one), 16);
    check_str(again, one);
    check(strcmp(one, two) || strcmp(one, three));
}

static void test_seeds(void)
{
    check_repeats(interleave);
}

/* Reports as order how many packets come back in each millisecond. */
static void unkind(void)
{
    char text[17] = "";

    start_mirror();
    wire_faults(&(struct wire_faults){ .loss = 200, .twice = 200, .late = 200, .late_ms = 9 });
    for (int i = 0; i < 16; i++) {
        inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 9");
        advance(1);
        text[i] = (char)('0' + wire_pending(1));
    }
    fail("order %.16s", text);
}

static void test_line(void)
{
    check_repeats(unkind);
}

/*
 * The path. An open-loop source at each end sends frames at given times, whatever becomes of them,
 * and each end notes when they arrive. No stack and no task takes part.
 */
#define US     UINT64_C(1000)
#define FRAMES 1000

static struct source {
    uint64_t at; /* of the next frame: nanoseconds since the behaviour began, as all times here */
    uint64_t interval;
    size_t len;
    unsigned int left;
    unsigned int sent;
    uint64_t sent_at[FRAMES];
    unsigned int arrived;
    uint64_t arrived_at[2 * FRAMES];
    uint32_t number[2 * FRAMES];
} sources[2];

static uint64_t source_next(void)
{
    uint64_t next = UINT64_MAX;

    for (int dir = DIR_IN; dir <= DIR_OUT; dir++) {
        if (sources[dir].left && sources[dir].at < next) {
            next = sources[dir].at;
        }
    }
    return next == UINT64_MAX ? next : sim_start + next;
}

static void source_send(enum direction dir)
{
    static uint8_t data[2000];
    struct source *s = &sources[dir];
    struct packet p = { data, s->len, 0, 0x88b5 };

    memcpy(data + s->len - sizeof(s->sent), &s->sent, sizeof(s->sent));
    s->sent_at[s->sent++] = s->at;
    s->at += s->interval;
    s->left--;
    sim_carry(&p, dir, s);
}

static void source_act(void)
{
    for (int dir = DIR_IN; dir <= DIR_OUT; dir++) {
        while (sources[dir].left && sim_start + sources[dir].at <= sim_now) {
            source_send((enum direction)dir);
        }
    }
}

static void note_arrival(struct source *s, const struct packet *p)
{
    check_cmp(s->arrived, <, sizeof(s->number) / sizeof(*s->number));
    memcpy(&s->number[s->arrived], p->data + p->len - sizeof(*s->number), sizeof(*s->number));
    s->arrived_at[s->arrived++] = sim_now - sim_start;
}

static void arrives_in(void *to, const struct packet *p)
{
    note_arrival(to, p);
}

static void arrives_out(const struct packet *p)
{
    note_arrival(&sources[DIR_OUT], p);
}

/* From now on num frames go this way, the first at once, and one in each interval. */
static void source(enum direction dir, unsigned int num, size_t len, uint64_t interval)
{
    static const struct sim_actor actor = { source_next, source_act, arrives_out };
    struct source *s = &sources[dir];

    sim_actor = &actor;
    sim_wire_send = arrives_in;
    s->at = sim_now - sim_start;
    s->interval = interval;
    s->len = len;
    s->left = num;
    source_act();
}

/* Frame number n is the i-th to arrive, and at this time. */
static void arrival(enum direction dir, unsigned int i, uint32_t n, uint64_t at)
{
    const struct source *s = &sources[dir];

    check_cmp(i, <, s->arrived);
    if (s->number[i] != n || s->arrived_at[i] != at) {
        fail("arrival %u: expected frame %u at %llu ns, got %u at %llu ns", i, n,
             (unsigned long long)at, s->number[i], (unsigned long long)s->arrived_at[i]);
    }
}

/* 20 Mbit/s: 1500 bytes take 600 us. */
#define RATE 20000000
#define TAKE (600 * US)

static void path_counts(enum direction dir, unsigned long sent, unsigned long dropped, size_t max)
{
    struct wire_path_counts counts = wire_path_counts(dir);

    check_int(counts.sent, sent);
    check_int(counts.dropped, dropped);
    check_int(counts.sent_bytes, sent * sources[dir].len);
    check_int(counts.dropped_bytes, dropped * sources[dir].len);
    check_int(counts.queue_max, max);
    check_int(counts.lost, 0);
    check_int(sources[dir].arrived, sent - dropped);
}

/* 100 frames at once: one is transmitted, 10 wait, 89 are dropped. */
static void test_burst(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 15000,
                                            .delay_us = 10000 });
    source(DIR_OUT, 100, 1500, 0);
    advance(100);
    path_counts(DIR_OUT, 100, 89, 15000);
    for (unsigned int i = 0; i < 11; i++) {
        arrival(DIR_OUT, i, i, (i + 1) * TAKE + 10000 * US);
    }
}

/* A queue with room for a byte less than 10 frames holds 9, and one without room none. */
static void test_small_queues(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 14999 });
    wire_path(DIR_IN, &(struct wire_path){ .bits_per_s = RATE });
    source(DIR_OUT, 100, 1500, 0);
    source(DIR_IN, 100, 1500, 0);
    advance(100);
    path_counts(DIR_OUT, 100, 90, 13500);
    path_counts(DIR_IN, 100, 99, 0);
    arrival(DIR_IN, 0, 0, TAKE);
}

/* The queue counts bytes: a short frame finds room where a long one did not. */
static void test_lengths(void)
{
    static const size_t lens[] = { 1500, 900, 200, 100, 4 };

    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 1000 });
    for (size_t i = 0; i < 5; i++) {
        source(DIR_OUT, 1, lens[i], 0);
    }
    advance(10);
    check_int(wire_path_counts(DIR_OUT).sent_bytes, 2704);
    check_int(wire_path_counts(DIR_OUT).dropped, 2);
    check_int(wire_path_counts(DIR_OUT).dropped_bytes, 204);
    check_int(wire_path_counts(DIR_OUT).queue_max, 1000);
    check_int(sources[DIR_OUT].arrived, 3);
    arrival(DIR_OUT, 0, 0, 600 * US);
    arrival(DIR_OUT, 1, 1, 960 * US);
    arrival(DIR_OUT, 2, 3, 1000 * US);
}

/* 7 Mbit/s: 1500 bytes take 12,000,000 / 7 ns, and no fraction of that is lost. */
static void test_fractions(void)
{
    wire_path(DIR_IN, &(struct wire_path){ .bits_per_s = 7000000, .queue = 1500 * FRAMES });
    source(DIR_IN, 700, 1500, 0);
    advance(1200);
    path_counts(DIR_IN, 700, 0, 699 * 1500);
    for (unsigned int i = 0; i < 700; i++) {
        arrival(DIR_IN, i, i, ((i + 1) * UINT64_C(12000000) + 6) / 7);
    }
    arrival(DIR_IN, 699, 699, 1200000 * US);
    for (unsigned int i = 0; i < 2; i++) { /* an idle link begins anew, without an old fraction */
        source(DIR_IN, 1, 1500, 0);
        advance(10);
        arrival(DIR_IN, 700 + i, 700 + i, (1200000 + i * 10000) * US + 1714286);
    }
}

/* Below its rate a path only delays: each frame by its transmission, and the way. */
static void test_below_rate(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 15000,
                                            .delay_us = 3000 });
    source(DIR_OUT, FRAMES, 1500, TAKE);
    advance(1000);
    path_counts(DIR_OUT, FRAMES, 0, 0);
    for (unsigned int i = 0; i < FRAMES; i++) {
        arrival(DIR_OUT, i, i, i * TAKE + TAKE + 3000 * US);
    }
}

/* A frame each 500 us, of which the link takes one each 600 us. Frame k comes after 5k/6 + 1 (in
 * whole numbers) have left the queue, so that number 61 is the first that finds 10 waiting. Until
 * the last comes, at 499.5 ms, 833 have left; 10 more wait. */
static void test_above_rate(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 15000,
                                            .delay_us = 3000 });
    source(DIR_OUT, FRAMES, 1500, 500 * US);
    advance(1000);
    path_counts(DIR_OUT, FRAMES, FRAMES - 843, 15000);
    for (unsigned int i = 0; i < 843; i++) {
        uint32_t n = sources[DIR_OUT].number[i];
        uint64_t took = (i + 1) * TAKE - sources[DIR_OUT].sent_at[n];

        arrival(DIR_OUT, i, i < 61 ? i : n, (i + 1) * TAKE + 3000 * US);
        check_cmp(took, <=, 11 * TAKE);
        check_cmp(took, >, i < 61 ? 0 : 10 * TAKE - 1);
    }
    check_int(sources[DIR_OUT].number[61], 62);
}

/* One direction's queue overflows at once. In the other a frame takes 400 us, and one comes each
 * 300 us: frame 49, the last one, is the first that finds 12 waiting. */
static void test_both_ways(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 3000,
                                            .delay_us = 10000 });
    wire_path(DIR_IN, &(struct wire_path){ .bits_per_s = RATE / 2, .queue = 6000,
                                           .delay_us = 1000 });
    source(DIR_OUT, 50, 1500, 0);
    source(DIR_IN, 50, 500, 300 * US);
    advance(100);
    path_counts(DIR_OUT, 50, 47, 3000);
    path_counts(DIR_IN, 50, 1, 6000);
    for (unsigned int i = 0; i < 3; i++) {
        arrival(DIR_OUT, i, i, (i + 1) * TAKE + 10000 * US);
    }
    for (unsigned int i = 0; i < 49; i++) {
        arrival(DIR_IN, i, i, (i + 1) * 400 * US + 1000 * US);
    }
}

/* Only one direction has a path, and then none has; what is under way arrives as it would have. */
static void test_no_path(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 15000,
                                            .delay_us = 5000 });
    source(DIR_OUT, 3, 1500, 0);
    source(DIR_IN, 3, 1500, 0);
    arrival(DIR_IN, 2, 2, 0);
    wire_path(DIR_OUT, NULL);
    advance(50);
    for (unsigned int i = 0; i < 3; i++) {
        arrival(DIR_OUT, i, i, (i + 1) * TAKE + 5000 * US);
    }
    source(DIR_OUT, 20, 1500, 0);
    arrival(DIR_OUT, 22, 22, 50000 * US);
    check_int(wire_path_counts(DIR_OUT).sent, 3);
    check_int(wire_path_counts(DIR_IN).sent, 0);
}

/* Four frames, and another rate while the second is transmitted: that of the frames to come. */
static void test_new_rate(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 15000 });
    source(DIR_OUT, 4, 1500, 0);
    advance(1);
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = 2 * RATE, .queue = 4500 });
    source(DIR_OUT, 2, 1500, 0);
    advance(50);
    check_int(wire_path_counts(DIR_OUT).dropped, 1);
    check_int(sources[DIR_OUT].arrived, 5);
    arrival(DIR_OUT, 3, 3, 4 * TAKE);
    arrival(DIR_OUT, 4, 4, 4 * TAKE + TAKE / 2);
}

/* The delays of the frames that have arrived are within bounds, and some are near each of them. */
static void check_delays(const struct source *s, uint64_t min, uint64_t max)
{
    uint64_t least = UINT64_MAX, most = 0, took;

    for (unsigned int i = 0; i < s->arrived; i++) {
        took = s->arrived_at[i] - s->sent_at[s->number[i]];
        least = took < least ? took : least;
        most = took > most ? took : most;
    }
    check_range(least, min, min + (max - min) / 4);
    check_range(most, max - (max - min) / 4, max);
}

static unsigned int overtaken(const struct source *s)
{
    unsigned int n = 0;

    for (unsigned int i = 1; i < s->arrived; i++) {
        n += s->number[i] < s->number[i - 1];
    }
    return n;
}

/* Jitter keeps the order; late frames lose it. */
static void test_jitter(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .delay_us = 5000, .jitter_us = 3000 });
    source(DIR_OUT, FRAMES, 1500, 1000 * US);
    advance(1020);
    path_counts(DIR_OUT, FRAMES, 0, 0);
    check_int(overtaken(&sources[DIR_OUT]), 0);
    check_delays(&sources[DIR_OUT], 5000 * US, 8000 * US);
    sources[DIR_OUT].sent = sources[DIR_OUT].arrived = 0;
    wire_faults(&(struct wire_faults){ .late = 100, .late_ms = 20 });
    source(DIR_OUT, FRAMES, 1500, 1000 * US);
    advance(1050);
    check_int(sources[DIR_OUT].arrived, FRAMES);
    check_range(overtaken(&sources[DIR_OUT]), 50, 150);
    check_delays(&sources[DIR_OUT], 5000 * US, 28000 * US);
}

/* The other faults strike behind the link: a frame lost there has taken its time, and a copy takes
 * none. So frame n arrives when the link has sent n + 1 frames, whatever was lost before it. */
static void test_faults_behind(void)
{
    struct wire_counts before = wire_counts(), counts;
    const struct source *s = &sources[DIR_OUT];

    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 450000,
                                            .delay_us = 1000 });
    wire_faults(&(struct wire_faults){ .loss = 200, .twice = 100, .delay_ms = 7 });
    source(DIR_OUT, 300, 1500, 0);
    advance(200);
    counts = wire_counts();
    check_int(counts.sent - before.sent, 300);
    check_range(counts.lost, 40, 80);
    check_range(counts.twice, 10, 40);
    check_int(s->arrived, 300 - counts.lost + counts.twice);
    for (unsigned int i = 0; i < s->arrived; i++) {
        arrival(DIR_OUT, i, s->number[i], (s->number[i] + 1) * TAKE + 8000 * US);
    }
    check_int(wire_path_counts(DIR_OUT).dropped, 0);
    check_int(wire_path_counts(DIR_OUT).lost, 0);
}

/* A path may lose frames in its direction alone. */
static void test_loss_one_way(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .loss = 100 });
    wire_path(DIR_IN, &(struct wire_path){ .loss = 0 });
    source(DIR_OUT, FRAMES, 1500, 0);
    source(DIR_IN, FRAMES, 1500, 0);
    check_range(wire_path_counts(DIR_OUT).lost, 60, 140);
    check_int(sources[DIR_OUT].arrived, FRAMES - wire_path_counts(DIR_OUT).lost);
    check_int(sources[DIR_IN].arrived, FRAMES);
    check_int(wire_counts().lost, 0);
}

/* On a loop, each end of a connection has its own direction, although both end here. */
static void test_loop_ways(void)
{
    struct packet p = { bytes, 0, 0, 0 };
    struct source *s = &sources[DIR_IN];

    source(DIR_IN, 0, 0, 0);
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 3000 });
    for (uint32_t i = 0; i < 6; i++) {
        sim_build(i % 2 ? "UDP 192.0.2.2.7 > 192.0.2.2.5000 len 1472"
                        : "UDP 192.0.2.2.5000 > 192.0.2.2.7 len 1472", DIR_IN, 0, &p, NULL);
        memcpy(bytes + p.len - sizeof(i), &i, sizeof(i)); /* no stack checks the sum */
        s->sent++;
        sim_carry_back(&p, s);
    }
    advance(10);
    check_int(wire_path_counts(DIR_OUT).sent, 3);
    check_int(s->arrived, 6);
    arrival(DIR_IN, 2, 5, 0);
    arrival(DIR_IN, 5, 4, 3 * TAKE);
}

/* A leap of the clock ends no transmission. */
static void test_path_skip(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = RATE, .queue = 3000 });
    source(DIR_OUT, 9, 1500, 0);
    sim_clock_skip(10000 * SIM_SECOND);
    source(DIR_OUT, 1, 1500, 0);
    advance(10);
    check_int(sources[DIR_OUT].arrived, 3);
    arrival(DIR_OUT, 2, 2, 3 * TAKE);
}

/* Reports as order how long each frame took: its letter is the number of whole milliseconds. */
static void jittery(void)
{
    const struct source *s = &sources[DIR_OUT];
    char text[17] = "";

    wire_path(DIR_OUT, &(struct wire_path){ .jitter_us = 9000, .loss = 300 });
    source(DIR_OUT, 64, 1500, 10000 * US);
    advance(1000);
    for (unsigned int i = 0; i < 16; i++) {
        check_cmp(i, <, s->arrived);
        text[i] = (char)('0' + (s->arrived_at[i] - s->sent_at[s->number[i]]) / SIM_MS);
    }
    fail("order %.16s", text);
}

static void test_path_seeds(void)
{
    check_repeats(jittery);
}

static void narrow(void)
{
    wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = 8000, .queue = 99, .delay_us = 5 });
    wire_path(DIR_IN, &(struct wire_path){ .delay_us = 9 });
    wire_path(DIR_IN, NULL);
    bench_fail("here.c", 7, "what");
}

static void test_path_report(void)
{
    must_report(narrow, "    here.c:7\n    what\n    fault: path out: 8000 bit/s, queue 99, "
                        "delay_us 5, jitter_us 0, loss 0\n");
}

/* With -w, the capture has the packets up to the failure. */
static void captured_frame(void)
{
    start_mirror();
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 9");
    expect("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 9");
}

static void captured(void)
{
    captured_frame();
    fail("on purpose");
}

static void test_capture(void)
{
    char path[] = "/tmp/bench_selftest.XXXXXX";
    uint32_t words[26]; /* a file header of 24 bytes, and two records of 16 + 20 + 8 + 9 */
    int fd = mkstemp(path);

    check(fd != -1);
    capture_file = path;
    must_fail(captured, "on purpose");
    check_int(lseek(fd, 0, SEEK_END), 24 + 2 * (16 + 20 + 8 + 9));
    check_int(pread(fd, words, sizeof(words), 0), sizeof(words));
    check_int(words[5], 101); /* datagrams without a link header */
    check_int(words[8], 37);
    close(fd);
    unlink(path);
}

/*
 * A grader's options: three behaviours, one of which fails
 */
static void holds(void)
{
    start_mirror();
}

static void holds_with_a_packet(void)
{
    captured_frame();
}

static const struct behaviour three[] = {
    { "the first holds", holds },
    { "the second has a packet, and holds", holds_with_a_packet },
    { "the third fails", captured },
};

static void grader_says(int status, const char *part, const char *const *args)
{
    check_int(grade_apart(three, 3, args), status);
    if (!strstr(output, part)) {
        fail("the output lacks: %s\n%.400s", part, output);
    }
}

#define says(status, part, ...) \
    grader_says(status, part, (const char *const[]){ __VA_ARGS__, NULL })

static void test_parts(void)
{
    says(0, "1 passed, 0 failed\n", "first");
    says(1, "2 passed, 1 failed\n", "");
    says(2, "no behaviour has 'fourth' in its text: -l lists them\n", "fourth");
    says(2, "no behaviour has 'fourth' in its text: -l lists them\n", "-l", "fourth");
    says(2, "'second' is one word too many", "first", "second");
    says(0, "98 the first holds\n98 the second has a packet, and holds\n98 the third fails\n",
         "-l");
}

static void test_options(void)
{
    says(0, "usage: grader [-h] [-a] [-l]", "-h");
    says(0, "-w FILE  captures", "-h");
    says(2, "usage: grader [-h] [-a] [-l]", "-x");
    says(2, "the seed 'abc' is not a number\n", "-s", "abc");
    says(2, "the seed '12x' is not a number\n", "-s", "12x");
    says(2, "the seed '-1' is not a number\n", "-s", "-1");
    says(0, "1 passed, 0 failed\n", "-s", "0x10", "first");
    says(0, "/dev/null: the packets in and out of 'the second has a packet, and holds'\n2 passed",
         "-w", "/dev/null", "holds");
    says(0, "/dev/null: no packet came or went, so it was not written\n1 passed", "-w",
         "/dev/null", "first");
}

#define LONG_TITLE "a title of more words than a line of the report has room for: it ends"

/* The part of a long title, as a command, selects this behaviour and no other. */
static void test_again(void)
{
    static const struct behaviour list[] = {
        { LONG_TITLE " here", skip }, { LONG_TITLE " there, or elsewhere", unwritten },
        { "another title of more words than a line of the report has room for", skip },
    };
    static const struct behaviour nested[] = {
        { "a title", skip }, { "a title that contains it", unwritten },
    };

    check_int(grade_apart(list, 3, (const char *const[]){ NULL }), 1);
    check(strstr(output, "-v '" LONG_TITLE " there,'\n") != NULL);
    check_int(grade_apart(list, 3, (const char *const[]){ LONG_TITLE " there,", NULL }), 1);
    check(strstr(output, "\n0 passed, 1 failed\n") != NULL);
    check_int(grade_apart(nested, 2, (const char *const[]){ "a title", NULL }), 0);
    check_int(grade_apart(nested, 2, (const char *const[]){ "a titl", NULL }), 1);
}

/* After the first failure only the number is printed; with -a, each report. */
static void test_first(void)
{
    static const struct behaviour list[] = {
        { "one", skip }, { "two", unwritten }, { "three", skip }, { "four", unwritten },
        { "five", skip },
    };
    static const char sum[] = "\nnot written yet: arp_resolve, arp_insert";

    check_int(grade_apart(list, 5, (const char *const[]){ NULL }), 1);
    check(strncmp(output, "ok 98 one\nFAIL 98 two\n", 22) == 0);
    check(strstr(output, "three") == NULL);
    check(strstr(output, "four") == NULL);
    check(strstr(output, sum) != NULL);
    check(strstr(output, "arp_insert; -a reports each\n3 passed, 2 failed\n") != NULL);
    check_int(grade_apart(list, 5, (const char *const[]){ "-a", NULL }), 1);
    check(strstr(output, "\nok 98 three\nFAIL 98 four\n    here.c:7\n") != NULL);
    check(strstr(output, sum) != NULL);
    check(strstr(output, "arp_insert\n3 passed, 2 failed\n") != NULL);
}

BENCH(99,
    { "the bench reports misused locks", test_locks },
    { "the bench reports the use of a destroyed sched_task", test_destroyed },
    { "the bench reports behaviours that hang, crash or leak", test_ends },
    { "a failed check reports the expected and the actual value", test_checks },
    { "a report names the faults, the drops and what is not written yet", test_reports },
    { "a report names the drops of the last packet in, or the last one before", test_drops },
    { "a report has at most 12 lines", test_length },
    { "a report names where the code crashed", test_crash },
    { "a crash is reported at the line of the test, with the log before it", test_crash_line },
    { "the first hang ends the run, and its report names where", test_hang },
    { "the first failure is reported, and with -a each", test_first },
    { "a long title is shown as a part that selects it alone", test_again },
    { "a failed comparison reports both operands", test_operands },
    { "a packet is printed as the line that built it", test_lines },
    { "packets equal those worked out by hand", test_bytes },
    { "malformed lines are refused", test_unreadable },
    { "each fault is applied, and named by the comparison", test_faults },
    { "timers are called when due, on the interrupt thread", test_timer },
    { "a one-shot timer is called at its deadline, as often as it is set", test_once },
    { "a user interrupt ends the present sleeps, and no later one", test_user_interrupt },
    { "sched_task_wakeup_one wakes one sleeper", test_wakeup_one },
    { "what is woken under a lock is woken when the lock is released", test_wakeup_at_release },
    { "sched_task_destroy wakes all sleepers with EBADF", test_destroy },
    { "a sleep ends at its deadline", test_deadline },
    { "a leap of the clock makes no timer and no sleeper due", test_skip },
    { "computing takes time where it is asked for, and others run meanwhile", test_compute },
    { "a one-shot timer waits for a computation", test_compute_once },
    { "the bench may look past the locks", test_peek },
    { "a leap of the clock ends no computation, and a shutdown waits for it", test_compute_ends },
    { "memory is counted and cleared, and fails on request", test_memory },
    { "random bytes are those that the test gives", test_random },
    { "the seed alone determines the order of tasks", test_seeds },
    { "the seed alone determines the wire's faults", test_line },
    { "a queue takes what has room in it, and the link ends each frame when due", test_burst },
    { "a queue never exceeds its limit", test_small_queues },
    { "a queue counts bytes, not frames", test_lengths },
    { "a transmission takes its exact time, in fractions of a nanosecond", test_fractions },
    { "a source below the rate of its path loses nothing and does not wait", test_below_rate },
    { "a source above the rate fills the queue, and the rest is dropped", test_above_rate },
    { "each direction has its own path", test_both_ways },
    { "a direction without a path is as before, and frames under way arrive", test_no_path },
    { "a new rate is that of the frames to come", test_new_rate },
    { "delay and jitter keep their bounds, and the order", test_jitter },
    { "faults strike behind the link", test_faults_behind },
    { "a path may lose frames in one direction", test_loss_one_way },
    { "the two directions of a loop are told apart by the ports", test_loop_ways },
    { "a leap of the clock ends no transmission", test_path_skip },
    { "the seed alone determines a path's jitter and loss", test_path_seeds },
    { "a report names the paths", test_path_report },
    { "a capture has the packets of both directions", test_capture },
    { "a part of a title selects behaviours; one that matches none is an error", test_parts },
    { "a grader explains its options, and refuses unknown ones", test_options })
