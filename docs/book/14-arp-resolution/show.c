#include "icmp.h"
#include "net.h"
#include "show.h"
#include "util.h"

static ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    ip_addr_pton(text, &addr);
    return addr;
}

static void ping(void)
{
    uint8_t data[20];

    pattern(data, 0, sizeof(data));
    stack(icmp_output(ICMP_TYPE_ECHO, 0, hton32(0x00010001), data, sizeof(data), IP_ADDR_ANY,
                      address("192.0.2.1")));
}

/* The neighbour is asked, at most once a second. After its answer the datagram goes to it alone. */
void exchange(void)
{
    bench_start(WIRE_ETHER);
    ping();
    pass(400);
    remark("a second datagram, at 0.4 s");
    ping();
    pass(800);
    remark("a third, at 1.2 s");
    ping();
    host("ARP reply 192.0.2.1 is-at 00:00:5e:00:53:fe");
    ping();
}
