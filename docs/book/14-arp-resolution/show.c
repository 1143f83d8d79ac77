#include "show_ip.h"

/* The neighbour is asked, at most once a second. After its answer the datagram goes to it alone. */
void exchange(void)
{
    bench_start(WIRE_ETHER);
    ping("192.0.2.1");
    pass(400);
    remark("a second datagram, at 0.4 s");
    ping("192.0.2.1");
    pass(800);
    remark("a third, at 1.2 s");
    ping("192.0.2.1");
    host("ARP reply 192.0.2.1 is-at 00:00:5e:00:53:fe");
    ping("192.0.2.1");
}
