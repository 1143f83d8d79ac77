#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ip.h"
#include "setup.h"
#include "sock.h"
#include "util.h"

/*
 * tcpc: a TCP client like nc. One thread connects, within the limit; then one sends standard input,
 * one prints received bytes, and main waits for their end or a signal. To end them, main closes the
 * socket and cancels the sender.
 */

#define BUF_SIZE 8192

static int sock;
static struct sockaddr_in peer;
static atomic_int connected;      /* make_connection has ended, with or without success */
static atomic_int sent, received; /* send_input, receive have ended */
static int peer_is_done[2];       /* a pipe; its write end is closed when the peer ends */

static void *make_connection(void *arg)
{
    int *err = arg;

    *err = sock_connect(sock, (struct sockaddr *)&peer, sizeof(peer)) == -1 ? errno : 0;
    atomic_store(&connected, 1);
    setup_wake();
    return NULL;
}

/* Waits for input or its end; the thread can be cancelled here. Returns 0, or -1 when the peer has
 * ended and no input is ready: ready input is still sent, but no more is waited for. */
static int wait_for_input(void)
{
    struct pollfd fds[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = peer_is_done[0], .events = POLLIN},
    };

    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    while (poll(fds, countof(fds), -1) == -1 && errno == EINTR) {
        continue;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return fds[0].revents ? 0 : -1;
}

static void *send_input(void *arg)
{
    static uint8_t buf[BUF_SIZE];
    ssize_t n;

    (void)arg;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    while (wait_for_input() == 0 && (n = setup_read(buf, sizeof(buf))) > 0) {
        if (setup_send(sock, buf, (size_t)n) == -1) {
            break; /* sock_recv fails, too, and reports it */
        }
    }
    sock_shutdown(sock, SHUT_WR);
    atomic_store(&sent, 1);
    setup_wake();
    return NULL;
}

/* Prints received bytes. Returns 0 at the end of the stream, or an errno. */
static int print_received(void)
{
    static uint8_t buf[BUF_SIZE];
    ssize_t n;

    for (;;) {
        n = sock_recv(sock, buf, sizeof(buf));
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return errno;
        }
        if (n == 0) {
            return 0;
        }
        if (setup_write(buf, (size_t)n) == -1) {
            return errno;
        }
    }
}

static void *receive(void *arg)
{
    *(int *)arg = print_received();
    atomic_store(&received, 1);
    setup_wake();
    return NULL;
}

/* Waits until done is set. Returns 0, or -1 with *event if a signal or the limit came first. */
static int wait_until(atomic_int *done, unsigned int limit, enum setup_event *event)
{
    while (!atomic_load(done)) {
        *event = setup_wait(limit);
        if (*event != SETUP_WOKEN) {
            return -1;
        }
    }
    return 0;
}

/* Returns 0, or -1 on a signal. Without a connection, ends the program. */
static int connect_to_peer(const struct setup *setup)
{
    enum setup_event event;
    pthread_t thread;
    int err;

    sock = setup_open_socket(SOCK_STREAM);
    setup_start_thread(&thread, make_connection, &err);
    if (wait_until(&connected, setup->limit, &event) == -1) {
        sock_close(sock);
        pthread_join(thread, NULL);
        if (event == SETUP_SIGNAL) {
            return -1;
        }
        setup_fail(1, "no answer from %s for %u seconds: check the address, -i, -a and -g; "
                   "-t waits longer", setup->addr, setup->limit);
    }
    pthread_join(thread, NULL);
    if (err == ECONNREFUSED) {
        setup_fail(1, "%s refused: is a server listening on port %u there?", setup->addr,
                   ntoh16(setup->endp.port));
    }
    if (err) {
        setup_fail(1, "can't connect to %s: %s; check the address, -a and -g", setup->addr,
                   strerror(err));
    }
    return 0;
}

static int talk(const struct setup *setup)
{
    enum setup_event event;
    pthread_t sender, receiver;
    int err = 0, interrupted;

    if (pipe(peer_is_done) == -1) {
        setup_fail(1, "no pipe: %s", strerror(errno));
    }
    setup_start_thread(&receiver, receive, &err);
    setup_start_thread(&sender, send_input, NULL);
    interrupted = wait_until(&received, 0, &event);
    close(peer_is_done[1]);
    if (!interrupted && !err) {
        interrupted = wait_until(&sent, 0, &event);
    }
    sock_close(sock);
    pthread_cancel(sender);
    pthread_join(sender, NULL);
    pthread_join(receiver, NULL);
    if (err && err != EBADF && !interrupted) {
        setup_fail(1, "the connection to %s broke: %s", setup->addr, strerror(err));
    }
    return setup_end(0);
}

int main(int argc, char *argv[])
{
    struct setup setup = {
        .client = 1,
        .about = "Sends standard input to a TCP server and prints the answer. At the end of input\n"
                 "it closes its direction (half-close). It ends when the server has ended and the\n"
                 "available input is sent.",
    };

    setup_start(&setup, argc, argv);
    peer = setup_sockaddr(&setup);
    if (connect_to_peer(&setup) == -1) {
        return setup_end(0);
    }
    return talk(&setup);
}
