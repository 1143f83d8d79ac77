#ifndef ICMP_H
#define ICMP_H

#include <stddef.h>
#include <stdint.h>

#include "ip.h"

#define ICMP_HDR_SIZE 8

#define ICMP_TYPE_ECHOREPLY     0
#define ICMP_TYPE_DEST_UNREACH  3
#define ICMP_TYPE_SOURCE_QUENCH 4
#define ICMP_TYPE_REDIRECT      5
#define ICMP_TYPE_ECHO          8
#define ICMP_TYPE_TIME_EXCEEDED 11
#define ICMP_TYPE_PARAM_PROBLEM 12

#define ICMP_CODE_PROTO_UNREACH 2
#define ICMP_CODE_PORT_UNREACH  3

struct icmp_stats {
    uint64_t received;       /* messages from IP */
    uint64_t delivered;      /* messages that passed every check */
    uint64_t too_short;      /* dropped: shorter than a header */
    uint64_t bad_checksum;   /* dropped: bad checksum */
    uint64_t unknown_type;   /* dropped: unknown type */
};

/* Registers ICMP with IP. Returns 0 or -1. */
int icmp_init(void);
/* Copies the counters. */
void icmp_get_stats(struct icmp_stats *stats);

#endif
