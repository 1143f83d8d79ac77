#include "fuzz.h"
#include "tcp.h"
#include "util.h"

/*
 * The peer: one host, 192.0.2.1, whose segments are built from the input. It knows the sequence
 * numbers of our connections, as an on-path attacker would, so that most segments lie near the
 * edges of the window.
 */
#define IP_LEN 20
#define TCP_LEN 20
#define ARP_LEN 28
#define DATA_MAX 1460
#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

struct segment {
    struct tcp_view v; /* of the connection */
    uint32_t seq;
    uint32_t ack;
    uint8_t flags;
    uint16_t win;
    uint16_t len;
    uint8_t options[40];
    size_t options_len;
};

static uint8_t buffer[FUZZ_INPUT_MAX];

/* Windows of a connection, found by its ports. */
#define TALKS 64

struct talk {
    uint16_t local, remote;
    uint32_t iss;
    int begun; /* iss is known */
    uint32_t edge; /* right edge of our window */
    int has_edge;
    uint32_t first; /* left edge of our first window */
    uint32_t allowed; /* highest right edge the peer ever offered */
    int has_allowed;
    uint16_t first_win; /* largest window in a segment without ACK */
};

static struct talk talks[TALKS];
static size_t num_talks;
static uint32_t peer_isn;
static uint16_t peer_win;
static int deaf; /* our segments may be lost: no checks */

void remote_start(uint32_t isn, uint16_t win)
{
    peer_isn = isn;
    peer_win = win;
    num_talks = 0;
    deaf = 0;
}

void remote_doubt(void)
{
    deaf = 1;
}

/*
 * The connection
 */

static int is_connection(size_t place, struct tcp_view *v)
{
    return tcp_get_view_at(place, v) == 0 && v->remote.port;
}

/* Returns the connection with this index, or one for which a SYN is acceptable. */
static struct tcp_view view_pick(unsigned int index)
{
    struct tcp_view v;
    unsigned int num = 0;
    size_t i;

    for (i = 0; i < VIEWS_MAX; i++) {
        if (is_connection(i, &v) && num++ == index) {
            return v;
        }
    }
    v = (struct tcp_view){.state = TCP_STATE_LISTEN, .irs = peer_isn, .rcv.nxt = peer_isn};
    v.remote.addr = hton32(SIM_ADDR_PEER);
    v.remote.port = hton16((uint16_t)(5000 + index));
    v.local.port = hton16(7);
    return v;
}

/*
 * Datagrams
 */

static void store16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void store32(uint8_t *p, uint32_t value)
{
    store16(p, (uint16_t)(value >> 16));
    store16(p + 2, (uint16_t)value);
}

static void put_ip(uint8_t *ip, uint8_t protocol, size_t payload)
{
    memset(ip, 0, IP_LEN);
    ip[0] = 0x45;
    store16(ip + 2, (uint16_t)(IP_LEN + payload));
    ip[8] = 64;
    ip[9] = protocol;
    store32(ip + 12, SIM_ADDR_PEER);
    store32(ip + 16, SIM_ADDR_OURS);
}

/* Changes up to three bytes of the headers, by the input. */
static void damage(struct packet *p, size_t headers)
{
    unsigned int num = input_u8() & 3;
    size_t at;

    if (num) {
        users_doubt();
    }
    while (num--) {
        at = input_u8() % headers;
        p->data[at] ^= input_u8();
    }
}

static void fix(struct packet *p)
{
    struct layout lay;

    sim_locate(p, &lay);
    sim_fix_sums(p, &lay);
}

static struct talk *talk_of(uint16_t local, uint16_t remote)
{
    size_t i;

    for (i = 0; i < num_talks; i++) {
        if (talks[i].local == local && talks[i].remote == remote) {
            return &talks[i];
        }
    }
    if (num_talks == TALKS) {
        return NULL;
    }
    talks[num_talks] = (struct talk){.local = local, .remote = remote};
    return &talks[num_talks++];
}

/* More than any connection sends here: our stack does not accept an ACK of that much. */
#define FAR (1u << 30)

static void allow(struct talk *t, uint32_t edge)
{
    if (t->begun && edge - t->iss >= FAR) {
        return;
    }
    if (!t->has_allowed || (int32_t)(edge - t->allowed) > 0) {
        t->allowed = edge;
        t->has_allowed = 1;
    }
}

/* Records the window that a segment offers, if our stack may accept it. */
static void note_window(const struct packet *p)
{
    struct layout lay;
    struct talk *t;
    uint32_t win, edge;

    sim_locate(p, &lay);
    if (lay.at[LAYER_TCP] < 0) {
        return;
    }
    t = talk_of((uint16_t)sim_field_get(p, &lay, F_TCP_DPORT),
                (uint16_t)sim_field_get(p, &lay, F_TCP_SPORT));
    win = (uint32_t)sim_field_get(p, &lay, F_TCP_WIN);
    edge = (uint32_t)sim_field_get(p, &lay, F_TCP_ACK) + win;
    if (!t) {
        return;
    }
    if (!(sim_field_get(p, &lay, F_TCP_FLAGS) & FLAG_ACK)) {
        t->first_win = win > t->first_win ? (uint16_t)win : t->first_win;
    } else {
        allow(t, edge);
    }
}

static void arrive(struct packet *p)
{
    fix(p);
    note_window(p);
    fuzz_arrive(p);
}

/* Sends two fragments, cut at 8 * (how & 63); the second first with 0x40, one alone with 0x80. */
static void arrive_in_fragments(struct packet *p)
{
    uint8_t how = input_u8();
    size_t at = (size_t)(how & 63) * 8, rest, i;
    uint8_t data[FUZZ_INPUT_MAX];
    struct packet part = { data, 0, p->net, p->type };

    fix(p);
    note_window(p);
    rest = at < p->len - IP_LEN ? p->len - IP_LEN - at : 0;
    for (i = 0; i < 2; i++) {
        int second = (how >> 6 & 1) ^ (int)i;

        memcpy(data, p->data, IP_LEN);
        part.len = IP_LEN + (second ? rest : p->len - IP_LEN - rest);
        memcpy(data + IP_LEN, p->data + IP_LEN + (second ? at : 0), part.len - IP_LEN);
        store16(data + 2, (uint16_t)part.len);
        store16(data + 6, second ? (uint16_t)(at / 8) : 0x2000);
        store16(data + 10, 0);
        store16(data + 10, sim_sum(data, IP_LEN, 0));
        fuzz_arrive(&part);
        if (how & 0x80) {
            return;
        }
    }
}

/*
 * Segments
 */

static uint32_t choose_seq(uint8_t how, const struct tcp_view *v)
{
    switch (how & 3) {
    case 0: return v->rcv.nxt;
    case 1: return v->rcv.nxt + (uint32_t)(int8_t)input_u8();
    case 2: return v->rcv.nxt + v->rcv.wnd + (uint32_t)(int8_t)input_u8();
    default: return v->rcv.nxt + input_u32();
    }
}

static uint32_t choose_ack(uint8_t how, const struct tcp_view *v)
{
    switch (how >> 2 & 3) {
    case 0: return v->snd.nxt;
    case 1: return v->snd.una + (uint32_t)(int8_t)input_u8();
    case 2: return v->snd.nxt + (uint32_t)(int8_t)input_u8();
    default: return v->snd.una + input_u32();
    }
}

static uint16_t choose_win(uint8_t how)
{
    switch (how >> 4 & 3) {
    case 0: return peer_win;
    case 1: return 0;
    case 2: return input_u8();
    default: return input_u16();
    }
}

/* Returns a length: exact below 128, else in steps of 12 up to a full segment. */
static uint16_t choose_len(void)
{
    uint16_t len = input_u8();

    len = len < 128 ? len : (uint16_t)((len - 128) * 12);
    return len < DATA_MAX ? len : DATA_MAX;
}

static void choose_options(struct segment *s)
{
    s->options_len = (size_t)(input_u8() % 11) * 4;
    for (size_t i = 0; i < s->options_len; i++) {
        s->options[i] = input_u8();
    }
}

/* Builds the datagram. Its data is the pattern at the connection's sequence number. */
static void segment_build(const struct segment *s, struct packet *p)
{
    uint8_t *tcp = buffer + IP_LEN;
    size_t headers = TCP_LEN + s->options_len;
    uint32_t data = s->flags & FLAG_SYN ? 1 : s->seq - s->v.irs;

    put_ip(buffer, 6, headers + s->len);
    memset(tcp, 0, TCP_LEN);
    memcpy(tcp, &s->v.remote.port, 2);
    memcpy(tcp + 2, &s->v.local.port, 2);
    store32(tcp + 4, s->seq);
    store32(tcp + 8, s->ack);
    tcp[12] = (uint8_t)(headers / 4 << 4);
    tcp[13] = s->flags;
    store16(tcp + 14, s->win);
    memcpy(tcp + TCP_LEN, s->options, s->options_len);
    pattern(tcp + headers, data, s->len);
    *p = (struct packet){ buffer, IP_LEN + headers + s->len, 0, 0x0800 };
}

#define MORE 0x40      /* options and damage follow */
#define FRAGMENTS 0x80 /* it is sent in two fragments */

void remote_segment(unsigned int index)
{
    struct segment s = { .v = view_pick(index) };
    uint8_t how = input_u8();
    struct packet p;

    s.flags = input_u8();
    s.seq = choose_seq(how, &s.v);
    s.ack = choose_ack(how, &s.v);
    s.win = choose_win(how);
    s.len = choose_len();
    if (how & MORE) {
        choose_options(&s);
    }
    segment_build(&s, &p);
    if (how & MORE) {
        damage(&p, IP_LEN + TCP_LEN + s.options_len);
    }
    if (how & FRAGMENTS) {
        arrive_in_fragments(&p);
    } else {
        arrive(&p);
    }
}

void remote_answer(unsigned int index, uint16_t len)
{
    struct segment s = { .v = view_pick(index), .win = peer_win, .flags = FLAG_ACK };
    struct packet p;

    s.seq = s.v.rcv.nxt;
    s.ack = s.v.snd.nxt;
    s.len = len < DATA_MAX ? len : DATA_MAX;
    if (s.v.state == TCP_STATE_LISTEN || s.v.state == TCP_STATE_SYN_SENT) {
        s.flags = s.v.state == TCP_STATE_LISTEN ? FLAG_SYN : FLAG_SYN | FLAG_ACK;
        s.seq = peer_isn;
        s.len = 0;
    }
    segment_build(&s, &p);
    arrive(&p);
}

void remote_flood(unsigned int num)
{
    struct segment s = { .flags = FLAG_SYN, .win = UINT16_MAX };
    struct packet p;

    s.v.remote.addr = hton32(SIM_ADDR_PEER);
    s.v.local.port = hton16(7);
    while (num--) {
        s.v.remote.port = hton16((uint16_t)(10000 + num));
        segment_build(&s, &p);
        arrive(&p);
        settle();
    }
}

void remote_datagram(unsigned int index)
{
    uint8_t *udp = buffer + IP_LEN;
    struct packet p = { buffer, 0, 0, 0x0800 };
    uint16_t len = choose_len();

    put_ip(buffer, 17, 8U + len);
    store16(udp, (uint16_t)(5000 + index));
    store16(udp + 2, input_u8() ? 7 : input_u16());
    store16(udp + 4, (uint16_t)(8 + len));
    store16(udp + 6, 0);
    pattern(udp + 8, 0, len);
    p.len = IP_LEN + 8U + len;
    damage(&p, IP_LEN + 8);
    arrive(&p);
}

/* Sends an error about a segment near SND.UNA. */
void remote_icmp_error(unsigned int index)
{
    struct tcp_view v = view_pick(index);
    uint8_t *icmp = buffer + IP_LEN, *quote = icmp + 8;
    struct packet p = { buffer, IP_LEN + 8 + IP_LEN + 8, 0, 0x0800 };

    put_ip(buffer, 1, 8 + IP_LEN + 8);
    icmp[0] = input_u8();
    icmp[1] = input_u8();
    store32(icmp + 4, input_u16());
    put_ip(quote, 6, TCP_LEN);
    store32(quote + 12, SIM_ADDR_OURS);
    store32(quote + 16, SIM_ADDR_PEER);
    memcpy(quote + IP_LEN, &v.local.port, 2);
    memcpy(quote + IP_LEN + 2, &v.remote.port, 2);
    store32(quote + IP_LEN + 4, v.snd.una + (uint32_t)(int8_t)input_u8());
    damage(&p, p.len);
    arrive(&p);
}

/* Sends an unsolicited ARP message of this host or another. */
void remote_arp(unsigned int index)
{
    static const uint8_t fixed[] = { 0, 1, 8, 0, 6, 4, 0 };
    uint8_t *arp = buffer;
    struct packet p = { buffer, ARP_LEN, 0, 0x0806 };

    memcpy(arp, fixed, sizeof(fixed));
    arp[7] = (uint8_t)(1 + input_u8() % 2);
    memset(arp + 8, 0x02, 6);
    arp[13] = (uint8_t)index;
    store32(arp + 14, SIM_ADDR_OURS - 2 + index);
    memset(arp + 18, 0, 6);
    store32(arp + 24, SIM_ADDR_OURS);
    damage(&p, ARP_LEN);
    fuzz_arrive(&p);
}

/*
 * Our segments
 */

static void check_edge(struct talk *t, uint32_t ack, uint32_t edge)
{
    if (!t->has_edge) {
        t->first = ack;
    } else if ((int32_t)(edge - t->edge) < 0) {
        fail("the window's right edge moves left by %u bytes", t->edge - edge);
    }
    /* at most, all bytes read in this run were this connection's */
    check(edge - t->first <= TCP_RCV_BUF_SIZE + 1 + users_received());
    t->has_edge = 1;
    t->edge = edge;
}

/* Notes our SYN, perhaps a retransmission. Windows offered before may be for this connection. */
static void talk_begins(struct talk *t, uint32_t iss)
{
    t->iss = iss;
    t->begun = 1;
    t->has_edge = 0;
    if (t->allowed - iss >= FAR) { /* it was another connection's */
        t->has_allowed = 0;
    }
    allow(t, iss + 1 + t->first_win);
}

void remote_look(const struct packet *p, const struct layout *lay)
{
    uint32_t seq, flags, ack, len = (uint32_t)(lay->end - lay->payload);
    struct talk *t;

    if (lay->at[LAYER_TCP] < 0 || deaf) {
        return;
    }
    seq = (uint32_t)sim_field_get(p, lay, F_TCP_SEQ);
    flags = (uint32_t)sim_field_get(p, lay, F_TCP_FLAGS);
    t = talk_of((uint16_t)sim_field_get(p, lay, F_TCP_SPORT),
                (uint16_t)sim_field_get(p, lay, F_TCP_DPORT));
    if (!t || (flags & FLAG_RST)) {
        return;
    }
    if (flags & FLAG_SYN) {
        talk_begins(t, seq);
    }
    if (len && t->begun) { /* else no SYN has gone out: ARP drops it, for one */
        check_pattern(p->data + lay->payload, seq - t->iss, len);
        /* one byte beyond the window may be a zero-window probe */
        check((int32_t)(seq + len - t->allowed) <= (len == 1));
    }
    if (flags & FLAG_ACK && !(flags & FLAG_SYN)) {
        ack = (uint32_t)sim_field_get(p, lay, F_TCP_ACK);
        check_edge(t, ack, ack + (uint32_t)sim_field_get(p, lay, F_TCP_WIN));
    }
}
