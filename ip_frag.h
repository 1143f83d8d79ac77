#ifndef IP_FRAG_H
#define IP_FRAG_H

#include <stdint.h>

#include "ip.h"

MICROPS_BEGIN

/* What may be kept. Above a limit the oldest datagram goes, first of the same source: an attacker
 * loses his own first, and an honest datagram, whose fragments come in a row, is never old. */
#define IP_FRAG_DATAGRAMS 64               /* under assembly */
#define IP_FRAG_DATAGRAMS_OF_SOURCE 16     /* of these from one source */
#define IP_FRAG_BYTES (256 * 1024)         /* in all, headers and our own structures included */
#define IP_FRAG_BYTES_OF_SOURCE (128 * 1024)
#define IP_FRAG_FRAGMENTS 128 /* of one datagram (64 KB over an MTU of 576); with more it goes */
#define IP_FRAG_TIMEOUT 60 /* seconds from the first fragment to the last, RFC 1122 3.3.2 */

struct ip_frag_stats {
    uint64_t received;     /* fragments handed in by IP */
    uint64_t reassembled;  /* datagrams */
    uint64_t empty;        /* dropped: no data */
    uint64_t bad_length;   /* dropped: not the last one, and no multiple of 8 bytes */
    uint64_t too_long;     /* dropped: ends where no datagram can */
    uint64_t tiny;         /* dropped: a beginning without the whole TCP header, RFC 1858 */
    uint64_t duplicate;    /* dropped: the very same was there */
    uint64_t no_memory;    /* fragments or datagrams dropped */
    uint64_t overlap;      /* datagrams dropped: two fragments contradict each other */
    uint64_t too_many;     /* datagrams dropped: above IP_FRAG_FRAGMENTS */
    uint64_t evicted;      /* datagrams dropped: one of the limits needed room */
    uint64_t timeout;      /* datagrams dropped: never complete */
};

MICROPS_END

/* Starts the timer. Returns 0 or -1. */
int ip_frag_init(void);
/* Gives back what is under assembly. */
void ip_frag_shutdown(void);
/* Keeps a copy of a fragment, which has passed IP's checks. Returns the datagram that it completes,
 * for the caller to give back with memory_free, or NULL. On the interrupt thread. */
struct ip_hdr *ip_frag_input(const struct ip_hdr *hdr, struct ip_iface *iface);

MICROPS_BEGIN

/* Copies the counters. */
void ip_frag_get_stats(struct ip_frag_stats *stats);

MICROPS_END

#endif
