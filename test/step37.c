#include <limits.h>
#include <stdlib.h>

#include "bench.h"
#include "call.h"
#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "sockets.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

/* Step 37: lifetimes. Descriptors, tables, and allocations that fail. */

#define CHURN 3000

/*
 * Descriptors
 */

/* Sockets opened in place of a closed one do not get its number. */
static void number_is_not_reused(int (*open)(void), int (*close)(int desc))
{
    int closed, other;

    closed = open();
    check_cmp(closed, !=, -1);
    check_int(close(closed), 0);
    for (int i = 0; i < CHURN; i++) {
        other = open();
        check_cmp(other, !=, -1);
        check_cmp(other, !=, closed);
        check_error(close(closed), EBADF);
        check_int(close(other), 0);
    }
}

static int open_stream(void)
{
    return sock_open(PF_INET, SOCK_STREAM, 0);
}

static int open_datagrams(void)
{
    return sock_open(PF_INET, SOCK_DGRAM, 0);
}

static void test_numbers(void)
{
    bench_start(WIRE_RAW);
    number_is_not_reused(udp_cmd_open, udp_cmd_close);
    number_is_not_reused(tcp_cmd_socket, tcp_cmd_close);
    number_is_not_reused(open_stream, sock_close);
    number_is_not_reused(open_datagrams, sock_close);
}

/* A closed descriptor receives nothing that is for the next socket on its port. */
static void test_stale_holder(void)
{
    struct sockaddr_in remote = address("192.0.2.1:5000");
    int old, fresh;
    char buf[16];

    bench_start(WIRE_RAW);
    old = bound(SOCK_DGRAM, "192.0.2.2:7");
    check_int(sock_close(old), 0);
    fresh = bound(SOCK_DGRAM, "192.0.2.2:7");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'secret'");
    check_error(sock_recvfrom(old, buf, sizeof(buf), NULL, NULL), EBADF);
    check_error(sock_sendto(old, "", 0, SA(&remote), sizeof(remote)), EBADF);
    check_error(sock_close(old), EBADF);
    check_int(sock_recvfrom(fresh, buf, sizeof(buf), NULL, NULL), 6);
}

/* A closed descriptor does not show the endpoint now in its place of the table. */
static void test_stale_view(void)
{
    struct tcp_view view;
    int old, fresh;

    bench_start(WIRE_RAW);
    old = tcp_cmd_socket();
    check_int(tcp_get_view(old, &view), 0);
    check_int(tcp_cmd_close(old), 0);
    fresh = tcp_cmd_socket();
    check_error(tcp_get_view(old, &view), EBADF);
    check_int(tcp_get_view(fresh, &view), 0);
    check_int(view.desc, fresh);
    check_int(tcp_get_view_at(0, &view), 0);
    check_int(view.desc, fresh);
    check_int(tcp_get_view_at(1, &view), -1);
}

/* A restarted stack does not reuse the descriptors of the one before. */
static void test_restart(void)
{
    int old[3], fresh[3];

    bench_start(WIRE_RAW);
    old[0] = open_stream();
    old[1] = tcp_cmd_socket();
    old[2] = udp_cmd_open();
    check_int(net_shutdown(), 0);
    check_int(memory_in_use(), 0);
    bench_start(WIRE_RAW);
    fresh[0] = open_stream();
    fresh[1] = tcp_cmd_socket();
    fresh[2] = udp_cmd_open();
    for (int i = 0; i < 3; i++) {
        check_cmp(fresh[i], !=, -1);
        check_cmp(fresh[i], !=, old[i]);
    }
    check_error(sock_close(old[0]), EBADF);
    check_error(tcp_cmd_close(old[1]), EBADF);
    check_error(udp_cmd_close(old[2]), EBADF);
}

static void child_has_no_sockets(int stream, int datagrams, struct sockaddr_in *addr)
{
    char byte;

    check_error(open_stream(), ENETDOWN);
    check_error(sock_bind(stream, SA(addr), sizeof(*addr)), ENETDOWN);
    check_error(sock_listen(stream, 1), ENETDOWN);
    check_error(sock_accept(stream, NULL, NULL), ENETDOWN);
    check_error(sock_connect(stream, SA(addr), sizeof(*addr)), ENETDOWN);
    check_error(sock_recv(stream, &byte, 1), ENETDOWN);
    check_error(sock_send(stream, "x", 1), ENETDOWN);
    check_error(sock_recvfrom(datagrams, &byte, 1, NULL, NULL), ENETDOWN);
    check_error(sock_sendto(datagrams, "x", 1, SA(addr), sizeof(*addr)), ENETDOWN);
    check_error(sock_close(stream), ENETDOWN);
    check_error(sock_close(datagrams), ENETDOWN);
}

static void child_has_no_endpoints(int stream, int datagrams, ip_endp_t *endp)
{
    char byte;

    check_error(tcp_cmd_socket(), ENETDOWN);
    check_error(udp_cmd_open(), ENETDOWN);
    check_error(tcp_cmd_open(endp, NULL, 0), ENETDOWN);
    check_error(tcp_cmd_receive(stream, &byte, 1), ENETDOWN);
    check_error(tcp_cmd_close(stream), ENETDOWN);
    check_error(udp_cmd_recvfrom(datagrams, &byte, 1, endp), ENETDOWN);
    check_error(udp_cmd_sendto(datagrams, "x", 1, endp), ENETDOWN);
    check_error(udp_cmd_close(datagrams), ENETDOWN);
}

/* fork copies one thread, so no thread of the child takes interrupts: no call may wait for them, or
 * touch the parent's state. */
static void test_child(void)
{
    struct sockaddr_in addr = address("192.0.2.1:5000");
    ip_endp_t endp = {addr.sin_addr.s_addr, addr.sin_port};
    int ids[2], descs[2];

    bench_start(WIRE_RAW);
    ids[0] = open_stream();
    ids[1] = open_datagrams();
    descs[0] = tcp_cmd_socket();
    descs[1] = udp_cmd_open();
    sim_be_child(1);
    child_has_no_sockets(ids[0], ids[1], &addr);
    child_has_no_endpoints(descs[0], descs[1], &endp);
    sim_be_child(0);
    check_int(sock_close(ids[0]), 0);
    check_int(sock_close(ids[1]), 0);
    expect_nothing(1000);
}

static ssize_t call_accept(struct call *c)
{
    return sock_accept(c->desc, NULL, NULL);
}

static ssize_t call_recv(struct call *c)
{
    return sock_recv(c->desc, c->buf, c->len);
}

static ssize_t call_send(struct call *c)
{
    ssize_t ret;

    do {
        ret = sock_send(c->desc, c->buf, c->len);
    } while (ret > 0);
    return ret;
}

static ssize_t call_recvfrom(struct call *c)
{
    return sock_recvfrom(c->desc, c->buf, c->len, NULL, NULL);
}

static ssize_t call_connect(struct call *c)
{
    struct sockaddr_in remote = address("192.0.2.1:9");

    return sock_connect(c->desc, SA(&remote), sizeof(remote));
}

/* A stream connected to 192.0.2.1. */
static int connected(int listener, char c)
{
    client(c, 1000);
    handshake("", 65535);
    return sock_accept(listener, NULL, NULL);
}

/* Close wakes a sleeper of each call, after the next socket has been opened. */
static void test_close_wakes(void)
{
    static struct call calls[5];
    int listener;

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7");
    call_start(&calls[1], call_recv, .desc = connected(listener, 'A'), .len = 1);
    call_start(&calls[2], call_send, .desc = connected(listener, 'B'), .len = 3 * TCP_RCV_BUF_SIZE);
    call_start(&calls[3], call_recvfrom, .desc = bound(SOCK_DGRAM, "192.0.2.2:7"), .len = 1);
    call_start(&calls[4], call_connect, .desc = open_stream());
    call_start(&calls[0], call_accept, .desc = listener);
    for (size_t i = 0; i < countof(calls); i++) {
        check_sleeps(&calls[i]);
        check_int(sock_close(calls[i].desc), 0);
        check_cmp(open_stream(), !=, -1);
        check_cmp(open_datagrams(), !=, -1);
    }
    settle();
    for (size_t i = 0; i < countof(calls); i++) {
        check_failed(&calls[i], EBADF);
    }
    wire_pending(1);
}

static int ending; /* net_shutdown has been called */

/* Sleeps until close; of several such calls, the first that returns shuts the stack down. */
static ssize_t recv_and_end(struct call *c)
{
    check_error(c->from ? call_recvfrom(c) : call_recv(c), EBADF);
    if (!ending) {
        ending = 1;
        check_int(net_shutdown(), 0);
    }
    return 0;
}

/* Close waits for sleepers to leave, and the first that has left shuts the stack down, before or
 * after the last one leaves. Streams, half-closed ones, and datagrams. */
static void test_shutdown_in_close(void)
{
    static struct call calls[6];
    int listener, desc;

    for (int i = 0; i < 150; i++) {
        bench_start(WIRE_RAW);
        listener = listening("192.0.2.2:7");
        desc = i % 3 == 2 ? bound(SOCK_DGRAM, "192.0.2.2:7") : connected(listener, 'A');
        if (i % 3 == 1) {
            check_int(sock_shutdown(desc, SHUT_WR), 0);
        }
        for (size_t k = 0; k < countof(calls); k++) {
            call_start(&calls[k], recv_and_end, .desc = desc, .from = i % 3 == 2, .len = 1);
        }
        ending = 0;
        check_int(sock_close(desc), 0);
        for (size_t k = 0; k < countof(calls); k++) {
            task_join(calls[k].task, 10000);
        }
        check_int(memory_in_use(), 0);
        wire_pending(1);
    }
}

/*
 * Tables
 */

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Opens num descriptors, all different, and closes them, every third one first. */
static void table_grows(int (*open)(void), int (*close)(int desc), size_t num)
{
    static int desc[TCP_PCB_SIZE], sorted[TCP_PCB_SIZE];
    size_t i;

    for (i = 0; i < num; i++) {
        desc[i] = sorted[i] = open();
        check_cmp(desc[i], !=, -1);
    }
    check_error(open(), EMFILE);
    qsort(sorted, num, sizeof(*sorted), compare);
    for (i = 1; i < num; i++) {
        check_cmp(sorted[i - 1], !=, sorted[i]);
    }
    for (i = 0; i < num; i += 3) {
        check_int(close(desc[i]), 0);
    }
    for (i = 0; i < num; i += 3) {
        desc[i] = open();
        check_cmp(desc[i], !=, -1);
    }
    check_error(open(), EMFILE);
    for (i = num; i-- > 0;) {
        check_int(close(desc[i]), 0);
    }
}

/* A table takes memory for its entries only, up to its limit. */
static void test_tables_grow(void)
{
    size_t in_use;

    bench_start(WIRE_RAW);
    in_use = memory_in_use();
    table_grows(udp_cmd_open, udp_cmd_close, UDP_PCB_SIZE);
    table_grows(tcp_cmd_socket, tcp_cmd_close, TCP_PCB_SIZE);
    table_grows(open_stream, sock_close, SOCK_TABLE_SIZE);
    check_int(memory_in_use(), in_use);
}

/* A table that cannot grow keeps its entries, and grows once there is memory. */
static void test_table_cannot_grow(void)
{
    struct table table = {.limit = 1000};
    int number[1000];

    for (int i = 0; i < 1000; i++) {
        sim_fail_alloc(1);
        number[i] = table_add(&table, &number[i]);
        sim_fail_alloc(0);
        if (number[i] == -1) {
            check_int(errno, ENOMEM);
            number[i] = table_add(&table, &number[i]);
        }
    }
    check_error(table_add(&table, number), EMFILE);
    for (int i = 0; i < 1000; i++) {
        check_ptr(table_get(&table, number[i]), &number[i]);
        table_remove(&table, number[i]);
        check(!table_get(&table, number[i]));
    }
    check_int(memory_in_use(), 0);
}

/* Numbers wrap from the greatest to small ones. */
static void test_numbers_go_round(void)
{
    struct table table = {.limit = 1000, .round = INT_MAX / 1000 - 1};
    int entry, number = table_add(&table, &entry), other = table_add(&table, &entry);

    check_cmp(number, >, INT_MAX / 2);
    check_cmp(other, >, number);
    table_remove(&table, number);
    check_int(table_add(&table, &entry), 0);
    check_ptr(table_get(&table, other), &entry);
    check_ptr(table_get(&table, 0), &entry);
    check(!table_get(&table, number) && !table_get(&table, -1) && !table_get(&table, 1));
    table_remove(&table, number);
    table_remove(&table, 0);
    table_remove(&table, other);
    check_int(memory_in_use(), 0);
}

/*
 * Allocations that fail
 */

static int tolerant; /* an allocation may fail now */

/* A call may fail for lack of memory only, and only while allocations fail. */
static void check_no_memory(void)
{
    int err = errno;

    check(tolerant);
    check(err == ENOMEM || err == ENOBUFS);
}

/* Loopback as net0, an Ethernet with a gateway as net1. Returns 0 or -1. */
static int start(void)
{
    struct net_device *loopback, *wire;
    struct ip_iface *iface;

    if (net_init() == -1) {
        check_int(errno, ENOMEM);
        return -1;
    }
    loopback = loopback_init();
    wire = wire_init(WIRE_ETHER);
    if (!loopback || !wire || !wire_address(loopback, "127.0.0.1", "255.0.0.0") ||
        !(iface = wire_address(wire, "192.0.2.2", "255.255.255.0")) ||
        ip_route_set_default_gateway(iface, "192.0.2.1") == -1 || net_run() == -1) {
        check_int(net_shutdown(), 0);
        return -1;
    }
    wire_answer_arp(1);
    return 0;
}

/* Tries until there is memory. */
static int must_open(int type)
{
    int id;

    while ((id = sock_open(PF_INET, type, 0)) == -1) {
        check_no_memory();
    }
    return id;
}

static void send_all(int id, const char *data, size_t len)
{
    size_t done = 0;
    ssize_t n;

    while (done < len) {
        n = sock_send(id, data + done, len - done);
        if (n == -1) {
            check_no_memory();
        } else {
            done += (size_t)n;
        }
    }
}

/* Reads len bytes of the pattern, or less at end of file. Returns their number. */
static size_t receive_all(int id, char *buf, size_t len)
{
    size_t done = 0;
    ssize_t n;

    while (done < len) {
        n = sock_recv(id, buf + done, len - done);
        if (n == -1) {
            check_no_memory();
        } else if (n == 0) {
            break;
        } else {
            done += (size_t)n;
        }
    }
    check_pattern(buf, 1, done);
    return done;
}

#define AMOUNT 3000

/* Serves two clients. The first closes its connection first; the second one's is closed here. */
static void tcp_server(void *arg)
{
    char buf[AMOUNT + 1];
    int id, *listener = arg;

    for (int ends_first = 0; ends_first < 2; ends_first++) {
        while ((id = sock_accept(*listener, NULL, NULL)) == -1) {
            check_no_memory();
        }
        check_int(receive_all(id, buf, AMOUNT), AMOUNT);
        send_all(id, buf, AMOUNT);
        if (!ends_first) {
            check_int(receive_all(id, buf, 1), 0);
        }
        check_int(sock_close(id), 0);
    }
}

static int must_connect(void)
{
    struct sockaddr_in remote = address("127.0.0.1:7");
    int id;

    for (;;) {
        id = must_open(SOCK_STREAM);
        if (sock_connect(id, SA(&remote), sizeof(remote)) == 0) {
            return id;
        }
        check_no_memory();
        check_int(sock_close(id), 0);
    }
}

static void tcp_client(void *arg)
{
    char buf[AMOUNT + 1];
    int id;

    (void)arg;
    for (int ends_first = 1; ends_first >= 0; ends_first--) {
        id = must_connect();
        pattern(buf, 1, AMOUNT);
        send_all(id, buf, AMOUNT);
        check_int(receive_all(id, buf, AMOUNT + !ends_first), AMOUNT);
        check_int(sock_close(id), 0);
    }
}

static void run_tcp(void)
{
    struct sockaddr_in local = address("127.0.0.1:7");
    struct task *server, *client;
    static int listener;

    listener = must_open(SOCK_STREAM);
    check_int(sock_bind(listener, SA(&local), sizeof(local)), 0);
    check_int(sock_listen(listener, 5), 0);
    server = task_start("tcp server", tcp_server, &listener);
    client = task_start("tcp client", tcp_client, NULL);
    task_join(client, 300000);
    task_join(server, 300000);
    check_int(sock_close(listener), 0);
}

static void udp_server(void *arg)
{
    struct sockaddr_in peer;
    int id = *(int *)arg;
    socklen_t len;
    char buf[16];
    ssize_t n;

    for (;;) {
        len = sizeof(peer);
        n = sock_recvfrom(id, buf, sizeof(buf), SA(&peer), &len);
        if (n == -1) {
            check_int(errno, EBADF);
            return;
        }
        if (sock_sendto(id, buf, (size_t)n, SA(&peer), len) == -1) {
            check_no_memory();
        }
    }
}

/* A datagram may be lost; then it is sent again. */
static void run_udp(void)
{
    struct sockaddr_in local = address("127.0.0.1:7");
    static struct call reader;
    static int server;
    struct task *echo;
    int id;

    server = must_open(SOCK_DGRAM);
    check_int(sock_bind(server, SA(&local), sizeof(local)), 0);
    echo = task_start("udp server", udp_server, &server);
    id = must_open(SOCK_DGRAM);
    if (sock_sendto(id, "hello", 5, SA(&local), sizeof(local)) == -1) {
        check_no_memory();
    }
    call_start(&reader, call_recvfrom, .desc = id, .len = 1);
    for (int i = 0; i < 3 && !task_done(reader.task); i++) {
        if (sock_sendto(id, "hello", 5, SA(&local), sizeof(local)) == -1) {
            check_no_memory();
        }
        advance(1000);
    }
    check_returned(&reader, 1);
    check_int(sock_close(id), 0);
    check_int(sock_close(server), 0);
    task_join(echo, 0);
}

/* An echo is answered, and datagrams reach a neighbour and the gateway. */
static void run_wire(void)
{
    static const char *const to[] = {"192.0.2.9:7", "198.51.100.1:7"};
    struct sockaddr_in remote;
    int id = must_open(SOCK_DGRAM), i;

    wire_pending(1);
    for (i = 0; i < 3 && wire_pending(0) == 0; i++) {
        inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56");
        advance(1500);
    }
    check_cmp(wire_pending(1), >, 0);
    for (size_t n = 0; n < countof(to); n++) {
        remote = address(to[n]);
        for (i = 0; i < 3 && wire_pending(0) == 0; i++) {
            if (sock_sendto(id, "hello", 5, SA(&remote), sizeof(remote)) == -1) {
                check_no_memory();
            }
            advance(1500);
        }
        check_cmp(wire_pending(1), >, 0);
    }
    check_int(sock_close(id), 0);
}

static void run_all(void)
{
    run_tcp();
    run_udp();
    run_wire();
}

/* The k-th allocation of a start fails: net_init or net_run fails, and all memory is freed. */
static void test_start_without_memory(void)
{
    unsigned long before, used, k = 0;
    int ret;

    do {
        before = sim_allocs();
        sim_fail_alloc(++k);
        ret = start();
        used = sim_allocs() - before;
        sim_fail_alloc(0);
        if (ret == 0) {
            run_all();
            check_int(net_shutdown(), 0);
            wire_pending(1);
        }
        check_int(memory_in_use(), 0);
        check(ret == -1 || k > used);
    } while (k <= used);
    check_cmp(k, >, 10);
}

/* The k-th allocation after the start fails: calls fail with ENOMEM or ENOBUFS, data arrives in the
 * end, no task is stuck, nothing leaks, and everything works afterwards. */
static void without_memory(void (*run)(void))
{
    unsigned long before, used, k = 0;

    do {
        check_int(start(), 0);
        before = sim_allocs();
        sim_fail_alloc(++k);
        tolerant = 1;
        run();
        used = sim_allocs() - before;
        sim_fail_alloc(0);
        tolerant = 0;
        run();
        check_int(net_shutdown(), 0);
        wire_pending(1);
        check_int(memory_in_use(), 0);
    } while (k <= used);
    check_cmp(k, >, 5);
}

static void test_tcp_without_memory(void)
{
    without_memory(run_tcp);
}

static void test_udp_without_memory(void)
{
    without_memory(run_udp);
}

static void test_wire_without_memory(void)
{
    without_memory(run_wire);
}

BENCH(37,
      {"the number of a closed descriptor is not reused soon", test_numbers},
      {"the number of a closed descriptor reaches no other socket [M-1]", test_stale_holder},
      {"the number of a closed descriptor shows no other connection", test_stale_view},
      {"descriptors from before a shutdown are EBADF", test_restart},
      {"close wakes the sleepers of every call", test_close_wakes},
      {"shutdown while close waits for sleepers ends the connection once", test_shutdown_in_close},
      {"every call in a forked child fails with ENETDOWN at once", test_child},
      {"tables grow up to their limit and shrink again", test_tables_grow},
      {"a table that cannot grow keeps its entries", test_table_cannot_grow},
      {"descriptor numbers wrap and are never negative", test_numbers_go_round},
      {"startup fails cleanly whichever allocation fails", test_start_without_memory},
      {"TCP recovers whichever allocation fails", test_tcp_without_memory},
      {"UDP recovers whichever allocation fails", test_udp_without_memory},
      {"ARP and ICMP recover whichever allocation fails", test_wire_without_memory})
