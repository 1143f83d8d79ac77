#include <stdio.h>
#include <stdlib.h>

#include "arp.h"
#include "bench.h"
#include "commands.h"
#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

/* Step 43: floods. A flood is limited, and other traffic is not affected. */

#define FLOOD 100000 /* SYNs from forged sources */
#define BURST 20000  /* packets at one moment */

/*
 * Packets built here for speed
 */

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i += 2) {
        sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    }
    return sum;
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value);
}

static uint32_t fold(uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum & 0xffff;
}

/* A segment without data to 192.0.2.2. */
static void inject_segment(uint32_t src, uint16_t sport, uint16_t dport, uint8_t flags,
                           uint32_t seq, uint32_t ack)
{
    uint8_t p[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6};
    uint8_t pseudo[4] = {0, 6, 0, 20};

    put32(p + 12, src);
    put32(p + 16, 0xc0000202);
    put16(p + 10, fold(sum16(p, 20, 0)));
    put16(p + 20, sport);
    put16(p + 22, dport);
    put32(p + 24, seq);
    put32(p + 28, ack);
    p[32] = 0x50;
    p[33] = flags;
    put16(p + 34, 65535);
    put16(p + 36, fold(sum16(p + 12, 28, sum16(pseudo, 4, 0))));
    inject_bytes(p, sizeof(p));
}

#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* The n-th forged SYN to a port. */
static void forged_syn(uint32_t n, uint16_t port)
{
    inject_segment(0xc6336400 + (n & 0xff), (uint16_t)(1024 + n % 60000), port, SYN, n * 7919, 0);
}

/* The n-th forged ACK to a port. */
static void forged_ack(uint32_t n, uint16_t port)
{
    inject_segment(0xc6336400 + (n & 0xff), (uint16_t)(1024 + n % 60000), port, ACK, n, n);
}

/* An honest client, 10 ms away. Retransmits its SYN after 1 s and 2 s more. */
static struct {
    uint16_t port; /* 0: idle */
    uint32_t isn;
    uint32_t ack;     /* for the ACK in flight */
    long began;       /* milliseconds, like now */
    long syn_at[3];   /* when its SYNs arrive here */
    long ack_at;      /* when its ACK arrives; -1: not sent */
    int refused;
} honest;

static void honest_begins(uint16_t port, long now)
{
    memset(&honest, 0, sizeof(honest));
    honest.port = port;
    honest.isn = port * 1000;
    honest.began = now;
    honest.syn_at[0] = now + 5;
    honest.syn_at[1] = now + 1005;
    honest.syn_at[2] = now + 3005;
    honest.ack_at = -1;
}

#define HONEST 0xcb007109 /* 203.0.113.9 */

/* Takes all packets out; the client receives its own. */
static void honest_receives(long now)
{
    uint8_t p[2048];
    size_t num = wire_pending(0);

    while (num-- > 0) {
        take(0, p, sizeof(p));
        if (p[9] != 6 || get32(p + 16) != HONEST || (p[22] << 8 | p[23]) != honest.port) {
            continue;
        }
        if (p[33] == (SYN | ACK) && honest.ack_at == -1) {
            honest.ack = get32(p + 24) + 1;
            honest.ack_at = now + 10;
        }
        honest.refused += (p[33] & RST) != 0;
    }
}

/* Injects the client's packets of this millisecond. */
static void honest_sends(long now)
{
    for (int i = 0; i < 3; i++) {
        if (honest.port != 0 && honest.ack_at == -1 && honest.syn_at[i] == now) {
            inject_segment(HONEST, honest.port, 7, SYN, honest.isn, 0);
        }
    }
    if (honest.port != 0 && honest.ack_at == now) {
        inject_segment(HONEST, honest.port, 7, ACK, honest.isn + 1, honest.ack);
    }
}

/* No loopback; a listener on port 7, a gateway, and one established connection, A. */
static int start(int *conn)
{
    struct net_device *dev;
    struct ip_iface *iface;
    int listener;

    check_int(net_init(), 0);
    dev = wire_init(WIRE_RAW);
    iface = wire_address(dev, "192.0.2.2", "255.255.255.0");
    check_int(ip_route_set_default_gateway(iface, "192.0.2.1"), 0);
    check_int(net_run(), 0);
    listener = listening("0.0.0.0:7", 50);
    client('A', PEER_ISN);
    *conn = accepted(listener, "", 65535);
    check_int(log_set_level("error"), 0);
    return listener;
}

/* The n-th ten bytes from A are read and answered. */
static void exchange(int desc, unsigned int n)
{
    char line[80], buf[16];
    unsigned int seq = 1 + 10 * n;

    snprintf(line, sizeof(line), "A> P. %u:%u(10) ack %u win 65535", seq, seq + 10, seq);
    inject(line);
    wire_pending(1);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 10);
    check_pattern(buf, seq, 10);
    check_int(tcp_cmd_send(desc, buf, 10), 10);
    snprintf(line, sizeof(line), "P. %u:%u(10) ack %u", seq, seq + 10, seq + 10);
    expect(line);
    snprintf(line, sizeof(line), "A> . %u:%u(0) ack %u win 65535", seq + 10, seq + 10, seq + 10);
    inject(line);
}

/* An honest client tries every 3.5 s, and each connects within 3 s. */
static void test_syn_flood(void)
{
    unsigned int connected = 0, exchanged = 0;
    int conn, listener = start(&conn), desc;
    size_t bytes = memory_peak_bytes(1);
    ip_endp_t remote;
    uint32_t n = 0;
    long now;

    time_limit(10);
    for (now = 0; n < FLOOD; now++, advance(1)) {
        for (int i = 0; i < 10; i++) {
            forged_syn(n++, 7);
        }
        if (now % 3500 == 500) {
            honest_begins((uint16_t)(6000 + now / 3500), now);
        }
        honest_sends(now);
        honest_receives(now);
        if (honest.port != 0 && honest.ack_at != -1 && now == honest.ack_at + 1) {
            desc = tcp_cmd_accept(listener, &remote);
            check_int(ntoh16(remote.port), honest.port);
            check_state(desc, "ESTABLISHED");
            check_cmp(now - honest.began, <, 3000);
            check_int(honest.refused, 0);
            check_int(tcp_cmd_close(desc), 0);
            honest.port = 0;
            connected++;
        }
        if (now % 200 == 100) {
            exchange(conn, exchanged++);
        }
    }
    check_int(connected, 3);
    check_state(conn, "ESTABLISHED");
    check_cmp(memory_peak_bytes(0) - bytes, <=, (TCP_HALF_OPEN_MAX + 10) * (size_t)1024 + 400000);
    advance(120000);
    wire_pending(1);
    check_int(tcp_cmd_close(listener), 0);
    check_cmp(blocks_in_use(), <=, 4);
}

/* SYNs at one moment: memory is bounded, and established connections go on. */
static void test_syn_burst(void)
{
    size_t bytes;
    int conn;

    start(&conn);
    bytes = memory_peak_bytes(1);
    for (uint32_t n = 0; n < BURST; n++) {
        forged_syn(n, 7);
        if (n % 1000 == 0) {
            wire_pending(1);
            exchange(conn, n / 1000);
        }
    }
    wire_pending(1);
    check_int(blocks_in_use(), TCP_HALF_OPEN_MAX + 2);
    check_cmp(memory_peak_bytes(0) - bytes, <=, (TCP_HALF_OPEN_MAX + 10) * (size_t)1024 + 400000);
    exchange(conn, BURST / 1000);
}

/* A place for a half-open connection is free again, however the connection ends: by a RST, a second
 * SYN in the window, or a timeout. */
static void test_half_open_ends(void)
{
    int conn;

    start(&conn);
    for (uint32_t n = 0; n < 3 * TCP_HALF_OPEN_MAX; n++) {
        forged_syn(n, 7);
        inject_segment(0xc6336400 + (n & 0xff), (uint16_t)(1024 + n % 60000), 7,
                       n % 2 ? RST : SYN, n * 7919 + 1, 0);
        wire_pending(1);
    }
    check_int(blocks_in_use(), 2);
    for (int i = 0; i < 3; i++) {
        for (uint32_t n = 0; n < TCP_HALF_OPEN_MAX; n++) {
            check_counted(tcp, backlog_full, 0, forged_syn(n, 7));
        }
        advance(60000);
        wire_pending(1);
        check_int(blocks_in_use(), 2);
    }
    client('B', PEER_ISN);
    check_counted(tcp, half_open_evicted, 0, handshake("", 65535));
    exchange(conn, 0);
}

/* A place in the backlog is free again when a connection is reset before accept. */
static void test_waiting_ends(void)
{
    int listener;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7", 3);
    for (int i = 0; i < 10; i++) {
        client('A', PEER_ISN);
        handshake("", 65535);
        inject("R 1:1(0)");
        check_int(blocks_in_use(), 1);
    }
    for (int c = 'A'; c <= 'C'; c++) {
        client((char)c, PEER_ISN);
        handshake("", 65535);
    }
    client('D', PEER_ISN);
    check_counted(tcp, backlog_full, 1, inject("S 0:0(0)"));
    for (int i = 0; i < 3; i++) {
        check(tcp_cmd_accept(listener, NULL) != -1);
    }
}

/* An unanswered SYN-ACK is retransmitted three to five times; then the block is freed. */
static void test_retries(void)
{
    int listener, conn;
    size_t sent;

    listener = start(&conn);
    forged_syn(1, 7);
    check_int(wire_pending(1), 1);
    advance(180000);
    sent = wire_pending(1);
    check_range(sent, 3, 5);
    check_int(blocks_in_use(), 2);
    check_state(listener, "LISTEN");
}

/* A passive OPEN waits for one peer at a time: an absent one does not hold it for long. */
static void test_retries_open(void)
{
    static struct call c;
    size_t sent;

    bench_start(WIRE_RAW);
    call_start(&c, open_passive, .local = "0.0.0.0:7");
    connection('A', "192.0.2.2:7", "192.0.2.77:5000", PEER_ISN);
    inject("S 0:0(0)");
    expect("S. 0:0(0) ack 1");
    advance(60000);
    sent = wire_pending(1);
    check_range(sent, 3, 5);
    client('B', PEER_ISN);
    handshake("", 65535);
    opened(&c);
}

/* A SYN flood must not cause a flood of warnings. */
static void test_no_warning(void)
{
    int conn;

    start(&conn);
    check_int(log_set_level("warn"), 0);
    for (uint32_t n = 0; n < 100; n++) {
        forged_syn(n, 7);
    }
    advance(60000);
    wire_pending(1);
    check(!logged("no answer"));
}

/* Floods at many listeners fill the table; a local socket still gets a block. */
static void test_full_table(void)
{
    int conn, desc;
    char local[32];

    start(&conn);
    for (int i = 0; i < TCP_PCB_SIZE / TCP_HALF_OPEN_MAX + 1; i++) {
        snprintf(local, sizeof(local), "0.0.0.0:%d", 100 + i);
        listening(local, 5);
        for (uint32_t n = 0; n < TCP_HALF_OPEN_MAX; n++) {
            forged_syn(n, (uint16_t)(100 + i));
        }
        wire_pending(1);
    }
    check_int(blocks_in_use(), TCP_PCB_SIZE);
    desc = tcp_cmd_socket();
    check_cmp(desc, !=, -1);
    check_int(tcp_cmd_close(desc), 0);
    exchange(conn, 0);
}

static void test_listener_closed(void)
{
    int conn, listener = start(&conn);

    client('B', PEER_ISN);
    inject("S 0:0(0)");
    expect("S. 0:0(0) ack 1");
    client('C', PEER_ISN);
    handshake("", 65535);
    check_int(tcp_cmd_close(listener), 0);
    check_int(wire_pending(1), 2);
    check_int(blocks_in_use(), 1);
    inject("B> . 1:1(0) ack 1");
    expect("B> R 1:1(0)");
    exchange(conn, 0);
}

/* Two listeners: two connections wait at one, a half-open and a waiting one at the other. */
static void test_shutdown(void)
{
    int conn, first, last;

    start(&conn);
    first = tcp_cmd_socket();
    for (int c = 'B'; c <= 'C'; c++) {
        client((char)c, PEER_ISN);
        handshake("", 65535);
    }
    check_int(tcp_cmd_close(first), 0);
    last = listening("0.0.0.0:9", 5);
    check_cmp(last, !=, -1);
    for (int c = 'D'; c <= 'E'; c++) {
        connection((char)c, "192.0.2.2:9", c == 'D' ? "192.0.2.1:6000" : "192.0.2.1:6001",
                   PEER_ISN);
        inject("S 0:0(0)");
        expect("S. 0:0(0) ack 1");
    }
    inject("E> . 1:1(0) ack 1");
    check_int(tcp_cmd_abort(conn), 0);
    wire_pending(1);
    check_int(net_shutdown(), 0);
    check_int(memory_in_use(), 0);
    check_int(wire_pending(1), 4); /* a RST each */
}

/* Peers acknowledge our FIN and never send theirs: their blocks make room. */
static void test_full_of_fin_wait_2(void)
{
    int listener, desc;
    char remote[32];

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7", 5);
    for (int i = 0; i < TCP_PCB_SIZE - 50; i++) { /* most blocks are local sockets, for speed */
        check_cmp(tcp_cmd_socket(), !=, -1);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(remote, sizeof(remote), "192.0.2.%d:%d", 10 + i, 5000 + i);
        connection('A', "192.0.2.2:7", remote, PEER_ISN);
        desc = accepted(listener, "", 65535);
        check_int(tcp_cmd_close(desc), 0);
        expect("F. 1:1(0) ack 1");
        inject(". 1:1(0) ack 2");
        check_state(desc, "FIN_WAIT2");
    }
    check_int(blocks_in_use(), TCP_PCB_SIZE);
}

/* The last ACK of a handshake at a full backlog is dropped; the retransmitted SYN-ACK gets it
 * again. */
static void test_backlog(void)
{
    int listener, desc;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7", 1);
    for (int c = 'A'; c <= 'B'; c++) {
        client((char)c, PEER_ISN);
        inject("S 0:0(0)");
        expect("S. 0:0(0) ack 1");
    }
    inject("A> . 1:1(0) ack 1");
    check_counted(tcp, backlog_full, 1, inject("B> . 1:1(0) ack 1"));
    expect_nothing(0);
    desc = tcp_cmd_accept(listener, NULL);
    check_state(desc, "ESTABLISHED");
    expect_within(2000, "B> S. 0:0(0) ack 1");
    inject("B> . 1:1(0) ack 1");
    check(tcp_cmd_accept(listener, NULL) != -1);
}

/* If there is never room, the client gets a RST: on its side the connection is established. */
static void test_backlog_never(void)
{
    bench_start(WIRE_RAW);
    listening("0.0.0.0:7", 1);
    client('A', PEER_ISN);
    client('B', PEER_ISN);
    inject("A> S 0:0(0)");
    expect("A> S. 0:0(0) ack 1");
    inject("B> S 0:0(0)");
    expect("B> S. 0:0(0) ack 1");
    inject("A> . 1:1(0) ack 1");
    inject("B> . 1:1(0) ack 1");
    for (int i = 0; i < 170; i++) {
        advance(1000);
        if (wire_pending(1) > 0) {
            inject("B> . 1:1(0) ack 1");
        }
    }
    expect_within(20000, "B> R. 1:1(0) ack 1");
    check_int(blocks_in_use(), 2);
}

/* A segment for a listener or a closed port gets a RST; a flood gets only some. */
static void resets_are_limited(uint16_t port)
{
    int conn;
    size_t sent;

    start(&conn);
    forged_ack(0, port);
    check_int(wire_pending(1), 1);
    for (uint32_t n = 1; n <= BURST; n++) {
        forged_ack(n, port);
        if (n % 20 == 0) {
            advance(1);
        }
    }
    sent = wire_pending(1);
    check_cmp(sent, >, 10);
    check_cmp(sent, <, 2000);
    exchange(conn, 0);
    advance(2000);
    forged_ack(0, port);
    check_int(wire_pending(1), 1);
}

static void test_ack_flood(void)
{
    resets_are_limited(7);
}

static void test_ack_flood_closed(void)
{
    resets_are_limited(9);
}

/* A peer keeps its window at zero and answers every probe. That is unlimited until the user closes;
 * then a timeout runs. */
static void test_sockstress(void)
{
    static char much[20000];
    uint8_t p[2048];
    int conn;
    long seconds;

    start(&conn);
    inject("A> . 1:1(0) ack 1 win 0");
    check_int(tcp_cmd_send(conn, much, sizeof(much)), sizeof(much));
    check_int(tcp_cmd_close(conn), 0);
    check_int(blocks_in_use(), 2);
    for (seconds = 0; blocks_in_use() == 2; seconds++) {
        check_cmp(seconds, <=, TCP_CLOSE_TIMEOUT / 1000 + 1);
        advance(1000);
        for (size_t num = wire_pending(0); num > 0; num--) {
            take(0, p, sizeof(p));
            inject("A> . 1:1(0) ack 1 win 0");
        }
    }
    check_cmp(seconds, >, 10);
    wire_pending(1);
}

/* An Ethernet, where each destination is resolved. A is a neighbour. */
static void start_ether(int *conn)
{
    int listener;

    bench_start(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
    expect("ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01");
    listener = listening("0.0.0.0:7", 5);
    client('A', PEER_ISN);
    *conn = accepted(listener, "", 65535);
    check_int(log_set_level("error"), 0);
}

/* Requests from thousands of stations. */
static void test_arp_flood(void)
{
    uint8_t frame[60] = {0, 0, 0x5e, 0, 0x53, 1, 2, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    size_t bytes;
    int conn;

    start_ether(&conn);
    bytes = memory_peak_bytes(1);
    put32(frame + 38, 0xc0000202);
    for (uint32_t n = 0; n < BURST; n++) {
        put16(frame + 10, n);
        memcpy(frame + 22, frame + 6, 6);
        put32(frame + 28, 0xc000020a + n % 200);
        inject_bytes(frame, sizeof(frame));
        if (n % 1000 == 0) {
            wire_pending(1);
            exchange(conn, n / 1000);
        }
    }
    wire_pending(1);
    check_cmp(memory_peak_bytes(0) - bytes, <, 300000);
}

/* SYNs from absent neighbours: each SYN-ACK waits for ARP. */
static void test_syn_flood_on_link(void)
{
    char line[80];
    size_t bytes;
    int conn;

    start_ether(&conn);
    bytes = memory_peak_bytes(1);
    for (unsigned int n = 0; n < BURST; n++) {
        snprintf(line, sizeof(line), "TCP 192.0.2.%u.%u > 192.0.2.2.7 S %u:%u(0) win 65535",
                 10 + n % 200, 1024 + n % 60000, n, n);
        inject(line);
        if (n % 1000 == 0) {
            wire_pending(1);
            exchange(conn, n / 1000);
            advance(100);
        }
    }
    wire_pending(1);
    check_cmp(memory_peak_bytes(0) - bytes, <=,
              (TCP_HALF_OPEN_MAX + 10) * (size_t)1024 + 400000 + ARP_WAIT_BYTES_ALL);
}

/* An unread socket keeps a bounded number of datagrams and bytes; new ones are dropped. */
static void test_udp_flood(void)
{
    static char buf[UDP_PAYLOAD_SIZE_MAX];
    static const size_t sizes[] = {1, 1400, 60000};
    ip_endp_t local = endp("127.0.0.1:7");
    struct udp_stats before, after;
    size_t bytes, kept;
    int desc, sender;

    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    check_int(net_run(), 0);
    check_int(log_set_level("error"), 0);
    sender = udp_cmd_open();
    for (size_t i = 0; i < countof(sizes); i++) {
        desc = udp_cmd_open();
        check_int(udp_cmd_bind(desc, &local), 0);
        bytes = memory_peak_bytes(1);
        udp_get_stats(&before);
        check_int(udp_cmd_sendto(sender, "first", 5, &local), 5);
        for (int n = 0; n < 1000; n++) {
            check_int(udp_cmd_sendto(sender, buf, sizes[i], &local), sizes[i]);
            settle();
        }
        udp_get_stats(&after);
        check_cmp(memory_peak_bytes(0) - bytes, <, UDP_QUEUE_BYTES + 250000);
        check_cmp(after.queue_full - before.queue_full, >=, 1000 - UDP_QUEUE_LIMIT);
        check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 5);
        check_mem(buf, "first", 5);
        if (sizes[i] == 60000) {
            check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 60000);
        }
        check_int(udp_cmd_sendto(sender, "next", 4, &local), 4);
        settle();
        for (kept = 0; udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL) != 4; kept++) {
            check_cmp(kept, <, UDP_QUEUE_LIMIT);
        }
        check_mem(buf, "next", 4);
        check_int(udp_cmd_close(desc), 0);
    }
}

/* As many datagrams, and as many bytes, as the limits say; one more is dropped. */
static void test_udp_full(void)
{
    static char buf[UDP_PAYLOAD_SIZE_MAX];
    size_t max = sizeof(buf), sizes[] = {max, max, max, max, UDP_QUEUE_BYTES - 4 * max};
    ip_endp_t local = endp("127.0.0.1:7");
    int desc, sender;

    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    check_int(net_run(), 0);
    sender = udp_cmd_open();
    desc = udp_cmd_open();
    check_int(udp_cmd_bind(desc, &local), 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < countof(sizes); i++) {
            check_int(udp_cmd_sendto(sender, buf, sizes[i], &local), sizes[i]);
            check_counted(udp, queue_full, 0, settle());
        }
        check_int(udp_cmd_sendto(sender, buf, 1, &local), 1);
        check_counted(udp, queue_full, 1, settle());
        for (size_t i = 0; i < countof(sizes); i++) {
            check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), sizes[i]);
        }
    }
    for (int i = 0; i <= UDP_QUEUE_LIMIT; i++) {
        check_int(udp_cmd_sendto(sender, buf, 1, &local), 1);
        check_counted(udp, queue_full, i == UDP_QUEUE_LIMIT, settle());
    }
}

/* Payloads of 64 KiB, as on a loopback: the queue is bounded in bytes, too. */
static void test_queue_bytes(void)
{
    static uint8_t data[65000];
    struct net_device *dev = bench_start(WIRE_RAW);
    size_t bytes = memory_peak_bytes(1);
    struct net_stats before, after;
    int taken = 0;

    net_get_stats(&before);
    while (taken < 2000 && net_input(NET_PROTOCOL_TYPE_IP, data, sizeof(data), dev) == 0) {
        taken++;
    }
    net_get_stats(&after);
    check_cmp(taken, >=, 64);
    check_cmp(taken, <, 500);
    check_int(after.queue_full - before.queue_full, 1);
    check_cmp(memory_peak_bytes(0) - bytes, <, 16 * 1024 * 1024);
    settle();
    check_int(net_input(NET_PROTOCOL_TYPE_IP, data, sizeof(data), dev), 0);
    settle();
}

BENCH(43,
      {"honest clients connect during 10^5 SYNs in 10 s [T-14 B-6]", test_syn_flood},
      {"a SYN burst is bounded in memory and keeps established connections [T-14]",
       test_syn_burst},
      {"half-open connections that end leave room for others [T-14]", test_half_open_ends},
      {"connections reset before accept leave room in the backlog [T-40]", test_waiting_ends},
      {"a SYN-ACK is retransmitted three to five times [T-14]", test_retries},
      {"a passive OPEN retransmits its SYN-ACK three to five times [T-14]", test_retries_open},
      {"an unanswered SYN-ACK logs no warning [T-14]", test_no_warning},
      {"a table full of half-open connections has room for a local socket [T-14]",
       test_full_table},
      {"a table full of FIN-WAIT-2 has room for new connections [T-34]", test_full_of_fin_wait_2},
      {"closing a listener resets its half-open and waiting connections [T-39]",
       test_listener_closed},
      {"shutdown resets half-open and waiting connections and frees their memory [T-39]",
       test_shutdown},
      {"a client at a full backlog is accepted later [T-40]", test_backlog},
      {"a client at a full backlog is reset in the end [T-40]", test_backlog_never},
      {"RSTs to a flood of ACKs at a listener are limited [T-15]", test_ack_flood},
      {"RSTs to a flood of segments for no connection are limited [T-15]", test_ack_flood_closed},
      {"a window kept at zero times out after close [T-27]", test_sockstress},
      {"an ARP flood keeps established connections [A-3 B-15]", test_arp_flood},
      {"SYNs from absent neighbours do no harm [T-14 A-7]", test_syn_flood_on_link},
      {"an unread UDP socket is bounded in datagrams and bytes [U-5 B-14]", test_udp_flood},
      {"an unread UDP socket keeps as many datagrams and bytes as its limits say [U-5]",
       test_udp_full},
      {"the input queue of a protocol is bounded in bytes", test_queue_bytes})
