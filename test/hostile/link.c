/* Hostile packets: Ethernet and ARP. */

#include "hostile.h"

#define OURS "00:00:5e:00:53:01"
#define PEER "00:00:5e:00:53:fe"
#define ALL "ff:ff:ff:ff:ff:ff"
#define ECHO "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 8"
#define ECHO_REPLY "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 8"

/* Injects a request for our address from 192.0.2.host, whose hardware address ends in ha. */
static void meet(int host, int ha)
{
    char line[128];

    snprintf(line, sizeof(line), "ether 00:00:5e:00:53:%02x > " ALL
             " ARP who-has 192.0.2.2 tell 192.0.2.%d", ha, host);
    inject(line);
    expect("ARP reply 192.0.2.2 is-at " OURS);
}

static void start(void)
{
    bench_start(WIRE_ETHER);
    meet(1, 0xfe);
}

/* Returns the last byte of 192.0.2.host's hardware address, or -1 if it is not cached. */
static int known(int host)
{
    uint8_t ha[ETHER_ADDR_LEN];
    char text[16];
    int ret;

    snprintf(text, sizeof(text), "192.0.2.%d", host);
    ret = arp_resolve(ip_iface_select(addr("192.0.2.2")), addr(text), ha);
    settle();
    wire_pending(1); /* the request */
    return ret == ARP_RESOLVE_FOUND ? ha[5] : -1;
}

static void send_to(const char *dst, const char *data)
{
    ip_output(253, (const uint8_t *)data, strlen(data), IP_ADDR_ANY, addr(dst));
}

static uint64_t requests(void)
{
    struct arp_stats stats;

    arp_get_stats(&stats);
    return stats.requests_sent;
}

/*
 * Ethernet
 */
static void test_runts(void)
{
    static const uint8_t frame[ETHER_HDR_SIZE] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00,
                                                  0x5e, 0x00, 0x53, 0xfe, 0x08, 0x00};

    start();
    for (size_t len = 0; len < sizeof(frame); len++) {
        check_dropped(ether, too_short, inject_bytes(frame, len));
    }
    check_dropped(ip, too_short, inject_bytes(frame, sizeof(frame)));
}

/* The longest are those of a TAP with offloads. */
static void test_giants(void)
{
    static uint8_t frame[ETHER_HDR_SIZE + 65536] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00,
                                                    0x5e, 0x00, 0x53, 0xfe, 0x08, 0x00, 0x45};

    start();
    check_dropped(ether, too_long, inject_bytes(frame, ETHER_FRAME_SIZE_MAX + 1));
    check_dropped(ether, too_long, inject_bytes(frame, 9014));
    check_dropped(ether, too_long, inject_bytes(frame, 65535));
    check_dropped(ether, too_long, inject_bytes(frame, sizeof(frame)));
}

/* Padding is neither data nor part of a checksum, whatever its bytes. */
static void test_padding(void)
{
    ip_endp_t local = endp("0.0.0.0:7");
    int desc;
    char buf[64];

    start();
    desc = udp_cmd_open();
    check_int(udp_cmd_bind(desc, &local), 0);
    check_counted(udp, delivered, 1, inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"));
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 5);
    check_counted(udp, delivered, 1, inject_with("frame.len=46",
                                                 "UDP 192.0.2.1.5000 > 192.0.2.2.7 len 0"));
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 0);
    inject_with("frame.len=46", ECHO);
    expect(ECHO_REPLY);
}

/* Other types: lengths of 802.3, a VLAN tag, IPv6, trailers. */
static void test_types(void)
{
    start();
    check_dropped(net, unknown_protocol, inject("type 0x0000 len 46"));
    check_dropped(net, unknown_protocol, inject("type 0x002e len 46"));
    check_dropped(net, unknown_protocol, inject("type 0x05dc len 1500"));
    check_dropped(net, unknown_protocol, inject("type 0x8100 len 46"));
    check_dropped(net, unknown_protocol, inject("type 0x86dd len 46"));
    check_dropped(net, unknown_protocol, inject("type 0x1001 len 512"));
    check_dropped(net, unknown_protocol, inject_with("ether.type=0x8100", ECHO));
}

static void test_source(void)
{
    start();
    check_dropped(ether, bad_source, inject("ether 01:00:5e:00:00:01 > " OURS " " ECHO));
    check_dropped(ether, bad_source, inject("ether " ALL " > " OURS " " ECHO));
    check_dropped(ether, bad_source, inject("ether " OURS " > " OURS " " ECHO));
    check_dropped(ether, bad_source, inject("ether " OURS " > " ALL
                                            " ARP who-has 192.0.2.2 tell 192.0.2.9"));
    check_int(known(9), -1);
}

/* A unicast datagram in a broadcast frame: RFC 1122 3.3.6. */
static void test_link_broadcast(void)
{
    start();
    check_dropped(ip, link_broadcast, inject("ether " PEER " > " ALL " " ECHO));
    check_dropped(ip, link_broadcast,
                  inject("ether " PEER " > " ALL " UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"));
    check_dropped(ip, link_broadcast,
                  inject("ether " PEER " > " ALL " TCP 192.0.2.1.5000 > 192.0.2.2.7 S 9:9(0)"));
    inject("ether " PEER " > " OURS " " ECHO);
    expect(ECHO_REPLY);
}

/*
 * ARP
 */
#define REQUEST "ARP who-has 192.0.2.2 tell 192.0.2.9"

static void test_arp_lengths(void)
{
    static const char *const hln[] = {"arp.hln=0", "arp.hln=1", "arp.hln=5", "arp.hln=7",
                                      "arp.hln=255"};
    static const char *const pln[] = {"arp.pln=0", "arp.pln=3", "arp.pln=5", "arp.pln=16",
                                      "arp.pln=255"};
    char fault[16];
    size_t i;

    start();
    for (i = 0; i < countof(hln); i++) {
        check_dropped(arp, bad_hardware, inject_with(hln[i], REQUEST));
        check_dropped(arp, bad_protocol, inject_with(pln[i], REQUEST));
    }
    for (i = 0; i < 28; i++) {
        snprintf(fault, sizeof(fault), "frame.len=%zu", i);
        check_dropped(arp, too_short, inject_with(fault, REQUEST));
    }
    check_int(known(9), -1);
}

/* An unsolicited reply adds no entry. It changes the address of a known neighbour, as RFC 826 asks,
 * and the change is logged. */
static void test_unsolicited(void)
{
    start();
    check_dropped(arp, unsolicited, inject("ether 00:00:5e:00:53:66 > " OURS
                                           " ARP reply 192.0.2.254 is-at 00:00:5e:00:53:66"));
    check_dropped(arp, not_for_us, inject("ether 00:00:5e:00:53:66 > " ALL
                                          " ARP who-has 192.0.2.254 tell 192.0.2.254"));
    check_int(known(254), -1);
    log_clear();
    check_counted(arp, changed, 1, inject("ether 00:00:5e:00:53:66 > " OURS
                                          " ARP reply 192.0.2.1 is-at 00:00:5e:00:53:66"));
    check_int(known(1), 0x66);
    check(logged("00:00:5e:00:53:66"));
}

/* 4,000 requests of other hosts, a quarter for our address: the gateway in use stays cached. */
static void test_strangers(void)
{
    struct ip_iface *iface;
    size_t memory;
    char line[128];

    start();
    iface = ip_iface_select(addr("192.0.2.2"));
    check_int(ip_route_set_default_gateway(iface, "192.0.2.1"), 0);
    memory = memory_in_use();
    for (int i = 0; i < 4000; i++) {
        snprintf(line, sizeof(line), "ether 00:00:5e:00:53:66 > " ALL
                 " ARP who-has 192.0.2.%d tell 192.0.2.%d", i % 4 ? 3 : 2, 10 + i % 240);
        inject(line);
        if (i % 10 == 0) {
            send_to("198.51.100.1", "through the gateway");
        }
        wire_pending(1);
    }
    check_cmp(memory_in_use(), <=, memory + ARP_CACHE_SIZE);
    send_to("198.51.100.1", "through the gateway");
    expect("ether " OURS " > " PEER
           " IP 192.0.2.2 > 198.51.100.1 proto 253 'through the gateway'");
}

/* Another host claims our address: logged, defended at a limited rate, and never learnt. */
static void test_conflict(void)
{
    size_t memory;
    int sent = 0;

    start();
    memory = memory_in_use();
    log_clear();
    for (int i = 0; i < 100; i++) {
        check_counted(arp, conflict, 1, inject("ether 00:00:5e:00:53:66 > " ALL
                                               " ARP who-has 192.0.2.2 tell 192.0.2.2"));
        check_counted(arp, conflict, 1, inject("ether 00:00:5e:00:53:66 > " OURS
                                               " ARP reply 192.0.2.2 is-at 00:00:5e:00:53:66"));
        sent += (int)wire_pending(1);
        advance(100);
    }
    check(logged("00:00:5e:00:53:66"));
    check_range(sent, 1, 3); /* one defence in 10 s: RFC 5227 2.4 */
    check_int(memory_in_use(), memory);
    check_cmp(known(2), !=, 0x66);
}

/* 0.0.0.0, groups and broadcast addresses are no neighbours; a probe is answered all the same. */
static void test_no_neighbour(void)
{
    start();
    inject("ARP who-has 192.0.2.2 tell 0.0.0.0");
    expect("ARP reply 192.0.2.2 is-at " OURS);
    check_dropped(arp, bad_sender, inject("ARP who-has 192.0.2.2 tell 192.0.2.255"));
    check_dropped(arp, bad_sender, inject("ARP who-has 192.0.2.2 tell 224.0.0.1"));
    check_dropped(arp, bad_sender, inject("ARP who-has 192.0.2.2 tell 255.255.255.255"));
    check_int(known(255), -1);
    check_dropped(arp, bad_sender, inject_with("arp.sha=01:00:5e:00:00:01", REQUEST));
    check_dropped(arp, bad_sender, inject_with("arp.sha=" ALL, REQUEST));
    check_dropped(arp, bad_sender, inject_with("arp.sha=00:00:00:00:00:00", REQUEST));
    check_int(known(9), -1);
}

static void send_numbered(const char *dst, int num)
{
    char text[16];

    for (int i = 0; i < num; i++) {
        snprintf(text, sizeof(text), "%04d", i);
        send_to(dst, text);
    }
}

/* Of thousands of datagrams for an unresolved neighbour the latest few are queued. */
static void test_waiting(void)
{
    size_t memory, bytes, n;
    char line[96];

    start();
    memory = memory_in_use();
    bytes = memory_peak_bytes(1);
    send_numbered("192.0.2.9", 5000);
    check_cmp(memory_peak_bytes(0) - bytes, <, ARP_WAIT_BYTES + 5000);
    wire_pending(1);
    inject("ARP reply 192.0.2.9 is-at 00:00:5e:00:53:99");
    n = wire_pending(0);
    check_range(n, 1, ARP_WAIT_BYTES / 24);
    for (; n > 0; n--) {
        snprintf(line, sizeof(line), "ether " OURS " > 00:00:5e:00:53:99"
                 " IP 192.0.2.2 > 192.0.2.9 proto 253 '%04zu'", 5000 - n);
        expect(line);
    }
    check_int(memory_in_use(), memory + 1); /* the entry */
}

/* 10,000 datagrams in 10 seconds to a neighbour that does not answer. */
static void test_silence(void)
{
    size_t memory;
    uint64_t before;

    start();
    memory = memory_in_use();
    before = requests();
    for (int i = 0; i < 10000; i++) {
        send_to("192.0.2.9", "is there anybody?");
        advance(1);
    }
    check_range(requests() - before, 1, 11);
    wire_pending(1);
    advance(ARP_CACHE_TIMEOUT * 1000 + 2000);
    wire_pending(1);
    check_cmp(memory_in_use(), <=, memory);
}

BENCH(46,
      {"frames shorter than a header are dropped [E-1]", test_runts},
      {"frames longer than the MTU are dropped, up to 64 KB [E-2]", test_giants},
      {"padding is neither data nor part of a checksum [E-3]", test_padding},
      {"frames of 802.3, VLANs and trailers are dropped [E-4]", test_types},
      {"frames from a group or from our address are dropped [E-5]", test_source},
      {"a unicast datagram in a broadcast frame is dropped [E-6]", test_link_broadcast},
      {"ARP with bad address lengths, or cut short, is dropped [A-1]", test_arp_lengths},
      {"an unsolicited reply adds no entry [A-2 B-15]", test_unsolicited},
      {"4,000 unsolicited requests do not evict the gateway [A-3]", test_strangers},
      {"a claim to our address is logged, answered seldom, never learnt [A-4]", test_conflict},
      {"probes add no entry; broadcasts and groups are no neighbours [A-5]", test_no_neighbour},
      {"of thousands of datagrams the latest few are queued for a reply [A-6]", test_waiting},
      {"a silent neighbour is asked once a second [A-7]", test_silence})
