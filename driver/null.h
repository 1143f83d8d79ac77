#ifndef NULL_H
#define NULL_H

#include "net.h"

MICROPS_BEGIN

#define NULL_MTU UINT16_MAX

/* Adds a device that discards what it sends. Returns it, or NULL. */
struct net_device *null_init(void);

MICROPS_END

#endif
