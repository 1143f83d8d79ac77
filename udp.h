#ifndef UDP_H
#define UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

#define UDP_HDR_SIZE 8
#define UDP_PCB_SIZE 128      /* endpoints; one more open fails with EMFILE */
#define UDP_QUEUE_LIMIT 64    /* datagrams queued at an endpoint; one more is dropped */

struct udp_stats {
    uint64_t received;     /* datagrams from IP */
    uint64_t delivered;    /* datagrams with a valid header and checksum */
    uint64_t too_short;    /* dropped: shorter than a header */
    uint64_t bad_length;   /* dropped: length field below 8, or beyond the datagram */
    uint64_t bad_checksum; /* dropped: bad checksum */
    uint64_t no_port;      /* dropped: no endpoint is bound to the port */
    uint64_t queue_full;   /* dropped: the endpoint's queue is full */
    uint64_t no_memory;    /* dropped: no memory for a queue entry */
};

/* Registers UDP with IP. Returns 0 or -1. */
int udp_init(void);
/* Closes every endpoint. */
void udp_shutdown(void);

/* Opens an endpoint. Returns its descriptor, or -1 (EMFILE, ENETDOWN without the stack). */
int udp_cmd_open(void);
/* Binds the endpoint to a local address and port. IP_ADDR_ANY stands for all our addresses. Returns
 * 0, or -1: EBADF, EINVAL (bound already, port 0), EADDRINUSE, EADDRNOTAVAIL (not our address). */
int udp_cmd_bind(int desc, const ip_endp_t *local);
/* Closes the endpoint. Returns 0, or -1 (EBADF). */
int udp_cmd_close(int desc);
/* Copies the counters. */
void udp_get_stats(struct udp_stats *stats);

#endif
