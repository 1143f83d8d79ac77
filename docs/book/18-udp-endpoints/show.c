#include "endp.h"
#include "show.h"
#include "udp.h"

/* A datagram for a bound port is queued. Nobody has port 9, and the sender is told. */
void exchange(void)
{
    ip_endp_t local;
    int desc;

    bench_start(WIRE_RAW);
    local = endp("0.0.0.0:7");
    desc = udp_cmd_open();
    udp_cmd_bind(desc, &local);
    counted(udp, delivered, host("UDP 192.0.2.1.5000 > 192.0.2.2.7 'twenty bytes of text'"));
    host("UDP 192.0.2.1.5000 > 192.0.2.2.9 'twenty bytes of text'");
    udp_cmd_close(desc);
}
