/*
 * The demonstration of step 14: the neighbour is asked.
 * Once a second the packet goes to the host. The first is lost: the host's Ethernet address is not
 * in the cache, so arp_output asks for it. As soon as arp_cache_set has the answer, ether_output
 * sends the packet to the host alone, which replies (icmp_input, type 0). Needs `make tap`.
 * Sometimes the first request is lost, too: tap0 has just come up.
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <time.h>

#include "driver/ether_tap.h"
#include "driver/loopback.h"
#include "icmp.h"
#include "ip.h"
#include "net.h"
#include "util.h"

/* The packet's data. icmp_output and ip_output put headers of 8 and 20 bytes before it, so that the
 * datagram has its 48 bytes. */
static const uint8_t data[] = {
    0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
    0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

#define ID_AND_SEQ hton32(1 << 16 | 1) /* of the packet: both are 1 */

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
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    if (net_init() == -1 || !attach(loopback_init(), "127.0.0.1", "255.0.0.0") ||
        !attach(ether_tap_init("tap0", "00:00:5e:00:53:01"), "192.0.2.2", "255.255.255.0")) {
        return -1;
    }
    return net_run();
}

/* Sends the packet once a second. */
static void demonstrate(void)
{
    ip_addr_t host;

    ip_addr_pton("192.0.2.1", &host); /* a loopback address would not leave the machine */
    do {
        icmp_output(ICMP_TYPE_ECHO, 0, ID_AND_SEQ, data, sizeof(data), IP_ADDR_ANY, host);
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
