#include "edge.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

#define RTO_RFC    (1000 * MS) /* RFC 6298 2.4 */
#define DELAY_MOST (500 * MS)  /* RFC 9293 3.8.6.3, MUST-58 */
#define REPEATS    65535       /* old data within so much of RCV.NXT is a repetition */

const char *edge_wrong(const char *fmt, ...)
{
    static char text[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return text;
}

void edge_start(struct edge *e, int step, uint32_t mss)
{
    memset(e, 0, sizeof(*e));
    e->step = step;
    e->mss = mss;
    e->given = UINT32_MAX - 2;
    e->burst = UINT64_MAX;
    edge_cwnd_start(e);
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Sequence numbers of a segment. */
static uint32_t size_of(const struct edge_segment *seg)
{
    return seg->len + !!(seg->flags & EDGE_SYN) + !!(seg->flags & EDGE_FIN);
}

/*
 * Time. An answer is due within the instant of its cause, or within its delay.
 */
static void forget_pending(struct edge *e, unsigned int n)
{
    e->num_pending -= n;
    memmove(e->pending, e->pending + n, e->num_pending * sizeof(*e->pending));
}

static const char *check_answers(struct edge *e, uint64_t now)
{
    unsigned int full = 0;

    if (e->held || e->over) { /* they wait for the next hop */
        e->owed = e->num_pending = 0;
        return NULL;
    }
    if (e->owed) {
        return edge_wrong("leave %u segments without an answer, the last one %u to %u", e->owed,
                          e->owed_from, e->owed_to);
    }
    for (unsigned int i = 0; i < e->num_pending; i++) {
        full += e->pending[i].len > 0 && e->pending[i].len >= e->full;
    }
    if (full >= 2) {
        return edge_wrong("leave %u full segments up to %u without an acknowledgment", full,
                          e->pending[e->num_pending - 1].end);
    }
    if (e->num_pending && now - e->pending[0].at > DELAY_MOST) {
        return edge_wrong("delay the acknowledgment of %u by %u ms", e->pending[0].end,
                          (unsigned int)((now - e->pending[0].at) / MS));
    }
    return NULL;
}

const char *edge_time(struct edge *e, uint64_t now)
{
    const char *wrong = NULL;

    if (now > e->now) {
        wrong = check_answers(e, now);
        e->held = e->held == 1;
        edge_cwnd_settle(e);
        e->una_was = e->una;
        e->timer_was = e->timer;
        e->now = now;
    }
    return wrong;
}

void edge_hold(struct edge *e)
{
    e->held = 1;
    e->unseen = 1;
}

/*
 * What arrives out of order is kept
 */

/* Removes n ranges from number i on. */
static void forget_kept(struct edge *e, unsigned int i, unsigned int n)
{
    e->num_kept -= n;
    memmove(e->kept + i, e->kept + i + n, (e->num_kept - i) * sizeof(*e->kept));
}

static void keep(struct edge *e, uint32_t start, uint32_t end)
{
    unsigned int i = 0, n = 0;

    while (i < e->num_kept && e->kept[i].end < start) {
        i++;
    }
    for (; i + n < e->num_kept && e->kept[i + n].start <= end; n++) {
        start = e->kept[i + n].start < start ? e->kept[i + n].start : start;
        end = most(end, e->kept[i + n].end);
    }
    forget_kept(e, i, n);
    if (e->num_kept == EDGE_KEPT) {
        e->num_kept--;
    }
    if (i < EDGE_KEPT) {
        memmove(e->kept + i + 1, e->kept + i, (e->num_kept - i) * sizeof(*e->kept));
        e->kept[i].start = start;
        e->kept[i].end = end;
        e->num_kept++;
    }
}

/* RCV.NXT has advanced, and takes with it what was kept. */
static void take_kept(struct edge *e)
{
    while (e->num_kept > 0 && e->kept[0].start <= e->nxt) {
        e->nxt = most(e->nxt, e->kept[0].end);
        forget_kept(e, 0, 1);
    }
}

/*
 * Segments out
 */

/* Does it probe a zero window? */
static int is_probe(const struct edge *e, const struct edge_segment *seg)
{
    return seg->len == 1 && seg->seq == e->edge;
}

/* Is it the SYN-ACK after a SYN that has crossed the peer's? */
static int is_crossing(const struct edge *e, const struct edge_segment *seg)
{
    return (seg->flags & EDGE_SYN) && e->syn == EDGE_SYN && (seg->flags & EDGE_ACK);
}

/* Is the congestion window's matter: when it may be sent, or sent again? */
static int is_congestion(const struct edge *e, const struct edge_segment *seg)
{
    return e->step >= EDGE_MIN_RTO && !(seg->flags & EDGE_SYN) && !is_probe(e, seg);
}

/* SYN or a probe is sent again, and before step EDGE_MIN_RTO all: by the timer. */
static const char *check_again(struct edge *e, uint64_t now, const struct edge_segment *seg)
{
    uint64_t rto = e->step >= EDGE_MIN_RTO && !(seg->flags & EDGE_SYN) ? EDGE_RTO : RTO_RFC;
    uint64_t since = now - e->timer_was;

    if (is_crossing(e, seg) || e->burst == now) {
        return NULL;
    }
    if (since < rto && !e->held) {
        return edge_wrong("send %u again after %u ms", seg->seq, (unsigned int)(since / MS));
    }
    if (e->step < EDGE_MIN_RTO) { /* then it repeats the whole window */
        e->burst = now;
    }
    e->timer = seg->seq <= e->una && !e->held ? now : e->timer;
    e->lost_syn |= !!(seg->flags & EDGE_SYN);
    return NULL;
}

static const char *check_room(const struct edge *e, const struct edge_segment *seg)
{
    uint32_t end = seg->seq + size_of(seg);

    if (end > e->edge && !is_probe(e, seg) && !(seg->flags & EDGE_SYN)) {
        return edge_wrong("send up to %u, beyond a window up to %u", end, e->edge);
    }
    if (seg->seq + seg->len > e->given) {
        return edge_wrong("send up to %u when the user gave all below %u", seg->seq + seg->len,
                          e->given);
    }
    if (seg->seq > e->end && !e->held) {
        return edge_wrong("send from %u on, having sent all below %u", seg->seq, e->end);
    }
    return NULL;
}

/* Data, SYN or FIN. */
static const char *send_text(struct edge *e, uint64_t now, const struct edge_segment *seg)
{
    uint32_t end = seg->seq + size_of(seg);
    const char *wrong = check_room(e, seg);

    if (seg->seq < e->una_was && !e->held) {
        return edge_wrong("send %u again, below SND.UNA = %u", seg->seq, e->una_was);
    }
    if (!wrong && is_congestion(e, seg)) {
        wrong = edge_cwnd_out(e, seg);
    } else if (!wrong && seg->seq < e->end) {
        wrong = check_again(e, now, seg);
    }
    if (seg->seq < e->end) {
        e->again = most(e->again, end);
    } else if (seg->seq <= e->una && !e->held) {
        e->timer = now;
    }
    e->syn = seg->flags & EDGE_SYN ? seg->flags : e->syn;
    e->end = most(e->end, end);
    e->last_out = now;
    return wrong;
}

/* It acknowledges. */
static void send_ack(struct edge *e, const struct edge_segment *seg)
{
    unsigned int n = 0;

    e->ack = most(e->ack, seg->ack);
    e->nxt = most(e->nxt, seg->ack);
    take_kept(e);
    e->offered = most(e->offered, seg->ack + seg->wnd);
    e->owed -= e->owed > 0;
    while (n < e->num_pending && e->pending[n].end <= seg->ack) {
        n++;
    }
    forget_pending(e, n);
}

const char *edge_out(struct edge *e, uint64_t now, const struct edge_segment *seg)
{
    const char *wrong = edge_time(e, now);

    e->over |= !!(seg->flags & EDGE_RST);
    if (e->over || wrong) {
        return e->over ? NULL : wrong;
    }
    if (seg->flags & EDGE_ACK) {
        send_ack(e, seg);
    }
    if (size_of(seg)) {
        wrong = send_text(e, now, seg);
    } else if (seg->seq + 1 < e->una_was && !e->held) { /* a probe is at SND.UNA - 1 */
        wrong = edge_wrong("send an ACK at %u, below SND.UNA = %u", seg->seq, e->una_was);
    } else if (seg->seq > e->end && !e->held) {
        wrong = edge_wrong("send an ACK at %u, having sent all below %u", seg->seq, e->end);
    }
    e->held = e->held ? 2 : 0;
    return wrong;
}

/*
 * Segments in
 */

/* Is it surely acceptable, RFC 9293 3.10.7.4? RCV.NXT may be more than nxt. */
static int is_acceptable(const struct edge *e, const struct edge_segment *seg)
{
    uint32_t end = seg->seq + size_of(seg);

    if (seg->flags & EDGE_SYN) {
        return e->nxt == 0; /* it gives RCV.NXT */
    }
    if (e->nxt == e->offered) {
        return seg->seq == e->nxt && end == seg->seq;
    }
    return e->nxt <= seg->seq ? seg->seq < e->offered : end > e->nxt;
}

/* If not, there may be an allowance: for data in a window of zero, for an ACK at the edge, for the
 * SYN-ACK after a SYN that crossed ours. */
static int is_allowed(const struct edge *e, const struct edge_segment *seg)
{
    if (seg->flags & EDGE_SYN) {
        return e->una == 0;
    }
    return seg->seq == e->offered && (e->nxt == e->offered || size_of(seg) == 0);
}

/* What the stack may make of an ACK, if it takes it. Karn's algorithm: no sample of what was sent
 * again, nor of an ACK that may have waited for it. */
static void allow(struct edge *e, const struct edge_segment *seg, int sure)
{
    e->may_sample += seg->ack > e->una && e->again <= e->una_most;
    edge_cwnd_in(e, seg, sure ? EDGE_SURE : is_allowed(e, seg) ? EDGE_PERHAPS : EDGE_HARDLY);
    e->una_most = most(e->una_most, seg->ack);
    e->edge = most(e->edge, seg->ack + seg->wnd);
    e->wnd_max = most(e->wnd_max, seg->wnd);
}

static void take_ack(struct edge *e, const struct edge_segment *seg)
{
    int sure = is_acceptable(e, seg);

    if (seg->ack > e->end) {
        return;
    }
    if (sure && seg->ack > e->una_most) {
        e->timer = e->now;
    }
    allow(e, seg, sure);
    if (sure && seg->ack > e->una) {
        e->una = seg->ack;
    }
}

void edge_maybe(struct edge *e, const struct edge_segment *seg)
{
    e->over |= !!(seg->flags & EDGE_RST);
    if ((seg->flags & EDGE_ACK) && seg->ack <= e->end) {
        allow(e, seg, 0);
    }
}

static void owe(struct edge *e, const struct edge_segment *seg)
{
    e->owed++;
    e->owed_from = seg->seq;
    e->owed_to = seg->seq + size_of(seg);
}

/* Its acknowledgment may wait. */
static void owe_later(struct edge *e, uint64_t now, const struct edge_segment *seg)
{
    if (e->num_pending == EDGE_PENDING) { /* a batch: the last ones tell */
        forget_pending(e, 1);
    }
    e->pending[e->num_pending].end = seg->seq + size_of(seg);
    e->pending[e->num_pending].len = seg->len;
    e->pending[e->num_pending++].at = now;
}

/* Data or FIN at RCV.NXT. */
static void take_in_order(struct edge *e, uint64_t now, const struct edge_segment *seg)
{
    uint32_t end = seg->seq + size_of(seg);
    int whole = end <= e->offered, hole = e->num_kept > 0;

    e->nxt = whole ? end : e->offered;
    take_kept(e);
    if (e->step < EDGE_DELAYED_ACK || !whole || hole || (seg->flags & EDGE_FIN)) {
        owe(e, seg);
    } else {
        owe_later(e, now, seg);
    }
}

/* Data or FIN. */
static void take_text(struct edge *e, uint64_t now, const struct edge_segment *seg)
{
    uint32_t end = seg->seq + size_of(seg);

    e->full = most(e->full, seg->len);
    if (e->ack == 0 || e->una == 0 || !(seg->flags & EDGE_ACK) || (seg->flags & EDGE_SYN) ||
        seg->ack > e->end || seg->ack + e->wnd_max < e->una_most || seg->ack == 0) {
        e->unsure = e->una == 0 ? most(e->unsure, end) : e->unsure;
        return; /* in the handshake, or answered by few challenges, RFC 5961 */
    }
    if (end <= e->nxt) { /* our ACK was lost */
        if (e->nxt - seg->seq < REPEATS) {
            owe(e, seg);
        }
        return;
    }
    if (seg->seq > e->nxt) { /* out of order */
        if (seg->seq < e->offered) {
            if (e->step < EDGE_QUEUE || e->nxt >= e->unsure) { /* else it may be in order */
                owe(e, seg);
            }
            if (e->step >= EDGE_QUEUE) {
                keep(e, seg->seq, end < e->offered ? end : e->offered);
            }
        }
    } else if (e->nxt < e->offered) {
        take_in_order(e, now, seg);
    } else { /* a probe */
        owe(e, seg);
    }
}

const char *edge_in(struct edge *e, uint64_t now, const struct edge_segment *seg)
{
    const char *wrong = edge_time(e, now);

    if (e->over || wrong) {
        return e->over ? NULL : wrong;
    }
    if (seg->flags & EDGE_RST) { /* taken or not, it may have ended the connection */
        e->over = 1;
        return NULL;
    }
    if ((seg->flags & EDGE_SYN) && seg->mss && seg->mss < e->mss) {
        e->mss = seg->mss;
    }
    if (seg->flags & EDGE_ACK) {
        take_ack(e, seg);
    }
    if ((seg->flags & EDGE_SYN) && e->nxt == 0) {
        e->nxt = 1;
    }
    if (size_of(seg)) {
        take_text(e, now, seg);
    }
    return NULL;
}
