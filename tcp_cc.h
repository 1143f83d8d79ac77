#ifndef TCP_CC_H
#define TCP_CC_H

#include <stdint.h>

/*
 * tcp_cc: congestion control, which decides how much may be in flight: slow start and congestion
 * avoidance of RFC 5681 3.1, counted in bytes as in RFC 3465. It does not decide that something is
 * lost (tcp_loss.h).
 *
 * Pure: no lock, no clock, no control block. Bytes of data, times in nanoseconds. `flight` is
 * FlightSize, "sent but not yet cumulatively acknowledged", less what has left the network:
 * tcp_loss_flight. Where ssthresh is computed, it is tcp_loss's figure.
 */

#define TCP_IW_SEGMENTS 10           /* RFC 6928 2: at most so many segments at first, */
#define TCP_IW_BYTES 14600           /* and so many bytes unless two segments have more */
#define TCP_SSTHRESH_HIGH UINT32_MAX /* "arbitrarily high", RFC 5681 3.1: no loss yet */
#define TCP_LIMITED_TRANSMIT 2       /* segments that may go out beyond cwnd, RFC 3042 2 */
#define TCP_BURST 4                  /* segments at once, when recovery leaves a gap in flight */

struct tcp_cc {
    uint32_t mss;      /* bytes of data in a full segment: SMSS */
    uint32_t cwnd;     /* the congestion window: bytes that may be in flight */
    uint32_t ssthresh; /* below it slow start, from it on congestion avoidance */
    uint32_t acked;    /* congestion avoidance: bytes acknowledged since cwnd grew */
    int repairing;     /* slow start after a timeout */
    int paced;         /* from an ACK in recovery until cwnd is almost full: bursts are small */
    uint64_t sent;     /* time at which data was last sent; 0: not yet */
    struct {           /* before the last loss, to undo what followed; 0: nothing to undo */
        uint32_t cwnd;
        uint32_t ssthresh;
    } saved;
};

/* Begins with the initial window, RFC 6928 2; or with one segment if SYN or SYN-ACK was sent again,
 * RFC 5681 3.1. The ACK of the SYN does not count for tcp_cc_acked. */
void tcp_cc_start(struct tcp_cc *cc, uint32_t mss, int syn_lost);
/* The segments have another size from now on: if they are smaller, cwnd shrinks likewise, RFC 3390
 * 2. Nothing if it is the same. */
void tcp_cc_set_mss(struct tcp_cc *cc, uint32_t mss);

/*
 * Sending
 */

/* Returns the bytes that may go out while `flight` bytes are in flight. The caller holds back a
 * segment that does not fit in whole, or else cwnd would be sent in crumbs. */
uint32_t tcp_cc_room(const struct tcp_cc *cc, uint32_t flight);
/* The same for limited transmit, RFC 3042: TCP_LIMITED_TRANSMIT segments beyond cwnd. */
uint32_t tcp_cc_room_limited(const struct tcp_cc *cc, uint32_t flight);
/* Returns how many segments may go out at once. */
unsigned int tcp_cc_burst(const struct tcp_cc *cc);
/* So many segments have just gone out, and `flight` bytes are in flight now. Returns after how many
 * nanoseconds the next ones follow, so that cwnd is filled within a round trip of srtt; 0: an ACK
 * lets them out. */
uint64_t tcp_cc_pace(struct tcp_cc *cc, unsigned int sent, uint32_t flight, uint64_t srtt);
/* Before data is sent: if none was for longer than rto (not backed off), no ACKs clock it any
 * more, and cwnd becomes the restart window min(IW, cwnd). RFC 5681 4.1 */
void tcp_cc_restart(struct tcp_cc *cc, uint64_t now, uint64_t rto);
/* Data was sent, for the first time or again. Probes are none. */
void tcp_cc_sent(struct tcp_cc *cc, uint64_t now);

/*
 * Acknowledgments, losses
 */

/* An ACK of `acked` bytes of new data outside recovery: cwnd grows if it is what limits. flight:
 * before the ACK. */
void tcp_cc_acked(struct tcp_cc *cc, uint32_t acked, uint32_t flight);
/* A loss is known by duplicate ACKs: ssthresh is half of flight, and cwnd too. RFC 5681 3.2 step 2.
 * What duplicates add to cwnd there ("inflate"), tcp_loss_flight takes from the flight. */
void tcp_cc_lost(struct tcp_cc *cc, uint32_t flight);
/* An ACK in recovery, or the one that ends it. cwnd stays ssthresh: RFC 6582 3.2 step 3 (2). But if
 * the peer's window was full, nothing has gone out in recovery, and much may now: "the sender is
 * encouraged to take measures to avoid a possible burst of data". It is paced. */
void tcp_cc_recover(struct tcp_cc *cc);
/* The retransmission timer has expired: cwnd is one segment. ssthresh is half of flight; flight 0:
 * the timer has expired for this segment before, and ssthresh is held. RFC 5681 3.1, (4) */
void tcp_cc_timeout(struct tcp_cc *cc, uint32_t flight);
/* The last timeout was spurious: ssthresh is again as before, and cwnd too but for a burst. The ACK
 * that showed it acknowledged `acked` bytes; flight: after it. RFC 4015 3.2 and step 9 */
void tcp_cc_undo(struct tcp_cc *cc, uint32_t flight, uint32_t acked);

#endif
