#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ip.h"
#include "setup.h"
#include "sock.h"
#include "util.h"

/* A client in the manner of nc: one thread sends standard input, one receives, main waits. */

#define BUF_SIZE 8192

static int sock;
static struct sockaddr_in peer;
static atomic_ullong sent; /* bytes given to sock_send */
static atomic_ullong received;
static atomic_int input_over;
static atomic_int over; /* nothing more is to be done */

static void *make_connection(void *arg)
{
    int *err = arg;

    *err = sock_connect(sock, (struct sockaddr *)&peer, sizeof(peer)) == -1 ? errno : 0;
    atomic_store(&over, 1);
    setup_wake();
    return NULL;
}

/* There is no half-close yet (step 36): that the peer has said all, only the count can tell. */
static void end_if_echoed(void)
{
    if (atomic_load(&input_over) && atomic_load(&received) >= atomic_load(&sent)) {
        atomic_store(&over, 1);
        setup_wake();
    }
}

static void *send_input(void *arg)
{
    static uint8_t buf[BUF_SIZE];
    ssize_t n;

    (void)arg;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    while ((n = setup_read(buf, sizeof(buf))) > 0) {
        atomic_fetch_add(&sent, (unsigned long long)n);
        if (sock_send(sock, buf, (size_t)n) != n) {
            return NULL; /* the receiver hears of it, too */
        }
    }
    atomic_store(&input_over, 1);
    end_if_echoed();
    return NULL;
}

/* Returns 0 at the end of file, or an errno. */
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
        atomic_fetch_add(&received, (unsigned long long)n);
        end_if_echoed();
    }
}

static void *receive(void *arg)
{
    *(int *)arg = print_received();
    atomic_store(&over, 1);
    setup_wake();
    return NULL;
}

/* Waits until over is set. Returns 0, or -1 if a signal or the limit came first. */
static int wait_until_over(unsigned int limit, enum setup_event *event)
{
    while (!atomic_load(&over)) {
        *event = setup_wait(limit);
        if (*event != SETUP_WOKEN) {
            return -1;
        }
    }
    return 0;
}

/* Returns 0, or -1 if the user gave up. */
static int connect_to_peer(const struct setup *setup)
{
    enum setup_event event;
    pthread_t thread;
    int err;

    sock = sock_open(PF_INET, SOCK_STREAM, 0);
    if (sock == -1) {
        setup_fail(1, "no socket: %s", strerror(errno));
    }
    if (pthread_create(&thread, NULL, make_connection, &err)) {
        setup_fail(1, "no thread: the system has no room for one");
    }
    if (wait_until_over(setup->limit, &event) == -1) {
        sock_close(sock);
        pthread_join(thread, NULL);
        if (event == SETUP_SIGNAL) {
            return -1;
        }
        setup_fail(1, "no answer from %s for %u seconds: are it, -i, -a, -g right? -t waits longer",
                   setup->addr, setup->limit);
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

    atomic_store(&over, 0);
    if (pthread_create(&receiver, NULL, receive, &err) ||
        pthread_create(&sender, NULL, send_input, NULL)) {
        setup_fail(1, "no thread: try again when the machine has less to do");
    }
    interrupted = wait_until_over(0, &event);
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
        .about = "Sends standard input to a TCP server and prints what comes back. Closes when\n"
                 "the server does, or at the end of input once as many bytes have come back as\n"
                 "were sent, as from an echo server: there is no half-close yet.",
    };

    setup_start(&setup, argc, argv);
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = setup.endp.addr;
    peer.sin_port = setup.endp.port;
    if (connect_to_peer(&setup) == -1) {
        return setup_end(0);
    }
    return talk(&setup);
}
