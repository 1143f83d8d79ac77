#include "ip.h"
#include "net.h"
#include "show.h"

/* A packet finds its handler by the type, 0x0800; another has none. */
void exchange(void)
{
    uint8_t data[48];

    bench_start(WIRE_RAW);
    pattern(data, 0, sizeof(data));
    counted(ip, received, host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20"));
    inject_type(0x88b5, data, sizeof(data));
    show_all();
}
