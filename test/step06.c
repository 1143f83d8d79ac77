/* Step 06: IP output. The header, the interface, and the errors. */
#include "bench.h"
#include "driver/null.h"
#include "ip.h"
#include "net.h"
#include "util.h"

#define PROTO 253 /* for experiments, RFC 3692 */
#define OURS address("192.0.2.2")
#define PEER address("192.0.2.1")

static uint8_t data[65536];

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    check_int(ip_addr_pton(text, &addr), 0);
    return addr;
}

static ssize_t output(size_t len, ip_addr_t src, ip_addr_t dst)
{
    pattern(data, 0, len);
    return ip_output(PROTO, data, len, src, dst);
}

static void notation(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, sent, 1, output(1000, OURS, PEER));
    expect("IP 192.0.2.2 > 192.0.2.1 proto 253 len 1000");
}

/* Checks the next datagram, except id, time to live and checksum, which the stack chooses. */
static void check_datagram(uint8_t *want, size_t len)
{
    uint8_t got[64];

    check_int(take(0, got, sizeof(got)), len);
    check(got[8] != 0); /* RFC 1122 3.2.1.7: never send a time to live of zero */
    check_int(cksum16(got, 20, 0), 0);
    memcpy(want + 4, got + 4, 2);
    want[8] = got[8];
    memcpy(want + 10, got + 10, 2);
    check_mem(got, want, len);
}

static void by_hand(void)
{
    uint8_t want[] = {
        0x45, 0x00, 0x00, 0x19, /* version 4, 5 words, type of service 0, total 25 */
        0xff, 0xff, 0x00, 0x00, /* id, no fragment */
        0xff, 253,  0xff, 0xff, /* time to live, protocol, checksum */
        192,  0,    2,    2,
        192,  0,    2,    1,
        'h',  'e',  'l',  'l',  'o',
    };

    bench_start(WIRE_RAW);
    check_int(ip_output(PROTO, (const uint8_t *)"hello", 5, OURS, PEER), 5);
    check_datagram(want, sizeof(want));
}

static void any_source(void)
{
    bench_start(WIRE_RAW);
    check_int(output(4, IP_ADDR_ANY, PEER), 4);
    expect("IP 192.0.2.2 > 192.0.2.1 proto 253 len 4");
}

static void broadcasts(void)
{
    bench_start(WIRE_RAW);
    check_int(output(4, OURS, IP_ADDR_BROADCAST), 4);
    expect("IP 192.0.2.2 > 255.255.255.255 proto 253 len 4");
    check_int(output(4, OURS, address("192.0.2.255")), 4);
    expect("IP 192.0.2.2 > 192.0.2.255 proto 253 len 4");
    /* without a source, no link is named */
    check_error(output(4, IP_ADDR_ANY, IP_ADDR_BROADCAST), ENETUNREACH);
    expect_nothing(0);
}

static void ids(void)
{
    uint8_t packet[64];
    uint16_t id[16];
    int changes = 0;

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(id); i++) {
        output(4, OURS, PEER);
        take(0, packet, sizeof(packet));
        memcpy(&id[i], packet + 4, 2);
        changes += i > 0 && id[i] != id[i - 1];
    }
    check_cmp(changes, >=, 14); /* a random id may repeat once, hardly twice */
}

static void up_to_mtu(void)
{
    bench_start(WIRE_RAW);
    check_int(ip_output(PROTO, NULL, 0, OURS, PEER), 0);
    expect("IP 192.0.2.2 > 192.0.2.1 proto 253 len 0");
    check_int(output(1480, OURS, PEER), 1480);
    expect("IP 192.0.2.2 > 192.0.2.1 proto 253 len 1480");
}

/* A datagram above the MTU is refused, or fragmented (step 44): the wire refuses longer frames. */
static void above_mtu(void)
{
    static const size_t lengths[] = {1481, 1500, 65515}, never[] = {65516, 65535, 65536};

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(lengths); i++) {
        ssize_t sent;
        errno = 0;
        check_counted(net, send_failed, 0, sent = output(lengths[i], OURS, PEER));
        if (sent == -1) {
            check_int(errno, EMSGSIZE);
            expect_nothing(0);
        }
        wire_pending(1);
    }
    for (size_t i = 0; i < countof(never); i++) {
        check_counted(ip, send_failed, 1, check_error(output(never[i], OURS, PEER), EMSGSIZE));
    }
    check_counted(ip, sent, 0, output(65516, OURS, PEER));
    expect_nothing(0);
}

static void not_ours(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, no_route, 1,
                  check_error(output(4, address("192.0.2.3"), PEER), EADDRNOTAVAIL));
    check_error(output(4, address("198.51.100.2"), PEER), EADDRNOTAVAIL);
    check_error(output(4, address("192.0.2.255"), PEER), EADDRNOTAVAIL);
    check_error(output(4, IP_ADDR_BROADCAST, PEER), EADDRNOTAVAIL);
    expect_nothing(0);
}

/* A device, and no interface. */
static void start_without_interface(void)
{
    check_int(net_init(), 0);
    wire_init(WIRE_RAW);
    check_int(net_run(), 0);
}

static void no_route(void)
{
    start_without_interface();
    check_counted(ip, no_route, 1, check_int(output(4, IP_ADDR_ANY, PEER), -1));
    check_counted(ip, send_failed, 0, output(4, IP_ADDR_ANY, PEER)); /* counts once */
}

static void no_interface(void)
{
    start_without_interface();
    check_counted(ip, no_route, 1, check_error(output(4, IP_ADDR_ANY, PEER), ENETUNREACH));
    check_error(output(4, OURS, PEER), EADDRNOTAVAIL);
    expect_nothing(0);
}

static void two_interfaces(void)
{
    check_int(net_init(), 0);
    wire_address(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.0");
    check_int(ip_iface_register(null_init(), ip_iface_alloc("192.0.3.2", "255.255.255.0")), 0);
    check_int(net_run(), 0);
    check_counted(ip, sent, 1, check_int(output(4, IP_ADDR_ANY, address("192.0.3.1")), 4));
    check_int(output(4, address("192.0.3.2"), IP_ADDR_BROADCAST), 4);
    expect_nothing(0);
    check_int(output(4, IP_ADDR_ANY, PEER), 4);
    expect("IP 192.0.2.2 > 192.0.2.1 proto 253 len 4");
    errno = 0;
    if (output(4, address("192.0.3.2"), PEER) == 4) { /* not in src's network, but in another */
        expect("IP 192.0.3.2 > 192.0.2.1 proto 253 len 4"); /* only by a route, step 16 */
    } else {
        check_int(errno, ENETUNREACH);
    }
    check_error(output(4, OURS, address("198.51.100.1")), ENETUNREACH); /* no network of ours */
    check_error(output(4, IP_ADDR_ANY, address("192.0.4.1")), ENETUNREACH);
    expect_nothing(0);
}

/* If an allocation fails, the datagram is sent all the same, or counted. */
static void no_memory(void)
{
    struct ip_stats stats;

    bench_start(WIRE_RAW);
    sim_fail_alloc(1);
    errno = 0;
    int sent = output(4, OURS, PEER) == 4;
    check_int(sent ? 0 : errno, sent ? 0 : ENOMEM);
    sim_fail_alloc(0);
    ip_get_stats(&stats);
    check_int(stats.sent, sent);
    check_int(stats.send_failed, !sent);
    check_int(wire_pending(1), sent);
    check_int(output(4, OURS, PEER), 4);
    expect("IP 192.0.2.2 > 192.0.2.1 proto 253 len 4");
}

static void device_down(void)
{
    check_int(net_init(), 0);
    wire_address(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.0");
    check_counted(ip, send_failed, 1, check_error(output(4, OURS, PEER), ENETDOWN));
}

static void device_fails(void)
{
    bench_start(WIRE_RAW);
    wire_fail_output(1);
    check_counted(ip, send_failed, 1, check_int(output(4, OURS, PEER), -1));
    check_counted(ip, sent, 0, output(4, OURS, PEER));
    wire_fail_output(0);
    check_int(output(4, OURS, PEER), 4);
    expect("IP 192.0.2.2 > 192.0.2.1 proto 253 len 4");
}

BENCH(6,
      {"ip_output sends the datagram, and counts it", notation},
      {"a datagram equals the one worked out by hand [1122-3.2.1.7a]", by_hand},
      {"without a source, the interface's address is the source [1122-3.2.1.3a]", any_source},
      {"datagrams go to the subnet's broadcast address and to 255.255.255.255", broadcasts},
      {"the ids of datagrams vary", ids},
      {"data of length zero and up to the MTU is sent", up_to_mtu},
      {"data above the MTU does not go out whole; above 65,515 bytes it fails with EMSGSIZE "
       "[1122-3.3.3a]", above_mtu},
      {"a foreign source fails with EADDRNOTAVAIL [1122-3.2.1.3a 1122-3.2.1.3d]", not_ours},
      {"a datagram that no interface can send counts as no_route", no_route},
      {"without an interface output fails with ENETUNREACH, and is counted", no_interface},
      {"the interface whose network holds the destination sends", two_interfaces},
      {"without memory a datagram is counted as sent or as failed", no_memory},
      {"output on a device that is down fails with ENETDOWN, and is counted", device_down},
      {"ip_output fails and counts if the device fails", device_fails})
