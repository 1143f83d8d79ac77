/* Step 18: UDP endpoints. Queued datagrams are read in step 19, and only counted here. */

#include "bench.h"
#include "platform.h"
#include "udp.h"
#include "util.h"

#define TO_7 "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"
#define TO_8 "UDP 192.0.2.1.5000 > 192.0.2.2.8 'hello'"
#define UNREACHABLE "IP 192.0.2.2 > 192.0.2.1 ICMP unreachable port quote 28"

/* Opens an endpoint and binds it to text. Returns its descriptor, or -1 with errno. */
static int bound(const char *text)
{
    ip_endp_t local;
    int desc = udp_cmd_open();

    check_cmp(desc, !=, -1);
    check_int(ip_endp_pton(text, &local), 0);
    if (udp_cmd_bind(desc, &local) == -1) {
        int err = errno;

        udp_cmd_close(desc);
        errno = err;
        return -1;
    }
    return desc;
}

/* Returns the number of datagrams queued on endpoints so far. */
static size_t taken(void)
{
    struct udp_stats stats;

    udp_get_stats(&stats);
    return stats.delivered - stats.no_port - stats.queue_full - stats.no_memory;
}

static void test_bound(void)
{
    bench_start(WIRE_RAW);
    check_cmp(bound("192.0.2.2:7"), !=, -1);
    inject(TO_7);
    expect_nothing(0);
    check_int(taken(), 1);
}

/* As in udp.c: what comes before the data of a queued datagram */
struct entry {
    struct queue_entry link;
    ip_endp_t remote;
    size_t len;
};

static size_t bytes_in_use(void)
{
    memory_peak_bytes(1);
    return memory_peak_bytes(0);
}

/* The first datagram may leave another allocation behind. */
static void test_memory(void)
{
    size_t before;

    bench_start(WIRE_RAW);
    check_cmp(bound("192.0.2.2:7"), !=, -1);
    inject(TO_7);
    before = bytes_in_use();
    inject(TO_7);
    check_int(bytes_in_use() - before, sizeof(struct entry) + 5);
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 len 1000");
    check_int(bytes_in_use() - before, 2 * sizeof(struct entry) + 1005);
}

static void test_unbound(void)
{
    bench_start(WIRE_RAW);
    check_cmp(bound("192.0.2.2:7"), !=, -1);
    check_counted(udp, no_port, 1, inject(TO_8));
    expect(UNREACHABLE);
    check_counted(udp, no_port, 1, inject("UDP 192.0.2.1.7 > 192.0.2.2.1792 len 0"));
    expect(UNREACHABLE);
}

/* RFC 1122 3.2.2: no error about a broadcast or to a source that is not one host. The port of a
 * damaged datagram is not looked at. */
static void test_no_answer(void)
{
    bench_start(WIRE_RAW);
    check_counted(udp, no_port, 1, inject("UDP 192.0.2.1.5000 > 192.0.2.255.7 'hello'"));
    check_counted(udp, no_port, 1, inject("UDP 192.0.2.1.5000 > 255.255.255.255.7 'hello'"));
    check_counted(udp, no_port, 0, inject_with("udp.sum=+1", TO_7));
    check_counted(udp, no_port, 0, inject_with("udp.len=+1", TO_7));
    inject_with("ip.src=255.255.255.255", TO_7);
    inject_with("ip.src=192.0.2.255", TO_7);
    inject_with("ip.src=224.0.0.1", TO_7);
    inject_with("ip.src=0.0.0.0", TO_7);
    expect_nothing(0);
}

/* An endpoint bound to one address receives datagrams to that address only. */
static void test_address(void)
{
    bench_start(WIRE_RAW);
    check_cmp(bound("192.0.2.2:7"), !=, -1);
    check_counted(udp, no_port, 1, inject("UDP 192.0.2.1.5000 > 192.0.2.255.7 'hello'"));
    check_counted(udp, no_port, 0, inject(TO_7));
    check_int(taken(), 1);
}

static void test_wildcard(void)
{
    bench_start(WIRE_RAW);
    check_cmp(bound("0.0.0.0:7"), !=, -1);
    inject(TO_7);
    inject("UDP 192.0.2.1.5000 > 192.0.2.255.7 'hello'");
    inject("UDP 192.0.2.1.5000 > 255.255.255.255.7 'hello'");
    expect_nothing(0);
    check_int(taken(), 3);
}

/* Port 7's queue fills up, port 8's is not affected. */
static void test_queue(void)
{
    bench_start(WIRE_RAW);
    check_cmp(bound("192.0.2.2:7"), !=, -1);
    check_cmp(bound("0.0.0.0:8"), !=, -1);
    for (int i = 0; i < UDP_QUEUE_LIMIT; i++) {
        check_counted(udp, queue_full, 0, inject(TO_7));
    }
    check_counted(udp, queue_full, 1, inject(TO_7));
    check_counted(udp, queue_full, 0, inject(TO_8));
    expect_nothing(0);
    check_int(taken(), UDP_QUEUE_LIMIT + 1);
}

/* The first round may leave an allocation behind, the later ones may add none. */
static void test_close(void)
{
    size_t in_use = 0;
    int desc;

    bench_start(WIRE_RAW);
    for (int i = 0; i < 3; i++) {
        desc = bound("192.0.2.2:7");
        inject(TO_7);
        inject(TO_7);
        check_int(udp_cmd_close(desc), 0);
        check(i == 0 || memory_in_use() == in_use);
        in_use = memory_in_use();
    }
    inject(TO_7);
    expect(UNREACHABLE);
    check_cmp(bound("192.0.2.2:7"), !=, -1);
    inject(TO_7);
    expect_nothing(0);
}

static void test_conflict(void)
{
    int desc;

    bench_start(WIRE_RAW);
    desc = bound("192.0.2.2:7");
    check_cmp(desc, !=, -1);
    check_error(bound("192.0.2.2:7"), EADDRINUSE);
    check_error(bound("0.0.0.0:7"), EADDRINUSE);
    check_int(udp_cmd_close(desc), 0);
    check_cmp(bound("0.0.0.0:7"), !=, -1);
    check_error(bound("0.0.0.0:7"), EADDRINUSE);
    check_error(bound("192.0.2.2:7"), EADDRINUSE);
    check_cmp(bound("192.0.2.2:8"), !=, -1);
}

static void test_refused_bind(void)
{
    ip_endp_t local, foreign;
    int desc;

    bench_start(WIRE_RAW);
    check_int(ip_endp_pton("192.0.2.3:7", &foreign), 0);
    check_int(ip_endp_pton("192.0.2.2:7", &local), 0);
    desc = udp_cmd_open();
    check_error(udp_cmd_bind(desc, &foreign), EADDRNOTAVAIL);
    check_int(udp_cmd_bind(desc, &local), 0);
    check_error(udp_cmd_bind(desc, &local), EINVAL);
}

static void test_bad_bind(void)
{
    ip_endp_t local;
    int desc;

    bench_start(WIRE_RAW);
    check_error(bound("192.0.2.3:7"), EADDRNOTAVAIL);
    check_cmp(bound("0.0.0.0:9"), !=, -1);
    check_error(bound("192.0.2.3:9"), EADDRNOTAVAIL); /* not EADDRINUSE */
    desc = bound("192.0.2.2:7");
    check_int(ip_endp_pton("192.0.2.2:8", &local), 0);
    check_error(udp_cmd_bind(desc, &local), EINVAL);
    inject(TO_8);
    expect(UNREACHABLE);
}

static void test_bad_descriptor(void)
{
    static const int bad[] = {-1, UDP_PCB_SIZE, 1 << 30};
    ip_endp_t local;
    int desc;

    bench_start(WIRE_RAW);
    check_int(ip_endp_pton("192.0.2.2:7", &local), 0);
    for (size_t i = 0; i < countof(bad); i++) {
        check_error(udp_cmd_bind(bad[i], &local), EBADF);
        check_error(udp_cmd_close(bad[i]), EBADF);
    }
    desc = udp_cmd_open();
    check_int(udp_cmd_close(desc), 0);
    check_error(udp_cmd_bind(desc, &local), EBADF);
    check_error(udp_cmd_close(desc), EBADF);
}

static void test_table(void)
{
    int desc[UDP_PCB_SIZE];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(desc); i++) {
        desc[i] = udp_cmd_open();
        check_cmp(desc[i], !=, -1);
    }
    check_error(udp_cmd_open(), EMFILE);
    check_int(udp_cmd_close(desc[5]), 0);
    check_cmp(udp_cmd_open(), !=, -1);
    check_error(udp_cmd_open(), EMFILE);
}

/* An unbound endpoint is not found under port 0 or any other. */
static void test_not_yet_bound(void)
{
    bench_start(WIRE_RAW);
    check_cmp(udp_cmd_open(), !=, -1);
    check_counted(udp, no_port, 1, inject(TO_7));
    expect(UNREACHABLE);
    check_counted(udp, no_port, 1, inject("UDP 192.0.2.1.5000 > 192.0.2.2.0 'hello'"));
    wire_pending(1);
}

/* Whichever allocation fails: the datagram is dropped, and the next is queued. */
static void test_no_memory(void)
{
    size_t before;

    bench_start(WIRE_RAW);
    check_cmp(bound("192.0.2.2:7"), !=, -1);
    for (unsigned long k = 1; k <= 4; k++) {
        sim_fail_alloc(k);
        inject(TO_7);
        sim_fail_alloc(0);
        before = taken();
        inject(TO_7);
        check_int(taken(), before + 1);
    }
    expect_nothing(0);
}

BENCH(18,
      {"a refused bind leaves the endpoint unbound", test_refused_bind},
      {"a datagram to a bound port is queued without an answer", test_bound},
      {"a queued datagram takes the bytes of an entry and of its data", test_memory},
      {"an unbound port is unreachable, quoting 8 bytes [1122-4.1.3.1 1122-3.2.2.1a 1122-3.3.8]",
       test_unbound},
      {"a datagram to or from a broadcast address is not answered [1122-3.2.2e]", test_no_answer},
      {"an endpoint bound to one address gets no broadcast [1122-4.1.3.5b]", test_address},
      {"an endpoint bound to all addresses gets broadcasts too [1122-4.1.3.5b]", test_wildcard},
      {"a full queue drops and counts datagrams; other ports still receive", test_queue},
      {"closing frees the port and the queued datagrams", test_close},
      {"a bind to an address and port in use is refused [M-8]", test_conflict},
      {"a bind to a foreign address and a second bind are refused [1122-4.1.3.6]", test_bad_bind},
      {"a descriptor that is not open fails with EBADF", test_bad_descriptor},
      {"a full table fails with EMFILE until an endpoint is closed", test_table},
      {"an unbound endpoint receives nothing", test_not_yet_bound},
      {"without memory a datagram is dropped, and the next is queued", test_no_memory})
