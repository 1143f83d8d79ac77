/*
 * Every parser against every small damage: valid packets cut at each byte, each length field at its
 * extremes, each bit flipped. Damage that a checksum covers is dropped and counted once.
 * With corrected checksums nothing crashes, nothing leaks, and every connection stays consistent.
 */

#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "hostile/hostile.h"
#include "sim.h"

/*
 * Damage: each kind numbers its ways from 0
 */
struct length {
    size_t at;      /* offset of the field */
    unsigned int size;
    uint32_t mask;  /* bits of the field that are the length */
};

#define LENGTHS_MAX 16

struct lengths {
    struct length list[LENGTHS_MAX];
    size_t num;
};

static void lengths_add(struct lengths *l, size_t at, unsigned int size, uint32_t mask)
{
    check_cmp(l->num, <, LENGTHS_MAX);
    l->list[l->num++] = (struct length){at, size, mask};
}

/* IP and TCP options have one form: two kinds of one byte, all others with a length. */
static void lengths_options(struct lengths *l, const uint8_t *data, size_t at, size_t end)
{
    while (at + 1 < end && data[at] != 0) {
        if (data[at] == 1) {
            at++;
            continue;
        }
        lengths_add(l, at + 1, 1, 0xff);
        at += data[at + 1];
    }
}

static void lengths_ip(struct lengths *l, const struct packet *p, size_t at)
{
    lengths_add(l, at, 1, 0x0f);
    lengths_add(l, at + 2, 2, 0xffff);
    lengths_options(l, p->data, at + 20, at + (size_t)(p->data[at] & 15) * 4);
}

/* Returns all length fields of a valid packet. */
static struct lengths lengths_of(const struct packet *p)
{
    struct lengths l = {0};
    struct layout lay;

    sim_locate(p, &lay);
    if (lay.at[LAYER_ARP] >= 0) {
        lengths_add(&l, (size_t)lay.at[LAYER_ARP] + 4, 1, 0xff);
        lengths_add(&l, (size_t)lay.at[LAYER_ARP] + 5, 1, 0xff);
    }
    if (lay.at[LAYER_IP] >= 0) {
        lengths_ip(&l, p, (size_t)lay.at[LAYER_IP]);
    }
    if (lay.at[LAYER_ICMP] >= 0 && lay.end >= lay.payload + 28) {
        lengths_ip(&l, p, lay.payload); /* the header quoted by an error, and UDP's in it */
        if (p->data[lay.payload + 9] == IP_PROTOCOL_UDP) {
            lengths_add(&l, lay.payload + 24, 2, 0xffff);
        }
    }
    if (lay.at[LAYER_UDP] >= 0) {
        lengths_add(&l, (size_t)lay.at[LAYER_UDP] + 4, 2, 0xffff);
    }
    if (lay.at[LAYER_TCP] >= 0) {
        lengths_add(&l, (size_t)lay.at[LAYER_TCP] + 12, 1, 0xf0);
        lengths_options(&l, p->data, (size_t)lay.at[LAYER_TCP] + 20, lay.payload);
    }
    return l;
}

/* Damages p in the n-th way. Returns 1, 0 if that changes nothing, or -1 after the last way. */
static int cut(struct packet *p, size_t n)
{
    if (n >= p->len) {
        return -1;
    }
    p->len = n;
    return 1;
}

static int flip(struct packet *p, size_t n)
{
    if (n >= p->len * 8) {
        return -1;
    }
    p->data[n / 8] ^= (uint8_t)(0x80 >> n % 8);
    return 1;
}

static int stretch(struct packet *p, size_t n)
{
    struct lengths l = lengths_of(p);
    const struct length *field = &l.list[n / 5];
    uint32_t low, max, real, value;

    if (n / 5 >= l.num) {
        return -1;
    }
    low = field->mask & -field->mask;
    max = field->mask / low;
    value = p->data[field->at];
    if (field->size == 2) {
        value = value << 8 | p->data[field->at + 1];
    }
    real = (value & field->mask) / low;
    value = (value & ~field->mask) | ((uint32_t[]){0, 1, max, real - 1, real + 1}[n % 5] * low &
                                      field->mask);
    if ((value & field->mask) / low == real) {
        return 0;
    }
    p->data[field->at + field->size - 1] = (uint8_t)value;
    if (field->size == 2) {
        p->data[field->at] = (uint8_t)(value >> 8);
    }
    return 1;
}

/* Cuts the datagram and its total length alike, so that the next layer sees the cut. */
static int cut_whole(struct packet *p, size_t n)
{
    size_t hlen = (size_t)(p->data[p->net] & 15) * 4;

    if (p->type != 0x0800 || n >= p->len - p->net - hlen) {
        return -1;
    }
    p->len = p->net + hlen + n;
    p->data[p->net + 2] = (uint8_t)((hlen + n) >> 8);
    p->data[p->net + 3] = (uint8_t)(hlen + n);
    return 1;
}

static int (*const damages[])(struct packet *p, size_t n) = {cut, stretch, flip};
static int (*const repaired[])(struct packet *p, size_t n) = {cut, cut_whole, stretch, flip};

/*
 * Samples
 */
struct sample {
    const char *script;
    const char *faults; /* part of the valid packet, such as IP options */
    void (*start)(void);
    const char *after; /* packet injected afterwards, or NULL */
};

static uint8_t data[SIM_FRAME_MAX + 64];

static struct packet build(const struct sample *s)
{
    struct packet p = {data, 0, 0, 0};

    sim_build(s->script, DIR_IN, sim_wire_net, &p, NULL);
    if (s->faults) {
        check(!sim_apply_faults(&p, s->faults));
    }
    return p;
}

static int udp_desc;

/* Starts with a UDP endpoint and a listener on port 7. */
static void start_all(enum wire_kind kind)
{
    ip_endp_t local = endp("0.0.0.0:7");

    bench_start(kind);
    udp_desc = udp_cmd_open();
    check_int(udp_cmd_bind(udp_desc, &local), 0);
    listening(4);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
}

static void start_raw(void)
{
    start_all(WIRE_RAW);
}

static void start_ether(void)
{
    start_all(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
    wire_pending(1);
}

static void start_half_open(void)
{
    start_raw();
    inject("S 0:0(0) win 65535 <mss 1460>");
    wire_pending(1);
}

/* Starts with a UDP endpoint and a connection that has data in flight. */
static void start_connected(void)
{
    int desc = connected();
    ip_endp_t local = endp("0.0.0.0:7");

    udp_desc = udp_cmd_open();
    check_int(udp_cmd_bind(udp_desc, &local), 0);
    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    wire_pending(1);
}

static void start_closing(void)
{
    int desc = connected();

    check_int(tcp_cmd_close(desc), 0);
    wire_pending(1);
}

static void call(void *arg)
{
    ip_endp_t local = endp("192.0.2.2:8"), remote = endp("192.0.2.1:5000");

    (void)arg;
    tcp_cmd_open(&local, &remote, 1);
}

static void start_calling(void)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:8", "192.0.2.1:5000", PEER_ISN);
    task_start("caller", call, NULL);
    settle();
    wire_pending(1);
}

/*
 * Invariants
 */

/* Is this the unicast address of a host, outside the loopback network? */
static int is_host(const uint8_t *a)
{
    return a[0] != 0 && a[0] != 127 && a[0] < 224 && !(a[0] == 192 && a[3] == 255);
}

/* Checks that only ARP requests go to groups or broadcast addresses. */
static void check_output(const uint8_t *p, size_t len, const char *what)
{
    const uint8_t *net = p + sim_wire_net;
    int arp = sim_wire_net && p[12] == 0x08 && p[13] == 0x06;

    if (arp && (p[0] & 1) && net[7] != 1) {
        fail("%s: an ARP reply to a group", what);
    }
    if (!arp && (!is_host(net + 16) || (sim_wire_net && (p[0] & 1)))) {
        fail("%s: an answer to %u.%u.%u.%u", what, net[16], net[17], net[18], net[19]);
    }
    check_cmp(len, >=, 28);
}

static void check_connection(const struct tcp_view *v, const char *what)
{
    if (v->state == TCP_STATE_LISTEN || v->state == TCP_STATE_CLOSED) {
        return;
    }
    if (!seq_leq(v->snd.una, v->snd.nxt) || v->snd.nxt - v->iss > 7 || v->snd.wnd > 65535) {
        fail("%s: SND.UNA=%u, SND.NXT=%u, SND.WND=%u", what, v->snd.una - v->iss,
             v->snd.nxt - v->iss, v->snd.wnd);
    }
    if (v->rcv.wnd > TCP_RCV_BUF_SIZE || v->rcv.nxt - v->irs > 2000) {
        fail("%s: RCV.NXT=%u, RCV.WND=%u", what, v->rcv.nxt - v->irs, v->rcv.wnd);
    }
}

static void check_invariants(size_t memory, const char *what)
{
    static uint8_t out[2000];
    struct picture p = picture_take();
    size_t num, len;

    for (num = 0; wire_pending(0) > 0; num++) {
        len = take(0, out, sizeof(out));
        check_output(out, len, what);
    }
    if (num > 3) {
        fail("%s: %zu answers", what, num);
    }
    for (size_t i = 0; i < p.num && i < PICTURE_VIEWS; i++) {
        check_connection(&p.views[i], what);
    }
    if (p.memory > memory + 16) {
        fail("%s: %zu allocations more", what, p.memory - memory);
    }
}

/*
 * The two ways to inject a damaged packet
 */

/* With the original checksums: one drop, and no other effect. */
static void try_damaged(const struct sample *s, const struct packet *p, const char *what)
{
    struct picture before = picture_take();
    uint64_t num = drops();

    (void)s;
    inject_bytes(p->data, p->len);
    if (drops() - num != 1) {
        fail("%s of %s: %llu drops", what, s->script, (unsigned long long)(drops() - num));
    }
    expect_nothing(0);
    picture_check(&before);
}

/* With corrected checksums: the invariants hold, whatever the packet means. */
static void try_repaired(const struct sample *s, struct packet *p, const char *what)
{
    size_t memory = memory_in_use();
    struct layout lay;

    sim_locate(p, &lay);
    sim_fix_sums(p, &lay);
    inject_bytes(p->data, p->len);
    check_invariants(memory, what);
    if (s->after) {
        inject(s->after);
        check_invariants(memory, what);
    }
}

/* All damages of one sample with the original checksums, in one stack, which must not change. Only
 * the first covered bytes are under a checksum; 0: all. */
static void damage(const struct sample *s, size_t covered)
{
    static const char *const names[] = {"cut", "length", "bit"};
    char what[64];
    int ret = 0;

    s->start();
    for (size_t kind = 0; kind < countof(damages); kind++, ret = 0) {
        for (size_t n = 0; ret != -1; n++) {
            struct packet p = build(s);

            ret = damages[kind] == flip && covered && n >= covered * 8 ? -1 : damages[kind](&p, n);
            snprintf(what, sizeof(what), "%s %zu", names[kind], n);
            if (ret == 1) {
                try_damaged(s, &p, what);
            }
        }
    }
    check_int(net_shutdown(), 0);
    wire_pending(1);
    settle();
}

static void damage_all(const struct sample *samples, size_t num, size_t covered)
{
    for (; num > 0; num--) {
        damage(samples++, covered);
    }
}

/* All damages of one sample with corrected checksums, each in a stack of its own. */
static void repair(const struct sample *s)
{
    static const char *const names[] = {"cut", "whole cut", "length", "bit"};
    char what[64];
    int ret = 0;

    for (size_t kind = 0; kind < countof(repaired); kind++, ret = 0) {
        for (size_t n = 0; ret != -1; n++) {
            struct packet p;

            s->start();
            p = build(s);
            ret = repaired[kind](&p, n);
            snprintf(what, sizeof(what), "%s %zu", names[kind], n);
            if (ret == 1) {
                try_repaired(s, &p, what);
            }
            check_int(net_shutdown(), 0);
            wire_pending(1);
            wire_pending(1);
            settle();
        }
    }
}

static void repair_all(const struct sample *samples, size_t num)
{
    for (; num > 0; num--) {
        repair(samples++);
    }
}

/*
 * Parsers
 */
static const struct sample ether[] = {
    {"IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56", NULL, start_ether, NULL},
    {"UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'", NULL, start_ether, NULL},
};

static const struct sample arp[] = {
    {"ARP who-has 192.0.2.2 tell 192.0.2.9", NULL, start_ether, NULL},
    {"ARP reply 192.0.2.1 is-at 00:00:5e:00:53:fe", NULL, start_ether, NULL},
};

static const struct sample ip[] = {
    {"UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'", "ip.options=94040000", start_raw, NULL},
    {"IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 8",
     "ip.options=070b04cb007109c633640101440c0501cb00710900000000", start_raw, NULL},
};

/* Quotes of the ICMP samples: a segment and a datagram from our address */
#define QUOTE_TCP "hex 450000280001400040" "06b6cbc0000202c0000201" "0007138800000000"
#define QUOTE_UDP "hex 450000210001400040" "11b6c7c0000202c0000201" "00071388000d0000"

static const struct sample icmp[] = {
    {"IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56", NULL, start_raw, NULL},
    {"IP 192.0.2.1 > 192.0.2.2 ICMP echo-reply id 1 seq 1 len 5", NULL, start_raw, NULL},
    {"IP 192.0.2.1 > 192.0.2.2 ICMP type 13 id 1 seq 1 len 12", NULL, start_raw, NULL},
};

static const struct sample quotes[] = {
    {"IP 192.0.2.1 > 192.0.2.2 ICMP unreachable port " QUOTE_UDP, NULL, start_raw, NULL},
    {"IP 192.0.2.1 > 192.0.2.2 ICMP unreachable port " QUOTE_TCP, NULL, start_connected, NULL},
    {"IP 192.0.2.9 > 192.0.2.2 ICMP time-exceeded " QUOTE_TCP, NULL, start_connected, NULL},
};

static const struct sample udp[] = {
    {"UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'", NULL, start_raw, NULL},
    {"UDP 192.0.2.1.5000 > 192.0.2.2.7 len 0", NULL, start_raw, NULL},
    {"UDP 192.0.2.127.5000 > 192.0.2.2.9 len 30", NULL, start_raw, NULL}, /* closed port */
};

static const struct sample tcp[] = {
    {"S 0:0(0) win 1000 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>", NULL, start_raw, NULL},
    {"S. 0:0(0) ack 1 win 1000 <mss 1460,nop,nop,sackOK>", NULL, start_calling, NULL},
    {". 1:1(0) ack 1", NULL, start_half_open, NULL},
    {"P. 1:11(10) ack 6 <nop,nop,TS val 5 ecr 6>", NULL, start_connected, "P. 1:21(20) ack 6"},
    {"F. 1:1(0) ack 2", NULL, start_closing, "F. 1:1(0) ack 2"},
    {"R 1:1(0)", NULL, start_connected, NULL},
};

/* Fragments of an echo. Each is damaged in turn, then another follows. */
#define FRAGMENT "IP 192.0.2.1 > 192.0.2.2 id 7 "

static const struct sample fragments[] = {
    {FRAGMENT "mf offset 0 proto 1 hex 0800f7fd00010001" "0000000000000000", NULL, start_raw,
     FRAGMENT "offset 2 proto 1 hex 00000000"},
    {FRAGMENT "offset 2 proto 1 hex 00000000", NULL, start_raw,
     FRAGMENT "mf offset 0 proto 1 hex 0800f7fd00010001" "0000000000000000"},
    {FRAGMENT "mf offset 1 proto 1 hex 0000000000000000", NULL, start_raw,
     FRAGMENT "offset 2 proto 1 hex 00000000"},
};

static void test_ether_repaired(void)
{
    repair_all(ether, countof(ether));
}

static void test_arp_repaired(void)
{
    repair_all(arp, countof(arp));
}

static void test_ip(void)
{
    damage_all(ip, countof(ip), 0);
}

static void test_ip_repaired(void)
{
    repair_all(ip, countof(ip));
}

/* The checksum of a fragment covers its header alone. */
static void test_fragments(void)
{
    damage_all(fragments, countof(fragments), IP_HDR_SIZE_MIN);
}

static void test_fragments_repaired(void)
{
    repair_all(fragments, countof(fragments));
}

static void test_icmp(void)
{
    damage_all(icmp, countof(icmp), 0);
    damage_all(quotes, countof(quotes), 0);
}

static void test_icmp_repaired(void)
{
    repair_all(icmp, countof(icmp));
}

static void test_quotes_repaired(void)
{
    repair_all(quotes, countof(quotes));
}

static void test_udp(void)
{
    damage_all(udp, countof(udp), 0);
}

static void test_udp_repaired(void)
{
    repair_all(udp, countof(udp));
}

static void test_tcp(void)
{
    damage_all(tcp, countof(tcp), 0);
}

static void test_tcp_repaired(void)
{
    time_limit(10);
    repair_all(tcp, countof(tcp));
}

BENCH(46,
      {"IP with options: each damage is dropped and counted once", test_ip},
      {"fragments: each damage of a header is dropped and counted once", test_fragments},
      {"ICMP with quotes: each damage is dropped and counted once", test_icmp},
      {"UDP: each damage is dropped and counted once", test_udp},
      {"TCP with options: each damage is dropped and counted once", test_tcp},
      {"Ethernet: no damage does harm", test_ether_repaired},
      {"ARP: no damage does harm", test_arp_repaired},
      {"IP: no damage with correct checksums does harm", test_ip_repaired},
      {"fragments: no damage with correct checksums does harm", test_fragments_repaired},
      {"ICMP: no damage with correct checksums does harm", test_icmp_repaired},
      {"ICMP errors: no damage with correct checksums does harm", test_quotes_repaired},
      {"UDP: no damage with correct checksums does harm", test_udp_repaired},
      {"TCP: no damage with correct checksums does harm", test_tcp_repaired})
