#include "bench.h"
#include "sim.h"

/*
 * The address of our end: comes with step 05
 */
int sim_address(struct net_device *dev)
{
    (void)dev;
    return 0;
}
