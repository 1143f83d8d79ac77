#ifndef ICMP_H
#define ICMP_H

#include <stddef.h>
#include <stdint.h>

#include "ip.h"

struct icmp_stats {
    uint64_t received;       /* messages from IP */
};

/* Registers ICMP with IP. Returns 0 or -1. */
int icmp_init(void);
/* Copies the counters. */
void icmp_get_stats(struct icmp_stats *stats);

#endif
