/* Step 08: ICMP input. The checks of a message. */
#include <stdio.h>

#include "bench.h"
#include "icmp.h"
#include "ip.h"
#include "util.h"

/* Accepted, and not answered: nobody asked for this echo reply. */
#define GOOD "IP 192.0.2.1 > 192.0.2.2 ICMP echo-reply id 1 seq 1 len 56"

/* An echo reply with 7 bytes of data; its checksum was computed independently of the stack. */
static const uint8_t message[] = {
    0x00, 0x00, 0x5c, 0x9d, 0x12, 0x34, 0x00, 0x01, 'a', 'b', 'c', 'd', 'e', 'f', 'g',
};

/* Injects the bytes as an ICMP message. */
static void inject_message(const uint8_t *bytes, size_t len)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "IP 192.0.2.1 > 192.0.2.2 proto 1 '");

    for (size_t i = 0; i < len; i++) {
        n += snprintf(line + n, sizeof(line) - n, "\\x%02x", bytes[i]);
    }
    snprintf(line + n, sizeof(line) - n, "'");
    inject(line);
}

static void good(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, received, 1, inject(GOOD));
    check_counted(icmp, delivered, 1, inject(GOOD));
    check_counted(icmp, delivered, 1, inject_message(message, sizeof(message)));
}

static void types(void)
{
    static const char *const types[] = {
        "icmp.type=0", "icmp.type=3", "icmp.type=4", "icmp.type=5",
        "icmp.type=8", "icmp.type=11", "icmp.type=12",
    };

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(types); i++) {
        check_counted(icmp, unknown_type, 0, inject_with(types[i], GOOD));
    }
    check_counted(icmp, delivered, 1, inject(GOOD));
    check_counted(icmp, delivered, 1, inject_with("icmp.type=8", GOOD));
    wire_pending(1); /* the reply to the echo, from step 09 on */
}

static void sizes(void)
{
    static const int lengths[] = {0, 1, 2, 3, 55, 1471, 1472};
    char line[128];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(lengths); i++) {
        snprintf(line, sizeof(line), "IP 192.0.2.1 > 192.0.2.2 ICMP echo-reply id 1 seq 1 len %d",
                 lengths[i]);
        check_counted(icmp, delivered, 1, inject(line));
    }
}

static void padded(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, delivered, 1, inject_with("frame.len=+1", GOOD));
    check_counted(icmp, delivered, 1, inject_with("frame.len=1500", GOOD));
    check_counted(icmp, delivered, 1, inject_with("ip.options=01010101", GOOD));
}

static void too_short(void)
{
    struct icmp_stats stats;

    bench_start(WIRE_RAW);
    for (size_t len = 0; len < ICMP_HDR_SIZE; len++) {
        check_counted(icmp, too_short, 1, inject_message(message, len));
    }
    icmp_get_stats(&stats);
    check_int(stats.received, ICMP_HDR_SIZE); /* before any check */
    check_int(stats.bad_checksum + stats.unknown_type + stats.delivered, 0);
}

/* No header is printed that is not there. */
static void not_printed(void)
{
    bench_start(WIRE_RAW);
    inject_message(message, ICMP_HDR_SIZE - 1);
    inject_with("icmp.sum=+1", GOOD);
    check_int(logged_times("icmp_input: dev="), 0);
    check_int(logged_times("       code: "), 0);
}

/* Padding does not make a message longer. */
static void too_short_padded(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, too_short, 1,
                  inject_with("frame.len=46", "IP 192.0.2.1 > 192.0.2.2 proto 1 len 7"));
    check_counted(icmp, too_short, 1,
                  inject_with("frame.len=46", "IP 192.0.2.1 > 192.0.2.2 proto 1 len 0"));
}

static void checksum(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, bad_checksum, 1, inject_with("icmp.sum=+1", GOOD));
    check_counted(icmp, bad_checksum, 1, inject_with("icmp.sum=-1", GOOD));
    check_counted(icmp, bad_checksum, 1, inject_with("icmp.sum=0", GOOD));
    check_counted(icmp, delivered, 0, inject_with("icmp.sum=+1", GOOD));
}

static void cut(void)
{
    bench_start(WIRE_RAW);
    for (size_t len = ICMP_HDR_SIZE; len < sizeof(message); len++) {
        check_counted(icmp, bad_checksum, 1, inject_message(message, len));
    }
}

static void every_bit(void)
{
    uint8_t damaged[sizeof(message)];

    bench_start(WIRE_RAW);
    for (size_t bit = 0; bit < 8 * sizeof(message); bit++) {
        memcpy(damaged, message, sizeof(message));
        damaged[bit / 8] ^= 0x80 >> bit % 8;
        check_counted(icmp, bad_checksum, 1, inject_message(damaged, sizeof(damaged)));
    }
}

static void unknown(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, unknown_type, 1, inject_with("icmp.type=1", GOOD));
    check_counted(icmp, unknown_type, 1, inject_with("icmp.type=99", GOOD));
    check_counted(icmp, unknown_type, 1, inject_with("icmp.type=255", GOOD));
    check_counted(icmp, delivered, 0, inject_with("icmp.type=99", GOOD));
    check_counted(icmp, unknown_type, 0, inject(GOOD));
    expect_nothing(0);
}

/* Fault B-1 of the original microps, which read 64 KB beyond such a datagram. */
static void total_zero(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, received, 0, inject_with("ip.total=0", GOOD));
    check_counted(icmp, received, 0, inject_with("ip.total=12", GOOD));
    check_counted(icmp, too_short, 1, inject_with("ip.total=27", GOOD));
}

BENCH(8,
      {"a valid message is delivered", good},
      {"none of the seven types counts as unknown", types},
      {"a message of any length is delivered, odd or even", sizes},
      {"padding and IP options are ignored", padded},
      {"a message shorter than a header is dropped as too short", too_short},
      {"a message shorter than a header is dropped in a padded frame too", too_short_padded},
      {"a message that fails a check is not printed", not_printed},
      {"a message with a bad checksum is dropped", checksum},
      {"a message cut anywhere after its header is dropped: bad_checksum", cut},
      {"no message with a single bit flipped is delivered", every_bit},
      {"a message of unknown type is counted and silently dropped [1122-3.2.2a]", unknown},
      {"a datagram with a false total length is dropped, and not read past its end", total_zero})
