/* Step 51: fast retransmit, NewReno, limited transmit. tcp_loss, alone and with tcp_cc, by tables
 * worked out by hand; then what goes out on the wire. A segment has 1000 bytes; sequence numbers
 * count from the ISS, data begins at 1. Each table runs from several ISS, so that the numbers wrap
 * within it. */

#include <stdio.h>

#include "bench.h"
#include "bulk.h"
#include "conn.h"
#include "net.h"
#include "sim.h"
#include "tcp.h"
#include "tcp_cc.h"
#include "tcp_loss.h"
#include "util.h"

#define NOTHING   TCP_LOSS_NOTHING
#define NEW       TCP_LOSS_NEW
#define DUPLICATE TCP_LOSS_DUPLICATE
#define MAY_SEND  TCP_LOSS_MAY_SEND
#define FOUND     TCP_LOSS_FOUND
#define LEFT      TCP_LOSS_LEFT
#define PARTIAL   TCP_LOSS_PARTIAL
#define OVER      TCP_LOSS_OVER

/*
 * A table: what happens, what it must answer, and what is in flight after it
 */
enum op {
    SEND,   /* new data up to a: SND.NXT */
    ACK,    /* bare, of a; window WND */
    DUPS,   /* a bare ACKs of SND.UNA, each with the same answer */
    WINDOW, /* a bare ACK of SND.UNA with a window of a */
    DATA,   /* an ACK of SND.UNA in a segment of a bytes */
    RTO,    /* answer: the flight for ssthresh, 0: again */
    RESEND, /* after an RTO, up to a */
    UNDO,
};

struct row {
    enum op op;
    uint32_t a;
    uint32_t answer; /* enum tcp_loss_answer, or RTO's */
    uint32_t flight;
};

static struct tcp_loss loss;
static struct tcp_cc cc;
static uint32_t iss, una, nxt;

static const char *op_name(enum op op)
{
    static const char *const name[] = {"SEND", "ACK", "DUPS",   "WINDOW",
                                       "DATA", "RTO", "RESEND", "UNDO"};

    return name[op];
}

static const char *answer_name(uint32_t answer)
{
    static const char *const name[] = {"NOTHING", "NEW",  "DUPLICATE", "MAY_SEND",
                                       "FOUND",   "LEFT", "PARTIAL",   "OVER"};

    return answer < countof(name) ? name[answer] : "none of its answers";
}

/* What the caller of tcp_loss and tcp_cc does with an ACK. */
static uint32_t arrives(uint32_t ack, uint32_t wnd, uint32_t len)
{
    const struct tcp_loss_ack a = {una, nxt, ack, wnd, len, MSS};
    uint32_t before = tcp_loss_flight(&loss, una, nxt), acked = ack - una;
    enum tcp_loss_answer answer = tcp_loss_take(&loss, &a);

    if (answer == NEW || answer == PARTIAL || answer == OVER) {
        una = ack;
    }
    if (answer == NEW) {
        tcp_cc_acked(&cc, acked, before);
    } else if (answer == FOUND) {
        tcp_cc_lost(&cc, loss.flight);
    } else if (answer == LEFT || answer == PARTIAL || answer == OVER) {
        tcp_cc_recover(&cc);
    }
    return answer;
}

static uint32_t execute(const struct row *r)
{
    uint32_t answer = 0;

    switch (r->op) {
    case SEND: nxt = iss + r->a; break;
    case ACK: return arrives(iss + r->a, WND, 0);
    case DUPS:
        for (uint32_t i = 0; i < r->a; i++) {
            if (i > 0 && answer != r->answer) {
                break;
            }
            answer = arrives(una, WND, 0);
        }
        return answer;
    case WINDOW: return arrives(una, r->a, 0);
    case DATA: return arrives(una, WND, r->a);
    case RTO:
        answer = tcp_loss_timeout(&loss, una, nxt);
        tcp_cc_timeout(&cc, answer);
        return answer;
    case RESEND: tcp_loss_resent(&loss, iss + r->a); break;
    case UNDO: tcp_loss_undo(&loss); break;
    }
    return 0;
}

static void begin(uint32_t from)
{
    iss = from;
    una = nxt = iss + 1;
    tcp_loss_start(&loss, iss, WND);
    tcp_cc_start(&cc, MSS, 0);
}

static void check_row(const struct row *r, size_t num, uint32_t answer)
{
    uint32_t flight = tcp_loss_flight(&loss, una, nxt);

    if (r->op == RTO && answer != r->answer) {
        fail("ISS %u, row %zu, RTO: the flight %u expected, got %u", iss, num, r->answer, answer);
    } else if (answer != r->answer) {
        fail("ISS %u, row %zu, %s %u: %s expected, got %s", iss, num, op_name(r->op), r->a,
             answer_name(r->answer), answer_name(answer));
    }
    if (flight != r->flight) {
        fail("ISS %u, row %zu, %s %u: flight %u expected, got %u", iss, num, op_name(r->op), r->a,
             r->flight, flight);
    }
}

static void run(const struct row *rows, size_t num)
{
    static const uint32_t starts[] = {0, 0x7ffff000, 0xffffffff, 0xfffffffe, 0xfffff000,
                                      0xffffd000};

    for (size_t s = 0; s < countof(starts); s++) {
        begin(starts[s]);
        for (size_t i = 0; i < num; i++) {
            check_row(&rows[i], i, execute(&rows[i]));
        }
    }
}

#define RUN(...) \
    do { \
        static const struct row rows_[] = {__VA_ARGS__}; \
        run(rows_, countof(rows_)); \
    } while (0)

/*
 * Duplicates
 */

/* Ten segments are in flight, the first one, which is the first of all, is lost. */
static void third_duplicate(void)
{
    RUN({SEND, 10001, 0, 10000},
        {DUPS, 2, MAY_SEND, 10000},
        {DUPS, 1, FOUND, 7000},  /* three segments have left the network */
        {DUPS, 6, LEFT, 1000},   /* the other six, but for the one sent again */
        {ACK, 10001, OVER, 0});
    check_int(cc.ssthresh, 5000);
    check_int(cc.cwnd, 5000);
}

/* RFC 5681 2: (a) data is in flight, (b) no data in the segment, (c) nor SYN or FIN, which count in
 * SEG.LEN, (d) the ACK equals SND.UNA, (e) and the window the last one. */
static void strict_definition(void)
{
    RUN({DUPS, 9, NOTHING, 0}, /* (a) */
        {SEND, 10001, 0, 10000},
        {ACK, 1001, NEW, 9000},
        {DATA, 1, NOTHING, 9000}, /* (b), (c) */
        {DATA, 1000, NOTHING, 9000},
        {DATA, 1000, NOTHING, 9000},
        {WINDOW, WND - 1, NOTHING, 9000}, /* (e): updates */
        {WINDOW, WND, NOTHING, 9000},
        {WINDOW, WND + 1, NOTHING, 9000},
        {WINDOW, WND + 1, MAY_SEND, 9000}, /* the window of the last one */
        {ACK, 501, NOTHING, 9000},         /* (d): old, and not the last one for (e) */
        {WINDOW, WND + 1, MAY_SEND, 9000},
        {WINDOW, WND + 1, FOUND, 6000});
}

/* Three count if none between them moves SND.UNA. */
static void between(void)
{
    RUN({SEND, 10001, 0, 10000},
        {DUPS, 1, MAY_SEND, 10000},
        {DATA, 100, NOTHING, 10000},
        {WINDOW, 50000, NOTHING, 10000},
        {WINDOW, 50000, MAY_SEND, 10000},
        {ACK, 0, NOTHING, 10000}, /* old */
        {WINDOW, 50000, FOUND, 7000},
        {ACK, 10001, OVER, 0},
        {SEND, 20001, 0, 10000},
        {ACK, 11001, NEW, 9000},
        {DUPS, 2, MAY_SEND, 9000},
        {ACK, 12001, NEW, 8000},
        {DUPS, 2, MAY_SEND, 8000},
        {DUPS, 1, FOUND, 5000});
}

/* The window was shrunk to zero with data in flight: the answers to probes are alike. */
static void probes(void)
{
    RUN({SEND, 4001, 0, 4000},
        {WINDOW, 0, NOTHING, 4000},
        {WINDOW, 0, NOTHING, 4000},
        {WINDOW, 0, NOTHING, 4000},
        {WINDOW, 0, NOTHING, 4000},
        {WINDOW, 2000, NOTHING, 4000},
        {WINDOW, 2000, MAY_SEND, 4000},
        {ACK, 4001, NEW, 0},
        {WINDOW, 0, NOTHING, 0}, /* and to probes with nothing in flight */
        {WINDOW, 0, NOTHING, 0});
}

/* Limited transmit sends two segments more than cwnd, 12 in all; ssthresh comes from the ten before
 * it. cwnd stays. */
static void limited(void)
{
    RUN({SEND, 10001, 0, 10000},
        {DUPS, 1, MAY_SEND, 10000},
        {SEND, 11001, 0, 11000},
        {DUPS, 1, MAY_SEND, 11000},
        {SEND, 12001, 0, 12000});
    check_int(cc.cwnd, 10000);
    check_int(tcp_cc_room(&cc, 12000), 0);
    check_int(tcp_cc_room_limited(&cc, 12000), 0);
    check_int(arrives(una, WND, 0), FOUND);
    check_int(loss.flight, 10000);
    check_int(cc.ssthresh, 5000);
    check_int(cc.cwnd, 5000);
    check_int(tcp_loss_flight(&loss, una, nxt), 9000); /* 12 less 3 */
}

/*
 * Recovery
 */

/* Segments 1 and 4 of ten are lost. 2, 3, 5 to 10 answer with eight duplicates, the copy of 1 with
 * an ACK of 3001. */
static void two_holes(void)
{
    RUN({SEND, 10001, 0, 10000},
        {DUPS, 2, MAY_SEND, 10000},
        {DUPS, 1, FOUND, 7000},
        {DUPS, 5, LEFT, 2000},       /* 1 again, and 4 of which nothing is known */
        {ACK, 3001, PARTIAL, 1000},  /* 7000 outstanding; 8000 - 3000 + 1000 left: 4 again */
        {ACK, 10001, OVER, 0},
        {SEND, 20001, 0, 10000},     /* the same again, from the second on: 2 and 5 */
        {ACK, 11001, NEW, 9000},
        {DUPS, 2, MAY_SEND, 9000},
        {DUPS, 1, FOUND, 6000},
        {DUPS, 4, LEFT, 2000},
        {ACK, 14001, PARTIAL, 1000},
        {ACK, 20001, OVER, 0});
    check_int(loss.partials, 1); /* counted anew */
}

/* Of 20 segments 1, 2 and 3 are lost; `partials` says when the timer restarts. An ACK of at least a
 * segment gives room for one more: the flight shrinks by 1000; a smaller one by nothing. */
static void partial(void)
{
    RUN({SEND, 20001, 0, 20000},
        {DUPS, 2, MAY_SEND, 20000},
        {DUPS, 1, FOUND, 17000},
        {DUPS, 14, LEFT, 3000},
        {ACK, 1001, PARTIAL, 2000},
        {ACK, 1501, PARTIAL, 2000}, /* 500 bytes of 2 */
        {SEND, 21001, 0, 3000},
        {ACK, 3001, PARTIAL, 2000},
        {DUPS, 1, LEFT, 1000},
        {ACK, 20001, OVER, 1000});
    check_int(loss.partials, 3);
    check_int(cc.cwnd, 10000);
}

/* The same when most duplicates were lost: a partial ACK of 15 segments still gives room for one,
 * not for 15. 3000 - 15000 + 1000 have left, 5000 are outstanding. */
static void lost_duplicates(void)
{
    RUN({SEND, 20001, 0, 20000},
        {DUPS, 2, MAY_SEND, 20000},
        {DUPS, 1, FOUND, 17000},
        {ACK, 15001, PARTIAL, 16000},
        {DUPS, 4, LEFT, 12000},
        {ACK, 20001, OVER, 0});
}

/* No more can have left than was in flight, however many duplicates a peer invents. */
static void invented(void)
{
    RUN({SEND, 10001, 0, 10000},
        {DUPS, 2, MAY_SEND, 10000},
        {DUPS, 1, FOUND, 7000},
        {DUPS, 7, LEFT, 0},
        {DUPS, 90, LEFT, 0},
        {SEND, 11001, 0, 1000},
        {DUPS, 90, LEFT, 0},
        {ACK, 5001, PARTIAL, 0}, /* 11000 - 5000 + 1000 left, of 6000 */
        {ACK, 11001, OVER, 0});
}

/* `recover`: what was in flight at the loss. Later duplicates of it mean no other loss. */
static void once_for_a_loss(void)
{
    RUN({SEND, 10001, 0, 10000},
        {DUPS, 2, MAY_SEND, 10000},
        {DUPS, 1, FOUND, 7000},
        {SEND, 12001, 0, 9000},
        {ACK, 10000, PARTIAL, 8000}, /* 2001 outstanding; 3000 - 9999 + 1000 left */
        {ACK, 10001, OVER, 2000},
        {DUPS, 2, MAY_SEND, 2000},
        {DUPS, 5, DUPLICATE, 2000},    /* no more than `recover` is acknowledged */
        {ACK, 10002, NEW, 1999},
        {DUPS, 2, MAY_SEND, 1999},
        {DUPS, 1, FOUND, 0},         /* 1999 outstanding, no more has left */
        {DUPS, 1, LEFT, 0},
        {ACK, 12001, OVER, 0});
}

/* Without a loss `recover` follows SND.UNA: it must not seem ahead after 2^31 bytes. */
static void long_ago(void)
{
    RUN({SEND, 1000000001, 0, 1000000000},
        {ACK, 1000000001, NEW, 0},
        {SEND, 2000000001, 0, 1000000000},
        {ACK, 2000000001, NEW, 0},
        {SEND, 3000000001, 0, 1000000000},
        {ACK, 3000000001, NEW, 0},
        {SEND, 3000010001, 0, 10000},
        {DUPS, 2, MAY_SEND, 10000},
        {DUPS, 1, FOUND, 7000});
}

/*
 * Timeouts
 */

/* All is lost, and sent again as cwnd allows. */
static void back_to_the_first(void)
{
    RUN({SEND, 10001, 0, 10000},
        {RTO, 0, 10000, 0},
        {RESEND, 1001, 0, 1000},
        {ACK, 1001, NEW, 0},
        {RESEND, 3001, 0, 2000},
        {ACK, 2001, NEW, 1000},
        {ACK, 8001, NEW, 0},      /* 4 to 8 had arrived */
        {RESEND, 9001, 0, 1000},
        {RESEND, 10001, 0, 2000}, /* all */
        {SEND, 11001, 0, 3000},
        {ACK, 10001, NEW, 1000},
        {RTO, 0, 1000, 0});
    check_int(tcp_loss_next(&loss, nxt) - iss, 10001);
}

static void next_to_send(void)
{
    begin(0xffffff00);
    nxt = iss + 3001;
    check_int(tcp_loss_next(&loss, nxt) - iss, 3001);
    tcp_loss_timeout(&loss, una, nxt);
    check_int(tcp_loss_next(&loss, nxt) - iss, 1);
    tcp_loss_resent(&loss, iss + 1001);
    check_int(tcp_loss_next(&loss, nxt) - iss, 1001);
    check_int(arrives(iss + 2501, WND, 0), NEW);
    check_int(tcp_loss_next(&loss, nxt) - iss, 2501);
    nxt = iss + 4001; /* new data, as F-RTO sends it first */
    check_int(tcp_loss_flight(&loss, una, nxt), 1000);
    check_int(tcp_loss_next(&loss, nxt) - iss, 2501);
    tcp_loss_resent(&loss, iss + 4001); /* not more than was in flight at the timeout */
    check_int(tcp_loss_next(&loss, nxt) - iss, 4001);
    check_int(tcp_loss_flight(&loss, una, nxt), 1500);
}

/* ssthresh is held while the same segment is sent again, but not for a later one. */
static void backed_off(void)
{
    RUN({SEND, 10001, 0, 10000},
        {RTO, 0, 10000, 0},
        {RESEND, 1001, 0, 1000},
        {RTO, 0, 0, 0},
        {RESEND, 1001, 0, 1000},
        {RTO, 0, 0, 0},
        {RESEND, 1001, 0, 1000},
        {ACK, 1001, NEW, 0},
        {RTO, 0, 9000, 0},
        {RTO, 0, 0, 0});
    check_int(cc.ssthresh, 4500);
}

/* Copies that were not needed answer with duplicates: no new loss. Nor does their ACK allow limited
 * transmit. */
static void needless_copies(void)
{
    RUN({SEND, 10001, 0, 10000},
        {RTO, 0, 10000, 0},
        {RESEND, 1001, 0, 1000},
        {DUPS, 9, DUPLICATE, 1000},
        {ACK, 1001, NEW, 0},
        {DUPS, 9, DUPLICATE, 0},
        {RESEND, 10001, 0, 9000},
        {SEND, 12001, 0, 11000},
        {ACK, 10001, NEW, 2000},
        {DUPS, 2, MAY_SEND, 2000},
        {DUPS, 1, DUPLICATE, 2000},
        {ACK, 11001, NEW, 1000},
        {DUPS, 2, MAY_SEND, 1000},
        {DUPS, 1, FOUND, 0});
}

/* The copy is lost too. 15 segments are outstanding, but for one loss ssthresh stays at half of the
 * first ten. */
static void in_recovery(void)
{
    RUN({SEND, 10001, 0, 10000},
        {DUPS, 2, MAY_SEND, 10000},
        {DUPS, 1, FOUND, 7000},
        {DUPS, 6, LEFT, 1000},
        {SEND, 15001, 0, 6000},
        {RTO, 0, 10000, 0},
        {RESEND, 1001, 0, 1000},
        {DUPS, 5, DUPLICATE, 1000},
        {RTO, 0, 0, 0},
        {RESEND, 1001, 0, 1000},
        {ACK, 10001, NEW, 0}, /* not yet `recover` */
        {RESEND, 15001, 0, 5000},
        {ACK, 15001, NEW, 0},
        {SEND, 20001, 0, 5000},
        {ACK, 16001, NEW, 4000},
        {DUPS, 2, MAY_SEND, 4000},
        {DUPS, 1, FOUND, 1000});
    check_int(cc.ssthresh, 2000); /* of 4 segments */
}

/* A needless timeout: the rest is not sent again, and duplicates count at once. */
static void undone(void)
{
    RUN({SEND, 10001, 0, 10000},
        {RTO, 0, 10000, 0},
        {RESEND, 1001, 0, 1000},
        {ACK, 1001, NEW, 0},
        {UNDO, 0, 0, 9000},
        {DUPS, 2, MAY_SEND, 9000},
        {DUPS, 1, FOUND, 6000});
}

/*
 * tcp_cc
 */

/* cwnd and ssthresh are max(FlightSize / 2, 2 MSS). What a timeout has changed is over. */
static void halves(void)
{
    static const uint32_t rows[][2] = {{20000, 10000}, {5001, 2500}, {4001, 2000}, {3999, 2000},
                                       {1, 2000}};

    for (size_t i = 0; i < countof(rows); i++) {
        tcp_cc_start(&cc, MSS, 0);
        tcp_cc_timeout(&cc, 8000);
        tcp_cc_lost(&cc, rows[i][0]);
        check_int(cc.cwnd, rows[i][1]);
        check_int(cc.ssthresh, rows[i][1]);
    }
    tcp_cc_acked(&cc, 1999, 2000);
    tcp_cc_lost(&cc, 1);
    tcp_cc_acked(&cc, 1999, 2000); /* the 1999 from before are forgotten */
    check_int(cc.cwnd, 2000);
    tcp_cc_acked(&cc, 1, 2000);
    check_int(cc.cwnd, 3000);
    cc.ssthresh = 6000;
    tcp_cc_acked(&cc, 2000, 3000); /* two segments an ACK in slow start */
    check_int(cc.cwnd, 5000);
}

/* cwnd of 20,000, of which bursts of four are a fifth: the next follows after a fifth of the round
 * trip, less a fifth of that. */
static void paces(void)
{
    static const struct {
        unsigned int sent;
        uint32_t flight;
        uint64_t wait; /* of a round trip of 20 ms */
        unsigned int burst;
    } rows[] = {{4, 4000, MILLISECONDS(32) / 10, 4},
                {4, 16000, MILLISECONDS(32) / 10, 4}, /* four are left, */
                {3, 3000, 0, 4},                      /* the user or the peer's window limits */
                {0, 0, 0, 4},
                {4, 16001, 0, UINT32_MAX},            /* or less: that is no burst */
                {4, 20000, 0, UINT32_MAX},
                {4, 25000, 0, UINT32_MAX}};

    tcp_cc_start(&cc, MSS, 0);
    tcp_cc_lost(&cc, 40000);
    for (size_t i = 0; i < countof(rows); i++) {
        tcp_cc_recover(&cc);
        check_int(tcp_cc_burst(&cc), 4);
        check_int(tcp_cc_pace(&cc, rows[i].sent, rows[i].flight, MILLISECONDS(20)), rows[i].wait);
        check_int(tcp_cc_burst(&cc), rows[i].burst);
    }
    check_int(tcp_cc_pace(&cc, 4, 0, MILLISECONDS(20)), 0); /* cwnd was full: it is over */
}

/* A timeout and a restart after idle end it. */
static void no_pace(void)
{
    for (int i = 0; i < 3; i++) {
        tcp_cc_start(&cc, MSS, 0);
        check_int(tcp_cc_burst(&cc), UINT32_MAX);
        tcp_cc_lost(&cc, 40000);
        tcp_cc_sent(&cc, SECONDS(1));
        tcp_cc_recover(&cc);
        if (i == 0) {
            tcp_cc_timeout(&cc, 20000);
        }
        tcp_cc_restart(&cc, SECONDS(1) + i, i == 1 ? 1 : 0);
        check_int(tcp_cc_burst(&cc), i == 1 ? TCP_BURST : UINT32_MAX);
    }
}

/*
 * Both
 */

/* What may go out now, as tcp_out is to ask. */
static uint32_t room(void)
{
    return tcp_cc_room(&cc, tcp_loss_flight(&loss, una, nxt));
}

/* Sends what there is room for, in full segments. Returns their number. */
static uint32_t fill(void)
{
    uint32_t num = room() / MSS, most = tcp_cc_burst(&cc);

    num = num < most ? num : most;
    nxt += num * MSS;
    tcp_cc_pace(&cc, num, tcp_loss_flight(&loss, una, nxt), 0);
    return num;
}

/* Segment 1 of the first ten is lost. Limited transmit adds 11 and 12. ssthresh is 5000, so that
 * the first of the 8 duplicates after the third (flight 9000) that let a segment out is the fifth:
 * the flight is 4000 then, and 13 goes, and 14 to 16 with the others. The ACK of the copy covers
 * 12: 4000 are in flight, cwnd is 5000, and one segment goes out: no burst. */
static void whole_recovery(void)
{
    begin(0xffffe000);
    check_int(fill(), 10);
    for (int i = 0; i < 2; i++) {
        check_int(arrives(una, WND, 0), MAY_SEND);
        check_int(room(), 0);
        check_cmp(tcp_cc_room_limited(&cc, tcp_loss_flight(&loss, una, nxt)), >=, MSS);
        nxt += MSS;
    }
    check_int(arrives(una, WND, 0), FOUND);
    for (uint32_t i = 1; i <= 8; i++) {
        check_int(fill(), i <= 5 ? 0 : 1);
        check_int(arrives(una, WND, 0), LEFT);
    }
    check_int(fill(), 1);
    check_int(nxt - iss, 16001);
    check_int(arrives(iss + 12001, WND, 0), OVER);
    check_int(cc.cwnd, 5000);
    check_int(fill(), 1);
}

/* The peer's window is full at the loss, so that nothing new can go out in recovery: the partial
 * ACK, which opens it, must not let out at once what could not go before. With 40 in flight, two
 * lost, it leaves 10 outstanding, of which 9 have left the network: 19 may go. */
static void window_full_table(void)
{
    begin(0xffffe000);
    nxt += 40 * MSS;
    check_int(arrives(una, WND, 0), MAY_SEND);
    check_int(arrives(una, WND, 0), MAY_SEND);
    check_int(arrives(una, WND, 0), FOUND);
    check_int(cc.cwnd, 20000);
    for (int i = 0; i < 35; i++) {
        check_int(arrives(una, WND, 0), LEFT);
    }
    check_int(arrives(iss + 30001, WND, 0), PARTIAL);
    check_int(tcp_loss_flight(&loss, una, nxt), 1000);
    for (int i = 0; i < 4; i++) {
        check_int(tcp_cc_burst(&cc), TCP_BURST);
        check_int(fill(), 4);
    }
    check_int(tcp_cc_burst(&cc), UINT32_MAX);
    check_int(fill(), 3);
    check_int(arrives(iss + 40001, WND, 0), OVER);
    check_int(tcp_loss_flight(&loss, una, nxt), 19000);
    check_int(fill(), 1);
    check_int(cc.ssthresh, 20000);
}

/* An ACK division in recovery: a hundred ACKs of 10 bytes give no room. */
static void divided(void)
{
    begin(0xffffe000);
    check_int(fill(), 10);
    for (int i = 0; i < 3; i++) {
        arrives(una, WND, 0);
    }
    check_int(room(), 0);
    check_int(tcp_loss_flight(&loss, una, nxt), 7000);
    for (int i = 0; i < 100; i++) {
        check_int(arrives(una + 10, WND, 0), PARTIAL);
        check_int(tcp_loss_flight(&loss, una, nxt), 7000);
    }
}

/* Each number of segments, with each one lost, and the ACKs of all others: recovery ends with one
 * burst at most, and nothing in flight is forgotten. */
static void no_burst(void)
{
    for (uint32_t n = 4; n <= 10; n++) {
        for (uint32_t hole = 0; hole + 4 <= n; hole++) {
            begin(0xffffff00 - n * hole * 100);
            nxt += n * MSS;
            for (uint32_t i = 0; i < hole; i++) {
                check_int(arrives(una + MSS, WND, 0), NEW);
            }
            for (uint32_t i = hole + 1; i < n; i++) {
                arrives(una, WND, 0);
            }
            check_int(loss.state, TCP_LOSS_RECOVERY);
            fill();
            check_int(arrives(iss + 1 + n * MSS, WND, 0), OVER);
            check_int(tcp_loss_flight(&loss, una, nxt), nxt - una);
            check_cmp(fill(), <=, TCP_BURST);
        }
    }
}

/*
 * On the wire. Segments are numbered: 0 is 1:1001, 1 is 1001:2001, ...
 */
#define AT(segment) ((uint32_t)(segment) * MSS + 1)

/* Ten segments, 0 to 9, are in flight, of 40 given. */
static void ten_in_flight(void)
{
    establish();
    give(40);
    goes_out(AT(0), 10, MSS);
}

/* num ACKs of SND.UNA, with the window that the peer has always had. */
static void duplicates(uint32_t num)
{
    for (; num > 0; num--) {
        peer_acks(view(desc).snd.una - view(desc).iss, WND);
    }
}

/* The third duplicate: the segment goes out again at once. Limited transmit has sent 10 and 11. */
static void lost(uint32_t segment)
{
    duplicates(2);
    goes_out(AT(10), 2, MSS);
    duplicates(1);
    goes_out(AT(segment), 1, MSS);
}

static uint64_t retransmitted(void)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    return stats.retransmitted;
}

/*
 * Duplicates
 */

/* The first segment of all is lost. Two duplicates send nothing again. */
static void wire_third(void)
{
    ten_in_flight();
    duplicates(2);
    goes_out(AT(10), 2, MSS);
    expect_nothing(100);
    duplicates(1);
    goes_out(AT(0), 1, MSS);
    check_window(5000, 5000); /* of ten, not of twelve */
    duplicates(1);
    expect_nothing(100);
}

/* No duplicates: window updates, text, old ACKs. */
static void wire_no_duplicates(void)
{
    char line[64];

    ten_in_flight();
    peer_acks(AT(2), WND);
    goes_out(AT(10), 4, MSS);
    for (uint32_t i = 1; i < 10; i++) {
        peer_acks(AT(2), WND - i);
        peer_acks(AT(1), WND);
        snprintf(line, sizeof(line), "P. %u:%u(1) ack 2001 win %u", i, i + 1, WND - i);
        inject(line);
    }
    advance(100);
    wire_pending(1); /* ACKs of the text */
    check_int(retransmitted(), 0);
    check_int(view(desc).snd.nxt - view(desc).iss, AT(14));
}

/* With nothing in flight. */
static void wire_nothing_in_flight(void)
{
    establish();
    duplicates(9);
    give(1);
    expect(full_segment(AT(0), MSS));
    duplicates(2);
    expect_nothing(100);
}

/* The peer's probes of our zero window: they have a byte, which is cut off. */
static void wire_probes(void)
{
    establish();
    inject("P. 1:65001(65000) ack 1 win 60000");
    inject("P. 65001:65536(535) ack 1 win 60000");
    wire_pending(1);
    give(20);
    check_int(wire_pending(1), 10);
    for (int i = 0; i < 5; i++) {
        inject(". 65536:65537(1) ack 1 win 60000");
        expect(". 10001:10001(0) ack 65536 win 0");
    }
    check_int(retransmitted(), 0);
}

/* The answers to our probes: the peer has shrunk its window to zero. */
static void wire_answers(void)
{
    ten_in_flight();
    for (int i = 0; i < 5; i++) {
        peer_acks(1, 0);
    }
    expect_nothing(100);
    peer_acks(1, WND);
    expect_nothing(0);
    check_int(retransmitted(), 0);
}

/*
 * Limited transmit
 */

/* It lends, and does not give: when the hole closes without a third duplicate, cwnd has grown by
 * the ACK alone, and a segment fewer goes out. */
static void wire_limited(void)
{
    ten_in_flight();
    duplicates(2);
    goes_out(AT(10), 2, MSS);
    check_window(10000, TCP_SSTHRESH_HIGH);
    peer_acks(AT(1), WND);
    expect_nothing(0);
    peer_acks(AT(2), WND);
    goes_out(AT(12), 2, MSS);
}

/* The peer's window has room for one, or none. */
static void wire_limited_window(void)
{
    for (uint32_t num = 10; num <= 11; num++) {
        bench_start(WIRE_RAW);
        opens(MSS, num * MSS);
        give(40);
        check_int(wire_pending(1), 10);
        for (int i = 0; i < 2; i++) {
            peer_acks(1, num * MSS);
        }
        goes_out(AT(10), num - 10, MSS);
        abort_it();
        if (num == 10) {
            check_int(net_shutdown(), 0);
        }
    }
}

/* The peer's window of eight segments is full, less than cwnd: what counts is FlightSize. */
static void wire_flight(void)
{
    bench_start(WIRE_RAW);
    opens(MSS, 8 * MSS);
    give(40);
    goes_out(AT(0), 8, MSS);
    for (int i = 0; i < 3; i++) {
        peer_acks(1, 8 * MSS);
    }
    goes_out(AT(0), 1, MSS);
    check_window(4000, 4000);
}

/* Three segments are in flight, and the first is lost: its two duplicates send two new ones, whose
 * ACKs are the third and the fourth. cwnd is three segments after a lost SYN-ACK. */
static void wire_limited_saves(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 60000 <mss 1000>");
    expect("S. 0:0(0) ack 1");
    expect_within(1000 + LATE, "S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1 win 60000");
    desc = opened(&opener);
    given = 1;
    give(40);
    goes_out(AT(0), 1, MSS);
    peer_acks(AT(1), WND);
    goes_out(AT(1), 2, MSS);
    peer_acks(AT(2), WND);
    goes_out(AT(3), 2, MSS);
    duplicates(1);
    goes_out(AT(5), 1, MSS);
    duplicates(1);
    goes_out(AT(6), 1, MSS);
    duplicates(1);
    goes_out(AT(2), 1, MSS);
}

/*
 * Recovery
 */

/* Of twelve in flight 0 is lost. From the duplicate on at which five are in flight, each lets one
 * out; the ACK of all, with four in flight, one more. */
static void wire_recovery(void)
{
    ten_in_flight();
    lost(0);
    duplicates(4);
    expect_nothing(0);
    for (uint32_t i = 12; i < 16; i++) {
        duplicates(1);
        goes_out(AT(i), 1, MSS);
    }
    peer_acks(AT(12), WND);
    goes_out(AT(16), 1, MSS);
    check_window(5000, 5000);
    check_int(retransmitted(), 1);
    check_int(round_trip(5), 6); /* congestion avoidance */
}

/* 0, 3 and 7 are lost. Each ACK of a part sends the next, once, and one new segment. */
static void wire_holes(void)
{
    ten_in_flight();
    lost(0);
    duplicates(6); /* of 5, 6, 8, 9, 10 and 11: three are in flight, and 12, 13 join them */
    goes_out(AT(12), 2, MSS);
    peer_acks(AT(3), WND);
    expect(full_segment(AT(3), MSS));
    goes_out(AT(14), 1, MSS);
    peer_acks(AT(7), WND);
    expect(full_segment(AT(7), MSS));
    goes_out(AT(15), 1, MSS);
    peer_acks(AT(12), WND);
    goes_out(AT(16), 1, MSS);
    check_int(retransmitted(), 3);
    check_window(5000, 5000);
}

/* The timer runs from the first ACK of a part; with the second the copy's time goes on. */
static void wire_impatient(void)
{
    ten_in_flight();
    advance(100);
    lost(0);
    advance(100);
    peer_acks(AT(3), WND);
    goes_out(AT(3), 1, MSS);
    advance(100);
    peer_acks(AT(7), WND);
    goes_out(AT(7), 1, MSS);
    times_out(rto() - 100, AT(7));
    check_window(1000, 2500); /* five were in flight */
}

/* The third duplicate of the first segment comes a round trip after it, and the ACK of the copy one
 * later: the timer leaves it the time. */
static void wire_whole_rto(void)
{
    establish();
    for (uint32_t i = 0; i < 30; i++) { /* the RTO comes to 500 ms */
        give(1);
        goes_out(AT(i), 1, MSS);
        advance(i < 10 ? 200 + 10 * (int)i : 300);
        peer_acks(AT(i + 1), WND);
    }
    give(10);
    goes_out(AT(30), 10, MSS);
    advance(300);
    duplicates(3);
    goes_out(AT(30), 1, MSS);
    expect_nothing(300);
    peer_acks(AT(40), WND);
    check_int(retransmitted(), 1);
    check_window(5000, 5000);
}

/* The copy is lost, too: one segment, and slow start; ssthresh is as at the loss. */
static void wire_copy_lost(void)
{
    ten_in_flight();
    lost(0);
    duplicates(8);
    goes_out(AT(12), 4, MSS);
    times_out(250, AT(0));
    check_window(1000, 5000);
    duplicates(4); /* of 12 to 15 */
    expect_nothing(0);
    peer_acks(AT(16), WND);
    goes_out(AT(16), 2, MSS);
    check_int(retransmitted(), 2);
}

/* A timeout in recovery is not asked whether it was spurious: the ACK of a part sends again what
 * follows, and nothing new. */
static void wire_no_frto(void)
{
    struct tcp_stats stats;

    ten_in_flight();
    lost(0);
    times_out(250, AT(0));
    peer_acks(AT(4), WND);
    goes_out(AT(4), 2, MSS);
    peer_acks(AT(5), WND);
    goes_out(AT(6), 2, MSS);
    tcp_get_stats(&stats);
    check_int(stats.spurious, 0);
}

/* Nor is a second timeout before that recovery ends: 4 and 5 have gone out again, too, and an ACK
 * of 5 may be of either copy. */
static void wire_no_frto_again(void)
{
    struct tcp_stats stats;

    ten_in_flight();
    lost(0);
    times_out(250, AT(0));
    peer_acks(AT(4), WND);
    goes_out(AT(4), 2, MSS);
    times_out(rto(), AT(4));
    peer_acks(AT(5), WND);
    goes_out(AT(5), 2, MSS);
    peer_acks(AT(6), WND);
    goes_out(AT(7), 2, MSS);
    tcp_get_stats(&stats);
    check_int(stats.spurious, 0);
}

/* After a timeout, copies that were needless answer with duplicates. They are of what was in flight
 * then, and mean nothing. */
static void wire_needless(void)
{
    ten_in_flight();
    peer_acks(AT(1), WND);
    goes_out(AT(10), 2, MSS);
    times_out(rto(), AT(1));
    duplicates(1); /* of 2: so the timeout was none */
    peer_acks(AT(2), WND);
    goes_out(AT(2), 2, MSS);
    duplicates(9);
    expect_nothing(0);
    peer_acks(AT(12), WND);
    goes_out(AT(12), 3, MSS);
    check_int(retransmitted(), 3);
    duplicates(2);
    goes_out(AT(15), 2, MSS);
    duplicates(2);
    expect_nothing(0);
}

/* The same after recovery: `recover` is acknowledged, but nothing beyond it. */
static void wire_once(void)
{
    ten_in_flight();
    lost(0);
    peer_acks(AT(12), WND);
    goes_out(AT(12), 4, MSS); /* nothing is in flight: a burst */
    duplicates(2);
    goes_out(AT(16), 2, MSS);
    duplicates(3);
    expect_nothing(0);
    check_int(retransmitted(), 1);
}

/* The MTU has shrunk: the copy has a half, and the ACK of it sends the other. */
static void wire_smaller(void)
{
    struct net_device *wire = bench_start(WIRE_RAW);

    opens(MSS, WND);
    give(10);
    goes_out(AT(0), 10, MSS);
    wire->mtu = 540;
    duplicates(3);
    goes_out(1, 1, 500);
    peer_acks(501, WND);
    goes_out(501, 1, 500);
    peer_acks(given, WND);
    expect_nothing(1000);
}

/* The lost segment has the FIN. */
static void wire_fin(void)
{
    establish();
    peer_acks(1, 3500);
    give(4);
    check_int(tcp_cmd_close(desc), 0);
    expect(full_segment(AT(0), MSS));
    expect(full_segment(AT(1), MSS));
    expect(full_segment(AT(2), MSS));
    expect(". 3001:3501(500) ack 1");
    peer_acks(1, WND);
    expect("FP. 3501:4001(500) ack 1");
    peer_acks(AT(3), WND);
    for (int i = 0; i < 3; i++) { /* of what may have come twice */
        peer_acks(AT(3), WND);
    }
    expect("FP. 3001:4001(1000) ack 1");
    peer_acks(4002, WND);
    check_state(desc, "FIN_WAIT2");
}

/*
 * Peers that cheat
 */

/* Invented duplicates let out one segment each, within the window. */
static void wire_invented(void)
{
    ten_in_flight();
    lost(0);
    for (uint32_t i = 0; i < 100; i++) {
        duplicates(1);
        check_cmp(wire_pending(1), <=, 1);
    }
    check_int(view(desc).snd.nxt - view(desc).iss, AT(40));
}

/* ACKs of ten bytes each let nothing new out in recovery. */
static void wire_divided(void)
{
    ten_in_flight();
    lost(0);
    for (uint32_t ack = 11; ack < 1001; ack += 10) {
        peer_acks(ack, WND);
        check_int(wire_pending(1), 1);
    }
    check_int(view(desc).snd.nxt - view(desc).iss, AT(12));
}

/*
 * The end of a recovery in which the window was full: twenty segments, 10 to 29, are in flight,
 * with a window of twenty, and a round trip of 50 ms. What may go out then goes out in bursts of
 * four, 16 ms apart: cwnd is ten.
 */
static void window_full(void)
{
    bench_start(WIRE_RAW);
    opens(MSS, 20 * MSS);
    give(60);
    goes_out(AT(0), 10, MSS);
    advance(50);
    for (uint32_t i = 1; i <= 10; i++) {
        peer_acks(AT(i), 20 * MSS);
    }
    goes_out(AT(10), 20, MSS);
    advance(50);
}

/* Segment 10 is lost, and others: so many duplicates come. */
static void window_full_lost(uint32_t num)
{
    for (; num > 0; num--) {
        peer_acks(AT(10), 20 * MSS);
    }
    goes_out(AT(10), 1, MSS);
    advance(50);
    check_window(10000, 10000);
}

/* Two are left after the second burst, and go with the next ACK. */
static void wire_paced(void)
{
    window_full();
    window_full_lost(19);
    peer_acks(AT(30), 20 * MSS);
    goes_out(AT(30), 4, MSS);
    expect_nothing(15);
    expect_within(1 + LATE, full_segment(AT(34), MSS));
    goes_out(AT(35), 3, MSS);
    expect_nothing(30);
    peer_acks(AT(31), 20 * MSS);
    goes_out(AT(38), 3, MSS);
}

/* An ACK does not hasten the next burst. */
static void wire_paced_acks(void)
{
    window_full();
    window_full_lost(19);
    peer_acks(AT(30), 20 * MSS);
    goes_out(AT(30), 4, MSS);
    advance(5);
    peer_acks(AT(31), 20 * MSS);
    peer_acks(AT(32), 20 * MSS);
    expect_nothing(10);
    expect_within(1 + LATE, full_segment(AT(34), MSS));
    goes_out(AT(35), 3, MSS);
}

/* 20 is lost, too: the ACK of a part opens the window. Besides the copy a burst goes out. */
static void wire_paced_part(void)
{
    window_full();
    window_full_lost(18);
    peer_acks(AT(20), 20 * MSS);
    expect(full_segment(AT(20), MSS));
    goes_out(AT(30), 4, MSS);
    expect_nothing(15);
    expect_within(1 + LATE, full_segment(AT(34), MSS));
    goes_out(AT(35), 3, MSS);
}

/* The peer has read nothing yet: its window is zero, and opens later. */
static void wire_paced_update(void)
{
    window_full();
    window_full_lost(19);
    peer_acks(AT(30), 0);
    expect_nothing(10);
    peer_acks(AT(30), 20 * MSS);
    goes_out(AT(30), 4, MSS);
}

/* Nothing is left of it when the connection ends. */
static void wire_paced_end(void)
{
    window_full();
    window_full_lost(19);
    peer_acks(AT(30), 20 * MSS);
    goes_out(AT(30), 4, MSS);
    abort_it();
    expect_nothing(1000);
}

BENCH(51,
      {"the third duplicate ACK means a loss, of the first segment too", third_duplicate},
      {"an ACK is a duplicate only by RFC 5681's conditions (a) to (e)", strict_definition},
      {"three duplicates count unless SND.UNA moves between them", between},
      {"an answer to a probe of a zero window is no duplicate", probes},
      {"limited transmit sends two segments beyond cwnd, not counted in ssthresh", limited},
      {"a partial ACK has the next hole sent again", two_holes},
      {"each partial ACK of a segment gives room for one", partial},
      {"a partial ACK gives room for one segment also when duplicates were lost", lost_duplicates},
      {"no more has left the network than was in flight", invented},
      {"duplicates of what was in flight at a loss mean no second loss", once_for_a_loss},
      {"a loss after 3,000,000,000 bytes is found", long_ago},
      {"after a timeout all is sent again, as cwnd allows", back_to_the_first},
      {"what is sent next comes from the hole, then from SND.NXT", next_to_send},
      {"a timeout of the same segment holds ssthresh", backed_off},
      {"duplicates after a timeout mean no loss", needless_copies},
      {"a timeout in recovery does not raise ssthresh", in_recovery},
      {"after a spurious timeout nothing is sent again, and duplicates count", undone},
      {"a loss halves FlightSize into cwnd and ssthresh, two segments at least", halves},
      {"a burst is followed by the next after its part of the round trip", paces},
      {"a timeout or a pause ends the pacing", no_pace},
      {"a recovery with cwnd sends a segment for each duplicate, and no burst", whole_recovery},
      {"after a full window a partial ACK lets out bursts of four", window_full_table},
      {"ACKs of parts of a segment give no room in recovery", divided},
      {"no recovery of one loss ends with more than a burst", no_burst},
      {"the third duplicate sends the first segment again at once [MUST-19]", wire_third},
      {"a loss halves what was in flight, not cwnd", wire_flight},
      {"window updates, text and old ACKs are no duplicates", wire_no_duplicates},
      {"ACKs with nothing in flight are no duplicates", wire_nothing_in_flight},
      {"the peer's probes are no duplicates", wire_probes},
      {"the answers to our probes are no duplicates", wire_answers},
      {"the first and second duplicate send a new segment each, and cwnd stays", wire_limited},
      {"limited transmit needs room in the peer's window", wire_limited_window},
      {"limited transmit finds the loss of the first of three segments", wire_limited_saves},
      {"in recovery each duplicate lets a segment out, and its end no burst", wire_recovery},
      {"three losses in a window are sent again without a timeout", wire_holes},
      {"in recovery the timer runs from the first ACK of a part", wire_impatient},
      {"the copy has the whole RTO", wire_whole_rto},
      {"if the copy is lost too, the timer sends it, and ssthresh stays", wire_copy_lost},
      {"a timeout in recovery is not found spurious", wire_no_frto},
      {"nor is a second timeout in recovery", wire_no_frto_again},
      {"duplicates of needless copies send nothing again", wire_needless},
      {"duplicates at the end of recovery send nothing again", wire_once},
      {"a smaller copy is followed by the rest", wire_smaller},
      {"a segment with FIN is sent again", wire_fin},
      {"invented duplicates let out a segment each", wire_invented},
      {"divided ACKs let out nothing new", wire_divided},
      {"what a full window held back goes out in bursts, a round trip long", wire_paced},
      {"no ACK hastens the next burst", wire_paced_acks},
      {"the ACK of a part opens a full window for a burst", wire_paced_part},
      {"a window update lets out no more than a burst", wire_paced_update},
      {"no burst follows the end of a connection", wire_paced_end})
