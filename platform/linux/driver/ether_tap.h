#ifndef ETHER_TAP_H
#define ETHER_TAP_H

#include <stdint.h>

#include "net.h"

MICROPS_BEGIN

struct ether_tap_stats {
    uint64_t received; /* frames read */
    uint64_t sent;     /* frames written */
    uint64_t down;     /* dropped: the interface is down, which may change */
    uint64_t failed;   /* dropped: not written for another reason */
    uint64_t gone;     /* interfaces that were removed while we used them */
};

/* Adds an Ethernet device on the TAP interface name. addr is its hardware address as text; NULL: a
 * random one. net_run opens the interface, which must exist. Returns the device, or NULL (bad text,
 * no memory). */
struct net_device *ether_tap_init(const char *name, const char *addr);
/* Copies the counters. */
void ether_tap_get_stats(struct ether_tap_stats *stats);

MICROPS_END

#endif
