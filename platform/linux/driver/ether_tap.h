#ifndef ETHER_TAP_H
#define ETHER_TAP_H

#include "net.h"

MICROPS_BEGIN

/* Adds an Ethernet device on the TAP interface name, which must exist when net_run opens it. addr:
 * the device's hardware address as text; NULL: a random one. Returns the device, or NULL (name too
 * long, bad address, no memory). */
struct net_device *ether_tap_init(const char *name, const char *addr);

MICROPS_END

#endif
