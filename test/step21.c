/* Step 21: control blocks. None is in use: segments meet state CLOSED, RFC 9293 3.10.7.1. */

#include <stdio.h>

#include "bench.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

#define PEER_ISN 1000

static void start(void)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
}

static void test_syn(void)
{
    start();
    inject("S 0:0(0) win 65535");
    expect("R. =0:=0(0) ack 1");
}

/* Without ACK: <SEQ=0><ACK=SEG.SEQ+SEG.LEN>; SYN and FIN count as one byte each. */
static void test_without_ack(void)
{
    start();
    inject("F 0:0(0) win 65535");
    expect("R. =0:=0(0) ack 1");
    inject("P 1:11(10) win 65535");
    expect("R. =0:=0(0) ack 11");
    inject("F 1:11(10) win 65535");
    expect("R. =0:=0(0) ack 12");
    inject("S 0:10(10) win 65535");
    expect("R. =0:=0(0) ack 11");
    inject("SF 0:10(10) win 65535");
    expect("R. =0:=0(0) ack 12");
    inject_with("tcp.flags=0", "P 1:1(0) win 65535");
    expect("R. =0:=0(0) ack 1");
}

/* With ACK: <SEQ=SEG.ACK>, and no ACK. */
static void test_with_ack(void)
{
    start();
    inject(". 1:1(0) ack =5000");
    expect("R =5000:=5000(0)");
    inject("P. 1:11(10) ack =5000");
    expect("R =5000:=5000(0)");
    inject("F. 1:1(0) ack =5000");
    expect("R =5000:=5000(0)");
    inject("S. 0:0(0) ack =5000 win 65535");
    expect("R =5000:=5000(0)");
    inject(". 1:1(0) ack =0");
    expect("R =0:=0(0)");
}

static void test_reset(void)
{
    start();
    check_counted(tcp, no_connection, 1, inject("R 0:0(0) win 0"));
    check_counted(tcp, no_connection, 1, inject("R. 0:0(0) ack =5000"));
    check_counted(tcp, no_connection, 1, inject("SR 0:0(0) win 0"));
    check_counted(tcp, no_connection, 1, inject("R 0:10(10) win 0"));
    check_counted(tcp, no_connection, 1, inject("FR. 0:0(0) ack =5000"));
    expect_nothing(1000);
}

/* Sequence numbers are modulo 2^32. */
static void test_wrap(void)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", 0xffffffff);
    inject("S 0:0(0) win 65535");
    expect("R. =0:=0(0) ack =0");
    inject("F 0:10(10) win 65535");
    expect("R. =0:=0(0) ack =10");
    inject(". 1:1(0) ack =4294967295");
    expect("R =4294967295:=4294967295(0)");
}

/* The RST goes from the segment's destination to its source. */
static void test_endpoints(void)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    connection('B', "192.0.2.2:65535", "192.0.2.9:1", PEER_ISN);
    inject("A> S 0:0(0) win 65535");
    inject("B> S 0:0(0) win 65535");
    inject("A> . 1:1(0) ack =5000");
    expect("A> R. =0:=0(0) ack 1");
    expect("B> R. =0:=0(0) ack 1");
    expect("A> R =5000:=5000(0)");
}

static void test_counted(void)
{
    start();
    check_counted(tcp, no_connection, 1, inject("S 0:0(0) win 65535"));
    check_counted(tcp, resets_sent, 1, inject("S 0:0(0) win 65535"));
    check_counted(tcp, sent, 1, inject("S 0:0(0) win 65535"));
    check_counted(tcp, resets_sent, 0, inject("R 0:0(0) win 0"));
    check_int(wire_pending(1), 3);
}

/* Without memory, or refused by IP, the RST is lost, and nothing else happens. */
static void test_not_sent(void)
{
    struct tcp_stats before, after;

    start();
    tcp_get_stats(&before);
    for (unsigned long k = 1; k <= 4; k++) { /* one of these allocations is the segment's */
        sim_fail_alloc(k);
        inject("S 0:0(0) win 65535");
    }
    sim_fail_alloc(0);
    wire_pending(1);
    tcp_get_stats(&after);
    check_cmp(after.send_failed - before.send_failed, >=, 1);
    wire_fail_output(1);
    check_counted(tcp, send_failed, 1, inject("S 0:0(0) win 65535"));
    wire_fail_output(0);
    inject("S 0:0(0) win 65535");
    expect("R. =0:=0(0) ack 1");
}

/* A segment that fails the header checks is not answered. */
static void test_damaged(void)
{
    start();
    check_counted(tcp, no_connection, 0, inject_with("tcp.sum=+1", "S 0:0(0) win 65535"));
    check_counted(tcp, no_connection, 0, inject_with("tcp.offset=4", "S 0:0(0) win 65535"));
    check_counted(tcp, no_connection, 0, inject_with("ip.dst=192.0.2.255", "S 0:0(0) win 65535"));
    expect_nothing(1000);
}

/* Options do not count in SEG.LEN. */
static void test_length(void)
{
    start();
    inject("S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK>");
    expect("R. =0:=0(0) ack 1");
    inject_with("tcp.offset=6", "P 1:5(4) win 65535 '\\x01\\x01\\x01\\x00'");
    expect("R. =0:=0(0) ack 1");
    inject_with("tcp.offset=6", "P 1:11(10) win 65535 '\\x01\\x01\\x01\\x00abcdef'");
    expect("R. =0:=0(0) ack 7");
    inject_with("frame.len=46", "F 1:1(0) win 65535");
    expect("R. =0:=0(0) ack 2");
}

static void test_nothing_kept(void)
{
    char remote[32];
    struct tcp_view view;
    size_t in_use;

    start();
    inject("S 0:0(0) win 65535");
    wire_pending(1);
    in_use = memory_in_use();
    for (int i = 0; i < 1000; i++) {
        snprintf(remote, sizeof(remote), "192.0.2.1:%d", 10000 + i);
        connection('A', "192.0.2.2:7", remote, PEER_ISN);
        inject("S 0:0(0) win 65535");
        wire_pending(1);
    }
    check_int(memory_in_use(), in_use);
    for (int desc = -1; desc <= TCP_PCB_SIZE; desc++) {
        check_error(tcp_get_view(desc, &view), EBADF);
        check_int(tcp_get_view_at((size_t)desc, &view), -1);
    }
}

static void test_state_names(void)
{
    check_str(tcp_state_ntoa(TCP_STATE_CLOSED), "CLOSED");
    check_str(tcp_state_ntoa(TCP_STATE_LISTEN), "LISTEN");
    check_str(tcp_state_ntoa(TCP_STATE_SYN_SENT), "SYN_SENT");
    check_str(tcp_state_ntoa(TCP_STATE_SYN_RECEIVED), "SYN_RECEIVED");
    check_str(tcp_state_ntoa(TCP_STATE_ESTABLISHED), "ESTABLISHED");
    check_str(tcp_state_ntoa(TCP_STATE_FIN_WAIT1), "FIN_WAIT1");
    check_str(tcp_state_ntoa(TCP_STATE_FIN_WAIT2), "FIN_WAIT2");
    check_str(tcp_state_ntoa(TCP_STATE_CLOSING), "CLOSING");
    check_str(tcp_state_ntoa(TCP_STATE_TIME_WAIT), "TIME_WAIT");
    check_str(tcp_state_ntoa(TCP_STATE_CLOSE_WAIT), "CLOSE_WAIT");
    check_str(tcp_state_ntoa(TCP_STATE_LAST_ACK), "LAST_ACK");
}

BENCH(21,
      {"a SYN for no connection gets a RST that acknowledges it [EVENT-1]", test_syn},
      {"the RST for a segment without ACK has sequence number 0 [EVENT-1]", test_without_ack},
      {"the RST for a segment with ACK has its acknowledgment number [EVENT-1]", test_with_ack},
      {"options and padding do not count as data", test_length},
      {"a RST is never answered [EVENT-1]", test_reset},
      {"sequence numbers wrap at 2^32", test_wrap},
      {"the RST goes from the segment's destination to its source [MUST-45]", test_endpoints},
      {"drops and resets are counted", test_counted},
      {"a RST that cannot be sent is counted, and leaves no memory allocated", test_not_sent},
      {"a damaged or broadcast segment gets no RST", test_damaged},
      {"a thousand segments for no connection leave no memory allocated", test_nothing_kept},
      {"every state has its name", test_state_names})
