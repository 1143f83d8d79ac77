#include "edge.h"

#include <string.h>

/*
 * The congestion window, as large as the RFCs allow: a sender may have less in flight.
 *
 * The wire does not tell all. A segment that is sent again may be a repair, the next one after a
 * timeout, or due to a timeout. An ACK outside the window is taken or not. When a segment goes out,
 * some ACKs of the instant have been taken, and others not yet. So there are several states in
 * which the sender may be. Each segment leaves those that explain it; if there is none, that is
 * wrong.
 */
#define IDLE UINT64_C(10000000000) /* 10 s: surely longer than an RTO that was not backed off */
#define IW_SEGMENTS 10
#define IW_BYTES    14600 /* RFC 6928 */
#define DUPS        3
#define MS          UINT64_C(1000000)

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

static void halve(const struct edge *e, struct edge_state *st, uint32_t flight)
{
    st->ssthresh = most(flight / 2, 2 * e->mss);
    st->beyond = 0;
    st->losses++;
}

/*
 * ACKs
 */

/* Slow start, RFC 3465 2.2: it ends where cwnd reaches ssthresh or, for a sender that has grown
 * less, up to an increment beyond. */
static void slow_start(const struct edge *e, struct edge_state *st, uint32_t acked,
                       uint32_t flight)
{
    uint32_t most_once = (st->slow ? 1 : 2) * e->mss;
    uint32_t limits = most(2 * flight, flight + e->mss); /* one not below is no limit */

    st->cwnd = most(st->cwnd, least(st->cwnd, limits - 1) + least(acked, most_once));
    if (st->cwnd >= st->ssthresh) {
        st->beyond = most(st->beyond, most_once);
    }
}

/* Slow start and congestion avoidance by bytes, RFC 3465, where cwnd is what limits. */
static void grow(const struct edge *e, struct edge_state *st, uint32_t acked, uint32_t flight)
{
    if (st->cwnd < st->ssthresh) {
        slow_start(e, st, acked, flight);
        return;
    }
    st->slow = 0;
    if (flight + 2 * e->mss >= st->cwnd) {
        st->counted += acked;
        if (st->counted >= st->cwnd) {
            st->counted -= st->cwnd;
            st->cwnd += e->mss;
        }
    }
}

/* RFC 6582 3.2, step 3 */
static void recover(const struct edge *e, struct edge_state *st, uint32_t acked)
{
    if (st->una >= st->recover) {
        st->recovery = 0;
        st->cwnd = st->ssthresh;
        st->beyond = 2 * e->mss; /* (1): perhaps less, and then slow start goes beyond ssthresh */
        return;
    }
    st->cwnd = most(st->cwnd - least(acked, st->cwnd) + (acked >= e->mss ? e->mss : 0), e->mss);
    st->repairs = 1;
    st->partials++;
}

/* F-RTO, RFC 5682 2.1: two ACKs of new data, the second of bytes not sent again, show that the RTO
 * was spurious; what it did to the window may be undone. */
static void undo(const struct edge *e, struct edge_state *st)
{
    if (!st->spurious) {
        return;
    }
    st->answers++;
    if (st->answers == 2 && st->una > st->resent) {
        st->cwnd = most(st->cwnd, st->old_cwnd);
        st->ssthresh = most(st->ssthresh, st->old_ssthresh);
        st->beyond = st->cwnd < st->ssthresh ? 0 : 2 * e->mss;
        st->slow = 0;
        st->recovered = st->una;
    }
    if (st->answers == 2 || st->una >= st->recover) {
        st->spurious = 0;
    }
}

static void take_new(const struct edge *e, struct edge_state *st, uint32_t ack)
{
    uint32_t acked = ack - most(st->una, 1), flight = e->end - st->una; /* the SYN is no data */

    st->una = ack;
    st->una_at = e->now;
    st->dups = 0;
    st->timeout = 0;
    if (st->recovery) {
        recover(e, st, acked);
    } else if (st->cwnd > 0) {
        undo(e, st);
        grow(e, st, acked, flight);
    }
    if (!st->recovery || st->partials == 1) {
        st->timer = e->now; /* RFC 6582 4: for later partial ACKs perhaps not */
    }
}

/* Something was lost indeed, and what was sent meanwhile may have been dropped behind it. RFC 5682
 * 2.1 step 3a */
static void confirm_timeout(const struct edge *e, struct edge_state *st)
{
    if (st->spurious && st->answers == 1 && e->end > st->recover) {
        st->cwnd = most(st->cwnd, 3 * e->mss);
        st->recover = e->end;
    }
    st->spurious = 0;
}

static void take_duplicate(const struct edge *e, struct edge_state *st)
{
    confirm_timeout(e, st);
    if (st->recovery) {
        st->cwnd += e->mss;
        return;
    }
    st->dup_at = e->now;
    if (st->dups++ == 0) {
        st->flight = e->end - st->una; /* without what limited transmit adds */
    }
}

/* Takes the next ACK of this instant. Returns 0 if there is none. A duplicate ACK, RFC 5681 2, has
 * no data and the same window, and comes with data in flight. With a window of zero it answers a
 * probe. */
static int take_next(const struct edge *e, struct edge_state *st)
{
    const struct edge_ack *a = &e->acks[st->taken];
    uint32_t wnd = st->wnd;

    if (st->taken == e->num_acks) {
        return 0;
    }
    st->taken++;
    if (a->ack < st->una || (a->sure != EDGE_SURE && !st->takes == (st->but != st->taken))) {
        return 1;
    }
    st->wnd = a->wnd;
    if (a->ack > st->una) {
        take_new(e, st, a->ack);
    } else if (st->cwnd > 0 && e->end > st->una && a->bare && a->wnd == wnd && wnd > 0) {
        take_duplicate(e, st);
    }
    return 1;
}

/*
 * States
 */
void edge_cwnd_start(struct edge *e)
{
    e->num_states = 2;
    e->states[1].takes = 1;
}

/* Are they the same but for the window and the timer? */
static int is_like(const struct edge_state *a, const struct edge_state *b)
{
    return a->takes == b->takes && a->but == b->but && a->taken == b->taken && a->una == b->una &&
           a->una_at == b->una_at && a->dups == b->dups && a->dup_at == b->dup_at &&
           a->wnd == b->wnd && a->recover == b->recover && a->recovered == b->recovered &&
           a->recovery == b->recovery && a->repairs == b->repairs &&
           a->partials == b->partials && a->back == b->back && a->resent == b->resent &&
           a->timeout == b->timeout && a->slow == b->slow && a->answers == b->answers &&
           a->spurious == b->spurious;
}

/* What either allows */
static void join(struct edge_state *a, const struct edge_state *b)
{
    a->timer = a->timer < b->timer ? a->timer : b->timer;
    a->cwnd = most(a->cwnd, b->cwnd);
    a->ssthresh = most(a->ssthresh, b->ssthresh);
    a->beyond = most(a->beyond, b->beyond);
    a->counted = most(a->counted, b->counted);
    a->flight = most(a->flight, b->flight);
    a->old_cwnd = most(a->old_cwnd, b->old_cwnd);
    a->old_ssthresh = most(a->old_ssthresh, b->old_ssthresh);
    a->losses = most(a->losses, b->losses);
}

static void add(struct edge *e, const struct edge_state *st)
{
    for (unsigned int i = 0; i < e->num_states; i++) {
        if (is_like(&e->states[i], st)) {
            join(&e->states[i], st);
            return;
        }
    }
    if (e->num_states < EDGE_STATES) {
        e->states[e->num_states++] = *st;
    }
}

/* It has taken ACKs that are perhaps not acceptable, or none: later ones may be taken or not. */
static void add_other(struct edge *e)
{
    struct edge_state other = e->states[0];
    int seen[2] = {0, 0};

    for (unsigned int i = 0; i < e->num_states; i++) {
        seen[e->states[i].takes] = 1;
    }
    if (!seen[0] || !seen[1]) {
        other.takes = !other.takes;
        e->num_states -= e->num_states == EDGE_STATES;
        add(e, &other);
    }
}

/* The instant ends. What means nothing any more is 0, so that states become equal. */
static void tidy(struct edge_state *st, int step)
{
    st->dup_at = st->una_at = 0;
    st->repairs = 0;
    st->partials = st->recovery ? st->partials : 0;
    st->flight = st->dups > 0 ? st->flight : 0;
    st->recovered = most(st->recovered, st->una);
    st->back &= step < EDGE_CWND || st->una < st->recover;
    st->resent = st->back || st->spurious ? st->resent : 0;
    if (!st->spurious) {
        st->answers = 0;
    }
    if (!st->spurious && !st->timeout) {
        st->old_cwnd = st->old_ssthresh = 0;
    }
    if (!st->recovery && !st->back && !st->spurious) {
        st->recover = 0;
    }
}

static void take_all(struct edge *e)
{
    for (unsigned int i = 0; i < e->num_states; i++) {
        while (take_next(e, &e->states[i])) {
            continue;
        }
        e->states[i].taken = e->states[i].but = 0;
    }
    e->num_acks = 0;
}

void edge_cwnd_settle(struct edge *e)
{
    unsigned int n = e->num_states;

    take_all(e);
    e->num_states = 0;
    for (unsigned int i = 0; i < n; i++) {
        struct edge_state st = e->states[i];

        tidy(&st, e->step);
        add(e, &st);
    }
}

void edge_cwnd_in(struct edge *e, const struct edge_segment *seg, enum edge_sure sure)
{
    unsigned int n = e->num_states;

    if (e->num_acks == EDGE_ACKS) {
        take_all(e);
    }
    e->acks[e->num_acks++] = (struct edge_ack){
        seg->ack, seg->wnd, seg->len == 0 && !(seg->flags & (EDGE_SYN | EDGE_FIN)), sure,
    };
    for (unsigned int i = 0; sure == EDGE_PERHAPS && i < n; i++) {
        struct edge_state other = e->states[i];

        if (!other.takes) {
            other.but = e->num_acks;
            add(e, &other);
        }
    }
}

/*
 * Segments out
 */
enum why {
    NEW,
    REPAIR,
    GO_BACK,
    TIMEOUT,
};

/* Why none of the states explains a segment. */
struct reason {
    uint64_t since;     /* start of the timer, at most so long ago */
    uint32_t have, may; /* in flight; 0: not the reason */
};

/* RFC 5681 3.1: one segment if the SYN was lost. 4.1: after idleness */
static void open(const struct edge *e, struct edge_state *st)
{
    if (st->cwnd == 0) {
        st->cwnd = e->lost_syn ? e->mss : initial(e);
        st->ssthresh = UINT32_MAX;
    } else if (e->end == st->una && e->now - e->last_out > IDLE) {
        st->cwnd = least(st->cwnd, initial(e));
    }
}

/* The segment at s is sent: it starts the timer if it is the first in flight. One that has waited
 * for the next hop did so before. */
static void start_timer(const struct edge *e, struct edge_state *st, uint32_t s)
{
    if (s == st->una && !e->held) {
        st->timer = e->now;
    }
}

/* Returns what may be in flight at most, when s is sent. Limited transmit, RFC 3042: one segment
 * for each of two duplicates, "less than or equal to the congestion window plus 2 segments". */
static uint32_t allowed(const struct edge *e, const struct edge_state *st, uint32_t s)
{
    uint32_t room = st->cwnd + st->beyond, dups = least(st->dups, DUPS - 1);

    if (st->spurious && st->answers == 1 && s >= st->recover && st->una <= st->recover) {
        room = most(room, st->recover - st->una + 2 * e->mss); /* F-RTO sends two new segments */
    }
    if (e->step >= EDGE_FAST && !st->recovery && dups > 0) {
        return most(room + dups * e->mss, least(room + 2 * e->mss, st->flight + dups * e->mss));
    }
    return room;
}

static int fits(const struct edge *e, const struct edge_state *st, const struct edge_segment *seg,
                struct reason *reason)
{
    uint32_t end = seg->seq + seg->len, may = allowed(e, st, seg->seq); /* a FIN is no data */

    if (e->step < EDGE_CWND || end <= st->una || end - st->una <= may) {
        return 1;
    }
    reason->have = end - st->una;
    reason->may = most(reason->may, may);
    return 0;
}

/* Fast retransmit, RFC 6582 3.2, step 2 */
static void enter_recovery(const struct edge *e, struct edge_state *st)
{
    halve(e, st, st->flight);
    st->cwnd = st->ssthresh + st->dups * e->mss;
    st->recover = st->recovered = e->end;
    st->recovery = 1;
    st->counted = st->partials = 0;
    st->repairs = st->back = 0;
}

/* RFC 5681 3.2 step 3, RFC 6582 3.2 step 3: it answers an ACK at once. */
static int repairs(const struct edge *e, struct edge_state *st, uint32_t s)
{
    if (e->step < EDGE_FAST || s != st->una) {
        return 0;
    }
    if (!st->recovery && st->dups >= DUPS && st->dup_at == e->now && st->una >= st->recovered) {
        enter_recovery(e, st);
        return 1;
    }
    if (st->recovery && st->repairs > 0 && st->una_at == e->now) {
        st->repairs--;
        return 1;
    }
    return 0;
}

/* RFC 5681 3.1: (4) and the loss window. ssthresh is held if the timer expires again before an ACK
 * of new data. */
static void time_out(const struct edge *e, struct edge_state *st)
{
    if (!st->timeout) {
        st->old_cwnd = st->cwnd;
        st->old_ssthresh = st->ssthresh;
        halve(e, st, e->end - st->una);
    }
    st->cwnd = e->mss;
    st->beyond = 0;
    st->timeout = st->slow = st->spurious = st->back = 1;
    st->answers = st->dups = st->counted = 0;
    st->recovery = 0;
    st->recover = st->recovered = e->end;
    start_timer(e, st, st->una);
}

/* Each byte once, after a timeout. Without a congestion window, what was sent since may lie beyond
 * a hole, and was dropped there. */
static int goes_back(const struct edge *e, struct edge_state *st, uint32_t s)
{
    uint32_t to = e->step < EDGE_CWND ? e->end : st->recover;

    if (!st->back || s < st->resent || s < st->una || s >= to) {
        return 0;
    }
    confirm_timeout(e, st); /* F-RTO repeats only the first */
    return 1;
}

/* Is it sent in this state, and for this reason? Then the state is the one after it. */
static int explains(const struct edge *e, struct edge_state *st, const struct edge_segment *seg,
                    enum why why, struct reason *reason)
{
    uint32_t s = seg->seq, end = s + seg->len + !!(seg->flags & EDGE_FIN);

    switch (why) {
    case NEW:
        open(e, st);
        start_timer(e, st, s);
        return fits(e, st, seg, reason);
    case REPAIR:
        return repairs(e, st, s);
    case GO_BACK:
        if (!goes_back(e, st, s) || !fits(e, st, seg, reason)) {
            return 0;
        }
        break;
    case TIMEOUT:
        if (s != st->una || (e->now - st->timer < EDGE_RTO && !e->held)) {
            reason->since = s == st->una ? e->now - st->timer : reason->since;
            return 0;
        }
        time_out(e, st);
        if (!fits(e, st, seg, reason)) {
            return 0;
        }
        break;
    }
    st->resent = end;
    return 1;
}

/* Adds the first state from st on, as the ACKs of this instant are taken, that explains the segment
 * so. A timeout needs none. */
static void explain(struct edge *e, const struct edge_state *st, const struct edge_segment *seg,
                    enum why why, struct reason *reason)
{
    struct edge_state now = *st, then;

    do {
        then = now;
        if (explains(e, &then, seg, why, reason)) {
            add(e, &then);
            return;
        }
    } while (why != TIMEOUT && take_next(e, &now));
}

const char *edge_cwnd_out(struct edge *e, const struct edge_segment *seg)
{
    struct edge_state before[EDGE_STATES];
    unsigned int n = e->num_states;
    struct reason reason = {0, 0, 0};

    memcpy(before, e->states, sizeof(before));
    e->num_states = 0;
    for (unsigned int i = 0; i < n; i++) {
        if (seg->seq >= e->end) {
            explain(e, &before[i], seg, NEW, &reason);
            continue;
        }
        explain(e, &before[i], seg, REPAIR, &reason);
        explain(e, &before[i], seg, GO_BACK, &reason);
        explain(e, &before[i], seg, TIMEOUT, &reason);
    }
    if (e->num_states > 0) {
        add_other(e);
        return NULL;
    }
    memcpy(e->states, before, sizeof(before));
    e->num_states = n;
    if (reason.have > 0) {
        return edge_wrong("have %u bytes in flight where RFC 5681 allows %u", reason.have,
                          reason.may);
    }
    return edge_wrong("send %u again after %u ms", seg->seq, (unsigned int)(reason.since / MS));
}

const char *edge_look(struct edge *e, uint32_t ssthresh)
{
    uint32_t before = e->ssthresh, losses = 0;

    for (unsigned int i = 0; i < e->num_states; i++) {
        losses = most(losses, e->states[i].losses);
    }
    e->ssthresh = ssthresh;
    if (e->over || ssthresh >= before) {
        return NULL;
    }
    if (losses == e->losses && !e->unseen) {
        return edge_wrong("lower ssthresh to %u from %u for the same loss", ssthresh, before);
    }
    e->losses = losses;
    e->unseen = 0;
    return NULL;
}
