#ifndef SETUP_H
#define SETUP_H

#include <pthread.h>
#include <sys/types.h>

#include "ip.h"
#include "sock.h"

/* What a program says of itself, and what its user has chosen. */
struct setup {
    const char *about;  /* a few lines for -h */
    /* What a client takes in place of an address and a port, with -o FILE: as -h shows it, an
     * example, and who takes it (and calls setup_take_peer) when there is a set of arguments. */
    const char *usage, *example;
    void (*take)(struct setup *setup, int count, char *args[]);
    const char *output; /* -o, or NULL */
    int client;         /* the address is required, and there is -t */
    const char *addr;   /* the address as given, or "0.0.0.0" */
    ip_endp_t endp;     /* the same with the port */
    unsigned int limit; /* -t, in seconds */
};

enum setup_event { SETUP_WOKEN, SETUP_SIGNAL, SETUP_TIMEOUT };

/* Reads the command line and starts the stack on loopback (net0) and the device (net1). When the
 * user or the machine stands in the way, ends the program as setup_fail does. Call it first, while
 * there is but one thread. */
void setup_start(struct setup *setup, int argc, char *argv[]);
/* Takes the peer's address and port from the command line. addr has to stay. */
void setup_take_peer(struct setup *setup, const char *addr, const char *port);
/* Sleeps until setup_wake, SIGINT or SIGTERM, at most that many seconds (0: no limit), and says
 * which it was. It may say woken once more than there was reason to. */
enum setup_event setup_wait(unsigned int seconds);
/* Lets main's setup_wait return; any thread may. */
void setup_wake(void);
/* The address and port of the command line. */
struct sockaddr_in setup_sockaddr(const struct setup *setup);
/* Returns a socket: SOCK_STREAM or SOCK_DGRAM. Without one, ends the program as setup_fail does. */
int setup_open_socket(int type);
/* The same, bound to the address and port of the command line. */
int setup_open_server(const struct setup *setup, int type);
/* Starts a thread. Without one, ends the program as setup_fail does. */
void setup_start_thread(pthread_t *thread, void *(*func)(void *), void *arg);
/* Prints where the server listens, and returns when SIGINT or SIGTERM comes. */
void setup_serve(const struct setup *setup);
/* As read on standard input, and leaves the thread such that it can be cancelled here and nowhere
 * else. */
ssize_t setup_read(void *buf, size_t size);
/* Writes all of it to standard output. Returns 0, or -1 with errno. */
int setup_write(const void *buf, size_t size);
/* Sends all of it on a stream, also after an interruption, which may leave a rest. Returns 0, or -1
 * with errno. */
int setup_send(int sock, const void *buf, size_t size);
/* Stops the stack: peers have some seconds to get what was sent, less if one more SIGINT or SIGTERM
 * comes. Returns status, or 1 if something is left in memory. */
int setup_end(int status);
/* Stops the stack and ends the program with one last line on stderr. status: 1 the machine, 2 the
 * command line. */
void setup_fail(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
