#include "net.h"
#include "show.h"
#include "sim.h"

/* A packet goes out through the device's driver, and one comes in. Nothing looks into it. */
void exchange(void)
{
    struct net_device *dev = bench_start(WIRE_RAW);
    uint8_t buf[128];
    struct packet p = {buf, 0, 0, 0};

    sim_build("IP 192.0.2.2 > 192.0.2.1 ICMP echo id 1 seq 1 len 20", DIR_OUT, 0, &p, NULL);
    stack(net_device_output(dev, 0x0800, p.data, p.len, NULL));
    counted(net, received,
            host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20"));
}
