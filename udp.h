#ifndef UDP_H
#define UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

#define UDP_HDR_SIZE 8

struct udp_stats {
    uint64_t received;     /* datagrams from IP */
    uint64_t delivered;    /* datagrams with a valid header and checksum */
    uint64_t too_short;    /* dropped: shorter than a header */
    uint64_t bad_length;   /* dropped: length field below 8, or beyond the datagram */
    uint64_t bad_checksum; /* dropped: bad checksum */
};

/* Registers UDP with IP. Returns 0 or -1. */
int udp_init(void);
/* Copies the counters. */
void udp_get_stats(struct udp_stats *stats);

#endif
