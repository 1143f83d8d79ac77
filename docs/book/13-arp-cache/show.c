#include "show_ip.h"

/* An unknown neighbour cannot be reached. When it has asked, the cache knows it for a while. */
void exchange(void)
{
    bench_start(WIRE_ETHER);
    ping("192.0.2.1");
    host("ARP who-has 192.0.2.2 tell 192.0.2.1");
    ping("192.0.2.1");
    remark("31 seconds go by");
    pass(31000);
    ping("192.0.2.1");
}
