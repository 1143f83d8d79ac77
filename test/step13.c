/* Step 13: the ARP cache. Entries are learnt, used, renewed, and expire. */
#include <stdio.h>

#include "arp.h"
#include "bench.h"
#include "ether.h"
#include "ip.h"
#include "net.h"

#define HA "00:00:5e:00:53:" /* and one byte more */
#define ALL "ff:ff:ff:ff:ff:ff"
#define FROM "ether " HA "01 > "

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    check_int(ip_addr_pton(text, &addr), 0);
    return addr;
}

/* Injects a request for our address from 192.0.2.host, whose hardware address ends in ha. */
static void meet(int host, int ha)
{
    char line[128];

    snprintf(line, sizeof(line), "ether " HA "%02x > " ALL " ARP who-has 192.0.2.2 tell 192.0.2.%d",
             ha, host);
    inject(line);
    expect("ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01");
}

/* Ignores requests sent: from step 14 on unknown neighbours are asked for. */
static int resolve(ip_addr_t pa, uint8_t *ha)
{
    int ret = arp_resolve(ip_iface_select(address("192.0.2.2")), pa, ha);

    settle();
    wire_pending(1);
    return ret;
}

/* Returns the last byte of 192.0.2.host's hardware address, or -1 if it is not cached. */
static int known(int host)
{
    uint8_t ha[ETHER_ADDR_LEN];
    char text[32];
    int ret;

    snprintf(text, sizeof(text), "192.0.2.%d", host);
    ret = resolve(address(text), ha);
    if (ret != ARP_RESOLVE_FOUND) {
        return -1;
    }
    check_mem(ha, "\x00\x00\x5e\x00\x53", 5);
    return ha[5];
}

static void send_to(const char *dst)
{
    ip_output(253, (const uint8_t *)"data", 4, IP_ADDR_ANY, address(dst));
}

static void ping(void)
{
    bench_start(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
    expect("ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01");
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56");
    expect(FROM HA "fe "
           "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 56");
}

static void told_apart(void)
{
    bench_start(WIRE_ETHER);
    meet(8, 0x80);
    meet(9, 0x90);
    send_to("192.0.2.8");
    expect(FROM HA "80 IP 192.0.2.2 > 192.0.2.8 proto 253 'data'");
    send_to("192.0.2.9");
    expect(FROM HA "90 IP 192.0.2.2 > 192.0.2.9 proto 253 'data'");
}

static void updated(void)
{
    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    meet(9, 0x91);
    check_int(known(9), 0x91);
    send_to("192.0.2.9");
    expect(FROM HA "91 IP 192.0.2.2 > 192.0.2.9 proto 253 'data'");
}

/* RFC 826's merge flag: any request renews a known sender; only one for our address adds it. */
static void overheard(void)
{
    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    inject("ether " HA "91 > " ALL " ARP who-has 192.0.2.77 tell 192.0.2.9");
    check_int(known(9), 0x91);
    inject("ether " HA "80 > " ALL " ARP who-has 192.0.2.77 tell 192.0.2.8");
    check_int(known(8), -1);
}

static void unknown(void)
{
    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    check_int(known(8), -1);
    send_to("192.0.2.8");
    settle();
    check_counted(ip, received, 0, send_to("192.0.2.8"));
    wire_pending(1);
}

/* From step 14 on it is asked for, and from step 38 on the datagram waits some seconds. */
static void lost(void)
{
    bench_start(WIRE_ETHER);
    if (ip_output(253, (const uint8_t *)"data", 4, IP_ADDR_ANY, address("192.0.2.8")) == -1) {
        check_int(errno, EHOSTUNREACH);
    }
    advance(10000);
    wire_pending(1);
    check_counted(arp, unresolved, 1, (send_to("192.0.2.8"), advance(10000)));
    wire_pending(1);
}

static void without_arp(void)
{
    bench_start(WIRE_RAW);
    send_to("192.0.2.8");
    expect("IP 192.0.2.2 > 192.0.2.8 proto 253 'data'");
}

/* RFC 5227: the sender of a probe has no address yet, so there is nothing to learn. */
static void nobody(void)
{
    uint8_t ha[ETHER_ADDR_LEN];

    bench_start(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 0.0.0.0");
    expect("ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01");
    check_cmp(resolve(IP_ADDR_ANY, ha), !=, ARP_RESOLVE_FOUND);
}

static void broadcast(void)
{
    bench_start(WIRE_ETHER);
    send_to("192.0.2.255");
    expect(FROM ALL " IP 192.0.2.2 > 192.0.2.255 proto 253 'data'");
    ip_output(253, (const uint8_t *)"data", 4, address("192.0.2.2"), IP_ADDR_BROADCAST);
    expect(FROM ALL " IP 192.0.2.2 > 255.255.255.255 proto 253 'data'");
}

static void expires(void)
{
    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    advance(ARP_CACHE_TIMEOUT * 1000 - 1000);
    check_int(known(9), 0x90);
    advance(2500);
    wire_pending(1);
    check_int(known(9), -1);
}

/* RFC 1122 2.3.2.1: even if it is in use. */
static void expires_in_use(void)
{
    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    for (int second = 1; second < ARP_CACHE_TIMEOUT; second++) {
        check_int(known(9), 0x90);
        advance(1000);
    }
    advance(2500);
    wire_pending(1);
    if (known(9) != -1) {
        fail("192.0.2.9 is still found %d seconds after its last message\n"
             "if it expires when it is not in use, arp_resolve has renewed it",
             ARP_CACHE_TIMEOUT + 1);
    }
}

static void renewed(void)
{
    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    advance(ARP_CACHE_TIMEOUT * 1000 - 2000);
    wire_pending(1);
    meet(9, 0x90);
    advance(ARP_CACHE_TIMEOUT * 1000 - 2000);
    wire_pending(1);
    check_int(known(9), 0x90);
}

/* Fills the cache with 32 neighbours (it holds more from step 38 on), 192.0.2.100 first, 100 ms
 * apart. */
static void fill(void)
{
    bench_start(WIRE_ETHER);
    for (int i = 0; i < 32; i++) {
        meet(100 + i, 100 + i);
        advance(100);
    }
}

static void full(void)
{
    fill();
    meet(99, 0x99);
    check_int(known(99), 0x99);
    for (int i = 1; i < 32; i++) {
        check_int(known(100 + i), 100 + i);
    }
}

static void full_renewed(void)
{
    fill();
    meet(100, 0xaa);
    advance(100);
    meet(99, 0x99);
    check_int(known(100), 0xaa);
    check_int(known(99), 0x99);
    for (int i = 2; i < 32; i++) { /* 101 was the oldest, and 100 has one entry */
        check_int(known(100 + i), 100 + i);
    }
}

static void malformed(void)
{
    static const char *const faults[] = {
        "frame.len=27", "arp.hrd=6", "arp.hln=8", "arp.pro=0x86dd", "arp.pln=16",
        "arp.sha=ff:ff:ff:ff:ff:ff", "arp.sha=01:00:5e:00:00:01",
    };

    bench_start(WIRE_ETHER);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        inject_with(faults[i], "ARP who-has 192.0.2.2 tell 192.0.2.9");
    }
    check_int(known(9), -1);
}

/* Operations other than request and reply: those of reverse ARP poison a cache (CVE-2019-12262). */
static void reverse(void)
{
    char fault[32];

    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    for (int op = 3; op <= 4; op++) {
        snprintf(fault, sizeof(fault), "arp.op=%d", op);
        inject_with(fault, "ether " HA "80 > " ALL " ARP who-has 192.0.2.2 tell 192.0.2.8");
        inject_with(fault, "ether " HA "91 > " ALL " ARP who-has 192.0.2.2 tell 192.0.2.9");
    }
    check_int(known(8), -1);
    check_int(known(9), 0x90);
}

/* A message on the second link claims the address of a neighbour on the first. */
static void two_links(void)
{
    struct net_device *first, *second;

    check_int(net_init(), 0);
    first = wire_init(WIRE_ETHER);
    wire_address(first, "192.0.2.2", "255.255.255.0");
    second = wire_init(WIRE_ETHER);
    wire_address(second, "198.51.100.2", "255.255.255.0");
    check_int(net_run(), 0);
    wire_use(first);
    meet(1, 0xfe);
    wire_use(second);
    inject("ether " HA "66 > " ALL " ARP who-has 198.51.100.2 tell 192.0.2.1");
    wire_pending(1);
    send_to("192.0.2.1");
    expect(FROM HA "fe IP 192.0.2.2 > 192.0.2.1 proto 253 'data'");
}

static void forgotten(void)
{
    bench_start(WIRE_ETHER);
    meet(9, 0x90);
    check_int(net_shutdown(), 0);
    bench_start(WIRE_ETHER);
    check_int(known(9), -1);
}

BENCH(13,
      {"a host learnt from its request is sent echo replies [1122-2.3.3d]", ping},
      {"each neighbour learnt from a request has an entry of its own", told_apart},
      {"a new hardware address replaces the old", updated},
      {"a request for another address renews a known sender, adds no unknown one", overheard},
      {"an unknown neighbour is not found", unknown},
      {"a datagram to an unknown neighbour is lost, and counted as unresolved", lost},
      {"a device that needs no ARP needs no cache entry", without_arp},
      {"a probe from 0.0.0.0 is answered, and adds no entry", nobody},
      {"broadcasts need no cache entry [1122-3.3.6b]", broadcast},
      {"an entry is valid until its timeout [1122-2.3.2.1a]", expires},
      {"an entry expires even if it is in use [1122-2.3.2.1a]", expires_in_use},
      {"a renewed entry does not expire", renewed},
      {"the 33rd neighbour is learnt, and evicts at most the oldest", full},
      {"a renewed entry is not evicted as the oldest", full_renewed},
      {"a malformed message adds no entry", malformed},
      {"an operation other than request and reply changes no entry", reverse},
      {"a message on one link changes no entry of another", two_links},
      {"after a restart the cache is empty", forgotten})
