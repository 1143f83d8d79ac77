#include <string.h>

#include "judge.h"
#include "reno.h"

/*
 * The peer: a minimal TCP of the judge's own. It goes back to SND.UNA at a timeout, cuts its bytes
 * into new segments each time, delays acknowledgments, and keeps or drops segments out of order. A
 * modern one sends full segments, has reno.h, and acknowledges by RFC 9293 3.8.6.3. Numbers are
 * relative, as in watch.c, which has the rules.
 */
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

#define RTO (SIM_SECOND / 2)
#define RTO_MAX (8 * SIM_SECOND)
#define IDLE (5 * SIM_SECOND) /* the window is restarted */

static struct {
    enum { LISTENS, OPENS, ANSWERS, OPEN, GONE } state;
    const struct side *plan;
    uint32_t theirs;     /* bytes that our stack sends in all */
    uint32_t una, nxt;   /* SND.UNA and SND.NXT */
    uint32_t end;        /* all below has been sent once */
    uint32_t edge;       /* end of the window it may send to */
    uint32_t isn;        /* of our stack */
    uint32_t got;        /* RCV.NXT */
    uint32_t read;       /* all below has been read */
    int fin;             /* the FIN has arrived */
    int reset, aborted;
    int acks;            /* an ACK is due at ack_at */
    uint64_t ack_at, send_at, read_at;
    uint64_t rto;
    struct reno reno;    /* of a modern one */
    uint64_t sent_at;    /* its last data */
    int syn_sent;
    uint32_t wnd;        /* the last window offered to it */
    uint32_t top;        /* the largest sequence number received */
    uint32_t full;       /* the largest segment received */
    unsigned int unanswered; /* full segments received since the last ACK */
    uint8_t here[TOTAL_MAX + (1 << 17)]; /* bytes that have arrived and are kept */
} peer;

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * Output
 */
static uint32_t window(void)
{
    uint32_t kept = peer.got > peer.read ? peer.got - peer.read : 0;

    return kept < plan.buffer ? (uint32_t)plan.buffer - kept : 0;
}

/* Returns the window to offer; if the plan shrinks it, at random a smaller one. */
static uint32_t offer(void)
{
    uint32_t room = least(window(), 65535);

    return plan.shrinks && sim_draw(4) == 0 ? sim_draw(room + 1) : room;
}

static void headers(struct packet *p, size_t hlen, size_t len)
{
    static const uint8_t ether[14] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0x01,
                                      0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe, 0x08, 0x00};
    static const uint8_t ip[20] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1,
                                   192, 0, 2, 2};
    size_t total = sizeof(ip) + hlen + len;

    memcpy(p->data, ether, sizeof(ether));
    memcpy(p->data + 14, ip, sizeof(ip));
    p->data[16] = (uint8_t)(total >> 8);
    p->data[17] = (uint8_t)total;
    p->len = 14 + total;
    while (p->len < 60) {
        p->data[p->len++] = 0;
    }
}

static void put(uint8_t *at, uint32_t n, int bytes)
{
    while (bytes--) {
        *at++ = (uint8_t)(n >> 8 * bytes);
    }
}

/* Sends len bytes from seq on, with flags. */
static void output(uint8_t flags, uint32_t seq, size_t len)
{
    static uint8_t data[2048];
    struct packet p = {data, 0, 14, 0x0800};
    size_t hlen = flags & SYN ? 24 : 20;
    struct layout lay;
    uint8_t *tcp = data + 34;

    memset(tcp, 0, 24);
    put(tcp, PORT, 2);
    put(tcp + 2, PORT_OPEN, 2);
    put(tcp + 4, peer.plan->isn + seq, 4);
    put(tcp + 8, flags & ACK ? peer.isn + peer.got : 0, 4);
    tcp[12] = (uint8_t)(hlen << 2);
    tcp[13] = flags;
    put(tcp + 14, offer(), 2);
    if (flags & SYN) {
        put(tcp + 20, 0x02040000u | plan.mss, 4);
    }
    pattern(tcp + hlen, peer.plan->from + seq - 1, len);
    headers(&p, hlen, len);
    sim_locate(&p, &lay);
    sim_fix_sums(&p, &lay);
    if (flags & ACK) {
        peer.acks = 0;
        peer.unanswered = 0;
    }
    watch_peer(DIR_OUT, &p, &lay);
    sim_carry(&p, DIR_IN, sim_wire_now);
}

/* May it send its FIN now? */
static int may_end(void)
{
    if (peer.plan->half || peer.fin) {
        return 1;
    }
    return peer.plan->closes && peer.got > peer.theirs;
}

static uint32_t sendable(void)
{
    uint32_t end = (uint32_t)peer.plan->total + 1;

    return may_end() ? end + 1 : end;
}

/* Returns the size of a segment: full, or random. */
static uint32_t draw_segment(void)
{
    if (plan.modern) {
        return peer.reno.mss;
    }
    return least(1 + sim_draw(least((uint32_t)peer.plan->write_max, 1460)), plan.mtu - 40);
}

/* Sends a segment from SND.NXT on. */
static void send_one(uint32_t limit)
{
    uint32_t size = draw_segment();
    uint32_t text = (uint32_t)peer.plan->total + 1, at = peer.nxt, len = 0;
    uint8_t flags = ACK;

    if (peer.nxt < text) {
        len = least(least(size, limit - peer.nxt), text - peer.nxt);
        flags |= PSH;
    }
    if (peer.nxt + len == text && limit > text) {
        flags |= FIN;
    }
    peer.nxt += len + !!(flags & FIN); /* before sending: the answer may arrive during it */
    reno_sends(&peer.reno, sim_now, peer.nxt, at < peer.end);
    peer.sent_at = sim_now;
    if (peer.nxt > peer.end) {
        peer.end = peer.nxt;
    }
    output(flags, at, len);
}

static uint64_t rto(void)
{
    return plan.modern ? peer.reno.rto : peer.rto;
}

/* Returns the end of what it may send now. */
static uint32_t send_limit(void)
{
    uint32_t limit = least(sendable(), peer.edge);

    if (!plan.modern) {
        return limit;
    }
    if (peer.una == peer.end && sim_now - peer.sent_at > IDLE) {
        reno_idle(&peer.reno);
    }
    return least(limit, peer.una + reno_window(&peer.reno));
}

/* Does it wait until it can send a full segment? RFC 1122 4.2.3.4 */
static int waits(uint32_t limit)
{
    return plan.modern && limit < sendable() && limit - peer.nxt < peer.reno.mss &&
           peer.nxt > peer.una;
}

/* Sends up to 40 segments that the windows allow. */
static void send_data(void)
{
    uint32_t limit = send_limit();

    for (int i = 0; i < 40 && peer.nxt < limit && peer.state == OPEN && !waits(limit); i++) {
        send_one(limit);
        limit = send_limit();
    }
    if (peer.una < sendable() && peer.send_at == UINT64_MAX) {
        peer.send_at = sim_now + rto();
    }
}

/* Sends the segment at SND.UNA again, without the FIN. */
static void send_first(void)
{
    uint32_t end = least(least(peer.end, peer.edge), (uint32_t)peer.plan->total + 1);
    uint32_t len = least(end - peer.una, peer.reno.mss);

    if (len > 0) {
        reno_sends(&peer.reno, sim_now, peer.una + len, 1);
        peer.sent_at = sim_now;
        output(PSH | ACK, peer.una, len);
    }
}

/* Timeout: sends again from SND.UNA on, or one byte as zero-window probe. */
static void send_again(void)
{
    int probes = peer.state == OPEN && peer.edge <= peer.una;

    peer.rto = peer.rto < RTO_MAX ? 2 * peer.rto : RTO_MAX;
    if (peer.una == peer.end || probes || peer.state != OPEN) {
        reno_back_off(&peer.reno);
    } else {
        reno_timeout(&peer.reno, peer.una, peer.end);
    }
    peer.send_at = sim_now + rto();
    if (peer.state == OPENS || peer.state == ANSWERS) {
        if (peer.syn_sent) {
            reno_lost_syn(&peer.reno);
        }
        peer.syn_sent = 1;
        output(peer.state == OPENS ? SYN : SYN | ACK, 0, 0);
        return;
    }
    peer.nxt = peer.una;
    if (probes && peer.una < sendable()) {
        send_one(peer.una + 1);
        return;
    }
    send_data();
}

/*
 * Input
 */
static void gone(void)
{
    peer.state = GONE;
    peer.acks = 0;
    peer.send_at = peer.read_at = UINT64_MAX;
}

static void acknowledge(int at_once)
{
    uint64_t at = sim_now + (at_once || !plan.ack_ms ? 0 : sim_draw(plan.ack_ms) * SIM_MS);

    if (!peer.acks || at < peer.ack_at) {
        peer.ack_at = at;
    }
    peer.acks = 1;
}

/* empty: the segment has no data and no FIN. */
static void take_ack(uint32_t ack, uint32_t wnd, int empty)
{
    uint32_t before = peer.una;
    int again = 0, was_closed = peer.edge <= peer.una;

    if (ack > peer.end || ack < peer.una) {
        return;
    }
    if (ack > peer.una) {
        peer.una = ack;
        peer.nxt = peer.nxt < ack ? ack : peer.nxt;
        peer.rto = RTO;
        if (before > 0) { /* else it acknowledges the SYN */
            again = reno_acked(&peer.reno, sim_now, before, ack, peer.nxt);
        }
        peer.send_at = peer.una < sendable() ? sim_now + rto() : UINT64_MAX;
    } else if (empty && peer.end > peer.una && wnd == peer.wnd && wnd > 0) {
        again = reno_duplicate(&peer.reno, peer.una, peer.end);
    }
    peer.edge = ack + wnd;
    peer.wnd = wnd;
    if (was_closed && wnd > 0 && peer.una < sendable()) { /* the timer was that of the probes */
        peer.send_at = sim_now + rto();
    }
    if (again && plan.modern && peer.state == OPEN && peer.una < peer.edge) {
        send_first();
    }
}

/* RFC 9293 3.8.6.3 and RFC 5681 4.2: every second full segment, and what is not in order, at once.
 * What fills a hole does not wait either. */
static void acknowledge_modern(int in_order, uint32_t len)
{
    peer.full = len > peer.full ? len : peer.full;
    peer.unanswered += len == peer.full;
    if (!in_order || peer.unanswered >= 2) {
        output(ACK, peer.nxt, 0);
    } else {
        acknowledge(0);
    }
}

/* Acknowledges what has been taken: the next segment may arrive during it. */
static void answer(int at_once, int in_order, uint32_t len)
{
    if (plan.modern) {
        acknowledge_modern(in_order, len);
    } else {
        acknowledge(at_once);
    }
}

static void take_text(uint32_t seq, uint32_t len, int fin)
{
    uint32_t end = seq + len + (uint32_t)fin, at;
    int beyond = seq > peer.got, hole = peer.top > peer.got;

    if (end <= peer.got || end > sizeof(peer.here) || seq > peer.read + plan.buffer + 1) {
        answer(1, 0, 0);
        return;
    }
    if (beyond && !plan.modern) {
        acknowledge(1);
    }
    if (beyond && !plan.keeps) {
        return;
    }
    for (at = seq; at < end; at++) {
        peer.here[at] = 1;
    }
    while (peer.here[peer.got]) {
        peer.got++;
    }
    peer.fin = peer.got == peer.theirs + 2;
    peer.top = peer.top > end ? peer.top : end;
    answer(peer.fin, !beyond && !hole && len > 0 && !fin, beyond ? 0 : len);
}

static void take_syn(uint32_t seq, uint32_t wnd)
{
    if (peer.state == LISTENS || peer.state == OPENS) {
        peer.isn = seq;
        peer.got = peer.read = 1;
        peer.here[0] = 1;
        peer.edge = wnd;
        if (peer.state == LISTENS || plan.crossing) {
            peer.state = ANSWERS;
            output(SYN | ACK, 0, 0);
            peer.syn_sent = 1;
        }
        peer.send_at = sim_now + rto();
    } else if (peer.state == ANSWERS) {
        if (!plan.modern) { /* else the timer does */
            output(SYN | ACK, 0, 0);
        }
    } else {
        acknowledge(1);
    }
}

/* Aborts once it has read as much as planned. */
static void abort_if_planned(void)
{
    if (peer.state == OPEN && peer.read - 1 >= peer.plan->abort_at) {
        output(RST | ACK, peer.nxt, 0);
        peer.aborted = 1;
        gone();
    }
}

static void read_some(void)
{
    uint32_t before = window();

    peer.read += least(peer.got - peer.read, 1 + sim_draw((uint32_t)peer.plan->read_max));
    peer.read_at = UINT64_MAX;
    if (before < plan.mss && window() > before) {
        acknowledge(1);
    }
    abort_if_planned();
}

/* Have both directions ended? */
static int is_over(void)
{
    return peer.fin && peer.una == peer.plan->total + 2;
}

static void take_rst(uint32_t seq)
{
    if (is_over()) {
        return; /* as in TIME-WAIT: RFC 1337 */
    }
    if (peer.state == OPENS || seq - peer.got <= 65535) {
        peer.reset = 1;
        gone();
    }
}

static void rest(unsigned int ms)
{
    peer.read_at = sim_now + ms * SIM_MS;
    plan.rested += ms * SIM_MS;
}

static void opened(void)
{
    peer.state = OPEN;
    rest(peer.plan->rest_ms);
}

static void take_segment(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t wnd, uint32_t len)
{
    if (flags & SYN) {
        take_syn(seq, wnd);
    }
    seq -= peer.isn;
    if (!(flags & ACK) || peer.state == LISTENS || (peer.state == OPENS && !(flags & SYN))) {
        return;
    }
    if (peer.state != OPEN && ack == 1) {
        opened();
        acknowledge(flags & SYN);
    }
    take_ack(ack, wnd, len == 0 && !(flags & (SYN | FIN)));
    if (!(flags & SYN) && (len || (flags & FIN) || seq < peer.got)) {
        take_text(seq, len, !!(flags & FIN));
    }
    if (peer.read_at == UINT64_MAX && peer.got > peer.read) {
        rest(sim_draw(16) ? 0 : sim_draw(peer.plan->pause_ms + 1));
    }
    if (peer.state == OPEN) {
        send_data();
    }
}

static void take_frame(const struct packet *p)
{
    struct layout lay;
    uint32_t seq, ack;
    uint8_t flags;

    sim_locate(p, &lay);
    if (lay.at[LAYER_TCP] < 0 || !watch_is_undamaged(p, &lay)) {
        return;
    }
    watch_peer(DIR_IN, p, &lay);
    seq = (uint32_t)sim_field_get(p, &lay, F_TCP_SEQ);
    ack = (uint32_t)sim_field_get(p, &lay, F_TCP_ACK) - peer.plan->isn;
    flags = (uint8_t)sim_field_get(p, &lay, F_TCP_FLAGS);
    if (flags & RST) {
        take_rst(seq - peer.isn);
    } else if (peer.state == GONE) {
        output(RST, ack, 0);
    } else {
        take_segment(flags, seq, ack, (uint32_t)sim_field_get(p, &lay, F_TCP_WIN),
                     (uint32_t)(lay.end - lay.payload));
    }
}

/*
 * Time
 */
static uint64_t next(void)
{
    uint64_t at = peer.send_at < peer.read_at ? peer.send_at : peer.read_at;

    return peer.acks && peer.ack_at < at ? peer.ack_at : at;
}

static void act(void)
{
    if (peer.read_at <= sim_now) {
        read_some();
    }
    if (peer.send_at <= sim_now) {
        send_again();
    }
    if (peer.acks && peer.ack_at <= sim_now) {
        output(ACK, peer.nxt, 0);
    }
}

void peer_start(void)
{
    static const struct sim_actor actor = {next, act, take_frame};

    peer.state = plan.passive || plan.crossing ? OPENS : LISTENS;
    peer.plan = &plan.side[1];
    peer.theirs = (uint32_t)plan.side[0].total;
    peer.nxt = peer.end = 1;
    peer.rto = RTO;
    reno_start(&peer.reno, plan.mtu - 40);
    peer.read_at = UINT64_MAX;
    peer.send_at = peer.state == OPENS ? sim_now : UINT64_MAX;
    sim_actor = &actor;
}

void peer_view(struct peer_view *view)
{
    *view = (struct peer_view){
        .received = peer.got > 1 ? peer.got - 1 - (uint32_t)peer.fin : 0,
        .acked = peer.una > 1 ? peer.una - 1 : 0,
        .eof = peer.fin,
        .reset = peer.reset,
        .aborted = peer.aborted,
        .done = peer.state == GONE || is_over(),
    };
}
