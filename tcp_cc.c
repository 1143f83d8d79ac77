#include "tcp_cc.h"

#include <limits.h>
#include <stdint.h>

#include "util.h"

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Returns the initial window, RFC 6928 2 (1). */
static uint32_t initial_window(uint32_t mss)
{
    return least(TCP_IW_SEGMENTS * mss, most(2 * mss, TCP_IW_BYTES));
}

void tcp_cc_start(struct tcp_cc *cc, uint32_t mss, int syn_lost)
{
    *cc = (struct tcp_cc){
        .mss = mss,
        .cwnd = syn_lost ? mss : initial_window(mss),
        .ssthresh = TCP_SSTHRESH_HIGH,
    };
}

void tcp_cc_set_mss(struct tcp_cc *cc, uint32_t mss)
{
    if (mss == cc->mss) {
        return;
    }
    if (mss < cc->mss) {
        cc->cwnd = (uint32_t)((uint64_t)cc->cwnd * mss / cc->mss);
    }
    cc->mss = mss;
    cc->cwnd = most(cc->cwnd, mss);
    cc->ssthresh = most(cc->ssthresh, 2 * mss);
    cc->acked = 0;
}

/*
 * Sending
 */

uint32_t tcp_cc_room(const struct tcp_cc *cc, uint32_t flight)
{
    return flight < cc->cwnd ? cc->cwnd - flight : 0;
}

uint32_t tcp_cc_room_limited(const struct tcp_cc *cc, uint32_t flight)
{
    uint32_t limit = cc->cwnd + TCP_LIMITED_TRANSMIT * cc->mss;

    return flight < limit ? limit - flight : 0;
}

unsigned int tcp_cc_burst(const struct tcp_cc *cc)
{
    return cc->paced ? TCP_BURST : UINT_MAX;
}

/* Less than a burst goes with the next ACK. The pace is a quarter faster than cwnd in a round trip:
 * else ACKs would make room as fast as it is filled. */
uint64_t tcp_cc_pace(struct tcp_cc *cc, unsigned int sent, uint32_t flight, uint64_t srtt)
{
    cc->paced = cc->paced && tcp_cc_room(cc, flight) >= TCP_BURST * cc->mss;
    if (!cc->paced || sent < TCP_BURST) {
        return 0; /* cwnd is full; or the user or the peer's window limits */
    }
    return srtt * (TCP_BURST * cc->mss) / cc->cwnd * 4 / 5;
}

void tcp_cc_restart(struct tcp_cc *cc, uint64_t now, uint64_t rto)
{
    if (cc->sent != 0 && now - cc->sent > rto) {
        cc->cwnd = least(cc->cwnd, initial_window(cc->mss));
        cc->acked = 0;
        cc->paced = 0;
    }
}

void tcp_cc_sent(struct tcp_cc *cc, uint64_t now)
{
    cc->sent = now;
}

/*
 * Growth
 */

/* Slow start: min(N, L * SMSS), RFC 3465 2.2. After a timeout, what an ACK acknowledges arrived
 * long ago in part: L is 1 there, 2.3. */
static void grow_exponentially(struct tcp_cc *cc, uint32_t acked)
{
    cc->cwnd += least(acked, (cc->repairing ? 1 : 2) * cc->mss);
}

/* Congestion avoidance: a segment for each cwnd of bytes, RFC 3465 2.1. One ACK, however many bytes
 * it acknowledges, is one round trip at most: "MUST NOT be increased by more than SMSS". */
static void grow_linearly(struct tcp_cc *cc, uint32_t acked)
{
    cc->repairing = 0;
    cc->acked += least(acked, cc->cwnd);
    if (cc->acked >= cc->cwnd) {
        cc->acked -= cc->cwnd;
        cc->cwnd += cc->mss;
    }
}

void tcp_cc_acked(struct tcp_cc *cc, uint32_t acked, uint32_t flight)
{
    if (tcp_cc_room(cc, flight) >= cc->mss) {
        return; /* a segment was still free: the user or the peer's window limits. RFC 2861 3 */
    }
    if (cc->cwnd < cc->ssthresh) {
        grow_exponentially(cc, acked);
    } else {
        grow_linearly(cc, acked);
    }
}

/*
 * Losses
 */

/* Saves cwnd and ssthresh, and sets ssthresh: RFC 5681 3.1 (4). The saved ssthresh leads slow start
 * back to what was in flight, RFC 4015 3.2; but not beyond cwnd. */
static void reduce(struct tcp_cc *cc, uint32_t flight)
{
    cc->saved.cwnd = cc->cwnd;
    cc->saved.ssthresh = most(cc->ssthresh, least(flight, cc->cwnd));
    cc->ssthresh = most(flight / 2, 2 * cc->mss);
}

void tcp_cc_lost(struct tcp_cc *cc, uint32_t flight)
{
    reduce(cc, flight);
    cc->cwnd = cc->ssthresh;
    cc->acked = 0;
    cc->repairing = 0;
}

void tcp_cc_recover(struct tcp_cc *cc)
{
    cc->paced = 1;
}

void tcp_cc_timeout(struct tcp_cc *cc, uint32_t flight)
{
    if (flight > 0) {
        reduce(cc, flight);
    }
    cc->cwnd = cc->mss;
    cc->acked = 0;
    cc->repairing = 1;
    cc->paced = 0;
}

void tcp_cc_undo(struct tcp_cc *cc, uint32_t flight, uint32_t acked)
{
    uint32_t kept = flight + least(acked, initial_window(cc->mss));

    cc->cwnd = most(cc->cwnd, least(cc->saved.cwnd, kept));
    cc->ssthresh = most(cc->ssthresh, cc->saved.ssthresh);
    cc->saved.cwnd = cc->saved.ssthresh = 0;
    cc->repairing = 0;
}
