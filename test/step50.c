/* Step 50: slow start and congestion avoidance. tcp_cc and the timeouts of tcp_loss by tables,
 * worked out by hand; then what goes out on the wire. A segment has 1000 bytes, unless stated
 * otherwise. */

#include <stdio.h>

#include "bench.h"
#include "bulk.h"
#include "conn.h"
#include "net.h"
#include "tcp.h"
#include "tcp_cc.h"
#include "tcp_loss.h"
#include "util.h"

#define HIGH TCP_SSTHRESH_HIGH

/*
 * tcp_cc: a table says what happens, and cwnd and ssthresh after it
 */
enum op {
    START,    /* with segments of a bytes */
    LOST_SYN, /* the same after a SYN that was sent again */
    SET,      /* cwnd is a, ssthresh b */
    ACK,      /* of a bytes, while b were in flight */
    RTO,      /* with b in flight; 0: again */
    UNDO,     /* by an ACK of a bytes, with b in flight after it */
    SIZE,     /* of a segment is a from now on */
    SENT,     /* at a ms */
    RESTART,  /* at a ms, with an RTO of b ms */
};

struct row {
    enum op op;
    uint32_t a, b;
    uint32_t cwnd, ssthresh;
};

static struct tcp_cc cc;

static const char *op_name(enum op op)
{
    static const char *const name[] = {"START", "LOST_SYN", "SET",  "ACK",    "RTO",
                                       "UNDO",  "SIZE",     "SENT", "RESTART"};

    return name[op];
}

static void execute(const struct row *r)
{
    switch (r->op) {
    case START: tcp_cc_start(&cc, r->a, 0); break;
    case LOST_SYN: tcp_cc_start(&cc, r->a, 1); break;
    case SET: cc.cwnd = r->a; cc.ssthresh = r->b; break;
    case ACK: tcp_cc_acked(&cc, r->a, r->b); break;
    case RTO: tcp_cc_timeout(&cc, r->b); break;
    case UNDO: tcp_cc_undo(&cc, r->b, r->a); break;
    case SIZE: tcp_cc_set_mss(&cc, r->a); break;
    case SENT: tcp_cc_sent(&cc, MILLISECONDS(r->a)); break;
    case RESTART: tcp_cc_restart(&cc, MILLISECONDS(r->a), MILLISECONDS(r->b)); break;
    }
}

static void run(const struct row *rows, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        execute(&rows[i]);
        if (cc.cwnd != rows[i].cwnd || cc.ssthresh != rows[i].ssthresh) {
            fail("row %zu, %s %u %u: cwnd %u, ssthresh %u expected, got %u, %u", i,
                 op_name(rows[i].op), rows[i].a, rows[i].b, rows[i].cwnd, rows[i].ssthresh,
                 cc.cwnd, cc.ssthresh);
        }
    }
}

#define RUN(...) \
    do { \
        static const struct row rows_[] = {__VA_ARGS__}; \
        run(rows_, countof(rows_)); \
    } while (0)

/* min(10 MSS, max(2 MSS, 14,600)): below 1,460 ten segments, up to 7,300 bytes 14,600, above two
 * segments. */
static void first_window(void)
{
    RUN({START, 64, 0, 640, HIGH},
        {START, 536, 0, 5360, HIGH},
        {START, 1459, 0, 14590, HIGH},
        {START, 1460, 0, 14600, HIGH},
        {START, 1461, 0, 14600, HIGH},
        {START, 7300, 0, 14600, HIGH},
        {START, 7301, 0, 14602, HIGH},
        {START, 65495, 0, 130990, HIGH});
}

static void lost_syn(void)
{
    RUN({LOST_SYN, 64, 0, 64, HIGH},
        {LOST_SYN, 1460, 0, 1460, HIGH},
        {LOST_SYN, 9000, 0, 9000, HIGH});
}

/* min(N, 2 MSS) for each ACK of N bytes */
static void slow_start(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {ACK, 1000, 10000, 11000, HIGH},
        {ACK, 2000, 11000, 13000, HIGH}, /* a delayed ACK */
        {ACK, 3000, 13000, 15000, HIGH}, /* of three segments: two count */
        {ACK, 13000, 15000, 17000, HIGH},
        {ACK, 1, 17000, 17001, HIGH}, /* a receiver that divides its ACKs gains nothing */
        {ACK, 999, 17000, 18000, HIGH});
}

/* A segment fits into cwnd - flight: not cwnd limits. */
static void only_where_it_limits(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {ACK, 1000, 0, 10000, HIGH},
        {ACK, 1000, 9000, 10000, HIGH}, /* a tenth segment would fit */
        {ACK, 1000, 9001, 11000, HIGH},
        {ACK, 2000, 12000, 13000, HIGH},  /* more than cwnd in flight */
        {ACK, 2000, 4000, 13000, HIGH},   /* the peer's window of 4000 limits */
        {ACK, 2000, 4000, 13000, HIGH},
        {SET, 2000, 2000, 2000, 2000},
        {ACK, 2000, 1000, 2000, 2000},    /* in congestion avoidance too: this ACK does not */
        {ACK, 1000, 2000, 2000, 2000},    /* count, */
        {ACK, 1000, 2000, 3000, 2000});   /* these two do */
}

/* A segment for each cwnd of bytes. In comments the bytes since cwnd grew. */
static void avoidance(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {SET, 10000, 10000, 10000, 10000},
        {ACK, 2000, 10000, 10000, 10000},  /* 2000 */
        {ACK, 2000, 10000, 10000, 10000},
        {ACK, 2000, 10000, 10000, 10000},
        {ACK, 2000, 10000, 10000, 10000},  /* 8000 */
        {ACK, 2000, 10000, 11000, 10000},  /* 10000 = cwnd: 0 */
        {ACK, 5000, 11000, 11000, 10000},
        {ACK, 5000, 11000, 11000, 10000},  /* 10000 */
        {ACK, 2000, 11000, 12000, 10000},  /* 12000 >= 11000: 1000 remain */
        {ACK, 10999, 12000, 12000, 10000}, /* 11999 */
        {ACK, 1, 12000, 13000, 10000},
        {ACK, 39000, 13000, 14000, 10000}, /* three windows in one ACK: one segment, none remain */
        {ACK, 13999, 14000, 14000, 10000},
        {ACK, 1, 14000, 15000, 10000});
}

/* ssthresh = max(FlightSize / 2, 2 MSS) */
static void timeouts(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {ACK, 2000, 10000, 12000, HIGH},
        {RTO, 0, 12000, 1000, 6000},
        {RTO, 0, 0, 1000, 6000},       /* for the same segment: ssthresh is held */
        {ACK, 1000, 1000, 2000, 6000},
        {ACK, 5000, 2000, 3000, 6000}, /* after a timeout one segment an ACK */
        {ACK, 2000, 3000, 4000, 6000},
        {ACK, 1000, 4000, 5000, 6000},
        {ACK, 1000, 5000, 6000, 6000}, /* ssthresh: congestion avoidance */
        {ACK, 5999, 6000, 6000, 6000},
        {ACK, 1, 6000, 7000, 6000},
        {ACK, 6000, 7000, 7000, 6000},
        {RTO, 0, 5001, 1000, 2500},    /* by FlightSize, not by cwnd */
        {RTO, 0, 3999, 1000, 2000},    /* two segments at least */
        {RTO, 0, 1, 1000, 2000},
        {ACK, 1000, 1000, 2000, 2000},
        {ACK, 1999, 2000, 2000, 2000}, /* the 6000 from before are forgotten */
        {ACK, 1, 2000, 3000, 2000});
}

/* The rule of one segment an ACK ends with the slow start after the timeout. */
static void two_again(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {RTO, 0, 10000, 1000, 5000},
        {ACK, 2000, 1000, 2000, 5000},
        {SET, 5000, 5000, 5000, 5000},
        {ACK, 2000, 5000, 5000, 5000},  /* congestion avoidance */
        {SIZE, 500, 0, 2500, 5000},
        {ACK, 2000, 2500, 3500, 5000}); /* slow start again: two segments of 500 */
}

static void room(void)
{
    static const struct {
        uint32_t flight, room;
    } rows[] = {{0, 10000}, {9000, 1000}, {9999, 1}, {10000, 0}, {12000, 0}};

    RUN({START, 1000, 0, 10000, HIGH});
    for (size_t i = 0; i < countof(rows); i++) {
        check_int(tcp_cc_room(&cc, rows[i].flight), rows[i].room);
    }
}

/* Idle for more than the RTO: min(IW, cwnd); ssthresh stays. */
static void idle(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {ACK, 2000, 10000, 12000, HIGH},
        {RESTART, 900000, 300, 12000, HIGH}, /* nothing was sent yet */
        {SENT, 1000, 0, 12000, HIGH},
        {RESTART, 1000, 300, 12000, HIGH},
        {RESTART, 1300, 300, 12000, HIGH},   /* not more than the RTO */
        {RESTART, 1301, 300, 10000, HIGH},
        {SENT, 1301, 0, 10000, HIGH},
        {RTO, 0, 10000, 1000, 5000},
        {RESTART, 9000, 300, 1000, 5000},    /* it never grows */
        {START, 1000, 0, 10000, HIGH},
        {SENT, 2000, 0, 10000, HIGH},
        {SET, 20000, 20000, 20000, 20000},
        {RESTART, 2300, 300, 20000, 20000},
        {RESTART, 2400, 300, 10000, 20000},  /* slow start leads back */
        {ACK, 2000, 10000, 12000, 20000},
        {SET, 4000, 4000, 4000, 4000},
        {ACK, 3000, 4000, 4000, 4000},
        {RESTART, 3000, 300, 4000, 4000},
        {ACK, 3999, 4000, 4000, 4000},       /* the 3000 from before are forgotten */
        {ACK, 1, 4000, 5000, 4000});
}

/* ssthresh as before, or what was in flight if that is more; cwnd as before, but at most
 * flight + min(acked, IW). */
static void undone(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {ACK, 2000, 10000, 12000, HIGH},
        {RTO, 0, 12000, 1000, 6000},
        {RTO, 0, 0, 1000, 6000},              /* what is saved stays */
        {UNDO, 1000, 11000, 12000, HIGH},
        {UNDO, 1000, 30000, 12000, HIGH},     /* only once */
        {RTO, 0, 12000, 1000, 6000},
        {UNDO, 11500, 500, 10500, HIGH},      /* 500 + IW */
        {ACK, 2000, 10500, 12500, HIGH},      /* two segments again */
        {SET, 11000, 10000, 11000, 10000},
        {RTO, 0, 11000, 1000, 5500},          /* in congestion avoidance: 11000 in flight */
        {UNDO, 1000, 9000, 10000, 11000},     /* 9000 + 1000; slow start up to 11000 */
        {SET, 4000, 3000, 4000, 3000},
        {RTO, 0, 6000, 1000, 3000},           /* F-RTO's new segments exceed cwnd, */
        {UNDO, 1000, 5000, 4000, 4000});      /* which remains the limit of ssthresh */
}

/* What has grown since is not taken away. */
static void undone_late(void)
{
    RUN({START, 1000, 0, 10000, HIGH},
        {RTO, 0, 4000, 1000, 2000},
        {ACK, 1000, 1000, 2000, 2000},
        {ACK, 2000, 2000, 3000, 2000},
        {UNDO, 1000, 1000, 3000, HIGH});
}

/* Smaller segments: cwnd shrinks by the same ratio. Larger ones: at least one, and ssthresh two. */
static void other_mss(void)
{
    RUN({START, 1460, 0, 14600, HIGH},
        {SIZE, 1460, 0, 14600, HIGH},
        {SIZE, 536, 0, 5360, HIGH},
        {ACK, 2000, 5360, 6432, HIGH},  /* 2 * 536 */
        {SIZE, 1460, 0, 6432, HIGH},
        {RTO, 0, 6432, 1460, 3216},
        {SIZE, 2000, 0, 2000, 4000},
        {ACK, 2000, 2000, 4000, 4000},
        {ACK, 3000, 4000, 4000, 4000},  /* congestion avoidance, 3000 */
        {SIZE, 1000, 0, 2000, 4000},    /* slow start again */
        {SIZE, 2000, 0, 2000, 4000},
        {ACK, 1000, 2000, 3000, 4000},
        {RTO, 0, 8000, 2000, 4000},
        {SIZE, 100, 0, 100, 4000},
        {START, 1000, 0, 10000, HIGH},
        {SET, 4000, 4000, 4000, 4000},
        {ACK, 4000, 4000, 5000, 4000},
        {ACK, 4000, 5000, 5000, 4000},
        {SIZE, 1000, 0, 5000, 4000},    /* the same: nothing */
        {ACK, 1000, 5000, 6000, 4000},
        {ACK, 4000, 6000, 6000, 4000},
        {SIZE, 900, 0, 5400, 4000},
        {ACK, 5399, 5400, 5400, 4000},  /* the 4000 are forgotten */
        {ACK, 1, 5400, 6300, 4000});
}

/*
 * tcp_loss, with sequence numbers that count from an ISS; data begins at 1
 */
static struct tcp_loss loss;
static uint32_t iss, una, nxt;

static enum tcp_loss_answer arrives(uint32_t ack, uint32_t wnd, uint32_t len)
{
    const struct tcp_loss_ack a = {
        .una = una, .nxt = nxt, .ack = iss + ack, .wnd = wnd, .len = len,
    };
    enum tcp_loss_answer answer = tcp_loss_take(&loss, &a);

    if (answer == TCP_LOSS_NEW) {
        una = iss + ack;
    }
    return answer;
}

static void acks(uint32_t ack)
{
    check_int(arrives(ack, WND, 0), TCP_LOSS_NEW);
}

/* What is sent next, and how much is in flight. */
static void check_next(uint32_t seq, uint32_t flight)
{
    check_int(tcp_loss_next(&loss, nxt) - iss, seq);
    check_int(tcp_loss_flight(&loss, una, nxt), flight);
}

/* Sent up to end. ISS is such that the numbers wrap. */
static void begin(uint32_t end)
{
    iss = 0xfffff800;
    una = iss + 1;
    nxt = iss + end;
    tcp_loss_start(&loss, iss, WND);
    check_next(end, end - 1);
}

/* All is lost, and sent again as cwnd allows. */
static void all_again(void)
{
    begin(10001);
    check_int(tcp_loss_timeout(&loss, una, nxt), 10000);
    check_next(1, 0);
    tcp_loss_resent(&loss, iss + 1001);
    check_next(1001, 1000);
    acks(1001);
    check_next(1001, 0);
    tcp_loss_resent(&loss, iss + 3001);
    check_next(3001, 2000);
    acks(2001);
    check_next(3001, 1000);
    acks(8501); /* up to here it had arrived */
    check_next(8501, 0);
    nxt += 1000; /* new data, as F-RTO sends it */
    check_next(8501, 1000);
    tcp_loss_resent(&loss, iss + 11001); /* no more than was in flight then */
    check_next(11001, 2500);
    acks(10001);
    check_next(11001, 1000);
    check_int(tcp_loss_timeout(&loss, una, nxt), 1000);
}

/* ssthresh is held while the same segment is sent again, but not for a later one. */
static void backed_off(void)
{
    begin(10001);
    check_int(tcp_loss_timeout(&loss, una, nxt), 10000);
    for (int i = 0; i < 3; i++) {
        tcp_loss_resent(&loss, iss + 1001);
        check_int(tcp_loss_timeout(&loss, una, nxt), 0);
        check_next(1, 0);
    }
    acks(1001);
    check_int(tcp_loss_timeout(&loss, una, nxt), 9000);
    check_int(tcp_loss_timeout(&loss, una, nxt), 0);
    acks(10001);
    nxt += 3000;
    check_int(tcp_loss_timeout(&loss, una, nxt), 3000);
}

/* A timeout that was right: what was sent since is sent again, too, after the rest. */
static void confirmed(void)
{
    begin(10001);
    tcp_loss_timeout(&loss, una, nxt);
    tcp_loss_resent(&loss, iss + 1001);
    acks(1001);
    nxt += 2000;
    check_next(1001, 2000);
    tcp_loss_confirm(&loss, nxt);
    check_next(1001, 0);
    tcp_loss_resent(&loss, iss + 11001);
    check_next(11001, 10000);
    acks(12001); /* it had arrived */
    check_next(12001, 0);
}

/* A timeout that was spurious: the rest is not sent again. */
static void not_lost(void)
{
    begin(10001);
    tcp_loss_timeout(&loss, una, nxt);
    tcp_loss_resent(&loss, iss + 1001);
    acks(1001);
    tcp_loss_undo(&loss);
    check_next(10001, 9000);
    acks(2001);
    check_next(10001, 8000);
}

/* RFC 5681 2: (a) data is in flight, (b) no data in the segment, (c) nor SYN or FIN, which count in
 * SEG.LEN, (d) the ACK equals SND.UNA, (e) and the window the last one. Here after a timeout. */
static void strict_definition(void)
{
    begin(1);
    tcp_loss_timeout(&loss, una, nxt);
    check_int(arrives(1, WND, 0), TCP_LOSS_NOTHING); /* (a) */
    begin(10001);
    acks(1001);
    tcp_loss_timeout(&loss, una, nxt);
    check_int(arrives(1001, WND, 0), TCP_LOSS_DUPLICATE);
    check_int(arrives(1001, WND, 1), TCP_LOSS_NOTHING);    /* (b), (c) */
    check_int(arrives(1001, WND, 1000), TCP_LOSS_NOTHING);
    check_int(arrives(1001, WND - 1, 0), TCP_LOSS_NOTHING); /* (e): updates */
    check_int(arrives(1001, WND, 0), TCP_LOSS_NOTHING);
    check_int(arrives(1001, WND + 1, 0), TCP_LOSS_NOTHING);
    check_int(arrives(1001, WND + 1, 0), TCP_LOSS_DUPLICATE);
    check_int(arrives(501, WND, 0), TCP_LOSS_NOTHING); /* (d): old, and not the last one for (e) */
    check_int(arrives(1001, WND + 1, 0), TCP_LOSS_DUPLICATE);
    check_int(arrives(1001, 0, 0), TCP_LOSS_NOTHING);
    check_int(arrives(1001, 0, 0), TCP_LOSS_NOTHING); /* an answer to a probe */
}

/*
 * On the wire: the first flight
 */

static void wire_first(void)
{
    static const uint32_t sizes[] = {1460, MSS, 64};

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(sizes); i++) {
        opens(sizes[i], 65535);
        give(20);
        goes_out(1, 10, sizes[i]);
        abort_it();
    }
}

/* The SYN-ACK is sent twice: one segment, and its ACK lets two out. */
static void wire_lost_syn_ack(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535 <mss 1000>");
    expect("S. 0:0(0) ack 1");
    expect_within(1000 + LATE, "S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    desc = opened(&opener);
    given = 1;
    check_window(1000, HIGH);
    give(20);
    goes_out(1, 1, MSS);
    check_int(round_trip(1), 2);
}

static ssize_t open_active(struct call *c)
{
    ip_endp_t remote = endp(c->remote);

    return tcp_cmd_open(NULL, &remote, 1);
}

/* The SYN is sent twice, or once: the ACK of the SYN does not count as one of data. */
static void wire_active(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    for (int lost = 0; lost < 2; lost++) {
        connection('A', "192.0.2.2:0", "192.0.2.1:7", PEER_ISN);
        call_start(&opener, open_active, .remote = "192.0.2.1:7");
        expect("S 0:0(0)");
        if (lost) {
            expect_within(1000 + LATE, "S 0:0(0)");
        }
        inject("S. 0:0(0) ack 1 win 65535 <mss 1000>");
        expect(". 1:1(0) ack 1");
        desc = opened(&opener);
        given = 1;
        give(20);
        goes_out(1, lost ? 1 : 10, MSS);
        abort_it();
    }
}

/* Segments become smaller before anything is sent: ten of 500, not 29. */
static void wire_mtu(void)
{
    struct net_device *wire = bench_start(WIRE_RAW);

    opens(1460, 65535);
    wire->mtu = 540;
    give(20);
    goes_out(1, 10, 500);
    check_window(5000, HIGH);
}

/*
 * Slow start, congestion avoidance
 */

/* An ACK of one segment lets two out, of two four, and of three five: three have left, and two are
 * added. */
static void wire_slow_start(void)
{
    uint32_t end;

    establish();
    give(60);
    end = goes_out(1, 10, MSS);
    peer_acks(1001, WND);
    end = goes_out(end, 2, MSS);
    peer_acks(3001, WND);
    end = goes_out(end, 4, MSS);
    peer_acks(6001, WND);
    end = goes_out(end, 5, MSS);
    check_window(15000, HIGH);
    check_int(round_trip(15), 30);
}

/* What counts is bytes, not ACKs: ten of 100 bytes let two segments out, as one of 1000. None goes
 * out before it fits in whole. */
static void wire_divided(void)
{
    establish();
    give(60);
    goes_out(1, 10, MSS);
    for (uint32_t ack = 101; ack <= 1001; ack += 100) {
        peer_acks(ack, WND);
        check_int(wire_pending(1), ack % 500 == 1);
    }
    check_window(11000, HIGH);
}

/* The peer's window of 3000 is what limits: cwnd does not grow. When it opens, seven segments may
 * join the three in flight, less those that the ACK has acknowledged. */
static void wire_peer_limits(void)
{
    uint32_t end, ack;

    bench_start(WIRE_RAW);
    opens(MSS, 3000);
    give(60);
    end = goes_out(1, 3, MSS);
    for (ack = 1001; ack < 20001; ack += MSS) {
        peer_acks(ack, 3000);
        end = goes_out(end, 1, MSS);
    }
    check_window(10000, HIGH);
    peer_acks(ack, WND);
    goes_out(end, 8, MSS);
}

/* So is a user who gives no more than three segments in a round trip. */
static void wire_user_limits(void)
{
    establish();
    for (int i = 0; i < 20; i++) {
        give(3);
        check_int(wire_pending(1), 3);
        advance(10);
        check_int(round_trip(3), 0);
    }
    check_window(10000, HIGH);
    give(20);
    check_int(wire_pending(1), 10);
}

/* A timeout with ten in flight: slow start, one segment for an ACK, up to five; then one more in
 * each round trip. */
static void wire_avoidance(void)
{
    static const uint32_t flights[] = {2, 4, 5, 6, 7, 8, 9, 10, 11};
    uint32_t in_flight;

    establish();
    give(10);
    goes_out(1, 10, MSS);
    times_out(250, 1);
    peer_acks(10001, WND);
    check_window(2000, 5000);
    expect_nothing(10);
    give(50);
    in_flight = (uint32_t)wire_pending(1);
    for (size_t i = 0; i < countof(flights); i++) {
        check_int(in_flight, flights[i]);
        if (i == 5) {
            give(35);
        }
        in_flight = round_trip(in_flight);
    }
}

/*
 * Timeouts
 */

/* One segment, then two, ...; what the peer has is not sent again once it says so. */
static void wire_timeout(void)
{
    establish();
    give(10);
    goes_out(1, 10, MSS);
    times_out(250, 1);
    peer_acks(1001, WND);
    goes_out(1001, 2, MSS);
    peer_acks(2001, WND);
    goes_out(3001, 2, MSS);
    peer_acks(3001, WND);
    goes_out(5001, 2, MSS);
    peer_acks(8001, WND); /* 6, 7 and 8 had arrived */
    goes_out(8001, 2, MSS);
    peer_acks(given, WND);
    expect_nothing(1000);
    check_int(view(desc).unacked, 0);
}

/* What is sent again ends where SND.NXT was, though the user has given more meanwhile. */
static void wire_short(void)
{
    establish();
    give(4);
    goes_out(1, 4, MSS);
    our_side_sends(desc, given, 500);
    expect("P. 4001:4501(500) ack 1");
    given += 500;
    expect_nothing(249);
    expect_within(1 + LATE, ". 1:1001(1000) ack 1");
    peer_acks(1001, WND);
    goes_out(1001, 2, MSS);
    give(1);
    expect_nothing(0);
    peer_acks(3001, WND);
    expect(". 3001:4001(1000) ack 1");
    expect(". 4001:4501(500) ack 1");
    goes_out(4501, 1, MSS);
    peer_acks(given, WND);
}

/* After three timeouts of a segment ssthresh is still half of the flight. */
static void wire_backed_off(void)
{
    establish();
    give(10);
    goes_out(1, 10, MSS);
    times_out(250, 1);
    check_window(1000, 5000);
    times_out(500, 1);
    times_out(1000, 1);
    check_window(1000, 5000);
    peer_acks(1001, WND);
    goes_out(1001, 2, MSS);
    times_out(2000, 1001);
    check_window(1000, 4500);
}

/* F-RTO finds that nothing was lost: the window is as before, but an ACK lets out no burst. */
static void wire_spurious(void)
{
    uint32_t end;

    establish();
    give(40);
    end = goes_out(1, 10, MSS);
    times_out(250, 1);
    peer_acks(1001, WND);
    check_window(2000, 5000);
    end = goes_out(end, 2, MSS);
    peer_acks(5001, WND); /* three segments fewer in flight: three out, */
    end = goes_out(end, 3, MSS);
    check_window(10000, HIGH);
    peer_acks(6001, WND); /* then slow start goes on */
    goes_out(end, 2, MSS);
}

/* The same when all ACKs are late, and arrive as one: no more goes out than IW. */
static void wire_no_burst(void)
{
    uint32_t end, in_flight;

    establish();
    give(60);
    end = goes_out(1, 10, MSS);
    in_flight = round_trip(10);
    check_int(in_flight, 20);
    end += 20 * MSS;
    give(10);
    times_out(rto(), 10001);
    peer_acks(11001, WND);
    end = goes_out(end, 2, MSS);
    peer_acks(end, WND);
    goes_out(end, 10, MSS);
    check_window(10000, HIGH);
}

/* F-RTO finds that something was lost: what was in flight is sent again, two segments at first; and
 * if the peer has dropped F-RTO's new ones, these, too. */
static void wire_confirmed(void)
{
    uint32_t end;

    establish();
    give(12);
    end = goes_out(1, 10, MSS);
    times_out(250, 1);
    peer_acks(1001, WND);
    goes_out(end, 2, MSS);
    peer_acks(1001, WND);
    goes_out(1001, 2, MSS);
    check_window(2000, 5000);
    peer_acks(2001, WND);
    goes_out(3001, 2, MSS);
    peer_acks(10001, WND); /* 5 to 10 had arrived */
    goes_out(10001, 2, MSS);
    peer_acks(given, WND);
    expect_nothing(1000);
}

/* The peer's window lets only a part of the first segment go out at the timeout, and then opens:
 * the rest follows. An ACK of it tells nothing of what was sent once: no timeout is found spurious.
 */
static void wire_more_again(void)
{
    struct tcp_stats stats;

    establish();
    our_side_sends(desc, 1, 600);
    expect("P. 1:601(600) ack 1");
    peer_acks(1, 100);
    expect_within(300, ". 1:101(100) ack 1");
    peer_acks(1, WND);
    expect("P. 101:601(500) ack 1");
    our_side_sends(desc, 601, 2000);
    peer_acks(301, WND);
    wire_pending(1);
    peer_acks(601, WND);
    tcp_get_stats(&stats);
    check_int(stats.spurious, 0);
    check_cmp(view(desc).cwnd, <=, 3 * MSS);
}

/*
 * Idle
 */

/* Twenty segments a round trip, then nothing for longer than the RTO: ten. After shorter pauses,
 * all that cwnd has. */
static void wire_idle(void)
{
    establish();
    give(30);
    goes_out(1, 10, MSS);
    check_int(round_trip(10), 20);
    for (int i = 0; i < 2; i++) {
        advance(rto() - 5);
        round_trip(20);
        give(21);
        check_int(wire_pending(1), 21);
        check_int(round_trip(1), 0);
    }
    round_trip(20);
    advance(rto() + 5);
    give(50);
    check_int(wire_pending(1), 10);
    check_window(10000, HIGH);
}

/* A window of zero for a minute, and probes: no loss, but nothing was sent, either. */
static void wire_zero_window(void)
{
    establish();
    give(30);
    goes_out(1, 10, MSS);
    check_int(round_trip(10), 20);
    round_trip(19);
    peer_acks(given, 0);
    check_window(21000, HIGH);
    give(50);
    advance(60000);
    check_cmp(wire_pending(1), >=, 5);
    peer_acks(30001, WND);
    goes_out(30001, 10, MSS);
    check_window(10000, HIGH);
}

/*
 * FIN
 */

/* The peer's window is zero, until the user has given num segments and closed. */
static void given_and_closed(uint32_t num)
{
    bench_start(WIRE_RAW);
    opens(MSS, 0);
    give(num);
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(100);
    peer_acks(1, WND);
}

/* It takes no room of its own: a window that data fills sends the FIN, too. */
static void wire_fin(void)
{
    char line[64];

    given_and_closed(10);
    for (uint32_t seq = 1; seq < 9001; seq += MSS) {
        snprintf(line, sizeof(line), ". %u:%u(1000) ack 1", seq, seq + MSS);
        expect(line);
    }
    expect("FP. 9001:10001(1000) ack 1");
    peer_acks(10002, WND);
    check_state(desc, "FIN_WAIT2");
}

/* Nor after a timeout, when the window has one segment. */
static void wire_fin_again(void)
{
    given_and_closed(1);
    expect("FP. 1:1001(1000) ack 1");
    for (int i = 0; i < 3; i++) {
        expect_within((250 << i) + LATE, "FP. 1:1001(1000) ack 1");
    }
    peer_acks(1002, WND);
    check_state(desc, "FIN_WAIT2");
}

/* A FIN alone waits while the window is full. */
static void wire_fin_alone(void)
{
    establish();
    give(10);
    goes_out(1, 10, MSS);
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(10);
    peer_acks(1001, WND);
    expect("F. 10001:10001(0) ack 1");
    peer_acks(10002, WND);
    check_state(desc, "FIN_WAIT2");
}

BENCH(50,
      {"the initial window is min(10 MSS, max(2 MSS, 14,600))", first_window},
      {"the initial window is one segment after a lost SYN", lost_syn},
      {"slow start adds what an ACK acknowledges, at most two segments", slow_start},
      {"cwnd grows only while it is what limits", only_where_it_limits},
      {"congestion avoidance adds one segment for each cwnd of bytes", avoidance},
      {"a timeout sets cwnd to one segment, and ssthresh only the first time", timeouts},
      {"after a timeout an ACK adds one segment, until slow start ends", two_again},
      {"the room is cwnd less what is in flight", room},
      {"after an idle RTO cwnd is at most the initial window", idle},
      {"a spurious timeout is undone without a burst", undone},
      {"undoing takes nothing away", undone_late},
      {"smaller segments shrink cwnd, and larger ones fit at least once", other_mss},
      {"after a timeout all is sent again, but what is acknowledged meanwhile", all_again},
      {"a timeout of the same segment holds ssthresh", backed_off},
      {"after a timeout that was right, what was sent since is sent again, too", confirmed},
      {"after a spurious timeout nothing more is sent again", not_lost},
      {"an ACK is a duplicate only by RFC 5681's conditions (a) to (e)", strict_definition},
      {"the first flight has ten segments, of whatever size [MUST-19]", wire_first},
      {"the first flight is one segment after a lost SYN-ACK", wire_lost_syn_ack},
      {"the first flight is one segment after a lost SYN, or ten", wire_active},
      {"the first flight shrinks with the MTU", wire_mtu},
      {"an ACK in slow start lets out what has left, and two segments at most [MUST-19]",
       wire_slow_start},
      {"ACKs of parts of a segment let out no more than one of all", wire_divided},
      {"while the peer's window limits, cwnd does not grow", wire_peer_limits},
      {"while the user limits, cwnd does not grow", wire_user_limits},
      {"from ssthresh on a round trip adds one segment [MUST-19]", wire_avoidance},
      {"after a timeout slow start sends again what is not acknowledged [MUST-19]", wire_timeout},
      {"what is sent again ends where SND.NXT is", wire_short},
      {"timeouts of one segment halve ssthresh once", wire_backed_off},
      {"a spurious timeout leaves the window as it was", wire_spurious},
      {"a spurious timeout ends with the initial window at most", wire_no_burst},
      {"a timeout after which more is sent again is not found spurious", wire_more_again},
      {"after a timeout that was right, all that was sent is sent again", wire_confirmed},
      {"after a pause of an RTO ten segments go out at most", wire_idle},
      {"a minute of probes is no loss, but a pause", wire_zero_window},
      {"a FIN goes with the data that fills the window", wire_fin},
      {"a FIN goes with the one segment of a timeout", wire_fin_again},
      {"a FIN alone waits for the window", wire_fin_alone})
