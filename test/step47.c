/* Step 47: delayed acknowledgments. An ACK waits for what may carry it, but not for long. */

#include <stdio.h>

#include "bench.h"
#include "commands.h"
#include "conn.h"
#include "net.h"
#include "tcp.h"

#define FULL 1460 /* bytes of a full segment */

static int desc = -1;
static uint32_t next; /* the peer's next number */

static void establish(void)
{
    bench_start(WIRE_RAW);
    desc = established(PEER_ISN, "<mss 1460>", 65535);
    next = 1;
}

/* The peer's next segment. */
static void peer_goes_on(uint32_t len)
{
    peer_sends(next, next + len);
    next += len;
}

/* A bare ACK of all that the peer has sent goes out, and nothing else. */
static void expect_ack_within(long ms)
{
    char line[32];

    snprintf(line, sizeof(line), ". 1:1(0) ack %u", next);
    expect_within(ms, line);
    expect_nothing(0);
}

static void expect_ack_now(void)
{
    expect_ack_within(0);
}

/*
 * How long
 */

/* RFC 9293 asks for less than half a second; ours is 40 ms. */
static void test_lone(void)
{
    establish();
    for (uint32_t len = 1; len <= 1001; len += 100) {
        peer_goes_on(len);
        expect_nothing(20);
        expect_ack_within(20);
        expect_nothing(500);
    }
}

/* The 40 ms count from the first segment, however many follow. */
static void test_small(void)
{
    establish();
    peer_goes_on(FULL);
    expect_ack_within(40);
    for (int i = 0; i < 39; i++) {
        peer_goes_on(10);
        expect_nothing(1);
    }
    expect_ack_within(1);
    expect_nothing(500);
}

/* Each connection has its own delay. */
static void test_two(void)
{
    int listener;

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 8);
    client('A', PEER_ISN);
    accepted(listener, "", 65535);
    client('B', PEER_ISN);
    accepted(listener, "", 65535);
    inject("A> P. 1:11(10) ack 1");
    advance(30);
    inject("B> P. 1:11(10) ack 1");
    expect_within(10, "A> . 1:1(0) ack 11");
    expect_nothing(20);
    expect_within(10, "B> . 1:1(0) ack 11");
    expect_nothing(500);
}

/*
 * Every second full segment
 */

/* Twenty pairs, each read at once. */
static void check_pairs(uint32_t full)
{
    for (int i = 0; i < 20; i++) {
        peer_goes_on(full);
        expect_nothing(10);
        peer_goes_on(full);
        expect_ack_now();
        read_up_to(desc, next - 2 * full, next);
    }
    expect_nothing(500);
}

static void test_second(void)
{
    establish();
    check_pairs(FULL);
}

/* Options make a full segment shorter than the MSS, and so does a small MTU on the way. */
static void test_second_shorter(void)
{
    establish();
    check_pairs(536);
    check_pairs(FULL - 12);
}

/* What counts is the data of two full segments. */
static void test_bytes(void)
{
    establish();
    peer_goes_on(1000);
    peer_goes_on(FULL);
    expect_nothing(10);
    peer_goes_on(2 * FULL - FULL - 1000 - 1);
    expect_nothing(10);
    peer_goes_on(1);
    expect_ack_now();
    expect_nothing(500);
}

/* However long the stream is. */
static void test_stream(void)
{
    unsigned int acks = 0;

    establish();
    for (int i = 0; i < 1000; i++) {
        peer_goes_on(FULL);
        read_up_to(desc, next - FULL, next);
        acks += (unsigned int)wire_pending(1);
        advance(1);
    }
    check_int(acks, 500);
}

/* A new connection knows nothing of the segments of another. */
static void test_again(void)
{
    int listener;

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 8);
    for (char c = 'A'; c <= 'B'; c++) {
        client(c, PEER_ISN);
        desc = accepted(listener, "", 65535);
        next = 1;
        check_pairs(c == 'A' ? FULL : 200);
    }
}

/*
 * Batches
 */

/* Segments that arrive while the first is processed, each for 100 us. */
static void test_batch(void)
{
    establish();
    wire_compute(100);
    for (int i = 0; i < 20; i++) {
        peer_goes_on(FULL);
    }
    advance(5);
    expect_ack_now();
    expect_nothing(500);
}

static void batch_end(void)
{
}

/* There is one handler for the end of a batch, TCP's. */
static void test_batch_end(void)
{
    check_int(net_init(), 0);
    check_int(net_batch_end_register(batch_end), -1);
    check_int(net_shutdown(), 0);
    check_int(net_init(), 0); /* and it is registered anew */
    check_int(net_shutdown(), 0);
}

static void test_batch_out_of_order(void)
{
    establish();
    wire_compute(100);
    peer_goes_on(FULL);
    peer_goes_on(FULL);
    next += 100; /* lost */
    peer_goes_on(FULL);
    peer_goes_on(FULL);
    advance(5);
    for (int i = 0; i < 2; i++) {
        expect_within(0, ". 1:1(0) ack 2921");
    }
    expect_nothing(500);
}

/*
 * What carries it
 */

static void echo(void *arg)
{
    char buf[100];
    ssize_t len;

    (void)arg;
    while ((len = tcp_cmd_receive(desc, buf, sizeof(buf))) > 0) {
        tcp_cmd_send(desc, buf, (size_t)len);
    }
}

/* An echo is one frame. */
static void test_reply(void)
{
    char line[64];

    establish();
    task_start("echo", echo, NULL);
    for (int i = 0; i < 10; i++) {
        snprintf(line, sizeof(line), "P. %u:%u(10) ack %u", next, next + 10, next);
        inject(line);
        next += 10;
        snprintf(line, sizeof(line), "P. %u:%u(10) ack %u", next - 10, next, next);
        expect(line);
        expect_nothing(100);
    }
}

/* Data that goes out for other reasons carries it too, and the delay begins anew. */
static void test_data(void)
{
    establish();
    peer_goes_on(10);
    advance(30);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 11");
    inject("P. 11:21(10) ack 11");
    expect_nothing(39);
    expect_within(1, ". 11:11(0) ack 21");
    expect_nothing(500);
}

/* So does the data that an ACK lets out. */
static void test_ack_of_data(void)
{
    establish();
    peer_acks(1, 10);
    our_side_sends(desc, 1, 20);
    expect(". 1:11(10) ack 1");
    inject("P. 1:11(10) ack 11 win 10");
    expect("P. 11:21(10) ack 11");
    expect_nothing(100);
}

/* A window update acknowledges too. */
static void test_window(void)
{
    establish();
    while (next < 65536) {
        peer_goes_on(65536 - next < 1000 ? 65536 - next : 1000);
    }
    advance(100);
    wire_pending(1);
    read_up_to(desc, 1, 3001);
    expect(". 1:1(0) ack 65536 win 3000");
    peer_goes_on(1900); /* the peer knows of no room for a full segment */
    read_up_to(desc, 3001, 6001);
    expect(". 1:1(0) ack 67436 win 4100");
    expect_nothing(500);
}

static void test_fin(void)
{
    establish();
    peer_goes_on(10);
    check_int(tcp_cmd_receive(desc, (char[10]){0}, 10), 10);
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 11");
    expect_nothing(100);
}

/* Nothing is acknowledged after a reset. */
static void test_reset(void)
{
    establish();
    peer_goes_on(10);
    check_int(tcp_cmd_abort(desc), 0);
    expect("R. 1:1(0) ack 11");
    expect_nothing(500);
}

static void test_reset_by_peer(void)
{
    establish();
    peer_goes_on(10);
    inject("R 11:11(0)");
    expect_nothing(500);
}

/*
 * What does not wait. RFC 5681 4.2
 */
static void test_out_of_order(void)
{
    establish();
    peer_goes_on(10);
    next += 10; /* lost */
    for (int i = 0; i < 3; i++) {
        peer_goes_on(10);
        expect(". 1:1(0) ack 11");
        expect_nothing(0);
    }
    expect_nothing(500);
}

/* Our ACK was lost. */
static void test_repeated(void)
{
    establish();
    peer_goes_on(100);
    expect_ack_within(40);
    peer_sends(1, 101);
    expect_ack_now();
    peer_sends(51, 151); /* the peer has put more into it */
    next = 151;
    expect_ack_now();
    expect_nothing(500);
}

/* What does not fit is dropped, and the peer must know. */
static void test_beyond_window(void)
{
    establish();
    while (next + 1000 < 65535) {
        peer_goes_on(1000);
    }
    advance(100);
    wire_pending(1);
    peer_sends(next, next + 1000);
    next = 65536;
    expect_ack_now();
    peer_sends(next, next + 1); /* a probe of the zero window */
    expect_ack_now();
    expect_nothing(500);
}

static void test_peers_fin(void)
{
    establish();
    peer_goes_on(10);
    inject("F. 11:11(0) ack 1");
    next = 12;
    expect_ack_now();
    expect_nothing(500);
}

BENCH(47,
      {"a lone segment is acknowledged after 40 ms [SHLD-18 MUST-40]", test_lone},
      {"small segments share one ACK, 40 ms after the first [SHLD-18 MUST-40]", test_small},
      {"each connection has its own delay", test_two},
      {"every second full segment is acknowledged at once [SHLD-19]", test_second},
      {"full is the largest segment of the connection so far [SHLD-19]", test_second_shorter},
      {"the data of two full segments counts, not their number [SHLD-19]", test_bytes},
      {"1,000 full segments get 500 ACKs [SHLD-19]", test_stream},
      {"a new connection learns anew what is full", test_again},
      {"a batch of 20 full segments gets one ACK [MUST-58 MUST-59]", test_batch},
      {"the end of a batch has one handler", test_batch_end},
      {"in a batch, each segment out of order gets its ACK", test_batch_out_of_order},
      {"an echo is one frame [MUST-58]", test_reply},
      {"data carries the ACK, and the next delay begins anew [MUST-58]", test_data},
      {"data that was held by the window carries the ACK [MUST-58]", test_ack_of_data},
      {"a window update carries the ACK", test_window},
      {"our FIN carries the ACK [MUST-58]", test_fin},
      {"nothing is acknowledged after our RST", test_reset},
      {"nothing is acknowledged after the peer's RST", test_reset_by_peer},
      {"what is out of order is acknowledged singly and at once", test_out_of_order},
      {"old data is acknowledged at once", test_repeated},
      {"what exceeds the window is acknowledged at once", test_beyond_window},
      {"a FIN is acknowledged at once", test_peers_fin})
