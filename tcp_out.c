#include "tcp_out.h"

#include <errno.h>

#include "ip.h"
#include "net.h"
#include "platform.h"
#include "ring.h"
#include "util.h"

/* Guarded by tcp_lock. */
static uint8_t out_text[IP_PAYLOAD_SIZE_MAX - TCP_HDR_SIZE_MIN]; /* text of the segment to send */
static struct rate resets; /* RSTs to unacceptable segments */

/*
 * One segment
 */

/* Returns the bytes of data in a segment that fits the interface's MTU, RFC 9293 3.7.1. */
static uint16_t tcp_iface_mss(const struct ip_iface *iface)
{
    const uint16_t hlen = IP_HDR_SIZE_MIN + TCP_HDR_SIZE_MIN;
    uint16_t mtu = iface ? NET_IFACE(iface)->dev->mtu : 0;

    return mtu > hlen ? mtu - hlen : TCP_MSS;
}

/* Sends a segment; numbers in host byte order. Counts sent or send_failed. Returns len, or -1: as
 * if lost on the wire. */
static ssize_t tcp_output_segment(uint32_t seq, uint32_t ack, uint8_t flg, uint16_t wnd,
                                  const uint8_t *data, size_t len, const ip_endp_t *local,
                                  const ip_endp_t *remote)
{
    struct tcp_segment seg = {
        .seq = seq, .ack = ack, .wnd = wnd, .flg = flg, .data = data, .data_len = len,
    };
    struct tcp_hdr *hdr;
    size_t total;
    char from[IP_ENDP_STR_LEN], to[IP_ENDP_STR_LEN];
    ssize_t ret;

    if (TCP_FLG_ISSET(flg, TCP_FLG_SYN)) { /* the largest segment that local can receive */
        seg.mss = tcp_iface_mss(ip_iface_select(local->addr));
    }
    total = tcp_segment_size(&seg);
    hdr = memory_alloc(total);
    if (!hdr) {
        errno = ENOMEM;
        return drop(stats.send_failed, "memory_alloc() failure");
    }
    tcp_segment_build(&seg, local, remote, hdr);
    debugf("%s => %s, len=%zu", ip_endp_ntop(local, from, sizeof(from)),
           ip_endp_ntop(remote, to, sizeof(to)), len);
    tcp_dump((uint8_t *)hdr, total);
    ret = ip_output(IP_PROTOCOL_TCP, (uint8_t *)hdr, total, local->addr, remote->addr);
    memory_free(hdr);
    if (ret == -1) {
        return drop(stats.send_failed, "ip_output() failure");
    }
    count(stats.sent);
    return (ssize_t)len;
}

/* Returns the sequence number of a bare ACK or RST: SND.NXT, but at most the right edge of a window
 * that has shrunk: the peer drops what lies beyond. */
static uint32_t tcp_ack_seq(const struct tcp_pcb *pcb)
{
    uint32_t edge = pcb->snd.una + pcb->snd.wnd;

    if (tcp_in_handshake(pcb)) {
        return pcb->snd.nxt; /* there is no window yet */
    }
    return seq_lt(edge, pcb->snd.nxt) ? edge : pcb->snd.nxt;
}

/* What is about to be sent carries the acknowledgment and the window: a delayed ACK is not needed
 * any more. */
static void tcp_ack_sent(struct tcp_pcb *pcb)
{
    pcb->rcv.acked = pcb->rcv.nxt;
    pcb->rcv.edge = pcb->rcv.nxt + pcb->rcv.wnd;
    if (pcb->timer.ack) {
        pcb->timer.ack = 0;
        tcp_pcb_schedule(pcb);
    }
}

void tcp_output_at(struct tcp_pcb *pcb, uint32_t seq, uint8_t flg, const uint8_t *data,
                   size_t len)
{
    if (TCP_FLG_ISSET(flg, TCP_FLG_ACK)) {
        tcp_ack_sent(pcb);
    }
    tcp_output_segment(seq, TCP_FLG_ISSET(flg, TCP_FLG_ACK) ? pcb->rcv.nxt : 0, flg,
                       (uint16_t)pcb->rcv.wnd, data, len, &pcb->local, &pcb->remote);
}

/*
 * The retransmission timer
 */

int tcp_is_window_zero(const struct tcp_pcb *pcb)
{
    return !tcp_in_handshake(pcb) && pcb->snd.wnd == 0;
}

/* Returns the time of the retransmission timer: the RTO with its back-off, RFC 6298 5.1, 5.3 and
 * 5.6; or that until the next probe of a zero window. */
static uint64_t tcp_retrans_time(const struct tcp_pcb *pcb)
{
    return tcp_is_window_zero(pcb) ? pcb->retrans.interval : tcp_rtt_rto(&pcb->rtt);
}

static void tcp_retrans_set(struct tcp_pcb *pcb, uint64_t now)
{
    pcb->timer.retrans = now + tcp_retrans_time(pcb);
    tcp_pcb_schedule(pcb);
}

/* Starts the retransmission timer and R2 anew. The first probe comes after one RTO, RFC 9293
 * 3.8.6.1. */
static void tcp_retrans_start(struct tcp_pcb *pcb, uint64_t now)
{
    pcb->retrans.first = now;
    pcb->retrans.num = 0;
    pcb->retrans.interval = tcp_rtt_base(&pcb->rtt);
    tcp_retrans_set(pcb, now);
}

void tcp_extend_probing(struct tcp_pcb *pcb, int was_zero, uint64_t now)
{
    if (pcb->timer.retrans == 0) {
        return;
    }
    if (tcp_is_window_zero(pcb) != was_zero) {
        tcp_retrans_start(pcb, now);
    } else if (was_zero) {
        pcb->retrans.first = now;
        pcb->retrans.num = 0;
        tcp_pcb_schedule(pcb);
    }
}

void tcp_output(struct tcp_pcb *pcb, uint8_t flg, const uint8_t *data, size_t len, uint64_t now)
{
    uint32_t seq = flg == TCP_FLG_ACK && len == 0 ? tcp_ack_seq(pcb) : pcb->snd.nxt;

    if (tcp_seq_len(flg, len) > 0) {
        if (pcb->timer.retrans == 0) {
            tcp_retrans_start(pcb, now);
        }
        tcp_rtt_sent(&pcb->rtt, pcb->snd.nxt, now);
    }
    pcb->snd.nxt += tcp_seq_len(flg, len);
    tcp_output_at(pcb, seq, flg, data, len);
}

/*
 * Resets
 */

/* May a RST answer an unacceptable segment now? The limit is random: otherwise an attacker could
 * subtract its own RSTs from it, and learn how many others were sent. */
static int tcp_may_reset(uint64_t now)
{
    unsigned int max = 0;

    if (rate_is_due(&resets, now)) {
        max = TCP_RESET_LIMIT / 2 + random16() % TCP_RESET_LIMIT;
    }
    return rate_take(&resets, now, SECONDS(1), max, max) == 0;
}

void tcp_output_reset(const struct tcp_segment *seg, const ip_endp_t *local,
                      const ip_endp_t *remote, uint64_t now)
{
    if (!tcp_may_reset(now)) {
        drop(stats.resets_limited, "too many resets in a second");
        return;
    }
    count(stats.resets_sent);
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_ACK)) {
        tcp_output_segment(seg->ack, 0, TCP_FLG_RST, 0, NULL, 0, local, remote);
    } else {
        tcp_output_segment(0, seg->seq + seg->len, TCP_FLG_RST | TCP_FLG_ACK, 0, NULL, 0, local,
                           remote);
    }
}

void tcp_pcb_reset(struct tcp_pcb *pcb)
{
    if (pcb->state != TCP_STATE_CLOSED && pcb->state != TCP_STATE_LISTEN &&
        pcb->state != TCP_STATE_SYN_SENT && pcb->state != TCP_STATE_TIME_WAIT) {
        count(stats.resets_sent);
        tcp_output_segment(tcp_ack_seq(pcb), pcb->rcv.nxt, TCP_FLG_RST | TCP_FLG_ACK, 0, NULL, 0,
                           &pcb->local, &pcb->remote);
    }
    tcp_pcb_release(pcb);
}

/*
 * Challenge ACKs
 */

int tcp_may_challenge(struct tcp_pcb *pcb, int exact, uint64_t now)
{
    if (rate_take(&pcb->challenges[exact], now, SECONDS(1), TCP_CHALLENGE_LIMIT,
                  TCP_CHALLENGE_LIMIT) == -1) {
        count(stats.challenges_held);
        return 0;
    }
    return 1;
}

void tcp_challenge(struct tcp_pcb *pcb, const struct tcp_segment *seg, int exact, uint64_t now)
{
    if (!tcp_may_challenge(pcb, exact, now)) {
        return;
    }
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_SYN)) {
        pcb->timer.rst_expires = now + MILLISECONDS(TCP_CHALLENGE_ANSWER);
    }
    count(stats.challenges_sent);
    tcp_output(pcb, TCP_FLG_ACK, NULL, 0, now);
}

/*
 * Send buffer
 */

/* Returns the sequence number after the send buffer and its FIN. */
static uint32_t tcp_snd_end(const struct tcp_pcb *pcb)
{
    return pcb->snd.una + (uint32_t)pcb->snd.buf.len + (uint32_t)pcb->snd.fin;
}

ssize_t tcp_snd_write(struct tcp_pcb *pcb, const uint8_t *data, size_t len)
{
    size_t room;

    if (ring_alloc(&pcb->snd.buf, TCP_SND_BUF_SIZE) == -1) {
        return -1;
    }
    room = pcb->snd.buf.size - pcb->snd.buf.len;
    len = len < room ? len : room;
    ring_write(&pcb->snd.buf, data, len);
    return (ssize_t)len;
}

/* Returns the most data that a segment may carry now: the interface's MTU may have changed since
 * the SYN. RFC 9293 3.7.1 */
static size_t tcp_send_mss(const struct tcp_pcb *pcb)
{
    uint16_t limit = tcp_iface_mss(ip_route_get_iface_from(pcb->local.addr, pcb->remote.addr));

    return pcb->snd.mss < limit ? pcb->snd.mss : limit;
}

/* A segment of the send buffer to send. */
struct tcp_plan {
    uint32_t seq;
    size_t len; /* bytes of data */
    uint8_t flg;
};

/* Plans the segment at seq, up to edge, with at most mss bytes: PSH with the last byte, FIN after
 * it. Pure. */
static struct tcp_plan tcp_plan_segment(const struct tcp_pcb *pcb, uint32_t seq, uint32_t edge,
                                        size_t mss)
{
    size_t left = pcb->snd.buf.len - (seq - pcb->snd.una), len = left < mss ? left : mss;
    struct tcp_plan plan = {seq, len < edge - seq ? len : edge - seq, TCP_FLG_ACK};

    if (plan.len == 0) {
        plan.flg |= TCP_FLG_FIN;
    } else if (plan.len == left) {
        plan.flg |= TCP_FLG_PSH;
        if (pcb->snd.fin && edge - seq > plan.len) {
            plan.flg |= TCP_FLG_FIN;
        }
    }
    return plan;
}

/* Returns the bytes in flight. */
static uint32_t tcp_flight(const struct tcp_pcb *pcb)
{
    return tcp_loss_flight(&pcb->loss, pcb->snd.una, pcb->snd.nxt);
}

/* Plans the next segment, as far as the peer's window and the room in the congestion window allow:
 * what was lost, then unsent data and FIN. After a timeout that may have been spurious, unsent data
 * alone: RFC 5682 2.1 step 2b. Returns 1, or 0 if there is none. Pure. Left out: Nagle's algorithm
 * (step 52). */
static int tcp_plan_next(const struct tcp_pcb *pcb, size_t mss, uint32_t room,
                         struct tcp_plan *plan)
{
    uint32_t seq = tcp_loss_next(&pcb->loss, pcb->snd.nxt), edge = pcb->snd.una + pcb->snd.wnd;

    if (pcb->frto.step == TCP_FRTO_SECOND) {
        seq = pcb->snd.nxt;
    } else if (seq != pcb->snd.nxt && seq_lt(pcb->loss.recover, edge)) {
        edge = pcb->loss.recover;
    }
    if (room == 0 || !seq_lt(seq, tcp_snd_end(pcb)) || !seq_lt(seq, edge)) {
        return 0;
    }
    *plan = tcp_plan_segment(pcb, seq, edge, mss);
    return plan->len <= room; /* else it waits: smaller ones would use up the window in crumbs */
}

/* Copies the text of a planned segment to out_text. */
static const uint8_t *tcp_copy_text(const struct tcp_pcb *pcb, const struct tcp_plan *plan)
{
    if (plan->len > 0) {
        ring_peek(&pcb->snd.buf, plan->seq - pcb->snd.una, out_text, plan->len);
    }
    return out_text;
}

/* Sends a planned segment, for the first time or again. */
static void tcp_send_planned(struct tcp_pcb *pcb, const struct tcp_plan *plan, uint64_t now)
{
    uint32_t end = plan->seq + tcp_seq_len(plan->flg, plan->len);

    tcp_cc_sent(&pcb->cc, now);
    if (plan->seq == pcb->snd.nxt) {
        tcp_output(pcb, plan->flg, tcp_copy_text(pcb, plan), plan->len, now);
        return;
    }
    count(stats.retransmitted);
    tcp_rtt_resent(&pcb->rtt, end);
    tcp_loss_resent(&pcb->loss, end);
    if (plan->seq != pcb->snd.una) {
        tcp_frto_resent(&pcb->frto, pcb->snd.nxt);
    }
    tcp_output_at(pcb, plan->seq, plan->flg, tcp_copy_text(pcb, plan), plan->len);
}

/* So many segments have gone out: sets the time of the next ones, if they must not follow at once.
 */
static void tcp_pace(struct tcp_pcb *pcb, unsigned int sent, uint64_t now)
{
    uint64_t wait;

    if (pcb->cc.paced) {
        wait = tcp_cc_pace(&pcb->cc, sent, tcp_flight(pcb), pcb->rtt.srtt);
        pcb->timer.pace = wait ? now + wait : 0;
        tcp_pcb_schedule(pcb);
    }
}

int tcp_output_pending(struct tcp_pcb *pcb, uint64_t now)
{
    struct tcp_plan plan;
    unsigned int sent = 0, most;
    size_t mss;

    if (now < pcb->timer.pace ||
        !seq_lt(tcp_loss_next(&pcb->loss, pcb->snd.nxt), tcp_snd_end(pcb))) {
        return 0;
    }
    if (pcb->timer.retrans == 0) {
        tcp_retrans_start(pcb, now); /* also for a zero window: the timer sends the probes */
    }
    mss = tcp_send_mss(pcb);
    tcp_cc_set_mss(&pcb->cc, (uint32_t)mss);
    tcp_cc_restart(&pcb->cc, now, tcp_rtt_base(&pcb->rtt));
    most = tcp_cc_burst(&pcb->cc);
    while (sent < most &&
           tcp_plan_next(pcb, mss, tcp_cc_room(&pcb->cc, tcp_flight(pcb)), &plan)) {
        tcp_send_planned(pcb, &plan, now);
        sent++;
    }
    tcp_pace(pcb, sent, now);
    return sent > 0;
}

/* Limited transmit: sends one new segment, if there is one. RFC 3042 2 */
static void tcp_send_limited(struct tcp_pcb *pcb, uint64_t now)
{
    uint32_t room = tcp_cc_room_limited(&pcb->cc, tcp_flight(pcb));
    struct tcp_plan plan;

    if (tcp_plan_next(pcb, tcp_send_mss(pcb), room, &plan)) {
        tcp_send_planned(pcb, &plan, now);
    }
}

/*
 * Acknowledgments, window updates
 */

int tcp_output_ack(struct tcp_pcb *pcb, enum tcp_ack due, uint64_t now)
{
    if (due == TCP_ACK_NOW) {
        tcp_output(pcb, TCP_FLG_ACK, NULL, 0, now);
    } else if (pcb->rcv.nxt - pcb->rcv.acked >= 2 * pcb->rcv.full) {
        pcb->timer.ack = TCP_AT_BATCH_END;
        tcp_pcb_schedule(pcb);
    } else if (pcb->timer.ack == 0) {
        pcb->timer.ack = now + MILLISECONDS(TCP_ACK_DELAY);
        tcp_pcb_schedule(pcb);
    }
    return pcb->timer.ack == TCP_AT_BATCH_END;
}

/* Returns the smallest useful advance of the window: a full segment, or half the buffer. */
static uint32_t tcp_useful_window(const struct tcp_pcb *pcb)
{
    uint32_t mss = tcp_iface_mss(ip_iface_select(pcb->local.addr));

    return mss < TCP_RCV_BUF_SIZE / 2 ? mss : TCP_RCV_BUF_SIZE / 2;
}

/* Is a window update worth an ACK? Always, if the peer may wait for it: it knows of no room for a
 * full segment. Else once for each burst, when all is read (two full segments are none, which
 * have their ACK); and for a slow reader, when half the buffer has become free. */
static int tcp_is_window_news(const struct tcp_pcb *pcb)
{
    uint32_t useful = tcp_useful_window(pcb), known = pcb->rcv.edge - pcb->rcv.nxt;
    uint32_t news = pcb->rcv.wnd - known;

    if (known < useful) {
        return news > 0;
    }
    return news >= TCP_RCV_BUF_SIZE / 2 || (pcb->rcv.buf.len == 0 && news > 2 * useful);
}

void tcp_open_window(struct tcp_pcb *pcb, uint64_t now)
{
    uint32_t room = TCP_RCV_BUF_SIZE - (uint32_t)pcb->rcv.buf.len;

    if (room - pcb->rcv.wnd >= tcp_useful_window(pcb)) {
        pcb->rcv.wnd = room;
    }
    if (tcp_is_open_to_peer(pcb) && tcp_is_window_news(pcb)) {
        tcp_output(pcb, TCP_FLG_ACK, NULL, 0, now);
    }
}

/*
 * Retransmission
 */

/* Probes a zero window with an old sequence number, which the peer must answer. RFC 9293 3.8.6.1 */
static void tcp_probe_emit(struct tcp_pcb *pcb)
{
    if (pcb->retrans.interval < MILLISECONDS(TCP_R2) / 8) {
        pcb->retrans.interval *= 2; /* but several probes must fit into R2 */
    }
    count(stats.probes_sent);
    tcp_output_at(pcb, pcb->snd.una - 1, TCP_FLG_ACK, NULL, 0);
}

/* RFC 6298 5.4 to 5.6, for a SYN. */
static void tcp_resend_syn(struct tcp_pcb *pcb)
{
    uint8_t ack = pcb->state == TCP_STATE_SYN_RECEIVED ? TCP_FLG_ACK : 0;

    tcp_rtt_resent(&pcb->rtt, pcb->snd.iss + 1);
    count(stats.retransmitted);
    tcp_output_at(pcb, pcb->snd.iss, TCP_FLG_SYN | ack, NULL, 0);
}

/* Retransmits the segment at SND.UNA, up to the edge of a window that has shrunk: RFC 9293 3.8.6.
 */
static void tcp_resend_first(struct tcp_pcb *pcb, uint64_t now)
{
    uint32_t edge = pcb->snd.una + pcb->snd.wnd;
    struct tcp_plan plan;

    if (seq_lt(pcb->snd.nxt, edge)) {
        edge = pcb->snd.nxt;
    }
    if (seq_lt(pcb->snd.una, edge)) {
        plan = tcp_plan_segment(pcb, pcb->snd.una, edge, tcp_send_mss(pcb));
        tcp_send_planned(pcb, &plan, now);
    }
}

/* The timer has expired for data or FIN: all in flight counts as lost, and the first segment alone
 * is retransmitted. RFC 6298 5.4, 5.5, RFC 5681 3.1, RFC 5682 2.1 step 1 */
static void tcp_time_out(struct tcp_pcb *pcb, uint64_t now)
{
    int recovering = pcb->loss.state == TCP_LOSS_RECOVERY;

    tcp_rtt_back_off(&pcb->rtt);
    tcp_cc_timeout(&pcb->cc, tcp_loss_timeout(&pcb->loss, pcb->snd.una, pcb->snd.nxt));
    tcp_resend_first(pcb, now);
    tcp_frto_timeout(&pcb->frto, pcb->loss.resend, pcb->snd.nxt);
    if (recovering) { /* other retransmissions are on their way */
        tcp_frto_resent(&pcb->frto, pcb->snd.nxt);
    }
}

/* The timer has expired: retransmits, or probes a zero window. */
static void tcp_retrans_repeat(struct tcp_pcb *pcb, uint64_t now)
{
    pcb->retrans.last = now;
    if (++pcb->retrans.num == TCP_R1 && !tcp_is_half_open(pcb)) {
        warnf("desc=%d, no answer to %u retransmissions", pcb->desc, pcb->retrans.num);
    }
    if (tcp_is_window_zero(pcb)) {
        tcp_probe_emit(pcb);
    } else if (tcp_in_handshake(pcb)) {
        tcp_rtt_back_off(&pcb->rtt);
        tcp_resend_syn(pcb);
    } else {
        tcp_time_out(pcb, now);
    }
    tcp_retrans_set(pcb, now);
}

/* Retransmits if it is due. After R2 without an acknowledgment the connection times out, with the
 * soft error or ETIMEDOUT; then the block may be gone. RFC 9293 3.8.3, 3.9.2.2 */
static void tcp_retrans_emit(struct tcp_pcb *pcb, uint64_t now)
{
    int errnum = pcb->user.soft_error ? pcb->user.soft_error : ETIMEDOUT;
    uint64_t r2_end = tcp_pcb_r2_end(pcb);

    if (pcb->timer.retrans == 0) {
        return;
    }
    if (r2_end && now >= r2_end) {
        count(stats.timed_out);
        if (pcb->accept.parent && pcb->state == TCP_STATE_SYN_RECEIVED && pcb->accept.ack_seen) {
            tcp_pcb_reset(pcb); /* the peer is in ESTABLISHED */
        } else if (pcb->state == TCP_STATE_SYN_RECEIVED) {
            tcp_pcb_fail_handshake(pcb, errnum);
        } else {
            tcp_pcb_finish(pcb, errnum);
        }
    } else if (now >= pcb->timer.retrans) {
        tcp_retrans_repeat(pcb, now);
    }
}

/*
 * Acknowledgments of what was sent
 */

/* Removes acknowledged data, SYN and FIN from the send buffer. */
static void tcp_snd_drop(struct tcp_pcb *pcb, uint32_t num)
{
    if (num > pcb->snd.buf.len) { /* all data, and the SYN or FIN */
        ring_free(&pcb->snd.buf);
        pcb->snd.fin = 0;
    } else {
        ring_drop(&pcb->snd.buf, num);
    }
}

void tcp_snd_start(struct tcp_pcb *pcb)
{
    int syn_lost = pcb->rtt.slow || pcb->rtt.doubled > 0;

    tcp_loss_start(&pcb->loss, pcb->snd.iss, pcb->snd.wnd);
    tcp_cc_start(&pcb->cc, (uint32_t)tcp_send_mss(pcb), syn_lost);
}

/* What an ACK tells of losses, before SND changes. */
static enum tcp_loss_answer tcp_snd_take(struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    struct tcp_loss_ack ack = {
        .una = pcb->snd.una,
        .nxt = pcb->snd.nxt,
        .ack = seg->ack,
        .wnd = seg->wnd,
        .len = seg->untrimmed,
        .mss = pcb->cc.mss,
    };

    return tcp_loss_take(&pcb->loss, &ack);
}

/* What an ACK of new data tells of the round trip, and of the last timeout. */
static enum tcp_frto_answer tcp_snd_measure(struct tcp_pcb *pcb, int of_syn, uint64_t now)
{
    int can_send = seq_lt(pcb->snd.nxt, tcp_snd_end(pcb)) &&
                   seq_lt(pcb->snd.nxt, pcb->snd.una + pcb->snd.wnd);
    unsigned int samples = pcb->rtt.samples;

    tcp_rtt_acked(&pcb->rtt, pcb->snd.una, now);
    if (pcb->rtt.samples != samples) {
        count(stats.rtt_samples);
    }
    if (of_syn) {
        tcp_rtt_established(&pcb->rtt);
    }
    return tcp_frto_acked(&pcb->frto, pcb->snd.una, pcb->snd.nxt, can_send);
}

/* The last timeout was spurious: RFC 5682 2.1 step 3b, RFC 4015. */
static void tcp_snd_undo(struct tcp_pcb *pcb, uint32_t acked)
{
    count(stats.spurious);
    tcp_rtt_spurious(&pcb->rtt);
    tcp_loss_undo(&pcb->loss);
    tcp_cc_undo(&pcb->cc, tcp_flight(pcb), acked);
}

/* An ACK has come, of so many bytes, with so many in flight before: does what it demands. */
static void tcp_snd_react(struct tcp_pcb *pcb, enum tcp_loss_answer answer, uint32_t acked,
                          uint32_t flight, uint64_t now)
{
    switch (answer) {
    case TCP_LOSS_NEW:
        tcp_cc_acked(&pcb->cc, acked, flight);
        break;
    case TCP_LOSS_MAY_SEND:
        tcp_send_limited(pcb, now);
        break;
    case TCP_LOSS_FOUND:
        tcp_cc_lost(&pcb->cc, pcb->loss.flight);
        tcp_resend_first(pcb, now);
        tcp_retrans_set(pcb, now); /* else it might expire before the ACK can come */
        break;
    case TCP_LOSS_PARTIAL:
        tcp_cc_recover(&pcb->cc);
        tcp_resend_first(pcb, now);
        break;
    case TCP_LOSS_LEFT:
    case TCP_LOSS_OVER:
        tcp_cc_recover(&pcb->cc);
        break;
    default:
        break;
    }
}

void tcp_snd_acked(struct tcp_pcb *pcb, const struct tcp_segment *seg, uint64_t now)
{
    /* Only a SYN is acknowledged without data and FIN. After 2^32 bytes SND.UNA is ISS again. */
    int of_syn = pcb->snd.buf.len == 0 && !pcb->snd.fin;
    uint32_t acked = seg->ack - pcb->snd.una, flight = tcp_flight(pcb);
    enum tcp_loss_answer answer = of_syn ? TCP_LOSS_NOTHING : tcp_snd_take(pcb, seg);
    enum tcp_frto_answer frto;

    tcp_snd_drop(pcb, acked);
    pcb->snd.una = seg->ack;
    pcb->user.soft_error = 0; /* segments reach the peer again */
    frto = tcp_snd_measure(pcb, of_syn, now);
    if (seg->ack == pcb->snd.nxt && seg->ack == tcp_snd_end(pcb)) {
        pcb->timer.retrans = 0;
        tcp_pcb_schedule(pcb);
    } else if (answer != TCP_LOSS_PARTIAL || pcb->loss.partials == 1) {
        tcp_retrans_start(pcb, now); /* by the first partial ACK only: RFC 6582 3.2 step 3 */
    }
    if (frto == TCP_FRTO_SPURIOUS) {
        tcp_snd_undo(pcb, acked);
    } else {
        tcp_snd_react(pcb, answer, acked, flight, now);
    }
}

void tcp_snd_repeated(struct tcp_pcb *pcb, const struct tcp_segment *seg, uint64_t now)
{
    enum tcp_loss_answer answer = tcp_snd_take(pcb, seg);

    if (answer == TCP_LOSS_DUPLICATE &&
        tcp_frto_duplicate(&pcb->frto, pcb->snd.nxt) == TCP_FRTO_RESEND) {
        tcp_loss_confirm(&pcb->loss, pcb->snd.nxt);
        tcp_retrans_set(pcb, now); /* else it might expire before the ACK can come */
    }
    tcp_snd_react(pcb, answer, 0, 0, now);
}

/*
 * Deadlines
 */

void tcp_set_timewait_timer(struct tcp_pcb *pcb, uint64_t now)
{
    pcb->timer.expires = now + MILLISECONDS(2 * TCP_MSL);
    tcp_pcb_schedule(pcb);
}

void tcp_set_close_timer(struct tcp_pcb *pcb, uint64_t now)
{
    uint64_t timeout = MILLISECONDS(pcb->state == TCP_STATE_FIN_WAIT2 ? TCP_FIN_WAIT_2_TIMEOUT
                                                                      : TCP_CLOSE_TIMEOUT);

    pcb->timer.expires = now + timeout;
    pcb->timer.expires_una = pcb->snd.una;
    tcp_pcb_schedule(pcb);
}

void tcp_extend_close_timer(struct tcp_pcb *pcb, uint64_t now)
{
    if (pcb->timer.expires != 0 && pcb->snd.una - pcb->timer.expires_una >= TCP_CLOSE_PROGRESS) {
        tcp_set_close_timer(pcb, now);
    }
}

void tcp_pcb_time_wait(struct tcp_pcb *pcb, uint64_t now)
{
    tcp_set_timewait_timer(pcb, now);
    tcp_pcb_set_state(pcb, TCP_STATE_TIME_WAIT);
}

void tcp_pcb_expire(struct tcp_pcb *pcb)
{
    if (pcb->snd.fin) {
        count(stats.timed_out);
        tcp_pcb_reset(pcb);
    } else {
        tcp_pcb_finish(pcb, 0);
    }
}

void tcp_pcb_timer(struct tcp_pcb *pcb, uint64_t now)
{
    if (pcb->timer.ack != 0 && now >= pcb->timer.ack) {
        tcp_output(pcb, TCP_FLG_ACK, NULL, 0, now);
    }
    if (pcb->timer.expires != 0 && now >= pcb->timer.expires) {
        tcp_pcb_expire(pcb);
        return;
    }
    if (pcb->timer.pace != 0 && now >= pcb->timer.pace) {
        pcb->timer.pace = 0;
        tcp_pcb_schedule(pcb);
        tcp_output_pending(pcb, now);
    }
    tcp_retrans_emit(pcb, now);
}

void tcp_pcb_put_off(struct tcp_pcb *pcb, uint64_t span, uint64_t now)
{
    uint64_t first = pcb->retrans.first + span, retrans = pcb->timer.retrans + span;
    uint64_t latest = now + tcp_retrans_time(pcb);

    pcb->retrans.first = first < now ? first : now; /* the user may have sent since the stop */
    if (pcb->timer.retrans) {
        pcb->timer.retrans = retrans < latest ? retrans : latest; /* the same */
    }
    pcb->timer.expires += pcb->timer.expires ? span : 0;
    tcp_rtt_cancel(&pcb->rtt); /* no delay of the path */
    tcp_pcb_schedule(pcb);
}
