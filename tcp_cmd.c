#include "tcp.h"

#include <assert.h>
#include <errno.h>

#include "ip.h"
#include "platform.h"
#include "ring.h"
#include "tcp_hdr.h"
#include "tcp_out.h"
#include "tcp_pcb.h"
#include "util.h"

/*
 * tcp_cmd: the user commands of RFC 9293 3.9.1 and 3.10.1 to 3.10.6, and their sleeping. tcp.h
 * specifies them. Each takes tcp_lock; the caller of the static functions must hold it. A sleep
 * releases it: afterwards the state must be checked again, and after EBADF the block is gone. The
 * clock is read after the last sleep.
 */

/* Sleeps until the handshake is over. Returns 0, or -1 with errno set: after EBADF the block is
 * gone. */
static int tcp_wait_handshake(struct tcp_pcb *pcb)
{
    while (pcb->state == TCP_STATE_LISTEN || tcp_in_handshake(pcb)) {
        if (sched_task_sleep(&pcb->user.task, &tcp_lock, 0) == -1) {
            return -1;
        }
    }
    if (pcb->state == TCP_STATE_CLOSED) {
        errno = pcb->user.errnum;
        return -1;
    }
    return 0;
}

/* Passive OPEN: binds the block to local and enters LISTEN, for connections from remote (NULL: any
 * peer). Returns 0, or -1 with errno set: EINVAL if local is NULL or has no port, or
 * tcp_pcb_offer's. */
static int tcp_open_passive(struct tcp_pcb *pcb, const ip_endp_t *local, const ip_endp_t *remote)
{
    ip_endp_t anybody = {IP_ADDR_ANY, 0};

    if (!local || local->port == 0) {
        errno = EINVAL;
        return -1;
    }
    if (tcp_pcb_offer(pcb, local, remote ? remote : &anybody) == -1) {
        return -1;
    }
    tcp_pcb_set_state(pcb, TCP_STATE_LISTEN);
    return 0;
}

/* Sends the SYN to remote, from the bound endpoint, if any. What an earlier connection of the block
 * has left goes: its errno, and unread data. Returns 0, or -1 with errno set. */
static int tcp_pcb_connect(struct tcp_pcb *pcb, const ip_endp_t *remote, uint64_t now)
{
    if (tcp_pcb_set_endpoints(pcb, remote) == -1) {
        return -1;
    }
    pcb->passive = 0;
    pcb->user.errnum = pcb->user.soft_error = 0;
    pcb->rcv.wnd = TCP_RCV_BUF_SIZE;
    ring_free(&pcb->rcv.buf); /* unread data of the previous connection */
    if (ring_alloc(&pcb->rcv.buf, TCP_RCV_BUF_SIZE) == -1) {
        return -1;
    }
    pcb->rcv.fin = pcb->rcv.discard = 0;
    tcp_pcb_set_iss(pcb, tcp_choose_iss(&pcb->local, &pcb->remote, now));
    tcp_output(pcb, TCP_FLG_SYN, NULL, 0, now);
    tcp_pcb_set_state(pcb, TCP_STATE_SYN_SENT);
    return 0;
}

static int tcp_open_active(struct tcp_pcb *pcb, const ip_endp_t *local, const ip_endp_t *remote,
                           uint64_t now)
{
    if (!remote) {
        errno = EINVAL;
        return -1;
    }
    if (local && local->addr != IP_ADDR_ANY && !ip_iface_select(local->addr)) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    if (local) {
        pcb->user.offered = *local;
    }
    return tcp_pcb_connect(pcb, remote, now);
}

/* Aborts: the thread is cancelled in tcp_cmd_open, so the user never gets the descriptor. */
static void tcp_open_cancelled(void *desc)
{
    tcp_cmd_abort(*(int *)desc);
}

/* Opens the block and sleeps until it is connected. Returns its descriptor; or -1 with errno set:
 * the block is gone. */
static int tcp_pcb_open(struct tcp_pcb *pcb, const ip_endp_t *local, const ip_endp_t *remote,
                        int active, uint64_t now)
{
    int ret, errnum, desc = pcb->desc;

    sched_undo_begin(tcp_open_cancelled, &desc);
    ret = active ? tcp_open_active(pcb, local, remote, now) : tcp_open_passive(pcb, local, remote);
    if (ret == 0) {
        ret = tcp_wait_handshake(pcb);
    }
    sched_undo_end();
    if (ret == 0) {
        return desc;
    }
    errnum = errno;
    if (errnum != EBADF) { /* else it is gone already */
        tcp_pcb_reset(pcb);
    }
    errno = errnum;
    return -1;
}

int tcp_cmd_open(const ip_endp_t *local, const ip_endp_t *remote, int active)
{
    struct tcp_pcb *pcb;
    int desc = -1;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_alloc(1);
    if (pcb) {
        desc = tcp_pcb_open(pcb, local, remote, active, clock_now());
    }
    lock_release(&tcp_lock);
    return desc;
}

int tcp_cmd_socket(void)
{
    struct tcp_pcb *pcb;
    int desc;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_alloc(1);
    desc = pcb ? pcb->desc : -1;
    lock_release(&tcp_lock);
    return desc;
}

/* Binds the block; port 0: one is chosen. Returns 0, or -1 with errno set. Caller must hold the
 * lock. */
static int tcp_pcb_bind(struct tcp_pcb *pcb, ip_endp_t local)
{
    ip_endp_t anybody = {IP_ADDR_ANY, 0};

    assert(lock_held(&tcp_lock));
    if (pcb->state != TCP_STATE_CLOSED || pcb->user.offered.port != 0) {
        errno = EINVAL;
        return -1;
    }
    if (local.port == 0 && tcp_choose_port(&local, &anybody) == -1) {
        return -1;
    }
    return tcp_pcb_offer(pcb, &local, &anybody);
}

int tcp_cmd_bind(int desc, const ip_endp_t *local)
{
    struct tcp_pcb *pcb;
    int ret;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    ret = pcb ? tcp_pcb_bind(pcb, *local) : -1;
    lock_release(&tcp_lock);
    return ret;
}

/* Enters LISTEN, or changes the backlog. Returns 0, or -1 (EDESTADDRREQ, EINVAL). Caller must hold
 * the lock. */
static int tcp_pcb_listen(struct tcp_pcb *pcb, int backlog)
{
    assert(lock_held(&tcp_lock));
    if (pcb->state == TCP_STATE_CLOSED && pcb->user.offered.port == 0) {
        errno = EDESTADDRREQ;
        return -1;
    }
    if (pcb->state != TCP_STATE_CLOSED &&
        (pcb->state != TCP_STATE_LISTEN || pcb->listen.backlog == 0)) {
        errno = EINVAL;
        return -1;
    }
    pcb->listen.backlog = backlog < 1 ? 1 : backlog > TCP_BACKLOG_MAX ? TCP_BACKLOG_MAX : backlog;
    if (pcb->state == TCP_STATE_CLOSED) {
        pcb->local = pcb->user.offered;
        pcb->remote = pcb->user.expected;
        tcp_pcb_set_state(pcb, TCP_STATE_LISTEN);
    }
    return 0;
}

int tcp_cmd_listen(int desc, int backlog)
{
    struct tcp_pcb *pcb;
    int ret;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    ret = pcb ? tcp_pcb_listen(pcb, backlog) : -1;
    lock_release(&tcp_lock);
    return ret;
}

/* Sleeps until a connection waits for accept. Returns it, or NULL with errno set: after EBADF the
 * listener is gone. Caller must hold the lock. */
static struct tcp_pcb *tcp_wait_child(struct tcp_pcb *listener)
{
    struct tcp_pcb *child;

    assert(lock_held(&tcp_lock));
    if (listener->listen.backlog == 0) {
        errno = EINVAL;
        return NULL;
    }
    while (!(child = tcp_pcb_next_child(listener))) {
        if (sched_task_sleep(&listener->user.task, &tcp_lock, 0) == -1) {
            return NULL;
        }
    }
    return child;
}

int tcp_cmd_accept(int desc, ip_endp_t *remote)
{
    struct tcp_pcb *pcb, *child;
    int new_desc = -1;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    child = pcb ? tcp_wait_child(pcb) : NULL;
    if (child) {
        tcp_pcb_leave_listener(child);
        child->user.owned = 1;
        new_desc = child->desc;
        if (remote) {
            *remote = child->remote;
        }
    }
    lock_release(&tcp_lock);
    return new_desc;
}

/* Checks whether the block can connect. Returns 0, or -1 (EOPNOTSUPP, EALREADY, EISCONN). Caller
 * must hold the lock. */
static int tcp_check_connect(const struct tcp_pcb *pcb)
{
    assert(lock_held(&tcp_lock));
    switch (pcb->state) {
    case TCP_STATE_CLOSED:
        return 0;
    case TCP_STATE_LISTEN:
        errno = EOPNOTSUPP;
        return -1;
    case TCP_STATE_SYN_SENT:
    case TCP_STATE_SYN_RECEIVED:
        errno = EALREADY;
        return -1;
    default:
        errno = EISCONN;
        return -1;
    }
}

/* Is the result of an interrupted connect to remote still to be reported? Caller must hold the
 * lock. */
static int tcp_is_interrupted(const struct tcp_pcb *pcb, const ip_endp_t *remote)
{
    assert(lock_held(&tcp_lock));
    return pcb->user.interrupted && tcp_endp_is_equal(&pcb->remote, remote) &&
           (pcb->state != TCP_STATE_CLOSED || pcb->user.errnum != 0);
}

int tcp_cmd_connect(int desc, const ip_endp_t *remote)
{
    struct tcp_pcb *pcb;
    int ret = -1;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    if (pcb && (tcp_is_interrupted(pcb, remote) ||
                (tcp_check_connect(pcb) == 0 && tcp_pcb_connect(pcb, remote, clock_now()) == 0))) {
        pcb->user.interrupted = 0;
        ret = tcp_wait_handshake(pcb);
        if (ret == -1 && errno == EINTR) {
            pcb->user.interrupted = 1;
        }
    }
    lock_release(&tcp_lock);
    return ret;
}

int tcp_cmd_getsockname(int desc, ip_endp_t *local)
{
    const struct tcp_pcb *pcb;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    if (pcb) {
        *local = pcb->local;
    }
    lock_release(&tcp_lock);
    return pcb ? 0 : -1;
}

/* Returns 0, or -1 (ENOTCONN). Caller must hold the lock. */
static int tcp_pcb_get_remote(const struct tcp_pcb *pcb, ip_endp_t *remote)
{
    assert(lock_held(&tcp_lock));
    if (pcb->state < TCP_STATE_ESTABLISHED) { /* not connected yet, or no longer */
        errno = ENOTCONN;
        return -1;
    }
    *remote = pcb->remote;
    return 0;
}

int tcp_cmd_getpeername(int desc, ip_endp_t *remote)
{
    const struct tcp_pcb *pcb;
    int ret;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    ret = pcb ? tcp_pcb_get_remote(pcb, remote) : -1;
    lock_release(&tcp_lock);
    return ret;
}

/* Checks whether the user can send. Returns 0, or -1 with errno set. */
static int tcp_check_send(const struct tcp_pcb *pcb)
{
    switch (pcb->state) {
    case TCP_STATE_ESTABLISHED:
    case TCP_STATE_CLOSE_WAIT:
        return 0;
    case TCP_STATE_CLOSED: /* after both FINs: EPIPE */
        errno = pcb->user.errnum ? pcb->user.errnum : pcb->rcv.fin ? EPIPE : ENOTCONN;
        return -1;
    case TCP_STATE_LISTEN:
    case TCP_STATE_SYN_SENT:
    case TCP_STATE_SYN_RECEIVED:
        errno = ENOTCONN;
        return -1;
    default:
        errno = EPIPE; /* after our FIN */
        return -1;
    }
}

/* Sleeps until the send buffer has room, fills it, and sends. Returns the bytes taken, or -1 with
 * errno set: after EBADF the block is gone. Caller must hold the lock. */
static ssize_t tcp_send_some(struct tcp_pcb *pcb, const uint8_t *data, size_t len)
{
    ssize_t n;

    assert(lock_held(&tcp_lock));
    while ((n = tcp_snd_write(pcb, data, len)) == 0) {
        if (sched_task_sleep(&pcb->user.task, &tcp_lock, 0) == -1 || tcp_check_send(pcb) == -1) {
            return -1;
        }
    }
    if (n > 0) {
        tcp_output_pending(pcb, clock_now());
    }
    return n;
}

ssize_t tcp_cmd_send(int desc, const void *data, size_t len)
{
    struct tcp_pcb *pcb;
    size_t sent = 0;
    ssize_t n = 0;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    if (!pcb || tcp_check_send(pcb) == -1) {
        n = -1;
    }
    while (n != -1 && sent < len) {
        n = tcp_send_some(pcb, (const uint8_t *)data + sent, len - sent);
        sent += n > 0 ? (size_t)n : 0;
    }
    lock_release(&tcp_lock);
    return n == -1 && sent == 0 ? -1 : (ssize_t)sent;
}

/* The receive buffer is empty. Returns 1 if data may still arrive, 0 at the end of file, or -1 with
 * errno set. */
static int tcp_check_receive(const struct tcp_pcb *pcb)
{
    if (pcb->rcv.discard) {
        return 0;
    }
    if (tcp_is_open_to_peer(pcb)) {
        return 1;
    }
    if (pcb->rcv.fin && pcb->user.errnum == 0) {
        return 0;
    }
    errno = pcb->user.errnum ? pcb->user.errnum : ENOTCONN;
    return -1;
}

/* Sleeps until there is data to read. Returns 1, 0 at the end of file, or -1 with errno set: after
 * EBADF the block is gone. Caller must hold the lock. */
static int tcp_wait_text(struct tcp_pcb *pcb)
{
    int more;

    assert(lock_held(&tcp_lock));
    while (pcb->rcv.buf.len == 0) {
        more = tcp_check_receive(pcb);
        if (more != 1) {
            return more;
        }
        if (sched_task_sleep(&pcb->user.task, &tcp_lock, 0) == -1) {
            return -1;
        }
    }
    return 1;
}

ssize_t tcp_cmd_receive(int desc, void *buf, size_t size)
{
    struct tcp_pcb *pcb;
    ssize_t ret;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    ret = pcb ? tcp_wait_text(pcb) : -1;
    if (ret == 1 && size > 0) {
        ret = (ssize_t)ring_read(&pcb->rcv.buf, buf, size);
        tcp_open_window(pcb, clock_now());
    } else if (ret == 1) {
        ret = 0;
    }
    lock_release(&tcp_lock);
    return ret;
}

/* Sends our FIN behind the user's data. RFC 9293 3.10.4 */
static void tcp_pcb_send_fin(struct tcp_pcb *pcb, uint64_t now)
{
    pcb->snd.fin = 1;
    tcp_pcb_set_state(pcb, pcb->state == TCP_STATE_ESTABLISHED ? TCP_STATE_FIN_WAIT1
                                                               : TCP_STATE_LAST_ACK);
    tcp_output_pending(pcb, now);
}

/* Gives up the descriptor: the protocol finishes alone, and unread data is freed. */
static void tcp_pcb_leave(struct tcp_pcb *pcb, uint64_t now)
{
    pcb->user.owned = 0;
    ring_free(&pcb->rcv.buf);
    if (pcb->state != TCP_STATE_TIME_WAIT) {
        tcp_set_close_timer(pcb, now);
    }
}

/* Resets the connections of a listener that were not accepted. */
static void tcp_pcb_reset_children(struct tcp_pcb *listener)
{
    struct tcp_pcb *pcb;
    size_t i = 0;

    while ((pcb = tcp_pcb_next(&i)) != NULL) {
        if (pcb->accept.parent == listener) {
            tcp_pcb_reset(pcb);
        }
    }
}

/* CLOSE, RFC 9293 3.10.4. Caller must hold the lock. */
static void tcp_pcb_close(struct tcp_pcb *pcb)
{
    uint64_t now = clock_now();

    assert(lock_held(&tcp_lock));
    switch (pcb->state) {
    case TCP_STATE_CLOSED:
    case TCP_STATE_SYN_SENT:
    case TCP_STATE_SYN_RECEIVED:
        tcp_pcb_reset(pcb);
        return;
    case TCP_STATE_LISTEN:
        tcp_pcb_reset_children(pcb);
        tcp_pcb_release(pcb);
        return;
    case TCP_STATE_TIME_WAIT:
        tcp_pcb_leave(pcb, now);
        return;
    default:
        break;
    }
    /* 3.6.1 "while received data is still pending": unread, or out of order */
    if (pcb->rcv.buf.len > 0 || !tcp_reass_is_empty(&pcb->rcv.reass)) {
        tcp_pcb_reset(pcb);
        return;
    }
    if (pcb->state == TCP_STATE_ESTABLISHED || pcb->state == TCP_STATE_CLOSE_WAIT) {
        tcp_pcb_send_fin(pcb, now);
    }
    tcp_pcb_leave(pcb, now);
}

/* ABORT, RFC 9293 3.10.5. Caller must hold the lock. */
static void tcp_pcb_abort(struct tcp_pcb *pcb)
{
    assert(lock_held(&tcp_lock));
    if (pcb->state == TCP_STATE_LISTEN) {
        tcp_pcb_reset_children(pcb);
    }
    tcp_pcb_reset(pcb);
}

/* Wakes the sleepers, whose calls fail with EBADF. Then calls end: the user loses the block. */
static void tcp_pcb_end(struct tcp_pcb *pcb, void (*end)(struct tcp_pcb *pcb))
{
    pcb->user.closing = 1; /* tcp_pcb_get refuses it now */
    sched_task_destroy(&pcb->user.task, &tcp_lock);
    sched_task_init(&pcb->user.task);
    pcb->user.closing = 0;
    end(pcb);
}

static int tcp_cmd_end(int desc, void (*end)(struct tcp_pcb *pcb))
{
    struct tcp_pcb *pcb;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    if (pcb) {
        tcp_pcb_end(pcb, end);
    }
    lock_release(&tcp_lock);
    return pcb ? 0 : -1;
}

int tcp_cmd_close(int desc)
{
    return tcp_cmd_end(desc, tcp_pcb_close);
}

int tcp_cmd_abort(int desc)
{
    return tcp_cmd_end(desc, tcp_pcb_abort);
}

/* Returns 1 if our direction is open, 0 if it has ended, or -1 with errno set if there was no
 * connection, or it failed. Caller must hold the lock. */
static int tcp_check_direction(const struct tcp_pcb *pcb)
{
    assert(lock_held(&tcp_lock));
    if (tcp_check_send(pcb) == 0) {
        return 1;
    }
    return errno == EPIPE ? 0 : -1;
}

int tcp_cmd_half_close(int desc)
{
    struct tcp_pcb *pcb;
    int open = -1;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    if (pcb) {
        open = tcp_check_direction(pcb);
    }
    if (open == 1) {
        tcp_pcb_send_fin(pcb, clock_now());
    }
    lock_release(&tcp_lock);
    return open == -1 ? -1 : 0;
}

int tcp_cmd_end_receive(int desc)
{
    struct tcp_pcb *pcb;
    int open = -1;

    lock_acquire(&tcp_lock);
    pcb = tcp_pcb_get(desc);
    if (pcb) {
        open = tcp_check_direction(pcb);
    }
    if (open != -1) {
        pcb->rcv.discard = 1;
        pcb->rcv.buf.len = 0;
        tcp_open_window(pcb, clock_now());
        sched_task_wakeup(&pcb->user.task);
    }
    lock_release(&tcp_lock);
    return open == -1 ? -1 : 0;
}

/*
 * The end of all connections
 */

/* Closes every descriptor, as by CLOSE. */
static void tcp_close_all(void)
{
    struct tcp_pcb *pcb;
    size_t i = 0;

    while ((pcb = tcp_pcb_next(&i)) != NULL) {
        if (pcb->user.owned && !pcb->user.closing) {
            tcp_pcb_end(pcb, tcp_pcb_close);
        }
    }
}

/* Sleeps until the peer has acknowledged our FIN, or the block is gone. Returns 0, or -1 at the
 * deadline or an interruption. */
static int tcp_wait_until_taken(struct tcp_pcb *pcb, uint64_t deadline)
{
    while (pcb->snd.fin && !pcb->user.closing) {
        if (sched_task_sleep(&pcb->user.task, &tcp_lock, deadline) == -1) {
            return errno == EBADF ? 0 : -1;
        }
    }
    return 0;
}

/* Waits for the peers' acknowledgments, at most TCP_SHUTDOWN_TIMEOUT for all together. */
static void tcp_wait_for_peers(void)
{
    uint64_t deadline = clock_now() + MILLISECONDS(TCP_SHUTDOWN_TIMEOUT);
    struct tcp_pcb *pcb;
    size_t i = 0;

    while ((pcb = tcp_pcb_next(&i)) != NULL) {
        if (tcp_wait_until_taken(pcb, deadline) == -1) {
            return;
        }
    }
}

/* Ends all blocks. A peer that lacks data or our FIN gets a RST. One that has both, our state being
 * FIN-WAIT-2 or TIME-WAIT, does not: a RST might discard data that its user has not read yet. */
static void tcp_end_all(void)
{
    struct tcp_pcb *pcb;
    size_t i = 0;

    while ((pcb = tcp_pcb_next(&i)) != NULL) {
        if (pcb->user.closing) {
            tcp_pcb_finish(pcb, 0); /* tcp_pcb_end will release it */
        } else {
            tcp_pcb_expire(pcb);
        }
    }
}

void tcp_shutdown(void)
{
    lock_acquire(&tcp_lock);
    tcp_pcb_stop();
    tcp_close_all();
    tcp_wait_for_peers();
    tcp_end_all();
    lock_release(&tcp_lock);
}
