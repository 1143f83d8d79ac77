/* Step 40: ICMP errors both ways, received and sent. */
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
#define TO_8 "UDP 192.0.2.1.5000 > 192.0.2.2.8 'hello'"
#define PORT_UNREACHABLE "IP 192.0.2.2 > 192.0.2.1 ICMP unreachable port quote 28"

/*
 * Errors about our datagrams, from a router or the peer
 */
struct quote {
    struct ip_hdr ip;
    uint16_t sport;
    uint16_t dport;
    uint32_t seq; /* of UDP: length and checksum */
} __attribute__((packed));

/* Our datagram between two endpoints, as an error quotes it. */
static struct quote quoted(uint8_t protocol, const char *local, const char *remote, uint32_t seq)
{
    struct sockaddr_in src = address(local), dst = address(remote);

    return (struct quote){
        .ip = {.vhl = 0x45, .total = hton16(48), .id = hton16(7), .ttl = 9, .protocol = protocol,
               .src = src.sin_addr.s_addr, .dst = dst.sin_addr.s_addr},
        .sport = src.sin_port, .dport = dst.sin_port, .seq = hton32(seq),
    };
}

static void report_part(int type, int code, const struct quote *quote, size_t len)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "IP 192.0.2.254 > 192.0.2.2 ICMP type %d code %d hex ",
                     type, code);

    for (size_t i = 0; i < len; i++) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, "%02x", ((const uint8_t *)quote)[i]);
    }
    inject(line);
}

static void report(int type, int code, struct quote quote)
{
    report_part(type, code, &quote, sizeof(quote));
}

/*
 * UDP
 */
static struct quote hello;

/* A socket on port 7 has sent a datagram to 192.0.2.1:5000, and then received one from there. */
static int greet(void)
{
    struct sockaddr_in peer = address("192.0.2.1:5000");
    int id = bound(SOCK_DGRAM, "0.0.0.0:7");

    check_int(sock_sendto(id, "hello", 5, SA(&peer), sizeof(peer)), 5);
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 'hello'");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    hello = quoted(IP_PROTOCOL_UDP, "192.0.2.2:7", "192.0.2.1:5000", 0);
    return id;
}

static ssize_t receive(int id)
{
    char buf[16];

    return sock_recvfrom(id, buf, sizeof(buf), NULL, NULL);
}

static void test_udp_once(void)
{
    struct sockaddr_in peer = address("192.0.2.1:5000");
    int id;

    bench_start(WIRE_RAW);
    id = greet();
    check_counted(udp, errors, 1, report(3, 3, hello));
    check_error(receive(id), ECONNREFUSED);
    check_int(receive(id), 5); /* the received datagram is kept, the error reported once */
    check_counted(udp, errors, 0, report(3, 3, hello)); /* one error for each datagram sent */
    check_int(sock_sendto(id, "again", 5, SA(&peer), sizeof(peer)), 5);
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 'again'");
    check_counted(udp, errors, 1, report(3, 3, hello));
    check_error(receive(id), ECONNREFUSED);
}

/* A socket that only sends can ask for the error. */
static void test_udp_asked(void)
{
    int id;

    bench_start(WIRE_RAW);
    check_error(sock_error(-1), EBADF);
    id = greet();
    check_int(sock_error(id), 0);
    check_counted(udp, errors, 1, report(3, 3, hello));
    check_int(sock_error(id), ECONNREFUSED);
    check_int(sock_error(id), 0);
    check_int(receive(id), 5);
}

static void receive_refused(void *arg)
{
    check_error(receive(*(int *)arg), ECONNREFUSED);
}

static void test_udp_sleeper(void)
{
    struct task *task;
    int id;

    bench_start(WIRE_RAW);
    id = greet();
    check_int(receive(id), 5);
    task = task_start("reader", receive_refused, &id);
    advance(1000);
    check(!task_done(task));
    report(3, 3, hello);
    check(task_done(task));
}

static void test_udp_kinds(void)
{
    static const struct {
        int type, code, errnum;
    } kinds[] = {
        {3, 0, ENETUNREACH}, {3, 1, EHOSTUNREACH}, {3, 2, ECONNREFUSED}, {3, 3, ECONNREFUSED},
        {3, 5, EHOSTUNREACH}, {3, 6, ENETUNREACH}, {3, 7, EHOSTUNREACH}, {3, 9, ENETUNREACH},
        {3, 10, EHOSTUNREACH}, {3, 11, ENETUNREACH}, {3, 12, EHOSTUNREACH}, {3, 13, EHOSTUNREACH},
        {11, 0, EHOSTUNREACH}, {11, 1, EHOSTUNREACH}, {12, 0, EPROTO}, {12, 1, EPROTO},
    };

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(kinds); i++) {
        int id = greet();
        report(kinds[i].type, kinds[i].code, hello);
        check_error(receive(id), kinds[i].errnum);
        check_int(sock_close(id), 0);
    }
}

/* Undefined codes, and fragmentation needed. */
static void test_udp_other_codes(void)
{
    int id;

    bench_start(WIRE_RAW);
    id = greet();
    check_counted(icmp, ignored, 1, report(3, 4, hello));
    for (int code = 16; code < 256; code++) {
        check_counted(icmp, ignored, 1, report(3, code, hello));
    }
    check_int(receive(id), 5);
    check_int(sock_error(id), 0);
}

static void test_udp_guesses(void)
{
    int id;

    bench_start(WIRE_RAW);
    id = greet();
    check_counted(udp, errors, 0, {
        report(3, 3, quoted(IP_PROTOCOL_UDP, "192.0.2.2:7", "192.0.2.1:5001", 0));
        report(3, 3, quoted(IP_PROTOCOL_UDP, "192.0.2.2:7", "192.0.2.3:5000", 0));
        report(3, 3, quoted(IP_PROTOCOL_UDP, "192.0.2.2:8", "192.0.2.1:5000", 0));
        report(3, 3, quoted(IP_PROTOCOL_UDP, "192.0.2.2:0", "0.0.0.0:0", 0));
    });
    check_counted(udp, error_ignored, 1,
                  report(3, 3, quoted(IP_PROTOCOL_UDP, "192.0.2.2:8", "192.0.2.1:5000", 0)));
    check_int(receive(id), 5);
}

/* A datagram that sendto refuses is not the last one sent. */
static void test_udp_not_sent(void)
{
    static char much[UDP_PAYLOAD_SIZE_MAX + 1];
    struct sockaddr_in other = address("192.0.2.9:9"), no_port = address("192.0.2.9:0");
    int id;

    bench_start(WIRE_RAW);
    id = greet();
    check_int(receive(id), 5);
    check_error(sock_sendto(id, much, sizeof(much), SA(&other), sizeof(other)), EMSGSIZE);
    check_error(sock_sendto(id, "hello", 5, SA(&no_port), sizeof(no_port)), EINVAL);
    check_counted(udp, errors, 1, report(3, 3, hello));
    check_error(receive(id), ECONNREFUSED);
}

static void test_udp_never_sent(void)
{
    int id;

    bench_start(WIRE_RAW);
    id = bound(SOCK_DGRAM, "0.0.0.0:7");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    report(3, 3, quoted(IP_PROTOCOL_UDP, "192.0.2.2:7", "192.0.2.1:5000", 0));
    report(3, 3, quoted(IP_PROTOCOL_UDP, "192.0.2.2:7", "0.0.0.0:0", 0));
    check_int(receive(id), 5);
}

/* A closed port of a local address. */
static void ask_ourselves(void *arg)
{
    struct sockaddr_in server = address(arg);
    int id = sock_open(PF_INET, SOCK_DGRAM, 0);

    check_int(sock_sendto(id, "hello", 5, SA(&server), sizeof(server)), 5);
    check_error(receive(id), ECONNREFUSED);
}

static void test_udp_ourselves(void)
{
    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    wire_address(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.0");
    check_int(net_run(), 0);
    task_join(task_start("client", ask_ourselves, "192.0.2.2:9"), 0);
    task_join(task_start("client", ask_ourselves, "127.0.0.1:9"), 0);
}

/*
 * Quotes
 */
static void test_quotes(void)
{
    struct quote q;
    int id;

    bench_start(WIRE_RAW);
    id = greet();
    for (size_t len = 0; len < sizeof(hello); len++) {
        check_counted(icmp, bad_quote, 1, report_part(3, 3, &hello, len));
    }
    q = hello;
    q.ip.vhl = 0x65;
    check_counted(icmp, bad_quote, 1, report(3, 3, q));
    q.ip.vhl = 0x44;
    check_counted(icmp, bad_quote, 1, report(3, 3, q));
    q.ip.vhl = 0x46; /* a header longer than the quote */
    check_counted(icmp, bad_quote, 1, report(3, 3, q));
    q = hello;
    q.ip.offset = hton16(1); /* a later fragment has no ports */
    check_counted(icmp, bad_quote, 1, report(3, 3, q));
    q = hello;
    q.ip.src = addr("192.0.2.3"); /* not our datagram */
    check_counted(icmp, bad_quote, 1, report(3, 3, q));
    check_int(receive(id), 5);
    hello.ip.sum = 0x1234; /* changed by routers */
    hello.ip.offset = hton16(IP_HDR_FLAG_MF);
    check_counted(icmp, delivered, 1, report(3, 3, hello));
    check_error(receive(id), ECONNREFUSED);
}

static void test_unregistered(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, no_user, 1,
                  report(3, 3, quoted(253, "192.0.2.2:7", "192.0.2.1:5000", 0)));
    check_counted(icmp, no_user, 1,
                  report(3, 1, quoted(IP_PROTOCOL_ICMP, "192.0.2.2:7", "192.0.2.1:5000", 0)));
    expect_nothing(0);
}

/*
 * TCP
 */
static int sock;
static struct task *connecting;
static int errnum; /* of connect; 0: connected */

static void connect_one(void *arg)
{
    struct sockaddr_in remote = address("192.0.2.1:80");

    (void)arg;
    errnum = sock_connect(sock, SA(&remote), sizeof(remote)) == 0 ? 0 : errno;
}

/* SYN-SENT: 192.0.2.2:5555 connects to 192.0.2.1:80. */
static void open_active(void)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:5555", "192.0.2.1:80", 1000);
    sock = bound(SOCK_STREAM, "192.0.2.2:5555");
    connecting = task_start("client", connect_one, NULL);
    expect("S 0:0(0)");
}

static void establish(void)
{
    inject("S. 0:0(0) ack 1 win 65535");
    expect(". 1:1(0) ack 1");
    check(task_done(connecting));
    check_int(errnum, 0);
}

static struct tcp_view view(void)
{
    struct tcp_view v;
    size_t i = 0;

    while (i < TCP_PCB_SIZE && tcp_get_view_at(i, &v) == -1) {
        i++;
    }
    check_cmp(i, <, TCP_PCB_SIZE);
    return v;
}

/* Our segment that begins at SND.UNA + offset. */
static struct quote segment(uint32_t offset)
{
    return quoted(IP_PROTOCOL_TCP, "192.0.2.2:5555", "192.0.2.1:80", view().snd.una + offset);
}

static void test_syn_hard(void)
{
    static const int codes[] = {2, 3};

    for (size_t i = 0; i < countof(codes); i++) {
        open_active();
        check_counted(tcp, hard_errors, 1, report(3, codes[i], segment(0)));
        check(task_done(connecting));
        check_int(errnum, ECONNREFUSED);
        expect_nothing(300000);
        check_int(net_shutdown(), 0);
    }
}

static const struct {
    int type, code, errnum;
} soft[] = {
    {3, 0, ENETUNREACH}, {3, 1, EHOSTUNREACH}, {3, 5, EHOSTUNREACH}, {11, 0, EHOSTUNREACH},
    {11, 1, EHOSTUNREACH}, {12, 0, EPROTO}, {3, 13, EHOSTUNREACH},
};

static void test_syn_soft(void)
{
    open_active();
    for (size_t i = 0; i < countof(soft); i++) {
        check_counted(tcp, soft_errors, 1, report(soft[i].type, soft[i].code, segment(0)));
        check(!task_done(connecting));
        check_int(sock_error(sock), soft[i].errnum);
    }
    expect_within(3500, "S 0:0(0)");
    establish();
    check_int(sock_error(sock), 0); /* the error is transient */
}

static void test_syn_silence(void)
{
    open_active();
    report(3, 1, segment(0));
    advance(200000);
    wire_pending(1);
    check(task_done(connecting));
    check_int(errnum, EHOSTUNREACH);
}

/* Sends ten bytes from relative sequence number from on. */
static void send_ten(uint32_t from)
{
    char data[10];

    pattern(data, from, sizeof(data));
    check_int(sock_send(sock, data, sizeof(data)), sizeof(data));
    settle();
}

/* No error ends the connection, not even one that is hard in SYN-SENT. */
static void test_established(void)
{
    open_active();
    establish();
    send_ten(1);
    expect("P. 1:11(10) ack 1");
    for (size_t i = 0; i < countof(soft); i++) {
        check_counted(tcp, soft_errors, 1, report(soft[i].type, soft[i].code, segment(0)));
        check_int(sock_error(sock), soft[i].errnum);
    }
    check_counted(tcp, soft_errors, 1, report(3, 2, segment(0)));
    check_counted(tcp, soft_errors, 1, report(3, 3, segment(9)));
    check_int(sock_error(sock), ECONNREFUSED);
    check_int(view().soft_error, ECONNREFUSED);
    check_int(view().state, TCP_STATE_ESTABLISHED);
    inject(". 1:1(0) ack 11 win 65535");
    check_int(sock_error(sock), 0);
    check_counted(tcp, hard_errors, 0, report(3, 3, segment(0)));
    inject("P. 1:6(5) ack 11 win 65535");
    expect_within(500, ". 11:11(0) ack 6");
}

static int receive_errnum;

static void receive_stream(void *arg)
{
    char byte;

    (void)arg;
    check_int(sock_recv(sock, &byte, 1), -1);
    receive_errnum = errno;
}

static void test_established_silence(void)
{
    struct task *task;

    open_active();
    establish();
    task = task_start("reader", receive_stream, NULL);
    send_ten(1);
    expect("P. 1:11(10) ack 1");
    report(3, 0, segment(0));
    advance(400000);
    wire_pending(1);
    check(task_done(task));
    check_int(receive_errnum, ENETUNREACH);
}

/*
 * Errors of ARP: the next hop does not answer three requests
 */

#define ASKED "ARP who-has 192.0.2.1 tell 192.0.2.2"
#define ANSWER "ARP reply 192.0.2.1 is-at 00:00:5e:00:53:fe"

/* SYN-SENT on Ethernet, with the peer unresolved. */
static void open_on_ether(void)
{
    bench_start(WIRE_ETHER);
    connection('A', "192.0.2.2:5555", "192.0.2.1:80", 1000);
    sock = bound(SOCK_STREAM, "192.0.2.2:5555");
    connecting = task_start("client", connect_one, NULL);
    expect(ASKED);
}

/* RFC 1122 2.4: a missing ARP entry alone does not make a peer unreachable. */
static void test_no_neighbour(void)
{
    open_on_ether();
    advance(2900);
    check(!task_done(connecting));
    check_int(wire_pending(1), 2);
    check_counted(tcp, hard_errors, 1, advance(1200));
    check(task_done(connecting));
    check_int(errnum, EHOSTUNREACH);
    expect_nothing(300000);
    connecting = task_start("client", connect_one, NULL); /* the socket can connect again */
    expect(ASKED);
    inject(ANSWER);
    expect("S 0:0(0)");
    establish();
}

static void connect_beyond(void *arg)
{
    struct sockaddr_in remote = address("198.51.100.1:80");

    (void)arg;
    errnum = sock_connect(sock, SA(&remote), sizeof(remote)) == 0 ? 0 : errno;
}

static void test_no_gateway(void)
{
    bench_start(WIRE_ETHER);
    check_int(ip_route_set_default_gateway(ip_iface_select(addr("192.0.2.2")), "192.0.2.1"), 0);
    sock = sock_open(PF_INET, SOCK_STREAM, 0);
    connecting = task_start("client", connect_beyond, NULL);
    expect(ASKED);
    task_join(connecting, 4200);
    check_int(errnum, EHOSTUNREACH);
    wire_pending(1);
}

/* The neighbour is absent for a while: a soft error, and the connection survives. */
static void test_neighbour_away(void)
{
    struct tcp_stats stats;

    open_on_ether();
    inject(ANSWER);
    expect("S 0:0(0)");
    establish();
    advance(60000);
    wire_pending(1);
    check_int(sock_send(sock, "hello", 5), 5);
    expect(ASKED);
    advance(10000);
    check_int(sock_error(sock), EHOSTUNREACH);
    check_int(view().state, TCP_STATE_ESTABLISHED);
    tcp_get_stats(&stats);
    check_int(stats.hard_errors, 0);
    wire_pending(1);
    wire_answer_arp(1);
    expect_within(10000, "P. 1:6(5) ack 1 'hello'");
    wire_pending(1);
    inject(". 1:1(0) ack 6");
    check_int(sock_error(sock), 0);
}

/* No user waits for a half-open connection at a listener: it times out as usual. */
static void test_client_away(void)
{
    bench_start(WIRE_ETHER);
    sock = listening("192.0.2.2:80");
    check_counted(tcp, hard_errors, 0, {
        inject("TCP 192.0.2.1.5000 > 192.0.2.2.80 S 9:9(0) win 65535");
        expect(ASKED);
        advance(10000);
    });
    wire_pending(1);
    wire_answer_arp(1);
    advance(10000);
    check_cmp(wire_pending(1), >, 0); /* the SYN-ACK */
}

static void receive_unreachable(void *arg)
{
    check_error(receive(*(int *)arg), EHOSTUNREACH);
}

/* The error is about the last datagram sent, and wakes a sleeper. */
static void test_udp_no_neighbour(void)
{
    struct sockaddr_in peer = address("192.0.2.1:5000");
    struct task *task;
    int id;

    bench_start(WIRE_ETHER);
    id = bound(SOCK_DGRAM, "0.0.0.0:7");
    for (int i = 0; i < 5; i++) {
        check_int(sock_sendto(id, "hello", 5, SA(&peer), sizeof(peer)), 5);
    }
    expect(ASKED);
    task = task_start("reader", receive_unreachable, &id);
    check_counted(udp, errors, 1, task_join(task, 4200));
    wire_pending(1);
    check_int(sock_sendto(id, "", 0, SA(&peer), sizeof(peer)), 0); /* a header alone */
    check_counted(udp, errors, 1, advance(4200));
    check_error(receive(id), EHOSTUNREACH);
    wire_pending(1);
    check_int(sock_sendto(id, "again", 5, SA(&peer), sizeof(peer)), 5);
    expect(ASKED);
    inject(ANSWER);
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 'again'");
}

/* A datagram too short for a transport header reaches no user. */
static void test_short_no_neighbour(void)
{
    bench_start(WIRE_ETHER);
    for (size_t len = 0; len < 8; len++) {
        ip_output(IP_PROTOCOL_UDP, (const uint8_t *)"datagram", len, IP_ADDR_ANY,
                  addr("192.0.2.1"));
    }
    check_counted(udp, error_ignored, 0, advance(10000));
    wire_pending(1);
}

static void test_guesses(void)
{
    static const uint32_t offsets[] = {
        (uint32_t)-1, 10, 11, 65535, 0x7fffffff, 0x80000000, (uint32_t)-1000,
    };

    open_active();
    check_counted(tcp, error_ignored, 1, report(3, 3, segment(1)));
    check_counted(tcp, error_ignored, 1, report(3, 3, segment((uint32_t)-1)));
    check(!task_done(connecting));
    establish();
    send_ten(1);
    expect("P. 1:11(10) ack 1");
    for (size_t i = 0; i < countof(offsets); i++) {
        check_counted(tcp, error_ignored, 1, report(3, 1, segment(offsets[i])));
        check_int(sock_error(sock), 0);
    }
    check_counted(tcp, error_ignored, 1, report(3, 1, quoted(IP_PROTOCOL_TCP, "192.0.2.2:5555",
                                                             "192.0.2.1:81", view().snd.una)));
    check_int(sock_error(sock), 0);
    inject(". 1:1(0) ack 11 win 65535");
}

/* Two connections: the error reaches one of them, and not the listener. */
static void test_steered(void)
{
    int listener, first, second;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    client('A', 1000);
    handshake("", 65535);
    client('B', 2000);
    handshake("", 65535);
    first = sock_accept(listener, NULL, NULL);
    second = sock_accept(listener, NULL, NULL);
    for (size_t i = 0; i < 10; i++) {
        struct tcp_view v;
        if (tcp_get_view_at(i, &v) == 0 && v.remote.port == hton16(5001)) {
            check_int(sock_send(second, "0123456789", 10), 10);
            expect("P. 1:11(10) ack 1 '0123456789'");
            report(3, 1, quoted(IP_PROTOCOL_TCP, "192.0.2.2:7", "192.0.2.1:5001", v.snd.nxt));
            break;
        }
    }
    check_int(sock_error(first), 0);
    check_int(sock_error(second), EHOSTUNREACH);
    check_int(sock_error(listener), 0);
    inject("B> R. 1:1(0) ack 11");
}

/* The connection is unchanged. */
static void check_same(const struct tcp_view *before)
{
    struct tcp_view now = view();

    check_int(now.state, before->state);
    check_int(now.snd.una, before->snd.una);
    check_int(now.snd.nxt, before->snd.nxt);
    check_int(now.snd.wnd, before->snd.wnd);
    check_int(now.rcv.nxt, before->rcv.nxt);
    check_int(now.rcv.wnd, before->rcv.wnd);
    check_int(now.soft_error, before->soft_error);
}

/* "Fragmentation needed" with sizes good and bad: the next segment is not split. */
static void test_needs_fragments(void)
{
    static const uint16_t sizes[] = {0, 1, 67, 68, 1500, 65535};
    struct tcp_view before;
    char line[256];

    open_active();
    establish();
    send_ten(1);
    expect("P. 1:11(10) ack 1");
    before = view();
    for (size_t i = 0; i < countof(sizes); i++) {
        struct quote q = segment(0);
        int n = snprintf(line, sizeof(line),
                         "IP 192.0.2.254 > 192.0.2.2 ICMP unreachable needfrag seq %u hex ",
                         sizes[i]);
        for (size_t j = 0; j < sizeof(q); j++) {
            n += snprintf(line + n, sizeof(line) - (size_t)n, "%02x", ((uint8_t *)&q)[j]);
        }
        inject(line);
        check_same(&before);
    }
    inject(". 1:1(0) ack 11 win 65535");
    send_ten(11);
    expect("P. 11:21(10) ack 1");
}

/* Source quench, redirect, router discovery, timestamp, information, address mask. */
static void test_ignored(void)
{
    static const int types[] = {4, 5, 9, 10, 13, 14, 15, 16, 17, 18};
    struct tcp_view before;

    open_active();
    establish();
    send_ten(1);
    expect("P. 1:11(10) ack 1");
    before = view();
    for (size_t i = 0; i < countof(types); i++) {
        for (int code = 0; code < 4; code++) {
            check_counted(icmp, ignored, 1, report(types[i], code, segment(0)));
        }
        check_same(&before);
    }
    expect_nothing(0);
    inject(". 1:1(0) ack 11 win 65535");
    check(ip_route_get_iface(addr("203.0.113.1")) == NULL); /* no route was added */
}

/*
 * Errors sent
 */

/* Sends datagrams from 192.0.2.1 to a closed port until one gets no error. Returns the number of
 * errors. */
static int exhaust(void)
{
    int num = 0;

    for (;;) {
        inject(TO_8);
        if (wire_pending(0) == 0) {
            return num;
        }
        expect(PORT_UNREACHABLE);
        num++;
        check_cmp(num, <=, 1000);
    }
}

static void test_limit(void)
{
    int num = 0;

    bench_start(WIRE_RAW);
    check_int(exhaust(), ICMP_LIMIT_BURST);
    check_counted(icmp, errors_limited, 1, inject(TO_8));
    check_counted(icmp, errors_limited, 1, inject("IP 192.0.2.1 > 192.0.2.2 proto 253 'a'"));
    for (int i = 0; i < 4000; i++) { /* forty seconds of a flood */
        advance(10);
        inject(TO_8);
        num += (int)wire_pending(1);
    }
    check_cmp(num, >, 36000 / ICMP_LIMIT_INTERVAL);
    check_cmp(num, <, 44000 / ICMP_LIMIT_INTERVAL);
    advance(ICMP_LIMIT_INTERVAL * ICMP_LIMIT_BURST * 2);
    check_int(exhaust(), ICMP_LIMIT_BURST); /* no more than the burst */
}

/* Errors to one host are limited; some other hosts may share its bucket, by hash. */
static void test_limit_of_one(void)
{
    char line[128];
    int num = 0;

    bench_start(WIRE_RAW);
    exhaust();
    for (int host = 3; host < 103; host++) {
        snprintf(line, sizeof(line), "UDP 192.0.2.%d.5000 > 192.0.2.2.8 'hello'", host);
        inject(line);
        num += (int)wire_pending(1);
    }
    check_cmp(num, >=, 90);
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 8"); /* not an error */
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 8");
}

/* Datagrams from 20,000 forged sources at one moment. */
static void test_limit_of_all(void)
{
    static const struct {
        struct ip_hdr ip;
        uint8_t data[8];
    } __attribute__((packed)) good = {
        .ip = {.vhl = 0x45, .ttl = 64, .protocol = 253},
    };
    uint8_t packet[sizeof(good)];
    struct ip_hdr *hdr = (struct ip_hdr *)packet;
    size_t num = 0, peak;

    bench_start(WIRE_RAW);
    ip_route_set_default_gateway(ip_iface_select(addr("192.0.2.2")), "192.0.2.254");
    peak = memory_peak();
    for (uint32_t i = 0; i < 20000; i++) {
        memcpy(packet, &good, sizeof(packet));
        hdr->total = hton16(sizeof(packet));
        hdr->src = hton32(0x0a000001 + i);
        hdr->dst = addr("192.0.2.2");
        hdr->sum = cksum16(hdr, sizeof(*hdr), 0);
        inject_bytes(packet, sizeof(packet));
        num += wire_pending(1);
    }
    check_range(num, 1000, ICMP_LIMIT_BUCKETS * ICMP_LIMIT_BURST);
    check_cmp(memory_peak(), <=, peak + 4);
}

/* The interval of the limit is random. */
static void test_limit_random(void)
{
    uint64_t last, wait, least = UINT64_MAX, most = 0;

    bench_start(WIRE_RAW);
    exhaust();
    last = now_ms();
    for (int i = 0; i < 40; i++) {
        while (wire_pending(1) == 0) {
            advance(1);
            inject(TO_8);
        }
        wait = now_ms() - last;
        last = now_ms();
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    check_cmp(most, >=, least + ICMP_LIMIT_INTERVAL / 4);
    check_cmp(most, <=, 3 * ICMP_LIMIT_INTERVAL);
}

static void test_no_error(void)
{
    static const char *const about[] = {
        "UDP 192.0.2.1.5000 > 192.0.2.255.8 'hello'",
        "UDP 192.0.2.1.5000 > 255.255.255.255.8 'hello'",
        "UDP 192.0.2.255.5000 > 192.0.2.2.8 'hello'",
        "UDP 224.0.0.1.5000 > 192.0.2.2.8 'hello'",
        "UDP 127.0.0.1.5000 > 192.0.2.2.8 'hello'",
        "UDP 0.0.0.0.5000 > 192.0.2.2.8 'hello'",
        "IP 192.0.2.1 > 192.0.2.255 proto 253 'hello'",
        "IP 192.0.2.1 > 192.0.2.2 offset 1480 proto 253 len 8",
    };

    bench_start(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
    expect("ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01");
    for (size_t i = 0; i < countof(about); i++) {
        check_counted(icmp, errors_sent, 0, inject(about[i]));
    }
    check_counted(icmp, errors_sent, 0, inject(ALL TO_8));
    check_counted(icmp, errors_sent, 0,
                  inject(ALL "UDP 192.0.2.1.5000 > 192.0.2.255.8 'hello'"));
    expect_nothing(0);
    check_counted(icmp, errors_sent, 1, inject(TO_8));
    expect(PORT_UNREACHABLE);
}

/* Each type of error, and one that quotes a datagram never sent. */
static void test_no_error_about_errors(void)
{
    struct quote q;

    bench_start(WIRE_RAW);
    q = quoted(IP_PROTOCOL_UDP, "192.0.2.2:9", "192.0.2.1:5000", 0);
    for (int type = 3; type <= 12; type++) {
        if (type != 8) {
            report(type, 0, q);
            report_part(type, 3, &q, 8);
        }
    }
    q.ip.protocol = 253;
    report(3, 2, q);
    expect_nothing(0);
}

static void test_error_as_it_should_be(void)
{
    static const uint8_t refused[] = {
        0x45, 0xb8, 0x00, 0x26, 0xab, 0xcd, 0x40, 0x00, 0x07, 0x11, 0x43, 0x3e,
        192,  0,    2,    1,    192,  0,    2,    2,
        0x13, 0x88, 0x00, 0x08, 0x00, 0x12, 0x00, 0x00, 'q', 'u', 'o', 't', 'e', ' ', 'm', 'e',
        '.',  '.',
    };
    uint8_t got[128];

    bench_start(WIRE_RAW);
    inject_bytes(refused, sizeof(refused));
    check_cmp(take(0, got, sizeof(got)), >=, 20 + 8 + 28);
    check_int(got[1], 0);                       /* type of service */
    check_mem(got + 12, "\xc0\x00\x02\x02", 4); /* from the destination of the datagram */
    check_mem(got + 20, "\x03\x03", 2);
    check_mem(got + 28, refused, 28);
}

/* Port 0 as a source means that no reply is expected. */
static void test_port_zero(void)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int id;
    char buf[8];

    bench_start(WIRE_RAW);
    id = bound(SOCK_DGRAM, "0.0.0.0:7");
    inject("UDP 192.0.2.1.0 > 192.0.2.2.7 'hello'");
    check_int(sock_recvfrom(id, buf, sizeof(buf), SA(&peer), &len), 5);
    check_int(peer.sin_port, 0);
    check_error(sock_sendto(id, buf, 5, SA(&peer), sizeof(peer)), EINVAL);
    inject("UDP 192.0.2.255.7 > 192.0.2.2.7 'hello'");
    inject("UDP 192.0.2.2.7 > 192.0.2.2.7 'hello'");
    check_counted(udp, delivered, 0, inject("UDP 255.255.255.255.7 > 192.0.2.2.7 'hello'"));
    expect_nothing(0);
}

BENCH(40,
      {"UDP: an error about the last datagram sent is reported once "
       "[1122-4.1.3.3 1122-3.2.2c 1122-3.2.2.1b]", test_udp_once},
      {"UDP: sock_error reports an error once", test_udp_asked},
      {"UDP: an error wakes a sleeping recvfrom", test_udp_sleeper},
      {"UDP: each kind of error has its errno [1122-3.2.2.4 1122-3.2.2.5b]", test_udp_kinds},
      {"UDP: unreachable with an unknown code is ignored and counted", test_udp_other_codes},
      {"UDP: an error about another datagram is ignored [C-4]", test_udp_guesses},
      {"UDP: a datagram refused by sendto does not count as sent last", test_udp_not_sent},
      {"UDP: a socket that has sent nothing gets no error", test_udp_never_sent},
      {"UDP: a closed local port is ECONNREFUSED", test_udp_ourselves},
      {"an error with a short, malformed or foreign quote is dropped and counted [C-4]",
       test_quotes},
      {"an error about an unregistered protocol is counted", test_unregistered},
      {"TCP: port or protocol unreachable in SYN-SENT is ECONNREFUSED at once [SHLD-26]",
       test_syn_hard},
      {"TCP: a soft error in SYN-SENT is kept, and the SYN is retransmitted [MUST-56 MUST-47]",
       test_syn_soft},
      {"TCP: a soft error is the errno when a SYN times out [MUST-47 SHLD-25]", test_syn_silence},
      {"TCP: no error ends an established connection [C-5 MUST-56 SHLD-26 MUST-47 SHLD-25]",
       test_established},
      {"TCP: a soft error is the errno when a connection times out [MUST-47]",
       test_established_silence},
      {"TCP: connect over an unresolved next hop is EHOSTUNREACH after 3 s", test_no_neighbour},
      {"TCP: connect over an unresolved gateway is EHOSTUNREACH", test_no_gateway},
      {"TCP: a connection survives an unresolved neighbour, a soft error [MUST-56]",
       test_neighbour_away},
      {"TCP: a half-open connection survives an unresolved neighbour", test_client_away},
      {"UDP: an unresolved neighbour is EHOSTUNREACH, reported once", test_udp_no_neighbour},
      {"an unresolved datagram too short for a transport reports no error",
       test_short_no_neighbour},
      {"TCP: an error counts only for data in flight between its endpoints [C-4 C-5]",
       test_guesses},
      {"TCP: an error reaches only the connection that it quotes [MUST-54]", test_steered},
      {"TCP: \"fragmentation needed\" does not change a connection [C-6]", test_needs_fragments},
      {"source quench, redirects and other types are ignored and counted "
       "[C-7 C-8 C-9 MUST-55 1122-3.2.2.3 1122-3.2.2.9]", test_ignored},
      {"errors to one host are rate-limited [C-10 I-11]", test_limit},
      {"errors to other hosts are not limited with those to one [C-10]", test_limit_of_one},
      {"errors to all hosts are rate-limited, in a fixed table [C-10]", test_limit_of_all},
      {"the time of the next permitted error is random [C-10]", test_limit_random},
      {"no error is sent about a broadcast, a later fragment or a non-unicast source "
       "[C-11 1122-3.2.2e]", test_no_error},
      {"no error is sent about an ICMP error [C-11 1122-3.2.2e]", test_no_error_about_errors},
      {"an error quotes header and 8 bytes unchanged, with type of service 0 "
       "[1122-3.2.2b 1122-3.2.2d 1122-3.3.4.2a]", test_error_as_it_should_be},
      {"UDP: sendto port 0 fails, and datagrams from a broadcast are dropped [U-6]",
       test_port_zero})
