#define _GNU_SOURCE /* pthread_tryjoin_np */
/*
 * The demonstration of step 30: both protocols through one API.
 * Port 7 echoes streams and datagrams. From the host (`make tap`): nc 192.0.2.2 7 or nc -u
 * 192.0.2.2 7; the log shows TCP's segments or UDP's datagrams.
 * Ctrl-C ends the program.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "driver/ether_tap.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "sock.h"
#include "util.h"

static sigset_t sigint;
static atomic_int terminate;

static int setup(void)
{
    struct net_device *tap;
    struct ip_iface *iface;

    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigwait alone */
    if (net_init() == -1 || !(tap = ether_tap_init("tap0", "00:00:5e:00:53:01")) ||
        !(iface = ip_iface_alloc("192.0.2.2", "255.255.255.0")) ||
        ip_iface_register(tap, iface) == -1) {
        return -1;
    }
    return net_run();
}

/* Accepts connections, one after another, and echoes. */
static void *streams(void *local)
{
    int id = sock_open(PF_INET, SOCK_STREAM, 0), peer;
    char buf[2048];
    ssize_t len;

    if (sock_bind(id, local, sizeof(struct sockaddr_in)) == -1 || sock_listen(id, 5) == -1) {
        errorf("cannot listen on port 7");
    }
    while (!terminate && (peer = sock_accept(id, NULL, NULL)) != -1) {
        while ((len = sock_recv(peer, buf, sizeof(buf))) > 0) {
            sock_send(peer, buf, (size_t)len);
        }
        sock_close(peer);
    }
    return local;
}

/* Echoes datagrams. */
static void *datagrams(void *local)
{
    struct sockaddr_in peer;
    struct sockaddr *addr = (struct sockaddr *)&peer;
    socklen_t size = sizeof(peer);
    int id = sock_open(PF_INET, SOCK_DGRAM, 0);
    char buf[2048];
    ssize_t len;

    if (sock_bind(id, local, sizeof(struct sockaddr_in)) == -1) {
        errorf("cannot bind port 7");
    }
    while (!terminate && (len = sock_recvfrom(id, buf, sizeof(buf), addr, &size)) != -1) {
        sock_sendto(id, buf, (size_t)len, addr, size);
    }
    return local;
}

/* Runs each server in a thread of its own. At SIGINT, interrupts their sleep. */
int main(void)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = hton16(7)};
    pthread_t thread[2];
    int signal;

    if (setup() == -1 || pthread_create(&thread[0], NULL, streams, &local) != 0 ||
        pthread_create(&thread[1], NULL, datagrams, &local) != 0) {
        errorf("setup failed");
        return 1;
    }
    sigwait(&sigint, &signal);
    terminate = 1;
    for (size_t i = 0; i < countof(thread); i++) {
        while (pthread_tryjoin_np(thread[i], NULL) != 0) {
            intr_raise(INTR_IRQ_USER); /* repeated: one may arrive just before the sleep */
            usleep(10000);
        }
    }
    return net_shutdown() == -1 ? 1 : 0;
}
