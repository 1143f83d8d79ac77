#include "ip.h"

#include "net.h"
#include "util.h"

/*
 * ip: the Internet Protocol, RFC 791: carries datagrams between hosts, without a guarantee. So far,
 * ip_input only logs received datagrams.
 */

static struct ip_stats stats;

/*
 * Input
 */

static void ip_input(const uint8_t *data, size_t len, struct net_device *dev)
{
    count(stats.received);
    debugf("dev=%s, len=%zu", dev->name, len);
    hexdump(data, len);
}

/*
 * Start and stop
 */

int ip_init(void)
{
    if (net_protocol_register(NET_PROTOCOL_TYPE_IP, ip_input) == -1) {
        return -1;
    }
    return 0;
}

void ip_get_stats(struct ip_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
