#ifndef TCP_PCB_H
#define TCP_PCB_H

#include <stddef.h>
#include <stdint.h>

#include "heap.h"
#include "ip.h"
#include "platform.h"
#include "ring.h"
#include "tcp.h"
#include "tcp_cc.h"
#include "tcp_loss.h"
#include "tcp_reass.h"
#include "tcp_rtt.h"
#include "util.h"

/*
 * tcp_pcb: the control blocks of TCP, private to it: their table and lock, listeners and their
 * connections, states, endpoints, the ISS, the user's view, and the counters. Nothing here sends a
 * segment: what does, such as ABORT, stands above, in tcp_out.h and tcp_cmd.c.
 *
 * Endpoints and addresses are in network byte order, sequence numbers in host byte order, times in
 * nanoseconds; `now` is clock_now's. The caller of each function must hold tcp_lock, unless stated
 * otherwise.
 */

/* A deadline of a delayed ACK: as soon as all is processed that has arrived with its segment. */
#define TCP_AT_BATCH_END 1

/* The transmission control block, RFC 9293 3.3.1. Times are clock_now's: nanoseconds. */
struct tcp_pcb {
    enum tcp_state state;
    int desc;                  /* number in the table, the user's descriptor */
    int passive;               /* opened in LISTEN; a failed handshake returns there if owned */
    ip_endp_t local;
    ip_endp_t remote;
    struct {                   /* our direction */
        uint32_t iss;
        uint32_t una;
        uint32_t nxt;
        uint32_t wnd;
        uint32_t wl1;
        uint32_t wl2;
        uint32_t wnd_max;      /* MAX.SND.WND, the largest window so far, RFC 5961 5.2 */
        uint16_t mss;          /* send MSS: bytes of data that the peer takes in a segment */
        struct ring buf;       /* the user's bytes from SND.UNA on */
        int fin;               /* our FIN follows them, not yet acknowledged */
    } snd;
    struct {                   /* the peer's direction */
        uint32_t irs;
        uint32_t nxt;
        uint32_t wnd;
        uint32_t acked;        /* Last.ACK.sent: RCV.NXT as last acknowledged */
        uint32_t edge;         /* right edge of the window as last advertised */
        uint32_t full;         /* bytes of the largest segment received */
        struct ring buf;       /* bytes that the user has not read */
        struct tcp_reass reass; /* text and a FIN beyond nxt, at their places behind buf */
        int fin;               /* the peer's FIN was received after them */
        int discard;           /* the user reads no more: received text is discarded */
    } rcv;
    struct tcp_rtt rtt;        /* the round trip, and the timeout that follows from it */
    struct tcp_frto frto;      /* was the last timeout spurious? */
    struct tcp_loss loss;      /* what is lost, */
    struct tcp_cc cc;          /* and how much may be in flight; both from ESTABLISHED on */
    struct {                   /* retransmission, and probes of a zero window */
        uint64_t first;        /* start of R2, which runs as long as timer.retrans is set */
        uint64_t interval;     /* to the next probe, doubled by each; nanoseconds */
        unsigned int num;      /* retransmissions or probes since the start, */
        uint64_t last;         /* and the last of them */
    } retrans;
    struct {                   /* deadlines; 0: off. After a change: tcp_pcb_schedule */
        struct heap_node due;  /* the first of them, among those of all blocks */
        uint64_t retrans;      /* of the next retransmission or probe */
        uint64_t ack;          /* of the delayed ACK; or TCP_AT_BATCH_END */
        uint64_t pace;         /* of the next burst, in recovery or at its end */
        uint64_t expires;      /* of the connection: CLOSE, FIN-WAIT-2, TIME-WAIT */
        uint32_t expires_una;  /* SND.UNA when it was set after CLOSE */
        uint64_t rst_expires;  /* for a RST that answers our challenge ACK to a SYN */
    } timer;
    struct rate challenges[2]; /* limits challenge ACKs; [1]: to probes and to ACKs at the edge */
    struct {                   /* a listener of sockets */
        int backlog;           /* connections that may wait for accept; 0: it is none */
        int syn_received;      /* its connections in SYN-RECEIVED */
        int waiting;           /* its connections that wait for accept */
    } listen;
    struct {                   /* a listener's connection, until accepted */
        struct tcp_pcb *parent; /* the listener; NULL: accepted, or without one */
        uint64_t syn_time;     /* arrival of the SYN */
        int ack_seen;          /* the handshake's ACK came, and was dropped: the backlog was full */
        uint64_t order;        /* position in the accept queue; 0: not established */
    } accept;
    struct {
        int owned;             /* a descriptor refers to the block */
        int closing;           /* a command that ends the block waits for its sleepers to leave */
        int interrupted;       /* a connect was interrupted, and its outcome not yet reported */
        int errnum;            /* errno that ended the connection, or 0 */
        int soft_error;        /* of the last ICMP or ARP error since SND.UNA advanced, or 0 */
        ip_endp_t offered;     /* local endpoint as given by the user */
        ip_endp_t expected;    /* passive: the peer that may connect, zeros for any */
        struct sched_task task; /* threads that sleep until the block changes */
    } user;
};

/* Guards the blocks and their table, and what tcp.c and tcp_out.c keep besides. Order: sock, tcp,
 * ip, arp. */
extern lock_t tcp_lock;
/* The counters of all files of TCP, under the name that `drop` logs. Need no lock. */
extern struct tcp_stats stats;

/*
 * The table
 */

/* Start and stop: between them blocks can be allocated. The first draws the secret of ISS and
 * ports. */
void tcp_pcb_start(void);
void tcp_pcb_stop(void);
/* Returns a new block in CLOSED, owned by a user or not, or NULL (EMFILE, ENOMEM, ENETDOWN). In a
 * full table a block makes room: the lingering one with the nearest deadline, or else the oldest
 * half-open one. */
struct tcp_pcb *tcp_pcb_alloc(int owned);
/* Returns the user's block with this descriptor, or NULL (EBADF, ENETDOWN). */
struct tcp_pcb *tcp_pcb_get(int desc);
/* Walks over all blocks: *place begins at 0. Returns NULL at the end. A block may be released
 * meanwhile. */
struct tcp_pcb *tcp_pcb_next(size_t *place);
/* Returns the connection between local and remote, or NULL. */
struct tcp_pcb *tcp_pcb_find(const ip_endp_t *local, const ip_endp_t *remote);
/* Returns the listener that matches most closely, or NULL. */
struct tcp_pcb *tcp_pcb_find_listener(const ip_endp_t *local, const ip_endp_t *remote);
/* Returns the block for a segment: its connection, or else a listener, or NULL. */
struct tcp_pcb *tcp_pcb_select(const ip_endp_t *local, const ip_endp_t *remote);

/*
 * States. RFC 9293 3.3.2
 */

/* Enters the state, and wakes the block's sleepers. R2 may end at another time then. */
void tcp_pcb_set_state(struct tcp_pcb *pcb, enum tcp_state state);
/* Is it SYN-SENT or SYN-RECEIVED? */
int tcp_in_handshake(const struct tcp_pcb *pcb);
/* Passive, and the handshake's ACK not seen? Then the SYN's source may be forged. */
int tcp_is_half_open(const struct tcp_pcb *pcb);
/* Is the peer's direction open: may it send text? */
int tcp_is_open_to_peer(const struct tcp_pcb *pcb);

/*
 * Deadlines. tcp_pcb_schedule keeps the blocks in their order, and sets the platform's one-shot
 * timer for the first.
 */

/* Registers the handler of the one-shot timer. Returns 0, or -1. Needs no lock. */
int tcp_pcb_register_timer(void (*handler)(void));
/* Returns the end of R2: a time, or 0 while it is not known, or nothing waits for an ACK. With a
 * long timeout it lasts until the last of TCP_R2_NUM retransmissions has had it. Pure. */
uint64_t tcp_pcb_r2_end(const struct tcp_pcb *pcb);
/* Puts the block in its place, after a change of retrans, timer, state or accept.ack_seen. */
void tcp_pcb_schedule(struct tcp_pcb *pcb);
/* Returns the block that is due first, if it is due now, or NULL: then the one-shot timer is set
 * for the next deadline. */
struct tcp_pcb *tcp_pcb_next_due(uint64_t now);

/*
 * The end of a connection. Each stops the retransmission timer, and frees the send buffer and the
 * ranges.
 */

/* Removes the block from the table, lets its sleepers return with EBADF, and frees it. The lock is
 * released meanwhile, but only if there are sleepers. */
void tcp_pcb_release(struct tcp_pcb *pcb);
/* Enters CLOSED, with errnum for the user (0: regular end). Releases a block that no user owns. */
void tcp_pcb_finish(struct tcp_pcb *pcb, int errnum);
/* Ends a failed handshake. A user's passive OPEN returns to LISTEN, for the next peer; any other
 * block finishes. */
void tcp_pcb_fail_handshake(struct tcp_pcb *pcb, int errnum);

/*
 * Listeners of sockets, and their connections until accept
 */

/* Returns a block for a connection of a listener, in LISTEN, or NULL: then the SYN is dropped. RFC
 * 4987 3.4 */
struct tcp_pcb *tcp_pcb_alloc_child(struct tcp_pcb *listener, uint64_t now);
/* A connection is established: takes its place in the order of accept, and wakes one accept.
 * Nothing without a listener. */
void tcp_pcb_await_accept(struct tcp_pcb *pcb);
/* Returns the connection that has waited longest for accept, or NULL. */
struct tcp_pcb *tcp_pcb_next_child(const struct tcp_pcb *listener);
/* Takes the block out of its listener's counts: it is accepted or released. */
void tcp_pcb_leave_listener(struct tcp_pcb *pcb);

/*
 * Endpoints
 */

/* Needs no lock. */
int tcp_endp_is_equal(const ip_endp_t *a, const ip_endp_t *b);
/* Binds the block to local, for connections from expected (zeros: any peer). Returns 0, or -1
 * (EADDRNOTAVAIL, EADDRINUSE). */
int tcp_pcb_offer(struct tcp_pcb *pcb, const ip_endp_t *local, const ip_endp_t *expected);
/* Chooses local->port, the next one from a secret offset that depends on the peer: RFC 6056 3.3.3.
 * No passive OPEN for any peer has it, and no connection between local->addr and remote. Returns 0,
 * or -1 (EADDRNOTAVAIL). */
int tcp_choose_port(ip_endp_t *local, const ip_endp_t *remote);
/* Completes the offered local endpoint for a connection to remote: the route's address, a free
 * port. Sets both endpoints, and returns 0; or changes nothing: -1 (ENETUNREACH, EINVAL: remote is
 * no host or has no port, EADDRNOTAVAIL, EADDRINUSE). */
int tcp_pcb_set_endpoints(struct tcp_pcb *pcb, const ip_endp_t *remote);

/*
 * The initial send sequence number
 */

/* Returns an ISS. It grows with time, so that old segments do not fit a new connection between the
 * same endpoints, and is unpredictable. RFC 9293 3.4.1, RFC 6528 */
uint32_t tcp_choose_iss(const ip_endp_t *local, const ip_endp_t *remote, uint64_t now);
/* Begins a connection at this ISS: nothing is sent yet. */
void tcp_pcb_set_iss(struct tcp_pcb *pcb, uint32_t iss);

#endif
