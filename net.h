#ifndef NET_H
#define NET_H

#include <stddef.h>
#include <stdint.h>

#include "util.h"

/* Starts the platform. Returns 0, or -1 (started already, or the platform failed). */
int net_init(void);
/* Lets the platform run. Returns 0, or -1 (not initialized, running already, or it failed). */
int net_run(void);
/* Stops the platform. Returns 0, or -1 (not started). */
int net_shutdown(void);

#endif
