#include "icmp.h"
#include "show.h"

/* The message passes ICMP's checks. One bit of its data changed, it does not. */
void exchange(void)
{
    static const char packet[] = "IP 192.0.2.1 > 192.0.2.2 id 1 ICMP echo id 1 seq 1 len 20";

    bench_start(WIRE_RAW);
    counted(icmp, delivered, host(packet));
    counted(icmp, delivered, host_with("icmp.sum=+1", packet));
    counted(icmp, delivered, host_with("ip.total=24", packet));
}
