#include "ip.h"
#include "show.h"

/* A packet passes the gate. Four that lie do not. */
void exchange(void)
{
    static const char packet[] = "IP 192.0.2.1 > 192.0.2.2 id 1 ICMP echo id 1 seq 1 len 20";

    bench_start(WIRE_RAW);
    counted(ip, delivered, host(packet));
    counted(ip, delivered, host_with("ip.sum=+1", packet));
    counted(ip, delivered, host_with("ip.total=65535", packet));
    counted(ip, delivered, host_with("ip.ihl=15", packet));
    counted(ip, delivered, host_with("frame.len=7", packet));
}
