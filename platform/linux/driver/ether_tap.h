#ifndef ETHER_TAP_H
#define ETHER_TAP_H

#include "net.h"

MICROPS_BEGIN

/* Adds an Ethernet device on the TAP interface name. addr is its hardware address as text; NULL: a
 * random one. net_run opens the interface, which must exist. Returns the device, or NULL (bad text,
 * no memory). */
struct net_device *ether_tap_init(const char *name, const char *addr);

MICROPS_END

#endif
