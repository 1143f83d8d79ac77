#ifndef ICMP_H
#define ICMP_H

#include <stddef.h>
#include <stdint.h>

#include "ip.h"

MICROPS_BEGIN

#define ICMP_HDR_SIZE 8

#define ICMP_TYPE_ECHOREPLY     0
#define ICMP_TYPE_DEST_UNREACH  3
#define ICMP_TYPE_SOURCE_QUENCH 4
#define ICMP_TYPE_REDIRECT      5
#define ICMP_TYPE_ECHO          8
#define ICMP_TYPE_ROUTER_ADVERT 9
#define ICMP_TYPE_ROUTER_SOLICIT 10
#define ICMP_TYPE_TIME_EXCEEDED 11
#define ICMP_TYPE_PARAM_PROBLEM 12
#define ICMP_TYPE_TIMESTAMP     13
#define ICMP_TYPE_TIMESTAMPREPLY 14
#define ICMP_TYPE_INFO          15
#define ICMP_TYPE_INFOREPLY     16
#define ICMP_TYPE_MASK          17
#define ICMP_TYPE_MASKREPLY     18

#define ICMP_CODE_PROTO_UNREACH 2
#define ICMP_CODE_PORT_UNREACH  3
#define ICMP_CODE_REASSEMBLY    1 /* time exceeded before all fragments were there */

/* How many errors go out: each destination has its share in one of the buckets, and with it so many
 * at once, and one more about every so many milliseconds. */
#define ICMP_LIMIT_BUCKETS 256
#define ICMP_LIMIT_BURST 16
#define ICMP_LIMIT_INTERVAL 100

struct icmp_stats {
    uint64_t received;       /* messages handed in by IP */
    uint64_t delivered;      /* messages that passed every check */
    uint64_t too_short;      /* dropped: shorter than a header */
    uint64_t bad_checksum;   /* dropped: damaged */
    uint64_t unknown_type;   /* dropped: a type that we do not know */
    uint64_t echo_replies;   /* echoes answered */
    uint64_t echo_broadcast; /* dropped: an echo to more than one host */
    uint64_t ignored;        /* dropped: a message that a host should not act upon today */
    uint64_t bad_quote;      /* dropped: an error about what we can't have sent */
    uint64_t no_user;        /* dropped: an error about a protocol where nobody wants to know */
    uint64_t errors_sent;    /* error messages about datagrams that we refused */
    uint64_t errors_limited; /* not sent: too many for one destination */
    uint64_t sent;           /* messages taken by IP */
    uint64_t send_failed;
};

MICROPS_END

/* Registers ICMP with IP. Returns 0 or -1. */
int icmp_init(void);

MICROPS_BEGIN

/* Sends a message: val is the second word of the header, in network byte order. Returns the bytes
 * sent, or -1 with the errno of ip_output. RFC 792. */
ssize_t icmp_output(uint8_t type, uint8_t code, uint32_t val, const uint8_t *data, size_t len,
                    ip_addr_t src, ip_addr_t dst);
/* Tells the sender that its datagram was refused: quotes its header and 8 bytes of its data (len
 * bytes are there). Does nothing where no error may be sent (RFC 1122 3.2.2): about an error, a
 * broadcast or a later fragment; nor when there have been too many. */
void icmp_error(uint8_t type, uint8_t code, const struct ip_hdr *iphdr, const uint8_t *data,
                size_t len, struct ip_iface *iface);
/* Copies the counters. */
void icmp_get_stats(struct icmp_stats *stats);

MICROPS_END

#endif
