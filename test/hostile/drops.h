#ifndef DROPS_H
#define DROPS_H

/*
 * The sum of all drop counters, by which a test checks that a packet was counted once. A counter is
 * a drop unless it is subtracted here, so that a new reason to drop is included at once.
 */

#include <string.h>

#include "arp.h"
#include "ether.h"
#include "icmp.h"
#include "ip.h"
#include "ip_frag.h"
#include "net.h"
#include "tcp.h"
#include "udp.h"

/* Returns the sum of all counters of a module. */
static inline uint64_t drops_sum(const void *stats, size_t size)
{
    const uint8_t *p = stats;
    uint64_t sum = 0, value;

    for (size_t i = 0; i + sizeof(value) <= size; i += sizeof(value)) {
        memcpy(&value, p + i, sizeof(value));
        sum += value;
    }
    return sum;
}

static inline uint64_t drops_net(void)
{
    struct net_stats s;

    net_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.sent - s.send_failed - s.delivered;
}

static inline uint64_t drops_ether(void)
{
    struct ether_stats s;

    ether_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.delivered - s.sent - s.send_failed;
}

static inline uint64_t drops_arp(void)
{
    struct arp_stats s;

    arp_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.replies_sent - s.requests_sent -
           s.announcements_sent - s.changed - s.waited - s.released - s.unresolved - s.wait_full -
           s.evicted;
}

static inline uint64_t drops_ip(void)
{
    struct ip_stats s;

    ip_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.delivered - s.fragment - s.sent -
           s.send_failed - s.no_route;
}

static inline uint64_t drops_ip_frag(void)
{
    struct ip_frag_stats s;

    ip_frag_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.reassembled;
}

static inline uint64_t drops_icmp(void)
{
    struct icmp_stats s;

    icmp_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.delivered - s.echo_replies - s.errors_sent -
           s.errors_limited - s.sent - s.send_failed;
}

static inline uint64_t drops_udp(void)
{
    struct udp_stats s;

    udp_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.delivered - s.errors - s.sent -
           s.send_failed;
}

static inline uint64_t drops_tcp(void)
{
    struct tcp_stats s;

    tcp_get_stats(&s);
    return drops_sum(&s, sizeof(s)) - s.received - s.delivered - s.sent - s.send_failed -
           s.resets_sent - s.retransmitted - s.probes_sent - s.timed_out - s.resets_received -
           s.challenges_sent - s.half_open_evicted - s.trimmed -
           s.hard_errors - s.soft_errors - s.resets_limited - s.challenges_held;
}

static inline uint64_t drops(void)
{
    return drops_net() + drops_ether() + drops_arp() + drops_ip() + drops_ip_frag() + drops_icmp() +
           drops_udp() + drops_tcp();
}

#endif
