#ifndef UDP_H
#define UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

#define UDP_HDR_SIZE 8

struct udp_stats {
    uint64_t received;     /* datagrams handed in by IP */
    uint64_t delivered;    /* datagrams that passed every check */
    uint64_t too_short;    /* dropped: shorter than a header */
    uint64_t bad_length;   /* dropped: a length below the header's, or above what came */
    uint64_t bad_checksum; /* dropped: damaged */
};

/* Registers UDP with IP. Returns 0 or -1. */
int udp_init(void);
/* Copies the counters. */
void udp_get_stats(struct udp_stats *stats);

#endif
