#ifndef NETSTAT_H
#define NETSTAT_H

#include "api.h"

MICROPS_BEGIN

/* Prints the state of the stack to the log, at any level: devices, routes, the ARP cache, UDP
 * endpoints, TCP connections, and those counters of layers and devices that are not 0. */
void netstat_print(void);

MICROPS_END

#endif
