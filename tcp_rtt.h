#ifndef TCP_RTT_H
#define TCP_RTT_H

#include <stdint.h>

/*
 * tcp_rtt: the round-trip time of a connection, the retransmission timeout that follows from it,
 * and whether a timeout was spurious. RFC 6298, RFC 5682. Pure: no lock, no clock, no block; the
 * caller's lock guards the structures. Sequence numbers in host byte order, times in nanoseconds;
 * `now` is clock_now's. Only what takes sequence numbers counts as sent: SYN, data, FIN.
 *
 * The order of calls
 *   sent        tcp_rtt_sent, for the first transmission alone
 *   timeout     tcp_rtt_back_off; tcp_rtt_resent, tcp_frto_timeout for the first segment
 *   any other retransmission   tcp_rtt_resent
 *   new data acknowledged      tcp_rtt_acked, tcp_frto_acked; tcp_rtt_established if it was the
 *               SYN; tcp_rtt_spurious if that is the answer; then the timer restarts with
 *               tcp_rtt_rto, 5.3, and only then data goes out
 *   duplicate   tcp_frto_duplicate
 */

/* Milliseconds in the constants. The RTO before a sample is TCP_RTO, or TCP_RTO_SLOW: tcp.h. */

/* Smallest variance term, in place of the G of RFC 6298 2.3: RTO = SRTT + max(this, 4 RTTVAR).
 * Departs from 2.4: "if it is less than 1 second, then the RTO SHOULD be rounded up to 1 second".
 * The second is there for coarse clocks, which ours is not, and against spurious timeouts; it costs
 * a short transfer many times its own duration. What remains is as long as the delayed ACK of most
 * peers, 40 to 200 ms, though shorter than the 500 ms that RFC 5681 4.2 allows. A timeout that is
 * spurious all the same is found by F-RTO below, and answered as in RFC 4015. */
#define TCP_RTO_VAR_MIN 200
#define TCP_RTO_MAX 60000 /* RFC 6298 2.5: at least 60 seconds; bounds 5.5, too */
#define TCP_RTT_G 10      /* granularity of the timer, G in RFC 4015 3.1: deadlines are met in it */
#define TCP_FRTO_NEW 2    /* new segments in step 2b of RFC 5682 2.1 */

/*
 * RTT and RTO
 *
 * One segment at a time is timed, from its only transmission to the ACK that covers it: RFC 6298 3
 * asks for one sample in each round trip. Karn's algorithm holds by design: the timing ends when
 * the segment itself is retransmitted, or one behind it. An ACK that also covers what was
 * retransmitted brings no sample: it may have waited for that.
 */

/* All zeros is a new connection. */
struct tcp_rtt {
    uint64_t srtt;        /* SRTT */
    uint64_t var;         /* RTTVAR */
    unsigned int samples; /* their number; 0: srtt and var are not valid yet */
    int slow;             /* the SYN was retransmitted: until a sample the RTO is TCP_RTO_SLOW */
    int spurious;         /* a timeout was spurious, and no sample has followed */
    unsigned int doubled; /* back-off: doublings since the last sample */
    int timed;            /* a segment is timed: */
    uint32_t timed_seq;   /* its first number */
    uint64_t timed_at;    /* when it was sent */
    int resent;           /* something retransmitted is not acknowledged: */
    uint32_t resent_end;  /* what follows it */
};

/* A segment that begins at seq was sent for the first time: it is timed, unless another is. */
void tcp_rtt_sent(struct tcp_rtt *rtt, uint32_t seq, uint64_t now);
/* A segment that ends before `end` was retransmitted. */
void tcp_rtt_resent(struct tcp_rtt *rtt, uint32_t end);
/* An ACK of new data came. */
void tcp_rtt_acked(struct tcp_rtt *rtt, uint32_t ack, uint64_t now);
/* Ends the timing of a segment: the process was stopped meanwhile, which is no delay of the path */
void tcp_rtt_cancel(struct tcp_rtt *rtt);
/* Takes a sample; it ends the back-off. Rules 2.2 and 2.3, in integers: each division rounds down,
 * so SRTT and RTTVAR are less than 8 ns too small. After a spurious timeout by RFC 4015 3.1 (11).
 * Of use alone when timestamps (step 54) bring samples. */
void tcp_rtt_sample(struct tcp_rtt *rtt, uint64_t sample);

/* The SYN was acknowledged, and data may follow. If it had been retransmitted, the RTO is
 * TCP_RTO_SLOW until the first sample, whatever it was backed off to: 5.7 */
void tcp_rtt_established(struct tcp_rtt *rtt);
/* Returns the RTO without back-off: also the first interval of window probes, RFC 9293 3.8.6.1. */
uint64_t tcp_rtt_base(const struct tcp_rtt *rtt);
/* Returns the current RTO, with back-off. */
uint64_t tcp_rtt_rto(const struct tcp_rtt *rtt);
/* The timer has expired: doubles the RTO, up to TCP_RTO_MAX. 5.5 */
void tcp_rtt_back_off(struct tcp_rtt *rtt);
/* The last timeout was spurious: the round trip has become longer. The back-off stays until the
 * next sample: without it the RTO would be too short once more, the next timeout would end the
 * timing, and no sample would ever come. RFC 4015 3.6. A sample of the same ACK is of a late
 * segment, and taken before by 2.3; 3.1 (11) is for the next. */
void tcp_rtt_spurious(struct tcp_rtt *rtt);

/*
 * F-RTO: was a timeout spurious, that is, nothing lost but only late? RFC 5682 2.1, basic version.
 * After the timeout the first segment alone is retransmitted. The first ACK that covers it lets new
 * data go out in place of further retransmissions. If the second ACK covers more, then data has
 * arrived that was sent once, before the timeout. A duplicate ACK shows that something is missing.
 *
 * What is asked of the caller comes back as an answer. An ACK that neither acknowledges new data
 * nor is a duplicate as in RFC 5681 2 is not passed on. Not for the SYN, and not for window probes.
 */
enum tcp_frto_answer {
    TCP_FRTO_NOTHING,  /* goes on as usual */
    TCP_FRTO_SEND_NEW, /* send new data, at most TCP_FRTO_NEW segments, and retransmit nothing */
    TCP_FRTO_RESEND,   /* conventional recovery: this ACK lets retransmissions go out, up to `lost`,
                          as tcp_loss says */
    TCP_FRTO_SPURIOUS, /* retransmit nothing; tcp_rtt_spurious; undo what congestion control did */
};

enum tcp_frto_step {
    TCP_FRTO_OFF,
    TCP_FRTO_FIRST,        /* step 2: waits for the first ACK after the timeout */
    TCP_FRTO_SECOND,       /* step 3: waits for the second */
    TCP_FRTO_CONVENTIONAL, /* gave up: each ACK of new data brings retransmissions, up to `lost` */
};

/* All zeros: no timeout yet. */
struct tcp_frto {
    enum tcp_frto_step step;
    uint32_t resent;  /* end of the segment that the timeout retransmitted; of its longest copy */
    uint32_t lost;    /* end of what had been sent when it expired, or in step 2b in vain */
    int recovering;   /* recovery from a timeout lasts until SND.UNA reaches recover */
    uint32_t recover; /* end of what had been sent at the first ACK, a later timeout, or step 3a */
};

/* The timer has expired, and the first segment, which ends before `resent`, was retransmitted. nxt:
 * SND.NXT. Step 1 */
void tcp_frto_timeout(struct tcp_frto *frto, uint32_t resent, uint32_t nxt);
/* Behind the first segment more is retransmitted, since a window has opened, or was in a recovery
 * before the timeout: if no ACK has come yet, the next ones tell nothing. nxt: SND.NXT */
void tcp_frto_resent(struct tcp_frto *frto, uint32_t nxt);
/* An ACK of new data came. can_send: there is new data, and the window admits it. Steps 2 and 3 */
enum tcp_frto_answer tcp_frto_acked(struct tcp_frto *frto, uint32_t ack, uint32_t nxt,
                                    int can_send);
/* A duplicate ACK came. Steps 2a and 3a. After 2a nothing is due yet, as in any slow start. */
enum tcp_frto_answer tcp_frto_duplicate(struct tcp_frto *frto, uint32_t nxt);

#endif
