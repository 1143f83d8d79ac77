#define _GNU_SOURCE /* pthread_tryjoin_np */
/*
 * The demonstration of step 24: a lost segment is sent again.
 * Every third datagram that we send is lost ("lost on the wire"). From the host (`make tap`) type
 * some lines: nc 192.0.2.2 7
 * Each comes back, a second late: the echo is lost, and tcp_output_segment shows it again with the
 * same sequence number when its timer expires.
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

static const struct net_device_ops *real;
static struct net_device_ops lossy;
static sigset_t sigint;
static atomic_int terminate;

/* The TAP driver's output, which loses every third datagram without telling. */
static int lose_some(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                     const void *dst)
{
    static atomic_uint sent;

    if (type == NET_PROTOCOL_TYPE_IP && ++sent % 3 == 0) {
        infof("lost on the wire, len=%zu", len);
        return 0;
    }
    return real->output(dev, type, data, len, dst);
}

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
    real = tap->ops;
    lossy = *real;
    lossy.output = lose_some;
    tap->ops = &lossy;
    return net_run();
}

/* Accepts connections, one after another, and echoes. */
static void *exchange(void *arg)
{
    ip_endp_t local = {IP_ADDR_ANY, hton16(7)};
    char buf[2048];
    ssize_t len;
    int desc;

    while (!terminate && (desc = tcp_cmd_open(&local, NULL, 0)) != -1) {
        while ((len = tcp_cmd_receive(desc, buf, sizeof(buf))) > 0) {
            tcp_cmd_send(desc, buf, (size_t)len);
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
