#ifndef IP_H
#define IP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net.h"

struct ip_stats {
    uint64_t received;         /* datagrams handed in by the devices */
};

/* Registers IP with the net core. Returns 0 or -1. */
int ip_init(void);

/* Copies the counters. */
void ip_get_stats(struct ip_stats *stats);

#endif
