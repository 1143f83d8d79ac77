#include "tcp_loss.h"

#include <stdint.h>

#include "tcp.h"
#include "util.h"

void tcp_loss_start(struct tcp_loss *loss, uint32_t iss, uint32_t wnd)
{
    *loss = (struct tcp_loss){.recover = iss, .wnd = wnd};
}

/* RFC 5681 2, (a) to (e). And a receiver whose window is zero keeps nothing: its ACK answers a
 * probe, and is no sign that a segment has arrived. */
static int is_duplicate(const struct tcp_loss *loss, const struct tcp_loss_ack *a)
{
    return a->nxt != a->una && a->len == 0 && a->ack == a->una && a->wnd == loss->wnd &&
           a->wnd != 0;
}

static enum tcp_loss_answer take_new(struct tcp_loss *loss, const struct tcp_loss_ack *a)
{
    if (seq_leq(loss->recover, a->ack)) {
        loss->state = TCP_LOSS_OPEN;
    } else if (seq_lt(loss->resend, a->ack)) {
        loss->resend = a->ack;
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
    return duplicate ? TCP_LOSS_DUPLICATE : TCP_LOSS_NOTHING;
}

uint32_t tcp_loss_timeout(struct tcp_loss *loss, uint32_t una, uint32_t nxt)
{
    int again = loss->state == TCP_LOSS_TIMEOUT && loss->expired == una;

    loss->state = TCP_LOSS_TIMEOUT;
    loss->recover = nxt;
    loss->resend = loss->expired = una;
    return again ? 0 : nxt - una;
}

void tcp_loss_confirm(struct tcp_loss *loss, uint32_t nxt)
{
    loss->recover = nxt;
}

void tcp_loss_undo(struct tcp_loss *loss)
{
    loss->state = TCP_LOSS_OPEN;
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
    return nxt - una - unsent_again(loss);
}
