#ifndef ARP_H
#define ARP_H

#include <stddef.h>
#include <stdint.h>

#include "ether.h"
#include "ip.h"
#include "net.h"

MICROPS_BEGIN

#define ARP_CACHE_SIZE 1024 /* neighbours; then the least useful goes, see enum arp_worth */
#define ARP_CACHE_TIMEOUT 30 /* seconds that an address is believed */
#define ARP_STATIC_MAX (ARP_CACHE_SIZE / 2) /* static entries; one more is refused */
#define ARP_WAIT_BYTES 73728 /* for one address: 65,535 in pieces of 576 fit; the oldest goes */
#define ARP_WAIT_BYTES_ALL (2048 * ARP_CACHE_SIZE) /* for all; the oldest where most wait */

#define ARP_RESOLVE_ERROR      (-1)
#define ARP_RESOLVE_INCOMPLETE 0
#define ARP_RESOLVE_FOUND      1

/* What may be seen of a neighbour. */
struct arp_view {
    struct net_iface *iface; /* the link that it is on */
    ip_addr_t pa; /* in network byte order */
    uint8_t ha[ETHER_ADDR_LEN];
    const char *state;
    uint64_t age; /* nanoseconds since it was last heard of, or first asked for */
};

struct arp_stats {
    uint64_t received;       /* messages handed in by the devices */
    uint64_t replies_sent;
    uint64_t requests_sent;
    uint64_t too_short;      /* dropped: shorter than a message for Ethernet and IP */
    uint64_t bad_hardware;   /* dropped: not Ethernet, or its address length */
    uint64_t bad_protocol;   /* dropped: not IP, or its address length */
    uint64_t bad_operation;  /* dropped: neither request nor reply */
    uint64_t bad_sender;     /* dropped: an address of the sender is a group's, nobody's, or his
                                hardware address our own */
    uint64_t no_iface;       /* dropped: the device has no IP interface */
    uint64_t not_for_us;     /* dropped: the target is another host; no stranger is learnt */
    uint64_t conflict;       /* dropped: somebody else uses our address */
    uint64_t announcements_sent; /* in defence of our address */
    uint64_t unsolicited;    /* dropped: a reply that we had not asked for */
    uint64_t static_kept;    /* messages that contradicted a static entry */
    uint64_t changed;        /* neighbours that have got another hardware address */
    uint64_t no_room;        /* neighbours without an entry: all are worth more, or no memory */
    uint64_t waited;         /* datagrams that had to wait for an answer */
    uint64_t released;       /* of these: handed to the device when it came */
    uint64_t unresolved;     /* of these dropped: it did not come */
    uint64_t wait_full;      /* of these dropped: later ones took their place */
    uint64_t evicted;        /* of these dropped: another neighbour took the entry */
};

MICROPS_END

/* Registers ARP with the net core. Returns 0 or -1. */
int arp_init(void);
/* Forgets every address, and what waits for one. */
void arp_shutdown(void);
/* Finds the hardware address of pa (network byte order) and copies it to ha (ETHER_ADDR_LEN bytes).
 * Returns ARP_RESOLVE_FOUND, ARP_RESOLVE_INCOMPLETE (asked for, try later), or ARP_RESOLVE_ERROR
 * with errno set: ENOBUFS (ARP_CACHE_SIZE others are in use, or no memory), or the device's. */
int arp_resolve(struct ip_iface *iface, ip_addr_t pa, uint8_t *ha);
/* After ARP_RESOLVE_INCOMPLETE: keeps a copy of a datagram, which leaves when pa answers. Returns
 * ARP_RESOLVE_INCOMPLETE, ARP_RESOLVE_FOUND with ha when the answer has just come (nothing is
 * kept), or ARP_RESOLVE_ERROR with errno set. */
int arp_wait(struct ip_iface *iface, ip_addr_t pa, const uint8_t *data, size_t len, uint8_t *ha);

MICROPS_BEGIN

/* Fixes the hardware address of pa (network byte order): no message changes it and no time ends it.
 * Returns 0, or -1: ENOSPC above ARP_STATIC_MAX entries, ENOBUFS. */
int arp_cache_add_static(struct ip_iface *iface, ip_addr_t pa, const uint8_t *ha);
/* How long an address is believed, in seconds: ARP_CACHE_TIMEOUT unless set. */
void arp_set_timeout(unsigned int seconds);
/* Copies the entry at index, which ends at ARP_CACHE_SIZE. Returns 0, or -1 if there is none. */
int arp_get_view(size_t index, struct arp_view *view);
/* Copies the counters. */
void arp_get_stats(struct arp_stats *stats);

MICROPS_END

#endif
