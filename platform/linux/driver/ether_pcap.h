#ifndef ETHER_PCAP_H
#define ETHER_PCAP_H

#include <stdint.h>

#include "net.h"

MICROPS_BEGIN

/* Counters besides those of every device, struct net_device_stats */
struct ether_pcap_stats {
    uint64_t completed; /* frames with an unfinished checksum, completed here */
    uint64_t too_long;  /* dropped: longer than the longest IP datagram */
    uint64_t joined;    /* dropped: UDP datagrams joined by kernel or hardware */
    uint64_t tagged;    /* dropped: VLAN tag */
};

/* Adds an Ethernet device on the real or virtual interface name, by PF_PACKET; net_run opens it.
 * addr: the device's hardware address as text; NULL: a random one. Returns the device, or NULL
 * (name too long, bad address, no memory). */
struct net_device *ether_pcap_init(const char *name, const char *addr);
/* Copies the counters. */
void ether_pcap_get_stats(struct ether_pcap_stats *stats);

MICROPS_END

#endif
