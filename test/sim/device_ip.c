#include "bench.h"
#include "ip.h"
#include "sim.h"

/*
 * The address of our end
 */
struct ip_iface *wire_address(struct net_device *dev, const char *addr, const char *netmask)
{
    struct ip_iface *iface = ip_iface_alloc(addr, netmask);

    if (iface && ip_iface_register(dev, iface) == -1) {
        memory_free(iface);
        return NULL;
    }
    return iface;
}

int sim_address(struct net_device *dev)
{
    return wire_address(dev, "192.0.2.2", "255.255.255.0") ? 0 : -1;
}
