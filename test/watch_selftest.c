/* The judge's watcher at the sender's edge (test/judge/edge.h): each of its rules lets pass what
 * the RFCs allow, and is broken by a segment written for that. The rules of a step that the stack
 * has not reached are tested here alone. */

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "judge/edge.h"
#include "sim.h"
#include "util.h"

#define MSS 1000
#define WND 60000
#define FIN EDGE_FIN
#define SYN EDGE_SYN
#define RST EDGE_RST
#define ACK EDGE_ACK

static struct edge e;
static uint64_t now; /* in nanoseconds */

/*
 * Segments at the present time
 */
static const char *sends(uint32_t seq, uint32_t len, uint8_t flags, uint32_t ack, uint32_t wnd)
{
    return edge_out(&e, now, &(struct edge_segment){.seq = seq, .len = len, .ack = ack, .wnd = wnd,
                                                    .flags = flags | ACK});
}

/* The same, and then as if it had not. */
static const char *tries(uint32_t seq, uint32_t len, uint8_t flags, uint32_t ack, uint32_t wnd)
{
    struct edge before = e;
    const char *what = sends(seq, len, flags, ack, wnd);

    e = before;
    return what;
}

static const char *tries_syn(uint8_t flags)
{
    struct edge before = e;
    const char *what = edge_out(&e, now, &(struct edge_segment){.flags = flags});

    e = before;
    return what;
}

static const char *gets(uint32_t seq, uint32_t len, uint8_t flags, uint32_t ack, uint32_t wnd)
{
    return edge_in(&e, now, &(struct edge_segment){.seq = seq, .len = len, .ack = ack, .wnd = wnd,
                                                   .flags = flags | ACK});
}

static void right(const char *wrong)
{
    if (wrong) {
        fail("the watcher says: must not %s", wrong);
    }
}

/* The watcher says something that begins so. */
static void wrong(const char *got, const char *want)
{
    if (!got || strncmp(got, want, strlen(want))) {
        fail("expected: %s\ngot: %s", want, got ? got : "nothing");
    }
}

static void out(uint32_t seq, uint32_t len)
{
    right(sends(seq, len, 0, e.nxt, WND));
}

static void acked(uint32_t ack)
{
    right(gets(e.nxt, 0, 0, ack, WND));
}

static void in(uint32_t seq, uint32_t len)
{
    right(gets(seq, len, 0, e.una, WND));
}

static void wait_ms(uint64_t ms)
{
    now += ms * SIM_MS;
}

static const char *after(uint64_t ms)
{
    wait_ms(ms);
    return edge_time(&e, now);
}

static void start(int step)
{
    edge_start(&e, step, MSS);
    now = SIM_SECOND;
}

/* It opens a connection to a peer with a window of WND. */
static void opened(int step)
{
    start(step);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    wait_ms(1);
    right(gets(0, 0, SYN, 1, WND));
    out(1, 0);
    wait_ms(1);
}

/*
 * Windows and sequence numbers
 */
static void test_window(void)
{
    opened(EDGE_STEP);
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
    opened(EDGE_STEP);
    right(gets(1, 0, 0, 1, 100));
    out(1, 1000);
}

static void test_given(void)
{
    opened(EDGE_STEP);
    e.given = 501;
    out(1, 500);
    wrong(tries(501, 1, 0, 1, WND), "send up to 502 when the user gave all below 501");
    right(sends(501, 0, FIN, 1, WND));
}

static void test_gap(void)
{
    opened(EDGE_STEP);
    out(1, 500);
    wrong(tries(502, 10, 0, 1, WND), "send from 502 on, having sent all below 501");
    wrong(tries(502, 0, 0, 1, WND), "send an ACK at 502, having sent all below 501");
    edge_hold(&e); /* the segment between waits for an ARP reply, and is lost */
    out(502, 10);
}

static void test_below_una(void)
{
    opened(EDGE_STEP);
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
    opened(EDGE_STEP);
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
    opened(EDGE_STEP);
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
    start(EDGE_STEP);
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
    start(EDGE_STEP);
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
    opened(EDGE_STEP);
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

/*
 * The congestion window
 */
static void test_initial_window(void)
{
    opened(EDGE_CWND);
    for (uint32_t i = 0; i < 10; i++) {
        out(1000 * i + 1, 1000);
    }
    wrong(tries(10001, 1, 0, 1, WND), "have 10001 bytes in flight where RFC 5681 allows 10000");
    e.step = EDGE_STEP; /* not a rule yet */
    out(10001, 1000);
}

static void test_initial_bytes(void)
{
    static const struct {
        uint32_t mss, iw;
    } table[] = {{1460, 14600}, {1461, 14600}, {7300, 14600}, {7301, 14602}, {536, 5360}};

    for (size_t i = 0; i < countof(table); i++) {
        opened(EDGE_CWND);
        e.mss = table[i].mss;
        wrong(tries(1, table[i].iw + 1, 0, 1, WND), "have ");
        opened(EDGE_CWND);
        e.mss = table[i].mss;
        out(1, table[i].iw);
    }
}

static void test_lost_syn(void)
{
    start(EDGE_CWND);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    wait_ms(1000);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    right(gets(0, 0, SYN, 1, WND));
    out(1, 1000);
    wrong(tries(1001, 1, 0, 1, WND), "have 1001 bytes in flight where RFC 5681 allows 1000");
}

static void flight(uint32_t from, uint32_t to)
{
    for (; from < to; from += 1000) {
        out(from, 1000);
    }
}

/* An ACK of two segments opens the window by two, one of more by no more. */
static void test_slow_start(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(100);
    acked(2001);
    flight(10001, 14001);
    wrong(tries(14001, 1, 0, 1, WND), "have 12001 bytes in flight where RFC 5681 allows 12000");
    acked(12001);
    flight(14001, 26001);
    wrong(tries(26001, 1, 0, 1, WND), "have 14001 bytes in flight where RFC 5681 allows 14000");
}

/* It does not grow where it is not what limits. */
static void test_limited(void)
{
    opened(EDGE_CWND);
    for (uint32_t i = 0; i < 20; i++) {
        out(1000 * i + 1, 1000);
        wait_ms(10);
        acked(1000 * i + 1001);
    }
    flight(20001, 30001);
    wrong(tries(30001, 1, 0, 1, WND), "have 10001 bytes in flight where RFC 5681 allows 10000");
}

/* A time-out with 10 in flight: one segment, then slow start, by one segment for an ACK. */
static void test_time_out(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wrong(tries(1001, 1000, 0, 1, WND), "have 2000 bytes in flight where RFC 5681 allows 1000");
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(2000);
    out(1, 1000); /* again: ssthresh is held */
    check_int(e.cc.ssthresh, 5000);
    wait_ms(1);
    acked(1001);
    flight(1001, 3001);
    wrong(tries(3001, 1000, 0, 1, WND), "have 3000 bytes in flight where RFC 5681 allows 2000");
}

static void test_held_ssthresh(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(5001);
    flight(5001, 7001); /* 2 of 5 */
    wait_ms(1);
    acked(10001);
    flight(10001, 13001);
    wait_ms(1);
    acked(13001);
    flight(13001, 17001);
    wait_ms(1);
    acked(17001);
    flight(17001, 22001); /* 5: congestion avoidance */
    wait_ms(1);
    acked(22001);
    flight(22001, 28001);
    out(28001, 1000); /* another one may have passed ssthresh at 5999 */
    wrong(tries(29001, 1, 0, 1, WND), "have 7001 bytes in flight where RFC 5681 allows 7000");
}

/* A sender that has grown less reaches ssthresh later, by another number: here by one byte more. */
static void test_slower(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(10001);
    flight(10001, 12001);
    wait_ms(1);
    acked(12001);
    flight(12001, 14001); /* its window is 3000 and stays, since 2000 are in flight */
    wait_ms(1);
    acked(13001);
    acked(14001);
    flight(14001, 17001);
    wait_ms(1);
    acked(15001); /* 4000, where 5000 were allowed */
    acked(17001);
    out(17001, 1);
    out(17002, 1000);
    out(18002, 1000);
    out(19002, 1000);
    wait_ms(1);
    acked(17002); /* 4001 */
    out(20002, 1000);
    wait_ms(1);
    acked(18002); /* 5001 */
    out(21002, 1000);
    out(22002, 1000);
    out(23002, 1);
}

/* F-RTO: what arrives after the time-out was not sent again, so it was spurious. */
static void test_spurious(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(1001);
    flight(10001, 12001); /* two new ones */
    wrong(tries(12001, 1, 0, 1, WND), "have 11001 bytes in flight where RFC 5681 allows 11000");
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(1001);
    flight(10001, 12001);
    wait_ms(1);
    acked(2001); /* undone */
    flight(12001, 13001);
    wrong(tries(13001, 1, 0, 1, WND), "have 11001 bytes");
}

/* Not so if a duplicate comes first, or an ACK of everything. */
static void test_not_spurious(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(1001);
    acked(1001);
    acked(2001);
    wrong(tries(10001, 1, 0, 1, WND), "have 8001 bytes");
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(10001);
    flight(10001, 12001);
    wait_ms(1);
    acked(12001);
    flight(12001, 15001);
    wrong(tries(15001, 1, 0, 1, WND), "have 3001 bytes");
}

static void test_idle(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(100);
    acked(2001);
    acked(4001);
    acked(6001);
    acked(8001);
    acked(10001);
    wait_ms(10001);
    flight(10001, 20001);
    wrong(tries(20001, 1, 0, 1, WND), "have 10001 bytes in flight where RFC 5681 allows 10000");
}

/*
 * Fast retransmit
 */
static void test_limited_transmit(void)
{
    opened(EDGE_FAST);
    flight(1, 10001);
    wait_ms(100);
    acked(1);
    out(10001, 1000);
    wrong(tries(11001, 1, 0, 1, WND), "have 11001 bytes in flight where RFC 5681 allows 11000");
    acked(1);
    out(11001, 1000);
    acked(1); /* the third repairs, and sends no new one */
    wrong(tries(12001, 1, 0, 1, WND), "have 12001 bytes in flight where RFC 5681 allows 12000");
    opened(EDGE_CWND); /* not before step 51 */
    flight(1, 10001);
    wait_ms(100);
    acked(1);
    wrong(tries(10001, 1, 0, 1, WND), "have 10001 bytes");
}

/* Only real duplicates count: no data, and the same window. */
static void test_duplicates(void)
{
    opened(EDGE_FAST);
    flight(1, 10001);
    wait_ms(100);
    right(gets(1, 0, 0, 1, WND - 1));
    right(gets(1, 0, 0, 1, WND));
    right(gets(1, 100, 0, 1, WND));
    right(sends(10001, 0, 0, 101, WND));
    wrong(tries(10001, 1, 0, 101, WND), "have 10001 bytes");
    opened(EDGE_FAST);
    flight(1, 10001);
    wait_ms(100);
    acked(1);
    acked(1);
    wrong(tries(1, 1000, 0, 1, WND), "send 1 again after 100 ms");
}

/* 10 in flight: 5 and 3 for the duplicates, and one more for each further one. */
static void in_recovery(void)
{
    opened(EDGE_FAST);
    flight(1, 10001);
    wait_ms(100);
    acked(1);
    acked(1);
    acked(1);
    out(1, 1000);
}

static void test_recovery(void)
{
    in_recovery();
    check_int(e.cc.ssthresh, 5000);
    wrong(tries(1, 1000, 0, 1, WND), "send 1 again after 100 ms");
    in_recovery();
    acked(1);
    acked(1);
    wrong(tries(10001, 1, 0, 1, WND), "have 10001 bytes in flight where RFC 5681 allows 10000");
    in_recovery();
    acked(1);
    acked(1);
    acked(1);
    out(10001, 1000);
    acked(10001); /* deflated */
    flight(11001, 17001); /* perhaps a slow start has gone beyond ssthresh */
    wrong(tries(17001, 1, 0, 1, WND), "have 7001 bytes in flight where RFC 5681 allows 7000");
}

/* NewReno: a partial ACK repairs the next hole, and halves nothing. */
static void test_partial(void)
{
    in_recovery();
    wait_ms(50);
    acked(4001);
    out(4001, 1000);
    wrong(tries(4001, 1000, 0, 1, WND), "send 4001 again after 150 ms");
    in_recovery();
    wait_ms(100);
    acked(4001);
    out(4001, 1000);
    check_int(e.cc.ssthresh, 5000);
    wrong(tries(10001, 1, 0, 1, WND), "have 6001 bytes in flight where RFC 5681 allows 5000");
}

/*
 * An ideal sender: NewReno by the book, which uses all that is allowed. Its path loses every n-th
 * new segment.
 */
#define SEGMENTS 4000

static struct {
    uint32_t cwnd, ssthresh, counted, nxt, una, dups, recover, first;
    int recovery;
    uint32_t got;               /* the receiver has all below */
    uint8_t has[SEGMENTS];      /* segments that it has */
    uint32_t way[SEGMENTS * 4]; /* segments on their way, in order */
    unsigned int sent, arrived;
} ideal;

static enum { NONE, MORE, NO_HALVING, NO_DEFLATION, STEEP, NO_LIMIT } flaw;

static const char *ideal_send(uint32_t seg, int lost)
{
    const char *what = sends(seg * MSS + 1, MSS, 0, 1, 1);

    if (!lost) {
        ideal.way[ideal.sent++] = seg;
    }
    return what;
}

static uint32_t ideal_window(void)
{
    uint32_t limited = !ideal.recovery && ideal.dups < 3 ? ideal.dups * MSS : 0;

    if (flaw == NO_LIMIT) {
        limited *= 2;
    }
    return ideal.cwnd + limited + (flaw == MORE ? MSS : 0);
}

/* Sends what the window allows. */
static const char *ideal_fill(unsigned int n)
{
    const char *what = NULL;

    while (!what && ideal.nxt < SEGMENTS &&
           (ideal.nxt + 1) * MSS <= ideal.una * MSS + ideal_window()) {
        what = ideal_send(ideal.nxt, n && ideal.nxt % n == n - 1);
        ideal.nxt++;
    }
    return what;
}

static const char *ideal_duplicate(void)
{
    if (ideal.recovery) {
        ideal.cwnd += MSS;
    } else if (++ideal.dups == 1) {
        ideal.first = ideal.nxt;
    } else if (ideal.dups == 3) {
        ideal.ssthresh = (ideal.first - ideal.una) * MSS / 2;
        ideal.ssthresh = ideal.ssthresh < 2 * MSS ? 2 * MSS : ideal.ssthresh;
        ideal.ssthresh = flaw == NO_HALVING ? ideal.cwnd : ideal.ssthresh;
        ideal.cwnd = ideal.ssthresh + 3 * MSS;
        ideal.recovery = 1;
        ideal.recover = ideal.nxt;
        return ideal_send(ideal.una, 0);
    }
    return NULL;
}

static const char *ideal_new(uint32_t ack)
{
    uint32_t bytes = (ack - ideal.una) * MSS;

    ideal.una = ack;
    ideal.dups = 0;
    if (ideal.recovery && ack < ideal.recover) {
        ideal.cwnd = ideal.cwnd - bytes + MSS;
        return ideal_send(ack, 0);
    }
    if (ideal.recovery) {
        ideal.recovery = 0;
        ideal.cwnd = flaw == NO_DEFLATION ? ideal.cwnd : ideal.ssthresh;
    } else if (ideal.cwnd < ideal.ssthresh || flaw == STEEP) {
        ideal.cwnd += bytes < 2 * MSS ? bytes : 2 * MSS;
    } else if ((ideal.counted += bytes) >= ideal.cwnd) {
        ideal.counted -= ideal.cwnd;
        ideal.cwnd += MSS;
    }
    return NULL;
}

/* The segment on its way arrives, and its ACK comes back. */
static const char *ideal_arrive(void)
{
    const char *what;

    ideal.has[ideal.way[ideal.arrived++]] = 1;
    while (ideal.got < SEGMENTS && ideal.has[ideal.got]) {
        ideal.got++;
    }
    what = gets(1, 0, 0, ideal.got * MSS + 1, 100 * SEGMENTS * MSS);
    if (what) {
        return what;
    }
    return ideal.got > ideal.una ? ideal_new(ideal.got) : ideal_duplicate();
}

/* Returns what the watcher says of it. */
static const char *ideal_run(unsigned int n)
{
    const char *what;

    opened(EDGE_FAST);
    right(gets(1, 0, 0, 1, 100 * SEGMENTS * MSS));
    memset(&ideal, 0, sizeof(ideal));
    ideal.cwnd = 10 * MSS;
    ideal.ssthresh = UINT32_MAX;
    what = ideal_fill(n);
    while (!what && ideal.una < SEGMENTS - 10 && ideal.arrived < ideal.sent) {
        wait_ms(1); /* the round trip is the flight */
        what = ideal_arrive();
        what = what ? what : ideal_fill(n);
    }
    return what;
}

static void test_ideal(void)
{
    static const unsigned int losses[] = {0, 1000, 333, 100, 57};

    for (size_t i = 0; i < countof(losses); i++) {
        right(ideal_run(losses[i]));
        check_cmp(ideal.una, >=, SEGMENTS / 2);
    }
}

static void test_flawed(void)
{
    for (flaw = MORE; flaw <= NO_LIMIT; flaw++) {
        for (unsigned int n = 100; n <= 300; n += 100) {
            wrong(ideal_run(n), "have ");
        }
    }
}

BENCH(46,
      {"the window: nothing beyond its edge, a probe excepted", test_window},
      {"the window: a shrunk one counts as it was", test_shrunk_window},
      {"sequence numbers: nothing that the user has not given", test_given},
      {"sequence numbers: no gap", test_gap},
      {"sequence numbers: nothing below SND.UNA, a probe excepted", test_below_una},
      {"an ACK outside the window may be taken or not", test_unsure_ack},
      {"the timer: nothing is repeated within a second", test_rto},
      {"the timer: no SYN and no SYN-ACK is repeated within a second", test_rto_syn},
      {"the timer: a SYN that waited for ARP", test_rto_held},
      {"the timer: from step 49 on, nothing is repeated within 200 ms", test_min_rto},
      {"ACKs: each segment is answered", test_each},
      {"ACKs: from step 47 on, every second full segment, but for a batch", test_every_second},
      {"ACKs: from step 47 on, small segments may wait", test_small_ones},
      {"ACKs: from step 47 on, none waits for more than 500 ms", test_delay},
      {"ACKs: out of order they are sent singly and at once", test_out_of_order},
      {"ACKs: from step 48 on, what fills a hole is followed by what was held", test_filled},
      {"ACKs: from step 48 on, text that ends the handshake may be held", test_early},
      {"ACKs: old data, a FIN and a probe are answered at once", test_at_once},
      {"ACKs: none is due after a RST, beyond the window or while ARP asks", test_no_answer},
      {"step 50: the first flight is at most IW", test_initial_window},
      {"step 50: IW depends on the MSS", test_initial_bytes},
      {"step 50: IW is one segment after a lost SYN", test_lost_syn},
      {"step 50: slow start, by at most two segments for an ACK", test_slow_start},
      {"step 50: the window grows only where it limits", test_limited},
      {"step 50: one segment after a time-out", test_time_out},
      {"step 50: half the flight, held over a back-off, then congestion avoidance",
       test_held_ssthresh},
      {"step 50: a sender that has grown less may pass ssthresh by another number", test_slower},
      {"step 50: a spurious time-out may be undone", test_spurious},
      {"step 50: one that is not shown to be spurious may not", test_not_spurious},
      {"step 50: IW again after idleness", test_idle},
      {"step 51: limited transmit sends two new segments", test_limited_transmit},
      {"step 51: only three real duplicates repair", test_duplicates},
      {"step 51: recovery inflates by the duplicates, and deflates", test_recovery},
      {"step 51: a partial ACK repairs one more", test_partial},
      {"step 51: a sender by the book passes", test_ideal},
      {"step 51: one that does not halve, deflate or count does not", test_flawed})
