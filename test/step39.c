/* Step 39: IP with suspicion. Which sources are accepted, and what never leaves the host. */
#include <stdio.h>

#include "bench.h"
#include "driver/loopback.h"
#include "icmp.h"
#include "ip.h"
#include "net.h"
#include "sockets.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

#define ALL "ether 00:00:5e:00:53:fe > ff:ff:ff:ff:ff:ff "
#define ECHO "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 8"
#define REPLY "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 8"
#define TO_7 "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"
#define TO_8 "UDP 192.0.2.1.5000 > 192.0.2.2.8 'hello'"
#define SYN "S 0:0(0) win 65535"

/* As the programs do it: net0 is the loopback, net1 the link, with a default gateway. */
static void start(void)
{
    struct ip_iface *link;

    check_int(net_init(), 0);
    check(wire_address(loopback_init(), "127.0.0.1", "255.0.0.0") != NULL);
    link = wire_address(wire_init(WIRE_ETHER), "192.0.2.2", "255.255.255.0");
    check_int(ip_route_set_default_gateway(link, "192.0.2.254"), 0);
    check_int(net_run(), 0);
    wire_answer_arp(1);
}

/* Sources */

static void refused_from(const char *source)
{
    static const char *const scripts[] = {ECHO, TO_7, TO_8, SYN};
    char fault[32];

    snprintf(fault, sizeof(fault), "ip.src=%s", source);
    for (size_t i = 0; i < countof(scripts); i++) {
        check_counted(ip, bad_source, 1, inject_with(fault, scripts[i]));
        check_counted(ip, delivered, 0, inject_with(fault, scripts[i]));
    }
}

static void test_sources(void)
{
    static const char *const sources[] = {
        "255.255.255.255", "192.0.2.255", "192.0.2.0", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.254", "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254",
        "192.0.2.2",
    };

    bench_start(WIRE_RAW);
    listening("0.0.0.0:7");
    bound(SOCK_DGRAM, "0.0.0.0:7");
    for (size_t i = 0; i < countof(sources); i++) {
        refused_from(sources[i]);
    }
    expect_nothing(0);
}

static void test_good_sources(void)
{
    static const char *const sources[] = {
        "1.0.0.1", "126.255.255.255", "128.0.0.0", "192.0.2.3", "192.0.3.255", "223.255.255.254",
    };
    char fault[32];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(sources); i++) {
        snprintf(fault, sizeof(fault), "ip.src=%s", sources[i]);
        check_counted(ip, delivered, 1, inject_with(fault, ECHO));
    }
    wire_pending(1);
}

/* A datagram from one interface's address or broadcast that arrives at another: a reply to
 * 198.51.100.255 would be a broadcast. */
static void test_other_interface(void)
{
    struct net_device *dev;

    check_int(net_init(), 0);
    dev = wire_init(WIRE_RAW);
    wire_address(dev, "192.0.2.2", "255.255.255.0");
    wire_address(wire_init(WIRE_RAW), "198.51.100.2", "255.255.255.0");
    check_int(net_run(), 0);
    wire_use(dev);
    refused_from("198.51.100.2");
    refused_from("198.51.100.255");
    refused_from("198.51.100.0");
    expect_nothing(0);
}

static void test_land(void)
{
    struct tcp_view view;

    bench_start(WIRE_RAW);
    listening("192.0.2.2:7");
    check_counted(tcp, received, 0, inject_with("ip.src=192.0.2.2, tcp.sport=7", SYN));
    expect_nothing(3000);
    check_int(tcp_get_view_at(1, &view), -1);
    inject(SYN);
    expect("S. 0:0(0) ack 1");
    inject("R 1:1(0)");
}

/* Sends a SYN with a good checksum to a local endpoint, from one with the same address. */
static void syn_from_here(const char *local, uint16_t port)
{
    ip_endp_t to = endp(local);
    struct {
        ip_addr_t src, dst; /* pseudo header */
        uint16_t protocol, len;
        uint8_t segment[20];
    } p = {to.addr, to.addr, hton16(IP_PROTOCOL_TCP), hton16(20), {[12] = 0x50, [13] = 2}};
    uint16_t sport = hton16(port), sum;

    memcpy(p.segment, &sport, sizeof(sport));
    memcpy(p.segment + 2, &to.port, sizeof(to.port));
    sum = cksum16(&p, sizeof(p), 0);
    memcpy(p.segment + 16, &sum, sizeof(sum));
    check_int(ip_output(IP_PROTOCOL_TCP, p.segment, sizeof(p.segment), to.addr, to.addr), 20);
    settle();
}

/* Local datagrams go over the loopback, which accepts our addresses as sources. */
static void test_land_here(void)
{
    static const char *const locals[] = {"127.0.0.1:7", "192.0.2.2:7"};
    struct tcp_view view;

    start();
    listening("0.0.0.0:7");
    for (size_t i = 0; i < countof(locals); i++) {
        check_counted(tcp, bad_address, 1, syn_from_here(locals[i], 7));
    }
    check_int(tcp_get_view_at(1, &view), -1);
    check_counted(tcp, bad_address, 0, syn_from_here("127.0.0.1:7", 8)); /* gets a SYN-ACK */
    expect_nothing(1000);
}

/* Broadcasts */

static void test_link_broadcast(void)
{
    static const char *const scripts[] = {ALL ECHO, ALL TO_7, ALL TO_8, ALL
        "TCP 192.0.2.1.5000 > 192.0.2.2.7 S 9:9(0)", ALL "IP 192.0.2.1 > 192.0.2.2 proto 253 'a'",
    };

    start();
    listening("0.0.0.0:7");
    bound(SOCK_DGRAM, "0.0.0.0:7");
    inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
    expect("ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01");
    for (size_t i = 0; i < countof(scripts); i++) {
        check_counted(ip, link_broadcast, 1, inject(scripts[i]));
        check_counted(ip, delivered, 0, inject(scripts[i]));
    }
    expect_nothing(0);
    check_counted(ip, link_broadcast, 0, inject(ECHO)); /* the flag is each frame's own */
    expect(REPLY);
}

static void test_true_broadcast(void)
{
    start();
    bound(SOCK_DGRAM, "0.0.0.0:7");
    check_counted(udp, delivered, 1, inject(ALL "UDP 192.0.2.1.5000 > 192.0.2.255.7 'hello'"));
    check_counted(udp, delivered, 1, inject(ALL "UDP 192.0.2.1.5000 > 255.255.255.255.7 'hello'"));
    check_counted(ip, link_broadcast, 0, inject(ALL "UDP 192.0.2.1.5000 > 192.0.2.255.7 'hello'"));
    expect_nothing(0);
}

static void test_broadcast_forms(void)
{
    static const char *const forms[] = {
        "ip.dst=255.255.255.255", "ip.dst=192.0.2.255", "ip.dst=192.0.2.0", "ip.dst=0.0.0.0",
    };
    char buf[8];
    int id;

    bench_start(WIRE_RAW);
    listening("0.0.0.0:7");
    id = bound(SOCK_DGRAM, "0.0.0.0:7");
    for (size_t i = 0; i < countof(forms); i++) {
        inject_with(forms[i], TO_7);
        check_int(sock_recvfrom(id, buf, sizeof(buf), NULL, NULL), 5);
        check_counted(icmp, echo_broadcast, 1, inject_with(forms[i], ECHO));
        check_counted(udp, no_port, 1, inject_with(forms[i], TO_8));
        check_counted(tcp, bad_address, 1, inject_with(forms[i], SYN));
        check_counted(ip, unknown_protocol, 1,
                      inject_with(forms[i], "IP 192.0.2.1 > 192.0.2.2 proto 253 'a'"));
    }
    expect_nothing(0);
}

/* Options */

static void test_bad_options(void)
{
    static const char *const options[] = {
        "0700", "0701", "0705aabb", "07ff0400", "01010107", "94000000", "88010000", "e0050102",
        "0101018300", "0704040007020400", "0728040000000000", "010183",
    };
    char fault[64];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(options); i++) {
        snprintf(fault, sizeof(fault), "ip.options=%s", options[i]);
        check_counted(ip, bad_option, 1, inject_with(fault, ECHO));
        check_counted(ip, delivered, 0, inject_with(fault, ECHO));
    }
    expect_nothing(0);
}

/* Loose and strict, with good and bad pointers, and behind other options. */
static void test_source_routes(void)
{
    static const char *const options[] = {
        "830704cb007109", "890704cb007109", "830708cb007109", "830304", "890300", "8307ffcb007109",
        "0101018303040000", "0703048907040a000001", "8302", "83270400",
    };
    char fault[64];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(options) - 1; i++) {
        snprintf(fault, sizeof(fault), "ip.options=%s", options[i]);
        check_counted(ip, source_route, 1, inject_with(fault, ECHO));
        check_counted(ip, delivered, 0, inject_with(fault, ECHO));
        check_counted(ip, delivered, 0, inject_with(fault, SYN));
    }
    snprintf(fault, sizeof(fault), "ip.options=%s", options[countof(options) - 1]);
    check_counted(ip, bad_option, 1, inject_with(fault, ECHO)); /* longer than the header */
    expect_nothing(0);
}

/* Unknown options, stream ID, record route, timestamp, router alert, security; bytes after the end
 * of option list are ignored. */
static void test_ignored_options(void)
{
    static const char *const options[] = {
        "5e04aabb", "de0a0102030405060708", "88041234", "070704000000000000", "4408050000000000",
        "94040000", "01015e02", "820b0000000000000000000000", "0005ffff", "01000083", "010101ee02",
    };
    char fault[64];

    bench_start(WIRE_RAW);
    bound(SOCK_DGRAM, "0.0.0.0:7");
    for (size_t i = 0; i < countof(options); i++) {
        snprintf(fault, sizeof(fault), "ip.options=%s", options[i]);
        check_counted(ip, delivered, 1, inject_with(fault, ECHO));
        expect(REPLY);
        check_counted(udp, delivered, 1, inject_with(fault, TO_7));
        check_counted(ip, delivered, 1, inject_with(fault, SYN));
        expect("R. 0:0(0) ack 1");
    }
}

static void test_ttl(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, delivered, 1, inject_with("ip.ttl=0", ECHO));
    expect(REPLY);
    check_counted(ip, delivered, 1, inject_with("ip.ttl=1", ECHO));
    expect("IP 192.0.2.2 > 192.0.2.1 ttl 64 ICMP echo-reply id 1 seq 1 len 8");
}

/* Local addresses */

struct talk {
    const char *server; /* the endpoint */
    int id;             /* the server's socket */
    ip_addr_t from;     /* source address seen by the server */
};

static void udp_server(void *arg)
{
    struct talk *t = arg;
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    char buf[64];
    ssize_t n = sock_recvfrom(t->id, buf, sizeof(buf), SA(&peer), &len);

    t->from = peer.sin_addr.s_addr;
    check_int(sock_sendto(t->id, buf, (size_t)n, SA(&peer), sizeof(peer)), n);
}

static void udp_client(void *arg)
{
    const struct talk *t = arg;
    struct sockaddr_in server = address(t->server), peer;
    int id = sock_open(PF_INET, SOCK_DGRAM, 0);
    socklen_t len = sizeof(peer);
    char buf[64];

    check_int(sock_sendto(id, "hello", 5, SA(&server), sizeof(server)), 5);
    check_int(sock_recvfrom(id, buf, sizeof(buf), SA(&peer), &len), 5);
    check_mem(buf, "hello", 5);
    check_int(peer.sin_addr.s_addr, server.sin_addr.s_addr);
    check_int(sock_close(id), 0);
}

static void udp_with_ourselves(const char *local, const char *server)
{
    struct talk t = {.server = server, .id = bound(SOCK_DGRAM, local)};
    struct task *task = task_start("server", udp_server, &t);
    struct sockaddr_in in = address(server);

    task_join(task_start("client", udp_client, &t), 1000);
    task_join(task, 0);
    check_int(t.from, in.sin_addr.s_addr); /* the source is the destination's address */
    check_int(sock_close(t.id), 0);
}

static void test_udp(void)
{
    start();
    udp_with_ourselves("192.0.2.2:7", "192.0.2.2:7");
    udp_with_ourselves("0.0.0.0:7", "192.0.2.2:7");
    udp_with_ourselves("127.0.0.1:7", "127.0.0.1:7");
    udp_with_ourselves("0.0.0.0:7", "127.0.0.1:7");
    expect_nothing(1000);
}

static void tcp_server(void *arg)
{
    struct talk *t = arg;
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int id = sock_accept(t->id, SA(&peer), &len);
    char buf[1000];
    ssize_t n;

    t->from = peer.sin_addr.s_addr;
    while ((n = sock_recv(id, buf, sizeof(buf))) > 0) {
        check_int(sock_send(id, buf, (size_t)n), n);
    }
    check_int(n, 0);
    check_int(sock_close(id), 0);
}

/* Sends 4,000 bytes and waits for their echo, 30 times. */
static void tcp_client(void *arg)
{
    const struct talk *t = arg;
    struct sockaddr_in server = address(t->server);
    int id = sock_open(PF_INET, SOCK_STREAM, 0);
    char buf[4000];

    check_int(sock_connect(id, SA(&server), sizeof(server)), 0);
    for (uint32_t round = 0; round < 30; round++) {
        size_t done = 0;
        pattern(buf, round * sizeof(buf), sizeof(buf));
        check_int(sock_send(id, buf, sizeof(buf)), sizeof(buf));
        memset(buf, 0, sizeof(buf));
        while (done < sizeof(buf)) {
            ssize_t n = sock_recv(id, buf + done, sizeof(buf) - done);
            check_cmp(n, >, 0);
            done += (size_t)n;
        }
        check_pattern(buf, round * sizeof(buf), sizeof(buf));
    }
    check_int(sock_close(id), 0);
}

static void tcp_with_ourselves(const char *local, const char *server)
{
    struct talk t = {.server = server, .id = listening(local)};
    struct task *task = task_start("server", tcp_server, &t);
    struct sockaddr_in in = address(server);

    task_join(task_start("client", tcp_client, &t), 60000);
    task_join(task, 1000);
    check_int(t.from, in.sin_addr.s_addr);
    check_int(sock_close(t.id), 0);
}

static void test_tcp(void)
{
    start();
    tcp_with_ourselves("192.0.2.2:7", "192.0.2.2:7");
    tcp_with_ourselves("127.0.0.1:7", "127.0.0.1:7");
    tcp_with_ourselves("0.0.0.0:7", "192.0.2.2:7");
    expect_nothing(1000);
}

static int errnum;

/* Connects from one local address to a closed port of another. */
static void connect_refused(void *arg)
{
    struct sockaddr_in server = address(arg);
    int id = bound(SOCK_STREAM, "127.0.0.1:0");

    check_int(sock_connect(id, SA(&server), sizeof(server)), -1);
    errnum = errno;
}

static void test_closed_port(void)
{
    start();
    task_join(task_start("client", connect_refused, "127.0.0.1:9"), 100);
    check_int(errnum, ECONNREFUSED);
    task_join(task_start("client", connect_refused, "192.0.2.2:9"), 100);
    check_int(errnum, ECONNREFUSED);
    expect_nothing(1000);
}

static void test_echo(void)
{
    ip_addr_t link = addr("192.0.2.2"), loopback = addr("127.0.0.1");

    start();
    check_counted(icmp, echo_replies, 1, {
        check_int(icmp_output(ICMP_TYPE_ECHO, 0, 1, NULL, 0, IP_ADDR_ANY, link), 8);
        settle();
    });
    check_counted(icmp, delivered, 2, { /* the echo and its reply */
        icmp_output(ICMP_TYPE_ECHO, 0, 1, NULL, 0, loopback, link);
        settle();
    });
    check_counted(ip, bad_source, 0, {
        icmp_output(ICMP_TYPE_ECHO, 0, 1, NULL, 0, link, loopback);
        settle();
    });
    expect_nothing(1000);
}

/* RFC 1122 3.2.1.3: these must not appear on a wire, whatever the routes are. */
static void test_never_leaves(void)
{
    static const char *const never[] = {"127.0.0.2", "127.255.255.255", "0.0.0.0", "0.1.2.3"};
    ip_addr_t link = addr("192.0.2.2"), loopback = addr("127.0.0.1");

    start();
    for (size_t i = 0; i < countof(never); i++) {
        check_counted(ip, no_route, 1,
                      check_error(ip_output(253, NULL, 0, link, addr(never[i])), ENETUNREACH));
        ip_output(253, NULL, 0, IP_ADDR_ANY, addr(never[i]));
    }
    check_error(ip_output(253, NULL, 0, loopback, addr("192.0.2.1")), ENETUNREACH);
    check_error(ip_output(253, NULL, 0, loopback, addr("203.0.113.9")), ENETUNREACH);
    ip_output(253, NULL, 0, loopback, IP_ADDR_BROADCAST);
    ip_output(253, NULL, 0, IP_ADDR_ANY, addr("127.9.9.9"));
    expect_nothing(1000);
}

/* Without a default gateway only the loopback has a route to 127.0.0.2. */
static void test_links_do_not_reach_loopback(void)
{
    check_int(net_init(), 0);
    check(wire_address(loopback_init(), "127.0.0.1", "255.0.0.0") != NULL);
    check(wire_address(wire_init(WIRE_ETHER), "192.0.2.2", "255.255.255.0") != NULL);
    check_int(net_run(), 0);
    check_error(ip_output(253, NULL, 0, addr("192.0.2.2"), addr("127.0.0.2")), ENETUNREACH);
    check_int(ip_output(253, NULL, 0, addr("127.0.0.1"), addr("127.0.0.2")), 0);
    expect_nothing(0);
}

/* Without a loopback device a local address is unreachable, and never resolved by ARP. */
static void test_no_loopback(void)
{
    struct sockaddr_in server = address("192.0.2.2:7");
    int id;

    bench_start(WIRE_ETHER);
    check_error(ip_output(253, NULL, 0, IP_ADDR_ANY, addr("192.0.2.2")), ENETUNREACH);
    id = sock_open(PF_INET, SOCK_DGRAM, 0);
    check_error(sock_sendto(id, "hello", 5, SA(&server), sizeof(server)), ENETUNREACH);
    id = sock_open(PF_INET, SOCK_STREAM, 0);
    check_error(sock_connect(id, SA(&server), sizeof(server)), ENETUNREACH);
    expect_nothing(1000);
}

/* RFC 3021: /31 and /32 networks have no broadcast address. */
static void test_small_networks(void)
{
    static const char *const masks[] = {"255.255.255.254", "255.255.255.255"};
    ip_addr_t own = addr("192.0.2.2");
    struct ip_iface *link;

    for (size_t i = 0; i < countof(masks); i++) {
        check_int(net_init(), 0);
        check(wire_address(loopback_init(), "127.0.0.1", "255.0.0.0") != NULL);
        link = wire_address(wire_init(WIRE_ETHER), "192.0.2.2", masks[i]);
        check_int(ip_route_set_default_gateway(link, "192.0.2.3"), 0);
        check_int(net_run(), 0);
        wire_answer_arp(1);
        check_counted(icmp, echo_replies, 1,
                      inject("IP 192.0.2.3 > 192.0.2.2 ICMP echo id 1 seq 1 len 8"));
        expect("ether 00:00:5e:00:53:01 > 00:00:5e:00:53:fe "
               "IP 192.0.2.2 > 192.0.2.3 ICMP echo-reply id 1 seq 1 len 8");
        check_counted(ip, unknown_protocol, 1, ip_output(253, NULL, 0, own, own); settle());
        check_int(net_shutdown(), 0);
    }
}

/* Two links and a loopback: a datagram from a local address leaves by that address's link */

static struct net_device *left, *right; /* 192.0.2.2, with a gateway, and 198.51.100.2 */

static void start_two(const char *right_gateway)
{
    struct ip_iface *iface;

    check_int(net_init(), 0);
    check(wire_address(loopback_init(), "127.0.0.1", "255.0.0.0") != NULL);
    left = wire_init(WIRE_ETHER);
    iface = wire_address(left, "192.0.2.2", "255.255.255.0");
    check_int(ip_route_set_default_gateway(iface, "192.0.2.254"), 0);
    right = wire_init(WIRE_ETHER);
    iface = wire_address(right, "198.51.100.2", "255.255.255.0");
    if (right_gateway) {
        check_int(ip_route_set_default_gateway(iface, right_gateway), 0);
    }
    check_int(net_run(), 0);
}

/* Answers ARP for the gateway, 192.0.2.254 or 198.51.100.254; then waiting datagrams go out. */
static void gateway_answers(struct net_device *dev)
{
    wire_use(dev);
    if (dev == left) {
        expect("ARP who-has 192.0.2.254 tell 192.0.2.2");
        inject("ARP reply 192.0.2.254 is-at 00:00:5e:00:53:fe");
    } else {
        expect("ARP who-has 198.51.100.254 tell 198.51.100.2");
        inject("ARP reply 198.51.100.254 is-at 00:00:5e:00:53:fe");
    }
}

static void test_gateway_each(void)
{
    start_two("198.51.100.254");
    wire_use(right);
    inject("IP 203.0.113.9 > 198.51.100.2 ICMP echo id 1 seq 1 len 8");
    gateway_answers(right);
    expect("IP 198.51.100.2 > 203.0.113.9 ICMP echo-reply id 1 seq 1 len 8");
    wire_use(left);
    inject("IP 203.0.113.9 > 192.0.2.2 ICMP echo id 1 seq 2 len 8");
    gateway_answers(left);
    expect("IP 192.0.2.2 > 203.0.113.9 ICMP echo-reply id 1 seq 2 len 8");
    check_int(ip_output(253, NULL, 0, IP_ADDR_ANY, addr("203.0.113.9")), 0);
    expect("IP 192.0.2.2 > 203.0.113.9 proto 253 len 0"); /* the gateway added first */
}

/* Sends a datagram from local, and then a SYN from another port. */
static void calls_from(void *arg)
{
    struct sockaddr_in peer = address("203.0.113.9:7");

    check_int(sock_sendto(bound(SOCK_DGRAM, arg), "hello", 5, SA(&peer), sizeof(peer)), 5);
    sock_connect(bound(SOCK_STREAM, arg), SA(&peer), sizeof(peer));
}

/* The address that a socket is bound to chooses the link of its first packet, too. */
static void test_bound_leads(void)
{
    uint8_t packet[128];

    start_two("198.51.100.254");
    task_start("right", calls_from, "198.51.100.2:7000");
    gateway_answers(right);
    expect("UDP 198.51.100.2.7000 > 203.0.113.9.7 'hello'");
    check_cmp(take(0, packet, sizeof(packet)), >=, 14 + 44);
    check_mem(packet + 26, "\xc6\x33\x64\x02", 4);
    task_start("left", calls_from, "192.0.2.2:7000");
    gateway_answers(left);
    expect("UDP 192.0.2.2.7000 > 203.0.113.9.7 'hello'");
    check_cmp(take(0, packet, sizeof(packet)), >=, 14 + 44);
    check_mem(packet + 26, "\xc0\x00\x02\x02", 4);
}

/* A link without a gateway sends over another link, with its own source. */
static void test_weak(void)
{
    start_two(NULL);
    wire_use(right);
    inject("IP 203.0.113.9 > 198.51.100.2 ICMP echo id 1 seq 1 len 8");
    gateway_answers(left);
    expect("IP 198.51.100.2 > 203.0.113.9 ICMP echo-reply id 1 seq 1 len 8");
    task_start("right", calls_from, "198.51.100.2:7000");
    expect("UDP 198.51.100.2.7000 > 203.0.113.9.7 'hello'");
    check_int(wire_pending(1), 1); /* the SYN */
}

/* The MSS is that of the connection's link. */
static void test_mss_of_link(void)
{
    uint8_t data[2000];
    int id, listener;

    start_two("198.51.100.254");
    right->mtu = 1000;
    listener = listening("198.51.100.2:7");
    wire_use(right);
    connection('A', "198.51.100.2:7", "203.0.113.9:5000", 1);
    inject("S 0:0(0) win 65535 <mss 1460>");
    gateway_answers(right);
    expect("S. 0:0(0) ack 1 <mss 960>");
    inject(". 1:1(0) ack 1");
    id = sock_accept(listener, NULL, NULL);
    pattern(data, 1, sizeof(data));
    check_int(sock_send(id, data, sizeof(data)), sizeof(data));
    expect(". 1:961(960) ack 1");
    expect(". 961:1921(960) ack 1");
    expect("P. 1921:2001(80) ack 1");
}

BENCH(39,
      {"a datagram from a non-unicast, loopback or own address is dropped "
       "[I-8 1122-3.2.1.3c 1122-4.1.3.6 MUST-63]", test_sources},
      {"any other source is accepted", test_good_sources},
      {"a source that is any interface's address or broadcast is dropped [I-8]",
       test_other_interface},
      {"a SYN whose source is its destination is dropped by IP [T-13]", test_land},
      {"a SYN whose source is its destination is dropped on loopback [T-13]", test_land_here},
      {"a unicast datagram in a broadcast frame is dropped [E-6 1122-2.4a 1122-3.3.6c]",
       test_link_broadcast},
      {"a broadcast datagram in a broadcast frame is accepted", test_true_broadcast},
      {"all forms of broadcast address are recognised [1122-3.3.6a 1122-3.3.6d]",
       test_broadcast_forms},
      {"a bad option length drops the datagram [I-5]", test_bad_options},
      {"a datagram with a source route is dropped [I-5 I-6 1122-3.2.1.8c]", test_source_routes},
      {"other options are ignored [MUST-50 1122-3.2.1.8a 1122-3.2.1.8b]", test_ignored_options},
      {"a datagram to our address with TTL 0 or 1 is accepted [I-10 1122-3.2.1.7a]", test_ttl},
      {"local sockets exchange datagrams over each local address", test_udp},
      {"local sockets connect over each local address", test_tcp},
      {"connect to a closed local port is ECONNREFUSED", test_closed_port},
      {"an echo between any two local addresses is answered", test_echo},
      {"127/8 and 0/8 never leave on a wire", test_never_leaves},
      {"a datagram from a link's address never reaches the loopback by its route",
       test_links_do_not_reach_loopback},
      {"/31 and /32 networks have no broadcast address", test_small_networks},
      {"with a gateway on each link, a reply takes the request's link [1122-3.3.4.2c]",
       test_gateway_each},
      {"a bound socket sends over its address's link [1122-3.3.4.2c]", test_bound_leads},
      {"a link without a gateway sends over another link [1122-3.3.4.2c]", test_weak},
      {"the MSS is that of the connection's link", test_mss_of_link},
      {"without a loopback device local addresses are unreachable", test_no_loopback})
