/* Step 27: active close. Our side closes first and stays in TIME-WAIT. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "tcp.h"
#include "util.h"

#define TIME_WAIT (2 * TCP_MSL) /* milliseconds */

static int desc = -1; /* the connection */

static void establish(void)
{
    bench_start(WIRE_RAW);
    desc = established(PEER_ISN, "", 65535);
}

static void close_connection(void)
{
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 1");
}

/* Up to TIME-WAIT. */
static void end(void)
{
    establish();
    close_connection();
    inject(". 1:1(0) ack 2");
    advance(TCP_FIN_WAIT_2_TIMEOUT / 2); /* the two states' timeouts are independent */
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    check_state(desc, "TIME_WAIT");
}

static void test_exchange(void)
{
    establish();
    close_connection();
    check_state(desc, "FIN_WAIT1");
    inject(". 1:1(0) ack 2");
    check_state(desc, "FIN_WAIT2");
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    check_state(desc, "TIME_WAIT");
    check(logged("ESTABLISHED => FIN_WAIT1"));
    check(logged("FIN_WAIT1 => FIN_WAIT2"));
    check(logged("FIN_WAIT2 => TIME_WAIT"));
    advance(TIME_WAIT + 1000);
    check_gone(desc);
}

/* The peer answers with one segment for both. */
static void test_fin_with_ack(void)
{
    establish();
    close_connection();
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    check_state(desc, "TIME_WAIT");
}

static void test_time_wait(void)
{
    end();
    advance(TIME_WAIT - 1000);
    check_state(desc, "TIME_WAIT");
    advance(2000);
    check_gone(desc);
    inject("F. 1:1(0) ack 2");
    expect("R 2:2(0)");
}

static void test_repeated_fin(void)
{
    end();
    advance(TIME_WAIT - 10000);
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    advance(TIME_WAIT - 10000);
    check_state(desc, "TIME_WAIT");
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    advance(TIME_WAIT + 1000);
    check_gone(desc);
}

/* TIME-WAIT absorbs old segments in flight. They do not prolong it. */
static void test_old_segments(void)
{
    end();
    inject("S 0:0(0) win 65535");
    expect(". 2:2(0) ack 2");
    check_state(desc, "TIME_WAIT");
    advance(TIME_WAIT - 1000);
    inject("P. 0:1(1) ack 1");
    expect(". 2:2(0) ack 2");
    check_state(desc, "TIME_WAIT");
    advance(2000);
    check_gone(desc);
}

/* The peer's FIN was its last: text after it is not even acknowledged. */
static void test_text_in_time_wait(void)
{
    end();
    check_counted(tcp, bad_flags, 1, inject("P. 2:12(10) ack 2"));
    expect_nothing(500);
    check_state(desc, "TIME_WAIT");
}

/* No user reads any more. */
static void test_buffer(void)
{
    end();
    memory_peak_bytes(1);
    settle();
    check_cmp(memory_peak_bytes(0), <, TCP_RCV_BUF_SIZE);
}

/* The peer has not closed yet: its text counts. */
static void test_text_after_fin(void)
{
    establish();
    close_connection();
    inject("P. 1:11(10) ack 1");
    if (is_gone(desc)) { /* from step 36 on a RST refuses text that no user reads */
        wire_pending(1);
        return;
    }
    expect_within(500, ". 2:2(0) ack 11");
    inject(". 11:11(0) ack 2");
    inject("P. 11:21(10) ack 2");
    expect_within(500, ". 2:2(0) ack 21");
    check_state(desc, "FIN_WAIT2");
}

static void test_fin_acknowledged(void)
{
    establish();
    close_connection();
    inject(". 1:1(0) ack 2");
    check_state(desc, "FIN_WAIT2");
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
}

/* FIN-WAIT-1 ends with the ACK of our FIN only. */
static void test_ack_of_fin(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 11:11(0) ack 1");
    inject(". 1:1(0) ack 1");
    check_state(desc, "FIN_WAIT1");
    inject(". 1:1(0) ack 11");
    check_state(desc, "FIN_WAIT1");
    inject(". 1:1(0) ack 12");
    check_state(desc, "FIN_WAIT2");
    inject("F. 1:1(0) ack 12");
    expect_within(500, ". 12:12(0) ack 2");
    check_state(desc, "TIME_WAIT");
}

static void test_lost_fin(void)
{
    long wait, last;

    establish();
    close_connection();
    last = expect_within(60000, "F. 1:1(0) ack 1");
    wait = expect_within(10 * last, "F. 1:1(0) ack 1");
    check_range(wait, 2 * last - 250, 2 * last + 250);
    inject(". 1:1(0) ack 2");
    check_state(desc, "FIN_WAIT2");
    expect_nothing(10000);
}

/* Data and FIN are both lost, and both retransmitted. */
static void test_lost_data_and_fin(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 11:11(0) ack 1");
    advance(10000);
    check_cmp(wire_pending(1), >=, 2);
    inject(". 1:1(0) ack 11");
    wire_pending(1);
    expect_within(60000, "F. 11:11(0) ack 1");
    inject(". 1:1(0) ack 12");
    check_state(desc, "FIN_WAIT2");
}

/* The FIN is lost; its retransmission is acknowledged by the peer's FIN. */
static void test_peer_closes_too(void)
{
    establish();
    close_connection();
    expect_within(60000, "F. 1:1(0) ack 1");
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    check_state(desc, "TIME_WAIT");
    expect_nothing(10000);
}

/* The descriptor is closed, so the wait for the peer's FIN has a limit. */
static void test_silent_in_fin_wait_2(void)
{
    establish();
    close_connection();
    inject(". 1:1(0) ack 2");
    advance(TCP_FIN_WAIT_2_TIMEOUT - 1000);
    check_state(desc, "FIN_WAIT2");
    advance(2000);
    check_gone(desc);
    wire_pending(1);
}

static void test_silent_in_fin_wait_1(void)
{
    establish();
    close_connection();
    advance(30000);
    check_state(desc, "FIN_WAIT1");
    advance(600000);
    check_gone(desc);
    wire_pending(1);
}

/* Close does not wait for the peer; the descriptor is invalid from then on. */
static void test_descriptor(void)
{
    static struct call r;

    establish();
    call_start(&r, receive, .desc = desc, .len = 1);
    close_connection();
    settle();
    check_failed(&r, EBADF);
    check_error(tcp_cmd_send(desc, "x", 1), EBADF);
    check_error(tcp_cmd_close(desc), EBADF);
}

/* A block in TIME-WAIT is not reused for another connection. */
static void test_next_connection(void)
{
    static struct call opener;
    int next;

    end();
    call_start(&opener, open_passive, .local = "192.0.2.2:7");
    client('B', PEER_ISN);
    handshake("", 65535);
    next = opened(&opener);
    check_cmp(next, !=, desc);
    check_state(desc, "TIME_WAIT");
    inject("A> F. 1:1(0) ack 2");
    expect_within(500, "A> . 2:2(0) ack 2");
    advance(TIME_WAIT + 1000);
    check_gone(desc);
    check_int(tcp_cmd_close(next), 0);
    expect("B> F. 1:1(0) ack 1");
}

BENCH(27,
      {"the peer's FIN in FIN-WAIT-2 is acknowledged", test_fin_acknowledged},
      {"FIN, ACK, FIN, ACK, 2 MSL: the block is freed", test_exchange},
      {"the peer's FIN may come with its ACK of our FIN", test_fin_with_ack},
      {"TIME-WAIT lasts 2 MSL [MUST-13]", test_time_wait},
      {"a repeated FIN in TIME-WAIT is answered and restarts the 2 MSL [EVENT-12]",
       test_repeated_fin},
      {"TIME-WAIT answers old segments, which do not prolong it", test_old_segments},
      {"TIME-WAIT ignores text", test_text_in_time_wait},
      {"TIME-WAIT keeps no receive buffer", test_buffer},
      {"text after our FIN is received, or refused by a RST", test_text_after_fin},
      {"FIN-WAIT-1 waits for the ACK of our FIN [EVENT-11]", test_ack_of_fin},
      {"a lost FIN is retransmitted", test_lost_fin},
      {"lost data and a lost FIN are retransmitted", test_lost_data_and_fin},
      {"a retransmitted FIN may be answered by FIN and ACK", test_peer_closes_too},
      {"FIN-WAIT-2 times out", test_silent_in_fin_wait_2},
      {"FIN-WAIT-1 times out", test_silent_in_fin_wait_1},
      {"close wakes a reader and does not sleep", test_descriptor},
      {"a block in TIME-WAIT is not reused for the next connection [M-3]", test_next_connection})
