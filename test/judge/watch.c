#include <stdlib.h>
#include <string.h>

#include "edge.h"
#include "judge.h"
#include "tcp.h"
#include "util.h"

/*
 * The rules of the wire. Numbers are relative to the sender's ISN: 0 is its SYN, 1 its first byte,
 * total + 1 its FIN.
 */
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct segment {
    uint32_t seq, ack, wnd;
    uint8_t flags;
    const uint8_t *data;
    size_t len;
    uint16_t mss; /* of the option; 0: none */
};

/* Sequence numbers of the segments from a side, and of those delivered to it. */
struct flow {
    int known;         /* it has sent its SYN */
    uint32_t isn;
    uint32_t end;      /* it has sent all below */
    uint32_t ack;      /* it has acknowledged all below */
    uint32_t edge;     /* right edge of the window it offered */
    uint32_t acked;    /* all below is acknowledged to it */
    uint32_t fin;      /* end of its FIN: an abort may send one early; 0: not sent */
    uint16_t mss;      /* MSS option it received */
    uint64_t progress; /* time of the last acknowledgment of new data, or zero window */
    int reset;         /* it has sent a RST */
    int another;       /* a late old SYN has opened another connection, which is permitted */
    uint32_t whole;    /* all of the other side below was delivered */
    uint8_t given[TOTAL_MAX + 2]; /* sequence numbers delivered */
};

static struct flow flows[2];
static uint64_t hash_;

#define must(cond, ...) \
    do { \
        if (!(cond)) { \
            sim_wrong("our stack must not: " __VA_ARGS__); \
        } \
    } while (0)

uint64_t watch_hash(void)
{
    return hash_;
}

uint64_t watch_progress(int side)
{
    return flows[side].progress;
}

int watch_isn(int side, uint32_t *isn)
{
    *isn = flows[side].isn;
    return flows[side].known;
}

static void hash_bytes(const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len--) {
        hash_ = (hash_ ^ *p++) * UINT64_C(1099511628211);
    }
}

static void hash_number(uint64_t n)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(n >> 8 * i);
    }
    hash_bytes(bytes, sizeof(bytes));
}

int watch_is_undamaged(const struct packet *p, const struct layout *lay)
{
    static uint8_t bytes[SIM_FRAME_MAX];
    struct packet copy = *p;

    if (!lay->sane) {
        return 0;
    }
    copy.data = bytes;
    memcpy(bytes, p->data, p->len);
    sim_fix_sums(&copy, lay);
    return !memcmp(bytes, p->data, p->len);
}

/* Returns the MSS option or 0. Fails on malformed options: none are delivered to our stack. */
static uint16_t mss_option(const uint8_t *opt, const uint8_t *end)
{
    while (opt < end && *opt != 0) {
        if (*opt == 1) {
            opt++;
            continue;
        }
        must(end - opt >= 2 && opt[1] >= 2 && opt[1] <= end - opt, "send options that do not fit");
        if (*opt == 2) {
            must(opt[1] == 4, "send an MSS option of %u bytes", opt[1]);
            return (uint16_t)(opt[2] << 8 | opt[3]);
        }
        opt += opt[1];
    }
    return 0;
}

static struct segment parse(const struct packet *p, const struct layout *lay)
{
    const uint8_t *tcp = p->data + lay->at[LAYER_TCP];
    struct segment seg;

    seg.seq = (uint32_t)sim_field_get(p, lay, F_TCP_SEQ);
    seg.ack = (uint32_t)sim_field_get(p, lay, F_TCP_ACK);
    seg.wnd = (uint32_t)sim_field_get(p, lay, F_TCP_WIN);
    seg.flags = (uint8_t)sim_field_get(p, lay, F_TCP_FLAGS);
    seg.data = p->data + lay->payload;
    seg.len = lay->end - lay->payload;
    seg.mss = mss_option(tcp + 20, seg.data);
    return seg;
}

/*
 * The watcher at the edge of each side of ours: it gets what the stack sends, and what a batch of
 * the device hands to the stack
 */
static struct edge edges[2];

static struct arrival {
    int side; /* of the stack, which it reaches */
    size_t nth; /* of all frames */
    struct edge_segment seg;
} *arrivals; /* the segments that the stack has not processed yet */
static size_t num_arrivals, room;

#define BATCH_MAX 1000 /* net.c may drop what exceeds its queue: so many in an instant */

/* from and to are the ISNs of its sender and its receiver. */
static struct edge_segment relative(const struct segment *seg, uint32_t from, uint32_t to)
{
    return (struct edge_segment){
        .seq = seg->seq - from,
        .ack = seg->flags & ACK ? seg->ack - to : 0,
        .wnd = seg->wnd,
        .len = (uint32_t)seg->len,
        .flags = seg->flags,
        .mss = seg->flags & SYN && !seg->mss ? 536 : seg->mss,
    };
}

static void obey(const char *wrong)
{
    must(!wrong, "%s", wrong);
}

/* The view of the stack's control block shows ssthresh, from step 50 on. */
#if EDGE_STEP >= 50
static struct place {
    size_t at;
    int found;
} places[2]; /* of the sides' blocks */

static int is_view_of(int side, size_t at, struct tcp_view *view)
{
    uint16_t local = hton16(side ? PORT : PORT_OPEN), remote = hton16(side ? PORT_OPEN : PORT);

    return tcp_get_view_at(at, view) == 0 && view->local.port == local &&
           view->remote.port == remote && view->iss == flows[side].isn;
}

static void look(int side)
{
    struct place *place = &places[side];
    struct tcp_view view;

    sim_peek(1);
    while (!place->found && place->at < TCP_PCB_SIZE && !is_view_of(side, place->at, &view)) {
        place->at++;
    }
    place->found |= place->at < TCP_PCB_SIZE;
    if (place->found && is_view_of(side, place->at, &view) && view.ssthresh > 0) {
        obey(edge_look(&edges[side], view.ssthresh));
    }
    sim_peek(0);
}
#else
static void look(int side)
{
    (void)side;
}
#endif

static void edge_sends(int side, const struct segment *seg)
{
    struct edge_segment out = relative(seg, flows[side].isn, flows[!side].isn);

    if (flows[side].known) {
        edges[side].given = 1 + (uint32_t)end_given(side);
        obey(edge_out(&edges[side], sim_now, &out));
        look(side);
    }
}

static void edge_will_get(int side, const struct segment *seg)
{
    if (num_arrivals == room) {
        room = room ? 2 * room : 64;
        arrivals = realloc(arrivals, room * sizeof(*arrivals));
        if (!arrivals) {
            sim_wrong("out of memory");
        }
    }
    arrivals[num_arrivals++] = (struct arrival){
        side, sim_arrived() + 1, relative(seg, flows[!side].isn, flows[side].isn)};
}

#if EDGE_STEP >= 49
/* The stack has processed what was handed to it: a sample of the round trip needs an ACK that
 * allows one. The counter is of both sides. */
static void check_samples(void)
{
    static uint64_t before;
    unsigned int most = 0, taken;
    struct tcp_stats stats;
    int over = 0;

    tcp_get_stats(&stats);
    taken = (unsigned int)(stats.rtt_samples - before);
    before = stats.rtt_samples;
    for (int i = 0; i < 2 - plan.peer; i++) {
        most += edges[i].may_sample;
        edges[i].may_sample = 0;
        over |= edges[i].over;
    }
    must(over || taken <= most,
         "measure %u round trips by ACKs of which %u allow it", taken, most);
}
#else
static void check_samples(void)
{
}
#endif

/* The stack begins to process the frames that have reached it. Of so many in an instant it may have
 * dropped the last ones. */
static void edge_batch(void)
{
    static uint64_t instant;
    static size_t before; /* frames of earlier instants */
    static size_t last;   /* of the last batch */
    size_t handed = sim_handed(), n = 0;

    check_samples();
    before = instant == sim_now ? before : last;
    instant = sim_now;
    for (; n < num_arrivals && arrivals[n].nth <= handed; n++) {
        struct edge *e = &edges[arrivals[n].side];

        if (arrivals[n].nth - before < BATCH_MAX) {
            obey(edge_in(e, sim_now, &arrivals[n].seg));
        } else {
            edge_maybe(e, &arrivals[n].seg);
        }
    }
    num_arrivals -= n;
    for (size_t i = 0; i < num_arrivals; i++) {
        arrivals[i] = arrivals[n + i];
    }
    last = handed;
}

/* The peer, which knows its own and needs no batch. */
void watch_peer(enum direction dir, const struct packet *p, const struct layout *lay)
{
    struct segment seg = parse(p, lay);
    struct edge_segment s;
    const char *wrong;

    if (!plan.modern) {
        return;
    }
    if (dir == DIR_OUT) {
        s = relative(&seg, plan.side[1].isn, flows[0].isn);
        wrong = edge_out(&edges[1], sim_now, &s);
    } else {
        s = relative(&seg, flows[0].isn, plan.side[1].isn);
        wrong = edge_in(&edges[1], sim_now, &s);
    }
    if (wrong) {
        sim_wrong("the judge's own TCP must not: %s", wrong);
    }
}

void watch_end(void)
{
    check_samples();
    for (int i = 0; i < 2 - plan.peer; i++) {
        obey(edge_time(&edges[i], sim_now + 1));
    }
}

/*
 * Segments from our stack
 */
static void check_datagram(const struct packet *p, const struct layout *lay)
{
    uint64_t total = sim_field_get(p, lay, F_IP_TOTAL);
    size_t len = p->len - p->net;

    must(watch_is_undamaged(p, lay), "send a segment with a bad checksum or length");
    must(total <= plan.mtu, "send %u bytes where the MTU is %u", (unsigned int)total, plan.mtu);
    must(total == len || (p->net && len == 46 && total < len), "add %zu bytes to a datagram",
         len - (size_t)total);
    must(sim_field_get(p, lay, F_IP_IHL) == 5, "send IP options");
    must(sim_field_get(p, lay, F_IP_TTL) > 1, "send with a TTL of 0 or 1");
    must(sim_field_get(p, lay, F_IP_MF) == 0 && sim_field_get(p, lay, F_IP_OFFSET) == 0,
         "send fragments of a segment");
    must(sim_field_get(p, lay, F_IP_SRC) == SIM_ADDR_OURS, "send from a foreign address");
    must(sim_field_get(p, lay, F_IP_DST) == (plan.peer ? SIM_ADDR_PEER : SIM_ADDR_OURS),
         "send to an address other than the peer's");
}

/* Lets reports show relative numbers: A is the connection seen from side 0, B from side 1. */
static void name_connection(int side)
{
    sim_shared->conns[side] = (struct conn){
        .name = side == 0 ? 'A' : 'B',
        .local_addr = SIM_ADDR_OURS,
        .remote_addr = plan.peer ? SIM_ADDR_PEER : SIM_ADDR_OURS,
        .local_port = side == 0 ? PORT_OPEN : PORT,
        .remote_port = side == 0 ? PORT : PORT_OPEN,
        .peer_isn = flows[!side].isn,
        .our_isn = flows[side].isn,
        .known = flows[side].known,
    };
}

static void learn(struct flow *f, uint32_t isn)
{
    f->known = 1;
    f->isn = isn;
    f->end = 1;
    f->progress = sim_now;
    name_connection(0);
    if (!plan.peer) {
        name_connection(1);
    }
}

/* Is the connection over, as far as the side can know? */
static int is_over(const struct flow *f, int side)
{
    uint32_t other = flows[!side].fin ? flows[!side].fin : (uint32_t)plan.side[!side].total + 2;

    return f->reset || (f->fin && f->acked == f->fin && f->whole == other);
}

static void check_syn(struct flow *f, const struct segment *seg)
{
    if (!f->known) {
        learn(f, seg->seq);
    }
    must(seg->seq == f->isn, "send two SYNs with different numbers");
    must(seg->len == 0, "send data with a SYN");
}

static void check_text(struct flow *f, const struct side *s, const struct segment *seg)
{
    static uint8_t want[SIM_FRAME_MAX];
    uint32_t seq = seg->seq - f->isn, end = seq + (uint32_t)seg->len;

    must(seg->len <= (f->mss ? f->mss : 536), "send %zu bytes at once, MSS %u", seg->len, f->mss);
    must(seq >= 1 && end <= s->total + 1, "send bytes %u to %u of %zu", seq, end, s->total);
    pattern(want, s->from + seq - 1, seg->len);
    must(!memcmp(want, seg->data, seg->len), "send wrong bytes (%u to %u)", seq, end);
    if (end > f->end) {
        f->end = end;
    }
}

static void check_ack(struct flow *f, const struct flow *other, const struct segment *seg)
{
    uint32_t ack = seg->ack - other->isn;

    must(other->known, "acknowledge before anything was delivered");
    must(ack <= f->whole, "acknowledge up to %u when given all up to %u", ack, f->whole);
    must(ack >= f->ack, "acknowledge up to %u after %u", ack, f->ack);
    must(ack + seg->wnd >= f->edge, "shrink its window: to %u after %u", ack + seg->wnd, f->edge);
    f->ack = ack;
    f->edge = ack + seg->wnd;
}

static void check_fin(struct flow *f, const struct side *s, const struct segment *seg)
{
    uint32_t at = seg->seq - f->isn + (uint32_t)seg->len;

    /* an abort by close may send one early */
    must(at == s->total + 1 || (at <= s->total && s->abort_at != NEVER),
         "send a FIN at %u of %zu", at, s->total);
    must(at + 1 >= f->end, "send a FIN at %u after bytes up to %u", at, f->end);
    f->fin = f->end = at + 1;
}

static void watch_out(int side, const struct packet *p, const struct layout *lay)
{
    struct flow *f = &flows[side];
    struct segment seg;

    check_datagram(p, lay);
    seg = parse(p, lay);
    if (seg.flags & RST) {
        f->reset = edges[side].over = 1;
        return;
    }
    f->another |= (seg.flags & SYN) && f->known && seg.seq != f->isn && is_over(f, side);
    if ((seg.flags & SYN) && f->known && seg.seq != f->isn && f->acked == 0 &&
        sim_now - f->progress >= TCP_R2_HALF_OPEN * SIM_MS) {
        flows[0].another = flows[1].another = 1; /* half-open, and given up: the SYN came again */
    }
    if (f->another) {
        edges[0].over = edges[1].over = 1;
        return;
    }
    if (seg.flags & SYN) {
        check_syn(f, &seg);
    }
    if (!f->known && plan.peer) {
        learn(f, seg.seq - 1); /* ARP dropped the SYN for a later ACK */
    }
    must(f->known, "send before its SYN");
    must(seg.seq - f->isn <= plan.side[side].total + 2, "send from %u on", seg.seq - f->isn);
    if (seg.len) {
        check_text(f, &plan.side[side], &seg);
    }
    if (seg.flags & FIN) {
        check_fin(f, &plan.side[side], &seg);
    }
    must((seg.flags & ACK) || seg.flags == SYN, "send without ACK");
    if (seg.flags & ACK) {
        check_ack(f, &flows[!side], &seg);
    }
    edge_sends(side, &seg);
}

/*
 * Segments to our stack
 */
static void give(struct flow *f, uint32_t seq, uint32_t end)
{
    for (; seq != end && seq < sizeof(f->given); seq++) {
        f->given[seq] = 1;
    }
    while (f->whole < sizeof(f->given) && f->given[f->whole]) {
        f->whole++;
    }
}

static void tell(struct flow *f, const struct segment *seg)
{
    uint32_t ack = seg->ack - f->isn;

    if (!f->known || ack > f->end) {
        return;
    }
    if (ack > f->acked) {
        f->acked = ack;
        f->progress = sim_now;
    }
    if (seg->wnd == 0) { /* the peer is alive: RFC 9293 3.8.6.1 */
        f->progress = sim_now;
    }
}

/* A segment of side `from` reaches our stack at the other side. */
static void watch_in(int from, const struct packet *p, const struct layout *lay)
{
    struct flow *f = &flows[from], *to = &flows[!from];
    struct segment seg;
    uint32_t seq;

    if (!watch_is_undamaged(p, lay)) {
        return;
    }
    seg = parse(p, lay);
    if (seg.flags & RST) {
        edge_will_get(!from, &seg);
        return;
    }
    if ((seg.flags & SYN) && !f->known) {
        learn(f, seg.seq);
    }
    if (seg.flags & SYN && seg.mss) {
        to->mss = seg.mss;
    }
    seq = seg.seq - f->isn;
    give(to, seq, seq + (uint32_t)seg.len + !!(seg.flags & SYN) + !!(seg.flags & FIN));
    if (seg.flags & ACK) {
        tell(to, &seg);
    }
    edge_will_get(!from, &seg);
}

static void watch(enum direction dir, const struct packet *p)
{
    struct layout lay;
    uint64_t port;

    hash_number(sim_now - sim_start);
    hash_number(dir);
    hash_bytes(p->data, p->len);
    sim_locate(p, &lay);
    if (dir == DIR_OUT && lay.at[LAYER_ARP] >= 0) {
        edge_hold(&edges[0]);
    }
    if (lay.at[LAYER_TCP] < 0) {
        return;
    }
    port = sim_field_get(p, &lay, F_TCP_SPORT);
    if (dir == DIR_OUT) {
        must(port == PORT || port == PORT_OPEN, "send from port %u", (unsigned int)port);
        watch_out(port == PORT, p, &lay);
    } else if (port == PORT || port == PORT_OPEN) {
        watch_in(port == PORT, p, &lay);
    }
}

void watch_start(void)
{
    hash_ = UINT64_C(14695981039346656037);
    sim_watch = watch;
    sim_watch_batch = edge_batch;
    num_arrivals = 0;
    for (int i = 0; i < 2; i++) {
        edge_start(&edges[i], i && plan.peer ? EDGE_FAST : EDGE_STEP, plan.mtu - 40);
    }
}
