#define _GNU_SOURCE /* pthread_tryjoin_np */
/*
 * The demonstration of step 25: we open a connection to the host.
 * We connect to its port 10007. The log shows our SYN and SYN_SENT. Until someone waits there, the
 * host's RST is dropped (step 28), and the SYN sent again. On the host (`make tap`):
 * nc -l 10007 (or nc -l -p 10007)
 * The log shows a SYN with ACK and ESTABLISHED, nc our 20 bytes. After a line typed there, a RST
 * ends the connection (step 27: a FIN).
 * Ctrl-C ends the program.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
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

/* Connects to the host, sends the data, receives an answer, and ends. */
static void *exchange(void *arg)
{
    static const char data[] = "ping!pong?ping!pong?";
    char buf[2048];
    ip_endp_t remote;
    int desc;

    ip_endp_pton("192.0.2.1:10007", &remote);
    while (!terminate) {
        desc = tcp_cmd_open(NULL, &remote, 1);
        if (desc == -1) {
            infof("no connection: %s", strerror(errno));
        } else {
            tcp_cmd_send(desc, data, sizeof(data) - 1);
            infof("received %zd bytes", tcp_cmd_receive(desc, buf, sizeof(buf)));
            tcp_cmd_close(desc);
        }
        sleep(2);
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
