#include <string.h>

#include "bench.h"
#include "ether.h"
#include "sim.h"

/*
 * Our end of an Ethernet, with the stack's own framing
 */
void sim_ether_setup(struct net_device *dev)
{
    static const uint8_t addr[] = { 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01 };

    ether_setup_helper(dev);
    memcpy(dev->addr, addr, sizeof(addr));
}

int sim_ether_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                     const void *dst, sim_ether_write *write)
{
    return ether_output(dev, type, data, len, dst, write);
}

void sim_ether_input(struct net_device *dev, const uint8_t *frame, size_t len)
{
    ether_input(dev, frame, len);
}
