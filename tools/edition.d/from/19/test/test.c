/*
 * The demonstration of step 19: datagrams are exchanged.
 * Port 7 echoes in a thread of its own, which sleeps until a datagram arrives. Once a second the
 * data goes there from another port, as a packet of 48 bytes, and comes back: two lines "received".
 * The host can send to it, too (`make tap`): nc -u 192.0.2.2 7
 * Ctrl-C ends the program.
 */

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "driver/ether_tap.h"
#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "udp.h"
#include "util.h"

static sigset_t sigint;
static int server = -1, client = -1; /* descriptors */

/* Waits a second for SIGINT. Returns whether it arrived. */
static int interrupted(void)
{
    struct timespec second = {.tv_sec = 1};

    return sigtimedwait(&sigint, NULL, &second) == SIGINT;
}

/* Gives a device its IP interface. Returns the interface, or NULL. */
static struct ip_iface *attach(struct net_device *dev, const char *addr, const char *netmask)
{
    struct ip_iface *iface = dev ? ip_iface_alloc(addr, netmask) : NULL;

    return iface && ip_iface_register(dev, iface) != -1 ? iface : NULL;
}

static int setup(void)
{
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    if (net_init() == -1 || !attach(loopback_init(), "127.0.0.1", "255.0.0.0") ||
        !attach(ether_tap_init("tap0", "00:00:5e:00:53:01"), "192.0.2.2", "255.255.255.0")) {
        return -1;
    }
    return net_run();
}

/* Echoes datagrams until the descriptor is closed. */
static void *echo(void *arg)
{
    char buf[2048];
    ip_endp_t remote;
    ssize_t len;

    while ((len = udp_cmd_recvfrom(server, buf, sizeof(buf), &remote)) != -1) {
        infof("server: received %zd bytes", len);
        udp_cmd_sendto(server, buf, (size_t)len, &remote);
    }
    return arg;
}

/* Sends the data to the server once a second, and receives its echo. */
static void demonstrate(void)
{
    static const char data[] = "ping!pong?ping!pong?";
    ip_endp_t local = {IP_ADDR_ANY, hton16(7)}, remote;
    char buf[2048];
    pthread_t thread;

    ip_endp_pton("127.0.0.1:7", &remote);
    server = udp_cmd_open();
    client = udp_cmd_open();
    if (server == -1 || client == -1 || udp_cmd_bind(server, &local) == -1 ||
        pthread_create(&thread, NULL, echo, NULL) != 0) {
        errorf("cannot serve port 7");
        return;
    }
    do {
        udp_cmd_sendto(client, data, sizeof(data) - 1, &remote);
        infof("client: received %zd bytes", udp_cmd_recvfrom(client, buf, sizeof(buf), NULL));
    } while (!interrupted());
    udp_cmd_close(server); /* ends the echo: EBADF */
    pthread_join(thread, NULL);
    udp_cmd_close(client);
}

int main(void)
{
    if (setup() == -1) {
        errorf("setup failed");
        return 1;
    }
    demonstrate();
    return net_shutdown() == -1 ? 1 : 0;
}
