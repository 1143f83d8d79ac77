#define _GNU_SOURCE /* pthread_tryjoin_np */
/*
 * The demonstration of step 22: the host opens a connection to us.
 * We wait at port 7. Connect from the host (`make tap`): nc 192.0.2.2 7
 * The log shows the handshake, SYN, SYN with ACK, ACK, and the states from LISTEN through
 * SYN_RECEIVED to ESTABLISHED; then "connected". At the end, a RST goes out.
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
#include "tcp.h"
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

/* Accepts a connection and keeps it. */
static void *exchange(void *arg)
{
    ip_endp_t local = {IP_ADDR_ANY, hton16(7)};
    int desc;

    while (!terminate && (desc = tcp_cmd_open(&local, NULL, 0)) != -1) {
        infof("connected");
        while (!terminate) {
            sleep(1); /* left out: data (step 23) */
        }
        tcp_cmd_close(desc);
    }
    return arg;
}

/* Runs the exchange in a thread of its own, and interrupts its sleep at SIGINT. */
int main(void)
{
    pthread_t thread;
    int signal;

    if (setup() == -1 || pthread_create(&thread, NULL, exchange, NULL) != 0) {
        errorf("setup failed");
        return 1;
    }
    sigwait(&sigint, &signal);
    terminate = 1;
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        intr_raise(INTR_IRQ_USER); /* repeated: one may arrive just before the sleep */
        usleep(10000);
    }
    return net_shutdown() == -1 ? 1 : 0;
}
