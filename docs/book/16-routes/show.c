#include "icmp.h"
#include "net.h"
#include "show.h"
#include "util.h"

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    ip_addr_pton(text, &addr);
    return addr;
}

static void ping(const char *dst)
{
    uint8_t data[20];

    pattern(data, 0, sizeof(data));
    stack(icmp_output(ICMP_TYPE_ECHO, 0, hton32(0x00010001), data, sizeof(data), IP_ADDR_ANY,
                      address(dst)));
}

/* A neighbour is asked itself; for any other network the gateway is asked, and gets the frame. */
void exchange(void)
{
    struct net_device *dev;

    net_init();
    dev = wire_init(WIRE_ETHER);
    ip_route_set_default_gateway(wire_address(dev, "192.0.2.2", "255.255.255.0"), "192.0.2.254");
    net_run();
    ping("192.0.2.1");
    ping("198.51.100.1");
    host("ARP reply 192.0.2.254 is-at 00:00:5e:00:53:fe");
    ping("198.51.100.1");
}
