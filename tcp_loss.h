#ifndef TCP_LOSS_H
#define TCP_LOSS_H

#include <stdint.h>

/*
 * tcp_loss: decides that something is lost: by duplicate ACKs, with limited transmit (RFC 3042),
 * fast retransmit (RFC 5681 3.2) and NewReno (RFC 6582), or by the retransmission timer. How much
 * may be in flight is tcp_cc's part; how much is, is said here.
 *
 * Pure: no lock, no clock, no control block. Bytes of data, sequence numbers in host byte order.
 *
 * RFC 5681 and 6582 let cwnd swell by a segment for each duplicate ACK, and shrink again. Here cwnd
 * stands still, and the flight shrinks instead: tcp_loss_flight, by `left`. cwnd less the flight is
 * the same in both.
 */

#define TCP_DUP_THRESH 3 /* duplicate ACKs that mean a loss, RFC 5681 3.2 */

enum tcp_loss_state {
    TCP_LOSS_OPEN,     /* nothing is known to be lost */
    TCP_LOSS_RECOVERY, /* fast recovery, until `recover` is acknowledged */
    TCP_LOSS_TIMEOUT,  /* all that was in flight is sent again, until `recover` is acknowledged */
};

struct tcp_loss {
    enum tcp_loss_state state;
    uint32_t recover;      /* SND.NXT at the last loss, or when F-RTO confirmed it: the RFC's
                            * `recover` is the byte before it */
    uint32_t flight;       /* in flight at the last loss, without limited transmit; for ssthresh */
    uint32_t wnd;          /* SEG.WND of the last ACK */
    unsigned int dups;     /* duplicate ACKs since SND.UNA last moved */
    unsigned int partials; /* recovery: partial ACKs */
    int32_t left;          /* recovery: bytes that have left the network, by the number of ACKs;
                            * below 0 if ACKs were lost: a partial one counts as one segment */
    uint32_t resend;       /* timeout: the next byte to send again; `recover`: none */
    uint32_t expired;      /* timeout: SND.UNA when the timer expired */
};

/* An ACK that RFC 9293 3.10.7.4 accepts, and SND as it was before. */
struct tcp_loss_ack {
    uint32_t una;
    uint32_t nxt;
    uint32_t ack; /* SEG.ACK, */
    uint32_t wnd; /* SEG.WND as it stands in the segment, */
    uint32_t len; /* and SEG.LEN: text, SYN and FIN */
    uint32_t mss; /* bytes of data in a full segment */
};

/* What an ACK means, and what the caller does. The peer's window limits all that is sent. */
enum tcp_loss_answer {
    TCP_LOSS_NOTHING,   /* neither new data nor a duplicate, RFC 5681 2 */
    TCP_LOSS_NEW,       /* new data is acknowledged: cwnd may grow */
    TCP_LOSS_DUPLICATE, /* a duplicate that says nothing here: F-RTO asks for it, RFC 5682 2.1 */
    TCP_LOSS_MAY_SEND,  /* limited transmit: send one new segment if there is one */
    TCP_LOSS_FOUND,     /* reduce cwnd by `flight`, send the segment at SND.UNA again, and give it a
                         * whole RTO */
    TCP_LOSS_LEFT,      /* another segment has left the network: send new data if there is room */
    TCP_LOSS_PARTIAL,   /* send the segment at the new SND.UNA again, then new data if there is
                         * room; restart the retransmission timer only if `partials` is 1 */
    TCP_LOSS_OVER,      /* recovery is over: send new data if there is room */
};

/* Begins with nothing sent but a SYN at iss, and a window of wnd from the peer. */
void tcp_loss_start(struct tcp_loss *loss, uint32_t iss, uint32_t wnd);
/* Takes each acceptable ACK, before SND changes, and says what it means. */
enum tcp_loss_answer tcp_loss_take(struct tcp_loss *loss, const struct tcp_loss_ack *ack);
/* The retransmission timer has expired, for data (not SYN, nor a probe of a zero window): all in
 * flight counts as lost. Returns the flight for ssthresh, or 0 if the timer has expired before with
 * this SND.UNA: ssthresh is held, RFC 5681 3.1. In recovery it is at most that of its beginning:
 * for one loss, ssthresh does not rise. */
uint32_t tcp_loss_timeout(struct tcp_loss *loss, uint32_t una, uint32_t nxt);
/* The last timeout was right. What was sent since, up to nxt, is sent again, too: a peer that keeps
 * nothing out of order has dropped it. RFC 5682 2.1 step 3a: cwnd, which is two segments, and the
 * one that may be in flight make the three that it permits. */
void tcp_loss_confirm(struct tcp_loss *loss, uint32_t nxt);
/* The last timeout was spurious: nothing more is sent again, and duplicate ACKs count at once. RFC
 * 4015 4 */
void tcp_loss_undo(struct tcp_loss *loss);

/* Returns the sequence number to send next: after a timeout of what is sent again, or else SND.NXT,
 * of new data. */
uint32_t tcp_loss_next(const struct tcp_loss *loss, uint32_t nxt);
/* After a timeout, what lies before end was sent again. */
void tcp_loss_resent(struct tcp_loss *loss, uint32_t end);
/* Returns the bytes in flight: FlightSize, less what has left the network in recovery, or what
 * after a timeout was not sent again yet. */
uint32_t tcp_loss_flight(const struct tcp_loss *loss, uint32_t una, uint32_t nxt);

#endif
