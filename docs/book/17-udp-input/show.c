#include "show.h"
#include "udp.h"

/* A datagram passes UDP's checks. One bit of its data changed, or a length that lies: dropped. */
void exchange(void)
{
    static const char packet[] = "UDP 192.0.2.1.5000 > 192.0.2.2.7 'twenty bytes of text'";

    bench_start(WIRE_RAW);
    counted(udp, delivered, host(packet));
    counted(udp, delivered, host_with("udp.sum=+1", packet));
    counted(udp, delivered, host_with("udp.len=65535", packet));
}
