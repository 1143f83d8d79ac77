#include "tcp_pcb.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "heap.h"
#include "ip.h"
#include "platform.h"
#include "ring.h"
#include "util.h"

#define TCP_ISN_TICK 4000 /* nanoseconds in which the ISS grows by one, RFC 9293 3.4.1 */

lock_t tcp_lock = LOCK_INITIALIZER;
struct tcp_stats stats;

/* Text out of order of all blocks. */
static struct tcp_reass_range ranges[TCP_REASS_POOL + 1];
static struct tcp_reass_pool pool = {.range = ranges, .size = TCP_REASS_POOL};
static struct table pcbs = {.limit = TCP_PCB_SIZE}; /* of struct tcp_pcb */
static struct heap_node *places[TCP_PCB_SIZE];
static struct heap deadlines = {.nodes = places}; /* blocks in the table that have one */
static struct timer_once timer; /* for the first of them, or an earlier time */
static uint64_t timer_due; /* the time to which it is set; UINT64_MAX: it is off */
static int started; /* between tcp_pcb_start and tcp_pcb_stop */
static uint64_t last_order; /* last accept.order given */
static uint8_t secret[SIPHASH_KEY_SIZE]; /* key of tcp_secret_hash */
static uint16_t last_port; /* source ports tried so far */

/*
 * Deadlines
 */

int tcp_pcb_register_timer(void (*handler)(void))
{
    timer_due = UINT64_MAX;
    return timer_once_register(&timer, handler);
}

uint64_t tcp_pcb_r2_end(const struct tcp_pcb *pcb)
{
    uint64_t end;

    if (pcb->timer.retrans == 0) {
        return 0;
    }
    if (tcp_is_half_open(pcb)) {
        /* departs from RFC 9293's MUST-23, at least 3 minutes for a SYN: blocks of forged SYNs are
         * freed sooner, RFC 4987 3.3 */
        return pcb->retrans.first + MILLISECONDS(TCP_R2_HALF_OPEN);
    }
    if (tcp_in_handshake(pcb)) {
        return pcb->retrans.first + MILLISECONDS(TCP_R2_SYN);
    }
    if (pcb->retrans.num < TCP_R2_NUM) {
        return 0; /* the timeout may be a minute */
    }
    end = pcb->retrans.first + MILLISECONDS(TCP_R2);
    return pcb->retrans.last < end ? end : pcb->timer.retrans;
}

/* Returns the first deadline of the block, or 0: it has none. */
static uint64_t tcp_pcb_deadline(const struct tcp_pcb *pcb)
{
    uint64_t all[] = {
        pcb->timer.ack,
        pcb->timer.pace,
        pcb->timer.retrans,
        pcb->timer.expires,
        tcp_pcb_r2_end(pcb),
    };
    uint64_t first = 0;
    size_t i;

    for (i = 0; i < countof(all); i++) {
        if (all[i] && (!first || all[i] < first)) {
            first = all[i];
        }
    }
    return first;
}

/* Sets the one-shot timer. A later deadline leaves it: a tick that comes too early, about once in
 * the timeout of a busy connection, costs less than to move it with each segment. */
static void tcp_set_timer(uint64_t deadline)
{
    if (deadline < timer_due && deadline != TCP_AT_BATCH_END) {
        timer_due = deadline;
        timer_once_set(&timer, deadline);
    }
}

void tcp_pcb_schedule(struct tcp_pcb *pcb)
{
    uint64_t deadline = tcp_pcb_deadline(pcb);

    assert(lock_held(&tcp_lock));
    if (deadline) {
        heap_set(&deadlines, &pcb->timer.due, deadline);
        tcp_set_timer(deadline);
    } else {
        heap_remove(&deadlines, &pcb->timer.due);
    }
}

struct tcp_pcb *tcp_pcb_next_due(uint64_t now)
{
    struct heap_node *first = heap_first(&deadlines);

    assert(lock_held(&tcp_lock));
    if (first && first->key <= now) {
        return (struct tcp_pcb *)((char *)first - offsetof(struct tcp_pcb, timer.due));
    }
    if (timer_due <= now) {
        timer_due = UINT64_MAX; /* the handler was called, or will be for nothing */
    }
    if (first) {
        tcp_set_timer(first->key);
    }
    return NULL;
}

/*
 * The end of a connection
 */

/* Stops the retransmission timer, and frees unacknowledged data and text out of order. */
static void tcp_pcb_flush(struct tcp_pcb *pcb)
{
    ring_free(&pcb->snd.buf);
    pcb->snd.fin = 0;
    pcb->timer.retrans = 0;
    pcb->timer.ack = 0;
    pcb->timer.pace = 0;
    tcp_reass_clear(&pcb->rcv.reass);
    tcp_pcb_schedule(pcb);
}

void tcp_pcb_leave_listener(struct tcp_pcb *pcb)
{
    if (pcb->accept.parent && pcb->accept.order == 0) {
        pcb->accept.parent->listen.syn_received--;
    } else if (pcb->accept.parent) {
        pcb->accept.parent->listen.waiting--;
    }
    pcb->accept.parent = NULL;
}

void tcp_pcb_release(struct tcp_pcb *pcb)
{
    debugf("desc=%d", pcb->desc);
    table_remove(&pcbs, pcb->desc);
    tcp_pcb_leave_listener(pcb);
    pcb->timer.expires = 0;
    tcp_pcb_flush(pcb); /* before the lock is released: it has no deadline any more */
    sched_task_destroy(&pcb->user.task, &tcp_lock);
    ring_free(&pcb->rcv.buf);
    memory_free(pcb);
}

void tcp_pcb_set_state(struct tcp_pcb *pcb, enum tcp_state state)
{
    assert(lock_held(&tcp_lock));
    debugf("desc=%d, %s => %s", pcb->desc, tcp_state_ntoa(pcb->state), tcp_state_ntoa(state));
    pcb->state = state;
    tcp_pcb_schedule(pcb);
    sched_task_wakeup(&pcb->user.task);
}

void tcp_pcb_finish(struct tcp_pcb *pcb, int errnum)
{
    tcp_pcb_flush(pcb);
    pcb->timer.expires = 0;
    pcb->user.errnum = errnum;
    tcp_pcb_set_state(pcb, TCP_STATE_CLOSED);
    if (!pcb->user.owned) {
        tcp_pcb_release(pcb);
    }
}

void tcp_pcb_fail_handshake(struct tcp_pcb *pcb, int errnum)
{
    if (!pcb->passive || !pcb->user.owned) {
        tcp_pcb_finish(pcb, errnum);
        return;
    }
    tcp_pcb_flush(pcb);
    pcb->local = pcb->user.offered;
    pcb->remote = pcb->user.expected;
    tcp_pcb_set_state(pcb, TCP_STATE_LISTEN);
}

/*
 * The table
 */

void tcp_pcb_start(void)
{
    assert(lock_held(&tcp_lock));
    random_bytes(secret, sizeof(secret));
    started = 1;
}

void tcp_pcb_stop(void)
{
    assert(lock_held(&tcp_lock));
    started = 0;
}

struct tcp_pcb *tcp_pcb_next(size_t *place)
{
    assert(lock_held(&tcp_lock));
    return table_next(&pcbs, place);
}

struct tcp_pcb *tcp_pcb_get(int desc)
{
    struct tcp_pcb *pcb;

    assert(lock_held(&tcp_lock));
    if (platform_is_child()) {
        errno = ENETDOWN;
        return NULL;
    }
    pcb = table_get(&pcbs, desc);
    if (!pcb || !pcb->user.owned || pcb->user.closing) {
        errno = EBADF;
        return NULL;
    }
    return pcb;
}

int tcp_is_half_open(const struct tcp_pcb *pcb)
{
    return pcb->state == TCP_STATE_SYN_RECEIVED && pcb->passive && !pcb->accept.ack_seen;
}

/* Releases the oldest half-open connection of a listener, or of all (NULL). RFC 4987 3.4. This hits
 * a true peer only if SYNs fill all places within its round trip. Returns 0, or -1 if there is
 * none. */
static int tcp_pcb_evict(const struct tcp_pcb *listener)
{
    struct tcp_pcb *pcb, *oldest = NULL;
    size_t i = 0;

    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (tcp_is_half_open(pcb) && pcb->accept.parent &&
            (!listener || pcb->accept.parent == listener) &&
            (!oldest || pcb->accept.syn_time < oldest->accept.syn_time)) {
            oldest = pcb;
        }
    }
    if (!oldest) {
        return -1;
    }
    count(stats.half_open_evicted);
    tcp_pcb_release(oldest);
    return 0;
}

/* Does the block only wait for its deadline, without a user and with all acknowledged? */
static int tcp_is_lingering(const struct tcp_pcb *pcb)
{
    return !pcb->user.owned &&
           (pcb->state == TCP_STATE_TIME_WAIT || pcb->state == TCP_STATE_FIN_WAIT2);
}

/* Makes room in a full table: releases the lingering block with the nearest deadline, or else
 * evicts a half-open one. Returns 0, or -1. */
static int tcp_pcb_recycle(void)
{
    struct tcp_pcb *pcb, *oldest = NULL;
    size_t i = 0;

    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (tcp_is_lingering(pcb) && (!oldest || pcb->timer.expires < oldest->timer.expires)) {
            oldest = pcb;
        }
    }
    if (!oldest) {
        return tcp_pcb_evict(NULL);
    }
    tcp_pcb_release(oldest);
    return 0;
}

/* Adds the block to the table. Returns 0, or -1 (EMFILE, ENOMEM). */
static int tcp_pcb_add(struct tcp_pcb *pcb)
{
    pcb->desc = table_add(&pcbs, pcb);
    if (pcb->desc == -1 && errno == EMFILE && tcp_pcb_recycle() == 0) {
        pcb->desc = table_add(&pcbs, pcb);
    }
    return pcb->desc == -1 ? -1 : 0;
}

struct tcp_pcb *tcp_pcb_alloc(int owned)
{
    struct tcp_pcb *pcb;

    assert(lock_held(&tcp_lock));
    if (!started || platform_is_child()) {
        errno = ENETDOWN;
        return NULL;
    }
    pcb = memory_alloc(sizeof(*pcb));
    if (!pcb) {
        errno = ENOMEM;
        return NULL;
    }
    if (tcp_pcb_add(pcb) == -1) {
        memory_free(pcb);
        return NULL;
    }
    tcp_reass_init(&pcb->rcv.reass, &pool);
    pcb->user.owned = owned;
    sched_task_init(&pcb->user.task);
    return pcb;
}

int tcp_endp_is_equal(const ip_endp_t *a, const ip_endp_t *b)
{
    return a->addr == b->addr && a->port == b->port;
}

struct tcp_pcb *tcp_pcb_find(const ip_endp_t *local, const ip_endp_t *remote)
{
    struct tcp_pcb *pcb;
    size_t i = 0;

    assert(lock_held(&tcp_lock));
    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (pcb->state == TCP_STATE_CLOSED || pcb->state == TCP_STATE_LISTEN) {
            continue;
        }
        if (tcp_endp_is_equal(&pcb->local, local) && tcp_endp_is_equal(&pcb->remote, remote)) {
            return pcb;
        }
    }
    return NULL;
}

static int tcp_endp_is_any(const ip_endp_t *endp)
{
    return endp->addr == IP_ADDR_ANY && endp->port == 0;
}

/* Returns how closely a listener matches, 0 if it does not. A bound address adds 1, an expected
 * peer 2. */
static int tcp_pcb_match(const struct tcp_pcb *pcb, const ip_endp_t *local, const ip_endp_t *remote)
{
    int score = 1;

    if (pcb->state != TCP_STATE_LISTEN || pcb->local.port != local->port) {
        return 0;
    }
    if (pcb->local.addr != IP_ADDR_ANY) {
        if (pcb->local.addr != local->addr) {
            return 0;
        }
        score += 1;
    }
    if (!tcp_endp_is_any(&pcb->user.expected)) {
        if (!tcp_endp_is_equal(&pcb->user.expected, remote)) {
            return 0;
        }
        score += 2;
    }
    return score;
}

struct tcp_pcb *tcp_pcb_find_listener(const ip_endp_t *local, const ip_endp_t *remote)
{
    struct tcp_pcb *best = NULL, *pcb;
    size_t i = 0;
    int score = 0;

    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (tcp_pcb_match(pcb, local, remote) > score) {
            best = pcb;
            score = tcp_pcb_match(best, local, remote);
        }
    }
    return best;
}

struct tcp_pcb *tcp_pcb_select(const ip_endp_t *local, const ip_endp_t *remote)
{
    struct tcp_pcb *pcb = tcp_pcb_find(local, remote);

    return pcb ? pcb : tcp_pcb_find_listener(local, remote);
}

/*
 * States
 */

const char *tcp_state_ntoa(enum tcp_state state)
{
    static const char *const names[] = {
        "CLOSED", "LISTEN", "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT1",
        "FIN_WAIT2", "CLOSING", "TIME_WAIT", "CLOSE_WAIT", "LAST_ACK",
    };

    return (size_t)state < countof(names) ? names[state] : "UNKNOWN";
}

int tcp_in_handshake(const struct tcp_pcb *pcb)
{
    return pcb->state == TCP_STATE_SYN_SENT || pcb->state == TCP_STATE_SYN_RECEIVED;
}

int tcp_is_open_to_peer(const struct tcp_pcb *pcb)
{
    return pcb->state == TCP_STATE_ESTABLISHED || pcb->state == TCP_STATE_FIN_WAIT1 ||
           pcb->state == TCP_STATE_FIN_WAIT2;
}

/*
 * Listeners of sockets
 */

struct tcp_pcb *tcp_pcb_alloc_child(struct tcp_pcb *listener, uint64_t now)
{
    struct tcp_pcb *pcb;

    if (listener->listen.waiting >= listener->listen.backlog ||
        (listener->listen.syn_received >= TCP_HALF_OPEN_MAX && tcp_pcb_evict(listener) == -1)) {
        drop(stats.backlog_full, "desc=%d, no room for a connection", listener->desc);
        return NULL;
    }
    pcb = tcp_pcb_alloc(0);
    if (!pcb) {
        drop(stats.no_block, "desc=%d, no block for a connection", listener->desc);
        return NULL;
    }
    pcb->state = TCP_STATE_LISTEN;
    pcb->accept.parent = listener;
    pcb->accept.syn_time = now;
    listener->listen.syn_received++;
    return pcb;
}

void tcp_pcb_await_accept(struct tcp_pcb *pcb)
{
    if (pcb->accept.parent) {
        pcb->accept.order = ++last_order;
        pcb->accept.parent->listen.syn_received--;
        pcb->accept.parent->listen.waiting++;
        sched_task_wakeup_one(&pcb->accept.parent->user.task);
    }
}

struct tcp_pcb *tcp_pcb_next_child(const struct tcp_pcb *listener)
{
    struct tcp_pcb *pcb, *first = NULL;
    size_t i = 0;

    assert(lock_held(&tcp_lock));
    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (pcb->accept.parent == listener && pcb->state != TCP_STATE_SYN_RECEIVED &&
            (!first || pcb->accept.order < first->accept.order)) {
            first = pcb;
        }
    }
    return first;
}

/*
 * Initial sequence number
 */

/* Keyed hash of both endpoints. */
static uint32_t tcp_secret_hash(const ip_endp_t *local, const ip_endp_t *remote)
{
    uint8_t id[12];

    memcpy(id, &local->addr, sizeof(local->addr));
    memcpy(id + 4, &remote->addr, sizeof(remote->addr));
    memcpy(id + 8, &local->port, sizeof(local->port));
    memcpy(id + 10, &remote->port, sizeof(remote->port));
    return (uint32_t)siphash(secret, id, sizeof(id));
}

uint32_t tcp_choose_iss(const ip_endp_t *local, const ip_endp_t *remote, uint64_t now)
{
    return (uint32_t)(now / TCP_ISN_TICK) + tcp_secret_hash(local, remote);
}

void tcp_pcb_set_iss(struct tcp_pcb *pcb, uint32_t iss)
{
    pcb->snd.iss = pcb->snd.una = pcb->snd.nxt = iss;
    pcb->snd.wnd_max = 0;
    pcb->rtt = (struct tcp_rtt){0};
    pcb->frto = (struct tcp_frto){0};
    pcb->timer.rst_expires = 0;
}

/*
 * Endpoints
 */

/* Is local bound, for the same expected peer? IP_ADDR_ANY overlaps with each address. */
static int tcp_is_in_use(const ip_endp_t *local, const ip_endp_t *expected)
{
    const struct tcp_pcb *pcb;
    size_t i = 0;

    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (pcb->state != TCP_STATE_CLOSED && pcb->state != TCP_STATE_LISTEN) {
            continue;
        }
        if (pcb->user.offered.port != local->port ||
            !tcp_endp_is_equal(&pcb->user.expected, expected)) {
            continue;
        }
        if (pcb->user.offered.addr == local->addr || pcb->user.offered.addr == IP_ADDR_ANY ||
            local->addr == IP_ADDR_ANY) {
            return 1;
        }
    }
    return 0;
}

int tcp_pcb_offer(struct tcp_pcb *pcb, const ip_endp_t *local, const ip_endp_t *expected)
{
    if (local->addr != IP_ADDR_ANY && !ip_iface_select(local->addr)) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    if (tcp_is_in_use(local, expected)) {
        errno = EADDRINUSE;
        return -1;
    }
    pcb->local = pcb->user.offered = *local;
    pcb->remote = pcb->user.expected = *expected;
    return 0;
}

int tcp_choose_port(ip_endp_t *local, const ip_endp_t *remote)
{
    uint32_t num = TCP_SOURCE_PORT_MAX - TCP_SOURCE_PORT_MIN + 1, start, i;
    ip_endp_t anybody = {IP_ADDR_ANY, 0};

    local->port = 0;
    start = tcp_secret_hash(local, remote) % num;
    for (i = 0; i < num; i++) {
        local->port = hton16((uint16_t)(TCP_SOURCE_PORT_MIN + (start + ++last_port) % num));
        if (!tcp_is_in_use(local, &anybody) && !tcp_pcb_find(local, remote)) {
            return 0;
        }
    }
    local->port = 0;
    errno = EADDRNOTAVAIL;
    return -1;
}

int tcp_pcb_set_endpoints(struct tcp_pcb *pcb, const ip_endp_t *remote)
{
    ip_endp_t local = pcb->user.offered;
    const struct ip_iface *iface = ip_route_get_iface_from(local.addr, remote->addr);

    if (!iface) {
        errno = ENETUNREACH;
        return -1;
    }
    if (remote->port == 0 || !ip_addr_is_host(remote->addr, iface)) {
        errno = EINVAL; /* RFC 9293 3.9.1.1, MUST-46 */
        return -1;
    }
    if (local.addr == IP_ADDR_ANY) {
        local.addr = iface->unicast;
    }
    if (local.port == 0 && tcp_choose_port(&local, remote) == -1) {
        return -1;
    }
    if (tcp_pcb_find(&local, remote) || tcp_endp_is_equal(&local, remote)) {
        errno = EADDRINUSE;
        return -1;
    }
    pcb->local = local;
    pcb->remote = *remote;
    return 0;
}

/*
 * The user's view, and the counters
 */

/* Copies the variables of a block. Returns 0, or -1 if pcb is NULL. */
static int tcp_pcb_view(const struct tcp_pcb *pcb, struct tcp_view *view)
{
    assert(lock_held(&tcp_lock));
    if (pcb) {
        *view = (struct tcp_view){
            .desc = pcb->desc,
            .state = pcb->state,
            .local = pcb->local,
            .remote = pcb->remote,
            .snd = {pcb->snd.una, pcb->snd.nxt, pcb->snd.wnd, pcb->snd.wl1, pcb->snd.wl2},
            .iss = pcb->snd.iss,
            .rcv = {pcb->rcv.nxt, pcb->rcv.wnd},
            .irs = pcb->rcv.irs,
            .soft_error = pcb->user.soft_error,
            .unacked = pcb->snd.buf.len,
            .unread = pcb->rcv.buf.len,
            .ranges = pcb->rcv.reass.num,
            .rtt = {pcb->rtt.srtt, pcb->rtt.var, tcp_rtt_rto(&pcb->rtt), pcb->rtt.samples},
            .cwnd = pcb->cc.cwnd,
            .ssthresh = pcb->cc.ssthresh,
        };
    }
    return pcb ? 0 : -1;
}

int tcp_get_view(int desc, struct tcp_view *view)
{
    int ret;

    lock_acquire(&tcp_lock);
    ret = tcp_pcb_view(table_get(&pcbs, desc), view);
    lock_release(&tcp_lock);
    if (ret == -1) {
        errno = EBADF;
    }
    return ret;
}

int tcp_get_view_at(size_t place, struct tcp_view *view)
{
    int ret;

    lock_acquire(&tcp_lock);
    ret = tcp_pcb_view(table_at(&pcbs, place), view);
    lock_release(&tcp_lock);
    return ret;
}

void tcp_get_stats(struct tcp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
    counters_copy(&out->ranges_evicted, &pool.evicted, sizeof(pool.evicted));
}
