#ifndef RENO_H
#define RENO_H

/*
 * Congestion control and round-trip time of the judge's own TCP: NewReno by RFC 5681, 6582 and 3042
 * and the timer of RFC 6298. It knows its numbers and nothing of segments. Sequence numbers do not
 * wrap, times are in nanoseconds.
 */

#include <stdint.h>

struct reno {
    uint32_t mss;
    uint32_t cwnd, ssthresh;
    uint32_t part;    /* bytes acknowledged since cwnd grew, in congestion avoidance */
    uint32_t dups;
    uint32_t before;  /* flight at the first of them */
    uint32_t recover; /* SND.NXT at the last loss */
    int recovering;
    int once;         /* slow start after a timeout: by one segment for an ACK */
    int again;        /* the timeout has come again for the same segment */
    /* time */
    uint64_t srtt, rttvar, rto;
    uint32_t timed;   /* the ACK of this number ends the measurement; 0: none */
    uint64_t timed_at;
};

void reno_start(struct reno *r, uint32_t mss);
/* The SYN was lost. */
void reno_lost_syn(struct reno *r);
/* Returns how much may be in flight. */
uint32_t reno_window(const struct reno *r);
/* A segment up to end is sent, for the first time or again. */
void reno_sends(struct reno *r, uint64_t now, uint32_t end, int again);
/* An ACK of new data: una was SND.UNA, nxt is SND.NXT. Returns whether SND.UNA is sent again. */
int reno_acked(struct reno *r, uint64_t now, uint32_t una, uint32_t ack, uint32_t nxt);
/* A duplicate ACK; end is the largest SND.NXT so far. The same. */
int reno_duplicate(struct reno *r, uint32_t una, uint32_t end);
void reno_timeout(struct reno *r, uint32_t una, uint32_t end);
/* The same for a probe of a zero window, which is no loss. */
void reno_back_off(struct reno *r);
/* Nothing was in flight for longer than the RTO. */
void reno_idle(struct reno *r);

#endif
