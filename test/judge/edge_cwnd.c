#include "edge.h"

#include <stddef.h>

/*
 * The congestion window, as large as the RFCs allow: a sender may have less in flight. Losses are
 * seen by what the sender does about them: it sends again, by its timer or after duplicate ACKs.
 */
#define IDLE UINT64_C(10000000000) /* 10 s: surely longer than an RTO that was not backed off */
#define IW_SEGMENTS 10
#define IW_BYTES    14600 /* RFC 6928 */
#define DUPS        3

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The initial window: RFC 6928, and RFC 5681 3.1 if the SYN was lost. */
static uint32_t initial(const struct edge *e)
{
    if (e->cc.lost_syn) {
        return e->mss;
    }
    return least(IW_SEGMENTS * e->mss, most(2 * e->mss, IW_BYTES));
}

static void halve(struct edge *e, uint32_t flight)
{
    e->cc.ssthresh = most(flight / 2, 2 * e->mss);
    e->cc.beyond = 0;
}

/*
 * ACKs
 */

/* Slow start, RFC 3465 2.2: it ends where cwnd reaches ssthresh or, for a sender that has grown
 * less, up to an increment beyond. */
static void slow_start(struct edge *e, uint32_t acked, uint32_t flight)
{
    struct edge_cwnd *c = &e->cc;
    uint32_t most_once = (c->slow ? 1 : 2) * e->mss;
    uint32_t limits = most(2 * flight, flight + e->mss); /* one not below is no limit */

    c->cwnd = most(c->cwnd, least(c->cwnd, limits - 1) + least(acked, most_once));
    if (c->cwnd >= c->ssthresh) {
        c->beyond = most(c->beyond, most_once);
    }
}

/* Slow start and congestion avoidance by bytes, RFC 3465, where cwnd is what limits. */
static void grow(struct edge *e, uint32_t acked, uint32_t flight)
{
    struct edge_cwnd *c = &e->cc;

    if (c->cwnd < c->ssthresh) {
        slow_start(e, acked, flight);
        return;
    }
    c->slow = 0;
    if (flight + 2 * e->mss >= c->cwnd) {
        c->counted += acked;
        if (c->counted >= c->cwnd) {
            c->counted -= c->cwnd;
            c->cwnd += e->mss;
        }
    }
}

/* RFC 6582 3.2, steps 4 and 5 */
static void recover(struct edge *e, uint32_t ack, uint32_t acked)
{
    struct edge_cwnd *c = &e->cc;

    c->counted += c->unsure ? acked : 0;
    if (ack >= c->recover) {
        c->recovery = 0;
        c->cwnd = c->ssthresh;
        if (c->unsure) { /* if it was a timeout, it has grown beyond ssthresh already */
            c->beyond = (6 + c->counted / c->ssthresh) * e->mss;
            c->counted = 0;
        } else if (most(e->end - ack, e->mss) + e->mss < c->ssthresh) {
            c->beyond = 2 * e->mss; /* step 3, (1): less, then slow start beyond ssthresh */
        }
        return;
    }
    c->cwnd = most(c->cwnd - least(acked, c->cwnd) + (acked >= e->mss ? e->mss : 0), e->mss);
    if (c->unsure) {
        c->cwnd = most(c->cwnd, c->ssthresh + e->mss); /* slow start gets so far */
    }
    c->repairs = 1;
}

/* F-RTO, RFC 5682 2.1: two ACKs of new data, the second of bytes not sent again, show that the RTO
 * was spurious; what it did to the window may be undone. */
static void undo(struct edge *e, uint32_t ack)
{
    struct edge_cwnd *c = &e->cc;

    if (!c->spurious) {
        return;
    }
    c->answers++;
    if (c->answers == 2 && ack > c->resent) {
        c->cwnd = most(c->cwnd, c->old_cwnd);
        c->ssthresh = most(c->ssthresh, c->old_ssthresh);
        c->beyond = c->cwnd < c->ssthresh ? 0 : 2 * e->mss;
        c->slow = 0;
    }
    if (c->answers == 2 || ack >= c->recover) {
        c->spurious = 0;
    }
}

static void take_new(struct edge *e, uint32_t ack)
{
    struct edge_cwnd *c = &e->cc;
    uint32_t acked = ack - e->una_most, flight = e->end - e->una_most;

    c->dups = 0;
    c->timeout = 0;
    if (c->recovery) {
        recover(e, ack, acked);
        return;
    }
    undo(e, ack);
    grow(e, acked, flight);
}

/* A duplicate ACK, RFC 5681 2: with data in flight, without data, and with the same window. With a
 * window of zero it answers a probe. */
static void take_duplicate(struct edge *e)
{
    struct edge_cwnd *c = &e->cc;

    c->spurious = 0;
    if (c->recovery) {
        c->cwnd += e->mss;
        return;
    }
    if (c->dups++ == 0) {
        c->flight = e->end - e->una_most; /* without what limited transmit adds */
    }
}

void edge_cwnd_in(struct edge *e, const struct edge_segment *seg)
{
    struct edge_cwnd *c = &e->cc;
    uint32_t wnd = c->wnd;

    if (seg->ack >= e->una_most) {
        c->wnd = seg->wnd;
    }
    if (c->cwnd == 0) {
        return;
    }
    if (seg->ack > e->una_most) {
        take_new(e, seg->ack);
    } else if (seg->ack == e->una_most && e->end > e->una_most && seg->len == 0 &&
               !(seg->flags & (EDGE_SYN | EDGE_FIN)) && seg->wnd == wnd && wnd > 0) {
        take_duplicate(e);
    }
}

/*
 * Segments out
 */

static int is_late(const struct edge *e)
{
    return e->now - e->timer >= EDGE_RTO && e->now - e->most_at >= EDGE_RTO;
}

/* A repair that comes so late may also be a timeout, which goes back. */
static void go_back_if_late(struct edge *e)
{
    if (is_late(e)) {
        e->cc.counted = e->cc.unsure ? e->cc.counted : 0;
        e->cc.back = e->cc.unsure = 1;
        e->cc.ssthresh = most(e->cc.ssthresh, (e->end - e->una_most) / 2);
        e->cc.resent = e->una_most;
        e->cc.recover = e->end;
    }
}

/* Fast retransmit, RFC 6582 3.2, steps 2 and 3 */
static void enter_recovery(struct edge *e)
{
    struct edge_cwnd *c = &e->cc;

    halve(e, c->flight);
    c->cwnd = c->ssthresh + c->dups * e->mss;
    c->recover = e->end;
    c->recovery = 1;
    c->repairs = c->back = c->unsure = 0;
    go_back_if_late(e);
}

int edge_cwnd_repairs(struct edge *e, uint32_t s)
{
    struct edge_cwnd *c = &e->cc;

    if (e->step >= EDGE_CWND && c->back && s >= c->resent && s < c->recover &&
        !(s <= e->una_most && is_late(e))) {
        return 1; /* each byte once */
    }
    if (e->step < EDGE_FAST || s > e->una_most) {
        return 0;
    }
    if (!c->recovery && c->dups >= DUPS && e->una_most >= c->recover) {
        enter_recovery(e);
        return 1;
    }
    if (c->recovery && c->repairs > 0) {
        c->repairs--;
        go_back_if_late(e);
        return 1;
    }
    return 0;
}

/* RFC 5681 3.1: (4) and the loss window. ssthresh is held if the timer expires again before an ACK
 * of new data. */
static void time_out(struct edge *e, uint32_t s)
{
    struct edge_cwnd *c = &e->cc;

    if (!c->timeout) {
        c->old_cwnd = c->cwnd;
        c->old_ssthresh = c->ssthresh;
        halve(e, e->end - e->una_most);
    }
    c->cwnd = e->mss;
    c->beyond = 0;
    c->timeout = c->slow = c->spurious = c->back = 1;
    c->answers = c->dups = c->counted = 0;
    c->recovery = 0;
    c->resent = s;
    c->recover = e->end;
}

static void open(struct edge *e)
{
    e->cc.cwnd = initial(e);
    e->cc.ssthresh = UINT32_MAX;
}

/* Returns what may be in flight at most. */
static uint32_t allowed(const struct edge *e, uint32_t s)
{
    const struct edge_cwnd *c = &e->cc;

    if (c->spurious && c->answers == 1 && s >= c->recover) { /* F-RTO sends two new segments */
        return c->recover - e->una_most + 2 * e->mss;
    }
    if (e->step >= EDGE_FAST && !c->recovery) { /* limited transmit, RFC 3042 */
        return c->cwnd + c->beyond + least(c->dups, DUPS - 1) * e->mss;
    }
    return c->cwnd + c->beyond;
}

const char *edge_cwnd_out(struct edge *e, uint64_t now, uint32_t s, uint32_t t, int again)
{
    struct edge_cwnd *c = &e->cc;
    uint32_t may;

    if (c->cwnd == 0) {
        open(e);
    } else if (e->end == e->una_most && now - e->last_out > IDLE) { /* RFC 5681 4.1 */
        c->cwnd = least(c->cwnd, initial(e));
    }
    if (again) {
        time_out(e, s);
    }
    if (s < c->recover && t > c->resent) {
        c->resent = t;
        c->spurious &= again; /* F-RTO repeats only the first */
    }
    may = allowed(e, s);
    if (t > e->una_most && t - e->una_most > may) {
        return edge_wrong("have %u bytes in flight where RFC 5681 allows %u", t - e->una_most,
                          may);
    }
    return NULL;
}
