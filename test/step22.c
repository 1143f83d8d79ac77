/* Step 22: passive open. The segments of close come with step 27, the effects of a RST with step
 * 28. */

#include <stdio.h>

#include "bench.h"
#include "call.h"
#include "endp.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

#define PEER_ISN 1000

static ssize_t open_passive(struct call *c)
{
    ip_endp_t local = endp(c->local), remote;

    if (c->remote) {
        remote = endp(c->remote);
    }
    return tcp_cmd_open(&local, c->remote ? &remote : NULL, 0);
}

/* remote may be NULL: any. */
static void opener_start(struct call *o, const char *local, const char *remote)
{
    call_start(o, open_passive, .local = local, .remote = remote);
}

/* The block with this remote port; all zeros, thus CLOSED, if there is none. */
static struct tcp_view view_of(uint16_t remote_port)
{
    struct tcp_view view;

    for (size_t i = 0; i < TCP_PCB_SIZE; i++) {
        if (tcp_get_view_at(i, &view) == 0 && view.remote.port == hton16(remote_port)) {
            return view;
        }
    }
    return (struct tcp_view){0};
}

static enum tcp_state state_of(uint16_t remote_port)
{
    return view_of(remote_port).state;
}

static void check_established(const struct call *o)
{
    struct tcp_view view;

    if (!task_done(o->task)) {
        fail("OPEN has not returned");
    }
    check_cmp(o->ret, !=, -1);
    check_int(tcp_get_view((int)o->ret, &view), 0);
    check_str(tcp_state_ntoa(view.state), "ESTABLISHED");
}

static void start(struct call *o)
{
    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    opener_start(o, "0.0.0.0:7", NULL);
}

static void test_syn(void)
{
    char syn_ack[64];
    struct tcp_view view;
    static struct call o;

    start(&o);
    inject("S 0:0(0) win 65535");
    view = view_of(5000);
    snprintf(syn_ack, sizeof(syn_ack), "S. =%u:=%u(0) ack 1 win 65535", view.iss, view.iss);
    expect(syn_ack); /* the ISS in network byte order */
    check_str(tcp_state_ntoa(view.state), "SYN_RECEIVED");
    check(logged("LISTEN => SYN_RECEIVED"));
    check_sleeps(&o);
    check_int(view.snd.una - view.iss, 0); /* our SYN is sent, and not acknowledged */
    check_int(view.snd.nxt - view.iss, 1);
}

static void test_handshake(void)
{
    static struct call o;

    start(&o);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1 win 65535");
    check_sleeps(&o);
    inject(". 1:1(0) ack 1");
    check(logged("SYN_RECEIVED => ESTABLISHED"));
    check_established(&o);
}

static void test_view(void)
{
    ip_endp_t local = endp("192.0.2.2:7"), remote = endp("192.0.2.1:5000");
    struct tcp_view view;
    static struct call o;

    start(&o);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1 win 65535");
    check_int(tcp_get_view((int)o.ret, &view), 0);
    check_int(view.local.addr, local.addr);
    check_int(view.local.port, local.port);
    check_int(view.remote.addr, remote.addr);
    check_int(view.remote.port, remote.port);
    check_int(view.irs, PEER_ISN);
    check_int(view.rcv.nxt, PEER_ISN + 1);
    check_int(view.snd.una, view.iss + 1);
    check_int(view.snd.nxt, view.iss + 1);
    check_int(view.snd.wnd, 65535);
    check_int(view.rcv.wnd, TCP_RCV_BUF_SIZE);
    check_cmp(sizeof(view.snd.wnd), >=, 4);
    check_cmp(sizeof(view.rcv.wnd), >=, 4);
}

/* A handshake with these numbers, which are compared modulo 2^32. */
static void try_isn(uint32_t peer, uint32_t ours)
{
    static unsigned port = 5000;
    char remote[32];
    struct tcp_view view;
    static struct call o;

    snprintf(remote, sizeof(remote), "192.0.2.1:%u", ++port);
    connection('A', "192.0.2.2:7", remote, peer);
    opener_start(&o, "192.0.2.2:7", NULL);
    next_isn(ours);
    handshake("", 65535);
    if (!task_done(o.task)) {
        fail("no connection with ISN %u of the peer and %u of ours", peer, ours);
    }
    check_established(&o);
    check_int(tcp_get_view((int)o.ret, &view), 0);
    check_int(view.iss, ours);
}

static void test_isn(void)
{
    static const uint32_t isn[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(isn); i++) {
        for (size_t j = 0; j < countof(isn); j++) {
            try_isn(isn[i], isn[j]);
        }
    }
}

/* The OPEN still waits for a peer, and gets one. */
static void check_listens(const struct call *o)
{
    check_sleeps(o);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
}

static void test_listen_reset(void)
{
    static struct call o;

    start(&o);
    check_counted(tcp, bad_flags, 1, inject("R 0:0(0) win 0"));
    check_counted(tcp, bad_flags, 1, inject("R. 0:0(0) ack =5000"));
    check_counted(tcp, bad_flags, 1, inject("SR 0:0(0) win 0"));
    expect_nothing(500);
    check_listens(&o);
}

static void test_listen_ack(void)
{
    static struct call o;

    start(&o);
    check_counted(tcp, bad_ack, 1, inject(". 1:1(0) ack =5000"));
    expect("R =5000:=5000(0)");
    inject("S. 0:0(0) ack =4294967295 win 65535");
    expect("R =4294967295:=4294967295(0)");
    inject("F. 1:11(10) ack =0");
    expect("R =0:=0(0)");
    check_listens(&o);
}

static void test_listen_other(void)
{
    static struct call o;

    start(&o);
    check_counted(tcp, bad_flags, 1, inject("F 0:0(0) win 65535"));
    check_counted(tcp, bad_flags, 1, inject("P 1:11(10) win 65535"));
    check_counted(tcp, bad_flags, 1, inject_with("tcp.flags=0", "P 1:11(10) win 65535"));
    expect_nothing(500);
    check_listens(&o);
}

static void test_listen_fin(void)
{
    static struct call o;

    start(&o);
    check_counted(tcp, bad_flags, 1, inject("SF 0:0(0) win 65535"));
    expect_nothing(500);
    check_sleeps(&o);
}

/* Only RST, ACK, SYN and FIN are checked. A SYN that offers ECN has ECE and CWR, RFC 3168 6.1.1. */
static void test_listen_more_flags(void)
{
    static const char *const flags[] = {
        "tcp.flags=0x0a", "tcp.flags=0x22", "tcp.flags=0x42", "tcp.flags=0x82", "tcp.flags=0xc2",
    };
    char remote[32];
    static struct call o;

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(flags); i++) {
        bench_context(flags[i], 4);
        snprintf(remote, sizeof(remote), "192.0.2.1:%zu", 5000 + i);
        connection('A', "192.0.2.2:7", remote, PEER_ISN);
        opener_start(&o, "0.0.0.0:7", NULL);
        inject_with(flags[i], "S 0:0(0) win 65535");
        expect("S. 0:0(0) ack 1");
        inject(". 1:1(0) ack 1");
        check_established(&o);
    }
}

/* The text of a SYN is not kept: the peer sends it again, since it is not acknowledged. */
static void test_syn_with_text(void)
{
    static struct call o;

    start(&o);
    inject("S 0:10(10) win 65535");
    expect("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    check_established(&o);
}

/* To TCP a segment that IP cannot send is one that the network loses: it is sent again (step 24).
 * The peer's ACK shows that the numbers are as if it had gone out. */
static void test_syn_ack_refused(void)
{
    static struct call o;

    start(&o);
    next_isn(5000);
    wire_fail_output(1);
    inject("S 0:0(0) win 65535");
    wire_fail_output(0);
    check_str(tcp_state_ntoa(state_of(5000)), "SYN_RECEIVED");
    inject(". 1:1(0) ack =5001");
    check_established(&o);
}

/* An ACK of anything but our SYN belongs to another connection. */
static void test_bad_ack(void)
{
    static struct call o;

    start(&o);
    next_isn(0xfffffffe); /* so 2 wraps and 1 does not */
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    check_counted(tcp, bad_ack, 1, inject(". 1:1(0) ack 0"));
    expect("R 0:0(0)");
    check_counted(tcp, bad_ack, 1, inject(". 1:1(0) ack 2"));
    expect("R 2:2(0)");
    check_counted(tcp, bad_ack, 1, inject(". 1:1(0) ack 2147483650"));
    expect("R 2147483650:2147483650(0)");
    check_sleeps(&o);
    check_str(tcp_state_ntoa(state_of(5000)), "SYN_RECEIVED");
    inject(". 1:1(0) ack 1");
    check_established(&o);
}

static void test_other_port(void)
{
    static struct call o;

    start(&o);
    connection('B', "192.0.2.2:8", "192.0.2.1:5000", PEER_ISN);
    inject("B> S 0:0(0) win 65535");
    expect("B> R. =0:=0(0) ack 1");
    check_sleeps(&o);
}

static void test_one_remote(void)
{
    static struct call o;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    connection('B', "192.0.2.2:7", "192.0.2.1:5001", PEER_ISN);
    connection('C', "192.0.2.2:7", "192.0.2.3:5000", PEER_ISN);
    opener_start(&o, "192.0.2.2:7", "192.0.2.1:5000");
    inject("B> S 0:0(0) win 65535");
    expect("B> R. =0:=0(0) ack 1");
    inject("C> S 0:0(0) win 65535");
    expect("C> R. =0:=0(0) ack 1");
    inject("A> S 0:0(0) win 65535");
    expect("A> S. 0:0(0) ack 1");
    inject("A> . 1:1(0) ack 1");
    check_established(&o);
}

/* Either OPEN at any address or at one, in both orders. */
static void test_one_and_any(void)
{
    static const char *const local[] = {"0.0.0.0:7", "192.0.2.2:7"};
    static struct call one, any;

    for (int i = 0; i < 8; i++) {
        bench_start(WIRE_RAW);
        if (i & 4) {
            opener_start(&any, local[i & 1], NULL);
        }
        opener_start(&one, local[i >> 1 & 1], "192.0.2.1:5000");
        if (!(i & 4)) {
            opener_start(&any, local[i & 1], NULL);
        }
        connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
        handshake("", 65535);
        check_established(&one);
        check_sleeps(&any);
        connection('B', "192.0.2.2:7", "192.0.2.1:5001", PEER_ISN);
        handshake("", 65535);
        check_established(&any);
        check_int(net_shutdown(), 0);
        wire_pending(1);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *local, *remote;
        int err; /* 0: it sleeps */
    } opens[] = {
        {"192.0.2.2:7", NULL, 0},
        {"192.0.2.2:7", NULL, EADDRINUSE},
        {"0.0.0.0:7", NULL, EADDRINUSE},
        {"192.0.2.2:7", "192.0.2.1:5000", 0},
        {"192.0.2.2:7", "192.0.2.1:5000", EADDRINUSE},
        {"0.0.0.0:7", "192.0.2.1:5000", EADDRINUSE},
        {"192.0.2.2:7", "192.0.2.1:5001", 0},
        {"192.0.2.2:7", "192.0.2.3:5000", 0},
        {"0.0.0.0:8", NULL, 0},
        {"0.0.0.0:8", NULL, EADDRINUSE},
        {"192.0.2.2:8", NULL, EADDRINUSE},
        {"192.0.2.3:9", NULL, EADDRNOTAVAIL},
        {"192.0.2.255:9", NULL, EADDRNOTAVAIL},
        {"192.0.2.2:0", NULL, EINVAL},
    };
    char text[64];
    static struct call o[countof(opens)];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(opens); i++) {
        snprintf(text, sizeof(text), "OPEN %zu: %s, for %s", i, opens[i].local,
                 opens[i].remote ? opens[i].remote : "any peer");
        bench_context(text, 0);
        opener_start(&o[i], opens[i].local, opens[i].remote);
        if (opens[i].err) {
            check_failed(&o[i], opens[i].err);
        } else {
            check_sleeps(&o[i]);
        }
    }
    bench_context("", 0);
    check_error(tcp_cmd_open(NULL, NULL, 0), EINVAL);
}

/* Two interfaces. Port 7 is closed at the first until it has a listener of its own. */
static void test_two_addresses(void)
{
    struct net_device *first, *second;
    static struct call o, other;

    check_int(net_init(), 0);
    first = wire_init(WIRE_RAW);
    second = wire_init(WIRE_RAW);
    wire_address(first, "192.0.2.2", "255.255.255.0");
    wire_address(second, "198.51.100.2", "255.255.255.0");
    check_int(net_run(), 0);
    connection('A', "198.51.100.2:7", "198.51.100.1:5000", PEER_ISN);
    connection('B', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    opener_start(&o, "198.51.100.2:7", NULL);
    wire_use(first);
    inject("B> S 0:0(0) win 65535");
    expect("B> R. =0:=0(0) ack 1");
    opener_start(&other, "192.0.2.2:7", NULL);
    inject("B> S 0:0(0) win 65535");
    expect("B> S. 0:0(0) ack 1");
    inject("B> . 1:1(0) ack 1");
    check_established(&other);
    wire_use(second);
    inject("A> S 0:0(0) win 65535");
    expect("A> S. 0:0(0) ack 1");
    inject("A> . 1:1(0) ack 1");
    check_established(&o);
}

/* RFC 9293 3.9.1.1: a passive open and existing connections do not affect each other. */
static void test_second_open(void)
{
    static struct call a, b, c;

    start(&a);
    opener_start(&b, "0.0.0.0:7", NULL);
    check_failed(&b, EADDRINUSE);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    opener_start(&c, "0.0.0.0:7", NULL);
    check_sleeps(&c);
    connection('B', "192.0.2.2:7", "192.0.2.1:5001", PEER_ISN);
    inject("B> S 0:0(0) win 65535");
    expect("B> S. 0:0(0) ack 1");
    inject("B> . 1:1(0) ack 1");
    check_established(&c);
    inject("A> . 1:1(0) ack 1");
    check_established(&a);
    check_cmp(a.ret, !=, c.ret);
}

static void test_interruption(void)
{
    static struct call o;

    start(&o);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&o, EINTR);
    inject("S 0:0(0) win 65535");
    expect("R. =0:=0(0) ack 1");
    opener_start(&o, "0.0.0.0:7", NULL);
    handshake("", 65535);
    check_established(&o);
}

static void test_close(void)
{
    static const int bad[] = {-1, TCP_PCB_SIZE, 1 << 30};
    static struct call o;

    start(&o);
    handshake("", 65535);
    check_established(&o);
    check_int(tcp_cmd_close((int)o.ret), 0);
    check_error(tcp_cmd_close((int)o.ret), EBADF);
    for (size_t i = 0; i < countof(bad); i++) {
        check_error(tcp_cmd_close(bad[i]), EBADF);
    }
    wire_pending(1);
}

/* The FIN comes with step 27. */
static void test_close_tells_peer(void)
{
    uint8_t packet[64];
    static struct call o;

    start(&o);
    handshake("", 65535);
    check_established(&o);
    check_int(tcp_cmd_close((int)o.ret), 0);
    check_int(take(0, packet, sizeof(packet)), 40);
    check_cmp(packet[33] & 0x05, !=, 0); /* RST or FIN */
    check_int(get32(packet + 28), PEER_ISN + 1);
}

static void test_shutdown(void)
{
    static struct call a, b;

    start(&a);
    opener_start(&b, "0.0.0.0:8", NULL);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    check_int(net_shutdown(), 0);
    settle();
    wire_pending(1);
    check_failed(&a, EBADF);
    check_failed(&b, EBADF);
    check_error(open_passive(&a), ENETDOWN);
    check_int(memory_in_use(), 0);
}

BENCH(22,
      {"a SYN gets a SYN-ACK, and leads to SYN-RECEIVED", test_syn},
      {"SYN, SYN-ACK, ACK: a passive OPEN returns a connection", test_handshake},
      {"the view shows both sides' numbers and endpoints [MUST-1 REC-1]", test_view},
      {"initial sequence numbers around 2^32 work", test_isn},
      {"LISTEN ignores a RST [EVENT-2]", test_listen_reset},
      {"LISTEN answers an ACK with a RST [EVENT-2]", test_listen_ack},
      {"LISTEN drops a segment without RST, ACK and SYN [EVENT-2]", test_listen_other},
      {"LISTEN drops a SYN with FIN", test_listen_fin},
      {"LISTEN accepts a SYN with PSH, URG, ECE or CWR", test_listen_more_flags},
      {"the SYN-ACK acknowledges the SYN, and not its text", test_syn_with_text},
      {"a SYN-ACK that IP refuses leads to SYN-RECEIVED as a lost one does", test_syn_ack_refused},
      {"SYN-RECEIVED answers a bad ACK with a RST", test_bad_ack},
      {"a SYN to a port without a listener gets a RST", test_other_port},
      {"a listener bound to one address does not answer at another [MUST-43 MUST-45 1122-3.3.4.2a]",
       test_two_addresses},
      {"an OPEN for one peer refuses others", test_one_remote},
      {"an OPEN for one peer wins over one for any peer", test_one_and_any},
      {"a passive OPEN fails with EADDRINUSE, EADDRNOTAVAIL or EINVAL", test_refused},
      {"a port in use can be opened again, but only one OPEN for any peer can wait on it "
       "[MUST-41 MUST-42]", test_second_open},
      {"an interruption ends OPEN with EINTR", test_interruption},
      {"close fails with EBADF on a closed or invalid descriptor", test_close},
      {"close tells the peer, by a RST or a FIN", test_close_tells_peer},
      {"shutdown wakes sleeping OPENs and frees all memory", test_shutdown})
