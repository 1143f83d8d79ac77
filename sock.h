#ifndef SOCK_H
#define SOCK_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "api.h"

MICROPS_BEGIN

#define SOCK_TABLE_SIZE 4096 /* sockets; then EMFILE */

/*
 * POSIX's calls, with its errno, for descriptors of this stack, which read and poll do not know.
 * They return -1 and set errno on failure; 0 on success, if nothing else is stated. An address is a
 * struct sockaddr_in. Where one is returned, *addrlen is the room for it, then its size. EFAULT: a
 * buffer or an address is NULL and its length is not 0, or addrlen is NULL and addr is not. Left
 * out: non-blocking calls and poll (step 61); options (step 62).
 */

MICROPS_END

/* Removes every socket. TCP and UDP end the descriptors behind them. */
void sock_stop(void);

MICROPS_BEGIN

/* Opens a socket: PF_INET; SOCK_STREAM or SOCK_DGRAM; 0 or the type's protocol. Returns its
 * descriptor, a number that is not soon used again. EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE, ENOMEM,
 * ENETDOWN (without the stack). */
int sock_open(int domain, int type, int protocol);
/* Closes a socket; its sleeping calls fail with EBADF. EBADF (not open). */
int sock_close(int id);
/* Streams. SHUT_WR ends sending, as tcp_cmd_half_close; SHUT_RD receiving, as tcp_cmd_end_receive;
 * SHUT_RDWR both. EBADF, EINVAL, ENOTCONN (also for datagrams), and those of these commands. */
int sock_shutdown(int id, int how);
/* Closes a socket; a stream's connection is reset, as by tcp_cmd_abort. EBADF. */
int sock_abort(int id);
/* Binds a socket to a local address; port 0: one is chosen. EBADF, EINVAL, EFAULT, EAFNOSUPPORT,
 * EADDRINUSE, EADDRNOTAVAIL. */
int sock_bind(int id, const struct sockaddr *addr, socklen_t addrlen);
/* Returns the local address; zeros if it is not bound. EBADF, EFAULT. */
int sock_getsockname(int id, struct sockaddr *addr, socklen_t *addrlen);
/* Returns the peer's address. EBADF, EFAULT, ENOTCONN (also for datagrams). */
int sock_getpeername(int id, struct sockaddr *addr, socklen_t *addrlen);
/* Streams. Accepts connections from now on; at most backlog of them wait for sock_accept. EBADF,
 * EOPNOTSUPP, EINVAL, EDESTADDRREQ (not bound). */
int sock_listen(int id, int backlog);
/* Streams. Sleeps until a connection waits; addr gets its peer. Returns its descriptor. EBADF,
 * EOPNOTSUPP, EINVAL, EFAULT, EMFILE, ENOMEM, EINTR. */
int sock_accept(int id, struct sockaddr *addr, socklen_t *addrlen);
/* Streams. Connects, and sleeps until the handshake is over; after EINTR, call again to wait.
 * EBADF, EOPNOTSUPP, EINVAL, EFAULT, EAFNOSUPPORT, and those of tcp_cmd_connect. */
int sock_connect(int id, const struct sockaddr *addr, socklen_t addrlen);
/* Streams. Sleeps until there is data. Returns the bytes received, 0 at the end of file. EBADF,
 * EOPNOTSUPP, EFAULT, and those of tcp_cmd_receive. */
ssize_t sock_recv(int id, void *buf, size_t n);
/* Streams. Returns the bytes sent. EBADF, EOPNOTSUPP, EFAULT, and those of tcp_cmd_send. */
ssize_t sock_send(int id, const void *buf, size_t n);
/* Returns the soft error that ICMP or ARP reported: an errno, or 0; or -1 (EBADF). Streams: a later
 * timeout reports it instead of ETIMEDOUT. Datagrams: it is about the datagram sent last, and
 * reported once, here or by sock_recvfrom. */
int sock_error(int id);
/* Datagrams. Sleeps until there is one; addr gets its sender. Returns the bytes received. EBADF,
 * EOPNOTSUPP, EFAULT, EINTR, and those of udp_cmd_recvfrom. */
ssize_t sock_recvfrom(int id, void *buf, size_t n, struct sockaddr *addr, socklen_t *addrlen);
/* Datagrams. Returns the bytes sent. EBADF, EOPNOTSUPP, EDESTADDRREQ, EINVAL, EFAULT, EAFNOSUPPORT,
 * and those of udp_cmd_sendto. */
ssize_t sock_sendto(int id, const void *buf, size_t n, const struct sockaddr *addr,
                    socklen_t addrlen);

MICROPS_END

#endif
