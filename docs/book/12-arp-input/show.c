#include "show.h"

/* The host asks for our hardware address, and gets it. Its ping arrives, but the reply has no
 * destination yet. */
void exchange(void)
{
    bench_start(WIRE_ETHER);
    host("ARP who-has 192.0.2.2 tell 192.0.2.1");
    host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20");
    host("ARP who-has 192.0.2.3 tell 192.0.2.1");
}
