/* Step 07: upper protocols. A datagram's data reaches the handler of its protocol. */
#include "bench.h"
#include "icmp.h"
#include "ip.h"
#include "net.h"
#include "util.h"

/* Arguments of each handler's last call. */
static struct seen {
    int calls;
    struct ip_hdr hdr;
    size_t hlen;
    size_t len;
    uint8_t data[1500];
    const struct ip_iface *iface;
} a, b;

static void see(struct seen *seen, const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                struct ip_iface *iface)
{
    seen->calls++;
    seen->hdr = *iphdr;
    seen->hlen = IP_HDR_SIZE(iphdr);
    seen->len = len;
    memcpy(seen->data, data, len < sizeof(seen->data) ? len : sizeof(seen->data));
    seen->iface = iface;
}

static void handle_a(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                     struct ip_iface *iface)
{
    see(&a, iphdr, data, len, iface);
}

static void handle_b(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                     struct ip_iface *iface)
{
    see(&b, iphdr, data, len, iface);
}

/* Starts with a handler for protocol 253 and, if both is set, one for 254. */
static struct ip_iface *start(int both)
{
    check_int(net_init(), 0);
    struct ip_iface *iface = wire_address(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.0");
    check_int(ip_protocol_register(253, handle_a), 0);
    if (both) {
        check_int(ip_protocol_register(254, handle_b), 0);
    }
    check_int(net_run(), 0);
    return iface;
}

static void two_protocols(void)
{
    start(1);
    inject("IP 192.0.2.1 > 192.0.2.2 proto 253 'one'");
    check_int(a.calls, 1);
    check_int(b.calls, 0);
    inject("IP 192.0.2.1 > 192.0.2.2 proto 254 'three'");
    check_int(a.calls, 1);
    check_int(b.calls, 1);
    check_int(a.len, 3); /* bytes of data alone */
    check_mem(a.data, "one", 3);
    check_int(b.len, 5);
    check_mem(b.data, "three", 5);
}

static void header(void)
{
    struct ip_iface *iface = start(0);

    inject_with("ip.ttl=7, ip.tos=0x10, ip.id=0x1234",
                "IP 192.0.2.1 > 192.0.2.2 proto 253 len 100");
    check_int(a.hdr.ttl, 7);
    check_int(a.hdr.tos, 0x10);
    check_int(ntoh16(a.hdr.id), 0x1234);
    check_int(a.hdr.protocol, 253);
    check_int(ntoh16(a.hdr.total), 120);
    check_mem(&a.hdr.src, "\xc0\x00\x02\x01", 4);
    check_mem(&a.hdr.dst, "\xc0\x00\x02\x02", 4);
    check_ptr(a.iface, iface);
}

static void sizes(void)
{
    start(0);
    inject("IP 192.0.2.1 > 192.0.2.2 proto 253 len 0");
    check_int(a.len, 0);
    inject("IP 192.0.2.1 > 192.0.2.2 proto 253 len 1480");
    check_int(a.len, 1480);
    check_pattern(a.data, 0, 1480);
    check_int(a.calls, 2);
}

static void padded(void)
{
    start(0);
    inject_with("frame.len=46", "IP 192.0.2.1 > 192.0.2.2 proto 253 'tiny'");
    check_int(a.len, 4);
    check_mem(a.data, "tiny", 4);
    inject_with("frame.len=46", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 0");
    check_int(a.len, 0);
    check_int(a.calls, 2);
}

static void options(void)
{
    start(0);
    inject_with("ip.options=01010101", "IP 192.0.2.1 > 192.0.2.2 proto 253 'data'");
    check_int(a.calls, 1);
    check_int(a.hlen, 24);
    check_int(a.len, 4);
    check_mem(a.data, "data", 4);
}

static void options_padded(void)
{
    start(0);
    inject_with("ip.options=0101010101010101, frame.len=46",
                "IP 192.0.2.1 > 192.0.2.2 proto 253 'data'");
    check_int(a.hlen, 28);
    check_int(a.len, 4);
    check_mem(a.data, "data", 4);
}

static void broadcast(void)
{
    start(0);
    inject("IP 192.0.2.1 > 192.0.2.255 proto 253 len 4");
    inject("IP 192.0.2.1 > 255.255.255.255 proto 253 len 4");
    check_int(a.calls, 2);
    inject("IP 192.0.2.1 > 192.0.2.3 proto 253 len 4");
    check_int(a.calls, 2);
}

static void damaged(void)
{
    start(0);
    inject_with("ip.sum=+1", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 4");
    inject_with("ip.total=+1", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 4");
    inject_with("ip.total=19", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 4");
    inject_with("ip.mf=1", "IP 192.0.2.1 > 192.0.2.2 proto 253 len 8");
    check_int(a.calls, 0);
}

/* To a broadcast address, so that no ICMP error is due (RFC 1122 3.2.2). */
static void unknown(void)
{
    start(0);
    check_counted(ip, unknown_protocol, 1, inject("IP 192.0.2.1 > 192.0.2.255 proto 254 len 4"));
    check_counted(ip, unknown_protocol, 0, inject("IP 192.0.2.1 > 192.0.2.255 proto 253 len 4"));
    check_int(a.calls, 1);
}

static void duplicate(void)
{
    check_int(net_init(), 0);
    wire_address(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.0");
    check_int(ip_protocol_register(253, handle_a), 0);
    check_int(ip_protocol_register(253, handle_b), -1);
    check_int(net_run(), 0);
    inject("IP 192.0.2.1 > 192.0.2.2 proto 253 len 4");
    check_int(a.calls, 1);
    check_int(b.calls, 0);
}

static void no_memory(void)
{
    check_int(net_init(), 0);
    sim_fail_alloc(1);
    check_int(ip_protocol_register(253, handle_a), -1);
    check_int(ip_protocol_register(253, handle_a), 0);
}

static void forgotten(void)
{
    start(1);
    check_int(net_shutdown(), 0);
    start(0);
    check_counted(ip, unknown_protocol, 1, inject("IP 192.0.2.1 > 192.0.2.255 proto 254 len 4"));
    check_int(b.calls, 0);
}

static void icmp_is_there(void)
{
    bench_start(WIRE_RAW);
    check_int(ip_protocol_register(IP_PROTOCOL_ICMP, handle_a), -1);
    check_counted(icmp, received, 1,
                  inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo-reply id 1 seq 1 len 56"));
}

BENCH(7,
      {"datagrams of two protocols reach their own handlers", two_protocols},
      {"a handler gets the header unchanged, and the interface", header},
      {"a handler gets data of length zero and up to the MTU", sizes},
      {"a handler does not get padding", padded},
      {"a handler gets the data after the IP options", options},
      {"a handler gets the data between options and padding", options_padded},
      {"a handler gets broadcasts, but no datagram to other hosts", broadcast},
      {"a handler gets no damaged datagram and no lone fragment", damaged},
      {"an unregistered protocol counts as unknown_protocol", unknown},
      {"a second handler for a protocol is refused, and the first stays", duplicate},
      {"without memory registration fails, and can be tried again", no_memory},
      {"after a restart no handler is left", forgotten},
      {"net_init has registered ICMP", icmp_is_there})
