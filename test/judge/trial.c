#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge.h"
#include "judge.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

#define ISN_TICK 4000 /* nanoseconds, RFC 9293 3.4.1 */

#define IN_SECONDS(ms) ((ms) / 1000 + 1)
#define MOVE_LIMIT 900 /* seconds without progress: R2 may pass twice before the sender gives up */
/* Seconds to the end once the faults have stopped. Without a congestion window each burst overflows
 * a queue of one segment, and an RTO of a minute repairs one or two. */
#define STOP_LIMIT (EDGE_STEP < EDGE_CWND ? 20000 : 400)
#define FREE_LIMIT 900 /* seconds until all blocks are free, both ends having closed */
#define FREE_LIMIT_KIND 200 /* the same without faults: the longest RTO, or R2, and TIME-WAIT */

#define COMPUTING 30 /* seconds that a trial may compute */

void (*trial_mistake)(void);

static struct end ends[2];

/*
 * The start
 */
static void set_paths(void)
{
    if (plan.paths) {
        wire_path(DIR_OUT, &plan.path[DIR_OUT]);
        wire_path(DIR_IN, &plan.path[DIR_IN]);
    }
}

static void start(void)
{
    struct net_device *dev;

    dev = bench_start(plan.peer ? WIRE_ETHER : WIRE_LOOP);
    dev->mtu = (uint16_t)plan.mtu;
    wire_answer_arp(1);
    wire_faults(&plan.faults);
    wire_compute(plan.compute_us);
    set_paths();
    watch_start();
}

static void start_sides(void)
{
    if (plan.peer) {
        peer_start();
    }
    for (int i = 1 - plan.peer; i >= 0; i--) {
        end_start(&ends[i], i);
    }
}

static int has_begun(const void *arg)
{
    uint32_t isn;

    (void)arg;
    return watch_isn(plan.chosen, &isn);
}

/* In a process of its own: starts the run, and writes its ISN to fd. */
static void probe(int fd)
{
    int nowhere = open("/dev/null", O_WRONLY);
    uint32_t isn;

    dup2(nowhere, STDOUT_FILENO);
    start();
    start_sides();
    sim_wait(sim_now + 30 * SIM_SECOND, has_begun, NULL);
    if (watch_isn(plan.chosen, &isn) && write(fd, &isn, sizeof(isn)) == -1) {
        _exit(1);
    }
    _exit(0);
}

/* Skips the clock, which the ISN follows, to where the ISN is the plan's. */
static void choose_isn(void)
{
    uint32_t isn;
    int fds[2];
    pid_t pid;

    check_int(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        probe(fds[1]);
    }
    close(fds[1]);
    if (read(fds[0], &isn, sizeof(isn)) == sizeof(isn)) {
        sim_clock_skip((uint64_t)(plan.side[plan.chosen].isn - isn) * ISN_TICK);
    }
    close(fds[0]);
    waitpid(pid, NULL, 0);
    memset(sim_shared->conns, 0, sizeof(sim_shared->conns));
    sim_shared->nhistory = 0;
}

/*
 * The course of a run
 */
static int is_done(const void *arg)
{
    struct peer_view view;

    (void)arg;
    if (!end_is_done(&ends[0])) {
        return 0;
    }
    if (!plan.peer) {
        return end_is_done(&ends[1]);
    }
    peer_view(&view);
    return view.done;
}

/* Returns a measure of progress. */
static size_t movement(void)
{
    struct peer_view view = {0};
    size_t sum = 0;

    if (plan.peer) {
        peer_view(&view);
    }
    for (int i = 0; i < 2 - plan.peer; i++) {
        sum += ends[i].sent + ends[i].received + (size_t)(ends[i].eof + 2 - ends[i].at_work);
    }
    return sum + view.received + view.acked;
}

/* Returns the seconds of the longest pause in the plan. */
static unsigned int patience(void)
{
    unsigned int ms = 0;

    for (int i = 0; i < 2; i++) {
        ms += plan.side[i].rest_ms + plan.side[i].pause_ms;
    }
    return IN_SECONDS(ms);
}

/* Has a connection timed out? An end that has closed is not told. */
static int has_timed_out(void)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    return stats.timed_out > 0;
}

/* Has an error or an abort ended the connection? */
static int is_broken(void)
{
    struct peer_view view = {0};

    if (has_timed_out()) {
        return 1;
    }
    if (plan.peer) {
        peer_view(&view);
    }
    return ends[0].errnum || ends[0].aborted || ends[1].errnum || ends[1].aborted || view.reset ||
           view.aborted;
}

static void describe_stuck(const char *what)
{
    struct peer_view view = {0};

    if (plan.peer) {
        peer_view(&view);
    }
    fail("%s: ours sent %zu and received %zu%s, %s %zu%s", what, ends[0].sent, ends[0].received,
         ends[0].eof ? " and end of file" : "", plan.peer ? "the peer got" : "the other",
         plan.peer ? view.received : ends[1].received,
         view.eof || ends[1].eof ? " and end of file" : "");
}

/* Waits for the run to end, and fails if it is late. After an error or an abort it need not end. */
static void wait_for_end(uint64_t limit)
{
    uint64_t moved = sim_now;
    size_t last = movement();

    while (!is_done(NULL)) {
        sim_wait(sim_now + 10 * SIM_SECOND, is_done, NULL);
        if (movement() != last) {
            last = movement();
            moved = sim_now;
        }
        if (sim_now - moved > (MOVE_LIMIT + patience()) * SIM_SECOND) {
            if (!is_broken()) {
                describe_stuck("no progress");
            }
            return;
        }
        if (sim_now > limit + plan.rested && !is_broken()) {
            describe_stuck("the faults have stopped, and the run does not end");
        }
    }
}

/* Plans with stop_ms: the faults stop then, and the run must end soon after. */
static void stop_faults(void)
{
    struct wire_faults kind = {.delay_ms = plan.faults.delay_ms};

    sim_wait(sim_now + plan.stop_ms * SIM_MS, is_done, NULL);
    wire_faults(&kind);
    plan.path[DIR_IN].loss = plan.path[DIR_OUT].loss = 0;
    set_paths();
}

static void wait_until_free(size_t base)
{
    uint64_t limit = sim_now + (plan.stop_ms ? FREE_LIMIT_KIND : FREE_LIMIT) * SIM_SECOND;

    while (memory_in_use() > base) {
        advance(5000);
        if (sim_now > limit) {
            fail("%zu objects are left allocated", memory_in_use() - base);
        }
    }
}

/*
 * The verdict
 */

/* Has each ARP request been lost? */
static int is_unreachable(const struct end *end)
{
    return end->errnum == EHOSTUNREACH && end->state == -1 && plan.peer && plan_loss() > 0;
}

/* Checks that end i may get this error. */
static void check_error_of(int i)
{
    const struct end *end = &ends[i];
    struct peer_view view = {0};
    uint64_t heard = end->state == 1 ? watch_progress(i) : end->begun;
    uint64_t silence = (end->error_at - heard) / SIM_MS;
    int other_ended;

    if (plan.peer) {
        peer_view(&view);
    }
    other_ended = view.aborted || ends[!i].aborted || has_timed_out();
    if (end->errnum == ETIMEDOUT || (end->errnum == EHOSTUNREACH && end->state == 1)) {
        if (silence < (end->state == 1 ? TCP_R2 : TCP_R2_SYN)) {
            fail("end %d got %s after %lu ms of silence", i, strerrorname_np(end->errnum),
                 (unsigned long)silence);
        }
    } else if (is_unreachable(end)) {
        return;
    } else if (!other_ended ||
               (end->errnum != ECONNRESET && !(plan.crossing && end->errnum == ECONNREFUSED))) {
        fail("end %d got %s, but the other end did not abort", i,
             strerrorname_np(end->errnum));
    }
}

static void check_side(size_t received, int eof, const struct side *s, const struct side *other)
{
    if (received != other->total) {
        fail("%zu bytes of %zu arrived", received, other->total);
    }
    if (!eof && !s->closes) {
        fail("no end of file");
    }
}

/* Checks that both sides received everything. */
static void check_whole(void)
{
    struct peer_view view;

    check_side(ends[0].received, ends[0].eof, &plan.side[0], &plan.side[1]);
    if (plan.peer) {
        peer_view(&view);
        check_side(view.received, view.eof, &plan.side[1], &plan.side[0]);
    } else {
        check_side(ends[1].received, ends[1].eof, &plan.side[1], &plan.side[0]);
    }
}

static int verdict(void)
{
    struct peer_view view = {0};
    int aborted;

    if (plan.peer) {
        peer_view(&view);
    }
    aborted = view.aborted || ends[0].aborted || ends[1].aborted;
    for (int i = 0; i < 2; i++) {
        if (ends[i].errnum) {
            check_error_of(i);
        }
    }
    if (!is_broken()) {
        check_whole();
        return 1;
    }
    if (view.reset && !view.aborted && !ends[0].errnum && !ends[0].aborted && !has_timed_out()) {
        fail("the peer received a RST, but our end got no error");
    }
    if (!aborted && plan_loss() <= 100 && !is_unreachable(&ends[0])) {
        fail("the connection broke with no more than 10 %% of the frames lost");
    }
    return 0;
}

int trial(void)
{
    static char text[1024];
    size_t base;
    int whole;

    plan_draw();
    time_limit(COMPUTING);
    plan_print(text, sizeof(text));
    bench_context(text, 12);
    choose_isn();
    start();
    base = memory_in_use();
    if (trial_mistake) {
        trial_mistake();
    }
    start_sides();
    if (plan.stop_ms) {
        stop_faults();
    }
    wait_for_end(plan.stop_ms ? sim_now + (STOP_LIMIT + plan.slow_s) * SIM_SECOND
                              : UINT64_MAX - 2 * SIM_LIMIT);
    for (int i = 0; i < 2 - plan.peer; i++) {
        end_give_up(&ends[i]);
    }
    whole = verdict();
    wait_until_free(base);
    watch_end();
    return whole;
}
