/* Step 20: TCP input. The replies to segments come with step 21 and are ignored here. */

#include <stdio.h>

#include "bench.h"
#include "driver/loopback.h"
#include "endp.h"
#include "ip.h"
#include "net.h"
#include "tcp.h"
#include "util.h"

#define HELLO "P. 1:6(5) ack 1 'hello'"
#define HELLO_TCP 20 /* offset of the TCP header in it */

/* A segment, worked out by hand */
static const uint8_t hello[] = {
    0x45, 0x00, 0x00, 0x2d, 0x00, 0x01, 0x00, 0x00, /* 45 bytes */
    0x40, 0x06, 0xf6, 0xc6,                         /* protocol TCP */
    0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x02, /* 192.0.2.1 > 192.0.2.2 */
    0x13, 0x88, 0x00, 0x07,                         /* 5000 > 7 */
    0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x07, 0xd0, /* sequence number 1000, acknowledges 2000 */
    0x50, 0x18, 0xff, 0xff, 0xc8, 0xaa, 0x00, 0x00, /* 20 bytes, PSH ACK, window, checksum */
    0x68, 0x65, 0x6c, 0x6c, 0x6f,
};

/* The segment passes every check of its header. */
static void check_taken(const char *faults, const char *script)
{
    check_counted(tcp, delivered, 1, inject_with(faults, script));
    wire_pending(1);
}

/* Before any check */
static void test_received(void)
{
    bench_start(WIRE_RAW);
    check_counted(tcp, received, 1, inject(HELLO));
    check_counted(tcp, received, 1, inject_with("ip.total=20, frame.len=20", HELLO));
    check_counted(tcp, received, 1, inject_with("tcp.offset=0", HELLO));
    check_counted(tcp, received, 1, inject_with("tcp.sum=+1", HELLO));
    check_counted(tcp, received, 1, inject_with("ip.dst=192.0.2.255", HELLO));
    wire_pending(1);
}

static void test_good(void)
{
    bench_start(WIRE_RAW);
    check_counted(tcp, received, 1, inject_bytes(hello, sizeof(hello)));
    wire_pending(1);
    check_counted(tcp, delivered, 1, inject_bytes(hello, sizeof(hello)));
    wire_pending(1);
    check_taken("", HELLO);
    check_taken("", "S 0:0(0) win 65535");
    check_taken("", "S 0:0(0) win 65535 <mss 1460>");
    check_taken("", "P. 1:2(1) ack 1");
    check_taken("tcp.sport=7", HELLO);    /* two hosts may use the same port */
    check_taken("tcp.flags=0xf8", HELLO); /* URG and two bits of later RFCs */
    check_taken("", "P. 1:1461(1460) ack 1");
    check_taken("frame.len=46", ". 1:1(0) ack 1");
}

static void test_short(void)
{
    struct tcp_stats stats;
    char faults[64];
    size_t dumps;

    bench_start(WIRE_RAW);
    for (int len = 0; len < TCP_HDR_SIZE_MIN; len++) {
        snprintf(faults, sizeof(faults), "ip.total=%d, frame.len=%d", 20 + len, 20 + len);
        check_counted(tcp, too_short, 1, inject_with(faults, HELLO));
    }
    tcp_get_stats(&stats);
    check_int(stats.bad_offset + stats.bad_checksum + stats.bad_address + stats.delivered, 0);
    dumps = logged_times("        seq: "); /* of a header that is not there */
    check_int(dumps, 0);
    check_counted(tcp, received, 0, inject_with("ip.total=12", HELLO));
    expect_nothing(0);
}

static void test_offset_below_header(void)
{
    char faults[64];

    bench_start(WIRE_RAW);
    for (int offset = 0; offset < 5; offset++) {
        snprintf(faults, sizeof(faults), "tcp.offset=%d", offset);
        check_counted(tcp, bad_offset, 1, inject_with(faults, HELLO));
    }
    expect_nothing(0);
}

/* HELLO has 25 bytes: more than 6 words, fewer than 7. */
static void test_offset_above_segment(void)
{
    char faults[64];

    bench_start(WIRE_RAW);
    check_counted(tcp, bad_offset, 0, inject_with("tcp.offset=6", HELLO));
    wire_pending(1);
    for (int offset = 7; offset <= 15; offset++) {
        snprintf(faults, sizeof(faults), "tcp.offset=%d", offset);
        check_counted(tcp, bad_offset, 1, inject_with(faults, HELLO));
    }
    check_counted(tcp, bad_offset, 1, inject_with("tcp.offset=15", "P. 1:2(1) ack 1"));
    check_counted(tcp, bad_offset, 1, inject_with("tcp.offset=6", ". 1:1(0) ack 1"));
    check_counted(tcp, bad_offset, 1, inject_with("tcp.offset=6, frame.len=46", ". 1:1(0) ack 1"));
    expect_nothing(0);
}

/* Every bit from the source port to the last byte of data. */
static void test_single_bits(void)
{
    uint8_t damaged[sizeof(hello)];
    struct tcp_stats stats;

    bench_start(WIRE_RAW);
    for (size_t bit = HELLO_TCP * 8; bit < sizeof(hello) * 8; bit++) {
        memcpy(damaged, hello, sizeof(hello));
        damaged[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        check_counted(tcp, delivered, 0, inject_bytes(damaged, sizeof(damaged)));
    }
    tcp_get_stats(&stats);
    check_int(stats.received, (sizeof(hello) - HELLO_TCP) * 8);
    check_int(stats.bad_checksum + stats.bad_offset, stats.received);
    expect_nothing(0);
}

/* Unlike in UDP, 0 is an ordinary checksum. */
static void test_checksum(void)
{
    bench_start(WIRE_RAW);
    check_counted(tcp, bad_checksum, 1, inject_with("tcp.sum=+1", HELLO));
    check_counted(tcp, bad_checksum, 1, inject_with("tcp.sum=0", HELLO));
    check_counted(tcp, bad_checksum, 1, inject_with("tcp.sum=+1", "S 0:0(0) win 65535"));
    check_counted(tcp, bad_checksum, 1, inject_with("tcp.sum=+1", "R 0:0(0) win 0"));
    expect_nothing(0);
}

static void test_pseudo_header(void)
{
    uint8_t other[sizeof(hello)];

    bench_start(WIRE_RAW);
    memcpy(other, hello, sizeof(hello));
    other[15] = 0x03; /* from 192.0.2.3 */
    other[11] -= 2;   /* the IP checksum, corrected */
    check_counted(tcp, bad_checksum, 1, inject_bytes(other, sizeof(other)));
    expect_nothing(0);
}

/* RFC 9293 3.9.2.3 */
static void test_to_broadcast(void)
{
    bench_start(WIRE_RAW);
    check_counted(tcp, bad_address, 1, inject_with("ip.dst=192.0.2.255", "S 0:0(0) win 65535"));
    check_counted(tcp, bad_address, 1, inject_with("ip.dst=255.255.255.255", "S 0:0(0) win 65535"));
    check_counted(tcp, bad_address, 1, inject_with("ip.dst=192.0.2.255", HELLO));
    expect_nothing(0);
}

/* RFC 9293 3.9.2.3. IP may drop such a source before TCP sees it. */
static void test_bad_source(void)
{
    static const char *const source[] = {
        "ip.src=255.255.255.255", "ip.src=192.0.2.255", "ip.src=224.0.0.1",
        "ip.src=239.255.255.255", "ip.src=240.0.0.1", "ip.src=0.0.0.0",
        "ip.src=192.0.2.2", "ip.src=192.0.2.2, tcp.sport=7", /* the destination itself */
    };

    bench_start(WIRE_RAW);
    check_taken("", HELLO);
    for (size_t i = 0; i < countof(source); i++) {
        check_counted(tcp, delivered, 0, inject_with(source[i], "S 0:0(0) win 65535"));
        check_counted(tcp, delivered, 0, inject_with(source[i], HELLO));
    }
    expect_nothing(0);
}

/* A segment from one endpoint of the loopback to another arrives at TCP. */
static void loop(const char *from, const char *to)
{
    ip_endp_t src = endp(from), dst = endp(to);
    uint8_t segment[sizeof(hello) - HELLO_TCP];
    uint16_t sum = 0;

    memcpy(segment, hello + HELLO_TCP, sizeof(segment));
    memcpy(segment, &src.port, sizeof(src.port));
    memcpy(segment + 2, &dst.port, sizeof(dst.port));
    memcpy(segment + 16, &sum, sizeof(sum));
    sum = ip_pseudo_cksum(IP_PROTOCOL_TCP, segment, sizeof(segment), src.addr, dst.addr);
    memcpy(segment + 16, &sum, sizeof(sum));
    check_int(ip_output(IP_PROTOCOL_TCP, segment, sizeof(segment), src.addr, dst.addr),
              sizeof(segment));
    settle();
}

static void test_loopback(void)
{
    check_int(net_init(), 0);
    wire_address(loopback_init(), "127.0.0.1", "255.0.0.0");
    check_int(net_run(), 0);
    check_counted(tcp, bad_address, 0, loop("127.0.0.1:5000", "127.0.0.1:7"));
    check_counted(tcp, bad_address, 1, loop("127.0.0.1:7", "127.0.0.1:7"));
}

/* The data takes the place of options: one of each kind, and each bad length. */
static void test_options(void)
{
    static const char *const options[] = {
        "\\x02\\x04\\x05\\xb4", "\\x01\\x01\\x01\\x00", "\\x00\\xff\\xff\\xff",
        "\\xfe\\x04\\xaa\\xaa", "\\x02\\x00\\x05\\xb4", "\\x02\\x01\\x05\\xb4",
        "\\x02\\x05\\x05\\xb4", "\\xfe\\xff\\x00\\x00", "\\x01\\x01\\x01\\x02",
        "\\x01\\x01\\x02\\x03", "\\x05\\x02\\x05\\x00", "\\x03\\x02\\x08\\x02",
    };
    char script[64];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(options); i++) {
        snprintf(script, sizeof(script), "S 0:4(4) win 65535 '%s'", options[i]);
        inject_with("tcp.offset=6", script);
        wire_pending(1);
    }
    check_taken("", HELLO);
}

BENCH(20,
      {"every segment counts as received, whatever its faults", test_received},
      {"a good segment of any length passes the checks", test_good},
      {"a segment shorter than a header counts as too_short alone", test_short},
      {"a data offset below 5 counts as bad_offset", test_offset_below_header},
      {"a data offset beyond the segment counts as bad_offset", test_offset_above_segment},
      {"every single flipped bit is detected [MUST-3]", test_single_bits},
      {"a wrong checksum, including zero, counts as bad_checksum [MUST-3]", test_checksum},
      {"the checksum covers the addresses [MUST-3]", test_pseudo_header},
      {"a segment to a broadcast address counts as bad_address [MUST-57]", test_to_broadcast},
      {"a segment from a non-unicast or local address is dropped [MUST-63]", test_bad_source},
      {"on the loopback a segment from another port passes, from its own port not", test_loopback},
      {"bad option lengths do no harm", test_options})
