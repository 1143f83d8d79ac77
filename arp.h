#ifndef ARP_H
#define ARP_H

#include <stdint.h>

#include "ip.h"
#include "net.h"

struct arp_stats {
    uint64_t received;       /* messages handed in by the devices */
    uint64_t replies_sent;
    uint64_t too_short;      /* dropped: shorter than a message for Ethernet and IP */
    uint64_t bad_hardware;   /* dropped: not Ethernet, or bad address length */
    uint64_t bad_protocol;   /* dropped: not IP, or bad address length */
    uint64_t bad_operation;  /* dropped: neither request nor reply */
    uint64_t bad_sender;     /* dropped: the sender's hardware address is a group's or zero */
    uint64_t no_iface;       /* dropped: the device has no IP interface */
    uint64_t not_for_us;     /* dropped: the target is another host */
};

/* Registers ARP with the net core. Returns 0 or -1. */
int arp_init(void);
/* Copies the counters. */
void arp_get_stats(struct arp_stats *stats);

#endif
