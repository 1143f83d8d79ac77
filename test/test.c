#define _GNU_SOURCE /* pthread_tryjoin_np */
/*
 * The demonstration: sets up the stack, runs the example of the step's chapter, and ends at SIGINT
 * (Ctrl-C).
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/loopback.h"
#include "driver/ether_tap.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "sock.h"
#include "util.h"

#define LOOPBACK_IP_ADDR "127.0.0.1"
#define LOOPBACK_NETMASK "255.0.0.0"

#define TAP_NAME "tap0"
#define TAP_HW_ADDR "00:00:5e:00:53:01"
#define TAP_IP_ADDR "192.0.2.2"
#define TAP_NETMASK "255.255.255.0"
#define DEFAULT_GATEWAY "192.0.2.1"
#define ECHO_PORT 7

static sigset_t sigint;
static atomic_int terminate;

/* Waits for SIGINT, at most seconds (-1: without limit). Returns whether it arrived. */
static int wait_for_sigint(int seconds)
{
    struct timespec timeout = {.tv_sec = seconds};

    if (seconds == -1) {
        return sigwaitinfo(&sigint, NULL) == SIGINT;
    }
    return sigtimedwait(&sigint, NULL, &timeout) == SIGINT;
}

static int setup_loopback(void)
{
    struct net_device *dev = loopback_init();
    struct ip_iface *iface;

    if (!dev) {
        errorf("loopback_init() failure");
        return -1;
    }
    iface = ip_iface_alloc(LOOPBACK_IP_ADDR, LOOPBACK_NETMASK);
    if (!iface || ip_iface_register(dev, iface) == -1) {
        errorf("no interface for the loopback device");
        return -1;
    }
    return 0;
}

static int setup_tap(void)
{
    struct net_device *dev = ether_tap_init(TAP_NAME, TAP_HW_ADDR);
    struct ip_iface *iface;

    if (!dev) {
        errorf("ether_tap_init() failure");
        return -1;
    }
    iface = ip_iface_alloc(TAP_IP_ADDR, TAP_NETMASK);
    if (!iface || ip_iface_register(dev, iface) == -1) {
        errorf("no interface for the TAP device");
        return -1;
    }
    return ip_route_set_default_gateway(iface, DEFAULT_GATEWAY);
}

static int setup(void)
{
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by wait_for_sigint alone */
    if (net_init() == -1) {
        errorf("net_init() failure");
        return -1;
    }
    if (setup_loopback() == -1 || setup_tap() == -1) {
        return -1;
    }
    if (net_run() == -1) {
        errorf("net_run() failure");
        return -1;
    }
    return 0;
}

/* Echoes the stream to its end. */
static void echo(int id)
{
    char buf[2048];
    ssize_t len;

    while ((len = sock_recv(id, buf, sizeof(buf))) > 0) {
        infof("received %zd bytes", len);
        if (sock_send(id, buf, (size_t)len) == -1) {
            break;
        }
    }
    infof("end: %s", len == 0 ? "the peer closed" : strerror(errno));
}

/* Accepts connections one after another, and echoes each. */
static void exchange(void)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = hton16(ECHO_PORT)};
    int id = sock_open(PF_INET, SOCK_STREAM, 0), peer;

    if (id == -1 || sock_bind(id, (struct sockaddr *)&local, sizeof(local)) == -1 ||
        sock_listen(id, 5) == -1) {
        errorf("cannot listen on port %d: %s", ECHO_PORT, strerror(errno));
        return;
    }
    while (!terminate && (peer = sock_accept(id, NULL, NULL)) != -1) {
        echo(peer);
        sock_close(peer);
    }
    sock_close(id);
}

static void *exchange_thread(void *arg)
{
    exchange();
    return arg;
}

/* Runs the exchange in a thread of its own, and interrupts its sleep at SIGINT. */
static void demonstrate(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, exchange_thread, NULL) != 0) {
        errorf("pthread_create() failure");
        return;
    }
    wait_for_sigint(-1);
    terminate = 1;
    while (pthread_tryjoin_np(thread, NULL) == EBUSY) {
        intr_raise(INTR_IRQ_USER); /* repeated: one may arrive just before the sleep */
        usleep(10000);
    }
}

int main(void)
{
    if (setup() == -1) {
        return 1;
    }
    demonstrate();
    return net_shutdown() == -1 ? 1 : 0;
}
