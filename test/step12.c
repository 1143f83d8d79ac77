/* Step 12: ARP input. Requests for our address are answered. */
#include <stdio.h>

#include "arp.h"
#include "bench.h"
#include "net.h"
#include "util.h"

#define REQUEST "ARP who-has 192.0.2.2 tell 192.0.2.1"
#define REPLY "ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01"

static void handed_over(void)
{
    bench_start(WIRE_ETHER);
    check_counted(net, unknown_protocol, 0, inject(REQUEST));
    wire_pending(1);
}

static void answered(void)
{
    bench_start(WIRE_ETHER);
    inject(REQUEST);
    expect(REPLY);
    inject("ARP who-has 192.0.2.2 tell 192.0.2.77");
    expect(REPLY);
    check_counted(arp, received, 1, inject(REQUEST));
    expect(REPLY);
    check_counted(arp, replies_sent, 1, inject(REQUEST));
    expect(REPLY);
}

static void others(void)
{
    bench_start(WIRE_ETHER);
    check_counted(arp, not_for_us, 1, inject("ARP who-has 192.0.2.3 tell 192.0.2.1"));
    check_counted(arp, not_for_us, 1, inject("ARP who-has 192.0.2.255 tell 192.0.2.1"));
    check_counted(arp, not_for_us, 1, inject("ARP who-has 2.2.0.192 tell 192.0.2.1"));
    check_counted(arp, replies_sent, 0, inject("ARP who-has 192.0.2.3 tell 192.0.2.1"));
    expect_nothing(0);
}

/* A request of 192.0.2.1, whose ARP and Ethernet headers differ in the sender's address. */
static const uint8_t request[60] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe, 0x08, 0x06,
    0x00, 0x01, 0x08, 0x00, 6,    4,    0x00, 0x01,
    0x00, 0x00, 0x5e, 0x00, 0x53, 0x77, 192,  0,    2,    1,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 192,  0,    2,    2,
};

static void by_hand(void)
{
    static const uint8_t reply[60] = {
        0x00, 0x00, 0x5e, 0x00, 0x53, 0x77, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x08, 0x06,
        0x00, 0x01, 0x08, 0x00, 6,    4,    0x00, 0x02,
        0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 192,  0,    2,    2,
        0x00, 0x00, 0x5e, 0x00, 0x53, 0x77, 192,  0,    2,    1,
    };

    bench_start(WIRE_ETHER);
    inject_bytes(request, sizeof(request));
    expect_bytes(reply, sizeof(reply));
}

static void unicast(void)
{
    bench_start(WIRE_ETHER);
    inject_with("ether.dst=00:00:5e:00:53:01", REQUEST);
    expect(REPLY);
    inject_with("arp.tha=ff:ff:ff:ff:ff:ff", REQUEST); /* without meaning in a request */
    expect(REPLY);
}

/* RFC 5227: a host probes for an address before it has it. */
static void probe(void)
{
    bench_start(WIRE_ETHER);
    inject_with("arp.spa=0.0.0.0", REQUEST);
    expect(REPLY);
}

static void no_answer(void)
{
    bench_start(WIRE_ETHER);
    check_counted(arp, received, 1, inject("ARP reply 192.0.2.1 is-at 00:00:5e:00:53:fe"));
    inject_with("arp.op=2", REQUEST);
    expect_nothing(0);
}

static void too_short(void)
{
    struct arp_stats stats;
    char fault[32];

    bench_start(WIRE_ETHER);
    for (int len = 0; len < 28; len++) {
        snprintf(fault, sizeof(fault), "frame.len=%d", len);
        check_counted(arp, too_short, 1, inject_with(fault, REQUEST));
    }
    arp_get_stats(&stats);
    check_int(stats.bad_hardware + stats.bad_protocol + stats.bad_operation + stats.bad_sender, 0);
    expect_nothing(0);
    inject_with("frame.len=28", REQUEST);
    expect(REPLY);
    inject_with("frame.len=1500", REQUEST);
    expect(REPLY);
}

static void received(void)
{
    bench_start(WIRE_ETHER);
    check_counted(arp, received, 1, inject("ARP who-has 192.0.2.3 tell 192.0.2.1"));
    check_counted(arp, received, 1, inject_with("frame.len=27", REQUEST));
    check_counted(arp, received, 1, inject_with("arp.hrd=6", REQUEST));
}

static void bad_hardware(void)
{
    static const char *const faults[] = {
        "arp.hrd=0", "arp.hrd=2", "arp.hrd=6", "arp.hrd=0x0100", "arp.hrd=0xffff",
        "arp.hln=0", "arp.hln=5", "arp.hln=7", "arp.hln=255",
    };

    bench_start(WIRE_ETHER);
    for (size_t i = 0; i < countof(faults); i++) {
        check_counted(arp, bad_hardware, 1, inject_with(faults[i], REQUEST));
    }
    expect_nothing(0);
}

static void bad_protocol(void)
{
    static const char *const faults[] = {
        "arp.pro=0", "arp.pro=0x0008", "arp.pro=0x0806", "arp.pro=0x86dd",
        "arp.pln=0", "arp.pln=3", "arp.pln=5", "arp.pln=16", "arp.pln=255",
    };

    bench_start(WIRE_ETHER);
    for (size_t i = 0; i < countof(faults); i++) {
        check_counted(arp, bad_protocol, 1, inject_with(faults[i], REQUEST));
    }
    expect_nothing(0);
}

static void bad_operation(void)
{
    static const char *const faults[] = {
        "arp.op=0", "arp.op=3", "arp.op=4", "arp.op=8", "arp.op=0x0100", "arp.op=0xffff",
    };

    bench_start(WIRE_ETHER);
    for (size_t i = 0; i < countof(faults); i++) {
        check_counted(arp, bad_operation, 1, inject_with(faults[i], REQUEST));
    }
    expect_nothing(0);
}

static void bad_sender(void)
{
    bench_start(WIRE_ETHER);
    check_counted(arp, bad_sender, 1, inject_with("arp.sha=ff:ff:ff:ff:ff:ff", REQUEST));
    check_counted(arp, bad_sender, 1, inject_with("arp.sha=01:00:5e:00:00:01", REQUEST));
    check_counted(arp, bad_sender, 1, inject_with("arp.sha=00:00:00:00:00:00", REQUEST));
    expect_nothing(0);
}

static void no_iface(void)
{
    check_int(net_init(), 0);
    wire_init(WIRE_ETHER);
    check_int(net_run(), 0);
    check_counted(arp, no_iface, 1, inject(REQUEST));
    expect_nothing(0);
}

BENCH(12,
      {"the net core knows ARP's handler", handed_over},
      {"a request for our address is answered and counted", answered},
      {"a request for another address is counted, not answered", others},
      {"the reply equals the one worked out by hand, and goes to the sender", by_hand},
      {"a unicast request is answered, whatever its target hardware address", unicast},
      {"a probe from 0.0.0.0 for our address is answered", probe},
      {"a reply is not answered", no_answer},
      {"a message shorter than 28 bytes is dropped; padding is ignored", too_short},
      {"a message about hardware other than Ethernet is dropped", bad_hardware},
      {"a message about a protocol other than IP is dropped", bad_protocol},
      {"a message that is neither request nor reply is dropped", bad_operation},
      {"a message whose sender hardware address is a group or zero is dropped", bad_sender},
      {"a message that is dropped counts as received, too", received},
      {"a request on a device without an IP interface is counted, not answered", no_iface})
