#ifndef TCP_H
#define TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"

MICROPS_BEGIN

#define TCP_HDR_SIZE_MIN 20
#define TCP_PCB_SIZE 8192          /* control blocks; EMFILE if none can be released */
#define TCP_MSS 536                /* send MSS if the peer sends no option, RFC 9293 3.7.1 */
#define TCP_MSS_MIN 64             /* smallest send MSS: bounds the overhead of headers */
#define TCP_RCV_BUF_SIZE 65535     /* bytes that wait for the user; limits the receive window */
#define TCP_BACKLOG_MAX 1024       /* connections of a listener that wait for accept */
#define TCP_HALF_OPEN_MAX 1024     /* SYN-RECEIVED at a listener; the oldest half-open is evicted */
#define TCP_TIMER_INTERVAL 100     /* milliseconds between two ticks, which notice a stop */
#define TCP_TIMER_STOPPED 1000     /* milliseconds without a tick that count as a stopped process */
#define TCP_SND_BUF_SIZE 65535     /* unacknowledged bytes; send sleeps until there is room */
#define TCP_RTO 1000               /* milliseconds, RTO until the first sample, RFC 6298 2.1 */
#define TCP_RTO_SLOW 3000          /* the same after a retransmitted SYN, RFC 6298 5.7 */
#define TCP_ACK_DELAY 40           /* milliseconds at most, RFC 9293 3.8.6.3: less than 500 */
#define TCP_R1 3                   /* the retransmission that logs a warning, RFC 9293 3.8.3 */
#define TCP_R2 100000              /* milliseconds before a connection times out, RFC 9293 3.8.3 */
#define TCP_R2_NUM 6               /* and retransmissions: as an RTO of a second makes in TCP_R2 */
#define TCP_R2_SYN 180000          /* the same for a SYN */
#define TCP_R2_HALF_OPEN 45000     /* the same if half-open: 5 retransmissions, RFC 4987 3.3 */
#define TCP_RESET_LIMIT 200        /* RSTs a second to unacceptable segments, on average */
#define TCP_SOURCE_PORT_MIN 49152  /* dynamic ports, RFC 6335 */
#define TCP_SOURCE_PORT_MAX 65535
#define TCP_CLOSE_TIMEOUT 600000   /* milliseconds for a connection to end after CLOSE */
#define TCP_CLOSE_PROGRESS TCP_MSS /* acknowledged bytes that restart this timeout */
#define TCP_SHUTDOWN_TIMEOUT 5000  /* milliseconds that tcp_shutdown waits for acknowledgments */
#define TCP_CHALLENGE_LIMIT 10     /* challenge ACKs a second per connection and kind, RFC 5961 7 */
#define TCP_CHALLENGE_ANSWER 3000  /* milliseconds for a RST in TIME-WAIT to answer a challenge */
#define TCP_MSL 30000              /* milliseconds a segment lives (RFC 9293 3.4.2: 2 minutes) */
#define TCP_FIN_WAIT_2_TIMEOUT 60000 /* milliseconds in FIN-WAIT-2 after CLOSE */

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

/* The variables of a control block, RFC 9293 3.3.1. Sequence numbers in host byte order. */
struct tcp_view {
    int desc;           /* descriptor */
    enum tcp_state state;
    ip_endp_t local;
    ip_endp_t remote;
    struct {
        uint32_t una;   /* SND.UNA, oldest unacknowledged sequence number */
        uint32_t nxt;   /* SND.NXT, next sequence number to send */
        uint32_t wnd;   /* SND.WND, in bytes */
        uint32_t wl1;   /* SND.WL1, SEG.SEQ of the last window update */
        uint32_t wl2;   /* SND.WL2, SEG.ACK of the last window update */
    } snd;
    uint32_t iss;       /* initial send sequence number */
    struct {
        uint32_t nxt;   /* RCV.NXT, next sequence number expected */
        uint32_t wnd;   /* RCV.WND, in bytes */
    } rcv;
    uint32_t irs;       /* initial receive sequence number */
    int soft_error;     /* errno of the last ICMP or ARP error since SND.UNA advanced, or 0 */
    size_t unacked;     /* the user's bytes that are not acknowledged */
    size_t unread;      /* received bytes that the user has not read */
    size_t ranges;      /* ranges of text held beyond RCV.NXT: so many holes */
    struct {            /* in nanoseconds, RFC 6298 */
        uint64_t srtt;  /* SRTT; 0 before the first sample */
        uint64_t var;   /* RTTVAR */
        uint64_t rto;   /* RTO, with its back-off */
        unsigned int samples;
    } rtt;
    uint32_t cwnd;      /* the congestion window, in bytes */
    uint32_t ssthresh;  /* below it slow start, from it on congestion avoidance */
};

/* Sequence numbers are compared modulo 2^32, RFC 9293 3.4. */
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
    uint64_t received;        /* segments from IP */
    uint64_t delivered;       /* segments with a valid header */
    uint64_t too_short;       /* dropped: shorter than a header */
    uint64_t bad_offset;      /* dropped: data offset below 20 bytes or beyond the segment */
    uint64_t bad_checksum;    /* dropped: bad checksum */
    uint64_t bad_address;     /* dropped: bad source or destination address */
    uint64_t bad_option;      /* dropped: bad option length */
    uint64_t sent;            /* segments that IP has accepted */
    uint64_t send_failed;     /* segments refused by IP, or without memory */
    uint64_t no_connection;   /* dropped: no control block; answered by a RST unless it is one */
    uint64_t resets_sent;     /* RSTs of any kind */
    uint64_t resets_limited;  /* RSTs not sent: above TCP_RESET_LIMIT */
    uint64_t bad_flags;       /* dropped: flags or data that the state does not allow */
    uint64_t bad_ack;         /* dropped: unacceptable acknowledgment number */
    uint64_t out_of_window;   /* not acceptable: outside the receive window */
    uint64_t closed_by_user;  /* dropped: data after CLOSE (with a RST) or tcp_cmd_end_receive */
    uint64_t out_of_order;    /* in the window, not at RCV.NXT: text and FIN held, a RST dropped */
    uint64_t no_range;        /* dropped: text out of order, no range left to hold it */
    uint64_t ranges_evicted;  /* ranges of such text that gave way to others, and are lost */
    uint64_t trimmed;         /* segments trimmed to the receive window */
    uint64_t retransmitted;   /* segments retransmitted */
    uint64_t spurious;        /* timeouts after which F-RTO found that nothing was lost */
    uint64_t rtt_samples;     /* round trips measured */
    uint64_t probes_sent;     /* zero-window probes */
    uint64_t timed_out;       /* connections timed out */
    uint64_t resets_received; /* RSTs accepted */
    uint64_t challenges_sent; /* challenge ACKs, RFC 5961 */
    uint64_t challenges_held; /* challenge ACKs not sent: above TCP_CHALLENGE_LIMIT */
    uint64_t no_memory;       /* dropped: end of a handshake, no memory for the receive buffer */
    uint64_t no_block;        /* dropped: SYN, no free control block */
    uint64_t half_open_evicted; /* half-open connections evicted */
    uint64_t hard_errors;     /* active handshakes ended by an ICMP or ARP error */
    uint64_t soft_errors;     /* ICMP or ARP errors kept as soft errors */
    uint64_t error_ignored;   /* dropped: ICMP or ARP error about no segment in flight */
    uint64_t backlog_full;    /* dropped: SYN or ACK, the listener's backlog is full */
};

MICROPS_END

/* Registers TCP with IP. Returns 0 or -1. */
int tcp_init(void);
/* Closes all connections; sleepers return with EBADF. Waits until all data and FINs are
 * acknowledged, at most TCP_SHUTDOWN_TIMEOUT, or until INTR_IRQ_USER. Then resets connections whose
 * FIN is unacknowledged, and frees all blocks. Interrupts, timers and devices must still work. */
void tcp_shutdown(void);

MICROPS_BEGIN

/* Copies the variables of block desc, also after tcp_cmd_close. Returns 0, or -1 (EBADF) if there
 * is none. */
int tcp_get_view(int desc, struct tcp_view *view);
/* The same by place in the table, from 0 to TCP_PCB_SIZE - 1, to list all blocks. Returns 0, or -1
 * if the place is empty. */
int tcp_get_view_at(size_t place, struct tcp_view *view);
/* Returns the name of a state as in the log: SYN_RECEIVED. */
const char *tcp_state_ntoa(enum tcp_state state);

/*
 * User commands of RFC 9293 3.9.1. Endpoints in network byte order. Return 0 unless stated
 * otherwise. On failure they return -1 and set errno:
 *
 *   EBADF      the descriptor is not open, or was closed while the call slept
 *   EINTR      INTR_IRQ_USER interrupted the sleep
 *   ENETDOWN   the stack does not run, or this is a forked child
 *   ETIMEDOUT  R2 has passed; the soft error instead, if there is one: EHOSTUNREACH, ENETUNREACH,
 *              ECONNREFUSED, EPROTO. If the next hop does not answer ARP, a connect fails with
 *              EHOSTUNREACH after some 3 seconds.
 *
 * After a connection has failed, each call that sends, receives or ends one direction fails with
 * the reason: ECONNREFUSED, ECONNRESET, ETIMEDOUT.
 */

/* OPEN: waits for a connection to local from remote (NULL: any peer), or connects to remote if
 * active is not 0; then local may be NULL. Sleeps until the connection is established, and returns
 * its descriptor. EINVAL (waits, and local is NULL or has no port; connects, and remote is no host
 * or has no port), EMFILE, ENOMEM, EADDRINUSE, EADDRNOTAVAIL, ENETUNREACH, EINTR, ECONNREFUSED,
 * ECONNRESET, ETIMEDOUT. */
int tcp_cmd_open(const ip_endp_t *local, const ip_endp_t *remote, int active);
/* Returns a new descriptor without a connection. EMFILE, ENOMEM. */
int tcp_cmd_socket(void);
/* Sets the local endpoint; port 0: a free one. EINVAL (bound or connected already), EADDRINUSE,
 * EADDRNOTAVAIL. */
int tcp_cmd_bind(int desc, const ip_endp_t *local);
/* Enters LISTEN. backlog: connections that may wait for accept; a value outside 1 to
 * TCP_BACKLOG_MAX becomes the nearest one inside. EINVAL, EDESTADDRREQ. */
int tcp_cmd_listen(int desc, int backlog);
/* Sleeps until a connection is established. Returns its descriptor; sets *remote unless NULL.
 * EINVAL. */
int tcp_cmd_accept(int desc, ip_endp_t *remote);
/* Connects to remote and sleeps until the handshake is over. After EINTR it continues: call again
 * to wait for it. EISCONN, EALREADY, EOPNOTSUPP (a listener), and those of tcp_cmd_open. */
int tcp_cmd_connect(int desc, const ip_endp_t *remote);
/* Copies the local endpoint, as bound or connected; zeros if neither. */
int tcp_cmd_getsockname(int desc, ip_endp_t *local);
/* Copies the peer's endpoint. ENOTCONN. */
int tcp_cmd_getpeername(int desc, ip_endp_t *remote);
/* SEND: sleeps until all len bytes are in the send buffer; they are sent as the peer's window
 * allows. Returns len, or less after a failure; len 0 returns 0. ENOTCONN, EPIPE (our direction has
 * ended), ENOMEM, ECONNRESET, ETIMEDOUT. */
ssize_t tcp_cmd_send(int desc, const void *data, size_t len);
/* RECEIVE: sleeps until there is data, and copies at most size bytes. Returns their number, or 0 at
 * the end of file. ENOTCONN, ECONNRESET, ETIMEDOUT. */
ssize_t tcp_cmd_receive(int desc, void *buf, size_t size);
/* Ends our direction: a FIN follows the data in the send buffer; the peer may still send. Returns 0
 * also if it has ended already. ENOTCONN, ECONNRESET, ETIMEDOUT. RFC 9293 3.6 */
int tcp_cmd_half_close(int desc);
/* Ends receiving: tcp_cmd_receive returns 0, the end of file. Received data is acknowledged and
 * discarded. The peer is not told: TCP has no message for it. ENOTCONN, ECONNRESET, ETIMEDOUT. */
int tcp_cmd_end_receive(int desc);
/* CLOSE: a FIN follows the data in the send buffer. Unread or later received data resets the
 * connection. Does not wait for the peer. Wakes sleepers. */
int tcp_cmd_close(int desc);
/* ABORT: resets the connection; sent data may be lost. Wakes sleepers. */
int tcp_cmd_abort(int desc);

/* Copies the counters. */
void tcp_get_stats(struct tcp_stats *stats);

MICROPS_END

#endif
