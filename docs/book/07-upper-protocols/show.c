#include "icmp.h"
#include "show.h"

/* The payload finds its protocol by number: ICMP has a handler, 253 has none. */
void exchange(void)
{
    bench_start(WIRE_RAW);
    counted(icmp, received, host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20"));
    host("IP 192.0.2.1 > 192.0.2.2 proto 253 len 28");
}
