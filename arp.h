#ifndef ARP_H
#define ARP_H

#include <stddef.h>
#include <stdint.h>

#include "ether.h"
#include "ip.h"
#include "net.h"

MICROPS_BEGIN

#define ARP_CACHE_SIZE 1024 /* entries; then one is evicted, see enum arp_worth in arp.c */
#define ARP_CACHE_TIMEOUT 30 /* seconds, lifetime of a learnt entry */
#define ARP_STATIC_MAX (ARP_CACHE_SIZE / 2) /* static entries; then ENOSPC */
/* Bytes of waiting datagrams; above a limit the oldest datagram is dropped. */
#define ARP_WAIT_BYTES 73728 /* at one entry: 65,535 in fragments of 576 */
#define ARP_WAIT_BYTES_ALL (2048 * ARP_CACHE_SIZE) /* in all: the fullest entry loses its oldest */

#define ARP_RESOLVE_ERROR      (-1)
#define ARP_RESOLVE_INCOMPLETE 0
#define ARP_RESOLVE_FOUND      1

/* A copy of a cache entry. */
struct arp_view {
    struct net_iface *iface; /* the neighbour's link */
    ip_addr_t pa; /* in network byte order */
    uint8_t ha[ETHER_ADDR_LEN];
    const char *state;
    uint64_t age; /* nanoseconds since its last message, or since the entry was added */
};

struct arp_stats {
    uint64_t received;       /* messages handed in by the devices */
    uint64_t replies_sent;
    uint64_t requests_sent;
    uint64_t too_short;      /* dropped: shorter than a message for Ethernet and IP */
    uint64_t bad_hardware;   /* dropped: not Ethernet, or bad address length */
    uint64_t bad_protocol;   /* dropped: not IP, or bad address length */
    uint64_t bad_operation;  /* dropped: neither request nor reply */
    uint64_t bad_sender;     /* dropped: impossible sender address, or our hardware address */
    uint64_t no_iface;       /* dropped: the device has no IP interface */
    uint64_t not_for_us;     /* dropped: for another host; only updates a known sender */
    uint64_t conflict;       /* dropped: another host uses our address */
    uint64_t announcements_sent; /* to defend our address */
    uint64_t unsolicited;    /* dropped: a reply without an entry to update */
    uint64_t static_kept;    /* messages that contradict a static entry */
    uint64_t changed;        /* hardware addresses of known neighbours that changed */
    uint64_t no_room;        /* entries not added: none may be evicted, or no memory */
    uint64_t waited;         /* datagrams kept until an answer */
    uint64_t released;       /* of these, sent on an answer */
    uint64_t unresolved;     /* of these, dropped: no answer, or shutdown */
    uint64_t wait_full;      /* of these, dropped: too many bytes wait */
    uint64_t evicted;        /* of these, dropped: their entry was evicted */
};

MICROPS_END

/* Registers ARP with the net core. Returns 0 or -1. */
int arp_init(void);
/* Deletes all entries, drops the waiting datagrams and resets the timeout. */
void arp_shutdown(void);
/* Finds the hardware address of pa (network byte order) and copies it to ha (ETHER_ADDR_LEN bytes).
 * Returns ARP_RESOLVE_FOUND, ARP_RESOLVE_INCOMPLETE (no answer yet, see arp_wait), or
 * ARP_RESOLVE_ERROR: ENOBUFS (no entry may be evicted, or no memory), or the device's errno. */
int arp_resolve(struct ip_iface *iface, ip_addr_t pa, uint8_t *ha);
/* After ARP_RESOLVE_INCOMPLETE: keeps a copy of a datagram, and sends it when pa answers. Returns
 * ARP_RESOLVE_INCOMPLETE; ARP_RESOLVE_FOUND with ha if the answer has just arrived (no copy is
 * kept); or ARP_RESOLVE_ERROR (ENOBUFS, ENOMEM). */
int arp_wait(struct ip_iface *iface, ip_addr_t pa, const uint8_t *data, size_t len, uint8_t *ha);

MICROPS_BEGIN

/* Adds a static entry for pa (network byte order): no message changes it, no timer ends it. Returns
 * 0, or -1: ENOSPC above ARP_STATIC_MAX entries, ENOBUFS without memory. */
int arp_cache_add_static(struct ip_iface *iface, ip_addr_t pa, const uint8_t *ha);
/* Sets the lifetime of learnt entries, in seconds; ARP_CACHE_TIMEOUT by default. */
void arp_set_timeout(unsigned int seconds);
/* Copies the entry at index, 0 to ARP_CACHE_SIZE - 1. Returns 0, or -1 if there is none. */
int arp_get_view(size_t index, struct arp_view *view);
/* Copies the counters. */
void arp_get_stats(struct arp_stats *stats);

MICROPS_END

#endif
