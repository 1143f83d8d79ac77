#include <string.h>

#include "judge.h"

/*
 * The peer: a minimal TCP of the judge's own. It goes back to SND.UNA at a timeout, cuts its bytes
 * into new segments each time, delays acknowledgments, and keeps or drops segments out of order.
 * Numbers are relative, as in watch.c, which has the rules.
 */
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

#define RTO (SIM_SECOND / 2)
#define RTO_MAX (8 * SIM_SECOND)

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
    }
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

/* Sends a segment of random size from SND.NXT on. */
static void send_one(uint32_t limit)
{
    uint32_t size = 1 + sim_draw(least((uint32_t)peer.plan->write_max, 1460));
    uint32_t text = (uint32_t)peer.plan->total + 1, at = peer.nxt, len = 0;
    uint8_t flags = ACK;

    size = least(size, plan.mtu - 40);
    if (peer.nxt < text) {
        len = least(least(size, limit - peer.nxt), text - peer.nxt);
        flags |= PSH;
    }
    if (peer.nxt + len == text && limit > text) {
        flags |= FIN;
    }
    peer.nxt += len + !!(flags & FIN); /* before sending: the answer may arrive during it */
    if (peer.nxt > peer.end) {
        peer.end = peer.nxt;
    }
    output(flags, at, len);
}

/* Sends up to 40 segments that the window allows. */
static void send_data(void)
{
    uint32_t limit = least(sendable(), peer.edge);

    for (int i = 0; i < 40 && peer.nxt < limit && peer.state == OPEN; i++) {
        send_one(limit);
    }
    if (peer.una < sendable() && peer.send_at == UINT64_MAX) {
        peer.send_at = sim_now + peer.rto;
    }
}

/* Timeout: sends again from SND.UNA on, or one byte as zero-window probe. */
static void send_again(void)
{
    peer.rto = peer.rto < RTO_MAX ? 2 * peer.rto : RTO_MAX;
    peer.send_at = sim_now + peer.rto;
    if (peer.state == OPENS || peer.state == ANSWERS) {
        output(peer.state == OPENS ? SYN : SYN | ACK, 0, 0);
        return;
    }
    peer.nxt = peer.una;
    if (peer.edge <= peer.una && peer.una < sendable()) {
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

static void take_ack(uint32_t ack, uint32_t wnd)
{
    if (ack > peer.end || ack < peer.una) {
        return;
    }
    if (ack > peer.una) {
        peer.una = ack;
        peer.nxt = peer.nxt < ack ? ack : peer.nxt;
        peer.rto = RTO;
        peer.send_at = peer.una < sendable() ? sim_now + peer.rto : UINT64_MAX;
    }
    peer.edge = ack + wnd;
}

static void take_text(uint32_t seq, uint32_t len, int fin)
{
    uint32_t end = seq + len + (uint32_t)fin, at;

    if (end <= peer.got || end > sizeof(peer.here) || seq > peer.read + plan.buffer + 1) {
        acknowledge(1);
        return;
    }
    if (seq > peer.got) {
        acknowledge(1);
        if (!plan.keeps) {
            return;
        }
    }
    for (at = seq; at < end; at++) {
        peer.here[at] = 1;
    }
    while (peer.here[peer.got]) {
        peer.got++;
    }
    peer.fin = peer.got == peer.theirs + 2;
    acknowledge(peer.fin);
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
        }
        peer.send_at = sim_now + peer.rto;
    } else if (peer.state == ANSWERS) {
        output(SYN | ACK, 0, 0);
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
    take_ack(ack, wnd);
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
