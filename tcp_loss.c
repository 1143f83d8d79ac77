#include "tcp_loss.h"

#include <stdint.h>

#include "tcp.h"
#include "util.h"

void tcp_loss_start(struct tcp_loss *loss, uint32_t iss, uint32_t wnd)
{
    /* RFC 6582 3.2 step 1 begins with ISS as the byte, and so refuses a fast retransmit of the
     * first data: there ACK - 1 is ISS. Hence the byte before. */
    *loss = (struct tcp_loss){.recover = iss, .wnd = wnd};
}

/* RFC 5681 2, (a) to (e). And a receiver whose window is zero keeps nothing: its ACK answers a
 * probe, and is no sign that a segment has arrived. */
static int is_duplicate(const struct tcp_loss *loss, const struct tcp_loss_ack *a)
{
    return a->nxt != a->una && a->len == 0 && a->ack == a->una && a->wnd == loss->wnd &&
           a->wnd != 0;
}

/* Adds to what has left the network, but no more than is in flight: RFC 5681 3.2 step 4. */
static void add_left(struct tcp_loss *loss, int32_t bytes, uint32_t outstanding)
{
    loss->left += bytes;
    if (loss->left > (int32_t)outstanding) {
        loss->left = (int32_t)outstanding;
    }
}

/* RFC 5681 3.2 steps 1 to 4, RFC 6582 3.2 step 2 */
static enum tcp_loss_answer take_duplicate(struct tcp_loss *loss, const struct tcp_loss_ack *a)
{
    uint32_t outstanding = a->nxt - a->una;

    if (loss->state == TCP_LOSS_TIMEOUT) {
        return TCP_LOSS_DUPLICATE; /* it answers a copy that was needless: RFC 6582 4 */
    }
    if (loss->state == TCP_LOSS_RECOVERY) {
        add_left(loss, (int32_t)a->mss, outstanding);
        return TCP_LOSS_LEFT;
    }
    if (loss->dups == 0) {
        loss->flight = outstanding; /* limited transmit follows, and MUST NOT be counted */
    }
    if (++loss->dups < TCP_DUP_THRESH) {
        return TCP_LOSS_MAY_SEND;
    }
    if (loss->dups > TCP_DUP_THRESH || !seq_lt(loss->recover, a->ack)) {
        return TCP_LOSS_DUPLICATE;
    }
    loss->state = TCP_LOSS_RECOVERY;
    loss->recover = a->nxt;
    loss->partials = 0;
    loss->left = 0;
    add_left(loss, TCP_DUP_THRESH * (int32_t)a->mss, outstanding);
    return TCP_LOSS_FOUND;
}

/* RFC 6582 3.2 step 3. A partial ACK takes what it acknowledges from the flight, and adds a segment
 * to the room: the one that filled the hole. */
static enum tcp_loss_answer take_in_recovery(struct tcp_loss *loss, const struct tcp_loss_ack *a)
{
    uint32_t acked = a->ack - a->una;

    if (seq_leq(loss->recover, a->ack)) {
        loss->state = TCP_LOSS_OPEN;
        return TCP_LOSS_OVER;
    }
    loss->partials++;
    add_left(loss, (int32_t)((acked >= a->mss ? a->mss : 0) - acked), a->nxt - a->ack);
    return TCP_LOSS_PARTIAL;
}

static enum tcp_loss_answer take_new(struct tcp_loss *loss, const struct tcp_loss_ack *a)
{
    loss->dups = 0;
    if (loss->state == TCP_LOSS_RECOVERY) {
        return take_in_recovery(loss, a);
    }
    if (seq_leq(loss->recover, a->ack)) {
        loss->state = TCP_LOSS_OPEN;
    } else if (loss->state == TCP_LOSS_TIMEOUT && seq_lt(loss->resend, a->ack)) {
        loss->resend = a->ack;
    }
    if (seq_lt(loss->recover, a->ack)) {
        loss->recover = a->ack - 1; /* follows, so that 2^31 bytes later it is not ahead: 6582 6 */
    }
    return TCP_LOSS_NEW;
}

enum tcp_loss_answer tcp_loss_take(struct tcp_loss *loss, const struct tcp_loss_ack *ack)
{
    int duplicate = is_duplicate(loss, ack);

    if (seq_lt(ack->ack, ack->una)) {
        return TCP_LOSS_NOTHING; /* an old one, overtaken: nor is it the last one for (e) */
    }
    loss->wnd = ack->wnd;
    if (ack->ack != ack->una) {
        return take_new(loss, ack);
    }
    return duplicate ? take_duplicate(loss, ack) : TCP_LOSS_NOTHING;
}

uint32_t tcp_loss_timeout(struct tcp_loss *loss, uint32_t una, uint32_t nxt)
{
    int again = loss->state == TCP_LOSS_TIMEOUT && loss->expired == una;
    uint32_t flight = nxt - una;

    if (loss->state != TCP_LOSS_OPEN && loss->flight < flight) {
        flight = loss->flight;
    }
    loss->state = TCP_LOSS_TIMEOUT;
    loss->recover = nxt;
    loss->flight = flight;
    loss->resend = loss->expired = una;
    return again ? 0 : flight;
}

void tcp_loss_confirm(struct tcp_loss *loss, uint32_t nxt)
{
    loss->recover = nxt;
}

void tcp_loss_undo(struct tcp_loss *loss)
{
    loss->state = TCP_LOSS_OPEN;
    loss->recover = loss->expired;
    loss->dups = 0;
}

/* Returns the bytes that are lost and not sent again yet. */
static uint32_t unsent_again(const struct tcp_loss *loss)
{
    return loss->state == TCP_LOSS_TIMEOUT ? loss->recover - loss->resend : 0;
}

uint32_t tcp_loss_next(const struct tcp_loss *loss, uint32_t nxt)
{
    return unsent_again(loss) > 0 ? loss->resend : nxt;
}

void tcp_loss_resent(struct tcp_loss *loss, uint32_t end)
{
    if (loss->state == TCP_LOSS_TIMEOUT && seq_lt(loss->resend, end)) {
        loss->resend = seq_lt(end, loss->recover) ? end : loss->recover;
    }
}

uint32_t tcp_loss_flight(const struct tcp_loss *loss, uint32_t una, uint32_t nxt)
{
    uint32_t left = loss->state == TCP_LOSS_RECOVERY ? (uint32_t)loss->left : unsent_again(loss);

    return nxt - una - left;
}
