#include "ip.h"
#include "show.h"

/* To our address, to the broadcast address of our network, and to somebody else. */
void exchange(void)
{
    bench_start(WIRE_RAW);
    counted(ip, delivered, host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20"));
    counted(ip, delivered, host("IP 192.0.2.1 > 192.0.2.255 ICMP echo id 1 seq 2 len 20"));
    host("IP 192.0.2.1 > 192.0.2.3 ICMP echo id 1 seq 3 len 20");
}
