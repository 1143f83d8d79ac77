#ifndef TCP_LOSS_H
#define TCP_LOSS_H

#include <stdint.h>

/*
 * tcp_loss: decides that something is lost: by the retransmission timer, after which all that was
 * in flight is sent again. How much may be in flight is tcp_cc's part; how much is, is said here.
 * Left out: duplicate ACKs, which tell more, and earlier (step 51).
 *
 * Pure: no lock, no clock, no control block. Bytes of data, sequence numbers in host byte order.
 */

enum tcp_loss_state {
    TCP_LOSS_OPEN,    /* nothing is known to be lost */
    TCP_LOSS_TIMEOUT, /* all that was in flight is sent again, until `recover` is acknowledged */
};

struct tcp_loss {
    enum tcp_loss_state state;
    uint32_t recover; /* SND.NXT when the timer expired, or F-RTO confirmed it */
    uint32_t wnd;     /* SEG.WND of the last ACK */
    uint32_t resend;  /* timeout: the next byte to send again; `recover`: none */
    uint32_t expired; /* timeout: SND.UNA when the timer expired */
};

/* An ACK that RFC 9293 3.10.7.4 accepts, and SND as it was before. */
struct tcp_loss_ack {
    uint32_t una;
    uint32_t nxt;
    uint32_t ack; /* SEG.ACK, */
    uint32_t wnd; /* SEG.WND as it stands in the segment, */
    uint32_t len; /* and SEG.LEN: text, SYN and FIN */
};

enum tcp_loss_answer {
    TCP_LOSS_NOTHING,   /* neither new data nor a duplicate, RFC 5681 2 */
    TCP_LOSS_NEW,       /* new data is acknowledged: cwnd may grow */
    TCP_LOSS_DUPLICATE, /* a duplicate that says nothing here: F-RTO asks for it, RFC 5682 2.1 */
};

/* Begins with nothing sent but a SYN at iss, and a window of wnd from the peer. */
void tcp_loss_start(struct tcp_loss *loss, uint32_t iss, uint32_t wnd);
/* Takes each acceptable ACK, before SND changes, and says what it means. */
enum tcp_loss_answer tcp_loss_take(struct tcp_loss *loss, const struct tcp_loss_ack *ack);
/* The retransmission timer has expired, for data (not SYN, nor a probe of a zero window): all in
 * flight counts as lost. Returns the flight for ssthresh, or 0 if the timer has expired before with
 * this SND.UNA: ssthresh is held, RFC 5681 3.1. */
uint32_t tcp_loss_timeout(struct tcp_loss *loss, uint32_t una, uint32_t nxt);
/* The last timeout was right. What was sent since, up to nxt, is sent again, too: a peer that keeps
 * nothing out of order has dropped it. RFC 5682 2.1 step 3a: cwnd, which is two segments, and the
 * one that may be in flight make the three that it permits. */
void tcp_loss_confirm(struct tcp_loss *loss, uint32_t nxt);
/* The last timeout was spurious: nothing more is sent again. RFC 4015 4 */
void tcp_loss_undo(struct tcp_loss *loss);

/* Returns the sequence number to send next: after a timeout of what is sent again, or else SND.NXT,
 * of new data. */
uint32_t tcp_loss_next(const struct tcp_loss *loss, uint32_t nxt);
/* After a timeout, what lies before end was sent again. */
void tcp_loss_resent(struct tcp_loss *loss, uint32_t end);
/* Returns the bytes in flight: FlightSize, less what after a timeout was not sent again yet. */
uint32_t tcp_loss_flight(const struct tcp_loss *loss, uint32_t una, uint32_t nxt);

#endif
