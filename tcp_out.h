#ifndef TCP_OUT_H
#define TCP_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ip.h"
#include "tcp_hdr.h"
#include "tcp_pcb.h"

/*
 * tcp_out: the one place that decides what goes out, and when: data, ACKs, window updates, probes,
 * challenges, resets and retransmissions, and the deadlines of a connection.
 *
 * The caller of each function must hold tcp_lock, which is kept while IP and the device take the
 * segment: segments leave in order. A segment that IP refuses counts as lost on the wire: no
 * function fails for that. Endpoints are in network byte order, the rest in host byte order. Times
 * are in nanoseconds; `now` is clock_now's, read since the caller has the lock.
 */

/*
 * Segments of a connection
 */

/* Sends the next segment at SND.NXT, with len bytes of data; a bare ACK at most at the right edge
 * of the peer's window. SYN, data and FIN start the retransmission timer unless it runs. */
void tcp_output(struct tcp_pcb *pcb, uint8_t flg, const uint8_t *data, size_t len, uint64_t now);
/* Sends a segment at seq, with the current acknowledgment and window. Starts no timer. */
void tcp_output_at(struct tcp_pcb *pcb, uint32_t seq, uint8_t flg, const uint8_t *data,
                   size_t len);
/* Sends what was lost, then unsent data and FIN, as far as the peer's window and the congestion
 * window allow. Returns whether it sent anything. */
int tcp_output_pending(struct tcp_pcb *pcb, uint64_t now);
/* Acknowledges what has been received, RFC 9293 3.8.6.3: now; or later, so that a reply may carry
 * the acknowledgment: after TCP_ACK_DELAY, or at the end of the batch once two full segments are
 * unacknowledged. Full: the largest so far, since options make segments shorter than the MSS.
 * Returns whether the ACK waits for the end of the batch: MUST-59. */
int tcp_output_ack(struct tcp_pcb *pcb, enum tcp_ack due, uint64_t now);
/* Advances the right edge of the window after a read, but not "in small increments", RFC 9293
 * 3.8.6.2.2. Sends the update, since a peer that has filled the window may wait for it. */
void tcp_open_window(struct tcp_pcb *pcb, uint64_t now);

/*
 * Answers to what may be forged, each with a limit
 */

/* Answers an unacceptable segment with a RST that its sender accepts, and counts it in resets_sent.
 * About TCP_RESET_LIMIT a second. RFC 9293 3.10.7.1 */
void tcp_output_reset(const struct tcp_segment *seg, const ip_endp_t *local,
                      const ip_endp_t *remote, uint64_t now);
/* Returns whether a segment that may be forged is answered. The limit also ends an exchange of ACKs
 * that neither side accepts: RFC 5961 7. Each connection has its own: a common one would show
 * off-path attackers which guesses are answered. exact: the segment has the sequence number of a
 * probe, or is an ACK at the edge. Those are counted apart, so that other guesses cannot use up the
 * answers to the peer. */
int tcp_may_challenge(struct tcp_pcb *pcb, int exact, uint64_t now);
/* Sends a challenge ACK, RFC 5961 3.2, 4.2 and 5.2. A peer that has lost the connection replies
 * with a RST at RCV.NXT. After a SYN, TIME-WAIT accepts this RST for TCP_CHALLENGE_ANSWER. */
void tcp_challenge(struct tcp_pcb *pcb, const struct tcp_segment *seg, int exact, uint64_t now);

/*
 * The send buffer, and the peer's window
 */

/* Appends as many of the user's bytes as fit. Returns their number, or -1 (ENOMEM). Sends nothing
 * yet. */
ssize_t tcp_snd_write(struct tcp_pcb *pcb, const uint8_t *data, size_t len);
/* The connection is established, and the peer's window known: data may go out. RFC 5681 3.1 */
void tcp_snd_start(struct tcp_pcb *pcb);
/* Takes an ACK of new data, and advances SND.UNA: "Any segments on the retransmission queue that
 * are thereby entirely acknowledged are removed", RFC 9293 3.10.7.4; of other segments the
 * acknowledged bytes. Measures the round trip, moves the congestion window, and starts the
 * retransmission timer anew, or stops it: RFC 6298, RFC 5681. A timeout that was spurious is
 * undone: RFC 5682. In recovery an ACK of a part shows the next loss: RFC 6582. */
void tcp_snd_acked(struct tcp_pcb *pcb, const struct tcp_segment *seg, uint64_t now);
/* Takes an ACK of SND.UNA. If it is a duplicate, RFC 5681 2, then something has arrived, but not
 * what is there: a new segment may go out, RFC 3042, or the lost one is sent again, RFC 5681 3.2; a
 * timeout that might have been spurious was not. */
void tcp_snd_repeated(struct tcp_pcb *pcb, const struct tcp_segment *seg, uint64_t now);
/* Is the peer's window zero? During the handshake there is no window yet. */
int tcp_is_window_zero(const struct tcp_pcb *pcb);
/* An ACK with a zero window is an answer: R1 and R2 begin anew, RFC 9293 3.8.6.1, MUST-37. When the
 * window becomes zero, or opens, the retransmission timer does too. was_zero: before the ACK. */
void tcp_extend_probing(struct tcp_pcb *pcb, int was_zero, uint64_t now);

/*
 * Deadlines
 */

/* Sets the deadline of a connection without a user: TCP_FIN_WAIT_2_TIMEOUT in FIN-WAIT-2, else
 * TCP_CLOSE_TIMEOUT. */
void tcp_set_close_timer(struct tcp_pcb *pcb, uint64_t now);
/* Sets it anew after each TCP_CLOSE_PROGRESS acknowledged bytes: data sent before CLOSE still
 * arrives, however slowly the peer reads. RFC 9293 3.10.4 */
void tcp_extend_close_timer(struct tcp_pcb *pcb, uint64_t now);
/* The 2 MSL of TIME-WAIT begin. */
void tcp_set_timewait_timer(struct tcp_pcb *pcb, uint64_t now);
/* Enters TIME-WAIT. */
void tcp_pcb_time_wait(struct tcp_pcb *pcb, uint64_t now);
/* Runs the timers of a block, which may be gone afterwards: ACK, deadline, pace, R2,
 * retransmission. No deadline of it is due then. After R2 without an acknowledgment the connection
 * times out, with the soft error or ETIMEDOUT. RFC 9293 3.8.3, 3.9.2.2 */
void tcp_pcb_timer(struct tcp_pcb *pcb, uint64_t now);
/* Puts off R2, the deadline and the retransmission timer by span nanoseconds, in which the process
 * was stopped. It retransmitted nothing, and R2 measures "the amount of retransmission"; segments
 * from the peer still wait, the ACKs of what is in flight among them. That measures no round trip.
 */
void tcp_pcb_put_off(struct tcp_pcb *pcb, uint64_t span, uint64_t now);
/* Ends a block at its deadline. Resets the connection if our FIN is unacknowledged. */
void tcp_pcb_expire(struct tcp_pcb *pcb);

/* Sends a RST if the peer may have the connection open, and releases the block. */
void tcp_pcb_reset(struct tcp_pcb *pcb);

#endif
