#ifndef IP_FRAG_H
#define IP_FRAG_H

#include <stdint.h>

#include "ip.h"

MICROPS_BEGIN

/* Limits. Above a limit, the oldest datagram is dropped, of the same source if the limit is a
 * source's: an attacker loses its own first. An honest datagram is rarely the oldest: its fragments
 * arrive in a row. */
#define IP_FRAG_DATAGRAMS 64               /* under assembly */
#define IP_FRAG_DATAGRAMS_OF_SOURCE 16     /* of these from one source */
#define IP_FRAG_BYTES (256 * 1024)         /* of memory in all, headers and structures included */
#define IP_FRAG_BYTES_OF_SOURCE (128 * 1024)
#define IP_FRAG_FRAGMENTS 128 /* of one datagram (64 KB over an MTU of 576); more: dropped */
#define IP_FRAG_TIMEOUT 60 /* seconds from the first fragment to the last, RFC 1122 3.3.2 */

struct ip_frag_stats {
    uint64_t received;     /* fragments handed in by IP */
    uint64_t reassembled;  /* datagrams */
    uint64_t empty;        /* dropped: no data */
    uint64_t bad_length;   /* dropped: not the last, and not a multiple of 8 bytes */
    uint64_t too_long;     /* dropped: the datagram would exceed 65,535 bytes */
    uint64_t tiny;         /* dropped: the TCP header split, RFC 1858 */
    uint64_t duplicate;    /* dropped: identical to an earlier one */
    uint64_t no_memory;    /* fragments or datagrams dropped */
    uint64_t overlap;      /* datagrams dropped: fragments overlap, or disagree on the end */
    uint64_t too_many;     /* datagrams dropped: above IP_FRAG_FRAGMENTS */
    uint64_t evicted;      /* datagrams dropped: a limit was exceeded */
    uint64_t timeout;      /* datagrams dropped: incomplete after IP_FRAG_TIMEOUT */
};

MICROPS_END

/* Starts the timer. Returns 0 or -1. */
int ip_frag_init(void);
/* Frees all datagrams under assembly. */
void ip_frag_shutdown(void);
/* Keeps a copy of a fragment that has passed ip_input's checks. Returns the datagram that it
 * completes, which the caller frees with memory_free, or NULL. Interrupt thread only. */
struct ip_hdr *ip_frag_input(const struct ip_hdr *hdr, struct ip_iface *iface);

MICROPS_BEGIN

/* Copies the counters. */
void ip_frag_get_stats(struct ip_frag_stats *stats);

MICROPS_END

#endif
