#include "net.h"
#include "show.h"
#include "sim.h"

/* The packet goes out through the device's driver, and comes in. Nothing looks into it yet. */
void exchange(void)
{
    static const char packet[] = "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20";
    struct net_device *dev = bench_start(WIRE_RAW);
    uint8_t buf[128];
    struct packet p = {buf, 0, 0, 0};

    sim_build(packet, DIR_IN, 0, &p, NULL);
    stack(net_device_output(dev, 0x0800, p.data, p.len, NULL));
    counted(net, received, host(packet));
}
