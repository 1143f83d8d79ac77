/* Step 04: IP input. The checks of a header, and the text form of addresses. */
#include <stdio.h>

#include "bench.h"
#include "ip.h"
#include "util.h"

/* 20 bytes of header and 64 of data: an unsolicited echo reply, which ICMP does not answer. */
#define GOOD "IP 192.0.2.1 > 192.0.2.2 ICMP echo-reply id 1 seq 1 len 56"
#define TOTAL 84

/* Injects the good datagram with the fault of this format and number. */
static void inject_number(const char *format, int n)
{
    char fault[64];

    snprintf(fault, sizeof(fault), format, n);
    inject_with(fault, GOOD);
}

static void good(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, received, 1, inject(GOOD));
    check_counted(ip, delivered, 1, inject(GOOD));
    check_counted(ip, delivered, 1, inject("IP 192.0.2.1 > 192.0.2.2 proto 1 len 0"));
}

static void accepted(void)
{
    static const char *const odd[] = {
        "ip.ttl=0", "ip.ttl=1", "ip.ttl=255", "ip.tos=0", "ip.tos=0xff", "ip.id=0", "ip.id=0xffff",
        "ip.df=1", "ip.df=0", "ip.options=01010101", "ip.options=01",
    };

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(odd); i++) {
        check_counted(ip, delivered, 1, inject_with(odd[i], GOOD));
    }
}

static void header_alone(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, delivered, 1, inject_with("icmp.sum=+1", GOOD));
    check_counted(ip, bad_checksum, 0, inject_with("icmp.sum=+1", GOOD));
}

static void padded(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, delivered, 1, inject_number("frame.len=%d", TOTAL + 1));
    check_counted(ip, delivered, 1, inject_number("frame.len=%d", 1500));
    check_counted(ip, delivered, 1, inject_number("ip.total=%d", 20));
}

static void too_short(void)
{
    struct ip_stats stats;

    bench_start(WIRE_RAW);
    check_counted(ip, too_short, 1, inject_with("ip.version=5, frame.len=19", GOOD));
    for (int len = 0; len < 20; len++) {
        check_counted(ip, too_short, 1, inject_number("frame.len=%d", len));
    }
    check_counted(ip, too_short, 1, inject_with("ip.ihl=6, frame.len=20", GOOD));
    check_counted(ip, too_short, 1, inject_with("ip.ihl=15, frame.len=59", GOOD));
    ip_get_stats(&stats);
    check_int(stats.bad_version + stats.bad_header + stats.bad_length + stats.bad_checksum, 0);
}

/* Faults that two checks would find, and the check that comes first. */
static void two_faults(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, bad_version, 1, inject_with("ip.version=5, ip.ihl=4", GOOD));
    check_counted(ip, bad_header, 1, inject_with("ip.ihl=4, ip.total=15", GOOD));
    check_counted(ip, bad_length, 1, inject_with("ip.total=19, ip.sum=+1", GOOD));
    check_counted(ip, bad_checksum, 1, inject_with("ip.mf=1, ip.sum=+1", GOOD));
}

/* Neither fields that have not been received, nor damaged ones. */
static void not_printed(void)
{
    bench_start(WIRE_RAW);
    log_clear();
    inject_with("frame.len=8", GOOD);
    inject_with("ip.sum=+1", GOOD);
    check_int(logged_times("ip_input: dev="), 0);
    check_int(logged_times("vhl:"), 0);
}

static void cut(void)
{
    bench_start(WIRE_RAW);
    for (int len = 20; len < TOTAL; len++) {
        check_counted(ip, bad_length, 1, inject_number("frame.len=%d", len));
        check_counted(ip, delivered, 0, inject_number("frame.len=%d", len));
    }
}

static void version(void)
{
    bench_start(WIRE_RAW);
    for (int n = 0; n < 16; n++) {
        check_counted(ip, bad_version, n != 4, inject_number("ip.version=%d", n));
    }
}

static void header_length(void)
{
    bench_start(WIRE_RAW);
    for (int words = 0; words < 5; words++) {
        check_counted(ip, bad_header, 1, inject_number("ip.ihl=%d", words));
    }
}

static void total(void)
{
    bench_start(WIRE_RAW);
    for (int n = 0; n < 20; n++) {
        check_counted(ip, bad_length, 1, inject_number("ip.total=%d", n));
    }
    check_counted(ip, bad_length, 1, inject_number("ip.total=%d", TOTAL + 1));
    check_counted(ip, bad_length, 1, inject_number("ip.total=%d", 0x5400)); /* 84, swapped */
    check_counted(ip, bad_length, 1, inject_number("ip.total=%d", 0xffff));
    check_counted(ip, bad_length, 1, inject_with("ip.ihl=6, ip.total=20, ip.options=01", GOOD));
}

static void sum(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, bad_checksum, 1, inject_with("ip.sum=+1", GOOD));
    check_counted(ip, bad_checksum, 1, inject_with("ip.sum=-1", GOOD));
    check_counted(ip, bad_checksum, 1, inject_with("ip.sum=0", GOOD));
    check_counted(ip, bad_checksum, 1, inject_with("ip.options=01, ip.sum=+1", GOOD));
}

/* A good header without data, laid out as in RFC 791; its checksum was computed by hand. */
static const uint8_t by_hand[20] = {
    0x45, 0x00, 0x00, 0x14, /* version 4, 5 words, total 20 */
    0x00, 0x01, 0x00, 0x00, /* id 1 */
    0x40, 0x01, 0xf6, 0xe4, /* ttl 64, ICMP, checksum */
    192,  0,    2,    1,    192, 0, 2, 2,
};

static void every_bit(void)
{
    struct ip_stats before, after;
    uint8_t data[sizeof(by_hand)];

    bench_start(WIRE_RAW);
    check_counted(ip, delivered, 1, inject_bytes(by_hand, sizeof(by_hand)));
    ip_get_stats(&before);
    for (unsigned bit = 0; bit < 8 * sizeof(data); bit++) {
        memcpy(data, by_hand, sizeof(data));
        data[bit / 8] ^= 0x80 >> bit % 8;
        inject_bytes(data, sizeof(data));
    }
    ip_get_stats(&after);
    check_int(after.received - before.received, 160);
    check_int(after.delivered - before.delivered, 0);
    check_int(after.bad_version - before.bad_version, 4);
}

/* No reassembly before step 44; an incomplete datagram is not delivered then either. */
static void fragments(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, delivered, 0, inject_with("ip.mf=1", GOOD));
    check_counted(ip, delivered, 0, inject_with("ip.id=7, ip.offset=1", GOOD));
    check_counted(ip, delivered, 0, inject_with("ip.id=8, ip.offset=0x1000", GOOD));
}

static void address_text(void)
{
    static const struct {
        const char *text;
        uint8_t bytes[4];
    } pairs[] = {
        {"192.0.2.1", {192, 0, 2, 1}},
        {"0.0.0.0", {0, 0, 0, 0}},
        {"255.255.255.255", {255, 255, 255, 255}},
        {"1.20.99.100", {1, 20, 99, 100}},
    };
    char text[IP_ADDR_STR_LEN];
    ip_addr_t addr;

    for (size_t i = 0; i < countof(pairs); i++) {
        check_int(ip_addr_pton(pairs[i].text, &addr), 0);
        check_mem(&addr, pairs[i].bytes, 4);
        check_ptr(ip_addr_ntop(addr, text, sizeof(text)), text);
        check_str(text, pairs[i].text);
    }
    check_mem(&IP_ADDR_ANY, pairs[1].bytes, 4);
    check_mem(&IP_ADDR_BROADCAST, pairs[2].bytes, 4);
}

static void bad_text(void)
{
    static const char *const bad[] = {
        "",           "1",          "1.2.3",       "1.2.3.4.5", "1.2.3.",     ".1.2.3",   "1..2.3",
        "256.0.0.1",  "1.2.3.256",  "1.2.3.4 ",    " 1.2.3.4",  "1.2. 3.4",   "1.2.3.4x", "x.2.3.4",
        "0x1.2.3.4",  "-1.2.3.4",   "+1.2.3.4",    "1,2,3,4",   "1.2.3.4.",   "1.2.3.-4", "....",
        "1.2.3.4294967297", "1.2.3.99999999999999999999", "localhost", "::1",
        "0001.2.3.4", "1.2.3.0004",
    };
    ip_addr_t addr;

    for (size_t i = 0; i < countof(bad); i++) {
        if (ip_addr_pton(bad[i], &addr) != -1) {
            fail("'%s' was accepted as an address", bad[i]);
        }
    }
}

static void small_buffer(void)
{
    char text[IP_ADDR_STR_LEN + 1] = "untouched";

    check(!ip_addr_ntop(IP_ADDR_BROADCAST, text, 0));
    check(!ip_addr_ntop(IP_ADDR_BROADCAST, text, IP_ADDR_STR_LEN - 1));
    check_str(text, "untouched");
    text[IP_ADDR_STR_LEN] = '#';
    check_ptr(ip_addr_ntop(IP_ADDR_BROADCAST, text, IP_ADDR_STR_LEN), text);
    check_int(text[IP_ADDR_STR_LEN], '#');
}

BENCH(4,
      {"a valid datagram is delivered, even without data", good},
      {"any time to live, type of service, id, DF and NOP options are accepted [1122-3.2.1.7a]",
       accepted},
      {"the checksum covers the header alone: damaged data are delivered", header_alone},
      {"bytes after the total length are padding, and ignored", padded},
      {"a datagram shorter than a header, or than its header length, is dropped", too_short},
      {"a datagram that is dropped by the checks of its header is not printed", not_printed},
      {"a datagram cut anywhere after its header is dropped: bad_length", cut},
      {"a datagram of any version but 4 is dropped [1122-3.2.1.1]", version},
      {"a datagram with a header length below 20 bytes is dropped", header_length},
      {"a datagram whose total length is below the header's or above the frame's is dropped "
       "[1122-3.1b]", total},
      {"a datagram with a bad header checksum is dropped, with options too [1122-3.2.1.2]", sum},
      {"a datagram with two faults counts under that of the first check", two_faults},
      {"no header with a single bit flipped is delivered [1122-3.2.1.2]", every_bit},
      {"a fragment alone is not delivered", fragments},
      {"addresses are parsed and printed, in network byte order", address_text},
      {"malformed addresses are refused", bad_text},
      {"a buffer too small for an address is left untouched", small_buffer})
