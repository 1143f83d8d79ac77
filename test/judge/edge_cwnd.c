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

/* The initial window, RFC 6928 */
static uint32_t initial(const struct edge *e)
{
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
        c->beyond = 2 * e->mss; /* step 3, (1): less, then slow start beyond ssthresh */
        if (c->unsure) { /* if it was a timeout, it has grown beyond ssthresh already */
            c->beyond = (6 + c->counted / c->ssthresh) * e->mss;
            c->counted = 0;
        }
        return;
    }
    c->cwnd = most(c->cwnd - least(acked, c->cwnd) + (acked >= e->mss ? e->mss : 0), e->mss);
    if (c->unsure) {
        c->cwnd = most(c->cwnd, c->ssthresh + e->mss); /* slow start gets so far */
    }
    c->repairs = 1;
    c->partials++;
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

/* RFC 6298 5.3; but in recovery RFC 6582 restarts the timer for the first partial ACK only, or for
 * each: it may have run since then. */
static void restart_timer(struct edge *e)
{
    if (!e->cc.recovery || e->cc.partials <= 1) {
        e->timer = e->now;
    }
}

static void take_new(struct edge *e, const struct edge_ack *a)
{
    struct edge_cwnd *c = &e->cc;
    uint32_t acked = a->ack - most(c->una, 1), flight = e->end - c->una; /* the SYN is no data */

    c->una = a->ack;
    c->una_at = e->now;
    c->dups = 0;
    c->timeout = 0;
    if (c->recovery) {
        recover(e, a->ack, acked);
    } else if (c->cwnd > 0) {
        undo(e, a->ack);
        grow(e, acked, flight);
    }
    if (a->sure) {
        restart_timer(e);
    }
}

/* Something was lost indeed, and what was sent meanwhile may have been dropped behind it. RFC 5682
 * 2.1 step 3a */
static void confirm_timeout(struct edge *e)
{
    struct edge_cwnd *c = &e->cc;

    if (c->spurious && c->answers == 1 && e->end > c->recover) {
        c->cwnd = most(c->cwnd, 3 * e->mss);
        c->recover = e->end;
    }
    c->spurious = 0;
}

/* A duplicate ACK, RFC 5681 2: with data in flight, without data, and with the same window. With a
 * window of zero it answers a probe. */
static void take_duplicate(struct edge *e)
{
    struct edge_cwnd *c = &e->cc;

    confirm_timeout(e);
    if (c->recovery) {
        c->cwnd += e->mss;
        return;
    }
    c->dup_at = e->now;
    if (c->dups++ == 0) {
        c->flight = e->end - c->una; /* without what limited transmit adds */
    }
}

static void take(struct edge *e, const struct edge_ack *a)
{
    struct edge_cwnd *c = &e->cc;
    uint32_t wnd = c->wnd;

    if (a->ack >= c->una) {
        c->wnd = a->wnd;
    }
    if (a->ack > c->una) {
        take_new(e, a);
    } else if (c->cwnd > 0 && a->ack == c->una && e->end > c->una && a->bare && a->wnd == wnd &&
               wnd > 0) {
        take_duplicate(e);
    }
}

/* Takes the next ACK of this instant. Returns 0 if there is none. */
static int take_next(struct edge *e)
{
    if (e->cc.taken == e->num_acks) {
        return 0;
    }
    take(e, &e->acks[e->cc.taken++]);
    return 1;
}

void edge_cwnd_in(struct edge *e, const struct edge_segment *seg, int sure)
{
    if (e->num_acks == EDGE_ACKS) {
        edge_cwnd_settle(e);
    }
    e->acks[e->num_acks++] = (struct edge_ack){
        seg->ack, seg->wnd, seg->len == 0 && !(seg->flags & (EDGE_SYN | EDGE_FIN)), sure,
    };
}

void edge_cwnd_settle(struct edge *e)
{
    while (take_next(e)) {
        continue;
    }
    e->cc.taken = e->num_acks = 0;
}

/*
 * Segments out
 */

static int is_late(const struct edge *e)
{
    return e->now - e->timer >= EDGE_RTO && e->now - e->cc.una_at >= EDGE_RTO;
}

/* A fast retransmit that comes so late may also be a timeout, which goes back. */
static void go_back_if_late(struct edge *e)
{
    struct edge_cwnd *c = &e->cc;

    if (is_late(e)) {
        c->counted = c->unsure ? c->counted : 0;
        c->back = c->unsure = 1;
        c->ssthresh = most(c->ssthresh, (e->end - c->una) / 2);
        c->resent = c->una;
        c->recover = e->end;
    }
}

/* So may the next one that is sent after a timeout. */
static void time_out_perhaps(struct edge *e)
{
    struct edge_cwnd *c = &e->cc;

    confirm_timeout(e);
    c->old_cwnd = most(c->old_cwnd, c->cwnd);
    c->old_ssthresh = most(c->old_ssthresh, c->ssthresh);
    c->ssthresh = most(c->ssthresh, (e->end - c->una) / 2);
    c->spurious = 1;
    c->answers = 0;
    c->recover = e->end;
}

/* Fast retransmit, RFC 6582 3.2, steps 2 and 3 */
static void enter_recovery(struct edge *e)
{
    struct edge_cwnd *c = &e->cc;

    halve(e, c->flight);
    c->cwnd = c->ssthresh + c->dups * e->mss;
    c->recover = e->end;
    c->recovery = 1;
    c->counted = c->partials = 0;
    c->repairs = c->back = c->unsure = 0;
    go_back_if_late(e);
}

/* Returns the end of what may be repeated after a timeout. Without a congestion window, what was
 * sent since may lie beyond a hole, and was dropped there. */
static uint32_t repeats_to(const struct edge *e)
{
    return e->step < EDGE_CWND ? e->end : e->cc.recover;
}

static int may_repair(struct edge *e, uint32_t s)
{
    struct edge_cwnd *c = &e->cc;

    if (e->step >= EDGE_MIN_RTO && c->back && s >= c->resent && s < repeats_to(e)) {
        if (s <= c->una && is_late(e)) {
            time_out_perhaps(e);
        } else {
            confirm_timeout(e); /* F-RTO repeats only the first */
        }
        return 1; /* each byte once */
    }
    if (e->step < EDGE_FAST || s > c->una || (s < c->una && s < e->una)) {
        return 0; /* not the first, unless an ACK was not taken */
    }
    if (!c->recovery && c->dups >= DUPS && c->dup_at == e->now && c->una >= c->recover) {
        enter_recovery(e);
        return 1;
    }
    if (c->recovery && c->repairs > 0 && c->una_at == e->now) {
        c->repairs--;
        return 1;
    }
    return 0;
}

int edge_cwnd_repairs(struct edge *e, uint32_t s)
{
    struct edge_cwnd before = e->cc;
    uint64_t timer = e->timer;

    while (!may_repair(e, s)) {
        if (!take_next(e)) { /* by the timer, then */
            e->cc = before;
            e->timer = timer;
            return 0;
        }
    }
    return 1;
}

/* RFC 5681 3.1: (4) and the loss window. ssthresh is held if the timer expires again before an ACK
 * of new data. */
static void time_out(struct edge *e, uint32_t s)
{
    struct edge_cwnd *c = &e->cc;

    if (!c->timeout) {
        c->old_cwnd = c->cwnd;
        c->old_ssthresh = c->ssthresh;
        halve(e, e->end - c->una);
    }
    c->cwnd = e->mss;
    c->beyond = 0;
    c->timeout = c->slow = c->spurious = c->back = 1;
    c->answers = c->dups = c->counted = 0;
    c->recovery = 0;
    c->resent = s;
    c->recover = e->end;
}

/* RFC 5681 3.1: one segment if the SYN was lost */
static void open(struct edge *e)
{
    e->cc.cwnd = e->cc.lost_syn ? e->mss : initial(e);
    e->cc.ssthresh = UINT32_MAX;
}

/* Returns what may be in flight at most. Limited transmit, RFC 3042: one segment for each of two
 * duplicates, "less than or equal to the congestion window plus 2 segments". */
static uint32_t allowed(const struct edge *e, uint32_t s)
{
    const struct edge_cwnd *c = &e->cc;
    uint32_t room = c->cwnd + c->beyond, dups = least(c->dups, DUPS - 1);

    if (c->spurious && c->answers == 1 && s >= c->recover) { /* F-RTO sends two new segments */
        return c->recover - c->una + 2 * e->mss;
    }
    if (e->step >= EDGE_FAST && !c->recovery && dups > 0) {
        return most(room + dups * e->mss, least(room + 2 * e->mss, c->flight + dups * e->mss));
    }
    return room;
}

const char *edge_cwnd_out(struct edge *e, uint64_t now, uint32_t s, uint32_t t, int again)
{
    struct edge_cwnd *c = &e->cc;
    uint32_t may;

    if (c->cwnd == 0) {
        open(e);
    } else if (e->end == c->una && now - e->last_out > IDLE) { /* RFC 5681 4.1 */
        c->cwnd = least(c->cwnd, initial(e));
    }
    if (s < c->una) { /* it has not taken an ACK that it need not */
        c->una = s;
    }
    if (again) {
        time_out(e, s);
    }
    if (s < repeats_to(e) && t > c->resent) {
        c->resent = t;
    }
    for (;;) {
        may = allowed(e, s);
        if (e->step < EDGE_CWND || t <= c->una || t - c->una <= may) {
            return NULL;
        }
        if (!take_next(e)) {
            return edge_wrong("have %u bytes in flight where RFC 5681 allows %u", t - c->una, may);
        }
    }
}
