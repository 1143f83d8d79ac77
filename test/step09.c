/* Step 09: ICMP output. Echo replies, and errors about unknown protocols. */
#include <stdio.h>

#include "bench.h"
#include "icmp.h"
#include "ip.h"
#include "util.h"

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    check_int(ip_addr_pton(text, &addr), 0);
    return addr;
}

#define ECHO "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 8"
#define ECHO_TO(dst) "IP 192.0.2.1 > " dst " ICMP echo id 1 seq 1 len 8"

static void echo(void)
{
    bench_start(WIRE_RAW);
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 0");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 0");
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 2 'x'"); /* not 0, as fresh memory is */
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 2 'x'");
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 3 len 56");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 3 len 56");
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 4 len 1472");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 4 len 1472");
    inject("IP 192.0.2.77 > 192.0.2.2 ICMP echo id 65535 seq 256 len 8");
    expect("IP 192.0.2.2 > 192.0.2.77 ICMP echo-reply id 65535 seq 256 len 8");
    inject("IP 192.0.2.77 > 192.0.2.2 ICMP echo id 256 seq 0 len 8");
    expect("IP 192.0.2.2 > 192.0.2.77 ICMP echo-reply id 256 seq 0 len 8");
}

/* id 0x1234, seq 1, 'abc': the checksums were computed independently of the stack. */
static void echo_by_hand(void)
{
    static const uint8_t request[] = {
        0x45, 0x00, 0x00, 0x1f, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0xf6, 0xd9,
        192,  0,    2,    1,    192,  0,    2,    2,
        0x08, 0x00, 0x21, 0x68, 0x12, 0x34, 0x00, 0x01, 'a',  'b',  'c',
    };
    static const uint8_t reply[] = {
        0x00, 0x00, 0x29, 0x68, 0x12, 0x34, 0x00, 0x01, 'a', 'b', 'c',
    };
    uint8_t got[64];

    bench_start(WIRE_RAW);
    inject_bytes(request, sizeof(request));
    check_int(take(0, got, sizeof(got)), sizeof(request));
    check_mem(got + 20, reply, sizeof(reply));
}

static void echo_padded(void)
{
    bench_start(WIRE_RAW);
    inject_with("frame.len=46", "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 'ping'");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 'ping'");
    inject_with("ip.options=01010101", "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 2 'ping'");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 2 'ping'");
}

static void echo_counts(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, echo_replies, 1, inject(ECHO));
    check_counted(icmp, sent, 1, inject(ECHO));
    check_counted(icmp, delivered, 1, inject(ECHO));
    check_int(wire_pending(1), 3);
    wire_fail_output(1);
    check_counted(icmp, send_failed, 1, inject(ECHO));
    check_counted(icmp, sent, 0, inject(ECHO));
}

/* Whichever allocation fails: at most this reply is lost. */
static void echo_no_memory(void)
{
    bench_start(WIRE_RAW);
    for (unsigned long k = 1; k <= 4; k++) {
        sim_fail_alloc(k);
        inject(ECHO);
        sim_fail_alloc(0);
        wire_pending(1);
        inject(ECHO);
        expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 8");
    }
}

/* Fault B-10 of the original microps: replies to a broadcast amplify an attacker's traffic. */
static void echo_broadcast(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, echo_broadcast, 1, inject(ECHO_TO("192.0.2.255")));
    check_counted(icmp, echo_broadcast, 1, inject(ECHO_TO("255.255.255.255")));
    check_counted(icmp, echo_replies, 0, inject(ECHO_TO("192.0.2.255")));
    check_counted(icmp, send_failed, 0, inject(ECHO_TO("192.0.2.255")));
    expect_nothing(0);
}

/* The reply would go to many hosts, or to none. */
static void echo_from_none(void)
{
    static const char *const sources[] = {"192.0.2.255", "255.255.255.255", "224.0.0.1", "0.0.0.0"};
    char echo_from[80];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(sources); i++) {
        snprintf(echo_from, sizeof(echo_from), "IP %s > 192.0.2.2 ICMP echo id 1 seq 1 len 8",
                 sources[i]);
        check_counted(icmp, echo_replies, 0, inject(echo_from));
    }
    expect_nothing(0);
    inject(ECHO);
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 8");
}

static void echo_bad(void)
{
    bench_start(WIRE_RAW);
    inject_with("icmp.sum=+1", ECHO);
    inject_with("ip.sum=+1", ECHO);
    inject(ECHO_TO("192.0.2.3"));
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo-reply id 1 seq 1 len 8");
    inject("IP 192.0.2.1 > 192.0.2.2 proto 1 '\\x08\\x00\\xf7\\xff\\x00\\x00\\x00'");
    expect_nothing(0);
}

static void output(void)
{
    static uint8_t data[IP_TOTAL_SIZE_MAX];
    ip_addr_t ours = address("192.0.2.2"), peer = address("192.0.2.1");

    bench_start(WIRE_RAW);
    pattern(data, 0, sizeof(data));
    check_int(icmp_output(ICMP_TYPE_ECHO, 0, hton32(0x00010002), data, 4, ours, peer), 12);
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo id 1 seq 2 len 4");
    check_int(icmp_output(ICMP_TYPE_ECHO, 0, hton32(3), data, 1472, IP_ADDR_ANY, peer), 1480);
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo id 0 seq 3 len 1472");
    check_error(icmp_output(ICMP_TYPE_ECHO, 0, 0, data, 65508, IP_ADDR_ANY, peer), EMSGSIZE);
    expect_nothing(0);
}

static void unreachable(void)
{
    bench_start(WIRE_RAW);
    check_counted(icmp, errors_sent, 1, inject("IP 192.0.2.1 > 192.0.2.2 proto 253 len 100"));
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP unreachable proto quote 28");
}

static void unreachable_short(void)
{
    bench_start(WIRE_RAW);
    inject_with("frame.len=46", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 3");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP unreachable proto quote 23");
}

static void unreachable_options(void)
{
    bench_start(WIRE_RAW);
    inject_with("ip.options=01010101", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 100");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP unreachable proto quote 32");
}

static void unreachable_df(void)
{
    bench_start(WIRE_RAW);
    inject("IP 192.0.2.1 > 192.0.2.2 df proto 253 len 100");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP unreachable proto quote 28");
}

static void quote_by_hand(void)
{
    static const uint8_t refused[] = {
        0x45, 0x00, 0x00, 0x1e, 0xab, 0xcd, 0x40, 0x00, 0x07, 0xfd, 0x43, 0x12,
        192,  0,    2,    1,    192,  0,    2,    2,
        'q',  'u',  'o',  't',  'e',  ' ',  'm',  'e',  '.',  '.',
    };
    uint8_t got[64];

    bench_start(WIRE_RAW);
    inject_bytes(refused, sizeof(refused));
    check_int(take(0, got, sizeof(got)), 20 + 8 + 28);
    check_int(got[1], 0);                       /* type of service */
    check_mem(got + 20, "\x03\x02", 2);         /* type and code */
    check_mem(got + 24, "\x00\x00\x00\x00", 4); /* unused: zero */
    check_mem(got + 28, refused, 28);           /* unchanged */
    check_int(cksum16(got + 20, 36, 0), 0);
}

static void no_error(void)
{
    bench_start(WIRE_RAW);
    inject("IP 192.0.2.1 > 192.0.2.255 proto 253 len 20");
    inject("IP 192.0.2.1 > 255.255.255.255 proto 253 len 20");
    inject("IP 192.0.2.1 > 192.0.2.3 proto 253 len 20");
    inject_with("ip.offset=1", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 20");
    inject_with("ip.sum=+1", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 20");
    inject("IP 192.0.2.255 > 192.0.2.2 proto 253 len 20");
    inject("IP 255.255.255.255 > 192.0.2.2 proto 253 len 20");
    inject("IP 224.0.0.1 > 192.0.2.2 proto 253 len 20");
    inject("IP 0.0.0.0 > 192.0.2.2 proto 253 len 20");
    expect_nothing(0);
}

/* Calls icmp_error for a datagram from the peer with len bytes of data; first is the first one. */
static void refuse_short(uint8_t protocol, uint16_t offset, const char *dst, uint8_t first,
                         uint16_t len)
{
    uint8_t data[8] = {first};
    struct ip_hdr hdr = {
        .vhl = 0x45, .total = hton16(20 + len), .ttl = 64, .protocol = protocol,
        .offset = hton16(offset), .src = address("192.0.2.1"), .dst = address(dst),
    };

    icmp_error(ICMP_TYPE_DEST_UNREACH, ICMP_CODE_PORT_UNREACH, &hdr, data, len,
               ip_iface_select(address("192.0.2.2")));
}

static void refuse(uint8_t protocol, uint16_t offset, const char *dst, uint8_t first)
{
    refuse_short(protocol, offset, dst, first, 8);
}

static void no_error_about(void)
{
    static const uint8_t errors[] = {3, 4, 5, 11, 12};

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(errors); i++) {
        refuse(IP_PROTOCOL_ICMP, 0, "192.0.2.2", errors[i]);
        if (wire_pending(0) > 0) {
            fail("an error went out about an ICMP message of type %u", errors[i]);
        }
    }
    refuse(253, 1, "192.0.2.2", 0);
    expect_nothing(0);
    refuse(253, IP_HDR_FLAG_MF | 185, "192.0.2.2", 0);
    expect_nothing(0);
    refuse(253, 0, "192.0.2.255", 0);
    refuse(253, 0, "255.255.255.255", 0);
    refuse(253, 0, "224.0.0.1", 0);
    expect_nothing(0);
    refuse(253, 0, "192.0.2.2", 0);
    check_int(wire_pending(1), 1);
}

/* Without data the type is missing: it may be an error. */
static void no_error_about_empty(void)
{
    bench_start(WIRE_RAW);
    refuse_short(IP_PROTOCOL_ICMP, 0, "192.0.2.2", ICMP_TYPE_ECHO, 0);
    expect_nothing(0);
    refuse_short(IP_PROTOCOL_ICMP, 0, "192.0.2.2", ICMP_TYPE_ECHO, 1);
    refuse_short(253, 0, "192.0.2.2", 0, 0);
    check_int(wire_pending(1), 2);
}

static void check_reported(const char *what)
{
    if (wire_pending(1) != 1) {
        fail("no error was sent about %s", what);
    }
}

static void error_about(void)
{
    bench_start(WIRE_RAW);
    refuse(IP_PROTOCOL_ICMP, 0, "192.0.2.2", ICMP_TYPE_ECHO);
    check_reported("an echo request");
    refuse(IP_PROTOCOL_ICMP, 0, "192.0.2.2", ICMP_TYPE_ECHOREPLY);
    check_reported("an echo reply");
    refuse(253, IP_HDR_FLAG_MF, "192.0.2.2", 0);
    check_reported("a first fragment");
    refuse(253, IP_HDR_FLAG_DF, "192.0.2.2", 0);
    check_reported("a datagram with DF");
}

BENCH(9,
      {"echoes of 0, 1, 56 and 1472 bytes are returned whole to the sender [1122-3.2.2.6a]", echo},
      {"an echo reply equals the one worked out by hand [1122-3.1a]", echo_by_hand},
      {"an echo reply has neither the padding nor the IP options of the request", echo_padded},
      {"echo replies, and failures to send them, are counted", echo_counts},
      {"without memory one reply is lost, and the next is sent", echo_no_memory},
      {"an echo to a broadcast address is counted, not answered [1122-3.2.2.6b]",
       echo_broadcast},
      {"an echo from a broadcast address, a group or 0.0.0.0 is not answered", echo_from_none},
      {"a damaged echo, one to another host, and an echo reply are not answered", echo_bad},
      {"icmp_output sends up to the MTU, and fails with EMSGSIZE above 65,535 bytes", output},
      {"an unknown protocol is reported unreachable, quoting header and 8 bytes [1122-3.2.2.1a]",
       unreachable},
      {"less than 8 bytes of data are quoted without padding [1122-3.3.8]",
       unreachable_short},
      {"an error quotes IP options with the header", unreachable_options},
      {"an error is sent about a datagram with the flag DF, which makes no fragment of it",
       unreachable_df},
      {"a quote equals the bytes of the datagram [1122-3.2.2b 1122-3.2.2d]", quote_by_hand},
      {"no error is sent about broadcasts, fragments or damage, or to a group or 0.0.0.0 "
       "[1122-3.2.2e]", no_error},
      {"icmp_error sends nothing about an error, a later fragment or a group [1122-3.2.2e]",
       no_error_about},
      {"icmp_error reports an echo, an echo reply, a first fragment and a datagram with DF",
       error_about},
      {"icmp_error sends nothing about an ICMP datagram without a type", no_error_about_empty})
