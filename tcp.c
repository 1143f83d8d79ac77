#include "tcp.h"

#include <assert.h>
#include <errno.h>

#include "ip.h"
#include "net.h"
#include "platform.h"
#include "ring.h"
#include "tcp_hdr.h"
#include "tcp_out.h"
#include "tcp_pcb.h"
#include "util.h"

/*
 * tcp: the Transmission Control Protocol, RFC 9293. Carries bytes between two endpoints, complete
 * and in order, or tells the user why it cannot.
 *
 * Data
 *   struct tcp_pcb      the transmission control block (TCB) of a connection or a listener. A
 *                       table owns it (tcp_pcb.c); its number there is the user's descriptor. It
 *                       exists while a descriptor refers to it (user.owned); also before accept,
 *                       and after CLOSE until the connection has ended.
 *   snd.buf             the user's bytes from SND.UNA on, each until it is acknowledged
 *   rcv.buf             received bytes in order, each until the user has read it; behind them, each
 *                       at its place, those beyond a hole, of which rcv.reass knows the ranges
 *   struct tcp_segment  a received segment in host byte order; its text is borrowed from IP
 *
 * Files. Each calls only those above it in this list; tcp_cmd.c and tcp.c do not call each other
 *   ring.c, heap.c      the ring of bytes; the order of deadlines
 *   tcp_rtt.c           the round trip, the timeout that follows from it, F-RTO
 *   tcp_cc.c            how much may be in flight
 *   tcp_loss.c          what is lost, and how much is in flight
 *   tcp_hdr.c           a segment as bytes
 *   tcp_reass.c         which text is held beyond RCV.NXT
 *   tcp_pcb.c           the control blocks, their table and lock; listeners, endpoints, ISS
 *   tcp_out.c           what goes out, and when: segments, retransmission, deadlines
 *   tcp_cmd.c           what users ask for
 *   tcp.c               what comes in: segments, ticks of the clock, ICMP errors
 *
 * Typical calls
 *   active   tcp_cmd_socket, tcp_cmd_connect, tcp_cmd_send, tcp_cmd_receive, tcp_cmd_close
 *   passive  tcp_cmd_socket, tcp_cmd_bind, tcp_cmd_listen, tcp_cmd_accept, then as above
 *   either   tcp_cmd_open, the RFC's OPEN, in place of the calls before tcp_cmd_send
 *
 * Map by section of RFC 9293
 *   3.1      header           tcp_check_hdr, tcp_segment_parse, tcp_segment_build, tcp_dump
 *   3.3      control blocks   tcp_pcb_alloc, tcp_pcb_select, tcp_pcb_set_state, tcp_pcb_release
 *   3.4      sequence numbers seq_lt, seq_leq, seq_between (tcp.h), tcp_seq_len, tcp_choose_iss
 *   3.7.1    MSS              tcp_iface_mss, tcp_send_mss, tcp_pcb_take_syn
 *   3.8.1    timeout          tcp_snd_acked, tcp_snd_measure; tcp_rtt.c: tcp_rtt_*, tcp_frto_*
 *   3.8.1-3  retransmission   tcp_retrans_start, tcp_retrans_emit, tcp_retrans_repeat,
 *                             tcp_time_out
 *   3.8.2    congestion       tcp_output_pending, tcp_snd_acked, tcp_snd_react, tcp_time_out;
 *                             tcp_cc.c: tcp_cc_*, tcp_loss.c: tcp_loss_*
 *   3.8.6    windows          tcp_take_window, tcp_open_window, tcp_probe_emit
 *   3.8.6.3  delayed ACKs     tcp_output_ack, tcp_batch_end
 *   3.9.2.2  ICMP errors      tcp_icmp_error
 *   3.10.1-6 user commands    tcp_cmd.c: tcp_cmd_*; STATUS is tcp_get_view
 *   3.10.7   SEGMENT ARRIVES  tcp_segment_arrives: tcp_closed, tcp_listen, tcp_syn_sent,
 *                             tcp_otherwise
 *   3.10.7.4 text held        tcp_hold_text, tcp_take_text, tcp_hold_fin
 *   3.10.8   timeouts         tcp_timer
 *
 * Verbs that end a connection or its block
 *   tcp_pcb_close           CLOSE: a FIN follows the data, then tcp_pcb_leave; resets if received
 *                           data is unread; resets a listener's children
 *   tcp_pcb_abort           ABORT: resets; a listener with its children
 *   tcp_pcb_leave           no user owns the block any more: it gets a deadline
 *   tcp_pcb_reset           sends a RST if the peer may have the connection open, and releases
 *   tcp_pcb_fail_handshake  returns to LISTEN after a user's passive OPEN, or else finishes
 *   tcp_pcb_finish          enters CLOSED, with an errno for the user; releases without a user
 *   tcp_pcb_expire          the deadline: resets if our FIN is unacknowledged, or else finishes
 *   tcp_pcb_evict           releases the oldest half-open block for a new one
 *   tcp_pcb_recycle         table full: releases the lingering block with the nearest deadline, or
 *                           else evicts
 *   tcp_pcb_release         the last of all: frees the block; sleepers get EBADF
 *
 * Timers, of which tcp_timer serves those that are due; tcp_pcb_schedule keeps their order
 *   retransmission  timer.retrans  set by tcp_retrans_start: SYN, data or FIN to send while it is
 *   or probe                       stopped, an ACK of a part, a window that becomes zero or opens;
 *                                  and by tcp_retrans_set alone, which leaves R2: expiry, a
 *                                  duplicate ACK that lets something go out again; cleared when
 *                                  all is acknowledged, and by tcp_pcb_flush
 *   delayed ACK     timer.ack      set by tcp_output_ack; cleared by all that is sent
 *   pace            timer.pace     set by tcp_output_pending: a burst, and more may follow; cleared
 *                                  by the next burst, and by tcp_pcb_flush
 *   R2              retrans.first  its start, set likewise, and by each ACK with a zero window; at
 *                                  tcp_pcb_r2_end the connection times out
 *   CLOSE           timer.expires  set by tcp_set_close_timer: the user leaves, progress,
 *                                  FIN-WAIT-2; cleared by tcp_pcb_finish
 *   TIME-WAIT       timer.expires  set by tcp_set_timewait_timer: entry, the peer's FIN again;
 *                                  cleared by tcp_pcb_finish
 *   A stop of the process puts off R2, expires and retrans (tcp_pcb_put_off). The next segment
 *   notices it (tcp_notice_stop), or tcp_timer, called every TCP_TIMER_INTERVAL besides.
 *   Each segment, tick and command reads the clock once, with the lock held, and hands on `now`.
 *
 * Lock. `tcp_lock` guards the table and its blocks. Order: sock, tcp, ip, arp. A command that
 * sleeps releases it, and then checks the state again; after EBADF the block is gone.
 *
 * Limits
 *   TCP_PCB_SIZE             blocks; then tcp_pcb_recycle, or EMFILE and dropped SYNs
 *   backlog                  of a listener; then SYNs and the handshakes' ACKs are dropped; the
 *                            peers retransmit
 *   TCP_HALF_OPEN_MAX        SYN-RECEIVED blocks of a listener; then tcp_pcb_evict, or dropped SYNs
 *   TCP_SND_BUF_SIZE         unacknowledged bytes; then send sleeps
 *   TCP_RCV_BUF_SIZE         unread bytes; then the window is zero
 *   TCP_REASS_MAX            ranges of text beyond RCV.NXT; then the farthest is lost
 *   TCP_REASS_POOL           the same of all connections; then the one with the most loses one
 *   TCP_RESET_LIMIT          RSTs a second to unacceptable segments; then no answer
 *   TCP_CHALLENGE_LIMIT      challenge ACKs a second; then no answer
 */

static uint64_t last_tick; /* time of the last tcp_timer, by clock_now; guarded by tcp_lock */
static int batch_acks; /* ACKs wait for the end of a batch; interrupt thread only */

/*
 * SEGMENT ARRIVES, RFC 9293 3.10.7, in its words and order. Each check returns 0 to continue, or -1
 * when the segment is done (and the block may be gone). The caller must hold the lock.
 */

/* Takes IRS and the MSS from a SYN: TCP_MSS without the option, TCP_MSS_MIN if it is less. RFC 9293
 * 3.7.1 */
static void tcp_pcb_take_syn(struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    pcb->rcv.irs = seg->seq;
    pcb->rcv.nxt = seg->seq + 1;
    pcb->rcv.wnd = TCP_RCV_BUF_SIZE;
    pcb->rcv.full = 0;
    pcb->snd.mss = seg->mss == 0 ? TCP_MSS : seg->mss < TCP_MSS_MIN ? TCP_MSS_MIN : seg->mss;
}

/* Updates the send window. */
static void tcp_take_window(struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    pcb->snd.wnd = seg->wnd;
    pcb->snd.wl1 = seg->seq;
    pcb->snd.wl2 = seg->ack;
    if (pcb->snd.wnd > pcb->snd.wnd_max) {
        pcb->snd.wnd_max = pcb->snd.wnd;
    }
}

/* Enters ESTABLISHED. A listener's connection takes its place in the order of accept, and wakes one
 * accept. Returns 0, or -1 without memory: then seg is dropped. */
static int tcp_establish(struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    if (ring_alloc(&pcb->rcv.buf, TCP_RCV_BUF_SIZE) == -1) {
        /* as if lost: the peer sends it again when the SYN-ACK is retransmitted */
        return drop(stats.no_memory, "desc=%d, no memory for a buffer", pcb->desc);
    }
    tcp_take_window(pcb, seg);
    tcp_snd_start(pcb);
    tcp_pcb_set_state(pcb, TCP_STATE_ESTABLISHED);
    tcp_pcb_await_accept(pcb);
    return 0;
}

/* 3.10.7.1 "If the state is CLOSED": "An incoming segment not containing a RST causes a RST to be
 * sent in response." */
static void tcp_closed(const struct tcp_segment *seg, const ip_endp_t *local,
                       const ip_endp_t *remote, uint64_t now)
{
    char from[IP_ENDP_STR_LEN];

    drop(stats.no_connection, "no connection, from %s", ip_endp_ntop(remote, from, sizeof(from)));
    if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_RST)) {
        tcp_output_reset(seg, local, remote, now);
    }
}

/* 3.10.7.2, third, a SYN: returns the block for the connection, or NULL if there is none. */
static struct tcp_pcb *tcp_listen_syn(struct tcp_pcb *listener, uint64_t now)
{
    return listener->listen.backlog > 0 ? tcp_pcb_alloc_child(listener, now) : listener;
}

/* 3.10.7.2 "If the state is LISTEN". iss: the ISS of a new connection. `passive` notes that the
 * block was opened passively: when the handshake fails, a user's OPEN returns to LISTEN. */
static void tcp_listen(struct tcp_pcb *pcb, const struct tcp_segment *seg, const ip_endp_t *local,
                       const ip_endp_t *remote, uint32_t iss, uint64_t now)
{
    /* "First, check for a RST": "An incoming RST should be ignored." */
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_RST)) {
        drop(stats.bad_flags, "desc=%d, RST in LISTEN", pcb->desc);
        return;
    }
    /* "Second, check for an ACK": "Any acknowledgment is bad"; it gets a RST */
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_ACK)) {
        drop(stats.bad_ack, "desc=%d, ACK in LISTEN", pcb->desc);
        tcp_output_reset(seg, local, remote, now);
        return;
    }
    /* "Third, check for a SYN"; its text is not kept: the peer retransmits it */
    if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_SYN) || TCP_FLG_ISSET(seg->flg, TCP_FLG_FIN)) {
        /* "Fourth, other data or control"; a SYN with FIN too */
        drop(stats.bad_flags, "desc=%d, no SYN, or SYN with FIN", pcb->desc);
        return;
    }
    pcb = tcp_listen_syn(pcb, now);
    if (!pcb) {
        return;
    }
    pcb->local = *local;
    pcb->remote = *remote;
    pcb->passive = 1;
    tcp_pcb_take_syn(pcb, seg);
    tcp_pcb_set_iss(pcb, iss);
    tcp_pcb_set_state(pcb, TCP_STATE_SYN_RECEIVED);
    tcp_output(pcb, TCP_FLG_SYN | TCP_FLG_ACK, NULL, 0, now);
}

/* Cuts off a SYN that has been taken: the rest of the segment begins behind it. */
static void tcp_cut_syn(struct tcp_segment *seg)
{
    seg->flg &= (uint8_t)~TCP_FLG_SYN;
    seg->seq++;
    seg->len--;
}

/* Puts the new parts of the text into the receive buffer, each at its place. What came first
 * stays. */
static void tcp_hold_text(struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    struct tcp_range text = {seg->seq, seg->seq + (uint32_t)seg->data_len}, part;
    int ret;

    while ((ret = tcp_reass_insert(&pcb->rcv.reass, pcb->rcv.nxt, &text, &part)) == 1) {
        if (!pcb->rcv.discard) {
            ring_write_at(&pcb->rcv.buf, part.start - pcb->rcv.nxt,
                          seg->data + (part.start - seg->seq), part.end - part.start);
        }
    }
    if (ret == -1) {
        drop(stats.no_range, "desc=%d, no range for seq=%u", pcb->desc, part.start);
    }
}

/* Advances RCV.NXT over text without a hole, and hands it to the user. */
static void tcp_take_text(struct tcp_pcb *pcb)
{
    uint32_t len = tcp_reass_contiguous(&pcb->rcv.reass);

    pcb->rcv.nxt += len;
    if (len > 0 && pcb->rcv.discard) {
        count(stats.closed_by_user); /* acknowledged, discarded; the window stays */
    } else if (len > 0) {
        ring_extend(&pcb->rcv.buf, len);
        pcb->rcv.wnd -= len;
        sched_task_wakeup(&pcb->user.task);
    }
}

/* 3.10.7.3, fourth: "queue them for processing after the ESTABLISHED state has been reached". A FIN
 * is not kept: the peer retransmits it. */
static void tcp_keep_text(struct tcp_pcb *pcb, struct tcp_segment *seg)
{
    tcp_cut_syn(seg);
    if (seg->data_len > 0 && ring_alloc(&pcb->rcv.buf, TCP_RCV_BUF_SIZE) == 0) {
        tcp_hold_text(pcb, seg);
    }
}

/* Takes the text of tcp_keep_text, in ESTABLISHED. A seg that repeats this text is out of order
 * now. */
static void tcp_take_early_text(struct tcp_pcb *pcb, struct tcp_segment *seg)
{
    uint32_t nxt = pcb->rcv.nxt;

    tcp_take_text(pcb);
    if (pcb->rcv.nxt != nxt) {
        seg->ack_due = TCP_ACK_NOW;
    }
}

/* 3.10.7.3 "If the state is SYN-SENT". A RST without ACK is dropped: bad_flags. A SYN without ACK
 * has crossed ours, which is in the queue already: the SYN-ACK goes out at ISS in its place. After
 * a SYN-ACK: "If there are other controls or text in the segment, then continue processing at the
 * sixth step". */
static int tcp_syn_sent(struct tcp_pcb *pcb, struct tcp_segment *seg, uint64_t now)
{
    int acceptable = 0;

    /* "First, check the ACK bit": only ISS < SEG.ACK =< SND.NXT is acceptable */
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_ACK)) {
        if (!seq_lt(pcb->snd.iss, seg->ack) || !seq_leq(seg->ack, pcb->snd.nxt)) {
            drop(stats.bad_ack, "desc=%d, our SYN not acknowledged, ack=%u", pcb->desc, seg->ack);
            if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_RST)) {
                tcp_output_reset(seg, &pcb->local, &pcb->remote, now);
            }
            return -1;
        }
        acceptable = 1;
    }
    /* "Second, check the RST bit" */
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_RST)) {
        if (!acceptable) {
            return drop(stats.bad_flags, "desc=%d, RST without ACK", pcb->desc);
        }
        count(stats.resets_received);
        tcp_pcb_finish(pcb, ECONNREFUSED);
        return -1;
    }
    /* "Third, check the security": left out. "Fourth, check the SYN bit" */
    if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_SYN)) {
        /* "Fifth, if neither of the SYN or RST bits" */
        return drop(stats.bad_flags, "desc=%d, no SYN", pcb->desc);
    }
    tcp_pcb_take_syn(pcb, seg);
    if (!acceptable) { /* the SYNs crossed: "enter SYN-RECEIVED, form a SYN,ACK segment" */
        tcp_pcb_set_state(pcb, TCP_STATE_SYN_RECEIVED);
        tcp_rtt_resent(&pcb->rtt, pcb->snd.iss + 1);
        tcp_output_at(pcb, pcb->snd.iss, TCP_FLG_SYN | TCP_FLG_ACK, NULL, 0);
        tcp_keep_text(pcb, seg);
        return -1;
    }
    tcp_snd_acked(pcb, seg, now);
    if (tcp_establish(pcb, seg) == -1) {
        return -1;
    }
    tcp_cut_syn(seg);
    seg->ack_due = TCP_ACK_NOW;
    return 0;
}

/* 3.10.7.4, Table 6: does any part of the segment lie in the receive window? */
static int tcp_is_acceptable(const struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    uint32_t end = pcb->rcv.nxt + pcb->rcv.wnd;

    if (pcb->rcv.wnd == 0) {
        return seg->len == 0 && seg->seq == pcb->rcv.nxt;
    }
    if (seg->len == 0) {
        return seq_between(pcb->rcv.nxt, seg->seq, end);
    }
    /* Table 6 tests SEG.SEQ+SEG.LEN-1, not RCV.NXT: it refuses a segment that begins before a small
     * window and ends behind it */
    return seq_between(pcb->rcv.nxt, seg->seq, end) ||
           seq_between(seg->seq, pcb->rcv.nxt, seg->seq + seg->len);
}

/* Is it an ACK at the right edge of our window? A peer that has filled the window sends its ACKs
 * there. They are not acceptable, but if data in the window was lost, nothing else arrives. A RST
 * there is outside the window (RFC 5961 3.2): the peer repeats it when we send. */
static int tcp_is_ack_at_edge(const struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    return seg->len == 0 && seg->seq == pcb->rcv.nxt + pcb->rcv.wnd &&
           TCP_FLG_ISSET(seg->flg, TCP_FLG_ACK) && !TCP_FLG_ISSET(seg->flg, TCP_FLG_RST);
}

/* Is it only old data? Then our ACK was lost: it is repeated. A SYN is challenged: RFC 5961 4.2 */
static int tcp_is_repeated(const struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    return seg->len > 0 && !TCP_FLG_ISSET(seg->flg, TCP_FLG_SYN) &&
           seq_between(seg->seq, pcb->rcv.nxt, seg->seq + TCP_RCV_BUF_SIZE);
}

/* Cuts off text before the window: it was received already. A FIN is not part of it. */
static void tcp_trim_left(const struct tcp_pcb *pcb, struct tcp_segment *seg)
{
    uint32_t cut = pcb->rcv.nxt - seg->seq;

    seg->seq += cut;
    seg->len -= cut;
    seg->data += cut;
    seg->data_len -= cut;
}

/* Cuts off the FIN and text beyond the window: the peer retransmits them. */
static void tcp_trim_right(struct tcp_segment *seg, uint32_t edge)
{
    uint32_t cut = seg->seq + seg->len - edge;

    seg->len -= cut;
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_FIN)) {
        seg->flg &= (uint8_t)~TCP_FLG_FIN;
        cut--;
    }
    seg->data_len -= cut;
}

/* 3.10.7.4 "it is assumed that the segment is the idealized segment that begins at RCV.NXT and does
 * not exceed the window". A RST or SYN is not trimmed: a guess must not be made to fit. */
static void tcp_trim(const struct tcp_pcb *pcb, struct tcp_segment *seg)
{
    uint32_t edge = pcb->rcv.nxt + pcb->rcv.wnd;
    int left = seq_lt(seg->seq, pcb->rcv.nxt), right = seq_lt(edge, seg->seq + seg->len);

    if (seg->len == 0 || TCP_FLG_ISSET(seg->flg, TCP_FLG_RST | TCP_FLG_SYN) || !(left || right)) {
        return;
    }
    count(stats.trimmed);
    seg->ack_due = TCP_ACK_NOW; /* our ACK was lost, or the peer has filled the window */
    if (left) {
        tcp_trim_left(pcb, seg);
    }
    if (right) {
        tcp_trim_right(seg, edge);
    }
}

/* Simultaneous open, 3.5, Figure 7: does a SYN-ACK repeat the peer's SYN, and acknowledge ours? */
static int tcp_is_crossing_syn_ack(const struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    uint8_t flg = seg->flg & (TCP_FLG_SYN | TCP_FLG_ACK | TCP_FLG_RST);

    return pcb->state == TCP_STATE_SYN_RECEIVED && !pcb->passive && seg->seq == pcb->rcv.irs &&
           flg == (TCP_FLG_SYN | TCP_FLG_ACK);
}

/* 3.10.7.4 "First, check sequence number": "If an incoming segment is not acceptable, an
 * acknowledgment should be sent in reply", but not to a RST. For what is dropped it is sent here;
 * for what goes on, after the last check (`ack_due`), and not at all if a later one returns -1. The
 * peer's FIN again in TIME-WAIT is before RCV.NXT, so it ends here: it restarts the 2 MSL. */
static int tcp_check_seq(struct tcp_pcb *pcb, struct tcp_segment *seg, uint64_t now)
{
    if (tcp_is_crossing_syn_ack(pcb, seg)) {
        tcp_cut_syn(seg);
        seg->ack_due = TCP_ACK_NOW; /* the SYN is a duplicate */
    }
    if (tcp_is_acceptable(pcb, seg)) {
        tcp_trim(pcb, seg);
        return 0;
    }
    count(stats.out_of_window);
    debugf("desc=%d, outside the window, seq=%u, len=%u", pcb->desc, seg->seq, seg->len);
    if (tcp_is_ack_at_edge(pcb, seg)) {
        seg->ack_due = tcp_may_challenge(pcb, 1, now) ? TCP_ACK_NOW : TCP_ACK_NONE;
        return 0;
    }
    /* "special allowance should be made to accept valid ACKs, URGs, and RSTs" */
    if (pcb->rcv.wnd == 0 && seg->seq == pcb->rcv.nxt) {
        seg->flg &= (uint8_t)~(TCP_FLG_SYN | TCP_FLG_FIN);
        seg->len = 0;
        seg->data_len = 0;
        seg->ack_due = TCP_ACK_NOW;
        return 0;
    }
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_RST)) {
        return -1;
    }
    if (pcb->state == TCP_STATE_TIME_WAIT && TCP_FLG_ISSET(seg->flg, TCP_FLG_FIN) &&
        seg->seq + seg->len == pcb->rcv.nxt) {
        tcp_set_timewait_timer(pcb, now); /* "restart the 2 MSL timeout" */
    }
    if (tcp_is_repeated(pcb, seg)) {
        tcp_output(pcb, TCP_FLG_ACK, NULL, 0, now);
    } else {
        tcp_challenge(pcb, seg, seg->seq == pcb->rcv.nxt - 1, now);
    }
    return -1;
}

/* 3.10.7.4 "Second, check the RST bit". In the window but not at RCV.NXT it gets a challenge ACK
 * and is dropped: out_of_order. In TIME-WAIT it may be old and is dropped, unless it answers a
 * challenge: bad_flags, RFC 1337. Any other is accepted, and ends the connection: ECONNREFUSED in
 * the handshake, ECONNRESET later. */
static int tcp_check_rst(struct tcp_pcb *pcb, const struct tcp_segment *seg, uint64_t now)
{
    if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_RST)) {
        return 0;
    }
    if (seg->seq != pcb->rcv.nxt) { /* in the window, but perhaps guessed: RFC 5961 3.2 */
        tcp_challenge(pcb, seg, 0, now);
        return drop(stats.out_of_order, "desc=%d, RST not at RCV.NXT", pcb->desc);
    }
    if (pcb->state == TCP_STATE_TIME_WAIT && now >= pcb->timer.rst_expires) {
        return drop(stats.bad_flags, "desc=%d, RST in TIME-WAIT", pcb->desc); /* RFC 1337 3 */
    }
    /* SEG.SEQ is RCV.NXT: "TCP endpoints MUST reset the connection" */
    count(stats.resets_received);
    if (pcb->state == TCP_STATE_SYN_RECEIVED) {
        tcp_pcb_fail_handshake(pcb, ECONNREFUSED);
    } else if (pcb->state == TCP_STATE_TIME_WAIT) {
        tcp_pcb_finish(pcb, 0); /* it answers a challenge: the peer may open again */
    } else {
        tcp_pcb_finish(pcb, ECONNRESET);
    }
    return -1;
}

/* 3.10.7.4 "Third, check security": left out. */

/* 3.10.7.4 "Fourth, check the SYN bit": it is dropped, bad_flags. In SYN-RECEIVED after a passive
 * OPEN it ends the handshake. In other states, and if it is the first SYN again, it gets a
 * challenge ACK. */
static int tcp_check_syn(struct tcp_pcb *pcb, const struct tcp_segment *seg, uint64_t now)
{
    if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_SYN)) {
        return 0;
    }
    /* "return this connection to the LISTEN state", except when SEG.SEQ is before RCV.NXT: that is
     * the first SYN again, with text in the window */
    if (pcb->state == TCP_STATE_SYN_RECEIVED && pcb->passive && seq_leq(pcb->rcv.nxt, seg->seq)) {
        drop(stats.bad_flags, "desc=%d, second SYN in SYN-RECEIVED", pcb->desc);
        tcp_pcb_fail_handshake(pcb, ECONNRESET);
        return -1;
    }
    tcp_challenge(pcb, seg, 0, now); /* "irrespective of the sequence number", RFC 5961 4.2 */
    return drop(stats.bad_flags, "desc=%d, SYN on a connection", pcb->desc);
}

/* 3.10.7.4 "Fifth, check the ACK field", "SYN-RECEIVED STATE": "If SND.UNA < SEG.ACK =< SND.NXT,
 * then enter ESTABLISHED state"; any other ACK gets a RST, and the block stays as it is. At a full
 * backlog the ACK is dropped, backlog_full, and remembered: ack_seen. */
static int tcp_check_ack_syn_received(struct tcp_pcb *pcb, struct tcp_segment *seg, uint64_t now)
{
    const struct tcp_pcb *listener = pcb->accept.parent;

    if (!seq_lt(pcb->snd.una, seg->ack) || !seq_leq(seg->ack, pcb->snd.nxt)) {
        drop(stats.bad_ack, "desc=%d, our SYN not acknowledged, ack=%u", pcb->desc, seg->ack);
        tcp_output_reset(seg, &pcb->local, &pcb->remote, now);
        return -1;
    }
    if (listener && listener->listen.waiting >= listener->listen.backlog) {
        pcb->accept.ack_seen = 1; /* the peer repeats it when we retransmit the SYN-ACK */
        tcp_pcb_schedule(pcb);    /* R2 ends later */
        return drop(stats.backlog_full, "desc=%d, backlog full", pcb->desc);
    }
    if (tcp_establish(pcb, seg) == -1) {
        return -1;
    }
    tcp_take_early_text(pcb, seg);
    return 0;
}

/* 3.10.7.4 "Fifth, check the ACK field", "ESTABLISHED STATE": the same in all later states. An ACK
 * of unsent data is answered here: after -1 `ack_due` is not looked at. */
static int tcp_check_ack_established(struct tcp_pcb *pcb, const struct tcp_segment *seg,
                                     uint64_t now)
{
    int was_zero = tcp_is_window_zero(pcb);

    /* "((SND.UNA - MAX.SND.WND) =< SEG.ACK =< SND.NXT)": others are challenged, RFC 5961 5.2 */
    if (seq_lt(pcb->snd.nxt, seg->ack) || seq_lt(seg->ack, pcb->snd.una - pcb->snd.wnd_max)) {
        drop(stats.bad_ack, "desc=%d, ACK out of range, ack=%u", pcb->desc, seg->ack);
        tcp_challenge(pcb, seg, 0, now);
        return -1;
    }
    if (seq_lt(seg->ack, pcb->snd.una)) {
        return 0; /* "If the ACK is a duplicate (SEG.ACK =< SND.UNA), it can be ignored." */
    }
    /* "the send window should be updated", by a duplicate ACK too, but by an old segment only if
     * it advances SND.UNA: with the old SND.WND, the right edge would move */
    if (seg->ack != pcb->snd.una || seq_lt(pcb->snd.wl1, seg->seq) ||
        (pcb->snd.wl1 == seg->seq && seq_leq(pcb->snd.wl2, seg->ack))) {
        tcp_take_window(pcb, seg);
    }
    if (seg->ack != pcb->snd.una) {
        tcp_snd_acked(pcb, seg, now);
        tcp_extend_close_timer(pcb, now);
    } else {
        tcp_snd_repeated(pcb, seg, now);
    }
    tcp_extend_probing(pcb, was_zero, now);
    sched_task_wakeup(&pcb->user.task);
    return 0;
}

/* 3.10.7.4 "Fifth, check the ACK field": "if the ACK acknowledges our FIN". FIN-WAIT-2 has a limit
 * if no user owns the block: its deadline is set here. */
static int tcp_check_ack_fin(struct tcp_pcb *pcb, uint64_t now)
{
    if (pcb->snd.fin) {
        return 0;
    }
    switch (pcb->state) {
    case TCP_STATE_FIN_WAIT1:
        tcp_pcb_set_state(pcb, TCP_STATE_FIN_WAIT2);
        if (!pcb->user.owned) {
            tcp_set_close_timer(pcb, now);
        }
        return 0;
    case TCP_STATE_CLOSING:
        tcp_pcb_time_wait(pcb, now);
        return 0;
    case TCP_STATE_LAST_ACK:
        tcp_pcb_finish(pcb, 0);
        return -1;
    default:
        return 0;
    }
}

/* 3.10.7.4 "Fifth, check the ACK field": "if the ACK bit is off, drop the segment" */
static int tcp_check_ack(struct tcp_pcb *pcb, struct tcp_segment *seg, uint64_t now)
{
    if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_ACK)) {
        return drop(stats.bad_flags, "desc=%d, no ACK", pcb->desc);
    }
    if (pcb->state == TCP_STATE_SYN_RECEIVED && tcp_check_ack_syn_received(pcb, seg, now) == -1) {
        return -1;
    }
    if (tcp_check_ack_established(pcb, seg, now) == -1) {
        return -1;
    }
    return tcp_check_ack_fin(pcb, now);
}

/* 3.10.7.4 "Sixth, check the URG bit": left out (step 63); the urgent pointer is ignored. */

/* 3.6.1 "if new data is received after CLOSE is called": "a RST to show that data was lost". */
static int tcp_check_user(struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    if (pcb->user.owned || pcb->accept.parent || seg->data_len == 0 || !tcp_is_open_to_peer(pcb)) {
        return 0;
    }
    drop(stats.closed_by_user, "desc=%d, data after close, len=%zu", pcb->desc, seg->data_len);
    tcp_pcb_reset(pcb);
    return -1;
}

/* 3.10.7.4 "Seventh, process the segment text". "Segments with higher beginning sequence numbers
 * SHOULD be held for later processing": first, above. Its ACK may be delayed, unless something has
 * been cut off, or is or was missing: "segments above a gap in sequence space, or segments that
 * fill all or part of a gap" have theirs immediately, 3.8.6.3. */
static int tcp_segment_text(struct tcp_pcb *pcb, struct tcp_segment *seg)
{
    uint32_t len = (uint32_t)seg->data_len;
    int gap = !tcp_reass_is_empty(&pcb->rcv.reass);

    if (len == 0) {
        return 0;
    }
    if (!tcp_is_open_to_peer(pcb)) { /* "Ignore the segment text." */
        return drop(stats.bad_flags, "desc=%d, text in %s", pcb->desc, tcp_state_ntoa(pcb->state));
    }
    if (seg->seq != pcb->rcv.nxt) {
        count(stats.out_of_order);
        debugf("desc=%d, out of order, seq=%u, expected %u", pcb->desc, seg->seq, pcb->rcv.nxt);
    }
    pcb->rcv.full = pcb->rcv.full > len ? pcb->rcv.full : len;
    tcp_hold_text(pcb, seg);
    tcp_take_text(pcb);
    if (gap || !tcp_reass_is_empty(&pcb->rcv.reass)) {
        seg->ack_due = TCP_ACK_NOW;
    } else if (!seg->ack_due) {
        seg->ack_due = TCP_ACK_LATER;
    }
    return 0;
}

/* Holds the FIN until all text before it is here. A peer sends no text behind it, and no other. */
static void tcp_hold_fin(struct tcp_pcb *pcb, const struct tcp_segment *seg)
{
    uint32_t fin = seg->seq + (uint32_t)seg->data_len;

    if (!tcp_is_open_to_peer(pcb)) {
        return; /* a repeated FIN: "Remain in" the state */
    }
    if (seg->data_len == 0 && fin != pcb->rcv.nxt) {
        count(stats.out_of_order);
        debugf("desc=%d, FIN out of order, seq=%u, expected %u", pcb->desc, fin, pcb->rcv.nxt);
    }
    if (tcp_reass_insert_fin(&pcb->rcv.reass, pcb->rcv.nxt, fin) == -1) {
        drop(stats.bad_flags, "desc=%d, FIN before text, or a second one, seq=%u", pcb->desc, fin);
    }
}

/* 3.10.7.4 "Eighth, check the FIN bit": of this segment, or of an earlier one that has waited for
 * the text of this one. */
static void tcp_check_fin(struct tcp_pcb *pcb, struct tcp_segment *seg, uint64_t now)
{
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_FIN)) {
        seg->ack_due = TCP_ACK_NOW;
        tcp_hold_fin(pcb, seg);
    }
    if (!tcp_reass_is_fin_due(&pcb->rcv.reass, pcb->rcv.nxt)) {
        return;
    }
    tcp_reass_clear(&pcb->rcv.reass);
    pcb->rcv.nxt++;
    pcb->rcv.fin = 1;
    if (pcb->state == TCP_STATE_ESTABLISHED) {
        tcp_pcb_set_state(pcb, TCP_STATE_CLOSE_WAIT);
    } else if (pcb->state == TCP_STATE_FIN_WAIT1) { /* our FIN is unacknowledged */
        tcp_pcb_set_state(pcb, TCP_STATE_CLOSING);
    } else {
        tcp_pcb_time_wait(pcb, now);
    }
}

/* 3.10.7.4 from "Sixth" on; then sends pending data, which acknowledges too, or an ACK if one is
 * due */
static void tcp_segment_rest(struct tcp_pcb *pcb, struct tcp_segment *seg, uint64_t now)
{
    if (tcp_check_user(pcb, seg) == -1) {
        return;
    }
    if (tcp_segment_text(pcb, seg) == 0) {
        tcp_check_fin(pcb, seg, now);
    }
    if (!tcp_output_pending(pcb, now) && seg->ack_due) {
        batch_acks |= tcp_output_ack(pcb, seg->ack_due, now);
    }
}

/* 3.10.7.4 "Otherwise" */
static void tcp_otherwise(struct tcp_pcb *pcb, struct tcp_segment *seg, uint64_t now)
{
    if (tcp_check_seq(pcb, seg, now) == 0 && tcp_check_rst(pcb, seg, now) == 0 &&
        tcp_check_syn(pcb, seg, now) == 0 && tcp_check_ack(pcb, seg, now) == 0) {
        tcp_segment_rest(pcb, seg, now);
    }
}

/* In TIME-WAIT, a SYN beyond the peer's old stream opens a new connection, if there is a listener,
 * with an ISS beyond our old stream. RFC 9293 3.6.1, MAY-2. Left out: timestamps, RFC 6191 (step
 * 54). */
static int tcp_check_reopen(struct tcp_pcb *pcb, const struct tcp_segment *seg,
                            const ip_endp_t *local, const ip_endp_t *remote, uint64_t now)
{
    struct tcp_pcb *listener = tcp_pcb_find_listener(local, remote);
    uint8_t flg = seg->flg & (TCP_FLG_SYN | TCP_FLG_ACK | TCP_FLG_RST | TCP_FLG_FIN);
    uint32_t iss = pcb->snd.nxt + TCP_SND_BUF_SIZE;

    if (!listener || flg != TCP_FLG_SYN || !seq_lt(pcb->rcv.nxt, seg->seq)) {
        return 0;
    }
    tcp_pcb_finish(pcb, 0);
    tcp_listen(listener, seg, local, remote, iss + random16(), now);
    return -1;
}

static void tcp_segment_arrives(struct tcp_segment *seg, const ip_endp_t *local,
                                const ip_endp_t *remote, uint64_t now)
{
    struct tcp_pcb *pcb;

    assert(lock_held(&tcp_lock));
    pcb = tcp_pcb_select(local, remote);
    if (!pcb) {
        tcp_closed(seg, local, remote, now);
        return;
    }
    switch (pcb->state) {
    case TCP_STATE_LISTEN:
        tcp_listen(pcb, seg, local, remote, tcp_choose_iss(local, remote, now), now);
        break;
    case TCP_STATE_SYN_SENT:
        if (tcp_syn_sent(pcb, seg, now) == 0) {
            tcp_segment_rest(pcb, seg, now);
        }
        break;
    case TCP_STATE_TIME_WAIT:
        if (tcp_check_reopen(pcb, seg, local, remote, now) == 0) {
            tcp_otherwise(pcb, seg, now);
        }
        break;
    default:
        tcp_otherwise(pcb, seg, now);
        break;
    }
}

/*
 * Input
 */

/* Accepts segments to a unicast address of ours, but not from an endpoint to itself. IP has checked
 * that the source is one host. Returns 0, or -1. RFC 9293 3.9.2.3, MUST-57 and MUST-63 */
static int tcp_check_endpoints(const struct ip_hdr *iphdr, const struct tcp_hdr *hdr)
{
    if (!ip_iface_select(iphdr->dst) || (iphdr->src == iphdr->dst && hdr->src == hdr->dst)) {
        return -1;
    }
    return 0;
}

/* Checks a segment of len bytes before any other field is used. Returns 0, or -1. */
static int tcp_check_hdr(const struct ip_hdr *iphdr, const uint8_t *data, size_t len)
{
    const struct tcp_hdr *hdr = (const struct tcp_hdr *)data;

    if (len < sizeof(*hdr)) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (TCP_HDR_SIZE(hdr) < sizeof(*hdr) || TCP_HDR_SIZE(hdr) > len) {
        return drop(stats.bad_offset, "bad data offset=%zu, len=%zu", TCP_HDR_SIZE(hdr), len);
    }
    if (ip_pseudo_cksum(IP_PROTOCOL_TCP, data, len, iphdr->src, iphdr->dst) != 0) {
        return drop(stats.bad_checksum, "sum=0x%04x, len=%zu", ntoh16(hdr->sum), len);
    }
    if (tcp_check_endpoints(iphdr, hdr) == -1) {
        return drop(stats.bad_address, "not unicast, or from an endpoint to itself");
    }
    return 0;
}

/* Were the process or the machine stopped since the last tick? No other cause delays one by
 * TCP_TIMER_STOPPED. Then limits are put off, and what is in flight measures no round trip. */
static void tcp_notice_stop(uint64_t now)
{
    uint64_t span = now - last_tick;
    struct tcp_pcb *pcb;
    size_t i = 0;

    if (span < MILLISECONDS(TCP_TIMER_STOPPED)) {
        return;
    }
    last_tick = now;
    infof("no tick for %llu ms: limits put off", (unsigned long long)(span / MILLISECONDS(1)));
    while ((pcb = tcp_pcb_next(&i)) != NULL) {
        tcp_pcb_put_off(pcb, span, now);
    }
}

static void tcp_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                      struct ip_iface *iface)
{
    const struct tcp_hdr *hdr = (const struct tcp_hdr *)data;
    ip_endp_t local, remote;
    char local_text[IP_ENDP_STR_LEN], remote_text[IP_ENDP_STR_LEN];
    struct tcp_segment seg;
    uint64_t now;
    int bad;

    count(stats.received);
    if (tcp_check_hdr(iphdr, data, len) == -1) {
        return;
    }
    seg = tcp_segment_parse(hdr, len);
    bad = tcp_segment_parse_options(&seg, (const uint8_t *)(hdr + 1),
                                    TCP_HDR_SIZE(hdr) - sizeof(*hdr));
    if (bad) {
        drop(stats.bad_option, "bad option length, option=%d", bad);
        return;
    }
    count(stats.delivered);
    local = (ip_endp_t){iphdr->dst, hdr->dst};
    remote = (ip_endp_t){iphdr->src, hdr->src};
    debugf("dev=%s, %s => %s, len=%zu", NET_IFACE(iface)->dev->name,
           ip_endp_ntop(&remote, remote_text, sizeof(remote_text)),
           ip_endp_ntop(&local, local_text, sizeof(local_text)), len);
    tcp_dump(data, len);
    lock_acquire(&tcp_lock);
    now = clock_now();
    tcp_notice_stop(now);
    tcp_segment_arrives(&seg, &local, &remote, now);
    lock_release(&tcp_lock);
}

/*
 * Timeouts, RFC 9293 3.10.8
 */

/* Called by the one-shot timer at the first deadline; and at each interval, to notice a stop. Looks
 * only at blocks that are due: each has a later deadline, or none, when tcp_pcb_timer returns. */
static void tcp_timer(void)
{
    struct tcp_pcb *pcb;
    uint64_t now;

    lock_acquire(&tcp_lock);
    now = clock_now();
    tcp_notice_stop(now);
    last_tick = now;
    while ((pcb = tcp_pcb_next_due(now)) != NULL) {
        tcp_pcb_timer(pcb, now);
    }
    lock_release(&tcp_lock);
}

/* All that the device had is processed: sends the ACKs that have waited for that. MUST-59 */
static void tcp_batch_end(void)
{
    if (batch_acks) {
        batch_acks = 0;
        tcp_timer();
    }
}

/*
 * ICMP errors
 */

/* The least that ICMP quotes of a segment: 8 bytes, in network byte order. */
struct tcp_quote {
    uint16_t src;
    uint16_t dst;
    uint32_t seq;
} __attribute__((packed));

/* Takes an ICMP or ARP error about a segment of ours. Its sequence number must be in flight, which
 * off-path attackers do not know: RFC 5927 4. A hard error ends SYN-SENT. Any other is soft: it
 * becomes the reason of a later timeout. RFC 9293 3.9.2.2, RFC 5461 */
static void tcp_icmp_error(const struct ip_hdr *iphdr, const uint8_t *data, int errnum, int hard)
{
    const struct tcp_quote *quote = (const struct tcp_quote *)data;
    ip_endp_t local = {iphdr->src, quote->src}, remote = {iphdr->dst, quote->dst};
    struct tcp_pcb *pcb;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_find(&local, &remote);
    if (!pcb || !seq_between(pcb->snd.una, ntoh32(quote->seq), pcb->snd.nxt)) {
        drop(stats.error_ignored, "not about a segment in flight");
    } else if (pcb->state == TCP_STATE_SYN_SENT && hard) {
        count(stats.hard_errors);
        tcp_pcb_finish(pcb, errnum);
    } else {
        count(stats.soft_errors);
        pcb->user.soft_error = errnum;
    }
    lock_release(&tcp_lock);
}

/*
 * Start. tcp_shutdown ends the connections as users do, and sleeps: tcp_cmd.c.
 */

int tcp_init(void)
{
    struct timeval interval = {.tv_usec = TCP_TIMER_INTERVAL * 1000};

    if (ip_protocol_register(IP_PROTOCOL_TCP, tcp_input) == -1) {
        return -1;
    }
    ip_error_register(IP_PROTOCOL_TCP, tcp_icmp_error);
    if (net_batch_end_register(tcp_batch_end) == -1) {
        return -1;
    }
    if (timer_register(interval, tcp_timer) == -1 || tcp_pcb_register_timer(tcp_timer) == -1) {
        return -1;
    }
    lock_acquire(&tcp_lock);
    tcp_pcb_start();
    last_tick = clock_now();
    lock_release(&tcp_lock);
    return 0;
}
