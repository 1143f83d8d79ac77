#include "tcp_rtt.h"

#include "tcp.h"
#include "util.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * Samples
 */

void tcp_rtt_sent(struct tcp_rtt *rtt, uint32_t seq, uint64_t now)
{
    if (!rtt->timed) {
        rtt->timed = 1;
        rtt->timed_seq = seq;
        rtt->timed_at = now;
    }
}

void tcp_rtt_resent(struct tcp_rtt *rtt, uint32_t end)
{
    if (!rtt->resent || seq_lt(rtt->resent_end, end)) {
        rtt->resent_end = end;
    }
    rtt->resent = 1;
    if (rtt->timed && seq_lt(rtt->timed_seq, end)) {
        rtt->timed = 0;
    }
}

void tcp_rtt_acked(struct tcp_rtt *rtt, uint32_t ack, uint64_t now)
{
    int ambiguous = rtt->resent;

    if (rtt->resent && seq_leq(rtt->resent_end, ack)) {
        rtt->resent = 0;
    }
    if (rtt->timed && seq_lt(rtt->timed_seq, ack)) {
        rtt->timed = 0;
        if (!ambiguous) {
            tcp_rtt_sample(rtt, now - rtt->timed_at);
        }
    }
}

void tcp_rtt_cancel(struct tcp_rtt *rtt)
{
    rtt->timed = 0;
}

void tcp_rtt_sample(struct tcp_rtt *rtt, uint64_t sample)
{
    uint64_t error = sample > rtt->srtt ? sample - rtt->srtt : rtt->srtt - sample;

    if (!rtt->samples) { /* 2.2 */
        rtt->srtt = sample;
        rtt->var = sample / 2;
    } else if (rtt->spurious) { /* RFC 4015 3.1 (11), with SRTT_prev of its step (0) */
        rtt->srtt = larger(rtt->srtt + MILLISECONDS(2 * TCP_RTT_G), sample);
        rtt->var = larger(rtt->var, sample / 2);
    } else { /* 2.3: beta = 1/4, alpha = 1/8; RTTVAR first, with the old SRTT */
        rtt->var = (3 * rtt->var + error) / 4;
        rtt->srtt = (7 * rtt->srtt + sample) / 8;
    }
    rtt->samples++;
    rtt->spurious = 0;
    rtt->doubled = 0;
}

/*
 * The timeout
 */

uint64_t tcp_rtt_base(const struct tcp_rtt *rtt)
{
    if (!rtt->samples) {
        return MILLISECONDS(rtt->slow ? TCP_RTO_SLOW : TCP_RTO); /* 2.1, 5.7 */
    }
    return smaller(rtt->srtt + larger(MILLISECONDS(TCP_RTO_VAR_MIN), 4 * rtt->var),
                   MILLISECONDS(TCP_RTO_MAX));
}

uint64_t tcp_rtt_rto(const struct tcp_rtt *rtt)
{
    return smaller(tcp_rtt_base(rtt) << rtt->doubled, MILLISECONDS(TCP_RTO_MAX));
}

void tcp_rtt_back_off(struct tcp_rtt *rtt)
{
    if (tcp_rtt_rto(rtt) < MILLISECONDS(TCP_RTO_MAX)) {
        rtt->doubled++; /* nine times at most, from TCP_RTO_VAR_MIN */
    }
}

void tcp_rtt_established(struct tcp_rtt *rtt)
{
    if (rtt->doubled > 0) { /* so there was no sample */
        rtt->slow = 1;
        rtt->doubled = 0;
    }
}

void tcp_rtt_spurious(struct tcp_rtt *rtt)
{
    rtt->spurious = 1;
}

/*
 * F-RTO
 */

void tcp_frto_timeout(struct tcp_frto *frto, uint32_t resent, uint32_t nxt)
{
    if (frto->step != TCP_FRTO_FIRST || seq_lt(frto->resent, resent)) {
        frto->resent = resent;
    }
    frto->lost = nxt;
    if (frto->recovering) { /* ACKs of earlier retransmissions would deceive it */
        frto->step = TCP_FRTO_CONVENTIONAL;
        frto->recover = nxt;
        return;
    }
    frto->step = TCP_FRTO_FIRST; /* anew, if the first ACK has not come: `recover` is set by it */
}

void tcp_frto_resent(struct tcp_frto *frto, uint32_t nxt)
{
    if (frto->step == TCP_FRTO_FIRST) {
        tcp_frto_duplicate(frto, nxt);
    }
}

/* Step 2 for an ACK of new data */
static enum tcp_frto_answer tcp_frto_first(struct tcp_frto *frto, uint32_t ack, uint32_t nxt,
                                           int can_send)
{
    if (seq_leq(frto->lost, ack)) { /* 2a: perhaps that one was lost, and all others had arrived */
        frto->step = TCP_FRTO_OFF;
        return TCP_FRTO_NOTHING;
    }
    frto->recovering = 1;
    frto->recover = nxt;
    if (seq_lt(ack, frto->resent) || !can_send) {
        frto->step = TCP_FRTO_CONVENTIONAL;
        return TCP_FRTO_RESEND;
    }
    frto->step = TCP_FRTO_SECOND;
    return TCP_FRTO_SEND_NEW;
}

enum tcp_frto_answer tcp_frto_acked(struct tcp_frto *frto, uint32_t ack, uint32_t nxt,
                                    int can_send)
{
    if (frto->step == TCP_FRTO_FIRST) {
        return tcp_frto_first(frto, ack, nxt, can_send);
    }
    if (frto->step == TCP_FRTO_SECOND) { /* 3b */
        frto->step = TCP_FRTO_OFF;
        frto->recovering = 0;
        return TCP_FRTO_SPURIOUS;
    }
    frto->recovering = frto->recovering && seq_lt(ack, frto->recover);
    if (frto->step == TCP_FRTO_CONVENTIONAL && seq_lt(ack, frto->lost)) {
        return TCP_FRTO_RESEND;
    }
    frto->step = TCP_FRTO_OFF;
    return TCP_FRTO_NOTHING;
}

enum tcp_frto_answer tcp_frto_duplicate(struct tcp_frto *frto, uint32_t nxt)
{
    if (frto->step == TCP_FRTO_FIRST) { /* 2a: the first segment is on its way again already */
        frto->step = TCP_FRTO_CONVENTIONAL;
        frto->recovering = 1;
        frto->recover = nxt;
    } else if (frto->step == TCP_FRTO_SECOND) { /* 3a */
        frto->step = TCP_FRTO_CONVENTIONAL;
        frto->lost = frto->recover = nxt; /* a peer without a queue has dropped the new data */
        return TCP_FRTO_RESEND;
    }
    return TCP_FRTO_NOTHING;
}
