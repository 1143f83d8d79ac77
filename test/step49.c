#include <stdio.h>

#include "bench.h"
#include "commands.h"
#include "conn.h"
#include "platform.h"
#include "tcp.h"
#include "tcp_rtt.h"
#include "util.h"

/* Step 49: the round-trip time and the retransmission timeout. First the formulas, with numbers
 * worked out by hand, in microseconds unless stated otherwise; then the wire, in milliseconds. */

#define US(x) ((uint64_t)(x) * 1000)

static void same(const char *what, uint64_t got, uint64_t want, size_t row)
{
    if (got != want) {
        fail("row %zu: %s is %llu ns, expected %llu", row, what, (unsigned long long)got,
             (unsigned long long)want);
    }
}

/* A sample, and SRTT, RTTVAR and RTO after it */
struct sample {
    uint64_t sample, srtt, var, rto;
};

/* Takes the samples of a table, in nanoseconds if unit is 1, into rtt. */
static void check_samples(struct tcp_rtt *rtt, const struct sample *row, size_t num, uint64_t unit)
{
    for (size_t i = 0; i < num; i++) {
        tcp_rtt_sample(rtt, row[i].sample * unit);
        same("SRTT", rtt->srtt, row[i].srtt * unit, i);
        same("RTTVAR", rtt->var, row[i].var * unit, i);
        same("RTO", tcp_rtt_rto(rtt), row[i].rto * unit, i);
    }
}

/* 6298 2.1 */
static void without_sample(void)
{
    struct tcp_rtt rtt = {0};

    check_int(tcp_rtt_rto(&rtt), MILLISECONDS(1000));
}

/* 2.2, 2.3. RTTVAR takes the old SRTT: with the new one, row 3 would have 230,781. */
static void samples(void)
{
    static const struct sample row[] = {
        {100000, 100000, 50000, 300000},    /* R, R/2, R + max(200, 4 * 50 ms) */
        {100000, 100000, 37500, 300000},    /* 3/4 of 50; 4 * 37.5 is below 200 */
        {180000, 110000, 48125, 310000},    /* (3 * 37.5 + 80) / 4; (7 * 100 + 180) / 8 */
        {1000000, 221250, 258593, 1255625}, /* (3 * 48.125 + 890) / 4; (7 * 110 + 1000) / 8 */
        {21250, 196250, 243945, 1172031},   /* (3 * 258.59375 + 200) / 4; (1548.75 + 21.25) / 8 */
    };
    struct tcp_rtt rtt = {0};

    for (size_t i = 0; i < countof(row); i++) {
        tcp_rtt_sample(&rtt, US(row[i].sample));
        same("SRTT", rtt.srtt, US(row[i].srtt), i);
        same("RTTVAR", rtt.var / 1000 * 1000, US(row[i].var), i); /* whole microseconds */
        same("RTO", tcp_rtt_rto(&rtt) / 1000 * 1000, US(row[i].rto), i);
    }
    same("RTTVAR", rtt.var, 243945312, 4); /* 243,945,312.5 */
}

/* In nanoseconds. Each division rounds down. */
static void rounding(void)
{
    static const struct sample row[] = {
        {7, 7, 3, 200000007}, /* 7 / 2 */
        {0, 6, 4, 200000006}, /* (9 + 7) / 4; 49 / 8 */
        {8, 6, 3, 200000006}, /* (12 + 2) / 4; (42 + 8) / 8 */
        {6, 6, 2, 200000006}, /* 9 / 4; 48 / 8 */
    };
    struct tcp_rtt rtt = {0};

    check_samples(&rtt, row, countof(row), 1);
}

/* A round trip of nothing is a sample, too. */
static void least(void)
{
    static const struct sample row[] = {{0, 0, 0, 200000}, {0, 0, 0, 200000}};
    struct tcp_rtt rtt = {0};

    check_samples(&rtt, row, countof(row), 1000);
}

/* 2.5. 30 s + 4 * 15 s */
static void most(void)
{
    static const struct sample row[] = {{30000000, 30000000, 15000000, 60000000},
                                        {70000000, 35000000, 21250000, 60000000}};
    struct tcp_rtt rtt = {0};

    check_samples(&rtt, row, countof(row), 1000);
    for (int i = 0; i < 100; i++) {
        tcp_rtt_back_off(&rtt);
        check_int(tcp_rtt_rto(&rtt), SECONDS(60));
    }
    check_int(tcp_rtt_base(&rtt), SECONDS(60));
}

/* Timeouts one after another, in milliseconds */
static void check_backs_off(struct tcp_rtt *rtt, const unsigned int *rto, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        same("RTO", tcp_rtt_rto(rtt), MILLISECONDS(rto[i]), i);
        tcp_rtt_back_off(rtt);
    }
}

/* 5.5, and the note on 5.6: a sample collapses the RTO. 100 + max(200, 4 * 37.5) ms */
static void backs_off(void)
{
    static const unsigned int first[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    static const unsigned int later[] = {300,  600,   1200,  2400,  4800, 9600,
                                         19200, 38400, 60000, 60000, 60000};
    struct tcp_rtt rtt = {0};

    check_backs_off(&rtt, first, countof(first));
    tcp_rtt_sample(&rtt, US(100000));
    check_backs_off(&rtt, later, countof(later));
    check_int(tcp_rtt_base(&rtt), MILLISECONDS(300));
    tcp_rtt_sample(&rtt, US(100000));
    check_int(tcp_rtt_rto(&rtt), MILLISECONDS(300));
}

/* 5.7. The SYN was sent three times; its ACK is no sample. */
static void repeated_syn(void)
{
    static const unsigned int rto[] = {3000, 6000, 12000, 24000, 48000, 60000};
    struct tcp_rtt rtt = {0};

    tcp_rtt_sent(&rtt, 0, SECONDS(1));
    for (int i = 0; i < 2; i++) {
        tcp_rtt_back_off(&rtt);
        tcp_rtt_resent(&rtt, 1);
    }
    check_int(tcp_rtt_rto(&rtt), SECONDS(4));
    tcp_rtt_acked(&rtt, 1, SECONDS(5));
    tcp_rtt_established(&rtt);
    check_backs_off(&rtt, rto, countof(rto));
    tcp_rtt_sample(&rtt, US(100000));
    check_int(tcp_rtt_rto(&rtt), MILLISECONDS(300));
}

/* In the second connection the process was stopped between SYN and SYN-ACK. */
static void syn_once(void)
{
    struct tcp_rtt rtt = {0}, other = {0};

    tcp_rtt_sent(&rtt, 0, SECONDS(1));
    tcp_rtt_acked(&rtt, 1, SECONDS(1) + US(400000));
    tcp_rtt_established(&rtt);
    check_int(tcp_rtt_rto(&rtt), MILLISECONDS(1200)); /* 3 R */
    tcp_rtt_sent(&other, 0, SECONDS(1));
    tcp_rtt_cancel(&other);
    tcp_rtt_acked(&other, 1, SECONDS(900));
    tcp_rtt_established(&other);
    check_int(tcp_rtt_rto(&other), MILLISECONDS(1000));
}

/*
 * Karn's algorithm
 */
struct event {
    char what;       /* s: sent; r: sent again; a: acknowledged; c: the process was stopped */
    uint32_t seq;    /* s: the first number; r, a: the number behind */
    unsigned int at; /* milliseconds */
    int sample;      /* milliseconds, -1 for none */
};

/* Each row has the sample that it brings. */
static void check_events_from(uint32_t from, const char *name, const struct event *row, size_t num)
{
    struct tcp_rtt rtt = {0};

    for (size_t i = 0; i < num; i++) {
        rtt.samples = 0; /* so that SRTT is the sample */
        switch (row[i].what) {
        case 's': tcp_rtt_sent(&rtt, from + row[i].seq, MILLISECONDS(row[i].at)); break;
        case 'r': tcp_rtt_resent(&rtt, from + row[i].seq); break;
        case 'a': tcp_rtt_acked(&rtt, from + row[i].seq, MILLISECONDS(row[i].at)); break;
        default: tcp_rtt_cancel(&rtt); break;
        }
        if ((rtt.samples > 0) != (row[i].sample >= 0)) {
            fail("%s, first number %u, row %zu: %s", name, from, i,
                 rtt.samples ? "a sample" : "no sample");
        }
        if (rtt.samples) {
            same("the sample", rtt.srtt, MILLISECONDS(row[i].sample), i);
        }
    }
}

#define check_events(from, table) check_events_from(from, #table, table, countof(table))

/* Segments of 10. One at a time is timed, and the next one is sent after its ACK. An ACK of a part
 * shows that the segment arrived. */
static const struct event one_at_a_time[] = {
    {'s', 0, 1000, -1},  {'s', 10, 1010, -1}, {'s', 20, 1020, -1}, {'a', 0, 1030, -1},
    {'a', 10, 1050, 50}, {'s', 30, 1060, -1}, {'a', 30, 1070, -1}, {'s', 40, 1080, -1},
    {'a', 31, 1130, 70}, {'a', 50, 1150, -1}, {'s', 50, 1200, -1}, {'a', 60, 1230, 30},
};

/* No sample of what was sent again, whichever transmission the ACK answers. */
static const struct event sent_again[] = {
    {'s', 0, 1000, -1},  {'r', 10, 1300, -1}, {'a', 10, 1310, -1},
    {'s', 10, 1320, -1}, {'a', 20, 1380, 60},
};

/* 30 is timed and 20 is sent again: the ACK of both may have waited for 20. So may the ACK of 60,
 * which was sent after 50 was repeated. */
static const struct event behind_a_gap[] = {
    {'s', 0, 1000, -1},  {'a', 10, 1050, 50}, {'s', 10, 1055, -1}, {'a', 20, 1060, 5},
    {'s', 30, 1070, -1}, {'r', 30, 1270, -1}, {'a', 40, 1330, -1}, {'s', 40, 1340, -1},
    {'a', 50, 1350, 10}, {'r', 60, 1360, -1}, {'r', 55, 1370, -1}, {'s', 60, 1380, -1},
    {'a', 55, 1390, -1}, {'a', 70, 1400, -1}, {'s', 70, 1410, -1}, {'a', 80, 1430, 20},
};

/* 20 is timed and 10 is sent again. The ACK of 10 alone comes first: that of 20 did not wait. The
 * same for 40, sent while 30 is missing. */
static const struct event before_a_gap[] = {
    {'s', 20, 1000, -1}, {'r', 20, 1300, -1}, {'a', 20, 1500, -1}, {'a', 30, 1510, 510},
    {'s', 30, 1520, -1}, {'r', 40, 1900, -1}, {'s', 40, 1910, -1}, {'a', 40, 1950, -1},
    {'a', 50, 1970, 60},
};

/* What is sent again lies behind, or takes the timed segment along. */
static const struct event sent_all_again[] = {
    {'s', 10, 1000, -1}, {'r', 10, 1300, -1}, {'r', 20, 1310, -1}, {'s', 20, 1315, -1},
    {'a', 10, 1320, -1}, {'a', 30, 1330, -1}, {'s', 30, 1340, -1}, {'r', 60, 1350, -1},
    {'a', 40, 1360, -1}, {'a', 60, 1370, -1},
};

static const struct event stopped[] = {
    {'s', 0, 1000, -1},  {'c', 0, 9000, -1},  {'a', 10, 9010, -1},  {'s', 10, 9020, -1},
    {'r', 20, 9400, -1}, {'c', 0, 19000, -1}, {'s', 20, 19010, -1}, {'a', 30, 19020, -1},
};

static void times_one(void)
{
    check_events(1000, one_at_a_time);
}

static void no_sample_of_repeated(void)
{
    check_events(1000, sent_again);
}

static void no_sample_of_all_repeated(void)
{
    check_events(1000, sent_all_again);
}

static void no_sample_behind_gap(void)
{
    check_events(1000, behind_a_gap);
}

static void sample_after_gap(void)
{
    check_events(1000, before_a_gap);
}

static void no_sample_of_stop(void)
{
    check_events(1000, stopped);
}

/* 2^32 at each place of the tables */
static void samples_wrap(void)
{
    for (uint32_t from = 1; from < 80; from++) {
        check_events(0 - from, one_at_a_time);
        check_events(0 - from, sent_again);
        check_events(0 - from, sent_all_again);
        check_events(0 - from, behind_a_gap);
        check_events(0 - from, before_a_gap);
    }
}

/*
 * Spurious timeouts
 */

/* RFC 4015 3.1 (11): SRTT = max(SRTT + 2 G, R), RTTVAR = max(RTTVAR, R/2); then as ever. The round
 * trip has grown from 100 to 500 ms. */
static void round_trip_grew(void)
{
    static const struct sample row[] = {{500000, 500000, 250000, 1500000},
                                        {500000, 500000, 187500, 1250000}};
    struct tcp_rtt rtt = {0};

    tcp_rtt_sample(&rtt, US(100000));
    tcp_rtt_back_off(&rtt);
    tcp_rtt_spurious(&rtt);
    check_int(tcp_rtt_rto(&rtt), MILLISECONDS(600)); /* the back-off stays, and outlasts 500 ms */
    check_samples(&rtt, row, countof(row), 1000);
}

/* The delay was a spike, and the next round trip is shorter: the RTO is 2 G longer than before. */
static void spike(void)
{
    static const struct sample row[] = {{60000, 120000, 50000, 320000}};
    struct tcp_rtt rtt = {0};

    tcp_rtt_sample(&rtt, US(100000));
    tcp_rtt_back_off(&rtt);
    tcp_rtt_spurious(&rtt);
    check_samples(&rtt, row, countof(row), 1000);
}

static void spurious_before_sample(void)
{
    static const struct sample row[] = {{100000, 100000, 50000, 300000}};
    struct tcp_rtt rtt = {0};

    tcp_rtt_back_off(&rtt);
    tcp_rtt_spurious(&rtt);
    check_samples(&rtt, row, countof(row), 1000);
}

/* An event, SND.NXT at it, and the answer */
struct move {
    char what;    /* t: timeout; a: ACK of new data; w: the same, nothing to send; d: duplicate */
    uint32_t seq; /* t: end of the first segment; a, w: SEG.ACK */
    uint32_t nxt;
    enum tcp_frto_answer answer;
    uint32_t end; /* of what is retransmitted */
};

#define NOTHING TCP_FRTO_NOTHING, 0
#define SEND_NEW TCP_FRTO_SEND_NEW, 0
#define RESEND_TO(end) TCP_FRTO_RESEND, end
#define SPURIOUS TCP_FRTO_SPURIOUS, 0

static const char *answer_name(enum tcp_frto_answer answer)
{
    static const char *const name[] = {"NOTHING", "SEND_NEW", "RESEND", "SPURIOUS"};

    return name[answer];
}

static enum tcp_frto_answer play(struct tcp_frto *frto, uint32_t from, const struct move *m)
{
    switch (m->what) {
    case 't': tcp_frto_timeout(frto, from + m->seq, from + m->nxt); return TCP_FRTO_NOTHING;
    case 'd': return tcp_frto_duplicate(frto, from + m->nxt);
    default: return tcp_frto_acked(frto, from + m->seq, from + m->nxt, m->what == 'a');
    }
}

static void check_moves_from(uint32_t from, const struct move *row, size_t num)
{
    struct tcp_frto frto = {0};

    for (size_t i = 0; i < num; i++) {
        enum tcp_frto_answer answer = play(&frto, from, &row[i]);

        if (answer != row[i].answer) {
            fail("row %zu, first number %u: %s, expected %s", i, from, answer_name(answer),
                 answer_name(row[i].answer));
        }
        if (answer == TCP_FRTO_RESEND) {
            same("the end", frto.lost - from, row[i].end, i);
        }
    }
}

/* With 2^32 far away, and at each segment. */
#define check_moves(...) \
    do { \
        static const struct move row_[] = { __VA_ARGS__ }; \
        check_moves_from(1000, row_, countof(row_)); \
        for (uint32_t from_ = 5; from_ < 100; from_ += 10) { \
            check_moves_from(0 - from_, row_, countof(row_)); \
        } \
    } while (0)

/* Segments of 10 from 0 on; 50 are in flight. */
static void late(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'a', 10, 50, SEND_NEW}, {'a', 20, 70, SPURIOUS},
                {'a', 30, 80, NOTHING}, {'d', 0, 90, NOTHING}, {'t', 40, 90, NOTHING},
                {'a', 40, 90, SEND_NEW}, {'a', 90, 110, SPURIOUS});
}

/* 2b, 3a: only the first had arrived of two or more. What was sent meanwhile may lie beyond a hole,
 * at a peer that drops it there. */
static void lost_more(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'a', 20, 50, SEND_NEW}, {'d', 0, 70, RESEND_TO(70)},
                {'d', 0, 70, NOTHING}, {'a', 50, 70, RESEND_TO(70)}, {'a', 70, 70, NOTHING},
                {'t', 80, 90, NOTHING}, {'a', 80, 90, SEND_NEW});
}

/* Recovery then lasts until those are acknowledged, too. */
static void lost_new(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'a', 10, 50, SEND_NEW}, {'d', 0, 70, RESEND_TO(70)},
                {'a', 50, 70, RESEND_TO(70)}, {'t', 60, 70, NOTHING}, {'a', 60, 70, RESEND_TO(70)});
}

/* 2a: the ACK covers all */
static void lost_first(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'a', 50, 50, NOTHING}, {'d', 0, 60, NOTHING},
                {'a', 60, 70, NOTHING});
}

/* 2a: a duplicate. Later segments arrive and an earlier one is missing; then it arrives. */
static void duplicate_first(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'d', 0, 60, NOTHING}, {'d', 0, 60, NOTHING},
                {'a', 20, 60, RESEND_TO(50)}, {'a', 40, 60, RESEND_TO(50)}, {'a', 60, 60, NOTHING},
                {'t', 70, 90, NOTHING}, {'a', 70, 90, SEND_NEW});
}

/* 2a: "does not acknowledge all of the data that was retransmitted in step 1" */
static void part_of_first(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'a', 9, 50, RESEND_TO(50)},
                {'a', 20, 50, RESEND_TO(50)}, {'a', 50, 60, NOTHING});
}

/* 2b: nothing new to send, or no window for it */
static void nothing_new(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'w', 10, 50, RESEND_TO(50)}, {'a', 20, 50, RESEND_TO(50)},
                {'a', 50, 50, NOTHING});
}

/* Up to 50 was in flight. What is sent after the timeout shows nothing. */
static void sent_before_first_ack(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'a', 20, 80, SEND_NEW}, {'d', 0, 100, RESEND_TO(100)});
    check_moves({'t', 10, 50, NOTHING}, {'a', 50, 80, NOTHING}, {'a', 60, 80, NOTHING});
    check_moves({'t', 10, 50, NOTHING}, {'d', 0, 80, NOTHING}, {'a', 50, 80, NOTHING});
}

/* Step 1: the same segment times out again, and F-RTO begins anew. */
static void same_segment_again(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'t', 10, 50, NOTHING}, {'t', 10, 60, NOTHING},
                {'a', 10, 60, SEND_NEW}, {'a', 20, 80, SPURIOUS});
}

/* The first copy was longer than the second: then an ACK of a part of it says nothing. */
static void shorter_copy(void)
{
    check_moves({'t', 20, 50, NOTHING}, {'t', 10, 50, NOTHING}, {'a', 10, 50, RESEND_TO(50)},
                {'a', 20, 50, RESEND_TO(50)}, {'a', 50, 50, NOTHING});
}

/* Step 1: in recovery, ACKs of what was retransmitted must not look like late ones. */
static void timeout_in_recovery(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'w', 10, 50, RESEND_TO(50)}, {'t', 20, 50, NOTHING},
                {'a', 20, 50, RESEND_TO(50)}, {'a', 40, 50, RESEND_TO(50)}, {'t', 50, 50, NOTHING},
                {'a', 50, 50, NOTHING}, {'t', 60, 90, NOTHING}, {'a', 60, 90, SEND_NEW});
}

/* Such a timeout extends recovery to what has been sent by then. */
static void recovery_extended(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'w', 10, 50, RESEND_TO(50)}, {'t', 20, 90, NOTHING},
                {'a', 50, 90, RESEND_TO(90)}, {'t', 60, 90, NOTHING}, {'a', 60, 90, RESEND_TO(90)});
}

/* A timeout while the second ACK is awaited: the new data is lost, too. */
static void timeout_in_step_3(void)
{
    check_moves({'t', 10, 50, NOTHING}, {'a', 10, 50, SEND_NEW}, {'t', 20, 70, NOTHING},
                {'a', 20, 70, RESEND_TO(70)}, {'a', 70, 70, NOTHING});
}

/*
 * On the wire. The peer acknowledges when the script says so.
 */
#define LATE 10 /* ms by which a deadline may be missed */

static int desc = -1;

/* The peer's MSS is 100, its window win. The handshake takes a round trip of ms. */
static void connects(long ms, unsigned win)
{
    static struct call opener;
    char line[64];

    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) <mss 100>");
    expect("S. 0:0(0) ack 1");
    advance(ms);
    snprintf(line, sizeof(line), ". 1:1(0) ack 1 win %u", win);
    inject(line);
    desc = opened(&opener);
}

static void establish(long ms, unsigned win)
{
    bench_start(WIRE_RAW);
    connects(ms, win);
}

static void abort_it(void)
{
    check_int(tcp_cmd_abort(desc), 0);
    wire_pending(1);
}

/* Ten bytes go out. */
static void send_ten(uint32_t seq)
{
    char line[64];

    our_side_sends(desc, seq, 10);
    snprintf(line, sizeof(line), "P. %u:%u(10) ack 1", seq, seq + 10);
    expect(line);
}

/* They are acknowledged after this round trip, and not sent again before. */
static void exchange(uint32_t seq, long ms)
{
    send_ten(seq);
    expect_nothing(ms);
    peer_acks(seq + 10, 65535);
}

/* The segment goes out again after ms, hardly later, and nothing else with it. */
static void expect_again(long ms, const char *segment)
{
    check_range(expect_within(ms + LATE, segment), ms, ms + LATE);
    expect_nothing(0);
}

static void check_rtt(unsigned int samples, long srtt, long var, long rto)
{
    struct tcp_view v = view(desc);

    check_int(v.rtt.samples, samples);
    check_int(v.rtt.srtt, MILLISECONDS(srtt));
    check_int(v.rtt.var, MILLISECONDS(var));
    check_int(v.rtt.rto, MILLISECONDS(rto));
}

static void check_counts(int retransmitted, int spurious)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    check_int(stats.retransmitted, retransmitted);
    check_int(stats.spurious, spurious);
}

/* 2.2: R + max(200, 4 R/2) */
static void wire_first_sample(void)
{
    static const long table[][2] = {{0, 200}, {20, 220}, {100, 300}, {200, 600}, {700, 2100}};

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(table); i++) {
        connects(table[i][0], 65535);
        check_rtt(1, table[i][0], table[i][0] / 2, table[i][1]);
        send_ten(1);
        expect_again(table[i][1], "P. 1:11(10) ack 1");
        expect_again(2 * table[i][1], "P. 1:11(10) ack 1");
        abort_it();
    }
}

static ssize_t open_active(struct call *c)
{
    ip_endp_t remote = endp(c->remote);

    return tcp_cmd_open(NULL, &remote, 1);
}

/* The same for our own SYN. In the second connection the SYNs cross: ours goes out again. */
static void wire_first_sample_active(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:0", "192.0.2.1:5000", PEER_ISN);
    for (int crossing = 0; crossing < 2; crossing++) {
        call_start(&opener, open_active, .remote = "192.0.2.1:5000");
        expect("S 0:0(0)");
        advance(60);
        if (crossing) {
            inject("S 0:0(0) win 65535");
            expect("S. 0:0(0) ack 1");
            inject(". 1:1(0) ack 1");
        } else {
            inject("S. 0:0(0) ack 1 win 65535");
            expect(". 1:1(0) ack 1");
        }
        desc = opened(&opener);
        check_int(view(desc).rtt.samples, !crossing);
        send_ten(1);
        expect_again(crossing ? 1000 : 260, "P. 1:11(10) ack 1");
        abort_it();
        connection('A', "192.0.2.2:0", "192.0.2.1:5000", PEER_ISN);
    }
}

/* 2.3: RTTVAR is three quarters of R/2 when the same sample follows. */
static void wire_second_sample(void)
{
    static const long table[][3] = {{80, 30, 280}, {200, 75, 500}, {720, 270, 1800}};

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(table); i++) {
        connects(table[i][0], 65535);
        exchange(1, table[i][0]);
        check_rtt(2, table[i][0], table[i][1], table[i][2]);
        send_ten(11);
        expect_again(table[i][2], "P. 11:21(10) ack 1");
        abort_it();
    }
}

/* A round trip of 250 ms fits into the RTO of 300. From 100 on SRTT and RTTVAR follow it. */
static void wire_converges(void)
{
    uint32_t seq = 1;

    establish(100, 65535);
    for (; seq < 401; seq += 10) {
        exchange(seq, 100);
    }
    check_int(view(desc).rtt.rto, MILLISECONDS(300));
    for (; seq < 1001; seq += 10) {
        exchange(seq, 250);
    }
    check_counts(0, 0);
    check_range(view(desc).rtt.srtt, MILLISECONDS(249), MILLISECONDS(250));
    send_ten(seq);
    expect_again(449, "P. 1001:1011(10) ack 1");
}

/* Each of eight has its own RTO; all send at once. */
static void wire_deadlines(void)
{
    int listener, descs[8];
    uint64_t begin;
    char line[64];

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 8);
    for (int i = 0; i < 8; i++) {
        client((char)('A' + i), PEER_ISN);
        inject("S 0:0(0) win 65535");
        expect("S. 0:0(0) ack 1");
        advance(1 + 12 * i);
        inject(". 1:1(0) ack 1");
        descs[i] = tcp_cmd_accept(listener, NULL);
    }
    for (int i = 7; i >= 0; i--) {
        our_side_sends(descs[i], 1, 10);
    }
    check_int(wire_pending(1), 8);
    begin = now_ms();
    for (int i = 0; i < 8; i++) {
        snprintf(line, sizeof(line), "%c> P. 1:11(10) ack 1", 'A' + i);
        expect_within(500, line);
        check_range(now_ms() - begin, 201 + 12 * i, 201 + 12 * i + LATE);
    }
}

/*
 * Karn's algorithm
 */

/* Two losses, and an ACK of whichever: the RTO stays 4 times 300 ms, until data that was sent once
 * is acknowledged. */
static void wire_karn(void)
{
    establish(100, 65535);
    send_ten(1);
    expect_again(300, "P. 1:11(10) ack 1");
    expect_again(600, "P. 1:11(10) ack 1");
    advance(50);
    peer_acks(11, 65535);
    check_rtt(1, 100, 50, 1200);
    send_ten(11);
    expect_again(1200, "P. 11:21(10) ack 1");
    peer_acks(21, 65535);
    check_rtt(1, 100, 50, 2400);
    exchange(21, 180);
    check_int(view(desc).rtt.samples, 2);
    send_ten(31);
    expect_again(340, "P. 31:41(10) ack 1");
}

/* 5.3: an ACK of a part, sent twice, restarts the timer with the RTO as it is. */
static void wire_karn_part(void)
{
    establish(100, 65535);
    our_side_sends(desc, 1, 200);
    expect(". 1:101(100) ack 1");
    expect("P. 101:201(100) ack 1");
    expect_again(300, ". 1:101(100) ack 1");
    advance(100);
    peer_acks(101, 65535);
    expect("P. 101:201(100) ack 1");
    expect_again(600, "P. 101:201(100) ack 1");
    peer_acks(201, 65535);
    check_rtt(1, 100, 50, 1200);
}

/* 5.7: 3 s and 6 s after a SYN-ACK that was sent twice; an ambiguous ACK changes nothing, a sample
 * does. */
static void wire_repeated_syn(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    expect_again(1000, "S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    desc = opened(&opener);
    send_ten(1);
    expect_again(3000, "P. 1:11(10) ack 1");
    expect_again(6000, "P. 1:11(10) ack 1");
    peer_acks(11, 65535);
    check_int(view(desc).rtt.samples, 0);
    send_ten(11);
    expect_again(12000, "P. 11:21(10) ack 1");
    peer_acks(21, 65535);
    exchange(21, 100);
    check_rtt(1, 100, 50, 300);
}

/* A stop of 1.5 s is shorter than the RTO; the ACK that waits for its end is no sample. With the
 * second stop the timer's tick comes first. */
static void wire_stopped(void)
{
    establish(700, 65535);
    send_ten(1);
    sim_clock_skip(SECONDS(1) + MILLISECONDS(500));
    peer_acks(11, 65535);
    check_rtt(1, 700, 350, 2100);
    send_ten(11);
    sim_clock_skip(SECONDS(1) + MILLISECONDS(500));
    advance(100);
    peer_acks(21, 65535);
    check_rtt(1, 700, 350, 2100);
    exchange(21, 700);
    check_int(view(desc).rtt.samples, 2);
}

/* The ACK may wait in the device: after a stop the timer has as much time left as before, an RTO at
 * most. In the third round the user sends before the stop is noticed. */
static void wire_stopped_in_flight(void)
{
    establish(100, 65535);
    send_ten(1);
    advance(200);
    sim_clock_skip(SECONDS(10));
    expect_nothing(90);
    peer_acks(11, 65535);
    send_ten(11);
    sim_clock_skip(SECONDS(10));
    check_range(expect_within(400 + LATE, "P. 11:21(10) ack 1"), 290, 400 + LATE);
    peer_acks(21, 65535);
    sim_clock_skip(SECONDS(10));
    send_ten(21);
    check_range(expect_within(700, "P. 21:31(10) ack 1"), 290, 700);
}

/* RFC 9293 3.8.6.1: "when the zero window has existed for the retransmission timeout period", which
 * no loss has backed off. */
static void wire_probes(void)
{
    establish(100, 65535);
    send_ten(1);
    expect_again(300, "P. 1:11(10) ack 1");
    expect_again(600, "P. 1:11(10) ack 1");
    peer_acks(1, 0);
    expect_again(300, ". 0:0(0) ack 1");
    expect_again(600, ". 0:0(0) ack 1");
    peer_acks(1, 65535);
    expect_again(1200, "P. 1:11(10) ack 1");
    peer_acks(11, 65535);
    check_int(view(desc).rtt.samples, 1);
}

/* 76 s of losses leave an RTO of a minute. R2 is 100 s, in which this peer gets one retransmission;
 * it gets six, each with its timeout. */
static void wire_r2(void)
{
    establish(100, 65535);
    send_ten(1);
    for (int i = 0; i < 8; i++) {
        expect_again(300 << i, "P. 1:11(10) ack 1");
    }
    peer_acks(11, 65535);
    send_ten(11);
    for (int i = 0; i < 6; i++) {
        expect_again(60000, "P. 11:21(10) ack 1");
    }
    expect_nothing(59990);
    check_state(desc, "ESTABLISHED");
    expect_nothing(10 + LATE);
    check_state(desc, "CLOSED");
}

/*
 * F-RTO: segments of 100, an RTO of 250 ms after a handshake of 50
 */

/* num segments go out, of total bytes; the timer expires, and one of them goes out again, 5.4. */
static void timeout_of(uint32_t num, size_t total)
{
    char line[64];

    our_side_sends(desc, 1, total);
    for (uint32_t i = 0; i < num; i++) {
        snprintf(line, sizeof(line), "%s %u:%u(100) ack 1", total == 100 * (i + 1) ? "P." : ".",
                 100 * i + 1, 100 * i + 101);
        expect(line);
    }
    expect_again(250, ". 1:101(100) ack 1");
}

/* 5.4, 5.5 */
static void wire_one_segment(void)
{
    establish(50, 65535);
    timeout_of(5, 500);
    expect_again(500, ". 1:101(100) ack 1");
    expect_again(1000, ". 1:101(100) ack 1");
    peer_acks(501, 65535);
    expect_nothing(60000);
    check_counts(3, 0);
}

/* The ACKs are late: each brings new data, and nothing goes out again. The first segment sent after
 * the timeout is a sample of 160 ms: SRTT = max(50 + 20, 160), RTTVAR = max(25, 80). */
static void wire_late(void)
{
    establish(50, 300);
    timeout_of(3, 800);
    advance(50);
    peer_acks(101, 300);
    expect(". 301:401(100) ack 1");
    advance(10);
    peer_acks(201, 300);
    expect(". 401:501(100) ack 1");
    peer_acks(301, 300);
    expect(". 501:601(100) ack 1");
    check_counts(1, 1);
    check_rtt(1, 50, 25, 500);
    expect_nothing(150);
    peer_acks(401, 300);
    expect(". 601:701(100) ack 1");
    check_rtt(2, 160, 80, 480);
    advance(160);
    peer_acks(701, 300);
    expect("P. 701:801(100) ack 1");
    expect_again(400, "P. 701:801(100) ack 1");
    check_counts(2, 1);
}

/* The window has room for many: two segments may go out until the second ACK. */
static void wire_two_new(void)
{
    establish(50, 300);
    timeout_of(3, 2000);
    peer_acks(101, 65535);
    expect(". 301:401(100) ack 1");
    expect(". 401:501(100) ack 1");
    expect_nothing(100);
    peer_acks(201, 65535);
    check_cmp(wire_pending(1), >=, 1);
    check_counts(1, 1);
}

/* For ms, each segment that goes out is acknowledged after 500. Returns how many went out again
 * after a sample of that. */
static int slow_path(long ms)
{
    static struct {
        uint64_t at;
        uint32_t ack;
    } acks[1000];
    size_t num = 0, next = 0;
    uint32_t seq, end, nxt = 1;
    uint8_t packet[200];
    int again = 0;

    for (; ms > 0; ms--) {
        for (; next < num && acks[next].at <= now_ms(); next++) {
            peer_acks(acks[next].ack, 300);
        }
        while (wire_pending(0) > 0) {
            end = (uint32_t)take(0, packet, sizeof(packet)) - 40;
            seq = get32(packet + 24) - view(desc).iss;
            end += seq;
            again += seq < nxt && view(desc).rtt.samples > 1;
            nxt = end > nxt ? end : nxt;
            acks[num].at = now_ms() + 500;
            acks[num++].ack = nxt;
        }
        advance(1);
    }
    return again;
}

/* The round trip grows from 50 to 500 ms, and stays so: two timeouts at most, none after a sample.
 */
static void wire_grown(void)
{
    struct tcp_stats stats;

    establish(50, 300);
    our_side_sends(desc, 1, 6000);
    check_int(slow_path(15000), 0);
    tcp_get_stats(&stats);
    check_range(stats.retransmitted, 1, 2);
    check_cmp(stats.spurious, >=, 1);
    check_int(view(desc).snd.una - view(desc).iss, 6001);
}

/* Of five the first is lost, and perhaps more: the second ACK is a duplicate. Two segments go out
 * again for each ACK, as far as they are not acknowledged. A peer that keeps nothing has dropped
 * the new ones, too, and else it would take another timeout for them. */
static void lost(int kept)
{
    establish(50, 500);
    timeout_of(5, 1000);
    peer_acks(101, 700);
    expect(". 501:601(100) ack 1");
    expect(". 601:701(100) ack 1");
    peer_acks(101, 700);
    expect(". 101:201(100) ack 1");
    expect(". 201:301(100) ack 1");
    peer_acks(101, 700);
    expect_nothing(100);
    peer_acks(201, 700);
    expect(". 301:401(100) ack 1");
    expect(". 401:501(100) ack 1");
    expect_nothing(0);
    if (!kept) {
        peer_acks(501, 700);
        expect(". 501:601(100) ack 1");
        expect(". 601:701(100) ack 1");
        wire_pending(1); /* with a congestion window, new data may follow */
    }
    peer_acks(701, 700);
    check_range(wire_pending(1), 1, 3);
    check_int(view(desc).snd.nxt - view(desc).iss, 1001);
    check_counts(kept ? 5 : 7, 0);
    advance(100);
    peer_acks(1001, 700);
    check_int(view(desc).rtt.samples, 2);
}

static void wire_lost(void)
{
    lost(1);
}

static void wire_lost_all(void)
{
    lost(0);
}

/* After a duplicate an ACK covers more than was sent again: what follows goes out from there on. */
static void wire_ahead(void)
{
    establish(50, 500);
    timeout_of(5, 1000);
    peer_acks(1, 500);
    peer_acks(301, 500);
    expect(". 301:401(100) ack 1");
    expect(". 401:501(100) ack 1");
    expect_nothing(0);
}

/* 3a restarts the timer: the repeated segments have the whole RTO, which is 500 ms. */
static void wire_lost_again(void)
{
    establish(50, 500);
    timeout_of(5, 1000);
    peer_acks(101, 700);
    check_int(wire_pending(1), 2);
    advance(400);
    peer_acks(101, 700);
    expect(". 101:201(100) ack 1");
    expect(". 201:301(100) ack 1");
    expect_again(500, ". 101:201(100) ack 1");
    peer_acks(201, 700);
    expect(". 201:301(100) ack 1");
    expect(". 301:401(100) ack 1");
    check_counts(6, 0);
}

/* 2b: there is no new data, or no window for it. */
static void wire_nothing_new(void)
{
    establish(50, 65535);
    for (int full = 0; full < 2; full++) {
        timeout_of(4, full ? 500 : 400);
        peer_acks(101, full ? 300 : 65535);
        expect(". 101:201(100) ack 1");
        expect(". 201:301(100) ack 1");
        expect_nothing(100);
        peer_acks(301, full ? 100 : 65535);
        expect(full ? ". 301:401(100) ack 1" : "P. 301:401(100) ack 1");
        expect_nothing(100);
        check_counts(4 * (full + 1), 0);
        abort_it();
        connects(50, 400);
    }
}

/* The first ACK covers a part of what was sent again: several small segments in one. */
static void wire_part(void)
{
    establish(50, 65535);
    for (uint32_t seq = 1; seq < 31; seq += 10) {
        send_ten(seq);
    }
    expect_again(250, "P. 1:31(30) ack 1");
    peer_acks(11, 65535);
    expect_nothing(490);
    check_counts(1, 0);
    peer_acks(31, 65535);
    expect_nothing(60000);
}

/* The peer's window shrinks between two timeouts, and so does the copy: an ACK of the rest of the
 * first copy is none of data sent once. */
static void wire_shorter_copy(void)
{
    struct tcp_stats stats;

    establish(50, 300);
    timeout_of(3, 800);
    peer_acks(1, 50);
    expect_again(500, ". 1:51(50) ack 1");
    peer_acks(51, 300);
    wire_pending(1);
    peer_acks(101, 300);
    wire_pending(1);
    tcp_get_stats(&stats);
    check_int(stats.spurious, 0);
    abort_it();
}

/* A timeout while what was lost is repeated: the ACKs may be of either transmission. */
static void wire_in_recovery(void)
{
    establish(50, 400);
    timeout_of(4, 2000);
    peer_acks(1, 400); /* a duplicate: something is missing */
    peer_acks(101, 400);
    expect(". 101:201(100) ack 1");
    expect(". 201:301(100) ack 1");
    expect_nothing(0);
    expect_again(500, ". 101:201(100) ack 1");
    peer_acks(201, 400);
    expect(". 201:301(100) ack 1");
    expect(". 301:401(100) ack 1");
    peer_acks(401, 400);
    check_cmp(wire_pending(1), >=, 3);
    peer_acks(701, 400);
    check_cmp(wire_pending(1), >=, 3);
    check_counts(6, 0);
}

/* 2.1: "SHOULD ignore"; what is not a duplicate by RFC 5681 2 says nothing either. */
static void wire_no_duplicates(void)
{
    establish(50, 300);
    timeout_of(3, 2000);
    peer_acks(101, 300);
    expect(". 301:401(100) ack 1");
    peer_acks(101, 250); /* another window */
    peer_acks(1, 300);   /* an old ACK */
    inject("P. 1:11(10) ack 101 win 250"); /* text */
    expect_within(50, ". 351:351(0) ack 11"); /* at the window's edge */
    inject(". 11:11(0) ack 201 win 300");
    expect(". 401:501(100) ack 11");
    check_counts(1, 1);
}

/* Nor are the peer's probes of our window, whose byte is cut off. */
static void wire_no_duplicates_probes(void)
{
    establish(50, 300);
    inject("P. 1:65001(65000) ack 1 win 300");
    inject("P. 65001:65536(535) ack 1 win 300");
    expect_within(50, ". 1:1(0) ack 65536 win 0");
    our_side_sends(desc, 1, 2000);
    check_int(wire_pending(1), 3);
    expect_again(250, ". 1:101(100) ack 65536");
    inject(". 65536:65536(0) ack 101 win 300");
    expect(". 301:401(100) ack 65536");
    inject("P. 65536:65537(1) ack 101 win 300");
    expect(". 401:401(0) ack 65536");
    inject(". 65536:65536(0) ack 201 win 300");
    expect(". 401:501(100) ack 65536");
    check_counts(1, 1);
}

BENCH(49,
      {"without a sample the RTO is a second", without_sample},
      {"samples make SRTT, RTTVAR and RTO by the formulas", samples},
      {"the integers round down", rounding},
      {"the RTO is 200 ms above SRTT at least", least},
      {"the RTO is a minute at most", most},
      {"each timeout doubles the RTO, and a sample ends that", backs_off},
      {"the RTO is 3 s after a retransmitted SYN, until a sample", repeated_syn},
      {"the ACK of a SYN sent once is a sample", syn_once},
      {"one segment at a time is timed", times_one},
      {"a retransmitted segment gives no sample", no_sample_of_repeated},
      {"a segment before the end of what is retransmitted gives none", no_sample_of_all_repeated},
      {"an ACK that also covers what was retransmitted gives none", no_sample_behind_gap},
      {"an ACK after that gives one", sample_after_gap},
      {"a stop of the process gives no sample", no_sample_of_stop},
      {"samples are right where sequence numbers wrap", samples_wrap},
      {"after a spurious timeout the RTO fits the longer round trip", round_trip_grew},
      {"after a delay spike the RTO is a little longer than before", spike},
      {"a spurious timeout before any sample changes no formula", spurious_before_sample},
      {"late ACKs show that a timeout was spurious", late},
      {"a duplicate second ACK shows a loss", lost_more},
      {"after a duplicate second ACK recovery covers the new data, too", lost_new},
      {"an ACK of all shows nothing", lost_first},
      {"a duplicate first ACK ends F-RTO", duplicate_first},
      {"an ACK of a part of the first segment ends F-RTO", part_of_first},
      {"without new data to send there is no F-RTO", nothing_new},
      {"ACKs of data sent after the timeout show nothing", sent_before_first_ack},
      {"a second timeout of the same segment begins F-RTO anew", same_segment_again},
      {"an ACK of a part of the longest copy ends F-RTO", shorter_copy},
      {"a timeout during recovery is not examined", timeout_in_recovery},
      {"a timeout during recovery extends it", recovery_extended},
      {"a timeout that awaits the second ACK ends F-RTO", timeout_in_step_3},
      {"the ACK of the SYN-ACK is the first sample of the RTO [MUST-18]", wire_first_sample},
      {"the SYN-ACK is the first sample, unless our SYN went out twice [MUST-18]",
       wire_first_sample_active},
      {"each later sample changes the RTO [MUST-18]", wire_second_sample},
      {"the RTO follows a longer round trip", wire_converges},
      {"eight connections have their own RTO, each met within 10 ms", wire_deadlines},
      {"after losses the RTO stays doubled until an ACK is unambiguous [MUST-18]", wire_karn},
      {"an ambiguous ACK of a part restarts the timer with the doubled RTO", wire_karn_part},
      {"the RTO is 3 s after a repeated SYN-ACK, until a sample", wire_repeated_syn},
      {"a stop of the process is no part of a round trip", wire_stopped},
      {"a stop of the process is no timeout", wire_stopped_in_flight},
      {"a zero window is probed after an RTO without back-off [SHLD-29]", wire_probes},
      {"with an RTO of a minute R2 lasts for six retransmissions [MUST-20]", wire_r2},
      {"the timer repeats one segment, not the flight", wire_one_segment},
      {"late ACKs bring new data, and nothing goes out again", wire_late},
      {"until the second ACK two new segments go out", wire_two_new},
      {"the RTO fits a round trip that has grown, after two timeouts at most", wire_grown},
      {"after a loss, two segments of what was in flight go out again for an ACK", wire_lost},
      {"a peer that keeps nothing out of order gets the new segments again, too", wire_lost_all},
      {"what an ACK covers beyond the copy is not sent again", wire_ahead},
      {"what a duplicate ACK sends again has the whole RTO", wire_lost_again},
      {"without new data, or a window for it, the rest is sent again", wire_nothing_new},
      {"what the timer has sent again is not sent again by an ACK of a part", wire_part},
      {"an ACK of a longer copy does not make the next timeout spurious", wire_shorter_copy},
      {"a timeout in recovery is not found spurious", wire_in_recovery},
      {"window updates, old ACKs and ACKs with text are no duplicates", wire_no_duplicates},
      {"probes of our window are no duplicates", wire_no_duplicates_probes})
