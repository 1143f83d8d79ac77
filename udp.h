#ifndef UDP_H
#define UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

MICROPS_BEGIN

#define UDP_HDR_SIZE 8
#define UDP_PCB_SIZE 1024     /* endpoints; one more open fails with EMFILE */
#define UDP_QUEUE_LIMIT 64    /* datagrams queued at an endpoint; one more is dropped */
#define UDP_QUEUE_BYTES 262144 /* their data bytes; a datagram beyond is dropped */
#define UDP_PAYLOAD_SIZE_MAX (IP_PAYLOAD_SIZE_MAX - UDP_HDR_SIZE)
#define UDP_SOURCE_PORT_MIN 49152 /* dynamic ports, RFC 6335 */
#define UDP_SOURCE_PORT_MAX 65535

/* The state of an endpoint */
struct udp_view {
    int desc;        /* descriptor */
    ip_endp_t local; /* port 0: not bound */
    size_t queued;   /* datagrams that wait for recvfrom */
    size_t bytes;    /* their data bytes */
};

struct udp_stats {
    uint64_t received;     /* datagrams from IP */
    uint64_t delivered;    /* datagrams with a valid header and checksum */
    uint64_t too_short;    /* dropped: shorter than a header */
    uint64_t bad_length;   /* dropped: length field below 8, or beyond the datagram */
    uint64_t bad_checksum; /* dropped: bad checksum */
    uint64_t no_port;      /* dropped: no endpoint is bound to the port */
    uint64_t queue_full;   /* dropped: the endpoint's queue is full */
    uint64_t no_memory;    /* dropped: no memory for a queue entry */
    uint64_t errors;       /* errors of ICMP or ARP noted for a user */
    uint64_t error_ignored; /* dropped: not about the last datagram of an endpoint */
    uint64_t sent;         /* datagrams that IP has accepted */
    uint64_t send_failed;  /* datagrams refused by IP, or without route or memory */
};

MICROPS_END

/* Registers UDP with IP. Returns 0 or -1. */
int udp_init(void);
/* Closes every endpoint. */
void udp_shutdown(void);

MICROPS_BEGIN

/* Copies the state of an endpoint. Returns 0, or -1 (EBADF). */
int udp_get_view(int desc, struct udp_view *view);
/* Copies the state of the endpoint at a place, from 0 to UDP_PCB_SIZE - 1: for lists of all
 * endpoints. Returns 0, or -1 if the place is free. */
int udp_get_view_at(size_t place, struct udp_view *view);

/* Opens an endpoint. Returns its descriptor, or -1: EMFILE, ENOMEM, ENETDOWN (without the stack,
 * or in a child after fork, where every command fails so). */
int udp_cmd_open(void);
/* Binds the endpoint to a local address and port. IP_ADDR_ANY stands for all our addresses, port 0
 * for a free port. Returns 0, or -1: EBADF, EINVAL (bound already), EADDRINUSE, EADDRNOTAVAIL (not
 * our address, no port left). */
int udp_cmd_bind(int desc, const ip_endp_t *local);
/* Copies the local address and port; port 0: not bound. Returns 0, or -1 (EBADF). */
int udp_cmd_getsockname(int desc, ip_endp_t *local);
/* Sends a datagram of len bytes, choosing a local port if none is bound. Returns len, or -1 with
 * the first errno that applies: EBADF, EINVAL (to port 0), EMSGSIZE, EADDRNOTAVAIL (no port left),
 * ENETUNREACH (no source address), ENOMEM, or an errno of ip_output. */
ssize_t udp_cmd_sendto(int desc, const void *data, size_t len, const ip_endp_t *remote);
/* Sleeps until a datagram arrives. Copies at most size bytes and discards the rest. Stores the
 * source in remote, if not NULL. Returns the number of bytes copied, or -1: EBADF (also if closed
 * meanwhile), EINTR; or, once, the error of ICMP or ARP about the datagram sent last: ECONNREFUSED,
 * EHOSTUNREACH, ENETUNREACH, EPROTO. */
ssize_t udp_cmd_recvfrom(int desc, void *buf, size_t size, ip_endp_t *remote);
/* Returns and clears the error that the next udp_cmd_recvfrom would return; 0 for none; or -1
 * (EBADF). */
int udp_cmd_error(int desc);
/* Closes the endpoint. Calls that sleep on it fail with EBADF. Returns 0, or -1 (EBADF). */
int udp_cmd_close(int desc);
/* Copies the counters. */
void udp_get_stats(struct udp_stats *stats);

MICROPS_END

#endif
