#ifndef TCP_H
#define TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

#define TCP_HDR_SIZE_MIN 20

struct tcp_stats {
    uint64_t received;        /* segments from IP */
    uint64_t delivered;       /* segments with a valid header */
    uint64_t too_short;       /* dropped: shorter than a header */
    uint64_t bad_offset;      /* dropped: data offset below 20 bytes or beyond the segment */
    uint64_t bad_checksum;    /* dropped: bad checksum */
    uint64_t bad_address;     /* dropped: bad source or destination address */
};

/* Registers TCP with IP. Returns 0 or -1. */
int tcp_init(void);

/* Copies the counters. */
void tcp_get_stats(struct tcp_stats *stats);

#endif
