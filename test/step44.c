/* Step 44: fragments. Received ones are reassembled within limits, and datagrams longer than the
 * MTU are sent in fragments. */
#include <stdio.h>

#include "bench.h"
#include "endp.h"
#include "ether.h"
#include "icmp.h"
#include "ip.h"
#include "ip_frag.h"
#include "net.h"
#include "platform.h"
#include "udp.h"
#include "util.h"

#define PROTO 253
#define FROM "IP 192.0.2.1 > 192.0.2.2 "
#define LATE "IP 192.0.2.2 > 192.0.2.1 ICMP time-exceeded code 1 quote 28"
#define A "'aaaaaaaa'"
#define B "'bbbbbbbb'"
#define C "'cc'"
#define WHOLE "aaaaaaaabbbbbbbbcc"
#define BIG 65515 /* bytes of data in the longest datagram */
#define UDP_BIG 65507
#define MTU 1500
#define FLOOD 100000

static struct net_device *wire;
static uint8_t whole[BIG + 1], came[BIG + 1], gone[BIG + 1];
static size_t came_len;
static int calls;

static void handler(const struct ip_hdr *hdr, const uint8_t *data, size_t len,
                    struct ip_iface *iface)
{
    (void)iface;
    check_int(ntoh16(hdr->offset), 0);
    check_int(ntoh16(hdr->total), IP_HDR_SIZE(hdr) + len);
    check_int(cksum16(hdr, IP_HDR_SIZE(hdr), 0), 0);
    check_cmp(len, <=, BIG);
    memcpy(came, data, len);
    came_len = len;
    calls++;
}

static void start(void)
{
    check_int(net_init(), 0);
    wire = wire_init(WIRE_RAW);
    wire_address(wire, "192.0.2.2", "255.255.255.0");
    check_int(ip_protocol_register(PROTO, handler), 0);
    check_int(net_run(), 0);
    calls = 0;
}

/* Since the last check one datagram has been delivered, with this text as data. */
static void check_came(const char *text)
{
    check_int(calls, 1);
    check_int(came_len, strlen(text));
    check_mem(came, text, strlen(text));
    calls = 0;
}

/* Bytes [from, to) of whole, as a fragment of datagram id from 192.0.2.host. */
static void piece(int host, int id, int proto, size_t from, size_t to, int last)
{
    static char line[2 * BIG + 100];
    int n;

    n = snprintf(line, sizeof(line), "IP 192.0.2.%d > 192.0.2.2 id %d %soffset %zu proto %d hex ",
                 host, id, last ? "" : "mf ", from / 8, proto);
    for (size_t i = from; i < to; i++) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, "%02x", whole[i]);
    }
    inject(line);
}

/* The first len bytes of whole, in fragments of size bytes. */
static void pieces(int host, int id, int proto, size_t len, size_t size)
{
    for (size_t from = 0; from < len; from += size) {
        size_t to = from + size < len ? from + size : len;

        piece(host, id, proto, from, to, to == len);
    }
}

static void in_any_order(void)
{
    static const char *const parts[] = {
        FROM "id 7 mf proto 253 " A, FROM "id 7 mf offset 1 proto 253 " B,
        FROM "id 7 offset 2 proto 253 " C,
    };
    static const int orders[][3] = {
        {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0},
    };

    start();
    for (size_t i = 0; i < countof(orders); i++) {
        for (size_t j = 0; j < 3; j++) {
            check_int(calls, 0);
            inject(parts[orders[i][j]]);
        }
        check_came(WHOLE);
    }
    check_counted(ip, fragment, 2, (inject(parts[0]), inject(parts[1])));
    check_counted(ip_frag, reassembled, 1, inject(parts[2]));
    check_counted(ip, fragment, 0, inject(FROM "proto 253 " C));
}

static void told_apart(void)
{
    start();
    inject(FROM "id 7 mf proto 253 " A);
    inject(FROM "id 8 mf proto 253 'xxxxxxxx'");
    inject(FROM "id 7 offset 1 proto 254 'xx'");
    inject("IP 192.0.2.3 > 192.0.2.2 id 7 offset 1 proto 253 'xx'");
    inject("IP 192.0.2.1 > 192.0.2.255 id 7 offset 1 proto 253 'xx'");
    check_int(calls, 0);
    inject(FROM "id 7 offset 1 proto 253 " C);
    check_came("aaaaaaaacc");
    inject(FROM "id 8 offset 1 proto 253 " C);
    check_came("xxxxxxxxcc");
}

static void lengths(void)
{
    static const size_t sizes[] = {552, 576, 1480};

    start();
    pattern(whole, 0, sizeof(whole));
    for (size_t i = 0; i < countof(sizes); i++) {
        pieces(1, 1, PROTO, 576, 64);
        check_int(came_len, 576);
        pieces(1, 2, PROTO, IP_MMS_R, sizes[i]);
        check_int(calls, 2);
        check_int(came_len, BIG);
        check_pattern(came, 0, BIG);
        calls = 0;
    }
}

/* A reassembled datagram is delivered like any other. */
static void to_udp(void)
{
    static const uint8_t hdr[] = {0x13, 0x88, 0, 7, 0x07, 0xd8, 0, 0}; /* 5000, no checksum */
    static uint8_t buf[3000];
    ip_endp_t local = endp("0.0.0.0:7"), remote;
    int desc;

    bench_start(WIRE_RAW);
    desc = udp_cmd_open();
    check_int(udp_cmd_bind(desc, &local), 0);
    pattern(whole, 0, 2008);
    memcpy(whole, hdr, sizeof(hdr));
    pieces(1, 1, IP_PROTOCOL_UDP, 2008, 1480);
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), &remote), 2000);
    check_pattern(buf, 8, 2000);
    check_int(ntoh16(remote.port), 5000);
    udp_cmd_close(desc);
    pieces(1, 2, IP_PROTOCOL_UDP, 2008, 1480);
    check_cmp(take(0, buf, sizeof(buf)), >=, 20 + 8 + 28);
    check_mem(buf + 20, "\x03\x03", 2);     /* port unreachable */
    check_mem(buf + 28 + 2, "\x07\xec", 2); /* about all 2,028 bytes */
}

/*
 * Fragments sent
 */

/* Takes the fragment at offset, of a datagram with this id (-1: any, which is stored), and checks
 * its length. Copies its data to gone + offset, and injects it with its addresses swapped. Stores
 * in *more whether MF is set. Returns the length of its data. */
static size_t collect_one(size_t mtu, size_t offset, int *id, int *more)
{
    uint8_t packet[MTU];
    size_t len = take(0, packet, sizeof(packet)) - 20;

    check_cmp(len + 20, <=, mtu);
    check_int(get16(packet + 2), len + 20);
    check_int(cksum16(packet, 20, 0), 0);
    check(*id == -1 || get16(packet + 4) == *id);
    *id = get16(packet + 4);
    check_int(get16(packet + 6) & 0x1fff, offset / 8);
    check_int(get16(packet + 6) & 0xc000, 0);
    *more = packet[6] >> 5 & 1;
    check(!*more || len == (mtu - 20) / 8 * 8);
    memcpy(gone + offset, packet + 20, len);
    for (size_t i = 12; i < 16; i++) { /* the checksum is the same */
        uint8_t byte = packet[i];

        packet[i] = packet[i + 4];
        packet[i + 4] = byte;
    }
    inject_bytes(packet, 20 + len);
    return len;
}

/* Takes a datagram, whole or in fragments, and injects it with its addresses swapped. Its data is
 * in gone. Returns the length of its data. */
static size_t collect(size_t mtu)
{
    int id = -1, more = 1;
    size_t len = 0;

    while (more) {
        len += collect_one(mtu, len, &id, &more);
        check_cmp(len, <=, BIG);
    }
    return len;
}

static void goes_out(size_t mtu, size_t len)
{
    struct ip_stats before, after;
    size_t num = len <= mtu - 20 ? 0 : (len - (mtu - 20) + (mtu - 20) / 8 * 8 - 1) /
                                           ((mtu - 20) / 8 * 8) + 1;

    ip_get_stats(&before);
    check_int(ip_output(PROTO, whole, len, IP_ADDR_ANY, addr("192.0.2.1")), len);
    ip_get_stats(&after);
    check_int(after.sent - before.sent, 1);
    check_int(after.fragments_sent - before.fragments_sent, num);
    check_int(wire_pending(0), num ? num : 1);
    check_int(collect(mtu), len);
    check_pattern(gone, 0, len);
    if (num <= IP_FRAG_FRAGMENTS) { /* within the limit of reassembly */
        check_int(calls, 1);
        check_int(came_len, len);
        check_pattern(came, 0, len);
    }
    calls = 0;
}

/* Around each length that needs one more fragment, with MTUs that leave a multiple of 8 bytes and
 * others. */
static void out_and_in(void)
{
    static const size_t mtus[] = {68, 69, 575, 576, 1006, 1499, 1500};

    start();
    log_set_level("error");
    pattern(whole, 0, sizeof(whole));
    for (size_t i = 0; i < countof(mtus); i++) {
        size_t room = mtus[i] - 20, unit = room / 8 * 8;

        wire->mtu = (uint16_t)mtus[i];
        for (size_t num = 0; num < 4; num++) {
            for (size_t len = num * unit + room - 9; len <= num * unit + room + 9; len++) {
                goes_out(mtus[i], len);
            }
        }
        goes_out(mtus[i], 0);
        goes_out(mtus[i], BIG - 1);
        goes_out(mtus[i], BIG);
    }
}

static void out_by_hand(void)
{
    uint8_t packet[100];

    start();
    wire->mtu = 68;
    memset(whole, 'a', 48);
    whole[48] = 'b';
    whole[49] = 'c';
    check_int(ip_output(PROTO, whole, 50, IP_ADDR_ANY, addr("192.0.2.1")), 50);
    check_int(take(0, packet, sizeof(packet)), 68);
    check_mem(packet, "\x45\x00\x00\x44", 4);
    check_mem(packet + 6, "\x20\x00\x40\xfd", 4); /* MF, offset 0 */
    check_mem(packet + 12, "\xc0\x00\x02\x02\xc0\x00\x02\x01", 8);
    check_mem(packet + 20, whole, 48);
    check_int(take(0, packet, sizeof(packet)), 22);
    check_mem(packet, "\x45\x00\x00\x16", 4);
    check_mem(packet + 6, "\x00\x06\x40\xfd", 4); /* last, offset 6 times 8 */
    check_mem(packet + 20, "bc", 2);
}

static void too_long_to_send(void)
{
    start();
    check_error(ip_output(PROTO, whole, BIG + 1, IP_ADDR_ANY, addr("192.0.2.1")), EMSGSIZE);
    check_counted(ip, send_failed, 1,
                  ip_output(PROTO, whole, BIG + 1, IP_ADDR_ANY, addr("192.0.2.1")));
    wire->mtu = 67; /* below the minimum of IP */
    check_error(ip_output(PROTO, whole, 1, IP_ADDR_ANY, addr("192.0.2.1")), EMSGSIZE);
    wire->mtu = 0;
    check_error(ip_output(PROTO, whole, 1, IP_ADDR_ANY, addr("192.0.2.1")), EMSGSIZE);
    expect_nothing(0);
}

static void udp_out(void)
{
    ip_endp_t local = endp("0.0.0.0:7"), remote = endp("192.0.2.1:7");
    int desc;

    bench_start(WIRE_RAW);
    pattern(whole, 0, UDP_BIG);
    desc = udp_cmd_open();
    check_int(udp_cmd_bind(desc, &local), 0);
    check_int(udp_cmd_sendto(desc, whole, UDP_BIG, &remote), UDP_BIG);
    check_int(collect(MTU), BIG);
    check_int(udp_cmd_recvfrom(desc, came, sizeof(came), NULL), UDP_BIG);
    check_pattern(came, 0, UDP_BIG);
    check_error(udp_cmd_sendto(desc, whole, UDP_BIG + 1, &remote), EMSGSIZE);
    expect_nothing(0);
}

/* All fragments wait for ARP, also with an MTU of 576. */
static void wait_for_arp(void)
{
    static const size_t mtus[] = {MTU, 576}, nums[] = {45, 119};
    char line[64];

    wire = bench_start(WIRE_ETHER);
    log_set_level("error");
    for (size_t i = 0; i < countof(mtus); i++) {
        ip_addr_t addr = hton32((uint32_t)(0xc0000201 + 10 * i));

        wire->mtu = (uint16_t)mtus[i];
        check_int(ip_output(PROTO, whole, BIG, IP_ADDR_ANY, addr), BIG);
        snprintf(line, sizeof(line), "ARP who-has 192.0.2.%zu tell 192.0.2.2", 1 + 10 * i);
        expect(line);
        expect_nothing(0);
        snprintf(line, sizeof(line), "ARP reply 192.0.2.%zu is-at 00:00:5e:00:53:fe", 1 + 10 * i);
        inject(line);
        check_int(wire_pending(1), nums[i]);
    }
}

/* The device fails from the third frame on. */
static void break_third(const struct net_device *dev, enum net_direction direction, uint16_t type,
                        const uint8_t *data, size_t len)
{
    (void)dev, (void)type, (void)data, (void)len;
    if (direction == NET_OUT && ++calls == 3) {
        wire_fail_output(1);
    }
}

static void broken_off(void)
{
    struct ip_stats before, after;
    size_t memory;

    start();
    memory = memory_in_use();
    net_set_capture(break_third);
    ip_get_stats(&before);
    check_int(ip_output(PROTO, whole, BIG, IP_ADDR_ANY, addr("192.0.2.1")), -1);
    ip_get_stats(&after);
    check_int(calls, 3);
    check_int(after.send_failed - before.send_failed, 1);
    check_int(after.sent - before.sent, 0);
    check_int(wire_pending(1), 2);
    check_int(memory_in_use(), memory);
}

/* An echo with len bytes of data, in fragments of size bytes. */
static void echo(size_t len, size_t size)
{
    static const uint8_t hdr[] = {8, 0, 0, 0, 0, 1, 0, 1};
    uint16_t sum;

    pattern(whole + 8, 0, len);
    memcpy(whole, hdr, sizeof(hdr));
    sum = cksum16(whole, 8 + len, 0);
    memcpy(whole + 2, &sum, 2);
    pieces(1, 1, IP_PROTOCOL_ICMP, 8 + len, size);
}

static void echoes(void)
{
    bench_start(WIRE_RAW);
    echo(1472, 552);
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 1472");
    echo(UDP_BIG, 1480);
    check_int(collect(MTU), BIG);
    check_mem(gone, "\0\0", 2);
    check_int(cksum16(gone, BIG, 0), 0);
    check_mem(gone + 4, whole + 4, BIG - 4);
    expect_nothing(0);
    echo(56, 32);
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 56");
}

static void options(void)
{
    start();
    inject_with("ip.options=01010101", FROM "id 7 mf offset 1 proto 253 " B);
    inject_with("ip.options=0101010101010100", FROM "id 7 mf proto 253 " A);
    inject(FROM "id 7 offset 2 proto 253 " C);
    check_came(WHOLE);
}

static void bad_pieces(void)
{
    size_t before;

    start();
    before = memory_in_use();
    check_counted(ip_frag, bad_length, 1, inject(FROM "id 7 mf proto 253 'aaaaaaa'"));
    check_counted(ip_frag, bad_length, 1, inject(FROM "id 7 mf offset 1 proto 253 'bbbbbbbbb'"));
    check_counted(ip_frag, empty, 1, inject(FROM "id 7 mf proto 253"));
    check_counted(ip_frag, empty, 1, inject(FROM "id 7 mf offset 1 proto 253"));
    check_counted(ip_frag, empty, 1, inject(FROM "id 7 offset 2 proto 253"));
    check_int(memory_in_use(), before);
    check_int(calls, 0);
    expect_nothing(0);
}

static void ping_of_death(void)
{
    size_t before;

    start();
    before = memory_in_use();
    check_counted(ip_frag, too_long, 1, inject(FROM "id 7 offset 8191 proto 253 " A));
    check_counted(ip_frag, too_long, 1, inject(FROM "id 7 mf offset 8191 proto 253 " A));
    check_counted(ip_frag, too_long, 1, inject(FROM "id 7 offset 8189 proto 253 'xxxx'"));
    check_int(memory_in_use(), before);
    check_counted(ip_frag, too_long, 0, inject(FROM "id 7 offset 8189 proto 253 'xxx'"));
}

/* No fragment ends beyond 65,535, but the options of the first one move the end there. */
static void death_by_options(void)
{
    start();
    pattern(whole, 0, sizeof(whole));
    for (size_t from = 1480; from < BIG; from += 1480) {
        piece(1, 1, PROTO, from, from + 1480 < BIG ? from + 1480 : BIG, from + 1480 >= BIG);
    }
    check_counted(ip_frag, too_long, 1,
                  inject_with("ip.options=01010101", FROM "id 1 mf proto 253 len 1480"));
    check_int(calls, 0);
}

/* A fragment contradicts the first one; both are discarded. */
static void contradiction(const char *first, const char *second)
{
    size_t before = memory_in_use();

    inject(first);
    check_counted(ip_frag, overlap, 1, inject(second));
    check_int(memory_in_use(), before);
    check_int(calls, 0);
    inject(FROM "id 7 mf proto 253 " A);
    inject(FROM "id 7 offset 1 proto 253 " C);
    check_came("aaaaaaaacc");
}

static void teardrop(void)
{
    start();
    contradiction(FROM "id 7 mf proto 253 len 40", FROM "id 7 offset 3 proto 253 'xxxx'");
    contradiction(FROM "id 7 mf proto 253 len 40", FROM "id 7 mf offset 1 proto 253 len 40");
    contradiction(FROM "id 7 mf offset 1 proto 253 len 40", FROM "id 7 mf proto 253 len 40");
    contradiction(FROM "id 7 mf offset 2 proto 253 len 8", FROM "id 7 mf proto 253 len 40");
    contradiction(FROM "id 7 mf proto 253 len 40", FROM "id 7 mf proto 253 len 8");
}

static void two_stories(void)
{
    start();
    contradiction(FROM "id 7 mf proto 253 " A, FROM "id 7 mf proto 253 " B);
    contradiction(FROM "id 7 offset 2 proto 253 " C, FROM "id 7 offset 2 proto 253 'xx'");
    contradiction(FROM "id 7 offset 2 proto 253 " C, FROM "id 7 offset 3 proto 253 " C);
    contradiction(FROM "id 7 offset 3 proto 253 " C, FROM "id 7 offset 2 proto 253 " C);
    contradiction(FROM "id 7 offset 2 proto 253 " C, FROM "id 7 mf offset 4 proto 253 " A);
    contradiction(FROM "id 7 mf offset 4 proto 253 " A, FROM "id 7 offset 2 proto 253 " C);
    contradiction(FROM "id 7 mf offset 2 proto 253 " A, FROM "id 7 offset 2 proto 253 " A);
}

static void duplicates(void)
{
    start();
    inject(FROM "id 7 mf proto 253 " A);
    check_counted(ip_frag, duplicate, 1, inject(FROM "id 7 mf proto 253 " A));
    inject(FROM "id 7 offset 2 proto 253 " C);
    check_counted(ip_frag, duplicate, 1, inject(FROM "id 7 offset 2 proto 253 " C));
    inject(FROM "id 7 mf offset 1 proto 253 " B);
    check_came(WHOLE);
}

/* RFC 1858, RFC 3128: such fragments hide the ports or the flags from a filter. */
static void tiny(void)
{
    start();
    check_counted(ip_frag, tiny, 1, inject(FROM "id 7 mf proto 6 len 8"));
    check_counted(ip_frag, tiny, 1, inject(FROM "id 7 mf proto 6 len 16"));
    check_counted(ip_frag, tiny, 1, inject(FROM "id 7 offset 1 proto 6 len 12"));
    check_counted(ip_frag, tiny, 0, inject(FROM "id 8 mf proto 6 len 24"));
    check_counted(ip_frag, tiny, 0, inject(FROM "id 8 offset 3 proto 6 len 4"));
}

/* An unfragmented datagram with the same ID does not belong to the fragments. */
static void flags_alone(void)
{
    start();
    inject(FROM "id 7 mf proto 253 " A);
    inject(FROM "id 7 proto 253 'whole'");
    check_came("whole");
    inject(FROM "id 7 df offset 1 proto 253 " C);
    check_came("aaaaaaaacc");
}

static void timeout(void)
{
    size_t before;

    start();
    before = memory_in_use();
    inject(FROM "id 7 mf proto 253 " A);
    expect_nothing(30000);
    inject(FROM "id 7 mf offset 1 proto 253 " B); /* the 60 s count from the first arrival */
    expect_nothing(29900);
    inject("IP 192.0.2.1 > 192.0.2.255 id 7 mf proto 253 len 8"); /* neither causes an error */
    inject(FROM "id 8 offset 1 proto 253 " C);
    check_counted(ip_frag, timeout, 1, expect_within(1200, LATE));
    inject(FROM "id 7 offset 2 proto 253 " C);
    check_int(calls, 0);
    check_counted(ip_frag, timeout, 3, expect_nothing(62000));
    check_int(memory_in_use(), before);
}

/* An echo and its reply are no errors. No error is sent about any other type. */
static void timeout_of_icmp(void)
{
    static const char *const no_errors[] = {"8", "0"}, *const errors[] = {"3", "11", "12", "5"};
    char line[128];

    start();
    for (size_t i = 0; i < countof(no_errors); i++) {
        snprintf(line, sizeof(line), FROM "id 7 mf ICMP type %s len 8", no_errors[i]);
        check_counted(ip, fragment, 1, inject(line));
        expect_within(62000, LATE);
    }
    for (size_t i = 0; i < countof(errors); i++) {
        snprintf(line, sizeof(line), FROM "id 7 mf ICMP type %s len 8", errors[i]);
        inject(line);
        check_counted(ip_frag, timeout, 1, expect_nothing(62000));
    }
}

static void timeout_by_hand(void)
{
    uint8_t got[100];

    start();
    inject(FROM "id 7 mf ttl 9 proto 253 " A);
    check_int(take(62000, got, sizeof(got)), 20 + 8 + 28);
    check_mem(got + 20, "\x0b\x01", 2);         /* type and code */
    check_mem(got + 24, "\x00\x00\x00\x00", 4); /* unused: zero */
    check_mem(got + 28, "\x45\x00\x00\x1c\x00\x07\x20\x00\x09\xfd", 10); /* as received */
    check_mem(got + 48, "aaaaaaaa", 8);
}

static void shut_down(void)
{
    start();
    inject(FROM "id 7 mf proto 253 " A);
    inject(FROM "id 7 offset 2 proto 253 " C);
    inject(FROM "id 8 mf proto 253 " A);
    check_int(net_shutdown(), 0);
    check_int(memory_in_use(), 0);
    start();
    inject(FROM "id 7 mf offset 1 proto 253 " B);
    check_int(calls, 0);
}

/* A failed allocation loses at most one datagram; the next one is delivered. */
static void no_memory(void)
{
    start();
    for (unsigned long k = 1; k <= 8; k++) {
        sim_fail_alloc(k);
        inject(FROM "id 7 mf proto 253 " A);
        inject(FROM "id 7 offset 1 proto 253 " C);
        sim_fail_alloc(0);
        check_cmp(calls, <=, 1);
        calls = 0;
        inject(FROM "id 8 mf proto 253 " A);
        inject(FROM "id 8 offset 1 proto 253 " C);
        check_came("aaaaaaaacc");
        advance(62000);
        wire_pending(1);
    }
}

/* First fragments of num datagrams, from so many sources. */
static void flood(int num, int sources, size_t len)
{
    char line[128];

    log_set_level("error"); /* or logging takes seconds */
    for (int i = 0; i < num; i++) {
        snprintf(line, sizeof(line), "IP 198.18.%d.%d > 192.0.2.2 id %d mf proto 253 len %zu",
                 i % sources >> 8, 1 + (i % sources & 0x7f), i & 0xffff, len);
        inject(line);
    }
}

static void from_one_source(void)
{
    size_t before;

    time_limit(10);
    start();
    before = memory_in_use();
    inject(FROM "id 7 mf proto 253 " A);
    flood(FLOOD, 1, 8);
    check_cmp(memory_in_use() - before, <=, 2 + 2 * IP_FRAG_DATAGRAMS_OF_SOURCE);
    inject(FROM "id 7 mf offset 1 proto 253 " B);
    flood(1000, 1, 1480);
    inject(FROM "id 7 offset 2 proto 253 " C);
    check_came(WHOLE);
}

/* With forged sources, only a datagram completed quickly gets through. */
static void from_many_sources(void)
{
    size_t before;

    time_limit(10);
    start();
    before = memory_in_use();
    flood(FLOOD, 10000, 1480);
    check_cmp(memory_in_use() - before, <=, 2 * IP_FRAG_DATAGRAMS);
    inject(FROM "id 7 mf proto 253 " A);
    flood(20, 10000, 1480);
    inject(FROM "id 7 offset 1 proto 253 " C);
    check_came("aaaaaaaacc");
    check_int(wire_pending(0), 0);
}

/* Many fragments of few datagrams. */
static void bytes(void)
{
    size_t before;

    start();
    log_set_level("error");
    pattern(whole, 0, sizeof(whole));
    before = memory_in_use();
    for (int id = 0; id < 12; id++) {
        for (size_t from = 0; from < 60000; from += 1480) {
            piece(3 + id % 4, id, PROTO, from, from + 1480, 0);
            check_cmp(memory_in_use() - before, <=, IP_FRAG_BYTES / 1480 + 12);
        }
    }
    pieces(1, 1, PROTO, BIG, 1480);
    check_int(calls, 1);
    check_pattern(came, 0, BIG);
}

static void too_many(void)
{
    size_t before;

    start();
    log_set_level("error");
    pattern(whole, 0, sizeof(whole));
    before = memory_in_use();
    for (size_t i = 0; i < IP_FRAG_FRAGMENTS; i++) {
        piece(1, 1, PROTO, 16 * i, 16 * i + 8, 0);
    }
    check_cmp(memory_in_use(), >, before);
    check_counted(ip_frag, too_many, 1, piece(1, 1, PROTO, 16000, 16008, 0));
    check_int(memory_in_use(), before);
}

/* The device receives coalesced frames longer than its MTU; frames sent keep to the MTU. */
static void joined(void)
{
    static uint8_t frame[ETHER_JUMBO_SIZE_MAX];
    struct net_device *dev = bench_start(WIRE_ETHER);

    memcpy(frame, dev->addr, ETHER_ADDR_LEN);
    memcpy(frame + ETHER_ADDR_LEN, dev->addr, ETHER_ADDR_LEN);
    frame[ETHER_ADDR_LEN] ^= 0x04; /* a neighbour's */
    frame[12] = 0x88;
    frame[13] = 0xb5;
    check_counted(ether, too_long, 1, inject_bytes(frame, sizeof(frame)));
    dev->mru = UINT16_MAX;
    check_counted(ether, delivered, 1, inject_bytes(frame, sizeof(frame)));
    check_counted(ether, delivered, 1, inject_bytes(frame, ETHER_FRAME_SIZE_MAX + 1));
    check_error(net_device_output(dev, 0x88b5, frame, MTU + 1, ETHER_ADDR_BROADCAST), EMSGSIZE);
}

BENCH(44,
      {"fragments in any order are reassembled [1122-3.3.2a]", in_any_order},
      {"fragments are matched by source, destination, protocol and ID", told_apart},
      {"datagrams of 576 and 65,515 bytes are reassembled [1122-3.3.2a 1122-3.3.2b]", lengths},
      {"a reassembled datagram reaches its socket or gets port unreachable", to_udp},
      {"an echo of 64 KB is answered in fragments [C-3 1122-3.2.2.6a]", echoes},
      {"header and options are those of the first fragment", options},
      {"empty fragments and lengths not a multiple of 8 are dropped and counted [I-16]",
       bad_pieces},
      {"a fragment that ends beyond 65,535 bytes is dropped [I-13]", ping_of_death},
      {"a datagram beyond 65,535 bytes with its options is dropped [I-13]", death_by_options},
      {"overlapping fragments drop their datagram [I-12]", teardrop},
      {"contradictory ends or contents drop their datagram [I-17]", two_stories},
      {"an identical duplicate fragment is ignored and counted", duplicates},
      {"a fragmented TCP header is dropped [I-14]", tiny},
      {"an unfragmented datagram with the same ID is delivered separately", flags_alone},
      {"time exceeded is sent after 60 s if the first fragment is there [1122-3.3.2c]", timeout},
      {"time exceeded is sent about an echo, and not about an ICMP error", timeout_of_icmp},
      {"time exceeded has the bytes worked out by hand", timeout_by_hand},
      {"shutdown frees datagrams under reassembly", shut_down},
      {"a failed allocation loses one datagram at most", no_memory},
      {"10^5 first fragments from one source do not disturb another source [I-15]",
       from_one_source},
      {"10^5 first fragments from many sources stay within the limits [I-15]", from_many_sources},
      {"large unfinished datagrams stay within the limit of bytes [I-15]", bytes},
      {"a datagram of too many fragments is dropped [I-15]", too_many},
      {"a datagram longer than the MTU is sent in as few fragments as possible [1122-3.3.3b]",
       out_and_in},
      {"sent fragments have the bytes worked out by hand", out_by_hand},
      {"more than 65,515 bytes, or an MTU below 68, is EMSGSIZE [1122-3.3.3a]", too_long_to_send},
      {"UDP sends up to 65,507 bytes [1122-3.3.3b]", udp_out},
      {"all fragments of one datagram wait for ARP", wait_for_arp},
      {"a failed fragment stops the rest and counts as send_failed", broken_off},
      {"a device may receive coalesced frames longer than the MTU", joined})
