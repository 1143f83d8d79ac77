#ifndef ARP_H
#define ARP_H

#include <stdint.h>

#include "ip.h"
#include "net.h"

#define ARP_CACHE_SIZE 32
#define ARP_CACHE_TIMEOUT 30 /* seconds, lifetime of a learnt entry */

#define ARP_RESOLVE_ERROR      (-1)
#define ARP_RESOLVE_INCOMPLETE 0
#define ARP_RESOLVE_FOUND      1

struct arp_stats {
    uint64_t received;       /* messages handed in by the devices */
    uint64_t replies_sent;
    uint64_t requests_sent;
    uint64_t too_short;      /* dropped: shorter than a message for Ethernet and IP */
    uint64_t bad_hardware;   /* dropped: not Ethernet, or bad address length */
    uint64_t bad_protocol;   /* dropped: not IP, or bad address length */
    uint64_t bad_operation;  /* dropped: neither request nor reply */
    uint64_t bad_sender;     /* dropped: the sender's hardware address is a group's or zero */
    uint64_t no_iface;       /* dropped: the device has no IP interface */
    uint64_t not_for_us;     /* dropped: for another host; only updates a known sender */
    uint64_t unresolved;     /* datagrams dropped: hardware address unknown */
};

/* Registers ARP with the net core. Returns 0 or -1. */
int arp_init(void);
/* Deletes all entries. */
void arp_shutdown(void);
/* Finds the hardware address of pa (network byte order) and copies it to ha (ETHER_ADDR_LEN bytes).
 * Returns ARP_RESOLVE_FOUND, ARP_RESOLVE_INCOMPLETE (no answer yet, try later), or
 * ARP_RESOLVE_ERROR with errno set. */
int arp_resolve(struct ip_iface *iface, ip_addr_t pa, uint8_t *ha);
/* Copies the counters. */
void arp_get_stats(struct arp_stats *stats);

#endif
