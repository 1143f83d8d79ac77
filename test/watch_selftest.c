/* The judge's watcher at the sender's edge (test/judge/edge.h): each of its rules lets pass what
 * the RFCs allow, and is broken by a segment written for that. The rules of a step that the stack
 * has not reached are tested here alone. test/watch_cwnd_selftest.c has the congestion window. */

#include "judge/edge_script.h"

static const char *tries_syn(uint8_t flags)
{
    struct edge before = e;
    const char *what = edge_out(&e, now, &(struct edge_segment){.flags = flags});

    e = before;
    return what;
}

static void in(uint32_t seq, uint32_t len)
{
    right(gets(seq, len, 0, e.una, WND));
}

static const char *after(uint64_t ms)
{
    wait_ms(ms);
    return edge_time(&e, now);
}

/*
 * Windows and sequence numbers
 */
static void test_window(void)
{
    opened(EDGE_CWND - 1);
    out(1, WND - 1);
    out(WND, 1);
    wrong(tries(WND + 1, 2, 0, 1, WND), "send up to 60003, beyond a window up to 60001");
    right(tries(WND + 1, 1, 0, 1, WND)); /* a probe */
    acked(1001);
    out(WND + 1, 1000);
    wrong(tries(WND + 1001, 0, FIN, 1, WND), "send up to 61002, beyond a window up to 61001");
}

/* A window that shrinks: what it was before counts. */
static void test_shrunk_window(void)
{
    opened(EDGE_CWND - 1);
    right(gets(1, 0, 0, 1, 100));
    out(1, 1000);
}

static void test_given(void)
{
    opened(EDGE_CWND - 1);
    e.given = 501;
    out(1, 500);
    wrong(tries(501, 1, 0, 1, WND), "send up to 502 when the user gave all below 501");
    right(sends(501, 0, FIN, 1, WND));
}

static void test_gap(void)
{
    opened(EDGE_CWND - 1);
    out(1, 500);
    wrong(tries(502, 10, 0, 1, WND), "send from 502 on, having sent all below 501");
    wrong(tries(502, 0, 0, 1, WND), "send an ACK at 502, having sent all below 501");
    edge_hold(&e); /* the segment between waits for an ARP reply, and is lost */
    out(502, 10);
}

static void test_below_una(void)
{
    opened(EDGE_CWND - 1);
    out(1, 500);
    acked(501);
    wait_ms(1000);
    wrong(tries(500, 1, 0, 1, WND), "send 500 again, below SND.UNA = 501");
    right(sends(500, 0, 0, 1, WND)); /* a probe */
    wrong(tries(499, 0, 0, 1, WND), "send an ACK at 499, below SND.UNA = 501");
}

/* The stack need not take an ACK that is outside its window. */
static void test_unsure_ack(void)
{
    opened(EDGE_CWND - 1);
    out(1, 1000);
    wait_ms(999);
    right(gets(1 + WND, 0, 0, 501, WND));
    wait_ms(1);
    out(1, 1000);
    out(1001, 59500); /* but if it takes it, the window moves */
}

/*
 * The timer
 */
static void test_rto(void)
{
    opened(EDGE_MIN_RTO - 1);
    out(1, 500);
    wait_ms(999);
    wrong(tries(1, 500, 0, 1, WND), "send 1 again after 999 ms");
    wait_ms(1);
    out(1, 300);
    out(301, 200); /* in the same burst */
    wait_ms(500);
    out(501, 500);
    acked(301); /* starts the timer */
    wait_ms(999);
    wrong(tries(301, 200, 0, 1, WND), "send 301 again after 999 ms");
    wait_ms(1);
    out(301, 700);
}

static void test_rto_syn(void)
{
    start(EDGE_CWND - 1);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    wait_ms(999);
    wrong(tries_syn(SYN), "send 0 again after 999 ms");
    wait_ms(1);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    right(edge_in(&e, now, &(struct edge_segment){.flags = SYN, .wnd = WND}));
    right(sends(0, 0, SYN, 1, WND)); /* the SYNs have crossed */
    wait_ms(999);
    wrong(tries(0, 0, SYN, 1, WND), "send 0 again after 999 ms");
    wait_ms(1);
    right(sends(0, 0, SYN, 1, WND));
}

/* A SYN that has waited for an ARP reply is repeated by its time, not by that of the wire. */
static void test_rto_held(void)
{
    start(EDGE_CWND - 1);
    edge_hold(&e);
    wait_ms(300);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    wait_ms(700);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    wait_ms(999);
    wrong(tries_syn(SYN), "send 0 again after 999 ms");
}

static void test_min_rto(void)
{
    opened(EDGE_MIN_RTO);
    out(1, 500);
    wait_ms(199);
    wrong(tries(1, 500, 0, 1, WND), "send 1 again after 199 ms");
    wait_ms(1);
    out(1, 500);
}

/* Karn's algorithm: no sample of an ACK while something is unacknowledged that was sent again. */
static void test_samples(void)
{
    opened(EDGE_MIN_RTO);
    check_int(e.may_sample, 1); /* of the SYN */
    out(1, 1000);
    out(1001, 1000);
    acked(1001);
    check_int(e.may_sample, 2);
    wait_ms(200);
    out(1001, 1000);
    out(2001, 1000);
    acked(1501);
    acked(3001);
    check_int(e.may_sample, 2);
    out(3001, 1000);
    acked(3001);
    acked(4001);
    check_int(e.may_sample, 3);
}

/* From step 49 on: after a timeout each byte is repeated once, as in slow start. */
static void test_goes_back(void)
{
    opened(EDGE_MIN_RTO);
    out(1, 500);
    out(501, 500);
    wait_ms(200);
    out(1, 500);
    wait_ms(50);
    wrong(tries(1, 500, 0, 1, WND), "send 1 again after 50 ms");
    acked(501);
    out(501, 500);
    wait_ms(199);
    wrong(tries(501, 500, 0, 1, WND), "send 501 again after 199 ms");
    wait_ms(1);
    out(501, 500);
}

/*
 * Acknowledgments
 */
static void test_each(void)
{
    opened(EDGE_DELAYED_ACK - 1);
    in(1, 100);
    in(101, 100); /* two in a batch are answered by two */
    out(1, 0);
    wrong(after(1), "leave 1 segments without an answer, the last one 101 to 201");
    opened(EDGE_DELAYED_ACK - 1);
    in(1, 100);
    in(101, 100);
    out(1, 50); /* with data */
    out(51, 0);
    right(after(1));
}

/* From step 47 on: two full segments, unless one batch has them; and not for ever. */
static void test_every_second(void)
{
    opened(EDGE_DELAYED_ACK);
    in(1, 1000);
    right(after(400));
    in(1001, 1000);
    wrong(after(1), "leave 2 full segments up to 2001 without an acknowledgment");
    opened(EDGE_DELAYED_ACK);
    in(1, 1000);
    wait_ms(1);
    for (uint32_t i = 1; i < 9; i++) {
        in(1000 * i + 1, 1000);
    }
    right(sends(1, 0, 0, 8001, WND)); /* the ninth may wait */
    right(after(1));
    in(9001, 1000);
    right(sends(1, 0, 0, 9001, WND)); /* one more of two */
    right(after(1));
    in(10001, 1000);
    wrong(after(1), "leave 2 full segments up to 11001 without");
}

static void test_small_ones(void)
{
    opened(EDGE_DELAYED_ACK);
    in(1, 1000);
    for (uint32_t i = 0; i < 9; i++) {
        wait_ms(10);
        in(1001 + 10 * i, 10);
    }
    right(after(10));
}

static void test_delay(void)
{
    opened(EDGE_DELAYED_ACK);
    in(1, 10);
    right(after(500));
    in(11, 10);
    right(sends(1, 0, 0, 11, WND));
    right(after(500));
    wrong(after(1), "delay the acknowledgment of 21 by 501 ms");
}

static void test_out_of_order(void)
{
    opened(EDGE_DELAYED_ACK);
    in(1001, 1000);
    wrong(after(1), "leave 1 segments without an answer, the last one 1001 to 2001");
    opened(EDGE_DELAYED_ACK);
    in(1001, 1000);
    in(2001, 1000);
    out(1, 0); /* singly */
    wrong(after(1), "leave 1 segments without an answer, the last one 2001 to 3001");
    opened(EDGE_QUEUE);
    in(1001, 1000);
    out(1, 0);
    wait_ms(1);
    in(1, 500); /* fills a part of the hole */
    wrong(after(1), "leave 1 segments without an answer, the last one 1 to 501");
}

/* What fills a hole moves RCV.NXT on, over what is held. */
static void test_filled(void)
{
    opened(EDGE_QUEUE);
    in(1001, 1000);
    in(3001, 1000);
    in(4001, 1000);
    for (int i = 0; i < 3; i++) {
        out(1, 0);
    }
    right(after(1));
    in(1, 1000); /* up to 2001 */
    in(2001, 1000); /* up to 5001 */
    in(5001, 100); /* in order, it may wait */
    right(sends(1, 0, 0, 2001, WND));
    right(sends(1, 0, 0, 5001, WND));
    right(after(1));
    in(6101, 1000);
    wrong(after(1), "leave 1 segments without an answer, the last one 6101 to 7101");
    opened(EDGE_DELAYED_ACK);
    in(1001, 1000);
    out(1, 0);
    in(1, 1000);
    in(2001, 100); /* nothing was held */
    wrong(after(1), "leave 1 segments without an answer, the last one 2001 to 2101");
}

/* Text that completes the handshake is held, or it is not. */
static void test_early(void)
{
    start(EDGE_QUEUE);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    right(gets(0, 0, SYN, 0, WND));
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN | ACK, .ack = 1, .wnd = WND}));
    in(101, 100);
    right(after(1));
    acked(1);
    in(1, 100);
    in(201, 100); /* in order, if it was held */
    in(301, 100);
    in(401, 100);
    right(sends(1, 0, 0, 201, WND));
    right(sends(1, 0, 0, 501, WND));
    right(after(1));
    in(601, 100);
    wrong(after(1), "leave 1 segments without an answer, the last one 601 to 701");
}

/* It acknowledges more than the watcher knows it to have: then there is no hole below. */
static void test_no_hole(void)
{
    opened(EDGE_QUEUE);
    in(1001, 1000);
    out(1, 0);
    edge_maybe(&e, &(struct edge_segment){.seq = 1, .len = 2000, .ack = 1, .flags = ACK});
    right(sends(1, 0, 0, 3001, WND));
    wait_ms(1);
    in(3001, 500);
    right(after(1));
}

/* Old data shows that an ACK was lost. A FIN, and what a zero window refuses, do not wait. */
static void test_at_once(void)
{
    opened(EDGE_DELAYED_ACK);
    in(1, 1000);
    right(sends(1, 0, 0, 1001, WND));
    wait_ms(1);
    in(1, 1000);
    wrong(after(1), "leave 1 segments without an answer, the last one 1 to 1001");
    opened(EDGE_DELAYED_ACK);
    right(gets(1, 0, FIN, 1, WND));
    wrong(after(1), "leave 1 segments without an answer, the last one 1 to 2");
    opened(EDGE_DELAYED_ACK);
    in(1, WND);
    right(sends(1, 0, 0, WND + 1, 0));
    wait_ms(1);
    in(WND + 1, 1);
    wrong(after(1), "leave 1 segments without an answer, the last one 60001 to 60002");
}

/* No answer is due after a RST, to what is beyond the window, or to what the stack may drop. */
static void test_no_answer(void)
{
    opened(EDGE_CWND - 1);
    in(1 + WND, 100);
    edge_maybe(&e, &(struct edge_segment){.seq = 1, .len = 100, .ack = 1, .flags = ACK});
    right(after(1));
    in(1, 100);
    edge_hold(&e);
    right(after(1)); /* the answer waits for an ARP reply */
    out(1, 0);
    right(gets(101, 100, RST, 1, WND));
    in(101, 100);
    right(after(1));
}

BENCH(46,
      {"the window: nothing beyond its edge, a probe excepted", test_window},
      {"the window: a shrunk one counts as it was", test_shrunk_window},
      {"sequence numbers: nothing that the user has not given", test_given},
      {"sequence numbers: no gap", test_gap},
      {"sequence numbers: nothing below SND.UNA, a probe excepted", test_below_una},
      {"an ACK outside the window may be taken or not", test_unsure_ack},
      {"the timer: before step 49, nothing is repeated within a second", test_rto},
      {"the timer: no SYN and no SYN-ACK is repeated within a second", test_rto_syn},
      {"the timer: a SYN that waited for ARP", test_rto_held},
      {"the timer: from step 49 on, nothing is repeated within 200 ms", test_min_rto},
      {"the timer: from step 49 on, each byte is repeated once after a timeout", test_goes_back},
      {"samples: none while what was sent again is unacknowledged", test_samples},
      {"ACKs: each segment is answered", test_each},
      {"ACKs: from step 47 on, every second full segment, but for a batch", test_every_second},
      {"ACKs: from step 47 on, small segments may wait", test_small_ones},
      {"ACKs: from step 47 on, none waits for more than 500 ms", test_delay},
      {"ACKs: out of order they are sent singly and at once", test_out_of_order},
      {"ACKs: from step 48 on, what fills a hole is followed by what was held", test_filled},
      {"ACKs: from step 48 on, text that ends the handshake may be held", test_early},
      {"ACKs: what is acknowledged has no hole", test_no_hole},
      {"ACKs: old data, a FIN and a probe are answered at once", test_at_once},
      {"ACKs: none is due after a RST, beyond the window or while ARP asks", test_no_answer})
