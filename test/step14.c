/* Step 14: ARP resolution. Unknown neighbours are asked for, at most once a second. */
#include <stdio.h>

#include "arp.h"
#include "bench.h"
#include "ether.h"
#include "ip.h"
#include "net.h"

#define ASKED "ARP who-has 192.0.2.1 tell 192.0.2.2"
#define ANSWER "ARP reply 192.0.2.1 is-at 00:00:5e:00:53:fe"
#define ARRIVED "ether 00:00:5e:00:53:01 > 00:00:5e:00:53:fe " \
                "IP 192.0.2.2 > 192.0.2.1 proto 253 'data'"

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    check_int(ip_addr_pton(text, &addr), 0);
    return addr;
}

static void send_to(const char *dst)
{
    ip_output(253, (const uint8_t *)"data", 4, IP_ADDR_ANY, address(dst));
    settle();
}

static int resolve(const char *dst, uint8_t *ha)
{
    return arp_resolve(ip_iface_select(address("192.0.2.2")), address(dst), ha);
}

/* Injects a reply, and ignores datagrams that waited for it (step 38). */
static void answer(const char *line)
{
    inject(line);
    wire_pending(1);
}

static void request(void)
{
    bench_start(WIRE_ETHER);
    check_counted(arp, requests_sent, 1, send_to("192.0.2.1"));
    expect("ether 00:00:5e:00:53:01 > ff:ff:ff:ff:ff:ff " ASKED);
    expect_nothing(0);
}

/* The driver may be slow, and another thread may call ARP meanwhile. */
static void ask_meanwhile(const struct net_device *dev, enum net_direction direction,
                          uint16_t type, const uint8_t *message, size_t len)
{
    uint8_t ha[ETHER_ADDR_LEN];

    (void)dev;
    (void)message;
    (void)len;
    if (direction == NET_OUT && type == NET_PROTOCOL_TYPE_ARP) {
        check_int(resolve("192.0.2.1", ha), ARP_RESOLVE_INCOMPLETE);
    }
}

static void without_lock(void)
{
    uint8_t ha[ETHER_ADDR_LEN];

    bench_start(WIRE_ETHER);
    net_set_capture(ask_meanwhile);
    check_int(resolve("192.0.2.1", ha), ARP_RESOLVE_INCOMPLETE);
    expect(ASKED);
    expect_nothing(0);
}

static void refused(void)
{
    uint8_t ha[ETHER_ADDR_LEN];

    bench_start(WIRE_ETHER);
    wire_fail_output(1);
    errno = 0;
    check_int(resolve("192.0.2.1", ha), ARP_RESOLVE_ERROR);
    check_cmp(errno, !=, 0); /* the device's */
    check_int(ip_output(253, (const uint8_t *)"data", 4, IP_ADDR_ANY, address("192.0.2.8")), -1);
    wire_fail_output(0);
}

/* Does a datagram wait until the neighbour answers? From step 38 on it does. */
static int waits(void)
{
    send_to("192.0.2.8");
    wire_pending(1);
    inject("ARP reply 192.0.2.8 is-at 00:00:5e:00:53:fe");
    return wire_pending(1) > 0;
}

/* Once for each call, also if the request fails. A datagram that may wait counts only as failed. */
static void refused_counted(void)
{
    bench_start(WIRE_ETHER);
    int unresolved = !waits();
    wire_fail_output(1);
    check_counted(ip, send_failed, 1, send_to("192.0.2.1"));
    check_counted(arp, unresolved, unresolved, send_to("192.0.2.3"));
    wire_fail_output(0);
}

/* As failed; from step 38 on the datagram waits, and is counted as sent. */
static void counted(void)
{
    struct ip_stats stats;

    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    send_to("192.0.2.1");
    expect(ASKED);
    ip_get_stats(&stats);
    check_int(stats.send_failed + stats.sent, 2);
}

/* RFC 1122 2.4: no Destination Unreachable, and no errno either. */
static void not_an_error(void)
{
    bench_start(WIRE_ETHER);
    check_int(ip_output(253, (const uint8_t *)"data", 4, IP_ADDR_ANY, address("192.0.2.1")), 4);
    expect(ASKED);
    check_int(ip_output(253, (const uint8_t *)"data", 4, IP_ADDR_ANY, address("192.0.2.1")), 4);
    expect_nothing(0);
}

static void by_hand(void)
{
    static const uint8_t want[60] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x08, 0x06,
        0x00, 0x01, 0x08, 0x00, 6,    4,    0x00, 0x01,
        0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 192,  0,    2,    2,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 192,  0,    2,    1,
    };

    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect_bytes(want, sizeof(want));
}

static void next_goes_out(void)
{
    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect(ASKED);
    answer(ANSWER);
    send_to("192.0.2.1");
    expect(ARRIVED);
}

static void not_one_a_datagram(void)
{
    bench_start(WIRE_ETHER);
    for (int i = 0; i < 10; i++) {
        send_to("192.0.2.1");
    }
    expect(ASKED);
    expect_nothing(0);
}

static void once_a_second(void)
{
    size_t requests = 0;

    bench_start(WIRE_ETHER);
    for (int i = 0; i < 35; i++) { /* 3.5 seconds */
        send_to("192.0.2.1");
        requests += wire_pending(1);
        advance(100);
    }
    check_range(requests, 3, 4);
}

static void each_address(void)
{
    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect(ASKED);
    send_to("192.0.2.8");
    expect("ARP who-has 192.0.2.8 tell 192.0.2.2");
    send_to("192.0.2.1");
    send_to("192.0.2.8");
    expect_nothing(0);
}

static void states(void)
{
    uint8_t ha[ETHER_ADDR_LEN];

    bench_start(WIRE_ETHER);
    check_int(resolve("192.0.2.1", ha), ARP_RESOLVE_INCOMPLETE);
    expect(ASKED);
    check_int(resolve("192.0.2.1", ha), ARP_RESOLVE_INCOMPLETE);
    expect_nothing(0);
    answer(ANSWER);
    check_int(resolve("192.0.2.1", ha), ARP_RESOLVE_FOUND);
    check_mem(ha, "\x00\x00\x5e\x00\x53\xfe", ETHER_ADDR_LEN);
    expect_nothing(0);
}

static void wrong_answers(void)
{
    uint8_t ha[ETHER_ADDR_LEN];

    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect(ASKED);
    answer("ARP reply 192.0.2.8 is-at 00:00:5e:00:53:fe");
    inject_with("arp.sha=ff:ff:ff:ff:ff:ff", ANSWER);
    inject_with("arp.sha=00:00:00:00:00:00", ANSWER);
    inject_with("arp.hrd=6", ANSWER);
    inject_with("arp.pln=16", ANSWER);
    inject_with("frame.len=27", ANSWER);
    check_int(resolve("192.0.2.1", ha), ARP_RESOLVE_INCOMPLETE);
    expect_nothing(0);
}

static void answered_by_asking(void)
{
    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect(ASKED);
    answer("ARP who-has 192.0.2.2 tell 192.0.2.1");
    send_to("192.0.2.1");
    expect(ARRIVED);
}

static void after_silence(void)
{
    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect(ASKED);
    advance(120 * 1000);
    wire_pending(1);
    send_to("192.0.2.1");
    expect(ASKED);
    answer(ANSWER);
    send_to("192.0.2.1");
    expect(ARRIVED);
}

static void after_expiry(void)
{
    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect(ASKED);
    answer(ANSWER);
    advance(ARP_CACHE_TIMEOUT * 1000 + 1500);
    wire_pending(1);
    send_to("192.0.2.1");
    expect(ASKED);
}

/* Use says nothing about the neighbour: only its messages renew its entry. */
static void not_renewed_by_use(void)
{
    uint8_t ha[ETHER_ADDR_LEN];

    bench_start(WIRE_ETHER);
    send_to("192.0.2.1");
    expect(ASKED);
    answer(ANSWER);
    for (int second = 0; second < ARP_CACHE_TIMEOUT; second++) {
        send_to("192.0.2.1");
        expect(ARRIVED);
        advance(1000);
        wire_pending(1);
    }
    advance(2500);
    wire_pending(1);
    if (resolve("192.0.2.1", ha) == ARP_RESOLVE_FOUND) {
        fail("192.0.2.1 is still resolved %d seconds after its last message\n"
             "a datagram to it has renewed its entry", ARP_CACHE_TIMEOUT + 2);
    }
    expect(ASKED);
}

/* More unanswered addresses than the cache holds before step 38. */
static void many_unanswered(void)
{
    char text[32];

    bench_start(WIRE_ETHER);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "192.0.2.%d", 100 + i);
        send_to(text);
        advance(100);
    }
    wire_pending(1);
    send_to("192.0.2.1");
    expect(ASKED);
    answer(ANSWER);
    send_to("192.0.2.1");
    expect(ARRIVED);
}

BENCH(14,
      {"a datagram to an unknown neighbour sends one broadcast request", request},
      {"the request equals the one worked out by hand", by_hand},
      {"arp_resolve returns INCOMPLETE until the reply arrives", states},
      {"a request goes out without ARP's lock", without_lock},
      {"a request that the device refuses is an error", refused},
      {"a datagram whose request the device refuses is counted once", refused_counted},
      {"an unresolved address is no error [1122-2.4c]", not_an_error},
      {"each datagram to an unknown neighbour is counted", counted},
      {"after the reply the next datagram is sent [1122-2.3.3d]", next_goes_out},
      {"ten datagrams at once send one request [1122-2.3.2.1b M-6]", not_one_a_datagram},
      {"a datagram every tenth of a second sends one request a second [1122-2.3.2.1b]",
       once_a_second},
      {"each address has its own request", each_address},
      {"a reply for another address or a malformed one does not resolve", wrong_answers},
      {"a request for our address resolves its sender too", answered_by_asking},
      {"an address long unresolved is asked for again", after_silence},
      {"an address is asked for again once its entry has expired", after_expiry},
      {"a datagram to a known neighbour does not renew its entry [1122-2.3.2.1a]",
       not_renewed_by_use},
      {"many unanswered addresses do not keep others from being resolved", many_unanswered})
