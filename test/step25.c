/* Step 25: active open. The effects of a RST come with step 28. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "driver/loopback.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

static ssize_t open_active(struct call *c)
{
    ip_endp_t remote = endp(c->remote), local;

    if (c->local) {
        local = endp(c->local);
    }
    return tcp_cmd_open(c->local ? &local : NULL, &remote, 1);
}

/* local may be NULL: the stack chooses. */
static void connect_start(struct call *o, const char *local, const char *remote)
{
    call_start(o, open_active, .local = local, .remote = remote);
}

/* Connects from 192.0.2.2:10000 to 192.0.2.1:7, up to the SYN. */
static void start(struct call *o)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:10000", "192.0.2.1:7", PEER_ISN);
    connect_start(o, "192.0.2.2:10000", "192.0.2.1:7");
    expect("S 0:0(0)");
}

/* The peer answers. Returns the descriptor. */
static int establish(const struct call *o)
{
    inject("S. 0:0(0) ack 1 win 65535");
    expect(". 1:1(0) ack 1");
    check_state(opened(o), "ESTABLISHED");
    return opened(o);
}

static void test_handshake(void)
{
    static struct call o;
    struct tcp_view v;

    start(&o);
    check_sleeps(&o);
    check(logged("CLOSED => SYN_SENT"));
    v = view(establish(&o));
    check(logged("SYN_SENT => ESTABLISHED"));
    check_int(v.irs, PEER_ISN);
    check_int(v.rcv.nxt, PEER_ISN + 1);
    check_int(v.rcv.wnd, TCP_RCV_BUF_SIZE);
    check_int(v.snd.una, v.iss + 1);
    check_int(v.snd.wnd, 65535);
    expect_nothing(60000);
}

/* Its text is acknowledged if it is kept (step 33), or else the peer sends it again. */
static void test_text_with_syn(void)
{
    static struct call o, r;
    int desc;

    start(&o);
    inject("S. 0:10(10) ack 1 win 65535 'abcdefghij'");
    desc = opened(&o);
    advance(500);
    check_cmp(wire_pending(1), >, 0);
    if (view(desc).rcv.nxt == PEER_ISN + 1) {
        inject("P. 1:11(10) ack 1 'abcdefghij'");
    }
    check_int(view(desc).rcv.nxt, PEER_ISN + 11);
    call_start(&r, receive, .desc = desc, .len = 100);
    check_returned(&r, 10);
    check_mem(r.buf, "abcdefghij", 10);
    advance(500);
    wire_pending(1);
}

static void test_data(void)
{
    static struct call o;
    int desc;

    start(&o);
    desc = establish(&o);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    inject("P. 1:21(20) ack 11");
    expect_within(500, ". 11:11(0) ack 21");
    check_received(desc, 1, 21);
}

static void test_isn(void)
{
    static const uint32_t isn[] = {0, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    char local[32];
    static struct call o;

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(isn) * countof(isn); i++) {
        snprintf(local, sizeof(local), "192.0.2.2:%zu", 10000 + i);
        connection('A', local, "192.0.2.1:7", isn[i % countof(isn)]);
        connect_start(&o, local, "192.0.2.1:7");
        expect("S 0:0(0)");
        intr_raise(INTR_IRQ_USER);
        settle();
        check_failed(&o, EINTR);
        wire_pending(1);
        next_isn(isn[i / countof(isn)]);
        connect_start(&o, local, "192.0.2.1:7");
        expect("S 0:0(0)");
        check_int(view(establish(&o)).iss, isn[i / countof(isn)]);
    }
}

/* Without a local endpoint: the address of the route's interface, and an ephemeral port. */
static void test_choice(void)
{
    static const uint8_t random[] = {0, 0}; /* the port's bytes differ */
    ip_endp_t address = endp("192.0.2.2:0");
    static struct call o;
    struct tcp_view v;

    bench_start(WIRE_RAW);
    sim_random_next(random, sizeof(random));
    connection('A', "192.0.2.2:0", "192.0.2.1:7", PEER_ISN);
    connect_start(&o, NULL, "192.0.2.1:7");
    expect("S 0:0(0)");
    v = view(establish(&o));
    check_int(v.local.addr, address.addr);
    check_cmp(ntoh16(v.local.port), >=, TCP_SOURCE_PORT_MIN);
}

static void test_window(void)
{
    static struct call o;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:10000", "192.0.2.1:7", PEER_ISN);
    connect_start(&o, "192.0.2.2:10000", "192.0.2.1:7");
    expect("S 0:0(0) win 65535");
    expect_within(60000, "S 0:0(0) win 65535");
}

/* RFC 6056: others cannot guess the port. A failed OPEN frees it, so it could be chosen again. */
static void test_random_ports(void)
{
    uint8_t packet[128];
    uint16_t port, before = 0;
    int same = 0;
    static struct call o;

    bench_start(WIRE_RAW);
    for (int i = 0; i < 5; i++) {
        connect_start(&o, NULL, "192.0.2.1:7");
        take(0, packet, sizeof(packet));
        port = get16(packet + 20);
        same += port == before;
        before = port;
        intr_raise(INTR_IRQ_USER);
        settle();
        check_failed(&o, EINTR);
        wire_pending(1);
    }
    if (same == 4) {
        fail("each OPEN begins with port %u", before);
    }
}

/* Opens a connection to 192.0.2.1:7, each time with the same random number. Returns its port. */
static uint16_t chosen_port(struct call *o)
{
    static const uint8_t random[] = {0xff, 0xff};
    uint8_t packet[128];

    sim_random_next(random, sizeof(random));
    connect_start(o, NULL, "192.0.2.1:7");
    take(0, packet, sizeof(packet));
    return get16(packet + 20);
}

/* Returns the endpoint with the n-th port after port. */
static const char *after(uint16_t port, int n)
{
    static char text[2][32];
    int num = TCP_SOURCE_PORT_MAX - TCP_SOURCE_PORT_MIN + 1;

    snprintf(text[n % 2], sizeof(*text), "192.0.2.2:%d",
             TCP_SOURCE_PORT_MIN + (port - TCP_SOURCE_PORT_MIN + n) % num);
    return text[n % 2];
}

/* The first choice, a passive OPEN and a connection to the same peer use three ports in a row. */
static void test_port_taken(void)
{
    static struct call a, b, c, d;
    uint16_t first, passive, active, port;

    bench_start(WIRE_RAW);
    first = chosen_port(&a);
    call_start(&b, open_passive, .local = after(first, 1));
    check_sleeps(&b);
    connect_start(&c, after(first, 2), "192.0.2.1:7");
    check_sleeps(&c);
    check_int(wire_pending(1), 1);
    port = chosen_port(&d);
    check_cmp(port, >=, TCP_SOURCE_PORT_MIN);
    check_cmp(port, !=, first);
    passive = ntoh16(endp(after(first, 1)).port);
    check_cmp(port, !=, passive);
    active = ntoh16(endp(after(first, 2)).port);
    check_cmp(port, !=, active);
}

/* Each connection to one peer has its own port. */
static void test_choices_differ(void)
{
    uint8_t packet[128];
    uint16_t port[20];
    static struct call o[20];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(o); i++) {
        connect_start(&o[i], NULL, "192.0.2.1:7");
        take(0, packet, sizeof(packet));
        port[i] = get16(packet + 20);
        check_cmp(port[i], >=, TCP_SOURCE_PORT_MIN);
        for (size_t j = 0; j < i; j++) {
            check_cmp(port[i], !=, port[j]);
        }
    }
}

static void test_wrong_ack(void)
{
    static struct call o;

    start(&o);
    check_counted(tcp, bad_ack, 1, inject("S. 0:0(0) ack 2 win 65535"));
    expect("R 2:2(0)");
    check_counted(tcp, bad_ack, 1, inject("S. 0:0(0) ack 0 win 65535"));
    expect("R 0:0(0)");
    check_counted(tcp, bad_ack, 1, inject(". 0:0(0) ack 2147483649"));
    expect("R 2147483649:2147483649(0)");
    /* a RST is not answered by a RST */
    check_counted(tcp, bad_ack, 1, inject("R. 0:0(0) ack 2"));
    expect_nothing(0);
    check_sleeps(&o);
    establish(&o);
}

/* The peer opens, too. It has not acknowledged our SYN yet: a simultaneous open (step 28). */
static void test_syn_alone(void)
{
    static struct call o;
    struct tcp_stats before, after;

    start(&o);
    tcp_get_stats(&before);
    inject("S 0:0(0) win 65535");
    check_sleeps(&o);
    tcp_get_stats(&after);
    if (wire_pending(1) == 0) {
        check_int(after.bad_flags - before.bad_flags, 1);
        establish(&o);
    }
}

/* The right ACK, but no SYN. */
static void test_no_syn(void)
{
    static struct call o;

    start(&o);
    check_counted(tcp, bad_flags, 1, inject(". 0:0(0) ack 1"));
    check_counted(tcp, bad_flags, 1, inject("F. 0:0(0) ack 1"));
    check_counted(tcp, bad_flags, 1, inject("P 1:11(10) win 65535"));
    check_counted(tcp, bad_flags, 1, inject("R 0:0(0)"));
    expect_nothing(500);
    check_sleeps(&o);
    establish(&o);
}

static void test_lost_syn(void)
{
    static struct call o;
    struct tcp_stats stats;
    long wait, last;

    start(&o);
    last = expect_within(60000, "S 0:0(0)");
    for (int i = 0; i < 3; i++) {
        wait = expect_within(10 * last, "S 0:0(0)");
        check_range(wait, 2 * last - 250, 2 * last + 250);
        last = wait;
    }
    tcp_get_stats(&stats);
    check_int(stats.retransmitted, 4);
    establish(&o);
    expect_nothing(60000);
}

/* RFC 9293 3.8.3: R2 of a SYN is at least three minutes. */
static void test_silence(void)
{
    static struct call o;

    start(&o);
    advance(179999);
    check_sleeps(&o);
    check_cmp(wire_pending(1), >=, 3);
    task_join(o.task, 600000);
    check_failed(&o, ETIMEDOUT);
    wire_pending(1);
    inject("S. 0:0(0) ack 1 win 65535");
    expect("R 1:1(0)");
}

/* Our ACK was lost: the peer repeats its SYN-ACK, which is outside the window by now. */
static void test_lost_ack(void)
{
    static struct call o;

    int desc;

    start(&o);
    desc = establish(&o);
    advance(1000);
    inject("S. 0:0(0) ack 1 win 65535");
    expect(". 1:1(0) ack 1");
    check_state(desc, "ESTABLISHED");
}

static void test_interruption(void)
{
    static struct call o;

    start(&o);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&o, EINTR);
    wire_pending(1);
    connection('A', "192.0.2.2:10000", "192.0.2.1:7", PEER_ISN);
    connect_start(&o, "192.0.2.2:10000", "192.0.2.1:7");
    expect("S 0:0(0)");
    establish(&o);
}

static void test_in_use(void)
{
    static struct call a, b;

    start(&a);
    connect_start(&b, "192.0.2.2:10000", "192.0.2.1:7");
    check_failed(&b, EADDRINUSE);
    establish(&a);
    connect_start(&b, "192.0.2.2:10000", "192.0.2.1:7");
    check_failed(&b, EADDRINUSE);
    expect_nothing(0);
}

static void test_itself(void)
{
    static struct call o;

    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    check_int(net_run(), 0);
    connect_start(&o, "127.0.0.1:10000", "127.0.0.1:10000");
    check_failed(&o, EADDRINUSE);
}

/* Here a failed handshake does not end the OPEN, but returns it to LISTEN. */
static void test_passive_again(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    advance(600000);
    wire_pending(1);
    check_sleeps(&opener);
    client('B', PEER_ISN);
    handshake("", 65535);
    check_state(opened(&opener), "ESTABLISHED");
}

/* RFC 9293 3.9.1.1: one port in LISTEN and in SYN-SENT at the same time. */
static void test_listener_beside(void)
{
    static struct call a, b;

    start(&a);
    call_start(&b, open_passive, .local = "192.0.2.2:10000");
    check_sleeps(&b);
    connection('B', "192.0.2.2:10000", "192.0.2.9:5000", PEER_ISN);
    handshake("", 65535);
    check_state(opened(&b), "ESTABLISHED");
    inject("A> S. 0:0(0) ack 1 win 65535");
    expect("A> . 1:1(0) ack 1");
    check_state(opened(&a), "ESTABLISHED");
}

/* Nothing is sent. */
static void test_refused(void)
{
    static const struct {
        const char *local, *remote;
        int err; /* 0: EINVAL or ENETUNREACH */
    } bad[] = {
        {NULL, "192.0.2.255:7", EINVAL},
        {NULL, "192.0.2.1:0", EINVAL},
        {NULL, "255.255.255.255:7", 0},
        {NULL, "224.0.0.1:7", 0},
        {NULL, "0.0.0.0:7", 0},
        {NULL, "203.0.113.1:7", ENETUNREACH},
        {"192.0.2.3:10000", "192.0.2.1:7", EADDRNOTAVAIL},
    };
    ip_endp_t local = endp("192.0.2.2:10000");
    static struct call o;

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(bad); i++) {
        bench_context(bad[i].remote, 4);
        connect_start(&o, bad[i].local, bad[i].remote);
        check_failed(&o, bad[i].err ? bad[i].err : o.err == EINVAL ? EINVAL : ENETUNREACH);
    }
    check_error(tcp_cmd_open(&local, NULL, 1), EINVAL);
    check_error(tcp_cmd_open(NULL, NULL, 1), EINVAL);
    expect_nothing(1000);
}

/* Two interfaces: the route to the peer leaves by the first, and the address is the second's. Where
 * routes go by the address too (step 39), a SYN may leave, from that address. */
static void test_other_address(void)
{
    struct net_device *first, *second;
    static struct call o;

    check_int(net_init(), 0);
    first = wire_init(WIRE_RAW);
    second = wire_init(WIRE_RAW);
    wire_address(first, "192.0.2.2", "255.255.255.0");
    wire_address(second, "198.51.100.2", "255.255.255.0");
    check_int(net_run(), 0);
    connection('A', "198.51.100.2:10000", "192.0.2.1:7", PEER_ISN);
    connect_start(&o, "198.51.100.2:10000", "192.0.2.1:7");
    if (wire_pending(0) > 0) {
        expect("S 0:0(0)");
        check_sleeps(&o);
    } else {
        check_failed(&o, ENETUNREACH);
    }
}

/* A failed OPEN frees its block, a hundred times over. */
static void test_nothing_left(void)
{
    static struct call o;
    size_t in_use;

    start(&o);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&o, EINTR);
    in_use = memory_in_use();
    for (int i = 0; i < 100; i++) {
        connect_start(&o, NULL, "192.0.2.1:7");
        intr_raise(INTR_IRQ_USER);
        settle();
        check_failed(&o, EINTR);
    }
    check_int(memory_in_use(), in_use);
    wire_pending(1);
}

BENCH(25,
      {"SYN, SYN-ACK, ACK: an active OPEN returns a connection", test_handshake},
      {"data goes both ways [MUST-2]", test_data},
      {"text that comes with the SYN-ACK is not lost", test_text_with_syn},
      {"initial sequence numbers around 2^32 work", test_isn},
      {"a lost SYN is retransmitted with doubling timeouts [MUST-22]", test_lost_syn},
      {"OPEN without a local endpoint chooses one [MUST-44]", test_choice},
      {"a SYN offers the whole receive buffer, also when retransmitted", test_window},
      {"a source port in use by a passive OPEN or to the same peer is not chosen",
       test_port_taken},
      {"each connection to one peer gets its own port [M-3]", test_choices_differ},
      {"OPENs do not begin with one and the same port", test_random_ports},
      {"SYN-SENT answers a wrong ACK with a RST, and counts it [EVENT-3]", test_wrong_ack},
      {"SYN-SENT does not take a SYN without ACK for an answer [EVENT-3]", test_syn_alone},
      {"SYN-SENT drops a segment without SYN, and counts it [EVENT-3]", test_no_syn},
      {"OPEN fails with ETIMEDOUT after at least three minutes of silence [MUST-23]", test_silence},
      {"a repeated SYN-ACK is acknowledged again", test_lost_ack},
      {"an interruption ends OPEN with EINTR", test_interruption},
      {"a second OPEN between the same endpoints fails with EADDRINUSE", test_in_use},
      {"an OPEN from an endpoint to itself fails with EADDRINUSE", test_itself},
      {"a passive OPEN still outlasts a failed handshake", test_passive_again},
      {"an active OPEN and a listener share a port [MUST-42]", test_listener_beside},
      {"OPEN to an invalid or unroutable peer, or to none, fails at once [MUST-46]", test_refused},
      {"OPEN from an address that is not the route's fails with ENETUNREACH",
       test_other_address},
      {"a failed OPEN leaves no memory allocated [M-1]", test_nothing_left})
