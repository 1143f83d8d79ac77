#include "reno.h"

#include <string.h>

#define MS      UINT64_C(1000000)
#define RTO     (1000 * MS)
#define RTO_MIN (200 * MS)
#define RTO_MAX (8000 * MS)

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* RFC 6928 */
static uint32_t first_window(const struct reno *r)
{
    return smaller(10 * r->mss, larger(2 * r->mss, 14600));
}

void reno_start(struct reno *r, uint32_t mss)
{
    memset(r, 0, sizeof(*r));
    r->mss = mss;
    r->cwnd = first_window(r);
    r->ssthresh = UINT32_MAX;
    r->rto = RTO;
}

void reno_lost_syn(struct reno *r)
{
    r->cwnd = r->mss;
}

uint32_t reno_window(const struct reno *r)
{
    return r->recovering ? r->cwnd : r->cwnd + smaller(r->dups, 2) * r->mss;
}

/*
 * Time: one segment is measured at a time, none that was sent twice
 */
void reno_sends(struct reno *r, uint64_t now, uint32_t end, int again)
{
    if (again) {
        r->timed = 0;
    } else if (!r->timed) {
        r->timed = end;
        r->timed_at = now;
    }
}

static void measure(struct reno *r, uint64_t rtt)
{
    uint64_t off = rtt > r->srtt ? rtt - r->srtt : r->srtt - rtt;

    if (r->srtt) {
        r->rttvar += off / 4;
        r->rttvar -= r->rttvar / 4;
        r->srtt += rtt / 8;
        r->srtt -= r->srtt / 8;
    } else {
        r->srtt = rtt + 1;
        r->rttvar = rtt / 2;
    }
}

static void set_rto(struct reno *r)
{
    uint64_t more = 4 * r->rttvar > RTO_MIN ? 4 * r->rttvar : RTO_MIN;

    r->rto = r->srtt ? r->srtt + more : RTO;
    r->rto = r->rto < RTO_MAX ? r->rto : RTO_MAX;
}

/*
 * Congestion
 */
static void lose(struct reno *r, uint32_t flight, uint32_t end)
{
    r->ssthresh = larger(flight / 2, 2 * r->mss);
    r->recover = end;
    r->part = 0;
}

static void open_up(struct reno *r, uint32_t acked, uint32_t flight)
{
    if (flight + r->mss <= r->cwnd) {
        return; /* the application or the peer limits */
    }
    if (r->cwnd < r->ssthresh) {
        r->cwnd += smaller(acked, r->once ? r->mss : 2 * r->mss);
        return;
    }
    r->once = 0;
    r->part += acked;
    if (r->part >= r->cwnd) {
        r->part -= r->cwnd;
        r->cwnd += r->mss;
    }
}

int reno_acked(struct reno *r, uint64_t now, uint32_t una, uint32_t ack, uint32_t nxt)
{
    if (r->timed && ack >= r->timed) {
        measure(r, now - r->timed_at);
        r->timed = 0;
    }
    set_rto(r);
    r->again = 0;
    r->dups = 0;
    if (!r->recovering) {
        open_up(r, ack - una, nxt - una);
        return 0;
    }
    if (ack < r->recover) {
        r->cwnd -= smaller(ack - una, r->cwnd);
        r->cwnd = larger(ack - una >= r->mss ? r->cwnd + r->mss : r->cwnd, r->mss);
        return 1;
    }
    r->recovering = 0;
    r->cwnd = smaller(r->ssthresh, larger(nxt - ack, r->mss) + r->mss);
    return 0;
}

int reno_duplicate(struct reno *r, uint32_t una, uint32_t end)
{
    if (r->recovering) {
        r->cwnd += r->mss;
        return 0;
    }
    if (r->dups++ == 0) {
        r->before = end - una;
    }
    if (r->dups != 3 || una <= r->recover) {
        return 0;
    }
    lose(r, r->before, end);
    r->cwnd = r->ssthresh + 3 * r->mss;
    r->recovering = 1;
    return 1;
}

void reno_timeout(struct reno *r, uint32_t una, uint32_t end)
{
    if (!r->again) {
        lose(r, end - una, end);
    }
    r->cwnd = r->mss;
    r->again = r->once = 1;
    r->recovering = 0;
    r->dups = 0;
    reno_back_off(r);
}

void reno_back_off(struct reno *r)
{
    r->rto = 2 * r->rto < RTO_MAX ? 2 * r->rto : RTO_MAX;
}

void reno_idle(struct reno *r)
{
    r->cwnd = smaller(r->cwnd, first_window(r));
}
