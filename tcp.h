#ifndef TCP_H
#define TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

MICROPS_BEGIN

#define TCP_HDR_SIZE_MIN 20
#define TCP_PCB_SIZE 8192          /* control blocks; then EMFILE */
#define TCP_MSS 536                /* a segment's bytes, if the peer does not say: RFC 9293 3.7.1 */
#define TCP_MSS_MIN 64             /* if it says less: headers would outweigh the data */
#define TCP_RCV_BUF_SIZE 65535     /* bytes that wait for the user; the window holds no more */
#define TCP_BACKLOG_MAX 1024       /* connections that wait for accept at one listener */
#define TCP_HALF_OPEN_MAX 1024     /* in SYN-RECEIVED at one; the oldest half-open one makes room */
#define TCP_TIMER_INTERVAL 100     /* milliseconds */
#define TCP_TIMER_STOPPED 1000     /* between two ticks: then we were stopped, and no limit ran */
#define TCP_SND_BUF_SIZE 65535     /* bytes that are not acknowledged yet; send waits for room */
#define TCP_RTO 1000               /* milliseconds to the first retransmission, RFC 6298 2.1 */
#define TCP_RTO_SLOW 3000          /* the same when the SYN had to be sent again, RFC 6298 5.7 */
#define TCP_R1 3                   /* retransmissions before a warning, RFC 9293 3.8.3 */
#define TCP_R2 100000              /* milliseconds before giving up, RFC 9293 3.8.3 */
#define TCP_R2_SYN 180000          /* the same for a SYN */
#define TCP_R2_HALF_OPEN 45000     /* the same at a listener: 5 retries, RFC 4987 3.3 */
#define TCP_RESET_LIMIT 200        /* RSTs a second to segments for nobody, more or less */
#define TCP_SOURCE_PORT_MIN 49152  /* ports to choose from, RFC 6335 */
#define TCP_SOURCE_PORT_MAX 65535
#define TCP_CLOSE_TIMEOUT 600000   /* milliseconds for the end of a connection without a user */
#define TCP_CLOSE_PROGRESS TCP_MSS /* but as many again to a peer that has taken so many bytes */
#define TCP_SHUTDOWN_TIMEOUT 5000  /* milliseconds for what is on its way when the stack ends */
#define TCP_CHALLENGE_LIMIT 10     /* answers a second to what may be forged, for each connection */
#define TCP_CHALLENGE_ANSWER 3000  /* milliseconds in which a RST in TIME-WAIT may answer one */
#define TCP_MSL 30000              /* milliseconds a segment lives (RFC 9293 3.4.2: 2 minutes) */
#define TCP_FIN_WAIT_2_TIMEOUT 60000 /* milliseconds to wait for the FIN of a peer that is silent */

/* RFC 9293 3.3.2 */
enum tcp_state {
    TCP_STATE_CLOSED,
    TCP_STATE_LISTEN,
    TCP_STATE_SYN_SENT,
    TCP_STATE_SYN_RECEIVED,
    TCP_STATE_ESTABLISHED,
    TCP_STATE_FIN_WAIT1,
    TCP_STATE_FIN_WAIT2,
    TCP_STATE_CLOSING,
    TCP_STATE_TIME_WAIT,
    TCP_STATE_CLOSE_WAIT,
    TCP_STATE_LAST_ACK,
};

/* What may be seen of a connection, RFC 9293 3.3.1; numbers in host byte order. */
struct tcp_view {
    int desc;           /* its descriptor */
    enum tcp_state state;
    ip_endp_t local;
    ip_endp_t remote;
    struct {
        uint32_t una;   /* oldest sequence number not acknowledged */
        uint32_t nxt;   /* next to be sent */
        uint32_t wnd;   /* window, in bytes */
        uint32_t wl1;   /* SEG.SEQ of the last window update */
        uint32_t wl2;   /* SEG.ACK of the last window update */
    } snd;
    uint32_t iss;
    struct {
        uint32_t nxt;   /* next expected */
        uint32_t wnd;   /* window, in bytes */
    } rcv;
    uint32_t irs;
    int soft_error;     /* what ICMP has said since SND.UNA moved last: an errno, or 0 */
    size_t unacked;     /* bytes that the peer has not acknowledged */
    size_t unread;      /* bytes that the user has not read */
};

/* Sequence numbers wrap around: they are compared modulo 2^32, RFC 9293 3.4. */
static inline int seq_lt(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline int seq_leq(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) <= 0;
}

/* Is low <= seq < high? */
static inline int seq_between(uint32_t low, uint32_t seq, uint32_t high)
{
    return seq - low < high - low;
}

struct tcp_stats {
    uint64_t received;        /* segments handed in by IP */
    uint64_t delivered;       /* segments that passed the checks of the header */
    uint64_t too_short;       /* dropped: shorter than a header */
    uint64_t bad_offset;      /* dropped: a data offset below 20 bytes, or above what came */
    uint64_t bad_checksum;    /* dropped: damaged */
    uint64_t bad_address;     /* dropped: to or from an address that is not one host's */
    uint64_t bad_option;      /* dropped: an option whose length cannot be */
    uint64_t sent;            /* segments taken by IP */
    uint64_t send_failed;     /* segments refused by IP */
    uint64_t no_connection;   /* dropped: for no connection; answered by a RST unless it is one */
    uint64_t resets_sent;
    uint64_t resets_limited;  /* not sent: there were too many in this second */
    uint64_t bad_flags;       /* dropped: flags that mean nothing in the state */
    uint64_t bad_ack;         /* dropped: acknowledges what was never sent */
    uint64_t out_of_window;   /* dropped: outside the receive window */
    uint64_t closed_by_user;  /* dropped: data for a user who reads no more; by close: with a RST */
    uint64_t out_of_order;    /* dropped: in the window, but not next (kept from step 48 on) */
    uint64_t trimmed;         /* segments cut to the window: some of it is old, or does not fit */
    uint64_t retransmitted;
    uint64_t probes_sent;     /* into a window that stays shut */
    uint64_t timed_out;       /* connections given up */
    uint64_t resets_received; /* resets that were believed */
    uint64_t challenges_sent; /* ACKs in answer to what may be forged, RFC 5961 */
    uint64_t challenges_held; /* not sent: there were TCP_CHALLENGE_LIMIT in this second */
    uint64_t no_memory;       /* dropped: the end of a handshake, and no memory for a buffer */
    uint64_t no_block;        /* dropped: a SYN, and the table is full */
    uint64_t half_open_evicted; /* half-open connections given up for a new SYN */
    uint64_t hard_errors;     /* attempts to connect that ICMP or ARP has ended */
    uint64_t soft_errors;     /* errors of these that are kept in case that it comes to the worst */
    uint64_t error_ignored;   /* dropped: an error about what is not on its way */
    uint64_t backlog_full;    /* dropped: a SYN or ACK, and the listener has no room for it */
};

MICROPS_END

/* Registers TCP with IP. Returns 0 or -1. */
int tcp_init(void);
/* Every user leaves: sleepers return with EBADF, and what was sent has TCP_SHUTDOWN_TIMEOUT to
 * arrive, less if all has, or when INTR_IRQ_USER comes. Then a RST tells each peer that lacks
 * something, and all is forgotten. While interrupts, timers and devices still work. */
void tcp_shutdown(void);

MICROPS_BEGIN

/* Looks at the block with descriptor desc, also after its user has closed it. Returns 0, or -1 if
 * there is none (EBADF). */
int tcp_get_view(int desc, struct tcp_view *view);
/* Looks at whatever block has a place in the table, so that all can be seen; places end at
 * TCP_PCB_SIZE. Returns 0, or -1 if none has. */
int tcp_get_view_at(size_t place, struct tcp_view *view);
/* The name of a state, as in the log: SYN_RECEIVED. */
const char *tcp_state_ntoa(enum tcp_state state);

/*
 * User commands in the manner of RFC 9293 3.9.1. On failure they return -1 and set errno; EBADF
 * stands for a descriptor that is not open or was closed while the call slept, EINTR for an
 * interruption by the user, ENETDOWN for an open without the stack. Where ETIMEDOUT is named, it is
 * what ICMP has said instead, if it has: EHOSTUNREACH, ENETUNREACH, ECONNREFUSED, EPROTO. Whoever
 * connects gets EHOSTUNREACH after some 3 seconds if the next hop does not answer ARP.
 *
 * A connection that has failed says why in each later call that needs one: ECONNREFUSED,
 * ECONNRESET, ETIMEDOUT.
 */

/* OPEN: waits for a connection to local from remote (or NULL: from anybody), or makes one if active
 * is not 0; then local may be NULL. All in network byte order. Returns a descriptor once the
 * connection is established. EMFILE, ENOMEM, EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENETUNREACH, EINTR,
 * ECONNREFUSED, ECONNRESET, ETIMEDOUT. */
int tcp_cmd_open(const ip_endp_t *local, const ip_endp_t *remote, int active);
/* A descriptor without a connection. EMFILE, ENOMEM. */
int tcp_cmd_socket(void);
/* Gives it a local endpoint; port 0: one is chosen. EINVAL (has one), EADDRINUSE, EADDRNOTAVAIL. */
int tcp_cmd_bind(int desc, const ip_endp_t *local);
/* Lets it take connections, backlog of which may wait for accept (1 to TCP_BACKLOG_MAX). EINVAL,
 * EDESTADDRREQ. */
int tcp_cmd_listen(int desc, int backlog);
/* Sleeps until a connection is there. Returns its descriptor; remote, if not NULL, gets the peer.
 * EINVAL. */
int tcp_cmd_accept(int desc, ip_endp_t *remote);
/* Connects to remote and sleeps until it is done; 0. After EINTR the handshake goes on: to wait for
 * it, call again. EISCONN, EALREADY, EOPNOTSUPP (a listener), and those of tcp_cmd_open. */
int tcp_cmd_connect(int desc, const ip_endp_t *remote);
/* Our end of the connection, or what it is bound to; zeros for nothing. 0. */
int tcp_cmd_getsockname(int desc, ip_endp_t *local);
/* The other end. 0. ENOTCONN. */
int tcp_cmd_getpeername(int desc, ip_endp_t *remote);
/* SEND: sleeps until all len bytes are in the send buffer, from where they go out as the peer's
 * window allows. Returns len, or less if something went wrong on the way. ENOTCONN, EPIPE
 * (our direction has ended), ENOMEM, ECONNRESET, ETIMEDOUT. */
ssize_t tcp_cmd_send(int desc, const void *data, size_t len);
/* RECEIVE: sleeps until there are bytes. Returns how many were copied, at most size, or 0 at the
 * end of file. ENOTCONN, ECONNRESET, ETIMEDOUT. */
ssize_t tcp_cmd_receive(int desc, void *buf, size_t size);
/* Ends our direction: what was sent still arrives, then the peer finds the end of file. It may go
 * on to send. 0, also when it has ended already. ENOTCONN, ECONNRESET, ETIMEDOUT. RFC 9293 3.6 */
int tcp_cmd_half_close(int desc);
/* The user receives no more, and finds the end of file. What has come and what comes is thrown
 * away, but acknowledged: TCP has no word for it. 0. ENOTCONN, ECONNRESET, ETIMEDOUT. */
int tcp_cmd_end_receive(int desc);
/* CLOSE: what was sent still arrives, then the connection ends; but if the peer sends or has sent
 * what was not received, it is reset. Does not wait for that. Wakes sleepers. 0. */
int tcp_cmd_close(int desc);
/* ABORT: the connection is reset. What was sent may be lost. Wakes sleepers. 0. */
int tcp_cmd_abort(int desc);

/* Copies the counters. */
void tcp_get_stats(struct tcp_stats *stats);

MICROPS_END

#endif
