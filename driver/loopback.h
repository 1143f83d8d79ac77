#ifndef LOOPBACK_H
#define LOOPBACK_H

#include "net.h"

MICROPS_BEGIN

#define LOOPBACK_MTU UINT16_MAX

/* Adds a device that receives what it sends. Returns it, or NULL. */
struct net_device *loopback_init(void);

MICROPS_END

#endif
