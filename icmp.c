#include "icmp.h"

#include "ip.h"
#include "util.h"

/*
 * icmp: the Internet Control Message Protocol, RFC 792. Logs received messages. Left out: checks
 * (step 08), replies and errors (step 09).
 */

static struct icmp_stats stats;

/*
 * Input
 */

static void icmp_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                       struct ip_iface *iface)
{
    count(stats.received);
    debugf("dev=%s, protocol=%u, len=%zu", NET_IFACE(iface)->dev->name, iphdr->protocol, len);
    hexdump(data, len);
}

/*
 * Start and stop
 */

int icmp_init(void)
{
    if (ip_protocol_register(IP_PROTOCOL_ICMP, icmp_input) == -1) {
        return -1;
    }
    return 0;
}

void icmp_get_stats(struct icmp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
