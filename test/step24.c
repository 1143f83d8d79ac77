/* Step 24: retransmission. The first wait may have any length; each other is twice the last. */

#include <stdio.h>

#include "bench.h"
#include "tcp.h"
#include "util.h"

#define PEER_ISN 1000
#define TICK 250 /* what two time-outs may come late together, ms */

static int desc = -1; /* the connection */
static int open_errno;

static void open_passive(void *arg)
{
    ip_endp_t local;

    (void)arg;
    check_int(ip_endp_pton("192.0.2.2:7", &local), 0);
    desc = tcp_cmd_open(&local, NULL, 0);
    open_errno = errno;
}

static struct task *start(void)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    return task_start("opener", open_passive, NULL);
}

static void establish(void)
{
    struct task *opener = start();

    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    task_join(opener, 0);
    check(desc != -1);
}

/* Sends len bytes of the pattern from relative number from on; the window has room for them. */
static void our_side_sends(uint32_t from, size_t len)
{
    char buf[TCP_MSS];

    pattern(buf, from, len);
    check_int(tcp_cmd_send(desc, buf, len), len);
}

static size_t retransmitted(void)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    return stats.retransmitted;
}

static struct tcp_view view(void)
{
    struct tcp_view v;

    check_int(tcp_get_view(desc, &v), 0);
    return v;
}

/* The segment goes out four times more, and each wait is twice the last. */
static void check_doubling(const char *segment)
{
    long wait, last = expect_within(60000, segment);

    for (int i = 0; i < 3; i++) {
        wait = expect_within(10 * last, segment);
        check(wait >= 2 * last - TICK && wait <= 2 * last + TICK);
        last = wait;
    }
}

static void test_segment(void)
{
    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    check_doubling("P. 1:11(10) ack 1");
    check_int(retransmitted(), 4);
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

static void test_syn_ack(void)
{
    struct task *opener = start();

    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    check_doubling("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    task_join(opener, 0);
    check(desc != -1);
    expect_nothing(60000);
}

static void test_acknowledged(void)
{
    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
    check_int(retransmitted(), 0);
    check_int(view().snd.una - view().iss, 11);
}

/* The first goes, the second stays until it has been acknowledged too. */
static void test_second_lost(void)
{
    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    our_side_sends(11, 10);
    expect("P. 11:21(10) ack 1");
    expect_within(10000, "P. 11:21(10) ack 1");
    inject(". 1:1(0) ack 21");
    expect_nothing(60000);
}

/* Half of it is acknowledged: the rest, or all of it, goes out again. */
static void test_partly_acknowledged(void)
{
    uint8_t packet[1500];
    uint32_t seq;
    size_t len;

    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 6");
    len = take(10000, packet, sizeof(packet)) - 40;
    seq = (uint32_t)packet[24] << 24 | (uint32_t)packet[25] << 16 | (uint32_t)packet[26] << 8 |
          packet[27];
    seq -= view().iss;
    check(seq == 1 || seq == 6);
    check_int(seq + len, 11);
    check_pattern(packet + 40, seq, len);
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* The peer shows by a duplicate ACK that it lives; what it lacks still goes out again. */
static void test_duplicate_ack(void)
{
    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 1");
    inject(". 1:1(0) ack 0");
    expect_within(10000, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* RFC 9293 3.8.6: what is in flight is repeated even if the window has shrunk meanwhile. */
static void test_shrunk_window(void)
{
    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 1 win 10");
    expect_within(10000, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11 win 65535");
    expect_nothing(60000);
}

/* The device refuses it, as a wire may lose it: the connection does not end of that. */
static void test_output_fails(void)
{
    establish();
    wire_fail_output(1);
    our_side_sends(1, 10);
    wire_fail_output(0);
    expect_within(60000, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* Data that comes meanwhile is taken; the wait is not disturbed. */
static void test_both_directions(void)
{
    char buf[16];

    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    inject("P. 1:11(10) ack 1");
    advance(500);
    check(wire_pending(1) > 0);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 10);
    check_pattern(buf, 1, 10);
    advance(20000);
    check(wire_pending(1) > 0);
    check(retransmitted() > 0);
    inject(". 11:11(0) ack 11");
    expect_nothing(60000);
}

struct call {
    ssize_t ret;
    int err;
    struct task *task;
};

static void receive(void *arg)
{
    struct call *c = arg;
    char buf[16];

    c->ret = tcp_cmd_receive(desc, buf, sizeof(buf));
    c->err = errno;
}

/* RFC 9293 3.8.3: when a threshold (R1) of three repetitions or more is passed, it is said. */
static void test_warning(void)
{
    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    for (int i = 0; i < 3; i++) {
        check(!logged("no answer"));
        expect_within(60000, "P. 1:11(10) ack 1");
    }
    advance(60000);
    check_int(logged_times("no answer"), 1);
    inject(". 1:1(0) ack 11");
    wire_pending(1);
}

/* RFC 9293 3.8.3: at least three times (R1), and at least 100 seconds long (R2). */
static void test_giving_up(void)
{
    static struct call c;

    establish();
    our_side_sends(1, 10);
    expect("P. 1:11(10) ack 1");
    c.task = task_start("receiver", receive, &c);
    advance(99999);
    check(retransmitted() >= 3);
    check(!task_done(c.task));
    wire_pending(1);
    task_join(c.task, 600000);
    check_int(c.ret, -1);
    check_int(c.err, ETIMEDOUT);
    wire_pending(1);
    expect_nothing(600000);
}

static void send_long(void *arg)
{
    static char buf[200000];
    struct call *c = arg;

    c->ret = tcp_cmd_send(desc, buf, sizeof(buf));
    c->err = errno;
}

/* A sender that sleeps comes back too: with what was sent by then, or the error. */
static void test_giving_up_sending(void)
{
    struct tcp_stats stats;
    static struct call c;

    establish();
    c.task = task_start("sender", send_long, &c);
    for (int i = 0; i < 600 && !task_done(c.task); i++) {
        advance(1000);
        wire_pending(1);
    }
    check(task_done(c.task));
    check(c.ret > 0 || c.err == ETIMEDOUT);
    tcp_get_stats(&stats);
    check_int(stats.timed_out, 1);
    check_error(tcp_cmd_send(desc, "x", 1), ETIMEDOUT);
}

/* RFC 9293 3.8.3: at least three times, and not for ever. */
static void test_half_open(void)
{
    start();
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    for (int i = 0; i < 3; i++) {
        expect_within(60000, "S. 0:0(0) ack 1");
        check(logged_times("SYN_RECEIVED =>") == 0);
    }
    advance(600000);
    check(logged_times("SYN_RECEIVED =>") == 1);
    wire_pending(1);
    expect_nothing(600000);
}

BENCH(24,
      {"a lost segment goes out again, each wait is doubled", test_segment},
      {"a lost SYN-ACK goes out again, each wait is doubled [MUST-22]", test_syn_ack},
      {"what is acknowledged does not go out again", test_acknowledged},
      {"the second of two goes out again alone", test_second_lost},
      {"what is partly acknowledged goes out again", test_partly_acknowledged},
      {"old and duplicate ACKs do not stop the repetition", test_duplicate_ack},
      {"a shrunk window does not stop the repetition [SHLD-16]", test_shrunk_window},
      {"what the device refuses goes out later [M-2]", test_output_fails},
      {"receiving and repeating go on side by side", test_both_directions},
      {"after three repetitions there is a warning [MUST-20 SHLD-10]", test_warning},
      {"giving up is ETIMEDOUT, not before 100 s [MUST-20 SHLD-11 EVENT-13]", test_giving_up},
      {"giving up wakes a sleeping sender", test_giving_up_sending},
      {"a half-open connection is given up in the end", test_half_open})
