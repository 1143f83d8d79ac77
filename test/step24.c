/* Step 24: retransmission. The first timeout is a second, RFC 6298 2.1; each later one is twice the
 * last. Where a test counts on the second, the peer is far away: see far_peer. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

#define TICK 250 /* jitter of two timeouts together, ms */

static int desc = -1; /* the connection */

static void establish(void)
{
    bench_start(WIRE_RAW);
    desc = established(PEER_ISN, "", 65535);
}

static void establish_far(void)
{
    far_peer();
    establish();
}

static size_t retransmitted(void)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    return stats.retransmitted;
}

static void test_first_timeout(void)
{
    establish_far();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    check_range(expect_within(60000, "P. 1:11(10) ack 1"), 1000, 1000 + TICK);
    inject(". 1:1(0) ack 11");
}

/* Data that a call has accepted is not lost when memory is short: the wire may lose it, too. */
static void test_no_memory(void)
{
    static struct call c;
    long first;

    establish_far();
    sim_fail_alloc(1);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    if (c.ret == -1) {
        check_failed(&c, ENOMEM);
        expect_nothing(60000);
        our_side_sends(desc, 1, 10);
        expect("P. 1:11(10) ack 1");
    } else {
        first = expect_within(60000, "P. 1:11(10) ack 1");
        if (first < 1000) { /* else it was kept, and could not be sent at once */
            check_cmp(first + expect_within(60000, "P. 1:11(10) ack 1"), >=, 1000);
        }
    }
}

/* The segment is retransmitted four times, each timeout twice the last. */
static void check_doubling(const char *segment)
{
    long wait, last = expect_within(60000, segment);

    for (int i = 0; i < 3; i++) {
        wait = expect_within(10 * last, segment);
        check_range(wait, 2 * last - TICK, 2 * last + TICK);
        last = wait;
    }
}

static void test_segment(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    check_doubling("P. 1:11(10) ack 1");
    check_int(retransmitted(), 4);
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

static void test_syn_ack(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    check_doubling("S. 0:0(0) ack 1");
    check_int(retransmitted(), 4);
    inject(". 1:1(0) ack 1");
    desc = opened(&opener);
    expect_nothing(60000);
}

static void test_acknowledged(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
    check_int(retransmitted(), 0);
    check_int(view(desc).snd.una - view(desc).iss, 11);
}

/* The first call may allocate a buffer. */
static void test_copy_freed(void)
{
    size_t in_use;

    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    in_use = memory_in_use();
    our_side_sends(desc, 11, 10);
    expect("P. 11:21(10) ack 1");
    inject(". 1:1(0) ack 21");
    check_int(memory_in_use(), in_use);
}

/* A bare ACK takes no sequence number: nobody acknowledges it. */
static void test_bare_ack(void)
{
    establish();
    inject("P. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* The first is removed from the queue, the second stays until it is acknowledged, too. */
static void test_second_lost(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    our_side_sends(desc, 11, 10);
    expect("P. 11:21(10) ack 1");
    expect_within(10000, "P. 11:21(10) ack 1");
    inject(". 1:1(0) ack 21");
    expect_nothing(60000);
}

/* The first segment ends at 2^32 - 1, the second at 9: modulo 2^32 that is later. */
static void test_wrap(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    next_isn(0xfffffff4);
    handshake("", 65535);
    desc = opened(&opener);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    our_side_sends(desc, 11, 10);
    expect("P. 11:21(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_within(10000, "P. 11:21(10) ack 1");
    inject(". 1:1(0) ack 21");
    expect_nothing(60000);
}

/* Takes a segment. Returns the length of its data; seq becomes relative. */
static size_t take_segment(long ms, uint32_t *seq)
{
    uint8_t packet[1500];
    size_t len = take(ms, packet, sizeof(packet)) - 40;

    *seq = get32(packet + 24) - view(desc).iss;
    check_pattern(packet + 40, *seq, len);
    return len;
}

/* Half of it is acknowledged: the rest, or all of it, is retransmitted. */
static void test_partly_acknowledged(void)
{
    uint32_t seq;
    size_t len;

    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 6");
    len = take_segment(10000, &seq);
    check(seq == 1 || seq == 6);
    check_int(seq + len, 11);
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* RFC 6298 5.3: the timeout of all that stays in flight begins with the ACK, not with a segment. */
static void test_ack_restarts_timeout(void)
{
    uint32_t seq;

    establish_far();
    for (seq = 1; seq < 31; seq += 10) {
        our_side_sends(desc, seq, 10);
    }
    check_int(wire_pending(1), 3);
    advance(600);
    inject(". 1:1(0) ack 11");
    expect_nothing(900); /* neither the second nor the third */
    take_segment(10000, &seq);
    check_int(seq, 11);
    advance(TICK);
    wire_pending(1);
    inject(". 1:1(0) ack 31");
    expect_nothing(60000);
}

/* RFC 9293 3.8.3: R2 is measured for one segment. The first is acknowledged after 90 s. */
static void test_ack_restarts_r2(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    our_side_sends(desc, 11, 10);
    advance(90000);
    inject(". 1:1(0) ack 11");
    advance(50000);
    wire_pending(1);
    check_state(desc, "ESTABLISHED");
    inject(". 1:1(0) ack 21");
    expect_nothing(60000);
}

/* A duplicate ACK shows that the peer is alive; the missing data is still retransmitted, and no
 * later: RFC 6298 5.3 restarts the timer for an ACK of new data only. */
static void test_duplicate_ack(void)
{
    establish_far();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    advance(600);
    inject(". 1:1(0) ack 1");
    inject(". 1:1(0) ack 0");
    expect_within(400 + TICK, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* RFC 9293 3.8.6: data in flight is retransmitted even if the window has shrunk. */
static void test_shrunk_window(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 1 win 10");
    expect_within(10000, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11 win 65535");
    expect_nothing(60000);
}

/* Of three segments only the first fits into the shrunk window. */
static void test_shrunk_to_first(void)
{
    uint64_t opened_at;
    uint32_t seq;

    establish_far();
    for (seq = 1; seq < 31; seq += 10) {
        our_side_sends(desc, seq, 10);
    }
    wire_pending(1);
    inject(". 1:1(0) ack 1 win 10");
    check_int(take_segment(10000, &seq), 10);
    check_int(seq, 1);
    expect_nothing(500);
    inject(". 1:1(0) ack 1 win 65535");
    opened_at = now_ms();
    take_segment(10000, &seq);
    if (seq == 11) { /* held, so long due; with one timer for all (step 35) the first goes again */
        check_cmp(now_ms() - opened_at, <=, TICK);
    }
    wire_pending(1);
    inject(". 1:1(0) ack 31 win 65535");
    expect_nothing(60000);
}

/* A device error is like a loss: it does not end the connection. */
static void test_output_fails(void)
{
    establish();
    wire_fail_output(1);
    our_side_sends(desc, 1, 10);
    wire_fail_output(0);
    expect_within(60000, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* A retransmission has the acknowledgment and the window of its own time, not of the first time. */
static void test_present_ack(void)
{
    char line[64];

    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1 win 65535");
    peer_sends(1, 101);
    check_acked(desc, 101);
    snprintf(line, sizeof(line), "P. 1:11(10) ack 101 win %u", view(desc).rcv.wnd);
    check_cmp(view(desc).rcv.wnd, <, 65535);
    expect_within(60000, line);
    inject(". 101:101(0) ack 11");
}

/* Data that arrives is accepted; the timeout does not change. */
static void test_both_directions(void)
{
    char buf[16];

    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject("P. 1:11(10) ack 1");
    advance(500);
    check_cmp(wire_pending(1), >, 0);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 10);
    check_pattern(buf, 1, 10);
    advance(20000);
    check_cmp(wire_pending(1), >, 0);
    check_cmp(retransmitted(), >, 0);
    inject(". 11:11(0) ack 11");
    expect_nothing(60000);
}

/* RFC 9293 3.8.3: passing threshold R1, three retransmissions or more, is reported. */
static void test_warning(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    for (int i = 0; i < 3; i++) {
        check(!logged("no answer"));
        expect_within(60000, "P. 1:11(10) ack 1");
    }
    check(logged("no answer"));
    advance(60000);
    check_int(logged_times("no answer"), 1);
    inject(". 1:1(0) ack 11");
    wire_pending(1);
}

/* A retransmission before an ACK of new data and two after it are not three without an answer. With
 * the round trip measured (step 49), the ACK of what was sent twice leaves the timeout doubled. */
static void test_ack_restarts_r1(void)
{
    establish_far();
    our_side_sends(desc, 1, 10);
    our_side_sends(desc, 11, 10);
    advance(2000);
    inject(". 1:1(0) ack 11");
    advance(6500);
    check_int(logged_times("no answer"), 0);
    check_cmp(wire_pending(1), >=, 5);
    inject(". 1:1(0) ack 21");
    expect_nothing(60000);
}

/* RFC 9293 3.8.3: R1 is at least three retransmissions, R2 at least 100 seconds. */
static void test_giving_up(void)
{
    static struct call c;

    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    call_start(&c, receive, .desc = desc, .len = 16);
    advance(99999);
    check_cmp(retransmitted(), >=, 3);
    check_sleeps(&c);
    wire_pending(1);
    task_join(c.task, 600000);
    check_failed(&c, ETIMEDOUT);
    wire_pending(1);
    expect_nothing(600000);
    check_int(tcp_cmd_close(desc), 0);
    check(is_gone(desc));
    expect_nothing(0);
}

/* Drops what goes out up to R2 without an answer. At R2 a state ends, as logged, and nothing goes
 * out: RFC 9293 3.10.8, "flush all queues". */
static void check_r2(const char *state, long r2)
{
    advance(1000);
    while (!logged(state) && now_ms() < 600000) {
        wire_pending(1);
        advance(100);
    }
    check_cmp(now_ms(), <=, r2 + TICK);
    expect_nothing(0);
    check_int(logged_times(state), 1);
}

static void test_r2_of_data(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    check_r2("ESTABLISHED => CLOSED", 100000);
}

/* A half-open connection may be given up before (step 43), but not after. */
static void test_r2_of_syn(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    check_r2("SYN_RECEIVED =>", 180000);
}

/* A sleeping sender returns what it has sent by then, or the error. */
static void test_giving_up_sending(void)
{
    struct tcp_stats stats;
    static struct call c;

    establish();
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 200000);
    for (int i = 0; i < 600 && !task_done(c.task); i++) {
        advance(1000);
        wire_pending(1);
    }
    check_sent_or_failed(&c, ETIMEDOUT);
    tcp_get_stats(&stats);
    check_int(stats.timed_out, 1);
    check_error(tcp_cmd_send(desc, "x", 1), ETIMEDOUT);
}

/* RFC 9293 3.8.3: at least three retransmissions, then a timeout. */
static void test_half_open(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    for (int i = 0; i < 3; i++) {
        expect_within(60000, "S. 0:0(0) ack 1");
        check_int(logged_times("SYN_RECEIVED =>"), 0);
    }
    advance(600000);
    check_int(logged_times("SYN_RECEIVED =>"), 1);
    wire_pending(1);
    expect_nothing(600000);
}

/* The passive OPEN still waits: the handshake has failed, not the OPEN. */
static void test_open_after_half_open(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    advance(600000);
    wire_pending(1);
    check_sleeps(&opener);
    client('B', PEER_ISN);
    handshake("", 65535);
    check_state(opened(&opener), "ESTABLISHED");
}

/* Two interfaces. The next SYN may be for another address of ours than the one that failed. */
static void test_open_at_other_address(void)
{
    struct net_device *first, *second;
    static struct call opener;

    check_int(net_init(), 0);
    first = wire_init(WIRE_RAW);
    second = wire_init(WIRE_RAW);
    wire_address(first, "192.0.2.2", "255.255.255.0");
    wire_address(second, "198.51.100.2", "255.255.255.0");
    check_int(net_run(), 0);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    call_start(&opener, open_passive, .local = "0.0.0.0:7");
    wire_use(first);
    inject("S 0:0(0) win 65535");
    advance(600000);
    wire_pending(1);
    check_sleeps(&opener);
    connection('B', "198.51.100.2:7", "198.51.100.1:5000", PEER_ISN);
    wire_use(second);
    handshake("", 65535);
    check_state(opened(&opener), "ESTABLISHED");
}

/* Takes a probe of una: empty, with a number before SND.UNA, or with one byte. */
static void take_probe(uint32_t una)
{
    uint32_t seq;
    size_t len = take_segment(60000, &seq);

    check_int(len == 0 ? seq + 1 : seq, una);
    check_cmp(len, <=, 1);
}

/* RFC 9293 3.8.6.1: the connection lasts while its probes are answered, and an answer opens the
 * window. */
static void test_probes(void)
{
    static struct call c;
    struct tcp_stats stats;

    bench_start(WIRE_RAW);
    desc = established(PEER_ISN, "", 0);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    while (now_ms() < 400000) {
        take_probe(1);
        inject(". 1:1(0) ack 1 win 0");
        check_state(desc, "ESTABLISHED");
    }
    tcp_get_stats(&stats);
    check_range((long)stats.probes_sent, 4, 60); /* the intervals grow */
    inject(". 1:1(0) ack 1 win 65535");
    expect("P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11 win 0"); /* now no data waits */
    check_returned(&c, 10);
    expect_nothing(60000);
}

/* The peer is alive as long as it answers. When it opens the window, the timeout begins anew. */
static void test_zero_window_in_flight(void)
{
    uint32_t seq;
    int num;

    establish();
    our_side_sends(desc, 1, 10);
    for (num = 0; now_ms() < 400000; num++) {
        take_segment(120000, &seq);
        inject(". 1:1(0) ack 1 win 0");
        check_state(desc, "ESTABLISHED");
    }
    check_range(num, 4, 60); /* the intervals grow */
    inject(". 1:1(0) ack 1 win 65535");
    expect_within(5000, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11");
    expect_nothing(60000);
}

/* R1 counts retransmissions without an answer. */
static void test_answers_no_warning(void)
{
    uint32_t seq;

    establish();
    our_side_sends(desc, 1, 10);
    while (now_ms() < 200000) {
        take_segment(120000, &seq);
        inject(". 1:1(0) ack 1 win 0");
    }
    check_int(logged_times("no answer"), 0);
    inject(". 1:1(0) ack 11 win 65535");
}

static void test_probes_unanswered(void)
{
    struct tcp_stats stats;
    static struct call c;

    bench_start(WIRE_RAW);
    desc = established(PEER_ISN, "", 0);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    advance(99000);
    check_cmp(wire_pending(1), >=, 3);
    check_state(desc, "ESTABLISHED");
    advance(600000);
    check_sent_or_failed(&c, ETIMEDOUT);
    check_state(desc, "CLOSED");
    tcp_get_stats(&stats);
    check_int(stats.timed_out, 1);
    wire_pending(1);
    expect_nothing(60000);
}

BENCH(24,
      {"the copy of an acknowledged segment is freed", test_copy_freed},
      {"acknowledged data is not retransmitted", test_acknowledged},
      {"the first timeout of a segment is a second", test_first_timeout},
      {"a lost segment is retransmitted with doubling timeouts, and counted", test_segment},
      {"a lost SYN-ACK is retransmitted with doubling timeouts, and counted [MUST-22]",
       test_syn_ack},
      {"a bare ACK is not retransmitted", test_bare_ack},
      {"without memory a call fails with ENOMEM, or its data is retransmitted", test_no_memory},
      {"of two segments only the unacknowledged one is retransmitted", test_second_lost},
      {"sequence numbers are compared modulo 2^32", test_wrap},
      {"a partly acknowledged segment is retransmitted", test_partly_acknowledged},
      {"an ACK of new data restarts the timeout", test_ack_restarts_timeout},
      {"an ACK of new data restarts R2", test_ack_restarts_r2},
      {"old and duplicate ACKs do not stop retransmission", test_duplicate_ack},
      {"a shrunk window does not stop retransmission [SHLD-16]", test_shrunk_window},
      {"data outside a shrunk window is not retransmitted [SHLD-16]", test_shrunk_to_first},
      {"a segment refused by the device is retransmitted [M-2]", test_output_fails},
      {"received data does not disturb retransmission", test_both_directions},
      {"a retransmission has the present acknowledgment and window", test_present_ack},
      {"three retransmissions log a warning [MUST-20 SHLD-10]", test_warning},
      {"an ACK of new data restarts R1", test_ack_restarts_r1},
      {"a call fails with ETIMEDOUT after at least 100 s of silence [MUST-20 SHLD-11 EVENT-13]",
       test_giving_up},
      {"after R2, 100 s, the connection is closed, and nothing is sent", test_r2_of_data},
      {"a handshake ends after at most 180 s, and nothing is sent", test_r2_of_syn},
      {"the timeout wakes a sleeping sender", test_giving_up_sending},
      {"a half-open connection times out", test_half_open},
      {"a passive OPEN outlasts a half-open connection", test_open_after_half_open},
      {"a passive OPEN still waits at each address after a timeout", test_open_at_other_address},
      {"a zero window is probed while data waits, and the answers keep the connection [MUST-36]",
       test_probes},
      {"a window that closes over data in flight keeps the connection [SHLD-17]",
       test_zero_window_in_flight},
      {"a zero window that is answered is no reason for a warning", test_answers_no_warning},
      {"unanswered probes time out [MUST-36]", test_probes_unanswered})
