/* Step 05: IP interfaces. A device's addresses, and which datagrams are for us. */
#include "bench.h"
#include "driver/null.h"
#include "ip.h"
#include "net.h"
#include "platform.h"

#define DATAGRAM(dst) "IP 192.0.2.1 > " dst " ICMP echo-reply id 1 seq 1 len 8"

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    check_int(ip_addr_pton(text, &addr), 0);
    return addr;
}

static struct ip_iface *add_iface(struct net_device *dev, const char *addr, const char *netmask)
{
    struct ip_iface *iface = ip_iface_alloc(addr, netmask);

    check(iface != NULL);
    check_int(ip_iface_register(dev, iface), 0);
    return iface;
}

static void own(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, delivered, 1, inject(DATAGRAM("192.0.2.2")));
    check_counted(ip, not_for_us, 0, inject(DATAGRAM("192.0.2.2")));
}

static void broadcasts(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, delivered, 1, inject(DATAGRAM("192.0.2.255")));
    check_counted(ip, delivered, 1, inject(DATAGRAM("255.255.255.255")));
}

static void others(void)
{
    bench_start(WIRE_RAW);
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("192.0.2.3")));
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("192.0.2.254")));
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("192.0.3.255")));
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("198.51.100.2")));
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("2.2.0.192")));
    check_counted(ip, delivered, 0, inject(DATAGRAM("192.0.2.3")));
}

static void at_another(void)
{
    struct net_device *first;

    check_int(net_init(), 0);
    first = wire_init(WIRE_RAW);
    add_iface(first, "192.0.2.2", "255.255.255.0");
    add_iface(wire_init(WIRE_RAW), "198.51.100.2", "255.255.255.0");
    check_int(net_run(), 0);
    check_counted(ip, delivered, 1, inject(DATAGRAM("198.51.100.2")));
    wire_use(first);
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("198.51.100.2")));
    check_counted(ip, delivered, 1, inject(DATAGRAM("192.0.2.2")));
}

static void small_subnet(void)
{
    check_int(net_init(), 0);
    add_iface(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.240");
    check_int(net_run(), 0);
    check_counted(ip, delivered, 1, inject(DATAGRAM("192.0.2.15")));
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("192.0.2.31")));
    check_counted(ip, not_for_us, 1, inject(DATAGRAM("192.0.2.255")));
}

static void no_iface(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = wire_init(WIRE_RAW);
    check(!net_device_get_iface(dev, NET_IFACE_FAMILY_IP));
    add_iface(null_init(), "192.0.2.2", "255.255.255.0"); /* of another device */
    check_int(net_run(), 0);
    check_counted(ip, no_iface, 1, inject(DATAGRAM("192.0.2.2")));
    check_counted(ip, delivered, 0, inject(DATAGRAM("255.255.255.255")));
}

/* So no address is read from a header that is none. */
static void header_first(void)
{
    check_int(net_init(), 0);
    wire_init(WIRE_RAW);
    check_int(net_run(), 0);
    check_counted(ip, bad_version, 1, inject_with("ip.version=5", DATAGRAM("192.0.2.2")));
    check_counted(ip, no_iface, 0, inject_with("ip.version=5", DATAGRAM("192.0.2.2")));
}

static void fields(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = wire_init(WIRE_RAW);
    struct ip_iface *iface = add_iface(dev, "10.1.2.3", "255.255.240.0");
    check_mem(&iface->unicast, "\x0a\x01\x02\x03", 4);
    check_mem(&iface->netmask, "\xff\xff\xf0\x00", 4);
    check_mem(&iface->broadcast, "\x0a\x01\x0f\xff", 4);
    check_int(NET_IFACE(iface)->family, NET_IFACE_FAMILY_IP);
    check_ptr(NET_IFACE(iface)->dev, dev);
    check_ptr(net_device_get_iface(dev, NET_IFACE_FAMILY_IP), NET_IFACE(iface));
}

static void bad_text(void)
{
    check_int(net_init(), 0);
    check(!ip_iface_alloc("192.0.2.256", "255.255.255.0"));
    check(!ip_iface_alloc("192.0.2.2", "255.255.255"));
    check(!ip_iface_alloc("", ""));
    check_int(net_shutdown(), 0);
    check_int(memory_in_use(), 0);
}

static void no_memory(void)
{
    check_int(net_init(), 0);
    sim_fail_alloc(1);
    check(!ip_iface_alloc("192.0.2.2", "255.255.255.0"));
}

static void one_a_family(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = wire_init(WIRE_RAW);
    struct ip_iface *first = add_iface(dev, "192.0.2.2", "255.255.255.0");
    struct ip_iface *second = ip_iface_alloc("198.51.100.2", "255.255.255.0");
    check_int(ip_iface_register(dev, second), -1);
    check_ptr(net_device_get_iface(dev, NET_IFACE_FAMILY_IP), NET_IFACE(first));
    check(!ip_iface_select(address("198.51.100.2")));
    memory_free(second); /* refused, so still the caller's */
    check_int(net_run(), 0);
    check_counted(ip, delivered, 1, inject(DATAGRAM("192.0.2.2")));
}

static void another_family(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = wire_init(WIRE_RAW);
    struct ip_iface *ip = add_iface(dev, "192.0.2.2", "255.255.255.0");
    struct net_iface *other = memory_alloc(sizeof(*other));
    other->family = 99;
    check_int(net_device_add_iface(dev, other), 0);
    check_int(net_device_add_iface(dev, other), -1);
    check_ptr(net_device_get_iface(dev, 99), other);
    check_ptr(net_device_get_iface(dev, NET_IFACE_FAMILY_IP), NET_IFACE(ip));
    check(!net_device_get_iface(dev, 98));
}

static void select_iface(void)
{
    check_int(net_init(), 0);
    struct ip_iface *a = add_iface(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.0");
    struct ip_iface *b = add_iface(null_init(), "198.51.100.2", "255.255.255.0");
    check_ptr(ip_iface_select(address("192.0.2.2")), a);
    check_ptr(ip_iface_select(address("198.51.100.2")), b);
    check(!ip_iface_select(address("192.0.2.3")));
    check(!ip_iface_select(address("192.0.2.255")));
    check(!ip_iface_select(IP_ADDR_BROADCAST));
}

static void forgotten(void)
{
    bench_start(WIRE_RAW);
    check_int(net_shutdown(), 0);
    check_int(net_init(), 0);
    check(!ip_iface_select(address("192.0.2.2")));
}

BENCH(5,
      {"a datagram to our address is delivered", own},
      {"broadcasts to the subnet and to 255.255.255.255 are delivered [1122-3.3.6a]",
       broadcasts},
      {"an interface drops datagrams to the address of another [1122-3.3.4.2b]", at_another},
      {"datagrams to other hosts are dropped and counted [1122-3.2.1.3b 1122-3.2.2.2a]", others},
      {"the netmask determines the broadcast address [1122-3.2.1.3a]", small_subnet},
      {"a datagram on a device without an IP interface is dropped and counted", no_iface},
      {"a datagram's header is checked before its address", header_first},
      {"an interface has address, netmask, broadcast address and device [1122-3.3.1.6]", fields},
      {"ip_iface_alloc refuses malformed addresses, and leaves nothing allocated", bad_text},
      {"without memory no interface is allocated", no_memory},
      {"a second IP interface of a device is refused, and the first stays", one_a_family},
      {"a device may have one interface of each family", another_family},
      {"ip_iface_select finds an interface by its unicast address alone", select_iface},
      {"after a restart no interface is left", forgotten})
