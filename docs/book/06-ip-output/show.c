#include "net.h"
#include "show_ip.h"
#include "sim.h"

/* IP builds the packet: its ICMP message of 28 bytes gets a header. Then a message that is too long
 * for the link, and one without a route. */
void exchange(void)
{
    uint8_t buf[2048];
    struct packet p = {buf, 0, 0, 0};

    bench_start(WIRE_RAW);
    sim_build("IP 192.0.2.2 > 192.0.2.1 ICMP echo id 1 seq 1 len 20", DIR_OUT, 0, &p, NULL);
    stack(ip_output(1, p.data + 20, 28, IP_ADDR_ANY, address("192.0.2.1")));
    remark("1500 bytes and a header, to the same address");
    stack(ip_output(1, p.data, 1500, IP_ADDR_ANY, address("192.0.2.1")));
    remark("28 bytes to 198.51.100.1");
    stack(ip_output(1, p.data + 20, 28, IP_ADDR_ANY, address("198.51.100.1")));
}
