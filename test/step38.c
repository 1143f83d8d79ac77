/* Step 38: ARP with manners. Datagrams wait for resolution, and a flood does not spoil the
 * cache. */
#include <stdio.h>

#include "arp.h"
#include "bench.h"
#include "endp.h"
#include "ether.h"
#include "ip.h"
#include "net.h"
#include "platform.h"

#define HA "00:00:5e:00:53:" /* and a last byte */
#define ALL "ff:ff:ff:ff:ff:ff"
#define FROM_US "ether " HA "01 > "
#define ASKED "ARP who-has 192.0.2.1 tell 192.0.2.2"
#define ANSWER "ARP reply 192.0.2.1 is-at " HA "fe"
#define REPLY "ARP reply 192.0.2.2 is-at " HA "01"
#define ANNOUNCEMENT FROM_US ALL " ARP who-has 192.0.2.2 tell 192.0.2.2"
#define ARRIVED FROM_US HA "fe IP 192.0.2.2 > 192.0.2.1 proto 253 "
#define MANY 10000
#define SOME 32 /* neighbours */

static struct ip_iface *wire(void)
{
    return ip_iface_select(addr("192.0.2.2"));
}

static ssize_t send_text(const char *dst, const char *text)
{
    ssize_t ret = ip_output(253, (const uint8_t *)text, strlen(text), IP_ADDR_ANY, addr(dst));

    settle();
    return ret;
}

/* 192.0.2.host, with the hardware address HA ha, asks for our address and is answered. */
static void asks(int host, int ha)
{
    char line[128];

    snprintf(line, sizeof(line), "ether " HA "%02x > " ALL " ARP who-has 192.0.2.2 tell 192.0.2.%d",
             ha, host);
    inject(line);
    expect(REPLY);
}

/*
 * A network with more neighbours than cache entries; our address is 10.0.0.2
 */
static struct net_iface *start_large(void)
{
    struct net_device *dev;
    struct ip_iface *iface;

    check_int(net_init(), 0);
    dev = wire_init(WIRE_ETHER);
    iface = wire_address(dev, "10.0.0.2", "255.255.0.0");
    check_int(net_run(), 0);
    return NET_IFACE(iface);
}

/* The n-th neighbour. */
static const char *neighbour(int n)
{
    static char text[IP_ADDR_STR_LEN];

    snprintf(text, sizeof(text), "10.0.%d.%d", 1 + n / 256, n % 256);
    return text;
}

/* num neighbours from first on ask for our address and are answered. */
static void many_ask(int first, int num)
{
    char line[128];

    for (int n = first; n < first + num; n++) {
        snprintf(line, sizeof(line), "ARP who-has 10.0.0.2 tell %s", neighbour(n));
        inject(line);
        expect("ARP reply 10.0.0.2 is-at " HA "01");
    }
}

/* num neighbours from first on ping our address, are resolved, and get their replies. */
static void many_ping(int first, int num)
{
    char line[128];

    for (int n = first; n < first + num; n++) {
        snprintf(line, sizeof(line), "IP %s > 10.0.0.2 ICMP echo id 1 seq 1", neighbour(n));
        inject(line);
        snprintf(line, sizeof(line), FROM_US HA "fe IP 10.0.0.2 > %s ICMP echo-reply id 1 seq 1",
                 neighbour(n));
        expect(line);
    }
}

/* The last byte of 192.0.2.host's hardware address, or -1. Discards the request this may send. */
static int known(int host)
{
    uint8_t ha[ETHER_ADDR_LEN];
    char text[32];
    int ret;

    snprintf(text, sizeof(text), "192.0.2.%d", host);
    ret = arp_resolve(wire(), addr(text), ha);
    settle();
    wire_pending(1);
    return ret == ARP_RESOLVE_FOUND ? ha[5] : -1;
}

static void in_order(void)
{
    bench_start(WIRE_ETHER);
    check_counted(ip, sent, 1, send_text("192.0.2.1", "one"));
    check_counted(ip, send_failed, 0, send_text("192.0.2.1", "two"));
    expect(ASKED);
    expect_nothing(100);
    check_counted(arp, released, 2, inject(ANSWER));
    expect(ARRIVED "'one'");
    expect(ARRIVED "'two'");
    send_text("192.0.2.1", "three");
    expect(ARRIVED "'three'");
}

static void each_its_own(void)
{
    bench_start(WIRE_ETHER);
    send_text("192.0.2.1", "one");
    send_text("192.0.2.8", "eight");
    check_int(wire_pending(1), 2);
    inject("ARP reply 192.0.2.8 is-at " HA "80");
    expect(FROM_US HA "80 IP 192.0.2.2 > 192.0.2.8 proto 253 'eight'");
    expect_nothing(0);
    inject(ANSWER);
    expect(ARRIVED "'one'");
}

/* Twenty at once through an unresolved gateway. */
static void through_gateway(void)
{
    char text[128];

    bench_start(WIRE_ETHER);
    check_int(ip_route_set_default_gateway(ip_iface_select(addr("192.0.2.2")), "192.0.2.1"), 0);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "198.51.100.%d", 1 + i);
        check_int(send_text(text, "hello"), 5);
    }
    expect(ASKED);
    inject(ANSWER);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), FROM_US HA "fe IP 192.0.2.2 > 198.51.100.%d proto 253 'hello'",
                 1 + i);
        expect(text);
    }
}

/* As many as fit into ARP_WAIT_BYTES. */
static void only_the_latest(void)
{
    size_t num, bytes;
    char text[128];

    bench_start(WIRE_ETHER);
    bytes = memory_peak_bytes(1);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "%05d", i);
        check_int(send_text("192.0.2.1", text), 5);
    }
    expect(ASKED);
    check_cmp(memory_peak_bytes(0) - bytes, <, ARP_WAIT_BYTES + 5000);
    inject(ANSWER);
    num = wire_pending(0);
    check_cmp(num, >=, ARP_WAIT_BYTES / 100);
    for (size_t i = MANY - num; i < MANY; i++) {
        snprintf(text, sizeof(text), ARRIVED "'%05zu'", i);
        expect(text);
    }
}

static void only_as_many_bytes(void)
{
    static char text[1461];

    memset(text, 'x', sizeof(text) - 1);
    bench_start(WIRE_ETHER);
    for (int i = 0; i < 100; i++) {
        check_int(send_text("192.0.2.1", text), 1460);
    }
    expect(ASKED);
    inject(ANSWER);
    check_cmp(wire_pending(0), >=, 40);
    check_cmp(wire_pending(0) * 1480, <=, ARP_WAIT_BYTES);
    wire_pending(1);
}

/* A flood of datagrams to hundreds of absent hosts: a datagram that waits alone for another
 * neighbour is kept, and the memory is bounded. */
static void bound_for_all(void)
{
    static char text[1401];
    size_t bytes;

    memset(text, 'x', sizeof(text) - 1);
    bench_start(WIRE_ETHER);
    send_text("192.0.2.1", "one");
    expect(ASKED);
    bytes = memory_peak_bytes(1);
    for (int i = 0; i < 10000; i++) {
        char dst[32];

        snprintf(dst, sizeof(dst), "192.0.2.%d", 10 + i % 200);
        send_text(dst, text);
        wire_pending(1);
    }
    check_cmp(memory_peak_bytes(0) - bytes, <, ARP_WAIT_BYTES_ALL + 300000);
    inject(ANSWER);
    expect(ARRIVED "'one'");
    inject("ARP reply 192.0.2.209 is-at " HA "80");
    check_cmp(wire_pending(1), >=, 5);
}

static void overflow_counts(void)
{
    struct arp_stats stats;

    bench_start(WIRE_ETHER);
    for (int i = 0; i < 100; i++) {
        send_text("192.0.2.1", "data");
    }
    inject(ANSWER);
    arp_get_stats(&stats);
    check_int(stats.waited, 100);
    check_int(stats.released + stats.wait_full, 100);
    check_int(wire_pending(1), 1 + stats.released);
}

static lock_t lock = LOCK_INITIALIZER;
static struct sched_task gate; /* holds two tasks until both may run */
static struct net_device *device;
static int sought; /* the neighbour is 192.0.2.sought */

static void pass_gate(void)
{
    lock_acquire(&lock);
    check_int(sched_task_sleep(&gate, &lock, 0), 0);
    lock_release(&lock);
}

static void sends_one(void *arg)
{
    pass_gate();
    check_int(ip_output(253, (const uint8_t *)"data", 4, IP_ADDR_ANY, addr(arg)), 4);
}

static void answers(void *arg)
{
    uint8_t reply[28] = {0, 1, 8, 0, 6, 4, 0, 2, 0, 0, 0x5e, 0, 0x53, 0xfe, 192, 0, 2, 0,
                         0, 0, 0x5e, 0, 0x53, 1, 192, 0, 2, 2};

    (void)arg;
    pass_gate();
    reply[17] = (uint8_t)sought;
    for (int i = 0; i < sought % 8; i++) { /* lets the sender run */
        lock_acquire(&lock);
        lock_release(&lock);
    }
    check_int(net_input(NET_PROTOCOL_TYPE_ARP, reply, sizeof(reply), device), 0);
}

/* The reply arrives while the datagram is being sent; in some of the tries, between the lookup in
 * the cache and the wait. */
static void answered_meanwhile(void)
{
    char dst[32], line[128];
    struct arp_stats stats;
    uint64_t early;

    device = bench_start(WIRE_ETHER);
    arp_get_stats(&stats);
    early = stats.unsolicited;
    sched_task_init(&gate);
    for (sought = 10; sought < 250; sought++) {
        snprintf(dst, sizeof(dst), "192.0.2.%d", sought);
        task_start("sender", sends_one, dst);
        task_start("neighbour", answers, NULL);
        lock_acquire(&lock);
        sched_task_wakeup(&gate);
        lock_release(&lock);
        settle();
        snprintf(line, sizeof(line), "ARP who-has %s tell 192.0.2.2", dst);
        expect(line);
        arp_get_stats(&stats);
        if (stats.unsolicited > early) { /* the reply came before the request */
            early++;
            snprintf(line, sizeof(line), "ARP reply %s is-at " HA "fe", dst);
            inject(line);
        }
        snprintf(line, sizeof(line), FROM_US HA "fe IP 192.0.2.2 > %s proto 253 'data'", dst);
        expect(line);
        expect_nothing(0);
    }
}

/* RFC 1122 2.4: a missing entry does not make the destination unreachable. */
static void no_answer(void)
{
    size_t before;

    bench_start(WIRE_ETHER);
    before = memory_in_use();
    check_int(send_text("192.0.2.1", "lost"), 4);
    check_int(send_text("192.0.2.1", "lost"), 4);
    check_cmp(memory_in_use(), >, before);
    check_counted(arp, unresolved, 2, advance(10000));
    check_int(memory_in_use(), before);
    wire_pending(1);
    inject(ANSWER);
    expect_nothing(5000);
    send_text("192.0.2.1", "new");
    expect(ASKED);
    inject(ANSWER);
    expect(ARRIVED "'new'");
}

static void asked_again(void)
{
    bench_start(WIRE_ETHER);
    send_text("192.0.2.1", "data");
    expect(ASKED);
    expect_nothing(990);
    expect_within(1100, FROM_US ALL " " ASKED);
    inject(ANSWER);
    expect(ARRIVED "'data'");
    expect_nothing(5000);
}

/* A datagram every millisecond for ten seconds, and then none. */
static void once_a_second(void)
{
    uint64_t last = 0;
    size_t requests = 0;

    bench_start(WIRE_ETHER);
    for (int i = 0; i < MANY; i++) {
        send_text("192.0.2.1", "data");
        advance(1);
        if (wire_pending(1) > 0) {
            check(requests == 0 || now_ms() - last >= 999);
            last = now_ms();
            requests++;
        }
    }
    check_range(requests, 5, 11);
    advance(60000);
    check_cmp(wire_pending(1), <=, 3);
}

/* Pings from 100 absent hosts, ten a second each: a host causes one request a second, or two with
 * the timer's, and not one for each ping. */
static void once_a_second_each(void)
{
    char line[128];

    bench_start(WIRE_ETHER);
    for (int i = 0; i < 50; i++) {
        for (int host = 10; host < 110; host++) {
            snprintf(line, sizeof(line), "IP 192.0.2.%d > 192.0.2.2 ICMP echo id 1 seq 1", host);
            inject(line);
        }
        advance(100);
        if (i % 10 == 9) {
            /* per second: one request each, and one by the timer */
            check_cmp(wire_pending(1), <=, 200);
        }
    }
}

static void waiting_at_shutdown(void)
{
    bench_start(WIRE_ETHER);
    send_text("192.0.2.1", "data");
    send_text("192.0.2.8", "data");
    wire_pending(1);
    check_int(net_shutdown(), 0);
    check_int(memory_in_use(), 0);
    bench_start(WIRE_ETHER);
    inject(ANSWER);
    expect_nothing(0);
}

static void no_memory(void)
{
    bench_start(WIRE_ETHER);
    for (unsigned long k = 1; k <= 3; k++) {
        sim_fail_alloc(k);
        send_text("192.0.2.1", "data");
        sim_fail_alloc(0);
        send_text("192.0.2.1", "next");
        expect(ASKED);
        inject(ANSWER);
        while (wire_pending(0) > 1) {
            expect(ARRIVED "'data'");
        }
        expect(ARRIVED "'next'");
        advance((ARP_CACHE_TIMEOUT + 2) * 1000);
        wire_pending(1);
    }
}

static void unsolicited(void)
{
    bench_start(WIRE_ETHER);
    check_counted(arp, unsolicited, 1, inject("ARP reply 192.0.2.9 is-at " HA "90"));
    inject_with("arp.tpa=192.0.2.9, ether.dst=" ALL, "ARP reply 192.0.2.9 is-at " HA "90");
    inject("ARP who-has 192.0.2.9 tell 192.0.2.9");
    expect_nothing(0);
    check_int(known(9), -1);
}

static void updates(void)
{
    bench_start(WIRE_ETHER);
    asks(9, 0x90);
    check_counted(arp, changed, 0, asks(9, 0x90));
    check_counted(arp, changed, 1, inject("ARP reply 192.0.2.9 is-at " HA "91"));
    check(logged("192.0.2.9") && logged("00:00:5e:00:53:90") && logged("00:00:5e:00:53:91"));
    check_int(known(9), 0x91);
    check_counted(arp, changed, 1,
                  inject("ether " HA "92 > " ALL " ARP who-has 192.0.2.9 tell 192.0.2.9"));
    check_int(known(9), 0x92);
}

static void warned_in_measure(void)
{
    char line[128];

    bench_start(WIRE_ETHER);
    asks(9, 0x90);
    log_clear();
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "ARP reply 192.0.2.9 is-at " HA "%02x", 0x91 + i % 2);
        check_counted(arp, changed, 1, inject(line));
    }
    check_int(logged_times("[W]"), 1);
}

/* num other hosts, of 198.18.0.0/16, ask for our address. */
static void flood(int num)
{
    char line[128];

    for (int i = 0; i < num; i++) {
        snprintf(line, sizeof(line), "ARP who-has 192.0.2.2 tell 198.18.%d.%d", i >> 8, i & 0xff);
        inject(line);
        wire_pending(1);
    }
}

static void gateway_kept(void)
{
    bench_start(WIRE_ETHER);
    asks(1, 0xfe);
    send_text("192.0.2.1", "before");
    expect(ARRIVED "'before'");
    flood(2000);
    send_text("192.0.2.1", "after");
    expect(ARRIVED "'after'");
}

/* Requests for another host and unsolicited replies: none adds an entry. */
static void other_requests(void)
{
    char line[128];

    bench_start(WIRE_ETHER);
    for (int i = 0; i < SOME; i++) {
        asks(100 + i, 100 + i);
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(line, sizeof(line), "ARP who-has 192.0.2.77 tell 198.18.%d.%d", i >> 8, i & 0xff);
        inject(line);
        snprintf(line, sizeof(line), "ARP reply 198.19.%d.%d is-at " HA "aa", i >> 8, i & 0xff);
        inject(line);
    }
    for (int i = 0; i < SOME; i++) {
        check_int(known(100 + i), 100 + i);
    }
}

/* Sends to num absent neighbours. */
static void call(int num)
{
    char text[32];

    for (int i = 0; i < num; i++) {
        snprintf(text, sizeof(text), "192.0.2.%d", 20 + i);
        send_text(text, "data");
    }
    wire_pending(1);
}

static void many_in_use(void)
{
    start_large();
    wire_answer_arp(1);
    check_counted(arp, requests_sent, 500, many_ping(0, 500));
    for (int second = 1; second < 10; second++) {
        advance(1000);
        check_counted(arp, requests_sent, 0, many_ping(0, 500));
    }
}

/* Resolved neighbours, idle by now, and a flood of datagrams to absent ones. */
static void unresolved_first(void)
{
    size_t memory;

    start_large();
    wire_answer_arp(1);
    many_ping(0, SOME);
    advance(15000);
    wire_answer_arp(0);
    memory = memory_in_use();
    for (int n = SOME; n < 3000; n++) {
        send_text(neighbour(n), "data");
    }
    check_cmp(memory_in_use(), <=, memory + 4 * ARP_CACHE_SIZE);
    wire_pending(1);
    check_counted(arp, requests_sent, 0, many_ping(0, SOME));
    wire_answer_arp(1);
    many_ping(4000, 1);
}

/* The same in a flood of requests for our address. */
static void learned_first(void)
{
    size_t memory;

    start_large();
    wire_answer_arp(1);
    many_ping(0, SOME);
    advance(15000);
    memory = memory_in_use();
    many_ask(SOME, 3000);
    check_cmp(memory_in_use(), <, memory + ARP_CACHE_SIZE);
    check_counted(arp, requests_sent, 0, many_ping(0, SOME));
    check_counted(arp, requests_sent, 1, many_ping(4000, 1));
}

/* A full table, and more requests for our address: a reply finds its pending entry. */
static void answer_in_a_flood(void)
{
    bench_start(WIRE_ETHER);
    flood(2 * ARP_CACHE_SIZE);
    send_text("192.0.2.1", "data");
    expect(ASKED);
    flood(2000);
    call(100);
    flood(2000);
    inject(ANSWER);
    expect(ARRIVED "'data'");
}

/* A table full of neighbours that have answered, idle by now: one of the two that have not answered
 * yet is not evicted for the other. */
static void few_pending(void)
{
    char line[128];

    start_large();
    wire_answer_arp(1);
    many_ping(0, ARP_CACHE_SIZE);
    wire_answer_arp(0);
    advance(15000);
    send_text(neighbour(4000), "data");
    send_text(neighbour(4001), "other");
    wire_pending(1);
    snprintf(line, sizeof(line), "ARP reply %s is-at " HA "fe", neighbour(4000));
    inject(line);
    snprintf(line, sizeof(line), FROM_US HA "fe IP 10.0.0.2 > %s proto 253 'data'",
             neighbour(4000));
    expect(line);
}

/* All entries are resolved and in use: none is evicted, and no neighbour is added until one has
 * been idle for a while. */
static void all_in_use(void)
{
    start_large();
    wire_answer_arp(1);
    many_ping(0, ARP_CACHE_SIZE);
    check_counted(arp, no_room, 1, many_ask(2000, 1));
    check_counted(arp, no_room, 1, check_error(send_text(neighbour(2001), "data"), ENOBUFS));
    check_counted(arp, requests_sent, 0, many_ping(0, ARP_CACHE_SIZE));
    advance(5000);
    many_ping(1, ARP_CACHE_SIZE - 1);
    advance(5000);
    check_counted(arp, requests_sent, 1, many_ping(2001, 1));
    check_counted(arp, requests_sent, 0, many_ping(1, ARP_CACHE_SIZE - 1));
    check_counted(arp, no_room, 1, check_error(send_text(neighbour(0), "data"), ENOBUFS));
}

/* Entries learned from requests are evicted for destinations of our datagrams. */
static void clients_in_use(void)
{
    start_large();
    many_ask(0, ARP_CACHE_SIZE);
    wire_answer_arp(1);
    check_counted(arp, requests_sent, 0, many_ping(0, ARP_CACHE_SIZE));
    check_counted(arp, no_room, 1, many_ask(2000, 1));
    check_counted(arp, requests_sent, 1, many_ping(2001, 1));
    check_counted(arp, requests_sent, 1, many_ping(0, 1)); /* the one evicted */
    check_counted(arp, requests_sent, 0, many_ping(2, ARP_CACHE_SIZE - 2));
}

static void fixed(void)
{
    size_t memory;

    bench_start(WIRE_ETHER);
    check_int(arp_cache_add_static(wire(), addr("192.0.2.1"),
                                   (const uint8_t *)"\x00\x00\x5e\x00\x53\x11"), 0);
    memory = memory_in_use();
    check_counted(arp, static_kept, 0, asks(1, 0x11));
    check_counted(arp, static_kept, 1, asks(1, 0xbb));
    check_counted(arp, static_kept, 1, inject("ARP reply 192.0.2.1 is-at " HA "bb"));
    check_int(memory_in_use(), memory); /* no second entry */
    check_int(known(1), 0x11);
    flood(100);
    call(100);
    advance(1000 * ARP_CACHE_TIMEOUT * 3);
    wire_pending(1);
    send_text("192.0.2.1", "data");
    expect(FROM_US HA "11 IP 192.0.2.2 > 192.0.2.1 proto 253 'data'");
}

/* A static entry can be replaced, releases waiting datagrams, and leaves room for other entries. */
static void fixed_anew(void)
{
    static const uint8_t first[] = {0, 0, 0x5e, 0, 0x53, 0xfe}, next[] = {0, 0, 0x5e, 0, 0x53, 1};
    int ret = 0;

    bench_start(WIRE_ETHER);
    send_text("192.0.2.1", "data");
    expect(ASKED);
    check_int(arp_cache_add_static(wire(), addr("192.0.2.1"), next), 0);
    expect("ether " HA "01 > " HA "01 IP 192.0.2.2 > 192.0.2.1 proto 253 'data'");
    check_int(arp_cache_add_static(wire(), addr("192.0.2.1"), first), 0);
    check_int(known(1), 0xfe);
    errno = 0;
    for (int i = 0; i < ARP_CACHE_SIZE && ret == 0; i++) {
        ret = arp_cache_add_static(wire(), addr(neighbour(i)), first);
    }
    check_int(ret, -1);
    check_int(errno, ENOSPC);
    asks(9, 0x90);
    check_int(known(9), 0x90);
    check_int(arp_cache_add_static(wire(), addr("192.0.2.1"), next), 0);
    check_int(known(1), 1);
    check_int(net_shutdown(), 0);
    bench_start(WIRE_ETHER);
    check_int(known(1), -1);
}

#define CONFLICT "ether " HA "66 > " ALL " ARP who-has 192.0.2.9 tell 192.0.2.2"

static void conflict(void)
{
    bench_start(WIRE_ETHER);
    check_counted(arp, conflict, 1, inject(CONFLICT));
    expect(ANNOUNCEMENT);
    check(logged("192.0.2.2") && logged("00:00:5e:00:53:66"));
    check_counted(arp, conflict, 1, inject("ARP reply 192.0.2.2 is-at " HA "66"));
    inject("ether " HA "66 > " ALL " ARP who-has 192.0.2.2 tell 192.0.2.2");
    for (int second = 0; second < 9; second++) {
        check_counted(arp, announcements_sent, 0, inject(CONFLICT));
        expect_nothing(1000);
    }
    advance(1000);
    check_counted(arp, announcements_sent, 1, inject(CONFLICT));
    expect(ANNOUNCEMENT);
    expect_nothing(0);
    check_int(known(2), -1);
}

static void invalid_senders(void)
{
    static const char *const senders[] = {
        "192.0.2.255", "255.255.255.255", "224.0.0.1", "239.1.2.3", "0.0.0.1", "127.0.0.1",
    };
    uint8_t ha[ETHER_ADDR_LEN];
    char line[128];

    bench_start(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 0.0.0.0");
    expect(REPLY);
    for (size_t i = 0; i < sizeof(senders) / sizeof(*senders); i++) {
        snprintf(line, sizeof(line), "ARP who-has 192.0.2.2 tell %s", senders[i]);
        inject(line);
        wire_pending(1);
        check_cmp(arp_resolve(wire(), addr(senders[i]), ha), !=, ARP_RESOLVE_FOUND);
        wire_pending(1);
    }
    check_cmp(arp_resolve(wire(), IP_ADDR_ANY, ha), !=, ARP_RESOLVE_FOUND);
    wire_pending(1);
}

/* Invalid sender addresses: broadcast, multicast, zero, our own. */
static void bad_sender(void)
{
    static const char *const faults[] = {
        "arp.sha=" ALL, "arp.sha=01:00:5e:00:00:01", "arp.sha=00:00:00:00:00:00",
        "arp.sha=" HA "01",
    };

    bench_start(WIRE_ETHER);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        check_counted(arp, bad_sender, 1,
                      inject_with(faults[i], "ARP who-has 192.0.2.2 tell 192.0.2.9"));
    }
    expect_nothing(0);
    check_int(known(9), -1);
}

static void bad_frame(void)
{
    static const char *const faults[] = {
        "ether.src=" ALL, "ether.src=01:00:5e:00:00:01", "ether.src=" HA "01",
    };

    bench_start(WIRE_ETHER);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        check_counted(ether, bad_source, 1,
                      inject_with(faults[i], "ARP who-has 192.0.2.2 tell 192.0.2.9"));
    }
    expect_nothing(0);
    check_int(known(9), -1);
}

static void malformed(void)
{
    static const char *const faults[] = {
        "arp.hln=0", "arp.hln=5", "arp.hln=7", "arp.hln=255", "arp.pln=0", "arp.pln=3", "arp.pln=5",
        "arp.pln=255", "arp.hrd=6", "arp.pro=0x86dd",
    };
    char fault[32];

    bench_start(WIRE_ETHER);
    send_text("192.0.2.1", "data");
    expect(ASKED);
    for (int len = 0; len < 28; len++) {
        snprintf(fault, sizeof(fault), "frame.len=%d", len);
        check_counted(arp, too_short, 1, inject_with(fault, ANSWER));
    }
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        inject_with(faults[i], ANSWER);
        inject_with(faults[i], "ARP who-has 192.0.2.2 tell 192.0.2.1");
    }
    expect_nothing(0);
    inject(ANSWER);
    expect(ARRIVED "'data'");
}

static void expires(void)
{
    bench_start(WIRE_ETHER);
    asks(9, 0x90);
    for (int second = 1; second < ARP_CACHE_TIMEOUT; second++) {
        check_int(known(9), 0x90);
        advance(1000);
    }
    advance(2500);
    check_int(known(9), -1);
}

/* Five minutes of ten datagrams a second: none waits, none is lost. Now and then the neighbour gets
 * a unicast request. */
static void stream(void)
{
    int asked = 0;

    bench_start(WIRE_ETHER);
    asks(1, 0xfe);
    for (int i = 0; i < 5 * 60 * 10; i++) {
        check_counted(arp, waited, 0, send_text("192.0.2.1", "data"));
        expect(ARRIVED "'data'");
        advance(100);
        if (wire_pending(0) > 0) {
            expect(FROM_US HA "fe " ASKED);
            inject(ANSWER);
            asked++;
        }
    }
    check_range(asked, 5 * 60 / ARP_CACHE_TIMEOUT, 15);
}

/* A datagram every 20 seconds counts as use. */
static void trickle(void)
{
    bench_start(WIRE_ETHER);
    asks(1, 0xfe);
    wire_answer_arp(1);
    for (int i = 0; i < 20; i++) {
        check_counted(arp, waited, 0, send_text("192.0.2.1", "data"));
        expect(ARRIVED "'data'");
        advance(20000);
    }
}

/* Three requests, a second or more apart; then the entry expires at its time. */
static void silent(void)
{
    long first, second, third;

    bench_start(WIRE_ETHER);
    asks(1, 0xfe);
    send_text("192.0.2.1", "data");
    expect(ARRIVED "'data'");
    first = expect_within(ARP_CACHE_TIMEOUT * 1000 - 3000, FROM_US HA "fe " ASKED);
    second = expect_within(3000, FROM_US HA "fe " ASKED);
    third = expect_within(3000, FROM_US HA "fe " ASKED);
    check_cmp(second, >=, 1000);
    check_cmp(third, >=, 1000);
    send_text("192.0.2.1", "still");
    expect(ARRIVED "'still'");
    expect_nothing(ARP_CACHE_TIMEOUT * 1000 + 2000 - first - second - third);
    send_text("192.0.2.1", "again");
    expect(FROM_US ALL " " ASKED);
    inject(ANSWER);
    expect(ARRIVED "'again'");
}

/* Unused entries are not refreshed. */
static void not_in_use(void)
{
    bench_start(WIRE_ETHER);
    asks(9, 0x90);
    asks(1, 0xfe);
    send_text("192.0.2.1", "data");
    expect(ARRIVED "'data'");
    expect_within(ARP_CACHE_TIMEOUT * 1000, FROM_US HA "fe " ASKED);
    inject(ANSWER);
    expect_nothing(3 * ARP_CACHE_TIMEOUT * 1000);
    check_int(known(9), -1);
}

/* More clients than entries ask for our address, and ping it every second: those in the cache are
 * served without a gap. */
static void too_many_clients(void)
{
    char line[128];

    time_limit(10);
    start_large();
    many_ask(0, ARP_CACHE_SIZE + SOME);
    wire_answer_arp(1);
    for (int second = 0; second < 2 * ARP_CACHE_TIMEOUT; second++) {
        for (int n = 0; n < ARP_CACHE_SIZE + SOME; n++) {
            snprintf(line, sizeof(line), "IP %s > 10.0.0.2 ICMP echo id 1 seq 1", neighbour(n));
            inject(line);
        }
        check_cmp(wire_pending(0), >=, ARP_CACHE_SIZE);
        check(second < ARP_CACHE_TIMEOUT || wire_pending(0) == ARP_CACHE_SIZE);
        wire_pending(1);
        advance(1000);
    }
}

static void rate_is_limited(void)
{
    static const unsigned int allowed[] = {0, 1, 2, 100, 200, 300, 10000, 10001, 10050, 10100};
    static const unsigned int refused[] = {3, 99, 199, 10055, 10099, 10101};
    struct rate rate = {0};
    size_t a = 0, r = 0;

    while (a < countof(allowed) || r < countof(refused)) {
        int now = a < countof(allowed) && (r == countof(refused) || allowed[a] < refused[r]);
        check_int(rate_take(&rate, now ? allowed[a++] : refused[r++], 100, 1, 3), now ? 0 : -1);
    }
}

static void timeout_set(void)
{
    bench_start(WIRE_ETHER);
    arp_set_timeout(5);
    asks(9, 0x90);
    advance(4000);
    check_int(known(9), 0x90);
    advance(2500);
    check_int(known(9), -1);
    check_int(net_shutdown(), 0);
    bench_start(WIRE_ETHER);
    asks(9, 0x90);
    advance(6000);
    check_int(known(9), 0x90); /* the next start has the default again */
}

BENCH(38,
      {"datagrams wait for ARP and are sent in order [1122-2.3.2.2 1122-2.3.3d]", in_order},
      {"each datagram waits for its own neighbour", each_its_own},
      {"a reply that comes while a datagram is being sent releases it", answered_meanwhile},
      {"twenty datagrams at once through an unresolved gateway are all sent", through_gateway},
      {"of 10,000 datagrams the latest wait, within a limit of bytes [A-6]", only_the_latest},
      {"large datagrams wait within the limit of bytes", only_as_many_bytes},
      {"all waiting datagrams have a common limit, and the longest queue loses first",
       bound_for_all},
      {"each waiting datagram is sent or counted as dropped", overflow_counts},
      {"unresolved datagrams are dropped without an ICMP error [A-7 1122-2.4c]", no_answer},
      {"the request is repeated while datagrams wait", asked_again},
      {"10,000 datagrams to an absent host send one request a second [A-7 1122-2.3.2.1b]",
       once_a_second},
      {"100 absent hosts get one or two requests a second each [A-7 1122-2.3.2.1b]",
       once_a_second_each},
      {"shutdown frees waiting datagrams", waiting_at_shutdown},
      {"a failed allocation loses one datagram at most", no_memory},
      {"an unsolicited reply adds no entry and is counted [A-2]", unsolicited},
      {"a neighbour's changed hardware address is accepted, logged and counted [A-2 B-15]",
       updates},
      {"1,000 changes at once are counted and logged once [A-2]", warned_in_measure},
      {"a flood of requests does not evict the gateway [A-3 B-15]", gateway_kept},
      {"requests for other hosts and unsolicited replies add no entry [A-3]", other_requests},
      {"500 neighbours are used at once with one request each", many_in_use},
      {"unresolved entries are evicted before resolved ones and bounded in memory [A-3]",
       unresolved_first},
      {"entries learned from requests are evicted before resolved ones [A-3]", learned_first},
      {"a neighbour is resolved during a flood of requests [A-3]", answer_in_a_flood},
      {"an answer in flight finds its entry in a full table [A-3]", few_pending},
      {"entries in use are not evicted, and a new neighbour counts as no_room [A-3]", all_in_use},
      {"an entry learned from a request is evicted for a destination, even in use [A-3]",
       clients_in_use},
      {"a static entry is never changed, evicted or expired [A-2 M-6]", fixed},
      {"static entries leave room for others and end with the stack", fixed_anew},
      {"an address conflict is logged and defended once in 10 s [A-4]", conflict},
      {"a probe is answered, and an invalid sender adds no entry [A-5]", invalid_senders},
      {"a group, zero or local hardware address adds no entry [A-5]", bad_sender},
      {"a frame from a group address or our own is dropped and counted [E-5]", bad_frame},
      {"a malformed reply resolves nothing, and a good one still does [A-1]", malformed},
      {"an entry expires after its timeout, even in use [1122-2.3.2.1a]", expires},
      {"a neighbour in use is refreshed by unicast requests before it expires", stream},
      {"a datagram every 20 seconds keeps an entry refreshed", trickle},
      {"a silent neighbour in use gets three requests and then expires", silent},
      {"an unused entry is not refreshed", not_in_use},
      {"with too many clients, cached ones are served without a gap", too_many_clients},
      {"rate_take permits three at once, then one in 100 ns, and never more than three",
       rate_is_limited},
      {"the timeout of entries can be set [1122-2.3.2.1c]", timeout_set})
