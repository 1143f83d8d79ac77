#ifndef SETUP_H
#define SETUP_H

#include <pthread.h>
#include <sys/types.h>

#include "ip.h"
#include "sock.h"

/*
 * setup: the common part of the programs. A typical server's main:
 *
 *     setup_start(&setup, argc, argv);             reads the command line, starts the stack
 *     sock = setup_open_server(&setup, SOCK_STREAM);
 *     setup_start_thread(&thread, serve, &sock);   calls that block belong in threads
 *     setup_serve(&setup);                         until SIGINT or SIGTERM
 *     sock_close(sock);                            the thread's call fails with EBADF
 *     pthread_join(thread, NULL);
 *     return setup_end(0);                         stops the stack
 *
 * A client's main opens its socket with setup_open_socket and sleeps in setup_wait; its threads end
 * that sleep with setup_wake.
 *
 * Threads: only main's thread calls these functions; any thread may call those that wake, read,
 * write or send. No locks.
 * Signals: SIGINT, SIGTERM, SIGQUIT (netstat) and SIGCHLD (setup_wake) are blocked in all threads,
 * and main takes them in setup_wait. SIGPIPE is ignored.
 * Errors: setup_fail ends the program, so a caller has nothing to check unless a result is stated.
 */

/* The program's description, then the choices of the command line. */
struct setup {
    const char *about;  /* a few lines for -h */
    /* For a client whose arguments are not address and port, else NULL: the arguments as -h shows
     * them, an example, and the function that reads them and calls setup_take_peer. Such a client
     * has -o FILE, too. */
    const char *usage, *example;
    void (*take)(struct setup *setup, int count, char *args[]);
    const char *output; /* -o, or NULL */
    int client;         /* the address is required, and there is -t */
    const char *addr;   /* the address as given, or "0.0.0.0" */
    ip_endp_t endp;     /* address and port, in network byte order */
    unsigned int limit; /* -t, in seconds */
};

enum setup_event { SETUP_WOKEN, SETUP_SIGNAL, SETUP_TIMEOUT };

/* Reads the command line and starts the stack on loopback (net0) and the device (net1). Call it
 * before any other thread exists. */
void setup_start(struct setup *setup, int argc, char *argv[]);
/* Sets the peer from addr, a.b.c.d, and port, 1 to 65535. Keeps the pointer addr. */
void setup_take_peer(struct setup *setup, const char *addr, const char *port);
/* Sleeps until setup_wake, SIGINT or SIGTERM, or for that many seconds (0: no limit), and returns
 * the reason. SETUP_WOKEN may be spurious: check the condition again. */
enum setup_event setup_wait(unsigned int seconds);
/* Makes setup_wait return SETUP_WOKEN, now or at its next call. */
void setup_wake(void);
/* Returns the address and port of the command line. */
struct sockaddr_in setup_sockaddr(const struct setup *setup);
/* Returns a new socket. type: SOCK_STREAM or SOCK_DGRAM. */
int setup_open_socket(int type);
/* The same, bound to the address and port of the command line. */
int setup_open_server(const struct setup *setup, int type);
/* Starts func(arg) in a thread. */
void setup_start_thread(pthread_t *thread, void *(*func)(void *), void *arg);
/* Prints the server's address and port, and returns on SIGINT or SIGTERM. */
void setup_serve(const struct setup *setup);
/* Reads standard input as read does, but goes on after EINTR. The thread can be cancelled in here;
 * afterwards cancellation is disabled. */
ssize_t setup_read(void *buf, size_t size);
/* Writes size bytes to standard output. Returns 0, or -1 with errno. */
int setup_write(const void *buf, size_t size);
/* Sends size bytes on a stream; EINTR does not end it. Returns 0, or -1 with errno. */
int setup_send(int sock, const void *buf, size_t size);
/* Stops the stack. Peers have some seconds to acknowledge sent data; one more SIGINT or SIGTERM
 * ends the wait. Returns status, or 1 if memory is still allocated. */
int setup_end(int status);
/* Stops the stack, prints the reason on stderr and exits. status: 2 for a bad command line, 1 for
 * any other failure. */
void setup_fail(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
