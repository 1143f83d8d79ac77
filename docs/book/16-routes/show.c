#include "net.h"
#include "show_ip.h"

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
