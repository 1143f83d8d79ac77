#ifndef ETHER_PCAP_H
#define ETHER_PCAP_H

#include <stdint.h>

#include "net.h"

MICROPS_BEGIN

/* The rest is counted for every device: struct net_device_stats. */
struct ether_pcap_stats {
    uint64_t completed; /* frames whose checksum the kernel had left open: we put it in */
    uint64_t too_long;  /* dropped: longer than an IP datagram can be */
    uint64_t joined;    /* dropped: datagrams of UDP, joined by kernel or hardware */
    uint64_t tagged;    /* dropped: of a VLAN */
};

/* Adds an Ethernet device on the real or virtual interface name, by PF_PACKET. addr is its hardware
 * address as text; NULL: a random one. The interface is opened by net_run. Returns the device, or
 * NULL (bad text, no memory). */
struct net_device *ether_pcap_init(const char *name, const char *addr);
/* Copies the counters. */
void ether_pcap_get_stats(struct ether_pcap_stats *stats);

MICROPS_END

#endif
