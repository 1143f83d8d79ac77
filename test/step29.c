/* Step 29: the commands of sockets. One listener, many connections. */

#include <stdio.h>

#include "bench.h"
#include "commands.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

/* The stack with one listener on port 7. */
static int start(int backlog)
{
    bench_start(WIRE_RAW);
    return listening("0.0.0.0:7", backlog);
}

static void client_syn(int c)
{
    client((char)c, PEER_ISN);
    inject("S 0:0(0)");
}

static void client_connects(int c)
{
    client((char)c, PEER_ISN);
    handshake("", 65535);
}

static ssize_t accept_one(struct call *c)
{
    return tcp_cmd_accept(c->desc, NULL);
}

static ssize_t connect_one(struct call *c)
{
    ip_endp_t remote = endp(c->remote);

    return tcp_cmd_connect(c->desc, &remote);
}

static void accept_start(struct call *c, int desc)
{
    call_start(c, accept_one, .desc = desc);
}

/* Connects from port 10000 to 192.0.2.1:5000, up to the SYN. */
static void connect_start(struct call *c)
{
    call_start(c, connect_one, .desc = bound("0.0.0.0:10000"), .remote = "192.0.2.1:5000");
    connection('A', "192.0.2.2:10000", "192.0.2.1:5000", PEER_ISN);
    expect("S 0:0(0)");
}

static unsigned peer_port(const struct call *c)
{
    return ntoh16(view((int)c->ret).remote.port);
}

/* The next packet out is a RST. */
static void check_reset(void)
{
    uint8_t packet[128];

    check_cmp(take(0, packet, sizeof(packet)), >=, 40);
    check(packet[33] & 0x04);
}

static void test_listen(void)
{
    int listener = start(5);

    check_state(listener, "LISTEN");
    check_error(tcp_cmd_listen(tcp_cmd_socket(), 5), EDESTADDRREQ);
    check_int(tcp_cmd_listen(listener, 3), 0);
    check_state(listener, "LISTEN");
}

/* After a connection attempt, with other endpoints. */
static void test_listen_after_connect(void)
{
    ip_endp_t none = {0}, any = endp("0.0.0.0:10000");
    static struct call c;
    struct tcp_view v;

    bench_start(WIRE_RAW);
    connect_start(&c);
    inject("R. 0:0(0) ack 1");
    check_failed(&c, ECONNREFUSED);
    check_int(tcp_cmd_listen(c.desc, 5), 0);
    v = view(c.desc);
    check_int(v.local.addr, any.addr);
    check_int(v.local.port, any.port);
    check_int(v.remote.addr, none.addr);
    check_int(v.remote.port, none.port);
}

/* The connection has a block of its own. */
static void test_syn(void)
{
    int listener = start(5);

    client_syn('A');
    expect("S. 0:0(0) ack 1");
    check_state(listener, "LISTEN");
    check_int(blocks_in_use(), 2);
    check(logged("LISTEN => SYN_RECEIVED"));
    inject("R 1:1(0)");
    check_int(blocks_in_use(), 1);
}

static void test_accept(void)
{
    int listener = start(5), desc;
    ip_endp_t remote, want = endp("192.0.2.1:5000");

    client_connects('A');
    desc = tcp_cmd_accept(listener, &remote);
    check_cmp(desc, !=, -1);
    check_cmp(desc, !=, listener);
    check_int(remote.addr, want.addr);
    check_int(remote.port, want.port);
    check_state(desc, "ESTABLISHED");
    check_state(listener, "LISTEN");
    inject("P. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 11");
    check_received(desc, 1, 11);
    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    expect("P. 1:6(5) ack 11 'hello'");
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 6:6(0) ack 11");
}

/* The last ACK of the handshake wakes one of two sleepers; the SYN wakes none. */
static void test_accept_sleeps(void)
{
    static struct call a, b;
    int listener = start(5);

    accept_start(&a, listener);
    accept_start(&b, listener);
    client_syn('A');
    expect("S. 0:0(0) ack 1");
    check(!task_done(a.task) && !task_done(b.task));
    inject(". 1:1(0) ack 1");
    check_int(task_done(a.task) + task_done(b.task), 1);
    client_connects('B');
    check(task_done(a.task) && task_done(b.task));
    check_cmp(a.ret, !=, -1);
    check_cmp(b.ret, !=, -1);
    check_cmp(a.ret, !=, b.ret);
}

/* Each connection wakes one sleeper, and not all of them. */
static void test_many_acceptors(void)
{
    static struct call calls[100];
    int listener = start(5), done = 0;
    unsigned long before;

    for (size_t i = 0; i < countof(calls); i++) {
        accept_start(&calls[i], listener);
    }
    before = sim_wakeups();
    for (int c = 'A'; c <= 'Z'; c++) {
        client_connects(c);
    }
    for (size_t i = 0; i < countof(calls); i++) {
        done += task_done(calls[i].task);
    }
    check_int(done, 26);
    check_int(sim_wakeups() - before, 26);
    check_int(tcp_cmd_close(listener), 0);
    settle();
    for (size_t i = 0; i < countof(calls); i++) {
        check(task_done(calls[i].task));
        check(calls[i].ret != -1 || calls[i].err == EBADF);
    }
}

/* A connection arrives while some accepts are interrupted and others start to sleep: it is
 * accepted. */
static void test_interrupted_acceptors(void)
{
    static struct call a[4], b[4];
    int listener = start(5), got = 0;

    for (int c = 'A'; c <= 'Z'; c++) {
        for (size_t i = 0; i < countof(a); i++) {
            accept_start(&a[i], listener);
        }
        client_syn(c);
        expect("S. 0:0(0) ack 1");
        intr_raise(INTR_IRQ_USER);
        for (size_t i = 0; i < countof(b); i++) {
            accept_start(&b[i], listener);
        }
        inject(". 1:1(0) ack 1");
        for (size_t i = 0; i < countof(a); i++) {
            task_join(a[i].task, 0);
            got += a[i].ret != -1;
        }
        for (size_t i = 0; i < countof(b); i++) {
            got += task_done(b[i].task) && b[i].ret != -1;
        }
        check_int(got, c - 'A' + 1);
        intr_raise(INTR_IRQ_USER);
        settle();
    }
}

/* SYNs arrive in one order, last ACKs in the reverse order, which is that of accept. */
static void test_many(void)
{
    int listener = start(20), desc;
    ip_endp_t remote;
    char line[32], byte;

    for (int c = 'A'; c <= 'T'; c++) {
        client_syn(c);
        expect("S. 0:0(0) ack 1");
    }
    for (int c = 'T'; c >= 'A'; c--) {
        snprintf(line, sizeof(line), "%c> P. 1:2(1) ack 1 '%c'", c, c);
        inject(line);
    }
    advance(500);
    wire_pending(1);
    for (int c = 'T'; c >= 'A'; c--) {
        desc = tcp_cmd_accept(listener, &remote);
        check_cmp(desc, !=, -1);
        check_int(ntoh16(remote.port), 5000 + c - 'A');
        check_int(tcp_cmd_receive(desc, &byte, 1), 1);
        check_int(byte, c);
    }
}

/* Client c acknowledges the SYN-ACK, if the listener sends one. */
static void client_tries(char c)
{
    client_syn(c);
    if (wire_pending(1) > 0) {
        inject(". 1:1(0) ack 1");
        wire_pending(1);
    }
}

/* With a backlog of two, C does not get in while A and B wait for accept; D, after them, does. */
static void test_backlog(void)
{
    static struct call a;
    int listener = start(2);

    client_connects('A');
    client_connects('B');
    client_tries('C');
    check(tcp_cmd_accept(listener, NULL) != -1);
    check(tcp_cmd_accept(listener, NULL) != -1);
    accept_start(&a, listener);
    check_sleeps(&a);
    client_connects('D');
    task_join(a.task, 0);
    check_int(peer_port(&a), 5003);
    wire_pending(1);
}

/* Both SYNs came before the backlog was full. The second connection succeeds with the retransmitted
 * SYN-ACK. */
static void test_backlog_full_meanwhile(void)
{
    static struct call a;
    int listener = start(1);

    client_syn('A');
    expect("S. 0:0(0) ack 1");
    client_syn('B');
    expect("S. 0:0(0) ack 1");
    inject("A> . 1:1(0) ack 1");
    check_counted(tcp, backlog_full, 1, inject("B> . 1:1(0) ack 1"));
    check(tcp_cmd_accept(listener, NULL) != -1);
    accept_start(&a, listener);
    check_sleeps(&a);
    expect_within(5000, "B> S. 0:0(0) ack 1");
    inject("B> . 1:1(0) ack 1");
    task_join(a.task, 0);
    check_int(peer_port(&a), 5001);
}

/* A backlog of 0 counts as one. */
static void test_listen_again(void)
{
    static struct call a;
    int listener = start(0);

    client_connects('A');
    client_syn('B');
    if (wire_pending(1) > 0) {
        check_counted(tcp, backlog_full, 1, inject(". 1:1(0) ack 1"));
        inject("R 1:1(0)");
    }
    check(tcp_cmd_accept(listener, NULL) != -1);
    check_int(tcp_cmd_listen(listener, 3), 0);
    for (int c = 'B'; c <= 'D'; c++) {
        client_connects(c);
    }
    check_int(tcp_cmd_listen(listener, 1), 0);
    for (int c = 'B'; c <= 'D'; c++) {
        check(tcp_cmd_accept(listener, NULL) != -1);
    }
    client_connects('E');
    client_tries('F');
    check(tcp_cmd_accept(listener, NULL) != -1);
    accept_start(&a, listener);
    check_sleeps(&a);
}

/* Connections half-open or waiting for accept are reset; accepted ones go on. */
static void test_close_listener(void)
{
    static struct call a;
    int listener = start(5), accepted;

    client_connects('A');
    accepted = tcp_cmd_accept(listener, NULL);
    accept_start(&a, listener);
    client_syn('C');
    expect("S. 0:0(0) ack 1");
    check_int(tcp_cmd_close(listener), 0);
    settle();
    check_failed(&a, EBADF);
    check_reset();
    check_state(accepted, "ESTABLISHED");
    check_int(blocks_in_use(), 1);
    inject("A> P. 1:11(10) ack 1");
    expect_within(500, "A> . 1:1(0) ack 11");
    inject("C> . 1:1(0) ack 1");
    expect("C> R 1:1(0)");
}

static void test_close_waiting(void)
{
    int listener = start(5);

    client_connects('A');
    client_connects('B');
    check_int(tcp_cmd_close(listener), 0);
    check_reset();
    check_reset();
    check_int(blocks_in_use(), 0);
    check_int(tcp_cmd_listen(bound("0.0.0.0:7"), 1), 0);
}

static void test_reset_before_accept(void)
{
    int listener = start(5);
    ip_endp_t remote;

    client_connects('A');
    client_connects('B');
    client_syn('C');
    expect("S. 0:0(0) ack 1");
    inject("A> R 1:1(0)");
    inject("C> R 1:1(0)");
    check_int(blocks_in_use(), 2);
    check_cmp(tcp_cmd_accept(listener, &remote), !=, -1);
    check_int(ntoh16(remote.port), 5001);
    check_state(listener, "LISTEN");
}

static void test_end_before_accept(void)
{
    int listener = start(5), desc;

    client_connects('A');
    inject("FP. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 12");
    desc = tcp_cmd_accept(listener, NULL);
    check_received(desc, 1, 11);
    check_end_of_file(desc);
}

/* num SYNs arrive, whose senders never answer. */
static void flood(int num)
{
    char remote[32];

    for (int i = 0; i < num; i++) {
        snprintf(remote, sizeof(remote), "192.0.2.%d:%d", 10 + i % 200, 6000 + i);
        connection('F', "192.0.2.2:7", remote, PEER_ISN);
        inject("S 0:0(0)");
    }
}

/* Other clients connect during a flood, and its blocks are freed. */
static void test_flood(void)
{
    int listener = start(5);

    flood(TCP_HALF_OPEN_MAX + 100);
    advance(3000);
    wire_pending(1);
    check_cmp(blocks_in_use(), <=, TCP_HALF_OPEN_MAX + 1);
    client_connects('A');
    check(tcp_cmd_accept(listener, NULL) != -1);
    advance(400000);
    wire_pending(1);
    check_int(blocks_in_use(), 2);
}

/* A is older than C, which may have got the block of B. */
static void test_flood_evicts_oldest(void)
{
    static struct call a;
    int listener = start(5);

    client_syn('B');
    client_syn('A');
    inject("B> R 1:1(0)");
    advance(10);
    client_syn('C');
    advance(5000);
    check_counted(tcp, half_open_evicted, 1, flood(TCP_HALF_OPEN_MAX - 1));
    wire_pending(1);
    inject("C> . 1:1(0) ack 1");
    accept_start(&a, listener);
    task_join(a.task, 0);
    check_int(peer_port(&a), 5002);
    inject("A> . 1:1(0) ack 1");
    expect("A> R 1:1(0)");
}

/* At a full backlog the ACK of A was dropped, but its peer has the connection open: the flood gets
 * the block of C. */
static void test_flood_spares_acknowledged(void)
{
    static struct call a;
    int listener = start(1);

    client_syn('B');
    client_syn('A');
    wire_pending(1);
    inject("B> . 1:1(0) ack 1");
    inject("A> . 1:1(0) ack 1");
    check(tcp_cmd_accept(listener, NULL) != -1);
    client_syn('C');
    advance(5000);
    check_counted(tcp, half_open_evicted, 1, flood(TCP_HALF_OPEN_MAX - 1));
    wire_pending(1);
    inject("A> . 1:1(0) ack 1");
    expect_nothing(0);
    accept_start(&a, listener);
    task_join(a.task, 0);
    check_int(peer_port(&a), 5000);
}

static void test_connect(void)
{
    static struct call c;

    bench_start(WIRE_RAW);
    connect_start(&c);
    check_sleeps(&c);
    check_error(connect_one(&c), EALREADY);
    inject("S. 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    task_join(c.task, 0);
    check_returned(&c, 0);
    check_state(c.desc, "ESTABLISHED");
    check_error(connect_one(&c), EISCONN);
    check_int(tcp_cmd_send(c.desc, "hello", 5), 5);
    expect("P. 1:6(5) ack 1 'hello'");
}

static void test_connect_unbound(void)
{
    static struct call c;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:0", "192.0.2.1:5000", PEER_ISN);
    call_start(&c, connect_one, .desc = tcp_cmd_socket(), .remote = "192.0.2.1:5000");
    expect("S 0:0(0)");
    inject("S. 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    check_cmp(ntoh16(view(c.desc).local.port), >=, TCP_SOURCE_PORT_MIN);
}

static void test_connect_fails(void)
{
    static struct call c;

    bench_start(WIRE_RAW);
    connect_start(&c);
    inject("R. 0:0(0) ack 1");
    check_failed(&c, ECONNREFUSED);
    check_int(tcp_cmd_close(c.desc), 0);
    connect_start(&c);
    check_int(tcp_cmd_close(c.desc), 0);
    settle();
    check_failed(&c, EBADF);
    connect_start(&c);
    task_join(c.task, 600000);
    check_failed(&c, ETIMEDOUT);
    wire_pending(1);
    check_int(tcp_cmd_close(c.desc), 0);
    check_int(blocks_in_use(), 0);
}

static void test_interruption(void)
{
    static struct call a, c;
    int listener = start(5);

    accept_start(&a, listener);
    connect_start(&c);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&a, EINTR);
    check_failed(&c, EINTR);
    check_int(tcp_cmd_close(c.desc), 0);
    wire_pending(1);
    accept_start(&a, listener);
    check_sleeps(&a);
    client_connects('B');
    task_join(a.task, 0);
    check_cmp(a.ret, !=, -1);
}

static void connect_interrupted(struct call *c)
{
    connect_start(c);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(c, EINTR);
}

static void connect_again(struct call *c)
{
    call_start(c, connect_one, .desc = c->desc, .remote = c->remote);
}

/* The handshake goes on, and its outcome is reported once. */
static void test_connect_again(void)
{
    ip_endp_t other = endp("192.0.2.1:5001");
    static struct call c;

    bench_start(WIRE_RAW);
    connect_interrupted(&c);
    check_error(tcp_cmd_connect(c.desc, &other), EALREADY);
    connect_again(&c);
    check_sleeps(&c);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&c, EINTR);
    connect_again(&c);
    check_error(connect_one(&c), EALREADY);
    inject("S. 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    check_returned(&c, 0);
    check_error(connect_one(&c), EISCONN);
}

/* The handshake ended before the user called again. */
static void test_connect_late(void)
{
    static struct call c;

    bench_start(WIRE_RAW);
    connect_interrupted(&c);
    inject("S. 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    check_int(connect_one(&c), 0);
    check_error(connect_one(&c), EISCONN);
    check_int(tcp_cmd_close(c.desc), 0);
    expect("F. 1:1(0) ack 1");
    inject("R. 1:1(0) ack 2");
    connect_interrupted(&c);
    inject("R. 0:0(0) ack 1");
    check_error(connect_one(&c), ECONNREFUSED);
    /* another attempt, with another ISN */
    connection('A', "192.0.2.2:10000", "192.0.2.1:5000", PEER_ISN);
    connect_again(&c);
    expect("S 0:0(0)");
    inject("R. 0:0(0) ack 1");
    check_failed(&c, ECONNREFUSED);
}

static void test_connect_after_refusal(void)
{
    static struct call c;

    bench_start(WIRE_RAW);
    connect_start(&c);
    inject("R. 0:0(0) ack 1");
    check_failed(&c, ECONNREFUSED);
    connection('A', "192.0.2.2:10000", "192.0.2.1:5000", PEER_ISN);
    connect_again(&c);
    expect("S 0:0(0)");
    inject("S. 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    check_returned(&c, 0);
    inject("FP. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 12");
    check_received(c.desc, 1, 11);
    check_end_of_file(c.desc);
}

static void test_bind(void)
{
    ip_endp_t ours = endp("192.0.2.2:8"), any = endp("0.0.0.0:8"), foreign = endp("192.0.2.3:9");
    ip_endp_t some = endp("0.0.0.0:0");
    int a, b;

    bench_start(WIRE_RAW);
    a = bound("192.0.2.2:8");
    b = tcp_cmd_socket();
    check_error(tcp_cmd_bind(b, &ours), EADDRINUSE);
    check_error(tcp_cmd_bind(b, &any), EADDRINUSE);
    check_error(tcp_cmd_bind(b, &foreign), EADDRNOTAVAIL);
    check_error(tcp_cmd_bind(a, &some), EINVAL);
    check_int(tcp_cmd_close(a), 0);
    check_int(tcp_cmd_bind(b, &any), 0);
    check_error(tcp_cmd_bind(tcp_cmd_socket(), &ours), EADDRINUSE);
    check_int(tcp_cmd_bind(tcp_cmd_socket(), &some), 0);
    check_int(tcp_cmd_bind(tcp_cmd_socket(), &some), 0);
}

/* The chosen port is the one that peers see, and no other socket gets it. */
static void test_bind_any_port(void)
{
    ip_endp_t zero = endp("0.0.0.0:0"), other = endp("0.0.0.0:9"), local[2];
    static struct call c;
    char text[32];
    int desc[2];

    bench_start(WIRE_RAW);
    for (int i = 0; i < 2; i++) {
        desc[i] = tcp_cmd_socket();
        check_int(tcp_cmd_bind(desc[i], &zero), 0);
        local[i] = view(desc[i]).local;
        check_int(local[i].addr, IP_ADDR_ANY);
        check_cmp(ntoh16(local[i].port), >=, TCP_SOURCE_PORT_MIN);
        check_error(tcp_cmd_bind(desc[i], &other), EINVAL);
        check_error(tcp_cmd_bind(tcp_cmd_socket(), &local[i]), EADDRINUSE);
    }
    check_cmp(local[0].port, !=, local[1].port);
    check_int(tcp_cmd_listen(desc[0], 1), 0);
    snprintf(text, sizeof(text), "192.0.2.2:%u", ntoh16(local[0].port));
    connection('A', text, "192.0.2.1:5000", PEER_ISN);
    accepted(desc[0], "", 65535);
    snprintf(text, sizeof(text), "192.0.2.2:%u", ntoh16(local[1].port));
    connection('B', text, "192.0.2.1:5001", PEER_ISN);
    call_start(&c, connect_one, .desc = desc[1], .remote = "192.0.2.1:5001");
    expect("B> S 0:0(0)");
    inject("B> S. 0:0(0) ack 1");
    expect("B> . 1:1(0) ack 1");
    check_returned(&c, 0);
}

static void test_wrong_order(void)
{
    ip_endp_t remote = endp("192.0.2.1:5000");
    int listener = start(5), desc = tcp_cmd_socket();
    char byte = 0;

    check_error(tcp_cmd_listen(desc, 5), EDESTADDRREQ);
    check_error(tcp_cmd_accept(desc, NULL), EINVAL);
    check_error(tcp_cmd_send(desc, &byte, 1), ENOTCONN);
    check_error(tcp_cmd_receive(desc, &byte, 1), ENOTCONN);
    check_error(tcp_cmd_send(listener, &byte, 1), ENOTCONN);
    check_error(tcp_cmd_receive(listener, &byte, 1), ENOTCONN);
    check_error(tcp_cmd_connect(listener, &remote), EOPNOTSUPP);
    check_int(tcp_cmd_listen(listener, 1), 0);
    client_connects('A');
    desc = tcp_cmd_accept(listener, NULL);
    check_error(tcp_cmd_listen(desc, 5), EINVAL);
    check_error(tcp_cmd_accept(desc, NULL), EINVAL);
}

static void test_bad_descriptor(void)
{
    static const int bad[] = {-1, TCP_PCB_SIZE, 1 << 30, 0 /* closed */};
    ip_endp_t e = endp("192.0.2.2:8");
    char byte = 0;

    bench_start(WIRE_RAW);
    check_int(tcp_cmd_close(tcp_cmd_socket()), 0);
    for (size_t i = 0; i < countof(bad); i++) {
        check_error(tcp_cmd_bind(bad[i], &e), EBADF);
        check_error(tcp_cmd_listen(bad[i], 1), EBADF);
        check_error(tcp_cmd_accept(bad[i], NULL), EBADF);
        check_error(tcp_cmd_connect(bad[i], &e), EBADF);
        check_error(tcp_cmd_send(bad[i], &byte, 1), EBADF);
        check_error(tcp_cmd_receive(bad[i], &byte, 1), EBADF);
        check_error(tcp_cmd_close(bad[i]), EBADF);
    }
}

/* A reset connection keeps its descriptor until close. */
static void test_numbers(void)
{
    int listener = start(5), desc, next;

    client_connects('A');
    desc = tcp_cmd_accept(listener, NULL);
    inject("R 1:1(0)");
    next = tcp_cmd_socket();
    check_cmp(next, !=, desc);
    client_connects('B');
    check(tcp_cmd_accept(listener, NULL) != desc);
    check_error(tcp_cmd_receive(desc, &(char){0}, 1), ECONNRESET);
    check_int(tcp_cmd_close(desc), 0);
}

static void test_table(void)
{
    int desc = -1;

    bench_start(WIRE_RAW);
    for (int i = 0; i < 2 * TCP_PCB_SIZE; i++) {
        check_int(tcp_cmd_close(tcp_cmd_socket()), 0);
    }
    for (int i = 0; i < TCP_PCB_SIZE; i++) {
        desc = tcp_cmd_socket();
        check_cmp(desc, !=, -1);
    }
    check_error(tcp_cmd_socket(), EMFILE);
    check_int(tcp_cmd_close(desc), 0);
    check_cmp(tcp_cmd_socket(), !=, -1);
}

/* A full table: a new socket gets the block that has been in TIME-WAIT for longest. */
static void test_table_time_wait(void)
{
    int listener = start(5), desc[2];

    for (int i = 0; i < 2; i++) {
        client_connects("AB"[i]);
        desc[i] = tcp_cmd_accept(listener, NULL);
    }
    for (int i = 1; i >= 0; i--) { /* B, whose place is the higher, first */
        check_int(tcp_cmd_close(desc[i]), 0);
        expect(i ? "B> F. 1:1(0) ack 1" : "A> F. 1:1(0) ack 1");
        inject("F. 1:1(0) ack 2");
        expect_within(500, ". 2:2(0) ack 2");
        advance(1000);
    }
    for (int i = 0; i < TCP_PCB_SIZE - 3; i++) {
        check_cmp(tcp_cmd_socket(), !=, -1);
    }
    check_state(desc[1], "TIME_WAIT");
    check_cmp(tcp_cmd_socket(), !=, -1);
    check_state(desc[0], "TIME_WAIT");
    check_cmp(tcp_cmd_socket(), !=, -1);
    check_error(tcp_cmd_socket(), EMFILE);
}

/* One listener has a half-open connection, and one not yet accepted, whose block precedes the
 * listener's in the table. Another listener has a sleeping accept. */
static void test_shutdown(void)
{
    static struct call a;
    int spare;

    bench_start(WIRE_RAW);
    spare = tcp_cmd_socket();
    listening("0.0.0.0:7", 5);
    accept_start(&a, listening("0.0.0.0:8", 5));
    check_int(tcp_cmd_close(spare), 0);
    client_connects('A');
    client_syn('B');
    expect("S. 0:0(0) ack 1");
    check_int(blocks_in_use(), 4);
    check_int(net_shutdown(), 0);
    settle();
    wire_pending(1);
    check_failed(&a, EBADF);
    check_error(tcp_cmd_socket(), ENETDOWN);
    check_int(memory_in_use(), 0);
}

BENCH(29,
      {"listen enters LISTEN, if the socket is bound", test_listen},
      {"a SYN at a listener gets a block of its own", test_syn},
      {"accept returns a connection, and the listener stays in LISTEN", test_accept},
      {"accept sleeps until a handshake completes", test_accept_sleeps},
      {"26 connections wake 26 of 100 sleeping accepts", test_many_acceptors},
      {"an interrupted accept holds up no connection", test_interrupted_acceptors},
      {"connections are accepted in the order in which their handshakes end", test_many},
      {"the backlog limits the connections that wait for accept", test_backlog},
      {"a handshake that ends at a full backlog succeeds later", test_backlog_full_meanwhile},
      {"listen called again raises or lowers the backlog", test_listen_again},
      {"closing a listener resets half-open connections and keeps accepted ones",
       test_close_listener},
      {"closing a listener resets connections not yet accepted", test_close_waiting},
      {"a connection reset before accept is dropped [M-1]", test_reset_before_accept},
      {"a connection ended before accept delivers its data", test_end_before_accept},
      {"a SYN flood does not keep out other clients", test_flood},
      {"a SYN flood evicts the oldest half-open connection", test_flood_evicts_oldest},
      {"a SYN flood evicts no connection whose handshake's ACK came",
       test_flood_spares_acknowledged},
      {"a second connect fails with EALREADY in the handshake, EISCONN after it", test_connect},
      {"connect without bind chooses a port", test_connect_unbound},
      {"connect fails with ECONNREFUSED, EBADF or ETIMEDOUT", test_connect_fails},
      {"an interruption ends accept and connect, once", test_interruption},
      {"an interrupted connect continues when called again", test_connect_again},
      {"connect called again reports the outcome once", test_connect_late},
      {"a connect after ECONNREFUSED starts without the old error", test_connect_after_refusal},
      {"listen after a failed connect waits at the bound endpoint", test_listen_after_connect},
      {"bind refuses conflicts and foreign addresses", test_bind},
      {"bind to port 0 chooses a free port, for listen and connect", test_bind_any_port},
      {"commands in the wrong order fail", test_wrong_order},
      {"a command on a closed or invalid descriptor fails with EBADF", test_bad_descriptor},
      {"the descriptor of a reset connection is kept until close", test_numbers},
      {"a full table fails with EMFILE until a descriptor is closed", test_table},
      {"a full table gives the oldest block in TIME-WAIT to a new socket", test_table_time_wait},
      {"shutdown frees half-open connections and those not yet accepted", test_shutdown})
