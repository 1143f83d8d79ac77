#ifndef NULL_H
#define NULL_H

#include "net.h"

MICROPS_BEGIN

#define NULL_MTU UINT16_MAX

/* Adds a device that swallows what it is given. Returns it, or NULL. */
struct net_device *null_init(void);

MICROPS_END

#endif
