/* The congestion window of the judge's watcher (test/judge/edge_cwnd.c): it lets pass what the RFCs
 * allow, and each of its rules is broken by a segment written for that. */

#include "judge/edge_script.h"
#include "util.h"

/*
 * Slow start, congestion avoidance, timeouts
 */
static void test_initial_window(void)
{
    opened(EDGE_CWND);
    for (uint32_t i = 0; i < 10; i++) {
        out(1000 * i + 1, 1000);
    }
    wrong(tries(10001, 1, 0, 1, WND), "have 10001 bytes in flight where RFC 5681 allows 10000");
    e.step = EDGE_CWND - 1; /* not a rule yet */
    out(10001, 1000);
}

/* A FIN is no data. */
static void test_fin(void)
{
    opened(EDGE_CWND);
    out(1, 9000);
    right(sends(9001, 1000, FIN, 1, WND));
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(9001);
    wait_ms(1);
    right(sends(9001, 1000, FIN, 1, WND));
    wait_ms(2000);
    right(sends(9001, 1000, FIN, 1, WND));
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

/* The ACK of the SYN opens no window, though it comes with data; and after idleness it is IW. */
static void test_lost_syn_later(void)
{
    start(EDGE_CWND);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    wait_ms(1000);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    right(gets(0, 0, SYN, 1, WND));
    out(1, 1000);
    wait_ms(1);
    wrong(tries(1001, 1, 0, 1, WND), "have 1001 bytes in flight where RFC 5681 allows 1000");
    acked(1001);
    out(1001, 2000);
    wait_ms(1);
    acked(3001);
    wait_ms(10001);
    out(3001, 3000);
    wrong(tries(6001, 2000, 0, 1, WND), "have 5000 bytes in flight where RFC 5681 allows 4000");
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
    wait_ms(10);
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
    check_int(e.states[0].ssthresh, 5000);
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

/* The stack's view shows ssthresh: it falls once for a loss. */
static void test_once(void)
{
    opened(EDGE_FAST);
    right(edge_look(&e, UINT32_MAX));
    flight(1, 10001);
    wrong(edge_look(&e, 5000), "lower ssthresh to 5000 from 4294967295 for the same loss");
    right(edge_look(&e, UINT32_MAX));
    wait_ms(1000);
    out(1, 1000);
    right(edge_look(&e, 5000));
    wait_ms(2000);
    out(1, 1000);
    wrong(edge_look(&e, 2000), "lower ssthresh to 2000 from 5000 for the same loss");
    right(edge_look(&e, 5000)); /* undone */
    wait_ms(1);
    acked(10001);
    flight(10001, 12001);
    wait_ms(1);
    acked(11001);
    wait_ms(1000);
    out(11001, 1000);
    right(edge_look(&e, 2000)); /* another one */
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

/* The second ACK is a duplicate: something was lost, and the window is three segments. */
static void test_confirmed(void)
{
    opened(EDGE_CWND);
    flight(1, 3001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(1001);
    flight(3001, 5001);
    wait_ms(1);
    acked(1001);
    out(1001, 1000);
    wait_ms(1);
    acked(3001); /* one more */
    flight(3001, 7001); /* the two are repeated, too */
    wrong(tries(7001, 1, 0, 1, WND), "have 4001 bytes in flight where RFC 5681 allows 4000");
}

/* Slow start after a timeout may go on after a pause: here the peer's window was zero. */
static void test_pause(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    right(gets(1, 0, 0, 1001, 0));
    wait_ms(300);
    acked(1001);
    flight(1001, 3001);
    wrong(tries(3001, 1000, 0, 1, WND), "have 3000 bytes in flight where RFC 5681 allows 2000");
}

/* It did not take an ACK outside its window, and repeats what that acknowledged. The next ACK opens
 * the window. */
static void test_ack_not_taken(void)
{
    opened(EDGE_CWND);
    flight(1, 10001);
    wait_ms(10);
    right(gets(1 + WND, 0, 0, 2001, WND));
    wait_ms(990);
    out(1, 1000);
    wait_ms(1);
    acked(2001);
    flight(2001, 4001);
    wrong(tries(4001, 1000, 0, 1, WND), "have 3000 bytes in flight where RFC 5681 allows 2000");
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
    wait_ms(1);
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

/* After a recovery more may be in flight than cwnd: up to two segments more, one for each. */
static void test_limited_by_flight(void)
{
    in_recovery();
    for (int i = 0; i < 10; i++) {
        acked(1);
    }
    flight(10001, 18001);
    wait_ms(1);
    acked(10001); /* 5 and 2, where 8 are in flight */
    acked(10001);
    out(18001, 1000);
    wrong(tries(19001, 1, 0, 1, WND), "have 9001 bytes in flight where RFC 5681 allows 9000");
}

/* Of a batch, ACKs and what they let out may have come in turn. */
static void test_in_turn(void)
{
    opened(EDGE_FAST);
    flight(1, 10001);
    wait_ms(100);
    acked(1);
    acked(1);
    acked(1);
    acked(2001);
    out(1, 1000); /* for the third */
    wrong(tries(1, 1000, 0, 1, WND), "send 1 again after 100 ms");
    out(2001, 1000); /* for the fourth */
    wait_ms(1);
    wrong(tries(2001, 1000, 0, 1, WND), "send 2001 again after 1 ms");
}

/* The time-out was spurious, and then something is lost: a repair, though the sender has not gone
 * back as far as it might. */
static void test_repair_after_undo(void)
{
    opened(EDGE_FAST);
    flight(1, 10001);
    wait_ms(1000);
    out(1, 1000);
    wait_ms(1);
    acked(1001);
    flight(10001, 12001);
    wait_ms(1);
    acked(2001); /* undone */
    wait_ms(1);
    acked(2001);
    acked(2001);
    acked(2001);
    out(2001, 1000);
    wait_ms(1);
    for (int i = 0; i < 6; i++) {
        acked(2001);
    }
    flight(12001, 16001); /* half of 10, and 9; or all, if it goes back */
    wrong(tries(16001, 9000, 0, 1, WND), "have 23000 bytes in flight where RFC 5681 allows ");
}

/* A partial ACK that it did not take, outside its window, comes again. */
static void test_partial_again(void)
{
    in_recovery();
    wait_ms(1);
    right(gets(1 + WND, 0, 0, 4001, WND));
    wait_ms(1);
    acked(4001);
    out(4001, 1000);
    wait_ms(1);
    wrong(tries(4001, 1000, 0, 1, WND), "send 4001 again after 1 ms");
}

/* A repair answers an ACK: later it is none. */
static void test_late_repair(void)
{
    opened(EDGE_FAST);
    flight(1, 10001);
    wait_ms(100);
    acked(1);
    acked(1);
    acked(1);
    wait_ms(1);
    wrong(tries(1, 1000, 0, 1, WND), "send 1 again after 101 ms");
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

static void test_recovery(void)
{
    in_recovery();
    check_int(e.states[0].ssthresh, 5000);
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
    wrong(tries(4001, 1000, 0, 1, WND), "send 4001 again after 0 ms");
    in_recovery();
    wait_ms(100);
    acked(4001);
    out(4001, 1000);
    check_int(e.states[0].ssthresh, 5000);
    wrong(tries(10001, 1, 0, 1, WND), "have 6001 bytes in flight where RFC 5681 allows 5000");
}

/* Only the first partial ACK starts the timer, RFC 6582 4. */
static void test_impatient(void)
{
    in_recovery();
    wait_ms(50);
    acked(2001);
    out(2001, 1000);
    wait_ms(100);
    acked(4001);
    out(4001, 1000);
    wait_ms(99);
    wrong(tries(4001, 1000, 0, 1, WND), "send 4001 again after 199 ms");
    wait_ms(1);
    out(4001, 1000);
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
        ideal.counted = 0;
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
      {"step 50: the first flight is at most IW", test_initial_window},
      {"step 50: a FIN takes no room", test_fin},
      {"step 50: IW depends on the MSS", test_initial_bytes},
      {"step 50: IW is one segment after a lost SYN", test_lost_syn},
      {"step 50: the ACK of the SYN opens no window", test_lost_syn_later},
      {"step 50: slow start, by at most two segments for an ACK", test_slow_start},
      {"step 50: the window grows only where it limits", test_limited},
      {"step 50: one segment after a time-out", test_time_out},
      {"step 50: slow start after a time-out may pause", test_pause},
      {"step 50: half the flight, held over a back-off, then congestion avoidance",
       test_held_ssthresh},
      {"step 50: ssthresh falls once for a loss", test_once},
      {"step 50: a sender that has grown less may pass ssthresh by another number", test_slower},
      {"step 50: a spurious time-out may be undone", test_spurious},
      {"step 50: one that was not is answered by three segments", test_confirmed},
      {"step 50: one that is not shown to be spurious may not", test_not_spurious},
      {"step 50: an ACK outside the window may open it or not", test_ack_not_taken},
      {"step 50: IW again after idleness", test_idle},
      {"step 51: limited transmit sends two new segments", test_limited_transmit},
      {"step 51: limited transmit where more is in flight than cwnd", test_limited_by_flight},
      {"step 51: only three real duplicates repair", test_duplicates},
      {"step 51: ACKs of a batch, and what they let out, in turn", test_in_turn},
      {"step 51: a repair that comes later is none", test_late_repair},
      {"step 51: duplicates after a spurious time-out repair", test_repair_after_undo},
      {"step 51: a partial ACK outside the window may count or not", test_partial_again},
      {"step 51: recovery inflates by the duplicates, and deflates", test_recovery},
      {"step 51: a partial ACK repairs one more", test_partial},
      {"step 51: only the first partial ACK starts the timer", test_impatient},
      {"step 51: a sender by the book passes", test_ideal},
      {"step 51: one that does not halve, deflate or count does not", test_flawed})
