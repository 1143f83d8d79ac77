#ifndef UDP_H
#define UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

#define UDP_HDR_SIZE 8
#define UDP_PCB_SIZE 128      /* endpoints; one more open fails with EMFILE */
#define UDP_QUEUE_LIMIT 64    /* datagrams that wait in an endpoint; one more is dropped */

struct udp_stats {
    uint64_t received;     /* datagrams handed in by IP */
    uint64_t delivered;    /* datagrams that passed every check */
    uint64_t too_short;    /* dropped: shorter than a header */
    uint64_t bad_length;   /* dropped: a length below the header's, or above what came */
    uint64_t bad_checksum; /* dropped: damaged */
    uint64_t no_port;      /* dropped: nobody is bound to the port */
    uint64_t queue_full;   /* dropped: the endpoint's queue is full */
    uint64_t no_memory;    /* dropped: no memory for a queue entry */
};

/* Registers UDP with IP. Returns 0 or -1. */
int udp_init(void);
/* Closes every endpoint. */
void udp_shutdown(void);

/* Opens an endpoint. Returns its descriptor, or -1 (EMFILE, ENETDOWN without the stack). */
int udp_cmd_open(void);
/* Binds it to a local endpoint; address IP_ADDR_ANY stands for all of ours. Returns 0, or -1:
 * EBADF, EINVAL (bound already, port 0), EADDRINUSE, EADDRNOTAVAIL (not our address). */
int udp_cmd_bind(int desc, const ip_endp_t *local);
/* Closes the endpoint. Returns 0, or -1 (EBADF). */
int udp_cmd_close(int desc);
/* Copies the counters. */
void udp_get_stats(struct udp_stats *stats);

#endif
