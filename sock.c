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
 * sock: POSIX's sockets, for programs that know struct sockaddr and errno.
 *
 * Gives TCP's and UDP's user commands one form, and adds no protocol: a call checks its arguments,
 * converts addresses, and calls the command for the socket's type.
 *
 * Data. A struct sock maps a number, the program's descriptor, to a descriptor of tcp_cmd_* or
 * udp_cmd_*. The table socks owns it from sock_open or sock_accept until sock_close, sock_abort or
 * sock_stop. The block behind it belongs to TCP or UDP, and may live longer.
 *
 * Typical calls. A server of streams:
 *
 *     id = sock_open(PF_INET, SOCK_STREAM, 0);
 *     sock_bind(id, (struct sockaddr *)&local, sizeof(local));
 *     sock_listen(id, 10);
 *     peer = sock_accept(id, NULL, NULL);
 *     n = sock_recv(peer, buf, sizeof(buf));
 *     sock_send(peer, buf, n);
 *     sock_close(peer);
 *
 * A client calls sock_connect instead of sock_bind, sock_listen and sock_accept. With SOCK_DGRAM:
 * sock_open, sock_bind, sock_recvfrom and sock_sendto, sock_close.
 *
 * Locks. `lock` guards socks and comes before all others. No command is called under it, since some
 * of them sleep. So another thread may close the socket meanwhile: the protocol then wakes the
 * sleeping call, which fails with EBADF.
 *
 * Limits. SOCK_TABLE_SIZE sockets, and what TCP_PCB_SIZE and UDP_PCB_SIZE allow: then EMFILE.
 * sock_accept reserves its place before it sleeps, so that no connection is accepted without one.
 *
 * Errors. EBADF: no open socket. EOPNOTSUPP: a call for the other type. EFAULT, EINVAL,
 * EAFNOSUPPORT: a bad address or buffer. Most others are the command's own.
 */

struct sock {
    int id;
    int type; /* SOCK_STREAM or SOCK_DGRAM */
    int desc; /* of tcp_cmd_* or udp_cmd_*, by type; -1: not known yet */
};

static lock_t lock = LOCK_INITIALIZER; /* guards socks; first in the order, not held in commands */
static struct table socks = {.limit = SOCK_TABLE_SIZE}; /* of struct sock */

/*
 * Table
 */

/* Adds a socket without a descriptor. Returns its number, or -1 (EMFILE, ENOMEM; ENETDOWN in a
 * forked child). */
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

/* Gives a socket its descriptor. Returns id; or frees the socket and returns -1: desc is -1 (errno
 * stays), or sock_stop has removed it (EBADF). */
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

/* Returns the open socket with this id, or NULL (EBADF; ENETDOWN in a forked child). Caller must
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

/* As sock_get, and frees the socket: the caller owns the descriptor. */
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

/* As sock_get, for a socket of type want; EOPNOTSUPP for another. */
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

/* Refuses NULL, unless n is 0. Returns 0, or -1 (EFAULT). */
static int sock_check_buf(const void *buf, size_t n)
{
    if (!buf && n > 0) {
        errno = EFAULT;
        return -1;
    }
    return 0;
}

/* As sock_get_type, for a call with n bytes at buf; EFAULT for NULL. */
static int sock_get_buf(int id, int want, const void *buf, size_t n)
{
    int desc = sock_get_type(id, want);

    return desc == -1 || sock_check_buf(buf, n) == -1 ? -1 : desc;
}

/* Refuses room for a returned address without addrlen. Returns 0, or -1 (EFAULT). */
static int sock_check_addr(const struct sockaddr *addr, const socklen_t *addrlen)
{
    return addr ? sock_check_buf(addrlen, sizeof(*addrlen)) : 0;
}

/* Converts an address. Returns 0, or -1 (EINVAL, EFAULT, EAFNOSUPPORT). */
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
        errno = ENOTCONN; /* datagrams have no peer */
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
        errno = ENOTCONN; /* datagrams have no peer */
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

/* Frees the new socket: the thread is cancelled in tcp_cmd_accept. */
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
    new_id = sock_alloc(SOCK_STREAM); /* first: no connection is accepted without a place */
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
        sock_free(s->id); /* TCP and UDP end its descriptor */
    }
    lock_release(&lock);
}
