#ifndef UDP_H
#define UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

MICROPS_BEGIN

#define UDP_HDR_SIZE 8
#define UDP_PCB_SIZE 1024     /* endpoints; one more open fails with EMFILE */
#define UDP_QUEUE_LIMIT 64    /* datagrams that wait in an endpoint; one more is dropped */
#define UDP_QUEUE_BYTES 262144 /* bytes that wait in an endpoint; one datagram more is dropped */
#define UDP_PAYLOAD_SIZE_MAX (IP_PAYLOAD_SIZE_MAX - UDP_HDR_SIZE)
#define UDP_SOURCE_PORT_MIN 49152 /* ports to choose from, RFC 6335 */
#define UDP_SOURCE_PORT_MAX 65535

/* What may be seen of an endpoint. */
struct udp_view {
    int desc;        /* its descriptor */
    ip_endp_t local; /* port 0: not bound */
    size_t queued;   /* datagrams that wait for the user */
    size_t bytes;    /* that these take */
};

struct udp_stats {
    uint64_t received;     /* datagrams handed in by IP */
    uint64_t delivered;    /* datagrams that passed every check */
    uint64_t too_short;    /* dropped: shorter than a header */
    uint64_t bad_length;   /* dropped: a length below the header's, or above what came */
    uint64_t bad_checksum; /* dropped: damaged */
    uint64_t no_port;      /* dropped: nobody is bound to the port */
    uint64_t queue_full;   /* dropped: the endpoint's queue is full */
    uint64_t no_memory;    /* dropped: no memory for a queue entry */
    uint64_t errors;       /* errors of ICMP that an endpoint is told of */
    uint64_t error_ignored; /* dropped: an error about what no endpoint has sent last */
    uint64_t sent;         /* datagrams taken by IP */
    uint64_t send_failed;
};

MICROPS_END

/* Registers UDP with IP. Returns 0 or -1. */
int udp_init(void);
/* Closes every endpoint. */
void udp_shutdown(void);

MICROPS_BEGIN

/* Looks at the endpoint with descriptor desc. Returns 0, or -1 if there is none (EBADF). */
int udp_get_view(int desc, struct udp_view *view);
/* Looks at whatever endpoint has a place in the table, so that all can be seen; places end at
 * UDP_PCB_SIZE. Returns 0, or -1 if none has. */
int udp_get_view_at(size_t place, struct udp_view *view);

/* Opens an endpoint. Returns its descriptor, or -1 (EMFILE, ENOMEM, ENETDOWN without the stack). */
int udp_cmd_open(void);
/* Binds it to a local endpoint; address IP_ADDR_ANY stands for all of ours, port 0 for one that is
 * free. Returns 0, or -1: EBADF, EINVAL (bound already), EADDRINUSE, EADDRNOTAVAIL (not our
 * address, no port left). */
int udp_cmd_bind(int desc, const ip_endp_t *local);
/* What it is bound to, port 0 for nothing. Returns 0, or -1 (EBADF). */
int udp_cmd_getsockname(int desc, ip_endp_t *local);
/* Sends a datagram of len bytes, choosing a local port if none is bound. Returns len, or -1: EBADF,
 * EMSGSIZE, EINVAL (to port 0), EADDRNOTAVAIL (no port left), or an errno of ip_output. */
ssize_t udp_cmd_sendto(int desc, const void *data, size_t len, const ip_endp_t *remote);
/* Sleeps until a datagram is there; copies at most size bytes of it, the rest is lost. remote, if
 * not NULL, gets its sender. Returns the bytes copied, or -1: EBADF (also when closed meanwhile),
 * EINTR; or once ECONNREFUSED, EHOSTUNREACH, ENETUNREACH or EPROTO, as ICMP says of the datagram
 * sent last, or EHOSTUNREACH, as ARP does. */
ssize_t udp_cmd_recvfrom(int desc, void *buf, size_t size, ip_endp_t *remote);
/* Returns the error that udp_cmd_recvfrom would fail with, once; 0 for none; or -1 (EBADF). */
int udp_cmd_error(int desc);
/* Closes the endpoint and wakes whoever sleeps on it. Returns 0, or -1 (EBADF). */
int udp_cmd_close(int desc);
/* Copies the counters. */
void udp_get_stats(struct udp_stats *stats);

MICROPS_END

#endif
