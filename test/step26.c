/* Step 26: passive close. The peer ends first. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "tcp.h"
#include "util.h"

static int desc = -1; /* the connection */

static void establish(void)
{
    bench_start(WIRE_RAW);
    desc = established(PEER_ISN, "", 65535);
}

/* Exactly these bytes of the pattern are left to be read, then end of file. */
static void check_end_after(uint32_t from, uint32_t end)
{
    static char buf[4096];

    if (end > from) {
        check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), end - from);
        check_pattern(buf, from, end - from);
    }
    check_end_of_file(desc);
}

static void test_fin(void)
{
    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    check_state(desc, "CLOSE_WAIT");
}

static void test_end_of_file(void)
{
    establish();
    inject("P. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 11");
    inject("F. 11:11(0) ack 1");
    expect_within(500, ". 1:1(0) ack 12");
    check_state(desc, "CLOSE_WAIT");
    check(logged("ESTABLISHED => CLOSE_WAIT"));
    check_end_after(1, 11);
}

static void test_reader_wakes(void)
{
    static struct call r;

    establish();
    call_start(&r, receive, .desc = desc, .len = 2048);
    check_sleeps(&r);
    inject("F. 1:1(0) ack 1");
    check_returned(&r, 0);
    expect_within(500, ". 1:1(0) ack 2");
}

static void test_data_and_fin(void)
{
    establish();
    inject("FP. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 12");
    check_state(desc, "CLOSE_WAIT");
    check_end_after(1, 11);
}

/* The FIN arrives before the data that precedes it. */
static void test_fin_too_early(void)
{
    static struct call r;

    establish();
    call_start(&r, receive, .desc = desc, .len = 2048);
    inject("F. 11:11(0) ack 1");
    advance(500);
    wire_pending(1);
    inject("FP. 6:11(5) ack 1");
    advance(500);
    wire_pending(1);
    check_sleeps(&r);
    check_state(desc, "ESTABLISHED");
    inject("P. 1:11(10) ack 1");
    inject("F. 11:11(0) ack 1");
    advance(500);
    wire_pending(1);
    check_returned(&r, 10);
    check_pattern(r.buf, 1, 10);
    check_state(desc, "CLOSE_WAIT");
    check_end_after(11, 11);
    inject("F. 11:11(0) ack 1");
    expect_within(500, ". 1:1(0) ack 12");
}

/* So the peer learns what is missing. */
static void test_gap_acknowledged(void)
{
    establish();
    inject("F. 11:11(0) ack 1");
    expect_within(500, ". 1:1(0) ack 1");
    check_state(desc, "ESTABLISHED");
}

/* Ten bytes are in flight when the window shrinks to five: the peer drops what begins beyond. */
static void test_ack_in_window(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject("FP. 1:11(10) ack 1 win 5");
    expect_within(500, ". 6:6(0) ack 12");
}

/* The FIN comes after the bytes in flight, now or when the window has opened. */
static void test_fin_after_flight(void)
{
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject("F. 1:1(0) ack 1 win 5");
    expect_within(500, ". 6:6(0) ack 2");
    check_int(tcp_cmd_close(desc), 0);
    settle();
    if (wire_pending(0) > 0) {
        expect("F. 11:11(0) ack 2");
    }
}

/* RFC 9293 3.10.7.4: a FIN may come with the ACK that completes the handshake. */
static void test_fin_with_handshake(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    inject("FP. 1:11(10) ack 1");
    desc = opened(&opener);
    expect_within(500, ". 1:1(0) ack 12");
    check_end_after(1, 11);
}

static void test_repeated_fin(void)
{
    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    advance(1000);
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    check_state(desc, "CLOSE_WAIT");
    check_end_after(1, 1);
}

static void test_data_after_fin(void)
{
    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    inject("P. 2:12(10) ack 1");
    advance(500);
    wire_pending(1);
    check_end_after(1, 1);
    check_state(desc, "CLOSE_WAIT");
}

static void test_send_after_fin(void)
{
    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 2");
    inject(". 2:2(0) ack 11");
    our_side_sends(desc, 11, 10);
    expect("P. 11:21(10) ack 2");
    expect_within(10000, "P. 11:21(10) ack 2");
    inject(". 2:2(0) ack 21");
    expect_nothing(60000);
}

/* To the end: FIN, ACK, FIN, ACK. Then the block is free, and late segments get a RST. */
static void test_close(void)
{
    char byte;

    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 2");
    check_state(desc, "LAST_ACK");
    check_error(tcp_cmd_receive(desc, &byte, 1), EBADF);
    check_error(tcp_cmd_send(desc, "x", 1), EBADF);
    check_error(tcp_cmd_close(desc), EBADF);
    inject(". 2:2(0) ack 2");
    check(logged("CLOSE_WAIT => LAST_ACK"));
    check(is_gone(desc));
    inject(". 2:2(0) ack 2");
    expect("R 2:2(0)");
}

/* LAST-ACK ends with the ACK of our FIN only. */
static void test_ack_of_fin(void)
{
    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 2");
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 11:11(0) ack 2");
    inject(". 2:2(0) ack 1");
    check_state(desc, "LAST_ACK");
    inject(". 2:2(0) ack 11");
    check_state(desc, "LAST_ACK");
    expect_within(60000, "F. 11:11(0) ack 2");
    inject(". 2:2(0) ack 12");
    check(is_gone(desc));
}

static void test_lost_fin(void)
{
    long wait, last;

    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 2");
    last = expect_within(60000, "F. 1:1(0) ack 2");
    wait = expect_within(10 * last, "F. 1:1(0) ack 2");
    check_range(wait, 2 * last - 250, 2 * last + 250);
    inject("F. 1:1(0) ack 1"); /* the peer retransmits its own FIN meanwhile */
    expect_within(500, ". 2:2(0) ack 2");
    inject(". 2:2(0) ack 2");
    check(is_gone(desc));
    expect_nothing(60000);
}

/* A silent peer. */
static void test_no_last_ack(void)
{
    establish();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 2");
    advance(30000);
    check_state(desc, "LAST_ACK");
    advance(600000);
    check(is_gone(desc));
    wire_pending(1);
}

static void test_wrap(void)
{
    bench_start(WIRE_RAW);
    desc = established(0xfffffff0, "", 65535);
    inject("FP. 1:15(14) ack 1"); /* 0xfffffff1 to 0xfffffffe; the FIN is 0xffffffff */
    expect_within(500, ". 1:1(0) ack 16");
    check_end_after(1, 15);
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 16");
    inject(". 16:16(0) ack 2");
    check(is_gone(desc));
}

/* A FIN takes a sequence number: it does not fit into a zero window. */
static void test_fin_into_shut_window(void)
{
    static char buf[70000];
    char script[64];
    uint32_t seq, len;

    establish();
    for (seq = 1; seq <= TCP_RCV_BUF_SIZE; seq += len) {
        len = TCP_RCV_BUF_SIZE + 1 - seq < 1000 ? TCP_RCV_BUF_SIZE + 1 - seq : 1000;
        snprintf(script, sizeof(script), "P. %u:%u(%u) ack 1", seq, seq + len, len);
        inject(script);
        advance(500);
        wire_pending(1);
    }
    inject("F. 65536:65536(0) ack 1");
    advance(500);
    wire_pending(1);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), TCP_RCV_BUF_SIZE);
    check_pattern(buf, 1, TCP_RCV_BUF_SIZE);
    advance(500);
    wire_pending(1);
    inject("F. 65536:65536(0) ack 1");
    expect_within(500, ". 1:1(0) ack 65537");
    check_end_after(65536, 65536);
}

BENCH(26,
      {"a FIN is acknowledged, and the state is CLOSE-WAIT", test_fin},
      {"end of file wakes a sleeping reader", test_reader_wakes},
      {"end of file follows the last byte [MUST-12]", test_end_of_file},
      {"data and FIN in one segment are both acknowledged", test_data_and_fin},
      {"a FIN after a gap is not accepted [EVENT-10]", test_fin_too_early},
      {"a FIN after a gap is answered by an ACK", test_gap_acknowledged},
      {"an ACK is inside a window that has shrunk", test_ack_in_window},
      {"a FIN follows the data in flight, also beyond a window that has shrunk",
       test_fin_after_flight},
      {"a FIN may come with the handshake's last ACK", test_fin_with_handshake},
      {"a repeated FIN is acknowledged again", test_repeated_fin},
      {"data after the peer's FIN is ignored", test_data_after_fin},
      {"data is sent after the peer's FIN", test_send_after_fin},
      {"FIN, ACK, FIN, ACK: the block is freed", test_close},
      {"LAST-ACK waits for the ACK of our FIN [EVENT-11]", test_ack_of_fin},
      {"a lost FIN is retransmitted", test_lost_fin},
      {"LAST-ACK times out", test_no_last_ack},
      {"a FIN with sequence number 2^32 - 1 is accepted", test_wrap},
      {"a FIN into a zero window is accepted when repeated after it opens",
       test_fin_into_shut_window})
