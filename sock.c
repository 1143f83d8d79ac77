#include "sock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ip.h"
#include "platform.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

/*
 * sock: sockets, which give TCP's and UDP's user commands one form.
 *
 *     id = sock_open(PF_INET, SOCK_STREAM, 0);
 *     sock_bind(id, (struct sockaddr *)&local, sizeof(local));
 *     sock_listen(id, 10);
 *     peer = sock_accept(id, NULL, NULL);
 *     n = sock_recv(peer, buf, sizeof(buf));
 *     sock_send(peer, buf, n);
 *     sock_close(peer);
 */

struct sock {
    int id;
    int type; /* SOCK_ */
    int desc; /* of udp_cmd_ or tcp_cmd_, by type; -1 while accept waits for it */
};

static lock_t lock = LOCK_INITIALIZER; /* guards socks; the first of all, not held in a command */
static struct table socks = {.limit = SOCK_TABLE_SIZE}; /* of struct sock */

/*
 * Table
 */

/* Takes a number. Returns it, or -1 (EMFILE, ENOMEM). */
static int sock_alloc(int type)
{
    struct sock *s;
    int id;

    if (platform_is_child()) {
        errno = ENETDOWN;
        return -1;
    }
    s = memory_alloc(sizeof(*s));
    if (!s) {
        errno = ENOMEM;
        return -1;
    }
    s->type = type;
    s->desc = -1;
    lock_acquire(&lock);
    id = s->id = table_add(&socks, s);
    lock_release(&lock);
    if (id == -1) {
        memory_free(s);
    }
    return id;
}

/* Caller must hold the lock. */
static void sock_free(int id)
{
    struct sock *s = table_get(&socks, id);

    assert(lock_held(&lock));
    table_remove(&socks, id);
    memory_free(s);
}

/* Gives a socket its descriptor. Returns id; or frees the socket and returns -1 if desc is -1, or
 * if it was shut down meanwhile (EBADF). */
static int sock_set_desc(int id, int desc)
{
    int errnum = errno;
    struct sock *s;

    lock_acquire(&lock);
    s = table_get(&socks, id);
    if (s && desc != -1) {
        s->desc = desc;
    } else {
        sock_free(id);
        id = -1;
        errno = desc == -1 ? errnum : EBADF;
    }
    lock_release(&lock);
    return id;
}

/* The socket with this id, if it is open, or NULL (EBADF; ENETDOWN in a forked child). Caller must
 * hold the lock. */
static struct sock *sock_select(int id)
{
    struct sock *s;

    assert(lock_held(&lock));
    if (platform_is_child()) {
        errno = ENETDOWN;
        return NULL;
    }
    s = table_get(&socks, id);
    if (!s || s->desc == -1) {
        errno = EBADF;
        return NULL;
    }
    return s;
}

/* Returns the descriptor of an open socket and its type, or -1 (EBADF). */
static int sock_get(int id, int *type)
{
    struct sock *s;
    int desc = -1;

    lock_acquire(&lock);
    s = sock_select(id);
    if (s) {
        desc = s->desc;
        *type = s->type;
    }
    lock_release(&lock);
    return desc;
}

/* The same, and nobody finds the socket any more. */
static int sock_take(int id, int *type)
{
    struct sock *s;
    int desc = -1;

    lock_acquire(&lock);
    s = sock_select(id);
    if (s) {
        desc = s->desc;
        *type = s->type;
        sock_free(id);
    }
    lock_release(&lock);
    return desc;
}

/* Returns the descriptor of an open socket of the type wanted, or -1 (EBADF, EOPNOTSUPP). */
static int sock_get_type(int id, int want)
{
    int type, desc = sock_get(id, &type);

    if (desc != -1 && type != want) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return desc;
}

/*
 * Addresses
 */

/* Is there something of n bytes where the caller says so? Returns 0, or -1 (EFAULT). */
static int sock_check_buf(const void *buf, size_t n)
{
    if (!buf && n > 0) {
        errno = EFAULT;
        return -1;
    }
    return 0;
}

/* Returns the descriptor of an open socket of the type wanted, for a call with n bytes at buf; or
 * -1 (EBADF, EOPNOTSUPP, EFAULT). */
static int sock_get_buf(int id, int want, const void *buf, size_t n)
{
    int desc = sock_get_type(id, want);

    return desc == -1 || sock_check_buf(buf, n) == -1 ? -1 : desc;
}

/* Is there room for an address that is returned, if the caller wants one? Returns 0, or -1
 * (EFAULT). */
static int sock_check_addr(const struct sockaddr *addr, const socklen_t *addrlen)
{
    return addr ? sock_check_buf(addrlen, sizeof(*addrlen)) : 0;
}

/* Returns 0, or -1 (EINVAL, EFAULT, EAFNOSUPPORT). */
static int sock_addr_to_endp(const struct sockaddr *addr, socklen_t addrlen, ip_endp_t *endp)
{
    struct sockaddr_in in;

    if (addrlen < sizeof(in) || addrlen > sizeof(struct sockaddr_storage)) {
        errno = EINVAL;
        return -1;
    }
    if (sock_check_buf(addr, addrlen) == -1) {
        return -1;
    }
    memcpy(&in, addr, sizeof(in));
    if (in.sin_family != AF_INET) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    endp->addr = in.sin_addr.s_addr;
    endp->port = in.sin_port;
    return 0;
}

static void sock_addr_from_endp(const ip_endp_t *endp, struct sockaddr *addr, socklen_t *addrlen)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_port = endp->port,
        .sin_addr.s_addr = endp->addr,
    };

    if (!addr) {
        return;
    }
    memcpy(addr, &in, *addrlen < sizeof(in) ? *addrlen : sizeof(in));
    *addrlen = sizeof(in);
}

/*
 * Calls
 */

int sock_open(int domain, int type, int protocol)
{
    int id;

    if (domain != PF_INET) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (!(type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) &&
        !(type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))) {
        errno = EPROTONOSUPPORT;
        return -1;
    }
    id = sock_alloc(type);
    if (id == -1) {
        return -1;
    }
    return sock_set_desc(id, type == SOCK_STREAM ? tcp_cmd_socket() : udp_cmd_open());
}

int sock_close(int id)
{
    int type, desc = sock_take(id, &type);

    if (desc == -1) {
        return -1;
    }
    return type == SOCK_STREAM ? tcp_cmd_close(desc) : udp_cmd_close(desc);
}

int sock_shutdown(int id, int how)
{
    int type, desc = sock_get(id, &type);

    if (desc == -1) {
        return -1;
    }
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
        errno = EINVAL;
        return -1;
    }
    if (type != SOCK_STREAM) {
        errno = ENOTCONN; /* connect is for streams alone */
        return -1;
    }
    if (how != SHUT_RD && tcp_cmd_half_close(desc) == -1) {
        return -1;
    }
    return how == SHUT_WR ? 0 : tcp_cmd_end_receive(desc);
}

int sock_abort(int id)
{
    int type, desc = sock_take(id, &type);

    if (desc == -1) {
        return -1;
    }
    return type == SOCK_STREAM ? tcp_cmd_abort(desc) : udp_cmd_close(desc);
}

int sock_bind(int id, const struct sockaddr *addr, socklen_t addrlen)
{
    int type, desc = sock_get(id, &type);
    ip_endp_t local;

    if (desc == -1 || sock_addr_to_endp(addr, addrlen, &local) == -1) {
        return -1;
    }
    return type == SOCK_STREAM ? tcp_cmd_bind(desc, &local) : udp_cmd_bind(desc, &local);
}

int sock_getsockname(int id, struct sockaddr *addr, socklen_t *addrlen)
{
    int type, desc = sock_get(id, &type), ret;
    ip_endp_t local;

    if (desc == -1 || sock_check_buf(addr, 1) == -1 || sock_check_addr(addr, addrlen) == -1) {
        return -1;
    }
    ret = type == SOCK_STREAM ? tcp_cmd_getsockname(desc, &local)
                              : udp_cmd_getsockname(desc, &local);
    if (ret == 0) {
        sock_addr_from_endp(&local, addr, addrlen);
    }
    return ret;
}

int sock_getpeername(int id, struct sockaddr *addr, socklen_t *addrlen)
{
    int type, desc = sock_get(id, &type);
    ip_endp_t remote;

    if (desc == -1 || sock_check_buf(addr, 1) == -1 || sock_check_addr(addr, addrlen) == -1) {
        return -1;
    }
    if (type != SOCK_STREAM) {
        errno = ENOTCONN; /* connect is for streams alone */
        return -1;
    }
    if (tcp_cmd_getpeername(desc, &remote) == -1) {
        return -1;
    }
    sock_addr_from_endp(&remote, addr, addrlen);
    return 0;
}

int sock_listen(int id, int backlog)
{
    int desc = sock_get_type(id, SOCK_STREAM);

    return desc == -1 ? -1 : tcp_cmd_listen(desc, backlog);
}

/* The thread is cancelled: no connection will need the place. */
static void sock_accept_cancelled(void *id)
{
    sock_set_desc(*(int *)id, -1);
}

int sock_accept(int id, struct sockaddr *addr, socklen_t *addrlen)
{
    int desc = sock_get_type(id, SOCK_STREAM), new_id;
    ip_endp_t remote;

    if (desc == -1 || sock_check_addr(addr, addrlen) == -1) {
        return -1;
    }
    new_id = sock_alloc(SOCK_STREAM); /* before a connection is taken that would have no place */
    if (new_id == -1) {
        return -1;
    }
    sched_undo_begin(sock_accept_cancelled, &new_id);
    desc = tcp_cmd_accept(desc, &remote);
    sched_undo_end();
    new_id = sock_set_desc(new_id, desc);
    if (new_id != -1) {
        sock_addr_from_endp(&remote, addr, addrlen);
    }
    return new_id;
}

int sock_connect(int id, const struct sockaddr *addr, socklen_t addrlen)
{
    int desc = sock_get_type(id, SOCK_STREAM);
    ip_endp_t remote;

    if (desc == -1 || sock_addr_to_endp(addr, addrlen, &remote) == -1) {
        return -1;
    }
    return tcp_cmd_connect(desc, &remote);
}

ssize_t sock_recv(int id, void *buf, size_t n)
{
    int desc = sock_get_buf(id, SOCK_STREAM, buf, n);

    return desc == -1 ? -1 : tcp_cmd_receive(desc, buf, n);
}

ssize_t sock_send(int id, const void *buf, size_t n)
{
    int desc = sock_get_buf(id, SOCK_STREAM, buf, n);

    return desc == -1 ? -1 : tcp_cmd_send(desc, buf, n);
}

int sock_error(int id)
{
    int type, desc = sock_get(id, &type);
    struct tcp_view view;

    if (desc == -1) {
        return -1;
    }
    if (type != SOCK_STREAM) {
        return udp_cmd_error(desc);
    }
    return tcp_get_view(desc, &view) == -1 ? -1 : view.soft_error;
}

ssize_t sock_recvfrom(int id, void *buf, size_t n, struct sockaddr *addr, socklen_t *addrlen)
{
    int desc = sock_get_buf(id, SOCK_DGRAM, buf, n);
    ip_endp_t remote;
    ssize_t ret;

    if (desc == -1 || sock_check_addr(addr, addrlen) == -1) {
        return -1;
    }
    ret = udp_cmd_recvfrom(desc, buf, n, &remote);
    if (ret != -1) {
        sock_addr_from_endp(&remote, addr, addrlen);
    }
    return ret;
}

ssize_t sock_sendto(int id, const void *buf, size_t n, const struct sockaddr *addr,
                    socklen_t addrlen)
{
    int desc = sock_get_buf(id, SOCK_DGRAM, buf, n);
    ip_endp_t remote;

    if (desc == -1) {
        return -1;
    }
    if (!addr) {
        errno = EDESTADDRREQ;
        return -1;
    }
    if (sock_addr_to_endp(addr, addrlen, &remote) == -1) {
        return -1;
    }
    return udp_cmd_sendto(desc, buf, n, &remote);
}

/*
 * Stop
 */

void sock_stop(void)
{
    struct sock *s;
    size_t i = 0;

    lock_acquire(&lock);
    while ((s = table_next(&socks, &i)) != NULL) {
        sock_free(s->id); /* what it refers to, udp and tcp end */
    }
    lock_release(&lock);
}
