#ifndef SOCK_H
#define SOCK_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "api.h"

MICROPS_BEGIN

#define SOCK_TABLE_SIZE 4096 /* sockets; one more open fails with EMFILE */

/*
 * The calls of POSIX, with its errno, for descriptors of our own (which neither read nor poll
 * knows). An address is a struct sockaddr_in. Where one is returned, *addrlen says how much room
 * there is, and then how much the address takes. EFAULT is a NULL where something should be: a
 * buffer with a length, an address with one, addrlen with an address. Left out: calls that do not
 * block, and poll (step 61); options (step 62).
 */

MICROPS_END

/* Closes every socket. */
void sock_stop(void);

MICROPS_BEGIN

/* Returns a descriptor, which is not soon another's once it is closed. protocol may be 0.
 * EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE, ENOMEM, ENETDOWN (without the stack). */
int sock_open(int domain, int type, int protocol);
/* EBADF. Wakes whoever sleeps in a call on the socket; that call fails with EBADF. */
int sock_close(int id);
/* Streams: SHUT_WR ends our direction as tcp_cmd_half_close does, SHUT_RD the other as
 * tcp_cmd_end_receive, SHUT_RDWR both. EBADF, EINVAL, ENOTCONN (also for datagrams), and theirs. */
int sock_shutdown(int id, int how);
/* The same as sock_close, but the peer of a stream is told by a RST. EBADF. */
int sock_abort(int id);
/* EBADF, EINVAL, EFAULT, EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL. */
int sock_bind(int id, const struct sockaddr *addr, socklen_t addrlen);
/* Our end of the socket: what it is bound to, zeros for nothing. EBADF, EFAULT. */
int sock_getsockname(int id, struct sockaddr *addr, socklen_t *addrlen);
/* The other end of a connection. EBADF, EFAULT, ENOTCONN (also for datagrams). */
int sock_getpeername(int id, struct sockaddr *addr, socklen_t *addrlen);
/* EBADF, EOPNOTSUPP, EINVAL, EDESTADDRREQ (it is bound to nothing). */
int sock_listen(int id, int backlog);
/* Returns the descriptor of a new connection. EBADF, EOPNOTSUPP, EINVAL, EMFILE, ENOMEM, EINTR. */
int sock_accept(int id, struct sockaddr *addr, socklen_t *addrlen);
/* A stream: makes a connection, with the errno of tcp_cmd_connect; after EINTR it can be called
 * again to wait for it. EBADF, EOPNOTSUPP, EINVAL, EFAULT, EAFNOSUPPORT. */
int sock_connect(int id, const struct sockaddr *addr, socklen_t addrlen);
/* Streams. Returns the bytes received, 0 at the end of file. EBADF, EOPNOTSUPP, and those of
 * tcp_cmd_receive. */
ssize_t sock_recv(int id, void *buf, size_t n);
/* Streams. Returns the bytes sent. EBADF, EOPNOTSUPP, and those of tcp_cmd_send. */
ssize_t sock_send(int id, const void *buf, size_t n);
/* What has gone wrong without ending anything, as ICMP says: an errno, 0 for nothing; or -1, EBADF.
 * Streams: the one that the connection will fail with if the peer stays silent. Datagrams: what has
 * become of the one that was sent last; it is told once, here or by sock_recvfrom. */
int sock_error(int id);
/* Datagrams. Returns the bytes received; addr gets the sender. EBADF, EOPNOTSUPP, EINTR, and those
 * of udp_cmd_recvfrom. */
ssize_t sock_recvfrom(int id, void *buf, size_t n, struct sockaddr *addr, socklen_t *addrlen);
/* Datagrams. Returns the bytes sent. EBADF, EOPNOTSUPP, EDESTADDRREQ, EINVAL, EAFNOSUPPORT, and
 * those of udp_cmd_sendto. */
ssize_t sock_sendto(int id, const void *buf, size_t n, const struct sockaddr *addr,
                    socklen_t addrlen);

MICROPS_END

#endif
