/* Step 16: routing. The interface and the next hop of a destination. */
#include <stdio.h>

#include "bench.h"
#include "driver/null.h"
#include "ip.h"
#include "net.h"
#include "util.h"

#define HA "00:00:5e:00:53:" /* and one byte more */
#define ALL "ff:ff:ff:ff:ff:ff"
#define FROM "ether " HA "01 > "

static const uint8_t data[] = "data";
static struct ip_iface *wire, *null;

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    check_int(ip_addr_pton(text, &addr), 0);
    return addr;
}

/* wire has 192.0.2.2/24, null has 198.51.100.2/24. The tests add routes to the gateways 192.0.2.253
 * and .254. */
static void start(void)
{
    struct net_device *dev;

    check_int(net_init(), 0);
    wire = wire_address(wire_init(WIRE_ETHER), "192.0.2.2", "255.255.255.0");
    dev = null_init();
    null = ip_iface_alloc("198.51.100.2", "255.255.255.0");
    check_int(ip_iface_register(dev, null), 0);
    check_int(net_run(), 0);
}

static void add(const char *network, const char *netmask, const char *nexthop,
                struct ip_iface *iface)
{
    check_int(ip_route_add(address(network), address(netmask), address(nexthop), iface), 0);
}

/* Lets ARP learn the gateway 192.0.2.host, at 00:00:5e:00:53:host. */
static void meet(int host)
{
    char line[128];

    snprintf(line, sizeof(line), "ether " HA "%02x > " ALL " ARP who-has 192.0.2.2 tell 192.0.2.%d",
             host, host);
    inject(line);
    expect("ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01");
}

/* Names the interface of the route to dst. */
static const char *way_to(ip_addr_t dst)
{
    struct ip_iface *iface = ip_route_get_iface(dst);

    return iface == wire ? "wire" : iface == null ? "null" : "nowhere";
}

static const char *way(const char *dst)
{
    return way_to(address(dst));
}

static ssize_t send_to(const char *dst)
{
    ssize_t ret = ip_output(253, data, 4, IP_ADDR_ANY, address(dst));

    settle();
    return ret;
}

static void connected(void)
{
    start();
    check_str(way("192.0.2.77"), "wire");
    check_str(way("198.51.100.77"), "null");
    check_str(way("203.0.113.1"), "nowhere");
    check_str(way("192.0.3.77"), "nowhere");
}

static void longest_prefix(void)
{
    static const int orders[][3] = {
        {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0},
    };
    static const char *const networks[] = {"10.0.0.0", "10.1.0.0", "10.1.2.0"};
    static const char *const masks[] = {"255.0.0.0", "255.255.0.0", "255.255.255.0"};

    for (size_t i = 0; i < countof(orders); i++) {
        start();
        struct ip_iface *out[] = {wire, null, wire};
        for (size_t j = 0; j < 3; j++) {
            int n = orders[i][j];
            add(networks[n], masks[n], n == 1 ? "0.0.0.0" : "192.0.2.254", out[n]);
        }
        check_str(way("10.9.9.9"), "wire");
        check_str(way("10.1.9.9"), "null");
        check_str(way("10.1.2.9"), "wire");
        check_str(way("11.1.2.9"), "nowhere");
        add("10.1.2.9", "255.255.255.255", "0.0.0.0", null);
        check_str(way("10.1.2.9"), "null");
        check_int(net_shutdown(), 0);
    }
}

static void any_host_bits(void)
{
    start();
    add("10.1.2.3", "255.255.0.0", "0.0.0.0", null);
    check_str(way("10.1.9.9"), "null");
    check_str(way("10.2.2.3"), "nowhere");
}

/* 24 routes to 10.0.0.0 with prefixes of 1 to 24 bits; those of odd length lead to null. */
static void every_prefix(void)
{
    start();
    for (int i = 0; i < 24; i++) {
        int length = 1 + i * 7 % 24; /* neither ascending nor descending */
        uint32_t mask = 0xffffffff << (32 - length);
        check_int(ip_route_add(hton32(0x0a000000 & mask), hton32(mask), IP_ADDR_ANY,
                               length % 2 ? null : wire), 0);
    }
    check_str(way_to(hton32(0x8a000000)), "nowhere");
    for (int length = 1; length <= 24; length++) { /* the bit after the prefix differs */
        ip_addr_t dst = hton32(0x0a000000 ^ 0x80000000 >> length);
        check_str(way_to(dst), length % 2 ? "null" : "wire");
    }
}

static void gateway(void)
{
    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2.254"), 0);
    meet(0xfe);
    check_int(send_to("203.0.113.9"), 4);
    expect(FROM HA "fe IP 192.0.2.2 > 203.0.113.9 proto 253 'data'");
}

static void gateway_asked_for(void)
{
    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2.254"), 0);
    send_to("203.0.113.9");
    expect("ARP who-has 192.0.2.254 tell 192.0.2.2");
    send_to("192.0.2.77");
    expect("ARP who-has 192.0.2.77 tell 192.0.2.2");
}

static void two_gateways(void)
{
    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2.254"), 0);
    add("10.0.0.0", "255.0.0.0", "192.0.2.253", wire);
    meet(0xfd);
    meet(0xfe);
    send_to("10.1.2.3");
    expect(FROM HA "fd IP 192.0.2.2 > 10.1.2.3 proto 253 'data'");
    send_to("11.1.2.3");
    expect(FROM HA "fe IP 192.0.2.2 > 11.1.2.3 proto 253 'data'");
    check_counted(ip, sent, 1, send_to("198.51.100.9")); /* the network of null */
    expect_nothing(0);
}

static void echo_through_gateway(void)
{
    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2.254"), 0);
    meet(0xfe);
    inject("IP 203.0.113.9 > 192.0.2.2 ICMP echo id 1 seq 1 len 56");
    expect(FROM HA "fe "
           "IP 192.0.2.2 > 203.0.113.9 ICMP echo-reply id 1 seq 1 len 56");
}

static void given_source(void)
{
    ip_addr_t ours = address("192.0.2.2");

    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2.254"), 0);
    meet(0xfe);
    check_int(ip_output(253, data, 4, ours, address("203.0.113.9")), 4);
    expect(FROM HA "fe IP 192.0.2.2 > 203.0.113.9 proto 253 'data'");
    check_error(ip_output(253, data, 4, address("192.0.2.3"), address("203.0.113.9")),
                EADDRNOTAVAIL);
}

static char last_source[IP_ADDR_STR_LEN]; /* of the last datagram out of any device */

static void note_source(const struct net_device *dev, enum net_direction direction, uint16_t type,
                        const uint8_t *datagram, size_t len)
{
    (void)dev;
    if (direction == NET_OUT && type == NET_PROTOCOL_TYPE_IP && len >= 20) {
        ip_addr_t src;

        memcpy(&src, datagram + 12, sizeof(src));
        ip_addr_ntop(src, last_source, sizeof(last_source));
    }
}

/* The stack may refuse a source of the other interface, but not replace it. */
static void source_kept(void)
{
    ip_addr_t ours = address("192.0.2.2"), others = address("198.51.100.2");

    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2.254"), 0);
    meet(0xfe);
    net_set_capture(note_source);
    if (ip_output(253, data, 4, ours, address("198.51.100.9")) != -1) {
        check_str(last_source, "192.0.2.2");
    }
    if (ip_output(253, data, 4, others, address("192.0.2.254")) != -1) {
        check_str(last_source, "198.51.100.2");
    }
    wire_pending(1);
}

static void no_route(void)
{
    start();
    add("10.0.0.0", "255.0.0.0", "192.0.2.254", wire);
    check_counted(ip, no_route, 1, check_error(send_to("203.0.113.9"), ENETUNREACH));
    check_error(send_to("192.0.3.1"), ENETUNREACH);
    check_error(ip_output(253, data, 4, address("192.0.2.2"), address("203.0.113.9")),
                ENETUNREACH);
    expect_nothing(0);
}

static void broadcast(void)
{
    start();
    check_int(ip_output(253, data, 4, address("192.0.2.2"), IP_ADDR_BROADCAST), 4);
    expect(FROM ALL " IP 192.0.2.2 > 255.255.255.255 proto 253 'data'");
    check_int(ip_output(253, data, 4, address("198.51.100.2"), IP_ADDR_BROADCAST), 4);
    expect_nothing(0);
}

static void broadcast_without_source(void)
{
    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2.254"), 0);
    check_error(send_to("255.255.255.255"), ENETUNREACH);
    expect_nothing(0);
}

static void bad_gateway(void)
{
    start();
    check_int(ip_route_set_default_gateway(wire, "192.0.2"), -1);
    check_int(ip_route_set_default_gateway(wire, "gateway"), -1);
    check_str(way("203.0.113.9"), "nowhere");
}

/* A full table, if there is a limit, refuses routes and keeps those it has. */
static void many(void)
{
    int num = 0, ret = 0;

    start();
    add("10.0.0.0", "255.0.0.0", "0.0.0.0", null);
    while (num < 2000 && ret == 0) {
        ip_addr_t network = hton32(0x0b000000 + (num << 8));
        errno = 0;
        ret = ip_route_add(network, address("255.255.255.0"), address("192.0.2.254"), wire);
        num += ret == 0;
    }
    if (ret != 0) {
        check_int(errno, ENOSPC);
    }
    for (int i = 0; i < num; i++) {
        if (strcmp(way_to(hton32(0x0b000001 + (i << 8))), "wire") != 0) {
            fail("ip_route_add has returned 0 for %d routes, but no. %d is not found", num, i + 1);
        }
    }
    check_str(way("10.1.2.3"), "null");
    check_str(way("192.0.2.77"), "wire");
}

static void first_of_equals(void)
{
    start();
    add("10.0.0.0", "255.0.0.0", "192.0.2.254", wire);
    add("10.0.0.0", "255.0.0.0", "0.0.0.0", null);
    check_str(way("10.1.2.3"), "wire");
    add("172.16.0.0", "255.240.0.0", "0.0.0.0", null);
    add("172.16.0.0", "255.240.0.0", "192.0.2.254", wire);
    check_str(way("172.16.2.3"), "null");
}

/* One task runs at a time here, so that a missing lock breaks nothing: ask for it. */
static void locked(void)
{
    unsigned long before, between;

    start();
    before = sim_locks_taken("ip.c");
    add("10.0.0.0", "255.0.0.0", "192.0.2.254", wire);
    between = sim_locks_taken("ip.c");
    check_str(way("10.1.2.3"), "wire");
    if (between == before) {
        fail("ip_route_add changes the table without its lock");
    }
    if (sim_locks_taken("ip.c") == between) {
        fail("ip_route_lookup reads the table without its lock");
    }
}

static void forgotten(void)
{
    start();
    add("10.0.0.0", "255.0.0.0", "192.0.2.254", wire);
    check_int(net_shutdown(), 0);
    start();
    check_str(way("10.1.2.3"), "nowhere");
}

BENCH(16,
      {"the network of an interface needs no added route [1122-3.3.1.1]", connected},
      {"the longest prefix wins, in any order of adding", longest_prefix},
      {"the longest prefix wins for every length", every_prefix},
      {"of two routes to one network, the one added first wins", first_of_equals},
      {"a network may be named by any address in it", any_host_bits},
      {"the table is changed and read under its lock", locked},
      {"a datagram through the gateway has the gateway's hardware address", gateway},
      {"ARP asks for the next hop: gateway or neighbour [1122-3.3.1.1]", gateway_asked_for},
      {"the default gateway is used if no other route matches [1122-3.3.1.2a 1122-3.3.1.6]",
       two_gateways},
      {"an echo from another network is answered through the gateway", echo_through_gateway},
      {"a datagram with a given source is routed too; a foreign source is refused", given_source},
      {"a given source is never replaced [1122-3.2.1.3a]", source_kept},
      {"output without a route fails with ENETUNREACH, and is counted", no_route},
      {"255.255.255.255 from a given source needs no route", broadcast},
      {"255.255.255.255 without a source is not sent to the default gateway",
       broadcast_without_source},
      {"a malformed gateway address is refused", bad_gateway},
      {"a full table refuses routes and keeps those it has", many},
      {"after a restart no added route is left", forgotten})
