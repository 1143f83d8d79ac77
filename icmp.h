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
#define ICMP_CODE_REASSEMBLY    1 /* time exceeded in reassembly */

/* Rate limit of sent errors. The destinations share the buckets. A bucket admits ICMP_LIMIT_BURST
 * at once, then one every ICMP_LIMIT_INTERVAL milliseconds on average. */
#define ICMP_LIMIT_BUCKETS 256
#define ICMP_LIMIT_BURST 16
#define ICMP_LIMIT_INTERVAL 100

struct icmp_stats {
    uint64_t received;       /* messages from IP */
    uint64_t delivered;      /* messages that passed every check */
    uint64_t too_short;      /* dropped: shorter than a header */
    uint64_t bad_checksum;   /* dropped: bad checksum */
    uint64_t unknown_type;   /* dropped: unknown type */
    uint64_t echo_replies;   /* echo requests to answer; the reply may be in send_failed */
    uint64_t echo_broadcast; /* dropped: echo request to a broadcast address */
    uint64_t ignored;        /* dropped: type or code that has no effect here */
    uint64_t bad_quote;      /* dropped: error that quotes no datagram of ours */
    uint64_t no_user;        /* dropped: error about a protocol without an error handler */
    uint64_t errors_sent;    /* errors to send about undeliverable datagrams; the same */
    uint64_t errors_limited; /* errors not sent: above the rate limit */
    uint64_t sent;           /* messages that IP has accepted */
    uint64_t send_failed;    /* messages refused by IP, or without memory */
};

MICROPS_END

/* Registers ICMP with IP. Returns 0 or -1. */
int icmp_init(void);

MICROPS_BEGIN

/* Sends a message with len bytes of data. val is the second word of the header, in network byte
 * order. Returns the bytes sent, or -1: ENOMEM, or the errno of ip_output. RFC 792 */
ssize_t icmp_output(uint8_t type, uint8_t code, uint32_t val, const uint8_t *data, size_t len,
                    ip_addr_t src, ip_addr_t dst);
/* Sends an error to the source of an undeliverable datagram, received on iface, with its header and
 * up to 8 of its len data bytes. Sends none where RFC 1122 3.2.2 forbids it (about an error, a
 * broadcast, a later fragment, or to a source that is not one host), and none above the rate
 * limit. */
void icmp_error(uint8_t type, uint8_t code, const struct ip_hdr *iphdr, const uint8_t *data,
                size_t len, struct ip_iface *iface);
/* Copies the counters. */
void icmp_get_stats(struct icmp_stats *stats);

MICROPS_END

#endif
