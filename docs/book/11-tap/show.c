#include "net.h"
#include "show.h"
#include "sim.h"

/* The packet leaves in a frame, to all stations. The host's request for our hardware address passes
 * Ethernet, but has no handler. A frame for another station does not pass. */
void exchange(void)
{
    struct net_device *dev = bench_start(WIRE_ETHER);
    uint8_t buf[128];
    struct packet p = {buf, 0, 0, 0};

    sim_build("IP 192.0.2.2 > 192.0.2.1 ICMP echo id 1 seq 1 len 20", DIR_OUT, 0, &p, NULL);
    stack(net_device_output(dev, NET_PROTOCOL_TYPE_IP, p.data, p.len, dev->broadcast));
    host("ARP who-has 192.0.2.2 tell 192.0.2.1");
    host_with("ether.dst=00:00:5e:00:53:99", "ARP who-has 192.0.2.2 tell 192.0.2.1");
}
