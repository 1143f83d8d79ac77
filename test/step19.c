/* Step 19: UDP exchange. Application threads send, and sleep until a datagram arrives. */

#include <stdio.h>

#include "bench.h"
#include "call.h"
#include "driver/loopback.h"
#include "endp.h"
#include "net.h"
#include "platform.h"
#include "udp.h"
#include "util.h"

#define HELLO_IN  "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"
#define HELLO_OUT "UDP 192.0.2.2.7 > 192.0.2.1.5000 'hello'"

static int bound(const char *text)
{
    ip_endp_t local = endp(text);
    int desc = udp_cmd_open();

    check_cmp(desc, !=, -1);
    check_int(udp_cmd_bind(desc, &local), 0);
    return desc;
}

static ip_endp_t sender; /* of the datagram received last */

static ssize_t read_one(struct call *c)
{
    return udp_cmd_recvfrom(c->desc, c->buf, c->len, &sender);
}

static void reader_start(struct call *r, int desc)
{
    call_start(r, read_one, .desc = desc, .len = 2048);
}

static void check_read(const struct call *r, const char *text)
{
    check_returned(r, strlen(text));
    check_mem(r->buf, text, strlen(text));
}

static void send_text(int desc, const char *text, const char *remote)
{
    ip_endp_t to = endp(remote);

    check_int(udp_cmd_sendto(desc, text, strlen(text), &to), strlen(text));
}

static void test_send(void)
{
    static const uint8_t hello[] = { /* from the source port on, worked out by hand */
        0x00, 0x07, 0x13, 0x88, 0x00, 0x0d, 0x24, 0x6f, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
    };
    uint8_t packet[128];
    ip_endp_t remote;
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    send_text(desc, "hello", "192.0.2.1:5000");
    expect(HELLO_OUT); /* names the field that differs */
    send_text(desc, "hello", "192.0.2.1:5000");
    check_int(take(0, packet, sizeof(packet)), 20 + sizeof(hello));
    check_mem(packet + 20, hello, sizeof(hello));
    remote = endp("192.0.2.1:5000");
    check_int(udp_cmd_sendto(desc, "", 0, &remote), 0);
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 len 0");
}

/* The route gives the source address, which the checksum covers. */
static void test_send_from_any(void)
{
    bench_start(WIRE_RAW);
    send_text(bound("0.0.0.0:7"), "hello", "192.0.2.1:5000");
    expect(HELLO_OUT);
}

/* Echoes one datagram. */
static void echo_server(void *arg)
{
    char buf[64];
    ip_endp_t remote;
    int desc = *(int *)arg;
    ssize_t len = udp_cmd_recvfrom(desc, buf, sizeof(buf), &remote);

    check_int(udp_cmd_sendto(desc, buf, len, &remote), len);
}

static void test_two_sockets(void)
{
    static struct call client;
    struct task *server;
    int seven;

    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    check_int(net_run(), 0);
    seven = bound("127.0.0.1:7");
    server = task_start("server", echo_server, &seven);
    reader_start(&client, bound("127.0.0.1:5000"));
    send_text(client.desc, "hello", "127.0.0.1:7");
    task_join(server, 0);
    task_join(client.task, 0);
    check_read(&client, "hello");
    check_int(sender.port, hton16(7));
}

static void test_sleeper(void)
{
    static struct call r;
    ip_endp_t remote = endp("192.0.2.1:5000");

    bench_start(WIRE_RAW);
    reader_start(&r, bound("0.0.0.0:7"));
    advance(60000);
    check_sleeps(&r);
    inject(HELLO_IN);
    check_read(&r, "hello");
    check_int(sender.addr, remote.addr);
    check_int(sender.port, remote.port);
}

/* Bytes other than 0: fresh memory is 0. The last read truncates a datagram to one byte. */
static void test_one_byte(void)
{
    static struct call r;
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    send_text(desc, "x", "192.0.2.1:5000");
    expect("UDP 192.0.2.2.7 > 192.0.2.1.5000 'x'");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'y'");
    reader_start(&r, desc);
    check_read(&r, "y");
    inject(HELLO_IN);
    call_start(&r, read_one, .desc = desc, .len = 1);
    check_read(&r, "h");
}

/* Oldest first, each once. A datagram longer than the buffer is truncated, the rest discarded. */
static void test_waiting(void)
{
    char buf[4];
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'one'");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'three'");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 len 0");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'four'");
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 3);
    check_mem(buf, "one", 3);
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 4);
    check_mem(buf, "thre", 4);
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 0);
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 4);
    check_mem(buf, "four", 4);
}

static void test_right_one(void)
{
    static struct call seven, eight;

    bench_start(WIRE_RAW);
    reader_start(&seven, bound("192.0.2.2:7"));
    reader_start(&eight, bound("0.0.0.0:8"));
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.8 'eight'");
    check_read(&eight, "eight");
    check_sleeps(&seven);
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'seven'");
    check_read(&seven, "seven");
}

static void test_two_sleepers(void)
{
    static struct call a, b;
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    reader_start(&a, desc);
    reader_start(&b, desc);
    inject(HELLO_IN);
    check_int(task_done(a.task) + task_done(b.task), 1);
    inject(HELLO_IN);
    check_read(&a, "hello");
    check_read(&b, "hello");
}

/* The sleeper has been woken and does not run yet, when another thread takes the datagram. */
static void test_taken_datagram(void)
{
    static struct call r;
    char buf[8];

    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    check_int(net_run(), 0);
    reader_start(&r, bound("127.0.0.1:7"));
    send_text(bound("127.0.0.1:5000"), "first", "127.0.0.1:7");
    net_softirq_handler(INTR_IRQ_SOFT, NULL);
    check_int(udp_cmd_recvfrom(r.desc, buf, sizeof(buf), NULL), 5);
    settle();
    check_sleeps(&r);
    send_text(r.desc, "hello", "127.0.0.1:7");
    settle();
    check_read(&r, "hello");
}

/* As many sleepers wake as there are datagrams. */
static void test_many_sleepers(void)
{
    static struct call readers[100];
    unsigned long before;
    int desc, done = 0;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    for (size_t i = 0; i < countof(readers); i++) {
        reader_start(&readers[i], desc);
    }
    before = sim_wakeups();
    for (int i = 0; i < 50; i++) {
        inject(HELLO_IN);
    }
    for (size_t i = 0; i < countof(readers); i++) {
        done += task_done(readers[i].task);
    }
    check_int(done, 50);
    check_int(sim_wakeups() - before, 50);
}

/* Datagrams arrive while some sleepers are interrupted and others start to sleep: none is left
 * queued. */
static void test_interrupted_sleepers(void)
{
    static struct call a[4], b[4];
    int desc, got = 0;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < countof(a); i++) {
            reader_start(&a[i], desc);
        }
        intr_raise(INTR_IRQ_USER);
        for (size_t i = 0; i < countof(b); i++) {
            reader_start(&b[i], desc);
        }
        inject(HELLO_IN);
        for (size_t i = 0; i < countof(a); i++) {
            task_join(a[i].task, 0);
            got += a[i].ret == 5;
        }
        for (size_t i = 0; i < countof(b); i++) {
            got += task_done(b[i].task) && b[i].ret == 5;
        }
        check_int(got, round + 1);
        intr_raise(INTR_IRQ_USER);
        settle();
    }
}

static void test_close(void)
{
    static struct call a, b;
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    reader_start(&a, desc);
    reader_start(&b, desc);
    check_int(udp_cmd_close(desc), 0);
    settle();
    check_failed(&a, EBADF);
    check_failed(&b, EBADF);
    check_error(udp_cmd_recvfrom(desc, a.buf, a.len, NULL), EBADF);
    check_error(udp_cmd_sendto(desc, "", 0, &sender), EBADF);
}

static void test_interruption(void)
{
    static struct call a, b;

    bench_start(WIRE_RAW);
    reader_start(&a, bound("192.0.2.2:7"));
    reader_start(&b, bound("192.0.2.2:8"));
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&a, EINTR);
    check_failed(&b, EINTR);
    reader_start(&a, a.desc);
    advance(1000);
    check_sleeps(&a);
    inject(HELLO_IN);
    check_read(&a, "hello");
}

/* Without a sleeper the interruption is dropped; the next sleep is not affected. */
static void test_late_interruption(void)
{
    static struct call r;

    bench_start(WIRE_RAW);
    intr_raise(INTR_IRQ_USER);
    settle();
    reader_start(&r, bound("192.0.2.2:7"));
    advance(1000);
    check_sleeps(&r);
    inject(HELLO_IN);
    check_read(&r, "hello");
}

static void test_shutdown(void)
{
    static struct call r;

    bench_start(WIRE_RAW);
    reader_start(&r, bound("192.0.2.2:7"));
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.8 'refused'");
    wire_pending(1);
    check_int(net_shutdown(), 0);
    settle();
    check_failed(&r, EBADF);
    check_error(udp_cmd_open(), ENETDOWN);
    check_int(memory_in_use(), 0);
}

/* The source port of the next datagram out. */
static uint16_t source_port(void)
{
    uint8_t packet[128];

    check_cmp(take(0, packet, sizeof(packet)), >=, 28);
    return (uint16_t)(packet[20] << 8 | packet[21]);
}

static void test_port_choice(void)
{
    uint16_t port[8];
    char again[64];
    int desc[8];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(desc); i++) {
        desc[i] = udp_cmd_open();
        send_text(desc[i], "hello", "192.0.2.1:5000");
        port[i] = source_port();
        check_cmp(port[i], >=, UDP_SOURCE_PORT_MIN);
        for (size_t j = 0; j < i; j++) {
            check_cmp(port[i], !=, port[j]);
        }
    }
    check_counted(udp, sent, 1, send_text(desc[0], "again", "192.0.2.1:5001"));
    snprintf(again, sizeof(again), "UDP 192.0.2.2.%u > 192.0.2.1.5001 'again'", port[0]);
    expect(again); /* with the right checksum */
}

/* Fills the table with endpoints bound to port 0, alternately at any address and at one. The random
 * number is always the same: the largest, so that the search for a free port wraps. */
static void test_port_taken(void)
{
    static uint8_t used[UDP_SOURCE_PORT_MAX + 1];
    static const uint8_t random[] = {0xff, 0xff};
    uint16_t port;
    int desc;

    bench_start(WIRE_RAW);
    for (int i = 0; i < UDP_PCB_SIZE; i++) {
        sim_random_next(random, sizeof(random));
        desc = bound(i % 2 ? "192.0.2.2:0" : "0.0.0.0:0");
        send_text(desc, "hello", "192.0.2.1:5000");
        port = source_port();
        check_cmp(port, >=, UDP_SOURCE_PORT_MIN);
        check(!used[port]++);
    }
    check(used[UDP_SOURCE_PORT_MAX] && used[UDP_SOURCE_PORT_MIN]);
    check_error(udp_cmd_open(), EMFILE);
}

static void test_chosen_port_receives(void)
{
    static struct call r;
    char reply[128];
    int desc;

    bench_start(WIRE_RAW);
    desc = udp_cmd_open();
    send_text(desc, "hello", "192.0.2.1:5000");
    snprintf(reply, sizeof(reply), "UDP 192.0.2.1.5000 > 192.0.2.2.%u 'hello'", source_port());
    reader_start(&r, desc);
    inject(reply);
    check_read(&r, "hello");
}

/* Pseudo-header, header and data sum to 0xffff, whose complement 0 would mean "no checksum". */
static void test_checksum_zero(void)
{
    static const uint8_t sum_zero[] = {0x68, 0x47};
    ip_endp_t remote = endp("192.0.2.1:5000");
    uint8_t packet[128];
    uint16_t sum;

    bench_start(WIRE_RAW);
    check_int(udp_cmd_sendto(bound("192.0.2.2:7"), sum_zero, sizeof(sum_zero), &remote), 2);
    check_int(take(0, packet, sizeof(packet)), 30);
    sum = get16(packet + 26);
    check_int(sum, 0xffff);
}

/* Without a route, the datagram has no source address. */
static void test_no_route(void)
{
    ip_endp_t far = endp("203.0.113.1:5000");
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("0.0.0.0:7");
    check_counted(udp, send_failed, 1,
                  check_error(udp_cmd_sendto(desc, "hello", 5, &far), ENETUNREACH));
    expect_nothing(0);
}

static void test_no_memory(void)
{
    ip_endp_t remote = endp("192.0.2.1:5000");
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    sim_fail_alloc(1);
    check_counted(udp, send_failed, 1,
                  check_error(udp_cmd_sendto(desc, "hello", 5, &remote), ENOMEM));
    send_text(desc, "hello", "192.0.2.1:5000");
    expect(HELLO_OUT);
}

static void test_refused(void)
{
    static char large[UDP_PAYLOAD_SIZE_MAX + 1];
    ip_endp_t remote = endp("192.0.2.1:5000"), far = endp("203.0.113.1:5000");
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    check_error(udp_cmd_sendto(desc, large, sizeof(large), &remote), EMSGSIZE);
    check_error(udp_cmd_sendto(desc, "", 0, &far), ENETUNREACH);
    check_error(udp_cmd_sendto(-1, "", 0, &remote), EBADF);
    check_error(udp_cmd_sendto(-1, large, sizeof(large), &remote), EBADF); /* not EMSGSIZE */
    check_error(udp_cmd_sendto(UDP_PCB_SIZE, "", 0, &remote), EBADF);
    check_error(udp_cmd_recvfrom(-1, large, sizeof(large), NULL), EBADF);
    expect_nothing(0);
    check_int(udp_cmd_sendto(desc, large, 1472, &remote), 1472);
    check_int(wire_pending(1), 1);
}

/* The UDP length says 5 bytes, the datagram has 9: the other 4 are not delivered. */
static void test_trailing_bytes(void)
{
    char buf[64];
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    inject_with("frame.len=46", HELLO_IN);
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 5);
    inject_with("udp.len=13, udp.sum=0", "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hellomore'");
    inject(HELLO_IN);
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 5);
    check_mem(buf, "hello", 5);
}

/* A full queue drops new datagrams, so the ones read are in order, without a gap. */
static void test_queue(void)
{
    char script[128], buf[8], want[8];
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    for (int i = 0; i < UDP_QUEUE_LIMIT + 3; i++) {
        snprintf(script, sizeof(script), "UDP 192.0.2.1.5000 > 192.0.2.2.7 '%03d'", i);
        inject(script);
    }
    for (int i = 0; i < UDP_QUEUE_LIMIT; i++) {
        snprintf(want, sizeof(want), "%03d", i);
        check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 3);
        check_mem(buf, want, 3);
    }
    inject(HELLO_IN);
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), 5);
}

BENCH(19,
      {"a sent datagram has the bytes worked out by hand [1122-4.1.3.4a]", test_send},
      {"an endpoint bound to all addresses sends from its route's address", test_send_from_any},
      {"a datagram wakes a sleeping receiver, with its sender's address", test_sleeper},
      {"two endpoints exchange datagrams over loopback", test_two_sockets},
      {"a datagram of one byte is sent and received", test_one_byte},
      {"queued datagrams are read in order, each once", test_waiting},
      {"each endpoint reads only its own datagrams", test_right_one},
      {"one datagram wakes one of two sleepers", test_two_sleepers},
      {"a sleeper woken for a datagram that another thread takes sleeps on", test_taken_datagram},
      {"closing wakes all sleepers with EBADF", test_close},
      {"an interruption wakes all sleepers, once", test_interruption},
      {"50 datagrams wake 50 of 100 sleepers", test_many_sleepers},
      {"an interrupted sleeper holds up no datagram", test_interrupted_sleepers},
      {"an interruption without a sleeper is forgotten [M-4]", test_late_interruption},
      {"shutdown wakes all sleepers and frees all memory", test_shutdown},
      {"an unbound endpoint gets a port of its own and keeps it", test_port_choice},
      {"a port in use is never chosen, even with the same random number", test_port_taken},
      {"the chosen port receives replies", test_chosen_port_receives},
      {"a checksum of zero is sent as 0xffff [1122-4.1.3.4a]", test_checksum_zero},
      {"without a route sendto fails with ENETUNREACH, and counts as send_failed", test_no_route},
      {"without memory sendto fails with ENOMEM, and the next is sent", test_no_memory},
      {"sendto fails with EMSGSIZE, ENETUNREACH or EBADF", test_refused},
      {"bytes beyond the UDP length are not delivered", test_trailing_bytes},
      {"a full queue drops new datagrams", test_queue})
