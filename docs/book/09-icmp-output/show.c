#include "show.h"

/* A ping is answered. A packet that no protocol wants brings an error. A long ping is answered. */
void exchange(void)
{
    bench_start(WIRE_RAW);
    host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20");
    host("IP 192.0.2.1 > 192.0.2.2 proto 253 len 28");
    host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 2 len 1472");
}
