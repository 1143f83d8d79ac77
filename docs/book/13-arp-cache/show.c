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

/* An unknown neighbour cannot be reached. When it has asked, the cache knows it for a while. */
void exchange(void)
{
    bench_start(WIRE_ETHER);
    ping();
    host("ARP who-has 192.0.2.2 tell 192.0.2.1");
    ping();
    remark("31 seconds go by");
    pass(31000);
    ping();
}
