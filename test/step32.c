/* Step 32: options. Other options than MSS may be added to our SYNs (steps 53 to 55). */

#include <stdio.h>

#include "bench.h"
#include "commands.h"
#include "ether.h"
#include "net.h"
#include "tcp.h"
#include "util.h"

static int desc = -1; /* the connection */
static int active;

static ssize_t open_connection(struct call *c)
{
    ip_endp_t local = endp(c->local), remote = endp(c->remote);

    desc = tcp_cmd_open(&local, active ? &remote : NULL, active);
    return desc;
}

static struct call *opener_start(void)
{
    static struct call c;

    client('A', PEER_ISN);
    call_start(&c, open_connection, .local = "192.0.2.2:7", .remote = "192.0.2.1:5000");
    return &c;
}

/* The peer's SYN, or its SYN-ACK to an active open, has these options: "mss 1000", or "" for
 * none. */
static void establish(const char *options)
{
    char script[128], list[96] = "";
    struct call *opener = opener_start();

    if (options[0]) {
        snprintf(list, sizeof(list), " <%s>", options);
    }
    if (active) {
        expect("S 0:0(0)");
        snprintf(script, sizeof(script), "S. 0:0(0) ack 1 win 65535%s", list);
        inject(script);
        expect(". 1:1(0) ack 1");
    } else {
        handshake(list, 65535);
    }
    opened(opener);
}

/* Returns the length of a full segment of our side. Ends the connection with a RST. */
static size_t segment_len(void)
{
    static uint8_t packet[70000];
    static struct call sender;
    size_t len, hlen;

    call_start(&sender, send_pattern, .desc = desc, .from = 1, .len = 20000);
    len = take(0, packet, sizeof(packet));
    hlen = 20 + 4u * (packet[32] >> 4);
    check_pattern(packet + hlen, 1, len - hlen);
    inject("R 1:1(0)");
    wire_pending(1);
    check_int(tcp_cmd_close(desc), 0);
    return len - hlen;
}

/* Returns the length of a full segment to a peer with these options on its SYN. */
static size_t len_after(const char *options)
{
    establish(options);
    return segment_len();
}

/* Takes a segment and walks its options. Returns its MSS, or 0 without that option. */
static unsigned take_mss(long ms)
{
    uint8_t packet[256];
    size_t len = take(ms, packet, sizeof(packet)), i = 40, end;
    unsigned mss = 0;

    check_int(packet[9], 6);
    end = 20 + 4u * (packet[32] >> 4);
    check_range(end, 40, len);
    while (i < end && packet[i] != 0) {
        if (packet[i] == 1) {
            i++;
            continue;
        }
        check_cmp(i + 1, <, end);
        check_range(packet[i + 1], 2, end - i);
        if (packet[i] == 2) {
            check_int(packet[i + 1], 4);
            check_int(mss, 0); /* once */
            mss = get16(packet + i + 2);
        }
        i += packet[i + 1];
    }
    for (; i < end; i++) {
        check_int(packet[i], 0); /* RFC 9293 3.1: zeros after the end of option list */
    }
    return mss;
}

static void bench_start_mtu(uint16_t mtu)
{
    struct net_device *dev = bench_start(WIRE_RAW);

    check(dev != NULL);
    dev->mtu = mtu;
}

static const uint16_t mtus[] = {68, 576, 1006, 1500, 4352, 9000, 65535};

static void test_announced_by_listener(void)
{
    struct call *opener;

    for (size_t i = 0; i < countof(mtus); i++) {
        bench_start_mtu(mtus[i]);
        opener = opener_start();
        inject("S 0:0(0) win 65535");
        check_int(take_mss(0), mtus[i] - 40);
        check_int(take_mss(10000), mtus[i] - 40); /* also in a retransmission */
        inject(". 1:1(0) ack 1");
        opened(opener);
        check_int(net_shutdown(), 0);
        wire_pending(1);
    }
}

static void test_announced_by_caller(void)
{
    struct call *opener;

    active = 1;
    for (size_t i = 0; i < countof(mtus); i++) {
        bench_start_mtu(mtus[i]);
        opener = opener_start();
        check_int(take_mss(0), mtus[i] - 40);
        check_int(take_mss(10000), mtus[i] - 40);
        inject("S. 0:0(0) ack 1 win 65535");
        check_int(take_mss(0), 0); /* the ACK */
        opened(opener);
        check_int(net_shutdown(), 0);
        wire_pending(1);
    }
}

static void test_crossing_syns(void)
{
    active = 1;
    bench_start(WIRE_RAW);
    opener_start();
    check_int(take_mss(0), 1460);
    inject("S 0:0(0) win 65535 <mss 1000>");
    check_int(take_mss(0), 1460);
    inject(". 1:1(0) ack 1 win 65535");
    check_cmp(desc, !=, -1);
    check_int(segment_len(), 1000);
}

/* Two networks: each connection has the MSS of its interface. */
static void test_two_interfaces(void)
{
    struct net_device *near, *far;

    check_int(net_init(), 0);
    near = wire_init(WIRE_RAW);
    check(wire_address(near, "192.0.2.2", "255.255.255.0") != NULL);
    far = wire_init(WIRE_RAW);
    check(wire_address(far, "198.51.100.2", "255.255.255.0") != NULL);
    far->mtu = 576;
    check_int(net_run(), 0);
    connection('B', "0.0.0.0:7", "198.51.100.1:5000", PEER_ISN);
    listening("0.0.0.0:7", 8);
    inject("TCP 198.51.100.1.5000 > 198.51.100.2.7 S 0:0(0) win 65535");
    check_int(take_mss(0), 536);
    wire_use(near);
    inject("TCP 192.0.2.1.5000 > 192.0.2.2.7 S 0:0(0) win 65535");
    check_int(take_mss(0), 1460);
}

static void test_only_with_syn(void)
{
    bench_start(WIRE_RAW);
    inject("TCP 192.0.2.1.5001 > 192.0.2.2.9 S 0:0(0) <mss 1000>");
    check_int(take_mss(0), 0); /* a RST */
    establish("mss 1000");
    our_side_sends(desc, 1, 100);
    check_int(take_mss(0), 0);
    inject("P. 1:11(10) ack 101");
    check_int(take_mss(500), 0);
    check_received(desc, 1, 11);
    check_int(tcp_cmd_close(desc), 0);
    check_int(take_mss(0), 0);
    inject("F. 11:11(0) ack 102");
    check_int(take_mss(500), 0);
}

static void test_honoured(void)
{
    for (active = 0; active <= 1; active++) {
        bench_start(WIRE_RAW);
        check_int(len_after("mss 1460"), 1460);
        check_int(len_after("mss 1459"), 1459);
        check_int(len_after("mss 1000"), 1000);
        check_int(len_after("mss 537"), 537);
        check_int(len_after("mss 300"), 300);
        check_int(net_shutdown(), 0);
    }
}

static void test_default(void)
{
    for (active = 0; active <= 1; active++) {
        bench_start(WIRE_RAW);
        check_int(len_after(""), 536);
        check_int(len_after("nop,nop,nop,nop"), 536);
        check_int(net_shutdown(), 0);
    }
}

/* A peer with a larger MTU than ours. */
static void test_smaller_of_both(void)
{
    bench_start(WIRE_RAW);
    check_int(len_after("mss 1461"), 1460);
    check_int(len_after("mss 8960"), 1460);
    check_int(len_after("mss 65535"), 1460);
    check_int(net_shutdown(), 0);
    bench_start_mtu(400);
    check_int(len_after("mss 1460"), 360);
    check_int(len_after(""), 360); /* 536 would not fit */
    check_int(net_shutdown(), 0);
    bench_start_mtu(9000);
    check_int(len_after("mss 8960"), 8960);
    check_int(len_after("mss 1460"), 1460);
}

static void test_zero(void)
{
    bench_start(WIRE_RAW);
    check_int(len_after("mss 0"), 536);
    check_int(len_after("mss 1"), 64);
    check_int(len_after("mss 48"), 64);
    check_int(len_after("mss 63"), 64);
    check_int(len_after("mss 64"), 64);
    check_int(len_after("mss 65"), 65);
}

static void test_repeated(void)
{
    bench_start(WIRE_RAW);
    check_int(len_after("mss 1000,mss 500"), 1000);
    check_int(len_after("mss 500,nop,nop,mss 1000"), 500);
}

static void test_not_a_syn(void)
{
    bench_start(WIRE_RAW);
    establish("");
    inject(". 1:1(0) ack 1 win 65535 <mss 1000>");
    inject("P. 1:11(10) ack 1 win 65535 <mss 300>");
    check_int(view(desc).rcv.nxt - view(desc).irs, 11); /* the segment is accepted */
    advance(500);
    wire_pending(1);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN + 10);
    check_int(segment_len(), 536);
    establish("mss 1000");
    inject(". 1:1(0) ack 1 win 65535 <mss 100>");
    check_int(segment_len(), 1000);
}

/* The option begins at each byte of the header. */
static void test_alignment(void)
{
    char options[128] = "hex ";

    bench_start(WIRE_RAW);
    for (int n = 0; n <= 36; n++) {
        snprintf(options + 4 + 2 * n, sizeof(options) - 4 - 2 * (size_t)n, "020403e8");
        check_int(len_after(options), 1000);
        snprintf(options + 4 + 2 * n, sizeof(options) - 4 - 2 * (size_t)n, "01");
    }
}

/* The MSS follows an unknown option of each length and many kinds. */
static void test_unknown(void)
{
    char options[128];
    int at;

    bench_start(WIRE_RAW);
    for (int n = 2; n <= 36; n++) {
        at = snprintf(options, sizeof(options), "hex %02x%02x", n % 2 ? 253 : 30 + n, n);
        for (int i = 2; i < n; i++) {
            at += snprintf(options + at, sizeof(options) - (size_t)at, "00");
        }
        snprintf(options + at, sizeof(options) - (size_t)at, "020403e8");
        check_int(len_after(options), 1000);
    }
}

static void test_end_of_list(void)
{
    bench_start(WIRE_RAW);
    check_int(len_after("mss 1000,eol,hex 000000"), 1000);
    check_int(len_after("mss 1000,eol,hex fd00ff"), 1000); /* not an option any more */
    check_int(len_after("mss 1000,eol,hex 02"), 1000);
    check_int(len_after("nop,nop,nop,eol,mss 1000"), 536);
    check_int(len_after("nop,nop,mss 1000,nop"), 1000);
}

/* Data begins after the options. */
static void test_with_data(void)
{
    bench_start(WIRE_RAW);
    establish("");
    inject("P. 1:11(10) ack 1 <nop,nop,hex fd0201>");
    inject("P. 11:21(10) ack 1 <hex fd280102030405060708091011121314151617181920212223242526272829"
           "303132333435363738>");
    inject("P. 21:31(10) ack 1 <hex fe04abcd,mss 100>");
    advance(500);
    wire_pending(1);
    check_int(view(desc).rcv.nxt - view(desc).irs, 31);
    check_received(desc, 1, 31);
}

static uint64_t bad_options(void)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    return stats.bad_option;
}

/* Writes num bytes of options: an option of this kind and length at offset at, the rest NOPs. Its
 * length byte may lie beyond the end. */
static void write_options(char *text, size_t size, int num, int at, unsigned kind, unsigned len)
{
    size_t used = (size_t)snprintf(text, size, "hex ");

    for (int i = 0; i < num; i++) {
        unsigned byte = i < at ? 1 : i == at ? kind : i == at + 1 ? len : 1;

        used += (size_t)snprintf(text + used, size - used, "%02x", byte);
    }
}

/* Injects one byte with such options: accepted if they are good, else dropped and counted. */
static void try_option(int num, int at, unsigned kind, unsigned len, int good)
{
    char text[128], script[192];
    uint32_t next = view(desc).rcv.nxt, seq = next - view(desc).irs;
    uint64_t before = bad_options();

    write_options(text, sizeof(text), num, at, kind, len);
    snprintf(script, sizeof(script), "P. %u:%u(1) ack 1 <%s>", seq, seq + 1, text);
    inject(script);
    check_int(view(desc).rcv.nxt, next + (good ? 1 : 0));
    check_int(bad_options() - before, good ? 0 : 1);
    if (!good) {
        expect_nothing(0);
    }
    wire_pending(1);
}

/* Each length of the options, each place in them. */
static void test_bad_length(void)
{
    static const unsigned kinds[] = {2, 253, 255};

    bench_start(WIRE_RAW);
    establish("");
    for (int num = 4; num <= 40; num += 4) {
        for (int at = 0; at < num; at++) {
            unsigned kind = kinds[at % 3], left = (unsigned)(num - at);

            try_option(num, at, kind, 0, 0);
            if (left >= 2) {
                try_option(num, at, kind, 1, 0);
                try_option(num, at, kind, left + 1, 0);
                try_option(num, at, kind, 255, 0);
                try_option(num, at, kind == 2 ? 253 : kind, left, 1);
                advance(500); /* a delayed ACK */
                wire_pending(1);
            }
        }
    }
    check_state(desc, "ESTABLISHED");
}

static const char *const bad[] = {
    "hex 02000000", "hex 02010000", "hex 02050000", "hex 01010102", "hex 020403e8fd000000",
    "hex 020403e8fdff0000", "hex 020403e8010101fd",
};

static void test_bad_syn(void)
{
    char script[128];
    struct call *opener;

    bench_start(WIRE_RAW);
    opener = opener_start();
    for (size_t i = 0; i < countof(bad); i++) {
        snprintf(script, sizeof(script), "S 0:0(0) win 65535 <%s>", bad[i]);
        check_counted(tcp, bad_option, 1, inject(script));
        expect_nothing(0);
    }
    expect_nothing(5000);
    check_sleeps(opener);
    handshake("", 65535);
    opened(opener);
}

static void test_bad_syn_ack(void)
{
    char script[128];
    struct call *opener;

    active = 1;
    bench_start(WIRE_RAW);
    opener = opener_start();
    expect("S 0:0(0)");
    for (size_t i = 0; i < countof(bad); i++) {
        snprintf(script, sizeof(script), "S. 0:0(0) ack 1 win 65535 <%s>", bad[i]);
        check_counted(tcp, bad_option, 1, inject(script));
        expect_nothing(0);
        snprintf(script, sizeof(script), "R. 0:0(0) ack 1 <%s>", bad[i]);
        check_counted(tcp, bad_option, 1, inject(script));
    }
    check_sleeps(opener);
    inject("S. 0:0(0) ack 1 win 65535");
    expect(". 1:1(0) ack 1");
    opened(opener);
}

/* RST, FIN, SYN and ACK with bad options have no effect. */
static void test_bad_in_established(void)
{
    char script[128];
    static const char *const what[] = {"R 1:1(0)", "R. 1:1(0) ack 1", "F. 1:1(0) ack 1",
                                       "S 1:1(0)", ". 1:1(0) ack 11 win 10"};

    bench_start(WIRE_RAW);
    establish("");
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    for (size_t i = 0; i < countof(bad) * countof(what); i++) {
        snprintf(script, sizeof(script), "%s <%s>", what[i / countof(bad)], bad[i % countof(bad)]);
        check_counted(tcp, bad_option, 1, inject(script));
        expect_nothing(0);
        check_state(desc, "ESTABLISHED");
        check_int(view(desc).snd.una - view(desc).iss, 1);
        check_int(view(desc).snd.wnd, 65535);
    }
    inject(". 1:1(0) ack 11");
    check_int(view(desc).snd.una - view(desc).iss, 11);
}

/* The offers of a modern peer: the connection works, whether they are accepted or not. */
static void test_offers(void)
{
    static const char *const offers[] = {
        "mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7", "mss 1460,nop,wscale 15",
        "mss 1460,nop,wscale 255", "nop,nop,sackOK", "mss 1460,hex 1c08001122334455",
    };

    bench_start(WIRE_RAW);
    for (size_t i = 1; i < countof(offers); i++) {
        establish(offers[i]);
        inject("P. 1:11(10) ack 1");
        advance(500);
        wire_pending(1);
        check_int(view(desc).rcv.nxt - view(desc).irs, 11);
        connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN + 10);
        check_int(segment_len(), strncmp(offers[i], "mss", 3) ? 536 : 1460);
    }
    establish(offers[0]); /* no data: a peer that offers timestamps would have to send them */
    inject("R 1:1(0)");
    check_state(desc, "CLOSED");
}

/* Injects a frame of flen bytes, of an unregistered type. Returns whether net counts it as
 * received. */
static int frame_comes(const struct net_device *dev, size_t flen)
{
    static const uint8_t from[] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe, 0x88, 0xb5};
    static uint8_t frame[ETHER_JUMBO_SIZE_MAX];
    struct net_stats before, after;

    memcpy(frame, dev->addr, ETHER_ADDR_LEN);
    memcpy(frame + ETHER_ADDR_LEN, from, sizeof(from));
    net_get_stats(&before);
    inject_bytes(frame, flen);
    net_get_stats(&after);
    return after.received > before.received;
}

static void test_ether_mtu(void)
{
    static const unsigned int sizes[] = {1500, 9000, 1400, 65521, 576};
    static uint8_t data[65536], got[65536];
    struct net_device *dev = bench_start(WIRE_ETHER);

    pattern(data, 0, sizeof(data));
    for (size_t i = 0; i < countof(sizes); i++) {
        ether_set_mtu(dev, sizes[i]);
        check_int(dev->mtu, sizes[i]);
        check_int(net_device_output(dev, 0x88b5, data, sizes[i], ETHER_ADDR_BROADCAST), 0);
        check_int(take(0, got, sizeof(got)), ETHER_HDR_SIZE + sizes[i]);
        check_pattern(got + ETHER_HDR_SIZE, 0, sizes[i]);
        check_error(net_device_output(dev, 0x88b5, data, sizes[i] + 1, ETHER_ADDR_BROADCAST),
                    EMSGSIZE);
        check_int(frame_comes(dev, ETHER_HDR_SIZE + sizes[i]), 1);
    }
    ether_set_mtu(dev, 100000);
    check_int(dev->mtu, 65535);
}

BENCH(32,
      {"a passive open announces its MTU less 40 as MSS [MUST-14 MUST-67 SHLD-5 MAY-3]",
       test_announced_by_listener},
      {"an active open announces its MTU less 40 as MSS, in its SYN alone "
       "[MUST-14 MUST-67 MUST-69]", test_announced_by_caller},
      {"a simultaneous open announces the MSS [MUST-14]", test_crossing_syns},
      {"each interface announces an MSS of its own [SHLD-6]", test_two_interfaces},
      {"the MSS option is sent in SYNs only [MUST-65]", test_only_with_syn},
      {"the peer's MSS is honoured [MUST-14]", test_honoured},
      {"a peer without an MSS option gets segments of 536 bytes [MUST-15]", test_default},
      {"the segment size is the smaller of both ends' limits [MUST-16]", test_smaller_of_both},
      {"an MSS of 0 is ignored, one below 64 is raised [T-5]", test_zero},
      {"of two MSS options the first counts [T-6]", test_repeated},
      {"an MSS option without SYN is ignored [T-6]", test_not_a_syn},
      {"an option may begin at any byte of the header [MUST-64 MUST-4]", test_alignment},
      {"unknown options are skipped [MUST-6 MUST-68]", test_unknown},
      {"bytes after the end of option list are ignored [MUST-4]", test_end_of_list},
      {"options are accepted on any segment [MUST-5]", test_with_data},
      {"a bad option length drops the segment [MUST-7 T-3 T-4]", test_bad_length},
      {"a SYN with a bad option length opens nothing [MUST-7 T-3 T-4]", test_bad_syn},
      {"a SYN-ACK or RST with a bad option length is dropped in SYN-SENT [MUST-7]",
       test_bad_syn_ack},
      {"a segment with a bad option length does not change a connection [MUST-7]",
       test_bad_in_established},
      {"offers of unsupported options do no harm [MUST-6 T-7]", test_offers},
      {"an Ethernet device sends and receives up to its MTU when that changes", test_ether_mtu})
