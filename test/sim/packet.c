#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sim.h"

/*
 * Packets as fields: their places, differences and faults. Independent of the stack's headers
 */

#define NUM(name, layer, off, size) { name, layer, off, size, 0, UINT64_MAX, FIELD_NUMBER, 0, 0 }
#define BITS(name, layer, off, size, shift, mask) \
    { name, layer, off, size, shift, mask, FIELD_NUMBER, 0, 0 }
#define LOOSE(name, layer, off, size) { name, layer, off, size, 0, UINT64_MAX, FIELD_NUMBER, 1, 0 }
#define SUM(name, layer, off) { name, layer, off, 2, 0, UINT64_MAX, FIELD_NUMBER, 0, 1 }
#define ADDR(name, layer, off) { name, layer, off, 4, 0, UINT64_MAX, FIELD_ADDR, 0, 0 }
#define MAC(name, layer, off, loose) { name, layer, off, 6, 0, UINT64_MAX, FIELD_MAC, loose, 0 }

const struct field sim_fields[F_NUM] = {
    [F_ETHER_DST] = MAC("ether.dst", LAYER_ETHER, 0, 1),
    [F_ETHER_SRC] = MAC("ether.src", LAYER_ETHER, 6, 0),
    [F_ETHER_TYPE] = NUM("ether.type", LAYER_ETHER, 12, 2),
    [F_ARP_HRD] = NUM("arp.hrd", LAYER_ARP, 0, 2),
    [F_ARP_PRO] = NUM("arp.pro", LAYER_ARP, 2, 2),
    [F_ARP_HLN] = NUM("arp.hln", LAYER_ARP, 4, 1),
    [F_ARP_PLN] = NUM("arp.pln", LAYER_ARP, 5, 1),
    [F_ARP_OP] = NUM("arp.op", LAYER_ARP, 6, 2),
    [F_ARP_SHA] = MAC("arp.sha", LAYER_ARP, 8, 0),
    [F_ARP_SPA] = ADDR("arp.spa", LAYER_ARP, 14),
    [F_ARP_THA] = MAC("arp.tha", LAYER_ARP, 18, 1),
    [F_ARP_TPA] = ADDR("arp.tpa", LAYER_ARP, 24),
    [F_IP_VERSION] = BITS("ip.version", LAYER_IP, 0, 1, 4, 0xf0),
    [F_IP_IHL] = BITS("ip.ihl", LAYER_IP, 0, 1, 0, 0x0f),
    [F_IP_TOS] = LOOSE("ip.tos", LAYER_IP, 1, 1),
    [F_IP_TOTAL] = NUM("ip.total", LAYER_IP, 2, 2),
    [F_IP_ID] = LOOSE("ip.id", LAYER_IP, 4, 2),
    [F_IP_DF] = { "ip.df", LAYER_IP, 6, 2, 14, 0x4000, FIELD_NUMBER, 1, 0 },
    [F_IP_MF] = BITS("ip.mf", LAYER_IP, 6, 2, 13, 0x2000),
    [F_IP_OFFSET] = BITS("ip.offset", LAYER_IP, 6, 2, 0, 0x1fff),
    [F_IP_TTL] = LOOSE("ip.ttl", LAYER_IP, 8, 1),
    [F_IP_PROTO] = NUM("ip.proto", LAYER_IP, 9, 1),
    [F_IP_SUM] = SUM("ip.sum", LAYER_IP, 10),
    [F_IP_SRC] = ADDR("ip.src", LAYER_IP, 12),
    [F_IP_DST] = ADDR("ip.dst", LAYER_IP, 16),
    [F_ICMP_TYPE] = NUM("icmp.type", LAYER_ICMP, 0, 1),
    [F_ICMP_CODE] = NUM("icmp.code", LAYER_ICMP, 1, 1),
    [F_ICMP_SUM] = SUM("icmp.sum", LAYER_ICMP, 2),
    [F_ICMP_ID] = NUM("icmp.id", LAYER_ICMP, 4, 2),
    [F_ICMP_SEQ] = NUM("icmp.seq", LAYER_ICMP, 6, 2),
    [F_UDP_SPORT] = NUM("udp.sport", LAYER_UDP, 0, 2),
    [F_UDP_DPORT] = NUM("udp.dport", LAYER_UDP, 2, 2),
    [F_UDP_LEN] = NUM("udp.len", LAYER_UDP, 4, 2),
    [F_UDP_SUM] = SUM("udp.sum", LAYER_UDP, 6),
    [F_TCP_SPORT] = NUM("tcp.sport", LAYER_TCP, 0, 2),
    [F_TCP_DPORT] = NUM("tcp.dport", LAYER_TCP, 2, 2),
    [F_TCP_SEQ] = NUM("tcp.seq", LAYER_TCP, 4, 4),
    [F_TCP_ACK] = NUM("tcp.ack", LAYER_TCP, 8, 4),
    [F_TCP_OFFSET] = BITS("tcp.offset", LAYER_TCP, 12, 1, 4, 0xf0),
    [F_TCP_FLAGS] = NUM("tcp.flags", LAYER_TCP, 13, 1),
    [F_TCP_WIN] = LOOSE("tcp.win", LAYER_TCP, 14, 2),
    [F_TCP_SUM] = SUM("tcp.sum", LAYER_TCP, 16),
    [F_TCP_URG] = LOOSE("tcp.urg", LAYER_TCP, 18, 2),
};

/*
 * Reading and writing
 */
static uint64_t load(const uint8_t *p, size_t size)
{
    uint64_t value = 0;

    while (size--) {
        value = value << 8 | *p++;
    }
    return value;
}

static void store(uint8_t *p, size_t size, uint64_t value)
{
    while (size--) {
        p[size] = (uint8_t)value;
        value >>= 8;
    }
}

uint64_t sim_field_get(const struct packet *p, const struct layout *lay, enum field_id id)
{
    const struct field *f = &sim_fields[id];

    return (load(p->data + lay->at[f->layer] + f->off, f->size) & f->mask) >> f->shift;
}

void sim_field_set(struct packet *p, const struct layout *lay, enum field_id id, uint64_t value)
{
    const struct field *f = &sim_fields[id];
    uint8_t *at = p->data + lay->at[f->layer] + f->off;
    uint64_t old = load(at, f->size);

    store(at, f->size, (old & ~f->mask) | (value << f->shift & f->mask));
}

static void locate_transport(const struct packet *p, struct layout *lay, size_t at)
{
    size_t room = lay->end - at;
    uint8_t proto = p->data[lay->at[LAYER_IP] + 9];
    size_t size;

    if (proto == 1 && room >= 8) {
        lay->at[LAYER_ICMP] = (long)at;
        lay->payload = at + 8;
    } else if (proto == 17 && room >= 8) {
        lay->at[LAYER_UDP] = (long)at;
        lay->payload = at + 8;
        lay->sane = load(p->data + at + 4, 2) == room;
    } else if (proto == 6 && room >= 20) {
        size = (size_t)(p->data[at + 12] >> 4) * 4;
        lay->at[LAYER_TCP] = (long)at;
        lay->sane = size >= 20 && size <= room;
        lay->payload = at + (lay->sane ? size : 20);
    } else if (proto == 1 || proto == 17 || proto == 6) {
        lay->sane = 0;
    }
}

static void locate_ip(const struct packet *p, struct layout *lay)
{
    size_t net = p->net, room = p->len - net;
    size_t ihl = (size_t)(p->data[net] & 15) * 4, total = load(p->data + net + 2, 2);

    lay->at[LAYER_IP] = (long)net;
    lay->payload = net + 20;
    lay->sane = p->data[net] >> 4 == 4 && ihl >= 20 && total >= ihl && total <= room;
    if (!lay->sane) {
        return;
    }
    lay->end = net + total;
    lay->payload = net + ihl;
    if (!(load(p->data + net + 6, 2) & 0x1fff)) {
        locate_transport(p, lay, net + ihl);
    }
}

void sim_locate(const struct packet *p, struct layout *lay)
{
    size_t i;

    for (i = 0; i < LAYER_NUM; i++) {
        lay->at[i] = -1;
    }
    lay->sane = 1;
    lay->end = p->len;
    lay->payload = p->net < p->len ? p->net : p->len;
    if (p->net && p->len >= p->net) {
        lay->at[LAYER_ETHER] = 0;
    }
    if (p->type == 0x0800 && p->len >= p->net + 20) {
        locate_ip(p, lay);
    } else if (p->type == 0x0806 && p->len >= p->net + 28) {
        lay->at[LAYER_ARP] = (long)p->net;
        lay->end = lay->payload = p->net + 28;
    } else if (p->type == 0x0800 || p->type == 0x0806) {
        lay->sane = 0;
    }
}

/*
 * Checksums
 */
uint16_t sim_sum(const uint8_t *data, size_t len, uint32_t sum)
{
    size_t i;

    for (i = 0; i + 1 < len; i += 2) {
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    if (len & 1) {
        sum += (uint32_t)data[len - 1] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* Returns the length that a field announces, or max if that is impossible. */
static size_t believe(size_t announced, size_t min, size_t max)
{
    return announced >= min && announced <= max ? announced : max;
}

static void fix_ip_sum(struct packet *p, const struct layout *lay)
{
    size_t at = (size_t)lay->at[LAYER_IP];
    size_t ihl = believe((size_t)(p->data[at] & 15) * 4, 20, p->len - at);

    sim_field_set(p, lay, F_IP_SUM, 0);
    sim_field_set(p, lay, F_IP_SUM, sim_sum(p->data + at, ihl < 60 ? ihl : 60, 0));
}

static void fix_transport_sum(struct packet *p, const struct layout *lay, enum layer layer,
                              enum field_id id)
{
    size_t at = (size_t)lay->at[layer], ip = (size_t)lay->at[LAYER_IP];
    size_t total = believe(load(p->data + ip + 2, 2), at - ip + 8, p->len - ip);
    size_t len = total - (at - ip);
    uint32_t sum = 0;
    uint16_t value;

    if (layer == LAYER_UDP) {
        len = believe(load(p->data + at + 4, 2), 8, len);
    }
    if (layer != LAYER_ICMP) {
        sum = (uint32_t)(len + (layer == LAYER_UDP ? 17
                                : 6)) + (uint16_t)~sim_sum(p->data + ip + 12, 8, 0);
    }
    sim_field_set(p, lay, id, 0);
    value = sim_sum(p->data + at, len, sum);
    sim_field_set(p, lay, id, layer == LAYER_UDP && !value ? 0xffff : value);
}

void sim_fix_sums(struct packet *p, const struct layout *lay)
{
    static const struct {
        enum layer layer;
        enum field_id id;
    } sums[] = { { LAYER_ICMP, F_ICMP_SUM }, { LAYER_UDP, F_UDP_SUM }, { LAYER_TCP, F_TCP_SUM } };
    size_t i;

    for (i = 0; i < sizeof(sums) / sizeof(*sums); i++) {
        if (lay->at[sums[i].layer] >= 0) {
            fix_transport_sum(p, lay, sums[i].layer, sums[i].id);
        }
    }
    if (lay->at[LAYER_IP] >= 0) {
        fix_ip_sum(p, lay);
    }
}

/*
 * Differences
 */
struct differences {
    char *buf;
    size_t size;
    size_t len;
    int num;
};

static void show_value(const struct field *f, uint64_t value, char *buf, size_t size)
{
    if (f->kind == FIELD_ADDR) {
        snprintf(buf, size, "%u.%u.%u.%u", (unsigned int)(value >> 24),
                 (unsigned int)(value >> 16 & 255), (unsigned int)(value >> 8 & 255),
                 (unsigned int)(value & 255));
    } else if (f->kind == FIELD_MAC) {
        snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned int)(value >> 40 & 255),
                 (unsigned int)(value >> 32 & 255), (unsigned int)(value >> 24 & 255),
                 (unsigned int)(value >> 16 & 255), (unsigned int)(value >> 8 & 255),
                     (unsigned int)(value & 255));
    } else if (f->mask != UINT64_MAX) {
        snprintf(buf, size, "%u", (unsigned int)value);
    } else {
        snprintf(buf, size, "0x%0*x", f->size * 2, (unsigned int)value);
    }
}

static void differ(struct differences *d, const char *fmt,
                   ...) __attribute__((format(printf, 2, 3)));

static void differ(struct differences *d, const char *fmt, ...)
{
    va_list ap;

    d->num++;
    if (d->num > 3 || d->len + 2 >= d->size) {
        return;
    }
    if (d->num > 1) {
        d->buf[d->len++] = '\n';
    }
    va_start(ap, fmt);
    d->len += (size_t)vsnprintf(d->buf + d->len, d->size - d->len, fmt, ap);
    va_end(ap);
}

static int is_swapped(const struct field *f, uint64_t a, uint64_t b)
{
    if (f->kind == FIELD_MAC || f->mask != UINT64_MAX || f->size == 1) {
        return 0;
    }
    return f->size == 2 ? __builtin_bswap16((uint16_t)a) == b : __builtin_bswap32((uint32_t)a) == b;
}

static void compare_field(struct differences *d, enum field_id id, uint64_t want, uint64_t got)
{
    const struct field *f = &sim_fields[id];
    char a[32], b[32];

    if (want == got) {
        return;
    }
    show_value(f, want, a, sizeof(a));
    show_value(f, got, b, sizeof(b));
    if (f->size == 1) {
        differ(d, "%s (byte %d) expected %s, got %s", f->name, f->off, a, b);
        return;
    }
    differ(d, "%s (bytes %d-%d) expected %s, got %s%s", f->name, f->off, f->off + f->size - 1, a, b,
           is_swapped(f, want, got) ? ": swapped" : "");
}

static void compare_fields(struct differences *d, const struct packet *want,
                           const struct layout *wl, const struct packet *got,
                           const struct layout *gl, int sums)
{
    int id;

    for (id = 0; id < F_NUM; id++) {
        if (sim_fields[id].sum != sums || wl->at[sim_fields[id].layer] < 0
            || gl->at[sim_fields[id].layer] < 0) {
            continue;
        }
        compare_field(d, (enum field_id)id, sim_field_get(want, wl, (enum field_id)id),
                      sim_field_get(got, gl, (enum field_id)id));
    }
}

static void compare_bytes(struct differences *d, const char *what, const uint8_t *want, size_t wlen,
                          const uint8_t *got, size_t glen)
{
    size_t i = 0;

    while (i < wlen && i < glen && want[i] == got[i]) {
        i++;
    }
    if (wlen != glen) {
        differ(d, "%s: expected %zu bytes, got %zu", what, wlen, glen);
    }
    if (i < wlen && i < glen) {
        differ(d, "%s: byte %zu expected 0x%02x, got 0x%02x", what, i, want[i], got[i]);
    }
}

static void compare_payload(struct differences *d, const struct packet *want,
                            const struct layout *wl, const struct packet *got,
                            const struct layout *gl)
{
    long wt = wl->at[LAYER_TCP], gt = gl->at[LAYER_TCP];

    if (wt >= 0 && gt >= 0) {
        compare_bytes(d, "tcp options", want->data + wt + 20, wl->payload - (size_t)wt - 20,
                      got->data + gt + 20, gl->payload - (size_t)gt - 20);
    }
    compare_bytes(d, "data", want->data + wl->payload, wl->end - wl->payload,
                  got->data + gl->payload, gl->end - gl->payload);
}

/* The bytes after the datagram in its frame: none, or zeros up to 60 bytes. */
static void compare_end(struct differences *d, const struct packet *got, const struct layout *gl)
{
    size_t want = gl->end, i;

    if (got->net && want < 60) {
        want = 60;
    }
    if (got->len != want) {
        differ(d, "frame: expected %zu bytes, got %zu", want, got->len);
    }
    for (i = gl->end; i < got->len; i++) {
        if (got->data[i]) {
            differ(d, "frame: padding byte %zu is 0x%02x, not 0", i, got->data[i]);
            return;
        }
    }
}

int sim_compare(const struct packet *want, const struct packet *got, char *buf, size_t size)
{
    struct differences d = { buf, size, 0, 0 };
    struct layout wl, gl;

    *buf = '\0';
    sim_locate(want, &wl);
    sim_locate(got, &gl);
    if (want->type != got->type) {
        differ(&d, "EtherType expected 0x%04x, got 0x%04x", want->type, got->type);
        return d.num;
    }
    compare_fields(&d, want, &wl, got, &gl, 0);
    if (!d.num) {
        compare_payload(&d, want, &wl, got, &gl);
    }
    if (!d.num) {
        compare_fields(&d, want, &wl, got, &gl, 1);
    }
    if (!d.num) {
        compare_end(&d, got, &gl);
    }
    return d.num;
}

/*
 * Faults: "ip.total=12, ip.sum=+1"
 */
static const char *fault_text; /* the part that was not understood */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c | 32) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* Inserts IP options, padded with zeros to a multiple of four. */
static int fault_options(struct packet *p, const char **s)
{
    uint8_t options[40] = { 0 };
    size_t n = 0, ip = p->net, size;

    while (hex_digit(**s) >= 0 && hex_digit((*s)[1]) >= 0 && n < sizeof(options)) {
        options[n++] = (uint8_t)(hex_digit(**s) << 4 | hex_digit((*s)[1]));
        *s += 2;
    }
    n = (n + 3) & ~(size_t)3;
    size = (size_t)(p->data[ip] & 15) * 4;
    if (p->type != 0x0800 || p->len < ip + 20 || size + n > 60) {
        return -1;
    }
    memmove(p->data + ip + size + n, p->data + ip + size, p->len - ip - size);
    memcpy(p->data + ip + size, options, n);
    p->len += n;
    p->data[ip] = (uint8_t)(0x40 | (size + n) / 4);
    store(p->data + ip + 2, 2, load(p->data + ip + 2, 2) + n);
    return 0;
}

/* Reads a value; one with a sign is added to the right value. */
static int fault_value(const char **s, uint64_t right, uint64_t *value)
{
    const char *p = *s;
    uint32_t addr;
    char *end;

    if (sim_read_mac(s, value) == 0) {
        return 0;
    }
    if (sim_read_addr(s, &addr) == 0) {
        *value = addr;
        return 0;
    }
    *value = strtoull(p + (*p == '+' || *p == '-'), &end, 0);
    if (end == p + (*p == '+' || *p == '-')) {
        return -1;
    }
    if (*p == '+' || *p == '-') {
        *value = *p == '+' ? right + *value : right - *value;
    }
    *s = end;
    return 0;
}

static int fault_frame(struct packet *p, const char **s)
{
    uint64_t len;

    if (fault_value(s, p->len - p->net, &len) == -1 || len > SIM_FRAME_MAX - p->net) {
        return -1;
    }
    if (p->net + len > p->len) {
        memset(p->data + p->len, 0xaa, p->net + len - p->len);
    }
    p->len = p->net + len;
    return 0;
}

static int find_field(const char *name, size_t len)
{
    int id;

    for (id = 0; id < F_NUM; id++) {
        if (strlen(sim_fields[id].name) == len && !strncmp(sim_fields[id].name, name, len)) {
            return id;
        }
    }
    return -1;
}

/* Faults are applied in four rounds, since some depend on others. */
enum round { ROUND_OPTIONS, ROUND_FIELDS, ROUND_SUMS, ROUND_FRAME };

static int fault_round(const char *name, size_t len, int id)
{
    if (len == 10 && !strncmp(name, "ip.options", len)) {
        return ROUND_OPTIONS;
    }
    if (len == 9 && !strncmp(name, "frame.len", len)) {
        return ROUND_FRAME;
    }
    return id < 0 ? -1 : sim_fields[id].sum ? ROUND_SUMS : ROUND_FIELDS;
}

static int fault_field(struct packet *p, const struct layout *lay, const char **s, int id)
{
    uint64_t value;

    if (lay->at[sim_fields[id].layer] < 0
        || fault_value(s, sim_field_get(p, lay, (enum field_id)id), &value) == -1) {
        return -1;
    }
    sim_field_set(p, lay, (enum field_id)id, value);
    if (id == F_ETHER_TYPE) {
        p->type = (uint16_t)value;
    }
    return 0;
}

/* Applies the faults of one round. */
static int faults_of_round(struct packet *p, const struct layout *lay, const char *s,
                           enum round round)
{
    while (*s) {
        size_t len = strcspn(s, "= ,");
        int id = find_field(s, len), r = fault_round(s, len, id);
        int bad = r < 0 || s[len] != '=';

        fault_text = s;
        s += len + !bad;
        if (!bad && r == (int)round) {
            bad = round == ROUND_OPTIONS ? fault_options(p, &s) : round == ROUND_FRAME
                ? fault_frame(p, &s) : fault_field(p, lay, &s, id);
            bad = bad || (*s && *s != ',' && *s != ' ');
        }
        if (bad) {
            return -1;
        }
        s += strcspn(s, ",");
        s += strspn(s, ", ");
    }
    return 0;
}

const char *sim_apply_faults(struct packet *p, const char *faults)
{
    struct layout lay;
    int round;

    for (round = ROUND_OPTIONS; round <= ROUND_FRAME; round++) {
        if (round == ROUND_FIELDS) {
            sim_locate(p, &lay);
        }
        if (round == ROUND_SUMS) {
            sim_fix_sums(p, &lay);
        }
        if (faults_of_round(p, &lay, faults, (enum round)round) == -1) {
            return fault_text;
        }
    }
    return NULL;
}
