#include "bench.h"
#include "sim.h"

/*
 * Our end of an Ethernet: framing comes with step 11
 */
void sim_ether_setup(struct net_device *dev)
{
    (void)dev;
    sim_wrong("there is no Ethernet yet in this step");
}

int sim_ether_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                     const void *dst, sim_ether_write *write)
{
    (void)dev, (void)type, (void)data, (void)len, (void)dst, (void)write;
    return -1;
}

void sim_ether_input(struct net_device *dev, const uint8_t *frame, size_t len)
{
    (void)dev, (void)frame, (void)len;
}
