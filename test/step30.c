/* Step 30: the socket API. Streams and datagrams through one set of calls, with POSIX errno. */

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

#include "bench.h"
#include "call.h"
#include "driver/loopback.h"
#include "platform.h"
#include "sockets.h"
#include "udp.h"
#include "util.h"

#define PEER_ISN 1000

static void client_connects(int c)
{
    client((char)c, PEER_ISN);
    handshake("", 65535);
}

/* The data of client c comes back, with the acknowledgment or after it. */
static void client_is_echoed(int c)
{
    char line[32], want[32];

    snprintf(line, sizeof(line), "%c> P. 1:6(5) ack 1 'hello'", c);
    snprintf(want, sizeof(want), "%c> P. 1:6(5) ack 6 'hello'", c);
    inject(line);
    if (wire_pending(0) > 1) {
        expect(". 1:1(0) ack 6");
    }
    expect_within(500, want);
    inject(". 6:6(0) ack 6");
}

static void client_ends(int c)
{
    char line[32];

    snprintf(line, sizeof(line), "%c> F. 6:6(0) ack 6", c);
    inject(line);
    if (wire_pending(0) > 1) {
        expect(". 6:6(0) ack 7");
    }
    expect_within(500, "F. 6:6(0) ack 7");
    inject(". 7:7(0) ack 7");
}

/* The echo server: one client after another, until the listener is closed. */
static void serve(void *arg)
{
    int listener = *(int *)arg, id;
    char buf[2048];
    ssize_t len;

    while ((id = sock_accept(listener, NULL, NULL)) != -1) {
        while ((len = sock_recv(id, buf, sizeof(buf))) > 0) {
            check_int(sock_send(id, buf, (size_t)len), len);
        }
        check_int(sock_close(id), 0);
    }
}

static void test_one_after_another(void)
{
    static int listener;
    struct task *server;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    server = task_start("server", serve, &listener);
    for (int c = 'A'; c <= 'C'; c++) {
        client_connects(c);
        client_is_echoed(c);
        client_ends(c);
    }
    check_int(sock_close(listener), 0);
    task_join(server, 0);
}

/* B waits in the backlog until A has ended. */
static void test_patience(void)
{
    static int listener;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    task_start("server", serve, &listener);
    client_connects('A');
    client_connects('B');
    client_is_echoed('A');
    inject("B> P. 1:6(5) ack 1 'hello'");
    expect_within(500, ". 1:1(0) ack 6");
    client_ends('A');
    expect_within(500, "B> P. 1:6(5) ack 6 'hello'");
    inject(". 6:6(0) ack 6");
    client_ends('B');
}

static void test_at_once(void)
{
    static int listener;

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7");
    for (int i = 0; i < 3; i++) {
        task_start("server", serve, &listener);
    }
    for (int c = 'A'; c <= 'C'; c++) {
        client_connects(c);
    }
    for (int c = 'C'; c >= 'A'; c--) {
        client_is_echoed(c);
    }
    for (int c = 'A'; c <= 'C'; c++) {
        client_ends(c);
    }
}

static void test_sendto(void)
{
    struct sockaddr_in remote = address("192.0.2.1:5000");
    int id;

    bench_start(WIRE_RAW);
    id = bound(SOCK_DGRAM, "0.0.0.0:7");
    check_int(sock_sendto(id, "hello", 5, SA(&remote), sizeof(remote)), 5);
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 'hello'");
    check_error(sock_sendto(id, "hello", 5, NULL, 0), EDESTADDRREQ);
    check_error(sock_sendto(id, "hello", 5, NULL, sizeof(remote)), EDESTADDRREQ);
}

static void test_datagrams(void)
{
    struct sockaddr_in remote, want = address("192.0.2.1:5000");
    socklen_t len = sizeof(remote);
    int id;
    char buf[16];

    bench_start(WIRE_RAW);
    id = bound(SOCK_DGRAM, "0.0.0.0:7");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    check_int(sock_recvfrom(id, buf, sizeof(buf), SA(&remote), &len), 5);
    check_mem(buf, "hello", 5);
    check_int(len, sizeof(remote));
    check_mem(&remote, &want, sizeof(want));
    check_int(sock_sendto(id, buf, 5, SA(&remote), len), 5);
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 'hello'");
}

/* Addresses of the C library work here as with its own sockets. */
static void test_library(void)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_family = AF_INET};
    struct addrinfo *ai = NULL;
    struct sockaddr_in remote;
    socklen_t len = sizeof(remote);
    char buf[16], text[INET_ADDRSTRLEN];
    int id;

    bench_start(WIRE_RAW);
    id = bound(SOCK_DGRAM, "0.0.0.0:7");
    check_int(getaddrinfo("192.0.2.1", "5000", &hints, &ai), 0);
    check_int(sock_sendto(id, "hello", 5, ai->ai_addr, ai->ai_addrlen), 5);
    freeaddrinfo(ai);
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 'hello'");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    check_int(sock_recvfrom(id, buf, sizeof(buf), SA(&remote), &len), 5);
    check_str(inet_ntop(AF_INET, &remote.sin_addr, text, sizeof(text)), "192.0.2.1");
    check_int(ntohs(remote.sin_port), 5000);
}

/* Peers connect before the first accept. */
static void test_listen(void)
{
    int stream;

    bench_start(WIRE_RAW);
    stream = sock_open(PF_INET, SOCK_STREAM, 0);
    check_error(sock_listen(stream, 5), EDESTADDRREQ);
    check_error(sock_listen(sock_open(PF_INET, SOCK_DGRAM, 0), 5), EOPNOTSUPP);
    listening("0.0.0.0:7");
    client_connects('A');
}

static ssize_t accept_one(struct call *c)
{
    return sock_accept(c->desc, NULL, NULL);
}

/* Not TCP's descriptor of the connection: here that is the listener's socket. */
static void test_accept(void)
{
    int listener, id;

    bench_start(WIRE_RAW);
    bound(SOCK_DGRAM, "0.0.0.0:7");
    listener = listening("0.0.0.0:7");
    client_connects('A');
    id = sock_accept(listener, NULL, NULL);
    check_cmp(id, !=, -1);
    check_cmp(id, !=, listener);
    check_int(sock_close(id), 0);
    expect("F. 1:1(0) ack 1");
}

static ssize_t receive_one(struct call *c)
{
    return sock_recv(c->desc, c->buf, c->len);
}

static ssize_t receive_from(struct call *c)
{
    return sock_recvfrom(c->desc, c->buf, c->len, NULL, NULL);
}

static ssize_t connect_one(struct call *c)
{
    struct sockaddr_in remote = address(c->remote);

    return sock_connect(c->desc, SA(&remote), sizeof(remote));
}

static void test_connect(void)
{
    static struct call c;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:0", "192.0.2.1:7", PEER_ISN);
    call_start(&c, connect_one, .desc = sock_open(PF_INET, SOCK_STREAM, IPPROTO_TCP),
               .remote = "192.0.2.1:7");
    expect("S 0:0(0)");
    inject("S. 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    check_returned(&c, 0);
    check_error(connect_one(&c), EISCONN);
    check_int(sock_send(c.desc, "hello", 5), 5);
    expect("P. 1:6(5) ack 1 'hello'");
    check_int(sock_close(c.desc), 0);
    expect("F. 6:6(0) ack 1");
}

/* The user can tell an orderly end from a reset, RFC 9293 3.6. */
static void test_end_or_break(void)
{
    int listener, a, b, c;
    char byte;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    client_connects('A');
    client_connects('B');
    client_connects('C');
    a = sock_accept(listener, NULL, NULL);
    b = sock_accept(listener, NULL, NULL);
    inject("A> F. 1:1(0) ack 1");
    inject("B> R 1:1(0)");
    check_int(sock_recv(a, &byte, 1), 0);
    check_error(sock_recv(b, &byte, 1), ECONNRESET);
    c = sock_accept(listener, NULL, NULL);
    check_int(sock_close(c), 0);
    check_error(sock_recv(c, &byte, 1), EBADF);
    advance(500);
    wire_pending(1);
}

/* addrlen is the room on entry and the length on return; NULL for no address. */
static void test_addresses(void)
{
    struct sockaddr_in want = address("192.0.2.1:5000"), remote;
    socklen_t len = sizeof(remote);
    int listener, datagrams;
    char buf[16];

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    client_connects('A');
    check_cmp(sock_accept(listener, SA(&remote), &len), !=, -1);
    check_int(len, sizeof(remote));
    check_mem(&remote, &want, sizeof(want));
    datagrams = bound(SOCK_DGRAM, "192.0.2.2:7");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    check_int(sock_recvfrom(datagrams, buf, sizeof(buf), NULL, NULL), 5);
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    memset(&remote, 0x55, sizeof(remote));
    len = 4;
    check_int(sock_recvfrom(datagrams, buf, sizeof(buf), SA(&remote), &len), 5);
    check_int(len, sizeof(remote));
    check_mem(&remote, &want, 4);
    check_int(remote.sin_addr.s_addr, 0x55555555);
}

static void test_wrong_kind(void)
{
    struct sockaddr_in remote = address("192.0.2.1:5000");
    socklen_t len = sizeof(remote);
    int stream, datagrams;
    char buf[16] = "";

    bench_start(WIRE_RAW);
    stream = bound(SOCK_STREAM, "0.0.0.0:7");
    datagrams = bound(SOCK_DGRAM, "0.0.0.0:7");
    check_error(sock_listen(datagrams, 1), EOPNOTSUPP);
    check_error(sock_accept(datagrams, SA(&remote), &len), EOPNOTSUPP);
    check_error(sock_recvfrom(stream, buf, 1, SA(&remote), &len), EOPNOTSUPP);
    check_error(sock_sendto(stream, buf, 1, SA(&remote), len), EOPNOTSUPP);
    expect_nothing(0);
}

static void test_wrong_arguments(void)
{
    struct sockaddr_in in = address("192.0.2.2:7");
    int stream, datagrams;

    bench_start(WIRE_RAW);
    check_error(sock_open(10, SOCK_STREAM, 0), EAFNOSUPPORT);
    check_error(sock_open(PF_INET, 3, 0), EPROTONOSUPPORT);
    check_error(sock_open(PF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    check_error(sock_open(PF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
    stream = sock_open(PF_INET, SOCK_STREAM, IPPROTO_TCP);
    datagrams = sock_open(PF_INET, SOCK_DGRAM, IPPROTO_UDP);
    check_error(sock_bind(stream, SA(&in), sizeof(in) - 1), EINVAL);
    check_error(sock_connect(stream, SA(&in), 0), EINVAL);
    check_error(sock_sendto(datagrams, "", 0, SA(&in), (socklen_t)-1), EINVAL);
    in.sin_family = 10;
    check_error(sock_bind(datagrams, SA(&in), sizeof(in)), EAFNOSUPPORT);
    check_error(sock_connect(stream, SA(&in), sizeof(in)), EAFNOSUPPORT);
    check_error(sock_sendto(datagrams, "", 0, SA(&in), sizeof(in)), EAFNOSUPPORT);
    expect_nothing(0);
}

/* NULL pointers. */
static void test_nowhere(void)
{
    struct sockaddr_in in = address("192.0.2.2:7");
    int listener, stream, datagrams;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    client_connects('A');
    client_connects('B');
    check_error(sock_accept(listener, SA(&in), NULL), EFAULT);
    stream = sock_accept(listener, NULL, NULL); /* the failed accept has lost no connection */
    inject("A> P. 1:6(5) ack 1 'hello'");
    expect_within(500, ". 1:1(0) ack 6");
    check_error(sock_recv(stream, NULL, 1), EFAULT);
    check_error(sock_send(stream, NULL, 1), EFAULT);
    check_int(sock_send(stream, NULL, 0), 0);
    check_error(sock_getsockname(stream, NULL, NULL), EFAULT);
    check_error(sock_getpeername(stream, SA(&in), NULL), EFAULT);
    datagrams = bound(SOCK_DGRAM, "0.0.0.0:7");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    check_error(sock_recvfrom(datagrams, NULL, 1, NULL, NULL), EFAULT);
    check_error(sock_recvfrom(datagrams, &in, sizeof(in), SA(&in), NULL), EFAULT);
    check_int(sock_recvfrom(datagrams, NULL, 0, NULL, NULL), 0);
    check_error(sock_sendto(datagrams, NULL, 1, SA(&in), sizeof(in)), EFAULT);
    check_error(sock_bind(sock_open(PF_INET, SOCK_STREAM, 0), NULL, sizeof(in)), EFAULT);
    check_error(sock_connect(sock_open(PF_INET, SOCK_STREAM, 0), NULL, sizeof(in)), EFAULT);
    expect_nothing(0);
}

static void check_local(int id, const char *text)
{
    struct sockaddr_in in = {0}, want = address(text);
    socklen_t len = sizeof(in);

    check_int(sock_getsockname(id, SA(&in), &len), 0);
    check_int(len, sizeof(in));
    check_mem(&in, &want, sizeof(want));
}

/* Both endpoints of a socket. */
static void test_names(void)
{
    struct sockaddr_in in = {0}, want = address("192.0.2.1:5000"), far = address("192.0.2.1:7");
    socklen_t len = sizeof(in);
    int listener, stream, datagrams;

    bench_start(WIRE_RAW);
    stream = sock_open(PF_INET, SOCK_STREAM, 0);
    check_local(stream, "0.0.0.0:0");
    check_error(sock_getpeername(stream, SA(&in), &len), ENOTCONN);
    listener = listening("0.0.0.0:7");
    check_local(listener, "0.0.0.0:7");
    check_error(sock_getpeername(listener, SA(&in), &len), ENOTCONN);
    client_connects('A');
    stream = sock_accept(listener, NULL, NULL);
    check_local(stream, "192.0.2.2:7");
    check_int(sock_getpeername(stream, SA(&in), &len), 0);
    check_int(len, sizeof(in));
    check_mem(&in, &want, sizeof(want));
    inject("A> R 1:1(0)");
    check_error(sock_getpeername(stream, SA(&in), &len), ENOTCONN);
    datagrams = sock_open(PF_INET, SOCK_DGRAM, 0);
    check_local(datagrams, "0.0.0.0:0");
    check_int(sock_sendto(datagrams, "x", 1, SA(&far), sizeof(far)), 1);
    wire_pending(1);
    check_int(sock_getsockname(datagrams, SA(&in), &len), 0);
    check(in.sin_port != 0); /* the port that was chosen */
    check_error(sock_getpeername(datagrams, SA(&in), &len), ENOTCONN);
    check_int(sock_close(datagrams), 0);
    check_local(bound(SOCK_DGRAM, "192.0.2.2:7"), "192.0.2.2:7");
}

/* Errors of TCP and UDP come through with their errno. */
static void test_refused(void)
{
    struct sockaddr_in in = address("192.0.2.2:7"), foreign = address("192.0.2.3:7");
    struct sockaddr_in far = address("203.0.113.1:7");
    static struct call c;
    int stream, datagrams;

    bench_start(WIRE_RAW);
    bound(SOCK_STREAM, "0.0.0.0:7");
    bound(SOCK_DGRAM, "0.0.0.0:7");
    stream = sock_open(PF_INET, SOCK_STREAM, 0);
    datagrams = sock_open(PF_INET, SOCK_DGRAM, 0);
    check_error(sock_bind(stream, SA(&in), sizeof(in)), EADDRINUSE);
    check_error(sock_bind(datagrams, SA(&in), sizeof(in)), EADDRINUSE);
    check_error(sock_bind(stream, SA(&foreign), sizeof(foreign)), EADDRNOTAVAIL);
    check_error(sock_bind(datagrams, SA(&foreign), sizeof(foreign)), EADDRNOTAVAIL);
    check_error(sock_listen(stream, 1), EDESTADDRREQ);
    check_error(sock_accept(stream, NULL, NULL), EINVAL);
    check_error(sock_send(stream, "", 1), ENOTCONN);
    check_error(sock_sendto(datagrams, "", 0, SA(&far), sizeof(far)), ENETUNREACH);
    check_error(sock_connect(stream, SA(&far), sizeof(far)), ENETUNREACH);
    connection('A', "192.0.2.2:0", "192.0.2.1:7", PEER_ISN);
    call_start(&c, connect_one, .desc = stream, .remote = "192.0.2.1:7");
    expect("S 0:0(0)");
    inject("R. 0:0(0) ack 1");
    check_failed(&c, ECONNREFUSED);
    check_error(sock_send(stream, "", 1), ECONNREFUSED);
    check_error(sock_recv(stream, &(char){0}, 1), ECONNREFUSED);
}

static void test_bad_socket(void)
{
    struct sockaddr_in in = address("192.0.2.2:7");
    int bad[] = {-1, SOCK_TABLE_SIZE, 1 << 30, 0 /* closed */};
    socklen_t len = sizeof(in);
    char byte = 0;

    bench_start(WIRE_RAW);
    bad[3] = bound(SOCK_STREAM, "192.0.2.2:7");
    check_int(sock_close(bad[3]), 0);
    for (size_t i = 0; i < countof(bad); i++) {
        check_error(sock_bind(bad[i], SA(&in), sizeof(in)), EBADF);
        check_error(sock_listen(bad[i], 1), EBADF);
        check_error(sock_accept(bad[i], NULL, NULL), EBADF);
        check_error(sock_connect(bad[i], SA(&in), sizeof(in)), EBADF);
        check_error(sock_recv(bad[i], &byte, 1), EBADF);
        check_error(sock_send(bad[i], &byte, 1), EBADF);
        check_error(sock_recvfrom(bad[i], &byte, 1, NULL, NULL), EBADF);
        check_error(sock_sendto(bad[i], &byte, 1, SA(&in), sizeof(in)), EBADF);
        check_error(sock_getsockname(bad[i], SA(&in), &len), EBADF);
        check_error(sock_getpeername(bad[i], SA(&in), &len), EBADF);
        check_error(sock_close(bad[i]), EBADF);
    }
}

/* Starts sleepers in accept, recv and recvfrom. */
static void sleep_in_all(struct call *a, struct call *r, struct call *f)
{
    int listener;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    client_connects('A');
    call_start(r, receive_one, .desc = sock_accept(listener, NULL, NULL), .len = 64);
    call_start(a, accept_one, .desc = listener);
    call_start(f, receive_from, .desc = bound(SOCK_DGRAM, "0.0.0.0:7"), .len = 64);
    check_sleeps(a);
    check_sleeps(r);
    check_sleeps(f);
}

static void test_close(void)
{
    static struct call a, r, f;

    sleep_in_all(&a, &r, &f);
    check_int(sock_close(a.desc), 0);
    check_int(sock_close(r.desc), 0);
    check_int(sock_close(f.desc), 0);
    settle();
    check_failed(&a, EBADF);
    check_failed(&r, EBADF);
    check_failed(&f, EBADF);
    expect("F. 1:1(0) ack 1");
}

static void test_interruption(void)
{
    static struct call a, r, f;

    sleep_in_all(&a, &r, &f);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&a, EINTR);
    check_failed(&r, EINTR);
    check_failed(&f, EINTR);
    call_start(&a, accept_one, .desc = a.desc);
    check_sleeps(&a);
    client_connects('B');
    task_join(a.task, 0);
    check_cmp(a.ret, !=, -1);
}

/* No sleeper is left, and the next stack starts without the first one's sockets. */
static void test_shutdown(void)
{
    static struct call a, r, f;
    int old[3], fresh;

    sleep_in_all(&a, &r, &f);
    check_int(net_shutdown(), 0);
    settle();
    wire_pending(1);
    check_failed(&a, EBADF);
    check_failed(&r, EBADF);
    check_failed(&f, EBADF);
    check_error(sock_open(PF_INET, SOCK_STREAM, 0), ENETDOWN);
    check_error(sock_open(PF_INET, SOCK_DGRAM, 0), ENETDOWN);
    check_int(memory_in_use(), 0);
    memcpy(old, (int[]){a.desc, r.desc, f.desc}, sizeof(old));
    bench_start(WIRE_RAW);
    fresh = listening("0.0.0.0:7");
    for (size_t i = 0; i < countof(old); i++) {
        if (old[i] != fresh) {
            check_error(sock_close(old[i]), EBADF);
        }
    }
    client_connects('B');
    check(sock_accept(fresh, NULL, NULL) != -1);
}

/* A failed open takes no entry, however often. */
static void test_table(void)
{
    int id = -1, datagrams[UDP_PCB_SIZE];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(datagrams); i++) {
        datagrams[i] = sock_open(PF_INET, SOCK_DGRAM, 0);
        check_cmp(datagrams[i], !=, -1);
    }
    for (int i = 0; i < SOCK_TABLE_SIZE; i++) {
        check_error(sock_open(PF_INET, SOCK_DGRAM, 0), EMFILE);
    }
    for (size_t i = 0; i < countof(datagrams); i++) {
        check_int(sock_close(datagrams[i]), 0);
    }
    for (int i = 0; i < SOCK_TABLE_SIZE; i++) {
        id = sock_open(PF_INET, SOCK_STREAM, 0);
        check_cmp(id, !=, -1);
    }
    check_error(sock_open(PF_INET, SOCK_STREAM, 0), EMFILE);
    check_int(sock_close(id), 0);
    check_cmp(sock_open(PF_INET, SOCK_STREAM, 0), !=, -1);
}

/* TCP has room for a connection that no socket can hold: it waits. */
static void test_accept_full_table(void)
{
    static struct call a;
    int listener, id;

    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7");
    client_connects('A');
    for (int i = 0; i < UDP_PCB_SIZE; i++) {
        check_cmp(sock_open(PF_INET, SOCK_DGRAM, 0), !=, -1);
    }
    for (int i = UDP_PCB_SIZE + 1; i < SOCK_TABLE_SIZE; i++) {
        id = sock_open(PF_INET, SOCK_STREAM, 0);
        check_cmp(id, !=, -1);
    }
    check_error(sock_accept(listener, NULL, NULL), EMFILE);
    check_int(sock_close(id), 0);
    call_start(&a, accept_one, .desc = listener);
    if (!task_done(a.task)) {
        fail("the connection is lost: accept sleeps");
    }
    check_int(sock_send((int)a.ret, "hello", 5), 5);
    expect("A> P. 1:6(5) ack 1 'hello'");
}

static void test_failed_accepts(void)
{
    int stream;

    bench_start(WIRE_RAW);
    stream = bound(SOCK_STREAM, "0.0.0.0:7");
    for (int i = 0; i < 2 * SOCK_TABLE_SIZE; i++) {
        check_error(sock_accept(stream, NULL, NULL), EINVAL);
    }
}

/* An echo of 50,000 bytes over loopback. */
static ssize_t ask(struct call *c)
{
    static char out[50000], in[50000];
    size_t done = 0;
    ssize_t len;

    check_int(connect_one(c), 0);
    pattern(out, 1, sizeof(out));
    check_int(sock_send(c->desc, out, sizeof(out)), sizeof(out));
    while (done < sizeof(in)) {
        len = sock_recv(c->desc, in + done, sizeof(in) - done);
        check_cmp(len, >, 0);
        done += (size_t)len;
    }
    check_pattern(in, 1, sizeof(in));
    return sock_close(c->desc);
}

static void test_loopback(void)
{
    static struct call c;
    static int listener;

    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    check_int(net_run(), 0);
    listener = listening("127.0.0.1:7");
    task_start("server", serve, &listener);
    call_start(&c, ask, .desc = sock_open(PF_INET, SOCK_STREAM, 0), .remote = "127.0.0.1:7");
    task_join(c.task, 60000);
}

BENCH(30,
      {"sendto needs an address", test_sendto},
      {"recvfrom and sendto carry addresses", test_datagrams},
      {"addresses work with getaddrinfo and inet_ntop", test_library},
      {"listen needs a bound stream socket", test_listen},
      {"accept returns a new socket", test_accept},
      {"the echo server serves one client after another [M-9]", test_one_after_another},
      {"a client is served after the one before it has ended", test_patience},
      {"three threads serve three clients at once", test_at_once},
      {"a stream socket connects and sends", test_connect},
      {"recv returns 0 at end of file; ECONNRESET after a reset, EBADF after close [MUST-12]",
       test_end_or_break},
      {"an address is truncated to the caller's addrlen [M-9]", test_addresses},
      {"stream calls on datagram sockets, and the reverse, fail with EOPNOTSUPP", test_wrong_kind},
      {"invalid arguments fail", test_wrong_arguments},
      {"a NULL buffer fails with EFAULT, a missing address with EDESTADDRREQ", test_nowhere},
      {"getsockname and getpeername return both endpoints", test_names},
      {"errors of TCP and UDP keep their errno", test_refused},
      {"a call on a closed or invalid socket fails with EBADF", test_bad_socket},
      {"close wakes all sleepers with EBADF", test_close},
      {"an interruption wakes all sleepers, once", test_interruption},
      {"shutdown wakes all sleepers, and the stack can start again", test_shutdown},
      {"a full table fails with EMFILE, and failed opens leak no entry [M-9]", test_table},
      {"accept without a free socket loses no connection", test_accept_full_table},
      {"a failed accept leaks no entry", test_failed_accepts},
      {"two sockets echo 50,000 bytes over loopback", test_loopback})
