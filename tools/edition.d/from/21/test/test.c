/*
 * The demonstration of step 21: a segment without a connection gets a RST.
 * Once a second the log shows the segment in tcp_input, and then a RST go out whose SEQ is the
 * segment's ACK. The RST comes in, too, and is not answered. The host is refused (`make tap`):
 * nc 192.0.2.2 7
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <time.h>

#include "driver/ether_tap.h"
#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "util.h"

/* A TCP segment with the packet's first 8 bytes of data, from port 49152 to port 7, SEQ and ACK 1,
 * flags PSH and ACK. With the IP header it has 48 bytes again. */
static const uint8_t segment[] = {
    0xc0, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x50, 0x18,
    0x10, 0x00, 0x72, 0x09, 0x00, 0x00, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e,
};

static sigset_t sigint;

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
    struct ip_iface *iface;

    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    if (net_init() == -1 || !attach(loopback_init(), "127.0.0.1", "255.0.0.0")) {
        return -1;
    }
    iface = attach(ether_tap_init("tap0", "00:00:5e:00:53:01"), "192.0.2.2", "255.255.255.0");
    if (!iface || ip_route_set_default_gateway(iface, "192.0.2.1") == -1) {
        return -1;
    }
    return net_run();
}

/* Sends the packet once a second. */
static void demonstrate(void)
{
    ip_addr_t self;

    ip_addr_pton("127.0.0.1", &self);
    do {
        ip_output(IP_PROTOCOL_TCP, segment, sizeof(segment), self, self);
    } while (!interrupted());
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
