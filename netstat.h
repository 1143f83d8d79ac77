#ifndef NETSTAT_H
#define NETSTAT_H

#include "api.h"

MICROPS_BEGIN

/* Prints to the log, whatever its level, what the stack is doing at this moment: devices, routes,
 * the ARP table, UDP endpoints, TCP connections, and the counters that are not 0. */
void netstat_print(void);

MICROPS_END

#endif
