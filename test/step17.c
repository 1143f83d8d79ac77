/* Step 17: UDP input. Errors about closed ports are step 18's, and ignored here. */

#include <stdio.h>

#include "bench.h"
#include "ip.h"
#include "udp.h"
#include "util.h"

#define HELLO "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"
#define HELLO_UDP 20 /* offset of the UDP header in it */

/* HELLO, calculated by hand */
static const uint8_t hello[] = {
    0x45, 0x00, 0x00, 0x21, 0x00, 0x01, 0x00, 0x00, /* 33 bytes */
    0x40, 0x11, 0xf6, 0xc7,                         /* protocol 17 */
    0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x02, /* 192.0.2.1 > 192.0.2.2 */
    0x13, 0x88, 0x00, 0x07, 0x00, 0x0d, 0x24, 0x6f, /* 5000 > 7, 13 bytes, checksum */
    0x68, 0x65, 0x6c, 0x6c, 0x6f,
};

static void test_pseudo_cksum(void)
{
    uint8_t udp[sizeof(hello) - HELLO_UDP];
    ip_addr_t src, dst;
    uint16_t sum;

    memcpy(udp, hello + HELLO_UDP, sizeof(udp));
    memcpy(&src, hello + 12, sizeof(src));
    memcpy(&dst, hello + 16, sizeof(dst));
    check_int(ip_pseudo_cksum(IP_PROTOCOL_UDP, udp, sizeof(udp), src, dst), 0);
    udp[6] = udp[7] = 0;
    sum = ip_pseudo_cksum(IP_PROTOCOL_UDP, udp, sizeof(udp), src, dst);
    check_int(ntoh16(sum), 0x246f);
}

/* Checks that the datagram is delivered, and ignores the error about its closed port. */
static void check_taken(const char *faults, const char *script)
{
    check_counted(udp, delivered, 1, inject_with(faults, script));
    wire_pending(1);
}

static void test_registered(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, unknown_protocol, 0, inject(HELLO));
    wire_pending(1);
}

/* Before any check */
static void test_received(void)
{
    bench_start(WIRE_RAW);
    check_counted(udp, received, 1, inject(HELLO));
    wire_pending(1);
    check_counted(udp, received, 1, inject_with("ip.total=20, frame.len=20", HELLO));
    check_counted(udp, received, 1, inject_with("udp.len=0", HELLO));
    check_counted(udp, received, 1, inject_with("udp.sum=+1", HELLO));
    expect_nothing(0);
}

static void test_good(void)
{
    bench_start(WIRE_RAW);
    check_counted(udp, received, 1, inject_bytes(hello, sizeof(hello)));
    wire_pending(1);
    check_counted(udp, delivered, 1, inject_bytes(hello, sizeof(hello)));
    wire_pending(1);
    check_taken("", HELLO);
    check_taken("", "UDP 192.0.2.1.5000 > 192.0.2.2.7 len 0");
    check_taken("", "UDP 192.0.2.1.5000 > 192.0.2.2.7 len 1");
    check_taken("", "UDP 192.0.2.1.65535 > 192.0.2.2.65535 len 1472");
    check_taken("", "UDP 192.0.2.1.5000 > 192.0.2.255.7 'hello'");
}

static void test_short(void)
{
    struct udp_stats stats;
    char faults[64];
    size_t dumps;

    bench_start(WIRE_RAW);
    for (int len = 0; len < UDP_HDR_SIZE; len++) {
        snprintf(faults, sizeof(faults), "ip.total=%d, frame.len=%d", 20 + len, 20 + len);
        check_counted(udp, too_short, 1, inject_with(faults, HELLO));
    }
    udp_get_stats(&stats);
    check_int(stats.bad_length + stats.bad_checksum + stats.delivered, 0);
    dumps = logged_times("        len: "); /* of a header that is not there */
    check_int(dumps, 0);
    expect_nothing(0);
}

static void test_length_below_header(void)
{
    char faults[64];

    bench_start(WIRE_RAW);
    for (int len = 0; len < UDP_HDR_SIZE; len++) {
        snprintf(faults, sizeof(faults), "udp.len=%d", len);
        check_counted(udp, bad_length, 1, inject_with(faults, HELLO));
    }
    expect_nothing(0);
}

static void test_length_above_datagram(void)
{
    bench_start(WIRE_RAW);
    check_counted(udp, bad_length, 1, inject_with("udp.len=+1", HELLO));
    check_counted(udp, bad_length, 1, inject_with("udp.len=256", HELLO));
    check_counted(udp, bad_length, 1, inject_with("udp.len=65535", HELLO));
    check_counted(udp, bad_length, 1, inject_with("udp.len=65535, udp.sum=0", HELLO));
    expect_nothing(0);
}

/* Padding does not extend a datagram. */
static void test_padding(void)
{
    bench_start(WIRE_RAW);
    check_taken("frame.len=46", HELLO);
    check_counted(udp, bad_length, 1, inject_with("udp.len=+4, frame.len=46", HELLO));
    expect_nothing(0);
}

/* hello, and four bytes in the IP datagram that are not the UDP datagram's */
static void test_trailing_bytes(void)
{
    uint8_t longer[sizeof(hello) + 4] = {0};

    bench_start(WIRE_RAW);
    memcpy(longer, hello, sizeof(hello));
    memset(longer + sizeof(hello), 0xaa, 4);
    longer[3] += 4;  /* the IP datagram's length */
    longer[11] -= 4; /* the IP header's checksum, corrected */
    check_counted(udp, delivered, 1, inject_bytes(longer, sizeof(longer)));
    wire_pending(1);
}

/* Returns the number of datagrams that failed a check. */
static size_t refused(void)
{
    struct udp_stats stats;

    udp_get_stats(&stats);
    return stats.too_short + stats.bad_length + stats.bad_checksum;
}

/* Every bit from the source port to the last byte of the data. */
static void test_single_bits(void)
{
    uint8_t damaged[sizeof(hello)];
    size_t before;

    bench_start(WIRE_RAW);
    for (size_t bit = HELLO_UDP * 8; bit < sizeof(hello) * 8; bit++) {
        memcpy(damaged, hello, sizeof(hello));
        damaged[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        before = refused();
        check_counted(udp, delivered, 0, inject_bytes(damaged, sizeof(damaged)));
        check_int(refused(), before + 1);
    }
    expect_nothing(0);
}

static void test_checksum(void)
{
    bench_start(WIRE_RAW);
    check_counted(udp, bad_checksum, 1, inject_with("udp.sum=+1", HELLO));
    check_counted(udp, bad_checksum, 1, inject_with("udp.sum=0xffff", HELLO));
    check_counted(udp, bad_checksum, 1,
                  inject_with("udp.sum=+1", "UDP 192.0.2.1.5000 > 192.0.2.2.7 len 0"));
    expect_nothing(0);
}

/* The pseudo header detects a datagram delivered to the wrong host. */
static void test_pseudo_header(void)
{
    uint8_t other[sizeof(hello)];

    bench_start(WIRE_RAW);
    memcpy(other, hello, sizeof(hello));
    other[15] = 0x03; /* from 192.0.2.3 */
    other[11] -= 2;   /* the IP header's checksum, corrected */
    check_counted(udp, bad_checksum, 1, inject_bytes(other, sizeof(other)));
    expect_nothing(0);
}

static void test_no_checksum(void)
{
    bench_start(WIRE_RAW);
    check_taken("udp.sum=0", HELLO);
    check_taken("udp.sum=0", "UDP 192.0.2.1.5000 > 192.0.2.2.7 len 0");
}

static void test_endpoint_parse(void)
{
    static const char *const bad[] = {
        "", ":", "192.0.2.1", "192.0.2.1:", ":7", "192.0.2:7", "192.0.2.256:7",
        "192.0.2.1:65536", "192.0.2.1:7x", "192.0.2.1:-7", "192.0.2.1:+7", "192.0.2.1: 7",
        "192.0.2.1 :7", "192.0.2.1.7",
        "192.0.2.1:4294967303", "192.0.2.1:99999999999999999999", "longer than any address:7",
    };
    static const uint8_t addr[] = {192, 0, 2, 1}, port[] = {0x13, 0x88};
    ip_endp_t endp;

    check_int(ip_endp_pton("192.0.2.1:5000", &endp), 0);
    check_mem(&endp.addr, addr, sizeof(addr));
    check_mem(&endp.port, port, sizeof(port));
    check_int(ip_endp_pton("0.0.0.0:0", &endp), 0);
    check_int(ip_endp_pton("255.255.255.255:65535", &endp), 0);
    for (size_t i = 0; i < countof(bad); i++) {
        if (ip_endp_pton(bad[i], &endp) != -1) {
            fail("'%s' was accepted as an endpoint", bad[i]);
        }
    }
}

static void test_endpoint_print(void)
{
    static const char longest[] = "255.255.255.255:65535";
    char text[IP_ENDP_STR_LEN];
    ip_endp_t endp;

    check_int(ip_endp_pton("192.0.2.1:7", &endp), 0);
    check_ptr(ip_endp_ntop(&endp, text, sizeof(text)), text);
    check_str(text, "192.0.2.1:7");
    check_int(ip_endp_pton(longest, &endp), 0);
    check_str(ip_endp_ntop(&endp, text, sizeof(text)), longest);
    check(!ip_endp_ntop(&endp, text, sizeof(text) - 1));
}

BENCH(17,
      {"UDP is registered: IP knows its protocol number", test_registered},
      {"every datagram counts as received, whatever its faults", test_received},
      {"the checksum with the pseudo-header is the one worked out by hand", test_pseudo_cksum},
      {"a valid datagram of any length is delivered", test_good},
      {"a datagram shorter than a header is dropped: too_short", test_short},
      {"a UDP length below the header's counts as bad_length", test_length_below_header},
      {"a UDP length above the IP data's counts as bad_length", test_length_above_datagram},
      {"padding is not data", test_padding},
      {"bytes beyond the UDP length are no error, and not in the checksum", test_trailing_bytes},
      {"every single flipped bit is detected [1122-4.1.3.4a]", test_single_bits},
      {"a bad checksum counts as bad_checksum [1122-4.1.3.4a]", test_checksum},
      {"the checksum covers the IP addresses", test_pseudo_header},
      {"a checksum of zero means none, and is accepted [1122-4.1.3.4b]", test_no_checksum},
      {"the text of an endpoint is parsed, malformed text refused [M-7]", test_endpoint_parse},
      {"an endpoint is printed unless the buffer is too small", test_endpoint_print})
