#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sim.h"

/*
 * The notation: a line to a packet, and a packet to a line
 *
 *   line     = [c ">"] ["ether" MAC ">" MAC] (arp | ip | udp | tcp | segment | "type" N data)
 *   arp      = "ARP" ("who-has" ADDR "tell" ADDR | "reply" ADDR "is-at" MAC)
 *   ip       = "IP" ADDR ">" ADDR header* ("proto" N data | "ICMP" icmp)
 *   header   = ("ttl" | "tos" | "id" | "df" | "mf" | "offset") N
 *   icmp     = "echo" | "echo-reply" | "unreachable" code | "time-exceeded" | ... | "type" N, then
 *              ("code" | "id" | "seq") N in any order, then data
 *   udp      = "UDP" ADDR.PORT ">" ADDR.PORT header* data
 *   tcp      = "TCP" ADDR.PORT ">" ADDR.PORT header* segment, its numbers absolute
 *   segment  = FLAGS SEQ:END(LEN) ["ack" N] ["win" N] ["urg" N] ["<" options ">"] ['text']
 *   data     = ["len" N | 'text' | "hex" HEX | "quote" N]
 *
 * What follows a # is a comment.
 */

#define LINE_NUM_MAX 65535

struct spec {
    const char *script;
    const char *at; /* the rest to be read */
    enum direction dir;
    int layers[LAYER_NUM];
    uint64_t value[F_NUM];
    uint64_t written; /* a bit for each field */
    int absolute;     /* TCP numbers are absolute */
    uint8_t options[40];
    size_t optlen;
    int options_written;
    size_t len; /* of data */
};

static uint8_t data[SIM_FRAME_MAX];

static void bad_script(const struct spec *s, const char *why)
{
    sim_wrong("the script cannot be read: %s\n%s\n%*s^ %s", s->script, s->script,
              (int)(s->at - s->script), "", why);
}

/*
 * Parts of a line
 */
static void put(struct spec *s, enum field_id id, uint64_t value)
{
    s->value[id] = value;
    s->written |= UINT64_C(1) << id;
}

/* The value of a field that the line does not write. */
static void by_default(struct spec *s, enum field_id id, uint64_t value)
{
    if (!(s->written >> id & 1)) {
        s->value[id] = value;
    }
}

static void skip_space(struct spec *s)
{
    while (*s->at == ' ') {
        s->at++;
    }
}

/* If w is the next word, reads it and returns 1. */
static int word(struct spec *s, const char *w)
{
    size_t len = strlen(w);

    skip_space(s);
    if (strncmp(s->at, w, len) || !strchr(" ,><", s->at[len])) {
        return 0;
    }
    s->at += len;
    return 1;
}

static void need(struct spec *s, const char *w)
{
    skip_space(s);
    if (strncmp(s->at, w, strlen(w))) {
        bad_script(s, w);
    }
    s->at += strlen(w);
}

static uint64_t number(struct spec *s)
{
    uint64_t value;
    char *end;

    skip_space(s);
    if (*s->at < '0' || *s->at > '9') {
        bad_script(s, "a number is missing");
    }
    value = strtoull(s->at, &end, 0);
    s->at = end;
    return value;
}

int sim_read_addr(const char **s, uint32_t *addr)
{
    unsigned long part;
    const char *p = *s;
    char *end;
    int i;

    *addr = 0;
    for (i = 0; i < 4; i++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }
        part = strtoul(p, &end, 10);
        if (part > 255 || end > p + 3) {
            return -1;
        }
        *addr = *addr << 8 | (uint32_t)part;
        p = end;
        if (i < 3 && *p++ != '.') {
            return -1;
        }
    }
    *s = p;
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sim_read_mac(const char **s, uint64_t *mac)
{
    const char *p = *s;
    uint64_t value = 0;
    int i;

    for (i = 0; i < 6; i++, p += 2) {
        if (i && *p++ != ':') {
            return -1;
        }
        if (hex_value(p[0]) < 0 || hex_value(p[1]) < 0) {
            return -1;
        }
        value = value << 8 | (uint64_t)(hex_value(p[0]) << 4 | hex_value(p[1]));
    }
    *mac = value;
    *s = p;
    return 0;
}

static uint32_t address(struct spec *s)
{
    uint32_t addr;

    skip_space(s);
    if (sim_read_addr(&s->at, &addr) == -1) {
        bad_script(s, "an address is missing");
    }
    return addr;
}

static uint64_t mac_address(struct spec *s)
{
    uint64_t mac = 0;

    skip_space(s);
    if (sim_read_mac(&s->at, &mac) == -1) {
        bad_script(s, "a hardware address is missing");
    }
    return mac;
}

/*
 * Data
 */
void pattern(void *buf, uint32_t from, size_t len)
{
    uint8_t *p = buf;

    while (len--) {
        *p++ = (uint8_t)(from++ * UINT32_C(0x9e3779b1) >> 23);
    }
}

static void pattern_data(struct spec *s, uint32_t from, uint64_t len)
{
    if (len > LINE_NUM_MAX) {
        bad_script(s, "too long");
    }
    pattern(data, from, len);
    s->len = len;
}

static uint8_t escaped(struct spec *s)
{
    static const char from[] = "nrt0\\'", to[] = "\n\r\t\0\\'";
    const char *p;
    int value;

    s->at++;
    if (*s->at == 'x' && hex_value(s->at[1]) >= 0 && hex_value(s->at[2]) >= 0) {
        value = hex_value(s->at[1]) << 4 | hex_value(s->at[2]);
        s->at += 2;
        return (uint8_t)value;
    }
    p = *s->at ? strchr(from, *s->at) : NULL;
    if (!p) {
        bad_script(s, "unknown escape");
    }
    return (uint8_t)to[p - from];
}

static void text_data(struct spec *s)
{
    s->len = 0;
    for (s->at++; *s->at != '\''; s->at++) {
        if (!*s->at || s->len == LINE_NUM_MAX) {
            bad_script(s, "the text has no end");
        }
        data[s->len++] = *s->at == '\\' ? escaped(s) : (uint8_t)*s->at;
    }
    s->at++;
}

static void hex_data(struct spec *s)
{
    skip_space(s);
    for (s->len = 0; hex_value(s->at[0]) >= 0 && hex_value(s->at[1]) >= 0; s->at += 2) {
        data[s->len++] = (uint8_t)(hex_value(s->at[0]) << 4 | hex_value(s->at[1]));
    }
}

/* Returns the latest datagram of the other direction that begins with these bytes, or else the
 * latest of all. */
static const struct record *find_quoted(enum direction dir, const uint8_t *bytes, size_t len)
{
    const struct record *r, *first = NULL;
    unsigned int i;

    for (i = 1; i <= SIM_HISTORY && i <= sim_shared->nhistory; i++) {
        r = &sim_shared->history[(sim_shared->nhistory - i) % SIM_HISTORY];
        if (r->dir == dir || r->type != 0x0800) {
            continue;
        }
        if (bytes && r->len >= r->net + len && !memcmp(r->data + r->net, bytes, len)) {
            return r;
        }
        first = first ? first : r;
    }
    return first;
}

static void quote_data(struct spec *s, const struct packet *got)
{
    uint64_t len = number(s);
    const uint8_t *bytes = NULL;
    const struct record *r;
    struct layout lay;

    if (got) {
        sim_locate(got, &lay);
        bytes = lay.end - lay.payload == len ? got->data + lay.payload : NULL;
    }
    r = find_quoted(s->dir, bytes, bytes ? len : 0);
    if (!r || r->len > SIM_RECORD_MAX || r->net + len > r->len) {
        bad_script(s, "no datagram of that length to quote");
    }
    s->len = len;
    memcpy(data, r->data + r->net, len);
}

static void read_data(struct spec *s, const struct packet *got)
{
    skip_space(s);
    if (word(s, "len")) {
        pattern_data(s, 0, number(s));
    } else if (*s->at == '\'') {
        text_data(s);
    } else if (word(s, "hex")) {
        hex_data(s);
    } else if (word(s, "quote")) {
        quote_data(s, got);
    }
}

/*
 * ARP, IP, ICMP, UDP
 */
/* Sender of the last ARP message in: replies go there. */
static uint64_t last_sha = SIM_MAC_SCRIPT;
static uint64_t last_spa = SIM_ADDR_PEER;

static void read_arp(struct spec *s)
{
    int ours = s->dir == DIR_OUT;

    s->layers[LAYER_ARP] = 1;
    by_default(s, F_ETHER_SRC, ours ? SIM_MAC_OURS : SIM_MAC_SCRIPT);
    put(s, F_ARP_SHA, s->value[F_ETHER_SRC]);
    if (word(s, "who-has")) {
        put(s, F_ARP_OP, 1);
        put(s, F_ARP_TPA, address(s));
        need(s, "tell");
        put(s, F_ARP_SPA, address(s));
        by_default(s, F_ETHER_DST, SIM_MAC_ALL);
        s->written |= UINT64_C(1) << F_ETHER_DST;
        return;
    }
    need(s, "reply");
    put(s, F_ARP_OP, 2);
    put(s, F_ARP_SPA, address(s));
    need(s, "is-at");
    put(s, F_ARP_SHA, mac_address(s));
    put(s, F_ARP_THA, ours ? last_sha : SIM_MAC_OURS);
    put(s, F_ARP_TPA, ours ? last_spa : SIM_ADDR_OURS);
    by_default(s, F_ETHER_DST, s->value[F_ARP_THA]);
    s->written |= UINT64_C(1) << F_ETHER_DST;
}

static void read_header(struct spec *s)
{
    for (;;) {
        if (word(s, "ttl")) {
            put(s, F_IP_TTL, number(s));
        } else if (word(s, "tos")) {
            put(s, F_IP_TOS, number(s));
        } else if (word(s, "id")) {
            put(s, F_IP_ID, number(s));
        } else if (word(s, "offset")) {
            put(s, F_IP_OFFSET, number(s));
        } else if (word(s, "df")) {
            put(s, F_IP_DF, 1);
        } else if (word(s, "mf")) {
            put(s, F_IP_MF, 1);
        } else {
            return;
        }
    }
}

static const struct {
    const char *name;
    int type;
} icmp_types[] = {
    { "echo-reply", 0 }, { "unreachable", 3 }, { "source-quench", 4 }, { "redirect", 5 },
    { "echo", 8 },
    { "time-exceeded", 11 }, { "param-problem", 12 },
};

static const char *const unreachable_codes[] = { "net", "host", "proto", "port", "needfrag" };

#define NUM_TYPES (sizeof(icmp_types) / sizeof(*icmp_types))
#define NUM_CODES (sizeof(unreachable_codes) / sizeof(*unreachable_codes))

static void read_icmp_type(struct spec *s)
{
    size_t i = 0;

    while (i < NUM_TYPES && !word(s, icmp_types[i].name)) {
        i++;
    }
    if (i < NUM_TYPES) {
        put(s, F_ICMP_TYPE, (uint64_t)icmp_types[i].type);
    } else {
        need(s, "type");
        put(s, F_ICMP_TYPE, number(s));
    }
    for (i = 0; s->value[F_ICMP_TYPE] == 3 && i < NUM_CODES; i++) {
        if (word(s, unreachable_codes[i])) {
            put(s, F_ICMP_CODE, i);
        }
    }
}

static void read_icmp(struct spec *s, const struct packet *got)
{
    s->layers[LAYER_ICMP] = 1;
    put(s, F_IP_PROTO, 1);
    read_icmp_type(s);
    for (;;) {
        if (word(s, "code")) {
            put(s, F_ICMP_CODE, number(s));
        } else if (word(s, "id")) {
            put(s, F_ICMP_ID, number(s));
        } else if (word(s, "seq")) {
            put(s, F_ICMP_SEQ, number(s));
        } else {
            break;
        }
    }
    read_data(s, got);
}

static void read_ip(struct spec *s, const struct packet *got)
{
    s->layers[LAYER_IP] = 1;
    put(s, F_IP_SRC, address(s));
    need(s, ">");
    put(s, F_IP_DST, address(s));
    read_header(s);
    if (word(s, "ICMP")) {
        read_icmp(s, got);
        return;
    }
    need(s, "proto");
    put(s, F_IP_PROTO, number(s));
    read_data(s, got);
}

static void read_endpoint(struct spec *s, enum field_id addr, enum field_id port)
{
    put(s, addr, address(s));
    if (*s->at != '.' && *s->at != ':') {
        bad_script(s, "a port is missing");
    }
    s->at++;
    put(s, port, number(s));
}

static void read_udp(struct spec *s, const struct packet *got)
{
    s->layers[LAYER_IP] = 1;
    s->layers[LAYER_UDP] = 1;
    put(s, F_IP_PROTO, 17);
    read_endpoint(s, F_IP_SRC, F_UDP_SPORT);
    need(s, ">");
    read_endpoint(s, F_IP_DST, F_UDP_DPORT);
    read_header(s);
    read_data(s, got);
}

/*
 * Connections
 */
static void read_endpoint_text(const char *text, uint32_t *addr, uint16_t *port)
{
    const char *p = text;

    if (sim_read_addr(&p, addr) == -1 || (*p != ':' && *p != '.')) {
        sim_wrong("not an endpoint: %s", text);
    }
    *port = (uint16_t)strtoul(p + 1, NULL, 10);
}

static void conn_reset(struct conn *c, char name, uint32_t peer_isn)
{
    *c = (struct conn){
        .name = name,
        .local_addr = SIM_ADDR_OURS,
        .remote_addr = SIM_ADDR_PEER,
        .local_port = 7,
        .remote_port = 5000,
        .peer_isn = peer_isn,
    };
}

static struct conn *conn_find(char name)
{
    struct conn *c = sim_shared->conns;

    while (c < sim_shared->conns + SIM_CONNS && c->name && c->name != name) {
        c++;
    }
    if (c == sim_shared->conns + SIM_CONNS) {
        sim_wrong("too many connections");
    }
    if (!c->name) {
        conn_reset(c, name, sim_draw(UINT32_MAX));
    }
    return c;
}

void connection(char name, const char *local, const char *remote, uint32_t peer_isn)
{
    struct conn *c = conn_find(name);

    conn_reset(c, name, peer_isn);
    if (local) {
        read_endpoint_text(local, &c->local_addr, &c->local_port);
    }
    if (remote) {
        read_endpoint_text(remote, &c->remote_addr, &c->remote_port);
    }
    sim_shared->conn_now = name;
}

void client(char c, uint32_t peer_isn)
{
    char remote[32];

    snprintf(remote, sizeof(remote), "192.0.2.1:%d", 5000 + c - 'A');
    connection(c, "192.0.2.2:7", remote, peer_isn);
}

struct conn *sim_conn_now(void)
{
    if (!sim_shared->conn_now) {
        sim_shared->conn_now = 'A';
    }
    return conn_find(sim_shared->conn_now);
}

/* The connection of a packet, or NULL. A local port of 0 matches any. */
static struct conn *conn_of(const struct packet *p, const struct layout *lay, enum direction dir)
{
    uint64_t src = sim_field_get(p, lay, F_IP_SRC), dst = sim_field_get(p, lay, F_IP_DST);
    uint64_t sport = sim_field_get(p, lay, F_TCP_SPORT), dport = sim_field_get(p, lay, F_TCP_DPORT);
    uint64_t remote = dir == DIR_IN ? src : dst, rport = dir == DIR_IN ? sport : dport;
    uint64_t local = dir == DIR_IN ? dst : src, lport = dir == DIR_IN ? dport : sport;
    struct conn *c;

    for (c = sim_shared->conns; c < sim_shared->conns + SIM_CONNS && c->name; c++) {
        if (c->local_addr == local && c->remote_addr == remote && c->remote_port == rport
            && (c->local_port == lport || !c->local_port)) {
            return c;
        }
    }
    return NULL;
}

#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_ACK 0x10

static const char flag_letters[] = "FSRP.UEW";

void sim_learn(const struct packet *p)
{
    struct layout lay;
    struct conn *c;

    sim_locate(p, &lay);
    if (lay.at[LAYER_TCP] < 0) {
        return;
    }
    sim_conn_now();
    c = conn_of(p, &lay, DIR_OUT);
    if (!c || !(sim_field_get(p, &lay, F_TCP_FLAGS) & FLAG_SYN)) {
        return;
    }
    if (!c->local_port) {
        c->local_port = (uint16_t)sim_field_get(p, &lay, F_TCP_SPORT);
    }
    if (!c->known) {
        c->known = 1;
        c->our_isn = (uint32_t)sim_field_get(p, &lay, F_TCP_SEQ);
        c->begun = sim_now;
    }
}

/* Reads a sequence number: relative to base, or absolute after `=`. */
static uint32_t sequence(struct spec *s, uint32_t base)
{
    skip_space(s);
    if (*s->at == '=') {
        s->at++;
        return (uint32_t)number(s);
    }
    return (uint32_t)number(s) + (s->absolute ? 0 : base);
}

static void option_bytes(struct spec *s, size_t len, uint64_t value)
{
    if (s->optlen + len > sizeof(s->options)) {
        bad_script(s, "too many options");
    }
    while (len--) {
        s->options[s->optlen++] = (uint8_t)(value >> len * 8);
    }
}

static void read_sack(struct spec *s, uint32_t base)
{
    size_t at = s->optlen + 1;

    option_bytes(s, 2, 0x0502);
    for (skip_space(s); (*s->at >= '0' && *s->at <= '9') || *s->at == '='; skip_space(s)) {
        option_bytes(s, 4, sequence(s, base));
        need(s, ":");
        option_bytes(s, 4, sequence(s, base));
        s->options[at] = (uint8_t)(s->options[at] + 8);
    }
}

static void read_option(struct spec *s, uint32_t ack_base)
{
    if (word(s, "mss")) {
        option_bytes(s, 2, 0x0204);
        option_bytes(s, 2, number(s));
    } else if (word(s, "nop")) {
        option_bytes(s, 1, 1);
    } else if (word(s, "eol")) {
        option_bytes(s, 1, 0);
    } else if (word(s, "wscale")) {
        option_bytes(s, 2, 0x0303);
        option_bytes(s, 1, number(s));
    } else if (word(s, "sackOK")) {
        option_bytes(s, 2, 0x0402);
    } else if (word(s, "sack")) {
        read_sack(s, ack_base);
    } else if (word(s, "TS")) {
        option_bytes(s, 2, 0x080a);
        need(s, "val");
        option_bytes(s, 4, number(s));
        need(s, "ecr");
        option_bytes(s, 4, number(s));
    } else {
        need(s, "hex");
        for (skip_space(s); hex_value(s->at[0]) >= 0 && hex_value(s->at[1]) >= 0; s->at += 2) {
            option_bytes(s, 1, (uint64_t)(hex_value(s->at[0]) << 4 | hex_value(s->at[1])));
        }
    }
}

static void read_options(struct spec *s, uint32_t ack_base)
{
    skip_space(s);
    if (*s->at != '<') {
        return;
    }
    s->options_written = 1;
    do {
        s->at++;
        skip_space(s);
        if (*s->at == '>') {
            break;
        }
        read_option(s, ack_base);
        skip_space(s);
    } while (*s->at == ',');
    need(s, ">");
    while (s->optlen & 3) {
        option_bytes(s, 1, 0);
    }
}

static void read_flags(struct spec *s)
{
    const char *p;
    uint64_t flags = 0;

    for (skip_space(s); *s->at && *s->at != ' '; s->at++) {
        p = strchr(flag_letters, *s->at);
        if (!p) {
            bad_script(s, "neither a protocol nor a flag");
        }
        flags |= UINT64_C(1) << (p - flag_letters);
    }
    put(s, F_TCP_FLAGS, flags);
}

static uint32_t read_range(struct spec *s, uint32_t base)
{
    uint32_t seq = sequence(s, base), end;
    const char *at = s->at;
    size_t len;

    need(s, ":");
    skip_space(s);
    at = s->at;
    end = sequence(s, base);
    need(s, "(");
    len = number(s);
    need(s, ")");
    if (*at != '=' && end - seq != len) {
        bad_script(s, "END is not SEQ + LEN");
    }
    put(s, F_TCP_SEQ, seq);
    pattern_data(s, seq - base, len);
    return seq;
}

static void read_segment(struct spec *s, uint32_t base, uint32_t ack_base)
{
    size_t len;

    s->layers[LAYER_IP] = 1;
    s->layers[LAYER_TCP] = 1;
    put(s, F_IP_PROTO, 6);
    read_flags(s);
    read_range(s, base);
    len = s->len;
    if (word(s, "ack")) {
        put(s, F_TCP_ACK, sequence(s, ack_base));
    } else if (s->value[F_TCP_FLAGS] & FLAG_ACK) {
        bad_script(s, "ack is missing");
    }
    if (word(s, "win")) {
        put(s, F_TCP_WIN, number(s));
    }
    if (word(s, "urg")) {
        put(s, F_TCP_URG, number(s));
    }
    read_options(s, ack_base);
    skip_space(s);
    if (*s->at == '\'') {
        text_data(s);
        if (s->len != len) {
            bad_script(s, "the text has another length");
        }
    }
}

static void read_connection_segment(struct spec *s)
{
    const struct conn *c = sim_conn_now();
    int in = s->dir == DIR_IN;
    uint32_t ours = c->known ? c->our_isn : 0;

    put(s, F_IP_SRC, in ? c->remote_addr : c->local_addr);
    put(s, F_IP_DST, in ? c->local_addr : c->remote_addr);
    put(s, F_TCP_SPORT, in ? c->remote_port : c->local_port);
    put(s, F_TCP_DPORT, in ? c->local_port : c->remote_port);
    read_segment(s, in ? c->peer_isn : ours, in ? ours : c->peer_isn);
}

static void read_tcp(struct spec *s)
{
    s->absolute = 1;
    read_endpoint(s, F_IP_SRC, F_TCP_SPORT);
    need(s, ">");
    read_endpoint(s, F_IP_DST, F_TCP_DPORT);
    read_header(s);
    read_segment(s, 0, 0);
}

/*
 * A whole line
 */
static void read_line(struct spec *s, const struct packet *got)
{
    skip_space(s);
    if (*s->at && s->at[1] == '>') {
        sim_shared->conn_now = *s->at;
        s->at += 2;
    }
    if (word(s, "ether")) {
        put(s, F_ETHER_SRC, mac_address(s));
        need(s, ">");
        put(s, F_ETHER_DST, mac_address(s));
    }
    if (word(s, "ARP")) {
        read_arp(s);
    } else if (word(s, "IP")) {
        read_ip(s, got);
    } else if (word(s, "UDP")) {
        read_udp(s, got);
    } else if (word(s, "TCP")) {
        read_tcp(s);
    } else if (word(s, "type")) {
        put(s, F_ETHER_TYPE, number(s));
        read_data(s, got);
    } else {
        read_connection_segment(s);
    }
    skip_space(s);
    if (*s->at && *s->at != '#') {
        bad_script(s, "the line should end here");
    }
}

/* Fields that the line leaves open are as in the packet compared with it. */
static void adopt(struct spec *s, const struct packet *got)
{
    struct layout lay;
    int id;

    sim_locate(got, &lay);
    for (id = 0; id < F_NUM; id++) {
        if (sim_fields[id].loose && lay.at[sim_fields[id].layer] >= 0) {
            by_default(s, (enum field_id)id, sim_field_get(got, &lay, (enum field_id)id));
            s->written |= UINT64_C(1) << id;
        }
    }
    if (lay.at[LAYER_TCP] >= 0 && lay.sane && !s->options_written) {
        s->optlen = lay.payload - (size_t)lay.at[LAYER_TCP] - 20;
        memcpy(s->options, got->data + lay.at[LAYER_TCP] + 20, s->optlen);
    }
}

static size_t transport_size(const struct spec *s)
{
    if (s->layers[LAYER_TCP]) {
        return 20 + s->optlen;
    }
    return s->layers[LAYER_UDP] || s->layers[LAYER_ICMP] ? 8 : 0;
}

static void complete_link(struct spec *s)
{
    int in = s->dir == DIR_IN;
    uint64_t dst = s->value[F_IP_DST];
    uint64_t unicast = in ? SIM_MAC_OURS : SIM_MAC_SCRIPT;

    by_default(s, F_ETHER_SRC, in ? SIM_MAC_SCRIPT : SIM_MAC_OURS);
    if (s->layers[LAYER_IP] && (dst == UINT32_MAX || dst == UINT32_C(0xc00002ff))) {
        unicast = SIM_MAC_ALL;
    } else if (s->layers[LAYER_IP] && dst >> 28 == 14) {
        unicast = UINT64_C(0x01005e000000) | (dst & 0x7fffff);
    }
    by_default(s, F_ETHER_DST, unicast);
    by_default(s, F_ETHER_TYPE, s->layers[LAYER_ARP] ? 0x0806 : 0x0800);
}

static void complete(struct spec *s)
{
    size_t size = transport_size(s) + s->len;

    complete_link(s);
    by_default(s, F_ARP_HRD, 1);
    by_default(s, F_ARP_PRO, 0x0800);
    by_default(s, F_ARP_HLN, 6);
    by_default(s, F_ARP_PLN, 4);
    by_default(s, F_IP_VERSION, 4);
    by_default(s, F_IP_IHL, 5);
    by_default(s, F_IP_TOTAL, 20 + size);
    by_default(s, F_IP_TTL, 64);
    by_default(s, F_IP_ID, sim_shared->nhistory & 0xffff);
    by_default(s, F_UDP_LEN, size);
    by_default(s, F_TCP_OFFSET, 5 + s->optlen / 4);
    by_default(s, F_TCP_WIN, 65535);
}

/* Places each header of the line. */
static void lay_out(const struct spec *s, size_t net, struct layout *lay)
{
    size_t at = net, i;

    for (i = 0; i < LAYER_NUM; i++) {
        lay->at[i] = -1;
    }
    if (net) {
        lay->at[LAYER_ETHER] = 0;
    }
    if (s->layers[LAYER_ARP]) {
        lay->at[LAYER_ARP] = (long)at;
        at += 28;
    }
    if (s->layers[LAYER_IP]) {
        lay->at[LAYER_IP] = (long)at;
        at += 20;
    }
    for (i = LAYER_ICMP; i < LAYER_NUM; i++) {
        if (s->layers[i]) {
            lay->at[i] = (long)at;
        }
    }
    lay->payload = at + transport_size(s);
    lay->end = lay->payload + s->len;
}

static void emit(const struct spec *s, size_t net, struct packet *p)
{
    struct layout lay;
    int id;

    lay_out(s, net, &lay);
    memset(p->data, 0, lay.payload);
    p->net = net;
    p->len = lay.end;
    p->type = (uint16_t)s->value[F_ETHER_TYPE];
    for (id = 0; id < F_NUM; id++) {
        if (lay.at[sim_fields[id].layer] >= 0) {
            sim_field_set(p, &lay, (enum field_id)id, s->value[id]);
        }
    }
    if (s->optlen) {
        memcpy(p->data + lay.payload - s->optlen, s->options, s->optlen);
    }
    memcpy(p->data + lay.payload, data, s->len);
    sim_fix_sums(p, &lay);
}

void sim_build(const char *script, enum direction dir, size_t net, struct packet *p,
               const struct packet *got)
{
    struct spec s;

    memset(&s, 0, sizeof(s));
    s.script = script;
    s.at = script;
    s.dir = dir;
    read_line(&s, got);
    if (got) {
        adopt(&s, got);
    }
    complete(&s);
    emit(&s, net, p);
}

/*
 * Printing
 */
struct out {
    char *buf;
    size_t size;
    size_t len;
};

static void say(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct out *o, const char *fmt, ...)
{
    va_list ap;

    if (o->len + 1 < o->size) {
        va_start(ap, fmt);
        o->len += (size_t)vsnprintf(o->buf + o->len, o->size - o->len, fmt, ap);
        va_end(ap);
    }
}

static void say_addr(struct out *o, uint64_t a)
{
    say(o, "%u.%u.%u.%u", (unsigned int)(a >> 24), (unsigned int)(a >> 16 & 255),
        (unsigned int)(a >> 8 & 255), (unsigned int)(a & 255));
}

static void say_mac(struct out *o, uint64_t mac)
{
    int shift;

    for (shift = 40; shift >= 0; shift -= 8) {
        say(o, "%02x%s", (unsigned int)(mac >> shift & 255), shift ? ":" : "");
    }
}

static int is_pattern(const uint8_t *p, uint32_t from, size_t len)
{
    uint8_t byte;

    for (; len; len--, p++, from++) {
        pattern(&byte, from, 1);
        if (*p != byte) {
            return 0;
        }
    }
    return 1;
}

#define TEXT_MAX 64 /* bytes printed of a longer text */

static void say_text(struct out *o, const uint8_t *p, size_t len)
{
    static const char from[] = "\n\r\t\\'", to[] = "nrt\\'";
    const char *esc;
    size_t i;

    say(o, " '");
    for (i = 0; i < len && i < TEXT_MAX; i++) {
        esc = p[i] ? strchr(from, p[i]) : NULL;
        if (esc) {
            say(o, "\\%c", to[esc - from]);
        } else if (p[i] < ' ' || p[i] > '~') {
            say(o, "\\x%02x", p[i]);
        } else {
            say(o, "%c", p[i]);
        }
    }
    say(o, len > TEXT_MAX ? "'... (%zu bytes)" : "'", len);
}

static void say_data(struct out *o, const struct packet *p, const struct layout *lay,
                     enum direction dir)
{
    size_t len = lay->end - lay->payload;
    const uint8_t *at = p->data + lay->payload;
    const struct record *r;

    if (lay->at[LAYER_ICMP] >= 0 && len >= 20 && *at >> 4 == 4) {
        r = find_quoted(dir, at, len);
        if (r && r->len >= r->net + len && !memcmp(r->data + r->net, at, len)) {
            say(o, " quote %zu", len);
            return;
        }
    }
    if (is_pattern(at, 0, len)) {
        say(o, " len %zu", len);
    } else {
        say_text(o, at, len);
    }
}

/* A malformed packet is printed as bytes. */
static void say_bytes(struct out *o, const struct packet *p)
{
    size_t i, from = p->len < p->net ? 0 : p->net;

    if (from == p->net) {
        say(o, "type 0x%04x ", p->type);
    }
    say(o, "hex ");
    for (i = from; i < p->len && i < from + TEXT_MAX; i++) {
        say(o, "%02x", p->data[i]);
    }
    if (i < p->len) {
        say(o, "... (%zu bytes)", p->len - from);
    }
}

static void say_arp(struct out *o, const struct packet *p, const struct layout *lay)
{
    uint64_t op = sim_field_get(p, lay, F_ARP_OP);

    if (op == 1) {
        say(o, "ARP who-has ");
        say_addr(o, sim_field_get(p, lay, F_ARP_TPA));
        say(o, " tell ");
        say_addr(o, sim_field_get(p, lay, F_ARP_SPA));
    } else if (op == 2) {
        say(o, "ARP reply ");
        say_addr(o, sim_field_get(p, lay, F_ARP_SPA));
        say(o, " is-at ");
        say_mac(o, sim_field_get(p, lay, F_ARP_SHA));
    } else {
        say_bytes(o, p);
    }
}

static void say_icmp(struct out *o, const struct packet *p, const struct layout *lay,
                     enum direction dir)
{
    uint64_t type = sim_field_get(p, lay, F_ICMP_TYPE), code = sim_field_get(p, lay, F_ICMP_CODE);
    uint64_t id = sim_field_get(p, lay, F_ICMP_ID), seq = sim_field_get(p, lay, F_ICMP_SEQ);
    size_t i = 0;

    while (i < NUM_TYPES && icmp_types[i].type != (int)type) {
        i++;
    }
    say(o, " ICMP ");
    if (i < NUM_TYPES) {
        say(o, "%s", icmp_types[i].name);
    } else {
        say(o, "type %u", (unsigned int)type);
    }
    if (type == 3 && code < NUM_CODES) {
        say(o, " %s", unreachable_codes[code]);
    } else if (code) {
        say(o, " code %u", (unsigned int)code);
    }
    if (id || seq || type == 8 || type == 0) {
        say(o, " id %u seq %u", (unsigned int)id, (unsigned int)seq);
    }
    say_data(o, p, lay, dir);
}

static void say_ports(struct out *o, const char *proto, const struct packet *p,
                      const struct layout *lay, enum field_id sport, enum field_id dport)
{
    say(o, "%s ", proto);
    say_addr(o, sim_field_get(p, lay, F_IP_SRC));
    say(o, ".%u > ", (unsigned int)sim_field_get(p, lay, sport));
    say_addr(o, sim_field_get(p, lay, F_IP_DST));
    say(o, ".%u", (unsigned int)sim_field_get(p, lay, dport));
}

static unsigned int number_at(const uint8_t *p)
{
    return (unsigned int)p[0] << 24 | (unsigned int)p[1] << 16 | (unsigned int)p[2] << 8 | p[3];
}

static void say_option(struct out *o, const uint8_t *opt, size_t len, uint32_t ack_base)
{
    size_t i;

    if (opt[0] == 2 && len == 4) {
        say(o, "mss %u", (unsigned int)(opt[2] << 8 | opt[3]));
    } else if (opt[0] == 3 && len == 3) {
        say(o, "wscale %u", opt[2]);
    } else if (opt[0] == 4 && len == 2) {
        say(o, "sackOK");
    } else if (opt[0] == 8 && len == 10) {
        say(o, "TS val %u ecr %u", number_at(opt + 2), number_at(opt + 6));
    } else if (opt[0] == 5 && len % 8 == 2) {
        say(o, "sack");
        for (i = 2; i < len; i += 4) {
            say(o, "%s%u", i % 8 == 2 ? " " : ":", number_at(opt + i) - ack_base);
        }
    } else {
        say(o, "hex ");
        for (i = 0; i < len; i++) {
            say(o, "%02x", opt[i]);
        }
    }
}

static void say_options(struct out *o, const uint8_t *opt, size_t len, uint32_t ack_base)
{
    size_t i = 0, n;

    while (i < len) {
        say(o, i ? "," : " <");
        if (opt[i] < 2) {
            n = 1;
            say(o, opt[i] ? "nop" : "eol");
        } else {
            n = i + 1 < len && opt[i + 1] >= 2 && i + opt[i + 1] <= len ? opt[i + 1] : len - i;
            say_option(o, opt + i, n, ack_base);
        }
        i += n;
    }
    if (len) {
        say(o, ">");
    }
}

static void say_segment(struct out *o, const struct packet *p, const struct layout *lay,
                        uint32_t base, uint32_t ack_base)
{
    uint64_t flags = sim_field_get(p, lay, F_TCP_FLAGS);
    uint32_t seq = (uint32_t)sim_field_get(p, lay, F_TCP_SEQ) - base;
    size_t len = lay->end - lay->payload, tcp = (size_t)lay->at[LAYER_TCP], i;

    for (i = 0; i < 8; i++) {
        if (flags >> i & 1) {
            say(o, "%c", flag_letters[i]);
        }
    }
    say(o, " %u:%u(%zu)", (unsigned int)seq, (unsigned int)(seq + len), len);
    if (flags & FLAG_ACK) {
        say(o, " ack %u", (unsigned int)(sim_field_get(p, lay, F_TCP_ACK) - ack_base));
    }
    say(o, " win %u", (unsigned int)sim_field_get(p, lay, F_TCP_WIN));
    if (sim_field_get(p, lay, F_TCP_URG)) {
        say(o, " urg %u", (unsigned int)sim_field_get(p, lay, F_TCP_URG));
    }
    say_options(o, p->data + tcp + 20, lay->payload - tcp - 20, ack_base);
    if (!is_pattern(p->data + lay->payload, seq, len)) {
        say_text(o, p->data + lay->payload, len);
    }
}

static void say_tcp(struct out *o, const struct packet *p, const struct layout *lay,
                    enum direction dir)
{
    const struct conn *c = conn_of(p, lay, dir);
    uint32_t ours;

    if (!c) {
        say_ports(o, "TCP", p, lay, F_TCP_SPORT, F_TCP_DPORT);
        say(o, " ");
        say_segment(o, p, lay, 0, 0);
        return;
    }
    ours = c->known ? c->our_isn : 0;
    if (sim_shared->conns[1].name) {
        say(o, "%c> ", c->name);
    }
    say_segment(o, p, lay, dir == DIR_IN ? c->peer_isn : ours, dir == DIR_IN ? ours : c->peer_isn);
}

/* Header fields that a line omits unless they are unusual. */
static void say_header(struct out *o, const struct packet *p, const struct layout *lay)
{
    if (sim_field_get(p, lay, F_IP_MF)) {
        say(o, " mf");
    }
    if (sim_field_get(p, lay, F_IP_OFFSET)) {
        say(o, " offset %u", (unsigned int)sim_field_get(p, lay, F_IP_OFFSET));
    }
}

static void say_ip(struct out *o, const struct packet *p, const struct layout *lay,
                   enum direction dir)
{
    if (lay->at[LAYER_TCP] >= 0) {
        say_tcp(o, p, lay, dir);
        return;
    }
    if (lay->at[LAYER_UDP] >= 0) {
        say_ports(o, "UDP", p, lay, F_UDP_SPORT, F_UDP_DPORT);
        say_header(o, p, lay);
        say_data(o, p, lay, dir);
        return;
    }
    say(o, "IP ");
    say_addr(o, sim_field_get(p, lay, F_IP_SRC));
    say(o, " > ");
    say_addr(o, sim_field_get(p, lay, F_IP_DST));
    say_header(o, p, lay);
    if (lay->at[LAYER_ICMP] >= 0) {
        say_icmp(o, p, lay, dir);
        return;
    }
    say(o, " proto %u", (unsigned int)sim_field_get(p, lay, F_IP_PROTO));
    say_data(o, p, lay, dir);
}

/* Adds a comment to the line, for a property that the notation lacks. */
static void say_remark(struct out *o, int *num, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say_remark(struct out *o, int *num, const char *fmt, ...)
{
    char text[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    say(o, "%s%s", (*num)++ ? ", " : " # ", text);
}

static void say_remarks(struct out *o, const struct packet *p, const struct layout *lay)
{
    static uint8_t copy[SIM_FRAME_MAX + 64];
    struct packet right = { copy, p->len, p->net, p->type };
    int num = 0, id;
    uint64_t sum;

    if (lay->at[LAYER_IP] < 0) {
        return;
    }
    if (sim_field_get(p, lay, F_IP_IHL) > 5) {
        say_remark(o, &num, "with IP options");
    }
    memcpy(copy, p->data, p->len);
    sim_fix_sums(&right, lay);
    for (id = 0; id < F_NUM; id++) {
        if (!sim_fields[id].sum || lay->at[sim_fields[id].layer] < 0) {
            continue;
        }
        sum = sim_field_get(p, lay, (enum field_id)id);
        if (sum != sim_field_get(&right, lay, (enum field_id)id) && (sum || id != F_UDP_SUM)) {
            say_remark(o, &num, "%s is wrong", sim_fields[id].name);
        }
    }
}

/* Addresses are printed unless they are the defaults. */
static void say_ether(struct out *o, const struct packet *p, const struct layout *lay,
                      enum direction dir)
{
    uint64_t src = sim_field_get(p, lay, F_ETHER_SRC), dst = sim_field_get(p, lay, F_ETHER_DST);
    uint64_t ours = dir == DIR_IN ? SIM_MAC_SCRIPT : SIM_MAC_OURS;
    uint64_t theirs = dir == DIR_IN ? SIM_MAC_OURS : SIM_MAC_SCRIPT;
    int request = lay->at[LAYER_ARP] >= 0 && sim_field_get(p, lay, F_ARP_OP) == 1;

    if (src == ours && dst == (request ? SIM_MAC_ALL : theirs)) {
        return;
    }
    say(o, "ether ");
    say_mac(o, src);
    say(o, " > ");
    say_mac(o, dst);
    say(o, " ");
}

void sim_print(const struct packet *p, enum direction dir, char *buf, size_t size)
{
    struct out o = { buf, size, 0 };
    struct layout lay;

    sim_locate(p, &lay);
    *buf = '\0';
    if (lay.at[LAYER_ETHER] >= 0) {
        say_ether(&o, p, &lay, dir);
    }
    if (!lay.sane || (p->net && lay.at[LAYER_ETHER] < 0)) {
        say_bytes(&o, p);
    } else if (lay.at[LAYER_ARP] >= 0) {
        say_arp(&o, p, &lay);
    } else if (lay.at[LAYER_IP] >= 0) {
        say_ip(&o, p, &lay, dir);
    } else {
        say(&o, "type 0x%04x", p->type);
        say_data(&o, p, &lay, dir);
    }
    if (lay.sane) {
        say_remarks(&o, p, &lay);
    }
}

void (*sim_watch)(enum direction dir, const struct packet *p);
void (*sim_watch_batch)(void);

void sim_remember(const struct packet *p, enum direction dir)
{
    struct record *r = &sim_shared->history[sim_shared->nhistory++ % SIM_HISTORY];
    struct layout lay;

    r->ms = now_ms();
    r->dir = dir;
    r->type = p->type;
    r->net = p->net;
    r->len = p->len;
    memcpy(r->data, p->data, p->len < SIM_RECORD_MAX ? p->len : SIM_RECORD_MAX);
    sim_capture(p);
    if (sim_watch) {
        sim_watch(dir, p);
    }
    sim_locate(p, &lay);
    if (dir == DIR_IN && lay.at[LAYER_ARP] >= 0) {
        last_sha = sim_field_get(p, &lay, F_ARP_SHA);
        last_spa = sim_field_get(p, &lay, F_ARP_SPA);
    }
}

void bench_check_pattern(const void *buf, uint32_t from, size_t len, const char *file, int line)
{
    const uint8_t *p = buf;
    uint8_t byte;
    size_t i;

    for (i = 0; i < len; i++) {
        pattern(&byte, from + (uint32_t)i, 1);
        if (p[i] != byte) {
            bench_fail(file, line,
                       "the pattern from %u on: byte %zu of %zu expected 0x%02x, got 0x%02x",
                       (unsigned int)from, i, len, byte, p[i]);
        }
    }
}
